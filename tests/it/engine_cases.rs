//! Random runs: a graph, faults, limits, and what a crawl of it must record.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use fastrand::Rng;
use gannet::crawl::Plan;
use gannet::fetch::Phase;
use gannet::{ErrorKind, OutcomeKind, Reach, Scope, Source};

use crate::engine_web::{Answer, Web};

/// How a page behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Fine,
    Missing,
    /// Fails for good.
    Slow,
    /// Loses so many connections, then answers.
    Lost(u32),
    /// Asks to come back so often, with or without saying when.
    Busy(u32, Option<u32>),
    /// So often this machine has no descriptor for it.
    Exhausted(u32),
    Panics,
    RedirectsTo(usize),
    /// The host cannot be reached.
    Down,
}

/// How a host's robots.txt behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Robots {
    None,
    Some,
    Slow,
    FailsOnce,
    Down,
    Panics,
}

/// How a run is stopped.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Halt {
    Never,
    /// When so many fetches have started: kill, or drain.
    AtFetch(u64, bool),
    /// After this long.
    After(Duration, bool),
}

/// A run, all of it from one number.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) seed: u64,
    pages: usize,
    hosts: usize,
    /// In real time: latencies of some milliseconds and no waits of seconds.
    quick: bool,
    pub(crate) unreachable: bool,
    pub(crate) robots: bool,
    pub(crate) halt: Halt,
    pub(crate) rest: Duration,
    pub(crate) plan: Plan,
    seeds: Vec<Vec<String>>,
}

impl Case {
    pub(crate) fn new(seed: u64, quick: bool, stops: bool) -> Self {
        let mut rng = Rng::with_seed(seed);
        let (pages, hosts) = (rng.usize(1..60), rng.usize(1..6));
        let mut plan = Plan::crawl(rng.usize(1..=20), Scope::new(Reach::Any));
        plan.capacity = rng.usize(1..=4);
        plan.high_water = rng.u64(1..40);
        plan.politeness.per_host = rng.u32(1..=6);
        plan.politeness.robots = rng.bool();
        plan.grace = Duration::from_millis(rng.u64(0..40));
        if !quick && rng.u8(0..4) == 0 {
            plan.politeness.delay = Duration::from_millis(rng.u64(1..2000));
            plan.politeness.pace = Duration::from_millis(rng.u64(0..20));
        }
        let halt = match rng.u8(0..4) {
            _ if !stops => Halt::Never,
            0 | 1 => Halt::AtFetch(rng.u64(1..60), rng.bool()),
            _ => Halt::After(Duration::from_micros(rng.u64(0..30_000)), rng.bool()),
        };
        // Under paused time no producer may wait for a slot: time stands still for as long as it does.
        let lists = if quick { rng.usize(1..=5) } else { rng.usize(1..=plan.capacity) };
        let mut case = Self {
            seed,
            pages,
            hosts,
            quick,
            unreachable: stops && !quick && rng.u8(0..3) == 0,
            robots: plan.politeness.robots,
            halt,
            rest: if rng.bool() { Duration::ZERO } else { Duration::from_micros(rng.u64(100..3000)) },
            plan,
            seeds: Vec::new(),
        };
        case.seeds = (0..lists).map(|_| case.list(&mut rng)).collect();
        case
    }

    fn list(&self, rng: &mut Rng) -> Vec<String> {
        let bad = |rng: &mut Rng| rng.u8(0..10) == 0;
        (0..rng.usize(1..6))
            .map(|_| if bad(rng) { "mailto:nobody".into() } else { self.url(rng.usize(0..self.pages)) })
            .collect()
    }

    pub(crate) fn sources(&self) -> Vec<Source> {
        self.seeds.iter().cloned().map(Source::Given).collect()
    }

    pub(crate) fn seed_count(&self) -> u64 {
        self.seeds.iter().map(|list| list.len() as u64).sum()
    }

    fn host(&self, page: usize) -> usize {
        page % self.hosts
    }

    fn forbidden(page: usize) -> bool {
        page % 7 == 3
    }

    fn url(&self, page: usize) -> String {
        let area = if Self::forbidden(page) { "private" } else { "open" };
        format!("http://h{}/{area}/{page}", self.host(page))
    }

