//! The running synthetic web: ports, connections, and the performance of answers and faults.
//!
//! [`Origin`] owns one accepting task per port, and each of these owns the tasks of its connections, so
//! that [`Origin::stop`] can end and join every one of them. A task that panics takes its port down and
//! the panic comes out of `stop`: a test never passes beside a broken server. Connections are kept alive
//! until the client closes; what an answer is, [`Kitchen`] decides.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::{JoinError, JoinSet};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::answer::{Answer, Delivery, Kitchen};
use super::graph::Graph;
use super::log::{self, Hit, Log, Stats};
use super::request::{Place, Reader};
use super::site::{Addressing, Site};

/// Connections that may wait to be accepted, on each port.
const BACKLOG: u32 = 4096;
/// Pause after a failed accept, usually for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);
/// A dripping answer comes in this many pieces, this far apart.
const PIECES: usize = 16;
const PIECE_PAUSE: Duration = Duration::from_millis(25);

/// A synthetic web that is being served. Dropping it aborts everything; [`stop`](Self::stop) also joins.
#[derive(Debug)]
pub struct Origin {
    addresses: Vec<SocketAddr>,
    shared: Arc<Shared>,
    stopping: CancellationToken,
    acceptors: JoinSet<()>,
}

#[derive(Debug)]
struct Shared {
    kitchen: Kitchen,
    log: Log,
}

impl Origin {
    /// Opens the ports and serves the site from then on.
    ///
    /// Going by ports, host *i* is at `listen.port() + i`, or anywhere if that port is 0. Going by names,
    /// `listen` is the forward proxy of all hosts.
    ///
    /// # Errors
    /// As [`Site::check`], or when a port cannot be opened.
    pub async fn start(site: Site, listen: SocketAddr) -> io::Result<Self> {
        site.check()?;
        let by_port = site.addressing == Addressing::Ports;
        let count = if by_port { site.hosts } else { 1 };
        let listeners = (0..count).map(|i| bind(listen, i)).collect::<io::Result<Vec<_>>>()?;
        let addresses = listeners.iter().map(TcpListener::local_addr).collect::<io::Result<Vec<_>>>()?;
        let log = Log::new(site.record);
        let graph = Graph::new(site, if by_port { reachable(&addresses) } else { Vec::new() });
        let shared = Arc::new(Shared { kitchen: Kitchen::new(graph), log });
        let stopping = CancellationToken::new();
        let mut acceptors = JoinSet::new();
        for (host, listener) in (0..).zip(listeners) {
            let port_host = by_port.then_some(host);
            acceptors.spawn(accept(listener, port_host, shared.clone(), stopping.clone()));
        }
        Ok(Self { addresses, shared, stopping, acceptors })
    }

    /// The open ports: one per host, or the one of the proxy.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// What to give a client as its proxy, e.g. `http://127.0.0.1:8080`; `None` when hosts are ports.
    pub fn proxy(&self) -> Option<String> {
        let names = self.graph().site().addressing == Addressing::Names;
        names.then(|| reachable(&self.addresses).first().map(|proxy| format!("http://{proxy}"))).flatten()
    }

    /// The function behind the server: seeds, truth, URLs.
    pub fn graph(&self) -> &Graph {
        &self.shared.kitchen.graph
    }

    /// Counters since the start.
    pub fn stats(&self) -> Stats {
        self.shared.log.stats()
    }

    /// All requests in the order of arrival; empty unless [`Site::record`].
    pub fn log(&self) -> Vec<Hit> {
        self.shared.log.with_hits(<[Hit]>::to_vec)
    }

    /// The most requests that were open at once on a host; 0 unless [`Site::record`].
    pub fn max_in_flight(&self, host: u32) -> u32 {
        self.shared.log.with_hits(|hits| log::max_in_flight(hits, host))
    }

    /// The shortest time between two requests to a host; `None` with fewer than two, or unless
    /// [`Site::record`].
    pub fn min_gap(&self, host: u32) -> Option<Duration> {
        self.shared.log.with_hits(|hits| log::min_gap(hits, host))
    }

    /// Closes all ports and connections at once and waits until every task has ended.
    ///
    /// # Panics
    /// Passes on the panic of a task.
    pub async fn stop(mut self) -> Stats {
        self.stopping.cancel();
        while let Some(ended) = self.acceptors.join_next().await {
            pass_on_panic(ended);
        }
        self.stats()
    }
}

