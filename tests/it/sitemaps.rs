//! Sitemaps and feeds from the outside: who names them, what is fetched because of them, and that they end.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use flate2::Compression;
use flate2::write::GzEncoder;
use gannet::origin::{Addressing, Site};
use serde_json::Value;

use crate::gannet::{Ran, run, text, with};
use crate::job::{Desk, MS, Random, assert_same, assert_truth, everywhere, records, troubled};
use crate::raw::Raw;
use crate::web::Web;

/// A server of a few files, and a log of what it was asked for, and when.
struct Files {
    server: Raw,
    log: Arc<Mutex<Vec<(String, Instant)>>>,
}

impl Files {
    /// Serves what `answer` gives for a path, or a URL as a proxy: type and body, or a whole answer if the type is
    /// `raw`; all else is 404.
    fn serve(answer: impl Fn(&str) -> Option<(&'static str, Vec<u8>)> + Send + Sync + 'static) -> Self {
        let log = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&log);
        let server = Raw::serve(move |mut conn| {
            while let Some(head) = conn.request() {
                let target = head.split(' ').nth(1).unwrap().to_owned();
                let found = answer(&target);
                seen.lock().unwrap().push((target, Instant::now()));
                conn.send(match found {
                    Some(("raw", answer)) => answer,
                    Some((kind, body)) => {
                        let length = body.len();
                        let head = format!(
                            "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"
                        );
                        [head.into_bytes(), body].concat()
                    }
                    None => b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec(),
                });
            }
        });
        Self { server, log }
    }

    fn of<const N: usize>(files: [(&str, &'static str, &str); N]) -> Self {
        let files: BTreeMap<String, _> = files
            .into_iter()
            .map(|(path, kind, body)| (path.to_owned(), (kind, body.as_bytes().to_vec())))
            .collect();
        Self::serve(move |path| files.get(path).cloned())
    }

    fn url(&self, path: &str) -> String {
        self.server.url(path).to_string()
    }

    fn proxy(&self) -> String {
        format!("http://127.0.0.1:{}", self.server.port())
    }

    fn asked(&self) -> Vec<String> {
        self.log.lock().unwrap().iter().map(|(target, _)| target.clone()).collect()
    }
}

const XML: &str = "application/xml";
const HTML: &str = "text/html";

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

/// `path depth tag` of each record, sorted.
fn found(ran: &Ran) -> Vec<String> {
    let path = |record: &Value| text(record, "url").splitn(4, '/').nth(3).unwrap().to_owned();
    let show = |record: &Value| format!("/{} {} {}", path(record), record["depth"], text(record, "tag"));
    let mut found: Vec<_> = ran.records().iter().map(show).map(|line| line.trim_end().to_owned()).collect();
    found.sort();
    found
}

fn record<'a>(records: &'a [Value], path: &str) -> &'a Value {
    records.iter().find(|record| text(record, "url").ends_with(path)).unwrap()
}

#[test]
fn what_robots_names_is_followed() {
    let site = Files::serve(|path| {
        Some(match path {
            "/robots.txt" => (
                "text/plain",
                b"User-agent: *\nDisallow: /private\nSitemap: /index.xml\nSitemap: mailto:x\n".to_vec(),
            ),
            "/" => (HTML, b"<a href=/linked>".to_vec()),
            "/index.xml" => (
                XML,
                b"<sitemapindex><sitemap><loc>/a.gz</loc><lastmod>2020</lastmod></sitemap><sitemap><loc>/b.txt</loc>\
                  </sitemap></sitemapindex>"
                    .to_vec(),
            ),
            // The type says nothing of what it is.
            "/a.gz" => (
                "application/octet-stream",
                gzip(
                    b"<urlset><url><loc>/1</loc><lastmod> 2021-01-01 </lastmod></url><url><loc>/private/2</loc></url>\
                      <url><loc>http://other.test/</loc></url></urlset>",
                ),
            ),
            "/b.txt" => ("text/plain", b"http://HOST/3".to_vec()),
            "/1" => (HTML, b"<a href=/deep>".to_vec()),
            _ => return None,
        })
    });
    let ran = run(["crawl", &site.url("/"), "--sitemaps", "--depth", "1"]).exits(0);
    let expected = [
        "/ 0",
        "/1 1 sitemap",
        "/a.gz 0 sitemapindex",
        "/b.txt 0 sitemapindex",
        "/index.xml 0 robots",
        "/linked 1 a",
        "/private/2 1 sitemap",
    ];
    assert_eq!(found(&ran), expected);
    let records = ran.records();
    let (one, map) = (record(&records, "/1"), record(&records, "/a.gz"));
    assert_eq!((text(one, "lastmod"), text(one, "source")), ("2021-01-01", text(map, "url")));
    assert_eq!((text(map, "lastmod"), text(record(&records, "/index.xml"), "attr")), ("2020", "sitemap"));
    assert_eq!(text(record(&records, "/index.xml"), "source"), site.url("/robots.txt"));
    assert_eq!(with(&records, "skipped", "robots_denied"), 1);
    assert!(ran.row("links").contains("out_of_scope 2, too_deep 1"), "{}", ran.stderr);
    assert_eq!(ran.balance(), 7);
    let plain = run(["crawl", &site.url("/")]).exits(0);
    assert_eq!(found(&plain), ["/ 0", "/linked 1 a"]);
}

