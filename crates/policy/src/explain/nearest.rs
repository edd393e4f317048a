//! Rules that came close, in the order in which a person would mend them.

use super::gap::{self, Gap};
use super::{NearMiss, allows};
use crate::certainty::Match;
use crate::engine::{Case, Engine, Place, Selected};

/// Rules that are shown.
const SHOWN: usize = 3;

/// A rule and how far it is.
pub(crate) struct Candidate {
    pub(crate) place: Place,
    pub(crate) gaps: Vec<Gap>,
    pub(crate) distance: (usize, usize),
}

impl Engine {
    pub(super) fn nearest(&self, case: &Case<'_>, selected: &[Selected]) -> Vec<NearMiss> {
        let mut candidates = self.candidates(case, selected);
        candidates.truncate(SHOWN);
        let show = |it: Candidate| NearMiss { rule: self.rule_ref(it.place, case.direction), gaps: it.gaps };
        candidates.into_iter().map(show).collect()
    }

    /// Allowing rules that do not surely match, closest first.
    pub(crate) fn candidates(&self, case: &Case<'_>, selected: &[Selected]) -> Vec<Candidate> {
        let mut candidates = Vec::new();
        for it in selected {
            for (place, rule) in self.rules(it, case.direction).filter(|(_, rule)| allows(rule.action)) {
                let mut gaps = Vec::new();
                if it.sure < Match::Yes {
                    let end = gap::subject(case.direction);
                    gaps.push(Gap::Undecided { what: format!("whether the policy selects the {end}") });
                }
                gaps.extend(self.gaps(rule, case));
                if gaps.is_empty() {
                    continue;
                }
                // First by how many things are missing, then by how much of each.
                let distance = (gap::dimensions(&gaps), gaps.iter().map(Gap::weight).sum());
                candidates.push(Candidate { place, gaps, distance });
            }
        }
        // Stable: rules that are equally close keep the order of policies and rules.
        candidates.sort_by_key(|it| it.distance);
        candidates
    }
}
