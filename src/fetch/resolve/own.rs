//! gannet's own resolver (hickory): asks servers over UDP, TCP, TLS and HTTPS, and knows how long answers hold.
//!
//! It remembers nothing itself, that is [`Names`](super::names::Names)' part. `/etc/hosts` is read once, when it is made. A
//! server that is given by name is looked up with the system's resolver, at the first look-up: its own name is the one
//! thing that it cannot be asked for.

use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{Either, select};
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RecordType};
use hickory_resolver::system_conf::read_system_conf;
use hickory_resolver::{Resolver, TokioResolver};
use tokio::sync::OnceCell;

use super::answer::{DnsFault, Failure, Found};
use super::diagnose::{self, Diagnosis};
use super::names::LookUp;
use super::order::{Family, interleave};
use super::pins::pinned;
use super::server::{Server, Transport};
use super::setup::Setup;
use crate::fetch::{classify, tls};

/// The longest wait for one answer; a question is asked again once.
const MAX_WAIT: Duration = Duration::from_secs(5);
const ATTEMPTS: u32 = 2;

/// How long the answer for one family waits for that of the other (RFC 8305 §3): some servers never give it.
const RESOLUTION_DELAY: Duration = Duration::from_millis(50);

/// How long the addresses of one family hold without those of the other.
const PARTIAL_TTL: Duration = Duration::from_secs(60);

const UNREACHABLE: &str = "the resolver cannot be reached";

/// Questions at once over one connection; the fetches under way bound them, too.
const AT_ONCE: usize = 1024;

/// What is said of one family; `None`, if it was not asked for.
type Answer = Result<Option<Lookup>, NetError>;

struct Own {
    setup: Setup,
    config: ResolverConfig,
    options: ResolverOpts,
    resolver: OnceCell<TokioResolver>,
}

/// # Errors
/// When `/etc/resolv.conf` is to be read and cannot be, or names no server.
pub(super) fn source(mut setup: Setup) -> Result<LookUp, String> {
    let (config, mut options) = match setup.servers {
        Some(_) => (ResolverConfig::default(), ResolverOpts::default()),
        None => read_system_conf().map_err(|why| format!("cannot use `/etc/resolv.conf`: {why}"))?,
    };
    if setup.servers.is_none() && config.name_servers().is_empty() {
        return Err("`/etc/resolv.conf` names no server\nhint: name one, e.g. --resolver 1.1.1.1".to_owned());
    }
    // What DNS over HTTPS needs is added where it is missing, and over TLS nothing is needed.
    setup.tls.alpn_protocols.clear();
    // So that it is the resolver that gives up, which knows why, and time is left to connect.
    options.timeout = (setup.timeout * 2 / 5).min(MAX_WAIT);
    options.attempts = ATTEMPTS as usize - 1;
    options.cache_size = 0;
    options.use_hosts_file = ResolveHosts::Always;
    options.max_active_requests = AT_ONCE;
    let own = Arc::new(Own { setup, config, options, resolver: OnceCell::new() });
    Ok(Arc::new(move |name| {
        let own = Arc::clone(&own);
        Box::pin(async move {
            // The handshake of TLS has no limit of its own.
            let patience = own.options.timeout * ATTEMPTS;
            let found = tokio::time::timeout(patience, own.look_up(&name)).await;
            found.unwrap_or_else(|_| Err(own.failure(&NetError::Timeout)))
        })
    }))
}

