//! Blocks, the unit of what the queues store: a count of entries and bytes that only the caller understands.
//!
//! On disk and in every argument, blocks are one after another: count, length (both `varint`), bytes. Whoever
//! appends makes them with `push_block`, whoever takes reads them with `blocks`. Neither trusts the bytes:
//! what is not a block is an error, and a block has at least one entry, so a queue without entries has none.

use std::io;

use super::super::varint;

/// Longest block in bytes; well below the size of a queue file, which a block cannot leave.
pub(super) const MAX_BLOCK: usize = 16 << 20;

/// Adds a block of `entries` entries, at least 1, to `out`.
pub(crate) fn push_block(out: &mut Vec<u8>, entries: u32, bytes: &[u8]) {
    varint::put(out, u64::from(entries));
    varint::put(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// How many bytes [`push_block`] adds.
pub(crate) fn encoded_len(entries: u32, bytes: &[u8]) -> usize {
    varint::len(u64::from(entries)) + varint::len(bytes.len() as u64) + bytes.len()
}

/// The blocks in `bytes`, each with its number of entries. Ends after an error.
pub(crate) fn blocks(bytes: &[u8]) -> Blocks<'_> {
    Blocks { rest: bytes }
}

/// Iterator of [`blocks`].
pub(crate) struct Blocks<'a> {
    rest: &'a [u8],
}

impl<'a> Blocks<'a> {
    fn block(&mut self) -> Option<(u32, &'a [u8])> {
        let entries = varint::get_u32(&mut self.rest).filter(|entries| *entries > 0)?;
        let len = usize::try_from(varint::get(&mut self.rest)?).ok()?;
        let (bytes, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some((entries, bytes))
    }
}

impl<'a> Iterator for Blocks<'a> {
    type Item = io::Result<(u32, &'a [u8])>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let block = self.block().ok_or_else(|| {
            self.rest = &[];
            super::invalid("malformed block")
        });
        Some(block)
    }
}

/// Whether `bytes` are blocks, none too long, with `entries` entries together; `InvalidInput` if not.
pub(super) fn check(bytes: &[u8], entries: u32) -> io::Result<()> {
    let refuse = |what| Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    let mut sum = 0;
    for block in blocks(bytes) {
        match block {
            Ok((entries, bytes)) if bytes.len() <= MAX_BLOCK => sum += u64::from(entries),
            Ok(_) => return refuse("a block is too long"),
            Err(_) => return refuse("not a list of blocks"),
        }
    }
    if sum == u64::from(entries) { Ok(()) } else { refuse("the blocks hold another number of entries") }
}

/// Bytes and entries of the fewest first blocks with at least `wanted` entries, or of all.
pub(super) fn first(bytes: &[u8], wanted: u64) -> io::Result<(usize, u64)> {
    let mut blocks = blocks(bytes);
    let mut sum = 0;
    while sum < wanted {
        let Some(block) = blocks.next() else { break };
        sum += u64::from(block?.0);
    }
    Ok((bytes.len() - blocks.rest.len(), sum))
}

/// Divides blocks into pieces of at most `limit` bytes, or of one block that is longer.
pub(super) fn cut(bytes: &[u8], limit: usize) -> io::Result<Vec<&[u8]>> {
    let mut pieces = Vec::new();
    let mut rest = bytes;
    while rest.len() > limit {
        let mut blocks = blocks(rest);
        let mut end = 0;
        while let Some(block) = blocks.next() {
            block?;
            let len = rest.len() - blocks.rest.len();
            if len > limit && end > 0 {
                break;
            }
            end = len;
        }
        let (piece, after) = rest.split_at(end);
        pieces.push(piece);
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(rest);
    }
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn some(lengths: &[usize]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (n, len) in lengths.iter().enumerate() {
            push_block(&mut bytes, n as u32 + 1, &vec![n as u8; *len]);
        }
        bytes
    }

    #[test]
    fn come_back() {
        let bytes = some(&[3, 0, 200]);
        let read: Vec<_> = blocks(&bytes).map(|block| block.map(|(n, b)| (n, b.len())).unwrap()).collect();
        assert_eq!(read, [(1, 3), (2, 0), (3, 200)]);
    }

    #[test]
    fn malformed_ones_are_an_error_and_the_end() {
        for bad in [&[1][..], &[1, 5, 0][..], &[0, 1, 7][..], &[0xff, 0xff, 0xff, 0xff, 0xff, 1][..]] {
            let read: Vec<_> = blocks(bad).map(|block| block.is_err()).collect();
            assert_eq!(read, [true], "{bad:?}");
        }
    }

    #[test]
    fn are_checked() {
        let bytes = some(&[3, 4]);
        assert!(check(&bytes, 3).is_ok());
        assert!(check(&[], 0).is_ok());
        for (bytes, entries) in [(&bytes[..], 2), (&bytes[..bytes.len() - 1], 3)] {
            assert_eq!(check(bytes, entries).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        }
        assert!(check(&some(&[MAX_BLOCK + 1]), 1).is_err());
    }

    #[test]
    fn are_counted_from_the_front() {
        let bytes = some(&[1, 1, 1]);
        assert_eq!(first(&bytes, 0).unwrap(), (0, 0));
        assert_eq!(first(&bytes, 1).unwrap(), (3, 1));
        assert_eq!(first(&bytes, 2).unwrap(), (6, 3));
        assert_eq!(first(&bytes, 9).unwrap(), (9, 6));
    }

    proptest! {
        #[test]
        fn are_cut_between_blocks(lengths in prop::collection::vec(0usize..40, 0..30), limit in 1usize..60) {
            let bytes = some(&lengths);
            let pieces = cut(&bytes, limit).unwrap();
            prop_assert_eq!(pieces.concat(), &bytes[..]);
            for piece in pieces {
                let count = blocks(piece).map(Result::unwrap).count();
                prop_assert!(count == 1 || (count > 1 && piece.len() <= limit));
            }
        }

        #[test]
        fn of_any_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = (blocks(&bytes).count(), check(&bytes, 3), first(&bytes, 9), cut(&bytes, 5));
        }
    }
}
