//! Records of a job in the order of its input (`--mode gather`): kept in a tracked file of the job as they come, and
//! [delivered](deliver) sorted when the job is complete.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use super::output::Tracked;
use crate::outcome::{Outcome, Position};
use crate::sink::{Encoder, Sink};

/// What stands before a record in the spool: source (4), line (8), length (8), little endian.
const FRONT: usize = 20;

/// A sink that keeps encoded records with their places.
pub struct Spool<E> {
    encoder: E,
    out: Tracked,
    buffer: Vec<u8>,
}

impl<E: Encoder> Spool<E> {
    /// Keeps records in `out`.
    pub fn new(encoder: E, out: Tracked) -> Self {
        Self { encoder, out, buffer: Vec::new() }
    }
}

impl<E: Encoder> Sink for Spool<E> {
    fn write(&mut self, outcome: &Outcome) -> io::Result<()> {
        let start = self.buffer.len();
        self.buffer.extend_from_slice(&outcome.position.source.to_le_bytes());
        self.buffer.extend_from_slice(&outcome.position.line.to_le_bytes());
        self.buffer.extend_from_slice(&[0; 8]);
        self.encoder.encode(outcome, &mut self.buffer)?;
        let length = (self.buffer.len() - start - FRONT) as u64;
        self.buffer[start + 12..start + FRONT].copy_from_slice(&length.to_le_bytes());
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.flush()
    }
}

/// Writes the records of a spool to `out` in the order of the input. 32 bytes of memory per record.
///
/// # Errors
/// When reading or writing fails, or the spool is damaged.
pub fn deliver(spool: &Path, encoder: &dyn Encoder, out: impl Write) -> io::Result<()> {
    let file = File::open(spool)?;
    let mut records = index(&file)?;
    records.sort_unstable();
    let mut out = BufWriter::with_capacity(256 * 1024, out);
    out.write_all(&encoder.head())?;
    let (mut file, mut record) = (file, Vec::new());
    for (nth, (_, start, length)) in records.into_iter().enumerate() {
        if nth > 0 {
            out.write_all(encoder.separator())?;
        }
        record.resize(length as usize, 0);
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(&mut record)?;
        out.write_all(&record)?;
    }
    out.write_all(encoder.tail())?;
    out.flush()
}

/// Place, start and length of every record.
fn index(file: &File) -> io::Result<Vec<(Position, u64, u64)>> {
    let end = file.metadata()?.len();
    let mut reader = BufReader::with_capacity(256 * 1024, file);
    let (mut records, mut at, mut front) = (Vec::new(), 0, [0; FRONT]);
    while at < end {
        reader.read_exact(&mut front)?;
        let number = |from: usize, to: usize| {
            front[from..to].iter().rev().fold(0, |number: u64, byte| number << 8 | u64::from(*byte))
        };
        let position = Position { source: number(0, 4) as u32, line: number(4, 12) };
        let length = number(12, 20);
        at += FRONT as u64;
        records.push((position, at, length));
        at += length;
        reader.seek_relative(length as i64)?;
    }
    Ok(records)
}
