//! Groups by key, the largest kept: when the table is full the smaller half goes into a remainder, whose sum is exact.
//! What comes back later counts anew, so a kept count may be too low by what was forgotten, never too high.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};

/// What a group counts.
pub(crate) trait Counted {
    fn count(&self) -> u64;
}

/// What was forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Remainder {
    pub(crate) groups: u64,
    pub(crate) count: u64,
    /// The largest group among them: kept counts are too low by no more than about this, each time one came back.
    pub(crate) largest: u64,
}

pub(crate) struct Table<K, V> {
    groups: HashMap<K, V, BuildHasherDefault<Mix>>,
    capacity: usize,
    remainder: Remainder,
}

impl<K: Copy + Ord + Hash, V: Counted + Default> Table<K, V> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { groups: HashMap::default(), capacity: capacity.max(2), remainder: Remainder::default() }
    }

    pub(crate) fn group(&mut self, key: K) -> &mut V {
        if self.groups.len() >= self.capacity && !self.groups.contains_key(&key) {
            self.forget_half();
        }
        self.groups.entry(key).or_default()
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.groups.get(key)
    }

    fn forget_half(&mut self) {
        let mut order: Vec<(u64, K)> = self.groups.iter().map(|(key, group)| (group.count(), *key)).collect();
        order.sort_unstable();
        for (count, key) in order.into_iter().take(self.capacity / 2) {
            self.groups.remove(&key);
            self.remainder.groups += 1;
            self.remainder.count += count;
            self.remainder.largest = self.remainder.largest.max(count);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.groups.iter()
    }

    pub(crate) fn len(&self) -> usize {
        self.groups.len()
    }

    pub(crate) fn remainder(&self) -> Remainder {
        self.remainder
    }
}

/// A hash for keys of our own numbers. Not for text from outside.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mix(u64);

impl Mix {
    fn add(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    }
}

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        // The table takes the upper bits for its tags and the lower for its places.
        self.0 ^ (self.0 >> 32)
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.add(u64::from(*byte));
        }
    }

    fn write_u8(&mut self, word: u8) {
        self.add(u64::from(word));
    }

    fn write_u16(&mut self, word: u16) {
        self.add(u64::from(word));
    }

    fn write_u32(&mut self, word: u32) {
        self.add(u64::from(word));
    }

    fn write_u64(&mut self, word: u64) {
        self.add(word);
    }

    fn write_i32(&mut self, word: i32) {
        self.add(u64::from(word.cast_unsigned()));
    }

    fn write_isize(&mut self, word: isize) {
        self.add(word.cast_unsigned() as u64);
    }

    fn write_usize(&mut self, word: usize) {
        self.add(word as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Default)]
    struct N(u64);

    impl Counted for N {
        fn count(&self) -> u64 {
            self.0
        }
    }

    proptest! {
        /// Top-k with an exact remainder: nothing is lost, nothing is counted twice, and size is bounded.
        #[test]
        fn kept_and_forgotten_are_all_there_was(keys in proptest::collection::vec(0_u32..60, 0..400), capacity in 2_usize..30) {
            let mut table: Table<u32, N> = Table::new(capacity);
            for key in &keys {
                table.group(*key).0 += 1;
            }
            let kept: u64 = table.iter().map(|(_, group)| group.0).sum();
            prop_assert_eq!(kept + table.remainder().count, keys.len() as u64);
            prop_assert!(table.len() <= capacity);
            for (key, group) in table.iter() {
                let truth = keys.iter().filter(|other| *other == key).count() as u64;
                prop_assert!(group.0 <= truth && truth - group.0 <= table.remainder().count);
            }
        }
    }
}
