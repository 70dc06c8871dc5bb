//! The key of a URL in an index: its SURT, canonical as the Wayback Machine has it, so that replay finds what was written.
//!
//! `https://www.example.org/B?c&a` is `org,example)/b?a&c`: the host is turned round, and what seldom makes another page
//! is dropped. The rules are those of the Python package `surt` 0.3, which pywb and cdxj-indexer use, comments below name
//! its functions; the test compares with what it gives.

use std::sync::LazyLock;

use regex::bytes::Regex;
use url::Url;

/// The key of a URL.
pub(super) fn surt(uri: &str) -> String {
    let Ok(url) = Url::parse(uri) else { return uri.to_owned() };
    let mut key = host(&url);
    if let Some(port) = url.port() {
        key += &format!(":{port}");
    }
    key.push(')');
    key += &text(path(url.path().as_bytes()));
    if let Some(query) = url.query().filter(|query| !query.is_empty()) {
        let query = query_key(query.as_bytes());
        if !query.is_empty() {
            key.push('?');
            key += &text(query);
        }
    }
    key
}

/// `massageHost`, `hostToSURT`.
fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default().trim_matches(['.', '[', ']']);
    let bare = host.strip_prefix("www").map(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit()));
    let host = bare.and_then(|rest| rest.strip_prefix('.')).unwrap_or(host);
    host.split('.').rev().collect::<Vec<_>>().join(",")
}

/// `normalizePath`, then what `IAURLCanonicalizer` does to it.
fn path(path: &[u8]) -> Vec<u8> {
    let path = escape(&normal(&unescape(path)));
    let mut path = without_session(path.to_ascii_lowercase(), &PATH_SESSIONS, &[1, 3]);
    if path.len() > 1 && path.ends_with(b"/") {
        path.pop();
    }
    path
}

/// A path without dot segments and empty ones.
fn normal(path: &[u8]) -> Vec<u8> {
    let mut kept: Vec<&[u8]> = Vec::new();
    for segment in path.split(|byte| *byte == b'/').skip(1) {
        match segment {
            b"." => {}
            b".." if kept.is_empty() => kept.push(segment),
            b".." => drop(kept.pop()),
            _ => kept.push(segment),
        }
    }
    let last = kept.pop().unwrap_or_default();
    let mut path = b"/".to_vec();
    for segment in kept.iter().filter(|segment| !segment.is_empty()) {
        path.extend_from_slice(segment);
        path.push(b'/');
    }
    path.extend_from_slice(last);
    path
}

/// `stripQuerySessionID`, `alphaReorderQuery`.
fn query_key(query: &[u8]) -> Vec<u8> {
    let query = without_session(escape(&unescape(query)), &QUERY_SESSIONS, &[1, 2]).to_ascii_lowercase();
    if query.len() <= 1 {
        return query;
    }
    // As Python orders tuples: by name, one without a value before one with an empty one.
    let mut fields: Vec<(&[u8], Option<&[u8]>)> = query
        .split(|byte| *byte == b'&')
        .map(|field| match field.iter().position(|byte| *byte == b'=') {
            Some(at) => (&field[..at], Some(&field[at + 1..])),
            None => (field, None),
        })
        .collect();
    fields.sort_unstable();
    let field = |(name, value): &(&[u8], Option<&[u8]>)| match value {
        Some(value) => [*name, b"=", *value].concat(),
        None => name.to_vec(),
    };
    fields.iter().map(field).collect::<Vec<_>>().join(&b'&')
}

type Patterns = LazyLock<Vec<Regex>>;

#[expect(clippy::unwrap_used, reason = "the patterns are constants, and a test uses them all")]
fn patterns(texts: &[&str]) -> Vec<Regex> {
    texts.iter().map(|text| Regex::new(&format!("(?is-u){text}")).unwrap()).collect()
}

static PATH_SESSIONS: Patterns = LazyLock::new(|| {
    patterns(&[
        r"^(.*/)(\((?:[a-z]\([0-9a-z]{24}\))+\)/)([^?]+\.aspx.*)$",
        r"^(.*/)(\([0-9a-z]{24}\)/)([^?]+\.aspx.*)$",
    ])
});

static QUERY_SESSIONS: Patterns = LazyLock::new(|| {
    patterns(&[
        r"^(.*)(?:jsessionid=[0-9a-z]{32})(?:&(.*))?$",
        r"^(.*)(?:phpsessid=[0-9a-z]{32})(?:&(.*))?$",
        r"^(.*)(?:sid=[0-9a-z]{32})(?:&(.*))?$",
        r"^(.*)(?:aspsessionid[a-z]{8}=[a-z]{24})(?:&(.*))?$",
        r"^(.*)(?:cfid=[^&]+&cftoken=[^&]+)(?:&(.*))?$",
    ])
});

