//! Numbers and strings as bytes: varints, and lengths before what is long. What this store writes is made of them. Reading never panics: what does not fit is [`Damaged`].

use std::io;

use super::varint;
pub(crate) use super::varint::put;

/// Bytes that do not mean what they should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Damaged;

impl From<Damaged> for io::Error {
    fn from(_: Damaged) -> Self {
        Self::new(io::ErrorKind::InvalidData, "damaged: its bytes do not mean what they should")
    }
}

/// Appends a length and the bytes.
pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Reads what was put, from the front.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Damaged> {
        let (first, rest) = self.0.split_first().ok_or(Damaged)?;
        self.0 = rest;
        Ok(*first)
    }

    pub(crate) fn number(&mut self) -> Result<u64, Damaged> {
        varint::get(&mut self.0).ok_or(Damaged)
    }

    /// A number that fits 32 bits.
    pub(crate) fn small(&mut self) -> Result<u32, Damaged> {
        self.number()?.try_into().map_err(|_| Damaged)
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], Damaged> {
        let length = usize::try_from(self.number()?).map_err(|_| Damaged)?;
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(Damaged)?;
        self.0 = rest;
        Ok(bytes)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, Damaged> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Damaged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip_and_no_panic() {
        let mut out = Vec::new();
        let numbers = [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX];
        numbers.iter().for_each(|n| put(&mut out, *n));
        put_bytes(&mut out, "ü".as_bytes());
        let mut reader = Reader(&out);
        assert!(numbers.iter().all(|n| reader.number() == Ok(*n)));
        assert_eq!((reader.text(), reader.is_empty(), reader.byte()), (Ok("ü"), true, Err(Damaged)));
        assert_eq!(Reader(&[0xff; 11]).number(), Err(Damaged));
        assert_eq!(Reader(&[9, 1]).bytes(), Err(Damaged));
    }
}
