//! The report of hand-made records: each line of one is a case.

use std::fs;

use serde_json::{Value, json};

use super::*;

fn report(records: &[Value]) -> LinkReport {
    report_within(128 << 20, records)
}

fn report_within(bytes: usize, records: &[Value]) -> LinkReport {
    let file = tempfile::NamedTempFile::new().unwrap();
    let lines: String = records.iter().map(|record| format!("{record}\n")).collect();
    fs::write(file.path(), lines).unwrap();
    LinkReport::within(bytes, &Facts::of(file.path()), &vec![Some("urls.txt".to_owned())]).unwrap()
}

fn page(url: &str, depth: u16, links: &[&str]) -> Value {
    let links: Vec<_> =
        links.iter().map(|to| json!({"url": to, "tag": "a", "attr": "href", "text": "t"})).collect();
    json!({"url": url, "final_url": url, "outcome": "finished", "status_code": 200, "content_type": "text/html",
           "title": url, "depth": depth, "links": links, "time_total_ms": 2.0, "body_bytes": 9})
}

fn with(mut record: Value, fields: Value) -> Value {
    let (Value::Object(record_fields), Value::Object(more)) = (&mut record, fields) else { unreachable!() };
    record_fields.extend(more);
    record
}

fn missing(url: &str) -> Value {
    with(page(url, 1, &[]), json!({"status_code": 404, "source": "h/", "tag": "a", "attr": "href"}))
}

fn moved(url: &str, status: u16, to: &str) -> Value {
    with(page(url, 1, &[]), json!({"status_code": status, "location": to, "source": "h/", "tag": "a"}))
}

fn pages(report: &LinkReport) -> Vec<(&str, Vec<String>)> {
    let links = |page: &BadPage| page.links.shown.iter().map(|l| format!("{} {}", l.fault, l.url)).collect();
    report.pages.shown.iter().map(|page| (&*page.url, links(page))).collect()
}

#[test]
fn broken_links_stand_below_their_pages() {
    let report = report(&[
        page("h/deep", 2, &["h/gone", "h/", "h/deep"]),
        page("h/b", 1, &["h/gone", "h/down"]),
        page("h/", 0, &["h/gone", "h/b", "h/deep"]),
        missing("h/gone"),
        json!({"url": "h/down", "outcome": "failed", "error_kind": "dns", "error": "no such host", "source": "h/b"}),
        json!({"url": "h/off", "outcome": "cancelled", "error_kind": "cancelled"}),
    ]);
    let gone = || "404 h/gone".to_owned();
    assert_eq!(
        pages(&report),
        [
            ("h/", vec![gone()]),
            ("h/b", vec![gone(), "dns: no such host h/down".into()]),
            ("h/deep", vec![gone()])
        ]
    );
    assert_eq!((report.checked, report.broken, report.broken_links, report.broken_pages), (5, 2, 4, 3));
    assert_eq!(headline(&report), "5 URLs checked, 2 broken, with 4 links to them on 3 pages");
    assert_eq!(report.targets.shown[0].url, "h/gone");
    assert_eq!(report.targets.shown[0].pages.total(), 3);
}

#[test]
fn a_list_has_no_pages_but_lines() {
    let seed = |fields| with(json!({"url": "h/x", "outcome": "finished", "status_code": 410}), fields);
    let report = report(&[
        seed(json!({"position": [0, 4]})),
        seed(json!({"position": [0, 9]})),
        with(page("h/twice", 0, &["h/y"]), json!({"position": [0, 5]})),
        with(page("h/twice", 0, &["h/y"]), json!({"position": [0, 6]})),
        seed(json!({"url": "h/y", "position": [0, 8]})),
        seed(
            json!({"url": null, "input": "no url", "outcome": "failed", "error_kind": "invalid_url", "position": [1, 0]}),
        ),
    ]);
    assert_eq!((report.titles.total(), report.broken_links), (0, 1));
    let places: Vec<_> = report.targets.shown.iter().map(|t| (&*t.url, t.file.as_deref(), t.line)).collect();
    assert_eq!(
        places,
        [("h/y", Some("urls.txt"), Some(9)), ("h/x", Some("urls.txt"), Some(5)), ("no url", None, None)]
    );
    let mut out = Vec::new();
    text(&report, &mut out).unwrap();
    assert!(
        String::from_utf8(out)
            .unwrap()
            .contains("\nBroken, and linked from no page\n  410  h/x  urls.txt:5\n")
    );
}

