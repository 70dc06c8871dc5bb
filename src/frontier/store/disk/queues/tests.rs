//! The queues against a model, and what they promise of crashes, damage and space.

use std::collections::VecDeque;
use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

const SMALL: Limits = Limits { file: 3000, run: 700 };

fn block(entries: u32, fill: u8, len: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    push_block(&mut bytes, entries, &vec![fill; len]);
    bytes
}

fn save(queues: &mut Queues) -> Vec<u8> {
    let mut saved = Vec::new();
    queues.save(&mut saved).unwrap();
    queues.sync().unwrap();
    saved
}

fn listed(queues: &mut Queues, id: u32) -> io::Result<Vec<(u32, Vec<u8>)>> {
    let mut list = Vec::new();
    queues.walk(id, |entries, bytes| list.push((entries, bytes.to_vec())))?;
    Ok(list)
}

fn drain(queues: &mut Queues, id: u32, step: u32) -> io::Result<Vec<(u32, Vec<u8>)>> {
    let mut out = Vec::new();
    while queues.take(id, step, &mut out)? > 0 {}
    blocks(&out).map(|block| block.map(|(entries, bytes)| (entries, bytes.to_vec()))).collect()
}

fn files(dir: &TempDir) -> Vec<PathBuf> {
    fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[derive(Clone, Debug)]
enum Step {
    /// To a group, at the front or the back, blocks of so many entries and bytes.
    Put {
        id: u32,
        front: bool,
        blocks: Vec<(u32, usize)>,
    },
    Take {
        id: u32,
        entries: u32,
    },
    Walk {
        id: u32,
    },
    Save,
    Sweep,
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let id = || prop_oneof![0u32..4, Just(u32::MAX)];
    let sizes = || prop::collection::vec((1u32..5, prop_oneof![5 => 0usize..60, 1 => 0usize..6000]), 0..12);
    let front = prop::bool::weighted(0.15);
    let put = (id(), front, sizes()).prop_map(|(id, front, blocks)| Step::Put { id, front, blocks });
    let take = (id(), 0u32..30).prop_map(|(id, entries)| Step::Take { id, entries });
    let walk = id().prop_map(|id| Step::Walk { id });
    let step = prop_oneof![
        12 => put, 8 => take, 2 => walk,
        2 => Just(Step::Save), 1 => Just(Step::Sweep), 1 => Just(Step::Reopen)
    ];
    prop::collection::vec(step, 0..120)
}

type Model = Vec<VecDeque<(u32, Vec<u8>)>>;

struct Checked {
    dir: TempDir,
    limits: Limits,
    queues: Queues,
    model: Model,
    saved: Option<(Vec<u8>, Model)>,
    made: u32,
}

impl Checked {
    fn new(limits: Limits) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let queues = Queues::open_with(dir.path(), None, true, limits).unwrap();
        Self { dir, limits, queues, model: vec![VecDeque::new(); 5], saved: None, made: 0 }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Put { id, front, blocks } => self.put(*id, *front, blocks),
            Step::Take { id, entries } => self.take(*id, *entries),
            Step::Walk { id } => {
                let expected: Vec<_> = self.model[slot(*id)].iter().cloned().collect();
                assert_eq!(listed(&mut self.queues, *id).unwrap(), expected);
            }
            Step::Save => self.saved = Some((save(&mut self.queues), self.model.clone())),
            Step::Sweep => drop(self.queues.sweep().unwrap()),
            Step::Reopen => self.reopen(),
        }
        self.check_counts();
    }

    fn put(&mut self, id: u32, front: bool, sizes: &[(u32, usize)]) {
        let mut bytes = Vec::new();
        let mut made = Vec::new();
        for (entries, len) in sizes {
            self.made += 1;
            let content: Vec<u8> = self.made.to_le_bytes().into_iter().cycle().take(*len).collect();
            push_block(&mut bytes, *entries, &content);
            made.push((*entries, content));
        }
        let entries = sizes.iter().map(|(entries, _)| entries).sum();
        let queue = &mut self.model[slot(id)];
        if front {
            self.queues.prepend(id, &bytes, entries).unwrap();
            made.into_iter().rev().for_each(|block| queue.push_front(block));
        } else {
            self.queues.append(id, &bytes, entries).unwrap();
            queue.extend(made);
        }
    }

    fn take(&mut self, id: u32, wanted: u32) {
        let mut out = Vec::new();
        let taken = self.queues.take(id, wanted, &mut out).unwrap();
        let mut sum = 0;
        let mut expected = Vec::new();
        while sum < wanted {
            let Some((entries, content)) = self.model[slot(id)].pop_front() else { break };
            sum += entries;
            push_block(&mut expected, entries, &content);
        }
        assert_eq!((taken, out), (sum, expected));
    }

    /// As after a crash: what was not saved is lost, and so is the buffer.
    fn reopen(&mut self) {
        let saved = self.saved.as_ref().map(|(bytes, _)| bytes.as_slice());
        self.queues = Queues::open_with(self.dir.path(), saved, true, self.limits).unwrap();
        self.model = match &self.saved {
            Some((_, model)) => model.clone(),
            None => vec![VecDeque::new(); 5],
        };
    }

    fn check_counts(&self) {
        let mut total = 0;
        for (id, queue) in [0, 1, 2, 3, u32::MAX].into_iter().zip(&self.model) {
            let len: u64 = queue.iter().map(|(entries, _)| u64::from(*entries)).sum();
            assert_eq!(self.queues.len(id), len);
            assert_eq!(self.queues.groups().any(|group| group == id), len > 0);
            total += len;
        }
        assert_eq!(self.queues.total(), total);
    }

    /// In the end all that waits comes out, no byte is live any more, and no file but the current one stays.
    fn finish(mut self) {
        for id in [0, 1, 2, 3, u32::MAX] {
            let expected: Vec<_> = self.model[slot(id)].drain(..).collect();
            assert_eq!(drain(&mut self.queues, id, 3).unwrap(), expected);
        }
        assert!(self.queues.log.files().all(|(_, data)| data.live == 0));
        save(&mut self.queues);
        self.queues.sweep().unwrap();
        assert!(files(&self.dir).len() <= 1);
    }
}

