//! What a seed asks for beyond its URL: [`SeedOptions`], and what of it makes another request of the same URL.
//!
//! The list of seeds says it (`seeds/json.rs`), the frontier keeps it with the seed, on disk too, and workers make the
//! request of it. Method, headers and body are of the seed alone; the tag is inherited by all that descends from it. Seeds
//! without any of it, and links, cost nothing.

use std::sync::Arc;

use bytes::Bytes;

use super::store::disk::bytes::{Damaged, Reader, put, put_bytes};
use crate::fetch::{HeaderMap, HeaderName, HeaderValue, Method};
use crate::url::{CrawlUrl, Fingerprinter};

/// What a seed asks for beyond its URL. `None`: as the run does by default.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SeedOptions {
    /// The method.
    pub method: Option<Method>,
    /// Headers, in place of those of the run where both have one.
    pub headers: Option<Arc<HeaderMap>>,
    /// The body.
    pub body: Option<Bytes>,
    /// What it and all that descends from it is called in the records.
    pub tag: Option<Arc<str>>,
}

impl std::fmt::Debug for SeedOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Headers and bodies hold secrets.
        let Self { method, tag, .. } = self;
        f.debug_struct("SeedOptions").field("method", method).field("tag", tag).finish_non_exhaustive()
    }
}

impl SeedOptions {
    /// Whether it is a request of its own, of which the run's method and body are no part.
    pub fn is_own_request(&self) -> bool {
        self.method.is_some() || self.body.is_some()
    }

    /// The method of a request of its own.
    pub fn own_method(&self) -> Option<Method> {
        self.method.clone().or_else(|| self.body.is_some().then_some(Method::POST))
    }

    /// The identity of the seed: that of its URL, unless another method or a body makes it another request.
    pub fn fingerprint(&self, url: &CrawlUrl, fingerprinter: &Fingerprinter) -> u64 {
        let method = self.own_method().unwrap_or(Method::GET);
        if self.body.is_none() && matches!(method, Method::GET | Method::HEAD) {
            return fingerprinter.fingerprint(url);
        }
        // No URL has a line break, so that no other URL is meant by it.
        let parts = [url.as_str().as_bytes(), b"\n", method.as_str().as_bytes(), b"\n"];
        let text = [&parts.concat()[..], self.body.as_deref().unwrap_or_default()].concat();
        fingerprinter.fingerprint_bytes(&text)
    }

    /// A form that can be kept and [read back](Self::from_bytes).
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let Self { method, headers, body, tag } = self;
        let mut out = Vec::new();
        put_bytes(&mut out, method.as_ref().map_or("", Method::as_str).as_bytes());
        put(&mut out, headers.as_ref().map_or(0, |headers| headers.len()) as u64);
        for (name, value) in headers.iter().flat_map(|headers| headers.iter()) {
            put_bytes(&mut out, name.as_str().as_bytes());
            put_bytes(&mut out, value.as_bytes());
        }
        for text in [body.as_deref(), tag.as_deref().map(str::as_bytes)] {
            put(&mut out, u64::from(text.is_some()));
            put_bytes(&mut out, text.unwrap_or_default());
        }
        out
    }

    /// What [`to_bytes`](Self::to_bytes) was made of.
    ///
    /// # Errors
    /// For other bytes.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, Damaged> {
        let mut reader = Reader(bytes);
        let method = match reader.bytes()? {
            b"" => None,
            name => Some(Method::from_bytes(name).map_err(|_| Damaged)?),
        };
        let mut headers = HeaderMap::new();
        for _ in 0..reader.small()? {
            let name = HeaderName::from_bytes(reader.bytes()?).map_err(|_| Damaged)?;
            headers.append(name, HeaderValue::from_bytes(reader.bytes()?).map_err(|_| Damaged)?);
        }
        let body = (reader.number()? != 0, reader.bytes()?);
        let tag = (reader.number()? != 0, reader.text()?);
        Ok(Self {
            method,
            headers: (!headers.is_empty()).then(|| Arc::new(headers)),
            body: body.0.then(|| Bytes::copy_from_slice(body.1)),
            tag: tag.0.then(|| Arc::from(tag.1)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> SeedOptions {
        let mut headers = HeaderMap::new();
        headers.append("cookie", HeaderValue::from_static("a=1"));
        headers.append("cookie", HeaderValue::from_static("b=2"));
        SeedOptions {
            method: Some(Method::PUT),
            headers: Some(Arc::new(headers)),
            body: Some(Bytes::from_static(b"\x00\xff")),
            tag: Some("news".into()),
        }
    }

    #[test]
    fn options_come_back_as_they_were() {
        let empty_body = SeedOptions { body: Some(Bytes::new()), ..SeedOptions::default() };
        for options in [options(), SeedOptions::default(), empty_body] {
            let bytes = options.to_bytes();
            assert!(SeedOptions::from_bytes(&bytes) == Ok(options));
            for cut in 0..bytes.len() {
                assert_eq!(SeedOptions::from_bytes(&bytes[..cut]).err(), Some(Damaged));
            }
        }
        let shown = format!("{:?}", options());
        assert!(shown.contains("news") && !shown.contains("a=1"), "{shown}");
    }

    #[test]
    fn another_method_or_body_is_another_request() {
        let (f, url) = (Fingerprinter::with_key(1, 2), CrawlUrl::parse("http://h/").unwrap());
        let of = |method: Option<Method>, body: Option<&'static str>| {
            let body = body.map(|text| Bytes::from_static(text.as_bytes()));
            SeedOptions { method, body, ..SeedOptions::default() }.fingerprint(&url, &f)
        };
        let plain = f.fingerprint(&url);
        assert!([None, Some(Method::GET), Some(Method::HEAD)].into_iter().all(|m| of(m, None) == plain));
        assert_eq!(of(None, Some("a")), of(Some(Method::POST), Some("a")));
        let others = [of(None, Some("a")), of(None, Some("b")), of(Some(Method::PUT), None), plain];
        assert_eq!(others.iter().collect::<std::collections::BTreeSet<_>>().len(), 4);
    }
}
