//! Finds what the report says, in three passes over the facts: what is wrong with URLs, which links lead there, and the
//! names of what is known by then.
//!
//! Memory is that of what is wrong, up to [`MAX_TARGETS`] URLs and [`MAX_BYTES`], and 16 bytes for each title and each entry of a sitemap, up to
//! [`MAX_PRINTS`] of them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;

use super::budget::{Budget, MAX_BYTES, length_of};
use super::{BadLink, BadPage, Capped, Fault, LinkReport, MOST, Measured, Moved, SameTitle, Target};
use crate::report::fact::{Fact, Facts, Fate, LinkFact};
use crate::url::Fingerprinter;

/// Broken URLs, and redirects, that are told apart. What is more is counted.
const MAX_TARGETS: usize = 100_000;

/// Titles, and entries of sitemaps, that are told apart. Of more titles some are missed; of more entries nothing is said.
const MAX_PRINTS: usize = 1 << 20;

/// Links that are shown of one page.
const LINKS_OF_A_PAGE: usize = 50;

/// Pages that are shown where something has several.
const PAGES_OF_A_TARGET: usize = 5;

/// The slowest, and the largest, that are shown.
const TOP: usize = 10;

/// Redirects in a row that are followed.
const MAX_HOPS: usize = 20;

/// The names of the lists that the seeds came from, by the number of the source.
pub type Lists = Vec<Option<String>>;

/// A URL that redirects.
#[derive(Debug)]
struct Move {
    /// Status of each redirect, and where it led.
    hops: Vec<(u16, String)>,
    pages: Capped<String>,
    /// What a redirect led to is shown as what redirects.
    is_redirected: bool,
    /// The page that it was found on first.
    found: Option<String>,
}

/// A URL that is broken or forbidden.
#[derive(Debug)]
struct Suspect {
    target: Target,
    is_forbidden: bool,
    /// What a redirect led to is shown as what redirects.
    is_redirected: bool,
    /// Where it was found first.
    found: Option<(String, LinkFact)>,
    links: u64,
}

struct Gather<'a> {
    lists: &'a Lists,
    budget: Budget,
    prints: Fingerprinter,
    report: LinkReport,
    suspects: HashMap<String, Suspect>,
    moves: HashMap<String, Move>,
    /// By depth and URL.
    pages: BTreeMap<(u16, String), Capped<BadLink>>,
    /// Where redirects led that are part of a record: such a page may have a record of its own, and counts once.
    aliases: HashSet<u64>,
    /// Those of them whose links were read.
    read: HashSet<u64>,
    /// Some record has links.
    has_links: bool,
    /// Entries of sitemaps that are linked from nowhere yet.
    listed: HashSet<u64>,
    /// How many pages have each title.
    titles: HashMap<u64, u32>,
    same: BTreeMap<String, Capped<String>>,
}

impl LinkReport {
    /// What the facts say; `lists` names the files that seeds came from.
    ///
    /// # Errors
    /// When the facts cannot be read.
    pub fn of(facts: &Facts, lists: &Lists) -> io::Result<Self> {
        Self::within(MAX_BYTES, facts, lists)
    }

    /// The same in so many bytes.
    pub(super) fn within(bytes: usize, facts: &Facts, lists: &Lists) -> io::Result<Self> {
        let mut gather = Gather {
            lists,
            budget: Budget(bytes),
            prints: Fingerprinter::random(),
            report: Self::default(),
            suspects: HashMap::new(),
            moves: HashMap::new(),
            pages: BTreeMap::new(),
            aliases: HashSet::new(),
            read: HashSet::new(),
            has_links: false,
            listed: HashSet::new(),
            titles: HashMap::new(),
            same: BTreeMap::new(),
        };
        facts.read()?.try_for_each(|fact| fact.map(|fact| gather.judge(&fact)))?;
        gather.resolve();
        facts.read()?.try_for_each(|fact| fact.map(|fact| gather.search(&fact)))?;
        gather.attribute();
        gather.read.clear();
        facts.read()?.try_for_each(|fact| fact.map(|fact| gather.name(&fact)))?;
        Ok(gather.finish())
    }
}

