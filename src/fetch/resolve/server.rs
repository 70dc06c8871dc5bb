//! Which resolver is asked: `--resolver`.
//!
//! A list of [`Server`]s is read from text without touching the network; who asks them is
//! [`own`](super::own). The name of a server that is known by its address is only what its certificate must be for.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use url::{Host, Url};

use super::pins::address;

/// The source of addresses.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum NameServer {
    /// The resolver of the operating system (getaddrinfo), with everything that it is configured for.
    #[default]
    System,
    /// gannet's own, which asks the servers that `/etc/resolv.conf` names.
    Configured,
    /// gannet's own, which asks these, the first that answers best first.
    Servers(Vec<Server>),
}

/// A server to ask.
#[derive(Clone, PartialEq, Eq)]
pub struct Server {
    pub(super) transport: Transport,
    /// What its certificate must be for; the address, if that is all there is.
    pub(super) name: String,
    /// Where it is; if not given, the system's resolver says it.
    pub(super) address: Option<IpAddr>,
    pub(super) port: u16,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    /// UDP, and TCP for answers that are too long for it.
    Udp,
    Tcp,
    /// DNS over TLS (RFC 7858).
    Tls,
    /// DNS over HTTPS (RFC 8484), at this path.
    Https(String),
}

#[cfg(feature = "hickory")]
impl Server {
    pub(super) fn is_encrypted(&self) -> bool {
        matches!(self.transport, Transport::Tls | Transport::Https(_))
    }
}

/// Paths of DNS over HTTPS may hold a token, so they are not shown.
impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.transport {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
            Transport::Tls => "tls",
            Transport::Https(_) => "https",
        };
        let colon = self.name.contains(':');
        let (open, close) = if colon { ("[", "]") } else { ("", "") };
        write!(f, "{scheme}://{open}{}{close}:{}", self.name, self.port)
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for NameServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System => f.write_str("system"),
            Self::Configured => f.write_str("hickory"),
            Self::Servers(servers) => f.debug_list().entries(servers).finish(),
        }
    }
}

impl FromStr for NameServer {
    type Err = String;

    /// Reads `system`, `hickory`, or a list of servers with commas between them: `1.1.1.1`, `udp://127.0.0.1:5353`,
    /// `tcp://1.1.1.1`, `tls://dns.example@1.1.1.1:853`, `https://dns.example/dns-query`.
    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "system" => Ok(Self::System),
            "hickory" => Ok(Self::Configured),
            text => {
                Ok(Self::Servers(text.split(',').map(|one| server(one.trim())).collect::<Result<_, _>>()?))
            }
        }
    }
}

const FORMS: &str = "write system, hickory, an address, or one of udp://1.1.1.1:53, tcp://1.1.1.1, tls://1.1.1.1, \
     tls://dns.example@1.1.1.1:853, https://dns.example/dns-query";

fn server(text: &str) -> Result<Server, String> {
    let none = || format!("this is no resolver; {FORMS}");
    let Some((scheme, rest)) = text.split_once("://") else {
        return plain(text).ok_or_else(none);
    };
    let scheme = scheme.to_ascii_lowercase();
    // Only of a scheme of the web are hosts read as they are there.
    let url = Url::parse(&format!("http://{rest}")).map_err(|_| none())?;
    // That scheme drops its own port.
    let port = if rest.split('/').next().is_some_and(|authority| authority.ends_with(":80")) {
        Some(80)
    } else {
        url.port()
    };
    let path = match (url.path(), url.query()) {
        ("/", None) => "/dns-query".to_owned(),
        (path, None) => path.to_owned(),
        (path, Some(query)) => format!("{path}?{query}"),
    };
    let (transport, default_port) = match &*scheme {
        "udp" => (Transport::Udp, 53),
        "tcp" => (Transport::Tcp, 53),
        "tls" => (Transport::Tls, 853),
        "https" => (Transport::Https(path), 443),
        _ => return Err(none()),
    };
    let has_path = url.path() != "/" || url.query().is_some();
    if url.password().is_some() || url.fragment().is_some() || (has_path && scheme != "https") {
        return Err(none());
    }
    let (host, address) = match url.host().ok_or_else(none)? {
        Host::Domain(name) => (name.to_owned(), None),
        Host::Ipv4(address) => (address.to_string(), Some(IpAddr::V4(address))),
        Host::Ipv6(address) => (address.to_string(), Some(IpAddr::V6(address))),
    };
    let name = match url.username() {
        "" => host,
        name if address.is_some() => name.to_ascii_lowercase(),
        _ => return Err(format!("behind the `@` stands the address of a resolver; {FORMS}")),
    };
    if address.is_none() && matches!(transport, Transport::Udp | Transport::Tcp) {
        return Err(format!("a resolver without TLS is given by its address; {FORMS}"));
    }
    Ok(Server { transport, name, address, port: port.unwrap_or(default_port) })
}

/// An address, with or without a port.
fn plain(text: &str) -> Option<Server> {
    let with_port = || match text.rsplit_once(':') {
        Some((host, port)) => Some((address(host)?, port.parse().ok()?)),
        None => None,
    };
    let (ip, port) = address(text).map(|ip| (ip, 53)).or_else(with_port)?;
    Some(Server { transport: Transport::Udp, name: ip.to_string(), address: Some(ip), port })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_read() {
        for (text, shown) in [
            ("1.1.1.1", "udp://1.1.1.1:53"),
            ("127.0.0.1:5353", "udp://127.0.0.1:5353"),
            ("::1", "udp://[::1]:53"),
            ("[::1]:54", "udp://[::1]:54"),
            ("udp://127.0.0.1:80", "udp://127.0.0.1:80"),
            ("tcp://[::1]", "tcp://[::1]:53"),
            ("TLS://1.1.1.1", "tls://1.1.1.1:853"),
            ("tls://Dns.Example@1.1.1.1:8853", "tls://dns.example:8853"),
            ("tls://dns.example", "tls://dns.example:853"),
            ("https://dns.example/dns-query", "https://dns.example:443"),
            ("https://1.1.1.1:8443/secret-token", "https://1.1.1.1:8443"),
            ("https://dns.example@127.0.0.1/", "https://dns.example:443"),
        ] {
            assert_eq!(server(text).unwrap().to_string(), shown, "{text}");
        }
        let https = server("https://dns.example").unwrap();
        assert_eq!(https.transport, Transport::Https("/dns-query".to_owned()));
        assert_eq!("system".parse::<NameServer>(), Ok(NameServer::System));
        assert_eq!("hickory".parse::<NameServer>(), Ok(NameServer::Configured));
        assert!(matches!("1.1.1.1, 8.8.8.8:53".parse(), Ok(NameServer::Servers(two)) if two.len() == 2));
    }

    #[test]
    fn what_is_none_is_refused_and_no_path_is_shown() {
        for bad in [
            "",
            "dns.example",
            "udp://dns.example",
            "1.1.1.1,",
            "ftp://1.1.1.1",
            "tls://1.1.1.1/path",
            "tls://a@dns.example",
            "https://u:p@1.1.1.1/",
            "1.1.1.1:99999",
            "https://",
        ] {
            assert!(bad.parse::<NameServer>().is_err(), "{bad}");
        }
        let one: NameServer = "https://1.1.1.1/secret-token".parse().unwrap();
        assert!(!format!("{one:?}").contains("secret"));
    }
}
