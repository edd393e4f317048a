//! Self reviews: what may the client do? Reads of everything but Secrets, less what `access.yaml` denies.

mod protobuf;

use super::route::{Answer, json};
use super::status::{Failure, USER};
use super::store::Store;
use axum::response::IntoResponse;
use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};

/// An API group and its reviews, as plural and kind.
pub(crate) type Group = (&'static str, &'static [(&'static str, &'static str)]);

/// The groups that hold reviews.
pub(crate) const GROUPS: &[Group] = &[
    ("authentication.k8s.io", &[("selfsubjectreviews", "SelfSubjectReview")]),
    (
        "authorization.k8s.io",
        &[
            ("selfsubjectaccessreviews", "SelfSubjectAccessReview"),
            ("selfsubjectrulesreviews", "SelfSubjectRulesReview"),
        ],
    ),
];

/// Reviews that are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Who,
    Access,
    Rules,
}

impl Kind {
    pub(crate) fn of(group: &str, resource: &str) -> Option<Self> {
        match (group, resource) {
            ("authentication.k8s.io", "selfsubjectreviews") => Some(Self::Who),
            ("authorization.k8s.io", "selfsubjectaccessreviews") => Some(Self::Access),
            ("authorization.k8s.io", "selfsubjectrulesreviews") => Some(Self::Rules),
            _ => None,
        }
    }

    pub(crate) fn answer(self, store: &Store, body: &Bytes) -> Answer {
        let mut review = match protobuf::decode(body) {
            Some(review) => review,
            None => serde_json::from_slice::<Value>(body).map_err(|error| {
                Failure::bad_request(format!("the review is neither JSON nor protobuf: {error}"))
            })?,
        };
        let (kind, api, status) = match self {
            Self::Who => (
                "SelfSubjectReview",
                "authentication.k8s.io/v1",
                json!({"userInfo": {"username": USER, "groups": ["system:authenticated"]}}),
            ),
            Self::Access => ("SelfSubjectAccessReview", "authorization.k8s.io/v1", access(store, &review)),
            Self::Rules => ("SelfSubjectRulesReview", "authorization.k8s.io/v1", rules(store, &review)),
        };
        let Some(map) = review.as_object_mut() else {
            return Err(Failure::bad_request("the review is not a JSON object"));
        };
        map.insert("kind".to_owned(), kind.into());
        map.insert("apiVersion".to_owned(), api.into());
        map.insert("status".to_owned(), status);
        Ok((StatusCode::CREATED, json(&review)).into_response())
    }
}

fn is_read(verb: &str) -> bool {
    matches!(verb, "get" | "list" | "watch")
}

fn access(store: &Store, review: &Value) -> Value {
    let spec = review.get("spec");
    let part = |which: &str, key: &str| {
        spec.and_then(|s| s.get(which)?.get(key)?.as_str()).unwrap_or_default().to_owned()
    };
    if spec.is_some_and(|s| s.get("nonResourceAttributes").is_some_and(Value::is_object)) {
        let allowed = part("nonResourceAttributes", "verb") == "get";
        return decision(allowed, "non-resource paths can be read");
    }
    let attribute = |key| part("resourceAttributes", key);
    let (group, plural, namespace) = (attribute("group"), attribute("resource"), attribute("namespace"));
    let sub = attribute("subresource");
    let resource = if sub.is_empty() { plural.clone() } else { format!("{plural}/{sub}") };
    let create_review =
        group.ends_with(".k8s.io") && plural.starts_with("selfsubject") && attribute("verb") == "create";
    if create_review {
        return decision(true, "self reviews are answered");
    }
    if !is_read(&attribute("verb")) {
        return decision(false, "a replayed incident is read-only");
    }
    let secret = (group.is_empty() || group == "*") && matches!(plural.as_str(), "secrets" | "*");
    if secret {
        return decision(false, "secrets are never read");
    }
    let namespace = Some(namespace.as_str()).filter(|ns| !ns.is_empty());
    if store.access.denies(&group, &resource, namespace) {
        return decision(false, "denied by the access.yaml of the incident");
    }
    decision(true, "reads are allowed")
}

fn decision(allowed: bool, reason: &str) -> Value {
    json!({"allowed": allowed, "reason": reason})
}

/// One rule for each resource that may be read, since denials can't be said in rules.
fn rules(store: &Store, review: &Value) -> Value {
    let namespace = review.pointer("/spec/namespace").and_then(Value::as_str).filter(|ns| !ns.is_empty());
    let mut rules: Vec<Value> = Vec::new();
    for group in &store.groups {
        let mut plurals: Vec<String> = Vec::new();
        for resource in store.resources.iter().filter(|r| r.kind.group == group.name) {
            let plural = &resource.kind.plural;
            let secret = group.name.is_empty() && plural == "secrets";
            let denied = store.access.denies(&group.name, plural, namespace);
            if !secret && !denied && !plurals.contains(plural) {
                plurals.push(plural.clone());
            }
        }
        if group.name.is_empty() {
            let readable = |sub: &str| !store.access.denies("", sub, namespace);
            plurals.extend(
                ["pods/log", "nodes/proxy", "services/proxy"]
                    .into_iter()
                    .filter(|s| readable(s))
                    .map(str::to_owned),
            );
        }
        rules.push(
            json!({"verbs": ["get", "list", "watch"], "apiGroups": [group.name], "resources": plurals}),
        );
    }
    for (group, reviews) in GROUPS {
        let plurals: Vec<_> = reviews.iter().map(|(plural, _)| *plural).collect();
        rules.push(json!({"verbs": ["create"], "apiGroups": [group], "resources": plurals}));
    }
    json!({
        "resourceRules": rules,
        "nonResourceRules": [{"verbs": ["get"], "nonResourceURLs": ["*"]}],
        "incomplete": false,
    })
}
