//! The `k8s_*` tools and `diagnose`.

mod access;
mod changes;
mod describe;
mod diagnose;
mod events;
mod get;
mod list;
mod logs;
mod node_logs;
mod overview;
mod related;
mod target;
mod top;

use crate::cluster::Cluster;
use std::sync::Arc;
use stethoscope_core::tool::{Tool, Typed};
use stethoscope_diagnosis::snapshot::Witness;

/// The toolset all of them belong to.
const TOOLSET: &str = "kubernetes";

/// Every tool over a cluster; `diagnose` hears the witnesses too. Only `compose` modules call this.
pub fn tools(cluster: &Cluster, witnesses: &[Arc<dyn Witness>]) -> Vec<Arc<dyn Tool>> {
    vec![
        Arc::new(Typed::new(diagnose::Diagnose { cluster: cluster.clone(), witnesses: witnesses.to_vec() })),
        Arc::new(Typed::new(access::Access(cluster.clone()))),
        Arc::new(Typed::new(changes::Changes(cluster.clone()))),
        Arc::new(Typed::new(describe::Describe(cluster.clone()))),
        Arc::new(Typed::new(events::Events(cluster.clone()))),
        Arc::new(Typed::new(get::Get(cluster.clone()))),
        Arc::new(Typed::new(list::List(cluster.clone()))),
        Arc::new(Typed::new(logs::Logs(cluster.clone()))),
        Arc::new(Typed::new(node_logs::NodeLogs(cluster.clone()))),
        Arc::new(Typed::new(overview::Overview(cluster.clone()))),
        Arc::new(Typed::new(top::Top(cluster.clone()))),
    ]
}
