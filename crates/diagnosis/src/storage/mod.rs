//! Claims and volumes.

pub(crate) mod claims;
pub(crate) mod zones;
