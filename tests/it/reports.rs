//! Reports that are made at the end of a run, as the command line makes them.

use std::fs;

use crate::gannet::call;
use crate::job::{Desk, Random, everywhere, records, troubled};
use crate::web::Web;

/// How often a text stands in another.
fn count(text: &str, what: &str) -> usize {
    text.matches(what).count()
}

#[test]
fn junit_has_a_case_for_each_record() {
    let (web, desk) = (Web::start(troubled(60)), Desk::new());
    let (out, xml) = (desk.name("out.jsonl"), format!("junit:{}", desk.name("junit.xml")));
    let args = everywhere(&web);
    let args = args.iter().map(String::as_str).chain(["-o", &out, "--report", &xml]);
    call(args).run().exits(0);
    let (records, xml) =
        (records(&desk.path("out.jsonl")), fs::read_to_string(desk.path("junit.xml")).unwrap());
    let with = |outcome: &str| records.iter().filter(|record| record["outcome"] == outcome).count();
    assert_eq!(count(&xml, "<testcase "), records.len());
    assert_eq!(count(&xml, "<error "), with("failed"), "{xml}");
    assert_eq!(count(&xml, "<skipped "), with("skipped"));
    assert!(xml.contains(&format!("tests=\"{}\"", records.len())) && with("failed") > 0, "{xml}");
}

#[test]
fn a_report_takes_the_place_of_records_on_stdout() {
    let web = Web::plain();
    let url = web.url("/p/1");
    let ran = call(["fetch", &url, "--report", "junit"]).run().exits(0);
    let shown = String::from_utf8(ran.stdout).unwrap();
    assert!(shown.starts_with("<?xml") && !shown.contains("\"schema\""), "{shown}");
    let desk = Desk::new();
    let file = format!("junit:{}", desk.name("a.xml"));
    let ran = call(["fetch", &url, "--report", &file]).run().exits(0);
    assert_eq!(ran.stdout, b"");
    let ran = call(["fetch", &url, "--report", &file, "-o", "-"]).run().exits(0);
    assert_eq!(ran.records().len(), 1);
    call(["fetch", &url, "--report", "junit", "-o", "-"]).run().exits(2).says(&["both records and a report"]);
    call(["fetch", &url, "--report", "junit", "--report", "junit"]).run().exits(2).says(&["only one report"]);
    call(["fetch", &url, "--report", "novel:x"]).run().exits(2).says(&["there is no report `novel`"]);
    call(["fetch", &url, "--report", "junit:"]).run().exits(2).says(&["names no file"]);
}

#[test]
fn a_report_that_cannot_be_written_is_said() {
    let web = Web::plain();
    let url = web.url("/p/1");
    call(["fetch", &url, "--report", "junit:/nonexistent/x.xml"])
        .run()
        .exits(2)
        .says(&["`/nonexistent/x.xml`"]);
    call(["fetch", &url, "--report", "junit:/tmp"]).run().exits(2).says(&["`/tmp`"]);
    let full = "/dev/full";
    if std::path::Path::new(full).exists() {
        let ran = call(["fetch", &url, "--report", &format!("junit:{full}")]).run().exits(1);
        assert!(ran.stderr.contains("cannot write a report: `/dev/full`"), "{}", ran.stderr);
    }
}

#[test]
fn what_a_server_chose_stays_text() {
    let desk = Desk::new();
    let xml = format!("junit:{}", desk.name("a.xml"));
    call(["fetch", "http://127.0.0.1:1/?a=\"<&>'", "http://bad host/", "--report", &xml, "--retries", "0"])
        .run()
        .exits(4);
    let text = fs::read_to_string(desk.path("a.xml")).unwrap();
    assert!(text.contains("name=\"http://127.0.0.1:1/?a=%22%3C&amp;%3E%27\""), "{text}");
}

#[test]
fn a_job_that_is_killed_has_each_url_in_its_report() {
    let (web, desk, mut random) = (Web::start(troubled(60)), Desk::new(), Random::new("report"));
    let (out, xml) = (desk.name("out.jsonl"), format!("junit:{}", desk.name("junit.xml")));
    let args = everywhere(&web);
    let args: Vec<_> = args.iter().map(String::as_str).chain(["-o", &out, "--report", &xml]).collect();
    desk.kill_until_done(&desk.args(&args), &mut random, (30, 300)).exits(0);
    let xml = fs::read_to_string(desk.path("junit.xml")).unwrap();
    assert_eq!(count(&xml, "<testcase "), records(&desk.path("out.jsonl")).len());
}
