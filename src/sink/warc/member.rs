//! How a record is compressed: each by itself (WARC 1.1 annex D), so that a reader can begin at any of them.
//!
//! A `.warc.gz` is a row of gzip members, a `.warc.zst` one of zstd frames without a dictionary, a `.warc` the records
//! as they are.

use std::io::{self, Write};
use std::path::Path;

use flate2::Compression as Level;
use flate2::write::GzEncoder;

/// The coding of a file's records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// None: `.warc`.
    None,
    /// A gzip member each: `.warc.gz`.
    Gzip,
    /// A zstd frame each: `.warc.zst`.
    Zstd,
}

/// The level of zstd: as small as gzip's usual one, at a third of the time.
const ZSTD_LEVEL: i32 = 3;

impl Compression {
    const SUFFIXES: [(&str, Self); 3] =
        [(".warc.gz", Self::Gzip), (".warc.zst", Self::Zstd), (".warc", Self::None)];

    /// What the name of a file says, and the name without it; `None` when it is not that of an archive.
    pub fn of(path: &Path) -> Option<(&str, Self)> {
        let name = path.file_name()?.to_str()?;
        let fits = |suffix: &str| {
            let stem = name.get(..name.len().checked_sub(suffix.len())?)?;
            name[stem.len()..].eq_ignore_ascii_case(suffix).then_some(stem)
        };
        Self::SUFFIXES.iter().find_map(|(suffix, compression)| Some((fits(suffix)?, *compression)))
    }

    /// Appends a record that consists of these parts.
    pub(super) fn append(self, out: &mut Vec<u8>, parts: &[&[u8]]) -> io::Result<()> {
        match self {
            Self::None => write_all(out, parts),
            Self::Gzip => {
                let mut encoder = GzEncoder::new(out, Level::default());
                write_all(&mut encoder, parts)?;
                encoder.finish().map(drop)
            }
            Self::Zstd => {
                let mut encoder = zstd::stream::write::Encoder::new(out, ZSTD_LEVEL)?;
                encoder.include_checksum(true)?;
                let length: usize = parts.iter().map(|part| part.len()).sum();
                encoder.set_pledged_src_size(Some(length as u64))?;
                write_all(&mut encoder, parts)?;
                encoder.finish().map(drop)
            }
        }
    }
}

fn write_all(out: &mut impl Write, parts: &[&[u8]]) -> io::Result<()> {
    parts.iter().try_for_each(|part| out.write_all(part))
}
