//! Connections to real servers: which HTTP they speak, how often they are used, and what the record says of them.

use crate::answering::{page, serve};
use crate::gannet::{Call, Ran, call, run, text};
use crate::pki::{Ca, ca, pem};
use crate::servers::{Server, nginx};

/// An nginx with TLS whose certificate this authority signed: `listen` with these words, and these lines in its
/// `server` block.
pub(crate) fn secure(ca: &Ca, listen: &str, lines: &str, files: &[(&str, &str)]) -> Option<Server> {
    let identity = ca.leaf(|_| {});
    let (cert, key) = (pem("CERTIFICATE", &identity.chain[0]), pem("PRIVATE KEY", identity.key.secret_der()));
    let own = [("cert.pem", &*cert), ("key.pem", &*key)];
    let files: Vec<_> = own.into_iter().chain(files.iter().copied()).collect();
    let tls = "ssl_certificate DIR/www/cert.pem; ssl_certificate_key DIR/www/key.pem;";
    nginx(&format!("server {{ listen 127.0.0.1:PORT {listen}; {tls} {lines} }}"), &files)
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

/// The connections in the summary of `-v`, and the requests.
pub(crate) fn sent(ran: &Ran) -> (u64, u64) {
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
    let Some(server) = secure(&ca, "ssl", "", &[("a", "a")]) else { return };
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

#[test]
fn idle_connections_are_kept_as_long_and_as_many_as_asked() {
    let Some(server) = nginx("server { listen 127.0.0.1:PORT; }", &[("a", "a")]) else { return };
    let urls: Vec<_> = (0..6).map(|nth| server.url(&format!("/a?{nth}"))).collect();
    let opened = |flags: &[&str]| {
        let urls = urls.iter().map(String::as_str);
        let ran = run(["fetch", "-v", "--threads", "1"].into_iter().chain(urls).chain(flags.iter().copied()))
            .exits(0);
        sent(&ran).0
    };
    assert_eq!(opened(&["--workers", "1"]), 1);
    assert_eq!(opened(&["--workers", "1", "--keep-alive", "0"]), 6);
    // A connection is idle for the delay, and nobody else is to be asked meanwhile.
    assert_eq!(opened(&["--workers", "1", "--delay", "300ms", "--keep-alive", "100ms"]), 6);
    let many = ["--workers", "3", "--max-idle-per-host", "1"];
    assert!((2..=6).contains(&opened(&many)));
}

#[test]
fn keep_alive_0_says_so() {
    let (server, heads) = serve(|_| page(""));
    let url = server.url("/").to_string();
    run(["fetch", &url, "--keep-alive", "0"]).exits(0);
    run(["fetch", &url]).exits(0);
    let says_close: Vec<_> =
        heads.lock().unwrap().iter().map(|head| head.to_lowercase().contains("connection: close")).collect();
    assert_eq!(says_close, [true, false]);
}
