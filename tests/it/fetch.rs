//! What a fetch does when all goes well: redirects, headers, limits, timings.

use std::sync::{Arc, Mutex};

use gannet::fetch::proxy::ProxyOptions;
use gannet::fetch::{
    DenyPrivate, ErrorKind, FetchError, HeaderValue, Hop, HopPolicy, Http, HttpOptions, Method, Phase,
    Request, Truncated,
};
use gannet::origin::{Addressing, Origin, Site};
use gannet::url::CrawlUrl;

use crate::raw::{Raw, fetch, get, quick};

/// The heads of the requests that a server got.
type Seen = Arc<Mutex<Vec<String>>>;

/// A server that keeps connections open and answers by path, noting each request.
fn site(answers: impl Fn(&str) -> String + Send + Sync + 'static) -> (Raw, Seen) {
    let seen = Seen::default();
    let log = Arc::clone(&seen);
    let server = Raw::serve(move |mut conn| {
        while let Some(head) = conn.request() {
            let path = head.split(' ').nth(1).unwrap().to_owned();
            let length = header(&head, "content-length").map_or(0, |length| length.parse().unwrap());
            let body = conn.body(length);
            log.lock().unwrap().push(head + std::str::from_utf8(&body).unwrap());
            if !conn.send(answers(&path)) {
                break;
            }
        }
    });
    (server, seen)
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines()
        .find_map(|line| line.split_once(": ").filter(|(n, _)| n.eq_ignore_ascii_case(name)))
        .map(|(_, v)| v)
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn redirect(status: u16, to: &str) -> String {
    format!("HTTP/1.1 {status} Moved\r\nLocation: {to}\r\nContent-Length: 5\r\n\r\nmoved")
}

fn is(error: &FetchError, kind: ErrorKind, phase: Phase) -> bool {
    (error.kind, error.phase) == (kind, phase)
}

#[tokio::test]
async fn a_page() {
    let (server, seen) = site(|_| ok("hello"));
    let http = Http::new(quick()).unwrap();
    let first = fetch(&http, Request::get(server.url("/a?b"))).await.unwrap();
    assert_eq!((first.status, first.http_version, &first.body.bytes[..]), (200, "HTTP/1.1", &b"hello"[..]));
    assert_eq!((first.body.wire_bytes, first.body.truncated), (5, None));
    assert_eq!(first.remote.unwrap().port(), server.port());
    assert!(first.chain.is_empty() && first.redirect.is_none());
    let times = first.timings;
    assert!(times.connect.is_some() && times.dns.is_none());
    assert!(times.first_byte.unwrap() <= times.total);

    let again = fetch(&http, Request::get(server.url("/"))).await.unwrap();
    assert!(again.timings.connect.is_none(), "the connection is used again");
    let seen = seen.lock().unwrap();
    assert!(seen[0].starts_with("GET /a?b HTTP/1.1\r\n"));
    assert_eq!(header(&seen[0], "accept"), Some("*/*"));
    assert_eq!(header(&seen[0], "accept-encoding"), Some("gzip, deflate, br, zstd"));
    assert!(header(&seen[0], "user-agent").unwrap().starts_with("gannet/"));
}

#[tokio::test]
async fn names_are_resolved_and_timed() {
    let (server, _) = site(|_| ok("hello"));
    let url = CrawlUrl::parse(&format!("http://localhost:{}/", server.port())).unwrap();
    let response = get(quick(), url).await.unwrap();
    assert!(response.timings.dns.is_some() && response.timings.connect.is_some());
}

#[tokio::test]
async fn statuses_and_bodiless_answers() {
    for (answer, status) in [
        ("HTTP/1.1 204 No Content\r\n\r\n", 204),
        ("HTTP/1.1 304 Not Modified\r\nContent-Encoding: gzip\r\n\r\n", 304),
        ("HTTP/1.1 301 No Location\r\nContent-Length: 0\r\n\r\n", 301),
        ("HTTP/1.1 302 Empty\r\nLocation:\r\nContent-Length: 0\r\n\r\n", 302),
        ("HTTP/1.0 404 Not Found\r\n\r\n", 404),
        ("HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n", 999),
    ] {
        let server = Raw::answer(answer);
        let response = get(quick(), server.url("/")).await.unwrap();
        assert_eq!((response.status, response.body.bytes.len(), response.body.truncated), (status, 0, None));
    }
    let server = Raw::answer("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nContent-Encoding: br\r\n\r\n");
    let head = Request { method: Method::HEAD, ..Request::get(server.url("/")) };
    let response = fetch(&Http::new(quick()).unwrap(), head).await.unwrap();
    assert_eq!((response.body.bytes.len(), response.body.truncated), (0, None));
}

#[tokio::test]
async fn redirects_are_followed_and_recorded() {
    let (server, seen) = site(|path| match path {
        "/1" => redirect(301, "/2#frag"),
        "/2" => redirect(302, "3 \u{e9}"),
        "/3%20%C3%A9" => redirect(308, "/4"),
        _ => ok("there"),
    });
    let response = get(quick(), server.url("/1")).await.unwrap();
    let chain: Vec<_> =
        response.chain.iter().map(|hop| (hop.url.path_and_query(), hop.status_code)).collect();
    assert_eq!(chain, [("/1", 301), ("/2", 302), ("/3%20%C3%A9", 308)]);
    assert_eq!((response.final_url, &response.body.bytes[..]), (server.url("/4"), &b"there"[..]));
    assert_eq!(seen.lock().unwrap().len(), 4);
}

#[tokio::test]
async fn redirects_that_go_nowhere() {
    let (server, _) = site(|path| match path {
        "/self" => redirect(302, "/self"),
        "/ping" => redirect(302, "/pong"),
        "/pong" => redirect(302, "/ping"),
        "/ftp" => redirect(302, "ftp://example.org/"),
        "/bad" => redirect(302, "http://[::1"),
        other => redirect(302, &format!("{other}x")),
    });
    for (path, kind, hops, words) in [
        ("/self", ErrorKind::RedirectLoop, 0, "back to"),
        ("/ping", ErrorKind::RedirectLoop, 1, "back to"),
        ("/ftp", ErrorKind::BadRedirect, 0, "unsupported scheme `ftp`"),
        ("/bad", ErrorKind::BadRedirect, 0, "http://[::1"),
        ("/x", ErrorKind::TooManyRedirects, 10, "more than 10"),
    ] {
        let error = get(quick(), server.url(path)).await.unwrap_err();
        assert!(is(&error, kind, Phase::Redirect) && error.message.contains(words), "{path}: {error:?}");
        let partial = error.partial.unwrap();
        assert_eq!((partial.chain.len(), partial.status), (hops, 302), "{path}");
    }
    let none = HttpOptions { max_redirects: 0, ..quick() };
    assert!(is(
        &get(none, server.url("/x")).await.unwrap_err(),
        ErrorKind::TooManyRedirects,
        Phase::Redirect
    ));
}

#[tokio::test]
async fn a_failure_after_a_redirect_keeps_the_chain() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (server, _) = site(move |_| redirect(302, &format!("http://{gone}/")));
    let error = get(quick(), server.url("/")).await.unwrap_err();
    assert!(is(&error, ErrorKind::Connect, Phase::Connect), "{error:?}");
    let partial = error.partial.unwrap();
    assert_eq!((partial.status, partial.chain[0].url.clone()), (0, server.url("/")));
    assert_eq!(partial.final_url.as_str(), format!("http://{gone}/"));
}

