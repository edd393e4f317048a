//! The endpoints. GET, and POST with a form where Prometheus takes one; everything else is 405.

use super::answer::{Refused, data, metric, success};
use super::parameters::Parameters;
use super::promql::{self, Settings};
use super::series::{Recording, Series};
use axum::extract::{self, Request};
use axum::response::{IntoResponse, Response};
use http::{Method, StatusCode, header};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Bytes of a form.
const LARGEST_FORM: usize = 1 << 20;

/// What is served.
pub(super) struct State {
    pub(super) recording: Recording,
    /// `data` of the recorded answer to `/api/v1/alerts`, or why it can't be read.
    pub(super) alerts: Option<Result<Value, String>>,
    /// The moment of the recording, in milliseconds.
    pub(super) now: i64,
}

/// Reads `alerts.json`: the answer of Prometheus, its `data`, or a bare list of alerts.
pub(super) fn alerts(bytes: &[u8]) -> Result<Value, String> {
    let value: Value = serde_json::from_slice(bytes)
        .map_err(|error| format!("prometheus/alerts.json is no JSON: {error}"))?;
    let list = [value.pointer("/data/alerts"), value.get("alerts"), Some(&value)];
    match list.into_iter().flatten().find(|list| list.is_array()) {
        Some(list) => Ok(json!({"alerts": list})),
        None => Err("prometheus/alerts.json holds no list of alerts".to_owned()),
    }
}

enum Endpoint {
    Query,
    QueryRange,
    Series,
    Labels,
    LabelValues(String),
    Metadata,
    Alerts,
    BuildInfo,
    Healthy,
}

impl Endpoint {
    fn of(path: &str) -> Option<Self> {
        Some(match path {
            "/-/healthy" | "/-/ready" => Self::Healthy,
            _ => match path.strip_prefix("/api/v1/")? {
                "query" => Self::Query,
                "query_range" => Self::QueryRange,
                "series" => Self::Series,
                "labels" => Self::Labels,
                "metadata" => Self::Metadata,
                "alerts" => Self::Alerts,
                "status/buildinfo" => Self::BuildInfo,
                other => {
                    let name = other.strip_prefix("label/")?.strip_suffix("/values")?;
                    // The path is percent-encoded like a form, but for the plus sign.
                    let escaped = name.replace('+', "%2B");
                    let (name, _) = form_urlencoded::parse(escaped.as_bytes()).next()?;
                    Self::LabelValues(name.into_owned())
                }
            },
        })
    }

    /// Long queries may come as forms.
    fn takes_forms(&self) -> bool {
        matches!(self, Self::Query | Self::QueryRange | Self::Series | Self::Labels)
    }
}

/// Answers any request.
pub(super) async fn serve(extract::State(state): extract::State<Arc<State>>, request: Request) -> Response {
    match answer(state, request).await {
        Ok(response) => response,
        Err(refused) => refused.into_response(),
    }
}

async fn answer(state: Arc<State>, request: Request) -> Result<Response, Refused> {
    let path = request.uri().path();
    let endpoint = Endpoint::of(path)
        .ok_or_else(|| Refused::not_found(format!("{path} is not served: it is no part of a recording")))?;
    let form = match *request.method() {
        Method::GET | Method::HEAD => false,
        Method::POST if endpoint.takes_forms() => true,
        _ => {
            let allow = if endpoint.takes_forms() { "GET, HEAD, POST" } else { "GET, HEAD" };
            return Ok((StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, allow)], "Method Not Allowed\n")
                .into_response());
        }
    };
    let query = request.uri().query().unwrap_or_default().to_owned();
    let body = if form {
        axum::body::to_bytes(request.into_body(), LARGEST_FORM)
            .await
            .map_err(|error| Refused::bad_data(format!("the form can't be read: {error}")))?
    } else {
        bytes::Bytes::new()
    };
    let parameters = Parameters::new(&query, &body);
    // Evaluation is work without waiting: it must not hold up other requests of the same thread.
    tokio::task::spawn_blocking(move || respond(&state, &endpoint, &parameters)).await.map_err(|error| {
        Refused {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            kind: "internal",
            message: format!("the evaluation stopped: {error}"),
        }
    })?
}

