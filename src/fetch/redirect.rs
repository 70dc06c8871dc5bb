//! What a redirect asks for: where to go, with which method, and whether that is allowed.
//!
//! Pure functions over one answer; the loop that follows them is in [`exchange`](super::exchange).
//! The rules are those of the Fetch Standard (§4.4 HTTP-redirect fetch), which browsers follow.

use std::borrow::Cow;

use reqwest::header::{HeaderMap, LOCATION};
use reqwest::{Method, StatusCode};

use crate::url::{CrawlUrl, UrlError, redacted, with_two_slashes};

/// The longest `Location` that is looked at, bytes: no request could ask for a longer URL.
const MAX_LOCATION: usize = 65_535;

/// What is shown of one that leads nowhere, characters.
const MAX_SHOWN: usize = 200;

/// The `Location` of an answer that is a redirect. A 3xx without one is an answer like any other.
pub(super) fn location(status: StatusCode, headers: &HeaderMap) -> Option<&[u8]> {
    if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let value = headers.get(LOCATION)?.as_bytes().trim_ascii();
    (!value.is_empty()).then_some(value)
}

/// The target of a redirect, resolved against the URL that sent it, without its fragment.
///
/// # Errors
/// What is wrong with it, in words.
pub(super) fn target(from: &CrawlUrl, location: &[u8]) -> Result<CrawlUrl, String> {
    if location.len() > MAX_LOCATION {
        return Err(format!("redirect to a URL of {} bytes", location.len()));
    }
    let shown = || shorten(&redacted(&String::from_utf8_lossy(location)));
    let text = std::str::from_utf8(location).map_or_else(|_| escape_bytes(location).into(), Cow::Borrowed);
    let url = from
        .to_url()
        .join(&with_two_slashes(&text))
        .map_err(|error| format!("redirect to `{}`: {error}", shown()))?;
    CrawlUrl::from_url(url).map_err(|error| match error {
        UrlError::Scheme(scheme) => {
            format!("redirect to `{}`: unsupported scheme `{}`", shown(), shorten(&scheme))
        }
        UrlError::Invalid(why) | UrlError::Line(why) => format!("redirect to `{}`: {why}", shown()),
    })
}

/// As much of it as a message needs.
fn shorten(text: &str) -> String {
    text.chars().take(MAX_SHOWN).collect()
}

/// Bytes of an encoding that nobody named: browsers send them back as they came.
fn escape_bytes(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for &byte in bytes {
        if byte.is_ascii() {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

/// Whether a redirect of this status turns the method into a `GET` without a body.
pub(crate) fn becomes_get(status: u16, method: &Method) -> bool {
    match status {
        301 | 302 => *method == Method::POST,
        303 => *method != Method::GET && *method != Method::HEAD,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(location: &[u8]) -> Result<String, String> {
        let base = CrawlUrl::parse("http://h:81/a/b?c").unwrap();
        target(&base, location).map(|url| url.as_str().to_owned())
    }

    #[test]
    fn targets() {
        for (location, url) in [
            (&b"x"[..], "http://h:81/a/x"),
            (b"/x#frag", "http://h:81/x"),
            (b"?q", "http://h:81/a/b?q"),
            (b"//other/x", "http://other/x"),
            (b"///other/x", "http://other/x"),
            (b"/\t//other/x", "http://other/x"),
            (b"https:\\\\other\\x", "https://other/x"),
            (b"/with space", "http://h:81/with%20space"),
            ("/caf\u{e9}".as_bytes(), "http://h:81/caf%C3%A9"),
            (b"/caf\xe9", "http://h:81/caf%E9"),
            ("http://b\u{fc}cher.example/".as_bytes(), "http://xn--bcher-kva.example/"),
        ] {
            assert_eq!(from(location).as_deref(), Ok(url), "{}", String::from_utf8_lossy(location));
        }
        assert!(from(b"ftp://h/").unwrap_err().contains("unsupported scheme `ftp`"));
        assert!(from(b"javascript:alert(1)").unwrap_err().contains("unsupported scheme"));
        assert!(from(b"http://[::1").is_err());
        assert!(from(b"http://").is_err());
    }

    #[test]
    fn no_other_scheme_and_no_long_message() {
        for location in [
            "file:///etc/passwd",
            "FTP://h/",
            "gopher://h/_x",
            "data:text/html,x",
            "javascript:x",
            "mailto:a@h",
            "about:blank",
            "ws://h/",
            "view-source:http://h/",
            " \tfile:///x",
            "fi\tle:///x",
        ] {
            assert!(from(location.as_bytes()).unwrap_err().contains("unsupported scheme"), "{location}");
        }
        for location in ["x".repeat(60_000) + ":", format!("http://{}:x", "[".repeat(60_000))] {
            assert!(from(location.as_bytes()).unwrap_err().chars().count() < 500);
        }
        assert!(from("x".repeat(MAX_LOCATION + 1).as_bytes()).unwrap_err().contains("65536 bytes"));
    }

    #[test]
    fn methods() {
        let get = becomes_get;
        assert!(get(301, &Method::POST) && get(302, &Method::POST) && get(303, &Method::POST));
        assert!(get(303, &Method::PUT) && !get(302, &Method::PUT));
        assert!(!get(303, &Method::HEAD) && !get(301, &Method::HEAD));
        assert!(!get(307, &Method::POST) && !get(308, &Method::POST));
    }
}
