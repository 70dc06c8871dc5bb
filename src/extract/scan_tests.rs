//! What is a tag and what is not, case by case. The names of the groups are those of the tokenizer states.

use proptest::prelude::*;

use super::{Scanner, Token};

/// The tags of a page as `name attr=value …`, raw text in braces.
fn tags(input: &[u8]) -> Vec<String> {
    let mut scanner = Scanner::new(input);
    let mut tags = Vec::new();
    while let Some(tag) = scanner.next_tag() {
        let mut text = String::from_utf8_lossy(tag.name.as_bytes()).into_owned();
        for (name, value) in tag.attrs {
            text += &format!(" {}={}", String::from_utf8_lossy(name), String::from_utf8_lossy(value));
        }
        if !tag.text.is_empty() {
            text += &format!(" {{{}}}", String::from_utf8_lossy(tag.text));
        }
        tags.push(text);
    }
    tags
}

fn check(cases: &[(&str, &[&str])]) {
    for (input, expected) in cases {
        assert_eq!(tags(input.as_bytes()), *expected, "{input}");
    }
}

#[test]
fn tag_open() {
    check(&[
        ("a < b <3 <é> <> <<a>", &["a"]),
        ("<A><Br/><x-y.z>", &["a", "br", "x-y.z"]),
        ("<a<b>", &["a<b"]),
        ("<a/b>", &["a b="]),
        ("<a\nb><a\x0cb><a\rb>", &["a b=", "a b=", "a b="]),
        ("</a><a></><b></ x><c></3><i>", &["a", "b", "c", "i"]),
        ("</a x='>'><b>", &["b"]),
        ("<a-name-longer-than-any-other><b>", &["", "b"]),
        ("\u{feff}<a>", &["a"]),
    ]);
}

#[test]
fn comments() {
    check(&[
        ("<!-- <a> --><b>", &["b"]),
        ("<!--><b>-->", &["b"]),
        ("<!---><b>-->", &["b"]),
        ("<!----><b>", &["b"]),
        ("<!-----><b>", &["b"]),
        ("<!-- --!><b>", &["b"]),
        ("<!----!><b>", &["b"]),
        ("<!--!><a>--><b>", &["b"]),
        ("<!---!><a>--><b>", &["b"]),
        ("<!-- -- > <a> -->", &[]),
        ("<!-- <!--> <b>", &["b"]),
        ("<!-- - -> <a> ->", &[]),
        ("<!-- <a>", &[]),
        ("<!--", &[]),
    ]);
}

#[test]
fn bogus_comments_and_doctypes() {
    check(&[
        ("<!x <a> <b>", &["b"]),
        ("<!- <a> --><b>", &["b"]),
        ("<?xml version='1.0' ?><b>", &["b"]),
        ("<?x <a> ?><b>", &["b"]),
        ("</ x <a> <b>", &["b"]),
        ("<!><?><b>", &["b"]),
        ("<!DOCTYPE html PUBLIC \"a>b\"><b>", &["b"]),
        ("<![CDATA[ <a> ]]><b>", &["b"]),
        ("<![CDATA[ > <a> ]]><b>", &["a", "b"]),
    ]);
}

#[test]
fn attributes() {
    check(&[
        ("<a b=c d='e f' g=\"h>i\" j>", &["a b=c d=e f g=h>i j="]),
        ("<a b = c\n=\td>", &["a b=c == d="]),
        ("<a b='c'd=e>", &["a b=c d=e"]),
        ("<a b=\"c\"\"d\">", &["a b=c \"d\"="]),
        ("<a =b=c ==d>", &["a =b=c ==d"]),
        ("<a b=c/><a/b=c / d/>", &["a b=c/", "a b=c d="]),
        ("<a b=>c", &["a b="]),
        ("<a b= c=d>", &["a b=c=d"]),
        ("<a b=it's\"><i>", &["a b=it's\"", "i"]),
        ("<a 'b><i>", &["a 'b=", "i"]),
        ("<a B=1 b=2>", &["a B=1 b=2"]),
        ("<a b<c=d>", &["a b<c=d"]),
        ("<a b/=c>", &["a b= =c="]),
    ]);
}

