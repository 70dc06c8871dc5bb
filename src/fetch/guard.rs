//! Which addresses a fetch may reach, and over which connections: `--deny-private`.
//!
//! A page on the internet must not make gannet ask hosts that only this machine or its network can reach (server-side
//! request forgery). So a fetch is *guarded* when a public page led to it, and from the hop on that a public address
//! answered. There are two pools of connections: the *judged* one holds connections to public addresses only, since its
//! resolver refuses all others at the moment of dialling; the *open* one may hold any. A guarded hop uses the
//! first only, so neither a name that changes its address nor a connection that is kept can lead it astray. What
//! is not guarded tries the judged pool first: a crawl of public hosts needs one connection per host, not two.
//!
//! Through a proxy it is the proxy that resolves names: then only what a URL says itself is judged, and a page is taken
//! for public unless its URL says otherwise.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use super::address::HostForm;
use super::resolve::ResolveError;
use crate::url::CrawlUrl;

/// Names of private hosts that are remembered.
const MOST_NAMES: usize = 4096;

/// When addresses that are not public are refused (private, loopback, link-local, metadata).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DenyPrivate {
    /// Never.
    Never,
    /// When a page or a redirect on a public address leads there.
    #[default]
    Public,
    /// Always, whoever named them.
    Always,
}

/// The connections that a hop may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Those to public addresses.
    Judged,
    /// Any.
    Open,
}

/// See the module.
pub(super) struct Guard {
    pub(super) mode: DenyPrivate,
    pub(super) is_public: fn(IpAddr) -> bool,
    /// Names that had private addresses: a hint that saves a look-up, no more.
    private: Mutex<HashSet<Box<str>>>,
}

impl Guard {
    pub(super) fn new(mode: DenyPrivate, is_public: fn(IpAddr) -> bool) -> Self {
        Self { mode, is_public, private: Mutex::default() }
    }

    /// The way for the next hop.
    ///
    /// # Errors
    /// Why it may not be asked, as far as its URL tells.
    pub(super) fn way(&self, url: &CrawlUrl, guarded: bool) -> Result<Way, String> {
        if self.mode == DenyPrivate::Never {
            return Ok(Way::Open);
        }
        let why = match HostForm::of(url) {
            HostForm::ThisMachine => format!("`{}` is this machine", url.host()),
            HostForm::Address(address) if !(self.is_public)(address) => {
                ResolveError::Blocked(address).to_string()
            }
            HostForm::Name if !guarded && self.names().contains(url.host()) => return Ok(Way::Open),
            HostForm::Name | HostForm::Address(_) => return Ok(Way::Judged),
        };
        if guarded { Err(why) } else { Ok(Way::Open) }
    }

    /// This host has a private address.
    pub(super) fn remember(&self, host: &str) {
        let mut names = self.names();
        if names.len() >= MOST_NAMES {
            names.clear();
        }
        names.insert(host.into());
    }

    fn names(&self) -> std::sync::MutexGuard<'_, HashSet<Box<str>>> {
        self.private.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
