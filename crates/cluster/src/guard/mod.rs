//! Read-only is physical: one tower layer directly around the transport.
//!
//! Everything that goes to an API server passes [`Guard`], and nothing inside it adds requests: retries, paging and
//! discovery stand outside. It lets through GET and HEAD of an allow-list of paths, and POST to the two self-reviews;
//! the rest is refused before a byte leaves. Credentials of the kubeconfig's user (exec plugins, OIDC refresh) are
//! obtained inside the transport from identity providers, as kubectl does; those requests go elsewhere.

pub(crate) mod path;

use http::{HeaderMap, Method, Request, Uri, header};
use http_body::Body;
use path::{ApiPath, PathError, ResourcePath};
use std::task::{Context, Poll};
use tower::{BoxError, Layer, Service};

/// A request that the guard did not let through.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{method} {path}: {why}")]
pub struct Refusal {
    /// The request's method.
    pub method: String,
    /// Its path, cut to what fits a message.
    pub path: String,
    /// Why it is refused.
    pub why: String,
}

/// The layer. See the module's text.
#[derive(Clone, Copy, Debug, Default)]
pub struct GuardLayer;

impl<S> Layer<S> for GuardLayer {
    type Service = Guard<S>;

    fn layer(&self, inner: S) -> Guard<S> {
        Guard { inner }
    }
}

/// A transport behind the guard.
#[derive(Clone, Debug)]
pub struct Guard<S> {
    inner: S,
}

impl<S, B> Service<Request<B>> for Guard<S>
where
    S: Service<Request<B>>,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    S::Response: Send + 'static,
    B: Body,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = futures::future::BoxFuture<'static, Result<S::Response, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let body = if request.body().is_end_stream() { BodyKind::Empty } else { BodyKind::Present };
        if let Err(refusal) = judge(request.method(), request.uri(), request.headers(), body) {
            return Box::pin(std::future::ready(Err(refusal.into())));
        }
        let sent = self.inner.call(request);
        Box::pin(async move { sent.await.map_err(Into::into) })
    }
}

/// Whether a request carries a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyKind {
    /// No byte.
    Empty,
    /// Some, or unknown.
    Present,
}

/// The two reviews that need POST; they create nothing.
const REVIEWS: [&str; 2] = ["selfsubjectaccessreviews", "selfsubjectrulesreviews"];

/// Resources whose bodies hold credentials: only metadata may be asked for. The last three are OpenShift's.
const SECRET_BODIES: [&str; 4] =
    ["secrets", "oauthaccesstokens", "oauthauthorizetokens", "useroauthaccesstokens"];

/// Query parameters that reads use. `watch` and `follow` are absent: no answer may be endless.
const QUERY: [&str; 12] = [
    "limit",
    "continue",
    "labelSelector",
    "fieldSelector",
    "resourceVersion",
    "resourceVersionMatch",
    "container",
    "previous",
    "sinceSeconds",
    "sinceTime",
    "tailLines",
    "limitBytes",
];

/// Parameters of pod logs and self-description beyond [`QUERY`].
const LOG_QUERY: [&str; 2] = ["timestamps", "pretty"];

/// Parameters of the kubelet's log query (KEP-2258).
const NODE_LOG_QUERY: [&str; 6] = ["query", "tailLines", "sinceTime", "untilTime", "boot", "pattern"];

/// Prometheus' `match[]`, as it is encoded.
const MATCH: &str = "match%5B%5D";

/// Parameters of Prometheus' HTTP API.
const METRICS_QUERY: [&str; 8] =
    ["query", "time", "start", "end", "step", "limit", "limit_per_metric", MATCH];

/// Decides on one request. Pure, so that it can be tested without a transport.
pub fn judge(method: &Method, uri: &Uri, headers: &HeaderMap, body: BodyKind) -> Result<(), Refusal> {
    decide(method, uri, headers, body).map_err(|why| Refusal {
        method: method.to_string(),
        path: uri.path().chars().take(200).collect(),
        why,
    })
}

