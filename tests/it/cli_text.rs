//! What `gannet` tells people: help, completions, the manual, the exit codes, colours, the summary.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use gannet::origin::{Faults, Site};
use rustix::process::Signal;

use crate::gannet::{call, run};
use crate::web::Web;

/// Compares with a file below `snapshots/`; with `UPDATE_SNAPSHOTS` set it is written instead.
#[track_caller]
fn assert_snapshot(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/snapshots").join(name);
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
    }
    let saved = fs::read_to_string(&path).unwrap_or_default();
    assert!(saved == text, "{name} is not what it was; if it should be, set UPDATE_SNAPSHOTS=1:\n{text}");
}

#[test]
fn help_is_what_it_was() {
    for command in
        ["", "crawl", "fetch", "robots", "report", "config", "demo", "origin", "completions", "man"]
    {
        for flag in ["-h", "--help"] {
            let args: Vec<_> = [command, flag].into_iter().filter(|arg| !arg.is_empty()).collect();
            let ran = run(&args).exits(0);
            assert!(ran.stderr.is_empty() && ran.text().lines().all(|line| line.chars().count() <= 110));
            let name = if command.is_empty() { "gannet" } else { command };
            assert_snapshot(&format!("{name}{flag}.txt"), &ran.text());
        }
    }
}

#[test]
fn every_flag_has_help_and_every_value_a_unit_or_a_name() {
    for command in ["crawl", "fetch", "robots", "demo", "origin"] {
        let help = run([command, "-h"]).exits(0).text();
        let lines: Vec<_> = help.lines().collect();
        // A text that goes on in a new line may begin with a flag, and stands further in.
        let is_flag = |line: &str| {
            let text = line.trim_start();
            text.starts_with('-') && line.len() - text.len() < 8
        };
        for pair in lines.windows(2).filter(|pair| is_flag(pair[0])) {
            let flag = pair[0].trim();
            // The text stands beside the flag, or below it.
            assert!(flag.contains("  ") || pair[1].starts_with("          "), "{flag} has no help");
        }
        assert!(!help.contains("<TIME>  \n") && lines.len() > 10);
    }
}

