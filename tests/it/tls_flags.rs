//! The flags of TLS, against nginx: whom to trust, whom to be, how old a version may be, and what is resumed.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, date_time_ymd};

use crate::connections::{https, secure, trusting};
use crate::gannet::{Ran, run, text};
use crate::pki::{Ca, Identity, ca, organization, pem, sans};
use crate::servers::{Server, nginx, program};
use crate::tls;

/// A directory with what is written into it.
struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn put(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn ca(&self, ca: &Ca) -> String {
        self.put("ca.pem", &pem("CERTIFICATE", ca.cert.der()))
    }
}

/// Runs openssl in this directory; `None` where there is none.
fn openssl(directory: &Path, line: &str) -> Option<()> {
    let ran = Command::new(program("openssl", "openssl")?)
        .args(line.split(' '))
        .current_dir(directory)
        .output()
        .unwrap();
    assert!(ran.status.success(), "openssl {line}: {}", String::from_utf8_lossy(&ran.stderr));
    Some(())
}

fn fetch(args: &[&str]) -> Ran {
    run([&["fetch", "--retries", "0"], args].concat())
}

/// Exits with 2 and says this.
fn refuses(args: &[&str], words: &str) {
    let ran = fetch(&[args, &["https://127.0.0.1:9/"]].concat()).exits(2);
    assert!(ran.stderr.contains(words), "{args:?}: {}", ran.stderr);
}

fn refused(ran: &Ran, words: &str) {
    let record = &ran.records()[0];
    assert!(record["error_kind"] == "tls" && text(record, "error").contains(words), "{record}");
}

#[test]
fn cacert_is_trusted_in_place_of_the_system() {
    let (files, own, system) = (Files::new(), ca("Own"), ca("System"));
    let Some(server) = secure(&own, "ssl", "", &[("a", "a")]) else { return };
    let url = https(&server, "/a");
    fetch(&[&url, "--cacert", &files.ca(&own)]).exits(0);
    let ran = fetch(&[&url]).exits(4);
    refused(&ran, "unknown issuer");
    // Whom the system trusts is not asked.
    let directory = tempfile::tempdir().unwrap();
    let other = files.put("other.pem", &pem("CERTIFICATE", system.cert.der()));
    refused(&trusting(&own, &directory, &["fetch", &url, "--cacert", &other]).run(), "unknown issuer");
}

/// Two names on one address: each gets its own certificate, and its own pages.
#[test]
fn the_name_of_the_url_is_asked_for_wherever_it_is_resolved_to() {
    let (files, ca) = (Files::new(), ca("Root"));
    let names = ["one.test", "two.test"];
    let identities = names.map(|name| ca.leaf(|params| params.subject_alt_names = sans([name.to_owned()])));
    let pems =
        identities.map(|own| pem("CERTIFICATE", &own.chain[0]) + &pem("PRIVATE KEY", own.key.secret_der()));
    let block = |name: &str| {
        let file = format!("DIR/www/{name}.pem");
        format!(
            "server {{ listen 127.0.0.1:PORT ssl; server_name {name}; ssl_certificate {file}; ssl_certificate_key {file};
             return 200 '$ssl_server_name $host'; }}"
        )
    };
    let own = [("one.test.pem", &*pems[0]), ("two.test.pem", &*pems[1])];
    let Some(server) = nginx(&names.map(block).concat(), &own) else { return };
    let port = server.port;
    let urls = names.map(|name| format!("https://{name}:{port}/"));
    let pins = names.map(|name| format!("{name}:{port}:127.0.0.1"));
    let ran = fetch(&[
        &urls[0],
        &urls[1],
        "--resolve",
        &pins[0],
        "--resolve",
        &pins[1],
        "--cacert",
        &files.ca(&ca),
        "--body",
        "--mode",
        "gather",
    ])
    .exits(0);
    let said: Vec<_> = ran.records().iter().map(|record| text(record, "body").to_owned()).collect();
    assert_eq!(said, ["one.test one.test", "two.test two.test"]);
    // The name counts, not the address: the certificate of one is not that of the other.
    let ran = fetch(&[
        &format!("https://three.test:{port}/"),
        "--resolve",
        &format!("*:{port}:127.0.0.1"),
        "--cacert",
        &files.ca(&ca),
    ]);
    refused(&ran.exits(4), "not valid for name");
}

