//! CSV (RFC 4180) of chosen fields, with a header line.

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
    for_terminal: bool,
}

impl Csv {
    /// Of these fields, in this order; `None` is a choice of what people look at first.
    pub fn new(fields: Option<Vec<String>>) -> Self {
        let fields = fields.unwrap_or_else(|| DEFAULT_FIELDS.iter().map(|f| (*f).to_owned()).collect());
        Self { fields, for_terminal: false }
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
        let _ = line(&mut out, self.fields.iter().map(String::as_str));
        out
    }

    fn encode(&mut self, outcome: &Outcome, out: &mut Vec<u8>) -> io::Result<()> {
        let record = fields_of(outcome)?;
        let cells = self.fields.iter().map(|name| match record.get(name) {
            None => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        });
        let safe = self.for_terminal;
        let cells = cells.map(|cell| if safe { printable_lines(&cell).into_owned() } else { cell });
        line(out, cells)
    }
}

fn line<T: AsRef<[u8]>>(out: &mut Vec<u8>, cells: impl Iterator<Item = T>) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(cells)?;
    writer.flush()
}
