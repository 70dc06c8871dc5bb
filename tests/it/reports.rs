//! Reports that are made at the end of a run, as the command line makes them.

use std::fs;

use serde_json::Value;

use crate::gannet::call;
use crate::job::{Desk, Random, everywhere, records, troubled};
use crate::raw::Raw;
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
    if std::path::Path::new("/proc/self").exists() {
        let said = "cannot write a report to `/proc/x.xml`: ";
        call(["fetch", &url, "--report", "junit:/proc/x.xml"]).run().exits(1).says(&[said]);
        assert_eq!(web.stats().connections, 0, "an hour later it is too late to say so");
    }
    let full = "/dev/full";
    if std::path::Path::new(full).exists() {
        let ran = call(["fetch", &url, "--report", &format!("junit:{full}")]).run().exits(1);
        assert!(ran.stderr.contains("cannot write a report: `/dev/full`"), "{}", ran.stderr);
    }
}

#[test]
fn a_step_summary_that_cannot_be_written_is_said() {
    let web = Web::plain();
    let ran = call(["fetch", &web.url("/p/1"), "--report", "github"])
        .env("GITHUB_STEP_SUMMARY", "/nonexistent/x")
        .run();
    ran.exits(1).says(&[
        "::notice title=gannet::1 URL checked, 0 broken\n",
        "`/nonexistent/x` of GITHUB_STEP_SUMMARY: ",
    ]);
}

