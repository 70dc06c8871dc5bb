//! [`Traps`]: signs that a site makes up URLs without end, and limits for them.
//!
//! A relative link that is one directory off, or a form that adds its own query again, gives a longer URL on each
//! page. The limits are such that a site which means well is not touched; Heritrix (*PathologicalPath*) and Nutch
//! have had the like for long. The frontier asks before it hands out a URL that was found; what the user named is never
//! a trap. Pure.

use std::collections::HashMap;

use crate::url::CrawlUrl;

/// Limits for URLs that were found; 0 turns one off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traps {
    /// The longest URL, bytes; default 2,083, what sitemaps and search engines take.
    pub url_length: u32,
    /// How often a segment may be in a path, or one `name=value` in a query; default 4, so that `/1/1/1/1` passes.
    pub repeats: u32,
    /// The most parameters of a query; default 32.
    pub params: u32,
}

impl Default for Traps {
    fn default() -> Self {
        Self { url_length: 2083, repeats: 4, params: 32 }
    }
}

/// What a URL looks like that leads nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trap {
    /// It is longer than [`Traps::url_length`].
    UrlTooLong,
    /// A segment of its path is there again and again.
    RepeatedPath,
    /// Its query has too many parameters, or the same again and again.
    QueryGrowth,
}

impl Traps {
    /// What is wrong with a URL, if anything is. Costs two scans of most URLs.
    pub fn judge(&self, url: &CrawlUrl) -> Option<Trap> {
        let (path, query) = path_and_query(url);
        if self.url_length > 0 && url.as_str().len() > self.url_length as usize {
            Some(Trap::UrlTooLong)
        } else if self.repeats > 0 && repeats_above(path, '/', self.repeats as usize) {
            Some(Trap::RepeatedPath)
        } else if (self.params > 0 && query.split('&').count() > self.params as usize)
            || (self.repeats > 0 && repeats_above(query, '&', self.repeats as usize))
        {
            Some(Trap::QueryGrowth)
        } else {
            None
        }
    }
}

fn path_and_query(url: &CrawlUrl) -> (&str, &str) {
    let text = url.path_and_query();
    text.split_once('?').unwrap_or((text, ""))
}

/// Whether one of the parts of a text is there more than `most` times; empty parts do not count.
fn repeats_above(text: &str, separator: char, most: usize) -> bool {
    let parts = || text.split(separator).filter(|part| !part.is_empty());
    if parts().nth(most).is_none() {
        return false; // most URLs
    }
    let mut times: HashMap<&str, usize> = HashMap::new();
    parts().any(|part| {
        let times = times.entry(part).or_default();
        *times += 1;
        *times > most
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(traps: Traps, path: &str) -> Option<Trap> {
        traps.judge(&CrawlUrl::parse(&format!("http://h/{path}")).unwrap())
    }

    #[test]
    fn usual_urls_are_no_traps() {
        let long = format!("a/{}", "x".repeat(2000));
        for path in ["", "a/b/c/d/e/f/g/h", "01/01/01/01", "a?b=1&c=2&d=1", "a//////b", "a?&&&&&&", &long] {
            assert_eq!(judge(Traps::default(), path), None, "{path}");
        }
    }

    #[test]
    fn traps_are_told_by_kind() {
        let many: String = (0..33).map(|n| format!("&p{n}={n}")).collect();
        for (path, trap) in [
            ("a/b/a/b/a/b/a/b/a/b/", Trap::RepeatedPath),
            ("x/x/x/x/x", Trap::RepeatedPath),
            ("?a=1&a=1&a=1&a=1&b=2&a=1", Trap::QueryGrowth),
            (&format!("?{}", &many[1..]), Trap::QueryGrowth),
            (&"z".repeat(2077), Trap::UrlTooLong),
        ] {
            assert_eq!(judge(Traps::default(), path), Some(trap), "{path}");
        }
        assert_eq!(judge(Traps::default(), &"z".repeat(2074)), None, "2,083 in all");
    }

    #[test]
    fn each_limit_can_be_turned_off() {
        let off = Traps { url_length: 0, repeats: 0, params: 0 };
        let worst = format!("{}?{}", "a/".repeat(5000), "b=1&".repeat(5000));
        assert_eq!(judge(off, &worst), None);
    }
}
