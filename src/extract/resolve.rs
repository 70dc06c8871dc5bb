//! From the text of a link to the URL it means.
//!
//! [`Resolver`] is made once per page and asked by `links`. It gives what [`Url::join`] gives, with the repair of
//! [`with_two_slashes`]. In a page that is not in Unicode, a query is written in the encoding
//! of the page ([`join`]), since that is what its server reads.
//!
//! Most links of most pages need no parser: `/a/b.html`, `../b.html`, `?page=2` and absolute URLs of the
//! same origin, made of letters that a parser would leave alone. These are put together from the text of
//! the base, which is normalised already. A property test holds the result against [`Url::join`].

use std::borrow::Cow;

use encoding_rs::{EncoderResult, Encoding, UTF_8};
use url::{ParseError, Position, Url};

use crate::url::{CrawlUrl, UrlError, with_two_slashes};

/// How many bytes of URLs are put together for one page, those included that come to nothing or are known already. A
/// hostile page has a million links and a base of megabytes, which would take hours.
const MAX_WORK: usize = 256 * 1024 * 1024;

/// Resolves the links of one page.
pub(super) struct Resolver {
    base: Url,
    /// What is left of [`MAX_WORK`].
    work: usize,
    encoding: &'static Encoding,
    /// The URL that was resolved last.
    text: Vec<u8>,
    /// With how much of the base that begins; zero if it was not put together.
    kept: usize,
    /// Where in the text of the base its path begins, its last segment begins, and its path ends; only
    /// for a base that text can be appended to.
    plain: Option<Plain>,
}

#[derive(Clone, Copy)]
struct Plain {
    path: usize,
    file: usize,
    path_end: usize,
}

impl Resolver {
    pub(super) fn new(base: Url, encoding: &'static Encoding) -> Self {
        let text = base.as_str();
        let path = base[..Position::BeforePath].len();
        let path_end = base[..Position::AfterPath].len();
        let plain = matches!(base.scheme(), "http" | "https")
            .then(|| text[path..path_end].rfind('/'))
            .flatten()
            .map(|slash| Plain { path, file: path + slash + 1, path_end });
        Self { base, work: MAX_WORK, encoding, text: Vec::with_capacity(128), kept: 0, plain }
    }

    /// The URL that was resolved last.
    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }

    /// Finds the [URL](Self::text) that `link` means here; `link` has neither spaces nor controls around it.
    ///
    /// # Errors
    /// As [`CrawlUrl::from_url`], and [`UrlError::Invalid`] when it is no URL reference, or there were too many.
    pub(super) fn resolve(&mut self, link: &str) -> Result<(), UrlError> {
        if self.plain_text(link) {
            return Ok(());
        }
        if !self.spend(self.base.as_str().len() + link.len()) {
            return Err(UrlError::Invalid("the links of this page are too much work".to_owned()));
        }
        let url = join(&self.base, link, self.encoding);
        let url = CrawlUrl::from_url(url.map_err(|error| UrlError::Invalid(error.to_string()))?)?;
        self.kept = 0;
        self.text.clear();
        self.text.extend_from_slice(url.as_str().as_bytes());
        Ok(())
    }

    /// The same for a value as written, if it has no reference, and base and link need only be put together, which is
    /// what most links need; else `false`.
    pub(super) fn plain(&mut self, link: &[u8]) -> bool {
        self.put_together(link, References::Written).is_some()
    }

    /// The same for a text without references.
    pub(super) fn plain_text(&mut self, link: &str) -> bool {
        self.put_together(link.as_bytes(), References::Decoded).is_some()
    }

    fn put_together(&mut self, mut link: &[u8], references: References) -> Option<()> {
        let Plain { path, file, path_end } = self.plain?;
        let base = self.base.as_str();
        let mut keep = file;
        match link {
            [b'/', b'/', ..] => return None,
            [b'/', ..] => keep = path,
            [b'?', ..] => keep = path_end,
            [b'.', ..] => {
                while let Some(rest) = link.strip_prefix(b"../") {
                    link = rest;
                    keep = parent(base, path, keep);
                }
                // The rest must be a file name: what begins with a dot may be another dot segment.
                (!matches!(link, [] | [b'.' | b'/' | b'?', ..])).then_some(())?;
            }
            _ => {
                if let Some(rest @ [b'/', ..]) = link.strip_prefix(&base.as_bytes()[..path]) {
                    link = rest;
                    keep = path;
                }
            }
        }
        let len = needs_no_parser(link, references)?;
        self.spend(keep + len).then_some(())?;
        // Nearly all links of a page keep the same of its base, most of them the origin.
        if self.kept != keep {
            self.kept = keep;
            self.text.clear();
            self.text.extend_from_slice(&self.base.as_str().as_bytes()[..keep]);
        }
        self.text.truncate(keep);
        self.text.extend_from_slice(&link[..len]);
        Some(())
    }

    /// Whether so many bytes may still be put together.
    fn spend(&mut self, bytes: usize) -> bool {
        self.work = self.work.saturating_sub(bytes);
        self.work > 0
    }
}

