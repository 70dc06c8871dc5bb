//! [`Http`]: fetching over the network, and its [`HttpOptions`].
//!
//! Holds what all fetches of a run share: the connection pool (reqwest, which here neither follows
//! redirects nor decodes nor keeps time), the request headers, the certificates. One fetch is an
//! [`Exchange`]. An `Http` is built once, without touching the network or any certificate.
//!
//! The client repeats a request by itself when the server says that it did not look at it (RFC 9113 §8.7;
//! nginx does so after each thousand requests of a connection), the exchange when a kept connection turned
//! out to be closed. All other retries are the business of the caller.

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LOCATION,
    CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT,
};
use reqwest::{Client, Method};
use rustls::ClientConfig;
use tokio::sync::OnceCell;
use tokio::time::timeout;

use super::address::is_public;
use super::bandwidth::Bucket;
use super::connections::{ConnectionOptions, Traffic};
use super::credentials;
use super::exchange::Exchange;
use super::guard::{DenyPrivate, Guard, Way};
use super::hedge::{Budget, Hedges};
use super::interface::Interface;
use super::pool::{Pool, Size};
use super::proxy::{Passage, Pools, Proxies, ProxyOptions, Route};
use super::resolve::{self, DnsOptions, Names, Ready};
use super::session::{Asking, HostOptions, Session, SessionOptions};
use super::tls::LazyVerifier;
use super::tls::options::TlsOptions;
use super::trace::{ProbeLayer, TRACE, Trace};
use super::turns::Sharing;
use super::{Cache, Connections, Fetch, FetchError, Request, Response};
use crate::url::{CrawlUrl, HostTable, Near};

/// Headers that describe the body of a request (Fetch Standard, request-body-header name).
const BODY_HEADERS: [HeaderName; 4] = [CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LOCATION, CONTENT_TYPE];

/// The name that robots.txt knows gannet by, unless it is given another.
pub const ROBOTS_TOKEN: &str = "gannet";

/// The `User-Agent` of gannet where robots.txt knows it by this name: who reads a log must be able to find out how
/// to address it (RFC 9309 §2.2.1).
pub fn user_agent(robots_token: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    format!("gannet/{version} (HTTP fetcher and crawler; robots.txt token: {robots_token})")
}

/// How to fetch. The default is what a polite crawler wants.
#[derive(Clone, Debug)]
pub struct HttpOptions {
    /// The `User-Agent`; default `gannet/VERSION` and what it is, with the name that robots.txt may use.
    pub user_agent: String,
    /// Headers of each request, in place of gannet's own where both have one; default none.
    /// `Authorization`, `Cookie`, `Proxy-Authorization`, `Host`, and any with `auth`, `token`, `secret`, `key`, `session`,
    /// `cookie`, `password` or `credential` in its name are not sent to another origin than that of the first URL.
    pub headers: HeaderMap,
    /// The whole fetch, over all hops, the body included; default 30 s.
    pub timeout: Duration,
    /// Each connection: resolving, TCP and TLS; default 10 s.
    pub connect_timeout: Duration,
    /// The longest silence: from the request (or the connection) to the whole head of the answer, and
    /// between two pieces of the body; default 10 s.
    pub idle_timeout: Duration,
    /// The most that is kept of a decoded body, bytes; default 10 MiB.
    pub max_body: u64,
    /// The most redirects that are followed; default 10.
    pub max_redirects: usize,
    /// Proxies; default `None`: [those of the environment](ProxyOptions::from_env).
    pub proxy: Option<ProxyOptions>,
    /// Which HTTP is spoken, and how long connections are kept.
    pub connections: ConnectionOptions,
    /// Whom TLS trusts.
    pub tls: TlsOptions,
    /// How names become addresses, and which may be dialled; default the system's resolver, its answers kept for 60 s.
    pub dns: DnsOptions,
    /// The address or device that connections leave this machine by; default what the system chooses. Look-ups do not use
    /// it.
    pub interface: Option<Interface>,
    /// When addresses that are not public are refused, at connection time; default: when a public page leads there.
    /// With a proxy that resolves names itself only literal addresses are refused.
    pub deny_private: DenyPrivate,
    /// Which addresses are public; default [`is_public`], the special-purpose registries of IANA.
    pub is_public: fn(IpAddr) -> bool,
    /// Answers that are used again as RFC 9111 allows; default none.
    pub cache: Option<Cache>,
    /// About so many idle connections are kept, those to the hosts that were met last, so that a wide crawl does not keep
    /// one to every host that it ever met; default 1,024. Make it at least twice the number of fetches at once.
    /// With [`Plan::threads`](crate::Plan::threads) each thread keeps so many.
    pub keep_connections: usize,
    /// Cookies and credentials; default none.
    pub session: SessionOptions,
    /// What holds for single hosts; default nothing.
    pub hosts: HostTable<HostOptions>,
    /// Bytes a second of all bodies together, as they come over the wire; default no limit. Waiting for it is not silence, but
    /// it counts towards `timeout`.
    pub bandwidth: Option<u64>,
    /// Send a `GET` or `HEAD` a second time, on another connection, when the head of its answer has not come after this long,
    /// and take the answer that comes first; once per fetch, and for one fetch in ten at most. Default never.
    pub hedge: Option<Duration>,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            user_agent: user_agent(ROBOTS_TOKEN),
            headers: HeaderMap::new(),
            timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(10),
            max_body: 10 * 1024 * 1024,
            max_redirects: 10,
            proxy: None,
            connections: ConnectionOptions::default(),
            tls: TlsOptions::default(),
            dns: DnsOptions::default(),
            interface: None,
            deny_private: DenyPrivate::default(),
            is_public,
            cache: None,
            keep_connections: 1024,
            session: SessionOptions::default(),
            hosts: HostTable::default(),
            bandwidth: None,
            hedge: None,
        }
    }
}

