//! What it costs to find the links of a page: `cargo bench --package gannet-benches --bench scan`.
//!
//! *tokenize* finds them as they are written; *outlinks* also decodes, resolves and fingerprints them, and drops those
//! that are known. lol_html is asked for the same attributes, and html5ever is not here, since it builds what nobody asked
//! for. Each contender must find the same number of links before any is measured. Allocations are counted.

mod site;

use std::cell::Cell;
use std::sync::LazyLock;

use divan::{AllocProfiler, Bencher, black_box, counter::BytesCount};
use gannet::extract::{self, Known, Source};
use gannet::url::Fingerprinter;
use lol_html::html_content::Element;
use lol_html::{HtmlRewriter, Settings, element};
use mimalloc::MiMalloc;
use url::Url;

#[global_allocator]
static ALLOCATOR: AllocProfiler<MiMalloc> = AllocProfiler::new(MiMalloc);

/// Two megabytes of them, more than a processor keeps near at hand.
static PAGES: LazyLock<Vec<String>> = LazyLock::new(|| site::pages(100));

/// One under which all of their links find room in [`Known`].
const KEY: (u64, u64) = (5, 6);

fn main() {
    let known = known();
    for page in &*PAGES {
        assert_eq!(extract::written_links(page.as_bytes()), site::LINKS);
        assert_eq!(by_lol_html(page), site::LINKS);
        let all = extract::outlinks(&source(page, &url(), None));
        assert!(
            (site::LINKS - 9..site::LINKS).contains(&all.links.len()),
            "all but few are other pages, each once"
        );
        let none = extract::outlinks(&source(page, &url(), Some(&known)));
        assert_eq!((none.links.len(), none.passed), (0, all.links.len()));
    }
    divan::main();
}

#[divan::bench]
fn tokenize(bencher: Bencher<'_, '_>) {
    all_pages(bencher, |page| extract::written_links(page.as_bytes()));
}

#[divan::bench]
fn lol_html(bencher: Bencher<'_, '_>) {
    all_pages(bencher, by_lol_html);
}

#[divan::bench]
fn outlinks_all_new(bencher: Bencher<'_, '_>) {
    let url = url();
    all_pages(bencher, |page| extract::outlinks(&source(page, &url, None)).links.len());
}

#[divan::bench]
fn outlinks_all_known(bencher: Bencher<'_, '_>) {
    let (url, known) = (url(), known());
    all_pages(bencher, |page| extract::outlinks(&source(page, &url, Some(&known))).passed);
}

fn all_pages(bencher: Bencher<'_, '_>, links: impl Fn(&str) -> usize + Sync) {
    // One page to a turn, so that figures are those of a page.
    let mut next = 0;
    let bytes: usize = PAGES.iter().map(String::len).sum();
    bencher.counter(BytesCount::new(bytes / PAGES.len())).bench_local(|| {
        next = (next + 1) % PAGES.len();
        links(black_box(&PAGES[next]))
    });
}

fn by_lol_html(page: &str) -> usize {
    let links = Cell::new(0);
    let count = |element: &Element<'_, '_>, attribute| {
        links.set(links.get() + usize::from(black_box(element.get_attribute(attribute)).is_some()));
        Ok(())
    };
    let settings = Settings::new()
        .append_element_content_handler(element!("a[href]", |element| count(element, "href")))
        .append_element_content_handler(element!("link[href]", |element| count(element, "href")))
        .append_element_content_handler(element!("script[src]", |element| count(element, "src")));
    let mut rewriter = HtmlRewriter::new(settings, |_: &[u8]| ());
    let written = rewriter.write(page.as_bytes());
    assert!(written.is_ok() && rewriter.end().is_ok(), "lol_html gave up");
    links.get()
}

fn source<'a>(page: &'a str, url: &'a Url, known: Option<&'a Known>) -> Source<'a> {
    let fingerprinter = Fingerprinter::with_key(KEY.0, KEY.1);
    let content_type = Some("text/html");
    Source { content_type, with_css: false, fingerprinter, known, ..Source::new(page.as_bytes(), url) }
}

fn url() -> Url {
    Url::parse(&format!("{}{}", site::ORIGIN, site::path(0))).unwrap()
}

/// Every link of the pages.
fn known() -> Known {
    let (url, known) = (url(), Known::default());
    let links = PAGES.iter().flat_map(|page| extract::outlinks(&source(page, &url, None)).links);
    links.for_each(|link| known.insert(link.fingerprint));
    known
}
