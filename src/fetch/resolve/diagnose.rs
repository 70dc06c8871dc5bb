//! Why a server for names cannot be reached, in words.
//!
//! hickory says of every fault below DNS that there are no connections. People need to know whether the port is closed or
//! the certificate is for another name, so [`own`](super::own) connects once more, as far as DNS would begin. Blocks.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

use super::server::{Server, Transport};
use crate::fetch::{classify, tls};

/// What is wrong.
pub(super) struct Diagnosis {
    pub(super) message: String,
    /// This machine ran out of descriptors.
    pub(super) exhausted: bool,
}

/// What is wrong with a server, if that shows.
pub(super) fn fault(server: &Server, tls: ClientConfig, timeout: Duration) -> Option<Diagnosis> {
    let at = SocketAddr::new(server.address?, server.port);
    let tried = match server.transport {
        Transport::Udp => return None,
        Transport::Tcp => TcpStream::connect_timeout(&at, timeout).map(drop),
        Transport::Tls | Transport::Https(_) => handshake(at, &server.name, tls, timeout),
    };
    let error = tried.err()?;
    Some(Diagnosis { message: message(&error), exhausted: classify::is_exhausted_io(&error) })
}

fn handshake(at: SocketAddr, name: &str, tls: ClientConfig, timeout: Duration) -> io::Result<()> {
    let name = ServerName::try_from(name.to_owned()).map_err(io::Error::other)?;
    let mut session = ClientConnection::new(Arc::new(tls), name).map_err(io::Error::other)?;
    let mut stream = TcpStream::connect_timeout(&at, timeout)?;
    stream.set_read_timeout(Some(timeout))?;
    stream.set_write_timeout(Some(timeout))?;
    while session.is_handshaking() {
        session.complete_io(&mut stream)?;
    }
    Ok(())
}

/// What an error says that may be one of TLS.
pub(super) fn message(error: &io::Error) -> String {
    let inner = error.get_ref().map(|inner| inner as &(dyn std::error::Error + 'static));
    let tls = std::iter::successors(inner, |error| error.source()).find_map(|error| error.downcast_ref());
    tls.map_or_else(|| classify::tidy(&error.to_string()), tls::error::message)
}
