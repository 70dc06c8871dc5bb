//! From an answer to what is to be fetched next: its links, and which of them become candidates.
//!
//! CPU work that needs no shared state, so the worker does it, between fetch and report. [`read`] takes title and
//! links out of a response; [`Follow`] judges each link by the scope and fingerprints it, so that the dispatcher has
//! only to admit what is left.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use url::Url;

use super::Plan;
use super::maps::{self, Announcement, Hint};
use super::selection::{REQUISITE_DEPTH, Selection};
use crate::extract::{self, Known, Link, LinkKind, Via};
use crate::fetch::{HeaderMap, Response};
use crate::frontier::{Candidate, Entry, Found, Root};
use crate::scope::{Bounds, Reason, Scope, Verdict};
use crate::url::{CrawlUrl, Fingerprinter, Near};

/// Bodies above this are parsed on a thread of their own, bytes.
const PARSE_INLINE: usize = 512 * 1024;

/// So many links are judged before other workers have a turn, some milliseconds: sitemaps have 200,000.
const TURN: usize = 4096;

/// What a page yields for the frontier.
#[derive(Debug, Default)]
pub(super) struct Harvest {
    /// Links to be admitted.
    pub(super) candidates: Vec<Candidate>,
    /// Links met, sitemaps and redirects that were not followed included: each is a candidate or refused.
    pub(super) links: u64,
    /// Those of them that are known already; the frontier may know more.
    pub(super) passed: u64,
    /// Those of them that were refused.
    pub(super) rejected: [u64; Reason::ALL.len()],
}

impl Harvest {
    fn add(&mut self, link: Result<Candidate, Reason>) {
        match link {
            Ok(candidate) => self.candidates.push(candidate),
            Err(reason) => self.rejected[reason as usize] += 1,
        }
    }
}

/// How much of a page is of interest.
#[derive(Clone, Copy, PartialEq)]
enum Wanted {
    /// Title and robots.
    Head,
    Links,
    /// Those of style sheets too.
    AllLinks,
}

/// How a response is read, apart from its bytes.
#[derive(Clone)]
struct Reading {
    wanted: Wanted,
    hint: Hint,
    robot: Arc<str>,
    fingerprinter: Fingerprinter,
    /// The record says what links are called.
    with_text: bool,
    /// Links that need not be told, unless the record is to list them.
    known: Option<Arc<Known>>,
}

/// Charset, title and links; large bodies are parsed off the runtime's threads.
pub(super) async fn read(
    response: &Response,
    entry: &Entry,
    plan: &Plan,
    fingerprinter: Fingerprinter,
    known: &Arc<Known>,
    near: &Mutex<Near>,
) -> extract::Page {
    let wanted = match () {
        () if is_checked_only(entry, plan) => Wanted::Head,
        () if plan.keep.links || (plan.follow.is_some() && plan.selection.takes_css()) => Wanted::AllLinks,
        () if plan.follow.is_some() => Wanted::Links,
        () => Wanted::Head,
    };
    let body = &response.body.bytes;
    let url = response.final_url.to_url_after(&mut near.lock().unwrap_or_else(PoisonError::into_inner));
    let hint = Hint::of(entry, body, plan.max_sitemap);
    let known = (!plan.keep.links).then(|| Arc::clone(known));
    let (robot, with_text) = (Arc::clone(&plan.robots_token), plan.keep.links);
    let reading = Reading { wanted, hint, robot, fingerprinter, with_text, known };
    if wanted == Wanted::Head || (!hint.is_zipped && body.len() <= PARSE_INLINE) {
        return reading.parse(&response.headers, body, &url);
    }
    let (headers, body) = (response.headers.clone(), body.clone());
    match tokio::task::spawn_blocking(move || reading.parse(&headers, &body, &url)).await {
        Ok(page) => page,
        Err(panic) => match panic.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => extract::Page::default(),
        },
    }
}

/// Whether a URL lies out of scope and is fetched to see whether it is there: nothing that it names is taken up. What
/// stands for a seed is in scope always, and a sitemap may be anywhere.
pub(super) fn is_checked_only(entry: &Entry, plan: &Plan) -> bool {
    let is_outside = |scope: &Arc<Scope>| scope.is_outside(entry.root(), &entry.url);
    !entry.is_for_seed() && !maps::is_sitemap(entry) && plan.follow.as_ref().is_some_and(is_outside)
}

