//! Netscape cookie files, the format in which curl, wget and browsers exchange cookies: a line each, in seven fields
//! with tabs between them.
//!
//! domain, whether hosts below it count too, path, whether secure, when it ends (0: with the session), name, value.
//! `#HttpOnly_` before the domain is no comment. A last field that is empty may be missing.

use cookie_store::{Cookie, CookieDomain, CookieExpiration, RawCookie};
use url::Url;

use super::jar::{Kept, allow, now};

/// What such a file begins with; curl and Python look for it.
pub(super) const HEAD: &str = "# Netscape HTTP Cookie File\n\n";

/// What marks cookies that scripts do not see.
const HTTP_ONLY: &str = "#HttpOnly_";

/// The cookie of a line, with a URL that may set it. `Some(None)`: a comment, or one that nobody may set; `None`: no line of
/// such a file.
pub(super) fn parse(line: &str) -> Option<Option<(Cookie<'static>, Url)>> {
    let line = line.trim_end_matches('\r');
    let (line, is_http_only) = match line.strip_prefix(HTTP_ONLY) {
        Some(rest) => (rest, true),
        None if line.starts_with('#') || line.trim().is_empty() => return Some(None),
        None => (line, false),
    };
    let fields: Vec<_> = line.split('\t').collect();
    let (domain, below, path, secure, expires, name, value) = match fields[..] {
        [domain, below, path, secure, expires, name] => (domain, below, path, secure, expires, name, ""),
        [domain, below, path, secure, expires, name, value] => {
            (domain, below, path, secure, expires, name, value)
        }
        _ => return None,
    };
    let flag = |text: &str| match text.to_ascii_uppercase().as_str() {
        "TRUE" => Some(true),
        "FALSE" => Some(false),
        _ => None,
    };
    let (below, secure, expires) = (flag(below)?, flag(secure)?, expires.parse::<i64>().ok()?);
    let url = Url::parse(&format!("https://{}/", domain.trim_start_matches('.'))).ok()?;
    let mut raw = RawCookie::new(name.to_owned(), value.to_owned());
    raw.set_path(path.to_owned());
    raw.set_secure(secure);
    raw.set_http_only(is_http_only);
    if below {
        raw.set_domain(domain.to_owned());
    }
    let mut cookie = Cookie::try_from_raw_cookie(&raw, &url).ok()?;
    if expires != 0 {
        let left = expires.saturating_sub(now()).max(0).cast_unsigned();
        cookie.expires = CookieExpiration::from(left);
    }
    Some(allow(cookie, &url).map(|cookie| (cookie, url)))
}

/// The line of a cookie.
pub(super) fn line(kept: &Kept) -> String {
    let Kept { cookie, expires, .. } = kept;
    let http_only = if cookie.http_only() == Some(true) { HTTP_ONLY } else { "" };
    let (dot, domain, below) = match &cookie.domain {
        CookieDomain::Suffix(domain) => (".", &**domain, "TRUE"),
        CookieDomain::HostOnly(host) => ("", &**host, "FALSE"),
        CookieDomain::NotPresent | CookieDomain::Empty => return String::new(),
    };
    let secure = if cookie.secure() == Some(true) { "TRUE" } else { "FALSE" };
    let (path, expires, (name, value)) = (&*cookie.path, expires.unwrap_or(0), cookie.name_value());
    format!("{http_only}{dot}{domain}\t{below}\t{path}\t{secure}\t{expires}\t{name}\t{value}\n")
}
