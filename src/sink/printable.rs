//! Text from the network as it may reach a terminal: nothing in it moves a cursor, sets a title or turns lines round.
//!
//! Whatever people read goes through [`printable`] or, where lines are wanted, [`printable_lines`]. JSON has escapes of
//! its own for the same characters ([`SafeJson`]), so that its meaning stays.

use std::borrow::Cow;
use std::io::{self, Write};

use memchr::memchr;
use serde::Serialize;
use serde_json::ser::Formatter;

/// Whether a terminal, or who reads it, may take this character for something else than it is: the controls C0, DEL and
/// C1 (ECMA-48), what ends lines or turns their direction (UAX #9), and what is invisible (UAX #44, `Cf`), but for the
/// two joiners that scripts and emoji need.
pub(crate) fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The text on one line, with U+FFFD for each character that is not safe.
pub fn printable(text: &str) -> Cow<'_, str> {
    clean(text, is_unsafe)
}

/// The same with its line breaks and tabs.
pub fn printable_lines(text: &str) -> Cow<'_, str> {
    clean(text, |c| is_unsafe(c) && c != '\n' && c != '\t')
}

fn clean(text: &str, is_bad: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&is_bad) {
        return text.into();
    }
    text.chars().map(|c| if is_bad(c) { char::REPLACEMENT_CHARACTER } else { c }).collect::<String>().into()
}

/// A value as compact JSON that any terminal may show.
///
/// # Errors
/// When the value cannot be serialised.
pub fn to_json(value: &impl Serialize) -> serde_json::Result<String> {
    let mut out = Vec::new();
    value.serialize(&mut serializer(&mut out))?;
    // It is UTF-8 by construction.
    Ok(String::from_utf8_lossy(&out).into_owned())
}

/// Writes such JSON.
pub(super) fn serializer(out: &mut Vec<u8>) -> serde_json::Serializer<&mut Vec<u8>, SafeJson> {
    serde_json::Serializer::with_formatter(out, SafeJson)
}

/// Compact JSON in which what is not safe is escaped (RFC 8259 §7): for any parser the same text.
#[derive(Clone, Copy, Debug)]
pub(super) struct SafeJson;

impl Formatter for SafeJson {
    /// Writes a part of a string in which JSON itself needs no escapes.
    fn write_string_fragment<W: ?Sized + Write>(&mut self, out: &mut W, part: &str) -> io::Result<()> {
        // In ASCII there is nothing left to escape but DEL; two scans of bytes are all that most text costs.
        if part.is_ascii() && memchr(0x7f, part.as_bytes()).is_none() {
            return out.write_all(part.as_bytes());
        }
        let mut rest = part;
        while let Some((at, c)) = rest.char_indices().find(|(_, c)| is_unsafe(*c)) {
            out.write_all(&rest.as_bytes()[..at])?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}")?;
            }
            rest = &rest[at + c.len_utf8()..];
        }
        out.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each character that could do harm, between two that could not.
    fn hostile() -> String {
        let unsafe_ones = (0..=0xe007f).filter_map(char::from_u32).filter(|c| is_unsafe(*c));
        unsafe_ones.flat_map(|c| ['a', c, '\u{e9}']).collect()
    }

    #[test]
    fn nothing_unsafe_is_left() {
        let text = hostile();
        assert!(
            text.chars().count() > 3 * (32 + 33 + 20) && text.contains("\u{9b}") && text.contains('\u{202e}')
        );
        assert!(!printable(&text).contains(is_unsafe));
        assert_eq!(printable_lines("a\n\tb\r\x1b[2J"), "a\n\tb\u{fffd}\u{fffd}[2J");
        let fine = "na\u{ef}ve \u{1f469}\u{200d}\u{1f52c} \u{645}\u{6cc}\u{200c}\u{62e}";
        assert!(matches!(printable(fine), Cow::Borrowed(same) if same == fine));
    }

    #[test]
    fn json_means_the_same() {
        for text in [hostile(), "plain \"quoted\" \\".to_owned(), "\u{202e}".to_owned(), String::new()] {
            let json = to_json(&text).unwrap();
            assert!(!json.contains(is_unsafe), "{json}");
            assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }
    }
}
