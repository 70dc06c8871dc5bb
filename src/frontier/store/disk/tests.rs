//! The durable store against a naive model: random work, and the process dying at any moment.
//!
//! A thread stands in for the writer of a job: it appends every commit to the journal. *Dying* is to take the files as they
//! are at a moment, cut the journal at a random place, and open what is left.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;
use std::time::{Duration, Instant};

use super::frame::Frame;
use super::journal::Journal;
use super::*;
use crate::extract::Via;
use crate::frontier::{Found, Root};
use crate::url::{CrawlUrl, Fingerprinter};

const KEY: (u64, u64) = (3, 4);

fn options(directory: &Path, memory: u64) -> Options {
    let directory = directory.to_owned();
    Options { directory, key: KEY, unique: true, memory, sync: false, rebooted: false, pace: Pace::QUICK }
}

/// A store with its threads.
struct Bench {
    store: Disk,
    threads: Vec<std::thread::JoinHandle<()>>,
    note: Vec<u8>,
    sources: BTreeMap<u32, (u64, bool)>,
    asides: BTreeMap<u64, Vec<u8>>,
    recovery: Recovery,
    arrivals: Vec<Arrival>,
}

/// Writes commits as a job's writer does, but for the records: one output, as long as the number of URLs done.
fn write(
    mut journal: Journal,
    mut commits: mpsc::UnboundedReceiver<ToJournal>,
    directory: PathBuf,
    mut done: u64,
    mut note: Vec<u8>,
) {
    while let Some(message) = commits.blocking_recv() {
        match message {
            ToJournal::Commit { body, done: now_done } => {
                done += now_done.len() as u64;
                let mut frame = Vec::new();
                Frame::front(&mut frame, (0, 0), &[done]);
                frame.extend_from_slice(&body);
                note = Frame::read(&frame).unwrap().note.to_vec();
                journal.append(&frame).unwrap();
            }
            ToJournal::Segment(segment, closed) => {
                journal = Journal::create(&directory, segment, KEY).unwrap();
                closed.send(Closed { outputs: vec![done], note: note.clone() }).unwrap();
            }
        }
    }
}

impl Bench {
    fn open(directory: &Path, memory: u64) -> Self {
        let state = State::read(&options(directory, memory), &[u64::MAX], true).unwrap();
        let opened = state.start(options(directory, memory)).unwrap();
        let Opened { store, keeper, note, asides, sources, outputs, recovery, journal, commits, .. } = opened;
        let (done, path) = (outputs.first().copied().unwrap_or(0), directory.to_owned());
        let noted = note.clone();
        let writer = std::thread::spawn(move || write(journal, commits, path, done, noted));
        Self { store, threads: vec![keeper, writer], note, asides, sources, recovery, arrivals: Vec::new() }
    }

    fn end(self) {
        drop(self.store);
        self.threads.into_iter().for_each(|thread| thread.join().unwrap());
    }

    fn offer(&mut self, urls: &[String]) -> usize {
        let print = Fingerprinter::with_key(KEY.0, KEY.1);
        let page = CrawlUrl::parse("http://h0/page").unwrap();
        let candidates = urls.iter().map(|url| CrawlUrl::parse(url).unwrap());
        let mut candidates: Vec<_> = candidates
            .map(|url| {
                let found = Found::Link {
                    root: Arc::new(Root { url: page.clone(), named: true, tag: None }),
                    source: page.clone(),
                    via: Via::named("a", "href"),
                    redirects: 0,
                    for_seed: false,
                    on_public: false,
                    lastmod: None,
                };
                Candidate { fingerprint: print.fingerprint(&url), url, depth: 1, found }
            })
            .collect();
        let mut grown = Vec::new();
        self.store.offer(&mut candidates, Instant::now(), &mut grown);
        grown.len()
    }

    /// Loads from a group, waiting for it if need be.
    fn load(&mut self, group: u32, at_least: usize) -> VecDeque<Entry> {
        if let Some(loaded) = self.store.load(GroupId(group), at_least) {
            return loaded.entries;
        }
        loop {
            self.store.commit(Instant::now(), true, &mut || self.note.clone());
            self.poll();
            let at = self.arrivals.iter().position(|a| matches!(a, Arrival::Loaded(id, _) if id.0 == group));
            if let Some(at) = at
                && let Arrival::Loaded(_, loaded) = self.arrivals.remove(at)
            {
                return loaded.entries;
            }
            std::thread::yield_now();
        }
    }

