//! What it costs to write a record, in each form: `cargo bench --package gannet-benches --bench record`.

mod site;

use divan::{AllocProfiler, Bencher, black_box, counter::ItemsCount};
use gannet::extract::Via;
use gannet::fetch::{Body, HeaderMap, Timings};
use gannet::outcome::{Keep, LinkRecord};
use gannet::sink::{Codec, Csv, Encoder, JsonLines, Lines, Packed, Sink, Sqlite};
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

#[divan::bench]
fn table(bencher: Bencher<'_, '_>) {
    encode(bencher, Csv::new(None));
}

/// Members of 256 records.
#[divan::bench(args = [Codec::Gzip, Codec::Zstd], sample_size = 512)]
fn compressed(bencher: Bencher<'_, '_>, codec: Codec) {
    write(bencher, 0, Lines::new(JsonLines::new(None), Packed::new(codec, std::io::sink(), 0)));
}

#[divan::bench(args = [0, 60], sample_size = 512)]
fn lines_with_links(bencher: Bencher<'_, '_>, links: usize) {
    write(bencher, links, Lines::new(JsonLines::new(None), std::io::sink()));
}

#[divan::bench(args = [0, 60], sample_size = 512)]
fn sqlite_with_links(bencher: Bencher<'_, '_>, links: usize) {
    let directory = tempfile::tempdir().unwrap();
    write(bencher, links, Sqlite::create(&directory.path().join("a.sqlite")).unwrap());
}

/// A flush after each 256 records, as a job commits.
fn write(bencher: Bencher<'_, '_>, links: usize, mut sink: impl Sink) {
    let (mut outcome, mut written) = (outcome(), 0_u32);
    let via = Via::all().next().unwrap();
    let link = |n| LinkRecord {
        url: CrawlUrl::parse(&format!("{}{}", site::ORIGIN, site::path(n))).unwrap(),
        tag: via.tag(),
        attr: via.attr(),
        kind: "navigation",
        nofollow: false,
        text: None,
    };
    if let Some(response) = &mut outcome.response {
        (response.links, response.show_links) = (Some((0..links).map(link).collect()), links > 0);
    }
    bencher.counter(ItemsCount::new(1_u32)).bench_local(|| {
        sink.write(black_box(&outcome)).unwrap();
        written += 1;
        if written.is_multiple_of(256) {
            sink.flush().unwrap();
        }
    });
}

fn encode(bencher: Bencher<'_, '_>, mut lines: impl Encoder) {
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
        body: Body { bytes: site::pages(1).remove(0).into(), wire_bytes: 21_000, ..Body::default() },
        remote: "127.0.0.1:8700".parse().ok(),
        reused: false,
        proxy: None,
        is_public: false,
        timings: Timings::default(),
        cache: None,
        hedged: false,
        captures: Vec::new(),
    };
    Outcome::new(OutcomeKind::Finished, Some(url)).settle(Ok(response), Keep::default())
}
