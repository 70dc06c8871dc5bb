//! What a crash or a bad disk can do to a journal: only whole frames are read back, and only from the start.

use std::fs::{self, OpenOptions};
use std::hash::Hasher;
use std::io::{self, ErrorKind};
use std::path::Path;

use proptest::prelude::*;
use siphasher::sip::SipHasher13;
use tempfile::TempDir;

use super::journal::{Journal, MAX_PAYLOAD, Tail, cut, path, read, remove_before, segments};

const KEY: (u64, u64) = (3, 5);
/// Where the header of a segment ends.
const HEADER: u64 = 20;

/// A segment 1 that was written, and what it should be read back as.
struct Written {
    dir: TempDir,
    bytes: Vec<u8>,
    frames: Vec<(Vec<u8>, u64)>,
}

impl Written {
    fn new(payloads: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let frames = append(dir.path(), 1, payloads);
        let bytes = fs::read(path(dir.path(), 1)).unwrap();
        Self { dir, bytes, frames }
    }

    /// About 40 frames of 0 to 40 bytes.
    fn random() -> Self {
        let mut random = fastrand::Rng::with_seed(7);
        Self::new((0..40).map(|_| {
            let length = random.usize(..40);
            (0..length).map(|_| random.u8(..)).collect()
        }))
    }

    fn put(&self, bytes: &[u8]) {
        fs::write(path(self.dir.path(), 1), bytes).unwrap();
    }

    /// Reads segment 1 and checks that it gives just the frames that end within `good` bytes.
    fn check_prefix(&self, good: u64) {
        let (frames, tail) = frames(self.dir.path(), 1, KEY).unwrap();
        let length = fs::metadata(path(self.dir.path(), 1)).unwrap().len();
        let expected = self.frames.iter().take_while(|(_, end)| *end <= good).count();
        assert_eq!(frames, self.frames[..expected], "{good}");
        let header = if good < HEADER { 0 } else { HEADER };
        let end = frames.last().map_or(header, |(_, end)| *end);
        assert_eq!(tail, Tail { end, torn: length - end }, "{good}");
    }

    fn check_all(&self) {
        self.check_prefix(self.bytes.len() as u64);
    }
}

fn append(dir: &Path, segment: u64, payloads: impl IntoIterator<Item = Vec<u8>>) -> Vec<(Vec<u8>, u64)> {
    let mut journal = Journal::create(dir, segment, KEY).unwrap();
    let frames = payloads.into_iter().map(|payload| {
        let end = journal.append(&payload).unwrap();
        (payload, end)
    });
    let frames = frames.collect();
    journal.sync().unwrap();
    frames
}

type Frames = Vec<(Vec<u8>, u64)>;

fn frames(dir: &Path, segment: u64, key: (u64, u64)) -> io::Result<(Frames, Tail)> {
    let mut frames = Vec::new();
    let tail = read(dir, segment, key, |payload, end| {
        frames.push((payload.to_vec(), end));
        Ok(())
    })?;
    Ok((frames, tail))
}

#[test]
fn what_was_appended_is_read_back() {
    let written = Written::random();
    written.check_all();
    assert_eq!(written.frames.last().unwrap().1, written.bytes.len() as u64);
    let written = Written::new([]);
    assert_eq!(written.bytes.len() as u64, HEADER);
    written.check_all();
    // Longer than the buffers of writer and reader.
    Written::new([vec![1; 3 << 20], vec![2; 5], vec![3; 100_000]]).check_all();
}

#[test]
fn an_end_is_where_the_next_frame_begins() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::create(dir.path(), 7, KEY).unwrap();
    assert_eq!(journal.end(), HEADER);
    let end = journal.append(b"payload").unwrap();
    assert_eq!((end, journal.end()), (HEADER + 12 + 7, end));
    assert_eq!(fs::metadata(path(dir.path(), 7)).unwrap().len(), end);
}

#[test]
fn a_journal_cut_at_any_byte_gives_the_frames_before() {
    let written = Written::random();
    let file = OpenOptions::new().write(true).open(path(written.dir.path(), 1)).unwrap();
    for length in (0..=written.bytes.len() as u64).rev() {
        file.set_len(length).unwrap();
        written.check_prefix(length);
    }
}

