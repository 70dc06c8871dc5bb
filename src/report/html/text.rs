//! What a server chose, as it may stand in HTML; and numbers as people read them.
//!
//! Everything that is not a constant of the report goes through [`Text`] or [`Link`]. A text is escaped for an element and
//! for a quoted attribute alike, and has U+FFFD for what could turn or hide it. A link is live only if it is `http` or
//! `https`, so that no `javascript:` of a page runs where the report is opened.

use std::borrow::Cow;
use std::fmt::{self, Display, Write as _};

use crate::sink::printable;
use crate::url::redacted;

/// Bytes kept of a text; what was longer is no link any more.
pub(super) const LONGEST: usize = 2048;

/// Characters shown of a URL or a title.
const SHOWN: usize = 140;

/// The text as it is kept.
pub(super) fn clipped(text: &str) -> Cow<'_, str> {
    if text.len() <= LONGEST {
        return text.into();
    }
    let end = (0..=LONGEST).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
    format!("{}…", &text[..end]).into()
}

/// A text in an element or an attribute; of XML too.
#[derive(Clone, Copy, Debug)]
pub(in crate::report) struct Text<'a>(pub(in crate::report) &'a str);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in printable(self.0).chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// A long text with its middle left out; the whole of it shows on hovering.
#[derive(Clone, Copy, Debug)]
pub(super) struct Short<'a>(pub(super) &'a str);

impl Display for Short<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match shortened(self.0) {
            None => write!(f, "<span dir=\"auto\">{}</span>", Text(self.0)),
            Some(short) => {
                write!(f, "<span dir=\"auto\" title=\"{}\">{}</span>", Text(&clipped(self.0)), Text(&short))
            }
        }
    }
}

fn shortened(text: &str) -> Option<String> {
    // Most texts are shorter in bytes already.
    if text.len() <= SHOWN || text.chars().count() <= SHOWN {
        return None;
    }
    let end: Vec<char> = text.chars().rev().take(SHOWN / 3).collect();
    let start = text.chars().take(SHOWN - SHOWN / 3);
    Some(start.chain(['…']).chain(end.into_iter().rev()).collect())
}

/// A URL, or what was meant to be one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link<'a>(pub(super) &'a str);

impl Display for Link<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = redacted(self.0);
        if !is_live(&url) {
            return Short(&url).fmt(f);
        }
        let shown = shortened(&url);
        write!(f, "<a href=\"{}\" rel=\"noreferrer noopener\">", Text(&url))?;
        write!(f, "{}</a>", Text(shown.as_deref().unwrap_or(&url)))
    }
}

fn is_live(url: &str) -> bool {
    let starts =
        |scheme: &str| url.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    // One without its password leads nowhere, and neither does one that was cut.
    let is_whole = !url.contains("***@") && url.len() <= LONGEST;
    (starts("http://") || starts("https://")) && is_whole && printable(url) == url
}

/// `12,345`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Count(pub(super) u64);

impl Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (nth, digit) in digits.chars().enumerate() {
            if nth > 0 && (digits.len() - nth).is_multiple_of(3) {
                f.write_char(',')?;
            }
            f.write_char(digit)?;
        }
        Ok(())
    }
}

/// `1 page`, `1,200 pages`.
pub(super) fn plural(count: u64, noun: &str) -> String {
    format!("{} {noun}{}", Count(count), if count == 1 { "" } else { "s" })
}

/// `4.0 KiB`.
pub(super) fn bytes(count: u64) -> String {
    match count {
        0..1024 => format!("{count} B"),
        _ => bytesize::ByteSize(count).display().iec().to_string(),
    }
}

/// Three digits of a number that is not negative.
pub(super) fn number(value: f64) -> String {
    match value {
        v if v <= 0.0 => "0".into(),
        v if v < 10.0 => format!("{v:.2}").trim_end_matches('0').trim_end_matches('.').to_owned(),
        v if v < 100.0 => format!("{v:.1}").trim_end_matches(".0").to_owned(),
        v => Count(v.round() as u64).to_string(),
    }
}

/// A time in milliseconds with its unit.
pub(super) fn millis(ms: f64) -> String {
    match ms {
        ms if ms < 0.9995 => format!("{} µs", number((ms * 1e3).round())),
        ms if ms < 999.5 => format!("{} ms", number(ms)),
        ms if ms < 120_000.0 => format!("{} s", number(ms / 1e3)),
        ms => {
            let whole = std::time::Duration::from_secs((ms / 1e3).round() as u64);
            humantime::format_duration(whole).to_string()
        }
    }
}

/// The part of a whole in percent: never 0 % of something, nor 100 % of less than all.
pub(super) fn percent(part: u64, whole: u64) -> String {
    match 100.0 * part as f64 / whole.max(1) as f64 {
        _ if part == 0 => "0 %".into(),
        p if p < 0.1 => "&lt;0.1 %".into(),
        p if p > 99.9 && part < whole => "&gt;99.9 %".into(),
        p if p >= 10.0 || p.fract() == 0.0 => format!("{p:.0} %"),
        p => format!("{p:.1} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_gets_out_of_a_text() {
        let text = Text("</script><a b='c' d=\"e\">&\u{202e}\u{0}\n").to_string();
        assert_eq!(
            text,
            "&lt;/script&gt;&lt;a b=&#39;c&#39; d=&quot;e&quot;&gt;&amp;\u{fffd}\u{fffd}\u{fffd}"
        );
    }

    #[test]
    fn only_links_of_the_web_are_live() {
        for dead in [
            "javascript:alert(1)",
            " http://h/",
            "data:text/html,x",
            "http:h",
            "\u{1}http://h/",
            "http://h/\n",
        ] {
            assert!(!Link(dead).to_string().contains("href"), "{dead:?}");
        }
        let long = format!("http://h/{}", "x".repeat(LONGEST));
        assert!(
            !Link(&long).to_string().contains("href") && Link(&long).to_string().len() < 2 * LONGEST + 300
        );
        assert!(!Link(&clipped(&long)).to_string().contains("href"), "what was cut leads elsewhere");
        let link = Link("HTTPS://h/?a='\"&b").to_string();
        assert!(link.starts_with("<a href=\"HTTPS://h/?a=&#39;&quot;&amp;b\" rel="), "{link}");
        let link = Link("https://user:pw@h/").to_string();
        assert!(!link.contains("href") && link.contains("https://user:***@h/"), "{link}");
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!(
            [0, 999, 1000, 1_234_567].map(|n| Count(n).to_string()),
            ["0", "999", "1,000", "1,234,567"]
        );
        assert_eq!([0.0, 0.25, 9.999, 12.34, 1234.5].map(number), ["0", "0.25", "10", "12.3", "1,235"]);
        assert_eq!(
            [0.25, 0.9999, 1.5, 999.4, 999.9, 61_000.0, 3_661_000.0].map(millis),
            ["250 µs", "1 ms", "1.5 ms", "999 ms", "1 s", "61 s", "1h 1m 1s"]
        );
        assert_eq!(
            [(0, 0), (1, 2), (1, 9999), (9998, 9999), (3, 3)].map(|(a, b)| percent(a, b)),
            ["0 %", "50 %", "&lt;0.1 %", "&gt;99.9 %", "100 %"]
        );
        assert_eq!([0, 1023, 4096].map(bytes), ["0 B", "1023 B", "4.0 KiB"]);
    }
}
