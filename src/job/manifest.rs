//! `job.json`: what a job is. Written when it is made and at the start of each run, replaced as a whole.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::output::Kept;
use crate::error::Error;
use crate::frontier::store::disk::files::write_atomically;

/// The version of the job directory. Those back to [`OLDEST`] are read, and are of this one from their next run on; any
/// other is refused. 4: seeds may have options, and what descends from them a tag.
pub(super) const FORMAT: u32 = 4;
const OLDEST: u32 = 3;

/// What a job is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of the directory.
    pub format: u32,
    /// The version of gannet that made it.
    pub gannet: String,
    /// When it was made (RFC 3339).
    pub created: String,
    /// When it last began to run (RFC 3339).
    pub last_run: Option<String>,
    /// How often it ran.
    pub runs: u32,
    /// The boot of the machine in which it last ran.
    pub boot_id: Option<String>,
    /// The key of its fingerprints.
    pub key: (u64, u64),
    /// Each URL once.
    pub unique: bool,
    /// The command line that made it, without the program.
    pub arguments: Vec<String>,
    /// Where that was typed.
    pub directory: PathBuf,
    /// What the writer keeps: files that records go to.
    pub outputs: Vec<Kept>,
    /// Settings that must stay as they are.
    pub fixed: BTreeMap<String, String>,
    /// Settings of the last run that may change.
    pub free: BTreeMap<String, String>,
}

/// A setting that is not what it was; `None` where there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Its name.
    pub name: String,
    /// What the job has.
    pub was: Option<String>,
    /// What is asked for.
    pub now: Option<String>,
}

impl Manifest {
    /// A new job with a random key.
    pub fn new(
        arguments: Vec<String>,
        unique: bool,
        outputs: Vec<Kept>,
        fixed: BTreeMap<String, String>,
    ) -> Self {
        Self {
            format: FORMAT,
            gannet: env!("CARGO_PKG_VERSION").to_owned(),
            created: now(),
            last_run: None,
            runs: 0,
            boot_id: None,
            key: (fastrand::u64(..), fastrand::u64(..)),
            unique,
            arguments,
            directory: std::env::current_dir().unwrap_or_default(),
            outputs,
            fixed,
            free: BTreeMap::new(),
        }
    }

    /// Where it stands in a job directory.
    pub(super) fn path(directory: &Path) -> PathBuf {
        directory.join("job.json")
    }

    /// Reads that of a job directory.
    ///
    /// # Errors
    /// When there is none, or it is damaged or of another format.
    pub fn read(directory: &Path) -> Result<Self, Error> {
        let path = Self::path(directory);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => {
                return Err(Error::Config(format!("there is no job in `{}`", directory.display())));
            }
            Err(why) => return Err(Error::Io(format!("cannot read `{}`", path.display()), why)),
        };
        let damaged =
            |why: serde_json::Error| Error::Config(format!("`{}` is damaged: {why}", path.display()));
        let value: serde_json::Value = serde_json::from_slice(&bytes).map_err(damaged)?;
        match value.get("format").and_then(serde_json::Value::as_u64) {
            Some(format) if (u64::from(OLDEST)..=u64::from(FORMAT)).contains(&format) => {
                serde_json::from_value(value).map_err(damaged)
            }
            Some(format) => Err(Error::Config(format!(
                "the job in `{}` is of format {format}; this gannet reads formats {OLDEST} to {FORMAT}\nhint: go on with the version that made it ({})",
                directory.display(),
                value.get("gannet").and_then(serde_json::Value::as_str).unwrap_or("unknown"),
            ))),
            None => Err(Error::Config(format!("`{}` is no job of gannet", path.display()))),
        }
    }

    pub(super) fn write(&self, directory: &Path, sync: bool) -> Result<(), Error> {
        let path = Self::path(directory);
        let text = serde_json::to_string_pretty(self).map_err(|why| Error::Internal(why.to_string()))?;
        write_atomically(&path, &[text.as_bytes(), b"\n"], sync)
            .map_err(|why| Error::Io(format!("cannot write `{}`", path.display()), why))
    }

    pub(super) fn begin_run(&mut self, free: BTreeMap<String, String>, boot_id: Option<String>) {
        self.format = FORMAT;
        self.runs += 1;
        self.last_run = Some(now());
        self.free = free;
        self.boot_id = boot_id;
    }

    /// What of `fixed` is not as it was.
    pub fn differences(&self, fixed: &BTreeMap<String, String>) -> Vec<Difference> {
        differences(&self.fixed, fixed)
    }

    /// What of `free` is not as in the last run.
    pub fn changes(&self, free: &BTreeMap<String, String>) -> Vec<Difference> {
        differences(&self.free, free)
    }
}

fn differences(was: &BTreeMap<String, String>, now: &BTreeMap<String, String>) -> Vec<Difference> {
    let names: std::collections::BTreeSet<_> = was.keys().chain(now.keys()).collect();
    let differs = |name: &&String| was.get(*name) != now.get(*name);
    let difference = |name: &String| Difference {
        name: name.clone(),
        was: was.get(name).cloned(),
        now: now.get(name).cloned(),
    };
    names.into_iter().filter(differs).map(difference).collect()
}

fn now() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}
