//! Where records go, and what writes them there.
//!
//! Which [`Form`] each has is said by its name or by `--format`. Opening an output empties it, so all that can be said
//! against any of them is said first. A job opens the same forms at the length that its journal names.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, IsTerminal as _, Write};
use std::path::{Path, PathBuf};

use gannet::error::Error;
use gannet::job::{JobSink, Kept, Kind, Meter, Spool, Tracked, watch};
use gannet::seeds::Source;
use gannet::sink::warc::{self, Compression, Digest, Warc, WarcOptions};
use gannet::sink::{
    Bodies, Codec, Contents, Encoder, Late, Lines, Make, Mirror, Ordered, Packed, Seldom, Sink, Sqlite,
    parquet,
};

use crate::args::{Format, Mode, OutputArgs, WarcArgs, WarcDigest};
use crate::form::Form;
use crate::report;
use crate::reports::{Report, Reports};

/// A sink, and what to call it.
pub(crate) struct Output {
    pub(crate) name: String,
    pub(crate) sink: Box<dyn Sink>,
}

/// What a compressed member has beside its text, at most, when that is as short as the end of a form.
const MEMBER_FRONT: usize = 32;

/// One place that records go to, and the form that they have there.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) path: PathBuf,
    pub(crate) form: Form,
    /// How its text is compressed.
    codec: Option<Codec>,
    fields: Option<Vec<String>>,
    /// How to write it, if it is a web archive.
    archive: Option<WarcOptions>,
}

/// All places that a run writes to.
pub(crate) struct Places {
    pub(crate) targets: Vec<Target>,
    pub(crate) reports: Option<Reports>,
    /// Of `--save-bodies`.
    bodies: Option<PathBuf>,
    /// Of `--extract-to`.
    contents: Option<PathBuf>,
    /// Of `--mirror`.
    mirror: Option<PathBuf>,
    /// Nothing is said of it at the end.
    is_quiet: bool,
}

impl Places {
    /// Those that were asked for; `job` is the directory of the job, if there is one. A report takes the place of records on
    /// stdout, unless `-o -` is given.
    pub(crate) fn of(output: &OutputArgs, warc: &WarcArgs, job: Option<&Path>) -> Result<Self, Error> {
        let mut reports = output.report.clone();
        reports.extend(output.output.iter().filter_map(|path| Report::of_output(path)));
        let records = output.output.iter().filter(|path| Report::of_output(path).is_none());
        let records: Vec<_> = records.cloned().collect();
        let written = reports.iter().filter_map(|report| report.path.as_ref()).chain(&records);
        not_twice(&written.cloned().collect::<Vec<_>>())?;
        let files = match (records.is_empty(), job) {
            (false, _) => records,
            (true, Some(job)) => vec![job.join(records_of(output.format))],
            (true, None) if reports.is_empty() => vec![PathBuf::from("-")],
            (true, None) => Vec::new(),
        };
        let targets =
            files.iter().map(|path| Target::of(path, output, warc)).collect::<Result<Vec<_>, _>>()?;
        one_index_each(&targets)?;
        let reports = Reports::of(&reports)?;
        if output.output.iter().any(|path| is_stdout(path))
            && reports.as_ref().is_some_and(Reports::use_stdout)
        {
            let hint = "give the report a file, as in --report KIND:FILE";
            return Err(Error::Config(format!("both records and a report would go to stdout\nhint: {hint}")));
        }
        Ok(Self {
            targets,
            reports,
            bodies: output.save_bodies.clone(),
            contents: output.extract_to.clone(),
            mirror: output.mirror.clone(),
            is_quiet: output.quiet > 0,
        })
    }

    /// Whether links are to be kept for one of them, whatever records show.
    pub(crate) fn need_links(&self) -> bool {
        self.targets.iter().any(Target::needs_links) || self.reports.as_ref().is_some_and(Reports::need_links)
    }

