//! Documents as they are found: what is read of them, and what breaks them not.

use proptest::prelude::*;

use super::super::{Link, Page, Source, outlinks, sitemap, url_list};
use super::*;

fn page(body: &str) -> Option<Page> {
    bytes(body.as_bytes())
}

fn bytes(body: &[u8]) -> Option<Page> {
    let url = Url::parse("http://h/d/map.xml").unwrap();
    sitemap(&Source::new(body, &url))
}

/// The links as `tag kind URL lastmod`.
fn shown(links: &[Link]) -> Vec<String> {
    let show = |link: &Link| {
        let kind = match link.kind {
            LinkKind::Navigation => "",
            _ => " (part)",
        };
        let lastmod = link.lastmod.as_deref().map(|date| format!(" {date}")).unwrap_or_default();
        format!("{}{kind} {}{lastmod}", link.via.tag(), link.url)
    };
    links.iter().map(show).collect()
}

fn links(body: &str) -> Vec<String> {
    shown(&page(body).unwrap_or_else(|| panic!("not recognised: {body}")).links)
}

fn locs(body: &[u8]) -> Vec<String> {
    bytes(body).map(|page| page.links.iter().map(|link| link.url.to_string()).collect()).unwrap_or_default()
}

#[test]
fn a_sitemap() {
    let body = "\n<?xml version='1.0'?><!-- c --><urlset xmlns='wrong' xmlns:image='i' xmlns:xhtml='x'>
        <url><loc> http://h/a?x=1&amp;y </loc><lastmod>2020-01-02</lastmod><changefreq>daily</changefreq></url>
        <url><lastmod> 2021 </lastmod><loc><![CDATA[/b&c]]></loc>
          <image:image><image:loc>/i.png</image:loc><image:lastmod>1999</image:lastmod></image:image>
          <video:video><video:thumbnail_loc>/t.png</video:thumbnail_loc><video:player_loc>/p</video:player_loc></video:video>
          <xhtml:link rel='alternate' hreflang='de' href='/de'/><xhtml:link rel=alternate hreflang='x'/></url>
        <URL><LOC>c</LOC><lastmod/></URL></urlset>";
    let expected = [
        "sitemap http://h/a?x=1&y 2020-01-02",
        "sitemap http://h/b&c 2021",
        "sitemap (part) http://h/i.png",
        "sitemap (part) http://h/t.png",
        "link http://h/de",
        "sitemap http://h/d/c",
    ];
    assert_eq!(links(body), expected);
}

#[test]
fn an_index() {
    let body =
        "<sm:sitemapindex><sm:sitemap><sm:loc>/a.xml.gz</sm:loc><sm:lastmod>2020</sm:lastmod></sm:sitemap>
        <sitemap><loc>//o/b.xml</loc></sitemap><loc>bare</loc></sm:sitemapindex>";
    let expected = [
        "sitemapindex http://h/a.xml.gz 2020",
        "sitemapindex http://o/b.xml",
        "sitemapindex http://h/d/bare",
    ];
    assert_eq!(links(body), expected);
    // Who writes a `sitemap` into a `urlset` means it.
    let mixed = "<urlset><sitemap><loc>/a</loc></sitemap><url><loc>/b</loc></url></urlset>";
    assert_eq!(links(mixed), ["sitemapindex http://h/a", "sitemap http://h/b"]);
}

