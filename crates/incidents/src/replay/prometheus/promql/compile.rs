//! From the parser's tree to a plan.

use super::super::series::{Labels, NAME, Recording};
use super::plan::{
    Aggregate, Aggregator, Arithmetic, Binary, Cardinality, Comparison, Grouping, LabelJoin, LabelReplace,
    Map, Matching, Operator, Order, Outcome, OverTime, Plan, Selection, SetOperator, Shift, Source, Window,
};
use super::{QueryError, Settings, Steps};
use promql_parser::label::{MatchOp, Matcher};
use promql_parser::parser::token::{self, TokenType};
use promql_parser::parser::{
    AggregateExpr, AtModifier, BinModifier, BinaryExpr, Call, Expr, LabelModifier, Offset, SubqueryExpr,
    VectorMatchCardinality, VectorSelector,
};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

struct Compiler<'a> {
    recording: &'a Recording,
    settings: &'a Settings,
    steps: &'a Steps,
}

/// The plan of a scalar or an instant vector.
pub(super) fn plan(
    expr: &Expr,
    recording: &Recording,
    settings: &Settings,
    steps: &Steps,
) -> Result<Plan, QueryError> {
    Compiler { recording, settings, steps }.plan(expr)
}

/// The window, if the whole query is a range vector.
pub(super) fn top_window(
    expr: &Expr,
    recording: &Recording,
    settings: &Settings,
    steps: &Steps,
) -> Result<Option<Window>, QueryError> {
    match unwrapped(expr) {
        Expr::MatrixSelector(_) | Expr::Subquery(_) => {
            Compiler { recording, settings, steps }.window(expr, "a query").map(Some)
        }
        _ => Ok(None),
    }
}

/// The text, if the whole query is one.
pub(super) fn text(expr: &Expr) -> Option<String> {
    match unwrapped(expr) {
        Expr::StringLiteral(literal) => Some(literal.val.clone()),
        _ => None,
    }
}

/// Series that a plain selector matches.
pub(super) fn selector(expr: &Expr, recording: &Recording) -> Result<Vec<usize>, QueryError> {
    match expr {
        Expr::VectorSelector(selector) => matching(selector, recording),
        _ => {
            Err(QueryError::BadData("invalid parameter \"match[]\": a series selector is needed".to_owned()))
        }
    }
}

fn refuse(what: &str) -> QueryError {
    QueryError::Execution(format!(
        "{what} is not covered by the evaluator of recorded metrics; run a real Prometheus over prometheus/metrics.om for it"
    ))
}

fn unwrapped(expr: &Expr) -> &Expr {
    match expr {
        Expr::Paren(paren) => unwrapped(&paren.expr),
        other => other,
    }
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4).min(i64::MAX / 4)
}

fn matches(matcher: &Matcher, labels: &Labels) -> bool {
    let value = labels.get(&matcher.name);
    match &matcher.op {
        MatchOp::Equal => matcher.value == value,
        MatchOp::NotEqual => matcher.value != value,
        MatchOp::Re(regex) => regex.is_match(value),
        MatchOp::NotRe(regex) => !regex.is_match(value),
    }
}

fn matching(selector: &VectorSelector, recording: &Recording) -> Result<Vec<usize>, QueryError> {
    if !selector.matchers.or_matchers.is_empty() {
        return Err(refuse("`or` between label matchers"));
    }
    let chosen = recording.series.iter().enumerate().filter(|(_, series)| {
        selector.name.as_deref().is_none_or(|name| series.labels.get(NAME) == name)
            && selector.matchers.matchers.iter().all(|matcher| matches(matcher, &series.labels))
    });
    Ok(chosen.map(|(place, _)| place).collect())
}

/// Labels that `absent` can know: those of equality matchers that stand alone.
fn absent_labels(expr: &Expr) -> Labels {
    let selector = match unwrapped(expr) {
        Expr::VectorSelector(selector) => selector,
        Expr::MatrixSelector(matrix) => &matrix.vs,
        _ => return Labels::default(),
    };
    let all = &selector.matchers.matchers;
    let alone = |matcher: &&Matcher| {
        matcher.op == MatchOp::Equal
            && matcher.name != NAME
            && all.iter().filter(|other| other.name == matcher.name).count() == 1
    };
    Labels::new(
        all.iter()
            .filter(alone)
            .map(|matcher| (Arc::from(matcher.name.as_str()), Arc::from(matcher.value.as_str()))),
    )
}

