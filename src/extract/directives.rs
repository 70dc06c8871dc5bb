//! What a page asks of robots: `<meta name=robots>` and the header `X-Robots-Tag`, as Google documents them (no standard
//! does).
//!
//! Called by `extract` with what `html` found and with the headers. Words for all robots and words for this one count
//! together, and those of both sources: the strictest wins. `none` is `noindex` and `nofollow`. gannet acts on `nofollow`
//! only; the others are recorded. At most [`MAX_WORDS`], each of at most [`MAX_LEN`] bytes.

/// Words that are kept of a page.
const MAX_WORDS: usize = 16;
/// Bytes of a word that is kept.
const MAX_LEN: usize = 64;
/// Words with a value, whose colon does not stand behind the name of a robot.
const WITH_VALUE: [&str; 4] = ["max-snippet", "max-image-preview", "max-video-preview", "unavailable_after"];

/// The words that hold for this robot, in lower case, each once.
#[derive(Default)]
pub(super) struct Directives(Vec<String>);

impl Directives {
    /// Takes the content of a `<meta>` that is meant for this robot. There a space separates words too, as people write it.
    pub(super) fn meta(&mut self, content: &str) {
        for part in parts(content) {
            match part.contains(':') {
                true => self.add(part),
                false => part.split_whitespace().for_each(|word| self.add(word)),
            }
        }
    }

    /// Takes an `X-Robots-Tag`. What stands behind `name:` is meant for the robot of this name only.
    pub(super) fn header(&mut self, value: &str, robot: &str) {
        let mut is_meant = true;
        for part in parts(value) {
            let word = match part.split_once(':') {
                Some((name, word)) if is_robot(name.trim()) => {
                    is_meant = name.trim().eq_ignore_ascii_case(robot);
                    word
                }
                _ => part,
            };
            if is_meant {
                self.add(word);
            }
        }
    }

    /// Whether the links of the page are not to be followed.
    pub(super) fn nofollow(&self) -> bool {
        self.0.iter().any(|word| word == "nofollow")
    }

    pub(super) fn into_words(self) -> Vec<String> {
        self.0
    }

    fn add(&mut self, word: &str) {
        let word = word.trim();
        if word.eq_ignore_ascii_case("none") {
            self.add("noindex");
            self.add("nofollow");
            return;
        }
        if word.is_empty()
            || word.len() > MAX_LEN
            || self.0.iter().any(|known| known.eq_ignore_ascii_case(word))
        {
            return;
        }
        // Whatever stands before it, the word that is acted on counts.
        if word.eq_ignore_ascii_case("nofollow") {
            self.0.truncate(MAX_WORDS - 1);
        }
        if self.0.len() < MAX_WORDS {
            self.0.push(word.to_ascii_lowercase());
        }
    }
}

/// What stands between commas. The one in a date (`unavailable_after: Friday, 25-Jun-10 15:00:00 PST`) ends nothing.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let is_dated = |part: &str| {
            let name = part.trim_start().get(..WITH_VALUE[3].len());
            let weekday = part.trim_end().ends_with(|c: char| c.is_ascii_alphabetic());
            name.is_some_and(|name| name.eq_ignore_ascii_case(WITH_VALUE[3])) && weekday
        };
        let mut end = text.find(',').unwrap_or(text.len());
        if is_dated(&text[..end])
            && let Some(date) = text.get(end + 1..)
            && date.trim_start().starts_with(|c: char| c.is_ascii_digit())
        {
            end += 1 + date.find(',').unwrap_or(date.len());
        }
        rest = text.get(end + 1..);
        Some(&text[..end])
    })
}

/// Whether what stands before a colon is the name of a robot.
fn is_robot(name: &str) -> bool {
    !name.is_empty()
        && !name.contains(char::is_whitespace)
        && !WITH_VALUE.iter().any(|word| name.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(values: &[&str]) -> Vec<String> {
        let mut directives = Directives::default();
        values.iter().for_each(|value| directives.header(value, "gannet"));
        directives.into_words()
    }

    fn meta(content: &str) -> Vec<String> {
        let mut directives = Directives::default();
        directives.meta(content);
        directives.into_words()
    }

    #[test]
    fn words() {
        assert_eq!(meta("NoIndex,nofollow , ,noindex"), ["noindex", "nofollow"]);
        assert_eq!(meta("noindex nofollow"), ["noindex", "nofollow"]);
        assert_eq!(meta("none"), ["noindex", "nofollow"]);
        assert_eq!(meta("index, max-snippet: 20"), ["index", "max-snippet: 20"]);
        assert_eq!(meta(""), [""; 0]);
        assert_eq!(meta(&"x".repeat(MAX_LEN + 1)), [""; 0]);
        let many: Vec<_> = (0..100).map(|n| n.to_string()).collect();
        assert_eq!(meta(&many.join(",")).len(), MAX_WORDS);
        let late = meta(&(many.join(",") + ",NoFollow"));
        assert!(late.len() == MAX_WORDS && late.contains(&"nofollow".to_owned()));
    }

    #[test]
    fn headers_may_name_a_robot() {
        assert_eq!(header(&["noindex", "nofollow"]), ["noindex", "nofollow"]);
        assert_eq!(header(&["googlebot: noindex, nofollow", "noarchive"]), ["noarchive"]);
        assert_eq!(header(&["noarchive, otherbot: noindex, nofollow"]), ["noarchive"]);
        assert_eq!(header(&["BadBot: noindex, Gannet: nofollow, notranslate"]), ["nofollow", "notranslate"]);
        assert_eq!(header(&["gannet:none"]), ["noindex", "nofollow"]);
    }

    #[test]
    fn values_are_no_robots() {
        assert_eq!(header(&["max-snippet:-1, noindex"]), ["max-snippet:-1", "noindex"]);
        assert_eq!(
            header(&["unavailable_after: 25 Jun 2010 15:00:00 PST"]),
            ["unavailable_after: 25 jun 2010 15:00:00 pst"]
        );
        assert_eq!(
            header(&["unavailable_after: Friday, 25-Jun-10 15:00:00 PST, nofollow"]),
            ["unavailable_after: friday, 25-jun-10 15:00:00 pst", "nofollow"]
        );
        assert_eq!(
            header(&["unavailable_after: 2026-01-01, nofollow"]),
            ["unavailable_after: 2026-01-01", "nofollow"]
        );
    }
}
