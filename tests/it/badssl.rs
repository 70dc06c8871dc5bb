//! Every class of bad TLS that badssl.com has, made on loopback: refused with its cause in words, or accepted on
//! purpose (docs/errors.md says why).
//!
//! One run of the binary fetches them all, with `SSL_CERT_FILE` naming a CA that exists for this test only. How each
//! server is made stands in [`CLASSES`]; old versions and ciphers, which no library here speaks any more, are
//! canned: a server hello with what such a server picks, or the alert that it sends.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Lines, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Stdio};

use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;

use crate::data;
use crate::gannet::{call, text};
use crate::pki::{Ca, Identity, ca, organization, pem, rsa, sans};
use crate::raw::Raw;
use crate::tls;

/// What becomes of a fetch.
enum Ends {
    /// With an answer.
    Well,
    /// As `tls`, with a message that has these words.
    Refused(&'static str),
}
use Ends::{Refused, Well};

impl Ends {
    fn is(&self, record: &serde_json::Value) -> bool {
        match self {
            Well => record["status_code"] == 200,
            Refused(words) => record["error_kind"] == "tls" && text(record, "error").contains(words),
        }
    }
}

type Make = fn(&World) -> Raw;

/// Name, ending, server. The names are those of the suite; those with a `+` are of our own.
const CLASSES: &[(&str, Ends, Make)] = &[
    ("expired", Refused("expired"), |w| w.site(|p| p.not_after = date_time_ymd(2020, 1, 1))),
    ("+ not yet valid", Refused("not valid yet"), |w| w.site(|p| p.not_before = date_time_ymd(4000, 1, 1))),
    ("wrong.host", Refused("not valid for name"), |w| {
        w.site(|p| p.subject_alt_names = sans(["other.test".to_owned()]))
    }),
    ("self-signed", Refused("self-signed"), |_| answer(Identity::own())),
    ("+ self-signed CA", Refused("self-signed"), |_| answer(ca("Own").identity())),
    ("untrusted-root", Refused("unknown issuer"), |_| answer(ca("Nobody").leaf(|_| {}))),
    ("mitm-software / superfish / edellroot / dsdtestprovider", Refused("unknown issuer"), |_| {
        let leaked = ca("Superfish, Inc.");
        let mut identity = leaked.leaf(|_| {});
        identity.chain.push(leaked.cert.der().clone()); // they come with their root
        answer(identity)
    }),
    ("incomplete-chain", Refused("unknown issuer"), |w| answer(w.between.leaf(|_| {}))),
    ("reversed-chain", Well, |w| {
        let mut identity = w.between.leaf(|_| {});
        identity.chain.extend([w.root.cert.der().clone(), w.between.cert.der().clone()]);
        answer(identity)
    }),
    ("sha1-intermediate", Refused("signature algorithm"), |w| answer(w.sha1())),
    ("revoked", Well, |w| w.site(|_| {})), // nothing asks whether it is
    ("+ not for servers", Refused("not for servers"), |w| {
        w.site(|p| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth])
    }),
    ("no-common-name", Well, |w| w.site(|p| p.distinguished_name = organization("No Name"))),
    ("no-subject", Well, |w| w.site(|p| p.distinguished_name = rcgen::DistinguishedName::new())),
    ("1000-sans", Well, |w| w.site(|p| p.subject_alt_names.extend(sans(many(1000))))),
    ("10000-sans", Refused("too large"), |w| w.site(|p| p.subject_alt_names.extend(sans(many(10_000))))),
    ("ecc256", Well, |w| {
        answer(w.root.leaf_of(KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap(), |_| {}))
    }),
    ("ecc384", Well, |w| {
        answer(w.root.leaf_of(KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap(), |_| {}))
    }),
    ("rsa2048", Well, |w| answer(w.root.leaf_of(rsa(include_str!("keys/rsa2048.pem")), |_| {}))),
    ("rsa4096", Well, |w| answer(w.root.leaf_of(rsa(include_str!("keys/rsa4096.pem")), |_| {}))),
    ("tls-v1-2", Well, |w| serve(tls::config_for(w.root.leaf(|_| {}), &[&rustls::version::TLS12]))),
    ("client-cert-missing", Refused("client certificate"), |w| {
        serve(tls::config_with_clients(w.root.leaf(|_| {}), rustls::ALL_VERSIONS))
    }),
    ("+ client-cert-missing, TLS 1.2", Refused("client certificate"), |w| {
        serve(tls::config_with_clients(w.root.leaf(|_| {}), &[&rustls::version::TLS12]))
    }),
    // What servers do that share no cipher with the client: alert 40, handshake_failure (RFC 8446 §6.2).
    ("null", Refused("no cipher"), |_| canned(ALERT_40)),
    ("rc4", Refused("no cipher"), |_| canned(ALERT_40)),
    ("3des", Refused("no cipher"), |_| canned(ALERT_40)),
    ("dh480", Refused("no cipher"), |_| canned(ALERT_40)),
    ("dh512", Refused("no cipher"), |_| canned(ALERT_40)),
    ("dh1024", Refused("no cipher"), |_| canned(ALERT_40)),
    ("static-rsa", Refused("no cipher"), |_| canned(ALERT_40)),
    // And servers that insist: a server hello with a version or a cipher that was not offered.
    ("+ rc4, insisting", Refused("did not offer"), |_| canned(&server_hello([3, 3], [0, 5]))),
    ("+ static-rsa, insisting", Refused("did not offer"), |_| canned(&server_hello([3, 3], [0, 0x2f]))),
    ("tls-v1-1", Refused("older than TLS 1.2"), |_| canned(&server_hello([3, 2], [0xc0, 0x13]))),
    ("tls-v1-0", Refused("older than TLS 1.2"), |_| canned(&server_hello([3, 1], [0xc0, 0x13]))),
    ("ssl-v3", Refused("older than TLS 1.2"), |_| canned(&server_hello([3, 0], [0, 5]))),
    ("+ old version, by alert", Refused("older than TLS 1.2"), |_| canned(&[21, 3, 1, 0, 2, 2, 70])),
    ("ssl-v2", Refused("does not speak TLS"), |_| canned(&[0x80, 3, 0, 0, 1])), // its error NO_CIPHER
];

