//! kill -9 at any moment, and again: each URL has one record in the end, and what the record says is so.

use gannet::origin::{Faults, Latency, Site};
use rustix::process::Signal;
use serde_json::Value;

use crate::gannet::{call, run, text};
use crate::job::{
    DEADLY, Desk, MS, Random, assert_in_order, assert_same, assert_truth, everywhere, fates, records,
    troubled,
};
use crate::web::Web;

/// A crawl with these options, killed and resumed, finds what is there.
fn killed_crawl(name: &str, pages: u64, options: &[&str]) -> Desk {
    let (web, desk, mut random) = (Web::start(troubled(pages)), Desk::new(), Random::new(name));
    let out = desk.name("out.jsonl");
    let args = everywhere(&web);
    let mut args: Vec<_> = args.iter().map(String::as_str).chain(["-o", &out]).collect();
    args.extend(options);
    let ran = desk.kill_until_done(&desk.args(&args), &mut random, (30, 400)).exits(0);
    assert_eq!(ran.count("pending"), 0);
    let records = records(&desk.path("out.jsonl"));
    assert_truth(&records, web.graph());
    assert_eq!(ran.balance(), records.len() as u64, "the summary counts all lives");
    desk.assert_over();
    desk
}

#[test]
fn a_crawl_that_is_killed_finds_what_is_there() {
    killed_crawl("default", 100, &[]);
}

#[test]
fn so_it_does_when_each_commit_is_synced() {
    killed_crawl("always", 70, &["--sync", "always"]);
}

#[test]
fn so_it_does_with_two_outputs_in_other_forms() {
    let desk = Desk::new();
    let (csv, json) = (desk.name("out.csv"), desk.name("out.json"));
    let job = killed_crawl("forms", 70, &["-o", &csv, "-o", &json]);
    let lines = fates(&records(&job.path("out.jsonl")));
    assert_same(lines.clone(), fates(&records(&desk.path("out.csv"))));
    assert_same(lines, fates(&records(&desk.path("out.json"))));
}

#[test]
fn so_it_does_with_the_seen_urls_on_disk() {
    // Small pages with many links: what is seen grows faster than what is fetched.
    killed_crawl("sieve", 500, &["--frontier-memory", "16KiB"]);
}

#[test]
fn depth_is_kept() {
    // Between hosts it is a matter of luck by which path a page is found first.
    let site = Site { hosts: 1, cross_links: 0.0, links: 6, ..troubled(600) };
    let (web, mut random) = (Web::start(site), Random::new("depth"));
    let [killed, whole] = [Desk::new(), Desk::new()];
    let mut args = everywhere(&web);
    args.extend(["--depth", "3"].map(str::to_owned));
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    killed.kill_until_done(&killed.args(&args), &mut random, (30, 200)).exits(0);
    whole.run(&args).exits(0);
    let [killed, whole] = [killed, whole].map(|desk| fates(&records(&desk.path("job/records.jsonl"))));
    assert_same(killed, whole);
}

/// Whether the journal of this life has more than its header.
fn has_commit(desk: &Desk, life: usize) -> bool {
    let path = desk.path(&format!("job/frontier/journal-{life:08}"));
    path.metadata().is_ok_and(|metadata| metadata.len() > 20)
}

#[test]
fn a_url_that_is_out_at_five_kills_is_given_up() {
    let (web, desk) = (Web::plain(), Desk::new());
    std::fs::write(desk.path("list.txt"), web.url("/x/stall/1\n") + &web.url("/p/1\n")).unwrap();
    let list = desk.name("list.txt");
    let args = desk.args(&["fetch", &list]);
    // In the first life something else is done after it went out, so nothing speaks against it yet.
    for life in 1..=DEADLY + 1 {
        let live = call(&args).start();
        // The journal of each life begins with what the one before lost.
        while web.hits("/x/stall/1") < life || !has_commit(&desk, life) || desk.state()["in_flight"] != 1 {
            std::thread::park_timeout(10 * MS);
        }
        live.signal(Signal::KILL);
        live.finish();
    }
    call(&args).run().exits(3);
    let records = records(&desk.path("job/records.jsonl"));
    let dead = records.iter().find(|record| text(record, "url").ends_with("stall/1")).unwrap();
    assert_eq!((text(dead, "outcome"), text(dead, "error_kind")), ("failed", "internal"));
    assert_eq!((records.len(), web.hits("/x/stall/1")), (2, DEADLY + 1));
    desk.assert_over();
}

/// A list with repeated lines, lines that are no URLs, comments, and URLs that fail.
fn list(web: &Web, lines: u64) -> String {
    let line = |n: u64| match n % 10 {
        3 => "not a url at all\n".to_owned(),
        5 => "# a comment\n\n".to_owned(),
        7 => web.url("/p/1\n"),
        8 => web.url(&format!("/x/404/{n}\n")),
        9 => web.url(&format!("/x/reset/{n}\n")),
        _ => web.url(&format!("/p/{n}\n")),
    };
    (0..lines).map(line).collect()
}

