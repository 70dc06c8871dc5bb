//! The published form of an [`Outcome`]: one flat object, schema 1 (`docs/output.md`). Absent means not applicable.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use encoding_rs::{Encoding, UTF_8};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{Outcome, Received, ShowBody, Skip};
use crate::content::Content;
use crate::extract::Via;
use crate::extract::charset::is_text;
use crate::fetch::{CacheUse, HeaderMap};
use crate::url::redacted;

/// The version of the record's form, in its field `schema`.
pub const SCHEMA: u32 = 1;

/// The names of the record's fields, in the order in which they are written.
pub const FIELDS: &[&str] = &[
    "schema",
    "timestamp",
    "seq",
    "input",
    "url",
    "final_url",
    "location",
    "method",
    "outcome",
    "status_code",
    "http_version",
    "content_type",
    "charset",
    "title",
    "robots",
    "etag",
    "last_modified",
    "unchanged",
    "cache",
    "body_bytes",
    "wire_bytes",
    "truncated",
    "resumed",
    "sha256",
    "simhash",
    "duplicate_of",
    "headers",
    "body",
    "body_b64",
    "body_path",
    "text",
    "markdown",
    "meta",
    "text_path",
    "markdown_path",
    "meta_path",
    "remote_ip",
    "reused",
    "proxy",
    "depth",
    "source",
    "tag",
    "attr",
    "lastmod",
    "seed_tag",
    "chain",
    "links",
    "attempts",
    "error",
    "error_kind",
    "phase",
    "skipped",
    "fallback",
    "time_queue_ms",
    "time_dns_ms",
    "time_connect_ms",
    "time_tls_ms",
    "time_ttfb_ms",
    "time_total_ms",
    "hedged",
];

impl Serialize for Outcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let show_links = self.response.as_ref().is_some_and(|response| response.show_links);
        self.serialize_with(show_links, true, serializer)
    }
}

/// An outcome whose record shows its links whatever was asked for, and no body.
pub(crate) struct WithLinks<'a>(pub(crate) &'a Outcome);

impl Serialize for WithLinks<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize_with(true, false, serializer)
    }
}

impl Outcome {
    fn serialize_with<S: Serializer>(
        &self,
        links: bool,
        body: bool,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("schema", &SCHEMA)?;
        map.serialize_entry("timestamp", &Display(humantime::format_rfc3339_millis(self.timestamp)))?;
        map.serialize_entry("seq", &self.seq)?;
        put(&mut map, "input", self.input.as_deref().map(redacted))?;
        put(&mut map, "url", self.url.as_ref())?;
        put(&mut map, "final_url", self.response.as_ref().and_then(|r| r.final_url.as_ref()))?;
        put(&mut map, "location", self.response.as_ref().and_then(|r| r.location.as_ref()))?;
        map.serialize_entry("method", self.method.as_str())?;
        map.serialize_entry("outcome", self.kind.as_str())?;
        if let Some(response) = &self.response {
            response.serialize_into(&mut map, body)?;
        }
        put(&mut map, "proxy", self.proxy.as_deref())?;
        map.serialize_entry("depth", &self.depth)?;
        put(&mut map, "source", self.source.as_ref())?;
        put(&mut map, "tag", self.via.map(Via::tag))?;
        put(&mut map, "attr", self.via.map(Via::attr))?;
        put(&mut map, "lastmod", self.lastmod.as_deref())?;
        put(&mut map, "seed_tag", self.seed_tag.as_deref())?;
        if let Some(response) = &self.response {
            put(&mut map, "chain", Some(&response.chain).filter(|c| !c.is_empty()))?;
            put(&mut map, "links", response.links.as_ref().filter(|_| links))?;
        }
        map.serialize_entry("attempts", &self.attempts)?;
        if let Some(error) = &self.error {
            map.serialize_entry("error", &error.message)?;
            map.serialize_entry("error_kind", &error.kind)?;
            map.serialize_entry("phase", &error.phase)?;
        }
        put(&mut map, "skipped", self.skipped.map(Skip::as_str))?;
        put(&mut map, "fallback", self.fallback.as_ref())?;
        put(&mut map, "time_queue_ms", self.queue.map(millis))?;
        if let Some(timings) = &self.timings {
            put(&mut map, "time_dns_ms", timings.dns.map(millis))?;
            put(&mut map, "time_connect_ms", timings.connect.map(millis))?;
            put(&mut map, "time_tls_ms", timings.tls.map(millis))?;
            put(&mut map, "time_ttfb_ms", timings.first_byte.map(millis))?;
            map.serialize_entry("time_total_ms", &millis(timings.total))?;
        }
        put(&mut map, "hedged", self.hedged.then_some(true))?;
        map.end()
    }
}

