//! Web archives: WARC 1.1 (ISO 28500:2017), as replay tools read it.
//!
//! [`Warc`] is a sink that writes what was exchanged over the wire ([`Capture`]): of each hop of each attempt a `response`
//! (or a `revisit`, when the same payload is in the archive already), its `request`, and for the last hop a `metadata`.
//! Each run and each part begins with a `warcinfo`. What belongs to one exchange stays in one part. The archive is right
//! after any end of the process: without a job at most its last member is cut, with one the next start cuts it where the
//! journal says. An outcome without an exchange (no connection, a skipped URL) leaves nothing in it.

mod digest;
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

pub use self::digest::Digest;
pub use self::member::Compression;
pub use self::parts::{Gauge, cut, index_path, leftover, total_length};
pub use self::reader::{Reader, Record};

use self::index::{Entry, Index, Place};
use self::parts::Parts;
use self::record::{Draft, END, Fields, Kind, date, uri};
use self::seen::{First, Seen};
use super::Sink;
use crate::fetch::Capture;
use crate::outcome::{Aside, LinkRecord, Outcome};
use crate::url::CrawlUrl;

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
    seen: Seen,
    /// Whole records that were not written yet.
    buffer: Vec<u8>,
    /// The `warcinfo` of this run stands in the open part.
    has_info: bool,
}

/// What is known of an exchange beside its bytes.
struct About<'a> {
    source: Option<&'a CrawlUrl>,
    depth: u16,
    attempts: u32,
    charset: Option<&'a str>,
    links: &'a [LinkRecord],
}

/// The records of one group, compressed, and what the index says of them: with the place in `bytes`.
#[derive(Default)]
struct Group {
    bytes: Vec<u8>,
    entries: Vec<(Written, Place)>,
}

/// An answer that was written.
struct Written {
    uri: String,
    date: String,
    digest: String,
    head: bytes::Bytes,
    is_revisit: bool,
}

impl Warc {
    /// An archive in files, from this length on: 0 for a new one. What is beyond is cut off.
    ///
    /// # Errors
    /// When a file cannot be opened, cut, made or renamed.
    pub fn open(path: &Path, length: u64, options: WarcOptions) -> io::Result<Self> {
        let directory = path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
        let index = Index::new(directory.to_owned());
        Ok(Self::to(Target::Files { parts: Parts::open(path, length)?, index, earlier: length }, options))
    }

    /// An archive on a stream: one part, and no index.
    pub fn stream(out: Box<dyn Write + Send>, options: WarcOptions) -> Self {
        Self::to(Target::Stream(out), options)
    }

