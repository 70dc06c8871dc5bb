//! What a link is called on its page: the text of an `a`, the `alt` of an `img` or an `area`.
//!
//! Called by `html` for links that are kept, and never else. A text ends at the next `a` or `</a`, so all texts of a page
//! together cost one more walk over it.

use super::entity;
use super::scan::{Scanner, Tag, Token};

/// The longest text that is kept, in characters.
pub const MAX_TEXT: usize = 120;

/// How far behind a link its text is looked for, bytes with tags: for an `a` that nobody closes.
const REACH: usize = 4 * 1024;

/// Where the text of a link stands.
pub(super) enum Label<'a> {
    /// In this attribute.
    Attribute(&'a [u8]),
    /// Behind the tag.
    Content,
}

impl<'a> Label<'a> {
    /// That of an element; `None` if its links have no text.
    pub(super) fn of(tag: &Tag<'_, 'a>) -> Option<Self> {
        match tag.name.as_bytes() {
            b"a" => Some(Self::Content),
            b"img" | b"image" | b"area" if !tag.foreign => tag.attrs.pick(["alt"])[0].map(Self::Attribute),
            _ => None,
        }
    }

    /// The text, if there is one; `rest` is what follows the tag.
    pub(super) fn read(self, rest: &[u8]) -> Option<Box<str>> {
        match self {
            Self::Attribute(value) => folded(&entity::attribute(value)),
            Self::Content => folded(&entity::text(&content(&rest[..rest.len().min(REACH)]))),
        }
    }
}

/// The text before the next `a` or `</a`.
fn content(rest: &[u8]) -> Vec<u8> {
    let (mut scanner, mut content) = (Scanner::new(rest), Vec::new());
    while let Some(token) = scanner.next_token() {
        match token {
            Token::Text(text) => content.extend_from_slice(text),
            Token::Start(tag) if tag.name.as_bytes() == b"a" => break,
            Token::End(name) if name.as_bytes() == b"a" => break,
            Token::Start(_) | Token::End(_) => {}
        }
    }
    content
}

/// White space folded, and at most [`MAX_TEXT`] characters.
fn folded(text: &str) -> Option<Box<str>> {
    let words = text.split_whitespace().flat_map(|word| [" ", word]).skip(1);
    let folded: String = words.flat_map(str::chars).take(MAX_TEXT).collect();
    (!folded.is_empty()).then(|| folded.trim_end().into())
}
