//! Stopping `gannet` from the outside: in order at the first signal, at once at the second, with nothing lost.

use std::time::{Duration, Instant};

use gannet::origin::{Latency, Site};
use rustix::process::Signal;

use crate::gannet::{Live, Ran, call, text, with};
use crate::web::Web;

const MS: Duration = Duration::from_millis(1);

/// A crawl of a large site, seen to be under way.
fn crawl(web: &Web, args: &[&str]) -> (Live, usize) {
    let seed = web.url("/");
    let mut live = call(["crawl", &seed, "--workers", "20", "--per-host", "20"].iter().chain(args)).start();
    for _ in 0..30 {
        live.record();
    }
    (live, 30)
}

fn large() -> Web {
    Web::start(Site { pages: 50_000, latency: Latency::Uniform(5 * MS, 40 * MS), ..Site::default() })
}

/// Every admitted URL is in the records or pending, and the records are whole.
fn assert_conserved(ran: &Ran, taken: usize) {
    let records = ran.records().len() + taken;
    assert_eq!(ran.balance() - ran.count("pending"), records as u64, "{}", ran.stderr);
}

#[test]
fn the_first_signal_drains() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let web = large();
        let (live, taken) = crawl(&web, &[]);
        live.signal(signal);
        let ran = live.finish().exits(code).says(&["gannet: stopping; ", "warning: stopped on request; "]);
        assert_conserved(&ran, taken);
        assert_eq!((ran.count("cancelled"), ran.count("failed")), (0, 0), "what was under way was finished");
        assert!(ran.count("pending") > 0 && ran.took < Duration::from_secs(10), "{:?}", ran.took);
    }
}

#[test]
fn what_is_under_way_is_finished_within_grace() {
    let web = Web::start(Site { latency: Latency::Fixed(1500 * MS), record: true, ..Site::default() });
    let live = call(["fetch", "-", "--workers", "10"]).stdin(web.list(50)).start();
    until(|| web.log().len() == 10);
    live.signal(Signal::INT);
    let ran = live.finish().exits(130);
    assert_eq!((ran.count("finished"), ran.count("pending"), ran.balance()), (10, 40, 50));
    assert_conserved(&ran, 0);
}

#[test]
fn grace_is_a_limit() {
    let web = Web::plain();
    let list: String = (0..30).map(|n| web.url(&format!("/x/stall/{n}\n"))).collect();
    let live = call(["fetch", "-", "--workers", "10", "--grace", "300ms"]).stdin(list).start();
    until(|| web.log().len() == 10);
    live.signal(Signal::TERM);
    let ran = live.finish().exits(143);
    assert!(ran.took < Duration::from_secs(5), "{:?}", ran.took);
    assert_eq!((ran.balance(), ran.count("finished")), (30, 0));
    assert_conserved(&ran, 0);
}

#[test]
fn the_second_signal_ends_it_at_once() {
    let web = Web::plain();
    let list: String = (0..30).map(|n| web.url(&format!("/x/stall/{n}\n"))).collect();
    for (first, second, code) in [(Signal::INT, Signal::INT, 130), (Signal::TERM, Signal::INT, 143)] {
        let before = web.log().len();
        let live = call(["fetch", "-", "--workers", "10", "--grace", "1h"]).stdin(&*list).start();
        until(|| web.log().len() == before + 10);
        live.signal(first);
        let handled = live.stderr_has("gannet: stopping");
        assert!(handled);
        live.signal(second);
        let ran = live.finish().exits(code);
        assert!(ran.took < Duration::from_secs(3), "{:?}", ran.took);
        assert_eq!(ran.balance(), 30);
        assert_conserved(&ran, 0);
    }
}

#[test]
fn a_reader_that_is_stuck_does_not_hold_up_the_second_signal() {
    let web = large();
    let seed = web.url("/");
    for mode in ["jsonl", "csv"] {
        let live = call(["crawl", &seed, "--format", mode, "--links", "--body"]).start_stuck();
        // The pipe is full when no more requests come.
        let mut last = 0;
        until_slowly(|| {
            let now = web.stats().requests;
            std::mem::replace(&mut last, now) == now && now > 0
        });
        live.signal(Signal::INT);
        assert!(live.stderr_has("gannet: stopping"));
        live.signal(Signal::INT);
        let ran = live.finish();
        assert!(ran.took < Duration::from_secs(3), "{:?}", ran.took);
        // The last records had no taker: that is said, and the balance holds.
        ran.balance();
        let ran = ran.exits(1).says(&["did not take the last records"]);
        assert!(ran.count("pending") > 0);
    }
}

