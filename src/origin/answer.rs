//! Composing an answer: from a request to bytes and the way in which they are to be sent.
//!
//! [`Kitchen::compose`] does no I/O and waits for nothing: head and body go into one buffer, so that a
//! good answer is one write. Faults are a [`Delivery`] that [`server`](super::server) performs. The only
//! memory is of the flaky URLs that have failed once, and it is bounded.

use std::collections::HashSet;
use std::fmt;
use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};

use super::graph::Graph;
use super::hash::Draw;
use super::html::Html;
use super::maps;
use super::path::{Leaf, What};
use super::request::{Bad, Method, Request};
use super::site::Robots;

/// How many flaky URLs are remembered. Those beyond succeed at once, which leaves the truth as it is.
const MAX_FLAKY: usize = 1 << 20;

/// An answer, ready to be sent.
#[derive(Debug)]
pub(super) struct Answer {
    /// `None` when the client will see none.
    pub(super) status: Option<u16>,
    /// Head and body.
    pub(super) bytes: Vec<u8>,
    /// Where the body begins in `bytes`.
    pub(super) body_at: usize,
    /// Time to wait before the first byte.
    pub(super) latency: Duration,
    pub(super) delivery: Delivery,
    /// Whether the connection ends after it.
    pub(super) close: bool,
}

/// How an answer is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delivery {
    /// In one write.
    Whole,
    /// In pieces with pauses.
    Pieces,
    /// Up to the middle of the body, then an orderly close.
    Half,
    /// Up to the middle of the body, then RST.
    HalfThenReset,
    /// Not at all: RST.
    Reset,
    /// Not at all: silence until the client leaves.
    Stall,
}

/// Makes answers for one server.
#[derive(Debug)]
pub(super) struct Kitchen {
    pub(super) graph: Graph,
    html: Html,
    failed_once: Mutex<HashSet<(u32, u64)>>,
}

impl Kitchen {
    pub(super) fn new(graph: Graph) -> Self {
        let html = Html::new(graph.site().seed);
        Self { graph, html, failed_once: Mutex::default() }
    }

    /// The answer to a request.
    pub(super) fn compose(&self, request: &Request) -> Answer {
        let Some(host) = request.host else {
            // A proxy that cannot resolve a name says 502; a server that is asked for another's, 404.
            let status = if request.proxied { 502 } else { 404 };
            return plain(status, request, "this synthetic web has no such host\n");
        };
        let what = request.what;
        let mut answer = match (request.method, what) {
            (Method::Post, _) => plain(200, request, format_args!("{} bytes received\n", request.body)),
            (_, What::Robots) => self.robots(request),
            (_, What::Style) => compose(200, "text/css", None::<Field<&str>>, request, |out| {
                out.extend(b"body { margin: 2em }\n")
            }),
            (_, What::Index) => xml(request, |out| maps::index(&self.graph, host, out)),
            (_, What::Feed) => xml(request, |out| maps::feed(&self.graph, out)),
            (_, What::Sitemap(n)) => compose(200, "application/gzip", None::<Field<&str>>, request, |out| {
                maps::sitemap(&self.graph, host, n, out);
            }),
            (_, What::Nothing) => plain(404, request, "no such page\n"),
            (_, What::Leaf(leaf, n)) => self.leaf(request, host, leaf, n),
            _ => self.page(200, None::<Field<&str>>, request, host),
        };
        answer.latency = self.graph.site().latency.sample(self.graph.draw(Draw::Latency, host, what));
        answer
    }

    /// The answer to what is no request.
    pub(super) fn refuse(&self, bad: Bad) -> Answer {
        let request = Request {
            method: Method::Get,
            host: None,
            proxied: false,
            what: What::Nothing,
            keep_alive: false,
            body: 0,
            url: String::new(),
        };
        plain(bad.0, &request, "this request is not understood or not supported\n")
    }

    fn page(
        &self,
        status: u16,
        field: Option<Field<impl fmt::Display>>,
        request: &Request,
        host: u32,
    ) -> Answer {
        let room = self.graph.site().page_size;
        let html = "text/html; charset=utf-8";
        compose(status, html, field, request, |out| {
            out.reserve(room);
            self.html.render(&self.graph, host, request.what, out);
        })
    }

    /// A page in gzip, every other time in deflate.
    fn encoded(&self, request: &Request, host: u32, n: u64) -> Answer {
        let mut page = Vec::new();
        self.html.render(&self.graph, host, request.what, &mut page);
        let coding = if n.is_multiple_of(2) { "gzip" } else { "deflate" };
        let field = Some(("Content-Encoding", coding));
        compose(200, "text/html; charset=utf-8", field, request, |out| {
            // Writing to a `Vec` cannot fail.
            let _ = match coding {
                "gzip" => write_to(GzEncoder::new(out, Compression::fast()), &page),
                _ => write_to(ZlibEncoder::new(out, Compression::fast()), &page),
            };
        })
    }