#[test]
fn redirects_are_followed_over_records() {
    let inline = json!({"chain": [{"url": "h/in", "status_code": 308}], "final_url": "h/new"});
    let report = report(&[
        page("h/", 0, &["h/a", "h/tmp", "h/in", "h/x", "h/loop"]),
        moved("h/a", 301, "h/b"),
        with(moved("h/b", 301, "h/c"), json!({"tag": "redirect", "source": "h/a"})),
        with(moved("h/c", 302, "h/new"), json!({"tag": "redirect", "source": "h/b"})),
        moved("h/tmp", 302, "h/new"),
        with(page("h/in", 1, &[]), inline),
        page("h/new", 1, &[]),
        moved("h/x", 301, "h/y"),
        with(moved("h/y", 301, "h/z"), json!({"tag": "redirect"})),
        with(missing("h/z"), json!({"tag": "redirect", "source": "h/y"})),
        moved("h/loop", 301, "h/pool"),
        with(moved("h/pool", 301, "h/loop"), json!({"tag": "redirect"})),
    ]);
    assert_eq!(pages(&report), [("h/", vec!["404 at h/z h/x".to_owned()])]);
    assert_eq!((report.broken, report.targets.total()), (1, 1));
    let moved: Vec<_> = report.moved.shown.iter().map(|m| (&*m.url, m.statuses.len(), &*m.to)).collect();
    assert!(moved.contains(&("h/a", 2, "h/c")) && moved.contains(&("h/in", 1, "h/new")), "{moved:?}");
    assert!(!moved.iter().any(|(url, ..)| ["h/tmp", "h/x", "h/b"].contains(url)), "{moved:?}");
}

#[test]
fn a_page_behind_a_redirect_counts_once() {
    let inline = json!({"chain": [{"url": "h/in", "status_code": 302}], "final_url": "h/b"});
    let report = report(&[
        with(page("h/in", 1, &["h/gone", "h/old"]), inline.clone()),
        page("h/b", 1, &["h/gone", "h/old"]),
        with(page("h/in2", 1, &["h/gone", "h/old"]), inline),
        missing("h/gone"),
        moved("h/old", 301, "h/b"),
    ]);
    assert_eq!(pages(&report), [("h/b", vec!["404 h/gone".to_owned()])]);
    assert_eq!((report.broken_links, report.moved.shown[0].pages.total()), (1, 1));
}

#[test]
fn what_only_a_sitemap_knows_is_an_orphan() {
    let entry = |url: &str| with(page(url, 1, &[]), json!({"tag": "sitemap", "source": "h/map"}));
    let mut map = page("h/map", 0, &["h/known", "h/lost", "h/alone", "h/moved-to"]);
    map["links"].as_array_mut().unwrap().iter_mut().for_each(|link| link["tag"] = json!("sitemap"));
    let report = report(&[
        map,
        page("h/", 0, &["h/known", "h/old"]),
        entry("h/known"),
        with(entry("h/lost"), json!({"status_code": 404})),
        with(entry("h/alone"), json!({"links": [{"url": "h/alone", "tag": "a", "attr": "href"}]})),
        moved("h/old", 301, "h/moved-to"),
        entry("h/moved-to"),
    ]);
    assert_eq!(report.orphans.shown, ["h/alone"]);
    assert_eq!(pages(&report), [("h/map", vec!["404 h/lost".to_owned()])]);
}

