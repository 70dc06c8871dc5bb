//! Web archives: WARC 1.1 (ISO 28500:2017), as replay tools read it.
//!
//! [`Warc`] is a sink that writes what was exchanged over the wire ([`Capture`]): of each hop of each attempt a `response`
//! (or a `revisit`, when the same payload is in the archive already), its `request`, and for the last hop a `metadata`.
//! Each run and each part begins with a `warcinfo`. What belongs to one exchange stays in one part. The archive is right
//! after any end of the process: without a job at most its last member is cut, with one the next start cuts it where the
//! journal says. An outcome without an exchange (no connection, a skipped URL) leaves nothing in it.

mod check;
mod digest;
mod exchange;
mod index;
mod member;
mod parts;
mod reader;
mod record;
mod seen;
mod sorter;
mod surt;

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

pub use self::check::{Checked, check};
pub use self::digest::Digest;
pub use self::member::Compression;
pub use self::parts::{Gauge, cut, index_path, leftover, total_length};
pub use self::reader::{Reader, Record};

use self::exchange::{About, Composer, Exchange};
use self::index::Index;
use self::parts::Parts;
use self::record::{Draft, Fields, Kind, date};
use self::seen::Seen;
use super::Sink;
use crate::fetch::Capture;
use crate::outcome::{Aside, Outcome};

/// Bytes gathered before they are written without a flush.
const BUFFER: usize = 256 * 1024;

/// What the `warcinfo` of an archive says that it is.
const CONFORMS: &str = "https://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/";

/// How an archive is written.
#[derive(Clone, Debug)]
pub struct WarcOptions {
    /// How its records are compressed.
    pub compression: Compression,
    /// The digest of blocks and payloads; default SHA-1.
    pub digest: Digest,
    /// A part that would be longer is closed before, bytes; 0: never. Default 1 GB.
    pub part_size: u64,
    /// Fields of the `warcinfo`, after `software`, `format` and `conformsTo`.
    pub info: Vec<(String, String)>,
    /// List the links of a page in its `metadata`, if outcomes have them; default false.
    pub outlinks: bool,
}

impl Default for WarcOptions {
    fn default() -> Self {
        Self {
            compression: Compression::Gzip,
            digest: Digest::Sha1,
            part_size: 1_000_000_000,
            info: Vec::new(),
            outlinks: false,
        }
    }
}

/// Where an archive goes.
enum Target {
    /// Files, with an index beside them; of earlier runs are so many bytes.
    Files { parts: Parts, index: Index, earlier: u64 },
    /// A stream, without parts and index.
    Stream(Box<dyn Write + Send>),
}

/// See the module.
pub struct Warc {
    target: Target,
    options: WarcOptions,
    composer: Composer,
    /// Whole records that were not written yet.
    buffer: Vec<u8>,
    /// The `warcinfo` of this run stands in the open part.
    has_info: bool,
}

impl Warc {
    /// An archive in files, from this length on: 0 for a new one. What is beyond is cut off.
    ///
    /// # Errors
    /// When a file cannot be opened, cut, made or renamed.
    pub fn open(path: &Path, length: u64, options: WarcOptions) -> io::Result<Self> {
        let index = Index::new(parts::directory_of(path).to_owned());
        Ok(Self::to(Target::Files { parts: Parts::open(path, length)?, index, earlier: length }, options))
    }

    /// An archive on a stream: one part, and no index.
    pub fn stream(out: Box<dyn Write + Send>, options: WarcOptions) -> Self {
        Self::to(Target::Stream(out), options)
    }

    fn to(target: Target, options: WarcOptions) -> Self {
        let (compression, digest) = (options.compression, options.digest);
        let composer = Composer { compression, digest, seen: Seen::default() };
        Self { target, options, composer, buffer: Vec::new(), has_info: false }
    }

    /// Something to watch its length by; `None` for a stream.
    pub fn gauge(&self) -> Option<Arc<Gauge>> {
        match &self.target {
            Target::Files { parts, .. } => Some(parts.gauge()),
            Target::Stream(_) => None,
        }
    }

