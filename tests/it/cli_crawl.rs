//! `gannet crawl` from the outside: it finds what is there, goes where it may, and stops where it must.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gannet::origin::{Addressing, Expect, Faults, Graph, Latency, Robots, Site};
use serde_json::Value;

use crate::gannet::{Ran, call, run, text, with};
use crate::raw::Raw;
use crate::web::Web;

const MS: Duration = Duration::from_millis(1);

/// Several hosts, something of every fault, and a robots.txt that forbids.
fn broken() -> Site {
    let faults = Faults {
        errors: 0.04,
        flaky: 0.01,
        stalls: 0.01,
        resets: 0.02,
        redirects: 0.06,
        loops: 0.02,
        truncated: 0.02,
        drips: 0.02,
        encoded: 0.1,
    };
    Site { hosts: 4, pages: 70, faults, trap: true, record: true, ..Site::default() }
}

/// What the record of a URL says, in the words of the truth.
pub(crate) fn verdict(record: &Value) -> Expect {
    let (outcome, kind) = (text(record, "outcome"), text(record, "error_kind"));
    let status = record["status_code"].as_u64().unwrap_or_default();
    match (outcome, kind, status) {
        ("finished", "", 200) if record.get("chain").is_some() => {
            Expect::Redirect(text(record, "final_url").into())
        }
        ("finished", "", 200) => Expect::Page,
        // To another host: the target has a record of its own.
        ("finished", "", 302) => Expect::Redirect(String::new()),
        ("finished", "", 400..) => Expect::Error(status.try_into().unwrap()),
        ("failed", "timeout", 0) => Expect::Stall,
        ("failed", "redirect_loop", _) => Expect::RedirectLoop,
        ("failed", "connection_lost", 0) => Expect::Reset,
        ("failed", "connection_lost", 200) => Expect::Truncated,
        ("skipped", "robots_denied", 0) if text(record, "skipped") == "robots_denied" => Expect::RobotsDenied,
        _ => panic!("what is {record}?"),
    }
}

/// What the truth says, as far as a record can tell.
pub(crate) fn expected(expect: Expect, url: &str) -> Expect {
    let authority = |url: &str| url.split('/').nth(2).unwrap().to_owned();
    match expect {
        Expect::ResetBody => Expect::Truncated,
        Expect::Flaky => Expect::Page,
        Expect::Redirect(to) if authority(&to) != authority(url) => Expect::Redirect(String::new()),
        other => other,
    }
}

#[track_caller]
fn assert_complete(ran: &Ran, graph: &Graph) {
    let records = ran.records();
    let found: BTreeMap<_, _> = records.iter().map(|r| (text(r, "url").to_owned(), verdict(r))).collect();
    assert_eq!(found.len(), records.len(), "a URL has two records");
    let truth: BTreeMap<_, _> = graph.truth().map(|(url, e)| (url.clone(), expected(e, &url))).collect();
    let wrong: Vec<_> = truth.iter().filter(|(url, e)| found.get(*url) != Some(e)).collect();
    assert!(wrong.is_empty(), "missed or wrong: {wrong:?}\n{}", ran.stderr);
    assert_eq!(found.len(), truth.len(), "found what is not there");
    let flaky: BTreeSet<_> = graph.truth().filter(|(_, e)| *e == Expect::Flaky).map(|(url, _)| url).collect();
    assert!(records.iter().all(|r| !flaky.contains(text(r, "url")) || r["attempts"] == 2), "{}", ran.stderr);
    assert_eq!((ran.balance(), ran.count("pending")), (truth.len() as u64, 0));
}

/// A crawl from one seed through all hosts.
fn crawl_of_everything(workers: &str) {
    let web = Web::start(broken());
    let seed = web.graph().seeds().next().unwrap();
    let args =
        ["crawl", &seed, "--scope", "any", "--exclude", "/trap/", "--workers", workers, "--per-host", "100"];
    let ran = call(args.into_iter().chain(["--idle-timeout", "1s", "--retries", "1"])).run().exits(0);
    assert_complete(&ran, web.graph());
}

#[test]
fn one_worker_finds_exactly_what_is_there() {
    crawl_of_everything("1");
}

#[test]
fn fifty_workers_find_exactly_what_is_there() {
    crawl_of_everything("50");
}

#[test]
fn a_thousand_workers_find_exactly_what_is_there() {
    crawl_of_everything("1000");
}

