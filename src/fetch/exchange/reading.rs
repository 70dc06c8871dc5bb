//! How the body of an answer is read: whether at all, under its caps, at the bandwidth that is left, and on where it broke off.
//!
//! The exchange ends here once a hop has an answer that leads nowhere else. What is read goes to the [`Collector`], and to the
//! capture and the cache where there is one.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use tokio::time::timeout;

use super::super::body::Collector;
use super::super::classify::{Cause, classify};
use super::super::deadline::Expired;
use super::super::framing;
use super::super::resume::{Answer, Rest};
use super::super::trace::Stage;
use super::super::{Body, CacheUse, ErrorKind, FetchError, Phase, Refused, Response, Truncated};
use super::Exchange;
use super::ending::{remote, version_name};
use crate::url::CrawlUrl;

/// What is read of a redirect's own body so that its connection can be used again, bytes.
const DRAIN: usize = 16 * 1024;

/// How long that may take before a new connection is the better deal.
const DRAIN_TIME: Duration = Duration::from_millis(100);

impl Exchange<'_> {
    /// Reads the body of the last answer.
    pub(super) async fn receive(mut self, mut answer: reqwest::Response) -> Result<Response, FetchError> {
        let (status, length) = (answer.status(), answer.content_length());
        let mut head = self.head(&mut answer);
        let mut reading =
            Reading { collector: self.collector(&head.headers, length), length, resumed: 0, lost: 0 };
        let mut end = match self.refused(status, &head.headers, length) {
            Some(why) => {
                self.drain(&mut answer).await;
                End::Refused(why)
            }
            None => self.pull(&mut answer, &mut reading.collector, None).await,
        };
        if self.resume > 0 && end.may_go_on() {
            // Boxed, so that its state is no part of every fetch.
            end = Box::pin(self.go_on(&mut head, &mut reading, end)).await;
        }
        match reading.settle(end) {
            Ok(body) => {
                head.body = self.recall.counted(body);
                self.save().await;
                head.timings = self.timings();
                head.captures = self.captured();
                Ok(head)
            }
            Err((body, cause)) => {
                head.body = body;
                Err(self.fail(cause, Some(head)))
            }
        }
    }

    /// Ends with a redirect. Its own body hardly matters, so that a bad one fails nothing.
    pub(super) async fn hand_back(mut self, mut answer: reqwest::Response, target: CrawlUrl) -> Response {
        let length = answer.content_length();
        let mut head = self.head(&mut answer);
        let mut collector = self.collector(&head.headers, length);
        let end = self.pull(&mut answer, &mut collector, None).await;
        head.body = match collector.finish(end.truncated()) {
            Ok(body) | Err((body, _)) => self.recall.counted(body),
        };
        self.save().await;
        head.redirect = Some(target);
        head.timings = self.timings();
        head.captures = self.captured();
        head
    }

    /// Asks for the rest of a body that broke off, as often as it may; gives how it ended at last.
    async fn go_on(&mut self, head: &mut Response, reading: &mut Reading, mut end: End) -> End {
        let (over, first_byte) = (self.headers.clone(), self.first_byte);
        // It has a condition of its own, and is not kept: a cache has whole answers only.
        self.validators = None;
        self.recall.saving = None;
        for _ in 0..self.resume {
            let from = reading.collector.received();
            let rest = Rest::of(&self.method, head.status, &head.headers, from, reading.length);
            let Some(rest) = rest.filter(|_| end.may_go_on()) else { break };
            self.headers = Some(Arc::new(rest.request(over.as_deref())));
            let Ok(mut answer) = self.ask_server().await else { break };
            self.first_byte = first_byte;
            let (status, length) = (answer.status(), answer.content_length());
            if framing::fault(&self.method, status, answer.headers()).is_some() {
                break;
            }
            match rest.judge(status, answer.headers()) {
                Answer::Rest(left) => {
                    reading.resumed += 1;
                    end = self.pull(&mut answer, &mut reading.collector, Some(left)).await;
                }
                Answer::Anew => {
                    reading.lost += from;
                    reading.length = length;
                    head.remote = remote(&answer);
                    head.http_version = version_name(answer.version());
                    head.headers = std::mem::take(answer.headers_mut());
                    reading.collector = self.collector(&head.headers, length);
                    if let Some(why) = self.refused(status, &head.headers, length) {
                        self.drain(&mut answer).await;
                        return End::Refused(why);
                    }
                    end = self.pull(&mut answer, &mut reading.collector, None).await;
                }
                Answer::Useless => {
                    self.drain(&mut answer).await;
                    break;
                }
            }
        }
        end
    }

    /// Why the body of an answer is not to be read.
    fn refused(&self, status: StatusCode, headers: &HeaderMap, length: Option<u64>) -> Option<Refused> {
        self.filter.as_ref()?.refuses(&self.method, status, headers, length)
    }

    /// What collects the body of an answer with these headers.
    fn collector(&self, headers: &HeaderMap, length: Option<u64>) -> Collector {
        let collector = Collector::new(headers, length, self.max_body);
        if self.captures.is_some() { collector.keeping_wire() } else { collector }
    }

    /// Ends the answer of a hop that leads elsewhere.
    pub(super) async fn drain(&mut self, answer: &mut reqwest::Response) {
        let keeps = self.captures.is_some() || self.recall.saving.is_some();
        let (mut bytes, mut body) = (0, Vec::new());
        let truncated = drain(answer, |chunk| {
            bytes += chunk.len();
            body.extend_from_slice(if keeps { chunk } else { &[] });
        });
        let truncated = truncated.await;
        let body = Bytes::from(body);
        if let Some(saving) = self.recall.saving.as_mut().filter(|_| truncated.is_none()) {
            saving.push(&body);
            saving.end();
        }
        self.save().await;
        if let Some(captures) = &mut self.captures {
            captures.receive(body, truncated);
        }
        // Should the time be over, the next step finds out.
        let _ = self.pay(bytes).await;
    }

    /// Waits until the bandwidth that bodies may take allows for what was received. That is not the server's silence.
    async fn pay(&mut self, bytes: usize) -> Result<(), Expired> {
        let is_received = !self.recall.used.is_some_and(CacheUse::has_body);
        match self.http.shared.bandwidth.as_ref().filter(|_| is_received) {
            Some(bucket) => self.deadline.run(Phase::Total, bucket.pay(bytes)).await,
            None => Ok(()),
        }
    }

    /// Reads a body into the collector, as far as it comes; `left` bytes, if that is known.
    async fn pull(
        &mut self,
        answer: &mut reqwest::Response,
        collector: &mut Collector,
        mut left: Option<u64>,
    ) -> End {
        let from = collector.received();
        let most = self.filter.as_ref().map_or(u64::MAX, |filter| filter.most(answer.status()));
        let end = loop {
            match self.deadline.run(Phase::Body, answer.chunk()).await {
                Ok(Ok(Some(mut chunk))) => {
                    let bytes = chunk.len();
                    if let Some(left) = &mut left {
                        chunk.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
                        *left -= chunk.len() as u64;
                    }
                    if let Some(saving) = &mut self.recall.saving {
                        saving.push(&chunk);
                    }
                    let wants_more = collector.push(chunk);
                    let paid = self.pay(bytes).await;
                    if collector.received() > most {
                        break End::Refused(Refused::TooLarge);
                    }
                    if !wants_more || left == Some(0) {
                        break End::Whole;
                    }
                    if let Err(expired) = paid {
                        break End::Cut(Truncated::Time, self.expired(expired));
                    }
                }
                Ok(Ok(None)) if left.is_some() => {
                    let why = "the rest of the body ends before its end".to_owned();
                    let lost = Cause::new(ErrorKind::ConnectionLost, Phase::Body, why);
                    break End::Cut(Truncated::Disconnect, lost);
                }
                Ok(Ok(None)) => {
                    if let Some(saving) = &mut self.recall.saving {
                        saving.end();
                    }
                    break End::Whole;
                }
                Ok(Err(error)) => {
                    break End::Cut(Truncated::Disconnect, classify(&error, Phase::Body, Stage::Idle));
                }
                Err(expired) => break End::Cut(Truncated::Time, self.expired(expired)),
            }
        };
        if let Some(captures) = &mut self.captures {
            let (wire, truncated) = collector.wire(from, end.truncated());
            captures.receive(wire, truncated);
        }
        end
    }
}

