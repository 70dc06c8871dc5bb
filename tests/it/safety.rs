//! What a public page may not make a crawl do (`--deny-private`).
//!
//! Everything is on loopback: here 127.0.0.2 counts as public, and through a proxy a name is public.

use std::net::IpAddr;
use std::sync::Arc;

use futures::StreamExt as _;
use gannet::fetch::{DenyPrivate, ErrorKind, Http, HttpOptions, Phase};
use gannet::{Outcome, Plan, Reach, Scope, Source};

use crate::answering::{self, Heads, missing, moved, path_of, serve_at};
use crate::gannet::{Ran, call, run, text};
use crate::raw::{Raw, get, quick};

/// The same without a robots.txt.
fn serve(address: &str, answer: impl Fn(&str) -> String + Send + Sync + 'static) -> (Raw, Heads) {
    serve_at(address, move |path| if path == "/robots.txt" { missing() } else { answer(path) })
}

/// Whether a server was asked for this.
fn was_asked(heads: &Heads, path: &str) -> bool {
    heads.lock().unwrap().iter().any(|head| path_of(head) == path)
}

fn page(links: &[&str]) -> String {
    answering::page(&links.iter().map(|link| format!("<a href=\"{link}\">x</a>")).collect::<String>())
}

fn options(deny_private: DenyPrivate) -> HttpOptions {
    let is_public = |address: IpAddr| address == IpAddr::from([127, 0, 0, 2]);
    HttpOptions { deny_private, is_public, ..quick() }
}

async fn crawl(options: HttpOptions, seeds: &[&str]) -> Vec<Arc<Outcome>> {
    run_plan(Plan { retries: 0, ..Plan::crawl(2, Scope::new(Reach::Any)) }, options, seeds).await
}

async fn crawl_maps(options: HttpOptions, seeds: &[&str]) -> Vec<Arc<Outcome>> {
    run_plan(Plan { sitemaps: true, retries: 0, ..Plan::crawl(2, Scope::new(Reach::Host)) }, options, seeds)
        .await
}

async fn run_plan(plan: Plan, options: HttpOptions, seeds: &[&str]) -> Vec<Arc<Outcome>> {
    let seeds = vec![Source::Given(seeds.iter().map(ToString::to_string).collect())];
    let mut run = gannet::crawl(plan, Http::new(options).unwrap(), seeds);
    let mut outcomes = Vec::new();
    while let Some(outcome) = run.next().await {
        outcomes.push(outcome);
    }
    assert!(run.finish().await.unwrap().is_balanced());
    outcomes
}

fn error_of(outcomes: &[Arc<Outcome>], url: &str) -> Option<ErrorKind> {
    let outcome = outcomes.iter().find(|outcome| outcome.name() == url).expect("it has an outcome");
    outcome.error.as_ref().map(|error| error.kind)
}

#[tokio::test]
async fn a_public_page_leads_to_no_private_host_and_a_private_one_does() {
    let (inner, inner_heads) = serve("127.0.0.1", |_| page(&[]));
    let deep = inner.url("/deep").to_string();
    let named = deep.clone();
    let (seeded, seeded_heads) = serve("127.0.0.1", move |path| match path {
        "/" => page(&[&named]),
        _ => page(&[]),
    });
    let (target, other) = (inner.url("/secret").to_string(), seeded.url("/found").to_string());
    let (links, hop) = ([target.clone(), other.clone()], inner.url("/hop").to_string());
    let (public, _) = serve("127.0.0.2", move |path| match path {
        "/" => page(&[&links[0], &links[1], "/moved"]),
        _ => moved(&hop),
    });
    let (seed, root) = (seeded.url("/").to_string(), public.url("/").to_string());

    // Nothing is asked of the host that only the public page names, not even its robots.txt.
    let outcomes = crawl(options(DenyPrivate::Public), &[&root]).await;
    for url in [&target, &other, inner.url("/hop").as_str()] {
        assert_eq!(error_of(&outcomes, url), Some(ErrorKind::BlockedAddress), "{url}");
    }
    assert_eq!((outcomes.len(), error_of(&outcomes, &root)), (5, None));
    assert!(inner_heads.lock().unwrap().is_empty() && seeded_heads.lock().unwrap().is_empty());

    // A host that the user named as well is asked for what the user or a private page names.
    let outcomes = crawl(options(DenyPrivate::Public), &[&seed, &root]).await;
    assert_eq!(error_of(&outcomes, &other), Some(ErrorKind::BlockedAddress));
    assert_eq!(error_of(&outcomes, &deep), None);
    assert!(!was_asked(&inner_heads, "/secret"));
    assert!(!was_asked(&seeded_heads, "/found"));

    let outcomes = crawl(options(DenyPrivate::Never), &[&root]).await;
    assert!(outcomes.iter().all(|outcome| outcome.error.is_none()), "{outcomes:?}");
    let outcomes = crawl(options(DenyPrivate::Always), &[&seed, &root]).await;
    assert_eq!(error_of(&outcomes, &seed), Some(ErrorKind::BlockedAddress));
}

