//! The dispatcher: one task that owns the frontier, hands out jobs and takes in reports.
//!
//! Its four rules (docs/architecture.md) keep the run free of deadlock: only it holds the job sender; only
//! the arms of its one `select!` wait, and a queue slot is *reserved*, never waited for with a job in hand;
//! it writes no records; and as long as a worker lives, it receives reports.
//!
//! The run is over when nothing is queued, nothing is out, no timer is armed and no seed can come. All
//! four are facts of this one task: links arrive in the report that ends their page, so *out* never drops
//! to zero before the children are in the frontier.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::lanes::Lanes;
use super::outlinks::Harvest;
use super::progress::Progress;
use super::shutdown::Stop;
use super::summary::{Ended, Summary};
use super::worker::{Fault, Order, Report};
use super::{Plan, SourceEnd};
use crate::error::Error;
use crate::extract::Known;
use crate::frontier::{Candidate, Disposition, Found, Frontier, Late};
use crate::job::Note;
use crate::scope::Reason;
use crate::seeds::{End, Seed};
use crate::url::Fingerprinter;

/// Reports taken in at once.
const REPORTS: usize = 256;
/// How long dialling rests when this machine runs out of descriptors or ports.
const EXHAUSTED_REST: Duration = Duration::from_millis(250);

/// The ends of the channels that the dispatcher holds.
pub(super) struct Channels {
    pub(super) seeds: mpsc::Receiver<Vec<Seed>>,
    /// One for each lane.
    pub(super) jobs: Vec<mpsc::Sender<Order>>,
    pub(super) reports: mpsc::Receiver<Report>,
}

/// What a run finds of earlier ones.
#[derive(Default)]
pub(super) struct Memories {
    pub(super) note: Note,
    /// Seeds that were refused and have no record yet.
    pub(super) refused: VecDeque<Order>,
}

/// The state of a run. See the module.
pub(super) struct Dispatcher<R> {
    plan: Plan,
    frontier: R,
    fingerprinter: Fingerprinter,
    known: Arc<Known>,
    stop: Stop,
    progress: Arc<Progress>,
    summary: Summary,
    /// Seeds that were refused and wait for a worker to record them.
    refused: VecDeque<Order>,
    /// Ready to be handed out to a lane as soon as it has a slot.
    next: Option<(usize, Order)>,
    lanes: Lanes,
    /// Refused seeds that are handed out and not reported.
    refused_out: u64,
    /// Seeds taken in without an outcome.
    seeds_waiting: u64,
    /// Links offered that the frontier has not decided about.
    links_open: u64,
    /// URLs given out for the first time, against `--max-pages`.
    tickets: u64,
    /// How many orders may be out: the number of workers, fewer when descriptors run out.
    allowed_out: usize,
    /// Reports since `allowed_out` last changed.
    calm: usize,
    rest_until: Option<Instant>,
    seeds_open: bool,
    /// Seed sources that were not read to their end.
    sources_left: usize,
    /// Those that were, with their lines, while some of their seeds may still be on their way.
    sources_read: Vec<(u32, u64)>,
    /// A failure under `--fail-fast`: everything pending is handed out as cancelled.
    cancelling: bool,
    draining: bool,
    fault: Option<Error>,
}

impl<R: Frontier> Dispatcher<R> {
    pub(super) fn new(
        plan: Plan,
        frontier: R,
        fingerprinter: Fingerprinter,
        known: Arc<Known>,
        stop: Stop,
        progress: Arc<Progress>,
        past: Memories,
    ) -> Self {
        Self {
            lanes: plan.lanes(),
            allowed_out: plan.workers,
            plan,
            frontier,
            fingerprinter,
            known,
            stop,
            progress,
            summary: Summary::of_note(&past.note),
            refused: past.refused,
            next: None,
            refused_out: 0,
            seeds_waiting: past.note.seeds_waiting,
            links_open: past.note.links_open,
            tickets: 0,
            calm: 0,
            rest_until: None,
            seeds_open: true,
            sources_left: 0,
            sources_read: Vec::new(),
            cancelling: false,
            draining: false,
            fault: None,
        }
    }

