//! The scheduler against its [model](crate::frontier_model), over random sequences of everything that can
//! happen to it, with a store that answers at once and one that takes its time. Time is a number that the test moves;
//! there is no runtime.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use gannet::frontier::store::{Memory, Store};
use gannet::frontier::{Candidate, Found, Frontier, Job, Limits, Politeness, Position, Scheduler};
use proptest::prelude::*;

use crate::frontier_lazy::Lazy;
use crate::frontier_model::{How, Model, PAGES, State, url};

#[derive(Clone, Debug)]
enum Op {
    Admit(Vec<usize>),
    Pop,
    /// Ends one of the jobs that are out.
    Finish(usize, How),
    Wait(Duration),
    /// Goes to the time that the scheduler names.
    Due,
    /// Takes in what the store has.
    Poll,
    Close,
}

/// What the scheduler is told of.
struct Setting {
    politeness: Politeness,
    limits: Limits,
    /// Nothing is on its way from the store.
    quiet: Arc<AtomicBool>,
}

impl Setting {
    /// Whether what is due must come at once: not while the store has not answered, nor when another host may have
    /// to be waited for, since so few entries may be at hand.
    fn is_strict(&self) -> bool {
        self.quiet.load(Relaxed) && self.limits.at_hand > PAGES
    }
}

fn admit(scheduler: &mut Scheduler<impl Store>, model: &mut Model, pages: &[usize], now: Instant) {
    let candidate = |page: &usize| Candidate {
        url: url(*page),
        fingerprint: *page as u64,
        depth: 0,
        found: Found::seed(Position::NONE, None),
    };
    let mut fresh = 0;
    for page in pages {
        if model.pages[*page] == State::Unknown {
            model.pages[*page] = State::Queued;
            fresh += 1;
        }
    }
    let mut candidates: Vec<_> = pages.iter().map(candidate).collect();
    let before = scheduler.counts().undecided;
    let admitted = scheduler.admit(&mut candidates, now);
    let undecided = scheduler.counts().undecided - before;
    // One that was undecided may have been the same.
    assert!(before > 0 || (admitted <= fresh && fresh <= admitted + undecided), "new ones");
    assert_eq!(candidates.len() as u64 + admitted + undecided, pages.len() as u64);
}

/// Plays the operations, then goes on until nothing is left.
fn play(store: impl Store, setting: &Setting, ops: &[Op]) {
    let start = Instant::now() + Duration::from_secs(1);
    let politeness = setting.politeness.clone();
    let mut scheduler = Scheduler::new(store, politeness.clone()).with_limits(setting.limits);
    let mut model = Model::new(politeness);
    let mut out: Vec<Job> = Vec::new();
    let mut now = Duration::ZERO;
    for op in ops {
        match op {
            Op::Admit(pages) => admit(&mut scheduler, &mut model, pages, start + now),
            Op::Pop => {
                pop(&mut scheduler, &mut model, &mut out, start, now, setting);
            }
            Op::Poll => {
                scheduler.poll(start + now).unwrap();
            }
            Op::Finish(which, how) if !out.is_empty() => {
                let job = out.swap_remove(which % out.len());
                let how = model.finish(&job, how, now);
                scheduler.finished(job, how, start + now);
            }
            Op::Finish(..) => {}
            Op::Wait(time) => now += *time,
            Op::Due => {
                now = scheduler.ready_at().map_or(now, |at| now.max(at.saturating_duration_since(start)))
            }
            Op::Close => {
                model.closed = true;
                scheduler.close();
            }
        }
        model.check(&scheduler);
    }
    // To the end: whatever is out is done, whatever is due is popped, and nothing is left behind.
    for _ in 0..20 * PAGES {
        while let Some(job) = out.pop() {
            let how = model.finish(&job, &How::Done, now);
            scheduler.finished(job, how, start + now);
        }
        scheduler.poll(start + now).unwrap();
        if pop(&mut scheduler, &mut model, &mut out, start, now, setting) {
            continue;
        }
        match scheduler.ready_at() {
            Some(at) => now = now.max(at.saturating_duration_since(start)),
            None if setting.quiet.load(Relaxed) => break,
            None => {}
        }
    }
    let left = model.pages.iter().filter(|state| match state {
        State::Queued => !model.closed,
        State::Retry(_) | State::Out => true,
        State::Unknown | State::Done => false,
    });
    assert_eq!(left.count(), 0, "left behind: {:?} {:?}", model.pages, model.hosts);
}

