//! Recorded clusters: reading an incident bundle, and serving it as a real Kubernetes API.
//!
//! ```text
//! directory | .tar | .tar.gz | .tar.zst
//!      └─> source (guarded against hostile archives) ─> layout ─> objects, logs, incident ─> Bundle
//! Bundle ─> Replay (indexed once) ─> axum Router ─> kube::Client in process, or a socket for kubectl
//! ```
//!
//! ```
//! use std::sync::Arc;
//! use stethoscope_incidents::{Bundle, replay::Replay};
//!
//! let pods = r#"{"kind": "PodList", "apiVersion": "v1", "items": [{"metadata": {"name": "web", "namespace": "shop"}}]}"#;
//! let bundle = Bundle::from_files("example", [("cluster-resources/pods/shop.json", pods)])?;
//! assert_eq!(bundle.objects()[0].kind, "Pod");
//! let _router: axum::Router = Replay::new(Arc::new(bundle)).router();
//! # Ok::<(), stethoscope_incidents::BundleError>(())
//! ```
//!
//! A live and a replayed question run the very same client code, so the server here speaks the protocol of
//! kube-apiserver: discovery, tables, selectors, paging, logs, reviews; every write is refused. What was not recorded
//! is said to be unknown, never made up.

pub mod bundle;
mod error;
pub mod replay;

pub use bundle::{Bundle, Expect, Incident, Layout, OpenLimits};
pub use error::{BundleError, Refusal};
