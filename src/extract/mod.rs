//! What a page links to: the outlinks and the title of a response.
//!
//! Called by the worker with a body that has been read and decoded already; nothing here does I/O, waits
//! or keeps anything between pages. [`outlinks`] decides by content type what a body is, has `html` read
//! it, and `links` resolve what was found against the base of the page. [`head`] is the small version for
//! `fetch`, which follows nothing.
//!
//! Promises: linear time and no panic on any bytes; links in the order of the page, each URL once; a link
//! that is broken affects no other. A page that is not UTF-8 is made so first (`charset`), so that all that reads it
//! may take text to be UTF-8.

pub mod charset;
mod css;
mod directives;
pub(crate) mod entity;
mod foreign;
mod headers;
mod html;
mod known;
mod label;
mod links;
mod relink;
mod resolve;
pub(crate) mod scan;
mod sitemap;
mod values;
mod via;
mod xml;

use std::borrow::Cow;
use std::sync::Arc;

use encoding_rs::{Encoding, UTF_8};
use url::Url;

use crate::url::{CrawlUrl, Fingerprinter};
use directives::Directives;
use html::{Found, Role};
pub use known::Known;
pub use label::MAX_TEXT;
use links::Links;
pub(crate) use relink::{Kind, relink};
use resolve::Resolver;
pub use via::Via;

/// The longest link that is taken, in bytes, as written and as resolved. Longer ones are `data:` or
/// broken markup: no server takes such a request line (RFC 9110 §4.1 asks for 8,000).
pub const MAX_LINK_LEN: usize = 8 * 1024;

/// The longest title that is kept, in bytes.
pub const MAX_TITLE_LEN: usize = 1024;

/// How many bytes of resolved links a page may give. Every page that means well stays far below; without
/// it, 10 MiB of `<a href=1>` under a base of 8 KiB would come to gigabytes.
pub const MAX_LINK_BYTES: usize = 64 * 1024 * 1024;

/// How much of a sitemap is read, in bytes: 50 MiB, what sitemaps.org allows.
pub const MAX_SITEMAP_BYTES: usize = 50 * 1024 * 1024;

/// How many links of a sitemap or feed are taken: four times what sitemaps.org allows.
pub const MAX_SITEMAP_LINKS: usize = 200_000;

/// A response to be read.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// Its `Content-Type`, with or without parameters; they are not looked at.
    pub content_type: Option<&'a str>,
    /// The parameter `charset` of its `Content-Type`.
    pub charset: Option<&'a str>,
    /// Its body, without content encodings.
    pub body: &'a [u8],
    /// Where it came from, after redirects: what its links are relative to.
    pub url: &'a Url,
    /// Its headers with lower-case names, of which `link`, `refresh` and `x-robots-tag` are read.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// The name of this robot, which a page may address; the empty name is nobody's.
    pub robot: &'a str,
    /// Whether style sheets are searched, in the page and as a body; costs time for every tag of a page.
    pub with_css: bool,
    /// Whether links get their [`text`](Link::text); costs a walk over the text of each.
    pub with_text: bool,
    /// Gives links their fingerprints.
    pub fingerprinter: Fingerprinter,
    /// Links that are of no interest any more.
    pub known: Option<&'a Known>,
}

impl<'a> Source<'a> {
    /// A body of which nothing else is known.
    pub fn new(body: &'a [u8], url: &'a Url) -> Self {
        Self {
            content_type: None,
            charset: None,
            body,
            url,
            headers: &[],
            robot: "",
            with_css: true,
            with_text: false,
            fingerprinter: Fingerprinter::random(),
            known: None,
        }
    }
}

/// What a page says about itself and where it leads.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// What the body was decoded by, if it is text ([`charset::of`]).
    pub charset: Option<&'static Encoding>,
    /// The first `<title>`: decoded, white space collapsed, at most [`MAX_TITLE_LEN`] bytes.
    pub title: Option<String>,
    /// The links, each URL once, in the order in which they first appear, but for those that are [known](Source::known).
    pub links: Vec<Link>,
    /// How many URLs were left out because they are known.
    pub passed: usize,
    /// The base that the page declares for its links with `<base href>`, if it can be used.
    pub base: Option<Url>,
    /// What the page asks of robots, in lower case: `noindex`, `nofollow`, … (`<meta name=robots>`, `X-Robots-Tag`).
    pub robots: Vec<String>,
    /// One of them asks not to follow its links.
    pub nofollow: bool,
    /// How many links were left out: other schemes, no URLs, too long. Links within the page
    /// (`#fragment`) do not count.
    pub ignored: usize,
}

