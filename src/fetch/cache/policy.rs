//! Which answers are kept, and what they are good for later: RFC 9111 for a cache of one user.
//!
//! Pure: time comes in. [`may_store`] decides about an answer that came, [`Policy`] about one that is stored, [`merged`] makes one
//! of it and of a 304. Stricter than the RFC where secrets are: what was asked for with any is kept only if it is `public`,
//! and cookies that an answer sets never are.

use std::time::{Duration, SystemTime};

use reqwest::header::{
    ETAG, EXPIRES, HeaderMap, HeaderName, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED,
    SET_COOKIE, VARY,
};

use super::directives::{Directives, date, initial_age, lifetime};
use super::entry::Entry;
use crate::fetch::credentials::is_secret_value;

/// Statuses whose answers hold without being told so (RFC 9110 §15.1), but for a part of a body.
const GUESSABLE: [u16; 11] = [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501];

/// What concerns a connection and not a message (RFC 9110 §7.6.1); `Connection` may name more.
const HOP_BY_HOP: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// What describes the bytes of the stored body, so that a 304 does not change it (RFC 9111 §3.2).
const OF_BODY: [&str; 4] = ["content-encoding", "content-length", "content-md5", "content-range"];

/// What a stored answer is good for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// It is the answer.
    Fresh,
    /// It is the answer if the server says so.
    Validate,
    /// It is that of another request.
    None,
}

/// Whether an answer to a GET with these headers may be kept (§3), and is of any use later.
pub(super) fn may_store(request: &HeaderMap, status: u16, answer: &HeaderMap, now: SystemTime) -> bool {
    let (asked, said) = (Directives::of(request), Directives::of(answer));
    let is_guessable = GUESSABLE.contains(&status);
    let is_understood = is_guessable || matches!(status, 302 | 303 | 307);
    let is_said = said.has("max-age") || answer.contains_key(EXPIRES) || said.has("public");
    let is_useful = said.has("stale-if-error")
        || !lifetime(answer, &said, now, is_guessable || said.has("public")).is_zero()
        || !conditions(answer).is_empty();
    let has_secret = request.iter().any(|(name, value)| is_secret_value(name, value));
    let varies = vary(answer);
    status >= 200
        && !matches!(status, 206 | 304 | 401 | 407) // what asks for a password is not the answer to one
        && (is_understood || !said.has("must-understand"))
        && (is_said || is_guessable)
        && is_useful
        && !asked.has("no-store")
        && !said.has("no-store")
        && (!has_secret || said.has("public"))
        && varies.iter().all(|name| match name.parse::<HeaderName>() {
            Ok(_) if name == "*" => false, // no request matches it
            Ok(name) => !request.get_all(&name).iter().any(|value| is_secret_value(&name, value)),
            Err(_) => false,
        })
}

/// The names that `Vary` lists, in lower case.
pub(super) fn vary(answer: &HeaderMap) -> Vec<String> {
    let lines =
        answer.get_all(VARY).iter().map(|line| String::from_utf8_lossy(line.as_bytes()).to_ascii_lowercase());
    let names = lines.flat_map(|line| line.split(',').map(|name| name.trim().to_owned()).collect::<Vec<_>>());
    names.filter(|name| !name.is_empty()).collect()
}

/// What a header of a request says, all its lines together.
pub(super) fn value_of(request: &HeaderMap, name: &str) -> Option<Vec<u8>> {
    let lines: Vec<_> = request.get_all(name).iter().map(|line| line.as_bytes().trim_ascii()).collect();
    (!lines.is_empty()).then(|| lines.join(&b", "[..]))
}

/// A stored answer before a request.
pub(super) struct Policy<'a> {
    entry: &'a Entry,
    said: Directives,
    lifetime: Duration,
    pub(super) age: Duration,
}

impl<'a> Policy<'a> {
    pub(super) fn of(entry: &'a Entry, now: SystemTime) -> Self {
        let said = Directives::of(&entry.headers);
        let is_guessable = GUESSABLE.contains(&entry.status) || said.has("public");
        let lifetime = lifetime(&entry.headers, &said, entry.received, is_guessable);
        let age = initial_age(&entry.headers, entry.sent, entry.received);
        let age = age + now.duration_since(entry.received).unwrap_or_default();
        Self { entry, said, lifetime, age }
    }

