//! What is remembered for a while, in a bounded number of entries: answers of resolvers, and addresses that were slow.
//!
//! Pure: the time comes in as an argument. What is read is never past its time. Entries are in two halves; when the younger
//! is full, the older is dropped and the younger takes its place. What is read moves into the younger half, so the half of
//! the entries that was used last is always there.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use tokio::time::Instant;

/// Values that hold until a time.
pub(super) struct Cache<K, V> {
    young: HashMap<K, (V, Instant)>,
    old: HashMap<K, (V, Instant)>,
    /// The most entries of a half.
    half: usize,
}

impl<K: Hash + Eq, V: Clone> Cache<K, V> {
    /// At most so many entries, two at least.
    pub(super) fn new(capacity: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), half: (capacity / 2).max(1) }
    }

    /// What holds now.
    pub(super) fn get<Q>(&mut self, key: &Q, now: Instant) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        if let Some((value, until)) = self.young.get(key) {
            return (*until > now).then(|| value.clone());
        }
        let (key, (value, until)) = self.old.remove_entry(key)?;
        let current = (until > now).then(|| value.clone())?;
        self.insert(key, (value, until));
        Some(current)
    }

    /// Remembers a value for `time`, in place of what was there.
    pub(super) fn put(&mut self, key: K, value: V, time: Duration, now: Instant) {
        self.old.remove(&key);
        match now.checked_add(time) {
            Some(until) if until > now => self.insert(key, (value, until)),
            _ => drop(self.young.remove(&key)),
        }
    }

    fn insert(&mut self, key: K, entry: (V, Instant)) {
        if self.young.len() >= self.half && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, entry);
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Get(u8),
        Put(u8, u64),
        Wait(u64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            (0..20u8).prop_map(Step::Get),
            (0..20u8, 0..50u64).prop_map(|(key, seconds)| Step::Put(key, seconds)),
            (0..20u64).prop_map(Step::Wait),
        ];
        prop::collection::vec(step, 1..200)
    }

    proptest! {
        /// The model is a list without a bound: what the cache says is what the list says, or nothing; and it has all that
        /// was used last.
        #[test]
        fn it_says_what_a_list_says_or_nothing(steps in steps(), capacity in 2..12usize) {
            let mut cache = Cache::new(capacity);
            let mut model: HashMap<u8, (usize, Instant)> = HashMap::new();
            let mut used: Vec<u8> = Vec::new();
            let mut now = Instant::now();
            for (nth, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Wait(seconds) => now += Duration::from_secs(seconds),
                    Step::Put(key, seconds) => {
                        let time = Duration::from_secs(seconds);
                        cache.put(key, nth, time, now);
                        model.insert(key, (nth, now + time));
                        used.retain(|other| *other != key);
                        used.push(key);
                    }
                    Step::Get(key) => {
                        let expected = model.get(&key).filter(|(_, until)| *until > now).map(|(value, _)| *value);
                        let known = cache.get(&key, now);
                        prop_assert!(known.is_none() || known == expected);
                        let recent = used.iter().rev().take(capacity / 2).any(|other| *other == key);
                        prop_assert!(!recent || known == expected, "{key} was forgotten");
                        if known.is_some() {
                            used.retain(|other| *other != key);
                            used.push(key);
                        }
                    }
                }
                prop_assert!(cache.len() <= capacity);
            }
        }
    }
}
