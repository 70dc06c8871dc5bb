//! Who dials, when many fetches want a connection to one host at the same moment: one of them, and the others wait.
//!
//! Whether a connection over TLS can be shared (HTTP/2) is known when its handshake is over, and the HTTP client makes all
//! that want one meanwhile open their own. So the [probe](super::trace::Probe) around its connector asks here first. The
//! first one dials. If its connection can be shared, the client gives it to those that wait before they have dialled, and
//! their dials are dropped. If it cannot, they dial [`GRACE`] after its handshake, and the host is remembered: with it nobody
//! waits again. Nobody waits longer than [`PATIENCE`], or for a dial that has failed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

/// From the end of a handshake until a connection that can be shared has been: no round trip, but a loaded machine.
const GRACE: Duration = Duration::from_millis(30);

/// The longest wait for the handshake of another: whoever is slower may have met a bad server of several.
const PATIENCE: Duration = Duration::from_secs(2);

/// Hosts that are remembered.
const MOST_HOSTS: usize = 16 * 1024;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// By the hash of their names: to be wrong about one costs a wait or a dial.
    hosts: Mutex<HashMap<u64, Host>>,
}

#[derive(Debug)]
enum Host {
    /// Somebody dials; `true` when that went well.
    Dialling(watch::Receiver<bool>),
    /// Its connections serve one request at a time.
    Alone,
}

/// Whether somebody may dial.
pub(super) enum Place {
    /// Yes, and others wait for that.
    First(Turn),
    /// After this.
    Later(BoxFuture<'static, ()>),
    /// Yes.
    Free,
}

impl Turns {
    /// The place of somebody who wants to dial this host.
    pub(super) fn place(self: &Arc<Self>, host: u64) -> Place {
        let mut hosts = self.hosts();
        match hosts.get(&host) {
            Some(Host::Alone) => Place::Free,
            Some(Host::Dialling(other)) => Place::Later(Box::pin(wait(other.clone()))),
            None => {
                let (done, other) = watch::channel(false);
                hosts.insert(host, Host::Dialling(other));
                Place::First(Turn { turns: Arc::clone(self), host, done })
            }
        }
    }

    /// The connections of this host serve one request at a time.
    fn is_alone(&self, host: u64) {
        let mut hosts = self.hosts();
        if hosts.len() >= MOST_HOSTS {
            hosts.retain(|_, host| matches!(host, Host::Dialling(_)));
        }
        hosts.insert(host, Host::Alone);
    }

    fn hosts(&self) -> MutexGuard<'_, HashMap<u64, Host>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A host whose connections may be shared.
pub(super) struct Sharing {
    pub(super) turns: Arc<Turns>,
    /// A hash of its name, not 0.
    pub(super) host: u64,
}

impl Sharing {
    /// They serve one request at a time.
    pub(super) fn is_in_vain(&self) {
        self.turns.is_alone(self.host);
    }
}

async fn wait(mut other: watch::Receiver<bool>) {
    let shared = async {
        let _ = other.changed().await;
        if *other.borrow() {
            sleep(GRACE).await;
        }
    };
    let _ = timeout(PATIENCE, shared).await;
}

/// The turn to dial; it ends when it is dropped.
pub(super) struct Turn {
    turns: Arc<Turns>,
    host: u64,
    done: watch::Sender<bool>,
}

impl Turn {
    /// The handshake is over.
    pub(super) fn end(self) {
        self.done.send_replace(true);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut hosts = self.turns.hosts();
        if matches!(hosts.get(&self.host), Some(Host::Dialling(_))) {
            hosts.remove(&self.host);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    fn first(turns: &Arc<Turns>) -> Turn {
        match turns.place(1) {
            Place::First(turn) => turn,
            _ => panic!("somebody else dials"),
        }
    }

    async fn waits(turns: &Arc<Turns>, then: impl FnOnce()) -> Duration {
        let Place::Later(wait) = turns.place(1) else { panic!("nobody else dials") };
        let started = Instant::now();
        then();
        wait.await;
        started.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn others_wait_for_the_first_but_not_for_ever() {
        let turns = Arc::new(Turns::default());
        let turn = first(&turns);
        assert!(matches!(turns.place(2), Place::First(_)), "another host");
        assert_eq!(waits(&turns, || turn.end()).await, GRACE);
        let turn = first(&turns);
        assert_eq!(waits(&turns, || drop(turn)).await, Duration::ZERO, "it failed");
        let _turn = first(&turns);
        assert_eq!(waits(&turns, || ()).await, PATIENCE);
    }

    #[test]
    fn whose_connections_cannot_be_shared_is_not_waited_for_again() {
        let turns = Arc::new(Turns::default());
        let turn = first(&turns);
        turns.is_alone(1);
        drop(turn);
        assert!(matches!(turns.place(1), Place::Free));
        (2..=MOST_HOSTS as u64 + 2).for_each(|host| turns.is_alone(host));
        assert!(turns.hosts().len() <= MOST_HOSTS);
    }
}
