//! The form of an output: which one a file has by its suffix, what speaks against it, and what writes its records.
//!
//! A new form is a variant, its suffixes, and an arm in each function here; `outputs.rs` opens what is no text.

use std::io::{self, IsTerminal as _};
use std::path::Path;

use gannet::error::Error;
use gannet::sink::warc::Compression;
use gannet::sink::{Codec, Csv, Encoder, Human, Json, JsonLines, parquet};

use crate::outputs::is_special;
use crate::settings::use_colour;

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Human,
    Jsonl,
    Json,
    Csv,
    Tsv,
    Sqlite,
    Parquet,
    Warc(Compression),
}

/// The ends of file names, the longest first where one is the end of another.
const SUFFIXES: &[(&str, Form)] = &[
    (".warc.gz", Form::Warc(Compression::Gzip)),
    (".warc.zst", Form::Warc(Compression::Zstd)),
    (".warc", Form::Warc(Compression::None)),
    (".jsonl", Form::Jsonl),
    (".ndjson", Form::Jsonl),
    (".json", Form::Json),
    (".csv", Form::Csv),
    (".tsv", Form::Tsv),
    (".parquet", Form::Parquet),
    (".sqlite", Form::Sqlite),
    (".sqlite3", Form::Sqlite),
    (".db", Form::Sqlite),
    (".txt", Form::Human),
    (".log", Form::Human),
];

impl Form {
    /// The form of a file by its name.
    pub(crate) fn of(whole: &Path) -> Result<Self, Error> {
        let named = |path: &Path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
            SUFFIXES.iter().find(|(suffix, _)| name.ends_with(suffix)).map(|(_, form)| *form)
        };
        let (codec, path) = Codec::of(whole);
        let text = codec.and_then(|_| named(path)).filter(|form| form.is_text());
        if let Some(form) = named(whole).or(text) {
            return Ok(form);
        }
        match path.extension().and_then(|suffix| suffix.to_str()) {
            // Devices and pipes have no suffix.
            None => Ok(Self::Jsonl),
            Some(other) => Err(Error::Config(format!(
                "`{}`: no format is known for `.{other}`\nhint: use {}, .html or .md for a report, or say --format; .gz or .zst behind it compresses",
                whole.display(),
                listed(SUFFIXES.iter().map(|(suffix, _)| *suffix))
            ))),
        }
    }

    /// What speaks against this file.
    pub(crate) fn objection(self, path: &Path) -> Option<&'static str> {
        let directory = path.parent().filter(|directory| *directory != Path::new(""));
        match self {
            Self::Sqlite if is_special(path) => Some("a database can only be an ordinary file"),
            Self::Parquet if !parquet::IS_PRESENT => Some(
                "this gannet is built without Parquet\nhint: build it with `--features parquet`, or write .jsonl.zst, which readers of Parquet read too",
            ),
            // It is written at the end: too late to find out that it cannot be.
            Self::Parquet if is_special(path) || directory.is_some_and(|directory| !directory.is_dir()) => {
                Some("it is no ordinary file, or is to be in no directory")
            }
            _ => None,
        }
    }

    /// Whether a file of it can be compressed as a whole.
    pub(crate) fn is_text(self) -> bool {
        matches!(self, Self::Human | Self::Jsonl | Self::Json | Self::Csv | Self::Tsv)
    }

    /// What makes bytes of a record, for stdout or for a file.
    pub(crate) fn encoder(self, fields: Option<&[String]>, to_stdout: bool) -> Box<dyn Encoder> {
        let fields = fields.map(<[String]>::to_vec);
        let table = |csv: Csv| csv.for_terminal(to_stdout && io::stdout().is_terminal());
        match self {
            Self::Human => Box::new(Human::new(to_stdout && use_colour(&io::stdout()))),
            Self::Json => Box::new(Json::new(fields)),
            Self::Csv => Box::new(table(Csv::new(fields))),
            Self::Tsv => Box::new(table(Csv::new(fields).with_tabs())),
            // Neither an archive nor a database nor Parquet is written by an encoder, so nobody asks for that of one.
            Self::Jsonl | Self::Sqlite | Self::Parquet | Self::Warc(_) => Box::new(JsonLines::new(fields)),
        }
    }
}

/// Words in a row: `a, b or c`.
fn listed<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let words: Vec<_> = words.collect();
    match words.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => words.concat(),
    }
}