#[test]
fn where_a_seed_leads_to_tells_of_the_sitemaps() {
    let home = Files::serve(|path| {
        Some(match path {
            "/robots.txt" => ("text/plain", b"Sitemap: /map.xml".to_vec()),
            "/" => (HTML, Vec::new()),
            "/map.xml" => (XML, b"<urlset><url><loc>/listed</loc></url></urlset>".to_vec()),
            _ => return None,
        })
    });
    let moved = |to: String| format!("HTTP/1.1 301 Moved\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n");
    // As `example.org` does to `www.example.org`, robots.txt and all.
    let base = home.url("");
    let old = Files::serve(move |path| {
        Some(("raw", moved(format!("{}{path}", base.trim_end_matches('/'))).into()))
    });
    let ran = run(["crawl", &old.url("/"), "--sitemaps"]).exits(0);
    assert_eq!(found(&ran), ["/ 0", "/ 0 redirect", "/listed 1 sitemap", "/map.xml 0 robots"]);
    assert!(!old.asked().contains(&"/sitemap.xml".to_owned()));
}

#[test]
fn a_sitemap_that_nobody_named_may_be_missing() {
    let site = Files::of([("/", HTML, "home")]);
    let ran = run(["crawl", &site.url("/"), "--sitemaps", "--fail-on", "status"]).exits(0);
    assert_eq!(found(&ran), ["/ 0", "/sitemap.xml 0 robots"]);
    let records = ran.records();
    let missing = record(&records, "/sitemap.xml");
    assert_eq!((missing["status_code"].as_u64(), text(missing, "attr")), (Some(404), "default"));
    assert!(!ran.row("status").contains("404"), "{}", ran.stderr);

    let site = Files::of([("/", HTML, "home"), ("/robots.txt", "text/plain", "Sitemap: /gone.xml")]);
    run(["crawl", &site.url("/"), "--sitemaps"]).exits(0);
    run(["crawl", &site.url("/"), "--sitemaps", "--fail-on", "status"]).exits(3);
    assert!(!site.asked().contains(&"/sitemap.xml".to_owned()));
    // A page in its place is a page.
    let site = Files::of([("/sitemap.xml", HTML, "<html><a href=/found>"), ("/", HTML, "home")]);
    let ran = run(["crawl", &site.url("/"), "--sitemaps"]).exits(0);
    assert_eq!(found(&ran), ["/ 0", "/found 1 a", "/sitemap.xml 0 robots"]);
}

#[test]
fn a_sitemap_may_be_elsewhere_and_is_asked_for_nothing_else() {
    // A proxy, so that there are hosts.
    let site = Files::of([
        ("http://www.one.test/robots.txt", "text/plain", "Sitemap: http://cdn.test/maps/index.xml"),
        ("http://www.one.test/docs/", HTML, "home"),
        ("http://cdn.test/robots.txt", "text/plain", "Sitemap: http://cdn.test/own.xml"),
        (
            "http://cdn.test/maps/index.xml",
            XML,
            "<sitemapindex><sitemap><loc>/maps/a.xml</loc></sitemap><sitemap><loc>http://third.test/b.xml</loc></sitemap>\
             <sitemap><loc>http://cdn.test/old.xml</loc></sitemap></sitemapindex>",
        ),
        (
            "http://cdn.test/maps/a.xml",
            "raw",
            "HTTP/1.1 301 Moved\r\nLocation: http://www.one.test/a.xml\r\nContent-Length: 0\r\n\r\n",
        ),
        (
            "http://www.one.test/a.xml",
            XML,
            "<urlset><loc>http://www.one.test/docs/1</loc><loc>http://cdn.test/page</loc><loc>/top</loc></urlset>",
        ),
    ]);
    let proxy = site.proxy();
    let args = ["crawl", "-x", &proxy, "http://www.one.test/docs/", "--sitemaps", "--scope", "prefix"];
    let ran = run(args.into_iter().chain(["--include", "/docs/", "--exclude", "old"])).exits(0);
    let expected = [
        "/a.xml 0 redirect",
        "/docs/ 0",
        "/docs/1 1 sitemap",
        "/maps/a.xml 0 sitemapindex",
        "/maps/index.xml 0 robots",
    ];
    assert_eq!(found(&ran), expected);
    assert_eq!(text(record(&ran.records(), "one.test/a.xml"), "attr"), "sitemap");
    assert!(
        !site.asked().iter().any(|url| url.contains("own.xml") || url.contains("third")),
        "{:?}",
        site.asked()
    );
}

