//! The HTML report of a run, and `gannet report`, which makes it of the records that a run left.

use std::fs;
use std::io::Write as _;

use crate::gannet::{Call, call, shell};
use crate::job::{Desk, Random, everywhere, records, troubled};
use crate::raw::Raw;
use crate::web::Web;

/// What does not depend on the order of the records.
const STEADY: [&str; 5] = ["outcomes", "latency", "throughput", "hosts", "depth"];

/// A section of a report.
#[track_caller]
fn section<'a>(report: &'a str, id: &str) -> &'a str {
    let start =
        report.find(&format!("<section id=\"{id}\"")).unwrap_or_else(|| panic!("no `{id}`: {report}"));
    &report[start..start + report[start..].find("</section>").unwrap()]
}

/// A row of a table says this number of this.
#[track_caller]
fn assert_row(section: &str, what: &str, count: usize) {
    let row =
        section.split("<tr>").find(|row| row.contains(what)).unwrap_or_else(|| panic!("{what}: {section}"));
    assert!(row.contains(&format!("data-v=\"{count}\"")), "{count} {what}: {row}");
}

fn crawl(web: &Web, more: &[&str]) -> Call {
    let args = everywhere(web);
    call(args.iter().map(String::as_str).chain(more.iter().copied()))
}

#[test]
fn a_report_counts_what_the_records_say() {
    let (web, desk) = (Web::start(troubled(60)), Desk::new());
    let [out, html, again] = ["out.jsonl", "run.html", "again.html"].map(|name| desk.name(name));
    crawl(&web, &["-o", &out, "--links", "-o", &html]).run().exits(0);
    let (all, report) = (records(&desk.path("out.jsonl")), fs::read_to_string(&html).unwrap());
    let outcomes = section(&report, "outcomes");
    for outcome in ["failed", "skipped"] {
        let count = all.iter().filter(|record| record["outcome"] == outcome).count();
        assert_row(outcomes, &format!("</i>{outcome} "), count);
    }
    let missing = all.iter().filter(|record| record["status_code"] == 404).count();
    assert_row(outcomes, "</i>404 ", missing);
    assert_eq!(section(&report, "hosts").matches("<th scope=\"row\">").count(), 5);
    let first = all.iter().filter(|record| record["depth"] == 1).count();
    assert_row(section(&report, "depth"), "<th scope=\"row\">1<", first);
    let broken = section(&report, "broken");
    let bad = all.iter().find(|record| record["status_code"] == 404 && record["source"].is_string()).unwrap();
    assert!(broken.contains(bad["source"].as_str().unwrap()), "{bad}");
    // The records that were left say the same.
    call(["report", &out, "-o", &again]).run().exits(0);
    let again = fs::read_to_string(&again).unwrap();
    STEADY.iter().for_each(|id| assert_eq!(section(&again, id), section(&report, id)));
}

#[test]
fn the_suffix_makes_a_report_in_place_of_records() {
    let (web, desk) = (Web::plain(), Desk::new());
    let (url, html) = (web.url("/p/1"), desk.name("a.HTML"));
    let ran = call(["fetch", &url, "-o", &html]).run().exits(0);
    assert_eq!(ran.stdout, b"");
    assert!(fs::read_to_string(&html).unwrap().starts_with("<!doctype html>"));
    assert_eq!(call(["fetch", &url, "-o", &html, "-o", "-"]).run().exits(0).records().len(), 1);
    assert!(call(["fetch", &url, "--report", "html"]).run().exits(0).text().ends_with("</html>\n"));
    call(["fetch", &url, "-o", &html, "-o", &html]).run().exits(2).says(&["given twice"]);
    call(["fetch", &url, "-o", "/nonexistent/a.html"]).run().exits(2).says(&["`/nonexistent/a.html`"]);
    // A job keeps its records all the same.
    let args = desk.args(&["fetch", &url, "-o", &html]);
    call(&args).run().exits(0);
    assert_eq!(records(&desk.path("job/records.jsonl")).len(), 1);
}

#[test]
fn a_job_that_is_killed_has_the_report_of_all_its_records() {
    let (web, desk, mut random) = (Web::start(troubled(60)), Desk::new(), Random::new("report_html"));
    let [out, html, again] = ["out.jsonl", "run.html", "again.html"].map(|name| desk.name(name));
    let args = everywhere(&web);
    let args: Vec<_> = args.iter().map(String::as_str).chain(["-o", &out, "--links", "-o", &html]).collect();
    desk.kill_until_done(&desk.args(&args), &mut random, (30, 300)).exits(0);
    call(["report", &out, "-o", &again]).run().exits(0);
    let [report, again] = [&html, &again].map(|path| fs::read_to_string(path).unwrap());
    STEADY.iter().for_each(|id| assert_eq!(section(&again, id), section(&report, id)));
}

