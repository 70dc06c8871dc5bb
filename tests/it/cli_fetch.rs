//! `gannet fetch` from the outside: order, task groups, fallbacks, bodies, requests, formats.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gannet::origin::{Latency, Site};
use serde_json::{Value, json};

use crate::gannet::{call, run, text, with};
use crate::raw::Raw;
use crate::web::Web;

const MS: Duration = Duration::from_millis(1);

#[test]
fn gather_keeps_the_order_of_the_input() {
    let latency = Latency::Uniform(Duration::ZERO, 20 * MS);
    let web = Web::start(Site { pages: 2001, latency, ..Site::default() });
    let list = web.list(2000);
    let ran = call(["fetch", "-", "--mode", "gather", "--format", "json"]).stdin(&*list).run().exits(0);
    let array: Vec<Value> = serde_json::from_slice(&ran.stdout).expect("one JSON array");
    let urls: Vec<_> = array.iter().map(|record| text(record, "url")).collect();
    assert_eq!(urls, list.lines().collect::<Vec<_>>());
    assert_eq!(with(&array, "outcome", "finished"), 2000);
    assert_eq!((ran.balance(), ran.count("finished")), (2000, 2000));
}

#[test]
fn gather_of_nothing_is_an_empty_array() {
    let ran = call(["fetch", "-", "--mode", "gather", "--format", "json"]).stdin("# none\n").run().exits(0);
    assert_eq!(serde_json::from_slice::<Value>(&ran.stdout).unwrap(), json!([]));
    assert_eq!(run(["fetch", "-", "--format", "json"]).stdout, ran.stdout, "also as completed");
}

#[test]
fn as_completed_writes_a_record_while_others_are_in_flight() {
    let (release, held) = mpsc::channel::<()>();
    let held = Mutex::new(held);
    let server = Raw::serve(move |mut conn| {
        let Some(head) = conn.request() else { return };
        if head.starts_with("GET /slow ") {
            let _ = held.lock().unwrap().recv();
        }
        conn.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
    });
    let (slow, fast) = (server.url("/slow"), server.url("/fast"));
    let mut live = call(["fetch", slow.as_str(), fast.as_str()]).start();
    assert_eq!(text(&live.record(), "url"), fast.as_str());
    release.send(()).unwrap();
    assert_eq!(text(&live.record(), "url"), slow.as_str());
    live.finish().exits(0);
}

#[test]
fn a_line_of_stdin_is_fetched_while_stdin_stays_open() {
    let web = Web::plain();
    let mut live = call(["fetch", "-"]).open_stdin().start();
    live.feed(web.url("/p/1\n"));
    assert_eq!(live.record()["status_code"], 200);
    live.feed(web.url("/p/2\n"));
    assert_eq!(live.record()["status_code"], 200);
    live.close_stdin();
    assert_eq!(live.finish().exits(0).balance(), 2);
}

#[test]
fn several_seed_arguments_are_gathered_in_the_order_given() {
    let latency = Latency::Uniform(Duration::ZERO, 20 * MS);
    let web = Web::start(Site { latency, ..Site::default() });
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("urls.txt");
    fs::write(&file, format!("# a list\n{}\n\n{}", web.url("/p/1"), web.url("/p/2"))).unwrap();
    let (third, file) = (web.url("/p/3"), file.to_str().unwrap());
    let args = ["fetch", "--mode", "gather", file, &third, "-", file];
    let ran = call(args).stdin(format!("{}\r\n{}", web.url("/p/4"), web.url("/p/5"))).run().exits(0);
    let urls: Vec<_> =
        ran.records().iter().map(|r| text(r, "url").rsplit('/').next().unwrap().to_owned()).collect();
    assert_eq!(urls, ["1", "2", "3", "4", "5", "1", "2"]);
}

#[test]
fn fail_fast_cancels_the_siblings_and_groups_the_errors() {
    let web = Web::plain();
    let mut list: String = (0..150).map(|n| web.url(&format!("/x/stall/{n}\n"))).collect();
    list.insert_str(0, &web.url("/x/reset/1\n"));
    let args = ["fetch", "-", "--fail-fast", "--retries", "0", "--workers", "40", "--mode", "gather"];
    let ran =
        call(args).stdin(list).run().exits(3).says(&["stopped at the first failure; 150 siblings cancelled"]);
    let records = ran.records();
    assert_eq!((records.len(), ran.balance(), ran.count("cancelled")), (151, 151, 150));
    assert_eq!(
        (text(&records[0], "outcome"), text(&records[0], "error_kind")),
        ("failed", "connection_lost")
    );
    assert!(
        records[1..]
            .iter()
            .all(|r| text(r, "outcome") == "cancelled" && text(r, "error_kind") == "cancelled")
    );
    assert!(records[1..].iter().all(|r| text(r, "phase") == "total"));
    assert!(ran.row("errors").starts_with("1 connection_lost, e.g. "), "{}", ran.stderr);
    assert!(ran.took < Duration::from_secs(20), "{:?}", ran.took);
}

