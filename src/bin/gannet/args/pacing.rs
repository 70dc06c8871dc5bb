//! Flags of pace: how many requests, how soon, to one host and in all.

use std::time::Duration;

use clap::{Args as ClapArgs, ValueEnum};

use super::values::{bandwidth, duration, positive, rate, share};

#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Pace")]
pub(crate) struct PacingArgs {
    /// Requests at once to one host [default: 6 for crawl, --workers for fetch]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) per_host: Option<u32>,
    /// What counts as one host for --per-host, --delay, --rate-per-host and pauses after 429 and 503: scheme, name and port; a whole
    /// registrable domain; or an address, whatever names it has
    #[arg(long, value_name = "KEY", default_value = "host")]
    pub(crate) queue_key: KeyKind,
    /// The same as --queue-key ip
    #[arg(long, conflicts_with = "queue_key")]
    pub(crate) per_ip: bool,
    /// Least time between the starts of two requests to one host; a redirect that `fetch` follows does not wait
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = duration)]
    pub(crate) delay: Duration,
    /// Most requests in a time, all hosts together, e.g. 20/s or 600/m [default: no limit]
    #[arg(long, value_name = "N/TIME", value_parser = rate)]
    pub(crate) rate: Option<Duration>,
    /// Most requests to one host in a time, on average, e.g. 2/s or 30/m; with --delay both hold [default: no limit]
    #[arg(long, value_name = "N/TIME", value_parser = rate)]
    pub(crate) rate_per_host: Option<Duration>,
    /// Find out how many requests at once each host stands, up to --per-host: start with one, add more while answers come
    /// as quickly, halve on 429, 503, time-outs, lost connections and answers that take twice as long
    #[arg(long)]
    pub(crate) adaptive: bool,
    /// Make each wait that these ask for longer or shorter at random by up to this share; the mean stays
    #[arg(long, value_name = "PERCENT", default_value = "0%", value_parser = share)]
    pub(crate) jitter: f64,
    /// Give a host up that could not be reached so often in a row, each time after a rest; 0 is never
    #[arg(long, alias = "max-host-error", value_name = "N", default_value_t = gannet::frontier::MAX_WAVES)]
    pub(crate) max_host_errors: u32,
    /// Most bytes of bodies in a second, all hosts together, as they come over the wire, e.g. 1MiB/s [default: no limit]
    #[arg(long, visible_alias = "limit-rate", value_name = "SIZE/s", value_parser = bandwidth)]
    pub(crate) bandwidth: Option<u64>,
    /// Send a GET or HEAD a second time when no answer has begun after this long, and take the first that comes; one URL in
    /// ten at most [default: never]
    #[arg(long, value_name = "TIME", value_parser = positive, conflicts_with_all = ["delay", "rate", "rate_per_host"])]
    pub(crate) hedge: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum KeyKind {
    Host,
    Domain,
    Ip,
}