    /// Runs until nothing is left, or nothing more may be done.
    pub(super) async fn run(
        mut self,
        mut channels: Channels,
        sources: usize,
        producers: &mut JoinSet<Vec<SourceEnd>>,
        workers: &mut JoinSet<io::Result<()>>,
    ) -> (Summary, Option<Error>) {
        self.sources_left = sources;
        let started = now();
        let far = started + Duration::from_secs(365 * 24 * 3600);
        let after = |now: Instant, limit| now.checked_add(limit).unwrap_or(far);
        let deadline = self.plan.max_time.map_or(far, |limit| after(started, limit));
        let mut grace: Option<Instant> = None;
        let mut reports = Vec::with_capacity(REPORTS);
        if self.tickets_are_out() {
            self.frontier.close();
        }
        let bell = self.frontier.bell();
        let bell = async || match &bell {
            Some(bell) => bell.notified().await,
            None => std::future::pending().await,
        };
        while !self.is_over() {
            self.poll();
            self.draw();
            self.commit(&channels);
            self.publish();
            if self.is_over() {
                break;
            }
            // Asked here and not only in the last arm, which a flood of reports never lets come.
            if !self.draining && now() >= deadline {
                self.drain(Ended::MaxTime);
                continue;
            }
            if (self.draining || self.cancelling) && grace.is_none() {
                grace = Some(after(now(), self.plan.grace));
            }
            let timer = [self.timer(), self.frontier.commit_at()].into_iter().flatten().min();
            tokio::select! {
                biased;
                () = self.stop.kill.cancelled() => break,
                () = self.stop.drain.cancelled(), if !self.draining => self.drain(Ended::Stopped),
                // Zero means that no worker is left: not an event, the join below is.
                1.. = channels.reports.recv_many(&mut reports, REPORTS) => {
                    let now = now();
                    reports.drain(..).for_each(|report| self.take_in(report, now));
                }
                slot = channels.jobs[self.next_lane()].reserve(), if self.next.is_some() => {
                    self.hand_out(slot.ok(), &channels.jobs);
                }
                batch = channels.seeds.recv(), if self.wants_seeds() => match batch {
                    Some(seeds) => self.admit_seeds(seeds),
                    // The producers have ended: because they were told to, or because that was all.
                    None if self.stop.drain.is_cancelled() => self.drain(Ended::Stopped),
                    None => self.seeds_open = false,
                },
                () = bell() => {}
                Some(end) = producers.join_next() => self.sources_ended(end),
                // A worker ends only when the jobs do, and they have not.
                Some(end) = workers.join_next() => self.worker_lost(end),
                () = tokio::time::sleep_until(timer.unwrap_or(far).into()), if timer.is_some() => {}
                () = tokio::time::sleep_until(deadline.into()), if !self.draining && self.plan.max_time.is_some() => {
                    self.drain(Ended::MaxTime);
                }
                () = tokio::time::sleep_until(grace.unwrap_or(far).into()), if grace.is_some() => self.grace_over(&mut grace),
            }
        }
        self.wind_down(channels, producers, workers).await;
        self.summary.elapsed = started.elapsed();
        (self.summary, self.fault)
    }

    /// Nothing queued, nothing out, no timer armed, no seed to come; or, when draining, nothing out.
    fn is_over(&self) -> bool {
        let idle = self.lanes.out() == 0 && self.next.is_none();
        if self.draining {
            return idle;
        }
        let counts = self.frontier.counts();
        let left = match self.tickets_are_out() {
            false => counts.pending() + counts.undecided,
            // What is undecided matters only as long as nothing shows that work was left.
            true if counts.queued == 0 => counts.retrying + counts.undecided,
            true => counts.retrying,
        };
        idle && self.refused.is_empty() && left == 0 && !self.seeds_matter()
    }

    /// Can more seeds come, and change anything? Out of tickets, one URL left is as good as many.
    fn seeds_matter(&self) -> bool {
        self.seeds_open && !(self.tickets_are_out() && self.frontier.counts().queued > 0)
    }

    fn tickets_are_out(&self) -> bool {
        !self.cancelling && self.plan.max_pages.is_some_and(|max| self.tickets >= max)
    }

    /// Takes in what the frontier could not tell at once.
    fn poll(&mut self) {
        match self.frontier.poll(now()) {
            Ok(late) => self.take_in_late(late),
            Err(why) => {
                self.fault.get_or_insert(why);
                if !self.draining {
                    self.drain(Ended::Broken);
                }
            }
        }
    }

