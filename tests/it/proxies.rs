//! Real proxies: tinyproxy, squid and microsocks, each with a log that proves the way taken.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::answering::{Heads, page, path_of, serve};
use crate::gannet::{call, run, text, with};
use crate::pki::{self, Ca, Identity, pem};
use crate::raw::Raw;
use crate::servers::{Server, free_port, nginx, program};
use crate::tls;

const USER: &str = "gull:hunter2@";

fn strings<const N: usize>(words: [&str; N]) -> Vec<String> {
    words.map(str::to_owned).to_vec()
}

/// tinyproxy, with a login or without; it logs each connection.
fn tinyproxy(login: bool) -> Option<Server> {
    let program = program("tinyproxy", "tinyproxy-bin")?;
    Some(Server::start(&program, |directory, port| {
        let login = if login { "BasicAuth gull hunter2" } else { "" };
        let config =
            format!("Port {port}\nListen 127.0.0.1\nTimeout 20\nLogLevel Info\nAllow 127.0.0.1\n{login}\n");
        std::fs::write(directory.join("tinyproxy.conf"), config).unwrap();
        strings(["-d", "-c", "tinyproxy.conf"])
    }))
}

/// microsocks, which logs whom it was asked for, by name or by address.
fn microsocks(login: bool) -> Option<Server> {
    let program = program("microsocks", "microsocks")?;
    Some(Server::start(&program, |_, port| {
        let mut arguments = strings(["-i", "127.0.0.1", "-p", &port.to_string()]);
        if login {
            arguments.extend(strings(["-u", "gull", "-P", "hunter2"]));
        }
        arguments
    }))
}

/// squid, with a login; its log names the user, the method and the target.
fn squid() -> Option<Server> {
    let program = program("squid", "squid")?;
    Some(Server::start(&program, |directory, port| {
        let dir = directory.display();
        // It drops its privileges.
        std::fs::set_permissions(directory, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
        let check = "#!/bin/sh\nwhile read -r user password; do\n  [ \"$user $password\" = 'gull hunter2' ] && echo OK || echo ERR\ndone\n";
        std::fs::write(directory.join("check.sh"), check).unwrap();
        let config = format!(
            "http_port 127.0.0.1:{port}
             pid_filename {dir}/squid.pid
             cache_log {dir}/cache.log
             logformat brief %un %rm %ru %>Hs
             access_log stdio:{dir}/access.log brief
             netdb_filename none
             pinger_enable off
             shutdown_lifetime 0 seconds
             auth_param basic program /bin/sh {dir}/check.sh
             acl known proxy_auth REQUIRED
             http_access allow known
             http_access deny all
             cache deny all
             coredump_dir {dir}\n"
        );
        std::fs::write(directory.join("squid.conf"), config).unwrap();
        strings(["-N", "-f", &format!("{dir}/squid.conf")])
    }))
}

/// A host that speaks TLS, for which this authority vouches.
fn tls_host(ca: &Ca) -> Raw {
    tls::serve(tls::config(ca.leaf(|_| ())), |mut stream| {
        use std::io::{Read as _, Write as _};
        let mut request = [0; 4096];
        while stream.read(&mut request).is_ok_and(|n| n > 0) {
            let _ = stream.write_all(page("<title>behind TLS</title>").as_bytes());
        }
    })
}

/// The text of a log as soon as it holds these words: proxies write it later than they answer.
#[track_caller]
fn logged(read: impl Fn() -> String, words: &str) -> String {
    logged_often(read, words, 1)
}

/// The same for words that it holds so often.
#[track_caller]
fn logged_often(read: impl Fn() -> String, words: &str, times: usize) -> String {
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        let log = read();
        if log.matches(words).count() >= times {
            return log;
        }
        assert!(Instant::now() < until, "`{words}` is not in there {times} times: {log}");
        thread::park_timeout(Duration::from_millis(20));
    }
}

fn trusting(ca: &Ca, directory: &Path) -> String {
    let bundle = directory.join("ca.pem");
    std::fs::write(&bundle, pem("CERTIFICATE", ca.cert.der())).unwrap();
    bundle.display().to_string()
}