/// What `openssl req -x509` makes: a CA that is the server itself.
#[test]
fn a_certificate_may_be_trusted_for_itself_while_its_name_and_dates_hold() {
    let files = Files::new();
    let of = |change: fn(&mut CertificateParams)| {
        let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        Identity::new(&params.self_signed(&key).unwrap(), &key)
    };
    for (name, change, ends) in [
        ("good", (|_| {}) as fn(&mut CertificateParams), None),
        (
            "name",
            |params| params.subject_alt_names = sans(["other.test".to_owned()]),
            Some("not valid for name"),
        ),
        ("dates", |params| params.not_after = date_time_ymd(2020, 1, 1), Some("expired")),
    ] {
        let identity = of(change);
        let file = files.put(&format!("{name}.pem"), &pem("CERTIFICATE", &identity.chain[0]));
        let server = tls::serve(tls::config(identity), |mut stream| {
            let mut head = [0; 1024];
            while stream.read(&mut head).is_ok_and(|length| length > 0) {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na");
            }
        });
        let ran = fetch(&[server.https_url("/").as_str(), "--cacert", &file]);
        match ends {
            None => assert_eq!(ran.code, Some(0), "{name}: {}", ran.text()),
            Some(words) => refused(&ran, words),
        }
        let other = files.ca(&ca("Other"));
        refused(&fetch(&[server.https_url("/").as_str(), "--cacert", &other]), "");
    }
}

#[test]
fn what_is_no_certificate_or_key_is_refused_at_start() {
    let files = Files::new();
    let cert = ca("Own").leaf(|_| {});
    let chain = files.put("cert.pem", &pem("CERTIFICATE", &cert.chain[0]));
    let key = files.put("key.pem", &pem("PRIVATE KEY", cert.key.secret_der()));
    let other = files.put("other.pem", &pem("PRIVATE KEY", ca("Other").leaf(|_| {}).key.secret_der()));
    let empty = files.put("empty.pem", "");
    refuses(&["--cacert", "/nowhere"], "`--cacert`: cannot read `/nowhere`");
    refuses(&["--cacert", &key], "holds no certificate in PEM");
    refuses(&["--cert", &empty, "--key", &key], "`--cert`");
    refuses(&["--cert", &chain, "--key", &chain], "holds no private key in PEM");
    refuses(&["--cert", &chain], "holds no private key in PEM");
    refuses(&["--cert", &chain, "--key", &other], "is not the key of this certificate");
    refuses(&["--key", &key], "hint: give that with `--cert FILE`");
    refuses(&["--insecure", "--cacert", &chain], "'--insecure' cannot be used with '--cacert");
    refuses(&["--min-tls", "1.1"], "possible values: 1.2, 1.3");
    if openssl(files.0.path(), "pkcs8 -topk8 -in key.pem -passout pass:x -out secret.pem").is_some() {
        let secret = files.path("secret.pem").display().to_string();
        refuses(&["--cert", &chain, "--key", &secret], "hint: openssl pkey -in KEY -out PLAIN");
    }
}

/// An nginx that answers those only whom this authority knows, with their names.
fn exclusive(own: &Ca, clients: &Ca) -> Option<Server> {
    let lines = "ssl_protocols TLSv1.2 TLSv1.3; ssl_client_certificate DIR/www/clients.pem; ssl_verify_client on; return 200 $ssl_client_s_dn;";
    secure(own, "ssl", lines, &[("clients.pem", &pem("CERTIFICATE", clients.cert.der()))])
}