#[test]
fn a_flipped_byte_ends_the_journal_before_its_frame() {
    let written = Written::random();
    let mut bytes = written.bytes.clone();
    for at in 0..bytes.len() {
        for mask in [0x01, 0xff] {
            bytes[at] ^= mask;
            written.put(&bytes);
            if (at as u64) < HEADER {
                let error = frames(written.dir.path(), 1, KEY).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::InvalidData, "{at}");
            } else {
                written.check_prefix(at as u64);
            }
            bytes[at] ^= mask;
        }
    }
}

#[test]
fn garbage_and_zeros_at_the_end_are_torn() {
    let written = Written::random();
    let mut random = fastrand::Rng::with_seed(11);
    for length in (1..64).chain([4096, 100_000]) {
        let garbage: Vec<u8> = (0..length).map(|_| random.u8(..)).collect();
        for tail in [garbage, vec![0; length], vec![0xff; length]] {
            written.put(&[written.bytes.as_slice(), &tail].concat());
            written.check_all();
        }
    }
}

#[test]
fn a_frame_from_elsewhere_is_not_accepted() {
    let written = Written::random();
    let mut begin = HEADER as usize;
    for (_, end) in &written.frames {
        let earlier = &written.bytes[begin..*end as usize];
        written.put(&[written.bytes.as_slice(), earlier].concat());
        written.check_all();
        begin = *end as usize;
    }
    // The frame that another segment has at this very place.
    let mut payloads: Vec<_> = written.frames.iter().map(|(payload, _)| payload.clone()).collect();
    payloads.push(b"of another segment".to_vec());
    append(written.dir.path(), 2, payloads);
    let other = fs::read(path(written.dir.path(), 2)).unwrap();
    written.put(&[written.bytes.as_slice(), &other[written.bytes.len()..]].concat());
    written.check_all();
}

#[test]
fn another_key_reads_nothing() {
    let written = Written::random();
    for key in [(3, 4), (4, 5), (5, 3), (0, 0)] {
        let (frames, tail) = frames(written.dir.path(), 1, key).unwrap();
        assert_eq!(frames, []);
        assert_eq!(tail, Tail { end: HEADER, torn: written.bytes.len() as u64 - HEADER });
    }
}

#[test]
fn a_header_of_zeros_is_torn() {
    let written = Written::new([]);
    written.put(&[0; 300]);
    written.check_prefix(0);
}

