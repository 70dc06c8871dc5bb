//! Writes the sections as text for people, or as Markdown.
//!
//! URLs and titles are what a server chose. In text they are printable and on one line; in Markdown what could be markup is
//! escaped (CommonMark 0.31 §2.4), so that nothing in them is HTML, a mention, a formula or a link; none of them begins a
//! line, and there are no tables that one of them could break.

use std::io::{self, Write};

use super::LinkReport;
use super::sections::{Part, headline, sections};
use crate::sink::printable;

/// Lines for people.
///
/// # Errors
/// When `out` cannot be written.
pub(in crate::report) fn text(report: &LinkReport, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}", headline(report))?;
    for section in sections(report) {
        writeln!(out, "\n{}", section.title)?;
        for line in section.lines {
            write!(out, "{:indent$}", "", indent = 2 + 2 * line.0)?;
            for part in line.1 {
                match part {
                    Part::Word(text) => write!(out, "{}", printable(&text)),
                    Part::Url(url) => write!(out, "{}", printable(url)),
                    Part::Quote(text) => write!(out, "\"{}\"", printable(text)),
                }?;
            }
            writeln!(out)?;
        }
    }
    Ok(())
}

/// Markdown.
///
/// # Errors
/// When `out` cannot be written.
pub(in crate::report) fn markdown(report: &LinkReport, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "# Links\n\n{}", escaped(&headline(report)))?;
    for section in sections(report) {
        writeln!(out, "\n## {}\n", section.title)?;
        for line in section.lines {
            write!(out, "{:indent$}- ", "", indent = 2 * line.0)?;
            for part in line.1 {
                match part {
                    Part::Word(text) => write!(out, "{}", escaped(&text)),
                    Part::Url(url) => link(url, out),
                    // Without these two nothing is taken for an address.
                    Part::Quote(text) => {
                        write!(out, "“{}”", escaped(text).replace('.', "\\.").replace(':', "\\:"))
                    }
                }?;
            }
            writeln!(out)?;
        }
    }
    Ok(())
}

/// A link, if it is a URL that may be clicked.
fn link(url: &str, out: &mut dyn Write) -> io::Result<()> {
    let shown = escaped(url);
    // What lost its password leads nowhere.
    if !(url.starts_with("http://") || url.starts_with("https://")) || url.contains("***@") {
        return write!(out, "{shown}");
    }
    // Between the angle brackets escapes and references count, and neither `<`, `>` nor an end of line may stand (§6.3).
    write!(out, "[{shown}](<")?;
    for c in printable(url).chars() {
        match c {
            '<' | '>' | '\\' | '"' | '`' | ' ' => write!(out, "%{:02X}", u32::from(c)),
            '&' => write!(out, "&amp;"),
            c => write!(out, "{c}"),
        }?;
    }
    write!(out, ">)")
}

/// Text that is no markup.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in printable(text).chars() {
        if "\\`*_[]<>#|~&@$!(){}^=".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
