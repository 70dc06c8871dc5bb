//! Gates: what hosts of one domain, or at one address, share of politeness (`--queue-key`).
//!
//! A [`Gate`] has what a request of any of its hosts counts against: requests in flight, when the next may start, and until
//! when nobody is asked. The scheduler lets a host start something only with a *pass* of its gate, of which there are no
//! more than may start now. Who wants one stands in the gate's line. Queues, robots.txt and marks stay with the host.
//!
//! A gate is dropped when no host is left at it and its times are past, so there are no more gates than hosts that are
//! awake, and those that were asked lately. How the line moves, and why nobody starves, is in [`gated`](super::gated).

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::frontier::pace::{next_beat, varied};
use crate::frontier::pages::Pages;
use crate::frontier::store::GroupId;
use crate::frontier::{Politeness, QueueKey};
use crate::robots;
use crate::scope::registrable;

/// What hosts have in common that share a gate.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    /// A registrable domain; or a host, scheme and port included, whose address is not known.
    Name(Box<str>),
    /// An address.
    Address(IpAddr),
}

/// See the module.
pub(super) struct Gates {
    by: QueueKey,
    per_host: u32,
    /// Time between two starts: least, on average, and how much these vary.
    delay: Duration,
    every: Duration,
    jitter: f64,
    /// Before this nobody is asked: a run that was taken up again does not know when somebody was asked last.
    earliest: Instant,
    hosts: Pages<Member>,
    gates: Vec<Gate>,
    numbers: HashMap<Key, u32>,
    free: Vec<u32>,
    /// Gates that nobody stood at when they were last looked at.
    deserted: VecDeque<u32>,
    /// When gates open that somebody waits for; stale where the gate says otherwise.
    alarms: BinaryHeap<Reverse<(Instant, u32)>>,
    /// Gates of which something changed.
    stirred: VecDeque<u32>,
}

struct Gate {
    key: Key,
    hosts: u32,
    /// Requests in flight, and passes that are not used.
    out: u32,
    passes: u32,
    next_start: Instant,
    /// When it could be by the average alone.
    beat: Instant,
    snoozed_until: Instant,
    line: VecDeque<GroupId>,
    alarm: Option<Instant>,
    is_deserted: bool,
}

/// What is known of a host.
#[derive(Clone, Copy, Debug, Default)]
struct Member {
    at: At,
    in_line: bool,
    pass: bool,
}

/// Where a host belongs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum At {
    /// Nobody knows.
    #[default]
    Unknown,
    /// Its address is being looked up.
    Asked,
    /// At the gate with this number.
    Gate(u32),
}

impl Gate {
    /// When it is shut by time alone, until then.
    fn opens_at(&self) -> Instant {
        self.next_start.max(self.snoozed_until)
    }
}

impl Gates {
    /// The gates of a run, if it has any: they take the place of the waits that hosts have in common.
    pub(super) fn new(politeness: &mut Politeness, now: Instant) -> Option<Box<Self>> {
        (politeness.queue_key != QueueKey::Host).then(|| {
            Box::new(Self {
                by: politeness.queue_key,
                per_host: politeness.per_host,
                delay: std::mem::take(&mut politeness.delay),
                every: std::mem::take(&mut politeness.rate),
                jitter: politeness.jitter,
                earliest: now,
                hosts: Pages::default(),
                gates: Vec::new(),
                numbers: HashMap::new(),
                free: Vec::new(),
                deserted: VecDeque::new(),
                alarms: BinaryHeap::new(),
                stirred: VecDeque::new(),
            })
        })
    }

    /// Nobody is asked before the delay has passed from `then` on.
    pub(super) fn resumed(&mut self, then: Instant) {
        self.earliest = then + self.delay.max(self.every);
    }

    /// Where a host belongs, by its name if that tells.
    pub(super) fn at(&mut self, id: GroupId, name: &str, now: Instant) -> At {
        let at = self.member(id).at;
        match at {
            At::Unknown => self.key_of(name).map_or(at, |key| self.join(id, key, now)),
            At::Asked | At::Gate(_) => at,
        }
    }

    /// What a name tells without asking anybody.
    fn key_of(&self, name: &str) -> Option<Key> {
        let url = robots::url_of(name)?;
        let address = url.host().trim_matches(['[', ']']).parse::<IpAddr>().ok();
        match self.by {
            QueueKey::Domain => Some(Key::Name(registrable(url.host()).into())),
            QueueKey::Ip => address.map(|address| Key::Address(address.to_canonical())),
            QueueKey::Host => Some(Key::Name(name.into())),
        }
    }