    /// What it is good for (§4).
    pub(super) fn judge(&self, request: &HeaderMap) -> Use {
        let matches = |(name, value): &(String, Option<Vec<u8>>)| value_of(request, name) == *value;
        if !self.entry.vary.iter().all(matches) {
            return Use::None;
        }
        let asked = Directives::of(request);
        if asked.has("no-cache") || self.said.has("no-cache") {
            return Use::Validate;
        }
        let may_be = asked.seconds("max-age").is_none_or(|most| self.age <= most);
        let has_left =
            self.lifetime.saturating_sub(self.age) >= asked.seconds("min-fresh").unwrap_or_default();
        let tolerated = match asked.seconds("max-stale") {
            _ if self.said.has("must-revalidate") => Duration::ZERO,
            Some(most) => most,
            None if asked.has("max-stale") => Duration::MAX,
            None => Duration::ZERO,
        };
        let is_fresh = self.age < self.lifetime || self.staleness() < tolerated;
        if is_fresh && may_be && has_left { Use::Fresh } else { Use::Validate }
    }

    fn staleness(&self) -> Duration {
        self.age.saturating_sub(self.lifetime)
    }

    /// Whether it may stand in for a server that fails (RFC 5861 §4).
    pub(super) fn may_stand_in(&self, request: &HeaderMap) -> bool {
        let asked = Directives::of(request);
        let most = asked.seconds("stale-if-error").or(self.said.seconds("stale-if-error"));
        let is_strict =
            self.said.has("must-revalidate") || self.said.has("no-cache") || asked.has("no-cache");
        !is_strict && most.is_some_and(|most| self.staleness() <= most)
    }
}

/// What a request has to say so that the server may answer that the stored answer holds (§4.3.1).
pub(super) fn conditions(stored: &HeaderMap) -> HeaderMap {
    let tag = stored.get(ETAG).map(|tag| (IF_NONE_MATCH, tag.clone()));
    let changed = stored.get(LAST_MODIFIED).filter(|_| date(stored, &LAST_MODIFIED).is_some());
    tag.into_iter().chain(changed.map(|changed| (IF_MODIFIED_SINCE, changed.clone()))).collect()
}

/// Whether a 304 with these headers is about the stored answer (§4.3.4).
pub(super) fn is_about(stored: &HeaderMap, said: &HeaderMap) -> bool {
    fn opaque(tag: &HeaderValue) -> &[u8] {
        tag.as_bytes().strip_prefix(b"W/").unwrap_or(tag.as_bytes())
    }
    match (stored.get(ETAG), said.get(ETAG)) {
        (Some(stored), Some(said)) => opaque(stored) == opaque(said),
        (None, Some(_)) => false,
        (_, None) => true,
    }
}

/// The headers of a stored answer after a 304 (§3.2, §4.3.4).
pub(super) fn merged(stored: &HeaderMap, said: &HeaderMap) -> HeaderMap {
    let said = to_keep(said);
    let mut merged = stored.clone();
    let replaces = |name: &HeaderName| !OF_BODY.contains(&name.as_str());
    for name in said.keys().filter(|name| replaces(name)) {
        merged.remove(name);
    }
    for (name, value) in said.iter().filter(|(name, _)| replaces(name)) {
        merged.append(name.clone(), value.clone());
    }
    merged
}

