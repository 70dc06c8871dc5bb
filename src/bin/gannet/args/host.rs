//! What can be set for a single host, in a section `[host."example.org"]` of a configuration file: flags that are never
//! typed, with names, forms and meanings of those that are.

use std::time::Duration;

use clap::{ArgMatches, Parser};

use super::values::{duration, rate};
use crate::config::Place;

#[derive(Debug, Parser)]
#[command(name = "host", disable_help_flag = true)]
pub(crate) struct HostArgs {
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) per_host: Option<u32>,
    #[arg(long, value_parser = duration)]
    pub(crate) delay: Option<Duration>,
    #[arg(long, value_parser = rate)]
    pub(crate) rate_per_host: Option<Duration>,
}

/// The settings of one section.
pub(crate) struct HostSettings {
    /// The hosts that they are for ([`HostTable`](gannet::url::HostTable)).
    pub(crate) pattern: String,
    /// Where they stand.
    pub(crate) place: Place,
    pub(crate) args: HostArgs,
    pub(crate) matches: ArgMatches,
}
