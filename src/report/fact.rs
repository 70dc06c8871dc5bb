//! [`Fact`]: a record as a report reads it, by the names of schema 1.

use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize as _};

use super::fact_file::FactFile;
use crate::outcome::{Outcome, Position, WithLinks};
use crate::sink::Encoder;

/// What a record says of one URL; its fields are those of `docs/output.md`, others are passed over.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Fact {
    /// The version of the record's form.
    pub schema: Option<u32>,
    /// When the outcome was decided, RFC 3339.
    pub timestamp: String,
    /// Number of the URL in the order of admission.
    pub seq: u64,
    /// The seed as written, where it is not the URL.
    pub input: Option<String>,
    /// Of a seed: the number of its source and its line there, both from 0. Only [`FactLines`] write it.
    pub position: Option<(u32, u64)>,
    /// The URL; `None` for a seed that is none.
    pub url: Option<String>,
    /// The URL that answered last.
    pub final_url: Option<String>,
    /// Where a redirect leads that was not followed.
    pub location: Option<String>,
    /// `finished`, `failed`, `fallback`, `skipped` or `cancelled`.
    pub outcome: String,
    /// HTTP status of the last answer.
    pub status_code: Option<u16>,
    /// Media type.
    pub content_type: Option<String>,
    /// Title of the page.
    pub title: Option<String>,
    /// Bytes kept, decoded.
    pub body_bytes: Option<u64>,
    /// Bytes received.
    pub wire_bytes: Option<u64>,
    /// It is as an earlier run found it.
    pub unchanged: bool,
    /// Why the body is not whole.
    pub truncated: Option<String>,
    /// Links from a seed.
    pub depth: u16,
    /// The page that it was found on first.
    pub source: Option<String>,
    /// The element it was found in.
    pub tag: Option<String>,
    /// The attribute it was found in.
    pub attr: Option<String>,
    /// The redirects before the last request.
    pub chain: Vec<Hop>,
    /// The links of the page.
    pub links: Vec<LinkFact>,
    /// How often it was tried.
    pub attempts: u32,
    /// The cause in words.
    pub error: Option<String>,
    /// The kind of the error.
    pub error_kind: Option<String>,
    /// Why it was not fetched.
    pub skipped: Option<String>,
    /// From the start of the attempt to the head of the answer, ms.
    pub time_ttfb_ms: Option<f64>,
    /// The whole last attempt, ms.
    pub time_total_ms: Option<f64>,
}

/// A redirect that was followed.
#[derive(Clone, Debug, Deserialize)]
pub struct Hop {
    /// The URL that redirected.
    pub url: String,
    /// Its status.
    pub status_code: u16,
}

/// A link of a page.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct LinkFact {
    /// Where it points.
    pub url: String,
    /// The element.
    pub tag: String,
    /// The attribute.
    pub attr: String,
    /// It says `rel=nofollow`.
    #[serde(default)]
    pub nofollow: bool,
    /// What it is called there.
    pub text: Option<String>,
}

impl Fact {
    /// The URL, or the seed that is none.
    pub fn name(&self) -> &str {
        self.url.as_deref().or(self.input.as_deref()).unwrap_or_default()
    }

    /// What became of the URL, as reports count it.
    pub(super) fn fate(&self) -> Fate {
        let is_forbidden = self.error_kind.as_deref() == Some("robots_denied");
        match (self.outcome.as_str(), self.status_code) {
            ("failed" | "fallback", _) if is_forbidden => Fate::NotAsked,
            ("failed" | "fallback", _) => Fate::Failed,
            ("finished", Some(status @ 400..)) if !self.is_guess() => Fate::Refused(status),
            ("finished", _) => Fate::Good,
            _ => Fate::NotAsked,
        }
    }

    /// Whether nobody said that it is there: a `/sitemap.xml` that no robots.txt names.
    pub fn is_guess(&self) -> bool {
        self.tag.as_deref() == Some("robots") && self.attr.as_deref() == Some("default")
    }
}

/// What became of a URL. Whoever got a payload in place of an answer got none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// An answer below 400, or any to a question that nobody had to answer.
    Good,
    /// An answer of 400 and above.
    Refused(u16),
    /// No whole answer.
    Failed,
    /// Skipped, cancelled, or forbidden by robots.txt behind a redirect: nobody's fault.
    NotAsked,
}

impl Fate {
    pub(super) fn is_bad(self) -> bool {
        matches!(self, Self::Refused(_) | Self::Failed)
    }
}

/// A record, and what only reports need.
#[derive(serde::Serialize)]
struct KeptFact<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<(u32, u64)>,
    #[serde(flatten)]
    record: WithLinks<'a>,
}

/// Writes outcomes as [`Facts`] reads them: records with all links and without bodies.
#[derive(Clone, Copy, Debug, Default)]
pub struct FactLines;

impl Encoder for FactLines {
    fn encode(&mut self, outcome: &Outcome, out: &mut Vec<u8>) -> io::Result<()> {
        let Position { source, line } = outcome.position;
        let position = (outcome.position != Position::NONE).then_some((source, line));
        let kept = KeptFact { position, record: WithLinks(outcome) };
        kept.serialize(&mut serde_json::Serializer::new(&mut *out))?;
        out.push(b'\n');
        Ok(())
    }
}

/// Files of facts, to be read from their start as often as is needed.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Each with what to call it.
    files: Vec<(PathBuf, String)>,
}

/// What is in files of facts that somebody gave.
#[derive(Clone, Debug, Default)]
pub struct Checked {
    /// How many records.
    pub records: u64,
    /// Whether any of them has links.
    pub links: bool,
    /// The files that end within a record, as a killed run leaves them.
    pub cut: Vec<String>,
}

impl Facts {
    /// Those of this file of JSON Lines.
    pub fn of(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let name = path.display().to_string();
        Self { files: vec![(path, name)] }
    }

    /// Those of several files, each with what to call it, one after the other.
    pub fn named(files: Vec<(PathBuf, String)>) -> Self {
        Self { files }
    }

    /// All of them, in the order of the files. A record that breaks off at the end of a file is left out.
    ///
    /// # Errors
    /// When a file cannot be opened; as an item, when a line cannot be read or is no record.
    pub fn read(&self) -> io::Result<impl Iterator<Item = io::Result<Fact>> + use<>> {
        let open = |(path, name): &(PathBuf, String)| FactFile::open(path, name.clone());
        let files = self.files.iter().map(open).collect::<io::Result<Vec<_>>>()?;
        Ok(files.into_iter().flatten())
    }

    /// Reads all of them, to say what is there before something is made of it.
    ///
    /// # Errors
    /// As [`read`](Self::read), the items included.
    pub fn check(&self) -> io::Result<Checked> {
        let mut checked = Checked::default();
        for (path, name) in &self.files {
            let mut file = FactFile::open(path, name.clone())?;
            for fact in &mut file {
                checked.links |= !fact?.links.is_empty();
                checked.records += 1;
            }
            if file.is_cut() {
                checked.cut.push(name.clone());
            }
        }
        Ok(checked)
    }
}
