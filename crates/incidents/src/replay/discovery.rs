//! Which groups, versions and resources there are, in the old and the aggregated form.

use super::request::{DiscoveryShape, Request};
use super::resources::{ResourceType, Scope};
use super::review;
use super::route::{Answer, json};
use super::status::Failure;
use super::store::{Group, Resource, Store};
use axum::response::Response;
use http::{HeaderValue, header};
use serde_json::{Value, json};

const VERBS: [&str; 3] = ["get", "list", "watch"];

/// Subresources that can be read: `(group, resource, subresource, kind)`.
const SUBRESOURCES: [(&str, &str, &str, &str); 3] = [
    ("", "pods", "log", "Pod"),
    ("", "nodes", "proxy", "NodeProxyOptions"),
    ("", "services", "proxy", "ServiceProxyOptions"),
];

/// `/`: every path there is.
pub(super) fn root(store: &Store) -> Response {
    let mut paths = vec!["/api".to_owned(), "/api/v1".to_owned(), "/apis".to_owned()];
    for group in named(store) {
        paths.push(format!("/apis/{}", group.name));
        paths.extend(group.versions.iter().map(|version| format!("/apis/{}/{version}", group.name)));
    }
    paths.extend(["/healthz", "/livez", "/openapi/v3", "/readyz", "/version"].map(str::to_owned));
    json(&json!({"paths": paths}))
}

fn named(store: &Store) -> impl Iterator<Item = &Group> {
    store.groups.iter().filter(|group| !group.name.is_empty())
}

/// `/api`: the core group.
pub(super) fn core(store: &Store, request: &Request) -> Response {
    match request.discovery {
        DiscoveryShape::Aggregated(version) => {
            aggregated(store, store.groups.iter().filter(|group| group.name.is_empty()), version, None)
        }
        DiscoveryShape::Legacy => json(&json!({
            "kind": "APIVersions",
            "versions": ["v1"],
            "serverAddressByClientCIDRs": [],
        })),
    }
}

/// `/apis`: all other groups.
pub(super) fn groups(store: &Store, request: &Request) -> Response {
    match request.discovery {
        DiscoveryShape::Aggregated(version) => aggregated(store, named(store), version, Some(review::GROUPS)),
        DiscoveryShape::Legacy => {
            let mut groups: Vec<Value> = named(store).map(group_value).collect();
            groups.extend(review::GROUPS.iter().map(|(name, _)| {
                group_value(&Group { name: (*name).to_owned(), versions: vec!["v1".to_owned()] })
            }));
            json(&json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}))
        }
    }
}

fn group_value(group: &Group) -> Value {
    let version = |v: &String| json!({"groupVersion": format!("{}/{v}", group.name), "version": v});
    let versions: Vec<Value> = group.versions.iter().map(version).collect();
    json!({"name": group.name, "preferredVersion": versions.first(), "versions": versions})
}

/// `/apis/<group>`.
pub(super) fn group(store: &Store, name: &str) -> Answer {
    let review = review::GROUPS.iter().find(|(group, _)| *group == name);
    let value = match (store.group(name).filter(|_| !name.is_empty()), review) {
        (Some(group), _) => group_value(group),
        (None, Some(_)) => group_value(&Group { name: name.to_owned(), versions: vec!["v1".to_owned()] }),
        (None, None) => return Err(Failure::unknown_resource()),
    };
    let mut value = value;
    if let Some(map) = value.as_object_mut() {
        map.insert("kind".to_owned(), "APIGroup".into());
        map.insert("apiVersion".to_owned(), "v1".into());
    }
    Ok(json(&value))
}

/// `/api/v1` and `/apis/<group>/<version>`: the resources of one version.
pub(super) fn version(store: &Store, group: &str, version: &str) -> Answer {
    let mut resources: Vec<Value> = Vec::new();
    for resource in store.of_version(group, version) {
        resources.push(legacy_resource(&resource.kind));
        for (_, plural, sub, kind) in subresources(&resource.kind) {
            let namespaced = resource.kind.scope == Scope::Namespaced;
            resources.push(json!({
                "name": format!("{plural}/{sub}"), "singularName": "", "namespaced": namespaced,
                "kind": kind, "verbs": ["get"],
            }));
        }
    }
    if version == "v1" {
        let reviews =
            review::GROUPS.iter().filter(|(name, _)| *name == group).flat_map(|(_, reviews)| *reviews);
        resources.extend(reviews.map(|(plural, kind)| {
            let singular = kind.to_lowercase();
            json!({"name": plural, "singularName": singular, "namespaced": false, "kind": kind, "verbs": ["create"]})
        }));
    }
    if resources.is_empty() {
        return Err(Failure::unknown_resource());
    }
    let group_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    Ok(json(&json!({
        "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources,
    })))
}

