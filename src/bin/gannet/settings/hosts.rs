//! From the sections for single hosts of configuration files to what the library knows of hosts.

use gannet::error::Error;
use gannet::frontier::HostPace;
use gannet::url::HostTable;

use crate::args::HostSettings;

/// The pace of each; a nearer section takes the place of a farther one.
pub(super) fn paces(hosts: &[HostSettings]) -> Result<HostTable<HostPace>, Error> {
    table(hosts, |host| {
        Ok(HostPace { per_host: host.args.per_host, delay: host.args.delay, rate: host.args.rate_per_host })
    })
}

fn table<T>(
    hosts: &[HostSettings],
    make: impl Fn(&HostSettings) -> Result<T, Error>,
) -> Result<HostTable<T>, Error> {
    let mut table = HostTable::default();
    for host in hosts {
        let wrong = |why| Error::Config(format!("{}: {why}", host.place));
        table.insert(&host.pattern, make(host)?).map_err(wrong)?;
    }
    Ok(table)
}