/// The text with only these groups left of each pattern that matches it.
fn without_session(mut text: Vec<u8>, patterns: &Patterns, groups: &[usize]) -> Vec<u8> {
    for pattern in patterns.iter() {
        let Some(found) = pattern.captures(&text) else { continue };
        let kept = groups.iter().filter_map(|group| Some(found.get(*group)?.as_bytes()));
        text = kept.collect::<Vec<_>>().concat();
    }
    text
}

/// `unescapeRepeatedly`, in one pass: no two escapes overlap, so the order in which they are resolved does not matter, and
/// a server that sends `%25252525…` has it looked at once.
fn unescape(text: &[u8]) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let mut out = Vec::with_capacity(text.len());
    for byte in text {
        out.push(*byte);
        while let [.., b'%', high, low] = out[..] {
            let (Some(high), Some(low)) = (digit(high), digit(low)) else { break };
            out.truncate(out.len() - 3);
            out.push((high * 16 + low) as u8);
        }
    }
    out
}

/// `escapeOnce`: everything but visible ASCII, and `#` and `%`.
fn escape(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for byte in text {
        match byte {
            b'!'..=b'~' if !matches!(byte, b'#' | b'%') => out.push(*byte),
            _ => out.extend_from_slice(format!("%{byte:02X}").as_bytes()),
        }
    }
    out
}

/// It was escaped, so it is ASCII.
fn text(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_of_the_package_surt() {
        // Each made by `surt.surt(url)` of version 0.3.1.
        for (url, key) in KEYS {
            assert_eq!(surt(url), *key, "{url}");
        }
    }

    #[test]
    fn a_long_row_of_escapes_is_no_work() {
        let url = format!("http://h/%{}41", "25".repeat(200_000));
        assert_eq!(surt(&url), "h)/a");
    }

    const KEYS: &[(&str, &str)] = &[
        ("http://example.org/", "org,example)/"),
        ("https://www.example.org/B/?c&a", "org,example)/b?a&c"),
        ("http://www2.example.org:8080/a//b/./c/", "org,example:8080)/a/b/c"),
        ("https://example.org:444/x", "org,example:444)/x"),
        ("http://example.org/a%2Fb/%7Euser/%C3%A9t%C3%A9", "org,example)/a/b/~user/%c3%a9t%c3%a9"),
        ("http://example.org/%2525252541", "org,example)/a"),
        ("http://example.org/?", "org,example)/"),
        ("http://example.org/?b=2&a=1&a&a=&C=%C3%A9%20x", "org,example)/?a&a=&a=1&b=2&c=%c3%a9%20x"),
        ("http://example.org/p?jsessionid=0123456789abcdefghijklmnopqrstuv&x=1", "org,example)/p?x=1"),
        ("http://example.org/p?a=1&PHPSESSID=0123456789abcdefghijklmnopqrstuv", "org,example)/p?&a=1"),
        ("http://example.org/p?a=1&sid=0123456789abcdefghijklmnopqrstuv&b=2", "org,example)/p?a=1&b=2"),
        ("http://example.org/p?ASPSESSIONIDabcdefgh=abcdefghijklmnopqrstuvwx", "org,example)/p"),
        ("http://example.org/p?cfid=1&cftoken=2&z=3", "org,example)/p?z=3"),
        ("http://example.org/(a(0123456789abcdefghijklmn))/x.aspx", "org,example)/x.aspx"),
        ("http://example.org/(0123456789abcdefghijklmn)/x.aspx?q=(1)", "org,example)/x.aspx?q=(1)"),
        ("http://127.0.0.1:8080/p/1", "1,0,0,127:8080)/p/1"),
        ("http://[::1]:8080/p", "::1:8080)/p"),
        ("http://xn--mnchen-3ya.example/stra%C3%9Fe", "example,xn--mnchen-3ya)/stra%c3%9fe"),
        ("http://www.example/", "example)/"),
        ("http://wwwx.example/", "example,wwwx)/"),
        (r#"http://example.org/a|b"c'd`e^f{g}"#, r#"org,example)/a|b"c'd`e^f{g}"#),
        ("http://example.org/a%23b?c%23d%26e", "org,example)/a%23b?c%23d&e"),
        ("http://example.org/a%00%1f%7f%ff", "org,example)/a%00%1f%7f%ff"),
        ("http://example.org./x", "org,example)/x"),
        ("http://example.org/a?x=1?y=2", "org,example)/a?x=1?y=2"),
        ("http://example.org/a?&&b", "org,example)/a?&&b"),
        ("http://example.org/a;jsessionid=1/B.HTML", "org,example)/a;jsessionid=1/b.html"),
        ("http://example.org/?%", "org,example)/?%25"),
        ("http://example.org/a+b%20c?d+e%2Bf", "org,example)/a+b%20c?d+e+f"),
    ];
}