/// What of an answer's headers is kept: nothing of the connection, no cookies.
pub(super) fn to_keep(headers: &HeaderMap) -> HeaderMap {
    let named = headers.get_all("connection").iter().filter_map(|line| line.to_str().ok());
    let named: Vec<_> =
        named.flat_map(|line| line.split(',')).map(|name| name.trim().to_ascii_lowercase()).collect();
    let is_kept = |name: &HeaderName| {
        *name != SET_COOKIE
            && !HOP_BY_HOP.contains(&name.as_str())
            && !named.iter().any(|other| other == name.as_str())
    };
    headers
        .iter()
        .filter(|(name, _)| is_kept(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        headers
    }

    const NOW: &str = "Sat, 21 Nov 2026 12:00:00 GMT";

    fn now() -> SystemTime {
        httpdate::parse_http_date(NOW).unwrap()
    }

    #[test]
    fn what_may_be_kept() {
        for (request, status, answer, may) in [
            (&[][..], 200, &[("etag", "x")][..], true),
            (&[], 200, &[], false),
            (&[], 200, &[("last-modified", NOW)], true),
            (&[], 200, &[("cache-control", "max-age=0")], false),
            (&[], 200, &[("cache-control", "stale-if-error=9")], true),
            (&[], 200, &[("cache-control", "no-store, max-age=9")], false),
            (&[("cache-control", "no-store")], 200, &[("cache-control", "max-age=9")], false),
            (&[], 206, &[("cache-control", "max-age=9")], false),
            (&[], 401, &[("cache-control", "max-age=9")], false),
            (&[], 500, &[], false),
            (&[], 500, &[("cache-control", "max-age=9")], true),
            (&[], 599, &[("cache-control", "max-age=9, must-understand")], false),
            (&[], 302, &[("expires", "Sat, 21 Nov 2026 12:00:01 GMT")], true),
            (&[], 200, &[("etag", "x"), ("vary", "*")], false),
            (&[], 200, &[("etag", "x"), ("vary", "accept, *")], false),
            (&[("authorization", "x")], 200, &[("cache-control", "max-age=9")], false),
            (&[("cookie", "x")], 200, &[("cache-control", "private, max-age=9")], false),
            (&[("x-api-key", "x")], 200, &[("cache-control", "public, max-age=9")], true),
            (&[("cookie", "x")], 200, &[("cache-control", "public, max-age=9"), ("vary", "Cookie")], false),
            (&[], 200, &[("cache-control", "private, max-age=9"), ("vary", "Cookie")], true),
        ] {
            assert_eq!(
                may_store(&headers(request), status, &headers(answer), now()),
                may,
                "{request:?} {status} {answer:?}"
            );
        }
    }

    #[test]
    fn what_the_user_marked_is_a_secret_whatever_its_name() {
        let mut request = headers(&[("x-team", "hush")]);
        let said = |more: &str| headers(&[("cache-control", more), ("vary", "X-Team")]);
        assert!(may_store(&request, 200, &said("max-age=9"), now()));
        request.iter_mut().for_each(|(_, value)| value.set_sensitive(true));
        assert!(!may_store(&request, 200, &headers(&[("cache-control", "max-age=9")]), now()));
        assert!(may_store(&request, 200, &headers(&[("cache-control", "public, max-age=9")]), now()));
        assert!(!may_store(&request, 200, &said("public, max-age=9"), now()), "its value would be kept");
    }

    #[test]
    fn what_it_is_good_for() {
        use Use::{Fresh, None, Validate};
        let minute = "max-age=60";
        // What was said, how many seconds ago, what is asked, and what comes of it: its use, and whether it may stand in.
        for (said, ago, asked, good_for, stands_in) in [
            (minute, 59, "", Fresh, false),
            (minute, 60, "", Validate, false),
            (minute, 59, "no-cache", Validate, false),
            (minute, 30, "max-age=20", Validate, false),
            (minute, 30, "max-age=40", Fresh, false),
            (minute, 30, "min-fresh=40", Validate, false),
            (minute, 70, "max-stale", Fresh, false),
            (minute, 70, "max-stale=20", Fresh, false),
            (minute, 90, "max-stale=20", Validate, false),
            ("max-age=60, must-revalidate", 70, "max-stale", Validate, false),
            ("max-age=60, no-cache", 1, "", Validate, false),
            ("max-age=60, stale-if-error=60", 110, "", Validate, true),
            ("max-age=60, stale-if-error=60", 130, "", Validate, false),
            ("max-age=60, stale-if-error=60, must-revalidate", 110, "", Validate, false),
            (minute, 110, "stale-if-error=60", Validate, true),
            ("", 1, "", Validate, false),
        ] {
            let entry = Entry {
                url: String::new(),
                status: 200,
                is_http2: false,
                is_public: false,
                sent: now(),
                received: now(),
                vary: vec![("accept".into(), Some(b"a, b".to_vec()))],
                headers: headers(&[("cache-control", said)]),
                body: Bytes::new(),
            };
            let request = headers(&[("accept", "a"), ("accept", "b"), ("cache-control", asked)]);
            let policy = Policy::of(&entry, now() + Duration::from_secs(ago));
            assert_eq!(policy.judge(&request), good_for, "{said}; {ago} s; {asked}");
            assert_eq!(policy.may_stand_in(&request), stands_in, "{said}; {ago} s; {asked}");
            assert_eq!(policy.judge(&headers(&[("accept", "a")])), None);
            assert_eq!(policy.judge(&headers(&[])), None);
        }
    }

    #[test]
    fn a_304_is_merged() {
        let stored =
            headers(&[("etag", "\"1\""), ("x", "a"), ("x", "b"), ("content-encoding", "gzip"), ("y", "c")]);
        let said =
            headers(&[("x", "d"), ("z", "e"), ("z", "f"), ("content-encoding", "br"), ("set-cookie", "s")]);
        let wanted =
            [("etag", "\"1\""), ("content-encoding", "gzip"), ("y", "c"), ("x", "d"), ("z", "e"), ("z", "f")];
        assert_eq!(merged(&stored, &said), headers(&wanted));
        let about = |tag: &str| is_about(&stored, &headers(&[("etag", tag)]));
        assert!(about("\"1\"") && about("W/\"1\"") && !about("\"2\"") && is_about(&stored, &said));
    }

    #[test]
    fn nothing_of_the_connection_and_no_cookie_is_kept() {
        let lines = [
            ("connection", "close, X-Hop"),
            ("x-hop", "1"),
            ("set-cookie", "a=b"),
            ("keep-alive", "1"),
            ("x", "1"),
        ];
        assert_eq!(to_keep(&headers(&lines)), headers(&[("x", "1")]));
    }
}
