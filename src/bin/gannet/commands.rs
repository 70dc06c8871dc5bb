//! The commands: each builds its settings, runs, and says how it went.

use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use clap::CommandFactory as _;
use gannet::crawl::{self, Ended, Handle, Recorder, Summary};
use gannet::error::Error;
use gannet::sink;
use tokio::runtime::{Builder, Runtime};

use crate::args::{Args, Command};
use crate::exit::Code;
use crate::report::{self, Ticker};
use crate::settings::{Output, Settings};

mod demo;
mod origin;

/// Descriptors that the process needs beside its connections.
const SPARE_DESCRIPTORS: u64 = 64;
/// How long the outputs may take to end after a kill.
const LAST_FLUSH: Duration = Duration::from_millis(300);

/// Runs what was typed.
pub(crate) fn run(args: Args) -> Result<Code, Error> {
    match args.command {
        Command::Crawl(args) => run_settings(Settings::crawl(args)?).map(|(code, _)| code),
        Command::Fetch(args) => run_settings(Settings::fetch(args)?).map(|(code, _)| code),
        Command::Demo(args) => demo::run(args),
        Command::Origin(args) => origin::run(args),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Args::command(), "gannet", &mut script);
            print(&script)
        }
        Command::Man => {
            let mut page = Vec::new();
            man(&mut page).map_err(|why| Error::Io("cannot render the manual".into(), why))?;
            print(&page)
        }
    }
}

/// The manual page: the command, then each of its subcommands.
fn man(page: &mut Vec<u8>) -> io::Result<()> {
    let mut command = Args::command();
    command.build();
    clap_mangen::Man::new(command.clone()).render(page)?;
    for subcommand in command.get_subcommands().filter(|c| c.get_name() != "help") {
        let man = clap_mangen::Man::new(subcommand.clone());
        man.render_name_section(page)?;
        man.render_synopsis_section(page)?;
        man.render_description_section(page)?;
        man.render_options_section(page)?;
    }
    Ok(())
}

/// Writes to stdout; a reader that went away is no error.
fn print(bytes: &[u8]) -> Result<Code, Error> {
    match io::stdout().write_all(bytes) {
        Err(why) if why.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::Io("cannot write to stdout".into(), why))
        }
        _ => Ok(Code::Done),
    }
}

/// One thread for everything that waits: a second costs more in wake-ups than it brings (docs/performance.md).
fn runtime() -> Result<Runtime, Error> {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|why| Error::Io("cannot start the runtime".into(), why))
}

/// Runs a fetch or a crawl to its end: the ordinary path of every command.
fn run_settings(settings: Settings) -> Result<(Code, Summary), Error> {
    let Settings { mut plan, http, sources, outputs, show, fail_on } = settings;
    let warn = |text: &str| {
        if show.warnings {
            report::warning(text);
        }
    };
    if let Some(most) = descriptors().map(|limit| limit.saturating_sub(SPARE_DESCRIPTORS).max(1) as usize)
        && plan.workers > most
    {
        warn(&format!(
            "--workers {} is more than the open files allowed here; going on with {most}",
            plan.workers
        ));
        plan.workers = most;
    }
    let (recorder, receivers) = Recorder::new(outputs.len(), plan.capacity);
    let outputs = Outputs::start(outputs, receivers)?;
    let runtime = runtime()?;
    let (summary, error, signal) = runtime.block_on(async {
        let run = crawl::start(plan, http, sources, recorder);
        let ticker = show.progress.then(|| Ticker::start(run.progress()));
        let mut signals = Signals::listen(run.handle())?;
        let mut finish = std::pin::pin!(run.finish());
        let (summary, error) = loop {
            tokio::select! {
                end = &mut finish => break end,
                () = signals.next() => signals.heed(),
            }
        };
        drop(ticker);
        Ok::<_, Error>((summary, error, signals.first))
    })?;
    // A producer may sit in a read that never ends.
    runtime.shutdown_background();
    let output_error = outputs.join(summary.ended == Ended::Stopped);
    let broken_pipe = output_error.as_ref().is_some_and(Error::is_broken_pipe);
    if broken_pipe {
        return Ok((Code::Done, summary));
    }
    if show.summary {
        report::summary(&summary, show.verbose);
    }
    if summary.seeds == 0 && error.is_none() && signal.is_none() {
        warn("the input holds no URL");
    }
    if let Some(text) = report::ended(&summary).filter(|_| show.warnings) {
        report::warning(&text);
    }
    if let Some(error) = output_error.or(error) {
        return Err(error);
    }
    Ok((signal.map_or_else(|| Code::for_run(&summary, fail_on), Signal::code), summary))
}

