//! One misbehaving server per row of the error table: which kind, which phase, and that it ends.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::time::Duration;

use gannet::fetch::ErrorKind::{self, *};
use gannet::fetch::Phase::{self, *};
use gannet::fetch::proxy::ProxyOptions;
use gannet::fetch::{FetchError, Http, HttpOptions, Request, Response, Truncated};
use gannet::url::CrawlUrl;

use crate::pki::Identity;
use crate::raw::{Conn, Raw, fetch, get, insecure, quick};
use crate::tls;

/// Fetches from a server that is expected to make that fail.
async fn failure(options: HttpOptions, handler: impl Fn(Conn) + Send + Sync + 'static) -> FetchError {
    let server = Raw::serve(handler);
    get(options, server.url("/")).await.expect_err("the fetch fails")
}

/// As [`failure`], for a server that reads the request, sends these bytes and closes.
async fn answer(bytes: impl Into<Vec<u8>>) -> Result<Response, FetchError> {
    let server = Raw::answer(bytes);
    get(quick(), server.url("/")).await
}

#[track_caller]
fn assert_is(error: &FetchError, kind: ErrorKind, phase: Phase) {
    assert_eq!((error.kind, error.phase), (kind, phase), "{error}");
    assert!(!error.exhausted && !error.message.contains("error sending request"), "{error}");
}

fn part(error: &FetchError) -> (&[u8], Option<Truncated>) {
    let partial = error.partial.as_ref().expect("a part was received");
    assert_eq!(partial.status, 200);
    (&partial.body.bytes, partial.body.truncated)
}

#[tokio::test]
async fn never_answers() {
    let hold = |mut conn: Conn| conn.hold();
    let error = failure(quick(), hold).await;
    assert_is(&error, Timeout, FirstByte);
    assert!(error.partial.is_none() && error.timings.connect.is_some());
    let total =
        HttpOptions { timeout: Duration::from_millis(200), idle_timeout: Duration::from_secs(9), ..quick() };
    assert_is(&failure(total, hold).await, Timeout, Total);
}

#[tokio::test]
async fn slow_head() {
    let error = failure(quick(), |mut conn| {
        conn.request();
        let mut bytes = b"HTTP/1.1 200 OK\r\nX-Slow: ".iter().chain(std::iter::repeat(&b'x'));
        while conn.pause(20) && conn.send([*bytes.next().unwrap()]) {}
    });
    assert_is(&error.await, Timeout, FirstByte);
}

#[tokio::test]
async fn stalls_in_the_body() {
    let error = failure(quick(), |mut conn| {
        conn.request();
        conn.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
        conn.hold();
    });
    let error = error.await;
    assert_is(&error, Timeout, Body);
    assert_eq!(part(&error), (&b"hello"[..], Some(Truncated::Time)));
    assert!(error.timings.first_byte.is_some());
}

#[tokio::test]
async fn drips() {
    let options = HttpOptions { timeout: Duration::from_millis(600), ..quick() };
    let error = failure(options, |mut conn| {
        conn.request();
        conn.send("HTTP/1.1 200 OK\r\n\r\n");
        while conn.send("x") && conn.pause(50) {}
    });
    let error = error.await;
    assert_is(&error, Timeout, Total);
    let (body, truncated) = part(&error);
    assert!(body.len() > 1 && truncated == Some(Truncated::Time));
}

#[tokio::test]
async fn resets() {
    let before = failure(quick(), |mut conn| conn.leave_unread()).await;
    assert_is(&before, ConnectionLost, FirstByte);
    let within = failure(quick(), |mut conn| {
        conn.leave_unread();
        conn.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
    });
    let within = within.await;
    assert_is(&within, ConnectionLost, Body);
    assert_eq!(part(&within).1, Some(Truncated::Disconnect));
}

#[tokio::test]
async fn closes_early() {
    assert_is(&answer("").await.unwrap_err(), ConnectionLost, FirstByte);
    assert_is(&answer("HTTP/1.1 200 O").await.unwrap_err(), ConnectionLost, FirstByte);
    let error = answer("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhello").await.unwrap_err();
    assert_is(&error, ConnectionLost, Body);
    assert_eq!(part(&error), (&b"hello"[..], Some(Truncated::Disconnect)));
}

#[tokio::test]
async fn sends_more_than_announced() {
    let response = answer("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello, and more").await.unwrap();
    assert_eq!((&response.body.bytes[..], response.body.truncated), (&b"hello"[..], None));
}

#[tokio::test]
async fn is_not_http() {
    for bytes in [
        "garbage\r\n\r\n",
        "<html>HTTP/0.9 had no head</html>",
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/1.1 abc OK\r\n\r\n",
    ] {
        let error = answer(bytes).await.unwrap_err();
        assert_is(&error, Protocol, FirstByte);
    }
}

