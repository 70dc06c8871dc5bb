//! What each kind of text says of its encoding, what a text that says nothing is taken for, and that links and titles
//! come out right in all of them.

use encoding_rs::{
    BIG5, EUC_JP, EUC_KR, GBK, ISO_2022_JP, KOI8_R, KOI8_U, SHIFT_JIS, WINDOWS_1251, WINDOWS_1253,
};
use proptest::prelude::*;
use url::Url;

use super::super::{Page, Source, head, outlinks};
use super::*;

/// The names of the Encoding Standard, but for `replacement`, which no text can be written in.
const ALL: [&str; 39] = [
    "UTF-8",
    "IBM866",
    "ISO-8859-2",
    "ISO-8859-3",
    "ISO-8859-4",
    "ISO-8859-5",
    "ISO-8859-6",
    "ISO-8859-7",
    "ISO-8859-8",
    "ISO-8859-8-I",
    "ISO-8859-10",
    "ISO-8859-13",
    "ISO-8859-14",
    "ISO-8859-15",
    "ISO-8859-16",
    "KOI8-R",
    "KOI8-U",
    "macintosh",
    "windows-874",
    "windows-1250",
    "windows-1251",
    "windows-1252",
    "windows-1253",
    "windows-1254",
    "windows-1255",
    "windows-1256",
    "windows-1257",
    "windows-1258",
    "x-mac-cyrillic",
    "GBK",
    "gb18030",
    "Big5",
    "EUC-JP",
    "ISO-2022-JP",
    "Shift_JIS",
    "EUC-KR",
    "UTF-16BE",
    "UTF-16LE",
    "x-user-defined",
];

fn named(name: &str) -> &'static Encoding {
    label(name).unwrap()
}

/// A text in an encoding; what it has not becomes a character reference.
fn written(encoding: &'static Encoding, text: &str) -> Vec<u8> {
    match encoding.name() {
        "UTF-16LE" => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        "UTF-16BE" => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        _ => encoding.encode(text).0.into_owned(),
    }
}

fn read(charset: Option<&str>, body: &[u8]) -> Page {
    let url = Url::parse("http://example.org/d/").unwrap();
    outlinks(&Source { content_type: Some("text/html"), charset, ..Source::new(body, &url) })
}

#[test]
fn what_comes_first_counts() {
    let page = b"<meta charset=koi8-r>\xc1";
    assert_eq!(sniff(Some("windows-1251"), page, None), WINDOWS_1251);
    assert_eq!(sniff(Some("bogus"), page, None), KOI8_R);
    assert_eq!(sniff(None, page, None), KOI8_R);
    assert_eq!(sniff(Some(" CP1251 "), &[b"\xef\xbb\xbf", &page[..]].concat(), None), UTF_8);
    assert_eq!(sniff(Some("utf-8"), b"\xff\xfe<\0", None), UTF_16LE);
    assert_eq!(sniff(Some("utf-8"), b"\xfe\xff\0<", None), UTF_16BE);
    assert_eq!(sniff(Some("utf-16"), b"<\0", None), UTF_16LE);
}

#[test]
fn pages_declare() {
    let long = format!("<!--{}--><meta charset=koi8-r>", "x".repeat(2000));
    for (page, expected) in [
        ("<meta charset=koi8-r>", Some("KOI8-R")),
        ("<META/CHARSET = 'KOI8-R' >", Some("KOI8-R")),
        ("<meta charset=utf-16le>", Some("UTF-8")),
        ("<meta charset=x-user-defined>", Some("windows-1252")),
        ("<meta content='a; charset charset = \"koi8-r\"' http-equiv=content-type>", Some("KOI8-R")),
        ("<meta http-equiv=content-type content='charset=koi8-r;x'>", Some("KOI8-R")),
        ("<meta http-equiv=content-type content=charset=bogus charset=koi8-r>", Some("KOI8-R")),
        ("<meta content=charset=koi8-r>", None),
        ("<meta http-equiv=x http-equiv=content-type content=charset=koi8-r>", None),
        ("<!--><meta charset=koi8-r>", Some("KOI8-R")),
        ("<!-- ><meta charset=gbk>--><meta charset=koi8-r>", Some("KOI8-R")),
        ("<?x <meta charset=gbk><!x <meta charset=gbk></!x <meta charset=gbk>", None),
        ("<a x='<meta charset=gbk>'></a y=\"<meta charset=gbk>\"><meta charset=koi8-r>", Some("KOI8-R")),
        ("<script>'<meta charset=koi8-r>'</script>", Some("KOI8-R")),
        ("<?xml version='1.0' encoding='koi8-r'?><p>", Some("KOI8-R")),
        ("<?xml encoding='koi8-r'?><meta charset=gbk>", Some("GBK")),
        (&long, Some("KOI8-R")),
        (&long.replace("<meta", "<script><meta"), None),
        (&long.replace("<meta", "<body><meta"), None),
        (&long.replace("<meta", "<meta charset=bogus><meta"), Some("KOI8-R")),
        (&long.replace("charset=", "http-equiv=content-type content=charset="), Some("KOI8-R")),
        (&long.replace("charset=", "content=charset="), None),
        ("", None),
    ] {
        assert_eq!(declared(page.as_bytes()).map(Encoding::name), expected, "{page}");
    }
    assert_eq!(declared(b"<\0?\0x\0"), Some(UTF_16LE));
    assert_eq!(declared(b"\0<\0?\0x"), Some(UTF_16BE));
}

