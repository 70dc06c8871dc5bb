//! [`Jar`]: the cookies of a run (RFC 6265), shared by all its threads.
//!
//! The crate `cookie_store` parses cookies and says which request one is for. Cookies are kept by site (registrable
//! domain, or host), and a request is shown those of its own site alone. Here is what the crate leaves out: public
//! suffixes, prefixes of names (RFC 6265bis), the order in which cookies are sent, and how many are kept.
//!
//! As browsers have it, plain `http` to a loopback address is as good as `https`.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use cookie_store::{Cookie, CookieDomain, CookieExpiration};
use reqwest::header::{COOKIE, HeaderMap, HeaderValue, SET_COOKIE};
use url::Url;

use super::netscape;

/// Cookies that are kept of a site (RFC 6265 §6.1 asks for 50 at least, browsers keep 180).
const PER_SITE: usize = 180;

/// Cookies that are kept in all (RFC 6265 §6.1: 3,000 at least).
const MOST: usize = 3000;

/// A longer `Set-Cookie` is ignored, bytes (RFC 6265 §6.1: 4,096 at least).
const LONGEST: usize = 4096;

/// Most bytes of cookies that a request is sent with; servers refuse more (RFC 6265 §6.1 has no limit).
const MOST_SENT: usize = 8192;

/// Cookies, kept in memory. Prints none of them.
#[derive(Default)]
pub struct Jar(Mutex<Sites>);

#[derive(Default)]
struct Sites {
    sites: HashMap<Box<str>, Vec<Kept>>,
    count: usize,
    /// Counts requests that were sent cookies, and cookies that were set.
    clock: u64,
    /// How often a cookie came, went, or got another value.
    changes: u64,
}

/// A cookie, in its site in order of creation.
pub(super) struct Kept {
    pub(super) cookie: Cookie<'static>,
    /// When it ends, seconds since 1970; `None` with the session.
    pub(super) expires: Option<i64>,
    /// When it was last sent or set.
    used: u64,
}

impl Jar {
    /// Adds the cookies of a Netscape cookie file, as browsers, curl and wget write it, over those that are there.
    ///
    /// # Errors
    /// Which line is none of such a file, without what it says. Those before it were added.
    pub fn load(&self, text: &str) -> Result<(), String> {
        let mut sites = self.lock();
        for (line, number) in text.lines().zip(1..) {
            let cookie = netscape::parse(line).ok_or_else(|| format!("line {number} is no cookie"))?;
            if let Some((cookie, url)) = cookie {
                sites.keep(cookie, &url);
            }
        }
        Ok(())
    }

    /// The cookies as such a file; those that end with the session only if asked for.
    pub fn to_netscape(&self, with_session: bool) -> String {
        let now = now();
        let sites = self.lock();
        let mut all: Vec<_> = sites.sites.iter().collect();
        all.sort_by_key(|(site, _)| *site);
        let kept = all.into_iter().flat_map(|(_, kept)| kept);
        let wanted = kept.filter(|kept| match kept.expires {
            Some(at) => at > now,
            None => with_session,
        });
        wanted.fold(netscape::HEAD.to_owned(), |text, kept| text + &netscape::line(kept))
    }

    /// A number that grows when a cookie comes, goes, or gets another value.
    pub fn changes(&self) -> u64 {
        self.lock().changes
    }

    /// Takes the cookies that an answer sets; says whether any is new, or another than before.
    pub(super) fn take(&self, url: impl FnOnce() -> Url, headers: &HeaderMap) -> bool {
        if !headers.contains_key(SET_COOKIE) {
            return false;
        }
        let url = url();
        let mut sites = self.lock();
        let before = sites.changes;
        for value in headers.get_all(SET_COOKIE).iter().filter(|value| value.len() <= LONGEST) {
            if let Some(cookie) =
                std::str::from_utf8(value.as_bytes()).ok().and_then(|text| judge(text, &url))
            {
                sites.keep(cookie, &url);
            }
        }
        sites.changes > before
    }

    /// Adds the cookies for a request behind those that it has; a name that it has is not sent twice.
    pub(super) fn put(&self, headers: &mut HeaderMap, url: &Url) {
        let given: Vec<_> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
        let mut text = given.join(&b"; "[..]);
        let before = text.len();
        self.lock().send(url, &mut text);
        if text.len() > before
            && let Ok(mut value) = HeaderValue::from_bytes(&text)
        {
            value.set_sensitive(true);
            headers.insert(COOKIE, value);
        }
    }

    #[cfg(test)]
    pub(super) fn sites(&self) -> usize {
        self.lock().sites.len()
    }

    fn lock(&self) -> MutexGuard<'_, Sites> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Jar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jar").field("cookies", &self.lock().count).finish()
    }
}

impl Sites {
    /// Keeps a cookie in place of the one of the same name, domain and path (RFC 6265 §5.3); one that has ended takes that
    /// away.
    fn keep(&mut self, cookie: Cookie<'static>, url: &Url) {
        let Some(site) = site(url) else { return };
        let kept = self.sites.entry(site.into()).or_default();
        // What was set securely is not changed in the clear (RFC 6265bis §5.7).
        let is_secure =
            |kept: &Kept| kept.cookie.secure() == Some(true) && kept.cookie.name() == cookie.name();
        if !is_trusted(url) && kept.iter().any(is_secure) {
            return;
        }
        let place = kept.iter().position(|kept| is_same(&kept.cookie, &cookie));
        self.clock += 1;
        let new = Kept { expires: expires(&cookie), used: self.clock, cookie };
        let has_ended = new.expires.is_some_and(|at| at <= now());
        let is_known = place.is_some_and(|at| kept[at].cookie.value() == new.cookie.value());
        let is_change = if has_ended { place.is_some() } else { !is_known };
        self.changes += u64::from(is_change);
        match place {
            Some(at) if has_ended => {
                kept.remove(at);
                self.count -= 1;
            }
            Some(at) => kept[at] = new,
            None if has_ended => {}
            None => {
                self.count += 1;
                kept.push(new);
                if kept.len() > PER_SITE {
                    evict(kept);
                    self.count -= 1;
                }
            }
        }
        // Any host may end cookies that it never set, and there is no end of hosts.
        if kept.is_empty() {
            self.sites.remove(site);
        }
        if self.count > MOST {
            self.evict();
        }
    }

