//! `gannet job`, what may change between the runs of a job, and what is refused.

use std::collections::BTreeSet;

use gannet::origin::{Faults, Site};
use rustix::process::Signal;
use serde_json::Value;

use crate::gannet::{call, run, with};
use crate::job::{Desk, Random, assert_same, assert_truth, everywhere, fates, kills, records, troubled};
use crate::web::Web;

/// A job of a list that was stopped after some of it.
fn begun(web: &Web, pages: u64, first: &str) -> (Desk, String) {
    let desk = Desk::new();
    std::fs::write(desk.path("list.txt"), web.list(pages)).unwrap();
    let list = desk.name("list.txt");
    desk.run(&["fetch", &list, "--max-pages", first]).exits(5);
    (desk, list)
}

#[test]
fn pending_is_what_the_records_lack() {
    let web = Web::plain();
    let (desk, _) = begun(&web, 60, "25");
    let state = desk.state();
    let pending = desk.show(&["--pending"]).exits(0).text();
    let listed: BTreeSet<_> = pending.lines().map(str::to_owned).collect();
    let done: BTreeSet<_> = fates(&records(&desk.path("job/records.jsonl"))).into_keys().collect();
    assert!(listed.is_disjoint(&done));
    assert_same(listed.union(&done).cloned(), web.list(60).lines().map(str::to_owned));
    assert_eq!(state["pending"], listed.len());
    // It is a list that can be fetched.
    let ran = call(["fetch", "-", "--fail-on", "none"]).stdin(pending).run().exits(0);
    assert_eq!(ran.records().len(), listed.len());
}

#[test]
fn the_state_is_shown_to_people_and_programs() {
    let web = Web::plain();
    let (desk, list) = begun(&web, 60, "25");
    let state = desk.state();
    assert_eq!(
        (&state["runs"], &state["complete"], &state["running"]),
        (&1.into(), &false.into(), &Value::Null)
    );
    let text = desk.show(&[]).exits(0).text();
    for part in
        ["stopped; the same command goes on", "25 finished", "35 to fetch", "--sync 1s", "records.jsonl"]
    {
        assert!(text.contains(part), "no `{part}` in:\n{text}");
    }
    desk.run(&["fetch", &list]).exits(0);
    assert!(desk.show(&[]).exits(0).text().contains("complete"));
    desk.assert_over();
}

/// What records need to be told apart, and compared.
const FIELDS: &str = "seq,url,outcome,status_code,error_kind";

#[test]
fn what_failed_is_listed_and_tried_again() {
    let faults = Faults { resets: 0.3, ..Faults::default() };
    let web = Web::start(Site { pages: 80, faults, ..Site::default() });
    let desk = Desk::new();
    let csv = desk.name("out.csv");
    let (jsonl, seed) = (desk.name("out.jsonl"), web.url("/"));
    let args = ["crawl", &seed, "--retries", "0", "-o", &jsonl, "-o", &csv, "--fields", FIELDS];
    desk.run(&args).exits(0);
    let before = fates(&records(&desk.path("out.jsonl")));
    let failed = desk.show(&["--failed"]).exits(0).text();
    let in_records = before.iter().filter(|(_, fate)| fate[0] == "failed").map(|(url, _)| url.clone());
    assert_same(failed.lines().map(str::to_owned), in_records);
    let count = failed.lines().count();
    assert!(count > 5);
    desk.show(&["--retry-failed"]).exits(0).says(&[&format!("{count} URLs put back")]);
    assert_eq!(desk.state()["pending"], count);
    assert_eq!(records(&desk.path("out.jsonl")).len(), before.len() - count);
    desk.verify();
    let ran = desk.run(&args).exits(0);
    assert_eq!(ran.balance(), before.len() as u64);
    assert_same(fates(&records(&desk.path("out.jsonl"))), before.clone());
    assert_same(fates(&records(&desk.path("out.csv"))), before);
    desk.assert_over();
}

