//! What a crawl does about redirects: a [`HopPolicy`] per job.

use std::sync::Arc;

use crate::fetch::{ErrorKind, Hop, HopPolicy};
use crate::robots::Rules;
use crate::scope::{Scope, Traps, Verdict};
use crate::url::CrawlUrl;

/// The redirects of a crawl: within a host they are followed if pace, scope and robots.txt agree, any other
/// becomes a link of the same depth.
pub(super) struct CrawlHops {
    pub(super) scope: Arc<Scope>,
    pub(super) root: CrawlUrl,
    pub(super) rules: Option<Arc<Rules>>,
    /// What looks like a trap is not followed here; the frontier says so of it.
    pub(super) traps: Traps,
    /// Requests to the host keep a distance, so the next hop must wait its turn in the frontier.
    pub(super) paced: bool,
}

impl HopPolicy for CrawlHops {
    fn judge(&self, from: &CrawlUrl, to: &CrawlUrl) -> Hop {
        // What is at hand was let in at its depth, and a hop is no link.
        if self.paced
            || from.host_key() != to.host_key()
            || self.traps.judge(to).is_some()
            || self.scope.within(&self.root).judge(to, 0) != Verdict::Accept
        {
            return Hop::HandBack;
        }
        match &self.rules {
            Some(rules) if !rules.allows(to.path_and_query()) => {
                Hop::Refuse(ErrorKind::RobotsDenied, format!("robots.txt forbids the redirect to `{to}`"))
            }
            _ => Hop::Follow,
        }
    }
}
