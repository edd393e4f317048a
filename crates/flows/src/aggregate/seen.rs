//! Events already seen, in bounded memory: a table of fingerprints with places for four each, where the oldest gives
//! way. What has given way is counted again when it comes back: counts may be too high by it, never too low.

/// Places in a bucket.
const WAYS: usize = 4;

pub(crate) struct Seen {
    /// Fingerprint and time, side by side: a bucket is a cache line. Zero pages until touched.
    slots: Vec<u64>,
    mask: u64,
}

impl Seen {
    /// For about `4 << log2` events, 16 bytes each.
    pub(crate) fn new(log2: u32) -> Self {
        let buckets = 1_usize << log2;
        Self { slots: vec![0; buckets * WAYS * 2], mask: (buckets - 1) as u64 }
    }

    fn bucket(&mut self, mark: u64) -> &mut [u64] {
        let at = usize::try_from(mark & self.mask).unwrap_or_default() * WAYS * 2;
        &mut self.slots[at..at + WAYS * 2]
    }

    /// Whether this was seen within `window` nanoseconds of `time`; notes it where not.
    pub(crate) fn again(&mut self, mark: u64, time: i64, window: i64) -> bool {
        let mark = mark.max(1);
        let bucket = self.bucket(mark);
        for slot in bucket.chunks_exact_mut(2) {
            if slot[0] == mark {
                let apart = time.abs_diff(slot[1].cast_signed());
                if apart <= window.unsigned_abs() {
                    return true;
                }
                slot[1] = time.cast_unsigned();
                return false;
            }
        }
        note(bucket, mark, time);
        false
    }

    /// Notes one of a pair.
    pub(crate) fn put(&mut self, mark: u64, time: i64) {
        let mark = mark.max(1);
        note(self.bucket(mark), mark, time);
    }

    /// Takes the other of a pair, where it was noted within `window` nanoseconds of `time`.
    pub(crate) fn take(&mut self, mark: u64, time: i64, window: i64) -> bool {
        let mark = mark.max(1);
        for slot in self.bucket(mark).chunks_exact_mut(2) {
            if slot[0] == mark && time.abs_diff(slot[1].cast_signed()) <= window.unsigned_abs() {
                slot[0] = 0;
                slot[1] = 0;
                return true;
            }
        }
        false
    }
}

fn note(bucket: &mut [u64], mark: u64, time: i64) {
    let oldest = bucket.chunks_exact_mut(2).min_by_key(|slot| (slot[0] != 0, slot[1].cast_signed()));
    if let Some(slot) = oldest {
        slot[0] = mark;
        slot[1] = time.cast_unsigned();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_new_once_within_its_window() {
        let mut seen = Seen::new(4);
        assert!(!seen.again(7, 1_000, 10));
        assert!(seen.again(7, 1_010, 10));
        assert!(seen.again(7, 995, 10), "clocks of nodes differ");
        assert!(!seen.again(7, 2_000, 10), "a retransmission is an event of its own");
        assert!(!seen.again(8, 2_000, 10));
    }

    #[test]
    fn of_a_pair_each_is_taken_once() {
        let mut seen = Seen::new(4);
        seen.put(7, 1_000);
        seen.put(7, 1_001);
        assert!(seen.take(7, 1_000, 5));
        assert!(seen.take(7, 1_000, 5));
        assert!(!seen.take(7, 1_000, 5));
    }
}
