//! Flags of connections: which protocol they speak, how long they are kept, and whom they trust.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args as ClapArgs, ValueEnum};

use super::values::duration;

#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Connections")]
pub(crate) struct ConnectionArgs {
    /// Speak HTTP/1.1 only [default: HTTP/2 where TLS offers it]
    #[arg(long, conflicts_with = "http2")]
    pub(crate) http1: bool,
    /// Speak HTTP/2 only, also to http:// URLs (prior knowledge)
    #[arg(long, alias = "http2-prior-knowledge")]
    pub(crate) http2: bool,
    /// How long an idle connection is kept; 0 closes each after its request
    #[arg(long, value_name = "TIME", default_value = "20s", value_parser = duration)]
    pub(crate) keep_alive: Duration,
    /// Keep at most so many idle connections to a host over HTTP/1.1 [default: no limit]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_idle_per_host: Option<u32>,
    /// Trust the CAs in this file (PEM) in place of the system's
    #[arg(long, value_name = "FILE")]
    pub(crate) cacert: Option<PathBuf>,
    /// The certificate (PEM, with its chain) for servers that ask for one
    #[arg(long, value_name = "FILE")]
    pub(crate) cert: Option<PathBuf>,
    /// The key of --cert (PEM, not encrypted) [default: in the same file]
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// The oldest version of TLS to speak
    #[arg(long, value_name = "VERSION", default_value = "1.2", alias = "tls-min")]
    pub(crate) min_tls: MinTls,
    /// Accept any TLS certificate
    #[arg(short = 'k', long, conflicts_with = "cacert")]
    pub(crate) insecure: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum MinTls {
    #[value(name = "1.2", alias = "TLSv1_2")]
    V1_2,
    #[value(name = "1.3", alias = "TLSv1_3")]
    V1_3,
}
