//! When a bundle without `capturedAt` was taken: no earlier than the newest time that an object carries.

use super::objects::Object;
use jiff::Timestamp;
use serde_json::Value;

/// Fields that hold a time of something that has happened. Expiry and deletion times lie in the future.
const PAST: [&str; 14] = [
    "creationTimestamp",
    "firstTimestamp",
    "lastTimestamp",
    "eventTime",
    "lastObservedTime",
    "lastTransitionTime",
    "lastUpdateTime",
    "lastHeartbeatTime",
    "lastProbeTime",
    "startedAt",
    "finishedAt",
    "startTime",
    "completionTime",
    "renewTime",
];

pub(super) fn newest(objects: &[Object]) -> Option<Timestamp> {
    let mut newest = None;
    for object in objects {
        visit(&object.value(), &mut newest);
    }
    newest
}

fn visit(value: &Value, newest: &mut Option<Timestamp>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                match value {
                    Value::String(text) if PAST.contains(&key.as_str()) => {
                        *newest = (*newest).max(text.parse().ok());
                    }
                    value => visit(value, newest),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| visit(item, newest)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
