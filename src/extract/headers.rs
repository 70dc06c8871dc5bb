//! Links in the headers of an answer, whatever its body is: `Link` (RFC 8288) and `Refresh`.
//!
//! Called by `extract::outlinks`. A `Link` is of the kind that `<link>` would be with the same `rel`; one whose `anchor` is
//! another page is none of this page's. `Refresh` is what `<meta http-equiv=refresh>` stands for (WHATWG HTML §7.4.6.1).
//! Forgiving as RFC 8288 appendix B is: what is broken gives nothing. Linear time; at most [`MAX_BYTES`] are read and
//! [`MAX_LINKS`] links looked at.

use std::borrow::Cow;

use url::Url;

use super::html::{self, RawLink, Role, Value};
use super::{LinkKind, Via, values};

/// Bytes of header values that are read.
const MAX_BYTES: usize = 64 * 1024;
/// Links that are looked at.
const MAX_LINKS: usize = 256;

/// The links in `headers` (lower-case names), as written.
pub(super) fn links<'a>(headers: &[(&str, &'a [u8])], page_url: &Url) -> Vec<RawLink<'a>> {
    let mut links = Vec::new();
    let (mut left, mut most) = (MAX_BYTES, MAX_LINKS);
    for &(name, value) in headers {
        // One that is cut would mean something else.
        let Some(rest) = left.checked_sub(value.len()) else { break };
        left = rest;
        match name {
            "link" => link_header(&text(value), page_url, &mut most, &mut links),
            "refresh" => links.extend(refresh(value)),
            _ => {}
        }
    }
    links.truncate(MAX_LINKS);
    links
}

fn text(value: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(value)
}

fn refresh(value: &[u8]) -> Option<RawLink<'_>> {
    let via = const { Via::named("header", "refresh") };
    let url = match text(value) {
        Cow::Borrowed(value) => values::refresh(value).map(Cow::Borrowed),
        Cow::Owned(value) => values::refresh(&value).map(|url| Cow::Owned(url.to_owned())),
    };
    let role = Role { via, kind: LinkKind::Navigation, nofollow: false };
    url.map(|url| RawLink { value: Value::Decoded(url), role })
}

/// The links of one `Link` header (RFC 8288 §3, parsed as in appendix B.2).
fn link_header(value: &str, page_url: &Url, most: &mut usize, links: &mut Vec<RawLink<'_>>) {
    let mut rest = value;
    while let Some((_, after)) = rest.split_once('<')
        && let Some((target, after)) = after.split_once('>')
        && *most > 0
    {
        *most -= 1;
        let params = Params::read(after);
        rest = params.rest;
        let is_own = params.anchor.as_ref().is_none_or(|anchor| is_page(anchor, page_url));
        let rel = params.rel.unwrap_or_default();
        if let (true, Some(kind)) = (is_own, html::link_kind(rel.as_bytes())) {
            let nofollow = html::says_nofollow(rel.as_bytes());
            let role = Role { via: const { Via::named("header", "link") }, kind, nofollow };
            links.push(RawLink { value: Value::Decoded(Cow::Owned(target.to_owned())), role });
        }
    }
}

/// Whether an `anchor` is the page itself or a part of it (RFC 8288 §3.2).
fn is_page(anchor: &str, page_url: &Url) -> bool {
    let without_fragment = |url: &Url| {
        let mut url = url.clone();
        url.set_fragment(None);
        url
    };
    page_url.join(anchor).is_ok_and(|url| without_fragment(&url) == without_fragment(page_url))
}

/// The parameters of a link, and what is behind them. Of two with one name the first counts.
#[derive(Default)]
struct Params<'a> {
    rel: Option<Cow<'a, str>>,
    anchor: Option<Cow<'a, str>>,
    rest: &'a str,
}

impl<'a> Params<'a> {
    /// Reads `; name=value` as long as there are any.
    fn read(text: &'a str) -> Self {
        let mut params = Self { rest: text, ..Self::default() };
        while let Some(param) = params.rest.trim_start().strip_prefix(';') {
            let param = param.trim_start();
            let end = param.find(|c: char| c.is_whitespace() || matches!(c, '=' | ';' | ','));
            let (name, after) = param.split_at(end.unwrap_or(param.len()));
            let (value, after) = match after.trim_start().strip_prefix('=') {
                Some(value) => value_of(value.trim_start()),
                None => (Cow::Borrowed(""), after),
            };
            params.rest = after;
            if name.eq_ignore_ascii_case("rel") {
                params.rel.get_or_insert(value);
            } else if name.eq_ignore_ascii_case("anchor") {
                params.anchor.get_or_insert(value);
            }
        }
        params
    }
}

