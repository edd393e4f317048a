//! An API server in this process, small and wilful: it pages, selects, logs what it is asked, and fails on demand.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failing fake server is a failing test")]

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use kube::client::Body;
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;
use stethoscope_cluster::{Cluster, Sealer, Traffic};
use stethoscope_core::clock::FixedClock;
use stethoscope_core::tool::{CallContext, ToolError, ToolOutput};
use tower::{BoxError, Service};

/// The moment of every test.
pub const NOW: &str = "2026-03-01T12:00:00Z";

/// A request as it reached the transport.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub method: String,
    pub path: String,
    pub query: String,
    pub accept: String,
}

/// An answer given instead of the usual one.
#[derive(Clone, Debug)]
pub enum Fault {
    Status(u16, Value),
    RetryAfter(u16, u64),
    Body(String),
    Slow(Duration),
    Broken,
}

#[derive(Default)]
struct State {
    lists: BTreeMap<String, Vec<Value>>,
    texts: BTreeMap<String, String>,
    faults: BTreeMap<String, VecDeque<Fault>>,
    always: BTreeMap<String, Fault>,
    kinds: Vec<Served>,
    seen: Vec<Seen>,
    legacy: bool,
    denied: Vec<String>,
}

#[derive(Clone)]
struct Served {
    group: &'static str,
    version: &'static str,
    plural: &'static str,
    kind: &'static str,
    namespaced: bool,
    short: &'static str,
}

/// The server. Clones share their state.
#[derive(Clone, Default)]
pub struct Fake {
    state: Arc<Mutex<State>>,
}

const KINDS: &[(&str, &str, &str, &str, bool, &str)] = &[
    ("", "v1", "pods", "Pod", true, "po"),
    ("", "v1", "nodes", "Node", false, "no"),
    ("", "v1", "namespaces", "Namespace", false, "ns"),
    ("", "v1", "services", "Service", true, "svc"),
    ("", "v1", "configmaps", "ConfigMap", true, "cm"),
    ("", "v1", "secrets", "Secret", true, ""),
    ("", "v1", "events", "Event", true, "ev"),
    ("", "v1", "serviceaccounts", "ServiceAccount", true, "sa"),
    ("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", true, "pvc"),
    ("", "v1", "persistentvolumes", "PersistentVolume", false, "pv"),
    ("", "v1", "resourcequotas", "ResourceQuota", true, "quota"),
    ("", "v1", "limitranges", "LimitRange", true, "limits"),
    ("apps", "v1", "deployments", "Deployment", true, "deploy"),
    ("apps", "v1", "replicasets", "ReplicaSet", true, "rs"),
    ("apps", "v1", "statefulsets", "StatefulSet", true, "sts"),
    ("apps", "v1", "daemonsets", "DaemonSet", true, "ds"),
    ("apps", "v1", "controllerrevisions", "ControllerRevision", true, ""),
    ("batch", "v1", "jobs", "Job", true, ""),
    ("batch", "v1", "cronjobs", "CronJob", true, "cj"),
    ("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", true, "hpa"),
    ("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", true, "pdb"),
    ("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice", true, ""),
    ("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy", true, "netpol"),
    ("networking.k8s.io", "v1", "ingresses", "Ingress", true, "ing"),
    ("storage.k8s.io", "v1", "storageclasses", "StorageClass", false, "sc"),
    ("scheduling.k8s.io", "v1", "priorityclasses", "PriorityClass", false, "pc"),
    ("coordination.k8s.io", "v1", "leases", "Lease", true, ""),
    ("rbac.authorization.k8s.io", "v1", "roles", "Role", true, ""),
    ("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding", true, ""),
    ("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", false, ""),
    ("rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding", false, ""),
    ("metrics.k8s.io", "v1beta1", "pods", "PodMetrics", true, ""),
    ("metrics.k8s.io", "v1beta1", "nodes", "NodeMetrics", false, ""),
    ("shop.example.com", "v1", "carts", "Cart", true, "ct"),
];

