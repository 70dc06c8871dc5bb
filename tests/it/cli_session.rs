//! Cookies, credentials and netrc files, against nginx, lighttpd and curl as they come, and servers that keep what they get.

use std::path::Path;
use std::process::Command;

use rustix::process::Signal;

use crate::answering::{Heads, moved, page, serve};
use crate::gannet::{call, run, text};
use crate::raw::Raw;
use crate::servers::{Server, nginx, program};

/// A site whose pages are there for whoever has the cookie of its login, which a redirect sets.
const LOGIN: &str = "
    log_format cookie '$status $request_uri [$http_cookie]';
    server {
        listen 127.0.0.1:PORT;
        access_log DIR/cookies.log cookie;
        location = /login {
            add_header Set-Cookie 'session=s1; Path=/; HttpOnly';
            add_header Set-Cookie 'lasting=l1; Max-Age=3600; Path=/';
            return 302 /start.html;
        }
        location / {
            if ($cookie_session != s1) { return 302 /login; }
        }
    }";

/// The lines of the log that begin like this.
fn logged(server: &Server, start: &str) -> Vec<String> {
    server.file("cookies.log").lines().filter(|line| line.starts_with(start)).map(str::to_owned).collect()
}

fn login_site() -> Option<Server> {
    nginx(LOGIN, &[("start.html", "<a href=next.html>"), ("next.html", "<title>in</title>"), ("a.html", "")])
}

#[test]
fn a_login_lasts_for_the_run() {
    let Some(server) = login_site() else { return };
    let ran =
        run(["crawl", &server.url("/start.html"), "--ignore-robots", "--cookies", "--threads", "2"]).exits(0);
    let records = ran.records();
    assert_eq!(records.len(), 2, "{records:?}");
    assert!(records.iter().any(|record| record["title"] == "in"));
    assert_eq!(logged(&server, "200 /next.html"), ["200 /next.html [session=s1; lasting=l1]"]);
    // Without a jar the site goes round in circles, and nothing is sent.
    let record = run(["fetch", &server.url("/a.html")]).exits(4).record();
    assert_eq!(text(&record, "error_kind"), "redirect_loop");
    assert!(logged(&server, "302 /a.html").iter().all(|line| line.ends_with("[-]")));
}

#[test]
fn cookies_of_a_header_come_first() {
    let Some(server) = login_site() else { return };
    run(["fetch", &server.url("/login"), "--cookies", "-H", "Cookie: lasting=mine"]).exits(0);
    assert_eq!(logged(&server, "200"), ["200 /start.html [lasting=mine; session=s1]"]);
}