/// How the reading of a body ended.
enum End {
    /// With all that is wanted of it.
    Whole,
    /// It is not to be read.
    Refused(Refused),
    /// It broke off.
    Cut(Truncated, Cause),
}

impl End {
    fn truncated(&self) -> Option<Truncated> {
        match self {
            Self::Whole => None,
            Self::Refused(_) => Some(Truncated::Length),
            Self::Cut(why, _) => Some(*why),
        }
    }

    /// Whether the connection is at fault, and time is left.
    fn may_go_on(&self) -> bool {
        let Self::Cut(_, cause) = self else { return false };
        matches!(
            (cause.kind, cause.phase),
            (ErrorKind::ConnectionLost, _) | (ErrorKind::Timeout, Phase::Body)
        )
    }
}

/// The body of an answer while it is read, from one request or more.
struct Reading {
    collector: Collector,
    /// Its announced length.
    length: Option<u64>,
    resumed: u32,
    /// Bytes that came of bodies that were another one when their rest was asked for.
    lost: u64,
}

impl Reading {
    /// The body as it is now, and why it is no whole answer.
    fn settle(self, end: End) -> Result<Body, (Body, Cause)> {
        let Self { collector, resumed, lost, .. } = self;
        let counted = |body: Body| Body { resumed, wire_bytes: body.wire_bytes + lost, ..body };
        let cause = match (end, collector.received()) {
            (End::Refused(why), wire_bytes) => {
                let refused = Body { wire_bytes, refused: Some(why), ..Body::default() };
                return Ok(counted(refused));
            }
            (End::Cut(why, cause), _) => Some((why, cause)),
            (End::Whole, _) => None,
        };
        match (collector.finish(cause.as_ref().map(|(why, _)| *why)), cause) {
            (Ok(body) | Err((body, _)), Some((_, cause))) => Err((counted(body), cause)),
            (Ok(body), None) => Ok(counted(body)),
            (Err((body, why)), None) => Err((counted(body), Cause::new(ErrorKind::Decode, Phase::Body, why))),
        }
    }
}

/// Reads off a short body that nobody wants, so that its connection can be used again; gives it to `keep`, and why it is
/// not whole.
async fn drain(answer: &mut reqwest::Response, mut keep: impl FnMut(&[u8])) -> Option<Truncated> {
    if answer.content_length().is_some_and(|length| length > DRAIN as u64) {
        return Some(Truncated::Length);
    }
    let read = async {
        let mut left = DRAIN;
        loop {
            match answer.chunk().await {
                Ok(Some(chunk)) => {
                    keep(&chunk);
                    left = left.saturating_sub(chunk.len());
                    if left == 0 {
                        return Some(Truncated::Length);
                    }
                }
                Ok(None) => return None,
                Err(_) => return Some(Truncated::Disconnect),
            }
        }
    };
    timeout(DRAIN_TIME, read).await.unwrap_or(Some(Truncated::Time))
}