fn listed() -> Web {
    let latency = Latency::Uniform(MS, 20 * MS);
    Web::start(Site { pages: 10_000, latency, faults: Faults::default(), ..Site::default() })
}

/// A record without what differs from run to run: what was asked, and what came of it.
fn gist(record: &Value) -> String {
    ["input", "url", "outcome", "status_code", "error_kind"].map(|field| record[field].to_string()).join(" ")
}

fn gists(records: &[Value]) -> Vec<String> {
    records.iter().map(gist).collect()
}

#[test]
fn tags_and_methods_are_kept() {
    let (web, desk, mut random) = (listed(), Desk::new(), Random::new("tags"));
    let line = |n: u64| {
        let method = if n.is_multiple_of(3) { "HEAD" } else { "GET" };
        let url = web.url(&format!("/p/{n}"));
        serde_json::json!({"url": url, "tag": format!("{method} {url}"), "method": method}).to_string() + "\n"
    };
    std::fs::write(desk.path("list.jsonl"), (0..800).map(line).collect::<String>()).unwrap();
    let list = desk.name("list.jsonl");
    let args = ["fetch", &list, "--workers", "20", "--frontier-memory", "64KiB"];
    desk.kill_until_done(&desk.args(&args), &mut random, (30, 300)).exits(0);
    let fetched = records(&desk.path("job/records.jsonl"));
    assert_eq!(fetched.len(), 800);
    for record in &fetched {
        assert_eq!(text(record, "seed_tag"), format!("{} {}", text(record, "method"), text(record, "url")));
    }
    desk.assert_over();
}

#[test]
fn so_are_tags_of_what_descends_from_a_seed() {
    let site = Site { hosts: 3, pages: 150, ..troubled(150) };
    let (web, desk, mut random) = (Web::start(site), Desk::new(), Random::new("inherited"));
    let origin = |url: &str| url.split('/').nth(2).unwrap().to_owned();
    let line = |seed: String| serde_json::json!({"url": seed, "tag": origin(&seed)}).to_string() + "\n";
    std::fs::write(desk.path("list.jsonl"), web.graph().seeds().map(line).collect::<String>()).unwrap();
    let list = desk.name("list.jsonl");
    let args = ["crawl", &list, "--workers", "20", "--retries", "1", "--frontier-memory", "16KiB"];
    desk.kill_until_done(&desk.args(&args), &mut random, (30, 300)).exits(0);
    let records = records(&desk.path("job/records.jsonl"));
    assert!(records.len() > 300, "{}", records.len());
    for record in &records {
        assert_eq!(text(record, "seed_tag"), origin(text(record, "url")), "{record}");
    }
    desk.assert_over();
}

#[test]
fn a_list_has_a_record_for_each_line() {
    let (web, desk, mut random) = (listed(), Desk::new(), Random::new("list"));
    std::fs::write(desk.path("list.txt"), list(&web, 1500)).unwrap();
    let list = desk.name("list.txt");
    let args = ["fetch", &list, "--retries", "0", "--workers", "20", "--threads", "3"];
    desk.kill_until_done(&desk.args(&args), &mut random, (30, 300)).exits(3);
    let mut found = gists(&records(&desk.path("job/records.jsonl")));
    let mut whole = gists(&run(args).exits(3).records());
    found.sort_unstable();
    whole.sort_unstable();
    assert_eq!(found.len(), 1350);
    assert_in_order(&found, &whole);
    desk.assert_over();
}

#[test]
fn a_gathered_list_is_in_order_and_comes_whole() {
    for (suffix, lines) in [("jsonl", 800), ("json", 300), ("csv", 300)] {
        let (web, desk, mut random) = (listed(), Desk::new(), Random::new("gather"));
        std::fs::write(desk.path("list.txt"), list(&web, lines)).unwrap();
        let (list, out) = (desk.name("list.txt"), desk.name(&format!("out.{suffix}")));
        let args = ["fetch", &list, "--mode", "gather", "--retries", "0", "--workers", "10", "-o", &out];
        let command = desk.args(&args);
        desk.kill_until_done(&command, &mut random, (30, 120)).exits(3);
        let found = records(&desk.path(&format!("out.{suffix}")));
        let plain: Vec<_> = args.iter().map(|arg| if *arg == out { "-" } else { *arg }).collect();
        let whole = run(plain).exits(3).records();
        let names =
            |records: &[Value]| -> Vec<_> { records.iter().map(|r| text(r, "url").to_owned()).collect() };
        assert_in_order(&names(&found), &names(&whole));
        desk.assert_over();
    }
}
