//! [`Capture`]: one exchange as it went over the wire, for archives; made only where [`Request::capture`](super::Request) asks.
//!
//! The client shows no bytes of a head, so heads are written again from what it does show. A request is byte for byte what
//! the client writes over HTTP/1.1 (a test compares the two), but for values that are secret; an answer has its status
//! line, and its fields in the order of their first lines with names in lower case. HTTP/2 has no such form: its heads
//! are written as those of HTTP/1.1. Bodies are as received, without the transfer coding.

use std::net::IpAddr;
use std::time::{Duration, Instant, SystemTime};

use bytes::{Bytes, BytesMut};
use hyper::ext::ReasonPhrase;
use reqwest::Version;
use reqwest::header::{CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING};

use super::Truncated;
use super::credentials::is_secret;
use crate::url::CrawlUrl;

/// What stands for a secret value.
const STARS: &[u8] = b"***";

/// What a transfer coding is called once it has been taken off, as other archives call it.
const ORIGINAL_CODING: &str = "x-archive-orig-transfer-encoding";

/// A request and its answer: one hop of one attempt.
#[derive(Clone, Debug)]
pub struct Capture {
    /// The URL that was asked for.
    pub url: CrawlUrl,
    /// When the request was given to the client.
    pub sent: SystemTime,
    /// From then to the end of what was read of the answer.
    pub took: Duration,
    /// The request, head and body. Values of headers that are secrets are `***`.
    pub request: Bytes,
    /// The status of the answer.
    pub status: u16,
    /// The head of the answer, the empty line included.
    pub head: Bytes,
    /// The body of the answer, encoded as it came.
    pub body: Bytes,
    /// Why it is not whole.
    pub truncated: Option<Truncated>,
    /// The address that answered; the proxy's when there is one.
    pub remote: Option<IpAddr>,
    /// It was HTTP/2.
    pub is_http2: bool,
}

/// The captures of one fetch, while it runs.
#[derive(Default)]
pub(super) struct Captures {
    done: Vec<Capture>,
    /// Sent, and not answered to the end.
    open: Option<(Capture, Instant)>,
}

impl Captures {
    /// A request that is about to be sent.
    pub(super) fn send(&mut self, url: &CrawlUrl, request: &reqwest::Request) {
        let capture = Capture {
            url: url.clone(),
            sent: SystemTime::now(),
            took: Duration::ZERO,
            request: request_bytes(url, request),
            status: 0,
            head: Bytes::new(),
            body: Bytes::new(),
            truncated: Some(Truncated::Length), // until something of the body is read
            remote: None,
            is_http2: false,
        };
        self.open = Some((capture, Instant::now()));
    }

    /// The head of its answer.
    pub(super) fn answer(&mut self, answer: &reqwest::Response) {
        let Some((capture, _)) = &mut self.open else { return };
        capture.status = answer.status().as_u16();
        capture.head = head_bytes(answer);
        capture.remote = answer.remote_addr().map(|address| address.ip());
        capture.is_http2 = answer.version() == Version::HTTP_2;
    }

    /// The body of its answer, as far as it was read.
    pub(super) fn receive(&mut self, body: Bytes, truncated: Option<Truncated>) {
        let Some((capture, _)) = &mut self.open else { return };
        (capture.body, capture.truncated) = (body, truncated);
        self.close();
    }

    /// Nothing more comes of what is open.
    fn close(&mut self) {
        let Some((mut capture, since)) = self.open.take().filter(|(capture, _)| capture.status != 0) else {
            return;
        };
        capture.took = since.elapsed();
        self.done.push(capture);
    }

    /// All that was answered, in order.
    pub(super) fn take(&mut self) -> Vec<Capture> {
        self.close();
        std::mem::take(&mut self.done)
    }
}

/// A request as the client writes it: `host` and the length of the body stand last unless they were given.
fn request_bytes(url: &CrawlUrl, request: &reqwest::Request) -> Bytes {
    let (headers, body) = (request.headers(), request.body().and_then(reqwest::Body::as_bytes));
    let mut bytes = BytesMut::with_capacity(512 + body.map_or(0, <[u8]>::len));
    put(
        &mut bytes,
        &[request.method().as_str().as_bytes(), b" ", url.path_and_query().as_bytes(), b" HTTP/1.1\r\n"],
    );
    put_fields(&mut bytes, headers, |name, value| match is_secret(name) || value.is_sensitive() {
        true => Field::Hidden,
        false => Field::Plain,
    });
    if !headers.contains_key(HOST) {
        let key = url.host_key();
        let authority = key.as_str().split_once("://").map_or("", |(_, authority)| authority);
        put(&mut bytes, &[b"host: ", authority.as_bytes(), b"\r\n"]);
    }
    let length = body.map(<[u8]>::len).filter(|length| *length > 0 && !headers.contains_key(CONTENT_LENGTH));
    if let Some(length) = length {
        put(&mut bytes, &[b"content-length: ", length.to_string().as_bytes(), b"\r\n"]);
    }
    put(&mut bytes, &[b"\r\n", body.unwrap_or_default()]);
    bytes.freeze()
}

/// The head of an answer.
fn head_bytes(answer: &reqwest::Response) -> Bytes {
    let status = answer.status();
    let sent = answer.extensions().get::<ReasonPhrase>().map(ReasonPhrase::as_bytes);
    let reason = sent.or(status.canonical_reason().map(str::as_bytes)).unwrap_or_default();
    let version: &[u8] = if answer.version() == Version::HTTP_10 { b"HTTP/1.0 " } else { b"HTTP/1.1 " };
    let mut bytes = BytesMut::with_capacity(1024);
    put(&mut bytes, &[version, status.as_str().as_bytes(), b" ", reason, b"\r\n"]);
    put_fields(&mut bytes, answer.headers(), |name, _| match *name == TRANSFER_ENCODING {
        true => Field::Renamed(ORIGINAL_CODING),
        false => Field::Plain,
    });
    put(&mut bytes, &[b"\r\n"]);
    bytes.freeze()
}

/// How a field is written.
enum Field {
    Plain,
    Hidden,
    Renamed(&'static str),
}

fn put_fields(bytes: &mut BytesMut, headers: &HeaderMap, how: impl Fn(&HeaderName, &HeaderValue) -> Field) {
    for (name, value) in headers {
        let (name, value) = match how(name, value) {
            Field::Plain => (name.as_str(), value.as_bytes()),
            Field::Hidden => (name.as_str(), STARS),
            Field::Renamed(other) => (other, value.as_bytes()),
        };
        put(bytes, &[name.as_bytes(), b": ", value, b"\r\n"]);
    }
}

fn put(bytes: &mut BytesMut, parts: &[&[u8]]) {
    parts.iter().for_each(|part| bytes.extend_from_slice(part));
}
