//! Flags of names and addresses: who resolves, what is given instead, and which addresses are dialled from where.

use std::time::Duration;

use clap::Args as ClapArgs;
use gannet::fetch::{Interface, Pin};

use super::values::duration;

#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Connections")]
pub(crate) struct DnsArgs {
    /// Who resolves names: `system`, `hickory` (gannet's own, with the servers of /etc/resolv.conf), or servers with commas
    /// between them: 1.1.1.1, udp://ADDRESS:PORT, tcp://..., tls://NAME@ADDRESS, https://NAME/dns-query
    #[arg(long, value_name = "WHO", default_value = "system", aliases = ["dns-servers", "doh-url"])]
    pub(crate) resolver: String,
    /// How long addresses of the system's resolver are kept, which does not say how long they hold; others say it.
    /// 0 keeps none, whoever resolved
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    pub(crate) dns_cache_time: Duration,
    /// The addresses of a host for a port, in place of any resolver; `*` is every host (repeatable)
    #[arg(long, value_name = "HOST:PORT:ADDRESS[,ADDRESS]")]
    pub(crate) resolve: Vec<Pin>,
    /// Dial IPv4 addresses only
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    pub(crate) ipv4: bool,
    /// Dial IPv6 addresses only
    #[arg(short = '6', long)]
    pub(crate) ipv6: bool,
    /// The interface of this machine that connections are made from, or an address of it; not look-ups [default: as the
    /// system chooses]
    #[arg(long, value_name = "NAME|ADDRESS")]
    pub(crate) interface: Option<Interface>,
}
