//! OpenAPI v3, for `kubectl explain`.
//!
//! Built-in kinds have upstream's own schemas and descriptions, as generated into `k8s-openapi`; custom kinds the
//! schema of their recorded definition. What has neither is described by the shape of its recorded objects, and says
//! so.

mod builtin;

use super::resources::{ResourceType, Scope};
use super::route::{Answer, json};
use super::status::Failure;
use super::store::{Resource, Store};
use axum::response::Response;
use serde_json::{Map, Value, json};

/// `/openapi/v3`: where each version's document is.
pub(super) fn index(store: &Store) -> Response {
    let mut paths = Map::new();
    for group in &store.groups {
        for version in &group.versions {
            let path = if group.name.is_empty() {
                format!("api/{version}")
            } else {
                format!("apis/{}/{version}", group.name)
            };
            // kubectl keeps documents on disk by this hash.
            let hash =
                format!("{}-{}", store.resource_version, store.of_version(&group.name, version).count());
            let url = format!("/openapi/v3/{path}?hash={hash}");
            paths.insert(path, json!({"serverRelativeURL": url}));
        }
    }
    json(&json!({"paths": paths}))
}

/// The document of one group and version.
pub(super) fn document(store: &Store, group: &str, version: &str) -> Answer {
    let resources: Vec<&Resource> = store.of_version(group, version).collect();
    if resources.is_empty() {
        return Err(Failure::unknown_resource());
    }
    let mut schemas = builtin::schemas(group, version);
    schemas.values_mut().for_each(wrap_references);
    let mut paths = Map::new();
    for resource in resources {
        let kind = &resource.kind;
        let name = schema_name(&schemas, kind);
        let schema = schemas.entry(name).or_insert_with(|| own_schema(resource));
        if let Some(schema) = schema.as_object_mut() {
            schema.insert("x-kubernetes-group-version-kind".to_owned(), json!([group_version_kind(kind)]));
        }
        add_paths(&mut paths, kind);
    }
    Ok(json(&json!({
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": store.version.get("gitVersion")},
        "paths": paths,
        "components": {"schemas": schemas},
    })))
}

fn group_version_kind(kind: &ResourceType) -> Value {
    json!({"group": kind.group, "version": kind.version, "kind": kind.kind})
}

/// The component that describes a kind: upstream's `io.k8s.api.<group>.<version>.<Kind>`, else the reversed group as
/// apiextensions names it.
fn schema_name(schemas: &Map<String, Value>, kind: &ResourceType) -> String {
    let end = format!(".{}.{}", kind.version, kind.kind);
    let package = kind.group.split('.').next().filter(|p| !p.is_empty()).unwrap_or("core");
    let known = schemas
        .keys()
        .find(|name| name.strip_suffix(&end).is_some_and(|start| start.ends_with(&format!(".{package}"))));
    known.cloned().unwrap_or_else(|| {
        let reversed: Vec<&str> = kind.group.split('.').rev().collect();
        format!("{}{end}", reversed.join("."))
    })
}

/// The schema of a kind that isn't built in.
fn own_schema(resource: &Resource) -> Value {
    let recorded =
        resource.kind.custom.as_ref().and_then(|version| version.pointer("/schema/openAPIV3Schema"));
    if let Some(schema) = recorded {
        return schema.clone();
    }
    let mut shape = json!({"type": "object"});
    for object in resource.objects.iter().take(OBJECTS) {
        merge(&mut shape, &object.value(), 0);
    }
    if let Some(shape) = shape.as_object_mut() {
        let note = "The definition of this kind was not recorded; these are the fields that its recorded objects have.";
        shape.insert("description".to_owned(), note.into());
    }
    shape
}

/// How many objects, and how deep, a shape is taken from.
const OBJECTS: usize = 50;
const DEPTH: usize = 12;

/// Widens a schema to admit a value.
fn merge(schema: &mut Value, value: &Value, depth: usize) {
    let Some(schema) = schema.as_object_mut().filter(|_| depth < DEPTH) else { return };
    let kind = match value {
        Value::Null => return,
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    schema.insert("type".to_owned(), kind.into());
    match value {
        Value::Object(map) => {
            let properties = schema.entry("properties").or_insert_with(|| json!({}));
            let Some(properties) = properties.as_object_mut() else { return };
            for (key, value) in map {
                merge(properties.entry(key.clone()).or_insert_with(|| json!({})), value, depth + 1);
            }
        }
        Value::Array(items) => {
            let of = schema.entry("items").or_insert_with(|| json!({}));
            for item in items {
                merge(of, item, depth + 1);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// In OpenAPI 3.0 a `$ref` hides its siblings, so upstream writes `allOf: [{$ref}]` beside a description.
fn wrap_references(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.values_mut().for_each(wrap_references);
            if map.len() > 1
                && let Some(reference) = map.remove("$ref")
            {
                map.insert("allOf".to_owned(), json!([{"$ref": reference}]));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(wrap_references),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// kubectl finds a resource's kind by these paths.
fn add_paths(paths: &mut Map<String, Value>, kind: &ResourceType) {
    let base = if kind.group.is_empty() {
        format!("/api/{}", kind.version)
    } else {
        format!("/apis/{}/{}", kind.group, kind.version)
    };
    let operation = |action: &str| {
        json!({"get": {
            "x-kubernetes-action": action,
            "x-kubernetes-group-version-kind": group_version_kind(kind),
            "responses": {"200": {"description": "OK"}},
        }})
    };
    let plural = &kind.plural;
    let place = match kind.scope {
        Scope::Namespaced => {
            paths.insert(format!("{base}/{plural}"), operation("list"));
            format!("{base}/namespaces/{{namespace}}/{plural}")
        }
        Scope::Cluster => format!("{base}/{plural}"),
    };
    paths.insert(format!("{place}/{{name}}"), operation("get"));
    paths.insert(place, operation("list"));
}
