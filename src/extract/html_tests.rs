//! The table: which attributes are links, and of what kind.

use super::super::Via;
use super::{Found, LinkKind, Role, Value};

fn read(page: &[u8]) -> Found<'_> {
    super::read(page, "gannet", true, true)
}

fn links(page: &str) -> Vec<(String, &'static str, &'static str, LinkKind)> {
    let Found { links, .. } = read(page.as_bytes());
    let text = |value: &Value<'_>| match value {
        Value::Raw(raw) => String::from_utf8_lossy(raw).into_owned(),
        Value::Decoded(text) => text.to_string(),
    };
    links.iter().map(|l| (text(&l.value), l.role.via.tag(), l.role.via.attr(), l.role.kind)).collect()
}

fn one(page: &str) -> Option<(&'static str, &'static str, LinkKind)> {
    let found = links(page);
    assert!(found.len() <= 1, "{page}: {found:?}");
    found.first().map(|(text, tag, attr, kind)| {
        assert_eq!(text, "u", "{page}");
        (*tag, *attr, *kind)
    })
}

use LinkKind::{Navigation, Other, Requisite};

#[test]
fn simple_elements() {
    for (page, tag, attr, kind) in [
        ("<a href=u>", "a", "href", Navigation),
        ("<AREA HREF=u>", "area", "href", Navigation),
        ("<frame src=u>", "frame", "src", Navigation),
        ("<iframe src=u>", "iframe", "src", Navigation),
        ("<img src=u>", "img", "src", Requisite),
        ("<image src=u>", "img", "src", Requisite),
        ("<img srcset='u 2x'>", "img", "srcset", Requisite),
        ("<source srcset=u>", "source", "srcset", Requisite),
        ("<script src=u></script>", "script", "src", Requisite),
        ("<video poster=u>", "video", "poster", Requisite),
        ("<audio src=u>", "audio", "src", Requisite),
        ("<track src=u>", "track", "src", Requisite),
        ("<embed src=u>", "embed", "src", Requisite),
        ("<object data=u>", "object", "data", Requisite),
        ("<input type=IMAGE src=u>", "input", "src", Requisite),
        ("<body background=u>", "body", "background", Requisite),
        ("<table background=u>", "table", "background", Requisite),
        ("<form action=u>", "form", "action", Other),
        ("<form action=u method=GET>", "form", "action", Other),
        ("<meta http-equiv=Refresh content='0;url=u'>", "meta", "content", Navigation),
        ("<meta content='&#48; &#117;' http-equiv=refresh>", "meta", "content", Navigation),
        ("<style>@import 'u';</style>", "css", "import", Requisite),
        ("<STYLE media=x>a{b:url(u)}</STYLE>", "css", "url", Requisite),
        ("<p style='a:url(&quot;u&#34;)'>", "css", "url", Requisite),
        ("<p style='a:url&#40;u)'>", "css", "url", Requisite),
        ("<svg><path style=a:url(u)>", "css", "url", Requisite),
        ("<svg><a xlink:href=u>", "a", "xlink:href", Navigation),
        ("<svg><image href=u>", "image", "href", Requisite),
    ] {
        assert_eq!(one(page), Some((tag, attr, kind)), "{page}");
    }
}

#[test]
fn what_is_no_link() {
    for page in [
        "<a name=u>",
        "<b href=u>",
        "<a data-href=u>",
        "<input src=u>",
        "<form method=post action=u>",
        "<form method=dialog action=u>",
        "<meta name=refresh content='0;url=u'>",
        "<svg><link href=u>",
        "<a xlink:href=u>",
        "<image href=u>",
        "<link rel=preconnect href=u>",
        "<script><a href=u></script>",
        "<!-- <a href=u> -->",
        "<textarea><a href=u></textarea>",
        "<a href=u",
        "<base href=u>",
        "<p data-style='a:url(u)'>",
        "<textarea><p style='a:url(u)'></textarea>",
        "<meta content>",
    ] {
        assert_eq!(one(page), None, "{page}");
    }
}

#[test]
fn kinds_of_link_elements() {
    for (rel, kind) in [
        ("stylesheet", Requisite),
        ("alternate stylesheet", Requisite),
        ("SHORTCUT ICON", Requisite),
        ("preload", Requisite),
        ("canonical", Navigation),
        ("next", Navigation),
        ("prev nofollow", Navigation),
        ("alternate", Navigation),
        ("pingback", Other),
        ("", Other),
    ] {
        assert_eq!(one(&format!("<link rel='{rel}' href=u>")), Some(("link", "href", kind)), "{rel}");
    }
    assert_eq!(
        links("<link rel=preload as=image href=u imagesrcset='v 1x, w 2x'>").len(),
        3,
        "the fallback and the candidates"
    );
}

#[test]
fn nofollow() {
    let nofollow = |page: &str| read(page.as_bytes()).links[0].role.nofollow;
    assert!(nofollow("<a href=u rel='external NoFollow'>"));
    assert!(!nofollow("<a href=u rel='nofollower'>"));
}

#[test]
fn robots() {
    let robots = |page: &'static str| read(page.as_bytes()).robots;
    let all = "<meta name=ROBOTS content=a><meta name=gannet content=b><meta name=googlebot content=c><p>\
               <meta name=robots content=d><meta name=robots>";
    assert_eq!(robots(all), [b"a", b"b", b"d"]);
    assert_eq!(read("<meta name=robots content=x>".repeat(100).as_bytes()).robots.len(), super::MAX_ROBOTS);
    assert!(super::read(b"<meta name='' content=x>", "", true, false).robots.is_empty());
}

#[test]
fn the_head_is_read_to_its_end() {
    let head = |page: &'static str| {
        let found = super::read_head(page.as_bytes(), "gannet");
        (found.title.is_some(), found.robots.len())
    };
    assert_eq!(
        head("<head><script></script><title>x</title><link><meta name=robots content=x><body>"),
        (true, 1)
    );
    assert_eq!(head("<title>x</title><p><meta name=robots content=x>"), (true, 0));
    assert_eq!(head("<div><title>x</title>"), (true, 0));
    assert_eq!(head("<body><title>x</title><meta name=robots content=x>"), (false, 0));
}

#[test]
fn the_better_role_counts() {
    let role = |kind, nofollow| Role { via: Via::named("a", "href"), kind, nofollow };
    for (first, second, best) in [
        (role(Requisite, false), role(Navigation, true), role(Navigation, true)),
        (role(Navigation, true), role(Navigation, false), role(Navigation, false)),
        (role(Navigation, false), role(Requisite, false), role(Navigation, false)),
    ] {
        let mut known = first;
        known.or_better(second);
        assert_eq!(known, best);
    }
}
