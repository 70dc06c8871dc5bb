//! What the record channel carries: outcomes, and what was exchanged beside them.
//!
//! Workers send both, sinks take both. An [`Aside`] is no record of a URL and counts nowhere: it is there for archives,
//! which hold what went over the wire whatever became of it, and is sent only where a plan asks for captures.

use std::sync::Arc;

use super::Outcome;
use crate::fetch::Capture;
use crate::url::CrawlUrl;

/// What a sink is given.
#[derive(Clone, Debug)]
pub enum Record {
    /// What became of a URL.
    Outcome(Arc<Outcome>),
    /// What no outcome tells of.
    Aside(Arc<Aside>),
}

/// Exchanges that no outcome tells of: robots.txt, and attempts that are tried again.
#[derive(Clone, Debug)]
pub struct Aside {
    /// What went over the wire; never empty.
    pub captures: Vec<Capture>,
    /// The page that led there, if one did.
    pub source: Option<CrawlUrl>,
    /// Links from a seed.
    pub depth: u16,
    /// Which attempt it was, from 1.
    pub attempts: u32,
}