fn subresources(
    kind: &ResourceType,
) -> impl Iterator<Item = &'static (&'static str, &'static str, &'static str, &'static str)> {
    let of = (kind.group.clone(), kind.plural.clone());
    SUBRESOURCES.iter().filter(move |(group, plural, ..)| *group == of.0 && *plural == of.1)
}

fn legacy_resource(kind: &ResourceType) -> Value {
    let mut value = json!({
        "name": kind.plural,
        "singularName": kind.singular,
        "namespaced": kind.scope == Scope::Namespaced,
        "kind": kind.kind,
        "verbs": VERBS,
    });
    if let Some(map) = value.as_object_mut() {
        if !kind.short_names.is_empty() {
            map.insert("shortNames".to_owned(), kind.short_names.clone().into());
        }
        if !kind.categories.is_empty() {
            map.insert("categories".to_owned(), kind.categories.clone().into());
        }
    }
    value
}

fn aggregated<'a>(
    store: &Store,
    groups: impl Iterator<Item = &'a Group>,
    api_version: &str,
    reviews: Option<&[review::Group]>,
) -> Response {
    let mut items: Vec<Value> = groups
        .map(|group| {
            let versions: Vec<Value> = group
                .versions
                .iter()
                .map(|version| {
                    let resources: Vec<Value> =
                        store.of_version(&group.name, version).map(aggregated_resource).collect();
                    json!({"version": version, "freshness": "Current", "resources": resources})
                })
                .collect();
            json!({"metadata": {"name": group.name, "creationTimestamp": null}, "versions": versions})
        })
        .collect();
    for (name, reviews) in reviews.unwrap_or_default() {
        let resources: Vec<Value> = reviews
            .iter()
            .map(|(plural, kind)| {
                json!({
                    "resource": plural,
                    "responseKind": {"group": name, "version": "v1", "kind": kind},
                    "scope": "Cluster", "singularResource": kind.to_lowercase(), "verbs": ["create"],
                })
            })
            .collect();
        items.push(json!({
            "metadata": {"name": name, "creationTimestamp": null},
            "versions": [{"version": "v1", "freshness": "Current", "resources": resources}],
        }));
    }
    let body = json!({
        "kind": "APIGroupDiscoveryList",
        "apiVersion": format!("apidiscovery.k8s.io/{api_version}"),
        "metadata": {},
        "items": items,
    });
    let mut response = json(&body);
    // client-go reads the answer as aggregated only with exactly these parameters.
    let content_type =
        format!("application/json;g=apidiscovery.k8s.io;v={api_version};as=APIGroupDiscoveryList");
    if let Ok(value) = HeaderValue::from_str(&content_type) {
        response.headers_mut().insert(header::CONTENT_TYPE, value);
    }
    response
}

fn aggregated_resource(resource: &Resource) -> Value {
    let kind = &resource.kind;
    let mut value = json!({
        "resource": kind.plural,
        "responseKind": {"group": kind.group, "version": kind.version, "kind": kind.kind},
        "scope": if kind.scope == Scope::Namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": kind.singular,
        "verbs": VERBS,
    });
    let subresources: Vec<Value> = subresources(kind)
        .map(|(group, _, sub, sub_kind)| {
            json!({
                "subresource": sub, "verbs": ["get"],
                "responseKind": {"group": group, "version": kind.version, "kind": sub_kind},
            })
        })
        .collect();
    if let Some(map) = value.as_object_mut() {
        if !kind.short_names.is_empty() {
            map.insert("shortNames".to_owned(), kind.short_names.clone().into());
        }
        if !kind.categories.is_empty() {
            map.insert("categories".to_owned(), kind.categories.clone().into());
        }
        if !subresources.is_empty() {
            map.insert("subresources".to_owned(), subresources.into());
        }
    }
    value
}
