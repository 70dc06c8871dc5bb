//! Why a robots.txt says what it says: for the author of the file, and for whoever is kept out by it.
//!
//! [`explain`] reads a file as [`Rules::parse`] does, by the same reader, and remembers where things stand. The
//! verdict is the one of its [`rules`](Explanation::rules), so the two cannot disagree. Made for the command
//! `gannet robots`; a crawl keeps only the rules.

use std::borrow::Cow;

use super::Rules;
use super::parse::{Reading, read};
use super::text::{Lines, text};

/// The most of a line that is shown, in bytes.
const SHOWN: usize = 500;

/// What a robots.txt says to one crawler, and where.
#[derive(Clone, Debug)]
pub struct Explanation<'a> {
    text: Cow<'a, [u8]>,
    /// The rules that apply.
    pub rules: Rules,
    /// The numbers of the user-agent lines because of which they do, from 1. Empty when no group applies.
    pub agents: Vec<u32>,
    /// Some group names the crawler; else it is the groups for `*` that apply, if there are any.
    pub is_named: bool,
}

/// Explains what `body` says to the crawler called `product_token`. See [`Rules::parse`] for how both are read.
pub fn explain<'a>(body: &'a [u8], product_token: &str) -> Explanation<'a> {
    let text = text(body);
    let Reading { rules, agents, is_named } = read(&text, product_token);
    Explanation { text, rules, agents, is_named }
}

impl Explanation<'_> {
    /// A line of the file as it stands there, from number 1; at most 500 bytes of it.
    pub fn line(&self, number: u32) -> Option<String> {
        let (_, line) = Lines::new(&self.text).find(|(nth, _)| *nth == number)?;
        Some(String::from_utf8_lossy(&line[..line.len().min(SHOWN)]).trim().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FILE: &[u8] = b"\xef\xbb\xbf# ours\rUser-agent: *\r\nDisallow: /\n\n\
        user-agent: Gannet/2 # us\nUser-agent: other\nAllow: /a/index.html\nDisallow: /a\n";

    #[test]
    fn lines_are_numbered_and_shown_as_they_stand() {
        let named = explain(FILE, "gannet");
        assert_eq!((&named.agents[..], named.is_named), (&[5][..], true));
        assert_eq!(named.line(5).as_deref(), Some("user-agent: Gannet/2 # us"));
        let rule = named.rules.verdict("/a/b").rule.unwrap();
        assert_eq!(named.line(rule.line).as_deref(), Some("Disallow: /a"));
        // It is allowed by a rule that stands there only in its longer form.
        let rule = named.rules.verdict("/a/").rule.unwrap();
        assert_eq!(named.line(rule.line).as_deref(), Some("Allow: /a/index.html"));
        assert_eq!((named.line(0), named.line(99)), (None, None));
    }

    #[test]
    fn the_group_for_all_and_none() {
        let everyone = explain(FILE, "somebody");
        assert_eq!((&everyone.agents[..], everyone.is_named), (&[2][..], false));
        let nobody = explain(b"User-agent: x\nDisallow: /", "gannet");
        assert!(nobody.agents.is_empty() && !nobody.is_named && nobody.rules.allows("/"));
    }

    #[test]
    fn a_long_line_is_cut() {
        let file = format!("User-agent: *\nDisallow: /{}", "ä".repeat(9000));
        assert!(explain(file.as_bytes(), "x").line(2).unwrap().len() <= SHOWN + '\u{fffd}'.len_utf8());
    }

    proptest! {
        #[test]
        fn it_agrees_with_the_rules(
            lines in prop::collection::vec(("(user-agent|allow|disallow|crawl-delay|sitemap|#)", "[ :]{0,2}", "[*$a/%0-9\\x00é-]{0,6}", "(\n|\r|\r\n)"), 0..30),
            path in "/[a/%$*0-9]{0,8}",
        ) {
            let file: String = lines.iter().map(|(k, s, v, end)| format!("{k}{s}{v}{end}")).collect();
            let rules = Rules::parse(file.as_bytes(), "a");
            let explanation = explain(file.as_bytes(), "a");
            let verdict = explanation.rules.verdict(&path);
            prop_assert_eq!(rules.verdict(&path), verdict);
            prop_assert_eq!(rules.sitemaps(), explanation.rules.sitemaps());
            if let Some(rule) = verdict.rule {
                // Nothing but the line that is shown, in a group of its own, says the same.
                let line = explanation.line(rule.line).unwrap();
                let alone = Rules::parse(format!("user-agent: a\n{line}").as_bytes(), "a");
                prop_assert_eq!(alone.allows(&path), rule.allow);
                prop_assert!(!explanation.agents.is_empty());
            }
            for agent in &explanation.agents {
                let line = explanation.line(*agent).unwrap();
                let alone = Rules::parse(format!("{line}\ndisallow: /").as_bytes(), "a");
                prop_assert!(!alone.allows("/"));
            }
        }
    }
}
