//! Outputs whose records are text that can be told apart: what `--verify` reads and `--retry-failed` writes anew.

use std::io::{self, Read};
use std::path::Path;

use crate::sink::Codec;

/// How the records of a text stand in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Text {
    /// JSON Lines.
    Lines,
    /// CSV, or TSV, with this between columns.
    Table(u8),
}

impl Text {
    /// That of an output by its name, if it is one of these.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let (_, name) = Codec::of(path);
        match name.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "jsonl" | "ndjson" => Some(Self::Lines),
            "csv" => Some(Self::Table(b',')),
            "tsv" => Some(Self::Table(b'\t')),
            _ => None,
        }
    }

    /// The same, and its text from this file, which may be compressed.
    pub(super) fn open<'a>(
        path: &Path,
        file: impl Read + Send + 'a,
    ) -> io::Result<Option<(Self, Box<dyn Read + Send + 'a>)>> {
        let Some(text) = Self::of(path) else { return Ok(None) };
        let file = match Codec::of(path) {
            (Some(codec), _) => codec.reader(file)?,
            (None, _) => Box::new(file),
        };
        Ok(Some((text, file)))
    }
}
