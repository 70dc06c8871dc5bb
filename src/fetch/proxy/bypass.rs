//! [`NoProxy`]: hosts that are reached without a proxy, as curl reads `--noproxy` and `NO_PROXY`.
//!
//! Pure. Names match themselves and all below them, a leading dot makes no difference; addresses match by value, alone or
//! by prefix (`10.0.0.0/8`); `*` is every host. Nothing is looked up: a name never matches an address.

use std::net::IpAddr;

use super::super::address::HostForm;
use super::super::http::BuildError;
use crate::url::CrawlUrl;

/// Hosts that are reached directly. The default: none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NoProxy {
    all: bool,
    /// Lower case, without dots around.
    names: Vec<String>,
    networks: Vec<(IpAddr, u32)>,
}

impl NoProxy {
    /// The hosts of a list with commas or spaces between them.
    ///
    /// # Errors
    /// Which of them is none.
    pub fn parse(list: &str) -> Result<Self, BuildError> {
        let mut all = Self::default();
        for entry in entries(list) {
            all.add(entry).map_err(|why| BuildError(format!("`{entry}` {why}")))?;
        }
        Ok(all)
    }

    /// The same, without those that are none: what other programs read may be written for them.
    pub(super) fn parse_leniently(list: &str) -> Self {
        let mut all = Self::default();
        for entry in entries(list) {
            let _ = all.add(entry);
        }
        all
    }

    fn add(&mut self, entry: &str) -> Result<(), &'static str> {
        if entry == "*" {
            self.all = true;
        } else if let Some(network) = network(entry)? {
            self.networks.push(network);
        } else {
            let name = entry.strip_prefix("*.").unwrap_or(entry).trim_matches('.').to_ascii_lowercase();
            if name.is_empty() || name.contains(['*', '/', ':', '@']) {
                return Err(
                    "is no host, domain or network\nhint: e.g. localhost,example.org,10.0.0.0/8, or * for all",
                );
            }
            self.names.push(name);
        }
        Ok(())
    }

    /// Whether the host of this URL is among them.
    pub(super) fn holds(&self, url: &CrawlUrl) -> bool {
        if self.all {
            return true;
        }
        if let HostForm::Address(address) = HostForm::of(url) {
            return self.networks.iter().any(|(network, bits)| is_in(address, *network, *bits));
        }
        let host = url.host();
        let host = host.strip_suffix('.').unwrap_or(host);
        self.names.iter().any(|name| {
            host.strip_suffix(name.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        })
    }
}

fn entries(list: &str) -> impl Iterator<Item = &str> {
    list.split([',', ' ', '\t', '\n']).filter(|entry| !entry.is_empty())
}

/// An address, or the first of a block and its prefix length; `None` for what is a name.
fn network(entry: &str) -> Result<Option<(IpAddr, u32)>, &'static str> {
    let (address, bits) =
        entry.split_once('/').map_or((entry, None), |(address, bits)| (address, Some(bits)));
    let Ok(address) = address.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() else {
        return Ok(None);
    };
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits = bits.map_or(Ok(most), str::parse).map_err(|_| "has a prefix that is no number")?;
    if bits > most { Err("has a prefix that is too long") } else { Ok(Some((address, bits))) }
}

fn is_in(address: IpAddr, network: IpAddr, bits: u32) -> bool {
    match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros() >= bits,
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros() >= bits,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(list: &str, host: &str) -> bool {
        NoProxy::parse(list).unwrap().holds(&CrawlUrl::parse(&format!("http://{host}:81/")).unwrap())
    }

    #[test]
    fn hosts_match_as_in_curl() {
        for (list, host, expected) in [
            ("example.org", "example.org", true),
            ("example.org", "www.EXAMPLE.org", true),
            (".example.org", "example.org", true),
            ("*.example.org", "www.example.org.", true),
            ("example.org", "notexample.org", false),
            ("a.test, example.org", "example.org", true),
            ("a.test b.test", "b.test", true),
            ("*", "example.org", true),
            ("", "example.org", false),
            ("localhost", "127.0.0.1", false),
            ("127.0.0.1", "127.0.0.1", true),
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/8", "11.1.2.3", false),
            ("0.0.0.0/0", "11.1.2.3", true),
            ("::1", "[::1]", true),
            ("[::1]", "[::1]", true),
            ("fd00::/8", "[fd12::1]", true),
            ("::/0", "11.1.2.3", false),
        ] {
            assert_eq!(holds(list, host), expected, "{list} {host}");
        }
    }

    #[test]
    fn what_is_no_host_is_refused_or_left_out() {
        for list in ["10.0.0.0/33", "10.0.0.0/x", "a.test,http://b.test", "a*b", "h:81", "."] {
            assert!(NoProxy::parse(list).is_err(), "{list}");
        }
        assert_eq!(NoProxy::parse_leniently("10.0.0.0/33,a.test"), NoProxy::parse("a.test").unwrap());
    }
}
