//! What the identity of a URL costs: `cargo bench --package gannet-benches --bench url`.

mod site;

use divan::{AllocProfiler, Bencher, black_box, counter::ItemsCount};
use gannet::CrawlUrl;
use gannet::url::Fingerprinter;
use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: AllocProfiler<MiMalloc> = AllocProfiler::new(MiMalloc);

fn main() {
    let (one, same) = (url(1), CrawlUrl::parse(&format!("{}#top", url(1))).unwrap());
    assert_eq!((one.as_str(), key().fingerprint(&one)), (same.as_str(), key().fingerprint(&same)));
    divan::main();
}

#[divan::bench]
fn parse(bencher: Bencher<'_, '_>) {
    let text = format!("{}{}", site::ORIGIN, site::path(12_345));
    bencher.counter(ItemsCount::new(1_u32)).bench_local(|| CrawlUrl::parse(black_box(&text)));
}

#[divan::bench]
fn fingerprint(bencher: Bencher<'_, '_>) {
    let (url, key) = (url(12_345), key());
    bencher.counter(ItemsCount::new(1_u32)).bench_local(|| key.fingerprint(black_box(&url)));
}

#[divan::bench]
fn host_key(bencher: Bencher<'_, '_>) {
    let url = url(12_345);
    bencher.counter(ItemsCount::new(1_u32)).bench_local(|| black_box(&url).host_key().as_str().len());
}

fn key() -> Fingerprinter {
    Fingerprinter::with_key(1, 2)
}

fn url(nth: usize) -> CrawlUrl {
    CrawlUrl::parse(&format!("{}{}", site::ORIGIN, site::path(nth))).unwrap()
}
