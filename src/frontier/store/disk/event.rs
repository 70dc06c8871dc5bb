//! What the journal says: one event per change, in the order in which they happened. `Core` applies them, whether they
//! happen now or are read again.

use super::bytes::{Damaged, Reader, put, put_bytes};

/// The fingerprints of an [`Offered`](Event::Offered).
pub(super) fn prints(bytes: &[u8]) -> impl Iterator<Item = u64> {
    bytes.as_chunks::<8>().0.iter().map(|print| u64::from_le_bytes(*print))
}

/// A change of what must survive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event<'a> {
    /// A group has this id from now on, and nothing waits in it or is saved for it.
    Group { group: u32, name: &'a str },
    /// Entries are admitted to the tail of a group.
    Admitted { group: u32, entries: u32, block: &'a [u8] },
    /// Entries are offered; which of them are new the next merge will tell, by their fingerprints (8 bytes each, little
    /// endian).
    Offered { group: u32, entries: u32, prints: &'a [u8], block: &'a [u8] },
    /// An entry went out to be fetched, for the so-many-th time.
    Out { group: u32, seq: u64, attempts: u32 },
    /// An entry that was out waits for this time (Unix milliseconds).
    Waits { group: u32, seq: u64, due: u64, attempts: u32, returned: u32 },
    /// An entry is done.
    Done { group: u32, seq: u64 },
    /// An entry is done and failed; the block holds it alone, and needs no group to be read.
    Failed { group: u32, seq: u64, block: &'a [u8] },
    /// What is saved for a group.
    Saved { group: u32, state: &'a [u8] },
    /// The id of a group is free.
    Released { group: u32 },
    /// Something is kept under a number.
    Aside { number: u64, what: &'a [u8] },
    /// It is not needed any more.
    AsideDone { number: u64 },
    /// A source was read up to this line.
    Read { source: u32, line: u64, ended: bool },
    /// The run knows what the merge of the last checkpoint decided.
    Heard,
    /// Another process went on: what was out before was lost.
    Resumed,
}

impl<'a> Event<'a> {
    /// Appends the event.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let mut start = |kind: u8, group: u32| {
            out.push(kind);
            put(out, u64::from(group));
        };
        match *self {
            Event::Group { group, name } => {
                start(1, group);
                put_bytes(out, name.as_bytes());
            }
            Event::Admitted { group, entries, block } => {
                start(2, group);
                put(out, u64::from(entries));
                put_bytes(out, block);
            }
            Event::Offered { group, entries, prints, block } => {
                start(3, group);
                put(out, u64::from(entries));
                put_bytes(out, prints);
                put_bytes(out, block);
            }
            Event::Out { group, seq, attempts } => {
                start(4, group);
                put(out, seq);
                put(out, u64::from(attempts));
            }
            Event::Waits { group, seq, due, attempts, returned } => {
                start(5, group);
                [seq, due, u64::from(attempts), u64::from(returned)].iter().for_each(|n| put(out, *n));
            }
            Event::Done { group, seq } => {
                start(6, group);
                put(out, seq);
            }
            Event::Failed { group, seq, block } => {
                start(7, group);
                put(out, seq);
                put_bytes(out, block);
            }
            Event::Saved { group, state } => {
                start(8, group);
                put_bytes(out, state);
            }
            Event::Released { group } => start(9, group),
            Event::Aside { number, what } => {
                start(10, 0);
                put(out, number);
                put_bytes(out, what);
            }
            Event::AsideDone { number } => {
                start(11, 0);
                put(out, number);
            }
            Event::Read { source, line, ended } => {
                start(12, source);
                put(out, line);
                out.push(u8::from(ended));
            }
            Event::Heard => start(13, 0),
            Event::Resumed => start(14, 0),
        }
    }

    /// All events of a frame.
    pub(super) fn all(bytes: &'a [u8]) -> impl Iterator<Item = Result<Self, Damaged>> {
        let mut reader = Reader(bytes);
        std::iter::from_fn(move || {
            let next = (!reader.is_empty()).then(|| Self::read(&mut reader));
            if matches!(next, Some(Err(_))) {
                reader = Reader(&[]);
            }
            next
        })
    }

    /// Reads the next event.
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, Damaged> {
        let kind = reader.byte()?;
        let group = reader.small()?;
        Ok(match kind {
            1 => Event::Group { group, name: reader.text()? },
            2 => Event::Admitted { group, entries: reader.small()?, block: reader.bytes()? },
            3 => {
                let (entries, prints, block) = (reader.small()?, reader.bytes()?, reader.bytes()?);
                if prints.len() as u64 != 8 * u64::from(entries) {
                    return Err(Damaged);
                }
                Event::Offered { group, entries, prints, block }
            }
            4 => Event::Out { group, seq: reader.number()?, attempts: reader.small()? },
            5 => Event::Waits {
                group,
                seq: reader.number()?,
                due: reader.number()?,
                attempts: reader.small()?,
                returned: reader.small()?,
            },
            6 => Event::Done { group, seq: reader.number()? },
            7 => Event::Failed { group, seq: reader.number()?, block: reader.bytes()? },
            8 => Event::Saved { group, state: reader.bytes()? },
            9 => Event::Released { group },
            10 => Event::Aside { number: reader.number()?, what: reader.bytes()? },
            11 => Event::AsideDone { number: reader.number()? },
            12 => Event::Read { source: group, line: reader.number()?, ended: reader.byte()? != 0 },
            13 => Event::Heard,
            14 => Event::Resumed,
            _ => return Err(Damaged),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_round_trip() {
        let events = [
            Event::Group { group: 300, name: "http://h" },
            Event::Admitted { group: 1, entries: 2, block: b"xy" },
            Event::Offered { group: 1, entries: 1, prints: b"12345678", block: b"" },
            Event::Out { group: 2, seq: 1 << 40, attempts: 1 },
            Event::Waits { group: 2, seq: 3, due: 1 << 41, attempts: 4, returned: 5 },
            Event::Done { group: 0, seq: 0 },
            Event::Failed { group: 0, seq: 9, block: b"b" },
            Event::Saved { group: 7, state: b"{}" },
            Event::Released { group: 7 },
            Event::Aside { number: 8, what: b"line" },
            Event::AsideDone { number: 8 },
            Event::Read { source: 3, line: u64::MAX, ended: true },
            Event::Heard,
            Event::Resumed,
        ];
        let mut bytes = Vec::new();
        events.iter().for_each(|event| event.write(&mut bytes));
        assert_eq!(Event::all(&bytes).collect::<Result<Vec<_>, _>>(), Ok(events.to_vec()));
        assert_eq!(Event::read(&mut Reader(&[99, 0])), Err(Damaged));
    }
}
