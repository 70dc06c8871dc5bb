//! From the flags of proxies, and what the environment says where they say nothing, to the proxies of a run.
//!
//! What is given replaces the environment's proxies altogether; its `no_proxy` holds unless `--noproxy` is given. No
//! message quotes a password.

use std::path::Path;

use gannet::error::Error;
use gannet::fetch::proxy::{NoProxy, Proxy, ProxyOptions, Rotate};

use crate::args::{ProxyArgs, Rotation};
use crate::whole_file;

/// Proxies of a list.
const MOST: usize = 10_000;
/// Bytes of its file.
const MOST_BYTES: u64 = 4 * whole_file::MIB;

/// The proxies that are asked for.
pub(super) fn options(args: &ProxyArgs) -> Result<ProxyOptions, Error> {
    let bypass = match &args.noproxy {
        Some(list) if list.trim() == "*" => return Ok(ProxyOptions::default()),
        Some(list) => NoProxy::parse(list).map_err(|why| Error::Config(format!("`--noproxy`: {why}")))?,
        None => NoProxy::from_env(),
    };
    let rotate = match args.proxy_rotate {
        Rotation::Fetch => Rotate::Fetch,
        Rotation::Host => Rotate::Host,
    };
    let options = match &args.proxy_list {
        Some(path) => {
            let (list, retries) = (read(path)?, args.proxy_retries);
            ProxyOptions { list, rotate, retries, ..ProxyOptions::default() }
        }
        None if !args.proxy.is_empty() => given(&args.proxy)?,
        None => ProxyOptions::from_env().map_err(|why| Error::Config(why.to_string()))?,
    };
    Ok(ProxyOptions { bypass, ..options })
}

/// Those of `--proxy`. One for a scheme wins over one for all.
fn given(values: &[String]) -> Result<ProxyOptions, Error> {
    // For all, for `http`, for `https`: given, and a proxy or none.
    let mut by_scheme: [Option<Option<Proxy>>; 3] = Default::default();
    for value in values {
        let scheme = ["http=", "https="].iter().position(|prefix| value.starts_with(prefix));
        let (nth, text) = match scheme {
            Some(nth) => (nth + 1, value.split_once('=').map_or("", |(_, text)| text)),
            None => (0, value.as_str()),
        };
        let proxy = match text.trim() {
            "" => None,
            text => Some(text.parse().map_err(|why| Error::Config(format!("`--proxy`: {why}")))?),
        };
        if by_scheme[nth].replace(proxy).is_some() {
            let whom = ["all requests", "http", "https"][nth];
            return Err(Error::Config(format!(
                "`--proxy` is given twice for {whom}\nhint: proxies that take turns are those of --proxy-list FILE"
            )));
        }
    }
    let [all, http, https] = by_scheme;
    let all = all.flatten();
    Ok(ProxyOptions {
        http: http.unwrap_or_else(|| all.clone()),
        https: https.unwrap_or(all),
        ..ProxyOptions::default()
    })
}

/// Those of a file: one on a line, blank lines and those with `#` left out.
fn read(path: &Path) -> Result<Vec<Proxy>, Error> {
    let name = path.display();
    let text = whole_file::text(path, MOST_BYTES)
        .map_err(|why| Error::Config(format!("cannot read `{name}`: {why}")))?;
    let mut list = Vec::new();
    // Some editors begin a file with a mark of its encoding.
    for (line, number) in text.trim_start_matches('\u{feff}').lines().map(str::trim).zip(1..) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let proxy = line.parse();
        list.push(proxy.map_err(|why| Error::Config(format!("line {number} of `{name}`: {why}")))?);
    }
    match list.len() {
        0 => Err(Error::Config(format!("`{name}` holds no proxy"))),
        count if count > MOST => {
            Err(Error::Config(format!("`{name}` is too long: at most {MOST} proxies are taken")))
        }
        _ => Ok(list),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(values: &[&str]) -> Result<[Option<String>; 2], String> {
        let values: Vec<_> = values.iter().map(|value| (*value).to_owned()).collect();
        let options = given(&values).map_err(|why| why.to_string())?;
        Ok([options.http, options.https].map(|proxy| proxy.map(|proxy| proxy.shown().to_string())))
    }

    #[test]
    fn a_proxy_for_a_scheme_wins_over_one_for_all() {
        let of = |http: Option<&str>, https: Option<&str>| Ok([http, https].map(|p| p.map(str::to_owned)));
        assert_eq!(shown(&["h:1"]), of(Some("http://h:1"), Some("http://h:1")));
        assert_eq!(shown(&["https=socks5://s", "h:1"]), of(Some("http://h:1"), Some("socks5://s:1080")));
        assert_eq!(shown(&["http=h:1"]), of(Some("http://h:1"), None));
        assert_eq!(shown(&["h:1", "https="]), of(Some("http://h:1"), None));
        assert_eq!(shown(&[""]), of(None, None));
        assert!(shown(&["a:1", "b:1"]).unwrap_err().contains("twice for all"));
        assert!(shown(&["ftp=h:1"]).is_err());
    }
}