    /// The files among them that are emptied or replaced, reports too.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let records = self.targets.iter().map(|target| &target.path);
        records.chain(self.reports.iter().flat_map(Reports::files)).cloned().collect()
    }

    /// Whether one of them is a web archive.
    pub(crate) fn need_captures(&self) -> bool {
        self.targets.iter().any(|target| target.archive.is_some())
    }

    /// Puts into archives what they are to say of the run, before what the user wants them to.
    pub(crate) fn archives_say(&mut self, obeys_robots: bool, agent: &str) {
        for options in self.targets.iter_mut().filter_map(|target| target.archive.as_mut()) {
            let robots = if obeys_robots { "obey" } else { "ignore" };
            let own = [("robots", robots), ("http-header-user-agent", agent)];
            let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
            options.info.splice(0..0, own);
        }
    }

    /// Whether records appear on a terminal.
    pub(crate) fn use_terminal(&self) -> bool {
        self.targets.iter().any(Target::is_stdout) && io::stdout().is_terminal()
    }

    /// Opens all of them for a run that is no job.
    pub(crate) fn open(&self, mode: Mode) -> Result<Vec<Output>, Error> {
        self.targets.iter().try_for_each(Target::check_new)?;
        let mut outputs =
            self.targets.iter().map(|target| target.open(mode)).collect::<Result<Vec<_>, _>>()?;
        outputs.extend(self.reports.as_ref().map(Reports::open).transpose()?);
        outputs.extend(self.beside()?);
        Ok(outputs)
    }

    /// Sinks that are no records: files which are the same however often they are written.
    pub(crate) fn beside(&self) -> Result<Vec<Output>, Error> {
        let cannot_make = |directory: &Path| {
            let what = format!("cannot make `{}`", directory.display());
            move |why| Error::Io(what, why)
        };
        let mut beside = Vec::new();
        if let Some(directory) = &self.bodies {
            let bodies = Bodies::new(directory.clone()).map_err(cannot_make(directory))?;
            let name = format!("bodies below `{}`", directory.display());
            beside.push(Output { name, sink: Box::new(bodies) });
        }
        if let Some(directory) = &self.contents {
            let contents = Contents::new(directory.clone()).map_err(cannot_make(directory))?;
            let name = format!("contents below `{}`", directory.display());
            beside.push(Output { name, sink: Box::new(contents) });
        }
        if let Some(directory) = &self.mirror {
            let (shown, is_quiet) = (directory.clone(), self.is_quiet);
            let done = move |mirrored| {
                if !is_quiet {
                    report::mirrored(&shown, mirrored);
                }
            };
            let mirror = Mirror::new(directory.clone(), done).map_err(cannot_make(directory))?;
            let name = format!("the mirror below `{}`", directory.display());
            beside.push(Output { name, sink: Box::new(mirror) });
        }
        Ok(beside)
    }
}

pub(crate) fn not_twice(files: &[PathBuf]) -> Result<(), Error> {
    for (nth, path) in files.iter().enumerate() {
        if files[..nth].iter().any(|other| identity(other) == identity(path)) {
            return Err(Error::Config(format!("`{}` is given twice as output", path.display())));
        }
    }
    Ok(())
}

/// The file of a job's records when no other is named.
fn records_of(format: Format) -> &'static str {
    match format {
        Format::Csv => "records.csv",
        Format::Tsv => "records.tsv",
        Format::Json => "records.json",
        Format::Human => "records.txt",
        Format::Warc => "records.warc.gz",
        Format::Auto | Format::Jsonl => "records.jsonl",
    }
}

