//! What a page costs the frontier: `cargo bench --package gannet-benches --bench admit`.
//!
//! A page is done, its 64 links are admitted, of which half are new, and the next page is handed out; the store is in memory
//! and the hosts are 1,000. An item is a link. The bench `frontier` does the same for long, and with a job directory.

#[path = "frontier/links.rs"]
mod links;

use std::time::Instant;

use divan::{AllocProfiler, Bencher, counter::ItemsCount};
use gannet::frontier::store::Memory;
use gannet::frontier::{Disposition, Frontier, HostSignal, Job, Politeness, Scheduler};
use gannet::robots::Rules;
use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: AllocProfiler<MiMalloc> = AllocProfiler::new(MiMalloc);

fn main() {
    divan::main();
}

#[divan::bench(sample_count = 2000, sample_size = 16)]
fn page(bencher: Bencher<'_, '_>) {
    let mut frontier = Scheduler::new(Memory::unique(), Politeness::default());
    let mut web = links::Web::new(1000, (1, 2));
    let now = Instant::now();
    frontier.admit(&mut vec![web.seed()], now);
    let make = || {
        let mut links = Vec::with_capacity(links::PAGE);
        web.page(&mut links);
        links
    };
    bencher.counter(ItemsCount::new(links::PAGE)).with_inputs(make).bench_local_values(|mut links| {
        let job = page_of(&mut frontier, now);
        let how = Disposition::Done { signal: HostSignal::Healthy, failed: false };
        frontier.finished(job, how, now);
        let admitted = frontier.admit(&mut links, now);
        assert_eq!(links.len() as u64 + admitted, links::PAGE as u64);
        links
    });
}

/// The next URL; the robots.txt of its host is there at once.
fn page_of(frontier: &mut impl Frontier, now: Instant) -> Job {
    loop {
        match frontier.pop(now) {
            Some(job) if job.is_robots() => {
                frontier.finished(job, Disposition::Robots(Ok(Rules::allow_all())), now);
            }
            Some(job) => return job,
            None => panic!("a frontier with work has nothing to do"),
        }
    }
}
