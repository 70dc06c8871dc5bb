//! Runs the built `gannet` as a user would: arguments, stdin, pipes, signals, an exit code.
//!
//! [`run`] and [`Call::run`] wait for the end, [`Call::start`] gives a process to talk to. Neither waits for ever: a
//! process that outlives [`PATIENCE`] is killed and fails the test with what it had printed.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// Long enough for a loaded machine, short enough to be called a hang.
pub(crate) const PATIENCE: Duration = Duration::from_secs(50);

/// A command line that is being put together.
pub(crate) struct Call {
    command: Command,
    stdin: Option<Vec<u8>>,
}

/// How a process ended, and what it printed.
#[derive(Debug)]
pub(crate) struct Ran {
    /// `None` when a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
    pub(crate) took: Duration,
}

/// A process under way, whose records are read one by one.
pub(crate) struct Live {
    child: Owned,
    stdin: Option<ChildStdin>,
    lines: Option<Receiver<String>>,
    stuck: Option<ChildStdout>,
    stderr: Stderr,
}

/// A process that does not outlive its test, however that ends.
struct Owned(Child);

impl Drop for Owned {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What came on stderr so far, and the thread that reads it.
struct Stderr {
    seen: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Stderr {
    fn read(mut pipe: impl Read + Send + 'static) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let buffer = Arc::clone(&seen);
        let reader = thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(length @ 1..) = pipe.read(&mut piece) {
                buffer.lock().unwrap().extend_from_slice(&piece[..length]);
            }
        });
        Self { seen, reader }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.seen.lock().unwrap()).into_owned()
    }
}

/// Runs `gannet` with these arguments and nothing on stdin.
pub(crate) fn run<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Ran {
    call(args).run()
}

/// Prepares `gannet` with these arguments.
pub(crate) fn call<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Call {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gannet"));
    command.args(args);
    Call::of(command)
}

/// Prepares a shell script in which `$0` is `gannet` and the arguments are `$1` and so on.
pub(crate) fn shell<A: AsRef<OsStr>>(script: &str, args: impl IntoIterator<Item = A>) -> Call {
    let mut command = Command::new("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_gannet")]).args(args);
    Call::of(command)
}

impl Call {
    fn of(mut command: Command) -> Self {
        for name in [
            "HTTP_PROXY",
            "HTTPS_PROXY",
            "ALL_PROXY",
            "NO_PROXY",
            "NO_COLOR",
            "COLUMNS",
            "GITHUB_STEP_SUMMARY",
        ] {
            command.env_remove(name).env_remove(name.to_lowercase());
        }
        // Nor what the machine's user has configured.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("GANNET_"))
        {
            command.env_remove(name);
        }
        command.env("XDG_CONFIG_HOME", "/nonexistent");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self { command, stdin: None }
    }