#[test]
fn the_first_of_duplicates_counts_and_names_have_no_case() {
    let mut scanner = Scanner::new(b"<a hr\0ef=0 HREF=1 href=2 rel>");
    let picked = scanner.next_tag().unwrap().attrs.pick(["href", "rel", "title", ""]);
    assert_eq!(picked, [Some(&b"1"[..]), Some(&b""[..]), None, None]);
}

#[test]
fn the_end_of_the_page_within_a_tag() {
    for cut in
        ["<", "<a", "<a ", "<a b", "<a b=", "<a b=c", "<a b='c", "<a b='c'", "<a /", "</", "</a", "<!", "<?"]
    {
        check(&[(&format!("<i>{cut}"), &["i"])]);
    }
}

#[test]
fn raw_text() {
    check(&[
        ("<style><a></style><b>", &["style {<a>}", "b"]),
        ("<textarea><a></TEXTAREA ><b>", &["textarea {<a>}", "b"]),
        ("<title>a</titles></title/><b>", &["title {a</titles>}", "b"]),
        ("<title><!-- </title> --><b>", &["title {<!-- }", "b"]),
        ("<xmp></x><a></xmp><iframe></xmp></iframe><b>", &["xmp {</x><a>}", "iframe {</xmp>}", "b"]),
        ("<noembed><a></noembed><noframes><a></noframes><b>", &["noembed {<a>}", "noframes {<a>}", "b"]),
        ("<noscript><a></noscript><template><b></template>", &["noscript", "a", "template", "b"]),
        ("<style/><a></style>", &["style {<a>}"]),
        ("<title><a></title", &["title {<a></title}"]),
        ("<title><a>", &["title {<a>}"]),
        ("<title></title <b>", &["title"]),
        ("<plaintext></plaintext><a>", &["plaintext {</plaintext><a>}"]),
    ]);
}

#[test]
fn scripts() {
    check(&[
        ("<script>'<a>'</script><b>", &["script {'<a>'}", "b"]),
        ("<script></scripts></ script></script\n><b>", &["script {</scripts></ script>}", "b"]),
        ("<script><!-- </script><b>", &["script {<!-- }", "b"]),
        ("<script><!--<script></script><a></script><b>", &["script {<!--<script></script><a>}", "b"]),
        ("<script><!--<script>--></script><b>", &["script {<!--<script>-->}", "b"]),
        ("<script><!--><script></script><b>", &["script {<!--><script>}", "b"]),
        ("<script><!---><script></script><b>", &["script {<!---><script>}", "b"]),
        ("<script><!--<scripts></script><b>", &["script {<!--<scripts>}", "b"]),
        ("<script><!--<SCRIPT/</script </script/><b>", &["script {<!--<SCRIPT/</script }", "b"]),
        (
            "<script><!--<script></script><script></script>--></script><b>",
            &["script {<!--<script></script><script></script>-->}", "b"],
        ),
        ("<script><!--<script><a></script>", &["script {<!--<script><a></script>}"]),
        ("<script><script></script><b>", &["script {<script>}", "b"]),
    ]);
}

#[test]
fn foreign_content() {
    check(&[
        ("<svg><style/><a></svg><b>", &["svg", "style", "a", "b"]),
        ("<svg><title><style><a></style></title></svg>", &["svg", "title", "style {<a>}"]),
        ("<svg><title/><script/><b>", &["svg", "title", "script", "b"]),
        ("<svg><![CDATA[ > <a> ]]><b>", &["svg", "b"]),
        (
            "<svg><foreignObject><p><![CDATA[ > <a> ]]></foreignObject><![CDATA[><i>]]></svg>",
            &["svg", "foreignobject", "p", "a"],
        ),
        ("<svg/><style><a></style>", &["svg", "style {<a>}"]),
        ("<svg><p><style><a></style>", &["svg", "p", "style {<a>}"]),
        ("<div><svg></div><style><a></style>", &["div", "svg", "style {<a>}"]),
        ("<svg></p><style><a></style>", &["svg", "style {<a>}"]),
        (
            "<svg><font><style/><font size=1><style><a>",
            &["svg", "font", "style", "font size=1", "style {<a>}"],
        ),
        (
            "<math><mi><style><a></style></mi><style><a></style></math>",
            &["math", "mi", "style {<a>}", "style", "a"],
        ),
        (
            "<math><annotation-xml encoding=text/html><style><a></style>",
            &["math", "annotation-xml encoding=text/html", "style {<a>}"],
        ),
    ]);
}

