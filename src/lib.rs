//! gannet: a concurrent HTTP fetcher and crawler.

pub mod extract;
pub mod fetch;
pub mod origin;
pub mod robots;
pub mod url;
