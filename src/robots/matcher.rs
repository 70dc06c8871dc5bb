//! Patterns against paths (RFC 9309 §2.2.2 and §2.2.3): one normal form for both, then the match.
//!
//! The normal form is ASCII and unique: unreserved and reserved characters stand for themselves, however they were
//! written, all else is percent-encoded in upper case. Only `%2F`, `%3F` and `%23` stay as they are, since `/`, `?`
//! and `#` divide a URL. In a path `*` and `$` are encoded too, so that a pattern can name them as `%2A` and `%24`.
//!
//! [`matches()`] is greedy: each piece between two `*` is found at its first place after the piece before,
//! so no byte of the path is looked at for two pieces and nothing backtracks.

use std::borrow::Cow;

use memchr::{memchr, memchr2, memmem, memrchr};

/// The normal form of a path with query. Borrows when there is nothing to change, which is the rule.
pub(super) fn normal_path(path: &str) -> Cow<'_, str> {
    match path.bytes().all(is_literal) {
        true => Cow::Borrowed(path),
        false => {
            let mut out = String::with_capacity(path.len() + 16);
            push_normal(path.as_bytes(), &mut out);
            Cow::Owned(out)
        }
    }
}

/// Appends the normal form of a pattern, in which every `*` is a wildcard and a last `$` is the end.
pub(super) fn push_normal_pattern(pattern: &[u8], out: &mut String) {
    let (body, end) = match pattern.strip_suffix(b"$") {
        Some(body) => (body, "$"),
        None => (pattern, ""),
    };
    for (i, piece) in body.split(|&b| b == b'*').enumerate() {
        if i > 0 {
            out.push('*');
        }
        push_normal(piece, out);
    }
    out.push_str(end);
}

/// How long the part of a normal pattern is that a path must begin with whatever follows. Most rules are
/// refuted by it alone.
pub(super) fn fixed_len(pattern: &str) -> usize {
    memchr2(b'*', b'$', pattern.as_bytes()).unwrap_or(pattern.len())
}

