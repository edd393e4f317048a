//! What one caller has gathered: evidence and answers, bounded, seen by nobody else.

use crate::ports::Concluded;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use stethoscope_core::evidence::{Evidence, EvidenceId, Ledger};

/// Pieces of evidence and bytes that a caller's desk holds; the oldest go first.
const PIECES: usize = 256;
const BYTES: usize = 4 << 20;

/// Answers that a desk holds.
const ANSWERS: usize = 16;

/// Desks at once; the one that was not used for longest goes first.
const DESKS: usize = 64;

/// One caller's evidence and answers.
#[derive(Default)]
pub(crate) struct Desk {
    pub(crate) ledger: Ledger,
    bytes: usize,
    answers: BTreeMap<u32, Arc<Concluded>>,
    investigations: u32,
}

fn size(evidence: &Evidence) -> usize {
    // Data is about as long as its text; a rough figure is enough for a bound.
    2 * evidence.text.len() + evidence.summary.len() + 512
}

impl Desk {
    /// Makes room after a piece was added to the ledger.
    pub(crate) fn trim(&mut self, added: EvidenceId) {
        self.bytes += self.ledger.get(added).map_or(0, size);
        while self.ledger.len() > 1 && (self.ledger.len() > PIECES || self.bytes > BYTES) {
            if let Some(gone) = self.ledger.forget_oldest() {
                self.bytes = self.bytes.saturating_sub(size(&gone));
            }
        }
    }

    /// The number of the next investigation: `I1`, `I2`, ….
    pub(crate) fn next_investigation(&mut self) -> u32 {
        self.investigations = self.investigations.saturating_add(1);
        self.investigations
    }

    pub(crate) fn keep_answer(&mut self, number: u32, concluded: Arc<Concluded>) {
        self.answers.insert(number, concluded);
        while self.answers.len() > ANSWERS {
            self.answers.pop_first();
        }
    }

    pub(crate) fn answer(&self, number: u32) -> Option<&Arc<Concluded>> {
        self.answers.get(&number)
    }

    pub(crate) fn answers(&self) -> impl DoubleEndedIterator<Item = (u32, &Arc<Concluded>)> {
        self.answers.iter().map(|(number, concluded)| (*number, concluded))
    }
}

/// A desk, and when it was last used, counted in uses.
type Used = (u64, Arc<Mutex<Desk>>);

/// Every caller's desk.
#[derive(Default)]
pub(crate) struct Desks {
    desks: Mutex<HashMap<String, Used>>,
}

impl Desks {
    /// The desk of a caller, empty at first.
    pub(crate) fn of(&self, caller: &str) -> Arc<Mutex<Desk>> {
        let mut desks = lock(&self.desks);
        let now = desks.values().map(|(used, _)| *used).max().unwrap_or(0) + 1;
        if let Some((used, desk)) = desks.get_mut(caller) {
            *used = now;
            return desk.clone();
        }
        if desks.len() >= DESKS
            && let Some(oldest) =
                desks.iter().min_by_key(|(_, (used, _))| *used).map(|(caller, _)| caller.clone())
        {
            desks.remove(&oldest);
        }
        let desk = Arc::new(Mutex::new(Desk::default()));
        desks.insert(caller.to_owned(), (now, desk.clone()));
        desk
    }
}

/// A lock whose holder panicked is still a lock: what it guards is replaced whole or not at all.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn desks_are_apart_and_the_least_used_goes_first() {
        let desks = Desks::default();
        let first = desks.of("a");
        lock(&first).next_investigation();
        assert!(Arc::ptr_eq(&first, &desks.of("a")));
        assert!(!Arc::ptr_eq(&first, &desks.of("b")));
        for other in 0..DESKS {
            desks.of("a");
            desks.of(&format!("c{other}"));
        }
        assert!(Arc::ptr_eq(&first, &desks.of("a")), "in use all the time");
        assert_eq!(lock(&desks.desks).len(), DESKS);
    }
}
