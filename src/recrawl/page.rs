//! What a record tells of a page, as far as a later run has a use for it.
//!
//! A record may have been written by anybody, so nothing of it is believed further than a server would be. [`head`] reads what decides whether a page can be asked about, of every record;
//! [`read`] the whole of one that is needed.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::outcome::SCHEMA;
use crate::url::CrawlUrl;

/// What of a record says whether its page can be asked about.
#[derive(Deserialize)]
pub(super) struct Head<'a> {
    schema: Option<u32>,
    #[serde(borrow)]
    outcome: Option<Cow<'a, str>>,
    #[serde(borrow)]
    method: Option<Cow<'a, str>>,
    status_code: Option<u16>,
    #[serde(default)]
    unchanged: bool,
    #[serde(borrow)]
    final_url: Option<Cow<'a, str>>,
    etag: Option<IgnoredAny>,
    last_modified: Option<IgnoredAny>,
    truncated: Option<IgnoredAny>,
    links: Option<IgnoredAny>,
}

impl Head<'_> {
    /// The URL that can be asked about, and whether the record tells its links.
    pub(super) fn subject(&self) -> Option<(CrawlUrl, bool)> {
        let is_whole = matches!((self.status_code, self.unchanged), (Some(200), _) | (Some(304), true))
            && self.outcome.as_deref() == Some("finished")
            && self.truncated.is_none();
        let has_validator = self.etag.is_some() || self.last_modified.is_some();
        let is_get = self.method.as_deref() == Some("GET");
        let text = self.final_url.as_deref().filter(|_| is_whole && has_validator && is_get)?;
        let url = CrawlUrl::parse(text).ok()?;
        // One with a secret in it is not written as it was asked for.
        (url.as_str() == text && !text.contains("***@")).then_some((url, self.links.is_some()))
    }
}

/// Reads the head of a record.
pub(super) fn head(line: &[u8]) -> Result<Head<'_>, String> {
    let head: Head<'_> = serde_json::from_slice(line).map_err(|why| {
        let text = why.to_string();
        let what = text.split(" at line ").next().unwrap_or(&text).to_owned();
        format!("{what} at column {}", why.column())
    })?;
    match (head.schema, &head.outcome) {
        (Some(schema), _) if schema != SCHEMA => {
            Err(format!("it is of schema {schema}, which this version does not know"))
        }
        (_, None) => Err("it has no `outcome`".into()),
        _ => Ok(head),
    }
}

/// A page as an earlier run found it; the fields are those of its record.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct EarlierPage {
    /// When it was recorded.
    pub timestamp: String,
    /// The URL that answered.
    #[serde(rename = "final_url")]
    pub url: String,
    /// Its entity tag.
    pub etag: Option<String>,
    /// When it was last changed.
    pub last_modified: Option<String>,
    /// Its media type.
    pub content_type: Option<String>,
    /// What it is encoded in.
    pub charset: Option<String>,
    /// Its title.
    pub title: Option<String>,
    /// What it asks of robots.
    pub robots: Vec<String>,
    /// SHA-256 of its body.
    pub sha256: Option<String>,
    /// Its links, if the record tells them.
    pub links: Option<Vec<EarlierLink>>,
}

/// A link of a page, as its record has it.
#[derive(Clone, Debug, Deserialize)]
pub struct EarlierLink {
    /// Where it points.
    pub url: String,
    /// The element.
    pub tag: String,
    /// The attribute.
    pub attr: String,
    /// What it is for.
    pub kind: String,
    /// It says `rel=nofollow`.
    #[serde(default)]
    pub nofollow: bool,
    /// What it is called there.
    pub text: Option<String>,
}

pub(super) fn read(line: &[u8]) -> serde_json::Result<EarlierPage> {
    serde_json::from_slice(line)
}