    fn rng(&self, what: usize) -> Rng {
        Rng::with_seed(self.seed ^ (what as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    fn mode(&self, page: usize) -> Mode {
        let mut rng = self.rng(page);
        match rng.u8(0..40) {
            0 | 1 => Mode::Missing,
            2 => Mode::Slow,
            3 if !self.quick => Mode::Lost(rng.u32(1..=3)),
            4 => Mode::Busy(rng.u32(1..=3), Some(0)),
            5 if !self.quick => Mode::Busy(rng.u32(1..=3), [None, Some(7)][rng.usize(0..2)]),
            6 => Mode::Exhausted(rng.u32(1..=2)),
            7 => Mode::Panics,
            8..=10 => Mode::RedirectsTo(rng.usize(0..self.pages)),
            11..=16 if self.unreachable => Mode::Down,
            _ => Mode::Fine,
        }
    }

    fn robots_of(&self, host: usize) -> Robots {
        let kinds =
            [Robots::None, Robots::Some, Robots::Slow, Robots::FailsOnce, Robots::Down, Robots::Panics];
        let kind = kinds[self.rng(host + 1_000_000).usize(0..kinds.len())];
        if kind == Robots::Slow && self.quick { Robots::Some } else { kind }
    }

    fn links(&self, page: usize) -> Vec<usize> {
        let mut rng = self.rng(page + 2_000_000);
        (0..rng.usize(0..8)).map(|_| rng.usize(0..self.pages)).collect()
    }

    fn answer(&self, url: &str, asked: u32) -> Answer {
        let fine = |page, status| {
            Answer::Page(status, self.links(page).into_iter().map(|to| self.url(to)).collect())
        };
        if let Some(host) = url.strip_suffix("/robots.txt") {
            return match self.robots_of(host.trim_start_matches("http://h").parse().unwrap()) {
                Robots::None => Answer::Page(404, Vec::new()),
                Robots::Some => Answer::Text("User-agent: *\nDisallow: /private/".into()),
                Robots::Slow => Answer::Text("User-agent: *\nCrawl-delay: 1".into()),
                Robots::FailsOnce if asked > 1 => Answer::Page(404, Vec::new()),
                Robots::FailsOnce | Robots::Down => Answer::Busy(503, Some(0)),
                Robots::Panics => Answer::Panic,
            };
        }
        let page = url.rsplit('/').next().unwrap().parse().unwrap();
        match self.mode(page) {
            Mode::Lost(times) if asked <= times => Answer::Fail(ErrorKind::ConnectionLost, Phase::FirstByte),
            Mode::Busy(times, after) if asked <= times => Answer::Busy(503, after),
            Mode::Exhausted(times) if asked <= times => Answer::Exhausted,
            Mode::Fine | Mode::Lost(_) | Mode::Busy(..) | Mode::Exhausted(_) => fine(page, 200),
            Mode::Missing => fine(page, 404),
            Mode::Slow => Answer::Fail(ErrorKind::Timeout, Phase::Total),
            Mode::Panics => Answer::Panic,
            Mode::RedirectsTo(to) => Answer::Redirect(self.url(to)),
            Mode::Down => Answer::Fail(ErrorKind::Connect, Phase::Connect),
        }
    }

    pub(crate) fn web(&self) -> Web {
        let case = self.clone();
        Web::new(move |url, asked| {
            let most = if case.quick { 1500 } else { 30_000 };
            let mut rng =
                case.rng(url.len() * 31 + asked as usize + url.bytes().map(usize::from).sum::<usize>());
            let latency = if rng.bool() { Duration::ZERO } else { Duration::from_micros(rng.u64(0..most)) };
            (latency, case.answer(url, asked))
        })
    }

    /// The most requests for one URL: its tries, and those that this machine could not make.
    pub(crate) fn most_requests(&self, url: &str) -> u32 {
        let page = url.rsplit('/').next().and_then(|page| page.parse().ok());
        let spared = match page.map(|page| self.mode(page)) {
            Some(Mode::Exhausted(times)) => times,
            _ => 0,
        };
        1 + self.plan.retries + spared
    }

    /// Whether some host may answer 503 so often in a row, one probe after the other, that it is given up.
    pub(crate) fn may_be_given_up(&self) -> bool {
        let busy = |page| match self.mode(page) {
            Mode::Busy(times, after) => (times, u32::from(after.is_none())),
            _ => (0, 0),
        };
        (0..self.hosts).any(|host| {
            let of_host = (0..self.pages).filter(|page| self.host(*page) == host).map(busy);
            let (times, long) =
                of_host.fold((0, 0), |(times, long), (more, is_long)| (times + more, long + is_long));
            // 1 + 2 + 4 + 8 + 16 minutes, and once more.
            times > 5 && long > 0
        })
    }

    /// What a run that nobody stops records: each URL once, and how it ends.
    pub(crate) fn truth(&self) -> BTreeMap<String, OutcomeKind> {
        let page_of = |url: &String| url.rsplit('/').next().and_then(|page| page.parse::<usize>().ok());
        let mut known: BTreeSet<usize> = self.seeds.iter().flatten().filter_map(page_of).collect();
        let mut open: Vec<usize> = known.iter().copied().collect();
        let mut truth = BTreeMap::new();
        while let Some(page) = open.pop() {
            let (kind, links) = self.end_of(page);
            truth.insert(self.url(page), kind);
            open.extend(links.into_iter().filter(|link| known.insert(*link)));
        }
        truth
    }

    fn end_of(&self, page: usize) -> (OutcomeKind, Vec<usize>) {
        let robots = |page| if self.robots { self.robots_of(self.host(page)) } else { Robots::None };
        let denied = |page| robots(page) == Robots::Some && Self::forbidden(page);
        let failed = (OutcomeKind::Failed, Vec::new());
        let paced = !self.plan.politeness.delay.is_zero() || robots(page) == Robots::Slow;
        if matches!(robots(page), Robots::Down | Robots::Panics) {
            return failed;
        }
        if denied(page) {
            return (OutcomeKind::Skipped, Vec::new());
        }
        match self.mode(page) {
            Mode::Slow | Mode::Panics | Mode::Down | Mode::Lost(3) => failed,
            Mode::Busy(3, _) => (OutcomeKind::Finished, Vec::new()),
            // To another host, or where requests keep a distance: the target is a page of its own.
            Mode::RedirectsTo(to) if self.host(to) != self.host(page) || paced => {
                (OutcomeKind::Finished, vec![to])
            }
            Mode::RedirectsTo(to) if denied(to) => failed,
            Mode::RedirectsTo(to) => match self.answer(&self.url(to), 1) {
                Answer::Page(..) => (OutcomeKind::Finished, self.links(to)),
                _ => (OutcomeKind::Finished, Vec::new()),
            },
            _ => (OutcomeKind::Finished, self.links(page)),
        }
    }
}
