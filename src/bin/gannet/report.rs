//! What people read on stderr: progress while a run goes on, its summary, errors and warnings.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytesize::ByteSize;
use gannet::crawl::{Ended, Progress, Summary};
use gannet::error::Error;
use gannet::fetch::Connections;
use gannet::frontier::HostLimit;
use gannet::frontier::store::Recovery;
use gannet::sink::{Mirrored, printable, printable_lines};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::settings::use_colour;

/// How often a bar is drawn, and a line is written where there is no terminal.
const BAR_EVERY: Duration = Duration::from_millis(200);
const LINE_EVERY: Duration = Duration::from_secs(2);

/// A line on stderr. Nobody has to read it: that stderr is closed or full ends no run.
pub(crate) fn say(line: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// `error: …`, with the hint on its own line.
pub(crate) fn error(error: &Error) {
    say(format_args!("{} {}", paint("error:", "1;31"), printable_lines(&error.to_string())));
}

/// `warning: …`.
pub(crate) fn warning(text: &str) {
    say(format_args!("{} {}", paint("warning:", "1;33"), printable_lines(text)));
}

/// `mirror: …`, once its links are rewritten.
pub(crate) fn mirrored(directory: &Path, mirrored: Mirrored) {
    let name = directory.display().to_string();
    let (files, links) = (plural(mirrored.files, "file"), plural(mirrored.links, "link"));
    say(format_args!("mirror: {files} below `{}`, {links} rewritten", printable(&name)));
}

fn paint(text: &str, code: &str) -> String {
    if use_colour(&io::stderr()) { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}

/// Shows progress from a thread of its own until dropped.
pub(crate) struct Ticker {
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    pub(crate) fn start(progress: Arc<Progress>) -> Self {
        let (stop, stopped) = mpsc::channel();
        let thread = std::thread::spawn(move || tick(&progress, &stopped));
        Self { stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It only draws; should it have panicked, the run is none the worse.
            let _ = thread.join();
        }
    }
}

fn tick(progress: &Progress, stopped: &mpsc::Receiver<()>) {
    let terminal = io::stderr().is_terminal();
    let bar = terminal.then(|| {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        bar.set_style(
            ProgressStyle::with_template("{spinner} {elapsed} {wide_msg}")
                .unwrap_or_else(|_| ProgressStyle::default_spinner()),
        );
        bar
    });
    let (started, mut last) = (Instant::now(), (Instant::now(), 0, 0));
    let every = if terminal { BAR_EVERY } else { LINE_EVERY };
    while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(every) {
        let line = progress_line(progress, &mut last);
        match &bar {
            Some(bar) => {
                bar.set_message(line);
                bar.tick();
            }
            None => say(format_args!("{:>4}s {line}", started.elapsed().as_secs())),
        }
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
}

fn progress_line(progress: &Progress, last: &mut (Instant, u64, u64)) -> String {
    let get = |counter: &std::sync::atomic::AtomicU64| counter.load(Relaxed);
    let (settled, bytes) = (get(&progress.settled), get(&progress.wire_bytes));
    let seconds = last.0.elapsed().as_secs_f64().max(1e-3);
    let rate = |now: u64, before: u64| (now.saturating_sub(before)) as f64 / seconds;
    let mut line = format!(
        "{:.0} pages/s {}/s | {} done of {} | {} queued, {} in flight, {} to retry | {} failed, {} with status ≥400",
        rate(settled, last.1),
        ByteSize(rate(bytes, last.2) as u64),
        settled,
        get(&progress.known),
        get(&progress.queued),
        get(&progress.in_flight),
        get(&progress.retrying),
        get(&progress.failed),
        get(&progress.http_errors),
    );
    let (waiting, hosts) = (get(&progress.waiting_hosts), get(&progress.hosts));
    if waiting > 0 {
        let _ = write!(line, " | {waiting} of {hosts} hosts wait");
    }
    if get(&progress.reduced_to) > 0 {
        let _ = write!(line, " | out of descriptors or ports: {} at once", get(&progress.reduced_to));
    }
    *last = (Instant::now(), settled, bytes);
    line
}

/// What was left out when a job was opened, if anything was.
pub(crate) fn recovered(recovery: &Recovery) -> Option<String> {
    let mut parts = Vec::new();
    if recovery.torn > 0 {
        parts.push(format!("{} at the end of its journal were cut off half-way", ByteSize(recovery.torn)));
    }
    if recovery.dropped > 0 {
        let what = plural(recovery.dropped, "commit");
        parts.push(format!(
            "{what} may not have reached the disk before the machine went down, and is left out"
        ));
    }
    if recovery.records > 0 {
        parts
            .push(format!("{} of records at the end of its outputs are cut off", ByteSize(recovery.records)));
    }
    let text = parts.join("; ");
    (!text.is_empty()).then(|| format!("the job did not end in order: {text}; these pages are fetched again"))
}

/// Prints what a run came to; of a job, what it came to in all its runs.
pub(crate) fn summary(summary: &Summary, job: Option<&str>, verbose: bool) {
    let seconds = summary.elapsed.as_secs_f64();
    let settled = summary.settled() - summary.earlier;
    let mut text = String::new();
    let rate = settled as f64 / seconds.max(1e-3);
    let _ = writeln!(
        text,
        "{} {} in {} ({rate:.0}/s)",
        paint("gannet:", "1"),
        plural(settled, "URL"),
        time(summary.elapsed)
    );
    if let Some(job) = job {
        row(&mut text, "job", job);
    }
    row(&mut text, "came in", &came_in(summary));
    row(&mut text, "came out", &came_out(summary));
    if !summary.statuses.is_empty() {
        row(&mut text, "status", &statuses(&summary.statuses));
    }
    for (nth, (kind, group)) in summary.errors.iter().enumerate() {
        let label = if nth == 0 { "errors" } else { "" };
        let what =
            format!("{:>7} {kind}, e.g. {}: {}", group.count, short(&group.example), short(&group.message));
        row(&mut text, label, &what);
    }
    if summary.links.found > 0 {
        let rejected: u64 = summary.links.rejected.values().sum();
        let mut links = format!(
            "{} on pages; {} known already, {rejected} not followed",
            summary.links.found, summary.links.seen
        );
        for (reason, count) in &summary.links.rejected {
            let _ = write!(links, ", {} {count}", reason.as_str());
        }
        row(&mut text, "links", &links);
    }
    if summary.unchanged > 0 {
        row(&mut text, "unchanged", &format!("{} as in the earlier run", plural(summary.unchanged, "page")));
    }
    if summary.duplicates > 0 {
        row(
            &mut text,
            "duplicates",
            &format!("{} with the content of another", plural(summary.duplicates, "page")),
        );
    }
    let tries = format!(
        "{} tried again, {} robots.txt, {}{}",
        summary.retries,
        summary.robots,
        plural(summary.host_count, "host"),
        if summary.more_hosts() { " or more" } else { "" }
    );
    row(&mut text, "requests", &tries);
    let Connections { opened, requests } = summary.connections;
    if verbose && opened > 0 {
        let each = requests as f64 / opened as f64;
        let sent = format!("{requests} sent over {}, {each:.1} each", plural(opened, "connection"));
        row(&mut text, "", &sent);
    }
    let volume =
        format!("{} on the wire, {} decoded", ByteSize(summary.wire_bytes), ByteSize(summary.body_bytes));
    row(&mut text, "bytes", &volume);
    row(&mut text, "latency", &percentiles(&summary.latency));
    row(&mut text, "queue wait", &percentiles(&summary.queue_wait));
    slowest_hosts(&mut text, summary, if verbose { 10 } else { 3 });
    if verbose {
        host_limits(&mut text, summary);
    }
    if let Some(peak) = peak_memory() {
        row(&mut text, "memory", &format!("{peak} at most"));
    }
    say(format_args!("{}", text.trim_end()));
}

pub(crate) fn row(text: &mut String, label: &str, value: &str) {
    let _ = writeln!(text, "  {label:<11}{}", printable(value));
}

pub(crate) fn came_in(summary: &Summary) -> String {
    format!(
        "{} + {} found = {}",
        plural(summary.seeds, "seed"),
        plural(summary.discovered, "link"),
        summary.seeds + summary.discovered
    )
}

pub(crate) fn came_out(summary: &Summary) -> String {
    let mut text = format!("{} finished + {} failed", summary.finished, summary.failed);
    if summary.fallback > 0 {
        let _ = write!(text, " + {} fallback", summary.fallback);
    }
    let skipped = summary.skipped_total();
    let _ = write!(text, " + {skipped} skipped");
    for (nth, (skip, count)) in summary.skipped.iter().enumerate() {
        let _ = write!(text, "{}{} {count}", if nth == 0 { " (" } else { ", " }, skip.as_str());
    }
    if skipped > 0 {
        text.push(')');
    }
    let _ = write!(text, " + {} cancelled + {} pending", summary.cancelled, summary.pending);
    if summary.dropped > 0 {
        let _ = write!(text, " + {} repeated and dropped", summary.dropped);
    }
    let _ = write!(text, " = {}", summary.settled() + summary.pending + summary.dropped);
    if !summary.is_balanced() {
        text.push_str("  NOT BALANCED: please report this");
    }
    text
}

fn statuses(statuses: &BTreeMap<u16, u64>) -> String {
    let mut classes: BTreeMap<u16, Vec<(u16, u64)>> = BTreeMap::new();
    for (status, count) in statuses {
        classes.entry(status / 100).or_default().push((*status, *count));
    }
    let class = |(class, statuses): (&u16, &Vec<(u16, u64)>)| {
        let total: u64 = statuses.iter().map(|(_, count)| count).sum();
        let each: Vec<_> = statuses.iter().map(|(status, count)| format!("{status}: {count}")).collect();
        format!("{class}xx {total} ({})", each.join(", "))
    };
    classes.iter().map(class).collect::<Vec<_>>().join("   ")
}

fn percentiles(histogram: &hdrhistogram::Histogram<u64>) -> String {
    if histogram.is_empty() {
        return "no fetch ended".into();
    }
    let at = |quantile| time(Duration::from_micros(histogram.value_at_quantile(quantile)));
    let max = time(Duration::from_micros(histogram.max()));
    format!("p50 {}   p95 {}   p99 {}   max {max}", at(0.5), at(0.95), at(0.99))
}

fn slowest_hosts(text: &mut String, summary: &Summary, most: usize) {
    if summary.hosts.len() < 2 {
        return;
    }
    let mut hosts: Vec<_> =
        summary.hosts.iter().map(|(name, t)| (t.time / t.fetches.max(1) as u32, t.fetches, name)).collect();
    hosts.sort_unstable_by(|a, b| b.cmp(a));
    for (nth, (mean, fetches, name)) in hosts.into_iter().take(most).enumerate() {
        let what = format!("{name}  {} on average over {fetches}", time(mean));
        row(text, if nth == 0 { "slowest" } else { "" }, &what);
    }
}

/// What `--adaptive` found out.
fn host_limits(text: &mut String, summary: &Summary) {
    for (nth, HostLimit { host, limit, answers }) in summary.host_limits.iter().enumerate() {
        let what = format!("{host}  {limit} at once, by {}", plural(*answers, "request"));
        row(text, if nth == 0 { "adaptive" } else { "" }, &what);
    }
}

/// The line that says why a run ended early, if it did.
pub(crate) fn ended(summary: &Summary) -> Option<String> {
    let left = summary.pending;
    let text = match summary.ended {
        Ended::Done => return None,
        Ended::MaxPages | Ended::MaxTime if left == 0 && !summary.input_left => return None,
        Ended::MaxPages => format!("stopped at --max-pages; {}", left_over(summary)),
        Ended::MaxTime => format!("stopped at --max-time; {}", left_over(summary)),
        Ended::FailFast => {
            format!("stopped at the first failure; {} cancelled", plural(summary.cancelled, "sibling"))
        }
        Ended::Stopped => {
            format!("stopped on request; {} known and not fetched", plural(left + summary.cancelled, "URL"))
        }
        Ended::Broken => return None,
    };
    Some(text)
}

fn left_over(summary: &Summary) -> String {
    match (summary.pending, summary.input_left) {
        (0, _) => "the input was not read to its end".into(),
        (left, false) => format!("{} pending", plural(left, "URL")),
        (left, true) => format!("{} pending, and the input may hold more", plural(left, "URL")),
    }
}

fn time(duration: Duration) -> String {
    match duration.as_secs_f64() {
        s if s < 0.001 => format!("{:.0} µs", s * 1e6),
        s if s < 0.1 => format!("{:.1} ms", s * 1e3),
        s if s < 1.0 => format!("{:.0} ms", s * 1e3),
        s if s < 100.0 => format!("{s:.1} s"),
        s => humantime::format_duration(Duration::from_secs(s as u64)).to_string(),
    }
}

/// `1 URL`, `2 URLs`.
pub(crate) fn plural(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// One line of at most a hundred characters, without what could upset a terminal.
fn short(text: &str) -> String {
    const MOST: usize = 100;
    let clean: String = printable(text).chars().take(MOST).collect();
    if text.chars().nth(MOST).is_some() { clean + "…" } else { clean }
}

/// The most memory that was resident, where the system tells.
fn peak_memory() -> Option<ByteSize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(ByteSize::kib(kib))
}
