//! robots.txt (RFC 9309): what a site asks one crawler not to fetch.
//!
//! [`Rules`] holds only the groups that apply to one product token, so it is small enough to keep one
//! for every host. Whoever fetches `/robots.txt` makes it ([`Rules::parse`] from a body, or
//! [`Rules::allow_all`] and [`Rules::disallow_all`] when there was none); whoever is about to hand out
//! a URL asks it ([`Rules::verdict`]) with [`CrawlUrl::path_and_query`](crate::url::CrawlUrl::path_and_query).
//!
//! Parsing never fails: a robots.txt is written by hand, and a line that means nothing is skipped, as
//! RFC 9309 §2.2.4 wants. Where the RFC is silent, the reading is the one of Google's published parser.
//! Time and memory are linear in the body, a verdict is linear in rules and URL whatever the wildcards.
//! Nothing here does I/O.

mod explain;
mod matcher;
mod parse;
mod text;
mod write;

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

pub use self::explain::{Explanation, explain};
use crate::url::CrawlUrl;

/// How much of a robots.txt is read, in bytes: 500 KiB, the least that RFC 9309 §2.5 allows.
///
/// [`Rules::parse`] leaves out the line that stands across it. Who fetches a robots.txt should keep one byte more:
/// that byte says that there is such a line.
pub const MAX_BYTES: usize = 500 * 1024;

/// The longest `Crawl-delay` that is reported, 24 hours. Longer ones are cut to it.
pub const MAX_CRAWL_DELAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How many `Sitemap` lines are kept. Files of large sites have some seventy.
pub const MAX_SITEMAPS: usize = 1000;

/// How long they may be together, in bytes.
pub const MAX_SITEMAP_BYTES: usize = 128 * 1024;

/// The robots.txt for everything that has this [`HostKey`](crate::url::HostKey): it belongs to scheme, host and
/// port (RFC 9309 §2.3). `None` for a text that is no host key.
pub fn url_of(host_key: &str) -> Option<CrawlUrl> {
    CrawlUrl::parse(&format!("{host_key}/robots.txt")).ok()
}

/// The rules of one robots.txt that apply to one crawler. The default allows everything.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    group: Group,
    sitemaps: Vec<String>,
}

impl Rules {
    /// No rules: for a host without a robots.txt (any 4xx, RFC 9309 §2.3.1.3). Allocates nothing.
    pub fn allow_all() -> Self {
        Self::default()
    }

    /// Nothing may be fetched: for a host whose robots.txt is unreachable (5xx, RFC 9309 §2.3.1.4).
    pub fn disallow_all() -> Self {
        let mut group = Group::default();
        group.add(false, b"/", NO_LINE);
        Self { group, sitemaps: Vec::new() }
    }

    /// Reads a robots.txt and keeps what concerns the crawler called `product_token`, e.g. `gannet`.
    ///
    /// All groups that name the token are merged; if none does, those for `*` are (RFC 9309 §2.2.1).
    /// A group names the token when the leading letters, `-` and `_` of its user-agent line are equal
    /// to it, or the whole line is; neither looks at case. With an empty token, or `*`, only the groups
    /// for `*` count. `body` is taken as it came: any bytes, any line ends, UTF-16 or
    /// any encoding that contains ASCII, at most [`MAX_BYTES`].
    pub fn parse(body: &[u8], product_token: &str) -> Self {
        parse::rules(body, product_token)
    }

    /// No rule, no delay, no sitemap: nothing that a crawler would have to remember.
    pub fn is_empty(&self) -> bool {
        self.group.entries.is_empty() && self.group.crawl_delay.is_none() && self.sitemaps.is_empty()
    }

    /// The same for a crawler that does not look at sitemaps, which may be most of the file.
    pub fn without_sitemaps(self) -> Self {
        Self { sitemaps: Vec::new(), ..self }
    }

    /// The sitemaps alone.
    pub fn without_rules(self) -> Self {
        Self { sitemaps: self.sitemaps, ..Self::default() }
    }

