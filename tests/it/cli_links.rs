//! Which links a crawl takes up: by element and kind, from headers and style sheets, and what pages ask of it.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::gannet::{Ran, call, text};
use crate::raw::Raw;

/// Serves these: path, headers, body. Anything else is a 404.
fn site(files: &'static [(&str, &str, &str)]) -> Raw {
    Raw::serve(move |mut conn| {
        while let Some(head) = conn.request() {
            let path = head.split(' ').nth(1).unwrap();
            let (status, headers, body) = match files.iter().find(|file| file.0 == path) {
                Some((_, headers, body)) if headers.starts_with("Location") => ("302 Found", *headers, *body),
                Some((_, headers, body)) => ("200 OK", *headers, *body),
                None => ("404 Not Found", "", ""),
            };
            let length = body.len();
            let headers: String =
                headers.split('|').filter(|h| !h.is_empty()).map(|h| format!("{h}\r\n")).collect();
            if !conn.send(format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{headers}\r\n{body}")) {
                return;
            }
        }
    })
}

const HTML: &str = "Content-Type: text/html";
const CSS: &str = "Content-Type: text/css";

/// The paths of the records with what a function makes of each.
fn by_path<T>(ran: &Ran, of: impl Fn(&Value) -> T) -> BTreeMap<String, T> {
    let path = |record: &Value| text(record, "url").splitn(4, '/').nth(3).unwrap().to_owned();
    ran.records().iter().map(|record| (path(record), of(record))).collect()
}

#[track_caller]
fn crawl(site: &Raw, args: &[&str]) -> Ran {
    let seed = site.url("/").as_str().to_owned();
    call(["crawl", &seed].iter().chain(args)).run().exits(0)
}

fn paths(ran: &Ran) -> Vec<String> {
    by_path(ran, |_| ()).into_keys().collect()
}

const SHOP: &[(&str, &str, &str)] = &[
    (
        "/",
        HTML,
        "<link rel=stylesheet href=/main.css><a href=/page>x</a><img src=/logo.png><form action=/search></form>\
         <iframe src=/frame></iframe><style>p{background:url(inline.png)}</style><p style='background:url(\"p.png\")'>",
    ),
    ("/page", HTML, "<img src=/deep.png><a href=/far>x</a>"),
    ("/frame", HTML, ""),
    ("/far", HTML, ""),
    ("/search", HTML, ""),
    ("/main.css", CSS, "@import 'sub/more.css'; body { background: url(bg.png) }"),
    ("/sub/more.css", CSS, "@font-face { src: url(../font.woff2) } a { b: url(http://cdn.invalid/x.png) }"),
    ("/logo.png", "Content-Type: image/png", ""),
];

#[test]
fn assets_are_fetched_on_request_and_past_the_depth() {
    let site = site(SHOP);
    assert_eq!(paths(&crawl(&site, &[])), ["", "far", "frame", "page"]);
    let ran = crawl(&site, &["--depth", "0", "--assets"]);
    let needed = ["", "bg.png", "font.woff2", "inline.png", "logo.png", "main.css", "p.png", "sub/more.css"];
    assert_eq!(paths(&ran), needed);
    let place = |record: &Value| {
        let text = |name| text(record, name).to_owned();
        (record["depth"].as_u64().unwrap(), text("tag"), text("attr"))
    };
    let places = by_path(&ran, place);
    for (path, depth, tag, attr) in [
        ("main.css", 1, "link", "href"),
        ("sub/more.css", 2, "css", "import"),
        ("font.woff2", 3, "css", "url"),
        ("inline.png", 1, "css", "url"),
        ("logo.png", 1, "img", "src"),
    ] {
        assert_eq!(places[path], (depth, tag.to_owned(), attr.to_owned()), "{path}");
    }
    assert!(ran.stderr.contains("out_of_scope 1") && ran.stderr.contains("too_deep 2"), "{}", ran.stderr);
    let ran = crawl(&site, &["--depth", "1", "--assets"]);
    assert!(paths(&ran).contains(&"deep.png".to_owned()) && !paths(&ran).contains(&"far".to_owned()));
}

#[test]
fn links_are_chosen_by_element() {
    let site = site(SHOP);
    assert_eq!(paths(&crawl(&site, &["--follow", "a"])), ["", "far", "page"]);
    assert_eq!(paths(&crawl(&site, &["--follow", "iframe,form"])), ["", "frame", "search"]);
    assert_eq!(paths(&crawl(&site, &["--follow", "img"])), ["", "logo.png"]);
    let all = crawl(&site, &["--follow", "all"]);
    let navigation = crawl(&site, &["--follow", "navigation,form", "--assets"]);
    assert_eq!((paths(&all), paths(&all).len()), (paths(&navigation), 13));
    let wrong = call(["crawl", "http://127.0.0.1:9/", "--follow", "a,b"]).run().exits(2);
    assert!(wrong.stderr.contains("`--follow`: there are no links named `b`"), "{}", wrong.stderr);
    assert!(
        wrong.stderr.contains("hint: navigation, assets, all, or one of a,area,audio,"),
        "{}",
        wrong.stderr
    );
}

