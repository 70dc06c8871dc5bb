//! What happens below the HTTP client while it gets a connection, which its future does not tell.
//!
//! Each fetch runs inside a task-local [`Trace`]; the resolver ([`resolve`](super::resolve)) and a
//! layer around the connector ([`Probe`]) write into it. So the fetch knows, at any moment, whether it
//! is resolving, connecting or waiting for the server, and in the end how long the first two took. When the handshake of
//! TLS begins, its cache of sessions (`tls/sessions.rs`) tells. A reused connection touches nothing here.
//!
//! A dial may be outrun by a connection that another fetch gives back, or shares. The client then finishes the
//! dial in a task of its own; the probe notices and stops telling this fetch about it, and drops a dial that still waits
//! for its [turn](super::turns).

use std::fmt;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::time::Instant;
use tower_layer::Layer;
use tower_service::Service;

use super::connections::Traffic;
use super::turns::{Place, Sharing, Turn, Turns};

tokio::task_local! {
    /// The fetch that runs in this task.
    pub(super) static TRACE: Arc<Trace>;
}

/// The part of getting a connection that a fetch is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// None: it has a connection, or has not asked for one yet.
    Idle = 0,
    Resolving = 1,
    Connecting = 2,
}

/// One fetch's view of its dials.
pub(super) struct Trace {
    started: Instant,
    stage: AtomicU8,
    /// Nanoseconds, summed over the hops; 0 means that it did not happen.
    dns: AtomicU64,
    dial: AtomicU64,
    tls: AtomicU64,
    /// Nanoseconds from `started` to the begin of the handshake that is under way; 0 for none.
    tls_from: AtomicU64,
    /// Dials that ended well.
    dials: AtomicU32,
    /// Nanoseconds from `started` to the end of the last dial.
    dialled_at: AtomicU64,
    /// The host and port of the current hop.
    target: Mutex<(String, u16)>,
    /// The addresses that the last dial could choose from, in their order.
    offered: Mutex<Vec<IpAddr>>,
    /// It may be at a public address only.
    guarded: AtomicBool,
    /// A hash of it, if connections to it may be shared; else 0.
    shared: AtomicU64,
}

impl Trace {
    pub(super) fn start() -> Arc<Self> {
        Arc::new(Self {
            started: Instant::now(),
            stage: AtomicU8::new(0),
            dns: AtomicU64::new(0),
            dial: AtomicU64::new(0),
            tls: AtomicU64::new(0),
            tls_from: AtomicU64::new(0),
            dials: AtomicU32::new(0),
            dialled_at: AtomicU64::new(0),
            target: Mutex::default(),
            offered: Mutex::default(),
            guarded: AtomicBool::new(false),
            shared: AtomicU64::new(0),
        })
    }

    /// When the fetch began.
    pub(super) fn started(&self) -> Instant {
        self.started
    }

    pub(super) fn stage(&self) -> Stage {
        match self.stage.load(Relaxed) {
            1 => Stage::Resolving,
            2 => Stage::Connecting,
            _ => Stage::Idle,
        }
    }

    pub(super) fn enter(&self, stage: Stage) {
        self.stage.store(stage as u8, Relaxed);
    }

    /// The end of the last dial; the start of the fetch, if there was none.
    pub(super) fn dialled_at(&self) -> Instant {
        self.started + Duration::from_nanos(self.dialled_at.load(Relaxed))
    }

    /// Time spent on resolving, if any was.
    pub(super) fn dns(&self) -> Option<Duration> {
        some_nanos(self.dns.load(Relaxed))
    }

    /// Time spent on connecting (neither resolving nor TLS), if any was.
    pub(super) fn connect(&self) -> Option<Duration> {
        some_nanos(self.dial.load(Relaxed).saturating_sub(self.tls.load(Relaxed)))
    }

    /// Time spent on handshakes of TLS, if there were any.
    pub(super) fn tls(&self) -> Option<Duration> {
        some_nanos(self.tls.load(Relaxed))
    }

    /// Connections that this fetch opened itself.
    pub(super) fn dials(&self) -> u32 {
        self.dials.load(Relaxed)
    }

    /// The answer to this fetch came over a connection of that one.
    pub(super) fn take_over(&self, other: &Self) {
        self.dials.fetch_add(other.dials(), Relaxed);
    }

    /// The handshake of TLS begins. Through an `https` proxy there are two; the last one is that with the server.
    pub(super) fn begin_tls(&self) {
        self.tls_from.store(nanos(self.started.elapsed()).max(1), Relaxed);
    }

