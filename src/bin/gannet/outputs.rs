//! Where records go: which form an output has, and what writes it.
//!
//! The suffix of a file says its form ([`SUFFIXES`]), `--format` that of stdout. Opening an output empties it, so all that
//! can be said against any of them is said first. A job opens the same forms at the length that its journal names.

use std::fs::File;
use std::io::{self, IsTerminal as _, Write};
use std::path::{Path, PathBuf};

use gannet::error::Error;
use gannet::job::{JobSink, Kept, Kind, Spool, Tracked};
use gannet::seeds::Source;
use gannet::sink::{Bodies, Csv, Encoder, Human, Json, JsonLines, Lines, Ordered, Sink};

use crate::args::{Format, Mode, OutputArgs};
use crate::reports::Reports;
use crate::settings::use_colour;

/// A sink, and what to call it.
pub(crate) struct Output {
    pub(crate) name: String,
    pub(crate) sink: Box<dyn Sink>,
}

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Human,
    Jsonl,
    Json,
    Csv,
}

/// The ends of file names, the longest first where one is the end of another.
const SUFFIXES: &[(&str, Form)] = &[
    (".jsonl", Form::Jsonl),
    (".ndjson", Form::Jsonl),
    (".json", Form::Json),
    (".csv", Form::Csv),
    (".txt", Form::Human),
    (".log", Form::Human),
];

impl Form {
    /// The form of a file by its name.
    fn of(path: &Path) -> Result<Self, Error> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        if let Some((_, form)) = SUFFIXES.iter().find(|(suffix, _)| name.ends_with(suffix)) {
            return Ok(*form);
        }
        match path.extension().and_then(|suffix| suffix.to_str()) {
            // Devices and pipes have no suffix.
            None => Ok(Self::Jsonl),
            Some(other) => Err(Error::Config(format!(
                "`{}`: no format is known for `.{other}`\nhint: use .jsonl, .json, .csv or .txt, or say --format",
                path.display()
            ))),
        }
    }

    /// What makes bytes of a record, for stdout or for a file.
    fn encoder(self, fields: Option<&[String]>, to_stdout: bool) -> Box<dyn Encoder> {
        let fields = fields.map(<[String]>::to_vec);
        match self {
            Self::Human => Box::new(Human::new(to_stdout && use_colour(&io::stdout()))),
            Self::Json => Box::new(Json::new(fields)),
            Self::Csv => Box::new(Csv::new(fields).for_terminal(to_stdout && io::stdout().is_terminal())),
            Self::Jsonl => Box::new(JsonLines::new(fields)),
        }
    }
}

/// One place that records go to, and the form that they have there.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) path: PathBuf,
    pub(crate) form: Form,
    fields: Option<Vec<String>>,
}

/// All places that a run writes to.
pub(crate) struct Places {
    pub(crate) targets: Vec<Target>,
    pub(crate) reports: Option<Reports>,
    /// Of `--save-bodies`.
    bodies: Option<PathBuf>,
}

impl Places {
    /// Those that were asked for; `job` is the directory of the job, if there is one. A report takes the place of records on
    /// stdout, unless `-o -` is given.
    pub(crate) fn of(output: &OutputArgs, job: Option<&Path>) -> Result<Self, Error> {
        let default = match job {
            Some(job) => vec![job.join(records_of(output.format))],
            None if output.report.is_empty() => vec![PathBuf::from("-")],
            None => Vec::new(),
        };
        let files = if output.output.is_empty() { &default } else { &output.output };
        for (nth, path) in files.iter().enumerate() {
            if files[..nth].iter().any(|other| identity(other) == identity(path)) {
                return Err(Error::Config(format!("`{}` is given twice as output", path.display())));
            }
        }
        let targets = files.iter().map(|path| Target::of(path, output)).collect::<Result<_, _>>()?;
        let reports = Reports::of(&output.report)?;
        if output.output.iter().any(|path| is_stdout(path))
            && reports.as_ref().is_some_and(Reports::use_stdout)
        {
            let hint = "give the report a file, as in --report KIND:FILE";
            return Err(Error::Config(format!("both records and a report would go to stdout\nhint: {hint}")));
        }
        Ok(Self { targets, reports, bodies: output.save_bodies.clone() })
    }

    /// Whether links are to be kept for one of them, whatever records show.
    pub(crate) fn need_links(&self) -> bool {
        self.targets.iter().any(Target::needs_links) || self.reports.as_ref().is_some_and(Reports::need_links)
    }

    /// Whether records appear on a terminal.
    pub(crate) fn use_terminal(&self) -> bool {
        self.targets.iter().any(Target::is_stdout) && io::stdout().is_terminal()
    }

    /// Opens all of them for a run that is no job.
    pub(crate) fn open(&self, mode: Mode) -> Result<Vec<Output>, Error> {
        let mut outputs =
            self.targets.iter().map(|target| target.open(mode)).collect::<Result<Vec<_>, _>>()?;
        outputs.extend(self.reports.as_ref().map(Reports::open).transpose()?);
        outputs.extend(self.beside()?);
        Ok(outputs)
    }

    /// Sinks that are no records: files which are the same however often they are written.
    pub(crate) fn beside(&self) -> Result<Vec<Output>, Error> {
        let Some(directory) = &self.bodies else { return Ok(Vec::new()) };
        let bodies = Bodies::new(directory.clone())
            .map_err(|why| Error::Io(format!("cannot make `{}`", directory.display()), why))?;
        Ok(vec![Output { name: format!("bodies below `{}`", directory.display()), sink: Box::new(bodies) }])
    }
}

