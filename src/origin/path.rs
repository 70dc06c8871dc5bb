//! What a path of the synthetic web is: the text form of [`What`], both ways.
//!
//! Reading is strict (`/p/07` and `/p/7?x` are nothing), so that a client which mangles a URL meets a 404
//! instead of luck. Reading knows no site: whether page 7 exists is for [`Graph`](super::Graph) to say.

use std::fmt;

use super::hash::mix;

/// What a path is. `Display` is the path (for [`What::Trap`] its entrance).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum What {
    /// `/` (0) or `/p/N`: a page with links.
    Page(u64),
    /// `/list?page=N&order=asc`: a page without links of its own.
    List(u64),
    /// `/private/N`: a page that robots.txt may forbid.
    Private(u64),
    /// `/x/KIND/N`: something special that nothing else hangs on.
    Leaf(Leaf, u64),
    /// `/trap/`, `/trap/a/`, `/trap/a/b/` …: two links deeper, without end. Holds a hash of the path.
    Trap(u64),
    /// `/robots.txt`.
    Robots,
    /// `/style.css`: what every page refers to, but no link leads to.
    Style,
    /// `/sitemap.xml`: an index of the sitemaps of the host.
    Index,
    /// `/sitemap/N.xml.gz`: a thousand pages of the host.
    Sitemap(u64),
    /// `/feed.xml`: its first pages as an Atom feed.
    Feed,
    /// Everything else: 404.
    Nothing,
}

/// What is special about `/x/KIND/N`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Leaf {
    /// `/x/404/N`: answers this status, 200 to 599; 429 and 503 with `Retry-After: 1`.
    Status(u16),
    /// `/x/flaky/N`: 503 with `Retry-After: 1` once, then a page.
    Flaky,
    /// `/x/stall/N`: never answers.
    Stall,
    /// `/x/reset/N`: RST instead of an answer.
    Reset,
    /// `/x/reset-body/N`: RST after half of the body.
    ResetBody,
    /// `/x/truncated/N`: an orderly close after half of the body.
    Truncated,
    /// `/x/drip/N`: a page in 16 pieces, 25 ms apart.
    Drip,
    /// `/x/redirect/N`: 302 to some page.
    Redirect,
    /// `/x/chain/N`: N redirects (301) within the host, the last to `/`. Not part of any site.
    Chain,
    /// `/x/caf%C3%A9/N`: a page with a Content-Encoding, by links that write its path as it is read.
    Encoded,
    /// `/x/loop/N`: 302 to `/x/loop/N?b`.
    Loop,
    /// `/x/loop/N?b`: 302 to `/x/loop/N`.
    LoopBack,
}

impl What {
    /// Reads a request target, path and query as sent.
    pub(super) fn parse(target: &str) -> Self {
        match target {
            "/" => return Self::Page(0),
            "/robots.txt" => return Self::Robots,
            "/style.css" => return Self::Style,
            "/sitemap.xml" => return Self::Index,
            "/feed.xml" => return Self::Feed,
            _ => {}
        }
        let Some((kind, rest)) = target.strip_prefix('/').and_then(|path| path.split_once(['/', '?'])) else {
            return Self::Nothing;
        };
        // The separator is one byte, right after the slash and the kind.
        let query = target.as_bytes().get(kind.len() + 1) == Some(&b'?');
        let read = match (kind, query) {
            ("p", false) => number(rest).filter(|n| *n > 0).map(Self::Page),
            ("private", false) => number(rest).map(Self::Private),
            ("x", false) => leaf(rest),
            ("trap", false) => trap(rest),
            ("sitemap", false) => rest.strip_suffix(".xml.gz").and_then(number).map(Self::Sitemap),
            ("list", true) => list(rest),
            _ => None,
        };
        read.unwrap_or(Self::Nothing)
    }

    /// Two numbers that tell it from everything else on its host.
    pub(super) fn code(self) -> (u64, u64) {
        match self {
            Self::Page(n) => (0, n),
            Self::List(n) => (1, n),
            Self::Private(n) => (2, n),
            Self::Trap(n) => (3, n),
            Self::Robots => (4, 0),
            Self::Style => (4, 1),
            Self::Nothing => (4, 2),
            Self::Index => (4, 3),
            Self::Feed => (4, 4),
            Self::Sitemap(n) => (5, n),
            Self::Leaf(leaf, n) => (leaf.code(), n),
        }
    }
}

