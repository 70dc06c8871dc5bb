//! The sitemaps and the feed of a host of the synthetic web: all its pages, and its first ones.
//!
//! Nothing links to them and robots.txt does not name them, so that they change no crawl that does not ask for
//! `/sitemap.xml`. Bodies are a pure function of the site, as pages are.

use std::fmt::Write as _;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::graph::Graph;
use super::path::What;

/// Pages in a sitemap.
pub(super) const PER_SITEMAP: u64 = 1000;
/// Pages in the feed.
const IN_FEED: u64 = 20;

/// `/sitemap.xml`: an index of all sitemaps of a host.
pub(super) fn index(graph: &Graph, host: u32, out: &mut Vec<u8>) {
    let files = graph.site().pages.div_ceil(PER_SITEMAP);
    let entries =
        (0..files).map(|n| format!("<sitemap><loc>{}</loc></sitemap>\n", graph.url(host, What::Sitemap(n))));
    document(out, "sitemapindex", "http://www.sitemaps.org/schemas/sitemap/0.9", entries);
}

/// `/sitemap/N.xml.gz`: the pages of one sitemap, compressed as a file.
pub(super) fn sitemap(graph: &Graph, host: u32, n: u64, out: &mut Vec<u8>) {
    let first = n * PER_SITEMAP;
    let entries = (first..graph.site().pages.min(first + PER_SITEMAP)).map(|page| {
        let (url, date) = (graph.url(host, What::Page(page)), date(page));
        format!("<url><loc>{url}</loc><lastmod>{date}</lastmod></url>\n")
    });
    let mut text = Vec::new();
    document(&mut text, "urlset", "http://www.sitemaps.org/schemas/sitemap/0.9", entries);
    let mut encoder = GzEncoder::new(out, Compression::fast());
    // Writing to a `Vec` cannot fail.
    let _ = encoder.write_all(&text).and_then(|()| encoder.finish().map(drop));
}

/// `/feed.xml`: the first pages of a host as an Atom feed.
pub(super) fn feed(graph: &Graph, out: &mut Vec<u8>) {
    let entries = (0..graph.site().pages.min(IN_FEED)).map(|page| {
        let (path, date) = (What::Page(page), date(page));
        format!(
            "<entry><title>{path}</title><link href=\"{path}\"/><updated>{date}T00:00:00Z</updated></entry>\n"
        )
    });
    document(out, "feed", "http://www.w3.org/2005/Atom", entries);
}

fn document(out: &mut Vec<u8>, root: &str, namespace: &str, entries: impl Iterator<Item = String>) {
    let mut text = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{root} xmlns=\"{namespace}\">\n");
    text.extend(entries);
    let _ = writeln!(text, "</{root}>");
    out.extend_from_slice(text.as_bytes());
}

fn date(page: u64) -> String {
    format!("2026-{:02}-{:02}", page % 12 + 1, page / 12 % 28 + 1)
}
