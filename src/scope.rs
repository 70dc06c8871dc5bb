//! What belongs to a crawl: rules in, a [`Verdict`] out. Pure, asked for every link and every hop.
//!
//! A URL is judged against the *root* that it descends from: the seed, or what the seed redirected
//! to. So the answer depends neither on the other seeds nor on the order of discovery. Seeds
//! themselves are always in scope and are not asked about.

mod strip;
mod traps;

use regex::RegexSet;

use self::strip::StripQuery;
pub use self::traps::{Trap, Traps};
use crate::url::CrawlUrl;

/// How far a crawl may stray from the root of a page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// The same host name and port; `http` and `https` on their default ports count as one.
    #[default]
    Host,
    /// The same registrable domain (public suffix list): `www.example.co.uk` and `example.co.uk`.
    Domain,
    /// The same host, and a path that starts with the root's directory.
    Prefix,
    /// Anywhere.
    Any,
}

/// The rules of a crawl.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    reach: Reach,
    include: Option<RegexSet>,
    exclude: Option<RegexSet>,
    max_depth: Option<u16>,
    checks_outside: bool,
    strip: StripQuery,
}

/// The answer of the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It belongs to the crawl.
    Accept,
    /// It does not, for this reason.
    Reject(Reason),
}

/// Why a link does not belong to the crawl.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// Beyond `--scope`.
    OutOfScope,
    /// Deeper than `--depth`.
    TooDeep,
    /// Matches none of `--include`.
    NotIncluded,
    /// Matches one of `--exclude`.
    Excluded,
    /// It asks not to be followed, or its page does. No rule of the scope: whoever takes links up counts it here.
    Nofollow,
    /// Of a kind that the crawl does not follow, e.g. an image. Counted by whoever takes links up, too.
    NotChosen,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::OutOfScope, Self::TooDeep, Self::NotIncluded, Self::Excluded, Self::Nofollow, Self::NotChosen];

    /// The stable name, as the summary prints it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OutOfScope => "out_of_scope",
            Self::TooDeep => "too_deep",
            Self::NotIncluded => "not_included",
            Self::Excluded => "excluded",
            Self::Nofollow => "nofollow",
            Self::NotChosen => "not_chosen",
        }
    }
}

impl Scope {
    /// Rules that only bound the reach.
    pub fn new(reach: Reach) -> Self {
        Self { reach, ..Self::default() }
    }

    /// Follows links at most this many steps from a seed; `None` is no limit.
    pub fn max_depth(mut self, depth: Option<u16>) -> Self {
        self.max_depth = depth;
        self
    }

    /// Takes what is out of reach as well, only to see whether it is there: see [`is_outside`](Self::is_outside).
    pub fn check_outside(mut self, check: bool) -> Self {
        self.checks_outside = check;
        self
    }

    /// Takes only URLs that match one of these patterns; none means all.
    ///
    /// # Errors
    /// When a pattern does not parse.
    pub fn include<S: AsRef<str>>(mut self, patterns: &[S]) -> Result<Self, regex::Error> {
        self.include = patterns_of(patterns)?;
        Ok(self)
    }

    /// Leaves out URLs that match one of these patterns.
    ///
    /// # Errors
    /// When a pattern does not parse.
    pub fn exclude<S: AsRef<str>>(mut self, patterns: &[S]) -> Result<Self, regex::Error> {
        self.exclude = patterns_of(patterns)?;
        Ok(self)
    }

    /// Takes these parameters off the queries of links, see [`strip`](Self::strip). `*` at the end of a name stands for
    /// any rest.
    pub fn strip_query<S: AsRef<str>>(mut self, names: &[S]) -> Self {
        self.strip = StripQuery::new(names);
        self
    }

    /// A link as it is to be judged and compared, if that is another: without the parameters that make no other page.
    pub fn strip(&self, link: &CrawlUrl) -> Option<CrawlUrl> {
        self.strip.apply(link)
    }

    /// Is there a limit to the depth?
    pub fn is_depth_limited(&self) -> bool {
        self.max_depth.is_some()
    }

    /// May links of this depth be followed at all?
    pub fn admits_depth(&self, depth: u16) -> bool {
        self.max_depth.is_none_or(|max| depth <= max)
    }