#[tokio::test]
async fn methods_change_as_in_browsers() {
    let (server, seen) = site(|path| match path {
        "/see" => redirect(303, "/see"),
        "/keep" => redirect(307, "/end"),
        _ => ok(""),
    });
    let mut options = quick();
    options.headers.insert("content-type", HeaderValue::from_static("text/plain"));
    let http = Http::new(options).unwrap();
    let post =
        |path| Request { method: Method::POST, body: Some("data".into()), ..Request::get(server.url(path)) };
    fetch(&http, post("/keep")).await.unwrap();
    let error = fetch(&http, post("/see")).await.unwrap_err();
    assert!(is(&error, ErrorKind::RedirectLoop, Phase::Redirect), "only the second, as GET: {error}");
    let seen = seen.lock().unwrap();
    assert!(seen[1].starts_with("POST /end ") && seen[1].ends_with("\r\n\r\ndata"));
    assert!(seen[3].starts_with("GET /see ") && seen[3].ends_with("\r\n\r\n"));
    assert!(header(&seen[2], "content-type").is_some() && header(&seen[3], "content-type").is_none());
}

#[tokio::test]
async fn secrets_stay_at_their_origin() {
    let (other, at_other) = site(|_| ok("other"));
    let abroad = other.url("/").as_str().to_owned();
    let (server, at_home) =
        site(move |path| if path == "/1" { redirect(302, "/2") } else { redirect(302, &abroad) });
    let mut options = quick();
    for name in ["authorization", "cookie", "proxy-authorization", "x-public"] {
        options.headers.insert(name, HeaderValue::from_static("value"));
    }
    get(options, server.url("/1")).await.unwrap();
    let (at_home, at_other) = (at_home.lock().unwrap(), at_other.lock().unwrap());
    for name in ["authorization", "cookie", "proxy-authorization"] {
        assert!(header(&at_home[0], name).is_some() && header(&at_home[1], name).is_some(), "{name}");
        assert!(header(&at_other[0], name).is_none(), "{name}");
    }
    assert!(header(&at_other[0], "x-public").is_some());
}

