//! What a capture says of an exchange, compared with the bytes that a server saw and sent.

use std::io::Write as _;
use std::sync::{Arc, Mutex};

use flate2::Compression;
use flate2::write::GzEncoder;
use gannet::fetch::{Capture, HeaderValue, Http, HttpOptions, Method, Request, Truncated};
use gannet::url::CrawlUrl;

use crate::raw::{Conn, Raw, fetch, quick};

/// A server that notes each request and answers with these bytes.
fn noting(answer: impl Into<Vec<u8>>) -> (Raw, Arc<Mutex<Vec<Vec<u8>>>>) {
    let (seen, answer) = (Arc::new(Mutex::new(Vec::new())), answer.into());
    let notes = Arc::clone(&seen);
    let server = Raw::serve(move |mut conn: Conn| {
        while let Some(head) = conn.request() {
            let length =
                head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()?.parse().ok());
            let mut request = head.into_bytes();
            request.extend(conn.body(length.unwrap_or(0)));
            notes.lock().unwrap().push(request);
            conn.send(&answer);
        }
    });
    (server, seen)
}

fn capturing(url: CrawlUrl) -> Request {
    Request { capture: true, ..Request::get(url) }
}

/// The captures of a fetch, whatever became of it.
async fn captures(options: HttpOptions, request: Request) -> Vec<Capture> {
    match fetch(&Http::new(options).unwrap(), request).await {
        Ok(response) => response.captures,
        Err(mut error) => error.take_captures(),
    }
}

async fn one(options: HttpOptions, request: Request) -> Capture {
    let mut captures = captures(options, request).await;
    assert_eq!(captures.len(), 1);
    captures.remove(0)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test]
async fn a_request_is_byte_for_byte_what_the_server_received() {
    let (server, seen) = noting("HTTP/1.1 204 No Content\r\n\r\n");
    let plain = capturing(server.url("/a%20b/%C3%A9?q=1&r=%7C|"));
    let post =
        |body: &'static str| Request { method: Method::POST, body: Some(body.into()), ..plain.clone() };
    let named = |name: &'static str, value: &'static str| {
        let mut options = quick();
        options.headers.append(name, HeaderValue::from_static(value));
        options
    };
    for (options, request) in [
        (quick(), plain.clone()),
        (quick(), post("a=b")),
        (quick(), post("")),
        (quick(), Request { method: Method::HEAD, ..plain.clone() }),
        (quick(), Request { method: Method::DELETE, ..plain.clone() }),
        (quick(), Request { method: Method::from_bytes(b"PROPFIND").unwrap(), ..plain.clone() }),
        (named("host", "other.example"), plain.clone()),
        (named("accept", "text/html"), post("a")),
        (named("X-Mixed-Case", "Value"), plain.clone()),
    ] {
        let capture = one(options, request).await;
        assert_eq!(text(&capture.request), text(&seen.lock().unwrap().pop().unwrap()));
    }
}

#[tokio::test]
async fn secrets_are_not_kept() {
    let (server, seen) = noting("HTTP/1.1 204 No Content\r\n\r\n");
    let mut options = quick();
    options.headers.append("x-api-key", HeaderValue::from_static("hush"));
    let url = server.url("/").as_str().replace("http://", "http://me:secret@");
    let capture = one(options, capturing(CrawlUrl::parse(&url).unwrap())).await;
    let (kept, sent) = (text(&capture.request), text(&seen.lock().unwrap()[0]));
    assert!(sent.contains("x-api-key: hush") && sent.contains("authorization: Basic "), "{sent}");
    assert!(kept.contains("x-api-key: ***\r\n") && kept.contains("authorization: ***\r\n"), "{kept}");
    assert!(!kept.contains("hush") && !kept.contains("Basic"), "{kept}");
    assert_eq!(kept.lines().count(), sent.lines().count());
}

