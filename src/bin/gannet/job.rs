//! What `--job DIR` adds to a run: the directory, which settings may change between its runs, and its outputs.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use clap::ArgMatches;
use gannet::content::{Duplicates, Kind, Ledger};
use gannet::crawl::Plan;
use gannet::error::Error;
use gannet::job::{Difference, Job, JobSink, Manifest, Started, Sync, deliver};
use gannet::url::redacted;
use siphash::fingerprint;

use crate::args::{Args, Command, JobArgs, Mode};
use crate::outputs::{Output, Places, Target, is_special, whole};
use crate::reports::Reports;

/// Settings that say what the job is. Any other may change from run to run.
const FIXED: &[&str] = &[
    "seeds",
    "scope",
    "check_external",
    "depth",
    "include",
    "exclude",
    "strip_query",
    "robots_token",
    "follow",
    "assets",
    "respect_nofollow",
    "sitemaps",
    "unique",
    "mode",
    "method",
    "data",
    "json",
    "output",
    "format",
    "fields",
    "report",
];
/// Settings that are no part of a job.
const PASSING: &[&str] = &["job", "quiet", "verbose", "progress", "what", "config", "no_config"];
/// Settings whose values may be secret.
pub(crate) const SECRET: &[&str] = &["headers", "proxy", "data", "json", "user", "bearer", "resolver"];
/// Settings that name files.
const FILES: &[&str] = &["seeds", "output"];

/// A job to run.
pub(crate) struct JobRun {
    job: Job,
    memory: u64,
    sync: Sync,
    /// What the writer keeps a file for, in the order of the manifest.
    targets: Vec<Target>,
    /// Those have one more.
    reports: Option<Reports>,
    mode: Mode,
    /// Outputs that are not tracked.
    others: Vec<Output>,
    free: BTreeMap<String, String>,
    /// What people are told first.
    pub(crate) notices: Vec<String>,
}

/// The words of a job that is to go on without being told its seeds again: those that made it, and then those that
/// are typed now.
pub(crate) fn remembered(args: &Args) -> Result<Option<Vec<OsString>>, Error> {
    let (run, name) = match &args.command {
        Command::Crawl(args) => (&args.run, "crawl"),
        Command::Fetch(args) => (&args.run, "fetch"),
        _ => return Ok(None),
    };
    let Some(directory) = run.job.job.as_ref().filter(|_| run.seeds.is_empty()) else { return Ok(None) };
    let whole = absolute(directory);
    let manifest = Manifest::read(directory)?;
    if manifest.arguments.first().map(String::as_str) != Some(name) {
        return Err(Error::Config(format!(
            "the job in `{}` is one of `gannet {}`",
            directory.display(),
            manifest.arguments.first().map_or("", String::as_str)
        )));
    }
    // What it was made with is meant from where that was typed.
    std::env::set_current_dir(&manifest.directory).map_err(|why| {
        Error::Io(format!("cannot go to `{}`, where the job was made", manifest.directory.display()), why)
    })?;
    let now = std::env::args().skip(2);
    let arguments = std::iter::once("gannet".to_owned()).chain(manifest.arguments).chain(now);
    let job = ["--job".to_owned(), whole.display().to_string()];
    Ok(Some(arguments.chain(job).map(OsString::from).collect()))
}

impl JobRun {
    /// Opens the job, or makes it, and checks that it is the one that is meant.
    pub(crate) fn open(
        directory: &Path,
        args: &JobArgs,
        places: Places,
        mode: Mode,
        plan: &Plan,
        typed: &ArgMatches,
    ) -> Result<Self, Error> {
        let (fixed, free) = settings(typed);
        let mut others = places.beside()?;
        let Places { mut targets, reports, .. } = places;
        // What was printed cannot be taken back.
        let passes =
            |target: &Target| target.is_stdout() && (mode == Mode::AsCompleted || target.is_archive());
        others.extend(targets.iter().filter(|target| passes(target)).map(Target::to_stdout));
        targets.retain(|target| !passes(target));
        if !Job::exists(directory) {
            targets.iter().try_for_each(Target::check_new)?;
        }
        let is_cut = |target: &&Target| mode == Mode::AsCompleted || target.is_archive();
        if let Some(target) = targets.iter().filter(is_cut).find(|target| is_special(&target.path)) {
            return Err(Error::Config(format!(
                "{} is no ordinary file, so a job cannot cut it to what is known to be written\nhint: use `-o -`, which may show a record twice after a crash",
                target.name()
            )));
        }
        let kept = targets.iter().enumerate().map(|(nth, target)| target.kept(directory, nth, mode));
        let kept = kept.chain(reports.iter().map(|_| Reports::kept(directory))).collect();
        let arguments = std::env::args().skip(1).collect();
        let job = Job::open(directory, Manifest::new(arguments, plan.unique, kept, fixed.clone()))?;
        let mut notices = Vec::new();
        if !job.is_new() {
            let differences = job.manifest().differences(&fixed);
            if !differences.is_empty() {
                return Err(refusal(directory, &differences));
            }
            for Difference { name, was, now } in job.manifest().changes(&free) {
                let [was, now] = [was, now].map(|value| value.unwrap_or_else(|| "not given".into()));
                notices.push(format!("--{} is {now} now (was {was})", flag(&name)));
            }
        }
        Ok(Self {
            job,
            memory: args.frontier_memory.0,
            sync: args.sync,
            targets,
            reports,
            mode,
            others,
            free,
            notices,
        })
    }

