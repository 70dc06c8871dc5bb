//! From the bytes of a robots.txt to [`Rules`]: lines, fields, and the groups that apply.
//!
//! A line is read as forgivingly as Google's parser does: keys in any case and with the misspellings
//! that occur, a colon that was forgotten, comments anywhere. A group begins with the first user-agent
//! line after a rule. Lines of other kinds neither begin nor end one (RFC 9309 §2.2.4). What the bytes of
//! the file are is the business of [`text`](super::text).

use std::time::Duration;

use memchr::{memchr, memchr2};

use super::text::{Lines, text};
use super::{Group, MAX_CRAWL_DELAY, MAX_SITEMAP_BYTES, MAX_SITEMAPS, Rules};

/// Bytes of a line that are read. Google's parser keeps eight times the longest URL of a browser that
/// was once common, and its terminator.
pub(super) const MAX_LINE: usize = 8 * 2083 - 1;

/// What a file says to one crawler, and which user-agent lines make it so.
pub(super) struct Reading {
    pub(super) rules: Rules,
    /// The lines that name the token; those for `*` when none does.
    pub(super) agents: Vec<u32>,
    pub(super) is_named: bool,
}

/// Reads a whole file, as [`text()`] gives it. See [`Rules::parse`].
pub(super) fn read(text: &[u8], product_token: &str) -> Reading {
    let mut reader = Reader::new(product_token);
    for (line, field) in Lines::new(text).filter_map(|(line, text)| Some((line, field(text)?))) {
        reader.take(line, field);
    }
    reader.finish()
}

/// Reads the bytes of a file and keeps the rules.
pub(super) fn rules(body: &[u8], product_token: &str) -> Rules {
    read(&text(body), product_token).rules
}

/// Which groups are being read, and what they said so far.
struct Reader<'t> {
    token: &'t [u8],
    named: Group,
    everyone: Group,
    /// User-agent lines of either.
    named_at: Vec<u32>,
    everyone_at: Vec<u32>,
    sitemaps: Vec<String>,
    sitemap_bytes: usize,
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
            named_at: Vec::new(),
            everyone_at: Vec::new(),
            sitemaps: Vec::new(),
            sitemap_bytes: 0,
            is_named: false,
            in_named: false,
            in_everyone: false,
            has_rule: false,
        }
    }

    fn take(&mut self, line: u32, field: Field<'_>) {
        match field {
            Field::UserAgent(value) => self.user_agent(line, value),
            Field::Rule { allow, pattern } => self.rule(line, allow, pattern),
            Field::CrawlDelay(value) => {
                if let Some(delay) = delay(value) {
                    self.groups().for_each(|group| group.ask_delay(delay));
                }
            }
            Field::Sitemap(value) => self.sitemap(value),
        }
    }

    /// Beyond the limits no more are taken: the rules of every host are kept in memory.
    fn sitemap(&mut self, value: &[u8]) {
        let bytes = self.sitemap_bytes + value.len();
        if !value.is_empty() && self.sitemaps.len() < MAX_SITEMAPS && bytes <= MAX_SITEMAP_BYTES {
            self.sitemap_bytes = bytes;
            self.sitemaps.push(String::from_utf8_lossy(value).into_owned());
        }
    }

    fn user_agent(&mut self, line: u32, value: &[u8]) {
        if self.has_rule {
            (self.in_named, self.in_everyone, self.has_rule) = (false, false, false);
        }
        if is_everyone(value) {
            self.in_everyone = true;
            self.everyone_at.push(line);
        } else if names(value, self.token) {
            (self.in_named, self.is_named) = (true, true);
            self.named_at.push(line);
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

    fn finish(self) -> Reading {
        let (group, agents) = match self.is_named {
            true => (self.named, self.named_at),
            false => (self.everyone, self.everyone_at),
        };
        let rules = Rules { group: group.seal(), sitemaps: self.sitemaps };
        Reading { rules, agents, is_named: self.is_named }
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
}
