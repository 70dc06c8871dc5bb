use encoding_rs::{Encoding, GBK, ISO_2022_JP, SHIFT_JIS, UTF_16LE};
use proptest::prelude::*;
use url::Url;

use super::*;
use crate::extract::outlinks;

/// What becomes of a text at `http://h/d/p` when everything below `http://h/` but `/no…` has a file.
fn with(source: &Source<'_>, kind: Kind) -> (Vec<u8>, u64) {
    let url = Url::parse("http://h/d/p").unwrap();
    let source = Source { url: &url, ..*source };
    let mut local = |url: &str| {
        let path = url.strip_prefix("http://h/")?;
        (!path.starts_with("no")).then(|| format!("../L/{}.html", path.replace(['?', '&'], "_")))
    };
    let relinked = relink(&source, kind, &mut local);
    (relinked.body, relinked.links)
}

fn html(page: &str) -> String {
    let url = Url::parse("http://h/").unwrap();
    let (body, _) =
        with(&Source { content_type: Some("text/html"), ..Source::new(page.as_bytes(), &url) }, Kind::Html);
    let page = String::from_utf8(body).unwrap();
    page.strip_prefix("<meta charset=\"UTF-8\">").map_or(page.clone(), str::to_owned)
}

fn css(sheet: &str) -> String {
    let url = Url::parse("http://h/").unwrap();
    let (body, _) =
        with(&Source { content_type: Some("text/css"), ..Source::new(sheet.as_bytes(), &url) }, Kind::Css);
    String::from_utf8(body).unwrap()
}

#[test]
fn links_lead_to_files_or_to_the_web() {
    for (page, relinked) in [
        ("<a href=\"x\">", "<a href=\"../L/d/x.html\">"),
        ("<A HREF = ' /x#a ' b>", "<A HREF = '../L/x.html#a' b>"),
        ("<a href=x#é>", "<a href=../L/d/x.html#%C3%A9>"),
        ("<a href='no'>", "<a href='../L/d/no.html'>"),
        ("<a href='/no'>", "<a href='http://h/no'>"),
        ("<a href=/no?a=b&amp;c#d>", "<a href=http://h/no?a&#61;b&amp;c#d>"),
        ("<a href=\"/no?it's\">", "<a href=\"http://h/no?it%27s\">"),
        ("<a href='http://other/'>", "<a href='http://other/'>"),
        ("<a href='HTTP://h/x'>", "<a href='../L/x.html'>"),
        ("<a href='//other/x'>", "<a href='http://other/x'>"),
        ("<a href='mailto:a@b'>", "<a href='mailto:a@b'>"),
        ("<a href='#a'><a href=''><a href>", "<a href='#a'><a href=''><a href>"),
        ("<a href='/x?a&amp;b'>", "<a href='../L/x_a_b.html'>"),
        ("<form action=x method=post>", "<form action=../L/d/x.html method=post>"),
        ("<svg><image xlink:href='x'/></svg>", "<svg><image xlink:href='../L/d/x.html'/></svg>"),
        (
            "<object data=x><video src=y poster=z>",
            "<object data=../L/d/x.html><video src=../L/d/y.html poster=../L/d/z.html>",
        ),
        (
            "<!-- <a href=x> --><script>'<a href=x>'</script>",
            "<!-- <a href=x> --><script>'<a href=x>'</script>",
        ),
        (
            "<meta http-equiv=refresh content='5; url=\"/x\"'>",
            "<meta http-equiv=refresh content='5; url=\"../L/x.html\"'>",
        ),
    ] {
        assert_eq!(html(page), relinked);
    }
}

#[test]
fn what_holds_several_links_keeps_the_rest() {
    for (page, relinked) in [
        ("<img srcset='/a 1x,  /no 2x'>", "<img srcset='../L/a.html 1x,  http://h/no 2x'>"),
        ("<img srcset='/a?b&amp;c 1x, é 2x'>", "<img srcset='../L/a_b_c.html 1x, ../L/d/%C3%A9.html 2x'>"),
        (
            "<p style='a: url(/x); b: url(\"/no\\29\")'>",
            "<p style='a: url(../L/x.html); b: url(\"http://h/no\\)\")'>",
        ),
        (
            "<p style='a: url(&quot;/x&quot;); --é: é'>",
            "<p style='a: url(&#34;../L/x.html&#34;); --&#233;: &#233;'>",
        ),
        (
            "<style>@import 'x'; a { b: url( /no ) }</style>",
            "<style>@import '../L/d/x.html'; a { b: url( http://h/no ) }</style>",
        ),
    ] {
        assert_eq!(html(page), relinked);
    }
}

