//! The synthetic web: pages whose links are a pure function of the URL and a seed.
//!
//! `gannet origin`, `gannet demo` and every test crawl it. Since nothing is stored, it has as many hosts
//! and pages as asked for; since everything is a function, the exact set of URLs that a complete crawl
//! must find, and what becomes of each, is known beforehand: [`Graph::truth`].
//!
//! [`Site`] is the configuration, [`Graph`] the function, [`Origin`] the running server. Hosts are
//! loopback ports, or names behind one port that acts as a forward HTTP proxy and answers for all of
//! them, so that one machine can be a million hosts.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use gannet::origin::{Addressing, Origin, Site};
//! let site = Site { hosts: 1_000_000, pages: 3, addressing: Addressing::Names, ..Site::default() };
//! let origin = Origin::start(site, ([127, 0, 0, 1], 0).into()).await?;
//! assert_eq!(origin.graph().seeds().next().as_deref(), Some("http://h0.test/"));
//! origin.stop().await;
//! # Ok(())
//! # }
//! ```

mod answer;
mod expect;
mod faults;
mod graph;
mod hash;
mod html;
mod log;
mod maps;
mod path;
mod request;
mod server;
mod site;
#[cfg(test)]
mod tests;

pub use expect::Expect;
pub use faults::{Faults, Latency, LatencyError};
pub use graph::{Authority, Graph, Link};
pub use log::{Hit, Stats};
pub use path::{Leaf, What};
pub use server::Origin;
pub use site::{Addressing, Robots, Site};