impl Compiler<'_> {
    fn plan(&self, expr: &Expr) -> Result<Plan, QueryError> {
        Ok(match expr {
            Expr::Paren(paren) => self.plan(&paren.expr)?,
            Expr::NumberLiteral(literal) => Plan::Number(literal.val),
            Expr::Unary(unary) => Plan::Negate(Box::new(self.plan(&unary.expr)?)),
            Expr::VectorSelector(selector) => Plan::Select(Selection {
                series: matching(selector, self.recording)?,
                shift: self.shift(selector.at.as_ref(), selector.offset.as_ref()),
            }),
            Expr::Binary(binary) => self.binary(binary)?,
            Expr::Aggregate(aggregate) => self.aggregate(aggregate)?,
            Expr::Call(call) => self.call(call)?,
            Expr::StringLiteral(_) => return Err(QueryError::BadData("a string is no vector".to_owned())),
            Expr::MatrixSelector(_) | Expr::Subquery(_) => {
                return Err(QueryError::BadData("expected type instant vector, got range vector".to_owned()));
            }
            Expr::Extension(extension) => return Err(refuse(extension.expr.name())),
        })
    }

    fn shift(&self, at: Option<&AtModifier>, offset: Option<&Offset>) -> Shift {
        let at = at.map(|at| match at {
            AtModifier::Start => self.steps.start,
            AtModifier::End => self.steps.end,
            AtModifier::At(time) => match time.duration_since(SystemTime::UNIX_EPOCH) {
                Ok(after) => milliseconds(after),
                Err(before) => -milliseconds(before.duration()),
            },
        });
        let offset = match offset {
            None => 0,
            Some(Offset::Pos(duration)) => milliseconds(*duration),
            Some(Offset::Neg(duration)) => -milliseconds(*duration),
        };
        Shift { at, offset }
    }

    fn window(&self, expr: &Expr, user: &str) -> Result<Window, QueryError> {
        match unwrapped(expr) {
            Expr::MatrixSelector(matrix) => Ok(Window {
                source: Source::Series(matching(&matrix.vs, self.recording)?),
                range: milliseconds(matrix.range),
                shift: self.shift(matrix.vs.at.as_ref(), matrix.vs.offset.as_ref()),
            }),
            Expr::Subquery(SubqueryExpr { expr, offset, at, range, step }) => Ok(Window {
                source: Source::Subquery {
                    plan: Box::new(self.plan(expr)?),
                    step: step.map_or(self.settings.subquery_step, milliseconds).max(1),
                },
                range: milliseconds(*range),
                shift: self.shift(at.as_ref(), offset.as_ref()),
            }),
            _ => Err(QueryError::BadData(format!("{user} expects a range vector, e.g. x[5m]"))),
        }
    }

    fn aggregate(&self, expr: &AggregateExpr) -> Result<Plan, QueryError> {
        let operator = match expr.op.id() {
            token::T_SUM => Aggregator::Sum,
            token::T_AVG => Aggregator::Avg,
            token::T_MIN => Aggregator::Min,
            token::T_MAX => Aggregator::Max,
            token::T_COUNT => Aggregator::Count,
            token::T_GROUP => Aggregator::Group,
            token::T_STDDEV => Aggregator::Stddev,
            token::T_STDVAR => Aggregator::Stdvar,
            token::T_QUANTILE => Aggregator::Quantile,
            token::T_TOPK => Aggregator::TopK,
            token::T_BOTTOMK => Aggregator::BottomK,
            _ => return Err(refuse(&format!("the aggregation {}", expr.op))),
        };
        let grouping = match &expr.modifier {
            None => Grouping::Keep(Vec::new()),
            Some(LabelModifier::Include(labels)) => Grouping::Keep(labels.labels.clone()),
            Some(LabelModifier::Exclude(labels)) => Grouping::Drop(labels.labels.clone()),
        };
        let parameter = expr.param.as_deref().map(|parameter| self.plan(parameter)).transpose()?;
        Ok(Plan::Aggregate(Box::new(Aggregate {
            operator,
            grouping,
            vector: self.plan(&expr.expr)?,
            parameter,
        })))
    }

    fn binary(&self, expr: &BinaryExpr) -> Result<Plan, QueryError> {
        let outcome = if expr.return_bool() { Outcome::Bool } else { Outcome::Filter };
        let operator = operator(expr.op, outcome)?;
        let matching = match_labels(expr.modifier.as_ref())?;
        Ok(Plan::Binary(Box::new(Binary {
            operator,
            left: self.plan(&expr.lhs)?,
            right: self.plan(&expr.rhs)?,
            matching,
        })))
    }

    fn call(&self, call: &Call) -> Result<Plan, QueryError> {
        let name = call.func.name;
        let arguments: Vec<&Expr> = call.args.args.iter().map(|argument| &**argument).collect();
        let missing = || QueryError::BadData(format!("too few arguments in call to {name:?}"));
        let argument = |place: usize| arguments.get(place).copied().ok_or_else(missing);
        let planned = |place: usize| argument(place).and_then(|argument| self.plan(argument)).map(Box::new);
        if let Some((function, window_at)) = over_time(name) {
            let window = self.window(argument(window_at)?, name)?;
            let others = arguments.iter().enumerate().filter(|(place, _)| *place != window_at);
            let arguments = others.map(|(_, argument)| self.plan(argument)).collect::<Result<_, _>>()?;
            return Ok(Plan::OverTime { function, window, arguments });
        }
        if let Some(function) = map(name) {
            let others =
                arguments.iter().skip(1).map(|argument| self.plan(argument)).collect::<Result<_, _>>()?;
            return Ok(Plan::Map { function, vector: planned(0)?, arguments: others });
        }
        let word = |place: usize| match unwrapped(argument(place)?) {
            Expr::StringLiteral(literal) => Ok(literal.val.clone()),
            _ => Err(QueryError::BadData(format!("argument {} of {name} must be a string", place + 1))),
        };
        Ok(match name {
            "time" => Plan::Time,
            "pi" => Plan::Number(std::f64::consts::PI),
            "scalar" => Plan::Scalar(planned(0)?),
            "vector" => Plan::Vector(planned(0)?),
            "timestamp" => Plan::Timestamp(planned(0)?),
            "sort" => Plan::Sort { vector: planned(0)?, order: Order::Rising },
            "sort_desc" => Plan::Sort { vector: planned(0)?, order: Order::Falling },
            "absent" => Plan::Absent { vector: planned(0)?, labels: absent_labels(argument(0)?) },
            "absent_over_time" => {
                let window = self.window(argument(0)?, name)?;
                Plan::AbsentOverTime { window, labels: absent_labels(argument(0)?) }
            }
            "histogram_quantile" => Plan::HistogramQuantile { quantile: planned(0)?, vector: planned(1)? },
            "label_replace" => {
                let text = word(4)?;
                let wrong = |why: regex::Error| {
                    QueryError::Execution(format!(
                        "invalid regular expression in label_replace(): {text}: {why}"
                    ))
                };
                let pattern = regex::RegexBuilder::new(&format!("^(?s:{text})$"))
                    .size_limit(1 << 20)
                    .build()
                    .map_err(wrong)?;
                let (target, replacement, source) = (label_name(word(1)?)?, word(2)?, word(3)?);
                Plan::LabelReplace(Box::new(LabelReplace {
                    vector: *planned(0)?,
                    target,
                    replacement,
                    source,
                    pattern,
                }))
            }
            "label_join" => {
                let sources = (3..arguments.len()).map(word).collect::<Result<_, _>>()?;
                let (target, separator) = (label_name(word(1)?)?, word(2)?);
                Plan::LabelJoin(Box::new(LabelJoin { vector: *planned(0)?, target, separator, sources }))
            }
            _ => return Err(refuse(&format!("the function {name}()"))),
        })
    }
}

