//! Which attributes of which elements are links, and of what kind: a table, [`element`].
//!
//! [`read`] walks over a page once and gathers what it says: its title, its base, what it asks of robots, its links as
//! written.
//! Nothing is resolved here, since a `<base>` holds for the links before it too; `links` does that next.
//!
//! `<link>` is split as the standard splits it (WHATWG HTML §4.6.8): hyperlinks (`canonical`, `next`,
//! `alternate`, …) lead to pages, external resources (`stylesheet`, `icon`, …) are part of this one.

use std::borrow::Cow;

use super::label::Label;
use super::scan::{Attrs, Scanner, Tag, is_space};
use super::{LinkKind, Via, css, entity, values};

/// Elements that address robots, of which no page needs many.
const MAX_ROBOTS: usize = 16;

/// What a page says, as it is written there.
#[derive(Default)]
pub(super) struct Found<'a> {
    /// What the first `<title>` holds.
    pub(super) title: Option<&'a [u8]>,
    /// The `href` of the first `<base>` that has one.
    pub(super) base: Option<&'a [u8]>,
    /// The contents of each `<meta name=robots>`, or with the name of this robot.
    pub(super) robots: Vec<&'a [u8]>,
    pub(super) links: Vec<RawLink<'a>>,
    /// What links are called, each with the place of its link in `links`; in order.
    pub(super) labels: Vec<(usize, Box<str>)>,
}

/// A link before it is resolved.
pub(super) struct RawLink<'a> {
    pub(super) value: Value<'a>,
    pub(super) role: Role,
}

/// How far the text of a link has been read.
pub(super) enum Value<'a> {
    /// An attribute value as written: most links, of which most are found to be duplicates or plain.
    Raw(&'a [u8]),
    /// Part of a value that had to be decoded to find the link in it.
    Decoded(Cow<'a, str>),
}

/// Where a link stands and what it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Role {
    pub(super) via: Via,
    pub(super) kind: LinkKind,
    pub(super) nofollow: bool,
}

impl Role {
    /// Of two links to one URL the one that a crawl would rather follow counts: navigation before all
    /// else, and without `nofollow` before with it. Otherwise the first.
    pub(super) fn or_better(&mut self, other: Self) {
        let reluctance = |role: &Self| (role.kind, role.nofollow);
        if reluctance(&other) < reluctance(self) {
            *self = other;
        }
    }
}

/// An element that has links.
pub(super) struct Element {
    pub(super) links: &'static [(Via, LinkKind)],
    gate: Gate,
}

/// What else decides whether and what an element's attributes link to.
#[derive(Clone, Copy)]
enum Gate {
    Open,
    /// `rel` may say `nofollow`.
    Rel,
    /// `rel` says what kind of link it is.
    LinkRel,
    /// Only `method=get`, which is the default.
    FormGet,
    /// Only `type=image`.
    InputImage,
}

use LinkKind::{Navigation, Other, Requisite};

/// A row of the table: element, attributes with the kind of their links, gate.
macro_rules! element {
    ($tag:literal, [$(($attr:literal, $kind:ident)),*], $gate:ident) => {
        const { &Element { links: &[$((Via::named($tag, $attr), $kind)),*], gate: Gate::$gate } }
    };
}

/// The table. `None` for elements without links.
#[inline(always)] // for `take`, which asks for every tag
pub(super) fn element(name: &[u8]) -> Option<&'static Element> {
    Some(match name {
        b"a" => element!("a", [("href", Navigation)], Rel),
        b"area" => element!("area", [("href", Navigation)], Rel),
        b"audio" => element!("audio", [("src", Requisite)], Open),
        b"body" => element!("body", [("background", Requisite)], Open),
        b"embed" => element!("embed", [("src", Requisite)], Open),
        b"form" => element!("form", [("action", Other)], FormGet),
        b"frame" => element!("frame", [("src", Navigation)], Open),
        b"iframe" => element!("iframe", [("src", Navigation)], Open),
        // The parser turns `image` into `img` (§13.2.6.4.7).
        b"img" | b"image" => element!("img", [("src", Requisite), ("srcset", Requisite)], Open),
        b"input" => element!("input", [("src", Requisite)], InputImage),
        b"link" => element!("link", [("href", Other), ("imagesrcset", Requisite)], LinkRel),
        b"object" => element!("object", [("data", Requisite)], Open),
        b"script" => element!("script", [("src", Requisite)], Open),
        b"source" => element!("source", [("src", Requisite), ("srcset", Requisite)], Open),
        b"table" => element!("table", [("background", Requisite)], Open),
        b"td" => element!("td", [("background", Requisite)], Open),
        b"th" => element!("th", [("background", Requisite)], Open),
        b"track" => element!("track", [("src", Requisite)], Open),
        b"video" => element!("video", [("src", Requisite), ("poster", Requisite)], Open),
        _ => return None,
    })
}

