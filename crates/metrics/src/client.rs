//! The HTTP API of Prometheus, typed. <https://prometheus.io/docs/prometheus/latest/querying/api/>

use crate::error::MetricsError;
use crate::series::{NAME, Sample, Series};
use crate::transport::Transport;
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A client. Cheap to clone.
#[derive(Clone)]
pub struct Prometheus {
    transport: Arc<dyn Transport>,
}

/// What is known of a metric.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricMetadata {
    /// `counter`, `gauge`, `histogram`, `summary`, `unknown`.
    #[serde(default, rename = "type")]
    pub kind: String,
    /// Its help text.
    #[serde(default)]
    pub help: String,
    /// Its unit; mostly empty.
    #[serde(default)]
    pub unit: String,
}

/// An alert, of Prometheus or Alertmanager.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// Labels, `alertname` among them.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Annotations, e.g. `summary`, `description`.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    /// `firing` or `pending`; of Alertmanager `active`, `suppressed`, `unprocessed`.
    #[serde(default)]
    pub state: String,
    /// Since when, as the backend writes it.
    #[serde(default, rename = "activeAt")]
    pub active_at: String,
}

/// What a query gave, and what the backend warned of.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Answer {
    pub(crate) series: Vec<Series>,
    pub(crate) warnings: Vec<String>,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(default)]
    status: String,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(default, rename = "errorType")]
    error_type: String,
    #[serde(default)]
    error: String,
    #[serde(default)]
    warnings: Vec<String>,
}

#[derive(Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
enum QueryResult {
    Vector(Vec<Element>),
    Matrix(Vec<Element>),
    Scalar(Pair),
    String((f64, String)),
}

#[derive(Deserialize)]
struct Element {
    #[serde(default)]
    metric: BTreeMap<String, String>,
    #[serde(default)]
    value: Option<Pair>,
    #[serde(default)]
    values: Vec<Pair>,
}

#[derive(Deserialize)]
struct Pair(f64, String);

impl Pair {
    fn sample(&self) -> Sample {
        let value = match self.1.as_str() {
            "+Inf" => f64::INFINITY,
            "-Inf" => f64::NEG_INFINITY,
            text => text.parse().unwrap_or(f64::NAN),
        };
        Sample { at: (self.0 * 1000.0).round() as i64, value }
    }
}

