//! `--deny-private` against servers on loopback, one of whose addresses counts as public: names that change their
//! address, connections that are kept, redirects.

use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::resolve::{DnsOptions, Found, LookUp, Names};
use super::{Cache, DenyPrivate, ErrorKind, Fetch as _, Http, HttpOptions, Phase, Request, Response};
use crate::url::CrawlUrl;

const PRIVATE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 1);
const PUBLIC: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

fn is_public(address: IpAddr) -> bool {
    address == PUBLIC
}

/// Two servers on one port, of a public and of a private address, and the requests that each got.
struct Pair {
    port: u16,
    seen: [Arc<Mutex<Vec<String>>>; 2],
}

impl Pair {
    /// `answer` makes the answer to a path.
    fn start(answer: fn(&str, u16) -> String) -> Self {
        let (public, private, port) = loop {
            let private = TcpListener::bind((PRIVATE, 0)).unwrap();
            let port = private.local_addr().unwrap().port();
            // The other address may have given this port to somebody else.
            if let Ok(public) = TcpListener::bind((PUBLIC, port)) {
                break (public, private, port);
            }
        };
        Self { port, seen: [public, private].map(|listener| serve(listener, answer, port)) }
    }

    fn url(&self, host: &str, path: &str) -> CrawlUrl {
        CrawlUrl::parse(&format!("http://{host}:{}{path}", self.port)).unwrap()
    }

    /// Requests that the public and the private server got.
    fn hits(&self) -> [usize; 2] {
        [0, 1].map(|nth| self.seen[nth].lock().unwrap().len())
    }
}

fn serve(listener: TcpListener, answer: fn(&str, u16) -> String, port: u16) -> Arc<Mutex<Vec<String>>> {
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let log = Arc::clone(&seen);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, log) = (stream.unwrap(), Arc::clone(&log));
            std::thread::spawn(move || {
                let (mut text, mut buffer) = (String::new(), [0; 2048]);
                while let Ok(n @ 1..) = stream.read(&mut buffer) {
                    text.push_str(&String::from_utf8_lossy(&buffer[..n]));
                    if text.ends_with("\r\n\r\n") {
                        let path = text.split(' ').nth(1).unwrap().to_owned();
                        log.lock().unwrap().push(std::mem::take(&mut text));
                        stream.write_all(answer(&path, port).as_bytes()).unwrap();
                    }
                }
            });
        }
    });
    seen
}

fn ok(_: &str, _: u16) -> String {
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi".to_owned()
}

/// Redirects `/to/HOST` there.
fn to(path: &str, port: u16) -> String {
    match path.strip_prefix("/to/") {
        Some(host) => {
            format!("HTTP/1.1 302 Found\r\nLocation: http://{host}:{port}/end\r\nContent-Length: 0\r\n\r\n")
        }
        None => ok(path, port),
    }
}

/// A resolver that gives these answers in turn, the last for ever.
fn answers(answers: &[&[Ipv4Addr]]) -> LookUp {
    let answers: VecDeque<Vec<IpAddr>> =
        answers.iter().map(|answer| answer.iter().copied().map(IpAddr::V4).collect()).collect();
    let answers = Mutex::new(answers);
    Arc::new(move |_| {
        let mut answers = answers.lock().unwrap();
        let answer = if answers.len() > 1 { answers.pop_front().unwrap() } else { answers[0].clone() };
        Box::pin(std::future::ready(Ok(Found { addresses: answer, ttl: None })))
    })
}

/// A client that remembers no answer.
fn http(deny_private: DenyPrivate, look_up: LookUp) -> Http {
    http_with(deny_private, look_up, Duration::ZERO)
}

fn http_with(deny_private: DenyPrivate, look_up: LookUp, cache_time: Duration) -> Http {
    let timeout = Duration::from_secs(10);
    let options = HttpOptions { deny_private, is_public, timeout, ..HttpOptions::default() };
    let names = Names::new(look_up, &DnsOptions { cache_time, ..DnsOptions::default() });
    Http::with_names(options, names).unwrap()
}

fn from_public(url: CrawlUrl) -> Request {
    Request { from_public: true, ..Request::get(url) }
}

async fn ask(http: &Http, request: Request) -> Result<Response, (ErrorKind, Phase)> {
    http.fetch(request).await.map_err(|error| (error.kind, error.phase))
}

const BLOCKED: (ErrorKind, Phase) = (ErrorKind::BlockedAddress, Phase::Resolve);
const BLOCKED_HOP: (ErrorKind, Phase) = (ErrorKind::BlockedAddress, Phase::Redirect);

#[tokio::test]
async fn a_name_that_changes_its_address_reaches_no_private_one() {
    let servers = Pair::start(ok);
    let url = servers.url("rebind.test", "/");
    let http = http(DenyPrivate::Public, answers(&[&[PUBLIC], &[PRIVATE]]));
    let first = ask(&http, from_public(url.clone())).await.unwrap();
    assert!(first.is_public && first.remote.map(|a| a.ip()) == Some(IpAddr::V4(PUBLIC)));
    http.judged.renew(&http.options); // else the connection would be used again, and nothing looked up
    assert_eq!(ask(&http, from_public(url)).await.unwrap_err(), BLOCKED);
    assert_eq!(servers.hits(), [1, 0]);
}