    pub(super) fn add_dns(&self, took: Duration) {
        self.dns.fetch_add(nanos(took).max(1), Relaxed);
    }

    /// Names the host and port that the next dial is for, and whether only a public address will do.
    pub(super) fn aim(&self, host: &str, port: u16, guarded: bool) {
        let mut target = self.target.lock().unwrap_or_else(PoisonError::into_inner);
        host.clone_into(&mut target.0);
        target.1 = port;
        self.guarded.store(guarded, Relaxed);
    }

    /// Connections to this host may be shared; `None` for one to which they may not.
    pub(super) fn may_share(&self, sharing: Option<&Sharing>) {
        self.shared.store(sharing.map_or(0, |sharing| sharing.host), Relaxed);
    }

    /// Whether only a public address will do.
    pub(super) fn is_guarded(&self) -> bool {
        self.guarded.load(Relaxed)
    }

    /// Whether `name` is the host of the current hop, and not that of a proxy.
    pub(super) fn is_target(&self, name: &str) -> bool {
        self.target_port(name).is_some()
    }

    /// The port of the current hop, if `name` is its host.
    pub(super) fn target_port(&self, name: &str) -> Option<u16> {
        let target = self.target.lock().unwrap_or_else(PoisonError::into_inner);
        (target.0 == name).then_some(target.1)
    }

    /// These are dialled, in this order.
    pub(super) fn offer(&self, addresses: Vec<IpAddr>) {
        *self.offered.lock().unwrap_or_else(PoisonError::into_inner) = addresses;
    }

    /// What was dialled last; it is asked once.
    pub(super) fn take_offered(&self) -> Vec<IpAddr> {
        std::mem::take(&mut self.offered.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A dial ended well; `dns` is what had been spent on resolving when it began.
    fn dialled(&self, took: Duration, dns: u64) {
        let now = nanos(self.started.elapsed());
        let resolving = self.dns.load(Relaxed).saturating_sub(dns);
        self.dial.fetch_add(nanos(took).saturating_sub(resolving).max(1), Relaxed);
        self.dialled_at.store(now, Relaxed);
        match self.tls_from.swap(0, Relaxed) {
            0 => {}
            from => drop(self.tls.fetch_add(now.saturating_sub(from), Relaxed)),
        }
        self.dials.fetch_add(1, Relaxed);
        self.enter(Stage::Idle);
    }

    /// A trace for the rest of a dial that this fetch no longer waits for.
    fn detach(&self) -> Arc<Self> {
        self.enter(Stage::Idle);
        self.dialled_at.store(nanos(self.started.elapsed()), Relaxed);
        let rest = Self::start();
        let target = self.target.lock().unwrap_or_else(PoisonError::into_inner);
        rest.aim(&target.0, target.1, self.is_guarded());
        drop(target);
        self.take_offered();
        rest
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn some_nanos(n: u64) -> Option<Duration> {
    (n > 0).then(|| Duration::from_nanos(n))
}

/// Wraps the connector of the HTTP client.
#[derive(Clone, Default)]
pub(super) struct ProbeLayer {
    /// Counts dials.
    pub(super) dials: Arc<AtomicUsize>,
    /// Counts connections.
    pub(super) traffic: Arc<Traffic>,
    /// Who may dial.
    pub(super) turns: Arc<Turns>,
}

impl<S> Layer<S> for ProbeLayer {
    type Service = Probe<S>;

    fn layer(&self, inner: S) -> Probe<S> {
        Probe(Arc::new((inner, self.clone())))
    }
}

/// A connector that reports its dials to the [`Trace`] of the fetch that asked for them.
///
/// The HTTP client clones its connector several times per request, dial or not; behind the `Arc` that
/// costs next to nothing.
pub(super) struct Probe<S>(Arc<(S, ProbeLayer)>);

impl<S> Clone for Probe<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S, R> Service<R> for Probe<S>
where
    S: Service<R> + Clone + Unpin,
    S::Future: Unpin,
    S::Error: From<Outrun>,
    R: Unpin,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Dial<S, R>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(())) // the dial waits for its own clone of the connector
    }

    fn call(&mut self, target: R) -> Self::Future {
        let trace = TRACE.try_with(Arc::clone).ok();
        if let Some(trace) = &trace {
            trace.enter(Stage::Connecting);
        }
        let (inner, layer) = &*self.0;
        layer.dials.fetch_add(1, Relaxed);
        let place = match trace.as_ref().map_or(0, |trace| trace.shared.load(Relaxed)) {
            0 => Place::Free,
            host => layer.turns.place(host),
        };
        let (turn, wait) = match place {
            Place::First(turn) => (Some(turn), None),
            Place::Later(wait) => (None, Some(wait)),
            Place::Free => (None, None),
        };
        let state = DialState::Getting(S::clone(inner), Some(target));
        let dns = trace.as_ref().map_or(0, |trace| trace.dns.load(Relaxed));
        Dial { state, trace, traffic: Arc::clone(&layer.traffic), turn, wait, started: Instant::now(), dns }
    }
}

/// One dial under way.
pub(super) struct Dial<S: Service<R>, R> {
    state: DialState<S, R>,
    trace: Option<Arc<Trace>>,
    traffic: Arc<Traffic>,
    /// Others wait for it.
    turn: Option<Turn>,
    /// It waits for another.
    wait: Option<BoxFuture<'static, ()>>,
    started: Instant,
    /// Nanoseconds that the fetch had spent on resolving by then.
    dns: u64,
}

/// A dial that waited for another, whose connection then served.
#[derive(Debug)]
pub(super) struct Outrun;

impl fmt::Display for Outrun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("another connection to the host serves")
    }
}

