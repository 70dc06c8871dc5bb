//! [`Meta`]: what a page says of itself, in its `<title>`, `<html lang>`, `<meta>`, `<link rel=canonical>` and JSON-LD.
//!
//! [`NAMES`] is the table of the names that mean a description, an author or a date; of several the one that stands first
//! there counts, and of one name its first element. JSON-LD fills in author and dates that no element names. Read by the
//! scanner of `extract` in one pass, whatever the size of the page; all of it is bounded, and all of it is what the page
//! claims.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use url::Url;

use crate::extract::MAX_LINK_LEN;
use crate::extract::scan::{Scanner, Tag};
use crate::extract::{entity, tidy};
use crate::url::redacted;

/// The longest value of an element, in bytes; more is cut.
const MAX_VALUE: usize = 4 * 1024;
/// Properties of Open Graph.
const MAX_PROPERTIES: usize = 64;
/// The longest name of a property.
const MAX_NAME: usize = 64;
/// Elements with JSON-LD, and their bytes in all; what does not fit is left out.
const MAX_JSON_LD: (usize, usize) = (32, 256 * 1024);

/// What a page says of itself. Absent is what it does not say.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Meta {
    /// Its `<title>`, white space collapsed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The `lang` of `<html>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// The URL that it wants to be known by, absolute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canonical: Option<String>,
    /// Who wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// When it was published, as written there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published: Option<String>,
    /// When it was changed, as written there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modified: Option<String>,
    /// Open Graph (ogp.me) by property, e.g. `og:image`; of a property that is there more often the first.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub open_graph: BTreeMap<String, String>,
    /// Its JSON-LD, a value for each element; what is no JSON is left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub json_ld: Vec<Value>,
}

/// What a name of a `<meta>` stands for.
#[derive(Clone, Copy, PartialEq)]
enum Slot {
    Description,
    Author,
    Published,
    Modified,
}

/// Names, in lower case, of `name`, `property` and `itemprop`, the best first.
const NAMES: &[(&str, Slot)] = &[
    ("description", Slot::Description),
    ("og:description", Slot::Description),
    ("dcterms.description", Slot::Description),
    ("author", Slot::Author),
    ("article:author", Slot::Author),
    ("dc.creator", Slot::Author),
    ("dcterms.creator", Slot::Author),
    ("article:published_time", Slot::Published),
    ("datepublished", Slot::Published),
    ("dcterms.issued", Slot::Published),
    ("dcterms.created", Slot::Published),
    ("dc.date", Slot::Published),
    ("date", Slot::Published),
    ("article:modified_time", Slot::Modified),
    ("datemodified", Slot::Modified),
    ("dcterms.modified", Slot::Modified),
    ("og:updated_time", Slot::Modified),
    ("last-modified", Slot::Modified),
];

/// What was found on the way.
#[derive(Default)]
struct Found<'a> {
    meta: Meta,
    /// By row of [`NAMES`].
    named: [Option<String>; NAMES.len()],
    base: Option<&'a [u8]>,
    canonical: Option<&'a [u8]>,
    json_ld_bytes: usize,
}

impl Meta {
    /// Reads a page in UTF-8 that came from `url`.
    pub fn read(html: &[u8], url: &Url) -> Self {
        let mut found = Found::default();
        let mut scanner = Scanner::new(html);
        while let Some(tag) = scanner.next_tag() {
            if !tag.foreign {
                found.take(&tag);
            }
        }
        found.into_meta(url)
    }
}

impl<'a> Found<'a> {
    fn take(&mut self, tag: &Tag<'_, 'a>) {
        match tag.name.as_bytes() {
            b"html" if self.meta.language.is_none() => {
                self.meta.language = tag.attrs.pick(["lang"])[0].and_then(value);
            }
            b"title" if self.meta.title.is_none() => self.meta.title = tidy(tag.text),
            b"base" => self.base = self.base.or(tag.attrs.pick(["href"])[0]),
            b"link" => self.link(tag),
            b"meta" => self.meta(tag),
            b"script" => self.script(tag),
            _ => {}
        }
    }

