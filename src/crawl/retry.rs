//! Which failures are tried again, how soon, and what they say about the host: one table.
//!
//! Workers ask [`decide`] after every fetch. Waiting is the frontier's business, so no retry ever
//! holds a worker. The number of tries is `--retries`; the table says which failures use it.

use std::time::{Duration, SystemTime};

use crate::fetch::{DnsFault, ErrorKind, FetchError, HeaderMap, Method, Phase, Response, Timings};
use crate::frontier::{HostSignal, MAX_PARK};

/// The first delay before a retry; doubles with each, full jitter.
pub(super) const FIRST_DELAY: Duration = Duration::from_secs(1);
/// The longest delay before a retry that no Retry-After asks for.
pub(super) const MAX_DELAY: Duration = Duration::from_secs(60);

/// What to do about one result.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Decision {
    /// Try again after this long; `None`: this was the last try.
    pub(super) again: Option<Duration>,
    pub(super) signal: HostSignal,
}

/// May a failure be tried again?
#[derive(Clone, Copy, PartialEq, Eq)]
enum Again {
    /// It would fail the same way.
    Never,
    /// Only when the request may be repeated (RFC 9110 §9.2.2).
    IfIdempotent,
    /// The request did not reach the server.
    Always,
}

/// What a failure says of the host.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Host {
    Unreachable,
    Strained,
    Unknown,
}

/// The table for failures: may it be tried again, and what does it say of the host?
fn policy(kind: ErrorKind, phase: Phase) -> (Again, Host) {
    use ErrorKind as K;
    match (kind, phase) {
        (K::Dns | K::Connect, _) => (Again::Always, Host::Unreachable),
        // The host has no part in it.
        (K::Proxy, _) => (Again::Always, Host::Unknown),
        (K::Timeout, Phase::Resolve | Phase::Connect) => (Again::Always, Host::Unreachable),
        // The time that the user granted is spent.
        (K::Timeout, Phase::Total) => (Again::Never, Host::Strained),
        (K::Timeout | K::ConnectionLost, _) => (Again::IfIdempotent, Host::Strained),
        (K::Tls, _) => (Again::Never, Host::Unreachable),
        _ => (Again::Never, Host::Unknown),
    }
}

/// How long the host took to its first byte; with redirects, on average over them. Name resolution and the handshakes
/// are not counted: they say little of how busy it is.
fn answered(response: &Response) -> HostSignal {
    let Timings { dns, connect, tls, first_byte, .. } = response.timings;
    let Some(first_byte) = first_byte else { return HostSignal::Healthy };
    let own = [dns, connect, tls].into_iter().flatten().fold(first_byte, Duration::saturating_sub);
    HostSignal::Answered(own / (response.chain.len() as u32 + 1))
}

/// The table for names: the same two questions.
fn name_policy(fault: DnsFault) -> (Again, Host) {
    match fault {
        DnsFault::NoSuchName | DnsFault::NoAddress => (Again::Never, Host::Unreachable),
        DnsFault::Failed => (Again::Always, Host::Unreachable),
        // It is nobody's fault but the resolver's.
        DnsFault::ResolverDown => (Again::Always, Host::Unknown),
    }
}

/// The table for statuses: those that a later try may change (RFC 9110 §15, RFC 6585 §4).
fn is_transient(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500 | 502 | 503 | 504)
}

/// Decides about the result of try number `attempt` (from 1).
pub(super) fn decide(
    result: &Result<Response, FetchError>,
    method: &Method,
    attempt: u32,
    retries: u32,
    now: SystemTime,
) -> Decision {
    let (again, asked, signal) = match result {
        Ok(response) if is_transient(response.status) => {
            let asked = retry_after(&response.headers, now);
            let signal = match response.status {
                429 | 503 => HostSignal::Throttled(asked),
                _ => HostSignal::Healthy,
            };
            (Again::IfIdempotent, asked, signal)
        }
        Ok(response) => (Again::Never, None, answered(response)),
        Err(error) => {
            let (again, host) = match error.dns {
                Some(fault) => name_policy(fault),
                None => policy(error.kind, error.phase),
            };
            let signal = match host {
                Host::Unreachable => HostSignal::Unreachable(error.kind, error.message.clone()),
                Host::Strained => HostSignal::Strained,
                Host::Unknown => HostSignal::Neutral,
            };
            (again, None, signal)
        }
    };
    let may = match again {
        Again::Never => false,
        Again::IfIdempotent => method.is_idempotent(),
        Again::Always => true,
    };
    let delay = || asked.unwrap_or_else(|| backoff(attempt));
    Decision { again: (may && attempt <= retries).then(delay), signal }
}

/// Exponential with full jitter: anything up to the first delay doubled per try.
pub(super) fn backoff(attempt: u32) -> Duration {
    let most = (FIRST_DELAY * 2u32.pow(attempt.saturating_sub(1).min(10))).min(MAX_DELAY);
    most.mul_f64(fastrand::f64())
}

