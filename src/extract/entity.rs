//! Character references: `&amp;`, `&#38;`, `&#x26;` (WHATWG HTML §13.2.5.72 to 80).
//!
//! Called by `html` for attribute values and by the title. Named references are the whole table of the
//! standard (2,231 names, frozen), from the crate `entities`: data only, no dependencies. A subset of our
//! own would be wrong on somebody's page, and links with `&notify=` or `&copy=` in them show that even
//! the rare names matter.
//!
//! Bytes that are no UTF-8 become U+FFFD, and so does NUL. Linear time: no name is longer than 32 bytes.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use memchr::memchr2;

/// Decodes an attribute value: `&copy=1` and `&copyx` stay as they are, for old query strings.
pub(crate) fn attribute(raw: &[u8]) -> Cow<'_, str> {
    decode(raw, true)
}

/// The same into a buffer, which is emptied before.
pub(super) fn attribute_into(raw: &[u8], out: &mut String) {
    out.clear();
    replace(&String::from_utf8_lossy(raw), true, out);
}

/// Decodes text, where a name without `;` is a reference whatever follows.
pub(crate) fn text(raw: &[u8]) -> Cow<'_, str> {
    decode(raw, false)
}

fn decode(raw: &[u8], in_attribute: bool) -> Cow<'_, str> {
    let text = match str::from_utf8(raw) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(raw),
    };
    if memchr2(b'&', 0, text.as_bytes()).is_none() {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    replace(&text, in_attribute, &mut out);
    Cow::Owned(out)
}

/// Appends a text with its references replaced.
fn replace(text: &str, in_attribute: bool, out: &mut String) {
    let mut rest = text;
    while let Some(at) = memchr2(b'&', 0, rest.as_bytes()) {
        let nul = rest.as_bytes()[at] == 0;
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if nul {
            out.push(char::REPLACEMENT_CHARACTER);
        } else {
            let used = match rest.strip_prefix('#') {
                Some(number) => numeric(number, out).map(|used| used + 1),
                None => named(rest, in_attribute, out),
            };
            if used.is_none() {
                out.push('&');
            }
            rest = &rest[used.unwrap_or(0)..];
        }
    }
    out.push_str(rest);
}

/// A reference after `&#`. Returns how much of `text` it takes.
pub(super) fn numeric(text: &str, out: &mut String) -> Option<usize> {
    let hex = text.starts_with(['x', 'X']);
    let (radix, start) = if hex { (16, 1) } else { (10, 0) };
    let digits = &text.as_bytes()[start..];
    let mut code = 0_u32;
    let mut len = 0;
    while let Some(digit) = digits.get(len).and_then(|&byte| char::from(byte).to_digit(radix)) {
        code = code.saturating_mul(radix).saturating_add(digit);
        len += 1;
    }
    if len == 0 {
        return None;
    }
    out.push(code_point(code));
    Some(start + len + usize::from(digits.get(len) == Some(&b';')))
}

/// The character that a number stands for (§13.2.5.80).
fn code_point(code: u32) -> char {
    match code {
        0 => char::REPLACEMENT_CHARACTER,
        0x80..=0x9F => WINDOWS_1252[(code - 0x80) as usize],
        _ => char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER),
    }
}

/// What old pages mean by the numbers 0x80 to 0x9F; those that windows-1252 leaves open stay controls.
const WINDOWS_1252: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}',
    '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// The longest name of the table with its `;`.
const LONGEST: usize = 32;
/// The longest name that may stand without `;`.
const LONGEST_BARE: usize = 6;

/// A reference after `&` (§13.2.5.73). Returns how much of `text` it takes.
fn named(text: &str, in_attribute: bool, out: &mut String) -> Option<usize> {
    let bytes = text.as_bytes();
    let run = bytes.iter().take(LONGEST).take_while(|byte| byte.is_ascii_alphanumeric()).count();
    if bytes.get(run) == Some(&b';')
        && let Some(characters) = lookup(&text[..=run])
    {
        out.push_str(characters);
        return Some(run + 1);
    }
    if in_attribute {
        if run > LONGEST_BARE || bytes.get(run) == Some(&b'=') {
            return None;
        }
        out.push_str(lookup(&text[..run])?);
        return Some(run);
    }
    for len in (1..=run.min(LONGEST_BARE)).rev() {
        if let Some(characters) = lookup(&text[..len]) {
            out.push_str(characters);
            return Some(len);
        }
    }
    None
}

/// What a name stands for; the name without `&`, with its `;` if it has one.
fn lookup(name: &str) -> Option<&'static str> {
    static NAMES: LazyLock<HashMap<&'static str, &'static str>> =
        LazyLock::new(|| entities::ENTITIES.iter().map(|e| (&e.entity[1..], e.characters)).collect());
    match name {
        "amp;" => Some("&"),
        "quot;" => Some("\""),
        _ => NAMES.get(name).copied(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_values_are_borrowed() {
        assert!(matches!(attribute(b"/a?b=c"), Cow::Borrowed("/a?b=c")));
    }

    #[test]
    fn named_references() {
        assert_eq!(attribute(b"?a=1&amp;b=2"), "?a=1&b=2");
        assert_eq!(attribute("/&hearts;/&nGt;".as_bytes()), "/\u{2665}/\u{226b}\u{20d2}");
        assert_eq!(attribute(b"&CounterClockwiseContourIntegral;"), "\u{2233}");
        assert_eq!(attribute(b"&nosuch; & &; &"), "&nosuch; & &; &");
    }

    #[test]
    fn old_query_strings_are_left_alone() {
        assert_eq!(attribute(b"?a&copy=1&copyx&copy;&copy"), "?a&copy=1&copyx\u{a9}\u{a9}");
        assert_eq!(attribute(b"?x&notit;&not!&ampamp;"), "?x&notit;\u{ac}!&ampamp;");
        assert_eq!(text(b"?a&copy=1&copyx &notit; &ampamp;"), "?a\u{a9}=1\u{a9}x \u{ac}it; &amp;");
    }

    #[test]
    fn numeric_references() {
        assert_eq!(attribute(b"&#65;&#x42;&#X43&#68x"), "ABCDx");
        assert_eq!(attribute(b"&#128;&#x9f;&#129;"), "\u{20ac}\u{178}\u{81}");
        assert_eq!(attribute(b"&#0;&#xD800;&#x110000;&#99999999999999;"), "\u{fffd}\u{fffd}\u{fffd}\u{fffd}");
        assert_eq!(attribute(b"&#;&#x;&#xg&#"), "&#;&#x;&#xg&#");
    }

    #[test]
    fn bad_bytes_and_nul() {
        assert_eq!(attribute(b"a\0b\xff&amp;"), "a\u{fffd}b\u{fffd}&");
    }

    #[test]
    fn the_table_is_the_one_that_the_limits_are_of() {
        let names = || entities::ENTITIES.iter().map(|e| &e.entity[1..]);
        assert_eq!(names().count(), 2231);
        assert_eq!(names().map(str::len).max(), Some(LONGEST));
        assert_eq!(names().filter(|n| !n.ends_with(';')).map(str::len).max(), Some(LONGEST_BARE));
    }
}
