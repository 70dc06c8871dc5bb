//! From an error of the HTTP client to a kind, a phase and a message that helps.
//!
//! reqwest's own flags are too coarse (every error after the head is `is_decode()`), so the chain of
//! sources is searched for the deepest error that means something: our resolver's, rustls', h2's, the
//! operating system's, hyper's. An `io::Error` hides what it wraps from `source()`, and rustls' errors
//! come inside two of them; [`links`] looks in there. Each row is held by a misbehaving server in
//! `tests/it/misbehaving.rs`.

use std::error::Error;
use std::io;

use super::proxy::Blame;
use super::resolve::{DnsFault, ResolveError};
use super::tls;
use super::trace::Stage;
use super::{ErrorKind, Phase};

/// What an error comes down to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cause {
    pub(super) kind: ErrorKind,
    pub(super) phase: Phase,
    pub(super) message: String,
    /// See [`FetchError::exhausted`](super::FetchError::exhausted).
    pub(super) exhausted: bool,
    /// Whether it may be a proxy's fault.
    pub(super) blame: Option<Blame>,
    /// See [`FetchError::dns`](super::FetchError::dns).
    pub(super) dns: Option<DnsFault>,
}

impl Cause {
    /// Found here, and not by an error of the client.
    pub(super) fn new(kind: ErrorKind, phase: Phase, message: String) -> Self {
        Self { kind, phase, message, exhausted: false, blame: None, dns: None }
    }

    /// The connection ended before an answer came.
    pub(super) fn is_lost(&self) -> bool {
        self.kind == ErrorKind::ConnectionLost && self.phase == Phase::FirstByte
    }

    pub(super) fn is_blocked(&self) -> bool {
        self.kind == ErrorKind::BlockedAddress
    }
}

/// Classifies an error that came up in `phase`; `stage` is where the dial was, if it failed there.
pub(super) fn classify(error: &reqwest::Error, phase: Phase, stage: Stage) -> Cause {
    let dialling = error.is_connect();
    let phase = match stage {
        Stage::Resolving if dialling => Phase::Resolve,
        _ if dialling => Phase::Connect,
        _ => phase,
    };
    let links = links(error);
    let exhausted = links.iter().any(|&link| is_exhausted(link));
    let known = links.iter().rev().find_map(|&link| judge(link, phase));
    let (kind, message) = known.unwrap_or_else(|| {
        let root = links.last().map_or_else(|| error.to_string(), ToString::to_string);
        let kind = match phase {
            _ if error.is_builder() => ErrorKind::InvalidUrl,
            _ if error.is_timeout() => ErrorKind::Timeout,
            Phase::Resolve => ErrorKind::Dns,
            Phase::Connect => ErrorKind::Connect,
            _ => ErrorKind::Protocol,
        };
        (kind, root)
    });
    let dns = links.iter().find_map(|link| match link.downcast_ref::<ResolveError>() {
        Some(ResolveError::LookUp(failure)) => Some(failure.fault),
        _ => None,
    });
    Cause { kind, phase, message: tidy(&message), exhausted, blame: None, dns }
}

