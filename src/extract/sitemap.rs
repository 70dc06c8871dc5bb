//! Sitemaps, indexes of sitemaps, RSS and Atom feeds: which of their elements are links.
//!
//! [`read`] tells by the root element what a document is, whatever its type or namespace says, and gathers its
//! links as written (sitemaps.org protocol 0.9; RSS 2.0 and 1.0; RFC 4287); `links` resolves them as it does those of
//! a page. [`lines`] is the sitemap that is a plain list. Both are called by `extract`.
//!
//! A document is read in one pass, by names and not by nesting, so that a missing end tag or a second root loses
//! little. What is cut off in the middle is left out: no half of a URL is a URL.

use std::borrow::Cow;
use std::sync::Arc;

use encoding_rs::UTF_8;
use memchr::memchr;
use url::Url;

use super::html::Role;
use super::scan::Attrs;
use super::xml::{Event, Xml, unescaped};
use super::{LinkKind, MAX_LINK_BYTES, MAX_LINK_LEN, MAX_SITEMAP_LINKS, Via, resolve};

/// Bytes of an element with a URL, as written: each of its characters may be a reference.
const MAX_TEXT: usize = 8 * MAX_LINK_LEN;
/// Longer than any date.
const MAX_LASTMOD: usize = 40;

/// What a document says.
#[derive(Default)]
pub(super) struct Map<'a> {
    pub(super) links: Vec<MapLink<'a>>,
    /// Elements that hold no usable text.
    pub(super) ignored: usize,
}

/// A link before it is resolved.
pub(super) struct MapLink<'a> {
    pub(super) text: Cow<'a, str>,
    pub(super) role: Role,
    /// When it was last changed, as the document has it.
    pub(super) lastmod: Option<Arc<str>>,
}

/// What the root element says that a document is.
#[derive(Clone, Copy, PartialEq)]
enum Root {
    UrlSet,
    Index,
    Rss,
    Atom,
}

impl Root {
    fn named(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"urlset" => Self::UrlSet,
            b"sitemapindex" => Self::Index,
            b"rss" | b"rdf" => Self::Rss,
            b"feed" => Self::Atom,
            _ => return None,
        })
    }

    fn is_feed(self) -> bool {
        matches!(self, Self::Rss | Self::Atom)
    }

    fn via(self) -> Via {
        match self {
            Self::UrlSet => const { Via::named("sitemap", "loc") },
            Self::Index => Via::INDEX,
            Self::Rss => const { Via::named("rss", "link") },
            Self::Atom => const { Via::named("atom", "link") },
        }
    }
}

/// An element within an entry whose children are not those of the entry.
#[derive(Clone, Copy, PartialEq)]
enum Aside {
    Image,
    Video,
    /// What a feed quotes of another.
    Quote,
}

impl Aside {
    fn named(root: Root, name: &[u8]) -> Option<Self> {
        Some(match name {
            b"image" if !root.is_feed() => Self::Image,
            b"video" if !root.is_feed() => Self::Video,
            b"source" | b"content" if root.is_feed() => Self::Quote,
            _ => return None,
        })
    }
}

/// What is known of the entry that is being read.
#[derive(Default)]
struct Item<'a> {
    /// Where its links begin.
    first: usize,
    via: Option<Via>,
    aside: Option<Aside>,
    lastmod: Option<Arc<str>>,
    guid: Option<Cow<'a, str>>,
    base: Option<Url>,
}

struct Reader<'a, 'u> {
    xml: Xml<'a>,
    root: Root,
    page_url: &'u Url,
    /// The `xml:base` of the root element.
    base: Option<Url>,
    item: Item<'a>,
    map: Map<'a>,
    /// Links to what entries are about, and all others, against the limit for each.
    own: usize,
    others: usize,
    /// Bytes of URLs that may still be put together from an `xml:base`: each entry may have a long one.
    budget: usize,
}

/// Whether a document is one of these.
pub(super) fn is_map(body: &[u8]) -> bool {
    root(&mut Xml::new(body)).is_some()
}

fn root<'a>(xml: &mut Xml<'a>) -> Option<(Root, Attrs<'a, 'a>)> {
    loop {
        match xml.next_event()? {
            Event::Start(name, attrs) => return Some((Root::named(name.as_bytes())?, attrs)),
            Event::Text(text) if text.trim_ascii().is_empty() => {}
            _ => return None,
        }
    }
}

