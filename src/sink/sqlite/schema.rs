//! The tables of a SQLite output: `pages` with a column for each field of the record, `links` and `redirects`.
//!
//! Lists and objects stand as JSON. Indexes are made at the end of a run
//! and dropped when a job goes on: to sort once costs less than to find the place of each link in a tree that outgrows memory.

use super::super::columns::Column;
use crate::outcome::FIELDS;

/// "gann" in ASCII, for `file` and for whoever opens a database (SQLite, `PRAGMA application_id`).
pub(super) const APPLICATION_ID: i32 = 0x6761_6e6e;

/// The version of these tables, in `PRAGMA user_version`.
pub(super) const VERSION: i32 = 1;

/// The version is the database's; links have a table; bytes are bytes in `body`.
const LEFT_OUT: &[&str] = &["schema", "links", "body_b64"];

/// The fields that are columns of `pages`, after `id` and `host`.
pub(super) fn columns() -> impl Iterator<Item = &'static str> {
    FIELDS.iter().copied().filter(|field| !LEFT_OUT.contains(field))
}

/// Makes all tables and views.
pub(super) fn tables() -> String {
    let kind = |field: &str| match (field, Column::of(field)) {
        ("body", _) => "BLOB",
        (_, Column::Integer | Column::Boolean) => "INTEGER",
        (_, Column::Real) => "REAL",
        (_, Column::Text) => "TEXT",
    };
    let columns: Vec<_> = columns().map(|field| format!("{field} {}", kind(field))).collect();
    format!("CREATE TABLE pages (id INTEGER PRIMARY KEY, host TEXT, {});{REST}", columns.join(", "))
}

/// `position` counts from 0 on each page. What redirects has a row with the links of the page that it leads to, which may
/// have a row of its own, so the views name a page by where it is, and say each of its links once.
const REST: &str = "
CREATE TABLE links (
  page INTEGER NOT NULL, position INTEGER NOT NULL, url TEXT NOT NULL, tag TEXT NOT NULL, attr TEXT NOT NULL,
  kind TEXT NOT NULL, nofollow INTEGER NOT NULL, text TEXT, PRIMARY KEY (page, position)
) WITHOUT ROWID;
CREATE TABLE redirects (
  page INTEGER NOT NULL, position INTEGER NOT NULL, from_url TEXT NOT NULL, to_url TEXT NOT NULL, status_code INTEGER,
  PRIMARY KEY (page, position)
) WITHOUT ROWID;
CREATE VIEW inlinks AS
  SELECT DISTINCT links.url, coalesce(pages.final_url, pages.url) AS page, links.tag, links.attr, links.kind,
    links.nofollow, links.text
  FROM links JOIN pages ON pages.id = links.page;
CREATE VIEW broken_links AS
  SELECT DISTINCT coalesce(pages.final_url, pages.url) AS page, links.url, broken.status_code, broken.error_kind,
    links.tag, links.attr, links.text
  FROM pages AS broken JOIN links ON links.url = broken.url JOIN pages ON pages.id = links.page
  WHERE broken.status_code >= 400 OR broken.outcome = 'failed';
";

/// Each index: its name, and what of.
const INDEXES: &[(&str, &str)] = &[
    ("pages_seq", "pages (seq)"),
    ("pages_url", "pages (url)"),
    ("pages_status", "pages (status_code)"),
    ("pages_outcome", "pages (outcome)"),
    ("pages_host", "pages (host)"),
    ("links_url", "links (url)"),
    ("redirects_to", "redirects (to_url)"),
];

/// Makes those indexes that are not there.
pub(super) fn make_indexes() -> String {
    let make = |(name, of): &(&str, &str)| format!("CREATE INDEX IF NOT EXISTS {name} ON {of};");
    INDEXES.iter().map(make).collect()
}

/// Drops those that are.
pub(super) fn drop_indexes() -> String {
    INDEXES.iter().map(|(name, _)| format!("DROP INDEX IF EXISTS {name};")).collect()
}