fn label_name(name: String) -> Result<String, QueryError> {
    let first = name.chars().next().is_some_and(|letter| letter.is_ascii_alphabetic() || letter == '_');
    if first && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_') {
        return Ok(name);
    }
    Err(QueryError::Execution(format!("invalid destination label name: {name}")))
}

fn operator(op: TokenType, outcome: Outcome) -> Result<Operator, QueryError> {
    let arithmetic = |operator| Operator::Arithmetic(operator);
    let compare = |comparison| Operator::Compare(comparison, outcome);
    Ok(match op.id() {
        token::T_ADD => arithmetic(Arithmetic::Add),
        token::T_SUB => arithmetic(Arithmetic::Subtract),
        token::T_MUL => arithmetic(Arithmetic::Multiply),
        token::T_DIV => arithmetic(Arithmetic::Divide),
        token::T_MOD => arithmetic(Arithmetic::Modulo),
        token::T_POW => arithmetic(Arithmetic::Power),
        token::T_ATAN2 => arithmetic(Arithmetic::Atan2),
        token::T_EQLC => compare(Comparison::Equal),
        token::T_NEQ => compare(Comparison::NotEqual),
        token::T_LSS => compare(Comparison::Less),
        token::T_LTE => compare(Comparison::LessOrEqual),
        token::T_GTR => compare(Comparison::Greater),
        token::T_GTE => compare(Comparison::GreaterOrEqual),
        token::T_LAND => Operator::Set(SetOperator::And),
        token::T_LOR => Operator::Set(SetOperator::Or),
        token::T_LUNLESS => Operator::Set(SetOperator::Unless),
        _ => return Err(refuse(&format!("the operator {op}"))),
    })
}

