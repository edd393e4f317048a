//! Failures as metav1.Status, in the words of apimachinery's `pkg/api/errors`.

use super::resources::ResourceType;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde_json::{Value, json};

/// Who the client is, for every reviewed or refused request.
pub(crate) const USER: &str = "system:serviceaccount:stethoscope:stethoscope";

/// A request that is not answered with what it asked for.
#[derive(Debug)]
pub(crate) struct Failure(Box<Refused>);

#[derive(Debug)]
struct Refused {
    code: StatusCode,
    reason: &'static str,
    message: String,
    details: Value,
    metadata: Value,
}

impl Failure {
    fn new(code: StatusCode, reason: &'static str, message: impl Into<String>) -> Self {
        Self(Box::new(Refused {
            code,
            reason,
            message: message.into(),
            details: json!({}),
            metadata: json!({}),
        }))
    }

    /// What client-go turns into "the server doesn't have a resource type".
    pub(crate) fn unknown_resource() -> Self {
        Self::new(StatusCode::NOT_FOUND, "NotFound", "the server could not find the requested resource")
    }

    pub(crate) fn not_found(kind: &ResourceType, name: &str) -> Self {
        let mut failure =
            Self::new(StatusCode::NOT_FOUND, "NotFound", format!("{} {name:?} not found", kind.qualified()));
        failure.0.details = named(kind, name);
        failure
    }

    /// Something that may have existed, but that the bundle does not hold.
    pub(crate) fn not_recorded(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "NotFound", message)
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    pub(crate) fn forbidden(
        kind: &ResourceType,
        verb: &str,
        subresource: Option<&str>,
        namespace: Option<&str>,
        name: Option<&str>,
    ) -> Self {
        let resource =
            subresource.map_or_else(|| kind.plural.clone(), |sub| format!("{}/{sub}", kind.plural));
        let subject = name.map_or_else(|| kind.qualified(), |name| format!("{} {name:?}", kind.qualified()));
        let place = match namespace {
            Some(namespace) => format!("in the namespace {namespace:?}"),
            None => "at the cluster scope".to_owned(),
        };
        let message = format!(
            "{subject} is forbidden: User {USER:?} cannot {verb} resource {resource:?} in API group {:?} {place}",
            kind.group
        );
        let mut failure = Self::new(StatusCode::FORBIDDEN, "Forbidden", message);
        failure.0.details = named(kind, name.unwrap_or_default());
        failure
    }

    pub(crate) fn method_not_allowed(verb: &str, resource: &str) -> Self {
        let message = format!(
            "{verb} is not supported on resources of kind {resource:?}: a replayed incident is read-only"
        );
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message)
    }

    /// 410 with a token to go on from, as etcd3 store's `handleExpiredCompactedToken` words it.
    pub(crate) fn expired(next: &str) -> Self {
        let message = "The provided continue parameter is too old to display a consistent list result. You can start \
            a new list without the continue parameter, or use the continue token in this response to retrieve the \
            remainder of the results. Continuing with the provided token results in an inconsistent list - objects \
            that were created, modified, or deleted between the time the first chunk was returned and now may show \
            up in the list.";
        let mut failure = Self::new(StatusCode::GONE, "Expired", message);
        failure.0.metadata = json!({"continue": next});
        failure
    }

    pub(crate) fn too_large(limit: usize) -> Self {
        let message = format!("the request body is larger than {limit} bytes");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", message)
    }
}

fn named(kind: &ResourceType, name: &str) -> Value {
    let mut details = serde_json::Map::new();
    for (key, value) in [("name", name), ("group", kind.group.as_str()), ("kind", kind.plural.as_str())] {
        if !value.is_empty() {
            details.insert(key.to_owned(), Value::from(value));
        }
    }
    Value::Object(details)
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let body = json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": self.0.metadata,
            "status": "Failure",
            "message": self.0.message,
            "reason": self.0.reason,
            "details": self.0.details,
            "code": self.0.code.as_u16(),
        });
        (self.0.code, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
    }
}
