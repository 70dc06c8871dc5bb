//! Hosts that share limits: what servers see of `--queue-key` and `--per-ip`.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::answering::{page, path_of};
use crate::gannet::run;
use crate::raw::Raw;

/// What several servers saw together: requests open, the most at once, and when each began.
#[derive(Default)]
struct Seen {
    open: u32,
    most: u32,
    starts: Vec<Instant>,
    urls: Vec<String>,
}

/// A server of a few pages, each of which takes its time.
fn slow(seen: &Arc<Mutex<Seen>>) -> Raw {
    let seen = Arc::clone(seen);
    Raw::serve(move |mut conn| {
        while let Some(head) = conn.request() {
            {
                let mut seen = seen.lock().unwrap();
                seen.open += 1;
                seen.most = seen.most.max(seen.open);
                seen.starts.push(Instant::now());
                seen.urls.push(path_of(&head).to_owned());
            }
            thread::park_timeout(Duration::from_millis(20)); // an answer that takes its time
            seen.lock().unwrap().open -= 1;
            conn.send(page("x"));
        }
    })
}

fn urls(servers: &[Raw]) -> Vec<String> {
    (0..4).flat_map(|n| servers.iter().map(move |server| server.url(&format!("/{n}")).to_string())).collect()
}

fn span(seen: &Seen) -> Duration {
    *seen.starts.last().unwrap() - seen.starts[0]
}

#[test]
fn servers_at_one_address_share_the_limit_and_the_delay() {
    for key in ["--per-ip", "--queue-key=ip", "--queue-key=domain", "--queue-key=host"] {
        let seen = Arc::default();
        let servers: Vec<_> = (0..3).map(|_| slow(&seen)).collect();
        let args = ["fetch", key, "--per-host", "1", "-q"].map(str::to_owned);
        let ran = run(args.into_iter().chain(urls(&servers)));
        assert_eq!((ran.code, ran.records().len()), (Some(0), 12), "{}", ran.stderr);
        let most = seen.lock().unwrap().most;
        assert!(if key == "--queue-key=host" { most > 1 } else { most == 1 }, "{key}: {most} at once");
    }
    let seen = Arc::default();
    let servers: Vec<_> = (0..3).map(|_| slow(&seen)).collect();
    let args = ["fetch", "--per-ip", "--delay", "100ms", "-q"].map(str::to_owned);
    let ran = run(args.into_iter().chain(urls(&servers)));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    // Twelve starts. Two that come close together tell nothing: a loaded machine is late with the first. Three hosts with
    // delays of their own would need 300 ms.
    let span = span(&seen.lock().unwrap());
    assert!(span > Duration::from_millis(1000), "{span:?}");
}

/// Names of domains of their own, on one address: limits per host would let them go all at once.
#[test]
fn names_that_lead_to_one_address_share_the_limit() {
    for (key, alone) in [("ip", true), ("domain", false)] {
        let seen = Arc::default();
        let server = slow(&seen);
        let pin = format!("*:{}:127.0.0.1", server.port());
        let args = ["crawl", "--depth=0", "--queue-key", key, "--per-host=1", "-q", "--resolve", &pin];
        let names = (0..12).map(|n| format!("http://name{n}.test:{}/", server.port()));
        let ran = run(args.map(str::to_owned).into_iter().chain(names));
        assert_eq!((ran.code, ran.records().len()), (Some(0), 12), "{}", ran.stderr);
        let most = seen.lock().unwrap().most;
        assert_eq!(most == 1, alone, "{key}: {most} at once");
    }
}

#[test]
fn hosts_of_a_domain_share_the_limit_also_behind_a_proxy_and_an_address_is_not_known_there() {
    let hosts = ["a.x.test", "b.x.test", "x.test"];
    let list: Vec<String> = (0..4).flat_map(|n| hosts.map(|host| format!("http://{host}/{n}"))).collect();
    for (key, warns) in [("domain", false), ("ip", true)] {
        let seen = Arc::default();
        let proxy = slow(&seen);
        let proxy_url = format!("http://127.0.0.1:{}", proxy.port());
        let args = ["crawl", "--depth", "0", "--queue-key", key, "--per-host", "1", "-q", "-x", &proxy_url];
        let ran = run(args.map(str::to_owned).into_iter().chain(list.clone()));
        assert_eq!((ran.code, ran.records().len()), (Some(0), 12), "{}", ran.stderr);
        let seen = seen.lock().unwrap();
        assert_eq!(
            seen.urls.iter().filter(|url| url.ends_with("/robots.txt")).count(),
            3,
            "each has its own"
        );
        assert_eq!(seen.most == 1, !warns, "{key}: {} at once", seen.most);
        assert_eq!(ran.stderr.contains("hint: --queue-key domain"), warns, "{}", ran.stderr);
    }
}

/// One host says 429: the others of its domain wait too.
#[test]
fn a_pause_is_that_of_the_domain() {
    let times = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&times);
    let proxy = Raw::serve(move |mut conn| {
        while let Some(head) = conn.request() {
            let url = path_of(&head).to_owned();
            let mut log = log.lock().unwrap();
            let is_first = log.is_empty();
            log.push((url, Instant::now()));
            match is_first {
                true => {
                    conn.send("HTTP/1.1 429 Too Many Requests\r\nRetry-After: 2\r\nContent-Length: 0\r\n\r\n")
                }
                false => conn.send(page("x")),
            };
        }
    });
    let proxy_url = format!("http://127.0.0.1:{}", proxy.port());
    let ran = run([
        "fetch",
        "--queue-key=domain",
        "--per-host=1",
        "-q",
        "-x",
        &proxy_url,
        "http://a.x.test/",
        "http://b.x.test/",
        "http://y.test/",
    ]);
    assert_eq!((ran.code, ran.records().len()), (Some(0), 3), "{}", ran.stderr);
    let times = times.lock().unwrap();
    let throttled = times[0].0.clone();
    for (url, at) in times.iter().skip(1).filter(|(url, _)| url.contains(".x.") == throttled.contains(".x."))
    {
        let waited = *at - times[0].1;
        assert!(waited > Duration::from_millis(1900), "{url} after {waited:?}");
    }
}

#[test]
fn both_flags_are_one_too_many() {
    let ran = run(["fetch", "--per-ip", "--queue-key=domain", "http://h/"]);
    assert_eq!(ran.code, Some(2));
}