#[test]
fn fail_fast_without_a_failure_is_an_ordinary_run() {
    let web = Web::plain();
    let ran = call(["fetch", "-", "--fail-fast"]).stdin(web.list(20)).run().exits(0);
    assert_eq!((ran.records().len(), ran.count("cancelled")), (20, 0));
}

#[test]
fn fail_fast_counts_a_status_only_when_asked_to() {
    let web = Web::plain();
    let (missing, stall) = (web.url("/x/404/1"), web.url("/x/stall/1"));
    let ran = run(["fetch", &missing, "--fail-fast"]).exits(0);
    assert_eq!(ran.record()["status_code"], 404);
    let ran = run(["fetch", &missing, &stall, "--fail-fast", "--fail-on", "status"]).exits(3);
    let records = ran.records();
    assert_eq!((with(&records, "outcome", "finished"), with(&records, "outcome", "cancelled")), (1, 1));
}

#[test]
fn a_fallback_stands_in_for_a_fetch_that_takes_too_long() {
    let web = Web::plain();
    let args = ["fetch", &web.url("/x/stall/1"), "--timeout", "300ms", "--fallback", r#"{"price":null}"#];
    let ran = run(args).exits(0);
    let record = ran.record();
    assert_eq!((text(&record, "outcome"), text(&record, "error_kind")), ("fallback", "timeout"));
    assert_eq!(record["fallback"], json!({"price": null}));
    assert!(record["time_total_ms"].as_f64().unwrap() >= 300.0, "{record}");
    assert_eq!((ran.balance(), ran.count("fallback")), (1, 1));
}

#[test]
fn a_fallback_comes_from_a_file_too_and_must_be_json() {
    let web = Web::plain();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("fallback.json");
    fs::write(&file, "[1, 2]\n").unwrap();
    let (url, at) = (web.url("/x/reset/1"), format!("@{}", file.display()));
    let ran = run(["fetch", &url, "--retries", "0", "--fallback", &at]).exits(0);
    assert_eq!(ran.record()["fallback"], json!([1, 2]));
    run(["fetch", &url, "--fallback", "{price:null}"])
        .exits(2)
        .says(&["error: `--fallback` is no JSON", "hint: "]);
    run(["fetch", &url, "--fallback", "@missing.json"]).exits(2).says(&["cannot read `missing.json`"]);
    assert_eq!(web.hits("/x/reset/1"), 1, "a bad command line asks for nothing");
}

#[test]
fn bodies_are_text_or_base64() {
    let lunch = "sm\u{f8}rrebr\u{f8}d \"\u{0}\"\n";
    let page = Raw::answer(format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n{lunch}"));
    let image = Raw::answer(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n\x89PNG\xff".to_vec());
    let (text, binary) = (page.url("/").to_string(), image.url("/").to_string());
    let records = run(["fetch", &text, &binary, "--body", "--mode", "gather"]).exits(0).records();
    assert_eq!((&records[0]["body"], records[0].get("body_b64")), (&json!(lunch), None));
    assert_eq!((records[1].get("body"), &records[1]["body_b64"]), (None, &json!("iVBOR/8=")));
    let record = run(["fetch", &text]).exits(0).record();
    assert!(record.get("body").is_none() && record.get("body_b64").is_none(), "only on request");
}

#[test]
fn saved_bodies_are_where_the_record_says() {
    let web = Web::plain();
    let directory = tempfile::tempdir().unwrap();
    let bodies = directory.path().join("deep/bodies");
    let long = web.url(&format!("/../..//p/1?{}", "x".repeat(5000)));
    let args = ["fetch", &web.url("/p/1"), &long, "--save-bodies", bodies.to_str().unwrap(), "--digest"];
    let ran = run(args).exits(0);
    for record in ran.records() {
        assert!(record.get("body").is_none(), "only on request");
        let path = text(&record, "body_path");
        let (directory, file) = text(&record, "sha256").split_at(2);
        assert!(path.starts_with(&format!("{directory}/{file}.")), "{path}");
        let saved = fs::metadata(bodies.join(path)).unwrap().len();
        assert_eq!(record["body_bytes"], saved);
    }
    assert_eq!(ran.records().len(), 2);
}

#[test]
fn pages_with_one_content_share_a_file() {
    let web = Web::plain();
    let directory = tempfile::tempdir().unwrap();
    let bodies = directory.path().to_str().unwrap();
    let (one, two) = (web.url("/p/1?a=1"), web.url("/p/1?a=2"));
    for _ in 0..2 {
        let ran = run(["fetch", &one, &two, "--save-bodies", bodies]).exits(0);
        let paths: Vec<_> = ran.records().iter().map(|record| text(record, "body_path").to_owned()).collect();
        assert_eq!(paths[0], paths[1]);
        assert!(ran.records().iter().all(|record| record.get("sha256").is_none()), "only on request");
    }
    let files = |path: &Path| fs::read_dir(path).unwrap().count();
    let only = fs::read_dir(directory.path()).unwrap().next().unwrap().unwrap().path();
    assert_eq!((files(directory.path()), files(&only)), (1, 1));
}

#[test]
fn each_line_is_fetched_unless_unique() {
    let web = Web::plain();
    let list = [web.url("/p/1"), web.url("/p/2"), web.url("/p/1"), web.url("/p/1#top")].join("\n");
    let ran = call(["fetch", "-"]).stdin(&*list).run().exits(0);
    assert_eq!((ran.records().len(), web.hits("/p/1")), (4, 3));
    let ran = call(["fetch", "-", "--unique"]).stdin(&*list).run().exits(0);
    assert_eq!((ran.records().len(), web.hits("/p/1")), (2, 4));
    assert_eq!((ran.balance(), ran.count("repeated")), (4, 2));
}

/// Answers with the request itself.
fn echo() -> Raw {
    Raw::serve(|mut conn| {
        while let Some(head) = conn.request() {
            let length =
                head.lines().find_map(|l| l.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            let mut body = head.into_bytes();
            body.extend(conn.body(length.unwrap_or(0)));
            conn.send(format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n",
                body.len()
            ));
            conn.send(&body);
        }
    })
}

#[test]
fn method_data_and_headers_are_sent_as_given() {
    let server = echo();
    let url = server.url("/a%2fb?q=%20#top").to_string();
    let sent = |args: &[&str]| {
        let ran = call(["fetch", &url, "--body"].iter().chain(args)).run().exits(0);
        (text(&ran.record(), "method").to_owned(), text(&ran.record(), "body").to_owned())
    };
    let (method, plain) = sent(&[]);
    assert!(method == "GET" && plain.starts_with("GET /a%2fb?q=%20 HTTP/1.1\r\n"), "{plain}");
    assert!(plain.contains(concat!("user-agent: gannet/", env!("CARGO_PKG_VERSION"))), "{plain}");
    let (method, posted) = sent(&["--data", "a=1&b=2"]);
    assert!(
        method == "POST" && posted.starts_with("POST ") && posted.ends_with("\r\n\r\na=1&b=2"),
        "{posted}"
    );
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("data");
    fs::write(&file, "from a file").unwrap();
    let (method, put) = sent(&["-X", "PUT", "--data", &format!("@{}", file.display())]);
    assert!(method == "PUT" && put.starts_with("PUT ") && put.ends_with("from a file"), "{put}");
    let (_, named) = sent(&["-H", "X-One: 1", "--header", "X-Two:two: 2", "-A", "probe/1"]);
    for line in ["x-one: 1\r\n", "x-two: two: 2\r\n", "user-agent: probe/1\r\n"] {
        assert!(named.contains(line), "{line} {named}");
    }
    for framing in ["Content-Length: 5", "transfer-encoding: chunked"] {
        run(["fetch", &url, "-H", framing]).exits(2).says(&["cannot be set", "hint: leave it out"]);
    }
    run(["fetch", &url, "-H", "no colon"]).exits(2).says(&["`--header` number 1 is no header", "hint: "]);
    run(["fetch", &url, "-X", "GE T"]).exits(2).says(&["`--method GE T` is no HTTP method"]);
}

#[test]
fn chosen_fields_come_in_the_order_chosen() {
    let web = Web::plain();
    let url = web.url("/p/1");
    let ran = run(["fetch", &url, "--fields", "url,error,status_code,attempts"]).exits(0);
    assert_eq!(ran.text(), format!("{{\"url\":\"{url}\",\"status_code\":200,\"attempts\":1}}\n"));
    let ran = run(["fetch", &url, "--fields", "url,error,status_code", "--format", "csv"]).exits(0);
    assert_eq!(ran.text(), format!("url,error,status_code\n{url},,200\n"));
    run(["fetch", &url, "--fields", "url,error,url"]).exits(2).says(&["`url` is given twice"]);
    run(["fetch", &url, "--fields", "url,status"])
        .exits(2)
        .says(&["there is no field `status`", "status_code"]);
}

#[test]
fn csv_has_a_line_for_each_url_and_quotes_what_needs_it() {
    let web = Web::plain();
    let directory = tempfile::tempdir().unwrap();
    let (csv, jsonl) = (directory.path().join("out.csv"), directory.path().join("out.jsonl"));
    let list = format!("{}not a url, \"really\"\n", web.list(5));
    let args =
        ["fetch", "-", "-o", csv.to_str().unwrap(), "-o", jsonl.to_str().unwrap(), "--fields", "input,url"];
    let ran = call(args).stdin(list).run().exits(3);
    assert!(ran.stdout.is_empty(), "{}", ran.text());
    let written = fs::read_to_string(csv).unwrap();
    assert!(
        written.starts_with("input,url\n") && written.contains("\n\"not a url, \"\"really\"\"\",\n"),
        "{written}"
    );
    assert_eq!((written.lines().count(), fs::read_to_string(jsonl).unwrap().lines().count()), (7, 6));
}

#[test]
fn what_may_pass_is_tried_again() {
    let web = Web::plain();
    let ran = run(["fetch", &web.url("/x/flaky/1"), "--retries", "0"]).exits(0);
    assert_eq!((&ran.record()["status_code"], &ran.record()["attempts"]), (&json!(503), &json!(1)));
    let ran = run(["fetch", &web.url("/x/flaky/2"), "--retries", "1"]).exits(0);
    assert_eq!((&ran.record()["status_code"], &ran.record()["attempts"]), (&json!(200), &json!(2)));
    let ran = run(["fetch", &web.url("/x/reset/3"), "--retries", "2"]).exits(4);
    assert_eq!((web.hits("/x/reset/3"), &ran.record()["attempts"]), (3, &json!(3)));
    assert_eq!(ran.row("requests"), "2 tried again, 0 robots.txt, 1 host");
}

#[test]
fn fifty_slow_answers_take_as_long_as_one() {
    let latency = Latency::Fixed(Duration::from_secs(1));
    let web = Web::start(Site { latency, record: true, ..Site::default() });
    let ran = call(["fetch", "-", "--workers", "50"]).stdin(web.list(50)).run().exits(0);
    assert_eq!((ran.records().len(), web.max_in_flight(0)), (50, 50));
    assert!((1000 * MS..4000 * MS).contains(&ran.took), "{:?}", ran.took);
}

#[test]
fn redirects_are_followed_and_recorded() {
    let web = Web::plain();
    let record = run(["fetch", &web.url("/x/chain/3")]).exits(0).record();
    assert_eq!((&record["status_code"], text(&record, "final_url")), (&json!(200), &*web.url("/")));
    assert_eq!(record["chain"].as_array().map(Vec::len), Some(3));
    for (path, limit, kind) in
        [("/x/chain/11", "10", "too_many_redirects"), ("/x/loop/1", "50", "redirect_loop")]
    {
        let record = run(["fetch", &web.url(path), "--max-redirects", limit]).exits(4).record();
        assert_eq!(text(&record, "error_kind"), kind);
    }
}

#[test]
fn a_cut_body_is_marked() {
    let web = Web::plain();
    let record = run(["fetch", &web.url("/p/1"), "--max-body", "1000B", "--body"]).exits(0).record();
    assert_eq!((text(&record, "truncated"), &record["body_bytes"]), ("length", &json!(1000)));
    assert_eq!(text(&record, "body").len(), 1000);
}

#[test]
fn sequence_numbers_are_the_order_of_admission() {
    let web = Web::plain();
    let ran = call(["fetch", "-", "--mode", "gather"]).stdin(web.list(60)).run().exits(0);
    let seqs: Vec<_> = ran.records().iter().map(|record| record["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, (0..60).collect::<Vec<_>>());
    let ran = call(["fetch", "-"]).stdin(web.list(60)).run().exits(0);
    let seqs: HashSet<_> = ran.records().iter().map(|record| record["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs.len(), 60);
}

#[test]
fn private_addresses_can_be_refused() {
    let web = Web::plain();
    let record = run(["fetch", &web.url("/p/1"), "--deny-private"]).exits(4).record();
    assert_eq!(text(&record, "error_kind"), "blocked_address");
    assert_eq!(web.stats().connections, 0);
}

#[test]
fn a_rate_holds_for_all_hosts_together() {
    let web = Web::start(Site { hosts: 2, record: true, ..Site::default() });
    let list: String = web.graph().seeds().map(|seed| format!("{seed}\n{seed}\n{seed}\n")).collect();
    let ran = call(["fetch", "-", "--rate", "10/s"]).stdin(list).run().exits(0);
    assert_eq!(ran.records().len(), 6);
    let hits = Arc::new(web.log());
    // Six starts, 100 ms apart; the network may move each a little.
    assert!(hits[5].at - hits[0].at >= 400 * MS, "{hits:?}");
}
