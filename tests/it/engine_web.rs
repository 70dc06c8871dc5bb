//! A web in memory: a [`Fetch`] whose answers are a pure function of the URL and of how often it was
//! asked. It keeps a log of who was asked, how often, and how many at once.

use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gannet::crawl::{Handle, Plan, Recorder, Run, Summary, start, start_over};
use gannet::fetch::{Body, HeaderMap, Hop, HopRecord, Phase, Timings};
use gannet::frontier::Frontier;
use gannet::job::Past;
use gannet::outcome::Record;
use gannet::{CrawlUrl, Error, ErrorKind, Fetch, FetchError, Outcome, Request, Response, Source};
use tokio::sync::mpsc;

/// What a URL answers.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// This status, and a page with these links.
    Page(u16, Vec<String>),
    /// This status, and `Retry-After`.
    Busy(u16, Option<u32>),
    /// Plain text, for robots.txt.
    Text(String),
    Redirect(String),
    Fail(ErrorKind, Phase),
    Exhausted,
    Panic,
}

type Pages = dyn Fn(&str, u32) -> (Duration, Answer) + Send + Sync;

/// The double. Clones share the log.
#[derive(Clone)]
pub(crate) struct Web(Arc<Inner>);

struct Inner {
    pages: Box<Pages>,
    log: Mutex<HashMap<String, u32>>,
    hosts: Mutex<HashMap<String, (u32, u32)>>,
    running: AtomicU64,
    most: AtomicU64,
    started: AtomicU64,
    dropped: AtomicU64,
    stop: Mutex<Option<(u64, Handle, bool)>>,
}

impl Web {
    /// A web of this function of the URL and the number of the request for it, from 1.
    pub(crate) fn new(pages: impl Fn(&str, u32) -> (Duration, Answer) + Send + Sync + 'static) -> Self {
        Self(Arc::new(Inner {
            pages: Box::new(pages),
            log: Mutex::default(),
            hosts: Mutex::default(),
            running: AtomicU64::new(0),
            most: AtomicU64::new(0),
            started: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            stop: Mutex::new(None),
        }))
    }

    /// Every URL is a page without links, after this long.
    pub(crate) fn plain(latency: Duration) -> Self {
        Self::new(move |_, _| (latency, Answer::Page(200, Vec::new())))
    }

    /// Drains or kills the run when the fetch of this number starts.
    pub(crate) fn stop_at(&self, fetch: u64, handle: Handle, kill: bool) {
        *self.0.stop.lock().unwrap() = Some((fetch, handle, kill));
    }

    /// How often each URL was asked for.
    pub(crate) fn log(&self) -> HashMap<String, u32> {
        self.0.log.lock().unwrap().clone()
    }

    pub(crate) fn started(&self) -> u64 {
        self.0.started.load(SeqCst)
    }

    /// Fetches whose future was dropped before its end.
    pub(crate) fn dropped(&self) -> u64 {
        self.0.dropped.load(SeqCst)
    }

    pub(crate) fn running(&self) -> u64 {
        self.0.running.load(SeqCst)
    }

    /// The most fetches that ran at once.
    pub(crate) fn most(&self) -> u64 {
        self.0.most.load(SeqCst)
    }

    /// The most fetches that ran at once on one host.
    pub(crate) fn most_on_a_host(&self) -> u32 {
        self.0.hosts.lock().unwrap().values().map(|(_, most)| *most).max().unwrap_or(0)
    }
}

/// One fetch under way.
struct Flight {
    web: Arc<Inner>,
    host: String,
    landed: bool,
}

impl Flight {
    fn start(web: Arc<Inner>, url: &CrawlUrl) -> (Self, u32) {
        let nth = web.started.fetch_add(1, SeqCst) + 1;
        if let Some((at, handle, kill)) = &*web.stop.lock().unwrap()
            && nth >= *at
        {
            if *kill { handle.kill() } else { handle.drain() }
        }
        let running = web.running.fetch_add(1, SeqCst) + 1;
        web.most.fetch_max(running, SeqCst);
        let host = url.host_key().as_str().to_owned();
        let mut hosts = web.hosts.lock().unwrap();
        let (now, most) = hosts.entry(host.clone()).or_default();
        *now += 1;
        *most = (*most).max(*now);
        drop(hosts);
        let mut log = web.log.lock().unwrap();
        let asked = log.entry(url.to_string()).or_default();
        *asked += 1;
        let asked = *asked;
        drop(log);
        (Self { web, host, landed: false }, asked)
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.web.running.fetch_sub(1, SeqCst);
        self.web.dropped.fetch_add(u64::from(!self.landed), SeqCst);
        self.web.hosts.lock().unwrap().get_mut(&self.host).unwrap().0 -= 1;
    }
}

impl Fetch for Web {
    fn fetch(&self, request: Request) -> impl Future<Output = Result<Response, FetchError>> + Send {
        let web = Arc::clone(&self.0);
        async move {
            let (mut flight, asked) = Flight::start(Arc::clone(&web), &request.url);
            let (latency, answer) = (web.pages)(request.url.as_str(), asked);
            if latency.is_zero() {
                tokio::task::yield_now().await;
            } else {
                tokio::time::sleep(latency).await;
            }
            flight.landed = true;
            answered(&web, &request, answer)
        }
    }
}

