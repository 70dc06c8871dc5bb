//! `Cache-Control` taken apart (RFC 9111 §5.2), and the other fields that say how long an answer holds.
//!
//! What a server writes there may be anything: a number that is none makes an answer stale, one that is too large counts as
//! [`LONGEST`], and of what is said twice the first counts (§4.2.1).

use std::time::{Duration, SystemTime};

use reqwest::header::{AGE, CACHE_CONTROL, DATE, EXPIRES, HeaderMap, HeaderName, LAST_MODIFIED, PRAGMA};

/// The most seconds there are (RFC 9111 §1.2.2).
const LONGEST: u64 = 1 << 31;

/// Directives that are read of one message; nobody has more to say.
const MOST: usize = 64;

/// The directives of a message, by their names in lower case.
#[derive(Debug, Default)]
pub(super) struct Directives(Vec<(String, Option<String>)>);

impl Directives {
    /// Those of a message; what HTTP/1.0 said in `Pragma` counts where there is no `Cache-Control` (§5.4).
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut directives = Self::default();
        for line in headers.get_all(CACHE_CONTROL) {
            directives.read(&String::from_utf8_lossy(line.as_bytes()));
        }
        if !headers.contains_key(CACHE_CONTROL) {
            let mut pragma = headers.get_all(PRAGMA).iter().filter_map(|line| line.to_str().ok());
            if pragma.any(|line| line.split(',').any(|word| word.trim().eq_ignore_ascii_case("no-cache"))) {
                directives.0.push(("no-cache".into(), None));
            }
        }
        directives
    }

    fn read(&mut self, line: &str) {
        for part in split(line) {
            if self.0.len() == MOST {
                return;
            }
            let (name, value) = match part.split_once('=') {
                Some((name, value)) => (name, Some(unquoted(value.trim()))),
                None => (part, None),
            };
            let name = name.trim().to_ascii_lowercase();
            if !name.is_empty() && !self.has(&name) {
                self.0.push((name, value));
            }
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }

    /// The seconds that a directive gives; none if it is not there, or gives no number.
    pub(super) fn seconds(&self, name: &str) -> Option<Duration> {
        let (_, value) = self.0.iter().find(|(known, _)| known == name)?;
        number(value.as_deref()?)
    }
}

/// The parts between commas that are in no quotes.
fn split(line: &str) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    line.split(move |c| {
        let was_escaped = is_escaped;
        is_escaped = is_quoted && !was_escaped && c == '\\';
        is_quoted ^= c == '"' && !was_escaped;
        c == ',' && !is_quoted
    })
}

fn unquoted(value: &str) -> String {
    match value.strip_prefix('"').and_then(|value| value.strip_suffix('"')) {
        Some(inner) => inner.replace('\\', ""),
        None => value.to_owned(),
    }
}

/// A number of seconds: digits and nothing else.
fn number(text: &str) -> Option<Duration> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| Duration::from_secs(text.parse().unwrap_or(LONGEST).min(LONGEST)))
}

/// A date of HTTP in any of its forms; none if there is none, or several.
pub(super) fn date(headers: &HeaderMap, name: &HeaderName) -> Option<SystemTime> {
    let mut values = headers.get_all(name).iter();
    let (value, None) = (values.next()?, values.next()) else { return None };
    httpdate::parse_http_date(value.to_str().ok()?).ok()
}

/// How long an answer holds from when it was made (§4.2.1), and zero if nothing says so. `is_guessable`: its status is one
/// for which a guess will do (§4.2.2).
pub(super) fn lifetime(
    headers: &HeaderMap,
    directives: &Directives,
    received: SystemTime,
    is_guessable: bool,
) -> Duration {
    if directives.has("max-age") {
        return directives.seconds("max-age").unwrap_or_default();
    }
    let made = date(headers, &DATE).unwrap_or(received);
    if headers.contains_key(EXPIRES) {
        let expires = date(headers, &EXPIRES);
        return expires.and_then(|expires| expires.duration_since(made).ok()).unwrap_or_default();
    }
    let unchanged_for = date(headers, &LAST_MODIFIED).and_then(|changed| made.duration_since(changed).ok());
    // A tenth of how long it has not changed, as the RFC proposes.
    unchanged_for.filter(|_| is_guessable).map_or(Duration::ZERO, |time| time / 10)
}

