//! Changes to a text, applied to the bytes that it was decoded from.
//!
//! Places are those of the UTF-8 form that was read. What is written anew is ASCII, so that it can be written in any encoding;
//! what cannot be placed in the original, next to a broken letter, is left as it was.

use std::ops::Range;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

use crate::extract::{MAX_LINK_BYTES, charset};

/// Changes in the order in which they were found.
pub(super) struct Edits {
    edits: Vec<Edit>,
    links: usize,
    /// Bytes that links may still take: a page of links that are a letter each, and a long base, would come to gigabytes.
    budget: usize,
}

struct Edit {
    place: Range<usize>,
    text: String,
}

impl Default for Edits {
    fn default() -> Self {
        Self { edits: Vec::new(), links: 0, budget: MAX_LINK_BYTES }
    }
}

impl Edits {
    /// Whether so many bytes may still be written.
    pub(super) fn spend(&mut self, bytes: usize) -> bool {
        let left = self.budget.checked_sub(bytes);
        self.budget = left.unwrap_or(0);
        left.is_some()
    }

    /// Puts something there that is no link.
    pub(super) fn insert(&mut self, at: usize, text: String) {
        self.edits.push(Edit { place: at..at, text });
    }

    /// Replaces a link.
    pub(super) fn link(&mut self, place: Range<usize>, text: String) {
        self.links_in(place, text, 1);
    }

    /// Replaces what has several.
    pub(super) fn links_in(&mut self, place: Range<usize>, text: String, links: usize) {
        self.links += links;
        self.edits.push(Edit { place, text });
    }

    /// Links that are replaced.
    pub(super) fn links(&self) -> u64 {
        self.links as u64
    }

    /// The original with all changes.
    pub(super) fn apply(mut self, encoding: &'static Encoding, original: &[u8]) -> Vec<u8> {
        self.edits.sort_by_key(|edit| edit.place.start);
        if encoding != UTF_8 {
            self.move_to(encoding, original);
        }
        let more: usize = self.edits.iter().map(|edit| edit.text.len()).sum();
        let (mut body, mut from) = (Vec::with_capacity(original.len() + more), 0);
        for Edit { place, text } in &self.edits {
            // Two changes of one place: the first counts.
            let Some(between) = original.get(from..place.start) else { continue };
            body.extend_from_slice(between);
            push(text, encoding, &mut body);
            from = place.end;
        }
        body.extend_from_slice(original.get(from..).unwrap_or_default());
        body
    }

    /// From places in UTF-8 to places in the original. Places of the first do not overlap when they are sorted, so neither
    /// do their ends.
    fn move_to(&mut self, encoding: &'static Encoding, original: &[u8]) {
        let mut end = 0;
        self.edits.retain(|edit| {
            let follows = edit.place.start >= end;
            end = end.max(edit.place.end);
            follows
        });
        let ends: Vec<_> = self.edits.iter().flat_map(|edit| [edit.place.start, edit.place.end]).collect();
        let mut places = charset::places(encoding, original, &ends).into_iter();
        self.edits.retain_mut(|edit| match (places.next().flatten(), places.next().flatten()) {
            (Some(start), Some(end)) => {
                edit.place = start..end;
                true
            }
            _ => false,
        });
    }
}

/// Appends ASCII in an encoding.
fn push(text: &str, encoding: &'static Encoding, body: &mut Vec<u8>) {
    if encoding == UTF_16LE {
        body.extend(text.bytes().flat_map(|byte| [byte, 0]));
    } else if encoding == UTF_16BE {
        body.extend(text.bytes().flat_map(|byte| [0, byte]));
    } else {
        body.extend_from_slice(text.as_bytes());
    }
}
