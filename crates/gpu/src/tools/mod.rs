//! The tools over a cluster's GPUs and AI workloads.

mod dra_explain;
mod health;
mod inference;
mod logs;
mod lookup;
mod overview;
mod pods;
mod queue;
mod rdma;
mod report;
mod workload;

use crate::backend::Backend;
use std::sync::Arc;
use stethoscope_core::tool::{CallContext, Tool, Typed};

/// The toolset all of them belong to.
const TOOLSET: &str = "gpu";

/// Every tool over a backend; those without anything to read say that they are missing. Only `compose` modules call this.
pub fn tools(backend: &Backend) -> Vec<Arc<dyn Tool>> {
    vec![
        Arc::new(Typed::new(overview::Overview(backend.clone()))),
        Arc::new(Typed::new(health::Health(backend.clone()))),
        Arc::new(Typed::new(lookup::Lookup(backend.clone()))),
        Arc::new(Typed::new(logs::Logs(backend.clone()))),
        Arc::new(Typed::new(dra_explain::Explain(backend.clone()))),
        Arc::new(Typed::new(queue::Queue(backend.clone()))),
        Arc::new(Typed::new(workload::Workload(backend.clone()))),
        Arc::new(Typed::new(inference::Inference(backend.clone()))),
        Arc::new(Typed::new(rdma::Rdma(backend.clone()))),
    ]
}

/// An argument that is not blank.
fn said(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}

/// The namespace an argument means: absent takes the question's, `*` means all.
fn namespace(argument: Option<&str>, context: &CallContext) -> Option<String> {
    match argument.map(str::trim) {
        None => context.namespace.clone(),
        Some("" | "*" | "all") => None,
        Some(name) => Some(name.to_owned()),
    }
}