/// A value, in quotes or without, and what is behind it.
fn value_of(text: &str) -> (Cow<'_, str>, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, rest) = text.split_at(text.find([';', ',']).unwrap_or(text.len()));
        return (value.trim_end().into(), rest);
    };
    let mut value = String::new();
    let mut escaped = false;
    for (at, c) in quoted.char_indices() {
        match c {
            '"' if !escaped => return (value.into(), &quoted[at + 1..]),
            '\\' if !escaped => escaped = true,
            c => {
                escaped = false;
                value.push(c);
            }
        }
    }
    (value.into(), "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(headers: &[(&str, &str)]) -> Vec<(String, LinkKind)> {
        let page_url = Url::parse("http://h/d/p?q").unwrap();
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        let url = |value: &Value<'_>| match value {
            Value::Decoded(url) => url.to_string(),
            Value::Raw(_) => unreachable!("headers are text"),
        };
        links(&headers, &page_url).iter().map(|link| (url(&link.value), link.role.kind)).collect()
    }

    fn urls(link: &str) -> Vec<String> {
        found(&[("link", link)]).into_iter().map(|(url, _)| url).collect()
    }

    use LinkKind::{Navigation, Other, Requisite};

    #[test]
    fn kinds_are_those_of_link_elements() {
        for (value, kind) in [
            ("<u>; rel=next", Navigation),
            ("<u>; rel=\"canonical\"", Navigation),
            ("<u> ; REL = \"icon foo\"", Requisite),
            ("<u>;rel=preload;as=style", Requisite),
            ("<u>; rel=stylesheet; rel=next", Requisite),
            ("<u>", Other),
            ("<u>; rel=shortlink", Other),
        ] {
            assert_eq!(found(&[("link", value)]), [("u".to_owned(), kind)], "{value}");
        }
        assert_eq!(urls("<u>; rel=preconnect, <v>; rel=dns-prefetch"), [""; 0]);
    }

    #[test]
    fn several_values() {
        assert_eq!(
            urls("<a>; rel=next, <b,c;d>; title=\"x, <no>; \\\" y\"; rel=prev , ,<e>"),
            ["a", "b,c;d", "e"]
        );
        assert_eq!(found(&[("link", "<a>"), ("x", "<no>"), ("link", "<b>")]).len(), 2);
    }

    #[test]
    fn broken_ones_give_nothing() {
        assert_eq!(urls("a; rel=next, <b>"), ["b"]);
        assert_eq!(urls("<a rel=next"), [""; 0]);
        assert_eq!(urls("<a> rel=next, <b>; ;; =; title=\"x"), ["a", "b"]);
        assert_eq!(urls("<a>; title=\"never closed, <b>"), ["a"]);
        assert_eq!(found(&[("link", "")]), []);
    }

    #[test]
    fn links_of_other_pages_are_left_out() {
        assert_eq!(
            urls(
                "<a>; anchor=\"/other\", <b>; anchor=\"#part\", <c>; anchor=\"p?q\", <d>; anchor=\"http://[\""
            ),
            ["b", "c"]
        );
    }

    #[test]
    fn refreshes() {
        assert_eq!(found(&[("refresh", "0;url=/next")]), [("/next".to_owned(), Navigation)]);
        assert_eq!(found(&[("refresh", "5")]), []);
    }

    #[test]
    fn caps() {
        assert_eq!(urls(&"<a>,".repeat(1000)).len(), MAX_LINKS);
        let others = "<a>;anchor=x,".repeat(MAX_LINKS);
        assert_eq!(
            found(&[("link", &others), ("link", "<b>")]),
            [],
            "each is compared with the URL of the page"
        );
        let long = format!("<{}>", "a".repeat(MAX_BYTES));
        assert_eq!(found(&[("link", "<a>"), ("link", &long), ("link", "<b>")]).len(), 1);
    }
}
