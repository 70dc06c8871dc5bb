//! Resolving host names, and judging the addresses that they have.
//!
//! [`Resolver`] is what an HTTP client dials through: the operating system's resolver on tokio's
//! blocking pool. Judging happens here, on the very addresses that are then dialled, so that a name
//! cannot point to one address when it is checked and to another when it is used (DNS rebinding).
//! Literal addresses never reach a resolver; [`guard`](super::guard) judges them before each hop.

use std::collections::HashSet;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use futures::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::time::Instant;

use super::trace::{Stage, TRACE, Trace};

/// Where addresses come from: a name's, in the order in which they are to be tried. Tests have their own.
pub(super) type LookUp = Arc<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync>;

/// The operating system's.
pub(super) fn system() -> LookUp {
    Arc::new(|name| {
        Box::pin(async move {
            let addresses = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(addresses.map(|address| address.ip()).collect())
        })
    })
}

/// The resolver of an HTTP client.
#[derive(Clone)]
pub(super) struct Resolver {
    pub(super) look_up: LookUp,
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
        let found = (self.look_up)(name.as_str().to_owned());
        Box::pin(async move {
            let started = Instant::now();
            if let Some(trace) = &trace {
                trace.enter(Stage::Resolving);
            }
            // After a failure the stage stays: it says where the fetch ended.
            let addresses = judged(found.await.map_err(ResolveError::LookUp)?, judge)?;
            if let Some(trace) = &trace {
                trace.add_dns(started.elapsed());
                trace.enter(Stage::Connecting);
            }
            Ok(Box::new(addresses.into_iter().map(|address| SocketAddr::new(address, 0))) as Addrs)
        })
    }
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
    if addresses.is_empty() {
        return Err(ResolveError::Empty);
    }
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
    LookUp(io::Error),
    /// The look-up was fine, but there is no address.
    Empty,
    /// There is an address that is not public, and no other that may be used.
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
        assert!(matches!(judge(true, ""), Err(ResolveError::Empty)));
        assert_eq!(judged(vec![IpAddr::from([10, 0, 0, 1])], None).unwrap().len(), 1);
    }

    #[test]
    fn only_the_proxy_is_exempt_and_not_where_it_is_the_target() {
        let proxies = Arc::new(HashSet::from(["proxy.test".to_owned()]));
        let resolver = Resolver { look_up: system(), judge: Some(is_public), proxies };
        let trace = Trace::start();
        trace.aim("page.test", true);
        assert!(resolver.judge("proxy.test", Some(&trace)).is_none());
        assert!(resolver.judge("page.test", Some(&trace)).is_some());
        assert!(resolver.judge("other.test", Some(&trace)).is_some());
        trace.aim("proxy.test", true);
        assert!(resolver.judge("proxy.test", Some(&trace)).is_some());
        assert!(resolver.judge("page.test", None).is_some_and(|judge| judge.guarded));
    }
}