/// The errors of a chain, outermost first, with those inside `io::Error`s.
pub(super) fn links<'a>(error: &'a (dyn Error + 'static)) -> Vec<&'a (dyn Error + 'static)> {
    let mut links = vec![error];
    let mut last = error;
    loop {
        let io = last.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        match io.map(|inner| inner as &(dyn Error + 'static)).or_else(|| last.source()) {
            Some(next) => links.push(next),
            None => return links,
        }
        last = links[links.len() - 1];
    }
}

/// The kind of one error, if its type says anything.
fn judge(error: &(dyn Error + 'static), phase: Phase) -> Option<(ErrorKind, String)> {
    if let Some(error) = error.downcast_ref::<ResolveError>() {
        let blocked = matches!(error, ResolveError::Blocked(_));
        return Some((if blocked { ErrorKind::BlockedAddress } else { ErrorKind::Dns }, error.to_string()));
    }
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        return Some((ErrorKind::Tls, tls::error::message(error)));
    }
    if let Some(error) = error.downcast_ref::<h2::Error>() {
        return Some((h2_kind(error, phase), h2_message(error)));
    }
    if let Some(error) = error.downcast_ref::<hyper::Error>() {
        // The only time that it keeps itself: the pings of HTTP/2.
        if error.is_timeout() {
            return Some((ErrorKind::ConnectionLost, "the connection answers no ping any more".to_owned()));
        }
        return Some((hyper_kind(error)?, error.to_string()));
    }
    let error = error.downcast_ref::<io::Error>()?;
    let ends = error.kind() == io::ErrorKind::UnexpectedEof;
    if ends && phase == Phase::Connect && error.to_string().contains("tls") {
        return Some((ErrorKind::Tls, "the server ended the connection during the TLS handshake".to_owned()));
    }
    Some((io_kind(error, phase), error.to_string()))
}

fn io_kind(error: &io::Error, phase: Phase) -> ErrorKind {
    use io::ErrorKind as Io;
    match (error.kind(), phase) {
        // Without an error number it is one of our own limits.
        (Io::TimedOut, _) if error.raw_os_error().is_none() => ErrorKind::Timeout,
        (_, Phase::Resolve) => ErrorKind::Dns,
        (Io::ConnectionReset | Io::ConnectionAborted | Io::BrokenPipe, _) => ErrorKind::ConnectionLost,
        (Io::UnexpectedEof, Phase::FirstByte | Phase::Body) => ErrorKind::ConnectionLost,
        (_, Phase::Connect) => ErrorKind::Connect,
        (Io::InvalidData | Io::InvalidInput, _) => ErrorKind::Protocol, // e.g. broken chunks
        _ => ErrorKind::ConnectionLost,
    }
}

fn h2_kind(error: &h2::Error, phase: Phase) -> ErrorKind {
    if let Some(io) = error.get_io() {
        return io_kind(io, phase);
    }
    // What our side gave up is a fault in what it was sent.
    if error.is_library() {
        return ErrorKind::Protocol;
    }
    match error.reason() {
        // The server is leaving, or shed this stream; nothing is wrong with what was said.
        Some(h2::Reason::NO_ERROR | h2::Reason::REFUSED_STREAM | h2::Reason::CANCEL) => {
            ErrorKind::ConnectionLost
        }
        Some(h2::Reason::ENHANCE_YOUR_CALM) => ErrorKind::ConnectionLost,
        _ => ErrorKind::Protocol,
    }
}

fn h2_message(error: &h2::Error) -> String {
    match error.reason() {
        // So the client tells the server that its head went over the limit.
        Some(h2::Reason::REFUSED_STREAM | h2::Reason::ENHANCE_YOUR_CALM) if error.is_library() => {
            "message head is too large".to_owned()
        }
        _ => error.to_string(),
    }
}

/// The kind of an error of hyper that wraps nothing better, `None` if it says nothing.
fn hyper_kind(error: &hyper::Error) -> Option<ErrorKind> {
    if error.is_incomplete_message() || error.is_canceled() || error.is_closed() {
        return Some(ErrorKind::ConnectionLost);
    }
    if error.is_user() {
        return Some(ErrorKind::Internal);
    }
    (error.is_parse() || error.source().is_none()).then_some(ErrorKind::Protocol)
}

/// Whether this machine ran out of something: descriptors, ports, buffers or memory.
pub(super) fn is_exhausted(error: &(dyn Error + 'static)) -> bool {
    if let Some(ResolveError::LookUp(failure)) = error.downcast_ref::<ResolveError>() {
        return failure.exhausted;
    }
    error.downcast_ref::<io::Error>().is_some_and(is_exhausted_io)
}

pub(super) fn is_exhausted_io(io: &io::Error) -> bool {
    matches!(io.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::OutOfMemory)
        || io.raw_os_error().is_some_and(is_exhausted_code)
}

#[cfg(unix)]
fn is_exhausted_code(code: i32) -> bool {
    use rustix::io::Errno;
    [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM].iter().any(|errno| errno.raw_os_error() == code)
}

#[cfg(not(unix))]
fn is_exhausted_code(code: i32) -> bool {
    matches!(code, 10_024 | 10_055) // WSAEMFILE, WSAENOBUFS
}

/// Lower case at the start, no error number, no full stop, one line.
pub(super) fn tidy(text: &str) -> String {
    let text = text.split(" (os error ").next().unwrap_or(text).trim().trim_end_matches('.');
    let mut chars = text.chars();
    let Some(first) = chars.next() else { return "unknown error".to_owned() };
    let rest = chars.as_str();
    // `TLS`, `HTTP`: an acronym keeps its case.
    let acronym = rest.starts_with(char::is_uppercase);
    let first = if acronym { first } else { first.to_ascii_lowercase() };
    std::iter::once(first).chain(rest.chars()).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::super::resolve::Failure;
    use super::*;

    #[test]
    fn messages_are_tidy() {
        assert_eq!(tidy("Connection refused (os error 111)"), "connection refused");
        assert_eq!(tidy("TLS is hard.\n"), "TLS is hard");
        assert_eq!(tidy(""), "unknown error");
    }

    #[test]
    fn errors_inside_io_errors_are_found() {
        let inner = io::Error::new(
            io::ErrorKind::InvalidData,
            rustls::Error::InvalidCertificate(rustls::CertificateError::Expired),
        );
        let outer = io::Error::other(inner);
        let links = links(&outer);
        assert_eq!(links.len(), 3);
        let judged = links.iter().rev().find_map(|&link| judge(link, Phase::Connect));
        assert_eq!(judged, Some((ErrorKind::Tls, "certificate expired".to_owned())));
    }

    #[cfg(unix)]
    #[test]
    fn exhaustion_is_told_from_refusal() {
        use rustix::io::Errno;
        for errno in [Errno::MFILE, Errno::NFILE, Errno::ADDRNOTAVAIL, Errno::NOMEM] {
            assert!(is_exhausted(&io::Error::from(errno)), "{errno}");
            let failure = Failure::of_system(&io::Error::from(errno));
            assert!(is_exhausted(&ResolveError::LookUp(failure)), "{errno}");
        }
        assert!(!is_exhausted(&io::Error::from(Errno::CONNREFUSED)));
        assert_eq!(io_kind(&io::Error::from(Errno::TIMEDOUT), Phase::Connect), ErrorKind::Connect);
        assert_eq!(io_kind(&io::Error::from(io::ErrorKind::TimedOut), Phase::Connect), ErrorKind::Timeout);
    }
}
