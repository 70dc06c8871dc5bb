//! [`Ledger`]: the contents that a job has met, in a file of its directory (`DIR/contents`), so that [`Duplicates`] survives
//! restarts.
//!
//! One line for each content that was new: its hash, its simhash or `-`, the identity of its URL, and the URL as it may be
//! shown. The writer of a job appends a line before the journal says that its page is done, so the file knows all pages that have a record,
//! and perhaps some that are fetched again. Those know themselves by their URL. What is no line, torn or damaged, is left
//! out; that can only miss a duplicate.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use super::{Duplicates, Print};

/// The longest line that is read, bytes: a URL of the longest that gannet follows, or as many of a seed.
const MAX_LINE: u64 = 64 * 1024;

/// See the module.
#[derive(Debug)]
pub struct Ledger {
    file: File,
    lines: Vec<u8>,
}

impl Ledger {
    /// Opens or makes the file, and has `known` remember what it holds.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub fn open(path: &Path, known: &Duplicates) -> io::Result<Self> {
        let mut file = File::options().read(true).write(true).create(true).truncate(false).open(path)?;
        let (mut reader, mut line, mut whole) = (BufReader::new(&file), Vec::new(), 0);
        loop {
            line.clear();
            let length = (&mut reader).take(MAX_LINE).read_until(b'\n', &mut line)?;
            if length == 0 {
                break;
            }
            if line.ends_with(b"\n") {
                whole = reader.stream_position()?;
            }
            if let Some(print) = str::from_utf8(&line).ok().and_then(parse) {
                known.remember(print);
            }
        }
        // What the last process did not write to its end would spoil the next line.
        file.set_len(whole)?;
        file.seek(SeekFrom::Start(whole))?;
        Ok(Self { file, lines: Vec::new() })
    }

    /// Takes a content that is new.
    pub fn add(&mut self, print: &Print) {
        let Print { exact, simhash, page, url } = print;
        let simhash = simhash.map_or_else(|| "-".into(), |simhash| format!("{simhash:016x}"));
        // Nothing in a URL breaks a line, and memory does not fail.
        let _ = writeln!(self.lines, "{exact:032x} {simhash} {page:016x} {url}");
    }

    /// Hands the lines to the operating system.
    ///
    /// # Errors
    /// When writing fails.
    pub fn flush(&mut self) -> io::Result<()> {
        self.file.write_all(&self.lines)?;
        self.lines.clear();
        Ok(())
    }
}

fn parse(line: &str) -> Option<Print> {
    let line = line.strip_suffix('\n')?;
    let mut words = line.splitn(4, ' ');
    let exact = u128::from_str_radix(words.next().filter(|hash| hash.len() == 32)?, 16).ok()?;
    let simhash = match words.next()? {
        "-" => None,
        hash => Some(u64::from_str_radix(hash, 16).ok()?),
    };
    let page = u64::from_str_radix(words.next()?, 16).ok()?;
    Some(Print { exact, simhash, page, url: words.next()?.into() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::Kind;

    fn print(n: u64) -> Print {
        let simhash = (n > 1).then_some(n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        Print { exact: n.into(), simhash, page: n, url: format!("http://h/{n}").into() }
    }

    #[test]
    fn a_file_cut_or_damaged_anywhere_gives_its_whole_lines() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("contents");
        let mut ledger = Ledger::open(&path, &Duplicates::with_key(Kind::Near, (1, 2))).unwrap();
        (1..=3).for_each(|n| ledger.add(&print(n)));
        ledger.flush().unwrap();
        let whole = std::fs::read(&path).unwrap();
        let ends: Vec<_> = (0..whole.len()).filter(|at| whole[*at] == b'\n').collect();
        for length in 0..=whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            let known = Duplicates::with_key(Kind::Near, (1, 2));
            let mut ledger = Ledger::open(&path, &known).unwrap();
            let lines = ends.iter().filter(|end| **end < length).count() as u64;
            for n in 1..=3 {
                let other = Print { page: 9, ..print(n) };
                let expected = (n <= lines).then(|| format!("http://h/{n}"));
                assert_eq!(known.judge(other).duplicate_of.as_deref(), expected.as_deref(), "{length}");
            }
            ledger.add(&print(4));
            ledger.flush().unwrap();
            let lines_now = std::fs::read_to_string(&path)
                .unwrap()
                .lines()
                .filter_map(|l| parse(&format!("{l}\n")))
                .count() as u64;
            assert_eq!(lines_now, lines + 1);
        }
        let mut damaged = whole.clone();
        damaged[ends[0] + 5] = 0xff;
        std::fs::write(&path, [&damaged[..], &[0; 100_000]].concat()).unwrap();
        let known = Duplicates::with_key(Kind::Near, (1, 2));
        Ledger::open(&path, &known).unwrap();
        assert!(known.judge(Print { page: 9, ..print(2) }).duplicate_of.is_none());
        assert!(known.judge(Print { page: 9, ..print(3) }).duplicate_of.is_some());
        assert_eq!(std::fs::metadata(&path).unwrap().len(), whole.len() as u64);
    }
}
