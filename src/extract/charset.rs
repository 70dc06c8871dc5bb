//! Which encoding a text is in: [`sniff`] for HTML, [`sniff_xml`], [`sniff_css`], and [`of`], which
//! chooses by content type.
//!
//! All of them believe a byte order mark before `Content-Type`, and that before what the text says of
//! itself (WHATWG HTML §13.2.3.2, CSS Syntax §3.2, XML 1.0 appendix F). HTML and plain text that say nothing
//! are UTF-8 if they are valid UTF-8, otherwise what chardetng takes them for; XML and CSS are UTF-8.
//!
//! Called by `extract` for what it reads. Promises: no panic on any bytes, no look beyond [`PREFIX`] bytes, and the
//! same answer when asked again with the answer as the label. What is UTF-8 is never copied.

mod prescan;

use std::borrow::Cow;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252, X_USER_DEFINED};
use memchr::memchr;

use super::scan::{Attrs, Scanner};
use super::{entity, essence, is_html};

/// How much of a text is looked at to find its encoding, in bytes.
pub const PREFIX: usize = 512 * 1024;

/// What chardetng is given, in bytes behind the first that is not ASCII: it tries all encodings at once, which
/// takes some 60 ns a byte, and a few hundred words are as good as a book.
const DETECT: usize = 8 * 1024;

/// The encoding of a response, or `None` if it is no text ([`is_text`]).
///
/// `charset` is the parameter of its `Content-Type`, `host` the name of the server, whose last label is a
/// hint for detection.
pub fn of(
    content_type: Option<&str>,
    charset: Option<&str>,
    body: &[u8],
    host: Option<&str>,
) -> Option<&'static Encoding> {
    if body.is_empty() {
        return charset.and_then(label); // nothing else is known of it
    }
    Some(match Kind::of(content_type, body)? {
        Kind::Html => sniff(charset, body, host),
        Kind::Xml => sniff_xml(charset, body),
        Kind::Css => sniff_css(charset, body),
        Kind::Plain => match certain(charset, body) {
            Some(encoding) => encoding,
            None if is_binary(body) => return None,
            None => detect(body, host),
        },
    })
}

/// Whether a response is text: `text/*`, XML, HTML, or without a content type what begins as only HTML does.
pub fn is_text(content_type: Option<&str>, body: &[u8]) -> bool {
    Kind::of(content_type, body).is_some()
}

/// The kinds of text, by where they say what they are encoded in.
enum Kind {
    Html,
    Xml,
    Css,
    Plain,
}

impl Kind {
    fn of(content_type: Option<&str>, body: &[u8]) -> Option<Self> {
        Some(match &*essence(content_type).to_ascii_lowercase() {
            "text/css" => Self::Css,
            "text/xml" | "application/xml" => Self::Xml,
            xml if xml.ends_with("+xml") => Self::Xml,
            html if is_html(Some(html), body) => Self::Html,
            text if text.starts_with("text/") => Self::Plain,
            _ => return None,
        })
    }
}

/// The encoding of an HTML page.
pub fn sniff(charset: Option<&str>, body: &[u8], host: Option<&str>) -> &'static Encoding {
    certain(charset, body).or_else(|| declared(body)).unwrap_or_else(|| detect(body, host))
}

/// The encoding of an XML document: a sitemap, a feed, XHTML.
pub fn sniff_xml(charset: Option<&str>, body: &[u8]) -> &'static Encoding {
    certain(charset, body)
        .or_else(|| prescan::utf_16_declaration(body))
        .or_else(|| prescan::xml_declaration(&body[..body.len().min(prescan::END)]))
        .unwrap_or(UTF_8)
}

/// The encoding of a style sheet.
pub fn sniff_css(charset: Option<&str>, body: &[u8]) -> &'static Encoding {
    let at_charset = || {
        let rest = body[..body.len().min(prescan::END)].strip_prefix(b"@charset \"")?;
        let name = &rest[..memchr(b'"', rest)?];
        (rest.get(name.len() + 1) == Some(&b';')).then_some(name)
    };
    certain(charset, body)
        .or_else(|| at_charset().and_then(Encoding::for_label).map(not_utf_16))
        .unwrap_or(UTF_8)
}

/// A text as UTF-8; borrowed when it is UTF-8 or ASCII already.
///
/// Of UTF-8 nothing is checked: what is no UTF-8 in it becomes U+FFFD where it is read, as it does here in other
/// encodings. A byte order mark stays, as U+FEFF.
pub fn to_utf8<'a>(encoding: &'static Encoding, body: &'a [u8]) -> Cow<'a, [u8]> {
    if encoding == UTF_8 {
        return Cow::Borrowed(body);
    }
    match encoding.decode_without_bom_handling(body).0 {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    }
}

