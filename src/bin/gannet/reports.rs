//! Reports that are made at the end of a run (`--report`, and the suffixes of `-o` that are none of records).
//!
//! All reports of a run share one file in which facts wait; each is then written as a whole, so a run that dies leaves the
//! one of the run before, or none.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::SystemTime;

use gannet::error::Error;
use gannet::job::{JobSink, Kept, Kind, Tracked};
use gannet::report::{self, FactLines, Facts, LinkForm, Lists};
use gannet::sink::{Late, Make};

use crate::command_line;
use crate::fail_on;
use crate::outputs::{Output, is_special, whole};

/// What `--report` takes: a kind, and where it goes.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    pub(crate) kind: ReportKind,
    /// `None` is stdout.
    pub(crate) path: Option<PathBuf>,
}

/// What a report is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReportKind {
    Junit,
    Html,
    Links(LinkForm),
    Github,
}

/// Their names.
const KINDS: &[(&str, ReportKind)] = &[
    ("junit", ReportKind::Junit),
    ("html", ReportKind::Html),
    ("links", ReportKind::Links(LinkForm::Text)),
    ("github", ReportKind::Github),
];

/// The ends of file names that make `-o FILE` a report.
const SUFFIXES: &[(&str, ReportKind)] = &[
    (".html", ReportKind::Html),
    (".htm", ReportKind::Html),
    (".md", ReportKind::Links(LinkForm::Markdown)),
];

/// The forms of a report on links by the ends of file names.
const LINK_FORMS: &[(&str, LinkForm)] =
    &[(".md", LinkForm::Markdown), (".txt", LinkForm::Text), (".json", LinkForm::Json)];

impl FromStr for Report {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, path) = match text.split_once(':') {
            Some((name, path)) => (name, Some(PathBuf::from(path))),
            None => (text, None),
        };
        let kind = KINDS.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind);
        let names = || KINDS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        let kind = kind.ok_or_else(|| format!("there is no report `{name}`, only {}", names()))?;
        if path.as_ref().is_some_and(|path| path.as_os_str().is_empty()) {
            return Err(format!("`{name}:` names no file"));
        }
        let path = path.filter(|path| path != Path::new("-"));
        let kind = match (kind, &path) {
            (ReportKind::Links(_), Some(path)) => {
                ReportKind::Links(link_form(path).ok_or_else(|| {
                    format!("`{}`: a report on links is .md, .txt or .json", path.display())
                })?)
            }
            (kind, _) => kind,
        };
        Ok(Self { kind, path })
    }
}

fn link_form(path: &Path) -> Option<LinkForm> {
    let name = path.file_name()?.to_string_lossy().to_ascii_lowercase();
    LINK_FORMS.iter().find(|(suffix, _)| name.ends_with(suffix)).map(|(_, form)| *form)
}

impl Report {
    /// The report that `-o` asks for with this file, if it is one.
    pub(crate) fn of_output(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_string_lossy().to_ascii_lowercase();
        let (_, kind) = SUFFIXES.iter().find(|(suffix, _)| name.ends_with(suffix))?;
        Some(Self { kind: *kind, path: Some(path.to_owned()) })
    }

    /// Whether it goes to stdout. Workflow commands go to stderr: the runner reads them there too.
    fn is_for_stdout(&self) -> bool {
        self.path.is_none() && self.kind != ReportKind::Github
    }

    fn name(&self) -> String {
        self.path.as_ref().map_or_else(
            || if self.is_for_stdout() { "stdout" } else { "stderr" }.into(),
            |path| format!("`{}`", path.display()),
        )
    }

    /// Makes it of these facts.
    fn write(&self, facts: &Facts, run: &About) -> io::Result<()> {
        let write = |out: &mut dyn Write| match self.kind {
            ReportKind::Junit => report::junit(facts, &run.failing, out),
            ReportKind::Html => {
                let command = Some(command_line::shown(std::env::args()));
                report::html(facts, &report::About { command, made: SystemTime::now() }, out)
            }
            ReportKind::Links(form) => report::links(facts, &run.lists, form, out),
            ReportKind::Github => report::github(facts, &run.lists, out),
        };
        let written = match &self.path {
            None if self.kind == ReportKind::Github => {
                write(&mut io::stderr().lock()).and_then(|()| summarise_step(facts, &run.lists))
            }
            None => write(&mut io::stdout().lock()),
            Some(path) => whole(path, |file: &File| {
                let mut out = BufWriter::with_capacity(256 << 10, file);
                write(&mut out)?;
                out.flush()
            }),
        };
        written.map_err(|why| io::Error::new(why.kind(), format!("{}: {why}", self.name())))
    }
}

/// Adds the report to the summary of the step, where the runner of GitHub says that one is wanted.
fn summarise_step(facts: &Facts, lists: &Lists) -> io::Result<()> {
    let Some(path) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty()) else {
        return Ok(());
    };
    let add = || {
        let mut file = File::options().append(true).create(true).open(&path)?;
        let used = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
        file.write_all(&report::step_summary(facts, lists, used)?)
    };
    add().map_err(|why: io::Error| {
        io::Error::new(why.kind(), format!("`{}` of GITHUB_STEP_SUMMARY: {why}", Path::new(&path).display()))
    })
}

