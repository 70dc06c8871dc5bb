//! The second pass over a run: what can be told only once all numbers are known.
//!
//! The pages with broken links, the pages that share a title, the 95th percentile of each host that is shown, and what came
//! when.

use std::collections::{HashMap, HashSet};

use hdrhistogram::Histogram;

use super::survey::{Fate, Survey, host_of};
use super::text::clipped;
use super::timeline::Timeline;
use super::times::micros;
use super::{MOST_LIST, SHOWN_HOSTS};
use crate::report::Fact;

/// Broken links shown of one page, and pages shown of one title.
const OF_ONE: usize = 20;

/// Broken links of one page that are counted once, however often they come.
const REMEMBERED: usize = 1_000;

/// A page and its links that lead nowhere.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// `None` for what was given as a seed.
    pub(super) url: Option<String>,
    pub(super) links: Vec<BrokenLink>,
    /// How many there are in all.
    pub(super) count: u64,
    /// Those that were counted: a redirect to the page has the same links.
    seen: HashSet<u64>,
}

#[derive(Debug)]
pub(super) struct BrokenLink {
    print: u64,
    pub(super) url: String,
    pub(super) tag: String,
    /// What the page calls it.
    pub(super) text: Option<String>,
    pub(super) fate: Fate,
    pub(super) kind: Box<str>,
}

/// A title and pages that have it.
#[derive(Debug, Default)]
pub(super) struct SameTitle {
    pub(super) title: String,
    pub(super) count: u64,
    pub(super) pages: Vec<String>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Detail<'a> {
    survey: &'a Survey,
    pub(super) timeline: Option<Timeline>,
    hosts: HashMap<&'a str, Histogram<u32>>,
    /// By the page that has them.
    pages: HashMap<Option<u64>, Page>,
    /// Links on pages for which there was no room.
    pub(super) more_links: u64,
    titles: HashMap<u64, SameTitle>,
    /// Titles of several pages, shown or not.
    pub(super) repeated: u64,
}

impl<'a> Detail<'a> {
    pub(super) fn new(survey: &'a Survey) -> Self {
        let hosts = survey.hosts.sorted(|host| host.urls);
        // Two digits, and it grows with the times that are put in.
        let empty = || Histogram::new(2).unwrap_or_else(|_| unreachable!("two digits are valid"));
        let hosts = hosts.into_iter().take(SHOWN_HOSTS).map(|(name, _)| (name, empty())).collect();
        let mut titles: Vec<_> = survey.titles.iter().filter(|(_, count)| **count > 1).collect();
        let repeated = titles.len() as u64;
        titles.sort_unstable_by(|a, b| b.1.cmp(a.1));
        let shown = titles.into_iter().take(MOST_LIST);
        let titles = shown
            .map(|(print, count)| (*print, SameTitle { count: *count, ..SameTitle::default() }))
            .collect();
        Self {
            survey,
            timeline: survey.span.map(Timeline::over),
            hosts,
            pages: HashMap::new(),
            more_links: 0,
            titles,
            repeated,
        }
    }

    pub(super) fn add(&mut self, fact: &Fact) {
        let fate = Fate::of(fact);
        if let Some(line) = self.timeline.as_mut().filter(|_| fate != Fate::NotAsked) {
            line.add(fact, fate.is_bad());
        }
        if let (Some(ms), Some(name)) = (fact.time_total_ms, host_of(fact))
            && let Some(times) = self.hosts.get_mut(&*name)
        {
            // It grows as it must, which `saturating_record` does not let it.
            let _ = times.record(micros(ms));
        }
        if let Some(same) = self.survey.title_of(fact).and_then(|print| self.titles.get_mut(&print))
            && same.pages.len() < OF_ONE
        {
            same.title = clipped(fact.title.as_deref().unwrap_or_default()).into();
            same.pages.push(clipped(fact.name()).into());
        }
        self.add_links(fact);
    }

    /// A broken URL itself says on which page it was found; the links of pages say the others.
    fn add_links(&mut self, fact: &Fact) {
        let survey = self.survey;
        if survey.broken.is_empty() {
            return;
        }
        if Fate::of(fact).is_bad() {
            let tag = fact.tag.as_deref().unwrap_or_default();
            self.add_link(fact.source.as_deref(), fact.name(), tag, None);
        }
        // The page is where redirects led.
        let page = fact.final_url.as_deref().unwrap_or_else(|| fact.name());
        for link in &fact.links {
            self.add_link(Some(page), &link.url, &link.tag, link.text.as_deref());
        }
    }

    fn add_link(&mut self, page: Option<&str>, url: &str, tag: &str, text: Option<&str>) {
        let survey = self.survey;
        let print = survey.print(url);
        let Some(broken) = survey.broken.get(&print) else { return };
        let page_print = page.map(|page| survey.print(page));
        if self.pages.len() >= MOST_LIST && !self.pages.contains_key(&page_print) {
            self.more_links += 1;
            return;
        }
        let entry = self.pages.entry(page_print).or_default();
        if entry.seen.len() < REMEMBERED && !entry.seen.insert(print) {
            // The page knows what it calls the link, the record of the URL does not.
            let nameless = |link: &&mut BrokenLink| link.text.is_none() && link.print == print;
            if let (Some(text), Some(link)) = (text, entry.links.iter_mut().find(nameless)) {
                link.text = Some(clipped(text).into());
            }
            return;
        }
        entry.url = page.map(|page| clipped(page).into());
        entry.count += 1;
        if entry.links.len() < OF_ONE {
            let [url, tag] = [url, tag].map(|text| clipped(text).into());
            let text = text.map(|text| clipped(text).into());
            let (fate, kind) = (broken.fate, broken.kind.clone());
            entry.links.push(BrokenLink { print, url, tag, text, fate, kind });
        }
    }

    /// Milliseconds in which a host answered 95 of 100.
    pub(super) fn p95(&self, host: &str) -> Option<f64> {
        let times = self.hosts.get(host).filter(|times| !times.is_empty())?;
        Some(times.value_at_quantile(0.95).min(times.max()) as f64 / 1e3)
    }

    /// Those with most broken links first.
    pub(super) fn pages(&self) -> Vec<&Page> {
        let mut pages: Vec<_> = self.pages.values().collect();
        pages.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.url.cmp(&b.url)));
        pages
    }

    /// Those of most pages first.
    pub(super) fn titles(&self) -> Vec<&SameTitle> {
        let mut titles: Vec<_> = self.titles.values().collect();
        titles.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.title.cmp(&b.title)));
        titles
    }
}
