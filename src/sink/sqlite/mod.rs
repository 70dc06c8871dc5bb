//! A SQLite database of a run (`-o crawl.sqlite`), to be queried at once. `docs/output.md` has the tables.
//!
//! While it is written it has a write-ahead log beside it, so that others can read it and a process that dies leaves a
//! database that opens; at the end it is one file. A flush commits. In a job its length counts the rows of `pages`, whose
//! `id` rises by one: to go back to a length is to delete what is beyond, with its links and redirects.

mod schema;
mod upkeep;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use rusqlite::types::Value;
use rusqlite::{Connection, ErrorCode, params, params_from_iter};
use serde_json::{Map, Value as Json};

pub use self::upkeep::{Rows, read, rows, without};

use super::Sink;
use super::json::fields_of;
use crate::outcome::{Outcome, Received};

/// How long somebody else may hold the database.
const PATIENCE: Duration = Duration::from_secs(5);

/// Memory for pages of the database, KiB, and how many of them gather in the log.
const CACHE_KIB: i32 = 16 << 10;
const LOG_PAGES: i32 = 4000;

/// See the module.
pub struct Sqlite {
    db: Connection,
    insert: String,
    in_transaction: bool,
    written: u64,
    committed: Arc<AtomicU64>,
    log: PathBuf,
}

/// Looks at a database from outside.
pub struct Watch {
    committed: Arc<AtomicU64>,
    log: PathBuf,
}

impl Sqlite {
    /// Makes the database anew, whatever was there.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn create(path: &Path) -> io::Result<Self> {
        File::create(path)?;
        // The logs of a database that was there would be applied to this one.
        let path = path.canonicalize()?;
        for end in ["-wal", "-shm", "-journal"] {
            match std::fs::remove_file(beside(&path, end)) {
                Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(why),
                _ => {}
            }
        }
        let db = open(&path).map_err(plain)?;
        let tables = format!(
            "PRAGMA application_id = {}; PRAGMA user_version = {}; BEGIN; {} COMMIT;",
            schema::APPLICATION_ID,
            schema::VERSION,
            schema::tables()
        );
        db.execute_batch(&tables).map_err(plain)?;
        Ok(Self::of(db, &path, 0))
    }

    /// Goes on with a database that has these rows; others are deleted.
    ///
    /// # Errors
    /// When it cannot be opened or written.
    pub fn resume(path: &Path, rows: u64) -> io::Result<Self> {
        if rows == 0 {
            return Self::create(path);
        }
        let path = path.canonicalize()?;
        let db = open(&path).map_err(plain)?;
        upkeep::cut(&db, rows).map_err(plain)?;
        db.execute_batch(&schema::drop_indexes()).map_err(plain)?;
        Ok(Self::of(db, &path, rows))
    }

    fn of(db: Connection, path: &Path, written: u64) -> Self {
        let names: Vec<_> = schema::columns().collect();
        let marks = ", ?".repeat(names.len());
        let insert = format!("INSERT INTO pages (id, host, {}) VALUES (?, ?{marks})", names.join(", "));
        let committed = Arc::new(AtomicU64::new(written));
        Self { db, insert, in_transaction: false, written, committed, log: beside(path, "-wal") }
    }

    /// Something to watch it by.
    pub fn watch(&self) -> Watch {
        Watch { committed: Arc::clone(&self.committed), log: self.log.clone() }
    }

    fn insert(&mut self, outcome: &Outcome) -> rusqlite::Result<()> {
        if !self.in_transaction {
            self.db.execute_batch("BEGIN IMMEDIATE")?;
            self.in_transaction = true;
        }
        let page = i64::try_from(self.written + 1).unwrap_or(i64::MAX);
        let record = fields_of(outcome).map_err(|why| rusqlite::Error::ToSqlConversionFailure(why.into()))?;
        self.insert_page(page, outcome, record)?;
        if let Some(response) = &outcome.response {
            self.insert_links(page, response)?;
            self.insert_redirects(page, outcome, response)?;
        }
        self.written += 1;
        Ok(())
    }

    fn insert_page(
        &self,
        page: i64,
        outcome: &Outcome,
        mut record: Map<String, Json>,
    ) -> rusqlite::Result<()> {
        let host = outcome.url.as_ref().map_or(Value::Null, |url| Value::Text(url.host().to_owned()));
        let cells = schema::columns().map(|name| match (name, record.remove(name)) {
            ("body", None) if record.contains_key("body_b64") => {
                let body = outcome.response.as_ref().and_then(|response| response.body.as_ref());
                body.map_or(Value::Null, |body| Value::Blob(body.to_vec()))
            }
            // Any JSON: a text as such could not be told from one.
            ("fallback", Some(any)) => Value::Text(any.to_string()),
            (_, value) => cell(value),
        });
        let cells = [Value::Integer(page), host].into_iter().chain(cells);
        self.db.prepare_cached(&self.insert)?.execute(params_from_iter(cells))?;
        Ok(())
    }

    fn insert_links(&self, page: i64, response: &Received) -> rusqlite::Result<()> {
        const INSERT: &str = "INSERT INTO links VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
        let Some(links) = response.links.as_ref().filter(|links| !links.is_empty()) else { return Ok(()) };
        let mut insert = self.db.prepare_cached(INSERT)?;
        for (position, link) in links.iter().enumerate() {
            // Passwords are hidden by `Display`.
            let url = link.url.to_string();
            insert.execute(params![
                page,
                position as i64,
                url,
                link.tag,
                link.attr,
                link.kind,
                link.nofollow,
                link.text
            ])?;
        }
        Ok(())
    }

    /// Those that were followed, and the last one if it was not.
    fn insert_redirects(&self, page: i64, outcome: &Outcome, response: &Received) -> rusqlite::Result<()> {
        const INSERT: &str = "INSERT INTO redirects VALUES (?, ?, ?, ?, ?)";
        let mut insert = self.db.prepare_cached(INSERT)?;
        let targets = response.chain.iter().skip(1).map(|hop| &hop.url).chain(&response.final_url);
        for (position, (hop, to)) in response.chain.iter().zip(targets).enumerate() {
            let (from, to) = (hop.url.to_string(), to.to_string());
            insert.execute(params![page, position as i64, from, to, hop.status_code])?;
        }
        let from = response.final_url.as_ref().or(outcome.url.as_ref());
        if let (Some(from), Some(to)) = (from, &response.location) {
            let (from, to, position) = (from.to_string(), to.to_string(), response.chain.len() as i64);
            insert.execute(params![page, position, from, to, response.status])?;
        }
        Ok(())
    }
}

