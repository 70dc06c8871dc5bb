//! Flags of sessions: who the run is to servers, and the cookies that it carries.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};

/// Credentials, also for `gannet robots`.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Sessions")]
pub(crate) struct LoginArgs {
    /// User and password for the hosts of seeds; `env:VARIABLE` in place of all of it or of the
    /// password
    #[arg(short, long, value_name = "NAME:PASSWORD", conflicts_with = "bearer")]
    pub(crate) user: Option<String>,
    /// How users and passwords (--user, --netrc, of URLs) are sent: at once, or as the answer to a digest challenge, which
    /// does not tell them [default: basic]
    #[arg(long, value_name = "TYPE")]
    pub(crate) auth_type: Option<AuthType>,
    /// A bearer token for the hosts of seeds; `env:VARIABLE` for one from the environment
    #[arg(long, value_name = "TOKEN")]
    pub(crate) bearer: Option<String>,
    /// Take users and passwords by host from $NETRC, or else ~/.netrc
    #[arg(short, long)]
    pub(crate) netrc: bool,
    /// Take them from this file
    #[arg(long, value_name = "FILE")]
    pub(crate) netrc_file: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AuthType {
    Basic,
    Digest,
}

/// Cookies, for what has more than one request.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Sessions")]
pub(crate) struct CookieArgs {
    /// Keep the cookies that servers set, and send them back; a --job keeps them in DIR/cookies.txt
    #[arg(long)]
    pub(crate) cookies: bool,
    /// Begin with the cookies of this Netscape file, as curl, wget and browsers write it, with --cookies implied (repeatable)
    #[arg(long, value_name = "FILE")]
    pub(crate) load_cookies: Vec<PathBuf>,
    /// Write the cookies to this file at the end, in that form; implies it too
    #[arg(long, value_name = "FILE")]
    pub(crate) save_cookies: Option<PathBuf>,
    /// Also write those that end with the session
    #[arg(long, requires = "save_cookies")]
    pub(crate) keep_session_cookies: bool,
}