#[tokio::test]
async fn a_user_in_the_url_becomes_basic_auth_there_only() {
    let (other, at_other) = site(|_| ok(""));
    let abroad = other.url("/").as_str().to_owned();
    let (server, at_home) = site(move |_| redirect(302, &abroad));
    let url = format!("http://us%65r:pass@127.0.0.1:{}/", server.port());
    get(quick(), CrawlUrl::parse(&url).unwrap()).await.unwrap();
    assert_eq!(header(&at_home.lock().unwrap()[0], "authorization"), Some("Basic dXNlcjpwYXNz"));
    assert_eq!(header(&at_other.lock().unwrap()[0], "authorization"), None);
}

struct Verdict(Hop);

impl HopPolicy for Verdict {
    fn judge(&self, _: &CrawlUrl, _: &CrawlUrl) -> Hop {
        self.0.clone()
    }
}

#[tokio::test]
async fn the_policy_decides_about_hops() {
    let (server, seen) = site(|_| redirect(302, "/next"));
    let http = Http::new(quick()).unwrap();
    let ask = |hop| Request { hops: Some(Arc::new(Verdict(hop))), ..Request::get(server.url("/")) };
    let response = fetch(&http, ask(Hop::HandBack)).await.unwrap();
    assert_eq!((response.status, response.redirect), (302, Some(server.url("/next"))));
    assert_eq!((response.final_url, &response.body.bytes[..]), (server.url("/"), &b"moved"[..]));
    let refused = fetch(&http, ask(Hop::Refuse(ErrorKind::RobotsDenied, "no".to_owned()))).await.unwrap_err();
    assert!(is(&refused, ErrorKind::RobotsDenied, Phase::Redirect));
    assert_eq!(refused.partial.unwrap().redirect, Some(server.url("/next")));
    assert_eq!(seen.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn private_addresses_are_denied_if_asked() {
    let (server, seen) = site(|_| ok(""));
    let deny = HttpOptions { deny_private: DenyPrivate::Always, ..quick() };
    let named = CrawlUrl::parse(&format!("http://localhost:{}/", server.port())).unwrap();
    for url in [server.url("/"), named] {
        let error = get(deny.clone(), url).await.unwrap_err();
        assert!(is(&error, ErrorKind::BlockedAddress, Phase::Resolve), "{error:?}");
    }
    assert!(seen.lock().unwrap().is_empty());

    // The proxy itself may be private, what it is asked for may not.
    let proxied = HttpOptions {
        proxy: Some(ProxyOptions::all(format!("localhost:{}", server.port()).parse().unwrap())),
        ..deny
    };
    let url = |text| CrawlUrl::parse(text).unwrap();
    assert_eq!(get(proxied.clone(), url("http://example.invalid/")).await.unwrap().status, 200);
    assert!(seen.lock().unwrap()[0].starts_with("GET http://example.invalid/ HTTP/1.1"));
    let error = get(proxied, url("http://169.254.169.254/")).await.unwrap_err();
    assert!(is(&error, ErrorKind::BlockedAddress, Phase::Resolve));
}

#[tokio::test]
async fn a_body_at_the_cap_is_whole_and_above_it_is_marked() {
    let (server, _) = site(|path| ok(&"x".repeat(path.len())));
    let options = HttpOptions { max_body: 5, ..quick() };
    let whole = get(options.clone(), server.url("/1234")).await.unwrap();
    assert_eq!((whole.body.bytes.len(), whole.body.truncated), (5, None));
    let cut = get(options, server.url("/12345")).await.unwrap();
    assert_eq!((cut.body.bytes.len(), cut.body.truncated), (5, Some(Truncated::Length)));
}

#[tokio::test]
async fn a_url_that_no_request_line_can_hold() {
    let (server, _) = site(|_| ok(""));
    let error = get(quick(), server.url(&format!("/{}", "x".repeat(70_000)))).await.unwrap_err();
    assert!(is(&error, ErrorKind::InvalidUrl, Phase::FirstByte), "{error:?}");
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_is_no_failure() {
    let asked = Arc::new(Mutex::new(0));
    let flaky = Raw::serve({
        let asked = Arc::clone(&asked);
        move |mut conn| {
            conn.request();
            conn.send(ok("hello"));
            if conn.request().is_some() {
                *asked.lock().unwrap() += 1; // and closes instead of answering
            }
        }
    });
    let http = Http::new(quick()).unwrap();
    let again = |method: Method| Request { method, ..Request::get(flaky.url("/")) };
    fetch(&http, again(Method::GET)).await.unwrap();
    fetch(&http, again(Method::GET)).await.unwrap();
    assert_eq!(*asked.lock().unwrap(), 1, "asked on the kept connection, then on a new one");
    let error = fetch(&http, again(Method::POST)).await.unwrap_err();
    assert!(is(&error, ErrorKind::ConnectionLost, Phase::FirstByte), "{error:?}");
}

#[tokio::test]
async fn connections_to_the_hosts_that_were_met_last_are_kept() {
    let site = Site { hosts: 40, pages: 1, addressing: Addressing::Names, ..Site::default() };
    let origin = Origin::start(site, ([127, 0, 0, 1], 0).into()).await.unwrap();
    let options = HttpOptions {
        keep_connections: 16,
        proxy: origin.proxy().map(|proxy| ProxyOptions::all(proxy.parse().unwrap())),
        ..quick()
    };
    let http = Http::new(options).unwrap();
    let visit = async |hosts: std::ops::Range<u32>| {
        for host in hosts {
            let url = CrawlUrl::parse(&format!("http://h{host}.test/")).unwrap();
            assert_eq!(fetch(&http, Request::get(url)).await.unwrap().status, 200);
        }
        origin.stats().connections
    };
    assert_eq!(visit(0..40).await, 40);
    assert_eq!(visit(28..40).await, 40, "those of the last hosts serve again");
    assert_eq!(visit(0..1).await, 41, "that of the first is gone");
}
