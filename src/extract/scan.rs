//! The HTML tokenizer: which bytes of a page are tags, and which bytes of a tag are attributes.
//!
//! Works on bytes, copies nothing, builds no tree and decodes nothing. It follows the tokenizer of the
//! WHATWG HTML Standard (§13.2.5) where that decides what is a tag: comments, bogus comments, DOCTYPE,
//! CDATA in foreign content, raw text and escapable raw text elements, the escaped states of scripts,
//! attributes in all their forms. Scripts never run here, so `noscript` is read like any other element,
//! and so is `template`. A tag that the page ends in is no tag.
//!
//! [`Scanner`] is called by `html`; tag names come out lower-cased, everything else as it was written.
//! Promises linear time on any input: each byte is looked at a fixed number of times.

use memchr::{memchr, memchr2};

use super::foreign::Foreign;

/// Walks over the start tags of a page.
pub(crate) struct Scanner<'a> {
    input: &'a [u8],
    at: usize,
    foreign: Foreign,
    /// The attributes of the last tag.
    attrs: Seen<'a>,
}

/// A start tag.
pub(crate) struct Tag<'s, 'a> {
    /// The tag name in lower case.
    pub(crate) name: Name,
    /// What the tag says between its name and `>`.
    pub(crate) attrs: Attrs<'s, 'a>,
    /// Inside `svg` or `math`, where `<title>` is no title and `<link>` no link.
    pub(crate) foreign: bool,
    /// There is a `/` before its `>`.
    pub(crate) self_closing: bool,
    /// What a raw text element (`script`, `title`, …) holds; empty for all others.
    pub(crate) text: &'a [u8],
}

/// What a page is made of, for who reads more of it than start tags.
pub(crate) enum Token<'s, 'a> {
    /// As written, references included. A text may come in several parts.
    Text(&'a [u8]),
    Start(Tag<'s, 'a>),
    End(Name),
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(input: &'a [u8]) -> Self {
        Self { input, at: 0, foreign: Foreign::default(), attrs: Seen::default() }
    }

    /// The next start tag ("data state", §13.2.5.1).
    pub(crate) fn next_tag(&mut self) -> Option<Tag<'_, 'a>> {
        loop {
            let open = find(b'<', self.input, self.at, 1)?;
            match *self.input.get(open + 1)? {
                b'a'..=b'z' | b'A'..=b'Z' => return self.start_tag(open + 1),
                b'/' => self.at = self.end_tag(open + 2)?,
                b'!' => self.at = self.declaration(open + 2)?,
                b'?' => self.at = self.bogus_comment(open + 2)?,
                _ => self.at = open + 1,
            }
        }
    }

    /// What follows the last tag.
    pub(super) fn rest(&self) -> &'a [u8] {
        &self.input[self.at..]
    }

    /// The next text, start tag or end tag; comments and their like are passed over, and so is what raw text elements
    /// hold, which comes with their tag.
    pub(crate) fn next_token(&mut self) -> Option<Token<'_, 'a>> {
        loop {
            let start = self.at;
            let end = memchr(b'<', self.input.get(start..)?).map_or(self.input.len(), |at| start + at);
            let end = match self.input.get(end + 1) {
                // No markup, so it is text.
                Some(b'a'..=b'z' | b'A'..=b'Z' | b'/' | b'!' | b'?') => end,
                _ => self.input.len().min(end + 1),
            };
            if start < end {
                self.at = end;
                return Some(Token::Text(&self.input[start..end]));
            }
            match *self.input.get(start + 1)? {
                b'/' => {
                    let name_end = until(self.input, start + 2, TAG_NAME_END);
                    let name = Name::new(&self.input[start + 2..name_end]);
                    self.at = self.end_tag(start + 2)?;
                    return Some(Token::End(name));
                }
                b'!' => self.at = self.declaration(start + 2)?,
                b'?' => self.at = self.bogus_comment(start + 2)?,
                // It begins here, so that is the next: `next_tag` stays the only caller of what reads it.
                _ => return self.next_tag().map(Token::Start),
            }
        }
    }

    /// Where the next tag is looked for: behind the last one, and its text.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// A start tag whose name begins at `start`.
    fn start_tag(&mut self, start: usize) -> Option<Tag<'_, 'a>> {
        let name_end = until(self.input, start, TAG_NAME_END);
        let name = Name::new(&self.input[start..name_end]);
        let (self_closing, end) = self.attrs.read(self.input, name_end)?;
        let attrs = self.attrs.all(&self.input[..end]);
        let foreign = self.foreign.open(name.as_bytes(), attrs, self_closing);
        let text_end = if foreign { None } else { text_end(self.input, name.as_bytes(), end) };
        self.at = match text_end {
            None => end,
            // Its end tag belongs to the text, whatever else of that name is open.
            Some(at) => {
                tag_end(self.input, at + 2 + name.as_bytes().len()).map_or(self.input.len(), |end| end.0)
            }
        };
        Some(Tag { name, attrs, foreign, self_closing, text: &self.input[end..text_end.unwrap_or(end)] })
    }