impl Gather<'_> {
    /// The first pass: what is wrong with this URL?
    fn judge(&mut self, fact: &Fact) {
        self.has_links |= !fact.links.is_empty();
        if matches!(fact.outcome.as_str(), "skipped" | "cancelled") {
            if fact.skipped.as_deref() == Some("robots_denied") {
                self.suspect(fact, Fault::default(), true);
            }
            return;
        }
        self.report.checked += u64::from(!fact.is_guess());
        top(&mut self.report.slowest, fact, fact.time_total_ms.unwrap_or_default());
        top(&mut self.report.largest, fact, fact.body_bytes.unwrap_or_default() as f64);
        let ends_at = fact.final_url.clone().filter(|_| !fact.chain.is_empty());
        let (error_kind, error) = (fact.error_kind.clone(), fact.error.clone());
        match fact.fate() {
            Fate::Failed => {
                self.suspect(fact, Fault { status_code: None, error_kind, error, ends_at }, false)
            }
            // Robots.txt forbids where a redirect leads.
            Fate::NotAsked => {
                self.suspect(fact, Fault { status_code: None, error_kind, error, ends_at }, true)
            }
            Fate::Refused(status) => {
                let fault = Fault { status_code: Some(status), ends_at, ..Fault::default() };
                self.suspect(fact, fault, false);
            }
            Fate::Good => {
                self.redirects(fact);
                if fact.tag.as_deref() == Some("sitemap") && self.listed.len() <= MAX_PRINTS {
                    self.listed.insert(self.prints.fingerprint_str(fact.name()));
                }
            }
        }
    }

    fn suspect(&mut self, fact: &Fact, fault: Fault, is_forbidden: bool) {
        let url = fact.name().to_owned();
        let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let texts = [3 * url.len(), length(&fact.source), length(&fault.error), length(&fault.ends_at)];
        if self.suspects.len() >= MAX_TARGETS || !self.budget.take(&texts) {
            self.report.targets.more += u64::from(!is_forbidden);
            return;
        }
        let place = fact.position.filter(|_| fact.source.is_none());
        let file = place.and_then(|(source, _)| self.lists.get(source as usize).cloned().flatten());
        let line = place.filter(|_| file.is_some()).map(|(_, line)| line + 1);
        let found = fact.source.clone().map(|page| {
            let [tag, attr] = [&fact.tag, &fact.attr].map(|name| name.clone().unwrap_or_default());
            (page, LinkFact { url: url.clone(), tag, attr, ..LinkFact::default() })
        });
        let is_redirected = fact.tag.as_deref() == Some("redirect");
        let target = Target { url: url.clone(), fault, file, line, ..Target::default() };
        // A list may have a URL more than once; the first is as good as any.
        let suspect = Suspect { target, is_forbidden, is_redirected, found, links: 0 };
        self.suspects.entry(url).or_insert(suspect);
    }

    fn redirects(&mut self, fact: &Fact) {
        let statuses = fact.chain.iter().map(|hop| hop.status_code);
        let mut from: Vec<_> = fact.chain.iter().map(|hop| hop.url.clone()).skip(1).collect();
        from.extend(fact.final_url.clone().filter(|_| !fact.chain.is_empty()));
        if let Some(end) = from.last().filter(|_| self.aliases.len() < MAX_PRINTS) {
            self.aliases.insert(self.prints.fingerprint_str(end));
        }
        let mut hops: Vec<_> = statuses.zip(from).collect();
        hops.extend(fact.status_code.zip(fact.location.clone()));
        if hops.is_empty() || self.moves.len() >= MAX_TARGETS {
            return;
        }
        let found = fact.source.as_ref().map_or(0, String::len);
        if self.budget.take(&[3 * fact.name().len(), found, length_of(&hops)]) {
            let (is_redirected, found) = (fact.tag.as_deref() == Some("redirect"), fact.source.clone());
            let moved = Move { hops, pages: Capped::default(), is_redirected, found };
            self.moves.insert(fact.name().to_owned(), moved);
        }
    }

    /// Follows redirects that are records of their own to where they end.
    fn resolve(&mut self) {
        let urls: Vec<_> = self.moves.keys().cloned().collect();
        for url in urls {
            let Some(Move { hops, .. }) = self.moves.get(&url) else { continue };
            let mut all = hops.clone();
            while let Some((_, to)) = all.last().filter(|_| all.len() < MAX_HOPS) {
                let Some(next) = self.moves.get(to).filter(|_| *to != url) else { break };
                all.extend(next.hops.iter().cloned());
            }
            let end = all.last().map(|(_, to)| to.clone()).unwrap_or_default();
            match self.suspects.get(&end).filter(|suspect| !suspect.is_forbidden && end != url) {
                Some(suspect) => {
                    let mut fault = suspect.target.fault.clone();
                    fault.ends_at.get_or_insert(end);
                    let Some(Move { is_redirected, found, .. }) = self.moves.remove(&url) else { continue };
                    let found =
                        found.map(|page| (page, LinkFact { url: url.clone(), ..LinkFact::default() }));
                    let target = Target { url: url.clone(), fault, ..Target::default() };
                    let suspect = Suspect { target, is_forbidden: false, is_redirected, found, links: 0 };
                    self.suspects.insert(url, suspect);
                }
                None => {
                    if let Some(found) = self.moves.get_mut(&url)
                        && self.budget.take(&[length_of(&all)])
                    {
                        found.hops = all;
                    }
                }
            }
        }
    }

    /// The second pass: where do the links of this page lead?
    fn search(&mut self, fact: &Fact) {
        let Some(page) = self.page(fact) else { return };
        self.count_title(fact);
        for link in &fact.links {
            // A link to itself is no way to find a page.
            if Some(&link.url) == fact.url.as_ref() || Some(&link.url) == fact.final_url.as_ref() {
                continue;
            }
            if !matches!(&*link.tag, "sitemap" | "sitemapindex") {
                self.listed.remove(&self.prints.fingerprint_str(&link.url));
            }
            if let Some(moved) = self.moves.get_mut(&link.url) {
                moved.pages.push_within(PAGES_OF_A_TARGET, page, &mut self.budget);
                for (_, to) in &moved.hops {
                    self.listed.remove(&self.prints.fingerprint_str(to));
                }
            }
            self.blame(page, fact.depth, link);
        }
    }

    /// The page that a record is of: where redirects within it led. `None` if that was read already.
    fn page<'f>(&mut self, fact: &'f Fact) -> Option<&'f str> {
        let page = fact.final_url.as_deref().filter(|_| !fact.chain.is_empty()).unwrap_or(fact.name());
        let print = self.prints.fingerprint_str(page);
        (!self.aliases.contains(&print) || self.read.insert(print)).then_some(page)
    }

    fn count_title(&mut self, fact: &Fact) {
        if let Some(title) = title(fact, self.has_links) {
            let (print, has_room) = (self.prints.fingerprint_str(title), self.titles.len() < MAX_PRINTS);
            if has_room || self.titles.contains_key(&print) {
                *self.titles.entry(print).or_default() += 1;
            }
        }
    }

    /// Takes note of the link if it is broken. A list may have a page more than once; its links count once.
    fn blame(&mut self, page: &str, depth: u16, link: &LinkFact) {
        let Some(suspect) = self.suspects.get_mut(&link.url) else { return };
        let pages = &mut suspect.target.pages;
        if pages.shown.iter().any(|known| known == page) {
            return;
        }
        suspect.links += 1;
        pages.push_within(PAGES_OF_A_TARGET, page, &mut self.budget);
        if suspect.is_forbidden {
            return;
        }
        let LinkFact { url, tag, attr, nofollow, text } = link.clone();
        let bad = BadLink { url, fault: suspect.target.fault.clone(), tag, attr, text, nofollow };
        self.report.broken_links += 1;
        let links = self.pages.entry((depth, page.to_owned())).or_insert_with(|| {
            self.report.broken_pages += 1;
            Capped::default()
        });
        let most = if self.budget.take(&bad.texts()) { LINKS_OF_A_PAGE } else { 0 };
        links.push(most, || bad);
        self.drop_last_page((depth, page));
    }

    /// Keeps as many pages as are shown. All links of a page come in a row, so one that was dropped does not come back.
    fn drop_last_page(&mut self, current: (u16, &str)) {
        if self.pages.len() > MOST
            && let Some(((depth, url), _)) = self.pages.last_key_value()
            && (*depth, url.as_str()) != current
        {
            let dropped = self.pages.pop_last().map(|(_, links)| links.shown).unwrap_or_default();
            dropped.iter().for_each(|link| self.budget.give_back(&link.texts()));
            self.report.pages.more += 1;
        }
    }

    /// Records without links still say where a URL was found first.
    fn attribute(&mut self) {
        let lonely =
            self.suspects.values_mut().filter(|suspect| suspect.links == 0 && !suspect.is_redirected);
        let found: Vec<_> = lonely.filter_map(|suspect| suspect.found.take()).collect();
        for (page, link) in found {
            self.blame(&page, 0, &link);
        }
        for moved in self.moves.values_mut().filter(|moved| !moved.is_redirected && moved.pages.total() == 0)
        {
            moved.pages.shown.extend(moved.found.take());
        }
    }

    /// The third pass: the names of what is known by its print.
    fn name(&mut self, fact: &Fact) {
        let listed = self.prints.fingerprint_str(fact.name());
        if self.listed.len() <= MAX_PRINTS && self.listed.remove(&listed) {
            self.report.orphans.push(MOST, || fact.name().to_owned());
        }
        let Some(page) = self.page(fact) else { return };
        let name = || page.to_owned();
        let Some(title) = title(fact, self.has_links) else {
            if is_page(fact, self.has_links) {
                self.report.untitled.push(MOST, name);
            }
            return;
        };
        let print = self.prints.fingerprint_str(title);
        let is_repeated = self.titles.get(&print).is_some_and(|count| *count > 1);
        if is_repeated && (self.same.len() < MOST || self.same.contains_key(title)) {
            let pages = self.same.entry(title.to_owned()).or_default();
            if !pages.shown.iter().any(|url| url == page) {
                pages.push(PAGES_OF_A_TARGET, name);
            }
        }
    }

    fn finish(self) -> LinkReport {
        let mut report = self.report;
        let pages = self.pages.into_iter();
        let pages = pages.map(|((depth, url), links)| BadPage { url, depth, links }).collect();
        report.pages.shown = pages;
        report.pages.cut(MOST);
        let (blocked, mut broken): (Vec<_>, Vec<_>) =
            self.suspects.into_values().partition(|suspect| suspect.is_forbidden);
        // What redirects there is in the list.
        broken.retain(|suspect| suspect.links > 0 || !suspect.is_redirected);
        report.broken = broken.len() as u64 + report.targets.more;
        report.blocked = targets(blocked.into_iter().filter(|suspect| suspect.links > 0).collect());
        let more = report.targets.more;
        report.targets = targets(broken);
        report.targets.more += more;
        let mut moved: Vec<_> =
            self.moves.into_iter().filter_map(|(url, found)| updated(url, found)).collect();
        moved.sort_by(|a, b| (b.pages.total(), &a.url).cmp(&(a.pages.total(), &b.url)));
        report.moved = Capped::of(moved);
        // A list may have a page more than once.
        let same = self.same.into_iter().filter(|(_, pages)| pages.total() > 1);
        let same = same.map(|(title, pages)| SameTitle { title, pages });
        report.titles = Capped::of(same.collect());
        report.titles.shown.sort_by_key(|same| std::cmp::Reverse(same.pages.total()));
        for list in [&mut report.orphans, &mut report.untitled] {
            list.shown.sort();
        }
        report
    }
}

