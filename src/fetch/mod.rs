//! One HTTP fetch: a [`Request`] becomes a [`Response`] or a [`FetchError`], never anything between.
//!
//! Workers and `batch` call [`Fetch::fetch`]; the implementation over the network is
//! [`Http`], tests use doubles. A fetch follows redirects as its [`HopPolicy`] says, reads the body
//! under a cap, decodes it, and has a deadline in every phase, so it always ends. Dropping the
//! future cancels the exchange.

mod address;
mod bandwidth;
mod body;
mod body_type;
mod cache;
mod capture;
mod classify;
mod connections;
mod credentials;
mod deadline;
mod decode;
mod error;
mod exchange;
mod filter;
mod framing;
mod guard;
#[cfg(test)]
mod guard_tests;
mod hedge;
mod http;
mod interface;
mod pool;
pub mod proxy;
mod redirect;
mod resolve;
mod resume;
mod session;
mod tls;
mod trace;
mod turns;
mod validators;

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

pub use self::address::is_public;
pub use self::body::decode_all;
pub use self::body_type::BodyType;
pub use self::cache::{Cache, CacheUse};
pub use self::capture::Capture;
pub use self::connections::{ConnectionOptions, Connections, Protocol};
pub use self::error::{ErrorKind, FetchError, Phase};
pub use self::filter::{Filter, MediaTypes, Refused};
pub use self::framing::is_framing;
pub use self::guard::DenyPrivate;
pub use self::http::{BuildError, Http, HttpOptions, ROBOTS_TOKEN, user_agent};
pub use self::interface::Interface;
pub(crate) use self::redirect::becomes_get;
pub use self::resolve::{DnsFault, DnsOptions, Family, NameServer, Pin, Server};
pub use self::session::{Credentials, HostOptions, Jar, Netrc, Scheme, SessionOptions};
pub use self::tls::options::{CertificateError, ClientCertificate, Roots, TlsOptions, TlsVersion};
pub use self::validators::Validators;
pub use reqwest::Method;
pub use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use crate::url::CrawlUrl;

/// Something that fetches. Shared by all workers of a run.
pub trait Fetch: Send + Sync + 'static {
    /// Fetches one URL, following redirects as `request.hops` says.
    fn fetch(&self, request: Request) -> impl Future<Output = Result<Response, FetchError>> + Send;

    /// The address that stands for a host, the same whenever several have it in common; `None`, the default, when nobody
    /// can tell. Asks at most a resolver, never the host. Always ends.
    fn locate(&self, url: &CrawlUrl) -> impl Future<Output = Option<IpAddr>> + Send {
        let _ = url;
        std::future::ready(None)
    }

    /// One like this for the workers of another thread, with connections that belong to that thread; `None`, the default,
    /// if they may as well share this one.
    fn for_thread(&self) -> Option<Self>
    where
        Self: Sized,
    {
        None
    }

    /// What it and those for other threads have sent so far; default nothing, for what has no connections.
    fn connections(&self) -> Connections {
        Connections::default()
    }
}

/// What to fetch.
#[derive(Clone)]
pub struct Request {
    /// The URL, sent as it is.
    pub url: CrawlUrl,
    /// The method; default `GET`.
    pub method: Method,
    /// The request body, if any.
    pub body: Option<Bytes>,
    /// Headers of this request, in place of those of [`HttpOptions::headers`] where both have one, under the same rules for
    /// what is private; default none.
    pub headers: Option<Arc<HeaderMap>>,
    /// Ask only for what has changed: an answer of 304 says that nothing has; default none.
    pub validators: Option<Box<Validators>>,
    /// Who decides about redirects; `None` follows every hop to an `http` or `https` URL.
    pub hops: Option<Arc<dyn HopPolicy>>,
    /// The user named this host, so it gets the headers that are meant for one origin only
    /// ([`HttpOptions::headers`]); default true.
    pub home: bool,
    /// A page on a public address led here, so it may not be at a private one, unless
    /// [`HttpOptions::deny_private`] says otherwise; default false.
    pub from_public: bool,
    /// The most that is kept of the decoded body, bytes, in place of [`HttpOptions::max_body`].
    pub max_body: Option<u64>,
    /// The most redirects that are followed, in place of [`HttpOptions::max_redirects`].
    pub max_redirects: Option<usize>,
    /// Which answers are read to their end; default all.
    pub filter: Option<Arc<Filter>>,
    /// How often the rest of a body that broke off is asked for, if the server can be asked for it; default 0.
    pub resume: u32,
    /// Keep what goes over the wire as well, in [`Response::captures`]; default false.
    pub capture: bool,
    /// May be sent a second time when no answer comes, if [`HttpOptions::hedge`] says so; default true.
    pub hedge: bool,
}

