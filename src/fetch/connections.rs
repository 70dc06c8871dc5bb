//! [`ConnectionOptions`]: which HTTP is spoken and how long a connection is kept; and the counts of what was opened.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// How connections are used.
#[derive(Clone, Debug)]
pub struct ConnectionOptions {
    /// Which HTTP is spoken; default [`Protocol::Any`].
    pub protocol: Protocol,
    /// How long a connection that nobody uses is kept; default 20 s: shorter than most servers do, long enough for a polite
    /// delay between two requests. Zero: each request has a connection of its own, and says so (`Connection: close`).
    pub keep_alive: Duration,
    /// The most idle connections to one host over HTTP/1; default as many as there were requests at once.
    pub max_idle_per_host: Option<usize>,
}

impl Default for ConnectionOptions {
    fn default() -> Self {
        Self { protocol: Protocol::Any, keep_alive: Duration::from_secs(20), max_idle_per_host: None }
    }
}

impl ConnectionOptions {
    /// Whether a connection serves more than one request.
    pub(super) fn is_kept(&self) -> bool {
        !self.keep_alive.is_zero()
    }

    /// The most idle connections to one host; none turns the pool off.
    pub(super) fn most_idle(&self) -> usize {
        if self.is_kept() { self.max_idle_per_host.unwrap_or(usize::MAX) } else { 0 }
    }
}

/// Which HTTP is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/2 where the server offers it in the handshake of TLS (ALPN, RFC 7301), else HTTP/1.1.
    #[default]
    Any,
    /// HTTP/1.1 only.
    Http1,
    /// HTTP/2 only: without TLS the server is known to speak it (RFC 9113 §3.3).
    Http2,
}

impl Protocol {
    /// What is offered in the handshake of TLS.
    pub(super) fn names(self) -> &'static [&'static [u8]] {
        match self {
            Self::Any => &[b"h2", b"http/1.1"],
            Self::Http1 => &[b"http/1.1"],
            Self::Http2 => &[b"h2"],
        }
    }
}

/// Connections, and what went over them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Connections {
    /// Connections opened, those to proxies included.
    pub opened: u64,
    /// Requests sent over them: pages, robots.txt, redirects and repetitions.
    pub requests: u64,
}

/// What all clients of a run have opened and sent.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    opened: AtomicU64,
    requests: AtomicU64,
}

impl Traffic {
    pub(super) fn opened(&self) {
        self.opened.fetch_add(1, Relaxed);
    }

    pub(super) fn sent(&self) {
        self.requests.fetch_add(1, Relaxed);
    }

    pub(super) fn counts(&self) -> Connections {
        Connections { opened: self.opened.load(Relaxed), requests: self.requests.load(Relaxed) }
    }
}
