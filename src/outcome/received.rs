//! [`Received`]: what of a response goes into the record, and how it is named there.
//!
//! [`Outcome::settle`](super::Outcome::settle) makes it of a response; workers add what they read in the body. [`Keep`]
//! says what is kept beyond what always is. Whatever a server chose is bounded, and what becomes a file name is a hash.

use bytes::Bytes;

use crate::content::Content;
use crate::extract::Link;
use crate::fetch::{CacheUse, HeaderMap, HopRecord, Response, Truncated};
use crate::url::CrawlUrl;

/// What a server sent, as far as the record shows it.
#[derive(Clone, Debug, Default)]
pub struct Received {
    /// The URL that answered, after redirects.
    pub final_url: Option<CrawlUrl>,
    /// Where a redirect leads that was not followed.
    pub location: Option<CrawlUrl>,
    /// Redirects on the way.
    pub chain: Vec<HopRecord>,
    /// HTTP status; `None` when no head came.
    pub status: Option<u16>,
    /// HTTP version.
    pub http_version: Option<&'static str>,
    /// `Content-Type` without parameters, lower case.
    pub content_type: Option<String>,
    /// What a text was found to be encoded in ([`charset::of`](crate::extract::charset::of)) by a crawl or a
    /// fetch of the engine; otherwise `charset` of `Content-Type`. Lower case.
    pub charset: Option<String>,
    /// The page's title.
    pub title: Option<String>,
    /// What it asks of robots.
    pub robots: Vec<String>,
    /// The entity tag of what answered, as sent.
    pub etag: Option<Box<str>>,
    /// When it was last changed, as sent.
    pub last_modified: Option<Box<str>>,
    /// It is as it was when it was fetched before, which is all that the server said.
    pub unchanged: Option<Unchanged>,
    /// How the cache took part, if there is one.
    pub cache: Option<CacheUse>,
    /// Decoded bytes kept.
    pub body_bytes: u64,
    /// Bytes over the wire.
    pub wire_bytes: u64,
    /// Why the body is not whole.
    pub truncated: Option<Truncated>,
    /// How often the body broke off and was gone on with.
    pub resumed: u32,
    /// SHA-256 of the decoded body, lower-case hex; on request.
    pub sha256: Option<String>,
    /// Headers; on request.
    pub headers: Option<HeaderMap>,
    /// Decoded body; kept on request.
    pub body: Option<Bytes>,
    /// How the record shows the body.
    pub show_body: ShowBody,
    /// File that holds the body, below the directory of `--save-bodies`.
    pub body_path: Option<String>,
    /// What was read of its content; on request.
    pub content: Option<Box<Content>>,
    /// The address that answered.
    pub remote_ip: Option<std::net::IpAddr>,
    /// It answered over a connection that was open already.
    pub reused: bool,
    /// Links found; on request.
    pub links: Option<Vec<LinkRecord>>,
    /// The record shows them.
    pub show_links: bool,
}

/// Where a page was last fetched as it still is.
#[derive(Clone, Debug)]
pub struct Unchanged {
    /// When its record was made (RFC 3339).
    pub since: Box<str>,
}

/// One link of a page, as the record shows it.
#[derive(Clone, Debug, serde::Serialize)]
pub struct LinkRecord {
    /// Where it points.
    pub url: CrawlUrl,
    /// The element, e.g. `a`.
    pub tag: &'static str,
    /// The attribute, e.g. `href`.
    pub attr: &'static str,
    /// What it is for: `navigation`, `requisite` or `other`.
    pub kind: &'static str,
    /// It says `rel=nofollow`; written only then.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub nofollow: bool,
    /// What it is called there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<Box<str>>,
}

impl From<&Link> for LinkRecord {
    fn from(link: &Link) -> Self {
        Self {
            url: link.url.clone(),
            tag: link.via.tag(),
            attr: link.via.attr(),
            kind: link.kind.as_str(),
            nofollow: link.nofollow,
            text: link.text.clone(),
        }
    }
}

