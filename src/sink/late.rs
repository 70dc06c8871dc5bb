//! Outputs that are written as a whole, at the end: reports, and forms whose end says what is in them.
//!
//! Until then what they need of each outcome waits as encoded bytes in a file, so memory does not grow with the run. In a
//! job that file is one of its [tracked](crate::job::Tracked) outputs: what waits survives the process, and each run
//! writes the whole anew.

use std::io::{self, Write};

use super::{Encoder, Lines, Sink};
use crate::outcome::Outcome;

/// Writes the output, from the file that it knows; called once, after the last record.
pub type Make = Box<dyn FnOnce() -> io::Result<()> + Send>;

/// Keeps encoded records in a file and has the output made of it at the end.
pub struct Late<E, W> {
    waiting: Lines<E, W>,
    make: Make,
}

impl<E: Encoder, W: Write + Send> Late<E, W> {
    /// Keeps records in `out`, which has `length` bytes, and calls `make` at the end.
    pub fn new(encoder: E, out: W, length: u64, make: Make) -> Self {
        Self { waiting: Lines::continued(encoder, out, length), make }
    }
}

impl<E: Encoder, W: Write + Send> Sink for Late<E, W> {
    fn write(&mut self, outcome: &Outcome) -> io::Result<()> {
        self.waiting.write(outcome)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.waiting.flush()
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        let Self { waiting, make } = *self;
        Box::new(waiting).finish()?;
        make()
    }
}
