//! Pages as a site has them, from a fixed seed: 21 KB and 60 links each, of which nearly all lead to other pages of the
//! site, in prose, with the marks that make scanning hard (a link in a comment, one in a script, `>` in a value).
//!
//! Made here and not read from a disk, so that anybody measures the same bytes.

#![allow(dead_code, reason = "no benchmark needs all of it")]

use std::fmt::Write as _;

use fastrand::Rng;

/// Where the site is.
pub const ORIGIN: &str = "http://127.0.0.1:8700";

/// `<a href>`, `<link href>` of each page, as a browser counts them: those that lead nowhere included.
pub const LINKS: usize = 60;

/// Pages of the site; links lead to any of them.
const PAGES: usize = 20_000;

/// Links in the head and the navigation of each page.
const FRAME: usize = 6;

const WORDS: [&str; 24] = [
    "lorem",
    "ipsum",
    "dolor",
    "sit",
    "amet",
    "consectetur",
    "adipiscing",
    "elit",
    "sed",
    "do",
    "eiusmod",
    "tempor",
    "incididunt",
    "ut",
    "labore",
    "et",
    "dolore",
    "magna",
    "aliqua",
    "enim",
    "minim",
    "veniam",
    "exercitation",
    "reprehenderit",
];

/// Some of the pages.
pub fn pages(count: usize) -> Vec<String> {
    (0..count).map(page).collect()
}

/// Where page `nth` is.
pub fn path(nth: usize) -> String {
    format!("/d{}/p{nth}.html", nth % 100)
}

fn page(nth: usize) -> String {
    let mut rng = Rng::with_seed(nth as u64);
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Page {nth}</title>\
         <link rel=\"stylesheet\" href=\"/style.css\"><link rel=\"canonical\" href=\"{}\">\
         <script>var x = \"<a href='/never.html'>no</a>\";</script></head><body>\
         <nav><a href=\"/index.html\">home</a> <a href=\"#top\">top</a> \
         <a href=\"mailto:a@example.org\" title=\"a > b\">mail</a> <a href=\"javascript:void(0)\">js</a></nav>\n",
        path(nth),
    );
    for at in 0..LINKS - FRAME {
        section(&mut page, &mut rng, at);
    }
    page.push_str("<!-- <a href=\"/commented.html\">no</a> --></body></html>");
    page
}

/// A paragraph with a link.
fn section(page: &mut String, rng: &mut Rng, at: usize) {
    let _ = write!(page, "<div class=\"c{at}\" id=\"s{at}\"><p>");
    let start = page.len();
    while page.len() < start + 260 {
        page.push_str(WORDS[rng.usize(..WORDS.len())]);
        page.push(' ');
    }
    let target = rng.usize(..PAGES);
    let dots = if at.is_multiple_of(5) { ".." } else { "" };
    let fragment = if at.is_multiple_of(7) { "#top" } else { "" };
    let (one, other) = (WORDS[rng.usize(..WORDS.len())], WORDS[rng.usize(..WORDS.len())]);
    let _ = writeln!(
        page,
        "</p><a class=\"link\" href=\"{dots}{}{fragment}\" rel=\"next\" title=\"to {target}\">{one} &amp; {other}</a></div>",
        path(target),
    );
}
