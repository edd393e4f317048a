//! From a path to its handler. Kubernetes paths nest too freely for a route table: `/api/v1/namespaces/x` is an
//! object and `/api/v1/namespaces/x/pods` a list.

use super::request::{Request, Shape};
use super::status::Failure;
use super::store::{Resource, Store};
use super::{discovery, logs, node_logs, objects, openapi, review, service_proxy, table};
use axum::body::{Body, HttpBody};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{Method, StatusCode, header};
use serde_json::Value;
use std::sync::Arc;

/// What a handler answers.
pub(crate) type Answer = Result<Response, Failure>;

/// Largest body of a review.
const BODY_LIMIT: usize = 1 << 20;

pub(super) async fn answer(State(store): State<Arc<Store>>, request: http::Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let head = parts.method == Method::HEAD;
    let answer = async {
        let request = Request::parse(parts.method, &parts.uri, &parts.headers)?;
        match request.method {
            Method::GET | Method::HEAD => match service_proxy(&request) {
                Some((namespace, service, rest)) => {
                    service_proxy::read(&store, namespace, service, &rest, parts.uri.query()).await
                }
                None => read(&store, &request),
            },
            _ => write(&store, &request, body).await,
        }
    };
    let response = answer.await.unwrap_or_else(Failure::into_response);
    if head { without_body(response) } else { response }
}

/// Namespace, Service and what follows, of a path below `services/proxy`.
fn service_proxy(request: &Request) -> Option<(&str, &str, Vec<&str>)> {
    let path: Vec<&str> = request.path.iter().map(String::as_str).collect();
    match path.as_slice() {
        ["api", "v1", "namespaces", namespace, "services", service, "proxy", rest @ ..] => {
            Some((namespace, service, rest.to_vec()))
        }
        _ => None,
    }
}

/// Headers only. Over a socket hyper drops the body by itself; in process nobody would.
fn without_body(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    if let Some(length) = body.size_hint().exact() {
        parts.headers.insert(header::CONTENT_LENGTH, length.into());
    }
    Response::from_parts(parts, Body::empty())
}

/// A JSON answer.
pub(crate) fn json(value: &Value) -> Response {
    json_bytes(value.to_string())
}

/// An answer that is JSON already.
pub(crate) fn json_bytes(body: impl Into<Body>) -> Response {
    (StatusCode::OK, [(header::CONTENT_TYPE, "application/json")], body.into()).into_response()
}

/// Plain text, as logs and health checks are sent.
pub(crate) fn text(body: impl Into<Body>) -> Response {
    (StatusCode::OK, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], body.into()).into_response()
}

fn read(store: &Arc<Store>, request: &Request) -> Answer {
    let path: Vec<&str> = request.path.iter().map(String::as_str).collect();
    match path.as_slice() {
        [] => Ok(discovery::root(store)),
        ["healthz" | "livez" | "readyz", ..] => Ok(text("ok")),
        ["version"] => Ok(json(&store.version)),
        ["api"] => Ok(discovery::core(store, request)),
        ["apis"] => Ok(discovery::groups(store, request)),
        ["apis", group] => discovery::group(store, group),
        ["openapi", "v3"] => Ok(openapi::index(store)),
        ["openapi", "v3", "api", version] => openapi::document(store, "", version),
        ["openapi", "v3", "apis", group, version] => openapi::document(store, group, version),
        ["api", version, rest @ ..] => in_version(store, request, "", version, rest),
        ["apis", group, version, rest @ ..] => in_version(store, request, group, version, rest),
        _ => Err(Failure::unknown_resource()),
    }
}

fn in_version(store: &Arc<Store>, request: &Request, group: &str, version: &str, rest: &[&str]) -> Answer {
    let target = match rest {
        [] => return discovery::version(store, group, version),
        ["namespaces", namespace, plural, rest @ ..] if !is_namespace_part(group, plural) => {
            Target::find(store, group, version, plural, Some(namespace), rest)
        }
        [plural, rest @ ..] => Target::find(store, group, version, plural, None, rest),
    }?;
    target.read(store, request)
}

/// Subresources of a namespace itself.
fn is_namespace_part(group: &str, part: &str) -> bool {
    group.is_empty() && matches!(part, "status" | "finalize")
}