#[test]
fn all_seeds_at_scope_host_find_the_same() {
    let web = Web::start(Site { hosts: 7, pages: 150, ..Site::default() });
    let seeds: String = web.graph().seeds().fold(String::new(), |mut list, seed| {
        writeln!(list, "{seed}").unwrap();
        list
    });
    let ran = call(["crawl", "-"]).stdin(seeds).run().exits(0);
    assert_complete(&ran, web.graph());
    assert_eq!(ran.count("seeds"), 7);
}

#[test]
fn hosts_by_name_are_crawled_through_a_proxy() {
    let web = Web::start(Site { hosts: 300, pages: 4, addressing: Addressing::Names, ..Site::default() });
    let proxy = web.proxy().unwrap();
    let ran =
        run(["crawl", "-x", &proxy, "http://h0.test/", "--scope", "any", "--exclude", "/trap/"]).exits(0);
    assert_complete(&ran, web.graph());
}

#[test]
fn a_proxy_comes_from_the_environment_too() {
    let web = Web::start(Site { hosts: 3, addressing: Addressing::Names, ..Site::default() });
    let proxy = web.proxy().unwrap();
    let ran = call(["fetch", "http://h2.test/p/1"]).env("http_proxy", &proxy).run().exits(0);
    assert_eq!(ran.record()["status_code"], 200);
    let plain = Web::plain();
    let ran = call(["fetch", &plain.url("/p/1")])
        .env("HTTP_PROXY", &proxy)
        .env("NO_PROXY", "127.0.0.1")
        .run()
        .exits(0);
    assert_eq!((ran.record()["status_code"].as_u64(), plain.hits("/p/1")), (Some(200), 1));
}

#[test]
fn robots_that_cannot_be_had_fails_the_host() {
    let web = Web::start(Site { robots: Robots::Unavailable, record: true, ..Site::default() });
    let ran = run(["crawl", &web.url("/"), "--retries", "0"]).exits(4);
    assert_eq!(text(&ran.record(), "error_kind"), "robots_unavailable");
    assert!(web.log().iter().all(|hit| hit.url.ends_with("/robots.txt")), "{:?}", web.log());
}

#[test]
fn robots_is_asked_once_and_obeyed_or_not_asked_at_all() {
    let web = Web::plain();
    let ran = run(["crawl", &web.url("/private/1"), &web.url("/p/1"), "--depth", "0"]).exits(0);
    let records = ran.records();
    assert_eq!((with(&records, "skipped", "robots_denied"), with(&records, "outcome", "finished")), (1, 1));
    assert_eq!((web.hits("/robots.txt"), web.hits("/private/1")), (1, 0));
    assert_eq!((ran.count("skipped"), ran.balance()), (1, 2));
    assert!(ran.row("came out").contains("1 skipped (robots_denied 1)"), "{}", ran.stderr);
    assert!(ran.row("requests").ends_with(" 1 robots.txt, 1 host"), "{}", ran.stderr);
    let ran = run(["crawl", &web.url("/private/1"), "--depth", "0", "--ignore-robots"]).exits(0);
    assert_eq!((ran.record()["status_code"].as_u64(), web.hits("/robots.txt")), (Some(200), 1));
}

#[test]
fn a_repeated_seed_is_skipped_and_says_so() {
    let web = Web::plain();
    let (url, same) = (web.url("/p/1"), web.url("/p/1#again"));
    let ran = run(["crawl", &url, &same, &url, "--depth", "0"]).exits(0);
    let records = ran.records();
    assert_eq!((records.len(), with(&records, "skipped", "duplicate_seed")), (3, 2));
    assert_eq!((web.hits("/p/1"), ran.count("skipped"), ran.balance()), (1, 2, 3));
    assert!(ran.row("came out").contains("2 skipped (duplicate_seed 2)"), "{}", ran.stderr);
}

