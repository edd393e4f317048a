//! What the tools say about a small shop: a rollout that broke, a claim without a class, a Service that selects nothing.

#![allow(clippy::unwrap_used, reason = "a failing test fails")]

mod fake;

use fake::{Fake, Fault, NOW, call, call_in, status};
use insta::assert_snapshot;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use stethoscope_cluster::CheckState;
use stethoscope_core::evidence::find_quote;
use stethoscope_core::text::estimate_tokens;
use stethoscope_core::tool::{Coverage, ToolError, ToolOutput};

fn meta(name: &str, created: &str) -> Value {
    json!({"name": name, "namespace": "shop", "creationTimestamp": created, "uid": format!("uid-{name}"),
        "resourceVersion": "1"})
}

fn labelled(name: &str, created: &str, labels: &Value) -> Value {
    let mut meta = meta(name, created);
    meta["labels"] = labels.clone();
    meta
}

fn owned(mut meta: Value, api_version: &str, kind: &str, name: &str) -> Value {
    meta["ownerReferences"] =
        json!([{"apiVersion": api_version, "kind": kind, "name": name, "controller": true}]);
    meta
}

fn template(image: &str) -> Value {
    json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [
        {"name": "web", "image": image, "ports": [{"containerPort": 8080}],
         "env": [{"name": "DB_URL", "value": "db:5432"}],
         "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"cpu": "200m", "memory": "128Mi"}}}]}})
}

fn replica_set(name: &str, created: &str, revision: &str, image: &str, ready: i64, replicas: i64) -> Value {
    let mut meta = owned(labelled(name, created, &json!({"app": "web"})), "apps/v1", "Deployment", "web");
    meta["annotations"] = json!({"deployment.kubernetes.io/revision": revision});
    let mut template = template(image);
    template["metadata"]["labels"]["pod-template-hash"] = json!(name);
    json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": meta,
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}}, "template": template},
        "status": {"replicas": replicas, "readyReplicas": ready}})
}

fn web_pod(name: &str, set: &str, image: &str, state: &Value, restarts: i64) -> Value {
    let ready = state.get("running").is_some();
    let meta =
        owned(labelled(name, "2026-03-01T11:30:00Z", &json!({"app": "web"})), "apps/v1", "ReplicaSet", set);
    let mut spec = template(image)["spec"].clone();
    spec["nodeName"] = json!("n1");
    spec["nodeSelector"] = json!({"disktype": "ssd"});
    spec["volumes"] = json!([{"name": "data", "persistentVolumeClaim": {"claimName": "web-data"}},
        {"name": "conf", "configMap": {"name": "web-conf"}}, {"name": "more", "configMap": {"name": "gone"}}]);
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec,
        "status": {"phase": "Running", "podIP": "10.0.0.9",
            "conditions": [{"type": "Ready", "status": if ready { "True" } else { "False" },
                "reason": "ContainersNotReady", "message": "containers with unready status: [web]",
                "lastTransitionTime": "2026-03-01T11:40:00Z"}],
            "containerStatuses": [{"name": "web", "ready": ready, "restartCount": restarts, "state": state,
                "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled",
                    "finishedAt": "2026-03-01T11:55:00Z"}}}]}})
}

fn event(
    name: &str,
    kind: &str,
    object: &str,
    event_type: &str,
    reason: &str,
    message: &str,
    count: i64,
) -> Value {
    json!({"apiVersion": "v1", "kind": "Event", "metadata": meta(name, "2026-03-01T11:45:00Z"),
        "involvedObject": {"kind": kind, "name": object, "namespace": "shop"}, "type": event_type,
        "reason": reason, "message": message, "count": count,
        "firstTimestamp": "2026-03-01T11:45:00Z", "lastTimestamp": "2026-03-01T11:58:00Z"})
}

