//! Every detector in the smallest world that shows it, and in one that nearly does.

#![allow(clippy::unwrap_used, reason = "tests")]

mod admission;
mod blame;
mod certificates;
mod control_plane;
mod deletion;
mod gateways;
mod node_pools;
mod nodes;
mod performance;
mod pods;
mod ranking;
mod scheduled;
mod scheduling;
mod services;
mod starting;
mod storage;
mod webhooks;
mod workloads;
mod world;
