//! [`Outcome`]: the one record that every admitted URL ends in, and its flat JSON form.
//!
//! Workers build it, sinks write it, `batch` returns it. [`FIELDS`] is the published list of field
//! names (`docs/output.md`, schema 1); absent means not applicable. Nothing here does I/O.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

mod aside;
mod received;
mod record;

pub use self::aside::{Aside, Record};
pub(crate) use self::received::file_stem;
pub use self::received::{Keep, LinkRecord, Received, ShowBody, Unchanged, content_type};
pub(crate) use self::record::WithLinks;
pub use self::record::{FIELDS, SCHEMA};
pub use crate::frontier::Position;

use crate::extract::Via;
use crate::fetch::{Capture, ErrorKind, FetchError, Method, Phase, Refused, Response, Timings};
use crate::url::{CrawlUrl, redacted};

/// What became of a URL.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// When it was decided.
    pub timestamp: SystemTime,
    /// Number of the URL in the order of admission, from 0.
    pub seq: u64,
    /// Where it stood in the input; orders `gather`, not written.
    pub position: Position,
    /// The seed as the user wrote it, when that is not the URL.
    pub input: Option<Arc<str>>,
    /// The URL; `None` for a seed that is none.
    pub url: Option<CrawlUrl>,
    /// The request's method.
    pub method: Method,
    /// The verdict.
    pub kind: OutcomeKind,
    /// What was received, in part or whole.
    pub response: Option<Box<Received>>,
    /// The proxy that was used last, if one was: scheme, host and port.
    pub proxy: Option<Arc<str>>,
    /// Why it failed.
    pub error: Option<Failure>,
    /// Why it was not fetched.
    pub skipped: Option<Skip>,
    /// The payload that stands in for the failed fetch.
    pub fallback: Option<Arc<serde_json::Value>>,
    /// Links from a seed: 0 for a seed.
    pub depth: u16,
    /// The page that it was found on.
    pub source: Option<CrawlUrl>,
    /// Where on that page.
    pub via: Option<Via>,
    /// When its sitemap says that it was last changed, as written there.
    pub lastmod: Option<Arc<str>>,
    /// The tag of the seed that it is or descends from.
    pub seed_tag: Option<Arc<str>>,
    /// How often it was tried; 0 when it was not.
    pub attempts: u32,
    /// From admission to the start of its last attempt.
    pub queue: Option<Duration>,
    /// How long the parts of the last attempt took.
    pub timings: Option<Timings>,
    /// A request of the last attempt was sent a second time, since no answer came.
    pub hedged: bool,
    /// What the last attempt exchanged over the wire; on request, not written to records.
    pub captures: Vec<Capture>,
}

/// Why a fetch failed, as the record shows it.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Stable kind.
    pub kind: ErrorKind,
    /// Where.
    pub phase: Phase,
    /// The cause in words.
    pub message: String,
}

impl Failure {
    /// A failure of a URL that was not sent anywhere.
    pub fn new(kind: ErrorKind, phase: Phase, message: impl Into<String>) -> Self {
        Self { kind, phase, message: message.into() }
    }
}

/// The five ways in which a URL can end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OutcomeKind {
    /// A server answered, with any status.
    Finished,
    /// No whole answer came.
    Failed,
    /// No whole answer came, and the given payload stands in for it.
    Fallback,
    /// Not fetched, or its body not read, for a reason.
    Skipped,
    /// The run was stopped before it was decided.
    Cancelled,
}

impl OutcomeKind {
    /// The stable name, as it stands in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Failed => "failed",
            Self::Fallback => "fallback",
            Self::Skipped => "skipped",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Why an admitted URL was not fetched, or not to the end of its answer's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Skip {
    /// The seed was given before.
    DuplicateSeed,
    /// robots.txt forbids it.
    RobotsDenied,
    /// robots.txt asks for a longer delay than gannet is willing to wait.
    CrawlDelay,
    /// The host answered 429 or 503 for so long that it was given up.
    Throttled,
    /// The URL is longer than is sane.
    UrlTooLong,
    /// Its path repeats itself.
    RepeatedPath,
    /// Its query repeats itself, or is too long a list.
    QueryGrowth,
    /// Its answer is of a media type that is not wanted.
    ContentType,
    /// Its answer is too large.
    TooLarge,
}

impl Skip {
    /// All of them, in the order of the documentation.
    pub const ALL: &'static [Self] = &[
        Self::DuplicateSeed,
        Self::RobotsDenied,
        Self::CrawlDelay,
        Self::Throttled,
        Self::UrlTooLong,
        Self::RepeatedPath,
        Self::QueryGrowth,
        Self::ContentType,
        Self::TooLarge,
    ];

    /// The stable name, as it stands in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DuplicateSeed => "duplicate_seed",
            Self::RobotsDenied => "robots_denied",
            Self::CrawlDelay => "crawl_delay",
            Self::Throttled => "throttled",
            Self::UrlTooLong => "url_too_long",
            Self::RepeatedPath => "repeated_path",
            Self::QueryGrowth => "query_growth",
            Self::ContentType => "content_type",
            Self::TooLarge => "too_large",
        }
    }
}

impl From<Refused> for Skip {
    fn from(why: Refused) -> Self {
        match why {
            Refused::ContentType => Self::ContentType,
            Refused::TooLarge => Self::TooLarge,
        }
    }
}