    /// The rules as they apply to links that descend from `root`.
    pub fn within<'a>(&'a self, root: &'a CrawlUrl) -> Bounds<'a> {
        let origin = match self.reach {
            Reach::Any => Area::Any,
            Reach::Domain => Area::Domain(registrable(root.host())),
            Reach::Host => Area::Host(host_and_port(root)),
            Reach::Prefix => Area::Prefix(host_and_port(root), directory(root)),
        };
        Bounds { scope: self, area: origin }
    }

    /// Whether a URL below this root was taken only to be checked, so that nothing is taken up that it leads to, but for a
    /// redirect.
    pub fn is_outside(&self, root: &CrawlUrl, url: &CrawlUrl) -> bool {
        self.checks_outside && !self.within(root).is_near(url)
    }
}

/// [`Scope`] tied to one root, so that the root is taken apart once for all links of a page.
pub struct Bounds<'a> {
    scope: &'a Scope,
    area: Area<'a>,
}

enum Area<'a> {
    Any,
    Domain(&'a str),
    Host(&'a str),
    Prefix(&'a str, &'a str),
}

impl Bounds<'_> {
    /// Judges a link found at `depth` steps from its seed.
    pub fn judge(&self, url: &CrawlUrl, depth: u16) -> Verdict {
        let matches = |set: &Option<RegexSet>| set.as_ref().map(|set| set.is_match(url.as_str()));
        match () {
            () if !self.is_near(url) && !self.scope.checks_outside => Verdict::Reject(Reason::OutOfScope),
            () if !self.scope.admits_depth(depth) => Verdict::Reject(Reason::TooDeep),
            () if matches(&self.scope.include) == Some(false) => Verdict::Reject(Reason::NotIncluded),
            () if matches(&self.scope.exclude) == Some(true) => Verdict::Reject(Reason::Excluded),
            () => Verdict::Accept,
        }
    }

    /// Judges a file that only says where pages are, named by one on the host of `beside`. It may stand there too, and
    /// anywhere on the host of the root; depth and `--include` are about pages.
    pub fn judge_sitemap(&self, url: &CrawlUrl, beside: &CrawlUrl) -> Verdict {
        let is_excluded = || self.scope.exclude.as_ref().is_some_and(|set| set.is_match(url.as_str()));
        let is_at_root = matches!(self.area, Area::Prefix(host, _) if host == host_and_port(url));
        match () {
            () if !self.is_near(url) && !is_at_root && url.host() != beside.host() => {
                Verdict::Reject(Reason::OutOfScope)
            }
            () if is_excluded() => Verdict::Reject(Reason::Excluded),
            () => Verdict::Accept,
        }
    }

    fn is_near(&self, url: &CrawlUrl) -> bool {
        match self.area {
            Area::Any => true,
            Area::Domain(domain) => registrable(url.host()) == domain,
            Area::Host(host) => host_and_port(url) == host,
            Area::Prefix(host, path) => host_and_port(url) == host && url.path_and_query().starts_with(path),
        }
    }
}

fn patterns_of<S: AsRef<str>>(patterns: &[S]) -> Result<Option<RegexSet>, regex::Error> {
    (!patterns.is_empty()).then(|| RegexSet::new(patterns)).transpose()
}

/// `example.org` or `example.org:8080`: what stands between the scheme (or user) and the path. The
/// default port is never written in a serialised URL, so `http` and `https` compare equal.
fn host_and_port(url: &CrawlUrl) -> &str {
    let text = url.as_str();
    let authority = &text[text.find("://").map_or(0, |at| at + 3)..text.len() - url.path_and_query().len()];
    authority.rfind('@').map_or(authority, |at| &authority[at + 1..])
}

/// The registrable domain; an IP address, or a name that is itself a public suffix, is its own.
pub(crate) fn registrable(host: &str) -> &str {
    if host.starts_with('[') || host.parse::<std::net::Ipv4Addr>().is_ok() {
        return host;
    }
    psl::domain_str(host).unwrap_or(host)
}

