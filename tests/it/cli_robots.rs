//! `gannet robots`: what it answers, in which form, and how it ends.

use std::io::Write as _;

use gannet::origin::{Robots, Site};
use serde_json::{Value, json};

use crate::gannet::{call, run};
use crate::raw::Raw;
use crate::web::Web;

const FILE: &str = "\
# ours
User-agent: *
Disallow: /
Sitemap: https://h/s.xml

User-agent: gannet
User-agent: other
Disallow: /private
Allow: /private/index.html
Crawl-delay: 1.5
";

fn file(text: impl AsRef<[u8]>) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_ref()).unwrap();
    file
}

#[test]
fn the_verdict_of_a_file_for_people() {
    let file = file(FILE);
    let path = file.path().to_str().unwrap();
    let ran =
        run(["robots", "https://h/private/x", "https://h/private/", "--robots", path, "--format", "human"])
            .exits(3);
    let common = format!(
        "  group      line 6: User-agent: gannet\n  robots.txt {path}\n  delay      1.5 s between requests\n  \
         sitemaps   https://h/s.xml\n"
    );
    let expected = format!(
        "https://h/private/x\n  verdict    not allowed: line 8: Disallow: /private\n{common}\
         https://h/private/\n  verdict    allowed: line 9: Allow: /private/index.html\n{common}"
    );
    assert_eq!(ran.text(), expected);
    assert!(ran.stderr.is_empty());
}

#[test]
fn the_verdict_as_json() {
    let of = |url: &str, token: &str| {
        let args = ["robots", url, "--robots", "-", "--robots-token", token];
        let ran = call(args).stdin(FILE).run();
        let finding: Value = serde_json::from_str(&ran.text()).unwrap();
        assert_eq!(ran.code, Some(if finding["allowed"] == true { 0 } else { 3 }));
        finding
    };
    let expected = json!({
        "url": "https://h/a", "allowed": false, "token": "*", "reason": "line 3: Disallow: /", "robots": "stdin",
        "meaning": "rules", "rule": {"line": 3, "text": "Disallow: /"},
        "agents": [{"line": 2, "text": "User-agent: *"}], "sitemaps": ["https://h/s.xml"],
    });
    assert_eq!(of("https://h/a", "*"), expected);
    let named = of("https://h/a", "Other");
    assert_eq!((&named["allowed"], &named["crawl_delay"]), (&json!(true), &json!(1.5)));
    assert_eq!(named["agents"], json!([{"line": 7, "text": "User-agent: other"}]));
    assert_eq!(named["reason"], "no line of the group matches");
    assert_eq!(of("https://h/robots.txt", "x")["reason"], "robots.txt itself may always be fetched");
}

#[test]
fn a_file_without_a_group_and_one_that_upsets_terminals() {
    let nobody = file("User-agent: x\nDisallow: /\n");
    let ran = run(["robots", "h.example", "--format", "human", "--robots", nobody.path().to_str().unwrap()]);
    assert!(ran.exits(0).text().contains("allowed: no group is for `gannet` or for `*`"));
    let hostile = file("User-agent: *\nDisallow: /\x1b[2J\nDisallow: /\nSitemap: \x1b]0;x\x07\n");
    let ran = run(["robots", "h.example", "--format", "human", "--robots", hostile.path().to_str().unwrap()]);
    assert!(ran.exits(3).text().chars().all(|c| c == '\n' || !c.is_control()));
}

#[test]
fn each_host_is_asked_once_and_as_a_crawl_asks() {
    let web = Web::start(Site { hosts: 2, record: true, ..Site::default() });
    let other = format!("http://{}/p/1", web.addresses()[1]);
    let urls = [web.url("/p/1"), web.url("/private/1"), other];
    let ran =
        call(["robots", "-A", "me"].iter().copied().chain(urls.iter().map(String::as_str))).run().exits(3);
    let text = ran.text();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.iter().map(|line| line["url"].as_str().unwrap()).collect::<Vec<_>>(), urls);
    let allowed: Vec<_> = lines.iter().map(|line| line["allowed"].as_bool().unwrap()).collect();
    assert_eq!(allowed, [true, false, true]);
    assert_eq!((&lines[1]["status_code"], &lines[1]["rule"]["line"]), (&json!(200), &json!(2)));
    assert_eq!(lines[1]["robots"], web.url("/robots.txt"));
    assert_eq!(web.log().len(), 2, "two hosts, and no page");
}

#[test]
fn what_a_status_means() {
    let missing = Web::start(Site { robots: Robots::Missing, ..Site::default() });
    let ran = run(["robots", &missing.url("/private/1")]).exits(0);
    let finding: Value = serde_json::from_str(&ran.text()).unwrap();
    assert_eq!((&finding["meaning"], &finding["status_code"]), (&json!("missing"), &json!(404)));
    let down = Web::start(Site { robots: Robots::Unavailable, ..Site::default() });
    let ran = run(["robots", &down.url("/p/1"), "--format", "human"]).exits(3);
    let expected = "not allowed: robots.txt cannot be had (status 503), so nothing is allowed for now";
    assert!(ran.text().contains(expected) && ran.text().contains("status 503"), "{}", ran.text());
    let silent = Raw::serve(|mut conn| conn.hold());
    let ran = run(["robots", silent.url("/").as_str(), "--idle-timeout", "200ms"]).exits(3);
    let finding: Value = serde_json::from_str(&ran.text()).unwrap();
    assert_eq!((&finding["meaning"], &finding["error_kind"]), (&json!("unavailable"), &json!("timeout")));
}

#[test]
fn a_redirect_is_told() {
    let there = Raw::answer(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{FILE}", FILE.len()));
    let to = there.url("/rules");
    let here = Raw::answer(format!("HTTP/1.1 301 Moved\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n"));
    let ran = run(["robots", here.url("/").as_str()]).exits(0);
    let finding: Value = serde_json::from_str(&ran.text()).unwrap();
    assert_eq!(finding["final_url"], to.as_str());
    let ran = run(["robots", here.url("/").as_str(), "--format", "human"]).exits(0);
    assert!(ran.text().contains(&format!("redirected to {to}, status 200")), "{}", ran.text());
}

#[test]
fn what_is_typed_wrong_is_said() {
    let file = file(FILE);
    let list = file.path().to_str().unwrap();
    run(["robots"]).exits(2);
    run(["robots", list]).exits(2).says(&["takes URLs", "hint: xargs"]);
    run(["robots", "ftp://h/"]).exits(2).says(&["`ftp` is not fetched"]);
    run(["robots", "h.example", "--robots", "/no/such"]).exits(2).says(&["cannot read `/no/such`"]);
    run(["robots", "h.example", "--robots-token", "gannet/1.0"]).exits(2).says(&["--robots-token"]);
    run(["robots", "h.example", "-H", "x"]).exits(2).says(&["`--header` number 1 is no header"]);
}
