//! Limits and stops of whole runs, each in a scenario of its own, in virtual time.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::StreamExt as _;
use gannet::crawl::{Ended, Plan, Recorder, start};
use gannet::fetch::Phase;
use gannet::{Error, ErrorKind, OutcomeKind, Reach, Scope};

use crate::engine_web::{Answer, Web, given, run, run_with};

const SECOND: Duration = Duration::from_secs(1);
const MOMENT: Duration = Duration::from_millis(1);

/// One of everything.
fn narrow(mut plan: Plan) -> Plan {
    plan.workers = 1;
    plan.capacity = 1;
    plan.high_water = 1;
    plan.politeness.robots = false;
    plan
}

fn crawl(workers: usize) -> Plan {
    let mut plan = Plan::crawl(workers, Scope::new(Reach::Any));
    plan.politeness.robots = false;
    plan.politeness.per_host = workers as u32;
    plan
}

fn urls(range: std::ops::Range<u32>) -> Vec<String> {
    range.map(|n| format!("http://h/{n}")).collect()
}

/// A page with so many links at `/`; the others have none.
fn hub(links: u32, latency: Duration) -> Web {
    Web::new(move |url, _| match url {
        "http://h/" => (latency, Answer::Page(200, urls(0..links))),
        _ => (latency, Answer::Page(200, Vec::new())),
    })
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_links_pass_through_one_worker_and_slots_of_one() {
    let web = hub(10_000, Duration::ZERO);
    let end = run(narrow(crawl(1)), &web, given(["http://h/"])).await;
    assert_eq!((end.check().records.len(), end.summary.finished), (10_001, 10_001));
    assert_eq!((end.summary.links.found, end.summary.discovered), (10_000, 10_000));
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_takes_a_second_a_record_slows_the_run_and_no_more() {
    let web = hub(200, Duration::ZERO);
    let begin = tokio::time::Instant::now();
    let end = run_with(narrow(crawl(1)), &web, given(["http://h/"]), SECOND, async |_| {}).await;
    assert_eq!(end.check().summary.finished, 201);
    assert!(begin.elapsed() >= 200 * SECOND);
}

/// More seeds than all channels hold, while time passes: the list must wait, and go on.
#[tokio::test]
async fn a_long_list_goes_through_a_narrow_run() {
    let web = Web::plain(Duration::ZERO);
    let mut plan = narrow(Plan::fetch(1));
    plan.workers = 2;
    let end = run(plan, &web, given(urls(0..2000))).await;
    assert_eq!(end.check().summary.finished, 2000);
    assert!(web.most() <= 2);
}

#[tokio::test(start_paused = true)]
async fn plans_with_zeros_end() {
    let web = hub(3, MOMENT);
    let mut plan = crawl(1);
    (plan.workers, plan.capacity, plan.high_water, plan.politeness.per_host) = (0, 0, 0, 0);
    (plan.unique, plan.max_time, plan.grace) = (false, Some(Duration::MAX), Duration::MAX);
    let end = run(plan, &web, given(["http://h/", "http://h/"])).await;
    assert_eq!((end.check().records.len(), end.summary.finished), (5, 4));

    let plan = Plan { max_pages: Some(0), ..crawl(1) };
    let end = run(plan, &web, given(["mailto:x", "http://h/"])).await;
    assert_eq!((end.summary.failed, end.summary.pending, end.summary.ended), (1, 1, Ended::MaxPages));
    assert_eq!(web.log()["http://h/"], 1, "only by the first run");
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_leaves_ends_the_run_as_broken() {
    let web = hub(500, MOMENT);
    let (recorder, mut receivers) = Recorder::new(1, 4);
    let run = start(crawl(4), web.clone(), given(["http://h/"]), recorder);
    for _ in 0..20 {
        receivers[0].recv().await.unwrap();
    }
    drop(receivers);
    let (summary, error) = run.finish().await;
    assert_eq!((summary.ended, error.is_none()), (Ended::Broken, true));
    assert!(summary.is_balanced() && summary.pending > 400, "{summary:?}");
    assert_eq!(web.running(), 0);
}

#[tokio::test(start_paused = true)]
async fn dropping_the_stream_drops_the_fetches() {
    let web = Web::plain(3600 * SECOND);
    let crawl = gannet::crawl(crawl(7), web.clone(), given(urls(0..20)));
    while web.running() < 7 {
        tokio::time::sleep(MOMENT).await;
    }
    drop(crawl);
    tokio::time::sleep(SECOND).await;
    assert_eq!((web.running(), web.dropped(), web.started()), (0, 7, 7));
}

#[tokio::test(start_paused = true)]
async fn the_stream_gives_each_outcome_and_then_the_summary() {
    let mut crawl = gannet::crawl(crawl(3), hub(10, MOMENT), given(["http://h/"]));
    let mut names = BTreeSet::new();
    while let Some(outcome) = crawl.next().await {
        assert!(names.insert(outcome.name().into_owned()));
    }
    let summary = crawl.finish().await.unwrap();
    assert_eq!((names.len(), summary.finished, summary.ended), (11, 11, Ended::Done));
}

/// Retries and fetches that this machine could not make take no second ticket.
#[tokio::test(start_paused = true)]
async fn max_pages_is_exact() {
    for max in [1, 2, 9, 50, 51, 60] {
        let web = Web::new(|url, asked| {
            let links = if url == "http://h/" { urls(0..50) } else { Vec::new() };
            let answer = match url.len() % 3 {
                0 if asked == 1 => Answer::Exhausted,
                1 if asked < 3 => Answer::Busy(500, Some(1)),
                _ => Answer::Page(200, links),
            };
            (MOMENT * 20, answer)
        });
        let plan = Plan { max_pages: Some(max), ..crawl(8) };
        let end = run(plan, &web, given(["http://h/"])).await;
        let expected = max.min(51);
        assert_eq!((end.check().summary.finished, web.log().len() as u64), (expected, expected));
        assert_eq!(end.summary.pending, 51 - expected);
        assert_eq!(end.summary.ended, if max < 51 { Ended::MaxPages } else { Ended::Done });
    }
}

#[tokio::test(start_paused = true)]
async fn max_time_drains() {
    let web = hub(1000, SECOND);
    let plan = Plan { max_time: Some(10 * SECOND + MOMENT), ..crawl(5) };
    let end = run(plan, &web, given(["http://h/"])).await;
    assert_eq!((end.check().summary.ended, end.summary.cancelled), (Ended::MaxTime, 0));
    // One second for the hub, nine rounds of five, and the round that was under way.
    assert_eq!((end.summary.finished, end.summary.pending), (1 + 5 * 10, 950));
}

/// Answers at once keep a report or a slot ready at every moment.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn max_time_holds_under_full_load() {
    let web = Web::new(|url, _| {
        let n: u64 = url.rsplit('/').next().unwrap().parse().unwrap_or(0);
        (Duration::ZERO, Answer::Page(200, (1..=4).map(|k| format!("http://h/{}", n * 4 + k)).collect()))
    });
    let plan = Plan { max_time: Some(Duration::from_millis(200)), ..crawl(20) };
    let end = run(plan, &web, given(["http://h/"])).await;
    assert_eq!(end.check().summary.ended, Ended::MaxTime);
    assert!(end.summary.pending > 0 && end.summary.elapsed < 5 * SECOND, "{:?}", end.summary.elapsed);
}

#[tokio::test(start_paused = true)]
async fn drain_waits_for_what_runs_as_long_as_the_grace() {
    for (grace, finished, cancelled) in [(20, 3, 0), (5, 0, 3)] {
        let web = Web::plain(10 * SECOND);
        let plan = Plan { grace: grace * SECOND, ..crawl(3) };
        let begin = tokio::time::Instant::now();
        let end = run_with(plan, &web, given(urls(0..10)), Duration::ZERO, async |handle| {
            tokio::time::sleep(SECOND).await;
            handle.drain();
        })
        .await;
        let summary = &end.check().summary;
        assert_eq!((summary.finished, summary.cancelled, summary.pending), (finished, cancelled, 7));
        assert_eq!((summary.ended, web.dropped()), (Ended::Stopped, cancelled));
        assert_eq!(begin.elapsed().as_secs(), if cancelled == 0 { 10 } else { 6 });
    }
}

#[tokio::test(start_paused = true)]
async fn kill_cancels_at_once() {
    let web = Web::plain(10 * SECOND);
    let begin = tokio::time::Instant::now();
    let end = run_with(crawl(3), &web, given(urls(0..10)), Duration::ZERO, async |handle| {
        tokio::time::sleep(SECOND).await;
        handle.kill();
    })
    .await;
    assert_eq!((end.check().summary.cancelled, end.summary.pending), (3, 7));
    assert_eq!((begin.elapsed().as_secs(), web.dropped(), end.summary.ended), (1, 3, Ended::Stopped));
}

/// Whatever a sibling does at that moment: waits, runs, rests for want of descriptors, or finds links.
#[tokio::test(start_paused = true)]
async fn fail_fast_records_every_sibling() {
    for moment in (0..60).map(|n| n * 5) {
        let web = Web::new(move |url, asked| match url {
            "http://bad/" => (MOMENT * moment, Answer::Fail(ErrorKind::Tls, Phase::Connect)),
            "http://full/" if asked < 3 => (MOMENT * 10, Answer::Exhausted),
            "http://flaky/" => (MOMENT * 7, Answer::Fail(ErrorKind::ConnectionLost, Phase::FirstByte)),
            _ => (MOMENT * 20, Answer::Page(200, vec![format!("{url}x"), format!("http://a/{}", url.len())])),
        });
        let mut plan = Plan { fail_fast: true, ..crawl(6) };
        plan.retries = 100_000;
        let seeds = ["http://a/", "http://bad/", "http://full/", "http://flaky/", "http://z/"];
        let begin = tokio::time::Instant::now();
        let end = run(plan, &web, given(seeds)).await;
        let summary = &end.check().summary;
        assert_eq!((summary.ended, summary.failed, summary.pending), (Ended::FailFast, 1, 0), "at {moment}");
        assert!(begin.elapsed() < SECOND, "stalled: failed at {moment}, ended at {:?}", begin.elapsed());
        assert!(end.count(OutcomeKind::Cancelled) >= 3);
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_one_failed_url_and_an_error_of_the_run() {
    let web = Web::new(|url, _| match url {
        "http://h/3" => (MOMENT, Answer::Panic),
        _ => (MOMENT, Answer::Page(200, Vec::new())),
    });
    for workers in [1, 4] {
        let end = run(crawl(workers), &web, given(urls(0..10))).await;
        assert_eq!((end.check().summary.finished, end.summary.failed), (9, 1));
        assert_eq!(end.summary.errors[&ErrorKind::Internal].example, "http://h/3");
        assert!(end.records.iter().filter_map(|r| r.error.as_ref()).all(|error| error.phase == Phase::Total));
        assert!(matches!(&end.error, Some(Error::Internal(why)) if why.contains("http://h/3")));
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_over_robots_txt_fails_its_host_and_no_other() {
    let web = Web::new(|url, _| match url {
        "http://h/robots.txt" => (MOMENT, Answer::Panic),
        _ => (MOMENT, Answer::Page(200, Vec::new())),
    });
    let mut plan = narrow(crawl(1));
    plan.politeness.robots = true;
    let end = run(plan, &web, given(["http://h/1", "http://g/1", "http://h/2"])).await;
    assert_eq!((end.check().summary.finished, end.summary.failed), (1, 2));
    assert_eq!(end.summary.errors[&ErrorKind::Internal].count, 2);
    assert!(end.records.iter().filter_map(|r| r.error.as_ref()).all(|error| error.phase == Phase::Robots));
    assert!(matches!(&end.error, Some(Error::Internal(_))));
}

/// The run is over a moment before the list's task is: its error must not get lost in between.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_error_of_a_list_is_the_error_of_the_run() {
    struct Breaks(Option<Vec<u8>>);
    impl std::io::Read for Breaks {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let Some(text) = self.0.take() else { return Err(std::io::Error::other("the disk is gone")) };
            buffer[..text.len()].copy_from_slice(&text);
            Ok(text.len())
        }
    }
    let web = Web::plain(Duration::ZERO);
    for round in 0..300 {
        let text = if round % 2 == 0 { Vec::new() } else { b"http://h/1\nhttp://h/2\nhttp://h/".to_vec() };
        let list = gannet::Source::Reader(Box::new(Breaks(Some(text).filter(|text| !text.is_empty()))));
        let end = run(Plan::fetch(2), &web, vec![list]).await;
        assert!(
            matches!(&end.error, Some(Error::Io(what, _)) if what.contains("seed list")),
            "round {round}"
        );
        assert_eq!(end.check().summary.finished, if round % 2 == 0 { 0 } else { 2 });
    }
}
