//! Where the records of an earlier run are, by the fingerprint of their URL: sorted, in a temporary file.
//!
//! [`Builder`] takes places in the order of the file and sorts them in runs of [`RUN`], which are merged at the end; [`Index`] finds all of
//! one fingerprint with one read. In memory is the fingerprint at the start of each [`BLOCK`] of entries. A fingerprint is no
//! proof: whoever finds a place compares the URL there.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek as _, Write as _};

use super::read_at;

/// Places that are sorted in memory, 24 MiB.
const RUN: usize = 1 << 20;

/// Entries to each fingerprint in memory.
const BLOCK: usize = 256;

/// Bytes of an entry.
const ENTRY: usize = 20;

/// Where a record is. Of one fingerprint the later is the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) fingerprint: u64,
    pub(super) offset: u64,
    pub(super) length: u32,
}

impl Place {
    fn to_bytes(self) -> [u8; ENTRY] {
        let mut bytes = [0; ENTRY];
        bytes[..8].copy_from_slice(&self.fingerprint.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.offset.to_le_bytes());
        bytes[16..].copy_from_slice(&self.length.to_le_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Self {
        let number = |at: usize| {
            let part = bytes[at..at + 8].iter().rev();
            part.fold(0u64, |number, byte| number << 8 | u64::from(*byte))
        };
        let length = bytes[16..ENTRY].iter().rev().fold(0u32, |number, byte| number << 8 | u32::from(*byte));
        Self { fingerprint: number(0), offset: number(8), length }
    }
}

/// See the module.
pub(super) struct Builder {
    run: Vec<Place>,
    most: usize,
    runs: Vec<File>,
}

impl Default for Builder {
    fn default() -> Self {
        Self { run: Vec::new(), most: RUN, runs: Vec::new() }
    }
}

impl Builder {
    pub(super) fn add(&mut self, place: Place) -> io::Result<()> {
        self.run.push(place);
        if self.run.len() < self.most { Ok(()) } else { self.spill() }
    }

    fn spill(&mut self) -> io::Result<()> {
        self.run.sort_unstable();
        let mut out = BufWriter::new(tempfile::tempfile()?);
        self.run.drain(..).try_for_each(|place| out.write_all(&place.to_bytes()))?;
        self.runs.push(out.into_inner().map_err(io::IntoInnerError::into_error)?);
        Ok(())
    }

    pub(super) fn finish(mut self) -> io::Result<Index> {
        let mut writer = Writer { out: BufWriter::new(tempfile::tempfile()?), fences: Vec::new(), count: 0 };
        if self.runs.is_empty() {
            self.run.sort_unstable();
            self.run.iter().try_for_each(|place| writer.write(*place))?;
        } else {
            self.spill()?;
            merge(self.runs, &mut writer)?;
        }
        let file = writer.out.into_inner().map_err(io::IntoInnerError::into_error)?;
        Ok(Index { file, fences: writer.fences, count: writer.count })
    }
}

/// The sorted file in the making.
struct Writer {
    out: BufWriter<File>,
    fences: Vec<u64>,
    count: u64,
}

impl Writer {
    fn write(&mut self, place: Place) -> io::Result<()> {
        if self.count.is_multiple_of(BLOCK as u64) {
            self.fences.push(place.fingerprint);
        }
        self.count += 1;
        self.out.write_all(&place.to_bytes())
    }
}

fn merge(runs: Vec<File>, writer: &mut Writer) -> io::Result<()> {
    let (mut readers, mut heap) = (Vec::with_capacity(runs.len()), BinaryHeap::new());
    for mut run in runs {
        run.rewind()?;
        let mut reader = BufReader::with_capacity(64 << 10, run);
        heap.extend(next(&mut reader)?.map(|place| Reverse((place, readers.len()))));
        readers.push(reader);
    }
    while let Some(Reverse((place, nth))) = heap.pop() {
        writer.write(place)?;
        heap.extend(next(&mut readers[nth])?.map(|place| Reverse((place, nth))));
    }
    Ok(())
}

fn next(reader: &mut impl Read) -> io::Result<Option<Place>> {
    let mut entry = [0; ENTRY];
    match reader.read_exact(&mut entry) {
        Ok(()) => Ok(Some(Place::from_bytes(&entry))),
        Err(why) if why.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(why) => Err(why),
    }
}

/// See the module.
pub(super) struct Index {
    file: File,
    /// The first fingerprint of each block.
    fences: Vec<u64>,
    count: u64,
}

impl Index {
    /// All places of a fingerprint, the earliest first.
    pub(super) fn find(&self, fingerprint: u64) -> io::Result<Vec<Place>> {
        let mut found = Vec::new();
        // They may begin in the block before the first that begins with them.
        let mut block = self.fences.partition_point(|first| *first < fingerprint).saturating_sub(1);
        while self.fences.get(block).is_some_and(|first| *first <= fingerprint) {
            let from = (block * BLOCK) as u64;
            let entries = (self.count - from).min(BLOCK as u64) as usize;
            let mut bytes = vec![0; entries * ENTRY];
            read_at(&self.file, &mut bytes, from * ENTRY as u64)?;
            let places = bytes.chunks_exact(ENTRY).map(Place::from_bytes);
            found.extend(places.filter(|place| place.fingerprint == fingerprint));
            block += 1;
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_a_fingerprint_are_found_in_their_order() {
        for count in [0u64, 1, 255, 256, 257, 5000] {
            let mut builder = Builder { most: 700, ..Builder::default() };
            for n in 0..count {
                // Every tenth fingerprint is the same: more than a block of them.
                let fingerprint = if n % 10 == 0 { 1 << 40 } else { n.wrapping_mul(0x9e37_79b9_7f4a_7c15) };
                builder.add(Place { fingerprint, offset: n, length: n as u32 }).unwrap();
            }
            let index = builder.finish().unwrap();
            for n in (0..count).filter(|n| n % 10 != 0) {
                let found = index.find(n.wrapping_mul(0x9e37_79b9_7f4a_7c15)).unwrap();
                assert_eq!(found.iter().map(|place| place.offset).collect::<Vec<_>>(), [n]);
            }
            let same: Vec<_> = index.find(1 << 40).unwrap().iter().map(|place| place.offset).collect();
            assert_eq!(same, (0..count).filter(|n| n % 10 == 0).collect::<Vec<_>>());
            assert!(index.find(7).unwrap().is_empty() && index.find(u64::MAX).unwrap().is_empty());
        }
    }
}
