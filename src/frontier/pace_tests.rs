//! Delays, rates, jitter, the pace that a host has of its own, and what follows a rest, with time in hand.

use std::time::{Duration, Instant};

use super::scheduler_tests::{SECOND, admit, done, lax, pop, scheduler};
use super::*;

#[test]
fn a_rate_is_an_average_and_a_delay_a_least_distance() {
    let born = Instant::now();
    let ms = Duration::from_millis;
    for (delay, late_start_next) in [(0, 980), (1000, 1000)] {
        let mut s = scheduler(Politeness { rate: SECOND, delay: ms(delay), ..lax() });
        admit(&mut s, &["http://a/1", "http://a/2", "http://a/3"], born);
        assert!(s.pop(born).is_some() && s.pop(born + ms(999)).is_none());
        assert!(s.pop(born + ms(1020)).is_some());
        assert_eq!(s.ready_at(), Some(born + ms(1020 + late_start_next)), "{delay}");
    }
}

#[test]
fn a_host_has_its_own_pace() {
    let now = Instant::now();
    let mut politeness = Politeness { per_host: 2, delay: SECOND, ..lax() };
    let own = HostPace { per_host: Some(3), delay: Some(Duration::ZERO), rate: None };
    politeness.hosts.insert("a", own).unwrap();
    let mut s = scheduler(politeness);
    let urls: Vec<_> =
        ["a", "b"].iter().flat_map(|host| (0..5).map(move |n| format!("http://{host}/{n}"))).collect();
    admit(&mut s, &urls.iter().map(String::as_str).collect::<Vec<_>>(), now);
    let out: Vec<_> = std::iter::from_fn(|| pop(&mut s, now)).collect();
    let of = |host: &str| out.iter().filter(|url| url.starts_with(host)).count();
    assert_eq!((of("http://a/"), of("http://b/")), (3, 1));
    assert_eq!(s.ready_at(), Some(now + SECOND));
}

#[test]
fn waits_are_varied_around_their_mean() {
    let born = Instant::now();
    for varied in [
        Politeness { delay: SECOND, ..lax() },
        Politeness { rate: SECOND, ..lax() },
        Politeness { pace: SECOND, ..lax() },
    ] {
        let mut s = scheduler(Politeness { jitter: 0.5, ..varied });
        s.chance = fastrand::Rng::with_seed(1);
        let urls: Vec<_> = (0..1001).map(|n| format!("http://a/{n}")).collect();
        admit(&mut s, &urls.iter().map(String::as_str).collect::<Vec<_>>(), born);
        let (mut now, mut waits) = (born, Vec::new());
        while let Some(job) = s.pop(now) {
            s.finished(job, done(), now);
            let Some(at) = s.ready_at() else { break };
            waits.push((at - now).as_secs_f64());
            now = at;
        }
        assert!(waits.len() == 1000 && waits.iter().all(|wait| (0.49..=1.51).contains(wait)));
        assert!(((now - born).as_secs_f64() / 1000.0 - 1.0).abs() < 0.03, "{:?}", now - born);
        assert!(waits.iter().any(|wait| *wait < 0.6) && waits.iter().any(|wait| *wait > 1.4));
    }
}

/// Six are out when the first is refused; an old one that lands later opens no gate, and after the pause one goes first.
#[test]
fn after_a_pause_one_goes_first_and_then_all() {
    let now = Instant::now();
    let mut s = scheduler(lax());
    let urls: Vec<_> = (0..20).map(|n| format!("http://a/{n}")).collect();
    admit(&mut s, &urls.iter().map(String::as_str).collect::<Vec<_>>(), now);
    let mut out: Vec<_> = std::iter::from_fn(|| s.pop(now)).collect();
    let straggler = out.pop().unwrap();
    for job in out {
        let signal = HostSignal::Throttled(Some(10 * SECOND));
        s.finished(job, Disposition::Done { signal, failed: false }, now);
    }
    let later = now + 10 * SECOND;
    assert!(s.pop(later).is_none() && s.ready_at().is_none(), "what was out is waited for");
    s.finished(straggler, done(), later);
    let probe = s.pop(later).unwrap();
    assert!(s.pop(later).is_none() && s.ready_at().is_none());
    s.finished(probe, Disposition::Returned, later);
    let again = s.pop(later).unwrap();
    assert!(s.pop(later).is_none(), "it was called off and told nothing");
    s.finished(again, done(), later);
    assert_eq!(std::iter::from_fn(|| s.pop(later)).count(), 6);
}