fn shop() -> Fake {
    let crashing = json!({"waiting": {"reason": "CrashLoopBackOff",
        "message": "back-off 5m0s restarting failed container=web pod=web-new-1"}});
    let running = json!({"running": {"startedAt": "2026-03-01T10:00:00Z"}});
    let mut deployment = labelled("web", "2026-02-20T08:00:00Z", &json!({"app": "web"}));
    deployment["managedFields"] = json!([
        {"manager": "kubectl-edit", "operation": "Update", "time": "2026-03-01T11:29:50Z",
         "fieldsV1": {"f:spec": {"f:template": {"f:spec": {"f:containers": {
            "k:{\"name\":\"web\"}": {"f:image": {}}}}}}}},
        {"manager": "kube-controller-manager", "operation": "Update", "time": "2026-03-01T11:58:00Z",
         "subresource": "status", "fieldsV1": {"f:status": {"f:replicas": {}}}}]);
    let objects = vec![
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}, "status": {"phase": "Active"}}),
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "lab"}, "status": {"phase": "Active"}}),
        json!({"apiVersion": "v1", "kind": "Node",
            "metadata": {"name": "n1", "creationTimestamp": "2026-01-01T00:00:00Z",
                "labels": {"node-role.kubernetes.io/worker": ""}},
            "spec": {"taints": [{"key": "maintenance", "effect": "NoSchedule",
                "timeAdded": "2026-03-01T09:00:00Z"}]},
            "status": {"nodeInfo": {"kubeletVersion": "v1.36.0"}, "allocatable": {"cpu": "4", "memory": "8Gi"},
                "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:01:00Z"},
                    {"type": "MemoryPressure", "status": "True", "reason": "KubeletHasInsufficientMemory",
                     "message": "kubelet has insufficient memory", "lastTransitionTime": "2026-03-01T11:50:00Z"}]}}),
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": deployment,
            "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": template("web:2")},
            "status": {"replicas": 2, "readyReplicas": 1, "updatedReplicas": 1, "availableReplicas": 1}}),
        replica_set("web-old", "2026-02-20T08:00:00Z", "1", "web:1", 1, 1),
        replica_set("web-new", "2026-03-01T11:30:00Z", "2", "web:2", 0, 1),
        web_pod("web-old-1", "web-old", "web:1", &running, 0),
        web_pod("web-new-1", "web-new", "web:2", &crashing, 7),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": meta("web", "2026-02-20T08:00:00Z"),
            "spec": {"type": "ClusterIP", "clusterIP": "10.1.0.1", "selector": {"app": "web"},
                "ports": [{"name": "http", "port": 80, "targetPort": 8080, "protocol": "TCP"}]}}),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": meta("cart", "2026-02-20T08:00:00Z"),
            "spec": {"type": "ClusterIP", "clusterIP": "10.1.0.2", "selector": {"app": "carts"},
                "ports": [{"port": 80, "protocol": "TCP"}]}}),
        json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": labelled("web-x", "2026-02-20T08:00:00Z", &json!({"kubernetes.io/service-name": "web"})),
            "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
            "endpoints": [{"addresses": ["10.0.0.8"], "conditions": {"ready": true}, "targetRef": {"name": "web-old-1"}},
                {"addresses": ["10.0.0.9"], "conditions": {"ready": false}, "targetRef": {"name": "web-new-1"}}]}),
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta("web-conf", "2026-02-20T08:00:00Z"),
            "data": {"app.conf": "a=1\nb=2"}}),
        json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim",
            "metadata": meta("web-data", "2026-02-20T08:00:00Z"),
            "spec": {"storageClassName": "fast", "resources": {"requests": {"storage": "1Gi"}}},
            "status": {"phase": "Pending"}}),
        json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
            "metadata": {"name": "slow", "creationTimestamp": "2026-01-01T00:00:00Z"}, "provisioner": "x.example.com"}),
        json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
            "metadata": meta("web", "2026-02-20T08:00:00Z"),
            "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}},
            "status": {"disruptionsAllowed": 0}}),
        json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
            "metadata": meta("web", "2026-02-20T08:00:00Z"),
            "spec": {"minReplicas": 2, "maxReplicas": 5,
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}},
            "status": {"currentReplicas": 2}}),
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta("web", "2026-02-20T08:00:00Z")}),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
            "metadata": meta("reader", "2026-02-20T08:00:00Z"),
            "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}]}),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": meta("web", "2026-02-20T08:00:00Z"), "roleRef": {"kind": "Role", "name": "reader"},
            "subjects": [{"kind": "ServiceAccount", "name": "web", "namespace": "shop"}]}),
        event(
            "e1",
            "Pod",
            "web-new-1",
            "Warning",
            "BackOff",
            "Back-off restarting failed container web in pod web-new-1_shop(uid)",
            40,
        ),
        event(
            "e2",
            "Pod",
            "web-old-1",
            "Normal",
            "Pulled",
            "Container image \"web:1\" already present on machine",
            1,
        ),
        event(
            "e3",
            "Deployment",
            "web",
            "Normal",
            "ScalingReplicaSet",
            "Scaled up replica set web-new from 0 to 1",
            1,
        ),
        event(
            "e4",
            "PersistentVolumeClaim",
            "web-data",
            "Warning",
            "ProvisioningFailed",
            "storageclass.storage.k8s.io \"fast\" not found",
            12,
        ),
        json!({"apiVersion": "metrics.k8s.io/v1beta1", "kind": "PodMetrics", "metadata": meta("web-old-1", NOW),
            "containers": [{"name": "web", "usage": {"cpu": "150m", "memory": "100Mi"}}]}),
        json!({"apiVersion": "metrics.k8s.io/v1beta1", "kind": "NodeMetrics",
            "metadata": {"name": "n1"}, "usage": {"cpu": "1500m", "memory": "6Gi"}}),
        json!({"apiVersion": "shop.example.com/v1", "kind": "Cart", "metadata": meta("c1", "2026-03-01T00:00:00Z"),
            "status": {"conditions": [{"type": "Ready", "status": "False"}]}}),
    ];
    let log = "/api/v1/namespaces/shop/pods/web-new-1/log";
    objects
        .into_iter()
        .fold(Fake::new(), Fake::with)
        .with_text(log, "2026-03-01T11:57:01Z starting\n2026-03-01T11:57:02Z listening on :8080\n")
        .with_text(
            &format!("{log}?web&previous"),
            "2026-03-01T11:54:01Z starting\n2026-03-01T11:54:02Z retry 1: dial tcp 10.1.0.7:5432: connection refused\n\
             2026-03-01T11:54:03Z retry 2: dial tcp 10.1.0.7:5432: connection refused\n\
             2026-03-01T11:54:09Z retry 3: dial tcp 10.1.0.7:5432: connection refused\n\
             2026-03-01T11:55:00Z fatal: out of memory\n",
        )
        .with_text("/api/v1/namespaces/shop/pods/web-old-1/log", "GET /cart/1 200\nGET /cart/2 200\nGET /cart/3 500\n")
        .with_text(
            "/api/v1/nodes/n1/proxy/logs/",
            "E0301 11:50:00.1 eviction_manager.go:1] eviction 1\nE0301 11:51:00.2 eviction_manager.go:1] eviction 2\n",
        )
}

