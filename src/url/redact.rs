//! URLs as they are shown: without the secrets of their userinfo.
//!
//! [`CrawlUrl`](super::CrawlUrl) prints and serialises itself by this; [`as_str`](super::CrawlUrl::as_str) has all of it,
//! for what is sent, compared and kept to go on with. A user name stands where a password does too; alone it may well
//! be a token (`https://TOKEN@host/`), so then nothing of it is shown. Queries are not looked at.

use std::borrow::Cow;

/// What stands for a secret.
const STARS: &str = "***";

/// A text that may be a URL, or was meant to be one, as it may be shown.
pub fn redacted(text: &str) -> Cow<'_, str> {
    // As lenient as the parser: any slashes behind the scheme, or none, either way round.
    let bare = text.trim_start_matches(|c: char| c.is_control() || c == ' ');
    let scheme = bare.find(':').filter(|at| matches!(&*bare[..*at].to_ascii_lowercase(), "http" | "https"));
    let (scheme, slashes) = match (bare.find("://"), scheme) {
        (Some(at), _) => (at + 1, true),
        (None, Some(at)) => (at + 1, true),
        (None, None) => (0, false),
    };
    let rest = bare[scheme..].trim_start_matches(|c| slashes && matches!(c, '/' | '\\'));
    let start = text.len() - rest.len();
    let end = start + rest.find(['/', '\\', '?', '#']).unwrap_or(rest.len());
    match secret(&text[start..end]) {
        Some((from, to)) => format!("{}{STARS}{}", &text[..start + from], &text[start + to..]).into(),
        None => text.into(),
    }
}

/// Where the secret stands in `user:password@host`.
pub(super) fn secret(authority: &str) -> Option<(usize, usize)> {
    let at = authority.rfind('@')?;
    let from = authority[..at].find(':').map_or(0, |colon| colon + 1);
    (from < at).then_some((from, at))
}

/// What of a URL may be shown: the parts before and after the secret of its authority, which is at `start..end`.
pub(super) fn parts(text: &str, (start, end): (usize, usize)) -> (&str, &str, &str) {
    match secret(&text[start..end]) {
        Some((from, to)) => (&text[..start + from], STARS, &text[start + to..]),
        None => (text, "", ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::url::CrawlUrl;

    #[test]
    fn urls_show_no_secret() {
        for (url, shown) in [
            ("https://user:pw@h/a?b=c", "https://user:***@h/a?b=c"),
            ("https://user:p%40:w@h:81/", "https://user:***@h:81/"),
            ("https://token@h/", "https://***@h/"),
            ("https://:pw@h/", "https://:***@h/"),
            ("https://h/x@y:z", "https://h/x@y:z"),
        ] {
            let url = CrawlUrl::parse(url).unwrap();
            assert_eq!((url.to_string(), format!("{url:?}")), (shown.to_owned(), shown.to_owned()));
            assert_eq!(serde_json::to_value(&url).unwrap(), shown);
            assert_eq!(redacted(url.as_str()), shown);
        }
    }

    #[test]
    fn texts_that_were_meant_to_be_urls_show_none_either() {
        for (text, shown) in [
            ("user:pw@h/a", "user:***@h/a"),
            ("HTTP:/\\u:pw@h", "HTTP:/\\u:***@h"),
            ("https:u:pw@h", "https:u:***@h"),
            (" http://u:pw@h:x/", " http://u:***@h:x/"),
            ("ftp://u:p@w@h", "ftp://u:***@h"),
            ("h:80/a@b", "h:80/a@b"),
            ("", ""),
        ] {
            assert_eq!(redacted(text), shown);
        }
    }
}
