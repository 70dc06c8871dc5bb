//! Why a fetch failed: a stable kind, the phase it happened in, and the cause in words.
//!
//! The kinds are part of the record (`error_kind`) and of `docs/errors.md`; a test compares the two. How an
//! error of the HTTP client becomes one of them is in [`classify`](super::classify).

use std::fmt;

use super::{Capture, DnsFault, Response, Timings};

macro_rules! names {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$vmeta])* $variant,)+ }

        impl $name {
            /// All of them, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The stable name, as it stands in records.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(self.as_str()) }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> { s.serialize_str(self.as_str()) }
        }
    };
}

names! {
    /// What went wrong.
    ErrorKind {
        /// The text is not an absolute URL with a host.
        InvalidUrl = "invalid_url",
        /// The scheme is neither `http` nor `https`.
        UnsupportedScheme = "unsupported_scheme",
        /// The address is private, loopback or link-local, and `--deny-private` is on.
        BlockedAddress = "blocked_address",
        /// robots.txt forbids it.
        RobotsDenied = "robots_denied",
        /// robots.txt could not be had, so nothing of the host may be fetched (RFC 9309 §2.3.1.4).
        RobotsUnavailable = "robots_unavailable",
        /// The host name did not resolve.
        Dns = "dns",
        /// No connection: refused, unreachable, or given up by the operating system; or a proxy says so.
        Connect = "connect",
        /// A proxy cannot be reached, or does not do its part.
        Proxy = "proxy",
        /// The TLS handshake or the certificate failed.
        Tls = "tls",
        /// A deadline passed; the phase says which.
        Timeout = "timeout",
        /// The connection ended before the answer was whole.
        ConnectionLost = "connection_lost",
        /// The answer is not HTTP, or breaks its rules.
        Protocol = "protocol",
        /// The body's encoding is damaged from its first byte on.
        Decode = "decode",
        /// More redirects than `--max-redirects`.
        TooManyRedirects = "too_many_redirects",
        /// A redirect to a URL already in its chain.
        RedirectLoop = "redirect_loop",
        /// A redirect without a usable target.
        BadRedirect = "bad_redirect",
        /// The run was stopped, or a sibling failed under `--fail-fast`.
        Cancelled = "cancelled",
        /// A fault in gannet itself.
        Internal = "internal",
    }
}

names! {
    /// Where it went wrong.
    Phase {
        /// Reading the seed.
        Seed = "seed",
        /// Resolving the name.
        Resolve = "resolve",
        /// Connecting, the TLS handshake included.
        Connect = "connect",
        /// Waiting for the head of the answer.
        FirstByte = "first_byte",
        /// Reading the body.
        Body = "body",
        /// Deciding about a redirect.
        Redirect = "redirect",
        /// Fetching or asking robots.txt.
        Robots = "robots",
        /// The deadline of the whole fetch.
        Total = "total",
    }
}

/// What a message holds at most, characters: it may quote a URL, or what a server said.
pub(super) const MAX_MESSAGE: usize = 500;

/// A fetch that failed.
#[derive(Clone, Debug)]
pub struct FetchError {
    /// What went wrong.
    pub kind: ErrorKind,
    /// Where.
    pub phase: Phase,
    /// The cause in words: lower case, no final stop, the root of the source chain included.
    pub message: String,
    /// What had been received: the chain, and after the head also status, headers and a part of the body.
    /// Its status is 0 when the last hop never answered. `None` when nothing was received at all, and by no proxy.
    pub partial: Option<Box<Response>>,
    /// How long it took.
    pub timings: Timings,
    /// This machine ran out of descriptors, ports or memory: not the URL's fault, try again later.
    pub exhausted: bool,
    /// What went wrong with the name of the host, if it was that.
    pub dns: Option<DnsFault>,
    /// No answer came in time, so that a request was sent a second time.
    pub hedged: bool,
}

impl FetchError {
    /// An error without anything received, for failures that are found before the network is asked.
    pub fn new(kind: ErrorKind, phase: Phase, message: impl Into<String>) -> Self {
        let message = message.into();
        let timings = Timings::default();
        Self { kind, phase, message, partial: None, timings, exhausted: false, dns: None, hedged: false }
    }
}

impl FetchError {
    /// What went over the wire before it failed, if that was asked for.
    pub fn take_captures(&mut self) -> Vec<Capture> {
        self.partial.as_mut().map(|partial| std::mem::take(&mut partial.captures)).unwrap_or_default()
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.message)
    }
}

impl std::error::Error for FetchError {}