    fn take_in_late(&mut self, late: Late) {
        let Late { discovered, seen, seeds } = late;
        self.summary.discovered += discovered;
        self.summary.links.seen += seen;
        self.links_open = self.links_open.saturating_sub(discovered + seen);
        for Candidate { url, found, .. } in seeds {
            let Found::Seed { position, input, options } = found else { continue };
            let text = input.as_deref().unwrap_or(url.as_str()).to_owned();
            self.known(Seed { position, text, url: Ok(url), options });
        }
    }

    /// Between two events everything belongs together: what is kept is kept up to here.
    fn commit(&mut self, channels: &Channels) {
        // Who has ended has sent all: when nothing is on its way, all was taken in.
        if !self.sources_read.is_empty() && channels.seeds.is_empty() {
            self.tell_sources_read();
        }
        let Self { frontier, summary, seeds_waiting, links_open, .. } = self;
        frontier.commit(now(), &mut || summary.note(*seeds_waiting, *links_open).to_bytes());
    }

    fn tell_sources_read(&mut self) {
        self.sources_read.drain(..).for_each(|(source, lines)| self.frontier.read_to(source, lines, true));
    }

    /// Looks for the next order, if there is somebody to take it.
    fn draw(&mut self) {
        if self.next.is_some() || self.draining || self.lanes.out() >= self.allowed_out {
            return;
        }
        if let Some(refused) = self.refused.pop_front() {
            self.next = Some((self.lanes.choose(&refused), refused));
            return;
        }
        let now = now();
        // What is cancelled is not dialled.
        if !self.cancelling && self.rest_until.is_some_and(|until| now < until) {
            return;
        }
        let job = if self.cancelling { self.frontier.evict() } else { self.frontier.pop(now) };
        let Some(job) = job else { return };
        self.tickets += u64::from(job.first);
        if self.tickets_are_out() {
            self.frontier.close();
        }
        let order = Order::Job(job);
        self.next = Some((self.lanes.choose(&order), order));
    }

    fn next_lane(&self) -> usize {
        self.next.as_ref().map_or(0, |(lane, _)| *lane)
    }

    /// Fills the slot at hand, and as many more as there are orders and slots.
    fn hand_out(&mut self, slot: Option<mpsc::Permit<'_, Order>>, jobs: &[mpsc::Sender<Order>]) {
        let Some(mut slot) = slot else {
            // All workers of the lane have ended, or none has begun: why is known when they are joined.
            if !self.stop.kill.is_cancelled() {
                self.break_off();
            }
            return;
        };
        while let Some((lane, order)) = self.next.take() {
            match &order {
                Order::Job(job) => self.summary.retries += u64::from(job.is_retry()),
                Order::Refused { .. } => self.refused_out += 1,
            }
            self.lanes.gave(lane);
            slot.send(order);
            self.draw();
            match jobs[self.next_lane()].try_reserve() {
                Ok(free) if self.next.is_some() => slot = free,
                _ => return,
            }
        }
    }

    /// Something that only time changes: the next politeness deadline, or the end of a rest.
    fn timer(&self) -> Option<Instant> {
        if self.next.is_some() || self.draining || self.cancelling || self.lanes.out() >= self.allowed_out {
            return None;
        }
        match self.frontier.ready_at() {
            Some(ready) => Some(self.rest_until.map_or(ready, |until| ready.max(until))),
            // Only asking for a job makes it decide, and nobody asked during a rest.
            None if self.frontier.counts().undecided > 0 => self.rest_until.filter(|until| *until > now()),
            None => None,
        }
    }

    /// Seeds are taken while fewer than the high-water mark wait: beyond it the producers do. Links do not count,
    /// or a page full of them would keep the rest of the list outside.
    fn wants_seeds(&self) -> bool {
        self.seeds_matter() && !self.draining && self.seeds_waiting < self.plan.high_water
    }

    fn admit_seeds(&mut self, seeds: Vec<Seed>) {
        let now = now();
        let last = seeds.last().map(|seed| seed.position);
        for seed in seeds {
            self.summary.seeds += 1;
            self.seeds_waiting += 1;
            let Ok(url) = &seed.url else {
                self.refuse(seed);
                continue;
            };
            let input = (seed.text != url.as_str()).then(|| Arc::from(seed.text.as_str()));
            let found = Found::Seed { position: seed.position, input, options: seed.options.clone() };
            let fingerprint = found.fingerprint(url, &self.fingerprinter);
            let mut candidate = vec![Candidate { url: url.clone(), fingerprint, depth: 0, found }];
            self.frontier.admit(&mut candidate, now);
            if !candidate.is_empty() {
                self.known(seed);
            }
        }
        // A batch is of one source.
        if let Some(last) = last {
            self.frontier.read_to(last.source, last.line + 1, false);
        }
    }

