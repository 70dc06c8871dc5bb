//! Flags of proxies.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};

#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Proxies")]
pub(crate) struct ProxyArgs {
    /// A proxy for all requests, or with `http=` or `https=` for those of one scheme (repeatable); URL begins with http, https,
    /// socks4, socks4a, socks5 or socks5h, and may hold USER:PASSWORD@ [default: http_proxy, https_proxy, all_proxy]
    #[arg(short = 'x', long, value_name = "[SCHEME=]URL")]
    pub(crate) proxy: Vec<String>,
    /// Proxies that take turns, one on a line, 10,000 at most
    #[arg(long, value_name = "FILE", conflicts_with = "proxy")]
    pub(crate) proxy_list: Option<PathBuf>,
    /// When the next proxy of the list is used: for each fetch, or for each host, which keeps its own while that works
    #[arg(long, value_name = "BY", default_value = "fetch")]
    pub(crate) proxy_rotate: Rotation,
    /// Proxies of the list that one fetch may go on to, which costs none of its --retries
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub(crate) proxy_retries: u32,
    /// Hosts, domains and networks that are reached without a proxy, with commas; `*` is all [default: no_proxy]
    #[arg(long, value_name = "LIST")]
    pub(crate) noproxy: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Rotation {
    Fetch,
    Host,
}
