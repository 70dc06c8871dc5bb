//! What it costs to find that a link is known: `cargo bench --package gannet-benches --bench seen`.
//!
//! *known* is the memory of a crawl that a worker asks, *offered* is the frontier's set of all URLs, in memory. Both hold a
//! million; of the first so many are forgotten. An item is a link.

#[path = "frontier/links.rs"]
mod links;

use std::time::Instant;

use divan::{AllocProfiler, Bencher, black_box, counter::ItemsCount};
use gannet::extract::Known;
use gannet::frontier::store::Memory;
use gannet::frontier::{Candidate, Frontier as _, Politeness, Scheduler};
use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: AllocProfiler<MiMalloc> = AllocProfiler::new(MiMalloc);

const URLS: u64 = 1_000_000;

fn main() {
    divan::main();
}

#[divan::bench]
fn known(bencher: Bencher<'_, '_>) {
    let known = Known::default();
    let mut web = links::Web::new(1000, (1, 2));
    let mut last = Vec::new();
    while web.made < URLS {
        last.clear();
        web.page(&mut last);
        last.iter().for_each(|link| known.insert(link.fingerprint));
    }
    assert!(last.iter().all(|link| known.has(link.fingerprint)));
    bencher
        .counter(ItemsCount::new(last.len()))
        .bench_local(|| black_box(&last).iter().filter(|link| known.has(link.fingerprint)).count());
}

#[divan::bench]
fn offered(bencher: Bencher<'_, '_>) {
    let mut frontier = Scheduler::new(Memory::unique(), Politeness::default());
    let mut web = links::Web::new(1000, (1, 2));
    let now = Instant::now();
    frontier.admit(&mut vec![web.seed()], now);
    let mut pages: Vec<Vec<Candidate>> = Vec::new();
    while web.made < URLS {
        let mut page = Vec::new();
        web.page(&mut page);
        frontier.admit(&mut page.clone(), now);
        if pages.len() < 1000 {
            pages.push(page);
        }
    }
    let mut next = 0;
    bencher.counter(ItemsCount::new(links::PAGE)).bench_local(|| {
        next = (next + 1) % pages.len();
        assert_eq!(frontier.admit(&mut pages[next], now), 0, "all of them are known");
    });
}
