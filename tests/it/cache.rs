//! `--cache`: what nginx says holds is not asked for again; what a raw server says is taken no further than RFC 9111 lets it.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::gannet::{Ran, run};
use crate::raw::Raw;
use crate::servers;

const SITE: &str = "server {
    listen 127.0.0.1:PORT;
    location /fresh { expires 1h; gzip on; gzip_types text/html; gzip_min_length 1; }
    location /vary { expires 1h; add_header Vary Accept-Language; }
    location /no-store { add_header Cache-Control no-store; }
    location /moved { expires 1h; return 301 /fresh.html; }
    location /again { add_header Cache-Control no-cache; }
}";

fn fetch(cache: &Path, url: &str, more: &[&str]) -> Ran {
    let args = ["fetch", url, "--cache", cache.to_str().unwrap(), "--retries", "0", "--body"];
    run(args.iter().chain(more))
}

/// How the cache took part, the status, and the body.
fn seen(ran: &Ran) -> (String, u64, String) {
    let record = &ran.records()[0];
    let text = |name: &str| record[name].as_str().unwrap_or_default().to_owned();
    (text("cache"), record["status_code"].as_u64().unwrap_or_default(), text("body"))
}

#[test]
fn nginx_is_asked_for_what_does_not_hold() {
    let page = "<title>page</title>".repeat(100);
    let files = ["fresh.html", "vary.html", "no-store.html", "again.html"].map(|name| (name, &page[..]));
    let Some(server) = servers::nginx(SITE, &files) else { return };
    let directory = tempfile::tempdir().unwrap();
    let cache = directory.path().join("cache");
    let get = |path: &str, more: &[&str]| {
        let ran = fetch(&cache, &server.url(path), more).exits(0);
        (seen(&ran).0, ran.records()[0].clone())
    };
    for (path, first, second) in [
        ("/fresh.html", "miss", "hit"),
        ("/moved", "hit", "hit"),
        ("/no-store.html", "miss", "miss"),
        ("/again.html", "miss", "revalidated"),
        ("/vary.html", "miss", "hit"),
    ] {
        let (one, was) = get(path, &[]);
        let (two, is) = get(path, &[]);
        assert_eq!((&one[..], &two[..]), (first, second), "{path}");
        assert_eq!((&is["body"], &is["status_code"]), (&page[..].into(), &200.into()), "{path}");
        for field in
            ["final_url", "content_type", "title", "etag", "last_modified", "body_bytes", "http_version"]
        {
            assert_eq!(is[field], was[field], "{path} {field}");
        }
        let from_server = second == "miss";
        assert_eq!(is["wire_bytes"].as_u64() > Some(0), from_server, "{path}");
        assert_eq!(is.get("remote_ip").is_some(), second != "hit", "{path}");
    }
    assert_eq!(get("/vary.html", &["-H", "Accept-Language: fr"]).0, "miss");
    assert_eq!(get("/fresh.html", &["-H", "Cache-Control: no-cache"]).0, "revalidated");
    assert_eq!(get("/fresh.html", &["-H", "Range: bytes=0-3"]).0, "miss");
    assert_eq!(get("/fresh.html", &[]).1["body"], page[..]);
    let log = server.file("access.log");
    // nginx sends all of what it compresses, whatever the range.
    let asked = |what: &str| log.lines().filter(|line| line.contains(what)).count();
    assert_eq!(
        (asked("/moved"), asked("200 GET /fresh"), asked("304 GET /fresh"), asked("304 GET /again")),
        (1, 2, 1, 1),
        "{log}"
    );
}

/// Answers each request with what stands at its path, and keeps the heads of all.
fn server(answers: &'static [(&'static str, &'static str)]) -> (Raw, Arc<Mutex<Vec<String>>>) {
    let heads = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&heads);
    let raw = Raw::serve(move |mut conn| {
        while let Some(request) = conn.request() {
            let nth = {
                kept.lock().unwrap().push(request.clone());
                kept.lock().unwrap().len()
            };
            let path = request.split(' ').nth(1).unwrap().to_owned();
            let Some((_, answer)) =
                answers.iter().find(|(at, _)| *at == path || *at == format!("{path}#{nth}"))
            else {
                return;
            };
            if answer.is_empty() {
                return;
            }
            conn.send(format!("HTTP/1.1 {answer}\r\nContent-Length: 1\r\n\r\n{nth}").as_bytes());
        }
    });
    (raw, heads)
}

#[test]
fn a_stale_answer_stands_in_only_where_it_may() {
    let (server, _) = server(&[
        ("/may#1", "200 OK\r\nCache-Control: max-age=0, stale-if-error=60"),
        ("/may#2", "503 Busy"),
        ("/may#3", ""),
        ("/not#4", "200 OK\r\nETag: \"1\"\r\nCache-Control: max-age=0"),
        ("/not#5", "503 Busy"),
    ]);
    let directory = tempfile::tempdir().unwrap();
    let get = |path: &str| seen(&fetch(directory.path(), server.url(path).as_str(), &[]));
    assert_eq!(get("/may"), ("miss".into(), 200, "1".into()));
    assert_eq!(get("/may"), ("stale".into(), 200, "1".into()));
    assert_eq!(get("/may"), ("stale".into(), 200, "1".into()), "the connection broke");
    assert_eq!(get("/not").0, "miss");
    assert_eq!(get("/not"), ("miss".into(), 503, "5".into()));
}

