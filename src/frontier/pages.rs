//! A table by number that grows without being copied.
//!
//! There is one for what the scheduler holds of each host, and some in the store on disk. With a million hosts a vector
//! would now and then copy tens of megabytes while everybody waits, and hold both copies meanwhile; this adds a page.

use std::ops::{Index, IndexMut};

/// Elements of a page.
const PAGE: usize = 1 << 12;

/// See the module. Elements that were not written are the default.
pub(crate) struct Pages<T> {
    pages: Vec<Box<[T]>>,
    len: usize,
}

impl<T> Default for Pages<T> {
    fn default() -> Self {
        Self { pages: Vec::new(), len: 0 }
    }
}

impl<T: Default> Pages<T> {
    /// Sees to it that there is an element with this number.
    pub(crate) fn reach(&mut self, index: usize) {
        self.len = self.len.max(index + 1);
        while self.pages.len() * PAGE < self.len {
            self.pages.push(std::iter::repeat_with(T::default).take(PAGE).collect());
        }
    }

    /// The element with this number, which is made if need be.
    pub(crate) fn at(&mut self, index: usize) -> &mut T {
        self.reach(index);
        &mut self[index]
    }
}

impl<T> Pages<T> {
    /// One more than the highest number reached.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn get(&self, index: usize) -> Option<&T> {
        (index < self.len).then(|| &self[index])
    }

    pub(crate) fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        (index < self.len).then(|| &mut self[index])
    }

    /// All elements, by number.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.pages.iter().flatten().take(self.len)
    }
}

impl<T> Index<usize> for Pages<T> {
    type Output = T;

    fn index(&self, index: usize) -> &T {
        &self.pages[index / PAGE][index % PAGE]
    }
}

impl<T> IndexMut<usize> for Pages<T> {
    fn index_mut(&mut self, index: usize) -> &mut T {
        &mut self.pages[index / PAGE][index % PAGE]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_to_what_is_asked_for() {
        let mut pages = Pages::<u32>::default();
        assert_eq!((pages.len(), pages.get(0)), (0, None));
        *pages.at(PAGE) = 7;
        *pages.at(3) = 5;
        assert_eq!((pages.len(), pages.pages.len()), (PAGE + 1, 2));
        assert_eq!((pages.get(3), pages.get(4), pages[PAGE]), (Some(&5), Some(&0), 7));
        assert_eq!(pages.get(PAGE + 1), None);
        assert_eq!(pages.get_mut(PAGE + 1), None);
        assert_eq!(pages.iter().filter(|n| **n > 0).collect::<Vec<_>>(), [&5, &7]);
        assert_eq!(pages.iter().count(), PAGE + 1);
    }
}
