//! A chunk, the unit of reading and checking: a header of 32 bytes and whole blocks of one group.
//!
//! Chunks that were written together follow one another in the file and are a *run*. A run has one link,
//! to the run before it (in its first chunk) or to the place after it (in its last). Header: marker
//! (3 bytes), flags (1), group, link (file, offset, bytes to skip), length of the blocks, all of 4 bytes,
//! checksum of the rest and of the blocks (8); numbers are little-endian. The checksum is keyed with the
//! place of the chunk, so that an intact chunk at the wrong place is found out too. `log` reads and writes
//! chunks.

use std::hash::Hasher;

use siphasher::sip::SipHasher13;

/// Bytes of a header.
pub(super) const HEADER: usize = 32;
/// Bytes of blocks in a chunk, if a block is not longer by itself: what a take reads and checks is little,
/// and mostly one page.
pub(super) const PAYLOAD: usize = 4096 - HEADER;

const MARKER: [u8; 3] = *b"gQ1";
const CONTINUES: u8 = 1;
const BACK: u8 = 2;
const CHECKED: usize = 24;

/// Where a chunk starts. Files count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pointer {
    pub file: u32,
    pub offset: u32,
}

impl Pointer {
    pub(super) const NONE: Self = Self { file: 0, offset: 0 };

    pub(super) fn is_none(self) -> bool {
        self.file == 0
    }
}

/// Where reading goes on: at a chunk, after so many bytes of its blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub at: Pointer,
    pub skip: u32,
}

impl Place {
    pub(super) const NONE: Self = Self::start(Pointer::NONE);

    pub(super) const fn start(at: Pointer) -> Self {
        Self { at, skip: 0 }
    }

    pub(super) fn is_none(self) -> bool {
        self.at.is_none()
    }

    /// The place so many bytes further on in the same chunk.
    pub(super) fn skip(self, bytes: usize) -> Self {
        Self { skip: self.skip + bytes as u32, ..self }
    }
}

/// What a run is linked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// The start of the run that comes before.
    Before(Pointer),
    /// The place that comes after.
    After(Place),
}

/// A decoded header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub group: u32,
    /// Whether the next chunk of the run follows directly.
    pub continues: bool,
    pub link: Link,
    /// Bytes of blocks.
    pub len: u32,
    checksum: u64,
}

impl Header {
    pub(super) fn new(group: u32, continues: bool, link: Link, len: usize) -> Self {
        Self { group, continues, link, len: len as u32, checksum: 0 }
    }

    /// Bytes of the whole chunk.
    pub(super) fn size(&self) -> u32 {
        self.len.saturating_add(HEADER as u32)
    }

    /// What comes after the chunk, which is at `at`.
    pub(super) fn next(&self, at: Pointer) -> Place {
        match self.link {
            _ if self.continues => {
                Place::start(Pointer { offset: at.offset.saturating_add(self.size()), ..at })
            }
            Link::After(place) => place,
            Link::Before(_) => Place::NONE,
        }
    }

    /// The run before the one that this chunk starts.
    pub(super) fn before(&self) -> Pointer {
        match self.link {
            Link::Before(pointer) => pointer,
            Link::After(_) => Pointer::NONE,
        }
    }

    /// Adds the chunk to `out`, to be written at `at`.
    pub(super) fn write(&self, at: Pointer, blocks: &[u8], out: &mut Vec<u8>) {
        let (back, link) = match self.link {
            Link::Before(pointer) => (BACK, Place::start(pointer)),
            Link::After(place) => (0, place),
        };
        let mut header = [0; HEADER];
        header[..3].copy_from_slice(&MARKER);
        header[3] = back | if self.continues { CONTINUES } else { 0 };
        let words = [self.group, link.at.file, link.at.offset, link.skip, self.len];
        for (to, word) in header[4..CHECKED].chunks_exact_mut(4).zip(words) {
            to.copy_from_slice(&word.to_le_bytes());
        }
        let checksum = checksum(at, &header, blocks);
        header[CHECKED..].copy_from_slice(&checksum.to_le_bytes());
        out.extend_from_slice(&header);
        out.extend_from_slice(blocks);
    }

    /// Decodes the first bytes of a chunk; `None` when they are not a header.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let header = bytes.first_chunk::<HEADER>()?;
        let flags = header[3];
        if header[..3] != MARKER || flags & !(CONTINUES | BACK) != 0 {
            return None;
        }
        let word = |n: usize| u32::from_le_bytes([header[n], header[n + 1], header[n + 2], header[n + 3]]);
        let at = Pointer { file: word(8), offset: word(12) };
        let after = Link::After(Place { at, skip: word(16) });
        Some(Self {
            group: word(4),
            continues: flags & CONTINUES != 0,
            link: if flags & BACK != 0 { Link::Before(at) } else { after },
            len: word(20),
            checksum: u64::from(word(28)) << 32 | u64::from(word(24)),
        })
    }

    /// Whether the chunk, which was read at `at`, is as it was written.
    pub(super) fn is_intact(&self, at: Pointer, chunk: &[u8]) -> bool {
        chunk
            .split_at_checked(HEADER)
            .is_some_and(|(header, blocks)| checksum(at, header, blocks) == self.checksum)
    }
}

fn checksum(at: Pointer, header: &[u8], blocks: &[u8]) -> u64 {
    let mut hasher = SipHasher13::new_with_keys(u64::from(at.file), u64::from(at.offset));
    hasher.write(&header[..CHECKED]);
    hasher.write(blocks);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Pointer = Pointer { file: 3, offset: 700 };

    #[test]
    fn comes_back() {
        let place = Place { at: Pointer { file: 2, offset: 9 }, skip: 4 };
        for link in [Link::Before(place.at), Link::After(place), Link::After(Place::NONE)] {
            for continues in [false, true] {
                let mut chunk = Vec::new();
                let written = Header::new(u32::MAX, continues, link, 5);
                written.write(AT, b"block", &mut chunk);
                let read = Header::read(&chunk).unwrap();
                assert_eq!(Header { checksum: 0, ..read }, written);
                assert!(read.is_intact(AT, &chunk));
                assert!(!read.is_intact(Pointer { offset: 701, ..AT }, &chunk));
            }
        }
    }

    #[test]
    fn knows_what_comes_next() {
        let place = Place { at: Pointer { file: 2, offset: 9 }, skip: 4 };
        assert_eq!(Header::new(1, false, Link::After(place), 5).next(AT), place);
        assert_eq!(Header::new(1, false, Link::Before(place.at), 5).next(AT), Place::NONE);
        let following = Place::start(Pointer { offset: 700 + 32 + 5, ..AT });
        assert_eq!(Header::new(1, true, Link::Before(place.at), 5).next(AT), following);
    }

    #[test]
    fn any_other_bit_is_noticed() {
        let mut chunk = Vec::new();
        Header::new(1, false, Link::After(Place::NONE), 5).write(AT, b"block", &mut chunk);
        for bit in 0..chunk.len() * 8 {
            let mut damaged = chunk.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(!Header::read(&damaged).is_some_and(|header| header.is_intact(AT, &damaged)), "{bit}");
        }
    }
}
