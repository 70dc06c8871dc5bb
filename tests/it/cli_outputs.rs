//! Several outputs, and several lists, at once.

use std::fs;

use crate::gannet::{call, run};
use crate::web::Web;

#[test]
fn a_usage_error_empties_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let kept = dir.path().join("kept.jsonl");
    fs::write(&kept, "precious").unwrap();
    let (kept_name, odd) = (kept.to_str().unwrap(), dir.path().join("b.xyz"));
    run(["fetch", "http://127.0.0.1:1/", "-o", kept_name, "-o", odd.to_str().unwrap()]).exits(2);
    let again = dir.path().join(".").join("kept.jsonl");
    let twice =
        run(["fetch", "http://127.0.0.1:1/", "-o", kept_name, "-o", again.to_str().unwrap()]).exits(2);
    assert!(twice.stderr.contains("given twice"), "{}", twice.stderr);
    assert_eq!(fs::read_to_string(&kept).unwrap(), "precious");
}

#[test]
fn each_output_has_each_record_in_its_own_form() {
    let web = Web::plain();
    let dir = tempfile::tempdir().unwrap();
    let (lines, table) = (dir.path().join("a.jsonl"), dir.path().join("b.csv"));
    let args = ["-o", lines.to_str().unwrap(), "-o", table.to_str().unwrap()];
    let urls = [web.url("/p/1"), web.url("/p/2")];
    call(["fetch", &urls[0], &urls[1]].into_iter().chain(args)).run().exits(0);
    assert_eq!(fs::read_to_string(lines).unwrap().lines().count(), 2);
    assert_eq!(fs::read_to_string(table).unwrap().lines().count(), 3, "a header too");
}

#[test]
fn more_lists_than_are_read_at_once() {
    let web = Web::plain();
    let dir = tempfile::tempdir().unwrap();
    let lists: Vec<String> = (0..150)
        .map(|n| {
            let list = dir.path().join(format!("{n:03}.txt"));
            fs::write(&list, web.url(&format!("/p/{}\n", n % 20)).repeat(3)).unwrap();
            list.to_str().unwrap().to_owned()
        })
        .collect();
    let args = ["fetch", "--mode", "gather", "--workers", "2"].into_iter().map(str::to_owned);
    let ran = call(args.chain(lists)).run().exits(0);
    let expected: Vec<_> = (0..450).map(|n| web.url(&format!("/p/{}", n / 3 % 20))).collect();
    let got: Vec<_> =
        ran.records().iter().map(|r| r["url"].as_str().unwrap_or_default().to_owned()).collect();
    assert_eq!(got, expected);
}
