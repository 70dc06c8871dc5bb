//! A job directory under test: commands over it, kills at random moments, and what must hold afterwards.
//!
//! [`Desk`] is a temporary directory with the job and its outputs in it. [`Desk::kill_until_done`] runs a command,
//! kills it, looks whether the job is sound, and runs it again, until it ends by itself. How often it kills says
//! `GANNET_KILLS` (default 3), from which seed on `GANNET_SEED` (default 1); both are printed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gannet::origin::{Expect, Faults, Graph, Latency, Site};
use gannet::sink::Codec;
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::cli_crawl::{expected, verdict};
use crate::gannet::{Ran, call, run, text};
use crate::web::Web;

pub(crate) const MS: Duration = Duration::from_millis(1);

/// A URL that was out at so many kills is given up.
pub(crate) const DEADLY: usize = 5;

/// See the module.
pub(crate) struct Desk(TempDir);

impl Desk {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn name(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn job(&self) -> String {
        self.name("job")
    }

    /// A command line with `--job`.
    pub(crate) fn args(&self, args: &[&str]) -> Vec<String> {
        args.iter().map(|arg| (*arg).to_owned()).chain(["--job".to_owned(), self.job()]).collect()
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        run(self.args(args))
    }

    /// `gannet job DIR` and more.
    pub(crate) fn show(&self, args: &[&str]) -> Ran {
        run(["job".to_owned(), self.job()].into_iter().chain(args.iter().map(|arg| (*arg).to_owned())))
    }

    /// The state of the job, which must balance.
    #[track_caller]
    pub(crate) fn state(&self) -> Value {
        let state: Value = serde_json::from_slice(&self.show(&["--json"]).exits(0).stdout).unwrap();
        assert_eq!(state["balanced"], true, "{state:#}");
        state
    }

    #[track_caller]
    pub(crate) fn verify(&self) {
        let ran = self.show(&["--verify"]);
        assert_eq!(ran.code, Some(0), "{}{}", ran.text(), ran.stderr);
    }

    /// Runs `args` and kills it after a random time of `from` to `to` ms, [`kills`] times; then lets it end.
    pub(crate) fn kill_until_done(
        &self,
        args: &[String],
        random: &mut Random,
        (from, to): (u64, u64),
    ) -> Ran {
        for life in 0..kills() {
            let live = call(args).start();
            std::thread::park_timeout(MS * u32::try_from(random.range(from, to)).unwrap());
            live.signal(Signal::KILL);
            let ran = live.finish();
            if ran.code.is_some() {
                println!("ended by itself in life {life}");
                return ran;
            }
            println!("killed");
            // Killed before it was written down: there is no job yet.
            if self.path("job/job.json").exists() {
                self.state();
                if life % 3 == 0 {
                    self.verify();
                }
            }
        }
        call(args).run()
    }

    /// What must hold when a job is through.
    #[track_caller]
    pub(crate) fn assert_over(&self) {
        let state = self.state();
        assert_eq!((&state["complete"], &state["pending"]), (&true.into(), &0.into()), "{state:#}");
        self.verify();
        assert_eq!(self.show(&["--pending"]).exits(0).text(), "");
    }
}

/// How often a run is killed.
pub(crate) fn kills() -> usize {
    number("GANNET_KILLS", 3) as usize
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |value| value.parse().expect("a number"))
}

/// Random numbers that can be had again.
pub(crate) struct Random(fastrand::Rng);

impl Random {
    /// Prints the seed, which a failed test shows.
    pub(crate) fn new(name: &str) -> Self {
        let seed = number("GANNET_SEED", 1);
        println!("{name}: GANNET_SEED={seed} GANNET_KILLS={}", kills());
        Self(fastrand::Rng::with_seed(seed ^ (name.len() as u64) << 32))
    }

    pub(crate) fn range(&mut self, from: u64, to: u64) -> u64 {
        self.0.u64(from..=to)
    }
}

/// Several hosts with some of every fault that takes no time of its own.
pub(crate) fn troubled(pages: u64) -> Site {
    let faults = Faults {
        errors: 0.03,
        flaky: 0.004,
        resets: 0.02,
        redirects: 0.06,
        loops: 0.02,
        truncated: 0.02,
        ..Faults::default()
    };
    let latency = Latency::Uniform(MS, 12 * MS);
    Site { hosts: 5, pages, faults, latency, record: true, ..Site::default() }
}