impl Received {
    /// The fields between `outcome` and `depth`.
    fn serialize_into<M: SerializeMap>(&self, map: &mut M, with_body: bool) -> Result<(), M::Error> {
        put(map, "status_code", self.status)?;
        put(map, "http_version", self.http_version)?;
        put(map, "content_type", self.content_type.as_ref())?;
        put(map, "charset", self.charset.as_ref())?;
        put(map, "title", self.title.as_ref())?;
        put(map, "robots", Some(&self.robots).filter(|words| !words.is_empty()))?;
        put(map, "etag", self.etag.as_ref())?;
        put(map, "last_modified", self.last_modified.as_ref())?;
        put(map, "unchanged", self.unchanged.as_ref().map(|_| true))?;
        put(map, "cache", self.cache.map(CacheUse::as_str))?;
        map.serialize_entry("body_bytes", &self.body_bytes)?;
        map.serialize_entry("wire_bytes", &self.wire_bytes)?;
        put(map, "truncated", self.truncated)?;
        put(map, "resumed", Some(self.resumed).filter(|times| *times > 0))?;
        put(map, "sha256", self.sha256.as_ref())?;
        if let Some(mark) = self.content.as_ref().and_then(|content| content.mark.as_ref()) {
            put(map, "simhash", mark.print.simhash.map(|hash| format!("{hash:016x}")))?;
            put(map, "duplicate_of", mark.duplicate_of.as_ref())?;
        }
        put(map, "headers", self.headers.as_ref().map(Headers))?;
        if let Some(body) = self.body.as_deref().filter(|_| with_body && self.show_body != ShowBody::No) {
            match self.text(body) {
                Some(text) => map.serialize_entry("body", &text)?,
                None => map.serialize_entry("body_b64", &base64::prelude::BASE64_STANDARD.encode(body))?,
            }
        }
        put(map, "body_path", self.body_path.as_ref())?;
        if let Some(content) = self.content.as_ref().filter(|_| with_body) {
            serialize_content(content, map)?;
        }
        put(map, "remote_ip", self.remote_ip.map(|address| address.to_string()))?;
        put(map, "reused", self.status.map(|_| self.reused))
    }

    /// The body as text, if it is to be shown so and nothing of it is lost.
    fn text<'a>(&self, body: &'a [u8]) -> Option<Cow<'a, str>> {
        if self.show_body == ShowBody::Raw {
            return None;
        }
        // Any bytes are text in windows-1252, so of an image no charset is believed.
        let charset = self.charset.as_deref().filter(|_| is_text(self.content_type.as_deref(), body));
        let encoding = charset.and_then(|name| Encoding::for_label(name.as_bytes())).unwrap_or(UTF_8);
        encoding.decode_without_bom_handling_and_without_replacement(body)
    }
}

/// What a page says, or the files that hold it.
fn serialize_content<M: SerializeMap>(content: &Content, map: &mut M) -> Result<(), M::Error> {
    let Content { text, markdown, meta, stem, .. } = content;
    let Some(stem) = stem else {
        put(map, "text", text.as_ref())?;
        put(map, "markdown", markdown.as_ref())?;
        return put(map, "meta", meta.as_ref());
    };
    let path = |suffix: &str| format!("{stem}.{suffix}");
    put(map, "text_path", text.as_ref().map(|_| path("txt")))?;
    put(map, "markdown_path", markdown.as_ref().map(|_| path("md")))?;
    put(map, "meta_path", meta.as_ref().map(|_| path("meta.json")))
}

fn put<M: SerializeMap, T: Serialize>(
    map: &mut M,
    name: &'static str,
    value: Option<T>,
) -> Result<(), M::Error> {
    value.map_or(Ok(()), |value| map.serialize_entry(name, &value))
}

/// Milliseconds with three decimals.
fn millis(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}

/// Serialises what can be displayed, without a `String` in between.
struct Display<T>(T);

impl<T: fmt::Display> Serialize for Display<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// Headers as an object: lower-case names, each with the list of its values.
struct Headers<'a>(&'a HeaderMap);

impl Serialize for Headers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.keys().map(|name| {
            let values =
                self.0.get_all(name).iter().map(|v| String::from_utf8_lossy(v.as_bytes()).into_owned());
            (name.as_str(), values.collect::<Vec<_>>())
        }))
    }
}