/// The URL that `link` means on a page in this encoding ("encoding-parse a URL", WHATWG HTML §2.4.3).
pub(super) fn join(base: &Url, link: &str, encoding: &'static Encoding) -> Result<Url, ParseError> {
    let link = &*with_two_slashes(link.trim_start_matches(|c| c <= ' '));
    let encoding = encoding.output_encoding(); // UTF-8 for UTF-16
    if encoding == UTF_8 || link.is_ascii() {
        return base.join(link);
    }
    let encode: &dyn Fn(&str) -> Cow<'_, [u8]> = &|query| encoded(query, encoding).into();
    Url::options().base_url(Some(base)).encoding_override(Some(encode)).parse(link)
}

/// A query in another encoding, to be percent-encoded. What cannot be written in it is a character reference,
/// percent-encoded already (WHATWG URL §1.3, "percent-encode after encoding").
fn encoded(mut query: &str, encoding: &'static Encoding) -> Vec<u8> {
    let mut encoder = encoding.new_encoder();
    let mut bytes = Vec::with_capacity(2 * query.len());
    loop {
        let (result, read) = encoder.encode_from_utf8_to_vec_without_replacement(query, &mut bytes, true);
        query = &query[read..];
        match result {
            EncoderResult::InputEmpty => return bytes,
            EncoderResult::OutputFull => bytes.reserve(2 * query.len() + 16),
            EncoderResult::Unmappable(character) => {
                bytes.extend_from_slice(format!("%26%23{}%3B", u32::from(character)).as_bytes());
            }
        }
    }
}

/// Where the text of the directory above ends; `file` is behind a `/`, and the root is its own parent.
fn parent(base: &str, path: usize, file: usize) -> usize {
    match base[path..file - 1].rfind('/') {
        Some(slash) => path + slash + 1,
        None => path + 1,
    }
}

/// What `&` is in a link.
#[derive(Clone, Copy, PartialEq)]
enum References {
    /// It may begin a reference.
    Written,
    /// A letter like any other.
    Decoded,
}

/// How long `link` is without its fragment, if a parser would take that for path and query and leave each letter of them
/// as it is.
///
/// So there is no colon in its first segment (a scheme), no dot segment, nothing to encode.
fn needs_no_parser(link: &[u8], references: References) -> Option<usize> {
    let (mut in_first_segment, mut in_query) = (link.first() != Some(&b'/'), false);
    let mut at = 0;
    while let Some(plain) = link[at..].iter().position(|&byte| !PLAIN[usize::from(byte)]) {
        at += plain;
        match link[at] {
            b'#' => return (at > 0).then_some(at),
            b'?' => in_query = true,
            b'&' if references == References::Decoded => {}
            b'.' | b':' | b'%' if in_query => {}
            b'.' if !link[..at].ends_with(b"/") => {}
            b'%' if !is_dot(&link[at..]) => {}
            b':' => {
                in_first_segment = in_first_segment && !link[..at].contains(&b'/');
                (!in_first_segment).then_some(())?;
            }
            _ => return None,
        }
        at += 1;
    }
    (!link.is_empty()).then_some(link.len())
}

/// Whether this begins with `%2e`, which is a dot in a path (WHATWG URL §4.3, "single-dot URL path segment").
fn is_dot(link: &[u8]) -> bool {
    matches!(link, [b'%', b'2', b'e' | b'E', ..])
}

