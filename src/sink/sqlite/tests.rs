//! The database by itself: what is in it, what a cut leaves, what is no database.

use std::collections::HashSet;

use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::CrawlUrl;
use crate::fetch::HopRecord;
use crate::outcome::{LinkRecord, OutcomeKind, ShowBody};

fn url(text: &str) -> CrawlUrl {
    CrawlUrl::parse(text).unwrap()
}

/// A page with three links, one of them with a password, after two redirects.
fn page(seq: u64) -> Outcome {
    let link = |to: &str| LinkRecord {
        url: url(to),
        tag: "a",
        attr: "href",
        kind: "navigation",
        nofollow: true,
        text: Some("here".into()),
    };
    let received = Received {
        status: Some(200),
        title: Some("'); DROP TABLE pages; --\u{0}\"\u{202e}".into()),
        final_url: Some(url("http://h/c")),
        chain: ["http://h/a", "http://h/b"].map(|from| HopRecord { url: url(from), status_code: 301 }).into(),
        links: Some(["http://u:secret@h/1", "http://h/2", "http://h/3"].map(link).into()),
        robots: vec!["noindex".into()],
        body: Some(b"\xff\x00".as_slice().into()),
        show_body: ShowBody::Raw,
        ..Received::default()
    };
    let response = Some(Box::new(received));
    Outcome { seq, response, ..Outcome::new(OutcomeKind::Finished, Some(url("http://h/a"))) }
}

fn written(pages: u64) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.sqlite");
    let mut sink = Box::new(Sqlite::create(&path).unwrap());
    (0..pages).for_each(|seq| sink.write(&page(seq)).unwrap());
    sink.finish().unwrap();
    (directory, path)
}

fn ask<T: rusqlite::types::FromSql>(path: &Path, question: &str) -> T {
    Connection::open(path).unwrap().query_row(question, [], |row| row.get(0)).unwrap()
}

fn counts(path: &Path) -> [i64; 3] {
    ["pages", "links", "redirects"].map(|table| ask(path, &format!("SELECT count(*) FROM {table}")))
}

#[test]
fn every_value_is_kept_as_it_is() {
    let (_directory, path) = written(2);
    assert_eq!(counts(&path), [2, 6, 4]);
    let title: String =
        ask(&path, "SELECT title FROM pages WHERE seq = 1 AND host = 'h' AND status_code = 200");
    assert_eq!(title, "'); DROP TABLE pages; --\u{0}\"\u{202e}");
    assert_eq!(ask::<Vec<u8>>(&path, "SELECT body FROM pages"), b"\xff\x00");
    assert_eq!(ask::<String>(&path, "SELECT robots FROM pages"), "[\"noindex\"]");
    assert_eq!(
        ask::<String>(&path, "SELECT url FROM links WHERE page = 1 AND position = 0"),
        "http://u:***@h/1"
    );
    let steps =
        "SELECT group_concat(from_url || ' ' || to_url || ' ' || status_code) FROM redirects WHERE page = 2";
    assert_eq!(ask::<String>(&path, steps), "http://h/a http://h/b 301,http://h/b http://h/c 301");
    let inlinks = ask::<i64>(&path, "SELECT count(*) FROM inlinks WHERE url = 'http://h/2'");
    assert_eq!(inlinks, 1, "both rows are of the page that redirects led to");
    assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no log is left");
}

#[test]
fn what_is_beyond_a_length_goes_with_its_links() {
    let (_directory, path) = written(9);
    assert_eq!(rows(&path).unwrap(), 9);
    let mut sink = Box::new(Sqlite::resume(&path, 4).unwrap());
    sink.write(&page(40)).unwrap();
    assert_eq!(sink.watch().rows(), 4, "it is not committed");
    sink.flush().unwrap();
    sink.watch().sync().unwrap();
    assert_eq!(sink.watch().rows(), 5);
    // Others see what is committed while it is written.
    assert_eq!(counts(&path), [5, 15, 10]);
    drop(sink);
    let found = read(&path, 5).unwrap();
    assert_eq!((found.count, found.seqs, found.damage), (5, vec![0, 1, 2, 3, 40], 0));
    let new = path.with_extension("new");
    without(&path, &new, 4, &HashSet::from([1, 2])).unwrap();
    assert_eq!(counts(&new), [2, 6, 4]);
    assert_eq!((rows(&new).unwrap(), read(&new, 4).unwrap().seqs), (4, vec![0, 3]));
}

#[test]
fn what_is_no_database_has_no_rows_and_is_replaced() {
    let (_directory, path) = written(3);
    assert_eq!(rows(&path.with_extension("absent")).unwrap(), 0);
    let other = path.with_extension("other");
    Connection::open(&other).unwrap().execute_batch("CREATE TABLE pages (id INTEGER PRIMARY KEY)").unwrap();
    assert_eq!(rows(&other).unwrap(), 0);
    assert!(Sqlite::resume(&other, 1).is_err() && read(&other, 1).is_err());
    std::fs::write(&other, "a letter").unwrap();
    // As it is left by a process that died.
    std::fs::write(beside(&other, "-wal"), "another one").unwrap();
    assert_eq!(rows(&other).unwrap(), 0);
    Box::new(Sqlite::create(&other).unwrap()).finish().unwrap();
    assert_eq!(counts(&other), [0, 0, 0]);
}

#[test]
fn the_columns_are_the_fields() {
    let (_directory, path) = written(0);
    let names: String = ask(&path, "SELECT group_concat(name, ' ') FROM pragma_table_info('pages')");
    let expected: Vec<_> = ["id", "host"].into_iter().chain(schema::columns()).collect();
    assert_eq!(names, expected.join(" "));
}