#[test]
fn a_chain_of_style_sheets_ends() {
    let site = Raw::serve(|mut conn| {
        while let Some(head) = conn.request() {
            let path = head.split(' ').nth(1).unwrap().to_owned();
            let (kind, body) = match path.as_str() {
                "/" => ("text/html", "<link rel=stylesheet href=/s>".to_owned()),
                "/robots.txt" => ("text/plain", String::new()),
                path => ("text/css", format!("@import '{path}s'")),
            };
            let length = body.len();
            conn.send(format!(
                "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{body}"
            ));
        }
    });
    let ran = crawl(&site, &["--depth", "0", "--assets"]);
    assert_eq!(paths(&ran), ["", "s", "ss", "sss", "ssss", "sssss"]);
    assert!(ran.stderr.contains("too_deep 1"), "{}", ran.stderr);
}

#[test]
fn an_asset_behind_a_redirect_is_one() {
    let site = site(&[
        ("/", HTML, "<img src=/old.png><script src=/lib></script>"),
        ("/old.png", "Location: /new.png", ""),
        ("/new.png", "Content-Type: image/png", ""),
        ("/lib", HTML, "<a href=/behind>an error page</a><img src=/error.png>"),
    ]);
    let ran = crawl(&site, &["--depth", "0", "--assets"]);
    assert_eq!(paths(&ran), ["", "error.png", "lib", "old.png"]);
    assert!(by_path(&ran, |record| text(record, "final_url").ends_with("/new.png"))["old.png"]);
    let paced = crawl(&site, &["--depth", "0", "--assets", "--delay", "1ms"]);
    assert_eq!(paths(&paced), ["", "error.png", "lib", "new.png", "old.png"]);
    assert!(paths(&crawl(&site, &["--assets"])).contains(&"behind".to_owned()));
}

#[test]
fn an_image_that_links_to_itself_is_an_asset_too() {
    let site = site(&[
        ("/", HTML, "<a href=/x.png><img src=/x.png></a><img src=/y.png><a rel=nofollow href=/y.png>y</a>"),
        ("/x.png", "Content-Type: image/png", ""),
        ("/y.png", "Content-Type: image/png", ""),
    ]);
    let at_last_depth = crawl(&site, &["--depth", "0", "--assets"]);
    assert_eq!(by_path(&at_last_depth, |r| text(r, "tag").to_owned())["x.png"], "img");
    for args in [&["--depth", "0", "--assets"][..], &["--follow", "img"], &["--assets", "--respect-nofollow"]]
    {
        assert_eq!(paths(&crawl(&site, args)), ["", "x.png", "y.png"], "{args:?}");
    }
    let links = crawl(&site, &["--links"]);
    assert_eq!(by_path(&links, |r| r["links"].as_array().map(Vec::len))[""], Some(2));
}

#[test]
fn each_link_on_a_page_has_an_end_in_the_summary() {
    let site = site(&[
        (
            "/",
            HTML,
            "<a href=/a>a</a><a href=/old>o</a><a href=http://h.invalid/>h</a><img src=/i><form action=/f>",
        ),
        ("/a", HTML, "<a href=/>home</a><link rel=stylesheet href=/s>"),
        ("/old", "Location: /a?", ""),
        ("/a?", HTML, ""),
    ]);
    let ran = crawl(&site, &["--delay", "1ms"]); // a redirect waits for its turn
    assert_eq!(paths(&ran), ["", "a", "a?", "old"]);
    let all = "8 on pages; 1 known already, 4 not followed, out_of_scope 1, not_chosen 3";
    assert_eq!(ran.row("links"), all, "three were found");
    assert!(ran.row("requests").ends_with(" 1 robots.txt, 1 host"), "{}", ran.stderr);
}

#[test]
fn headers_have_links_whatever_the_body_is() {
    let site = site(&[
        (
            "/",
            "Content-Type: application/pdf|Link: </next>; rel=\"next\", </m.css>; rel=preload; as=style",
            "%PDF",
        ),
        ("/next", "Content-Type: text/html|Refresh: 0; url=/fresh", "<a href=/a>x</a>"),
        ("/fresh", HTML, ""),
        ("/a", HTML, ""),
    ]);
    let ran = crawl(&site, &[]);
    assert_eq!(paths(&ran), ["", "a", "fresh", "next"]);
    let places = by_path(&ran, |record| (text(record, "tag").to_owned(), text(record, "attr").to_owned()));
    assert_eq!(places["next"], ("header".into(), "link".into()));
    assert_eq!(places["fresh"], ("header".into(), "refresh".into()));
    assert_eq!(paths(&crawl(&site, &["--follow", "header"])), ["", "fresh", "m.css", "next"]);
}

