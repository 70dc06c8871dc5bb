//! The first pass over a run: all its numbers, and which things the second pass has to look for.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::tally::Tally;
use super::text::clipped;
use super::timeline::Span;
use super::times::{Times, micros};
use super::{MOST_HOSTS, MOST_LIST};
use crate::report::fact::{Fact, Fate};

/// Names of types, kinds and reasons that are told apart; those of gannet are a few dozen.
const NAMES: usize = 200;

/// Examples of each kind of error.
const EXAMPLES: usize = 5;

/// What is known of a host, and of all others.
#[derive(Debug, Default)]
pub(super) struct Host {
    pub(super) urls: u64,
    pub(super) failed: u64,
    pub(super) client_errors: u64,
    pub(super) server_errors: u64,
    pub(super) bytes: u64,
    timed: u64,
    micros: u64,
}

impl Host {
    /// Milliseconds of a fetch; `None` if none ended.
    pub(super) fn mean(&self) -> Option<f64> {
        (self.timed > 0).then(|| self.micros as f64 / self.timed as f64 / 1e3)
    }
}

/// The scheme, host and port of a URL, if it is one: what stands before its path, since records have URLs in their normal
/// form (WHATWG URL §4.5), without user and password.
pub(super) fn host_of(fact: &Fact) -> Option<Cow<'_, str>> {
    let url = fact.url.as_deref()?;
    let scheme = ["http://", "https://"].into_iter().find(|scheme| url.starts_with(scheme))?;
    let rest = &url[scheme.len()..];
    let authority = &rest[..rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len())];
    match authority.rfind('@') {
        None => Some(url[..scheme.len() + authority.len()].into()),
        Some(at) => Some(format!("{scheme}{}", &authority[at + 1..]).into()),
    }
}

#[derive(Debug, Default)]
pub(super) struct Level {
    pub(super) urls: u64,
    pub(super) bad: u64,
    pub(super) links: u64,
}

#[derive(Debug, Default)]
pub(super) struct Type {
    pub(super) urls: u64,
    pub(super) bytes: u64,
}

#[derive(Debug, Default)]
pub(super) struct Failure {
    pub(super) count: u64,
    /// URL, words, and the page that has the link.
    pub(super) examples: Vec<(String, String, Option<String>)>,
}

/// A redirect, followed or taken up as a link.
#[derive(Debug)]
pub(super) struct Redirect {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) statuses: Vec<u16>,
    pub(super) source: Option<String>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Survey {
    pub(super) records: u64,
    pub(super) outcomes: Tally<u64>,
    /// Of those that finished.
    pub(super) statuses: BTreeMap<u16, u64>,
    pub(super) skipped: Tally<u64>,
    pub(super) truncated: Tally<u64>,
    pub(super) errors: Tally<Failure>,
    pub(super) again: u64,
    pub(super) ttfb: Times,
    pub(super) total: Times,
    pub(super) span: Option<Span>,
    pub(super) hosts: Tally<Host>,
    pub(super) levels: BTreeMap<u16, Level>,
    pub(super) links: u64,
    pub(super) types: Tally<Type>,
    pub(super) wire: u64,
    pub(super) decoded: u64,
    /// Pages that are as an earlier run found them.
    pub(super) unchanged: u64,
    pub(super) redirects: Vec<Redirect>,
    pub(super) redirected: u64,
    pub(super) broken_urls: u64,
}

impl Survey {
    pub(super) fn new() -> Self {
        Self {
            records: 0,
            outcomes: Tally::of(NAMES),
            statuses: BTreeMap::new(),
            skipped: Tally::of(NAMES),
            truncated: Tally::of(NAMES),
            errors: Tally::of(NAMES),
            again: 0,
            ttfb: Times::default(),
            total: Times::default(),
            span: None,
            hosts: Tally::of(MOST_HOSTS),
            levels: BTreeMap::new(),
            links: 0,
            types: Tally::of(NAMES),
            wire: 0,
            decoded: 0,
            unchanged: 0,
            redirects: Vec::new(),
            redirected: 0,
            broken_urls: 0,
        }
    }

