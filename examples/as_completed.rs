//! Each outcome as it finishes, at most ten fetches at once: asyncio's `as_completed`.
//!
//! ```sh
//! cargo run --example as_completed                      # 20 pages, each after its own delay; no network
//! cargo run --example as_completed https://example.org
//! ```
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use std::{pin::pin, sync::Arc, time::Duration};

use futures::StreamExt as _;
use gannet::origin::{Latency, Origin, Site};
use gannet::{CrawlUrl, Http, HttpOptions, Request, batch};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let latency = Latency::Uniform(Duration::from_millis(10), Duration::from_millis(300));
    let origin = Origin::start(Site { latency, ..Site::default() }, ([127, 0, 0, 1], 0).into()).await?;
    let mut urls: Vec<String> = std::env::args().skip(1).collect();
    if urls.is_empty() {
        urls = origin.graph().truth().map(|(url, _)| url).take(20).collect();
    }
    let requests: Vec<_> =
        urls.iter().map(|url| CrawlUrl::parse(url).map(Request::get)).collect::<Result<_, _>>()?;

    let http = Arc::new(Http::new(HttpOptions::default())?);
    let mut outcomes = pin!(batch::as_completed(http, requests, 10));
    while let Some(outcome) = outcomes.next().await {
        println!("{:>2} {} {:?}", outcome.seq, outcome.name(), outcome.status());
    }
    Ok(())
}