#[test]
fn indexes_end_however_deep_or_round_they_are() {
    let site = Files::serve(|path| {
        let n: u32 = path.strip_prefix("/i/")?.parse().ok()?;
        let entry = |path: String| format!("<sitemap><loc>{path}</loc></sitemap>");
        let body = entry(format!("/i/{}", n + 1)) + &entry(path.to_owned()) + &entry("/i/0".into());
        Some((XML, format!("<sitemapindex>{body}</sitemapindex>").into_bytes()))
    });
    let ran = run(["crawl", &site.url("/i/0")]).exits(0);
    assert_eq!(ran.records().len(), 11);
    assert!(ran.records().iter().all(|record| record["depth"] == 0));
    assert!(ran.row("links").contains("too_deep"), "{}", ran.stderr);
}

#[test]
fn feeds_are_seeds() {
    let site = Files::of([
        (
            "/feed",
            "application/atom+xml",
            "<feed><link rel='next' href='/feed?2'/><entry><link href='/1'/><updated>2020</updated></entry></feed>",
        ),
        ("/feed?2", "text/html", "<rss><channel><item><guid>/2</guid></item></channel></rss>"),
        ("/1", HTML, "<a href=/deep>"),
    ]);
    let ran = run(["crawl", &site.url("/feed"), "--depth", "1"]).exits(0);
    assert_eq!(found(&ran), ["/1 1 atom", "/feed 0", "/feed?2 1 atom"]);
    assert_eq!(text(record(&ran.records(), "/1"), "lastmod"), "2020");
    let ran = run(["crawl", &site.url("/feed"), "--depth", "2", "-q"]).exits(0);
    assert!(found(&ran).contains(&"/2 2 rss".to_owned()), "{:?}", found(&ran));
}

#[test]
fn rules_that_are_ignored_still_name_sitemaps() {
    let robots = "User-agent: *\nDisallow: /\nCrawl-delay: 20\nSitemap: /map.xml";
    let map = "<urlset><loc>/1</loc></urlset>";
    let site = Files::of([("/robots.txt", "text/plain", robots), ("/map.xml", XML, map), ("/", HTML, "")]);
    let ran = run(["crawl", &site.url("/"), "--sitemaps", "--ignore-robots"]).exits(0);
    assert_eq!(found(&ran), ["/ 0", "/1 1 sitemap", "/map.xml 0 robots"]);
    assert_eq!(with(&ran.records(), "outcome", "finished"), 3);
    // A seed that is denied is no reason not to read them.
    let robots = "User-agent: *\nDisallow: /$\nSitemap: /map.xml";
    let site = Files::of([("/robots.txt", "text/plain", robots), ("/map.xml", XML, map), ("/1", HTML, "")]);
    let ran = run(["crawl", &site.url("/"), "--sitemaps"]).exits(0);
    assert_eq!(found(&ran), ["/ 0", "/1 1 sitemap", "/map.xml 0 robots"]);
    assert_eq!(with(&ran.records(), "outcome", "finished"), 2);
}

/// The megabytes of the summary's `memory` row.
fn memory(ran: &Ran) -> f64 {
    let row = ran.row("memory");
    let number = row.split(' ').next().unwrap().parse::<f64>().unwrap();
    if row.contains("GiB") { number * 1024.0 } else { number }
}

#[test]
fn a_bomb_is_read_so_far_and_no_further() {
    let head = b"<urlset><url><loc>/1</loc></url>".to_vec();
    let bomb = gzip(&[head, vec![b' '; 70 << 20]].concat());
    let site = Files::serve(move |path| (path == "/map.xml.gz").then(|| ("application/gzip", bomb.clone())));
    let ran = run(["crawl", &site.url("/map.xml.gz")]).exits(0);
    assert_eq!(found(&ran), ["/1 1 sitemap", "/map.xml.gz 0"]);
    assert!(memory(&ran) < 150.0, "{}", ran.stderr);
}

#[test]
fn fifty_thousand_pages_cost_no_more_than_are_wanted() {
    let map: String = (0..50_000)
        .map(|n| format!("<url><loc>/page/{n}</loc><lastmod>2026-01-01</lastmod></url>\n"))
        .collect();
    let map = format!("<urlset>{map}</urlset>").into_bytes();
    let site = Files::serve(move |path| match path {
        "/sitemap.xml" => Some((XML, map.clone())),
        _ => Some((HTML, b"page".to_vec())),
    });
    let ran = run(["crawl", &site.url("/"), "--sitemaps", "--max-pages", "5"]).exits(5);
    assert_eq!((ran.records().len(), ran.count("pending"), ran.balance()), (5, 49_997, 50_002));
    assert!(memory(&ran) < 150.0, "{}", ran.stderr);
    assert!(site.asked().len() <= 6, "{:?}", site.asked().len());
}

