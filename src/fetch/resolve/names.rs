//! [`Names`]: what a run knows of names, in front of whoever is asked.
//!
//! One for all lanes and pools of a run. Given addresses come first, then what is remembered; what nobody knows is asked
//! once, however many wait for it. A waiter that goes away ends nothing for the others, and the look-up ends when all are
//! gone. Nothing is served past its time, and a resolver that failed is asked again: only that a name or its address does
//! not exist is remembered, for a short while. Whether an address may be dialled is judged [elsewhere](super::Resolver),
//! each time anew.

use std::collections::HashMap;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared, WeakShared};
use tokio::time::Instant;

use super::answer::{DnsFault, Failure, Found};
use super::cache::Cache;
use super::health::Health;
use super::options::DnsOptions;
use super::order::{Family, MOST};
use super::pins::{Pin, pinned};
use crate::fetch::trace::{TRACE, Trace};

/// Where addresses come from. Tests have their own.
pub(in crate::fetch) type LookUp =
    Arc<dyn Fn(String) -> BoxFuture<'static, Result<Found, Failure>> + Send + Sync>;

/// Makes sure that certificates can be verified.
pub(in crate::fetch) type Ready = Arc<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

/// The most names that are remembered: with a few addresses each, some 2 MB.
const MOST_NAMES: usize = 10_000;

/// How long a record is believed, whatever it says: the shortest and the longest time.
const TTL: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(24 * 60 * 60));

/// How long it is believed that a name has no address, if the answer does not say it (RFC 2308 §5).
const NEGATIVE_TTL: Duration = Duration::from_secs(10);
const MAX_NEGATIVE_TTL: Duration = Duration::from_secs(10 * 60);

/// How long an address stands behind others of its name that were faster.
const SLOW: Duration = Duration::from_secs(10 * 60);
const MOST_SLOW: usize = 4096;

type Answer = Result<Arc<[IpAddr]>, Failure>;
type UnderWay = BoxFuture<'static, Answer>;

/// See the module.
pub(in crate::fetch) struct Names {
    source: LookUp,
    pins: Vec<Pin>,
    family: Family,
    /// How long an answer holds that does not say it; zero: nothing is remembered.
    time: Duration,
    state: Mutex<State>,
}

struct State {
    known: Cache<Box<str>, Answer>,
    /// Look-ups that somebody waits for; their futures belong to those who wait.
    under_way: HashMap<Box<str>, WeakShared<UnderWay>>,
    /// Addresses that did not connect while a later one of their name did.
    slow: Cache<IpAddr, ()>,
    health: Health,
}

/// The addresses of a name.
pub(super) struct LookedUp {
    pub(super) addresses: Vec<IpAddr>,
    /// They were not at hand.
    pub(super) waited: bool,
}

impl Names {
    pub(in crate::fetch) fn new(source: LookUp, options: &DnsOptions) -> Arc<Self> {
        let state = State {
            known: Cache::new(MOST_NAMES),
            under_way: HashMap::new(),
            slow: Cache::new(MOST_SLOW),
            health: Health::new(Instant::now()),
        };
        Arc::new(Self {
            source,
            pins: options.pins.clone(),
            family: options.family,
            time: options.cache_time,
            state: Mutex::new(state),
        })
    }

    /// The addresses of a name, for a connection to this port if that is known.
    pub(super) async fn look_up(
        self: Arc<Self>,
        name: String,
        port: Option<u16>,
    ) -> Result<LookedUp, Failure> {
        if let Some(pinned) = pinned(&self.pins, &name, port) {
            let found = Found { addresses: pinned.to_vec(), ttl: None };
            let addresses = self.in_order(&self.wanted(found)?);
            return Ok(LookedUp { addresses, waited: false });
        }
        let known = self.state().known.get(&*name, Instant::now());
        let (answer, waited) = match known {
            Some(answer) => (answer, false),
            None => (self.ask(name).await, true),
        };
        Ok(LookedUp { addresses: self.in_order(&answer?), waited })
    }