/// Options that no client can be built from; says which and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildError(pub(super) String);

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BuildError {}

/// Fetches over HTTP/1.1 and HTTP/2. Shared by all workers; the connections are pooled.
pub struct Http {
    pub(super) guard: Guard,
    /// Connections to public addresses.
    pub(super) judged: Pool,
    /// Connections to any.
    open: Pool,
    /// Connections through proxies.
    pub(super) proxies: Option<(Arc<Proxies>, Pools)>,
    pub(super) options: HttpOptions,
    /// Request headers for the origin of the first URL.
    headers: HeaderMap,
    /// The same without those that are private to it.
    foreign_headers: HeaderMap,
    near: Mutex<Near>,
    pub(super) shared: Shared,
    certificates: OnceCell<()>,
    pub(super) hedges: Option<Box<Hedges>>,
}

/// What the clients of all threads of a run have in common.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) names: Arc<Names>,
    verifier: Arc<LazyVerifier>,
    pub(super) traffic: Arc<Traffic>,
    proxies: Option<Arc<Proxies>>,
    /// What is carried from request to request, and what holds for single hosts; `None` if nothing.
    pub(super) session: Option<Arc<Session>>,
    pub(super) bandwidth: Option<Bucket>,
    budget: Arc<Budget>,
}

impl Http {
    /// A client with these options. Does no I/O, but that a resolver of gannet's own reads `/etc/hosts` and, if it is
    /// to ask what is configured there, `/etc/resolv.conf`.
    ///
    /// # Errors
    /// When `user_agent` is no header value, the environment names a proxy that is none, or there can be no such resolver.
    pub fn new(options: HttpOptions) -> Result<Self, BuildError> {
        let verifier = LazyVerifier::new(&options.tls);
        let tls = tls_of(&verifier, &[])?;
        let names = options.dns.names(options.connect_timeout, tls, ready(&verifier)).map_err(BuildError)?;
        Self::with_verifier(options, names, verifier)
    }

    /// The same with another source of addresses.
    #[cfg(test)]
    pub(super) fn with_names(options: HttpOptions, names: Arc<Names>) -> Result<Self, BuildError> {
        let verifier = LazyVerifier::new(&options.tls);
        Self::with_verifier(options, names, verifier)
    }

    fn with_verifier(
        options: HttpOptions,
        names: Arc<Names>,
        verifier: Arc<LazyVerifier>,
    ) -> Result<Self, BuildError> {
        let proxies = options.proxy.clone().map_or_else(ProxyOptions::from_env, Ok)?;
        let shared = Shared {
            names,
            verifier,
            traffic: Arc::default(),
            proxies: Proxies::new(proxies),
            session: Session::new(&options.session, &options.hosts),
            bandwidth: options.bandwidth.map(Bucket::new),
            budget: Arc::default(),
        };
        Self::with_shared(options, shared)
    }

