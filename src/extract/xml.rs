//! An XML scanner for what calls itself XML on the web: sitemaps and feeds, broken ones included.
//!
//! `sitemap` pulls [`Event`]s from it. There is no tree and no stack, so that end tags need not match, memory does
//! not grow with nesting, and nothing is an error: markup that the input ends in is not there. Names are local
//! ones, in lower case; namespaces are not looked at, since half of the sitemaps name a wrong one. A DOCTYPE is
//! passed over and what it declares does not exist, so no reference can expand to more than a character.
//!
//! Attributes are read as `scan` reads those of HTML, which takes all that XML allows. Promises linear time on any
//! input: each byte is looked at a fixed number of times.

use std::borrow::Cow;

use memchr::{memchr, memchr2, memmem};

use super::entity;
use super::scan::{Attrs, Name, is_space, tag_rest};

/// What stands next in the input.
#[derive(Clone, Copy)]
pub(super) enum Event<'a> {
    /// `<name …>`, or the first half of `<name …/>`.
    Start(Name, Attrs<'a, 'a>),
    /// `</name>`, or the second half of `<name …/>`.
    End(Name),
    /// Text as written, with its references.
    Text(&'a [u8]),
    /// The content of a CDATA section.
    Data(&'a [u8]),
}

/// Walks over a document.
pub(super) struct Xml<'a> {
    input: &'a [u8],
    at: usize,
    /// What was looked at and not taken.
    next: Option<Event<'a>>,
}

impl<'a> Xml<'a> {
    pub(super) fn new(input: &'a [u8]) -> Self {
        Self { input: input.strip_prefix(b"\xef\xbb\xbf").unwrap_or(input), at: 0, next: None }
    }

    /// The next event; `None` at the end, or in what is cut off there.
    pub(super) fn next_event(&mut self) -> Option<Event<'a>> {
        if let Some(event) = self.next.take() {
            return Some(event);
        }
        loop {
            let rest = self.input.get(self.at..)?;
            match markup_at(rest)? {
                0 => match rest.get(1)? {
                    b'/' => return self.end_tag(),
                    b'!' => {
                        if let Some(data) = self.declaration(rest)? {
                            return Some(Event::Data(data));
                        }
                    }
                    b'?' => self.at += memchr(b'>', rest)? + 1,
                    _ => return self.start_tag(),
                },
                text => {
                    self.at += text;
                    return Some(Event::Text(&rest[..text]));
                }
            }
        }
    }

    /// The text up to the next tag, with references replaced and spaces cut off its ends. `None` when the input ends
    /// before a tag does: such text may be cut. What is longer than `most` bytes as written comes out empty.
    pub(super) fn text(&mut self, most: usize) -> Option<Cow<'a, str>> {
        let mut text = Cow::Borrowed("");
        let mut len = 0;
        loop {
            let event = self.next_event()?;
            let (raw, is_data) = match event {
                Event::Text(raw) => (raw, false),
                Event::Data(raw) => (raw, true),
                tag => {
                    self.next = Some(tag);
                    return Some(if len > most { Cow::Borrowed("") } else { trimmed(text) });
                }
            };
            len += raw.len();
            if len <= most {
                let more = if is_data { String::from_utf8_lossy(raw) } else { unescaped(raw) };
                text = if text.is_empty() { more } else { text + more };
            }
        }
    }

    fn start_tag(&mut self) -> Option<Event<'a>> {
        let (name, after) = local_name(self.input, self.at + 1);
        let (attrs, is_empty, end) = tag_rest(self.input, after)?;
        self.at = end;
        self.next = is_empty.then_some(Event::End(name));
        Some(Event::Start(name, attrs))
    }

    fn end_tag(&mut self) -> Option<Event<'a>> {
        let (name, after) = local_name(self.input, self.at + 2);
        self.at = after + memchr(b'>', &self.input[after..])? + 1;
        Some(Event::End(name))
    }

    /// What begins with `<!`: a comment, a DOCTYPE, or a CDATA section, which is text.
    fn declaration(&mut self, rest: &'a [u8]) -> Option<Option<&'a [u8]>> {
        const CDATA: &[u8] = b"<![CDATA[";
        if rest.starts_with(CDATA) {
            let len = memmem::find(&rest[CDATA.len()..], b"]]>")?;
            self.at += CDATA.len() + len + 3;
            return Some(Some(&rest[CDATA.len()..CDATA.len() + len]));
        }
        self.at += match rest.starts_with(b"<!--") {
            true => 4 + memmem::find(&rest[4..], b"-->")? + 3,
            false => doctype_end(rest)?,
        };
        Some(None)
    }
}

/// Where the next markup begins. A `<` that nothing follows which could be markup is text.
fn markup_at(rest: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + memchr(b'<', &rest[from..])?;
        match rest.get(at + 1)? {
            b'/' | b'!' | b'?' | b'_' | b':' | b'a'..=b'z' | b'A'..=b'Z' | 0x80.. => return Some(at),
            _ => from = at + 1,
        }
    }
}

/// The length of a DOCTYPE, its internal subset included. In that one `]` ends nothing within a comment or a literal (XML
/// 1.0 §2.8); before it quotes are not looked at, since it is there that people forget one.
fn doctype_end(rest: &[u8]) -> Option<usize> {
    let mut at = memchr2(b'[', b'>', rest)?;
    if rest[at] == b'>' {
        return Some(at + 1);
    }
    loop {
        let inside = &rest[at..];
        at += match inside {
            [b']', ..] => return Some(at + memchr(b'>', inside)? + 1),
            [b'<', b'!', b'-', b'-', ..] => 4 + memmem::find(&inside[4..], b"-->")? + 3,
            // Without another of its kind, which one look to the end tells, it is a stray one.
            [quote @ (b'"' | b'\''), literal @ ..] => memchr(*quote, literal).map_or(1, |len| len + 2),
            [_, more @ ..] => 1 + more.iter().position(|byte| b"]<\"'".contains(byte))?,
            [] => return None,
        };
    }
}