fn respond(state: &State, endpoint: &Endpoint, parameters: &Parameters) -> Result<Response, Refused> {
    let recording = &state.recording;
    let bad = Refused::bad_data::<String>;
    let no_query = || Refused::bad_data("invalid parameter \"query\": no query given");
    let data = match endpoint {
        Endpoint::Healthy => return Ok("Prometheus Server is Healthy.\n".into_response()),
        Endpoint::Query => {
            let query = parameters.get("query").ok_or_else(no_query)?;
            let at = parameters.moment("time").map_err(bad)?.unwrap_or(state.now);
            data(promql::instant(recording, query, at, &Settings::default())?, at)
        }
        Endpoint::QueryRange => {
            let query = parameters.get("query").ok_or_else(no_query)?;
            let steps = parameters.steps().map_err(bad)?;
            data(promql::range(recording, query, &steps, &Settings::default())?, steps.end)
        }
        Endpoint::Series => {
            if parameters.all("match[]").next().is_none() {
                return Err(Refused::bad_data("no match[] parameter provided"));
            }
            let limit = parameters.limit().map_err(bad)?;
            chosen(state, parameters)?.into_iter().take(limit).map(|series| metric(&series.labels)).collect()
        }
        Endpoint::Labels => {
            let names = Recording::label_names(chosen(state, parameters)?.into_iter());
            limited(names, parameters)?
        }
        Endpoint::LabelValues(name) => {
            let values = Recording::label_values(chosen(state, parameters)?.into_iter(), name);
            limited(values, parameters)?
        }
        Endpoint::Metadata => {
            let limit = parameters.limit().map_err(bad)?;
            let wanted = parameters.get("metric");
            let families =
                recording.metadata.iter().filter(|(name, _)| wanted.is_none_or(|wanted| wanted == *name));
            let shown = families.take(limit).map(|(name, known)| {
                let kind = if known.kind.is_empty() { "unknown" } else { &known.kind };
                (name.clone(), json!([{"type": kind, "help": known.help, "unit": known.unit}]))
            });
            Value::Object(shown.collect::<Map<_, _>>())
        }
        Endpoint::Alerts => match &state.alerts {
            Some(Ok(alerts)) => alerts.clone(),
            Some(Err(why)) => return Err(Refused::not_found(why.clone())),
            None => {
                return Err(Refused::not_found(
                    "alerts were not recorded: the bundle has no prometheus/alerts.json",
                ));
            }
        },
        // The version says whose semantics hold; Grafana and others read it.
        Endpoint::BuildInfo => json!({"version": "3.0.0-replay", "revision": "", "branch": "",
            "buildUser": concat!("stethoscope ", env!("CARGO_PKG_VERSION")), "buildDate": "", "goVersion": ""}),
    };
    Ok(success(data, &recording.problems))
}

fn limited(words: BTreeSet<&str>, parameters: &Parameters) -> Result<Value, Refused> {
    let limit = parameters.limit().map_err(Refused::bad_data)?;
    Ok(words.into_iter().take(limit).map(Value::from).collect())
}

/// Series that any `match[]` selects (all of them where there is none) and that have a sample between `start` and `end`.
fn chosen<'a>(state: &'a State, parameters: &Parameters) -> Result<Vec<&'a Series>, Refused> {
    let start = parameters.moment("start").map_err(Refused::bad_data)?.unwrap_or(i64::MIN);
    let end = parameters.moment("end").map_err(Refused::bad_data)?.unwrap_or(i64::MAX);
    let all = &state.recording.series;
    let mut places = BTreeSet::new();
    let mut given = false;
    for selector in parameters.all("match[]") {
        given = true;
        places.extend(promql::select(&state.recording, selector)?);
    }
    if !given {
        places.extend(0..all.len());
    }
    let series = places.into_iter().filter_map(|place| all.get(place));
    Ok(series.filter(|series| !series.between(start, end).is_empty()).collect())
}
