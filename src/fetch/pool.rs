//! The connections of all fetches, and a bound on how many may idle.
//!
//! reqwest's pool is bounded per host and by time, not in all: a crawl that visits a thousand hosts a second would hold
//! twenty thousand idle connections. So there are up to [`PARTS`] of them, each for the hosts that were first met while
//! it was the newest. After every [`HttpOptions::keep_connections`] dials divided by [`PARTS`] an empty one is added and the
//! oldest let go; when this machine runs out of descriptors, all are. Connections in use live on until their fetch ends;
//! the idle ones are closed. A crawl of a few hosts never dials that often.

use std::collections::hash_map::RandomState;
use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::hash::BuildHasher as _;
use std::net::IpAddr;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use reqwest::{Client, redirect};
use rustls::ClientConfig;

use super::connections::{ConnectionOptions, Protocol};
use super::http::{BuildError, HttpOptions};
use super::proxy::Proxy;
use super::resolve::{Names, Resolver};
use super::trace::ProbeLayer;
use super::turns::Sharing;
use crate::url::CrawlUrl;

/// Clients of a pool. With one, all hosts would lose their connections at once; with more, those that were met longest
/// ago do, which a crawl with a delay comes back to least.
const PARTS: usize = 8;

/// The most header lines of an answer over HTTP/1; the client's own limit of 100 is met by real pages. The bytes of
/// a head are bounded by the client, at 408 KiB.
const MAX_HEADERS: usize = 256;

/// The most bytes of an answer's header fields over HTTP/2, counted as RFC 9113 §6.5.2 does; the client's own limit of
/// 16 KiB is below what browsers take.
const MAX_HEADER_LIST: u32 = 256 * 1024;

pub(super) struct Pool {
    /// The newest is the last; never empty.
    parts: Mutex<VecDeque<Part>>,
    /// Around the connector of each; it counts dials since the newest was added.
    layer: ProbeLayer,
    hashes: RandomState,
    tls: ClientConfig,
    resolver: Resolver,
    /// What all its connections go through.
    proxy: Option<Proxy>,
    size: Size,
}

/// How much a pool keeps.
#[derive(Clone, Copy)]
pub(super) struct Size {
    /// Clients.
    pub(super) parts: usize,
    /// Idle connections, about.
    pub(super) connections: usize,
}

impl Size {
    /// That of a pool for all hosts.
    pub(super) fn of(options: &HttpOptions) -> Self {
        Self { parts: PARTS, connections: options.keep_connections }
    }
}

/// A client, and the hosts that may have connections in it: hashes, since to be wrong about one costs a dial.
struct Part {
    client: Client,
    hosts: HashSet<u64>,
}

impl Pool {
    /// A pool whose names are looked up there; with `judge` only for addresses that it says are public.
    pub(super) fn new(
        options: &HttpOptions,
        tls: ClientConfig,
        names: Arc<Names>,
        judge: Option<fn(IpAddr) -> bool>,
        layer: ProbeLayer,
        proxy: Option<&Proxy>,
        size: Size,
    ) -> Result<Self, BuildError> {
        let proxies = proxy.map(|proxy| proxy.host().to_owned());
        let resolver = Resolver { names, judge, proxies: Arc::new(proxies.into_iter().collect()) };
        let (parts, hashes, proxy) = (Mutex::default(), RandomState::new(), proxy.cloned());
        let mut pool = Self { parts, layer, hashes, tls, resolver, proxy, size };
        let first = pool.part(options)?;
        pool.parts.get_mut().unwrap_or_else(PoisonError::into_inner).push_back(first);
        Ok(pool)
    }

    /// The client to fetch this URL with, and whether a connection may serve several requests at once. Without TLS none
    /// does, and with prior knowledge the client itself sees to it.
    pub(super) fn client(&self, options: &HttpOptions, url: &CrawlUrl) -> (Client, Option<Sharing>) {
        let host = self.hashes.hash_one(url.host_key().as_str());
        let ConnectionOptions { protocol, .. } = options.connections;
        let may = url.is_https() && protocol == Protocol::Any && options.connections.is_kept();
        let sharing = || Sharing { turns: Arc::clone(&self.layer.turns), host: host.max(1) };
        (self.client_of(host, options), may.then(sharing))
    }

