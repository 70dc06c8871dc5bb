//! Properties of the synthetic web as a function. That the server does what it says is tested with
//! sockets in `tests/it/origin.rs`.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};

use super::hash::Draw;
use super::html::Html;
use super::*;
use crate::url::CrawlUrl;

fn all_faults(share: f64) -> Faults {
    Faults {
        errors: share,
        flaky: share,
        stalls: share,
        resets: share,
        redirects: share,
        loops: share,
        truncated: share,
        drips: share,
        encoded: share,
    }
}

fn names(site: Site) -> Graph {
    Graph::new(Site { addressing: Addressing::Names, ..site }, Vec::new())
}

fn shapes() -> Vec<Graph> {
    let base = || Site { hosts: 3, pages: 40, trap: true, ..Site::default() };
    let ports = (9000..9003).map(|port| ([127, 0, 0, 1], port).into()).collect();
    vec![
        names(base()),
        names(Site { faults: all_faults(1.0), ..base() }),
        names(Site { faults: all_faults(0.2), links: 1, seed: 9, ..base() }),
        names(Site { pages: 1, hosts: 50, links: 2, ..base() }),
        names(Site { links: 100, cross_links: 1.0, page_size: 0, ..base() }),
        names(Site { robots: Robots::Missing, ..base() }),
        Graph::new(Site { faults: all_faults(0.5), ..base() }, ports),
    ]
}

fn locate(graph: &Graph, url: &CrawlUrl) -> (u32, What) {
    let key = url.host_key();
    let host = graph.find(key.as_str().strip_prefix("http://").unwrap());
    (host.unwrap_or_else(|| panic!("a known host: {url}")), graph.what(url.path_and_query()))
}

/// Links as a reader with a text editor would find them.
fn hrefs(base: &CrawlUrl, html: &str) -> Vec<CrawlUrl> {
    let mut text = html.to_owned();
    for (open, close) in [("<!--", "-->"), ("<script", "</script>"), ("<link", ">")] {
        while let Some(start) = text.find(open) {
            let end = start + text[start..].find(close).unwrap() + close.len();
            text.replace_range(start..end, "");
        }
    }
    let mut found = Vec::new();
    let lower = text.to_lowercase();
    for (at, _) in lower.match_indices("href") {
        let value = text[at + 4..].trim_start().strip_prefix('=').unwrap().trim_start();
        let quote = value.chars().next().unwrap();
        let value = value[1..].split(quote).next().unwrap().trim().replace("&amp;", "&");
        let joined = base.to_url().join(&value).unwrap();
        found.extend(CrawlUrl::from_url(joined));
    }
    found
}

/// Crawls the rendered pages from some seeds and returns all URLs met, except those of the trap.
fn walk(graph: &Graph, seeds: impl Iterator<Item = String>) -> BTreeMap<String, Expect> {
    let html = Html::new(graph.site().seed);
    let mut queue: VecDeque<CrawlUrl> = seeds.map(|seed| CrawlUrl::parse(&seed).unwrap()).collect();
    let mut found = BTreeMap::new();
    while let Some(url) = queue.pop_front() {
        let (host, what) = locate(graph, &url);
        let Some(expect) = graph.expect(host, what) else {
            assert!(url.path_and_query().starts_with("/trap/"), "{url}");
            continue;
        };
        if found.insert(url.to_string(), expect).is_some() {
            continue;
        }
        match graph.redirect(host, what) {
            Some(to) if !matches!(what, What::Leaf(Leaf::Loop, _)) => {
                queue.push_back(CrawlUrl::parse(&graph.url(to.host, to.what)).unwrap());
            }
            _ => {
                let mut out = Vec::new();
                html.render(graph, host, what, &mut out);
                queue.extend(hrefs(&url, std::str::from_utf8(&out).unwrap()));
            }
        }
    }
    found
}

#[test]
fn truth_is_what_the_pages_say() {
    for graph in shapes() {
        let truth: Vec<_> = graph.truth().collect();
        let set: BTreeMap<_, _> = truth.iter().cloned().collect();
        assert_eq!(truth.len(), set.len(), "no URL twice");
        assert_eq!(walk(&graph, graph.seeds()), set, "{:?}", graph.site());
        assert_eq!(walk(&graph, graph.seeds().take(1)), set, "everything hangs on the first seed");
        let pages = u64::from(graph.site().hosts) * graph.site().pages;
        let is_page = |url: &str| matches!(locate(&graph, &CrawlUrl::parse(url).unwrap()).1, What::Page(_));
        assert_eq!(set.keys().filter(|url| is_page(url)).count() as u64, pages);
    }
}

