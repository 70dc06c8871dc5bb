//! From the bytes that came as a robots.txt to lines of text, and nothing about what they mean.
//!
//! RFC 9309 §2.2 wants UTF-8. What is really served is read as its author saw it: UTF-16 is decoded (known by
//! its byte order mark, or by two ASCII characters at the start), other NUL bytes are dropped, and any other
//! encoding keeps its bytes. Only the first [`MAX_BYTES`] are looked at. The parser and the explanation read the same lines, so
//! they number them alike.

use std::borrow::Cow;

use memchr::{memchr, memchr2, memrchr2};

use super::MAX_BYTES;

/// The text of a file, without a line that was cut: `Disallow: /a` is not what it says.
pub(super) fn text(body: &[u8]) -> Cow<'_, [u8]> {
    let Some(head) = body.get(..MAX_BYTES).filter(|_| body.len() > MAX_BYTES) else { return decoded(body) };
    let mut text = decoded(head);
    let end = memrchr2(b'\r', b'\n', &text).unwrap_or(text.len());
    match &mut text {
        Cow::Borrowed(text) => *text = &text[..end],
        Cow::Owned(text) => text.truncate(end),
    }
    text
}

/// Without its byte order mark, of which Google's parser forgives a part of UTF-8's as well.
fn decoded(body: &[u8]) -> Cow<'_, [u8]> {
    match body {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes).into(),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes).into(),
        [1..=255, 0, 1..=255, 0, ..] => utf16(body, u16::from_le_bytes).into(),
        [0, 1..=255, 0, 1..=255, ..] => utf16(body, u16::from_be_bytes).into(),
        [0xef, 0xbb, 0xbf, rest @ ..] | [0xef, 0xbb, rest @ ..] | [0xef, rest @ ..] => without_nul(rest),
        _ => without_nul(body),
    }
}

/// UTF-8 of UTF-16; what is none becomes U+FFFD.
fn utf16(body: &[u8], unit: fn([u8; 2]) -> u16) -> Vec<u8> {
    let units = body.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    let chars = char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER));
    chars.filter(|&c| c != '\0').collect::<String>().into_bytes()
}

fn without_nul(body: &[u8]) -> Cow<'_, [u8]> {
    match memchr(0, body) {
        None => Cow::Borrowed(body),
        Some(_) => Cow::Owned(body.iter().copied().filter(|&b| b != 0).collect()),
    }
}

/// Lines with their numbers from 1. A line ends with CR, LF or CRLF (RFC 9309 §2.2, `EOL`).
pub(super) struct Lines<'a> {
    rest: Option<&'a [u8]>,
    line: u32,
}

impl<'a> Lines<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        Self { rest: Some(text), line: 0 }
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = (u32, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest?;
        self.line += 1;
        let Some(end) = memchr2(b'\r', b'\n', rest) else {
            self.rest = None;
            return Some((self.line, rest));
        };
        let width = if rest[end..].starts_with(b"\r\n") { 2 } else { 1 };
        self.rest = Some(&rest[end + width..]);
        Some((self.line, &rest[..end]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends() {
        let lines: Vec<_> = Lines::new(b"a\rb\nc\r\nd\r\r\n\ne").map(|(_, text)| text).collect();
        assert_eq!(lines, [&b"a"[..], b"b", b"c", b"d", b"", b"", b"e"]);
    }

    #[test]
    fn encodings() {
        let utf16 = |text: &str, bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
            text.encode_utf16().flat_map(bytes).collect()
        };
        // U+010A is a line end if its bytes are taken one by one.
        for plain in ["a\nb", "Disallow: /\u{10a}x\r\n/ä/\u{1f426}", ""] {
            let marked = format!("\u{feff}{plain}");
            for whole in [plain, &marked] {
                assert_eq!(*text(&utf16(whole, u16::to_le_bytes)), *plain.as_bytes());
                assert_eq!(*text(&utf16(whole, u16::to_be_bytes)), *plain.as_bytes());
                assert_eq!(*text(whole.as_bytes()), *plain.as_bytes());
            }
        }
        assert_eq!(*text(b"\xff\xfe\x00\xd8a\0\n\0?"), *"\u{fffd}a\n".as_bytes(), "half a pair, half a unit");
        assert_eq!(*text(b"\xef\xbba"), *b"a");
        assert_eq!(*text(b"\0a\0\n\0"), *b"a\n");
        assert_eq!(*text(b"/\xe4"), *b"/\xe4");
    }

    #[test]
    fn a_line_that_is_cut_is_not_there() {
        let whole = |length: usize, last: &str| {
            let mut body = b"first\n".to_vec();
            body.resize(length, b'\n');
            body.extend_from_slice(last.as_bytes());
            body
        };
        let fits = whole(MAX_BYTES - 4, "last");
        assert!(text(&fits).ends_with(b"\nlast"), "a file of just the limit is whole");
        assert!(!text(&whole(MAX_BYTES - 3, "last")).ends_with(b"las"));
        assert!(
            !text(&whole(MAX_BYTES - 4, "last\nmore")).ends_with(b"last"),
            "nobody knows that it ends there"
        );
        let wide: Vec<u8> =
            "\u{feff}".encode_utf16().chain(vec![0x0a0a; MAX_BYTES]).flat_map(u16::to_le_bytes).collect();
        assert_eq!(text(&wide).len(), (MAX_BYTES - 2) / 2 * 3, "one line of U+0A0A, and no line end");
    }
}