    /// A seed that repeats an earlier one.
    fn known(&mut self, seed: Seed) {
        match self.plan.follow {
            Some(_) => self.refuse(seed),
            None => {
                self.summary.dropped += 1;
                self.seeds_waiting = self.seeds_waiting.saturating_sub(1);
            }
        }
    }

    fn refuse(&mut self, seed: Seed) {
        let seq = self.frontier.put_aside(&seed.to_bytes());
        self.refused.push_back(Order::Refused { seq, seed });
    }

    fn take_in(&mut self, report: Report, now: Instant) {
        let Report { lane, order, disposition, tally, harvest, fault } = report;
        self.lanes.took(lane);
        let Harvest { mut candidates, links, passed, rejected } = harvest;
        self.refused_out -= u64::from(matches!(order, Order::Refused { .. }));
        self.summary.robots += u64::from(disposition.asked_for_robots());
        match (order, disposition) {
            (Order::Job(job), disposition) => self.frontier.finished(job, disposition, now),
            (refused, Disposition::Returned) => self.refused.push_front(refused),
            (Order::Refused { seq, .. }, _) => self.frontier.drop_aside(seq),
        }
        let offered = candidates.len() as u64;
        candidates.iter().for_each(|candidate| self.known.insert(candidate.fingerprint));
        let admitted = self.frontier.admit(&mut candidates, now);
        let seen = candidates.len() as u64;
        self.summary.discovered += admitted;
        self.summary.links.found += links;
        self.summary.links.seen += passed + seen;
        self.links_open += offered - admitted - seen;
        for (reason, count) in Reason::ALL.into_iter().zip(rejected).filter(|(_, count)| *count > 0) {
            *self.summary.links.rejected.entry(reason).or_default() += count;
        }
        if let Some(tally) = tally {
            let failed = tally.is_failure() || tally.has_status_in(&self.plan.failing);
            self.seeds_waiting = self.seeds_waiting.saturating_sub(u64::from(tally.is_seed()));
            self.progress.settled(&tally);
            self.summary.count(tally);
            if failed && self.plan.fail_fast && !self.cancelling {
                self.cancelling = true;
                self.summary.ended = Ended::FailFast;
                self.stop.abort.cancel();
            }
        }
        match fault {
            Some(fault) => self.suffer(fault, now),
            None => self.recover(),
        }
    }

    /// One more order may be out after each round without exhaustion.
    fn recover(&mut self) {
        if self.allowed_out < self.plan.workers {
            self.calm += 1;
            if self.calm >= self.allowed_out {
                self.allowed_out += 1;
                self.calm = 0;
            }
        }
    }

    fn suffer(&mut self, fault: Fault, now: Instant) {
        match fault {
            Fault::Exhausted => {
                // What is out now is what this machine can hold; half of it leaves room for the resolver. Those that
                // were dialled before the rest began tell nothing new.
                if self.rest_until.is_none_or(|until| now >= until) {
                    self.allowed_out = (self.lanes.out() / 2).max(1).min(self.allowed_out);
                }
                self.calm = 0;
                self.rest_until = Some(now + EXHAUSTED_REST);
                self.progress.exhausted(self.allowed_out);
            }
            Fault::Panic(message) => {
                self.fault.get_or_insert(Error::Internal(message));
            }
            Fault::SinkClosed => self.break_off(),
        }
    }

    fn drain(&mut self, why: Ended) {
        self.draining = true;
        if self.summary.ended == Ended::Done {
            self.summary.ended = why;
        }
        // Whoever still produces seeds need not go on.
        self.stop.drain.cancel();
        if let Some((_, order)) = self.next.take() {
            self.take_back(order);
        }
    }

    /// An order that nobody got.
    fn take_back(&mut self, order: Order) {
        match order {
            Order::Job(job) => self.frontier.finished(job, Disposition::Returned, now()),
            refused => self.refused.push_front(refused),
        }
    }

    /// A drain that lasted too long becomes a kill; cancelling the siblings becomes a drain.
    fn grace_over(&mut self, grace: &mut Option<Instant>) {
        if self.draining {
            self.stop.kill.cancel();
        } else {
            self.drain(Ended::FailFast);
        }
        *grace = None;
    }

