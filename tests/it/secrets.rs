//! Secrets that a user gives to gannet: where they are sent, and that no output shows them.

use std::path::Path;

use crate::answering::{Heads, moved, page, serve};
use crate::gannet::{call, run, text};

const PASSWORD: &str = "hunter2";

/// The `Authorization` of each request for this path.
fn authorized(heads: &Heads, path: &str) -> Vec<bool> {
    let heads = heads.lock().unwrap();
    let asked = heads.iter().filter(|head| head.starts_with(&format!("GET {path} ")));
    asked.map(|head| head.to_lowercase().contains("authorization: basic")).collect()
}

#[test]
fn userinfo_goes_to_its_own_origin_only() {
    let (other, others) = serve(|_| page(""));
    let away = format!("//127.0.0.1:{}/linked", other.port());
    let gone = other.url("/moved").to_string();
    let (home, homes) = serve(move |path| match path {
        "/" => page(&format!("<a href=/own><a href=/loop><a href='{away}'><a href=/out>")),
        "/loop" => moved("/end"),
        "/out" => moved(&gone),
        _ => page(""),
    });
    let seed = format!("http://user:{PASSWORD}@127.0.0.1:{}/", home.port());
    run(["crawl", &seed, "--scope", "any"]).exits(0);
    for (path, sent) in [("/", true), ("/own", true), ("/end", true), ("/robots.txt", false)] {
        assert_eq!(authorized(&homes, path), [sent], "{path}");
    }
    for path in ["/linked", "/moved", "/robots.txt"] {
        assert_eq!(authorized(&others, path), [false], "{path}");
    }
}

#[test]
fn no_output_shows_a_password() {
    let (server, heads) = serve(|path| match path {
        "/" => page("<a href=/a><a href=/loop><a href=/ftp>"),
        "/loop" => moved("/loop"),
        "/ftp" => moved(&format!("ftp://user:{PASSWORD}@h/")),
        _ => page("<title>a</title>"),
    });
    let seed = format!("http://user:{PASSWORD}@127.0.0.1:{}/", server.port());
    let closed = format!("http://user:{PASSWORD}@127.0.0.1:1/");
    let bad = format!(
        "ftp://user:{PASSWORD}@h/\nhttp://user:{PASSWORD}@h:x/\nuser:{PASSWORD}@127.0.0.1:1\n{seed}#again\n"
    );
    for format in ["jsonl", "json", "csv", "human"] {
        let args = ["crawl", &seed, &closed, "-", "--format", format, "--links", "-v", "--retries", "0"];
        let ran = call(args).stdin(bad.clone()).run();
        let all = ran.text() + &ran.stderr;
        assert!(!all.contains(PASSWORD) && all.contains("user:***@"), "{all}");
    }
    assert!(authorized(&heads, "/a").iter().all(|sent| *sent));
    let ran = run(["fetch", &seed, "--fail-fast", &closed, "-x", &format!("ftp://user:{PASSWORD}@proxy/")])
        .exits(2);
    assert!(!ran.stderr.contains(PASSWORD), "{}", ran.stderr);
    for header in [PASSWORD.to_owned(), format!("a {PASSWORD}: b"), format!("X-Key: {PASSWORD}\u{7f}")] {
        let ran = run(["fetch", &seed, "-H", &header]).exits(2);
        assert!(!ran.stderr.contains(PASSWORD), "{}", ran.stderr);
    }
    let token = format!("http://{PASSWORD}@127.0.0.1:{}/a", server.port());
    let record = run(["fetch", &token]).exits(0).record();
    assert_eq!(text(&record, "url"), format!("http://***@127.0.0.1:{}/a", server.port()));
}

