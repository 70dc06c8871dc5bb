//! How a crawl comes by its robots.txt (RFC 9309 §2.3 and §2.4): redirects, statuses, broken and hostile answers,
//! and what happens a day later.

use std::io::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use gannet::origin::Site;
use gannet::robots::MAX_BYTES;
use gannet::{OutcomeKind, Plan, Reach, Scope};

use crate::engine_web::{Answer, Web as Double, given, run as run_plan};
use crate::gannet::{Ran, call, run, text};
use crate::raw::Raw;
use crate::web::Web;

const HOUR: Duration = Duration::from_secs(3600);
const FORBIDS: &str = "User-agent: *\nDisallow: /secret\n";

/// A server that answers robots.txt like this, a path below `/hop/` by a redirect, and anything else with a page.
fn serve(robots: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> (Raw, Arc<Mutex<Vec<String>>>) {
    let log = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&log);
    let server = Raw::serve(move |mut conn| {
        while let Some(head) = conn.request() {
            let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
            seen.lock().unwrap().push(head);
            let is_rules = path == "/robots.txt" || path.starts_with("/hop/");
            conn.send(if is_rules { robots(&path) } else { answer(200, "", b"a page") });
        }
    });
    (server, log)
}

fn answer(status: u16, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let mut bytes = format!("HTTP/1.1 {status} So\r\n{headers}Content-Length: {length}\r\n\r\n").into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

fn moved(to: &str) -> Vec<u8> {
    answer(302, &format!("Location: {to}\r\n"), b"")
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// Crawls `/secret` of a server, and nothing else.
fn crawl_secret(server: &Raw, options: &[&str]) -> Ran {
    let seed = server.url("/secret").to_string();
    call(["crawl", &seed, "--depth", "0", "--retries", "0"].iter().chain(options)).run()
}

/// What the record of `/secret` says became of it.
#[track_caller]
fn fate(server: &Raw) -> String {
    let record = crawl_secret(server, &[]).record();
    match text(&record, "outcome") {
        "finished" => "fetched".to_owned(),
        "skipped" => text(&record, "skipped").to_owned(),
        _ => text(&record, "error_kind").to_owned(),
    }
}

#[test]
fn five_redirects_are_followed_whatever_max_redirects_says() {
    let (there, _) = serve(|path| match path {
        "/robots.txt" => answer(404, "", b""),
        "/hop/1" => answer(200, "", FORBIDS.as_bytes()),
        path => moved(&format!("/hop/{}", path["/hop/".len()..].parse::<u32>().unwrap() - 1)),
    });
    for (hops, options, expected) in [
        (1, &["--max-redirects", "0"][..], "robots_denied"),
        (5, &["--max-redirects", "0"], "robots_denied"),
        (5, &[], "robots_denied"),
        (6, &[], "none"),
        (6, &["--max-redirects", "20"], "none"),
    ] {
        // Over to another host, whose rules then hold for the first one.
        let to = there.url(&format!("/hop/{hops}")).to_string();
        let (here, _) = serve(move |_| moved(&to));
        let record = crawl_secret(&here, options).exits(0).record();
        assert_eq!(record["skipped"].as_str().unwrap_or("none"), expected, "{hops} {options:?}");
    }
    let (round, log) = serve(moved);
    assert_eq!((fate(&round).as_str(), log.lock().unwrap().len()), ("fetched", 2), "to itself");
}

#[test]
fn statuses() {
    for (status, expected) in [
        (200, "robots_denied"),
        (203, "robots_denied"),
        (304, "fetched"),
        (401, "fetched"),
        (403, "fetched"),
        (404, "fetched"),
        (429, "robots_unavailable"),
        (500, "robots_unavailable"),
        (503, "robots_unavailable"),
    ] {
        let (server, log) = serve(move |_| answer(status, "", FORBIDS.as_bytes()));
        assert_eq!(fate(&server), expected, "{status}");
        let asked = if expected == "fetched" { 2 } else { 1 };
        assert_eq!(log.lock().unwrap().len(), asked, "{status}");
    }
}

#[test]
fn an_answer_that_breaks_off_forbids() {
    let broken = |bytes: Vec<u8>| {
        Raw::serve(move |mut conn| {
            conn.request();
            conn.send(&bytes);
        })
    };
    let short = broken(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nUser-agent: *\n".to_vec());
    assert_eq!(fate(&short), "connection_lost");
    assert_eq!(fate(&broken(b"nonsense\r\n\r\n".to_vec())), "protocol");
    let zipped = gzip(&b"User-agent: *\nAllow: /\n".repeat(1000));
    let cut = zipped[..zipped.len() / 2].to_vec();
    let (server, _) = serve(move |_| answer(200, "Content-Encoding: gzip\r\n", &cut));
    assert_eq!(fate(&server), "robots_unavailable");
    let (server, _) = serve(|_| answer(200, "Content-Encoding: gzip\r\n", FORBIDS.as_bytes()));
    assert_eq!(fate(&server), "decode");
}

#[test]
fn it_is_decoded_and_a_bomb_is_read_as_far_as_any_other() {
    let (server, _) = serve(|_| answer(200, "Content-Encoding: gzip\r\n", &gzip(FORBIDS.as_bytes())));
    assert_eq!(fate(&server), "robots_denied");
    let mut bomb = FORBIDS.as_bytes().to_vec();
    bomb.resize(50_000_000, b'\n');
    bomb.extend_from_slice(b"Allow: /secret\n");
    let bomb = gzip(&bomb);
    assert!(bomb.len() < 60_000);
    let (server, _) = serve(move |_| answer(200, "Content-Encoding: gzip\r\n", &bomb));
    assert_eq!(fate(&server), "robots_denied");
}

#[test]
fn a_rule_across_the_limit_is_not_read_as_what_is_left_of_it() {
    for (last, beyond) in [("Allow: /se", "ldom\n"), ("Allow: /secret", "ary-only\n"), ("Allow: /", "x\n")] {
        let mut file = b"User-agent: *\nDisallow: /\n".to_vec();
        file.resize(MAX_BYTES - last.len(), b'\n');
        file.extend_from_slice(last.as_bytes());
        file.extend_from_slice(beyond.as_bytes());
        let (server, _) = serve(move |_| answer(200, "", &file));
        assert_eq!(fate(&server), "robots_denied", "{last}");
    }
    let mut file = FORBIDS.as_bytes().to_vec();
    file.resize(MAX_BYTES - 14, b'\n');
    file.extend_from_slice(b"Allow: /secret");
    let (server, _) = serve(move |_| answer(200, "", &file));
    assert_eq!(fate(&server), "fetched", "a file of just the limit is read to its end");
}

#[test]
fn utf16_and_html_and_a_line_without_end() {
    let wide: Vec<u8> = format!("\u{feff}{FORBIDS}").encode_utf16().flat_map(u16::to_be_bytes).collect();
    let page =
        b"<!DOCTYPE html>\n<title>Not here</title>\n<p>User-agent: *</p>\n<p>Disallow: /</p>\n".to_vec();
    let mut endless = FORBIDS.as_bytes().to_vec();
    endless.resize(10_000_000, b'x');
    for (file, expected) in [(wide, "robots_denied"), (page, "fetched"), (endless, "robots_denied")] {
        let (server, _) = serve(move |_| answer(200, "", &file));
        assert_eq!(fate(&server), expected);
    }
}

#[test]
fn the_token_is_apart_from_the_user_agent() {
    let rules = "User-agent: examplebot\nDisallow: /secret\n\nUser-agent: *\nDisallow: /public\n";
    let (server, log) = serve(move |_| answer(200, "", rules.as_bytes()));
    let crawl = |options: &[&str]| {
        let seeds = ["/secret", "/public"].map(|path| server.url(path).to_string());
        let ran = call(["crawl", &seeds[0], &seeds[1], "--depth", "0"].iter().chain(options)).run().exits(0);
        let denied = ran.records().into_iter().find(|record| record["skipped"] == "robots_denied").unwrap();
        let url = text(&denied, "url").rsplit('/').next().unwrap().to_owned();
        let agent = log
            .lock()
            .unwrap()
            .last()
            .unwrap()
            .lines()
            .find_map(|line| line.to_lowercase().strip_prefix("user-agent: ").map(str::to_owned));
        (url, agent.unwrap())
    };
    let (denied, agent) = crawl(&[]);
    assert!(denied == "public" && agent.ends_with("robots.txt token: gannet)"), "{denied} {agent}");
    let (denied, agent) = crawl(&["--robots-token", "ExampleBot"]);
    assert!(denied == "secret" && agent.ends_with("robots.txt token: examplebot)"), "{denied} {agent}");
    let (denied, agent) = crawl(&["--robots-token", "examplebot", "-A", "Mozilla/5.0"]);
    assert!(denied == "secret" && agent == "mozilla/5.0", "{denied} {agent}");
    assert_eq!(crawl(&["-A", "examplebot"]).0, "public");
    assert_eq!(crawl(&["--robots-token", "*"]).0, "public");
    run(["crawl", "h", "--robots-token", "a b"]).exits(2).says(&["--robots-token", "letters"]);
}

#[test]
fn the_token_of_a_job_stays() {
    let web = Web::start(Site { pages: 5, ..Site::default() });
    let directory = tempfile::tempdir().unwrap();
    let job = directory.path().join("job");
    let job = job.to_str().unwrap();
    run(["crawl", &web.url("/"), "--job", job, "--robots-token", "one", "--max-pages", "2"]).exits(5);
    let other = run(["crawl", "--job", job, "--robots-token", "two"]).exits(2);
    other.says(&["--robots-token was `one`, and is `two` now"]);
    run(["crawl", "--job", job, "--max-pages", "100"]).exits(0);
}

/// A crawl of pages five hours apart, the last of which is the one that may be forbidden.
async fn slow_crawl(robots: impl Fn(u32) -> Answer + Send + Sync + 'static) -> (Vec<String>, u32) {
    let web = Double::new(move |url, asked| match url.ends_with("/robots.txt") {
        true => (Duration::ZERO, robots(asked)),
        false => (Duration::ZERO, Answer::Page(200, Vec::new())),
    });
    let mut plan = Plan::crawl(4, Scope::new(Reach::Host));
    plan.politeness.delay = 5 * HOUR;
    let seeds = (1..10).map(|n| format!("http://h/{n}")).chain(["http://h/secret".to_owned()]);
    let end = run_plan(plan, &web, given(seeds)).await;
    let fetched = end.check().records.iter().filter(|record| record.kind == OutcomeKind::Finished);
    let fetched = fetched.map(|record| record.url.as_ref().unwrap().path_and_query().to_owned()).collect();
    (fetched, web.log()["http://h/robots.txt"])
}

#[tokio::test(start_paused = true)]
async fn rules_are_asked_for_again_after_a_day() {
    let (fetched, asked) = slow_crawl(|_| Answer::Text(FORBIDS.into())).await;
    assert_eq!((fetched.len(), asked), (9, 3));
    assert!(!fetched.contains(&"/secret".to_owned()));
    // What is forbidden a day later is not fetched from then on.
    let rules = |asked| if asked == 1 { "" } else { "User-agent: *\nDisallow: /" };
    let (fetched, asked) = slow_crawl(move |asked| Answer::Text(rules(asked).into())).await;
    assert_eq!((fetched.len(), asked), (4, 2), "{fetched:?}");
}

#[tokio::test(start_paused = true)]
async fn rules_go_on_while_they_cannot_be_asked_for_again() {
    let (fetched, asked) = slow_crawl(|asked| match asked {
        1 => Answer::Text(FORBIDS.into()),
        _ => Answer::Busy(503, Some(60)),
    })
    .await;
    assert!(fetched.len() == 9 && !fetched.contains(&"/secret".to_owned()), "{fetched:?}");
    // After 25 hours, and again with each page that is due more than an hour later.
    assert_eq!(asked, 7);
    // Where there were no rules, nothing is fetched.
    let (fetched, asked) = slow_crawl(|_| Answer::Busy(503, Some(60))).await;
    assert_eq!((fetched.len(), asked), (0, 3));
    // One that comes back in time is obeyed as if nothing had been.
    let (fetched, asked) = slow_crawl(|asked| match asked {
        1 | 2 => Answer::Busy(500, None),
        _ => Answer::Text(FORBIDS.into()),
    })
    .await;
    assert!(fetched.len() == 9 && asked > 3, "{fetched:?} {asked}");
}