    fn link(&mut self, tag: &Tag<'_, 'a>) {
        let [Some(rel), Some(href)] = tag.attrs.pick(["rel", "href"]) else { return };
        let says_canonical =
            rel.split(u8::is_ascii_whitespace).any(|word| word.eq_ignore_ascii_case(b"canonical"));
        if says_canonical {
            self.canonical = self.canonical.or(Some(href));
        }
    }

    fn meta(&mut self, tag: &Tag<'_, 'a>) {
        let [Some(content), name, property, itemprop] =
            tag.attrs.pick(["content", "name", "property", "itemprop"])
        else {
            return;
        };
        for name in [name, property, itemprop].into_iter().flatten().filter(|name| name.len() <= MAX_NAME) {
            let name = entity::attribute(name).trim().to_ascii_lowercase();
            if let Some(row) = NAMES.iter().position(|(known, _)| *known == name)
                && self.named[row].is_none()
            {
                self.named[row] = value(content);
            }
            let properties = &mut self.meta.open_graph;
            let is_graph = name.starts_with("og:") || name.starts_with("article:");
            if is_graph
                && properties.len() < MAX_PROPERTIES
                && !properties.contains_key(&name)
                && let Some(value) = value(content)
            {
                properties.insert(name, value);
            }
        }
    }

    fn script(&mut self, tag: &Tag<'_, 'a>) {
        let is_json_ld = tag.attrs.pick(["type"])[0]
            .is_some_and(|of| of.trim_ascii().eq_ignore_ascii_case(b"application/ld+json"));
        let (most, most_bytes) = MAX_JSON_LD;
        if !is_json_ld || self.meta.json_ld.len() == most || self.json_ld_bytes + tag.text.len() > most_bytes
        {
            return;
        }
        self.json_ld_bytes += tag.text.len();
        // Nesting is bounded by the parser. Bytes that are no UTF-8 are no JSON.
        self.meta.json_ld.extend(serde_json::from_slice::<Value>(tag.text));
    }

    fn into_meta(mut self, url: &Url) -> Meta {
        let base = self.base.and_then(|base| joined(url, base)).unwrap_or_else(|| url.clone());
        let canonical = self.canonical.and_then(|href| joined(&base, href));
        let named = |slot, key: &str| {
            let rows = NAMES.iter().zip(&self.named).filter(|((_, of), _)| *of == slot);
            let value = rows.filter_map(|(_, value)| value.clone()).next();
            value.or_else(|| self.meta.json_ld.iter().find_map(|value| said(value, key, 0)))
        };
        let description = named(Slot::Description, "description");
        let author = named(Slot::Author, "author");
        let published = named(Slot::Published, "datePublished");
        let modified = named(Slot::Modified, "dateModified");
        self.meta.canonical = canonical.map(|url| redacted(url.as_str()).into_owned());
        Meta { description, author, published, modified, ..self.meta }
    }
}

/// The value of an attribute as it is shown; nothing if it is empty.
fn value(raw: &[u8]) -> Option<String> {
    // References are longer than what they stand for.
    let text = entity::attribute(&raw[..raw.len().min(4 * MAX_VALUE)]);
    short(text.trim())
}

fn short(text: &str) -> Option<String> {
    let mut end = text.len().min(MAX_VALUE);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    (end > 0).then(|| text[..end].to_owned())
}

fn joined(base: &Url, href: &[u8]) -> Option<Url> {
    let href = entity::attribute(href.get(..MAX_LINK_LEN).unwrap_or(href));
    let url = base.join(href.trim()).ok()?;
    (matches!(url.scheme(), "http" | "https") && url.as_str().len() <= MAX_LINK_LEN).then_some(url)
}

