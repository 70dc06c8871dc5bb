//! The steps, each of which runs in a process of its own and prints its figures as JSON for the first one.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use gannet::frontier::store::{Disk, Memory};
use gannet::frontier::{Frontier, Limits, Politeness, Scheduler};
use gannet::job::{Job, Manifest, Sync};
use gannet::outcome::Record;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::drive::Driver;
use crate::line;
use crate::links::{PAGE, Web};
use crate::measure::{peak_mib, process_cpu, thread_cpu};

/// What to measure.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Setup {
    pub urls: u64,
    pub hosts: usize,
    /// Bytes that the frontier may take.
    pub memory: u64,
    /// URLs to crawl in the last step.
    pub drain: u64,
    pub delay_ms: u64,
    pub in_memory: bool,
    pub directory: PathBuf,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            urls: 0,
            hosts: 100_000,
            memory: 1 << 30,
            drain: 300_000,
            delay_ms: 0,
            in_memory: false,
            directory: PathBuf::new(),
        }
    }
}

/// What the crawl took.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Crawled {
    pub urls: u64,
    links: u64,
    pages: u64,
    robots: u64,
    hosts: u64,
    wall: f64,
    stalled: f64,
    cpu: f64,
    caller: f64,
    making: f64,
    peak_mib: u64,
    calls: Calls,
}

/// The longest that any call took, milliseconds of CPU time.
#[derive(Default, Serialize, Deserialize)]
pub struct Calls {
    admit: f64,
    pop: f64,
    finished: f64,
    poll: f64,
    commit: f64,
}

/// Seconds by the clock, and of CPU time.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Took {
    wall: f64,
    cpu: f64,
}

impl std::fmt::Display for Took {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.2} s ({:.2} s CPU)", self.wall, self.cpu)
    }
}

/// How long it took to open what a killed process left, and to close it.
#[derive(Serialize, Deserialize)]
pub struct Reopened {
    open: Took,
    close: f64,
    peak_mib: u64,
}

/// What it took to crawl what is on disk.
#[derive(Serialize, Deserialize)]
pub struct Drained {
    open: Took,
    pages: u64,
    robots: u64,
    wall: f64,
    stalled: f64,
    cpu: f64,
    caller: f64,
    peak_mib: u64,
    calls: Calls,
}

/// Runs a step and prints its figures.
pub fn run(step: &str, setup: &Setup) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let figures = match step {
        "step:crawl" if setup.in_memory => {
            let (mut web, frontier) = (Web::new(setup.hosts, (1, 2)), scheduler(Memory::unique(), setup));
            let driver = Driver::new(frontier, None);
            serde_json::to_string(&runtime.block_on(crawl(driver, &mut web, setup.urls)))
        }
        "step:crawl" => {
            let opened = Opened::at(setup);
            let mut web = Web::new(setup.hosts, opened.key);
            let driver = Driver::new(opened.frontier, Some(opened.outcomes));
            // It is not closed: the process ends here.
            let crawled = runtime.block_on(crawl(driver, &mut web, setup.urls));
            serde_json::to_string(&crawled)
        }
        "step:reopen" => serde_json::to_string(&reopen(setup)),
        "step:drain" => serde_json::to_string(&runtime.block_on(drain(setup))),
        _ => panic!("there is no {step}"),
    };
    println!("{}", figures.unwrap());
    std::process::exit(0);
}

fn scheduler<S: gannet::frontier::store::Store>(store: S, setup: &Setup) -> Scheduler<S> {
    let politeness = Politeness { delay: Duration::from_millis(setup.delay_ms), ..Politeness::default() };
    Scheduler::new(store, politeness).with_limits(Limits::within(setup.memory))
}

/// A job under way.
struct Opened {
    frontier: Scheduler<Disk>,
    key: (u64, u64),
    outcomes: mpsc::Sender<Record>,
    keeper: JoinHandle<()>,
    writer: JoinHandle<Result<(), gannet::Error>>,
    took: Took,
    _job: Job,
}

impl Opened {
    fn at(setup: &Setup) -> Self {
        let (start, cpu) = (Instant::now(), process_cpu());
        let manifest = Manifest::new(Vec::new(), true, Vec::new(), BTreeMap::new());
        let mut job = Job::open(&setup.directory, manifest).unwrap();
        let sync = Sync::Every(Duration::from_secs(1));
        let no_sink = |_: (usize, u64)| unreachable!("there is no output");
        let started = job.start(BTreeMap::new(), setup.memory, sync, no_sink).unwrap();
        let (outcomes, receiver) = mpsc::channel(1024);
        let writer = started.writer.spawn(receiver).unwrap();
        let mut frontier = scheduler(started.store, setup);
        if !job.is_new() {
            frontier = frontier.resumed(Instant::now());
        }
        // What was found is told with the first call.
        frontier.poll(Instant::now()).unwrap();
        Self {
            frontier,
            key: started.past.key,
            outcomes,
            keeper: started.keeper,
            writer,
            took: Took { wall: start.elapsed().as_secs_f64(), cpu: (process_cpu() - cpu).as_secs_f64() },
            _job: job,
        }
    }
}

