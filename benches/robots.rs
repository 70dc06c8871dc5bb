//! What robots.txt costs: `cargo bench --package gannet-benches --bench robots`.
//!
//! A file of a hundred rules, a tenth of them with wildcards: reading it once a host, and asking it once a URL.

mod site;

use std::fmt::Write as _;

use divan::{
    AllocProfiler, Bencher, black_box,
    counter::{BytesCount, ItemsCount},
};
use gannet::robots::Rules;
use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: AllocProfiler<MiMalloc> = AllocProfiler::new(MiMalloc);

fn main() {
    let rules = Rules::parse(file().as_bytes(), "gannet");
    assert!(rules.allows(&site::path(12_345)) && !rules.allows("/private-7/x"));
    assert!(!rules.allows("/d1/print-8/x.pdf") && rules.allows("/d1/print-8/x.pdfs"));
    divan::main();
}

#[divan::bench]
fn parse(bencher: Bencher<'_, '_>) {
    let file = file();
    bencher
        .counter(BytesCount::of_str(&file))
        .bench_local(|| Rules::parse(black_box(file.as_bytes()), "gannet"));
}

#[divan::bench]
fn allows(bencher: Bencher<'_, '_>) {
    let (rules, path) = (Rules::parse(file().as_bytes(), "gannet"), site::path(12_345));
    bencher.counter(ItemsCount::new(1_u32)).bench_local(|| rules.allows(black_box(&path)));
}

fn file() -> String {
    let mut file = "User-agent: other\nDisallow: /\n\nUser-agent: *\nCrawl-delay: 1\n".to_owned();
    for nth in 0..90 {
        let _ = writeln!(file, "Disallow: /private-{nth}/");
    }
    for nth in 0..10 {
        let _ = writeln!(file, "Disallow: /*/print-{nth}/*.pdf$");
    }
    file
}
