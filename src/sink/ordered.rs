//! Records in the order of the input, once all are done (`--mode gather`).
//!
//! What is done before its turn waits as encoded bytes, in memory up to [`SPILL`] and in a temporary
//! file beyond, so that memory does not grow with the bodies; 32 bytes per record remain.

use std::io::{self, Read as _, Seek as _, SeekFrom, Write};

use tempfile::SpooledTempFile;

use super::{Encoder, Sink};
use crate::outcome::{Outcome, Position};

/// Bytes of records held in memory.
const SPILL: usize = 32 * 1024 * 1024;

/// Holds all records back and writes them sorted by their place in the input.
pub struct Ordered<E, W> {
    encoder: E,
    out: W,
    spool: SpooledTempFile,
    index: Vec<Held>,
    buffer: Vec<u8>,
    end: u64,
}

/// Where a record stands in the spool, and in the input.
struct Held {
    position: Position,
    start: u64,
}

impl<E: Encoder, W: Write + Send> Ordered<E, W> {
    /// A sink that writes to `out` at the end.
    pub fn new(encoder: E, out: W) -> Self {
        let spool = SpooledTempFile::new(SPILL);
        Self { encoder, out, spool, index: Vec::new(), buffer: Vec::new(), end: 0 }
    }
}

impl<E: Encoder, W: Write + Send> Sink for Ordered<E, W> {
    fn write(&mut self, outcome: &Outcome) -> io::Result<()> {
        self.index.push(Held { position: outcome.position, start: self.end });
        self.buffer.clear();
        self.encoder.encode(outcome, &mut self.buffer)?;
        self.end += self.buffer.len() as u64;
        self.spool.write_all(&self.buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        let ends = self.index.iter().skip(1).map(|held| held.start).chain([self.end]);
        let mut records: Vec<_> =
            self.index.iter().zip(ends).map(|(held, end)| (held.position, held.start, end)).collect();
        records.sort_unstable();
        let mut out = io::BufWriter::with_capacity(256 * 1024, self.out);
        out.write_all(&self.encoder.head())?;
        for (nth, (_, start, end)) in records.into_iter().enumerate() {
            if nth > 0 {
                out.write_all(self.encoder.separator())?;
            }
            self.buffer.resize((end - start) as usize, 0);
            self.spool.seek(SeekFrom::Start(start))?;
            self.spool.read_exact(&mut self.buffer)?;
            out.write_all(&self.buffer)?;
        }
        out.write_all(self.encoder.tail())?;
        out.flush()
    }
}