#[test]
fn max_pages_is_exact_and_says_whether_work_was_left() {
    let robots = Robots::Missing;
    let web = Web::start(Site { robots, record: true, ..Site::default() });
    let pages = |web: &Web| web.log().iter().filter(|hit| !hit.url.ends_with("/robots.txt")).count();
    let ran = run(["crawl", &web.url("/"), "--max-pages", "37", "--workers", "20"]).exits(5);
    assert_eq!((pages(&web), ran.records().len(), ran.count("finished")), (37, 37, 37));
    assert!(ran.count("pending") > 0 && ran.stderr.contains("stopped at --max-pages"), "{}", ran.stderr);
    ran.balance();

    let all = web.graph().truth().count();
    let ran = run(["crawl", &web.url("/"), "--max-pages", &all.to_string()]).exits(0);
    assert_eq!((ran.records().len(), pages(&web), ran.count("pending")), (all, 37 + all, 0));
    assert!(!ran.stderr.contains("stopped at"), "{}", ran.stderr);
    run(["crawl", &web.url("/"), "--max-pages", &(all - 1).to_string()]).exits(5);
}

#[test]
fn a_retry_takes_no_second_ticket() {
    let web = Web::plain();
    let list: String = (0..4).map(|n| web.url(&format!("/x/reset/{n}\n"))).collect();
    let ran = call(["fetch", "-", "--max-pages", "3", "--retries", "1"]).stdin(list).run().exits(5);
    assert_eq!((ran.records().len(), web.log().len(), ran.count("pending")), (3, 6, 1));
}

#[test]
fn max_time_stops_and_says_so() {
    let latency = Latency::Fixed(50 * MS);
    let web = Web::start(Site { pages: 10_000, latency, ..Site::default() });
    let ran = run(["crawl", &web.url("/"), "--max-time", "1s", "--workers", "4"]).exits(5);
    assert!(ran.took < Duration::from_secs(10), "{:?}", ran.took);
    assert_eq!(ran.records().len() as u64, ran.balance() - ran.count("pending"));
    assert!(ran.count("pending") > 0 && ran.stderr.contains("stopped at --max-time"), "{}", ran.stderr);
}

#[test]
fn max_time_is_a_limit_for_a_silent_stdin_too() {
    let web = Web::plain();
    let mut live = call(["fetch", "-", "--max-time", "1s"]).open_stdin().start();
    live.feed(web.url("/p/1\n"));
    assert_eq!(live.record()["status_code"], 200);
    // Nobody knows what else would have come: that is work left.
    live.finish().exits(5).says(&["stopped at --max-time; the input was not read to its end"]);
}

#[test]
fn per_host_limits_hold_at_the_server() {
    let site =
        Site { hosts: 2, pages: 60, latency: Latency::Fixed(20 * MS), record: true, ..Site::default() };
    for (args, most) in [(&[][..], 6), (&["--per-host", "2"][..], 2), (&["--per-host", "1"][..], 1)] {
        let web = Web::start(site.clone());
        let seeds: Vec<_> = web.graph().seeds().collect();
        let ran =
            call(["crawl"].into_iter().chain(seeds.iter().map(String::as_str)).chain(args.iter().copied()));
        assert_complete(&ran.run().exits(0), web.graph());
        assert_eq!([0, 1].map(|host| web.max_in_flight(host)), [most, most]);
    }
}

#[test]
fn a_delay_holds_at_the_server() {
    let web = Web::start(Site { pages: 15, record: true, ..Site::default() });
    run(["crawl", &web.url("/"), "--delay", "60ms"]).exits(0);
    let log = web.log();
    let (first, last) = (log.first().unwrap().at, log.last().unwrap().at);
    // The network may move each start a little.
    assert!(
        last - first >= 55 * MS * (log.len() as u32 - 1),
        "{:?} for {} requests",
        last - first,
        log.len()
    );
}

/// Serves these pages, by path or, as a proxy, by URL; all else is 404. The log holds what was asked for.
fn site(pages: impl Into<Vec<(String, String)>>) -> (Raw, Arc<Mutex<Vec<String>>>) {
    let (pages, log) = (pages.into(), Arc::new(Mutex::new(Vec::new())));
    let seen = Arc::clone(&log);
    let server = Raw::serve(move |mut conn| {
        while let Some(head) = conn.request() {
            let target = head.split(' ').nth(1).unwrap().to_owned();
            let page = pages.iter().find(|(path, _)| *path == target).map(|(_, page)| page.as_str());
            seen.lock().unwrap().push(target);
            conn.send(match page {
                Some(page) if page.starts_with("HTTP/") => page.to_owned(),
                Some(page) => {
                    let length = page.len();
                    format!(
                        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {length}\r\n\r\n{page}"
                    )
                }
                None => "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_owned(),
            });
        }
    });
    (server, log)
}

