//! SQLite outputs of the built binary: the same as the records, after kills too, beside readers, on full disks.

use std::fs;
use std::path::Path;

use gannet::origin::{Faults, Site};
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::gannet::{call, run};
use crate::job::{Desk, Random, assert_same, assert_truth, everywhere, fates, kills, records, troubled};
use crate::web::Web;

/// The pages of a database as records.
fn pages(path: &Path) -> Vec<Value> {
    let db = Connection::open(path).unwrap();
    let mut pages = db.prepare("SELECT seq, url, outcome, status_code, error_kind FROM pages").unwrap();
    let page = |row: &rusqlite::Row<'_>| {
        let (status, kind): (Option<i64>, Option<String>) = (row.get(3)?, row.get(4)?);
        let (seq, url, outcome): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(json!({"seq": seq, "url": url, "outcome": outcome, "status_code": status, "error_kind": kind}))
    };
    pages.query_map([], page).unwrap().map(Result::unwrap).collect()
}

fn count(path: &Path, of: &str) -> i64 {
    Connection::open(path)
        .unwrap()
        .query_row(&format!("SELECT count(*) FROM {of}"), [], |row| row.get(0))
        .unwrap()
}

/// All of each page's links, and no others.
#[track_caller]
fn assert_links(path: &Path, records: &[Value]) {
    let db = Connection::open(path).unwrap();
    let mut all =
        db.prepare("SELECT pages.url || ' ' || links.url FROM links JOIN pages ON pages.id = page").unwrap();
    let found: Vec<String> = all.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let of = |record: &Value| -> Vec<String> {
        let links = record["links"].as_array().cloned().unwrap_or_default();
        let name =
            |link: &Value| format!("{} {}", record["url"].as_str().unwrap(), link["url"].as_str().unwrap());
        links.iter().map(name).collect()
    };
    let expected: Vec<String> = records.iter().flat_map(of).collect();
    assert_eq!(found.len(), expected.len());
    assert_same(found, expected);
    assert_eq!(count(path, "links WHERE page NOT IN (SELECT id FROM pages)"), 0);
    assert_eq!(count(path, "redirects WHERE page NOT IN (SELECT id FROM pages)"), 0);
}

#[test]
fn a_crawl_can_be_queried() {
    let (web, desk) = (Web::start(troubled(60)), Desk::new());
    let (lines, db) = (desk.name("a.jsonl"), desk.name("a.db"));
    let args = everywhere(&web);
    let args = args.iter().map(String::as_str).chain(["-o", &lines, "-o", &db, "--links"]);
    call(args).run().exits(0);
    let lines = records(&desk.path("a.jsonl"));
    let db = desk.path("a.db");
    assert_same(fates(&pages(&db)), fates(&lines));
    assert_links(&db, &lines);
    let hops: usize = lines.iter().filter_map(|record| Some(record["chain"].as_array()?.len())).sum();
    let open = lines.iter().filter(|record| !record["location"].is_null()).count();
    assert_eq!(count(&db, "redirects") as usize, hops + open);
    let broken =
        lines.iter().filter(|r| r["status_code"].as_u64() >= Some(400) || r["outcome"] == "failed").count();
    assert!(broken > 0 && count(&db, "(SELECT DISTINCT url FROM broken_links)") as usize <= broken);
    assert!(!desk.path("a.db-wal").exists());
}

/// The page that a redirect leads to has its links in two records; nothing counts them twice.
#[test]
fn databases_and_reports_agree_about_broken_links() {
    let faults = Faults { errors: 0.3, redirects: 0.4, ..Faults::default() };
    let (web, desk) = (Web::start(Site { faults, ..troubled(120) }), Desk::new());
    let (db, html, json) = (desk.name("a.db"), desk.name("a.html"), desk.name("links.json"));
    let json = format!("links:{json}");
    let args = everywhere(&web);
    let args = args.iter().map(String::as_str).chain(["-o", &db, "-o", &html, "--report", &json]);
    call(args).run().exits(0);
    let report: Value = serde_json::from_slice(&std::fs::read(desk.path("links.json")).unwrap()).unwrap();
    let links = report["broken_links"].as_u64().unwrap();
    assert!(links > 100, "{links}");
    assert_eq!(count(&desk.path("a.db"), "(SELECT DISTINCT page, url FROM broken_links)") as u64, links);
    let html = std::fs::read_to_string(desk.path("a.html")).unwrap();
    assert!(html.contains(&format!("and {links} links to what is broken")), "{links}");
}