    /// What follows `</` ("end tag open state", §13.2.5.7). Returns where to go on.
    #[inline(always)] // into `next_tag`, where a crawl spends a third of its time
    fn end_tag(&mut self, start: usize) -> Option<usize> {
        match *self.input.get(start)? {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            _ => return self.bogus_comment(start),
        }
        let name_end = until(self.input, start, TAG_NAME_END);
        let end = match self.input.get(name_end) {
            Some(b'>') => name_end + 1,
            _ => tag_end(self.input, name_end)?.0,
        };
        if self.foreign.any() {
            self.foreign.close(Name::new(&self.input[start..name_end]).as_bytes());
        }
        Some(end)
    }

    /// What follows `<!` (§13.2.5.42): a comment, a CDATA section, or up to the next `>`. The last holds
    /// for a DOCTYPE too, since `>` ends it even within a quoted identifier (§13.2.5.59).
    fn declaration(&self, start: usize) -> Option<usize> {
        let rest = &self.input[start..];
        if rest.starts_with(b"--") {
            return self.comment(start);
        }
        if rest.starts_with(b"[CDATA[") && self.foreign.takes_cdata() {
            let from = start + b"[CDATA[".len();
            return Some(from + memchr::memmem::find(&self.input[from..], b"]]>")? + 3);
        }
        self.bogus_comment(start)
    }

    /// A comment whose first two dashes are at `dashes` (§13.2.5.43 and on). `-->` may share them, as in
    /// `<!-->` and `<!--->`; `--!>` may not.
    fn comment(&self, dashes: usize) -> Option<usize> {
        let mut from = dashes + 2;
        loop {
            let close = from + memchr(b'>', self.input.get(from..)?)?;
            let inside = &self.input[dashes..close];
            if inside.ends_with(b"--") || inside[2..].ends_with(b"--!") {
                return Some(close + 1);
            }
            from = close + 1;
        }
    }

    fn bogus_comment(&self, start: usize) -> Option<usize> {
        Some(start + memchr(b'>', self.input.get(start..)?)? + 1)
    }
}

/// Where the text of the element ends that was opened before `from`, if its content is no markup
/// (§13.2.6.4: `script`, `style`, `xmp`, `iframe`, `noembed`, `noframes`, `textarea`, `title`).
fn text_end(input: &[u8], name: &[u8], from: usize) -> Option<usize> {
    Some(match name {
        b"script" => script_end(input, from),
        b"style" | b"title" | b"textarea" | b"iframe" | b"xmp" | b"noembed" | b"noframes" => {
            raw_text_end(input, from, name)
        }
        b"plaintext" => input.len(),
        _ => return None,
    })
}

/// Where `</name` stands that ends a raw text element, or the end of the input.
fn raw_text_end(input: &[u8], mut from: usize, name: &[u8]) -> usize {
    while let Some(at) = memchr(b'<', &input[from..]) {
        if input.get(from + at + 1) == Some(&b'/') && is_tag(input, from + at + 2, name) {
            return from + at;
        }
        from += at + 1;
    }
    input.len()
}

/// How deep in legacy comments a script is (§13.2.5.15 and on).
#[derive(Clone, Copy, PartialEq)]
enum Script {
    Plain,
    /// After `<!--`.
    Escaped,
    /// After `<!--` and `<script`: here `</script>` ends the inner one only.
    DoubleEscaped,
}

/// Where the `</script` stands that ends a script, or the end of the input.
fn script_end(input: &[u8], mut at: usize) -> usize {
    let mut state = Script::Plain;
    loop {
        let rest = &input[at..];
        let found = if state == Script::Plain { memchr(b'<', rest) } else { memchr2(b'<', b'-', rest) };
        let Some(offset) = found else { return input.len() };
        at += offset;
        let rest = &input[at..];
        at += 1;
        let closes = rest.starts_with(b"</") && is_tag(input, at + 1, b"script");
        state = match state {
            Script::Plain | Script::Escaped if closes => return at - 1,
            Script::Plain if rest.starts_with(b"<!--") => {
                at += 1; // the dashes may be those of `-->` at once
                Script::Escaped
            }
            Script::Escaped | Script::DoubleEscaped if rest.starts_with(b"-->") => Script::Plain,
            Script::Escaped if rest[0] == b'<' && is_tag(input, at, b"script") => Script::DoubleEscaped,
            Script::DoubleEscaped if closes => Script::Escaped,
            same => same,
        };
    }
}

