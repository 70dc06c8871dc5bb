//! Records in the order in which they finish (`--mode as-completed`).

use std::io::{self, Write};

use super::{Encoder, Sink};
use crate::outcome::Outcome;

/// Bytes gathered before they are written without a flush.
const BUFFER: usize = 64 * 1024;

/// Writes each record as it comes; whole records only.
pub struct Lines<E, W> {
    encoder: E,
    out: W,
    buffer: Vec<u8>,
    empty: bool,
}

impl<E: Encoder, W: Write + Send> Lines<E, W> {
    /// A sink that writes to `out`, which need not buffer.
    pub fn new(encoder: E, out: W) -> Self {
        Self { buffer: encoder.head(), encoder, out, empty: true }
    }

    /// A sink that goes on with an output that has this many bytes.
    pub fn continued(encoder: E, out: W, length: u64) -> Self {
        let head = encoder.head();
        let empty = length <= head.len() as u64;
        Self { buffer: if length == 0 { head } else { Vec::new() }, encoder, out, empty }
    }

    fn hand_on(&mut self) -> io::Result<()> {
        self.out.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }
}

impl<E: Encoder, W: Write + Send> Sink for Lines<E, W> {
    fn write(&mut self, outcome: &Outcome) -> io::Result<()> {
        if !std::mem::replace(&mut self.empty, false) {
            self.buffer.extend_from_slice(self.encoder.separator());
        }
        self.encoder.encode(outcome, &mut self.buffer)?;
        if self.buffer.len() >= BUFFER { self.hand_on() } else { Ok(()) }
    }

    /// The head waits for the first record, so that an output of any length but 0 has one, however that is counted.
    fn flush(&mut self) -> io::Result<()> {
        if self.empty {
            return Ok(());
        }
        self.hand_on()?;
        self.out.flush()
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.buffer.extend_from_slice(self.encoder.tail());
        self.hand_on()?;
        self.out.flush()
    }
}
