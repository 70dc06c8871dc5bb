//! From the sections for single hosts of configuration files to what the library knows of hosts.

use gannet::error::Error;
use gannet::fetch::{HeaderValue, HostOptions};
use gannet::frontier::HostPace;
use gannet::url::HostTable;

use super::{headers, session};
use crate::args::{HostSettings, LoginArgs};

/// The pace of each; a nearer section takes the place of a farther one.
pub(super) fn paces(hosts: &[HostSettings]) -> Result<HostTable<HostPace>, Error> {
    table(hosts, |host| {
        Ok(HostPace { per_host: host.args.per_host, delay: host.args.delay, rate: host.args.rate_per_host })
    })
}

/// What requests to each have of their own; users are sent as `login` says.
pub(super) fn options(hosts: &[HostSettings], login: &LoginArgs) -> Result<HostTable<HostOptions>, Error> {
    table(hosts, |host| {
        let args = &host.args;
        let agent = args.user_agent.as_deref().map(HeaderValue::from_str).transpose();
        let all = || -> Result<_, Error> {
            let (user, token) = (args.user.as_deref(), args.bearer.as_deref());
            Ok(HostOptions {
                headers: headers(&args.headers)?,
                credentials: session::credentials(user, token, session::scheme(login))?,
                timeout: args.timeout,
                user_agent: agent.map_err(|_| Error::Config("`user-agent` is no header value".into()))?,
            })
        };
        // The words are those of flags: say which section they are about.
        all().map_err(|why| match why {
            Error::Config(why) => Error::Config(format!("{}: {why}", host.place)),
            other => other,
        })
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
