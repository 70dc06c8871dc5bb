//! Flags of what is written: where, in which form, how much of each answer, and what people are told meanwhile.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};

use crate::reports::Report;

#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArgs {
    /// Write records to this file instead of stdout, in the form of its suffix: .jsonl, .json, .csv, .tsv, these compressed
    /// with .gz or .zst behind it, .sqlite, .parquet, or .warc, .warc.gz, .warc.zst for a web archive; .html is a report, .md
    /// one on links (repeatable)
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Vec<PathBuf>,
    /// Make a report at the end: junit, html, or links (FILE is .md, .txt or .json), to stdout in place of records or to FILE;
    /// github: annotations on stderr (repeatable)
    #[arg(long, value_name = "KIND[:FILE]")]
    pub(crate) report: Vec<Report>,
    /// Form of the records; auto is human on a terminal, jsonl elsewhere, and the suffix for a file
    #[arg(long, value_name = "FORMAT", default_value = "auto")]
    pub(crate) format: Format,
    /// Write only these fields, in this order (jsonl, json, csv, tsv)
    #[arg(long, value_name = "A,B,C", value_delimiter = ',')]
    pub(crate) fields: Option<Vec<String>>,
    /// Put bodies into the records: text as `body`, the rest (raw: all) as `body_b64`
    #[arg(long, value_name = "FORM", num_args = 0..=1, require_equals = true, default_missing_value = "text")]
    pub(crate) body: Option<BodyForm>,
    /// Put response headers into the records
    #[arg(long)]
    pub(crate) response_headers: bool,
    /// Put the links of each page into its record
    #[arg(long)]
    pub(crate) links: bool,
    /// Put the SHA-256 of bodies into the records
    #[arg(long)]
    pub(crate) digest: bool,
    /// Write bodies to files below this directory, named in `body_path`
    #[arg(long, value_name = "DIR")]
    pub(crate) save_bodies: Option<PathBuf>,
    /// Write a copy to browse below this directory: DIR/HOST/index.html, with links to what was fetched made relative
    #[arg(long, value_name = "DIR")]
    pub(crate) mirror: Option<PathBuf>,
    /// Put what HTML pages say into the records: their main content as text or Markdown, what they say of themselves
    #[arg(long, value_name = "A,B,C", value_delimiter = ',')]
    pub(crate) extract: Vec<Extract>,
    /// Write that to files below this directory instead, named in `text_path`, `markdown_path` and `meta_path`
    #[arg(long, value_name = "DIR", requires = "extract")]
    pub(crate) extract_to: Option<PathBuf>,
    /// Mark pages with the content of an earlier one in `duplicate_of`: the same bytes, or also nearly the same text
    #[arg(long, value_name = "KIND")]
    pub(crate) duplicates: Option<Duplicates>,
    /// Show progress on stderr; auto is when stderr is a terminal
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub(crate) progress: When,
    /// No summary and no progress; twice: no warnings either
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub(crate) quiet: u8,
    /// More in the summary
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Auto,
    Human,
    Jsonl,
    Json,
    Csv,
    Warc,
    Tsv,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum BodyForm {
    Text,
    Raw,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Extract {
    Text,
    Markdown,
    Meta,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Duplicates {
    Exact,
    Near,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum When {
    Auto,
    Always,
    Never,
}