impl Request {
    /// A `GET` that follows every redirect.
    pub fn get(url: CrawlUrl) -> Self {
        Self {
            url,
            method: Method::GET,
            body: None,
            headers: None,
            validators: None,
            hops: None,
            home: true,
            from_public: false,
            max_body: None,
            max_redirects: None,
            filter: None,
            resume: 0,
            capture: false,
            hedge: true,
        }
    }
}

/// Decides what becomes of a redirect, before it is followed. Pure: no I/O, no waiting.
pub trait HopPolicy: Send + Sync {
    /// The verdict on going from `from` to `to`.
    fn judge(&self, from: &CrawlUrl, to: &CrawlUrl) -> Hop;
}

/// A verdict on one redirect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hop {
    /// Go there within this fetch.
    Follow,
    /// End here: the response is the redirect itself, its target in [`Response::redirect`].
    HandBack,
    /// End here with an error of this kind, phase [`Phase::Redirect`].
    Refuse(ErrorKind, String),
}

/// One redirect that was followed: the URL that answered, and with what. One that was handed back is the
/// [`Response`] itself, not part of its chain.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct HopRecord {
    /// The URL that redirected.
    pub url: CrawlUrl,
    /// Its status, `301`, `302`, `303`, `307` or `308`.
    pub status_code: u16,
}

/// What a server answered, of any status.
#[derive(Clone, Debug)]
pub struct Response {
    /// The URL that answered last.
    pub final_url: CrawlUrl,
    /// The redirects before it, in order.
    pub chain: Vec<HopRecord>,
    /// The target of a redirect that the policy handed back.
    pub redirect: Option<CrawlUrl>,
    /// The status of the last answer; 0 only in [`FetchError::partial`], when there was none.
    pub status: u16,
    /// `HTTP/0.9`, `HTTP/1.0`, `HTTP/1.1`, `HTTP/2` or `HTTP/3`; empty when the status is 0.
    pub http_version: &'static str,
    /// The headers of the last answer.
    pub headers: HeaderMap,
    /// How the cache took part in the last answer, if there is one.
    pub cache: Option<CacheUse>,
    /// The body, decoded.
    pub body: Body,
    /// The address that answered; the proxy's, when there is one.
    pub remote: Option<SocketAddr>,
    /// The last answer came over a connection that was open already: kept, or shared with other requests.
    pub reused: bool,
    /// The proxy that it came through: scheme, host and port.
    pub proxy: Option<Arc<str>>,
    /// It came from a public address, as far as one can tell through a proxy: what it leads to is
    /// [from a public page](Request::from_public).
    pub is_public: bool,
    /// How long each part took.
    pub timings: Timings,
    /// No answer came in time, so that a request was sent a second time ([`HttpOptions::hedge`]).
    pub hedged: bool,
    /// Each hop that was answered, in order, if [asked for](Request::capture).
    pub captures: Vec<Capture>,
}

/// A decoded, capped body.
#[derive(Clone, Debug, Default)]
pub struct Body {
    /// The decoded bytes, at most the cap.
    pub bytes: Bytes,
    /// Bytes received as they came over the wire, before decoding and without headers.
    pub wire_bytes: u64,
    /// Why the body is not whole, if it is not.
    pub truncated: Option<Truncated>,
    /// Why it was not read, by [`Request::filter`]; then there are no bytes.
    pub refused: Option<Refused>,
    /// How often it broke off and was gone on with.
    pub resumed: u32,
}

/// Why a body was cut (the words are those of `WARC-Truncated`, WARC 1.1 §5.13).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Truncated {
    /// It went over the cap on decoded bytes, or the ratio guard took it for a bomb.
    Length,
    /// A deadline passed while it was read.
    Time,
    /// The connection ended, or the encoded stream broke off, before its end.
    Disconnect,
}

/// How long the parts of a fetch took, summed over its hops. `None`: did not happen (a connection was
/// reused, a name needed no look-up).
#[derive(Clone, Copy, Debug, Default)]
pub struct Timings {
    /// Resolving the host name.
    pub dns: Option<Duration>,
    /// Opening the connection, neither name resolution nor the TLS handshake included.
    pub connect: Option<Duration>,
    /// The TLS handshake.
    pub tls: Option<Duration>,
    /// From the start of the fetch to the head of the last answer.
    pub first_byte: Option<Duration>,
    /// The whole fetch.
    pub total: Duration,
}
