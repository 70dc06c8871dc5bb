//! What a text has to say of its encoding once it is a file: that was told by a server, in `Content-Type`.
//!
//! A browser that opens the file would guess, or believe a `<meta>` that the server overruled. So the text gets a label of its own, in
//! front of any that is there.

use encoding_rs::{Encoding, ISO_2022_JP, UTF_16BE, UTF_16LE};

use super::Kind;
use crate::extract::scan::{Scanner, is_space};
use crate::extract::{Source, charset, is};

/// Whether a browser that has nothing but this file would read it in another encoding.
pub(super) fn is_missing(encoding: &'static Encoding, kind: Kind, source: &Source<'_>) -> bool {
    let body = source.body;
    let declared = match kind {
        Kind::Html => charset::declared(body),
        Kind::Css if body.starts_with(b"@charset \"") => Some(charset::sniff_css(None, body)),
        Kind::Css => None,
    };
    let is_plain = body.is_ascii() && encoding != ISO_2022_JP;
    !is_plain
        && declared != Some(encoding)
        && Encoding::for_bom(body).is_none()
        && encoding != UTF_16LE // a page cannot say this of itself
        && encoding != UTF_16BE
        && !is(source.content_type, "application/xhtml+xml") // XML has no such tag, and is UTF-8 unless it says otherwise
        && !body.starts_with(b"<?xml")
}

/// What says in which encoding a text is, and where it belongs: of two the first counts.
pub(super) fn label(encoding: &'static Encoding, kind: Kind, text: &[u8]) -> (usize, String) {
    match kind {
        Kind::Html => (head(text), format!("<meta charset=\"{}\">", encoding.name())),
        Kind::Css => (0, format!("@charset \"{}\";", encoding.name())),
    }
}

/// Where the head of a page begins, behind `<html>` and `<head>` or at least behind its DOCTYPE.
fn head(text: &[u8]) -> usize {
    let mut scanner = Scanner::new(text);
    let mut at = None;
    while let Some(tag) = scanner.next_tag() {
        if !matches!(tag.name.as_bytes(), b"html" | b"head") {
            break;
        }
        at = Some(scanner.at());
    }
    let doctype = || {
        let start = text.iter().position(|&byte| !is_space(byte))?;
        let is_doctype = text.get(start..start + 9)?.eq_ignore_ascii_case(b"<!doctype");
        let end = memchr::memchr(b'>', &text[start..])?;
        is_doctype.then_some(start + end + 1)
    };
    at.or_else(doctype).unwrap_or(0)
}
