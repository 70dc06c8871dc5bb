//! What the first bytes of a text say of its encoding, before anything can parse it.
//!
//! [`prescan`] is "prescan a byte stream to determine its encoding" (WHATWG HTML §13.2.3.2), step by step: it is no
//! parser, so a `<meta>` within a script counts, as it does in browsers. [`xml_declaration`] is "get an XML
//! encoding", [`content_charset`] is "extract a character encoding from a meta element" (§2.5.4).
//!
//! Called by `charset`. Works on bytes as they were written; linear time.

use encoding_rs::{Encoding, UTF_16BE, UTF_16LE};
use memchr::memchr;
use memchr::memmem::find;

use super::super::scan::is_space;
use super::{as_declared, not_utf_16};

/// How far it is looked, in bytes: what the standard has browsers do.
pub(super) const END: usize = 1024;

/// What the first [`END`] bytes of a page declare.
pub(super) fn prescan(body: &[u8]) -> Option<&'static Encoding> {
    let start = &body[..body.len().min(END)];
    utf_16_declaration(start).or_else(|| meta(start)).or_else(|| xml_declaration(start))
}

/// The start of an XML declaration in UTF-16, whatever it goes on to say.
pub(super) fn utf_16_declaration(body: &[u8]) -> Option<&'static Encoding> {
    match body {
        [b'<', 0, b'?', 0, b'x', 0, ..] => Some(UTF_16LE),
        [0, b'<', 0, b'?', 0, b'x', ..] => Some(UTF_16BE),
        _ => None,
    }
}

/// The encoding that `<?xml … encoding="…"` names ("get an XML encoding").
pub(super) fn xml_declaration(body: &[u8]) -> Option<&'static Encoding> {
    let declaration = body.strip_prefix(b"<?xml")?;
    memchr(b'>', declaration)?;
    let value = &declaration[find(declaration, b"encoding")? + b"encoding".len()..];
    let value = skip_controls(skip_controls(value).strip_prefix(b"=")?);
    let (&quote, value) = value.split_first().filter(|(quote, _)| matches!(quote, b'"' | b'\''))?;
    let name = &value[..memchr(quote, value)?];
    if name.iter().any(|&byte| byte <= b' ') {
        return None;
    }
    Encoding::for_label(name).map(not_utf_16)
}

fn skip_controls(bytes: &[u8]) -> &[u8] {
    &bytes[bytes.iter().take_while(|&&byte| byte <= b' ').count()..]
}

/// The encoding that the content of a `<meta http-equiv=content-type>` names.
pub(super) fn content_charset(content: &[u8]) -> Option<&'static Encoding> {
    const NAME: &[u8] = b"charset";
    let mut rest = content;
    loop {
        let at = rest.windows(NAME.len()).position(|word| word.eq_ignore_ascii_case(NAME))?;
        rest = skip_spaces(&rest[at + NAME.len()..]);
        let Some(value) = rest.strip_prefix(b"=") else { continue };
        let value = skip_spaces(value);
        let end = match value.split_first()? {
            (&quote @ (b'"' | b'\''), value) => {
                return Encoding::for_label(&value[..memchr(quote, value)?]);
            }
            _ => value.iter().position(|&byte| byte == b';' || is_space(byte)).unwrap_or(value.len()),
        };
        return Encoding::for_label(&value[..end]);
    }
}

fn skip_spaces(bytes: &[u8]) -> &[u8] {
    &bytes[bytes.iter().take_while(|&&byte| is_space(byte)).count()..]
}

