//! The messages.

pub(crate) mod agent;
pub(crate) mod filter;
pub(crate) mod flow;
pub(crate) mod layer4;
pub(crate) mod layer7;
pub(crate) mod observer;
pub(crate) mod party;
