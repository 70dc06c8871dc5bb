//! `gannet job DIR`: what a job directory holds.

use std::io::{self, BufWriter, Write as _};
use std::path::Path;

use bytesize::ByteSize;
use gannet::crawl::Summary;
use gannet::error::Error;
use gannet::frontier::store::{DiskState, Stock};
use gannet::job::{self, Kept, Kind, Manifest, Note};
use gannet::sink::printable_lines;

use crate::args::ShowJobArgs;
use crate::exit::Code;
use crate::report::{self, plural};

pub(super) fn run(args: ShowJobArgs) -> Result<Code, Error> {
    let directory = &args.directory;
    let manifest = Manifest::read(directory)?;
    match () {
        () if args.retry_failed => retry_failed(directory, manifest),
        () if args.pending => {
            let mut state = read(directory, &manifest)?;
            list(|print| state.pending(|_, url| print(url)).map_err(cannot_read))
        }
        () if args.failed => {
            let mut state = read(directory, &manifest)?;
            list(|print| state.failed(|entry| print(entry.url.as_str())).map_err(cannot_read))
        }
        () if args.verify => verify(directory, &manifest),
        () => show(directory, &manifest, args.json),
    }
}

/// The state of a job; one that runs is read between two of its checkpoints, which may take a few tries.
fn read(directory: &Path, manifest: &Manifest) -> Result<DiskState, Error> {
    let mut tries = 0;
    loop {
        tries += 1;
        match job::read_state(directory, manifest) {
            Err(_) if tries < 5 && job::holder(directory).is_some() => {}
            state => return state,
        }
    }
}

fn cannot_read(why: io::Error) -> Error {
    Error::Io("cannot read the frontier".into(), why)
}

/// Prints lines, URLs most often; a reader that went away has had enough.
fn list(each: impl FnOnce(&mut dyn FnMut(&str)) -> Result<(), Error>) -> Result<Code, Error> {
    let mut out = BufWriter::new(io::stdout().lock());
    let mut written = Ok(());
    each(&mut |line| {
        if written.is_ok() {
            written = writeln!(out, "{}", printable_lines(line));
        }
    })?;
    match written.and_then(|()| out.flush()) {
        Err(why) if why.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::Io("cannot write to stdout".into(), why))
        }
        _ => Ok(Code::Done),
    }
}

fn show(directory: &Path, manifest: &Manifest, json: bool) -> Result<Code, Error> {
    let state = read(directory, manifest)?;
    let stock = state.stock();
    let note = Note::from_bytes(&state.note)?.with_decided(&stock);
    let mut summary = Summary::of_note(&note);
    summary.pending = stock.waiting + stock.out + stock.aside + note.seeds_open(stock.undecided);
    let sources = state.sources();
    summary.input_left = manifest.runs > 0 && sources.values().any(|(_, ended)| !ended);
    let text = match json {
        true => as_json(directory, manifest, &state, stock, &summary),
        false => as_text(directory, manifest, &state, stock, &summary),
    };
    list(|print| {
        print(text.trim_end());
        Ok(())
    })
}

fn as_json(
    directory: &Path,
    manifest: &Manifest,
    state: &DiskState,
    stock: Stock,
    summary: &Summary,
) -> String {
    let skipped: serde_json::Map<_, _> =
        summary.skipped.iter().map(|(skip, n)| (skip.as_str().to_owned(), (*n).into())).collect();
    let outputs: Vec<_> = manifest
        .outputs
        .iter()
        .zip(&state.outputs)
        .map(
            |(Kept { path, kind }, length)| serde_json::json!({"path": path, "kind": kind, "length": length}),
        )
        .collect();
    let value = serde_json::json!({
        "directory": directory, "format": manifest.format, "gannet": manifest.gannet, "created": manifest.created,
        "last_run": manifest.last_run, "runs": manifest.runs, "running": job::holder(directory),
        "complete": summary.is_complete() && stock.undecided == 0,
        "seeds": summary.seeds, "discovered": summary.discovered, "finished": summary.finished,
        "failed": summary.failed, "fallback": summary.fallback, "skipped": skipped,
        "cancelled": summary.cancelled, "dropped": summary.dropped, "pending": summary.pending,
        "undecided": stock.undecided, "balanced": summary.is_balanced(), "in_flight": stock.out,
        "to_retry_on_request": stock.failed, "hosts": stock.hosts, "seen": stock.seen,
        "frontier_bytes": stock.bytes, "outputs": outputs, "last_commit": last_commit(directory),
        "fixed": manifest.fixed, "free": manifest.free,
    });
    value.to_string()
}