/// What JSON-LD says under a key: of the thing itself, or of the first of several. Names stand in objects
/// (`{"@type": "Person", "name": "…"}`) as often as not.
fn said(value: &Value, key: &str, depth: u8) -> Option<String> {
    if depth > 4 {
        return None;
    }
    match value {
        Value::Array(several) => several.iter().find_map(|value| said(value, key, depth + 1)),
        Value::Object(thing) => match thing.get(key) {
            Some(value) => name_of(value, depth),
            None => thing.get("@graph").and_then(|graph| said(graph, key, depth + 1)),
        },
        _ => None,
    }
}

fn name_of(value: &Value, depth: u8) -> Option<String> {
    match value {
        Value::String(text) => short(text.trim()),
        Value::Array(_) | Value::Object(_) => said(value, "name", depth + 1).or_else(|| match value {
            Value::Array(several) => several.iter().find_map(|value| short(value.as_str()?)),
            _ => None,
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta(html: &str) -> Meta {
        Meta::read(html.as_bytes(), &Url::parse("http://h/dir/page?x#y").unwrap())
    }

    #[test]
    fn a_page_says_what_it_is() {
        let meta = meta(
            r#"<!doctype html><html lang=" de "><head><title> A
            page </title><base href="/b/"><link rel="x Canonical" href="c?a=1&amp;b=2">
            <meta name=Description content="Caf&eacute; &amp; more"><meta property=og:title content=T><meta property=og:title content=U>
            <meta property="article:modified_time" content="2026-01-02"><meta name=author content="">
            <script type="application/ld+json">{"@graph":[{"@type":"Article","author":[{"name":"Ann"}],"datePublished":"2026-01-01"}]}</script>
            <script type="application/ld+json">{broken</script><script>{"a":1}</script>
            <svg><title>no</title></svg>"#,
        );
        assert_eq!((meta.title.as_deref(), meta.language.as_deref()), (Some("A page"), Some("de")));
        assert_eq!(meta.description.as_deref(), Some("Café & more"));
        assert_eq!(meta.canonical.as_deref(), Some("http://h/b/c?a=1&b=2"));
        assert_eq!((meta.author.as_deref(), meta.published.as_deref()), (Some("Ann"), Some("2026-01-01")));
        assert_eq!(meta.modified.as_deref(), Some("2026-01-02"));
        assert_eq!(meta.open_graph["og:title"], "T");
        assert_eq!((meta.open_graph.len(), meta.json_ld.len()), (2, 1));
    }

    #[test]
    fn the_better_name_counts_wherever_it_stands() {
        let meta = meta("<meta property=og:description content=b><meta name=description content=a>");
        assert_eq!(meta.description.as_deref(), Some("a"));
    }

    #[test]
    fn a_canonical_shows_no_password_and_is_a_page() {
        let canonical = |href: &str| meta(&format!("<link rel=canonical href='{href}'>")).canonical;
        assert_eq!(canonical("http://u:secret@h/").as_deref(), Some("http://u:***@h/"));
        assert_eq!(canonical("javascript:alert(1)"), None);
        assert_eq!(canonical(&"x".repeat(100_000)), None);
    }

    #[test]
    fn whatever_a_page_says_is_bounded() {
        let many: String = (0..10_000)
            .map(|n| format!("<meta property='og:x{n}' content='{}'>", "\u{e9}".repeat(10_000)))
            .collect();
        let json = format!("<script type=application/ld+json>{{\"a\":\"{}\"}}</script>", "x".repeat(100_000));
        let deep = format!("<script type=application/ld+json>{}</script>", "[".repeat(100_000));
        let meta = meta(&format!("{many}{}{deep}", json.repeat(100)));
        assert_eq!((meta.open_graph.len(), meta.json_ld.len()), (MAX_PROPERTIES, 2));
        assert!(meta.open_graph.values().all(|value| value.len() <= MAX_VALUE));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(html: Vec<u8>, json in "[\\[\\]{}\":,a-e@]{0,40}") {
            Meta::read(&html, &Url::parse("http://h/").unwrap());
            meta(&format!("<script type=application/ld+json>{json}</script>"));
        }
    }
}