fn slot(id: u32) -> usize {
    id.min(4) as usize
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn are_as_the_model(steps in steps(), small in any::<bool>()) {
        let mut checked = Checked::new(if small { SMALL } else { Limits::default() });
        steps.iter().for_each(|step| checked.step(step));
        checked.finish();
    }
}

/// Bytes written per byte appended, when so many appends of `len` bytes are followed by takes of `step`.
fn written(appends: u32, len: usize, step: u32) -> f64 {
    let dir = tempfile::tempdir().unwrap();
    let mut queues = Queues::open(dir.path(), None, true).unwrap();
    let mut appended = 0;
    for n in 0..appends {
        let block = block(1, n as u8, len);
        queues.append(5, &block, 1).unwrap();
        appended += block.len();
    }
    let list = drain(&mut queues, 5, step).unwrap();
    assert!(list.iter().enumerate().all(|(n, (_, bytes))| bytes[0] == n as u8));
    assert_eq!(list.len(), appends as usize);
    queues.disk_bytes() as f64 / appended as f64
}

#[test]
fn long_chains_are_rewritten_once() {
    let ratio = written(500, 200, 16);
    assert!((2.0..2.2).contains(&ratio), "{ratio}");
    // Several batches.
    let ratio = written(3000, 5000, 16);
    assert!((2.0..2.02).contains(&ratio), "{ratio}");
}

#[test]
fn what_is_taken_at_once_is_not_rewritten() {
    let ratio = written(10, 200, 16);
    assert!(ratio < 1.2, "{ratio}");
}

#[test]
fn a_run_larger_than_a_batch_is_kept_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let mut queues = Queues::open(dir.path(), None, true).unwrap();
    let mut bytes = Vec::new();
    (0..60_000u32).for_each(|n| push_block(&mut bytes, 1, &n.to_le_bytes().repeat(50)));
    queues.append(1, &block(1, 0, 200), 1).unwrap();
    queues.append(1, &bytes, 60_000).unwrap();
    queues.prepend(1, &bytes, 60_000).unwrap();
    let first = |block: &(u32, Vec<u8>)| u32::from_le_bytes([block.1[0], block.1[1], block.1[2], block.1[3]]);
    let expected: Vec<u32> = (0..60_000).chain([0]).chain(0..60_000).collect();
    assert!(listed(&mut queues, 1).unwrap().iter().map(first).eq(expected.iter().copied()));
    assert!(drain(&mut queues, 1, 999).unwrap().iter().map(first).eq(expected.iter().copied()));
}

