//! [`Selection`]: which links of a page a crawl takes up, before the scope is asked.
//!
//! Chosen by the user (`--follow`, `--assets`), by what links are for or by the element that they stand in; asked by
//! `outlinks` for every link. It also says whether a page or a link may ask not to be followed, and how far what a page
//! needs may lie behind the last level.

use crate::extract::{Link, LinkKind, Via};

/// What `--depth` allows on top for what a page needs to be shown: the page's style sheet, what that imports, and the font
/// or image named there are three links behind it. A bound there must be, or a chain of style sheets would never end.
pub(super) const REQUISITE_DEPTH: u16 = 5;

/// What a sitemap or a feed lists is followed by a crawl that reads it: no page has chosen these.
const LISTS: [&str; 5] = ["robots", "sitemap", "sitemapindex", "rss", "atom"];

/// See the module. The default takes links that lead to other pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// By kind: navigation, requisite, other.
    kinds: [bool; 3],
    /// By element, whatever their kind.
    tags: Vec<&'static str>,
    /// A page that says `nofollow` has no link taken up; default true.
    pub heed_pages: bool,
    /// Nor has a link that says `rel=nofollow`; default false.
    pub heed_links: bool,
}

impl Default for Selection {
    fn default() -> Self {
        Self { kinds: [true, false, false], tags: Vec::new(), heed_pages: true, heed_links: false }
    }
}

impl Selection {
    /// The links with these names: elements as records call them (`a`, `img`, `header`, `css`, …), or the groups
    /// `navigation`, `assets` (also `requisites`) and `all`.
    ///
    /// # Errors
    /// The first name that is none.
    pub fn named<S: AsRef<str>>(names: &[S]) -> Result<Self, String> {
        let mut selection = Self { kinds: [false; 3], ..Self::default() };
        for name in names.iter().map(|name| name.as_ref().trim()) {
            match name {
                "navigation" => selection.take(LinkKind::Navigation),
                "assets" | "requisites" => selection.take(LinkKind::Requisite),
                "all" => selection.kinds = [true; 3],
                _ => selection.tags.push(Self::tags().find(|tag| *tag == name).ok_or(name)?),
            }
        }
        Ok(selection)
    }

    /// The elements that [`named`](Self::named) knows.
    pub fn tags() -> impl Iterator<Item = &'static str> {
        let mut tags: Vec<_> = Via::all().map(Via::tag).collect();
        tags.retain(|tag| *tag != Via::REDIRECT.tag() && !LISTS.contains(tag));
        tags.sort_unstable();
        tags.dedup();
        tags.into_iter()
    }

    /// These and the links to what pages need to be shown.
    #[must_use]
    pub fn with_assets(mut self) -> Self {
        self.take(LinkKind::Requisite);
        self
    }

    fn take(&mut self, kind: LinkKind) {
        self.kinds[kind as usize] = true;
    }

    /// Whether a link is taken up.
    pub(super) fn takes(&self, link: &Link) -> bool {
        self.kinds[link.kind as usize]
            || self.tags.contains(&link.via.tag())
            || (link.kind == LinkKind::Navigation && LISTS.contains(&link.via.tag()))
    }

    /// Whether style sheets must be read for it.
    pub(super) fn takes_css(&self) -> bool {
        self.kinds[LinkKind::Requisite as usize] || self.tags.contains(&"css")
    }

    /// Whether the link, or its page, asks in vain to be followed.
    pub(super) fn is_forbidden(&self, page_says_nofollow: bool, link: &Link) -> bool {
        (self.heed_pages && page_says_nofollow) || (self.heed_links && link.nofollow)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::url::CrawlUrl;

    fn link(tag: &str, attr: &str, kind: LinkKind) -> Link {
        let (url, via) = (CrawlUrl::parse("http://h/").unwrap(), Via::named(tag, attr));
        Link { url, fingerprint: 0, via, kind, nofollow: false, shown_via: None, lastmod: None, text: None }
    }

    #[test]
    fn names() {
        let [page, image, form, sitemap, picture] = [
            link("a", "href", LinkKind::Navigation),
            link("img", "src", LinkKind::Requisite),
            link("form", "action", LinkKind::Other),
            link("sitemap", "loc", LinkKind::Navigation),
            link("sitemap", "loc", LinkKind::Requisite),
        ];
        for (names, taken, css) in [
            (&["navigation"][..], [true, false, false], false),
            (&["assets"], [false, true, false], true),
            (&["requisites", "form"], [false, true, true], true),
            (&["all"], [true, true, true], true),
            (&[" img "], [false, true, false], false),
            (&["area", "css"], [false, false, false], true),
        ] {
            let selection = Selection::named(names).unwrap();
            assert_eq!([&page, &image, &form].map(|link| selection.takes(link)), taken, "{names:?}");
            assert!(selection.takes(&sitemap), "{names:?}");
            assert_eq!(selection.takes(&picture), selection.kinds[1], "{names:?}");
            assert_eq!(selection.takes_css(), css, "{names:?}");
        }
        assert_eq!(Selection::named(&["navigation"]).unwrap(), Selection::default());
        assert!(Selection::default().with_assets().takes(&image));
        for wrong in ["redirect", "A", "", "loc", "sitemap"] {
            assert_eq!(Selection::named(&["a", wrong]), Err(wrong.to_owned()));
        }
    }
}