/// The arguments of a crawl through all hosts of such a site.
pub(crate) fn everywhere(web: &Web) -> Vec<String> {
    let seed = web.graph().seeds().next().unwrap();
    let args = ["crawl", &seed, "--scope", "any", "--retries", "1", "--workers", "20"];
    args.map(str::to_owned).into()
}

/// The records of a file, none of them torn.
#[track_caller]
pub(crate) fn records(path: &Path) -> Vec<Value> {
    let text = plain_text(path);
    let (_, path) = Codec::of(path);
    assert!(text.is_empty() || text.ends_with('\n'), "a torn last line");
    match path.extension().and_then(|suffix| suffix.to_str()) {
        Some("json") => serde_json::from_str(&text).unwrap(),
        Some("csv") => csv_records(&text, b','),
        Some("tsv") => csv_records(&text, b'\t'),
        _ => text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}")))
            .collect(),
    }
}

/// What a file holds, whether compressed or not.
#[track_caller]
pub(crate) fn plain_text(path: &Path) -> String {
    let file = File::open(path).unwrap();
    let mut text = String::new();
    match Codec::of(path) {
        (Some(codec), _) => codec.reader(file).unwrap().read_to_string(&mut text).unwrap(),
        (None, _) => (&file).read_to_string(&mut text).unwrap(),
    };
    text
}

fn csv_records(text: &str, delimiter: u8) -> Vec<Value> {
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(text.as_bytes());
    let headers = reader.headers().unwrap().clone();
    let record = |row: csv::StringRecord| {
        headers.iter().zip(row.iter()).map(|(k, v)| (k.to_owned(), Value::from(v))).collect()
    };
    reader.records().map(|row| record(row.unwrap())).collect()
}

/// What became of each URL, of records in any form; a URL may be there once.
#[track_caller]
pub(crate) fn fates(records: &[Value]) -> BTreeMap<String, [String; 3]> {
    let word = |record: &Value, field: &str| match &record[field] {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let fate = |record| ["outcome", "status_code", "error_kind"].map(|field| word(record, field));
    let fates: BTreeMap<_, _> = records.iter().map(|record| (word(record, "url"), fate(record))).collect();
    assert_eq!(fates.len(), records.len(), "a URL has two records");
    fates
}

/// Each URL of the web has one record, which says what the web says.
#[track_caller]
pub(crate) fn assert_truth(records: &[Value], graph: &Graph) {
    fates(records);
    let is_deadly = |record: &&Value| text(record, "error").starts_with("the process ended");
    let deadly = records.iter().filter(is_deadly).count();
    assert!(deadly == 0 || kills() >= DEADLY, "{deadly} URLs were given up too soon");
    let found = records.iter().filter(|record| !is_deadly(record));
    let found: BTreeMap<_, _> = found.map(|r| (text(r, "url").to_owned(), verdict(r))).collect();
    let truth: BTreeMap<_, Expect> = graph.truth().map(|(url, e)| (url.clone(), expected(e, &url))).collect();
    let wrong: Vec<_> = found.iter().filter(|(url, fate)| truth.get(*url) != Some(fate)).collect();
    assert!(wrong.is_empty(), "not so: {wrong:?}");
    let urls: BTreeSet<_> = records.iter().map(|record| text(record, "url")).collect();
    let missed: Vec<_> = truth.keys().filter(|url| !urls.contains(url.as_str())).collect();
    assert!(missed.is_empty(), "missed: {missed:?}");
}

/// The same things, in any order; shows what only one side has.
#[track_caller]
pub(crate) fn assert_same<T: Ord + std::fmt::Debug>(
    found: impl IntoIterator<Item = T>,
    expected: impl IntoIterator<Item = T>,
) {
    let [found, expected]: [BTreeSet<T>; 2] = [found.into_iter().collect(), expected.into_iter().collect()];
    let more: Vec<_> = found.difference(&expected).take(10).collect();
    let missing: Vec<_> = expected.difference(&found).take(10).collect();
    assert!(more.is_empty() && missing.is_empty(), "too much: {more:?}\nmissing: {missing:?}");
}

/// The same things in the same order; shows where they part.
#[track_caller]
pub(crate) fn assert_in_order<T: PartialEq + std::fmt::Debug>(found: &[T], expected: &[T]) {
    let at = found.iter().zip(expected).position(|(a, b)| a != b);
    assert!(at.is_none(), "at {at:?}: {:?}, not {:?}", found[at.unwrap()], expected[at.unwrap()]);
    assert_eq!(found.len(), expected.len());
}
