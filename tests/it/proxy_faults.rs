//! Proxies that misbehave: whose fault it is (the table of docs/network.md, a proxy for each row), and what a list makes
//! of it.

use std::io::Read as _;
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use gannet::fetch::ErrorKind::{self, *};
use gannet::fetch::proxy::{NoProxy, Proxy, ProxyOptions};
use gannet::fetch::{FetchError, Http, HttpOptions, Phase, Request, Response};
use gannet::url::CrawlUrl;

use crate::answering::{moved, page, serve};
use crate::gannet::{call, text, with};
use crate::pki::Identity;
use crate::raw::{Raw, fetch, get, quick};
use crate::tls;

fn proxy(text: &str) -> Proxy {
    text.parse().unwrap()
}

fn by(proxy: &str) -> HttpOptions {
    HttpOptions { proxy: Some(ProxyOptions::all(self::proxy(proxy))), ..quick() }
}

fn by_list(list: &[String]) -> Http {
    let list = list.iter().map(|text| proxy(text)).collect();
    Http::new(HttpOptions { proxy: Some(ProxyOptions { list, ..ProxyOptions::default() }), ..quick() })
        .unwrap()
}

fn url(text: &str) -> CrawlUrl {
    CrawlUrl::parse(text).unwrap()
}

/// A port that nobody listens at.
fn closed() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

async fn error_of(options: HttpOptions, target: &str) -> FetchError {
    get(options, url(target)).await.unwrap_err()
}

#[track_caller]
fn assert_is(error: &FetchError, kind: ErrorKind, words: &str) {
    let place = if kind == ConnectionLost { Phase::FirstByte } else { Phase::Connect };
    assert_eq!((error.kind, error.phase), (kind, place), "{error:?}");
    assert!(error.message.contains(words), "{words}: {error:?}");
    let proxy = error.partial.as_ref().and_then(|partial| partial.proxy.as_ref());
    assert!(proxy.is_some() && !error.message.contains("hunter2"), "{error:?}");
}

const HTTP: &str = "http://example.invalid/";
const HTTPS: &str = "https://example.invalid/";

#[tokio::test]
async fn one_that_cannot_be_reached_is_at_fault() {
    for scheme in ["http", "https", "socks4a", "socks5", "socks5h"] {
        let options = || by(&format!("{scheme}://127.0.0.1:{}", closed()));
        let target = "http://127.0.0.1:9/"; // socks5 looks no name up for it
        assert_is(&error_of(options(), target).await, ErrorKind::Proxy, "`: connection refused");
        assert_is(
            &error_of(options(), &target.replace("http", "https")).await,
            ErrorKind::Proxy,
            "`: connection refused",
        );
    }
    for target in [HTTP, HTTPS] {
        let error = error_of(by("http://u:hunter2@proxy.invalid"), target).await;
        assert_is(&error, ErrorKind::Proxy, "proxy `http://proxy.invalid:80`: ");
    }
    let plain = Raw::serve(|mut conn| {
        conn.send("no TLS here\r\n");
        conn.hold();
    });
    let strange = tls::serve(tls::config(Identity::own()), |mut stream| drop(stream.read(&mut [0; 1])));
    for target in [HTTP, HTTPS] {
        let error = error_of(by(&format!("https://127.0.0.1:{}", plain.port())), target).await;
        assert_is(&error, ErrorKind::Proxy, "");
        let error = error_of(by(&format!("https://127.0.0.1:{}", strange.port())), target).await;
        assert_is(&error, ErrorKind::Proxy, "certificate");
    }
}

/// Answers a request so, and closes without resetting the connection.
fn says(answer: &str) -> Raw {
    let answer = answer.to_owned();
    Raw::serve(move |mut conn| {
        conn.request();
        conn.send(&answer);
        let _ = conn.stream.shutdown(std::net::Shutdown::Write);
        conn.hold();
    })
}

