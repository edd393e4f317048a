//! Claims and volumes.

pub(crate) mod claims;
