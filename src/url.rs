//! What a URL is to gannet: its parsed form, its identity, and the host queue it belongs to.
//!
//! [`CrawlUrl`] is immutable and always `http` or `https` with a host. Its text is the WHATWG
//! serialisation without the fragment, which is at once what is sent and what counts as *the same
//! URL*: scheme and host are lower case, the default port and dot segments are gone, the case of the
//! path and a trailing slash are untouched (design: conservative identity).
//!
//! [`Fingerprinter`] turns that identity into 64 bits under a random key, so that nobody can publish
//! URLs that collide. Nothing here does I/O.

mod host_table;
mod near;
mod redact;

use std::borrow::Cow;
use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

use memchr::{memchr, memrchr};
use siphasher::sip::SipHasher13;
use url::Url;

pub use self::host_table::HostTable;
pub(crate) use self::near::Near;
pub use self::redact::redacted;

/// An absolute `http` or `https` URL without a fragment. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CrawlUrl {
    text: Arc<str>,
}

impl CrawlUrl {
    /// Parses an absolute URL as a browser would (WHATWG URL Standard).
    ///
    /// # Errors
    /// [`UrlError::Invalid`] when it is no absolute URL or has no host, [`UrlError::Scheme`] when its
    /// scheme is neither `http` nor `https`.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        Self::parse_after(&mut Near::default(), text)
    }

    /// The same for one of many, which are cheaper one after the other.
    pub(crate) fn parse_after(near: &mut Near, text: &str) -> Result<Self, UrlError> {
        Self::from_url(near.parse(text).map_err(|e| UrlError::Invalid(e.to_string()))?)
    }

    /// Takes a parsed URL, dropping its fragment. Errors as in [`parse`](Self::parse).
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn from_url(mut url: Url) -> Result<Self, UrlError> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(UrlError::Scheme(url.scheme().to_owned()));
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(UrlError::Invalid("empty host".to_owned()));
        }
        url.set_fragment(None);
        Ok(Self { text: Arc::from(url.as_str()) })
    }

    /// Takes a text that is known to be what [`parse`](Self::parse) would make of it.
    ///
    /// For `extract`, which finds dozens of links on a page that need no parser: a parse costs more than
    /// finding the link.
    pub(crate) fn from_serialised(text: &str) -> Self {
        debug_assert_eq!(Self::parse(text).as_ref().map(Self::as_str), Ok(text));
        Self { text: Arc::from(text) }
    }

    /// The URL as it is sent and compared, with any password: to show it, use [`Display`](fmt::Display).
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The parsed form.
    pub fn to_url(&self) -> Url {
        self.to_url_after(&mut Near::default())
    }

    /// The same for one of many, which are cheaper one after the other.
    pub(crate) fn to_url_after(&self, near: &mut Near) -> Url {
        // `text` was made from a `Url`, and serialising and parsing round-trips (WHATWG URL §4.5).
        near.parse(&self.text).unwrap_or_else(|_| unreachable!("a serialised URL parses: {self}"))
    }

    /// `true` for `https`.
    pub fn is_https(&self) -> bool {
        self.text.starts_with("https:")
    }

    /// The authority that this URL is fetched from: scheme, host and port, without user or password.
    pub fn host_key(&self) -> HostKey<'_> {
        let (start, end) = self.authority();
        let authority = &self.text[start..end];
        HostKey(match memrchr(b'@', authority.as_bytes()) {
            None => Cow::Borrowed(&self.text[..end]),
            Some(at) => Cow::Owned(format!("{}{}", &self.text[..start], &authority[at + 1..])),
        })
    }

    /// Host without port, e.g. `example.org` or `[::1]`.
    pub fn host(&self) -> &str {
        let (start, end) = self.authority();
        let authority = &self.text[start..end];
        let host = memrchr(b'@', authority.as_bytes()).map_or(authority, |at| &authority[at + 1..]);
        match memrchr(b':', host.as_bytes()) {
            Some(colon) if !host[colon..].contains(']') => &host[..colon],
            _ => host,
        }
    }

    /// The port that is connected to, named or not.
    pub fn port(&self) -> u16 {
        let (start, end) = self.authority();
        let port = self.text[start..end].rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        port.unwrap_or(if self.is_https() { 443 } else { 80 })
    }

    /// Path and query, e.g. `/a?b=c`: what robots.txt rules are matched against.
    pub fn path_and_query(&self) -> &str {
        &self.text[self.authority().1..]
    }

    fn authority(&self) -> (usize, usize) {
        let start = if self.is_https() { 8 } else { 7 };
        let end = memchr(b'/', &self.text.as_bytes()[start..]).map_or(self.text.len(), |at| start + at);
        (start, end)
    }
}

/// As it may be shown: the password of its userinfo is `***`, and so is a user name alone, which may be a token.
impl fmt::Display for CrawlUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (before, stars, after) = redact::parts(&self.text, self.authority());
        [before, stars, after].into_iter().try_for_each(|part| f.write_str(part))
    }
}

impl fmt::Debug for CrawlUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl serde::Serialize for CrawlUrl {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match redact::parts(&self.text, self.authority()) {
            (whole, "", "") => s.serialize_str(whole),
            _ => s.collect_str(self),
        }
    }
}

