//! A run against a baseline, case by case.

use crate::results::{CaseKey, Results};
use crate::statistics::mcnemar;
use crate::variants::Variant;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write;
use stethoscope_models::builtin::BUILTIN;

/// When a run is worse than its baseline.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Gate {
    /// Any lost case where every answer is the builtin model's, which does not vary; else [`Gate::Significant`] at 0.05.
    #[default]
    Auto,
    /// Any lost case.
    AnyLoss,
    /// More cases lost than gained, and by chance less probable than this.
    Significant(f64),
}

/// What a comparison says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// More gained than lost.
    Better,
    /// No worse than the baseline as far as the gate can tell.
    Same,
    /// The gate is closed: CI fails.
    Worse,
    /// The two have no scored case in common: CI fails.
    Incomparable,
}

/// A paired comparison.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// The verdict.
    pub standing: Standing,
    /// Cases that passed in the baseline and do not any more.
    pub lost: Vec<String>,
    /// Cases that pass now and did not.
    pub gained: Vec<String>,
    /// Cases in both, scored in both.
    pub paired: usize,
    /// Cases that the baseline scored and this run did not: left out, or broken.
    pub missing: Vec<String>,
    /// Exact McNemar test, two-sided.
    pub probability: f64,
    /// Whether this one is compared over models: each side has exactly one, and they differ.
    pub models: (String, String),
}

/// Compares by case, variant and repeat; by model too, unless each side has exactly one.
pub fn compare(run: &Results, baseline: &Results, gate: Gate) -> Comparison {
    let (now_models, then_models) = (models(run), models(baseline));
    let across = now_models.len() == 1 && then_models.len() == 1;
    let key = |key: &CaseKey| {
        (
            if across { String::new() } else { key.model.clone() },
            key.variant,
            key.incident.clone(),
            key.repeat,
        )
    };
    let passed = |results: &Results| -> BTreeMap<(String, Variant, String, u32), (CaseKey, bool)> {
        let rows = results.rows.iter();
        rows.filter_map(|row| Some((key(&row.key), (row.key.clone(), row.scored()?.scores.passed)))).collect()
    };
    let (now, then) = (passed(run), passed(baseline));
    let name = |case: &CaseKey| if across { case.to_string() } else { format!("{} {case}", case.model) };
    let (mut lost, mut gained, mut missing, mut paired) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for (key, (case, before)) in &then {
        match now.get(key) {
            None => missing.push(name(case)),
            Some((_, after)) => {
                paired += 1;
                match (before, after) {
                    (true, false) => lost.push(name(case)),
                    (false, true) => gained.push(name(case)),
                    (true, true) | (false, false) => {}
                }
            }
        }
    }
    let probability = mcnemar(lost.len(), gained.len());
    let builtin_only =
        [&now_models, &then_models].iter().all(|models| models.iter().all(|model| model == BUILTIN));
    let worse = match gate {
        Gate::Auto if builtin_only => !lost.is_empty(),
        Gate::Auto => lost.len() > gained.len() && probability < 0.05,
        Gate::AnyLoss => !lost.is_empty(),
        Gate::Significant(alpha) => lost.len() > gained.len() && probability < alpha,
    };
    let standing = match () {
        () if paired == 0 => Standing::Incomparable,
        () if worse => Standing::Worse,
        () if gained.len() > lost.len() => Standing::Better,
        () => Standing::Same,
    };
    Comparison {
        standing,
        lost,
        gained,
        paired,
        missing,
        probability,
        models: (now_models.join(", "), then_models.join(", ")),
    }
}

fn models(results: &Results) -> Vec<String> {
    let mut models: Vec<String> = results.rows.iter().map(|row| row.key.model.clone()).collect();
    models.sort();
    models.dedup();
    models
}

impl Comparison {
    /// Whether CI may go on.
    pub fn is_acceptable(&self) -> bool {
        match self.standing {
            Standing::Better | Standing::Same => true,
            Standing::Worse | Standing::Incomparable => false,
        }
    }

    /// The comparison for people.
    pub fn text(&self) -> String {
        let standing = match self.standing {
            Standing::Better => "better than the baseline",
            Standing::Same => "no worse than the baseline",
            Standing::Worse => "worse than the baseline",
            Standing::Incomparable => "not comparable: no case was scored in both",
        };
        let mut out = format!(
            "{standing}: {} lost, {} gained of {} cases in both (McNemar p = {:.4})\n",
            self.lost.len(),
            self.gained.len(),
            self.paired,
            self.probability
        );
        if self.models.0 != self.models.1 {
            let _ = writeln!(out, "models: {} against {}", self.models.0, self.models.1);
        }
        for (word, cases) in [("lost", &self.lost), ("gained", &self.gained), ("missing", &self.missing)] {
            for case in cases {
                let _ = writeln!(out, "{word:<8}{case}");
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::tests::{results, row};
    use pretty_assertions::assert_eq;

    fn run(passed: &[bool]) -> Results {
        results(
            passed
                .iter()
                .enumerate()
                .map(|(place, right)| row(place, &format!("case-{place}"), 1, *right))
                .collect(),
        )
    }

    #[test]
    fn lost_and_gained_cases_are_paired_by_name() {
        let comparison = compare(&run(&[true, false, true]), &run(&[true, true, false, true]), Gate::AnyLoss);
        assert_eq!(
            comparison,
            Comparison {
                standing: Standing::Worse,
                lost: vec!["case-1".to_owned()],
                gained: vec!["case-2".to_owned()],
                paired: 3,
                missing: vec!["case-3".to_owned()],
                probability: 1.0,
                models: ("m".to_owned(), "m".to_owned()),
            }
        );
        assert!(!comparison.is_acceptable());
        assert!(
            comparison.text().starts_with("worse than the baseline: 1 lost, 1 gained of 3 cases in both")
        );
    }

    #[test]
    fn one_lost_case_of_a_model_that_varies_is_no_proof() {
        let comparison = compare(&run(&[false, true]), &run(&[true, true]), Gate::Auto);
        assert_eq!(comparison.standing, Standing::Same);
        let six = compare(&run(&[false; 6]), &run(&[true; 6]), Gate::Auto);
        assert_eq!(six.standing, Standing::Worse);
    }

    #[test]
    fn nothing_in_common_is_not_a_success() {
        assert_eq!(compare(&run(&[]), &run(&[true]), Gate::Auto).standing, Standing::Incomparable);
    }
}
