//! Names against real resolvers: dnsmasq, unbound with TLS and HTTPS, and one that misbehaves; the addresses that they
//! lead to are loopback.

use std::collections::HashMap;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::answering::{page, path_of};
use crate::gannet::{Ran, call, run, text};
use crate::pki;
use crate::raw::Raw;
use crate::servers::{self, Server};

/// dnsmasq with these lines in its configuration, and a log of what it is asked. Names below `test` that it does not know
/// do not exist.
fn dnsmasq(lines: &str) -> Option<Server> {
    let program = servers::program("dnsmasq", "dnsmasq-base")?;
    Some(Server::start(&program, |directory, port| {
        let user = if rustix::process::getuid().is_root() { "user=root\n" } else { "" };
        let config = format!(
            "{user}keep-in-foreground\nport={port}\nlisten-address=127.0.0.1\nbind-interfaces\nno-resolv\nno-hosts\n\
             local=/test/\nlog-queries\nlog-facility=-\npid-file=\n{lines}\n"
        );
        std::fs::write(directory.join("dnsmasq.conf"), config).unwrap();
        vec![format!("--conf-file={}", directory.join("dnsmasq.conf").display())]
    }))
}

/// How often it was asked for the IPv4 addresses of a name.
fn asked(server: &Server, name: &str) -> usize {
    server.log().matches(&format!("query[A] {name} from")).count()
}

/// Answers every request with its `Host`, and closes the connection, so that each request is dialled for.
fn echo() -> Raw {
    Raw::serve(|mut conn| {
        let head = conn.request().unwrap_or_default();
        let host = head.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default();
        let body = format!("{host} {}", path_of(&head));
        let length = body.len();
        conn.send(format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"));
    })
}

/// Fetches with this resolver and options.
fn fetch(resolver: &str, urls: &[String], options: &[&str]) -> Ran {
    let urls = urls.iter().map(String::as_str);
    let fixed = ["--resolver", resolver, "--body"];
    run(["fetch"].into_iter().chain(urls).chain(fixed).chain(options.iter().copied()))
}

fn at(server: &Server) -> String {
    format!("127.0.0.1:{}", server.port)
}

#[test]
fn a_name_is_asked_for_once_however_many_fetch_from_it() {
    let Some(dns) = dnsmasq("address=/x.test/127.0.0.1\nlocal-ttl=300") else { return };
    let web = echo();
    let urls: Vec<_> = (0..40).map(|nth| format!("http://a.x.test:{}/{nth}", web.port())).collect();
    let ran = fetch(&at(&dns), &urls, &["--workers", "8", "--threads", "2"]).exits(0);
    assert_eq!(asked(&dns, "a.x.test"), 1, "{}", dns.log());
    // Who waited for the answer says how long, and who did not says nothing.
    let waited = ran.records().iter().filter(|record| record.get("time_dns_ms").is_some()).count();
    assert!((1..=16).contains(&waited), "{waited}");
    assert!(ran.records().iter().all(|record| record.get("time_connect_ms").is_some()));
}

#[test]
fn an_answer_is_asked_for_again_when_its_time_is_over_and_always_where_nothing_is_kept() {
    let Some(dns) = dnsmasq("address=/x.test/127.0.0.1\nlocal-ttl=1") else { return };
    let web = echo();
    let urls: Vec<_> = (0..4).map(|nth| format!("http://a.x.test:{}/{nth}", web.port())).collect();
    let slowly = ["--workers", "1", "--delay", "600ms"];
    fetch(&at(&dns), &urls, &slowly).exits(0);
    assert_eq!(asked(&dns, "a.x.test"), 2, "{}", dns.log());
    fetch(&at(&dns), &urls, &["--workers", "1", "--dns-cache-time", "0", "--deny-private=never"]).exits(0);
    assert_eq!(asked(&dns, "a.x.test"), 6, "{}", dns.log());
}

#[test]
fn what_does_not_exist_is_not_tried_again_and_told_from_what_has_no_address() {
    let Some(dns) = dnsmasq("host-record=v4.test,127.0.0.1\ntxt-record=text.test,hello") else { return };
    let urls: Vec<_> = ["no.test", "no.test/2", "text.test"].map(|host| format!("http://{host}")).to_vec();
    let ran = fetch(&at(&dns), &urls, &["--workers", "1"]).exits(4);
    for record in ran.records() {
        let message = match text(&record, "url") {
            "http://text.test/" => "the name has no address",
            _ => "there is no such name (NXDOMAIN)",
        };
        assert_eq!((text(&record, "error"), text(&record, "error_kind")), (message, "dns"));
        assert_eq!((text(&record, "phase"), &record["attempts"]), ("resolve", &Value::from(1)));
    }
    assert_eq!(asked(&dns, "no.test"), 1, "{}", dns.log());
    let only_v6 = fetch(&at(&dns), &["http://v4.test/".to_owned()], &["-6"]).exits(4);
    assert_eq!(text(&only_v6.record(), "error"), "the name has no IPv6 address, and no other may be used");
    assert_eq!(dns.log().matches("query[A] v4.test").count(), 0, "only what is wanted is asked for");
}

#[test]
fn the_wanted_family_is_dialled_and_an_address_of_the_other_is_refused() {
    let web = echo();
    let port = web.port();
    let pin = format!("two.test:{port}:[::1],127.0.0.1");
    let urls = [format!("http://two.test:{port}/"), format!("http://[::1]:{port}/")];
    let ran = fetch("system", &urls, &["--resolve", &pin, "-4", "--workers", "1"]).exits(3);
    let [ok, refused] = <[Value; 2]>::try_from(ran.records()).unwrap();
    assert_eq!(text(&ok, "remote_ip"), "127.0.0.1");
    assert_eq!((text(&refused, "error"), text(&refused, "phase")), ("`[::1]` is no IPv4 address", "resolve"));
    let ran = fetch("system", &urls[..1], &["--resolve", &pin, "-6", "--retries", "0"]).exits(4);
    assert_eq!(text(&ran.record(), "error_kind"), "connect", "nobody listens there");
}

#[test]
fn pinned_addresses_hold_for_their_port_and_change_no_header() {
    let (one, two) = (echo(), echo());
    let urls: Vec<_> = [one.port(), two.port()].map(|port| format!("http://Pinned.test:{port}/")).to_vec();
    let pins = [format!("pinned.test:{}:127.0.0.1", one.port()), format!("*:{}:127.0.0.1", two.port())];
    let ran = fetch("127.0.0.1:1", &urls, &["--resolve", &pins[0], "--resolve", &pins[1]]).exits(0);
    for record in ran.records() {
        let port = text(&record, "url").rsplit(':').next().unwrap().trim_end_matches('/').to_owned();
        assert_eq!(text(&record, "body"), format!("pinned.test:{port} /"));
        assert!(record.get("time_dns_ms").is_none());
    }
    let wrong = format!("pinned.test:{}:127.0.0.1", one.port());
    let ran = fetch("system", &urls[1..], &["--resolve", &wrong, "--retries", "0"]).exits(4);
    assert_eq!(text(&ran.record(), "error_kind"), "dns", "another port is not pinned");
}

/// An address that takes no more connections: its queue is full, so that whoever dials it hears nothing.
struct Deaf {
    _listener: tokio::net::TcpListener,
    _queued: Vec<TcpStream>,
}

impl Deaf {
    /// Only within a runtime.
    fn at(address: &str, port: u16) -> Self {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(address.parse().unwrap(), port)).unwrap();
        let listener = socket.listen(1).unwrap();
        let at = listener.local_addr().unwrap();
        let connect = || TcpStream::connect_timeout(&at, Duration::from_millis(100)).ok();
        let queued: Vec<_> = (0..64).map_while(|_| connect()).collect();
        assert!(queued.len() < 64, "it takes them all");
        Self { _listener: listener, _queued: queued }
    }
}

