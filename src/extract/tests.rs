//! Whole pages.

use proptest::prelude::*;

use super::*;

fn html<'a>(body: &'a [u8], url: &'a Url) -> Source<'a> {
    Source { content_type: Some("text/html"), charset: Some("utf-8"), ..Source::new(body, url) }
}

fn page(body: &str) -> Page {
    outlinks(&html(body.as_bytes(), &Url::parse("http://h/d/p?q#f").unwrap()))
}

fn title(body: &[u8]) -> Option<String> {
    head(&html(body, &Url::parse("http://h/").unwrap())).title
}

fn urls(body: &str) -> Vec<String> {
    page(body).links.iter().map(|link| link.url.as_str().to_owned()).collect()
}

#[test]
fn links_are_resolved_in_order_and_once() {
    let body = "<a href=b><a href=/a><a href='b#x'><a href=http://h/d/b><a href='../a'><a href=' b\n'><a href=c?x=1&amp;y>\
                <a href='c?x=1&y'>";
    assert_eq!(urls(body), ["http://h/d/b", "http://h/a", "http://h/d/c?x=1&y"]);
}

#[test]
fn other_schemes_and_fragments_are_no_links() {
    let page = page(
        "<a href=#top><a href='&#35;top'><a href=mailto:a@b><a href='java\nscript:x'><a href=data:,x><a href=tel:1>\
         <a href=''><a href=ftp://h/>",
    );
    assert_eq!(page.ignored, 5);
    assert_eq!(page.links.len(), 1);
    assert_eq!(page.links[0].url.as_str(), "http://h/d/p?q");
}

#[test]
fn links_have_the_text_of_their_element() {
    let texts = |body: &str| {
        let url = Url::parse("http://h/").unwrap();
        let page = outlinks(&Source { with_text: true, ..html(body.as_bytes(), &url) });
        page.links.iter().map(|link| link.text.as_deref().unwrap_or("-").to_owned()).collect::<Vec<_>>()
    };
    let cases: [(&str, &[&str]); 12] = [
        ("<a href=1> a\n<b>b</b>  c&amp;&nbsp;d </a>e", &["a b c& d"]),
        ("<a href=1>one<a href=2>two</A >x", &["one", "two"]),
        ("<a href=1><script>s('</a>')</script>t<!-- c </a> --> u < v</a>", &["t u < v"]),
        ("<a href=1>never closed, <p>and</p> so on", &["never closed, and so on"]),
        ("<a href=1>cut <b", &["cut"]),
        ("<a href=1></a><a href=1>second</a><a href=1>third</a>", &["second"]),
        ("<img src=i alt='A &lt; B'><area href=z alt=Z><link rel=next href=n>", &["A < B", "Z", "-"]),
        ("<a href=i><img src=i alt=alt></a>", &["-"]),
        ("<img src=i alt=alt><a href=i>text</a>", &["text"]),
        ("<img src=i srcset='j 1x, k 2x' alt=x>", &["x", "x", "x"]),
        ("<a href=1>\u{202e}\x1b[2J</a>", &["\u{202e}\x1b[2J"]),
        ("<svg><a href=1 xlink:href=2><text>in</text></a></svg><abbr>x</abbr>", &["in", "in"]),
    ];
    for (body, expected) in cases {
        assert_eq!(texts(body), expected, "{body}");
    }
    let long = texts(&format!("<a href=1>{}</a>", "\u{e9} ".repeat(5000)));
    assert!(long[0].chars().count() <= MAX_TEXT && long[0].len() > MAX_TEXT, "{}", long[0]);
    assert!(page("<a href=1>text</a>").links[0].text.is_none());
}

#[test]
fn a_bad_link_leaves_its_neighbours_alone() {
    let body =
        "<a href=1><a href=http://[h/><a href='http://h:port'><a href=http://><a href='//\0/'><a href=2>";
    assert_eq!(urls(body), ["http://h/d/1", "http://h/d/2"]);
    assert_eq!(page(body).ignored, 4);
}

#[test]
fn the_first_base_holds_for_all_links() {
    assert_eq!(
        urls("<a href=a><base target=x><base href=/b/><base href=/c/><a href=b>"),
        ["http://h/b/a", "http://h/b/b"]
    );
    assert_eq!(urls("<base href='//o/x&amp;/'><a href=a>"), ["http://o/x&/a"]);
    let broken = page("<base href=http://[><base href=/c/><a href=b>");
    assert_eq!((broken.links[0].url.as_str(), broken.base), ("http://h/d/b", None));
    assert_eq!(urls("<base href=data:,x><a href=b>"), ["http://h/d/b"]);
    assert_eq!(urls("<base href=' ///o/x/'><a href=a>"), ["http://o/x/a"]);
}