/// What of a response goes into the record, beyond what always does.
#[derive(Clone, Copy, Debug, Default)]
pub struct Keep {
    /// Show the headers.
    pub headers: bool,
    /// Keep the body in the outcome.
    pub body: bool,
    /// How the record shows the body.
    pub show_body: ShowBody,
    /// Compute the SHA-256 of the body.
    pub digest: bool,
    /// Keep the links found in the outcome.
    pub links: bool,
    /// Show them.
    pub show_links: bool,
    /// Name the file for the body.
    pub body_path: bool,
    /// Keep what goes over the wire, for archives; sinks are then given [asides](super::Aside) too.
    pub captures: bool,
}

/// How a record shows a body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ShowBody {
    /// Not at all.
    #[default]
    No,
    /// What can be read in its charset as text, anything else in base64.
    Text,
    /// The bytes, in base64.
    Raw,
}

impl Received {
    pub(super) fn new(response: Response, keep: Keep) -> Self {
        let (content_type, charset) = content_type(&response.headers);
        let body = &response.body;
        let is_named = keep.body_path && !body.bytes.is_empty();
        let sha256 = (keep.digest || is_named).then(|| sha256(&body.bytes));
        let path = || Some(body_path(sha256.as_ref()?, content_type.as_deref()));
        let body_path = if is_named { path() } else { None };
        Self {
            content_type,
            charset,
            title: None,
            robots: Vec::new(),
            etag: validator(&response.headers, "etag"),
            last_modified: validator(&response.headers, "last-modified"),
            unchanged: None,
            cache: response.cache,
            status: Some(response.status).filter(|s| *s != 0),
            http_version: Some(response.http_version).filter(|v| !v.is_empty()),
            body_bytes: body.bytes.len() as u64,
            wire_bytes: body.wire_bytes,
            truncated: body.truncated,
            resumed: body.resumed,
            sha256: sha256.filter(|_| keep.digest),
            body: keep.body.then(|| body.bytes.clone()),
            show_body: keep.show_body,
            body_path,
            content: None,
            remote_ip: response.remote.map(|a| a.ip()),
            reused: response.reused,
            links: None,
            show_links: keep.show_links,
            headers: keep.headers.then_some(response.headers),
            location: response.redirect,
            final_url: Some(response.final_url),
            chain: response.chain,
        }
    }
}

/// What is kept of a media type or a charset, characters: both halves of a type have at most 127 (RFC 6838 §4.2).
const MAX_TYPE: usize = 255;

/// `Content-Type` split into its essence and its charset, both lower case (RFC 9110 §8.3).
pub fn content_type(headers: &HeaderMap) -> (Option<String>, Option<String>) {
    let Some(value) = headers.get("content-type") else { return (None, None) };
    let text = String::from_utf8_lossy(value.as_bytes());
    let mut parts = text.split(';');
    let word = |text: &str| {
        let end = text.char_indices().nth(MAX_TYPE).map_or(text.len(), |(end, _)| end);
        text[..end].to_ascii_lowercase()
    };
    let essence = parts.next().map(|e| word(e.trim())).filter(|e| !e.is_empty());
    let charset = parts
        .filter_map(|p| p.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))
        .map(|(_, value)| word(value.trim().trim_matches(['"', '\''])));
    (essence, charset.filter(|c| !c.is_empty()))
}

/// What is kept of a validator, bytes: a longer one is no use cut.
const MAX_VALIDATOR: usize = 1024;

/// A validator (RFC 9110 §8.8) as it was sent, if a record can say it.
fn validator(headers: &HeaderMap, name: &str) -> Option<Box<str>> {
    let value = headers.get(name)?.as_bytes();
    let text = std::str::from_utf8(value).ok()?;
    (1..=MAX_VALIDATOR).contains(&text.len()).then(|| text.into())
}

