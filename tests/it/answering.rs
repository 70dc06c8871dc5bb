//! A server that answers by path and keeps what it was asked, and the answers that tests give most.

use std::sync::{Arc, Mutex};

use crate::raw::Raw;

/// The heads of the requests that a server got, in order.
pub(crate) type Heads = Arc<Mutex<Vec<String>>>;

/// A server that answers each path as `answer` says.
pub(crate) fn serve(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> (Raw, Heads) {
    serve_at("127.0.0.1", answer)
}

/// The same on another address of this machine.
pub(crate) fn serve_at(
    address: &str,
    answer: impl Fn(&str) -> String + Send + Sync + 'static,
) -> (Raw, Heads) {
    let heads = Heads::default();
    let log = Arc::clone(&heads);
    let server = Raw::serve_at(address, move |mut conn| {
        while let Some(head) = conn.request() {
            let path = path_of(&head).to_owned();
            log.lock().unwrap().push(head);
            conn.send(answer(&path));
        }
    });
    (server, heads)
}

/// The path that a head asks for.
pub(crate) fn path_of(head: &str) -> &str {
    head.split(' ').nth(1).unwrap_or_default()
}

/// A page.
pub(crate) fn page(body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {length}\r\n\r\n{body}")
}

/// A redirect that leaves a GET a GET.
pub(crate) fn moved(to: &str) -> String {
    format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n")
}

/// Nothing here.
pub(crate) fn missing() -> String {
    "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_owned()
}
