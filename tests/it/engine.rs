//! Conservation and termination of whole runs, in memory: random graphs, faults, limits and stops.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use gannet::crawl::Ended;
use gannet::frontier::store::Memory;
use gannet::frontier::{Limits, Scheduler};
use gannet::outcome::Skip;
use gannet::{Error, OutcomeKind};
use tokio::runtime::Builder;
use tokio::task::JoinSet;

use crate::engine_cases::{Case, Halt};
use crate::engine_web::{End, Web, run_over, run_with};
use crate::frontier_lazy::Lazy;

/// Names the case when its test fails.
struct Named(u64);

impl Drop for Named {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the case of seed {}", self.0);
        }
    }
}

async fn play(case: &Case) -> (End, Web) {
    let web = case.web();
    let halt = case.halt;
    let steer = {
        let web = web.clone();
        async move |handle: gannet::Handle| match halt {
            Halt::Never => {}
            Halt::AtFetch(fetch, kill) => web.stop_at(fetch, handle, kill),
            Halt::After(time, kill) => {
                tokio::time::sleep(time).await;
                if kill { handle.kill() } else { handle.drain() }
            }
        }
    };
    let (plan, sources) = (case.plan.clone(), case.sources());
    let end = match case.seed % 3 {
        0 => run_over(late(case), plan, &web, sources, case.rest, steer).await,
        _ => run_with(plan, &web, sources, case.rest, steer).await,
    };
    (end, web)
}

/// A frontier whose store takes its time, and whose hosts sleep whenever they can.
fn late(case: &Case) -> Scheduler<Lazy> {
    let memory = match case.plan.unique || case.plan.follow.is_some() {
        true => Memory::unique(),
        false => Memory::repeating(),
    };
    let store = Lazy::new(memory, case.seed, Arc::default());
    Scheduler::new(store, case.plan.politeness.clone()).with_limits(Limits { at_hand: 4, awake: 1 })
}

/// What holds however a run ended.
fn check(case: &Case, end: &End, web: &Web) {
    end.check();
    assert_eq!(web.running(), 0, "a fetch outlived the run");
    assert!(web.most() <= case.plan.workers as u64);
    // robots.txt is asked for by itself, while no page of its host is on the way.
    assert!(web.most_on_a_host() <= case.plan.politeness.per_host);
    for (url, asked) in web.log() {
        assert!(asked <= case.most_requests(&url), "{url} was asked for {asked} times");
    }
    let mut pages = BTreeMap::new();
    for record in end.records.iter().filter(|r| r.url.is_some() && r.skipped != Some(Skip::DuplicateSeed)) {
        assert!(pages.insert(record.name().into_owned(), record.kind).is_none(), "{} twice", record.name());
    }
    let summary = &end.summary;
    match summary.ended {
        Ended::Done => {
            assert_eq!((summary.pending, summary.seeds), (0, case.seed_count()));
            // When a host is given up depends on the order, and so does what is found behind it.
            if !case.unreachable && !case.may_be_given_up() {
                assert_eq!(pages, case.truth());
            }
        }
        // A URL that was settled before the stop ended as it would have without it.
        Ended::Stopped => {
            let truth = case.truth();
            for (url, kind) in &pages {
                let expected = truth.get(url);
                assert!(
                    expected.is_some() || end.count(OutcomeKind::Failed) > 0,
                    "{url} is not of the crawl"
                );
                assert!(
                    *kind == OutcomeKind::Cancelled || *kind == OutcomeKind::Failed || Some(kind) == expected,
                    "{url}: {kind:?}, not {expected:?}"
                );
            }
        }
        other => panic!("ended as {other:?}"),
    }
    // Each is an error of the run, whatever else happens.
    let panicked = end.records.iter().any(|r| r.error.as_ref().is_some_and(|e| e.message.contains("panic")));
    match &end.error {
        Some(Error::Internal(why)) => assert!(why.contains("told to panic"), "{why}"),
        Some(other) => panic!("{other}"),
        None => assert!(!panicked, "a panic is an error of the run"),
    }
}

fn in_virtual_time(seeds: std::ops::Range<u64>, stops: bool) {
    for seed in seeds {
        let _named = Named(seed);
        fastrand::seed(seed);
        let case = Case::new(seed, false, stops);
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let (end, web) = runtime.block_on(play(&case));
        check(&case, &end, &web);
        assert!(stops || end.summary.ended == Ended::Done);
    }
}

#[test]
fn a_run_records_the_graph_once() {
    in_virtual_time(0..300, false);
}

#[test]
fn a_stop_at_any_moment_loses_nothing() {
    in_virtual_time(1000..1400, true);
}

/// The same on several threads, with up to four lanes, and in real time, where the races are.
#[test]
fn a_stop_at_any_moment_loses_nothing_on_threads() {
    let runtime = Builder::new_multi_thread().worker_threads(3).enable_time().build().unwrap();
    runtime.block_on(async {
        let mut running = JoinSet::new();
        for seed in 5000..5400 {
            if running.len() >= 24 {
                running.join_next().await.unwrap().unwrap();
            }
            running.spawn(async move {
                let _named = Named(seed);
                let mut case = Case::new(seed, true, seed % 4 != 0);
                case.plan.threads = 1 + seed as usize / 4 % 4;
                let case = Arc::new(case);
                let (end, web) =
                    tokio::time::timeout(Duration::from_secs(20), play(&case)).await.expect("a run hangs");
                check(&case, &end, &web);
            });
        }
        while let Some(end) = running.join_next().await {
            end.unwrap();
        }
    });
}
