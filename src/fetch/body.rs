//! Collecting a body: decoded, under a cap, and honest about where it was cut.
//!
//! The exchange pushes each chunk as it arrives and stops reading as soon as the collector has enough.
//! A body without an encoding is copied once, or not at all when it came in one piece. The announced
//! length is a hint for one reservation of at most [`RESERVE`]; nothing else believes it.

use bytes::Bytes;
use reqwest::header::{CONTENT_ENCODING, HeaderMap};

use super::decode::{Chain, Stop};
use super::{Body, Truncated};

/// The most that is reserved on the word of a `Content-Length`, bytes.
const RESERVE: u64 = 256 * 1024;

/// Decodes a body that is at hand, by the rules of a body that comes over the network.
///
/// `codings` is the value of a `Content-Encoding`, such as `gzip` or `gzip, br`, in the order in which they
/// were applied. At most `cap` decoded bytes are kept; what is cut there, looks like a bomb, or is damaged
/// after its first byte is marked [`Body::truncated`].
///
/// # Errors
/// When the encoding is damaged from its start: the empty body, and what is wrong with it.
pub fn decode_all(codings: &str, wire: &Bytes, cap: u64) -> Result<Body, (Body, String)> {
    let mut collector = Collector::with(Chain::new(std::iter::once(codings)), None, cap);
    collector.push(wire.clone());
    collector.finish(None)
}

/// What an encoded body may have above the cap on the decoded one, bytes: empty members, skipped frames, rubbish at its end.
const OVERHEAD: u64 = 1024 * 1024;

/// The body of one answer while it is being received.
pub(super) struct Collector {
    chain: Option<Chain>,
    sink: Capped,
    wire: u64,
    length: Option<u64>,
    /// Why no more is taken.
    stopped: Option<Stop>,
    /// An encoded body as it came, if that is to be kept.
    encoded: Option<Capped>,
}

/// Decoded bytes, up to a cap.
struct Capped {
    /// The only chunk so far, not copied.
    single: Bytes,
    /// All bytes, once there was a second chunk.
    bytes: Vec<u8>,
    cap: usize,
}

impl Collector {
    /// A collector for a body with these headers. `length` is the announced length on the wire, `cap`
    /// the most decoded bytes to keep.
    pub(super) fn new(headers: &HeaderMap, length: Option<u64>, cap: u64) -> Self {
        let values = headers.get_all(CONTENT_ENCODING).iter().filter_map(|value| value.to_str().ok());
        Self::with(Chain::new(values), length, cap)
    }

    fn with(chain: Option<Result<Chain, Stop>>, length: Option<u64>, cap: u64) -> Self {
        let cap = usize::try_from(cap).unwrap_or(usize::MAX);
        let sink = Capped { single: Bytes::new(), bytes: Vec::new(), cap };
        let (chain, stopped) = match chain {
            None => (None, None),
            Some(Ok(chain)) => (Some(chain), None),
            Some(Err(stop)) => (None, Some(stop)),
        };
        Self { chain, sink, wire: 0, length, stopped, encoded: None }
    }

    /// Keeps what comes over the wire too. Without an encoding that is the body itself.
    pub(super) fn keeping_wire(mut self) -> Self {
        if self.chain.is_some() || self.stopped.is_some() {
            let cap = self.sink.cap.saturating_add(OVERHEAD as usize);
            self.encoded = Some(Capped { single: Bytes::new(), bytes: Vec::new(), cap });
        }
        self
    }

    /// Bytes that came over the wire.
    pub(super) fn received(&self) -> u64 {
        self.wire
    }

    /// The body as it came over the wire, from this byte on, and why it is not whole; `cut` as in [`finish`](Self::finish).
    pub(super) fn wire(&mut self, from: u64, cut: Option<Truncated>) -> (Bytes, Option<Truncated>) {
        let kept = match &mut self.encoded {
            Some(encoded) => encoded.share(),
            None => self.sink.share(),
        };
        let has_all = kept.len() as u64 == self.wire;
        let was_read = self.stopped.is_none() || self.length == Some(self.wire);
        let truncated = cut.or((!has_all || !was_read).then_some(Truncated::Length));
        let from = usize::try_from(from).map_or(kept.len(), |from| from.min(kept.len()));
        (kept.slice(from..), truncated)
    }