/// The file of a body below the directory of `--save-bodies`: the SHA-256 of its kept bytes, of which two digits are a
/// directory, and a suffix by content type. So it is safe, bounded, the same in every run and for every URL with this content.
fn body_path(sha256: &str, content_type: Option<&str>) -> String {
    const SUFFIXES: &[(&str, &str)] = &[
        ("text/html", "html"),
        ("application/xhtml+xml", "html"),
        ("text/plain", "txt"),
        ("text/css", "css"),
        ("text/csv", "csv"),
        ("text/xml", "xml"),
        ("application/xml", "xml"),
        ("text/javascript", "js"),
        ("application/javascript", "js"),
        ("application/json", "json"),
        ("application/pdf", "pdf"),
        ("image/png", "png"),
        ("image/jpeg", "jpg"),
        ("image/gif", "gif"),
        ("image/webp", "webp"),
        ("image/svg+xml", "svg"),
    ];
    let is = |essence: &str| content_type == Some(essence);
    let suffix = SUFFIXES.iter().find(|(essence, _)| is(essence)).map_or("bin", |(_, suffix)| suffix);
    format!("{}/{}.{suffix}", &sha256[..2], &sha256[2..])
}

/// The file, without suffix, of what is made of a body that was found at a URL: two levels of the SHA-256 of both, so that
/// it is safe, bounded, the same in every run, and different when either changes.
pub(crate) fn file_stem(url: Option<&CrawlUrl>, body: &[u8]) -> String {
    // A password has no part in it: who has the record could try to guess it.
    let url = url.map_or_else(String::new, ToString::to_string);
    let hash = sha256(&[url.as_bytes(), b"\n", body].concat());
    format!("{}/{}", &hash[..2], &hash[2..42])
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    use std::fmt::Write as _;
    sha2::Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fetch::HeaderValue;

    proptest::proptest! {
        /// Two lower-case hexadecimal names and a known suffix: no `..`, no root, no device, no two that differ by case.
        #[test]
        fn body_paths_are_safe(content_type in ".{0,80}", body: Vec<u8>) {
            let hash = sha256(&body);
            let name = body_path(&hash, Some(&content_type));
            let (directory, file) = name.split_once('/').unwrap();
            let (stem, suffix) = file.split_once('.').unwrap();
            let is_hex = |text: &str| text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
            assert!(directory.len() == 2 && stem.len() == 62 && is_hex(directory) && is_hex(stem), "{name}");
            assert_eq!(format!("{directory}{stem}"), hash);
            assert!((2..=4).contains(&suffix.len()) && suffix.bytes().all(|b| b.is_ascii_lowercase()), "{name}");
        }
    }

    #[test]
    fn file_stems_tell_urls_apart_and_hold_no_password() {
        let stem = |url: &str| file_stem(CrawlUrl::parse(url).ok().as_ref(), b"");
        assert_ne!(stem("http://h/a"), stem("http://h/A"));
        assert_eq!(stem("http://u:a@h/"), stem("http://u:b@h/"));
    }

    #[test]
    fn validators_are_whole_or_not_there() {
        let kept = |value: &[u8]| {
            let value = HeaderValue::from_bytes(value).unwrap();
            validator(&HeaderMap::from_iter([(crate::fetch::HeaderName::from_static("etag"), value)]), "etag")
        };
        assert_eq!(kept(b"W/\"a \xc3\xa9\"").as_deref(), Some("W/\"a \u{e9}\""));
        assert_eq!(kept(&[b'a'; MAX_VALIDATOR]).map(|text| text.len()), Some(MAX_VALIDATOR));
        assert!([&b""[..], b"\xff", &[b'a'; MAX_VALIDATOR + 1]].iter().all(|value| kept(value).is_none()));
        assert_eq!(validator(&HeaderMap::new(), "etag"), None);
    }

    #[test]
    fn content_type_is_split() {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", "Text/HTML; Charset=\"UTF-8\"".parse().unwrap());
        assert_eq!(content_type(&headers), (Some("text/html".into()), Some("utf-8".into())));
        assert_eq!(content_type(&HeaderMap::new()), (None, None));
        let long = format!("{}; charset={}", "x".repeat(60_000), "\u{e9}".repeat(60_000));
        headers.insert("content-type", HeaderValue::from_bytes(long.as_bytes()).unwrap());
        let (essence, charset) = content_type(&headers);
        assert_eq!(essence.unwrap().len() + charset.unwrap().chars().count(), 2 * MAX_TYPE);
    }
}
