//! [`Fleet`]: the proxies of a list, whose turn it is, and which of them rest.
//!
//! A fetch takes a [`Ticket`] for one and says on it how that went. A proxy that fails rests for a second, doubling with
//! each failure in a row; then one fetch tries it, and the others wait for what that finds. One that never worked is given
//! up sooner than one that did: most lists are old. While all rest, fetches wait here, under their own deadline.
//! Shared by all threads of a run; a lock is held for one look at the table, by runs with a list only.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::{Proxy, Rotate};

/// How long a proxy rests after its first failure; doubles with each in a row.
const FIRST_REST: Duration = Duration::from_secs(1);
const MAX_REST: Duration = Duration::from_secs(60);

/// After so many failures in a row one is given up that never worked.
const MOST_NEW: u32 = 3;
/// And one that did: some four minutes after it went away.
const MOST: u32 = 10;

/// So many targets in a row that only seemed to fail count as a failure of the proxy.
const MOST_SUSPICIONS: u8 = 3;

pub(in crate::fetch) struct Fleet {
    proxies: Vec<Arc<Proxy>>,
    rotate: Rotate,
    /// Fetches that began.
    next: AtomicUsize,
    hashes: RandomState,
    table: Mutex<Vec<Health>>,
    changed: Notify,
}

/// What is known of one proxy.
#[derive(Clone, Copy, Default)]
struct Health {
    /// In a row.
    failures: u32,
    worked: bool,
    rests_until: Option<Instant>,
    /// A fetch is trying it.
    probed: bool,
    suspicions: u8,
    /// The target of the last one.
    suspect: u64,
}

/// Whether one may be had.
enum Pick {
    Take {
        nth: usize,
        probes: bool,
        failures: u32,
    },
    /// Not before then; `None`: when a fetch that tries one is done.
    Wait(Option<Instant>),
    /// All were given up.
    Gone,
}

impl Health {
    fn is_given_up(&self) -> bool {
        self.failures >= if self.worked { MOST } else { MOST_NEW }
    }

    /// A fetch failed that began when so many failures were known: of many that were under way, one counts.
    fn fail(&mut self, known: u32) {
        self.probed = false;
        if self.failures == known {
            let rest = (FIRST_REST * 2u32.pow(known.min(16))).min(MAX_REST);
            self.failures += 1;
            self.suspicions = 0;
            self.rests_until = Some(Instant::now() + rest);
        }
    }
}

impl Fleet {
    pub(super) fn new(proxies: Vec<Arc<Proxy>>, rotate: Rotate) -> Self {
        let table = Mutex::new(vec![Health::default(); proxies.len()]);
        let (next, hashes, changed) = (AtomicUsize::new(0), RandomState::new(), Notify::new());
        Self { proxies, rotate, next, hashes, table, changed }
    }

    pub(in crate::fetch) fn len(&self) -> usize {
        self.proxies.len()
    }

    /// A proxy for a fetch from this host; waits while all rest. `None` when all were given up.
    pub(in crate::fetch) async fn take(self: &Arc<Self>, host: &str) -> Option<Ticket> {
        let start = self.start(host);
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            match self.pick(start, &[], Instant::now()) {
                Pick::Take { nth, probes, failures } => return Some(self.ticket(nth, probes, failures)),
                Pick::Gone => return None,
                Pick::Wait(None) => changed.await,
                Pick::Wait(Some(until)) => tokio::select! {
                    () = changed => {}
                    () = sleep_until(until) => {}
                },
            }
        }
    }

    /// Another than these, if one may be had at once.
    pub(in crate::fetch) fn take_other(self: &Arc<Self>, host: &str, tried: &[usize]) -> Option<Ticket> {
        match self.pick(self.start(host), tried, Instant::now()) {
            Pick::Take { nth, probes, failures } => Some(self.ticket(nth, probes, failures)),
            Pick::Wait(_) | Pick::Gone => None,
        }
    }

    /// Where the search begins.
    fn start(&self, host: &str) -> usize {
        match self.rotate {
            Rotate::Fetch => self.next.fetch_add(1, Relaxed),
            Rotate::Host => self.hashes.hash_one(host) as usize,
        }
    }

    fn pick(&self, start: usize, tried: &[usize], now: Instant) -> Pick {
        let (mut table, count) = (self.table(), self.proxies.len());
        let (mut all_gone, mut earliest) = (true, None);
        for nth in (0..count).map(|step| (start % count + step) % count).filter(|nth| !tried.contains(nth)) {
            let health = &mut table[nth];
            match health.rests_until {
                _ if health.is_given_up() => continue,
                None => return Pick::Take { nth, probes: false, failures: health.failures },
                Some(_) if health.probed => {}
                Some(until) if until <= now => {
                    health.probed = true;
                    return Pick::Take { nth, probes: true, failures: health.failures };
                }
                Some(until) => earliest = Some(earliest.map_or(until, |least: Instant| least.min(until))),
            }
            all_gone = false;
        }
        if all_gone { Pick::Gone } else { Pick::Wait(earliest) }
    }

    fn ticket(self: &Arc<Self>, nth: usize, probes: bool, failures: u32) -> Ticket {
        Ticket { fleet: Arc::clone(self), nth, probes, failures }
    }

    fn table(&self) -> MutexGuard<'_, Vec<Health>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The use of one proxy by one fetch.
pub(in crate::fetch) struct Ticket {
    fleet: Arc<Fleet>,
    nth: usize,
    /// It is tried after a rest.
    probes: bool,
    /// Those that were known when it was taken.
    failures: u32,
}