/// For each byte, whether it means nothing but itself wherever it stands.
static PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut letters: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_~!$()*+,;=/@";
    while let [byte, rest @ ..] = letters {
        plain[*byte as usize] = true;
        letters = rest;
    }
    plain
};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn work_is_bounded() {
        let mut resolver = Resolver::new(Url::parse("http://h/d/p").unwrap(), UTF_8);
        resolver.work = "http://h/d/".len() + 4;
        assert!(resolver.plain(b"one") && !resolver.plain(b"two"));
        assert!(matches!(resolver.resolve("a b"), Err(UrlError::Invalid(why)) if why.contains("too much")));
    }

    fn resolve(base: &str, link: &str) -> Option<String> {
        let mut resolver = Resolver::new(Url::parse(base).unwrap(), UTF_8);
        resolver.resolve(link).ok().map(|()| String::from_utf8(resolver.text).unwrap())
    }

    fn joined(base: &str, link: &str) -> Option<String> {
        let url = Url::parse(base).unwrap().join(link).ok()?;
        CrawlUrl::from_url(url).ok().map(|url| url.as_str().to_owned())
    }

    const BASES: [&str; 10] = [
        "http://h/",
        "http://h/a/b",
        "https://h:8443/a//b/?q=/x/y",
        "http://user:pw@h/a/b/c.html#f/g",
        "http://[::1]:80/a;b/c%2e/d",
        "http://h/a/b/../c?x",
        "http://h//",
        "https://example.org/d1/p1.html",
        "http://h/?//x",
        "file:///a/b",
    ];

    #[test]
    fn links_do_not_leave_anything_behind() {
        let mut resolver = Resolver::new(Url::parse("http://h/d/e/p?q").unwrap(), UTF_8);
        for (link, url) in [
            ("/a/long/one.html", "http://h/a/long/one.html"),
            ("/b", "http://h/b"),
            ("../c", "http://h/d/c"),
            ("http://other/x y", "http://other/x%20y"),
            ("../d", "http://h/d/d"),
            ("?r", "http://h/d/e/p?r"),
            ("e", "http://h/d/e/e"),
        ] {
            resolver.resolve(link).unwrap();
            assert_eq!(resolver.text(), url.as_bytes());
        }
    }

    #[test]
    fn the_common_forms() {
        let base = "http://h/a/b.html?q#f";
        for (link, url) in [
            ("c", "http://h/a/c"),
            ("/c/", "http://h/c/"),
            ("../c", "http://h/c"),
            ("../../c", "http://h/c"),
            ("?p=2", "http://h/a/b.html?p=2"),
            ("http://h/x", "http://h/x"),
            ("http://H/x", "http://h/x"),
            ("http://other/x", "http://other/x"),
            ("//other/x", "http://other/x"),
            ("", "http://h/a/b.html?q"),
            ("c#d", "http://h/a/c"),
            ("c d", "http://h/a/c%20d"),
            ("./c", "http://h/a/c"),
            ("/x/%2e%2e/c", "http://h/c"),
            ("http:c", "http://h/a/c"),
        ] {
            assert_eq!(resolve(base, link).as_deref(), Some(url), "{link}");
        }
        assert_eq!(resolve(base, "mailto:x"), None);
        assert_eq!(resolve(base, "http://[x/"), None);
    }

    #[test]
    fn too_many_slashes_are_two() {
        for link in
            ["///other/x", "////other/x", "/\\/other/x", "\\\\\\other/x", "/\t//other/x", "http:///other/x"]
        {
            assert_eq!(resolve("http://h/a", link).as_deref(), Some("http://other/x"), "{link:?}");
        }
        assert_eq!(resolve("http://h/a", "///"), None);
    }

    #[test]
    fn common_forms_need_no_parser() {
        let mut resolver = Resolver::new(Url::parse("https://h/a/b").unwrap(), UTF_8);
        for link in ["/x", "x.html", "../x", "?x=%20", "https://h/x/y?z#f", "/a/b:c", "/caf%C3%A9", "/%"] {
            assert!(resolver.plain(link.as_bytes()), "{link}");
        }
        for link in [
            "", "#", "//h", "a:b", ".", "..", "./a", "/..", "/.a", "a/../b", "/%2e%2e", "/a%2Eb", "/a b",
            "/é", "../?x", "../#x", "/?a&b",
        ] {
            assert!(!resolver.plain(link.as_bytes()), "{link}");
        }
        assert!(resolver.plain_text("/?a&b"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn is_what_join_gives(base in prop::sample::select(&BASES[..]), link in "[a-c./?#:@%2e~\\\\|'\\[& \\t]{0,12}") {
            let start = link.replace('\t', "");
            let start = start.trim_start();
            prop_assume!(start.len() - start.trim_start_matches(['/', '\\']).len() <= 2);
            prop_assert_eq!(resolve(base, &link), joined(base, &link));
        }

        #[test]
        fn is_what_join_gives_for_usual_links(
            base in prop::sample::select(&BASES[..]),
            start in prop::sample::select(&["", "/", "../", "../../", "./", "?", "http://h/", "http://h", "//h/"][..]),
            rest in "([a-z0-9._~!$()*+,;=%&-]{0,4}/){0,3}[a-zA-Z0-9.:@]{0,5}(\\?[a-z%=&/.?']{0,6})?(#[a-z/]{0,3})?",
        ) {
            let link = format!("{start}{rest}");
            prop_assume!(!link.starts_with("///"));
            prop_assert_eq!(resolve(base, &link), joined(base, &link));
        }
    }
}
