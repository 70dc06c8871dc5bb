//! What was read of pages, as files (`--extract-to DIR`), and the ledger of a job that looks for duplicates.

use std::fs;
use std::io;
use std::path::PathBuf;

use super::{Sink, whole};
use crate::content::{Content, Ledger};
use crate::outcome::Outcome;

/// Writes text, Markdown and metadata of each page to files of their own below a directory.
pub struct Contents {
    root: PathBuf,
}

impl Contents {
    /// Writes below `root`, which is made if it is not there.
    ///
    /// # Errors
    /// When the directory cannot be made.
    pub fn new(root: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&root)?;
        Ok(Self { root })
    }
}

/// What was read of the page.
fn content(outcome: &Outcome) -> Option<&Content> {
    outcome.response.as_ref()?.content.as_deref()
}

impl Sink for Contents {
    fn write(&mut self, outcome: &Outcome) -> io::Result<()> {
        let Some((content, stem)) =
            content(outcome).and_then(|content| Some((content, content.stem.as_ref()?)))
        else {
            return Ok(());
        };
        for (suffix, bytes) in content.files() {
            let path = self.root.join(format!("{stem}.{suffix}"));
            if let Some(directory) = path.parent() {
                fs::create_dir_all(directory)?;
            }
            whole::write(&self.root, &path, &bytes)?;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        Ok(())
    }
}

/// Only what was new is noted: a copy is known by its first page.
impl Sink for Ledger {
    fn write(&mut self, outcome: &Outcome) -> io::Result<()> {
        let mark = content(outcome).and_then(|content| content.mark.as_ref());
        if let Some(mark) = mark.filter(|mark| mark.duplicate_of.is_none()) {
            self.add(&mark.print);
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ledger::flush(self)
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        Ledger::flush(&mut self)
    }
}