#[test]
fn sheets() {
    for (sheet, relinked) in [
        ("a{b:url(x)}/*url(y)*/", "a{b:url(../L/d/x.html)}/*url(y)*/"),
        (
            "@import \"x\" screen; @namespace \"x\"; b{filter:url(#c)}",
            "@import \"../L/d/x.html\" screen; @namespace \"x\"; b{filter:url(#c)}",
        ),
        ("a{b:image-set('x' 1x, \"/no\" 2x)}", "a{b:image-set('../L/d/x.html' 1x, \"http://h/no\" 2x)}"),
        ("a{b:url(/no'(c)", "a{b:url(/no'(c)"),
        ("a{b:url(\"/no'(c)\")}", "a{b:url(\"http://h/no\\'\\(c\\)\")}"),
        ("a{b:url(x", "a{b:url(../L/d/x.html"),
    ] {
        assert_eq!(css(sheet), relinked);
    }
}

#[test]
fn a_base_has_no_meaning_any_more() {
    let page = "<base target=t href='/b/'><base href=/c/><a href=x><a href='#a'><a href='/no'>";
    let relinked = "<base target=t data-href='/b/'><base data-href=/c/><a href=../L/b/x.html><a href='../L/b/.html#a'><a href='http://h/no'>";
    assert_eq!(html(page), relinked);
}

#[test]
fn files_are_asked_for_nothing() {
    let page =
        "<script src=x integrity=sha256-x crossorigin></script><link rel=stylesheet href='/no' integrity=y>";
    let relinked = "<script src=../L/d/x.html data-integrity=sha256-x data-crossorigin></script><link rel=stylesheet href='http://h/no' integrity=y>";
    assert_eq!(html(page), relinked);
}

#[test]
fn a_policy_for_hosts_does_not_hold_for_files() {
    let page = "<meta http-equiv='Content-Security-Policy' content='default-src https://h'>";
    assert_eq!(html(page), page.replace("http-equiv", "data-http-equiv"));
}

#[test]
fn bytes_stay_in_their_encoding() {
    let url = Url::parse("http://h/").unwrap();
    for encoding in [SHIFT_JIS, GBK, ISO_2022_JP, encoding_rs::WINDOWS_1252] {
        let write = |text: &str| encoding.encode(text).0.into_owned();
        let (letters, query) =
            if encoding == encoding_rs::WINDOWS_1252 { ("é", "%E9") } else { ("表", "") };
        let label = encoding.name();
        let page = |one: &str, two: &str| {
            format!(
                "<meta charset=\"{label}\">{letters}<a title=\"{letters}\" href={one}>{letters}<p style='--{letters}: url({two})'>{letters}"
            )
        };
        let body = write(&page("x", "/no"));
        let source = Source { content_type: Some("text/html"), ..Source::new(&body, &url) };
        let (relinked, links) = with(&source, Kind::Html);
        assert_eq!((relinked, links), (write(&page("../L/d/x.html", "http://h/no")), 2), "{label}");
        if !query.is_empty() {
            let body = write(&page(&format!("/no?{letters}"), "/no"));
            let (relinked, _) = with(&Source { body: &body, ..source }, Kind::Html);
            assert_eq!(relinked, write(&page(&format!("http://h/no?{query}"), "http://h/no")));
        }
    }
    let wide = |text: &str| -> Vec<u8> {
        std::iter::once('\u{feff}').chain(text.chars()).flat_map(|c| (c as u16).to_le_bytes()).collect()
    };
    let body = wide("<a href='é'>é<a href=x>");
    let (relinked, _) =
        with(&Source { content_type: Some("text/html"), ..Source::new(&body, &url) }, Kind::Html);
    assert_eq!(relinked, wide("<a href='../L/d/%C3%A9.html'>é<a href=../L/d/x.html>"));
}

#[test]
fn broken_letters_shift_nothing() {
    let url = Url::parse("http://h/").unwrap();
    let source = Source {
        content_type: Some("text/css"),
        ..Source::new(b"/*\xff\xfe*/ a{b:url(x)} /*\xff*/ c{d:url('y')}", &url)
    };
    assert_eq!(
        with(&source, Kind::Css).0,
        b"@charset \"UTF-8\";/*\xff\xfe*/ a{b:url(../L/d/x.html)} /*\xff*/ c{d:url('../L/d/y.html')}"
    );
    let page = b"<meta charset=gbk>\x81<a href=\x81\"><a href=x>\xff\xff<a href=x>";
    let source = Source { content_type: Some("text/html"), ..Source::new(page, &url) };
    let (body, _) = with(&source, Kind::Html);
    assert!(
        body.ends_with(b"<a href=../L/d/x.html>\xff\xff<a href=../L/d/x.html>"),
        "{}",
        String::from_utf8_lossy(&body)
    );
}

