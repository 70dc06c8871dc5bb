//! Resolving host names, and judging the addresses under `--deny-private`.
//!
//! [`Resolver`] is what the HTTP client dials through: the operating system's resolver on tokio's
//! blocking pool. Judging happens here, on the very addresses that are then dialled, so that a name
//! cannot point to one address when it is checked and to another when it is used (DNS rebinding).
//! Literal addresses never reach a resolver; [`blocked_literal`] judges them before each hop.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::time::Instant;

use super::trace::{Stage, TRACE, Trace};
use crate::url::CrawlUrl;

/// The resolver of the HTTP client.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resolver {
    /// Refuse addresses that are not public. Names of proxies are exempt.
    pub(super) deny_private: bool,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let trace = TRACE.try_with(Arc::clone).ok();
        let judge = self.deny_private && trace.as_ref().is_none_or(|trace| trace.is_target(name.as_str()));
        Box::pin(async move {
            let started = Instant::now();
            if let Some(trace) = &trace {
                trace.enter(Stage::Resolving);
            }
            // After a failure the stage stays: it says where the fetch ended.
            let addresses = look_up(name.as_str(), judge).await?;
            if let Some(trace) = &trace {
                trace.add_dns(started.elapsed());
                trace.enter(Stage::Connecting);
            }
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

async fn look_up(name: &str, judge: bool) -> Result<Vec<SocketAddr>, ResolveError> {
    let mut addresses: Vec<_> =
        tokio::net::lookup_host((name, 0)).await.map_err(ResolveError::LookUp)?.collect();
    let first = addresses.first().map(SocketAddr::ip).ok_or(ResolveError::Empty)?;
    if judge {
        addresses.retain(|address| is_public(address.ip()));
    }
    if addresses.is_empty() { Err(ResolveError::Blocked(first)) } else { Ok(addresses) }
}

/// Why a name led to no address.
#[derive(Debug)]
pub(super) enum ResolveError {
    /// The look-up failed.
    LookUp(io::Error),
    /// The look-up was fine, but there is no address.
    Empty,
    /// There are only addresses that are not public, such as this one.
    Blocked(IpAddr),
}

impl fmt::Display for ResolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LookUp(error) => {
                let text = error.to_string();
                // Rust's prefix of all getaddrinfo errors says nothing that the kind does not say.
                f.write_str(text.strip_prefix("failed to lookup address information: ").unwrap_or(&text))
            }
            Self::Empty => f.write_str("the name has no address"),
            Self::Blocked(address) => write!(f, "`{address}` is not a public address"),
        }
    }
}

impl std::error::Error for ResolveError {}

/// Tells the trace about the host of the next hop, and judges it as far as that goes without a look-up:
/// literal addresses, and the names that always mean this machine (RFC 6761 §6.3).
pub(super) fn blocked_literal(url: &CrawlUrl, trace: &Trace) -> Option<String> {
    let host = url.host();
    trace.set_target(host);
    let name = host.strip_suffix('.').unwrap_or(host);
    if name == "localhost" || name.ends_with(".localhost") {
        return Some(format!("`{host}` is this machine"));
    }
    let address: IpAddr = host.trim_start_matches('[').trim_end_matches(']').parse().ok()?;
    (!is_public(address)).then(|| ResolveError::Blocked(address).to_string())
}

/// Whether an address can be reached on the public internet: not in a special-purpose block of the
/// IANA registries (RFC 6890), nor an IPv6 form that carries such an IPv4 address.
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    /// First address and prefix length of each block.
    const BLOCKS: [([u8; 4], u32); 16] = [
        ([0, 0, 0, 0], 8),        // this network
        ([10, 0, 0, 0], 8),       // private
        ([100, 64, 0, 0], 10),    // carrier-grade NAT
        ([127, 0, 0, 0], 8),      // loopback
        ([169, 254, 0, 0], 16),   // link-local, cloud metadata
        ([172, 16, 0, 0], 12),    // private
        ([192, 0, 0, 0], 24),     // protocol assignments
        ([192, 0, 2, 0], 24),     // documentation
        ([192, 88, 99, 0], 24),   // 6to4 relays
        ([192, 168, 0, 0], 16),   // private
        ([198, 18, 0, 0], 15),    // benchmarks
        ([198, 51, 100, 0], 24),  // documentation
        ([203, 0, 113, 0], 24),   // documentation
        ([224, 0, 0, 0], 4),      // multicast
        ([240, 0, 0, 0], 4),      // reserved, broadcast
        ([168, 63, 129, 16], 32), // Azure's metadata and DNS, public in form only
    ];
    let bits = address.to_bits();
    !BLOCKS.iter().any(|&(first, length)| (bits ^ u32::from_be_bytes(first)) >> (32 - length) == 0)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let s = address.segments();
    let v4 = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match s {
        // IPv4-mapped, IPv4-compatible (with `::` and `::1`) and NAT64: what counts is the IPv4 address.
        [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0, 0, 0, 0, 0, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => is_public_v4(v4(high, low)),
        [0x2002, high, low, ..] => is_public_v4(v4(high, low)), // 6to4
        [0x64, 0xff9b, 1, ..] | [0x100, 0, 0, 0, ..] => false,  // local NAT64, discard
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => false, // Teredo and others, documentation
        [first, ..] => {
            let unique_local = first & 0xfe00 == 0xfc00;
            let link_or_site_local = first & 0xff80 == 0xfe80;
            let multicast = first & 0xff00 == 0xff00;
            !(unique_local || link_or_site_local || multicast || first == 0x5f00)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let blocked = "0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.255 127.0.0.1 127.9.9.9 \
            169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.1 192.0.2.1 192.168.1.1 198.18.0.1 198.19.255.255 \
            203.0.113.9 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 168.63.129.16 \
            :: ::1 ::ffff:127.0.0.1 ::ffff:10.1.2.3 ::127.0.0.1 64:ff9b::7f00:1 64:ff9b:1::1 2002:7f00:1:: \
            2002:a00:1:: 2001::1 2001:db8::1 100::1 fc00::1 fd12::1 fe80::1 febf::1 fec0::1 ff02::1";
        for text in blocked.split_whitespace() {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
        let public = "1.1.1.1 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 128.0.0.1 169.253.0.1 172.15.0.1 \
            172.32.0.1 192.1.0.1 192.167.1.1 198.17.0.1 198.20.0.1 223.255.255.255 168.63.129.17 \
            ::ffff:1.1.1.1 64:ff9b::101:101 2002:101:101:: 2606:4700::1111 2a00:1450::1 2001:4860::8888";
        for text in public.split_whitespace() {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn literals() {
        let judge = |text: &str| blocked_literal(&CrawlUrl::parse(text).unwrap(), &Trace::start());
        for text in [
            "http://127.0.0.1/",
            "http://0x7f.1/",
            "http://2130706433/",
            "http://[::1]:81/",
            "http://localhost/",
        ] {
            assert!(judge(text).is_some(), "{text}");
        }
        for text in ["http://a.localhost./", "http://u:p@169.254.169.254/"] {
            assert!(judge(text).is_some(), "{text}");
        }
        for text in
            ["http://1.1.1.1/", "http://example.org/", "http://[2606:4700::1111]/", "http://notlocalhost/"]
        {
            assert!(judge(text).is_none(), "{text}");
        }
    }

    #[tokio::test]
    async fn names_are_judged_by_their_addresses() {
        assert!(matches!(look_up("localhost", true).await, Err(ResolveError::Blocked(_))));
        assert!(look_up("localhost", false).await.is_ok());
    }
}