    fn with_shared(options: HttpOptions, shared: Shared) -> Result<Self, BuildError> {
        let Shared { names, verifier, traffic, proxies, .. } = shared.clone();
        let guard = Guard::new(options.deny_private, options.is_public);
        let headers = request_headers(&options)?;
        let tls = tls_of(&verifier, options.connections.protocol.names())?;
        let layer = || ProbeLayer { traffic: Arc::clone(&traffic), ..ProbeLayer::default() };
        let (size, is_public) = (Size::of(&options), Some(options.is_public));
        let proxies = proxies.map(|proxies| {
            let pools = Pools::new(&proxies, &options, tls.clone(), Arc::clone(&names), Arc::clone(&traffic));
            (proxies, pools)
        });
        let pools = || {
            let pool =
                |judge| Pool::new(&options, tls.clone(), Arc::clone(&names), judge, layer(), None, size);
            Ok::<_, BuildError>((pool(is_public)?, pool(None)?))
        };
        let (judged, open) = pools()?;
        let hedges = options.hedge.map(|after| {
            let budget = Arc::clone(&shared.budget);
            Ok::<_, BuildError>(Box::new(Hedges::new(after, pools()?, budget)))
        });
        let hedges = hedges.transpose()?;
        let foreign_headers = credentials::without_private(&headers);
        Ok(Self {
            guard,
            judged,
            open,
            proxies,
            options,
            headers,
            foreign_headers,
            near: Mutex::default(),
            shared,
            certificates: OnceCell::new(),
            hedges,
        })
    }

    /// The request of one hop, with its own headers `over` those of all. `foreign`: not to the origin of the first URL.
    /// `rewritten`: a redirect took its body away.
    ///
    /// # Errors
    /// When the URL does not fit into a request, e.g. for its length.
    pub(super) fn request(
        &self,
        url: &CrawlUrl,
        method: Method,
        body: Option<Bytes>,
        over: Option<&HeaderMap>,
        foreign: bool,
        rewritten: bool,
    ) -> reqwest::Result<reqwest::Request> {
        let crawled = url;
        let url = url.to_url_after(&mut self.near.lock().unwrap_or_else(PoisonError::into_inner));
        let has_user = !url.username().is_empty() || url.password().is_some();
        let mut request = if has_user {
            self.judged.client(&self.options, crawled).0.request(method, url).build()? // makes it an `Authorization`
        } else {
            reqwest::Request::new(method, url)
        };
        let mut headers = if foreign { &self.foreign_headers } else { &self.headers }.clone();
        if let Some(session) = &self.shared.session {
            session.put_headers(&mut headers, request.url());
        }
        if let Some(over) = over {
            credentials::put(&mut headers, over, foreign);
        }
        if rewritten {
            for name in BODY_HEADERS {
                headers.remove(name);
            }
        }
        let user = request.headers_mut().remove(AUTHORIZATION);
        if let Some(session) = &self.shared.session {
            let (url, method, body) = (request.url(), request.method().as_str(), body.as_deref());
            session.put_secrets(&mut headers, Asking { url, method, body, foreign }, user);
        } else if let Some(user) = user {
            headers.entry(AUTHORIZATION).or_insert(user);
        }
        *request.headers_mut() = headers;
        *request.body_mut() = body.map(reqwest::Body::from);
        Ok(request)
    }

    /// The client that holds the connections for this URL by this passage, and whether these may be shared.
    ///
    /// # Errors
    /// When there is none yet for its proxy, and none can be made.
    pub(super) fn client(
        &self,
        way: Way,
        url: &CrawlUrl,
        by: &Passage,
    ) -> Result<(Client, Option<Sharing>), BuildError> {
        if let (Some((nth, proxy)), Some((_, pools))) = (by.proxy(), &self.proxies) {
            return Ok(pools.pool(&self.options, (nth, proxy), way)?.client(&self.options, url));
        }
        Ok(match way {
            Way::Judged => self.judged.client(&self.options, url),
            Way::Open => self.open.client(&self.options, url),
        })
    }

