//! A page or style sheet with other links: what `--mirror` makes of what it saved.
//!
//! [`relink`] walks over a text as `html` does, by the same tables, but for where each link is written. Whoever calls says
//! which URLs there is a file for; links to these become relative, all others absolute, so that the page can stand anywhere.
//! Everything else of the page stays as it was, byte for byte and in its own encoding ([`edits`](self::edits)), but for
//! what stops to hold: `<base href>`, a policy that names hosts, and `integrity` and `crossorigin` of what is no longer asked of a server.
//! A text whose encoding only its server told says it itself from now on.
//!
//! Promises: linear time, no panic on any bytes, at most [`MAX_LINK_BYTES`](super::MAX_LINK_BYTES) more than there was.

mod edits;
mod encoding;

use std::borrow::Cow;
use std::ops::Range;

use encoding_rs::UTF_8;

use self::edits::Edits;
use super::html::{self, Element};
use super::links::other_scheme;
use super::resolve::Resolver;
use super::scan::{Attrs, Scanner, Tag};
use super::{MAX_LINK_LEN, Source, charset, css, declared_base, entity, is, is_html, values};

/// A text that has links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A page.
    Html,
    /// A style sheet.
    Css,
}

impl Kind {
    /// What a response is, if it is one of them.
    pub(crate) fn of(content_type: Option<&str>, body: &[u8]) -> Option<Self> {
        match is(content_type, "text/css") {
            true => Some(Self::Css),
            false => is_html(content_type, body).then_some(Self::Html),
        }
    }
}

/// A text with other links.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Relinked {
    /// All of it.
    pub(crate) body: Vec<u8>,
    /// How many links are other ones now.
    pub(crate) links: u64,
}

/// Makes links relative or absolute: `local` gives for a URL without its fragment the relative URL of its file, in ASCII
/// without quotes, white space and `&`, if there is one.
///
/// `source.url` has no user and password, or they would stand in links.
pub(crate) fn relink(
    source: &Source<'_>,
    kind: Kind,
    local: &mut dyn FnMut(&str) -> Option<String>,
) -> Relinked {
    let encoding = source.charset().unwrap_or(UTF_8);
    let text = charset::to_utf8(encoding, source.body);
    let base = match kind {
        Kind::Html => base(&text).and_then(|href| declared_base(href, source.url, encoding)),
        Kind::Css => None,
    };
    let is_based = base.is_some();
    let mut page = Relinker {
        text: &text,
        resolver: Resolver::new(base.unwrap_or_else(|| source.url.clone()), encoding),
        is_based,
        edits: Edits::default(),
        local,
    };
    match kind {
        Kind::Html => page.html(),
        Kind::Css => page.sheet(&text),
    }
    let links = page.edits.links();
    let mut edits = page.edits;
    if encoding::is_missing(encoding, kind, source) {
        let (at, label) = encoding::label(encoding, kind, &text);
        edits.insert(at, label);
    }
    Relinked { body: edits.apply(encoding, source.body), links }
}

/// The first base that a page declares.
fn base(text: &[u8]) -> Option<&[u8]> {
    let mut scanner = Scanner::new(text);
    while let Some(tag) = scanner.next_tag() {
        if tag.name.as_bytes() == b"base"
            && !tag.foreign
            && let [Some(href)] = tag.attrs.pick(["href"])
        {
            return Some(href);
        }
    }
    None
}

/// One text in the making.
struct Relinker<'a, 'l> {
    text: &'a [u8],
    resolver: Resolver,
    is_based: bool,
    edits: Edits,
    local: &'l mut dyn FnMut(&str) -> Option<String>,
}

/// What a link is to become.
struct Target {
    link: String,
    is_local: bool,
}

/// What an attribute holds.
#[derive(Clone, Copy)]
enum Holds {
    Url,
    Candidates,
    Refresh,
    Style,
}

impl Relinker<'_, '_> {
    fn html(&mut self) {
        let text = self.text;
        let mut scanner = Scanner::new(text);
        while let Some(tag) = scanner.next_tag() {
            self.tag(&tag);
        }
    }