#[tokio::test]
async fn an_answer_has_its_reason_its_order_and_no_transfer_coding() {
    let (server, _) = noting(
        *b"HTTP/1.1 200 Fine By Me\r\nServer: x\r\nTransfer-Encoding: chunked\r\nSet-Cookie: a=1\r\nX-Raw: \xe9\r\nset-cookie: b=2\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    );
    let capture = one(quick(), capturing(server.url("/"))).await;
    assert_eq!(
        text(&capture.head),
        "HTTP/1.1 200 Fine By Me\r\nserver: x\r\nx-archive-orig-transfer-encoding: chunked\r\nset-cookie: a=1\r\nset-cookie: b=2\r\nx-raw: \u{fffd}\r\n\r\n"
    );
    assert_eq!((&capture.body[..], capture.truncated, capture.status), (&b"abc"[..], None, 200));
    assert_eq!(capture.remote.unwrap().to_string(), "127.0.0.1");
    let old = one(quick(), capturing(Raw::answer("HTTP/1.0 404 \r\n\r\nx").url("/"))).await;
    assert_eq!(text(&old.head), "HTTP/1.0 404 \r\n\r\n");
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn answer(head: &str, body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 200 OK\r\nConnection: close\r\n{head}\r\n").as_bytes(), body].concat()
}

#[tokio::test]
async fn an_encoded_body_stays_encoded() {
    let zipped = gzip(b"hello hello hello");
    let head = format!("Content-Encoding: gzip\r\nContent-Length: {}\r\n", zipped.len());
    let server = Raw::answer(answer(&head, &zipped));
    let response = fetch(&Http::new(quick()).unwrap(), capturing(server.url("/"))).await.unwrap();
    assert_eq!(&response.body.bytes[..], b"hello hello hello");
    assert_eq!((&response.captures[0].body[..], response.captures[0].truncated), (&zipped[..], None));
    let not_asked = fetch(&Http::new(quick()).unwrap(), Request::get(server.url("/"))).await.unwrap();
    assert!(not_asked.captures.is_empty());
}

#[tokio::test]
async fn what_is_cut_says_why() {
    let small = || HttpOptions { max_body: 100, ..quick() };
    let cases = [
        ("Content-Length: 200\r\n", vec![b'x'; 200], 100, Some(Truncated::Length)),
        ("Content-Length: 100\r\n", vec![b'x'; 100], 100, None),
        ("Content-Length: 60\r\n", vec![b'x'; 30], 30, Some(Truncated::Disconnect)),
        ("", vec![b'x'; 30], 30, None),
        // The body over the wire is whole, though the decoded one is cut.
        ("Content-Encoding: gzip\r\nContent-Length: 36\r\n", gzip(&[b'x'; 5000]), 36, None),
        // Nobody decodes it, and it is whole.
        ("Content-Encoding: gzip\r\nContent-Length: 6\r\n", b"<html>".to_vec(), 6, None),
    ];
    for (head, body, kept, truncated) in cases {
        let length = body.len();
        let head = head.replace("36", &length.to_string());
        let kept = if kept == 36 { length } else { kept };
        let server = Raw::answer(answer(&head, &body));
        let capture = one(small(), capturing(server.url("/"))).await;
        assert_eq!((capture.body.len(), capture.truncated), (kept, truncated), "{head}");
        assert_eq!(capture.body[..], body[..kept], "{head}");
    }
    let stalls = Raw::serve(|mut conn| {
        conn.request();
        conn.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc");
        conn.hold();
    });
    let capture = one(quick(), capturing(stalls.url("/"))).await;
    assert_eq!((&capture.body[..], capture.truncated), (&b"abc"[..], Some(Truncated::Time)));
}

#[tokio::test]
async fn each_hop_is_kept_and_a_hop_without_an_answer_is_not() {
    let server = Raw::serve(|mut conn| {
        while let Some(head) = conn.request() {
            let path = head.split(' ').nth(1).unwrap().to_owned();
            let answer = match path.as_str() {
                "/a" => "HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 5\r\n\r\nmoved".to_owned(),
                "/b" => {
                    "HTTP/1.1 301 Moved\r\nLocation: /c\r\nContent-Length: 20000\r\n\r\n".to_owned()
                        + &"x".repeat(20000)
                }
                "/c" => "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
                    .to_owned(),
                _ => "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_owned(),
            };
            conn.send(answer);
        }
    });
    let captures = captures(quick(), capturing(server.url("/a"))).await;
    let kept: Vec<_> = captures.iter().map(|c| (c.status, c.body.len(), c.truncated)).collect();
    assert_eq!(kept, [(302, 5, None), (301, 0, Some(Truncated::Length)), (302, 0, None)]);
    assert_eq!(captures[1].url, server.url("/b"));
}
