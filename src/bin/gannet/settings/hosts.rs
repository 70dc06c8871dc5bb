//! From the sections for single hosts of configuration files to what the library knows of hosts.

use gannet::error::Error;
use gannet::fetch::{HeaderValue, HostOptions};
use gannet::frontier::HostPace;
use gannet::url::HostTable;

use super::{headers, session};
use crate::args::{AuthType, HostSettings};

/// The pace of each; a nearer section takes the place of a farther one.
pub(super) fn paces(hosts: &[HostSettings]) -> Result<HostTable<HostPace>, Error> {
    table(hosts, |host| {
        Ok(HostPace { per_host: host.args.per_host, delay: host.args.delay, rate: host.args.rate_per_host })
    })
}

/// How each is asked. `auth_type` holds where a section does not say.
pub(super) fn options(
    hosts: &[HostSettings],
    auth_type: Option<AuthType>,
) -> Result<HostTable<HostOptions>, Error> {
    table(hosts, |host| {
        let args = &host.args;
        let agent = args.user_agent.as_deref().map(HeaderValue::from_str).transpose();
        Ok(HostOptions {
            headers: headers(&args.headers)?,
            credentials: session::credentials(
                args.user.as_deref(),
                args.bearer.as_deref(),
                args.auth_type.or(auth_type),
            )?,
            timeout: args.timeout,
            user_agent: agent.map_err(|_| Error::Config("`user-agent` is no header value".into()))?,
        })
    })
}

fn table<T>(
    hosts: &[HostSettings],
    make: impl Fn(&HostSettings) -> Result<T, Error>,
) -> Result<HostTable<T>, Error> {
    let mut table = HostTable::default();
    for host in hosts {
        let wrong = |why: String| Error::Config(format!("{}: {why}", host.place));
        let value = make(host).map_err(|why| wrong(why.to_string()))?;
        table.insert(&host.pattern, value).map_err(wrong)?;
    }
    Ok(table)
}
