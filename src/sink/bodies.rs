//! Bodies as files (`--save-bodies DIR`), named by [`body_path`](crate::outcome::body_path).

use std::fs;
use std::io;
use std::path::PathBuf;

use super::Sink;
use crate::outcome::Outcome;

/// Writes each body to its own file below a directory.
pub struct Bodies {
    root: PathBuf,
}

impl Bodies {
    /// Writes below `root`, which is made if it is not there.
    ///
    /// # Errors
    /// When the directory cannot be made.
    pub fn new(root: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&root)?;
        Ok(Self { root })
    }
}

impl Sink for Bodies {
    fn write(&mut self, outcome: &Outcome) -> io::Result<()> {
        let Some(response) = &outcome.response else { return Ok(()) };
        let (Some(name), Some(body)) = (&response.body_path, &response.body) else { return Ok(()) };
        let path = self.root.join(name);
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        fs::write(path, body)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        Ok(())
    }
}
