//! Runs what the settings say to its end: the ordinary path of every command that fetches.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::JoinHandle;
use std::time::Duration;

use gannet::crawl::{self, Progress, Recorder, Run, Summary};
use gannet::error::Error;
use gannet::frontier::{Limits, Scheduler};
use gannet::job::{Started, Writer};
use gannet::outcome::Record;
use gannet::sink;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;
use tokio::time::Interval;

use crate::cookies::CookieFiles;
use crate::exit::Code;
use crate::job::JobRun;
use crate::outputs::Output;
use crate::report::{self, Ticker};
use crate::settings::{Settings, Show};
use crate::signals::{Signal, Signals};

/// Open files that a thread needs for its runtime.
const FILES_OF_A_THREAD: usize = 4;

/// How long the outputs may take to end for somebody who asked twice.
const LAST_FLUSH: Duration = Duration::from_millis(300);

/// From so many workers on, memory is worth more than the last percents of CPU.
const MANY: usize = 500;

/// For everything that waits on one thread; the engine adds lanes with runtimes of their own.
pub(crate) fn runtime() -> Result<Runtime, Error> {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|why| Error::Io("cannot start the runtime".into(), why))
}

/// Runs a fetch or a crawl to its end and says how it went.
pub(crate) fn run_settings(settings: Settings) -> Result<Code, Error> {
    let Settings { mut plan, http, sources, outputs, mut job, cookies, show, fail_on, notices } = settings;
    let warn = |text: &str| {
        if show.warnings {
            report::warning(text);
        }
    };
    notices.iter().for_each(|notice| warn(notice));
    if let Some(most) = descriptors().map(connections) {
        if plan.workers > most {
            warn(&format!(
                "--workers {} is more than the open files allowed here; going on with {most}",
                plan.workers
            ));
            plan.workers = most;
        }
        plan.threads = plan.threads.min(1 + (most - plan.workers) / FILES_OF_A_THREAD);
    }
    if plan.workers >= MANY {
        small_pages();
    }
    // A reader that went away has had enough; another output that was cut for it is another matter.
    let only_output = outputs.len() == 1 && job.is_none();
    let runtime = runtime()?;
    let keeper = cookies.as_ref().and_then(CookieFiles::keep);
    let end = match &mut job {
        None => {
            let (recorder, receivers) = Recorder::new(outputs.len(), plan.capacity);
            let outputs = Outputs::start(outputs, receivers)?;
            runtime
                .block_on(async { watch(crawl::start(plan, http, sources, recorder), outputs, show).await })
        }
        Some(job) => {
            job.notices.iter().for_each(|notice| warn(notice));
            let (recorder, mut receivers) = Recorder::new(1, plan.capacity);
            let Started { store, past, recovery, writer, keeper } = job.start()?;
            if let Some(text) = report::recovered(&recovery) {
                warn(&text);
            }
            let outputs = Outputs::of_job(writer, receivers.remove(0), keeper)?;
            let frontier =
                Scheduler::new(store, plan.politeness.clone()).with_limits(Limits::within(job.memory()));
            runtime.block_on(async {
                let now = tokio::time::Instant::now().into_std();
                let frontier = if job.is_resumed() { frontier.resumed(now) } else { frontier };
                watch(crawl::start_over(frontier, past, plan, http, sources, recorder), outputs, show).await
            })
        }
    };
    // A producer may sit in a read, and a sink in a write, that never ends.
    runtime.shutdown_background();
    drop(keeper);
    let saved = cookies.map_or(Ok(()), |cookies| cookies.save());
    let End { summary, error, output_error, signal } = end?;
    if only_output && output_error.as_ref().is_some_and(Error::is_broken_pipe) {
        return Ok(Code::Done);
    }
    if let Some(job) =
        job.as_ref().filter(|_| error.is_none() && output_error.is_none() && summary.is_complete())
    {
        job.deliver()?;
    }
    if show.summary {
        report::summary(&summary, job.as_ref().map(JobRun::describe).as_deref(), show.verbose);
    }
    if summary.seeds == 0 && error.is_none() && signal.is_none() {
        warn("the input holds no URL");
    }
    if let Some(text) = report::ended(&summary) {
        warn(&text);
    }
    fail_on.why(&summary).iter().for_each(|text| warn(text));
    match output_error.or(error).or(saved.err()) {
        Some(error) => {
            if let Some(job) = &job {
                let name = job.directory().display();
                warn(&format!(
                    "the job in `{name}` has stopped; the same command goes on once this is put right"
                ));
            }
            Err(error)
        }
        None => Ok(signal.map_or_else(|| Code::for_run(&summary, &fail_on), Signal::code)),
    }
}