/// Reads a document; `None` when it is none of these.
pub(super) fn read<'a>(body: &'a [u8], page_url: &Url) -> Option<Map<'a>> {
    let mut xml = Xml::new(body);
    let (root, attrs) = root(&mut xml)?;
    let (item, map) = (Item::default(), Map::default());
    let budget = MAX_LINK_BYTES;
    let mut reader = Reader { xml, root, page_url, base: None, item, map, own: 0, others: 0, budget };
    reader.base = reader.base_of(attrs);
    while reader.own < MAX_SITEMAP_LINKS
        && let Some(event) = reader.xml.next_event()
    {
        reader.take(event);
    }
    reader.date_links();
    Some(reader.map)
}

impl<'a> Reader<'a, '_> {
    fn take(&mut self, event: Event<'a>) {
        match event {
            Event::Start(name, attrs) => match name.as_bytes() {
                b"url" | b"sitemap" if !self.root.is_feed() => self.begin(name.as_bytes(), attrs),
                b"item" | b"entry" if self.root.is_feed() => self.begin(name.as_bytes(), attrs),
                name => match Aside::named(self.root, name) {
                    Some(aside) => self.item.aside = self.item.aside.or(Some(aside)),
                    None if self.root.is_feed() => self.of_feed(name, attrs),
                    None => self.of_sitemap(name, attrs),
                },
            },
            Event::End(name) => match name.as_bytes() {
                b"url" | b"sitemap" if !self.root.is_feed() => self.end(),
                b"item" | b"entry" if self.root.is_feed() => self.end(),
                name if self.item.aside.is_some() && self.item.aside == Aside::named(self.root, name) => {
                    self.item.aside = None;
                }
                _ => {}
            },
            Event::Text(_) | Event::Data(_) => {}
        }
    }

    fn begin(&mut self, name: &[u8], attrs: Attrs<'a, 'a>) {
        self.end();
        let via = match name {
            b"url" => Root::UrlSet.via(),
            b"sitemap" => Root::Index.via(),
            _ => self.root.via(),
        };
        self.item = Item { via: Some(via), base: self.base_of(attrs), ..Item::default() };
        self.item.first = self.map.links.len();
    }

    fn end(&mut self) {
        self.date_links();
        let item = std::mem::take(&mut self.item);
        if let (Some(guid), Some(via)) = (item.guid, item.via)
            && !self.map.links[item.first..].iter().any(|link| link.role == own(via))
        {
            self.own += 1;
            self.map.links.push(MapLink { text: guid, role: own(via), lastmod: item.lastmod });
        }
    }

    /// What an entry says of its last change holds for what it is about, and not for what else it names.
    fn date_links(&mut self) {
        if let (Some(via), lastmod @ Some(_)) = (self.item.via, &self.item.lastmod) {
            let links = self.map.links[self.item.first..].iter_mut();
            links.filter(|link| link.role == own(via)).for_each(|link| link.lastmod.clone_from(lastmod));
        }
    }

    fn of_sitemap(&mut self, name: &[u8], attrs: Attrs<'a, 'a>) {
        let via = self.item.via.unwrap_or(self.root.via());
        match (name, self.item.aside) {
            (b"loc", None) => self.text_link(own(via)),
            (b"lastmod", None) => self.lastmod(),
            (b"loc", Some(Aside::Image)) | (b"content_loc" | b"thumbnail_loc", Some(Aside::Video)) => {
                self.text_link(role(via, LinkKind::Requisite));
            }
            // `xhtml:link`: the page in another language.
            (b"link", None) => {
                if let [Some(href), Some(rel)] = attrs.pick(["href", "rel"])
                    && rel.trim_ascii().eq_ignore_ascii_case(b"alternate")
                {
                    self.push(unescaped(href), own(const { Via::named("link", "href") }), None);
                }
            }
            _ => {}
        }
    }

    fn of_feed(&mut self, name: &[u8], attrs: Attrs<'a, 'a>) {
        let (via, is_entry) = (self.root.via(), self.item.via.is_some());
        match name {
            _ if self.item.aside.is_some() => {}
            b"link" => self.feed_link(attrs),
            b"guid" if is_entry => {
                let [permanent] = attrs.pick(["ispermalink"]);
                if !permanent.is_some_and(|value| value.eq_ignore_ascii_case(b"false")) {
                    self.item.guid = self.xml.text(MAX_TEXT).filter(|guid| !guid.is_empty());
                }
            }
            b"enclosure" if is_entry => {
                if let [Some(url)] = attrs.pick(["url"]) {
                    self.push(unescaped(url), role(via, LinkKind::Requisite), None);
                }
            }
            b"pubdate" | b"updated" | b"date" if is_entry => self.lastmod(),
            _ => {}
        }
    }

    /// `<link href>` of Atom, also as RSS borrows it, and `<link>URL</link>` of RSS.
    fn feed_link(&mut self, attrs: Attrs<'a, 'a>) {
        let [href, rel] = attrs.pick(["href", "rel"]);
        let is_entry = self.item.via.is_some();
        let Some(href) = href else {
            if is_entry {
                self.text_link(own(self.root.via()));
            }
            return;
        };
        let rel = rel.unwrap_or(b"alternate").trim_ascii().to_ascii_lowercase();
        // The long form of a registered name (RFC 4287 §4.2.7.2).
        let rel = rel.strip_prefix(b"http://www.iana.org/assignments/relation/").unwrap_or(&rel);
        let kind = match (rel, is_entry) {
            (b"alternate", true) => LinkKind::Navigation,
            (b"enclosure", true) => LinkKind::Requisite,
            // The feed goes on there (RFC 5005 §3, §4).
            (b"next" | b"prev-archive", false) => LinkKind::Navigation,
            _ => return,
        };
        let base = self.base_of(attrs);
        self.push(unescaped(href), role(self.root.via(), kind), base);
    }

    fn text_link(&mut self, role: Role) {
        match self.xml.text(MAX_TEXT) {
            Some(text) if text.is_empty() => self.map.ignored += 1,
            Some(text) => self.push(text, role, None),
            None => {}
        }
    }

    /// The first that an entry has counts.
    fn lastmod(&mut self) {
        let text = self.xml.text(MAX_LASTMOD).filter(|text| !text.is_empty() && text.len() <= MAX_LASTMOD);
        self.item.lastmod = self.item.lastmod.take().or(text.map(Arc::from));
    }

    fn push(&mut self, text: Cow<'a, str>, role: Role, base: Option<Url>) {
        // Images and languages may be many more than pages, and must not keep the rest of the pages outside.
        let count = if role == own(self.item.via.unwrap_or(self.root.via())) {
            &mut self.own
        } else {
            &mut self.others
        };
        *count += 1;
        if *count > MAX_SITEMAP_LINKS {
            self.map.ignored += 1;
            return;
        }
        let text = match base.as_ref().or(self.item.base.as_ref()).or(self.base.as_ref()) {
            None => text,
            Some(base) => match join(base, &text, &mut self.budget) {
                Some(url) => Cow::Owned(url.into()),
                None => {
                    self.map.ignored += 1;
                    return;
                }
            },
        };
        self.map.links.push(MapLink { text, role, lastmod: None });
    }

    /// What `xml:base` of an element says, relative to what holds around it.
    fn base_of(&mut self, attrs: Attrs<'_, '_>) -> Option<Url> {
        let [Some(base)] = attrs.pick(["xml:base"]) else { return None };
        let around = self.item.base.as_ref().or(self.base.as_ref()).unwrap_or(self.page_url);
        join(around, &unescaped(base), &mut self.budget)
    }
}

