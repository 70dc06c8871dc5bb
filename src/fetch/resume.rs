//! Going on with a body that broke off: when that can be asked for, how, and whether the answer is the rest.
//!
//! The exchange asks [`Rest`] when the connection was lost, or fell silent, after a part of a body had come. It asks for the
//! bytes that are missing, on condition that the body is still the same (RFC 9110 §13.1.5, §14). What a server then says is
//! believed only where all of it fits: the first byte, the last one, the total, the validator and the encoding. Pure.

use reqwest::header::{
    ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_RANGE, DATE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_MATCH,
    IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, LAST_MODIFIED, RANGE,
};
use reqwest::{Method, StatusCode};

/// A body of which a part is missing.
pub(super) struct Rest<'a> {
    /// The head of the answer that broke off.
    headers: &'a HeaderMap,
    /// What says that the body is the same: its name and its value.
    validator: (HeaderName, &'a HeaderValue),
    /// So many bytes came, encoded as they were.
    from: u64,
    /// The length of the whole, if it was announced.
    total: Option<u64>,
}

/// What an answer to the request for the rest is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The rest, of so many bytes.
    Rest(u64),
    /// The whole body, which is another one now, or of a server that knows no ranges.
    Anew,
    /// Nothing that the body could go on with.
    Useless,
}

impl<'a> Rest<'a> {
    /// The rest of a body behind `from`, if a server can be asked for it.
    pub(super) fn of(
        method: &Method,
        status: u16,
        headers: &'a HeaderMap,
        from: u64,
        total: Option<u64>,
    ) -> Option<Self> {
        let ranges = headers.get(ACCEPT_RANGES).map(HeaderValue::as_bytes).unwrap_or_default();
        let has_none = ranges.trim_ascii().eq_ignore_ascii_case(b"none");
        if *method != Method::GET || status != 200 || from == 0 || has_none {
            return None;
        }
        Some(Self { headers, validator: strong(headers)?, from, total })
    }

    /// The headers that ask for it, over those that asked for the whole.
    pub(super) fn request(&self, over: Option<&HeaderMap>) -> HeaderMap {
        let mut headers = over.cloned().unwrap_or_default();
        // There is but one condition, and the answer to others would be no rest.
        for name in [IF_MATCH, IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_UNMODIFIED_SINCE] {
            headers.remove(name);
        }
        if let Ok(range) = HeaderValue::try_from(format!("bytes={}-", self.from)) {
            headers.insert(RANGE, range);
        }
        headers.insert(IF_RANGE, self.validator.1.clone());
        headers
    }

    /// What came for it.
    pub(super) fn judge(&self, status: StatusCode, headers: &HeaderMap) -> Answer {
        match status {
            StatusCode::OK => Answer::Anew,
            StatusCode::PARTIAL_CONTENT => self.length(headers).map_or(Answer::Useless, Answer::Rest),
            _ => Answer::Useless,
        }
    }

    /// The length of the rest, if it is that. What is `multipart/byteranges` has no `Content-Range` of its own.
    fn length(&self, headers: &HeaderMap) -> Option<u64> {
        let range = ContentRange::read(single(headers, &CONTENT_RANGE)?)?;
        // The total is that of the first answer, and of the second the last byte is the last of all.
        let (total, last) = (range.total.or(self.total)?, range.last.checked_add(1)?);
        let fits = range.first == self.from && self.total.is_none_or(|known| known == total) && last == total;
        let (name, value) = &self.validator;
        // An entity tag must be sent again, a date need not be (RFC 9110 §15.3.7).
        let is_same = match headers.get(name) {
            Some(now) => now == *value,
            None => *name == LAST_MODIFIED,
        };
        let codings =
            |headers: &HeaderMap| headers.get_all(CONTENT_ENCODING).iter().cloned().collect::<Vec<_>>();
        (fits && is_same && codings(headers) == codings(self.headers)).then(|| last - self.from)
    }
}

/// The validator of an answer that is a strong one: an entity tag, else a date of change that lies a second before that of
/// the answer, so that a change after it would show (RFC 9110 §8.8.2.2).
fn strong(headers: &HeaderMap) -> Option<(HeaderName, &HeaderValue)> {
    if let Some(tag) = headers.get(ETAG) {
        // A weak one stands for bodies that are alike, and its date is no better.
        return (tag.as_bytes().starts_with(b"\"") && tag.len() > 1).then_some((ETAG, tag));
    }
    let time = |name: HeaderName| httpdate::parse_http_date(headers.get(name)?.to_str().ok()?).ok();
    let since = time(DATE)?.duration_since(time(LAST_MODIFIED)?).ok()?;
    (since.as_secs() >= 1).then_some((LAST_MODIFIED, headers.get(LAST_MODIFIED)?))
}

/// The value of a header that is there once.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())?.to_str().ok()
}

/// `bytes FIRST-LAST/TOTAL` (RFC 9110 §14.4).
struct ContentRange {
    first: u64,
    last: u64,
    /// `None` where a server does not know it.
    total: Option<u64>,
}

