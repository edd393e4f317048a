//! Pods: why containers do not start, do not stay up, or are not ready.

pub(crate) mod config;
pub(crate) mod exit;
pub(crate) mod gates;
pub(crate) mod grace;
pub(crate) mod image;
pub(crate) mod init;
pub(crate) mod lifecycle;
pub(crate) mod probes;
pub(crate) mod sandbox;
pub(crate) mod volumes;
