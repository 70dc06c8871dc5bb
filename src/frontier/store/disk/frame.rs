//! One group commit, as the journal holds it: what the run noted, how far its outputs are written, and the events since
//! the commit before. It survives whole or not at all.

use super::bytes::{Damaged, Reader, put, put_bytes};

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    /// What is known to have reached the disk itself when this was written: segment and end in it.
    pub(crate) synced: (u64, u64),
    /// The length of each output with the records of all entries that are done.
    outputs: &'a [u8],
    /// The next free number.
    pub(super) next_seq: u64,
    /// What the run wants to find again.
    pub(crate) note: &'a [u8],
    /// [`Event`](super::event::Event)s.
    pub(super) events: &'a [u8],
}

impl<'a> Frame<'a> {
    /// The front of a frame, to be followed by what [`body`](Self::body) gives.
    pub(crate) fn front(out: &mut Vec<u8>, synced: (u64, u64), outputs: &[u64]) {
        put(out, synced.0);
        put(out, synced.1);
        let mut lengths = Vec::new();
        outputs.iter().for_each(|length| put(&mut lengths, *length));
        put_bytes(out, &lengths);
    }

    /// The rest of a frame.
    pub(super) fn body(out: &mut Vec<u8>, next_seq: u64, note: &[u8], events: &[u8]) {
        put(out, next_seq);
        put_bytes(out, note);
        out.extend_from_slice(events);
    }

    pub(crate) fn read(payload: &'a [u8]) -> Result<Self, Damaged> {
        let mut reader = Reader(payload);
        let synced = (reader.number()?, reader.number()?);
        let outputs = reader.bytes()?;
        let next_seq = reader.number()?;
        let note = reader.bytes()?;
        Ok(Self { synced, outputs, next_seq, note, events: reader.0 })
    }

    /// The length of each output.
    pub(crate) fn outputs(&self) -> Result<Vec<u64>, Damaged> {
        let mut reader = Reader(self.outputs);
        let mut lengths = Vec::new();
        while !reader.is_empty() {
            lengths.push(reader.number()?);
        }
        Ok(lengths)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        let mut payload = Vec::new();
        Frame::front(&mut payload, (3, 4), &[0, 1 << 40]);
        Frame::body(&mut payload, 9, b"note", b"events");
        let frame = Frame::read(&payload).unwrap();
        assert_eq!(
            (frame.synced, frame.next_seq, frame.note, frame.events),
            ((3, 4), 9, &b"note"[..], &b"events"[..])
        );
        assert_eq!(frame.outputs(), Ok(vec![0, 1 << 40]));
        assert_eq!(Frame::read(&payload[..3]), Err(Damaged));
    }
}
