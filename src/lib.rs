//! gannet: a concurrent HTTP fetcher and crawler.
//!
//! # Quick start
//!
//! A crawl is a stream of [`Outcome`]s. This one needs no network: it crawls a synthetic site on loopback.
//!
//! ```
//! use futures::StreamExt as _;
//! use gannet::origin::{Origin, Site};
//! use gannet::{Http, HttpOptions, Plan, Scope, Source};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let site = Origin::start(Site { pages: 20, ..Site::default() }, ([127, 0, 0, 1], 0).into()).await?;
//! let seeds = vec![Source::Given(site.graph().seeds().collect())];
//!
//! let mut crawl = gannet::crawl(Plan::crawl(10, Scope::default()), Http::new(HttpOptions::default())?, seeds);
//! let mut pages = 0;
//! while let Some(outcome) = crawl.next().await {
//!     pages += u32::from(outcome.status() == Some(200));
//! }
//! let summary = crawl.finish().await?;
//! assert!(pages >= 20 && summary.is_balanced());
//! # Ok(())
//! # }
//! ```
//!
//! For a flat list without links, robots.txt and retries there is [`batch`]: [`batch::gather`],
//! [`batch::as_completed`] and [`batch::try_gather`]. For a flat list with all of the engine,
//! [`Plan::fetch`]. The `examples/` directory has a program for each.
//!
//! # The life of a URL
//!
//! 1. A [`Source`] reads it from the input, or [`extract`] finds it on a page. Seeds are always in scope;
//! 2. a link is judged by the [`Scope`] of the seed that it descends from.
//! 3. The [`frontier`] admits it, unless it was seen before, and puts it into the queue of its host.
//! 4. When the host may be asked (robots.txt, delay, requests at once), the dispatcher hands it out as a job.
//! 5. A worker takes the job from a bounded channel and [fetches](Fetch) it: connection, head, redirects, body.
//! 6. A failure that may pass goes back to its host queue with a time; no worker waits for that.
//! 7. Anything else becomes an [`Outcome`]: the title and links are extracted,
//! 8. the outcome goes to the stream, or to every [`sink`], through a bounded channel,
//! 9. and its links travel to the dispatcher inside the one report that ends the job.
//! 10. When nothing is queued, in flight, waiting for a time or still to be read, the run ends with its [`Summary`].
//!
//! # Words
//!
//! | word | means |
//! |---|---|
//! | seed | URL given by the user |
//! | candidate, outlink | URL proposed, URL found on a page |
//! | scope, verdict | rules for what belongs to the crawl, and their answer |
//! | frontier | all URLs known but not done, and the order among them |
//! | host queue, host key | URLs of one authority; its identity |
//! | admit, seen | pass the uniqueness check |
//! | snoozed, retired | a host queue that waits for a time; one that was given up |
//! | job, attempt | a URL handed to a worker; how often |
//! | fetch, response, hop | one HTTP exchange with its redirects; its result; one redirect |
//! | outcome | what became of a URL |
//! | disposition | what the frontier does next with a job that ended |
//! | sink | where outcomes are written |
//! | drain, kill | the two ways of stopping a run: in order, at once |
//!
//! # Errors
//!
//! A URL that fails is an [`Outcome`] with an [`ErrorKind`]; the run goes on. An [`Error`] is why a *run* failed.

pub mod batch;
pub mod content;
pub mod crawl;
pub mod error;
pub mod extract;
pub mod fetch;
pub mod frontier;
pub mod job;
pub mod origin;
pub mod outcome;
pub mod recrawl;
pub mod report;
pub mod robots;
pub mod scope;
pub mod seeds;
pub mod sink;
pub mod url;

pub use crate::crawl::{Crawl, Handle, Plan, Summary, crawl};
pub use crate::error::Error;
pub use crate::fetch::{ErrorKind, Fetch, FetchError, Http, HttpOptions, Request, Response};
pub use crate::outcome::{Outcome, OutcomeKind};
pub use crate::scope::{Reach, Scope};
pub use crate::seeds::Source;
pub use crate::url::CrawlUrl;

/// Compiles the Rust of the guide and of the README.
#[cfg(doctest)]
mod prose {
    #[doc = include_str!("../docs/guide.md")]
    struct Guide;
    #[doc = include_str!("../README.md")]
    struct Readme;
}