/// The text and what it lacks, as the intake is given them.
fn shown(output: &ToolOutput) -> String {
    let mut out = format!("# {}\n{}", output.summary, output.text);
    for line in &output.coverage.missing {
        out.push_str(&format!("[not seen: {line}]\n"));
    }
    for line in &output.coverage.truncated {
        out.push_str(&format!("[cut: {line}]\n"));
    }
    out
}

async fn said(name: &str, arguments: Value) -> String {
    match call(&shop().cluster(), name, arguments).await {
        Ok(output) => shown(&output),
        Err(error) => format!("error: {error}"),
    }
}

#[tokio::test]
async fn overview_of_a_namespace() {
    assert_snapshot!(said("k8s_overview", json!({})).await);
}

#[tokio::test]
async fn overview_of_the_cluster() {
    let output = call_in(&shop().cluster(), "k8s_overview", json!({}), None).await.unwrap();
    assert_snapshot!(shown(&output));
}

#[tokio::test]
async fn list_with_filter_sort_and_paths() {
    assert_snapshot!(
        said(
            "k8s_list",
            json!({"kind": "po", "where": "restarts>3", "columns": ["qos:spec.nodeSelector", "images"]})
        )
        .await
    );
    assert_snapshot!(said("k8s_list", json!({"kind": "pods", "sort": "-restarts"})).await);
    assert_snapshot!(said("k8s_list", json!({"kind": "carts.shop.example.com", "namespace": "*"})).await);
    assert_snapshot!(said("k8s_list", json!({"kind": "svc"})).await);
}