#[test]
fn rss() {
    let body = "<rss version='2.0'><channel><title>t</title><link>http://h/home</link><atom:link rel='self' href='/feed'/>
        <atom:link rel='next' href='/feed?p=2'/><image><url>/logo</url><link>http://h/logo</link></image>
        <item><title/><link>http://h/1</link><guid>http://h/g1</guid><pubDate>Wed, 02 Oct 2002 13:00:00 GMT</pubDate></item>
        <item><guid isPermaLink='true'>http://h/g2</guid><enclosure url='/2.mp3' length='1'/><dc:date>2003</dc:date></item>
        <item><guid isPermaLink='false'>id</guid><source url='/s'>S</source><link><![CDATA[http://h/3]]></link></item>
        <item><media:content url='/m'><media:link href='/quoted'/></media:content><atom:link href='/4'/></item>
        </channel></rss>";
    let expected = [
        "rss http://h/feed?p=2",
        "rss http://h/1 Wed, 02 Oct 2002 13:00:00 GMT",
        "rss (part) http://h/2.mp3",
        "rss http://h/g2 2003",
        "rss http://h/3",
        "rss http://h/4",
    ];
    assert_eq!(links(body), expected);
    let rdf = "<rdf:RDF><channel rdf:about='x'><link>http://h/</link></channel><item rdf:about='y'><link>/1</link></item></rdf:RDF>";
    assert_eq!(links(rdf), ["rss http://h/1"]);
}

#[test]
fn atom() {
    let body = "<feed xmlns='a' xml:base='/blog/'><link href='.'/><link rel='next' href='?p=2'/><updated>1999</updated>
        <entry><link href='1'/><link rel='edit' href='e'/><link rel='enclosure' href='1.mp3'/><updated>2020</updated></entry>
        <entry xml:base='sub/'><link rel='http://www.iana.org/assignments/relation/alternate' href='2?a&amp;b'/><link href='3' xml:base='///o/'/>
          <source><link href='quoted'/><updated>1</updated></source><published>2</published></entry></feed>";
    let expected = [
        "atom http://h/blog/?p=2",
        "atom http://h/blog/1 2020",
        "atom (part) http://h/blog/1.mp3",
        "atom http://h/blog/sub/2?a&b",
        "atom http://o/3",
    ];
    assert_eq!(links(body), expected);
}

#[test]
fn the_root_decides_and_not_the_type() {
    let url = Url::parse("http://h/").unwrap();
    let body = "<!doctype urlset><urlset><url><loc>/a</loc></url></urlset>";
    for content_type in [None, Some("text/html"), Some("text/xml"), Some("application/octet-stream")] {
        let source = Source { content_type, ..Source::new(body.as_bytes(), &url) };
        assert_eq!(shown(&outlinks(&source).links), ["sitemap http://h/a"], "{content_type:?}");
    }
    for other in
        ["", "x<urlset>", "<url>&k;", "<html><urlset>", "</urlset><urlset>", "{}", "<urlset", "<svg/>"]
    {
        assert!(page(other).is_none(), "{other}");
    }
}

#[test]
fn other_encodings() {
    let body = "<urlset><url><loc>http://h/\u{e9}?q=\u{e9}</loc></url></urlset>";
    let expected = ["http://h/%C3%A9?q=%C3%A9"];
    let utf_16: Vec<u8> = format!("\u{feff}{body}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(locs(&utf_16), expected);
    let latin = format!("<?xml version='1.0' encoding='iso-8859-1'?>{body}");
    let latin: Vec<u8> = latin.chars().map(|c| c as u8).collect();
    assert_eq!(locs(&latin), expected);
    assert_eq!(locs(body.as_bytes()), expected);
}

#[test]
fn what_is_broken_affects_nothing_else() {
    // Mismatched and missing end tags, a second root, text between, a date that is none, an empty loc.
    let body = "<urlset><url><loc>/1</Loc></ur><url><loc>/2<lastmod>2020</lastmod><url>x<loc>/3</loc></urlset>
        <url><loc></loc><loc>/4</loc></url><urlset><url><loc>/5</loc><lastmod>this is much longer than any date could be</lastmod>";
    let expected = [
        "sitemap http://h/1",
        "sitemap http://h/2 2020",
        "sitemap http://h/3",
        "sitemap http://h/4",
        "sitemap http://h/5",
    ];
    assert_eq!(links(body), expected);
    assert_eq!(
        locs(b"<urlset><url><loc>/\xff\xfe</loc></url><url><loc>/2</loc>"),
        ["http://h/%EF%BF%BD%EF%BF%BD", "http://h/2"]
    );
}

#[test]
fn entities_do_not_expand() {
    let lol = "<?xml version='1.0'?><!DOCTYPE lolz [<!ENTITY lol 'lol'><!ENTITY lol2 '&lol;&lol;&lol;'>]>\
        <urlset><url><loc>http://h/&lol2;x</loc></url></urlset>";
    assert_eq!(links(lol), ["sitemap http://h/x"]);
}

#[test]
fn what_is_cut_off_anywhere_keeps_what_came_before() {
    let entry = |n: u32| format!("<url><loc>http://h/{n}?a&amp;b</loc><lastmod>20{n}</lastmod></url>\n");
    let map: String = (10..20).map(entry).collect();
    let atom: String =
        (10..20).map(|n| format!("<entry><link href='/{n}'/><updated>{n}</updated></entry>")).collect();
    let rss: String = (10..20).map(|n| format!("<item><guid>/{n}</guid></item>")).collect();
    for body in
        [format!("<urlset>{map}</urlset>"), format!("<feed>{atom}</feed>"), format!("<rss>{rss}</rss>")]
    {
        let whole = locs(body.as_bytes());
        assert_eq!(whole.len(), 10);
        for cut in 0..body.len() {
            let found = locs(&body.as_bytes()[..cut]);
            assert_eq!(found, whole[..found.len()], "at {cut}");
        }
    }
}

#[test]
fn a_list_of_lines() {
    let url = Url::parse("http://h/d/map.txt").unwrap();
    let list = |body: &str| {
        let source = Source { content_type: Some("text/plain"), ..Source::new(body.as_bytes(), &url) };
        shown(&url_list(&source).links)
    };
    let found = ["sitemap http://h/a", "sitemap https://o/b?x&y"];
    assert_eq!(list("\u{feff}http://h/a\r\n\n  HTTPS://o/b?x&y \n# no\nnot a URL\nhttp://h/a"), found);
    assert!(
        list("").is_empty() && list("Not found").is_empty() && list("{\"url\": \"http://h/\"}").is_empty()
    );
}

#[test]
fn limits() {
    let many: String = (0..MAX_SITEMAP_LINKS + 10).map(|n| format!("<loc>{n}</loc>")).collect();
    assert_eq!(page(&format!("<urlset>{many}")).unwrap().links.len(), MAX_SITEMAP_LINKS);
    // Images count for themselves.
    let images: String =
        (0..MAX_SITEMAP_LINKS + 10).map(|n| format!("<image><loc>i{n}</loc></image>")).collect();
    let page = page(&format!("<urlset><url>{images}</url><url><loc>x</loc></url>")).unwrap();
    assert_eq!((page.links.len(), page.ignored), (MAX_SITEMAP_LINKS + 1, 10));
    let long = "x".repeat(MAX_LINK_LEN);
    assert_eq!(
        locs(
            format!("<urlset><loc>/{long}</loc><loc>{}</loc><loc>/a</loc>", "&#120;".repeat(20_000))
                .as_bytes()
        ),
        ["http://h/a"]
    );
}

#[test]
fn linear_whatever_is_repeated() {
    for piece in PIECES.iter().chain(&["]  ", "<", "<a ", "<a x='", "</"]) {
        let body = format!("<urlset><url><loc>{}", piece.repeat(300_000 / piece.len()));
        bytes(body.as_bytes());
        bytes(body.replace("urlset", "rss").as_bytes());
        bytes(format!("<!DOCTYPE x [{}", &body[8..]).as_bytes());
    }
}

/// What documents are made of.
const PIECES: [&str; 40] = [
    "<urlset>",
    "</urlset>",
    "<sitemapindex>",
    "<rss>",
    "<feed xml:base='/b/'>",
    "<url>",
    "</url>",
    "<sitemap>",
    "</sitemap>",
    "<item>",
    "</item>",
    "<entry xml:base='c/'>",
    "</entry>",
    "<loc>",
    "</loc>",
    "<loc/>",
    "<link>",
    "</link>",
    "<link href='/x' rel='alternate'/>",
    "<guid>",
    "</guid>",
    "<enclosure url='/e'/>",
    "<lastmod>",
    "</lastmod>",
    "<updated>",
    "<image:image>",
    "</image:image>",
    "<source>",
    "</source>",
    "http://h/a",
    "b?c&amp;d",
    "&#38;",
    "&x;",
    "&",
    "<!--",
    "-->",
    "<![CDATA[",
    "]]>",
    "<!DOCTYPE x [",
    "<?x ",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn never_panics(body in prop::collection::vec(any::<u8>(), 0..200)) {
        bytes(&body);
        bytes(&[b"<urlset><loc>", &body[..]].concat());
        lines(&body);
    }

    #[test]
    fn any_pieces_give_a_prefix_when_cut(
        pieces in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..40),
        cut in any::<prop::sample::Index>(),
    ) {
        let body = format!("<urlset>{}", pieces.concat());
        let whole = locs(body.as_bytes());
        let part = locs(&body.as_bytes()[..cut.index(body.len())]);
        prop_assert_eq!(&part[..], &whole[..part.len().min(whole.len())]);
    }
}
