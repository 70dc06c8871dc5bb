//! The lines of a file of records, of which those that are kept can be read again by their place.
//!
//! A line that is kept stays where it is if the file is an ordinary one; of one that is compressed, or a pipe, it is copied into a
//! temporary file, which is gone when it is closed. A line of more than [`LONGEST`] bytes is passed over: its page is asked for
//! as if nobody knew it.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write as _};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

/// Bytes of a line that is looked at: each fetch that is under way may hold one.
const LONGEST: u64 = 16 << 20;

/// Bytes read at once.
const BUFFER: usize = 256 << 10;

/// See the module.
pub(super) struct Lines {
    reader: Box<dyn BufRead>,
    line: Vec<u8>,
    /// Where the line begins, and where the next does.
    place: (u64, u64),
    number: u64,
    copy: Option<(BufWriter<File>, u64)>,
    file: Option<File>,
}

impl Lines {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let again = file.metadata()?.is_file().then(|| file.try_clone()).transpose()?;
        let mut file = BufReader::with_capacity(BUFFER, file);
        // Told by how it begins (RFC 1952 §2.3.1, RFC 8878 §3.1.1).
        let (reader, is_plain): (Box<dyn BufRead>, _) = match file.fill_buf()? {
            [0x1f, 0x8b, ..] => (buffered(MultiGzDecoder::new(file)), false),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => {
                (buffered(zstd::stream::read::Decoder::with_buffer(file)?), false)
            }
            _ => (Box::new(file), true),
        };
        let file = again.filter(|_| is_plain);
        let copy = match &file {
            Some(_) => None,
            None => Some((BufWriter::with_capacity(BUFFER, tempfile::tempfile()?), 0)),
        };
        Ok(Self { reader, line: Vec::new(), place: (0, 0), number: 0, copy, file })
    }

    /// Goes to the next line; `false` at the end, also of what is compressed and cut off.
    pub(super) fn advance(&mut self) -> io::Result<bool> {
        loop {
            self.line.clear();
            self.number += 1;
            self.place.0 = self.place.1;
            let read = match (&mut self.reader).take(LONGEST).read_until(b'\n', &mut self.line) {
                Err(why) if why.kind() == io::ErrorKind::UnexpectedEof => 0,
                read => read?,
            };
            self.place.1 += read as u64;
            if read == 0 {
                return Ok(false);
            }
            if (read as u64) < LONGEST || self.line.ends_with(b"\n") {
                return Ok(true);
            }
            self.place.1 += self.reader.skip_until(b'\n')? as u64;
        }
    }

    /// The line, with what ends it.
    pub(super) fn line(&self) -> &[u8] {
        &self.line
    }

    /// The number of the line, from 1.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Whether the line has no end.
    pub(super) fn is_at_end(&self) -> bool {
        !self.line.ends_with(b"\n")
    }

    /// Where the line can be read again, and its length.
    pub(super) fn keep(&mut self) -> io::Result<(u64, u32)> {
        let length = self.line.len() as u32; // at most `LONGEST`
        let Some((copy, written)) = &mut self.copy else { return Ok((self.place.0, length)) };
        copy.write_all(&self.line)?;
        let offset = *written;
        *written += u64::from(length);
        Ok((offset, length))
    }

    /// The file to read them from.
    pub(super) fn into_file(self) -> io::Result<File> {
        match (self.copy, self.file) {
            (Some((copy, _)), _) => copy.into_inner().map_err(io::IntoInnerError::into_error),
            (None, Some(file)) => Ok(file),
            (None, None) => tempfile::tempfile(),
        }
    }
}

fn buffered(reader: impl Read + 'static) -> Box<dyn BufRead> {
    Box::new(BufReader::with_capacity(BUFFER, reader))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_too_long_is_passed_over() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let long = vec![b'x'; LONGEST as usize + 10];
        file.write_all(&[b"a\n", &long[..], b"\nlast\n"].concat()).unwrap();
        let mut lines = Lines::open(file.path()).unwrap();
        assert!(lines.advance().unwrap() && lines.line() == b"a\n");
        assert!(lines.advance().unwrap() && lines.line() == b"last\n");
        assert_eq!((lines.number(), lines.keep().unwrap()), (3, (LONGEST + 13, 5)));
        assert!(!lines.advance().unwrap());
    }
}
