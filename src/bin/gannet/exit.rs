//! The exit codes: one table, shown in `--help` and in the README.

use std::process::ExitCode;

use gannet::crawl::{Ended, Summary};
use gannet::error::Error;

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

/// Which failures count for the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum FailOn {
    /// None.
    None,
    /// Seeds that got no answer.
    Seeds,
    /// Any URL that got no answer.
    Error,
    /// Any URL that got no answer, or a status of 400 and above.
    Status,
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
    pub(crate) fn for_run(summary: &Summary, fail_on: FailOn) -> Self {
        let failures = match fail_on {
            FailOn::None => 0,
            FailOn::Seeds => summary.failed_seeds,
            FailOn::Error => summary.failed,
            FailOn::Status => summary.failed + summary.http_errors(),
        };
        // A fallback is an answer; what was skipped or cancelled is no failure of its own.
        let answered = summary.finished + summary.fallback;
        let good = if fail_on == FailOn::Status { answered - summary.http_errors() } else { answered };
        let work_left = summary.pending > 0 || summary.input_left;
        let limited = matches!(summary.ended, Ended::MaxPages | Ended::MaxTime) && work_left;
        match () {
            // Work that is left is said whatever else happened.
            () if limited => Self::Limit,
            () if failures > 0 && good == 0 && summary.cancelled == 0 => Self::AllFailed,
            () if failures > 0 => Self::SomeFailed,
            () => Self::Done,
        }
    }
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        Self::from(code as u8)
    }
}