    fn tag(&mut self, tag: &Tag<'_, '_>) {
        let name = tag.name.as_bytes();
        let element = match (tag.foreign, name) {
            (true, _) => html::foreign_element(name),
            (false, b"base") => {
                self.disarm(tag.attrs, &["href"]);
                None
            }
            (false, b"meta") => {
                self.meta(tag.attrs);
                None
            }
            (false, _) => html::element(name),
        };
        if element.is_some_and(|element| self.links_of(element, tag.attrs)) {
            // Files have no origin that could be asked for leave, and a style sheet is not the one that was digested.
            self.disarm(tag.attrs, &["integrity", "crossorigin"]);
        }
        if let [Some(style)] = tag.attrs.pick(["style"])
            && css::is_worth_reading(style)
        {
            self.attribute(style, Holds::Style);
        }
        if name == b"style" {
            self.sheet(tag.text);
        }
    }

    /// The links of an element, all of them, whatever they are for; whether one leads to a file now.
    fn links_of(&mut self, element: &'static Element, attrs: Attrs<'_, '_>) -> bool {
        let attr = |at: usize| element.links.get(at).map_or("", |link| link.0.attr());
        let values = attrs.pick([attr(0), attr(1)]);
        let mut is_local = false;
        for (&(via, _), value) in element.links.iter().zip(values) {
            let holds = if via.attr().ends_with("srcset") { Holds::Candidates } else { Holds::Url };
            is_local |= value.is_some_and(|value| self.attribute(value, holds));
        }
        is_local
    }

    fn meta(&mut self, attrs: Attrs<'_, '_>) {
        let [Some(content), Some(equiv)] = attrs.pick(["content", "http-equiv"]) else { return };
        if equiv.eq_ignore_ascii_case(b"refresh") {
            self.attribute(content, Holds::Refresh);
        }
        // It names hosts, and would keep the page from its own files.
        if equiv.eq_ignore_ascii_case(b"content-security-policy") {
            self.disarm(attrs, &["http-equiv"]);
        }
    }

    /// Gives attributes names that mean nothing.
    fn disarm(&mut self, attrs: Attrs<'_, '_>, names: &[&str]) {
        for (name, _) in attrs {
            if names.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
                && let Some(at) = place(name, self.text)
            {
                self.edits.insert(at, "data-".to_owned());
            }
        }
    }

    /// The links of an attribute; whether one leads to a file now.
    fn attribute(&mut self, value: &[u8], holds: Holds) -> bool {
        // A value that is not written stands nowhere.
        let Some(start) = place(value, self.text).filter(|_| !value.is_empty()) else { return false };
        let is_quoted = matches!(self.text.get(start.wrapping_sub(1)), Some(b'"' | b'\''));
        let decoded = entity::attribute(value);
        let (mut changes, mut is_local) = (Vec::new(), false);
        for (range, url) in links_in(&decoded, holds) {
            let Some(target) = self.target(&url) else { continue };
            is_local |= target.is_local;
            let link = if let Holds::Style = holds { css_escaped(&target.link) } else { target.link };
            changes.push((range, link));
        }
        match decoded {
            Cow::Borrowed(_) => {
                for (range, link) in changes {
                    self.edits.link(start + range.start..start + range.end, escaped(&link, is_quoted));
                }
            }
            // What is written is not what it means, so where a link stands in it is lost.
            Cow::Owned(decoded) if !changes.is_empty() => {
                let links = changes.len();
                let whole = replaced(&decoded, changes);
                self.edits.links_in(start..start + value.len(), escaped(&whole, is_quoted), links);
            }
            Cow::Owned(_) => {}
        }
        is_local
    }

    /// The links of a style sheet, which is all or part of the text.
    fn sheet(&mut self, raw: &[u8]) {
        let Some(start) = place(raw, self.text) else { return };
        let sheet = String::from_utf8_lossy(raw);
        let mut links: Vec<(Range<usize>, String)> = Vec::new();
        for (range, url) in in_sheet(&sheet) {
            if let Some(target) = self.target(&url) {
                links.push((range, css_escaped(&target.link)));
            }
        }
        let mut ends: Vec<_> =
            links.iter().flat_map(|(range, _)| [Some(range.start), Some(range.end)]).collect();
        if let Cow::Owned(_) = sheet {
            let decoded: Vec<_> = ends.iter().copied().flatten().collect();
            ends = charset::places(UTF_8, raw, &decoded);
        }
        for (ends, (_, link)) in ends.chunks_exact(2).zip(links) {
            if let [Some(from), Some(to)] = *ends {
                self.edits.link(start + from..start + to, link);
            }
        }
    }

