//! What can be typed for the synthetic web: `gannet demo` and `gannet origin`.

use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use clap::{Args as ClapArgs, ValueEnum};

use super::When;
use super::values::{duration, size};

#[derive(Debug, ClapArgs)]
pub(crate) struct DemoArgs {
    /// Write the records here [default: gannet-demo.jsonl in the system's temporary directory]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Fetches at once
    #[arg(short, long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) workers: u32,
    /// Pages per host
    #[arg(long, value_name = "N", default_value_t = 80, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub(crate) pages: u64,
    /// Show progress on stderr; auto is when stderr is a terminal
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub(crate) progress: When,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct OriginArgs {
    /// Address to listen on; with a port of 0 any free ports are taken, else this one and the next
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub(crate) listen: std::net::SocketAddr,
    /// Be a forward HTTP proxy on one port that answers for every host: h0.test, h1.test, …
    #[arg(long)]
    pub(crate) proxy: bool,
    /// Different numbers give different webs
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Hosts; without --proxy each has a port of its own
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) hosts: u32,
    /// Pages per host
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(crate) pages: u64,
    /// Links per page, about
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) links: u32,
    /// Share of links that lead to another host, 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.2)]
    pub(crate) cross_links: f64,
    /// Bytes per page, about
    #[arg(long, value_name = "SIZE", default_value = "4KiB", value_parser = size)]
    pub(crate) page_size: ByteSize,
    /// Time before an answer: none, 100ms, 10ms-100ms, or exp:50ms
    #[arg(long, value_name = "DIST", default_value = "none")]
    pub(crate) latency: gannet::origin::Latency,
    /// Share of pages that link to an error (404, 410, 500, 503)
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, help_heading = "Faults")]
    pub(crate) errors: f64,
    /// Share of pages that link to a URL that fails once with 503
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, help_heading = "Faults")]
    pub(crate) flaky: f64,
    /// Share of pages that link to a URL that never answers
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, help_heading = "Faults")]
    pub(crate) stalls: f64,
    /// Share of pages that link to a URL whose connection is reset
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, help_heading = "Faults")]
    pub(crate) resets: f64,
    /// Share of pages that link to a redirect
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, help_heading = "Faults")]
    pub(crate) redirects: f64,
    /// Share of pages that link to a redirect loop
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, help_heading = "Faults")]
    pub(crate) redirect_loops: f64,
    /// Share of pages that link to a body that breaks off
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, help_heading = "Faults")]
    pub(crate) truncated: f64,
    /// Share of pages that link to a body that comes a byte at a time
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, help_heading = "Faults")]
    pub(crate) drips: f64,
    /// Share of pages that link to a compressed page at a path that is not ASCII
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, help_heading = "Faults")]
    pub(crate) encoded: f64,
    /// What robots.txt is: rules (with a /private/), missing (404) or unavailable (503)
    #[arg(long, value_name = "KIND", default_value = "rules")]
    pub(crate) robots: RobotsKind,
    /// Crawl-delay in robots.txt
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) crawl_delay: Option<Duration>,
    /// Add an endless tree of pages, linked once
    #[arg(long)]
    pub(crate) trap: bool,
    /// Print the seeds, one per line, and exit
    #[arg(long, conflicts_with = "truth")]
    pub(crate) seeds: bool,
    /// Print each URL that a complete crawl must find and what it is, tab-separated, and exit
    #[arg(long)]
    pub(crate) truth: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RobotsKind {
    Rules,
    Missing,
    Unavailable,
}