fn decide(method: &Method, uri: &Uri, headers: &HeaderMap, body: BodyKind) -> Result<(), String> {
    if uri.authority().is_some() || uri.scheme().is_some() {
        return Err("the address is the connection's, not the request's".to_owned());
    }
    if headers.contains_key(header::UPGRADE) {
        return Err("protocol upgrades (exec, attach, port-forward) are not read-only".to_owned());
    }
    if headers.keys().any(|name| name.as_str().contains("method-override")) {
        return Err("a method override header is not allowed".to_owned());
    }
    let path = path::parse(uri.path()).map_err(|error: PathError| error.to_string())?;
    let query = query_keys(uri)?;
    if method == Method::POST {
        return review(&path, &query);
    }
    if method != Method::GET && method != Method::HEAD {
        return Err("only GET and HEAD are let through, and POST to self-reviews".to_owned());
    }
    if body == BodyKind::Present {
        return Err("a read has no body".to_owned());
    }
    match &path {
        ApiPath::NonResource(segments) => non_resource(segments, &query),
        ApiPath::Resource(path) => resource(path, uri, &query, headers),
    }
}

fn review(path: &ApiPath<'_>, query: &[&str]) -> Result<(), String> {
    match path {
        ApiPath::Resource(ResourcePath {
            group: "authorization.k8s.io",
            version: "v1",
            namespace: None,
            resource,
            name: None,
            ..
        }) if REVIEWS.contains(resource) && query.is_empty() => Ok(()),
        _ => Err("POST is let through to self-reviews only".to_owned()),
    }
}

fn non_resource(segments: &[&str], query: &[&str]) -> Result<(), String> {
    let known = matches!(
        segments,
        ["version" | "healthz" | "livez" | "readyz" | "api" | "apis"]
            | ["api" | "apis" | "livez" | "readyz", _]
            | ["apis", _, _]
            | ["openapi", "v2" | "v3"]
    );
    if !known {
        return Err("this path is not one that Stethoscope reads".to_owned());
    }
    if query.is_empty() { Ok(()) } else { Err("this path takes no query".to_owned()) }
}

fn resource(path: &ResourcePath<'_>, uri: &Uri, query: &[&str], headers: &HeaderMap) -> Result<(), String> {
    if matches!(path.resource, "watch" | "proxy") {
        return Err("the old watch and proxy paths are not let through".to_owned());
    }
    // A namespace could be read as a resource by a lax proxy and the other way round; neither is ever named so.
    let secret = SECRET_BODIES.contains(&path.resource);
    if secret && !(path.sub.is_empty() && wants_metadata_only(headers)) {
        return Err("bodies of secrets and tokens are never read".to_owned());
    }
    let core = path.group.is_empty() && path.version == "v1";
    match path.sub.as_slice() {
        [] | ["status" | "scale"] => only(query, &[&QUERY]),
        ["log"] if core && path.resource == "pods" && path.namespace.is_some() => {
            only(query, &[&QUERY, &LOG_QUERY])
        }
        ["proxy", "logs", ""] if core && path.resource == "nodes" && path.namespace.is_none() => {
            only(query, &[&NODE_LOG_QUERY])?;
            // Without `query` the kubelet serves files under /var/log.
            names_units(uri)
        }
        ["proxy", below @ ..]
            if core && path.resource == "services" && path.namespace.is_some() && reads_metrics(below) =>
        {
            only(query, &[&METRICS_QUERY])
        }
        ["proxy", ..] => Err("proxy paths are let through for node logs and metrics queries only".to_owned()),
        [first, ..] => Err(format!("the sub-resource {first} is not let through")),
    }
}

/// Whether the kubelet is asked for units: what holds a slash is a file below /var/log to it (kubelet_server_journal.go),
/// and those hold audit logs and other namespaces' pod logs.
fn names_units(uri: &Uri) -> Result<(), String> {
    let mut units = uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter_map(|pair| pair.strip_prefix("query="))
        .map(|unit| unit.replace("%40", "@").replace("%3A", ":").replace("%3a", ":"))
        .peekable();
    if units.peek().is_none() {
        return Err("node logs need a query".to_owned());
    }
    let plain = |unit: &String| {
        !unit.is_empty()
            && unit.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.@:".contains(&byte))
            && !unit.to_ascii_lowercase().ends_with(".log")
    };
    if units.all(|unit| plain(&unit)) {
        Ok(())
    } else {
        Err("node logs are read by unit, not by file".to_owned())
    }
}

