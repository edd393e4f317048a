//! Secrets lose their values as they are read. Names, types and key names stay: they explain "key not found".

use bytes::Bytes;
use serde_json::{Map, Value, json};

/// Metadata that identifies a Secret; annotations and managed fields may quote its values.
const METADATA: [&str; 8] = [
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "deletionTimestamp",
    "labels",
    "ownerReferences",
];

/// The Secret with every value replaced by an empty one.
pub(super) fn without_values(text: &str) -> Bytes {
    let secret: Value = serde_json::from_str(text).unwrap_or(Value::Null);
    let metadata: Map<String, Value> = METADATA
        .iter()
        .filter_map(|key| Some(((*key).to_owned(), secret.get("metadata")?.get(*key)?.clone())))
        .collect();
    let keys =
        ["data", "stringData"].iter().filter_map(|part| secret.get(*part)?.as_object()).flat_map(Map::keys);
    let data: Map<String, Value> = keys.map(|key| (key.clone(), Value::from(""))).collect();
    let kind = secret.get("type").and_then(Value::as_str).unwrap_or("Opaque");
    let kept =
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": kind, "data": data});
    Bytes::from(kept.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn keeps_names_and_keys_and_no_value() {
        let text = r#"{"metadata":{"name":"db","namespace":"shop","annotations":{"a":"canary"}},
            "type":"kubernetes.io/basic-auth","data":{"password":"Y2FuYXJ5"},"stringData":{"user":"canary"}}"#;
        let kept: Value = serde_json::from_slice(&without_values(text)).unwrap();
        assert_eq!(
            kept,
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db", "namespace": "shop"},
                "type": "kubernetes.io/basic-auth", "data": {"password": "", "user": ""}})
        );
    }
}