impl Fake {
    /// A server that knows the kinds above and holds nothing.
    pub fn new() -> Self {
        let fake = Self::default();
        fake.change(|state| {
            state.kinds = KINDS
                .iter()
                .map(|&(group, version, plural, kind, namespaced, short)| Served {
                    group,
                    version,
                    plural,
                    kind,
                    namespaced,
                    short,
                })
                .collect();
        });
        fake
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap())
    }

    /// Adds an object by its own apiVersion and kind.
    pub fn with(self, object: Value) -> Self {
        let api_version = object["apiVersion"].as_str().unwrap_or("v1").to_owned();
        let (group, version) = api_version.split_once('/').unwrap_or(("", &api_version));
        let kind = object["kind"].as_str().unwrap_or_default().to_owned();
        let key = self.change(|state| {
            let known = state
                .kinds
                .iter()
                .find(|known| known.kind == kind && known.group == group && known.version == version)
                .unwrap_or_else(|| panic!("the fake server has no {api_version} {kind}"));
            format!("{}/{}", known.group, known.plural)
        });
        self.change(|state| state.lists.entry(key).or_default().push(object));
        self
    }

    /// Serves a text (a log) at a path.
    pub fn with_text(self, path: &str, text: &str) -> Self {
        self.change(|state| state.texts.insert(path.to_owned(), text.to_owned()));
        self
    }

    /// Fails the next request of a path, once for each call.
    pub fn fail(self, path: &str, fault: Fault) -> Self {
        self.change(|state| state.faults.entry(path.to_owned()).or_default().push_back(fault));
        self
    }

    /// Fails every request of a path.
    pub fn fail_always(self, path: &str, fault: Fault) -> Self {
        self.change(|state| state.always.insert(path.to_owned(), fault));
        self
    }

    /// Serves the old discovery documents only.
    pub fn legacy(self) -> Self {
        self.change(|state| state.legacy = true);
        self
    }

    /// Stops serving a kind.
    pub fn without(self, plural: &str) -> Self {
        self.change(|state| state.kinds.retain(|kind| kind.plural != plural));
        self
    }

    /// Forbids a resource to self-reviews.
    pub fn deny(self, resource: &str) -> Self {
        self.change(|state| state.denied.push(resource.to_owned()));
        self
    }

    /// What reached the transport so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.change(|state| state.seen.clone())
    }

    /// Requests of one path.
    pub fn seen_at(&self, path: &str) -> Vec<Seen> {
        self.seen().into_iter().filter(|seen| seen.path == path).collect()
    }

    /// A cluster over it.
    pub fn cluster(&self) -> Cluster {
        self.cluster_with(Traffic {
            qps: 0.0,
            longest_backoff: Duration::from_millis(20),
            ..Traffic::default()
        })
    }

    /// A cluster with other bounds.
    pub fn cluster_with(&self, traffic: Traffic) -> Cluster {
        let clock = Arc::new(FixedClock(NOW.parse().unwrap()));
        Cluster::over_service_with(self.clone(), "default", traffic, Sealer::new([7; 32]), clock)
    }

    fn answer(&self, seen: &Seen, body: &Bytes) -> Response<Full<Bytes>> {
        let answer = self.change(|state| respond(state, seen, body));
        match answer {
            Answer::Json(value) => json_response(200, &value),
            Answer::Text(text) => Response::new(Full::new(Bytes::from(text))),
            Answer::Failure(code, message) => json_response(code, &status(code, &message)),
        }
    }

    fn next_fault(&self, path: &str) -> Option<Fault> {
        self.change(|state| {
            let queued = state.faults.get_mut(path).and_then(VecDeque::pop_front);
            queued.or_else(|| state.always.get(path).cloned())
        })
    }
}

enum Answer {
    Json(Value),
    Text(String),
    Failure(u16, String),
}

/// A `metav1.Status`.
pub fn status(code: u16, message: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "message": message})
}

fn json_response(code: u16, value: &Value) -> Response<Full<Bytes>> {
    Response::builder()
        .status(code)
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(value.to_string())))
        .unwrap()
}

fn parameters(query: &str) -> BTreeMap<String, String> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (key.to_owned(), decode(value))
        })
        .collect()
}

fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b'%' {
            out.push(u8::from_str_radix(&text[at + 1..at + 3], 16).unwrap());
            at += 3;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8(out).unwrap()
}