#[test]
fn the_better_of_two_roles() {
    let page = page("<img src=x><a rel=nofollow href=y><a href=./x><a href=y>");
    let roles: Vec<_> = page.links.iter().map(|l| (l.via.tag(), l.kind, l.nofollow)).collect();
    assert_eq!(roles, [("a", LinkKind::Navigation, false); 2]);
}

#[test]
fn headers_count_for_any_body() {
    let url = Url::parse("http://h/d/p").unwrap();
    let headers: &[(&str, &[u8])] = &[
        ("link", b"<x>; rel=next, <style.css>; rel=preload, <mailto:a>, </d/b/y>"),
        ("refresh", b"3; url=z"),
        ("x-robots-tag", b"noindex"),
        ("x-robots-tag", b"gannet: nofollow"),
    ];
    let found = |content_type, body: &str| {
        let source = Source { content_type, headers, robot: "gannet", ..Source::new(body.as_bytes(), &url) };
        assert_eq!(head(&source).robots, ["noindex", "nofollow"]);
        outlinks(&source)
    };
    let pdf = found(Some("application/pdf"), "%PDF <a href=no>");
    let links: Vec<_> = pdf.links.iter().map(|l| (l.url.path_and_query(), l.via.attr(), l.kind)).collect();
    let expected = [
        ("/d/x", "link", LinkKind::Navigation),
        ("/d/style.css", "link", LinkKind::Requisite),
        ("/d/b/y", "link", LinkKind::Other),
        ("/d/z", "refresh", LinkKind::Navigation),
    ];
    assert_eq!(links, expected);
    assert_eq!((pdf.ignored, pdf.nofollow), (1, true));
    // What `<base>` says is for the page alone.
    let html = found(Some("text/html"), "<base href=/d/b/><a href=y><a href=x>");
    let links: Vec<_> = html.links.iter().map(|l| (l.url.path_and_query(), l.via.tag())).collect();
    assert_eq!(
        links,
        [
            ("/d/x", "header"),
            ("/d/style.css", "header"),
            ("/d/b/y", "a"),
            ("/d/z", "header"),
            ("/d/b/x", "a")
        ]
    );
}

#[test]
fn style_sheets() {
    let sheet = |content_type, with_css| {
        let url = Url::parse("http://h/css/main.css").unwrap();
        let body = b"@import 'b.css'; a{b:url(../i.png), url(#x), url(data:,x)} c{d:url(../i.png)}";
        let source = Source { content_type: Some(content_type), with_css, ..Source::new(body, &url) };
        let page = outlinks(&source);
        page.links.iter().map(|l| (l.url.path_and_query().to_owned(), l.kind)).collect::<Vec<_>>()
    };
    let expected =
        [("/css/b.css".to_owned(), LinkKind::Requisite), ("/i.png".to_owned(), LinkKind::Requisite)];
    assert_eq!(sheet("Text/CSS; charset=utf-8", true), expected);
    assert_eq!(sheet("text/css", false), []);
    assert_eq!(sheet("text/plain", true), []);
    assert_eq!(
        urls("<base href=/b/><style>a{b:url(c)}</style><p style=d:url(e)>"),
        ["http://h/b/c", "http://h/b/e"]
    );
}

#[test]
fn sizes() {
    let long = "x".repeat(MAX_LINK_LEN);
    let page = page(&format!("<a href='{long}'><a href='{long}x'><a href=y>"));
    assert_eq!((page.links.len(), page.ignored), (1, 2)); // the first is too long once resolved
    let many: String = (0..10_000).map(|i| format!("<a href=/{i}>")).collect();
    assert_eq!(urls(&many).len(), 10_000);
    let heavy: String = (0..9_000).map(|i| format!("<a href={i}>")).collect();
    let heavy = format!("<base href='/{}/'>{heavy}", "x".repeat(8000));
    let bytes: usize = urls(&heavy).iter().map(String::len).sum();
    assert!((MAX_LINK_BYTES - MAX_LINK_LEN..=MAX_LINK_BYTES).contains(&bytes), "{bytes}");
}