impl Sink for Sqlite {
    fn write(&mut self, outcome: &Outcome) -> io::Result<()> {
        self.insert(outcome).map_err(plain)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.in_transaction {
            self.db.execute_batch("COMMIT").map_err(plain)?;
            self.in_transaction = false;
        }
        self.committed.store(self.written, Relaxed);
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.flush()?;
        self.db.execute_batch(&schema::make_indexes()).map_err(plain)?;
        one_file(&self.db).map_err(plain)
    }
}

impl Watch {
    /// Rows of `pages` that are committed.
    pub fn rows(&self) -> u64 {
        self.committed.load(Relaxed)
    }

    /// Waits until they are on the disk. What is no longer in the log was synced before it left it.
    ///
    /// # Errors
    /// When the disk says so.
    pub fn sync(&self) -> io::Result<()> {
        match File::open(&self.log) {
            Ok(log) => log.sync_data(),
            // Where there can be no log, each commit is synced.
            Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(why) => Err(why),
        }
    }
}

/// Opens a database to write to it.
fn open(path: &Path) -> rusqlite::Result<Connection> {
    let db = Connection::open(path)?;
    db.busy_timeout(PATIENCE)?;
    db.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    db.execute_batch(&format!(
        "PRAGMA synchronous = NORMAL; PRAGMA cache_size = -{CACHE_KIB}; PRAGMA wal_autocheckpoint = {LOG_PAGES};"
    ))?;
    Ok(db)
}

/// Takes the log into the file. Should somebody read it just now, the log stays until they are done.
fn one_file(db: &Connection) -> rusqlite::Result<()> {
    match db.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(())) {
        Err(why) if is_busy(&why) => Ok(()),
        end => end,
    }
}

fn cell(value: Option<Json>) -> Value {
    match value {
        None | Some(Json::Null) => Value::Null,
        Some(Json::String(text)) => Value::Text(text),
        Some(Json::Bool(yes)) => Value::Integer(yes.into()),
        Some(Json::Number(number)) => match number.as_i64() {
            Some(whole) => Value::Integer(whole),
            None => number.as_f64().map_or(Value::Null, Value::Real),
        },
        Some(other) => Value::Text(other.to_string()),
    }
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

fn is_busy(why: &rusqlite::Error) -> bool {
    matches!(why.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// The error as others of files are told.
fn plain(why: rusqlite::Error) -> io::Error {
    match why.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => io::ErrorKind::StorageFull.into(),
        _ if is_busy(&why) => {
            io::Error::other(format!("{why}\nhint: another program writes to it, or reads it for long"))
        }
        _ => io::Error::other(why),
    }
}

#[cfg(test)]
mod tests;