fn respond(state: &mut State, seen: &Seen, body: &Bytes) -> Answer {
    let segments: Vec<&str> = seen.path.trim_matches('/').split('/').collect();
    match segments.as_slice() {
        ["version"] => return Answer::Json(json!({"gitVersion": "v1.36.0"})),
        ["api"] => return Answer::Json(core_discovery(state, &seen.accept)),
        ["apis"] => return Answer::Json(group_discovery(state, &seen.accept)),
        ["apis", "authorization.k8s.io", "v1", "selfsubjectaccessreviews"] => {
            let review: Value = serde_json::from_slice(body).unwrap();
            let resource = review["spec"]["resourceAttributes"]["resource"].as_str().unwrap_or_default();
            let allowed = !state.denied.iter().any(|denied| denied == resource);
            return Answer::Json(json!({"status": {"allowed": allowed}}));
        }
        ["apis", "authorization.k8s.io", "v1", "selfsubjectrulesreviews"] => {
            return Answer::Json(json!({"status": {"incomplete": false, "resourceRules": [
                {"verbs": ["get", "list"], "apiGroups": [""], "resources": ["pods"]}]}}));
        }
        _ => {}
    }
    if let Some(text) = state.texts.get(&seen.path) {
        let parameters = parameters(&seen.query);
        if let Some(container) = parameters.get("container") {
            let previous = parameters.contains_key("previous");
            let key = format!("{}?{container}{}", seen.path, if previous { "&previous" } else { "" });
            return match state.texts.get(&key) {
                Some(text) => Answer::Text(tail(text, parameters.get("tailLines"))),
                None if previous => {
                    Answer::Failure(400, format!("previous terminated container {container:?} not found"))
                }
                None => Answer::Text(tail(text, parameters.get("tailLines"))),
            };
        }
        return Answer::Text(tail(text, parameters.get("tailLines")));
    }
    let (group, version, rest) = match segments.as_slice() {
        ["api", version, rest @ ..] => ("", *version, rest),
        ["apis", group, version, rest @ ..] => (*group, *version, rest),
        _ => return Answer::Failure(404, "the server could not find the requested resource".to_owned()),
    };
    if rest.is_empty() {
        return Answer::Json(resource_list(state, group, version));
    }
    let (namespace, rest) = match rest {
        ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (Some(*namespace), rest),
        rest => (None, rest),
    };
    let plural = rest[0];
    let Some(kind) = state
        .kinds
        .iter()
        .find(|kind| kind.group == group && kind.version == version && kind.plural == plural)
        .cloned()
    else {
        return Answer::Failure(404, "the server could not find the requested resource".to_owned());
    };
    let all = state.lists.get(&format!("{group}/{plural}")).cloned().unwrap_or_default();
    let place = |object: &Value| object["metadata"]["namespace"].as_str().map(str::to_owned);
    let mut found: Vec<Value> = all
        .into_iter()
        .filter(|object| namespace.is_none_or(|name| place(object).as_deref() == Some(name)))
        .collect();
    if let Some(name) = rest.get(1) {
        return match found.into_iter().find(|object| object["metadata"]["name"] == **name) {
            Some(object) => Answer::Json(object),
            None => Answer::Failure(404, format!("{plural} {name:?} not found")),
        };
    }
    let parameters = parameters(&seen.query);
    if let Some(selector) = parameters.get("labelSelector") {
        for pair in selector.split(',') {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            found.retain(|object| object["metadata"]["labels"][key] == value);
        }
    }
    if let Some(selector) = parameters.get("fieldSelector") {
        for pair in selector.split(',') {
            let (key, value) = pair.split_once('=').unwrap();
            let pointer = format!("/{}", key.replace('.', "/"));
            found.retain(|object| {
                object.pointer(&pointer).and_then(Value::as_str).unwrap_or_default() == value
            });
        }
    }
    let from: usize = parameters.get("continue").map_or(0, |token| token.parse().unwrap());
    let limit: usize = parameters.get("limit").map_or(usize::MAX, |limit| limit.parse().unwrap());
    let total = found.len();
    let mut items: Vec<Value> = found.into_iter().skip(from).take(limit).collect();
    for item in &mut items {
        // Items of a typed list carry neither.
        item.as_object_mut().unwrap().shift_remove("kind");
        item.as_object_mut().unwrap().shift_remove("apiVersion");
        if seen.accept.contains("PartialObjectMetadata") {
            item.as_object_mut().unwrap().retain(|key, _| key == "metadata");
        }
    }
    let end = from + items.len();
    let mut metadata = json!({"resourceVersion": "1"});
    if end < total {
        metadata["continue"] = json!(end.to_string());
        metadata["remainingItemCount"] = json!(total - end);
    }
    Answer::Json(json!({"kind": format!("{}List", kind.kind), "metadata": metadata, "items": items}))
}

fn tail(text: &str, lines: Option<&String>) -> String {
    let lines: usize = lines.map_or(usize::MAX, |lines| lines.parse().unwrap());
    let all: Vec<&str> = text.lines().collect();
    let mut out = all[all.len().saturating_sub(lines)..].join("\n");
    if !out.is_empty() {
        out.push('\n');
    }
    out
}

