//! The worker: takes a job, makes it an outcome, records it, reports it. The one loop of every mode.
//!
//! N of these drain the bounded job channel. A worker never waits for anything but its fetch, the
//! records channel and the report channel; links travel inside the report that ends their job. A panic
//! while a page is processed becomes an outcome of kind `internal`, and an error of the run.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use futures::FutureExt as _;
use tokio::sync::{Mutex, mpsc};

use super::asked::{self, Asked};
use super::hops::CrawlHops;
use super::maps::{self, Announced, Announcement};
use super::outlinks::{self, Follow, Harvest};
use super::retry::{self, Decision};
use super::robots_txt::{self, Meaning};
use super::settle::{SIBLING_FAILED, outcome_of, refused, settled, too_many_redirects};
use super::shutdown::Stop;
use super::summary::Tally;
use super::unchanged::Before;
use super::{Plan, Recorder};
use crate::extract::{self, Known};
use crate::fetch::{ErrorKind, Fetch, FetchError, HopPolicy, Phase, Request, Response};
use crate::frontier::{Disposition, Entry, Fate, Found, HostSignal, Job, RobotsDown, Work};
use crate::outcome::{Aside, Failure, LinkRecord, Outcome, OutcomeKind, Record};
use crate::robots::Rules;
use crate::seeds::Seed;
use crate::url::{CrawlUrl, Fingerprinter, Near};

/// How often a URL may come back because this machine ran out of descriptors or ports; then it fails.
const MAX_RETURNS: u32 = 20;
/// How long a record may still wait for its sink after a kill.
const LAST_WRITE: Duration = Duration::from_millis(500);

/// What the dispatcher hands out.
#[derive(Debug)]
pub(super) enum Order {
    /// A URL of the frontier.
    Job(Job),
    /// A seed that did not get that far.
    Refused { seq: u64, seed: Seed },
}

/// What comes back for an order: exactly one per order.
#[derive(Debug)]
pub(super) struct Report {
    /// The lane of the worker.
    pub(super) lane: usize,
    /// What was handed out.
    pub(super) order: Order,
    /// What is to become of it.
    pub(super) disposition: Disposition,
    /// The outcome, when there is one and it was recorded.
    pub(super) tally: Option<Tally>,
    /// Links to be admitted, and those that are not.
    pub(super) harvest: Harvest,
    /// What the run must end with.
    pub(super) fault: Option<Fault>,
}

/// What ends a run.
#[derive(Debug)]
pub(super) enum Fault {
    /// This machine ran out of descriptors or ports: pause, then go on.
    Exhausted,
    /// Processing a page panicked.
    Panic(String),
    /// A sink is gone.
    SinkClosed,
}

impl Report {
    fn new(order: Order, disposition: Disposition) -> Self {
        Self { lane: 0, order, disposition, tally: None, harvest: Harvest::default(), fault: None }
    }
}

/// What all workers of a lane share.
pub(super) struct Shared<F> {
    pub(super) lane: usize,
    pub(super) fetch: Arc<F>,
    pub(super) plan: Plan,
    pub(super) fingerprinter: Fingerprinter,
    pub(super) stop: Stop,
    pub(super) jobs: Mutex<mpsc::Receiver<Order>>,
    pub(super) recorder: Recorder,
    pub(super) announced: Arc<Announced>,
    pub(super) known: Arc<Known>,
    /// For the URLs of the pages that are read.
    pub(super) near: std::sync::Mutex<Near>,
}

/// Works until the jobs end or the run is killed.
pub(super) async fn run<F: Fetch>(shared: Arc<Shared<F>>, reports: mpsc::Sender<Report>) {
    while let Some(order) = shared.next_order().await {
        let mut report = match shared.stop.kill.is_cancelled() {
            true => Report::new(order, Disposition::Returned),
            false => shared.work(order).await,
        };
        // Set in place: a copy would stay in the future of every worker.
        report.lane = shared.lane;
        if reports.send(report).await.is_err() {
            return;
        }
    }
}

impl<F: Fetch> Shared<F> {
    /// The next order; after a kill those that nobody took yet, so that they can be given back.
    async fn next_order(&self) -> Option<Order> {
        tokio::select! {
            biased;
            () = self.stop.kill.cancelled() => self.jobs.lock().await.try_recv().ok(),
            order = async { self.jobs.lock().await.recv().await } => order,
        }
    }

