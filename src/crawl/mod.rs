//! The engine: spawns, supervises and joins the tasks of a run.
//!
//! Seeds go through a bounded channel to the `dispatcher`, jobs through another to N
//! `worker`s, outcomes through a third to whoever records them, and one report per job back. The shape,
//! the four rules and the proofs are in `docs/architecture.md`. This is the only place where tasks are
//! spawned, and each is joined here.

mod asked;
mod content;
mod dispatcher;
mod hops;
mod lanes;
mod maps;
mod note;
mod outlinks;
mod progress;
mod retry;
pub mod robots_txt;
mod selection;
mod settle;
mod shutdown;
mod summary;
mod unchanged;
mod worker;

use std::io;
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures::Stream;
use tokio::sync::{Mutex, mpsc};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

pub use self::content::Reading;
pub use self::progress::Progress;
pub use self::selection::Selection;
pub use self::shutdown::Handle;
pub use self::summary::{Ended, ErrorGroup, HostTally, Links, Summary};

use self::dispatcher::{Channels, Dispatcher, Memories};
use self::lanes::Lanes;
use self::maps::Announced;
use self::shutdown::Stop;
use self::worker::{Order, Report, Shared};
use crate::error::Error;
use crate::extract::{Known, MAX_SITEMAP_BYTES};
use crate::fetch::{Fetch, Filter, HeaderMap, Method, ROBOTS_TOKEN};
use crate::frontier::store::Memory;
use crate::frontier::{Frontier, Politeness, Scheduler};
use crate::job::{Note, Past};
use crate::outcome::{Keep, Outcome, Record};
use crate::recrawl::Earlier;
use crate::scope::Scope;
use crate::seeds::{self, Seed, Source};
use crate::url::Fingerprinter;

/// What a run is to do. Start from [`Plan::crawl`] or [`Plan::fetch`].
#[derive(Clone, Debug)]
pub struct Plan {
    /// Consumer tasks, and thus fetches at once; default 50.
    pub workers: usize,
    /// Threads that the workers are dealt out to, each with connections of its own; default 1, the current runtime.
    pub threads: usize,
    /// Limits per host and for all.
    pub politeness: Politeness,
    /// The rules for links to follow; `None` fetches exactly the seeds.
    pub follow: Option<Arc<Scope>>,
    /// Which links of a page are taken up, before the scope is asked; default those that lead to pages.
    pub selection: Selection,
    /// Fetch a repeated seed once (always so when links are followed).
    pub unique: bool,
    /// Tries after the first; default 2.
    pub retries: u32,
    /// Redirects followed one after the other, whether inside a fetch or as jobs; default 10.
    pub max_redirects: usize,
    /// The method of the requests of seeds that do not ask for another; default `GET`.
    pub method: Method,
    /// Their body.
    pub body: Option<Bytes>,
    /// Headers that belong to it, in place of those of the client where both have one; default none.
    pub headers: Option<Arc<HeaderMap>>,
    /// What stands in for a fetch that failed.
    pub fallback: Option<Arc<serde_json::Value>>,
    /// Ask only for what has changed since this run; default none.
    pub since: Option<Arc<Earlier>>,
    /// Which answers are read to their end; sitemaps that are asked for as such always are. Default all.
    pub filter: Option<Arc<Filter>>,
    /// Ask for the rest of a body that broke off, at most as often as `retries` says, where no pace is kept; default true.
    pub resume: bool,
    /// What of a response is kept.
    pub keep: Keep,
    /// What is read of the content of pages; default nothing.
    pub reading: Reading,
    /// Take up the sitemaps that the robots.txt of each host names, else its `/sitemap.xml`; needs
    /// [`Politeness::robots`].
    pub sitemaps: bool,
    /// The most that is kept of a sitemap, bytes; default 50 MiB.
    pub max_sitemap: u64,
    /// Obey robots.txt where it is asked for; default true. Otherwise it is only read for its sitemaps.
    pub obey_robots: bool,
    /// The name that robots.txt knows this crawler by; default `gannet`.
    pub robots_token: Arc<str>,
    /// Fetch at most so many URLs, failures included, retries not.
    pub max_pages: Option<u64>,
    /// Stop handing out jobs after this long.
    pub max_time: Option<Duration>,
    /// How long running fetches may go on after a stop; default 10 s.
    pub grace: Duration,
    /// The first failure cancels all others.
    pub fail_fast: bool,
    /// Statuses that are failures for `fail_fast`, as no answer is; default none.
    pub failing: Vec<RangeInclusive<u16>>,
    /// Another run will go on: what a kill calls off stays pending, and is not recorded as cancelled.
    pub resumable: bool,
    /// Seeds wait outside while so many URLs are queued; default 10,000, or four per worker.
    pub high_water: u64,
    /// Slots of the job, report and record channels; default one per worker, at most 1,024.
    pub capacity: usize,
}

