//! Flags of pace: how many requests, how soon, to one host and in all.

use std::time::Duration;

use clap::Args as ClapArgs;

use super::values::{duration, rate};

#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Pace")]
pub(crate) struct PacingArgs {
    /// Requests at once to one host [default: 6 for crawl, --workers for fetch]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) per_host: Option<u32>,
    /// Least time between the starts of two requests to one host; a redirect that `fetch` follows does not wait
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = duration)]
    pub(crate) delay: Duration,
    /// Most requests in a time, all hosts together, e.g. 20/s or 600/m [default: no limit]
    #[arg(long, value_name = "N/TIME", value_parser = rate)]
    pub(crate) rate: Option<Duration>,
}
