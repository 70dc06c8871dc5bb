//! What was run, what became of it, and what went wrong.

use std::time::{Duration, SystemTime};

use super::View;
use super::chart::shares;
use super::page::Section;
use super::survey::Failure;
use super::table::{Column, Use, cell, count, row, table};
use super::text::{Count, Link, Short, Text, bytes, millis, number, percent, plural};

/// `2026-11-21 14:05:52`.
pub(super) fn moment(time: SystemTime) -> String {
    let text = humantime::format_rfc3339_seconds(time).to_string();
    text.replace('T', " ").trim_end_matches('Z').to_owned()
}

/// What the page is called.
pub(super) fn title(view: &View<'_>) -> String {
    let survey = view.survey;
    let hosts = survey.hosts.sorted(|host| host.urls);
    match (hosts.as_slice(), &survey.hosts.others) {
        ([], _) => plural(survey.records, "URL"),
        ([(name, _)], None) => {
            let name = name.split_once("://").map_or(*name, |(_, name)| name);
            format!("{} of {}", plural(survey.records, "URL"), Text(name))
        }
        (_, others) => {
            let more = if others.is_some() { "more than " } else { "" };
            format!(
                "{} on {more}{}",
                plural(survey.records, "URL"),
                plural(survey.hosts.len() as u64, "host")
            )
        }
    }
}

/// The head of the page.
pub(super) fn header(view: &View<'_>) -> String {
    let survey = view.survey;
    let mut text = format!("<p class=\"kind\">gannet report</p>\n<h1>{}</h1>\n", title(view));
    if let Some(span) = survey.span {
        let (from, to) = (span.start(), span.start() + Duration::from_millis(span.millis()));
        let took = millis(span.millis() as f64);
        let (from, to) = (moment(from), moment(to));
        let (day, time) = to.split_once(' ').unwrap_or(("", &to));
        let to = if from.starts_with(day) { time } else { &to };
        text += &format!("<p class=\"when\">{from} to {to} UTC, {took}</p>\n");
    }
    if let Some(command) = &view.about.command {
        text += &format!("<pre class=\"command\" dir=\"ltr\"><code>{}</code></pre>\n", Text(command));
    }
    text + &figures(view)
}

/// The numbers that are looked at first.
fn figures(view: &View<'_>) -> String {
    let survey = view.survey;
    if survey.records == 0 {
        return "<p>There are no records: nothing was fetched.</p>\n".into();
    }
    let good: u64 = survey.statuses.range(..400).map(|(_, count)| count).sum();
    let (broken, class) = (survey.broken_urls, if survey.broken_urls > 0 { "bad" } else { "good" });
    let mut figures = vec![
        ("URLs", "", Count(survey.records).to_string(), String::new()),
        ("answered well", "", percent(good, survey.records), plural(good, "URL")),
        ("broken", class, Count(broken).to_string(), percent(broken, survey.records)),
    ];
    if survey.total.count() > 0 {
        let [median, high] = [0.5, 0.95].map(|quantile| millis(survey.total.at(quantile)));
        figures.push(("median time", "", median, format!("95 % within {high}")));
    }
    if let Some(span) = survey.span.filter(|span| span.millis() > 0) {
        let per_second = |n: f64| n * 1e3 / span.millis() as f64;
        let rate = number(per_second(survey.total.count() as f64));
        let speed = bytes(per_second(survey.wire as f64) as u64);
        figures.push(("URLs per second", "", rate, format!("{speed} per second")));
    }
    if survey.unchanged > 0 {
        let share = percent(survey.unchanged, survey.records);
        figures.push(("unchanged", "", Count(survey.unchanged).to_string(), share));
    }
    figures.push(("received", "", bytes(survey.wire), format!("{} decoded", bytes(survey.decoded))));
    let figure = |(name, class, value, more): (&str, &str, String, String)| {
        format!(
            "<div class=\"{class}\"><dt>{name}</dt><dd>{value}</dd><dd class=\"more\">{more}</dd></div>\n"
        )
    };
    format!("<dl class=\"figures\">\n{}</dl>\n", figures.into_iter().map(figure).collect::<String>())
}

