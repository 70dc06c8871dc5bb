//! From [`Rules`] back to a robots.txt, for whoever must remember them in a text.
//!
//! Patterns stand in their normal form, which reading leaves as it is. Only two things could read back as
//! something else: a line or a file that is longer than what is read, and an `Allow` for an index page, which
//! reading takes for its directory too.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::parse::MAX_LINE;
use super::{MAX_BYTES, Rules, pattern};

/// See [`Rules::to_text`].
pub(super) fn text(rules: &Rules) -> Option<String> {
    let mut text = String::from("User-agent: *\n");
    for entry in &rules.group.entries {
        let pattern = pattern(&rules.group.text, *entry);
        match entry.allow {
            true => line(&mut text, "Allow:", &literally(pattern))?,
            false => line(&mut text, "Disallow:", pattern)?,
        }
    }
    if let Some(delay) = rules.group.crawl_delay {
        let seconds = format!("{}.{:09}", delay.as_secs(), delay.subsec_nanos());
        line(&mut text, "Crawl-delay:", &seconds)?;
    }
    for sitemap in &rules.sitemaps {
        line(&mut text, "Sitemap:", sitemap)?;
    }
    (text.len() <= MAX_BYTES).then_some(text)
}

fn line(text: &mut String, key: &str, value: &str) -> Option<()> {
    let fits = key.len() + value.len() <= MAX_LINE;
    fits.then(|| writeln!(text, "{key}{value}").ok()).flatten()
}

/// An index page with its first letter escaped, so that its directory is not allowed with it; that has a line of
/// its own if it is.
fn literally(pattern: &str) -> Cow<'_, str> {
    let at = pattern.rfind('/').map_or(pattern.len(), |slash| slash + 1);
    match pattern[at..].strip_prefix('i') {
        Some(rest) if rest.starts_with("ndex.htm") => Cow::Owned(format!("{}%69{rest}", &pattern[..at])),
        _ => Cow::Borrowed(pattern),
    }
}
