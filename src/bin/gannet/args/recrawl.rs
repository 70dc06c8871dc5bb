//! Flags for asking again: what an earlier run knows, and what a cache has.

use std::path::PathBuf;

use clap::Args as ClapArgs;

#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Asking again")]
pub(crate) struct RecrawlArgs {
    /// Ask only for what has changed since that run, the directory of its --job or the file of its records (.jsonl, also .gz
    /// or .zst); the record of what has not says `unchanged`
    #[arg(long, value_name = "DIR|FILE")]
    pub(crate) since: Option<PathBuf>,
}
