//! The second pass over a run: what can be told only once all numbers are known.
//!
//! The 95th percentile of each host that is shown, and what came when.

use std::collections::HashMap;

use hdrhistogram::Histogram;

use super::SHOWN_HOSTS;
use super::survey::{Survey, host_of};
use super::timeline::Timeline;
use super::times::micros;
use crate::report::fact::{Fact, Fate};

/// See the module.
#[derive(Debug)]
pub(super) struct Detail<'a> {
    pub(super) timeline: Option<Timeline>,
    hosts: HashMap<&'a str, Histogram<u32>>,
}

impl<'a> Detail<'a> {
    pub(super) fn new(survey: &'a Survey) -> Self {
        let hosts = survey.hosts.sorted(|host| host.urls);
        // Two digits, and it grows with the times that are put in.
        let empty = || Histogram::new(2).unwrap_or_else(|_| unreachable!("two digits are valid"));
        let hosts = hosts.into_iter().take(SHOWN_HOSTS).map(|(name, _)| (name, empty())).collect();
        Self { timeline: survey.span.map(Timeline::over), hosts }
    }

    pub(super) fn add(&mut self, fact: &Fact) {
        let fate = fact.fate();
        if let Some(line) = self.timeline.as_mut().filter(|_| fate != Fate::NotAsked) {
            line.add(fact, fate.is_bad());
        }
        if let (Some(ms), Some(name)) = (fact.time_total_ms, host_of(fact))
            && let Some(times) = self.hosts.get_mut(&*name)
        {
            // It grows as it must, which `saturating_record` does not let it.
            let _ = times.record(micros(ms));
        }
    }

    /// Milliseconds in which a host answered 95 of 100.
    pub(super) fn p95(&self, host: &str) -> Option<f64> {
        let times = self.hosts.get(host).filter(|times| !times.is_empty())?;
        Some(times.value_at_quantile(0.95).min(times.max()) as f64 / 1e3)
    }
}