fn as_text(
    directory: &Path,
    manifest: &Manifest,
    state: &DiskState,
    stock: Stock,
    summary: &Summary,
) -> String {
    let mut text = String::new();
    let mut row = |label: &str, value: String| report::row(&mut text, label, &value);
    row("job", format!("{} (format {}, gannet {})", directory.display(), manifest.format, manifest.gannet));
    let last = manifest.last_run.as_deref().unwrap_or("never");
    row("runs", format!("made {}; ran {}, last from {last}", manifest.created, times(manifest.runs)));
    let complete = summary.is_complete() && stock.undecided == 0;
    row(
        "state",
        match (job::holder(directory), complete) {
            (Some(who), _) => format!("running: process {}", who.replace(' ', " on ")),
            (None, true) => "complete".into(),
            (None, false) => "stopped; the same command goes on".into(),
        },
    );
    row("came in", report::came_in(summary));
    row("came out", report::came_out(summary));
    let mut pending = format!("{} to fetch, {} under way when it was last saved", stock.waiting, stock.out);
    if stock.aside + stock.undecided > 0 {
        pending += &format!(", {} to record, {} links not decided", stock.aside, stock.undecided);
    }
    row("pending", pending);
    row("failed", format!("{} kept for --retry-failed", stock.failed));
    row("hosts", stock.hosts.to_string());
    if let Some(seen) = stock.seen {
        row("seen", plural(seen, "URL"));
    }
    let urls = stock.seen.unwrap_or(summary.seeds + summary.discovered).max(1);
    let each = stock.bytes as f64 / urls as f64;
    row("frontier", format!("{} on disk, {each:.0} bytes a URL", ByteSize(stock.bytes)));
    for (Kept { path, kind }, length) in manifest.outputs.iter().zip(&state.outputs) {
        let size = match kind {
            Kind::File | Kind::Packed => ByteSize(*length).to_string(),
            Kind::Archive => format!("{} in all its parts", ByteSize(*length)),
            Kind::Rows => plural(*length, "row"),
        };
        row("output", format!("`{}`, {size}", path.display()));
    }
    let sync = manifest.free.get("sync").map_or("1s", String::as_str);
    row("saved", format!("last commit {}; --sync {sync}", last_commit(directory).unwrap_or("never".into())));
    for (source, (line, ended)) in state.sources() {
        let how = if *ended { "to its end".to_owned() } else { format!("up to line {line}") };
        row("input", format!("source {source} read {how}"));
    }
    for (label, settings) in [("fixed", &manifest.fixed), ("last run", &manifest.free)] {
        let settings: Vec<_> = settings.iter().map(|(name, value)| format!("{name}={value}")).collect();
        row(label, settings.join(" "));
    }
    text
}

fn times(count: u32) -> String {
    if count == 1 { "once".into() } else { format!("{count} times") }
}

/// When the journal was last written.
fn last_commit(directory: &Path) -> Option<String> {
    let files = std::fs::read_dir(directory.join("frontier")).ok()?.flatten();
    let times = files.filter_map(|file| file.metadata().ok()?.modified().ok());
    Some(humantime::format_rfc3339_seconds(times.max()?).to_string())
}

fn verify(directory: &Path, manifest: &Manifest) -> Result<Code, Error> {
    if let Some(who) = job::holder(directory) {
        return Err(Error::Config(format!(
            "the job is running (process {who}): it can be checked when it is not"
        )));
    }
    if job::is_cut_short(directory) {
        let why = format!("putting failed URLs back was cut short in `{}`", directory.display());
        return Err(Error::Config(
            why + "\nhint: `gannet job DIR --retry-failed`, or the next run, completes it",
        ));
    }
    let mut state = read(directory, manifest)?;
    let stock = state.stock();
    let numbers = Note::from_bytes(&state.note)?.with_decided(&stock).numbers(stock.undecided);
    let findings = job::verify(&mut state, manifest, numbers)?;
    let wrong = findings.iter().filter(|finding| finding.how.is_err()).count() as u64;
    list(|print| {
        for finding in &findings {
            match &finding.how {
                Ok(found) => print(&format!("ok     {}: {found}", finding.what)),
                Err(why) => print(&format!("WRONG  {}: {why}", finding.what)),
            }
        }
        Ok(())
    })?;
    match wrong {
        0 => Ok(Code::Done),
        wrong => Err(Error::Internal(format!(
            "the job in `{}` is damaged: {}",
            directory.display(),
            plural(wrong, "check")
        ))),
    }
}

/// Puts failed URLs back, and takes their records out.
fn retry_failed(directory: &Path, manifest: Manifest) -> Result<Code, Error> {
    let count = job::retry_failed(&job::Job::open(directory, manifest)?)?;
    report::say(format_args!("{} put back; run the job again to fetch them", plural(count, "URL")));
    Ok(Code::Done)
}
