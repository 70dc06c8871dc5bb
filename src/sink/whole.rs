//! A file that is there as a whole or not at all, for [`Bodies`](super::Bodies), [`Contents`](super::Contents) and
//! [`Mirror`](super::Mirror).
//!
//! It is written under a name of its own (`.gannet-….part`) in a directory of the same file system and renamed, so whatever ends the
//! process leaves no half of it, and two processes that write one file do not meet. A process that is killed may leave such
//! a `.part` behind, which nobody reads. Nothing is synced: what a loss of power takes is written again by the next run.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

/// Writes `path`, by way of a temporary file in `beside`; what is there is replaced, and a symbolic link there is not followed.
///
/// # Errors
/// When it cannot be written; then it is as it was.
pub(super) fn write(beside: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    // As any other file, and not for its owner alone, as temporary files are.
    let open = |path: &Path| File::options().write(true).create_new(true).open(path);
    let mut part = tempfile::Builder::new().prefix(".gannet-").suffix(".part").make_in(beside, open)?;
    part.as_file_mut().write_all(bytes)?;
    let (file, part) = part.into_parts();
    drop(file); // some systems rename no open file
    part.persist(path).map_err(|why| named(path)(why.error))
}

/// Whether a file is there, and as long as this: one that is named by its content then has this content.
pub(super) fn is_there(path: &Path, length: usize) -> bool {
    fs::symlink_metadata(path).is_ok_and(|there| there.is_file() && there.len() == length as u64)
}

/// Says which file an error is about.
pub(super) fn named(path: &Path) -> impl FnOnce(io::Error) -> io::Error + use<'_> {
    move |why| io::Error::new(why.kind(), format!("`{}`: {why}", path.display()))
}