/// The reading half of Prometheus' HTTP API, below the prefixes that Mimir and VictoriaMetrics put before it.
fn reads_metrics(path: &[&str]) -> bool {
    let api = path.strip_prefix(&["prometheus"]).or(path.strip_prefix(&["select", "0", "prometheus"]));
    matches!(
        api.unwrap_or(path),
        ["api", "v1", "query" | "query_range" | "series" | "labels" | "metadata" | "alerts"]
            | ["api", "v1", "label", _, "values"]
            | ["api", "v1", "status", "buildinfo"]
    )
}

/// The query's keys: plain, each once.
fn query_keys(uri: &Uri) -> Result<Vec<&str>, String> {
    let Some(query) = uri.query() else { return Ok(Vec::new()) };
    let mut keys = Vec::new();
    for pair in query.split('&') {
        let (key, _) = pair.split_once('=').unwrap_or((pair, ""));
        let plain = key.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_');
        if key.is_empty() || !plain && key != MATCH {
            return Err("a query parameter's name is not plain".to_owned());
        }
        if pair.contains(';') {
            return Err("a query holds a ; which some servers read as &".to_owned());
        }
        if keys.contains(&key) {
            return Err(format!("the query parameter {key} stands twice"));
        }
        keys.push(key);
    }
    Ok(keys)
}

fn only(query: &[&str], allowed: &[&[&str]]) -> Result<(), String> {
    match query.iter().find(|key| !allowed.iter().any(|list| list.contains(*key))) {
        Some(key) => Err(format!("the query parameter {key} is not let through")),
        None => Ok(()),
    }
}

