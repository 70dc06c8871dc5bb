//! A Parquet file of a run (`-o crawl.parquet`): typed columns, zstd. `docs/output.md` says which.
//!
//! The end of such a file says what is in it, so it is made as a whole, by [`Late`](super::Late): until then records wait as the lines
//! that [`Rows`] writes, in a file of their own, from which [`write`] makes it. Memory is that of a row group.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Write};
use std::path::Path;
use std::sync::Arc;

use arrow_json::ReaderBuilder;
use arrow_json::reader::Decoder;
use arrow_schema::{DataType, Field, Fields, Schema, TimeUnit};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use serde_json::{Map, Value};

use super::columns::Column;
use super::json::fields_of;
use super::{Encoder, to_json};
use crate::outcome::{FIELDS, Outcome};

/// Whether gannet is built with it.
pub const IS_PRESENT: bool = true;

/// A batch, and a group of rows, end with so many rows or bytes.
const BATCH: (usize, usize) = (1024, 8 << 20);
const GROUP: (usize, usize) = (256 << 10, 64 << 20);
const ZSTD_LEVEL: i32 = 3;

/// Makes the lines that records wait as.
#[derive(Clone, Debug)]
pub struct Rows {
    fields: Option<Vec<String>>,
}

impl Rows {
    /// Of these fields, and `seq`, by which failed URLs are found again; `None` is all.
    pub fn new(fields: Option<Vec<String>>) -> Self {
        Self { fields }
    }
}

impl Encoder for Rows {
    fn encode(&mut self, outcome: &Outcome, out: &mut Vec<u8>) -> io::Result<()> {
        let mut row = Map::new();
        for (name, value) in fields_of(outcome)? {
            let is_asked = |fields: &Vec<String>| name == "seq" || fields.contains(&name);
            if self.fields.as_ref().is_none_or(is_asked) {
                let value = if is_any(&name) { Value::String(to_json(&value)?) } else { value };
                row.insert(name, value);
            }
        }
        serde_json::to_writer(&mut *out, &row)?;
        out.push(b'\n');
        Ok(())
    }
}

/// Fields whose keys or types are not known beforehand: they stand as JSON.
fn is_any(field: &str) -> bool {
    matches!(field, "headers" | "fallback" | "meta")
}

/// Writes the rows of a file as Parquet, with these columns in this order; `None` is all.
///
/// # Errors
/// When reading or writing fails, or a line is none of [`Rows`].
pub fn write(rows: &Path, fields: Option<&[String]>, out: impl Write + Send) -> io::Result<()> {
    let fields: Vec<_> = fields.map_or(FIELDS.to_vec(), |fields| fields.iter().map(String::as_str).collect());
    let schema = Arc::new(Schema::new(fields.into_iter().map(column).collect::<Vec<_>>()));
    let level = ZstdLevel::try_new(ZSTD_LEVEL).map_err(plain)?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_max_row_group_row_count(Some(GROUP.0))
        .set_max_row_group_bytes(Some(GROUP.1))
        .set_created_by(concat!("gannet ", env!("CARGO_PKG_VERSION")).to_owned())
        .build();
    let mut writer = ArrowWriter::try_new(out, Arc::clone(&schema), Some(properties)).map_err(plain)?;
    let decoder = ReaderBuilder::new(schema).with_batch_size(2 * BATCH.0).build_decoder();
    let mut decoder = decoder.map_err(io::Error::other)?;
    let (mut lines, mut line) = (BufReader::with_capacity(256 << 10, File::open(rows)?), Vec::new());
    let mut gathered = (0, 0);
    while lines.read_until(b'\n', &mut line)? > 0 {
        decoder.decode(&line).map_err(io::Error::other)?;
        gathered = (gathered.0 + 1, gathered.1 + line.len());
        line.clear();
        if gathered.0 >= BATCH.0 || gathered.1 >= BATCH.1 {
            write_batch(&mut decoder, &mut writer)?;
            gathered = (0, 0);
        }
    }
    write_batch(&mut decoder, &mut writer)?;
    writer.close().map(drop).map_err(plain)
}

fn write_batch<W: Write + Send>(decoder: &mut Decoder, writer: &mut ArrowWriter<W>) -> io::Result<()> {
    match decoder.flush().map_err(io::Error::other)? {
        Some(batch) => writer.write(&batch).map_err(plain),
        None => Ok(()),
    }
}

/// A column; each may lack a value.
fn column(name: &str) -> Field {
    let text = |name| Field::new(name, DataType::Utf8, true);
    let list = |of: Vec<Field>| DataType::new_list(DataType::Struct(Fields::from(of)), true);
    let kind = match (name, Column::of(name)) {
        (_, Column::Integer) => DataType::Int64,
        (_, Column::Real) => DataType::Float64,
        (_, Column::Boolean) => DataType::Boolean,
        ("timestamp", _) => DataType::Timestamp(TimeUnit::Millisecond, Some("+00:00".into())),
        ("unchanged", _) => DataType::Boolean,
        ("robots", _) => DataType::new_list(DataType::Utf8, true),
        ("chain", _) => list(vec![text("url"), Field::new("status_code", DataType::Int64, true)]),
        ("links", _) => {
            let nofollow = Field::new("nofollow", DataType::Boolean, true);
            list(vec![text("url"), text("tag"), text("attr"), text("kind"), nofollow, text("text")])
        }
        _ => DataType::Utf8,
    };
    Field::new(name, kind, true)
}

/// The error as others of files are told: that of the disk, if it is one.
fn plain(why: ParquetError) -> io::Error {
    match why {
        ParquetError::External(why) => match why.downcast::<io::Error>() {
            Ok(why) => *why,
            Err(why) => io::Error::other(why),
        },
        why => io::Error::other(why),
    }
}
