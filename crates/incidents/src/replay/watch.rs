//! Watches over a cluster in which nothing happens any more.

use super::objects::metadata_only;
use super::request::{Request, Shape};
use super::route::{Answer, json_bytes};
use super::store::{Resource, Store};
use super::table;
use crate::bundle::Object;
use axum::body::Body;
use bytes::Bytes;
use futures::StreamExt;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

/// How long a watch stays open when the client doesn't say: the API server's `--min-request-timeout`.
const OPEN: u64 = 1800;

pub(super) fn stream(
    store: &Arc<Store>,
    resource: &Resource,
    objects: Vec<Arc<Object>>,
    request: &Request,
) -> Answer {
    let seconds = request.number("timeoutSeconds")?.unwrap_or(OPEN).min(24 * 3600);
    // "Get State and Start at Most Recent", "… Any", and streaming lists begin with what is there.
    let streaming_list = request.flag("sendInitialEvents");
    let from_start = streaming_list || matches!(request.param("resourceVersion"), None | Some("0"));
    let mut frames = Vec::new();
    if from_start {
        let include = table::Include::of(request)?;
        for (at, object) in objects.iter().enumerate() {
            let shown = match request.shape {
                Shape::Object => String::from_utf8_lossy(&object.json).into_owned(),
                Shape::Metadata(api) => metadata_only(object, api),
                Shape::Table(api) => {
                    let mut table = table::of(store, resource, &[object], include, api);
                    // Only the first event of a watch brings the columns.
                    if let Some(table) = table.as_object_mut().filter(|_| at > 0) {
                        table.insert("columnDefinitions".to_owned(), Value::Null);
                    }
                    table.to_string()
                }
            };
            frames.push(Bytes::from(format!("{{\"type\":\"ADDED\",\"object\":{shown}}}\n")));
        }
    }
    if streaming_list {
        frames.push(Bytes::from(format!("{}\n", bookmark(store, resource))));
    }
    let until = tokio::time::sleep(Duration::from_secs(seconds));
    let quiet = futures::stream::once(until).filter_map(|()| std::future::ready(None::<Bytes>));
    let body = futures::stream::iter(frames).chain(quiet).map(Ok::<_, Infallible>);
    Ok(json_bytes(Body::from_stream(body)))
}

/// The end of the initial events, KEP-3157.
fn bookmark(store: &Store, resource: &Resource) -> Value {
    json!({"type": "BOOKMARK", "object": {
        "kind": resource.kind.kind,
        "apiVersion": resource.kind.api_version(),
        "metadata": {
            "resourceVersion": store.resource_version,
            "creationTimestamp": null,
            "annotations": {"k8s.io/initial-events-end": "true"},
        },
    }})
}