/// Pieces whose combinations reach every state.
pub(crate) const PIECES: [&str; 56] = [
    "<",
    ">",
    "/",
    "=",
    "'",
    "\"",
    " ",
    "\n",
    "a",
    "x",
    "-",
    "--",
    "!",
    "?",
    "<a href=",
    "<a ",
    "<img src='",
    "</a>",
    "<!--",
    "-->",
    "--!>",
    "<!",
    "<script>",
    "</script>",
    "<script",
    "</script ",
    "<style>",
    "</style>",
    "<title>",
    "</title>",
    "<textarea>",
    "</textarea>",
    "<xmp>",
    "</xmp",
    "<svg>",
    "</svg>",
    "<math>",
    "<mi>",
    "<![CDATA[",
    "]]>",
    "<plaintext>",
    "&amp;",
    "&",
    "#",
    "\0",
    "é",
    "\r",
    "href",
    "=\"b\"",
    "</",
    "<svg/>",
    "<meta http-equiv=refresh content='1;",
    "<base href=",
    "<img srcset='a 1x,",
    "<foreignObject>",
    "<p>",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn never_panics(input in prop::collection::vec(any::<u8>(), 0..200)) {
        tags(&input);
    }

    #[test]
    fn never_panics_on_tag_soup(pieces in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..40)) {
        tags(pieces.concat().as_bytes());
    }

    /// Who reads texts and end tags too sees the same start tags.
    #[test]
    fn tokens_hold_the_tags(pieces in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..40)) {
        let page = pieces.concat();
        let (mut scanner, mut names, mut in_order) = (Scanner::new(page.as_bytes()), Vec::new(), Scanner::new(page.as_bytes()));
        while let Some(token) = scanner.next_token() {
            match token {
                Token::Start(tag) => names.push((tag.name.as_bytes().to_vec(), tag.text.to_vec())),
                Token::Text(text) => assert!(!text.is_empty()),
                Token::End(_) => {}
            }
        }
        let expected: Vec<_> = std::iter::from_fn(|| in_order.next_tag().map(|tag| (tag.name.as_bytes().to_vec(), tag.text.to_vec()))).collect();
        prop_assert_eq!(names, expected);
    }
}

#[test]
fn tokens_are_texts_and_tags() {
    let page = b"a < b<!-- x --> c<P class=d>e</p f><script>g</script></ h>1 <3 <4<? i >";
    let (mut scanner, mut told) = (Scanner::new(page), String::new());
    while let Some(token) = scanner.next_token() {
        match token {
            Token::Text(text) => told += &String::from_utf8_lossy(text),
            Token::Start(tag) => told += &format!("[{}]", String::from_utf8_lossy(tag.name.as_bytes())),
            Token::End(name) => told += &format!("[/{}]", String::from_utf8_lossy(name.as_bytes())),
        }
    }
    assert_eq!(told, "a < b c[p]e[/p][script][/]1 <3 <4");
}

#[test]
fn hostile_pages_take_linear_time() {
    let parts = [
        "<",
        "<!--",
        "<a <a ",
        "<a x='",
        "</scrip",
        "<script><!--<script></scrip",
        "<title></titl",
        "<svg>",
        "<svg></p>",
        "<!-- > ",
        "<svg><![CDATA[",
        "-",
        "<a a=\"\"",
        "</",
        "<a \"",
    ];
    for start in ["", "<a", "<script><!--", "<textarea>"] {
        for part in parts {
            // Quadratic, each of these would take minutes.
            tags((start.to_owned() + &part.repeat(1_000_000 / part.len())).as_bytes());
        }
    }
}
