//! Sitemaps: which a host has, how far they are read, and which files their indexes may name.
//!
//! A sitemap is a URL of the run like any other, so pace, retries, records, jobs and limits hold for it. What is
//! special is here: with `--sitemaps`, the first page of a host that is done also brings the sitemaps of its host into
//! the frontier ([`Announced`]), from the robots.txt that was read before it. The page, and not robots.txt, since it
//! knows the root, the depth and the credentials that they inherit, and since a kill in between loses nothing: either
//! the page is done and its sitemaps are in the frontier, or neither.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

use super::Plan;
use crate::extract::{self, Page, Source, Via};
use crate::fetch;
use crate::frontier::Entry;
use crate::robots::{self, Rules};
use crate::url::{CrawlUrl, Fingerprinter};

/// Indexes named by indexes are followed so deep. The standard allows none; some sites have two or three levels.
pub(super) const MAX_NESTING: u16 = 10;

/// Hosts that are remembered. Beyond, all are forgotten: a sitemap that is offered again is known.
const MAX_HOSTS: usize = 1 << 16;

/// The hosts whose sitemaps this process has offered to the frontier.
#[derive(Default)]
pub(super) struct Announced(Mutex<HashSet<u64>>);

/// The sitemaps of a host, and the robots.txt that they are from.
pub(super) struct Announcement {
    pub(super) source: CrawlUrl,
    pub(super) sitemaps: Vec<(CrawlUrl, Via)>,
}

impl Announced {
    /// The sitemaps of the host of an entry, if nobody has offered them yet. They are those that robots.txt names, or
    /// `/sitemap.xml`.
    pub(super) fn by(
        &self,
        entry: &Entry,
        rules: Option<&Rules>,
        fingerprinter: &Fingerprinter,
    ) -> Option<Announcement> {
        // A sitemap may be at a host that the crawl has nothing to do with.
        if is_sitemap(entry) {
            return None;
        }
        let host = entry.url.host_key();
        let source = robots::url_of(host.as_str())?;
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_HOSTS {
            known.clear();
        }
        if !known.insert(fingerprinter.fingerprint(&source)) {
            return None;
        }
        let base = source.to_url();
        let read = |line: &String| Some((resolve(&base, line)?, Via::SITEMAP_LINE));
        let mut sitemaps: Vec<_> =
            rules.map(Rules::sitemaps).unwrap_or_default().iter().filter_map(read).collect();
        if sitemaps.is_empty() {
            sitemaps.extend(resolve(&base, "/sitemap.xml").map(|url| (url, Via::SITEMAP_DEFAULT)));
        }
        Some(Announcement { source, sitemaps })
    }
}

/// Relative ones are against the standard, and occur.
fn resolve(base: &url::Url, line: &str) -> Option<CrawlUrl> {
    CrawlUrl::from_url(base.join(line).ok()?).ok()
}

/// Whether somebody said that this is a sitemap.
pub(super) fn is_sitemap(entry: &Entry) -> bool {
    entry.via().is_some_and(Via::is_sitemap)
}

/// Whether it is asked for as a sitemap, be it that only its name says so of a seed of a crawl.
pub(super) fn is_asked_for(entry: &Entry, plan: &Plan) -> bool {
    is_sitemap(entry) || (plan.follow.is_some() && may_be_long(entry))
}

/// Whether a body may be as long as a sitemap: it is one, or a seed that is called like one.
pub(super) fn may_be_long(entry: &Entry) -> bool {
    let path = path(&entry.url);
    is_sitemap(entry) || (entry.is_for_seed() && (path.ends_with(".xml") || path.ends_with(".xml.gz")))
}

fn path(url: &CrawlUrl) -> &str {
    let path = url.path_and_query();
    &path[..path.find('?').unwrap_or(path.len())]
}

/// What is known of a body before it is looked at.
#[derive(Clone, Copy)]
pub(super) struct Hint {
    /// Somebody said that it is a sitemap.
    is_sitemap: bool,
    /// It is to be decompressed, to see whether it is a sitemap. Its type does not say so, nor always its name; but an
    /// archive that only a page links to is left alone.
    pub(super) is_zipped: bool,
    /// How much of it is decompressed, bytes.
    most: u64,
}

impl Hint {
    pub(super) fn of(entry: &Entry, body: &[u8], most: u64) -> Self {
        let is_sitemap = is_sitemap(entry);
        let may_be = is_sitemap || entry.is_for_seed() || path(&entry.url).ends_with(".gz");
        Self { is_sitemap, is_zipped: may_be && body.starts_with(&[0x1f, 0x8b]), most }
    }

    /// What a sitemap links to that only who has the hint can read. What decompresses to too much is read so far.
    pub(super) fn read(self, body: &Bytes, source: &Source<'_>) -> Option<Page> {
        let is_plain = source.content_type == Some("text/plain");
        if !self.is_zipped {
            return (self.is_sitemap && is_plain)
                .then(|| extract::sitemap(source).unwrap_or_else(|| extract::url_list(source)));
        }
        let text = match fetch::decode_all("gzip", body, self.most) {
            Ok(body) | Err((body, _)) => body.bytes,
        };
        let source = Source { content_type: None, charset: None, body: &text, ..*source };
        extract::sitemap(&source).or_else(|| self.is_sitemap.then(|| extract::url_list(&source)))
    }
}
