//! The records of WARC 1.1 (ISO 28500:2017): their named fields, in one order, with the digests of what follows.
//!
//! [`Draft`] is one record before it is compressed. Whatever comes from the network and stands in a field is a URL, which
//! is ASCII without spaces, or goes through [`plain`], so that nothing of it can begin a line.

use std::borrow::Cow;
use std::fmt;
use std::io::Write as _;
use std::net::IpAddr;
use std::time::SystemTime;

use super::digest::{Digest, Sum};
use crate::fetch::Truncated;
use crate::url::CrawlUrl;

/// A revisit of the same payload (WARC 1.1 §6.7.2).
const SAME_PAYLOAD: &str = "http://netpreserve.org/warc/1.1/revisit/identical-payload-digest";

/// The server said that the payload has not changed (WARC 1.1 §6.7.3).
const NOT_MODIFIED: &str = "http://netpreserve.org/warc/1.1/revisit/server-not-modified";

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Warcinfo,
    Request,
    Response,
    Revisit,
    Metadata,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Warcinfo => "warcinfo",
            Self::Request => "request",
            Self::Response => "response",
            Self::Revisit => "revisit",
            Self::Metadata => "metadata",
        }
    }

    fn content_type(self) -> &'static str {
        match self {
            Self::Warcinfo | Self::Metadata => "application/warc-fields",
            Self::Request => "application/http; msgtype=request",
            Self::Response | Self::Revisit => "application/http; msgtype=response",
        }
    }
}

/// The identity of a record: a random UUID (RFC 9562 §5.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Id(u128);

impl Id {
    pub(super) fn random() -> Self {
        let (version, variant) = (4 << 76, 0b10 << 62);
        Self(fastrand::u128(..) & !(0xf << 76) & !(0b11 << 62) | version | variant)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (hex, cut) = (format!("{:032x}", self.0), [0, 8, 12, 16, 20, 32]);
        f.write_str("<urn:uuid:")?;
        for (nth, ends) in cut.windows(2).enumerate() {
            write!(f, "{}{}", if nth == 0 { "" } else { "-" }, &hex[ends[0]..ends[1]])?;
        }
        f.write_str(">")
    }
}

/// A date with microseconds (WARC 1.1 §5.4).
pub(super) fn date(time: SystemTime) -> String {
    humantime::format_rfc3339_micros(time).to_string()
}

/// A URL as an archive names it: without user and password.
pub(super) fn uri(url: &CrawlUrl) -> String {
    format!("{}{}", url.host_key().as_str(), url.path_and_query())
}

/// A text that stays on its line.
pub(super) fn plain(text: &str) -> Cow<'_, str> {
    if text.contains(char::is_control) { text.replace(char::is_control, " ").into() } else { text.into() }
}

/// A record that is being put together: its fields so far.
pub(super) struct Draft {
    fields: Vec<u8>,
    pub(super) id: Id,
    kind: Kind,
}

impl Draft {
    /// A record of this date, about this URL if it is about one.
    pub(super) fn new(kind: Kind, date: &str, uri: Option<&str>) -> Self {
        let mut draft = Self { fields: b"WARC/1.1\r\n".to_vec(), id: Id::random(), kind };
        draft.field("WARC-Type", kind.as_str());
        draft.field("WARC-Record-ID", draft.id);
        if let Some(uri) = uri {
            draft.field("WARC-Target-URI", uri);
        }
        draft.field("WARC-Date", date);
        draft
    }

    fn field(&mut self, name: &str, value: impl fmt::Display) {
        // Writing to memory does not fail.
        let _ = write!(self.fields, "{name}: {value}\r\n");
    }

    /// Of one set with the record of this identity.
    pub(super) fn with(mut self, other: Id) -> Self {
        self.field("WARC-Concurrent-To", other);
        self
    }

    /// How it came: from where, over what.
    pub(super) fn from(mut self, address: Option<IpAddr>, is_http2: bool) -> Self {
        if let Some(address) = address {
            self.field("WARC-IP-Address", address);
        }
        if is_http2 {
            self.field("WARC-Protocol", "h2");
        }
        self
    }