    /// Makes room for one.
    fn evict(&mut self) {
        let now = now();
        let worst = |kept: &Vec<Kept>| kept.iter().map(|kept| kept.worth(now)).min();
        let site =
            self.sites.iter_mut().filter(|(_, kept)| !kept.is_empty()).min_by_key(|(_, kept)| worst(kept));
        if let Some((_, kept)) = site {
            evict(kept);
            self.count -= 1;
        }
        self.sites.retain(|_, kept| !kept.is_empty());
    }

    /// Appends what a request is sent: longer paths first, then what was set first (RFC 6265 §5.4).
    fn send(&mut self, url: &Url, text: &mut Vec<u8>) {
        let Some(kept) = site(url).and_then(|site| self.sites.get_mut(site)) else { return };
        let now = now();
        let is_given = given_names(text);
        let mut chosen: Vec<_> = kept
            .iter_mut()
            .filter(|kept| kept.expires.is_none_or(|at| at > now) && kept.cookie.matches(url))
            .filter(|kept| !is_given.iter().any(|name| **name == *kept.cookie.name().as_bytes()))
            .collect();
        chosen.sort_by_key(|kept| std::cmp::Reverse(kept.cookie.path.len()));
        self.clock += 1;
        for Kept { cookie, used, .. } in chosen {
            let (name, value) = cookie.name_value();
            if text.len() + name.len() + value.len() + 3 > MOST_SENT {
                continue;
            }
            *used = self.clock;
            let separator = if text.is_empty() { "" } else { "; " };
            text.extend([separator, name, "=", value].into_iter().flat_map(str::bytes));
        }
    }
}

impl Kept {
    /// What is worth least goes first: what has ended, then what was not used for longest.
    fn worth(&self, now: i64) -> (bool, u64) {
        (self.expires.is_none_or(|at| at > now), self.used)
    }
}

/// Takes the cookie away that is worth least.
fn evict(kept: &mut Vec<Kept>) {
    let now = now();
    let worst = kept.iter().enumerate().min_by_key(|(_, kept)| kept.worth(now));
    if let Some((at, _)) = worst {
        kept.remove(at);
    }
}

/// The cookie of a `Set-Cookie`, if this URL may set it.
fn judge(text: &str, url: &Url) -> Option<Cookie<'static>> {
    let cookie = Cookie::parse(text, url).ok()?.into_owned();
    allow(cookie, url)
}

/// A cookie, if this URL may set it.
pub(super) fn allow(mut cookie: Cookie<'static>, url: &Url) -> Option<Cookie<'static>> {
    let path: &str = &cookie.path;
    if [cookie.name(), cookie.value(), path].iter().any(|part| part.contains(char::is_control)) {
        return None;
    }
    if let CookieDomain::Suffix(domain) = &cookie.domain
        && psl::domain_str(domain).is_none()
    {
        // A public suffix is nobody's domain, but may be a host (RFC 6265 §5.3 step 5).
        if Some(&**domain) != url.host_str() {
            return None;
        }
        cookie.domain = CookieDomain::host_only(url).ok()?;
    }
    let is_secure = cookie.secure() == Some(true);
    let name = cookie.name().to_ascii_lowercase();
    let is_host_only = matches!(cookie.domain, CookieDomain::HostOnly(_)) && &*cookie.path == "/";
    let is_allowed = (!is_secure || is_trusted(url))
        && (!name.starts_with("__secure-") || is_secure)
        && (!name.starts_with("__host-") || is_secure && is_host_only);
    is_allowed.then_some(cookie)
}

/// The same name, domain and path; host-only or not makes two.
fn is_same(a: &Cookie<'_>, b: &Cookie<'_>) -> bool {
    a.name() == b.name() && a.domain == b.domain && *a.path == *b.path
}

/// The names in a `Cookie` header.
fn given_names(text: &[u8]) -> Vec<Vec<u8>> {
    let pairs = text.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    pairs.filter_map(|pair| Some(pair.split(|byte| *byte == b'=').next()?.to_vec())).collect()
}

/// Whether secure cookies may be set and sent.
fn is_trusted(url: &Url) -> bool {
    let is_loopback = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.scheme() == "https" || is_loopback
}

/// Whose cookies a URL may see at all: those of its registrable domain, or of a host that has none.
fn site(url: &Url) -> Option<&str> {
    let host = url.host_str()?;
    match url.host()? {
        url::Host::Domain(name) => Some(psl::domain_str(name).unwrap_or(host)),
        _ => Some(host),
    }
}

/// When a cookie ends, seconds since 1970.
fn expires(cookie: &Cookie<'_>) -> Option<i64> {
    match &cookie.expires {
        CookieExpiration::AtUtc(at) => Some(at.unix_timestamp()),
        CookieExpiration::SessionEnd => None,
    }
}

/// Seconds since 1970.
pub(super) fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs().cast_signed())
}