/// One link of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// What it leads to.
    pub url: CrawlUrl,
    /// Its identity.
    pub fingerprint: u64,
    /// Where it stands: element and attribute.
    pub via: Via,
    /// What it is for.
    pub kind: LinkKind,
    /// The link says `rel=nofollow`.
    pub nofollow: bool,
    /// Where it stands besides, if it is [`Navigation`](LinkKind::Navigation) and the page also needs it to be shown: an
    /// image that links to itself.
    pub shown_via: Option<Via>,
    /// When a sitemap or feed says that it was last changed, as written there; at most 40 bytes.
    pub lastmod: Option<Arc<str>>,
    /// What it is called on its page, on [request](Source::with_text): the text of an `a`, the `alt` of an `img` or
    /// `area`; decoded, white space folded, at most [`MAX_TEXT`] characters.
    pub text: Option<Box<str>>,
}

/// What a link is for. In the order in which a crawl prefers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LinkKind {
    /// Leads to another page: `a`, `area`, frames, a refresh, `<link rel=next>`.
    Navigation,
    /// Is needed to show this page: images, scripts, style sheets, media.
    Requisite,
    /// Neither: the target of a form, `<link rel=pingback>`.
    Other,
}

impl LinkKind {
    /// The kind with this name, if there is one.
    pub fn find(name: &str) -> Option<Self> {
        [Self::Navigation, Self::Requisite, Self::Other].into_iter().find(|kind| kind.as_str() == name)
    }

    /// The stable name, as it stands in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Navigation => "navigation",
            Self::Requisite => "requisite",
            Self::Other => "other",
        }
    }
}

/// What a response links to: in its headers, and in its body if that is HTML, a style sheet, or a [`sitemap()`]; without a
/// content type, HTML is recognised by its first tag (WHATWG MIME Sniffing §7.1).
pub fn outlinks(source: &Source<'_>) -> Page {
    if let Some(page) = sitemap(source) {
        return page;
    }
    let charset = source.charset();
    let in_headers = headers::links(source.headers, source.url);
    let encoding = charset.unwrap_or(UTF_8);
    let is_sheet = source.with_css && is(source.content_type, "text/css");
    let text = match is_sheet || is_html(source.content_type, source.body) {
        true => charset::to_utf8(encoding, source.body),
        false => Cow::Borrowed(&[][..]),
    };
    let found = match is_sheet {
        true => html::read_sheet(&text),
        false => html::read(&text, source.robot, source.with_css, source.with_text),
    };
    let base = found.base.and_then(|base| declared_base(base, source.url, encoding));
    // Neither the base of the page nor its encoding is that of a header.
    let mut links =
        Links::new(source, Resolver::new(source.url.clone(), UTF_8), in_headers.len() + found.links.len());
    for link in &in_headers {
        links.take(link);
    }
    if base.is_some() || encoding != UTF_8 {
        links.rebase(Resolver::new(base.as_ref().unwrap_or(source.url).clone(), encoding));
    }
    links.take_all(&found);
    links.into_page(Page { charset, base, ..about(&found, source) })
}

/// What a sitemap, an index of sitemaps, or an RSS or Atom feed links to; `None` for anything else.
///
/// It is recognised by its root element: the types that they are served as say little, and `text/html` is among them.
pub fn sitemap(source: &Source<'_>) -> Option<Page> {
    // Every page comes by here, so what is cheap is asked first; only UTF-16 hides what it begins with.
    let is_utf_16 =
        matches!(source.body, [0xfe, 0xff, ..] | [0xff, 0xfe, ..] | [0, b'<', ..] | [b'<', 0, ..]);
    if !is_utf_16 && !sitemap::is_map(source.body) {
        return None;
    }
    let encoding = charset::sniff_xml(source.charset, source.body);
    let text = charset::to_utf8(encoding, source.body);
    sitemap::read(&text, source.url).map(|map| listed(map, source, encoding))
}

/// What a plain list of URLs, one per line, links to. Only who has been told that a text is a sitemap can know that it
/// is one (sitemaps.org, "Text file").
pub fn url_list(source: &Source<'_>) -> Page {
    let encoding = source.charset().unwrap_or(UTF_8);
    let text = charset::to_utf8(encoding, source.body);
    listed(sitemap::lines(&text), source, encoding)
}

fn listed(map: sitemap::Map<'_>, source: &Source<'_>, encoding: &'static Encoding) -> Page {
    // URLs in XML are not written in the encoding of the document.
    let mut links = Links::new(source, Resolver::new(source.url.clone(), UTF_8), map.links.len());
    for link in &headers::links(source.headers, source.url) {
        links.take(link);
    }
    for found in &map.links {
        links.take_dated(&found.text, found.role, found.lastmod.as_ref());
    }
    let ignored = map.ignored;
    links.into_page(Page { charset: Some(encoding), ignored, ..about(&Found::default(), source) })
}

/// How many links are written in an HTML page, whatever they lead to: the part of [`outlinks`] that reads each byte, for
/// those who measure it.
#[doc(hidden)]
pub fn written_links(body: &[u8]) -> usize {
    html::read(body, "", false, false).links.len()
}

