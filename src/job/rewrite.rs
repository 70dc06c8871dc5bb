//! Takes records out of an output: those of URLs that are to be fetched again. The file without them stands beside the
//! old one until [`retry`](super::retry) puts it in its place.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;

use super::text::Text;
use super::{Kept, Kind};
use crate::error::Error;
use crate::sink::{Codec, Packed, sqlite};

/// Writes the file at `path` to `new_path` without the records with these numbers. Nothing of it counts beyond `length`.
///
/// # Errors
/// [`Error::Config`] when its records cannot be told apart: it is no JSON Lines, CSV, TSV or SQLite, or has no field `seq`.
pub(super) fn without(
    Kept { path, kind }: &Kept,
    new_path: &Path,
    length: u64,
    seqs: &HashSet<u64>,
) -> Result<(), Error> {
    let name = path.display();
    let io = |why| Error::Io(format!("cannot write `{name}` anew"), why);
    if *kind == Kind::Rows {
        return sqlite::without(path, new_path, length, seqs).map_err(io);
    }
    let old = File::open(path).map_err(io)?.take(length);
    let Some((text, old)) = Text::open(path, old).map_err(io)? else { return Err(unfit(path)) };
    let file = File::create(new_path).map_err(io)?;
    let out = BufWriter::with_capacity(256 << 10, &file);
    let mut new: Box<dyn Write> = match Codec::of(path) {
        (Some(codec), _) => Box::new(Packed::new(codec, out, 0)),
        (None, _) => Box::new(out),
    };
    let copied = match text {
        Text::Lines => copy_lines(old, &mut new, seqs),
        Text::Table(delimiter) => copy_table(old, &mut new, delimiter, seqs),
    };
    match copied.and_then(|all| new.flush().map(|()| all)) {
        Ok(true) => file.sync_all().map_err(io),
        Ok(false) => Err(unfit(path)),
        Err(why) => Err(io(why)),
    }
}

fn unfit(path: &Path) -> Error {
    Error::Config(format!(
        "the records of failed URLs cannot be found in `{}`: that needs JSON Lines, CSV or TSV with the field `seq`\nhint: `gannet job DIR --failed` lists these URLs, to be fetched by another job",
        path.display()
    ))
}

/// `false` when a record has no number.
fn copy_lines(old: impl Read, new: &mut impl Write, seqs: &HashSet<u64>) -> io::Result<bool> {
    #[derive(serde::Deserialize)]
    struct Line {
        seq: Option<u64>,
    }
    let (mut old, mut line) = (BufReader::with_capacity(256 << 10, old), Vec::new());
    while old.read_until(b'\n', &mut line)? > 0 {
        let Ok(Line { seq: Some(seq) }) = serde_json::from_slice(&line) else { return Ok(false) };
        if !seqs.contains(&seq) {
            new.write_all(&line)?;
        }
        line.clear();
    }
    Ok(true)
}

fn copy_table(old: impl Read, new: &mut impl Write, delimiter: u8, seqs: &HashSet<u64>) -> io::Result<bool> {
    let mut old = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(old);
    let mut new = csv::WriterBuilder::new().delimiter(delimiter).from_writer(new);
    let headers = old.byte_headers()?.clone();
    let Some(column) = headers.iter().position(|name| name == b"seq") else { return Ok(false) };
    new.write_byte_record(&headers)?;
    for record in old.byte_records() {
        let record = record?;
        let seq = std::str::from_utf8(&record[column]).ok().and_then(|seq| seq.parse().ok());
        let Some(seq) = seq else { return Ok(false) };
        if !seqs.contains(&seq) {
            new.write_byte_record(&record)?;
        }
    }
    new.flush()?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_taken_out_by_number() {
        let directory = tempfile::tempdir().unwrap();
        let new = directory.path().join("new");
        let without = |path: &Path, new: &Path, length, seqs: &HashSet<u64>| {
            super::without(&Kept { path: path.to_owned(), kind: Kind::File }, new, length, seqs)
        };
        let path = directory.path().join("a.jsonl");
        std::fs::write(&path, "{\"seq\":1}\n{\"seq\":2}\n{\"seq\":3}\ngarbage").unwrap();
        without(&path, &new, 30, &HashSet::from([2])).unwrap();
        assert_eq!(std::fs::read_to_string(&new).unwrap(), "{\"seq\":1}\n{\"seq\":3}\n");
        let path = directory.path().join("a.csv");
        std::fs::write(&path, "url,seq\n\"a,b\",1\nc,2\n").unwrap();
        without(&path, &new, 20, &HashSet::from([2])).unwrap();
        assert_eq!(std::fs::read_to_string(&new).unwrap(), "url,seq\n\"a,b\",1\n");
        std::fs::write(&path, "url\na\n").unwrap();
        assert!(without(&path, &new, 6, &HashSet::new()).is_err());
    }
}