/// How old an answer was when it came (§4.2.3). What says its age in a way that is against the grammar is old.
pub(super) fn initial_age(headers: &HeaderMap, sent: SystemTime, received: SystemTime) -> Duration {
    let mut lines = headers.get_all(AGE).iter();
    let said = match (lines.next(), lines.next()) {
        (None, _) => Duration::ZERO,
        (Some(line), None) => line.to_str().ok().and_then(number).unwrap_or(Duration::from_secs(LONGEST)),
        (Some(_), Some(_)) => Duration::from_secs(LONGEST),
    };
    let apparent =
        date(headers, &DATE).and_then(|made| received.duration_since(made).ok()).unwrap_or_default();
    let corrected = said + received.duration_since(sent).unwrap_or_default();
    corrected.max(apparent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        headers
    }

    #[test]
    fn directives_are_read_as_they_are_written() {
        for (line, name, seconds) in [
            ("max-age=60", "max-age", Some(60)),
            ("private, Max-Age=\"60\"", "max-age", Some(60)),
            ("max-age=1, max-age=60", "max-age", Some(1)),
            ("max-age=99999999999999999999999", "max-age", Some(LONGEST)),
            ("max-age=60a", "max-age", None),
            ("max-age=-1", "max-age", None),
            ("max-age", "max-age", None),
            ("a=\"x, max-age=1, \\\"\", max-age=2", "max-age", Some(2)),
            ("stale-if-error = 5", "stale-if-error", Some(5)),
        ] {
            let directives = Directives::of(&headers(&[("cache-control", line)]));
            assert!(directives.has(name), "{line}");
            assert_eq!(directives.seconds(name).map(|time| time.as_secs()), seconds, "{line}");
        }
        let lines: Vec<_> = (0..100).map(|nth| format!("a{nth}, b{nth}")).collect();
        let many: Vec<_> = lines.iter().map(|line| ("cache-control", &**line)).collect();
        assert_eq!(Directives::of(&headers(&many)).0.len(), MOST, "of all lines together");
        let pragma = [("pragma", "x, No-Cache")];
        assert!(Directives::of(&headers(&pragma)).has("no-cache"));
        let both = [("pragma", "no-cache"), ("cache-control", "max-age=1")];
        assert!(!Directives::of(&headers(&both)).has("no-cache"));
    }

    #[test]
    fn lifetimes() {
        let now = httpdate::parse_http_date("Sat, 21 Nov 2026 12:00:00 GMT").unwrap();
        for (lines, seconds) in [
            (&[("cache-control", "max-age=5"), ("expires", "Sun, 22 Nov 2026 12:00:00 GMT")][..], 5),
            (&[("cache-control", "max-age=x"), ("expires", "Sun, 22 Nov 2026 12:00:00 GMT")], 0),
            (&[("expires", "Sat, 21 Nov 2026 12:01:00 GMT")], 60),
            (&[("expires", "Sat, 21 Nov 2026 12:01:00 GMT"), ("date", "Sat, 21 Nov 2026 12:00:30 GMT")], 30),
            (&[("expires", "Saturday, 21-Nov-26 12:01:00 GMT")], 60),
            (&[("expires", "0")], 0),
            (&[("expires", "Sat, 21 Nov 2026 12:01:00 GMT"), ("expires", "0")], 0),
            (&[("last-modified", "Sat, 21 Nov 2026 11:00:00 GMT")], 360),
            (&[("last-modified", "Sun, 22 Nov 2026 11:00:00 GMT")], 0),
            (&[], 0),
        ] {
            let headers = headers(lines);
            let lifetime = lifetime(&headers, &Directives::of(&headers), now, true);
            assert_eq!(lifetime.as_secs(), seconds, "{lines:?}");
        }
    }

    #[test]
    fn ages() {
        let now = httpdate::parse_http_date("Sat, 21 Nov 2026 12:00:00 GMT").unwrap();
        let minute_ago = ("date", "Sat, 21 Nov 2026 11:59:00 GMT");
        for (lines, seconds) in [
            (&[("age", "5")][..], 7),
            (&[("age", "5"), ("age", "5")], LONGEST + 2),
            (&[("age", "5, 9")], LONGEST + 2),
            (&[("age", "x")], LONGEST + 2),
            (&[("age", "18446744073709551615")], LONGEST + 2),
            (&[minute_ago], 60),
            (&[minute_ago, ("age", "70")], 72),
        ] {
            let age = initial_age(&headers(lines), now - Duration::from_secs(2), now);
            assert_eq!(age.as_secs(), seconds, "{lines:?}");
        }
    }
}
