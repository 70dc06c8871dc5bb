//! From the flags of names and addresses to options.

use gannet::error::Error;
use gannet::fetch::{DnsOptions, Family, Interface};

use crate::args::DnsArgs;

/// How names become addresses, and where connections are made from.
///
/// # Errors
/// When there can be no such resolver, this machine has no such interface, or it reaches no address of the family that is asked for.
pub(super) fn options(args: DnsArgs) -> Result<(DnsOptions, Option<Interface>), Error> {
    let family = match (args.ipv4, args.ipv6) {
        (true, _) => Family::V4,
        (_, true) => Family::V6,
        _ => Family::Any,
    };
    let family = match &args.interface {
        Some(interface) => reachable(interface, family)?,
        None => family,
    };
    // Read here: clap would quote it, and a path of DNS over HTTPS may hold a token.
    let resolver = args.resolver.parse().map_err(|why| Error::Config(format!("`--resolver`: {why}")))?;
    let DnsArgs { dns_cache_time: cache_time, resolve: pins, interface, .. } = args;
    Ok((DnsOptions { resolver, cache_time, pins, family }, interface))
}

/// The addresses that can be reached from there.
fn reachable(interface: &Interface, family: Family) -> Result<Family, Error> {
    interface.check().map_err(|why| Error::Config(format!("`--interface`: {why}")))?;
    match (interface.family(), family) {
        (Family::Any, family) => Ok(family),
        (own, family) if family == Family::Any || family == own => Ok(own),
        (own, family) => Err(Error::Config(format!(
            "`--interface` is an {} address, and no {} address can be reached from there\nhint: leave `--{}` out, or name an {} address",
            own.as_str(),
            family.as_str(),
            family.as_str().to_ascii_lowercase(),
            family.as_str()
        ))),
    }
}
