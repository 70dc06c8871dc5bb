//! Flags for asking again: what an earlier run knows, and what a cache has.

use std::path::PathBuf;

use bytesize::ByteSize;
use clap::Args as ClapArgs;

use super::values::size;

#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Asking again")]
pub(crate) struct RecrawlArgs {
    /// Ask only for what has changed since that run, the directory of its --job or the file of its records (.jsonl, also .gz
    /// or .zst); the record of what has not says `unchanged`
    #[arg(long, value_name = "DIR|FILE")]
    pub(crate) since: Option<PathBuf>,
    /// Keep answers in this directory and use them again as HTTP allows (RFC 9111, for one user); the record says how in
    /// `cache`
    #[arg(long, value_name = "DIR", conflicts_with = "since")]
    pub(crate) cache: Option<PathBuf>,
    /// Room for --cache; what was used least lately goes first
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = size)]
    pub(crate) cache_size: ByteSize,
}
