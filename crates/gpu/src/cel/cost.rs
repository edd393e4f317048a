//! An upper bound of what an expression costs for one device, before it is evaluated.
//!
//! The interpreter has no limit of its own. What a value can grow to is bounded too: `+` and `map` can double it again and
//! again. Only functions that can not make more than they are given are let through.

use super::{DEEPEST, Refusal};
use ::cel::IdedExpr;
use ::cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, LiteralValue};
use regex::RegexBuilder;

/// Steps for one device at most. 10,000 devices stay below a fraction of a second for anything near a real selector.
pub(super) const MOST: u64 = 20_000;
/// Largest value that may come about, in elements and bytes.
const LARGEST: u64 = 100_000;
/// What the attributes of a device are reckoned as: 32 of 64 bytes (upstream's limits) and their keys.
const DEVICE: u64 = 4_096;
/// Bytes of a compiled regular expression.
pub(super) const REGEX: usize = 32 << 10;

/// Functions that give no more than they take.
const KNOWN: [&str; 56] = [
    "_?_:_",
    "_&&_",
    "_||_",
    "!_",
    "-_",
    "_-_",
    "_+_",
    "_*_",
    "_/_",
    "_%_",
    "_==_",
    "_!=_",
    "_>=_",
    "_<=_",
    "_>_",
    "_<_",
    "_[_]",
    "_[?_]",
    "_?._",
    "@in",
    "@not_strictly_false",
    "size",
    "contains",
    "startsWith",
    "endsWith",
    "matches",
    "lowerAscii",
    "upperAscii",
    "trim",
    "split",
    "substring",
    "indexOf",
    "lastIndexOf",
    "charAt",
    "quantity",
    "isQuantity",
    "semver",
    "isSemver",
    "compareTo",
    "isGreaterThan",
    "isLessThan",
    "major",
    "minor",
    "patch",
    "isInteger",
    "asInteger",
    "asApproximateFloat",
    "sign",
    "add",
    "sub",
    "int",
    "uint",
    "double",
    "string",
    "bool",
    "type",
];
/// Of optional values.
const OPTIONAL: [&str; 6] = ["hasValue", "value", "orValue", "or", "of", "none"];

/// What an expression costs, and how large its value may be.
#[derive(Clone, Copy, Debug)]
struct Bound {
    steps: u64,
    size: u64,
}

/// Steps for one device at most.
pub(super) fn of(expression: &IdedExpr) -> Result<u64, Refusal> {
    bound(expression, &mut Vec::new(), 0).map(|bound| bound.steps)
}

/// Sizes of loop variables, innermost last.
type Variables = Vec<(String, u64)>;

fn bound(expression: &IdedExpr, variables: &mut Variables, depth: usize) -> Result<Bound, Refusal> {
    if depth > DEEPEST {
        return Err(Refusal::TooCostly("it is nested too deep".to_owned()));
    }
    let mut inner = |expression: &IdedExpr| bound(expression, variables, depth + 1);
    let bound = match &expression.expr {
        Expr::Unspecified => Bound { steps: 1, size: 1 },
        Expr::Literal(literal) => Bound { steps: 1, size: literal_size(literal) },
        Expr::Ident(name) => {
            let known = variables.iter().rev().find(|(variable, _)| variable == name);
            Bound { steps: 1, size: known.map_or(DEVICE, |(_, size)| *size) }
        }
        Expr::Select(select) => {
            let operand = inner(&select.operand)?;
            Bound { steps: operand.steps + 1, size: operand.size }
        }
        Expr::List(list) => sum(list.elements.iter().map(inner))?,
        Expr::Map(map) => sum(map.entries.iter().flat_map(|entry| entries(&entry.expr)).map(inner))?,
        Expr::Struct(_) => return Err(Refusal::Unknown("a message literal".to_owned())),
        Expr::Call(call) => return self::call(call, variables, depth),
        Expr::Comprehension(comprehension) => return self::comprehension(comprehension, variables, depth),
    };
    checked(bound)
}

fn checked(bound: Bound) -> Result<Bound, Refusal> {
    if bound.size > LARGEST {
        return Err(Refusal::TooCostly(format!("a value in it may grow to {} elements", bound.size)));
    }
    if bound.steps > MOST {
        return Err(Refusal::TooCostly(format!("it may take {} steps for one device", bound.steps)));
    }
    Ok(bound)
}

