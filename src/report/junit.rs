//! JUnit XML: a test case per URL, as CI systems read it (<https://github.com/testmoapp/junitxml> describes the dialect).

use std::io::{self, Write};
use std::ops::RangeInclusive;

use super::fact::{Fact, Facts};
use super::html::Text;
use crate::url::CrawlUrl;

/// What a URL is to the report.
enum Verdict {
    Passed,
    Skipped(String),
    /// A status that is a failure.
    Failed(String),
    /// No answer.
    Error(String),
}

impl Verdict {
    fn of(fact: &Fact, failing: &[RangeInclusive<u16>]) -> Self {
        let status = fact.status_code.unwrap_or_default();
        let said = |text: &Option<String>| text.clone().unwrap_or_default();
        match fact.outcome.as_str() {
            "finished" if !fact.is_guess() && failing.iter().any(|range| range.contains(&status)) => {
                Self::Failed(format!("status {status}"))
            }
            "failed" => Self::Error(format!("{}: {}", said(&fact.error_kind), said(&fact.error))),
            "skipped" => Self::Skipped(said(&fact.skipped)),
            "cancelled" => Self::Skipped("cancelled".into()),
            _ => Self::Passed,
        }
    }
}

/// Writes the report. `failing` are the statuses of failures; what got no answer is one always.
///
/// # Errors
/// When the facts cannot be read, or `out` cannot be written.
pub fn junit(facts: &Facts, failing: &[RangeInclusive<u16>], out: &mut dyn Write) -> io::Result<()> {
    let (mut tests, mut failures, mut errors, mut skipped, mut time) = (0, 0, 0, 0, 0.0);
    for fact in facts.read()? {
        let fact = fact?;
        tests += 1;
        time += fact.time_total_ms.unwrap_or(0.0) / 1000.0;
        match Verdict::of(&fact, failing) {
            Verdict::Passed => {}
            Verdict::Skipped(_) => skipped += 1,
            Verdict::Failed(_) => failures += 1,
            Verdict::Error(_) => errors += 1,
        }
    }
    let counts = format!(
        "name=\"gannet\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"{skipped}\" time=\"{time:.3}\""
    );
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    writeln!(out, "<testsuites {counts}>\n  <testsuite {counts}>")?;
    for fact in facts.read()? {
        case(&fact?, failing, out)?;
    }
    writeln!(out, "  </testsuite>\n</testsuites>")
}

fn case(fact: &Fact, failing: &[RangeInclusive<u16>], out: &mut dyn Write) -> io::Result<()> {
    let host = CrawlUrl::parse(fact.name()).map_or_else(|_| String::new(), |url| url.host().to_owned());
    let seconds = fact.time_total_ms.unwrap_or(0.0) / 1000.0;
    let (name, host) = (escaped(fact.name()), escaped(&host));
    write!(out, "    <testcase name=\"{name}\" classname=\"{host}\" time=\"{seconds:.3}\"")?;
    let (element, message) = match Verdict::of(fact, failing) {
        Verdict::Passed => return writeln!(out, "/>"),
        Verdict::Skipped(why) => ("skipped", why),
        Verdict::Failed(why) => ("failure", why),
        Verdict::Error(why) => ("error", why),
    };
    let found = fact.source.as_deref().map(|page| format!("linked from {page}")).unwrap_or_default();
    let message = escaped(&message);
    writeln!(out, "><{element} message=\"{message}\">{}</{element}></testcase>", escaped(&found))
}

/// Text for an attribute or an element, without the two characters that XML 1.0 has no way to say (§2.2) and HTML has.
fn escaped(text: &str) -> String {
    Text(&text.replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}")).to_string()
}
