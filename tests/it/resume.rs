//! The rest of a body that broke off: what is asked for, and which answers are believed.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use gannet::fetch::{ErrorKind, FetchError, Http, HttpOptions, Request, Response, Truncated};

use crate::answering::Heads;
use crate::gannet::{run, text};
use crate::raw::{Conn, Raw, fetch, quick};
use crate::servers;

const BODY: &[u8] = b"0123456789abcdef";
const TAG: &str = "ETag: \"v1\"\r\n";

/// A server whose first answer breaks off after `sent` bytes of [`BODY`]; the others are given.
fn breaks_off(head: &str, sent: usize, then: &[String]) -> (Raw, Heads) {
    let (head, then, heads) = (head.to_owned(), then.to_vec(), Heads::default());
    let (log, nth) = (Arc::clone(&heads), AtomicUsize::new(0));
    let server = Raw::serve(move |mut conn| {
        while let Some(request) = conn.request() {
            log.lock().unwrap().push(request);
            match nth.fetch_add(1, Ordering::SeqCst) {
                0 => {
                    let length = BODY.len();
                    conn.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n{head}\r\n"));
                    conn.send(&BODY[..sent]);
                    return;
                }
                more => match then.get(more - 1) {
                    Some(answer) => drop(conn.send(answer)),
                    None => return,
                },
            }
        }
    });
    (server, heads)
}

/// A 206 with these headers and this body.
fn part(headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 206 Partial Content\r\nContent-Length: {length}\r\n{headers}\r\n{body}")
}

async fn get(server: &Raw, resume: u32, capture: bool) -> Result<Response, FetchError> {
    let http = Http::new(quick()).unwrap();
    fetch(&http, Request { resume, capture, ..Request::get(server.url("/")) }).await
}

#[tokio::test]
async fn the_rest_is_asked_for_on_condition_and_put_behind() {
    let rest = part("ETag: \"v1\"\r\nContent-Range: bytes 6-15/16\r\n", "6789abcdef");
    let (server, heads) = breaks_off(TAG, 6, &[rest]);
    let response = get(&server, 2, true).await.unwrap();
    let body = &response.body;
    assert_eq!((&body.bytes[..], body.wire_bytes, body.resumed, body.truncated), (BODY, 16, 1, None));
    assert_eq!(response.status, 200);
    let head = heads.lock().unwrap()[1].to_lowercase();
    assert!(head.contains("range: bytes=6-\r\n") && head.contains("if-range: \"v1\"\r\n"), "{head}");
    // An archive has both exchanges as they were.
    let shown: Vec<_> = response.captures.iter().map(|c| (c.status, &c.body[..], c.truncated)).collect();
    assert_eq!(shown, [(200, &b"012345"[..], Some(Truncated::Disconnect)), (206, b"6789abcdef", None)]);
}

#[tokio::test]
async fn it_may_break_off_more_than_once() {
    let short = "HTTP/1.1 206 Partial Content\r\nContent-Length: 10\r\nETag: \"v1\"\r\nContent-Range: bytes 6-15/16\r\n\r\n678";
    let rest = part("ETag: \"v1\"\r\nContent-Range: bytes 9-15/16\r\n", "9abcdef");
    // A whole answer of fewer bytes than it says is no end either; one of more ends where it must.
    let chunked = |text: &str| {
        let length = text.len();
        format!(
            "HTTP/1.1 206 Partial Content\r\nTransfer-Encoding: chunked\r\nETag: \"v1\"\r\nContent-Range: bytes 6-15/16\r\n\r\n{length:x}\r\n{text}\r\n0\r\n\r\n"
        )
    };
    for (first, last) in
        [(short.to_owned(), rest.clone()), (chunked("678"), rest), (chunked("6789abcdefgh"), String::new())]
    {
        let closing = first == short;
        let nth = AtomicUsize::new(0);
        let server = Raw::serve(move |mut conn: Conn| {
            while conn.request().is_some() {
                let answers = [
                    format!("HTTP/1.1 200 OK\r\nContent-Length: 16\r\n{TAG}\r\n012345"),
                    first.clone(),
                    last.clone(),
                ];
                let nth = nth.fetch_add(1, Ordering::SeqCst);
                conn.send(&answers[nth]);
                if nth == 0 || (nth == 1 && closing) {
                    return;
                }
            }
        });
        let body = get(&server, 2, false).await.unwrap().body;
        assert_eq!((&body.bytes[..], body.truncated), (BODY, None));
        assert!((1..=2).contains(&body.resumed), "{}", body.resumed);
    }
}

