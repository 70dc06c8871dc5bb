//! From the bytes of a robots.txt to [`Rules`]: lines, fields, and the groups that apply.
//!
//! A line is read as forgivingly as Google's parser does: keys in any case and with the misspellings
//! that occur, a colon that was forgotten, comments anywhere. A group begins with the first user-agent
//! line after a rule. Lines of other kinds neither begin nor end one (RFC 9309 §2.2.4).

use std::borrow::Cow;
use std::time::Duration;

use memchr::{memchr, memchr2, memrchr2};

use super::{Group, MAX_BYTES, MAX_CRAWL_DELAY, Rules};

/// Bytes of a line that are read. Google's parser keeps eight times the longest URL of a browser that
/// was once common, and its terminator.
pub(super) const MAX_LINE: usize = 8 * 2083 - 1;

/// Reads a whole file. See [`Rules::parse`].
pub(super) fn rules(body: &[u8], product_token: &str) -> Rules {
    let body = without_nul(without_bom(head(body)));
    let mut reader = Reader::new(product_token);
    for (line, field) in Lines::new(&body).filter_map(|(line, text)| Some((line, field(text)?))) {
        reader.take(line, field);
    }
    reader.finish()
}

/// Which groups are being read, and what they said so far.
struct Reader<'t> {
    token: &'t [u8],
    named: Group,
    everyone: Group,
    sitemaps: Vec<String>,
    /// Some group names the token, even if it has no rules: those for `*` do not apply then.
    is_named: bool,
    in_named: bool,
    in_everyone: bool,
    /// The group has a rule, so that the next user-agent line begins another.
    has_rule: bool,
}

impl<'t> Reader<'t> {
    fn new(token: &'t str) -> Self {
        Self {
            token: token.trim().as_bytes(),
            named: Group::default(),
            everyone: Group::default(),
            sitemaps: Vec::new(),
            is_named: false,
            in_named: false,
            in_everyone: false,
            has_rule: false,
        }
    }

    fn take(&mut self, line: u32, field: Field<'_>) {
        match field {
            Field::UserAgent(value) => self.user_agent(value),
            Field::Rule { allow, pattern } => self.rule(line, allow, pattern),
            Field::CrawlDelay(value) => {
                if let Some(delay) = delay(value) {
                    self.groups().for_each(|group| group.ask_delay(delay));
                }
            }
            Field::Sitemap(b"") => {}
            Field::Sitemap(value) => self.sitemaps.push(String::from_utf8_lossy(value).into_owned()),
        }
    }

    fn user_agent(&mut self, value: &[u8]) {
        if self.has_rule {
            (self.in_named, self.in_everyone, self.has_rule) = (false, false, false);
        }
        if is_everyone(value) {
            self.in_everyone = true;
        } else if names(value, self.token) {
            (self.in_named, self.is_named) = (true, true);
        }
    }

    fn rule(&mut self, line: u32, allow: bool, pattern: &[u8]) {
        self.has_rule = true;
        if pattern.is_empty() {
            return; // "Disallow:" matches nothing (RFC 9309 §2.2.2 and its ABNF).
        }
        let index_of = allow.then(|| directory_of_index(pattern)).flatten();
        for group in self.groups() {
            group.add(allow, pattern, line);
            if let Some(directory) = &index_of {
                group.add(allow, directory, line);
            }
        }
    }

    /// The groups that the current line belongs to and that may still matter.
    fn groups(&mut self) -> impl Iterator<Item = &mut Group> {
        let named = self.in_named.then_some(&mut self.named);
        let everyone = (self.in_everyone && !self.is_named).then_some(&mut self.everyone);
        named.into_iter().chain(everyone)
    }

    fn finish(self) -> Rules {
        let group = if self.is_named { self.named } else { self.everyone };
        Rules { group: group.seal(), sitemaps: self.sitemaps }
    }
}

/// `*`, alone or with something after a space.
fn is_everyone(value: &[u8]) -> bool {
    value == b"*" || matches!(value, [b'*', next, ..] if next.is_ascii_whitespace())
}