/// Follows a run to its end, and shows how it goes.
async fn watch(run: Run, outputs: Outputs, show: Show) -> Result<End, Error> {
    let ticker = show.progress.then(|| Ticker::start(run.progress()));
    let end = finish(run, outputs, show.warnings).await;
    drop(ticker);
    end
}

/// How many connections a limit on open files leaves: some are for files, pipes and the resolver.
fn connections(descriptors: u64) -> usize {
    let spare = (16 + descriptors / 8).min(64);
    usize::try_from(descriptors.saturating_sub(spare).max(1)).unwrap_or(usize::MAX)
}

/// How a run and its outputs ended.
struct End {
    summary: Summary,
    error: Option<Error>,
    output_error: Option<Error>,
    signal: Option<Signal>,
}

/// Waits for the run, then for its outputs, and heeds signals all the while.
async fn finish(run: Run, mut outputs: Outputs, say: bool) -> Result<End, Error> {
    let handle = run.handle();
    let mut lull = Lull::new(run.progress());
    let mut signals = Signals::listen(handle.clone(), say)?;
    let mut finish = std::pin::pin!(run.finish());
    let (summary, error) = loop {
        tokio::select! {
            end = &mut finish => break end,
            () = signals.next() => signals.heed(),
            hosts = lull.next(), if say => report::warning(&format!(
                "nothing to do for now: {hosts} must rest, for a delay between requests (--delay, Crawl-delay), a 429 or 503, or because it did not answer; --max-time bounds the wait"
            )),
        }
    };
    // The records of a run that was merely cut short may take their time; whoever insists does not want them.
    let output_error = loop {
        let insisted = signals.insisted;
        let overdue = async {
            match insisted {
                true => tokio::time::sleep(LAST_FLUSH).await,
                false => std::future::pending().await,
            }
        };
        tokio::select! {
            error = outputs.join() => break error,
            () = overdue => {
                let late = io::ErrorKind::TimedOut.into();
                break Some(Error::Io("the output did not take the last records".into(), late));
            }
            () = signals.next(), if !insisted => signals.insist(),
        }
    };
    Ok(End { summary, error, output_error, signal: signals.first })
}

/// A run in which every host waits looks like one that hangs: this notices, once.
struct Lull {
    progress: Arc<Progress>,
    ticks: Interval,
    quiet: u32,
    /// Outcomes when it was last looked: a fetch may fit between two looks.
    settled: u64,
}

impl Lull {
    /// So many seconds without anything in flight, and no outcome, are a lull.
    const SECONDS: u32 = 5;

    fn new(progress: Arc<Progress>) -> Self {
        let second = Duration::from_secs(1);
        let ticks = tokio::time::interval_at(tokio::time::Instant::now() + second, second);
        Self { progress, ticks, quiet: 0, settled: 0 }
    }

    /// Waits until there is a lull; gives the hosts that wait, in words.
    async fn next(&mut self) -> String {
        loop {
            self.ticks.tick().await;
            let waiting = self.progress.waiting_hosts.load(Relaxed);
            let settled = self.progress.settled.load(Relaxed);
            let is_still = std::mem::replace(&mut self.settled, settled) == settled;
            let is_quiet = is_still && waiting > 0 && self.progress.in_flight.load(Relaxed) == 0;
            self.quiet = match self.quiet {
                // Said already.
                quiet if quiet > Self::SECONDS => quiet,
                quiet if is_quiet => quiet + 1,
                _ => 0,
            };
            if self.quiet == Self::SECONDS {
                self.quiet += 1;
                return report::plural(waiting, "host");
            }
        }
    }
}