    /// Takes a chunk as it came over the wire. `false`: nothing more is wanted.
    pub(super) fn push(&mut self, chunk: Bytes) -> bool {
        let before = self.wire;
        self.wire += chunk.len() as u64;
        if let Some(encoded) = &mut self.encoded {
            // Whether there was room shows in its length.
            let _ = encoded.take(chunk.clone(), self.length);
        }
        if self.stopped.is_none() {
            let Self { chain, sink, length, .. } = self;
            let taken = match chain {
                Some(chain) => {
                    let most = sink.cap as u64;
                    let taken = chain.push(&chunk, before, &mut |block| sink.append(block, None));
                    // No encoding makes a body larger by so much: this one is there to be received for ever.
                    taken.and(if self.wire > most.saturating_add(OVERHEAD) {
                        Err(Stop::Full)
                    } else {
                        Ok(())
                    })
                }
                None => sink.take(chunk, *length),
            };
            self.stopped = taken.err();
        }
        self.stopped.is_none()
    }

    /// Ends the body, `cut` saying why the message did not come to its end by itself.
    ///
    /// # Errors
    /// The part that arrived and what is wrong with it, when the encoding is damaged from its start.
    pub(super) fn finish(self, cut: Option<Truncated>) -> Result<Body, (Body, String)> {
        let complete = self.wire == 0 || self.chain.as_ref().is_none_or(Chain::is_complete);
        let (truncated, why) = match self.stopped {
            Some(Stop::Full) => (Some(Truncated::Length), None),
            Some(Stop::Broken(why)) => (Some(cut.unwrap_or(Truncated::Disconnect)), Some(why)),
            None if cut.is_some() || complete => (cut, None),
            None => {
                (Some(Truncated::Disconnect), Some("the encoded body ends before its first byte".to_owned()))
            }
        };
        let bytes = self.sink.finish();
        let body = Body { bytes, wire_bytes: self.wire, truncated, ..Body::default() };
        match why {
            Some(why) if body.bytes.is_empty() && self.wire > 0 => Err((body, why)),
            _ => Ok(body),
        }
    }
}

impl Capped {
    /// Takes a chunk that needs no decoding.
    fn take(&mut self, mut chunk: Bytes, length: Option<u64>) -> Result<(), Stop> {
        if !self.single.is_empty() || !self.bytes.is_empty() {
            return self.append(&chunk, length);
        }
        let full = chunk.len() > self.cap;
        chunk.truncate(self.cap);
        self.single = chunk;
        if full { Err(Stop::Full) } else { Ok(()) }
    }

    fn append(&mut self, block: &[u8], length: Option<u64>) -> Result<(), Stop> {
        if !self.single.is_empty() {
            let first = std::mem::take(&mut self.single);
            let announced = length.unwrap_or(0).min(RESERVE).min(self.cap as u64);
            self.bytes.reserve_exact(usize::try_from(announced).unwrap_or(0).max(first.len() + block.len()));
            self.bytes.extend_from_slice(&first);
        }
        let room = self.cap - self.bytes.len();
        self.bytes.extend_from_slice(&block[..block.len().min(room)]);
        if block.len() > room { Err(Stop::Full) } else { Ok(()) }
    }

    /// What it holds, which stays in it as well.
    fn share(&mut self) -> Bytes {
        if !self.bytes.is_empty() {
            self.single = std::mem::take(&mut self.bytes).into();
        }
        self.single.clone()
    }

    fn finish(self) -> Bytes {
        if self.single.is_empty() { Bytes::from(self.bytes) } else { self.single }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use reqwest::header::{CONTENT_ENCODING, HeaderValue};

    const CAP: u64 = 1 << 20;

    /// Collects `wire`, cut into chunks of `size`.
    fn collect(encoding: &str, wire: &[u8], size: usize, cap: u64) -> Result<Body, (Body, String)> {
        let mut headers = HeaderMap::new();
        if !encoding.is_empty() {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_str(encoding).unwrap());
        }
        let mut collector = Collector::new(&headers, Some(u64::MAX), cap);
        let _ = wire.chunks(size).all(|chunk| collector.push(Bytes::copy_from_slice(chunk)));
        collector.finish(None)
    }

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn text() -> Vec<u8> {
        (0..20_000u32)
            .flat_map(|n| format!("line {}\n", n.wrapping_mul(2_654_435_761)).into_bytes())
            .collect()
    }