    /// The address of a host is being looked up.
    pub(super) fn ask(&mut self, id: GroupId) {
        self.member(id).at = At::Asked;
    }

    /// The look-up has ended: with an address, with none, or (`None`) not at all.
    pub(super) fn located(&mut self, id: GroupId, name: &str, answer: Option<Option<IpAddr>>, now: Instant) {
        match answer {
            None => self.member(id).at = At::Unknown,
            Some(Some(address)) => drop(self.join(id, Key::Address(address.to_canonical()), now)),
            // The fetch will say what is wrong with the name; until then it is nobody else's.
            Some(None) => drop(self.join(id, Key::Name(name.into()), now)),
        }
    }

    pub(super) fn is_asked(&self, id: GroupId) -> bool {
        self.hosts.get(id.0 as usize).is_some_and(|host| host.at == At::Asked)
    }

    pub(super) fn is_unknown(&self, id: GroupId) -> bool {
        self.hosts.get(id.0 as usize).is_none_or(|host| host.at == At::Unknown)
    }

    fn join(&mut self, id: GroupId, key: Key, now: Instant) -> At {
        self.sweep(now);
        let number = match self.numbers.get(&key) {
            Some(number) => *number,
            None => self.found(key),
        };
        self.gates[number as usize].hosts += 1;
        *self.member(id) = Member { at: At::Gate(number), ..Member::default() };
        At::Gate(number)
    }

    fn found(&mut self, key: Key) -> u32 {
        let gate = Gate {
            key: key.clone(),
            hosts: 0,
            out: 0,
            passes: 0,
            next_start: self.earliest,
            beat: self.earliest,
            snoozed_until: self.earliest,
            line: VecDeque::new(),
            alarm: None,
            is_deserted: false,
        };
        let number = match self.free.pop() {
            Some(number) => {
                self.gates[number as usize] = gate;
                number
            }
            None => {
                self.gates.push(gate);
                self.gates.len() as u32 - 1
            }
        };
        self.numbers.insert(key, number);
        number
    }

    /// A host is gone, or asleep: where it belongs is looked up again when it comes back.
    pub(super) fn leave(&mut self, id: GroupId) {
        self.hand_in(id);
        if let At::Gate(number) = std::mem::take(self.member(id)).at {
            let gate = &mut self.gates[number as usize];
            gate.hosts -= 1;
            if gate.hosts == 0 && !std::mem::replace(&mut gate.is_deserted, true) {
                self.deserted.push_back(number);
            }
        }
    }

    /// Looks at two deserted gates: more than one comes for each host that joins, and so all are dropped in time.
    fn sweep(&mut self, now: Instant) {
        for _ in 0..2 {
            let Some(number) = self.deserted.pop_front() else { return };
            let gate = &mut self.gates[number as usize];
            if gate.hosts == 0 && gate.opens_at() > now {
                self.deserted.push_back(number);
                continue;
            }
            gate.is_deserted = false;
            if gate.hosts == 0 {
                self.numbers.remove(&gate.key);
                gate.line = VecDeque::new();
                self.free.push(number);
            }
        }
    }

    fn member(&mut self, id: GroupId) -> &mut Member {
        self.hosts.at(id.0 as usize)
    }

    fn gate_of(&self, id: GroupId) -> Option<&Gate> {
        match self.hosts.get(id.0 as usize)?.at {
            At::Gate(number) => self.gates.get(number as usize),
            At::Unknown | At::Asked => None,
        }
    }

    /// Whether its gate is shut beyond that time.
    pub(super) fn is_shut_until(&self, id: GroupId, time: Instant) -> bool {
        self.gate_of(id).is_some_and(|gate| gate.opens_at() > time)
    }

    pub(super) fn has_pass(&self, id: GroupId) -> bool {
        self.hosts.get(id.0 as usize).is_some_and(|host| host.pass)
    }

    pub(super) fn is_in_line(&self, id: GroupId) -> bool {
        self.hosts.get(id.0 as usize).is_some_and(|host| host.in_line)
    }

