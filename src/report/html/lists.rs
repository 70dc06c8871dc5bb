//! Lists of URLs that somebody may want to do something about.

use super::View;
use super::detail::Page;
use super::overview::class_of;
use super::page::Section;
use super::survey::Fate;
use super::table::{Column, Use, cell, count, row, size, table, time};
use super::text::{Count, Link, Short, plural};
use super::{MOST_LIST, MOST_MARKS};

/// What is wrong with a URL, in a word.
fn mark(fate: Fate, kind: &str) -> String {
    match fate {
        Fate::Refused(status) => format!("<b class=\"mark {}\">{status}</b>", class_of(status)),
        _ => format!("<b class=\"mark failed\">{}</b>", Short(if kind.is_empty() { "failed" } else { kind })),
    }
}

pub(super) fn broken(view: &View<'_>) -> Section {
    let (survey, detail) = (view.survey, view.detail);
    let mut body = String::new();
    let pages = detail.pages();
    if !pages.is_empty() {
        let links: u64 = pages.iter().map(|page| page.count).sum::<u64>() + detail.more_links;
        body += &format!(
            "<p>{}, and {} to what is broken, by the page that has it.</p>\n",
            plural(survey.broken_urls, "broken URL"),
            plural(links, "link"),
        );
        let columns = [Column::Words("Link"), Column::Words("Problem"), Column::Words("On the page")];
        let groups: String = pages.into_iter().map(group).collect();
        body += &table("Broken links by page", Use::Read, &columns, &groups);
    }
    if detail.more_links > 0 {
        body += &format!("<p class=\"more\">and {} on more pages</p>\n", plural(detail.more_links, "link"));
    }
    if survey.broken_urls > survey.broken.len() as u64 {
        body += &format!(
            "<p class=\"more\">Only the first {} broken URLs are looked for on pages.</p>\n",
            Count(MOST_MARKS as u64)
        );
    }
    if survey.links == 0 && !body.is_empty() {
        body += "<p class=\"note\">The records hold no links, as those of a run without <code>--links</code>: each URL is listed on the page only that it was found on first.</p>\n";
    }
    Section { id: "broken", title: "Broken links", count: Some(survey.broken_urls), body }
}

/// A page, and its links.
fn group(page: &Page) -> String {
    let name = match &page.url {
        Some(url) => Link(url).to_string(),
        None => "Given as seeds".into(),
    };
    let mut rows = format!(
        "<tbody class=\"group\"><tr><th scope=\"rowgroup\" colspan=\"3\">{name} <b>{}</b></th></tr>\n",
        Count(page.count)
    );
    for link in &page.links {
        let tag =
            if link.tag.is_empty() { String::new() } else { format!("<code>{}</code> ", Short(&link.tag)) };
        let text = link.text.as_deref().map_or_else(String::new, |text| Short(text).to_string());
        let cells = [cell(Link(&link.url)), cell(mark(link.fate, &link.kind)), cell(tag + &text)];
        rows += &format!("<tr>{}</tr>\n", cells.concat());
    }
    let more = page.count - page.links.len() as u64;
    if more > 0 {
        rows += &format!("<tr><td colspan=\"3\">and {} more</td></tr>\n", Count(more));
    }
    rows + "</tbody>"
}

pub(super) fn redirects(view: &View<'_>) -> Section {
    let survey = view.survey;
    let columns =
        [Column::Words("From"), Column::Words("Status"), Column::Words("To"), Column::Words("Found on")];
    let rows: String = survey
        .redirects
        .iter()
        .map(|redirect| {
            let statuses: Vec<_> = redirect.statuses.iter().map(u16::to_string).collect();
            let page =
                redirect.source.as_deref().map_or_else(|| "a seed".into(), |page| Link(page).to_string());
            row(Link(&redirect.from), &[cell(statuses.join(", ")), cell(Link(&redirect.to)), cell(page)])
        })
        .collect();
    let mut body = match rows.is_empty() {
        true => rows,
        false => table("Redirects", Use::SortAndFilter, &columns, &format!("<tbody>{rows}</tbody>")),
    };
    let more = survey.redirected - survey.redirects.len() as u64;
    if more > 0 {
        body += &format!("<p class=\"more\">and {} more</p>\n", Count(more));
    }
    Section { id: "redirects", title: "Redirects", count: Some(survey.redirected), body }
}

/// The slowest and the largest.
pub(super) fn extremes(view: &View<'_>) -> Section {
    let survey = view.survey;
    let slowest: String = survey
        .slowest
        .sorted()
        .into_iter()
        .map(|(micros, url)| row(Link(url), &[time(Some(micros as f64 / 1e3))]))
        .collect();
    let largest: String =
        survey.largest.sorted().into_iter().map(|(bytes, url)| row(Link(url), &[size(bytes)])).collect();
    let mut body = String::new();
    for (caption, column, rows) in [("Slowest", "Time", slowest), ("Largest", "Size", largest)] {
        if !rows.is_empty() {
            let columns = [Column::Words(caption), Column::Greatest(column)];
            body += &table(caption, Use::Read, &columns, &format!("<tbody>{rows}</tbody>"));
        }
    }
    let body = if body.is_empty() { body } else { format!("<div class=\"columns\">\n{body}</div>\n") };
    Section { id: "extremes", title: "Slowest and largest", count: None, body }
}

pub(super) fn titles(view: &View<'_>) -> Section {
    let detail = view.detail;
    let titles = detail.titles();
    let columns = [Column::Words("Title"), Column::Greatest("Pages"), Column::Words("Which")];
    let rows: String = titles
        .iter()
        .map(|same| {
            let mut pages: Vec<_> = same.pages.iter().map(|page| Link(page).to_string()).collect();
            let more = same.count - same.pages.len() as u64;
            if more > 0 {
                pages.push(format!("and {} more", Count(more)));
            }
            row(Short(&same.title), &[count(same.count), cell(pages.join("<br>"))])
        })
        .collect();
    let mut body = match rows.is_empty() {
        true => rows,
        false => table("Titles of several pages", Use::Read, &columns, &format!("<tbody>{rows}</tbody>")),
    };
    let more = detail.repeated.saturating_sub(MOST_LIST as u64);
    if more > 0 {
        body += &format!("<p class=\"more\">and {} more</p>\n", plural(more, "title"));
    }
    if view.survey.titles.len() >= MOST_MARKS && !body.is_empty() {
        let most = Count(MOST_MARKS as u64);
        body += &format!("<p class=\"more\">Only the first {most} titles are compared.</p>\n");
    }
    Section { id: "titles", title: "Repeated titles", count: Some(detail.repeated), body }
}
