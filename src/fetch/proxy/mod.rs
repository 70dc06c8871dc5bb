//! Which proxy a fetch goes through, if any: [`ProxyOptions`] as given, `Proxies` while a run uses them.
//!
//! `Exchange` asks for each hop. The answer is the only one: each client is built for one proxy, or for
//! none, and never reads the environment itself, so that what is judged here (`guard`) is what happens.
//! A proxy of a list stays with its fetch until that fetch leaves it for another (`passage`).

mod address;
mod bypass;
mod environment;
mod fault;
mod fleet;
mod passage;
mod pools;

use std::sync::Arc;

use self::address::Kind;
pub use self::address::Proxy;
pub use self::bypass::NoProxy;
pub(super) use self::fault::{Blame, judge, wants_login};
pub(super) use self::fleet::Fleet;
pub(super) use self::passage::Passage;
pub(super) use self::pools::Pools;
use crate::url::CrawlUrl;

/// How the proxies of a list take turns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rotate {
    /// Each fetch has the next one.
    #[default]
    Fetch,
    /// A host keeps its own, as long as that works.
    Host,
}

/// Proxies. The default: none.
#[derive(Clone, Debug)]
pub struct ProxyOptions {
    /// For `http` URLs; default none.
    pub http: Option<Proxy>,
    /// For `https` URLs; default none.
    pub https: Option<Proxy>,
    /// If there are any, they take turns in place of the two above; default none.
    pub list: Vec<Proxy>,
    /// How they do; default [`Rotate::Fetch`].
    pub rotate: Rotate,
    /// How often one fetch may leave a proxy of the list for another; default 3.
    pub retries: u32,
    /// What is reached without; default nothing.
    pub bypass: NoProxy,
}

impl Default for ProxyOptions {
    fn default() -> Self {
        let (http, https, list) = (None, None, Vec::new());
        Self { http, https, list, rotate: Rotate::default(), retries: 3, bypass: NoProxy::default() }
    }
}

impl ProxyOptions {
    /// This one for all URLs.
    pub fn all(proxy: Proxy) -> Self {
        Self { http: Some(proxy.clone()), https: Some(proxy), ..Self::default() }
    }
}

/// The proxies of a run, shared by its threads.
pub(super) struct Proxies {
    /// By the scheme of the target: `http`, `https`.
    fixed: [Option<Arc<Proxy>>; 2],
    fleet: Option<Arc<Fleet>>,
    use_tls: bool,
    retries: u32,
    bypass: NoProxy,
}

/// How one URL is reached.
pub(super) enum Route<'a> {
    Direct,
    /// By this one; its number among the proxies of the run.
    Fixed(usize, &'a Arc<Proxy>),
    Listed(&'a Arc<Fleet>),
}

impl Proxies {
    /// `None` when there are none.
    pub(super) fn new(options: ProxyOptions) -> Option<Arc<Self>> {
        let ProxyOptions { http, https, list, rotate, retries, bypass } = options;
        let use_tls = http.iter().chain(&https).chain(&list).any(|proxy| proxy.kind() == Kind::Https);
        let list: Vec<_> = list.into_iter().map(Arc::new).collect();
        let fleet = (!list.is_empty()).then(|| Arc::new(Fleet::new(list, rotate)));
        let fixed = [http.map(Arc::new), https.map(Arc::new)];
        let any = fleet.is_some() || fixed.iter().any(Option::is_some);
        any.then(|| Arc::new(Self { fixed, fleet, use_tls, retries, bypass }))
    }

    pub(super) fn route(&self, url: &CrawlUrl) -> Route<'_> {
        if self.bypass.holds(url) {
            return Route::Direct;
        }
        if let Some(fleet) = &self.fleet {
            return Route::Listed(fleet);
        }
        let nth = usize::from(url.is_https());
        self.fixed[nth].as_ref().map_or(Route::Direct, |proxy| Route::Fixed(nth, proxy))
    }

    /// How often one fetch may leave a proxy for another.
    pub(super) fn retries(&self) -> u32 {
        self.retries
    }

    /// Whether any is spoken to over TLS.
    pub(super) fn use_tls(&self) -> bool {
        self.use_tls
    }

    /// Whether there may be thousands of them.
    pub(super) fn is_list(&self) -> bool {
        self.fleet.is_some()
    }
}