/// What a path below a version means.
struct Target<'a> {
    resource: &'a Resource,
    namespace: Option<&'a str>,
    name: Option<&'a str>,
    sub: &'a [&'a str],
}

impl<'a> Target<'a> {
    fn find(
        store: &'a Store,
        group: &str,
        version: &str,
        plural: &str,
        namespace: Option<&'a str>,
        rest: &'a [&'a str],
    ) -> Result<Self, Failure> {
        let resource = store.resource(group, version, plural).ok_or_else(Failure::unknown_resource)?;
        let namespaced = resource.kind.scope == super::resources::Scope::Namespaced;
        if namespace.is_some() && !namespaced {
            return Err(Failure::unknown_resource());
        }
        let (name, sub) = match rest.split_first() {
            Some((name, sub)) => (Some(*name), sub),
            None => (None, rest),
        };
        // A namespaced object has no path outside its namespace.
        if name.is_some() && namespace.is_none() && namespaced {
            return Err(Failure::unknown_resource());
        }
        Ok(Self { resource, namespace, name, sub })
    }

    fn read(&self, store: &Arc<Store>, request: &Request) -> Answer {
        let kind = &self.resource.kind;
        let verb = match (self.name, request.flag("watch")) {
            (Some(_), _) => "get",
            (None, true) => "watch",
            (None, false) => "list",
        };
        let permitted = |sub: Option<&str>| {
            let resource = sub.map_or_else(|| kind.plural.clone(), |sub| format!("{}/{sub}", kind.plural));
            if store.access.denies(&kind.group, &resource, self.namespace) {
                return Err(Failure::forbidden(kind, verb, sub, self.namespace, self.name));
            }
            Ok(())
        };
        match (self.name, self.sub) {
            (None, _) => {
                permitted(None)?;
                objects::list(store, self.resource, self.namespace, request)
            }
            (Some(name), [] | ["status"]) => {
                permitted(None)?;
                let object = self.get(name)?;
                Ok(match request.shape {
                    Shape::Object => json_bytes(object.json.clone()),
                    Shape::Metadata(api) => json_bytes(objects::metadata_only(object, api)),
                    Shape::Table(api) => {
                        let include = table::Include::of(request)?;
                        json(&table::of(store, self.resource, &[object], include, api))
                    }
                })
            }
            (Some(name), ["log"]) if kind.group.is_empty() && kind.plural == "pods" => {
                permitted(Some("log"))?;
                logs::read(store, self.get(name)?, request)
            }
            (Some(name), ["proxy", "logs", rest @ ..]) if kind.group.is_empty() && kind.plural == "nodes" => {
                permitted(Some("proxy"))?;
                node_logs::read(store, self.resource, name, rest, request)
            }
            (Some(_), _) => Err(Failure::unknown_resource()),
        }
    }

    fn get(&self, name: &str) -> Result<&'a Arc<crate::bundle::Object>, Failure> {
        self.resource.get(self.namespace, name).ok_or_else(|| Failure::not_found(&self.resource.kind, name))
    }
}

async fn write(store: &Store, request: &Request, body: Body) -> Answer {
    let path: Vec<&str> = request.path.iter().map(String::as_str).collect();
    if let (&Method::POST, ["apis", group, "v1", resource]) = (&request.method, path.as_slice())
        && let Some(review) = review::Kind::of(group, resource)
    {
        let body = axum::body::to_bytes(body, BODY_LIMIT).await;
        let body = body.map_err(|_| Failure::too_large(BODY_LIMIT))?;
        return review.answer(store, &body);
    }
    let verb = match request.method {
        Method::POST => "create",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE => "delete",
        _ => "this method",
    };
    Err(Failure::method_not_allowed(verb, resource_word(&path)))
}

/// The plural in a path, for the message of a refused write.
fn resource_word<'a>(path: &[&'a str]) -> &'a str {
    let (["api", _, rest @ ..] | ["apis", _, _, rest @ ..]) = path else {
        return path.first().copied().unwrap_or("/");
    };
    match rest {
        ["namespaces", _, plural, ..] | [plural, ..] => plural,
        [] => "",
    }
}
