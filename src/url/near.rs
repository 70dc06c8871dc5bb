//! [`Near`]: parsing URLs of which most have the origin of the one before.
//!
//! Lists are made of runs of URLs of one site, and so is what a crawl fetches. Of those only the path is parsed, by
//! resolving it against the origin that is at hand: a third of the cost, and most of that is a host that is an address.
//! Gives what [`Url::parse`] gives, which a property test holds.

use url::{ParseError, Position, Url};

/// Remembers the last origin.
#[derive(Clone, Debug, Default)]
pub(crate) struct Near {
    /// The root of the last URL.
    root: Option<Url>,
}

impl Near {
    /// As [`Url::parse`].
    pub(crate) fn parse(&mut self, text: &str) -> Result<Url, ParseError> {
        if let Some(root) = &self.root
            && let Some(path) = text.strip_prefix(&root[..Position::BeforePath])
            && is_path(path)
        {
            return root.join(path);
        }
        let url = Url::parse(text)?;
        self.root = matches!(url.scheme(), "http" | "https").then(|| url.join("/").ok()).flatten();
        Ok(url)
    }
}

/// Whether a parser finds nothing but a path, and what may follow it, where a URL or a reference to one may stand. Not if
/// it may be an authority, as it stands or without its tabs and line breaks.
fn is_path(text: &str) -> bool {
    matches!(text.as_bytes(), [b'/', rest @ ..] if !matches!(rest, [b'/' | b'\\', ..]))
        && !text.contains(['\t', '\n', '\r'])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_after_the_other() {
        let mut near = Near::default();
        for text in [
            "http://127.0.0.1:8700/a",
            "http://127.0.0.1:8700/b?c#d",
            "http://127.0.0.1:87001/",
            "http://127.0.0.1:8700//x/",
            "http://127.0.0.1:8700/\t/x/",
            "http://127.0.0.1:8700",
            "http://127.0.0.1:8700@h/",
            "https://u:p@h/",
            "https://u:p@h/x y",
            "HTTPS://u:p@h/z",
            "data:/x",
            "data:/y",
            "no",
        ] {
            assert_eq!(near.parse(text), Url::parse(text), "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn is_what_parse_gives(
            first in "(http|https|ftp)://(u@)?[a-c0-9.]{1,3}(:8[0-1])?/?",
            rest in "[a-b/\\\\:@.?#%2e \t\u{e9}]{0,8}",
        ) {
            let mut near = Near::default();
            let _ = near.parse(&first);
            let text = format!("{first}{rest}");
            prop_assert_eq!(near.parse(&text), Url::parse(&text));
        }
    }
}
