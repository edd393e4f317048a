//! Why metrics could not be read.

use std::time::Duration;
use stethoscope_core::tool::ToolError;

/// What went wrong between a tool and a metrics backend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MetricsError {
    /// The address, a header or a certificate of the configuration is wrong.
    #[error("metrics backend: {0}")]
    Configuration(String),
    /// No connection.
    #[error("can't reach {address}: {why}")]
    Unreachable {
        /// Base URL, without credentials.
        address: String,
        /// What failed.
        why: String,
    },
    /// No answer in time.
    #[error("{address} did not answer within {}s", .after.as_secs())]
    Timeout {
        /// Base URL, without credentials.
        address: String,
        /// How long was waited.
        after: Duration,
    },
    /// More bytes than allowed.
    #[error("the answer of {address} is larger than {limit} bytes")]
    TooLarge {
        /// Base URL, without credentials.
        address: String,
        /// The limit.
        limit: usize,
    },
    /// Not authenticated, or not permitted.
    #[error("{address} refuses the request ({status})")]
    Denied {
        /// Base URL, without credentials.
        address: String,
        /// 401 or 403.
        status: u16,
    },
    /// The backend refused the query, in its own words.
    #[error("{kind}: {message}")]
    Query {
        /// Prometheus' error type, e.g. `bad_data`.
        kind: String,
        /// Its message.
        message: String,
    },
    /// Something else than the API of Prometheus.
    #[error("{address} does not answer as Prometheus does: {why}")]
    Protocol {
        /// Base URL, without credentials.
        address: String,
        /// What was wrong.
        why: String,
    },
}

impl From<MetricsError> for ToolError {
    fn from(error: MetricsError) -> Self {
        let message = error.to_string();
        let unavailable =
            |hint: &str| Self::Unavailable { message: message.clone(), hint: Some(hint.to_owned()) };
        match &error {
            MetricsError::Configuration(_) => {
                unavailable("check the metrics settings with `stethoscope doctor`")
            }
            MetricsError::Unreachable { .. } => unavailable("check PROMETHEUS_URL; go on without metrics"),
            MetricsError::Protocol { .. } => unavailable("the base URL is what comes before /api/v1"),
            MetricsError::TooLarge { .. } => Self::BadArguments {
                message,
                hint: Some("ask for less: more labels, an aggregation, a shorter window".to_owned()),
            },
            MetricsError::Timeout { .. } => Self::Timeout { message },
            MetricsError::Denied { .. } => Self::Forbidden { message, rule: None },
            MetricsError::Query { kind, .. } => match kind.as_str() {
                "timeout" | "canceled" => Self::Timeout { message },
                "unavailable" | "internal" => unavailable("the backend itself fails; try a shorter window"),
                "not_found" => Self::NotFound { message, nearest: Vec::new() },
                _ => Self::BadArguments {
                    message,
                    hint: Some("metrics_search shows which metrics and labels exist".to_owned()),
                },
            },
        }
    }
}