    /// Writes what was exchanged.
    fn archive(&mut self, captures: &[Capture], about: &About<'_>) -> io::Result<()> {
        let mut before = about.source;
        for (nth, capture) in captures.iter().enumerate() {
            let is_last = nth + 1 == captures.len();
            let exchange = self.composer.exchange(capture, before, is_last.then_some(about))?;
            self.put(&exchange)?;
            before = Some(&capture.url);
        }
        Ok(())
    }

    /// Puts an exchange into the open part, or into the next if it does not fit.
    fn put(&mut self, exchange: &Exchange) -> io::Result<()> {
        let size = self.options.part_size;
        if let Target::Files { parts, .. } = &self.target {
            let used = parts.length() + self.buffer.len() as u64;
            if size > 0 && used > 0 && used + exchange.bytes.len() as u64 > size {
                self.next_part()?;
            }
        }
        self.begin()?;
        if let Target::Files { parts, index, .. } = &mut self.target {
            let (entry, place) = exchange.entry(parts.number(), parts.length() + self.buffer.len() as u64);
            index.add(&entry, place)?;
        }
        self.buffer.extend_from_slice(&exchange.bytes);
        if self.buffer.len() >= BUFFER { self.hand_over() } else { Ok(()) }
    }

    fn next_part(&mut self) -> io::Result<()> {
        self.hand_over()?;
        if let Target::Files { parts, .. } = &mut self.target {
            parts.rotate()?;
        }
        self.has_info = false;
        Ok(())
    }

    /// Writes the `warcinfo`, if it is not there.
    fn begin(&mut self) -> io::Result<()> {
        if std::mem::replace(&mut self.has_info, true) {
            return Ok(());
        }
        let mut fields = Fields::default();
        fields.add("software", concat!("gannet/", env!("CARGO_PKG_VERSION")));
        fields.add("format", "WARC File Format 1.1");
        fields.add("conformsTo", CONFORMS);
        self.options.info.iter().for_each(|(name, value)| fields.add(name, value));
        let info = Draft::new(Kind::Warcinfo, &date(SystemTime::now()), None);
        self.composer.record(info, &[fields.as_bytes()], &mut self.buffer).map(drop)
    }

    fn hand_over(&mut self) -> io::Result<()> {
        match &mut self.target {
            Target::Files { parts, .. } => parts.write(&self.buffer)?,
            Target::Stream(out) => out.write_all(&self.buffer).and_then(|()| out.flush())?,
        }
        self.buffer.clear();
        Ok(())
    }
}

impl Sink for Warc {
    fn write(&mut self, outcome: &Outcome) -> io::Result<()> {
        let response = outcome.response.as_deref();
        let links = response.and_then(|response| response.links.as_deref()).filter(|_| self.options.outlinks);
        let about = About {
            source: outcome.source.as_ref(),
            depth: outcome.depth,
            attempts: outcome.attempts,
            charset: response.and_then(|response| response.charset.as_deref()),
            unchanged: response.and_then(|r| r.unchanged.as_ref()).map(|unchanged| &*unchanged.since),
            links: links.unwrap_or_default(),
        };
        self.archive(&outcome.captures, &about)
    }

    fn aside(&mut self, aside: &Aside) -> io::Result<()> {
        let Aside { captures, source, depth, attempts } = aside;
        let source = source.as_ref();
        let about =
            About { source, depth: *depth, attempts: *attempts, charset: None, unchanged: None, links: &[] };
        self.archive(captures, &about)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() { Ok(()) } else { self.hand_over() }
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        let is_empty = match &self.target {
            Target::Files { parts, .. } => parts.length() == 0 && parts.number() == 0,
            Target::Stream(_) => true,
        };
        if is_empty {
            self.begin()?;
        }
        self.hand_over()?;
        let Target::Files { parts, mut index, mut earlier } = self.target else { return Ok(()) };
        for ((path, length), number) in parts::files(parts.path())?.into_iter().zip(0..) {
            let here = length.min(earlier);
            index.read(&path, number, here)?;
            earlier -= here;
        }
        index.write(parts.path(), parts.number())
    }
}