/// Those with most links first, those of a list by their lines.
fn targets(mut suspects: Vec<Suspect>) -> Capped<Target> {
    let line = |suspect: &Suspect| suspect.target.line.unwrap_or(u64::MAX);
    suspects.sort_by(|a, b| (b.links, line(a), &a.target.url).cmp(&(a.links, line(b), &b.target.url)));
    Capped::of(suspects.into_iter().map(|suspect| suspect.target).collect())
}

/// What a link to a URL that redirects could say: up to the first redirect that is not for good.
fn updated(url: String, Move { hops, pages, is_redirected, .. }: Move) -> Option<Moved> {
    if is_redirected && pages.total() == 0 {
        return None;
    }
    let permanent: Vec<_> = hops.into_iter().take_while(|(status, _)| matches!(status, 301 | 308)).collect();
    let to = permanent.last().map(|(_, to)| to.clone()).filter(|to| *to != url)?;
    Some(Moved { url, statuses: permanent.into_iter().map(|(status, _)| status).collect(), to, pages })
}

/// Whether it is a page of the site: HTML that answered well, and no sitemap. What was only checked has no links.
fn is_page(fact: &Fact, has_links: bool) -> bool {
    let is_html = fact.content_type.as_deref().is_some_and(|essence| essence.contains("html"));
    let is_good = fact.outcome == "finished" && fact.status_code.is_some_and(|status| status < 300);
    let is_map = matches!(fact.tag.as_deref(), Some("robots" | "sitemapindex"));
    is_html && is_good && !is_map && (!has_links || !fact.links.is_empty())
}

fn title(fact: &Fact, has_links: bool) -> Option<&str> {
    fact.title.as_deref().filter(|_| is_page(fact, has_links))
}

/// Keeps the greatest.
fn top(list: &mut Vec<Measured>, fact: &Fact, value: f64) {
    let at = list.partition_point(|other| other.value >= value);
    if at < TOP && value > 0.0 {
        list.insert(at, Measured { url: fact.name().to_owned(), value });
        list.truncate(TOP);
    }
}
