//! Undoing `Content-Encoding`, block by block as the bytes come in.
//!
//! A [`Chain`] holds one stage per encoding, the last one applied first (RFC 9110 §8.4). A stage never
//! holds more than one block of output, so what a small body can blow up to is decided where the blocks
//! end up ([`body`](super::body)); between two stages the ratio guard here decides. Checks that only
//! judge what was already decoded (what follows the last frame) are not held against a body.

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use flate2::{Decompress, FlushDecompress};
use zstd::stream::raw::{DParameter, Decoder as Zstd, Operation};

/// More encodings than this are an attack (curl's limit too).
const MAX_STAGES: usize = 5;

/// Input that is decoded before the ratio guard looks again, bytes: what a bomb can gain.
const PIECE: usize = 4 * 1024;

/// Output per call of a decoder, bytes.
const BLOCK: usize = 16 * 1024;

/// Output that is never taken for a bomb, bytes.
const GUARD_FROM: u64 = 1024 * 1024;

/// Output per byte received, above which it is. Deflate reaches 1,032, and only on a constant byte.
const GUARD_RATIO: u64 = 1000;

/// The window that a `zstd` content coding may ask for: 8 MiB (RFC 9659 §3).
const ZSTD_WINDOW_LOG: u32 = 23;

/// Why decoding stops before the input does.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// Enough: the receiver is full, or the output is out of proportion.
    Full,
    /// The encoded stream is damaged; says how.
    Broken(String),
}

/// Decoders for the encodings of one body.
pub(super) struct Chain {
    stages: Vec<Stage>,
}

impl Chain {
    /// The decoders that a body with these values of `Content-Encoding` needs: `None` for a body as it
    /// is, which one with an encoding that nobody asked for is too.
    pub(super) fn new<'a>(values: impl Iterator<Item = &'a str>) -> Option<Result<Self, Stop>> {
        let mut stages = Vec::new();
        for name in values.flat_map(|value| value.split(',')).map(str::trim) {
            match Codec::named(name) {
                Some(Ok(codec)) if stages.len() < MAX_STAGES => stages.push(Stage::new(codec)),
                Some(Ok(_)) => {
                    return Some(Err(Stop::Broken(format!("more than {MAX_STAGES} content encodings"))));
                }
                Some(Err(stop)) => return Some(Err(stop)),
                None if name.is_empty() || name.eq_ignore_ascii_case("identity") => {}
                None => return None,
            }
        }
        stages.reverse();
        (!stages.is_empty()).then_some(Ok(Self { stages }))
    }

    /// Decodes `input`, handing each block to `emit`. `wire` is how much was received before it.
    pub(super) fn push(&mut self, input: &[u8], mut wire: u64, emit: &mut Emit<'_>) -> Result<(), Stop> {
        // In pieces, or a bomb would be judged by all of a large input while the beginning of it explodes.
        for piece in input.chunks(PIECE) {
            wire += piece.len() as u64;
            feed(&mut self.stages, piece, wire, emit)?;
        }
        Ok(())
    }

    /// Whether each stage has seen its end.
    pub(super) fn is_complete(&self) -> bool {
        self.stages.iter().all(|stage| stage.ended)
    }
}

/// Takes decoded blocks, until it is full.
pub(super) type Emit<'a> = dyn FnMut(&[u8]) -> Result<(), Stop> + 'a;

fn feed(stages: &mut [Stage], input: &[u8], wire: u64, emit: &mut Emit<'_>) -> Result<(), Stop> {
    match stages.split_first_mut() {
        None => emit(input),
        Some((stage, rest)) => stage.decode(input, wire, &mut |block| feed(rest, block, wire, emit)),
    }
}

/// One encoding being undone.
struct Stage {
    codec: Codec,
    produced: u64,
    /// At the end of a frame; another may follow, if the encoding allows.
    ended: bool,
    /// What comes is not part of the stream any more.
    closed: bool,
}

impl Stage {
    fn new(codec: Codec) -> Self {
        Self { codec, produced: 0, ended: false, closed: false }
    }

    fn decode(&mut self, mut input: &[u8], wire: u64, emit: &mut Emit<'_>) -> Result<(), Stop> {
        let mut block = [0; BLOCK];
        while !self.closed {
            if self.ended {
                let Some(&first) = input.first() else { return Ok(()) };
                self.closed = !self.codec.next_frame(first);
                self.ended = self.closed;
                continue;
            }
            let step = self.codec.step(input, &mut block);
            input = input.get(step.read..).unwrap_or_default();
            if step.written > 0 {
                self.produced += step.written as u64;
                if self.produced > GUARD_FROM && self.produced > GUARD_RATIO.saturating_mul(wire) {
                    return Err(Stop::Full);
                }
                emit(&block[..step.written])?;
            }
            match step.state {
                State::More => {}
                State::Starved => return Ok(()),
                State::Ended => self.ended = true,
                State::Broken(why) => return Err(Stop::Broken(why)),
            }
        }
        Ok(())
    }
}

