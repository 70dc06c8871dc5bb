//! The records of one exchange: the answer or a revisit, its request, and what is known of them.
//!
//! [`Composer`] makes them, compressed and in their order, so that the archive can put them into one part as they are. It
//! remembers payloads. Does no I/O.

use std::io;

use bytes::Bytes;

use super::digest::Digest;
use super::index::{Entry, Place};
use super::member::Compression;
use super::record::{Draft, END, Fields, Id, Kind, date, uri};
use super::seen::{First, Seen};
use crate::fetch::Capture;
use crate::outcome::LinkRecord;
use crate::url::CrawlUrl;

/// What is known of an exchange beside its bytes.
pub(super) struct About<'a> {
    pub(super) source: Option<&'a CrawlUrl>,
    pub(super) depth: u16,
    pub(super) attempts: u32,
    pub(super) charset: Option<&'a str>,
    /// When the payload was archived, of which the server says that it has not changed.
    pub(super) unchanged: Option<&'a str>,
    pub(super) links: &'a [LinkRecord],
}

/// The records of an exchange, compressed, and what the index is to say of its answer.
pub(super) struct Exchange {
    pub(super) bytes: Vec<u8>,
    uri: String,
    date: String,
    digest: String,
    head: Bytes,
    is_revisit: bool,
    length: u64,
}

/// See the module.
pub(super) struct Composer {
    pub(super) compression: Compression,
    pub(super) digest: Digest,
    pub(super) seen: Seen,
}

impl Composer {
    /// The records of an exchange that the page `before` led to; with `about` also what is known of it.
    pub(super) fn exchange(
        &mut self,
        capture: &Capture,
        before: Option<&CrawlUrl>,
        about: Option<&About<'_>>,
    ) -> io::Result<Exchange> {
        let (uri, date, mut bytes) = (uri(&capture.url), date(capture.sent), Vec::new());
        let draft = |kind, answer: Option<Id>| {
            let draft = Draft::new(kind, &date, Some(&uri));
            if let Some(answer) = answer { draft.with(answer) } else { draft }
        };
        let payload = self.digest.of(&[&capture.body]);
        let is_whole = capture.truncated.is_none() && !capture.body.is_empty();
        let first = self.seen.first(payload).filter(|_| is_whole);
        let unchanged = about.and_then(|about| about.unchanged);
        let answer = match (unchanged, first) {
            (Some(since), _) => draft(Kind::Revisit, None).not_modified_since(&uri, since),
            (None, Some(First { uri, date })) => draft(Kind::Revisit, None).same_as(uri, date),
            (None, None) => draft(Kind::Response, None),
        };
        let (id, is_revisit) = (answer.id, unchanged.is_some() || first.is_some());
        let body: &[u8] = if is_revisit { &[] } else { &capture.body };
        let mut answer = answer.from(capture.remote, capture.is_http2).cut(capture.truncated);
        if unchanged.is_none() {
            answer = answer.payload(payload);
        }
        let length = self.record(answer, &[&capture.head, body], &mut bytes)?;
        let request = draft(Kind::Request, Some(id)).from(capture.remote, capture.is_http2);
        self.record(request, &[&capture.request], &mut bytes)?;
        if let Some(about) = about {
            let fields = about.fields(capture, before);
            self.record(draft(Kind::Metadata, Some(id)), &[fields.as_bytes()], &mut bytes)?;
        }
        if is_whole && !is_revisit {
            self.seen.add(payload, &uri, &date);
        }
        // Of a payload that did not come nobody knows the digest.
        let digest = if unchanged.is_some() { String::new() } else { payload.to_string() };
        let head = capture.head.clone();
        Ok(Exchange { bytes, uri, date, digest, head, is_revisit, length })
    }

    /// Appends a record, and gives its length.
    pub(super) fn record(&self, draft: Draft, block: &[&[u8]], out: &mut Vec<u8>) -> io::Result<u64> {
        let (head, before) = (draft.head(self.digest, block), out.len());
        let parts: Vec<&[u8]> = [&head[..]].iter().chain(block).chain([&END]).copied().collect();
        self.compression.append(out, &parts)?;
        let length = (out.len() - before) as u64;
        // What ends a record is no part of one that stands alone (as cdxj-indexer counts).
        Ok(if self.compression == Compression::None { length - END.len() as u64 } else { length })
    }
}

impl Exchange {
    /// What the index says of its answer, and where that stands when these records begin there.
    pub(super) fn entry(&self, part: u32, offset: u64) -> (Entry<'_>, Place) {
        let Self { uri, date, digest, head, is_revisit, length, .. } = self;
        let place = Place { part, offset, length: *length };
        (Entry { uri, date, digest, head, is_revisit: *is_revisit }, place)
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