/// The threads behind a run, each awaited by a blocking task.
struct Outputs {
    threads: Vec<Box<dyn FnOnce() -> Result<(), Error> + Send>>,
    ends: JoinSet<Result<(), Error>>,
    error: Option<Error>,
}

impl Outputs {
    /// A thread for each output.
    fn start(
        outputs: Vec<Output>,
        receivers: Vec<tokio::sync::mpsc::Receiver<Record>>,
    ) -> Result<Self, Error> {
        let mut threads: Vec<Box<dyn FnOnce() -> Result<(), Error> + Send>> = Vec::new();
        for (Output { name, sink }, receiver) in outputs.into_iter().zip(receivers) {
            let thread = sink::spawn(sink, receiver).map_err(no_thread)?;
            threads.push(Box::new(move || match thread.join() {
                Ok(end) => end.map_err(|why| Error::Io(format!("cannot write {name}"), why)),
                Err(_) => Err(Error::Internal(format!("the thread that writes {name} panicked"))),
            }));
        }
        Ok(Self { threads, ends: JoinSet::new(), error: None })
    }

    /// The two threads of a job.
    fn of_job(
        writer: Writer,
        records: tokio::sync::mpsc::Receiver<Record>,
        keeper: JoinHandle<()>,
    ) -> Result<Self, Error> {
        let writer = writer.spawn(records).map_err(no_thread)?;
        let panicked = |_| Error::Internal("a thread of the job panicked".into());
        let writer = move || writer.join().map_err(panicked).and_then(|end| end);
        let keeper = move || keeper.join().map_err(panicked);
        Ok(Self { threads: vec![Box::new(writer), Box::new(keeper)], ends: JoinSet::new(), error: None })
    }

    /// Waits for all outputs to end and gives the first error. May be dropped and called again.
    async fn join(&mut self) -> Option<Error> {
        for end in self.threads.drain(..) {
            self.ends.spawn_blocking(end);
        }
        while let Some(end) = self.ends.join_next().await {
            let end = end.unwrap_or_else(|why| Err(Error::Internal(why.to_string())));
            self.error = self.error.take().or(end.err());
        }
        self.error.take()
    }
}

fn no_thread(why: io::Error) -> Error {
    Error::Io("cannot start a thread".into(), why)
}

/// Raises the soft limit on open files to the hard one; returns it.
pub(crate) fn descriptors() -> Option<u64> {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_ok();
        if raised { maximum } else { current }
    }
    #[cfg(not(unix))]
    None
}

/// Has the kernel give memory in pages of 4 KiB and not of 2 MiB, which connections by the thousand fill badly: with 5,000
/// of them a quarter of the memory is saved, for two percent of CPU (docs/performance.md).
fn small_pages() {
    #[cfg(target_os = "linux")]
    {
        // Where it is not to be had, it costs memory and nothing else.
        let _ = rustix::thread::disable_transparent_huge_pages(true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_run_that_keeps_a_delay_is_in_no_lull() {
        let progress = Arc::new(Progress::default());
        progress.waiting_hosts.store(1, Relaxed);
        let mut lull = Lull::new(Arc::clone(&progress));
        let pages = async {
            for _ in 0..10 {
                tokio::time::sleep(Duration::from_secs(4)).await;
                progress.settled.fetch_add(1, Relaxed);
            }
        };
        tokio::select! {
            _ = lull.next() => panic!("a page each 4 s"),
            () = pages => {}
        }
        let minute = Duration::from_secs(60);
        assert_eq!(tokio::time::timeout(minute, lull.next()).await.as_deref(), Ok("1 host"));
        assert!(tokio::time::timeout(minute, lull.next()).await.is_err(), "it is said once");
    }
}
