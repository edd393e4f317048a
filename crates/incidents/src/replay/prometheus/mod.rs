//! A bundle's metrics and alerts as the HTTP API of Prometheus.
//!
//! ```text
//! metrics.om ─> openmetrics (lenient, bounded) ─> series ─┐
//! alerts.json ────────────────────────────────────────────┴─> api ─> axum Router
//! query ─> promql (parse, plan, evaluate) ────────────────────^
//! ```
//!
//! Only what was recorded is served. A query that names no time is evaluated at the moment of the recording.
//! <https://prometheus.io/docs/prometheus/latest/querying/api/>

mod answer;
mod api;
mod openmetrics;
mod parameters;
mod promql;
mod series;

use crate::bundle::Bundle;
use api::State;
use axum::Router;
use std::sync::Arc;

/// The API as a router, for `axum::serve` or as a tower service under a client. `None` when the bundle has neither
/// `prometheus/metrics.om` nor `prometheus/alerts.json`.
pub fn router(bundle: &Bundle) -> Option<Router> {
    let now = bundle.captured_at().as_millisecond();
    let recording =
        bundle.prometheus_metrics().map(|text| openmetrics::read(text, now, &openmetrics::Bounds::default()));
    let alerts = bundle.alerts().map(|bytes| api::alerts(bytes));
    if recording.is_none() && alerts.is_none() {
        return None;
    }
    let state = State { recording: recording.unwrap_or_default(), alerts, now };
    Some(Router::new().fallback(api::serve).with_state(Arc::new(state)))
}

#[cfg(test)]
mod tests;