impl Reading {
    fn parse(&self, headers: &HeaderMap, body: &Bytes, url: &Url) -> extract::Page {
        let (content_type, charset) = crate::outcome::content_type(headers);
        let said = ["link", "refresh", "x-robots-tag"].into_iter();
        let said =
            said.flat_map(|name| headers.get_all(name).iter().map(move |value| (name, value.as_bytes())));
        let said: Vec<_> = said.collect();
        let source = extract::Source {
            content_type: content_type.as_deref(),
            charset: charset.as_deref(),
            body,
            url,
            headers: &said,
            robot: &self.robot,
            with_css: self.wanted == Wanted::AllLinks,
            with_text: self.with_text,
            fingerprinter: self.fingerprinter,
            known: self.known.as_deref(),
        };
        match self.wanted {
            Wanted::Head => extract::head(&source),
            Wanted::Links | Wanted::AllLinks => {
                self.hint.read(body, &source).unwrap_or_else(|| extract::outlinks(&source))
            }
        }
    }
}

/// Turns what a page leads to into candidates.
pub(super) struct Follow<'a> {
    pub(super) selection: &'a Selection,
    pub(super) scope: &'a Scope,
    pub(super) fingerprinter: &'a Fingerprinter,
    /// The URL that was fetched.
    pub(super) entry: &'a Entry,
    /// The one that answered.
    pub(super) source: CrawlUrl,
    /// Whether from a public address; `None` when nobody answered.
    pub(super) on_public: Option<bool>,
}

