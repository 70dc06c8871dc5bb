//! Connections to real servers: which HTTP they speak, how often they are used, and what the record says of them.

use crate::gannet::{Call, Ran, call, text};
use crate::pki::{Ca, ca, pem};
use crate::servers::{Server, nginx};

/// An nginx with TLS whose certificate this authority signed: these lines in its `server` block.
pub(crate) fn secure(ca: &Ca, lines: &str, files: &[(&str, &str)]) -> Option<Server> {
    let identity = ca.leaf(|_| {});
    let (cert, key) = (pem("CERTIFICATE", &identity.chain[0]), pem("PRIVATE KEY", identity.key.secret_der()));
    let own = [("cert.pem", &*cert), ("key.pem", &*key)];
    let files: Vec<_> = own.into_iter().chain(files.iter().copied()).collect();
    let tls = "ssl_certificate DIR/www/cert.pem; ssl_certificate_key DIR/www/key.pem;";
    nginx(&format!("server {{ listen 127.0.0.1:PORT ssl; {tls} {lines} }}"), &files)
}

pub(crate) fn https(server: &Server, path: &str) -> String {
    format!("https://127.0.0.1:{}{path}", server.port)
}

/// `gannet fetch` that trusts this authority, in a directory of its own.
pub(crate) fn trusting(ca: &Ca, directory: &tempfile::TempDir, args: &[&str]) -> Call {
    let file = directory.path().join("ca.pem");
    std::fs::write(&file, pem("CERTIFICATE", ca.cert.der())).unwrap();
    call(args).env("SSL_CERT_FILE", &file.display().to_string())
}

/// The first number before ` connection` in the summary of `-v`, and the requests.
fn sent(ran: &Ran) -> (u64, u64) {
    let line = ran
        .stderr
        .lines()
        .find(|line| line.contains(" sent over "))
        .unwrap_or_else(|| panic!("{}", ran.stderr));
    let mut numbers = line.split_whitespace().filter_map(|word| word.parse().ok());
    let requests = numbers.next().unwrap();
    (numbers.next().unwrap(), requests)
}

#[test]
fn a_kept_connection_is_reported() {
    let (ca, home) = (ca("Root"), tempfile::tempdir().unwrap());
    let Some(server) = secure(&ca, "", &[("a", "a")]) else { return };
    let url = https(&server, "/a");
    let ran =
        trusting(&ca, &home, &["fetch", &url, &url, &url, "--workers", "1", "-v", "--http1"]).run().exits(0);
    let records = ran.records();
    assert_eq!(records.iter().map(|r| &r["reused"]).collect::<Vec<_>>(), [false, true, true]);
    assert!(records[0]["time_tls_ms"].as_f64().unwrap() > 0.0 && records[0]["time_connect_ms"].is_number());
    assert!(records[1].get("time_tls_ms").is_none() && records[1].get("time_connect_ms").is_none());
    assert_eq!(text(&records[0], "http_version"), "HTTP/1.1");
    assert_eq!(sent(&ran), (1, 3));
}