#[test]
fn content_types() {
    let count = |content_type: Option<&str>, body: &str| {
        let url = Url::parse("http://h/").unwrap();
        outlinks(&Source { content_type, ..html(body.as_bytes(), &url) }).links.len()
    };
    for html in ["text/html", "TEXT/HTML;charset=x", "application/xhtml+xml", "text/html "] {
        assert_eq!(count(Some(html), "<a href=x>"), 1, "{html}");
    }
    for other in ["text/plain", "text/xml", "application/json", "image/svg+xml", "text/htmlx"] {
        assert_eq!(count(Some(other), "<a href=x>"), 0, "{other}");
    }
    for html in ["<a href=x>", "\u{feff} \n<!DOCTYPE HTML><a href=x>", "<!-- --><a href=x>", "<P><a href=x>"]
    {
        assert_eq!(count(None, html), 1, "{html}");
        assert_eq!(count(Some(""), html), 1, "{html}");
    }
    for other in ["x <a href=x>", "<abc><a href=x>", "", "<a"] {
        assert_eq!(count(None, other), 0, "{other}");
    }
}

/// Each would take hours: the base is copied for every link.
#[test]
fn a_long_base_costs_no_more() {
    let base = "b".repeat(1 << 20);
    let body = format!("<base href='/{base}/'>{}", "<a href=1><a href=../%2>".repeat(50_000));
    assert_eq!(urls(&body), ["http://h/d/1", "http://h/%2"]);
    let links = "<entry><link href='1'/></entry>".repeat(50_000);
    let feed = page(&format!("<feed xml:base='/{base}/'>{links}</feed>"));
    assert_eq!((feed.links.len(), feed.ignored), (0, 50_000));
}

#[test]
fn titles() {
    for (body, expected) in [
        ("<title> a\n b&amp;c </title>", Some("a b&c")),
        ("<meta><TITLE lang=en>a</title><title>b</title>", Some("a")),
        ("<title>a <b>&copy</title>", Some("a <b>\u{a9}")),
        ("<svg><title>no</title></svg><title>yes</title>", Some("yes")),
        ("<title></title>", None),
        ("<title>\u{e9}", Some("\u{e9}")),
        ("<!-- <title>a</title> -->", None),
        ("", None),
    ] {
        assert_eq!(title(body.as_bytes()).as_deref(), expected, "{body}");
        assert_eq!(page(body).title.as_deref(), expected, "{body}");
    }
    assert_eq!(title(b"<body><title>a</title>"), None);
}

#[test]
fn titles_are_cut_between_characters() {
    let long = page(&format!("<title>x{}</title>", "\u{e9}".repeat(1000))).title.unwrap();
    assert_eq!((long.len(), long.chars().count()), (1023, 512));
    assert_eq!(page(&format!("<title>{}", "x ".repeat(1 << 20))).title.map(|t| t.len()), Some(1023));
}

#[test]
fn a_page_of_a_generated_site() {
    let body = r##"<!doctype html><html><head><title>Page 1</title><link rel="stylesheet" href="/style.css">
        <link rel="canonical" href="/d1/p1.html"><script>var x = "<a href='/never.html'>no</a>";</script></head><body>
        <a href="/index.html">home</a> <a href="#top">top</a> <a href="mailto:a@example.org">mail</a>
        <a href="javascript:void(0)">js</a><a href="../d2/p2.html#s0" rel="next">x &amp; y</a>
        <!-- <a href="/commented.html">no</a> --></body></html>"##;
    let page = page(body);
    let of_kind = |kind: LinkKind| -> Vec<_> {
        page.links.iter().filter(|l| l.kind == kind).map(|l| l.url.path_and_query()).collect()
    };
    assert_eq!(of_kind(LinkKind::Navigation), ["/d1/p1.html", "/index.html", "/d2/p2.html"]);
    assert_eq!(of_kind(LinkKind::Requisite), ["/style.css"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn never_panics(body in prop::collection::vec(any::<u8>(), 0..200)) {
        outlinks(&html(&body, &Url::parse("http://h/").unwrap()));
        title(&body);
    }

    #[test]
    fn never_panics_on_tag_soup(
        pieces in prop::collection::vec(prop::sample::select(&scan::tests::PIECES[..]), 0..40),
    ) {
        let body = pieces.concat();
        let page = page(&body);
        prop_assert!(page.links.iter().all(|link| CrawlUrl::parse(link.url.as_str()).as_ref() == Ok(&link.url)));
        title(body.as_bytes());
    }

    #[test]
    fn what_stands_before_affects_no_link(link in "[ -~]{0,30}") {
        let quoted = link.replace('&', "&amp;").replace('"', "&quot;");
        let found = urls(&format!("<a href=\"{quoted}\"><a href=/last>"));
        prop_assert_eq!(found.last().map(String::as_str), Some("http://h/last"));
    }
}