#[test]
fn a_host_is_complete_without_the_others_and_without_its_leaves() {
    for graph in shapes() {
        let truth: BTreeSet<_> = graph.truth_of(0).map(|(url, _)| url).collect();
        let mut found = BTreeSet::new();
        let mut queue = VecDeque::from([What::Page(0)]);
        while let Some(what) = queue.pop_front() {
            if !found.insert(graph.url(0, what)) {
                continue;
            }
            if let What::Page(n) = what {
                graph.links(0, n, |link| {
                    if link.host == 0 && !matches!(link.what, What::Trap(_)) {
                        queue.push_back(link.what);
                    }
                });
            }
        }
        assert_eq!(found, truth);
    }
}

#[test]
fn a_closed_site_is_only_its_seeds() {
    let graph = names(Site { hosts: 3, robots: Robots::Unavailable, ..Site::default() });
    let truth: Vec<_> = graph.truth().collect();
    assert_eq!(truth.len(), 3);
    assert!(truth.iter().all(|(_, expect)| *expect == Expect::RobotsUnavailable));
}

#[test]
fn pages_are_pure_and_have_the_size_asked_for() {
    let site = Site { hosts: 2, page_size: 10_000, ..Site::default() };
    let render = |graph: &Graph, what| {
        let mut out = Vec::new();
        Html::new(graph.site().seed).render(graph, 1, what, &mut out);
        out
    };
    let (one, two) = (names(site.clone()), names(Site { seed: 2, ..site.clone() }));
    for n in 0..20 {
        let page = render(&one, What::Page(n));
        assert_eq!(page.len(), 10_000);
        assert_eq!(page, render(&names(site.clone()), What::Page(n)));
        assert_ne!(page, render(&two, What::Page(n)));
        assert_ne!(page, render(&one, What::Page(n + 1)));
    }
    let large = names(Site { page_size: 1_000_000, ..site });
    assert_eq!(render(&large, What::Page(1)).len(), 1_000_000);
}

#[test]
fn shares_are_kept() {
    let graph = names(Site { pages: 10_000, faults: all_faults(0.1), ..Site::default() });
    let mut counts = BTreeMap::<String, u32>::new();
    for (_, expect) in graph.truth() {
        let word = expect.to_string();
        *counts.entry(word.split(' ').next().unwrap_or_default().to_owned()).or_default() += 1;
    }
    for kind in ["error", "flaky", "stall", "redirect", "redirect_loop", "truncated"] {
        assert!((850..1150).contains(&counts[kind]), "{kind}: {counts:?}");
    }
    assert!((400..600).contains(&counts["reset"]) && (400..600).contains(&counts["reset_body"]));
    let many = names(Site { hosts: 1_000_000, ..Site::default() });
    let leaving = (0..1000).flat_map(|page| {
        let mut hosts = Vec::new();
        many.links(7, page, |link| hosts.push(link.host));
        hosts
    });
    let leaving = leaving.filter(|host| *host != 7).collect::<Vec<_>>();
    assert!(leaving.len() > 1000 && leaving.iter().collect::<HashSet<_>>().len() > 900);
}

#[test]
fn latency_is_drawn_by_url() {
    let graph = names(Site::default());
    let draws: HashSet<_> = (0..100).map(|n| graph.draw(Draw::Latency, 0, What::Page(n))).collect();
    assert_eq!(draws.len(), 100);
}

#[test]
fn nonsense_is_refused() {
    let bad = [
        Site { hosts: 0, ..Site::default() },
        Site { pages: 0, ..Site::default() },
        Site { links: 0, ..Site::default() },
        Site { cross_links: f64::NAN, ..Site::default() },
        Site { faults: Faults { stalls: 1.5, ..Faults::default() }, ..Site::default() },
    ];
    for site in bad {
        assert!(site.check().is_err(), "{site:?}");
    }
    assert!(Site::default().check().is_ok());
}