    fn poll(&mut self) {
        self.store.arrivals(Instant::now(), &mut self.arrivals).unwrap();
    }

    fn checkpoint(&mut self) {
        self.settle();
        self.store.checkpoint = CheckpointState::Wanted;
        self.store.commit(Instant::now(), true, &mut || b"noted".to_vec());
        self.settle();
    }

    /// Waits until no checkpoint is under way.
    fn settle(&mut self) {
        while self.store.checkpoint == CheckpointState::UnderWay {
            self.poll();
            std::thread::yield_now();
        }
    }

    fn groups(&self) -> u32 {
        self.store.core.names.len()
    }

    /// Everything that waits or is taken, by taking it.
    fn drain(&mut self) -> BTreeSet<String> {
        self.poll();
        let mut urls = BTreeSet::new();
        for group in 0..self.groups() {
            while self.store.core.waiting(group).0 > 0 {
                urls.extend(self.load(group, 1000).into_iter().map(|entry| entry.url.to_string()));
                self.poll();
            }
        }
        for arrival in &self.arrivals {
            if let Arrival::Retry(_, entry, _) = arrival {
                urls.insert(entry.url.to_string());
            }
        }
        urls
    }
}

fn urls(range: std::ops::Range<u32>, hosts: u32) -> Vec<String> {
    range.map(|n| format!("http://h{}/page/{n}", n % hosts)).collect()
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[test]
fn what_is_admitted_comes_back_once() {
    let directory = tempfile::tempdir().unwrap();
    let mut bench = Bench::open(directory.path(), 1 << 30);
    assert_eq!(bench.offer(&urls(0..100, 7)), 100);
    assert_eq!(bench.offer(&urls(50..120, 7)), 20);
    bench.store.commit(Instant::now(), true, &mut || b"first".to_vec());
    bench.end();
    let mut bench = Bench::open(directory.path(), 1 << 30);
    assert_eq!((bench.note.as_slice(), bench.recovery.commits), (&b"first"[..], 1));
    assert_eq!(bench.offer(&urls(0..121, 7)), 1);
    assert_eq!(bench.drain(), urls(0..121, 7).into_iter().collect());
    bench.end();
}

#[test]
fn what_is_out_comes_back_and_what_is_done_does_not() {
    for checkpoint_at in 0..4 {
        let directory = tempfile::tempdir().unwrap();
        let mut bench = Bench::open(directory.path(), 1 << 30);
        bench.offer(&urls(0..100, 1));
        if checkpoint_at == 1 {
            bench.checkpoint();
        }
        let mut entries = bench.load(0, 64);
        if checkpoint_at == 2 {
            bench.checkpoint();
        }
        let later = Instant::now() + Duration::from_secs(3600);
        for how in 0..3 {
            for entry in entries.iter_mut().take(30).skip(how).step_by(3) {
                entry.attempts += 1;
                entry.handed_out = true;
                bench.store.handed_out(GroupId(0), entry);
                match how {
                    0 => bench.store.done(GroupId(0), entry, entry.seq % 2 == 0),
                    1 => bench.store.waits(GroupId(0), entry, later),
                    _ => {}
                }
            }
        }
        if checkpoint_at == 3 {
            bench.checkpoint();
        }
        bench.store.read_to(3, 17, true);
        bench.store.put_aside(500, b"bad line");
        bench.store.commit(Instant::now(), true, &mut Vec::new);
        bench.end();

        let state = State::read(&options(directory.path(), 0), &[u64::MAX], false).unwrap();
        let stock = state.stock();
        assert_eq!((stock.waiting, stock.out, stock.failed, stock.aside), (80, 10, 5, 1), "{checkpoint_at}");
        let mut bench = Bench::open(directory.path(), 1 << 30);
        assert_eq!((bench.sources[&3], bench.asides[&500].as_slice()), ((17, true), &b"bad line"[..]));
        let mut lost = 0;
        let mut left: Vec<Entry> = bench.load(0, 1000).into();
        left.extend(bench.load(0, 1000));
        bench.poll();
        for arrival in std::mem::take(&mut bench.arrivals) {
            if let Arrival::Retry(_, entry, due) = arrival {
                assert!(due > Instant::now() + Duration::from_secs(3000));
                left.push(*entry);
            }
        }
        let mut tried = 0;
        for entry in &left {
            lost += entry.lost;
            tried += entry.attempts;
        }
        assert_eq!(tried, 20);
        // Nothing was done after these went out: one of them may be to blame. A checkpoint is as good as something done.
        let blamed = if checkpoint_at == 3 { 0 } else { 10 };
        assert_eq!((left.len(), lost), (90, blamed), "{checkpoint_at}");
        // Those that were out are first, in order.
        let out_at: Vec<_> =
            (0..left.len()).filter(|nth| left[*nth].seq < 30 && left[*nth].seq % 3 == 2).collect();
        let untried_at = left.iter().position(|entry| entry.attempts == 0).unwrap();
        assert!(out_at.is_sorted_by_key(|nth| left[*nth].seq) && out_at[9] < untried_at, "{out_at:?}");
        bench.end();
    }
}

#[test]
fn saved_states_and_released_groups() {
    let directory = tempfile::tempdir().unwrap();
    let mut bench = Bench::open(directory.path(), 1 << 30);
    bench.offer(&urls(0..3, 3));
    bench.store.save(GroupId(0), b"old".to_vec().into());
    bench.checkpoint();
    bench.store.save(GroupId(1), b"one".to_vec().into());
    // Not as long as something of it is on disk.
    bench.store.release(GroupId(2));
    assert_eq!(bench.store.name(GroupId(2)), "http://h2");
    let last = bench.load(2, 1).pop_front().unwrap();
    bench.store.done(GroupId(2), &last, true);
    bench.store.release(GroupId(2));
    bench.offer(&["http://new/".to_owned()]);
    assert_eq!(bench.store.name(GroupId(2)), "http://new");
    bench.store.commit(Instant::now(), true, &mut Vec::new);
    bench.end();
    let mut bench = Bench::open(directory.path(), 1 << 30);
    assert_eq!(bench.store.name(GroupId(2)), "http://new");
    bench.poll();
    let with_state: BTreeSet<u32> = bench
        .arrivals
        .iter()
        .filter_map(|a| if let Arrival::Grown(id, _, true) = a { Some(id.0) } else { None })
        .collect();
    assert_eq!(with_state, BTreeSet::from([0, 1]));
    let state = |bench: &mut Bench, group| {
        if let Some(loaded) = bench.store.load(GroupId(group), 1) {
            return loaded.state;
        }
        loop {
            bench.store.commit(Instant::now(), true, &mut Vec::new);
            bench.arrivals.clear();
            bench.poll();
            if let Some(Arrival::Loaded(_, loaded)) = bench.arrivals.pop() {
                return loaded.state;
            }
        }
    };
    assert_eq!(state(&mut bench, 0).as_deref(), Some(&b"old"[..]));
    assert_eq!(state(&mut bench, 1).as_deref(), Some(&b"one"[..]));
    bench.end();
    // What failed keeps its host, whoever has its group now.
    let mut state = State::read(&options(directory.path(), 0), &[u64::MAX], false).unwrap();
    let mut failed = Vec::new();
    state.failed(|entry| failed.push(entry.url.to_string())).unwrap();
    assert_eq!(failed, ["http://h2/page/2"]);
}

#[test]
fn entries_put_back_come_first() {
    for on_disk in [false, true] {
        let directory = tempfile::tempdir().unwrap();
        let mut bench = Bench::open(directory.path(), 1 << 30);
        bench.offer(&urls(0..200, 1));
        if on_disk {
            bench.checkpoint();
        }
        let entries = bench.load(0, 10);
        let (count, first) = (entries.len(), entries[0].seq);
        bench.store.put_back(GroupId(0), entries);
        assert_eq!(bench.load(0, 1)[0].seq, first);
        assert_eq!(bench.drain().len(), 199, "{count}");
        bench.end();
    }
}

/// The sieve decides late, and each URL once, also when the journal offers one twice.
#[test]
fn a_sieve_admits_each_url_once() {
    let directory = tempfile::tempdir().unwrap();
    let memory = 1 << 20;
    let mut bench = Bench::open(directory.path(), memory);
    // More than memory is for: the next checkpoint moves on to the sieve.
    let limit = (memory / 8 * 7 / 8) as u32;
    assert_eq!(bench.offer(&urls(0..limit + 10, 50)), limit as usize + 10);
    bench.checkpoint();
    assert!(matches!(bench.store.core.known, Known::Sieve { .. }));
    assert_eq!(bench.offer(&urls(limit..limit + 100, 50)), 0);
    assert_eq!(bench.store.undecided(), 100);
    // It dies before they are decided, and hears of some of them again.
    bench.store.commit(Instant::now(), true, &mut Vec::new);
    bench.end();
    let mut bench = Bench::open(directory.path(), memory);
    assert_eq!(bench.store.undecided(), 100);
    assert_eq!(bench.offer(&urls(limit..limit + 120, 50)), 0);
    assert_eq!(bench.store.undecided(), 120);
    bench.checkpoint();
    assert_eq!(bench.store.undecided(), 0);
    bench.poll();
    let decided = bench.arrivals.iter().find_map(|a| match a {
        Arrival::Decided { new, seen } => Some((*new, *seen)),
        _ => None,
    });
    assert_eq!(decided, Some((110, 10)));
    assert_eq!(bench.drain(), urls(0..limit + 120, 50).into_iter().collect());
    bench.end();
}

/// A process that dies before its move to the sieve is complete leaves offers that the next decides by itself: the run
/// hears of these as well.
#[test]
fn offers_before_the_sieve_was_there_are_heard_of() {
    let [directory, old] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let mut bench = Bench::open(directory.path(), 1 << 20);
    bench.offer(&urls(0..(1 << 17), 50));
    // A commit that begins no checkpoint.
    bench.store.commit_now(Instant::now(), &mut Vec::new);
    let segment = |directory: &tempfile::TempDir, nth| journal::path(directory.path(), nth);
    let frames = || {
        let mut frames = 0;
        let tail = journal::read(directory.path(), 1, KEY, |_, _| {
            frames += 1;
            Ok(())
        });
        tail.map(|tail| (frames, tail.torn)).unwrap()
    };
    while frames() != (1, 0) {
        std::thread::yield_now();
    }
    std::fs::copy(segment(&directory, 1), segment(&old, 1)).unwrap();
    bench.checkpoint();
    bench.offer(&urls((1 << 17) - 30..(1 << 17) + 70, 50));
    bench.store.commit_now(Instant::now(), &mut Vec::new);
    bench.end();
    std::fs::copy(segment(&directory, 2), segment(&old, 2)).unwrap();
    let state = State::read(&options(old.path(), 0), &[u64::MAX], false);
    assert!(state.is_err(), "nothing was made there yet");
    for _life in 0..2 {
        let stock = State::read(&options(old.path(), 0), &[u64::MAX], true).unwrap().stock();
        assert_eq!((stock.new_links, stock.seen_links, stock.undecided), (70, 30, 0));
    }
    let mut bench = Bench::open(old.path(), 1 << 20);
    bench.poll();
    assert!(bench.arrivals.iter().any(|a| matches!(a, Arrival::Decided { new: 70, seen: 30 })));
    bench.store.commit(Instant::now(), true, &mut Vec::new);
    bench.end();
    let stock = State::read(&options(old.path(), 0), &[u64::MAX], false).unwrap().stock();
    assert_eq!((stock.new_links, stock.waiting), (0, (1 << 17) + 70));
}

/// Whoever asks for a decision too soon gets it later, without asking again.
#[test]
fn a_decision_that_is_asked_for_comes() {
    let directory = tempfile::tempdir().unwrap();
    let mut bench = Bench::open(directory.path(), 1 << 20);
    bench.offer(&urls(0..(1 << 17), 50));
    bench.checkpoint();
    assert!(matches!(bench.store.core.known, Known::Sieve { .. }));
    bench.offer(&["http://new/".to_owned()]);
    let now = Instant::now();
    bench.store.commit(now, true, &mut Vec::new);
    assert_eq!(bench.store.commit_at(), None);
    bench.store.decide(now);
    let at = bench.store.commit_at().unwrap();
    assert!(at <= now + IDLE_MERGE_EVERY + Pace::QUICK.every);
    bench.store.commit(at, false, &mut Vec::new);
    bench.settle();
    assert_eq!((bench.store.undecided(), bench.store.commit_at().is_some()), (0, true));
    bench.end();
}

/// A page that ends the process whenever it is fetched is blamed for each time, without any checkpoint in between.
#[test]
fn every_death_is_counted() {
    let directory = tempfile::tempdir().unwrap();
    let mut bench = Bench::open(directory.path(), 1 << 30);
    bench.offer(&urls(0..2, 1));
    bench.store.commit(Instant::now(), true, &mut Vec::new);
    for deaths in 0..5 {
        let mut entry = bench.load(0, 1).pop_front().unwrap();
        assert_eq!((entry.seq, entry.lost, entry.attempts), (0, deaths, deaths));
        entry.attempts += 1;
        bench.store.handed_out(GroupId(0), &entry);
        bench.store.commit(Instant::now(), true, &mut Vec::new);
        bench.end();
        bench = Bench::open(directory.path(), 1 << 30);
    }
    // It is not blamed for a start that got no further.
    bench.end();
    let mut bench = Bench::open(directory.path(), 1 << 30);
    assert_eq!(bench.load(0, 1)[0].lost, 5);
    bench.end();
}

/// Dying at any byte of the journal, over checkpoints made and under way: what was done stays done, all else comes back.
#[test]
fn dying_at_any_moment_loses_nothing() {
    let mut random = fastrand::Rng::with_seed(7);
    for round in 0..60 {
        let memory = if round % 2 == 0 { 1 << 30 } else { 1 << 20 };
        let first = tempfile::tempdir().unwrap();
        let mut directory = first;
        // By the model: all that was ever admitted, and the commits that say what was done.
        let (mut offered, mut done) = (0, BTreeSet::new());
        let mut history: Vec<(u32, BTreeSet<String>)> = vec![(offered, done.clone())];
        for _life in 0..4 {
            let mut bench = Bench::open(directory.path(), memory);
            for _ in 0..random.usize(1..12) {
                let more = random.u32(0..60);
                bench.offer(&urls(offered..offered + more, 5));
                offered += more;
                // A load may commit.
                bench.note = (history.len() as u64).to_le_bytes().to_vec();
                history.push((offered, done.clone()));
                let groups = bench.groups();
                if groups > 0 {
                    let group = random.u32(0..groups);
                    for mut entry in bench.load(group, random.usize(1..20)) {
                        entry.attempts += 1;
                        entry.handed_out = true;
                        bench.store.handed_out(GroupId(group), &entry);
                        if random.bool() {
                            bench.store.done(GroupId(group), &entry, false);
                            assert!(done.insert(entry.url.to_string()), "{} twice", entry.url);
                        }
                    }
                }
                let note = history.len() as u64;
                bench.store.commit(Instant::now(), true, &mut || note.to_le_bytes().to_vec());
                history.push((offered, done.clone()));
                if random.u32(0..4) == 0 {
                    bench.store.checkpoint = match bench.store.checkpoint {
                        CheckpointState::None => CheckpointState::Wanted,
                        other => other,
                    };
                }
            }
            bench.end();
            // Another directory with the files of a moment: the journal's last segment cut anywhere.
            let next = tempfile::tempdir().unwrap();
            copy(directory.path(), next.path());
            if let Some(last) = journal::segments(next.path()).unwrap().pop() {
                let path = journal::path(next.path(), last);
                let length = std::fs::metadata(&path).unwrap().len();
                std::fs::File::options()
                    .write(true)
                    .open(&path)
                    .unwrap()
                    .set_len(random.u64(0..=length))
                    .unwrap();
            }
            let state = State::read(&options(next.path(), memory), &[u64::MAX], false).unwrap();
            let at = match state.note.as_slice().try_into() {
                Ok(note) => u64::from_le_bytes(note) as usize,
                Err(_) => 0,
            };
            (offered, done) = history[at].clone();
            directory = next;
        }
        let mut bench = Bench::open(directory.path(), memory);
        let left = bench.drain();
        let all: BTreeSet<String> = urls(0..offered, 5).into_iter().collect();
        assert_eq!(left, all.difference(&done).cloned().collect(), "round {round}");
        assert_eq!(bench.offer(&urls(0..offered, 5)), 0, "round {round}");
        bench.end();
    }
}