impl Own {
    async fn look_up(&self, name: &str) -> Result<Found, Failure> {
        let resolver = self.resolver.get_or_try_init(|| self.build()).await?;
        let no_name = |_| Failure::new(DnsFault::NoSuchName, "the name is none that DNS could hold");
        let mut name = Name::from_ascii(name).map_err(no_name)?;
        // Only what the system was set up for has domains to search.
        name.set_fqdn(name.is_fqdn() || self.setup.servers.is_some());
        let ask = async |wanted, kind| match wanted {
            false => Ok(None),
            true => resolver.lookup(name.clone(), kind).await.map(Some),
        };
        let family = self.setup.family;
        let v6 = pin!(ask(family != Family::V4, RecordType::AAAA));
        let v4 = pin!(ask(family != Family::V6, RecordType::A));
        let answers = match select(v6, v4).await {
            Either::Left((v6, rest)) => {
                let v4 = other(&v6, rest).await;
                (v6, v4)
            }
            Either::Right((v4, rest)) => (other(&v4, rest).await, v4),
        };
        match self.put_together(answers) {
            Err(Failure { fault: DnsFault::Failed, message, .. }) if *message == *UNREACHABLE => {
                Err(self.diagnose().await)
            }
            answer => answer,
        }
    }

    /// Why no server can be reached. The resolver loses the reason on its way, so the first is tried once more.
    async fn diagnose(&self) -> Failure {
        let failure = Failure::new(DnsFault::Failed, UNREACHABLE);
        let server = self.setup.servers.iter().flatten().next().cloned();
        let (tls, timeout) = (self.setup.tls.clone(), self.options.timeout);
        let tried = tokio::task::spawn_blocking(move || diagnose::fault(&server?, tls, timeout)).await;
        match tried {
            Ok(Some(Diagnosis { message, exhausted })) => {
                Failure { message: format!("{UNREACHABLE}: {message}").into(), exhausted, ..failure }
            }
            _ => failure,
        }
    }

    /// The answers for IPv6 and for IPv4. One is enough: some servers never answer questions for IPv6.
    fn put_together(&self, answers: (Answer, Answer)) -> Result<Found, Failure> {
        let (mut ttl, mut failures) = (None::<Duration>, Vec::new());
        let mut addresses = |answer: Answer| match answer {
            Ok(None) => Vec::new(),
            Ok(Some(lookup)) => {
                let least = lookup.answers().iter().map(|record| record.ttl).min().unwrap_or_default();
                let least = Duration::from_secs(least.into());
                ttl = Some(ttl.map_or(least, |ttl| ttl.min(least)));
                lookup.answers().iter().filter_map(|record| record.data.ip_addr()).collect()
            }
            Err(error) => {
                failures.push(self.failure(&error));
                Vec::new()
            }
        };
        let (v6, v4) = (addresses(answers.0), addresses(answers.1));
        let addresses: Vec<IpAddr> = interleave(v6, v4);
        if !addresses.is_empty() {
            let is_whole = failures.iter().all(|failure| failure.fault.is_lasting());
            let ttl = if is_whole { ttl } else { ttl.map(|ttl| ttl.min(PARTIAL_TTL)) };
            return Ok(Found { addresses, ttl });
        }
        // That one family has none says nothing about the name while the other is not known.
        let worst = failures.into_iter().min_by_key(|failure| failure.fault.is_lasting());
        Err(worst.unwrap_or_else(|| Failure::new(DnsFault::NoAddress, "the name has no address")))
    }

    /// The resolver; where its servers are known by name, after they were looked up.
    async fn build(&self) -> Result<TokioResolver, Failure> {
        let Setup { servers, ready, tls, pins, .. } = &self.setup;
        let mut config = self.config.clone();
        for server in servers.iter().flatten() {
            let addresses = match (server.address, pinned(pins, &server.name, Some(server.port))) {
                (Some(address), _) => vec![address],
                (None, Some(pinned)) => pinned.to_vec(),
                (None, None) => bootstrap(server).await?,
            };
            for address in addresses {
                config.add_name_server(name_server(server, address));
            }
        }
        if servers.iter().flatten().any(Server::is_encrypted) {
            ready().await;
        }
        Resolver::builder_with_config(config, TokioRuntimeProvider::default())
            .with_options(self.options.clone())
            .with_tls_config(tls.clone())
            .build()
            .map_err(|error| self.failure(&error))
    }

