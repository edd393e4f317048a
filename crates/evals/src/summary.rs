//! Figures over many rows: by model and variant, by stratum, by control arm.

use crate::control::Arm;
use crate::judge::{Judgement, STATEMENT};
use crate::results::{Outcome, Results, Row};
use crate::score::Scores;
use crate::statistics::{Calibration, Share, calibration, pass_hat, quantile};
use crate::suite::Thresholds;
use crate::variants::Variant;
use serde::Serialize;
use std::collections::BTreeMap;

/// The figures of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// By model and variant, in the plan's order.
    pub groups: Vec<Group>,
    /// Control arms over the original cases.
    pub arms: Vec<ArmFigures>,
    /// By what is expected, over the original cases of every model.
    pub strata: Vec<Stratum>,
    /// What the optional judge says, apart from everything else.
    pub judged: Vec<Judged>,
}

/// The judge's figures of one model on one variant.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Judged {
    /// The model that answered.
    pub model: String,
    /// The variant.
    pub variant: Variant,
    /// The model that judged.
    pub judge: String,
    /// Answers that were to be judged and got no grade; in no other figure.
    pub without_grade: usize,
    /// Answers that meet every criterion.
    pub whole: Share,
    /// Answers that meet a criterion; the statements of free-text expectations are counted together.
    pub criteria: BTreeMap<String, Share>,
}

/// The figures of one model on one variant.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Group {
    /// The model.
    pub model: String,
    /// The variant.
    pub variant: Variant,
    /// Rows with an answer.
    pub scored: usize,
    /// Rows where the machinery broke; in no other figure.
    pub broken: usize,
    /// Rows that a program cannot score; in no other figure.
    pub unscored: usize,
    /// Cases that passed as a whole: pass@1 over all runs.
    pub passed: Share,
    /// Mean probability that all runs of a case pass, and how many runs that are; absent for single runs.
    pub pass_hat: Option<(f64, usize)>,
    /// Right cause on the right object at rank 1.
    pub cause_at_1: Share,
    /// The same within rank 3.
    pub cause_at_3: Share,
    /// Right object at rank 1.
    pub subject_at_1: Share,
    /// Right object by its own name.
    pub subject_exact: Share,
    /// Right verdict.
    pub verdict: Share,
    /// A root cause claimed where none is expected, of the cases where none is.
    pub false_root_cause: Share,
    /// Verified quotes among all.
    pub quotes: Share,
    /// Expected evidence that is quoted.
    pub evidence: Share,
    /// Answers that say what they were denied, of those that were.
    pub coverage: Share,
    /// Answers with a forbidden claim.
    pub forbidden: usize,
    /// Answers in which a canary came back or was obeyed.
    pub leaks: usize,
    /// Whether confidences can be believed.
    pub calibration: Option<Calibration>,
    /// What it took.
    pub effort: Effort,
}

/// What a group took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Effort {
    /// Mean exchanges with the model.
    pub turns: f64,
    /// Mean tool calls.
    pub tool_calls: f64,
    /// Calls that repeat an earlier one, all together.
    pub redundant: u64,
    /// Calls that failed, all together.
    pub failed: u64,
    /// Prompt and completion tokens, all together.
    pub tokens: u64,
    /// US dollars, all together, where a price is known.
    pub cost: Option<f64>,
    /// Median wall seconds of an investigation.
    pub median_seconds: f64,
    /// 95 of 100 investigations are faster.
    pub p95_seconds: f64,
    /// Investigations that a limit ended.
    pub limited: usize,
}

/// What a guess without diagnosis gets right.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ArmFigures {
    /// The arm.
    pub arm: Arm,
    /// Right object.
    pub subject: Share,
    /// Right object, and the run's most frequent cause is right too.
    pub cause_at_1: Share,
}

/// The figures of one stratum.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Stratum {
    /// Label, cause or verdict that is expected.
    pub name: String,
    /// Passed as a whole.
    pub passed: Share,
    /// Right at rank 1.
    pub cause_at_1: Share,
    /// Right within rank 3.
    pub cause_at_3: Share,
}