#[tokio::test]
async fn what_is_remembered_of_a_name_is_judged_each_time() {
    let servers = Pair::start(ok);
    let url = servers.url("intranet.test", "/");
    let hour = Duration::from_secs(3600);
    let http = http_with(DenyPrivate::Public, answers(&[&[PRIVATE], &[PUBLIC]]), hour);
    for _ in 0..2 {
        assert!(!ask(&http, Request::get(url.clone())).await.unwrap().is_public);
        assert_eq!(ask(&http, from_public(url.clone())).await.unwrap_err(), BLOCKED);
    }
    assert_eq!(servers.hits(), [0, 2]);
}

#[tokio::test]
async fn a_kept_connection_to_a_private_address_is_not_used_for_what_a_public_page_names() {
    let servers = Pair::start(ok);
    let url = servers.url("intranet.test", "/");
    let http = http(DenyPrivate::Public, answers(&[&[PRIVATE]]));
    for _ in 0..2 {
        assert!(!ask(&http, Request::get(url.clone())).await.unwrap().is_public);
        assert_eq!(ask(&http, from_public(url.clone())).await.unwrap_err(), BLOCKED);
    }
    assert_eq!(servers.hits(), [0, 2]);
}

#[tokio::test]
async fn of_several_addresses_only_the_public_ones_are_dialled() {
    let servers = Pair::start(ok);
    let url = servers.url("both.test", "/");
    let http = http(DenyPrivate::Public, answers(&[&[PRIVATE, PUBLIC]]));
    assert!(ask(&http, from_public(url.clone())).await.unwrap().is_public);
    assert_eq!(servers.hits(), [1, 0]);
    http.judged.renew(&http.options); // else that connection would do for the next as well
    assert!(!ask(&http, Request::get(url)).await.unwrap().is_public); // the user named it: in the order given
    assert_eq!(servers.hits(), [1, 1]);
}

#[tokio::test]
async fn a_public_answer_guards_the_hops_behind_it() {
    let servers = Pair::start(to);
    let names = || answers(&[&[PRIVATE]]);
    let http = http(DenyPrivate::Public, names());
    for target in
        ["127.0.0.1", "localhost", "a.localhost.", "0x7f.1", "[::1]", "169.254.169.254", "intranet.test"]
    {
        let url = servers.url("127.0.0.2", &format!("/to/{target}"));
        assert_eq!(ask(&http, Request::get(url)).await.unwrap_err(), BLOCKED_HOP, "{target}");
    }
    assert_eq!(servers.hits()[1], 0);
    let inside = servers.url("127.0.0.1", "/to/intranet.test");
    assert!(!ask(&http, Request::get(inside)).await.unwrap().is_public);
    let outside = servers.url("127.0.0.1", "/to/127.0.0.2");
    assert!(ask(&http, Request::get(outside)).await.unwrap().is_public);
}

#[tokio::test]
async fn never_and_always() {
    let servers = Pair::start(to);
    let url = servers.url("127.0.0.2", "/to/intranet.test");
    let never = http(DenyPrivate::Never, answers(&[&[PRIVATE]]));
    assert_eq!(ask(&never, from_public(url.clone())).await.unwrap().status, 200);
    let always = http(DenyPrivate::Always, answers(&[&[PRIVATE]]));
    assert_eq!(ask(&always, Request::get(url)).await.unwrap_err(), BLOCKED_HOP);
    assert_eq!(ask(&always, Request::get(servers.url("intranet.test", "/"))).await.unwrap_err(), BLOCKED);
}

#[tokio::test]
async fn an_answer_of_the_cache_is_judged_by_the_address_that_gave_it() {
    let servers = Pair::start(|_, _| {
        "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 2\r\n\r\nhi".to_owned()
    });
    let url = servers.url("intranet.test", "/");
    let directory = tempfile::tempdir().unwrap();
    let cache = Cache::open(directory.path(), 1 << 20).unwrap();
    let client = |mode, address| {
        let mut http = http(mode, answers(&[&[address]]));
        http.options.cache = Some(cache.clone());
        http
    };
    // An earlier run that might reach anything.
    let never = client(DenyPrivate::Never, PRIVATE);
    for _ in 0..2 {
        assert!(ask(&never, from_public(url.clone())).await.is_ok());
    }
    assert_eq!(servers.hits(), [0, 1]);
    let public = client(DenyPrivate::Public, PRIVATE);
    assert!(!ask(&public, Request::get(url.clone())).await.unwrap().is_public);
    assert_eq!(ask(&public, from_public(url.clone())).await.unwrap_err(), BLOCKED);
    assert_eq!(servers.hits(), [0, 1]);
    assert!(ask(&client(DenyPrivate::Public, PUBLIC), from_public(url)).await.unwrap().is_public);
    assert_eq!(servers.hits(), [1, 1]);
}
