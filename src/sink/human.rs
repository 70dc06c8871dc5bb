//! Lines for people at a terminal: status, time, size, URL, and why it failed.
//!
//! What comes from the network may hold escape sequences; none reaches the terminal.

use std::io::{self, Write as _};

use super::{Encoder, printable};
use crate::outcome::{Outcome, OutcomeKind};

/// One line per record, coloured or not.
#[derive(Clone, Copy, Debug)]
pub struct Human {
    colour: bool,
}

impl Human {
    /// `colour` says whether ANSI colours are wanted.
    pub fn new(colour: bool) -> Self {
        Self { colour }
    }
}

impl Encoder for Human {
    fn encode(&mut self, outcome: &Outcome, out: &mut Vec<u8>) -> io::Result<()> {
        let (label, colour) = label(outcome);
        let (on, off) = if self.colour { (colour, "\x1b[0m") } else { ("", "") };
        let time =
            outcome.timings.map_or(String::new(), |t| format!("{:.0} ms", t.total.as_secs_f64() * 1e3));
        let size = outcome.response.as_ref().filter(|r| r.status.is_some());
        let size = size.map_or(String::new(), |r| bytesize::ByteSize(r.body_bytes).to_string());
        write!(out, "{on}{label:>9}{off} {time:>9} {size:>10}  {}", printable(&outcome.name()))?;
        if let Some(url) = outcome.response.as_ref().and_then(|r| r.final_url.as_ref())
            && outcome.url.as_ref() != Some(url)
        {
            write!(out, " → {}", printable(&url.to_string()))?;
        }
        if let Some(cut) = outcome.response.as_ref().and_then(|r| r.truncated) {
            write!(out, "  (cut: {})", format!("{cut:?}").to_lowercase())?;
        }
        if let Some(error) = &outcome.error {
            write!(out, "  {}: {}", error.kind, printable(&error.message))?;
        }
        if let Some(skip) = outcome.skipped {
            write!(out, "  {}", skip.as_str())?;
        }
        out.push(b'\n');
        Ok(())
    }
}

fn label(outcome: &Outcome) -> (String, &'static str) {
    const GREEN: &str = "\x1b[32m";
    const YELLOW: &str = "\x1b[33m";
    const RED: &str = "\x1b[31m";
    const DIM: &str = "\x1b[2m";
    match (outcome.kind, outcome.status()) {
        (OutcomeKind::Finished, Some(status @ ..400)) => (status.to_string(), GREEN),
        (OutcomeKind::Finished, Some(status)) => (status.to_string(), YELLOW),
        (OutcomeKind::Failed, _) => ("failed".into(), RED),
        (kind, _) => (kind.as_str().into(), DIM),
    }
}
