//! The binary as a process: start, memory, and a large cluster beside kubectl.
//!
//! `cargo bench -p stethoscope --bench process` prints a table. Needs Linux (`/proc`); the part beside kubectl needs
//! kubectl on the PATH and says so when it is missing.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark"
)]

use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PODS: usize = 20_000;
const NAMESPACES: usize = 20;
const NODES: usize = 200;

fn main() {
    // `cargo test --benches` asks every benchmark to prove that it starts.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let version = median(15, || run(stethoscope().arg("--version")).0);
    println!("--version                                {:>9.1} ms (median of 15)", ms(version));
    let incident = root().join("evals/incidents/ticket-desk-down");
    let ask = || {
        let mut command = stethoscope();
        command.args(["ask", "--quiet", "--output", "json", "--incident"]).arg(&incident);
        run(&mut command)
    };
    let memory = (0..5).map(|_| ask().1).max().unwrap();
    println!(
        "ask, one incident                        {:>9.1} ms, peak {:.1} MB",
        ms(median(9, || ask().0)),
        memory as f64 / 1024.0
    );
    large_cluster();
}

/// `scan` of a generated cluster through the replay server, beside kubectl downloading the same lists.
fn large_cluster() {
    let directory = tempfile::tempdir().unwrap();
    generate(directory.path());
    let (mut server, kubeconfig) = replay(directory.path());
    let scan = || {
        let mut command = stethoscope();
        command.args(["scan", "-A", "--output", "json", "--kubeconfig"]).arg(&kubeconfig);
        run(&mut command)
    };
    let (_, memory) = scan();
    let scanned = median(3, || scan().0);
    println!(
        "scan of {PODS} pods over HTTP            {:>9.1} ms, peak {:.1} MB (median of 3)",
        ms(scanned),
        memory as f64 / 1024.0
    );
    let kubectl = Command::new("kubectl").arg("version").arg("--client").output();
    if kubectl.is_err() {
        println!("kubectl is not on the PATH: no comparison");
    } else {
        let lists = [
            "/api/v1/pods",
            "/api/v1/nodes",
            "/api/v1/services",
            "/api/v1/events",
            "/apis/apps/v1/deployments",
            "/apis/apps/v1/replicasets",
            "/apis/discovery.k8s.io/v1/endpointslices",
        ];
        let download = || {
            let mut took = Duration::ZERO;
            for list in lists {
                let mut command = Command::new("kubectl");
                command.args(["get", "--raw", list, "--kubeconfig"]).arg(&kubeconfig);
                took += run(&mut command).0;
            }
            took
        };
        let downloaded = median(3, download);
        println!(
            "kubectl get --raw of the same {} lists    {:>9.1} ms (median of 3)",
            lists.len(),
            ms(downloaded)
        );
        println!(
            "scan / kubectl                           {:>9.2}",
            scanned.as_secs_f64() / downloaded.as_secs_f64()
        );
    }
    let _ = server.kill();
    let _ = server.wait();
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn stethoscope() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stethoscope"));
    command.env_remove("KUBECONFIG").env_remove("OPENAI_API_KEY");
    command
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

fn median(times: usize, mut run: impl FnMut() -> Duration) -> Duration {
    let mut took: Vec<Duration> = (0..times).map(|_| run()).collect();
    took.sort();
    took[times / 2]
}

/// Wall time, and peak memory in KiB: the kernel's high-water mark, read until the process ends.
fn run(command: &mut Command) -> (Duration, u64) {
    let started = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        peak = high_water(&child).unwrap_or(peak).max(peak);
        std::thread::sleep(Duration::from_micros(300));
    }
    (started.elapsed(), peak)
}

fn high_water(child: &Child) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse().ok())
}

fn replay(bundle: &Path) -> (Child, String) {
    let mut child =
        stethoscope().arg("replay").arg(bundle).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let kubeconfig = line.trim().strip_prefix("KUBECONFIG=").unwrap().to_owned();
    (child, kubeconfig)
}