    fn failure(&self, error: &NetError) -> Failure {
        let failed = |message: String| Failure::new(DnsFault::Failed, message);
        match error {
            NetError::Dns(DnsError::NoRecordsFound(none)) => {
                let ttl = none.negative_ttl.map(|seconds| Duration::from_secs(seconds.into()));
                let (fault, message) = match none.response_code {
                    ResponseCode::NXDomain => (DnsFault::NoSuchName, "there is no such name (NXDOMAIN)"),
                    ResponseCode::NoError => (DnsFault::NoAddress, "the name has no address"),
                    code => return failed(format!("the resolver answered {}", code_name(code))),
                };
                Failure { ttl, ..Failure::new(fault, message) }
            }
            NetError::Dns(DnsError::ResponseCode(code)) => {
                failed(format!("the resolver answered {}", code_name(*code)))
            }
            NetError::Timeout => {
                failed(format!("the resolver did not answer within {:?}", self.options.timeout * ATTEMPTS))
            }
            NetError::Io(error) => Failure {
                exhausted: classify::is_exhausted_io(error),
                ..failed(format!("{UNREACHABLE}: {}", diagnose::message(error)))
            },
            NetError::RustlsError(error) => failed(format!("{UNREACHABLE}: {}", tls::error::message(error))),
            NetError::NoConnections => failed(UNREACHABLE.to_owned()),
            error => failed(format!("the resolver failed: {}", without_page(&error.to_string()))),
        }
    }
}

/// What went wrong, without the page that a server of DNS over HTTPS sent with its status.
fn without_page(message: &str) -> &str {
    message.split_once(", message: ").map_or(message, |(what, _)| what)
}

/// The answer for the other family, for which those who have one need not wait long.
async fn other(first: &Answer, rest: impl Future<Output = Answer>) -> Answer {
    let has_address = |lookup: &Lookup| lookup.answers().iter().any(|record| record.data.ip_addr().is_some());
    match first {
        Ok(Some(lookup)) if has_address(lookup) => {
            tokio::time::timeout(RESOLUTION_DELAY, rest).await.unwrap_or(Err(NetError::Timeout))
        }
        _ => rest.await,
    }
}

/// The addresses of a server that is given by name.
async fn bootstrap(server: &Server) -> Result<Vec<IpAddr>, Failure> {
    let found = tokio::net::lookup_host((server.name.as_str(), server.port)).await;
    let found = found.map_err(|error| {
        let Failure { message, exhausted, .. } = Failure::of_system(&error);
        let message = format!("the resolver `{}` itself does not resolve: {message}", server.name);
        Failure { exhausted, ..Failure::new(DnsFault::Failed, message) }
    })?;
    Ok(found.map(|address| address.ip()).collect())
}

fn name_server(server: &Server, address: IpAddr) -> NameServerConfig {
    let name: Arc<str> = server.name.as_str().into();
    let connections = match &server.transport {
        Transport::Udp => vec![ConnectionConfig::udp(), ConnectionConfig::tcp()],
        Transport::Tcp => vec![ConnectionConfig::tcp()],
        Transport::Tls => vec![ConnectionConfig::tls(name)],
        Transport::Https(path) => vec![ConnectionConfig::https(name, Some(path.as_str().into()))],
    };
    let at_port = |mut connection: ConnectionConfig| {
        connection.port = server.port;
        connection
    };
    NameServerConfig::new(address, true, connections.into_iter().map(at_port).collect())
}

/// Its name in DNS, where that is better known than in words.
fn code_name(code: ResponseCode) -> String {
    match code {
        ResponseCode::ServFail => "SERVFAIL: it could not find out".to_owned(),
        ResponseCode::Refused => "REFUSED: it does not answer this machine".to_owned(),
        code => code.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_in_place_of_an_answer_is_not_quoted() {
        let error = "http unsuccessful code: 404 Not Found, message: <html>\n, message: <p>";
        assert_eq!(without_page(error), "http unsuccessful code: 404 Not Found");
        assert_eq!(without_page("no answer"), "no answer");
    }
}
