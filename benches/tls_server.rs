//! Many HTTPS hosts on loopback, to measure what a handshake costs: `tls.sh` runs it.
//!
//! `tls_server DIR HOSTS PORT [CHAIN] [tls12] [close]` serves three pages of 21 KiB on each of 127.1.0.1, 127.1.0.2, …,
//! `https` at PORT and `http` at the next, until it is killed. Each host has a certificate of its own, below an
//! intermediate, as on the web. CHAIN is `p384` (a P-256 key below P-384 authorities, as of Let's Encrypt), `p256` (below a P-256
//! intermediate and a P-384 root, as of Google) or `rsa` (2048 bits below 2048 and 4096). `close` closes after each answer. DIR gets `ca.pem`,
//! the URLs in `https` and `http`, and `ready`; `/stats` has the counts of connections, full and resumed handshakes.
//! Linux only: elsewhere just one address of 127.0.0.0/8 is there.

#![allow(clippy::unwrap_used, missing_docs, reason = "a program for people who benchmark")]

use std::convert::Infallible;
use std::fmt::Write as _;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::Acceptor;
use rustls::{HandshakeKind, ServerConfig, SupportedProtocolVersion, version};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{LocalSet, spawn_local};
use tokio_rustls::LazyConfigAcceptor;

const PAGES: usize = 3;
const PAGE: usize = 21 * 1024;
const RSA_2048: &str = include_str!("../tests/it/keys/rsa2048.pem");
const RSA_4096: &str = include_str!("../tests/it/keys/rsa4096.pem");

static CONNECTIONS: AtomicUsize = AtomicUsize::new(0);
static FULL: AtomicUsize = AtomicUsize::new(0);
static RESUMED: AtomicUsize = AtomicUsize::new(0);

