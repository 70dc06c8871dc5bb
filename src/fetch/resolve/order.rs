//! Which addresses of a name are dialled, and in which order.
//!
//! The HTTP client races two lists (RFC 8305 §5): the addresses of the first one's family, and 300 ms later those of the
//! other. Within a list it waits for each, up to the connect timeout divided by their number. A name with IPv4 addresses
//! only has no second list, and one dead address at its top would cost seconds. So it gets one: the same addresses without
//! the first, as IPv6 writes them (RFC 4291 §2.5.5.2), which the operating system dials as IPv4. Where it does not, the
//! first list goes on as ever.

use std::net::{IpAddr, SocketAddr};

/// The most addresses of a name that are tried: an answer may hold thousands.
pub(super) const MOST: usize = 16;

/// Which addresses may be dialled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Family {
    /// All.
    #[default]
    Any,
    /// Those of IPv4.
    V4,
    /// Those of IPv6.
    V6,
}

impl Family {
    /// Whether this address may be dialled.
    pub fn has(self, address: IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::V4 => address.is_ipv4(),
            Self::V6 => address.is_ipv6(),
        }
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Any => "IP",
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        }
    }
}

/// The families in turn, beginning with that of `first` (RFC 8305 §4).
#[cfg(any(feature = "hickory", test))]
pub(super) fn interleave(first: Vec<IpAddr>, second: Vec<IpAddr>) -> Vec<IpAddr> {
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut all = Vec::with_capacity(first.len() + second.len());
    loop {
        let pair = [first.next(), second.next()];
        if pair.iter().all(Option::is_none) {
            return all;
        }
        all.extend(pair.into_iter().flatten());
    }
}

/// What the HTTP client dials.
pub(super) fn to_dial(addresses: &[IpAddr]) -> Vec<SocketAddr> {
    let mut all: Vec<_> = addresses.iter().map(|&address| SocketAddr::new(address, 0)).collect();
    if addresses.iter().all(IpAddr::is_ipv4) {
        let mapped = addresses.iter().skip(1).filter_map(|address| match address {
            IpAddr::V4(address) => Some(IpAddr::V6(address.to_ipv6_mapped())),
            IpAddr::V6(_) => None,
        });
        all.extend(mapped.map(|address| SocketAddr::new(address, 0)));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(text: &str) -> Vec<IpAddr> {
        text.split_whitespace().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn families_take_turns() {
        let all = interleave(addresses("::1 ::2 ::3"), addresses("1.1.1.1"));
        assert_eq!(all, addresses("::1 1.1.1.1 ::2 ::3"));
        assert_eq!(interleave(Vec::new(), addresses("1.1.1.1 2.2.2.2")), addresses("1.1.1.1 2.2.2.2"));
    }

    #[test]
    fn names_with_ipv4_alone_get_a_second_list() {
        let dialled = |text: &str| {
            to_dial(&addresses(text)).iter().map(|at| at.ip().to_string()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(dialled("1.1.1.1"), "1.1.1.1");
        assert_eq!(dialled("1.1.1.1 2.2.2.2"), "1.1.1.1 2.2.2.2 ::ffff:2.2.2.2");
        assert_eq!(dialled("::1 2.2.2.2"), "::1 2.2.2.2");
        assert_eq!(dialled("::1 ::2"), "::1 ::2");
    }
}
