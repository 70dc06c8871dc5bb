//! Cookie files of a run: read before it, written at its end however that comes, and now and then for a job.
//!
//! A file is written beside its place, for its owner alone, and renamed, so that it is whole at any moment. A job keeps
//! all its cookies in `DIR/cookies.txt`: it is one session over all its runs.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::Duration;

use gannet::error::Error;
use gannet::fetch::Jar;
use tempfile::NamedTempFile;

use crate::args::CookieArgs;
use crate::whole_file;

/// How often a job writes its cookies, if they have changed: what a run that is killed may lose.
const EVERY: Duration = Duration::from_secs(10);

/// Longer files are not read, bytes: 3,000 cookies of 4 KiB are less.
const LONGEST: u64 = 16 * whole_file::MIB;

/// The jar of a run and where it goes.
pub(crate) struct CookieFiles {
    pub(crate) jar: Arc<Jar>,
    files: Vec<Place>,
    /// The file of the job.
    job: Option<Place>,
}

/// Where cookies are written.
#[derive(Clone)]
struct Place {
    path: PathBuf,
    /// With those that end with the session.
    with_session: bool,
}

impl CookieFiles {
    /// The jar that was asked for, with what files hold.
    ///
    /// # Errors
    /// When a file cannot be read, holds no cookies, or could not be written at the end.
    pub(crate) fn open(args: &CookieArgs, job: Option<&Path>) -> Result<Option<Self>, Error> {
        if !args.cookies && args.load_cookies.is_empty() && args.save_cookies.is_none() {
            return Ok(None);
        }
        let jar = Arc::new(Jar::default());
        args.load_cookies.iter().try_for_each(|path| load(&jar, path))?;
        let job = job.map(|directory| Place { path: directory.join("cookies.txt"), with_session: true });
        if let Some(kept) = job.as_ref().filter(|kept| kept.path.exists()) {
            load(&jar, &kept.path)?;
        }
        let saved = args.save_cookies.clone();
        let saved = saved.map(|path| Place { path, with_session: args.keep_session_cookies });
        // Now, and not when the cookies are there.
        saved.iter().try_for_each(|place| place.beside().map(drop))?;
        Ok(Some(Self { jar, files: saved.into_iter().collect(), job }))
    }

    /// Writes the file of a job from time to time until this is dropped.
    pub(crate) fn keep(&self) -> Option<Keeper> {
        self.keep_each(EVERY)
    }

    fn keep_each(&self, time: Duration) -> Option<Keeper> {
        let (place, jar) = (self.job.clone()?, Arc::clone(&self.jar));
        let (stop, stopped) = mpsc::channel();
        // Counted here: the thread may begin when there are more.
        let mut written = jar.changes();
        let keep = move || {
            while stopped.recv_timeout(time) == Err(RecvTimeoutError::Timeout) {
                let changes = jar.changes();
                // What cannot be written now is said at the end.
                if changes != written && place.write(&jar).is_ok() {
                    written = changes;
                }
            }
        };
        let thread = std::thread::Builder::new().name("cookies".to_owned()).spawn(keep).ok();
        Some(Keeper { stop: Some(stop), thread })
    }

    /// Writes all files.
    pub(crate) fn save(&self) -> Result<(), Error> {
        self.files.iter().chain(&self.job).try_for_each(|place| place.write(&self.jar))
    }
}

/// Writes cookies from a thread of its own until it is dropped.
pub(crate) struct Keeper {
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.stop.take());
        self.thread.take().map(JoinHandle::join);
    }
}

impl Place {
    fn write(&self, jar: &Jar) -> Result<(), Error> {
        let mut file = self.beside()?;
        let written = file.write_all(jar.to_netscape(self.with_session).as_bytes());
        let written = written.and_then(|()| file.persist(&self.path).map(drop).map_err(|why| why.error));
        written.map_err(|why| self.cannot_write(why))
    }

    /// A file that can be renamed to this one.
    fn beside(&self) -> Result<NamedTempFile, Error> {
        if self.path.is_dir() {
            return Err(self.cannot_write(std::io::ErrorKind::IsADirectory.into()));
        }
        let directory = self.path.parent().filter(|path| !path.as_os_str().is_empty());
        NamedTempFile::new_in(directory.unwrap_or(Path::new("."))).map_err(|why| self.cannot_write(why))
    }

    fn cannot_write(&self, why: std::io::Error) -> Error {
        Error::Io(format!("cannot write `{}`", self.path.display()), why)
    }
}

fn load(jar: &Jar, path: &Path) -> Result<(), Error> {
    let read = whole_file::text(path, LONGEST);
    let loaded = read.map_err(|why| why.to_string()).and_then(|text| jar.load(&text));
    loaded.map_err(|why| {
        Error::Config(format!(
            "cannot read the cookies of `{}`: {why}\nhint: it must be a Netscape cookie file, as `curl -c` writes it",
            path.display()
        ))
    })
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_job_has_its_cookies_before_its_end() {
        let directory = tempfile::tempdir().unwrap();
        let args = CookieArgs {
            cookies: true,
            load_cookies: Vec::new(),
            save_cookies: None,
            keep_session_cookies: false,
        };
        let files = CookieFiles::open(&args, Some(directory.path())).unwrap().unwrap();
        let _keeper = files.keep_each(Duration::from_millis(1));
        files.jar.load("h\tFALSE\t/\tFALSE\t0\ta\tb\n").unwrap();
        let kept = directory.path().join("cookies.txt");
        let until = Instant::now() + Duration::from_secs(20);
        let is_there = || std::fs::read_to_string(&kept).is_ok_and(|text| text.ends_with("a\tb\n"));
        while !is_there() && Instant::now() < until {
            std::thread::park_timeout(Duration::from_millis(5)); // nothing tells when another thread writes
        }
        let again = CookieFiles::open(&args, Some(directory.path())).unwrap().unwrap();
        assert!(again.jar.to_netscape(true).ends_with("h\tFALSE\t/\tFALSE\t0\ta\tb\n"));
    }
}