/// The threads of the sinks.
struct Outputs {
    threads: Vec<(String, JoinHandle<io::Result<()>>)>,
}

impl Outputs {
    fn start(
        outputs: Vec<Output>,
        receivers: Vec<tokio::sync::mpsc::Receiver<Arc<gannet::Outcome>>>,
    ) -> Result<Self, Error> {
        let threads = outputs.into_iter().zip(receivers).map(|(Output { name, sink }, receiver)| {
            sink::spawn(sink, receiver).map(|thread| (name, thread))
        });
        let threads = threads.collect::<io::Result<_>>();
        Ok(Self { threads: threads.map_err(|why| Error::Io("cannot start a thread".into(), why))? })
    }

    /// Waits for the outputs to end and gives the first error; not for long once the run was stopped.
    fn join(self, stopped: bool) -> Option<Error> {
        let deadline = Instant::now() + LAST_FLUSH;
        let mut error = None;
        let (ended, ends) = mpsc::channel();
        let count = self.threads.len();
        for (name, thread) in self.threads {
            let ended = ended.clone();
            std::thread::spawn(move || ended.send((name, thread.join())));
        }
        for _ in 0..count {
            let end = match stopped {
                false => ends.recv().ok(),
                true => {
                    ends.recv_timeout(deadline.saturating_duration_since(Instant::now()).max(LAST_FLUSH)).ok()
                }
            };
            let why = match end {
                Some((_, Ok(Ok(())))) => continue,
                Some((name, Ok(Err(why)))) => Error::Io(format!("cannot write {name}"), why),
                Some((_, Err(_))) => Error::Internal("an output thread panicked".into()),
                None => Error::Io(
                    "the output did not take the last records".into(),
                    io::ErrorKind::TimedOut.into(),
                ),
            };
            error.get_or_insert(why);
        }
        error
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Signal {
    Interrupt,
    Terminate,
}

impl Signal {
    fn code(self) -> Code {
        match self {
            Self::Interrupt => Code::Interrupted,
            Self::Terminate => Code::Terminated,
        }
    }
}

/// The first signal drains, the second kills.
struct Signals {
    handle: Handle,
    first: Option<Signal>,
    last: Option<Signal>,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    #[cfg(unix)]
    fn listen(handle: Handle) -> Result<Self, Error> {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| signal(kind).map_err(|why| Error::Io("cannot listen for signals".into(), why));
        let (interrupt, terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
        Ok(Self { handle, first: None, last: None, interrupt, terminate })
    }

    #[cfg(not(unix))]
    fn listen(handle: Handle) -> Result<Self, Error> {
        Ok(Self { handle, first: None, last: None })
    }

    async fn next(&mut self) {
        #[cfg(unix)]
        let signal = tokio::select! {
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.terminate.recv() => Signal::Terminate,
        };
        #[cfg(not(unix))]
        let signal = match tokio::signal::ctrl_c().await {
            Ok(()) => Signal::Interrupt,
            Err(_) => std::future::pending().await,
        };
        self.last = Some(signal);
    }

    fn heed(&mut self) {
        if self.first.is_some() {
            return self.handle.kill();
        }
        self.first = self.last;
        report::say(format_args!(
            "\ngannet: stopping; what is under way may finish within --grace, a second signal ends it at once"
        ));
        self.handle.drain();
    }
}

/// Raises the soft limit on open files to the hard one; returns it.
fn descriptors() -> Option<u64> {
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

/// Any free port on loopback.
fn loopback() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}