/// The same for elements of SVG.
pub(super) fn foreign_element(name: &[u8]) -> Option<&'static Element> {
    Some(match name {
        b"a" => element!("a", [("href", Navigation), ("xlink:href", Navigation)], Rel),
        b"image" => element!("image", [("href", Requisite), ("xlink:href", Requisite)], Open),
        _ => return None,
    })
}

impl Gate {
    fn attr(self) -> &'static str {
        match self {
            Self::Open => "",
            Self::Rel | Self::LinkRel => "rel",
            Self::FormGet => "method",
            Self::InputImage => "type",
        }
    }

    /// The kind of a link that the table calls `kind`, or `None` when it is no link.
    fn pass(self, kind: LinkKind, value: Option<&[u8]>) -> Option<LinkKind> {
        let value = value.unwrap_or_default();
        match self {
            Self::Open | Self::Rel => Some(kind),
            Self::LinkRel => link_kind(value),
            // An invalid method means `get` (§4.10.18.6).
            Self::FormGet => (!is(value, "post") && !is(value, "dialog")).then_some(kind),
            Self::InputImage => is(value, "image").then_some(kind),
        }
    }
}

/// What the target of a `<link>` is to the page (§4.6.8). A resource that is also an alternative
/// (`alternate stylesheet`) is a resource; one that is only connected to is no link. `prefetch` is for the next page and no
/// part of this one.
pub(super) fn link_kind(rel: &[u8]) -> Option<LinkKind> {
    const RESOURCES: [&str; 8] = [
        "stylesheet",
        "icon",
        "apple-touch-icon",
        "apple-touch-icon-precomposed",
        "mask-icon",
        "manifest",
        "preload",
        "modulepreload",
    ];
    const PAGES: [&str; 16] = [
        "canonical",
        "next",
        "prev",
        "previous",
        "alternate",
        "first",
        "last",
        "start",
        "up",
        "index",
        "contents",
        "author",
        "help",
        "license",
        "privacy-policy",
        "terms-of-service",
    ];
    const CONNECTIONS: [&str; 2] = ["preconnect", "dns-prefetch"];
    let says = |words: &[&str]| tokens(rel).any(|token| words.iter().any(|word| is(token, word)));
    if says(&RESOURCES) {
        Some(Requisite)
    } else if says(&PAGES) {
        Some(Navigation)
    } else {
        (!says(&CONNECTIONS)).then_some(Other)
    }
}

/// Reads a page.
///
/// `with_css` says whether style sheets are read too: to look for `style` in every tag is not free. Nor is to look what
/// links are called.
pub(super) fn read<'a>(body: &'a [u8], robot: &str, with_css: bool, with_text: bool) -> Found<'a> {
    let mut found = Found { links: Vec::with_capacity(64), ..Found::default() };
    let mut scanner = Scanner::new(body);
    if !with_css && !with_text {
        // Nearly all pages: a loop that does nothing else is some percent faster.
        while let Some(tag) = scanner.next_tag() {
            found.take(&tag, robot);
        }
        return found;
    }
    while let Some(tag) = scanner.next_tag() {
        let before = found.links.len();
        found.take(&tag, robot);
        let links = before..found.links.len();
        if with_css {
            found.styles(&tag);
        }
        if with_text
            && !links.is_empty()
            && let Some(label) = Label::of(&tag)
            && let Some(text) = label.read(scanner.rest())
        {
            found.labels.extend(links.map(|link| (link, text.clone())));
        }
    }
    found
}

/// Reads a style sheet, which has nothing but links.
pub(super) fn read_sheet(body: &[u8]) -> Found<'_> {
    let mut found = Found::default();
    found.sheet(css::text(body));
    found
}

/// Reads title and robots, which stand before `<body>`: goes on to the title, and then as long as there are elements of a
/// head.
pub(super) fn read_head<'a>(body: &'a [u8], robot: &str) -> Found<'a> {
    let mut found = Found::default();
    let mut scanner = Scanner::new(body);
    while let Some(tag) = scanner.next_tag() {
        match tag.name.as_bytes() {
            b"title" | b"meta" => found.take(&tag, robot),
            b"body" => break,
            name if found.title.is_some() && !HEAD.contains(&name) => break,
            _ => {}
        }
    }
    found
}