#[test]
fn nothing_is_tried_again_when_an_output_cannot_be_taken_apart() {
    let web = Web::plain();
    let desk = Desk::new();
    let (url, jsonl, json) = (web.url("/x/reset/1"), desk.name("out.jsonl"), desk.name("out.json"));
    desk.run(&["fetch", &url, "--retries", "0", "-o", &jsonl, "-o", &json]).exits(4);
    desk.show(&["--retry-failed"]).exits(2).says(&["out.json`", "needs JSON Lines, CSV or TSV", "--failed"]);
    assert_eq!(records(&desk.path("out.jsonl")).len(), 1);
    assert!(!desk.path("out.jsonl.retry").exists());
    desk.assert_over();
}

#[test]
fn trying_again_survives_kills() {
    let web = Web::start(troubled(60));
    let (desk, mut random) = (Desk::new(), Random::new("retry"));
    let args = desk.args(&everywhere(&web).iter().map(String::as_str).collect::<Vec<_>>());
    call(&args).run().exits(0);
    for _ in 0..kills() + 2 {
        let live = call(["job", &desk.job(), "--retry-failed"]).start();
        std::thread::park_timeout(std::time::Duration::from_micros(random.range(0, 60_000)));
        live.signal(Signal::KILL);
        live.finish();
        desk.state();
        call(&args).run().exits(0);
        assert_truth(&records(&desk.path("job/records.jsonl")), web.graph());
        desk.assert_over();
    }
}

#[test]
fn what_failed_is_listed_when_its_host_is_forgotten() {
    let web = Web::start(Site { hosts: 12, ..Site::default() });
    let urls: Vec<_> =
        web.graph().seeds().flat_map(|seed| [format!("{seed}x/reset/1"), format!("{seed}p/1")]).collect();
    let desk = Desk::new();
    std::fs::write(desk.path("list.txt"), urls.join("\n")).unwrap();
    let list = desk.name("list.txt");
    let args = ["fetch", &list, "--retries", "0", "--workers", "1"];
    desk.run(&args).exits(3);
    let failed = urls.iter().filter(|url| url.contains("reset")).cloned();
    assert_same(desk.show(&["--failed"]).exits(0).text().lines().map(str::to_owned), failed);
    desk.show(&["--retry-failed"]).exits(0).says(&["12 URLs put back"]);
    desk.run(&args).exits(3);
    assert_eq!(fates(&records(&desk.path("job/records.jsonl"))).len(), 24);
    desk.assert_over();
}

#[test]
fn what_may_change_is_said_and_what_may_not_is_refused() {
    let web = Web::plain();
    let desk = Desk::new();
    let seed = web.url("/");
    let first = ["crawl", &seed, "--max-pages", "10"];
    desk.run(&first).exits(5);
    let changed =
        ["crawl", &seed, "--max-pages", "10", "--workers", "3", "--delay", "1ms", "--timeout", "9s"];
    desk.run(&changed).exits(5).says(&[
        "--workers is 3 now (was 50)",
        "--delay is 1ms now",
        "--timeout is 9s now",
    ]);
    let (other, out) = (web.url("/p/1"), desk.name("other.jsonl"));
    for (args, says) in [
        (&["crawl", &seed, "--scope", "any"][..], ["--scope was `host`", "is `any` now"]),
        (&["crawl", &other], ["seeds was", &other]),
        (&["crawl", &seed, "-o", &out], ["--output was not given", "other.jsonl"]),
        (&["fetch", &seed], ["command was `crawl`", "is `fetch` now"]),
        (&["fetch"], ["is one of `gannet crawl`", ""]),
    ] {
        desk.run(args).exits(2).says(&says);
    }
    assert!(!desk.path("other.jsonl").exists(), "nothing was begun");
    desk.run(&["crawl", &seed]).exits(0);
    assert_truth(&records(&desk.path("job/records.jsonl")), web.graph());
}

#[test]
fn a_job_goes_on_without_its_seeds_and_from_anywhere() {
    let web = Web::plain();
    let desk = Desk::new();
    std::fs::write(desk.path("list.txt"), web.url("/")).unwrap();
    let script = r#"cd "$1" && "$0" crawl list.txt --job job -o out.jsonl --max-pages 10"#;
    crate::gannet::shell(script, [desk.name("")]).run().exits(5);
    let elsewhere = Desk::new();
    let script = r#"cd "$1" && "$0" crawl --job "$2" --workers 2 --max-pages 1000"#;
    crate::gannet::shell(script, [elsewhere.name(""), desk.job()])
        .run()
        .exits(0)
        .says(&["--workers is 2 now"]);
    assert_truth(&records(&desk.path("out.jsonl")), web.graph());
    desk.assert_over();
    run(["crawl", "--job", &elsewhere.job()]).exits(2).says(&["there is no job in"]);
}

