//! Sorts more lines than memory holds: sorted runs in temporary files, merged at the end.
//!
//! The index uses it, whose lines are as many as the archive has answers. Memory is [`BATCH`] and a buffer for each run:
//! [`WAYS`] runs of one size are merged into one of the next, so there are few of them, and each line is written a few
//! times however many there are.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Seek, Write};
use std::path::PathBuf;

/// Bytes of lines that are sorted in memory.
const BATCH: usize = 8 << 20;
/// Runs that are merged at once.
const WAYS: usize = 32;

/// Takes lines in any order, gives them sorted by their bytes.
pub(super) struct Sorter {
    /// Where temporary files are made.
    directory: PathBuf,
    batch: Vec<String>,
    bytes: usize,
    most: usize,
    /// Runs by size: the next level holds those that were merged.
    levels: Vec<Vec<File>>,
}

impl Sorter {
    pub(super) fn new(directory: PathBuf) -> Self {
        Self::with_batch(directory, BATCH)
    }

    fn with_batch(directory: PathBuf, most: usize) -> Self {
        Self { directory, batch: Vec::new(), bytes: 0, most, levels: Vec::new() }
    }

    /// Takes a line, which has no line break.
    pub(super) fn push(&mut self, line: String) -> io::Result<()> {
        self.bytes += line.len() + size_of::<String>();
        self.batch.push(line);
        if self.bytes < self.most { Ok(()) } else { self.spill() }
    }

    /// Gives all lines in order.
    pub(super) fn finish(mut self, mut take: impl FnMut(&str) -> io::Result<()>) -> io::Result<()> {
        self.batch.sort_unstable();
        if self.levels.is_empty() {
            return self.batch.iter().try_for_each(|line| take(line));
        }
        self.spill()?;
        merge(self.levels.into_iter().flatten().collect(), take)
    }

    fn spill(&mut self) -> io::Result<()> {
        self.batch.sort_unstable();
        self.bytes = 0;
        let lines = std::mem::take(&mut self.batch);
        let mut run = self.write(|out| lines.iter().try_for_each(|line| line_to(out, line)))?;
        for level in 0.. {
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            self.levels[level].push(run);
            if self.levels[level].len() < WAYS {
                break;
            }
            let runs = std::mem::take(&mut self.levels[level]);
            run = self.write(|out| merge(runs, |line| line_to(out, line)))?;
        }
        Ok(())
    }

    fn write(&self, fill: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> io::Result<File> {
        let mut out = BufWriter::new(tempfile::tempfile_in(&self.directory)?);
        fill(&mut out)?;
        out.into_inner().map_err(io::IntoInnerError::into_error)
    }
}

fn line_to(out: &mut impl Write, line: &str) -> io::Result<()> {
    out.write_all(line.as_bytes())?;
    out.write_all(b"\n")
}

/// Gives the lines of all runs in order.
fn merge(runs: Vec<File>, mut take: impl FnMut(&str) -> io::Result<()>) -> io::Result<()> {
    let mut readers = Vec::with_capacity(runs.len());
    let mut heap = BinaryHeap::with_capacity(runs.len());
    for mut run in runs {
        run.rewind()?;
        let mut reader = BufReader::with_capacity(64 << 10, run);
        if let Some(line) = next(&mut reader)? {
            heap.push(Reverse((line, readers.len())));
        }
        readers.push(reader);
    }
    while let Some(Reverse((line, nth))) = heap.pop() {
        take(&line)?;
        if let Some(line) = next(&mut readers[nth])? {
            heap.push(Reverse((line, nth)));
        }
    }
    Ok(())
}

fn next(reader: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = String::new();
    let read = reader.read_line(&mut line)?;
    line.truncate(line.trim_end_matches('\n').len());
    Ok((read > 0).then_some(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_lines_come_sorted() {
        let directory = tempfile::tempdir().unwrap();
        for count in [0, 1, 50, 20_000u64] {
            // Small batches, so that runs are merged twice over.
            let mut sorter = Sorter::with_batch(directory.path().to_owned(), 500);
            let mut lines: Vec<_> =
                (0..count).map(|n| format!("{:x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40)).collect();
            lines.iter().try_for_each(|line| sorter.push(line.clone())).unwrap();
            assert!(count < 20_000 || sorter.levels.len() > 1);
            lines.sort_unstable();
            let mut sorted = Vec::new();
            sorter
                .finish(|line| {
                    sorted.push(line.to_owned());
                    Ok(())
                })
                .unwrap();
            assert!(sorted == lines, "{count}");
        }
    }
}