/// The class of a status or an outcome, its name, and what it means.
type Kind = (&'static str, &'static str, &'static str);

const KINDS: [Kind; 9] = [
    ("s2", "2xx", "answered"),
    ("s3", "3xx", "a redirect, not followed"),
    ("s4", "4xx", "refused by the server"),
    ("s5", "5xx", "an error of the server"),
    ("other", "other", "any other status"),
    ("failed", "failed", "no whole answer"),
    ("fallback", "fallback", "no whole answer, and the payload of --fallback"),
    ("skipped", "skipped", "not asked for"),
    ("cancelled", "cancelled", "the run was stopped"),
];

pub(super) fn outcomes(view: &View<'_>) -> Section {
    let survey = view.survey;
    let status = |class: u16| survey.statuses.range(class * 100..class * 100 + 100).map(|(_, n)| n).sum();
    let outcomes = survey.outcomes.sorted(|n| *n);
    let outcome = |name: &str| outcomes.iter().find(|(known, _)| *known == name).map_or(0, |(_, n)| **n);
    let counts = KINDS.map(|(class, name, _)| match class {
        "s2" => status(2),
        "s3" => status(3),
        "s4" => status(4),
        "s5" => status(5),
        "other" => outcome("finished").saturating_sub([2, 3, 4, 5].map(status).into_iter().sum()),
        _ => outcome(name),
    });
    let parts: Vec<_> = KINDS.iter().zip(counts).map(|(kind, count)| (kind.0, count)).collect();
    let said: Vec<_> = KINDS.iter().zip(counts).filter(|(_, count)| *count > 0).collect();
    let name: Vec<_> = said.iter().map(|(kind, count)| format!("{} {}", Count(*count), kind.1)).collect();
    let rows: String = said
        .iter()
        .map(|((class, name, meaning), n)| {
            let share = percent(*n, survey.records);
            let head = format!("<i class=\"dot {class}\"></i>{name} <small>{meaning}</small>");
            row(head, &[count(*n), format!("<td class=\"n\">{share}</td>")])
        })
        .collect();
    let columns = [Column::Words("Outcome"), Column::Number("URLs"), Column::Number("Share")];
    let mut body = shares(&format!("Outcomes: {}", name.join(", ")), &parts);
    body += "<div class=\"columns\">\n";
    body += &table("URLs by outcome", Use::Read, &columns, &format!("<tbody>{rows}</tbody>"));
    body += &statuses(view);
    body += &reasons(view);
    body += "</div>\n";
    let body = if survey.records == 0 { String::new() } else { body };
    Section { id: "outcomes", title: "Outcomes", count: None, body }
}

fn statuses(view: &View<'_>) -> String {
    if view.survey.statuses.is_empty() {
        return String::new();
    }
    let rows: String = view
        .survey
        .statuses
        .iter()
        .map(|(status, n)| {
            let known = reqwest::StatusCode::from_u16(*status).ok();
            let name = known.and_then(|status| status.canonical_reason()).unwrap_or_default();
            let class = class_of(*status);
            let head = format!("<i class=\"dot {class}\"></i>{status} <small>{name}</small>");
            row(head, &[count(*n)])
        })
        .collect();
    let columns = [Column::Words("Status"), Column::Number("URLs")];
    table("URLs by status", Use::Read, &columns, &format!("<tbody>{rows}</tbody>"))
}

/// The class of a status in the style sheet.
pub(super) fn class_of(status: u16) -> &'static str {
    match status {
        200..300 => "s2",
        300..400 => "s3",
        400..500 => "s4",
        500..600 => "s5",
        _ => "other",
    }
}

/// Why URLs were skipped and bodies cut, and how many were tried again.
fn reasons(view: &View<'_>) -> String {
    let survey = view.survey;
    let kinds = [("skipped", &survey.skipped), ("body cut", &survey.truncated)];
    let mut rows = String::new();
    for (what, tally) in kinds {
        for (reason, n) in tally.sorted(|n| *n) {
            rows += &row(format_args!("{what} <small>{}</small>", Short(reason)), &[count(*n)]);
        }
    }
    if survey.again > 0 {
        rows += &row("tried again <small>after a failure that may pass</small>", &[count(survey.again)]);
    }
    if rows.is_empty() {
        return rows;
    }
    let columns = [Column::Words("Also"), Column::Number("URLs")];
    table("What else happened", Use::Read, &columns, &format!("<tbody>{rows}</tbody>"))
}

pub(super) fn errors(view: &View<'_>) -> Section {
    let kinds = view.survey.errors.sorted(|failure| failure.count);
    let others = view.survey.errors.others.as_ref().map(|failure| ("other kinds", failure));
    let body: String = kinds.into_iter().chain(others).map(|(kind, failure)| error(kind, failure)).collect();
    let failed = view.survey.errors.sorted(|failure| failure.count).iter().map(|(_, f)| f.count).sum();
    Section { id: "errors", title: "Errors", count: Some(failed), body }
}

fn error(kind: &str, failure: &Failure) -> String {
    let rows: String = failure
        .examples
        .iter()
        .map(|(url, why, page)| {
            let page = page.as_deref().map_or_else(|| "a seed".into(), |page| Link(page).to_string());
            row(Link(url), &[cell(Short(why)), cell(page)])
        })
        .collect();
    let more = failure.count - failure.examples.len() as u64;
    let more =
        if more > 0 { format!("<p class=\"more\">and {} more</p>\n", Count(more)) } else { String::new() };
    let columns = [Column::Words("URL"), Column::Words("What happened"), Column::Words("Found on")];
    let caption = format!("Examples of {}", Text(kind));
    let table = table(&caption, Use::Read, &columns, &format!("<tbody>{rows}</tbody>"));
    format!("<h3><code>{}</code> <b>{}</b></h3>\n{table}{more}", Short(kind), Count(failure.count))
}
