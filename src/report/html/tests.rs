//! Whole reports, made of records as they stand in files.

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::{Duration, SystemTime};

use super::*;
use crate::report::Fact;

fn report(records: &str) -> String {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(records.as_bytes()).unwrap();
    let made = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_269_600);
    let about = About { command: Some("gannet crawl 'a b'".into()), made };
    let mut out = Vec::new();
    html(&Facts::of(file.path()), &about, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// A record of a page that was answered.
fn page(nth: u64, more: &str) -> String {
    format!(
        "{{\"schema\":1,\"timestamp\":\"2026-11-21T10:00:{:02}.000Z\",\"seq\":{nth},\"url\":\"http://h{}/{nth}\",\"outcome\":\"finished\",\"status_code\":200,\"content_type\":\"text/html\",\"body_bytes\":{nth},\"wire_bytes\":10,\"depth\":{},\"attempts\":1,\"time_ttfb_ms\":1,\"time_total_ms\":{}{more}}}\n",
        nth % 60,
        nth % 5,
        nth % 3,
        nth + 1
    )
}

/// The text of a section, without its tags.
fn section(report: &str, id: &str) -> String {
    let start =
        report.find(&format!("<section id=\"{id}\"")).unwrap_or_else(|| panic!("no `{id}` in {report}"));
    let body = &report[start..start + report[start..].find("</section>").unwrap()];
    let mut text = String::new();
    for part in body.split('<').skip(1) {
        text += part.split_once('>').unwrap().1;
        text.push(' ');
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn pages_that_have_not_changed_are_counted() {
    let records: String = (0..4).map(|n| page(n, if n == 0 { "" } else { ",\"unchanged\":true" })).collect();
    assert!(report(&records).contains("<dt>unchanged</dt><dd>3</dd>"));
    assert!(!report(&page(0, "")).contains("unchanged"));
}

/// Every element that is opened is closed, in order.
fn assert_well_formed(report: &str) {
    const VOID: [&str; 9] = ["meta", "link", "input", "br", "line", "rect", "!doctype", "!--", "img"];
    let start = report.find("<style>").unwrap();
    let body = report.find("</style>").unwrap() + 8;
    let script = report.find("<script>").unwrap();
    let markup = format!("{}{}", &report[..start], &report[body..script]);
    let mut open = Vec::new();
    for part in markup.split('<').skip(1) {
        let tag = part.split(['>', ' ', '\n']).next().unwrap();
        match tag.strip_prefix('/') {
            Some(end) => assert_eq!(open.pop(), Some(end), "{part}"),
            None if VOID.contains(&tag) => {}
            None => open.push(tag),
        }
    }
    assert_eq!(open, ["html", "body"], "the script is before their ends");
}

#[test]
fn an_empty_run_has_a_report() {
    let report = report("");
    assert!(report.contains("There are no records") && !report.contains("<section"), "{report}");
    assert_well_formed(&report);
}

#[test]
fn one_url_has_a_report() {
    let report = report(&page(0, ""));
    assert!(
        report.contains("<h1>1 URL of h0</h1>") && report.contains("gannet crawl &#39;a b&#39;"),
        "{report}"
    );
    assert!(!report.contains("NaN") && !report.contains("inf "), "{report}");
    assert!(section(&report, "outcomes").contains("2xx answered 1 100 %"));
    assert!(!report.contains("id=\"broken\"") && !report.contains("id=\"redirects\""));
    assert!(!report.contains("id=\"depth\""), "a list has no depth");
    assert_well_formed(&report);
}

#[test]
fn the_numbers_are_those_of_the_records() {
    let mut records = String::from(
        "{\"outcome\":\"finished\",\"url\":\"http://h/x\",\"status_code\":404,\"source\":\"http://h0/30\",\"tag\":\"a\",\"depth\":1}\n",
    );
    records.extend((0..30).map(|nth| page(nth, "")));
    records += &page(
        30,
        ",\"title\":\"same\",\"links\":[{\"url\":\"http://h/x\",\"tag\":\"a\",\"attr\":\"href\",\"text\":\"more\"},{\"url\":\"http://h/fine\",\"tag\":\"a\",\"attr\":\"href\"}]",
    );
    records += &page(
        31,
        ",\"title\":\"same\",\"links\":[{\"url\":\"http://h/x\",\"tag\":\"img\",\"attr\":\"src\",\"text\":\"a cat\"}]",
    );
    // A redirect to a page has its title and its links.
    records += &page(
        32,
        ",\"title\":\"same\",\"final_url\":\"http://h1/31\",\"chain\":[{\"url\":\"http://h2/32\",\"status_code\":301}],\"links\":[{\"url\":\"http://h/x\",\"tag\":\"img\",\"attr\":\"src\"}]",
    );
    records += "{\"outcome\":\"failed\",\"url\":\"http://h/seed\",\"error\":\"why\",\"error_kind\":\"dns\",\"attempts\":3}\n";
    records += "{\"outcome\":\"skipped\",\"url\":\"http://h/no\",\"skipped\":\"robots_denied\"}\n";
    let report = report(&records);
    let outcomes = section(&report, "outcomes");
    for text in ["2xx answered 33 92 %", "4xx refused by the server 1 2.8 %", "200 OK 33", "404 Not Found 1"]
    {
        assert!(outcomes.contains(text), "{text}: {outcomes}");
    }
    assert!(
        outcomes.contains("robots_denied 1")
            && outcomes.contains("tried again after a failure that may pass 2")
    );
    assert!(section(&report, "errors").contains("dns 1"));
    let broken = section(&report, "broken");
    assert!(broken.contains("2 broken URLs, and 2 links to what is broken on 2 pages"), "{broken}");
    for text in [
        "http://h0/30 1 http://h/x 404 a more",
        "http://h1/31 1 http://h/x 404 img a cat",
        "Given as seeds 1 http://h/seed dns",
    ] {
        assert!(broken.contains(text), "{text}: {broken}");
    }
    assert!(section(&report, "redirects").contains("http://h2/32 301 http://h1/31 a seed"));
    assert!(
        section(&report, "titles").contains("same 2 http://h0/30 http://h1/31"),
        "the redirect is no third"
    );
    let latency = section(&report, "latency");
    assert!(latency.contains("in total 33 17 ms 17 ms 30 ms 32 ms 33 ms 33 ms"), "{latency}");
    let hosts = section(&report, "hosts");
    // 1, 6, 11, 16, 21, 26 and 31 ms; of a host to a hundredth.
    assert!(hosts.contains("h0 http 7 0 0 0 70 B 16 ms 31.1 ms"), "{hosts}");
    assert!(section(&report, "extremes").contains("http://h2/32 33 ms"));
    assert_well_formed(&report);
}

#[test]
fn what_a_server_chose_stays_text() {
    let hostile = "</script><script>alert(1)</script><img src=x onerror='a'>\"'{{style}}\u{202e}\u{7}";
    let text = serde_json::to_string(hostile).unwrap();
    let mut records = String::new();
    for (nth, url) in
        [format!("javascript:{hostile}"), format!("http://u:secret@h/{hostile}"), hostile.into()]
            .iter()
            .enumerate()
    {
        let url = serde_json::to_string(url).unwrap();
        for outcome in ["finished", "failed", "skipped", hostile] {
            let outcome = serde_json::to_string(outcome).unwrap();
            for status in [200, 404] {
                writeln!(records, "{{\"outcome\":{outcome},\"seq\":{nth},\"url\":{url},\"final_url\":{url},\"location\":{url},\"source\":{url},\"status_code\":{status},\"title\":{text},\"content_type\":{text},\"error\":{text},\"error_kind\":{text},\"skipped\":{text},\"truncated\":{text},\"tag\":{text},\"body_bytes\":1,\"time_total_ms\":1,\"timestamp\":{text},\"links\":[{{\"url\":{url},\"tag\":{text},\"attr\":{text}}}]}}").unwrap();
            }
        }
    }
    let report = report(&records);
    let body = &report[report.find("<body>").unwrap()..report.find("<script>").unwrap()];
    for bad in ["<script", "<img", "\u{202e}", "\u{7}", "secret", "href=\"javascript", "onerror='"] {
        assert!(!body.contains(bad), "{bad}: {body}");
    }
    assert_eq!(report.matches("<script").count(), 1);
    assert_well_formed(&report);
}

#[test]
fn the_policy_names_the_style_and_the_script() {
    let report = report(&page(0, ""));
    let inner = |tag: &str| {
        let (start, end) =
            (report.find(&format!("<{tag}>")).unwrap(), report.find(&format!("</{tag}>")).unwrap());
        &report[start + tag.len() + 2..end]
    };
    for (tag, text) in [("style", inner("style")), ("script", inner("script"))] {
        use base64::Engine as _;
        use sha2::Digest as _;
        let digest = base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(text));
        assert!(report.contains(&format!("{tag}-src 'sha256-{digest}'")), "{tag}");
    }
    assert!(!report.contains(" style=\"") && !report.contains("url("), "neither would be let through");
}

/// Many hosts, titles, broken links and long texts, in a report that is not longer than it may be.
#[test]
fn a_large_run_has_a_bounded_report() {
    let mut survey = Survey::new();
    let long = "y".repeat(4000);
    let fact = |nth: u64| Fact {
        timestamp: "2026-11-21T10:00:00Z".into(),
        url: Some(format!("http://h{nth}.test/{nth}/{}", if nth.is_multiple_of(100) { &long } else { "" })),
        outcome: if nth.is_multiple_of(2) { "finished".into() } else { "failed".into() },
        error_kind: Some(format!("kind {}", nth % 1000)),
        status_code: Some(200),
        title: Some(format!("{}", nth / 8)),
        content_type: Some(format!("type/{nth}")),
        location: Some(long.clone()),
        depth: (nth % 60_000) as u16,
        source: Some(format!("http://h/{nth}")),
        body_bytes: Some(nth),
        time_total_ms: Some(nth as f64),
        ..Fact::default()
    };
    let count = MOST_HOSTS as u64 + 5_000;
    (0..count).for_each(|nth| survey.add(&fact(nth)));
    assert_eq!((survey.hosts.len(), survey.broken_urls), (MOST_HOSTS, count / 2));
    let mut detail = Detail::new(&survey);
    (0..count).for_each(|nth| detail.add(&fact(nth)));
    let (mut out, about) = (Vec::new(), About { command: None, made: SystemTime::UNIX_EPOCH });
    let links = LinkReport::default();
    page::write(&View { about: &about, survey: &survey, detail: &detail, links: &links }, &mut out).unwrap();
    let report = String::from_utf8(out).unwrap();

    assert!(report.len() < 16 << 20, "{}", report.len());
    assert_eq!(report.matches("<th scope=\"row\"><span dir=\"ltr\">").count(), SHOWN_HOSTS);
    let hosts = section(&report, "hosts");
    assert!(hosts.contains("and 99,000 hosts with fewer URLs"), "the table ends with what is not in it");
    assert!(hosts.contains("and 5,000 URLs of hosts that came after the first 100,000"));
    assert_well_formed(&report);
}
