//! Answers as Prometheus writes them.

use super::promql::{Answer, QueryError};
use super::series::{Labels, Point};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde_json::{Map, Value, json};

/// A refusal, with Prometheus' type and status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) status: StatusCode,
    pub(super) kind: &'static str,
    pub(super) message: String,
}

impl Refused {
    pub(super) fn bad_data<T: Into<String>>(message: T) -> Self {
        Self { status: StatusCode::BAD_REQUEST, kind: "bad_data", message: message.into() }
    }

    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self { status: StatusCode::NOT_FOUND, kind: "not_found", message: message.into() }
    }
}

impl From<QueryError> for Refused {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::BadData(message) => Self::bad_data(message),
            QueryError::Execution(message) => {
                Self { status: StatusCode::UNPROCESSABLE_ENTITY, kind: "execution", message }
            }
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        body(self.status, &json!({"status": "error", "errorType": self.kind, "error": self.message}))
    }
}

/// The envelope of a success; `problems` are told as warnings, which clients show.
pub(super) fn success(data: Value, problems: &[String]) -> Response {
    let mut envelope = Map::new();
    envelope.insert("status".to_owned(), "success".into());
    envelope.insert("data".to_owned(), data);
    if !problems.is_empty() {
        envelope.insert("warnings".to_owned(), problems.into());
    }
    body(StatusCode::OK, &Value::Object(envelope))
}

fn body(status: StatusCode, value: &Value) -> Response {
    (status, [(CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}

/// `data` of a query evaluated at `at`.
pub(super) fn data(answer: Answer, at: i64) -> Value {
    let (kind, result) = match answer {
        Answer::Scalar(value) => ("scalar", pair(Point { at, value })),
        Answer::Text(text) => ("string", json!([seconds(at), text])),
        Answer::Vector(samples) => {
            let elements = samples.into_iter().map(|sample| {
                json!({"metric": metric(&sample.labels), "value": pair(Point { at, value: sample.value })})
            });
            ("vector", elements.collect())
        }
        Answer::Matrix(series) => {
            let elements = series.into_iter().map(|(labels, points)| {
                json!({"metric": metric(&labels), "values": points.into_iter().map(pair).collect::<Value>()})
            });
            ("matrix", elements.collect())
        }
    };
    json!({"resultType": kind, "result": result})
}

/// Labels as an object, the metric's name among them.
pub(super) fn metric(labels: &Labels) -> Value {
    labels.iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect::<Map<_, _>>().into()
}

fn pair(point: Point) -> Value {
    json!([seconds(point.at), number(point.value)])
}

/// Whole seconds as an integer, else with up to three decimals.
fn seconds(milliseconds: i64) -> Value {
    if milliseconds % 1000 == 0 {
        (milliseconds / 1000).into()
    } else {
        (milliseconds as f64 / 1000.0).into()
    }
}

/// Go's `FormatFloat(value, 'f', -1, 64)`.
fn number(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf".to_owned() } else { "-Inf".to_owned() }
    } else {
        value.to_string()
    }
}
