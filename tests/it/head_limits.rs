//! Servers that send more head, more chunk extensions or more trailers than anybody needs, over HTTP/1 and HTTP/2.
//!
//! All of it is bounded: what goes over a limit is `protocol`, and nothing is held that came after it.

use std::io::{Read, Write};

use gannet::fetch::{ErrorKind, FetchError, Http, HttpOptions, Phase, Request, Response, Truncated};

use crate::pki::Identity;
use crate::raw::{Raw, fetch, get, insecure, quick};
use crate::tls;

async fn answer(bytes: impl Into<Vec<u8>>) -> Result<Response, FetchError> {
    let server = Raw::answer(bytes);
    get(quick(), server.url("/")).await
}

#[track_caller]
fn assert_is(error: &FetchError, kind: ErrorKind, phase: Phase, words: &str) {
    assert_eq!((error.kind, error.phase), (kind, phase), "{error}");
    assert!(error.message.contains(words), "{error}");
}

/// What the server sends, for ever, after a request.
async fn endless(head: &'static str, more: &'static str) -> Result<Response, FetchError> {
    let server = Raw::serve(move |mut conn| {
        conn.request();
        conn.send(head);
        let block = more.repeat(1 + 4096 / more.len());
        while conn.send(&block) {}
    });
    get(quick(), server.url("/")).await
}

#[tokio::test]
async fn header_lines_over_http1() {
    let lines = |n| format!("HTTP/1.1 200 OK\r\n{}\r\nok", "X-Filler: some value\r\n".repeat(n));
    assert_eq!(answer(lines(256)).await.unwrap().headers.len(), 256);
    let too_many = answer(lines(257)).await.unwrap_err();
    assert_is(&too_many, ErrorKind::Protocol, Phase::FirstByte, "message head is too large");
    let never_ending = endless("HTTP/1.1 200 OK\r\n", "X-Filler: some value\r\n").await.unwrap_err();
    assert_is(&never_ending, ErrorKind::Protocol, Phase::FirstByte, "message head is too large");
    // Lines that are left out count for the bytes of the head.
    let no_headers = endless("HTTP/1.1 200 OK\r\n", "no header\r\n").await.unwrap_err();
    assert_is(&no_headers, ErrorKind::Protocol, Phase::FirstByte, "message head is too large");
}

#[tokio::test]
async fn one_large_header_over_http1() {
    let one = |n| format!("HTTP/1.1 200 OK\r\nX-Large: {}\r\n\r\nok", "x".repeat(n));
    assert_eq!(answer(one(400_000)).await.unwrap().headers["x-large"].len(), 400_000);
    let too_large = answer(one(10 << 20)).await.unwrap_err();
    assert_is(&too_large, ErrorKind::Protocol, Phase::FirstByte, "message head is too large");
    let status = endless("HTTP/1.1 200 ", "OK").await.unwrap_err();
    assert_is(&status, ErrorKind::Protocol, Phase::FirstByte, "message head is too large");
}

#[tokio::test]
async fn informational_answers_end_with_a_deadline_or_the_answer() {
    let many = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n".repeat(100_000);
    // The total limit is 5 s: what counts is that it ends, however fast this machine is.
    match answer(many + "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await {
        Ok(response) => assert_eq!((response.status, &response.body.bytes[..]), (200, &b"ok"[..])),
        Err(error) => assert_eq!(error.kind, ErrorKind::Timeout, "{error}"),
    }
}

#[tokio::test]
async fn chunk_extensions_and_trailers() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n";
    let extension = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n5;";
    let trailer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: ";
    let trailers = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n";
    for (head, more) in [
        (extension, "name=value;"),
        (chunked, "1;name=value\r\nx\r\n"), // the limit is that of all chunks together
        (trailer, "x"),
        (trailers, "X-Trailer: value\r\n"),
    ] {
        let error = endless(head, more).await.unwrap_err();
        assert_is(&error, ErrorKind::Protocol, Phase::Body, "");
        let body = error.partial.unwrap().body;
        assert!(body.bytes.starts_with(b"hello") && body.bytes.len() < 10_000, "{more}");
        assert_eq!(body.truncated, Some(Truncated::Disconnect), "{more}");
    }
    let some = format!("{chunked}5;name=value\r\nworld\r\n0\r\nX-Trailer: value\r\n\r\n");
    assert_eq!(&answer(some).await.unwrap().body.bytes[..], b"helloworld");
}