#[tokio::test]
async fn pages_of_a_list_join_up() {
    let cluster = shop().cluster();
    for extra in [json!({}), json!({"sort": "name"})] {
        let mut rows = Vec::new();
        let mut page = Value::Null;
        loop {
            let mut arguments = json!({"kind": "events", "limit": 2, "page": page});
            arguments.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            let output = call(&cluster, "k8s_list", arguments).await.unwrap();
            rows.extend(output.data["rows"].as_array().unwrap().clone());
            page = output.data["next"].clone();
            if page.is_null() {
                break;
            }
        }
        let reasons: Vec<&str> = rows.iter().map(|row| row[2].as_str().unwrap()).collect();
        assert_eq!(reasons, vec!["BackOff", "Pulled", "ScalingReplicaSet", "ProvisioningFailed"]);
    }
}

#[tokio::test]
async fn get_as_paths() {
    assert_snapshot!(said("k8s_get", json!({"name": "pod/web-new-1"})).await);
    assert_snapshot!(
        said(
            "k8s_get",
            json!({"kind": "deploy", "name": "web",
            "paths": "spec.template.spec.containers[web].image,spec.paused"})
        )
        .await
    );
}

#[tokio::test]
async fn fields_that_findings_quote_are_found() {
    let cluster = shop().cluster();
    let pod = call(&cluster, "k8s_get", json!({"name": "pod/web-new-1"})).await.unwrap().text;
    for quote in [
        "spec.nodeSelector: disktype=ssd",
        "spec.containers[web].image: web:2",
        "spec.containers[web].resources.limits.memory: 128Mi",
        "status.containerStatuses[web].state.waiting.reason: CrashLoopBackOff",
        "status.containerStatuses[web].lastState.terminated.exitCode: 137",
    ] {
        assert!(find_quote(&pod, quote), "{quote} is not in\n{pod}");
    }
    let described = call(&cluster, "k8s_describe", json!({"name": "service/cart"})).await.unwrap().text;
    assert!(find_quote(&described, "spec.selector: app=carts"), "{described}");
}

#[tokio::test]
async fn describe_of_each_kind_of_neighbourhood() {
    assert_snapshot!(said("k8s_describe", json!({"name": "pod/web-new-1"})).await);
    assert_snapshot!(said("k8s_describe", json!({"name": "svc/web"})).await);
    assert_snapshot!(said("k8s_describe", json!({"name": "svc/cart"})).await);
    assert_snapshot!(said("k8s_describe", json!({"name": "deploy/web"})).await);
    assert_snapshot!(said("k8s_describe", json!({"name": "pvc/web-data"})).await);
    assert_snapshot!(said("k8s_describe", json!({"name": "node/n1"})).await);
    assert_snapshot!(said("k8s_describe", json!({"name": "cm/web-conf"})).await);
}

#[tokio::test]
async fn events_grouped_and_filtered() {
    assert_snapshot!(said("k8s_events", json!({})).await);
    assert_snapshot!(said("k8s_events", json!({"type": "warning", "object": "pod/web-new-1"})).await);
    assert_snapshot!(said("k8s_events", json!({"reason": "^Nothing", "since": "1h"})).await);
}

