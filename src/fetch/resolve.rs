//! Resolving host names, and judging the addresses that they have.
//!
//! [`Resolver`] is what an HTTP client dials through. It asks [`Names`], which the whole run shares: what is given or
//! remembered, else the operating system's resolver or gannet's own. Judging happens here, on the very addresses that are
//! then dialled, remembered or not, so that a name cannot point to one address when it is checked and to another when it
//! is used (DNS rebinding). Literal addresses never reach a resolver; [`guard`](super::guard) judges them before each hop.

mod answer;
mod cache;
#[cfg(feature = "hickory")]
mod diagnose;
mod health;
mod names;
mod options;
mod order;
#[cfg(feature = "hickory")]
mod own;
#[cfg(not(feature = "hickory"))]
#[path = "resolve/no_own.rs"]
mod own;
mod pins;
mod server;
mod setup;
pub(super) mod system;

use std::collections::HashSet;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::time::Instant;

pub use self::answer::DnsFault;
pub(super) use self::answer::Failure;
#[cfg(test)]
pub(super) use self::answer::Found;
#[cfg(test)]
pub(super) use self::names::LookUp;
pub(super) use self::names::{Names, Ready};
pub use self::options::DnsOptions;
pub use self::order::Family;
pub use self::pins::Pin;
pub use self::server::{NameServer, Server};
use super::trace::{Stage, TRACE, Trace};

/// The resolver of an HTTP client.
#[derive(Clone)]
pub(super) struct Resolver {
    pub(super) names: Arc<Names>,
    /// Says which addresses are public, for a client that must reach no others; but proxies.
    pub(super) judge: Option<fn(IpAddr) -> bool>,
    /// Names of proxies.
    pub(super) proxies: Arc<HashSet<String>>,
}

impl Resolver {
    /// What judges the addresses of this name for this fetch.
    fn judge(&self, name: &str, trace: Option<&Trace>) -> Option<Judge> {
        let is_public = self.judge?;
        let is_target = trace.is_none_or(|trace| trace.is_target(name));
        let guarded = trace.is_none_or(Trace::is_guarded);
        (is_target || !self.proxies.contains(name)).then_some(Judge { is_public, guarded })
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let trace = TRACE.try_with(Arc::clone).ok();
        let judge = self.judge(name.as_str(), trace.as_deref());
        let port = trace.as_ref().and_then(|trace| trace.target_port(name.as_str()));
        let found = Arc::clone(&self.names).look_up(name.as_str().to_owned(), port);
        Box::pin(async move {
            let started = Instant::now();
            if let Some(trace) = &trace {
                trace.enter(Stage::Resolving);
            }
            // After a failure the stage stays: it says where the fetch ended.
            let found = found.await;
            if let Some(trace) = &trace
                && found.as_ref().map_or(true, |found| found.waited)
            {
                trace.add_dns(started.elapsed());
            }
            let addresses = judged(found.map_err(ResolveError::LookUp)?.addresses, judge)?;
            let to_dial = order::to_dial(&addresses);
            if let Some(trace) = &trace {
                trace.offer(addresses);
                trace.enter(Stage::Connecting);
            }
            Ok(Box::new(to_dial.into_iter()) as Addrs)
        })
    }
}

/// The address that stands for this name.
pub(super) async fn locate(names: &Arc<Names>, host: &str, port: Option<u16>) -> Option<IpAddr> {
    let found = Arc::clone(names).look_up(host.to_owned(), port).await.ok()?;
    representative(found.addresses)
}

/// The address that stands for all of a name: the lowest, of IPv4 if there is any. Resolvers turn their lists round with each
/// answer, so the first would be another each time; and of two names for one machine one may have no IPv6.
fn representative(addresses: Vec<IpAddr>) -> Option<IpAddr> {
    addresses.into_iter().map(|address| address.to_canonical()).min() // IPv4 sorts first
}

/// Judges the addresses of one name.
#[derive(Clone, Copy)]
struct Judge {
    is_public: fn(IpAddr) -> bool,
    /// The fetch may reach public addresses only, so the others are left out. Any other fetch that meets one goes on
    /// elsewhere, where all may be tried.
    guarded: bool,
}

fn judged(mut addresses: Vec<IpAddr>, judge: Option<Judge>) -> Result<Vec<IpAddr>, ResolveError> {
    let Some(Judge { is_public, guarded }) = judge else { return Ok(addresses) };
    let Some(private) = addresses.iter().copied().find(|address| !is_public(*address)) else {
        return Ok(addresses);
    };
    addresses.retain(|address| is_public(*address));
    if addresses.is_empty() || !guarded { Err(ResolveError::Blocked(private)) } else { Ok(addresses) }
}

/// Why a name led to no address.
#[derive(Debug)]
pub(super) enum ResolveError {
    /// The look-up failed.
    LookUp(Failure),
    /// There is an address that is not public, and no other that may be used.
    Blocked(IpAddr),
}

impl fmt::Display for ResolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LookUp(failure) => failure.fmt(f),
            Self::Blocked(address) => write!(f, "`{address}` is not a public address"),
        }
    }
}

impl std::error::Error for ResolveError {}

#[cfg(test)]
mod tests {
    use super::super::address::is_public;
    use super::*;

    fn judge(guarded: bool, addresses: &str) -> Result<Vec<IpAddr>, ResolveError> {
        let addresses = addresses.split_whitespace().map(|text| text.parse().unwrap()).collect();
        judged(addresses, Some(Judge { is_public, guarded }))
    }

    #[test]
    fn a_guarded_fetch_gets_the_public_addresses_and_another_all_or_none() {
        assert_eq!(judge(true, "1.1.1.1 10.0.0.1").unwrap(), judge(false, "1.1.1.1").unwrap());
        for (guarded, addresses) in [(false, "1.1.1.1 10.0.0.1"), (true, "::1 10.0.0.1"), (false, "10.0.0.1")]
        {
            assert!(matches!(judge(guarded, addresses), Err(ResolveError::Blocked(_))), "{addresses}");
        }
        assert_eq!(judged(vec![IpAddr::from([10, 0, 0, 1])], None).unwrap().len(), 1);
    }

    #[test]
    fn one_address_stands_for_a_name_in_whatever_order_they_come() {
        for order in [["::1", "10.0.0.2", "10.0.0.1"], ["10.0.0.1", "::1", "::ffff:10.0.0.2"]] {
            let addresses = order.iter().map(|text| text.parse().unwrap()).collect();
            assert_eq!(representative(addresses), Some(IpAddr::from([10, 0, 0, 1])));
        }
        assert_eq!(representative(Vec::new()), None);
    }

    #[test]
    fn only_the_proxy_is_exempt_and_not_where_it_is_the_target() {
        let proxies = Arc::new(HashSet::from(["proxy.test".to_owned()]));
        let names = Names::new(system::source(), &DnsOptions::default());
        let resolver = Resolver { names, judge: Some(is_public), proxies };
        let trace = Trace::start();
        trace.aim("page.test", 80, true);
        assert!(resolver.judge("proxy.test", Some(&trace)).is_none());
        assert!(resolver.judge("page.test", Some(&trace)).is_some());
        assert!(resolver.judge("other.test", Some(&trace)).is_some());
        trace.aim("proxy.test", 80, true);
        assert!(resolver.judge("proxy.test", Some(&trace)).is_some());
        assert!(resolver.judge("page.test", None).is_some_and(|judge| judge.guarded));
    }
}