impl Leaf {
    fn code(self) -> u64 {
        let index = LEAVES.iter().position(|(_, leaf)| *leaf == self);
        match self {
            Self::Status(status) => 1000 + u64::from(status),
            _ => 100 + index.unwrap_or(LEAVES.len()) as u64,
        }
    }
}

/// How leaves are spelt; a status is its number, [`Leaf::LoopBack`] is `loop` with a query.
const LEAVES: [(&str, Leaf); 10] = [
    ("flaky", Leaf::Flaky),
    ("stall", Leaf::Stall),
    ("reset", Leaf::Reset),
    ("reset-body", Leaf::ResetBody),
    ("truncated", Leaf::Truncated),
    ("drip", Leaf::Drip),
    ("redirect", Leaf::Redirect),
    ("chain", Leaf::Chain),
    ("loop", Leaf::Loop),
    ("caf%C3%A9", Leaf::Encoded),
];

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Page(0) => f.write_str("/"),
            Self::Page(n) => write!(f, "/p/{n}"),
            Self::List(n) => write!(f, "/list?page={n}&order=asc"),
            Self::Private(n) => write!(f, "/private/{n}"),
            Self::Leaf(Leaf::Status(status), n) => write!(f, "/x/{status}/{n}"),
            Self::Leaf(Leaf::LoopBack, n) => write!(f, "/x/loop/{n}?b"),
            Self::Leaf(leaf, n) => {
                let name = LEAVES.iter().find(|(_, known)| known == leaf).map_or("", |(name, _)| name);
                write!(f, "/x/{name}/{n}")
            }
            Self::Trap(_) => f.write_str("/trap/"),
            Self::Robots => f.write_str("/robots.txt"),
            Self::Style => f.write_str("/style.css"),
            Self::Index => f.write_str("/sitemap.xml"),
            Self::Sitemap(n) => write!(f, "/sitemap/{n}.xml.gz"),
            Self::Feed => f.write_str("/feed.xml"),
            Self::Nothing => f.write_str("/nothing"),
        }
    }
}

/// Decimal digits without a sign, leading zeros or overflow.
pub(super) fn number(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}

fn leaf(rest: &str) -> Option<What> {
    let (name, n) = rest.split_once('/')?;
    if let Some(n) = n.strip_suffix("?b") {
        return (name == "loop").then_some(What::Leaf(Leaf::LoopBack, number(n)?));
    }
    let known = LEAVES.iter().find(|(known, _)| *known == name).map(|(_, leaf)| *leaf);
    let status = || Some(Leaf::Status(number(name)?.try_into().ok().filter(|s| (200..600).contains(s))?));
    Some(What::Leaf(known.or_else(status)?, number(n)?))
}

fn list(rest: &str) -> Option<What> {
    number(rest.strip_prefix("page=")?.strip_suffix("&order=asc")?).map(What::List)
}

/// The trap's path is a word over `a/` and `b/`; its hash stands for it, so that no depth is too deep.
fn trap(rest: &str) -> Option<What> {
    let steps = rest.as_bytes().chunks(2);
    let step = |at: u64, step: &[u8]| match step {
        b"a/" => Some(mix(at ^ 1)),
        b"b/" => Some(mix(at ^ 2)),
        _ => None,
    };
    steps.into_iter().try_fold(0, step).map(What::Trap)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_round_trip() {
        let mut all = vec![What::Page(0), What::Page(7), What::List(3), What::Private(0), What::Trap(0)];
        all.extend([
            What::Robots,
            What::Style,
            What::Index,
            What::Sitemap(3),
            What::Feed,
            What::Leaf(Leaf::LoopBack, 4),
            What::Leaf(Leaf::Status(404), 9),
        ]);
        all.extend(LEAVES.map(|(_, leaf)| What::Leaf(leaf, u64::MAX)));
        for what in all {
            assert_eq!(What::parse(&what.to_string()), what);
        }
    }

    #[test]
    fn reading_is_strict() {
        let bad = "* /p /p/ /p/0 /p/07 /p/7/ /p/7?x /p?7 /P/7 /x/7 /x/oops/7 /x/600/1 /x/loop/1?c /trap /trap/c/ \
                   /trap/a /list?page=1 /list/page=1&order=asc /p/99999999999999999999 /robots.txt?x //p/7 /p/+7";
        for target in bad.split_whitespace().chain(["", "/x/stall/1?b"]) {
            assert_eq!(What::parse(target), What::Nothing, "{target}");
        }
        assert_ne!(What::parse("/trap/a/b/"), What::parse("/trap/b/a/"));
    }
}