#[test]
fn secrets_are_not_on_disk_and_unsafe_methods_forget() {
    let (server, heads) = server(&[
        ("/private", "200 OK\r\nCache-Control: max-age=60"),
        ("/public", "200 OK\r\nCache-Control: public, max-age=60\r\nSet-Cookie: session=hush"),
        ("/page", "200 OK\r\nCache-Control: max-age=60"),
    ]);
    let directory = tempfile::tempdir().unwrap();
    let get = |path: &str, more: &[&str]| {
        let url = server.url(path).to_string().replace("://", "://me:hush@");
        seen(&fetch(directory.path(), &url, more)).0
    };
    assert_eq!([get("/private", &[]), get("/private", &[])], ["miss", "miss"]);
    assert_eq!([get("/public", &["-H", "X-Api-Key: hush"]), get("/public", &[])], ["miss", "hit"]);
    let mut files = 0;
    for sub in fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
    {
        for file in fs::read_dir(sub).unwrap() {
            let path = file.unwrap().path();
            let text = fs::read(&path).unwrap();
            assert!(
                !String::from_utf8_lossy(&text).contains("hush")
                    && !String::from_utf8_lossy(&text).contains("bWU6")
            );
            #[cfg(unix)]
            assert_eq!(
                std::os::unix::fs::PermissionsExt::mode(&path.metadata().unwrap().permissions()) & 0o77,
                0
            );
            files += 1;
        }
    }
    assert_eq!(files, 1);
    let page = |more: &[&str]| seen(&fetch(directory.path(), server.url("/page").as_str(), more)).0;
    assert_eq!(
        [page(&[]), page(&[]), page(&["--data", "x"]), page(&[]), page(&[])],
        ["miss", "hit", "miss", "miss", "hit"]
    );
    assert_eq!(heads.lock().unwrap().len(), 6);
}

#[test]
fn what_is_cut_is_not_kept_and_what_is_damaged_is_asked_for() {
    let raw = Raw::serve(|mut conn| {
        while let Some(request) = conn.request() {
            let length = if request.contains("/cut") { 9 } else { 4 };
            conn.send(
                format!(
                    "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: {length}\r\n\r\nbody"
                )
                .as_bytes(),
            );
            if length == 9 {
                return;
            }
        }
    });
    let directory = tempfile::tempdir().unwrap();
    let get = |path: &str, more: &[&str]| seen(&fetch(directory.path(), raw.url(path).as_str(), more));
    assert_eq!([get("/cut", &[]).0, get("/cut", &[]).0], ["miss", "miss"]);
    let capped = ["--max-body", "2"];
    assert_eq!(
        [get("/page", &capped).0, get("/page", &capped).0],
        ["miss", "miss"],
        "a body that was not read to its end"
    );
    assert_eq!([get("/page", &[]).0, get("/page", &[]).0], ["miss", "hit"]);
    assert_eq!(get("/page", &capped), ("hit".into(), 200, "bo".into()));
    let damage = |path: &Path| fs::write(path, b"{\"format\":1}\nrubbish").unwrap();
    let subs = fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir());
    subs.for_each(|sub| fs::read_dir(sub).unwrap().for_each(|file| damage(&file.unwrap().path())));
    assert_eq!([get("/page", &[]), get("/page", &[])].map(|seen| seen.0), ["miss", "hit"]);
}

#[test]
fn a_cached_answer_of_a_private_address_is_none_for_a_public_page() {
    let (server, _) = server(&[("/page", "200 OK\r\nCache-Control: max-age=60")]);
    let directory = tempfile::tempdir().unwrap();
    let url = server.url("/page").to_string();
    assert_eq!(seen(&fetch(directory.path(), &url, &[])).0, "miss");
    let ran = fetch(directory.path(), &url, &["--deny-private"]);
    assert_eq!(ran.records()[0]["error_kind"], "blocked_address");
}

#[test]
fn two_processes_and_many_workers_share_a_directory() {
    let raw = Raw::serve(|mut conn| {
        while conn.request().is_some() {
            conn.send(b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 4\r\n\r\nbody");
        }
    });
    let directory = tempfile::tempdir().unwrap();
    let urls: Vec<_> = (0..60).map(|n| raw.url(&format!("/{}", n % 20)).to_string()).collect();
    let all = || {
        let args = ["fetch", "--cache", directory.path().to_str().unwrap(), "--cache-size", "3KiB", "--body"];
        run(args.iter().copied().chain(urls.iter().map(String::as_str))).exits(0).records()
    };
    let (one, two) = std::thread::scope(|scope| {
        let other = scope.spawn(all);
        (all(), other.join().unwrap())
    });
    let is_whole = |record: &Value| record["body"] == "body" && record["status_code"] == 200;
    assert!(one.iter().chain(&two).all(is_whole) && one.len() + two.len() == 120);
    run(["fetch", &urls[0], "--cache", directory.path().to_str().unwrap(), "--cache-size", "3KiB"]).exits(0);
    let subs = fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir());
    let files =
        subs.flat_map(|sub| fs::read_dir(sub).unwrap()).map(|file| file.unwrap().metadata().unwrap().len());
    assert!(files.sum::<u64>() <= 3072);
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("file"), "x").unwrap();
    for (args, parts) in [
        (
            vec!["--cache", directory.path().to_str().unwrap()],
            ["something else than a cache", "hint: name a directory"],
        ),
        (vec!["--cache", &path("file")], ["cannot use `--cache", ""]),
        (
            vec!["--cache", &path("c"), "-o", &path("a.warc")],
            ["an archive has what goes over the wire", "hint"],
        ),
        (vec!["--cache", &path("c"), "--since", &path("file")], ["cannot be used with", "--since"]),
    ] {
        run(["fetch", "http://127.0.0.1:1/"].into_iter().chain(args)).exits(2).says(&parts);
    }
}