#[test]
fn completions_and_manual_name_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(["completions", shell]).exits(0).text();
        assert!(["crawl", "fetch", "demo", "per-host"].iter().all(|word| script.contains(word)), "{shell}");
    }
    run(["completions", "cmd"]).exits(2).says(&["bash"]);
    let page = run(["man"]).exits(0).text();
    assert!(page.contains(".TH gannet 1"), "{page}");
    for word in ["gannet\\-crawl", "gannet\\-fetch", "per\\-host", "max\\-pages", "fail\\-fast", "Exit codes"]
    {
        assert!(page.contains(word), "{word}");
    }
    assert_eq!(run(["--version"]).exits(0).text(), concat!("gannet ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn each_exit_code_of_the_table_comes_about() {
    let web = Web::plain();
    let (good, bad, stall) = (web.url("/p/1"), web.url("/x/reset/1"), web.url("/x/stall/1"));
    let stopped = |signal| {
        let mut live = call(["fetch", &good, &stall, "--grace", "0"]).start();
        live.record();
        live.signal(signal);
        live.finish().code
    };
    let codes = [
        run(["fetch", &good]).code,
        run(["fetch", &good, "-o", "/dev/full"]).code,
        run(["fetch"]).code,
        run(["fetch", &good, &bad, "--retries", "0"]).code,
        run(["fetch", &bad, "--retries", "0"]).code,
        run(["fetch", &good, &good, "--max-pages", "1"]).code,
        stopped(Signal::INT),
        stopped(Signal::TERM),
    ];
    let help = run(["fetch", "--help"]).text();
    let table = help.split_once("Exit codes:\n").unwrap().1;
    let listed: Vec<_> =
        table.lines().map_while(|line| line.split_whitespace().next()?.parse::<i32>().ok()).collect();
    assert_eq!(codes.map(Option::unwrap).to_vec(), listed);
    assert_eq!(listed, [0, 1, 2, 3, 4, 5, 130, 143]);
}

#[test]
fn what_fails_a_run_is_a_choice() {
    let web = Web::plain();
    let (good, missing, reset) = (web.url("/p/1"), web.url("/x/404/1"), web.url("/x/reset/1"));
    let code = |urls: &[&str], fail_on: &str| {
        let args = ["fetch", "--retries", "0", "--fail-on", fail_on];
        call(args.iter().chain(urls)).run().code.unwrap()
    };
    for (urls, codes) in [
        (&[&*good][..], [0, 0, 0, 0]),
        (&[&*good, &*missing], [0, 0, 0, 3]),
        (&[&*missing], [0, 0, 0, 4]),
        (&[&*good, &*reset], [0, 3, 3, 3]),
        (&[&*reset, &*missing], [0, 3, 3, 4]),
        (&[&*reset], [0, 4, 4, 4]),
    ] {
        assert_eq!(
            ["none", "seeds", "error", "status"].map(|fail_on| code(urls, fail_on)),
            codes,
            "{urls:?}"
        );
    }
}

#[test]
fn a_limit_says_how_much_may_fail() {
    let web = Web::plain();
    let urls = ["/p/1", "/p/2", "/x/404/1", "/x/reset/1"].map(|path| web.url(path));
    let fetch = |fail_on: &str| {
        call(
            ["fetch", "--retries", "0", "--fail-on", fail_on]
                .into_iter()
                .chain(urls.iter().map(String::as_str)),
        )
        .run()
    };
    for (fail_on, code) in [
        ("50%", 0),
        ("49.9%", 3),
        ("2", 0),
        ("error:1", 0),
        ("status>=500", 0),
        ("status=404,error_kind=tls", 3),
        ("error_kind=connection_lost", 3),
        ("seeds:25%", 0),
    ] {
        assert_eq!(fetch(fail_on).code, Some(code), "{fail_on}");
    }
    fetch("1")
        .exits(3)
        .says(&["warning: 2 of 4 URLs (50.0 %) failed or answered 400 or above; --fail-on allows 1\n"]);
    fetch("5%,x").exits(2).says(&["`x` is no condition", "hint: seeds, error"]);
    let ran = fetch("error");
    assert!(!ran.stderr.contains("warning"), "{}", ran.stderr);
}

#[test]
fn the_first_failure_is_what_fail_on_names() {
    let web = Web::plain();
    let (missing, stall) = (web.url("/x/404/1"), web.url("/x/stall/1"));
    let crawl = ["crawl", &missing, &stall, "--fail-fast", "--fail-on"];
    let ran = call(crawl.into_iter().chain(["status=404:5"])).run().exits(0);
    assert!(ran.count("cancelled") > 0, "{}", ran.stderr);
    let ran =
        call(crawl.into_iter().chain(["status>=500", "--timeout", "300ms", "--retries", "0"])).run().exits(0);
    assert_eq!(ran.count("failed"), 1, "{}", ran.stderr);
}

#[test]
fn a_broken_link_fails_a_crawl_only_when_asked() {
    let faults = Faults { resets: 1.0, ..Faults::default() };
    let web = Web::start(Site { pages: 3, faults, ..Site::default() });
    let crawl =
        |fail_on: &str| run(["crawl", &web.url("/"), "--retries", "0", "--fail-on", fail_on]).code.unwrap();
    assert_eq!(["none", "seeds", "error"].map(crawl), [0, 0, 3]);
    assert_eq!(run(["crawl", &web.url("/x/reset/9"), &web.url("/"), "--retries", "0"]).code, Some(3));
}

#[test]
fn a_terminal_gets_lines_and_colours_and_a_pipe_gets_neither() {
    let web = Web::plain();
    let args = ["fetch", &web.url("/p/1"), &web.url("/x/404/1"), "--mode", "gather"];
    let screen = call(args).run_at_terminal();
    let (green, yellow) = ("\u{1b}[32m      200\u{1b}[0m", "\u{1b}[33m      404\u{1b}[0m");
    assert!(
        screen.contains(green) && screen.contains(yellow) && screen.contains("\u{1b}[1mgannet:"),
        "{screen}"
    );
    let plain = call(args).env("NO_COLOR", "1").run_at_terminal();
    assert!(!plain.contains('\u{1b}') && plain.contains("      200 "), "{plain}");
    assert!(call(args).env("NO_COLOR", "").run_at_terminal().contains(green), "empty is not set");
    let ran = call(args).run().exits(0);
    assert!(!ran.text().contains('\u{1b}') && !ran.stderr.contains('\u{1b}'));
    assert_eq!(ran.records().len(), 2);
}

#[test]
fn quiet_leaves_the_warnings_and_twice_quiet_leaves_nothing() {
    let web = Web::plain();
    let args = ["fetch", &web.url("/p/1"), &web.url("/p/2"), "--max-pages", "1"];
    let ran = call(args.into_iter().chain(["-q"])).run().exits(5);
    assert!(ran.stderr.starts_with("warning: stopped at --max-pages; 1 URL pending"), "{}", ran.stderr);
    assert_eq!(ran.stderr.lines().count(), 1);
    assert_eq!(call(args.into_iter().chain(["-qq"])).run().exits(5).stderr, "");
}

#[test]
fn the_summary_tells_what_happened() {
    let web = Web::start(Site { hosts: 2, ..Site::default() });
    let other = web.graph().seeds().nth(1).unwrap();
    let list = format!("{}{}{other}\nftp://x/\n", web.list(8), web.url("/x/404/1\n"));
    let ran = call(["fetch", "-", "--progress", "always"]).stdin(list).run().exits(3);
    assert!(ran.stderr.starts_with("gannet: 11 URLs in "), "{}", ran.stderr);
    assert_eq!(ran.row("status"), "2xx 9 (200: 9)   4xx 1 (404: 1)");
    assert!(ran.row("errors").starts_with("1 unsupported_scheme, e.g. ftp://x/: "), "{}", ran.stderr);
    let labels = ["requests", "bytes", "latency", "queue wait", "slowest", "memory"];
    let rows: BTreeSet<_> = labels.iter().map(|label| ran.row(label)).collect();
    assert_eq!(rows.len(), labels.len());
    assert!(
        ran.row("latency").starts_with("p50 ") && ran.row("bytes").ends_with(" decoded"),
        "{}",
        ran.stderr
    );
}

#[test]
fn the_demo_finds_every_page_of_its_site() {
    let directory = tempfile::tempdir().unwrap();
    let output = directory.path().join("demo.jsonl");
    let ran = run(["demo", "--pages", "20", "-o", output.to_str().unwrap()]).exits(0);
    assert!(ran.stdout.is_empty() && ran.balance() > 80, "{}", ran.stderr);
    let found =
        ran.stderr.lines().find(|line| line.contains(" pages that exist were found; the records are in "));
    let mut words = found.unwrap().split(' ');
    assert_eq!(words.next(), words.nth(2), "{}", ran.stderr);
    assert!(fs::read_to_string(output).unwrap().lines().count() > 80);
    run(["demo", "--pages", "5", "-o", "/missing/demo.jsonl"])
        .exits(1)
        .says(&["cannot write `/missing/demo.jsonl`"]);
}

#[test]
fn the_origin_serves_what_it_announces_until_it_is_told_to_stop() {
    let mut live = call(["origin", "--hosts", "2", "--pages", "30", "--proxy"]).start();
    assert_eq!((live.line(), live.line()), ("http://h0.test/".to_owned(), "http://h1.test/".to_owned()));
    assert!(live.stderr_has("try: gannet crawl -x "));
    let told = live.stderr_so_far();
    let proxy = told.split_whitespace().find(|word| word.starts_with("http://127.0.0.1:")).unwrap();
    let proxy = proxy.trim_end_matches(';');
    let ran = run(["crawl", "-x", proxy, "http://h0.test/", "--scope", "any"]).exits(0);
    let truth = run(["origin", "--hosts", "2", "--pages", "30", "--proxy", "--truth"]).exits(0).text();
    let urls: BTreeSet<_> = ran.records().iter().map(|r| r["url"].as_str().unwrap().to_owned()).collect();
    assert_eq!(urls, truth.lines().map(|line| line.split('\t').next().unwrap().to_owned()).collect());
    live.signal(Signal::TERM);
    live.finish().exits(0).says(&["gannet origin: ", " requests on "]);
    run(["origin", "--seeds"]).exits(2).says(&["hint: name the first with --listen"]);
    run(["origin", "--pages", "0"]).exits(2).says(&["`pages` must be at least 1"]);
    run(["origin", "--errors", "2"]).exits(2).says(&["not a share of 0 to 1"]);
}