#[tokio::test]
async fn the_encoding_says_where_the_body_ends_whatever_the_length_says() {
    let reply =
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    assert_eq!(&answer(reply).await.unwrap().body.bytes[..], b"hello");
}

#[tokio::test]
async fn breaks_the_framing() {
    let error = answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzzz\r\n")
        .await
        .unwrap_err();
    assert_is(&error, Protocol, Body);
    assert_eq!(part(&error), (&b"hello"[..], Some(Truncated::Disconnect)));
    let error = answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel").await.unwrap_err();
    assert_is(&error, ConnectionLost, Body);
    let error =
        answer("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!").await.unwrap_err();
    assert_is(&error, Protocol, FirstByte);
    let error = answer("HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello!").await.unwrap_err();
    assert_is(&error, Protocol, FirstByte);
}

#[tokio::test]
async fn never_stops() {
    for head in ["Content-Length: 10000000000", "X-No-Length: 1", "Transfer-Encoding: chunked"] {
        let server = Raw::serve(move |mut conn| {
            conn.request();
            conn.send(format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n"));
            let block = [b"10000\r\n", &[b'x'; 0x10000][..], b"\r\n"].concat();
            while conn.send(&block) {}
        });
        let response = get(quick(), server.url("/")).await.unwrap();
        assert_eq!(response.body.bytes.len(), 1 << 20, "{head}");
        assert_eq!(response.body.truncated, Some(Truncated::Length), "{head}");
        assert!(response.body.wire_bytes < 4 << 20, "{head}");
    }
}

#[tokio::test]
async fn has_endless_headers() {
    let one = "X-Filler: abcdefghijklmnopqrstuvwxyz\r\n";
    let error = answer(format!("HTTP/1.1 200 OK\r\n{}\r\n", one.repeat(30_000))).await.unwrap_err();
    assert_is(&error, Protocol, FirstByte);
    let error = failure(quick(), move |mut conn| {
        conn.request();
        conn.send("HTTP/1.1 200 OK\r\nX-Long: ");
        while conn.send([b'x'; 4096]) {}
    });
    assert_is(&error.await, Protocol, FirstByte);
}

#[tokio::test]
async fn is_informative_for_ever() {
    let error = failure(quick(), |mut conn| {
        conn.request();
        while conn.send("HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n") && conn.pause(1) {}
    });
    assert_is(&error.await, Timeout, FirstByte);
    let some = "HTTP/1.1 100 Continue\r\n\r\n".repeat(20) + "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    assert_eq!(&answer(some).await.unwrap().body.bytes[..], b"ok");
}

#[tokio::test]
async fn is_not_there() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = get(quick(), CrawlUrl::parse(&format!("http://{closed}/")).unwrap()).await.unwrap_err();
    assert_is(&error, ErrorKind::Connect, Phase::Connect);
    assert_eq!(error.message, "connection refused");

    let error = get(quick(), CrawlUrl::parse("http://nonexistent.invalid/").unwrap()).await.unwrap_err();
    assert!(matches!((error.kind, error.phase), (Dns | Timeout, Resolve)), "{error:?}");
}

#[tokio::test]
async fn confuses_http_and_https() {
    let server = Raw::serve(|mut conn| {
        conn.leave_unread();
        conn.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        conn.hold();
    });
    let error = get(quick(), server.https_url("/")).await.unwrap_err();
    assert_is(&error, Tls, Phase::Connect);
    assert!(error.message.contains("does not speak TLS"), "{error}");

    let tls = tls_server();
    let error = get(quick(), tls.url("/")).await.unwrap_err();
    assert!(matches!((error.kind, error.phase), (Protocol | ConnectionLost, FirstByte)), "{error}");
}

#[tokio::test]
async fn stalls_in_the_handshake() {
    let options = HttpOptions { connect_timeout: Duration::from_millis(300), ..quick() };
    let stalls = Raw::serve(|mut conn| conn.hold());
    let error = get(options, stalls.https_url("/")).await.unwrap_err();
    assert_is(&error, Timeout, Phase::Connect);
    let closes = Raw::serve(|mut conn| {
        let _ = conn.stream.read(&mut [0; 4096]);
        let _ = conn.stream.shutdown(Shutdown::Write);
        conn.hold();
    });
    let error = get(quick(), closes.https_url("/")).await.unwrap_err();
    assert_is(&error, Tls, Phase::Connect);
}

#[tokio::test]
async fn resets_in_the_handshake() {
    let server = Raw::serve(|mut conn| conn.leave_unread());
    let error = get(quick(), server.https_url("/")).await.unwrap_err();
    assert_is(&error, ConnectionLost, Phase::Connect);
}

