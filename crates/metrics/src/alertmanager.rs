//! Alertmanager, where silences and inhibitions are known. <https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml>

use crate::client::Alert;
use crate::error::MetricsError;
use crate::transport::Transport;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A client of its API v2. Cheap to clone.
#[derive(Clone)]
pub struct Alertmanager {
    transport: Arc<dyn Transport>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Gettable {
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    #[serde(default)]
    starts_at: String,
    #[serde(default)]
    status: Status,
}

#[derive(Default, Deserialize)]
struct Status {
    #[serde(default)]
    state: String,
}

impl Alertmanager {
    /// A client over a transport whose base is Alertmanager's.
    pub fn new(transport: impl Transport + 'static) -> Self {
        Self { transport: Arc::new(transport) }
    }

    /// Alerts it holds, silenced ones too.
    ///
    /// # Errors
    /// When it is not reached, refuses, or says something that is no list of alerts.
    pub async fn alerts(&self) -> Result<Vec<Alert>, MetricsError> {
        let address = || self.transport.address().to_owned();
        let (status, body) = self.transport.get("/api/v2/alerts").await?;
        if matches!(status, 401 | 403) {
            return Err(MetricsError::Denied { address: address(), status });
        }
        if status != 200 {
            return Err(MetricsError::Unreachable {
                address: address(),
                why: format!("Alertmanager says {status}"),
            });
        }
        let alerts: Vec<Gettable> = serde_json::from_slice(&body)
            .map_err(|error| MetricsError::Protocol { address: address(), why: error.to_string() })?;
        Ok(alerts
            .into_iter()
            .map(|alert| Alert {
                labels: alert.labels,
                annotations: alert.annotations,
                state: alert.status.state,
                active_at: alert.starts_at,
            })
            .collect())
    }
}