#[tokio::test]
async fn a_redirect_from_a_public_address_to_a_private_one_is_not_followed() {
    let (inner, inner_heads) = serve("127.0.0.1", |_| page(&[]));
    let secret = inner.url("/secret").to_string();
    let (public, _) = serve("127.0.0.2", move |_| moved(&secret));
    let error = get(options(DenyPrivate::Public), public.url("/")).await.unwrap_err();
    assert_eq!((error.kind, error.phase), (ErrorKind::BlockedAddress, Phase::Redirect));
    assert!(inner_heads.lock().unwrap().is_empty());
    assert_eq!(get(options(DenyPrivate::Never), public.url("/")).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_robots_txt_that_leads_inside_is_none() {
    let (inner, paths) = serve("127.0.0.1", |_| page(&[]));
    let target = inner.url("/rules").to_string();
    let public = Raw::serve_at("127.0.0.2", move |mut conn| {
        while let Some(head) = conn.request() {
            conn.send(if head.starts_with("GET /robots.txt") { moved(&target) } else { page(&[]) });
        }
    });
    let outcomes = crawl(options(DenyPrivate::Public), &[public.url("/").as_str()]).await;
    assert_eq!(error_of(&outcomes, public.url("/").as_str()), None);
    assert!(paths.lock().unwrap().is_empty());
}

#[tokio::test]
async fn nor_does_a_sitemap_that_a_public_robots_txt_names() {
    let (inner, paths) = serve("127.0.0.1", |_| page(&[]));
    let rules = format!("User-agent: *\nDisallow: /denied\nSitemap: {}\n", inner.url("/map.xml"));
    let length = rules.len();
    let public = Raw::serve_at("127.0.0.2", move |mut conn| {
        while let Some(head) = conn.request() {
            match head.split(' ').nth(1) {
                Some("/robots.txt") => {
                    conn.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{rules}"));
                }
                Some("/broken") => return,
                _ => {
                    conn.send(page(&[]));
                }
            }
        }
    });
    let seeds = ["/", "/denied", "/broken"].map(|path| public.url(path).to_string());
    for seed in &seeds {
        let outcomes = crawl_maps(options(DenyPrivate::Public), &[seed]).await;
        let map = inner.url("/map.xml").to_string();
        assert_eq!(error_of(&outcomes, &map), Some(ErrorKind::BlockedAddress), "{seed}");
    }
    assert!(paths.lock().unwrap().is_empty());
}

#[test]
fn only_http_is_followed_wherever_a_page_leads() {
    const SCHEMES: [&str; 7] = [
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "gopher://127.0.0.1/_x",
        "javascript:x()",
        "data:text/html,x",
        "ws://127.0.0.1/",
        "view-source:http://127.0.0.1/",
    ];
    for target in SCHEMES {
        let links = format!(
            "<meta http-equiv=refresh content='0;url={target}'><base href='{target}'><a href='{target}'><iframe src='{target}'>"
        );
        let server = Raw::serve(move |mut conn| {
            while let Some(head) = conn.request() {
                conn.send(match head.split(' ').nth(1) {
                    Some("/page") => {
                        let length = links.len();
                        let head = format!(
                            "Content-Type: text/html\r\nRefresh: 0;url={target}\r\nContent-Length: {length}"
                        );
                        format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n{links}")
                    }
                    _ => moved(target), // robots.txt as well, which is then none
                });
            }
        });
        let ran =
            run(["crawl", server.url("/page").as_str(), server.url("/moved").as_str(), "--scope", "any"]);
        let records = ran.exits(3).records();
        assert_eq!(records.len(), 2, "{target}: {records:?}");
        let moved = records.iter().find(|record| text(record, "url").ends_with("/moved")).unwrap();
        assert_eq!((text(moved, "error_kind"), moved.get("final_url").is_some()), ("bad_redirect", true));
    }
}

#[test]
fn a_list_names_no_files() {
    let file = file!(); // one that is there, if the test runs at the root of the project
    let list = format!("{file}\n{}/{file}\nfile:///etc/passwd\n@{file}\n-\n", env!("CARGO_MANIFEST_DIR"));
    // A proxy that is not there sees to it that no name is looked up.
    let ran = call(["fetch", "-", "--retries", "0", "-x", "127.0.0.1:1"]).stdin(list).run().exits(4);
    let kinds: Vec<_> = ran.records().iter().map(|record| text(record, "error_kind").to_owned()).collect();
    assert_eq!(kinds.len(), 5, "{kinds:?}");
    let is_no_file = |kind: &String| ["invalid_url", "unsupported_scheme", "proxy"].contains(&kind.as_str());
    assert!(kinds.iter().all(is_no_file), "{kinds:?}");
}

#[cfg(unix)]
#[test]
fn a_file_without_an_end_is_an_error_and_not_cut() {
    let url = "http://127.0.0.1:9/";
    for flag in ["--config", "--cacert", "--netrc-file", "--proxy-list", "--load-cookies"] {
        let ran = run(["fetch", url, flag, "/dev/zero"]).exits(2);
        assert!(
            ran.stderr.contains("cannot read") && ran.stderr.contains("it is longer than"),
            "{}",
            ran.stderr
        );
    }
}

/// Fetches a page that redirects to an address of metadata, by way of a proxy.
fn metadata(flags: &[&str]) -> Ran {
    let proxy = Raw::serve(|mut conn| {
        while let Some(head) = conn.request() {
            let inside = head.starts_with("GET http://169.254.169.254/");
            conn.send(if inside { page(&["secret"]) } else { moved("http://169.254.169.254/latest/") });
        }
    });
    let proxy = format!("127.0.0.1:{}", proxy.port());
    run([&["fetch", "http://page.test/", "-x", &proxy][..], flags].concat())
}

#[test]
fn the_command_line_has_three_values() {
    for flags in [&[][..], &["--deny-private=public"], &["--deny-private"], &["--deny-private=always"]] {
        let record = metadata(flags).exits(4).record();
        assert_eq!(text(&record, "error_kind"), "blocked_address", "{flags:?}");
        assert_eq!(text(&record, "phase"), "redirect", "{flags:?}");
    }
    let ran = metadata(&["--deny-private=never"]).exits(0);
    assert_eq!(ran.record()["status_code"], 200);
    assert_eq!(text(&ran.record(), "final_url"), "http://169.254.169.254/latest/");
}

#[test]
fn the_user_may_name_private_hosts_unless_they_are_denied() {
    let (server, paths) = serve("127.0.0.1", |_| page(&[]));
    let url = server.url("/").to_string();
    for flag in ["--deny-private=public", "--deny-private=never"] {
        assert_eq!(run(["fetch", &url, flag]).exits(0).record()["status_code"], 200);
    }
    let asked = paths.lock().unwrap().len();
    let record = run(["fetch", "--deny-private", &url]).exits(4).record();
    assert_eq!((text(&record, "error_kind"), text(&record, "phase")), ("blocked_address", "resolve"));
    assert_eq!(paths.lock().unwrap().len(), asked);
    run(["fetch", &url, "--deny-private=maybe"]).exits(2).says(&["--deny-private", "always"]);
}