impl Follow<'_> {
    /// The candidates among the sitemaps of the host, a redirect that was not followed, and the links of the page.
    pub(super) async fn harvest(
        &self,
        sitemaps: Option<Announcement>,
        redirect: Option<CrawlUrl>,
        page: extract::Page,
    ) -> Harvest {
        let entry = self.entry;
        let root = match &entry.found {
            Found::Seed { .. } => {
                Arc::new(Root { url: entry.url.clone(), named: true, tag: entry.found.tag().cloned() })
            }
            Found::Link { root, .. } => Arc::clone(root),
        };
        let bounds = self.scope.within(&root.url);
        let passed = page.passed as u64;
        let mut harvest = Harvest { links: page.links.len() as u64 + passed, passed, ..Harvest::default() };
        if let Some(sitemaps) = sitemaps {
            self.announce(sitemaps, &root, &bounds, &mut harvest);
        }
        if let Some(target) = redirect {
            harvest.links += 1;
            harvest.add(self.redirect(target, &root, &bounds));
        }
        for (nth, link) in page.links.into_iter().enumerate() {
            if nth % TURN == TURN - 1 {
                tokio::task::yield_now().await;
            }
            // What may not be gone to may still be what the page is shown with.
            let shown = link.as_requisite();
            let mut taken = self.take_up(link, page.nofollow, &root, &bounds);
            if let (Err(reason), Some(shown)) = (&taken, shown) {
                taken = self.take_up(shown, page.nofollow, &root, &bounds).map_err(|_| *reason);
            }
            harvest.add(taken);
        }
        harvest
    }

    /// The candidate that a link makes, or why it makes none.
    fn take_up(
        &self,
        link: Link,
        nofollow: bool,
        root: &Arc<Root>,
        bounds: &Bounds<'_>,
    ) -> Result<Candidate, Reason> {
        if !self.selection.takes(&link) {
            return Err(Reason::NotChosen);
        }
        if self.selection.is_forbidden(nofollow, &link) {
            return Err(Reason::Nofollow);
        }
        if link.via == Via::INDEX {
            return self.indexed(link, root, bounds);
        }
        let depth = self.entry.depth.saturating_add(1);
        let counted = match link.kind {
            LinkKind::Requisite => depth.saturating_sub(REQUISITE_DEPTH),
            LinkKind::Navigation | LinkKind::Other => depth,
        };
        let Link { url, fingerprint, via, lastmod, .. } = link;
        let target = match self.scope.strip(&url) {
            Some(stripped) => self.identified(stripped),
            None => (url, fingerprint),
        };
        accept(bounds.judge(&target.0, counted))?;
        Ok(self.candidate(target, depth, Arc::clone(root), via, lastmod))
    }

    /// The sitemaps of a host are of the depth of the page that led there. robots.txt may name them elsewhere.
    fn announce(&self, sitemaps: Announcement, root: &Arc<Root>, bounds: &Bounds<'_>, harvest: &mut Harvest) {
        let Announcement { source, sitemaps } = sitemaps;
        harvest.links += sitemaps.len() as u64;
        for (url, via) in sitemaps {
            harvest.add(accept(bounds.judge_sitemap(&url, &url)).map(|()| {
                let url = self.identified(url);
                let mut candidate = self.candidate(url, self.entry.depth, Arc::clone(root), via, None);
                if let Found::Link { source: found_on, .. } = &mut candidate.found {
                    found_on.clone_from(&source);
                }
                candidate
            }));
        }
    }

    /// What an index names is of the depth of the index, so that `--depth` counts from the sitemaps as a whole.
    fn indexed(&self, link: Link, root: &Arc<Root>, bounds: &Bounds<'_>) -> Result<Candidate, Reason> {
        if self.entry.redirects() >= maps::MAX_NESTING {
            return Err(Reason::TooDeep);
        }
        accept(bounds.judge_sitemap(&link.url, &self.source))?;
        let Link { url, fingerprint, via, lastmod, .. } = link;
        let mut candidate =
            self.candidate((url, fingerprint), self.entry.depth, Arc::clone(root), via, lastmod);
        if let Found::Link { redirects, .. } = &mut candidate.found {
            *redirects = self.entry.redirects() + 1;
        }
        Ok(candidate)
    }

    /// Where a seed redirects to takes its place: seeds are always in scope. Any other target is as deep as what redirects
    /// there, so its depth is no question.
    fn redirect(&self, target: CrawlUrl, root: &Arc<Root>, bounds: &Bounds<'_>) -> Result<Candidate, Reason> {
        let entry = self.entry;
        let (stands_for_seed, is_sitemap) = (entry.is_for_seed(), maps::is_sitemap(entry));
        let verdict = match is_sitemap {
            true => bounds.judge_sitemap(&target, &entry.url),
            false => bounds.judge(&target, 0),
        };
        if !stands_for_seed {
            accept(verdict)?;
        }
        let root = match stands_for_seed {
            true => {
                let named = entry.is_home() && target.host_key() == entry.url.host_key();
                Arc::new(Root { url: target.clone(), named, tag: root.tag.clone() })
            }
            false => Arc::clone(root),
        };
        let via = if is_sitemap { Via::REDIRECTED_SITEMAP } else { Via::REDIRECT };
        let mut candidate = self.candidate(self.identified(target), entry.depth, root, via, None);
        if let Found::Link { redirects, for_seed, .. } = &mut candidate.found {
            (*redirects, *for_seed) = (entry.redirects() + 1, stands_for_seed);
        }
        Ok(candidate)
    }

    fn identified(&self, url: CrawlUrl) -> (CrawlUrl, u64) {
        let fingerprint = self.fingerprinter.fingerprint(&url);
        (url, fingerprint)
    }

    fn candidate(
        &self,
        (url, fingerprint): (CrawlUrl, u64),
        depth: u16,
        root: Arc<Root>,
        via: Via,
        lastmod: Option<Arc<str>>,
    ) -> Candidate {
        // Without an answer, what the robots.txt of a host names: that host, or any other.
        let is_elsewhere = || self.entry.is_from_public() || url.host_key() != self.entry.url.host_key();
        let on_public = self.on_public.unwrap_or_else(is_elsewhere);
        Candidate {
            fingerprint,
            depth,
            found: Found::Link {
                root,
                source: self.source.clone(),
                via,
                redirects: 0,
                for_seed: false,
                on_public,
                lastmod,
            },
            url,
        }
    }
}

fn accept(verdict: Verdict) -> Result<(), Reason> {
    match verdict {
        Verdict::Accept => Ok(()),
        Verdict::Reject(reason) => Err(reason),
    }
}
