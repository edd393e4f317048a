//! Operators between two vectors: which element meets which.

use super::super::series::Labels;
use super::arithmetic::{arithmetic, holds};
use super::plan::{Binary, Cardinality, Grouping, Matching, Operator, Outcome, SetOperator};
use super::{QueryError, Sample};
use std::collections::{HashMap, HashSet};

/// Applies the operator to the elements whose labels match.
pub(super) fn combine(
    left: Vec<Sample>,
    right: Vec<Sample>,
    binary: &Binary,
) -> Result<Vec<Sample>, QueryError> {
    match binary.operator {
        Operator::Set(operator) => Ok(set(left, right, operator, &binary.matching.labels)),
        Operator::Arithmetic(_) | Operator::Compare(..) => match &binary.matching.cardinality {
            Cardinality::OneToMany(_) => pairs(&right, &left, binary, Side::Right),
            Cardinality::OneToOne | Cardinality::ManyToOne(_) => pairs(&left, &right, binary, Side::Left),
        },
    }
}

/// Labels that must be equal for two elements to meet.
fn signature(labels: &Labels, grouping: &Grouping) -> Labels {
    match grouping {
        Grouping::Keep(names) => labels.keep(names),
        Grouping::Drop(names) => labels.nameless().drop(names),
    }
}

fn set(left: Vec<Sample>, right: Vec<Sample>, operator: SetOperator, grouping: &Grouping) -> Vec<Sample> {
    let signatures = |samples: &[Sample]| -> HashSet<Labels> {
        samples.iter().map(|sample| signature(&sample.labels, grouping)).collect()
    };
    match operator {
        SetOperator::And => {
            let known = signatures(&right);
            left.into_iter().filter(|sample| known.contains(&signature(&sample.labels, grouping))).collect()
        }
        SetOperator::Unless => {
            let known = signatures(&right);
            left.into_iter().filter(|sample| !known.contains(&signature(&sample.labels, grouping))).collect()
        }
        SetOperator::Or => {
            let known = signatures(&left);
            let added =
                right.into_iter().filter(|sample| !known.contains(&signature(&sample.labels, grouping)));
            left.into_iter().chain(added).collect()
        }
    }
}

/// Which operand the side that may have many elements is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

fn pairs(many: &[Sample], one: &[Sample], binary: &Binary, many_is: Side) -> Result<Vec<Sample>, QueryError> {
    let grouping = &binary.matching.labels;
    let mut partners: HashMap<Labels, &Sample> = HashMap::with_capacity(one.len());
    for sample in one {
        let key = signature(&sample.labels, grouping);
        if let Some(other) = partners.insert(key.clone(), sample) {
            let side = if many_is == Side::Left { "right" } else { "left" };
            return Err(QueryError::Execution(format!(
                "found duplicate series for the match group {{{}}} on the {side} hand-side of the operation: [{}, {}];\
                 many-to-many matching not allowed: matching labels must be unique on one side",
                key.to_string().trim_matches(['{', '}']),
                sample.labels,
                other.labels
            )));
        }
    }
    let mut seen: HashSet<(Labels, Labels)> = HashSet::new();
    let mut out = Vec::new();
    for sample in many {
        let key = signature(&sample.labels, grouping);
        let Some(partner) = partners.get(&key) else { continue };
        let (left, right) = match many_is {
            Side::Left => (sample.value, partner.value),
            Side::Right => (partner.value, sample.value),
        };
        let value = match binary.operator {
            Operator::Arithmetic(operator) => arithmetic(operator, left, right),
            Operator::Compare(comparison, Outcome::Bool) => {
                if holds(comparison, left, right) {
                    1.0
                } else {
                    0.0
                }
            }
            Operator::Compare(comparison, Outcome::Filter) if holds(comparison, left, right) => left,
            Operator::Compare(_, Outcome::Filter) | Operator::Set(_) => continue,
        };
        let labels = result_labels(&sample.labels, &partner.labels, binary.operator, &binary.matching);
        let (group, message) = match binary.matching.cardinality {
            Cardinality::OneToOne => (
                Labels::default(),
                "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)",
            ),
            Cardinality::ManyToOne(_) | Cardinality::OneToMany(_) => {
                (labels.clone(), "multiple matches for labels: grouping labels must ensure unique matches")
            }
        };
        if !seen.insert((key, group)) {
            return Err(QueryError::Execution(message.to_owned()));
        }
        out.push(Sample { labels, value, at: sample.at });
    }
    Ok(out)
}

/// `resultMetric` of `promql/engine.go`.
fn result_labels(many: &Labels, one: &Labels, operator: Operator, matching: &Matching) -> Labels {
    let keeps_name = matches!(operator, Operator::Compare(_, Outcome::Filter));
    let labels = if keeps_name { many.clone() } else { many.nameless() };
    match &matching.cardinality {
        Cardinality::OneToOne => match &matching.labels {
            Grouping::Keep(names) => labels.keep(names),
            Grouping::Drop(names) => labels.drop(names),
        },
        Cardinality::ManyToOne(include) | Cardinality::OneToMany(include) => {
            include.iter().fold(labels, |labels, name| labels.with(name, one.get(name)))
        }
    }
}
