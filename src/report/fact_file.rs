//! A file of records, read line by line, compressed or not.
//!
//! Whoever gave it may have given anything, so a line has a cap, and what is no record says where it stands. A file may end
//! within a record, or within what it is compressed with, when the run that wrote it was killed: what is whole counts.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use super::Fact;

/// Bytes of a line at most: a record with a body of 100 MiB has less.
const LONGEST: u64 = 256 << 20;

/// Bytes read at once.
const BUFFER: usize = 256 << 10;

/// See the module. Ends after the first error.
pub(super) struct FactFile {
    reader: Box<dyn BufRead + Send>,
    name: String,
    line: Vec<u8>,
    nth: u64,
    end: Option<End>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Whole,
    Cut,
    Failed,
}

impl FactFile {
    pub(super) fn open(path: &Path, name: String) -> io::Result<Self> {
        let named = |why: io::Error| io::Error::new(why.kind(), format!("cannot read `{name}`: {why}"));
        let mut file = BufReader::with_capacity(BUFFER, File::open(path).map_err(named)?);
        // Told by how it begins (RFC 1952 §2.3.1, RFC 8878 §3.1.1), since stdin has no suffix.
        let reader: Box<dyn BufRead + Send> = match file.fill_buf().map_err(named)? {
            [0x1f, 0x8b, ..] => buffered(MultiGzDecoder::new(file)),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => {
                buffered(zstd::stream::read::Decoder::with_buffer(file).map_err(named)?)
            }
            _ => Box::new(file),
        };
        Ok(Self { reader, name, line: Vec::new(), nth: 0, end: None })
    }

    /// Whether it ended within a record; known once it was read.
    pub(super) fn is_cut(&self) -> bool {
        self.end == Some(End::Cut)
    }

    /// The next record; `None` at the end.
    fn fact(&mut self) -> io::Result<Option<Fact>> {
        self.line.clear();
        self.nth += 1;
        match (&mut self.reader).take(LONGEST).read_until(b'\n', &mut self.line) {
            Ok(0) => {
                self.end = Some(End::Whole);
                return Ok(None);
            }
            Ok(_) => {}
            Err(why) if why.kind() == io::ErrorKind::UnexpectedEof => {
                self.end = Some(End::Cut);
                return Ok(None);
            }
            Err(why) => {
                return Err(io::Error::new(why.kind(), format!("cannot read `{}`: {why}", self.name)));
            }
        }
        let is_last = self.line.last() != Some(&b'\n');
        match parse(&self.line) {
            Ok(fact) => Ok(Some(fact)),
            Err(_) if is_last && self.nth > 1 && (self.line.len() as u64) < LONGEST => {
                self.end = Some(End::Cut);
                Ok(None)
            }
            Err(why) => {
                let text = format!("`{}`, line {}, is no record: {why}", self.name, self.nth);
                Err(io::Error::new(io::ErrorKind::InvalidData, text))
            }
        }
    }
}

fn buffered(reader: impl Read + Send + 'static) -> Box<dyn BufRead + Send> {
    Box::new(BufReader::with_capacity(BUFFER, reader))
}

fn parse(line: &[u8]) -> Result<Fact, String> {
    if line.len() as u64 >= LONGEST {
        return Err(format!("it is longer than {} MiB", LONGEST >> 20));
    }
    // serde's place is that in the line, which is always its first.
    let fact: Fact = serde_json::from_slice(line).map_err(|why| {
        let text = why.to_string();
        let what = text.split(" at line ").next().unwrap_or(&text);
        format!("{what} at column {}", why.column())
    })?;
    match (fact.schema, fact.outcome.is_empty()) {
        (Some(schema), _) if schema != crate::outcome::SCHEMA => {
            Err(format!("it is of schema {schema}, which this version does not know"))
        }
        (_, true) => Err("it has no `outcome`".into()),
        _ => Ok(fact),
    }
}

impl Iterator for FactFile {
    type Item = io::Result<Fact>;

    fn next(&mut self) -> Option<io::Result<Fact>> {
        if self.end.is_some() {
            return None;
        }
        let next = self.fact().transpose();
        if matches!(next, Some(Err(_))) {
            self.end = Some(End::Failed);
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use crate::report::Facts;

    const RECORD: &str = "{\"schema\":1,\"outcome\":\"finished\",\"url\":\"http://h/\"}\n";

    fn facts(bytes: &[u8]) -> (tempfile::NamedTempFile, Facts) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        let facts = Facts::named(vec![(file.path().to_owned(), "x".into())]);
        (file, facts)
    }

    fn gzipped(text: &str) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn what_is_whole_counts() {
        let noise: String = (0..4000).map(|n| RECORD.replace("h/", &format!("h/{n}"))).collect();
        let gz = gzipped(&noise);
        let zst = zstd::encode_all(noise.as_bytes(), 3).unwrap();
        for (bytes, records, cut) in [
            (RECORD.repeat(3).into_bytes(), 3..=3, false),
            (RECORD.trim_end().into(), 1..=1, false),
            (format!("{RECORD}{}", &RECORD[..20]).into_bytes(), 1..=1, true),
            (Vec::new(), 0..=0, false),
            ([gzipped(RECORD), gzipped(RECORD)].concat(), 2..=2, false),
            (gz.clone(), 4000..=4000, false),
            (gz[..gz.len() / 2].to_vec(), 1..=3999, true),
            (zst.clone(), 4000..=4000, false),
            (zst[..zst.len() - 4].to_vec(), 0..=4000, true),
        ] {
            let (_file, facts) = facts(&bytes);
            let checked = facts.check().unwrap();
            assert!(records.contains(&checked.records), "{checked:?}, not {records:?}");
            assert_eq!(checked.cut.len(), usize::from(cut), "{checked:?}");
            assert_eq!(facts.read().unwrap().map(Result::unwrap).count() as u64, checked.records);
        }
    }

    #[test]
    fn what_is_no_record_says_where() {
        for (text, why) in [
            ("[\n".into(), "`x`, line 1, is no record: EOF while parsing a list at column"),
            ("{\"schema\":1".into(), "`x`, line 1, is no record: EOF while parsing"),
            (
                format!("{RECORD}{RECORD}nonsense\n{RECORD}"),
                "`x`, line 3, is no record: expected ident at column",
            ),
            (format!("{RECORD}\n{RECORD}"), "`x`, line 2, is no record: EOF"),
            (
                format!("{RECORD}{{\"url\":\"http://h/\"}}\n"),
                "`x`, line 2, is no record: it has no `outcome`",
            ),
            (RECORD.replace(":1,", ":2,"), "`x`, line 1, is no record: it is of schema 2"),
            (RECORD.replace("\"http://h/\"", "7"), "`x`, line 1, is no record: invalid type: integer `7`"),
        ] {
            let (_file, facts) = facts(text.as_bytes());
            let error = facts.check().unwrap_err().to_string();
            assert!(error.starts_with(why), "{error}");
        }
        let missing = Facts::of("/nonexistent/x").check().unwrap_err().to_string();
        assert!(missing.starts_with("cannot read `/nonexistent/x`: "), "{missing}");
    }
}