impl std::error::Error for Outrun {}

enum DialState<S: Service<R>, R> {
    /// Waiting for the connector; the target is taken when it is ready.
    Getting(S, Option<R>),
    Dialling(S::Future),
}

impl<S, R> DialState<S, R>
where
    S: Service<R>,
    S::Future: Unpin,
{
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<S::Response, S::Error>> {
        if let Self::Getting(connector, target) = self {
            ready!(connector.poll_ready(cx))?;
            if let Some(target) = target.take() {
                *self = Self::Dialling(connector.call(target));
            }
        }
        match self {
            Self::Dialling(future) => Pin::new(future).poll(cx),
            Self::Getting(..) => Poll::Pending, // never: the target is there until it is taken
        }
    }
}

impl<S, R> Future for Dial<S, R>
where
    S: Service<R> + Unpin,
    S::Future: Unpin,
    S::Error: From<Outrun>,
    R: Unpin,
{
    type Output = Result<S::Response, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let dial = self.get_mut();
        let Some(mut trace) = dial.trace.clone() else { return dial.state.poll(cx) };
        if !TRACE.try_with(|current| Arc::ptr_eq(current, &trace)).unwrap_or(false) {
            trace = trace.detach();
            dial.trace = Some(Arc::clone(&trace));
            if dial.wait.is_some() {
                return Poll::Ready(Err(Outrun.into()));
            }
        }
        if let Some(wait) = &mut dial.wait {
            ready!(wait.as_mut().poll(cx));
            dial.wait = None;
            dial.started = Instant::now();
        }
        let polled = TRACE.sync_scope(Arc::clone(&trace), || dial.state.poll(cx));
        match &polled {
            Poll::Ready(Ok(_)) => {
                dial.traffic.opened();
                trace.dialled(dial.started.elapsed(), dial.dns);
                if let Some(turn) = dial.turn.take() {
                    turn.end();
                }
            }
            Poll::Ready(Err(_)) => dial.turn = None, // the stage stays: it says where
            Poll::Pending => {}
        }
        polled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_dial_is_told_to_its_own_fetch_only() {
        let trace = Trace::start();
        let mut dial = ProbeLayer::default().layer(Ready);
        let future = TRACE.sync_scope(Arc::clone(&trace), || dial.call("target"));
        assert_eq!(trace.stage(), Stage::Connecting);
        TRACE.scope(Arc::clone(&trace), future).await.unwrap();
        assert_eq!(trace.stage(), Stage::Idle);
        assert!(trace.connect().is_some() && trace.dns().is_none());

        let other = Trace::start();
        let future = TRACE.sync_scope(Arc::clone(&other), || dial.call("target"));
        future.await.unwrap(); // in the background, so outside the scope
        assert_eq!(other.stage(), Stage::Idle);
        assert!(other.connect().is_none());
    }

    #[derive(Clone)]
    struct Ready;

    impl Service<&str> for Ready {
        type Response = ();
        type Error = Outrun;
        type Future = std::future::Ready<Result<(), Outrun>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Outrun>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: &str) -> Self::Future {
            std::future::ready(Ok(()))
        }
    }
}
