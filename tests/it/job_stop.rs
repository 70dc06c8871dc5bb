//! A job that is stopped and goes on is the job that was never stopped; and its hosts do not notice.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use gannet::origin::{Hit, Latency, Robots, Site};
use rustix::process::Signal;

use crate::gannet::{Live, PATIENCE, call, run, text, with};
use crate::job::{
    Desk, MS, Random, assert_in_order, assert_same, assert_truth, everywhere, fates, records, troubled,
};
use crate::web::Web;

/// A crawl of everything with these options, as arguments.
fn crawl(web: &Web, options: &[&str]) -> Vec<String> {
    everywhere(web).into_iter().chain(options.iter().map(|option| (*option).to_owned())).collect()
}

fn strs(args: &[String]) -> Vec<&str> {
    args.iter().map(String::as_str).collect()
}

/// Starts a run, and looks until it has written a record: then it heeds signals.
fn start(desk: &Desk, args: &[String]) -> Live {
    let path = desk.path("job/records.jsonl");
    let length = || path.metadata().map_or(0, |metadata| metadata.len());
    let before = length();
    let live = call(args).start();
    let start = Instant::now();
    while length() <= before {
        assert!(start.elapsed() < PATIENCE, "no record:\n{}", live.stderr_so_far());
        std::thread::park_timeout(2 * MS);
    }
    live
}

#[test]
fn a_signal_ends_a_run_and_not_the_job() {
    let (web, desk) = (Web::start(troubled(60)), Desk::new());
    let args = desk.args(&strs(&crawl(&web, &[])));
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130), (Signal::TERM, 143)] {
        let live = start(&desk, &args);
        live.signal(signal);
        let ran = live.finish();
        if ran.code == Some(0) {
            break;
        }
        let ran = ran.exits(code);
        let state = desk.state();
        assert_eq!(state["pending"], ran.count("pending"), "the summary and the job say the same");
        desk.verify();
    }
    call(&args).run().exits(0);
    assert_truth(&records(&desk.path("job/records.jsonl")), web.graph());
    desk.assert_over();
}

#[test]
fn the_second_signal_leaves_what_is_out_pending() {
    let (web, desk) = (Web::plain(), Desk::new());
    let list: String = (0..30).map(|n| web.url(&format!("/x/stall/{n}\n"))).collect();
    std::fs::write(desk.path("list.txt"), format!("{}{list}", web.url("/p/1\n"))).unwrap();
    let list = desk.name("list.txt");
    let args = desk.args(&["fetch", &list, "--workers", "10", "--grace", "1h"]);
    let live = start(&desk, &args);
    live.signal(Signal::INT);
    assert!(live.stderr_has("gannet: stopping"));
    live.signal(Signal::INT);
    let ran = live.finish().exits(130);
    assert_eq!((ran.count("cancelled"), ran.count("pending"), ran.count("finished")), (0, 30, 1));
    assert_eq!(desk.state()["pending"], 30);
    assert_eq!(desk.show(&["--pending"]).text().lines().count(), 30);
    let records = records(&desk.path("job/records.jsonl"));
    assert_eq!((records.len(), with(&records, "outcome", "cancelled")), (1, 0));
}

#[test]
fn limits_end_a_run_and_not_the_job() {
    let web = Web::start(troubled(40));
    for (option, value) in [("--max-pages", "60"), ("--max-time", "250ms")] {
        let desk = Desk::new();
        let args = desk.args(&strs(&crawl(&web, &[option, value])));
        let mut runs = 0;
        let ran = loop {
            runs += 1;
            let ran = call(&args).run();
            desk.state();
            if ran.code != Some(5) {
                break ran.exits(0);
            }
            assert!(runs < 100, "it does not come to an end");
        };
        assert!(runs > 1 && ran.count("pending") == 0);
        let records = records(&desk.path("job/records.jsonl"));
        // A flaky URL is not flaky the second time that the same web is crawled.
        assert_truth(&records, web.graph());
        desk.assert_over();
    }
}

