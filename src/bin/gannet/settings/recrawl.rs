//! `--since` and `--cache`: which file of an earlier run is meant, and what speaks against either.
//!
//! The file of `--since` is read here, once, before the run: only then can it be said what a crawl will not save for want of links.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gannet::crawl::Plan;
use gannet::error::Error;
use gannet::fetch::{Cache, Method};
use gannet::job::{Job, Manifest};
use gannet::recrawl::Earlier;

use crate::args::RecrawlArgs;
use crate::outputs::is_same;
use crate::report::plural;

/// The cache that was typed.
pub(super) fn cache(args: &RecrawlArgs, keeps_captures: bool) -> Result<Option<Cache>, Error> {
    let Some(directory) = &args.cache else { return Ok(None) };
    if keeps_captures {
        return Err(Error::Config(
            "an archive has what goes over the wire, and a page that `--cache` has does not\nhint: leave one of the two out".into(),
        ));
    }
    Cache::open(directory, args.cache_size.0).map(Some).map_err(|why| {
        let what = format!("cannot use `--cache {}`", directory.display());
        match why.kind() {
            io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => {
                Error::Config(format!("{what}: {why}\nhint: name a directory that is empty or not there"))
            }
            _ => Error::Io(what, why),
        }
    })
}

/// Takes what was typed into the plan; gives what people are to be told. `job` is the directory of this run, `outputs` are
/// the files that it empties.
pub(super) fn apply(
    args: RecrawlArgs,
    plan: &mut Plan,
    job: Option<&Path>,
    outputs: &[PathBuf],
) -> Result<Vec<String>, Error> {
    let Some(since) = args.since else { return Ok(Vec::new()) };
    if !matches!(plan.method, Method::GET | Method::HEAD) {
        return Err(Error::Config(format!(
            "`--since` asks whether pages have changed, which no {} does\nhint: leave one of the two out",
            plan.method
        )));
    }
    if job.is_some_and(|job| is_same(&since, job)) {
        return Err(Error::Config(format!(
            "`{}` is both the earlier job and this one\nhint: give this run a directory of its own, as in --job NEW --since {0}",
            since.display()
        )));
    }
    let file = records_of(&since)?;
    if outputs.iter().any(|output| is_same(&file, output)) {
        return Err(Error::Config(format!(
            "`{}` is both what `--since` reads and an output\nhint: give the output another name",
            file.display()
        )));
    }
    let earlier = Earlier::open(&file).map_err(|why| match why.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::NotFound => Error::Config(why.to_string()),
        _ => Error::Io(format!("cannot use `--since {}`", since.display()), why),
    })?;
    let notices = notice(&earlier, plan, &file).into_iter().collect();
    plan.since = Some(Arc::new(earlier));
    Ok(notices)
}

/// What of the records is of no use to this run.
fn notice(earlier: &Earlier, plan: &Plan, file: &Path) -> Option<String> {
    let (name, pages, without) = (file.display(), earlier.pages(), earlier.without_links());
    if pages == 0 {
        return Some(format!(
            "`{name}` has no page with `etag` or `last_modified`: all are asked for as if they were new"
        ));
    }
    let needs_links = plan.follow.is_some() || plan.keep.links;
    (needs_links && without > 0).then(|| {
        format!(
            "{} of {} in `{name}` do not say where they lead, so they are asked for as if they were new; --links in the earlier run saves that",
            without,
            plural(pages, "page")
        )
    })
}

/// The file of records of a job, or the file that was named.
fn records_of(since: &Path) -> Result<PathBuf, Error> {
    if !since.is_dir() {
        return Ok(since.to_owned());
    }
    if !Job::exists(since) {
        return Err(Error::Config(format!(
            "`--since {}`: there is no job\nhint: name the directory of an earlier --job, or a file of records",
            since.display()
        )));
    }
    let manifest = Manifest::read(since)?;
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let is_records = |path: &PathBuf| {
        let name = name(path);
        let text = name.trim_end_matches(".gz").trim_end_matches(".zst");
        // What waits to become Parquet has some fields as text.
        (text.ends_with(".jsonl") || text.ends_with(".ndjson"))
            && !name.starts_with("parquet-")
            && path.is_file()
    };
    let kept = manifest.outputs.into_iter().map(|kept| kept.path);
    // Those that reports are made of have all fields, and all links.
    let (facts, others): (Vec<_>, Vec<_>) = kept.partition(|path| name(path) == "facts.jsonl");
    let delivered = since.join("records.jsonl");
    facts.into_iter().chain(others).chain([delivered]).find(is_records).ok_or_else(|| {
        Error::Config(format!(
            "the job in `{}` has no JSON Lines that could be found\nhint: name the file of its records, as in --since pages.jsonl",
            since.display()
        ))
    })
}