    /// Makes an order an outcome, or a reason to come back to it, and records the outcome.
    async fn work(&self, order: Order) -> Report {
        let Page { outcome, disposition, harvest, fault, aside } = match &order {
            Order::Refused { seq, seed } => Page::done(refused(*seq, seed), HostSignal::Neutral),
            Order::Job(job) => self.process(job).await,
        };
        let mut report = Report { harvest, fault, ..Report::new(order, disposition) };
        if let Some(aside) = aside {
            self.record(Record::Aside(aside), &mut report).await;
        }
        if let Some(outcome) = outcome {
            let tally = Tally::of(&outcome);
            if self.record(Record::Outcome(Arc::new(outcome)), &mut report).await {
                report.tally = Some(tally);
            }
        }
        report
    }

    /// Hands it to the sinks; if none takes it, the order goes back.
    async fn record(&self, record: Record, report: &mut Report) -> bool {
        let overdue = async {
            self.stop.kill.cancelled().await;
            tokio::time::sleep(LAST_WRITE).await;
        };
        let (recorded, fault) = tokio::select! {
            biased;
            recorded = self.recorder.record(record) => (recorded, Some(Fault::SinkClosed)),
            () = overdue => (false, None),
        };
        if !recorded {
            report.harvest.candidates.clear();
            report.disposition = Disposition::Returned;
            report.fault = report.fault.take().or(fault);
        }
        recorded
    }

    async fn process(&self, job: &Job) -> Page {
        match &job.work {
            Work::Settle(fate) => Page {
                harvest: self.harvest_of_denied(&job.entry, fate).await,
                ..Page::done(settled(&job.entry, fate.clone(), &self.plan), HostSignal::Neutral)
            },
            &Work::Robots { from_public } => {
                let answer = AssertUnwindSafe(self.robots(&job.entry, from_public)).catch_unwind().await;
                answer.unwrap_or_else(|panic| self.robots_panicked(&job.entry, panic.as_ref()))
            }
            Work::Locate => {
                let disposition = tokio::select! {
                    biased;
                    () = self.stop.abort.cancelled() => Disposition::Returned,
                    address = self.fetch.locate(&job.entry.url) => Disposition::Located(address),
                };
                Page::of(None, disposition)
            }
            Work::Fetch(rules) => {
                let attempt = AssertUnwindSafe(self.page(&job.entry, rules.clone())).catch_unwind();
                let page = tokio::select! {
                    biased;
                    () = self.stop.abort.cancelled() => return self.cancelled(&job.entry),
                    page = attempt => page,
                };
                page.unwrap_or_else(|panic| self.panicked(&job.entry, panic.as_ref()))
            }
        }
    }

    /// Fetches a page once, decides about it, and takes its links.
    async fn page(&self, entry: &Entry, rules: Option<Arc<Rules>>) -> Page {
        let started = Instant::now();
        let mut request = self.request(entry, rules.clone());
        let before = match &self.plan.since {
            // Boxed, so that its state is no part of every worker.
            Some(earlier) => {
                Box::pin(Before::of(earlier, entry, &self.plan, self.fingerprinter, &mut request)).await
            }
            None => None,
        };
        let mut result = self.fetch.fetch(request).await;
        let exhausted = result.as_ref().is_err_and(|error| error.exhausted);
        if exhausted && entry.returned < MAX_RETURNS {
            let page = Page::of(None, Disposition::Returned).with(aside(entry, &mut result));
            return Page { fault: Some(Fault::Exhausted), ..page };
        }
        let plan = &self.plan;
        let method = asked::method(entry, plan);
        let decision = retry::decide(&result, &method, entry.attempts, plan.retries, SystemTime::now());
        if let Decision { again: Some(after), signal } = decision {
            return Page::of(None, Disposition::Retry(after, signal)).with(aside(entry, &mut result));
        }
        let mut before = before.filter(|before| before.is_meant_by(&result));
        let mut found = match (&result, &mut before) {
            (_, Some(before)) => before.found(),
            (Ok(response), None) if response.body.refused.is_none() => {
                outlinks::read(response, entry, plan, self.fingerprinter, &self.known, &self.near).await
            }
            (_, None) => extract::Page::default(),
        };
        let content = match &result {
            // Boxed, so that its state is no part of every worker.
            Ok(response) if plan.reading.is_asked() && response.body.refused.is_none() => {
                Box::pin(plan.reading.read(response, entry, &found)).await
            }
            _ => None,
        };
        let response = result.as_ref().ok();
        let answered = response.or_else(|| result.as_ref().err()?.partial.as_deref());
        let on_public = answered.map(|response| response.is_public);
        let source = response.map_or(&entry.url, |response| &response.final_url).clone();
        let follow = self.follow(entry, source, on_public);
        let mut redirect = response
            .filter(|response| asked::may_follow(response, entry, plan))
            .and_then(|r| r.redirect.clone());
        let mut outcome = outcome_of(entry, plan).settle(result, plan.keep);
        if redirect.is_some() && usize::from(entry.redirects()) >= plan.max_redirects {
            redirect = None;
            outcome.fail(too_many_redirects(plan.max_redirects));
        }
        outcome = outcome.or_fallback(plan.fallback.as_ref());
        outcome.queue = Some(started.saturating_duration_since(entry.admitted));
        if let (Some(response), Some(before)) = (&mut outcome.response, before) {
            before.complete(response, plan.keep);
        }
        self.describe(&mut outcome, &mut found);
        if let Some(response) = &mut outcome.response {
            response.content = content;
        }
        let mut page = Page::done(outcome, decision.signal);
        if let Some(follow) = follow {
            // What a seed redirects to takes its place, and tells of the sitemaps of its own host: they get its root.
            let stands_here = redirect.is_none() || !entry.is_for_seed();
            let sitemaps = stands_here.then(|| self.sitemaps_of(entry, rules.as_deref())).flatten();
            page.harvest = follow.harvest(sitemaps, redirect, found).await;
        }
        page
    }

