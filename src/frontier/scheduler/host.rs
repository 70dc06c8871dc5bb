//! What the scheduler holds of every host: 32 bytes, and a queue while it is awake.
//!
//! A crawl may know a million hosts and talk to some thousand of them. A host without a [`HostQueue`] is *asleep*: it
//! was never visited, or it is at rest and its marks are with the store. Times are nanoseconds since the
//! scheduler's birth.

use crate::frontier::host_queue::HostQueue;

/// See the module. The default is a host that nobody met.
#[derive(Default)]
pub(super) struct Host {
    pub(super) queue: Option<Box<HostQueue>>,
    /// Entries in the store.
    pub(super) stored: u64,
    /// When its time comes, if it is due; asleep, until when it rests.
    pub(super) at: u64,
    pub(super) place: Place,
    /// Has an entry in the ring of that name, which may be stale: at most one.
    pub(super) in_ready: bool,
    pub(super) in_wants: bool,
    pub(super) in_resting: bool,
    /// The store was asked and did not answer yet.
    pub(super) loading: bool,
    /// Is counted among the hosts.
    pub(super) counted: bool,
    /// The store has marks of it, which its queue does not know.
    pub(super) saved: bool,
    pub(super) read: bool,
}

/// Where a host stands. What the ring or the heap says otherwise is stale.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Place {
    /// Only a report, the store or a new URL can change it.
    #[default]
    Nowhere,
    /// It may start something now.
    Ready,
    /// It may do so, or be loaded, at its time.
    Due,
}

impl Host {
    /// The store has marks that nobody has looked at.
    pub(super) fn is_unread(&self) -> bool {
        self.saved && !self.read
    }

    pub(super) fn is_at_rest(&self) -> bool {
        !self.loading && self.queue.as_ref().is_some_and(|queue| queue.is_at_rest())
    }

    /// An id that can be given to another: what stands in the rings stays there.
    pub(super) fn forget(&mut self) {
        let Self { in_ready, in_wants, in_resting, .. } = *self;
        *self = Self { in_ready, in_wants, in_resting, ..Self::default() };
    }
}
