//! GitHub Actions: annotations as workflow commands, and the summary of a step
//! (<https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands>).
//!
//! One annotation for each broken URL, with the pages that link to it; at the line of the list that it came from, if it did.
//! A step shows ten errors and ten warnings, so no more are written; the summary has the rest.

use std::io::{self, Write};

use super::fact::Facts;
use super::links::{LinkReport, Lists, headline, markdown};
use crate::sink::printable;

/// Annotations of one level that a step shows.
const SHOWN: usize = 10;

/// What the summary of a step may hold, bytes; GitHub drops one that is longer.
const MAX_SUMMARY: usize = 1024 * 1024;

/// Writes errors for broken URLs, and warnings for links that could be updated; each on a line.
///
/// # Errors
/// When the facts cannot be read, or `out` cannot be written.
pub fn github(facts: &Facts, lists: &Lists, out: &mut dyn Write) -> io::Result<()> {
    let report = LinkReport::of(facts, lists)?;
    for target in report.targets.shown.iter().take(SHOWN) {
        let mut properties = Vec::new();
        if let (Some(file), Some(line)) = (&target.file, target.line) {
            properties = vec![("file", file.clone()), ("line", line.to_string())];
        }
        properties.push(("title", format!("broken: {}", target.fault.name())));
        let mut message = target.url.clone();
        if let Some(error) = &target.fault.error {
            message += &format!("\n{error}");
        }
        for page in &target.pages.shown {
            message += &format!("\nlinked from {page}");
        }
        if target.pages.more > 0 {
            message += &format!("\nand from {} more", target.pages.more);
        }
        command("error", &properties, &message, out)?;
    }
    for moved in report.moved.shown.iter().take(SHOWN) {
        let pages: String = moved.pages.shown.iter().map(|page| format!("\nlinked from {page}")).collect();
        let message = format!("{} is now {}{pages}", moved.url, moved.to);
        command("warning", &[("title", "moved for good".to_owned())], &message, out)?;
    }
    let hidden = |total: u64| total.saturating_sub(SHOWN as u64);
    let (errors, warnings) = (hidden(report.targets.total()), hidden(report.moved.total()));
    let rest = match errors + warnings {
        0 => String::new(),
        _ => format!("; {errors} more broken and {warnings} more moved are in the summary"),
    };
    command("notice", &[("title", "gannet".to_owned())], &format!("{}{rest}", headline(&report)), out)
}

/// The report for the summary of a step that has `used` bytes already, cut to what there is room for.
///
/// # Errors
/// When the facts cannot be read.
pub fn step_summary(facts: &Facts, lists: &Lists, used: usize) -> io::Result<Vec<u8>> {
    const END: &[u8] = b"\nThe rest does not fit here.\n";
    let mut text = Vec::new();
    markdown(&LinkReport::of(facts, lists)?, &mut text)?;
    let room = MAX_SUMMARY.saturating_sub(used);
    if text.len() > room {
        let most = room.saturating_sub(END.len());
        let whole = text[..most].iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        text.truncate(whole);
        if room > END.len() {
            text.extend_from_slice(END);
        }
    }
    Ok(text)
}

/// `::error file=…,title=…::message`. Nothing in it can end the line or begin another command.
fn command(level: &str, properties: &[(&str, String)], message: &str, out: &mut dyn Write) -> io::Result<()> {
    let properties: Vec<_> =
        properties.iter().map(|(name, value)| format!("{name}={}", escaped(value, true))).collect();
    writeln!(out, "::{level} {}::{}", properties.join(","), escaped(message, false))
}

/// The escapes of the runner: `%`, CR and LF everywhere, `:` and `,` in properties.
fn escaped(text: &str, in_property: bool) -> String {
    let lines: Vec<_> = text.split('\n').map(printable).collect();
    let mut out = String::with_capacity(text.len());
    for c in lines.join("\n").chars() {
        match c {
            '%' => out.push_str("%25"),
            '\n' => out.push_str("%0A"),
            ':' if in_property => out.push_str("%3A"),
            ',' if in_property => out.push_str("%2C"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_stay_on_their_line() {
        let mut out = Vec::new();
        let hostile = "a%0A::stop-commands::x\r\n\u{1b}[2J\u{2028}";
        command("error", &[("title", format!("404, {hostile}"))], &format!("{hostile}\nb"), &mut out)
            .unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.matches('\n').count(), 1);
        assert_eq!(
            text,
            "::error title=404%2C a%250A%3A%3Astop-commands%3A%3Ax\u{fffd}%0A\u{fffd}[2J\u{fffd}::a%250A::stop-commands::x\u{fffd}%0A\u{fffd}[2J\u{fffd}%0Ab\n"
        );
    }
}