fn answered(web: &Inner, request: &Request, answer: Answer) -> Result<Response, FetchError> {
    let url = &request.url;
    match answer {
        Answer::Page(status, links) => Ok(page(url, status, &links)),
        Answer::Text(text) => {
            let mut response = page(url, 200, &[]);
            response.headers.insert("content-type", "text/plain".parse().unwrap());
            response.body.bytes = text.into();
            Ok(response)
        }
        Answer::Busy(status, after) => {
            let mut response = page(url, status, &[]);
            if let Some(seconds) = after {
                response.headers.insert("retry-after", seconds.into());
            }
            Ok(response)
        }
        Answer::Redirect(to) => {
            let to = CrawlUrl::parse(&to).unwrap();
            match request.hops.as_ref().map_or(Hop::Follow, |hops| hops.judge(url, &to)) {
                Hop::Refuse(kind, why) => Err(FetchError::new(kind, Phase::Redirect, why)),
                Hop::HandBack => Ok(Response { redirect: Some(to), ..page(url, 302, &[]) }),
                Hop::Follow => {
                    let links = match (web.pages)(to.as_str(), 1) {
                        (_, Answer::Page(_, links)) => links,
                        _ => Vec::new(),
                    };
                    let chain = vec![HopRecord { url: url.clone(), status_code: 302 }];
                    Ok(Response { chain, ..page(&to, 200, &links) })
                }
            }
        }
        Answer::Fail(kind, phase) => Err(FetchError::new(kind, phase, "as told")),
        Answer::Exhausted => {
            let error = FetchError::new(ErrorKind::Connect, Phase::Connect, "too many open files");
            Err(FetchError { exhausted: true, ..error })
        }
        // Without the hook: the message would only be noise in the test's output.
        Answer::Panic => std::panic::resume_unwind(Box::new("told to panic")),
    }
}

fn page(url: &CrawlUrl, status: u16, links: &[String]) -> Response {
    let html: String = links.iter().map(|link| format!("<a href=\"{link}\">x</a>\n")).collect();
    let mut headers = HeaderMap::new();
    headers.insert("content-type", "text/html".parse().unwrap());
    let body = Body { wire_bytes: html.len() as u64, bytes: html.into(), ..Body::default() };
    Response {
        final_url: url.clone(),
        chain: Vec::new(),
        redirect: None,
        status,
        http_version: "HTTP/1.1",
        headers,
        body,
        remote: None,
        reused: false,
        proxy: None,
        is_public: false,
        timings: Timings::default(),
        cache: None,
        hedged: false,
        captures: Vec::new(),
    }
}

/// Seeds as given on a command line.
pub(crate) fn given<S: Into<String>>(urls: impl IntoIterator<Item = S>) -> Vec<Source> {
    vec![Source::Given(urls.into_iter().map(Into::into).collect())]
}

/// What a run came to.
pub(crate) struct End {
    pub(crate) records: Vec<Arc<Outcome>>,
    pub(crate) summary: Summary,
    pub(crate) error: Option<Error>,
}

impl End {
    /// What holds for every run, however it ended.
    pub(crate) fn check(&self) -> &Self {
        let summary = &self.summary;
        assert!(summary.is_balanced(), "not balanced: {summary:?}");
        assert_eq!(self.records.len() as u64, summary.settled(), "records and settled: {summary:?}");
        let mut seqs: Vec<u64> = self.records.iter().map(|record| record.seq).collect();
        seqs.sort_unstable();
        seqs.dedup();
        assert_eq!(seqs.len(), self.records.len(), "a number was given twice");
        self
    }

    pub(crate) fn count(&self, kind: gannet::OutcomeKind) -> usize {
        self.records.iter().filter(|record| record.kind == kind).count()
    }
}

/// Runs a plan to its end; the reader of the records rests after each. `steer` gets the handle.
pub(crate) async fn run_with(
    plan: Plan,
    web: &Web,
    seeds: Vec<Source>,
    rest: Duration,
    steer: impl AsyncFnOnce(Handle),
) -> End {
    let (recorder, mut receivers) = Recorder::new(1, plan.capacity);
    attend(start(plan, web.clone(), seeds, recorder), receivers.remove(0), rest, steer).await
}

/// The same over a frontier.
pub(crate) async fn run_over(
    frontier: impl Frontier + 'static,
    plan: Plan,
    web: &Web,
    seeds: Vec<Source>,
    rest: Duration,
    steer: impl AsyncFnOnce(Handle),
) -> End {
    let (recorder, mut receivers) = Recorder::new(1, plan.capacity);
    let run = start_over(frontier, Past::default(), plan, web.clone(), seeds, recorder);
    attend(run, receivers.remove(0), rest, steer).await
}

async fn attend(
    run: Run,
    mut receiver: mpsc::Receiver<Record>,
    rest: Duration,
    steer: impl AsyncFnOnce(Handle),
) -> End {
    let handle = run.handle();
    let read = async {
        let mut records = Vec::new();
        while let Some(record) = receiver.recv().await {
            let Record::Outcome(outcome) = record else { continue };
            records.push(outcome);
            if !rest.is_zero() {
                tokio::time::sleep(rest).await;
            }
        }
        records
    };
    let all = async { tokio::join!(read, run.finish(), steer(handle)) };
    // In virtual time a run that waits for nothing gets here at once.
    let limit = Duration::from_secs(30 * 24 * 3600);
    let (records, (summary, error), ()) =
        tokio::time::timeout(limit, all).await.expect("the run does not end");
    End { records, summary, error }
}

/// Runs a plan to its end.
pub(crate) async fn run(plan: Plan, web: &Web, seeds: Vec<Source>) -> End {
    run_with(plan, web, seeds, Duration::ZERO, async |_| {}).await
}
