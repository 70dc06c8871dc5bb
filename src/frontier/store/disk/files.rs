//! What a job directory needs of the file system beyond reading and writing: files that are replaced whole, a
//! lock that names its holder, and the names of this boot and this machine.
//!
//! The disk store and the opening of a job call it. A file written by [`write_atomically`] is the old or the
//! new one, never a part. A [`Lock`] belongs to the open file and not to its name, so the kernel drops it with
//! the process and a file left behind blocks nobody.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Replaces the file at `path`, or makes it, of these parts through a temporary file `path` + `.new`. With `sync` the new
/// content is durable when this returns; without, it is safe from a crash of the process only.
///
/// # Errors
/// What the file system says; the old file is untouched then, unless only the last sync failed.
pub(crate) fn write_atomically(path: &Path, parts: &[&[u8]], sync: bool) -> io::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    let temporary = PathBuf::from(temporary);
    if let Err(error) = write(&temporary, parts, sync).and_then(|()| fs::rename(&temporary, path)) {
        // Gives back the space, which may be what was missing.
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    match path.parent() {
        Some(parent) if sync => sync_dir(parent),
        _ => Ok(()),
    }
}

/// What a job writes of itself may hold secrets of its command line, so it is for its owner alone.
fn write(path: &Path, parts: &[&[u8]], sync: bool) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    parts.iter().try_for_each(|part| file.write_all(part))?;
    if sync { file.sync_all() } else { Ok(()) }
}

/// Makes durable which files a directory holds. Elsewhere than on Unix a directory cannot be synced and this
/// does nothing.
///
/// # Errors
/// What the file system says.
pub(crate) fn sync_dir(path: &Path) -> io::Result<()> {
    // The parent of a bare file name is the empty path.
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}

/// An exclusive lock, held until it is dropped or the process ends. Locks of one process exclude each other
/// too.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
    #[cfg(not(unix))]
    path: PathBuf,
}

/// Why a lock was not acquired.
#[derive(Debug)]
pub(crate) enum LockError {
    /// Another has it: the text it left, which is empty if it has only just begun.
    Held(String),
    /// Locking failed; `Unsupported` when the file system has no locks.
    Io(io::Error),
}

impl Lock {
    /// Locks the file at `path`, made if need be, and leaves `who` in it for those who come later: see
    /// [`this_process`]. The file stays when the lock is dropped, but empty: to remove it could remove the lock
    /// of one who has just opened it.
    ///
    /// # Errors
    /// [`LockError::Held`] when it is locked, at once; [`LockError::Io`] when the file cannot be opened, locked
    /// or written.
    pub(crate) fn acquire(path: &Path, who: &str) -> Result<Self, LockError> {
        let mut lock = Self::take(path)?;
        lock.file.set_len(0).and_then(|()| lock.file.write_all(who.as_bytes())).map_err(LockError::Io)?;
        Ok(lock)
    }

    /// Who has the lock at `path`, if anybody has: the text it left. Two who look do not see each other; one who
    /// wants to acquire it at this moment does, and should try again.
    #[cfg(unix)]
    pub(crate) fn holder(path: &Path) -> Option<String> {
        use rustix::fs::{FlockOperation, flock};
        use rustix::io::Errno;

        let mut file = File::open(path).ok()?;
        match flock(&file, FlockOperation::NonBlockingLockShared) {
            Err(Errno::WOULDBLOCK) => match held_by(&mut file) {
                LockError::Held(who) => Some(who),
                LockError::Io(_) => None,
            },
            _ => None,
        }
    }

    /// Who has the lock at `path`, if anybody has: the text it left.
    #[cfg(not(unix))]
    pub(crate) fn holder(path: &Path) -> Option<String> {
        fs::read_to_string(path).ok()
    }

    // `File::try_lock` does the same on every system; it needs Rust 1.89.
    #[cfg(unix)]
    fn take(path: &Path) -> Result<Self, LockError> {
        use rustix::fs::{FlockOperation, flock};
        use rustix::io::Errno;

        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let mut file = open.map_err(LockError::Io)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { file }),
            Err(Errno::WOULDBLOCK) => Err(held_by(&mut file)),
            Err(e) if [Errno::NOTSUP, Errno::OPNOTSUPP, Errno::NOSYS, Errno::NOLCK].contains(&e) => {
                let text = format!("{}: the file system does not support locks ({e})", path.display());
                Err(LockError::Io(io::Error::new(io::ErrorKind::Unsupported, text)))
            }
            Err(e) => Err(LockError::Io(e.into())),
        }
    }

    /// The file itself is the lock here; after a crash it has to be removed by hand.
    #[cfg(not(unix))]
    fn take(path: &Path) -> Result<Self, LockError> {
        match OpenOptions::new().write(true).create_new(true).open(path) {
            Ok(file) => Ok(Self { file, path: path.to_owned() }),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                Err(File::open(path).map_or_else(LockError::Io, |mut file| held_by(&mut file)))
            }
            Err(e) => Err(LockError::Io(e)),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = self.file.set_len(0);
        #[cfg(not(unix))]
        let _ = fs::remove_file(&self.path);
    }
}

