//! Requests of their own: what a line of a list, or the command line, says beside the URL, as the server sees it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::answering::{missing, moved, page};
use crate::gannet::{call, run, text, with};
use crate::job::Desk;
use crate::raw::Raw;

/// A request: its head in lower case, and its body.
type Got = (String, Vec<u8>);

/// A server that keeps what it was asked, bodies too.
fn listen(answer: impl Fn(&str, &str) -> String + Send + Sync + 'static) -> (Raw, Arc<Mutex<Vec<Got>>>) {
    let log = Arc::<Mutex<Vec<Got>>>::default();
    let all = Arc::clone(&log);
    let server = Raw::serve(move |mut conn| {
        while let Some(head) = conn.request() {
            let length = head
                .to_lowercase()
                .split("content-length: ")
                .nth(1)
                .map_or(0, |rest| rest.split("\r\n").next().unwrap().parse().unwrap());
            let body = conn.body(length);
            let mut words = head.split(' ');
            let (method, path) = (words.next().unwrap().to_owned(), words.next().unwrap().to_owned());
            all.lock().unwrap().push((head, body));
            conn.send(answer(&method, &path));
        }
    });
    (server, log)
}

fn said(got: &Got, name: &str) -> Option<String> {
    let lines = got.0.split("\r\n").filter_map(|line| line.split_once(": "));
    lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned()).next()
}

fn lines(values: &[Value]) -> String {
    values.iter().map(|value| format!("{value}\n")).collect()
}

#[test]
fn a_list_says_how_each_url_is_asked_for() {
    let (server, log) = listen(|_, _| page("x"));
    let url = |path: &str| server.url(path).to_string();
    let list = lines(&[
        json!({"url": url("/form"), "body": "a=1", "tag": "one"}),
        json!({"url": url("/json"), "json": {"b": [1]}, "method": "put"}),
        json!({"url": url("/raw"), "body_b64": "AP8=", "headers": {"X-Api-Key": "hunter2", "Content-Type": "x/y"}}),
        json!({"url": url("/head"), "method": "HEAD"}),
        json!({"url": url("/plain"), "headers": {"Accept-Language": ["de", "en"]}, "tag": "five"}),
    ]) + &url("/bare")
        + "\n";
    let ran =
        call(["fetch", "-", "--workers", "1", "--response-headers", "--body"]).stdin(list).run().exits(0);
    let records = ran.records();
    let methods: Vec<_> = records.iter().map(|record| text(record, "method")).collect();
    assert_eq!(methods, ["POST", "PUT", "POST", "HEAD", "GET", "GET"]);
    assert_eq!((text(&records[0], "seed_tag"), text(&records[4], "seed_tag")), ("one", "five"));
    assert_eq!(records[5].get("seed_tag"), None);
    assert_eq!(records[3]["body_bytes"], 0);
    let log = log.lock().unwrap();
    let bodies: Vec<_> = log.iter().map(|got| String::from_utf8_lossy(&got.1).into_owned()).collect();
    assert_eq!(bodies, ["a=1", "{\"b\":[1]}", "\0\u{fffd}", "", "", ""]);
    let kinds: Vec<_> = log.iter().map(|got| said(got, "content-type").unwrap_or_default()).collect();
    assert_eq!(kinds, ["application/x-www-form-urlencoded", "application/json", "x/y", "", "", ""]);
    assert_eq!(said(&log[1], "accept").as_deref(), Some("application/json"));
    assert_eq!(said(&log[2], "x-api-key").as_deref(), Some("hunter2"));
    assert_eq!(log[4].0.to_lowercase().matches("accept-language: ").count(), 2);
    assert!(!ran.text().contains("hunter2") && !ran.stderr.contains("hunter2"));
}

#[test]
fn a_line_that_cannot_be_meant_is_a_record_and_the_others_are_fetched() {
    let (server, _) = listen(|_, _| page("x"));
    let good = server.url("/").to_string();
    let list = format!(
        "{{\"url\":\"{good}\",\"cookies\":\"hunter2\"}}\n{{\"url\": \"{good}\", \"hunter2\n{{\"url\":\"{good}\"}}\n{good}x\n"
    );
    let ran = call(["fetch", "-", "--mode", "gather"]).stdin(list).run().exits(3);
    let records = ran.records();
    assert_eq!((records.len(), with(&records, "outcome", "finished")), (4, 2));
    assert_eq!((text(&records[0], "error_kind"), text(&records[0], "input")), ("invalid_url", &good[..]));
    assert!(
        text(&records[0], "error").starts_with("line 1: there is no key `cookies`; known are url, method")
    );
    assert!(text(&records[1], "error").starts_with("line 2: no JSON object, at column"));
    assert!(!ran.text().contains("hunter2") && ran.balance() == 4);
}