#[tokio::test]
async fn a_dead_address_costs_300_ms_once() {
    let web = echo();
    let port = web.port();
    let _deaf = Deaf::at("127.0.0.5", port);
    let pin = format!("half.test:{port}:127.0.0.5,127.0.0.1");
    let urls: Vec<_> = (0..3).map(|nth| format!("http://half.test:{port}/{nth}")).collect();
    let ran = fetch("system", &urls, &["--resolve", &pin, "--workers", "1"]).exits(0);
    let took: Vec<_> =
        ran.records().iter().map(|record| record["time_connect_ms"].as_f64().unwrap()).collect();
    // Not the five seconds that are half of the connect timeout, and later none at all.
    assert!((250.0..4000.0).contains(&took[0]) && took[1] < 250.0 && took[2] < 250.0, "{took:?}");
    assert!(ran.records().iter().all(|record| text(record, "remote_ip") == "127.0.0.1"));
}

#[test]
fn connections_are_made_from_the_given_interface() {
    let from = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&from);
    let web = Raw::serve(move |mut conn| {
        seen.lock().unwrap().push(conn.stream.peer_addr().unwrap().ip().to_string());
        conn.request();
        conn.send(page("ok"));
    });
    let url = [web.url("/").to_string()];
    fetch("system", &url, &["--interface", "127.0.0.77"]).exits(0);
    assert_eq!(*from.lock().unwrap(), ["127.0.0.77"]);
    if cfg!(target_os = "linux") {
        fetch("system", &url, &["--interface", "lo"]).exits(0);
    }
    for (bad, says) in [
        (&["--interface", "nosuch0"][..], "there is no interface `nosuch0` here"),
        (&["--interface", "203.0.113.9"], "`203.0.113.9` is no address of this machine"),
        (&["--interface", "127.0.0.1", "-6"], "no IPv6 address can be reached from there"),
        (&["-4", "-6"], "cannot be used with"),
        (&["--resolve", "x"], "write HOST:PORT:ADDRESS"),
    ] {
        let ran = fetch("system", &url, bad).exits(2);
        assert!(ran.stderr.contains(says), "{}", ran.stderr);
    }
    for bad in ["dns.example", "http://dns.example/hush", "https://u:hush@dns.example/"] {
        let ran = fetch(bad, &url, &[]).exits(2);
        assert!(ran.stderr.contains("this is no resolver") && !ran.stderr.contains("hush"), "{}", ran.stderr);
    }
}

