//! Stands in for [`sqlite`](super) where gannet is built without it: nothing can be opened.

use std::collections::HashSet;
use std::io;
use std::path::Path;

use super::Sink;
use crate::outcome::Outcome;

/// There is none.
pub enum Sqlite {}

/// Nothing, to watch nothing by.
pub struct Watch;

/// What `--verify` would read.
#[derive(Debug, Default)]
pub struct Rows {
    /// Rows of `pages`.
    pub count: u64,
    /// Their numbers.
    pub seqs: Vec<u64>,
    /// Parts that are damaged.
    pub damage: usize,
}

fn absent() -> io::Error {
    let hint = "build it with `--features sqlite`";
    io::Error::new(io::ErrorKind::Unsupported, format!("this gannet is built without SQLite\nhint: {hint}"))
}

impl Sqlite {
    /// # Errors
    /// Always.
    pub fn create(_: &Path) -> io::Result<Self> {
        Err(absent())
    }

    /// # Errors
    /// Always.
    pub fn resume(_: &Path, _: u64) -> io::Result<Self> {
        Err(absent())
    }

    /// Not called.
    pub fn watch(&self) -> Watch {
        match *self {}
    }
}

impl Watch {
    /// There are none.
    pub fn rows(&self) -> u64 {
        0
    }

    /// # Errors
    /// Never.
    pub fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink for Sqlite {
    fn write(&mut self, _: &Outcome) -> io::Result<()> {
        match *self {}
    }

    fn flush(&mut self) -> io::Result<()> {
        match *self {}
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        match *self {}
    }
}

/// # Errors
/// Always.
pub fn rows(_: &Path) -> io::Result<u64> {
    Err(absent())
}

/// # Errors
/// Always.
pub fn read(_: &Path, _: u64) -> io::Result<Rows> {
    Err(absent())
}

/// # Errors
/// Always.
pub fn without(_: &Path, _: &Path, _: u64, _: &HashSet<u64>) -> io::Result<()> {
    Err(absent())
}
