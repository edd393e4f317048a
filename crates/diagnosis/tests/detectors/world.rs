//! Small worlds out of JSON objects.

use serde_json::{Value, json};
use stethoscope_diagnosis::snapshot::{About, Kind, LogExcerpt, LogSource, Signal, Snapshot};
use stethoscope_diagnosis::{Diagnosis, Focus, diagnose};

pub(crate) const NOW: &str = "2026-01-01T12:00:00Z";

#[derive(Default)]
pub(crate) struct World {
    snapshot: Snapshot,
}

impl World {
    /// One ready node and nothing else.
    pub(crate) fn empty() -> Self {
        let mut world = Self::default();
        world.snapshot.taken_at = NOW.parse().ok();
        world.with(Kind::Node, node("n1"))
    }

    /// A Deployment `web` in `shop` with one ready pod behind a Service.
    pub(crate) fn healthy() -> Self {
        Self::empty()
            .with(Kind::Deployment, deployment("web"))
            .with(Kind::ReplicaSet, replica_set("web"))
            .with(Kind::Pod, pod("web"))
            .with(Kind::Service, service("web"))
            .with(Kind::EndpointSlice, slice("web", true))
    }

    /// The same with the pod, its workload and its endpoint changed to not ready, the pod patched.
    pub(crate) fn sick(patch: Value) -> Self {
        Self::empty()
            .with(
                Kind::Deployment,
                merged(deployment("web"), json!({"status": {"readyReplicas": 0, "availableReplicas": 0}})),
            )
            .with(Kind::ReplicaSet, replica_set("web"))
            .with(Kind::Pod, merged(unready(pod("web")), patch))
            .with(Kind::Service, service("web"))
            .with(Kind::EndpointSlice, slice("web", false))
    }

    pub(crate) fn with(mut self, kind: Kind, object: Value) -> Self {
        self.snapshot.push(kind, object).unwrap();
        self
    }

    pub(crate) fn without_nodes(mut self) -> Self {
        self.snapshot.nodes.clear();
        self
    }

    pub(crate) fn log(self, pod: &str, container: &str, previous: bool, text: &str) -> Self {
        self.log_in("shop", pod, container, previous, text)
    }

    pub(crate) fn log_in(
        mut self,
        namespace: &str,
        pod: &str,
        container: &str,
        previous: bool,
        text: &str,
    ) -> Self {
        let source = LogSource::Container {
            namespace: namespace.to_owned(),
            pod: pod.to_owned(),
            container: container.to_owned(),
            previous,
        };
        self.snapshot.add_log(LogExcerpt { source, text: text.to_owned(), truncated: false });
        self
    }

    pub(crate) fn server(mut self, version: &str) -> Self {
        self.snapshot.server_version = Some(version.to_owned());
        self
    }

    pub(crate) fn unit(mut self, node: &str, unit: &str, text: &str) -> Self {
        let source = LogSource::NodeUnit { node: node.to_owned(), unit: unit.to_owned() };
        self.snapshot.add_log(LogExcerpt { source, text: text.to_owned(), truncated: false });
        self
    }

    pub(crate) fn signals(mut self, signals: Vec<Signal>) -> Self {
        self.snapshot.signals = signals;
        self
    }

    pub(crate) fn timed(&mut self, timed: Vec<About>) {
        self.snapshot.timed = timed;
    }

    pub(crate) fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    pub(crate) fn diagnosis(&self) -> Diagnosis {
        diagnose(&self.snapshot, &Focus { namespace: Some("shop".to_owned()), words: vec![] })
    }

    /// `cause on subject` of every finding, best first.
    pub(crate) fn causes(&self) -> Vec<String> {
        self.diagnosis()
            .findings
            .iter()
            .map(|finding| format!("{} on {}", finding.cause, finding.subject))
            .collect()
    }

    pub(crate) fn first(&self) -> String {
        self.causes().into_iter().next().unwrap_or_default()
    }

    /// Whether any finding has a cause that begins so.
    pub(crate) fn tells(&self, cause: &str) -> bool {
        self.causes().iter().any(|told| told.starts_with(cause))
    }
}

/// `patch` over `base`, maps merged, the rest replaced.
pub(crate) fn merged(mut base: Value, patch: Value) -> Value {
    fn over(base: &mut Value, patch: Value) {
        match (base, patch) {
            (Value::Object(base), Value::Object(patch)) => {
                for (key, value) in patch {
                    over(base.entry(key).or_insert(Value::Null), value);
                }
            }
            (base, patch) => *base = patch,
        }
    }
    over(&mut base, patch);
    base
}

