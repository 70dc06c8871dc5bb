//! What can be set for a single host, in a section `[host."example.org"]` of a configuration file: flags that are never
//! typed, with names, forms and meanings of those that are.

use std::time::Duration;

use clap::{ArgMatches, Parser};

use super::session::AuthType;
use super::values::{duration, positive, rate};
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
    #[arg(long, value_parser = positive)]
    pub(crate) timeout: Option<Duration>,
    #[arg(long)]
    pub(crate) user_agent: Option<String>,
    #[arg(long = "header")]
    pub(crate) headers: Vec<String>,
    #[arg(long, conflicts_with = "bearer")]
    pub(crate) user: Option<String>,
    #[arg(long)]
    pub(crate) auth_type: Option<AuthType>,
    #[arg(long)]
    pub(crate) bearer: Option<String>,
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