const ALERT_40: &[u8] = &[21, 3, 3, 0, 2, 2, 40];

/// A server hello without extensions (RFC 5246 §7.4.1.3) in its record.
fn server_hello(version: [u8; 2], cipher: [u8; 2]) -> Vec<u8> {
    let body = [&version[..], &[7; 32], &[0], &cipher, &[0]].concat();
    let length = u8::try_from(body.len()).unwrap();
    [&[22, version[0], version[1], 0, length + 4, 2, 0, 0, length][..], &body].concat()
}

fn many(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|n| format!("name-{n}.example.test"))
}

/// The authorities.
struct World {
    root: Ca,
    /// Signed by the root.
    between: Ca,
}

impl World {
    fn new() -> Self {
        let root = ca("Root of the test");
        let between = root.sub("Intermediate", KeyPair::generate().unwrap());
        Self { root, between }
    }

    /// A server with a certificate of the root.
    fn site(&self, change: impl FnOnce(&mut CertificateParams)) -> Raw {
        answer(self.root.leaf(change))
    }

    /// A chain whose intermediate says that it is signed with SHA-1. No library here signs so: the identifier of
    /// the algorithm is changed in the certificate. Its signature is wrong then, but that is looked at later.
    fn sha1(&self) -> Identity {
        let root = self.root.sub("RSA", rsa(include_str!("keys/rsa2048.pem")));
        let between = root.sub("SHA-1", KeyPair::generate().unwrap());
        let mut identity = between.leaf(|_| {});
        let mut der = between.cert.der().to_vec();
        let sha256 = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b]; // sha256WithRSAEncryption
        let places: Vec<_> =
            der.windows(9).enumerate().filter(|(_, w)| *w == sha256).map(|(at, _)| at).collect();
        assert_eq!(places.len(), 2);
        for at in places {
            der[at + 8] = 5; // sha1WithRSAEncryption
        }
        identity.chain.extend([CertificateDer::from(der), root.cert.der().clone()]);
        identity
    }
}

fn answer(identity: Identity) -> Raw {
    serve(tls::config(identity))
}