/// A page that links to these.
fn links(to: &[&str]) -> String {
    to.iter().fold("<!doctype html><title>t</title>".to_owned(), |page, url| {
        page + "<a href=\"" + url + "\">x</a>"
    })
}

fn owned<const N: usize>(pages: [(&str, &[&str]); N]) -> Vec<(String, String)> {
    pages.iter().map(|(path, to)| ((*path).to_owned(), links(to))).collect()
}

fn found(ran: &Ran) -> BTreeSet<String> {
    ran.records().iter().map(|record| text(record, "url").to_owned()).collect()
}

fn set(urls: &str) -> BTreeSet<String> {
    urls.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn scopes_reach_as_far_as_they_say() {
    let (proxy, _log) = site(owned([
        (
            "http://www.one.test/docs/",
            &[
                "a",
                "/top",
                "http://one.test/",
                "http://two.test/",
                "http://www.one.test:8080/",
                "//www.one.test/docs/b",
            ],
        ),
        ("http://www.one.test/docs/a", &["../docs/c"]),
        ("http://one.test/", &["/deep"]),
        ("http://two.test/", &["/far"]),
    ]));
    let proxy = format!("http://127.0.0.1:{}", proxy.port());
    let crawl = |scope: &str| {
        let args =
            ["crawl", "-x", &proxy, "http://www.one.test/docs/", "--scope", scope, "--fail-on", "none"];
        found(&run(args).exits(0))
    };
    let prefix = "http://www.one.test/docs/ http://www.one.test/docs/a http://www.one.test/docs/b http://www.one.test/docs/c";
    let host = format!("{prefix} http://www.one.test/top");
    let domain = format!("{host} http://one.test/ http://one.test/deep http://www.one.test:8080/");
    let any = format!("{domain} http://two.test/ http://two.test/far");
    for (scope, urls) in [("prefix", prefix), ("host", &host), ("domain", &domain), ("any", &any)] {
        assert_eq!(crawl(scope), set(urls), "{scope}");
    }
}

#[test]
fn links_that_leave_are_checked_and_lead_no_further() {
    let moved = |to: &str| format!("HTTP/1.1 301 Moved\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n");
    let robots = "HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\nUser-agent: *\nDisallow: /no/\n\n";
    let mut pages = owned([
        (
            "http://one.test/",
            &[
                "/a",
                "http://two.test/",
                "http://two.test/no/x",
                "http://two.test/skip",
                "http://two.test/moved",
            ],
        ),
        (
            "http://one.test/a",
            &["http://two.test/", "http://two.test/gone", "http://three.test/back", "/out"],
        ),
        ("http://two.test/", &["/deep", "http://one.test/secret", "http://four.test/"]),
        ("http://three.test/end", &["/deep"]),
        ("http://one.test/b", &["/c"]),
    ]);
    for (from, to) in [
        ("http://two.test/moved", "http://three.test/end"),
        ("http://three.test/back", "http://one.test/b"),
        ("http://one.test/out", "http://two.test/out"),
    ] {
        pages.push((from.to_owned(), moved(to)));
    }
    pages.push(("http://two.test/robots.txt".to_owned(), robots.to_owned()));
    pages.push(("http://three.test/sitemap.xml".to_owned(), links(&["http://three.test/map"])));
    let (proxy, log) = site(pages);
    let proxy = format!("http://127.0.0.1:{}", proxy.port());
    let crawl = |more: &[&str]| {
        let args =
            ["crawl", "-x", &proxy, "http://one.test/", "--check-external", "--exclude", "skip", "--links"];
        call(args.iter().chain(more)).run().exits(0)
    };
    let ran = crawl(&["--sitemaps"]);
    let expected = "http://one.test/ http://one.test/a http://one.test/out http://one.test/b http://one.test/c \
                    http://one.test/sitemap.xml http://two.test/ http://two.test/no/x http://two.test/moved \
                    http://two.test/gone http://two.test/out http://three.test/back http://three.test/end";
    assert_eq!(found(&ran), set(expected));
    let records = ran.records();
    let of = |url: &str| records.iter().find(|record| text(record, "url") == url).unwrap();
    assert_eq!(text(of("http://two.test/no/x"), "skipped"), "robots_denied");
    assert_eq!(of("http://two.test/gone")["status_code"], 404);
    assert_eq!(of("http://two.test/")["depth"], 1);
    assert_eq!(of("http://two.test/")["links"], serde_json::json!([]));
    assert_eq!(of("http://one.test/a")["links"][0]["text"], "x");
    assert_eq!(text(of("http://three.test/end"), "tag"), "redirect");
    assert!(ran.row("links").ends_with("1 not followed, excluded 1"), "{}", ran.stderr);
    let log = log.lock().unwrap();
    assert_eq!(log.iter().filter(|url| *url == "http://two.test/").count(), 1, "{log:?}");
    drop(log);
    assert_eq!(found(&crawl(&["--depth", "0"])), set("http://one.test/"), "a link is a link");
}

#[test]
fn a_seed_that_redirects_elsewhere_is_no_external_link() {
    let (proxy, _log) = site([
        (
            "http://one.test/".to_owned(),
            "HTTP/1.1 301 Moved\r\nLocation: http://two.test/\r\nContent-Length: 0\r\n\r\n".to_owned(),
        ),
        ("http://two.test/".to_owned(), links(&["/a"])),
        ("http://two.test/a".to_owned(), links(&[])),
    ]);
    let proxy = format!("http://127.0.0.1:{}", proxy.port());
    let ran = run(["crawl", "-x", &proxy, "http://one.test/", "--check-external"]).exits(0);
    assert_eq!(found(&ran), set("http://one.test/ http://two.test/ http://two.test/a"));
}

#[test]
fn depth_counts_links_from_the_seed() {
    let (server, log) = site(owned([("/", &["/1"]), ("/1", &["/2", "/"]), ("/2", &["/3"]), ("/3", &[])]));
    let seed = server.url("/").to_string();
    for (depth, urls) in [(0, "/"), (1, "/ /1"), (2, "/ /1 /2"), (9, "/ /1 /2 /3")] {
        log.lock().unwrap().clear();
        let ran = run(["crawl", &seed, "--depth", &depth.to_string(), "--ignore-robots"]).exits(0);
        assert_eq!(log.lock().unwrap().iter().cloned().collect::<BTreeSet<_>>(), set(urls), "{depth}");
        assert!(ran.records().iter().all(|r| r["depth"].as_u64().unwrap() <= depth));
    }
}

#[test]
fn a_depth_finds_the_same_at_any_speed() {
    // Pages of very different speed: without an order by depth a URL would be met on a longer way first, and
    // what lies behind it be left out.
    let latency = Latency::Uniform(MS, 40 * MS);
    let web = Web::start(Site { pages: 400, links: 8, latency, ..Site::default() });
    let found = |workers: &str| {
        let ran =
            run(["crawl", &web.url("/"), "--depth", "2", "-w", workers, "--per-host", workers]).exits(0);
        let records = ran.records();
        let pages = records.iter().map(|r| (text(r, "url").to_owned(), r["depth"].as_u64()));
        pages.collect::<std::collections::BTreeMap<_, _>>()
    };
    let truth = found("1");
    assert!(truth.len() > 50, "{}", truth.len());
    assert_eq!(found("40"), truth);
    assert_eq!(found("7"), truth);
}

#[test]
fn include_and_exclude_judge_links_but_not_seeds() {
    let (server, log) = site(owned([("/", &["/a/1", "/a/2", "/b/1"]), ("/a/1", &["/a/3", "/b/2"])]));
    let seed = server.url("/").to_string();
    let crawl = |args: &[&str]| {
        log.lock().unwrap().clear();
        let ran = call(["crawl", &seed, "--ignore-robots"].iter().chain(args)).run().exits(0);
        (log.lock().unwrap().iter().cloned().collect::<BTreeSet<_>>(), ran)
    };
    let (asked, ran) = crawl(&["--include", "/a/", "--exclude", "2$"]);
    assert_eq!(asked, set("/ /a/1 /a/3"));
    assert_eq!(ran.row("links"), "5 on pages; 0 known already, 3 not followed, not_included 2, excluded 1");
    assert_eq!(crawl(&["--exclude", "/a/", "--exclude", "b/1"]).0, set("/"));
    run(["crawl", &seed, "--include", "("]).exits(2).says(&["`--include` is no regular expression"]);
}

#[test]
fn a_seed_that_redirects_to_another_host_takes_its_scope_along() {
    let (new, _) = site(owned([("/home", &["/about", "http://127.0.0.1:1/else"]), ("/about", &[])]));
    let moved = format!("HTTP/1.1 301 Moved\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n", new.url("/home"));
    let (old, log) = site([("/".to_owned(), moved)]);
    let seed = old.url("/").to_string();
    let ran = run(["crawl", &seed]).exits(0);
    assert_eq!(
        found(&ran),
        BTreeSet::from([seed, new.url("/home").to_string(), new.url("/about").to_string()])
    );
    assert_eq!(*log.lock().unwrap(), ["/robots.txt", "/"]);
    let home = ran.records().into_iter().find(|r| text(r, "url").ends_with("/home")).unwrap();
    assert_eq!((home["depth"].as_u64(), text(&home, "tag")), (Some(0), "redirect"));
}

#[test]
fn ten_thousand_links_on_a_page_and_a_link_to_itself() {
    let hrefs: Vec<_> = (0..10_000).map(|n| format!("/n/{n}")).collect();
    let mut to: Vec<_> = hrefs.iter().map(String::as_str).collect();
    to.extend([
        "/",
        "",
        "#here",
        "?",
        "javascript:void(0)",
        "mailto:a@example.org",
        "ftp://example.org/",
        "http://[",
    ]);
    let (server, _) = site([("/".to_owned(), links(&to))]);
    let seed = server.url("/").to_string();
    for workers in ["1", "50"] {
        let ran =
            run(["crawl", &seed, "--workers", workers, "--max-pages", "2000", "--fail-on", "none"]).exits(5);
        assert_eq!(ran.records().len(), 2000);
        assert_eq!(
            (ran.count("links"), ran.balance(), ran.count("pending")),
            (10_001, 10_002, 8002),
            "`?` is another"
        );
    }
}

#[test]
fn links_are_in_the_record_on_request() {
    let (server, _) = site(owned([("/", &["/a", "http://other.test/b"])]));
    let seed = server.url("/").to_string();
    let ran = run(["crawl", &seed, "--links", "--depth", "0"]).exits(0);
    let record = ran.record();
    let urls: Vec<_> =
        record["links"].as_array().unwrap().iter().map(|link| text(link, "url").to_owned()).collect();
    assert_eq!(urls, [server.url("/a").to_string(), "http://other.test/b".to_owned()]);
    assert_eq!(text(&record, "title"), "t");
}

#[test]
fn traps_are_skipped_with_a_reason_and_cost_no_request() {
    let long = format!("/{}", "l".repeat(2083));
    let many = (0..33).fold("/q?".to_owned(), |query, n| format!("{query}{n}=x&"));
    let deep = "/a/b/a/b/a/b/a/b/a/b";
    let (server, log) = site(owned([
        ("/", &[&long[..], deep, &many, "/ok?sid=1", "/ok?sid=2", "/ok?utm_x=1", "/moved"]),
        ("/ok", &["/ok?sid=3&a=1"]),
        ("/ok?a=1", &[]),
        (deep, &[]),
    ]));
    let seed = server.url("/").to_string();
    let ran =
        run(["crawl", &seed, "--strip-query", "sid", "--strip-query", "utm_*", "--delay", "20ms"]).exits(0);
    let skips: BTreeMap<_, _> = ran
        .records()
        .into_iter()
        .filter(|r| text(r, "outcome") == "skipped")
        .map(|r| (text(&r, "url").to_owned(), text(&r, "skipped").to_owned()))
        .collect();
    let expected = [(&long[..], "url_too_long"), (deep, "repeated_path"), (&many, "query_growth")];
    assert_eq!(skips, expected.map(|(path, why)| (server.url(path).to_string(), why.to_owned())).into());
    let asked =
        |log: &std::sync::Mutex<Vec<String>>| log.lock().unwrap().iter().cloned().collect::<BTreeSet<_>>();
    assert_eq!(asked(&log), set("/robots.txt / /ok /ok?a=1 /moved"));

    // What the user names is no trap, and each limit can be turned off.
    log.lock().unwrap().clear();
    run(["crawl", server.url(deep).as_str(), "--ignore-robots"]).exits(0);
    assert_eq!(asked(&log), set(deep));
    let off = ["--max-url-length", "0", "--max-repeats", "0", "--max-params", "0"];
    let ran = call(["crawl", &seed].iter().chain(&off)).run().exits(0);
    assert!(ran.records().iter().all(|r| text(r, "outcome") != "skipped"));
}
