//! Three-valued answers: what is not known must never look like a denial or an allowance.

/// Whether something matches. Ordered so that "and" is the smaller and "or" the greater (Kleene's logic).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Match {
    /// It does not.
    No,
    /// It depends on something that is not known.
    Maybe,
    /// It does.
    Yes,
}

impl Match {
    pub(crate) fn of(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }

    pub(crate) fn not(self) -> Self {
        match self {
            Self::No => Self::Yes,
            Self::Maybe => Self::Maybe,
            Self::Yes => Self::No,
        }
    }
}

/// The best of several; no candidates match nothing.
pub(crate) fn any(candidates: impl IntoIterator<Item = Match>) -> Match {
    let mut best = Match::No;
    for candidate in candidates {
        best = best.max(candidate);
        if best == Match::Yes {
            break;
        }
    }
    best
}

/// The worst of several; no conditions always hold.
pub(crate) fn all(conditions: impl IntoIterator<Item = Match>) -> Match {
    let mut worst = Match::Yes;
    for condition in conditions {
        worst = worst.min(condition);
        if worst == Match::No {
            break;
        }
    }
    worst
}