    /// Puts into the record what was read in the body.
    fn describe(&self, outcome: &mut Outcome, found: &mut extract::Page) {
        let keep = self.plan.keep;
        let Some(response) = &mut outcome.response else { return };
        (response.title, response.robots) = (found.title.take(), std::mem::take(&mut found.robots));
        if let Some(encoding) = found.charset {
            response.charset = Some(encoding.name().to_ascii_lowercase());
        }
        if keep.links && outcome.kind == OutcomeKind::Finished {
            response.links = Some(found.links.iter().map(LinkRecord::from).collect());
        }
    }

    /// How what was found at this URL is taken up, if anything is.
    fn follow<'a>(
        &'a self,
        entry: &'a Entry,
        source: CrawlUrl,
        on_public: Option<bool>,
    ) -> Option<Follow<'a>> {
        let scope = self.plan.follow.as_deref()?;
        let (selection, fingerprinter) = (&self.plan.selection, &self.fingerprinter);
        Some(Follow { selection, scope, fingerprinter, entry, source, on_public })
    }

    /// The sitemaps of its host, when they are wanted and it is the first to ask.
    fn sitemaps_of(&self, entry: &Entry, rules: Option<&Rules>) -> Option<Announcement> {
        let plan = &self.plan;
        let wanted = plan.sitemaps && plan.follow.is_some() && !outlinks::is_checked_only(entry, plan);
        wanted.then(|| self.announced.by(entry, rules, &self.fingerprinter)).flatten()
    }

    /// Who may not fetch a seed may still have been told of sitemaps.
    async fn harvest_of_denied(&self, entry: &Entry, fate: &Fate) -> Harvest {
        match (fate, self.follow(entry, entry.url.clone(), None)) {
            (Fate::RobotsDenied(rules), Some(follow)) => {
                follow.harvest(self.sitemaps_of(entry, Some(rules)), None, extract::Page::default()).await
            }
            _ => Harvest::default(),
        }
    }

    fn request(&self, entry: &Entry, rules: Option<Arc<Rules>>) -> Request {
        let plan = &self.plan;
        let paced =
            plan.politeness.is_paced(&entry.url) || rules.as_ref().is_some_and(|r| r.crawl_delay().is_some());
        let hops: Option<Arc<dyn HopPolicy>> = plan.follow.as_ref().map(|scope| {
            let (scope, root) = (Arc::clone(scope), entry.root().clone());
            let hops = CrawlHops { scope, root, rules, traps: plan.politeness.traps, paced };
            Arc::new(hops) as Arc<dyn HopPolicy>
        });
        let Asked { method, body, headers } = Asked::of(entry, plan);
        Request {
            url: entry.url.clone(),
            method,
            body,
            headers,
            validators: None,
            hops,
            home: entry.is_home(),
            from_public: entry.is_from_public(),
            max_body: maps::may_be_long(entry).then_some(plan.max_sitemap),
            max_redirects: None,
            filter: plan.filter.clone().filter(|_| !maps::is_asked_for(entry, plan)),
            // One more request, which would come before its time.
            resume: if plan.resume && !paced { plan.retries } else { 0 },
            capture: plan.keep.captures,
            hedge: !paced,
        }
    }

    async fn robots(&self, entry: &Entry, from_public: bool) -> Page {
        let capture = self.plan.keep.captures;
        let request = Request { from_public, capture, ..robots_txt::request(entry.url.clone()) };
        let mut result = tokio::select! {
            biased;
            () = self.stop.abort.cancelled() => return Page::of(None, Disposition::Returned),
            result = self.fetch.fetch(request) => result,
        };
        let aside = aside(entry, &mut result);
        if result.as_ref().is_err_and(|error| error.exhausted) && entry.returned < MAX_RETURNS {
            let page = Page::of(None, Disposition::Returned).with(aside);
            return Page { fault: Some(Fault::Exhausted), ..page };
        }
        let rules = match robots_txt::meaning(result, entry.attempts) {
            Meaning::Rules(body) => Ok(Rules::parse(&body, &self.plan.robots_token)),
            Meaning::Missing(_) => Ok(Rules::allow_all()),
            Meaning::Unavailable(down) => Err(down),
        };
        let wanted = match (self.plan.obey_robots, self.plan.sitemaps) {
            // Who led to this host may ask for it anywhere.
            _ if from_public && matches!(&rules, Err(down) if down.kind == ErrorKind::BlockedAddress) => {
                rules
            }
            (true, true) => rules,
            (true, false) => rules.map(Rules::without_sitemaps),
            (false, _) => Ok(rules.unwrap_or_default().without_rules()),
        };
        Page::of(None, Disposition::Robots(wanted)).with(aside)
    }

    fn cancelled(&self, entry: &Entry) -> Page {
        if self.plan.resumable && self.stop.kill.is_cancelled() {
            return Page::of(None, Disposition::Returned);
        }
        let mut outcome = outcome_of(entry, &self.plan);
        outcome.kind = OutcomeKind::Cancelled;
        let why = if self.stop.kill.is_cancelled() { "the run was stopped" } else { SIBLING_FAILED };
        outcome.error = Some(Failure::new(ErrorKind::Cancelled, Phase::Total, why));
        Page::done(outcome, HostSignal::Neutral)
    }

    fn panicked(&self, entry: &Entry, panic: &(dyn std::any::Any + Send)) -> Page {
        let message = panic_message(entry, panic);
        let mut outcome = outcome_of(entry, &self.plan);
        outcome.kind = OutcomeKind::Failed;
        outcome.error = Some(Failure::new(ErrorKind::Internal, Phase::Total, message.clone()));
        Page { fault: Some(Fault::Panic(message)), ..Page::done(outcome, HostSignal::Neutral) }
    }

    /// Without its robots.txt the host is not fetched, whoever is at fault.
    fn robots_panicked(&self, entry: &Entry, panic: &(dyn std::any::Any + Send)) -> Page {
        let message = panic_message(entry, panic);
        let down = RobotsDown { kind: ErrorKind::Internal, message: message.clone(), ask_again: None };
        Page { fault: Some(Fault::Panic(message)), ..Page::of(None, Disposition::Robots(Err(down))) }
    }
}