/// Whether the tag name at `at` is exactly `name`, and what follows ends a name.
fn is_tag(input: &[u8], at: usize, name: &[u8]) -> bool {
    let end = at + name.len();
    input.get(at..end).is_some_and(|found| found.eq_ignore_ascii_case(name))
        && input.get(end).is_some_and(|&byte| CLASS[usize::from(byte)] & TAG_NAME_END != 0)
}

/// A tag name in lower case. Names longer than any that matters are kept as the empty name.
#[derive(Clone, Copy)]
pub(crate) struct Name {
    bytes: [u8; Name::MAX],
    len: u8,
}

impl Name {
    const MAX: usize = 16;

    pub(super) fn new(written: &[u8]) -> Self {
        if written.len() > Self::MAX {
            return Self { bytes: [0; Self::MAX], len: 0 };
        }
        // In a register: what is written byte by byte and then copied as a whole makes the processor wait.
        let append = |name: u128, byte: &u8| name << 8 | u128::from(byte.to_ascii_lowercase());
        let bytes = written.iter().rev().fold(0, append).to_le_bytes();
        Self { bytes, len: written.len() as u8 } // at most MAX
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// An attribute: name and value as written; without `=` the value is empty.
type Attr<'a> = (&'a [u8], &'a [u8]);

/// The first attributes of a tag, so that only tags with more are walked over twice.
#[derive(Default)]
struct Seen<'a> {
    attrs: [Attr<'a>; 8],
    len: usize,
    /// Where the attributes go on that are not among them.
    rest: usize,
}

impl<'a> Seen<'a> {
    /// Reads the rest of a tag whose name ends at `at`: whether `/` is before its `>`, and where it ends.
    fn read(&mut self, input: &'a [u8], mut at: usize) -> Option<(bool, usize)> {
        (self.len, self.rest) = (0, at);
        loop {
            match step(input, at) {
                Step::Attr { attr, next } => {
                    at = next;
                    if let Some(slot) = self.attrs.get_mut(self.len) {
                        *slot = attr;
                        self.len += 1;
                        self.rest = at;
                    }
                }
                Step::Close { self_closing, next } => return Some((self_closing, next)),
                Step::Eof => return None,
            }
        }
    }

    /// What was read, of a tag that `input` ends with.
    fn all(&self, input: &'a [u8]) -> Attrs<'_, 'a> {
        let at = if self.len < self.attrs.len() { input.len() } else { self.rest };
        Attrs { seen: &self.attrs[..self.len], input, at }
    }
}

/// The attributes of a tag in order, duplicates included.
#[derive(Clone, Copy)]
pub(crate) struct Attrs<'s, 'a> {
    seen: &'s [Attr<'a>],
    input: &'a [u8],
    at: usize,
}

impl<'a> Attrs<'_, 'a> {
    /// The values of the named attributes (in lower case; an empty name stands for none). Of duplicates the first counts (§13.2.5.33).
    pub(crate) fn pick<const N: usize>(self, names: [&str; N]) -> [Option<&'a [u8]>; N] {
        let mut picked = [None; N];
        let mut take = |(name, value): Attr<'a>| {
            for (wanted, slot) in names.iter().zip(&mut picked) {
                if name.len() == wanted.len()
                    && slot.is_none()
                    && name.eq_ignore_ascii_case(wanted.as_bytes())
                {
                    *slot = Some(value);
                }
            }
        };
        // Most tags have been seen to their end.
        self.seen.iter().copied().for_each(&mut take);
        Self { seen: &[], ..self }.for_each(take);
        picked
    }
}

impl<'a> Iterator for Attrs<'_, 'a> {
    type Item = Attr<'a>;

    #[inline]
    fn next(&mut self) -> Option<Attr<'a>> {
        if let Some((&attr, rest)) = self.seen.split_first() {
            self.seen = rest;
            return Some(attr);
        }
        match step(self.input, self.at) {
            Step::Attr { attr, next } => {
                self.at = next;
                Some(attr)
            }
            Step::Close { .. } | Step::Eof => None,
        }
    }
}

