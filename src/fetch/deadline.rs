//! The deadlines of one fetch: its total time, and the longest silence.
//!
//! [`Deadline::run`] polls a step of the fetch next to *one* timer that lives as long as the fetch.
//! The timer is not moved for each chunk: when it fires, it looks at when something last happened and,
//! if that was recent, goes back to sleep for the rest. While a connection is being made silence is not
//! counted; the connect timeout of the HTTP client is in charge.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use super::Phase;
use super::trace::{Stage, Trace};

/// A limit that passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Expired {
    /// [`Phase::Total`], or the phase that was silent for too long.
    pub(super) phase: Phase,
    /// The limit.
    pub(super) limit: Duration,
}

/// The clock of one fetch.
pub(super) struct Deadline {
    trace: Arc<Trace>,
    total: Duration,
    idle: Duration,
    /// When something was last received, or the current hop began.
    last: Instant,
    timer: Pin<Box<Sleep>>,
}

impl Deadline {
    pub(super) fn new(trace: Arc<Trace>, total: Duration, idle: Duration) -> Self {
        let last = trace.started();
        let first = after(last, total.min(idle));
        Self { trace, total, idle, last, timer: Box::pin(sleep_until(first)) }
    }

    /// Runs one step, in `phase`, unless a limit passes before it is done; in [`Phase::Total`] only that of the total time.
    pub(super) async fn run<F: Future>(&mut self, phase: Phase, step: F) -> Result<F::Output, Expired> {
        let mut step = pin!(step);
        self.last = Instant::now();
        poll_fn(|cx| {
            if let Poll::Ready(output) = step.as_mut().poll(cx) {
                return Poll::Ready(Ok(output));
            }
            while self.timer.as_mut().poll(cx).is_ready() {
                match self.next(phase, Instant::now()) {
                    Ok(at) => self.timer.as_mut().reset(at),
                    Err(expired) => return Poll::Ready(Err(expired)),
                }
            }
            Poll::Pending
        })
        .await
    }

    /// When to look again, or the limit that has passed.
    fn next(&self, phase: Phase, now: Instant) -> Result<Instant, Expired> {
        let total = after(self.trace.started(), self.total);
        if now >= total {
            return Err(Expired { phase: Phase::Total, limit: self.total });
        }
        if phase == Phase::Total || self.trace.stage() != Stage::Idle {
            return Ok(total.min(after(now, self.idle)));
        }
        let idle = after(self.last.max(self.trace.dialled_at()), self.idle);
        if now >= idle {
            return Err(Expired { phase, limit: self.idle });
        }
        Ok(total.min(idle))
    }
}

/// `start + duration`, or about as late as a clock can go.
fn after(start: Instant, duration: Duration) -> Instant {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
    start.checked_add(duration.min(30 * YEAR)).unwrap_or(start + YEAR)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::sleep;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn silence_ends_a_step_and_progress_does_not() {
        let mut deadline = Deadline::new(Trace::start(), 100 * SECOND, 10 * SECOND);
        for _ in 0..5 {
            assert_eq!(deadline.run(Phase::Body, sleep(9 * SECOND)).await, Ok(()));
        }
        let began = Instant::now();
        let expired = deadline.run(Phase::Body, sleep(11 * SECOND)).await;
        assert_eq!(expired, Err(Expired { phase: Phase::Body, limit: 10 * SECOND }));
        assert_eq!(began.elapsed().as_secs(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn the_total_counts_over_all_steps() {
        let mut deadline = Deadline::new(Trace::start(), 30 * SECOND, 10 * SECOND);
        for _ in 0..3 {
            let _ = deadline.run(Phase::Body, sleep(9 * SECOND)).await;
        }
        let expired = deadline.run(Phase::Body, sleep(9 * SECOND)).await;
        assert_eq!(expired, Err(Expired { phase: Phase::Total, limit: 30 * SECOND }));
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_not_counted_while_connecting() {
        let trace = Trace::start();
        trace.enter(Stage::Connecting);
        let mut deadline = Deadline::new(Arc::clone(&trace), 100 * SECOND, 10 * SECOND);
        assert_eq!(deadline.run(Phase::FirstByte, sleep(50 * SECOND)).await, Ok(()));
        let expired = deadline.run(Phase::FirstByte, sleep(51 * SECOND)).await;
        assert_eq!(expired, Err(Expired { phase: Phase::Total, limit: 100 * SECOND }));
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_himself_is_not_met_with_silence() {
        let mut deadline = Deadline::new(Trace::start(), 100 * SECOND, 10 * SECOND);
        assert_eq!(deadline.run(Phase::Total, sleep(50 * SECOND)).await, Ok(()));
        let expired = deadline.run(Phase::Total, sleep(51 * SECOND)).await;
        assert_eq!(expired, Err(Expired { phase: Phase::Total, limit: 100 * SECOND }));
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_beyond_all_clocks_is_none() {
        let mut deadline = Deadline::new(Trace::start(), Duration::MAX, Duration::MAX);
        assert_eq!(deadline.run(Phase::Body, sleep(1000 * SECOND)).await, Ok(()));
    }
}