/// What a panic said, and about which URL.
fn panic_message(entry: &Entry, panic: &(dyn std::any::Any + Send)) -> String {
    let message = panic.downcast_ref::<&str>().map(|m| (*m).to_owned());
    let message = message.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    format!("panic while processing `{}`: {message}", entry.url)
}

/// What was exchanged, where no outcome will tell of it.
fn aside(entry: &Entry, result: &mut Result<Response, FetchError>) -> Option<Arc<Aside>> {
    let captures = match result {
        Ok(response) => std::mem::take(&mut response.captures),
        Err(error) => error.take_captures(),
    };
    if captures.is_empty() {
        return None;
    }
    let source = match &entry.found {
        Found::Seed { .. } => None,
        Found::Link { source, .. } => Some(source.clone()),
    };
    Some(Arc::new(Aside { captures, source, depth: entry.depth, attempts: entry.attempts }))
}

/// What became of an order.
struct Page {
    outcome: Option<Outcome>,
    disposition: Disposition,
    harvest: Harvest,
    fault: Option<Fault>,
    aside: Option<Arc<Aside>>,
}

impl Page {
    /// The end of a job, with what the host is to be told.
    fn done(outcome: Outcome, signal: HostSignal) -> Self {
        let failed = matches!(outcome.kind, OutcomeKind::Failed | OutcomeKind::Fallback);
        Self::of(Some(outcome), Disposition::Done { signal, failed })
    }

    fn of(outcome: Option<Outcome>, disposition: Disposition) -> Self {
        Self { outcome, disposition, harvest: Harvest::default(), fault: None, aside: None }
    }

    fn with(self, aside: Option<Arc<Aside>>) -> Self {
        Self { aside, ..self }
    }
}
