//! `--duplicates`: pages that say what another said, and pages that do not.

use std::collections::{BTreeMap, BTreeSet};

use gannet::origin::Site;
use serde_json::Value;

use crate::answering::{missing, moved, page, serve};
use crate::gannet::{run, text};
use crate::job::{Desk, Random, records};
use crate::web::Web;

/// Words that no other number gives.
fn words(of: u64, count: u64) -> String {
    (0..count).map(|n| format!("w{} ", (of + 1) * 7919 * (n + 1) % 10_007)).collect()
}

#[test]
fn copies_name_the_first_page() {
    let (server, _) = serve(|path| match path {
        "/a" | "/b" | "/c" => page(&format!("<p>{}", words(1, 400))),
        "/moved" => moved("/a"),
        "/near" => page(&format!("<h1>New</h1><p>{}", words(1, 400))),
        "/far" => page(&format!("<p>{}", words(2, 400))),
        "/short" | "/short/too" => page(&format!("<p>few words {path}")),
        "/gone" | "/gone/too" => page("gone").replace("200 OK", "410 Gone"),
        "/empty" | "/empty/too" => page(""),
        _ => missing(),
    });
    let paths = [
        "/a",
        "/b",
        "/a",
        "/moved",
        "/near",
        "/far",
        "/short",
        "/short/too",
        "/gone",
        "/gone/too",
        "/empty",
        "/empty/too",
    ];
    let urls = paths.map(|path| server.url(path).to_string());
    let marked = |kind: &str| {
        let args = ["fetch", "--workers", "1", "--mode", "gather", "--duplicates", kind].map(str::to_owned);
        let ran = run(args.iter().chain(&urls)).exits(0);
        let of = |record: &Value| Some(record.get("duplicate_of")?.as_str()?.to_owned());
        let marked: BTreeMap<_, _> = paths.into_iter().zip(ran.records().iter().map(of)).collect();
        let count = marked.values().flatten().count();
        assert!(ran.row("duplicates").starts_with(&format!("{count} page")), "{}", ran.stderr);
        assert!(marked.values().flatten().all(|first| *first == urls[0]), "{marked:?}");
        marked.into_iter().filter_map(|(path, of)| of.map(|_| path)).collect::<Vec<_>>()
    };
    assert_eq!(marked("exact"), ["/b", "/moved"]);
    assert_eq!(marked("near"), ["/b", "/moved", "/near"]);
}

#[test]
fn links_of_a_copy_are_followed() {
    let (server, _) = serve(|path| match path {
        "/" => page("<a href=/1/x>1</a><a href=/2/x>2</a>"),
        "/1/x" | "/2/x" => page("<a href=y>the same here and there</a>"),
        _ => page(&format!("<p>{path}")),
    });
    let ran =
        run(["crawl", &server.url("/").to_string(), "--ignore-robots", "--duplicates", "exact"]).exits(0);
    assert_eq!(ran.records().iter().filter(|record| record.get("duplicate_of").is_some()).count(), 1);
    assert_eq!(ran.count("finished"), 5);
}

/// The pages of the built-in site share a template, and few words make their text: what is called near is.
#[test]
fn pages_of_one_template_are_not_near() {
    let web = Web::start(Site { pages: 200, ..Site::default() });
    let records = run(["crawl", &web.url("/"), "--duplicates", "near", "--body"]).exits(0).records();
    let paragraphs: BTreeMap<&str, BTreeSet<&str>> = records
        .iter()
        .map(|record| {
            (text(record, "url"), text(record, "body").lines().filter(|l| l.starts_with("<p>")).collect())
        })
        .collect();
    let alike = |a: &str, b: &str| {
        let (a, b) = (&paragraphs[a], &paragraphs[b]);
        a.intersection(b).count() as f64 / a.union(b).count() as f64
    };
    let marked: Vec<_> = records.iter().filter(|record| record.get("duplicate_of").is_some()).collect();
    for record in &marked {
        let share = alike(text(record, "url"), text(record, "duplicate_of"));
        assert!(share > 0.6, "they share {share} of their paragraphs: {record}");
    }
    assert!(marked.len() < records.len() / 4, "{} of {}", marked.len(), records.len());
}

#[test]
fn a_job_that_is_killed_knows_what_it_has_met() {
    const PAGES: u64 = 600;
    const CONTENTS: u64 = 150;
    let (server, _) = serve(|path| match path.strip_prefix("/p/").and_then(|n| n.parse::<u64>().ok()) {
        Some(n) => page(&format!("<p>{}", words(n % CONTENTS, 20))),
        None if path == "/" => page(&(0..PAGES).map(|n| format!("<a href=/p/{n}>x</a>")).collect::<String>()),
        None => missing(),
    });
    let (desk, mut random) = (Desk::new(), Random::new("duplicates"));
    let url = server.url("/").to_string();
    let args = desk.args(&["crawl", &url, "--workers", "4", "--duplicates", "exact"]);
    let ran = desk.kill_until_done(&args, &mut random, (100, 500)).exits(0);
    let records = records(&desk.path("job/records.jsonl"));
    let content = |url: &str| url.rsplit_once("/p/").map(|(_, n)| n.parse::<u64>().unwrap() % CONTENTS);
    let mut first = BTreeMap::<_, u32>::new();
    for record in records.iter().filter(|record| content(text(record, "url")).is_some()) {
        let of = text(record, "duplicate_of");
        match of {
            "" => *first.entry(content(text(record, "url"))).or_default() += 1,
            of => {
                assert!(content(of) == content(text(record, "url")) && of != text(record, "url"), "{record}")
            }
        }
    }
    assert_eq!(
        (first.len() as u64, first.values().max()),
        (CONTENTS, Some(&1)),
        "each content has one first page"
    );
    assert!(ran.row("duplicates").starts_with(&format!("{} pages", PAGES - CONTENTS)), "{}", ran.stderr);
}
