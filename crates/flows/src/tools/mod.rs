//! The tools over flows.

mod arguments;
mod examples;
mod rows;
mod summary;

use crate::backend::Backend;
use std::sync::Arc;
use stethoscope_core::tool::{Tool, Typed};

/// The toolset all of them belong to.
const TOOLSET: &str = "hubble";

/// Every tool over a source of flows. Only `compose` modules call this.
pub fn tools(backend: &Backend) -> Vec<Arc<dyn Tool>> {
    vec![
        Arc::new(Typed::new(summary::FlowsSummary(backend.clone()))),
        Arc::new(Typed::new(examples::FlowExamples(backend.clone()))),
    ]
}
