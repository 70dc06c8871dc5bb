//! The HTML report: a run on one page, in one file that asks nobody for anything.
//!
//! [`survey`](self::survey) counts in one pass over the facts, [`detail`](self::detail) looks up in another what only the whole
//! shows, and what is to be mended is that of the [report on links](super::links). Charts are SVG, made here; everything is there without JavaScript, which only sorts and filters.
//! A Content-Security-Policy names the digests of the one style and the one script, so that nothing else can run or be
//! loaded, whatever a server wrote into its titles and URLs; and all of that is escaped besides (`text.rs`).
//!
//! Memory does not grow with the run. Told apart are at most [`MOST_HOSTS`] hosts (some 200 bytes each); what comes later
//! is counted, and the report says so. Shown are [`SHOWN_HOSTS`] hosts, with a histogram of some kilobytes each, and
//! [`MOST_LIST`] of everything else.

mod chart;
mod detail;
mod lists;
mod overview;
mod page;
mod scale;
mod speed;
mod survey;
mod table;
mod tally;
mod text;
mod timeline;
mod times;
mod web;

#[cfg(test)]
mod tests;

use std::io::{self, Write};
use std::time::SystemTime;

use self::detail::Detail;
use self::survey::Survey;
pub(super) use self::text::Text;
use super::Facts;
use super::links::{LinkReport, Lists};

/// Hosts that are told apart.
const MOST_HOSTS: usize = 100_000;

/// Rows of the table of hosts.
const SHOWN_HOSTS: usize = 1_000;

/// Entries of a list.
const MOST_LIST: usize = 100;

/// Broken links shown of one page, and pages of one title.
const OF_ONE: usize = 20;

/// What the facts do not say of a run.
#[derive(Clone, Debug)]
pub struct About {
    /// What was typed, without secrets; `None` if nobody knows.
    pub command: Option<String>,
    /// When the report was made.
    pub made: SystemTime,
}

/// What a section is made of.
struct View<'a> {
    about: &'a About,
    survey: &'a Survey,
    detail: &'a Detail<'a>,
    links: &'a LinkReport,
}

/// Writes the report.
///
/// # Errors
/// When the facts cannot be read, or `out` cannot be written.
pub fn html(facts: &Facts, about: &About, out: &mut dyn Write) -> io::Result<()> {
    let mut survey = Survey::new();
    for fact in facts.read()? {
        survey.add(&fact?);
    }
    let mut detail = Detail::new(&survey);
    for fact in facts.read()? {
        detail.add(&fact?);
    }
    let links = LinkReport::of(facts, &Lists::new())?;
    page::write(&View { about, survey: &survey, detail: &detail, links: &links }, out)
}
