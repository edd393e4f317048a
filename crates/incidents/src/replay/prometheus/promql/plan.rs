//! A query with its selectors resolved and everything that is not covered refused.

use super::super::series::Labels;

/// A vector or a scalar to be computed.
#[derive(Clone, Debug)]
pub(super) enum Plan {
    Number(f64),
    Time,
    Select(Selection),
    Negate(Box<Plan>),
    Binary(Box<Binary>),
    Aggregate(Box<Aggregate>),
    /// A function of each element.
    Map {
        function: Map,
        vector: Box<Plan>,
        arguments: Vec<Plan>,
    },
    OverTime {
        function: OverTime,
        window: Window,
        arguments: Vec<Plan>,
    },
    HistogramQuantile {
        quantile: Box<Plan>,
        vector: Box<Plan>,
    },
    Scalar(Box<Plan>),
    Vector(Box<Plan>),
    Absent {
        vector: Box<Plan>,
        labels: Labels,
    },
    AbsentOverTime {
        window: Window,
        labels: Labels,
    },
    Timestamp(Box<Plan>),
    Sort {
        vector: Box<Plan>,
        order: Order,
    },
    LabelReplace(Box<LabelReplace>),
    LabelJoin(Box<LabelJoin>),
}

/// Series by their place, and which moment is meant.
#[derive(Clone, Debug)]
pub(super) struct Selection {
    pub(super) series: Vec<usize>,
    pub(super) shift: Shift,
}

/// `@` and `offset`, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Shift {
    pub(super) at: Option<i64>,
    pub(super) offset: i64,
}

impl Shift {
    /// The moment that is meant at `now`.
    pub(super) fn moment(self, now: i64) -> i64 {
        self.at.unwrap_or(now).saturating_sub(self.offset)
    }
}

/// A range vector.
#[derive(Clone, Debug)]
pub(super) struct Window {
    pub(super) source: Source,
    /// Milliseconds.
    pub(super) range: i64,
    pub(super) shift: Shift,
}

/// Where a window's samples come from.
#[derive(Clone, Debug)]
pub(super) enum Source {
    Series(Vec<usize>),
    Subquery { plan: Box<Plan>, step: i64 },
}

#[derive(Clone, Debug)]
pub(super) struct Binary {
    pub(super) operator: Operator,
    pub(super) left: Plan,
    pub(super) right: Plan,
    pub(super) matching: Matching,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Arithmetic(Arithmetic),
    Compare(Comparison, Outcome),
    Set(SetOperator),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Power,
    Atan2,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Whether a comparison filters or, with `bool`, gives 0 or 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Filter,
    Bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SetOperator {
    And,
    Or,
    Unless,
}

/// `on`, `ignoring`, `group_left`, `group_right`.
#[derive(Clone, Debug)]
pub(super) struct Matching {
    pub(super) labels: Grouping,
    pub(super) cardinality: Cardinality,
}

/// Labels to keep or to leave out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Grouping {
    /// `on` and `by`.
    Keep(Vec<String>),
    /// `ignoring` and `without`.
    Drop(Vec<String>),
}

/// Which side may have many elements for one of the other, and the labels it takes from there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cardinality {
    OneToOne,
    ManyToOne(Vec<String>),
    OneToMany(Vec<String>),
}

#[derive(Clone, Debug)]
pub(super) struct Aggregate {
    pub(super) operator: Aggregator,
    pub(super) grouping: Grouping,
    pub(super) vector: Plan,
    pub(super) parameter: Option<Plan>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aggregator {
    Sum,
    Avg,
    Min,
    Max,
    Count,
    Group,
    Stddev,
    Stdvar,
    Quantile,
    TopK,
    BottomK,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Rising,
    Falling,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Map {
    Abs,
    Ceil,
    Floor,
    Exp,
    Sqrt,
    Ln,
    Log2,
    Log10,
    Sgn,
    Deg,
    Rad,
    Round,
    Clamp,
    ClampMin,
    ClampMax,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OverTime {
    Rate,
    Increase,
    Delta,
    Irate,
    Idelta,
    Deriv,
    PredictLinear,
    Changes,
    Resets,
    Avg,
    Sum,
    Min,
    Max,
    Count,
    Last,
    Present,
    Stddev,
    Stdvar,
    Mad,
    Quantile,
}

#[derive(Clone, Debug)]
pub(super) struct LabelReplace {
    pub(super) vector: Plan,
    pub(super) target: String,
    pub(super) replacement: String,
    pub(super) source: String,
    pub(super) pattern: regex::Regex,
}

#[derive(Clone, Debug)]
pub(super) struct LabelJoin {
    pub(super) vector: Plan,
    pub(super) target: String,
    pub(super) separator: String,
    pub(super) sources: Vec<String>,
}
