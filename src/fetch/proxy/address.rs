//! [`Proxy`]: the address of one proxy, checked when it is read, so that no client can fail for it later.
//!
//! Read from flags, lists and the environment. What is shown of it, in records and messages, is scheme, host and port;
//! a text that is none is not quoted at all where it may hold a password.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use url::Url;

use super::super::http::BuildError;
use crate::url::CrawlUrl;

/// How a proxy is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::fetch) enum Kind {
    /// HTTP: absolute form for `http`, CONNECT for `https` (RFC 9110 §9.3.6).
    Http,
    /// The same over TLS.
    Https,
    Socks4,
    Socks4a,
    Socks5,
    Socks5h,
}

impl Kind {
    const ALL: [(&str, Self, u16); 6] = [
        ("http", Self::Http, 80),
        ("https", Self::Https, 443),
        ("socks4", Self::Socks4, 1080),
        ("socks4a", Self::Socks4a, 1080),
        ("socks5", Self::Socks5, 1080),
        ("socks5h", Self::Socks5h, 1080),
    ];

    pub(in crate::fetch) fn is_http(self) -> bool {
        matches!(self, Self::Http | Self::Https)
    }
}

/// A proxy: `[scheme://][user:password@]host[:port]`. The scheme is `http` unless given; the port 80 for `http`, 443 for
/// `https`, 1080 for SOCKS. With `socks4` and `socks5` names are resolved here, with `socks4a` and `socks5h` by the proxy.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    kind: Kind,
    /// For the client, user and password included.
    url: String,
    host: String,
    shown: Arc<str>,
}

impl Proxy {
    /// As it may be shown: scheme, host and port.
    pub fn shown(&self) -> &Arc<str> {
        &self.shown
    }

    pub(in crate::fetch) fn kind(&self) -> Kind {
        self.kind
    }

    /// The name that is looked up to reach it.
    pub(in crate::fetch) fn host(&self) -> &str {
        &self.host
    }

    /// It may answer requests for this URL itself: they are not hidden from it.
    pub(in crate::fetch) fn answers(&self, url: &CrawlUrl) -> bool {
        self.kind.is_http() && !url.is_https()
    }

    /// What a client goes through for all its URLs.
    pub(in crate::fetch) fn for_client(&self) -> reqwest::Result<reqwest::Proxy> {
        reqwest::Proxy::all(&self.url)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl FromStr for Proxy {
    type Err = BuildError;

    fn from_str(text: &str) -> Result<Self, BuildError> {
        read(text.trim()).map_err(|why| BuildError(format!("proxy `{}`: {why}", quotable(text.trim()))))
    }
}

/// A text that may hold a password shows its scheme alone: where the password ends cannot be told when it is no URL.
fn quotable(text: &str) -> &str {
    let scheme = text.find("://").map_or("", |end| &text[..end + 3]);
    // Lists often say HOST:PORT:USER:PASSWORD. What stands behind the host, in brackets or not, is a port or is not shown.
    let behind = text[scheme.len()..].rsplit(']').next().and_then(|rest| rest.split_once(':'));
    let is_port = |text: &str| text.trim_end_matches('/').bytes().all(|byte| byte.is_ascii_digit());
    match text.contains('@') || behind.is_some_and(|(_, text)| !is_port(text)) {
        true if Kind::ALL.iter().any(|(name, ..)| scheme.strip_suffix("://") == Some(name)) => scheme,
        true => "***",
        false => text,
    }
}

fn read(text: &str) -> Result<Proxy, String> {
    let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
    let scheme = scheme.to_ascii_lowercase();
    let Some(&(name, kind, port)) = Kind::ALL.iter().find(|(name, ..)| *name == scheme) else {
        // What stands before the first `://` may still be a part of a password.
        let named = if text.contains('@') { "its scheme".to_owned() } else { format!("scheme `{scheme}`") };
        return Err(format!(
            "{named} is not supported (only http, https, socks4, socks4a, socks5 and socks5h)"
        ));
    };
    // Hosts are read as those of URLs are: IDNA, forms of IPv4. Which port is the default, the parser does not tell
    // from the one that was given; of two schemes one does.
    let as_http = Url::parse(&format!("http://{rest}"))
        .map_err(|why| format!("{why}\nhint: write it as [SCHEME://][USER:PASSWORD@]HOST[:PORT]"))?;
    let given = as_http.port().or_else(|| Url::parse(&format!("https://{rest}")).ok()?.port());
    let host = as_http.host_str().unwrap_or_default().to_owned();
    if !host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte)) {
        return Err("its host is no name and no address".into());
    }
    if !matches!(as_http.path(), "" | "/") || as_http.query().is_some() || as_http.fragment().is_some() {
        return Err("it has more than a host and a port\nhint: write `/`, `?`, `#` and `@` of a password as %2F, %3F, %23 and %40".into());
    }
    let user = user_of(&as_http, kind)?;
    let authority = format!("{host}:{}", given.unwrap_or(port));
    Ok(Proxy {
        kind,
        url: format!("{name}://{user}{authority}"),
        host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
        shown: format!("{name}://{authority}").into(),
    })
}