impl Ticket {
    /// Its place in the list.
    pub(in crate::fetch) fn nth(&self) -> usize {
        self.nth
    }

    pub(in crate::fetch) fn proxy(&self) -> &Arc<Proxy> {
        &self.fleet.proxies[self.nth]
    }

    /// An answer came through it.
    pub(in crate::fetch) fn worked(&mut self) {
        let mut table = self.fleet.table();
        let health = &mut table[self.nth];
        let rested = health.rests_until.is_some();
        *health = Health { worked: true, ..Health::default() };
        drop(table);
        self.probes = false;
        if rested {
            self.fleet.changed.notify_waiters();
        }
    }

    /// It was at fault.
    pub(in crate::fetch) fn failed(&mut self) {
        self.fleet.table()[self.nth].fail(self.failures);
        self.probes = false;
        self.fleet.changed.notify_waiters();
    }

    /// It or the target was at fault, and no other proxy told which.
    pub(in crate::fetch) fn suspected(&mut self, target: &str) {
        let suspect = self.fleet.hashes.hash_one(target);
        let mut table = self.fleet.table();
        let health = &mut table[self.nth];
        if health.suspicions == 0 || health.suspect != suspect {
            (health.suspicions, health.suspect) = (health.suspicions + 1, suspect);
        }
        if health.suspicions >= MOST_SUSPICIONS {
            health.fail(self.failures);
        }
    }
}

impl Drop for Ticket {
    /// Who tried it found out nothing: it is the next one's turn.
    fn drop(&mut self) {
        if self.probes {
            self.fleet.table()[self.nth].probed = false;
            self.fleet.changed.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::{advance, timeout};

    fn fleet(count: usize, rotate: Rotate) -> Arc<Fleet> {
        let proxies = (0..count).map(|nth| Arc::new(format!("p{nth}.test").parse().unwrap()));
        Arc::new(Fleet::new(proxies.collect(), rotate))
    }

    async fn take(fleet: &Arc<Fleet>) -> Ticket {
        fleet.take("h").await.unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn turns_go_round_or_stay_with_the_host() {
        let by_fetch = fleet(3, Rotate::Fetch);
        for nth in [0, 1, 2, 0] {
            assert_eq!(take(&by_fetch).await.nth(), nth);
        }
        let by_host = fleet(50, Rotate::Host);
        let mut of_a = by_host.take("a").await.unwrap();
        assert_eq!(by_host.take("a").await.unwrap().nth(), of_a.nth());
        let mut met = std::collections::HashSet::new();
        for host in 0..20 {
            met.insert(by_host.take(&host.to_string()).await.unwrap().nth());
        }
        assert!(met.len() > 3);
        of_a.failed();
        assert_ne!(by_host.take("a").await.unwrap().nth(), of_a.nth(), "while it rests");
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_fails_rests_twice_as_long_each_time_and_is_tried_by_one() {
        let fleet = fleet(1, Rotate::Fetch);
        take(&fleet).await.worked();
        for rest in [1, 2, 4, 8, 16, 32, 60, 60, 60] {
            let began = Instant::now();
            // Two were under way: it failed once.
            take_both(&fleet).await;
            let mut probe = take(&fleet).await;
            assert_eq!(began.elapsed(), Duration::from_secs(rest));
            assert!(timeout(Duration::from_secs(99), fleet.take("h")).await.is_err(), "one tries it");
            probe.failed();
            drop(probe);
            // Undone, so that the next round begins where this one did.
            fleet.table()[0].failures -= 1;
            fleet.table()[0].rests_until = None;
        }
        let mut last = take(&fleet).await;
        last.failed();
        assert!(fleet.take("h").await.is_none(), "given up after ten");
        last.worked();
        assert!(fleet.take("h").await.is_some(), "but an answer that still comes counts");
    }

    async fn take_both(fleet: &Arc<Fleet>) {
        let (mut one, mut two) = (take(fleet).await, take(fleet).await);
        one.failed();
        two.failed();
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_never_worked_is_given_up_soon() {
        let fleet = fleet(2, Rotate::Fetch);
        let began = Instant::now();
        let mut times = 0;
        while let Some(mut ticket) = fleet.take("h").await {
            ticket.failed();
            times += 1;
        }
        assert_eq!((times, began.elapsed()), (6, Duration::from_secs(3)));
    }

    #[tokio::test(start_paused = true)]
    async fn who_stops_trying_lets_the_next_one() {
        let fleet = fleet(1, Rotate::Fetch);
        take(&fleet).await.failed();
        let probe = take(&fleet).await;
        let other = tokio::time::timeout(Duration::from_secs(5), fleet.take("h"));
        let (_, other) = tokio::join!(async { drop(probe) }, other);
        other.unwrap().unwrap().worked();
        assert!(!take(&fleet).await.probes, "all may use it again");
    }

    #[tokio::test(start_paused = true)]
    async fn one_target_proves_nothing_and_three_do() {
        let fleet = fleet(1, Rotate::Fetch);
        for target in ["a", "a", "a", "a", "b"] {
            take(&fleet).await.suspected(target);
        }
        assert!(fleet.take_other("h", &[]).is_some());
        take(&fleet).await.suspected("c");
        assert!(fleet.take_other("h", &[]).is_none());
        advance(FIRST_REST).await;
        assert!(fleet.take_other("h", &[0]).is_none(), "it was tried");
        assert!(fleet.take_other("h", &[]).is_some());
    }
}
