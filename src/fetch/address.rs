//! Which addresses are public, and what a host says about its address without a look-up.
//!
//! Pure. [`Guard`](super::guard::Guard) asks about the host of each hop, [`Resolver`](super::resolve::Resolver)
//! about each address that a name has. The list errs on the side of *not public*.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::url::CrawlUrl;

/// What a URL says about the address of its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HostForm {
    /// It is one. The decimal, octal and hexadecimal forms of IPv4 are as well (WHATWG URL, IPv4 parser).
    Address(IpAddr),
    /// A name that always means this machine (RFC 6761 §6.3).
    ThisMachine,
    /// Any other name.
    Name,
}

impl HostForm {
    pub(super) fn of(url: &CrawlUrl) -> Self {
        let host = url.host();
        let name = host.strip_suffix('.').unwrap_or(host);
        if name == "localhost" || name.ends_with(".localhost") {
            return Self::ThisMachine;
        }
        // The last label of an address is a number, and that of no name is (WHATWG URL, "ends in a number checker").
        let address: Result<IpAddr, _> = match host.as_bytes() {
            [b'[', ..] => host[1..].trim_end_matches(']').parse().map(IpAddr::V6),
            [.., b'0'..=b'9'] => host.parse().map(IpAddr::V4),
            _ => return Self::Name,
        };
        address.map_or(Self::Name, Self::Address)
    }
}

/// Whether an address can be reached on the public internet: not in a special-purpose block of the
/// IANA registries (RFC 6890), nor an IPv6 form that carries such an IPv4 address. Metadata services of clouds are
/// not public, those with an address that looks so included.
pub fn is_public(address: IpAddr) -> bool {
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
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => false, // Teredo and others, documentation
        // All that IANA gave out for use between networks (RFC 4291 §2.4): so nothing local, and nothing unknown.
        [first, ..] => first & 0xe000 == 0x2000,
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
            2002:a00:1:: 2001::1 2001:db8::1 100::1 fc00::1 fd12::1 fe80::1 febf::1 fec0::1 ff02::1 \
            ::ffff:0:127.0.0.1 64:ff9b::a9fe:a9fe 4000::1 5f00::1";
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
    fn hosts() {
        let form = |text: &str| HostForm::of(&CrawlUrl::parse(text).unwrap());
        for text in ["127.0.0.1", "0x7f.1", "2130706433", "0177.0.0.1", "127.1", "u:p@127.0.0.1:81"] {
            let loopback = HostForm::Address(IpAddr::V4(Ipv4Addr::LOCALHOST));
            assert_eq!(form(&format!("http://{text}/")), loopback, "{text}");
        }
        assert_eq!(form("http://[::1]:81/"), HostForm::Address(IpAddr::V6(Ipv6Addr::LOCALHOST)));
        assert_eq!(form("http://\u{ff11}27.0.0.1/"), HostForm::Address(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        for text in ["localhost", "LOCALHOST.", "a.localhost", "u@a.localhost.:8"] {
            assert_eq!(form(&format!("http://{text}/")), HostForm::ThisMachine, "{text}");
        }
        for text in ["example.org", "notlocalhost", "localhost.example.org"] {
            assert_eq!(form(&format!("http://{text}/")), HostForm::Name, "{text}");
        }
    }
}
