//! JSON Lines, and one JSON array. The schema is `docs/output.md`.

use std::io;

use serde::{Serialize as _, Serializer as _};
use serde_json::{Map, Value};

use super::Encoder;
use super::printable::serializer;
use crate::outcome::Outcome;

/// One JSON object per line, of all fields or of chosen ones.
#[derive(Clone, Debug, Default)]
pub struct JsonLines {
    fields: Option<Vec<String>>,
}

impl JsonLines {
    /// Of these fields, in this order; `None` is all.
    pub fn new(fields: Option<Vec<String>>) -> Self {
        Self { fields }
    }

    fn object(&self, outcome: &Outcome, out: &mut Vec<u8>) -> io::Result<()> {
        match &self.fields {
            None => outcome.serialize(&mut serializer(out))?,
            Some(fields) => {
                let all = fields_of(outcome)?;
                // Not a `Map`: that would sort them.
                let chosen = fields.iter().filter_map(|name| all.get_key_value(name));
                serializer(out).collect_map(chosen)?;
            }
        }
        Ok(())
    }
}

impl Encoder for JsonLines {
    fn encode(&mut self, outcome: &Outcome, out: &mut Vec<u8>) -> io::Result<()> {
        self.object(outcome, out)?;
        out.push(b'\n');
        Ok(())
    }
}

/// One array of all records, an object per line.
#[derive(Clone, Debug, Default)]
pub struct Json(JsonLines);

impl Json {
    /// Of these fields, in this order; `None` is all.
    pub fn new(fields: Option<Vec<String>>) -> Self {
        Self(JsonLines::new(fields))
    }
}

impl Encoder for Json {
    fn head(&self) -> Vec<u8> {
        b"[\n".to_vec()
    }

    fn encode(&mut self, outcome: &Outcome, out: &mut Vec<u8>) -> io::Result<()> {
        self.0.object(outcome, out)
    }

    fn separator(&self) -> &'static [u8] {
        b",\n"
    }

    fn tail(&self) -> &'static [u8] {
        b"\n]\n"
    }
}

/// The record as a map, for formats that pick from it.
pub(super) fn fields_of(outcome: &Outcome) -> io::Result<Map<String, Value>> {
    match serde_json::to_value(outcome)? {
        Value::Object(fields) => Ok(fields),
        other => Err(io::Error::other(format!("a record is no object: {other}"))),
    }
}
