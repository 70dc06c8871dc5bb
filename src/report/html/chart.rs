//! The charts, as SVG: no text in them but numbers of ours, and no style but classes, which the one style sheet knows.
//!
//! Each has a name for who cannot see it, and its numbers stand in a table beside it.

use super::scale::ticks;
use super::text::{millis, number};
use super::times::{Bar, Times};

const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 190.0;

/// The plot within the drawing; labels are around it.
const LEFT: f64 = 48.0;
const RIGHT: f64 = WIDTH - 12.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = HEIGHT - 24.0;

/// Labels below the plot at most.
const LABELS: usize = 6;

/// A bar in parts, from below: classes and heights.
pub(super) type Parts = Vec<(&'static str, f64)>;

fn start(name: &str) -> String {
    format!("<svg class=\"chart\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{name}\">")
}

fn text(x: f64, y: f64, anchor: &str, what: &str) -> String {
    format!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{what}</text>")
}

/// A label of the axis below the plot.
fn below(x: f64, what: &str) -> String {
    let (x, anchor) = if x > RIGHT - 24.0 { (RIGHT, "end") } else { (x, "middle") };
    text(x, HEIGHT - 7.0, anchor, what)
}

/// Bars over an axis from zero; `scale` says what the lines are at.
fn bars(bars: &[Parts], scale: &[f64], label: impl Fn(f64) -> String) -> String {
    let top = scale.last().copied().unwrap_or(1.0);
    let y = |value: f64| BOTTOM - (BOTTOM - TOP) * (value / top).clamp(0.0, 1.0);
    let mut svg = String::new();
    for tick in scale {
        let y = y(*tick);
        svg += &format!("<line class=\"grid\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>");
        svg += &text(LEFT - 6.0, y + 4.0, "end", &label(*tick));
    }
    let width = (RIGHT - LEFT) / bars.len().max(1) as f64;
    let gap = (width * 0.12).min(2.0);
    for (nth, parts) in bars.iter().enumerate() {
        let x = LEFT + width * nth as f64 + gap / 2.0;
        let mut below = 0.0;
        for (class, height) in parts.iter().filter(|(_, height)| *height > 0.0) {
            let (from, to) = (y(below + height), y(below));
            // What is there is seen.
            let tall = (to - from).max(1.0);
            let (from, wide) = (to - tall, width - gap);
            svg += &format!(
                "<rect class=\"{class}\" x=\"{x:.2}\" y=\"{from:.2}\" width=\"{wide:.2}\" height=\"{tall:.2}\"/>"
            );
            below += height;
        }
    }
    svg
}

/// How many took how long, with marks at some percentiles.
pub(super) fn latencies(name: &str, times: &Times, marks: &[(&str, f64)]) -> String {
    let steps = times.bars();
    let most = steps.iter().map(|bar| bar.count).max().unwrap_or(0);
    let parts: Vec<Parts> = steps.iter().map(|bar| vec![("time", bar.count as f64)]).collect();
    let mut svg = start(name) + &bars(&parts, &ticks(most as f64, 1.0), number);
    let width = (RIGHT - LEFT) / steps.len().max(1) as f64;
    let edges = steps.iter().map(|bar| bar.from).chain(steps.last().map(|bar| bar.to));
    for (nth, edge) in edges.enumerate().step_by(steps.len().div_ceil(LABELS).max(1)) {
        svg += &below(LEFT + width * nth as f64, &millis(edge));
    }
    for (nth, (label, ms)) in marks.iter().enumerate() {
        let Some(x) = steps.iter().enumerate().find_map(|(nth, bar)| place(nth, bar, *ms)) else { continue };
        let x = LEFT + width * x;
        let (anchor, shift) = if x > RIGHT - 50.0 { ("end", -4.0) } else { ("start", 4.0) };
        svg += &format!("<line class=\"mark\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{BOTTOM}\"/>");
        svg += &text(x + shift, TOP + 9.0 + 16.0 * nth as f64, anchor, label);
    }
    svg + "</svg>"
}

/// Where a time is among the bars, in widths of one; `None` if it is not in this one.
fn place(nth: usize, bar: &Bar, ms: f64) -> Option<f64> {
    let within = bar.from <= ms && ms < bar.to;
    within.then(|| nth as f64 + (ms / bar.from).ln() / (bar.to / bar.from).ln())
}

/// What came when: bars of `step` milliseconds each.
pub(super) fn over_time(name: &str, parts: &[Parts], step: u64, unit: &Unit) -> String {
    let sums = parts.iter().map(|parts| parts.iter().map(|(_, height)| height).sum::<f64>());
    let most = sums.fold(0.0, f64::max);
    let scale: Vec<_> = ticks(most / unit.size, 0.0).into_iter().map(|tick| tick * unit.size).collect();
    let mut svg = start(name) + &bars(parts, &scale, |value| number(value / unit.size));
    let whole = step as f64 * parts.len().max(1) as f64;
    let (size, unit) = clock(whole);
    for tick in ticks(whole / size, 0.0).into_iter().filter(|tick| tick * size <= whole * 1.001) {
        let x = LEFT + (RIGHT - LEFT) * tick * size / whole;
        svg += &below(x, &format!("{} {unit}", number(tick)));
    }
    svg + "</svg>"
}

/// What numbers of an axis are divided by, and what they then are.
pub(super) struct Unit {
    size: f64,
    pub(super) name: &'static str,
}

impl Unit {
    pub(super) const ONE: Self = Self { size: 1.0, name: "" };

    /// The unit in which so many bytes are a number above one.
    pub(super) fn of_bytes(most: f64) -> Self {
        let units = ["B", "KiB", "MiB", "GiB", "TiB"];
        let nth = (0..units.len() - 1).find(|nth| most < 1024f64.powi(*nth as i32 + 1));
        let nth = nth.unwrap_or(units.len() - 1);
        Self { size: 1024f64.powi(nth as i32), name: units[nth] }
    }
}

/// The unit of a time axis: milliseconds of it, and its name.
fn clock(whole: f64) -> (f64, &'static str) {
    match whole {
        ms if ms < 2e3 => (1.0, "ms"),
        ms if ms < 120e3 => (1e3, "s"),
        ms if ms < 7_200e3 => (60e3, "min"),
        ms if ms < 172_800e3 => (3_600e3, "h"),
        _ => (86_400e3, "d"),
    }
}

/// The parts of a whole in one bar.
pub(super) fn shares(name: &str, parts: &[(&str, u64)]) -> String {
    let whole = parts.iter().map(|(_, count)| count).sum::<u64>().max(1) as f64;
    let mut svg = format!(
        "<svg class=\"shares\" viewBox=\"0 0 1000 20\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{name}\">"
    );
    let mut x = 0.0;
    for (class, count) in parts.iter().filter(|(_, count)| *count > 0) {
        let width = *count as f64 * 1000.0 / whole;
        svg += &format!("<rect class=\"{class}\" x=\"{x:.2}\" y=\"0\" width=\"{width:.2}\" height=\"20\"/>");
        x += width;
    }
    svg + "</svg>"
}

/// A bar in a row of a table, which says the number itself.
pub(super) fn row_bar(class: &str, count: u64, most: u64) -> String {
    let width = count as f64 * 100.0 / most.max(1) as f64;
    format!(
        "<svg class=\"row\" viewBox=\"0 0 100 8\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><rect class=\"{class}\" width=\"{width:.2}\" height=\"8\"/></svg>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_stays_within_its_drawing() {
        let mut times = Times::default();
        [0.004, 3.0, 3.1, 800.0, 90_000.0].iter().for_each(|ms| times.add(*ms));
        let svg = latencies("name", &times, &[("p50", 3.1), ("p99", 90_000.0), ("none", 1e9)]);
        let number = |part: &str| part.split('"').next().unwrap().parse::<f64>().unwrap();
        for (attribute, most) in
            [(" x=\"", WIDTH), (" y=\"", HEIGHT), (" width=\"", WIDTH), (" height=\"", HEIGHT)]
        {
            assert!(svg.split(attribute).skip(1).all(|part| (0.0..=most).contains(&number(part))), "{svg}");
        }
        assert_eq!((svg.matches("class=\"time\"").count(), svg.matches("class=\"mark\"").count()), (4, 2));
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }

    #[test]
    fn nothing_is_drawn_of_nothing() {
        for svg in [
            latencies("n", &Times::default(), &[("p50", 0.0)]),
            over_time("n", &[], 1, &Unit::ONE),
            over_time("n", &[vec![("good", 0.0)]], 100, &Unit::ONE),
            shares("n", &[("good", 0)]),
        ] {
            assert!(!svg.contains("<rect") && !svg.contains("NaN") && svg.ends_with("</svg>"), "{svg}");
        }
    }

    #[test]
    fn units_fit() {
        assert_eq!(
            [0.0, 1023.0, 2048.0, 5e9, 1e30].map(|n| Unit::of_bytes(n).name),
            ["B", "B", "KiB", "GiB", "TiB"]
        );
    }
}