#[test]
fn tinyproxy_takes_http_and_https() {
    let (Some(open), Some(closed)) = (tinyproxy(false), tinyproxy(true)) else { return };
    let ca = pki::ca("Proxies");
    let (host, heads) = serve(|_| page("<title>plain</title>"));
    let (secure, bundle) = (tls_host(&ca), trusting(&ca, open.directory.path()));
    for (proxy, login) in [(&open, ""), (&closed, USER)] {
        let given = format!("{login}127.0.0.1:{}", proxy.port);
        let urls = [host.url("/a").to_string(), secure.https_url("/b").to_string()];
        let ran = run(["fetch", &urls[0], &urls[1], "-x", &given, "--cacert", &bundle, "--mode", "gather"])
            .exits(0);
        let records = ran.records();
        assert_eq!([text(&records[0], "title"), text(&records[1], "title")], ["plain", "behind TLS"]);
        let shown = format!("http://127.0.0.1:{}", proxy.port);
        assert_eq!((with(&records, "proxy", &shown), with(&records, "remote_ip", "127.0.0.1")), (2, 2));
        logged(|| proxy.log(), &format!("CONNECT 127.0.0.1:{}", secure.port()));
        logged(|| proxy.log(), &format!("GET http://127.0.0.1:{}/a", host.port()));
        assert!(!ran.text().contains("hunter2") && !ran.stderr.contains("hunter2"));
    }
    // What is meant for the proxy goes no further.
    assert!(heads.lock().unwrap().iter().all(|head| !head.to_lowercase().contains("proxy-authorization")));
    for url in [host.url("/a"), secure.https_url("/b")] {
        let given = format!("127.0.0.1:{}", closed.port);
        let ran = run(["fetch", url.as_str(), "-x", &given, "--retries", "0"]).exits(4);
        assert_eq!(text(&ran.record(), "error_kind"), "proxy", "{}", ran.text());
    }
}

#[test]
fn squid_takes_a_login_and_robots_txt_goes_through_it_too() {
    let Some(squid) = squid() else { return };
    let (host, _) = serve(|path| match path {
        "/robots.txt" => {
            "HTTP/1.1 200 OK\r\nContent-Length: 32\r\n\r\nUser-agent: *\nDisallow: /private".to_owned()
        }
        _ => page("<a href=/private/x><a href=/open>"),
    });
    let ca = pki::ca("Proxies");
    let (secure, bundle) = (tls_host(&ca), trusting(&ca, squid.directory.path()));
    let given = format!("http://{USER}127.0.0.1:{}", squid.port);
    let ran = run([
        "crawl",
        host.url("/").as_str(),
        secure.https_url("/").as_str(),
        "-x",
        &given,
        "--cacert",
        &bundle,
    ]);
    assert_eq!(with(&ran.exits(0).records(), "skipped", "robots_denied"), 1);
    let log = logged(|| squid.file("access.log"), &format!("gull CONNECT 127.0.0.1:{}", secure.port()));
    for path in ["/robots.txt", "/", "/open"] {
        assert!(log.contains(&format!("gull GET {} 200", host.url(path))), "{path}: {log}");
    }
    assert!(!log.contains("private"), "{log}");
    let ran = run(["robots", host.url("/private/x").as_str(), "-x", &given]);
    assert!(ran.text().contains("Disallow: /private"), "{}", ran.text());
    // Of the host, and once more; that of the other one is inside of a tunnel.
    logged_often(|| squid.file("access.log"), "/robots.txt", 2);
    let wrong = given.replace("hunter2", "wrong");
    for url in [host.url("/"), secure.https_url("/")] {
        let ran = run(["fetch", url.as_str(), "-x", &wrong, "--retries", "0"]).exits(4);
        assert_eq!(text(&ran.record(), "error_kind"), "proxy", "{}", ran.text());
    }
}

