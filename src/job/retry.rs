//! `gannet job DIR --retry-failed`: failed URLs go back to their queues, and their records out of the outputs.
//!
//! That touches several files, and the process may die between any two of them. So the outputs are first written anew
//! beside the old ones; then the empty file `DIR/retry` says that all of them are there. From then on it will be done,
//! by this process or by the next that opens the job: each new output takes the place of the old, a checkpoint puts the
//! URLs back, and `retry` goes. Each of these steps may be done twice.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::rewrite::without;
use super::{Again, Job, Kept, Kind, Note, frontier_error, output};
use crate::error::Error;
use crate::frontier::Found;
use crate::frontier::store::disk::files::{sync_dir, write_atomically};
use crate::frontier::store::{DiskOptions, DiskState};
use crate::sink::warc;

/// Puts every failed URL of the job back; gives their number, with those that opening the job put back.
///
/// # Errors
/// When a file cannot be read, written, or is damaged; [`Error::Config`] when the records of an output cannot be told
/// apart.
pub fn retry_failed(job: &Job) -> Result<u64, Error> {
    let outputs = &job.manifest.outputs;
    let lengths = output::lengths(outputs).map_err(|why| frontier_error(&job.directory, why))?;
    let options = job.options(0, true);
    let mut state = read(job, &options, &lengths)?;
    let (seqs, _) = failed(job, &mut state)?;
    if seqs.is_empty() {
        return Ok(job.put_back);
    }
    let paths = || outputs.iter().map(|output| &output.path);
    for (nth, (output, length)) in outputs.iter().zip(&state.outputs).enumerate() {
        let Kept { path, kind } = output;
        let written = match kind {
            Kind::File | Kind::Packed | Kind::Rows => without(output, &beside(path), *length, &seqs),
            // What was exchanged stays so. It is cut now, since from here on its length is taken as it is.
            Kind::Archive => warc::cut(path, *length).map_err(|why| cannot_write(path, why)),
        };
        if let Err(why) = written {
            // They are of no use, and may be what fills the disk.
            paths().take(nth + 1).for_each(|path| drop(std::fs::remove_file(beside(path))));
            return Err(why);
        }
    }
    drop(state);
    let mark = mark(&job.directory);
    write_atomically(&mark, &[], true).map_err(|why| cannot_write(&mark, why))?;
    Ok(job.put_back + complete(job)?)
}

/// Whether a process died while it put failed URLs back. The next that opens the job completes that.
pub fn is_cut_short(directory: &Path) -> bool {
    mark(directory).exists()
}

/// Does what the mark says; gives the number of URLs that were put back now.
pub(super) fn complete(job: &Job) -> Result<u64, Error> {
    let outputs = &job.manifest.outputs;
    for Kept { path, .. } in outputs {
        let new = beside(path);
        if new.exists() {
            std::fs::rename(&new, path).map_err(|why| cannot_write(path, why))?;
        }
        sync_dir(path.parent().unwrap_or(path)).map_err(|why| cannot_write(path, why))?;
    }
    let io = |why| frontier_error(&job.directory, why);
    // All of the journal reached the disk before the mark, and the outputs are as they are to be.
    let options = DiskOptions { rebooted: false, ..job.options(0, true) };
    let mut state = read(job, &options, &vec![u64::MAX; outputs.len()])?;
    let (seqs, again) = failed(job, &mut state)?;
    if !seqs.is_empty() {
        let note = Note::from_bytes(&state.note)?.with_decided(&state.stock()).without_failed(again);
        state.retry_failed(note, output::lengths(outputs).map_err(io)?).map_err(io)?;
    }
    let mark = mark(&job.directory);
    std::fs::remove_file(&mark)
        .and_then(|()| sync_dir(&job.directory))
        .map_err(|why| cannot_write(&mark, why))?;
    Ok(seqs.len() as u64)
}

fn read(job: &Job, options: &DiskOptions, lengths: &[u64]) -> Result<DiskState, Error> {
    DiskState::read(options, lengths, true).map_err(|why| frontier_error(&job.directory, why))
}

/// The numbers of the failed URLs, and how many there are.
fn failed(job: &Job, state: &mut DiskState) -> Result<(HashSet<u64>, Again), Error> {
    let (mut seqs, mut again) = (HashSet::new(), Again::default());
    let each = |entry: crate::frontier::Entry| {
        seqs.insert(entry.seq);
        again.urls += 1;
        again.seeds += u64::from(matches!(entry.found, Found::Seed { .. }));
    };
    state.failed(each).map_err(|why| frontier_error(&job.directory, why))?;
    Ok((seqs, again))
}

fn mark(directory: &Path) -> PathBuf {
    directory.join("retry")
}

/// Where an output is written anew.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".retry");
    name.into()
}

fn cannot_write(path: &Path, why: std::io::Error) -> Error {
    Error::Io(format!("cannot write `{}`", path.display()), why)
}