/// Every media type asked for is metadata: a server that knows none of them answers 406, never a body.
fn wants_metadata_only(headers: &HeaderMap) -> bool {
    let mut any = false;
    for value in headers.get_all(header::ACCEPT) {
        let Ok(value) = value.to_str() else { return false };
        for media in value.split(',') {
            let mut parts = media.split(';').map(str::trim);
            if parts.next() != Some("application/json") {
                return false;
            }
            let kinds: Vec<&str> = parts.filter_map(|part| part.strip_prefix("as=")).collect();
            if !matches!(kinds.as_slice(), ["PartialObjectMetadata" | "PartialObjectMetadataList"]) {
                return false;
            }
            any = true;
        }
    }
    any
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;
    use proptest::prelude::*;

    const METADATA: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

    fn judged(method: &str, uri: &str, accept: &str) -> Result<(), String> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, accept.parse().unwrap());
        let uri: Uri = uri.parse().unwrap();
        judge(&method.parse().unwrap(), &uri, &headers, BodyKind::Empty).map_err(|refusal| refusal.why)
    }

    #[test]
    fn lets_reads_through() {
        for uri in [
            "/version",
            "/api",
            "/apis",
            "/apis/apps/v1",
            "/api/v1/namespaces/shop/pods?limit=500&continue=abc%3D&labelSelector=app%3Dweb",
            "/api/v1/namespaces/shop/pods/web-0/log?container=web&tailLines=10&previous=true&timestamps=true",
            "/api/v1/nodes/n1/proxy/logs/?query=kubelet&tailLines=100",
            "/api/v1/namespaces/monitoring/services/prometheus-k8s:9090/proxy/api/v1/query?query=up&time=1",
            "/api/v1/namespaces/monitoring/services/vmselect:8481/proxy/select/0/prometheus/api/v1/series?match%5B%5D=up",
            "/api/v1/namespaces/mimir/services/front:80/proxy/prometheus/api/v1/label/__name__/values",
            "/apis/rbac.authorization.k8s.io/v1/clusterroles/system:Node",
            "/apis/metrics.k8s.io/v1beta1/nodes",
            "/apis/apps/v1/namespaces/shop/deployments/web/scale",
        ] {
            assert_eq!(judged("GET", uri, "application/json"), Ok(()), "{uri}");
        }
        assert_eq!(
            judged("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", "application/json"),
            Ok(())
        );
        assert_eq!(judged("GET", "/api/v1/namespaces/shop/secrets?limit=500", METADATA), Ok(()));
    }

    #[test]
    fn refuses_what_is_not_a_read() {
        for (method, uri) in [
            ("DELETE", "/api/v1/namespaces/shop/pods/web-0"),
            ("PATCH", "/api/v1/nodes/n1"),
            ("PUT", "/api/v1/nodes/n1"),
            ("OPTIONS", "/api/v1/nodes"),
            ("CONNECT", "/api/v1/nodes"),
            ("POST", "/api/v1/namespaces/shop/pods"),
            ("POST", "/api/v1/namespaces/shop/pods/web-0/exec?command=sh"),
            ("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews"),
            ("POST", "/apis/authorization.k8s.io/v1/namespaces/shop/localsubjectaccessreviews"),
            ("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews?dryRun=All"),
            ("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews/x"),
            ("POST", "/api/v1/namespaces/shop/serviceaccounts/default/token"),
            ("GET", "/api/v1/namespaces/shop/serviceaccounts/default/token"),
            ("GET", "/api/v1/namespaces/shop/pods/web-0/exec?command=sh"),
            ("GET", "/api/v1/namespaces/shop/pods/web-0/attach"),
            ("GET", "/api/v1/namespaces/shop/pods/web-0/portforward"),
            ("GET", "/api/v1/namespaces/shop/pods/web-0/proxy/"),
            ("GET", "/api/v1/namespaces/shop/pods/web-0/log?follow=true"),
            ("GET", "/api/v1/namespaces/shop/services/web/proxy/secrets"),
            (
                "GET",
                "/api/v1/namespaces/monitoring/services/prometheus:9090/proxy/api/v1/admin/tsdb/snapshot",
            ),
            ("GET", "/api/v1/namespaces/monitoring/services/prometheus:9090/proxy/-/quit"),
            ("GET", "/api/v1/namespaces/monitoring/services/prometheus:9090/proxy/api/v1/query?query=up&x=1"),
            ("GET", "/api/v1/namespaces/monitoring/pods/prometheus-0:9090/proxy/api/v1/query?query=up"),
            ("GET", "/api/v1/services/prometheus:9090/proxy/api/v1/query?query=up"),
            ("POST", "/api/v1/namespaces/monitoring/services/prometheus:9090/proxy/api/v1/query"),
            ("GET", "/api/v1/nodes/n1/proxy/logs/"),
            ("GET", "/api/v1/nodes/n1/proxy/logs/?query=audit/audit.log"),
            ("GET", "/api/v1/nodes/n1/proxy/logs/?query=pods%2Fshop_web%2F0.log"),
            ("GET", "/api/v1/nodes/n1/proxy/logs/?query=..%5Caudit"),
            ("GET", "/api/v1/nodes/n1/proxy/logs/?query=syslog.log"),
            ("GET", "/api/v1/nodes/n1/proxy/logs/?query="),
            ("GET", "/api/v1/nodes/n1/proxy/logs/pods?query=x"),
            ("GET", "/api/v1/nodes/n1/proxy/configz"),
            ("GET", "/api/v1/nodes/n1/proxy/run/shop/web/c?query=x"),
            ("GET", "/api/v1/watch/pods"),
            ("GET", "/api/v1/pods?watch=1"),
            ("GET", "/api/v1/pods?limit=1&limit=2"),
            ("GET", "/api/v1/pods?wat%63h=1"),
            ("GET", "/api/v1/pods?limit=1;watch=1"),
            ("GET", "/api/v1/proxy/nodes/n1"),
            ("GET", "/api/v1/secrets"),
            ("GET", "/api/v1/namespaces/shop/secrets/db"),
            ("GET", "/api/v1/namespaces/shop/%73ecrets/db"),
            ("GET", "/api/v1/namespaces/shop//secrets"),
            ("GET", "/api/v1/namespaces/shop/pods/%2e%2e/secrets"),
            ("GET", "/api/v1/namespaces/shop/SECRETS"),
            ("GET", "/logs/kubelet"),
            ("GET", "/metrics"),
            ("GET", "https://elsewhere.example/api/v1/pods"),
        ] {
            assert!(judged(method, uri, "application/json").is_err(), "{method} {uri}");
        }
    }

    #[test]
    fn secret_bodies_stay_closed_for_every_accept_but_metadata() {
        for accept in [
            "*/*",
            "application/json",
            "application/json;as=Table;v=v1;g=meta.k8s.io",
            "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1, application/json",
            "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList",
            "application/json;as=PartialObjectMetadata;as=Secret",
        ] {
            assert!(judged("GET", "/api/v1/secrets", accept).is_err(), "{accept}");
        }
        let mut twice = HeaderMap::new();
        twice.append(header::ACCEPT, METADATA.parse().unwrap());
        twice.append(header::ACCEPT, "application/json".parse().unwrap());
        assert!(judge(&Method::GET, &Uri::from_static("/api/v1/secrets"), &twice, BodyKind::Empty).is_err());
    }

    #[test]
    fn upgrades_overrides_and_bodies_are_refused() {
        let uri = Uri::from_static("/api/v1/pods");
        for name in ["upgrade", "x-http-method-override"] {
            let mut headers = HeaderMap::new();
            headers.insert(header::HeaderName::from_static(name), "DELETE".parse().unwrap());
            assert!(judge(&Method::GET, &uri, &headers, BodyKind::Empty).is_err(), "{name}");
        }
        assert!(judge(&Method::GET, &uri, &HeaderMap::new(), BodyKind::Present).is_err());
    }

    proptest! {
        #[test]
        fn no_path_reaches_a_secret_body_whatever_its_spelling(
            before in prop::collection::vec(prop_oneof![
                Just("api"), Just("apis"), Just("v1"), Just("namespaces"), Just("shop"), Just("."), Just(".."),
                Just(""), Just("pods"), Just("%2e%2e"), Just("watch"), Just("proxy"),
            ], 0..7),
            word in prop_oneof![
                Just("secrets"), Just("%73ecrets"), Just("Secrets"), Just("secrets%2f"), Just("./secrets"),
                Just("secrets/"), Just("secrets/db"), Just("secrets/db/status"), Just("secrets?limit=1"),
            ],
        ) {
            let text = format!("/{}/{word}", before.join("/"));
            if let Ok(uri) = text.parse::<Uri>() {
                let allowed = judge(&Method::GET, &uri, &HeaderMap::new(), BodyKind::Empty).is_ok();
                // Where `secrets` is a namespace's or an object's name, or an API group's, it is no Secret.
                let names_a_secret = match path::parse(uri.path()) {
                    Ok(ApiPath::Resource(path)) => path.resource == "secrets",
                    Ok(ApiPath::NonResource(_)) => false,
                    Err(_) => true,
                };
                prop_assert!(!(allowed && names_a_secret), "{text}");
            }
        }

        #[test]
        fn no_other_method_ever_passes(method in "[A-Z]{1,10}", path in "/[a-z0-9/.]{0,60}") {
            prop_assume!(!matches!(method.as_str(), "GET" | "HEAD" | "POST"));
            let uri: Uri = path.parse().unwrap();
            let method: Method = method.parse().unwrap();
            prop_assert!(judge(&method, &uri, &HeaderMap::new(), BodyKind::Empty).is_err());
        }

        #[test]
        fn post_passes_to_the_two_reviews_only(path in "/(api|apis)/[a-z0-9./%]{0,60}") {
            if let Ok(uri) = path.parse::<Uri>() {
                let passes = judge(&Method::POST, &uri, &HeaderMap::new(), BodyKind::Present).is_ok();
                prop_assert_eq!(passes, REVIEWS.iter().any(|review| {
                    uri.path() == format!("/apis/authorization.k8s.io/v1/{review}")
                }));
            }
        }

        #[test]
        fn sub_resources_pass_by_allow_list_only(sub in "[a-z]{1,14}(/[a-z]{0,8})?") {
            let uri: Uri = format!("/api/v1/namespaces/shop/pods/web-0/{sub}").parse().unwrap();
            let passes = judge(&Method::GET, &uri, &HeaderMap::new(), BodyKind::Empty).is_ok();
            prop_assert_eq!(passes, matches!(sub.as_str(), "log" | "status" | "scale"));
        }
    }
}