    pub(super) fn add(&mut self, fact: &Fact) {
        let fate = fact.fate();
        self.records += 1;
        *self.outcomes.at(&fact.outcome) += 1;
        if let Some(reason) = &fact.skipped {
            *self.skipped.at(reason) += 1;
        }
        if let Some(reason) = &fact.truncated {
            *self.truncated.at(reason) += 1;
        }
        self.again += u64::from(fact.attempts.saturating_sub(1));
        self.span = Span::with(self.span, fact);
        self.links += fact.links.len() as u64;
        let level = self.levels.entry(fact.depth).or_default();
        level.urls += 1;
        level.bad += u64::from(fate.is_bad());
        level.links += fact.links.len() as u64;
        self.add_answer(fact);
        self.add_times(fact);
        self.add_host(fact, fate);
        self.add_failure(fact, fate);
        self.add_redirect(fact);
    }

    fn add_answer(&mut self, fact: &Fact) {
        if let Some(status) = fact.status_code.filter(|_| fact.outcome == "finished") {
            *self.statuses.entry(status).or_default() += 1;
        }
        self.unchanged += u64::from(fact.unchanged);
        self.wire = self.wire.saturating_add(fact.wire_bytes.unwrap_or(0));
        let Some(bytes) = fact.body_bytes else { return };
        self.decoded = self.decoded.saturating_add(bytes);
        if fact.status_code.is_some() {
            let kind = self.types.at(fact.content_type.as_deref().unwrap_or("(none)"));
            kind.urls += 1;
            kind.bytes = kind.bytes.saturating_add(bytes);
        }
    }

    fn add_times(&mut self, fact: &Fact) {
        if let Some(ms) = fact.time_ttfb_ms {
            self.ttfb.add(ms);
        }
        if let Some(ms) = fact.time_total_ms {
            self.total.add(ms);
        }
    }

    fn add_host(&mut self, fact: &Fact, fate: Fate) {
        let Some(name) = host_of(fact) else { return };
        let host = self.hosts.at(&name);
        host.urls += 1;
        match fate {
            Fate::Failed => host.failed += 1,
            Fate::Refused(500..) => host.server_errors += 1,
            Fate::Refused(_) => host.client_errors += 1,
            Fate::Good | Fate::NotAsked => {}
        }
        host.bytes = host.bytes.saturating_add(fact.wire_bytes.unwrap_or(0));
        if let Some(ms) = fact.time_total_ms {
            host.timed += 1;
            host.micros = host.micros.saturating_add(micros(ms));
        }
    }

    fn add_failure(&mut self, fact: &Fact, fate: Fate) {
        let kind = fact.error_kind.as_deref().unwrap_or_default();
        if !kind.is_empty() && fate != Fate::NotAsked {
            let failure = self.errors.at(kind);
            failure.count += 1;
            if failure.examples.len() < EXAMPLES {
                let [url, why] =
                    [fact.name(), fact.error.as_deref().unwrap_or_default()].map(|text| clipped(text).into());
                failure.examples.push((url, why, fact.source.as_deref().map(|page| clipped(page).into())));
            }
        }
        self.broken_urls += u64::from(fate.is_bad());
    }

    fn add_redirect(&mut self, fact: &Fact) {
        let (to, last) = match (&fact.location, &fact.final_url, fact.chain.is_empty()) {
            (Some(location), ..) => (location, fact.status_code),
            (None, Some(end), false) => (end, None),
            _ => return,
        };
        self.redirected += 1;
        if self.redirects.len() >= MOST_LIST {
            return;
        }
        let statuses = fact.chain.iter().map(|hop| hop.status_code).chain(last).take(20).collect();
        let [from, to] = [fact.name(), to].map(|url| clipped(url).into());
        let source = fact.source.as_deref().map(|page| clipped(page).into());
        self.redirects.push(Redirect { from, to, statuses, source });
    }
}