fn entry(kind: &Served) -> Value {
    let short: Vec<&str> = if kind.short.is_empty() { vec![] } else { vec![kind.short] };
    json!({"resource": kind.plural, "singularResource": kind.kind.to_lowercase(),
        "responseKind": {"kind": kind.kind}, "scope": if kind.namespaced { "Namespaced" } else { "Cluster" },
        "shortNames": short, "verbs": ["get", "list", "watch", "create", "delete"]})
}

fn groups(state: &State, core: bool) -> Vec<Value> {
    let mut names: Vec<(&str, &str)> = Vec::new();
    for kind in &state.kinds {
        if kind.group.is_empty() == core && !names.contains(&(kind.group, kind.version)) {
            names.push((kind.group, kind.version));
        }
    }
    names
        .iter()
        .map(|(group, version)| {
            let resources: Vec<Value> =
                state.kinds.iter().filter(|kind| kind.group == *group).map(entry).collect();
            json!({"metadata": {"name": group}, "versions": [
                {"version": version, "freshness": "Current", "resources": resources}]})
        })
        .collect()
}

fn core_discovery(state: &State, accept: &str) -> Value {
    if state.legacy || !accept.contains("APIGroupDiscoveryList") {
        return json!({"kind": "APIVersions", "versions": ["v1"]});
    }
    json!({"kind": "APIGroupDiscoveryList", "items": groups(state, true)})
}

fn group_discovery(state: &State, accept: &str) -> Value {
    let groups = groups(state, false);
    if state.legacy || !accept.contains("APIGroupDiscoveryList") {
        let groups: Vec<Value> = groups
            .iter()
            .map(|group| {
                let version = &group["versions"][0]["version"];
                json!({"name": group["metadata"]["name"], "versions": [{"version": version}],
                    "preferredVersion": {"version": version}})
            })
            .collect();
        return json!({"kind": "APIGroupList", "groups": groups});
    }
    json!({"kind": "APIGroupDiscoveryList", "items": groups})
}

fn resource_list(state: &State, group: &str, version: &str) -> Value {
    let resources: Vec<Value> = state
        .kinds
        .iter()
        .filter(|kind| kind.group == group && kind.version == version)
        .map(|kind| {
            json!({"name": kind.plural, "singularName": kind.kind.to_lowercase(), "kind": kind.kind,
                "namespaced": kind.namespaced, "shortNames": [kind.short], "verbs": ["get", "list"]})
        })
        .collect();
    json!({"kind": "APIResourceList", "resources": resources})
}

impl Service<Request<Body>> for Fake {
    type Response = Response<Full<Bytes>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let fake = self.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let header = |name: &str| {
                parts.headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
            };
            let seen = Seen {
                method: parts.method.to_string(),
                path: parts.uri.path().to_owned(),
                query: parts.uri.query().unwrap_or_default().to_owned(),
                accept: header("accept"),
            };
            fake.change(|state| state.seen.push(seen.clone()));
            let body = body.collect().await?.to_bytes();
            assert!(parts.method == Method::GET || parts.method == Method::POST, "{seen:?}");
            match fake.next_fault(&seen.path) {
                None => Ok(fake.answer(&seen, &body)),
                Some(Fault::Status(code, value)) => Ok(json_response(code, &value)),
                Some(Fault::RetryAfter(code, seconds)) => {
                    let mut response = json_response(code, &status(code, "slow down"));
                    response.headers_mut().insert("retry-after", seconds.to_string().parse().unwrap());
                    Ok(response)
                }
                Some(Fault::Body(text)) => Ok(Response::new(Full::new(Bytes::from(text)))),
                Some(Fault::Slow(wait)) => {
                    tokio::time::sleep(wait).await;
                    Ok(fake.answer(&seen, &body))
                }
                Some(Fault::Broken) => Err("connection reset by peer".into()),
            }
        })
    }
}

/// A call's surroundings.
pub fn context(namespace: Option<&str>) -> CallContext {
    CallContext { namespace: namespace.map(str::to_owned), now: NOW.parse().unwrap() }
}

/// Calls a tool by name.
pub async fn call(cluster: &Cluster, name: &str, arguments: Value) -> Result<ToolOutput, ToolError> {
    call_in(cluster, name, arguments, Some("shop")).await
}

/// Calls a tool in a namespace.
pub async fn call_in(
    cluster: &Cluster,
    name: &str,
    arguments: Value,
    namespace: Option<&str>,
) -> Result<ToolOutput, ToolError> {
    let tools = stethoscope_cluster::tools(cluster, &[]);
    let tool = tools.iter().find(|tool| tool.spec().name == name).unwrap();
    tool.call(arguments, &context(namespace)).await
}