#[test]
fn a_list_that_grew_is_read_on() {
    let web = Web::plain();
    let (desk, list) = begun(&web, 10, "5");
    let args = ["fetch", &list];
    std::fs::write(&list, web.list(20)).unwrap();
    assert_eq!(desk.run(&args).exits(0).balance(), 20);
    std::fs::write(&list, web.list(20) + "# the end\n\n" + &web.url("/p/30\n")).unwrap();
    assert_eq!(desk.run(&args).exits(0).balance(), 21);
    assert_eq!(desk.run(&args).exits(0).balance(), 21);
    assert_eq!(fates(&records(&desk.path("job/records.jsonl"))).len(), 21);
    desk.assert_over();
}

#[test]
fn a_second_process_is_told_of_the_first() {
    let (web, desk) = (Web::plain(), Desk::new());
    let stall = web.url("/x/stall/1");
    let args = desk.args(&["fetch", &stall]);
    let live = call(&args).start();
    while web.log().is_empty() {
        std::thread::park_timeout(crate::job::MS);
    }
    let holder = desk.state()["running"].as_str().unwrap().to_owned();
    let pid = holder.split(' ').next().unwrap();
    call(&args).run().exits(2).says(&["is in use by process", pid]);
    desk.show(&["--verify"]).exits(2).says(&["is running", pid]);
    desk.show(&["--retry-failed"]).exits(2).says(&["is in use by process", pid]);
    live.signal(Signal::KILL);
    live.finish();
    assert_eq!(desk.state()["running"], Value::Null);
    let live = call(desk.args(&["fetch", &stall, "--timeout", "300ms"])).start();
    live.finish().exits(4);
    assert_eq!(with(&records(&desk.path("job/records.jsonl")), "error_kind", "timeout"), 1);
}

#[test]
fn a_directory_of_somebody_else_is_left_alone() {
    let desk = Desk::new();
    std::fs::create_dir(desk.path("job")).unwrap();
    std::fs::write(desk.path("job/letter.txt"), "dear").unwrap();
    desk.run(&["crawl", "http://127.0.0.1:1/"])
        .exits(2)
        .says(&["is not empty, and no job of gannet", "hint:"]);
    assert_eq!(std::fs::read_dir(desk.path("job")).unwrap().count(), 1);
    let file = Desk::new();
    std::fs::write(file.path("job"), "a file").unwrap();
    file.run(&["crawl", "http://127.0.0.1:1/"]).exits(2).says(&["is a file"]);
}

/// A process died right after it had left the mark: the next to open the job does the rest, whichever it is.
#[test]
fn trying_again_is_completed_by_the_next_to_open_the_job() {
    let web = Web::plain();
    for next in ["--retry-failed", "run"] {
        let desk = Desk::new();
        std::fs::write(desk.path("list.txt"), web.url("/x/reset/1\n") + &web.url("/p/1\n")).unwrap();
        let (list, out) = (desk.name("list.txt"), desk.path("job/records.jsonl"));
        let args = ["fetch", &list, "--retries", "0", "--workers", "1"];
        desk.run(&args).exits(3);
        let good: String = std::fs::read_to_string(&out)
            .unwrap()
            .lines()
            .skip(1)
            .map(|line| line.to_owned() + "\n")
            .collect();
        std::fs::write(desk.path("job/records.jsonl.retry"), &good).unwrap();
        std::fs::write(desk.path("job/retry"), "").unwrap();
        desk.state();
        desk.show(&["--verify"]).exits(2).says(&["was cut short", "hint: "]);
        if next == "--retry-failed" {
            desk.show(&[next]).exits(0).says(&["1 URL put back"]);
            assert_eq!(std::fs::read_to_string(&out).unwrap(), good);
            assert_eq!(desk.state()["pending"], 1);
        }
        desk.run(&args).exits(3);
        assert_eq!(fates(&records(&out)).len(), 2);
        assert!(!desk.path("job/retry").exists());
        desk.assert_over();
    }
}