    /// What a link is to become; `None` if it stays as it is.
    fn target(&mut self, written: &str) -> Option<Target> {
        let text = written.trim_matches(|c| c <= ' ');
        if text.is_empty() || (text.starts_with('#') && !self.is_based) {
            return None;
        }
        if text.len() > MAX_LINK_LEN || other_scheme(text.as_bytes()) {
            return None;
        }
        self.resolver.resolve(text).ok()?;
        let url = String::from_utf8_lossy(self.resolver.text());
        let local = (self.local)(&url);
        let is_local = local.is_some();
        if !is_local && is_absolute(text) {
            return None;
        }
        let mut link = local.unwrap_or_else(|| url.into_owned());
        if let Some((_, fragment)) = text.split_once('#') {
            link.push('#');
            push_fragment(fragment, &mut link);
        }
        (link.len() <= MAX_LINK_LEN && self.edits.spend(link.len())).then_some(Target { link, is_local })
    }
}

/// The links that a value holds, and where.
fn links_in(value: &str, holds: Holds) -> Vec<(Range<usize>, Cow<'_, str>)> {
    let part = |part: &str| {
        let start = place(part.as_bytes(), value.as_bytes())?;
        Some((start..start + part.len(), part.to_owned().into()))
    };
    match holds {
        Holds::Url => vec![(0..value.len(), value.into())],
        Holds::Candidates => values::srcset(value).filter_map(part).collect(),
        Holds::Refresh => values::refresh(value).and_then(part).into_iter().collect(),
        Holds::Style => in_sheet(value).collect(),
    }
}

/// The links of a style sheet. A fragment alone is one of the page, whatever its base (CSS Values 4 §4.5.1.1).
fn in_sheet(sheet: &str) -> impl Iterator<Item = (Range<usize>, Cow<'_, str>)> {
    css::places(sheet).into_iter().filter(|(_, url)| !url.starts_with('#'))
}

/// Where `part` stands in `whole`, if it is a part of it.
fn place(part: &[u8], whole: &[u8]) -> Option<usize> {
    let start = part.as_ptr().addr().checked_sub(whole.as_ptr().addr())?;
    (start + part.len() <= whole.len()).then_some(start)
}

/// A value with its links replaced.
fn replaced(value: &str, changes: Vec<(Range<usize>, String)>) -> String {
    let (mut text, mut from) = (String::with_capacity(value.len()), 0);
    for (range, link) in changes {
        text += &value[from..range.start];
        text += &link;
        from = range.end;
    }
    text + &value[from..]
}

/// Whether a link is one wherever its page stands.
fn is_absolute(link: &str) -> bool {
    let starts =
        |scheme: &str| link.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    starts("http://") || starts("https://")
}

/// Appends a fragment as a parser of URLs serialises it.
fn push_fragment(fragment: &str, link: &mut String) {
    for byte in fragment.bytes() {
        match byte {
            b'\t' | b'\n' | b'\r' => {}
            b'"' | b'<' | b'>' | b'`' | b'\\' | ..=b' ' | 0x7f.. => *link += &format!("%{byte:02X}"),
            _ => link.push(char::from(byte)),
        }
    }
}

/// A URL in a string or `url()` of a style sheet.
fn css_escaped(link: &str) -> String {
    let mut escaped = String::with_capacity(link.len());
    for c in link.chars() {
        if matches!(c, '\'' | '(' | ')') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// The text of an attribute value, in ASCII.
fn escaped(value: &str, is_quoted: bool) -> String {
    let mut escaped = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '&' => escaped += "&amp;",
            '"' | '\'' | '<' | '>' | '`' | '\u{80}'.. => escaped += &format!("&#{};", u32::from(c)),
            ' ' | '\t' | '\n' | '\r' | '\x0c' | '=' if !is_quoted => {
                escaped += &format!("&#{};", u32::from(c))
            }
            _ => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
#[path = "relink_tests.rs"]
mod tests;
