//! A crawl as a stream of outcomes, stopped by its handle once enough has been seen.
//!
//! ```sh
//! cargo run --example crawl                      # a synthetic site of a hundred pages, no network
//! cargo run --example crawl https://example.org
//! ```
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use futures::StreamExt as _;
use gannet::origin::{Origin, Site};
use gannet::{Http, HttpOptions, Plan, Reach, Scope, Source};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let origin = Origin::start(Site::default(), ([127, 0, 0, 1], 0).into()).await?;
    let mut seeds: Vec<String> = std::env::args().skip(1).collect();
    if seeds.is_empty() {
        seeds = origin.graph().seeds().collect();
    }

    let plan = Plan::crawl(10, Scope::new(Reach::Host).max_depth(Some(3)));
    let mut crawl = gannet::crawl(plan, Http::new(HttpOptions::default())?, vec![Source::Given(seeds)]);
    let mut seen = 0;
    while let Some(outcome) = crawl.next().await {
        println!("{} {} {:?}", outcome.depth, outcome.name(), outcome.status());
        seen += 1;
        if seen == 20 {
            crawl.handle().drain(); // no new jobs; what is under way still comes
        }
    }
    let summary = crawl.finish().await?;
    println!("{} finished, {} known and not fetched", summary.finished, summary.pending);
    Ok(())
}
