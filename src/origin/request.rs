//! Reading a request: from bytes on a connection to what is asked of which host.
//!
//! [`Reader::next`] yields one [`Request`] after the other and skips their bodies. It understands the
//! origin form (`GET /p/1`, host by `Host`) and the absolute form that clients send to a forward proxy
//! (`GET http://h3.test/p/1`). Whatever is wrong with a request is a [`Bad`] with a status, never a panic.

use std::io;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::graph::Graph;
use super::path::What;

/// Longest request head in bytes; more is answered 431. The trap's paths grow, so it is generous.
const MAX_HEAD: usize = 64 * 1024;
const MAX_HEADERS: usize = 64;

/// A request, understood.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: Method,
    /// Number of the host asked, `None` when there is no such host.
    pub(super) host: Option<u32>,
    /// Whether it came in absolute form.
    pub(super) proxied: bool,
    pub(super) what: What,
    /// Whether the client wants to go on with this connection.
    pub(super) keep_alive: bool,
    /// Length of its body in bytes.
    pub(super) body: u64,
    /// The URL in full, only when the server records.
    pub(super) url: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Get,
    Head,
    Post,
}

/// Why a request is refused: the status. The connection is closed after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bad(pub(super) u16);

/// What the reader needs to know about the server.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) graph: &'a Graph,
    /// The host that this port stands for; `None` on the port that serves names.
    pub(super) port_host: Option<u32>,
}

/// Reads requests from one connection.
pub(super) struct Reader {
    buffer: BytesMut,
}

impl Reader {
    pub(super) fn new() -> Self {
        Self { buffer: BytesMut::with_capacity(1024) }
    }

