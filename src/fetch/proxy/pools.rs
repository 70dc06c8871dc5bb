//! [`Pools`]: a pool of connections for each proxy, made when it is first used, and a bound on how many there are.
//!
//! A client keeps its connections by target, not by proxy, so each proxy has clients of its own. What was used longest ago
//! is let go above [`MOST`]; fetches that are under way in it end as they would. Each thread of a run has its own.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::ClientConfig;

use super::super::connections::Traffic;
use super::super::guard::Way;
use super::super::http::{BuildError, HttpOptions};
use super::super::pool::{Pool, Size};
use super::super::resolve::Names;
use super::super::trace::ProbeLayer;
use super::{Proxies, Proxy};

/// Pools at once.
const MOST: usize = 64;

/// The number of a proxy, and what its connections may reach.
type Key = (usize, Way);

pub(in crate::fetch) struct Pools {
    /// What was used last is last.
    pools: Mutex<VecDeque<(Key, Arc<Pool>)>>,
    size: Size,
    tls: ClientConfig,
    names: Arc<Names>,
    is_public: fn(IpAddr) -> bool,
    traffic: Arc<Traffic>,
}

impl Pools {
    pub(in crate::fetch) fn new(
        proxies: &Proxies,
        options: &HttpOptions,
        tls: ClientConfig,
        names: Arc<Names>,
        traffic: Arc<Traffic>,
    ) -> Self {
        let size = match proxies.is_list() {
            true => Size { parts: 1, connections: options.keep_connections.div_ceil(MOST) },
            false => Size::of(options),
        };
        Self { pools: Mutex::default(), size, tls, names, is_public: options.is_public, traffic }
    }

    /// The pool of proxy number `nth`.
    pub(in crate::fetch) fn pool(
        &self,
        options: &HttpOptions,
        (nth, proxy): (usize, &Proxy),
        way: Way,
    ) -> Result<Arc<Pool>, BuildError> {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        let at = pools.iter().rposition(|(key, _)| *key == (nth, way));
        let entry = match at.and_then(|at| pools.remove(at)) {
            Some(entry) => entry,
            None => {
                let judge = (way == Way::Judged).then_some(self.is_public);
                let names = Arc::clone(&self.names);
                let layer = ProbeLayer { traffic: Arc::clone(&self.traffic), ..ProbeLayer::default() };
                let (tls, proxy) = (self.tls.clone(), Some(proxy));
                let pool = Pool::new(options, tls, names, judge, layer, proxy, self.size)?;
                ((nth, way), Arc::new(pool))
            }
        };
        let pool = Arc::clone(&entry.1);
        pools.push_back(entry);
        if pools.len() > MOST {
            pools.pop_front();
        }
        Ok(pool)
    }

    /// Lets go of all idle connections.
    pub(in crate::fetch) fn renew(&self) {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::address::is_public;
    use super::super::super::resolve::{DnsOptions, Names, system};
    use super::super::super::tls::LazyVerifier;
    use super::super::ProxyOptions;
    use super::*;

    #[tokio::test]
    async fn those_that_were_used_last_are_kept() {
        let list: Vec<Proxy> = (0..MOST + 8).map(|nth| format!("p{nth}.test").parse().unwrap()).collect();
        let options = HttpOptions { is_public, ..HttpOptions::default() };
        let tls = LazyVerifier::new(&options.tls).config(options.connections.protocol.names()).unwrap();
        let proxies = Proxies::new(ProxyOptions { list: list.clone(), ..ProxyOptions::default() }).unwrap();
        let names = Names::new(system::source(), &DnsOptions::default());
        let pools = Pools::new(&proxies, &options, tls, names, Arc::default());
        let first = pools.pool(&options, (0, &list[0]), Way::Judged).unwrap();
        for (nth, proxy) in list.iter().enumerate() {
            pools.pool(&options, (nth, proxy), Way::Judged).unwrap();
            assert!(Arc::ptr_eq(&first, &pools.pool(&options, (0, &list[0]), Way::Judged).unwrap()));
        }
        let kept: Vec<_> = pools.pools.lock().unwrap().iter().map(|((nth, _), _)| *nth).collect();
        assert_eq!(
            (kept.len(), kept.contains(&0), kept.contains(&8), kept.contains(&9)),
            (MOST, true, false, true)
        );
        let open = pools.pool(&options, (0, &list[0]), Way::Open).unwrap();
        assert!(!Arc::ptr_eq(&first, &open), "what is judged shares no connection with what is not");
    }
}
