//! Redirects that a crawl takes up as jobs, and what may travel along with them.

use crate::answering::{missing, moved, page, serve};
use crate::gannet::{Ran, call, run, text};

fn urls(ran: &Ran) -> Vec<String> {
    let mut urls: Vec<_> = ran.records().iter().map(|record| text(record, "url").to_owned()).collect();
    urls.sort();
    urls
}

#[test]
fn a_seed_may_move_twice() {
    let (last, _) = serve(|path| match path {
        "/" => page("<a href=/about>"),
        "/about" => page("here"),
        _ => missing(),
    });
    let to = last.url("/").to_string();
    let (middle, _) = serve(move |path| if path == "/" { moved(&to) } else { missing() });
    let to = middle.url("/").to_string();
    let (first, _) = serve(move |path| if path == "/" { moved(&to) } else { missing() });
    let ran = run(["crawl", first.url("/").as_str()]).exits(0);
    let mut expected = [first.url("/"), middle.url("/"), last.url("/"), last.url("/about")];
    expected.sort();
    assert_eq!(urls(&ran), expected.iter().map(ToString::to_string).collect::<Vec<_>>());
}

#[test]
fn redirects_that_are_jobs_are_counted_too() {
    let forever = |path: &str| match path.strip_prefix("/forever/").and_then(|n| n.parse::<u32>().ok()) {
        Some(n) => moved(&format!("/forever/{}", n + 1)),
        None => missing(),
    };
    let (server, log) = serve(forever);
    // With a delay each hop waits its turn, so none is followed inside a fetch.
    let args = ["--delay", "1ms", "--max-redirects", "4"];
    let ran = call(["crawl", server.url("/forever/0").as_str()].into_iter().chain(args)).run().exits(0);
    let last = ran.records().into_iter().find(|record| text(record, "outcome") == "failed").unwrap();
    assert_eq!((text(&last, "error_kind"), text(&last, "phase")), ("too_many_redirects", "redirect"));
    assert_eq!((ran.records().len(), log.lock().unwrap().len()), (5, 6), "and robots.txt");
}

#[test]
fn what_is_meant_for_the_seed_goes_nowhere_else() {
    let (other, others) =
        serve(|path| if path == "/robots.txt" { missing() } else { page("<a href=/more>") });
    let links = format!("<a href='{}'><a href=/own>", other.url("/linked"));
    let target = other.url("/redirected").to_string();
    let (home, homes) = serve(move |path| match path {
        "/" => page(&links),
        "/own" => moved(&target),
        _ => missing(),
    });
    let secrets = ["-H", "Authorization: Bearer secret", "-H", "Cookie: secret=1", "-H", "X-Mine: yes"];
    let secrets = secrets.into_iter().chain(["-H", "X-Api-Key: secret"]);
    let args = ["--scope", "any"].into_iter().chain(secrets);
    call(["crawl", home.url("/").as_str()].into_iter().chain(args)).run().exits(0);
    let heads = others.lock().unwrap().join("\n").to_lowercase();
    assert!(heads.contains("/linked") && heads.contains("/redirected") && heads.contains("/more"), "{heads}");
    assert!(!heads.contains("secret") && heads.contains("x-mine: yes"), "{heads}");
    let own = homes.lock().unwrap().iter().find(|head| head.contains(" /own ")).unwrap().to_lowercase();
    assert!(own.contains("bearer secret") && own.contains("secret=1"), "{own}");
    assert!(own.contains("x-api-key: secret"), "{own}");
    let everything = homes.lock().unwrap().join("\n") + &heads;
    assert!(!everything.to_lowercase().contains("referer"), "{everything}");
    let robots = homes.lock().unwrap().iter().find(|head| head.contains(" /robots.txt ")).unwrap().clone();
    assert!(!robots.contains("secret"), "{robots}");
}

#[test]
fn a_small_body_cap_cuts_no_robots_rules() {
    let rules = format!("# {}\nUser-agent: *\nDisallow: /secret\n", "x".repeat(500));
    let (server, log) = serve(move |path| match path {
        "/robots.txt" => page(&rules),
        "/" => page("<a href=/secret>"),
        _ => missing(),
    });
    let ran = run(["crawl", server.url("/").as_str(), "--max-body", "100"]).exits(0);
    assert!(ran.records().iter().any(|record| text(record, "skipped") == "robots_denied"));
    assert!(!log.lock().unwrap().iter().any(|head| head.contains(" /secret ")));
}
