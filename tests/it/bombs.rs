//! Small bodies that decode to 10 GB and more, made without ever holding that much: a block of each encoding that
//! stands for as much as one can, over and over.

use std::io::Write as _;
use std::time::Duration;

use bytes::Bytes;
use flate2::{Compress, Compression, FlushCompress};
use gannet::fetch::{HttpOptions, Truncated, decode_all};

use crate::raw::{Raw, get, quick};

/// Raw deflate (RFC 1951) of `part`, `times` over, without an end.
fn deflate(part: &[u8], times: usize) -> Vec<u8> {
    let mut stream = Compress::new(Compression::best(), false);
    let mut block = Vec::with_capacity(part.len() + 1024);
    // A full flush ends at a whole byte, and nothing after it refers to what was before.
    stream.compress_vec(part, &mut block, FlushCompress::Full).unwrap();
    assert_eq!(stream.total_in(), part.len() as u64);
    block.repeat(times)
}

/// The head of a gzip member (RFC 1952 §2.3).
const GZIP: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// The same as [`deflate`] in a gzip member.
fn gzip(part: &[u8], times: usize) -> Vec<u8> {
    [&GZIP[..], &deflate(part, times)].concat()
}

/// Zeros: a frame of zstd (RFC 8878 §3.1.1) of blocks of one repeated byte. `window` is the descriptor's exponent
/// above 1 KiB.
fn zstd(blocks: usize, window: u8) -> Vec<u8> {
    const RLE: u32 = 1 << 1;
    let block = (RLE | (128 * 1024) << 3).to_le_bytes();
    let frame = [&[0x28, 0xb5, 0x2f, 0xfd, 0, window << 3][..], &[&block[..3], &[0]].concat().repeat(blocks)];
    frame.concat()
}

/// Bits, the lowest first (RFC 7932 §1.5.1).
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    used: u32,
}

impl Bits {
    fn put(&mut self, count: u32, value: u32) -> &mut Self {
        for bit in 0..count {
            if self.used.is_multiple_of(8) {
                self.bytes.push(0);
            }
            let last = self.bytes.len() - 1;
            self.bytes[last] |= u8::try_from(value >> bit & 1).unwrap() << (self.used % 8);
            self.used += 1;
        }
        self
    }

    /// A part of brotli (§9.2) of the most that there can be, 16 MiB, in one command of this insert-and-copy code,
    /// whose extra bits, and those of a distance of this code, follow. Each alphabet has one symbol only, so that no
    /// literal costs a bit.
    fn metablock(&mut self, command: u32, extra: &[(u32, u32)], distance: u32) -> &mut Self {
        self.put(1, 0).put(2, 2).put(24, MIB_16 - 1).put(1, 0); // not the last, six nibbles of length, compressed
        self.put(3, 0).put(6, 0).put(2, 0).put(2, 0); // one type of block each, plain distances, one tree each
        self.put(4, 1).put(8, 0); // the literal, 0
        self.put(4, 1).put(10, command);
        self.put(4, 1).put(6, distance);
        for &(count, value) in extra {
            self.put(count, value);
        }
        self
    }

    /// Goes on at a whole byte: an empty part of metadata (§9.2).
    fn align(&mut self) -> &mut Self {
        self.put(1, 0).put(2, 3).put(1, 0).put(2, 0).fill()
    }

    fn fill(&mut self) -> &mut Self {
        self.put((8 - self.used % 8) % 8, 0)
    }
}

const MIB_16: u32 = 1 << 24;

/// Inserts literals: code 23 of inserting (22,594 and 24 bits more), 0 of copying (§5).
const INSERT: u32 = 448 + (7 << 3);

/// Copies: code 0 of inserting, 23 of copying (2,118 and 24 bits more).
const COPY: u32 = 384 + 7;

/// A part of 16 MiB of zeros in whole bytes.
fn zeros_in_brotli() -> Vec<u8> {
    let mut bits = Bits::default();
    bits.metablock(INSERT, &[(24, MIB_16 - 22_594)], 0).align();
    bits.bytes
}

fn brotli(times: usize) -> Vec<u8> {
    let mut start = Bits::default();
    start.put(1, 0).align(); // a window of 64 KiB
    [start.bytes, zeros_in_brotli().repeat(times)].concat()
}

/// A bomb of brotli that decodes to one: its parts are copied from the one before them, 16 MiB in each step.
fn brotli_in_brotli(times: usize) -> Vec<u8> {
    let inner = brotli(2);
    let period = u32::try_from(zeros_in_brotli().len()).unwrap();
    let mut bits = Bits::default();
    bits.put(1, 0).put(1, 0).put(2, 0).put(16, u32::try_from(inner.len()).unwrap() - 1).put(1, 1).fill(); // as it is
    for byte in inner {
        bits.put(8, byte.into());
    }
    for _ in 0..times {
        // Code 20 of distances is for 13 to 20, in three bits (§4).
        bits.metablock(COPY, &[(24, MIB_16 - 2118), (3, period - 13)], 20);
    }
    bits.bytes
}