/// The file of a job's records when no other is named.
fn records_of(format: Format) -> &'static str {
    match format {
        Format::Csv => "records.csv",
        Format::Json => "records.json",
        Format::Human => "records.txt",
        Format::Auto | Format::Jsonl => "records.jsonl",
    }
}

impl Target {
    fn of(path: &Path, output: &OutputArgs) -> Result<Self, Error> {
        let form = match output.format {
            Format::Auto if is_stdout(path) && io::stdout().is_terminal() => Form::Human,
            Format::Auto if is_stdout(path) => Form::Jsonl,
            Format::Auto => Form::of(path)?,
            Format::Human => Form::Human,
            Format::Jsonl => Form::Jsonl,
            Format::Json => Form::Json,
            Format::Csv => Form::Csv,
        };
        Ok(Self { path: path.to_owned(), form, fields: output.fields.clone() })
    }

    /// What to call it.
    pub(crate) fn name(&self) -> String {
        if self.is_stdout() { "stdout".into() } else { format!("`{}`", self.path.display()) }
    }

    pub(crate) fn is_stdout(&self) -> bool {
        is_stdout(&self.path)
    }

    fn needs_links(&self) -> bool {
        match self.form {
            Form::Human | Form::Jsonl | Form::Json | Form::Csv => false,
        }
    }

    pub(crate) fn encoder(&self) -> Box<dyn Encoder> {
        self.form.encoder(self.fields.as_deref(), self.is_stdout())
    }

    /// Opens it, and empties it.
    fn open(&self, mode: Mode) -> Result<Output, Error> {
        let out: Box<dyn Write + Send> = match self.is_stdout() {
            true => Box::new(io::stdout()),
            false => Box::new(File::create(&self.path).map_err(|why| self.cannot_write(why))?),
        };
        let sink: Box<dyn Sink> = match mode {
            Mode::Gather => Box::new(Ordered::new(self.encoder(), out)),
            Mode::AsCompleted => Box::new(Lines::new(self.encoder(), out)),
        };
        Ok(Output { name: self.name(), sink })
    }

    /// What the writer of a job keeps for it: the file itself, or for an ordered one a spool in the directory of the job.
    pub(crate) fn kept(&self, job: &Path, nth: usize, mode: Mode) -> Kept {
        let path = match mode {
            Mode::Gather => job.join(format!("spool-{nth}")),
            Mode::AsCompleted => self.path.clone(),
        };
        Kept { path: std::path::absolute(&path).unwrap_or(path), kind: Kind::File }
    }

    /// Opens what is kept for it at this length. Adds to `cut` what of records is beyond.
    pub(crate) fn resume(
        &self,
        kept: &Kept,
        length: u64,
        mode: Mode,
        cut: &mut u64,
    ) -> Result<JobSink, Error> {
        let encoder = self.encoder();
        let out = Tracked::open(&kept.path, length).map_err(|why| self.cannot_write(why))?;
        // What ends a form, as JSON has it, is written anew by each run.
        if out.cut() > encoder.tail().len() as u64 {
            *cut += out.cut();
        }
        let meter = Some(out.meter());
        let sink: Box<dyn Sink> = match mode {
            Mode::Gather => Box::new(Spool::new(encoder, out)),
            Mode::AsCompleted => Box::new(Lines::continued(encoder, out, length)),
        };
        Ok(JobSink { name: format!("`{}`", kept.path.display()), sink, meter })
    }

    /// A sink for stdout beside what a job keeps.
    pub(crate) fn to_stdout(&self) -> Output {
        Output { name: self.name(), sink: Box::new(Lines::new(self.encoder(), io::stdout())) }
    }

    pub(crate) fn cannot_write(&self, why: io::Error) -> Error {
        Error::Io(format!("cannot write {}", self.name()), why)
    }
}

fn is_stdout(path: &Path) -> bool {
    path == Path::new("-")
}

/// The same for two spellings of one file, which need not be there yet.
fn identity(path: &Path) -> PathBuf {
    let whole = path.canonicalize();
    whole.unwrap_or_else(|_| match (path.parent(), path.file_name()) {
        (Some(directory), Some(name)) if directory != Path::new("") => {
            directory.canonicalize().unwrap_or_else(|_| directory.to_owned()).join(name)
        }
        (_, Some(name)) => Path::new(".").canonicalize().unwrap_or_default().join(name),
        _ => path.to_owned(),
    })
}

/// Opening an output empties it: that must not happen to a list that is still to be read.
pub(crate) fn not_over_the_input(sources: &[Source], outputs: &[PathBuf]) -> Result<(), Error> {
    let same = |list: &Path, output: &Path| match (list.canonicalize(), output.canonicalize()) {
        (Ok(list), Ok(output)) => list == output && list.is_file(),
        _ => false,
    };
    for source in sources {
        let Source::File(list) = source else { continue };
        if let Some(output) = outputs.iter().find(|output| same(list, output)) {
            return Err(Error::Config(format!(
                "`{}` is both a list to read and an output",
                output.display()
            )));
        }
    }
    Ok(())
}

/// A pipe, a device, a directory.
pub(crate) fn is_special(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| !metadata.is_file())
}

/// Writes a file as a whole: it is there in full, or as it was.
pub(crate) fn whole(path: &Path, write: impl FnOnce(&File) -> io::Result<()>) -> io::Result<()> {
    if is_special(path) {
        return write(&File::options().write(true).open(path)?);
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    let file = File::create(&new)?;
    write(&file)?;
    file.sync_all()?;
    std::fs::rename(new, path)
}