/// The identity of a host queue, e.g. `https://example.org:8443`: one authority, one politeness.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct HostKey<'a>(Cow<'a, str>);

impl HostKey<'_> {
    /// The key as text, an origin without a trailing slash.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a text is not a URL that can be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UrlError {
    /// Not an absolute URL with a host; the text says why.
    Invalid(String),
    /// Neither `http` nor `https`; holds the scheme.
    Scheme(String),
    /// The line of a list that was to hold it says something else that cannot be; holds what.
    Line(String),
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(why) => write!(f, "not a URL: {why}"),
            Self::Line(why) => f.write_str(why),
            Self::Scheme(scheme) => write!(f, "scheme `{scheme}` is not fetched (only http and https)"),
        }
    }
}

impl std::error::Error for UrlError {}

/// The hash of what is uniform already: fingerprints, and numbers given in order.
#[derive(Default)]
pub(crate) struct Identity(u64);

impl Hasher for Identity {
    fn write(&mut self, _: &[u8]) {
        unreachable!("only u64 keys are hashed")
    }
    fn write_u64(&mut self, n: u64) {
        self.0 = n;
    }
    fn finish(&self) -> u64 {
        self.0
    }
}

/// 64-bit identity of a URL under a secret key (SipHash-1-3).
///
/// At 10⁸ URLs the expected number of URLs lost to collisions is 0.0003.
#[derive(Clone, Copy, Debug)]
pub struct Fingerprinter {
    key: (u64, u64),
}

impl Fingerprinter {
    /// A fingerprinter with a random key, good for one run.
    pub fn random() -> Self {
        let random = || std::collections::hash_map::RandomState::new().build_hasher().finish();
        Self::with_key(random(), random())
    }

    /// A fingerprinter with a given key, so that identities can be kept.
    pub fn with_key(a: u64, b: u64) -> Self {
        Self { key: (a, b) }
    }

    /// The fingerprint of a URL.
    pub fn fingerprint(&self, url: &CrawlUrl) -> u64 {
        self.fingerprint_str(url.as_str())
    }

    /// The fingerprint of a URL given as [`CrawlUrl::as_str`].
    pub fn fingerprint_str(&self, text: &str) -> u64 {
        self.fingerprint_bytes(text.as_bytes())
    }

    /// The same of a text that nobody has looked at as one.
    pub(crate) fn fingerprint_bytes(&self, text: &[u8]) -> u64 {
        SipHasher13::new_with_keys(self.key.0, self.key.1).hash(text)
    }
}

/// A reference to another URL as the crate `url` wants it: `///host/path` is `//host/path` to the URL Standard ("special
/// authority ignore slashes state"), and to the crate one without a host.
pub(crate) fn with_two_slashes(link: &str) -> Cow<'_, str> {
    let slashes = |text: &str| text.len() - text.trim_start_matches(['/', '\\']).len();
    let bare: Cow<'_, str> = match slashes(link) {
        0 => return Cow::Borrowed(link),
        _ if link.contains(['\t', '\n', '\r']) => link.replace(['\t', '\n', '\r'], "").into(),
        _ => Cow::Borrowed(link),
    };
    match slashes(&bare) {
        0..=2 => bare,
        more => format!("//{}", &bare[more..]).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> CrawlUrl {
        CrawlUrl::parse(text).unwrap()
    }

    #[test]
    fn identity_is_conservative() {
        assert_eq!(url("HTTP://Example.ORG:80/a/../B/?q#frag").as_str(), "http://example.org/B/?q");
        assert_ne!(url("http://h/a"), url("http://h/a/"));
        assert_ne!(url("http://h/a"), url("http://h/A"));
        assert_eq!(url("http://h"), url("http://h/"));
    }

    #[test]
    fn only_http_with_a_host() {
        assert_eq!(CrawlUrl::parse("ftp://h/"), Err(UrlError::Scheme("ftp".into())));
        assert!(matches!(CrawlUrl::parse("javascript:void(0)"), Err(UrlError::Scheme(_))));
        assert!(matches!(CrawlUrl::parse("http://"), Err(UrlError::Invalid(_))));
        assert!(matches!(CrawlUrl::parse("/relative"), Err(UrlError::Invalid(_))));
    }

    #[test]
    fn parts() {
        let u = url("https://user:p%40ss@example.org:8443/a/b?c=d");
        assert_eq!(u.host_key().as_str(), "https://example.org:8443");
        assert_eq!(u.host(), "example.org");
        assert_eq!(u.path_and_query(), "/a/b?c=d");
        assert_eq!(url("http://[::1]:80/").host(), "[::1]");
        assert_eq!(url("http://[::1]:8080/").host_key().as_str(), "http://[::1]:8080");
        assert_eq!(url("http://[::1]:8080/").host(), "[::1]");
    }

    #[test]
    fn fingerprints_depend_on_key_and_text() {
        let f = Fingerprinter::with_key(1, 2);
        assert_eq!(f.fingerprint(&url("http://h/#a")), f.fingerprint(&url("http://h/")));
        assert_ne!(f.fingerprint(&url("http://h/")), f.fingerprint(&url("http://h/b")));
        assert_ne!(f.fingerprint(&url("http://h/")), Fingerprinter::random().fingerprint(&url("http://h/")));
    }
}