#[tokio::test]
async fn a_body_that_changed_is_read_anew() {
    let new =
        "HTTP/1.1 200 OK\r\nETag: \"v2\"\r\nContent-Type: text/x\r\nContent-Length: 3\r\n\r\nnew".to_owned();
    let (server, _) = breaks_off(TAG, 6, &[new]);
    let response = get(&server, 1, false).await.unwrap();
    let body = &response.body;
    assert_eq!((&body.bytes[..], body.wire_bytes, body.resumed), (&b"new"[..], 9, 0));
    assert!(response.headers["etag"] == "\"v2\"" && response.headers["content-type"] == "text/x");
}

#[tokio::test]
async fn what_does_not_fit_leaves_the_body_as_it_was() {
    let range =
        |tag: &str, range: &str| part(&format!("ETag: {tag}\r\nContent-Range: {range}\r\n"), "6789abcdef");
    let answers = [
        range("\"v1\"", "bytes 5-14/16"),
        range("\"v1\"", "bytes 6-15/17"),
        range("\"v2\"", "bytes 6-15/16"),
        range("\"v1\"", "bytes 6-15/16\r\nContent-Encoding: gzip"),
        part(
            "ETag: \"v1\"\r\nContent-Type: multipart/byteranges; boundary=x\r\n",
            "--x\r\nContent-Range: bytes 6-15/16\r\n\r\n6789abcdef\r\n--x--\r\n",
        ),
        part("ETag: \"v1\"\r\n", "6789abcdef"),
        "HTTP/1.1 416 No\r\nContent-Range: bytes */16\r\nContent-Length: 0\r\n\r\n".to_owned(),
        "HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n".to_owned(),
        "HTTP/1.1 304 Not Modified\r\n\r\n".to_owned(),
        "nonsense\r\n\r\n".to_owned(),
    ];
    for answer in answers {
        let (server, heads) = breaks_off(TAG, 6, std::slice::from_ref(&answer));
        let error = get(&server, 3, true).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::ConnectionLost, "{answer}");
        let body = &error.partial.as_ref().unwrap().body;
        let got = (&body.bytes[..], body.truncated, body.resumed);
        assert_eq!(got, (&BODY[..6], Some(Truncated::Disconnect), 0), "{answer}");
        assert_eq!(error.partial.as_ref().unwrap().status, 200);
        // Asked once and never again; a request that met no HTTP may be sent once more.
        assert_eq!(heads.lock().unwrap().len(), 2, "{answer}");
    }
}

#[tokio::test]
async fn what_cannot_be_asked_for_is_not() {
    for head in ["", "ETag: W/\"v1\"\r\n", "ETag: \"v1\"\r\nAccept-Ranges: none\r\n"] {
        let (server, heads) = breaks_off(head, 6, &[]);
        get(&server, 2, false).await.unwrap_err();
        assert_eq!(heads.lock().unwrap().len(), 1, "{head}");
    }
    let (server, heads) = breaks_off(TAG, 0, &[]);
    get(&server, 2, false).await.unwrap_err();
    assert_eq!(heads.lock().unwrap().len(), 1, "no byte came");
    let (server, heads) = breaks_off(TAG, 6, &[]);
    get(&server, 0, false).await.unwrap_err();
    assert_eq!(heads.lock().unwrap().len(), 1, "not wanted");
}

