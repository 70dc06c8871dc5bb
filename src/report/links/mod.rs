//! The report on links: which are broken and where they stand, what has moved, what a sitemap alone knows.
//!
//! [`LinkReport::of`] makes it of the facts of a run (`gather`); `sections` puts it into words once, for text, Markdown and
//! CI alike, and `markup` writes those. Every list is [`Capped`], so that the report of any site can be read, and fits into
//! memory. What a link points to is what the crawl made of it: fragments count for nothing.

mod budget;
mod gather;
mod markup;
mod sections;

use std::fmt;
use std::io::{self, Write};

use serde::Serialize;

pub use self::gather::Lists;
pub(super) use self::markup::{markdown, text};
pub(super) use self::sections::headline;
use super::fact::Facts;

/// The most that a list shows.
pub(super) const MOST: usize = 1000;

/// The forms of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkForm {
    /// Lines for people.
    Text,
    /// CommonMark, safe to be shown anywhere.
    Markdown,
    /// One JSON object.
    Json,
}

/// What is to be said of the links of a run.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LinkReport {
    /// URLs that were asked for.
    pub checked: u64,
    /// Those of them that are broken.
    pub broken: u64,
    /// Links to them.
    pub broken_links: u64,
    /// Pages that have such links.
    pub broken_pages: u64,
    /// These pages, the nearest to a seed first.
    pub pages: Capped<BadPage>,
    /// The broken URLs, those with most links first.
    pub targets: Capped<Target>,
    /// Links to what has moved for good, and could be updated.
    pub moved: Capped<Moved>,
    /// URLs that robots.txt forbids, and pages link to.
    pub blocked: Capped<Target>,
    /// URLs that a sitemap lists, and no page that was read links to.
    pub orphans: Capped<String>,
    /// Titles that several pages have.
    pub titles: Capped<SameTitle>,
    /// Pages without a title.
    pub untitled: Capped<String>,
    /// The fetches that took longest, in milliseconds.
    pub slowest: Vec<Measured>,
    /// The largest bodies, in bytes, decoded.
    pub largest: Vec<Measured>,
}

/// A list that is cut, and how much is missing.
#[derive(Clone, Debug, Serialize)]
pub struct Capped<T> {
    /// What is shown.
    pub shown: Vec<T>,
    /// How many more there are.
    pub more: u64,
}

/// A page with broken links.
#[derive(Clone, Debug, Default, Serialize)]
pub struct BadPage {
    /// Its URL.
    pub url: String,
    /// Links from a seed.
    pub depth: u16,
    /// Its broken links, in the order of the page.
    pub links: Capped<BadLink>,
}

/// A broken link.
#[derive(Clone, Debug, Serialize)]
pub struct BadLink {
    /// Where it points.
    pub url: String,
    /// What is wrong there.
    #[serde(flatten)]
    pub fault: Fault,
    /// The element.
    pub tag: String,
    /// The attribute.
    pub attr: String,
    /// What it is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// It says `rel=nofollow`.
    pub nofollow: bool,
}

/// What is wrong with a URL.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Fault {
    /// The status of the answer, if that is what is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_code: Option<u16>,
    /// The kind of the error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_kind: Option<String>,
    /// It in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Where redirects led.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<String>,
}

/// A URL that something is wrong with.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Target {
    /// The URL, or the seed that is none.
    pub url: String,
    /// What is wrong.
    #[serde(flatten)]
    pub fault: Fault,
    /// Pages that link to it.
    pub pages: Capped<String>,
    /// The list that has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Its line there, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
}

/// What links could be updated to.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Moved {
    /// What the links say.
    pub url: String,
    /// The statuses of the redirects, all permanent.
    pub statuses: Vec<u16>,
    /// What they could say.
    pub to: String,
    /// Pages that have such links.
    pub pages: Capped<String>,
}

/// A title that several pages have.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SameTitle {
    /// The title.
    pub title: String,
    /// The pages.
    pub pages: Capped<String>,
}

/// A URL and a number.
#[derive(Clone, Debug, Serialize)]
pub struct Measured {
    /// The URL.
    pub url: String,
    /// The number.
    pub value: f64,
}

impl<T> Default for Capped<T> {
    fn default() -> Self {
        Self { shown: Vec::new(), more: 0 }
    }
}

impl<T> Capped<T> {
    /// Adds one, shown if there are less than `most`.
    fn push(&mut self, most: usize, item: impl FnOnce() -> T) {
        match self.shown.len() < most {
            true => self.shown.push(item()),
            false => self.more += 1,
        }
    }

    fn of(items: Vec<T>) -> Self {
        let mut list = Self { shown: items, more: 0 };
        list.cut(MOST);
        list
    }

    fn cut(&mut self, most: usize) {
        self.more += self.shown.len().saturating_sub(most) as u64;
        self.shown.truncate(most);
    }

    /// All of them, shown or not.
    pub fn total(&self) -> u64 {
        self.shown.len() as u64 + self.more
    }
}

impl Fault {
    /// `404`, `dns`.
    pub(super) fn name(&self) -> String {
        let status = self.status_code.map(|status| status.to_string());
        self.error_kind.clone().or(status).unwrap_or_else(|| "blocked".into())
    }
}

/// `404`, `dns: no such host`, `404 at http://…`.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())?;
        if let Some(error) = &self.error {
            write!(f, ": {error}")?;
        }
        self.ends_at.as_ref().map_or(Ok(()), |url| write!(f, " at {url}"))
    }
}

/// Writes the report on links.
///
/// # Errors
/// When the facts cannot be read, or `out` cannot be written.
pub fn links(facts: &Facts, lists: &Lists, form: LinkForm, out: &mut dyn Write) -> io::Result<()> {
    let report = LinkReport::of(facts, lists)?;
    match form {
        LinkForm::Text => text(&report, out),
        LinkForm::Markdown => markdown(&report, out),
        LinkForm::Json => writeln!(out, "{}", crate::sink::to_json(&report)?),
    }
}

#[cfg(test)]
mod tests;
