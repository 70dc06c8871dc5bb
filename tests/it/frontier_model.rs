//! A naive model of the scheduler, for [`frontier_walk`](crate::frontier_walk): it says what a pop may give, and
//! by when it must give something.
//!
//! It is a list of URLs with their states, searched from end to end for every question.

use std::collections::BTreeMap;
use std::time::Duration;

use gannet::CrawlUrl;
use gannet::ErrorKind;
use gannet::frontier::store::Store;
use gannet::frontier::{
    BACKOFF, Disposition, Fate, Frontier, HostSignal, Job, MAX_PARKED, PARK, Politeness, RobotsDown,
    Scheduler, Work,
};
use gannet::robots::Rules;

pub(crate) const HOSTS: usize = 4;
/// More for a host than a visit of the store brings.
pub(crate) const PAGES: usize = 80;
/// What a rate may be ahead.
const SLACK: Duration = Duration::from_millis(100);
/// Every third page is one that robots.txt forbids.
const DENIED: usize = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Unknown,
    Queued,
    Retry(Duration),
    Out,
    Done,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Robots {
    Unasked(u32),
    Asking(u32),
    /// Whether they forbid anything, and the delay.
    Known(bool, Duration),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Host {
    robots: Robots,
    out: u32,
    next_start: Duration,
    beat: Duration,
    snoozed: Duration,
    strikes: u32,
    parked: Duration,
    waves: u32,
    /// The one request is out that says how it goes on.
    probing: bool,
    retired: bool,
}

impl Host {
    fn is_open(&self) -> bool {
        self.waves > 0 || !self.parked.is_zero()
    }
}

#[derive(Clone, Debug)]
pub(crate) enum How {
    Done,
    Failed,
    Retry(Duration),
    Returned,
    Throttled(bool, Option<Duration>),
    Unreachable(bool),
}

pub(crate) struct Model {
    politeness: Politeness,
    pub(crate) pages: [State; PAGES],
    pub(crate) hosts: [Host; HOSTS],
    pace: Option<Duration>,
    pub(crate) closed: bool,
}

fn denied(page: usize) -> bool {
    page.is_multiple_of(DENIED)
}

fn host_of(page: usize) -> usize {
    page % HOSTS
}

pub(crate) fn url(page: usize) -> CrawlUrl {
    let area = if denied(page) { "private" } else { "open" };
    CrawlUrl::parse(&format!("http://h{}/{area}/{page}", host_of(page))).unwrap()
}

fn page_of(job: &Job) -> usize {
    job.entry.url.as_str().rsplit('/').next().and_then(|page| page.parse().ok()).unwrap()
}

impl Model {
    pub(crate) fn new(politeness: Politeness) -> Self {
        let robots =
            if politeness.robots { Robots::Unasked(0) } else { Robots::Known(false, Duration::ZERO) };
        let host = Host {
            robots,
            out: 0,
            next_start: Duration::ZERO,
            beat: Duration::ZERO,
            snoozed: Duration::ZERO,
            strikes: 0,
            parked: Duration::ZERO,
            waves: 0,
            probing: false,
            retired: false,
        };
        Self { politeness, pages: [State::Unknown; PAGES], hosts: [host; HOSTS], pace: None, closed: false }
    }

    fn limit(&self, host: usize) -> u32 {
        let slow = matches!(self.hosts[host].robots, Robots::Known(_, delay) if !delay.is_zero());
        if slow || self.hosts[host].is_open() { 1 } else { self.politeness.per_host }
    }

    /// When this page may go out if nothing else happens; the pace aside.
    fn page_at(&self, page: usize) -> Option<Duration> {
        let own = match self.pages[page] {
            State::Queued if !self.closed => Duration::ZERO,
            State::Retry(due) => due,
            _ => return None,
        };
        let host = &self.hosts[host_of(page)];
        match host.robots {
            // A host that was given up owes nobody patience: any time from now on is right.
            _ if host.retired => Some(Duration::ZERO),
            Robots::Asking(_) => None,
            Robots::Known(..) if host.out >= self.limit(host_of(page)) => None,
            _ => Some(own.max(host.next_start).max(host.snoozed)),
        }
    }

    /// The earliest time at which a pop must give something.
    pub(crate) fn must_by(&self) -> Option<Duration> {
        let patient = |page: &usize| !self.hosts[host_of(*page)].retired;
        // How many requests a host stands is not modelled: one at least.
        let stands = |page: &usize| !self.politeness.adaptive || self.hosts[host_of(*page)].out == 0;
        let polite = (0..PAGES).filter(patient).filter(stands).filter_map(|page| self.page_at(page));
        // What is retired waits no longer than the host's last delay or the retry's own.
        let retired = (0..PAGES).filter(|page| !patient(page)).filter_map(|page| match self.pages[page] {
            State::Queued if !self.closed => Some(self.hosts[host_of(page)].next_start),
            State::Retry(due) => Some(due.min(self.hosts[host_of(page)].next_start)),
            _ => None,
        });
        // A host that slept has earned nothing meanwhile.
        let earned = if self.politeness.rate.is_zero() { Duration::ZERO } else { SLACK };
        let first = polite.chain(retired).min()? + earned;
        Some(self.pace.map_or(first, |pace| first.max(pace)))
    }

    fn started(&mut self, host: usize, delay: Duration, now: Duration) {
        let earliest = now.saturating_sub(SLACK);
        let state = &mut self.hosts[host];
        state.next_start = now + delay;
        if !self.politeness.rate.is_zero() {
            state.beat = state.beat.max(earliest) + self.politeness.rate;
            state.next_start = state.next_start.max(state.beat);
        }
        if !self.politeness.pace.is_zero() {
            self.pace = Some(self.pace.unwrap_or(now).max(earliest) + self.politeness.pace);
        }
    }

    /// Checks a job against what is allowed, and takes it out.
    pub(crate) fn popped(&mut self, job: &Job, now: Duration) {
        assert!(self.pace.is_none_or(|pace| pace <= now), "against the pace");
        if job.is_robots() {
            let host =
                (0..HOSTS).find(|h| job.entry.url.as_str() == format!("http://h{h}/robots.txt")).unwrap();
            let Robots::Unasked(asked) = self.hosts[host].robots else { panic!("asked twice") };
            assert!(self.hosts[host].next_start <= now && self.hosts[host].snoozed <= now);
            self.hosts[host].robots = Robots::Asking(asked + 1);
            self.started(host, self.politeness.delay, now);
            return;
        }
        let page = page_of(job);
        let host = host_of(page);
        let first = matches!(self.pages[page], State::Queued);
        assert!(self.page_at(page).is_some_and(|at| at <= now), "{} before its time", job.entry.url);
        self.pages[page] = State::Out;
        let Robots::Known(denies, delay) = self.hosts[host].robots else {
            assert!(self.hosts[host].retired, "before robots.txt");
            assert!(matches!(job.work, Work::Settle(Fate::Failed { .. })));
            return;
        };
        match &job.work {
            Work::Settle(Fate::RobotsDenied(_)) => assert!(denies && denied(page)),
            Work::Settle(_) => assert!(self.hosts[host].retired),
            Work::Fetch(_) => {
                assert!(!self.hosts[host].retired && (!denies || !denied(page)));
                assert!(job.first <= first || job.entry.attempts == 1);
                self.hosts[host].out += 1;
                self.hosts[host].probing = self.hosts[host].is_open();
                assert!(self.hosts[host].out <= self.limit(host), "over the limit");
                self.started(host, delay.max(self.politeness.delay), now);
            }
            Work::Robots { .. } | Work::Locate => unreachable!(),
        }
    }

    fn heed(&mut self, host: usize, signal: &HostSignal, now: Duration) {
        let most = self.politeness.max_host_errors;
        let host = &mut self.hosts[host];
        let is_news = std::mem::take(&mut host.probing) || !host.is_open();
        match signal {
            HostSignal::Answered(_) | HostSignal::Healthy if is_news => {
                (host.waves, host.parked) = (0, Duration::ZERO);
            }
            HostSignal::Answered(_) | HostSignal::Healthy | HostSignal::Strained | HostSignal::Neutral => {}
            HostSignal::Throttled(asked) => {
                host.waves = 0;
                // The test never waits long enough to be forgiven.
                host.strikes += u32::from(is_news);
                let park = asked.unwrap_or(PARK * 2u32.pow(host.strikes.max(1) - 1));
                if is_news {
                    host.retired |= host.parked >= MAX_PARKED;
                    host.parked += park;
                }
                host.snoozed = host.snoozed.max(now + park);
            }
            HostSignal::Unreachable(..) if !is_news => {}
            HostSignal::Unreachable(..) => {
                host.waves += 1;
                host.snoozed = now + BACKOFF * 2u32.pow((host.waves - 1).min(6));
                host.retired |= most > 0 && host.waves >= most;
            }
        }
    }

    /// How a job ends, for the model; what to tell the scheduler.
    pub(crate) fn finish(&mut self, job: &Job, how: &How, now: Duration) -> Disposition {
        if job.is_robots() {
            let name = job.entry.url.host().trim_start_matches('h').to_owned();
            return self.robots(name.parse().unwrap(), how, now);
        }
        let page = page_of(job);
        assert_eq!(self.pages[page], State::Out);
        let host = host_of(page);
        let fetched = matches!(job.work, Work::Fetch(_));
        self.hosts[host].out -= u32::from(fetched);
        let down = || HostSignal::Unreachable(ErrorKind::Connect, "refused".into());
        let (state, how) = match how {
            How::Returned => (State::Retry(now), Disposition::Returned),
            _ if !fetched => (State::Done, Disposition::Done { signal: HostSignal::Neutral, failed: false }),
            How::Done => {
                // Sometimes quick and sometimes slow.
                let signal = HostSignal::Answered(Duration::from_millis(now.subsec_millis().into()));
                (State::Done, Disposition::Done { signal, failed: false })
            }
            How::Failed => (State::Done, Disposition::Done { signal: HostSignal::Strained, failed: false }),
            How::Retry(after) => {
                (State::Retry(now + *after), Disposition::Retry(*after, HostSignal::Healthy))
            }
            How::Throttled(true, asked) => {
                let after = asked.unwrap_or_default();
                (State::Retry(now + after), Disposition::Retry(after, HostSignal::Throttled(*asked)))
            }
            How::Throttled(false, asked) => {
                (State::Done, Disposition::Done { signal: HostSignal::Throttled(*asked), failed: false })
            }
            How::Unreachable(true) => (State::Retry(now), Disposition::Retry(Duration::ZERO, down())),
            How::Unreachable(false) => (State::Done, Disposition::Done { signal: down(), failed: false }),
        };
        self.pages[page] = state;
        match &how {
            Disposition::Done { signal, .. } | Disposition::Retry(_, signal) if fetched => {
                self.heed(host, signal, now);
            }
            _ if fetched => self.heed(host, &HostSignal::Neutral, now),
            _ => {}
        }
        how
    }

    fn robots(&mut self, host: usize, how: &How, now: Duration) -> Disposition {
        let host = &mut self.hosts[host];
        let Robots::Asking(asked) = host.robots else { panic!("an answer that nobody asked for") };
        let rules = |text: &str| Disposition::Robots(Ok(Rules::parse(text.as_bytes(), "gannet")));
        match how {
            How::Returned => {
                host.robots = Robots::Unasked(asked - 1);
                Disposition::Returned
            }
            How::Retry(_) | How::Throttled(..) => {
                let wait = Duration::from_secs(3);
                if asked <= self.politeness.retries {
                    host.robots = Robots::Unasked(asked);
                    host.snoozed = host.snoozed.max(now + wait);
                } else {
                    host.retired = true;
                }
                let (kind, message) = (ErrorKind::RobotsUnavailable, "status 503".into());
                Disposition::Robots(Err(RobotsDown { kind, message, ask_again: Some(wait) }))
            }
            How::Done => {
                host.robots = Robots::Known(false, Duration::ZERO);
                (host.waves, host.parked) = (0, Duration::ZERO);
                rules("")
            }
            How::Failed => {
                host.robots = Robots::Known(true, Duration::ZERO);
                (host.waves, host.parked) = (0, Duration::ZERO);
                rules("User-agent: *\nDisallow: /private/")
            }
            How::Unreachable(slow) => {
                let delay = if *slow { 40 } else { 5 };
                host.robots = Robots::Known(false, Duration::from_secs(delay));
                host.next_start = host.next_start.max(now + Duration::from_secs(delay.min(30)));
                (host.waves, host.parked, host.retired) = (0, Duration::ZERO, host.retired || *slow);
                rules(&format!("User-agent: *\nCrawl-delay: {delay}"))
            }
        }
    }

    pub(crate) fn check(&self, scheduler: &Scheduler<impl Store>) {
        let mut states = BTreeMap::new();
        for state in self.pages {
            let name = match state {
                State::Queued => "queued",
                State::Retry(_) => "retrying",
                State::Out => "out",
                State::Unknown | State::Done => "none",
            };
            *states.entry(name).or_insert(0u64) += 1;
        }
        let counts = scheduler.counts();
        let of = |name| states.get(name).copied().unwrap_or(0);
        assert_eq!((counts.retrying, counts.in_flight), (of("retrying"), of("out")));
        // What is undecided may be known.
        assert!(counts.queued <= of("queued") && of("queued") <= counts.queued + counts.undecided);
        assert!(counts.waiting_hosts <= counts.hosts && counts.hosts <= HOSTS as u64);
    }
}