impl Plan {
    /// Fetches exactly the seeds: no robots.txt, no limit per host but the workers.
    pub fn fetch(workers: usize) -> Self {
        let workers = workers.max(1);
        Self {
            workers,
            threads: 1,
            politeness: Politeness { per_host: workers as u32, robots: false, ..Politeness::default() },
            follow: None,
            selection: Selection::default(),
            unique: false,
            retries: 2,
            max_redirects: 10,
            method: Method::GET,
            body: None,
            headers: None,
            fallback: None,
            since: None,
            filter: None,
            resume: true,
            keep: Keep::default(),
            reading: Reading::default(),
            sitemaps: false,
            max_sitemap: MAX_SITEMAP_BYTES as u64,
            obey_robots: true,
            robots_token: ROBOTS_TOKEN.into(),
            max_pages: None,
            max_time: None,
            grace: Duration::from_secs(10),
            fail_fast: false,
            failing: Vec::new(),
            resumable: false,
            high_water: (workers as u64 * 4).max(10_000),
            capacity: workers.min(1024),
        }
    }

    /// Follows links within `scope`, obeys robots.txt, at most 6 requests at once to a host.
    pub fn crawl(workers: usize, scope: Scope) -> Self {
        let politeness = Politeness { by_depth: scope.is_depth_limited(), ..Politeness::default() };
        Self { follow: Some(Arc::new(scope)), unique: true, politeness, ..Self::fetch(workers) }
    }
}

impl Plan {
    /// Its lanes, with nothing handed out.
    fn lanes(&self) -> Lanes {
        Lanes::new(self.threads, self.workers)
    }

    /// The plan with its zeros read as ones: with no worker, no slot or no request allowed it would never end.
    fn workable(mut self) -> Self {
        self.workers = self.workers.max(1);
        self.politeness.per_host = self.politeness.per_host.max(1);
        self.high_water = self.high_water.max(1);
        self.capacity = self.capacity.max(1);
        self.unique |= self.follow.is_some();
        self
    }
}

/// Where outcomes go: every receiver gets each of them, and the slowest sets the pace.
#[derive(Clone)]
pub struct Recorder(Vec<mpsc::Sender<Record>>);

impl Recorder {
    /// A recorder and the receivers that it feeds, each through a channel of `capacity`.
    pub fn new(receivers: usize, capacity: usize) -> (Self, Vec<mpsc::Receiver<Record>>) {
        let (senders, receivers) = (0..receivers).map(|_| mpsc::channel(capacity.max(1))).unzip();
        (Self(senders), receivers)
    }

    /// `false` when a receiver is gone.
    async fn record(&self, record: Record) -> bool {
        if let [sender] = &self.0[..] {
            return sender.send(record).await.is_ok();
        }
        // All or none, should this be called off half-way: first a slot in each, then the record.
        let mut slots = Vec::with_capacity(self.0.len());
        for sender in &self.0 {
            match sender.reserve().await {
                Ok(slot) => slots.push(slot),
                Err(_) => return false,
            }
        }
        slots.into_iter().for_each(|slot| slot.send(record.clone()));
        true
    }
}

/// How a seed source ended: read to its end or not, or not readable.
pub(crate) struct SourceEnd {
    index: u32,
    what: String,
    result: io::Result<seeds::End>,
}

/// Seed sources read at once, each on a thread of the blocking pool; the others wait. The pool has to serve name
/// resolution and large pages too.
const PRODUCERS: usize = 64;

/// What earlier runs noted, made into what this one needs.
fn memories(past: &Past) -> Result<Memories, Error> {
    let order = |(seq, bytes): (&u64, &Vec<u8>)| match Seed::from_bytes(bytes) {
        Some(seed) => Ok(Order::Refused { seq: *seq, seed }),
        None => Err(Error::Internal("a seed of the job cannot be read".into())),
    };
    let refused = past.asides.iter().map(order).collect::<Result<_, _>>()?;
    Ok(Memories { note: Note::from_bytes(&past.note)?, refused })
}