#[tokio::test]
async fn what_it_says_to_connect() {
    let long = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(10_000));
    for (answer, kind, words) in [
        (
            "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
            ErrorKind::Proxy,
            "wants a user and a password",
        ),
        (&long, ErrorKind::Proxy, "too large"),
        ("HTTP/1.1 403 Forbidden\r\n\r\n", Connect, "made no tunnel"),
        ("HTTP/1.1 502 Bad Gateway\r\n\r\n", Connect, "made no tunnel"),
        ("HTTP/1.1 503 Service Unavailable\r\n\r\n", Connect, "made no tunnel"),
        ("HTTP/1.1 504 Gateway Timeout\r\n\r\n", Connect, "made no tunnel"),
        ("SSH-2.0-x\r\n\r\n", Connect, "made no tunnel"),
        ("", Connect, "closed the connection"),
        ("HTTP/1.1 200 OK\r\n\r\nno TLS here", Tls, "TLS"),
    ] {
        let raw = says(answer);
        let error = error_of(by(&format!("u:hunter2@127.0.0.1:{}", raw.port())), HTTPS).await;
        assert_is(&error, kind, words);
    }
    let tunnel = says("HTTP/1.1 200 OK\r\n\r\n");
    let error = error_of(by(&format!("127.0.0.1:{}", tunnel.port())), "https://[::1]:9/").await;
    assert_is(&error, Tls, "an IPv6 address through a proxy");
    let silent = Raw::serve(|mut conn| conn.hold());
    let slow = HttpOptions {
        connect_timeout: Duration::from_millis(200),
        ..by(&format!("127.0.0.1:{}", silent.port()))
    };
    assert_is(&error_of(slow, HTTPS).await, Timeout, "no connection within");
}

