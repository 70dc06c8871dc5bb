//! Pages that are not in UTF-8, from the server's bytes to the record: title, body, links and what is asked for next.

use std::fs;

use base64::Engine as _;
use encoding_rs::{BIG5, EUC_KR, Encoding, GBK, SHIFT_JIS, WINDOWS_1251};
use serde_json::{Value, json};

use crate::gannet::{run, text};
use crate::raw::Raw;

/// A server of these pages: path, `Content-Type`, bytes. Any other path is a page that says nothing.
fn serve(pages: Vec<(&'static str, &'static str, Vec<u8>)>) -> Raw {
    Raw::serve(move |mut conn| {
        while let Some(head) = conn.request() {
            let asked = head.split(' ').nth(1).unwrap_or_default();
            let page = pages.iter().find(|(path, ..)| *path == asked);
            let (content_type, body) =
                page.map_or(("text/html", &b"ok"[..]), |(_, kind, body)| (*kind, body));
            let length = body.len();
            conn.send(format!(
                "HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n"
            ));
            conn.send(body);
        }
    })
}

fn written(encoding: &'static Encoding, text: &str) -> Vec<u8> {
    let (bytes, _, lossy) = encoding.encode(text);
    assert!(!lossy, "{text}");
    bytes.into_owned()
}

fn utf_16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn base64(bytes: &[u8]) -> Value {
    json!(base64::prelude::BASE64_STANDARD.encode(bytes))
}

fn page(meta: &str, title: &str) -> String {
    format!(
        "<html><head>{meta}<title>{title}</title></head><body><p>{title}<a href='/{title}?q={title}'>x</a></body></html>"
    )
}

const NOVEL: &str =
    "吾輩は猫である。名前はまだ無い。どこで生れたか頓と見當がつかぬ。何でも薄暗いじめじめした所で";

#[test]
fn titles_bodies_and_links_of_each_charset() {
    let by_header = page("", "表示");
    let by_meta = page("<meta charset=windows-1251>", "Привет");
    let by_pragma = page("<meta http-equiv=content-type content='text/html; charset=gb2312'>", "中国");
    let by_mark = page("", "日本 café");
    let detected = page(&format!("<meta name=description content='{NOVEL}'>"), "猫");
    let korean = page("", "한국");
    let server = serve(vec![
        ("/header", "text/html; charset=\"Shift_JIS\"", written(SHIFT_JIS, &by_header)),
        ("/meta", "text/html", written(WINDOWS_1251, &by_meta)),
        ("/pragma", "text/html", written(GBK, &by_pragma)),
        ("/mark", "text/html; charset=iso-8859-1", [&b"\xff\xfe"[..], &utf_16(&by_mark)].concat()),
        ("/detected", "text/html", written(SHIFT_JIS, &detected)),
        ("/label", "text/html; charset=ks_c_5601-1987", written(EUC_KR, &korean)),
    ]);
    for (path, charset, title, body, asked) in [
        ("/header", "shift_jis", "表示", by_header, "/%E8%A1%A8%E7%A4%BA?q=%95\\%8E%A6"),
        (
            "/meta",
            "windows-1251",
            "Привет",
            by_meta,
            "/%D0%9F%D1%80%D0%B8%D0%B2%D0%B5%D1%82?q=%CF%F0%E8%E2%E5%F2",
        ),
        ("/pragma", "gbk", "中国", by_pragma, "/%E4%B8%AD%E5%9B%BD?q=%D6%D0%B9%FA"),
        (
            "/mark",
            "utf-16le",
            "日本 café",
            format!("\u{feff}{by_mark}"),
            "/%E6%97%A5%E6%9C%AC%20caf%C3%A9?q=%E6%97%A5%E6%9C%AC%20caf%C3%A9",
        ),
        ("/detected", "shift_jis", "猫", detected, "/%E7%8C%AB?q=%94L"),
        ("/label", "euc-kr", "한국", korean, "/%ED%95%9C%EA%B5%AD?q=%C7%D1%B1%B9"),
    ] {
        let url = server.url(path).to_string();
        let records = run(["crawl", &url, "--body", "--ignore-robots", "--depth", "1"]).exits(0).records();
        let of = |path: &str| {
            let url = server.url("").as_str().trim_end_matches('/').to_owned() + path;
            records
                .iter()
                .find(|record| text(record, "url") == url)
                .unwrap_or_else(|| panic!("{url}: {records:?}"))
        };
        let record = of(path);
        assert_eq!((text(record, "charset"), text(record, "title")), (charset, title), "{path}");
        assert_eq!((&record["body"], record.get("body_b64")), (&json!(body), None), "{path}");
        of(asked);
        let fetched = run(["fetch", &url]).exits(0).record();
        assert_eq!((text(&fetched, "charset"), text(&fetched, "title")), (charset, title), "{path}");
    }
}

#[test]
fn the_raw_bytes_stay_available() {
    let bytes = written(BIG5, &page("<meta charset=big5>", "功課"));
    let server = serve(vec![("/", "text/html", bytes.clone()), ("/utf-8", "text/plain", b"plain".to_vec())]);
    let (url, plain) = (server.url("/").to_string(), server.url("/utf-8").to_string());
    let raw = run(["fetch", &url, "--body=raw"]).exits(0).record();
    assert_eq!((raw.get("body"), &raw["body_b64"]), (None, &base64(&bytes)));
    assert_eq!((text(&raw, "charset"), text(&raw, "title")), ("big5", "功課"));
    let raw = run(["fetch", &plain, "--body=raw", "--fields", "body_b64,charset"]).exits(0).record();
    assert_eq!(raw, json!({"body_b64": base64(b"plain"), "charset": "utf-8"}));
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path().to_str().unwrap();
    let saved = run(["fetch", &url, "--body", "--save-bodies", at]).exits(0).record();
    assert_eq!(fs::read(directory.path().join(text(&saved, "body_path"))).unwrap(), bytes);
    assert!(text(&saved, "body").contains("功課"));
    run(["fetch", &url, "--body=cooked"]).exits(2).says(&["cooked", "text, raw"]);
}

#[test]
fn what_is_no_text_in_its_charset_is_base64() {
    let cases: [(&str, &[u8], Option<&str>); 6] = [
        ("text/plain", b"\x89PNG\r\n\x1a\n\0\xff", None),
        ("text/html; charset=utf-8", b"<title>n\xe9</title>", Some("utf-8")),
        ("text/html; charset=shift_jis", b"<p>\x81", Some("shift_jis")),
        ("text/plain; charset=utf-16le", b"abc", Some("utf-16le")),
        ("text/html; charset=hz-gb-2312", b"~{<:Ky2;VS~}", Some("replacement")),
        ("image/png; charset=ISO-8859-1", b"\x89PNG\xff", Some("iso-8859-1")),
    ];
    for (content_type, bytes, charset) in cases {
        let server = serve(vec![("/", content_type, bytes.to_vec())]);
        let record = run(["fetch", server.url("/").as_str(), "--body"]).exits(0).record();
        assert_eq!((record.get("body"), &record["body_b64"]), (None, &base64(bytes)), "{content_type}");
        assert_eq!(record.get("charset").and_then(Value::as_str), charset, "{content_type}");
    }
}