    #[test]
    fn each_encoding_in_chunks_of_any_size() {
        let text = text();
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        let mut raw = DeflateEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(&text).unwrap();
        raw.write_all(&text).unwrap();
        let (zlib, raw) = (zlib.finish().unwrap(), raw.finish().unwrap());
        let zstd = zstd::encode_all(&text[..], 3).unwrap();
        let (one, two) = text.split_at(text.len() / 3);
        let members = [gzip(one), gzip(two), b"rubbish".to_vec()].concat();
        for (encoding, wire) in [
            ("", &text),
            ("identity", &text),
            ("x-unheard-of", &text),
            ("gzip", &gzip(&text)),
            ("X-GZip", &members),
            ("deflate", &zlib),
            ("deflate", &raw),
            ("zstd", &zstd),
            ("zstd", &[zstd.clone(), b"rubbish".to_vec()].concat()),
            ("identity, GZIP,deflate ,", &{
                let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
                zlib.write_all(&gzip(&text)).unwrap();
                zlib.finish().unwrap()
            }),
        ] {
            for size in [1, 7, 1000, usize::MAX] {
                let body = collect(encoding, wire, size, CAP).unwrap();
                assert!(body.bytes == text, "{encoding} in {size}");
                assert_eq!(
                    (body.truncated, body.wire_bytes),
                    (None, wire.len() as u64),
                    "{encoding} in {size}"
                );
            }
        }
    }

    #[test]
    fn a_body_at_hand_is_decoded_by_the_same_rules() {
        let text = text();
        let wire = Bytes::from(gzip(&gzip(&text)));
        let whole = decode_all("x-gzip, GZIP", &wire, CAP).unwrap();
        assert!(whole.bytes == text && whole.truncated.is_none() && whole.wire_bytes == wire.len() as u64);
        let cut = decode_all("gzip, gzip", &wire, 1000).unwrap();
        assert_eq!((&cut.bytes[..], cut.truncated), (&text[..1000], Some(Truncated::Length)));
        assert_eq!(decode_all("", &wire, CAP).unwrap().bytes, wire);
        assert!(decode_all("br", &wire, CAP).unwrap_err().1.contains("br"));
    }

    #[test]
    fn the_cap_is_exact() {
        let text = text();
        let len = text.len() as u64;
        for (encoding, wire) in [("", text.clone()), ("gzip", gzip(&text))] {
            for size in [1000, usize::MAX] {
                let whole = collect(encoding, &wire, size, len).unwrap();
                assert_eq!((whole.bytes.len() as u64, whole.truncated), (len, None));
                let cut = collect(encoding, &wire, size, len - 1).unwrap();
                assert_eq!((cut.bytes.len() as u64, cut.truncated), (len - 1, Some(Truncated::Length)));
                let nothing = collect(encoding, &wire, size, 0).unwrap();
                assert_eq!((nothing.bytes.len(), nothing.truncated), (0, Some(Truncated::Length)));
            }
        }
    }

    #[test]
    fn bombs_are_cut() {
        let once = zstd::encode_all(&vec![0; 64 << 20][..], 3).unwrap();
        let body = collect("zstd", &once, 100, 1 << 30).unwrap();
        assert_eq!(body.truncated, Some(Truncated::Length));
        assert!(body.bytes.len() < 4 << 20, "{}", body.bytes.len());
        let twice = collect("zstd, gzip", &gzip(&once), 100, 1 << 30).unwrap();
        assert_eq!(twice.truncated, Some(Truncated::Length));
        let deep = ["gzip"; 6].join(",");
        assert!(collect(&deep, b"x", 1, CAP).is_err());
    }

    #[test]
    fn damage_keeps_what_came_before_it() {
        let text = text();
        let whole = gzip(&text);
        let cut = collect("gzip", &whole[..whole.len() / 2], 500, CAP).unwrap();
        assert_eq!(cut.truncated, Some(Truncated::Disconnect));
        assert!(text.starts_with(&cut.bytes) && cut.bytes.len() > text.len() / 4);

        let mut wrong_sum = whole.clone();
        *wrong_sum.last_mut().unwrap() ^= 1;
        let body = collect("gzip", &wrong_sum, 500, CAP).unwrap();
        assert!(body.bytes == text && body.truncated == Some(Truncated::Disconnect));

        for (encoding, wire) in [
            ("gzip", &b"<html>"[..]),
            ("br", b"\xff\xff\xff\xff"),
            ("zstd", b"<html>"),
            ("gzip", &whole[..5]),
        ] {
            let (body, why) = collect(encoding, wire, 100, CAP).unwrap_err();
            assert_eq!(body.truncated, Some(Truncated::Disconnect), "{encoding}: {why}");
        }
        assert_eq!(collect("gzip", b"", 1, CAP).unwrap().truncated, None);
    }
}
