//! Addresses that the user gives for a name, in place of any resolver: `--resolve HOST:PORT:ADDR`.
//!
//! The syntax is curl's. A host is compared as URLs have it: lower case, punycode. Only the address is pinned: the name in
//! TLS and in the `Host` header stays that of the URL.

use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use url::Host;

/// The addresses of one host and port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// The host as it stands in URLs; `None` is every host.
    host: Option<Box<str>>,
    port: u16,
    addresses: Vec<IpAddr>,
}

impl FromStr for Pin {
    type Err = String;

    /// Reads `HOST:PORT:ADDR[,ADDR...]`; `*` is every host, IPv6 may be in brackets.
    fn from_str(text: &str) -> Result<Self, String> {
        const FORM: &str = "write HOST:PORT:ADDRESS, e.g. example.org:443:127.0.0.1 or example.org:443:[::1]";
        let mut parts = text.splitn(3, ':');
        let (Some(host), Some(port), Some(addresses)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(FORM.to_owned());
        };
        let host = match host {
            "*" => None,
            host => match Host::parse(host) {
                // Hosts of URLs may have more in them, names that resolve do not: `+` in front is a mark of curl's.
                Ok(Host::Domain(name)) if name.bytes().all(is_of_name) => Some(name.into()),
                Ok(Host::Ipv4(_) | Host::Ipv6(_)) => {
                    return Err(format!("`{host}` is an address, which is dialled as it is"));
                }
                _ => return Err(format!("`{host}` is no host name; {FORM}")),
            },
        };
        let port = port.parse().ok().filter(|port| *port > 0);
        let port = port.ok_or_else(|| format!("the port is a number from 1 to 65535; {FORM}"))?;
        let addresses: Option<Vec<_>> = addresses.split(',').map(|text| address(text.trim())).collect();
        let addresses = addresses.ok_or_else(|| format!("an address is one of IPv4 or IPv6; {FORM}"))?;
        Ok(Self { host, port, addresses })
    }
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)
}

/// An address, that of IPv6 with or without brackets.
pub(super) fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    bare.map_or_else(|| text.parse().ok(), |text| text.parse::<Ipv6Addr>().ok().map(IpAddr::V6))
}

/// The addresses that are given for a host: those of its name before those of `*`, the last that was given first. Without
/// a port, which the names of proxies come without, any port will do.
pub(super) fn pinned<'a>(pins: &'a [Pin], host: &str, port: Option<u16>) -> Option<&'a [IpAddr]> {
    let of = |name: Option<&str>| {
        let is_meant =
            move |pin: &&Pin| pin.host.as_deref() == name && port.is_none_or(|port| pin.port == port);
        pins.iter().rev().find(is_meant).map(|pin| &*pin.addresses)
    };
    of(Some(host)).or_else(|| of(None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_ports_and_addresses_are_read() {
        let pins: Vec<Pin> = [
            "*:443:10.0.0.9",
            "Example.org:443:127.0.0.1,[::1]",
            "example.org:80:::2",
            "b\u{fc}cher.de:80:127.0.0.3, 127.0.0.4",
        ]
        .iter()
        .map(|text| text.parse().unwrap())
        .collect();
        let show = |host, port| {
            pinned(&pins, host, port)
                .map(|found| found.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
        };
        assert_eq!(show("example.org", Some(443)).as_deref(), Some("127.0.0.1 ::1"));
        assert_eq!(show("example.org", Some(80)).as_deref(), Some("::2"));
        assert_eq!(show("example.org", Some(81)), None);
        assert_eq!(show("example.org", None).as_deref(), Some("::2"));
        assert_eq!(show("other.test", Some(443)).as_deref(), Some("10.0.0.9"));
        assert_eq!(show("xn--bcher-kva.de", Some(80)).as_deref(), Some("127.0.0.3 127.0.0.4"));
    }

    #[test]
    fn what_is_none_is_refused() {
        for bad in [
            "",
            "h",
            "h:80",
            "h:80:",
            "h:0:1.2.3.4",
            "h:x:1.2.3.4",
            "h:*:1.2.3.4",
            "h:80:name",
            "h:80:1.2.3.4,",
            "h:80:[1.2.3.4]",
            "127.0.0.1:80:127.0.0.2",
            "a b:80:1.2.3.4",
            "+h:80:1.2.3.4",
            "h:99999:1.2.3.4",
            "h:80:[::1",
        ] {
            assert!(bad.parse::<Pin>().is_err(), "{bad}");
        }
    }
}
