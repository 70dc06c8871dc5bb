//! The bytes per second that all bodies together may take (`--bandwidth`).
//!
//! A [`Bucket`] is shared by all fetches of a run, whatever thread they are on; nobody has one unless it is asked for. It
//! counts bytes as they come over the wire, before decoding. A fetch pays for a chunk when it has it and then waits as
//! long as it is in debt, before it reads on: so a host is slowed down by TCP or HTTP/2 flow control, and what is read
//! ahead is a chunk for each fetch. Fetches take their turns as their chunks come, in the order in which they paid.
//!
//! The arithmetic, with time as an argument, is apart from the lock.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Time that may go by unused and is made up for: what a timer may be late on a machine that is busy, no more.
const SLACK: Duration = Duration::from_millis(50);

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Bucket(Arc<Mutex<Account>>);

/// What was paid for.
#[derive(Debug)]
struct Account {
    bytes_per_second: u64,
    /// When all that was received is paid for.
    even_at: Option<Instant>,
}

impl Account {
    /// Receives a chunk at `now`; gives when the one who received it may read on.
    fn pay(&mut self, bytes: usize, now: Instant) -> Instant {
        let nanos = bytes as u128 * 1_000_000_000 / u128::from(self.bytes_per_second.max(1));
        let cost = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        let earliest = now.checked_sub(SLACK).unwrap_or(now);
        let begins = self.even_at.unwrap_or(now).max(earliest);
        // A time beyond all clocks: nobody reads on.
        let even_at = begins.checked_add(cost).unwrap_or(begins + Duration::from_secs(u64::from(u32::MAX)));
        self.even_at = Some(even_at);
        even_at
    }
}

impl Bucket {
    /// So many bytes a second, at least one.
    pub(super) fn new(bytes_per_second: u64) -> Self {
        Self(Arc::new(Mutex::new(Account { bytes_per_second, even_at: None })))
    }

    /// Pays for a chunk, and waits until it is paid.
    pub(super) async fn pay(&self, bytes: usize) {
        let paid = self.0.lock().unwrap_or_else(PoisonError::into_inner).pay(bytes, Instant::now());
        sleep_until(paid).await;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_lone_fetch_gets_all_of_it_and_two_share() {
        let bucket = Bucket::new(1_000_000);
        let began = Instant::now();
        for _ in 0..100 {
            bucket.pay(16_384).await;
        }
        let took = began.elapsed().as_secs_f64();
        assert!((took - 1.6384).abs() < 0.06, "{took}");
        let take = |chunk: usize, count| {
            let bucket = bucket.clone();
            async move {
                for _ in 0..count {
                    bucket.pay(chunk).await;
                }
                Instant::now()
            }
        };
        let (one, two) = tokio::join!(take(10_000, 50), take(10_000, 50));
        assert!(one.duration_since(two).max(two - one) < Duration::from_millis(30), "in turn");
    }

    proptest! {
        /// Whoever waits as told gets no more than the rate in any stretch of time, a chunk and the slack aside; and when
        /// there is always somebody, no less.
        #[test]
        fn the_rate_holds(
            rate in 1u64..1_000_000_000,
            chunks in proptest::collection::vec((1usize..70_000, 0u64..50), 1..60),
            idle in any::<bool>(),
        ) {
            let start = Instant::now() + Duration::from_secs(1);
            let mut account = Account { bytes_per_second: rate, even_at: None };
            let (mut now, mut received, mut rested) = (start, 0usize, Duration::ZERO);
            for (bytes, pause) in chunks {
                let paid = account.pay(bytes, now);
                received += bytes;
                prop_assert!(paid + SLACK >= now);
                now = now.max(paid);
                if idle {
                    now += Duration::from_millis(pause);
                    rested += Duration::from_millis(pause);
                }
            }
            let fair = received as f64 / rate as f64;
            let took = (now - start).as_secs_f64();
            prop_assert!(took + 0.000_1 >= fair - SLACK.as_secs_f64(), "took {took}, fair {fair}");
            prop_assert!(took <= fair + rested.as_secs_f64() + 0.000_1, "took {took}, fair {fair}");
        }
    }
}