    fn leaf(&self, request: &Request, host: u32, leaf: Leaf, n: u64) -> Answer {
        if let Some(to) = self.graph.redirect(host, request.what) {
            let status = if leaf == Leaf::Chain { 301 } else { 302 };
            // Relative and absolute locations are both in use (RFC 9110 §10.2.2).
            let url = match to.host == host && n.is_multiple_of(2) {
                true => to.what.to_string(),
                false => self.graph.url(to.host, to.what),
            };
            return plain_with(status, Some(("Location", url)), request, "elsewhere\n");
        }
        if leaf == Leaf::Encoded {
            return self.encoded(request, host, n);
        }
        let status = match leaf {
            Leaf::Status(status) => status,
            Leaf::Flaky if self.fails_first(host, n) => 503,
            _ => 200,
        };
        let wait = matches!(status, 429 | 503).then_some(("Retry-After", 1));
        let mut answer = self.page(status, wait, request, host);
        answer.delivery = match leaf {
            Leaf::Stall => Delivery::Stall,
            Leaf::Reset => Delivery::Reset,
            Leaf::ResetBody => Delivery::HalfThenReset,
            Leaf::Truncated => Delivery::Half,
            Leaf::Drip => Delivery::Pieces,
            _ => Delivery::Whole,
        };
        if matches!(answer.delivery, Delivery::Stall | Delivery::Reset) {
            answer.status = None;
        }
        answer
    }

    fn robots(&self, request: &Request) -> Answer {
        match self.graph.site().robots {
            Robots::Missing => plain(404, request, "no such file\n"),
            Robots::Unavailable => plain(503, request, "not now\n"),
            Robots::Rules { crawl_delay: None } => {
                plain(200, request, "User-agent: *\nDisallow: /private/\n")
            }
            Robots::Rules { crawl_delay: Some(delay) } => {
                let seconds = delay.as_secs_f64();
                let rules = "User-agent: *\nDisallow: /private/\nCrawl-delay: ";
                plain(200, request, format_args!("{rules}{seconds}\n"))
            }
        }
    }

    fn fails_first(&self, host: u32, n: u64) -> bool {
        let mut failed = self.failed_once.lock().unwrap_or_else(PoisonError::into_inner);
        failed.len() < MAX_FLAKY && failed.insert((host, n))
    }
}

/// Writes all of it; the encoder ends when it is dropped.
fn write_to(mut encoder: impl Write, bytes: &[u8]) -> std::io::Result<()> {
    encoder.write_all(bytes)
}

/// A header field.
type Field<T> = (&'static str, T);

fn xml(request: &Request, body: impl FnOnce(&mut Vec<u8>)) -> Answer {
    compose(200, "application/xml", None::<Field<&str>>, request, body)
}

fn plain(status: u16, request: &Request, text: impl fmt::Display) -> Answer {
    plain_with(status, None::<Field<&str>>, request, text)
}

fn plain_with(
    status: u16,
    field: Option<Field<impl fmt::Display>>,
    request: &Request,
    text: impl fmt::Display,
) -> Answer {
    compose(status, "text/plain; charset=utf-8", field, request, |out| {
        let _ = write!(out, "{text}");
    })
}

/// Writes head and body. The length is known last and stands first, so its digits are written into a
/// field of spaces, which are allowed before a value (RFC 9112 §5).
fn compose(
    status: u16,
    kind: &str,
    field: Option<Field<impl fmt::Display>>,
    request: &Request,
    body: impl FnOnce(&mut Vec<u8>),
) -> Answer {
    const DIGITS: usize = 12;
    let mut out = Vec::with_capacity(512);
    // Writing to a `Vec` cannot fail.
    let _ = write!(out, "HTTP/1.1 {status} {}\r\nServer: gannet-origin\r\n", reason(status));
    let _ = write!(out, "Content-Type: {kind}\r\nContent-Length: {:DIGITS$}\r\n", "");
    let length_ends = out.len() - 2;
    if let Some((name, value)) = field {
        let _ = write!(out, "{name}: {value}\r\n");
    }
    out.extend_from_slice(if request.keep_alive { b"\r\n" } else { b"Connection: close\r\n\r\n" });
    let body_at = out.len();
    // 204, 304: no body and no length (RFC 9110 §8.6); the blanked field is then left out.
    if matches!(status, 204 | 304) {
        out.drain(length_ends - DIGITS - "Content-Length: ".len()..length_ends + 2);
    } else {
        body(&mut out);
        let length = out.len() - body_at;
        let _ = write!(&mut out[length_ends - DIGITS..length_ends], "{length:>DIGITS$}");
    }
    if request.method == Method::Head {
        out.truncate(body_at);
    }
    let body_at = body_at.min(out.len());
    let latency = Duration::ZERO;
    Answer {
        status: Some(status),
        bytes: out,
        body_at,
        latency,
        delivery: Delivery::Whole,
        close: !request.keep_alive,
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        301 => "Moved Permanently",
        302 => "Found",
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed",
        410 => "Gone",
        411 => "Length Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        _ => "Synthetic",
    }
}
