//! All outcomes in input order, once all are done: asyncio's `gather(..., return_exceptions=True)`.
//!
//! ```sh
//! cargo run --example gather                      # five pages of a synthetic site, no network
//! cargo run --example gather https://example.org
//! ```
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use std::sync::Arc;

use gannet::origin::{Origin, Site};
use gannet::{CrawlUrl, Http, HttpOptions, Request, batch};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let origin = Origin::start(Site::default(), ([127, 0, 0, 1], 0).into()).await?;
    let mut urls: Vec<String> = std::env::args().skip(1).collect();
    if urls.is_empty() {
        urls = origin.graph().truth().map(|(url, _)| url).take(5).collect();
    }
    let requests = urls.iter().map(|url| CrawlUrl::parse(url).map(Request::get)).collect::<Result<_, _>>()?;

    let http = Arc::new(Http::new(HttpOptions::default())?);
    for outcome in batch::gather(http, requests, 10).await {
        println!("{} {} {:?}", outcome.seq, outcome.name(), outcome.status());
    }
    Ok(())
}