/// The path up to and including its last slash.
fn directory(root: &CrawlUrl) -> &str {
    let path = root.path_and_query();
    let path = &path[..path.find('?').unwrap_or(path.len())];
    &path[..path.rfind('/').map_or(path.len(), |at| at + 1)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(scope: &Scope, root: &str, link: &str) -> Verdict {
        scope.within(&CrawlUrl::parse(root).unwrap()).judge(&CrawlUrl::parse(link).unwrap(), 1)
    }

    #[test]
    fn reach() {
        const OUT: Verdict = Verdict::Reject(Reason::OutOfScope);
        for (reach, root, link, verdict) in [
            (Reach::Host, "http://h.org/a", "https://h.org/b", Verdict::Accept),
            (Reach::Host, "http://h.org/", "http://h.org:8080/", OUT),
            (Reach::Host, "http://h.org/", "http://www.h.org/", OUT),
            (Reach::Host, "http://u:p@h.org/", "http://h.org/", Verdict::Accept),
            (Reach::Host, "http://h.org/", "http://h.org.evil.net/", OUT),
            (Reach::Domain, "http://a.example.co.uk/", "http://b.example.co.uk:81/", Verdict::Accept),
            (Reach::Domain, "http://a.co.uk/", "http://b.co.uk/", OUT),
            (Reach::Domain, "http://127.0.0.1/", "http://1.0.0.1/", OUT),
            (Reach::Prefix, "http://h.org/docs/index.html?q=/x/", "http://h.org/docs/a/b", Verdict::Accept),
            (Reach::Prefix, "http://h.org/docs/", "http://h.org/doc", OUT),
            (Reach::Any, "http://h.org/", "https://other.net/", Verdict::Accept),
        ] {
            assert_eq!(judge(&Scope::new(reach), root, link), verdict, "{reach:?} {root} {link}");
        }
    }

    #[test]
    fn patterns_and_depth() {
        let scope =
            Scope::new(Reach::Any).include(&["/docs/", "/blog/"]).unwrap().exclude(&[r"\.pdf$"]).unwrap();
        assert_eq!(judge(&scope, "http://h/", "http://h/docs/a"), Verdict::Accept);
        assert_eq!(judge(&scope, "http://h/", "http://h/other"), Verdict::Reject(Reason::NotIncluded));
        assert_eq!(judge(&scope, "http://h/", "http://h/docs/a.pdf"), Verdict::Reject(Reason::Excluded));
        let url = |text| CrawlUrl::parse(text).unwrap();
        let [root, map, elsewhere] = ["http://h/a/b", "http://o/map.xml", "http://p/map.xml"].map(url);
        let strict = Scope::new(Reach::Prefix).include(&["/docs/"]).unwrap().exclude(&["old"]).unwrap();
        let bounds = strict.within(&root);
        assert_eq!(bounds.judge_sitemap(&map, &map), Verdict::Accept);
        assert_eq!(bounds.judge_sitemap(&url("http://h/map.xml"), &map), Verdict::Accept);
        assert_eq!(bounds.judge_sitemap(&elsewhere, &map), Verdict::Reject(Reason::OutOfScope));
        assert_eq!(bounds.judge_sitemap(&url("http://o/old.xml"), &map), Verdict::Reject(Reason::Excluded));
        let checking =
            Scope::new(Reach::Host).exclude(&["no"]).unwrap().max_depth(Some(1)).check_outside(true);
        let bounds = checking.within(&root);
        assert_eq!(judge(&checking, "http://h/", "http://o/a"), Verdict::Accept);
        assert_eq!(judge(&checking, "http://h/", "http://o/no"), Verdict::Reject(Reason::Excluded));
        assert_eq!(bounds.judge(&elsewhere, 2), Verdict::Reject(Reason::TooDeep));
        assert!(checking.is_outside(&root, &elsewhere) && !checking.is_outside(&root, &url("http://h/x")));
        assert!(!strict.is_outside(&root, &elsewhere));
        let shallow = Scope::new(Reach::Any).max_depth(Some(0));
        assert_eq!(judge(&shallow, "http://h/", "http://h/a"), Verdict::Reject(Reason::TooDeep));
        assert!(shallow.admits_depth(0) && Scope::default().admits_depth(u16::MAX));
    }
}