    /// The contents that the job has met, which it goes on to note.
    pub(crate) fn duplicates(&mut self, kind: Kind) -> Result<Duplicates, Error> {
        let all = Duplicates::with_key(kind, self.job.manifest().key);
        let path = self.directory().join("contents");
        let name = format!("`{}`", path.display());
        let ledger = Ledger::open(&path, &all).map_err(|why| Error::Io(format!("cannot use {name}"), why))?;
        self.others.push(Output { name, sink: Box::new(ledger) });
        Ok(all)
    }

    /// Begins a run.
    pub(crate) fn start(&mut self) -> Result<Started, Error> {
        let (mut cut, mode) = (0, self.mode);
        let kept = self.job.manifest().outputs.clone();
        let make = |(nth, length): (usize, u64)| match (self.targets.get(nth), &self.reports) {
            (None, Some(reports)) => reports.resume(&kept[nth], length),
            (Some(target), _) => target.resume(&kept[nth], length, mode, &mut cut),
            (None, None) => Err(Error::Internal("the job has an output too many".into())),
        };
        let mut started = self.job.start(self.free.clone(), self.memory, self.sync, make)?;
        if self.is_resumed() {
            started.recovery.records = cut;
        }
        for Output { name, sink } in self.others.drain(..) {
            started.writer.add(JobSink { name, sink, meter: None });
        }
        Ok(started)
    }

    /// Where it is.
    pub(crate) fn directory(&self) -> &Path {
        self.job.directory()
    }

    /// Bytes that URLs may take in memory.
    pub(crate) fn memory(&self) -> u64 {
        self.memory
    }

    /// Whether it ran before.
    pub(crate) fn is_resumed(&self) -> bool {
        !self.job.is_new()
    }

    /// How often it ran, and where its records are.
    pub(crate) fn describe(&self) -> String {
        let places: Vec<_> = self.targets.iter().map(Target::name).collect();
        format!(
            "run {} of `{}`; records in {}",
            self.job.manifest().runs,
            self.job.directory().display(),
            places.join(", ")
        )
    }

    /// Writes the ordered outputs of a job that is complete.
    pub(crate) fn deliver(&self) -> Result<(), Error> {
        if self.mode == Mode::AsCompleted {
            return Ok(());
        }
        for (kept, target) in self.job.manifest().outputs.iter().zip(&self.targets) {
            if target.has_no_order() {
                continue;
            }
            let (spool, encoder) = (&kept.path, target.encoder());
            let written = match target.is_stdout() {
                true => deliver(spool, &*encoder, io::stdout()),
                false => whole(&target.path, |file| deliver(spool, &*encoder, target.pack(file, 0))),
            };
            written.map_err(|why| target.cannot_write(why))?;
        }
        Ok(())
    }
}

/// What was typed, and what holds by default, in words: what must stay, and what may change.
fn settings(typed: &ArgMatches) -> (BTreeMap<String, String>, BTreeMap<String, String>) {
    let (mut fixed, mut free) = (BTreeMap::new(), BTreeMap::new());
    let Some((command, typed)) = typed.subcommand() else { return (fixed, free) };
    fixed.insert("command".to_owned(), command.to_owned());
    for id in typed.ids().map(clap::Id::as_str) {
        // Groups of arguments have an id too.
        let Ok(Some(values)) = typed.try_get_raw(id) else { continue };
        if PASSING.contains(&id) || id.chars().next().is_some_and(char::is_uppercase) {
            continue;
        }
        let values: Vec<_> = values.map(|value| value.to_string_lossy().into_owned()).collect();
        let value = match id {
            id if SECRET.contains(&id) => format!("(given, {:016x})", fingerprint(&values.join("\n"))),
            id if FILES.contains(&id) => {
                values.iter().map(|value| name_of(value)).collect::<Vec<_>>().join(" ")
            }
            _ => values.join(" "),
        };
        let settings = if FIXED.contains(&id) { &mut fixed } else { &mut free };
        settings.insert(id.to_owned(), value);
    }
    // What is remembered of a host's robots.txt is then its sitemaps alone, which must not pass for its rules.
    if fixed.get("sitemaps").is_some_and(|value| value == "true")
        && free.get("ignore_robots").is_some_and(|value| value == "true")
    {
        fixed.insert("sitemaps".to_owned(), "true with --ignore-robots".to_owned());
    }
    (fixed, free)
}

/// A file by its whole path, anything else as it may be shown.
fn name_of(value: &str) -> String {
    if value.contains("://") || value == "-" {
        redacted(value).into_owned()
    } else {
        match Path::new(value).exists() || value.contains('.') {
            true => absolute(Path::new(value)).display().to_string(),
            false => redacted(value).into_owned(),
        }
    }
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// The option's name as it is typed.
fn flag(name: &str) -> String {
    match name {
        "headers" => "header".into(),
        name => name.replace('_', "-"),
    }
}

fn refusal(directory: &Path, differences: &[Difference]) -> Error {
    let mut text = format!("the job in `{}` is another one:", directory.display());
    for Difference { name, was, now } in differences {
        let [was, now] = [was, now].map(|value| match value {
            Some(value) => format!("`{value}`"),
            None => "not given".to_owned(),
        });
        let name = match name.as_str() {
            "command" | "seeds" => name.clone(),
            name => format!("--{}", flag(name)),
        };
        text += &format!("\n  {name} was {was}, and is {now} now");
    }
    text += "\nhint: leave the seeds and these options out to go on with it, or name another directory";
    Error::Config(text)
}

mod siphash {
    //! A number that tells secrets apart without showing them.

    /// Not meant to keep a secret from somebody who guesses.
    pub(super) fn fingerprint(text: &str) -> u64 {
        gannet::url::Fingerprinter::with_key(0, 0).fingerprint_str(text)
    }
}