fn main() {
    // Cargo passes flags of its own.
    let args: Vec<_> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let [dir, hosts, port, flags @ ..] = args.as_slice() else {
        eprintln!("usage: tls_server DIR HOSTS PORT [p384|p256|rsa] [tls12] [close]");
        return;
    };
    let (hosts, port) = (hosts.parse().unwrap(), port.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(LocalSet::new().run_until(run(Path::new(dir), hosts, port, flags))).unwrap();
}

async fn run(dir: &Path, hosts: usize, port: u16, flags: &[String]) -> io::Result<()> {
    let has = |flag: &str| flags.iter().any(|given| given == flag);
    let authority = Authority::new(["rsa", "p256"].into_iter().find(|kind| has(kind)).unwrap_or("p384"));
    let versions: &[_] = if has("tls12") { &[&version::TLS12] } else { &[&version::TLS13, &version::TLS12] };
    let configs = (0..hosts).map(|n| Arc::new(authority.config(address(n), versions))).collect();
    let site = Rc::new(Site { configs, pages: (0..PAGES).map(page).collect(), close: has("close") });
    let secure = TcpListener::bind(("0.0.0.0", port)).await?;
    let plain = TcpListener::bind(("0.0.0.0", port + 1)).await?;

    std::fs::write(dir.join("ca.pem"), &authority.root)?;
    for (scheme, port) in [("https", port), ("http", port + 1)] {
        let urls = (0..hosts)
            .flat_map(|n| (0..PAGES).map(move |page| format!("{scheme}://{}:{port}/{page}\n", address(n))));
        std::fs::write(dir.join(scheme), urls.collect::<String>())?;
    }
    std::fs::write(dir.join("ready"), "")?;

    let in_clear = Rc::clone(&site);
    spawn_local(async move {
        while let Ok(stream) = accept(&plain).await {
            spawn_local(Rc::clone(&in_clear).serve(stream));
        }
    });
    loop {
        spawn_local(Rc::clone(&site).secure(accept(&secure).await?));
    }
}

async fn accept(listener: &TcpListener) -> io::Result<TcpStream> {
    let (stream, _) = listener.accept().await?;
    stream.set_nodelay(true)?;
    CONNECTIONS.fetch_add(1, Relaxed);
    Ok(stream)
}

const FIRST: Ipv4Addr = Ipv4Addr::new(127, 1, 0, 1);

fn address(n: usize) -> Ipv4Addr {
    Ipv4Addr::from_bits(FIRST.to_bits() + u32::try_from(n).unwrap())
}

/// An intermediate authority.
struct Authority {
    der: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
    /// That of all hosts: to the client it is all the same.
    key: KeyPair,
    /// The certificate above, PEM.
    root: String,
}

impl Authority {
    fn new(kind: &str) -> Self {
        let p256 = || KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let p384 = || KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
        let rsa = |pem| KeyPair::from_pem_and_sign_algo(pem, &rcgen::PKCS_RSA_SHA256).unwrap();
        let (root_key, own_key, key) = match kind {
            "rsa" => (rsa(RSA_4096), rsa(RSA_2048), rsa(RSA_2048)),
            "p256" => (p384(), p256(), p256()),
            _ => (p384(), p384(), p256()),
        };
        let (root, own) = (ca("Root"), ca("Intermediate"));
        let root_pem = root.self_signed(&root_key).unwrap().pem();
        let certificate = own.signed_by(&own_key, &Issuer::new(root, root_key)).unwrap();
        Self { der: certificate.der().clone(), issuer: Issuer::new(own, own_key), key, root: root_pem }
    }

    /// What the host at this address presents.
    fn config(&self, address: Ipv4Addr, versions: &[&'static SupportedProtocolVersion]) -> ServerConfig {
        let own = CertificateParams::new([address.to_string()]).unwrap();
        let own = own.signed_by(&self.key, &self.issuer).unwrap();
        let chain = vec![own.der().clone(), self.der.clone()];
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(self.key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
        let mut config = builder.with_no_client_auth().with_single_cert(chain, key).unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config.ticketer = rustls::crypto::ring::Ticketer::new().unwrap();
        config
    }
}

fn ca(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

struct Site {
    configs: Vec<Arc<ServerConfig>>,
    pages: Vec<Bytes>,
    close: bool,
}

impl Site {
    async fn secure(self: Rc<Self>, stream: TcpStream) {
        let Some(config) = self.config(&stream) else { return };
        let Ok(hello) = LazyConfigAcceptor::new(Acceptor::default(), stream).await else { return };
        let Ok(stream) = hello.into_stream(config).await else { return };
        let resumed = stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed);
        (if resumed { &RESUMED } else { &FULL }).fetch_add(1, Relaxed);
        self.serve(stream).await;
    }

    /// Clients send no name to an address, so the address that they dialled says who is meant.
    fn config(&self, stream: &TcpStream) -> Option<Arc<ServerConfig>> {
        let IpAddr::V4(address) = stream.local_addr().ok()?.ip() else { return None };
        self.configs.get(address.to_bits().checked_sub(FIRST.to_bits())? as usize).cloned()
    }

    async fn serve(self: Rc<Self>, stream: impl AsyncRead + AsyncWrite + Unpin + 'static) {
        let keep_alive = !self.close;
        let service = service_fn(move |request| std::future::ready(self.answer(&request)));
        let mut server = auto::Builder::new(TokioExecutor::new());
        server.http1().keep_alive(keep_alive);
        // That a client goes away is no news.
        let _ = server.serve_connection(TokioIo::new(stream), service).await;
    }

    fn answer(&self, request: &Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let body = match request.uri().path().trim_start_matches('/') {
            "stats" => Some(stats()),
            number => number.parse::<usize>().ok().and_then(|n| self.pages.get(n).cloned()),
        };
        let status = if body.is_some() { StatusCode::OK } else { StatusCode::NOT_FOUND };
        let mut answer = Response::new(Full::new(body.unwrap_or_default()));
        *answer.status_mut() = status;
        answer.headers_mut().insert("content-type", "text/html".parse().unwrap());
        Ok(answer)
    }
}

fn stats() -> Bytes {
    let count = |counter: &AtomicUsize| counter.load(Relaxed);
    format!("{} {} {}\n", count(&CONNECTIONS), count(&FULL), count(&RESUMED)).into()
}

fn page(n: usize) -> Bytes {
    let mut page = format!("<!doctype html><title>Page {n}</title>");
    for link in 0..PAGES {
        write!(page, "<a href=\"/{link}\">Page {link}</a>").unwrap();
    }
    while page.len() < PAGE {
        page.push_str("<p>Some words that are neither links nor anything else.</p>\n");
    }
    page.into()
}