fn held_by(file: &mut File) -> LockError {
    let mut who = Vec::new();
    // The text only informs: that the lock is held is known without it.
    let _ = file.take(1024).read_to_end(&mut who);
    LockError::Held(String::from_utf8_lossy(&who).trim().to_owned())
}

impl fmt::Display for LockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held(who) if who.is_empty() => f.write_str("locked by another process"),
            Self::Held(who) => write!(f, "locked by another process: {who}"),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for LockError {}

/// This process as a lock names it: `pid host`.
pub(crate) fn this_process() -> String {
    format!("{} {}", std::process::id(), host_name())
}

/// What tells this boot of the machine from any other, on Linux.
pub(crate) fn boot_id() -> Option<String> {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned())
}

/// The name of this machine as far as it is known; may be empty.
pub(crate) fn host_name() -> String {
    #[cfg(unix)]
    return rustix::system::uname().nodename().to_string_lossy().into_owned();
    #[cfg(not(unix))]
    return std::env::var("COMPUTERNAME").unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let names = fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
        names.collect()
    }

    #[cfg(unix)]
    #[test]
    fn what_is_replaced_is_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;

        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("job.json");
        write_atomically(&path, &[b"a", b"b"], false).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"ab");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_file_is_replaced_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.json");
        fs::write(dir.path().join("state.json.new"), "left by a crash, and longer").unwrap();
        for (text, sync) in [("one", true), ("a longer one", false), ("", true)] {
            write_atomically(&path, &[text.as_bytes()], sync).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
            assert_eq!(names(dir.path()), ["state.json"]);
        }
    }

    #[test]
    fn a_file_that_cannot_be_replaced_leaves_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("taken");
        fs::create_dir(&path).unwrap();
        write_atomically(&path, &[b"text"], true).unwrap_err();
        assert_eq!(names(dir.path()), ["taken"]);
        write_atomically(&dir.path().join("no/such"), &[b"text"], true).unwrap_err();
    }

    #[test]
    fn directories_sync() {
        let dir = tempfile::tempdir().unwrap();
        sync_dir(dir.path()).unwrap();
        sync_dir(Path::new("")).unwrap();
        #[cfg(unix)]
        assert_eq!(sync_dir(&dir.path().join("none")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_lock_excludes_others_and_names_its_holder() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let who = this_process();
        let lock = Lock::acquire(&path, &who).unwrap();
        let error = Lock::acquire(&path, "another").unwrap_err();
        assert!(matches!(&error, LockError::Held(text) if *text == who), "{error:?}");
        assert_eq!(error.to_string(), format!("locked by another process: {who}"));
        assert_eq!(Lock::holder(&path), Some(who));
        drop(lock);
        #[cfg(unix)]
        assert_eq!(Lock::holder(&path), None);
        drop(Lock::acquire(&path, "third").unwrap());
    }

    #[test]
    fn a_lock_that_cannot_be_made_is_an_io_error() {
        let dir = tempfile::tempdir().unwrap();
        let error = Lock::acquire(&dir.path().join("none/lock"), "me").unwrap_err();
        assert!(matches!(&error, LockError::Io(e) if e.kind() == io::ErrorKind::NotFound), "{error:?}");
    }

    #[cfg(unix)]
    #[test]
    fn the_file_of_a_lock_stays_and_its_text_goes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        fs::write(&path, "the long text of a process that died").unwrap();
        let lock = Lock::acquire(&path, "me").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "me");
        drop(lock);
        assert_eq!(fs::read_to_string(&path).unwrap(), "");
    }

    /// Runs itself as the process that is killed.
    #[cfg(unix)]
    #[test]
    fn a_killed_process_leaves_no_lock() {
        use std::io::{BufRead, BufReader};
        use std::process::{Command, Stdio};

        const LOCK: &str = "GANNET_TEST_LOCK";
        if let Some(path) = std::env::var_os(LOCK) {
            let _lock = Lock::acquire(Path::new(&path), &this_process()).unwrap();
            writeln!(io::stdout(), "\nlocked").unwrap();
            // Until the parent kills it, or is gone itself.
            io::stdin().read_to_end(&mut Vec::new()).unwrap();
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let (_, name) =
            concat!(module_path!(), "::a_killed_process_leaves_no_lock").split_once("::").unwrap();
        let mut holder = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name])
            .env(LOCK, &path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(holder.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap() == "locked"));
        let held = Lock::acquire(&path, "me").unwrap_err();
        let expected = format!("{} {}", holder.id(), host_name());
        assert!(matches!(&held, LockError::Held(who) if *who == expected), "{held:?}");
        holder.kill().unwrap();
        holder.wait().unwrap();
        Lock::acquire(&path, "me").unwrap();
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_boot_and_this_machine_have_names() {
        let id = boot_id().unwrap();
        assert_eq!((id.len(), id.trim()), (36, id.as_str()));
        assert_eq!(boot_id().unwrap(), id);
        assert!(!host_name().is_empty());
    }
}
