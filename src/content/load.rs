//! What the tree of a page would cost, counted before it is built.
//!
//! Parsers follow the HTML Standard, which lets a page of 100 KB make a tree of 10,000 levels (`<div>` again and again), in
//! time that grows with the square of it, or repeat its open formatting elements in each paragraph. Measured on such pages,
//! the crate that finds the main content took 18 s for 10,000 nested `<div>`, and overflowed the stack on 10,000 `<b>`.
//! Within these limits no page of 1 MB that we found, random soup of tags included, takes more than two seconds or 150 MB.
//!
//! This follows the stack of open elements (WHATWG HTML §13.2.4.2) and the list of formatting elements (§13.2.4.3) closely enough:
//! it may count too much, for pages that leave elements open, and hardly ever too little.

use std::collections::HashMap;
use std::hash::Hasher as _;
use std::sync::LazyLock;

use siphasher::sip::SipHasher13;

use crate::extract::scan::{Scanner, Tag, Token};

/// The most that is read of a page, bytes of UTF-8: 4 MiB.
pub const MAX_BYTES: usize = 4 << 20;
/// Elements within each other. Chrome stops at 512; pages of the web rarely have 60.
pub(super) const MAX_DEPTH: usize = 200;
/// Start and end tags.
const MAX_TAGS: usize = 200_000;
/// The sum over all tags of the elements that are open: lists in lists are indented line by line.
const MAX_WORK: usize = 4_000_000;
/// Formatting elements that are open at once: each paragraph gets its own copies.
const MAX_FORMATTING: usize = 64;
/// Of formatting elements that are alike three are kept ("Noah's Ark clause").
const ARK: usize = 3;
/// Attributes of a tag: each is compared to those before it.
const MAX_ATTRS: usize = 256;
/// Tags that stand where they mean nothing, or close across others: what a parser makes of each is a matter of special cases,
/// and those that are not followed here can only matter so often.
const MAX_STRAY: usize = 3_000;
/// Bytes that links may come to when they are made absolute.
const MAX_LINK_BYTES: usize = 16 << 20;

/// Whether a page that links relative to a URL of `base` bytes may be made a tree.
pub(super) fn is_bearable(html: &[u8], base: usize) -> bool {
    html.len() <= MAX_BYTES && Load::new(base).of(html).is_some()
}

struct Load {
    open: Vec<Open>,
    formatting: Vec<Formatting>,
    tags: usize,
    work: usize,
    stray: usize,
    links: usize,
    /// Length of the URL that links are relative to.
    base: usize,
}

/// An open element.
struct Open {
    name: Tagname,
    class: Class,
    /// Formatting elements when it was opened; what is opened in a cell ends with it.
    formatting: usize,
}

impl Open {
    /// What is formatted in it ends with it (§13.2.4.3).
    fn is_marker(&self) -> bool {
        const MARKERS: [&[u8]; 7] = [b"applet", b"caption", b"marquee", b"object", b"td", b"template", b"th"];
        MARKERS.iter().any(|name| self.name == padded(name))
    }

    /// The end of its parent ends it (§13.1.2.4).
    fn ends_by_itself(&self) -> bool {
        const NAMES: &str = "p li dd dt option optgroup rt rp tr td th tbody thead tfoot";
        NAMES.split(' ').any(|name| self.name == padded(name.as_bytes()))
    }

    fn takes_table_parts(&self) -> bool {
        self.name == padded(b"table") || self.name == padded(b"template")
    }
}

fn is_table_part(name: &[u8]) -> bool {
    matches!(name, b"caption" | b"tbody" | b"thead" | b"tfoot" | b"tr" | b"td" | b"th")
}

type Tagname = [u8; 16];

/// Element, and a hash of it with its attributes.
type Formatting = (Tagname, u64);

impl Load {
    fn new(base: usize) -> Self {
        Self { open: Vec::new(), formatting: Vec::new(), tags: 0, work: 0, stray: 0, links: 0, base }
    }

    /// `None` when it is too much.
    fn of(mut self, html: &[u8]) -> Option<()> {
        let mut scanner = Scanner::new(html);
        while let Some(token) = scanner.next_token() {
            match token {
                Token::Text(_) => continue,
                Token::Start(tag) => self.start(&tag)?,
                Token::End(name) => self.end(name.as_bytes()),
            }
            self.tags += 1;
            self.work += 1 + self.open.len() + self.formatting.len();
            if self.tags > MAX_TAGS || self.work > MAX_WORK || self.stray > MAX_STRAY {
                return None;
            }
        }
        Some(())
    }

