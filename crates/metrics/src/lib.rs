//! Metrics: a client of Prometheus and of what speaks its API (Thanos, Mimir, VictoriaMetrics), change-point
//! detection, and the tools `metrics_search`, `metrics_query`, `metrics_anomalies` and `alerts`.
//!
//! ```text
//! tool ─> Backend ─> Prometheus (typed, GET only) ─> Transport ─┬─> HttpTransport: the network (reqwest)
//!                                                              └─> ServiceTransport: a router in process (replay)
//! samples ─> series ─> summary and change points ─> compact text
//! ```
//!
//! ```
//! use stethoscope_metrics::{Backend, HttpOptions, HttpTransport, Prometheus, tools};
//!
//! let transport = HttpTransport::new(&HttpOptions::new("http://127.0.0.1:9090"))?;
//! let backend = Backend::new(Prometheus::new(transport));
//! assert_eq!(tools(&backend).len(), 4);
//! # Ok::<(), stethoscope_metrics::MetricsError>(())
//! ```
//!
//! Only GET requests are made. Answers are bounded in bytes, series and samples; what was cut is said.

mod alertmanager;
mod backend;
mod change;
mod client;
mod discovery;
mod error;
mod meaning;
mod reader;
mod scope;
mod series;
mod show;
mod summary;
mod tools;
mod transport;
mod witness;

pub use alertmanager::Alertmanager;
pub use backend::Backend;
pub use change::{ChangePoint, Direction, change_points};
pub use client::{Alert, MetricMetadata, Prometheus};
pub use discovery::{CandidateService, MetricsService, prometheus_service};
pub use error::MetricsError;
pub use meaning::{Meaning, Signal, meaning};
pub use series::{Sample, Series};
pub use summary::{Summary, Trend, summarize};
pub use tools::tools;
pub use transport::{HttpOptions, HttpTransport, ServiceTransport, Transport};
