//! A browsable copy (`--mirror DIR`): each URL has a file, and pages link to files.
//!
//! While a run goes on, what comes is saved as it is: style sheets and pages below `DIR/.gannet/orig`, since their links are
//! to be other ones, everything else where it belongs ([`path`]); `DIR/.gannet/log.jsonl` says what stands where ([`log`]). At the end
//! [`rewrite`] makes the pages of the originals. That depends on nothing but these and the log, so it is the same however
//! often it is done, by whichever run, and whatever run was killed in the middle of it. One run at a time has a mirror.
//!
//! Only whole answers of status 2xx are saved; a link to anything else leads to the web. Nothing is written through a
//! symbolic link, and nothing outside of the mirror, whatever a server calls its pages.

mod log;
mod path;
mod rewrite;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use url::Url;

use self::log::{Entry, Log, Place};
use self::path::Name;
use super::{Sink, whole};
use crate::extract::Kind;
use crate::fetch::Method;
use crate::frontier::store::disk::files::{Lock, LockError, this_process};
use crate::outcome::{Outcome, OutcomeKind, Received};
use crate::url::CrawlUrl;

/// What is no page of the mirror; no host has a name like this.
const OWN: &str = ".gannet";
/// What links are rewritten in, as it came.
const ORIGINALS: &str = ".gannet/orig";
/// Redirects that lead from a link to a file.
const MAX_REDIRECTS: usize = 20;

/// What a run made of a mirror.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mirrored {
    /// Files of the mirror, those of earlier runs included.
    pub files: u64,
    /// Links in them that are other ones than in the originals.
    pub links: u64,
}

/// What is called at the end.
type Done = Box<dyn FnOnce(Mirrored) + Send>;

/// Writes a browsable copy of what was fetched.
pub struct Mirror {
    root: PathBuf,
    log: Log,
    /// The directory that was made last, relative to the root.
    made: String,
    done: Done,
    _lock: Lock,
}

impl Mirror {
    /// Writes below `root`, which is made if it is not there; calls `done` once all links are rewritten.
    ///
    /// # Errors
    /// When the directory cannot be made, its log not be read, or another run has it.
    pub fn new(root: PathBuf, done: impl FnOnce(Mirrored) + Send + 'static) -> io::Result<Self> {
        fs::create_dir_all(&root)?;
        directories(&root, &format!("{ORIGINALS}/"))?;
        let own = root.join(OWN);
        let lock = Lock::acquire(&own.join("lock"), &this_process()).map_err(|why| match why {
            LockError::Io(why) => why,
            LockError::Held(_) => io::Error::new(io::ErrorKind::WouldBlock, "another run has it"),
        })?;
        let log = own.join("log.jsonl");
        let log = Log::open(&log).map_err(whole::named(&log))?;
        Ok(Self { root, log, made: String::new(), done: Box::new(done), _lock: lock })
    }

    /// Notes that one URL leads to another.
    fn redirect(&mut self, from: &CrawlUrl, to: &CrawlUrl) -> io::Result<()> {
        let (url, to) = (public(from).into(), String::from(public(to)));
        match url == to {
            true => Ok(()), // but for a password
            false => self.log.put(&Entry { url, to: Some(to), ..Entry::default() }),
        }
    }

    fn save(&mut self, url: &CrawlUrl, response: &Received, body: &[u8]) -> io::Result<()> {
        let url = public(url);
        let given = response.content_type.as_deref();
        let kind = Kind::of(given, body);
        let content_type = match kind {
            // Without a type, the first tag told.
            Some(Kind::Html) if given != Some("application/xhtml+xml") => "text/html",
            _ => given.unwrap_or_default(),
        };
        let name = Name::of(&url, content_type);
        let plain = name.plain();
        let path = match self.log.place(&plain, url.as_str()) {
            Place::Free => plain,
            Place::Taken => name.tagged(url.as_str()),
            Place::Blocked => name.aside(url.as_str()),
        };
        self.log.put(&Entry {
            url: url.into(),
            path: Some(path.clone()),
            links: kind.map(|_| content_type.to_owned()),
            charset: response.charset.clone().filter(|_| kind.is_some()),
            to: None,
        })?;
        match kind {
            Some(_) => self.write(&format!("{ORIGINALS}/{path}"), body),
            None => self.write(&path, body),
        }
    }

    /// Writes a file of the mirror.
    fn write(&mut self, path: &str, body: &[u8]) -> io::Result<()> {
        let directory = &path[..path.rfind('/').map_or(0, |slash| slash + 1)];
        if directory != self.made {
            directories(&self.root, directory)?;
            directory.clone_into(&mut self.made);
        }
        whole::write(&self.root.join(OWN), &self.root.join(path), body)
    }
}

impl Sink for Mirror {
    fn write(&mut self, outcome: &Outcome) -> io::Result<()> {
        let (OutcomeKind::Finished, &Method::GET, Some(response)) =
            (outcome.kind, &outcome.method, &outcome.response)
        else {
            return Ok(());
        };
        let Some(url) = &response.final_url else { return Ok(()) };
        for hop in &response.chain {
            self.redirect(&hop.url, url)?;
        }
        if let Some(location) = &response.location {
            return self.redirect(url, location);
        }
        let is_whole = matches!(response.status, Some(200..=203)) && response.truncated.is_none();
        match response.body.as_deref().filter(|_| is_whole) {
            Some(body) => self.save(url, response, body),
            None => Ok(()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        let mirrored = self.rewrite()?;
        (self.done)(mirrored);
        Ok(())
    }
}

/// A URL without user and password.
fn public(url: &CrawlUrl) -> Url {
    without_secrets(url.to_url())
}

fn without_secrets(mut url: Url) -> Url {
    // Both fail only for URLs that can have none.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url
}

/// Makes the directories of a path that ends with `/`, one by one, so that none is a symbolic link.
fn directories(root: &Path, path: &str) -> io::Result<()> {
    let mut whole = root.to_owned();
    for name in path.split_terminator('/') {
        whole.push(name);
        match fs::create_dir(&whole) {
            Ok(()) => {}
            Err(_) if fs::symlink_metadata(&whole).is_ok_and(|there| there.is_dir()) => {}
            Err(why) => return Err(whole::named(&whole)(why)),
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
