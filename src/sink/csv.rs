//! CSV (RFC 4180) and TSV of chosen fields, with a header line.
//!
//! Tables are opened in spreadsheets, which take a text that begins like a formula for one, and a server chose the text: an
//! apostrophe in front makes it text again (CWE-1236). NUL, which many readers take for the end, stands as U+FFFD. In TSV no
//! value holds a tab or ends a line, since what has no quotes (IANA `text/tab-separated-values`) could not tell.

use std::borrow::Cow;
use std::io;

use serde_json::Value;

use super::json::fields_of;
use super::{Encoder, printable_lines};
use crate::outcome::Outcome;

/// The columns when none are chosen.
pub(crate) const DEFAULT_FIELDS: &[&str] = &[
    "url",
    "outcome",
    "status_code",
    "content_type",
    "body_bytes",
    "title",
    "depth",
    "source",
    "attempts",
    "error_kind",
    "error",
    "time_total_ms",
    "final_url",
];

/// One line per record. What is no text, number or boolean stands as JSON.
#[derive(Clone, Debug)]
pub struct Csv {
    fields: Vec<String>,
    tabs: bool,
    for_terminal: bool,
}

impl Csv {
    /// Of these fields, in this order; `None` is a choice of what people look at first.
    pub fn new(fields: Option<Vec<String>>) -> Self {
        let fields = fields.unwrap_or_else(|| DEFAULT_FIELDS.iter().map(|f| (*f).to_owned()).collect());
        Self { fields, tabs: false, for_terminal: false }
    }

    /// The same with tabs between the columns, and none in them. Values with a `"` are quoted as in CSV: `cut` and its like
    /// have each in its column all the same, and readers that know quotes do not miss an end.
    pub fn with_tabs(self) -> Self {
        Self { tabs: true, ..self }
    }

    /// The same for people to look at: what could upset their terminal is left out. CSV has no escapes for it.
    pub fn for_terminal(self, for_terminal: bool) -> Self {
        Self { for_terminal, ..self }
    }
}

impl Encoder for Csv {
    fn head(&self) -> Vec<u8> {
        let mut out = Vec::new();
        // Writing to memory does not fail, and the names need no escapes.
        let _ = self.line(&mut out, self.fields.iter().map(String::as_str));
        out
    }

    fn encode(&mut self, outcome: &Outcome, out: &mut Vec<u8>) -> io::Result<()> {
        let record = fields_of(outcome)?;
        let cells = self.fields.iter().map(|name| match record.get(name) {
            None => String::new(),
            Some(Value::String(text)) => self.cell(text),
            Some(other) => self.cell(&other.to_string()),
        });
        self.line(out, cells)
    }
}

impl Csv {
    fn cell(&self, text: &str) -> String {
        let text = if text.starts_with(FORMULA) { format!("'{text}").into() } else { Cow::from(text) };
        let text = match self.tabs {
            true => text.replace(['\t', '\r', '\n'], " ").into(),
            false => text,
        };
        let text = text.replace('\0', "\u{fffd}");
        if self.for_terminal { printable_lines(&text).into_owned() } else { text }
    }

    fn line<T: AsRef<[u8]>>(&self, out: &mut Vec<u8>, cells: impl Iterator<Item = T>) -> io::Result<()> {
        let delimiter = if self.tabs { b'\t' } else { b',' };
        let mut writer = csv::WriterBuilder::new().delimiter(delimiter).from_writer(out);
        writer.write_record(cells)?;
        writer.flush()
    }
}

/// What a formula begins with, in any spreadsheet: the wide forms are those of Excel in East Asian languages.
const FORMULA: [char; 11] =
    ['=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{OutcomeKind, Received};

    fn table(title: &str, tabs: bool) -> String {
        let received = Received { title: Some(title.to_owned()), ..Received::default() };
        let outcome =
            Outcome { response: Some(Box::new(received)), ..Outcome::new(OutcomeKind::Finished, None) };
        let fields = ["depth", "title", "outcome"].map(str::to_owned);
        let csv = Csv::new(Some(fields.into()));
        let mut csv = if tabs { csv.with_tabs() } else { csv };
        let mut out = csv.head();
        csv.encode(&outcome, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn no_title_gets_out_of_its_cell() {
        for title in ["plain", "a\tb", "a\r\nb\n", "\"open", "a,\"b\"", "\0", " ", "", "'", "\u{2028}", "é"]
        {
            let csv = table(title, false);
            let record = csv::Reader::from_reader(csv.as_bytes()).records().next().unwrap().unwrap();
            assert_eq!(record, vec!["0", &title.replace('\0', "\u{fffd}"), "finished"], "{title:?}");
            let tsv = table(title, true);
            // Who knows no quotes finds the columns too.
            let lines: Vec<Vec<_>> = tsv.lines().map(|line| line.split('\t').collect()).collect();
            assert_eq!((lines.len(), &lines[0][..]), (2, &["depth", "title", "outcome"][..]), "{tsv:?}");
            assert_eq!((lines[1].len(), lines[1][0], lines[1][2]), (3, "0", "finished"), "{tsv:?}");
            let mut reader = csv::ReaderBuilder::new().delimiter(b'\t').from_reader(tsv.as_bytes());
            let record = reader.records().next().unwrap().unwrap();
            assert_eq!(record[1], title.replace(['\t', '\r', '\n'], " ").replace('\0', "\u{fffd}"));
        }
    }

    #[test]
    fn no_title_is_a_formula() {
        for title in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r\n=1", "\u{ff1d}1"] {
            for tabs in [false, true] {
                let table = table(title, tabs);
                assert!(
                    table.contains("0,'") || table.contains("0,\"'") || table.contains("0\t'"),
                    "{table:?}"
                );
            }
        }
    }
}