#[tokio::test]
async fn logs_of_a_workload_and_of_a_pod() {
    assert_snapshot!(said("k8s_logs", json!({"name": "web"})).await);
    assert_snapshot!(
        said("k8s_logs", json!({"name": "web-new-1", "previous": true, "grep": "refused|fatal"})).await
    );
    assert_snapshot!(said("k8s_logs", json!({"name": "web-old-1", "exclude": "200", "tail": "2"})).await);
    assert_snapshot!(said("k8s_logs", json!({"name": "web-old-1", "container": "wbe"})).await);
    assert_snapshot!(said("k8s_logs", json!({"name": "wbe"})).await);
}

#[tokio::test]
async fn changes_newest_first() {
    assert_snapshot!(said("k8s_changes", json!({"since": "4h"})).await);
    assert_snapshot!(said("k8s_changes", json!({"object": "deploy/web", "limit": 3})).await);
}

#[tokio::test]
async fn top_against_requests_and_limits() {
    assert_snapshot!(said("k8s_top", json!({})).await);
    assert_snapshot!(said("k8s_top", json!({"kind": "nodes"})).await);
    let without = shop().without("pods.metrics").fail_always(
        "/apis/metrics.k8s.io/v1beta1/nodes",
        Fault::Status(404, status(404, "the server could not find the requested resource")),
    );
    let told = call(&without.cluster(), "k8s_top", json!({"kind": "nodes"})).await.unwrap_err();
    assert_eq!(
        told,
        ToolError::Unavailable {
            message: "metrics.k8s.io is not served".to_owned(),
            hint: Some(
                "metrics-server is not installed or not ready; use the metrics_* tools if there are any"
                    .to_owned()
            ),
        }
    );
}

#[tokio::test]
async fn access_of_us_of_others_and_of_anyone() {
    assert_snapshot!(said("k8s_access", json!({"verb": "list", "resource": "pods/log"})).await);
    assert_snapshot!(said("k8s_access", json!({})).await);
    let subject = json!({"subject": "sa/shop/web", "verb": "list", "resource": "configmaps"});
    assert_snapshot!(said("k8s_access", subject).await);
    let subject = json!({"subject": "system:serviceaccount:shop:ghost", "verb": "get", "resource": "cm"});
    assert_snapshot!(said("k8s_access", subject).await);
    assert_snapshot!(said("k8s_access", json!({"subject": "anyone", "verb": "get", "resource": "cm"})).await);
}

#[tokio::test]
async fn node_logs_folded() {
    assert_snapshot!(said("k8s_node_logs", json!({"node": "n1"})).await);
    assert_snapshot!(said("k8s_node_logs", json!({"node": "n2"})).await);
}

#[tokio::test]
async fn what_may_not_be_read_is_said_and_the_rest_is_shown() {
    let fake = shop()
        .fail_always("/api/v1/namespaces/shop/events", Fault::Status(403, status(403, "events is forbidden")))
        .fail_always("/api/v1/nodes", Fault::Status(403, status(403, "nodes is forbidden")));
    let output = call(&fake.cluster(), "k8s_overview", json!({})).await.unwrap();
    assert_eq!(
        output.coverage,
        Coverage {
            missing: vec![
                "events: forbidden, needs list events in namespace shop".to_owned(),
                "nodes: forbidden, needs list nodes cluster-wide".to_owned(),
            ],
            truncated: vec![],
        }
    );
    assert!(output.text.contains("Deployment/web 1/2"), "{}", output.text);
}

#[tokio::test]
async fn an_unknown_namespace_gives_the_nearest() {
    for tool in ["k8s_overview", "diagnose"] {
        let told = call(&shop().cluster(), tool, json!({"namespace": "shpo"})).await.unwrap_err();
        let expected = ToolError::NotFound {
            message: "no namespace called shpo".to_owned(),
            nearest: vec!["shop".to_owned()],
        };
        assert_eq!(told, expected);
    }
}

