//! The report in words: sections of lines, whose parts say what is ours and what a server chose, so that each form can make
//! that safe in its own way.

use super::{BadLink, Capped, LinkReport, Measured, Target};

/// A part of a line.
pub(super) enum Part<'a> {
    /// Our words.
    Word(String),
    /// A URL, or a seed that is none.
    Url(&'a str),
    /// What a page says.
    Quote(&'a str),
}

/// A line, and how far it is indented.
pub(super) struct Line<'a>(pub(super) usize, pub(super) Vec<Part<'a>>);

/// A heading with what is below it.
pub(super) struct Section<'a> {
    pub(super) title: &'static str,
    pub(super) lines: Vec<Line<'a>>,
}

use Part::{Quote, Url, Word};

fn word<'a>(text: impl Into<String>) -> Part<'a> {
    Word(text.into())
}

/// `3 links`.
fn count(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// What the report comes to.
pub(in crate::report) fn headline(report: &LinkReport) -> String {
    let mut text = format!("{} checked, {} broken", count(report.checked, "URL"), report.broken);
    if report.broken_links > 0 {
        let (links, pages) = (count(report.broken_links, "link"), count(report.broken_pages, "page"));
        text += &format!(", with {links} to them on {pages}");
    }
    for (list, what) in [
        (report.moved.total(), "moved for good"),
        (report.blocked.total(), "blocked by robots.txt"),
        (report.orphans.total(), "only in a sitemap"),
    ] {
        if list > 0 {
            text += &format!("; {list} {what}");
        }
    }
    text
}

/// All sections that have something in them.
pub(super) fn sections(report: &LinkReport) -> Vec<Section<'_>> {
    let mut sections = vec![
        Section { title: "Broken links, by page", lines: pages(report) },
        Section { title: "Broken, and linked from no page", lines: unlinked(report) },
        Section { title: "Moved for good: links to update", lines: moved(report) },
        Section { title: "Blocked by robots.txt, but linked", lines: blocked(report) },
        Section {
            title: "In a sitemap, but linked from no page that was read",
            lines: names(&report.orphans),
        },
        Section { title: "The same title on several pages", lines: titles(report) },
        Section { title: "Pages without a title", lines: names(&report.untitled) },
        Section { title: "Slowest", lines: measured(&report.slowest, "ms") },
        Section { title: "Largest", lines: measured(&report.largest, "bytes") },
    ];
    sections.retain(|section| !section.lines.is_empty());
    sections
}

fn pages(report: &LinkReport) -> Vec<Line<'_>> {
    let mut lines = Vec::new();
    for page in &report.pages.shown {
        lines.push(Line(0, vec![Url(&page.url)]));
        lines.extend(page.links.shown.iter().map(|link| Line(1, bad_link(link))));
        more(&mut lines, 1, page.links.more, "link");
    }
    more(&mut lines, 0, report.pages.more, "page");
    lines
}

fn bad_link(link: &BadLink) -> Vec<Part<'_>> {
    let mut parts = vec![word(format!("{}  ", link.fault)), Url(&link.url)];
    parts.push(word(format!("  {} {}", link.tag, link.attr)));
    if let Some(text) = &link.text {
        parts.extend([word("  "), Quote(text)]);
    }
    if link.nofollow {
        parts.push(word("  nofollow"));
    }
    parts
}

fn unlinked<'a>(report: &'a LinkReport) -> Vec<Line<'a>> {
    let targets = report.targets.shown.iter().filter(|target| target.pages.shown.is_empty());
    let line = |target: &'a Target| {
        Line(0, vec![word(format!("{}  ", target.fault)), Url(&target.url), word(target.place())])
    };
    let mut lines: Vec<_> = targets.map(line).collect();
    more(&mut lines, 0, report.targets.more, "broken URL");
    lines
}

fn moved(report: &LinkReport) -> Vec<Line<'_>> {
    let mut lines = Vec::new();
    for moved in &report.moved.shown {
        let statuses: Vec<_> = moved.statuses.iter().map(u16::to_string).collect();
        let arrow = format!("  {} to  ", statuses.join(", "));
        lines.push(Line(0, vec![Url(&moved.url), word(arrow), Url(&moved.to)]));
        linked_from(&mut lines, &moved.pages);
    }
    more(&mut lines, 0, report.moved.more, "URL");
    lines
}

fn blocked(report: &LinkReport) -> Vec<Line<'_>> {
    let mut lines = Vec::new();
    for target in &report.blocked.shown {
        lines.push(Line(0, vec![Url(&target.url)]));
        linked_from(&mut lines, &target.pages);
    }
    more(&mut lines, 0, report.blocked.more, "URL");
    lines
}

fn linked_from<'a>(lines: &mut Vec<Line<'a>>, pages: &'a Capped<String>) {
    lines.extend(pages.shown.iter().map(|page| Line(1, vec![word("on "), Url(page)])));
    more(lines, 1, pages.more, "page");
}

fn titles(report: &LinkReport) -> Vec<Line<'_>> {
    let mut lines = Vec::new();
    for same in &report.titles.shown {
        lines.push(Line(0, vec![Quote(&same.title)]));
        linked_from(&mut lines, &same.pages);
    }
    more(&mut lines, 0, report.titles.more, "title");
    lines
}

fn names(list: &Capped<String>) -> Vec<Line<'_>> {
    let mut lines: Vec<_> = list.shown.iter().map(|url| Line(0, vec![Url(url)])).collect();
    more(&mut lines, 0, list.more, "URL");
    lines
}

fn measured<'a>(list: &'a [Measured], unit: &str) -> Vec<Line<'a>> {
    let line = |one: &'a Measured| {
        let Measured { url, value } = one;
        Line(0, vec![word(format!("{value:.0} {unit}  ")), Url(url)])
    };
    list.iter().map(line).collect()
}

fn more(lines: &mut Vec<Line<'_>>, indent: usize, number: u64, noun: &str) {
    if number > 0 {
        lines.push(Line(indent, vec![word(format!("and {} more", count(number, noun)))]));
    }
}

impl Target {
    /// `  urls.txt:12`, if it is from a list.
    fn place(&self) -> String {
        match (&self.file, self.line) {
            (Some(file), Some(line)) => format!("  {file}:{line}"),
            _ => String::new(),
        }
    }
}
