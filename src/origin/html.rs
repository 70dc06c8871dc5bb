//! The pages as text: links in the many spellings of the real web, noise around them, and filler.
//!
//! Every link of [`Graph::links`] is written once, as an absolute, relative or odd but valid reference.
//! Around them stands what a crawler must see through: a repeated link, fragments, `mailto:` and
//! `javascript:`, a style sheet, and links in a script and in a comment, both to `/never/…`, which nobody
//! may ask for. Filler brings a page to [`Site::page_size`](super::Site::page_size).

use std::io::{self, Write};

use super::graph::{Graph, Link};
use super::hash::{Draw, below, hash};
use super::path::{Leaf, What};

/// Renders pages. Holds text written in advance, so that filling a page is a copy.
#[derive(Debug)]
pub(super) struct Html {
    filler: Vec<u8>,
}

/// Length of a paragraph with its tags.
const PARAGRAPH: usize = 128;
/// Number of paragraphs to choose from: 64 KiB stay in the processor's cache.
const PARAGRAPHS: usize = 512;
const END: &[u8] = b"</body>\n</html>\n";

impl Html {
    /// Prepares the text that belongs to a seed.
    pub(super) fn new(seed: u64) -> Self {
        let mut filler = Vec::with_capacity(PARAGRAPHS * PARAGRAPH);
        for n in 0..PARAGRAPHS {
            paragraph(seed, n as u64, &mut filler);
        }
        Self { filler }
    }

    /// Appends a page. What is no page gets a short one, so that everything has a body.
    pub(super) fn render(&self, graph: &Graph, host: u32, what: What, out: &mut Vec<u8>) {
        let start = out.len();
        // Writing to a `Vec` cannot fail.
        let _ = head(graph, host, what, out);
        let _ = match what {
            What::Page(n) => page(graph, host, n, out),
            What::Trap(_) => out.write_all(b"<p><a href=\"a/\">on</a> <a href=\"b/\">and on</a></p>\n"),
            _ => out.write_all(b"<p><a href=\"/\">home</a></p>\n"),
        };
        let room = graph.site().page_size.saturating_sub(out.len() - start + END.len());
        self.fill(graph.draw(Draw::Filler, host, what), room, out);
        out.extend_from_slice(END);
    }

    /// Appends exactly `room` bytes: whole paragraphs, then spaces.
    fn fill(&self, drawn: u64, room: usize, out: &mut Vec<u8>) {
        let end = out.len() + room;
        let mut at = below(drawn, PARAGRAPHS as u64) as usize * PARAGRAPH;
        while end - out.len() >= PARAGRAPH {
            let whole = (end - out.len()) / PARAGRAPH * PARAGRAPH;
            let length = whole.min(self.filler.len() - at);
            out.extend_from_slice(&self.filler[at..at + length]);
            at = 0;
        }
        out.resize(end, b' ');
    }
}

fn head(graph: &Graph, host: u32, what: What, out: &mut Vec<u8>) -> io::Result<()> {
    let authority = graph.authority(host);
    out.write_all(b"<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>")?;
    match what {
        What::Page(n) => write!(out, "page {n} of {authority}")?,
        What::Trap(at) => write!(out, "trap {at:016x} of {authority}")?,
        What::List(n) => write!(out, "list {n} of {authority}")?,
        other => write!(out, "{other} of {authority}")?,
    }
    out.write_all(b"</title>\n<link rel=\"stylesheet\" href=\"/style.css\">\n</head>\n<body>\n")
}

fn page(graph: &Graph, host: u32, n: u64, out: &mut Vec<u8>) -> io::Result<()> {
    write!(
        out,
        "<script>var next = '<a href=\"/never/script/{n}\">no</a>'; if (1 < 2) next += '';</script>\n\
         <!-- <a href=\"/never/comment/{n}\">no</a> -->\n\
         <p><a name=\"s1\" href=\"#s2\">down</a> <a href=\"mailto:owner@h{host}.test\">mail</a> \
         <a href=\"javascript:history.back()\">back</a> <a href=\"/#s1\">home</a></p>\n<ul>\n"
    )?;
    let mut result = Ok(());
    let mut first = None;
    let mut count = 0;
    graph.links(host, n, |link| {
        let drawn = hash(graph.site().seed, Draw::Form, [u64::from(host), n, count]);
        if result.is_ok() {
            result = anchor(graph, host, link, drawn, out);
        }
        first.get_or_insert(link);
        count += 1;
    });
    result?;
    out.write_all(b"</ul>\n<p id=\"s2\">")?;
    if let Some(link) = first {
        anchor(graph, host, link, 0, out)?;
    }
    out.write_all(b"</p>\n")
}

/// One link, in a spelling that `drawn` chooses. All spellings resolve to the same URL from `/` and `/p/N`.
fn anchor(graph: &Graph, from: u32, link: Link, drawn: u64, out: &mut Vec<u8>) -> io::Result<()> {
    let Link { host, what } = link;
    let authority = graph.authority(host);
    match what {
        What::Page(n) if host != from => match drawn % 2 {
            0 => writeln!(out, "<li><a href=\"http://{authority}{what}\">page {n} of {authority}</a></li>"),
            _ => writeln!(out, "<li><a rel='x' href='//{authority}{what}'>page {n} of {authority}</a></li>"),
        },
        What::Page(n) => match drawn % 8 {
            0 => writeln!(out, "<li><a href=\"http://{authority}{what}\">page {n}</a></li>"),
            1 => writeln!(out, "<li><a href=\"..{what}\">page {n}</a></li>"),
            2 => writeln!(out, "<li><a href=\"/a/..{what}\">page {n}</a></li>"),
            3 => writeln!(out, "<li><a href=\"{what}#s2\">page {n}</a></li>"),
            4 => writeln!(out, "<li><A CLASS=\"n\" HREF = '{what}'>page {n}</A></li>"),
            5 => writeln!(out, "<li><a href=\" {what}\n\">page {n}</a></li>"),
            _ => writeln!(out, "<li><a href=\"{what}\">page {n}</a></li>"),
        },
        What::List(n) => writeln!(out, "<li><a href=\"/list?page={n}&amp;order=asc\">list {n}</a></li>"),
        What::Leaf(Leaf::Encoded, n) => writeln!(out, "<li><a href=\"/x/caf\u{e9}/{n}\">caf\u{e9}</a></li>"),
        _ => writeln!(out, "<li><a href=\"{what}\">more</a></li>"),
    }
}

/// Appends one paragraph of exactly [`PARAGRAPH`] bytes.
fn paragraph(seed: u64, n: u64, out: &mut Vec<u8>) {
    const WORDS: [&str; 16] = [
        "sea", "wind", "a", "gannet", "dives", "from", "height", "and", "the", "shoal", "turns", "below",
        "white", "wings", "fold", "again",
    ];
    let end = out.len() + PARAGRAPH - "</p>\n".len();
    out.extend_from_slice(b"<p>");
    for k in 0.. {
        let word = WORDS[below(hash(seed, Draw::Filler, [n, k, 1]), WORDS.len() as u64) as usize];
        if out.len() + word.len() + 1 > end {
            break;
        }
        out.extend_from_slice(word.as_bytes());
        out.push(b' ');
    }
    out.resize(end, b'.');
    out.extend_from_slice(b"</p>\n");
}