async fn crawl<F: Frontier>(mut driver: Driver<F>, web: &mut Web, urls: u64) -> Crawled {
    let (start, cpu, caller) = (Instant::now(), process_cpu(), thread_cpu());
    let (mut making, mut offered, mut links) = (Duration::ZERO, 1, Vec::with_capacity(PAGE));
    driver.offer(&mut vec![web.seed()]);
    while web.made < urls {
        let before = thread_cpu();
        web.page(&mut links);
        making += thread_cpu() - before;
        offered += links.len() as u64;
        assert!(driver.page(&mut links).await, "the crawl ended early");
    }
    Crawled {
        urls: web.made,
        links: offered,
        pages: driver.pages,
        robots: driver.robots,
        hosts: driver.frontier.counts().hosts,
        wall: start.elapsed().as_secs_f64(),
        stalled: driver.stalled.as_secs_f64(),
        cpu: (process_cpu() - cpu).as_secs_f64(),
        caller: (thread_cpu() - caller).as_secs_f64(),
        making: making.as_secs_f64(),
        peak_mib: peak_mib(),
        calls: calls(&driver),
    }
}

fn reopen(setup: &Setup) -> Reopened {
    let mut opened = Opened::at(setup);
    let start = Instant::now();
    opened.frontier.shut(&mut Vec::new);
    drop((opened.frontier, opened.outcomes));
    opened.keeper.join().unwrap();
    opened.writer.join().unwrap().unwrap();
    Reopened { open: opened.took, close: start.elapsed().as_secs_f64(), peak_mib: peak_mib() }
}

async fn drain(setup: &Setup) -> Drained {
    let opened = Opened::at(setup);
    let mut driver = Driver::new(opened.frontier, Some(opened.outcomes));
    let (start, cpu, caller) = (Instant::now(), process_cpu(), thread_cpu());
    while driver.pages < setup.drain && driver.page(&mut Vec::new()).await {}
    Drained {
        open: opened.took,
        pages: driver.pages,
        robots: driver.robots,
        wall: start.elapsed().as_secs_f64(),
        stalled: driver.stalled.as_secs_f64(),
        cpu: (process_cpu() - cpu).as_secs_f64(),
        caller: (thread_cpu() - caller).as_secs_f64(),
        peak_mib: peak_mib(),
        calls: calls(&driver),
    }
}

fn calls<F>(driver: &Driver<F>) -> Calls {
    Calls {
        admit: driver.admit.millis(),
        pop: driver.pop.millis(),
        finished: driver.finish.millis(),
        poll: driver.poll.millis(),
        commit: driver.commit.millis(),
    }
}

impl Crawled {
    pub fn print(&self, in_memory: bool) {
        let Self { urls, links, pages, robots, hosts, wall, stalled, cpu, caller, making, .. } = *self;
        line(
            "crawl",
            &format!("{urls} new of {links} links, {pages} pages, {robots} robots.txt, {hosts} hosts"),
        );
        line("time", &format!("{wall:.2} s, {stalled:.2} s of it stalled; making the links {making:.2} s"));
        line(
            "cpu",
            &format!(
                "{cpu:.2} s gross; net {:.2} s, {:.2} s of it the caller",
                cpu - making,
                caller - making
            ),
        );
        let rate = |seconds: f64| format!("{:.0} k links/s", links as f64 / seconds / 1e3);
        let (net, callers) = (cpu - making, caller - making);
        line("rate, gross", &format!("{} by the clock", rate(wall)));
        line("rate, net", &format!("{} per core, {} per core of the caller", rate(net), rate(callers)));
        line(
            "cpu per link, net",
            &format!("{:.2} us ({:.2} s per million)", net / links as f64 * 1e6, net / links as f64 * 1e6),
        );
        line("peak RSS", &format!("{} MiB", self.peak_mib));
        self.calls.print(in_memory);
    }
}

impl Calls {
    fn print(&self, in_memory: bool) {
        let Self { admit, pop, finished, poll, commit } = self;
        let others = if in_memory { String::new() } else { format!(", poll {poll:.1}, commit {commit:.1}") };
        line(
            "longest call, CPU ms",
            &format!("admit {admit:.1}, pop {pop:.1}, finished {finished:.1}{others}"),
        );
    }
}

impl Reopened {
    pub fn print(&self) {
        let Self { open, close, peak_mib } = self;
        line("open after a kill", &format!("{open}, peak RSS {peak_mib} MiB; close {close:.2} s"));
    }
}

impl Drained {
    pub fn print(&self) {
        let Self { open, pages, robots, wall, stalled, cpu, caller, peak_mib, calls } = self;
        line("open", &open.to_string());
        line(
            "drain",
            &format!("{pages} pages, {robots} robots.txt in {wall:.2} s, {stalled:.2} s of it stalled"),
        );
        line(
            "rate",
            &format!(
                "{:.0} k/s by the clock, {:.0} k/s per core, {:.0} k/s per core of the caller",
                *pages as f64 / wall / 1e3,
                *pages as f64 / cpu / 1e3,
                *pages as f64 / caller / 1e3
            ),
        );
        line("peak RSS", &format!("{peak_mib} MiB"));
        calls.print(false);
    }
}