#[test]
fn a_gather_that_is_stopped_writes_what_it_has_in_order() {
    let web =
        Web::start(Site { pages: 2000, latency: Latency::Fixed(10 * MS), record: true, ..Site::default() });
    let list = web.list(1999);
    let live = call(["fetch", "-", "--workers", "5", "--mode", "gather"]).stdin(&*list).start();
    until(|| web.log().len() > 50);
    live.signal(Signal::INT);
    let ran = live.finish().exits(130);
    let urls: Vec<_> = ran.records().iter().map(|record| text(record, "url").to_owned()).collect();
    assert!(urls.len() >= 46 && urls == list.lines().take(urls.len()).collect::<Vec<_>>(), "{urls:?}");
    assert_conserved(&ran, 0);
}

#[test]
fn a_run_that_waits_for_stdin_can_be_stopped() {
    let web = Web::plain();
    let mut live = call(["fetch", "-"]).open_stdin().start();
    live.feed(web.url("/p/1\n"));
    live.record();
    live.signal(Signal::INT);
    let ran = live.finish().exits(130);
    assert_conserved(&ran, 1);
    assert!(ran.took < Duration::from_secs(3), "{:?}", ran.took);
}

#[test]
fn a_run_that_waits_for_a_pipe_that_nobody_opens_can_be_stopped() {
    let web = Web::plain();
    let directory = tempfile::tempdir().unwrap();
    let (pipe, url) = (directory.path().join("pipe"), web.url("/p/1"));
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mut live = call(["fetch", url.as_str(), pipe.to_str().unwrap()]).start();
    live.record();
    live.signal(Signal::TERM);
    let ran = live.finish().exits(143);
    assert!(ran.took < Duration::from_secs(3), "{:?}", ran.took);
    assert_conserved(&ran, 1);
}

#[test]
fn a_stop_at_any_moment_loses_nothing() {
    let web = large();
    let seed = web.url("/");
    for (taken, workers, twice) in
        [(1, "1", false), (1, "100", true), (7, "3", true), (60, "50", false), (150, "50", true)]
    {
        let mut live = call(["crawl", &seed, "--workers", workers, "--per-host", workers]).start();
        for _ in 0..taken {
            live.record();
        }
        live.signal(Signal::INT);
        if twice && live.stderr_has("gannet: stopping") && live.is_running() {
            live.signal(Signal::INT);
        }
        let ran = live.finish().exits(130);
        assert_conserved(&ran, taken);
        let left = ran.count("pending") + ran.count("cancelled");
        assert!(left > 0, "{}", ran.stderr);
        ran.says(&[&format!("warning: stopped on request; {left} URLs known and not fetched")]);
    }
}

#[test]
fn stopping_counts_more_than_what_failed() {
    let web = Web::plain();
    let list = format!("{}{}", web.url("/x/reset/1\n"), web.url("/x/stall/1\n"));
    let mut live = call(["fetch", "-", "--retries", "0", "--grace", "100ms"]).stdin(list).start();
    assert_eq!(text(&live.record(), "error_kind"), "connection_lost");
    live.signal(Signal::TERM);
    let ran = live.finish().exits(143);
    assert_conserved(&ran, 1);
}

#[test]
fn a_slow_reader_slows_the_run_and_loses_nothing() {
    let web = Web::start(Site { pages: 1000, page_size: 20_000, ..Site::default() });
    let mut live = call(["fetch", "-", "--body", "--workers", "50"]).stdin(web.list(999)).start();
    let records: Vec<_> = (0..999).map(|_| live.record()).collect();
    assert_eq!(with(&records, "outcome", "finished"), 999);
    assert_eq!(live.finish().exits(0).balance(), 999);
}

/// Looks again and again until it is so.
fn until(so: impl FnMut() -> bool) {
    look(5 * MS, so);
}

fn until_slowly(so: impl FnMut() -> bool) {
    look(500 * MS, so);
}

fn look(every: Duration, mut so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !so() {
        assert!(start.elapsed() < crate::gannet::PATIENCE, "it never came to that");
        std::thread::park_timeout(every);
    }
}
