//! Style sheets.

use proptest::prelude::*;

use super::*;

fn urls(css: &str) -> Vec<String> {
    links(text(css.as_bytes())).into_iter().map(|(url, _)| url.into_owned()).collect()
}

#[test]
fn urls_in_all_forms() {
    for (css, expected) in [
        ("a{background:url(u)}", "u"),
        ("a{background: URL( \t\n u\n )}", "u"),
        ("url(\"u\")", "u"),
        ("url( 'u' )", "u"),
        ("url(u", "u"),
        ("url('u", "u"),
        ("url(  u  ", "u"),
        ("url(a/b?c=d&e#f)", "a/b?c=d&e#f"),
        ("\\75 rl(u)", "u"),
        ("\\55\\72\r\nL(u)", "u"),
        ("@font-face{src:url(u)format(\"woff2\"),local(\"v\")}", "u"),
        ("a{b:url(\"u\" foo(\"v\"))}", "u"),
        ("<!--url(u)-->", "u"),
        ("a{width:1.url(u)}", "u"),
        ("é{b:url(u)}", "u"),
        ("url(é)", "é"),
        ("url(a\0b)", "a\u{fffd}b"),
        ("@media print{a{b:url(u)}}", "u"),
    ] {
        assert_eq!(urls(css), [expected], "{css:?}");
    }
}

#[test]
fn what_is_no_url() {
    for css in [
        "",
        "url",
        "url()",
        "url('')",
        "url(  )",
        "curl(u)",
        "-url(u)",
        "--url(u)",
        "url-prefix(u)",
        "src(\"u\")",
        "#url(u)",
        "@url(u)",
        "1url(u)",
        "1.5url(u)",
        ".5url(u)",
        "1e3url(u)",
        "/* url(u) */",
        "/* url(u)",
        "a{content:\"url(u)\"}",
        "a{content:'url(u)}",
        "url(a b)",
        "url(a\"b)",
        "url(a'b)",
        "url(a(b)",
        "url(a\x01b)",
        "url(a\\\nb)",
        "url('a\nb)",
        "url(/* u */'v')",
        "@namespace url(u);",
        "@namespace svg \"u\";",
        "@charset \"u\";",
        "@media \"u\";",
        "type(\"u\")",
    ] {
        assert_eq!(urls(css), [""; 0], "{css:?}");
    }
}

#[test]
fn imports() {
    let via = |css: &str| links(text(css.as_bytes())).iter().map(|(_, via)| via.attr()).collect::<Vec<_>>();
    for css in
        ["@import \"u\";", "@IMPORT 'u' screen;", "@import/**/ url(u) supports(a: b)", "@\\69mport url('u')"]
    {
        assert_eq!((urls(css), via(css)), (vec!["u".to_owned()], vec!["import"]), "{css}");
    }
    assert_eq!(via("@import 'a';@import url(b);c{d:url(e)}"), ["import", "import", "url"]);
    for css in ["@import x \"u\"", "@import;\"u\"", "@imports \"u\"", "@import 1 \"u\"", "@import f() \"u\""]
    {
        assert_eq!(urls(css), [""; 0], "{css}");
    }
    assert_eq!(urls("@namespace url(a);b{c:url(d)}"), ["d"]);
}

#[test]
fn image_sets() {
    assert_eq!(
        urls("a{b:image-set(\"u\" 1x, url(v) 2x, 'w' type(\"image/avif\"))}c{content:\"x\"}"),
        ["u", "v", "w"]
    );
    assert_eq!(urls("-webkit-image-set('u' 1x) \"v\""), ["u"]);
    assert_eq!(urls("a{b:image-set('u'}c{content:'v'}"), ["u"], "an end that is missing is that of the rule");
}

#[test]
fn escapes() {
    for (css, expected) in [
        (r"url(a\26 b\)c)", "a&b)c"),
        (r#"url("a\"b\26c")"#, "a\"bɬ"),
        ("url('a\\\nb\\\r\nc')", "abc"),
        (r"url(\0\d800\110000 x)", "\u{fffd}\u{fffd}\u{fffd}x"),
        (r"url(\1234567)", "\u{fffd}7"),
        ("url(a\\", "a\u{fffd}"),
        ("url('a\\", "a"),
        (r"url(\é)", "é"),
    ] {
        assert_eq!(urls(css), [expected], "{css:?}");
    }
}

#[test]
fn a_bad_one_leaves_its_neighbours_alone() {
    assert_eq!(urls("a{b:url(c d)}e{f:url(g)}"), ["g"]);
    assert_eq!(urls(r"a{b:url(c\) d)}e{f:url(g)}"), ["g"]);
    assert_eq!(urls("a{b:url('c\n)}e{f:url(g)}"), ["g"]);
    assert_eq!(urls("a{b:'c\n}e{f:url(g)}"), ["g"]);
}

#[test]
fn bad_bytes_are_characters() {
    let found = links(text(b"url(a\xffb)"));
    assert_eq!(found[0].0, "a\u{fffd}b");
}

const PIECES: [&str; 40] = [
    "url(",
    "URL(",
    "url",
    "u",
    "\\75 rl(",
    ")",
    "(",
    "\"",
    "'",
    "\\",
    "\n",
    "\r\n",
    " ",
    "/*",
    "*/",
    "@import",
    "@namespace",
    "@",
    "#",
    "image-set(",
    "type(",
    ";",
    "{",
    "}",
    "a",
    "1",
    ".",
    "-",
    "--",
    "<!--",
    "-->",
    "+",
    "e3",
    "%",
    "é",
    "\0",
    "\u{1}",
    "\\26 ",
    ",",
    "1x",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn never_panics_on_soup(pieces in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..30)) {
        urls(&pieces.concat());
    }

    #[test]
    fn never_panics(css in "\\PC{0,40}") {
        urls(&css);
    }

    #[test]
    fn what_stands_before_affects_no_later_rule(pieces in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..10)) {
        // Closes whatever may be open: a string, a URL, a comment, an escape.
        let css = format!("{} \n*/\n\"\n'\n)\n)\n;x{{y:url(last)}}", pieces.concat());
        let found = urls(&css);
        prop_assert_eq!(found.last().map(String::as_str), Some("last"), "{}", css);
    }
}
