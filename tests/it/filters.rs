//! Answers that are refused by their head: nothing of their body is transferred, and the record says why.

use serde_json::Value;

use crate::answering::{missing, page, serve};
use crate::gannet::{call, run, text, with};
use crate::raw::Raw;
use crate::servers;

/// An answer of this type, of so many bytes.
fn typed(kind: &str, length: usize) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{}",
        "x".repeat(length)
    )
}

fn fate(record: &Value) -> (&str, &str, u64) {
    (text(record, "outcome"), text(record, "skipped"), record["body_bytes"].as_u64().unwrap())
}

#[test]
fn a_crawl_reads_only_what_is_wanted() {
    let (server, heads) = serve(|path| match path {
        "/robots.txt" => typed("application/x-robots", 0),
        "/" => page("<a href=/page><a href=/image><a href=/large><a href=/gone><a href=/none>"),
        "/image" => typed("image/png", 500),
        "/large" => typed("text/html", 5000),
        "/gone" => typed("image/png", 5000).replace("200 OK", "404 Not Found"),
        "/none" => "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx".to_owned(),
        "/sitemap.xml" => {
            page("<urlset><url><loc>/image</loc></url></urlset>").replace("text/html", "text/xml")
        }
        _ => page(""),
    });
    let url = server.url("/").to_string();
    let limits = ["--filter-mime-type", "text/html", "--max-filesize", "4KB", "--sitemaps"];
    let ran = run(["crawl", &url].iter().chain(&limits)).exits(0);
    let records = ran.records();
    let of = |path: &str| fate(records.iter().find(|r| text(r, "url") == server.url(path).as_str()).unwrap());
    assert_eq!(of("/image"), ("skipped", "content_type", 0));
    assert_eq!(of("/none"), ("skipped", "content_type", 0));
    assert_eq!(of("/large"), ("skipped", "too_large", 0));
    assert_eq!(of("/gone"), ("finished", "", 5000));
    assert_eq!(of("/page"), ("finished", "", 0));
    assert_eq!(of("/sitemap.xml").0, "finished");
    let image = records.iter().find(|r| text(r, "skipped") == "content_type").unwrap();
    assert_eq!((image["status_code"].as_u64(), &image["attempts"]), (Some(200), &1.into()));
    assert!(image.get("error").is_none() && image.get("truncated").is_none());
    assert_eq!(ran.balance(), records.len() as u64);
    assert_eq!(heads.lock().unwrap().iter().filter(|head| head.contains("/image ")).count(), 1);
    assert!(ran.row("came out").contains("3 skipped (content_type 2, too_large 1)"), "{}", ran.stderr);
}

#[test]
fn the_transfer_ends_with_the_head_and_what_turns_out_too_large_half_way() {
    let endless = Raw::serve(|mut conn| {
        if let Some(head) = conn.request() {
            let length = if head.contains("/known") {
                "Content-Length: 1000000000\r\n"
            } else {
                "Transfer-Encoding: chunked\r\n"
            };
            conn.send(format!("HTTP/1.1 200 OK\r\nContent-Type: video/x\r\n{length}\r\n"));
            while conn
                .send(b"400\r\n".iter().copied().chain([b'x'; 1024]).chain(*b"\r\n").collect::<Vec<_>>())
            {
            }
        }
    });
    let known = endless.url("/known").to_string();
    let record = run(["fetch", &known, "-q", "--filter-mime-type", "!video/*"]).exits(0).record();
    assert_eq!(fate(&record), ("skipped", "content_type", 0));
    let record = run(["fetch", &known, "-q", "--max-filesize", "10KB"]).exits(0).record();
    assert_eq!((fate(&record), &record["wire_bytes"]), (("skipped", "too_large", 0), &0.into()));
    let unknown = endless.url("/unknown").to_string();
    let record = run(["fetch", &unknown, "-q", "--max-filesize", "10KB"]).exits(0).record();
    assert_eq!(fate(&record), ("skipped", "too_large", 0));
    assert!((10_001..1_000_000).contains(&record["wire_bytes"].as_u64().unwrap()), "{record}");
}

#[test]
fn a_connection_is_used_again_after_a_small_body_that_is_not_wanted() {
    let Some(server) = servers::nginx(
        "server { listen 127.0.0.1:PORT; types { image/png png; text/html html; } }",
        &[("a.png", "small"), ("b.png", &"x".repeat(4_000_000)), ("c.html", "c")],
    ) else {
        return;
    };
    let list: String =
        ["/a.png", "/c.html", "/b.png", "/c.html"].iter().map(|path| server.url(path) + "\n").collect();
    let ran =
        call(["fetch", "-", "--workers", "1", "--filter-mime-type", "text/html"]).stdin(list).run().exits(0);
    assert_eq!(with(&ran.records(), "skipped", "content_type"), 2);
    // After the status, the request line of three words: number of the connection, and of the request on it.
    let log = server.file("access.log");
    let of: Vec<Vec<&str>> = log.lines().map(|line| line.split(' ').collect()).collect();
    let numbers: Vec<_> = of.iter().map(|words| words[5]).collect();
    assert_eq!(numbers, ["1", "2", "3", "1"], "{log}");
}

#[test]
fn http2_streams_that_are_not_wanted_leave_the_connection_alone() {
    let Some(server) = servers::nginx(
        "server { listen 127.0.0.1:PORT http2; types { image/png png; text/html html; } }",
        &[("b.png", &"x".repeat(4_000_000)), ("c.html", "c")],
    ) else {
        return;
    };
    let list: String = ["/b.png", "/c.html", "/b.png"].iter().map(|path| server.url(path) + "\n").collect();
    let options = ["--http2", "--workers", "1", "--filter-mime-type", "text/html"];
    let ran = call(["fetch", "-"].iter().chain(&options)).stdin(list).run().exits(0);
    assert_eq!(with(&ran.records(), "skipped", "content_type"), 2);
    let log = server.file("access.log");
    let connections: std::collections::BTreeSet<_> =
        log.lines().map(|line| line.split(' ').nth(4).unwrap()).collect();
    assert!(log.contains(" HTTP/2.0 ") && connections.len() == 1, "{log}");
}

#[test]
fn a_list_of_types_that_means_nothing_is_an_error_of_usage() {
    run(["fetch", "http://127.0.0.1:1/", "--filter-mime-type", "html"])
        .exits(2)
        .says(&["`html` is no media type such as"]);
    let (server, _) = serve(|_| missing());
    let url = server.url("/").to_string();
    run(["fetch", &url, "-q", "--fail-on", "none", "--max-filesize", "0"]).exits(0);
}