#[test]
fn a_proxy_behind_tls_is_verified_like_any_host() {
    let ca = pki::ca("Proxies");
    let Identity { chain, key } = ca.leaf(|_| ());
    let files = [
        ("../cert.pem", pem("CERTIFICATE", &chain[0])),
        ("../key.pem", pem("PRIVATE KEY", key.secret_der())),
    ];
    let files: Vec<_> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
    // nginx makes no tunnels, but it takes `http` URLs in absolute form over TLS.
    let Some(proxy) = nginx(
        "log_format way '$request'; access_log DIR/way.log way;
         server { listen 127.0.0.1:PORT ssl; ssl_certificate DIR/cert.pem; ssl_certificate_key DIR/key.pem;
                  location / { proxy_pass http://$http_host; } }",
        &files,
    ) else {
        return;
    };
    let (host, _) = serve(|_| page("<title>plain</title>"));
    let (url, given) = (host.url("/a").to_string(), format!("https://127.0.0.1:{}", proxy.port));
    let ran = run(["fetch", &url, "-x", &given, "--retries", "0"]).exits(4);
    assert_eq!(text(&ran.record(), "error_kind"), "proxy");
    assert!(text(&ran.record(), "error").contains("certificate of an unknown issuer"), "{}", ran.text());
    let bundle = trusting(&ca, proxy.directory.path());
    let ran = run(["fetch", &url, "-x", &given, "--cacert", &bundle, "--http1"]).exits(0);
    assert_eq!(text(&ran.record(), "title"), "plain");
    logged(|| proxy.file("way.log"), &format!("GET {url} HTTP/1.1"));
    let ran = run(["fetch", &url, "-x", &given, "--cacert", &bundle]).exits(0);
    assert_eq!((text(&ran.record(), "title"), text(&ran.record(), "proxy")), ("plain", given.as_str()));
}

#[test]
fn tunnels_through_a_proxy_behind_tls() {
    // TLS in front of tinyproxy, and TLS again to the host.
    let Some(inner) = tinyproxy(true) else { return };
    let ca = pki::ca("Proxies");
    let port = inner.port;
    let front = tls::serve(tls::config(ca.leaf(|_| ())), move |mut client| relay(&mut client, port));
    let (secure, bundle) = (tls_host(&ca), trusting(&ca, inner.directory.path()));
    let given = format!("https://{USER}127.0.0.1:{}", front.port());
    let ran = run(["fetch", secure.https_url("/b").as_str(), "-x", &given, "--cacert", &bundle]).exits(0);
    assert_eq!(text(&ran.record(), "title"), "behind TLS");
    logged(|| inner.log(), &format!("CONNECT 127.0.0.1:{}", secure.port()));
}

/// Carries bytes between a client and a port, in turns: good for a proxy that is asked and then answers.
fn relay(client: &mut tls::TlsStream, port: u16) {
    use std::io::{ErrorKind, Read as _, Write as _};
    let mut server = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    let turn = Some(Duration::from_millis(5));
    server.set_read_timeout(turn).unwrap();
    client.sock.set_read_timeout(turn).unwrap();
    let waits = |why: &std::io::Error| matches!(why.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
    let mut buffer = [0; 16_384];
    loop {
        match client.read(&mut buffer) {
            Ok(0) => return,
            Ok(n) => server.write_all(&buffer[..n]).unwrap(),
            Err(why) if waits(&why) => {}
            Err(_) => return,
        }
        match server.read(&mut buffer) {
            Ok(0) => return,
            Ok(n) => {
                if client.write_all(&buffer[..n]).and_then(|()| client.flush()).is_err() {
                    return;
                }
            }
            Err(why) if waits(&why) => {}
            Err(_) => return,
        }
    }
}

#[test]
fn microsocks_shows_who_looked_the_name_up() {
    let Some(socks) = microsocks(true) else { return };
    let ca = pki::ca("Proxies");
    let (host, _) = serve(|_| page("<title>plain</title>"));
    let (secure, bundle) = (tls_host(&ca), trusting(&ca, socks.directory.path()));
    let name = format!("http://localhost:{}/", host.port());
    for (scheme, asked) in [("socks5", "127.0.0.1"), ("socks5h", "localhost")] {
        let given = format!("{scheme}://{USER}127.0.0.1:{}", socks.port);
        let ran = run(["fetch", &name, "-x", &given]).exits(0);
        assert_eq!(text(&ran.record(), "title"), "plain");
        assert_eq!(text(&ran.record(), "proxy"), format!("{scheme}://127.0.0.1:{}", socks.port));
        logged(|| socks.log(), &format!("connected to {asked}:{}", host.port()));
    }
    let given = format!("socks5h://{USER}127.0.0.1:{}", socks.port);
    let ran = run(["fetch", secure.https_url("/").as_str(), "-x", &given, "--cacert", &bundle]).exits(0);
    assert_eq!(text(&ran.record(), "title"), "behind TLS");
    for login in ["", "gull:wrong@"] {
        let given = format!("socks5h://{login}127.0.0.1:{}", socks.port);
        let ran = run(["fetch", &name, "-x", &given, "--retries", "0"]).exits(4);
        assert_eq!(text(&ran.record(), "error_kind"), "proxy");
    }
    // The host is down, not the proxy.
    let ran = run(["fetch", &format!("http://127.0.0.1:{}/", free_port()), "-x", &given, "--retries", "0"])
        .exits(4);
    assert_eq!(text(&ran.record(), "error_kind"), "connect", "{}", ran.text());
}

/// One of three proxies dies in the middle of a run: no URL is lost, and none is tried twice for it.
#[test]
fn a_proxy_of_a_list_may_die() {
    const URLS: usize = 30;
    let servers: Option<Vec<_>> = [tinyproxy(false), tinyproxy(true), microsocks(true)].into_iter().collect();
    let Some(servers) = servers else { return };
    let ports: Vec<_> = servers.iter().map(|server| server.port).collect();
    let mut servers = servers.into_iter();
    let (doomed, _others) = (Mutex::new(servers.next()), servers.collect::<Vec<_>>());
    let heads = Heads::default();
    let log = Arc::clone(&heads);
    // Each connection has one request: tinyproxy does not look at a second one.
    let host = Raw::serve(move |mut conn| {
        let Some(head) = conn.request() else { return };
        if path_of(&head) == "/12" {
            // While this very request is under way, it is the turn of the first.
            drop(doomed.lock().unwrap().take());
        }
        log.lock().unwrap().push(head);
        conn.send(page(""));
    });
    let desk = tempfile::tempdir().unwrap();
    let list = desk.path().join("proxies.txt");
    let [first, second, third] = ports[..] else { unreachable!() };
    let lines = format!(
        "127.0.0.1:{first}\n# with a login\nhttp://{USER}127.0.0.1:{second}\nsocks5h://{USER}127.0.0.1:{third}\n"
    );
    std::fs::write(&list, lines).unwrap();
    let urls: Vec<_> = (0..URLS).map(|nth| host.url(&format!("/{nth}")).to_string()).collect();
    for (by, used) in [("fetch", 3), ("host", 1)] {
        let args = ["fetch", "--proxy-list", list.to_str().unwrap(), "--proxy-rotate", by, "--workers", "1"];
        let urls = if by == "fetch" { &urls[..] } else { &urls[13..] };
        let ran = run(args.into_iter().chain(urls.iter().map(String::as_str))).exits(0);
        let records = ran.records();
        assert_eq!(records.len(), urls.len());
        assert!(records.iter().all(|record| record["attempts"] == 1), "{}", ran.text());
        let met: std::collections::HashSet<_> = records.iter().map(|record| text(record, "proxy")).collect();
        assert!(met.len() >= used && !ran.text().contains("hunter2"), "{by}: {met:?}");
        if by == "host" {
            assert!(met.len() == 1, "{met:?}");
        }
    }
    let heads = heads.lock().unwrap();
    let asked = |nth: usize| heads.iter().filter(|head| path_of(head) == format!("/{nth}")).count();
    let asked: Vec<_> = (0..URLS).map(asked).collect();
    assert_eq!(asked[12], 2, "lost with the proxy, and asked for through the next: {asked:?}");
    assert!(asked.iter().all(|times| *times >= 1), "{asked:?}");
}

#[test]
fn the_nearest_place_says_which_proxy() {
    let (host, _) = serve(|_| page(""));
    let url = host.url("/").to_string();
    let (as_proxy, heads) = serve(|_| page(""));
    let given = format!("http://127.0.0.1:{}", as_proxy.port());
    let dead = "http://127.0.0.1:1";
    // Arguments, variables, and whether the proxy that answers is used.
    type Case<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)], bool);
    let cases: &[Case<'_>] = &[
        (&["-x", &given], &[("http_proxy", dead)], true),
        (&["-x", &format!("http={given}"), "-x", dead], &[], true),
        (&["-x", &format!("https={dead}")], &[("http_proxy", dead)], false),
        (&[], &[("http_proxy", &given), ("HTTP_PROXY", dead), ("all_proxy", dead)], true),
        (&[], &[("HTTP_PROXY", &given)], true),
        (&[], &[("HTTP_PROXY", dead), ("REQUEST_METHOD", "GET")], false),
        (&[], &[("ALL_PROXY", &given), ("https_proxy", dead)], true),
        (&[], &[("http_proxy", dead), ("NO_PROXY", "127.0.0.0/8")], false),
        (&["-x", dead], &[("no_proxy", "127.0.0.1")], false),
        (&["-x", &given, "--noproxy", "example.org"], &[("no_proxy", "127.0.0.1")], true),
        (&["--noproxy", "*"], &[("http_proxy", "ftp://nonsense")], false),
        (&["-x", ""], &[("http_proxy", dead)], false),
    ];
    for (args, variables, used) in cases {
        heads.lock().unwrap().clear();
        let call = call([&["fetch", &url, "--retries", "0"], *args].concat());
        let ran = variables.iter().fold(call, |call, (name, value)| call.env(name, value)).run().exits(0);
        let by = ran.record().get("proxy").is_some();
        assert_eq!((by, !heads.lock().unwrap().is_empty()), (*used, *used), "{args:?} {variables:?}");
    }
}

