//! `--since`: a second run asks nginx only for what has changed, and goes on through what has not.

use std::fs;
use std::path::Path;

use gannet::sink::warc::Reader;
use serde_json::Value;

use crate::gannet::{Ran, run};
use crate::raw::Raw;
use crate::servers::{self, Server};

const SITE: &[(&str, &str)] = &[
    ("index.html", "<title>Front</title><a href=a.html>a</a> <a href=b.html>b</a>"),
    ("a.html", "<title>A</title><a href=deep.html>deep</a>"),
    ("b.html", "<title>B</title>"),
    ("deep.html", "<title>Deep</title><meta name=robots content=nofollow><a href=never.html>x</a>"),
];

fn site() -> Option<Server> {
    servers::nginx("server { listen 127.0.0.1:PORT; charset utf-8; }", SITE)
}

fn statuses(server: &Server) -> Vec<String> {
    let log = server.file("access.log");
    let lines = log.lines().filter(|line| !line.contains("robots.txt"));
    lines.map(|line| line.split(' ').take(3).collect::<Vec<_>>().join(" ")).collect()
}

fn by_url(ran: &Ran) -> Vec<(String, Value)> {
    let name = |record: &Value| record["url"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let mut records: Vec<_> = ran.records().into_iter().map(|record| (name(&record), record)).collect();
    records.sort_by(|a, b| a.0.cmp(&b.0));
    records
}

#[test]
fn only_what_has_changed_is_sent_again_run_after_run() {
    let Some(server) = site() else { return };
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let (a, b) = (server.url("/a.html"), server.url("/b.html"));
    run(["fetch", &a, &b, "--digest", "-o", &file("1.jsonl")]).exits(0);
    fs::write(server.directory.path().join("www/b.html"), "<title>Other</title>").unwrap();
    for (old, new) in [("1.jsonl", "2.jsonl.gz"), ("2.jsonl.gz", "3.jsonl.zst"), ("3.jsonl.zst", "4.jsonl")] {
        let ran = run(["fetch", &a, &b, "--digest", "--since", &file(old), "-o", &file(new)]).exits(0);
        ran.says(&["unchanged"]);
    }
    let last = run(["fetch", &a, &b, "--digest", "--since", &file("4.jsonl")]).exits(0);
    let first = fs::read_to_string(file("1.jsonl")).unwrap();
    let first: Value = first
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .find(|r: &Value| r["url"] == a[..])
        .unwrap();
    let [(_, same), (_, other)] = &by_url(&last)[..] else { panic!() };
    assert!(first["etag"].is_string() && first["last_modified"].is_string());
    for field in ["etag", "last_modified", "title", "charset", "content_type", "sha256", "final_url"] {
        assert_eq!(same[field], first[field], "{field}");
    }
    assert_eq!((&same["unchanged"], &same["status_code"]), (&Value::Bool(true), &304.into()));
    assert_eq!((&same["wire_bytes"], &same["body_bytes"]), (&0.into(), &0.into()));
    assert_eq!((&other["unchanged"], &other["title"]), (&Value::Bool(true), &"Other".into()));
    let log = statuses(&server).concat();
    assert_eq!((log.matches("304").count(), log.matches("200").count()), (7, 3), "{log}");
}

#[test]
fn a_crawl_goes_on_through_what_has_not_changed() {
    let Some(server) = site() else { return };
    let directory = tempfile::tempdir().unwrap();
    let job = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let front = server.url("/index.html");
    run(["crawl", &front, "--links", "--job", &job("old")]).exits(0);
    let before = statuses(&server).len();
    let ran =
        run(["crawl", &front, "--links", "--job", &job("new"), "--since", &job("old"), "-o", "-"]).exits(0);
    let ran = ran.says(&["unchanged  4 pages"]);
    let all = by_url(&ran);
    assert_eq!(
        all.iter().map(|(name, _)| &name[..]).collect::<Vec<_>>(),
        ["a.html", "b.html", "deep.html", "index.html"]
    );
    assert!(all.iter().all(|(_, record)| record["unchanged"] == true && record["links"].is_array()));
    assert!(
        statuses(&server)[before..].iter().all(|line| line.starts_with("304 ")),
        "{}",
        server.file("access.log")
    );
    assert_eq!(all[0].1["links"][0]["text"], "deep");
    // The same links are there to go on from once more.
    let again = run(["crawl", &front, "--since", &job("new"), "--mode", "as-completed"]);
    assert_eq!(again.code, Some(2), "`crawl` has no --mode");
    run(["crawl", &front, "--since", &job("new")]).exits(2).says(&["hint: name the file of its records"]);
}

#[test]
fn pages_without_links_in_the_earlier_run_are_fetched_as_new() {
    let Some(server) = site() else { return };
    let directory = tempfile::tempdir().unwrap();
    let old = directory.path().join("old").to_str().unwrap().to_owned();
    run(["crawl", &server.url("/index.html"), "--job", &old]).exits(0);
    let ran = run(["crawl", &server.url("/index.html"), "--since", &old]).exits(0);
    assert!(ran.records().iter().all(|record| record["status_code"] == 200));
    let ran = ran.says(&["4 of 4 pages", "--links in the earlier run saves that"]);
    assert_eq!(ran.records().len(), 4);
    // A report needs links, so a job that makes one keeps them.
    let html = directory.path().join("old.html").to_str().unwrap().to_owned();
    let other = directory.path().join("other").to_str().unwrap().to_owned();
    let args = ["crawl", &server.url("/index.html"), "--job", &other, "-o", &html];
    run(args).exits(0);
    let ran = run(["crawl", &server.url("/index.html"), "--since", &other]).exits(0);
    assert!(ran.records().iter().all(|record| record["unchanged"] == true), "{}", ran.text());
    assert_eq!(ran.records().len(), 4);
}

#[test]
fn an_archive_has_a_revisit_of_what_has_not_changed() {
    let Some(server) = site() else { return };
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let url = server.url("/a.html");
    run(["fetch", &url, "-o", &file("old.jsonl")]).exits(0);
    run(["fetch", &url, "--since", &file("old.jsonl"), "-o", &file("new.warc")]).exits(0);
    let old: Value = serde_json::from_str(&fs::read_to_string(file("old.jsonl")).unwrap()).unwrap();
    let mut revisits = 0;
    let each = |record: gannet::sink::warc::Record| {
        if record.kind() == "revisit" {
            revisits += 1;
            let field = |name: &str| record.field(name).unwrap_or_default().to_owned();
            assert_eq!(field("WARC-Profile"), "http://netpreserve.org/warc/1.1/revisit/server-not-modified");
            assert_eq!(field("WARC-Refers-To-Target-URI"), url);
            assert_eq!(field("WARC-Refers-To-Date"), old["timestamp"]);
            assert_eq!(record.field("WARC-Payload-Digest"), None);
            assert!(record.http().unwrap().0.starts_with(b"HTTP/1.1 304 "));
        }
        Ok(())
    };
    Reader::new(fs::File::open(file("new.warc")).unwrap(), u64::MAX).each(each).unwrap();
    assert_eq!(revisits, 1);
    let index = fs::read_to_string(file("new.cdxj")).unwrap();
    assert!(index.contains("warc/revisit") && index.contains("\"digest\": \"-\""), "{index}");
}

#[test]
fn validators_stay_with_their_url_and_a_304_that_nobody_asked_for_is_none() {
    let server = Raw::serve(|mut conn| {
        while let Some(request) = conn.request() {
            let conditional = request.to_lowercase().contains("if-none-match");
            let answer = match request.split(' ').nth(1).unwrap() {
                "/moved" => "302 Found\r\nLocation: /to\r\nETag: \"m\"",
                "/304" => "304 Not Modified",
                _ if conditional => "500 Conditional",
                _ => "200 OK\r\nETag: \"t\"",
            };
            conn.send(format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n").as_bytes());
        }
    });
    let directory = tempfile::tempdir().unwrap();
    let old = directory.path().join("old.jsonl").to_str().unwrap().to_owned();
    let urls = ["/moved", "/304"].map(|path| server.url(path).to_string());
    run(["fetch", &urls[0], &urls[1], "-o", &old]).exits(0);
    let ran = run(["fetch", &urls[0], &urls[1], "--since", &old, "--retries", "0"]).exits(0);
    for record in ran.records() {
        assert!(record.get("unchanged").is_none() && record["status_code"] != 500, "{record}");
    }
    // By itself the target is asked conditionally: the record is of the URL that answered.
    let to = server.url("/to").to_string();
    assert_eq!(run(["fetch", &to, "--since", &old, "--retries", "0"]).records()[0]["status_code"], 500);
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("x.jsonl"), "no record\n").unwrap();
    fs::write(path("a.jsonl"), "").unwrap();
    fs::create_dir(path("empty")).unwrap();
    let url = "http://127.0.0.1:1/";
    let job = path("job");
    run(["fetch", "-q", url, "--job", &job, "--retries", "0"]);
    for (args, parts) in [
        (vec!["--since", &path("none")], ["cannot read", "none"]),
        (
            vec!["--since", &path("empty")],
            ["there is no job", "hint: name the directory of an earlier --job"],
        ),
        (vec!["--since", &path("x.jsonl")], ["line 1", "is no record"]),
        (vec!["--since", &job, "--job", &job], ["both the earlier job and this one", "hint: give this run"]),
        (vec!["--since", &path("a.jsonl"), "-o", &path("a.jsonl")], ["both what `--since` reads", "hint"]),
        (vec!["--since", &path("a.jsonl"), "--data", "x"], ["no POST does", "hint"]),
    ] {
        let ran = run(["fetch", url].into_iter().chain(args)).exits(2);
        ran.says(&parts);
    }
    assert!(Path::new(&path("a.jsonl")).metadata().unwrap().len() == 0);
    run(["fetch", url, "--retries", "0", "--since", &path("a.jsonl")]).says(&["has no page with `etag`"]);
}