fn bind(listen: SocketAddr, offset: u32) -> io::Result<TcpListener> {
    let port = match listen.port() {
        0 => 0,
        base => u16::try_from(u32::from(base) + offset).map_err(|_| {
            let why = format!("no port is left above {base} for host {offset}");
            io::Error::new(io::ErrorKind::InvalidInput, why)
        })?,
    };
    let socket = if listen.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::new(listen.ip(), port))?;
    socket.listen(BACKLOG)
}

/// Addresses as a client on this machine would write them: nobody connects to `0.0.0.0`.
fn reachable(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let loopback = |address: &SocketAddr| match address {
        SocketAddr::V4(a) if a.ip().is_unspecified() => ([127, 0, 0, 1], a.port()).into(),
        SocketAddr::V6(a) if a.ip().is_unspecified() => (std::net::Ipv6Addr::LOCALHOST, a.port()).into(),
        other => *other,
    };
    addresses.iter().map(loopback).collect()
}

async fn accept(
    listener: TcpListener,
    port_host: Option<u32>,
    shared: Arc<Shared>,
    stopping: CancellationToken,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stopping.cancelled() => break,
            Some(ended) = connections.join_next() => pass_on_panic(ended),
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    shared.log.connection();
                    connections.spawn(connection(stream, port_host, shared.clone()));
                }
                Err(_) => sleep(ACCEPT_PAUSE).await,
            },
        }
    }
    drop(listener);
    connections.abort_all();
    while let Some(ended) = connections.join_next().await {
        pass_on_panic(ended);
    }
}

fn pass_on_panic(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        std::panic::resume_unwind(error.into_panic());
    }
}

async fn connection(mut stream: TcpStream, port_host: Option<u32>, shared: Arc<Shared>) {
    // Errors are the client's: it left. There is nobody to tell.
    let _ = stream.set_nodelay(true);
    let _ = serve(&mut stream, port_host, &shared).await;
}

async fn serve(stream: &mut TcpStream, port_host: Option<u32>, shared: &Shared) -> io::Result<()> {
    let Shared { kitchen, log } = shared;
    let place = Place { graph: &kitchen.graph, port_host };
    let mut reader = Reader::new();
    loop {
        let request = match reader.next(stream, place).await? {
            None => return Ok(()),
            Some(Ok(request)) => request,
            Some(Err(bad)) => {
                drop(log.request(None, String::new));
                log.answer(Some(bad.0));
                stream.write_all(&kitchen.refuse(bad).bytes).await?;
                stream.shutdown().await?;
                // Closing on unread bytes would reset the connection and take the answer with it.
                reader.until_closed(stream).await;
                return Ok(());
            }
        };
        let open = log.request(request.host, || request.url.clone());
        let answer = kitchen.compose(&request);
        log.answer(answer.status);
        if !answer.latency.is_zero() {
            sleep(answer.latency).await;
        }
        deliver(stream, &mut reader, &answer, open).await?;
        if answer.close || !matches!(answer.delivery, Delivery::Whole | Delivery::Pieces) {
            return Ok(());
        }
    }
}

/// Sends an answer as it demands. The request stays open until the last write begins.
async fn deliver(
    stream: &mut TcpStream,
    reader: &mut Reader,
    answer: &Answer,
    open: log::Open<'_>,
) -> io::Result<()> {
    let half = &answer.bytes[..answer.body_at + (answer.bytes.len() - answer.body_at) / 2];
    match answer.delivery {
        Delivery::Whole => {
            drop(open);
            stream.write_all(&answer.bytes).await?;
        }
        Delivery::Pieces => {
            let mut pieces = answer.bytes.chunks(answer.bytes.len().div_ceil(PIECES));
            let last = pieces.next_back().unwrap_or_default();
            for piece in pieces {
                stream.write_all(piece).await?;
                sleep(PIECE_PAUSE).await;
            }
            drop(open);
            stream.write_all(last).await?;
        }
        Delivery::Half => {
            drop(open);
            stream.write_all(half).await?;
        }
        Delivery::HalfThenReset => {
            drop(open);
            stream.write_all(half).await?;
            return stream.set_zero_linger();
        }
        Delivery::Reset => return stream.set_zero_linger(),
        Delivery::Stall => {
            reader.until_closed(stream).await;
            return Ok(());
        }
    }
    if answer.close || answer.delivery == Delivery::Half {
        stream.shutdown().await?;
    }
    Ok(())
}