fn literal_size(literal: &LiteralValue) -> u64 {
    match literal {
        LiteralValue::String(text) => 1 + text.inner().len() as u64,
        LiteralValue::Bytes(bytes) => 1 + bytes.inner().len() as u64,
        LiteralValue::Boolean(_)
        | LiteralValue::Double(_)
        | LiteralValue::Int(_)
        | LiteralValue::Null
        | LiteralValue::UInt(_) => 1,
    }
}

fn entries(entry: &EntryExpr) -> Vec<&IdedExpr> {
    match entry {
        EntryExpr::StructField(field) => vec![&field.value],
        EntryExpr::MapEntry(entry) => vec![&entry.key, &entry.value],
    }
}

fn sum(bounds: impl Iterator<Item = Result<Bound, Refusal>>) -> Result<Bound, Refusal> {
    let mut total = Bound { steps: 1, size: 1 };
    for bound in bounds {
        let bound = bound?;
        total.steps = total.steps.saturating_add(bound.steps);
        total.size = total.size.saturating_add(bound.size);
    }
    Ok(total)
}

fn call(call: &CallExpr, variables: &mut Variables, depth: usize) -> Result<Bound, Refusal> {
    let name = call.func_name.as_str();
    let is_optional = OPTIONAL.contains(&name) || name.starts_with("optional.");
    if !KNOWN.contains(&name) && !is_optional {
        return Err(Refusal::Unknown(format!("{}()", name.chars().take(60).collect::<String>())));
    }
    if name == "matches" {
        literal_pattern(call.args.last())?;
    }
    let arguments: Vec<&IdedExpr> = call.target.iter().map(AsRef::as_ref).chain(&call.args).collect();
    let total = sum(arguments.into_iter().map(|argument| bound(argument, variables, depth + 1)))?;
    // Texts are walked and copied; eight bytes a step.
    let steps = total.steps.saturating_add(total.size.min(DEVICE) / 64);
    let size = match name {
        "_+_" | "_?_:_" | "_[_]" | "_[?_]" | "_?._" | "split" | "lowerAscii" | "upperAscii" | "trim"
        | "substring" | "string" | "orValue" | "or" | "value" | "of" => total.size,
        _ if name.starts_with("optional.") => total.size,
        _ => 1,
    };
    checked(Bound { steps, size })
}

/// A pattern that is made at run time could be anything.
fn literal_pattern(argument: Option<&IdedExpr>) -> Result<(), Refusal> {
    let Some(Expr::Literal(LiteralValue::String(pattern))) = argument.map(|argument| &argument.expr) else {
        return Err(Refusal::TooCostly("a regular expression in it is not a literal".to_owned()));
    };
    RegexBuilder::new(pattern.inner())
        .size_limit(REGEX)
        .build()
        .map(|_| ())
        .map_err(|_| Refusal::TooCostly("a regular expression in it is too large, or wrong".to_owned()))
}

fn comprehension(
    expression: &ComprehensionExpr,
    variables: &mut Variables,
    depth: usize,
) -> Result<Bound, Refusal> {
    let range = bound(&expression.iter_range, variables, depth + 1)?;
    let start = bound(&expression.accu_init, variables, depth + 1)?;
    // A list of n bytes and elements has at most that many elements, each no larger than all of it.
    let rounds = match &expression.iter_range.expr {
        Expr::List(list) => list.elements.len() as u64,
        _ => range.size.clamp(1, DEVICE / 64),
    };
    let before = variables.len();
    variables.push((expression.iter_var.clone(), range.size));
    if let Some(second) = &expression.iter_var2 {
        variables.push((second.clone(), range.size));
    }
    // The accumulator counts as nothing here: what a round adds to it is what the step's value is larger by.
    variables.push((expression.accu_var.clone(), 0));
    let condition = bound(&expression.loop_cond, variables, depth + 1);
    let step = bound(&expression.loop_step, variables, depth + 1);
    let result = bound(&expression.result, variables, depth + 1);
    variables.truncate(before);
    let (condition, step, result) = (condition?, step?, result?);
    let round = condition.steps.saturating_add(step.steps).saturating_add(1);
    let steps = [start.steps, rounds.saturating_mul(round), result.steps]
        .into_iter()
        .fold(range.steps, u64::saturating_add);
    let size = start.size.saturating_add(rounds.saturating_mul(step.size)).saturating_add(result.size);
    checked(Bound { steps, size })
}
