//! Which answers are read to their end: [`Filter`] decides from the head, so that the body of others is not transferred.
//!
//! The exchange asks it about each answer of success (2xx) to anything but HEAD; redirects and errors are never refused. An
//! answer that turns out to be larger than it may be is refused half-way. What is refused is an answer all the same: its
//! [`Body::refused`](super::Body) says why there is no body.

use std::str::FromStr;

use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Method, StatusCode};

/// What an answer without a `Content-Type` counts as (RFC 9110 §8.3).
const UNTYPED: &str = "application/octet-stream";

/// What an answer must be for its body to be read. The default takes any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Its media types.
    pub types: Option<MediaTypes>,
    /// The most bytes that it may have, as they come over the wire.
    pub max_size: Option<u64>,
}

/// Why a body was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Its media type is not wanted.
    ContentType,
    /// It is too large.
    TooLarge,
}

impl Filter {
    /// Whether an answer with this head and this announced length is refused.
    pub(super) fn refuses(
        &self,
        method: &Method,
        status: StatusCode,
        headers: &HeaderMap,
        length: Option<u64>,
    ) -> Option<Refused> {
        if *method == Method::HEAD || !status.is_success() {
            return None;
        }
        if self.types.as_ref().is_some_and(|types| !types.take(headers)) {
            return Some(Refused::ContentType);
        }
        (length? > self.most(status)).then_some(Refused::TooLarge)
    }

    /// The most bytes that an answer of this status may have.
    pub(super) fn most(&self, status: StatusCode) -> u64 {
        self.max_size.filter(|_| status.is_success()).unwrap_or(u64::MAX)
    }
}

/// A list of media types such as `text/*,!text/css`, read as wget2 does: `*` stands for anything, `!` takes a type out, and
/// of several that match the last one decides. If it begins with one that takes out, all others are in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaTypes(Vec<(bool, String)>);

impl FromStr for MediaTypes {
    type Err = String;

    fn from_str(list: &str) -> Result<Self, String> {
        let read = |word: &str| {
            let (is_in, pattern) = word.strip_prefix('!').map_or((true, word), |rest| (false, rest.trim()));
            let is_type = pattern == "*" || pattern.matches('/').count() == 1;
            match is_type && pattern.bytes().all(|byte| byte.is_ascii_graphic()) {
                true => Ok((is_in, pattern.to_ascii_lowercase())),
                false => Err(format!("`{word}` is no media type such as text/html, text/* or !image/png")),
            }
        };
        list.split(',').map(str::trim).map(read).collect::<Result<_, _>>().map(Self)
    }
}

impl MediaTypes {
    fn take(&self, headers: &HeaderMap) -> bool {
        let value = headers.get(CONTENT_TYPE).map(|value| value.as_bytes()).unwrap_or_default();
        let essence = value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        let essence = if essence.is_empty() { UNTYPED.as_bytes() } else { essence };
        let last = self.0.iter().rev().find(|(_, pattern)| matches(pattern.as_bytes(), essence));
        last.map_or_else(|| self.0.first().is_none_or(|(is_in, _)| !is_in), |(is_in, _)| *is_in)
    }
}

/// Whether a text is like a pattern, in which `*` stands for anything. Only the last star is ever tried again, so that a
/// long text costs at most its length times that of the pattern.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut in_text) = (0, 0);
    let mut star = None;
    while in_text < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, in_text));
                at += 1;
            }
            Some(byte) if byte.eq_ignore_ascii_case(&text[in_text]) => {
                at += 1;
                in_text += 1;
            }
            _ => match &mut star {
                Some((of, from)) => {
                    *from += 1;
                    (at, in_text) = (*of + 1, *from);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    fn takes(list: &str, content_type: Option<&str>) -> bool {
        let mut headers = HeaderMap::new();
        if let Some(text) = content_type {
            headers.insert(CONTENT_TYPE, HeaderValue::from_str(text).unwrap());
        }
        list.parse::<MediaTypes>().unwrap().take(&headers)
    }

    #[test]
    fn lists_are_read_as_wget2_does() {
        for (list, content_type, taken) in [
            ("text/html", "Text/HTML; charset=x", true),
            ("text/html", "text/htmlx", false),
            ("text/*,!text/css", "text/css", false),
            ("text/*,!text/css", "text/x", true),
            ("!image/*", "text/html", true),
            ("!image/*", "image/png", false),
            ("!image/*,image/svg+xml", "image/svg+xml", true),
            ("*", "x", true),
            ("*/*+xml", "application/rss+xml", true),
            ("*/*+xml", "application/xml", false),
            ("a*b*c/*", "aXbXbXc/d", true),
            ("a*b*c/*", "aXbXbX/d", false),
        ] {
            assert_eq!(takes(list, Some(content_type)), taken, "{list} {content_type}");
        }
        assert!(takes("application/*", None) && takes("!text/*", Some("")) && !takes("text/*", None));
        for bad in ["", "text", "text/html,", "a/b/c", "!", "te xt/html", "ü/*"] {
            assert!(bad.parse::<MediaTypes>().is_err(), "{bad}");
        }
    }

    #[test]
    fn only_answers_of_success_with_a_body_are_refused() {
        let filter = Filter { types: Some("text/*".parse().unwrap()), max_size: Some(10) };
        let (mut headers, get, ok) = (HeaderMap::new(), Method::GET, StatusCode::OK);
        assert_eq!(filter.refuses(&get, ok, &headers, None), Some(Refused::ContentType));
        assert_eq!(filter.refuses(&Method::HEAD, ok, &headers, None), None);
        assert_eq!(filter.refuses(&get, StatusCode::NOT_FOUND, &headers, Some(11)), None);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        assert_eq!(filter.refuses(&get, ok, &headers, Some(10)), None);
        assert_eq!(filter.refuses(&get, ok, &headers, Some(11)), Some(Refused::TooLarge));
        assert_eq!(filter.refuses(&get, ok, &headers, None), None);
    }
}
