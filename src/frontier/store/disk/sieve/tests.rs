//! Tests of the merge against a set of the standard library, and of what is done with damaged files.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use proptest::prelude::*;

use super::sorted::Sorted;
use super::{count, merge, write_sorted};
use crate::frontier::store::disk::seen::Seen;

fn seen_of(fingerprints: impl IntoIterator<Item = u64>) -> Seen {
    let mut seen = Seen::new();
    for fingerprint in fingerprints {
        seen.insert(fingerprint);
    }
    seen
}

/// The content of a file, which must be in order.
fn content(path: &Path) -> Vec<u64> {
    let mut reader = Sorted::open(path).unwrap().read().unwrap();
    let mut all = Vec::new();
    while let Some(fingerprint) = reader.peek() {
        all.push(fingerprint);
        reader.advance().unwrap();
    }
    all
}

/// Fingerprints of a few tables, so that two sets share many.
fn some() -> impl Strategy<Value = BTreeSet<u64>> {
    let key = prop_oneof![0..40_u64, (1_u64 << 48) - 40..1 << 48];
    let table = prop_oneof![Just(0_u64), Just(7), Just(0xFFFF)];
    prop::collection::btree_set((table, key).prop_map(|(table, key)| table << 48 | key), 0..200)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn merges_as_sets_do(old in some(), offered in some()) {
        let dir = tempfile::tempdir().unwrap();
        let (first, second) = (dir.path().join("1"), dir.path().join("2"));
        let mut fresh = seen_of(old.iter().copied());
        prop_assert_eq!(merge(None, &mut fresh, &first).unwrap(), old.len() as u64);
        prop_assert!(fresh.iter().eq(old.iter().copied()), "all are new to no file");

        let mut fresh = seen_of(offered.iter().copied());
        let union: Vec<u64> = old.union(&offered).copied().collect();
        prop_assert_eq!(merge(Some(&first), &mut fresh, &second).unwrap(), union.len() as u64);
        prop_assert!(fresh.iter().eq(offered.difference(&old).copied()), "only the new ones are left");
        prop_assert_eq!(content(&first), Vec::from_iter(old));
        prop_assert_eq!(content(&second), union);
    }
}

/// A file that does not fit into the buffers.
#[test]
fn finds_what_is_there_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let (odd, all) = (dir.path().join("odd"), dir.path().join("all"));
    let spread = |n: u64| n << 45 | n;
    assert_eq!(write_sorted(&seen_of((0..50_000).map(|n| spread(2 * n + 1))), &odd).unwrap(), 50_000);
    assert_eq!(merge(Some(&odd), &mut seen_of((0..50_000).map(|n| spread(2 * n))), &all).unwrap(), 100_000);
    assert_eq!((count(&odd).unwrap(), count(&all).unwrap()), (50_000, 100_000));
    let (odd, all) = (Sorted::open(&odd).unwrap(), Sorted::open(&all).unwrap());
    for n in (0..100_000).step_by(997).chain([99_998, 99_999]) {
        assert_eq!(odd.contains(spread(n)).unwrap(), n % 2 == 1, "{n}");
        assert!(all.contains(spread(n)).unwrap(), "{n}");
        assert!(!all.contains(spread(n) + 1).unwrap() || n == 0, "{n}");
    }
}

#[test]
fn a_leftover_is_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("set");
    fs::write(&path, [1; 1000]).unwrap();
    assert_eq!(merge(None, &mut seen_of([5, 3]), &path).unwrap(), 2);
    assert_eq!(content(&path), [3, 5]);
}

/// The error of opening a file of three fingerprints that `damage` was done to.
fn refusal(damage: impl FnOnce(&mut Vec<u8>)) -> io::Error {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("damaged");
    write_sorted(&seen_of([1, 2, 3]), &path).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    damage(&mut bytes);
    fs::write(&path, bytes).unwrap();
    let error = merge(Some(&path), &mut seen_of([2]), &dir.path().join("new")).unwrap_err();
    assert!(error.to_string().contains("damaged"), "names the file: {error}");
    error
}

#[test]
fn damaged_files_are_refused() {
    let kinds = [
        refusal(|bytes| bytes.clear()),
        refusal(|bytes| bytes.truncate(39)),
        refusal(|bytes| bytes.truncate(bytes.len() - 8)),
        refusal(|bytes| bytes.truncate(bytes.len() - 1)),
        refusal(|bytes| bytes.push(0)),
        refusal(|bytes| bytes.extend([9; 8])),
        refusal(|bytes| bytes[..40].fill(0)),
        refusal(|bytes| bytes[0] ^= 1),
        refusal(|bytes| bytes[8] += 1),
        refusal(|bytes| bytes[16] += 1),
        refusal(|bytes| bytes[24] ^= 1),
        refusal(|bytes| bytes[32] ^= 1),
        refusal(|bytes| bytes.swap(40, 48)),
        refusal(|bytes| bytes[48] = 1),
        refusal(|bytes| bytes[56] ^= 8),
    ];
    for (index, error) in kinds.iter().enumerate() {
        assert_eq!(error.kind(), ErrorKind::InvalidData, "{index}: {error}");
    }
}

#[test]
fn an_unfinished_file_is_none() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("unfinished");
    let mut writer = super::sorted::Writer::create(&path).unwrap();
    writer.push(1).unwrap();
    drop(writer);
    assert_eq!(count(&path).unwrap_err().kind(), ErrorKind::InvalidData);
}

#[test]
fn a_missing_file_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let error = count(&dir.path().join("absent")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("absent"), "{error}");
}
