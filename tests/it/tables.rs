//! Tables and compressed outputs, as the built binary writes them: what is in them, kills, `--verify`, `--retry-failed`.

use std::fs;
use std::process::Command;

use gannet::origin::{Faults, Site};
use rustix::process::Signal;

use crate::gannet::{call, run};
use crate::job::{
    Desk, MS, Random, assert_in_order, assert_same, assert_truth, everywhere, fates, plain_text, records,
    troubled,
};
use crate::web::Web;

/// One of each form, the first with all fields.
const FORMS: [&str; 7] =
    ["a.jsonl", "b.jsonl.gz", "c.ndjson.zst", "d.csv.gz", "e.tsv", "f.tsv.zst", "g.json.gz"];
/// Those of which `--retry-failed` can take records out.
const FIELDS: &str = "seq,url,outcome,status_code,error_kind,title";

/// `-o` for each of these, on a desk.
fn outputs(desk: &Desk, forms: &[&str]) -> Vec<String> {
    forms.iter().flat_map(|form| ["-o".to_owned(), desk.name(form)]).collect()
}

#[track_caller]
fn assert_alike(desk: &Desk, forms: &[&str]) {
    let first = fates(&records(&desk.path(forms[0])));
    for form in &forms[1..] {
        assert_same(fates(&records(&desk.path(form))), first.clone());
    }
}

#[test]
fn each_form_says_the_same() {
    let (web, desk) = (Web::start(troubled(60)), Desk::new());
    let args = everywhere(&web).into_iter().chain(outputs(&desk, &FORMS));
    call(args).run().exits(0);
    assert_truth(&records(&desk.path("a.jsonl")), web.graph());
    assert_alike(&desk, &FORMS);
    let header = plain_text(&desk.path("e.tsv")).lines().next().unwrap().to_owned();
    assert!(header.starts_with("url\toutcome\tstatus_code\t"), "{header}");
    assert_eq!(
        plain_text(&desk.path("e.tsv")).lines().count(),
        plain_text(&desk.path("f.tsv.zst")).lines().count()
    );
}

#[test]
fn the_usual_programs_read_what_is_compressed() {
    let (web, desk) = (Web::plain(), Desk::new());
    let url = web.url("/");
    let args =
        ["crawl", &url].map(str::to_owned).into_iter().chain(outputs(&desk, &["a.jsonl.gz", "a.jsonl.zst"]));
    call(args).run().exits(0);
    for (program, name) in [("gzip", "a.jsonl.gz"), ("zstd", "a.jsonl.zst")] {
        let Ok(output) = Command::new(program).args(["-dc", &desk.name(name)]).output() else {
            println!("skipped: there is no {program} here");
            continue;
        };
        assert!(output.status.success(), "{output:?}");
        assert_eq!(String::from_utf8(output.stdout).unwrap(), plain_text(&desk.path(name)));
    }
}

#[test]
fn an_output_without_records_is_a_compressed_file_all_the_same() {
    for gather in [&[][..], &["--mode", "gather"]] {
        let desk = Desk::new();
        fs::write(desk.path("list.txt"), "# nothing\n").unwrap();
        let list = desk.name("list.txt");
        let mut args: Vec<_> = vec!["fetch".to_owned(), list];
        args.extend(gather.iter().map(|arg| (*arg).to_owned()));
        args.extend(outputs(&desk, &["a.jsonl.gz", "b.json.zst", "c.csv.gz"]));
        run(&args).exits(0);
        let job: Vec<_> = args.iter().map(String::as_str).collect();
        for _ in 0..3 {
            assert_eq!(plain_text(&desk.path("a.jsonl.gz")), "");
            assert_eq!(plain_text(&desk.path("b.json.zst")), "[\n\n]\n");
            assert!(plain_text(&desk.path("c.csv.gz")).starts_with("url,"));
            let ran = desk.run(&job).exits(0);
            assert!(!ran.stderr.contains("cut off"), "{}", ran.stderr);
        }
    }
}