#[test]
fn what_is_not_this_segment_is_refused() {
    let written = Written::random();
    let refused = |bytes: &[u8], expected: &str| {
        written.put(bytes);
        let error = frames(written.dir.path(), 1, KEY).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        let text = error.to_string();
        assert!(text.contains("journal-00000001") && text.contains(expected), "{text}");
    };
    refused(b"A text that somebody put there.", "not a gannet journal");
    let mut other_version = written.bytes.clone();
    other_version[8] = 0;
    refused(&other_version, "another version of gannet");
    append(written.dir.path(), 2, []);
    refused(&fs::read(path(written.dir.path(), 2)).unwrap(), "wrong name");
    assert_eq!(frames(written.dir.path(), 9, KEY).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn a_length_beyond_the_limit_is_damage() {
    let written = Written::new([]);
    let length = MAX_PAYLOAD + 1;
    // All else is right, so that only the length can be what is refused.
    let mut hasher = SipHasher13::new_with_keys(KEY.0, KEY.1);
    hasher.write(&1u64.to_le_bytes());
    hasher.write(&HEADER.to_le_bytes());
    hasher.write(&vec![0; length]);
    let head = [&(length as u32).to_le_bytes()[..], &hasher.finish().to_le_bytes()].concat();
    written.put(&[written.bytes.as_slice(), &head].concat());
    let file = OpenOptions::new().write(true).open(path(written.dir.path(), 1)).unwrap();
    // The payload is a hole.
    file.set_len(HEADER + 12 + length as u64).unwrap();
    written.check_all();
}

#[test]
fn a_payload_beyond_the_limit_is_refused_and_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::create(dir.path(), 1, KEY).unwrap();
    let error = journal.append(&vec![0; MAX_PAYLOAD + 1]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    journal.append(b"next").unwrap();
    assert_eq!(frames(dir.path(), 1, KEY).unwrap().0, [(b"next".to_vec(), journal.end())]);
}

/// Runs itself as a process that may write no file longer than 1000 bytes: the write that crosses the limit
/// is done in part, then fails.
#[cfg(unix)]
#[test]
fn after_a_failed_append_the_frames_before_are_left() {
    const DIR: &str = "GANNET_TEST_JOURNAL";
    if let Some(dir) = std::env::var_os(DIR) {
        return fill(Path::new(&dir));
    }
    let dir = tempfile::tempdir().unwrap();
    let (_, name) = concat!(module_path!(), "::after_a_failed_append_the_frames_before_are_left")
        .split_once("::")
        .unwrap();
    // The signal that goes with the limit would kill.
    let output = std::process::Command::new("sh")
        .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", name])
        .env(DIR, dir.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let (frames, tail) = frames(dir.path(), 1, KEY).unwrap();
    assert_eq!(frames.len(), 8);
    assert_eq!(tail, Tail { end: HEADER + 8 * 112, torn: 0 });
}

#[cfg(unix)]
fn fill(dir: &Path) {
    use rustix::process::{Resource, Rlimit, setrlimit};

    setrlimit(Resource::Fsize, Rlimit { current: Some(1000), maximum: None }).unwrap();
    let mut journal = Journal::create(dir, 1, KEY).unwrap();
    for _ in 0..8 {
        journal.append(&[1; 100]).unwrap();
    }
    let end = journal.end();
    assert_eq!(journal.append(&[2; 100]).unwrap_err().kind(), ErrorKind::FileTooLarge);
    assert_eq!(journal.append(b"short enough").unwrap_err().kind(), ErrorKind::FileTooLarge);
    assert_eq!(journal.sync().unwrap_err().kind(), ErrorKind::FileTooLarge);
    assert_eq!(journal.end(), end);
}

#[test]
fn the_reader_stops_when_told_to() {
    let written = Written::random();
    let mut seen = 0;
    let error = read(written.dir.path(), 1, KEY, |_, _| {
        seen += 1;
        if seen == 3 { Err(io::Error::other("enough")) } else { Ok(()) }
    });
    assert_eq!((error.unwrap_err().to_string().as_str(), seen), ("enough", 3));
}

#[test]
fn cutting_shortens_or_removes() {
    let written = Written::random();
    let dir = written.dir.path();
    cut(dir, 1, u64::MAX).unwrap();
    written.check_all();
    for (_, end) in [&written.frames[9], &written.frames[3]] {
        cut(dir, 1, *end).unwrap();
        let (_, tail) = frames(dir, 1, KEY).unwrap();
        assert_eq!(tail, Tail { end: *end, torn: 0 });
    }
    cut(dir, 1, HEADER).unwrap();
    written.check_prefix(HEADER);
    cut(dir, 1, 0).unwrap();
    assert!(segments(dir).unwrap().is_empty());
    Journal::create(dir, 1, KEY).unwrap();
}

#[test]
fn segments_are_told_from_other_files() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    for name in
        ["journal-1", "journal-00000002.new", "journal-+0000003", "journal-", "state", "xjournal-00000004"]
    {
        fs::write(dir.join(name), "").unwrap();
    }
    for segment in [100_000_000, 7, 1, 10] {
        Journal::create(dir, segment, KEY).unwrap();
    }
    assert!(dir.join("journal-00000007").exists());
    assert_eq!(segments(dir).unwrap(), [1, 7, 10, 100_000_000]);
    remove_before(dir, 10).unwrap();
    assert_eq!(segments(dir).unwrap(), [10, 100_000_000]);
    assert_eq!(fs::read_dir(dir).unwrap().count(), 8);
}

#[test]
fn a_segment_is_not_written_over() {
    let written = Written::random();
    let error = Journal::create(written.dir.path(), 1, KEY).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    written.check_all();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever replaces a stretch of the file, what is read is a prefix, and holds every frame before it.
    #[test]
    fn damage_anywhere_leaves_a_prefix(
        payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..12),
        damages in prop::collection::vec(
            (any::<prop::sample::Index>(), 0..40usize, prop::collection::vec(any::<u8>(), 0..40)),
            40,
        ),
    ) {
        let written = Written::new(payloads);
        for (at, removed, inserted) in damages {
            let at = HEADER as usize + at.index(written.bytes.len() - HEADER as usize + 1);
            let mut bytes = written.bytes.clone();
            bytes.splice(at..(at + removed).min(written.bytes.len()), inserted);
            let same = bytes.iter().zip(&written.bytes).take_while(|(a, b)| a == b).count();
            written.put(&bytes);
            written.check_prefix(same as u64);
        }
    }
}