    pub(crate) fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.command.stdin(Stdio::piped());
        self.stdin = Some(bytes.into());
        self
    }

    /// Leaves stdin open, for [`Live::feed`].
    pub(crate) fn open_stdin(mut self) -> Self {
        self.command.stdin(Stdio::piped());
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Runs it in this directory.
    pub(crate) fn directory(mut self, directory: &std::path::Path) -> Self {
        self.command.current_dir(directory);
        self
    }

    pub(crate) fn stdout(mut self, to: impl Into<Stdio>) -> Self {
        self.command.stdout(to);
        self
    }

    /// Runs it at a terminal, and gives all that appears there.
    pub(crate) fn run_at_terminal(mut self) -> String {
        use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
        let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&terminal).unwrap();
        unlockpt(&terminal).unwrap();
        let name = ptsname(&terminal, Vec::new()).unwrap().into_string().unwrap();
        let end = File::options().read(true).write(true).open(name).unwrap();
        self.command.stdout(end.try_clone().unwrap()).stderr(end);
        let mut child = self.command.spawn().unwrap();
        // Also closes this process's copies of the terminal's other end, so that reading comes to one.
        drop(self);
        let screen = read_all(File::from(terminal));
        assert!(wait(&mut child, Instant::now()).is_some(), "still running after {PATIENCE:?}");
        String::from_utf8(screen.join().unwrap()).unwrap()
    }

    pub(crate) fn run(mut self) -> Ran {
        let started = Instant::now();
        let mut child = self.command.spawn().unwrap();
        let stdout = child.stdout.take().map(read_all);
        let stderr = read_all(child.stderr.take().unwrap());
        let feeder = self.feed(&mut child);
        let code = wait(&mut child, started);
        let stdout = stdout.map(|thread| thread.join().unwrap()).unwrap_or_default();
        let stderr = String::from_utf8(stderr.join().unwrap()).expect("stderr is UTF-8");
        if let Some(feeder) = feeder {
            feeder.join().unwrap();
        }
        let code = code.unwrap_or_else(|| panic!("still running after {PATIENCE:?}:\n{stderr}"));
        Ran { code, stdout, stderr, took: started.elapsed() }.sane()
    }

    /// Writes what was given for stdin and closes it.
    fn feed(&mut self, child: &mut Child) -> Option<JoinHandle<()>> {
        let (bytes, mut pipe) = (self.stdin.take()?, child.stdin.take()?);
        // A process that has read enough may close its stdin.
        Some(thread::spawn(move || drop(pipe.write_all(&bytes))))
    }

    /// Starts it; its stdout is read line by line.
    pub(crate) fn start(self) -> Live {
        let mut live = self.start_stuck();
        let stdout = live.stuck.take().unwrap();
        let (send, lines) = mpsc::channel();
        // Ends with the process, or when the test lets go of the lines.
        thread::spawn(move || {
            BufReader::new(stdout).lines().map_while(Result::ok).try_for_each(|line| send.send(line))
        });
        live.lines = Some(lines);
        live
    }

    /// Starts it with a reader that never reads its stdout.
    pub(crate) fn start_stuck(mut self) -> Live {
        let mut child = self.command.spawn().unwrap();
        let stderr = Stderr::read(child.stderr.take().unwrap());
        self.feed(&mut child);
        let (stdin, stuck) = (child.stdin.take(), child.stdout.take());
        Live { child: Owned(child), stdin, lines: None, stuck, stderr }
    }
}

impl Live {
    /// The next record; the test fails when none comes.
    pub(crate) fn record(&mut self) -> Value {
        let line = self.line();
        serde_json::from_str(&line).unwrap_or_else(|why| panic!("{why}: {line}"))
    }

    pub(crate) fn line(&mut self) -> String {
        self.lines.as_ref().unwrap().recv_timeout(PATIENCE).expect("a line in time")
    }

    pub(crate) fn stderr_so_far(&self) -> String {
        self.stderr.text()
    }

    pub(crate) fn feed(&mut self, bytes: impl AsRef<[u8]>) {
        self.stdin.as_mut().unwrap().write_all(bytes.as_ref()).unwrap();
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.0.try_wait().unwrap().is_none()
    }

    pub(crate) fn close_stdin(&mut self) {
        self.stdin = None;
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.0.id().try_into().unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// The reader goes away.
    pub(crate) fn close_stdout(&mut self) {
        self.stuck = None;
        self.lines = None;
    }

    /// Waits for the end; `stdout` holds the lines that were not taken as records.
    pub(crate) fn finish(mut self) -> Ran {
        let since = Instant::now();
        let code = wait(&mut self.child.0, since);
        let took = since.elapsed();
        let stdout: String = self.lines.iter().flatten().map(|line| line + "\n").collect();
        drop(self.stuck.take());
        let text = self.stderr.text();
        let code = code.unwrap_or_else(|| panic!("still running after {PATIENCE:?}:\n{text}"));
        let Stderr { seen, reader } = self.stderr;
        reader.join().unwrap();
        let stderr = String::from_utf8_lossy(&seen.lock().unwrap()).into_owned();
        Ran { code, stdout: stdout.into_bytes(), stderr, took }.sane()
    }

    /// Waits until this stands on stderr; `false` when it never does.
    pub(crate) fn stderr_has(&self, text: &str) -> bool {
        let since = Instant::now();
        while !self.stderr.text().contains(text) {
            if since.elapsed() > PATIENCE {
                return false;
            }
            thread::park_timeout(Duration::from_millis(5));
        }
        true
    }
}

fn read_all(mut pipe: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // A terminal whose other end is closed gives an error instead of an end.
        let _ = pipe.read_to_end(&mut bytes);
        bytes
    })
}

