//! The set of the URLs seen when it is too big for memory: one sorted file and a merge.
//!
//! Links gather in a [`Seen`] until it is full; then one pass over the file tells which of them are new
//! and writes the file anew with them. A link costs its share of a sequential pass and never a seek: the
//! sieve of IRLbot's DRUM (Lee et al., WWW 2008) and of BUbiNG (Boldi et al., WWW 2014).
//!
//! The store decides when to merge, what the files are called and which one counts. Nothing here renames:
//! a file under its new name is whole and on the disk when the call returns, and not before.

mod sorted;
#[cfg(test)]
mod tests;

use std::io;
use std::path::Path;

use self::sorted::{Reader, Writer};

pub(super) use self::sorted::Sorted;

use super::seen::Seen;

/// Writes to `new` what is in the file `old` or in `fresh`, and leaves in `fresh` only what was not in
/// `old`. Returns how many fingerprints `new` has.
///
/// `new` is created, or overwritten as the leftover of a crash, and synchronised; it must not be `old`. To
/// rename it and to synchronise the directory is up to the caller. Beyond `fresh` it takes less than a MiB.
///
/// # Errors
/// `InvalidData` when `old` is no file of this kind, or damaged; otherwise what the system says about one of
/// the files. The message names the file. Then `new` may be there but cannot be opened as a [`Sorted`],
/// and `fresh` may have lost some of what it shares with `old`, but nothing else.
pub(super) fn merge(old: Option<&Path>, fresh: &mut Seen, new: &Path) -> io::Result<u64> {
    let Some(old) = old else { return write_sorted(fresh, new) };
    debug_assert_ne!(old, new);
    let mut old = Sorted::open(old)?.read()?;
    let mut new = Writer::create(new)?;
    fresh.try_retain(|fingerprint| {
        copy_below(fingerprint, &mut old, &mut new)?;
        let known = old.peek() == Some(fingerprint);
        if !known {
            new.push(fingerprint)?;
        }
        Ok(!known)
    })?;
    copy_rest(&mut old, &mut new)?;
    new.finish()
}

/// Writes `seen` to `new`: [`merge`] without an old file.
///
/// # Errors
/// What the system says about `new`.
pub(super) fn write_sorted(seen: &Seen, new: &Path) -> io::Result<u64> {
    let mut new = Writer::create(new)?;
    for fingerprint in seen.iter() {
        new.push(fingerprint)?;
    }
    new.finish()
}

/// How many fingerprints the file at `path` has.
///
/// # Errors
/// Those of [`Sorted::open`].
pub(super) fn count(path: &Path) -> io::Result<u64> {
    Ok(Sorted::open(path)?.len())
}

/// Copies what is less than `bound`; what equals it is next.
fn copy_below(bound: u64, old: &mut Reader, new: &mut Writer) -> io::Result<()> {
    while let Some(fingerprint) = old.peek()
        && fingerprint < bound
    {
        new.push(fingerprint)?;
        old.advance()?;
    }
    Ok(())
}

fn copy_rest(old: &mut Reader, new: &mut Writer) -> io::Result<()> {
    while let Some(fingerprint) = old.peek() {
        new.push(fingerprint)?;
        old.advance()?;
    }
    Ok(())
}
