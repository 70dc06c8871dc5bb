//! Where a page is inside `svg` or `math`, which changes what the tokenizer does.
//!
//! In foreign content `<title>`, `<style>` and `<script>` are ordinary elements (so `<style/>` is closed),
//! and CDATA sections are real (WHATWG HTML §13.2.6, §13.2.6.5). [`Foreign`] keeps the few open elements
//! that decide this; `scan` tells it every start tag, and end tags while there is anything to close.
//!
//! It is no tree builder: end tags close the nearest open element of their name, whatever HTML elements
//! were left open in between. Promises constant time per tag: the stack has at most [`MAX_DEPTH`] entries.

use super::scan::Attrs;

/// Deeper nesting than any page needs is not followed.
const MAX_DEPTH: usize = 64;

/// The open elements that matter.
#[derive(Default)]
pub(super) struct Foreign {
    open: Vec<Open>,
}

#[derive(Clone, Copy, PartialEq)]
enum Open {
    /// An element of SVG; all of them hold their name.
    Svg(&'static [u8]),
    /// An element of MathML.
    Math(&'static [u8]),
    /// An element of either whose content is HTML again, while it has left no element open.
    BareHtml(&'static [u8]),
    /// The same afterwards.
    Html(&'static [u8]),
}

/// §13.2.6.5: start tags that no foreign content may hold, which therefore end it.
const BREAKOUT: [&[u8]; 44] = [
    b"b",
    b"big",
    b"blockquote",
    b"body",
    b"br",
    b"center",
    b"code",
    b"dd",
    b"div",
    b"dl",
    b"dt",
    b"em",
    b"embed",
    b"h1",
    b"h2",
    b"h3",
    b"h4",
    b"h5",
    b"h6",
    b"head",
    b"hr",
    b"i",
    b"img",
    b"li",
    b"listing",
    b"menu",
    b"meta",
    b"nobr",
    b"ol",
    b"p",
    b"pre",
    b"ruby",
    b"s",
    b"small",
    b"span",
    b"strong",
    b"strike",
    b"sub",
    b"sup",
    b"table",
    b"tt",
    b"u",
    b"ul",
    b"var",
];

/// More elements that are HTML wherever they stand. `</section>` within `svg` closes a section around it,
/// and the `svg` with it, as the end tags of [`BREAKOUT`] do.
const HTML_ONLY: [&[u8]; 24] = [
    b"address",
    b"article",
    b"aside",
    b"button",
    b"caption",
    b"details",
    b"dialog",
    b"fieldset",
    b"figcaption",
    b"figure",
    b"footer",
    b"form",
    b"header",
    b"html",
    b"label",
    b"main",
    b"nav",
    b"section",
    b"summary",
    b"tbody",
    b"td",
    b"th",
    b"thead",
    b"tr",
];

/// Elements that never stay open (§13.1.2).
const VOID: [&[u8]; 13] = [
    b"area", b"base", b"br", b"col", b"embed", b"hr", b"img", b"input", b"link", b"meta", b"source",
    b"track", b"wbr",
];

impl Foreign {
    /// Whether anything is open that an end tag could close.
    pub(super) fn any(&self) -> bool {
        !self.open.is_empty()
    }

    /// Whether what comes next is in foreign content.
    pub(super) fn active(&self) -> bool {
        matches!(self.open.last(), Some(Open::Svg(_) | Open::Math(_)))
    }

    /// Whether a CDATA section may come next: also right within an element whose content is HTML, since
    /// that element itself is none (§13.2.5.42).
    pub(super) fn takes_cdata(&self) -> bool {
        self.active() || matches!(self.open.last(), Some(Open::BareHtml(_)))
    }

    /// Takes note of a start tag, and says whether its element is a foreign one.
    #[inline]
    pub(super) fn open(&mut self, name: &[u8], attrs: Attrs<'_, '_>, self_closing: bool) -> bool {
        // Most pages have nothing of it.
        let matters = self.any() || matches!(name, b"svg" | b"math");
        matters && self.open_here(name, attrs, self_closing)
    }

    fn open_here(&mut self, name: &[u8], attrs: Attrs<'_, '_>, self_closing: bool) -> bool {
        if !self.active() {
            return self.open_in_html(name, self_closing);
        }
        if BREAKOUT.contains(&name) || (name == b"font" && is_html_font(attrs)) {
            self.leave();
            return false;
        }
        let inside = self.open.last().copied();
        if !self_closing
            && self.open.len() < MAX_DEPTH
            && let Some(entered) = entered(name, inside, attrs)
        {
            self.open.push(entered);
        }
        true
    }

    fn open_in_html(&mut self, name: &[u8], self_closing: bool) -> bool {
        let root = match name {
            b"svg" => Open::Svg(b"svg"),
            b"math" => Open::Math(b"math"),
            _ => {
                if let Some(open) = self.open.last_mut()
                    && !VOID.contains(&name)
                {
                    *open = Open::Html(open.name());
                    self.open_namesake(name);
                }
                return false;
            }
        };
        if !self_closing && self.open.len() < MAX_DEPTH {
            self.open.push(root);
        }
        true
    }

    /// An HTML element that happens to be called like the integration point around it, so that its end tag does
    /// not close that. (`title` needs none: as an HTML element it is text up to its end tag.)
    fn open_namesake(&mut self, name: &[u8]) {
        if let Some(open) = self.open.last().copied()
            && open.name() == name
            && name != b"title"
            && self.open.len() < MAX_DEPTH
        {
            self.open.push(open);
        }
    }

    /// Takes note of an end tag.
    pub(super) fn close(&mut self, name: &[u8]) {
        if let Some(at) = self.open.iter().rposition(|open| open.name() == name) {
            self.open.truncate(at);
        } else if BREAKOUT.contains(&name) || HTML_ONLY.contains(&name) {
            self.leave();
        }
    }

    fn leave(&mut self) {
        while self.active() {
            self.open.pop();
        }
    }
}

impl Open {
    fn name(self) -> &'static [u8] {
        match self {
            Self::Svg(name) | Self::Math(name) | Self::BareHtml(name) | Self::Html(name) => name,
        }
    }
}

/// What an element opens within `svg` or `math`, if that matters (§13.2.6.5: integration points). It is of
/// the language around it, whatever its name, except `svg` in an `annotation-xml`.
fn entered(name: &[u8], inside: Option<Open>, attrs: Attrs<'_, '_>) -> Option<Open> {
    Some(match (name, inside?) {
        (b"svg", Open::Svg(_) | Open::Math(b"annotation-xml")) => Open::Svg(b"svg"),
        (b"svg", Open::Math(_)) => Open::Math(b"svg"),
        (b"math", Open::Math(_)) => Open::Math(b"math"),
        (b"math", Open::Svg(_)) => Open::Svg(b"math"),
        (b"foreignobject", Open::Svg(_)) => Open::BareHtml(b"foreignobject"),
        (b"desc", Open::Svg(_)) => Open::BareHtml(b"desc"),
        (b"title", Open::Svg(_)) => Open::BareHtml(b"title"),
        (b"mi", Open::Math(_)) => Open::BareHtml(b"mi"),
        (b"mo", Open::Math(_)) => Open::BareHtml(b"mo"),
        (b"mn", Open::Math(_)) => Open::BareHtml(b"mn"),
        (b"ms", Open::Math(_)) => Open::BareHtml(b"ms"),
        (b"mtext", Open::Math(_)) => Open::BareHtml(b"mtext"),
        (b"annotation-xml", Open::Math(_)) if holds_html(attrs) => Open::BareHtml(b"annotation-xml"),
        (b"annotation-xml", Open::Math(_)) => Open::Math(b"annotation-xml"),
        _ => return None,
    })
}

fn holds_html(attrs: Attrs<'_, '_>) -> bool {
    let [encoding] = attrs.pick(["encoding"]);
    encoding.is_some_and(|encoding| {
        encoding.eq_ignore_ascii_case(b"text/html") || encoding.eq_ignore_ascii_case(b"application/xhtml+xml")
    })
}

fn is_html_font(attrs: Attrs<'_, '_>) -> bool {
    attrs.pick(["color", "face", "size"]).iter().any(Option::is_some)
}
