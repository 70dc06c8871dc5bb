//! What is remembered of a host while it has no [`HostQueue`]: as opaque bytes, kept by the store.
//!
//! JSON with short names and without what is as at the beginning, so that most hosts cost a few dozen bytes. Times are
//! those of the wall clock, since they may be read by another process; a clock that was set back or forward must
//! not stall a host, so what is read is cut to what could have been written. Bytes that make no sense are as good as
//! none: the host is then met anew.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::robots::{Copy, Robots, State, TTL};
use super::{HostQueue, MAX_CRAWL_DELAY, MAX_PARK};
use crate::fetch::{ErrorKind, Phase};
use crate::frontier::{Fate, WallClock};
use crate::robots::Rules;

/// The fields of [`HostQueue`] and of its `Robots`; times in milliseconds since 1970, spans in milliseconds.
#[derive(Default, Deserialize, PartialEq, Serialize)]
#[serde(default)]
struct Marks {
    #[serde(rename = "n", skip_serializing_if = "Option::is_none")]
    next_start: Option<u64>,
    #[serde(rename = "s", skip_serializing_if = "Option::is_none")]
    snoozed_until: Option<u64>,
    #[serde(rename = "a", skip_serializing_if = "is_zero")]
    asked: u32,
    #[serde(rename = "b", skip_serializing_if = "is_zero")]
    returned: u32,
    #[serde(rename = "u", skip_serializing_if = "Option::is_none")]
    robots_until: Option<u64>,
    #[serde(rename = "g", skip_serializing_if = "Option::is_none")]
    robots_read: Option<u64>,
    #[serde(rename = "r", skip_serializing_if = "Option::is_none")]
    rules: Option<String>,
    #[serde(rename = "k", skip_serializing_if = "is_zero")]
    strikes: u32,
    #[serde(rename = "p", skip_serializing_if = "Option::is_none")]
    parked: Option<u64>,
    #[serde(rename = "l", skip_serializing_if = "Option::is_none")]
    last_strike: Option<u64>,
    #[serde(rename = "w", skip_serializing_if = "is_zero")]
    waves: u32,
    #[serde(rename = "f", skip_serializing_if = "Option::is_none")]
    fate: Option<Retired>,
}

/// The fates that a whole host can have.
#[derive(Deserialize, PartialEq, Serialize)]
enum Retired {
    #[serde(rename = "d")]
    CrawlDelay(Duration),
    #[serde(rename = "t")]
    Throttled,
    #[serde(rename = "f")]
    Failed(String, String, String),
}

/// No counter gets this far; one more can always be counted.
const MOST: u32 = 1 << 16;

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_zero(n: &u32) -> bool {
    *n == 0
}

impl HostQueue {
    /// What [`save`](Self::save) gives, if a mark was made since this was last asked; nothing is then as good as no
    /// bytes.
    pub(in crate::frontier) fn unsaved(&mut self, clock: &WallClock, now: Instant) -> Option<Box<[u8]>> {
        let was_marked = std::mem::take(&mut self.marked);
        was_marked.then(|| self.save(clock, now).unwrap_or_default())
    }

    /// What must be known of this host when it is met again; `None` when that is nothing.
    pub(in crate::frontier) fn save(&self, clock: &WallClock, now: Instant) -> Option<Box<[u8]>> {
        let marks = self.marks(clock, now);
        let is_blank = marks == Marks::default();
        (!is_blank).then(|| serde_json::to_vec(&marks).unwrap_or_default().into_boxed_slice())
    }