    fn start(&mut self, tag: &Tag<'_, '_>) -> Option<()> {
        let (name, class) = (tag.name.as_bytes(), Class::of(tag.name.as_bytes()));
        self.link(name, tag);
        if tag.attrs.count() > MAX_ATTRS || self.links > MAX_LINK_BYTES {
            return None;
        }
        // Of foreign elements any can hold others, but for those that close themselves.
        let is_leaf = if tag.foreign { tag.self_closing } else { matches!(class, Class::Void | Class::Raw) };
        if is_leaf {
            return Some(());
        }
        // Parts of tables are nothing outside of one.
        if is_table_part(name) && !self.open.iter().any(Open::takes_table_parts) {
            self.stray += 1;
            return Some(());
        }
        self.close_before(name, class);
        let formatting = self.formatting.len();
        if class == Class::Formatting {
            if matches!(name, b"a" | b"nobr") && self.formatting.iter().any(|other| other.0 == padded(name)) {
                self.end(name);
            }
            self.format(name, tag)?;
        }
        self.open.push(Open { name: padded(name), class, formatting });
        (self.open.len() <= MAX_DEPTH).then_some(())
    }

    /// The bytes of a link when it is absolute.
    fn link(&mut self, name: &[u8], tag: &Tag<'_, '_>) {
        match name {
            b"base" => {
                let href = tag.attrs.pick(["href"])[0].map_or(0, <[u8]>::len);
                self.base = self.base.max(href);
            }
            b"a" => self.links += self.base,
            b"img" | b"image" | b"picture" | b"figure" | b"video" | b"audio" | b"source" => {
                let candidates = tag.attrs.pick(["srcset"])[0]
                    .map_or(0, |set| set.iter().filter(|byte| matches!(byte, b',' | b' ')).count());
                self.links += self.base * (3 + candidates);
            }
            _ => {}
        }
    }

    fn format(&mut self, name: &[u8], tag: &Tag<'_, '_>) -> Option<()> {
        let mut hasher = SipHasher13::new();
        for (attr, value) in tag.attrs {
            hasher.write(attr);
            hasher.write(value);
        }
        let element = (padded(name), hasher.finish());
        if self.formatting.iter().filter(|other| **other == element).count() < ARK {
            self.formatting.push(element);
        }
        (self.formatting.len() <= MAX_FORMATTING).then_some(())
    }

    /// Ends what this start tag ends without an end tag (§13.1.2.4), as far as that is plain to see.
    fn close_before(&mut self, name: &[u8], class: Class) {
        // Only if it is the last that was opened, whatever that is (§13.2.6.4.7).
        if matches!(name, b"option" | b"optgroup")
            && let Some(at) = self.open.len().checked_sub(1)
            && self.open[at].name == padded(b"option")
        {
            self.pop_to(at);
        }
        // In this order each is the parent of the one before.
        let closes: &[&[u8]] = match name {
            b"li" => &[b"p", b"li"],
            b"dd" | b"dt" => &[b"p", b"dd", b"dt"],
            b"td" | b"th" => &[b"p", b"td", b"th"],
            b"tr" => &[b"p", b"td", b"th", b"tr"],
            b"tbody" | b"thead" | b"tfoot" => &[b"p", b"td", b"th", b"tr", b"tbody", b"thead", b"tfoot"],
            b"table" => &[b"p"],
            _ if class == Class::Block => &[b"p"],
            _ => return,
        };
        for wanted in closes {
            let last = self.open.iter().rposition(|open| open.class != Class::Formatting);
            if let Some(at) = last.filter(|at| self.open[*at].name == padded(wanted)) {
                self.pop_to(at);
            }
        }
    }

    fn end(&mut self, name: &[u8]) {
        let class = Class::of(name);
        let same = |open: &Open| open.name == padded(name);
        let last = self.open.iter().rposition(|open| !open.ends_by_itself() || same(open));
        self.stray += usize::from(!last.is_some_and(|at| same(&self.open[at])));
        if class == Class::Formatting {
            if let Some(at) = self.formatting.iter().rposition(|other| other.0 == padded(name)) {
                self.formatting.remove(at);
            }
            // A block that was opened in it stays open ("adoption agency algorithm", §13.2.6.4.7).
            if let Some(at) = self.open.iter().rposition(same) {
                self.open.remove(at);
            }
            return;
        }
        let is_table = name == b"table" || is_table_part(name);
        let is_wall = |open: &Open| match open.class {
            // Parts of a table are ended by the end of the table, and of no other element.
            Class::Scope => !is_table || open.name == padded(b"table"),
            // A list within the item keeps it open.
            Class::Block if name == b"li" => open.name == padded(b"ul") || open.name == padded(b"ol"),
            Class::Block => class == Class::Ordinary,
            _ => false,
        };
        if let Some(at) = self.open.iter().rposition(|open| same(open) || is_wall(open))
            && same(&self.open[at])
        {
            self.pop_to(at);
        }
    }

