//! `--bandwidth`, against a real server: the rate that comes out of it, and which limits of time it touches.

use std::time::Duration;

use crate::gannet::{Ran, run};
use crate::servers::{self, Server};

const KIB: usize = 1024;

/// A server of pages with so many KiB.
fn serve(sizes: &[usize]) -> Option<Server> {
    let pages: Vec<_> = sizes.iter().map(|kib| (format!("{kib}.html"), "x".repeat(kib * KIB))).collect();
    let pages: Vec<_> = pages.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    servers::nginx("server { listen 127.0.0.1:PORT; }", &pages)
}

#[track_caller]
fn fetch(server: &Server, paths: &[&str], args: &[&str]) -> Ran {
    let urls: Vec<_> = paths.iter().map(|path| server.url(path)).collect();
    run(["fetch", "-q"].into_iter().chain(args.iter().copied()).chain(urls.iter().map(String::as_str)))
}

fn millis(ran: &Ran) -> f64 {
    ran.records().iter().filter_map(|record| record["time_total_ms"].as_f64()).fold(0.0, f64::max)
}

#[test]
fn all_bodies_together_come_at_the_rate_and_waiting_for_it_is_no_silence() {
    let Some(server) = serve(&[1024, 512]) else { return };
    // A chunk may be worth more time than a server may be silent.
    let ran =
        fetch(&server, &["/1024.html"], &["--bandwidth", "512KiB/s", "--idle-timeout", "60ms", "--http1"]);
    let took = millis(&ran);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    // Docs say how exact it is; here the machine may be busy.
    assert!((1950.0..3500.0).contains(&took), "{took}");
    assert_eq!(ran.records()[0]["body_bytes"], 1024 * KIB);

    let args = ["--limit-rate", "1MiB/s", "--workers", "8", "--threads", "2"];
    let ran = fetch(&server, &["/512.html", "/512.html", "/512.html", "/512.html"], &args);
    let took = millis(&ran);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!((1950.0..3500.0).contains(&took), "over two threads: {took}");
    assert!(ran.records().iter().all(|record| record["time_total_ms"].as_f64().unwrap() > 1000.0), "in turn");
}

#[test]
fn the_time_of_a_whole_fetch_goes_on() {
    let Some(server) = serve(&[1024]) else { return };
    let ran =
        fetch(&server, &["/1024.html"], &["--bandwidth", "200k", "--timeout", "500ms", "--retries", "0"]);
    let record = &ran.records()[0];
    assert_eq!(
        (record["error_kind"].as_str(), record["truncated"].as_str()),
        (Some("timeout"), Some("time"))
    );
    assert!(ran.took < Duration::from_secs(3), "{:?}", ran.took);
}
