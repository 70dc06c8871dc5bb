//! How long it took, and how much came when.

use super::View;
use super::chart::{Unit, latencies, over_time};
use super::page::Section;
use super::table::{Column, Use, count, row, table, time, value};
use super::text::{bytes, millis, number};
use super::times::Times;

const QUANTILES: [(&str, f64); 4] = [("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99)];

pub(super) fn latency(view: &View<'_>) -> Section {
    let (ttfb, total) = (&view.survey.ttfb, &view.survey.total);
    let mut body = String::new();
    if total.count() > 0 {
        let columns = [
            Column::Words("Time"),
            Column::Number("Fetches"),
            Column::Number("mean"),
            Column::Number("p50"),
            Column::Number("p90"),
            Column::Number("p95"),
            Column::Number("p99"),
            Column::Number("max"),
        ];
        let rows = [("to the first byte", ttfb), ("in total", total)].map(|(name, times)| {
            let at = QUANTILES.map(|(_, quantile)| Some(times.at(quantile)));
            let all = [Some(times.mean())].into_iter().chain(at).chain([Some(times.max())]);
            let shown = all.map(|ms| time(ms.filter(|_| times.count() > 0)));
            row(name, &[count(times.count())].into_iter().chain(shown).collect::<Vec<_>>())
        });
        body += "<div class=\"charts\">\n";
        body += &histogram("Time to the first byte", ttfb);
        body += &histogram("Total time", total);
        body += "</div>\n";
        body += &table("Percentiles", Use::Read, &columns, &format!("<tbody>{}</tbody>", rows.concat()));
        body += "<p class=\"note\">Of the last attempt of each URL, its redirects included. The scale of times is logarithmic.</p>\n";
    }
    Section { id: "latency", title: "Latency", count: None, body }
}

fn histogram(name: &str, times: &Times) -> String {
    if times.count() == 0 {
        return String::new();
    }
    let marks =
        [QUANTILES[0], QUANTILES[2], QUANTILES[3]].map(|(label, quantile)| (label, times.at(quantile)));
    let said = marks.map(|(label, ms)| format!("{label} {}", millis(ms))).join(", ");
    let svg = latencies(&format!("{name}: {said}, at most {}", millis(times.max())), times, &marks);
    let bars = times.bars().into_iter().filter(|bar| bar.count > 0);
    let rows: String = bars
        .map(|bar| row(format_args!("{} to {}", millis(bar.from), millis(bar.to)), &[count(bar.count)]))
        .collect();
    let numbers = table(
        &format!("{name}, the numbers"),
        Use::Read,
        &[Column::Words("Time"), Column::Number("Fetches")],
        &format!("<tbody>{rows}</tbody>"),
    );
    figure(name, "fetches", &svg, &numbers)
}

/// A chart, its name and unit, and its numbers for who asks for them.
fn figure(name: &str, unit: &str, svg: &str, numbers: &str) -> String {
    format!(
        "<figure><figcaption>{name} <small>{unit}</small></figcaption>\
         <div class=\"sheet\">{svg}</div>\
         <details><summary>Numbers</summary>{numbers}</details></figure>\n"
    )
}

pub(super) fn throughput(view: &View<'_>) -> Section {
    let mut section = Section { id: "throughput", title: "Throughput", count: None, body: String::new() };
    let Some(line) = &view.detail.timeline else { return section };
    if line.stretches.iter().all(|stretch| stretch.good + stretch.bad == 0) {
        return section;
    }
    let rate = |count| line.per_second(count);
    let urls: Vec<_> = line
        .stretches
        .iter()
        .map(|stretch| vec![("good", rate(stretch.good)), ("bad", rate(stretch.bad))])
        .collect();
    let data: Vec<_> = line.stretches.iter().map(|stretch| vec![("data", rate(stretch.bytes))]).collect();
    let most = |parts: &[super::chart::Parts]| {
        parts.iter().map(|parts| parts.iter().map(|(_, n)| n).sum()).fold(0.0, f64::max)
    };
    let (most_urls, most_data) = (most(&urls), most(&data));
    let unit = Unit::of_bytes(most_data);
    let start = |index: usize| index as u64 * line.step;
    let rows: String = line
        .stretches
        .iter()
        .enumerate()
        .map(|(nth, stretch)| {
            let cells = [count(stretch.good), count(stretch.bad), value(stretch.bytes, bytes(stretch.bytes))];
            row(format_args!("from {}", millis(start(nth) as f64)), &cells)
        })
        .collect();
    let columns =
        [Column::Words("Time"), Column::Number("good"), Column::Number("broken"), Column::Number("received")];
    let numbers = table("Throughput, the numbers", Use::Read, &columns, &format!("<tbody>{rows}</tbody>"));
    let name = format!("URLs per second over time, at most {}", number(most_urls));
    let legend = "<i class=\"dot good\"></i>good <i class=\"dot bad\"></i>broken";
    section.body += "<div class=\"charts\">\n";
    let chart = over_time(&name, &urls, line.step, &Unit::ONE);
    section.body += &figure("URLs per second", legend, &chart, &numbers);
    let name = format!("Bytes received per second over time, at most {}", bytes(most_data as u64));
    let chart = over_time(&name, &data, line.step, &unit);
    section.body += &figure("Received", &format!("{} per second", unit.name), &chart, &numbers);
    section.body += "</div>\n";
    section.body += &format!(
        "<p class=\"note\">A bar is {}. A URL counts when its outcome was decided.</p>\n",
        millis(line.step as f64)
    );
    section
}