#[tokio::test]
async fn the_time_of_the_fetch_is_the_limit() {
    // Each answer falls silent; so does the last.
    let server = Raw::serve(|mut conn| {
        while let Some(head) = conn.request() {
            let from: usize = head
                .to_lowercase()
                .split("range: bytes=")
                .nth(1)
                .map_or(0, |rest| rest.split('-').next().unwrap().parse().unwrap());
            let status = if from == 0 { "200 OK" } else { "206 Partial Content" };
            let length = 1000 - from;
            conn.send(format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nContent-Range: bytes {from}-999/1000\r\n{TAG}\r\nx"));
            conn.hold();
        }
    });
    let options = HttpOptions { timeout: std::time::Duration::from_secs(1), ..quick() };
    let http = Http::new(options).unwrap();
    let error = fetch(&http, Request { resume: 100, ..Request::get(server.url("/")) }).await.unwrap_err();
    assert_eq!((error.kind, error.phase.as_str()), (ErrorKind::Timeout, "total"));
    let body = &error.partial.unwrap().body;
    assert!(body.resumed >= 1 && body.bytes.len() as u32 == 1 + body.resumed, "{body:?}");
}

fn cut(mut client: &TcpStream, mut server: &TcpStream, most: usize) {
    let (mut from, mut onto) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    thread::spawn(move || drop(std::io::copy(&mut from, &mut onto)));
    let (mut left, mut buffer) = (most, [0; 8192]);
    while left > 0 {
        let room = left.min(buffer.len());
        let Ok(read @ 1..) = server.read(&mut buffer[..room]) else { break };
        left -= read;
        if client.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    let _ = client.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Both);
}

/// Passes bytes on, and cuts each connection after so many of the answer.
fn cutter(to: u16, most: usize) -> (u16, Arc<Mutex<usize>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let connections = Arc::<Mutex<usize>>::default();
    let count = Arc::clone(&connections);
    thread::spawn(move || {
        for client in listener.incoming() {
            *count.lock().unwrap() += 1;
            let (client, server) = (client.unwrap(), TcpStream::connect(("127.0.0.1", to)).unwrap());
            thread::spawn(move || cut(&client, &server, most));
        }
    });
    (port, connections)
}

#[test]
fn a_file_of_nginx_comes_whole_over_connections_that_are_cut() {
    let large: String = (0..60_000).map(|n| format!("{n:09}\n")).collect();
    let Some(server) = servers::nginx("server { listen 127.0.0.1:PORT; }", &[("large.txt", &large)]) else {
        return;
    };
    let (port, connections) = cutter(server.port, 250_000);
    let url = format!("http://127.0.0.1:{port}/large.txt");
    let directory = tempfile::tempdir().unwrap();
    let archive = directory.path().join("a.warc");
    let out = ["--digest", "--body", "-q", "-o", "-", "-o", archive.to_str().unwrap()];
    let ran = run(["fetch", &url].iter().chain(&out)).exits(0);
    let record = ran.record();
    assert_eq!(
        (&record["resumed"], &record["attempts"], record.get("truncated")),
        (&2.into(), &1.into(), None)
    );
    assert_eq!((&record["body_bytes"], &record["wire_bytes"]), (&600_000.into(), &600_000.into()));
    assert!(text(&record, "body") == large);
    assert_eq!(*connections.lock().unwrap(), 3);
    let statuses: Vec<_> = server.file("access.log").lines().map(|line| line[..3].to_owned()).collect();
    assert_eq!(statuses, ["200", "206", "206"]);
    let archive = std::fs::read(&archive).unwrap();
    let archive = String::from_utf8_lossy(&archive);
    assert_eq!(archive.matches("\r\nWARC-Truncated: disconnect\r\n").count(), 2);
    assert_eq!(archive.matches("HTTP/1.1 206 Partial Content\r\n").count(), 2);
    // Without it the whole is asked for again each time, in vain.
    let record = run(["fetch", &url, "--no-range", "-q", "--retries", "0"]).exits(4).record();
    assert_eq!((text(&record, "error_kind"), text(&record, "truncated")), ("connection_lost", "disconnect"));
    assert_eq!(record.get("resumed"), None);
}
