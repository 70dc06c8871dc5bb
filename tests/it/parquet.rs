//! Parquet files of the built binary, read back: the same as the records, after kills too.

use std::fs::{self, File};
use std::path::Path;

use gannet::origin::{Faults, Site};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use rustix::process::Signal;
use serde_json::Value;

use crate::gannet::{call, run};
use crate::job::{Desk, MS, Random, assert_same, assert_truth, everywhere, fates, records, troubled};
use crate::web::Web;

/// The rows of a file as records.
fn rows(path: &Path) -> Vec<Value> {
    let reader =
        ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap().build().unwrap();
    let mut lines = arrow_json::LineDelimitedWriter::new(Vec::new());
    reader.for_each(|batch| lines.write(&batch.unwrap()).unwrap());
    lines.finish().unwrap();
    let lines = String::from_utf8(lines.into_inner()).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_row_says_what_the_record_says() {
    let (web, desk) = (Web::start(troubled(60)), Desk::new());
    let (lines, table) = (desk.name("a.jsonl"), desk.name("a.parquet"));
    let args = everywhere(&web);
    let asked = ["-o", &lines, "-o", &table, "--links", "--response-headers", "--body"];
    call(args.iter().map(String::as_str).chain(asked)).run().exits(0);
    let (lines, rows) = (records(&desk.path("a.jsonl")), rows(&desk.path("a.parquet")));
    assert_eq!(rows.len(), lines.len());
    for (mut row, mut line) in rows.into_iter().zip(lines) {
        // Any keys: they stand as JSON.
        if let Some(headers) = row["headers"].as_str() {
            row["headers"] = serde_json::from_str(headers).unwrap();
        }
        for record in [&mut row, &mut line] {
            let record = record.as_object_mut().unwrap();
            // 1 and 1.0 are one number, and a time has one form of several.
            record.retain(|name, _| !name.starts_with("time"));
        }
        assert_eq!(row, line);
    }
    assert!(!desk.path("a.parquet.new").exists());
}

#[test]
fn columns_are_chosen_and_have_types() {
    let (web, desk) = (Web::plain(), Desk::new());
    let (url, table) = (web.url("/p/1"), desk.name("a.parquet"));
    let fields = ["time_total_ms", "url", "timestamp", "status_code"];
    run(["fetch", &url, "-o", &table, "--fields", &fields.join(",")]).exits(0);
    let file = ParquetRecordBatchReaderBuilder::try_new(File::open(&table).unwrap()).unwrap();
    let types: Vec<_> =
        file.schema().fields().iter().map(|f| (f.name().as_str(), f.data_type().to_string())).collect();
    assert_eq!(types.iter().map(|(name, _)| *name).collect::<Vec<_>>(), fields);
    let types: Vec<_> = types.iter().map(|(_, kind)| kind.as_str()).collect();
    assert_eq!([types[0], types[1], types[3]], ["Float64", "Utf8", "Int64"]);
    assert!(types[2].starts_with("Timestamp(") && types[2].contains("+00:00"), "{types:?}");
}

#[test]
fn a_run_that_is_killed_leaves_what_was_there() {
    let (web, desk) = (Web::plain(), Desk::new());
    let (url, table) = (web.url("/"), desk.name("a.parquet"));
    fs::write(&table, "of an earlier run").unwrap();
    let live = call(["crawl", &url, "--rate", "5/s", "-o", &table]).start();
    while web.log().len() < 5 {
        std::thread::park_timeout(10 * MS);
    }
    live.signal(Signal::KILL);
    live.finish();
    assert_eq!(fs::read_to_string(&table).unwrap(), "of an earlier run");
    run(["fetch", &url, "-o", &desk.name("no/a.parquet")]).exits(2).says(&["in no directory"]);
}

#[test]
fn a_job_has_each_record_once_after_kills_and_gives_back_what_failed() {
    let (web, desk, mut random) = (Web::start(troubled(100)), Desk::new(), Random::new("parquet"));
    let (lines, table) = (desk.name("a.jsonl"), desk.name("a.parquet"));
    let args = everywhere(&web);
    let asked = [
        "-o",
        &lines,
        "-o",
        &table,
        "--fields",
        "url,seq,outcome,status_code,error_kind,error,chain,final_url,truncated,skipped,location",
    ];
    let args: Vec<_> = args.iter().map(String::as_str).chain(asked).collect();
    desk.kill_until_done(&desk.args(&args), &mut random, (50, 500)).exits(0);
    assert_truth(&records(&desk.path("a.jsonl")), web.graph());
    let before = fates(&rows(&desk.path("a.parquet")));
    assert_same(before.clone(), fates(&records(&desk.path("a.jsonl"))));
    desk.assert_over();
    desk.show(&["--retry-failed"]).exits(0);
    desk.run(&args).exits(0);
    assert_same(fates(&rows(&desk.path("a.parquet"))), before);
    desk.assert_over();
}

#[test]
fn what_is_hostile_or_nothing_comes_through() {
    let (desk, faults) = (Desk::new(), Faults { resets: 1.0, ..Faults::default() });
    let web = Web::start(Site { pages: 5, faults, ..Site::default() });
    let table = desk.name("a.parquet");
    let list = format!("not a url \"\\ \u{202e}\u{1}\n{}\n", web.url("/x/reset/1?'\"=%00"));
    fs::write(desk.path("list.txt"), list).unwrap();
    let fallback = r#"{"a":[1,{"b":null}],"a\"":"\u0000"}"#;
    run([
        "fetch",
        &desk.name("list.txt"),
        "-o",
        &table,
        "--fallback",
        fallback,
        "--retries",
        "0",
        "--fail-on",
        "none",
    ])
    .exits(0);
    assert_eq!(rows(&desk.path("a.parquet")).len(), 2);
    fs::write(desk.path("empty.txt"), "").unwrap();
    run(["fetch", &desk.name("empty.txt"), "-o", &table]).exits(0);
    assert_eq!(rows(&desk.path("a.parquet")).len(), 0);
}
