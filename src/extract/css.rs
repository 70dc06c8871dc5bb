//! The links of a style sheet: `url()`, `@import` and the strings of `image-set()`.
//!
//! Called by `extract` with a sheet, by `html` with `<style>` and `style=`. It tokenizes as CSS Syntax Level 3 §4.3 does, as
//! far as that decides what is a URL: comments, strings, escapes, bad URLs, and names that only end in `url`. It parses no
//! rules. A bad string or URL gives nothing and disturbs nothing else; `@namespace` names no resource.
//!
//! Promises linear time without recursion, and no panic on any text.

use std::borrow::Cow;
use std::ops::Range;

use memchr::{memchr, memchr3};

use super::Via;

/// The text of a sheet (§3.3: NUL stands for U+FFFD).
pub(super) fn text(raw: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(raw);
    match memchr(0, text.as_bytes()) {
        Some(_) => text.replace('\0', "\u{fffd}").into(),
        None => text,
    }
}

/// Whether a `style` attribute can hold a link, which most do not; it is not decoded yet.
pub(super) fn is_worth_reading(attribute: &[u8]) -> bool {
    memchr3(b'(', b'\\', b'&', attribute).is_some()
}

/// The links of a sheet in order, and where they stand.
pub(super) fn links(css: Cow<'_, str>) -> Vec<(Cow<'_, str>, Via)> {
    match css {
        Cow::Borrowed(css) => Scanner::new(css).collect(),
        Cow::Owned(css) => Scanner::new(&css).map(|(url, via)| (Cow::Owned(url.into_owned()), via)).collect(),
    }
}

/// The links of a sheet, and where in it each is written, quotes and parentheses aside.
pub(super) fn places(css: &str) -> Vec<(Range<usize>, Cow<'_, str>)> {
    let mut scanner = Scanner::new(css);
    std::iter::from_fn(|| scanner.next().map(|(url, _)| (scanner.written.clone(), url))).collect()
}

const URL: Via = Via::named("css", "url");
pub(super) const IMPORT: Via = Via::named("css", "import");

/// Walks over the tokens of a sheet.
struct Scanner<'a> {
    css: &'a str,
    at: usize,
    rule: Rule,
    /// Parentheses that are open.
    depth: u32,
    /// How many were open when the `image-set(` began that is the last one.
    image_set: Option<u32>,
    /// Where the last string or URL stands.
    written: Range<usize>,
}

/// What the next URL is for.
#[derive(Clone, Copy, PartialEq)]
enum Rule {
    /// It stands directly behind `@import`, where a string is one too.
    Import,
    /// It is the name of a namespace.
    Namespace,
    Other,
}

impl<'a> Iterator for Scanner<'a> {
    type Item = (Cow<'a, str>, Via);

    fn next(&mut self) -> Option<Self::Item> {
        while self.at < self.css.len() {
            let before = self.rule;
            let url = self.token();
            let Some(url) = url.filter(|url| !url.is_empty()) else { continue };
            match before {
                Rule::Import => return Some((url, IMPORT)),
                Rule::Other => return Some((url, URL)),
                Rule::Namespace => {}
            }
        }
        None
    }
}

impl<'a> Scanner<'a> {
    fn new(css: &'a str) -> Self {
        Self { css, at: 0, rule: Rule::Other, depth: 0, image_set: None, written: 0..0 }
    }

