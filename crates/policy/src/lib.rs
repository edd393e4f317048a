//! Network policies of Kubernetes and Cilium as a pure engine: who may talk to whom, which rule says so, which rule
//! came closest, and what the smallest change would be.
//!
//! ```text
//! JSON objects -> parse -> Policy (one form for six kinds, with Problems) -> Engine (index) -> decide, explain
//!                                                                                           -> suggest -> Change
//!                                                         observed traffic -> prove (patch, read again, ask again)
//! ```
//!
//! It reasons from policies, labels and settings alone: it reads no connection table and sends no packet. What it is not
//! told is [`Outcome::Unknown`], never a guess. Host policies (of nodes) are named and not judged.
//!
//! ```
//! use serde_json::json;
//! use std::sync::Arc;
//! use stethoscope_policy::{Engine, Outcome, Peer, Pod, Policy, Settings, Surroundings, Traffic, Transport};
//!
//! let policy = Policy::parse(&json!({
//!     "apiVersion": "networking.k8s.io/v1",
//!     "kind": "NetworkPolicy",
//!     "metadata": { "name": "callers", "namespace": "shop" },
//!     "spec": { "podSelector": {}, "ingress": [{ "ports": [{ "port": 80 }] }] },
//! }))?;
//! let engine = Engine::new([Arc::new(policy)], Surroundings::default(), Settings::default());
//! let pod = |name: &str| {
//!     Arc::new(Peer::Pod(Pod { namespace: "shop".into(), name: name.into(), ..Pod::default() }))
//! };
//! let ask = |port| Traffic {
//!     source: pod("front"),
//!     destination: pod("back"),
//!     transport: Transport::tcp(port),
//!     request: None,
//! };
//! assert_eq!(engine.decide(&ask(80)), Outcome::Allowed);
//! assert_eq!(
//!     engine.explain(&ask(8080)).ingress.nearest[0].to_string(),
//!     "NetworkPolicy shop/callers spec.ingress[0]: port 8080/TCP is not in the ports of the rule (80/TCP)"
//! );
//! # Ok::<(), stethoscope_policy::PolicyError>(())
//! ```

mod certainty;
mod engine;
mod error;
mod explain;
mod fix;
mod model;
mod parse;
mod peer;
mod selector;
mod traffic;

pub use engine::{
    Audit, CidrNodes, Enforcement, Engine, LocalHost, Outcome, Plugin, Service, ServicePort, Settings,
    Surroundings,
};
pub use error::PolicyError;
pub use explain::{Decision, End, Gap, Listed, NearMiss, RuleRef, SideVerdict, Verdict};
pub use fix::{Change, ChangeError, Edit, EditKind, Obstacle, Pair, PatchOp, Proof, Suggestion, Suggestions};
pub use model::{Action, Direction, Kind, Policy, Problem, ProblemKind, Tier};
pub use peer::{Known, Labels, NamedPort, Node, Peer, Pod, Reserved, World};
pub use traffic::{Family, Fate, Observed, Protocol, Request, Traffic, Transport};
