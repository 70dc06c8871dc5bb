//! Whose fault it is when a connection through a proxy is not made: one table.
//!
//! [`judge`] reads what [`classify`](super::super::classify) made of an error once more, knowing the proxy. The client
//! tells the steps of CONNECT and SOCKS apart by words only, so the words are the table; each row is held by a proxy that
//! misbehaves, in `tests/it/proxy_faults.rs`, and fails there should a new version of the client say it differently.

use std::error::Error;
use std::io;

use super::super::classify::{Cause, is_exhausted, links, tidy};
use super::super::{ErrorKind, Phase};
use super::Proxy;

/// Who may be at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::fetch) enum Blame {
    /// The proxy: its target was never asked for.
    Own,
    /// The proxy or the target: another proxy can tell.
    Unclear,
}

use Blame::{Own, Unclear};

/// What the client says of CONNECT; whose fault that is, and in better words.
const TUNNEL: &[(&str, Blame, &str)] = &[
    ("failed to create underlying connection", Own, ""),
    ("proxy authorization required", Own, LOGIN),
    ("proxy response headers too long", Own, "the head of its answer is too large"),
    // Many proxies close when they cannot reach the target.
    ("unexpected end of file", Unclear, "it closed the connection when it was asked for a tunnel"),
    ("io error establishing tunnel", Unclear, ""),
    // Its status is not told; 502 is as often the target's fault as the proxy's.
    ("unsuccessful", Unclear, "it made no tunnel to the host"),
];

/// What the client says of SOCKS (RFC 1928 §6 for replies). What is not here is the target's fault: replies 3 to 6.
const SOCKS: &[(&str, Blame, &str)] = &[
    ("failed to create underlying connection", Own, ""),
    ("io error during SOCKS handshake", Unclear, "it closed the connection during the SOCKS handshake"),
    ("failed parsing server response", Own, "it does not speak SOCKS"),
    ("server does not support user/pass authentication", Own, "it takes no login that it was offered"),
    ("server implements authentication incorrectly", Own, "it asks for a login that it was not offered"),
    ("credentials not accepted", Own, LOGIN),
    ("command not supported", Own, "it makes no connections"),
    ("address type not supported", Own, "it does not take this form of address"),
    ("general server failure", Unclear, "it could not reach the host"),
    ("connection not allowed", Unclear, "its rules do not allow the host"),
    ("server failed to execute command", Unclear, "it could not reach the host"),
    ("IPV6 is not supported", Unclear, "SOCKS4 cannot reach an IPv6 address"),
    ("server ident service failed", Own, "it wants an ident service here"),
    ("server ident service did not recognise client identifier", Own, "it wants an ident service here"),
];

const LOGIN: &str = "it wants a user and a password, or others than it was given";

/// What an answer of the proxy itself, 407, becomes.
pub(in crate::fetch) fn wants_login(proxy: &Proxy) -> Cause {
    of_proxy(proxy, LOGIN)
}

/// Judges what became of a dial through `proxy` to a target that is asked for by `https` or not.
pub(in crate::fetch) fn judge(error: &reqwest::Error, proxy: &Proxy, https: bool, cause: Cause) -> Cause {
    let is_targets = cause.exhausted || cause.kind == ErrorKind::BlockedAddress;
    if is_targets || !error.is_connect() {
        return cause;
    }
    let links = links(error);
    for &link in &links {
        let said = link.to_string();
        if let Some(rest) = said.strip_prefix("tunnel error: ") {
            return by(TUNNEL, rest, link, proxy, cause);
        }
        if let Some(rest) = said.strip_prefix("SOCKS error: ") {
            return by(SOCKS, rest, link, proxy, cause);
        }
        if said == "error resolving for socks proxy" {
            return cause;
        }
        // The client takes the brackets for a part of the name, behind a proxy only.
        if said == "Invalid Server Name" {
            let message = "the HTTP client speaks no TLS with an IPv6 address through a proxy".to_owned();
            return Cause { kind: ErrorKind::Tls, phase: Phase::Connect, message, ..cause };
        }
    }
    let only_proxy = proxy.kind().is_http() && !https;
    match (only_proxy, cause.kind == ErrorKind::Timeout) {
        (true, true) => of_proxy(proxy, "no connection to it in time"),
        (true, false) => of_proxy(proxy, &cause.message),
        (false, true) => Cause { blame: Some(Unclear), ..cause },
        // TLS with the target, inside of the tunnel.
        (false, false) => cause,
    }
}

fn by(
    table: &[(&str, Blame, &str)],
    said: &str,
    link: &(dyn Error + 'static),
    proxy: &Proxy,
    cause: Cause,
) -> Cause {
    let Some((_, blame, words)) = table.iter().find(|(words, ..)| *words == said) else {
        let message = format!("{said}, says the proxy `{}`", proxy.shown());
        return Cause { kind: ErrorKind::Connect, phase: Phase::Connect, message, ..cause };
    };
    let hidden = hidden(link);
    if hidden.as_ref().is_some_and(|error| is_exhausted(error)) {
        return Cause { exhausted: true, ..cause };
    }
    let words = match (*words, hidden) {
        ("", Some(error)) => tidy(&error.to_string()),
        ("", None) => cause.message.clone(),
        (words, _) => words.to_owned(),
    };
    match blame {
        Own => of_proxy(proxy, &words),
        Unclear => {
            let message = format!("proxy `{}`: {words}", proxy.shown());
            let (kind, phase) = (ErrorKind::Connect, Phase::Connect);
            Cause { kind, phase, message, blame: Some(Unclear), ..cause }
        }
    }
}

fn of_proxy(proxy: &Proxy, why: &str) -> Cause {
    let message = format!("proxy `{}`: {why}", proxy.shown());
    Cause { blame: Some(Own), ..Cause::new(ErrorKind::Proxy, Phase::Connect, message) }
}

/// The operating system's error inside of one of SOCKS, which names no source: only its debug form has it.
fn hidden(link: &(dyn Error + 'static)) -> Option<io::Error> {
    let text = format!("{link:?}");
    let (_, rest) = text.split_once("code: ")?;
    let code = rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()?;
    Some(io::Error::from_raw_os_error(code))
}
