//! What the web that was seen is made of: hosts, levels of links, types of content.

use super::View;
use super::chart::row_bar;
use super::page::Section;
use super::survey::{Host, Level};
use super::table::{Column, Use, alarm, count, row, size, table, time};
use super::text::{Count, Short, Text, plural};
use super::{MOST_HOSTS, SHOWN_HOSTS};

/// Levels shown; a list has one, a crawl some dozens, a trap any number.
const SHOWN_LEVELS: usize = 30;

/// Types shown.
const SHOWN_TYPES: usize = 30;

pub(super) fn hosts(view: &View<'_>) -> Section {
    let hosts = view.survey.hosts.sorted(|host| host.urls);
    let (known, others) = (hosts.len() as u64, view.survey.hosts.others.as_ref());
    let columns = [
        Column::Words("Host"),
        Column::Greatest("URLs"),
        Column::Number("Failed"),
        Column::Number("4xx"),
        Column::Number("5xx"),
        Column::Number("Received"),
        Column::Number("Mean"),
        Column::Number("p95"),
    ];
    let rows: String = hosts
        .iter()
        .take(SHOWN_HOSTS)
        .map(|(name, host)| {
            let shown =
                name.strip_prefix("http://").or_else(|| name.strip_prefix("https://")).unwrap_or(name);
            let plain = if name.starts_with("http://") { " <small>http</small>" } else { "" };
            let head = format!("<span dir=\"ltr\">{}</span>{plain}", Text(shown));
            host_row(&head, host, time(view.detail.p95(name)))
        })
        .collect();
    let body = format!("<tbody>{rows}</tbody>");
    let mut body = match known {
        0 => String::new(),
        1..=4 => table("Hosts", Use::Sort, &columns, &body),
        _ => table("Hosts", Use::SortAndFilter, &columns, &body),
    };
    let more = known.saturating_sub(SHOWN_HOSTS as u64);
    if more > 0 {
        body += &format!("<p class=\"more\">and {} with fewer URLs</p>\n", plural(more, "host"));
    }
    if let Some(others) = others {
        body += &format!(
            "<p class=\"more\">and {} of hosts that came after the first {}, which are not told apart</p>\n",
            plural(others.urls, "URL"),
            Count(MOST_HOSTS as u64)
        );
    }
    Section { id: "hosts", title: "Hosts", count: Some(known), body }
}

fn host_row(head: &str, host: &Host, p95: String) -> String {
    let cells = [
        count(host.urls),
        alarm("bad", host.failed),
        alarm("warn", host.client_errors),
        alarm("bad", host.server_errors),
        size(host.bytes),
        time(host.mean()),
        p95,
    ];
    row(head, &cells)
}

pub(super) fn depth(view: &View<'_>) -> Section {
    let mut section = Section { id: "depth", title: "Depth", count: None, body: String::new() };
    let (levels, links) = (&view.survey.levels, view.survey.links);
    // A list has no depth.
    if levels.len() < 2 && links == 0 {
        return section;
    }
    let most = |of: fn(&Level) -> u64| levels.values().map(of).max().unwrap_or(0);
    let (most_urls, most_links) = (most(|level| level.urls), most(|level| level.links));
    let columns = [
        Column::Words("Depth"),
        Column::Number("URLs"),
        Column::Bar,
        Column::Number("Broken"),
        Column::Number("Links on them"),
        Column::Bar,
    ];
    let rows: String = levels
        .iter()
        .take(SHOWN_LEVELS)
        .map(|(depth, level)| {
            let cells = [
                count(level.urls),
                format!("<td class=\"bar\">{}</td>", row_bar("good", level.urls, most_urls)),
                alarm("bad", level.bad),
                count(level.links),
                format!("<td class=\"bar\">{}</td>", row_bar("data", level.links, most_links)),
            ];
            row(depth, &cells)
        })
        .collect();
    section.body = table("URLs and links by depth", Use::Read, &columns, &format!("<tbody>{rows}</tbody>"));
    let deeper: u64 = levels.values().skip(SHOWN_LEVELS).map(|level| level.urls).sum();
    if deeper > 0 {
        section.body += &format!("<p class=\"more\">and {} further down</p>\n", plural(deeper, "URL"));
    }
    section.body += "<p class=\"note\">Depth is links from a seed. ";
    section.body += match links {
        0 => {
            "The records hold no links: those of a run without <code>--links</code> do not, so this shows none."
        }
        _ => "A page counts each URL that it links to once.",
    };
    section.body += "</p>\n";
    section
}

pub(super) fn types(view: &View<'_>) -> Section {
    let types = view.survey.types.sorted(|kind| kind.urls);
    let most = types.first().map_or(0, |(_, kind)| kind.urls);
    let columns = [
        Column::Words("Type"),
        Column::Greatest("URLs"),
        Column::Bar,
        Column::Number("Decoded"),
        Column::Number("Mean"),
    ];
    let rows: String = types
        .iter()
        .take(SHOWN_TYPES)
        .map(|(name, kind)| {
            let bar = format!("<td class=\"bar\">{}</td>", row_bar("good", kind.urls, most));
            let cells = [count(kind.urls), bar, size(kind.bytes), size(kind.bytes / kind.urls.max(1))];
            row(Short(name), &cells)
        })
        .collect();
    let mut body = match types.is_empty() {
        true => String::new(),
        false => table("Content types", Use::Sort, &columns, &format!("<tbody>{rows}</tbody>")),
    };
    let rest: u64 = types.iter().skip(SHOWN_TYPES).map(|(_, kind)| kind.urls).sum();
    let rest = rest + view.survey.types.others.as_ref().map_or(0, |kind| kind.urls);
    if rest > 0 {
        body += &format!("<p class=\"more\">and {} of other types</p>\n", plural(rest, "URL"));
    }
    Section { id: "types", title: "Content types", count: None, body }
}