#[test]
fn what_is_no_proxy_is_an_error_of_usage_that_shows_no_password() {
    let desk = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = desk.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let bad = file("bad.txt", "# three\nh:1\n\nhttp://gull:hunter2@h:port\n");
    let (empty, good) = (file("empty.txt", "# none\n"), file("good.txt", "h:1\n"));
    let bought = file("bought.txt", "10.0.0.1:8080:gull:hunter2\n");
    let long = file("long.txt", &"h:1\n".repeat(10_001));
    for (args, says) in [
        (&["-x", "ftp://gull:hunter2@h"][..], "only http, https, socks4"),
        (&["-x", "socks4://gull:hunter2@h"], "hint: use socks5"),
        (&["-x", "a:1", "-x", "b:1"], "hint: proxies that take turns are those of --proxy-list FILE"),
        (&["-x", "a:1", "--proxy-list", &good], "cannot be used with '--proxy-list"),
        (&["--proxy-list", &bad], "line 4 of"),
        (&["--proxy-list", &bought], "line 1 of"),
        (&["--proxy-list", &empty], "holds no proxy"),
        (&["--proxy-list", &long], "at most 10000"),
        (&["--proxy-list", "/nonexistent"], "cannot read"),
        (&["--noproxy", "10.0.0.0/99"], "prefix that is too long"),
    ] {
        let ran = run([&["fetch", "http://h.invalid/"], args].concat()).exits(2);
        assert!(ran.stderr.contains(says) && !ran.stderr.contains("hunter2"), "{args:?}: {}", ran.stderr);
    }
    let ran = call(["fetch", "http://h.invalid/"]).env("HTTPS_PROXY", "ftp://gull:hunter2@h").run().exits(2);
    assert!(ran.stderr.contains("HTTPS_PROXY") && !ran.stderr.contains("hunter2"), "{}", ran.stderr);
}