/// `Retry-After` in both its forms (RFC 9110 §10.2.3), capped at 24 hours.
pub(super) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get("retry-after")?.to_str().ok()?.trim();
    let wait = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) if text.bytes().all(|b| b.is_ascii_digit()) && !text.is_empty() => MAX_PARK,
        Err(_) => httpdate::parse_http_date(text).ok()?.duration_since(now).unwrap_or_default(),
    };
    Some(wait.min(MAX_PARK))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fetch::Body;
    use crate::url::CrawlUrl;

    fn response(status: u16, retry_after: Option<&str>) -> Result<Response, FetchError> {
        let mut headers = HeaderMap::new();
        if let Some(value) = retry_after {
            headers.insert("retry-after", value.parse().unwrap());
        }
        Ok(Response {
            final_url: CrawlUrl::parse("http://h/").unwrap(),
            chain: Vec::new(),
            redirect: None,
            status,
            http_version: "HTTP/1.1",
            headers,
            body: Body::default(),
            remote: None,
            reused: false,
            proxy: None,
            is_public: false,
            timings: Timings::default(),
            cache: None,
            hedged: false,
            captures: Vec::new(),
        })
    }

    fn error(kind: ErrorKind, phase: Phase) -> Result<Response, FetchError> {
        Err(FetchError::new(kind, phase, "why"))
    }

    fn again(result: &Result<Response, FetchError>, method: Method, attempt: u32) -> bool {
        decide(result, &method, attempt, 2, SystemTime::now()).again.is_some()
    }

    #[test]
    fn transient_failures_are_tried_again_twice() {
        let lost = error(ErrorKind::ConnectionLost, Phase::FirstByte);
        assert!(
            again(&lost, Method::GET, 1) && again(&lost, Method::GET, 2) && !again(&lost, Method::GET, 3)
        );
        assert!(!again(&lost, Method::POST, 1), "a POST may have been taken");
        assert!(again(&error(ErrorKind::Connect, Phase::Connect), Method::POST, 1), "never sent");
        for (kind, phase) in [
            (ErrorKind::Timeout, Phase::Total),
            (ErrorKind::Tls, Phase::Connect),
            (ErrorKind::Protocol, Phase::FirstByte),
            (ErrorKind::RedirectLoop, Phase::Redirect),
        ] {
            assert!(!again(&error(kind, phase), Method::GET, 1), "{kind} {phase}");
        }
    }

    #[test]
    fn a_name_that_is_not_there_is_not_asked_for_again() {
        for (fault, tried_again, host_is_down) in [
            (DnsFault::NoSuchName, false, true),
            (DnsFault::NoAddress, false, true),
            (DnsFault::Failed, true, true),
            (DnsFault::ResolverDown, true, false),
        ] {
            let error = FetchError::new(ErrorKind::Dns, Phase::Resolve, "why");
            let result = Err(FetchError { dns: Some(fault), ..error });
            let decision = decide(&result, &Method::GET, 1, 2, SystemTime::now());
            assert_eq!(decision.again.is_some(), tried_again, "{fault:?}");
            assert_eq!(decision.signal != HostSignal::Neutral, host_is_down, "{fault:?}");
        }
    }

    #[test]
    fn statuses() {
        for (status, expected) in
            [(200, false), (404, false), (401, false), (408, true), (425, true), (500, true), (501, false)]
        {
            assert_eq!(again(&response(status, None), Method::GET, 1), expected, "{status}");
        }
        let throttled = decide(&response(503, Some("7")), &Method::GET, 1, 2, SystemTime::now());
        let seven = Duration::from_secs(7);
        assert_eq!(throttled, Decision { again: Some(seven), signal: HostSignal::Throttled(Some(seven)) });
    }

    #[test]
    fn what_an_answer_says_of_its_host() {
        let ms = Duration::from_millis;
        let signal = |result: &_| decide(result, &Method::GET, 1, 0, SystemTime::now()).signal;
        let mut good = response(404, None);
        assert_eq!(signal(&good), HostSignal::Healthy, "nobody knows how long it took");
        let timings = Timings {
            dns: Some(ms(5)),
            connect: Some(ms(20)),
            tls: None,
            first_byte: Some(ms(65)),
            total: ms(90),
        };
        good.as_mut().unwrap().timings = timings;
        assert_eq!(signal(&good), HostSignal::Answered(ms(40)));
        let mut bad = response(500, None);
        bad.as_mut().unwrap().timings = timings;
        assert_eq!(signal(&bad), HostSignal::Healthy);
        for (kind, phase) in [
            (ErrorKind::Timeout, Phase::FirstByte),
            (ErrorKind::Timeout, Phase::Total),
            (ErrorKind::ConnectionLost, Phase::Body),
        ] {
            assert_eq!(signal(&error(kind, phase)), HostSignal::Strained);
        }
        assert_eq!(signal(&error(ErrorKind::Protocol, Phase::FirstByte)), HostSignal::Neutral);
    }

    #[test]
    fn retry_after_in_both_forms_is_capped() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777); // Sun, 06 Nov 1994 08:49:37 GMT
        let read = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("retry-after", text.parse().unwrap());
            retry_after(&headers, now)
        };
        assert_eq!(read("120"), Some(Duration::from_secs(120)));
        assert_eq!(read("Sun, 06 Nov 1994 08:50:37 GMT"), Some(Duration::from_secs(60)));
        assert_eq!(read("Sun, 06 Nov 1994 08:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(read("99999999999999999999999"), Some(MAX_PARK));
        assert_eq!(read("soon"), None);
        assert_eq!(read(""), None);
    }

    #[test]
    fn backoff_doubles_within_bounds() {
        for attempt in 1..40 {
            let most = Duration::from_secs(1 << (attempt - 1).min(6)).min(MAX_DELAY);
            let delay = backoff(attempt);
            assert!(delay <= most, "{attempt} {delay:?}");
        }
    }
}
