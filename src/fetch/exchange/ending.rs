//! What an exchange says at its end: the response without its body, the times, or the error.

use std::net::SocketAddr;

use reqwest::Version;
use reqwest::header::HeaderMap;

use super::super::classify::Cause;
use super::super::deadline::Expired;
use super::super::error::MAX_MESSAGE;
use super::super::trace::Stage;
use super::super::{Body, Capture, ErrorKind, FetchError, Phase, Response, Timings};
use super::Exchange;

impl Exchange<'_> {
    /// Moves what the head of an answer says into a response without a body.
    pub(super) fn head(&mut self, answer: &mut reqwest::Response) -> Response {
        Response {
            status: answer.status().as_u16(),
            http_version: version_name(answer.version()),
            cache: self.recall.used,
            remote: remote(answer),
            reused: self.reused,
            headers: std::mem::take(answer.headers_mut()),
            ..self.unanswered()
        }
    }

    /// A response of which nothing but the chain is known.
    fn unanswered(&mut self) -> Response {
        Response {
            final_url: self.url.clone(),
            chain: std::mem::take(&mut self.chain),
            redirect: None,
            status: 0,
            http_version: "",
            cache: None,
            headers: HeaderMap::new(),
            body: Body::default(),
            remote: None,
            reused: false,
            proxy: self.passage.shown(),
            is_public: self.guarded,
            timings: Timings::default(),
            hedged: self.hedged,
            captures: Vec::new(),
        }
    }

    pub(super) fn timings(&self) -> Timings {
        Timings {
            dns: self.trace.dns(),
            connect: self.trace.connect(),
            tls: self.trace.tls(),
            first_byte: self.first_byte,
            total: self.trace.started().elapsed(),
        }
    }

    /// What went over the wire, all hops.
    pub(super) fn captured(&mut self) -> Vec<Capture> {
        self.captures.as_mut().map(|captures| captures.take()).unwrap_or_default()
    }

    pub(super) fn expired(&self, Expired { phase, limit }: Expired) -> Cause {
        let message = match (phase, self.trace.stage()) {
            (Phase::Total, Stage::Resolving) => format!("not done within {limit:?}, still resolving"),
            (Phase::Total, Stage::Connecting) => format!("not done within {limit:?}, still connecting"),
            (Phase::Total, Stage::Idle) => format!("not done within {limit:?}"),
            (Phase::Body, _) => format!("nothing of the body came for {limit:?}"),
            _ => format!("no answer within {limit:?}"),
        };
        Cause::new(ErrorKind::Timeout, phase, message)
    }

    /// No answer: if a redirect led to an address that may not be asked, that is the redirect's fault.
    pub(super) fn blocked(&mut self, mut cause: Cause) -> FetchError {
        if cause.is_blocked() && !self.chain.is_empty() {
            cause.phase = Phase::Redirect;
        }
        self.fail(cause, None)
    }

    pub(super) fn fail(&mut self, cause: Cause, head: Option<Response>) -> FetchError {
        let Cause { kind, phase, mut message, exhausted, blame: _, dns } = cause;
        if let Some((end, _)) = message.char_indices().nth(MAX_MESSAGE) {
            message.truncate(end);
        }
        let timings = self.timings();
        let captures = self.captured();
        let tells = !self.chain.is_empty() || self.passage.shown().is_some();
        let partial = head.or_else(|| tells.then(|| self.unanswered()));
        let partial = partial.map(|response| Box::new(Response { timings, captures, ..response }));
        FetchError { kind, phase, message, partial, timings, exhausted, dns, hedged: self.hedged }
    }
}

/// The address that answered; one of IPv4 as such, whichever way it was [dialled](super::resolve).
pub(super) fn remote(answer: &reqwest::Response) -> Option<SocketAddr> {
    answer.remote_addr().map(|at| SocketAddr::new(at.ip().to_canonical(), at.port()))
}

pub(super) fn version_name(version: Version) -> &'static str {
    match version {
        Version::HTTP_09 => "HTTP/0.9",
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2",
        Version::HTTP_3 => "HTTP/3",
        _ => "HTTP/1.1",
    }
}