#[test]
fn xml_declares() {
    for (document, expected) in [
        ("<?xml version=\"1.0\" encoding=\"Shift_JIS\"?><a/>", "Shift_JIS"),
        ("<?xml version='1.0' encoding \n= 'windows-1251' ?>", "windows-1251"),
        ("<?xml version='1.0' encoding='UTF-16'?>", "UTF-8"),
        ("<?xml version='1.0' encoding='koi8-r?>", "UTF-8"),
        ("<?xml version='1.0' encoding=' koi8-r'?>", "UTF-8"),
        ("<?xml version='1.0' encoding=koi8-r?>", "UTF-8"),
        ("<?xml version='1.0' encoding='koi8-r'", "UTF-8"),
        (" <?xml version='1.0' encoding='koi8-r'?>", "UTF-8"),
        ("<a><meta charset='koi8-r'/></a>", "UTF-8"),
    ] {
        assert_eq!(sniff_xml(None, document.as_bytes()).name(), expected, "{document}");
    }
    let document = b"<?xml version='1.0' encoding='koi8-r'?>";
    assert_eq!(sniff_xml(Some("gbk"), document), GBK);
    assert_eq!(sniff_xml(None, b"<\0?\0x\0m\0l\0"), UTF_16LE);
    assert_eq!(sniff_xml(None, b"<a>\xe9\xe8</a>"), UTF_8);
}

#[test]
fn style_sheets_declare() {
    for (sheet, expected) in [
        ("@charset \"koi8-r\";a{}", "KOI8-R"),
        ("@charset \"utf-16le\";", "UTF-8"),
        ("@charset 'koi8-r';", "UTF-8"),
        ("@CHARSET \"koi8-r\";", "UTF-8"),
        ("@charset  \"koi8-r\";", "UTF-8"),
        ("@charset \"koi8-r\" ;", "UTF-8"),
        ("@charset \"koi8-r", "UTF-8"),
        (" @charset \"koi8-r\";", "UTF-8"),
    ] {
        assert_eq!(sniff_css(None, sheet.as_bytes()).name(), expected, "{sheet}");
    }
    assert_eq!(sniff_css(Some("gbk"), b"@charset \"koi8-r\";"), GBK);
    assert_eq!(sniff_css(Some("gbk"), b"\xef\xbb\xbf@charset \"koi8-r\";"), UTF_8);
}

#[test]
fn the_content_type_says_where_to_look() {
    let body = b"<?xml version='1.0' encoding='koi8-r'?><html><meta charset=gbk>";
    let of = |content_type| of(content_type, None, body, None).map(Encoding::name);
    for (content_type, expected) in [
        (Some("text/html"), Some("GBK")),
        (Some("Text/HTML ; charset=x"), Some("GBK")),
        (Some("application/xhtml+xml"), Some("KOI8-R")),
        (Some("text/xml"), Some("KOI8-R")),
        (Some("application/rss+xml"), Some("KOI8-R")),
        (Some("text/plain"), Some("UTF-8")),
        (Some("text/css"), Some("UTF-8")),
        (Some("image/png"), None),
        (Some("application/json"), None),
        (None, None),
    ] {
        assert_eq!(of(content_type), expected, "{content_type:?}");
    }
    assert_eq!(super::of(None, None, b"<html><meta charset=gbk>", None), Some(GBK));
    let archive = b"\x1f\x8b\x08\x00\xe4\xe0";
    assert_eq!(super::of(Some("text/plain"), None, archive, None), None);
    assert_eq!(super::of(Some("text/plain"), Some("gbk"), archive, None), Some(GBK));
    assert_eq!(super::of(Some("text/html"), None, b"", None), None);
    assert_eq!(super::of(Some("text/html"), Some("gbk"), b"", None), Some(GBK));
}