#[test]
fn nothing_that_a_run_leaves_shows_the_password_of_a_proxy() {
    let (proxy, heads) = serve(|_| page("<title>a</title>"));
    let given = format!("http://user:{PASSWORD}@127.0.0.1:{}", proxy.port());
    let dead = format!("https=socks5h://user:{PASSWORD}@127.0.0.1:1");
    let desk = tempfile::tempdir().unwrap();
    let list = desk.path().join("list");
    std::fs::write(&list, format!("{given}\n")).unwrap();
    let place = |name: &str| desk.path().join(name).display().to_string();
    let (warc, html, jsonl) = (place("a.warc"), place("a.html"), place("a.jsonl"));
    let urls = ["http://h.invalid/", "https://h.invalid/"];
    for by in [&["-x", &given, "-x", &dead][..], &["--proxy-list", list.to_str().unwrap()]] {
        let outputs = ["-v", "--fail-on", "none", "--retries", "0", "-o", &warc, "-o", &html, "-o", &jsonl];
        let ran = run([&["fetch"], &urls[..], by, &outputs[..]].concat()).exits(0);
        let files = [&warc, &html, &jsonl].map(|name| std::fs::read(name).unwrap());
        let all = files.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat()
            + &ran.text()
            + &ran.stderr;
        // As a header it would be `user:hunter2` in base64.
        assert!(!all.contains(PASSWORD) && !all.contains("dXNlcjpodW50ZXIy"), "{all}");
        [warc.as_str(), &html, &jsonl].into_iter().for_each(|name| std::fs::remove_file(name).unwrap());
    }
    let heads = heads.lock().unwrap();
    assert!(heads.iter().all(|head| head.contains("dXNlcjpodW50ZXIy")), "{heads:?}");
}

#[test]
fn a_job_keeps_what_it_needs_to_go_on_to_itself() {
    let (server, heads) = serve(|path| page(if path == "/" { "<a href=/a>" } else { "" }));
    let seed = format!("http://user:{PASSWORD}@127.0.0.1:{}/", server.port());
    let desk = tempfile::tempdir().unwrap();
    let job = desk.path().join("job");
    let name = job.display().to_string();
    run(["crawl", &seed, "--job", &name, "--max-pages", "1", "-H", &format!("X-Key: {PASSWORD}")]).exits(5);
    for args in [&[][..], &["--json"], &["--verify"]] {
        let ran = run([&["job", &name][..], args].concat());
        assert!(!(ran.text() + &ran.stderr).contains(PASSWORD), "{args:?}");
    }
    assert_eq!(run(["job", &name, "--pending"]).exits(0).text().trim(), format!("{seed}a"));
    let other = run(["crawl", &seed.replace("user", "me"), "--job", &name]).exits(2);
    assert!(!other.stderr.contains(PASSWORD), "{}", other.stderr);
    run(["crawl", "--job", &name, "--max-pages", "9"]).exits(0);
    assert_eq!(authorized(&heads, "/a"), [true]);
    let records = std::fs::read_to_string(job.join("records.jsonl")).unwrap();
    assert!(!records.contains(PASSWORD) && records.contains("user:***@"), "{records}");
    only_the_owner_reads(&job);
}

#[test]
fn a_job_has_the_name_of_a_variable_and_not_its_value() {
    let (server, heads) = serve(|path| page(if path == "/" { "<a href=/a>" } else { "" }));
    let desk = tempfile::tempdir().unwrap();
    let job = desk.path().join("job");
    let name = job.display().to_string();
    let seed = server.url("/").to_string();
    let args = ["crawl", &seed, "--job", &name, "--max-pages", "1", "-v", "-u", "me:env:LOGIN"];
    let args = [&args[..], &["-H", "X-Team: env:LOGIN", "--report", "html:r.html"]].concat();
    let ran = call(args).directory(desk.path()).env("LOGIN", PASSWORD).run().exits(5);
    assert!(!(ran.text() + &ran.stderr).contains(PASSWORD), "{}", ran.stderr);
    for file in std::fs::read_dir(&job).unwrap().chain(std::fs::read_dir(desk.path()).unwrap()).flatten() {
        let text = std::fs::read(file.path()).unwrap_or_default();
        assert!(!String::from_utf8_lossy(&text).contains(PASSWORD), "{file:?}");
    }
    // A run that goes on looks it up again.
    let again = || call(["crawl", "--job", &name, "--max-pages", "9"]);
    assert!(again().run().exits(2).stderr.contains("the variable `LOGIN` is not set"));
    again().env("LOGIN", PASSWORD).run().exits(0);
    assert_eq!(authorized(&heads, "/a"), [true]);
    assert_eq!(authorized(&heads, "/robots.txt"), [false]);
}

/// What may hold secrets: all but the records, and the lock, which names the process.
fn only_the_owner_reads(directory: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    for entry in std::fs::read_dir(directory).unwrap().flatten() {
        let mode = entry.metadata().unwrap().permissions().mode();
        let is_open = mode & 0o077 != 0;
        assert!(
            !is_open || ["records.jsonl", "lock"].iter().any(|name| entry.file_name() == *name),
            "{entry:?}"
        );
    }
}