/// What one call of a decoder did.
struct Step {
    read: usize,
    written: usize,
    state: State,
}

enum State {
    /// Call again.
    More,
    /// It needs more input.
    Starved,
    /// The frame is whole.
    Ended,
    Broken(String),
}

enum Codec {
    /// RFC 1952, any number of members.
    Gzip(Decompress),
    /// RFC 1950, or RFC 1951 as some servers understand it; `None` until the first byte tells.
    Deflate(Option<Decompress>),
    /// RFC 7932.
    Brotli(Box<BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>>),
    /// RFC 8878, any number of frames.
    Zstd(Zstd<'static>),
}

impl Codec {
    /// The decoder for a content coding; `None` if there is none.
    fn named(name: &str) -> Option<Result<Self, Stop>> {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        Some(Ok(if is("gzip") || is("x-gzip") {
            Self::Gzip(Decompress::new_gzip(15))
        } else if is("deflate") {
            Self::Deflate(None)
        } else if is("br") {
            let alloc = StandardAlloc::default;
            // Strict: no windows above the 16 MiB of the RFC.
            Self::Brotli(Box::new(BrotliState::new_strict(alloc(), alloc(), alloc())))
        } else if is("zstd") {
            return Some(zstd().map(Self::Zstd).map_err(|error| Stop::Broken(error.to_string())));
        } else {
            return None;
        }))
    }

    /// Prepares for what follows a whole frame. `false`: it is no further frame, but rubbish.
    fn next_frame(&mut self, first: u8) -> bool {
        match self {
            Self::Gzip(inflate) if first == 0x1f => *inflate = Decompress::new_gzip(15),
            Self::Zstd(_) if first == 0x28 || first & 0xf0 == 0x50 => {} // a frame, or one to skip
            _ => return false,
        }
        true
    }

    fn step(&mut self, input: &[u8], block: &mut [u8]) -> Step {
        match self {
            Self::Gzip(stream) => inflate("gzip", stream, input, block),
            Self::Deflate(stream) => {
                let Some(&first) = input.first().or(stream.as_ref().map(|_| &0)) else {
                    return Step { read: 0, written: 0, state: State::Starved };
                };
                // A zlib header begins with method 8 and a window of at most 7 (RFC 1950 §2.2). In raw
                // deflate that would be a stored block with dirty padding, which nobody writes.
                let zlib = first & 0x0f == 8 && first >> 4 <= 7;
                inflate("deflate", stream.get_or_insert_with(|| Decompress::new(zlib)), input, block)
            }
            Self::Brotli(state) => brotli(state, input, block),
            Self::Zstd(decoder) => match decoder.run_on_buffers(input, block) {
                Err(error) => Step { read: 0, written: 0, state: State::Broken(format!("zstd: {error}")) },
                Ok(status) => {
                    let (read, written) = (status.bytes_read, status.bytes_written);
                    let state = match status.remaining {
                        0 => State::Ended,
                        _ if read == input.len() && written < block.len() => State::Starved,
                        _ => State::More,
                    };
                    Step { read, written, state }
                }
            },
        }
    }
}

fn zstd() -> std::io::Result<Zstd<'static>> {
    let mut decoder = Zstd::new()?;
    decoder.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG))?;
    Ok(decoder)
}

fn inflate(name: &str, stream: &mut Decompress, input: &[u8], block: &mut [u8]) -> Step {
    let (read, written) = (stream.total_in(), stream.total_out());
    let result = stream.decompress(input, block, FlushDecompress::None);
    // Counted also after an error: what came before the damage is good.
    let read = usize::try_from(stream.total_in() - read).unwrap_or(0);
    let written = usize::try_from(stream.total_out() - written).unwrap_or(0);
    let state = match result {
        Ok(flate2::Status::StreamEnd) => State::Ended,
        Ok(_) if read == input.len() && written < block.len() => State::Starved,
        Ok(_) if read == 0 && written == 0 => State::Starved,
        Ok(_) => State::More,
        Err(error) => State::Broken(format!("{name}: {error}")),
    };
    Step { read, written, state }
}

fn brotli(
    state: &mut BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>,
    input: &[u8],
    block: &mut [u8],
) -> Step {
    let (mut left, mut read, mut room, mut written, mut total) = (input.len(), 0, block.len(), 0, 0);
    let result = BrotliDecompressStream(
        &mut left,
        &mut read,
        input,
        &mut room,
        &mut written,
        block,
        &mut total,
        state,
    );
    let state = match result {
        BrotliResult::ResultSuccess => State::Ended,
        BrotliResult::NeedsMoreInput => State::Starved,
        BrotliResult::NeedsMoreOutput => State::More,
        BrotliResult::ResultFailure => State::Broken("br: invalid data".to_owned()),
    };
    Step { read, written, state }
}
