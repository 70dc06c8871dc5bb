//! The saved state of the queues as bytes: what a checkpoint holds of them.
//!
//! `Queues` writes it at a save and reads it when it opens. All numbers are `varint`s: version, current file,
//! files (number, end, live bytes), groups that are not empty (distance from the number before, head, tail).
//! About 20 bytes a group. Damage is not looked for beyond what would make no sense at all.

use std::collections::BTreeMap;

use super::super::varint::{get, get_u32, put};
use super::chunk::{Place, Pointer};
use super::group::{Group, Groups};
use super::log::Data;

const VERSION: u64 = 1;

/// What was saved; by default that of empty queues.
#[derive(Default)]
pub(super) struct State {
    /// The file that was written to last.
    pub current: u32,
    pub files: BTreeMap<u32, Data>,
    pub groups: Groups,
}

/// Adds the state to `out`.
pub(super) fn encode(
    current: u32,
    files: impl Iterator<Item = (u32, Data)>,
    groups: &Groups,
    out: &mut Vec<u8>,
) {
    put(out, VERSION);
    put(out, u64::from(current));
    let files: Vec<_> = files.collect();
    put(out, files.len() as u64);
    for (number, data) in files {
        [number, data.end, data.live].into_iter().for_each(|word| put(out, u64::from(word)));
    }
    let count = groups.iter().count();
    // With a million groups it is long, and would be copied as it grows.
    out.reserve(count * 20);
    put(out, count as u64);
    let mut last = 0;
    for (id, group) in groups.iter() {
        put(out, u64::from(id - last));
        encode_group(group, out);
        last = id;
    }
}

fn encode_group(group: &Group, out: &mut Vec<u8>) {
    let Group { head, tail, tail_runs, head_entries, tail_entries } = *group;
    let words = [head.at.file, head.at.offset, head.skip, tail.file, tail.offset, tail_runs];
    words.into_iter().for_each(|word| put(out, u64::from(word)));
    put(out, head_entries);
    put(out, tail_entries);
}

/// The state that `bytes` hold, all of them; `None` when they hold none.
pub(super) fn decode(mut bytes: &[u8]) -> Option<State> {
    let input = &mut bytes;
    if get(input)? != VERSION {
        return None;
    }
    let mut state = State { current: get_u32(input).filter(|n| *n < u32::MAX)?, ..State::default() };
    for _ in 0..get(input)? {
        let number = get_u32(input).filter(|n| (1..=state.current).contains(n))?;
        let (end, live) = (get_u32(input)?, get_u32(input)?);
        state.files.insert(number, Data::new(end, live));
    }
    let (mut id, mut total) = (0u32, 0u64);
    for _ in 0..get(input)? {
        id = id.checked_add(get_u32(input)?)?;
        let group = decode_group(input)?;
        total = total.checked_add(group.head_entries)?.checked_add(group.tail_entries)?;
        state.groups.set(id, group);
    }
    bytes.is_empty().then_some(state)
}

fn decode_group(input: &mut &[u8]) -> Option<Group> {
    let mut word = || get_u32(input);
    let head = Place { at: Pointer { file: word()?, offset: word()? }, skip: word()? };
    let tail = Pointer { file: word()?, offset: word()? };
    let tail_runs = word()?;
    let (head_entries, tail_entries) = (get(input)?, get(input)?);
    let fits = (head_entries == 0) == head.is_none()
        && (tail_entries == 0) == tail.is_none()
        && (tail_runs == 0) == tail.is_none();
    fits.then_some(Group { head, tail, tail_runs, head_entries, tail_entries })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<u8> {
        let at = |offset| Pointer { file: 3, offset };
        let head = Place { at: at(700), skip: 12 };
        let full = Group { head, tail: at(900), tail_runs: 2, head_entries: 5, tail_entries: 1 << 40 };
        let short = Group { tail: Pointer::NONE, tail_runs: 0, tail_entries: 0, ..full };
        let mut groups = Groups::default();
        [(0, full), (7, short), (u32::MAX, full)].into_iter().for_each(|(id, group)| groups.set(id, group));
        let mut out = Vec::new();
        encode(3, [(1, Data::new(9, 4)), (3, Data::new(1000, 0))].into_iter(), &groups, &mut out);
        out
    }

    #[test]
    fn comes_back() {
        let state = decode(&sample()).unwrap();
        assert_eq!(state.groups.iter().map(|(id, _)| id).collect::<Vec<_>>(), [0, 7, u32::MAX]);
        assert_eq!(state.groups.get(7).head.at.offset, 700);
        let mut again = Vec::new();
        encode(state.current, state.files.into_iter(), &state.groups, &mut again);
        assert_eq!(again, sample());
    }

    #[test]
    fn a_part_is_refused() {
        let whole = sample();
        for end in 0..whole.len() {
            assert!(decode(&whole[..end]).is_none(), "{end}");
        }
        assert!(decode(&[&whole[..], &[0]].concat()).is_none());
    }
}
