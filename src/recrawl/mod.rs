//! [`Earlier`]: what an earlier run recorded, so that this one asks only whether a page has changed.
//!
//! The command opens it once, before the run; workers look a URL up before they ask for it, off the runtime's threads. The records
//! stay where they are, in the file of that run, or in a temporary one if that is compressed. Memory is 8 bytes for every 256 of
//! them. What can be asked about is a page that answered 200 in full and with a validator (RFC 9110 §8.8); validators are
//! those of the URL that answered, after redirects.

mod index;
mod lines;
mod page;

use std::fmt;
use std::fs::File;
use std::io;
use std::path::Path;

pub use self::page::{EarlierLink, EarlierPage};

use self::index::{Builder, Index, Place};
use self::lines::Lines;
use crate::url::{CrawlUrl, Fingerprinter};

/// See the module.
pub struct Earlier {
    index: Index,
    /// Where the lines are that the index names.
    records: File,
    fingerprinter: Fingerprinter,
    pages: u64,
    without_links: u64,
}

impl Earlier {
    /// Reads a file of records once, compressed or not. Blocks.
    ///
    /// # Errors
    /// When it cannot be read, or a line is no record; what stands last may be cut off.
    pub fn open(path: &Path) -> io::Result<Self> {
        let name = path.display();
        let named = |why: io::Error| io::Error::new(why.kind(), format!("cannot read `{name}`: {why}"));
        let (fingerprinter, mut builder) = (Fingerprinter::random(), Builder::default());
        let (mut pages, mut without_links) = (0, 0);
        let mut lines = Lines::open(path).map_err(named)?;
        while lines.advance().map_err(named)? {
            let head = match page::head(lines.line()) {
                Ok(head) => head,
                Err(_) if lines.is_at_end() && lines.number() > 1 => break,
                Err(why) => {
                    let text = format!("`{name}`, line {}, is no record: {why}", lines.number());
                    return Err(io::Error::new(io::ErrorKind::InvalidData, text));
                }
            };
            let Some((url, has_links)) = head.subject() else { continue };
            let fingerprint = fingerprinter.fingerprint(&url);
            let (offset, length) = lines.keep()?;
            builder.add(Place { fingerprint, offset, length })?;
            pages += 1;
            without_links += u64::from(!has_links);
        }
        Ok(Self {
            index: builder.finish()?,
            records: lines.into_file()?,
            fingerprinter,
            pages,
            without_links,
        })
    }

    /// How many records can be asked about.
    pub fn pages(&self) -> u64 {
        self.pages
    }

    /// How many of them do not tell the links of their page.
    pub fn without_links(&self) -> u64 {
        self.without_links
    }

    /// The last record of a URL that can be asked about, if there is one. Blocks.
    ///
    /// # Errors
    /// When the disk says so.
    pub fn page(&self, url: &CrawlUrl) -> io::Result<Option<EarlierPage>> {
        let places = self.index.find(self.fingerprinter.fingerprint(url))?;
        for Place { offset, length, .. } in places.into_iter().rev() {
            let mut line = vec![0; length as usize];
            read_at(&self.records, &mut line, offset)?;
            // It was one when it was indexed; should the file have been written over since, nothing is known.
            let page = page::read(&line).ok();
            if let Some(page) = page.filter(|page| page.url == url.as_str()) {
                return Ok(Some(page));
            }
        }
        Ok(None)
    }
}

impl fmt::Debug for Earlier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Earlier").field("pages", &self.pages).finish_non_exhaustive()
    }
}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, offset)
}

#[cfg(windows)]
fn read_at(file: &File, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !buffer.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, buffer, offset)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => {
                buffer = &mut buffer[read..];
                offset += read as u64;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn record(url: &str, more: &str) -> String {
        format!(
            "{{\"schema\":1,\"timestamp\":\"2026-11-20T00:00:00.000Z\",\"url\":\"{url}\",\"final_url\":\"{url}\",\"method\":\"GET\",\
             \"outcome\":\"finished\",\"status_code\":200{more}}}\n"
        )
    }

    fn open(bytes: &[u8]) -> io::Result<Earlier> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        Earlier::open(file.path())
    }

    fn url(text: &str) -> CrawlUrl {
        CrawlUrl::parse(text).unwrap()
    }

    #[test]
    fn every_page_is_found_however_the_file_is_packed() {
        let tag = |n: u32| format!(",\"etag\":\"\\\"{n}\\\"\"");
        let text: String = (0..3000).map(|n| record(&format!("http://h/{n}"), &tag(n))).collect();
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gz.write_all(text.as_bytes()).unwrap();
        for bytes in
            [text.clone().into(), gz.finish().unwrap(), zstd::encode_all(text.as_bytes(), 3).unwrap()]
        {
            let earlier = open(&bytes).unwrap();
            assert_eq!((earlier.pages(), earlier.without_links()), (3000, 3000));
            for n in 0..3000 {
                let page = earlier.page(&url(&format!("http://h/{n}"))).unwrap().unwrap();
                assert_eq!(page.etag, Some(format!("\"{n}\"")));
            }
            assert!(earlier.page(&url("http://h/3000")).unwrap().is_none());
        }
    }

    #[test]
    fn the_last_record_of_a_url_counts_and_only_what_can_be_asked_about() {
        let tag = |tag: &str| format!(",\"etag\":\"{tag}\"");
        let not = [
            record("http://h/none", ""),
            record("http://h/cut", &(tag("x") + ",\"truncated\":\"length\"")),
            record("http://h/gone", &tag("x")).replace(":200", ":404"),
            record("http://h/304", &tag("x")).replace(":200", ":304"),
            record("http://h/failed", &tag("x")).replace("finished", "failed"),
            record("http://h/post", &tag("x")).replace("GET", "POST"),
            record("http://u:***@h/", &tag("x")),
        ];
        let still = record("http://h/still", &(tag("x") + ",\"unchanged\":true,\"links\":[]"))
            .replace(":200", ":304");
        let moved = record("http://h/new", &tag("x")).replacen("h/new", "h/old", 1);
        let text = [
            &not.concat()[..],
            &still,
            &moved,
            &record("http://h/", &tag("a")),
            &record("http://h/", &tag("b")),
        ];
        let earlier = open(&[&text.concat()[..], "{\"schema\":1,\"outc"].concat().into_bytes()).unwrap();
        assert_eq!((earlier.pages(), earlier.without_links()), (4, 3));
        let found = |text: &str| earlier.page(&url(text)).unwrap();
        assert_eq!(found("http://h/").unwrap().etag.as_deref(), Some("b"));
        assert!(found("http://h/still").unwrap().links.is_some() && found("http://h/new").is_some());
        for text in ["http://h/old", "http://h/none", "http://u:p@h/"] {
            assert!(found(text).is_none(), "{text}");
        }
    }

    #[test]
    fn what_is_no_record_says_where() {
        for (text, why) in [
            ("x\n".to_owned(), "line 1, is no record: expected value"),
            (
                record("http://h/", "") + "{}\n" + &record("http://h/", ""),
                "line 2, is no record: it has no `outcome`",
            ),
            (record("http://h/", "").replace(":1,", ":2,"), "line 1, is no record: it is of schema 2"),
        ] {
            let error = open(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
        assert!(
            Earlier::open(Path::new("/nonexistent"))
                .unwrap_err()
                .to_string()
                .starts_with("cannot read `/nonexistent`")
        );
        assert_eq!(open(b"").unwrap().pages(), 0);
    }
}