    fn client_of(&self, host: u64, options: &HttpOptions) -> Client {
        let mut parts = self.parts();
        if let Some(part) = parts.iter().rev().find(|part| part.hosts.contains(&host)) {
            return part.client.clone();
        }
        if self.layer.dials.load(Relaxed) >= self.size.connections.div_ceil(self.size.parts) {
            self.add(&mut parts, self.size.parts, options);
        }
        let newest = parts.len() - 1;
        parts[newest].hosts.insert(host);
        parts[newest].client.clone()
    }

    /// Lets go of all idle connections.
    pub(super) fn renew(&self, options: &HttpOptions) {
        self.add(&mut self.parts(), 1, options);
    }

    /// Adds an empty part, and keeps so many.
    fn add(&self, parts: &mut VecDeque<Part>, most: usize, options: &HttpOptions) {
        self.layer.dials.store(0, Relaxed);
        // What could be built once can be built again; if not, the old ones serve on.
        if let Ok(part) = self.part(options) {
            parts.push_back(part);
            parts.drain(..parts.len().saturating_sub(most));
        }
    }

    fn part(&self, options: &HttpOptions) -> Result<Part, BuildError> {
        let (tls, resolver, layer) = (self.tls.clone(), self.resolver.clone(), self.layer.clone());
        let client = build_client(options, tls, resolver, layer, self.proxy.as_ref())?;
        Ok(Part { client, hosts: HashSet::new() })
    }

    fn parts(&self) -> MutexGuard<'_, VecDeque<Part>> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection over HTTP/2 serves all requests to its host, retries as well: should it die without a word, the host would be
/// lost for as long as it is kept. So a ping (RFC 9113 §6.7) asks where requests wait in silence, and what does not answer
/// that is given up before the first of them has to be.
fn build_client(
    options: &HttpOptions,
    tls: ClientConfig,
    resolver: Resolver,
    layer: ProbeLayer,
    proxy: Option<&Proxy>,
) -> Result<Client, BuildError> {
    let fault = |error: &dyn fmt::Display| BuildError(format!("cannot set up the HTTP client: {error}"));
    let mut builder = Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(redirect::Policy::none())
        .referer(false)
        .user_agent(&options.user_agent) // also for the CONNECT of a tunnel
        .connect_timeout(options.connect_timeout)
        .pool_idle_timeout(options.connections.keep_alive)
        .pool_max_idle_per_host(options.connections.most_idle())
        .tcp_nodelay(true)
        // What browsers read, so that a page they show is not lost for a line of its head: a folded value (RFC 9112
        // §5.2), a space before the colon, and lines that are no header, which are left out.
        .http1_allow_obsolete_multiline_headers_in_responses(true)
        .http1_allow_spaces_after_header_name_in_responses(true)
        .http1_ignore_invalid_headers_in_responses(true)
        .http1_max_headers(MAX_HEADERS)
        .http2_max_header_list_size(MAX_HEADER_LIST)
        .http2_keep_alive_interval(options.idle_timeout / 4)
        .http2_keep_alive_timeout(options.idle_timeout * 5 / 8)
        .dns_resolver(resolver)
        .connector_layer(layer)
        .no_proxy(); // the environment is read once, elsewhere
    builder = match options.connections.protocol {
        Protocol::Any => builder,
        Protocol::Http1 => builder.http1_only(),
        Protocol::Http2 => builder.http2_prior_knowledge(),
    };
    if let Some(interface) = &options.interface {
        builder = interface.apply(builder)?;
    }
    if let Some(proxy) = proxy {
        builder = builder.proxy(proxy.for_client().map_err(|error| fault(&error))?);
    }
    builder.build().map_err(|error| fault(&error))
}
