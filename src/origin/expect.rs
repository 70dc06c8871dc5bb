//! What must become of a URL: the vocabulary of the truth.
//!
//! One value per way in which a complete and polite crawl can end for a URL of the synthetic web. It says
//! what the server does, not what a client calls it, so that any crawler can be held against it.

use std::fmt;

/// What must become of a URL in a complete crawl that obeys robots.txt. `Display` is one word or two.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Expect {
    /// 200 with a whole body.
    Page,
    /// A page at the second attempt, after a 503.
    Flaky,
    /// A redirect to this URL, which is itself part of the truth.
    Redirect(String),
    /// Redirects that never end.
    RedirectLoop,
    /// This status, every time.
    Error(u16),
    /// No answer until the client gives up.
    Stall,
    /// Connection reset before the head.
    Reset,
    /// Connection reset in the middle of the body.
    ResetBody,
    /// Body shorter than announced.
    Truncated,
    /// Never asked for: robots.txt forbids it.
    RobotsDenied,
    /// Never asked for: robots.txt cannot be had.
    RobotsUnavailable,
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Page => "page",
            Self::Flaky => "flaky",
            Self::Redirect(to) => return write!(f, "redirect {to}"),
            Self::RedirectLoop => "redirect_loop",
            Self::Error(status) => return write!(f, "error {status}"),
            Self::Stall => "stall",
            Self::Reset => "reset",
            Self::ResetBody => "reset_body",
            Self::Truncated => "truncated",
            Self::RobotsDenied => "robots_denied",
            Self::RobotsUnavailable => "robots_unavailable",
        })
    }
}
