//! Digests of blocks and payloads (WARC 1.1 §5.8, §5.9), as other tools write them: SHA-1 in base32, SHA-256 in hex.

use std::fmt;

use data_encoding::{BASE32, HEXLOWER};
use sha1::Sha1;
use sha2::Sha256;

/// Which digest the records of an archive have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Digest {
    /// `sha1:` and base32, which is what most archives have; the default.
    #[default]
    Sha1,
    /// `sha256:` and lower-case hex.
    Sha256,
}

/// A digest of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Sum {
    Sha1([u8; 20]),
    Sha256([u8; 32]),
}

impl Digest {
    /// The digest of these parts, one after the other.
    pub(super) fn of(self, parts: &[&[u8]]) -> Sum {
        match self {
            Self::Sha1 => Sum::Sha1(digest::<Sha1>(parts).into()),
            Self::Sha256 => Sum::Sha256(digest::<Sha256>(parts).into()),
        }
    }

    /// Whether a digest as it stands in a record is that of these bytes; `None` for a kind that is not known here.
    pub fn matches(text: &str, bytes: &[u8]) -> Option<bool> {
        let (kind, value) = text.split_once(':')?;
        let sum = match kind.to_ascii_lowercase().as_str() {
            "sha1" => Self::Sha1,
            "sha256" => Self::Sha256,
            _ => return None,
        };
        let sum = sum.of(&[bytes]);
        // Both encodings are met for both (WARC 1.1 §5.8 names none).
        let same = |own: String| own.trim_end_matches('=').eq_ignore_ascii_case(value.trim_end_matches('='));
        Some(same(HEXLOWER.encode(sum.as_bytes())) || same(BASE32.encode(sum.as_bytes())))
    }
}

fn digest<D: sha2::digest::Digest>(parts: &[&[u8]]) -> sha2::digest::Output<D> {
    let mut digest = D::new();
    parts.iter().for_each(|part| digest.update(part));
    digest.finalize()
}

impl Sum {
    fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Sha1(bytes) => bytes,
            Self::Sha256(bytes) => bytes,
        }
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sha1(bytes) => write!(f, "sha1:{}", BASE32.encode_display(bytes)),
            Self::Sha256(bytes) => write!(f, "sha256:{}", HEXLOWER.encode_display(bytes)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_of_nothing() {
        // RFC 3174 and FIPS 180-4, of the empty message.
        assert_eq!(Digest::Sha1.of(&[]).to_string(), "sha1:3I42H3S6NNFQ2MSVX7XZKYAYSCX5QBYJ");
        let long = Digest::Sha256.of(&[b"", b""]).to_string();
        assert_eq!(long, "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(Digest::of(Digest::Sha1, &[b"a", b"b"]), Digest::Sha1.of(&[b"ab"]));
        assert_eq!(Digest::matches(&long, b""), Some(true));
        assert_eq!(Digest::matches(&long, b"x"), Some(false));
        assert_eq!(Digest::matches("md5:x", b""), None);
    }
}