#[test]
fn no_secret_is_in_a_report() {
    let server = Raw::serve(|mut conn| {
        while conn.request().is_some() {
            let body = "<title>T</title><a href='http://u:s3cret@127.0.0.1:1/'>";
            conn.send(format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            ));
        }
    });
    let desk = Desk::new();
    let url = server.url("/").to_string().replace("http://", "http://user:s3cret@");
    let args =
        ["crawl", &url, "--scope", "any", "--retries", "0", "-H", "Authorization: s3cret", "--ignore-robots"];
    for more in [["-o", &desk.name("a.html")], ["--report", &format!("html:{}", desk.name("a.html"))]] {
        call(args.into_iter().chain(more)).run().exits(0);
        let report = fs::read_to_string(desk.path("a.html")).unwrap();
        assert!(!report.contains("s3cret") && report.contains("user:***@"), "{report}");
        assert!(section(&report, "broken").contains("http://u:***@127.0.0.1:1/"), "{report}");
    }
}

const RECORD: &str = "{\"schema\":1,\"timestamp\":\"2026-11-21T10:00:00.000Z\",\"seq\":0,\"url\":\"http://h/\",\"method\":\"GET\",\"outcome\":\"finished\",\"status_code\":200,\"body_bytes\":1,\"depth\":0,\"attempts\":1}\n";

#[test]
fn records_of_several_runs_make_one_report() {
    let desk = Desk::new();
    let [plain, packed, html, xml] = ["a.jsonl", "b.jsonl.gz", "a.html", "a.xml"].map(|name| desk.name(name));
    fs::write(&plain, RECORD.repeat(2)).unwrap();
    let mut gz =
        flate2::write::GzEncoder::new(fs::File::create(&packed).unwrap(), flate2::Compression::fast());
    gz.write_all(RECORD.repeat(3).as_bytes()).unwrap();
    gz.finish().unwrap();
    let ran = call(["report", &plain, &packed, "-", "-o", &html, "--report", &format!("junit:{xml}")])
        .stdin(RECORD.repeat(4))
        .run()
        .exits(0);
    assert_eq!(ran.stdout, b"");
    assert!(ran.stderr.starts_with("warning: the records hold no links") && ran.stderr.lines().count() == 1);
    assert!(fs::read_to_string(&html).unwrap().contains("<h1>9 URLs of h</h1>"));
    assert!(fs::read_to_string(&xml).unwrap().contains("tests=\"9\""));
    let ran = call(["report", &plain, "--report", "junit"]).run().exits(0);
    assert!(ran.text().starts_with("<?xml"));
    shell("\"$0\" report \"$1\" --report html | head -c 100 > /dev/null", [&plain]).run().exits(0);
}

#[test]
fn a_killed_run_has_its_report() {
    let desk = Desk::new();
    let [cut, html] = ["cut.jsonl", "a.html"].map(|name| desk.name(name));
    fs::write(&cut, format!("{RECORD}{RECORD}{}", &RECORD[..90])).unwrap();
    call(["report", &cut, "-o", &html]).run().exits(0).says(&["cut.jsonl` ends within a record"]);
    let report = fs::read_to_string(&html).unwrap();
    assert!(report.contains("<h1>2 URLs of h</h1>"), "{report}");
    fs::write(&cut, "").unwrap();
    call(["report", &cut, "-o", &html]).run().exits(0).says(&["there are no records"]);
}

#[test]
fn what_cannot_be_reported_is_said_before_anything_is_written() {
    let desk = Desk::new();
    let [bad, html] = ["bad.jsonl", "a.html"].map(|name| desk.name(name));
    fs::write(&bad, format!("{RECORD}not a record\n{RECORD}")).unwrap();
    fs::write(&html, "as it was").unwrap();
    call(["report", &bad, "-o", &html]).run().exits(2).says(&["bad.jsonl`, line 2, is no record"]);
    fs::write(&bad, "{\"url\":\"http://h/\",\"status_code\":200}\n").unwrap();
    call(["report", &bad, "-o", &html]).run().exits(2).says(&["line 1", "no `outcome`", "hint: "]);
    call(["report", &desk.name("none"), "-o", &html]).run().exits(2).says(&["none`: No such file"]);
    call(["report", &bad, "-o", &desk.name("a.csv")]).run().exits(2).says(&["no report by its name"]);
    call(["report", &bad, "--report", &format!("junit:{bad}")]).run().exits(2).says(&["both a list to read"]);
    call(["report", &bad]).run().exits(2).says(&["--output"]);
    assert_eq!(fs::read_to_string(&html).unwrap(), "as it was");
}