/// A gzip of a gzip: both repeat what stands for the 1 MiB before.
fn gzip_in_gzip(times: usize) -> Vec<u8> {
    let part = deflate(&[0; 1 << 20], 1);
    [gzip(&gzip(&[0; 1 << 20], 1), 1), deflate(&part, times)].concat()
}

/// The encodings of a body, and the body, which stands for at least 10 GB.
fn bombs() -> [(&'static str, Vec<u8>); 8] {
    let zeros = deflate(&[0; 1 << 20], 10_000);
    [
        ("Deflate", zeros.clone()),
        ("deflate", [&[0x78, 0x9c][..], &zeros].concat()),
        ("x-gzip", [&GZIP[..], &zeros].concat()),
        ("br", brotli(625)),
        ("ZSTD", zstd(80_000, 13)),
        ("gzip, GZIP", gzip_in_gzip(10_000)),
        ("br, br", brotli_in_brotli(1)),
        ("zstd, gzip", gzip(&zstd(80_000, 13), 1)),
    ]
}

#[test]
fn end_at_the_cap_or_at_a_thousandfold() {
    for (encoding, wire) in bombs() {
        let wire = Bytes::from(wire);
        let capped = decode_all(encoding, &wire, 1 << 20).unwrap();
        assert_eq!(capped.truncated, Some(Truncated::Length), "{encoding}");
        assert_eq!(capped.bytes.len(), 1 << 20, "{encoding}");
        // A cap that is none: what is left is the ratio guard.
        let guarded = decode_all(encoding, &wire, 100 << 30).unwrap();
        assert_eq!(guarded.truncated, Some(Truncated::Length), "{encoding}");
        assert!(guarded.bytes.len() <= 5 << 20, "{encoding}: {}", guarded.bytes.len());
    }
}

#[tokio::test]
async fn end_the_fetch_of_those_who_send_them() {
    for (encoding, wire) in bombs() {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\n\r\n");
        let server = Raw::answer([head.as_bytes(), &wire].concat());
        let options = HttpOptions { max_body: 100 << 30, idle_timeout: Duration::from_secs(5), ..quick() };
        let response = get(options, server.url("/")).await.unwrap();
        assert_eq!(response.body.truncated, Some(Truncated::Length), "{encoding}");
        assert!(response.body.bytes.len() <= 5 << 20, "{encoding}: {}", response.body.bytes.len());
        assert!(response.body.wire_bytes < 1 << 20, "{encoding}: {}", response.body.wire_bytes);
    }
}

/// 8 MiB are what a `zstd` content coding may ask for (RFC 9659 §3).
#[test]
fn a_window_that_is_too_large_is_refused() {
    let (_, why) = decode_all("zstd", &zstd(10, 14).into(), 1 << 20).unwrap_err();
    assert!(why.contains("memory"), "{why}");
    let (_, why) = decode_all("zstd", &zstd(10, 31).into(), 1 << 20).unwrap_err();
    assert!(why.starts_with("zstd"), "{why}");
}

/// Bodies that decode to nothing, for as long as somebody sends them.
#[tokio::test]
async fn endless_nothing_is_cut() {
    let mut nothing = flate2::write::GzEncoder::new(Vec::new(), Compression::default());
    nothing.write_all(b"").unwrap();
    let member = nothing.finish().unwrap();
    let skipped = [&[0x50, 0x2a, 0x4d, 0x18, 0, 4, 0, 0][..], &[0; 1024]].concat();
    let mut metadata = Bits::default();
    metadata.align();
    for (encoding, start, more) in [
        ("gzip", Vec::new(), member.clone()),
        ("gzip", member, b"rubbish".to_vec()),
        ("gzip", GZIP.to_vec(), vec![0, 0, 0, 0xff, 0xff]), // stored blocks of nothing
        ("zstd", Vec::new(), skipped),
        ("br", brotli(0), metadata.bytes),
    ] {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\n\r\n");
        let server = Raw::serve(move |mut conn| {
            conn.request();
            conn.send(head.as_bytes());
            conn.send(&start);
            let block = more.repeat(1 + 65_536 / more.len());
            while conn.send(&block) {}
        });
        let response = get(HttpOptions { max_body: 1000, ..quick() }, server.url("/")).await.unwrap();
        assert_eq!(
            (response.body.bytes.len(), response.body.truncated),
            (0, Some(Truncated::Length)),
            "{encoding}"
        );
        // A chunk of the client may be large.
        assert!(response.body.wire_bytes < 4 << 20, "{encoding}: {}", response.body.wire_bytes);
    }
}