    /// The next request, `None` when the client has closed.
    ///
    /// # Errors
    /// When the connection breaks, also in the middle of a head.
    pub(super) async fn next<S>(
        &mut self,
        stream: &mut S,
        at: Place<'_>,
    ) -> io::Result<Option<Result<Request, Bad>>>
    where
        S: AsyncRead + Unpin,
    {
        loop {
            match parse(&self.buffer, at) {
                Ok(Some((request, length))) => {
                    self.buffer.advance(length);
                    self.skip(stream, request.body).await?;
                    return Ok(Some(Ok(request)));
                }
                Ok(None) => {}
                Err(bad) => return Ok(Some(Err(bad))),
            }
            self.buffer.reserve(1024);
            if stream.read_buf(&mut self.buffer).await? == 0 {
                let clean = self.buffer.is_empty();
                return if clean { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
            }
        }
    }

    /// Waits until the client closes, whatever it sends meanwhile.
    pub(super) async fn until_closed<S: AsyncRead + Unpin>(&mut self, stream: &mut S) {
        while let Ok(1..) = stream.read_buf(&mut self.buffer).await {
            self.buffer.clear();
        }
    }

    async fn skip<S: AsyncRead + Unpin>(&mut self, stream: &mut S, mut length: u64) -> io::Result<()> {
        loop {
            let here = self.buffer.len().min(usize::try_from(length).unwrap_or(usize::MAX));
            self.buffer.advance(here);
            length -= here as u64;
            if length == 0 {
                return Ok(());
            }
            self.buffer.reserve(8192);
            if stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

/// Reads one head: the request and the length of the head, `None` when bytes are missing.
fn parse(bytes: &[u8], at: Place<'_>) -> Result<Option<(Request, usize)>, Bad> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut head = httparse::Request::new(&mut headers);
    let length = match head.parse(bytes) {
        Ok(httparse::Status::Complete(length)) if length <= MAX_HEAD => length,
        Ok(httparse::Status::Partial) if bytes.len() <= MAX_HEAD => return Ok(None),
        Ok(_) | Err(httparse::Error::TooManyHeaders) => return Err(Bad(431)),
        Err(httparse::Error::Version) => return Err(Bad(505)),
        Err(_) => return Err(Bad(400)),
    };
    let method = match head.method.unwrap_or_default() {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        // Tunnels would need TLS for every name; the synthetic web is plain HTTP.
        "CONNECT" => return Err(Bad(501)),
        _ => return Err(Bad(405)),
    };
    let fields = Fields::read(head.headers)?;
    let target = head.path.unwrap_or_default();
    let mut request = locate(target, fields.host, at).ok_or(Bad(400))?;
    request.method = method;
    request.keep_alive = head.version == Some(1) && !fields.close;
    request.body = fields.body;
    Ok(Some((request, length)))
}

/// The header fields that matter.
#[derive(Default)]
struct Fields<'a> {
    host: &'a str,
    close: bool,
    body: u64,
}

impl<'a> Fields<'a> {
    fn read(headers: &[httparse::Header<'a>]) -> Result<Self, Bad> {
        let mut fields = Self::default();
        for header in headers {
            let value = || std::str::from_utf8(header.value).map(str::trim).map_err(|_| Bad(400));
            if header.name.eq_ignore_ascii_case("host") {
                fields.host = value()?;
            } else if header.name.eq_ignore_ascii_case("connection") {
                fields.close = value()?.split(',').any(|token| token.trim().eq_ignore_ascii_case("close"));
            } else if header.name.eq_ignore_ascii_case("content-length") {
                fields.body = value()?.parse().map_err(|_| Bad(400))?;
            } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
                return Err(Bad(411));
            }
        }
        Ok(fields)
    }
}

/// Which host and what on it; `None` when the target is neither a path nor an absolute URL.
fn locate(target: &str, host_field: &str, at: Place<'_>) -> Option<Request> {
    let (proxied, authority, path) = match target.strip_prefix("http://") {
        Some(rest) => match rest.find(['/', '?']) {
            Some(end) => (true, &rest[..end], &rest[end..]),
            None => (true, rest, "/"),
        },
        None if target.starts_with('/') => (false, host_field, target),
        None => return None,
    };
    let host = match at.port_host {
        Some(host) if !proxied => Some(host),
        _ => at.graph.find(authority),
    };
    let url = match host {
        _ if !at.graph.site().record => String::new(),
        Some(host) => format!("http://{}{path}", at.graph.authority(host)),
        None => format!("http://{authority}{path}"),
    };
    let what = at.graph.what(path);
    Some(Request { method: Method::Get, host, proxied, what, keep_alive: true, body: 0, url })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::origin::{Addressing, Site};

    fn read(text: &str) -> Result<Option<Request>, Bad> {
        let site = Site { addressing: Addressing::Names, hosts: 20, ..Site::default() };
        let graph = Graph::new(site, Vec::new());
        Ok(parse(text.as_bytes(), Place { graph: &graph, port_host: None })?.map(|(request, _)| request))
    }

    #[test]
    fn both_forms_name_the_same_thing() {
        for text in [
            "GET /p/3 HTTP/1.1\r\nHost: h17.test\r\n\r\n",
            "GET /p/3 HTTP/1.1\r\nhOST:  H17.TEST:80 \r\n\r\n",
            "GET http://h17.test/p/3 HTTP/1.1\r\nHost: ignored\r\n\r\n",
        ] {
            let request = read(text).unwrap().unwrap();
            assert_eq!((request.host, request.what), (Some(17), What::Page(3)), "{text}");
            assert!(request.keep_alive);
        }
        let root = read("GET http://h17.test HTTP/1.1\r\n\r\n").unwrap().unwrap();
        assert_eq!(root.what, What::Page(0));
        for unknown in ["h20.test", "h017.test", "h1.test:81", "example.org", "h.test", "€.test", ""] {
            let text = format!("GET / HTTP/1.1\r\nHost: {unknown}\r\n\r\n");
            assert_eq!(read(&text).unwrap().unwrap().host, None, "{unknown}");
        }
    }

    #[test]
    fn what_is_wrong_has_a_status() {
        for (text, status) in [
            ("GET\r\n\r\n", 400),
            ("GET nowhere HTTP/1.1\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400),
            ("PUT / HTTP/1.1\r\n\r\n", 405),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 411),
            ("CONNECT h1.test:443 HTTP/1.1\r\n\r\n", 501),
            ("PRI * HTTP/2.0\r\n\r\n", 505),
        ] {
            assert_eq!(read(text).unwrap_err(), Bad(status), "{text}");
        }
        assert!(read("GET / HTTP/1.1\r\nHost").unwrap().is_none());
        assert!(!read("GET / HTTP/1.1\r\nConnection: Close\r\n\r\n").unwrap().unwrap().keep_alive);
        assert!(!read("GET / HTTP/1.0\r\n\r\n").unwrap().unwrap().keep_alive);
    }
}
