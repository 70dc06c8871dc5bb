//! `--hedge`: what servers see when the first request is not answered.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::answering::{Heads, page, path_of};
use crate::gannet::run;
use crate::raw::Raw;
use crate::servers;

/// Answers all but the first request of each path that begins with `/slow`, which waits until its client goes.
fn stalling(status: &'static str) -> (Raw, Heads) {
    let heads = Heads::default();
    let (log, slow) = (Arc::clone(&heads), Mutex::new(Vec::new()));
    let server = Raw::serve(move |mut conn| {
        while let Some(head) = conn.request() {
            let path = path_of(&head).to_owned();
            log.lock().unwrap().push(head);
            let is_first = {
                let mut slow = slow.lock().unwrap();
                let is_new = path.starts_with("/slow") && !slow.contains(&path);
                slow.push(path);
                is_new
            };
            match is_first {
                true => drop(conn.request()),
                false => drop(conn.send(page("x").replace("200 OK", status))),
            };
        }
    });
    (server, heads)
}

fn asked(heads: &Heads, path: &str) -> usize {
    heads.lock().unwrap().iter().filter(|head| path_of(head) == path).count()
}

#[test]
fn a_second_request_is_sent_and_its_answer_taken() {
    let (server, heads) = stalling("200 OK");
    let urls = ["/slow", "/quick"].map(|path| server.url(path).to_string());
    let ran = run(["fetch", "--hedge=300ms", "--idle-timeout=20s", "-q", "-w1", &urls[0], &urls[1]]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let records = ran.records();
    assert_eq!((records[0]["hedged"].as_bool(), records[1].get("hedged")), (Some(true), None));
    assert_eq!(
        (records[0]["status_code"].as_u64(), records[0]["reused"].as_bool()),
        (Some(200), Some(false))
    );
    let took = records[0]["time_total_ms"].as_f64().unwrap();
    assert!((300.0..15_000.0).contains(&took), "{took}");
    assert_eq!((asked(&heads, "/slow"), asked(&heads, "/quick")), (2, 1));
}

#[test]
fn one_in_ten_at_most_and_none_where_asking_twice_does_harm() {
    let (server, heads) = stalling("200 OK");
    let urls: Vec<_> = (0..4).map(|n| server.url(&format!("/slow{n}")).to_string()).collect();
    let usual = ["fetch", "--hedge=100ms", "--idle-timeout=1s", "--retries=0", "-q", "--fail-on=none"];
    let args = |more: &[&str]| usual.iter().chain(more).map(|arg| (*arg).to_owned()).collect::<Vec<_>>();
    let ran = run(args(&[]).into_iter().chain(urls.clone()));
    let hedged = |records: &[Value]| records.iter().filter(|record| record["hedged"] == true).count();
    assert_eq!(hedged(&ran.records()), 1, "of four");
    assert_eq!(heads.lock().unwrap().len(), 5);

    let (server, heads) = stalling("200 OK");
    let ran = run(args(&["-X", "POST", server.url("/slow").as_str()]));
    assert_eq!((hedged(&ran.records()), heads.lock().unwrap().len()), (0, 1));
}

#[test]
fn robots_txt_is_asked_for_once() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let server = Raw::serve(move |mut conn| {
        while let Some(head) = conn.request() {
            if path_of(&head) == "/robots.txt" {
                count.fetch_add(1, SeqCst);
                drop(conn.request());
                return;
            }
            conn.send(page("x"));
        }
    });
    let url = server.url("/").to_string();
    let ran = run(["crawl", "--hedge=100ms", "--idle-timeout=600ms", "--retries=0", "-q", &url]);
    assert_eq!((ran.records()[0]["outcome"].as_str(), asked.load(SeqCst)), (Some("failed"), 1));
}

/// A host that answered 503 is not asked twice.
#[test]
fn who_has_had_enough_is_not_asked_twice() {
    let (server, heads) = stalling("503 Service Unavailable");
    let urls = ["/busy", "/slow"].map(|path| server.url(path).to_string());
    let args = ["--hedge=300ms", "--idle-timeout=1s", "--retries=0", "-q", "--per-host=2", "--fail-on=none"];
    let ran = run(["fetch"].into_iter().chain(args).chain(urls.iter().map(String::as_str)));
    assert_eq!(ran.records().len(), 2, "{}", ran.stderr);
    assert_eq!(asked(&heads, "/slow"), 1);
}

#[test]
fn a_server_that_is_quick_sees_each_request_once() {
    let Some(server) =
        servers::nginx("server { listen 127.0.0.1:PORT; }", &[("a.html", "a"), ("b.html", "b")])
    else {
        return;
    };
    let urls = [server.url("/a.html"), server.url("/b.html")];
    let ran = run(["fetch", "--hedge=10s", "-q", &urls[0], &urls[1]]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.records().iter().all(|record| record.get("hedged").is_none()));
    assert_eq!(server.file("access.log").lines().count(), 2);
}

#[test]
fn what_keeps_a_distance_is_not_hedged() {
    for flag in ["--delay=1s", "--rate=5/s", "--rate-per-host=5/s"] {
        let ran = run(["fetch", "--hedge=1s", flag, "http://h/"]);
        let name = flag.split('=').next().unwrap();
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        assert!(ran.stderr.contains("cannot be used with") && ran.stderr.contains(name), "{}", ran.stderr);
    }
}