/// `a=1&b=2`, encoded.
pub(crate) fn query_string(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// Milliseconds as the seconds of the API.
pub(crate) fn seconds(milliseconds: i64) -> String {
    format!("{}.{:03}", milliseconds.div_euclid(1000), milliseconds.rem_euclid(1000))
}

impl Prometheus {
    /// A client over a transport.
    pub fn new(transport: impl Transport + 'static) -> Self {
        Self { transport: Arc::new(transport) }
    }

    /// Where it leads, for messages; without credentials.
    pub fn address(&self) -> &str {
        self.transport.address()
    }

    /// Evaluates at one moment (milliseconds). A range selector such as `up[5m]` gives raw samples.
    ///
    /// # Errors
    /// When the backend is not reached, refuses the query, or says something that is no answer.
    pub async fn query(&self, promql: &str, at: i64) -> Result<Vec<Series>, MetricsError> {
        Ok(self.instant(promql, at).await?.series)
    }

    /// Evaluates from `start` to `end` every `step` (milliseconds).
    ///
    /// # Errors
    /// As [`Prometheus::query`].
    pub async fn query_range(
        &self,
        promql: &str,
        start: i64,
        end: i64,
        step: i64,
    ) -> Result<Vec<Series>, MetricsError> {
        Ok(self.range(promql, start, end, step).await?.series)
    }

    pub(crate) async fn instant(&self, promql: &str, at: i64) -> Result<Answer, MetricsError> {
        let query = query_string(&[("query", promql), ("time", &seconds(at))]);
        self.evaluated(&format!("/api/v1/query?{query}")).await
    }

    pub(crate) async fn range(
        &self,
        promql: &str,
        start: i64,
        end: i64,
        step: i64,
    ) -> Result<Answer, MetricsError> {
        let (start, end, step) = (seconds(start), seconds(end), seconds(step));
        let query = query_string(&[("query", promql), ("start", &start), ("end", &end), ("step", &step)]);
        self.evaluated(&format!("/api/v1/query_range?{query}")).await
    }

    /// Label sets of the series that a selector matches, at most `limit` of them.
    ///
    /// # Errors
    /// As [`Prometheus::query`].
    pub async fn series(
        &self,
        selector: &str,
        start: i64,
        end: i64,
        limit: usize,
    ) -> Result<Vec<BTreeMap<String, String>>, MetricsError> {
        let (start, end, limit_text) = (seconds(start), seconds(end), limit.to_string());
        let query =
            query_string(&[("match[]", selector), ("start", &start), ("end", &end), ("limit", &limit_text)]);
        let mut found: Vec<BTreeMap<String, String>> = self.data(&format!("/api/v1/series?{query}")).await?;
        // Older servers do not know `limit`.
        found.truncate(limit);
        Ok(found)
    }

    /// Names of labels.
    ///
    /// # Errors
    /// As [`Prometheus::query`].
    pub async fn label_names(&self, start: i64, end: i64) -> Result<Vec<String>, MetricsError> {
        let (start, end) = (seconds(start), seconds(end));
        self.data(&format!("/api/v1/labels?{}", query_string(&[("start", &start), ("end", &end)]))).await
    }

    /// Names of metrics.
    ///
    /// # Errors
    /// As [`Prometheus::query`].
    pub async fn metric_names(&self, start: i64, end: i64) -> Result<Vec<String>, MetricsError> {
        let (start, end) = (seconds(start), seconds(end));
        let query = query_string(&[("start", &start), ("end", &end)]);
        self.data(&format!("/api/v1/label/{NAME}/values?{query}")).await
    }

    /// Type, help and unit by metric. Some backends have none.
    ///
    /// # Errors
    /// As [`Prometheus::query`].
    pub async fn metadata(&self) -> Result<BTreeMap<String, MetricMetadata>, MetricsError> {
        let all: BTreeMap<String, Vec<MetricMetadata>> =
            self.data("/api/v1/metadata?limit_per_metric=1").await?;
        Ok(all.into_iter().filter_map(|(name, entries)| Some((name, entries.into_iter().next()?))).collect())
    }

    /// Firing and pending alerts.
    ///
    /// # Errors
    /// As [`Prometheus::query`].
    pub async fn alerts(&self) -> Result<Vec<Alert>, MetricsError> {
        #[derive(Deserialize)]
        struct Data {
            #[serde(default)]
            alerts: Vec<Alert>,
        }
        Ok(self.data::<Data>("/api/v1/alerts").await?.alerts)
    }

    /// The backend's version, for `doctor`.
    ///
    /// # Errors
    /// As [`Prometheus::query`].
    pub async fn version(&self) -> Result<String, MetricsError> {
        #[derive(Deserialize)]
        struct Data {
            version: String,
        }
        Ok(self.data::<Data>("/api/v1/status/buildinfo").await?.version)
    }

    async fn evaluated(&self, path: &str) -> Result<Answer, MetricsError> {
        let (result, warnings) = self.enveloped::<QueryResult>(path).await?;
        let series = match result {
            QueryResult::Vector(elements) | QueryResult::Matrix(elements) => elements
                .into_iter()
                .map(|element| Series {
                    samples: element.value.iter().chain(&element.values).map(Pair::sample).collect(),
                    labels: element.metric,
                })
                .collect(),
            QueryResult::Scalar(pair) => {
                vec![Series { labels: BTreeMap::new(), samples: vec![pair.sample()] }]
            }
            QueryResult::String((_, text)) => {
                return Err(MetricsError::Query {
                    kind: "bad_data".to_owned(),
                    message: format!("the query is a text, {text:?}"),
                });
            }
        };
        Ok(Answer { series, warnings })
    }

    async fn data<T: DeserializeOwned>(&self, path: &str) -> Result<T, MetricsError> {
        Ok(self.enveloped(path).await?.0)
    }

    async fn enveloped<T: DeserializeOwned>(&self, path: &str) -> Result<(T, Vec<String>), MetricsError> {
        let (status, body) = self.transport.get(path).await?;
        open(self.address(), status, &body)
    }
}

/// Reads the envelope of an answer.
fn open<T: DeserializeOwned>(
    address: &str,
    status: u16,
    body: &Bytes,
) -> Result<(T, Vec<String>), MetricsError> {
    let address = || address.to_owned();
    if matches!(status, 401 | 403) {
        return Err(MetricsError::Denied { address: address(), status });
    }
    let protocol = |why: String| MetricsError::Protocol { address: address(), why };
    let envelope: Envelope<'_> = match serde_json::from_slice(body) {
        Ok(envelope) => envelope,
        Err(_) if matches!(status, 502..=504) => {
            return Err(MetricsError::Unreachable {
                address: address(),
                why: format!("a proxy before it says {status}"),
            });
        }
        Err(error) => return Err(protocol(format!("status {status}, {error}"))),
    };
    match (envelope.status.as_str(), envelope.data) {
        ("success", Some(data)) => {
            let value = serde_json::from_str(data.get()).map_err(|error| protocol(error.to_string()))?;
            Ok((value, envelope.warnings))
        }
        ("error", _) => Err(MetricsError::Query { kind: envelope.error_type, message: envelope.error }),
        _ => Err(protocol(format!("status {status} without a result"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    fn opened(status: u16, body: &str) -> Result<Vec<String>, MetricsError> {
        open("prom", status, &Bytes::from(body.to_owned())).map(|(value, _)| value)
    }

    #[test]
    fn every_kind_of_answer_becomes_a_value_or_a_typed_error() {
        let address = || "prom".to_owned();
        assert_eq!(opened(200, r#"{"status":"success","data":["a"]}"#), Ok(vec!["a".to_owned()]));
        assert_eq!(opened(401, "no"), Err(MetricsError::Denied { address: address(), status: 401 }));
        let refused = MetricsError::Query { kind: "bad_data".to_owned(), message: "parse error".to_owned() };
        assert_eq!(
            opened(400, r#"{"status":"error","errorType":"bad_data","error":"parse error"}"#),
            Err(refused)
        );
        let proxy =
            MetricsError::Unreachable { address: address(), why: "a proxy before it says 502".to_owned() };
        assert_eq!(opened(502, "<html>"), Err(proxy));
        assert!(matches!(opened(200, "<html>"), Err(MetricsError::Protocol { .. })));
        assert!(matches!(
            opened(200, r#"{"status":"success","data":{}}"#),
            Err(MetricsError::Protocol { .. })
        ));
        assert!(matches!(opened(200, "{}"), Err(MetricsError::Protocol { .. })));
    }

    #[test]
    fn times_are_written_in_seconds_with_milliseconds() {
        assert_eq!([seconds(1_500), seconds(0), seconds(-1_500)], ["1.500", "0.000", "-2.500"]);
    }
}
