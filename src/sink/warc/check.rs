//! Reads a whole archive and compares its digests: what `gannet job DIR --verify` says of one.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use super::digest::Digest;
use super::parts::files;
use super::reader::Reader;

/// What was found in an archive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Records, of all parts.
    pub records: u64,
    /// Those whose block has another digest than they say.
    pub broken: u64,
}

/// Reads an archive up to this length of it.
///
/// # Errors
/// When a part cannot be read, or holds what is no record ([`io::ErrorKind::InvalidData`]).
pub fn check(path: &Path, mut length: u64) -> io::Result<Checked> {
    let mut checked = Checked::default();
    for (part, bytes) in files(path)? {
        let here = bytes.min(length);
        length -= here;
        let named = |why: io::Error| io::Error::new(why.kind(), format!("`{}`: {why}", part.display()));
        let source = File::open(&part).map_err(named)?.take(here);
        let each = Reader::new(source, u64::MAX).each(|record| {
            let digest = record.field("WARC-Block-Digest");
            let is_right = digest.is_some_and(|digest| Digest::matches(digest, &record.block) == Some(true));
            checked.records += 1;
            checked.broken += u64::from(!is_right);
            Ok(())
        });
        each.map_err(named)?;
    }
    Ok(checked)
}