/// One pop, checked; `false` when there was nothing.
fn pop(
    scheduler: &mut Scheduler<impl Store>,
    model: &mut Model,
    out: &mut Vec<Job>,
    start: Instant,
    now: Duration,
    setting: &Setting,
) -> bool {
    let Some(job) = scheduler.pop(start + now) else {
        let must_by = model.must_by().filter(|_| setting.is_strict());
        assert!(must_by.is_none_or(|at| at > now), "nothing given, though due since {must_by:?} at {now:?}");
        let ready_at = scheduler.ready_at();
        match (ready_at, must_by) {
            (None, Some(at)) => panic!("says never, and {at:?} is due"),
            (Some(said), Some(at)) => assert!(said <= start + at, "says {said:?}, due {:?}", start + at),
            (_, None) => {}
        }
        assert!(ready_at.is_none_or(|at| at > start + now), "a dispatcher would spin");
        return false;
    };
    model.popped(&job, now);
    out.push(job);
    true
}

fn how() -> impl Strategy<Value = How> {
    let time = || (0u64..20_000).prop_map(Duration::from_millis);
    prop_oneof![
        6 => Just(How::Done),
        2 => Just(How::Failed),
        2 => time().prop_map(How::Retry),
        1 => Just(How::Returned),
        1 => (any::<bool>(), proptest::option::of(time())).prop_map(|(again, asked)| How::Throttled(again, asked)),
        2 => any::<bool>().prop_map(How::Unreachable),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        3 => proptest::collection::vec(0..PAGES, 1..6).prop_map(Op::Admit),
        8 => Just(Op::Pop),
        6 => (any::<usize>(), how()).prop_map(|(which, how)| Op::Finish(which, how)),
        2 => (0u64..3000).prop_map(|ms| Op::Wait(Duration::from_millis(ms))),
        3 => Just(Op::Due),
        3 => Just(Op::Poll),
    ]
}

fn politeness() -> impl Strategy<Value = Politeness> {
    let time = |most: u64| prop_oneof![Just(0), 1..most].prop_map(Duration::from_millis);
    (
        1u32..5,
        time(3000),
        time(3000),
        time(200),
        any::<bool>(),
        0u32..3,
        prop_oneof![Just(0u32), Just(1), Just(5)],
        any::<bool>(),
    )
        .prop_map(|(per_host, delay, rate, pace, robots, retries, max_host_errors, adaptive)| {
            Politeness {
                per_host,
                delay,
                rate,
                pace,
                robots,
                retries,
                max_host_errors,
                adaptive,
                ..Politeness::default()
            }
        })
}

fn limits() -> impl Strategy<Value = Limits> {
    let limits = |at_hand, awake| Just(Limits { at_hand, awake });
    prop_oneof![Just(Limits::default()), limits(4, 1), limits(65_536, 1), limits(4, 16_384)]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2000, failure_persistence: None, rng_seed: proptest::test_runner::RngSeed::Fixed(7), ..ProptestConfig::default()
    })]

    #[test]
    fn the_scheduler_does_what_the_model_allows(
        politeness in politeness(),
        limits in limits(),
        lazy in proptest::option::weighted(0.7, any::<u64>()),
        mut ops in proptest::collection::vec(op(), 1..200),
        close in proptest::option::weighted(0.2, 0usize..200),
    ) {
        if let Some(at) = close {
            ops.insert(at.min(ops.len()), Op::Close);
        }
        let quiet = Arc::new(AtomicBool::new(true));
        let setting = Setting { politeness, limits, quiet: Arc::clone(&quiet) };
        match lazy {
            None => play(Memory::unique(), &setting, &ops),
            Some(seed) => play(Lazy::new(Memory::unique(), seed, quiet), &setting, &ops),
        }
    }
}
