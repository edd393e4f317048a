//! Network flows: a client for Hubble's Observer API, a reader of flow files, bounded aggregation with stated coverage,
//! and the tools `flows_summary` and `flow_examples`.
//!
//! ```text
//! tool ─> Backend ─┬─> Observer: Relay, an agent, or the replay Relay in process (gRPC)
//!                  └─> FlowFiles: exporter files, jsonpb, a sysdump
//! flows ─> lean records ─> turned to client -> server ─> duplicates merged ─> folded into groups ─> compact text
//! ```
//!
//! ```
//! use stethoscope_flows::{Backend, Observer, RelayOptions, tools};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), stethoscope_flows::FlowsError> {
//! let backend = Backend::relay(Observer::new(&RelayOptions::new("localhost:4245"))?);
//! assert_eq!(tools(&backend).len(), 2);
//! # Ok(())
//! # }
//! ```
//!
//! Relay's API has no call that changes anything but the recorder, which is not compiled in. Every answer says which
//! nodes it has seen, from when, what was lost and what was cut.

mod aggregate;
mod ask;
mod backend;
mod discovery;
mod error;
mod files;
mod fold;
pub mod generate;
pub mod measure;
mod options;
pub mod reason;
mod record;
mod relay;
mod scope;
mod show;
mod tools;
mod turn;

pub use backend::Backend;
pub use discovery::{CandidateService, relay_service};
pub use error::FlowsError;
pub use files::FlowFiles;
pub use options::RelayOptions;
pub use relay::Observer;
pub use tools::tools;
pub use turn::Protocol;