impl Target {
    fn of(path: &Path, output: &OutputArgs, warc: &WarcArgs) -> Result<Self, Error> {
        let form = match output.format {
            Format::Auto if is_stdout(path) && io::stdout().is_terminal() => Form::Human,
            Format::Auto if is_stdout(path) => Form::Jsonl,
            Format::Auto => Form::of(path)?,
            Format::Human => Form::Human,
            Format::Jsonl => Form::Jsonl,
            Format::Json => Form::Json,
            Format::Csv => Form::Csv,
            Format::Tsv => Form::Tsv,
            Format::Warc => Form::Warc(Compression::of(path).map_or(Compression::None, |(_, how)| how)),
        };
        if let Some(why) = form.objection(path) {
            return Err(Error::Config(format!("`{}`: {why}", path.display())));
        }
        let archive = match form {
            Form::Warc(compression) => Some(warc_options(compression, warc, output.links)),
            _ => None,
        };
        let codec = Codec::of(path).0.filter(|_| form.is_text());
        Ok(Self { path: path.to_owned(), form, codec, fields: output.fields.clone(), archive })
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
            Form::Human | Form::Jsonl | Form::Json | Form::Csv | Form::Tsv | Form::Warc(_) => false,
            Form::Parquet => false,
            Form::Sqlite => true,
        }
    }

    pub(crate) fn encoder(&self) -> Box<dyn Encoder> {
        self.form.encoder(self.fields.as_deref(), self.is_stdout())
    }

    /// Whether it holds what was exchanged, and no records: the order of these does not matter to it.
    pub(crate) fn is_archive(&self) -> bool {
        self.archive.is_some()
    }

    /// Whether its records stand in the order in which they came, in `--mode gather` too.
    pub(crate) fn has_no_order(&self) -> bool {
        self.is_archive() || matches!(self.form, Form::Sqlite | Form::Parquet)
    }

    /// Refuses to begin an archive where one of several parts is: its parts would pass for the new one's.
    pub(crate) fn check_new(&self) -> Result<(), Error> {
        match warc::leftover(&self.path).filter(|_| self.is_archive()) {
            None => Ok(()),
            Some(part) => Err(Error::Config(format!(
                "`{}` is there from an earlier run\nhint: move the files of that archive away, or name another",
                part.display()
            ))),
        }
    }

    /// Opens it, and empties it.
    fn open(&self, mode: Mode) -> Result<Output, Error> {
        if let Some(options) = &self.archive {
            return Ok(Output {
                name: self.name(),
                sink: Box::new(self.open_archive(options, &self.path, 0)?),
            });
        }
        if self.form == Form::Parquet {
            let cannot = |why| Error::Io("cannot make a temporary file for the records".into(), why);
            let (file, waiting) = tempfile::NamedTempFile::new().map_err(cannot)?.into_parts();
            let make = self.parquet(&waiting);
            // The file goes when its path does, which must be after it was read.
            let make = Box::new(move || make().and_then(|()| waiting.close()));
            let sink = Late::new(parquet::Rows::new(self.fields.clone()), file, 0, make);
            return Ok(Output { name: self.name(), sink: Box::new(sink) });
        }
        if self.form == Form::Sqlite {
            let sink = Sqlite::create(&self.path).map_err(|why| self.cannot_write(why))?;
            return Ok(Output { name: self.name(), sink: Box::new(Seldom::new(sink)) });
        }
        let out: Box<dyn Write + Send> = match self.is_stdout() {
            true => Box::new(io::stdout()),
            false => Box::new(File::create(&self.path).map_err(|why| self.cannot_write(why))?),
        };
        let (encoder, out) = (self.encoder(), self.pack(out, 0));
        let sink: Box<dyn Sink> = match mode {
            Mode::Gather => Box::new(Ordered::new(encoder, out)),
            // Who reads a pipe wants each record when it is there.
            Mode::AsCompleted if self.codec.is_none() || is_special(&self.path) => {
                Box::new(Lines::new(encoder, out))
            }
            Mode::AsCompleted => Box::new(Seldom::new(Lines::new(encoder, out))),
        };
        Ok(Output { name: self.name(), sink })
    }

    /// What the writer of a job keeps for it: the file itself, or for an ordered one a spool in the directory of the job.
    pub(crate) fn kept(&self, job: &Path, nth: usize, mode: Mode) -> Kept {
        let (path, kind) = match (mode, self.codec) {
            _ if self.is_archive() => (self.path.clone(), Kind::Archive),
            _ if self.form == Form::Parquet => (job.join(format!("parquet-{nth}.jsonl")), Kind::File),
            _ if self.form == Form::Sqlite => (self.path.clone(), Kind::Rows),
            (Mode::Gather, _) => (job.join(format!("spool-{nth}")), Kind::File),
            (Mode::AsCompleted, None) => (self.path.clone(), Kind::File),
            (Mode::AsCompleted, Some(_)) => (self.path.clone(), Kind::Packed),
        };
        Kept { path: std::path::absolute(&path).unwrap_or(path), kind }
    }

    /// Opens what is kept for it at this length. Adds to `cut` what of records is beyond.
    pub(crate) fn resume(
        &self,
        kept: &Kept,
        length: u64,
        mode: Mode,
        cut: &mut u64,
    ) -> Result<JobSink, Error> {
        let name = format!("`{}`", kept.path.display());
        if let Some(options) = &self.archive {
            let before = warc::total_length(&kept.path).map_err(|why| self.cannot_write(why))?;
            *cut += before.saturating_sub(length);
            let sink = self.open_archive(options, &kept.path, length)?;
            return Ok(JobSink { name, meter: sink.gauge().map(watch), sink: Box::new(sink) });
        }
        if kept.kind == Kind::Rows {
            let sink = Sqlite::resume(&kept.path, length).map_err(|why| self.cannot_write(why))?;
            let meter: Box<dyn Meter> = Box::new(sink.watch());
            return Ok(JobSink { name, sink: Box::new(sink), meter: Some(meter) });
        }
        let encoder = self.encoder();
        let out = Tracked::open(&kept.path, length).map_err(|why| self.cannot_write(why))?;
        // What ends a form, as JSON has it, is written anew by each run.
        let head = if length == 0 { encoder.head().len() } else { 0 };
        let member = if self.codec.is_some() { MEMBER_FRONT } else { 0 };
        if out.cut() > (head + encoder.tail().len() + member) as u64 {
            *cut += out.cut();
        }
        let meter = Some(out.meter());
        if self.form == Form::Parquet {
            let rows = parquet::Rows::new(self.fields.clone());
            let sink = Late::new(rows, out, length, self.parquet(&kept.path));
            return Ok(JobSink { name: self.name(), sink: Box::new(sink), meter });
        }
        let sink: Box<dyn Sink> = match mode {
            Mode::Gather => Box::new(Spool::new(encoder, out)),
            Mode::AsCompleted => Box::new(Lines::continued(encoder, self.pack(out, length), length)),
        };
        Ok(JobSink { name, sink, meter })
    }

    /// The archive at this length of it.
    fn open_archive(&self, options: &WarcOptions, path: &Path, length: u64) -> Result<Warc, Error> {
        let options = options.clone();
        if self.is_stdout() {
            return Ok(Warc::stream(Box::new(io::stdout()), options));
        }
        // A pipe or a device has no length to be cut to, and no parts beside it.
        let opened = match is_special(path) {
            true => File::options().write(true).open(path).map(|pipe| Warc::stream(Box::new(pipe), options)),
            false => Warc::open(path, length, options),
        };
        opened.map_err(|why| self.cannot_write(why))
    }

    /// What makes it of the records that wait in this file.
    fn parquet(&self, waiting: &Path) -> Make {
        let (waiting, path, fields) = (waiting.to_owned(), self.path.clone(), self.fields.clone());
        Box::new(move || whole(&path, |file| parquet::write(&waiting, fields.as_deref(), file)))
    }

    /// Compresses what goes to `out`, which has this many bytes, if its name says so.
    pub(crate) fn pack<'a>(&self, out: impl Write + Send + 'a, length: u64) -> Box<dyn Write + Send + 'a> {
        match self.codec {
            Some(codec) => Box::new(Packed::new(codec, out, length)),
            None => Box::new(out),
        }
    }

    /// A sink for stdout beside what a job keeps.
    pub(crate) fn to_stdout(&self) -> Output {
        let sink: Box<dyn Sink> = match &self.archive {
            Some(options) => Box::new(Warc::stream(Box::new(io::stdout()), options.clone())),
            None => Box::new(Lines::new(self.encoder(), io::stdout())),
        };
        Output { name: self.name(), sink }
    }

    pub(crate) fn cannot_write(&self, why: io::Error) -> Error {
        Error::Io(format!("cannot write {}", self.name()), why)
    }
}