/// A URL relative to another, as long as the budget lasts.
fn join(base: &Url, text: &str, budget: &mut usize) -> Option<Url> {
    *budget = budget.checked_sub(base.as_str().len() + text.len())?;
    resolve::join(base, text, UTF_8).ok()
}

fn role(via: Via, kind: LinkKind) -> Role {
    Role { via, kind, nofollow: false }
}

/// The role of what an entry is about.
fn own(via: Via) -> Role {
    role(via, LinkKind::Navigation)
}

/// Reads a sitemap that is a list of URLs, one per line. What is no absolute URL is passed over, so that any other
/// text comes out empty.
pub(super) fn lines(body: &[u8]) -> Map<'_> {
    let mut map = Map::default();
    let mut rest = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    // A last line without its end may be cut, but most lists have none.
    while !rest.is_empty() && map.links.len() < MAX_SITEMAP_LINKS {
        let end = memchr(b'\n', rest).unwrap_or(rest.len());
        let line = rest[..end].trim_ascii();
        rest = rest.get(end + 1..).unwrap_or_default();
        let starts = |scheme: &[u8]| line.get(..scheme.len()).is_some_and(|s| s.eq_ignore_ascii_case(scheme));
        if starts(b"http://") || starts(b"https://") {
            let text = String::from_utf8_lossy(&line[..line.len().min(MAX_LINK_LEN + 1)]);
            map.links.push(MapLink { text, role: own(Root::UrlSet.via()), lastmod: None });
        }
    }
    map
}

#[cfg(test)]
#[path = "sitemap_tests.rs"]
mod tests;
