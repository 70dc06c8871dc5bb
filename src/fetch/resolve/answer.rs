//! What a look-up ends with: the addresses of a name, or why there are none.
//!
//! Both can be kept and handed to all who wait, so they are cheap to clone. Every source of addresses gives them: the
//! system's resolver, gannet's own, and the doubles of tests.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// What went wrong with a name; part of [`FetchError`](crate::fetch::FetchError), since it decides about retries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DnsFault {
    /// There is no such name.
    NoSuchName,
    /// The name has no address, or none of the wanted family.
    NoAddress,
    /// The resolver could not say: it failed, was not reached, or did not answer.
    Failed,
    /// The same, and it could not for any other name either for a while: nothing is said about this one.
    ResolverDown,
}

impl DnsFault {
    /// Whether the same would come out again soon.
    pub fn is_lasting(self) -> bool {
        matches!(self, Self::NoSuchName | Self::NoAddress)
    }
}

/// The addresses of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::fetch) struct Found {
    /// In the order in which they are to be tried.
    pub(in crate::fetch) addresses: Vec<IpAddr>,
    /// How long they hold, if the source says it.
    pub(in crate::fetch) ttl: Option<Duration>,
}

/// Why there are none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::fetch) struct Failure {
    pub(in crate::fetch) fault: DnsFault,
    pub(in crate::fetch) message: Arc<str>,
    /// How long that holds, if the source says it.
    pub(in crate::fetch) ttl: Option<Duration>,
    /// This machine ran out of descriptors or memory.
    pub(in crate::fetch) exhausted: bool,
}

impl Failure {
    pub(in crate::fetch) fn new(fault: DnsFault, message: impl Into<Arc<str>>) -> Self {
        Self { fault, message: message.into(), ttl: None, exhausted: false }
    }

    /// What the resolver of the system says, by its text: the numbers of getaddrinfo do not get through to here.
    pub(in crate::fetch) fn of_system(error: &io::Error) -> Self {
        /// glibc, musl, macOS; Windows has numbers of its own (WSAHOST_NOT_FOUND, WSANO_DATA).
        const NO_SUCH_NAME: [&str; 3] =
            ["name or service not known", "name does not resolve", "nodename nor servname provided"];
        const NO_ADDRESS: [&str; 3] = [
            "no address associated with hostname",
            "name has no usable address",
            "no address associated with nodename",
        ];
        let text = error.to_string();
        // Rust's prefix of all these errors says nothing that the kind does not say.
        let text = text.strip_prefix("failed to lookup address information: ").unwrap_or(&text);
        let is_of = |names: &[&str]| names.iter().any(|name| text.to_ascii_lowercase().starts_with(name));
        let fault = match error.raw_os_error() {
            Some(11_001) => DnsFault::NoSuchName,
            Some(11_004) => DnsFault::NoAddress,
            _ if is_of(&NO_SUCH_NAME) => DnsFault::NoSuchName,
            _ if is_of(&NO_ADDRESS) => DnsFault::NoAddress,
            _ => DnsFault::Failed,
        };
        Self { exhausted: super::super::classify::is_exhausted_io(error), ..Self::new(fault, text) }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.fault {
            DnsFault::ResolverDown => write!(f, "no name can be resolved at the moment: {}", self.message),
            _ => f.write_str(&self.message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_not_there_is_told_from_a_resolver_that_fails() {
        let of = |text: &str| {
            Failure::of_system(&io::Error::other(format!("failed to lookup address information: {text}")))
        };
        assert_eq!(of("Name or service not known").fault, DnsFault::NoSuchName);
        assert_eq!(of("No address associated with hostname").fault, DnsFault::NoAddress);
        for text in ["Temporary failure in name resolution", "Non-recoverable failure in name resolution"] {
            assert_eq!(of(text).fault, DnsFault::Failed, "{text}");
            assert_eq!(of(text).to_string(), text);
        }
    }
}