    fn marks(&self, clock: &WallClock, now: Instant) -> Marks {
        let mut marks = Marks {
            next_start: (self.next_start > now).then(|| clock.to_unix_ms(self.next_start)),
            // Where it is past it still says since when a host with strikes is quiet.
            snoozed_until: (self.circuit.until > now || self.circuit.strikes > 0)
                .then(|| clock.to_unix_ms(self.circuit.until)),
            strikes: self.circuit.strikes,
            parked: (!self.circuit.parked.is_zero()).then_some(self.circuit.parked.as_millis() as u64),
            last_strike: (self.circuit.strikes > 0).then(|| clock.to_unix_ms(self.circuit.last_strike)),
            waves: self.circuit.waves,
            fate: self.retired.as_ref().and_then(Retired::of),
            ..Marks::default()
        };
        match self.robots.state {
            // Whether its address is private is found out anew.
            State::Ignored | State::Private | State::Known { .. } => {}
            State::Unasked { asked, returned } => (marks.asked, marks.returned) = (asked, returned),
            // A question that nobody hears the answer of was none.
            State::Asking { asked, returned } => {
                (marks.asked, marks.returned) = (asked.saturating_sub(1), returned);
            }
        }
        if let Some(Copy { rules, read }) = &self.robots.copy {
            marks.rules = rules.as_ref().and_then(|rules| rules.to_text());
            // Rules that no text holds are asked for again.
            let is_whole = marks.rules.is_some() == rules.is_some();
            marks.robots_read = is_whole.then(|| clock.to_unix_ms(*read));
            if let (State::Known { until }, true) = (self.robots.state, is_whole) {
                marks.robots_until = Some(clock.to_unix_ms(until));
            }
        }
        marks
    }

    /// Takes up what was saved of this host, whoever did. What it knows of robots.txt by itself stands.
    pub(in crate::frontier) fn restore(&mut self, saved: &[u8], clock: &WallClock, now: Instant) {
        let Ok(marks) = serde_json::from_slice::<Marks>(saved) else { return };
        let time = |ms: Option<u64>, most: Duration| ms.map(|ms| clock.to_instant(ms).min(now + most));
        self.next_start =
            time(marks.next_start, MAX_PARK).map_or(self.next_start, |at| at.max(self.next_start));
        self.circuit.until = time(marks.snoozed_until, MAX_PARK).unwrap_or(self.circuit.until);
        self.circuit.last_strike =
            time(marks.last_strike, Duration::ZERO).unwrap_or(self.circuit.last_strike);
        self.circuit.strikes = self.circuit.strikes.max(marks.strikes.min(MOST));
        self.circuit.parked = self.circuit.parked.max(Duration::from_millis(marks.parked.unwrap_or(0)));
        self.circuit.waves = self.circuit.waves.max(marks.waves.min(MOST));
        self.retired = self.retired.take().or_else(|| marks.fate.and_then(Retired::into_fate));
        if self.robots.state != Robots::UNASKED || self.robots.copy.is_some() {
            return;
        }
        // A version that did not say when they were read wrote only rules that were not a day old.
        if let Some(read) = time(marks.robots_read.or(marks.robots_until), Duration::ZERO) {
            let rules = marks.rules.map(|text| Rules::parse(text.as_bytes(), "*"));
            self.robots.copy = Some(Copy { rules: rules.map(Into::into), read });
        }
        self.robots.state = match time(marks.robots_until, TTL) {
            Some(until) => State::Known { until },
            None => State::Unasked { asked: marks.asked.min(MOST), returned: marks.returned.min(MOST) },
        };
    }

    /// After a restart nobody knows when this host was asked last: as if it were at `then`.
    pub(in crate::frontier) fn hold_gap(&mut self, then: Instant, distance: Duration) {
        let asked = self.robots.rules().and_then(|rules| rules.crawl_delay()).unwrap_or_default();
        let gap = asked.min(MAX_CRAWL_DELAY).max(distance);
        self.next_start = self.next_start.max(then + gap);
    }
}

impl Retired {
    /// `None` for what is the fate of a URL and not of a host.
    fn of(fate: &Fate) -> Option<Self> {
        match fate {
            Fate::CrawlDelay(delay) => Some(Self::CrawlDelay(*delay)),
            Fate::Throttled => Some(Self::Throttled),
            Fate::Failed { kind, phase, message } => Some(Self::Failed(
                kind.as_str().to_owned(),
                phase.as_str().to_owned(),
                (**message).to_owned(),
            )),
            Fate::RobotsDenied(_) | Fate::Trap(_) | Fate::Cancelled | Fate::Deadly(_) => None,
        }
    }

    /// `None` when it was written by a version that knows more.
    fn into_fate(self) -> Option<Fate> {
        Some(match self {
            Self::CrawlDelay(delay) => Fate::CrawlDelay(delay),
            Self::Throttled => Fate::Throttled,
            Self::Failed(kind, phase, message) => Fate::Failed {
                kind: *ErrorKind::ALL.iter().find(|known| known.as_str() == kind)?,
                phase: *Phase::ALL.iter().find(|known| known.as_str() == phase)?,
                message: message.into(),
            },
        })
    }
}
