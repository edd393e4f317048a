//! Which backends there are.

use crate::alertmanager::Alertmanager;
use crate::client::Prometheus;
use stethoscope_core::tool::{Availability, ToolError};

/// The backends of the tools. Cheap to clone.
#[derive(Clone, Default)]
pub struct Backend {
    prometheus: Option<Prometheus>,
    alertmanager: Option<Alertmanager>,
    why_missing: Option<String>,
}

impl Backend {
    /// Prometheus, or what speaks its API.
    pub fn new(prometheus: Prometheus) -> Self {
        Self { prometheus: Some(prometheus), ..Self::default() }
    }

    /// None, with the reason and what to do, which `doctor` shows.
    pub fn missing(why: impl Into<String>) -> Self {
        Self { why_missing: Some(why.into()), ..Self::default() }
    }

    /// Adds Alertmanager.
    #[must_use]
    pub fn with_alertmanager(self, alertmanager: Alertmanager) -> Self {
        Self { alertmanager: Some(alertmanager), ..self }
    }

    /// Whether there is a Prometheus to ask.
    pub fn is_there(&self) -> bool {
        self.prometheus.is_some()
    }

    pub(crate) fn alertmanager(&self) -> Option<&Alertmanager> {
        self.alertmanager.as_ref()
    }

    pub(crate) fn prometheus_if_any(&self) -> Option<&Prometheus> {
        self.prometheus.as_ref()
    }

    pub(crate) fn prometheus(&self) -> Result<&Prometheus, ToolError> {
        self.prometheus.as_ref().ok_or_else(|| ToolError::Unavailable {
            message: self.reason(),
            hint: Some("go on without metrics".to_owned()),
        })
    }

    pub(crate) fn reason(&self) -> String {
        self.why_missing
            .clone()
            .unwrap_or_else(|| "no Prometheus is configured; set PROMETHEUS_URL or [metrics] url".to_owned())
    }

    pub(crate) fn metrics_available(&self) -> Availability {
        if self.prometheus.is_some() { Availability::Available } else { Availability::Missing(self.reason()) }
    }

    pub(crate) fn alerts_available(&self) -> Availability {
        if self.alertmanager.is_some() { Availability::Available } else { self.metrics_available() }
    }
}
