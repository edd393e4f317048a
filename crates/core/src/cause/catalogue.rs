//! The entries, one file an area.

mod admission;
mod app;
mod autoscaler;
mod config;
mod container;
mod database;
mod disruption_budget;
mod dns;
mod image;
mod ingress;
mod job;
mod namespace;
mod network;
mod node;
mod pod;
mod probe;
mod scheduling;
mod service;
mod storage;
mod workload;

use super::Cause;

/// Every cause, by area.
pub const CATALOGUE: &[&[Cause]] = &[
    image::ENTRIES,
    config::ENTRIES,
    container::ENTRIES,
    probe::ENTRIES,
    pod::ENTRIES,
    scheduling::ENTRIES,
    storage::ENTRIES,
    admission::ENTRIES,
    namespace::ENTRIES,
    workload::ENTRIES,
    job::ENTRIES,
    autoscaler::ENTRIES,
    disruption_budget::ENTRIES,
    service::ENTRIES,
    ingress::ENTRIES,
    network::ENTRIES,
    dns::ENTRIES,
    database::ENTRIES,
    app::ENTRIES,
    node::ENTRIES,
];