/// Whether a user-agent line means the token: by its product token (RFC 9309 §2.2.1), so that
/// `gannet/1.0` does, or as a whole, so that names which are no product token (`008`) are heard too.
fn names(value: &[u8], token: &[u8]) -> bool {
    let end = value.iter().position(|b| !(b.is_ascii_alphabetic() || matches!(b, b'-' | b'_')));
    let product = &value[..end.unwrap_or(value.len())];
    !token.is_empty() && (product.eq_ignore_ascii_case(token) || value.eq_ignore_ascii_case(token))
}

/// Who allows `/a/index.html` means `/a/` too. Not in the RFC, but all engines agree on it.
fn directory_of_index(pattern: &[u8]) -> Option<Vec<u8>> {
    let slash = pattern.iter().rposition(|&b| b == b'/')?;
    let directory = &pattern[..=slash];
    pattern[slash + 1..].starts_with(b"index.htm").then(|| [directory, b"$"].concat())
}

/// Seconds, with or without a fraction; a unit or words behind the number do not matter.
fn delay(value: &[u8]) -> Option<Duration> {
    let word = value.split(|b| b.is_ascii_whitespace()).next()?;
    let digits = word.iter().position(|b| !(b.is_ascii_digit() || *b == b'.')).unwrap_or(word.len());
    if digits == 0 {
        return None; // also: a sign, `inf`, `nan`
    }
    let parse = |text: &[u8]| std::str::from_utf8(text).ok()?.parse::<f64>().ok();
    let seconds = parse(word).or_else(|| parse(&word[..digits]))?;
    Some(Duration::from_secs_f64(seconds.clamp(0.0, MAX_CRAWL_DELAY.as_secs_f64())))
}

