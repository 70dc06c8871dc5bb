//! What it costs to write a record as a line of JSON: `cargo bench --package gannet-benches --bench record`.

mod site;

use divan::{AllocProfiler, Bencher, black_box, counter::ItemsCount};
use gannet::fetch::{Body, HeaderMap, Timings};
use gannet::outcome::Keep;
use gannet::sink::{Encoder, JsonLines};
use gannet::{CrawlUrl, Outcome, OutcomeKind, Response};
use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: AllocProfiler<MiMalloc> = AllocProfiler::new(MiMalloc);

fn main() {
    let mut line = Vec::new();
    JsonLines::new(None).encode(&outcome(), &mut line).unwrap();
    let record: serde_json::Value = serde_json::from_slice(&line).unwrap();
    assert_eq!((&record["status_code"], &record["outcome"]), (&200.into(), &"finished".into()));
    divan::main();
}

#[divan::bench]
fn all_fields(bencher: Bencher<'_, '_>) {
    encode(bencher, JsonLines::new(None));
}

#[divan::bench]
fn two_fields(bencher: Bencher<'_, '_>) {
    encode(bencher, JsonLines::new(Some(vec!["url".to_owned(), "status_code".to_owned()])));
}

fn encode(bencher: Bencher<'_, '_>, mut lines: JsonLines) {
    let (outcome, mut out) = (outcome(), Vec::new());
    bencher.counter(ItemsCount::new(1_u32)).bench_local(|| {
        out.clear();
        lines.encode(black_box(&outcome), &mut out).unwrap();
        out.len()
    });
}

/// What a crawl of the site records.
fn outcome() -> Outcome {
    let url = CrawlUrl::parse(&format!("{}{}", site::ORIGIN, site::path(12_345))).unwrap();
    let mut headers = HeaderMap::new();
    headers.insert("content-type", "text/html; charset=utf-8".parse().unwrap());
    let response = Response {
        final_url: url.clone(),
        chain: Vec::new(),
        redirect: None,
        status: 200,
        http_version: "HTTP/1.1",
        headers,
        body: Body { bytes: site::pages(1).remove(0).into(), wire_bytes: 21_000, truncated: None },
        remote: "127.0.0.1:8700".parse().ok(),
        is_public: false,
        timings: Timings::default(),
        captures: Vec::new(),
    };
    Outcome::new(OutcomeKind::Finished, Some(url)).settle(Ok(response), Keep::default())
}
