//! Flags of pace against nginx: what its log says of rates, of `--adaptive` and of hosts that cannot be reached.

use std::time::Duration;

use gannet::origin::Site;
use serde_json::Value;

use crate::answering;
use crate::gannet::{Ran, call};
use crate::servers::{free_port, nginx};
use crate::web::Web;

const PAGES: usize = 150;

/// The records of a fetch of so many pages.
fn fetch(base: &str, pages: usize, flags: &[&str]) -> (Ran, Vec<Value>) {
    let list: String = (0..pages).map(|n| format!("{base}/page.html?{n}\n")).collect();
    let ran = call(["fetch", "-", "--format", "jsonl"].iter().chain(flags)).stdin(list).run();
    let text = String::from_utf8_lossy(&ran.stdout);
    let records = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (ran, records)
}

/// nginx lets four at a time through to a server that takes 50 ms, and refuses all others.
#[test]
fn adaptive_keeps_to_what_a_server_stands() {
    let web = Web::start(Site { pages: 100, latency: "50ms".parse().unwrap(), ..Site::default() });
    let address = web.addresses()[0];
    let http = format!(
        "limit_conn_zone $server_port zone=all:1m; limit_conn_status 503;
         server {{ listen 127.0.0.1:PORT; limit_conn all 4; add_header Retry-After 0 always;
                   location / {{ proxy_pass http://{address}; rewrite .* /p/1? break; }} }}"
    );
    let count = |flags: &[&str]| {
        let server = nginx(&http, &[])?;
        let (ran, records) = fetch(&server.url(""), PAGES, &[&["--workers", "30", "-v"], flags].concat());
        assert_eq!(records.len(), PAGES, "{}", ran.stderr);
        let lost = records.iter().filter(|record| record["status_code"] != 200).count();
        let refused = server.file("access.log").lines().filter(|line| line.starts_with("503")).count();
        Some((lost, refused, ran.stderr))
    };
    let (Some(plain), Some(adaptive)) = (count(&[]), count(&["--adaptive"])) else { return };
    assert!(plain.0 > PAGES / 4 && plain.1 > PAGES / 2, "{plain:?}");
    assert!(!plain.2.contains("  adaptive "), "{}", plain.2);
    assert!(adaptive.0 == 0 && adaptive.1 <= PAGES / 6, "{adaptive:?}");
    let told = adaptive.2.lines().find(|line| line.contains("  adaptive ")).unwrap();
    assert!(told.contains("at once, by ") && told.contains("http://127.0.0.1:"), "{told}");
    println!(
        "without: {} lost, {} refused; with --adaptive: 0 lost, {} refused; {told}",
        plain.0, plain.1, adaptive.1
    );
}

/// Bounds that no load of the machine breaks: it may be slower, and not faster. The script of docs/performance.md measures.
#[test]
fn no_rate_is_exceeded() {
    for flags in [["--rate", "20/s"], ["--rate-per-host", "20/s"], ["--delay", "50ms"]] {
        let Some(server) = nginx("server { listen 127.0.0.1:PORT; }", &[("page.html", "")]) else { return };
        let (ran, records) = fetch(&server.url(""), 21, &flags);
        assert_eq!((ran.code, records.len()), (Some(0), 21), "{}", ran.stderr);
        assert!(ran.took >= Duration::from_millis(850), "{flags:?}: {:?}", ran.took);
    }
}

#[test]
fn a_dead_host_is_given_up_when_the_user_says_so() {
    let base = format!("http://127.0.0.1:{}", free_port());
    let messages = |flags: &[&str]| -> Vec<String> {
        let (ran, records) = fetch(&base, 3, &[&["--workers", "1", "--retries", "0"], flags].concat());
        assert_eq!((ran.code, records.len()), (Some(4), 3), "{}", ran.stderr);
        records.iter().map(|record| record["error"].as_str().unwrap().to_owned()).collect()
    };
    let given_up = |messages: &[String]| messages.iter().filter(|why| why.contains("given up")).count();
    let once = messages(&["--max-host-errors", "1"]);
    assert_eq!(given_up(&once), 2, "{once:?}");
    assert!(once.iter().any(|why| why.starts_with("host given up after 1 failure: ")), "{once:?}");
    let twice = messages(&["--max-host-error", "2"]);
    assert_eq!(given_up(&twice), 1, "{twice:?}");
    assert_eq!(given_up(&messages(&["--max-host-errors", "0"])), 0);
}

#[test]
fn what_is_no_pace_is_an_error_of_usage() {
    for (flag, value, says) in [
        ("--jitter", "50", "write a share between 0% and 100%, e.g. 50%"),
        ("--jitter", "150%", "write a share between 0% and 100%, e.g. 50%"),
        ("--rate-per-host", "5/y", "e.g. 20/s, 600/m"),
        ("--max-host-errors", "few", "max-host-errors"),
    ] {
        let ran = call(["fetch", "http://127.0.0.1:9/", flag, value]).run();
        assert!(ran.code == Some(2) && ran.stderr.contains(says), "{flag} {value}: {}", ran.stderr);
    }
}

/// The longest times that can be written are no times that a clock has.
#[test]
fn for_ever_is_a_time_like_others() {
    let server = answering::serve(|_| answering::page("")).0;
    for flags in [
        &["--delay", "18446744073709551615s", "--jitter", "100%"][..],
        &["--rate", "0.00000000000000000006/s"],
        &["--rate-per-host", "0.00000000000000000006/s"],
        &["--idle-timeout", "18446744073709551615s", "--timeout", "18446744073709551615s"],
        &["--keep-alive", "18446744073709551615s", "--hedge", "18446744073709551615s"],
    ] {
        let url = server.url("/").to_string();
        let ran = call([&["fetch", &*url, "--workers", "1"], flags].concat()).run();
        assert!(ran.code == Some(0) && ran.records().len() == 1, "{flags:?}: {}", ran.stderr);
    }
}
