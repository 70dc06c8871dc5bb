//! All or nothing: the first failure cancels the siblings, as in asyncio's `TaskGroup`.
//!
//! ```sh
//! cargo run --example try_gather                      # a server that resets one of its connections
//! cargo run --example try_gather https://example.org
//! ```
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use std::sync::Arc;

use gannet::origin::{Origin, Site};
use gannet::{CrawlUrl, Http, HttpOptions, Request, batch};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let origin = Origin::start(Site::default(), ([127, 0, 0, 1], 0).into()).await?;
    let mut urls: Vec<String> = std::env::args().skip(1).collect();
    if let ([], Some(root)) = (&urls[..], origin.graph().seeds().next()) {
        urls = ["p/1", "p/2", "x/reset/1", "x/stall/1", "p/3"].map(|path| format!("{root}{path}")).into();
    }
    let requests = urls.iter().map(|url| CrawlUrl::parse(url).map(Request::get)).collect::<Result<_, _>>()?;

    let http = Arc::new(Http::new(HttpOptions::default())?);
    match batch::try_gather(http, requests, 10).await {
        Ok(outcomes) => println!("all {} finished", outcomes.len()),
        Err(group) => println!("{group}\n{} had finished before", group.finished.len()),
    }
    Ok(())
}
