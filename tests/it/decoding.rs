//! Encoded bodies as they occur, among them Scrapy's samples: damaged, stacked, and bombs.

use std::io::Write as _;

use gannet::fetch::{ErrorKind, FetchError, HttpOptions, Phase, Response, Truncated};

use crate::data;
use crate::raw::{Raw, get, quick};

async fn decode(encoding: &str, body: &[u8]) -> Result<Response, FetchError> {
    let head =
        format!("HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: {}\r\n\r\n", body.len());
    let server = Raw::answer([head.as_bytes(), body].concat());
    get(HttpOptions { max_body: HttpOptions::default().max_body, ..quick() }, server.url("/")).await
}

#[tokio::test]
async fn the_samples() {
    let Some(expected) = data::text("scrapy-compressed/expected.json") else { return };
    let expected: serde_json::Value = serde_json::from_str(&expected).unwrap();
    for (name, about) in expected["files"].as_object().unwrap() {
        let body = std::fs::read(data::file(&format!("scrapy-compressed/{name}")).unwrap()).unwrap();
        let response = decode(about["content_encoding"].as_str().unwrap(), &body).await.unwrap();
        let got = (response.body.bytes.len(), response.body.truncated);
        match name.as_str() {
            "html-zlibdeflate.bin" | "html-rawdeflate.bin" => assert_eq!(got, (74_840, None), "{name}"),
            "feed-sample1.xml.gz" => assert_eq!(got, (9_950, None), "{name}"),
            "unexpected-eof.gz" => assert_eq!(got, (8_576, Some(Truncated::Disconnect)), "{name}"), // as zcat
            _ if name.starts_with("bomb-") => {
                assert!(got.0 as u64 <= HttpOptions::default().max_body, "{name}: {got:?}");
                assert_eq!(got.1, Some(Truncated::Length), "{name}");
            }
            _ if name.starts_with("truncated-crc-error") => {
                assert!(got.0 > 1000 && got.1 == Some(Truncated::Disconnect), "{name}: {got:?}");
            }
            _ => assert_eq!(got, (74_837, None), "{name}"),
        }
    }
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

/// What servers get wrong and what they may do: the rest of the way in which it ends.
#[tokio::test]
async fn odd_bodies() {
    let page = (0..2000).map(|n| format!("<p>{n}</p>")).collect::<String>().into_bytes();
    let (whole, twice) = (gzip(&page), gzip(&gzip(&page)));
    let (no_trailer, mut wrong_sum, mut wrong_length) =
        (whole[..whole.len() - 8].to_vec(), whole.clone(), whole.clone());
    wrong_sum[whole.len() - 8] ^= 1;
    wrong_length[whole.len() - 1] ^= 1;
    let members = [whole.clone(), gzip(b""), gzip(b"more")].concat();
    let (garbage, zeros) = ([&whole[..], b"rubbish"].concat(), [&whole[..], &[0; 512]].concat());
    let cut = Some(Truncated::Disconnect);
    for (encoding, wire, body, truncated) in [
        ("GZip", &whole, &page, None),
        (" gzip ,, X-GZIP,identity", &twice, &page, None),
        ("gzip\r\nContent-Encoding: gzip", &twice, &page, None),
        ("", &whole, &whole, None),
        ("gzip, rot13, gzip", &twice, &twice, None), // nobody can undo the one in the middle
        ("rot13\r\ncontent-encoding: gzip", &whole, &whole, None),
        ("gzip", &Vec::new(), &Vec::new(), None),
        ("br", &Vec::new(), &Vec::new(), None),
        ("gzip", &garbage, &page, None),
        ("gzip", &zeros, &page, None),
        ("gzip", &members, &[&page[..], b"more"].concat(), None),
        ("gzip", &no_trailer, &page, cut),
        ("gzip", &wrong_sum, &page, cut),
        ("gzip", &wrong_length, &page, cut),
    ] {
        let response = decode(encoding, wire).await.unwrap();
        assert!(response.body.bytes == body, "{encoding:?}: {} bytes", response.body.bytes.len());
        assert_eq!(
            (response.body.truncated, response.body.wire_bytes),
            (truncated, wire.len() as u64),
            "{encoding:?}"
        );
    }
}

#[tokio::test]
async fn a_body_that_is_not_what_it_says() {
    let error = decode("gzip", b"<html>not compressed</html>").await.unwrap_err();
    assert_eq!((error.kind, error.phase), (ErrorKind::Decode, Phase::Body));
    assert_eq!(error.partial.unwrap().status, 200);
    let unknown = decode("rot13", b"uryyb").await.unwrap();
    assert_eq!((&unknown.body.bytes[..], unknown.body.truncated), (&b"uryyb"[..], None));
}

#[tokio::test]
async fn a_lost_connection_keeps_the_decoded_part() {
    let text = (0..50_000).map(|n| format!("{n} ")).collect::<String>();
    let wire = gzip(text.as_bytes());
    let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", wire.len());
    let server = Raw::answer([head.as_bytes(), &wire[..wire.len() / 2]].concat());
    let error = get(quick(), server.url("/")).await.unwrap_err();
    assert_eq!((error.kind, error.phase), (ErrorKind::ConnectionLost, Phase::Body));
    let part = error.partial.unwrap().body;
    assert_eq!((part.truncated, part.wire_bytes), (Some(Truncated::Disconnect), wire.len() as u64 / 2));
    assert!(part.bytes.len() > 1000 && text.as_bytes().starts_with(&part.bytes));
}