/// What one line says.
#[derive(Debug, PartialEq, Eq)]
enum Field<'a> {
    UserAgent(&'a [u8]),
    Rule { allow: bool, pattern: &'a [u8] },
    CrawlDelay(&'a [u8]),
    Sitemap(&'a [u8]),
}

/// Parses a line; `None` if it is empty or of a kind that is not known.
fn field(line: &[u8]) -> Option<Field<'_>> {
    let text = &line[..line.len().min(MAX_LINE)];
    let text = text[..memchr(b'#', text).unwrap_or(text.len())].trim_ascii();
    let (key, value) = key_and_value(text)?;
    let starts = |names: &[&str]| {
        names.iter().any(|n| key.get(..n.len()).is_some_and(|k| k.eq_ignore_ascii_case(n.as_bytes())))
    };
    // By the start of the key, as Google does: `Disallowed:` and `Sitemaps:` are meant that way.
    if starts(&["user-agent", "useragent", "user agent"]) {
        Some(Field::UserAgent(value))
    } else if starts(&["disallow", "dissallow", "dissalow", "disalow", "diasllow", "disallaw"]) {
        Some(Field::Rule { allow: false, pattern: value })
    } else if starts(&["allow"]) {
        Some(Field::Rule { allow: true, pattern: value })
    } else if starts(&["crawl-delay", "crawldelay", "crawl delay"]) {
        Some(Field::CrawlDelay(value))
    } else if starts(&["sitemap", "site-map"]) {
        Some(Field::Sitemap(value))
    } else {
        None
    }
}

/// Splits at the colon. One that was forgotten is forgiven if the line has exactly two words, so that
/// prose (an HTML page, a licence) is not taken for rules.
fn key_and_value(text: &[u8]) -> Option<(&[u8], &[u8])> {
    if let Some(colon) = memchr(b':', text) {
        return Some((text[..colon].trim_ascii(), text[colon + 1..].trim_ascii()));
    }
    let space = memchr2(b' ', b'\t', text)?;
    let value = text[space..].trim_ascii();
    memchr2(b' ', b'\t', value).is_none().then_some((&text[..space], value))
}

/// Lines with their numbers from 1. A line ends with CR, LF or CRLF (RFC 9309 §2.2, `EOL`).
struct Lines<'a> {
    rest: Option<&'a [u8]>,
    line: u32,
}

impl<'a> Lines<'a> {
    fn new(body: &'a [u8]) -> Self {
        Self { rest: Some(body), line: 0 }
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

/// The first [`MAX_BYTES`], without the line that they cut: `Disallow: /a` is not what it says.
fn head(body: &[u8]) -> &[u8] {
    let Some(head) = body.get(..MAX_BYTES).filter(|_| body.len() > MAX_BYTES) else { return body };
    &head[..memrchr2(b'\r', b'\n', head).unwrap_or(head.len())]
}

/// Without a byte order mark, of which Google's parser forgives a part as well.
fn without_bom(body: &[u8]) -> &[u8] {
    [&b"\xEF\xBB\xBF"[..], b"\xEF\xBB", b"\xEF", b"\xFF\xFE", b"\xFE\xFF"]
        .iter()
        .find_map(|bom| body.strip_prefix(*bom))
        .unwrap_or(body)
}

/// Without NUL bytes: they are padding, or every other byte of ASCII text saved as UTF-16.
fn without_nul(body: &[u8]) -> Cow<'_, [u8]> {
    match memchr(0, body) {
        None => Cow::Borrowed(body),
        Some(_) => Cow::Owned(body.iter().copied().filter(|&b| b != 0).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgiving_fields() {
        let disallow = |pattern| Some(Field::Rule { allow: false, pattern });
        assert_eq!(field(b"  Disallow : /a b  # c"), disallow(b"/a b"));
        assert_eq!(field(b"DISALLOWED:/a"), disallow(b"/a"));
        assert_eq!(field(b"disallow /a"), disallow(b"/a"));
        assert_eq!(field(b"disallow\t/a"), disallow(b"/a"));
        assert_eq!(field(b"disallow what we say"), None);
        assert_eq!(field(b"dissalow: /a"), disallow(b"/a"));
        assert_eq!(field(b"disallow:"), disallow(b""));
        assert_eq!(field(b"disallow/a"), None);
        assert_eq!(field(b"User Agent: x"), Some(Field::UserAgent(b"x")));
        assert_eq!(field(b"Site-Map: x"), Some(Field::Sitemap(b"x")));
        assert_eq!(field(b"Noindex: /x"), None);
        assert_eq!(field(b": /x"), None);
        assert_eq!(field(b""), None);
    }

    #[test]
    fn line_ends() {
        let lines: Vec<_> = Lines::new(b"a\rb\nc\r\nd\r\r\n\ne").map(|(_, text)| text).collect();
        assert_eq!(lines, [&b"a"[..], b"b", b"c", b"d", b"", b"", b"e"]);
    }

    #[test]
    fn delays() {
        let seconds = |text: &str| delay(text.as_bytes()).map(|d| d.as_secs_f64());
        assert_eq!(seconds("5.2"), Some(5.2));
        assert_eq!(seconds("0"), Some(0.0));
        assert_eq!(seconds(".5"), Some(0.5));
        assert_eq!(seconds("10s"), Some(10.0));
        assert_eq!(seconds("10 seconds"), Some(10.0));
        assert_eq!(seconds("1e300"), Some(86400.0));
        assert_eq!(seconds(&"9".repeat(400)), Some(86400.0));
        for bad in ["", "-1", "inf", "NaN", "+5", "soon", ".", "1.2.3", "\u{a0}"] {
            assert_eq!(seconds(bad), None, "`{bad}`");
        }
    }

    #[test]
    fn a_cut_line_is_not_read() {
        let mut body = b"User-agent: *\nDisallow: /a\n".to_vec();
        body.resize(MAX_BYTES - 12, b'\n');
        body.extend_from_slice(b"Disallow: /only-this");
        assert!(rules(&body, "x").allows("/o"));
        assert!(!rules(&body, "x").allows("/a"));
    }
}