#[test]
fn another_body_is_another_request_and_a_tag_or_header_is_not() {
    let (server, log) = listen(|_, _| page("x"));
    let url = server.url("/").to_string();
    let list = lines(&[
        json!({"url": url, "body": "a"}),
        json!({"url": url, "body": "b"}),
        json!({"url": url}),
        json!({"url": url, "tag": "t"}),
        json!({"url": url, "method": "POST", "body": "a"}),
    ]);
    let ran = call(["fetch", "-", "--unique"]).stdin(list.clone()).run().exits(0);
    assert_eq!((ran.records().len(), log.lock().unwrap().len()), (3, 3));
    let ran = call(["crawl", "-", "--ignore-robots"]).stdin(list).run().exits(0);
    assert_eq!(with(&ran.records(), "skipped", "duplicate_seed"), 2);
    let again: Vec<_> =
        ran.records().iter().filter(|r| r.get("skipped").is_some()).map(|r| r["method"].clone()).collect();
    assert!(again.contains(&"POST".into()), "{again:?}");
}

/// A site of two pages, one of which only a redirect names, and a sitemap.
fn site(method: &str, path: &str) -> String {
    match (method, path) {
        (_, "/robots.txt") => missing(),
        ("POST", "/") => moved("/a"),
        (_, "/a") => page("<a href=/b>b</a>"),
        (_, "/b") => page("<title>b</title>"),
        (_, "/sitemap.xml") => page("<urlset><url><loc>/c</loc></url></urlset>"),
        ("POST", "/kept") => moved("/b").replace("302", "307"),
        _ => page(""),
    }
}

#[test]
fn a_tag_is_inherited_by_all_that_descends_from_a_seed_and_the_request_is_not() {
    let (server, log) = listen(site);
    let url = |path: &str| server.url(path).to_string();
    let list = lines(&[
        json!({"url": url("/"), "body": "q=1", "headers": {"X-Own": "1"}, "tag": "shop"}),
        json!({"url": url("/other")}),
    ]);
    // With a delay each redirect is a job of its own.
    for options in [&["--sitemaps"][..], &["--delay", "1ms"]] {
        log.lock().unwrap().clear();
        let ran =
            call(["crawl", "-", "--workers", "1"].iter().chain(options)).stdin(list.clone()).run().exits(0);
        let records = ran.records();
        let tag = |path: &str| {
            let of = |key: &str| records.iter().find(|record| record[key] == url(path));
            of("url")
                .or_else(|| of("final_url"))
                .unwrap_or_else(|| panic!("{path} in {records:?}"))
                .get("seed_tag")
                .cloned()
        };
        let sitemaps = if options[0] == "--sitemaps" { &["/sitemap.xml", "/c"][..] } else { &[] };
        for path in ["/", "/a", "/b"].iter().chain(sitemaps) {
            assert_eq!(tag(path), Some("shop".into()), "{path} {options:?}");
        }
        assert_eq!(tag("/other"), None);
        let log = log.lock().unwrap();
        let with_own: Vec<_> = log.iter().filter(|got| said(got, "x-own").is_some()).collect();
        assert!(
            with_own.iter().all(|got| got.0.starts_with("POST / ") || got.0.starts_with("GET /a ")),
            "{log:?}"
        );
        assert_eq!(log.iter().filter(|got| got.0.starts_with("POST")).count(), 1);
    }
}

#[test]
fn a_redirect_that_would_repeat_a_method_becomes_no_job() {
    let (server, log) = listen(site);
    let list = json!({"url": server.url("/kept").to_string(), "body": "q"}).to_string();
    let ran = call(["crawl", "-", "--delay", "1ms"]).stdin(list.clone()).run().exits(0);
    let record = ran.record();
    assert_eq!((&record["status_code"], text(&record, "location")), (&307.into(), server.url("/b").as_str()));
    // Within the fetch it is repeated.
    let record = call(["crawl", "-"]).stdin(list).run().exits(0).record();
    assert_eq!(text(&record, "final_url"), server.url("/b").as_str());
    let log = log.lock().unwrap();
    assert!(log.iter().any(|got| got.0.starts_with("POST /b ") && got.1 == b"q"), "{log:?}");
}

#[test]
fn only_what_may_be_repeated_is_tried_again() {
    let (server, log) = listen(|_, _| "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n".to_owned());
    let url = server.url("/").to_string();
    let list = lines(&[json!({"url": url, "method": "PUT"}), json!({"url": url, "body": "x"})]);
    let ran = call(["fetch", "-", "--retries", "1"]).stdin(list).run();
    let mut tries = BTreeMap::new();
    for (head, _) in &*log.lock().unwrap() {
        *tries.entry(head.split(' ').next().unwrap().to_owned()).or_insert(0) += 1;
    }
    assert_eq!(tries, BTreeMap::from([("POST".to_owned(), 1), ("PUT".to_owned(), 2)]), "{}", ran.stderr);
}

