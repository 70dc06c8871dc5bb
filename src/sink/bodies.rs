//! Bodies as files (`--save-bodies DIR`), named by their content ([`Received::body_path`]).
//!
//! Pages with one content share a file, which is written once: a file that is there with the right length is left alone.
//! So runs may share a directory, one after the other or at once.
//!
//! [`Received::body_path`]: crate::outcome::Received::body_path

use std::fs;
use std::io;
use std::path::PathBuf;

use super::{Sink, whole};
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
        if whole::is_there(&path, body.len()) {
            return Ok(());
        }
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        whole::write(&self.root, &path, body)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{OutcomeKind, Received};

    fn outcome(name: &str, body: &'static [u8]) -> Outcome {
        let response = Received {
            body: Some(bytes::Bytes::from_static(body)),
            body_path: Some(name.to_owned()),
            ..Received::default()
        };
        Outcome { response: Some(Box::new(response)), ..Outcome::new(OutcomeKind::Finished, None) }
    }

    #[test]
    fn a_file_is_written_once_and_half_of_one_again() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("ab/cd.html");
        let mut bodies = Bodies::new(directory.path().to_owned()).unwrap();
        bodies.write(&outcome("ab/cd.html", b"page")).unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"page");
        fs::write(&file, "same").unwrap();
        bodies.write(&outcome("ab/cd.html", b"page")).unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"same", "its length is right, so it was not looked into");
        fs::write(&file, "pa").unwrap();
        bodies.write(&outcome("ab/cd.html", b"page")).unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"page");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "nothing else is left there");
    }

    #[test]
    fn runs_share_a_directory() {
        let directory = tempfile::tempdir().unwrap();
        let run = || {
            let mut bodies = Bodies::new(directory.path().to_owned()).unwrap();
            for nth in 0..100 {
                bodies.write(&outcome(&format!("ab/{nth}.html"), b"page")).unwrap();
            }
        };
        std::thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(run))));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        assert_eq!(fs::read_dir(directory.path().join("ab")).unwrap().count(), 100);
    }
}
