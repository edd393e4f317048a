//! Operators on numbers, and between a vector and a scalar.

use super::evaluate::{Value, computed};
use super::plan::{Arithmetic, Comparison, Operator, Outcome};
use super::{QueryError, Sample};

pub(super) fn arithmetic(operator: Arithmetic, left: f64, right: f64) -> f64 {
    match operator {
        Arithmetic::Add => left + right,
        Arithmetic::Subtract => left - right,
        Arithmetic::Multiply => left * right,
        Arithmetic::Divide => left / right,
        Arithmetic::Modulo => left % right,
        Arithmetic::Power => left.powf(right),
        Arithmetic::Atan2 => left.atan2(right),
    }
}

#[expect(clippy::float_cmp, reason = "PromQL compares floats exactly")]
pub(super) fn holds(comparison: Comparison, left: f64, right: f64) -> bool {
    match comparison {
        Comparison::Equal => left == right,
        Comparison::NotEqual => left != right,
        Comparison::Less => left < right,
        Comparison::LessOrEqual => left <= right,
        Comparison::Greater => left > right,
        Comparison::GreaterOrEqual => left >= right,
    }
}

fn one_if(holds: bool) -> f64 {
    if holds { 1.0 } else { 0.0 }
}

/// At least one side is a scalar.
pub(super) fn with_scalar(left: Value, right: Value, operator: Operator) -> Result<Value, QueryError> {
    let sets = || QueryError::BadData("set operators can't be used with scalars".to_owned());
    match (left, right) {
        (Value::Scalar(left), Value::Scalar(right)) => Ok(Value::Scalar(match operator {
            Operator::Arithmetic(operator) => arithmetic(operator, left, right),
            Operator::Compare(comparison, Outcome::Bool) => one_if(holds(comparison, left, right)),
            Operator::Compare(_, Outcome::Filter) => {
                return Err(QueryError::BadData(
                    "comparisons between scalars must use BOOL modifier".to_owned(),
                ));
            }
            Operator::Set(_) => return Err(sets()),
        })),
        (Value::Vector(samples), Value::Scalar(right)) => each(samples, operator, |left| (left, right)),
        (Value::Scalar(left), Value::Vector(samples)) => each(samples, operator, |right| (left, right)),
        (Value::Vector(_), Value::Vector(_)) => Err(sets()),
    }
}

fn each(
    samples: Vec<Sample>,
    operator: Operator,
    sides: impl Fn(f64) -> (f64, f64),
) -> Result<Value, QueryError> {
    match operator {
        Operator::Arithmetic(operator) => computed(samples, |value| {
            let (left, right) = sides(value);
            Some(arithmetic(operator, left, right))
        }),
        Operator::Compare(comparison, Outcome::Bool) => computed(samples, |value| {
            let (left, right) = sides(value);
            Some(one_if(holds(comparison, left, right)))
        }),
        Operator::Compare(comparison, Outcome::Filter) => {
            let kept = samples.into_iter().filter(|sample| {
                let (left, right) = sides(sample.value);
                holds(comparison, left, right)
            });
            Ok(Value::Vector(kept.collect()))
        }
        Operator::Set(_) => Err(QueryError::BadData("set operators can't be used with scalars".to_owned())),
    }
}
