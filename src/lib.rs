//! gannet: a concurrent HTTP fetcher and crawler.

pub mod batch;
pub mod crawl;
pub mod error;
pub mod extract;
pub mod fetch;
pub mod frontier;
pub mod origin;
pub mod outcome;
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