fn serve(config: ServerConfig) -> Raw {
    tls::serve(config, |mut stream| {
        if stream.read(&mut [0; 4096]).is_ok_and(|n| n > 0) {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
        let _ = stream.flush();
        while stream.read(&mut [0; 4096]).is_ok_and(|n| n > 0) {}
    })
}

/// A server that reads a client hello and answers with these bytes.
fn canned(bytes: &[u8]) -> Raw {
    let bytes = bytes.to_vec();
    Raw::serve(move |mut conn| {
        let _ = conn.stream.read(&mut [0; 4096]);
        conn.send(&bytes);
        conn.hold();
    })
}

/// Fetches these URLs with the binary, which trusts the root only.
fn fetch_all(world: &World, dir: &Path, urls: &[String]) -> BTreeMap<String, serde_json::Value> {
    let bundle = dir.join("ca.pem");
    std::fs::write(&bundle, pem("CERTIFICATE", world.root.cert.der())).unwrap();
    let flags = ["fetch", "--retries", "0", "--fail-on", "none", "--format", "jsonl"];
    let args = flags.iter().map(ToString::to_string).chain(urls.iter().cloned());
    let call =
        call(args).env("SSL_CERT_FILE", bundle.to_str().unwrap()).env("SSL_CERT_DIR", dir.to_str().unwrap());
    let records = call.run().exits(0).records();
    records.into_iter().map(|record| (text(&record, "url").to_owned(), record)).collect()
}

#[test]
fn every_class_is_refused_by_name_or_accepted_on_purpose() {
    let world = World::new();
    let dir = tempfile::tempdir().unwrap();
    let servers: Vec<_> = CLASSES.iter().map(|(.., make)| make(&world)).collect();
    let urls: Vec<_> = servers.iter().map(|server| server.https_url("/").as_str().to_owned()).collect();
    let records = fetch_all(&world, dir.path(), &urls);
    let wrong = CLASSES.iter().zip(&urls).filter(|((_, ends, _), url)| !ends.is(&records[*url]));
    let wrong: Vec<_> = wrong.map(|((name, ..), url)| format!("{name}: {}", records[url])).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_class_of_the_suite_is_missing() {
    let Some(suite) = data::text("badssl/cases.json") else { return };
    let suite: serde_json::Value = serde_json::from_str(&suite).unwrap();
    let elsewhere = ["rsa8192", "hsts / upgrade"]; // the tests below
    for case in suite["cases"].as_array().unwrap() {
        let (name, wanted) = (text(case, "name"), text(case, "expected_client"));
        let Some((_, ends, _)) = CLASSES.iter().find(|(class, ..)| *class == name) else {
            assert!(elsewhere.contains(&name), "{name}");
            continue;
        };
        let refused = matches!(ends, Refused(_));
        assert!(refused || !wanted.starts_with("reject"), "{name}: {wanted}");
        assert!(!refused || wanted != "connect", "{name}: {wanted}");
    }
}

#[test]
fn an_upgrade_is_followed() {
    let world = World::new();
    let dir = tempfile::tempdir().unwrap();
    let secure = answer(world.root.leaf(|_| {}));
    let to = secure.https_url("/");
    let plain = Raw::answer(format!(
        "HTTP/1.1 301 Moved\r\nLocation: {to}\r\nStrict-Transport-Security: max-age=9\r\nContent-Length: 0\r\n\r\n"
    ));
    let from = plain.url("/").as_str().to_owned();
    let record = &fetch_all(&world, dir.path(), std::slice::from_ref(&from))[&from];
    assert_eq!((&record["status_code"], text(record, "final_url")), (&200.into(), to.as_str()), "{record}");
    assert_eq!(record["chain"][0]["status_code"], 301, "{record}");
}

/// Keys of sizes that no library here signs with; OpenSSL does, where it is installed.
#[test]
fn keys_of_odd_sizes() {
    let world = World::new();
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("root.pem"), pem("CERTIFICATE", world.root.cert.der())).unwrap();
    std::fs::write(dir.path().join("root.key"), pem("PRIVATE KEY", &world.root.issuer.key().serialize_der()))
        .unwrap();
    std::fs::write(dir.path().join("8192.key"), include_str!("keys/rsa8192.pem")).unwrap();
    for (bits, ends) in [("8192", Well), ("1024", Refused("weak key"))] {
        let Some(server) = OpenSsl::start(dir.path(), bits) else {
            println!("skipped: no `openssl` for a key of {bits} bits");
            continue;
        };
        let url = server.url.clone();
        let record = &fetch_all(&world, dir.path(), std::slice::from_ref(&url))[&url];
        assert!(ends.is(record), "{bits}: {record}");
    }
}

/// `openssl s_server`, which is stopped when dropped.
struct OpenSsl {
    process: Child,
    /// Its output, which ends when nobody reads it any more.
    _output: Lines<BufReader<ChildStdout>>,
    url: String,
}

impl OpenSsl {
    /// Serves with a key of this size, made unless it is there, and a certificate of the root in `dir`.
    fn start(dir: &Path, bits: &str) -> Option<Self> {
        let script = "set -e; openssl version >/dev/null
            test -f $0.key || openssl genrsa -out $0.key $0
            openssl req -new -key $0.key -subj /O=Odd -out $0.csr
            echo subjectAltName=IP:127.0.0.1 >$0.ext
            openssl x509 -req -in $0.csr -CA root.pem -CAkey root.key -CAcreateserial -days 9 -extfile $0.ext -out $0.pem
            exec openssl s_server -accept 127.0.0.1:0 -www -cert $0.pem -key $0.key -cipher ALL:@SECLEVEL=0";
        let mut command = std::process::Command::new("sh");
        command.args(["-c", script, bits]).current_dir(dir).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap()).lines();
        let said = output.by_ref().map_while(Result::ok).find(|line| line.starts_with("ACCEPT "));
        let url = format!("https://{}/", said.unwrap_or_default().trim_start_matches("ACCEPT "));
        let server = Self { process, _output: output, url };
        (server.url.len() > 10).then_some(server)
    }
}

impl Drop for OpenSsl {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