    fn pop_to(&mut self, at: usize) {
        for open in self.open.drain(at..).rev() {
            if open.is_marker() {
                self.formatting.truncate(open.formatting);
            }
        }
    }
}

fn padded(name: &[u8]) -> Tagname {
    let mut padded = [0; 16];
    padded[..name.len().min(16)].copy_from_slice(&name[..name.len().min(16)]);
    padded
}

/// What an element does to those that are open.
#[derive(Clone, Copy, PartialEq)]
enum Class {
    /// Has no content (§13.1.2).
    Void,
    /// Holds no markup; its end tag comes with it.
    Raw,
    /// Lives on in the next paragraph when it is not closed (§13.2.4.2, "formatting").
    Formatting,
    /// Its start tag ends a paragraph, and its end tag what is open in it.
    Block,
    /// An end tag does not reach out of it (§13.2.4.2, "has an element in scope").
    Scope,
    /// Any other.
    Ordinary,
}

const CLASSES: &[(Class, &str)] = &[
    (
        Class::Void,
        "area base basefont bgsound br col embed frame hr img image input keygen link meta param source track wbr",
    ),
    (Class::Raw, "script style title textarea iframe xmp noembed noframes"),
    (Class::Formatting, "a b big code em font i nobr s small strike strong tt u"),
    (
        Class::Block,
        "address article aside blockquote body center details dialog dir div dl dd dt fieldset figcaption figure \
         footer form h1 h2 h3 h4 h5 h6 header hgroup li listing main menu nav ol p pre search section summary ul",
    ),
    (
        Class::Scope,
        "applet caption html table tbody thead tfoot tr td th marquee object template select button svg math",
    ),
];

impl Class {
    fn of(name: &[u8]) -> Self {
        static NAMES: LazyLock<HashMap<&[u8], Class>> = LazyLock::new(|| {
            let rows = CLASSES.iter().flat_map(|(class, names)| names.split(' ').map(|name| (name, *class)));
            rows.map(|(name, class)| (name.as_bytes(), class)).collect()
        });
        NAMES.get(name).copied().unwrap_or(Self::Ordinary)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearable(html: &str) -> bool {
        is_bearable(html.as_bytes(), 30)
    }

    #[test]
    fn what_makes_trees_grow_is_refused() {
        for html in [
            "<div>".repeat(100_000),
            "<b>".repeat(100_000),
            "<span><div></span>".repeat(1000),
            "<b><div></b>".repeat(1000),
            "<ul><li>".repeat(1000),
            "<table><tr><td>".repeat(1000),
            "<svg><g a=/>".repeat(1000),
            format!("<svg>{}", "<style>".repeat(1000)),
            format!("<svg>{}", "<link>".repeat(1000)),
            "<rt>".repeat(1000),
            "<code><tbody>".repeat(1000),
            "<td><i x>".repeat(1000),
            "<code><option>".repeat(1000),
            "<li><ul></li>".repeat(1000),
            "<table><caption><td></table></pre>".repeat(4000),
            "</p>".repeat(10_000),
            format!("<p {}>x", (0..100_000).map(|n| format!("a{n} ")).collect::<String>()),
            (0..1000).map(|n| format!("<p><font size={n}>x")).collect(),
            "<p>x".repeat(300_000),
            format!("{}{}", "<blockquote>".repeat(150), "<p>x".repeat(50_000)),
            format!("<base href='http://h/{}'>{}", "x".repeat(100_000), "<a href=y>x</a>".repeat(1000)),
            "x".repeat(MAX_BYTES + 1),
        ] {
            assert!(!bearable(&html), "{}", &html[..html.len().min(100)]);
        }
    }

    #[test]
    fn what_the_web_writes_is_borne() {
        for html in [
            "<p>text".repeat(10_000),
            "<ul><li>one<li>two<p>three<li>four</ul>".repeat(1000),
            format!("<table>{}</table>", "<tr><td><font color=red>x<td>y".repeat(5000)),
            format!("<table>{}</table>", "<tbody><tr><td><p>x</td><th>y</th></tr></tbody>".repeat(5000)),
            "<p><font color=red><b>x".repeat(1000),
            "<dl><dt>a<dd>b<dt>c<dd>d</dl>".repeat(1000),
            "<div><section><span>x</div>".repeat(1000),
            "<p><a href=x>y</a> <img src=z> <br> <svg><path d='M0'/></svg></p>".repeat(1000),
            format!("<select>{}</select>", "<option>x".repeat(1000)),
            "<a href=1>x".repeat(1000),
            "<a".repeat(2_000_000),
            "<script>'<div>'</script><style>a</style><title>x</title>".repeat(1000),
        ] {
            assert!(bearable(&html), "{}", &html[..html.len().min(100)]);
        }
    }
}
