//! Lists of URLs that somebody may want to do something about.

use super::View;
use super::overview::class_of;
use super::page::Section;
use super::table::{Column, Use, cell, count, row, size, table, time};
use super::text::{Count, Link, Short, plural};
use super::{MOST_LIST, OF_ONE};
use crate::report::links::{BadPage, Fault, LinkReport, Measured};

/// What is wrong with a URL, in a word.
fn mark(fault: &Fault) -> String {
    match (fault.status_code, &fault.error_kind) {
        (Some(status), _) => format!("<b class=\"mark {}\">{status}</b>", class_of(status)),
        (None, Some(kind)) => format!("<b class=\"mark failed\">{}</b>", Short(kind)),
        (None, None) => "<b class=\"mark failed\">failed</b>".into(),
    }
}

pub(super) fn broken(view: &View<'_>) -> Section {
    let links = view.links;
    let mut groups: String = links.pages.shown.iter().take(MOST_LIST).map(page).collect();
    groups += &seeds(links);
    let mut body = String::new();
    if !groups.is_empty() {
        body += &format!(
            "<p>{}, and {} to what is broken on {}.</p>\n",
            plural(links.broken, "broken URL"),
            plural(links.broken_links, "link"),
            plural(links.broken_pages, "page"),
        );
        let columns = [Column::Words("Link"), Column::Words("Problem"), Column::Words("On the page")];
        body += &table("Broken links by page", Use::Read, &columns, &groups);
    }
    let more = links.broken_pages.saturating_sub(MOST_LIST as u64);
    if more > 0 {
        body += &format!("<p class=\"more\">and {} more</p>\n", plural(more, "page"));
    }
    if view.survey.links == 0 && !body.is_empty() {
        body += "<p class=\"note\">The records hold no links, as those of a run without <code>--links</code>: each URL is listed on the page only that it was found on first.</p>\n";
    }
    Section { id: "broken", title: "Broken links", count: Some(links.broken), body }
}

/// A page, and its broken links.
fn page(page: &BadPage) -> String {
    let shown = page.links.shown.iter().take(OF_ONE);
    let rows: String = shown
        .map(|link| {
            let tag = if link.tag.is_empty() {
                String::new()
            } else {
                format!("<code>{}</code> ", Short(&link.tag))
            };
            let text = link.text.as_deref().map_or_else(String::new, |text| Short(text).to_string());
            broken_row(&link.url, &link.fault, tag + &text)
        })
        .collect();
    group(&Link(&page.url).to_string(), page.links.total(), &rows)
}

/// Broken URLs that no page links to: those of a list.
fn seeds(links: &LinkReport) -> String {
    let all = || links.targets.shown.iter().filter(|target| target.pages.total() == 0);
    let rows: String =
        all().take(OF_ONE).map(|target| broken_row(&target.url, &target.fault, String::new())).collect();
    if rows.is_empty() { rows } else { group("Given as seeds", all().count() as u64, &rows) }
}

fn broken_row(url: &str, fault: &Fault, place: String) -> String {
    format!("<tr>{}</tr>\n", [cell(Link(url)), cell(mark(fault)), cell(place)].concat())
}

/// Rows below a head; there are `count`, shown or not.
fn group(head: &str, count: u64, rows: &str) -> String {
    let more = count.saturating_sub(OF_ONE as u64);
    let more = match more {
        0 => String::new(),
        more => format!("<tr><td colspan=\"3\">and {} more</td></tr>\n", Count(more)),
    };
    format!(
        "<tbody class=\"group\"><tr><th scope=\"rowgroup\" colspan=\"3\">{head} <b>{}</b></th></tr>\n{rows}{more}</tbody>",
        Count(count)
    )
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
    let rows = |of: &[Measured], value: fn(f64) -> String| -> String {
        of.iter().map(|one| row(Link(&one.url), &[value(one.value)])).collect()
    };
    let slowest = rows(&view.links.slowest, |ms| time(Some(ms)));
    let largest = rows(&view.links.largest, |bytes| size(bytes as u64));
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
    let titles = &view.links.titles;
    let columns = [Column::Words("Title"), Column::Greatest("Pages"), Column::Words("Which")];
    let shown = titles.shown.iter().take(MOST_LIST);
    let rows: String = shown
        .map(|same| {
            let mut pages: Vec<_> =
                same.pages.shown.iter().take(OF_ONE).map(|page| Link(page).to_string()).collect();
            let more = same.pages.total() - pages.len() as u64;
            if more > 0 {
                pages.push(format!("and {} more", Count(more)));
            }
            row(Short(&same.title), &[count(same.pages.total()), cell(pages.join("<br>"))])
        })
        .collect();
    let mut body = match rows.is_empty() {
        true => rows,
        false => table("Titles of several pages", Use::Read, &columns, &format!("<tbody>{rows}</tbody>")),
    };
    let more = titles.total().saturating_sub(MOST_LIST as u64);
    if more > 0 {
        body += &format!("<p class=\"more\">and {} more</p>\n", plural(more, "title"));
    }
    Section { id: "titles", title: "Repeated titles", count: Some(titles.total()), body }
}