/// The first `<meta>` that declares an encoding. `None` also where the bytes end within a tag.
fn meta(input: &[u8]) -> Option<&'static Encoding> {
    let mut bytes = Bytes { input, at: 0 };
    loop {
        bytes.at += memchr(b'<', &input[bytes.at..])?;
        let rest = &input[bytes.at..];
        if rest.starts_with(b"<!--") {
            // The dashes of `<!-->` are those of both ends.
            bytes.at += 2 + find(&rest[2..], b"-->")? + 2;
        } else if is_meta(rest) {
            bytes.at += b"<meta".len();
            if let Some(encoding) = declaration(&mut bytes)? {
                return Some(encoding);
            }
        } else if is_tag(rest) {
            bytes.at += rest.iter().position(|&byte| byte == b'>' || is_space(byte))?;
            while bytes.attribute()?.is_some() {}
        } else if let [_, b'!' | b'/' | b'?', ..] = rest {
            bytes.at += memchr(b'>', rest)?;
        }
        bytes.at += 1;
    }
}

fn is_meta(rest: &[u8]) -> bool {
    const NAME: &[u8] = b"<meta";
    rest.get(..NAME.len()).is_some_and(|start| start.eq_ignore_ascii_case(NAME))
        && rest.get(NAME.len()).is_some_and(|&byte| byte == b'/' || is_space(byte))
}

fn is_tag(rest: &[u8]) -> bool {
    let name = rest.strip_prefix(b"</").or_else(|| rest.strip_prefix(b"<")).unwrap_or_default();
    name.first().is_some_and(u8::is_ascii_alphabetic)
}

/// What the attributes of a `<meta>` declare; the outer `None` is the end of the bytes.
fn declaration(bytes: &mut Bytes<'_>) -> Option<Option<&'static Encoding>> {
    let mut seen = [false; 3];
    let (mut got_pragma, mut need_pragma) = (false, None);
    // A label that nobody knows still is one: content cannot name another (step 6).
    let mut charset = None;
    while let Some((name, value)) = bytes.attribute()? {
        let names: [&[u8]; 3] = [b"http-equiv", b"content", b"charset"];
        let Some(which) = names.iter().position(|known| name.eq_ignore_ascii_case(known)) else { continue };
        if std::mem::replace(&mut seen[which], true) {
            continue;
        }
        match which {
            0 => got_pragma |= value.eq_ignore_ascii_case(b"content-type"),
            1 => {
                if let (None, Some(encoding)) = (charset, content_charset(value)) {
                    charset = Some(Some(encoding));
                    need_pragma = Some(true);
                }
            }
            _ => {
                charset = Some(Encoding::for_label(value));
                need_pragma = Some(false);
            }
        }
    }
    let counts = need_pragma.is_some_and(|needed| got_pragma || !needed);
    Some(charset.flatten().filter(|_| counts).map(as_declared))
}

/// A place in the bytes.
struct Bytes<'a> {
    input: &'a [u8],
    at: usize,
}

impl<'a> Bytes<'a> {
    fn peek(&self) -> Option<u8> {
        self.input.get(self.at).copied()
    }

    fn skip(&mut self, what: impl Fn(u8) -> bool) -> Option<u8> {
        while what(self.peek()?) {
            self.at += 1;
        }
        self.peek()
    }

    /// "Get an attribute": name and value as written. `Some(None)` before the `>` that ends the tag; `None` when the
    /// bytes end, which ends the prescan.
    fn attribute(&mut self) -> Option<Option<(&'a [u8], &'a [u8])>> {
        if self.skip(|byte| byte == b'/' || is_space(byte))? == b'>' {
            return Some(None);
        }
        let start = self.at;
        self.at += 1; // the first byte is of the name even if it is `=`
        let end = self.skip(|byte| !matches!(byte, b'=' | b'/' | b'>') && !is_space(byte))?;
        let name = &self.input[start..self.at];
        if is_space(end) {
            self.skip(is_space)?;
        }
        if self.peek()? != b'=' {
            return Some(Some((name, b"")));
        }
        self.at += 1;
        let first = self.skip(is_space)?;
        let start = self.at;
        if let b'"' | b'\'' = first {
            let value = &self.input[start + 1..];
            let value = &value[..memchr(first, value)?];
            self.at = start + value.len() + 2;
            return Some(Some((name, value)));
        }
        self.skip(|byte| byte != b'>' && !is_space(byte))?;
        Some(Some((name, &self.input[start..self.at])))
    }
}
