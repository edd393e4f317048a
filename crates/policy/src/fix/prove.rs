//! What a change does to everything that was observed.

use super::{Change, ChangeError};
use crate::engine::{Case, Engine, Outcome};
use crate::model::{Direction, Policy};
use crate::traffic::{Fate, Observed, Traffic};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// Pairs that are shown of those that a change opens or closes.
const SHOWN: usize = 10;

/// A proof by asking again: every observed pair, before and after.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Proof {
    /// Flow events that were to be allowed.
    pub dropped: u64,
    /// How many of them would be.
    pub allowed: u64,
    /// Other observed pairs that would newly pass, with their number of flow events; the first of them.
    pub opens: Vec<Pair>,
    /// How many pairs that is in all.
    pub opened: usize,
    /// Observed pairs that would pass no longer; the first of them.
    pub closes: Vec<Pair>,
    /// How many pairs that is in all.
    pub closed: usize,
    /// Observed pairs, those to be allowed among them, of which the outcome is not known before or after.
    pub undecided: usize,
    /// Observed pairs of which the policies as they are known say something else than what was seen: the policies, the
    /// labels or the settings are not those of that time.
    pub contradicted: usize,
    /// Observed pairs in all.
    pub pairs: usize,
}

/// An observed pair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Pair {
    /// Who opens the connection.
    pub source: String,
    /// Who is called.
    pub destination: String,
    /// Port or ICMP type.
    pub transport: String,
    /// Flow events.
    pub count: u64,
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "would allow {} of {} dropped, opens {} other observed pairs",
            self.allowed, self.dropped, self.opened
        )?;
        if self.closed > 0 {
            write!(f, ", closes {} observed pairs", self.closed)?;
        }
        if self.undecided > 0 {
            write!(f, ", {} of {} pairs undecided", self.undecided, self.pairs)?;
        }
        if self.contradicted > 0 {
            write!(
                f,
                "; {} of {} pairs went otherwise than these policies say",
                self.contradicted, self.pairs
            )?;
        }
        Ok(())
    }
}

/// Everything that was observed, each question once, with what becomes of it before any change.
pub(super) struct Ground<'a> {
    pairs: Vec<Seen<'a>>,
}

struct Seen<'a> {
    traffic: &'a Traffic,
    count: u64,
    wanted: bool,
    /// What became of it, when it was always the same.
    fate: Option<Fate>,
    before: Outcome,
}

impl Engine {
    /// Asks about all that was observed before and after a change. `wanted` is what the change is for; it may, but need
    /// not, stand in `observed` too.
    pub fn prove(
        &self,
        change: &Change,
        wanted: &[Observed],
        observed: &[Observed],
    ) -> Result<Proof, ChangeError> {
        self.prove_on(&self.ground(wanted, observed), change)
    }

    pub(super) fn ground<'a>(&self, wanted: &'a [Observed], observed: &'a [Observed]) -> Ground<'a> {
        let mut pairs: Vec<Seen<'a>> = Vec::new();
        let mut known: HashMap<&Traffic, usize> = HashMap::new();
        for (items, is_wanted) in [(wanted, true), (observed, false)] {
            for item in items {
                let at = *known.entry(&item.traffic).or_insert(pairs.len());
                match pairs.get_mut(at) {
                    // What is wanted was counted already.
                    Some(seen) if seen.wanted && !is_wanted => {}
                    Some(seen) => {
                        seen.count = seen.count.saturating_add(item.count);
                        seen.fate = seen.fate.filter(|fate| *fate == item.fate);
                    }
                    None => pairs.push(Seen {
                        traffic: &item.traffic,
                        count: item.count,
                        wanted: is_wanted,
                        fate: Some(item.fate),
                        before: self.decide(&item.traffic),
                    }),
                }
            }
        }
        Ground { pairs }
    }

    pub(super) fn prove_on(&self, ground: &Ground<'_>, change: &Change) -> Result<Proof, ChangeError> {
        let after = self.after(change)?;
        let touched = self.touched(&after, change);
        let mut proof = Proof { pairs: ground.pairs.len(), ..Proof::default() };
        for seen in &ground.pairs {
            // A pair of which neither end is selected by a changed policy, before or after, keeps its outcome.
            let outcome =
                if touched.selects(seen.traffic) { after.decide(seen.traffic) } else { seen.before };
            proof.weigh(seen, outcome);
        }
        Ok(proof)
    }

    /// Only the changed policies, as they were and as they would be.
    fn touched(&self, after: &Self, change: &Change) -> Self {
        let changed = |policy: &&Arc<Policy>| change.edits.iter().any(|edit| edit.policy == policy.reference);
        self.only(self.policies().iter().chain(after.policies()).filter(changed).cloned().collect())
    }

    fn selects(&self, traffic: &Traffic) -> bool {
        [Direction::Egress, Direction::Ingress]
            .into_iter()
            .any(|direction| !self.selecting(&Case::new(traffic, direction)).is_empty())
    }
}

impl Proof {
    fn weigh(&mut self, known: &Seen<'_>, after: Outcome) {
        let (traffic, before) = (known.traffic, known.before);
        let passes = |outcome| matches!(outcome, Outcome::Allowed | Outcome::Audited);
        if known.wanted {
            self.dropped = self.dropped.saturating_add(known.count);
            if after == Outcome::Allowed {
                self.allowed = self.allowed.saturating_add(known.count);
            }
        }
        match (known.fate, before) {
            (Some(Fate::Forwarded), Outcome::Denied) => self.contradicted += 1,
            (Some(Fate::Dropped), outcome) if passes(outcome) => self.contradicted += 1,
            _ => {}
        }
        if before == Outcome::Unknown || after == Outcome::Unknown {
            self.undecided += 1;
        } else if !known.wanted && before != after {
            let (list, number) = if after == Outcome::Allowed {
                (&mut self.opens, &mut self.opened)
            } else {
                (&mut self.closes, &mut self.closed)
            };
            *number += 1;
            if list.len() < SHOWN {
                list.push(Pair {
                    source: traffic.source.called(),
                    destination: traffic.destination.called(),
                    transport: traffic.transport.to_string(),
                    count: known.count,
                });
            }
        }
    }
}