/// The name that begins at `start`, without its prefix, and where it ends.
fn local_name(input: &[u8], start: usize) -> (Name, usize) {
    let rest = &input[start..];
    let len = rest.iter().position(|&b| is_space(b) || matches!(b, b'/' | b'>')).unwrap_or(rest.len());
    let local = rest[..len].rsplit(|&byte| byte == b':').next().unwrap_or_default();
    (Name::new(local), start + len)
}

fn trimmed(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    }
}

/// Text or an attribute value with its references replaced: the five of XML and the numeric ones. Others are of
/// entities that no document here declares, and stand for nothing. A `&` that begins no reference is itself, as in
/// the query strings that nobody escaped.
pub(super) fn unescaped(raw: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(raw);
    if memchr(b'&', text.as_bytes()).is_none() {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = &*text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        rest = match after.strip_prefix('#') {
            Some(number) => match entity::numeric(number, &mut out) {
                Some(used) => &number[used..],
                None => {
                    out.push_str("&#");
                    number
                }
            },
            None => named(after, &mut out),
        };
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// A named reference after `&`. Returns what follows it.
fn named<'a>(after: &'a str, out: &mut String) -> &'a str {
    const LONGEST: usize = 64;
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let len = after.bytes().take(LONGEST).take_while(is_name).count();
    if len == 0 || after.as_bytes().get(len) != Some(&b';') {
        out.push('&');
        return after;
    }
    match &after[..len] {
        "amp" => out.push('&'),
        "lt" => out.push('<'),
        "gt" => out.push('>'),
        "quot" => out.push('"'),
        "apos" => out.push('\''),
        _ => {}
    }
    &after[len + 1..]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(input: &str) -> String {
        let mut xml = Xml::new(input.as_bytes());
        let mut all = String::new();
        while let Some(event) = xml.next_event() {
            all += &match event {
                Event::Start(name, attrs) => {
                    let attrs: String =
                        attrs.map(|(n, v)| format!(" {}={}", n.escape_ascii(), v.escape_ascii())).collect();
                    format!("<{}{attrs}>", name.as_bytes().escape_ascii())
                }
                Event::End(name) => format!("</{}>", name.as_bytes().escape_ascii()),
                Event::Text(text) => format!("{}", text.escape_ascii()),
                Event::Data(data) => format!("[{}]", data.escape_ascii()),
            };
        }
        all
    }

    #[test]
    fn tags_text_and_what_is_passed_over() {
        for (input, expected) in [
            ("<?xml version='1.0'?><a:B x='1>' y=\"2\">t</a:B >", "<b x=1> y=2>t</b>"),
            ("\u{feff}<a/><b /><c></c>", "<a></a><b></b><c></c>"),
            ("<a><!-- <b> -- > --><![CDATA[<x>&amp;]]]]></a>", "<a>[<x>&amp;]]]</a>"),
            ("<!DOCTYPE a [ <!ENTITY x \"]y\"> <!ELEMENT a ANY> ] ><a>", "<a>"),
            ("<!DOCTYPE a [<!-- it's ]> --><!ENTITY x ']>'>]><a>", "<a>"),
            ("<!DOCTYPE a [<!ENTITY x \"y'>]><a>", "<a>"),
            ("<!DOCTYPE a PUBLIC \"x \"y\"><a b=\"\">", "<a b=>"),
            ("<!doctype a SYSTEM 'x.dtd'><a>", "<a>"),
            ("<a>1 < 2 <3</a>", "<a>1 < 2 <3</a>"),
            ("<a>x", "<a>"),
            ("<a", ""),
            ("<a><!-- ", "<a>"),
            ("<a><![CDATA[x", "<a>"),
            ("<a><", "<a>"),
            ("", ""),
        ] {
            assert_eq!(events(input), expected, "{input}");
        }
    }

    #[test]
    fn references_are_characters_or_nothing() {
        for (raw, expected) in [
            ("a&amp;b&lt;&gt;&quot;&apos;", "a&b<>\"'"),
            ("&#65;&#x42;", "AB"),
            ("&xxe;&nbsp;.", "."),
            ("?a=1&b=2&amp;amp;", "?a=1&b=2&amp;"),
            ("&;&#;& &", "&;&#;& &"),
            ("&lol", "&lol"),
        ] {
            assert_eq!(unescaped(raw.as_bytes()), expected, "{raw}");
        }
        assert!(matches!(unescaped(b"plain"), Cow::Borrowed("plain")));
    }

    #[test]
    fn text_is_joined_up_to_the_next_tag() {
        let text = |input: &str| {
            let mut xml = Xml::new(input.as_bytes());
            xml.next_event();
            xml.text(20).map(Cow::into_owned)
        };
        assert_eq!(text("<a> x<!-- -->&amp;<![CDATA[ &amp; ]]>\n</a>").as_deref(), Some("x& &amp;"));
        assert_eq!(text("<a/>after<b>").as_deref(), Some(""));
        assert_eq!(text("<a>x<b>y").as_deref(), Some("x"));
        assert_eq!(text("<a>012345678901234567890</a>").as_deref(), Some(""));
        assert_eq!(text("<a>cut"), None);
        assert_eq!(text("<a>cut</a"), None);
    }
}