/// Elements that a head may hold (§4.2, §13.2.6.4.4), those of old included, but for those that are read.
const HEAD: [&[u8]; 11] = [
    b"base",
    b"basefont",
    b"bgsound",
    b"head",
    b"html",
    b"link",
    b"noframes",
    b"noscript",
    b"script",
    b"style",
    b"template",
];

impl<'a> Found<'a> {
    fn take(&mut self, tag: &Tag<'_, 'a>, robot: &str) {
        let name = tag.name.as_bytes();
        if tag.foreign {
            if let Some(element) = foreign_element(name) {
                self.links_of(element, tag.attrs);
            }
            return;
        }
        match name {
            b"title" => self.title = self.title.or(Some(tag.text)),
            b"base" => self.base = self.base.or(tag.attrs.pick(["href"])[0]),
            b"meta" => self.meta(tag.attrs, robot),
            _ => {
                if let Some(element) = element(name) {
                    self.links_of(element, tag.attrs);
                }
            }
        }
    }

    fn links_of(&mut self, element: &'static Element, attrs: Attrs<'_, 'a>) {
        let attr = |at: usize| element.links.get(at).map_or("", |link| link.0.attr());
        let [first, second, gate] = attrs.pick([attr(0), attr(1), element.gate.attr()]);
        let nofollow = gate.is_some_and(says_nofollow);
        for (&(via, kind), value) in element.links.iter().zip([first, second]) {
            let Some(value) = value else { continue };
            let Some(kind) = element.gate.pass(kind, gate) else { continue };
            let role = Role { via, kind, nofollow };
            if via.attr().ends_with("srcset") {
                self.several(value, role);
            } else {
                self.links.push(RawLink { value: Value::Raw(value), role });
            }
        }
    }

    /// `<meta http-equiv=refresh>` and `<meta name=robots>`.
    fn meta(&mut self, attrs: Attrs<'_, 'a>, robot: &str) {
        let [Some(content), equiv, name] = attrs.pick(["content", "http-equiv", "name"]) else { return };
        if equiv.is_some_and(|equiv| is(equiv, "refresh")) {
            let role =
                Role { via: const { Via::named("meta", "content") }, kind: Navigation, nofollow: false };
            let url = match entity::attribute(content) {
                Cow::Borrowed(content) => values::refresh(content).map(Cow::Borrowed),
                Cow::Owned(content) => values::refresh(&content).map(|url| Cow::Owned(url.to_owned())),
            };
            if let Some(url) = url {
                self.push(url, role);
            }
        }
        if name.is_some_and(|name| is(name, "robots") || (!robot.is_empty() && is(name, robot)))
            && self.robots.len() < MAX_ROBOTS
        {
            self.robots.push(content);
        }
    }

    /// The links of a `style` attribute, and of `<style>`.
    fn styles(&mut self, tag: &Tag<'_, 'a>) {
        if let [Some(style)] = tag.attrs.pick(["style"])
            && css::is_worth_reading(style)
        {
            self.declarations(entity::attribute(style));
        }
        if tag.name.as_bytes() == b"style" {
            self.sheet(css::text(tag.text));
        }
    }

    /// The links of an attribute, in which no rule can stand (CSS Style Attributes §3), `@import` neither.
    fn declarations(&mut self, style: Cow<'a, str>) {
        for (url, via) in css::links(style).into_iter().filter(|(_, via)| *via != css::IMPORT) {
            self.push(url, Role { via, kind: Requisite, nofollow: false });
        }
    }

    /// The links of a style sheet.
    fn sheet(&mut self, sheet: Cow<'a, str>) {
        for (url, via) in css::links(sheet) {
            self.push(url, Role { via, kind: Requisite, nofollow: false });
        }
    }

    /// The candidates of a `srcset`.
    fn several(&mut self, value: &'a [u8], role: Role) {
        match entity::attribute(value) {
            Cow::Borrowed(value) => {
                for url in values::srcset(value) {
                    self.push(url.into(), role);
                }
            }
            Cow::Owned(value) => {
                for url in values::srcset(&value) {
                    self.push(url.to_owned().into(), role);
                }
            }
        }
    }

    fn push(&mut self, url: Cow<'a, str>, role: Role) {
        self.links.push(RawLink { value: Value::Decoded(url), role });
    }
}

/// Whether a `rel` says `nofollow`.
pub(super) fn says_nofollow(rel: &[u8]) -> bool {
    rel.len() >= "nofollow".len() && tokens(rel).any(|token| is(token, "nofollow"))
}

fn tokens(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| is_space(byte)).filter(|token| !token.is_empty())
}

fn is(value: &[u8], word: &str) -> bool {
    value.eq_ignore_ascii_case(word.as_bytes())
}

#[cfg(test)]
#[path = "html_tests.rs"]
mod tests;
