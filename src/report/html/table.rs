//! Tables: a caption, heads with a scope, and cells whose numbers can be sorted whatever their unit is.

use std::fmt::Display;

use super::text::{Count, bytes, millis};

/// How a column is sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    Words(&'static str),
    Number(&'static str),
    /// A number, and the table comes sorted by it.
    Greatest(&'static str),
    /// For the eye, not for sorting.
    Bar,
}

/// What a table offers when scripts run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    Read,
    Sort,
    SortAndFilter,
}

/// A table of rows that are written already.
pub(super) fn table(caption: &str, with: Use, columns: &[Column], rows: &str) -> String {
    let class = if with == Use::Read { "" } else { " class=\"sorts\"" };
    let filter = match with {
        Use::SortAndFilter => {
            "<p class=\"filter\" hidden><label>Filter <input type=\"search\" spellcheck=\"false\" autocomplete=\"off\"></label> <output></output></p>"
        }
        Use::Read | Use::Sort => "",
    };
    let heads: String = columns.iter().map(head).collect();
    format!(
        "{filter}<div class=\"scroll\" role=\"region\" aria-label=\"{caption}\" tabindex=\"0\"><table{class}>\
         <caption>{caption}</caption><thead><tr>{heads}</tr></thead>\n{rows}</table></div>\n"
    )
}

fn head(column: &Column) -> String {
    match column {
        Column::Words(name) => format!("<th scope=\"col\">{name}</th>"),
        Column::Number(name) => format!("<th scope=\"col\" class=\"n\">{name}</th>"),
        Column::Greatest(name) => {
            format!("<th scope=\"col\" class=\"n\" aria-sort=\"descending\">{name}</th>")
        }
        Column::Bar => "<td class=\"bar\"></td>".into(),
    }
}

/// A row of a body, which begins with what it is about.
pub(super) fn row(head: impl Display, cells: &[String]) -> String {
    format!("<tr><th scope=\"row\">{head}</th>{}</tr>\n", cells.concat())
}

pub(super) fn cell(what: impl Display) -> String {
    format!("<td>{what}</td>")
}

/// A cell that is sorted by this value, and shows that.
pub(super) fn value(value: impl Display, shown: impl Display) -> String {
    format!("<td class=\"n\" data-v=\"{value}\">{shown}</td>")
}

pub(super) fn count(count: u64) -> String {
    value(count, Count(count))
}

/// A count that is worth a look if there is any.
pub(super) fn alarm(class: &str, n: u64) -> String {
    match n {
        0 => "<td class=\"n none\" data-v=\"0\">0</td>".into(),
        n => format!("<td class=\"n {class}\" data-v=\"{n}\">{}</td>", Count(n)),
    }
}

pub(super) fn size(n: u64) -> String {
    value(n, bytes(n))
}

/// A time in milliseconds; `None` where there is none.
pub(super) fn time(ms: Option<f64>) -> String {
    ms.map_or_else(|| value(-1, "–"), |ms| value(format_args!("{ms:.3}"), millis(ms)))
}