/// With TLS 1.3 the server looks for one after the handshake, when the client has sent its request.
#[tokio::test]
async fn asks_for_a_client_certificate() {
    let server = tls::serve(tls::config_with_clients(Identity::own(), rustls::ALL_VERSIONS), |mut stream| {
        while stream.read(&mut [0; 4096]).is_ok_and(|n| n > 0) {}
        while stream.sock.read(&mut [0; 4096]).is_ok_and(|n| n > 0) {}
    });
    let insecure = HttpOptions { tls: insecure(), ..quick() };
    let error = get(insecure, server.https_url("/")).await.unwrap_err();
    assert_is(&error, Tls, FirstByte);
    assert_eq!(error.message, "the server asks for a client certificate");
}

/// Names are looked up by a pool of threads. Here it has one, which is busy.
#[test]
fn has_a_name_server_that_stalls() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(1).build();
    let (release, busy) = std::sync::mpsc::channel::<()>();
    runtime.unwrap().block_on(async {
        tokio::task::spawn_blocking(move || busy.recv().is_err());
        let options = HttpOptions { connect_timeout: Duration::from_millis(100), ..quick() };
        let error = get(options, CrawlUrl::parse("http://localhost:9/").unwrap()).await.unwrap_err();
        assert_is(&error, Timeout, Resolve);
        drop(release);
    });
}

#[tokio::test]
async fn signs_its_own_certificate() {
    let server = tls_server();
    let error = get(quick(), server.https_url("/")).await.unwrap_err();
    assert_is(&error, Tls, Phase::Connect);
    assert!(error.message.contains("certificate"), "{error}");

    let insecure = HttpOptions { tls: insecure(), ..quick() };
    let response = get(insecure, server.https_url("/")).await.unwrap();
    assert_eq!(&response.body.bytes[..], b"secret");
    assert!(response.timings.connect.is_some());
}

#[tokio::test]
async fn has_no_certificates_to_check_with() {
    if !is_child() {
        let none = "export SSL_CERT_FILE=/nonexistent SSL_CERT_DIR=/nonexistent";
        return run_again("misbehaving::has_no_certificates_to_check_with", none);
    }
    let server = tls_server();
    let error = get(quick(), server.https_url("/")).await.unwrap_err();
    assert_is(&error, Tls, Phase::Connect);
    assert!(error.message.contains("no CA certificates were found"), "{error}");
    let plain = Raw::answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    assert_eq!(get(quick(), plain.url("/")).await.unwrap().status, 200);
}

#[tokio::test]
async fn has_no_descriptors_left() {
    if !is_child() {
        return run_again("misbehaving::has_no_descriptors_left", "ulimit -n 50");
    }
    // Nobody accepts, so that the server needs no descriptor of its own.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = CrawlUrl::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    let by = |scheme: &str| {
        let proxy = format!("{scheme}://{}", listener.local_addr().unwrap()).parse().unwrap();
        HttpOptions { proxy: Some(ProxyOptions::all(proxy)), ..quick() }
    };
    let mut hoard = Vec::new();
    for options in [quick(), by("http"), by("https"), by("socks5"), by("socks4a")] {
        let http = Http::new(options).unwrap();
        // Another thread may free a descriptor between hoarding and dialling: then hoard on.
        let mut tries = 0..20;
        let error = loop {
            while let Ok(file) = std::fs::File::open("/dev/null") {
                hoard.push(file);
            }
            let error = fetch(&http, Request::get(url.clone())).await.unwrap_err();
            if error.exhausted {
                break error;
            }
            assert!(tries.next().is_some(), "there was always a descriptor left");
        };
        // Nor is it a proxy's fault.
        assert_eq!((error.kind, error.phase), (ErrorKind::Connect, Phase::Connect), "{error}");
    }
}

fn is_child() -> bool {
    std::env::var_os("GANNET_TEST_CHILD").is_some()
}

/// Runs one test again in a process of its own, prepared by a line of shell.
fn run_again(test: &str, prepare: &str) {
    let me = std::env::current_exe().unwrap();
    let script = format!("{prepare} && exec \"$0\" --exact {test} --nocapture");
    let child =
        std::process::Command::new("sh").arg("-c").arg(script).arg(me).env("GANNET_TEST_CHILD", "1").output();
    let output = child.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A server with a certificate that nobody signed.
fn tls_server() -> Raw {
    tls::serve(tls::config(Identity::own()), |mut stream| {
        let mut request = [0; 4096];
        if stream.read(&mut request).is_ok_and(|n| n > 0) {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret");
        }
        while stream.read(&mut request).is_ok_and(|n| n > 0) {}
    })
}
