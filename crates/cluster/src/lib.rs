//! The only door to a kube-apiserver.
//!
//! ```text
//! tools, snapshot, probe
//!        |
//!    Cluster: discovery cache, lists page by page, one object, logs; every object sealed
//!        |
//!      Api: pace -> timeout -> retries of reads -> size caps -> failures named
//!        |
//!    kube::Client
//!        |
//!     Guard: GET, HEAD and self-reviews only (invariant 1)
//!        |
//!    transport: TLS and credentials of the kubeconfig, or a service in this process (replay)
//! ```

mod api;
mod cluster;
mod connect;
mod discovery;
mod error;
mod fold;
pub mod guard;
mod list;
mod object;
mod permissions;
mod probe;
mod proxy;
mod query;
mod rbac;
mod reader;
mod seal;
mod show;
mod snapshot;
mod tools;
mod workload;

pub use api::Traffic;
pub use cluster::Cluster;
pub use connect::{ConnectOptions, Identity, InCluster};
pub use error::ClusterError;
pub use permissions::Permissions;
pub use probe::{Check, CheckState};
pub use seal::Sealer;
pub use snapshot::{Beside, Logs, SnapshotRequest};
pub use tools::tools;