/// What the sink of all reports is called; the report that could not be written is in the error.
pub(crate) const NAME: &str = "a report";

/// What reports know of a run besides its outcomes.
#[derive(Clone, Debug)]
pub(crate) struct About {
    /// The statuses of failures.
    pub(crate) failing: Vec<RangeInclusive<u16>>,
    /// The names of the lists of seeds.
    pub(crate) lists: Lists,
}

impl Default for About {
    /// Nothing was said with `--fail-on`.
    fn default() -> Self {
        Self { failing: vec![fail_on::BAD], lists: Lists::new() }
    }
}

/// All reports of a run.
#[derive(Clone, Debug)]
pub(crate) struct Reports {
    reports: Vec<Report>,
    pub(crate) run: About,
}

impl Reports {
    /// `None` if there are none.
    pub(crate) fn of(asked: &[Report]) -> Result<Option<Self>, Error> {
        if asked.iter().filter(|report| report.is_for_stdout()).count() > 1 {
            return Err(Error::Config("only one report can go to stdout\nhint: --report KIND:FILE".into()));
        }
        for path in asked.iter().filter_map(|report| report.path.as_ref()) {
            // It is written at the end: too late to find out that it cannot be.
            let directory = path.parent().filter(|directory| *directory != Path::new(""));
            let cannot = format!("cannot write a report to `{}`", path.display());
            if path.is_dir() || directory.is_some_and(|directory| !directory.is_dir()) {
                return Err(Error::Config(format!("{cannot}: it is a directory, or is to be in none")));
            }
            if !is_special(path) {
                let directory = directory.unwrap_or(Path::new("."));
                tempfile::tempfile_in(directory).map_err(|why| Error::Io(cannot, why))?;
            }
        }
        Ok((!asked.is_empty()).then(|| Self { reports: asked.to_vec(), run: About::default() }))
    }

    /// Makes them of these facts.
    pub(crate) fn write(&self, facts: &Facts) -> io::Result<()> {
        self.reports.iter().try_for_each(|report| report.write(facts, &self.run))
    }

    /// Where they go, but for streams.
    pub(crate) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        self.reports.iter().filter_map(|report| report.path.as_ref())
    }

    /// Whether one of them goes to stdout.
    pub(crate) fn use_stdout(&self) -> bool {
        self.reports.iter().any(Report::is_for_stdout)
    }

    /// Whether they are about links.
    pub(crate) fn need_links(&self) -> bool {
        self.reports.iter().any(|report| match report.kind {
            ReportKind::Junit => false,
            ReportKind::Html | ReportKind::Links(_) | ReportKind::Github => true,
        })
    }

    fn make(&self, path: &Path) -> Make {
        let (reports, facts) = (self.clone(), Facts::of(path));
        Box::new(move || reports.write(&facts))
    }

    /// A sink for a run that is no job.
    pub(crate) fn open(&self) -> Result<Output, Error> {
        let cannot = |why| Error::Io("cannot make a temporary file for the reports".into(), why);
        let (file, path) = tempfile::NamedTempFile::new().map_err(cannot)?.into_parts();
        let make = self.make(&path);
        // The file goes when its path does, which must be after it was read.
        let waiting = Waiting { out: file, path: path.to_path_buf() };
        let make = Box::new(move || make().and_then(|()| path.close()));
        Ok(Output { name: NAME.into(), sink: Box::new(Late::new(FactLines, waiting, 0, make)) })
    }

    /// The file in which facts wait in a job.
    pub(crate) fn kept(job: &Path) -> Kept {
        let path = job.join("facts.jsonl");
        Kept { path: std::path::absolute(&path).unwrap_or(path), kind: Kind::File }
    }

    /// Opens that file at this length.
    pub(crate) fn resume(&self, kept: &Kept, length: u64) -> Result<JobSink, Error> {
        let cannot = |why| Error::Io(format!("cannot write `{}`", kept.path.display()), why);
        let out = Tracked::open(&kept.path, length).map_err(cannot)?;
        let meter = Some(out.meter());
        let waiting = Waiting { out, path: kept.path.clone() };
        let sink = Late::new(FactLines, waiting, length, self.make(&kept.path));
        Ok(JobSink { name: NAME.into(), sink: Box::new(sink), meter })
    }
}

/// The file in which facts wait. Its errors name it: nobody asked for that file, and its disk may be another one.
struct Waiting<W> {
    out: W,
    path: PathBuf,
}

impl<W: Write> Write for Waiting<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let path = &self.path;
        let named = |why: io::Error| {
            io::Error::new(why.kind(), format!("what it is made of, in `{}`: {why}", path.display()))
        };
        self.out.write(bytes).map_err(named)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_for_temporary_files_is_named() {
        let Ok(out) = File::options().write(true).open("/dev/full") else { return };
        let why = Waiting { out, path: "/tmp/facts".into() }.write(b"x").unwrap_err();
        assert!(why.to_string().starts_with("what it is made of, in `/tmp/facts`: No space"), "{why}");
        assert_eq!(why.kind(), io::ErrorKind::StorageFull);
    }
}
