//! Lanes: the threads that fetch, each with a runtime, a client and workers of its own.
//!
//! On one thread a task wakes another for next to nothing; across threads that costs a system call, and a connection
//! that moves costs more. So lanes share nothing but what is read: an order stays in the lane that it was given to,
//! and all lanes have one dispatcher. The first lane is the runtime that the run was started on, next to the
//! dispatcher; [`run`] is the whole life of any other. [`Lanes`] is the dispatcher's view: who is free, and which
//! lane an order goes to.

use std::io;
use std::sync::Arc;

use futures::FutureExt as _;
use tokio::runtime::Builder;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::worker::{self, Order, Report, Shared};
use crate::fetch::Fetch;

/// What the dispatcher knows of the lanes.
#[derive(Debug)]
pub(super) struct Lanes {
    loads: Vec<Load>,
    /// Orders handed out and not reported.
    out: usize,
}

#[derive(Debug)]
struct Load {
    workers: usize,
    out: usize,
}

impl Lanes {
    /// So many lanes, with the workers dealt out evenly.
    pub(super) fn new(lanes: usize, workers: usize) -> Self {
        let lanes = lanes.clamp(1, workers.max(1));
        let share = |lane| workers / lanes + usize::from(lane < workers % lanes);
        Self { loads: (0..lanes).map(|lane| Load { workers: share(lane), out: 0 }).collect(), out: 0 }
    }

    /// How many workers each lane has.
    pub(super) fn shares(&self) -> impl Iterator<Item = usize> {
        self.loads.iter().map(|load| load.workers)
    }

    /// Orders handed out and not reported.
    pub(super) fn out(&self) -> usize {
        self.out
    }

    /// The lane for an order: that of its host, where its connections are, if somebody is free there; else the one with
    /// most workers free. Hosts are dealt out in the order in which they are met, so that a crawl of one stays with
    /// the dispatcher as long as one lane will do.
    pub(super) fn choose(&self, order: &Order) -> usize {
        let home = match order {
            Order::Job(job) => job.host.0 as usize % self.loads.len(),
            Order::Refused { .. } => 0,
        };
        if self.free(home) > 0 {
            return home;
        }
        (0..self.loads.len()).max_by_key(|lane| self.free(*lane)).unwrap_or(home)
    }

    fn free(&self, lane: usize) -> usize {
        self.loads.get(lane).map_or(0, |load| load.workers.saturating_sub(load.out))
    }

    /// An order went to this lane.
    pub(super) fn gave(&mut self, lane: usize) {
        self.out += 1;
        self.loads[lane].out += 1;
    }

    /// A report came from this lane.
    pub(super) fn took(&mut self, lane: usize) {
        self.out -= 1;
        self.loads[lane].out -= 1;
    }
}

/// Runs the workers of a lane until there are no more orders. Blocks: it is the thread of the lane.
pub(super) fn run<F: Fetch>(
    shared: Arc<Shared<F>>,
    workers: usize,
    reports: mpsc::Sender<Report>,
) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let end = runtime.block_on(async {
        let mut tasks = JoinSet::new();
        start(&mut tasks, &shared, workers, &reports);
        drop((shared, reports));
        while let Some(end) = tasks.join_next().await {
            end.map_err(io::Error::other)??;
        }
        Ok(())
    });
    // A look-up may take its time, and nobody waits for it any more.
    runtime.shutdown_background();
    end
}

/// Spawns the workers of a lane on the current runtime.
pub(super) fn start<F: Fetch>(
    tasks: &mut JoinSet<io::Result<()>>,
    shared: &Arc<Shared<F>>,
    workers: usize,
    reports: &mpsc::Sender<Report>,
) {
    for _ in 0..workers {
        // An `async` block around it would hold it twice, as what it captured and as what it awaits.
        tasks.spawn(worker::run(Arc::clone(shared), reports.clone()).map(Ok));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Position;
    use crate::seeds::Seed;
    use crate::url::CrawlUrl;

    fn refused() -> Order {
        let url = CrawlUrl::parse("http://h/");
        Order::Refused {
            seq: 0,
            seed: Seed { position: Position { source: 0, line: 0 }, text: String::new(), url, options: None },
        }
    }

    #[test]
    fn workers_are_dealt_out_and_every_lane_has_one() {
        let shares = |lanes, workers| Lanes::new(lanes, workers).shares().collect::<Vec<_>>();
        assert_eq!(shares(3, 50), [17, 17, 16]);
        assert_eq!(shares(8, 3), [1, 1, 1]);
        assert_eq!(shares(0, 1), [1]);
    }

    #[test]
    fn goes_home_and_where_most_are_free_when_nobody_is_there() {
        let mut lanes = Lanes::new(3, 6);
        for home in [0, 0] {
            assert_eq!(lanes.choose(&refused()), home);
            lanes.gave(home);
        }
        lanes.gave(2);
        assert_eq!(lanes.choose(&refused()), 1);
        lanes.took(0);
        assert_eq!((lanes.choose(&refused()), lanes.out()), (0, 2));
    }
}