impl Outcome {
    /// An outcome of nothing yet: the other fields are filled by whoever decides.
    pub fn new(kind: OutcomeKind, url: Option<CrawlUrl>) -> Self {
        Self {
            timestamp: SystemTime::now(),
            seq: 0,
            position: Position::NONE,
            input: None,
            url,
            method: Method::GET,
            kind,
            response: None,
            proxy: None,
            error: None,
            skipped: None,
            fallback: None,
            depth: 0,
            source: None,
            via: None,
            lastmod: None,
            seed_tag: None,
            attempts: 0,
            queue: None,
            timings: None,
            hedged: false,
            captures: Vec::new(),
        }
    }

    /// Takes what a fetch gave: finished with a response, or failed with an error.
    pub fn settle(mut self, result: Result<Response, FetchError>, keep: Keep) -> Self {
        self.timestamp = SystemTime::now();
        match result {
            Ok(mut response) => {
                self.captures = std::mem::take(&mut response.captures);
                self.kind = OutcomeKind::Finished;
                if let Some(why) = response.body.refused {
                    self.kind = OutcomeKind::Skipped;
                    self.skipped = Some(Skip::from(why));
                }
                (self.timings, self.hedged) = (Some(response.timings), response.hedged);
                self.proxy = response.proxy.take();
                self.response = Some(Box::new(Received::new(response, keep)));
            }
            Err(mut error) => {
                self.captures = error.take_captures();
                self.kind = match error.kind {
                    ErrorKind::Cancelled => OutcomeKind::Cancelled,
                    _ => OutcomeKind::Failed,
                };
                (self.timings, self.hedged) = (Some(error.timings), error.hedged);
                self.proxy = error.partial.as_mut().and_then(|partial| partial.proxy.take());
                // Of a fetch that got no answer, not even a redirect, it told the proxy only.
                let received =
                    error.partial.filter(|partial| partial.status != 0 || !partial.chain.is_empty());
                self.response = received.map(|partial| Box::new(Received::new(*partial, keep)));
                self.error = Some(Failure { kind: error.kind, phase: error.phase, message: error.message });
            }
        }
        self
    }

    /// Makes it a failure, whatever was received.
    pub fn fail(&mut self, failure: Failure) {
        self.kind = OutcomeKind::Failed;
        self.error = Some(failure);
    }

    /// Turns a failure into a fallback outcome with this payload; leaves others alone.
    pub fn or_fallback(mut self, payload: Option<&Arc<serde_json::Value>>) -> Self {
        if let (OutcomeKind::Failed, Some(payload)) = (self.kind, payload) {
            self.kind = OutcomeKind::Fallback;
            self.fallback = Some(Arc::clone(payload));
        }
        self
    }

    /// The HTTP status, if a head came.
    pub fn status(&self) -> Option<u16> {
        self.response.as_ref().and_then(|r| r.status)
    }

    /// It is as it was in an earlier run.
    pub fn is_unchanged(&self) -> bool {
        self.response.as_ref().is_some_and(|response| response.unchanged.is_some())
    }

    /// Another page with the same content was met before.
    pub fn is_duplicate(&self) -> bool {
        let content = self.response.as_ref().and_then(|response| response.content.as_ref());
        content.and_then(|content| content.mark.as_ref()).is_some_and(|mark| mark.duplicate_of.is_some())
    }

    /// The URL as it may be shown, or for a seed that is none, the seed.
    pub fn name(&self) -> Cow<'_, str> {
        match (&self.url, &self.input) {
            (Some(url), _) => redacted(url.as_str()),
            (None, Some(input)) => redacted(input),
            (None, None) => "".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn every_written_field_is_published_and_in_order() {
        let mut outcome = Outcome::new(OutcomeKind::Failed, Some(CrawlUrl::parse("http://h/").unwrap()));
        outcome.error = Some(Failure::new(ErrorKind::Timeout, Phase::Total, "deadline passed"));
        outcome.response = Some(Box::new(Received {
            status: Some(200),
            body: Some(Bytes::from_static(b"\xff")),
            show_body: ShowBody::Text,
            ..Received::default()
        }));
        outcome.proxy = Some("socks5://h:1080".into());
        outcome.timings = Some(Timings { dns: Some(Duration::from_micros(1500)), ..Timings::default() });
        let json = serde_json::to_string(&outcome).unwrap();
        let names: Vec<usize> = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&json)
            .unwrap()
            .keys()
            .map(|name| {
                FIELDS.iter().position(|f| f == name).unwrap_or_else(|| panic!("`{name}` is not in FIELDS"))
            })
            .collect();
        assert!(names.len() > 10);
        let in_text: Vec<usize> = FIELDS.iter().filter_map(|f| json.find(&format!("\"{f}\":"))).collect();
        assert!(in_text.is_sorted(), "{json}");
        assert!(json.contains("\"body_b64\":\"/w==\"") && json.contains("\"time_dns_ms\":1.5"), "{json}");
    }

    #[test]
    fn only_failures_fall_back() {
        let payload = Arc::new(serde_json::json!({"price": null}));
        let failed = Outcome::new(OutcomeKind::Failed, None).or_fallback(Some(&payload));
        assert_eq!(failed.kind, OutcomeKind::Fallback);
        let finished = Outcome::new(OutcomeKind::Finished, None).or_fallback(Some(&payload));
        assert_eq!((finished.kind, finished.fallback), (OutcomeKind::Finished, None));
    }
}
