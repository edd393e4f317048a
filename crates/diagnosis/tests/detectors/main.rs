//! Every detector in the smallest world that shows it, and in one that nearly does.

#![allow(clippy::unwrap_used, reason = "tests")]

mod admission;
mod nodes;
mod pods;
mod ranking;
mod scheduling;
mod services;
mod storage;
mod workloads;
mod world;