#[test]
fn curl_reads_our_cookies_and_we_read_those_of_curl() {
    let Some(server) = login_site() else { return };
    let Some(curl) = program("curl", "curl") else { return };
    let desk = tempfile::tempdir().unwrap();
    let [ours, all, theirs] =
        ["ours", "all", "theirs"].map(|name| desk.path().join(name).display().to_string());
    run(["fetch", &server.url("/login"), "--save-cookies", &ours]).exits(0);
    let saved = std::fs::read_to_string(&ours).unwrap();
    assert!(saved.contains("127.0.0.1\tFALSE\t/\tFALSE\t") && saved.contains("lasting\tl1\n"), "{saved}");
    assert!(!saved.contains("session"), "{saved}");
    run(["fetch", &server.url("/login"), "--save-cookies", &all, "--keep-session-cookies"]).exits(0);
    only_for_the_owner(Path::new(&all));
    let curl = |args: &[&str]| {
        let output = Command::new(&curl).args(["-s", "-q"]).args(args).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(curl(&["-b", &all, &server.url("/next.html")]).contains("<title>in</title>"));
    curl(&["-c", &theirs, "-L", &server.url("/login")]);
    let record = run(["fetch", &server.url("/next.html"), "--load-cookies", &theirs]).exits(0).record();
    assert_eq!(text(&record, "title"), "in");
    assert_eq!(logged(&server, "302 /next.html"), [""; 0]);
}

fn only_for_the_owner(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{}", path.display());
}

#[test]
fn a_job_is_one_session() {
    let Some(server) = login_site() else { return };
    let desk = tempfile::tempdir().unwrap();
    let job = desk.path().join("job").display().to_string();
    let args = ["crawl", &server.url("/start.html"), "--ignore-robots", "--cookies", "--job", &job];
    run([&args[..], &["--max-pages", "1"]].concat()).exits(5);
    let kept = desk.path().join("job/cookies.txt");
    only_for_the_owner(&kept);
    assert!(std::fs::read_to_string(&kept).unwrap().contains("session\ts1"));
    run(["job", &job, "--verify"]).exits(0);
    run(["crawl", "--job", &job, "--max-pages", "9"]).exits(0);
    assert_eq!(logged(&server, "302 /login").len(), 1, "{}", server.file("cookies.log"));
    assert_eq!(logged(&server, "200 /next.html"), ["200 /next.html [session=s1; lasting=l1]"]);
    for name in ["job.json", "records.jsonl"] {
        let text = std::fs::read_to_string(desk.path().join("job").join(name)).unwrap();
        assert!(!text.contains("s1"), "{text}");
    }
}

#[test]
fn cookies_are_saved_after_an_interrupt_too() {
    let Some(server) = login_site() else { return };
    let desk = tempfile::tempdir().unwrap();
    let file = desk.path().join("cookies").display().to_string();
    let args = ["fetch", "-", "--save-cookies", &file, "--keep-session-cookies"];
    let mut live = call(args).open_stdin().start();
    live.feed(format!("{}\n", server.url("/login")));
    live.record();
    live.signal(Signal::INT);
    live.finish().exits(130);
    assert!(std::fs::read_to_string(&file).unwrap().contains("session\ts1"));
}

#[test]
fn bad_files_end_the_run_before_it_begins() {
    let desk = tempfile::tempdir().unwrap();
    let name = |name: &str| desk.path().join(name).display().to_string();
    std::fs::write(desk.path().join("bad"), "# x\nhush\n").unwrap();
    let nowhere = name("no/where");
    for (args, expected) in [
        (["--load-cookies", &name("bad")], "line 2 is no cookie"),
        (["--load-cookies", &name("none")], "cannot read the cookies"),
        (["--netrc-file", &name("bad")], "line 2: a word is out of place"),
        (["--netrc-file", &name("none")], "cannot read"),
        (["--user", "hush"], "`--user` has no password"),
        (["--user", "hush:env:GANNET_UNSET"], "the variable `GANNET_UNSET` is not set"),
        (["--bearer", "env:UNSET"], "`--bearer`: the variable `UNSET` is not set"),
        (["--header", "X-Key: env:UNSET"], "`--header` x-key: the variable `UNSET` is not set"),
        (["--bearer", "env:hu-sh"], "is no name of a variable"),
        (["--bearer", "hush\n"], "`--bearer`: the token is no header value"),
    ] {
        let ran = run([&["fetch", "http://127.0.0.1:1/"][..], &args].concat()).exits(2);
        assert!(ran.stderr.contains(expected) && !ran.stderr.contains("hush"), "{}", ran.stderr);
    }
    let ran = run(["fetch", "http://127.0.0.1:1/", "--save-cookies", &nowhere]).exits(1);
    assert!(ran.stderr.contains("cannot write"), "{}", ran.stderr);
    for args in [&["--user", "a:hush", "--bearer", "hush"][..], &["--keep-session-cookies"]] {
        let ran = run([&["fetch", "http://127.0.0.1:1/"], args].concat()).exits(2);
        assert!(!ran.stderr.contains("hush"), "{}", ran.stderr);
    }
    // As curl has it, which would send the password.
    let ran = run(["fetch", "http://127.0.0.1:1/", "--retries", "0", "--digest", "-u", "a:hush"]);
    assert!(ran.stderr.contains("--auth-type digest") && !ran.stderr.contains("hush"), "{}", ran.stderr);
}

/// The values of a header that a server was sent with requests for a path.
fn values(heads: &Heads, path: &str, name: &str) -> Vec<String> {
    let heads = heads.lock().unwrap();
    let asked = heads.iter().filter(|head| head.starts_with(&format!("GET {path} ")));
    let value = |head: &String| {
        let line = head.lines().find(|line| line.to_lowercase().starts_with(&format!("{name}: ")))?;
        Some(line[name.len() + 2..].to_owned())
    };
    asked.map(|head| value(head).unwrap_or_default()).collect()
}

#[test]
fn credentials_go_to_the_hosts_of_seeds_alone() {
    let (other, others) = serve(|_| page(""));
    let away = other.url("/moved").to_string();
    let link = other.url("/linked").to_string();
    let (home, homes) = serve(move |path| match path {
        "/" => page(&format!("<a href=/own><a href=/out><a href='{link}'>")),
        "/out" => moved(&away),
        _ => page(""),
    });
    let seed = home.url("/").to_string();
    for (args, expected) in [
        (["--user", "Aladdin:open sesame"], "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        (["--user", "env:LOGIN"], "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        (["--user", "Aladdin:env:PASSWORD"], "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        (["--bearer", "env:PASSWORD"], "Bearer open sesame"),
        (["-H", "Authorization: env:PASSWORD"], "open sesame"),
    ] {
        homes.lock().unwrap().clear();
        others.lock().unwrap().clear();
        let call = call([&["crawl", &seed, "--scope", "any", "-v"][..], &args].concat());
        let ran = call.env("LOGIN", "Aladdin:open sesame").env("PASSWORD", "open sesame").run().exits(0);
        assert!(!(ran.text() + &ran.stderr).contains("sesame"), "{ran:?}");
        for (path, value) in [("/", expected), ("/own", expected), ("/out", expected), ("/robots.txt", "")] {
            assert_eq!(values(&homes, path, "authorization"), [value], "{path}");
        }
        for path in ["/linked", "/moved", "/robots.txt"] {
            assert_eq!(values(&others, path, "authorization"), [""], "{path}");
        }
    }
}

#[test]
fn a_header_from_the_environment_is_a_secret_whatever_its_name() {
    let (other, others) = serve(|_| page(""));
    let away = other.url("/moved").to_string();
    let (home, homes) = serve(move |_| moved(&away));
    let desk = tempfile::tempdir().unwrap();
    let archive = desk.path().join("a.warc").display().to_string();
    let args = ["fetch", home.url("/").as_str(), "-H", "X-Team: env:TEAM", "-o", &archive].map(str::to_owned);
    call(args).env("TEAM", "hush").run().exits(0);
    assert_eq!(values(&homes, "/", "x-team"), ["hush"]);
    assert_eq!(values(&others, "/moved", "x-team"), [""]);
    let archive = std::fs::read(&archive).unwrap();
    let archive = String::from_utf8_lossy(&archive);
    assert!(archive.contains("x-team: ***") && !archive.contains("hush"), "{archive}");
}

#[test]
fn a_netrc_is_read_and_one_that_others_read_is_told_of() {
    use std::os::unix::fs::PermissionsExt as _;
    let (server, heads) = serve(|_| page(""));
    let desk = tempfile::tempdir().unwrap();
    let file = desk.path().join("netrc");
    std::fs::write(&file, "machine 127.0.0.1\nlogin Aladdin\npassword \"open sesame\"\n").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let name = file.display().to_string();
    let seed = server.url("/a").to_string();
    let ran = call(["fetch", &seed, "--netrc"]).env("NETRC", &name).run().exits(0);
    assert!(!ran.stderr.contains("warning"), "{}", ran.stderr);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    let ran = run(["fetch", &seed, "--netrc-file", &name]).exits(0);
    assert!(ran.stderr.contains("others may read the passwords"), "{}", ran.stderr);
    assert_eq!(values(&heads, "/a", "authorization"), ["Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="; 2]);
    // What is nearer wins.
    run(["fetch", &seed, "--netrc-file", &name, "--bearer", "t"]).exits(0);
    let with_user = seed.replace("//", "//Aladdin@");
    run(["fetch", &with_user, "--netrc-file", &name, "--bearer", "t"]).exits(0);
    assert_eq!(values(&heads, "/a", "authorization")[2..], ["Bearer t", "Basic QWxhZGRpbjo="]);
}

#[test]
fn nginx_asks_for_a_password() {
    let Some(openssl) = program("openssl", "openssl") else { return };
    let hash = Command::new(openssl).args(["passwd", "-apr1", "open sesame"]).output().unwrap();
    let hash = String::from_utf8(hash.stdout).unwrap();
    let block =
        "server { listen 127.0.0.1:PORT; location / { auth_basic r; auth_basic_user_file DIR/www/users; } }";
    let Some(server) = nginx(block, &[("users", &format!("me:{hash}")), ("a.html", "<title>in</title>")])
    else {
        return;
    };
    let fetch = |args: &[&str]| {
        run([&["fetch", &server.url("/a.html"), "--fail-on", "none"], args].concat()).record()
    };
    assert_eq!(fetch(&["-u", "me:open sesame"])["title"], "in");
    let refused = fetch(&["-u", "me:wrong"]);
    assert_eq!((&refused["outcome"], &refused["status_code"]), (&"finished".into(), &401.into()));
}

/// A server that asks for a digest again and again, and what it was sent.
fn ask_for_digests(stale: &'static str) -> (Raw, Heads) {
    let heads = Heads::default();
    let log = std::sync::Arc::clone(&heads);
    let server = Raw::serve(move |mut conn| {
        while let Some(mut head) = conn.request() {
            head += &String::from_utf8(conn.body("the body".len())).unwrap();
            log.lock().unwrap().push(head);
            let challenge =
                format!("Digest realm=\"r\", nonce=\"n\", qop=\"auth\", algorithm=SHA-256{stale}");
            conn.send(format!(
                "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: {challenge}\r\nContent-Length: 0\r\n\r\n"
            ));
        }
    });
    (server, heads)
}

#[test]
fn a_challenge_is_answered_once_and_an_old_nonce_twice() {
    for (stale, expected) in [("", 2), (", stale=true", 3)] {
        let (server, heads) = ask_for_digests(stale);
        let seed = server.url("/a").to_string();
        let args = [
            "fetch",
            &seed,
            "--data",
            "the body",
            "--auth-type",
            "digest",
            "-u",
            "me:hush",
            "--response-headers",
        ];
        let ran = run(args);
        assert_eq!((&ran.record()["status_code"], &ran.record()["attempts"]), (&401.into(), &1.into()));
        assert!(!(ran.text() + &ran.stderr).contains("hush"), "{}", ran.text());
        let heads = heads.lock().unwrap();
        assert_eq!(heads.len(), expected, "{heads:?}");
        for (nth, head) in heads.iter().enumerate() {
            assert!(head.ends_with("the body"), "{head}");
            assert_eq!(head.contains("response="), nth > 0, "{head}");
        }
    }
}

/// lighttpd with digest authentication.
fn digest_server(algorithm: &str) -> Option<Server> {
    let program = program("lighttpd", "lighttpd")?;
    Some(Server::start(&program, |directory, port| {
        let dir = directory.display();
        std::fs::create_dir(directory.join("www")).unwrap();
        for name in ["a.html", "b.html"] {
            std::fs::write(directory.join("www").join(name), "<title>in</title><a href=b.html>").unwrap();
        }
        std::fs::write(directory.join("users"), "me:open sesame\n").unwrap();
        let config = format!(
            "server.modules = (\"mod_auth\", \"mod_authn_file\", \"mod_accesslog\")
             server.document-root = \"{dir}/www\"
             server.bind = \"127.0.0.1\"
             server.port = {port}
             mimetype.assign = (\".html\" => \"text/html\")
             accesslog.filename = \"{dir}/access.log\"
             accesslog.format = \"%s %r %u\"
             auth.backend = \"plain\"
             auth.backend.plain.userfile = \"{dir}/users\"
             auth.require = (\"/\" => (\"method\" => \"digest\", \"realm\" => \"the realm\",
                 \"algorithm\" => \"{algorithm}\", \"require\" => \"valid-user\"))"
        );
        std::fs::write(directory.join("lighttpd.conf"), config).unwrap();
        ["-D", "-f", "lighttpd.conf"].map(str::to_owned).to_vec()
    }))
}

#[test]
fn lighttpd_takes_our_digests() {
    for algorithm in ["MD5", "SHA-256"] {
        let Some(server) = digest_server(algorithm) else { return };
        let seed = server.url("/a.html");
        let args = ["crawl", &seed, "--ignore-robots", "--auth-type", "digest", "-u", "me:open sesame"];
        let ran = run(args).exits(0);
        assert!(ran.records().iter().all(|record| record["title"] == "in"), "{algorithm}: {}", ran.text());
        assert_eq!(ran.records().len(), 2);
        let record = run(["fetch", &seed.replace("//", "//me:open%20sesame@"), "--auth-type", "digest"])
            .exits(0)
            .record();
        assert_eq!(record["attempts"], 1);
        let record = run(["fetch", &seed, "--auth-type", "digest", "-u", "me:wrong"]).record();
        assert_eq!(record["status_code"], 401);
        drop(run(["fetch", &seed, "-u", "me:open sesame"]));
    }
}