/// The sources that may hold more, with their numbers and the lines that were read of them.
fn unread(sources: Vec<Source>, past: &Past) -> Vec<(u32, u64, Source)> {
    let mut left = Vec::new();
    for (index, source) in (0u32..).zip(sources) {
        match past.sources.get(&index) {
            Some((_, true)) if !source.may_grow() => {}
            Some((line, _)) => left.push((index, *line, source)),
            None => left.push((index, 0, source)),
        }
    }
    left
}

/// Reads one waiting source after the other.
fn produce(
    waiting: &std::sync::Mutex<impl Iterator<Item = (u32, u64, Source)>>,
    seeds: &mpsc::Sender<Vec<Seed>>,
    stop: &CancellationToken,
) -> Vec<SourceEnd> {
    let next = || waiting.lock().unwrap_or_else(std::sync::PoisonError::into_inner).next();
    std::iter::from_fn(next)
        .map(|(index, from, source)| SourceEnd {
            index,
            what: source.to_string(),
            result: source.produce(index, from, seeds, stop),
        })
        .collect()
}

/// A run under way. Dropping it kills the run.
pub struct Run {
    handle: Handle,
    progress: Arc<Progress>,
    task: JoinHandle<(Summary, Option<Error>)>,
}

impl Run {
    /// Stops the run from elsewhere.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Numbers to look at while it runs.
    pub fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }

    /// Waits for the end. The summary is there even when the run failed.
    pub async fn finish(mut self) -> (Summary, Option<Error>) {
        match (&mut self.task).await {
            Ok(end) => end,
            Err(panic) => {
                (Summary::default(), Some(Error::Internal(format!("the dispatcher ended: {panic}"))))
            }
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.handle.kill();
    }
}

/// Starts a run on the current runtime, over an in-memory frontier.
pub fn start<F: Fetch>(plan: Plan, fetch: F, sources: Vec<Source>, recorder: Recorder) -> Run {
    let plan = plan.workable();
    let store = if plan.unique { Memory::unique() } else { Memory::repeating() };
    let frontier = Scheduler::new(store, plan.politeness.clone());
    start_over(frontier, Past::default(), plan, fetch, sources, recorder)
}

/// Starts a run over any frontier, which goes on from what earlier runs left.
pub fn start_over<F: Fetch, R: Frontier + 'static>(
    frontier: R,
    past: Past,
    plan: Plan,
    fetch: F,
    sources: Vec<Source>,
    recorder: Recorder,
) -> Run {
    let plan = plan.workable();
    let stop = Stop::new();
    let progress = Arc::new(Progress::default());
    let handle = Handle(stop.clone());
    let supervised = supervise(frontier, past, plan, fetch, sources, recorder, (stop, Arc::clone(&progress)));
    // The one task that is not in a set: `Run` owns and joins it.
    #[expect(clippy::disallowed_methods, reason = "owned and joined by `Run`")]
    let task = tokio::spawn(supervised);
    Run { handle, progress, task }
}

async fn supervise<F: Fetch, R: Frontier>(
    frontier: R,
    past: Past,
    plan: Plan,
    fetch: F,
    sources: Vec<Source>,
    recorder: Recorder,
    (stop, progress): (Stop, Arc<Progress>),
) -> (Summary, Option<Error>) {
    let fingerprinter = Fingerprinter::with_key(past.key.0, past.key.1);
    let capacity = plan.capacity;
    let (seed_sender, seeds) = mpsc::channel(capacity.min(8));
    let (report_sender, reports) = mpsc::channel(capacity);

    let memories = match memories(&past) {
        Ok(memories) => memories,
        Err(why) => return (Summary::default(), Some(why)),
    };
    let mut producers = JoinSet::new();
    let sources = unread(sources, &past);
    let count = sources.len();
    let waiting = Arc::new(std::sync::Mutex::new(sources.into_iter()));
    for _ in 0..count.min(PRODUCERS) {
        let (waiting, seeds, stop) = (Arc::clone(&waiting), seed_sender.clone(), stop.drain.clone());
        producers.spawn_blocking(move || produce(&waiting, &seeds, &stop));
    }
    drop(seed_sender);

    let known = Arc::new(Known::default());
    let mut workers = JoinSet::new();
    let room =
        Room { plan: &plan, fingerprinter, stop: &stop, recorder, known: &known, reports: report_sender };
    let fetch = Arc::new(fetch);
    let jobs = room.open(&fetch, &mut workers);

    let dispatcher = Dispatcher::new(plan, frontier, fingerprinter, known, stop, progress, memories);
    let mut end =
        dispatcher.run(Channels { seeds, jobs, reports }, count, &mut producers, &mut workers).await;
    end.0.connections = fetch.connections();
    // A producer that waits in a read (a terminal, a pipe) cannot be called off: leave it to the runtime.
    producers.detach_all();
    end
}

