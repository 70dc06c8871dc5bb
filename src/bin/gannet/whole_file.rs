//! Files that the command line names and that are read whole before the run: configuration, netrc, cookies, proxies,
//! certificates.
//!
//! Each reader says how long its file may be. A longer one, a device or a pipe without an end included, is an error and never
//! cut, since what is missing would not be noticed.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// The longest file of settings or secrets, bytes.
pub(crate) const MIB: u64 = 1024 * 1024;

/// What a file holds.
///
/// # Errors
/// Those of reading; [`io::ErrorKind::FileTooLarge`] for more than `most` bytes.
pub(crate) fn bytes(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        let why = format!("it is longer than {} MiB", most / MIB);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
    }
    Ok(bytes)
}

/// The same of text.
///
/// # Errors
/// Also [`io::ErrorKind::InvalidData`] for what is not UTF-8.
pub(crate) fn text(path: &Path, most: u64) -> io::Result<String> {
    String::from_utf8(bytes(path, most)?)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_or_no_text_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        std::fs::write(&path, vec![b'x'; MIB as usize]).unwrap();
        assert_eq!(text(&path, MIB).unwrap().len() as u64, MIB);
        std::fs::write(&path, vec![b'x'; MIB as usize + 1]).unwrap();
        let why = text(&path, MIB).unwrap_err();
        assert_eq!((why.kind(), &*why.to_string()), (io::ErrorKind::FileTooLarge, "it is longer than 1 MiB"));
        std::fs::write(&path, b"\xff").unwrap();
        assert_eq!(bytes(&path, MIB).unwrap(), b"\xff");
        assert_eq!(text(&path, MIB).unwrap_err().kind(), io::ErrorKind::InvalidData);
        #[cfg(unix)]
        assert_eq!(bytes(Path::new("/dev/zero"), MIB).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
    }
}
