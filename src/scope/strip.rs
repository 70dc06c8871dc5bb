//! [`StripQuery`]: query parameters that do not make another page, taken off links before they are compared.
//!
//! Session ids and campaign tags give one page many URLs. Only links that were found are changed: what the user named
//! is asked for as it was named, and a redirect leads where the server says. Pure.

use std::borrow::Cow;

use url::form_urlencoded;

use crate::url::CrawlUrl;

/// Names of parameters to take off; the default takes none.
#[derive(Clone, Debug, Default)]
pub(super) struct StripQuery {
    names: Vec<String>,
    /// Beginnings of names.
    prefixes: Vec<String>,
}

impl StripQuery {
    /// Takes parameters with these names off. `*` at the end of one stands for any rest. Names are compared decoded
    /// and exactly.
    pub(super) fn new<S: AsRef<str>>(names: &[S]) -> Self {
        let mut strip = Self::default();
        for name in names.iter().map(AsRef::as_ref) {
            match name.strip_suffix('*') {
                Some(prefix) => strip.prefixes.push(prefix.to_owned()),
                None => strip.names.push(name.to_owned()),
            }
        }
        strip
    }

    /// The URL without those parameters, if it has any; the others stay as they are written, in their order.
    pub(super) fn apply(&self, url: &CrawlUrl) -> Option<CrawlUrl> {
        if self.names.is_empty() && self.prefixes.is_empty() {
            return None;
        }
        let (before, query) = url.as_str().split_once('?')?;
        let kept: Vec<_> = query.split('&').filter(|pair| !self.takes(pair)).collect();
        if kept.len() == query.split('&').count() {
            return None;
        }
        Some(CrawlUrl::from_serialised(&match kept.is_empty() {
            true => before.to_owned(),
            false => format!("{before}?{}", kept.join("&")),
        }))
    }

    fn takes(&self, pair: &str) -> bool {
        let name = match form_urlencoded::parse(pair.as_bytes()).next() {
            Some((name, _)) => name,
            None => Cow::Borrowed(""), // two `&` in a row
        };
        self.names.iter().any(|known| *known == name)
            || self.prefixes.iter().any(|prefix| name.starts_with(prefix.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_named_parameters_go() {
        let strip = StripQuery::new(&["sid", "utm_*", "a b"]);
        for (before, after) in [
            ("http://h/p", "http://h/p"),
            ("http://h/p?", "http://h/p?"),
            ("http://h/p?sid=1", "http://h/p"),
            ("http://h/p?a=1&sid=1&b=%20&utm_source=x&utm_=", "http://h/p?a=1&b=%20"),
            ("http://h/p?SID=1&side=2&sid", "http://h/p?SID=1&side=2"),
            ("http://h/p?a+b=1&a%20b=2&%73id=3&c", "http://h/p?c"),
            ("http://h/p?x&&y", "http://h/p?x&&y"),
            ("http://h/p?q=a?sid=1", "http://h/p?q=a?sid=1"),
        ] {
            let url = CrawlUrl::parse(before).unwrap();
            let stripped = strip.apply(&url);
            assert_eq!(stripped.is_some(), before != after, "{before}");
            assert_eq!(stripped.unwrap_or(url).as_str(), after, "{before}");
        }
        let all = StripQuery::new(&["*"]);
        let url = CrawlUrl::parse("http://h/p?a&&b=1").unwrap();
        assert_eq!(all.apply(&url).unwrap().as_str(), "http://h/p");
    }
}
