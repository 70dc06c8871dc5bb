//! What a run carries from request to request: cookies, credentials, and what holds for one host alone.
//!
//! [`Http`](super::Http) keeps one [`Session`] for all threads, and none where nothing of this was asked for. It has each
//! request of each hop completed by it, and shows it each answer. What is sent where is decided here: cookies by their
//! own rules (RFC 6265), credentials to hosts of seeds only, unless they were given for the host.

mod credentials;
mod digest;
mod jar;
mod netrc;
mod netscape;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, USER_AGENT};
use url::Url;

use self::credentials::Kind;
use self::digest::Challenges;
use super::credentials::put;
use crate::url::HostTable;

pub use self::credentials::{Credentials, Scheme};
pub use self::jar::Jar;
pub use self::netrc::Netrc;

/// What a run carries from request to request; by default nothing. Prints no secret.
#[derive(Clone, Debug, Default)]
pub struct SessionOptions {
    /// The cookies that servers set, sent back as RFC 6265 says; default none: they are not looked at.
    pub cookies: Option<Arc<Jar>>,
    /// Sent to the hosts that the user named ([`Request::home`](super::Request::home)), as far as nothing else is given for
    /// them; default none.
    pub credentials: Option<Credentials>,
    /// How user and password of a URL are sent; default [`Scheme::Basic`].
    pub scheme: Scheme,
    /// Credentials by host, which come last; default none.
    pub netrc: Option<Arc<Netrc>>,
}

/// What holds for one host, whether the user named it as a seed or a page led there. Prints no secret.
#[derive(Clone, Default)]
pub struct HostOptions {
    /// Headers in place of those of all requests; default none.
    pub headers: HeaderMap,
    /// Credentials in place of those of all requests; default none.
    pub credentials: Option<Credentials>,
    /// The time for a whole fetch that begins at this host; default that of all.
    pub timeout: Option<Duration>,
    /// The `User-Agent`; default that of all.
    pub user_agent: Option<HeaderValue>,
}

impl fmt::Debug for HostOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.keys().collect();
        f.debug_struct("HostOptions")
            .field("headers", &names)
            .field("credentials", &self.credentials)
            .field("timeout", &self.timeout)
            .field("user_agent", &self.user_agent)
            .finish()
    }
}

/// The session of a run, shared by all its clients.
pub(super) struct Session {
    options: SessionOptions,
    hosts: HostTable<HostOptions>,
    challenges: Challenges,
}

/// The request of a hop, as far as it matters here.
#[derive(Clone, Copy)]
pub(super) struct Asking<'a> {
    pub(super) url: &'a Url,
    pub(super) method: &'a str,
    pub(super) body: Option<&'a [u8]>,
    /// Not to a host that the user named.
    pub(super) foreign: bool,
}

impl Session {
    /// `None` where nothing is to be done.
    pub(super) fn new(options: &SessionOptions, hosts: &HostTable<HostOptions>) -> Option<Arc<Self>> {
        let SessionOptions { cookies, credentials, scheme, netrc } = options;
        let is_empty = cookies.is_none() && credentials.is_none() && netrc.is_none();
        if is_empty && *scheme == Scheme::Basic && hosts.is_empty() {
            return None;
        }
        Some(Arc::new(Self {
            options: options.clone(),
            hosts: hosts.clone(),
            challenges: Challenges::default(),
        }))
    }

    /// The time for a fetch that begins with this URL, if it has one of its own.
    pub(super) fn timeout(&self, url: impl FnOnce() -> Url) -> Option<Duration> {
        if self.hosts.is_empty() { None } else { self.host(&url())?.timeout }
    }

    /// Puts the headers of the host over those of all.
    pub(super) fn put_headers(&self, headers: &mut HeaderMap, url: &Url) {
        let Some(host) = self.host(url) else { return };
        if let Some(agent) = &host.user_agent {
            headers.insert(USER_AGENT, agent.clone());
        }
        put(headers, &host.headers, false);
    }

    /// Adds credentials and cookies to the headers that were given; `user` is what the URL itself says, as basic
    /// authentication.
    pub(super) fn put_secrets(&self, headers: &mut HeaderMap, asking: Asking<'_>, user: Option<HeaderValue>) {
        if let Some(value) = self.authorization(headers, asking, user) {
            headers.insert(AUTHORIZATION, value);
        }
        if let Some(jar) = &self.options.cookies {
            jar.put(headers, asking.url);
        }
    }

    /// Takes the cookies of an answer; says whether any is new, or another than before.
    pub(super) fn take_cookies(&self, url: impl FnOnce() -> Url, headers: &HeaderMap) -> bool {
        self.options.cookies.as_ref().is_some_and(|jar| jar.take(url, headers))
    }

    /// Whether a request that was refused is worth another, which [`put_secrets`](Self::put_secrets) then signs: there is a
    /// challenge to answer, and none was `answered` before, unless with a nonce that was too old.
    pub(super) fn take_challenge(&self, asking: Asking<'_>, answer: &HeaderMap, answered: bool) -> bool {
        let has_user = !asking.url.username().is_empty() || asking.url.password().is_some();
        let is_digest = match has_user {
            true => self.options.scheme == Scheme::Digest,
            false => self.credentials(asking, None).is_some_and(|found| found.is_digest()),
        };
        is_digest && self.challenges.take(asking.url, answer, answered)
    }

    fn host(&self, url: &Url) -> Option<&HostOptions> {
        self.hosts.get(url.host_str()?, url.port_or_known_default())
    }

    /// The value of `Authorization`, unless there is one.
    fn authorization(
        &self,
        headers: &HeaderMap,
        asking: Asking<'_>,
        user: Option<HeaderValue>,
    ) -> Option<HeaderValue> {
        if headers.contains_key(AUTHORIZATION) {
            return None;
        }
        match self.credentials(asking, user.as_ref())?.kind() {
            Kind::Header(value) => Some(value.clone()),
            Kind::Digest(login) => self.challenges.answer(asking, login),
        }
    }

    /// The credentials for a request: what stands nearest to it wins.
    fn credentials(&self, asking: Asking<'_>, user: Option<&HeaderValue>) -> Option<Credentials> {
        let Asking { url, foreign, .. } = asking;
        if let Some(user) = user {
            return Some(Credentials::from_basic(user, self.options.scheme));
        }
        let of_host = self.host(url).and_then(|host| host.credentials.as_ref());
        let of_all = || self.options.credentials.as_ref().filter(|_| !foreign);
        let of_netrc = || self.options.netrc.as_ref()?.get(url.host_str()?, foreign);
        of_host.or_else(of_all).or_else(of_netrc).cloned()
    }
}