#[test]
fn a_delay_holds_for_sitemaps_too() {
    let web = Web::start(Site { pages: 3, record: true, ..Site::default() });
    let ran = run(["crawl", &web.url("/"), "--sitemaps", "--delay", "300ms", "--depth", "0"]).exits(0);
    assert_eq!(found(&ran), ["/ 0", "/sitemap.xml 0 robots", "/sitemap/0.xml.gz 0 sitemapindex"]);
    let log = web.log();
    // A busy machine may move one start, but not all.
    assert!(log.last().unwrap().at - log[0].at >= 700 * MS, "{log:?}");
}

#[test]
fn the_built_in_web_is_found_by_its_sitemaps_alone() {
    let web = Web::start(Site { pages: 2500, page_size: 100, links: 1, ..Site::default() });
    let ran = run(["crawl", &web.url("/sitemap.xml"), "--depth", "1"]).exits(0);
    let records = ran.records();
    assert_eq!((with(&records, "tag", "sitemap"), with(&records, "tag", "sitemapindex")), (2500, 3));
    assert!(records.iter().filter(|r| text(r, "tag") == "sitemap").all(|r| text(r, "lastmod").len() == 10));
    let ran = run(["crawl", &web.url("/feed.xml"), "--depth", "1", "-q"]).exits(0);
    assert_eq!(with(&ran.records(), "tag", "atom"), 20);
}

#[test]
fn every_host_that_is_met_is_asked_once() {
    let web = Web::start(Site {
        hosts: 30,
        pages: 4,
        addressing: Addressing::Names,
        record: true,
        ..Site::default()
    });
    let proxy = web.proxy().unwrap();
    let args = ["crawl", "-x", &proxy, "http://h0.test/", "--scope", "any", "--sitemaps"];
    let ran = run(args).exits(0);
    let asked = web.log().iter().filter(|hit| hit.url.ends_with("/sitemap.xml")).count();
    assert_eq!((asked, with(&ran.records(), "attr", "default")), (30, 30));
    ran.balance();
}

#[test]
fn a_job_that_is_killed_has_all_sitemaps_and_pages() {
    let (web, desk, mut random) = (Web::start(troubled(100)), Desk::new(), Random::new("sitemaps"));
    let args = everywhere(&web);
    let args: Vec<_> = args.iter().map(String::as_str).chain(["--sitemaps"]).collect();
    desk.kill_until_done(&desk.args(&args), &mut random, (30, 400)).exits(0);
    let all = records(&desk.path("job/records.jsonl"));
    let (maps, pages): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|record| matches!(text(record, "tag"), "robots" | "sitemapindex"));
    assert_truth(&pages, web.graph());
    let expected: Vec<_> = (web.graph().seeds())
        .flat_map(|seed| ["sitemap.xml", "sitemap/0.xml.gz"].map(|path| format!("{seed}{path}")))
        .collect();
    assert_same(maps.iter().map(|record| text(record, "url").to_owned()), expected);
    desk.assert_over();
}

#[test]
fn a_job_keeps_to_its_sitemaps() {
    let (web, desk) = (Web::plain(), Desk::new());
    let url = web.url("/");
    desk.run(&["crawl", &url, "--sitemaps", "--max-pages", "3"]).exits(5);
    desk.run(&["crawl", &url]).exits(2).says(&["--sitemaps was `true`, and is `false` now"]);
    // What it remembers of robots.txt would be its sitemaps alone.
    desk.run(&["crawl", &url, "--sitemaps", "--ignore-robots"]).exits(2).says(&["--sitemaps was `true`"]);
    desk.run(&["crawl", &url, "--sitemaps"]).exits(0);
    let urls: BTreeSet<_> =
        records(&desk.path("job/records.jsonl")).iter().map(|r| text(r, "url").to_owned()).collect();
    assert_eq!(urls.len(), web.graph().truth().count() + 2);
    desk.assert_over();
}

#[test]
fn a_body_that_is_cut_keeps_what_came() {
    let whole = gzip(
        format!("<urlset><url><loc>/3</loc></url>{}", "<url><loc>/3</loc></url>".repeat(9000)).as_bytes(),
    );
    let site = Files::serve(move |path| {
        (path == "/cut.xml.gz").then(|| ("application/x-gzip", whole[..whole.len() / 2].to_vec()))
    });
    let ran = run(["crawl", &site.url("/cut.xml.gz")]).exits(0);
    assert_eq!(found(&ran), ["/3 1 sitemap", "/cut.xml.gz 0"]);
}