#[test]
fn a_job_keeps_requests_and_tags_over_runs() {
    let (server, log) = listen(site);
    let desk = Desk::new();
    let url = |path: &str| server.url(path).to_string();
    let list = lines(&[
        json!({"url": url("/"), "body": "q=1", "tag": "shop"}),
        json!({"url": url("/one"), "body": "1", "tag": "t", "headers": {"Cookie": "hunter2"}}),
        json!({"url": url("/one"), "body": "1", "tag": "again"}),
        json!({"url": url("/one"), "body": "2", "tag": "t"}),
    ]);
    std::fs::write(desk.path("list.jsonl"), list).unwrap();
    let list = desk.name("list.jsonl");
    let args = desk.args(&["crawl", &list, "--workers", "1", "--max-pages", "1"]);
    let (mut runs, manifest) = (0, desk.path("job/job.json"));
    // One page a run: whatever a run leaves, the next has from disk.
    while call(&args).run().code != Some(0) {
        runs += 1;
        assert!(runs < 20);
        let text = std::fs::read_to_string(&manifest).unwrap();
        assert!(text.contains("\"format\": 4"), "{text}");
        // What an older gannet made goes on, and is from then on no longer for that.
        std::fs::write(&manifest, text.replace("\"format\": 4", "\"format\": 3")).unwrap();
    }
    assert!(runs >= 3, "{runs}");
    let records = crate::job::records(&desk.path("job/records.jsonl"));
    let tags: BTreeMap<_, usize> = records.iter().fold(BTreeMap::new(), |mut tags, record| {
        *tags.entry(text(record, "seed_tag").to_owned()).or_default() += 1;
        tags
    });
    assert_eq!(
        tags,
        BTreeMap::from([("again".to_owned(), 1), ("shop".to_owned(), 2), ("t".to_owned(), 2)]),
        "{records:?}"
    );
    let log = log.lock().unwrap();
    let posted: Vec<_> =
        log.iter().filter(|got| got.0.starts_with("POST")).map(|got| got.1.clone()).collect();
    assert_eq!(posted, [&b"q=1"[..], b"1", b"2"]);
    assert!(log.iter().any(|got| said(got, "cookie").as_deref() == Some("hunter2")));
    let shown = desk.show(&["--json"]).exits(0);
    assert!(!shown.text().contains("hunter2"));
    assert!(!std::fs::read_to_string(desk.path("job/records.jsonl")).unwrap().contains("hunter2"));
    run(["job", &desk.job(), "--verify"]).exits(0);
}

#[test]
fn data_and_json_are_sent_as_curl_does() {
    let (server, log) = listen(|_, _| page(""));
    let url = server.url("/").to_string();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("body");
    std::fs::write(&file, "[1]").unwrap();
    let at = format!("@{}", file.display());
    for options in [
        &["--data", "a=1"][..],
        &["--data", "a=1", "-H", "Content-Type: text/x"],
        &["--json", &at],
        &["--json", "{}", "-X", "PATCH", "-H", "Accept: a/b"],
        &["--data", "@-"],
    ] {
        call(["fetch", &url, "-q"].iter().chain(options)).stdin("in").run().exits(0);
    }
    let log = log.lock().unwrap();
    let got: Vec<_> = log
        .iter()
        .map(|got| {
            let method = got.0.split(' ').next().unwrap();
            let body = String::from_utf8_lossy(&got.1).into_owned();
            format!("{method} {body} {} {}", said(got, "content-type").unwrap(), said(got, "accept").unwrap())
        })
        .collect();
    let form = "application/x-www-form-urlencoded";
    assert_eq!(
        got,
        [
            format!("POST a=1 {form} */*"),
            "POST a=1 text/x */*".to_owned(),
            "POST [1] application/json application/json".to_owned(),
            "PATCH {} application/json a/b".to_owned(),
            format!("POST in {form} */*"),
        ]
    );
}

#[test]
fn a_body_that_cannot_be_meant_is_an_error_of_usage() {
    let url = "http://127.0.0.1:1/";
    let ran = run(["fetch", url, "--json", "{\"hunter2\""])
        .exits(2)
        .says(&["`--json` is no JSON, at line 1", "hint: --data"]);
    assert!(!ran.stderr.contains("hunter2"));
    run(["fetch", url, "--json", "{}", "--data", "x"]).exits(2).says(&["cannot be used with"]);
    run(["fetch", "-", "--json", "@-"]).exits(2).says(&["`-` and `--json @-` both read stdin", "hint: "]);
    run(["fetch", url, "--json", "@/missing"]).exits(2).says(&["cannot read `/missing`"]);
}