/// What follows the name of a tag, which ends at `at`: its attributes, whether `/` is before its `>`, and where it ends.
pub(super) fn tag_rest(input: &[u8], at: usize) -> Option<(Attrs<'_, '_>, bool, usize)> {
    let (end, self_closing) = tag_end(input, at)?;
    Some((Attrs { seen: &[], input: &input[..end], at }, self_closing, end))
}

/// Finds the end of the tag whose attributes begin at `at`: behind its `>`, and whether `/` is before that.
fn tag_end(input: &[u8], mut at: usize) -> Option<(usize, bool)> {
    loop {
        match step(input, at) {
            Step::Attr { next, .. } => at = next,
            Step::Close { self_closing, next } => return Some((next, self_closing)),
            Step::Eof => return None,
        }
    }
}

enum Step<'a> {
    Attr { attr: Attr<'a>, next: usize },
    Close { self_closing: bool, next: usize },
    Eof,
}

/// Reads one attribute, or the end of the tag (§13.2.5.32 to 40).
#[inline(always)] // `tag_end` needs no more than where it ends
fn step(input: &[u8], mut at: usize) -> Step<'_> {
    let mut slash = false;
    loop {
        match input.get(at) {
            None => return Step::Eof,
            Some(b'>') => return Step::Close { self_closing: slash, next: at + 1 },
            Some(b'/') => slash = true,
            Some(byte) if is_space(*byte) => slash = false,
            Some(_) => break,
        }
        at += 1;
    }
    let name_end = until(input, at + 1, ATTR_NAME_END); // the first byte is of the name even if it is `=`
    let name = &input[at..name_end];
    let after = skip_spaces(input, name_end);
    if input.get(after) != Some(&b'=') {
        return Step::Attr { attr: (name, b""), next: after };
    }
    let start = skip_spaces(input, after + 1);
    let (value, next) = match input.get(start) {
        None => return Step::Eof,
        Some(&quote @ (b'"' | b'\'')) => match find(quote, input, start + 1, 4) {
            None => return Step::Eof,
            Some(end) => (&input[start + 1..end], end + 1),
        },
        Some(_) => {
            let end = until(input, start, VALUE_END);
            (&input[start..end], end)
        }
    };
    Step::Attr { attr: (name, value), next }
}

fn skip_spaces(input: &[u8], mut at: usize) -> usize {
    while input.get(at).is_some_and(|&byte| is_space(byte)) {
        at += 1;
    }
    at
}

/// ASCII whitespace (Infra §4.6). CR counts: the standard turns it into LF before the tokenizer (§13.2.3.5).
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b'\x0c')
}

/// The first position from `at` on with this byte. Tags and values end soon, so that to call memchr costs more than to
/// compare: that is done `near` times first, with eight bytes at once.
#[inline(always)]
fn find(byte: u8, input: &[u8], mut at: usize, near: usize) -> Option<usize> {
    for _ in 0..near {
        let Some(bytes) = eight(input, at) else { break };
        let differs = bytes ^ (ONES * u64::from(byte));
        // The lowest bit that is set here is the highest of the first byte that is zero.
        let zeros = differs.wrapping_sub(ONES) & !differs & HIGHS;
        if zeros != 0 {
            return Some(at + zeros.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    Some(at + memchr(byte, input.get(at..)?)?)
}

/// The first position from `at` on whose byte is of the given class, or the end.
#[inline(always)]
fn until(input: &[u8], at: usize, class: u8) -> usize {
    let rest = input.get(at..).unwrap_or_default();
    at + rest.iter().position(|&byte| CLASS[usize::from(byte)] & class != 0).unwrap_or(rest.len())
}

const ONES: u64 = u64::MAX / 255;
const HIGHS: u64 = ONES << 7;

/// The bytes at `at`, the first of them lowest.
#[inline(always)]
fn eight(input: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*input.get(at..)?.first_chunk()?))
}

const TAG_NAME_END: u8 = 1;
const ATTR_NAME_END: u8 = 2;
const VALUE_END: u8 = 4;

/// For each byte, what it ends.
static CLASS: [u8; 256] = {
    let mut class = [0; 256];
    let mut spaces: &[u8] = b" \t\n\r\x0c";
    while let [space, rest @ ..] = spaces {
        class[*space as usize] = TAG_NAME_END | ATTR_NAME_END | VALUE_END;
        spaces = rest;
    }
    class[b'>' as usize] = TAG_NAME_END | ATTR_NAME_END | VALUE_END;
    class[b'/' as usize] = TAG_NAME_END | ATTR_NAME_END;
    class[b'=' as usize] = ATTR_NAME_END;
    class
};

#[cfg(test)]
#[path = "scan_tests.rs"]
pub(super) mod tests;