#[test]
fn what_only_the_server_said_is_said_by_the_page() {
    let url = Url::parse("http://h/").unwrap();
    let say = |label: &'static str, page: &[u8], kind| {
        let content_type = Some(if kind == Kind::Html { "text/html" } else { "text/css" });
        let source = Source { content_type, charset: Some(label), ..Source::new(page, &url) };
        String::from_utf8_lossy(&with(&source, kind).0).into_owned()
    };
    let meta = "<meta charset=\"UTF-8\">";
    for (page, said) in [
        ("<!doctype html>é", format!("<!doctype html>{meta}é")),
        (" <!DOCTYPE html><html><head><title>é", format!(" <!DOCTYPE html><html><head>{meta}<title>é")),
        ("<p>é", format!("{meta}<p>é")),
        ("<html><meta charset=latin1>é", format!("<html>{meta}<meta charset=latin1>é")),
        ("<p>e", "<p>e".to_owned()),
        ("<meta charset=utf8>é", "<meta charset=utf8>é".to_owned()),
        ("\u{feff}é", "\u{feff}é".to_owned()),
    ] {
        assert_eq!(say("utf-8", page.as_bytes(), Kind::Html), said);
    }
    assert_eq!(say("gbk", b"a{b:'\x81\x40'}", Kind::Css).as_bytes()[..15], *b"@charset \"GBK\";");
}

#[test]
fn what_is_written_is_bounded() {
    let links = 40_000;
    let base = "x".repeat(8000);
    let page = format!("<base href='/no{base}/'>{}", "<a href=y>".repeat(links));
    assert!(html(&page).len() <= page.len() + crate::extract::MAX_LINK_BYTES + 10);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    /// Read again where it stands, a page leads where it led: to files for what has one, to the same URLs for the rest.
    #[test]
    fn a_page_leads_where_it_led(
        page in proptest::collection::vec(prop::sample::select(&[
            "<a href=", "<img srcset=", "<p style=", "<style>", "</style>", "<base href=", "<meta http-equiv=refresh content=", "<!--", "-->",
            "\"", "'", ">", " ", "/x", "x y", "../z?a&amp;b=&lt;", "&#x2f;", "http://o/", "//o/q'", "é", "\u{1}", "#f", "url(", ")", "1x, ", "0;url=", "=", "`",
            "<svg>", "</svg>", "<image href=", "\\2f", "@import ", "&quot;",
        ][..]), 0..24),
        label in prop::sample::select(&["utf-8", "windows-1252", "gb18030", "shift_jis", "iso-2022-jp", "utf-16le"][..]),
    ) {
        let page = page.concat();
        let encoding = Encoding::for_label(label.as_bytes()).unwrap();
        let body = match encoding == UTF_16LE {
            true => page.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            false => encoding.encode(&page).0.into_owned(),
        };
        let url = Url::parse("http://h/d/p").unwrap();
        let source = Source { content_type: Some("text/html"), charset: Some(label), ..Source::new(&body, &url) };
        let before = outlinks(&source);
        // The file of each URL is one that tells which it was.
        let mut local = |url: &str| url.strip_prefix("http://h/").map(|path| {
            let hex: String = path.bytes().map(|byte| format!("{byte:02x}")).collect();
            format!("../L/{hex}.html")
        });
        let relinked = relink(&source, Kind::Html, &mut local);
        let at = Url::parse("http://m/h/d/p.html").unwrap();
        let after = outlinks(&Source { body: &relinked.body, url: &at, ..source });
        prop_assert!(after.base.is_none());
        let urls = |page: &crate::extract::Page| -> Vec<String> { page.links.iter().map(|link| link.url.as_str().to_owned()).collect() };
        let back = |url: String| match url.strip_prefix("http://m/h/L/") {
            None => url,
            Some(name) => {
                let hex = name.strip_suffix(".html").unwrap();
                let bytes: Vec<u8> = (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap()).collect();
                format!("http://h/{}", String::from_utf8(bytes).unwrap())
            }
        };
        // Links within the page are links to what its base names, if it has one.
        let base = before.base.as_ref().map_or("http://h/d/p", |base| base.as_str()).split('#').next().unwrap().to_owned();
        let set = |urls: Vec<String>| -> std::collections::BTreeSet<_> {
            urls.into_iter().map(back).filter(|url| !url.starts_with("http://m/") && *url != base).collect()
        };
        let (before, after) = (set(urls(&before)), set(urls(&after)));
        prop_assert_eq!(before, after, "{}", String::from_utf8_lossy(&relinked.body));
    }
}