/// A healthy cluster with one workload in a hundred crashing, in the bundle layout.
fn generate(root: &Path) {
    let write = |path: String, items: Vec<Value>| {
        let path = root.join("cluster-resources").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let file = std::io::BufWriter::new(std::fs::File::create(path).unwrap());
        serde_json::to_writer(file, &json!({"apiVersion": "v1", "kind": "List", "items": items})).unwrap();
    };
    let incident = "apiVersion: stethoscope.dev/v1\nkind: Incident\nmetadata: {name: large}\nquestion: what is wrong?\ncapturedAt: 2026-05-01T10:00:00Z\n";
    std::fs::write(root.join("incident.yaml"), incident).unwrap();
    let names: Vec<String> = (0..NAMESPACES).map(|n| format!("team-{n:02}")).collect();
    write("namespaces.json".to_owned(), names.iter().map(|name| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}, "status": {"phase": "Active"}})).collect());
    write("nodes.json".to_owned(), (0..NODES).map(node).collect());
    for (index, namespace) in names.iter().enumerate() {
        let per_namespace = PODS / NAMESPACES;
        let workloads = per_namespace / 10;
        let owned = |build: fn(&str, usize, usize) -> Value| {
            (0..workloads).map(|w| build(namespace, index, w)).collect::<Vec<_>>()
        };
        write(format!("deployments/{namespace}.json"), owned(deployment));
        write(format!("replicasets/{namespace}.json"), owned(replica_set));
        write(format!("services/{namespace}.json"), owned(service));
        write(format!("endpointslices/{namespace}.json"), owned(endpoint_slice));
        write(
            format!("pods/{namespace}.json"),
            (0..per_namespace).map(|p| pod(namespace, index, p / 10, p % 10)).collect(),
        );
        write(format!("events/{namespace}.json"), owned(event));
    }
}

fn broken(workload: usize) -> bool {
    workload % 100 == 7
}

fn node(n: usize) -> Value {
    json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": format!("node-{n:03}"), "uid": format!("n{n}"), "labels": {"kubernetes.io/hostname": format!("node-{n:03}"), "topology.kubernetes.io/zone": format!("z{}", n % 3)}},
        "spec": {}, "status": {"allocatable": {"cpu": "32", "memory": "128Gi", "pods": "250"}, "capacity": {"cpu": "32", "memory": "128Gi", "pods": "250"},
        "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "kubelet is posting ready status"}]}})
}

fn deployment(namespace: &str, _: usize, w: usize) -> Value {
    let ready = if broken(w) { 0 } else { 10 };
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": format!("svc-{w:03}"), "namespace": namespace, "uid": format!("d-{namespace}-{w}"), "generation": 1, "creationTimestamp": "2026-04-01T00:00:00Z"},
        "spec": {"replicas": 10, "selector": {"matchLabels": {"app": format!("svc-{w:03}")}}, "template": {"metadata": {"labels": {"app": format!("svc-{w:03}")}}, "spec": pod_spec(w, 0)}},
        "status": {"observedGeneration": 1, "replicas": 10, "readyReplicas": ready, "availableReplicas": ready, "updatedReplicas": 10}})
}

fn replica_set(namespace: &str, _: usize, w: usize) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": format!("svc-{w:03}-5d4f8c7b9"), "namespace": namespace, "uid": format!("r-{namespace}-{w}"), "creationTimestamp": "2026-04-01T00:00:00Z",
        "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": format!("svc-{w:03}"), "uid": format!("d-{namespace}-{w}"), "controller": true}]},
        "spec": {"replicas": 10, "selector": {"matchLabels": {"app": format!("svc-{w:03}")}}, "template": {"metadata": {"labels": {"app": format!("svc-{w:03}")}}, "spec": pod_spec(w, 0)}},
        "status": {"replicas": 10, "readyReplicas": if broken(w) { 0 } else { 10 }}})
}

fn service(namespace: &str, _: usize, w: usize) -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": format!("svc-{w:03}"), "namespace": namespace}, "spec": {"selector": {"app": format!("svc-{w:03}")}, "clusterIP": "10.96.0.1", "ports": [{"name": "http", "port": 80, "targetPort": 8080, "protocol": "TCP"}]}})
}

fn endpoint_slice(namespace: &str, _: usize, w: usize) -> Value {
    let endpoints: Vec<Value> = (0..10).map(|p| json!({"addresses": [format!("10.{}.{}.{p}", w % 250, p)], "conditions": {"ready": !broken(w)}, "targetRef": {"kind": "Pod", "namespace": namespace, "name": format!("svc-{w:03}-5d4f8c7b9-{p:05}")}})).collect();
    json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4", "metadata": {"name": format!("svc-{w:03}-x"), "namespace": namespace, "labels": {"kubernetes.io/service-name": format!("svc-{w:03}")}},
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}], "endpoints": endpoints})
}