const SHY: &[(&str, &str, &str)] = &[
    (
        "/",
        HTML,
        "<a href=/meta>x</a><a href=/header>x</a><a rel='nofollow ugc' href=/link>x</a><a href=/other>x</a>",
    ),
    ("/meta", HTML, "<meta name=robots content='noindex, nofollow'><a href=/1>x</a><a href=/2>x</a>"),
    (
        "/header",
        "Content-Type: text/html|X-Robots-Tag: otherbot: none|X-Robots-Tag: gannet: none",
        "<a href=/3>x</a>",
    ),
    (
        "/other",
        "Content-Type: text/html|X-Robots-Tag: otherbot: none",
        "<meta name=googlebot content=none><a href=/4>x</a>",
    ),
    ("/link", HTML, ""),
];

#[test]
fn pages_that_say_nofollow_are_heeded() {
    let site = site(SHY);
    let ran = crawl(&site, &[]);
    assert_eq!(paths(&ran), ["", "4", "header", "link", "meta", "other"]);
    assert!(ran.stderr.contains("3 not followed, nofollow 3"), "{}", ran.stderr);
    let robots = by_path(&ran, |record| record.get("robots").cloned());
    for path in ["meta", "header"] {
        assert_eq!(robots[path], Some(serde_json::json!(["noindex", "nofollow"])), "{path}");
    }
    assert_eq!((&robots["other"], &robots[""]), (&None, &None));
    let bold = crawl(&site, &["--ignore-robots"]);
    assert_eq!(paths(&bold), ["", "1", "2", "3", "4", "header", "link", "meta", "other"]);
}

#[test]
fn links_that_say_nofollow_are_heeded_on_request() {
    let site = site(SHY);
    let ran = crawl(&site, &["--respect-nofollow", "--links"]);
    assert_eq!(paths(&ran), ["", "4", "header", "meta", "other"]);
    assert!(ran.stderr.contains("4 not followed, nofollow 4"), "{}", ran.stderr);
    let links = &by_path(&ran, |record| record["links"].clone())[""];
    let link = |path: &str, more: Value| {
        let mut link = serde_json::json!({"url": site.url(path).as_str(), "tag": "a", "attr": "href", "kind": "navigation"});
        link.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        link
    };
    assert_eq!(links[0], link("/meta", serde_json::json!({"text": "x"})));
    assert_eq!(links[2], link("/link", serde_json::json!({"nofollow": true, "text": "x"})));
}

#[test]
fn fetch_shows_robots_and_the_links_of_any_answer() {
    let site = site(&[
        ("/a.css", "Content-Type: text/css|X-Robots-Tag: noarchive|Link: </x>", "a{b:url(y)}"),
        ("/page", HTML, "<head><title>t</title><meta name=gannet content=nosnippet><body>"),
    ]);
    let [css, page] = ["/a.css", "/page"].map(|path| site.url(path).as_str().to_owned());
    let ran = call(["fetch", &css, &page, "--mode", "gather", "--fields", "robots,links"]).run().exits(0);
    let records = ran.records();
    assert_eq!(records[0]["robots"], serde_json::json!(["noarchive"]));
    let kinds: Vec<_> = records[0]["links"].as_array().unwrap().iter().map(|l| text(l, "kind")).collect();
    assert_eq!(kinds, ["other", "requisite"]);
    assert_eq!(records[1]["robots"], serde_json::json!(["nosnippet"]));
    let ran = call(["fetch", &page, "--fields", "title,robots"]).run().exits(0);
    assert_eq!(ran.records()[0], serde_json::json!({"title": "t", "robots": ["nosnippet"]}));
}

#[test]
fn what_a_job_follows_is_part_of_it() {
    let site = site(SHOP);
    let directory = tempfile::tempdir().unwrap();
    let job = directory.path().join("job").display().to_string();
    crawl(&site, &["--job", &job, "--follow", "a"]);
    let seed = site.url("/").as_str().to_owned();
    let ran = call(["crawl", &seed, "--job", &job, "--assets"]).run().exits(2);
    for line in ["--assets was `false`, and is `true` now", "--follow was `a`, and is `navigation` now"] {
        assert!(ran.stderr.contains(line), "{}", ran.stderr);
    }
}