/// What workers need, in whatever lane.
struct Room<'a> {
    plan: &'a Plan,
    fingerprinter: Fingerprinter,
    stop: &'a Stop,
    recorder: Recorder,
    known: &'a Arc<Known>,
    reports: mpsc::Sender<Report>,
}

impl Room<'_> {
    /// Starts the lanes; gives the ends that their orders are put into.
    fn open<F: Fetch>(self, fetch: &Arc<F>, tasks: &mut JoinSet<io::Result<()>>) -> Vec<mpsc::Sender<Order>> {
        let announced = Arc::new(Announced::default());
        let open = |(lane, workers)| {
            let (sender, receiver) = mpsc::channel(self.plan.capacity.min(workers));
            let own = if lane == 0 { None } else { fetch.for_thread() };
            let shared = Arc::new(Shared {
                lane,
                fetch: own.map_or_else(|| Arc::clone(fetch), Arc::new),
                plan: self.plan.clone(),
                fingerprinter: self.fingerprinter,
                stop: self.stop.for_lane(),
                jobs: Mutex::new(receiver),
                recorder: self.recorder.clone(),
                announced: Arc::clone(&announced),
                known: Arc::clone(self.known),
                near: std::sync::Mutex::default(),
            });
            let reports = self.reports.clone();
            match lane {
                0 => lanes::start(tasks, &shared, workers, &reports),
                _ => drop(tasks.spawn_blocking(move || lanes::run(shared, workers, reports))),
            }
            sender
        };
        self.plan.lanes().shares().enumerate().map(open).collect()
    }
}

/// A crawl as a stream of outcomes, in the order in which they are decided.
///
/// Dropping the stream kills the run. [`Crawl::handle`] stops it in order.
pub struct Crawl {
    run: Run,
    records: mpsc::Receiver<Record>,
}

/// Starts `plan` on the current Tokio runtime and streams its outcomes. The stream is bounded: a slow
/// reader slows the run.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use futures::StreamExt as _;
/// use gannet::{Http, HttpOptions, Plan, Scope, Source};
///
/// let plan = Plan::crawl(50, Scope::default());
/// let seeds = vec![Source::Given(vec!["https://example.org/".into()])];
/// let mut crawl = gannet::crawl(plan, Http::new(HttpOptions::default())?, seeds);
/// while let Some(outcome) = crawl.next().await {
///     println!("{} {:?}", outcome.name(), outcome.status());
/// }
/// # Ok(()) }
/// ```
pub fn crawl<F: Fetch>(plan: Plan, fetch: F, seeds: Vec<Source>) -> Crawl {
    let (recorder, mut receivers) = Recorder::new(1, plan.capacity);
    let records = receivers.remove(0);
    Crawl { run: start(plan, fetch, seeds, recorder), records }
}

impl Crawl {
    /// Stops the crawl from elsewhere; the stream then ends after what was under way.
    pub fn handle(&self) -> Handle {
        self.run.handle()
    }

    /// Ends the stream and waits for the summary; what was not read is dropped.
    ///
    /// # Errors
    /// When the run failed, as opposed to a URL.
    pub async fn finish(mut self) -> Result<Summary, Error> {
        while self.records.recv().await.is_some() {}
        match self.run.finish().await {
            (summary, None) => Ok(summary),
            (_, Some(error)) => Err(error),
        }
    }
}

impl Stream for Crawl {
    type Item = Arc<Outcome>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        // Asides are for archives; a program reads the captures of the outcomes.
        loop {
            match ready!(self.records.poll_recv(cx)) {
                Some(Record::Outcome(outcome)) => return Poll::Ready(Some(outcome)),
                Some(Record::Aside(_)) => {}
                None => return Poll::Ready(None),
            }
        }
    }
}