    /// Makes sure that the certificates of the system are read, off the runtime's threads.
    pub(super) async fn prepare_tls(&self) {
        let verifier = &self.shared.verifier;
        if !verifier.is_loaded() {
            self.certificates.get_or_init(|| verifier.prepare()).await;
        }
    }
}

impl Fetch for Http {
    async fn fetch(&self, request: Request) -> Result<Response, FetchError> {
        let trace = Trace::start();
        let exchange = Exchange::new(self, request, Arc::clone(&trace));
        let result = TRACE.scope(trace, exchange.run()).await;
        if result.as_ref().is_err_and(|error| error.exhausted) {
            self.judged.renew(&self.options);
            self.open.renew(&self.options);
            if let Some((_, pools)) = &self.proxies {
                pools.renew();
            }
            self.hedges.iter().for_each(|hedges| hedges.renew(&self.options));
        }
        result
    }

    async fn locate(&self, url: &CrawlUrl) -> Option<IpAddr> {
        let host = url.host().trim_matches(['[', ']']);
        if let Ok(address) = host.parse() {
            return Some(address);
        }
        let is_direct = |(proxies, _): &(Arc<Proxies>, Pools)| matches!(proxies.route(url), Route::Direct);
        if !self.proxies.as_ref().is_none_or(is_direct) {
            return None; // it is the proxy that looks it up
        }
        let found = resolve::locate(&self.shared.names, host, Some(url.port()));
        timeout(self.options.connect_timeout, found).await.ok()?
    }

    fn for_thread(&self) -> Option<Self> {
        // What could be built once can be built again.
        Self::with_shared(self.options.clone(), self.shared.clone()).ok()
    }

    fn connections(&self) -> Connections {
        self.shared.traffic.counts()
    }
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http").finish_non_exhaustive() // its options hold secrets
    }
}

fn tls_of(verifier: &Arc<LazyVerifier>, protocols: &[&[u8]]) -> Result<ClientConfig, BuildError> {
    verifier.config(protocols).map_err(|error| BuildError(format!("cannot set up TLS: {error}")))
}

/// Loads certificates before the resolver needs them, off the runtime's threads.
fn ready(verifier: &Arc<LazyVerifier>) -> Ready {
    let verifier = Arc::clone(verifier);
    Arc::new(move || {
        let verifier = Arc::clone(&verifier);
        Box::pin(async move { verifier.prepare().await })
    })
}

/// The headers of each request: gannet's own, then those of the user over them.
fn request_headers(options: &HttpOptions) -> Result<HeaderMap, BuildError> {
    let agent = HeaderValue::from_str(&options.user_agent).map_err(|_| {
        BuildError(format!("user agent `{}` is not a header value", options.user_agent.escape_debug()))
    })?;
    let mut headers = HeaderMap::new();
    headers.insert(USER_AGENT, agent);
    headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip, deflate, br, zstd"));
    if !options.connections.is_kept() {
        headers.insert(CONNECTION, HeaderValue::from_static("close")); // HTTP/2 has no such header, and it is left out there
    }
    for name in options.headers.keys() {
        headers.remove(name);
    }
    for (name, value) in &options.headers {
        headers.append(name.clone(), value.clone());
    }
    credentials::mark(&mut headers);
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use reqwest::header::COOKIE;

    use super::*;

    #[test]
    fn headers_of_the_user_win_and_private_ones_stay_at_home() {
        let mut options = HttpOptions::default();
        options.headers.insert(ACCEPT, HeaderValue::from_static("text/html"));
        options.headers.append(COOKIE, HeaderValue::from_static("a=1"));
        options.headers.append(COOKIE, HeaderValue::from_static("b=2"));
        let http = Http::new(options).unwrap();
        assert_eq!(http.headers[ACCEPT], "text/html");
        assert_eq!(http.headers.get_all(COOKIE).iter().count(), 2);
        assert!(http.headers[USER_AGENT].to_str().unwrap().starts_with("gannet/"));
        assert!(!http.foreign_headers.contains_key(COOKIE) && http.foreign_headers.contains_key(ACCEPT));
    }

    #[test]
    fn bad_options_say_so() {
        let build = |options| Http::new(options).map(drop).unwrap_err().to_string();
        let agent = HttpOptions { user_agent: "a\nb".to_owned(), ..HttpOptions::default() };
        assert!(build(agent).contains("a\\nb"));
    }
}
