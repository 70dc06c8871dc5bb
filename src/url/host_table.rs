//! [`HostTable`]: settings by host, as a configuration file gives them: `example.org`, `*.example.org`, `127.0.0.1:8080`.
//!
//! The frontier asks it for limits, fetching for headers and credentials. Names are compared in lower case. Of what
//! matches, the most exact is taken whole: a host with its port, the host, then the longest wildcard.

use std::collections::HashMap;

/// Values by host. `*.example.org` is every host below `example.org`, and not that itself.
#[derive(Clone, Debug)]
pub struct HostTable<T> {
    /// `host` or `host:port`.
    exact: HashMap<Box<str>, T>,
    /// What stands behind `*.`.
    below: HashMap<Box<str>, T>,
}

impl<T> Default for HostTable<T> {
    fn default() -> Self {
        Self { exact: HashMap::new(), below: HashMap::new() }
    }
}

impl<T> HostTable<T> {
    /// Sets what holds for a pattern, and gives what held before.
    ///
    /// # Errors
    /// When it is no host name, address in brackets if it is IPv6, nor one of these with a port; says what is.
    pub fn insert(&mut self, pattern: &str, value: T) -> Result<Option<T>, String> {
        let (table, name) = match pattern.strip_prefix("*.") {
            Some(name) => (&mut self.below, name),
            None => (&mut self.exact, pattern),
        };
        let url = url::Url::parse(&format!("x://{name}/")).ok();
        let host =
            url::Url::parse(&format!("http://{name}/")).ok().and_then(|url| Some(url.host_str()?.to_owned()));
        let port = url.as_ref().and_then(url::Url::port);
        let is_plain =
            url.is_some_and(|url| url.path() == "/" && url.query().is_none() && url.username().is_empty());
        match host.filter(|host| is_plain && !host.contains('*')) {
            Some(host) => {
                let key = port.map_or_else(|| host.clone(), |port| format!("{host}:{port}"));
                Ok(table.insert(key.into(), value))
            }
            None => {
                Err(format!("`{pattern}` is no host; write example.org, *.example.org or 127.0.0.1:8080"))
            }
        }
    }

    /// What holds for a host, in lower case, IPv6 in brackets.
    pub fn get(&self, host: &str, port: Option<u16>) -> Option<&T> {
        if self.is_empty() {
            return None;
        }
        let with_port = port.and_then(|port| self.exact.get(format!("{host}:{port}").as_str()));
        with_port.or_else(|| self.exact.get(host)).or_else(|| {
            let mut parents = host.match_indices('.').map(|(at, _)| &host[at + 1..]);
            parents.find_map(|parent| self.below.get(parent))
        })
    }

    /// Whether nothing was set.
    pub fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.below.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_exact_pattern_holds() {
        let mut table = HostTable::default();
        assert!(table.is_empty());
        for pattern in [
            "example.org",
            "*.example.org",
            "*.b.Example.org",
            "127.0.0.1:8080",
            "[::1]",
            "b\u{fc}cher.de",
            "h:80",
        ] {
            assert_eq!(table.insert(pattern, pattern), Ok(None), "{pattern}");
        }
        for (host, port, expected) in [
            ("example.org", None, Some("example.org")),
            ("a.example.org", Some(443), Some("*.example.org")),
            ("a.b.example.org", None, Some("*.b.Example.org")),
            ("b.example.org", None, Some("*.example.org")),
            ("127.0.0.1", Some(8080), Some("127.0.0.1:8080")),
            ("127.0.0.1", Some(80), None),
            ("h", Some(80), Some("h:80")),
            ("[::1]", Some(1), Some("[::1]")),
            ("xn--bcher-kva.de", None, Some("b\u{fc}cher.de")),
            ("badexample.org", None, None),
        ] {
            assert_eq!(table.get(host, port).copied(), expected, "{host}");
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for bad in ["", "*", "*.", "a b", "http://h", "h/x", "h?x", "u@h", "h:99999", "a.*.b"] {
            assert!(HostTable::default().insert(bad, ()).is_err(), "{bad}");
        }
    }
}