#[test]
fn one_worker_goes_on_in_the_same_order() {
    let site = Site { hosts: 3, pages: 60, latency: Latency::Fixed(3 * MS), ..Site::default() };
    let (web, mut random) = (Web::start(site), Random::new("order"));
    let list = Desk::new();
    // Hosts of a crawl find each other's pages as the clock has it; each for itself goes its own way.
    let seeds: String = web.graph().seeds().map(|seed| seed + "\n").collect();
    std::fs::write(list.path("list.txt"), seeds).unwrap();
    let seeds = list.name("list.txt");
    let args = ["crawl", &seeds, "--workers", "1", "--per-host", "1"];
    let desk = Desk::new();
    let command = desk.args(&args);
    for _ in 0..3 {
        let live = call(&command).start();
        std::thread::park_timeout(MS * u32::try_from(random.range(60, 250)).unwrap());
        live.signal(Signal::TERM);
        live.finish();
    }
    call(&command).run().exits(0);
    let order = |records: &[serde_json::Value]| {
        let mut hosts = BTreeMap::<String, Vec<String>>::new();
        for record in records {
            let url = text(record, "url");
            hosts.entry(url.split('/').nth(2).unwrap().to_owned()).or_default().push(url.to_owned());
        }
        hosts
    };
    let whole = order(&run(args).exits(0).records());
    let found = order(&records(&desk.path("job/records.jsonl")));
    assert_same(found.keys(), whole.keys());
    found.iter().for_each(|(host, urls)| assert_in_order(urls, &whole[host]));
}

fn is_robots(hit: &Hit) -> bool {
    hit.url.ends_with("/robots.txt")
}

/// What the server saw of a crawl that was killed and resumed: limits hold over all its lives.
fn polite(name: &str, per_host: u32, delay: Duration, robots: Robots, options: &[&str]) {
    // An answer takes longer than the pause, so that requests would overlap.
    let site = Site {
        hosts: 3,
        pages: 12,
        latency: Latency::Fixed(70 * MS),
        robots,
        record: true,
        ..Site::default()
    };
    let (web, desk, mut random) = (Web::start(site), Desk::new(), Random::new(name));
    let limit = per_host.to_string();
    let args = crawl(&web, &[&["--per-host", &limit][..], options].concat());
    desk.kill_until_done(&desk.args(&strs(&args)), &mut random, (200, 900)).exits(0);
    for host in 0..3 {
        let hits: Vec<_> = web.log().into_iter().filter(|hit| hit.host == Some(host)).collect();
        let asked = hits.iter().filter(|hit| is_robots(hit)).count();
        assert!(asked <= 1 + crate::job::kills(), "robots.txt was asked for {asked} times");
        // Rules that a process died with before it had noted them were not read: robots.txt is asked for again.
        let unread = |pair: &[Hit]| robots != Robots::default() && pair.iter().all(is_robots);
        let gaps = hits.windows(2).filter(|pair| !unread(pair)).map(|pair| pair[1].at - pair[0].at);
        let gap = gaps.min().unwrap();
        // The server reads its clock after the request was sent: later still when the machine is busy.
        assert!(gap + 100 * MS >= delay, "{host}: {gap:?} between two requests");
        // A request of a process that was killed is open at the server until it has answered; the next process may ask
        // for robots.txt meanwhile, if it cannot know the rules.
        let (open, asked_again) = (web.max_in_flight(host), u32::from(robots != Robots::default()));
        assert!(open <= per_host + asked_again, "{host}: {open} at once");
    }
    fates(&records(&desk.path("job/records.jsonl")));
}

#[test]
fn the_delay_holds_over_restarts() {
    polite("delay", 2, 200 * MS, Robots::default(), &["--delay", "200ms"]);
}

#[test]
fn a_crawl_delay_holds_over_restarts() {
    polite("crawl-delay", 1, 200 * MS, Robots::Rules { crawl_delay: Some(200 * MS) }, &[]);
}