#[test]
fn what_says_nothing_is_detected() {
    let samples = [
        (SHIFT_JIS, "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。"),
        (EUC_JP, "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。"),
        (ISO_2022_JP, "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。"),
        (GBK, "道可道，非常道；名可名，非常名。无名天地之始，有名万物之母。"),
        (BIG5, "道可道，非常道；名可名，非常名。無名天地之始，有名萬物之母。"),
        (EUC_KR, "모든 국민은 법 앞에 평등하다. 누구든지 성별에 의하여 차별을 받지 아니한다."),
        (
            WINDOWS_1251,
            "Все счастливые семьи похожи друг на друга, каждая несчастливая семья несчастлива по-своему.",
        ),
        (
            KOI8_U, // which has all letters of KOI8-R
            "Все счастливые семьи похожи друг на друга, каждая несчастливая семья несчастлива по-своему.",
        ),
        (WINDOWS_1252, "Où sont les neiges d’antan ? Voilà ce que dit l’été passé, déjà loin."),
        (WINDOWS_1253, "Άνδρα μοι έννεπε, Μούσα, πολύτροπον, ος μάλα πολλά πλάγχθη."),
        (UTF_8, "Все счастливые семьи похожи друг на друга."),
    ];
    for (encoding, text) in samples {
        let padding = "<!-- ascii -->".repeat(10_000);
        for page in [format!("<title>{text}</title>"), format!("{padding}<title>{text}</title>{padding}")] {
            let found = sniff(None, &written(encoding, &page), Some("example.com"));
            assert_eq!(found.name(), encoding.name(), "{text}");
        }
    }
}

#[test]
fn a_cut_page_is_still_utf_8() {
    assert_eq!(sniff(None, "<p>né né".as_bytes().split_last().unwrap().1, None), UTF_8);
    assert_eq!(sniff(None, "<p>né n\u{e9}".as_bytes().split_last().unwrap().1, None), UTF_8);
    assert_ne!(sniff(None, b"<p>n\xe9", None), UTF_8);
    let long = "é".repeat(PREFIX);
    assert_eq!(sniff(None, long.as_bytes(), None), UTF_8);
    assert_eq!(sniff(None, &[b"x", long.as_bytes()].concat(), None), UTF_8);
    assert_eq!(sniff(None, b"\x1b[0m ascii with colours", None), UTF_8);
}

#[test]
fn the_host_is_a_hint() {
    let page = b"<p>\x91quoted\x92"; // the same in many
    assert_eq!(sniff(None, page, Some("example.ru")), WINDOWS_1251);
    assert_eq!(sniff(None, page, Some("example.com")), WINDOWS_1252);
    for host in ["127.0.0.1", "[::1]", "", ".", "EXAMPLE", "a.b\u{e9}", "x.xn--p1ai", "example.ru."] {
        sniff(None, page, Some(host));
    }
}

#[test]
fn titles_and_queries_in_each_encoding() {
    for (name, text, query) in [
        ("Shift_JIS", "ソ表構能", "%83\\%95\\%8D\\%94\\"),
        ("EUC-JP", "日本", "%C6%FC%CB%DC"),
        ("ISO-2022-JP", "日本", "%1B$BF|K\\%1B(B"),
        ("GBK", "中国", "%D6%D0%B9%FA"),
        ("gb18030", "中ḿ", "%D6%D0%A8%BC"),
        ("Big5", "功許", "%A5\\%B3\\"),
        ("EUC-KR", "한국", "%C7%D1%B1%B9"),
        ("windows-1251", "Привет", "%CF%F0%E8%E2%E5%F2"),
        ("KOI8-R", "Привет", "%F0%D2%C9%D7%C5%D4"),
        ("windows-1252", "café €", "caf%E9%20%80"),
        ("ISO-8859-1", "café €", "caf%E9%20%80"),
        ("UTF-8", "café", "caf%C3%A9"),
        ("UTF-16LE", "café", "caf%C3%A9"),
        ("UTF-16BE", "café", "caf%C3%A9"),
    ] {
        let page = format!("<title>{text}</title><a href='/{text}?q={text}'>x</a><a href=/last>");
        let encoding = named(name);
        let read = read(Some(name), &written(encoding, &page));
        assert_eq!((read.title.as_deref(), read.charset), (Some(text), Some(encoding)), "{name}");
        let path = Url::parse(&format!("http://example.org/{text}")).unwrap();
        let links: Vec<_> = read.links.iter().map(|link| link.url.as_str()).collect();
        let expected = format!("{path}?q={query}");
        assert_eq!(links, [expected.as_str(), "http://example.org/last"], "{name}");
    }
}