#[tokio::test]
async fn unknown_arguments_are_refused_with_those_there_are() {
    let told = call(&shop().cluster(), "k8s_events", json!({"podname": "x"})).await.unwrap_err().to_string();
    assert!(told.contains("k8s_events takes namespace, object, type, reason, since, limit"), "{told}");
}

#[tokio::test]
async fn three_hundred_pods_cost_less_than_1500_tokens() {
    let mut fake = shop();
    for index in 0..300 {
        let (state, restarts) = match index % 10 {
            0 => (json!({"waiting": {"reason": "ImagePullBackOff"}}), 0),
            1 => (json!({"waiting": {"reason": "CrashLoopBackOff"}}), index),
            _ => (json!({"running": {}}), 0),
        };
        let set = format!("service-number-{}-7d9f8b6c5", index / 3);
        let mut pod = web_pod(&format!("{set}-x{index:03}"), &set, "web:1", &state, restarts);
        pod["metadata"]["labels"] = json!({"app": set});
        fake = fake.with(pod).with(event(
            &format!("n{index}"),
            "Pod",
            &format!("{set}-x{index:03}"),
            "Warning",
            ["BackOff", "Failed", "Unhealthy", "FailedMount"][usize::try_from(index).unwrap() % 4],
            &format!(
                "Readiness probe failed: Get http://10.0.0.{index}:8080/healthz: context deadline exceeded"
            ),
            3,
        ));
        if index % 3 == 0 {
            let name = format!("service-number-{}", index / 3);
            fake = fake
                .with(json!({"apiVersion": "apps/v1", "kind": "Deployment",
                    "metadata": meta(&name, "2026-02-20T08:00:00Z"),
                    "spec": {"replicas": 3}, "status": {"readyReplicas": if index % 30 == 0 { 2 } else { 3 }}}))
                .with(json!({"apiVersion": "v1", "kind": "Service", "metadata": meta(&name, "2026-02-20T08:00:00Z"),
                    "spec": {"selector": {"app": name}}}));
        }
    }
    let output = call(&fake.cluster(), "k8s_overview", json!({})).await.unwrap();
    let tokens = estimate_tokens(&output.text);
    assert!(tokens < 1_500, "{tokens} tokens:\n{}", output.text);
    // Programs match a question's words with every name, shown or not.
    assert_eq!(output.data["workloads"].as_array().unwrap().len(), 101);
    assert_eq!(output.data["services"].as_array().unwrap().len(), 102);
}

#[tokio::test]
async fn the_same_cluster_gives_the_same_bytes() {
    for (tool, arguments) in [
        ("k8s_overview", json!({})),
        ("k8s_changes", json!({})),
        ("k8s_describe", json!({"name": "deploy/web"})),
        ("k8s_logs", json!({"name": "web"})),
        ("diagnose", json!({})),
    ] {
        let first = call(&shop().cluster(), tool, arguments.clone()).await.unwrap();
        let second = call(&shop().cluster(), tool, arguments).await.unwrap();
        assert_eq!(first, second, "{tool}");
    }
}

#[tokio::test]
async fn the_probe_says_what_is_missing_and_how_to_mend_it() {
    let checks = shop().deny("nodes").cluster().probe().await;
    let lines: Vec<String> = checks
        .iter()
        .map(|check| {
            let mend = check.mend.as_ref().map(|mend| format!(" | {mend}")).unwrap_or_default();
            format!("{:?} {}: {}{mend}", check.state, check.name, check.detail)
        })
        .collect();
    assert_snapshot!(lines.join("\n"));
    let down = Fake::new().fail_always("/version", Fault::Status(401, status(401, "Unauthorized")));
    let checks = down.cluster().probe().await;
    assert_eq!(checks.iter().map(|check| check.state).collect::<Vec<_>>(), vec![CheckState::Bad]);
}
