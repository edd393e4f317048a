//! Pools of nodes: their upgrades, their room to grow, and the addresses they hand out.

pub(crate) mod addresses;
pub(crate) mod capacity;
pub(crate) mod upgrade;
