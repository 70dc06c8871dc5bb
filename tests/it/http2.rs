//! HTTP/2 against nginx and nghttpd, and against a server that is lost: one connection for all, however it ends.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use bytes::Bytes;
use gannet::fetch::{ConnectionOptions, Http, HttpOptions, Protocol, Request};
use tokio::sync::mpsc;

use crate::connections::{https, secure, sent, trusting};
use crate::gannet::{Ran, run, text};
use crate::pki::ca;
use crate::raw::{Raw, fetch, quick};
use crate::servers::{Server, nginx, program};

/// An nghttpd without TLS.
fn nghttpd(flags: &[&str]) -> Option<Server> {
    let program = program("nghttpd", "nghttp2-server")?;
    Some(Server::start(&program, |directory, port| {
        std::fs::write(directory.join("a"), "a").unwrap();
        let own = [&port.to_string(), "--no-tls", "-d", &directory.display().to_string()].map(str::to_owned);
        own.into_iter().chain(flags.iter().map(|&flag| flag.to_owned())).collect()
    }))
}

/// All fetched with an answer of 200 over HTTP/2.
fn all_well(ran: &Ran, count: usize) {
    let records = ran.records();
    assert_eq!(records.len(), count);
    for record in records {
        let is_well = record["status_code"] == 200 && text(&record, "http_version") == "HTTP/2";
        assert!(is_well, "{record}");
    }
}

fn urls(count: usize, url: impl Fn(&str) -> String) -> Vec<String> {
    (0..count).map(|nth| url(&format!("/a?{nth}"))).collect()
}

fn strs(urls: &[String]) -> Vec<&str> {
    urls.iter().map(String::as_str).collect()
}

#[test]
fn prior_knowledge_and_no_more_streams_than_the_server_allows() {
    let Some(server) = nghttpd(&["-m", "2"]) else { return };
    let urls = urls(40, |path| server.url(path));
    let flags = ["fetch", "--http2", "--workers", "20", "--threads", "1", "-v"];
    let ran = run([&flags[..], &strs(&urls)].concat()).exits(0);
    all_well(&ran, 40);
    assert_eq!(sent(&ran), (1, 40));
    let first = ran.records().into_iter().filter(|record| record["reused"] == false).count();
    assert_eq!(first, 1, "all others share its connection");
}

#[test]
fn simultaneous_first_requests_share_what_tls_negotiates() {
    let (ca, home) = (ca("Own"), tempfile::tempdir().unwrap());
    let Some(server) = secure(&ca, "ssl http2", "", &[("a", "a")]) else { return };
    let urls = urls(20, |path| https(&server, path));
    let flags = ["fetch", "--workers", "20", "--threads", "1", "-v"];
    let ran = trusting(&ca, &home, &[&flags[..], &strs(&urls)].concat()).run().exits(0);
    all_well(&ran, 20);
    assert_eq!(sent(&ran), (1, 20));
    let log = server.file("access.log");
    assert!(log.lines().all(|line| line.contains("HTTP/2.0")), "{log}");
    // Where each request needs a connection of its own, they are opened as ever.
    let Some(server) = secure(&ca, "ssl", "", &[("a", "a")]) else { return };
    let urls: Vec<_> = urls.iter().map(|url| https(&server, &url[url.find("/a").unwrap()..])).collect();
    let ran = trusting(&ca, &home, &[&flags[..], &strs(&urls)].concat()).run().exits(0);
    assert!((1..=20).contains(&sent(&ran).0), "{}", ran.stderr);
}

#[test]
fn a_server_that_leaves_loses_no_request() {
    let (ca, home) = (ca("Own"), tempfile::tempdir().unwrap());
    let Some(server) = secure(&ca, "ssl http2", "keepalive_requests 7;", &[("a", "a")]) else { return };
    let urls = urls(60, |path| https(&server, path));
    let flags = ["fetch", "--workers", "12", "--threads", "1", "-v"];
    let ran = trusting(&ca, &home, &[&flags[..], &strs(&urls)].concat()).run().exits(0);
    all_well(&ran, 60);
    let log = server.file("access.log");
    let connections: HashSet<_> = log.lines().map(|line| line.split(' ').nth(4).unwrap()).collect();
    assert!((8..=20).contains(&connections.len()), "{} connections: {log}", connections.len());
}

#[test]
fn who_speaks_no_http2_is_told_from_who_is_broken() {
    let (ca, home) = (ca("Own"), tempfile::tempdir().unwrap());
    let Some(plain) = nginx("server { listen 127.0.0.1:PORT; }", &[]) else { return };
    let Some(secured) = secure(&ca, "ssl", "", &[]) else { return };
    for (url, kind, words) in [
        (plain.url("/"), "protocol", "no HTTP/2 came, which `--http2` asks for"),
        (https(&secured, "/"), "tls", "none of the versions of HTTP that it is offered"),
    ] {
        let ran = trusting(&ca, &home, &["fetch", "--http2", "--retries", "0", &url]).run().exits(4);
        let record = &ran.records()[0];
        assert!(record["error_kind"] == kind && text(record, "error").contains(words), "{record}");
    }
    let ran = run(["fetch", "--http1", "--http2", "http://h/"]).exits(2);
    assert!(ran.stderr.contains("'--http1' cannot be used with '--http2'"), "{}", ran.stderr);
}

/// A server whose first connection answers one request, and then only reads; and what tells when it does.
fn numb() -> (Raw, mpsc::Receiver<()>) {
    let (tell, told) = mpsc::channel(8);
    let count = AtomicUsize::new(0);
    let server = Raw::serve(move |mut conn| {
        let is_numb = count.fetch_add(1, SeqCst) == 0;
        conn.stream.set_nonblocking(true).unwrap();
        let stream = conn.stream.try_clone().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let stream = tokio::net::TcpStream::from_std(stream).unwrap();
            let Ok(mut connection) = h2::server::handshake(stream).await else { return };
            while let Some(Ok((_, mut answer))) = connection.accept().await {
                let mut body = answer.send_response(hyper::Response::new(()), false).unwrap();
                body.send_data(Bytes::from_static(b"a"), true).unwrap();
                if is_numb {
                    // Until that is sent; no request comes meanwhile.
                    let _ = tokio::time::timeout(Duration::from_millis(100), connection.accept()).await;
                    return;
                }
            }
        });
        conn.stream.set_nonblocking(false).unwrap();
        let _ = tell.try_send(());
        conn.hold();
    });
    (server, told)
}

#[tokio::test]
async fn a_connection_that_died_does_not_hold_its_host() {
    let (server, mut numb_now) = numb();
    let connections = ConnectionOptions { protocol: Protocol::Http2, ..ConnectionOptions::default() };
    let options = HttpOptions { connections, idle_timeout: Duration::from_secs(2), ..quick() };
    let http = Http::new(options).unwrap();
    let first = fetch(&http, Request::get(server.url("/"))).await.unwrap();
    assert_eq!((first.status, first.http_version, first.reused), (200, "HTTP/2", false));
    numb_now.recv().await;
    // Found out by a ping, before this request has to give up; and asked again over another connection.
    let second = fetch(&http, Request::get(server.url("/"))).await.unwrap();
    assert_eq!((second.status, second.reused), (200, false));
}
