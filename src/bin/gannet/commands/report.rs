//! `gannet report RECORDS`: the reports of a run, from the records that it left.
//!
//! All records are read once before a report is begun, so that what is wrong with them is said first and a report that is
//! there stays.

use std::io;
use std::path::{Path, PathBuf};

use gannet::error::Error;
use gannet::report::Facts;
use gannet::seeds::Source;
use tempfile::TempPath;

use crate::args::ReportArgs;
use crate::exit::Code;
use crate::outputs::{not_over_the_input, not_twice};
use crate::report;
use crate::reports::{NAME, Report, Reports};

pub(super) fn run(args: ReportArgs) -> Result<Code, Error> {
    let ReportArgs { records, output, report: mut asked } = args;
    for path in &output {
        asked.push(Report::of_output(path).ok_or_else(|| {
            let hint = "name it .html or .md, or say what it is with --report KIND:FILE";
            Error::Config(format!("`{}` is no report by its name\nhint: {hint}", path.display()))
        })?);
    }
    let files: Vec<_> = asked.iter().filter_map(|report| report.path.clone()).collect();
    let sources: Vec<_> = records.iter().cloned().map(Source::File).collect();
    not_over_the_input(&sources, &files)?;
    not_twice(&files)?;
    let Some(reports) = Reports::of(&asked)? else { return Ok(Code::Done) };
    // Read more than once, so what comes on stdin waits in a file.
    let stdin = records.iter().any(|path| is_stdin(path)).then(kept).transpose()?;
    let facts = Facts::named(records.into_iter().map(|path| named(path, stdin.as_deref())).collect());
    let checked = facts.check().map_err(unreadable)?;
    for name in &checked.cut {
        report::warning(&format!("`{name}` ends within a record, which is left out"));
    }
    if checked.records == 0 {
        report::warning("there are no records");
    } else if !checked.links && reports.need_links() {
        report::warning(
            "the records hold no links, as those of a run without --links: each URL is known on one page only",
        );
    }
    match reports.write(&facts).map_err(|why| Error::Io(format!("cannot write {NAME}"), why)) {
        Err(error) if error.is_broken_pipe() => Ok(Code::Done),
        end => end.map(|()| Code::Done),
    }
}

fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

/// What stdin says, in a file that goes when its path does.
fn kept() -> Result<TempPath, Error> {
    let cannot = |why| Error::Io("cannot keep stdin in a temporary file".into(), why);
    let mut file = tempfile::NamedTempFile::new().map_err(cannot)?;
    io::copy(&mut io::stdin().lock(), file.as_file_mut()).map_err(cannot)?;
    Ok(file.into_temp_path())
}

/// The file to read, and what to call it.
fn named(path: PathBuf, stdin: Option<&Path>) -> (PathBuf, String) {
    match stdin.filter(|_| is_stdin(&path)) {
        Some(file) => (file.to_owned(), "stdin".into()),
        None => {
            let name = path.display().to_string();
            (path, name)
        }
    }
}

/// Records that are none, or not there, are what was typed.
fn unreadable(why: io::Error) -> Error {
    match why.kind() {
        io::ErrorKind::InvalidData => {
            let hint = "records are JSON Lines with all fields, as `-o FILE.jsonl` writes them";
            Error::Config(format!("{why}\nhint: {hint}"))
        }
        io::ErrorKind::NotFound | io::ErrorKind::IsADirectory => Error::Config(why.to_string()),
        _ => Error::Io("cannot read the records".into(), why),
    }
}
