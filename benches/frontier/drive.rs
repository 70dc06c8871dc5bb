//! Drives a frontier as the dispatcher does, with workers that answer at once.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gannet::frontier::{Candidate, Disposition, Frontier, HostSignal, Job, Work};
use gannet::outcome::{Outcome, OutcomeKind, Record};
use gannet::robots::Rules;
use tokio::sync::{Notify, mpsc};

use crate::measure::{Worst, thread_cpu};

/// Jobs out at a time.
const OUT: usize = 256;

/// See the module.
pub struct Driver<F> {
    pub frontier: F,
    /// Where outcomes are recorded; nowhere for a run that leaves nothing behind.
    outcomes: Option<mpsc::Sender<Record>>,
    out: VecDeque<Job>,
    bell: Option<Arc<Notify>>,
    pub pages: u64,
    pub robots: u64,
    /// Waited for the frontier with nothing out.
    pub stalled: Duration,
    /// CPU time of this thread when it was last asked for.
    cpu: Duration,
    pub admit: Worst,
    pub pop: Worst,
    pub finish: Worst,
    pub poll: Worst,
    pub commit: Worst,
}

impl<F: Frontier> Driver<F> {
    pub fn new(frontier: F, outcomes: Option<mpsc::Sender<Record>>) -> Self {
        Self {
            bell: frontier.bell(),
            frontier,
            outcomes,
            out: VecDeque::new(),
            pages: 0,
            robots: 0,
            stalled: Duration::ZERO,
            cpu: Duration::ZERO,
            admit: Worst::default(),
            pop: Worst::default(),
            finish: Worst::default(),
            poll: Worst::default(),
            commit: Worst::default(),
        }
    }

    /// Ends a page, and offers its links. `false` when there is no page left.
    pub async fn page(&mut self, links: &mut Vec<Candidate>) -> bool {
        loop {
            self.cpu = thread_cpu();
            self.turn();
            let Some(job) = self.out.pop_front() else {
                let counts = self.frontier.counts();
                if counts.pending() + counts.undecided == 0 {
                    return false;
                }
                self.wait().await;
                continue;
            };
            let now = Instant::now();
            if job.is_robots() {
                self.robots += 1;
                let rules = Disposition::Robots(Ok(Rules::allow_all()));
                self.finish.of(&mut self.cpu, || self.frontier.finished(job, rules, now));
                continue;
            }
            self.pages += 1;
            self.record(&job).await;
            let how = match job.work {
                Work::Fetch(_) => Disposition::Done { signal: HostSignal::Healthy, failed: false },
                _ => Disposition::Done { signal: HostSignal::Neutral, failed: false },
            };
            self.finish.of(&mut self.cpu, || self.frontier.finished(job, how, now));
            self.offer(links);
            return true;
        }
    }

    /// Offers links; those known are dropped.
    pub fn offer(&mut self, links: &mut Vec<Candidate>) {
        self.admit.of(&mut self.cpu, || self.frontier.admit(links, Instant::now()));
        links.clear();
    }

    /// What the dispatcher does between two reports.
    fn turn(&mut self) {
        self.poll.of(&mut self.cpu, || self.frontier.poll(Instant::now())).unwrap();
        while self.out.len() < OUT {
            let Some(job) = self.pop.of(&mut self.cpu, || self.frontier.pop(Instant::now())) else { break };
            self.out.push_back(job);
        }
        self.commit.of(&mut self.cpu, || self.frontier.commit(Instant::now(), &mut Vec::new));
    }

    /// A worker records an outcome before it reports it.
    async fn record(&self, job: &Job) {
        if let Some(outcomes) = &self.outcomes {
            let outcome = Outcome::new(OutcomeKind::Finished, Some(job.entry.url.clone()));
            outcomes
                .send(Record::Outcome(Arc::new(Outcome { seq: job.entry.seq, ..outcome })))
                .await
                .unwrap();
        }
    }

    /// Waits for the bell, or for time to pass.
    async fn wait(&mut self) {
        let start = Instant::now();
        let rung = async {
            match &self.bell {
                Some(bell) => bell.notified().await,
                None => std::future::pending().await,
            }
        };
        let _ = tokio::time::timeout(Duration::from_millis(1), rung).await;
        self.stalled += start.elapsed();
    }
}
