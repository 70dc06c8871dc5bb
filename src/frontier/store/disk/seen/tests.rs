//! Tests of [`Seen`] against sets of the standard library, with fingerprints that are anything but
//! uniform, and of what it costs with uniform ones.

use std::collections::BTreeSet;
use std::io;

use proptest::prelude::*;

use super::Seen;

/// Fingerprints that crowd into few tables, around their ends and around 0.
fn crowded() -> impl Strategy<Value = u64> {
    let key = prop_oneof![0..64_u64, (1_u64 << 48) - 64..1 << 48, 0..1_u64 << 48];
    let table = prop_oneof![Just(0_u64), Just(0xFFFF), 0..3_u64];
    prop_oneof![9 => (table, key).prop_map(|(table, key)| table << 48 | key), 1 => any::<u64>()]
}

fn seen_of(fingerprints: impl IntoIterator<Item = u64>) -> Seen {
    let mut seen = Seen::new();
    for fingerprint in fingerprints {
        seen.insert(fingerprint);
    }
    seen
}

/// Bytes of heap, as asked of the allocator.
fn bytes(seen: &Seen) -> usize {
    let tables: usize = seen.tables.iter().map(|table| size_of_val(table) + table.bytes()).sum();
    tables + 2 * seen.zeros.capacity()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn is_a_set(offered in prop::collection::vec(crowded(), 0..2000), others in prop::collection::vec(crowded(), 100)) {
        let (mut seen, mut expected) = (Seen::new(), BTreeSet::new());
        for fingerprint in offered {
            prop_assert_eq!(seen.insert(fingerprint), expected.insert(fingerprint));
            prop_assert!(!seen.insert(fingerprint));
        }
        prop_assert_eq!(seen.len(), expected.len() as u64);
        prop_assert!(seen.iter().eq(expected.iter().copied()), "sorted and complete");
        prop_assert!(expected.iter().all(|fingerprint| seen.contains(*fingerprint)));
        prop_assert!(others.iter().all(|other| seen.contains(*other) == expected.contains(other)));
    }

    #[test]
    fn retains_what_it_is_told(offered in prop::collection::btree_set(crowded(), 0..1000), modulus in 1..5_u64) {
        let mut seen = seen_of(offered.iter().copied());
        let mut asked = Vec::new();
        seen.try_retain(|fingerprint| {
            asked.push(fingerprint);
            Ok(fingerprint % modulus == 0)
        })
        .unwrap();
        prop_assert!(asked.iter().eq(&offered));
        let left: Vec<u64> = offered.into_iter().filter(|fingerprint| fingerprint % modulus == 0).collect();
        prop_assert!(seen.iter().eq(left.iter().copied()));
        prop_assert_eq!(seen.len(), left.len() as u64);
    }
}

#[test]
fn empty_owns_nothing() {
    let seen = Seen::new();
    assert_eq!((seen.len(), bytes(&seen), seen.iter().count()), (0, 0, 0));
    assert!(!seen.contains(0) && !seen.contains(1) && !seen.contains(u64::MAX));
}

#[test]
fn extremes_are_fingerprints_like_any_other() {
    let all = [0, 1, (1 << 48) - 1, 1 << 48, u64::MAX << 48, u64::MAX];
    let mut seen = Seen::new();
    for fingerprint in all {
        assert!(!seen.contains(fingerprint));
        assert!(seen.insert(fingerprint));
        assert!(seen.contains(fingerprint));
    }
    assert!(seen.iter().eq(all));
}

#[test]
fn an_error_ends_the_asking_and_loses_nothing_that_was_kept() {
    let mut seen = seen_of([1, 2, 1 << 48]);
    let failed = seen.try_retain(|fingerprint| match fingerprint {
        2 => Err(io::Error::other("full")),
        _ => Ok(true),
    });
    assert_eq!(failed.unwrap_err().to_string(), "full");
    assert!(seen.iter().eq([1, 2, 1 << 48]));
}

/// The bounds that the design states, at a size where the tables themselves still count.
#[test]
fn costs_less_than_nine_and_a_half_bytes_each() {
    let mut random = fastrand::Rng::with_seed(7);
    let mut seen = Seen::new();
    seen.insert(random.u64(..));
    assert!(bytes(&seen) < 1_600_000, "{} bytes for one", bytes(&seen));
    for million in 1..=3_u64 {
        while seen.len() < million * 1_000_000 {
            seen.insert(random.u64(..));
        }
        let each = bytes(&seen) as f64 / seen.len() as f64;
        let bound = if million == 1 { 11.0 } else { 9.5 };
        assert!(each < bound, "{each:.2} bytes each at {million} M");
    }
}