#[test]
fn a_sweep_waits_for_the_next_save_and_frees_disk() {
    let dir = tempfile::tempdir().unwrap();
    let mut queues = Queues::open_with(dir.path(), None, true, SMALL).unwrap();
    (0..50).for_each(|n| queues.append(1, &block(1, n, 500), 1).unwrap());
    let before = save(&mut queues);
    let size = queues.disk_bytes();
    assert_eq!(drain(&mut queues, 1, 1).unwrap().len(), 50);
    assert_eq!(queues.sweep().unwrap(), 0);

    let mut earlier = Queues::open_with(dir.path(), Some(&before), true, SMALL).unwrap();
    assert_eq!(drain(&mut earlier, 1, 9).unwrap().len(), 50);
    save(&mut earlier);
    assert!(earlier.sweep().unwrap() > 5);
    assert!(earlier.disk_bytes() < size / 5);
    let on_disk: u64 = files(&dir).iter().map(|path| fs::metadata(path).unwrap().len()).sum();
    assert_eq!(on_disk, earlier.disk_bytes());
}

#[test]
fn what_was_written_after_the_save_is_deleted_or_not_read() {
    let dir = tempfile::tempdir().unwrap();
    let mut queues = Queues::open_with(dir.path(), None, true, SMALL).unwrap();
    queues.append(1, &block(1, 1, 10), 1).unwrap();
    let saved = save(&mut queues);
    (0..20).for_each(|n| queues.append(1, &block(1, n, 500), 1).unwrap());
    save(&mut queues);
    assert!(files(&dir).len() > 1);
    let mut queues = Queues::open_with(dir.path(), Some(&saved), true, SMALL).unwrap();
    assert_eq!(files(&dir).len(), 1);
    queues.append(1, &block(1, 2, 10), 1).unwrap();
    assert_eq!(drain(&mut queues, 1, 9).unwrap(), [(1, vec![1; 10]), (1, vec![2; 10])]);
}

#[test]
fn damage_anywhere_is_an_error_that_names_the_place() {
    let dir = tempfile::tempdir().unwrap();
    let mut queues = Queues::open(dir.path(), None, true).unwrap();
    // A head of two chunks that leads to another, and a tail of two runs.
    queues.append(1, &block(1, 1, 30), 1).unwrap();
    queues.prepend(1, &[block(1, 2, 4000), block(2, 3, 100)].concat(), 3).unwrap();
    queues.append(1, &block(1, 4, 30), 1).unwrap();
    queues.append(1, &block(1, 5, 30), 1).unwrap();
    let saved = save(&mut queues);
    let path = files(&dir).remove(0);
    let sound = fs::read(&path).unwrap();
    for place in (0..sound.len()).filter(|place| place % 37 == 0 || !(200..3900).contains(place)) {
        let mut bytes = sound.clone();
        bytes[place] ^= 0x10;
        fs::write(&path, bytes).unwrap();
        for act in [listed, |queues: &mut Queues, id| drain(queues, id, 2)] {
            let mut queues = Queues::open(dir.path(), Some(&saved), true).unwrap();
            let error = act(&mut queues, 1).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{place}");
            assert!(error.to_string().contains("queue-00000001: damaged at byte "), "{error}");
        }
    }
}

#[test]
fn a_file_cut_short_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let mut queues = Queues::open(dir.path(), None, true).unwrap();
    queues.append(1, &block(1, 1, 30), 1).unwrap();
    let saved = save(&mut queues);
    fs::write(files(&dir).remove(0), b"").unwrap();
    let mut queues = Queues::open(dir.path(), Some(&saved), true).unwrap();
    let error = queues.take(1, 1, &mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    assert_eq!(queues.len(1), 1);
}

#[test]
fn a_failed_write_changes_nothing_and_may_be_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("queues");
    fs::create_dir(&path).unwrap();
    let mut queues = Queues::open(&path, None, true).unwrap();
    fs::remove_dir(&path).unwrap();
    let mut put = 0;
    while queues.append(1, &block(1, put, 9000), 1).is_ok() {
        put += 1;
    }
    assert_eq!((queues.len(1), queues.total()), (u64::from(put), u64::from(put)));
    assert!(queues.save(&mut Vec::new()).is_err());
    fs::create_dir(&path).unwrap();
    queues.append(1, &block(1, put, 9000), 1).unwrap();
    let expected: Vec<_> = (0..=put).map(|n| (1, vec![n; 9000])).collect();
    assert_eq!(drain(&mut queues, 1, 2).unwrap(), expected);
}

#[test]
fn nonsense_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    assert!(Queues::open(dir.path(), Some(b"nonsense"), true).is_err());
    let mut queues = Queues::open(dir.path(), None, true).unwrap();
    for (bytes, entries) in [(&b"\x01\x09a"[..], 1), (&b"\x01\x01a"[..], 2), (&b"\x00\x01a"[..], 0)] {
        assert_eq!(queues.append(0, bytes, entries).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
    assert_eq!((queues.total(), queues.disk_bytes()), (0, 0));
}