#[test]
fn titles_and_what_is_blocked() {
    let titled = |url: &str, title: Option<&str>| with(page(url, 1, &["h/"]), json!({"title": title}));
    let denied = json!({"url": "h/no", "outcome": "skipped", "skipped": "robots_denied", "error_kind": "robots_denied"});
    let report = report(&[
        page("h/", 0, &["h/no"]),
        titled("h/1", Some("same")),
        titled("h/2", Some("same")),
        titled("h/3", Some("other")),
        titled("h/4", None),
        denied,
        with(missing("o/checked"), json!({"status_code": 200, "title": "same"})),
        with(missing("h/guess"), json!({"tag": "robots", "attr": "default"})),
    ]);
    assert_eq!(report.titles.shown.len(), 1);
    assert_eq!(report.titles.shown[0].pages.shown, ["h/1", "h/2"]);
    assert_eq!(report.untitled.shown, ["h/4"]);
    assert_eq!(report.blocked.shown[0].url, "h/no");
    assert_eq!((report.broken, report.blocked.shown[0].pages.total()), (0, 1));
}

#[test]
fn records_without_links_tell_the_first_page() {
    let report = report(&[with(missing("h/gone"), json!({"source": "h/b"})), page("h/b", 0, &[])]);
    assert_eq!(pages(&report), [("h/b", vec!["404 h/gone".to_owned()])]);
}

#[test]
fn a_site_of_broken_links_has_a_report_that_can_be_read() {
    let many: Vec<_> = (0..100).map(|n| format!("h/x{n}")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    let mut records: Vec<_> = (0..MOST + 10).rev().map(|n| page(&format!("h/{n:05}"), 1, &many)).collect();
    records.extend(many.iter().map(|url| missing(url)));
    let report = report(&records);
    assert_eq!(
        (report.pages.shown.len(), report.pages.more, report.pages.shown[0].url.as_str()),
        (MOST, 10, "h/00000")
    );
    let links = &report.pages.shown[0].links;
    assert_eq!((links.shown.len(), links.more), (50, 50));
    assert_eq!((report.broken_links, report.broken_pages), (101_000, MOST as u64 + 10));
    assert_eq!(report.targets.shown[0].pages.total(), MOST as u64 + 10);
}

#[test]
fn urls_of_any_length_have_a_report_of_bounded_size() {
    let names: Vec<_> = (0..200).map(|n| format!("h/{n:03}{}", "x".repeat(1000))).collect();
    let links: Vec<_> = names.iter().map(String::as_str).collect();
    let mut records: Vec<_> = (0..3).map(|n| page(&format!("h/{n}"), 0, &links)).collect();
    records.extend(links.iter().map(|url| missing(url)));
    let report = report_within(400_000, &records);
    assert_eq!((report.broken, report.targets.total()), (200, 200));
    assert!((50..200).contains(&report.targets.shown.len()), "{}", report.targets.shown.len());
    assert!(serde_json::to_vec(&report).unwrap().len() < 400_000);
}

/// What a renderer takes for markup, links or HTML.
#[test]
fn what_a_page_says_is_no_markup() {
    let hostile = "# [x](javascript:y) <script>|`*_~ @me &lt; www.h http://h\n::error::x\u{1b}[2J\u{202e}";
    let bad = json!([{"url": "http://h/a|b_(c)?d=<e>&lt;`[f]", "tag": "a", "attr": "href", "text": hostile}]);
    let report = report(&[
        with(page("http://h/", 0, &[]), json!({"links": bad, "title": hostile})),
        with(page("http://h/2", 0, &["http://h/"]), json!({"title": hostile})),
        missing("http://h/a|b_(c)?d=<e>&lt;`[f]"),
    ]);
    let [mut plain, mut marked] = [Vec::new(), Vec::new()];
    text(&report, &mut plain).unwrap();
    markdown(&report, &mut marked).unwrap();
    let [plain, marked] = [plain, marked].map(|bytes| String::from_utf8(bytes).unwrap());
    for shown in [&plain, &marked] {
        assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{shown}");
        assert!(!shown.lines().any(|line| line.trim_start().starts_with("::")), "{shown}");
    }
    let title = r"\# \[x\]\(javascript\:y\) \<script\>\|\`\*\_\~ \@me \&lt; www\.h http\://h";
    assert_eq!(marked.matches(title).count(), 2, "{marked}");
    assert!(marked.contains("](<http://h/a|b_(c)?d=%3Ce%3E&amp;lt;%60[f]>)"), "{marked}");
    assert!(marked.contains(r"[http://h/a\|b\_\(c\)?d\=\<e\>\&lt;\`\[f\]]"), "{marked}");
}