#[tokio::test]
async fn a_large_location() {
    let to = |n| format!("HTTP/1.1 302 Found\r\nLocation: /{}\r\nContent-Length: 0\r\n\r\n", "x".repeat(n));
    let error = answer(to(1 << 20)).await.unwrap_err();
    assert_is(&error, ErrorKind::Protocol, Phase::FirstByte, "message head is too large");
    let error = answer(to(300_000)).await.unwrap_err();
    assert_is(&error, ErrorKind::BadRedirect, Phase::Redirect, "300001 bytes");
    assert!(error.message.len() < 400, "{}", error.message.len());
    assert_eq!(error.partial.unwrap().status, 302);
}

/// A frame of HTTP/2 (RFC 9113 §4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A field that is not indexed (RFC 7541 §6.2.2), its value of `length` bytes.
fn field(name: &str, length: usize) -> Vec<u8> {
    let mut field = vec![0, u8::try_from(name.len()).unwrap()];
    field.extend_from_slice(name.as_bytes());
    match length {
        0..127 => field.push(u8::try_from(length).unwrap()),
        _ => {
            field.push(127);
            let mut rest = length - 127;
            while rest >= 128 {
                field.push(u8::try_from(rest % 128).unwrap() | 128);
                rest /= 128;
            }
            field.push(u8::try_from(rest).unwrap());
        }
    }
    field.extend(std::iter::repeat_n(b'x', length));
    field
}

const STATUS_200: u8 = 0x88;

/// Fetches over HTTP/2 from a server that answers with a head of these fields; `endless`: it never says that it is whole.
async fn over_http2(fields: Vec<u8>, endless: bool) -> Result<Response, FetchError> {
    let mut config = tls::config(Identity::own());
    config.alpn_protocols = vec![b"h2".to_vec()];
    let block = [vec![STATUS_200], fields].concat();
    let server = tls::serve(config, move |mut stream| {
        wait_for_request(&mut stream);
        let mut wire = frame(4, 0, 0, &[]);
        let mut parts = block.chunks(16_000).peekable();
        let mut kind = 1; // HEADERS, then CONTINUATION
        while let Some(part) = parts.next() {
            let ends = if parts.peek().is_none() && !endless { 4 } else { 0 };
            wire.extend(frame(kind, ends, 1, part));
            kind = 9;
        }
        if !endless {
            wire.extend(frame(0, 1, 1, b"ok"));
        }
        let more = frame(9, 0, 1, &field("x-more", 1000));
        let mut sent = stream.write_all(&wire).is_ok();
        while sent && endless {
            sent = stream.write_all(&more).is_ok();
        }
        while stream.read(&mut [0; 4096]).is_ok_and(|n| n > 0) {}
    });
    let http = Http::new(HttpOptions { tls: insecure(), ..quick() }).unwrap();
    fetch(&http, Request { capture: true, ..Request::get(server.https_url("/")) }).await
}

/// Reads up to the HEADERS frame of the first request; before it are a preface of 24 bytes and settings.
fn wait_for_request(stream: &mut tls::TlsStream) {
    stream.read_exact(&mut [0; 24]).unwrap();
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).unwrap();
        let length = usize::from(head[1]) * 256 + usize::from(head[2]);
        stream.read_exact(&mut vec![0; length]).unwrap();
        if head[3] == 1 {
            return;
        }
    }
}

#[tokio::test]
async fn header_fields_over_http2() {
    let large = over_http2(field("x-large", 200_000), false).await.unwrap();
    assert_eq!((large.http_version, large.headers["x-large"].len()), ("HTTP/2", 200_000));
    assert_eq!(&large.body.bytes[..], b"ok");
    // An archive has the head in the form of HTTP/1.1.
    let capture = &large.captures[0];
    assert!(capture.is_http2 && capture.head.starts_with(b"HTTP/1.1 200 OK\r\nx-large: xxx"));
    assert!(capture.request.starts_with(b"GET / HTTP/1.1\r\n"));
    let many = over_http2(field("x-many", 100).repeat(1500), false).await.unwrap();
    assert_eq!(many.headers.len(), 1500);
    for (fields, endless) in [
        (field("x-large", 300_000), false),
        (field("x-large", 10 << 20), false),
        (field("x-many", 100).repeat(10_000), false),
        (Vec::new(), true),
    ] {
        let bytes = fields.len();
        let error = over_http2(fields, endless).await.unwrap_err();
        assert_eq!((error.kind, error.phase), (ErrorKind::Protocol, Phase::FirstByte), "{bytes}: {error}");
        println!("{bytes} {endless}: {error}");
    }
}