#[tokio::test]
async fn what_it_says_in_place_of_the_host() {
    let raw = Raw::answer("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");
    let options = by(&format!("u:hunter2@127.0.0.1:{}", raw.port()));
    assert_is(&error_of(options, HTTP).await, ErrorKind::Proxy, "wants a user and a password");
    // What cannot be told from the host's own answer is taken for it.
    let raw = Raw::answer("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n");
    let response = get(by(&format!("127.0.0.1:{}", raw.port())), url(HTTP)).await.unwrap();
    let shown = format!("http://127.0.0.1:{}", raw.port());
    assert_eq!((response.status, response.proxy.as_deref()), (502, Some(shown.as_str())));
    let raw = Raw::answer("");
    let error = error_of(by(&format!("127.0.0.1:{}", raw.port())), HTTP).await;
    assert_is(&error, ConnectionLost, "");
    // A host behind a tunnel that says 407 is no proxy.
    let host = Raw::answer("HTTP/1.1 407 Odd\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(get(quick(), host.url("/")).await.unwrap().status, 407);
}

/// A SOCKS5 proxy that asks for no login and answers with this reply; after success it is the host as well.
fn socks5(reply: u8) -> (Raw, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let asked = Arc::clone(&count);
    let raw = Raw::serve(move |mut conn| {
        let mut ask = [0; 512];
        asked.fetch_add(1, Ordering::SeqCst);
        let _ = conn.stream.read_exact(&mut ask[..3]);
        conn.send([5, 0]);
        let _ = conn.stream.read(&mut ask);
        conn.send([5, reply, 0, 1, 127, 0, 0, 1, 0, 80]);
        while reply == 0 && conn.request().is_some() {
            conn.send(page("<title>socks</title>"));
        }
    });
    (raw, count)
}

fn socks_url(raw: &Raw) -> String {
    format!("socks5h://127.0.0.1:{}", raw.port())
}

#[tokio::test]
async fn what_it_says_over_socks() {
    for (reply, kind, words) in [
        (1, Connect, "could not reach the host"),
        (2, Connect, "rules do not allow"),
        (3, Connect, "network unreachable, says the proxy"),
        (4, Connect, "host unreachable, says the proxy"),
        (5, Connect, "connection refused, says the proxy"),
        (6, Connect, "ttl expired, says the proxy"),
        (7, ErrorKind::Proxy, "makes no connections"),
        (8, ErrorKind::Proxy, "form of address"),
    ] {
        let (raw, _) = socks5(reply);
        assert_is(&error_of(by(&socks_url(&raw)), HTTP).await, kind, words);
    }
    let answers: [(&[u8], ErrorKind, &str); 4] = [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", ErrorKind::Proxy, "does not speak SOCKS"),
        (&[5, 255], ErrorKind::Proxy, "takes no login"),
        (&[5, 0], ErrorKind::Proxy, "login that it was not offered"),
        (&[5, 2, 1, 1], ErrorKind::Proxy, "wants a user and a password"),
    ];
    for (answer, kind, words) in answers {
        let raw = Raw::serve(move |mut conn| {
            let _ = conn.stream.read(&mut [0; 512]);
            conn.send(answer);
            conn.hold();
        });
        let error = error_of(by(&format!("socks5h://u:hunter2@127.0.0.1:{}", raw.port())), HTTP).await;
        assert_is(&error, kind, words);
    }
    let closes = Raw::serve(drop);
    assert_is(&error_of(by(&socks_url(&closes)), HTTP).await, Connect, "during the SOCKS handshake");
    let old = Raw::serve(|mut conn| {
        let _ = conn.stream.read(&mut [0; 512]);
        conn.send([0, 91, 0, 80, 0, 0, 0, 0]);
    });
    let error = error_of(by(&format!("socks4a://127.0.0.1:{}", old.port())), HTTP).await;
    assert_is(&error, Connect, "could not reach the host");
}

#[tokio::test]
async fn a_name_that_is_looked_up_here_is_the_hosts_fault() {
    let (raw, asked) = socks5(0);
    let options = by(&format!("socks5://127.0.0.1:{}", raw.port()));
    let error = error_of(options, HTTP).await;
    assert_eq!((error.kind, error.phase), (Dns, Phase::Resolve), "{error:?}");
    assert_eq!(asked.load(Ordering::SeqCst), 0);
    assert_eq!(get(by(&socks_url(&raw)), url(HTTP)).await.unwrap().status, 200, "looked up there");
}

async fn ask(http: &Http, target: &str) -> Result<Response, FetchError> {
    fetch(http, Request::get(url(target))).await
}

#[tokio::test]
async fn a_fetch_goes_on_to_the_next_proxy_of_a_list() {
    let (good, asked) = socks5(0);
    for reply in [1, 2, 7, 8] {
        let (bad, of_bad) = socks5(reply);
        let http = by_list(&[socks_url(&bad), socks_url(&good)]);
        for nth in 0..4 {
            let response = ask(&http, &format!("http://h{nth}.invalid/")).await.unwrap();
            assert_eq!(response.proxy.as_deref(), Some(&*socks_url(&good)));
        }
        assert_eq!(of_bad.load(Ordering::SeqCst), 1, "it rests, since the other one reached the host");
    }
    let http =
        by_list(&[format!("127.0.0.1:{}", closed()), "http://nope.invalid".to_owned(), socks_url(&good)]);
    assert_eq!(ask(&http, HTTP).await.unwrap().status, 200);
    assert_eq!(asked.load(Ordering::SeqCst), 4 * 4 + 1);
}

#[tokio::test]
async fn a_host_that_is_down_costs_no_proxy_its_place() {
    for (reply, each) in [(1, 1), (5, 0)] {
        let ((one, of_one), (two, of_two)) = (socks5(reply), socks5(reply));
        let http = by_list(&[socks_url(&one), socks_url(&two)]);
        for _ in 0..4 {
            assert_is(&ask(&http, HTTP).await.unwrap_err(), Connect, "");
        }
        let asked = [of_one, of_two].map(|count| count.load(Ordering::SeqCst));
        // Of reply 5 the first one is believed, of reply 1 it takes two.
        assert_eq!(asked, if each == 1 { [4, 4] } else { [2, 2] });
    }
}

#[tokio::test]
async fn so_many_proxies_and_no_more_for_one_fetch() {
    let socks: Vec<_> = (0..6).map(|_| socks5(7)).collect();
    let list: Vec<_> = socks.iter().map(|(raw, _)| socks_url(raw)).collect();
    let error = ask(&by_list(&list), HTTP).await.unwrap_err();
    assert_is(&error, ErrorKind::Proxy, "makes no connections");
    let asked: usize = socks.iter().map(|(_, count)| count.load(Ordering::SeqCst)).sum();
    assert_eq!(asked, 4, "the first, and three more");
}

#[tokio::test]
async fn a_request_that_may_have_been_taken_is_sent_by_no_other_proxy() {
    let lost = Raw::serve(|mut conn| drop(conn.request()));
    let kept = Raw::answer(page(""));
    let list = [&lost, &kept].map(|raw| format!("http://127.0.0.1:{}", raw.port()));
    let http = by_list(&list);
    let post = Request { method: gannet::fetch::Method::POST, ..Request::get(url(HTTP)) };
    let error = fetch(&http, post).await.unwrap_err();
    assert_is(&error, ConnectionLost, "");
    // Its turn again, for one that may be repeated.
    ask(&http, HTTP).await.unwrap();
    let response = ask(&http, HTTP).await.unwrap();
    assert_eq!(response.proxy.as_deref(), Some(list[1].as_str()));
}

#[tokio::test]
async fn what_is_bypassed_is_asked_directly_and_judged() {
    let host = Raw::answer(page("<title>direct</title>"));
    let options = ProxyOptions {
        bypass: NoProxy::parse("127.0.0.0/8").unwrap(),
        ..ProxyOptions::all(proxy(&format!("127.0.0.1:{}", closed())))
    };
    let http = Http::new(HttpOptions { proxy: Some(options), ..quick() }).unwrap();
    let response = fetch(&http, Request::get(host.url("/"))).await.unwrap();
    assert_eq!((response.status, response.proxy), (200, None));
    let guarded = Request { from_public: true, ..Request::get(host.url("/")) };
    assert_eq!(fetch(&http, guarded).await.unwrap_err().kind, BlockedAddress);
}

/// Through `socks5` names are looked up here, so that private addresses show; through `socks5h` they do not.
#[tokio::test]
async fn private_addresses_are_judged_where_names_are_looked_up_here() {
    let (raw, asked) = socks5(0);
    // A name that means this machine and does not look like it.
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let resolved = std::net::ToSocketAddrs::to_socket_addrs(&(name.as_str(), 80));
    if !resolved.is_ok_and(|mut found| found.all(|address| !gannet::fetch::is_public(address.ip()))) {
        println!("skipped: `{name}` has no private address here");
        return;
    }
    for (scheme, blocked) in [("socks5", true), ("socks5h", false)] {
        let http = Http::new(by(&format!("{scheme}://127.0.0.1:{}", raw.port()))).unwrap();
        let request = Request { from_public: true, ..Request::get(url(&format!("http://{name}/"))) };
        let result = fetch(&http, request).await;
        assert_eq!(result.as_ref().is_err_and(|error| error.kind == BlockedAddress), blocked, "{result:?}");
        let unguarded = fetch(&http, Request::get(url(&format!("http://{name}/")))).await.unwrap();
        assert_eq!(unguarded.is_public, !blocked, "{scheme}");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_login_is_sent_as_it_is_meant_also_to_an_ipv6_address() {
    let (send, heads) = mpsc::channel();
    let http = Raw::serve_at("::1", move |mut conn| {
        while let Some(head) = conn.request() {
            send.send(head).unwrap();
            conn.send(page(""));
        }
    });
    let response =
        get(by(&format!("http://g%40ll:a%3Ab%2F@[::1]:{}", http.port())), url(HTTP)).await.unwrap();
    assert_eq!(response.proxy.unwrap().to_string(), format!("http://[::1]:{}", http.port()));
    let head = heads.recv().unwrap();
    assert!(head.contains("Basic Z0BsbDphOmIv"), "`g@ll:a:b/`, {head}");
    let (send, login) = mpsc::channel();
    let socks = Raw::serve_at("::1", move |mut conn| {
        let mut said = [0; 64];
        let _ = conn.stream.read(&mut said);
        conn.send([5, 2]);
        let length = conn.stream.read(&mut said).unwrap_or(0);
        send.send(said[..length].to_vec()).unwrap();
        conn.send([1, 1]);
        conn.hold();
    });
    let _ = get(by(&format!("socks5h://g%40ll:a%3Ab%2F@[::1]:{}", socks.port())), url(HTTP)).await;
    assert_eq!(login.recv().unwrap(), b"\x01\x04g@ll\x04a:b/");
}

#[tokio::test]
async fn redirects_stay_with_the_proxy_of_their_fetch() {
    let proxies: Vec<_> = (0..3)
        .map(|_| {
            serve(|path| match path {
                "http://h.invalid/" => moved("http://other.invalid/a"),
                "http://other.invalid/a" => moved("/b"),
                _ => page(""),
            })
        })
        .collect();
    let http =
        by_list(&proxies.iter().map(|(raw, _)| format!("127.0.0.1:{}", raw.port())).collect::<Vec<_>>());
    for turn in 1..=2 {
        for _ in &proxies {
            assert_eq!(ask(&http, "http://h.invalid/").await.unwrap().chain.len(), 2);
        }
        assert!(proxies.iter().all(|(_, heads)| heads.lock().unwrap().len() == 3 * turn));
    }
}

#[test]
fn a_list_of_dead_proxies_ends_the_run_with_a_record_of_each_url() {
    let desk = tempfile::tempdir().unwrap();
    let (list, urls) = (desk.path().join("proxies.txt"), desk.path().join("urls.txt"));
    let dead = (0..5).map(|_| format!("http://user:hunter2@127.0.0.1:{}\n", closed())).collect::<String>();
    std::fs::write(&list, format!("# dead\n\n{dead}")).unwrap();
    std::fs::write(&urls, (0..40).map(|nth| format!("http://h{nth}.invalid/\n")).collect::<String>())
        .unwrap();
    let began = Instant::now();
    let args = ["fetch", urls.to_str().unwrap(), "--proxy-list", list.to_str().unwrap(), "--retries", "1"];
    let ran = call(args).run().exits(4);
    assert_eq!(with(&ran.records(), "error_kind", "proxy"), 40, "{}", ran.text());
    assert!(!(ran.text() + &ran.stderr).contains("hunter2"));
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    assert!(
        ran.records().iter().any(|record| text(record, "error").contains("none of the 5 proxies is left"))
    );
}

#[test]
fn a_proxy_that_is_down_is_not_the_hosts_fault() {
    let proxy = format!("http://127.0.0.1:{}", closed());
    let urls: Vec<_> = (0..12).map(|nth| format!("http://h.invalid/{nth}")).collect();
    let args = ["fetch", "-x", &proxy, "--retries", "0"].into_iter().chain(urls.iter().map(String::as_str));
    let ran = call(args.collect::<Vec<_>>()).run().exits(4);
    let records = ran.records();
    assert_eq!((with(&records, "error_kind", "proxy"), with(&records, "proxy", &proxy)), (12, 12));
    assert!(records.iter().all(|record| record["attempts"] == 1), "the host is not given up");
    // robots.txt goes the same way.
    let ran = call(["crawl", "-x", &proxy, "--retries", "0", "http://h.invalid/"]).run().exits(4);
    let record = ran.record();
    assert_eq!((text(&record, "error_kind"), text(&record, "phase")), ("proxy", "robots"));
}

#[test]
fn proxies_that_say_nothing_are_given_up_too() {
    let silent: Vec<_> = (0..3).map(|_| Raw::serve(|mut conn| conn.hold())).collect();
    let desk = tempfile::tempdir().unwrap();
    let (list, urls) = (desk.path().join("proxies.txt"), desk.path().join("urls.txt"));
    std::fs::write(&list, silent.iter().map(|raw| socks_url(raw) + "\n").collect::<String>()).unwrap();
    let hosts = (0..60).map(|nth| format!("http://h{nth}.invalid/\n"));
    std::fs::write(&urls, hosts.collect::<String>()).unwrap();
    let args = ["fetch", urls.to_str().unwrap(), "--proxy-list", list.to_str().unwrap()];
    let more = ["--retries", "0", "--connect-timeout", "200ms", "--workers", "4"];
    let ran = call([&args[..], &more[..]].concat()).run().exits(4);
    let records = ran.records();
    let (timeouts, gone) = (with(&records, "error_kind", "timeout"), with(&records, "error_kind", "proxy"));
    assert!(
        timeouts + gone == 60 && gone > 30 && ran.took < Duration::from_secs(30),
        "{timeouts} {gone} {:?}",
        ran.took
    );
}