    /// Gives a pass to a host in line, if its gate has one.
    pub(super) fn give_pass(&mut self, id: GroupId, number: u32, now: Instant) -> bool {
        let gate = &mut self.gates[number as usize];
        // With a distance the next may start only when this one has.
        let keeps_distance = !self.delay.max(self.every).is_zero();
        let is_free = gate.out + gate.passes < self.per_host && (!keeps_distance || gate.passes == 0);
        if !is_free || gate.opens_at() > now {
            return false;
        }
        gate.passes += 1;
        self.member(id).pass = true;
        true
    }

    /// A host does not use its pass, if it has one.
    pub(super) fn hand_in(&mut self, id: GroupId) {
        if std::mem::take(&mut self.member(id).pass) {
            self.stir(id, |gate| gate.passes -= 1);
        }
    }

    /// A request to a host starts.
    pub(super) fn started(&mut self, id: GroupId, now: Instant, chance: &mut fastrand::Rng) {
        self.hand_in(id);
        let [delay, every] = [self.delay, self.every].map(|wait| varied(wait, self.jitter, chance));
        self.stir(id, |gate| {
            gate.out += 1;
            gate.next_start = now + delay;
            if !every.is_zero() {
                gate.beat = next_beat(gate.beat, now, every);
                gate.next_start = gate.next_start.max(gate.beat);
            }
        });
    }

    /// A request to a host has ended.
    pub(super) fn landed(&mut self, id: GroupId) {
        self.stir(id, |gate| gate.out = gate.out.saturating_sub(1));
    }

    /// A host asks for a pause: it is that of all.
    pub(super) fn snooze(&mut self, id: GroupId, until: Instant) {
        self.stir(id, |gate| gate.snoozed_until = gate.snoozed_until.max(until));
    }

    fn stir(&mut self, id: GroupId, change: impl FnOnce(&mut Gate)) {
        if let At::Gate(number) = self.member(id).at {
            change(&mut self.gates[number as usize]);
            self.stirred.push_back(number);
        }
    }

    /// Puts a host at the end of its line, unless it stands there; gives how many stand there then, if it was not.
    pub(super) fn line_up(&mut self, id: GroupId) -> Option<usize> {
        let is_new = !std::mem::replace(&mut self.member(id).in_line, true);
        let mut length = 0;
        self.stir(id, |gate| {
            gate.line.extend(is_new.then_some(id));
            length = gate.line.len();
        });
        is_new.then_some(length)
    }

    /// The host at this place in a line; what does not belong there any more is taken out.
    pub(super) fn stands_at(&mut self, number: u32, place: usize) -> Option<GroupId> {
        loop {
            let id = *self.gates[number as usize].line.get(place)?;
            let host = *self.member(id);
            if host.in_line && host.at == At::Gate(number) {
                return Some(id);
            }
            self.gates[number as usize].line.remove(place);
        }
    }

    /// Takes the host at this place out of the line.
    pub(super) fn step_out(&mut self, number: u32, place: usize) {
        if let Some(id) = self.gates[number as usize].line.remove(place) {
            self.member(id).in_line = false;
        }
    }

    pub(super) fn length(&self, number: u32) -> usize {
        self.gates[number as usize].line.len()
    }

    /// Whether the line of its gate is longer than this.
    pub(super) fn has_line_above(&self, id: GroupId, length: usize) -> bool {
        self.gate_of(id).is_some_and(|gate| gate.line.len() > length)
    }

    /// A gate of which something changed.
    pub(super) fn next_stirred(&mut self) -> Option<u32> {
        self.stirred.pop_front()
    }

    /// Has the gate looked at when it opens, if somebody waits for that.
    pub(super) fn arm(&mut self, number: u32, now: Instant) {
        let gate = &mut self.gates[number as usize];
        let at = gate.opens_at();
        let waits = at > now && !gate.line.is_empty() && gate.out + gate.passes < self.per_host;
        if waits && gate.alarm.replace(at) != Some(at) {
            self.alarms.push(Reverse((at, number)));
        }
    }

    /// When the next gate opens that somebody waits for.
    pub(super) fn alarm(&self) -> Option<Instant> {
        self.alarms.peek().map(|Reverse((at, _))| *at)
    }

    /// Stirs the gates whose time has come.
    pub(super) fn ring(&mut self, now: Instant) {
        while let Some(Reverse((at, number))) = self.alarms.peek().copied() {
            let gate = &mut self.gates[number as usize];
            let stale = gate.alarm != Some(at);
            if !stale && at > now {
                return;
            }
            self.alarms.pop();
            if !stale {
                gate.alarm = None;
                self.stirred.push_back(number);
            }
        }
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.numbers.len()
    }
}
