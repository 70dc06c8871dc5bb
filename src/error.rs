//! Why a *run* failed, as opposed to a URL.
//!
//! A URL that fails is an [`Outcome`](crate::outcome::Outcome) and the run goes on. An [`Error`] ends
//! the run: the settings make no sense, an output cannot be written, or gannet itself is at fault.

use std::fmt;
use std::io;

/// Why a run failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The settings contradict each other or cannot be met; the text says which.
    Config(String),
    /// Reading or writing something failed: what, and why.
    Io(String, io::Error),
    /// A fault in gannet: a worker panicked, a channel closed early.
    Internal(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(why) => f.write_str(why),
            Self::Io(what, why) => write!(f, "{what}: {why}"),
            Self::Internal(why) => write!(f, "internal error: {why}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(_, why) => Some(why),
            _ => None,
        }
    }
}

impl Error {
    /// `true` when a reader went away: whoever read the records has had enough.
    pub fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Io(_, e) if e.kind() == io::ErrorKind::BrokenPipe)
    }
}