#[test]
fn records_do_not_show_links_that_only_a_database_asks_for() {
    let (web, desk) = (Web::plain(), Desk::new());
    let (url, lines, db) = (web.url("/p/1"), desk.name("a.jsonl"), desk.name("a.sqlite"));
    run(["fetch", &url, "-o", &lines, "-o", &db]).exits(0);
    assert!(records(&desk.path("a.jsonl"))[0]["links"].is_null());
    assert!(count(&desk.path("a.sqlite"), "links") > 0);
}

#[test]
fn a_job_has_each_page_once_after_kills() {
    for gather in [false, true] {
        let (web, desk, mut random) = (Web::start(troubled(100)), Desk::new(), Random::new("sqlite"));
        let (lines, db) = (desk.name("a.jsonl"), desk.name("a.sqlite"));
        let outputs = ["-o", &lines, "-o", &db, "--links"];
        fs::write(desk.path("list.txt"), web.list(300)).unwrap();
        let list = desk.name("list.txt");
        let args = match gather {
            true => {
                ["fetch", &list, "--mode", "gather", "--retries", "0", "--workers", "10", "--fail-on", "none"]
                    .map(str::to_owned)
                    .into()
            }
            false => everywhere(&web),
        };
        let args: Vec<_> = args.iter().map(String::as_str).chain(outputs).collect();
        desk.kill_until_done(&desk.args(&args), &mut random, (100, 1000)).exits(0);
        let lines = records(&desk.path("a.jsonl"));
        assert_same(fates(&pages(&desk.path("a.sqlite"))), fates(&lines));
        assert_links(&desk.path("a.sqlite"), &lines);
        if !gather {
            assert_truth(&lines, web.graph());
        }
        desk.assert_over();
    }
}

#[test]
fn what_failed_is_taken_out_with_its_links() {
    let faults = Faults { resets: 0.3, ..Faults::default() };
    let web = Web::start(Site { pages: 60, faults, ..Site::default() });
    let desk = Desk::new();
    let (url, lines, db) = (web.url("/"), desk.name("a.jsonl"), desk.name("a.sqlite"));
    let args = ["crawl", &url, "--retries", "0", "--links", "-o", &lines, "-o", &db];
    let command = desk.args(&args);
    desk.run(&args).exits(0);
    let before = fates(&pages(&desk.path("a.sqlite")));
    let mut random = Random::new("retry sqlite");
    for _ in 0..kills() {
        let live = call(["job", &desk.job(), "--retry-failed"]).start();
        std::thread::park_timeout(std::time::Duration::from_micros(random.range(0, 60_000)));
        live.signal(rustix::process::Signal::KILL);
        live.finish();
        desk.state();
        desk.verify();
    }
    desk.show(&["--retry-failed"]).exits(0);
    assert_eq!(count(&desk.path("a.sqlite"), "pages WHERE outcome = 'failed'"), 0);
    assert!(count(&desk.path("a.sqlite"), "pages") < before.len() as i64);
    call(&command).run().exits(0);
    assert_same(fates(&pages(&desk.path("a.sqlite"))), before);
    assert_links(&desk.path("a.sqlite"), &records(&desk.path("a.jsonl")));
    desk.assert_over();
}

#[test]
fn a_database_that_somebody_reads_for_long_is_said_to_be_locked() {
    let (web, desk) = (Web::plain(), Desk::new());
    let (url, db) = (web.url("/"), desk.name("a.sqlite"));
    let args = ["crawl", &url, "-o", &db];
    desk.run(&[&args[..], &["--max-pages", "10"]].concat()).exits(5);
    let reader = Connection::open(&db).unwrap();
    let mut pages = reader.prepare("SELECT url FROM pages").unwrap();
    let mut rows = pages.query([]).unwrap();
    rows.next().unwrap().unwrap();
    // Only while it is one file: when it is written, readers are in nobody's way.
    desk.run(&args).exits(1).says(&["a.sqlite", "database is locked", "hint: another program"]);
    drop(rows);
    desk.run(&args).exits(0);
    desk.assert_over();
}

#[test]
fn what_can_be_no_database_is_refused() {
    let ran =
        run(["fetch", "http://127.0.0.1:1/", "-o", "/dev/full", "-o", "/nonexistent/a.sqlite"]).exits(1);
    assert!(ran.stderr.contains("/nonexistent/a.sqlite"), "{}", ran.stderr);
    let desk = Desk::new();
    fs::create_dir(desk.path("a.db")).unwrap();
    run(["fetch", "http://127.0.0.1:1/", "-o", &desk.name("a.db")])
        .exits(2)
        .says(&["only be an ordinary file"]);
}