/// Where in `body` that begins which stands at these places of its UTF-8 form ([`to_utf8`]), which ascend; `None` for a place
/// in the middle of what a broken letter and the one behind it became.
pub(super) fn places(encoding: &'static Encoding, body: &[u8], wanted: &[usize]) -> Vec<Option<usize>> {
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let (mut letter, mut decoded) = ([0; 32], 0);
    let mut places = Vec::with_capacity(wanted.len());
    for at in 0..=body.len() {
        while let Some(&place) = wanted.get(places.len()).filter(|place| **place <= decoded) {
            places.push((place == decoded).then_some(at));
        }
        if places.len() == wanted.len() {
            break;
        }
        // Byte by byte, since a decoder does not say what it made of each.
        if let Some(byte) = body.get(at..=at) {
            decoded += decoder.decode_to_utf8(byte, &mut letter, false).2;
        }
    }
    places.resize(wanted.len(), None);
    places
}

/// What is known before the text is looked at: its byte order mark, then the label that came with it.
fn certain(charset: Option<&str>, body: &[u8]) -> Option<&'static Encoding> {
    Encoding::for_bom(body).map(|(encoding, _)| encoding).or_else(|| charset.and_then(label))
}

fn label(charset: &str) -> Option<&'static Encoding> {
    Encoding::for_label(charset.as_bytes())
}

/// Whether a file that a server calls text, as many call all that they do not know, is none (MIME Sniffing §7.2).
fn is_binary(body: &[u8]) -> bool {
    const HEADER: usize = 1445;
    let is_data = |byte: &u8| matches!(byte, 0..=0x08 | 0x0B | 0x0E..=0x1A | 0x1C..=0x1F);
    body.iter().take(HEADER).any(is_data)
}

/// What a page says of itself in `<meta>`.
///
/// First in its first 1,024 bytes, without parsing them, and then where a parser finds it: that is what
/// "changing the encoding while parsing" comes to (§13.2.3.5). Behind `<body>` it is not looked for, as in
/// browsers: pages that declare nothing would be read twice.
pub fn declared(body: &[u8]) -> Option<&'static Encoding> {
    prescan::prescan(body).or_else(|| {
        let mut scanner = Scanner::new(&body[..body.len().min(PREFIX)]);
        while let Some(tag) = scanner.next_tag().filter(|tag| tag.name.as_bytes() != b"body") {
            if tag.name.as_bytes() == b"meta"
                && !tag.foreign
                && let Some(encoding) = of_meta(tag.attrs)
            {
                return Some(as_declared(encoding));
            }
        }
        None
    })
}

fn of_meta(attrs: Attrs<'_, '_>) -> Option<&'static Encoding> {
    let [charset, equiv, content] = attrs.pick(["charset", "http-equiv", "content"]);
    let is_pragma = equiv.is_some_and(|equiv| equiv.eq_ignore_ascii_case(b"content-type"));
    let by_charset = charset.and_then(|charset| label(&entity::attribute(charset)));
    let by_content = || {
        let content = entity::attribute(content.filter(|_| is_pragma)?);
        prescan::content_charset(content.as_bytes())
    };
    by_charset.or_else(by_content)
}

/// What a text that says nothing is in.
fn detect(body: &[u8], host: Option<&str>) -> &'static Encoding {
    let prefix = &body[..body.len().min(PREFIX)];
    let ascii = Encoding::ascii_valid_up_to(prefix);
    let is_utf8 = match str::from_utf8(&prefix[ascii..]) {
        Ok(_) => true,
        // The end may cut a character in two. But a single byte at the end of ASCII is a letter of another encoding.
        Err(error) => error.error_len().is_none() && error.valid_up_to() > 0,
    };
    let telling = match (is_utf8, ascii == prefix.len()) {
        (true, false) => return UTF_8,
        // ISO-2022-JP is ASCII with escapes.
        (true, true) => match memchr(0x1B, prefix) {
            None => return UTF_8,
            Some(escape) => escape,
        },
        (false, _) => ascii,
    };
    let sample = &prefix[..prefix.len().min(telling + DETECT)];
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(sample, sample.len() == body.len());
    detector.guess(host.and_then(top_level), Utf8Detection::Allow)
}

/// The last label of a host name, as chardetng wants it; an address has none.
fn top_level(host: &str) -> Option<&[u8]> {
    let label = host.strip_suffix('.').unwrap_or(host).rsplit('.').next()?.as_bytes();
    let is_name = label.first().is_some_and(u8::is_ascii_lowercase)
        && label.iter().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    is_name.then_some(label)
}

/// What a text that could be read so far cannot be in: UTF-16. Old Windows software wrote `x-user-defined`
/// and meant its own (§13.2.3.3).
fn as_declared(encoding: &'static Encoding) -> &'static Encoding {
    if encoding == X_USER_DEFINED { WINDOWS_1252 } else { not_utf_16(encoding) }
}

fn not_utf_16(encoding: &'static Encoding) -> &'static Encoding {
    if encoding == UTF_16LE || encoding == UTF_16BE { UTF_8 } else { encoding }
}

#[cfg(test)]
mod tests;
