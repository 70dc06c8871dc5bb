//! [`Via`]: where a link stands, as element and attribute; the provenance that records show.
//!
//! One byte, since every URL that waits in the frontier carries it. The table is only ever appended to: jobs on
//! disk hold its indices.

use std::fmt;

/// The place of a link: an element and an attribute, or what takes their part outside of HTML.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Via(u8);

/// All places. Append only.
const PLACES: [(&str, &str); 39] = [
    ("redirect", "location"),
    ("a", "href"),
    ("a", "xlink:href"),
    ("area", "href"),
    ("audio", "src"),
    ("body", "background"),
    ("embed", "src"),
    ("form", "action"),
    ("frame", "src"),
    ("iframe", "src"),
    ("image", "href"),
    ("image", "xlink:href"),
    ("img", "src"),
    ("img", "srcset"),
    ("input", "src"),
    ("link", "href"),
    ("link", "imagesrcset"),
    ("meta", "content"),
    ("object", "data"),
    ("script", "src"),
    ("source", "src"),
    ("source", "srcset"),
    ("table", "background"),
    ("td", "background"),
    ("th", "background"),
    ("track", "src"),
    ("video", "poster"),
    ("video", "src"),
    // Headers of the answer.
    ("header", "link"),
    ("header", "refresh"),
    // Style sheets, `<style>` and `style=`.
    ("css", "import"),
    ("css", "url"),
    // Sitemaps and feeds.
    ("robots", "sitemap"),
    ("sitemap", "loc"),
    ("sitemapindex", "loc"),
    ("rss", "link"),
    ("atom", "link"),
    // The usual place of a sitemap, since robots.txt names none; and what a sitemap redirects to.
    ("robots", "default"),
    ("redirect", "sitemap"),
];

impl Via {
    /// The target of a redirect.
    pub const REDIRECT: Self = Self::named("redirect", "location");

    /// The target of a redirect of a sitemap.
    pub const REDIRECTED_SITEMAP: Self = Self::named("redirect", "sitemap");

    /// A `Sitemap` line of robots.txt.
    pub const SITEMAP_LINE: Self = Self::named("robots", "sitemap");

    /// `/sitemap.xml` of a host whose robots.txt names no sitemap.
    pub const SITEMAP_DEFAULT: Self = Self::named("robots", "default");

    /// An entry of an index of sitemaps.
    pub const INDEX: Self = Self::named("sitemapindex", "loc");

    /// Whether what stands at this place is said to be a sitemap.
    pub fn is_sitemap(self) -> bool {
        [Self::SITEMAP_LINE, Self::SITEMAP_DEFAULT, Self::INDEX, Self::REDIRECTED_SITEMAP].contains(&self)
    }

    /// The place with these names.
    ///
    /// # Panics
    /// When there is none: meant for constants, where the compiler says so.
    pub const fn named(tag: &str, attr: &str) -> Self {
        let mut at = 0;
        while at < PLACES.len() {
            if same(PLACES[at].0, tag) && same(PLACES[at].1, attr) {
                return Self(at as u8);
            }
            at += 1;
        }
        panic!("no such place of a link");
    }

    /// The place with these names, if there is one.
    pub fn find(tag: &str, attr: &str) -> Option<Self> {
        Self::all().find(|via| via.tag() == tag && via.attr() == attr)
    }

    /// The element, e.g. `a`, or what takes its part, e.g. `header`.
    pub fn tag(self) -> &'static str {
        PLACES[usize::from(self.0)].0
    }

    /// The attribute, e.g. `href`.
    pub fn attr(self) -> &'static str {
        PLACES[usize::from(self.0)].1
    }

    /// Its number in the table, for the disk.
    pub(crate) fn number(self) -> u8 {
        self.0
    }

    /// The place with a number, if there is one.
    pub(crate) fn with_number(number: u8) -> Option<Self> {
        (usize::from(number) < PLACES.len()).then_some(Self(number))
    }

    /// Every place there is.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..PLACES.len() as u8).map(Self)
    }
}

impl fmt::Debug for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.tag(), self.attr())
    }
}

const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut at = 0;
    while at < a.len() {
        if a[at] != b[at] {
            return false;
        }
        at += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_agree() {
        for via in Via::all() {
            assert_eq!(Via::with_number(via.number()), Some(via));
            assert_eq!(Via::named(via.tag(), via.attr()), via, "a place is there twice");
        }
        assert_eq!(Via::with_number(PLACES.len() as u8), None);
        // Jobs on disk hold these.
        assert_eq!((Via::REDIRECT.number(), Via::named("a", "href").number()), (0, 1));
        assert_eq!(Via::named("video", "src").number(), 27);
    }
}
