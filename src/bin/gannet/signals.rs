//! SIGINT and SIGTERM: the first drains the run, the second kills it.

use gannet::crawl::Handle;
use gannet::error::Error;

use crate::exit::Code;
use crate::report;

/// What a person, or a supervisor, asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    Interrupt,
    Terminate,
}

impl Signal {
    pub(crate) fn code(self) -> Code {
        match self {
            Self::Interrupt => Code::Interrupted,
            Self::Terminate => Code::Terminated,
        }
    }
}

/// The first signal drains, the second kills.
pub(crate) struct Signals {
    handle: Handle,
    /// Whether people are told.
    say: bool,
    /// The signal that decides the exit code.
    pub(crate) first: Option<Signal>,
    last: Option<Signal>,
    /// Somebody asked twice, or when only the outputs were left to end.
    pub(crate) insisted: bool,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    #[cfg(unix)]
    pub(crate) fn listen(handle: Handle, say: bool) -> Result<Self, Error> {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| signal(kind).map_err(|why| Error::Io("cannot listen for signals".into(), why));
        let (interrupt, terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
        Ok(Self { handle, say, first: None, last: None, insisted: false, interrupt, terminate })
    }

    #[cfg(not(unix))]
    pub(crate) fn listen(handle: Handle, say: bool) -> Result<Self, Error> {
        Ok(Self { handle, say, first: None, last: None, insisted: false })
    }

    /// Waits for the next signal; [`heed`](Self::heed) it then.
    pub(crate) async fn next(&mut self) {
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

    pub(crate) fn heed(&mut self) {
        if self.first.is_some() {
            return self.insist();
        }
        self.first = self.last;
        if self.say {
            report::say(format_args!(
                "\ngannet: stopping; what is under way may finish within --grace, a second signal ends it at once"
            ));
        }
        self.handle.drain();
    }

    /// Ends everything at once.
    pub(crate) fn insist(&mut self) {
        self.first = self.first.or(self.last);
        self.insisted = true;
        self.handle.kill();
    }
}
