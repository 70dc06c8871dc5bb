//! Fetching a robots.txt: the request, and what an answer to it means (RFC 9309 §2.3.1).
//!
//! Where the RFC leaves a choice it is made as Google documents it for its crawlers: 429 counts as a server
//! error, and so does an answer that does not come to its end. Workers call it for the first job of each host,
//! `gannet robots` to explain a verdict. Pure: whoever calls does the fetching.

use std::time::SystemTime;

use bytes::Bytes;

use super::retry;
use crate::fetch::{DnsFault, ErrorKind, FetchError, Phase, Request, Response};
use crate::frontier::RobotsDown;
use crate::robots;
use crate::url::CrawlUrl;

/// Redirects followed to a robots.txt, to whatever host (RFC 9309 §2.3.1.2).
pub const MAX_REDIRECTS: usize = 5;

/// What an answer means for the URLs of the host.
#[derive(Debug)]
pub enum Meaning {
    /// This is the robots.txt: its rules hold.
    Rules(Bytes),
    /// There is none, so that everything may be fetched; how that showed.
    Missing(String),
    /// It cannot be had for now, so that nothing may be fetched.
    Unavailable(RobotsDown),
}

/// The request for a robots.txt. Its limits are its own, whatever those for pages are; headers that are meant
/// for one host (`Authorization`, `Cookie`) are not sent.
pub fn request(url: CrawlUrl) -> Request {
    // One byte more than is read tells that a line was cut.
    let max_body = Some(robots::MAX_BYTES as u64 + 1);
    Request { home: false, max_body, max_redirects: Some(MAX_REDIRECTS), hedge: false, ..Request::get(url) }
}

/// What the result of try number `attempt` (from 1) for a robots.txt means.
pub fn meaning(result: Result<Response, FetchError>, attempt: u32) -> Meaning {
    let response = match result {
        Ok(response) => response,
        // A redirect that leads nowhere is no robots.txt (§2.3.1.2): unavailable, hence no rules.
        Err(error) if error.phase == Phase::Redirect => return Meaning::Missing(error.message),
        Err(FetchError { kind, message, dns, .. }) => {
            let hopeless = matches!(kind, ErrorKind::Tls | ErrorKind::BlockedAddress)
                || dns.is_some_and(DnsFault::is_lasting);
            let ask_again = (!hopeless).then(|| retry::backoff(attempt));
            return Meaning::Unavailable(RobotsDown { kind, message, ask_again });
        }
    };
    let unavailable = |message: String| {
        let asked = retry::retry_after(&response.headers, SystemTime::now());
        let ask_again = Some(asked.unwrap_or_else(|| retry::backoff(attempt)));
        Meaning::Unavailable(RobotsDown { kind: ErrorKind::RobotsUnavailable, message, ask_again })
    };
    match response.status {
        // A part of the rules could be the part that allows.
        200..300 if response.body.truncated.is_some() && response.body.bytes.len() <= robots::MAX_BYTES => {
            unavailable("it cannot be decoded to its end".to_owned())
        }
        200..300 => Meaning::Rules(response.body.bytes),
        429 | 500.. => unavailable(format!("status {}", response.status)),
        status => Meaning::Missing(format!("status {status}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use crate::fetch::{Body, HeaderMap, Timings, Truncated};

    fn answer(status: u16, bytes: usize, truncated: Option<Truncated>) -> Result<Response, FetchError> {
        let body = Body { bytes: vec![b'#'; bytes].into(), wire_bytes: 0, truncated, ..Body::default() };
        Ok(Response {
            final_url: CrawlUrl::parse("http://h/robots.txt").unwrap(),
            chain: Vec::new(),
            redirect: None,
            status,
            http_version: "HTTP/1.1",
            headers: HeaderMap::new(),
            body,
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

    fn name(meaning: &Meaning) -> &'static str {
        match meaning {
            Meaning::Rules(_) => "rules",
            Meaning::Missing(_) => "missing",
            Meaning::Unavailable(_) => "unavailable",
        }
    }

    #[test]
    fn statuses() {
        for (status, expected) in [
            (200, "rules"),
            (204, "rules"),
            (304, "missing"),
            (400, "missing"),
            (401, "missing"),
            (403, "missing"),
            (404, "missing"),
            (410, "missing"),
            (429, "unavailable"),
            (451, "missing"),
            (500, "unavailable"),
            (503, "unavailable"),
            (599, "unavailable"),
            (999, "unavailable"),
        ] {
            assert_eq!(name(&meaning(answer(status, 10, None), 1)), expected, "{status}");
        }
    }

    #[test]
    fn what_is_cut_at_the_limit_has_rules_and_what_breaks_off_has_none() {
        let of = |bytes, why| name(&meaning(answer(200, bytes, Some(why)), 1));
        assert_eq!(of(robots::MAX_BYTES + 1, Truncated::Length), "rules");
        assert_eq!(of(robots::MAX_BYTES, Truncated::Length), "unavailable", "a bomb within another");
        assert_eq!(of(9, Truncated::Disconnect), "unavailable");
    }

    #[test]
    fn failures() {
        for (kind, phase, expected, again) in [
            (ErrorKind::TooManyRedirects, Phase::Redirect, "missing", false),
            (ErrorKind::RedirectLoop, Phase::Redirect, "missing", false),
            (ErrorKind::BadRedirect, Phase::Redirect, "missing", false),
            (ErrorKind::Dns, Phase::Resolve, "unavailable", true),
            (ErrorKind::Timeout, Phase::Total, "unavailable", true),
            (ErrorKind::ConnectionLost, Phase::Body, "unavailable", true),
            (ErrorKind::Decode, Phase::Body, "unavailable", true),
            (ErrorKind::Tls, Phase::Connect, "unavailable", false),
            (ErrorKind::BlockedAddress, Phase::Resolve, "unavailable", false),
        ] {
            let meaning = meaning(Err(FetchError::new(kind, phase, "so")), 1);
            assert_eq!(name(&meaning), expected, "{kind}");
            let asked = matches!(meaning, Meaning::Unavailable(RobotsDown { ask_again: Some(_), .. }));
            assert_eq!(asked, again, "{kind}");
        }
    }

    #[test]
    fn it_is_asked_again_when_the_host_says_or_ever_later() {
        let Ok(mut busy) = answer(503, 0, None) else { unreachable!() };
        busy.headers.insert("retry-after", 7.into());
        let wait = |answer, attempt| match meaning(answer, attempt) {
            Meaning::Unavailable(RobotsDown { ask_again: Some(wait), .. }) => wait,
            other => panic!("{other:?}"),
        };
        assert_eq!(wait(Ok(busy), 1), Duration::from_secs(7));
        for attempt in 1..40 {
            assert!(wait(answer(500, 0, None), attempt) <= retry::MAX_DELAY);
        }
    }
}