/// Whether a normal pattern matches a normal path from its start. Time is O(pattern + path).
pub(super) fn matches(pattern: &str, path: &str) -> bool {
    let path = path.as_bytes();
    let (pattern, to_end) = match pattern.as_bytes() {
        [body @ .., b'$'] => (body, true),
        body => (body, false),
    };
    let Some(star) = memchr(b'*', pattern) else {
        return if to_end { path == pattern } else { path.starts_with(pattern) };
    };
    let (Some(mut rest), mut middle) = (path.strip_prefix(&pattern[..star]), &pattern[star + 1..]) else {
        return false;
    };
    if to_end {
        // What follows the last `*` has one possible place; the pieces between get what is left.
        let last = memrchr(b'*', middle).map_or(0, |at| at + 1);
        let Some(left) = rest.strip_suffix(&middle[last..]) else { return false };
        (rest, middle) = (left, &middle[..last]);
    }
    for piece in middle.split(|&b| b == b'*').filter(|piece| !piece.is_empty()) {
        let Some(at) = memmem::find(rest, piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    true
}

fn push_normal(raw: &[u8], out: &mut String) {
    let mut at = 0;
    while let Some(&byte) = raw.get(at) {
        let octet = if byte == b'%' { escaped_octet(&raw[at + 1..]) } else { None };
        match octet {
            Some(octet) if is_literal(octet) && !matches!(octet, b'/' | b'?' | b'#') => {
                out.push(char::from(octet));
            }
            Some(octet) => push_escaped(octet, out),
            None if is_literal(byte) => out.push(char::from(byte)),
            None => push_escaped(byte, out),
        }
        at += if octet.is_some() { 3 } else { 1 };
    }
}

/// The octet that a `%` with this behind it stands for, if it is followed by two hex digits.
fn escaped_octet(behind: &[u8]) -> Option<u8> {
    let digit = |at: usize| behind.get(at).and_then(|&b| char::from(b).to_digit(16));
    u8::try_from(digit(0)? * 16 + digit(1)?).ok()
}

fn push_escaped(octet: u8, out: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    out.push('%');
    out.push(char::from(HEX[usize::from(octet >> 4)]));
    out.push(char::from(HEX[usize::from(octet & 15)]));
}

/// RFC 3986 §2.3: these mean the same with and without percent-encoding.
const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Stands for itself in the normal form: unreserved, or reserved (RFC 3986 §2.2) and not special here.
///
/// `'` is not among them, though reserved, because a URL is sent with `%27` in its query (WHATWG URL,
/// special-query set) where authors of robots.txt write `'`.
fn is_literal(byte: u8) -> bool {
    LITERAL[usize::from(byte)]
}

/// A table, because every byte of every URL that a crawl finds is looked up.
static LITERAL: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0u8;
    while byte < 128 {
        table[byte as usize] = is_unreserved(byte);
        byte += 1;
    }
    let reserved = b"/?&=+,;:@!()[]#";
    let mut at = 0;
    while at < reserved.len() {
        table[reserved[at] as usize] = true;
        at += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hit(pattern: &str, path: &str) -> bool {
        let mut normal = String::new();
        push_normal_pattern(pattern.as_bytes(), &mut normal);
        matches(&normal, &normal_path(path))
    }

    #[test]
    fn prefixes_wildcards_and_ends() {
        for (pattern, path, want) in [
            ("/", "/x", true),
            ("/fish", "/fishheads", true),
            ("/fish", "/Fish", false),
            ("/fish$", "/fish", true),
            ("/fish$", "/fishheads", false),
            ("/*.php$", "/a.php/b.php", true),
            ("/*.php$", "/a.php?b", false),
            ("/a*b*c", "/a-c-b", false),
            ("/a*b*b$", "/ab", false),
            ("/a*b*b$", "/a-b-b", true),
            ("*", "/", true),
            ("*/x", "/y/x", true),
            ("/x***$", "/x", true),
            ("$", "/", false),
            ("", "/", true),
            ("x", "/x", false),
        ] {
            assert_eq!(hit(pattern, path), want, "`{pattern}` against `{path}`");
        }
    }

    #[test]
    fn encodings_of_one_path_are_one_path() {
        // The examples of RFC 9309 §2.2.2, then our own.
        for (pattern, path, want) in [
            ("/foo/bar?baz=quz", "/foo/bar?baz=quz", true),
            ("/foo/bar/ツ", "/foo/bar/%E3%83%84", true),
            ("/foo/bar/%e3%83%84", "/foo/bar/ツ", true),
            ("/foo/bar/%62%61%7A", "/foo/bar/baz", true),
            ("/a/%7Ejoe", "/a/~joe", true),
            ("/a%2fb", "/a%2Fb", true),
            ("/a%2fb", "/a/b", false),
            ("/foo/bar?baz=http:", "/foo/bar?baz=http%3A//foo.bar", true),
            ("/a%3Ab%2B", "/a:b+c", true),
            ("/a@b,c;d", "/a%40b%2Cc%3Bd", true),
            ("/a?b=1&c", "/a?b%3D1%26c", true),
            ("/a?b", "/a%3Fb", false),
            ("/a b|c", "/a%20b%7C", false),
            ("/a b|c", "/a%20b%7Cc", true),
            ("/q?it's", "/q?it%27s", true),
            ("/100%", "/100%", true),
            ("/%4", "/%4", true),
            // A stray `%` does not become an escape by what is decoded behind it.
            ("/%%34%31", "/A", false),
        ] {
            assert_eq!(hit(pattern, path), want, "`{pattern}` against `{path}`");
        }
    }

    #[test]
    fn special_characters_can_be_named() {
        // RFC 9309 §2.2.3.
        assert!(hit("/file-%2A.html", "/file-*.html"));
        assert!(!hit("/file-%2A.html", "/file-a.html"));
        assert!(hit("/foo%24", "/foo$"));
        assert!(!hit("/foo%24", "/foo"));
        assert!(hit("/x$/abc", "/x$/abc"), "`$` is special only at the end");
    }

    #[test]
    fn invalid_utf8_is_percent_encoded() {
        let mut normal = String::new();
        push_normal_pattern(b"/\xff\x00*\xe4$", &mut normal);
        assert_eq!(normal, "/%FF%00*%E4$");
    }

    #[test]
    fn many_wildcards_do_not_explode() {
        // Exponential, or even O(pattern × path × wildcards), would not come back.
        let path = format!("/{}", "a".repeat(4095));
        assert!(matches(&format!("/{}", "*a".repeat(2000)), &path));
        assert!(!matches(&format!("/{}b", "*a".repeat(2000)), &path));
        assert!(!matches(&format!("/{}b$", "*aa".repeat(2000)), &path));
    }

    /// The definition: `dp[j]` tells whether the pattern so far matches `path[..j]`.
    fn naive(pattern: &str, path: &str) -> bool {
        let (body, to_end) = match pattern.strip_suffix('$') {
            Some(body) => (body, true),
            None => (pattern, false),
        };
        let path = path.as_bytes();
        let mut dp: Vec<bool> = (0..=path.len()).map(|j| j == 0).collect();
        for p in body.bytes() {
            let mut next = vec![false; dp.len()];
            for j in 0..dp.len() {
                next[j] = match p {
                    b'*' => dp[j] || (j > 0 && next[j - 1]),
                    _ => j > 0 && dp[j - 1] && path[j - 1] == p,
                };
            }
            dp = next;
        }
        if to_end { dp[path.len()] } else { dp.contains(&true) }
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(pattern in "[ab/*]{0,10}[$]?", path in "/[ab/]{0,16}") {
            prop_assert_eq!(matches(&pattern, &path), naive(&pattern, &path));
        }

        #[test]
        fn normal_forms_are_stable(raw in prop::collection::vec(any::<u8>(), 0..40), path in "\\PC{0,40}") {
            let mut once = String::new();
            push_normal_pattern(&raw, &mut once);
            let mut twice = String::new();
            push_normal_pattern(once.as_bytes(), &mut twice);
            prop_assert_eq!(&once, &twice);
            let normal = normal_path(&path);
            prop_assert_eq!(&normal_path(&normal), &normal);
        }

        #[test]
        fn a_path_matches_itself_spelt_in_full(path in "/[a-z$*é ]{0,20}") {
            // Every octet of the path as an escape: no wildcard is left, so nothing else may match.
            let pattern: String = path.bytes().map(|b| if b == b'/' { "/".into() } else { format!("%{b:02x}") }).collect();
            let exact = format!("{pattern}$");
            prop_assert!(hit(&exact, &path));
            let longer = format!("{path}x");
            prop_assert!(!hit(&exact, &longer));
        }
    }
}
