//! From the links of a page as written to the links of the page: decoded, resolved, each URL once.
//!
//! Called by `extract::outlinks`: with links of headers, and with those of the page once its base is known. A link that needs no decoding and no
//! parser is put together at once; for the others a value that was seen before on the page is not parsed
//! again, since the parser is the dearest step. What is no link to fetch is counted and left out.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use memchr::{memchr, memchr2};

use super::html::{Found, RawLink, Role, Value};
use super::resolve::Resolver;
use super::{Known, Link, MAX_LINK_BYTES, MAX_LINK_LEN, Page, Source, entity};
use crate::url::{CrawlUrl, Fingerprinter, Identity};

/// Where a URL is that is known already: nowhere.
const NOWHERE: usize = usize::MAX;

/// The links of one page in the making.
pub(super) struct Links<'a> {
    resolver: Resolver,
    fingerprinter: Fingerprinter,
    known: Option<&'a Known>,
    links: Vec<Link>,
    /// Where in `links` the URL with a fingerprint is.
    places: HashMap<u64, usize, BuildHasherDefault<Identity>>,
    /// Where in `links` a value is that needed a parser; `None` if it was no link.
    parsed: HashMap<&'a [u8], Option<usize>>,
    /// Links of the page that are [`NOWHERE`].
    passed: usize,
    ignored: usize,
    budget: usize,
    /// The value that was just decoded.
    decoded: String,
}

impl<'a> Links<'a> {
    pub(super) fn new(source: &Source<'a>, resolver: Resolver, expected: usize) -> Self {
        Self {
            resolver,
            fingerprinter: source.fingerprinter,
            known: source.known,
            links: Vec::new(),
            places: HashMap::with_capacity_and_hasher(expected, BuildHasherDefault::default()),
            parsed: HashMap::new(),
            passed: 0,
            ignored: 0,
            budget: MAX_LINK_BYTES,
            decoded: String::new(),
        }
    }

    /// From now on links are relative to something else.
    pub(super) fn rebase(&mut self, resolver: Resolver) {
        self.resolver = resolver;
        self.parsed.clear();
    }

    /// Gives the page the links in order of appearance, and the numbers of those that are not among them.
    pub(super) fn into_page(self, page: Page) -> Page {
        Page { links: self.links, passed: self.passed, ignored: page.ignored + self.ignored, ..page }
    }

    /// Takes the next link of a sitemap. The first date that is said of a URL counts.
    pub(super) fn take_dated(&mut self, text: &str, role: Role, lastmod: Option<&Arc<str>>) {
        if let Some(link) = self.text(text, role).and_then(|at| self.links.get_mut(at)) {
            link.lastmod = link.lastmod.take().or_else(|| lastmod.cloned());
        }
    }

    /// Takes the next link of the page. Returns where it is kept, if it is a link to fetch.
    pub(super) fn take(&mut self, link: &RawLink<'a>) -> Option<usize> {
        match &link.value {
            Value::Decoded(text) => self.text(text, link.role),
            Value::Raw(value) => self.raw(trim(value), link.role),
        }
    }

    /// Takes the links of the page with what they are called. Of several to one URL the text is that of the first that
    /// has one and stands where the [`Link`] says.
    pub(super) fn take_all(&mut self, found: &Found<'a>) {
        if found.labels.is_empty() {
            for raw in &found.links {
                self.take(raw);
            }
            return;
        }
        let mut labels = found.labels.iter().peekable();
        for (nth, raw) in found.links.iter().enumerate() {
            let at = self.take(raw);
            let Some((_, text)) = labels.next_if(|(of, _)| *of == nth) else { continue };
            if let Some(link) = at.and_then(|at| self.links.get_mut(at)).filter(|l| l.via == raw.role.via) {
                link.text.get_or_insert_with(|| text.clone());
            }
        }
    }

    /// An attribute value, not yet decoded.
    fn raw(&mut self, value: &'a [u8], role: Role) -> Option<usize> {
        if value.first() == Some(&b'#') {
            return None;
        }
        if value.len() <= MAX_LINK_LEN && self.plain(value) {
            return self.add(role);
        }
        let key = without_fragment(value);
        let known = match self.parsed.get(key) {
            Some(&known) => known,
            None => {
                let kept = self.text(&entity::attribute(value), role);
                self.parsed.insert(key, kept);
                return kept;
            }
        };
        if let Some(link) = known.and_then(|at| self.links.get_mut(at)) {
            link.role_or_better(role);
        }
        known
    }

    /// Resolves a value that needs no parser, which with what it costs to take note of it is less than to look whether it
    /// was there before; else `false`.
    fn plain(&mut self, value: &[u8]) -> bool {
        self.resolver.plain(value)
            || (memchr(b'&', value).is_some() && {
                entity::attribute_into(value, &mut self.decoded);
                self.resolver.plain_text(&self.decoded)
            })
    }

    /// A decoded value. Returns where it is kept, if it is a link to fetch.
    fn text(&mut self, text: &str, role: Role) -> Option<usize> {
        let text = text.trim_matches(|c| c <= ' '); // as the URL parser does: C0 controls and space
        if text.starts_with('#') {
            return None;
        }
        if text.len() <= MAX_LINK_LEN && !other_scheme(text.as_bytes()) && self.resolver.resolve(text).is_ok()
        {
            return self.add(role);
        }
        self.ignored += 1;
        None
    }

    /// Adds the URL that was just resolved.
    fn add(&mut self, role: Role) -> Option<usize> {
        let text = self.resolver.text();
        let len = text.len();
        if len > MAX_LINK_LEN || len > self.budget {
            self.ignored += 1;
            return None;
        }
        let fingerprint = self.fingerprinter.fingerprint_bytes(text);
        match self.places.entry(fingerprint) {
            Entry::Vacant(place) if self.known.is_some_and(|known| known.has(fingerprint)) => {
                self.passed += 1;
                Some(*place.insert(NOWHERE))
            }
            Entry::Vacant(place) => {
                self.budget -= len;
                let url = CrawlUrl::from_serialised(&String::from_utf8_lossy(text));
                self.links.push(Link::new(url, fingerprint, role));
                Some(*place.insert(self.links.len() - 1))
            }
            Entry::Occupied(place) => {
                if let Some(link) = self.links.get_mut(*place.get()) {
                    link.role_or_better(role);
                }
                Some(*place.get())
            }
        }
    }
}

/// Strips what the URL parser strips, before decoding: NUL still stands for U+FFFD here.
fn trim(mut value: &[u8]) -> &[u8] {
    while let [1..=b' ', rest @ ..] | [rest @ .., 1..=b' '] = value {
        value = rest;
    }
    value
}

/// Cuts `#fragment` off a value that may hold character references (whose `#` is none).
fn without_fragment(value: &[u8]) -> &[u8] {
    match memchr2(b'#', b'&', value) {
        Some(at) if value[at] == b'#' => &value[..at],
        _ => value,
    }
}

/// Whether a link begins with a scheme that is not fetched: `mailto:`, `javascript:`, `data:`.
pub(super) fn other_scheme(link: &[u8]) -> bool {
    let in_scheme = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    let len = link.iter().take_while(|byte| in_scheme(byte)).count();
    let scheme = &link[..len];
    scheme.first().is_some_and(u8::is_ascii_alphabetic)
        && link.get(len) == Some(&b':')
        && !scheme.eq_ignore_ascii_case(b"http")
        && !scheme.eq_ignore_ascii_case(b"https")
}
