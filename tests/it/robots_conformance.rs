//! robots.txt against the suites of other engines, and against real files on which three engines agree.

use std::collections::HashMap;
use std::time::Duration;

use base64::Engine as _;
use gannet::robots::Rules;
use gannet::url::CrawlUrl;
use serde_json::Value;

use crate::data;

/// What the crawler would ask with. Cases may hold a URL that it would not fetch, a path, or nothing.
fn path_of(url: &str) -> String {
    if let Ok(url) = CrawlUrl::parse(url) {
        return url.path_and_query().to_owned();
    }
    let after_host = match url.split_once("://") {
        Some((scheme, rest)) if !scheme.contains('/') => {
            &rest[rest.find(['/', '?', '#']).unwrap_or(rest.len())..]
        }
        _ => url,
    };
    let path = after_host.split('#').next().unwrap_or_default();
    if path.starts_with('/') { path.to_owned() } else { format!("/{path}") }
}

fn str_of<'v>(case: &'v Value, key: &str) -> &'v str {
    case[key].as_str().unwrap_or_else(|| panic!("no `{key}` in {case}"))
}

fn body_of(case: &Value) -> Vec<u8> {
    match case["robots_b64"].as_str() {
        Some(text) => base64::engine::general_purpose::STANDARD.decode(text).expect("base64"),
        None => str_of(case, "robots").as_bytes().to_vec(),
    }
}

fn cases(text: &str) -> Vec<Value> {
    let mut file: Value = serde_json::from_str(text).expect("JSON");
    match file["cases"].take() {
        Value::Array(cases) => cases,
        other => panic!("no cases but {other}"),
    }
}

/// Runs a suite of verdicts: all consensus cases must pass, and `floor` of all.
fn suite(name: &str, floor: usize) {
    let Some(text) = data::text(&format!("{name}/cases.json")) else { return };
    let (mut passed, mut consensus, mut consensus_passed) = (0, 0, 0);
    let mut failed = Vec::new();
    let cases = cases(&text);
    for case in &cases {
        let rules = Rules::parse(&body_of(case), str_of(case, "user_agent"));
        let verdict = rules.verdict(&path_of(str_of(case, "url")));
        let ok = verdict.allowed == (str_of(case, "expected") == "allow");
        let agreed = case["consensus"] == Value::Bool(true);
        passed += usize::from(ok);
        consensus += usize::from(agreed);
        consensus_passed += usize::from(agreed && ok);
        if !ok {
            let mark = if agreed { " (consensus)" } else { "" };
            failed.push(format!("{}{mark} {}", str_of(case, "id"), str_of(case, "test")));
        }
    }
    eprintln!("{name}: passed {passed} of {}, consensus {consensus_passed} of {consensus}", cases.len());
    eprintln!("{name}: not as the suite has it: {failed:#?}");
    assert_eq!(consensus_passed, consensus, "{name}: a case on which all engines agree fails");
    assert!(passed >= floor, "{name}: {passed} passed, {floor} did before");
}

/// Not as Google: a pattern and a path spelt with different escapes are the same path (RFC 9309
/// §2.2.2, three cases), and a crawler may be named in full even if its name has a space (one).
#[test]
fn google_robotstxt() {
    suite("google-robotstxt", 141);
}

/// Not as Protego: a product token matches in full, not as a prefix, with wildcards or within the whole
/// User-Agent header (RFC 9309 §2.2.1); a line of an unknown kind does not end the user-agent lines of a
/// group (§2.2.4); a last `$` is only the end (§2.2.3); a pattern that is a whole URL is not cut to its
/// path; a colon that was forgotten is forgiven only between two words, as Google does.
#[test]
fn protego() {
    suite("protego", 362);
}

/// Not as texting_robots: rules before any user-agent line apply to nobody (RFC 9309 §2.2, ten cases), and
/// `%62%61%7A` is `baz` (§2.2.2, one).
#[test]
fn texting_robots() {
    suite("texting-robots", 279);
}

/// Crawl delays and sitemaps. The suite also asks for fields that gannet does not read.
#[test]
fn protego_other() {
    let Some(text) = data::text("protego/other.json") else { return };
    let (mut passed, mut asked) = (0, 0);
    for case in cases(&text) {
        let body = body_of(&case);
        let rules = Rules::parse(&body, case["args"][0].as_str().unwrap_or("*"));
        let ok = match str_of(&case, "what") {
            "crawl_delay" => rules.crawl_delay() == case["expected"].as_f64().map(Duration::from_secs_f64),
            "sitemaps" => case["expected"] == Value::from(rules.sitemaps().to_vec()),
            _ => continue,
        };
        asked += 1;
        passed += usize::from(ok);
        if !ok {
            eprintln!("protego/other: fails {}", str_of(&case, "id"));
        }
    }
    eprintln!("protego/other: passed {passed} of {asked} on crawl delay and sitemaps");
    assert_eq!(passed, asked);
}

#[test]
fn real_files() {
    let (Some(files), Some(cases)) =
        (data::text("robots-real-world/robots-dev.jsonl"), data::text("robots-real-world/cases-dev.jsonl"))
    else {
        return;
    };
    let json = |line: &str| serde_json::from_str::<Value>(line).expect("JSON");
    let bodies: HashMap<String, Vec<u8>> =
        files.lines().map(json).map(|file| (str_of(&file, "file").to_owned(), body_of(&file))).collect();
    let (mut total, mut passed, mut let_through) = (0, 0, 0);
    for case in cases.lines().map(json) {
        let rules = Rules::parse(&bodies[str_of(&case, "file")], str_of(&case, "user_agent"));
        let verdict = rules.verdict(&path_of(str_of(&case, "url")));
        let expected = str_of(&case, "expected") == "allow";
        total += 1;
        passed += usize::from(verdict.allowed == expected);
        let_through += usize::from(verdict.allowed && !expected);
        if verdict.allowed != expected {
            eprintln!("real world: {case} but {verdict:?}");
        }
    }
    eprintln!("real world: passed {passed} of {total}, {let_through} forbidden URLs let through");
    assert_eq!(let_through, 0);
    assert!(passed * 10_000 >= total * 9_995, "{passed} of {total}");
}