    /// `used` is what a connection was made to, of the addresses of a name in this order.
    pub(in crate::fetch) fn connected(&self, offered: &[IpAddr], used: IpAddr) {
        let Some(place) = offered.iter().position(|address| *address == used) else { return };
        let (mut state, now) = (self.state(), Instant::now());
        for address in &offered[..place] {
            state.slow.put(*address, (), SLOW, now);
        }
        state.slow.put(used, (), Duration::ZERO, now);
    }

    /// The look-up of this name, which is under way already if somebody waits for it.
    fn ask(self: &Arc<Self>, name: String) -> Shared<UnderWay> {
        let mut state = self.state();
        if let Some(shared) = state.under_way.get(&*name).and_then(WeakShared::upgrade) {
            return shared;
        }
        let (names, key) = (Arc::clone(self), Box::from(&*name));
        let shared = async move {
            let turn = Turn { names, name };
            // What a resolver dials is no connection of the fetch that happens to wait for it.
            let asked = TRACE.scope(Trace::start(), async { (turn.names.source)(turn.name.clone()).await });
            let asked = AssertUnwindSafe(asked);
            let panicked = |_| Err(Failure::new(DnsFault::Failed, "the look-up panicked"));
            let answer = asked.catch_unwind().await.unwrap_or_else(panicked);
            turn.names.settle(&turn.name, answer)
        };
        let shared = shared.boxed().shared();
        if let Some(weak) = shared.downgrade() {
            state.under_way.insert(key, weak);
        }
        shared
    }

    /// Takes in an answer.
    fn settle(&self, name: &str, answer: Result<Found, Failure>) -> Answer {
        let now = Instant::now();
        let ttl = match &answer {
            Ok(found) => found.ttl.unwrap_or(self.time).clamp(TTL.0, TTL.1),
            Err(failure) => failure.ttl.unwrap_or(NEGATIVE_TTL).clamp(TTL.0, MAX_NEGATIVE_TTL),
        };
        let answer = answer.and_then(|found| self.wanted(found)).map_err(|failure| self.in_words(failure));
        let mut state = self.state();
        if let Err(failure) = &answer
            && !failure.fault.is_lasting()
        {
            let fault = match failure.exhausted {
                true => DnsFault::Failed,
                false => state.health.failed(name, now),
            };
            return Err(Failure { fault, ..failure.clone() });
        }
        state.health.answered(now);
        if !self.time.is_zero() {
            state.known.put(name.into(), answer.clone(), ttl, now);
        }
        answer
    }

    /// The addresses that may be used of those that were found.
    fn wanted(&self, found: Found) -> Answer {
        let mut addresses = found.addresses;
        addresses.retain(|address| self.family.has(*address));
        addresses.truncate(MOST);
        match addresses.is_empty() {
            true => Err(self.in_words(Failure::new(DnsFault::NoAddress, "the name has no address"))),
            false => Ok(addresses.into()),
        }
    }

    /// A failure that says which addresses were looked for.
    fn in_words(&self, failure: Failure) -> Failure {
        if failure.fault != DnsFault::NoAddress || self.family == Family::Any {
            return failure;
        }
        let message = format!("the name has no {} address, and no other may be used", self.family.as_str());
        Failure { message: message.into(), ..failure }
    }

    /// Those first that are not known to be slow.
    fn in_order(&self, addresses: &[IpAddr]) -> Vec<IpAddr> {
        let mut addresses = addresses.to_vec();
        if addresses.len() > 1 {
            let (mut state, now) = (self.state(), Instant::now());
            addresses.sort_by_cached_key(|address| state.slow.get(address, now).is_some());
        }
        addresses
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A look-up under way; it leaves when it ends, or when nobody waits for it any more.
struct Turn {
    names: Arc<Names>,
    name: String,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.names.state().under_way.remove(&*self.name);
    }
}

#[cfg(test)]
#[path = "names_tests.rs"]
mod tests;