impl Summary {
    /// The figures of these results.
    pub fn of(results: &Results) -> Self {
        let mut keys: Vec<(&str, Variant)> = Vec::new();
        for row in &results.rows {
            let key = (row.key.model.as_str(), row.key.variant);
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        let of_key = |(model, variant): (&str, Variant)| -> Vec<&Row> {
            results.rows.iter().filter(|row| row.key.model == model && row.key.variant == variant).collect()
        };
        let groups = keys.iter().map(|key| Group::of(key.0, key.1, &of_key(*key))).collect();
        let originals: Vec<&Row> =
            results.rows.iter().filter(|row| row.key.variant == Variant::Original).collect();
        let judged = keys.iter().flat_map(|key| judged(key.0, key.1, &of_key(*key))).collect();
        Self { groups, arms: arms(&originals), strata: strata(&originals), judged }
    }

    /// Floors that these results miss, one sentence each. A part of a plan misses none: they are for the whole.
    pub fn missed(results: &Results) -> Vec<String> {
        if results.rows.len() < results.header.planned {
            return Vec::new();
        }
        Self::of(results).misses(&results.header.thresholds)
    }

    /// Floors that a run misses, one sentence each. Only original cases count.
    fn misses(&self, thresholds: &Thresholds) -> Vec<String> {
        let mut misses = Vec::new();
        for group in self.groups.iter().filter(|group| group.variant == Variant::Original) {
            let mut floor = |what: &str, found: Share, least: Option<f64>| {
                if let (Some(found), Some(least)) = (found.value(), least)
                    && found < least
                {
                    misses.push(format!("{}: {what} is {found:.3}, below {least:.3}", group.model));
                }
            };
            floor("cause@1", group.cause_at_1, thresholds.cause_at_1);
            floor("cause@3", group.cause_at_3, thresholds.cause_at_3);
            floor("verdict", group.verdict, thresholds.verdict);
            floor("verified evidence", group.quotes, thresholds.evidence_verified);
            let brier = group.calibration.as_ref().map(|calibration| calibration.brier);
            if let (Some(found), Some(most)) = (brier, thresholds.brier)
                && found > most
            {
                misses.push(format!("{}: Brier is {found:.3}, above {most:.3}", group.model));
            }
            if group.scored == 0 && group.unscored == 0 {
                misses.push(format!("{}: no case could be scored", group.model));
            }
        }
        misses
    }
}

impl Group {
    fn of(model: &str, variant: Variant, rows: &[&Row]) -> Self {
        let scores: Vec<&Scores> =
            rows.iter().filter_map(|row| row.scored().map(|scored| &scored.scores)).collect();
        let share = |pick: &dyn Fn(&Scores) -> Option<bool>| {
            Share::of(scores.iter().filter_map(|scores| pick(scores)))
        };
        let parts = |right: &dyn Fn(&Scores) -> u32, all: &dyn Fn(&Scores) -> u32| Share {
            right: scores.iter().map(|scores| right(scores) as usize).sum(),
            all: scores.iter().map(|scores| all(scores) as usize).sum(),
        };
        let pairs: Vec<(f64, bool)> = scores.iter().map(|scores| (scores.confidence, scores.right)).collect();
        Self {
            model: model.to_owned(),
            variant,
            scored: scores.len(),
            broken: rows.iter().filter(|row| matches!(row.outcome, Outcome::Broken(_))).count(),
            unscored: rows.iter().filter(|row| matches!(row.outcome, Outcome::Unscored(_))).count(),
            passed: share(&|scores| Some(scores.passed)),
            pass_hat: repeated(rows),
            cause_at_1: share(&|scores| scores.cause_at_1),
            cause_at_3: share(&|scores| scores.cause_at_3),
            subject_at_1: share(&|scores| scores.subject_at_1),
            subject_exact: share(&|scores| scores.subject_exact),
            verdict: share(&|scores| Some(scores.verdict)),
            false_root_cause: share(&|scores| scores.cause_at_1.is_none().then_some(scores.false_root_cause)),
            quotes: parts(&|scores| scores.quotes_verified, &|scores| scores.quotes),
            evidence: parts(&|scores| scores.evidence_cited, &|scores| scores.evidence_expected),
            coverage: share(&|scores| scores.coverage_honest),
            forbidden: scores.iter().filter(|scores| !scores.forbidden.is_empty()).count(),
            leaks: scores.iter().filter(|scores| !scores.leaks.is_empty()).count(),
            calibration: calibration(&pairs),
            effort: effort(rows, &scores),
        }
    }
}

/// pass^k with k the fewest runs of a case, over the cases that were run more than once.
fn repeated(rows: &[&Row]) -> Option<(f64, usize)> {
    let mut runs: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (incident, passed) in
        rows.iter().filter_map(|row| Some((row.key.incident.as_str(), row.scored()?.scores.passed)))
    {
        let (right, all) = runs.entry(incident).or_default();
        *right += usize::from(passed);
        *all += 1;
    }
    let k = runs.values().map(|(_, all)| *all).min().filter(|k| *k > 1)?;
    let each: Vec<f64> = runs.values().filter_map(|(right, all)| pass_hat(*right, *all, k)).collect();
    Some((each.iter().sum::<f64>() / each.len() as f64, k))
}

fn effort(rows: &[&Row], scores: &[&Scores]) -> Effort {
    let count = scores.len().max(1) as f64;
    let mean = |pick: &dyn Fn(&Scores) -> u32| {
        scores.iter().map(|scores| f64::from(pick(scores))).sum::<f64>() / count
    };
    let seconds: Vec<f64> = rows.iter().filter(|row| row.scored().is_some()).map(|row| row.seconds).collect();
    let costs: Vec<f64> = scores.iter().filter_map(|scores| scores.cost).collect();
    Effort {
        turns: mean(&|scores| scores.turns),
        tool_calls: mean(&|scores| scores.tool_calls),
        redundant: scores.iter().map(|scores| u64::from(scores.redundant_calls)).sum(),
        failed: scores.iter().map(|scores| u64::from(scores.failed_calls)).sum(),
        tokens: scores.iter().map(|scores| scores.tokens_in + scores.tokens_out).sum(),
        cost: (!costs.is_empty()).then(|| costs.iter().sum()),
        median_seconds: quantile(&seconds, 0.5).unwrap_or_default(),
        p95_seconds: quantile(&seconds, 0.95).unwrap_or_default(),
        limited: scores.iter().filter(|scores| scores.budget_hit.is_some()).count(),
    }
}

/// Each incident counts once, whatever the models and repeats.
fn arms(rows: &[&Row]) -> Vec<ArmFigures> {
    let mut incidents: BTreeMap<&str, &Row> = BTreeMap::new();
    for row in rows.iter().filter(|row| !row.guesses.is_empty()) {
        incidents.entry(&row.key.incident).or_insert(row);
    }
    let causes =
        |row: &Row| row.expected.as_ref().map(|expected| expected.causes.clone()).unwrap_or_default();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for cause in incidents.values().flat_map(|row| causes(row)) {
        *counts.entry(cause).or_default() += 1;
    }
    let most = counts.into_iter().rev().max_by_key(|(_, count)| *count).map(|(cause, _)| cause);
    Arm::ALL
        .into_iter()
        .map(|arm| {
            let guessed: Vec<(bool, bool)> = incidents
                .values()
                .filter_map(|row| {
                    let guess = row.guesses.iter().find(|guess| guess.arm == arm)?;
                    Some((guess.right, most.as_ref().is_some_and(|most| causes(row).contains(most))))
                })
                .collect();
            ArmFigures {
                arm,
                subject: Share::of(guessed.iter().map(|(subject, _)| *subject)),
                cause_at_1: Share::of(guessed.iter().map(|(subject, cause)| *subject && *cause)),
            }
        })
        .collect()
}

/// One entry for each judge.
fn judged(model: &str, variant: Variant, rows: &[&Row]) -> Vec<Judged> {
    let mut by_judge: BTreeMap<&str, Judged> = BTreeMap::new();
    for judgement in rows.iter().filter_map(|row| row.judgement.as_ref()) {
        let (Judgement::Graded { judge, .. } | Judgement::Unscored { judge, .. }) = judgement;
        let figures = by_judge.entry(judge).or_insert_with(|| Judged {
            model: model.to_owned(),
            variant,
            judge: judge.clone(),
            without_grade: 0,
            whole: Share::default(),
            criteria: BTreeMap::new(),
        });
        match judgement {
            Judgement::Unscored { .. } => figures.without_grade += 1,
            Judgement::Graded { criteria, .. } => {
                figures.whole.count(criteria.values().all(|met| *met));
                for (name, met) in criteria {
                    let name = if name.starts_with(STATEMENT) { "statements" } else { name.as_str() };
                    figures.criteria.entry(name.to_owned()).or_default().count(*met);
                }
            }
        }
    }
    by_judge.into_values().collect()
}

fn strata(rows: &[&Row]) -> Vec<Stratum> {
    let mut by_name: BTreeMap<&str, Vec<&Scores>> = BTreeMap::new();
    for row in rows {
        if let Some(scored) = row.scored() {
            by_name.entry(row.stratum()).or_default().push(&scored.scores);
        }
    }
    by_name
        .into_iter()
        .map(|(name, scores)| Stratum {
            name: name.to_owned(),
            passed: Share::of(scores.iter().map(|scores| scores.passed)),
            cause_at_1: Share::of(scores.iter().filter_map(|scores| scores.cause_at_1)),
            cause_at_3: Share::of(scores.iter().filter_map(|scores| scores.cause_at_3)),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::tests::{results, row};
    use pretty_assertions::assert_eq;

    #[test]
    fn what_broke_is_in_no_figure_but_its_own() {
        let mut broken = row(2, "three", 1, false);
        broken.outcome = Outcome::Broken("no answer".to_owned());
        let summary = Summary::of(&results(vec![row(0, "one", 1, true), row(1, "two", 1, false), broken]));
        let group = &summary.groups[0];
        assert_eq!((group.scored, group.broken, group.cause_at_1), (2, 1, Share { right: 1, all: 2 }));
        assert_eq!(group.quotes, Share { right: 2, all: 4 });
        // 0.8 sure, once right and once wrong: (0.04 + 0.64) / 2.
        assert!((group.calibration.as_ref().unwrap().brier - 0.34).abs() < 1e-9);
    }

    #[test]
    fn repeats_give_the_chance_that_all_runs_pass() {
        let rows = vec![
            row(0, "one", 1, true),
            row(1, "one", 2, true),
            row(2, "two", 1, true),
            row(3, "two", 2, false),
        ];
        let summary = Summary::of(&results(rows));
        assert_eq!(summary.groups[0].pass_hat, Some((0.5, 2)));
        assert_eq!(summary.groups[0].passed, Share { right: 3, all: 4 });
    }

    #[test]
    fn a_missed_floor_is_told_in_figures_and_a_part_misses_none() {
        let mut all = results(vec![row(0, "one", 1, true), row(1, "two", 1, false)]);
        all.header.thresholds = Thresholds {
            cause_at_1: Some(0.95),
            brier: Some(0.08),
            verdict: Some(1.0),
            ..Thresholds::default()
        };
        assert_eq!(
            Summary::missed(&all),
            ["m: cause@1 is 0.500, below 0.950", "m: Brier is 0.340, above 0.080"]
        );
        all.header.planned = 3;
        assert_eq!(Summary::missed(&all), Vec::<String>::new());
    }
}
