//! Events that were recorded through events.k8s.io, as the core group shows the same objects.

use crate::bundle::Object;
use bytes::Bytes;
use serde_json::Value;
use std::collections::HashSet;
use std::sync::Arc;

/// Field names in events.k8s.io/v1 and in core/v1, after `pkg/apis/events/v1/conversion.go`.
const RENAMED: [(&str, &str); 6] = [
    ("regarding", "involvedObject"),
    ("note", "message"),
    ("deprecatedSource", "source"),
    ("deprecatedFirstTimestamp", "firstTimestamp"),
    ("deprecatedLastTimestamp", "lastTimestamp"),
    ("deprecatedCount", "count"),
];

/// The core events with those that only the other group has, sorted. Most clients read core events alone.
pub(super) fn with_new_api(core: Vec<Arc<Object>>, new: &[Arc<Object>]) -> Vec<Arc<Object>> {
    let known: HashSet<_> = core.iter().map(|o| (o.namespace.clone(), o.name.clone())).collect();
    let mut all = core;
    for event in new {
        if !known.contains(&(event.namespace.clone(), event.name.clone())) {
            all.push(Arc::new(as_core(event)));
        }
    }
    all.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
    all
}

fn as_core(event: &Object) -> Object {
    let mut value = event.value();
    if let Some(map) = value.as_object_mut() {
        map.insert("apiVersion".to_owned(), Value::from("v1"));
        for (new, core) in RENAMED {
            if let Some(part) = map.remove(new) {
                map.insert(core.to_owned(), part);
            }
        }
        if let Some(controller) = map.remove("reportingController") {
            map.insert("reportingComponent".to_owned(), controller);
        }
    }
    Object {
        group: String::new(),
        version: "v1".to_owned(),
        json: Bytes::from(value.to_string()),
        ..event.clone()
    }
}