pub(crate) fn node(name: &str) -> Value {
    json!({
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, "zone": "a"}},
        "spec": {},
        "status": {
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
            "allocatable": {"cpu": "4", "memory": "8Gi", "pods": "110"}
        }
    })
}

pub(crate) fn template(app: &str) -> Value {
    json!({
        "metadata": {"labels": {"app": app}},
        "spec": {"containers": [{"name": "main", "image": "registry.example/web:1", "ports": [{"containerPort": 8080, "name": "http"}],
            "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"memory": "64Mi"}}}]}
    })
}

pub(crate) fn deployment(app: &str) -> Value {
    json!({
        "metadata": {"name": app, "namespace": "shop", "creationTimestamp": "2026-01-01T11:00:00Z"},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": app}}, "template": template(app)},
        "status": {"replicas": 1, "readyReplicas": 1, "availableReplicas": 1, "updatedReplicas": 1}
    })
}

pub(crate) fn replica_set(app: &str) -> Value {
    json!({
        "metadata": {"name": format!("{app}-1"), "namespace": "shop", "ownerReferences": [{"kind": "Deployment", "name": app, "controller": true}]},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": app}}, "template": template(app)},
        "status": {"replicas": 1}
    })
}

pub(crate) fn pod(app: &str) -> Value {
    let mut spec = template(app)["spec"].clone();
    spec["nodeName"] = json!("n1");
    json!({
        "metadata": {"name": format!("{app}-1-x"), "namespace": "shop", "labels": {"app": app},
            "creationTimestamp": "2026-01-01T11:50:00Z",
            "ownerReferences": [{"kind": "ReplicaSet", "name": format!("{app}-1"), "controller": true}]},
        "spec": spec,
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{"name": "main", "ready": true, "restartCount": 0, "state": {"running": {"startedAt": "2026-01-01T11:50:05Z"}}}]}
    })
}

pub(crate) fn unready(pod: Value) -> Value {
    merged(
        pod,
        json!({"status": {"conditions": [{"type": "Ready", "status": "False"}],
            "containerStatuses": [{"name": "main", "ready": false, "restartCount": 0, "state": {"running": {}}}]}}),
    )
}

/// A pod's status with one container in this state.
pub(crate) fn container(state: Value, last: Value, restarts: i64) -> Value {
    json!({"status": {"containerStatuses": [{"name": "main", "ready": false, "restartCount": restarts, "state": state, "lastState": last}]}})
}

pub(crate) fn waiting(reason: &str, message: &str) -> Value {
    json!({"waiting": {"reason": reason, "message": message}})
}

/// A container that ended so, after some restarts.
pub(crate) fn crashed(code: i64, reason: &str) -> Value {
    container(
        waiting("CrashLoopBackOff", "back-off 5m0s restarting failed container"),
        json!({"terminated": {"exitCode": code, "reason": reason, "startedAt": "2026-01-01T11:58:00Z", "finishedAt": "2026-01-01T11:58:02Z"}}),
        5,
    )
}

pub(crate) fn unscheduled(app: &str, spec: Value) -> Value {
    let mut pod = merged(pod(app), json!({"spec": spec}));
    pod["spec"]["nodeName"] = Value::Null;
    pod["status"] = json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]});
    pod
}

pub(crate) fn service(app: &str) -> Value {
    json!({
        "metadata": {"name": app, "namespace": "shop"},
        "spec": {"selector": {"app": app}, "clusterIP": "10.0.0.7", "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}
    })
}

pub(crate) fn slice(app: &str, ready: bool) -> Value {
    json!({
        "metadata": {"name": format!("{app}-s"), "namespace": "shop", "labels": {"kubernetes.io/service-name": app}},
        "endpoints": [{"addresses": ["10.1.0.5"], "conditions": {"ready": ready}}],
        "ports": [{"name": "http", "port": 8080}]
    })
}

pub(crate) fn event(kind: &str, name: &str, reason: &str, message: &str) -> Value {
    json!({
        "metadata": {"name": format!("{name}.{reason}"), "namespace": "shop"},
        "involvedObject": {"kind": kind, "name": name, "namespace": "shop"},
        "type": "Warning", "reason": reason, "message": message, "count": 3,
        "firstTimestamp": "2026-01-01T11:58:00Z", "lastTimestamp": "2026-01-01T11:59:30Z"
    })
}