/// unbound, which speaks plain DNS, TLS and HTTPS; with the ports of these two, and the file of the CA to trust.
fn unbound() -> Option<(Server, u16, u16, String)> {
    let program = servers::program("unbound", "unbound")?;
    let (tls, https) = (servers::free_port(), servers::free_port());
    let ca = pki::ca("Resolvers");
    let identity = ca.leaf(|params| {
        params.subject_alt_names = pki::sans(["127.0.0.1".to_owned(), "dns.example".to_owned()]);
    });
    let mut server = Server::start(&program, |directory, port| {
        let dir = directory.display();
        let write = |name: &str, text: String| std::fs::write(directory.join(name), text).unwrap();
        write("ca.pem", pki::pem("CERTIFICATE", ca.cert.der()));
        let chain = identity.chain.iter().map(|der| pki::pem("CERTIFICATE", der)).collect();
        write("cert.pem", chain);
        write("key.pem", pki::pem("PRIVATE KEY", identity.key.secret_der()));
        write(
            "unbound.conf",
            format!(
                "server:\n do-daemonize: no\n username: \"\"\n chroot: \"\"\n directory: \"{dir}\"\n pidfile: \"\"\n \
                 use-syslog: no\n log-queries: yes\n interface: 127.0.0.1@{port}\n interface: 127.0.0.1@{tls}\n \
                 interface: 127.0.0.1@{https}\n tls-port: {tls}\n https-port: {https}\n \
                 tls-service-key: key.pem\n tls-service-pem: cert.pem\n local-zone: \"test.\" static\n \
                 local-data: \"a.test. 300 IN A 127.0.0.1\"\n local-data: \"b.test. 300 IN A 127.0.0.1\"\n\
                 remote-control:\n control-enable: no\n"
            ),
        );
        ["-d", "-c", "unbound.conf"].map(str::to_owned).to_vec()
    });
    server.wait_for(tls);
    server.wait_for(https);
    let trusted = server.directory.path().join("ca.pem").display().to_string();
    Some((server, tls, https, trusted))
}

#[test]
fn dns_over_tls_and_https_are_verified() {
    let Some((server, tls, https, ca)) = unbound() else { return };
    let web = echo();
    let urls = ["a", "b", "no"].map(|name| format!("http://{name}.test:{}/", web.port()));
    let pin = format!("dns.example:{https}:127.0.0.1");
    let fetch = |resolver: &str, trusted: &str| {
        let fixed = ["--resolver", resolver, "--resolve", &pin, "--retries", "0", "--workers", "1"];
        let urls = urls.iter().map(String::as_str);
        call(["fetch"].into_iter().chain(urls).chain(fixed)).env("SSL_CERT_FILE", trusted).run()
    };
    for resolver in [
        format!("tls://127.0.0.1:{tls}"),
        format!("tls://dns.example@127.0.0.1:{tls}"),
        format!("https://127.0.0.1:{https}/dns-query"),
        format!("https://dns.example:{https}/dns-query"),
        format!("tcp://127.0.0.1:{}", server.port),
    ] {
        let ran = fetch(&resolver, &ca).exits(3);
        let statuses: Vec<_> = ran.records().iter().map(|record| record["status_code"].as_u64()).collect();
        assert_eq!(statuses, [Some(200), Some(200), None], "{resolver}: {}\n{}", ran.text(), server.log());
        assert_eq!(text(&ran.records()[2], "error"), "there is no such name (NXDOMAIN)", "{resolver}");
    }
    let nobody = server.directory.path().join("nobody.pem");
    std::fs::write(&nobody, pki::pem("CERTIFICATE", pki::ca("Nobody").cert.der())).unwrap();
    for (resolver, trusted, says) in [
        (format!("tls://other.example@127.0.0.1:{tls}"), &*ca, "not valid for name `other.example`"),
        (format!("https://other.example@127.0.0.1:{https}/"), &ca, "not valid for name `other.example`"),
        (format!("tls://127.0.0.1:{tls}"), nobody.to_str().unwrap(), "unknown issuer"),
        (format!("https://nowhere.invalid:{https}/secret"), &ca, "`nowhere.invalid` itself does not resolve"),
    ] {
        let ran = fetch(&resolver, trusted).exits(4);
        let record = &ran.records()[0];
        assert!(text(record, "error").contains(says), "{resolver}: {}", ran.text());
        assert_eq!((text(record, "error_kind"), text(record, "phase")), ("dns", "resolve"));
        assert!(!ran.text().contains("secret") && !ran.stderr.contains("secret"));
    }
}

