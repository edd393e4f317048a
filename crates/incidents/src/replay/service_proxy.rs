//! `services/proxy`: the recorded metrics, behind a Service of the recording and one of its ports.

use super::route::Answer;
use super::status::Failure;
use super::store::{Resource, Store};
use axum::body::Body;
use axum::response::IntoResponse;
use serde_json::Value;
use tower::ServiceExt;

/// Prefixes that query layers put before Prometheus' API.
const PREFIXES: [&str; 2] = ["/prometheus", "/select/0/prometheus"];

/// The metrics' answer to a GET below `services/<name>[:<port>]/proxy`.
pub(super) async fn read(
    store: &Store,
    namespace: &str,
    name: &str,
    rest: &[&str],
    query: Option<&str>,
) -> Answer {
    let services = store.resource("", "v1", "services").ok_or_else(Failure::unknown_resource)?;
    if store.access.denies("", "services/proxy", Some(namespace)) {
        return Err(Failure::forbidden(&services.kind, "get", Some("proxy"), Some(namespace), Some(name)));
    }
    check(services, namespace, name)?;
    let missing = || Failure::not_recorded("no metrics were recorded in this incident");
    let router = store.metrics.clone().ok_or_else(missing)?;
    let path = format!("/{}", rest.join("/"));
    let path = PREFIXES.iter().find_map(|prefix| path.strip_prefix(prefix)).unwrap_or(&path);
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    let request = http::Request::get(format!("{path}{query}"))
        .body(Body::empty())
        .map_err(|error| Failure::bad_request(error.to_string()))?;
    match router.oneshot(request).await {
        Ok(response) => Ok(response.into_response()),
        Err(never) => match never {},
    }
}

/// Whether the Service and its port are there: `name`, `name:port` or `scheme:name:port`, the port by number or name.
fn check(services: &Resource, namespace: &str, name: &str) -> Result<(), Failure> {
    let (service, wanted) = match name.split(':').collect::<Vec<_>>().as_slice() {
        [service] => (*service, None),
        [service, port] | [_, service, port] => (*service, Some(*port)),
        _ => return Err(Failure::bad_request(format!("invalid service request {name:?}"))),
    };
    let object =
        services.get(Some(namespace), service).ok_or_else(|| Failure::not_found(&services.kind, service))?;
    let object: Value = serde_json::from_slice(&object.json).unwrap_or_default();
    let ports =
        object.pointer("/spec/ports").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let is = |port: &Value, wanted: &str| {
        port.get("port").and_then(Value::as_u64).is_some_and(|number| wanted.parse() == Ok(number))
            || port.get("name").and_then(Value::as_str) == Some(wanted)
    };
    match wanted {
        Some(wanted) if !ports.iter().any(|port| is(port, wanted)) => {
            Err(Failure::not_recorded(format!("no service port {wanted:?} found for service {service:?}")))
        }
        Some(_) | None => Ok(()),
    }
}