    fn to(target: Target, options: WarcOptions) -> Self {
        Self { target, options, seen: Seen::default(), buffer: Vec::new(), has_info: false }
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
            let mut group = Group::default();
            let is_last = nth + 1 == captures.len();
            self.exchange(capture, before, is_last.then_some(about), &mut group)?;
            self.put(group)?;
            before = Some(&capture.url);
        }
        Ok(())
    }

    /// The records of one exchange; with `about` also what is known of it.
    fn exchange(
        &mut self,
        capture: &Capture,
        before: Option<&CrawlUrl>,
        about: Option<&About<'_>>,
        group: &mut Group,
    ) -> io::Result<()> {
        let (uri, date, digest) = (uri(&capture.url), date(capture.sent), self.options.digest);
        let payload = digest.of(&[&capture.body]);
        let is_whole = capture.truncated.is_none() && !capture.body.is_empty();
        let first = self.seen.first(payload).filter(|_| is_whole).cloned();
        let kind = if first.is_some() { Kind::Revisit } else { Kind::Response };
        let mut draft = Draft::new(kind, &date, Some(&uri)).from(capture.remote, capture.is_http2);
        let id = draft.id;
        let block: &[&[u8]] = match &first {
            Some(First { uri, date }) => {
                draft = draft.same_as(uri, date);
                &[&capture.head]
            }
            None => &[&capture.head, &capture.body],
        };
        let place = self.record(draft.cut(capture.truncated).payload(payload), block, group)?;
        let request = Draft::new(Kind::Request, &date, Some(&uri)).with(id);
        self.record(request.from(capture.remote, capture.is_http2), &[&capture.request], group)?;
        if let Some(about) = about {
            let fields = about.fields(capture, before);
            let metadata = Draft::new(Kind::Metadata, &date, Some(&uri)).with(id);
            self.record(metadata, &[fields.as_bytes()], group)?;
        }
        if first.is_none() && is_whole {
            self.seen.add(payload, &uri, &date);
        }
        let (head, digest) = (capture.head.clone(), payload.to_string());
        group.entries.push((Written { uri, date, digest, head, is_revisit: first.is_some() }, place));
        Ok(())
    }

    fn record(&self, draft: Draft, block: &[&[u8]], group: &mut Group) -> io::Result<Place> {
        let (head, offset) = (draft.head(self.options.digest, block), group.bytes.len());
        let parts: Vec<&[u8]> = [&head[..]].iter().chain(block).chain([&END]).copied().collect();
        self.options.compression.append(&mut group.bytes, &parts)?;
        let mut length = (group.bytes.len() - offset) as u64;
        if self.options.compression == Compression::None {
            length -= END.len() as u64; // as cdxj-indexer counts
        }
        Ok(Place { part: 0, offset: offset as u64, length })
    }

    /// Puts a group into the open part, or into the next if it does not fit.
    fn put(&mut self, group: Group) -> io::Result<()> {
        let size = self.options.part_size;
        if let Target::Files { parts, .. } = &self.target {
            let used = parts.length() + self.buffer.len() as u64;
            if size > 0 && used > 0 && used + group.bytes.len() as u64 > size {
                self.next_part()?;
            }
        }
        self.begin()?;
        if let Target::Files { parts, index, .. } = &mut self.target {
            let start = parts.length() + self.buffer.len() as u64;
            for (written, place) in group.entries {
                let Written { uri, date, digest, head, is_revisit } = &written;
                let place = Place { part: parts.number(), offset: start + place.offset, ..place };
                index.add(&Entry { uri, date, digest, head, is_revisit: *is_revisit }, place)?;
            }
        }
        self.buffer.extend_from_slice(&group.bytes);
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
        let mut group = Group::default();
        self.record(
            Draft::new(Kind::Warcinfo, &date(SystemTime::now()), None),
            &[fields.as_bytes()],
            &mut group,
        )?;
        self.buffer.extend_from_slice(&group.bytes);
        Ok(())
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

impl About<'_> {
    /// The block of a `metadata` record.
    fn fields(&self, capture: &Capture, before: Option<&CrawlUrl>) -> Fields {
        let mut fields = Fields::default();
        if let Some(before) = before {
            fields.add("via", uri(before));
        }
        fields.add("depth", self.depth);
        fields.add("fetchTimeMs", capture.took.as_millis());
        fields.add("attempts", self.attempts);
        if let Some(charset) = self.charset {
            fields.add("charset", charset);
        }
        for LinkRecord { url, tag, attr, kind, .. } in self.links {
            // As Heritrix writes it: E is what the page embeds, L where it leads.
            let hop = if *kind == "requisite" { "E" } else { "L" };
            fields.add("outlink", format_args!("{} {hop} {tag}/@{attr}", uri(url)));
        }
        fields
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
            links: links.unwrap_or_default(),
        };
        self.archive(&outcome.captures, &about)
    }

    fn aside(&mut self, aside: &Aside) -> io::Result<()> {
        let Aside { captures, source, depth, attempts } = aside;
        let source = source.as_ref();
        let about = About { source, depth: *depth, attempts: *attempts, charset: None, links: &[] };
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
        for ((path, length), number) in parts.all()?.into_iter().zip(0..) {
            let here = length.min(earlier);
            index.read(&path, number, here)?;
            earlier -= here;
        }
        index.write(parts.path(), parts.number())
    }
}
