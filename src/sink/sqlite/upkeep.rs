//! What a job does to its database between runs: counts its rows, cuts it, reads their numbers, takes some out.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::path::Path;

use rusqlite::{Connection, OpenFlags, OptionalExtension as _};

use super::{PATIENCE, is_busy, one_file, open, plain, schema};

/// What `--verify` reads.
#[derive(Debug, Default)]
pub struct Rows {
    /// Rows of `pages`.
    pub count: u64,
    /// Their numbers.
    pub seqs: Vec<u64>,
    /// Parts of the database that are damaged, as SQLite finds them.
    pub damage: usize,
}

/// The `id` of the last page; 0 for what is no database of gannet, or not there.
///
/// # Errors
/// When somebody else holds it for long.
pub fn rows(path: &Path) -> io::Result<u64> {
    match present(path).and_then(|db| last(&db)) {
        Ok(rows) => Ok(rows),
        Err(why) if is_busy(&why) => Err(plain(why)),
        // What is wrong with it is said when it is to be written.
        Err(_) => Ok(0),
    }
}

/// Reads the first `length` rows.
///
/// # Errors
/// When it is no database of gannet, or cannot be read.
pub fn read(path: &Path, length: u64) -> io::Result<Rows> {
    let read = || {
        let db = present(path)?;
        let damage = db.prepare("PRAGMA integrity_check(100)")?;
        let damage = strings(damage)?.iter().filter(|line| *line != "ok").count();
        let mut seqs = db.prepare("SELECT seq FROM pages WHERE id <= ?")?;
        let seqs: Vec<i64> = seqs.query_map([length as i64], |row| row.get(0))?.collect::<Result<_, _>>()?;
        let seqs: Vec<u64> = seqs.into_iter().filter_map(|seq| seq.try_into().ok()).collect();
        Ok(Rows { count: seqs.len() as u64, seqs, damage })
    };
    read().map_err(plain)
}

/// Writes the database at `path` to `new_path` without the pages with these numbers, and those beyond `length`.
///
/// # Errors
/// When it cannot be read or written.
pub fn without(path: &Path, new_path: &Path, length: u64, seqs: &HashSet<u64>) -> io::Result<()> {
    match std::fs::remove_file(new_path) {
        Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(why),
        _ => {}
    }
    let copy = || {
        let old = present(path)?;
        // Its log must not be found beside the new one when that has its name.
        one_file(&old)?;
        old.execute("VACUUM INTO ?", [new_path.to_string_lossy()])?;
        drop(old);
        let mut new = open(new_path)?;
        cut(&new, length)?;
        let change = new.transaction()?;
        for seq in seqs {
            let id = "SELECT id FROM pages WHERE seq = ?";
            let id: Option<i64> =
                change.prepare_cached(id)?.query_row([*seq as i64], |row| row.get(0)).optional()?;
            let Some(id) = id else { continue };
            remove(&change, "= ?", id)?;
        }
        change.commit()?;
        one_file(&new)
    };
    copy().map_err(plain)?;
    File::open(new_path)?.sync_all()
}

/// Deletes the rows beyond a length.
pub(super) fn cut(db: &Connection, length: u64) -> rusqlite::Result<()> {
    db.execute_batch("BEGIN IMMEDIATE")?;
    remove(db, "> ?", length as i64)?;
    db.execute_batch("COMMIT")
}

fn remove(db: &Connection, which: &str, id: i64) -> rusqlite::Result<()> {
    for (table, column) in [("links", "page"), ("redirects", "page"), ("pages", "id")] {
        db.prepare_cached(&format!("DELETE FROM {table} WHERE {column} {which}"))?.execute([id])?;
    }
    Ok(())
}

/// Opens one that is there and ours.
fn present(path: &Path) -> rusqlite::Result<Connection> {
    let db = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    db.busy_timeout(PATIENCE)?;
    let id: i32 = db.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let version: i32 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    match (id, version) {
        (schema::APPLICATION_ID, schema::VERSION) => Ok(db),
        _ => Err(rusqlite::Error::InvalidPath(path.to_owned())),
    }
}

fn last(db: &Connection) -> rusqlite::Result<u64> {
    let id: i64 = db.query_row("SELECT coalesce(max(id), 0) FROM pages", [], |row| row.get(0))?;
    Ok(id.unsigned_abs())
}

fn strings(mut statement: rusqlite::Statement<'_>) -> rusqlite::Result<Vec<String>> {
    statement.query_map([], |row| row.get(0))?.collect()
}