/// What a response says of itself, for callers that need no links: reads no further than `<body>`, and of a page that
/// must be decoded first no further than [`charset::PREFIX`].
pub fn head(source: &Source<'_>) -> Page {
    let charset = source.charset();
    let text = match charset.filter(|_| is_html(source.content_type, source.body)) {
        None => Cow::Borrowed(&[][..]),
        Some(encoding) if encoding == UTF_8 => source.body.into(),
        Some(encoding) => charset::to_utf8(encoding, &source.body[..source.body.len().min(charset::PREFIX)]),
    };
    Page { charset, ..about(&html::read_head(&text, source.robot), source) }
}

fn about(found: &Found<'_>, source: &Source<'_>) -> Page {
    let mut robots = Directives::default();
    found.robots.iter().for_each(|content| robots.meta(&entity::attribute(content)));
    for (_, value) in source.headers.iter().filter(|(name, _)| *name == "x-robots-tag") {
        robots.header(&String::from_utf8_lossy(value), source.robot);
    }
    let nofollow = robots.nofollow();
    Page { title: found.title.and_then(tidy), robots: robots.into_words(), nofollow, ..Page::default() }
}

impl Source<'_> {
    fn charset(&self) -> Option<&'static Encoding> {
        charset::of(self.content_type, self.charset, self.body, self.url.host_str())
    }
}

impl Link {
    /// The same as a link to what the page needs, if it is that too.
    pub(crate) fn as_requisite(&self) -> Option<Self> {
        let via = self.shown_via?;
        let kind = LinkKind::Requisite;
        Some(Self { via, kind, nofollow: false, shown_via: None, text: None, ..self.clone() })
    }

    fn new(url: CrawlUrl, fingerprint: u64, role: Role) -> Self {
        let Role { via, kind, nofollow } = role;
        Self { url, fingerprint, via, kind, nofollow, shown_via: None, lastmod: None, text: None }
    }

    fn role_or_better(&mut self, other: Role) {
        let before = Role { via: self.via, kind: self.kind, nofollow: self.nofollow };
        let mut role = before;
        role.or_better(other);
        (self.via, self.kind, self.nofollow) = (role.via, role.kind, role.nofollow);
        if role.via != before.via {
            self.text = None;
        }
        let mut requisites = [before, other].into_iter().filter(|role| role.kind == LinkKind::Requisite);
        if role.kind == LinkKind::Navigation {
            self.shown_via = self.shown_via.or(requisites.next().map(|role| role.via));
        }
    }
}

/// The base that the first `<base href>` declares (WHATWG HTML §4.2.3). If that one is of no use, a
/// later one does not count either. What is relative to a longer one than a link may be would be too long as well.
fn declared_base(href: &[u8], page_url: &Url, encoding: &'static Encoding) -> Option<Url> {
    let base = resolve::join(page_url, &entity::attribute(href), encoding).ok()?;
    (matches!(base.scheme(), "http" | "https") && base.as_str().len() <= MAX_LINK_LEN).then_some(base)
}

/// Whether a body is scanned. A content type that says nothing counts as missing (MIME Sniffing §7).
pub(crate) fn is_html(content_type: Option<&str>, body: &[u8]) -> bool {
    let is = |name: &str| is(content_type, name);
    is("text/html")
        || is("application/xhtml+xml")
        || (["", "unknown/unknown", "application/unknown", "*/*"].iter().any(|name| is(name))
            && looks_like_html(body))
}

/// Whether a content type is of this name, whatever its parameters.
fn is(content_type: Option<&str>, name: &str) -> bool {
    essence(content_type).eq_ignore_ascii_case(name)
}

/// A content type without its parameters (MIME Sniffing §4).
fn essence(content_type: Option<&str>) -> &str {
    content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim()
}

/// Whether a body begins as only HTML does (MIME Sniffing §7.1).
fn looks_like_html(body: &[u8]) -> bool {
    const STARTS: [&str; 16] = [
        "<!doctype html",
        "<html",
        "<head",
        "<script",
        "<iframe",
        "<h1",
        "<div",
        "<font",
        "<table",
        "<a",
        "<style",
        "<title",
        "<b",
        "<body",
        "<br",
        "<p",
    ];
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let spaces = body.iter().take_while(|&&byte| scan::is_space(byte)).count();
    let body = &body[spaces..];
    let begins = |start: &str| {
        body.get(..start.len()).is_some_and(|found| found.eq_ignore_ascii_case(start.as_bytes()))
            && matches!(body.get(start.len()), Some(b' ' | b'>'))
    };
    body.starts_with(b"<!--") || STARTS.iter().any(|start| begins(start))
}

/// A title as it is shown.
pub(crate) fn tidy(raw: &[u8]) -> Option<String> {
    let mut title = String::new();
    // Enough for any title; a page that never closes its title is not copied.
    for word in entity::text(&raw[..raw.len().min(64 * MAX_TITLE_LEN)]).split_ascii_whitespace() {
        if title.len() >= MAX_TITLE_LEN {
            break;
        }
        if !title.is_empty() {
            title.push(' ');
        }
        title.push_str(word);
    }
    while title.len() > MAX_TITLE_LEN {
        title.pop();
    }
    title.truncate(title.trim_end().len());
    (!title.is_empty()).then_some(title)
}

#[cfg(test)]
mod tests;