fn event(namespace: &str, _: usize, w: usize) -> Value {
    let (kind, reason, message) = if broken(w) {
        ("Warning", "BackOff", "Back-off restarting failed container app in pod")
    } else {
        ("Normal", "Started", "Started container app")
    };
    json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": format!("svc-{w:03}.1"), "namespace": namespace}, "type": kind, "reason": reason, "message": message, "count": 3, "lastTimestamp": "2026-05-01T09:59:00Z",
        "involvedObject": {"kind": "Pod", "namespace": namespace, "name": format!("svc-{w:03}-5d4f8c7b9-00000")}})
}

fn pod_spec(w: usize, n: usize) -> Value {
    json!({"serviceAccountName": "default", "nodeName": format!("node-{n:03}"), "restartPolicy": "Always", "schedulerName": "default-scheduler", "terminationGracePeriodSeconds": 30, "dnsPolicy": "ClusterFirst",
        "containers": [{"name": "app", "image": format!("registry.example.com/team/svc-{w:03}:1.4.2"), "imagePullPolicy": "IfNotPresent", "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
            "env": [{"name": "PORT", "value": "8080"}, {"name": "LOG_LEVEL", "value": "info"}, {"name": "UPSTREAM", "value": format!("http://svc-{:03}:80", (w + 1) % 100)}],
            "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
            "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}, "periodSeconds": 10}, "livenessProbe": {"httpGet": {"path": "/live", "port": "http"}, "periodSeconds": 10},
            "volumeMounts": [{"name": "kube-api-access", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "readOnly": true}], "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"}],
        "volumes": [{"name": "kube-api-access", "projected": {"defaultMode": 420, "sources": [{"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}}, {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}}]}}],
        "tolerations": [{"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}, {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}]})
}

fn pod(namespace: &str, index: usize, w: usize, p: usize) -> Value {
    let n = (index * 1_000 + w * 10 + p) % NODES;
    let state = if broken(w) {
        json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s restarting failed container=app"}})
    } else {
        json!({"running": {"startedAt": "2026-04-01T00:00:10Z"}})
    };
    let last = if broken(w) {
        json!({"terminated": {"exitCode": 1, "reason": "Error", "finishedAt": "2026-05-01T09:58:00Z"}})
    } else {
        json!({})
    };
    let ready = if broken(w) { "False" } else { "True" };
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": format!("svc-{w:03}-5d4f8c7b9-{p:05}"), "namespace": namespace, "uid": format!("p-{namespace}-{w}-{p}"), "resourceVersion": "1234567", "creationTimestamp": "2026-04-01T00:00:00Z",
            "generateName": format!("svc-{w:03}-5d4f8c7b9-"), "labels": {"app": format!("svc-{w:03}"), "pod-template-hash": "5d4f8c7b9"},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": format!("svc-{w:03}-5d4f8c7b9"), "uid": format!("r-{namespace}-{w}"), "controller": true, "blockOwnerDeletion": true}],
            "managedFields": [{"manager": "kubelet", "operation": "Update", "apiVersion": "v1", "time": "2026-04-01T00:00:10Z", "fieldsType": "FieldsV1", "fieldsV1": {"f:status": {"f:conditions": {"k:{\"type\":\"Ready\"}": {".": {}, "f:status": {}, "f:type": {}}}, "f:containerStatuses": {}, "f:hostIP": {}, "f:phase": {}, "f:podIP": {}, "f:startTime": {}}}}]},
        "spec": pod_spec(w, n),
        "status": {"phase": "Running", "podIP": format!("10.{}.{}.{p}", w % 250, p), "hostIP": format!("192.168.0.{}", n % 250), "startTime": "2026-04-01T00:00:00Z", "qosClass": "Burstable",
            "conditions": [{"type": "Initialized", "status": "True", "lastTransitionTime": "2026-04-01T00:00:00Z"}, {"type": "Ready", "status": ready, "lastTransitionTime": "2026-04-01T00:00:20Z"}, {"type": "ContainersReady", "status": ready, "lastTransitionTime": "2026-04-01T00:00:20Z"}, {"type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-04-01T00:00:00Z"}],
            "containerStatuses": [{"name": "app", "ready": !broken(w), "restartCount": if broken(w) { 40 } else { 0 }, "image": format!("registry.example.com/team/svc-{w:03}:1.4.2"), "imageID": "registry.example.com/team/svc@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "containerID": "containerd://4e07408562bedb8b60ce05c1decfe3ad16b72230967de01f640b7e4729b49fce", "started": true, "state": state, "lastState": last}]}})
}