#[test]
fn a_report_replaces_no_list_and_no_link() {
    let (web, desk) = (Web::plain(), Desk::new());
    let [list, file, link] = ["urls.txt", "a.xml", "link.xml"].map(|name| desk.name(name));
    fs::write(&list, web.list(1)).unwrap();
    for report in ["junit", "links"] {
        let ran = call(["fetch", &list, "--report", &format!("{report}:{list}")]).run().exits(2);
        ran.says(&["both a list to read and an output"]);
        assert_eq!(fs::read_to_string(&list).unwrap(), web.list(1));
    }
    fs::write(&file, "old").unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();
    call(["fetch", &list, "--report", &format!("junit:{link}")]).run().exits(0);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(fs::read_to_string(&file).unwrap().starts_with("<?xml"));
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

/// A site for the report on links, whose titles and texts mean no good. Anything else is a 404.
fn shop() -> Raw {
    const PAGES: [(&str, &str); 7] = [
        (
            "/",
            "<a href=/a>A</a><a href=/gone>the\n <b>old</b> offer</a><a href=/old>moved</a><a href=/no/x>x</a>",
        ),
        (
            "/a",
            "<a href=/>home</a><img src=/no.png alt='a | b'><a rel=nofollow href=/gone>](http://evil.test)</a>",
        ),
        ("/b", "<a href=/gone></a><a href=mailto:a@b.test>write</a><a href='#x'>x</a>"),
        ("/new", "<title>::error::| [x](y)\u{1b}[2J</title><a href=/b>b</a><a href=/twin>t</a>"),
        ("/twin", "<title>::error::| [x](y)\u{1b}[2J</title><a href=/>home</a>"),
        ("/alone", "<title>alone</title><a href=/>home</a>"),
        ("/robots.txt", "User-agent: *\nDisallow: /no/\n"),
    ];
    Raw::serve(|mut conn| {
        while let Some(head) = conn.request() {
            let path = head.split(' ').nth(1).unwrap();
            let host = head
                .lines()
                .find_map(|line| line.strip_prefix("host: ").or(line.strip_prefix("Host: ")))
                .unwrap();
            let map =
                ["/alone", "/a"].map(|path| format!("<url><loc>http://{host}{path}</loc></url>")).concat();
            let map = format!("<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">{map}</urlset>");
            let page = PAGES.iter().find(|(known, _)| *known == path).map(|(_, page)| *page);
            let (status, location, body) = match (page, path) {
                (Some(page), _) => ("200 OK", "", page),
                (None, "/sitemap.xml") => ("200 OK", "", &*map),
                (None, "/old") => ("301 Moved", "Location: /older\r\n", ""),
                (None, "/older") => ("308 Moved", "Location: /new\r\n", ""),
                _ => ("404 Not Found", "", ""),
            };
            let length = body.len();
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: {length}\r\n{location}\r\n"
            );
            if !conn.send(head + body) {
                return;
            }
        }
    })
}

#[test]
fn the_report_on_links_says_where_to_mend() {
    let (site, desk) = (shop(), Desk::new());
    let root = site.url("/").to_string();
    let (md, json, junit) = (desk.name("r.md"), desk.name("r.json"), desk.name("j.xml"));
    let (to_json, to_junit) = (format!("links:{json}"), format!("junit:{junit}"));
    let args =
        ["crawl", &root, "--sitemaps", "--assets", "-o", &md, "--report", &to_json, "--report", &to_junit];
    let ran = call(args.into_iter().chain(["--report", "links", "--report", "github"]))
        .env("GITHUB_STEP_SUMMARY", &desk.name("summary.md"))
        .run()
        .exits(0);
    let text = ran.text().replace(root.trim_end_matches('/'), "H");
    assert!(
        text.starts_with("8 URLs checked, 2 broken, with 4 links to them on 3 pages; 1 moved for good; 1 blocked by robots.txt; 1 only in a sitemap\n"),
        "{text}"
    );
    for part in [
        "\n  H/\n    404  H/gone  a href  \"the old offer\"\n  H/a\n",
        "\n    404  H/no.png  img src  \"a | b\"\n    404  H/gone  a href  \"](http://evil.test)\"  nofollow\n",
        "\n  H/b\n    404  H/gone  a href\n",
        "\n  H/old  301, 308 to  H/new\n    on H/\n",
        "\n  H/no/x\n    on H/\n",
        "read\n  H/alone\n",
        "pages\n  \"::error::| [x](y)\u{fffd}[2J\"\n    on H/new\n    on H/twin\n",
    ] {
        assert!(text.contains(part), "{part:?} in:\n{text}");
    }
    let report: Value = serde_json::from_slice(&fs::read(desk.path("r.json")).unwrap()).unwrap();
    assert_eq!(report["pages"]["shown"][0]["links"]["shown"][0]["text"], "the old offer");
    assert_eq!(report["targets"]["shown"][0]["pages"]["shown"].as_array().unwrap().len(), 3);
    let marked = fs::read_to_string(desk.path("r.md")).unwrap();
    assert!(marked.contains(r"“\]\(http\://evil\.test\)”  nofollow"), "{marked}");
    assert_eq!(fs::read_to_string(desk.path("summary.md")).unwrap(), marked);
    let host = root.trim_end_matches('/');
    let command = format!(
        "::error title=broken%3A 404::{host}/gone%0Alinked from {host}/%0Alinked from {host}/a%0Alinked from {host}/b\n"
    );
    assert!(ran.stderr.contains(&command), "{}", ran.stderr);
    assert!(
        ran.stderr.contains(&format!("::warning title=moved for good::{host}/old is now {host}/new%0A")),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("::notice title=gannet::8 URLs checked, 2 broken"), "{}", ran.stderr);
}

#[test]
fn annotations_stand_at_the_lines_of_a_list() {
    let (web, desk) = (Web::plain(), Desk::new());
    let list: String = (0..15).map(|n| web.url(&format!("/x/404/{n}\n"))).collect();
    fs::write(desk.path("urls.txt"), format!("# a list\n{}\n{list}no:%0A,url\n", web.url("/p/1"))).unwrap();
    let (name, summary) = (desk.name("urls.txt"), desk.name("summary.md"));
    fs::write(desk.path("summary.md"), "x".repeat(1024 * 1024 - 500)).unwrap();
    let ran = call(["fetch", &name, "--mode", "gather", "--report", "github", "-o", "-", "-q"])
        .env("GITHUB_STEP_SUMMARY", &summary)
        .run()
        .exits(3);
    assert_eq!(ran.records().len(), 17);
    let errors: Vec<_> = ran.stderr.lines().filter(|line| line.starts_with("::error ")).collect();
    assert_eq!(errors.len(), 10, "{}", ran.stderr);
    assert!(
        errors[0].starts_with(&format!("::error file={name},line=3,title=broken%3A 404::")),
        "{}",
        errors[0]
    );
    assert!(
        ran.stderr.contains("17 URLs checked, 16 broken; 6 more broken and 0 more moved are in the summary"),
        "{}",
        ran.stderr
    );
    let summary = fs::read_to_string(desk.path("summary.md")).unwrap();
    assert!(
        summary.len() <= 1024 * 1024 && summary.ends_with("\nThe rest does not fit here.\n"),
        "{}",
        summary.len()
    );
}

#[test]
fn a_report_on_links_goes_where_its_name_says() {
    let (web, desk) = (Web::plain(), Desk::new());
    let (url, md) = (web.url("/p/1"), desk.name("r.md"));
    assert_eq!(call(["fetch", &url, "-o", &md]).run().exits(0).stdout, b"");
    call(["fetch", &url, "--report", "links:r.pdf"])
        .run()
        .exits(2)
        .says(&["`r.pdf`: a report on links is .md, .txt"]);
    call(["fetch", &url, "-o", &md, "--report", &format!("links:{md}")])
        .run()
        .exits(2)
        .says(&["is given twice"]);
    let job = desk.args(&["fetch", &url, "-o", &md]);
    call(job).run().exits(0);
    assert_eq!(records(&std::path::Path::new(&desk.job()).join("records.jsonl")).len(), 1);
}

#[test]
fn junit_calls_a_failure_what_the_exit_code_does() {
    let (web, desk) = (Web::plain(), Desk::new());
    let urls = ["/x/404/1", "/x/410/1", "/p/1"].map(|path| web.url(path));
    let failures = |fail_on: &[&str]| {
        let xml = format!("junit:{}", desk.name("a.xml"));
        let args = ["fetch", "--report", &xml].into_iter().chain(fail_on.iter().copied());
        call(args.chain(urls.iter().map(String::as_str))).run();
        count(&fs::read_to_string(desk.path("a.xml")).unwrap(), "<failure ")
    };
    assert_eq!(failures(&[]), 2);
    assert_eq!(failures(&["--fail-on", "status=410:5"]), 1);
    assert_eq!(failures(&["--fail-on", "status>=500"]), 0);
}

/// All of a report on links but what differs from run to run.
fn lasting(report: &Value) -> Value {
    let mut report = report.clone();
    ["slowest", "largest"].iter().for_each(|name| drop(report.as_object_mut().unwrap().remove(*name)));
    report
}

#[test]
fn a_job_that_is_killed_has_the_report_of_one_that_was_not() {
    let (web, desk, mut random) = (Web::start(troubled(60)), Desk::new(), Random::new("links"));
    let report = |name: &str| format!("links:{}", desk.name(name));
    let read = |name: &str| lasting(&serde_json::from_slice(&fs::read(desk.path(name)).unwrap()).unwrap());
    let (whole, killed) = (report("whole.json"), report("killed.json"));
    let base = everywhere(&web);
    let args = |report: &str| -> Vec<String> {
        base.iter().cloned().chain(["--report".to_owned(), report.to_owned()]).collect()
    };
    call(args(&whole)).run().exits(0);
    let killed = args(&killed);
    let killed: Vec<_> = killed.iter().map(String::as_str).collect();
    desk.kill_until_done(&desk.args(&killed), &mut random, (30, 300)).exits(0);
    let (whole, killed) = (read("whole.json"), read("killed.json"));
    assert!(whole["broken"].as_u64().unwrap() > 5, "{whole}");
    for part in ["checked", "broken", "blocked", "orphans"] {
        assert_eq!(whole[part], killed[part], "{part}");
    }
    let urls = |report: &Value| -> Vec<String> {
        let mut urls: Vec<_> =
            report["targets"]["shown"].as_array().unwrap().iter().map(|t| t["url"].to_string()).collect();
        urls.sort();
        urls
    };
    assert_eq!(urls(&whole), urls(&killed));
}
