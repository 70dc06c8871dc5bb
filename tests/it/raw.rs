//! A server at the level of bytes, for tests that need one to misbehave.
//!
//! [`Raw`] listens on a port of its own and gives each connection to the handler, on a thread of its own.
//! When dropped it cuts all connections, joins all threads, and fails the test if a handler panicked.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use gannet::fetch::{Fetch, FetchError, Http, HttpOptions, Request, Response, TlsOptions};
use gannet::url::CrawlUrl;

pub(crate) struct Raw {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    stopped: AtomicBool,
    open: Mutex<Vec<TcpStream>>,
}

impl Raw {
    /// Serves each connection with `handler`.
    pub(crate) fn serve(handler: impl Fn(Conn) + Send + Sync + 'static) -> Self {
        Self::serve_at("127.0.0.1", handler)
    }

    /// The same on another address of this machine.
    pub(crate) fn serve_at(address: &str, handler: impl Fn(Conn) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((address, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let acceptor = thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, &shared, &Arc::new(handler))
        });
        Self { address, shared, acceptor: Some(acceptor) }
    }

    /// Answers each request with these bytes and closes.
    pub(crate) fn answer(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        Self::serve(move |mut conn| {
            conn.request();
            conn.send(&bytes);
        })
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn url(&self, path: &str) -> CrawlUrl {
        CrawlUrl::parse(&format!("http://{}{path}", self.address)).unwrap()
    }

    pub(crate) fn https_url(&self, path: &str) -> CrawlUrl {
        CrawlUrl::parse(&format!("https://{}{path}", self.address)).unwrap()
    }
}

fn accept<H: Fn(Conn) + Send + Sync + 'static>(
    listener: &TcpListener,
    shared: &Arc<Shared>,
    handler: &Arc<H>,
) {
    let mut threads = Vec::new();
    loop {
        let (stream, _) = listener.accept().unwrap();
        if shared.stopped.load(Ordering::SeqCst) {
            break;
        }
        shared.open.lock().unwrap().push(stream.try_clone().unwrap());
        let handler = Arc::clone(handler);
        let conn = Conn { stream, early: Vec::new(), shared: Arc::clone(shared) };
        threads.push(thread::spawn(move || handler(conn)));
    }
    for stream in shared.open.lock().unwrap().drain(..) {
        let _ = stream.shutdown(Shutdown::Both);
    }
    let panicked = threads.into_iter().map(JoinHandle::join).filter(Result::is_err).count();
    assert_eq!(panicked, 0, "handlers panicked");
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address); // wakes the acceptor
        let joined = self.acceptor.take().map(JoinHandle::join);
        if !thread::panicking() {
            assert!(matches!(joined, Some(Ok(()))), "the server panicked");
        }
    }
}

/// One connection.
pub(crate) struct Conn {
    pub(crate) stream: TcpStream,
    early: Vec<u8>,
    shared: Arc<Shared>,
}

impl Drop for Conn {
    fn drop(&mut self) {
        // Without this the acceptor's handle would keep the connection open.
        let peer = self.stream.peer_addr().ok();
        self.shared.open.lock().unwrap().retain(|open| open.peer_addr().ok() != peer);
    }
}

impl Conn {
    /// The next request's head; `None` when the client has gone.
    pub(crate) fn request(&mut self) -> Option<String> {
        let mut buffer = [0; 4096];
        loop {
            if let Some(end) = self.early.windows(4).position(|w| w == b"\r\n\r\n") {
                let head = self.early.drain(..end + 4).collect::<Vec<_>>();
                return Some(String::from_utf8(head).unwrap());
            }
            match self.stream.read(&mut buffer) {
                Ok(0) | Err(_) => return None,
                Ok(n) => self.early.extend_from_slice(&buffer[..n]),
            }
        }
    }

    /// `length` bytes of a request's body.
    pub(crate) fn body(&mut self, length: usize) -> Vec<u8> {
        let mut buffer = [0; 4096];
        while self.early.len() < length {
            match self.stream.read(&mut buffer) {
                Ok(0) | Err(_) => break,
                Ok(n) => self.early.extend_from_slice(&buffer[..n]),
            }
        }
        self.early.drain(..length.min(self.early.len())).collect()
    }

    /// Sends; `false` when the client has gone.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).is_ok()
    }

    /// Waits until the client has gone.
    pub(crate) fn hold(&mut self) {
        let mut buffer = [0; 4096];
        while self.stream.read(&mut buffer).is_ok_and(|n| n > 0) {}
    }

    /// Waits a little, less if the client goes; `false` when it has.
    pub(crate) fn pause(&mut self, millis: u64) -> bool {
        self.stream.set_read_timeout(Some(Duration::from_millis(millis))).unwrap();
        let read = self.stream.read(&mut [0; 64]);
        self.stream.set_read_timeout(None).unwrap();
        read.is_err_and(|error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
    }

    /// Waits for a request without taking it: closing the connection then resets it.
    pub(crate) fn leave_unread(&mut self) {
        let _ = self.stream.peek(&mut [0; 1]);
    }
}

/// Short limits, so that a test ends soon.
pub(crate) fn quick() -> HttpOptions {
    HttpOptions {
        timeout: Duration::from_secs(5),
        connect_timeout: Duration::from_secs(2),
        idle_timeout: Duration::from_millis(300),
        max_body: 1 << 20,
        ..HttpOptions::default()
    }
}

/// TLS that believes anybody.
pub(crate) fn insecure() -> TlsOptions {
    TlsOptions { insecure: true, ..TlsOptions::default() }
}

/// Fetches one URL with a client of its own.
pub(crate) async fn get(options: HttpOptions, url: CrawlUrl) -> Result<Response, FetchError> {
    fetch(&Http::new(options).unwrap(), Request::get(url)).await
}

/// Fetches, and fails the test if that does not end.
pub(crate) async fn fetch(http: &Http, request: Request) -> Result<Response, FetchError> {
    tokio::time::timeout(Duration::from_secs(20), http.fetch(request)).await.expect("the fetch ends in time")
}