impl ContentRange {
    fn read(text: &str) -> Option<Self> {
        let number = |text: &str| match text.bytes().all(|byte| byte.is_ascii_digit()) {
            true => text.parse::<u64>().ok(),
            false => None,
        };
        let (unit, range) = text.trim().split_once(' ')?;
        let (range, total) = range.split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let total = if total == "*" { None } else { Some(number(total)?) };
        let read = Self { first: number(first)?, last: number(last)?, total };
        (unit.eq_ignore_ascii_case("bytes") && read.first <= read.last).then_some(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::from_static(name), value.parse().unwrap());
        }
        headers
    }

    fn can(lines: &[(&'static str, &str)]) -> bool {
        Rest::of(&Method::GET, 200, &headers(lines), 5, Some(10)).is_some()
    }

    #[test]
    fn only_what_has_a_strong_validator_is_asked_for() {
        let (changed, later) = ("Sat, 21 Nov 2026 10:00:00 GMT", "Sat, 21 Nov 2026 10:00:01 GMT");
        assert!(can(&[("etag", "\"a\"")]));
        assert!(can(&[("last-modified", changed), ("date", later)]));
        for lines in [
            &[][..],
            &[("etag", "W/\"a\"")],
            &[("etag", "W/\"a\""), ("last-modified", changed), ("date", later)],
            &[("etag", "a")],
            &[("last-modified", changed)],
            &[("last-modified", changed), ("date", changed)],
            &[("last-modified", later), ("date", changed)],
            &[("etag", "\"a\""), ("accept-ranges", "None")],
        ] {
            assert!(!can(lines), "{lines:?}");
        }
        let tagged = headers(&[("etag", "\"a\"")]);
        for (method, status, from) in [(Method::POST, 200, 5), (Method::GET, 206, 5), (Method::GET, 200, 0)] {
            assert!(Rest::of(&method, status, &tagged, from, None).is_none());
        }
        let over = headers(&[("if-none-match", "\"x\""), ("cookie", "a")]);
        let asked = Rest::of(&Method::GET, 200, &tagged, 5, None).unwrap().request(Some(&over));
        assert_eq!(asked, headers(&[("cookie", "a"), ("range", "bytes=5-"), ("if-range", "\"a\"")]));
    }

    #[test]
    fn only_the_rest_is_taken_for_it() {
        let first = headers(&[("etag", "\"a\""), ("content-encoding", "gzip")]);
        let judge = |status: u16, range: &str, tag: &str, coding: &str, total: Option<u64>| {
            let rest = Rest::of(&Method::GET, 200, &first, 5, total).unwrap();
            let given = [("content-range", range), ("etag", tag), ("content-encoding", coding)];
            let given: Vec<_> = given.into_iter().filter(|(_, value)| !value.is_empty()).collect();
            rest.judge(StatusCode::from_u16(status).unwrap(), &headers(&given))
        };
        let (tag, ten) = ("\"a\"", Some(10));
        assert_eq!(judge(206, "bytes 5-9/10", tag, "gzip", ten), Answer::Rest(5));
        assert_eq!(judge(206, "bytes 5-9/10", tag, "gzip", None), Answer::Rest(5));
        assert_eq!(judge(206, "bytes 5-9/*", tag, "gzip", ten), Answer::Rest(5));
        assert_eq!(judge(200, "", "\"b\"", "", ten), Answer::Anew);
        for (status, range, tag, coding) in [
            (206, "", tag, "gzip"),
            (206, "bytes 4-9/10", tag, "gzip"),
            (206, "bytes 6-9/10", tag, "gzip"),
            (206, "bytes 5-8/10", tag, "gzip"),
            (206, "bytes 5-10/11", tag, "gzip"),
            (206, "bytes 5-10/10", tag, "gzip"),
            (206, "bytes 5-18446744073709551615/10", tag, "gzip"),
            (206, "bytes 9-5/10", tag, "gzip"),
            (206, "bytes +5-9/10", tag, "gzip"),
            (206, "lines 5-9/10", tag, "gzip"),
            (206, "bytes 5-9/10", "\"b\"", "gzip"),
            (206, "bytes 5-9/10", "W/\"a\"", "gzip"),
            (206, "bytes 5-9/10", "", "gzip"),
            (206, "bytes 5-9/10", tag, ""),
            (206, "bytes 5-9/10", tag, "br"),
            (416, "bytes */10", tag, "gzip"),
            (304, "", tag, ""),
            (503, "", "", ""),
        ] {
            assert_eq!(
                judge(status, range, tag, coding, ten),
                Answer::Useless,
                "{status} {range} {tag} {coding}"
            );
        }
        // Without a total nobody could tell whether it is the last of it.
        assert_eq!(judge(206, "bytes 5-9/*", tag, "gzip", None), Answer::Useless);
    }

    #[test]
    fn a_date_need_not_be_sent_again() {
        let first = headers(&[
            ("last-modified", "Sat, 21 Nov 2026 10:00:00 GMT"),
            ("date", "Sat, 21 Nov 2026 11:00:00 GMT"),
        ]);
        let rest = Rest::of(&Method::GET, 200, &first, 5, Some(10)).unwrap();
        let part = StatusCode::PARTIAL_CONTENT;
        assert_eq!(rest.judge(part, &headers(&[("content-range", "bytes 5-9/10")])), Answer::Rest(5));
        let other = [("content-range", "bytes 5-9/10"), ("last-modified", "Sat, 21 Nov 2026 10:00:01 GMT")];
        assert_eq!(rest.judge(part, &headers(&other)), Answer::Useless);
        // Twice the same header is no header.
        let twice = [("content-range", "bytes 5-9/10"), ("content-range", "bytes 5-9/10")];
        assert_eq!(rest.judge(part, &headers(&twice)), Answer::Useless);
    }
}
