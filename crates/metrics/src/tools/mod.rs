//! The tools over a metrics backend.

mod alerts;
pub(crate) mod anomalies;
mod query;
mod search;

use crate::backend::Backend;
use serde::{Deserialize, Deserializer};
use std::sync::Arc;
use stethoscope_core::tool::{Tool, Typed};

/// The toolset all of them belong to.
const TOOLSET: &str = "metrics";

/// Every tool over a backend. Only `compose` modules call this.
pub fn tools(backend: &Backend) -> Vec<Arc<dyn Tool>> {
    vec![
        Arc::new(Typed::new(search::Search(backend.clone()))),
        Arc::new(Typed::new(query::Query(backend.clone()))),
        Arc::new(Typed::new(anomalies::Anomalies(backend.clone()))),
        Arc::new(Typed::new(alerts::Alerts(backend.clone()))),
    ]
}

/// A number given as such or as text.
fn lenient<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Given {
        Number(u64),
        Text(String),
        Nothing(()),
    }
    match Given::deserialize(deserializer)? {
        Given::Number(number) => Ok(Some(number)),
        Given::Text(text) if text.trim().is_empty() => Ok(None),
        Given::Text(text) => text
            .trim()
            .parse()
            .map(Some)
            .map_err(|_| serde::de::Error::custom(format!("{text:?} is no number"))),
        Given::Nothing(()) => Ok(None),
    }
}

/// An argument that is not blank.
fn said(text: Option<&str>) -> Option<String> {
    text.map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// The namespace an argument means: absent takes the question's, `*` means all.
fn namespace(argument: Option<&str>, context: &stethoscope_core::tool::CallContext) -> Option<String> {
    match argument.map(str::trim) {
        None => context.namespace.clone(),
        Some("" | "*" | "all") => None,
        Some(name) => Some(name.to_owned()),
    }
}
