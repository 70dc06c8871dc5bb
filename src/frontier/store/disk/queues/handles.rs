//! The open queue files: at most 64, the least recently used is closed first. Reads and writes are at a given
//! offset, and every error names the file. Used by `log`.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

const MAX_OPEN: usize = 64;
const PREFIX: &str = "queue-";

/// Files of a directory by number.
pub(super) struct Handles {
    dir: PathBuf,
    /// The most recently used is last.
    open: Vec<(u32, File)>,
}

impl Handles {
    pub(super) fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), open: Vec::new() }
    }

    pub(super) fn path(&self, number: u32) -> PathBuf {
        self.dir.join(format!("{PREFIX}{number:08}"))
    }

    /// The numbers of all queue files there are.
    pub(super) fn list(&self) -> io::Result<Vec<u32>> {
        let mut numbers = Vec::new();
        for entry in fs::read_dir(&self.dir).map_err(|error| naming(&self.dir, error))? {
            let name = entry?.file_name();
            let number = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.parse().ok());
            numbers.extend(number.filter(|number| self.path(*number).file_name() == Some(&name)));
        }
        Ok(numbers)
    }

    /// Makes an empty file.
    pub(super) fn create(&mut self, number: u32) -> io::Result<()> {
        self.close(number);
        self.open(number, OpenOptions::new().read(true).write(true).create(true).truncate(true))
    }

    /// Deletes a file.
    pub(super) fn delete(&mut self, number: u32) -> io::Result<()> {
        self.close(number);
        let path = self.path(number);
        fs::remove_file(&path).map_err(|error| naming(&path, error))
    }

    /// Fills `buffer` from a file.
    pub(super) fn read(&mut self, number: u32, offset: u32, buffer: &mut [u8]) -> io::Result<()> {
        self.with(number, |file| read_exact_at(file, buffer, u64::from(offset)))
    }

    /// Writes all of `bytes` to a file.
    pub(super) fn write(&mut self, number: u32, offset: u32, bytes: &[u8]) -> io::Result<()> {
        self.with(number, |file| write_all_at(file, bytes, u64::from(offset)))
    }

    /// Makes the content of a file durable.
    pub(super) fn sync(&mut self, number: u32) -> io::Result<()> {
        self.with(number, |file| file.sync_data())
    }

    /// Makes the names of the files durable, where a directory can be synced.
    pub(super) fn sync_names(&self) -> io::Result<()> {
        #[cfg(unix)]
        File::open(&self.dir).and_then(|dir| dir.sync_all()).map_err(|error| naming(&self.dir, error))?;
        Ok(())
    }

    fn with<T>(&mut self, number: u32, act: impl FnOnce(&File) -> io::Result<T>) -> io::Result<T> {
        match self.open.iter().rposition(|(open, _)| *open == number) {
            Some(index) => self.open[index..].rotate_left(1),
            // Also to sync a file, it must be open for writing on some systems.
            None => self.open(number, OpenOptions::new().read(true).write(true))?,
        }
        let Some((_, file)) = self.open.last() else { return Err(io::ErrorKind::NotFound.into()) };
        act(file).map_err(|error| naming(&self.path(number), error))
    }

    fn open(&mut self, number: u32, options: &OpenOptions) -> io::Result<()> {
        let path = self.path(number);
        let file = options.open(&path).map_err(|error| naming(&path, error))?;
        if self.open.len() >= MAX_OPEN {
            self.open.remove(0);
        }
        self.open.push((number, file));
        Ok(())
    }

    fn close(&mut self, number: u32) {
        self.open.retain(|(open, _)| *open != number);
    }
}

fn naming(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(unix)]
use std::os::unix::fs::FileExt;

#[cfg(unix)]
fn read_exact_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    file.read_exact_at(buffer, offset)
}

#[cfg(unix)]
fn write_all_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    file.write_all_at(bytes, offset)
}

#[cfg(not(unix))]
fn read_exact_at(mut file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    io::Seek::seek(&mut file, io::SeekFrom::Start(offset))?;
    io::Read::read_exact(&mut file, buffer)
}

#[cfg(not(unix))]
fn write_all_at(mut file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    io::Seek::seek(&mut file, io::SeekFrom::Start(offset))?;
    io::Write::write_all(&mut file, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_few_files_open_and_reads_them_all() {
        let dir = tempfile::tempdir().unwrap();
        let mut handles = Handles::new(dir.path());
        let count = MAX_OPEN as u32 + 20;
        for number in 1..=count {
            handles.create(number).unwrap();
            handles.write(number, 0, &number.to_le_bytes()).unwrap();
        }
        for number in (1..=count).rev() {
            let mut word = [0; 4];
            handles.read(number, 0, &mut word).unwrap();
            assert_eq!(word, number.to_le_bytes());
            assert!(handles.open.len() <= MAX_OPEN);
        }
        assert_eq!(handles.list().unwrap().len(), count as usize);
        handles.delete(7).unwrap();
        let error = handles.read(7, 0, &mut [0]).unwrap_err();
        assert!(error.to_string().contains("queue-00000007"), "{error}");
    }

    #[test]
    fn leaves_other_names_alone() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["queue-00000012", "queue-12", "queue-+0000012", "queue-", "queue-00000012.old", "seen"] {
            fs::write(dir.path().join(name), "").unwrap();
        }
        assert_eq!(Handles::new(dir.path()).list().unwrap(), [12]);
    }
}