    /// Whether a URL may be fetched, and which line says so.
    ///
    /// `path_and_query` begins with `/`; the slash is added if it is missing. The longest matching
    /// pattern decides, in octets, and `Allow` wins a tie (RFC 9309 §2.2.2). `/robots.txt` itself may
    /// always be fetched.
    pub fn verdict(&self, path_and_query: &str) -> Verdict<'_> {
        if self.group.entries.is_empty() || path_and_query == "/robots.txt" {
            return Verdict { allowed: true, rule: None };
        }
        let rooted = match path_and_query.starts_with('/') {
            true => Cow::Borrowed(path_and_query),
            false => Cow::Owned(format!("/{path_and_query}")),
        };
        let path = matcher::normal_path(&rooted);
        // The entries are sorted so that the first to match is the one that decides.
        match self.group.first_match(&path) {
            None => Verdict { allowed: true, rule: None },
            Some(rule) => Verdict { allowed: rule.allow, rule: Some(rule).filter(|r| r.line != NO_LINE) },
        }
    }

    /// Whether a URL may be fetched: [`verdict`](Self::verdict) without the reason.
    pub fn allows(&self, path_and_query: &str) -> bool {
        self.verdict(path_and_query).allowed
    }

    /// The pause asked for between two requests, the longest if there are several.
    ///
    /// `Crawl-delay` is no part of RFC 9309 but widely written. `None` when there is no usable value;
    /// at most [`MAX_CRAWL_DELAY`].
    pub fn crawl_delay(&self) -> Option<Duration> {
        self.group.crawl_delay
    }

    /// The values of the `Sitemap` lines, in the order of the file and not checked to be URLs; at most
    /// [`MAX_SITEMAPS`], of [`MAX_SITEMAP_BYTES`] together.
    ///
    /// They belong to no group (RFC 9309 §2.2.4), so they do not depend on the product token.
    pub fn sitemaps(&self) -> &[String] {
        &self.sitemaps
    }

    /// A robots.txt with one group for all, from which [`parse`](Self::parse) makes equal rules whatever the token;
    /// only the numbers of lines are lost. `None` when it would have a line, or be, longer than what is read.
    pub fn to_text(&self) -> Option<String> {
        write::text(self)
    }
}

/// The answer for one URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict<'a> {
    /// May it be fetched?
    pub allowed: bool,
    /// The rule that decided; `None` when no line of the file did.
    pub rule: Option<Rule<'a>>,
}

/// One `Allow` or `Disallow` line. Displays as `line 3: Disallow: /private`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule<'a> {
    /// Where it stands in the file, from 1.
    pub line: u32,
    /// `Allow` or `Disallow`?
    pub allow: bool,
    /// Its pattern with percent-encoding normalised (RFC 9309 §2.2.2), as it is compared.
    pub pattern: &'a str,
}

impl fmt::Display for Rule<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = if self.allow { "Allow" } else { "Disallow" };
        write!(f, "line {}: {key}: {}", self.line, self.pattern)
    }
}

/// The line of a rule that stands in no file.
const NO_LINE: u32 = 0;

/// Rules under construction, then sorted by precedence. One text holds all patterns: a host with five
/// hundred rules costs two allocations.
#[derive(Clone, Debug, Default)]
struct Group {
    text: String,
    entries: Vec<Entry>,
    crawl_delay: Option<Duration>,
}

/// A rule; its pattern is `text[start..end]`, and up to `fixed` without wildcards. All fit: a text is a
/// small multiple of [`MAX_BYTES`].
#[derive(Clone, Copy, Debug)]
struct Entry {
    start: u32,
    fixed: u32,
    end: u32,
    line: u32,
    allow: bool,
}

impl Group {
    fn add(&mut self, allow: bool, pattern: &[u8], line: u32) {
        let start = self.text.len();
        matcher::push_normal_pattern(pattern, &mut self.text);
        let (fixed, end) = (start + matcher::fixed_len(&self.text[start..]), self.text.len());
        self.entries.push(Entry { start: start as u32, fixed: fixed as u32, end: end as u32, line, allow });
    }

    fn ask_delay(&mut self, delay: Duration) {
        self.crawl_delay = self.crawl_delay.max(Some(delay));
    }

    /// The deciding rule for a normal path, if the group is sealed.
    fn first_match(&self, path: &str) -> Option<Rule<'_>> {
        let bytes = path.as_bytes();
        let text = self.text.as_bytes();
        let entry = self.entries.iter().find(|&&entry| {
            bytes.starts_with(&text[entry.start as usize..entry.fixed as usize])
                && matcher::matches(pattern(&self.text, entry), path)
        })?;
        Some(Rule { line: entry.line, allow: entry.allow, pattern: pattern(&self.text, *entry) })
    }

    /// Puts the rule that decides first: longest, then `Allow`, then the earlier line. A pattern that is
    /// there twice decides once.
    fn seal(mut self) -> Self {
        let text = &self.text;
        self.entries.sort_by(|&a, &b| {
            let (x, y) = (pattern(text, a), pattern(text, b));
            y.len().cmp(&x.len()).then(b.allow.cmp(&a.allow)).then(x.cmp(y)).then(a.line.cmp(&b.line))
        });
        self.entries.dedup_by(|&mut b, &mut a| a.allow == b.allow && pattern(text, a) == pattern(text, b));
        self.entries.shrink_to_fit();
        self.text.shrink_to_fit();
        self
    }
}

fn pattern(text: &str, entry: Entry) -> &str {
    &text[entry.start as usize..entry.end as usize]
}

#[cfg(test)]
mod tests;