    /// Consumes a token (§4.3.1), and gives its URL if it is one.
    fn token(&mut self) -> Option<Cow<'a, str>> {
        let byte = self.byte(0)?;
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' | b'\x0c' => self.at += 1,
            b'/' if self.byte(1) == Some(b'*') => self.comment(),
            b'"' | b'\'' => {
                let is_url =
                    self.rule == Rule::Import || self.image_set.is_some_and(|at| at + 1 == self.depth);
                let string = self.string(byte);
                self.leave_import();
                return string.filter(|_| is_url);
            }
            b'@' => self.at_keyword(),
            b'#' if self.is_name(1) => {
                self.at += 1;
                self.name();
                self.leave_import();
            }
            b'<' if self.css[self.at..].starts_with("<!--") => self.at += 4,
            b'0'..=b'9' => self.number(),
            b'.' if self.byte(1).is_some_and(|byte| byte.is_ascii_digit()) => self.number(),
            _ if self.starts_name() => return self.name_or_url(),
            _ => self.delimiter(byte),
        }
        None
    }

    /// `@` and what stands behind it.
    fn at_keyword(&mut self) {
        self.at += 1;
        let name = if self.starts_name() { self.name() } else { Cow::Borrowed("") };
        self.rule = match () {
            () if name.eq_ignore_ascii_case("import") => Rule::Import,
            () if name.eq_ignore_ascii_case("namespace") => Rule::Namespace,
            () => Rule::Other,
        };
    }

    /// A single character, and what it ends.
    fn delimiter(&mut self, byte: u8) {
        match byte {
            b'(' => self.depth += 1,
            b')' => {
                self.depth = self.depth.saturating_sub(1);
                self.image_set = self.image_set.filter(|at| *at < self.depth);
            }
            // What is still open is broken, and ends here as people see it.
            b';' | b'{' | b'}' => {
                (self.rule, self.depth, self.image_set) = (Rule::Other, 0, None);
            }
            _ => {}
        }
        self.leave_import();
        self.at += 1; // what is no ASCII is a name
    }

    /// A name, a function or a URL (§4.3.4).
    fn name_or_url(&mut self) -> Option<Cow<'a, str>> {
        let name = self.name();
        if self.byte(0) != Some(b'(') {
            self.leave_import();
            return None;
        }
        self.at += 1;
        if !name.eq_ignore_ascii_case("url") {
            self.depth += 1;
            if name.eq_ignore_ascii_case("image-set") || name.eq_ignore_ascii_case("-webkit-image-set") {
                self.image_set = Some(self.depth - 1);
            }
            self.leave_import();
            return None;
        }
        self.spaces();
        let url = match self.byte(0) {
            Some(quote @ (b'"' | b'\'')) => {
                self.depth += 1;
                self.string(quote)
            }
            _ => self.url(),
        };
        self.leave_import();
        url
    }

    /// What follows `url(` without a quote (§4.3.6).
    fn url(&mut self) -> Option<Cow<'a, str>> {
        let start = self.at;
        let mut text = Text::new(start);
        loop {
            let Some(byte) = self.byte(0) else { return Some(self.taken(text, start, self.at)) };
            match byte {
                b')' => {
                    self.at += 1;
                    return Some(self.taken(text, start, self.at - 1));
                }
                b' ' | b'\t' | b'\n' | b'\r' | b'\x0c' => {
                    let end = self.at;
                    self.spaces();
                    if matches!(self.byte(0), None | Some(b')')) {
                        self.at = (self.at + 1).min(self.css.len());
                        return Some(self.taken(text, start, end));
                    }
                    break;
                }
                b'\\' if self.is_escape(0) => self.escape(&mut text),
                b'"' | b'\'' | b'(' | b'\\' | 1..=0x1f | 0x7f => break,
                _ => self.at += 1,
            }
        }
        self.bad_url();
        None
    }

    /// What remains of a bad URL (§4.3.14).
    fn bad_url(&mut self) {
        while let Some(byte) = self.byte(0) {
            match byte {
                b'\\' if self.is_escape(0) => self.escape(&mut Text::new(self.at)),
                _ => self.at += 1,
            }
            if byte == b')' {
                return;
            }
        }
    }

    /// A string from its quote on (§4.3.5); `None` if a line ends in it.
    fn string(&mut self, quote: u8) -> Option<Cow<'a, str>> {
        self.at += 1;
        let start = self.at;
        let mut text = Text::new(start);
        while let Some(byte) = self.byte(0) {
            match byte {
                byte if byte == quote => {
                    self.at += 1;
                    return Some(self.taken(text, start, self.at - 1));
                }
                b'\n' | b'\r' | b'\x0c' => return None,
                b'\\' => match self.byte(1) {
                    None => {
                        let end = self.at;
                        self.at += 1;
                        return Some(self.taken(text, start, end));
                    }
                    Some(b'\n' | b'\r' | b'\x0c') => {
                        text.take(self.css, self.at);
                        self.at += 1;
                        self.newline();
                        text.from = self.at;
                    }
                    Some(_) => self.escape(&mut text),
                },
                _ => self.at += 1,
            }
        }
        Some(self.taken(text, start, self.at))
    }

    /// A string or URL that is written from `start` to `end`.
    fn taken(&mut self, text: Text, start: usize, end: usize) -> Cow<'a, str> {
        self.written = start..end;
        text.end(self.css, end)
    }

    /// A name (§4.3.12).
    fn name(&mut self) -> Cow<'a, str> {
        let mut text = Text::new(self.at);
        while self.is_name(0) {
            match self.byte(0) {
                Some(b'\\') => self.escape(&mut text),
                _ => self.at += 1,
            }
        }
        text.end(self.css, self.at)
    }

    /// A number and its unit (§4.3.3), of which only the end matters.
    fn number(&mut self) {
        while self.is_name(0)
            || (self.byte(0) == Some(b'.') && self.byte(1).is_some_and(|byte| byte.is_ascii_digit()))
        {
            match self.byte(0) {
                Some(b'\\') => self.escape(&mut Text::new(self.at)),
                _ => self.at += 1,
            }
        }
        self.leave_import();
    }

    fn comment(&mut self) {
        let inside = self.at + 2;
        let end = self.css[inside..].find("*/");
        self.at = end.map_or(self.css.len(), |end| inside + end + 2);
    }

    /// An escape (§4.3.7), whose `\` is valid.
    fn escape(&mut self, text: &mut Text) {
        text.take(self.css, self.at);
        self.at += 1;
        let rest = &self.css[self.at..];
        let digits = rest.bytes().take(6).take_while(u8::is_ascii_hexdigit).count();
        let c = match digits {
            0 => rest.chars().next(),
            _ => u32::from_str_radix(&rest[..digits], 16)
                .ok()
                .filter(|code| *code != 0)
                .and_then(char::from_u32),
        };
        let c = c.unwrap_or(char::REPLACEMENT_CHARACTER);
        self.at += if digits > 0 { digits } else { rest.chars().next().map_or(0, char::len_utf8) };
        if digits > 0 {
            match self.byte(0) {
                Some(b' ' | b'\t') => self.at += 1,
                _ => self.newline(),
            }
        }
        text.decoded.get_or_insert_default().push(c);
        text.from = self.at;
    }

    /// Consumes a newline, if one is here; CR LF is one (§3.3).
    fn newline(&mut self) {
        match (self.byte(0), self.byte(1)) {
            (Some(b'\r'), Some(b'\n')) => self.at += 2,
            (Some(b'\n' | b'\r' | b'\x0c'), _) => self.at += 1,
            _ => {}
        }
    }

    fn spaces(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r' | b'\x0c') = self.byte(0) {
            self.at += 1;
        }
    }

    /// Only comments and spaces may stand between `@import` and its URL.
    fn leave_import(&mut self) {
        if self.rule == Rule::Import {
            self.rule = Rule::Other;
        }
    }

    fn byte(&self, ahead: usize) -> Option<u8> {
        self.css.as_bytes().get(self.at + ahead).copied()
    }

    /// Whether there is a valid escape (§4.3.8).
    fn is_escape(&self, ahead: usize) -> bool {
        self.byte(ahead) == Some(b'\\') && !matches!(self.byte(ahead + 1), Some(b'\n' | b'\r' | b'\x0c'))
    }

    /// Whether a code point of a name is there, or an escape.
    fn is_name(&self, ahead: usize) -> bool {
        match self.byte(ahead) {
            Some(b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' | 0x80..) => true,
            _ => self.is_escape(ahead),
        }
    }

    /// Whether a name starts here (§4.3.9). Numbers have been looked for already.
    fn starts_name(&self) -> bool {
        match self.byte(0) {
            Some(b'-') => self.byte(1) == Some(b'-') || (self.is_name(1) && !self.is_digit(1)),
            _ => self.is_name(0) && !self.is_digit(0),
        }
    }

    fn is_digit(&self, ahead: usize) -> bool {
        self.byte(ahead).is_some_and(|byte| byte.is_ascii_digit())
    }
}

/// A text in the making: a piece of the sheet until an escape makes it one of its own.
struct Text {
    from: usize,
    decoded: Option<String>,
}

impl Text {
    fn new(from: usize) -> Self {
        Self { from, decoded: None }
    }

    fn take(&mut self, css: &str, end: usize) {
        self.decoded.get_or_insert_default().push_str(&css[self.from..end]);
    }

    fn end(mut self, css: &str, end: usize) -> Cow<'_, str> {
        match self.decoded {
            None => Cow::Borrowed(&css[self.from..end]),
            Some(_) => {
                self.take(css, end);
                Cow::Owned(self.decoded.unwrap_or_default())
            }
        }
    }
}

#[cfg(test)]
#[path = "css_tests.rs"]
mod tests;