/// Two archives whose names differ in the suffix alone would write one index.
fn one_index_each(targets: &[Target]) -> Result<(), Error> {
    let files = targets.iter().filter(|target| target.is_archive() && !target.is_stdout());
    let mut indexes = BTreeMap::new();
    for Target { path, .. } in files {
        let index = warc::index_path(&identity(path));
        if let Some(other) = indexes.insert(index.clone(), path) {
            return Err(Error::Config(format!(
                "`{}` and `{}` would both have the index `{}`\nhint: give them names that differ before the suffix",
                other.display(),
                path.display(),
                index.display()
            )));
        }
    }
    Ok(())
}

/// How an archive is to be written.
fn warc_options(compression: Compression, args: &WarcArgs, outlinks: bool) -> WarcOptions {
    let digest = match args.warc_digest {
        WarcDigest::Sha1 => Digest::Sha1,
        WarcDigest::Sha256 => Digest::Sha256,
    };
    WarcOptions { compression, digest, part_size: args.warc_size.0, info: args.warc_info.clone(), outlinks }
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
    for source in sources {
        let Source::File(list) = source else { continue };
        if let Some(output) = outputs.iter().find(|output| is_same(list, output) && list.is_file()) {
            return Err(Error::Config(format!(
                "`{}` is both a list to read and an output",
                output.display()
            )));
        }
    }
    Ok(())
}

/// Whether both are there, and one place.
pub(crate) fn is_same(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
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
    // The file that a symbolic link leads to is replaced, and not the link: it may be `/dev/stdout`.
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    let file = File::create(&new)?;
    let written = write(&file).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&new, &path));
    if written.is_err() {
        // On a full disk its room is wanted.
        let _ = fs::remove_file(&new);
    }
    written
}