/// `user:password@`, if there is any.
fn user_of(url: &Url, kind: Kind) -> Result<String, String> {
    /// What a message of RFC 1929 §2 can hold.
    const MOST: usize = 255;
    let (user, password) = (url.username(), url.password().unwrap_or_default());
    if user.is_empty() && password.is_empty() {
        return Ok(String::new());
    }
    match kind {
        Kind::Socks4 | Kind::Socks4a => Err("SOCKS4 has no passwords\nhint: use socks5 or socks5h".into()),
        Kind::Socks5 | Kind::Socks5h if user.is_empty() || user.len().max(password.len()) > MOST => {
            Err(format!("SOCKS5 wants a user name, and at most {MOST} bytes of it and of the password"))
        }
        _ => Ok(format!("{user}:{password}@")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        text.parse::<Proxy>().unwrap().shown().to_string()
    }

    #[test]
    fn what_people_write_is_read() {
        for (text, as_shown) in [
            ("proxy.example:3128", "http://proxy.example:3128"),
            ("proxy.example", "http://proxy.example:80"),
            ("HTTP://Proxy.Example/", "http://proxy.example:80"),
            ("https://u:p%40x@h", "https://h:443"),
            ("https://h:80", "https://h:80"),
            ("http://h:443", "http://h:443"),
            ("socks5://[::1]", "socks5://[::1]:1080"),
            ("socks5h://u@h:80", "socks5h://h:80"),
            ("socks4a://127.1:9", "socks4a://127.0.0.1:9"),
        ] {
            assert_eq!(shown(text), as_shown, "{text}");
            assert!(text.parse::<Proxy>().unwrap().for_client().is_ok(), "{text}");
        }
        let debug = format!("{:?}", "http://u:hunter2@h".parse::<Proxy>().unwrap());
        assert!(!debug.contains("hunter2"), "{debug}");
    }

    #[test]
    fn what_is_none_says_why_and_quotes_no_password() {
        for (text, why) in [
            ("", "empty host"),
            ("http://", "empty host"),
            ("ftp://h:1", "`ftp` is not supported"),
            ("ftp://u:hunter2@h:1", "`***`: its scheme is not supported"),
            ("hunter2://x@h", "`***`: its scheme is not supported"),
            ("http://h:99999", "invalid port"),
            ("http://u:hunter2@h:x", "invalid port"),
            ("u:hunter2/x@h", "`***`: invalid port"),
            ("u:hunter2", "`***`: invalid port"),
            ("10.0.0.1:80:u:hunter2", "`***`: invalid port"),
            ("socks5://[::1]:80:u:hunter2", "`socks5://`: invalid port"),
            ("http://u:1/hunter2@h", "more than a host"),
            ("http://h/path", "more than a host"),
            ("ftp=h:1", "no name and no address"),
            ("socks4://u:hunter2@h", "no passwords"),
            ("socks5://:hunter2@h", "wants a user name"),
        ] {
            let said = text.parse::<Proxy>().unwrap_err().to_string();
            assert!(said.contains(why) && !said.contains("hunter2"), "{text}: {said}");
        }
        let long = format!("socks5://u:{}@h", "x".repeat(256));
        assert!(long.parse::<Proxy>().unwrap_err().to_string().contains("255 bytes"));
    }
}
