//! [`Entry`]: an answer as it lies in the store: a line of JSON with what is known of it, and the body as it came over the wire.
//!
//! A file may be cut, or be from another version, or be no entry at all: then it is none, and the page is asked for. The checksum is
//! against damage; who can write into the directory can put there what he likes.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;

/// The version of this form.
const FORMAT: u32 = 1;

/// The longest head that is read, bytes: heads of answers have at most 408 KiB, and escapes.
const LONGEST_HEAD: usize = 4 << 20;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Without user and password.
    pub(super) url: String,
    pub(super) status: u16,
    pub(super) is_http2: bool,
    /// It came from a public address.
    pub(super) is_public: bool,
    /// When its request was sent, and when its head came or was confirmed.
    pub(super) sent: SystemTime,
    pub(super) received: SystemTime,
    /// What its request said in the headers that it varies by.
    pub(super) vary: Vec<(String, Option<Vec<u8>>)>,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// The line of JSON. Bytes of headers stand as the characters of those numbers.
#[derive(Serialize, Deserialize)]
struct Head {
    format: u32,
    url: String,
    status: u16,
    http2: bool,
    public: bool,
    /// Milliseconds of 1970.
    sent: u64,
    received: u64,
    vary: Vec<(String, Option<String>)>,
    headers: Vec<(String, String)>,
    length: u64,
    /// Of the body.
    sum: u64,
}

impl Entry {
    /// The two parts of its file.
    pub(super) fn to_parts(&self) -> serde_json::Result<(Vec<u8>, &[u8])> {
        let vary = self.vary.iter().map(|(name, value)| (name.clone(), value.as_deref().map(characters)));
        let headers = self.headers.iter();
        let head = Head {
            format: FORMAT,
            url: self.url.clone(),
            status: self.status,
            http2: self.is_http2,
            public: self.is_public,
            sent: millis(self.sent),
            received: millis(self.received),
            vary: vary.collect(),
            headers: headers.map(|(name, value)| (name.to_string(), characters(value.as_bytes()))).collect(),
            length: self.body.len() as u64,
            sum: sum(&self.body),
        };
        let mut line = serde_json::to_vec(&head)?;
        line.push(b'\n');
        Ok((line, &self.body))
    }

    /// Reads the bytes of a file; `None` if they are no whole entry.
    pub(super) fn from_bytes(bytes: Bytes) -> Option<Self> {
        let end = memchr::memchr(b'\n', &bytes[..bytes.len().min(LONGEST_HEAD)])?;
        let head: Head = serde_json::from_slice(&bytes[..end]).ok()?;
        let body = bytes.slice(end + 1..);
        let is_whole = head.format == FORMAT && head.length == body.len() as u64 && head.sum == sum(&body);
        let mut headers = HeaderMap::with_capacity(head.headers.len());
        for (name, value) in head.headers {
            let value = HeaderValue::from_bytes(&numbers(&value)?).ok()?;
            headers.append(HeaderName::from_bytes(name.as_bytes()).ok()?, value);
        }
        let vary = head.vary.into_iter();
        is_whole.then(|| Self {
            url: head.url,
            status: head.status,
            is_http2: head.http2,
            is_public: head.public,
            sent: time(head.sent),
            received: time(head.received),
            vary: vary.map(|(name, value)| (name, value.and_then(|value| numbers(&value)))).collect(),
            headers,
            body,
        })
    }
}

fn characters(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

fn numbers(text: &str) -> Option<Vec<u8>> {
    text.chars().map(|c| u8::try_from(c).ok()).collect()
}

fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// A time of a file, which may be any number: at most some thousand years from now.
fn time(millis: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(millis.min(1 << 47))
}

fn sum(body: &[u8]) -> u64 {
    SipHasher13::new_with_keys(0, 0).hash(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_gives_its_entry_back_or_none() {
        let headers = [("x-a", &b"\xff \""[..]), ("x-a", b"2"), ("etag", b"\"\"")];
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name, HeaderValue::from_bytes(value).unwrap());
        }
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_123);
        let entry = Entry {
            url: "http://h/".into(),
            status: 200,
            is_http2: true,
            is_public: false,
            sent: now,
            received: now,
            vary: vec![("accept".into(), Some(b"\xe9".into())), ("x".into(), None)],
            headers: map,
            body: Bytes::from_static(b"\n{}\0"),
        };
        let (head, body) = entry.to_parts().unwrap();
        let whole = [&head[..], body].concat();
        assert_eq!(Entry::from_bytes(whole.clone().into()), Some(entry));
        assert!((0..whole.len()).all(|end| Entry::from_bytes(whole[..end].to_vec().into()).is_none()));
        let mut other = whole.clone();
        *other.last_mut().unwrap() ^= 1;
        assert_eq!(Entry::from_bytes(other.into()), None);
        assert_eq!(Entry::from_bytes(Bytes::from(vec![0; 100])), None);
    }
}
