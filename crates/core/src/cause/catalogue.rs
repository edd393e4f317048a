//! The entries, one file an area.

mod admission;
mod api;
mod app;
mod autoscaler;
mod certificate;
mod config;
mod container;
mod control_plane;
mod database;
mod deletion;
mod disruption_budget;
mod dns;
mod gateway;
mod image;
mod ingress;
mod job;
mod messaging;
mod namespace;
mod network;
mod node;
mod node_pool;
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
    api::ENTRIES,
    namespace::ENTRIES,
    workload::ENTRIES,
    job::ENTRIES,
    autoscaler::ENTRIES,
    disruption_budget::ENTRIES,
    service::ENTRIES,
    ingress::ENTRIES,
    gateway::ENTRIES,
    network::ENTRIES,
    dns::ENTRIES,
    database::ENTRIES,
    messaging::ENTRIES,
    app::ENTRIES,
    node::ENTRIES,
    node_pool::ENTRIES,
    control_plane::ENTRIES,
    certificate::ENTRIES,
    deletion::ENTRIES,
];