#[test]
fn a_byte_order_mark_is_enough() {
    for (mark, name) in
        [(&b"\xff\xfe"[..], "UTF-16LE"), (b"\xfe\xff", "UTF-16BE"), (b"\xef\xbb\xbf", "UTF-8")]
    {
        let body = [mark, &written(named(name), "<title>日本</title><a href=x>")].concat();
        let page = read(Some("windows-1252"), &body);
        assert_eq!((page.title.as_deref(), page.links.len()), (Some("日本"), 1), "{name}");
    }
}

#[test]
fn what_an_encoding_has_not_is_a_reference_in_queries() {
    let page = read(
        Some("windows-1251"),
        b"<base href='/b/?\xcf'><a href='?a=&hearts;&amp;b=&#1055;#&hearts;'><a href=''>",
    );
    let links: Vec<_> = page.links.iter().map(|link| link.url.as_str()).collect();
    assert_eq!(links, ["http://example.org/b/?a=%26%239829%3B&b=%CF", "http://example.org/b/?%CF"]);
}

#[test]
fn heads_are_read_in_the_same_charset() {
    let url = Url::parse("http://example.org/").unwrap();
    let body = written(SHIFT_JIS, &format!("<meta charset=sjis><title>表</title>{}", "表".repeat(PREFIX)));
    let page = head(&Source { content_type: Some("text/html"), charset: None, ..Source::new(&body, &url) });
    assert_eq!((page.title.as_deref(), page.charset), (Some("表"), Some(SHIFT_JIS)));
    let text =
        head(&Source { content_type: Some("text/plain"), charset: Some("sjis"), ..Source::new(&body, &url) });
    assert_eq!((text.title, text.charset), (None, Some(SHIFT_JIS)));
}

fn any_text() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..20),
        prop::sample::select(
            &[
                "<meta ",
                "charset",
                "=",
                "'",
                "\"",
                "http-equiv",
                "content-type",
                "content",
                ">",
                "<",
                "<!--",
                "-->",
                "<?xml",
                "encoding",
                " ",
                "koi8-r",
                "utf-16",
                "@charset \"",
                "\";",
                "\u{1b}$B",
                "\u{1b}(B",
                "</",
                "<!",
                "/",
                "<a href=x?",
            ][..]
        )
        .prop_map(|piece| piece.as_bytes().to_vec()),
    ];
    prop::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn any_bytes_with_any_label(
        body in any_text(),
        charset in prop::option::of(prop_oneof!["[ -~]{0,12}", prop::sample::select(&ALL[..]).prop_map(str::to_owned)]),
        content_type in prop::sample::select(&["text/html", "text/xml", "text/css", "text/plain", "image/png", ""][..]),
        host in "([a-zA-Z0-9.\u{e9}:-]{0,8}|example\\.(ru|jp|cn|gr|com))",
    ) {
        let found = of(Some(content_type), charset.as_deref(), &body, Some(&host));
        if let Some(encoding) = found {
            let again = of(Some(content_type), Some(encoding.name()), &body, Some(&host));
            prop_assert_eq!(again, found, "asked again");
            // Not the other way round: an escape of ISO-2022-JP is no letter.
            prop_assert!(to_utf8(encoding, &body).is_empty() || !body.is_empty());
        }
        let Ok(url) = Url::parse(&format!("http://{host}/")) else { return Ok(()) };
        let found = of(Some(content_type), charset.as_deref(), &body, url.host_str());
        let source = Source { content_type: Some(content_type), charset: charset.as_deref(), ..Source::new(&body, &url) };
        prop_assert_eq!(outlinks(&source).charset, found);
        prop_assert_eq!(head(&source).charset, found);
    }

    #[test]
    fn ascii_links_are_the_same_in_all(
        name in prop::sample::select(&ALL[..]),
        texts in prop::collection::vec("[a-zé日本ñЖ한 ]{0,6}", 0..6),
        links in prop::collection::vec("[a-z/?&=.#]{0,8}", 0..6),
    ) {
        let page: String =
            texts.iter().zip(&links).map(|(text, link)| format!("<p>{text}<a href=\"{link}\" title='{text}'>{text}</a>")).collect();
        let encoding = named(name);
        let urls = |page: Page| page.links.into_iter().map(|link| link.url).collect::<Vec<_>>();
        let expected = urls(read(Some("utf-8"), page.as_bytes()));
        prop_assert_eq!(urls(read(Some(name), &written(encoding, &page))), expected);
    }
}
