//! The exit codes: one table, shown in `--help` and in the README.

use std::process::ExitCode;

use gannet::crawl::{Ended, Summary};
use gannet::error::Error;

use crate::fail_on::FailOn;

/// The table as `--help` prints it.
pub(crate) const TABLE: &str = "\
Exit codes:
  0    done
  1    internal error: an output could not be written, or a bug
  2    usage or configuration
  3    some URLs failed (see --fail-on); of robots: some URL is not allowed
  4    every URL failed
  5    stopped by --max-pages or --max-time with work left
  130  stopped by SIGINT after an orderly end
  143  stopped by SIGTERM after an orderly end";

/// How the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    Done = 0,
    Internal = 1,
    Usage = 2,
    SomeFailed = 3,
    AllFailed = 4,
    Limit = 5,
    Interrupted = 130,
    Terminated = 143,
}

impl Code {
    /// The code for a run that could not be started or not be finished.
    pub(crate) fn of(error: &Error) -> Self {
        match error {
            Error::Config(_) => Self::Usage,
            _ => Self::Internal,
        }
    }

    /// The code for a run that ended; it looks at all URLs.
    pub(crate) fn for_run(summary: &Summary, fail_on: &FailOn) -> Self {
        let has_failed = fail_on.is_exceeded(summary);
        let work_left = summary.pending > 0 || summary.input_left;
        let limited = matches!(summary.ended, Ended::MaxPages | Ended::MaxTime) && work_left;
        match () {
            // Work that is left is said whatever else happened.
            () if limited => Self::Limit,
            () if has_failed && fail_on.good(summary) == 0 && summary.cancelled == 0 => Self::AllFailed,
            () if has_failed => Self::SomeFailed,
            () => Self::Done,
        }
    }
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        Self::from(code as u8)
    }
}