/// The exit code; `None` when the process had to be killed.
fn wait(child: &mut Child, started: Instant) -> Option<Option<i32>> {
    // There is no wait with a time limit in std: look again and again, but seldom enough.
    while started.elapsed() < PATIENCE {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status.code());
        }
        thread::park_timeout(Duration::from_millis(10));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    None
}

impl Ran {
    /// What must hold however a run ends.
    fn sane(self) -> Self {
        let text = &self.stderr;
        assert!(!text.contains("panicked") && !text.contains("RUST_BACKTRACE"), "{text}");
        assert!(!text.contains("NOT BALANCED"), "{text}");
        assert!(!text.contains("internal error"), "{text}");
        self
    }

    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stderr:\n{}\nstdout:\n{}", self.stderr, self.text());
        self
    }

    /// The error or warning names all of these.
    #[track_caller]
    pub(crate) fn says(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.stderr.contains(part), "no `{part}` in:\n{}", self.stderr);
        }
        self
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// All records; stdout holds nothing else.
    #[track_caller]
    pub(crate) fn records(&self) -> Vec<Value> {
        let text = std::str::from_utf8(&self.stdout).expect("stdout is UTF-8");
        assert!(text.is_empty() || text.ends_with('\n'), "a torn last line: {text:?}");
        let parse = |line: &str| match serde_json::from_str(line) {
            Ok(record @ Value::Object(_)) => record,
            other => panic!("{other:?}: {line}"),
        };
        text.lines().map(parse).collect()
    }

    /// The only record.
    #[track_caller]
    pub(crate) fn record(&self) -> Value {
        let mut records = self.records();
        assert_eq!(records.len(), 1, "{records:?}\n{}", self.stderr);
        records.remove(0)
    }

    /// A row of the summary.
    #[track_caller]
    pub(crate) fn row(&self, label: &str) -> &str {
        let row = self.stderr.lines().find_map(|line| line.strip_prefix("  ")?.strip_prefix(label));
        row.unwrap_or_else(|| panic!("no row `{label}` in:\n{}", self.stderr)).trim()
    }

    /// A number of the summary's balance, by the word after it; 0 when the word is not there.
    #[track_caller]
    pub(crate) fn count(&self, word: &str) -> u64 {
        let rows = format!("{} {}", self.row("came in"), self.row("came out"));
        let words: Vec<_> = rows.split([' ', '(', ')', ',']).filter(|w| !w.is_empty()).collect();
        let found = words.windows(2).find(|pair| pair[1] == word && pair[0].parse::<u64>().is_ok());
        found.map_or(0, |pair| pair[0].parse().unwrap())
    }

    /// Both sides of the balance, which must be equal.
    #[track_caller]
    pub(crate) fn balance(&self) -> u64 {
        let total = |row: &str| row.rsplit_once("= ").unwrap().1.parse::<u64>().unwrap();
        let (came_in, came_out) = (total(self.row("came in")), total(self.row("came out")));
        assert_eq!(came_in, came_out, "{}", self.stderr);
        let kinds = ["finished", "failed", "fallback", "skipped", "cancelled", "pending", "repeated"];
        assert_eq!(kinds.map(|kind| self.count(kind)).iter().sum::<u64>(), came_out, "{}", self.stderr);
        came_in
    }
}

/// A text field of a record; empty when it is not there.
pub(crate) fn text<'a>(record: &'a Value, field: &str) -> &'a str {
    record.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// How many records have this text in a field.
pub(crate) fn with(records: &[Value], field: &str, value: &str) -> usize {
    records.iter().filter(|record| text(record, field) == value).count()
}