fn match_labels(modifier: Option<&BinModifier>) -> Result<Matching, QueryError> {
    let Some(modifier) = modifier else {
        return Ok(Matching { labels: Grouping::Drop(Vec::new()), cardinality: Cardinality::OneToOne });
    };
    if modifier.fill_values.lhs.is_some() || modifier.fill_values.rhs.is_some() {
        return Err(refuse("the modifier fill"));
    }
    let labels = match &modifier.matching {
        None => Grouping::Drop(Vec::new()),
        Some(LabelModifier::Include(labels)) => Grouping::Keep(labels.labels.clone()),
        Some(LabelModifier::Exclude(labels)) => Grouping::Drop(labels.labels.clone()),
    };
    let cardinality = match &modifier.card {
        VectorMatchCardinality::OneToOne | VectorMatchCardinality::ManyToMany => Cardinality::OneToOne,
        VectorMatchCardinality::ManyToOne(include) => Cardinality::ManyToOne(include.labels.clone()),
        VectorMatchCardinality::OneToMany(include) => Cardinality::OneToMany(include.labels.clone()),
    };
    Ok(Matching { labels, cardinality })
}

fn map(name: &str) -> Option<Map> {
    Some(match name {
        "abs" => Map::Abs,
        "ceil" => Map::Ceil,
        "floor" => Map::Floor,
        "exp" => Map::Exp,
        "sqrt" => Map::Sqrt,
        "ln" => Map::Ln,
        "log2" => Map::Log2,
        "log10" => Map::Log10,
        "sgn" => Map::Sgn,
        "deg" => Map::Deg,
        "rad" => Map::Rad,
        "round" => Map::Round,
        "clamp" => Map::Clamp,
        "clamp_min" => Map::ClampMin,
        "clamp_max" => Map::ClampMax,
        _ => return None,
    })
}

/// The function and which argument is its window.
fn over_time(name: &str) -> Option<(OverTime, usize)> {
    Some(match name {
        "rate" => (OverTime::Rate, 0),
        "increase" => (OverTime::Increase, 0),
        "delta" => (OverTime::Delta, 0),
        "irate" => (OverTime::Irate, 0),
        "idelta" => (OverTime::Idelta, 0),
        "deriv" => (OverTime::Deriv, 0),
        "predict_linear" => (OverTime::PredictLinear, 0),
        "changes" => (OverTime::Changes, 0),
        "resets" => (OverTime::Resets, 0),
        "avg_over_time" => (OverTime::Avg, 0),
        "sum_over_time" => (OverTime::Sum, 0),
        "min_over_time" => (OverTime::Min, 0),
        "max_over_time" => (OverTime::Max, 0),
        "count_over_time" => (OverTime::Count, 0),
        "last_over_time" => (OverTime::Last, 0),
        "present_over_time" => (OverTime::Present, 0),
        "stddev_over_time" => (OverTime::Stddev, 0),
        "stdvar_over_time" => (OverTime::Stdvar, 0),
        "mad_over_time" => (OverTime::Mad, 0),
        "quantile_over_time" => (OverTime::Quantile, 1),
        _ => return None,
    })
}