    /// Its block is not whole.
    pub(super) fn cut(mut self, truncated: Option<Truncated>) -> Self {
        let why = match truncated {
            None => return self,
            Some(Truncated::Length) => "length",
            Some(Truncated::Time) => "time",
            Some(Truncated::Disconnect) => "disconnect",
        };
        self.field("WARC-Truncated", why);
        self
    }

    /// Its payload is that of the record of this URL and date.
    pub(super) fn same_as(self, uri: &str, date: &str) -> Self {
        self.revisit(SAME_PAYLOAD, uri, date)
    }

    /// The server says that its payload is that of this URL and date.
    pub(super) fn not_modified_since(self, uri: &str, date: &str) -> Self {
        self.revisit(NOT_MODIFIED, uri, date)
    }

    fn revisit(mut self, profile: &str, uri: &str, date: &str) -> Self {
        self.field("WARC-Profile", profile);
        self.field("WARC-Refers-To-Target-URI", uri);
        self.field("WARC-Refers-To-Date", plain(date));
        self
    }

    pub(super) fn payload(mut self, sum: Sum) -> Self {
        self.field("WARC-Payload-Digest", sum);
        self
    }

    /// The record's bytes before its block, which consists of these parts. What ends a record is [`END`].
    pub(super) fn head(mut self, digest: Digest, block: &[&[u8]]) -> Vec<u8> {
        self.field("WARC-Block-Digest", digest.of(block));
        self.field("Content-Type", self.kind.content_type());
        self.field("Content-Length", block.iter().map(|part| part.len()).sum::<usize>());
        self.fields.extend_from_slice(b"\r\n");
        self.fields
    }
}

/// What stands after the block of each record.
pub(super) const END: &[u8] = b"\r\n\r\n";

/// A block of `application/warc-fields` (WARC 1.1 annex).
#[derive(Default)]
pub(super) struct Fields(Vec<u8>);

impl Fields {
    pub(super) fn add(&mut self, name: &str, value: impl fmt::Display) {
        let value = value.to_string();
        let _ = write!(self.0, "{name}: {}\r\n", plain(&value));
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_a_uuid_of_version_4() {
        for _ in 0..100 {
            let id = Id::random().to_string();
            let uuid = id.strip_prefix("<urn:uuid:").unwrap().strip_suffix('>').unwrap();
            let lengths: Vec<_> = uuid.split('-').map(str::len).collect();
            assert_eq!(lengths, [8, 4, 4, 4, 12], "{id}");
            assert!(uuid.as_bytes()[14] == b'4' && b"89ab".contains(&uuid.as_bytes()[19]), "{id}");
        }
        assert_ne!(Id::random(), Id::random());
    }

    #[test]
    fn an_archive_names_no_user_and_no_line_is_broken() {
        let url = CrawlUrl::parse("https://me:secret@example.org:444/a?b@c").unwrap();
        assert_eq!(uri(&url), "https://example.org:444/a?b@c");
        let mut fields = Fields::default();
        fields.add("charset", "a\r\nvia: b");
        assert_eq!(fields.as_bytes(), b"charset: a  via: b\r\n");
    }

    #[test]
    fn a_head_has_its_fields_in_order() {
        let draft = Draft::new(Kind::Response, "2026-11-21T00:00:00.000001Z", Some("http://h/"));
        let id = draft.id;
        let head = draft.cut(Some(Truncated::Time)).head(Digest::Sha1, &[b"a", b"bc"]);
        assert_eq!(
            String::from_utf8(head).unwrap(),
            format!(
                "WARC/1.1\r\nWARC-Type: response\r\nWARC-Record-ID: {id}\r\nWARC-Target-URI: http://h/\r\n\
                 WARC-Date: 2026-11-21T00:00:00.000001Z\r\nWARC-Truncated: time\r\n\
                 WARC-Block-Digest: sha1:VGMT4NSHA2AWVOR6EVYXQUGCNSONBWE5\r\n\
                 Content-Type: application/http; msgtype=response\r\nContent-Length: 3\r\n\r\n"
            )
        );
    }
}
