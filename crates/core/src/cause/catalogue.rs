//! The entries, one file an area.

use super::Cause;

/// Every cause, by area.
pub const CATALOGUE: &[&[Cause]] = &[];
