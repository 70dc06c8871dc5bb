//! The CDXJ index beside an archive: for each answer the file and the place where it stands, sorted by the key of its URL.
//!
//! What pywb and other replay tools look things up in. The lines of this run are collected while it writes, those of
//! earlier runs by reading what they wrote; at the end of a run the index is written as a whole, so that it is there in
//! full or as it was. The format is that of cdxj-indexer.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::parts;
use super::reader::{Reader, Record};
use super::sorter::Sorter;
use super::surt::surt;
use crate::sink::to_json;

/// What is read of a block: more than a head of HTTP has (the client takes 408 KiB).
const HEAD: u64 = 512 << 10;

/// What stands between a line and the number of its part; no line has it.
const MARK: char = '\u{1f}';

/// Where a record stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// The number of its part; that of the open one is what it will get.
    pub(super) part: u32,
    pub(super) offset: u64,
    pub(super) length: u64,
}

/// An answer in the archive.
pub(super) struct Entry<'a> {
    pub(super) uri: &'a str,
    /// As in its record.
    pub(super) date: &'a str,
    pub(super) is_revisit: bool,
    /// The head of HTTP.
    pub(super) head: &'a [u8],
    /// The digest of its payload, as in its record; empty if that has none.
    pub(super) digest: &'a str,
}

impl Entry<'_> {
    /// Its line, up to the name of the file.
    fn line(&self, place: Place) -> io::Result<String> {
        let (status, kind) = of_head(self.head);
        let kind = if self.is_revisit { Some("warc/revisit".to_owned()) } else { kind };
        let timestamp: String = self.date.chars().filter(char::is_ascii_digit).take(14).collect();
        let mut line = format!("{} {timestamp} {{\"url\": {}", surt(self.uri), to_json(&self.uri)?);
        let mut add = |name: &str, value: &str| {
            line += &format!(", \"{name}\": {}", to_json(&value)?);
            io::Result::Ok(())
        };
        if let Some(kind) = kind {
            add("mime", &kind)?;
        }
        add("status", &status)?;
        add("digest", if self.digest.is_empty() { "-" } else { self.digest })?;
        add("length", &place.length.to_string())?;
        add("offset", &place.offset.to_string())?;
        Ok(line)
    }
}

/// The status and the media type that a head names.
fn of_head(head: &[u8]) -> (String, Option<String>) {
    let head = String::from_utf8_lossy(head);
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).unwrap_or_default();
    let kind = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-type"))
        .map(|(_, value)| value.trim().split([' ', ';']).next().unwrap_or_default());
    (status.to_owned(), kind.filter(|kind| !kind.is_empty()).map(str::to_owned))
}

/// The lines of an archive, while they are collected.
pub(super) struct Index {
    sorter: Sorter,
}

impl Index {
    /// An index whose temporary files are in this directory.
    pub(super) fn new(directory: PathBuf) -> Self {
        Self { sorter: Sorter::new(directory) }
    }

    pub(super) fn add(&mut self, entry: &Entry<'_>, place: Place) -> io::Result<()> {
        let line = entry.line(place)?;
        self.sorter.push(format!("{line}{MARK}{}", place.part))
    }

    /// Adds what a part holds up to this length.
    pub(super) fn read(&mut self, path: &Path, part: u32, length: u64) -> io::Result<()> {
        let named = |why: io::Error| io::Error::new(why.kind(), format!("`{}`: {why}", path.display()));
        let file = io::Read::take(File::open(path).map_err(named)?, length);
        Reader::new(file, HEAD).each(|record| self.add_record(&record, part)).map_err(named)
    }

    fn add_record(&mut self, record: &Record, part: u32) -> io::Result<()> {
        let is_revisit = record.kind() == "revisit";
        if !is_revisit && record.kind() != "response" {
            return Ok(());
        }
        let Some((head, _)) = record.http() else { return Ok(()) };
        let field = |name| record.field(name).unwrap_or_default();
        let (uri, date, digest) =
            (field("WARC-Target-URI"), field("WARC-Date"), field("WARC-Payload-Digest"));
        let place = Place { part, offset: record.offset, length: record.length };
        self.add(&Entry { uri, date, is_revisit, head, digest }, place)
    }

    /// Writes the index of the archive at `archive`, whose open part has this number now.
    pub(super) fn write(self, archive: &Path, open: u32) -> io::Result<()> {
        let path = parts::index_path(archive);
        let new = path.with_extension("cdxj.new");
        let name = |part: u32| {
            let path = if part >= open { archive.to_owned() } else { parts::numbered(archive, part) };
            to_json(&path.file_name().unwrap_or_default().to_string_lossy()).map_err(io::Error::from)
        };
        let mut out = BufWriter::new(File::create(&new)?);
        let written = self.sorter.finish(|line| {
            let (line, part) = line.rsplit_once(MARK).unwrap_or((line, ""));
            let part = part.parse().unwrap_or(u32::MAX);
            writeln!(out, "{line}, \"filename\": {}}}", name(part)?)
        });
        let written = written
            .and_then(|()| out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all())
            .and_then(|()| std::fs::rename(&new, path));
        if written.is_err() {
            // On a full disk its room is wanted.
            let _ = std::fs::remove_file(&new);
        }
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_that_of_cdxj_indexer() {
        let entry = Entry {
            uri: "http://example.org/B?c",
            date: "2026-11-21T13:47:58.123456Z",
            is_revisit: false,
            head: b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=x\r\n\r\n",
            digest: "sha1:A",
        };
        let line = entry.line(Place { part: 0, offset: 7, length: 9 }).unwrap();
        assert_eq!(
            line,
            r#"org,example)/b?c 20261121134758 {"url": "http://example.org/B?c", "mime": "text/html", "status": "200", "digest": "sha1:A", "length": "9", "offset": "7""#
        );
        let bare = Entry { head: b"HTTP/1.1 404 \r\n\r\n", ..entry };
        assert!(!bare.line(Place { part: 0, offset: 0, length: 0 }).unwrap().contains("mime"));
    }
}