#[test]
fn whole_members_are_left_of_a_run_that_is_killed() {
    let (web, desk) = (Web::plain(), Desk::new());
    let url = web.url("/");
    let args = ["crawl", &url, "--rate", "10/s", "-o", &desk.name("a.jsonl.gz")].map(str::to_owned);
    let live = call(args).start();
    // The first record comes at once, those of the second after it together.
    while fs::metadata(desk.path("a.jsonl.gz")).map_or(0, |file| file.len()) < 500 {
        std::thread::park_timeout(10 * MS);
    }
    live.signal(Signal::KILL);
    live.finish();
    assert!(records(&desk.path("a.jsonl.gz")).len() > 5);
}

#[test]
fn a_job_has_each_record_once_in_each_form_after_kills() {
    let (web, desk, mut random) = (Web::start(troubled(120)), Desk::new(), Random::new("tables"));
    let args: Vec<_> = everywhere(&web).into_iter().chain(outputs(&desk, &FORMS)).collect();
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    let ran = desk.kill_until_done(&desk.args(&args), &mut random, (100, 1200)).exits(0);
    assert_eq!(ran.balance(), records(&desk.path("a.jsonl")).len() as u64);
    assert_truth(&records(&desk.path("a.jsonl")), web.graph());
    assert_alike(&desk, &FORMS);
    desk.assert_over();
}

#[test]
fn a_gathered_list_is_in_order_in_each_form() {
    let (web, desk, mut random) = (Web::start(troubled(1000)), Desk::new(), Random::new("gathered"));
    fs::write(desk.path("list.txt"), web.list(400)).unwrap();
    let list = desk.name("list.txt");
    let args = ["fetch", &list, "--mode", "gather", "--retries", "0"].map(str::to_owned);
    let forms = ["a.jsonl", "b.tsv.gz", "c.jsonl.zst"];
    let args: Vec<_> = args.into_iter().chain(outputs(&desk, &forms)).collect();
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    desk.kill_until_done(&desk.args(&args), &mut random, (30, 150));
    let urls = |form: &str| -> Vec<_> {
        records(&desk.path(form)).iter().map(|r| r["url"].as_str().unwrap().to_owned()).collect()
    };
    let listed: Vec<_> = web.list(400).lines().map(str::to_owned).collect();
    for form in forms {
        assert_in_order(&urls(form), &listed);
    }
}

#[test]
fn what_failed_is_taken_out_of_each_form() {
    let faults = Faults { resets: 0.3, ..Faults::default() };
    let web = Web::start(Site { pages: 60, faults, ..Site::default() });
    let desk = Desk::new();
    let url = web.url("/");
    let forms = &FORMS[..6];
    let args = ["crawl", &url, "--retries", "0", "--fields", FIELDS].map(str::to_owned);
    let args: Vec<_> = args.into_iter().chain(outputs(&desk, forms)).collect();
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    desk.run(&args).exits(0);
    let before = fates(&records(&desk.path("a.jsonl")));
    let failed = desk.show(&["--failed"]).exits(0).text().lines().count();
    assert!(failed > 5);
    desk.show(&["--retry-failed"]).exits(0);
    for form in forms {
        assert_eq!(records(&desk.path(form)).len(), before.len() - failed, "{form}");
    }
    desk.verify();
    desk.run(&args).exits(0);
    assert_same(fates(&records(&desk.path("a.jsonl"))), before);
    assert_alike(&desk, forms);
    desk.assert_over();
}

#[test]
fn damage_in_a_compressed_output_is_found() {
    let (web, desk) = (Web::plain(), Desk::new());
    let (url, out) = (web.url("/"), desk.name("a.jsonl.gz"));
    desk.run(&["crawl", &url, "-o", &out]).exits(0);
    let mut bytes = fs::read(&out).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    fs::write(&out, bytes).unwrap();
    desk.show(&["--verify"]).exits(1).says(&["a.jsonl.gz"]);
}