    fn sources_ended(&mut self, ends: Result<Vec<SourceEnd>, tokio::task::JoinError>) {
        let ends = ends.unwrap_or_else(|panic| {
            self.fault.get_or_insert(Error::Internal(format!("a seed producer ended: {panic}")));
            Vec::new()
        });
        for SourceEnd { index, what, result } in ends {
            match result {
                Ok(End::Exhausted(lines)) => {
                    self.sources_left -= 1;
                    self.sources_read.push((index, lines));
                }
                Ok(End::Stopped) => {}
                // Nothing more can come of it, and the run's error says so.
                Err(why) => {
                    self.sources_left -= 1;
                    self.fault.get_or_insert(Error::Io(format!("cannot read {what}"), why));
                }
            }
        }
    }

    /// How the sources ended that the loop did not hear of: the last seed may be done before its list is known to
    /// have ended badly. Those that still read when the run was stopped are not waited for.
    async fn heed_producers(&mut self, producers: &mut JoinSet<Vec<SourceEnd>>) {
        while let Some(end) = match self.seeds_open {
            true => producers.try_join_next(),
            false => producers.join_next().await,
        } {
            self.sources_ended(end);
        }
    }

    fn worker_lost(&mut self, end: Result<io::Result<()>, tokio::task::JoinError>) {
        if self.stop.kill.is_cancelled() && matches!(end, Ok(Ok(()))) {
            return; // it heard of a kill before this did
        }
        self.note_end(end, Some("early"));
        self.break_off();
    }

    /// Why a worker or a lane ended, if it was not in order.
    fn note_end(&mut self, end: Result<io::Result<()>, tokio::task::JoinError>, otherwise: Option<&str>) {
        let failure = end.map_err(io::Error::other).and_then(|end| end).err();
        let why = failure.map(|why| why.to_string()).or(otherwise.map(str::to_owned));
        if let Some(why) = why {
            self.fault.get_or_insert(Error::Internal(format!("a worker ended: {why}")));
        }
    }

    fn break_off(&mut self) {
        self.drain(Ended::Broken);
        self.stop.kill.cancel();
    }

    fn publish(&self) {
        self.progress.publish(
            self.summary.seeds + self.summary.discovered,
            self.frontier.counts(),
            self.lanes.out(),
        );
    }

    /// Lets the workers go and takes in what they still report.
    async fn wind_down(
        &mut self,
        channels: Channels,
        producers: &mut JoinSet<Vec<SourceEnd>>,
        workers: &mut JoinSet<io::Result<()>>,
    ) {
        let Channels { mut seeds, jobs, mut reports } = channels;
        // Closed first, so that nobody can send what nobody will take.
        seeds.close();
        let mut unread = false;
        while seeds.recv().await.is_some() {
            unread = true;
        }
        if let Some((_, order)) = self.next.take() {
            self.take_back(order);
        }
        if self.stop.kill.is_cancelled() && self.summary.ended == Ended::Done && !self.is_over() {
            self.summary.ended = Ended::Stopped;
        }
        drop(jobs);
        // The workers hold the only report senders: this ends when the last of them has.
        while let Some(report) = reports.recv().await {
            self.take_in(report, now());
        }
        while let Some(end) = workers.join_next().await {
            self.note_end(end, None);
        }
        self.heed_producers(producers).await;
        self.poll();
        if !unread {
            self.tell_sources_read();
        }
        let Self { frontier, summary, seeds_waiting, links_open, .. } = self;
        frontier.shut(&mut || summary.note(*seeds_waiting, *links_open).to_bytes());
        // Orders that a kill left in the channel count as handed out. Links count once it is known that they are new,
        // seeds when they are read.
        let counts = self.frontier.counts();
        let seeds_open = counts.undecided.saturating_sub(self.links_open);
        self.summary.pending = counts.pending() + seeds_open + self.refused.len() as u64 + self.refused_out;
        self.summary.input_left = unread || self.sources_left > 0;
        self.summary.host_limits = self.frontier.host_limits();
        self.summary.host_count = self.frontier.counts().hosts.max(self.summary.hosts.len() as u64);
        if self.summary.ended == Ended::Done && (self.summary.pending > 0 || self.summary.input_left) {
            self.summary.ended = if self.tickets_are_out() { Ended::MaxPages } else { Ended::Stopped };
        }
        self.publish();
    }
}

/// The clock of the runtime, so that a test that pauses it pauses the frontier too.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