/// A resolver of bytes: the first label of a name says how it behaves. It gives what it was asked for, name by name.
struct Odd {
    port: u16,
    stop: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<HashMap<String, usize>>>,
}

impl Odd {
    fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let port = socket.local_addr().unwrap().port();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let (mut asked, mut buffer) = (HashMap::<String, usize>::new(), [0; 2048]);
            while !stopped.load(SeqCst) {
                let Ok((length, from)) = socket.recv_from(&mut buffer) else { continue };
                let question = &buffer[..length];
                let label = String::from_utf8_lossy(&question[13..13 + question[12] as usize]).to_lowercase();
                let nth = asked.entry(label.clone()).or_default();
                *nth += 1;
                if let Some(answer) = odd_answer(&label, *nth, question) {
                    socket.send_to(&answer, from).unwrap();
                }
            }
            asked
        });
        Self { port, stop, thread: Some(thread) }
    }

    fn asked(mut self) -> HashMap<String, usize> {
        self.stop.store(true, SeqCst);
        self.thread.take().unwrap().join().unwrap()
    }
}

/// The answer to the `nth` question for a name, RFC 1035 §4.1.
fn odd_answer(label: &str, nth: usize, question: &[u8]) -> Option<Vec<u8>> {
    let end = 12 + question[12..].iter().position(|byte| *byte == 0)? + 5;
    let with = |code: u8, answers: u16| {
        let mut reply = question[..end].to_vec();
        (reply[2], reply[3]) = (0x81, 0x80 | code);
        reply[6..8].copy_from_slice(&answers.to_be_bytes());
        reply[8..12].fill(0);
        reply
    };
    let is_v4 = question[end - 3] == 1;
    let addresses = |count: u8, ttl: u8| {
        let mut reply = with(0, if is_v4 { count.into() } else { 0 });
        for nth in 0..if is_v4 { count } else { 0 } {
            reply.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, ttl, 0, 4, 127, 0, 0, 1 + nth]);
        }
        reply
    };
    match label {
        "servfail" => Some(with(2, 0)),
        "refused" => Some(with(5, 0)),
        "garbage" => Some(vec![question[0], question[1], 0x81]),
        "other" => Some([&[!question[0]], &addresses(1, 9)[1..]].concat()), // of another question
        "silent" => None,
        "lossy" if nth < 3 => None,
        "deaf6" if !is_v4 => None,
        "many" => Some(addresses(60, 9)),
        _ => Some(addresses(1, 9)),
    }
}

#[test]
fn a_resolver_that_misbehaves_is_told_from_a_name_that_is_not_there() {
    let odd = Odd::start();
    let web = echo();
    let url = |name: &str| format!("http://{name}.test:{}/", web.port());
    let options = ["--retries", "1", "--connect-timeout", "1500ms", "--timeout", "20s"];
    let resolver = format!("127.0.0.1:{}", odd.port);
    let names = ["servfail", "refused", "silent", "garbage", "other", "lossy", "deaf6", "many"];
    let ran = fetch(&resolver, &names.map(url), &options).exits(3);
    let of = |name: &str| {
        let url = url(name);
        ran.records().into_iter().find(|record| text(record, "url") == url).unwrap()
    };
    for (name, says) in [
        ("servfail", "the resolver answered SERVFAIL: it could not find out"),
        ("refused", "the resolver answered REFUSED: it does not answer this machine"),
        ("silent", "the resolver did not answer within 1.2s"),
        ("garbage", "the resolver"),
        ("other", "the resolver did not answer within 1.2s"),
    ] {
        let record = of(name);
        assert!(text(&record, "error").starts_with(says), "{name}: {record}");
        assert_eq!((text(&record, "error_kind"), text(&record, "phase")), ("dns", "resolve"), "{name}");
        assert_eq!(record["attempts"], 2, "{name} may pass");
    }
    for name in ["lossy", "deaf6", "many"] {
        assert_eq!(of(name)["status_code"], 200, "{name}: {}", of(name));
    }
    let asked = odd.asked();
    assert!(asked["silent"] >= 4, "{asked:?}");
}