#[test]
fn a_client_certificate_is_shown_whatever_form_its_key_has() {
    let (files, own, clients) = (Files::new(), ca("Own"), ca("Clients"));
    let Some(server) = exclusive(&own, &clients) else { return };
    let (trust, url) = (files.ca(&own), https(&server, "/"));
    let body = |args: &[&str]| {
        let ran = fetch(&[&[&*url, "--cacert", &trust, "--body"], args].concat());
        let record = &ran.records()[0];
        assert!(record.get("body").is_some(), "{record}");
        text(record, "body").to_owned()
    };
    assert!(body(&[]).contains("No required SSL certificate was sent"));

    let me = clients.leaf(|params| params.distinguished_name = organization("Me"));
    let (chain, key) = (pem("CERTIFICATE", &me.chain[0]), pem("PRIVATE KEY", me.key.secret_der()));
    let both = files.put("both.pem", &format!("{chain}{key}"));
    assert_eq!(body(&["--cert", &both]), "O=Me");
    let (cert, key) = (files.put("me.pem", &chain), files.put("key.pem", &key));
    assert_eq!(body(&["--cert", &cert, "--key", &key, "--http1", "--min-tls", "1.3"]), "O=Me");

    // The older forms of keys: SEC 1 of the same key, PKCS #1 of another.
    if openssl(files.0.path(), "ec -in key.pem -out sec1.pem").is_none() {
        return;
    }
    let sec1 = files.path("sec1.pem");
    assert!(std::fs::read_to_string(&sec1).unwrap().contains("BEGIN EC PRIVATE KEY"));
    assert_eq!(body(&["--cert", &cert, "--key", &sec1.display().to_string()]), "O=Me");
    let rsa = crate::pki::rsa(include_str!("keys/rsa2048.pem"));
    let me = clients.leaf_of(rsa, |params| params.distinguished_name = organization("Old"));
    let cert = files.put("old.pem", &pem("CERTIFICATE", &me.chain[0]));
    files.put("old-key.pem", &pem("PRIVATE KEY", me.key.secret_der()));
    openssl(files.0.path(), "rsa -in old-key.pem -traditional -out pkcs1.pem").unwrap();
    let pkcs1 = files.path("pkcs1.pem");
    assert!(std::fs::read_to_string(&pkcs1).unwrap().contains("BEGIN RSA PRIVATE KEY"));
    assert_eq!(body(&["--cert", &cert, "--key", &pkcs1.display().to_string()]), "O=Old");
}

#[test]
fn a_version_that_is_too_old_is_refused_and_says_so() {
    let (files, own) = (Files::new(), ca("Own"));
    let Some(server) = secure(&own, "ssl", "ssl_protocols TLSv1.2;", &[("a", "a")]) else { return };
    let (trust, url) = (files.ca(&own), https(&server, "/a"));
    fetch(&[&url, "--cacert", &trust, "--min-tls", "1.2"]).exits(0);
    for old in [["--min-tls", "1.3"], ["--tls-min", "TLSv1_3"]] {
        let ran = fetch(&[&[&*url, "--cacert", &trust], &old[..]].concat()).exits(4);
        refused(&ran, "or than `--min-tls`");
    }
}

#[test]
fn insecure_warns_once() {
    let Some(server) = secure(&ca("Nobody"), "ssl", "", &[("a", "a")]) else { return };
    let url = https(&server, "/a");
    let warnings = |more: &[&str]| {
        let ran = fetch(&[&[&*url, &url, "-k"], more].concat()).exits(0);
        ran.stderr.matches("certificates are not verified (--insecure)").count()
    };
    assert_eq!((warnings(&[]), warnings(&["-q"]), warnings(&["-qq"])), (1, 1, 0));
    let ran = run(["robots", "-k", &url]).exits(0);
    assert!(ran.stderr.contains("certificates are not verified"), "{}", ran.stderr);
}

#[test]
fn sessions_are_resumed_over_connections_and_threads() {
    let (files, own) = (Files::new(), ca("Own"));
    for version in ["TLSv1.2", "TLSv1.3"] {
        let Some(server) = secure(&own, "ssl", &format!("ssl_protocols {version};"), &[("a", "a")]) else {
            return;
        };
        let (trust, url) = (files.ca(&own), https(&server, "/a"));
        let urls = [&*url; 6];
        let flags =
            ["--cacert", &trust, "--keep-alive", "0", "--workers", "2", "--threads", "2", "--per-host", "1"];
        fetch(&[&urls[..], &flags].concat()).exits(0);
        let log = server.file("access.log");
        let reused: Vec<_> = log.lines().map(|line| line.split(' ').next_back().unwrap()).collect();
        assert_eq!(reused, [".", "r", "r", "r", "r", "r"], "{version}: {log}");
        let connections = log.lines().map(|line| line.split(' ').nth(4).unwrap());
        assert_eq!(connections.collect::<std::collections::HashSet<_>>().len(), 6, "{log}");
    }
}
