//! The proxies that the environment names, for runs that are given none.
//!
//! As in curl: `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy`, lower case before upper case. `HTTP_PROXY` counts
//! too, as with most tools, but not where `REQUEST_METHOD` says that this is a CGI program: there a client sets it by a
//! header named `Proxy` (CVE-2016-5385). An empty variable is none.

use super::super::http::BuildError;
use super::{NoProxy, Proxy, ProxyOptions};

/// A variable's value.
type Get<'a> = &'a dyn Fn(&str) -> Option<String>;

impl ProxyOptions {
    /// What the environment says.
    ///
    /// # Errors
    /// When a variable holds no proxy; says which.
    pub fn from_env() -> Result<Self, BuildError> {
        from(&|name| std::env::var(name).ok())
    }
}

impl NoProxy {
    /// The hosts of `no_proxy` or `NO_PROXY`; what is none there is left out.
    pub fn from_env() -> Self {
        bypass(&|name| std::env::var(name).ok())
    }
}

fn from(get: Get<'_>) -> Result<ProxyOptions, BuildError> {
    // Read only where it counts: desktops set one that few programs can read.
    let or_all = |found: Option<Proxy>| match found {
        None => proxy(get, &["all_proxy", "ALL_PROXY"]),
        found => Ok(found),
    };
    let is_cgi = get("REQUEST_METHOD").is_some();
    let http = if is_cgi { &["http_proxy"][..] } else { &["http_proxy", "HTTP_PROXY"] };
    Ok(ProxyOptions {
        http: or_all(proxy(get, http)?)?,
        https: or_all(proxy(get, &["https_proxy", "HTTPS_PROXY"])?)?,
        bypass: bypass(get),
        ..ProxyOptions::default()
    })
}

fn proxy(get: Get<'_>, names: &[&str]) -> Result<Option<Proxy>, BuildError> {
    let Some((name, text)) = first(get, names) else { return Ok(None) };
    let proxy = text.parse().map_err(|BuildError(why)| {
        BuildError(format!("the variable {name} of the environment: {why}\nhint: --noproxy '*' ignores it"))
    })?;
    Ok(Some(proxy))
}

fn bypass(get: Get<'_>) -> NoProxy {
    first(get, &["no_proxy", "NO_PROXY"])
        .map_or_else(NoProxy::default, |(_, list)| NoProxy::parse_leniently(&list))
}

fn first<'a>(get: Get<'_>, names: &[&'a str]) -> Option<(&'a str, String)> {
    names.iter().find_map(|name| Some((*name, get(name).filter(|text| !text.trim().is_empty())?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &'static [(&str, &str)]) -> Result<ProxyOptions, BuildError> {
        from(&|name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
    }

    fn shown(proxy: Option<&Proxy>) -> Option<&str> {
        proxy.map(|proxy| &**proxy.shown())
    }

    #[test]
    fn lower_case_wins_and_all_fills_the_gaps() {
        let options = read(&[("http_proxy", "a"), ("HTTP_PROXY", "b"), ("HTTPS_PROXY", "c")]).unwrap();
        assert_eq!(shown(options.http.as_ref()), Some("http://a:80"));
        assert_eq!(shown(options.https.as_ref()), Some("http://c:80"));
        let options = read(&[("ALL_PROXY", "socks5h://s"), ("http_proxy", ""), ("no_proxy", "h")]).unwrap();
        assert_eq!(shown(options.http.as_ref()), Some("socks5h://s:1080"));
        assert_eq!(options.bypass, NoProxy::parse("h").unwrap());
    }

    #[test]
    fn a_header_of_a_cgi_request_is_no_proxy() {
        let options =
            read(&[("HTTP_PROXY", "evil"), ("REQUEST_METHOD", "GET"), ("https_proxy", "c")]).unwrap();
        assert_eq!((options.http.is_none(), shown(options.https.as_ref())), (true, Some("http://c:80")));
    }

    #[test]
    fn a_bad_one_is_named_and_not_quoted() {
        let why = read(&[("ALL_PROXY", "ftp://u:hunter2@h")]).unwrap_err().to_string();
        assert!(why.contains("ALL_PROXY") && !why.contains("hunter2"), "{why}");
    }
}
