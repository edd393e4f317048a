//! Dynamic Resource Allocation: what is there, what is asked for, and a verdict for each device. Pure.
//!
//! ```text
//! ResourceSlices -> Inventory (newest generation of each pool, counters, taints)
//! Pod -> claims -> requests (from a claim, a template, or an extended resource)
//! Inventory x request x allocations -> one Verdict a device -> why nothing fits
//! ```

pub(crate) mod claim;
pub(crate) mod inventory;
pub(crate) mod judge;
pub(crate) mod place;
