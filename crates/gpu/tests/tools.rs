//! The tools over a small cluster behind the port.

#![allow(clippy::unwrap_used, reason = "a failing test fails")]

mod fake;

use fake::{Fake, FakeSeries, call};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use std::sync::Arc;
use stethoscope_core::tool::{Availability, ToolError};
use stethoscope_gpu::{Backend, tools};

fn gpu_node(name: &str, allocatable: &str) -> Value {
    json!({"metadata": {"name": name, "labels": {"nvidia.com/gpu.product": "H100"}},
        "status": {"capacity": {"nvidia.com/gpu": "8"}, "allocatable": {"nvidia.com/gpu": allocatable},
            "conditions": [{"type": "Ready", "status": "True"}]}})
}

fn pod(name: &str, node: &str, gpus: &str) -> Value {
    json!({"metadata": {"name": name, "namespace": "ml"}, "spec": {"nodeName": node,
        "containers": [{"name": "t", "resources": {"limits": {"nvidia.com/gpu": gpus}}}]}, "status": {"phase": "Running"}})
}

fn available(backend: &Backend) -> Vec<String> {
    tools(backend)
        .iter()
        .filter(|tool| tool.available() == Availability::Available)
        .map(|tool| tool.spec().name.clone())
        .collect()
}

#[tokio::test]
async fn tools_appear_only_where_they_have_something_to_read() {
    let none = Fake::new().with(
        "",
        "nodes",
        json!({"metadata": {"name": "a"}, "status": {"capacity": {"cpu": "4"}}}),
    );
    assert_eq!(available(&none.backend(None).await), Vec::<String>::new());
    assert_eq!(available(&Backend::missing("no cluster")), Vec::<String>::new());
    let gpus = Fake::new().with("", "nodes", gpu_node("a", "8"));
    assert_eq!(
        available(&gpus.backend(None).await),
        ["gpu_overview", "gpu_health", "xid_lookup", "gpu_logs", "rdma_status"]
    );
    let ray = Fake::new().serving("ray.io", "v1", "rayclusters", "RayCluster");
    assert_eq!(available(&ray.backend(None).await), ["xid_lookup", "gpu_logs", "ai_workload"]);
    let kueue = Fake::new().serving("kueue.x-k8s.io", "v1beta1", "workloads", "Workload");
    assert_eq!(available(&kueue.backend(None).await), ["queue_explain"]);
}

#[tokio::test]
async fn an_operator_saves_the_list_of_nodes() {
    let fake = Arc::new(Fake::new().serving("nvidia.com", "v1", "clusterpolicies", "ClusterPolicy"));
    let backend = Backend::probe(fake.clone(), None, Vec::new()).await;
    assert_eq!(*fake.asked.lock().unwrap(), Vec::<String>::new());
    assert!(available(&backend).contains(&"gpu_health".to_owned()));
}

#[tokio::test]
async fn the_nine_schemas_are_lean() {
    let tools = tools(&Backend::missing("none"));
    let size: usize = tools
        .iter()
        .map(|tool| {
            let spec = tool.spec();
            spec.name.len() + spec.description.len() + spec.input_schema.to_string().len()
        })
        .sum();
    assert_eq!(tools.len(), 9);
    assert!(size <= 3_584, "{size} bytes");
}

#[tokio::test]
async fn unknown_arguments_are_refused() {
    let backend = Fake::new().with("", "nodes", gpu_node("a", "8")).backend(None).await;
    for tool in tools(&backend) {
        let told = call(&backend, &tool.spec().name, json!({"nonsense": 1})).await;
        assert!(matches!(told, Err(ToolError::BadArguments { .. })), "{}", tool.spec().name);
    }
}

#[tokio::test]
async fn the_overview_counts_what_is_allocated_and_what_is_lost() {
    let backend = Fake::new()
        .with("", "nodes", gpu_node("a", "7"))
        .with("", "pods", pod("train-0", "a", "4"))
        .with("", "pods", pod("train-1", "a", "2"))
        .backend(None)
        .await;
    let output = call(&backend, "gpu_overview", json!({})).await.unwrap();
    let expected = json!([{"name": "nvidia.com/gpu", "capacity": 8, "allocatable": 7, "allocated": 6}]);
    assert_eq!(output.data["nodes"][0]["resources"], expected);
    assert!(output.text.contains("1 of 8 nvidia.com/gpu not allocatable"), "{}", output.text);
}

#[tokio::test]
async fn pods_that_may_not_be_listed_are_said_and_not_counted_as_none() {
    let backend = Fake::new().with("", "nodes", gpu_node("a", "8")).forbidding("pods").backend(None).await;
    let output = call(&backend, "gpu_overview", json!({})).await.unwrap();
    assert_eq!(output.data["nodes"][0]["resources"][0].get("allocated"), None);
    assert_eq!(output.coverage.missing, ["pods: forbidden"]);
}

#[tokio::test]
async fn a_stale_xid_gauge_is_no_fault_and_a_fresh_one_is() {
    let health = async |changes: &str| {
        let xid = "DCGM_FI_DEV_XID_ERRORS{gpu=\"3\",UUID=\"GPU-1\",hostname=\"a\",exported_pod=\"train-0\",exported_namespace=\"ml\"} 79";
        let series = FakeSeries(vec![
            ("changes(", format!("x{{UUID=\"GPU-1\"}} {changes}")),
            ("XID_ERRORS|ROW", xid.to_owned()),
        ]);
        let backend = Fake::new().with("", "nodes", gpu_node("a", "8")).backend(Some(Arc::new(series))).await;
        call(&backend, "gpu_health", json!({})).await.unwrap().text
    };
    let stale = health("0").await;
    assert!(stale.starts_with("no fault seen") && stale.contains("unchanged for a day"), "{stale}");
    let fresh = health("2").await;
    assert!(fresh.starts_with("1 faults") && fresh.contains("used by ml/train-0"), "{fresh}");
}

#[tokio::test]
async fn a_claim_of_a_missing_class_and_one_of_a_full_node_are_explained() {
    let slice = json!({"metadata": {"name": "s"}, "spec": {"driver": "gpu.io", "nodeName": "a", "devices": [{"name": "0"}],
        "pool": {"name": "a", "generation": 1, "resourceSliceCount": 1}}});
    let holder = json!({"metadata": {"name": "held", "namespace": "ml"}, "status": {"reservedFor": [{"name": "other"}],
        "allocation": {"devices": {"results": [{"driver": "gpu.io", "pool": "a", "device": "0"}]}}}});
    let template = |name: &str, class: &str| {
        json!({"metadata": {"name": name, "namespace": "ml"},
            "spec": {"spec": {"devices": {"requests": [{"name": "gpu", "exactly": {"deviceClassName": class}}]}}}})
    };
    let waiting = |name: &str, template: &str| {
        json!({"metadata": {"name": name, "namespace": "ml"}, "status": {"phase": "Pending"},
            "spec": {"containers": [], "resourceClaims": [{"name": "c", "resourceClaimTemplateName": template}]}})
    };
    let dra = "resource.k8s.io";
    let backend = Fake::new()
        .with_dra()
        .with("", "nodes", json!({"metadata": {"name": "a"}}))
        .with(dra, "resourceslices", slice)
        .with(dra, "resourceclaims", holder)
        .with(dra, "deviceclasses", json!({"metadata": {"name": "gpus"}, "spec": {"selectors": [{"cel": {"expression": "device.driver == 'gpu.io'"}}]}}))
        .with(dra, "resourceclaimtemplates", template("good", "gpus"))
        .with(dra, "resourceclaimtemplates", template("typo", "gpu"))
        .with("", "pods", waiting("full", "good"))
        .with("", "pods", waiting("wrong", "typo"))
        .with("", "pods", waiting("lost", "none"))
        .backend(None)
        .await;
    let headline = async |pod: &str| {
        let text = call(&backend, "dra_explain", json!({"name": pod})).await.unwrap().text;
        (text.lines().next().unwrap().to_owned(), text)
    };
    let (first, text) = headline("full").await;
    assert_eq!(first, "request gpu of ml/c: 1 wanted, 0 free of 1 of class gpus: 1 taken");
    assert!(text.contains("claim ml/held for other"), "{text}");
    let (first, _) = headline("wrong").await;
    assert_eq!(
        first,
        "request gpu: device class gpu does not exist (there are: gpus); is the driver's chart installed"
    );
    assert!(headline("lost").await.1.contains("the template ml/none does not exist"));
}

#[tokio::test]
async fn what_could_not_be_read_is_not_said_to_be_absent() {
    let claim = json!({"metadata": {"name": "c", "namespace": "ml"},
        "spec": {"devices": {"requests": [{"name": "r", "exactly": {"deviceClassName": "gpus"}}]}}});
    let backend = Fake::new()
        .with_dra()
        .with("resource.k8s.io", "resourceclaims", claim)
        .forbidding("deviceclasses")
        .backend(None)
        .await;
    let output = call(&backend, "dra_explain", json!({"name": "claim/c"})).await.unwrap();
    assert!(output.text.starts_with("seen in part only (deviceclasses: forbidden)"), "{}", output.text);
    let waiting = json!({"metadata": {"name": "w", "namespace": "ml"}, "spec": {"queueName": "team"}});
    let kueue = "kueue.x-k8s.io";
    let backend = Fake::new()
        .serving(kueue, "v1beta2", "workloads", "Workload")
        .serving(kueue, "v1beta2", "localqueues", "LocalQueue")
        .with(kueue, "workloads", waiting)
        .forbidding("localqueues")
        .backend(None)
        .await;
    let output = call(&backend, "queue_explain", json!({"name": "w"})).await.unwrap();
    assert!(!output.text.contains("does not exist"), "{}", output.text);
    assert_eq!(output.coverage.missing, ["localqueues: forbidden"]);
}

#[tokio::test]
async fn an_ai_resource_that_says_ready_while_its_pod_crashes_is_told() {
    let workspace = json!({"metadata": {"name": "llm", "namespace": "ml"}, "status": {"conditions": [
        {"type": "InferenceReady", "status": "True"}]}});
    let crashing = json!({"metadata": {"name": "llm-0", "namespace": "ml", "labels": {"kaito.sh/workspace": "llm"}},
        "spec": {}, "status": {"phase": "Running", "containerStatuses": [{"name": "m",
            "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]}});
    let backend = Fake::new()
        .serving("kaito.sh", "v1beta1", "workspaces", "Workspace")
        .with("kaito.sh", "workspaces", workspace)
        .with("", "pods", crashing)
        .backend(None)
        .await;
    let text = call(&backend, "ai_workload", json!({"kind": "workspace", "name": "llm"})).await.unwrap().text;
    assert!(text.contains("1 pods, 1 not ready") && text.contains("CrashLoopBackOff"), "{text}");
    let told = call(&backend, "ai_workload", json!({"name": "lln"})).await;
    assert!(matches!(told, Err(ToolError::NotFound { nearest, .. }) if nearest == ["llm"]));
}

#[tokio::test]
async fn a_gang_that_lost_pods_is_told_though_its_condition_stays() {
    let group = json!({"metadata": {"name": "g", "namespace": "ml"}, "spec": {"schedulingPolicy": {"gang": {"minCount": 3}}},
        "status": {"conditions": [{"type": "PodGroupScheduled", "status": "True"}]}});
    let member = |name: &str| {
        json!({"metadata": {"name": name, "namespace": "ml"}, "status": {"phase": "Running"},
            "spec": {"nodeName": "a", "schedulingGroup": {"podGroupName": "g"}}})
    };
    let backend = Fake::new()
        .serving("scheduling.k8s.io", "v1alpha2", "podgroups", "PodGroup")
        .with("scheduling.k8s.io", "podgroups", group)
        .with("", "pods", member("p0"))
        .with("", "pods", member("p1"))
        .backend(None)
        .await;
    let text = call(&backend, "queue_explain", json!({"name": "p0"})).await.unwrap().text;
    assert!(
        text.contains("2 pods exist and 3 are needed") && text.contains("never goes back to False"),
        "{text}"
    );
}

#[tokio::test]
async fn a_kueue_workload_names_its_missing_queue_and_the_holders_of_quota() {
    let kueue = "kueue.x-k8s.io";
    let workload = |name: &str, queue: &str, admitted: Value| {
        json!({"metadata": {"name": name, "namespace": "ml"}, "spec": {"queueName": queue},
            "status": {"admission": admitted, "conditions": [{"type": "QuotaReserved",
                "status": if admitted.is_null() { "False" } else { "True" }, "reason": "Pending"}]}})
    };
    let holder =
        json!({"clusterQueue": "cq", "podSetAssignments": [{"resourceUsage": {"nvidia.com/gpu": "8"}}]});
    let backend = Fake::new()
        .serving(kueue, "v1beta2", "workloads", "Workload")
        .serving(kueue, "v1beta2", "localqueues", "LocalQueue")
        .serving(kueue, "v1beta2", "clusterqueues", "ClusterQueue")
        .with(kueue, "workloads", workload("waits", "team", Value::Null))
        .with(kueue, "workloads", workload("lost", "nowhere", Value::Null))
        .with(kueue, "workloads", workload("runs", "team", holder))
        .with(kueue, "localqueues", json!({"metadata": {"name": "team", "namespace": "ml"}, "spec": {"clusterQueue": "cq"}}))
        .with(kueue, "clusterqueues", json!({"metadata": {"name": "cq"},
            "spec": {"resourceGroups": [{"flavors": [{"name": "h100", "resources": [{"name": "nvidia.com/gpu", "nominalQuota": "8"}]}]}]},
            "status": {"flavorsReservation": [{"name": "h100", "resources": [{"name": "nvidia.com/gpu", "total": "8"}]}]}}))
        .backend(None)
        .await;
    let told = async |name: &str| call(&backend, "queue_explain", json!({"name": name})).await.unwrap().text;
    let text = told("waits").await;
    assert!(text.contains("quota cq/h100 nvidia.com/gpu: 8 reserved of 8"), "{text}");
    assert!(text.contains("held by ml/runs (nvidia.com/gpu 8)"), "{text}");
    assert!(told("lost").await.contains("LocalQueue ml/nowhere does not exist"));
}

#[tokio::test]
async fn a_pod_without_rdma_and_one_with_a_far_card_are_told() {
    let device = |name: &str, root: &str, extra: Value| {
        let mut attributes = json!({"resource.kubernetes.io/pcieRoot": {"string": root}});
        attributes.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        json!({"name": name, "attributes": attributes})
    };
    let slice = |driver: &str, devices: Value| {
        json!({"metadata": {"name": driver}, "spec": {"driver": driver, "nodeName": "a", "devices": devices,
            "pool": {"name": "a", "generation": 1, "resourceSliceCount": 1}}})
    };
    let result = |driver: &str, device: &str| json!({"driver": driver, "pool": "a", "device": device});
    let claim = json!({"metadata": {"name": "c", "namespace": "ml"}, "status": {"reservedFor": [{"name": "far"}],
        "allocation": {"devices": {"results": [result("gpu.io", "g0"), result("dra.net", "n0")]}}}});
    let dra = "resource.k8s.io";
    let backend = Fake::new()
        .with_dra()
        .with("", "nodes", gpu_node("a", "8"))
        .with(
            dra,
            "resourceslices",
            slice("gpu.io", json!([device("g0", "r0", json!({"type": {"string": "gpu"}}))])),
        )
        .with(
            dra,
            "resourceslices",
            slice("dra.net", json!([device("n0", "r1", json!({"dra.net/rdma": {"bool": true}}))])),
        )
        .with(dra, "resourceclaims", claim)
        .with("", "pods", pod("far", "a", "0"))
        .with("", "pods", pod("plain", "a", "1"))
        .backend(None)
        .await;
    let told = async |pod: &str| call(&backend, "rdma_status", json!({"pod": pod})).await.unwrap().text;
    assert!(told("far").await.starts_with("GPUs without a card under their PCIe root: g0"));
    assert!(told("plain").await.starts_with("the pod has no RDMA device"));
}

#[tokio::test]
async fn logs_of_a_job_name_the_first_failing_rank() {
    let backend = Fake::new()
        .with("", "nodes", gpu_node("a", "8"))
        .with("", "pods", pod("train-0", "a", "1"))
        .with("", "pods", pod("train-1", "a", "1"))
        .with_log("train-0", "2026-03-01T11:10:00Z [rank0]: Watchdog caught collective operation timeout: WorkNCCL(SeqNum=9, OpType=ALLREDUCE)")
        .with_log("train-1", "2026-03-01T11:00:00Z [rank1]: torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB")
        .backend(None)
        .await;
    let text = call(&backend, "gpu_logs", json!({"name": "train"})).await.unwrap().text;
    assert!(text.starts_with("first to look at: train-1/t (rank 1) at 2026-03-01T11:00:00Z"), "{text}");
}

#[tokio::test]
async fn a_server_whose_cache_is_full_is_told_in_common_words() {
    let series = FakeSeries(vec![
        (
            "num_requests_waiting",
            "vllm:num_requests_waiting{namespace=\"ml\",pod=\"llm-0\",model_name=\"m\"} 12".to_owned(),
        ),
        (
            "kv_cache_usage_perc",
            "vllm:kv_cache_usage_perc{namespace=\"ml\",pod=\"llm-0\",model_name=\"m\"} 0.99".to_owned(),
        ),
    ]);
    let backend = Fake::new().with("", "nodes", gpu_node("a", "8")).backend(Some(Arc::new(series))).await;
    let text = call(&backend, "inference_metrics", json!({"namespace": "ml"})).await.unwrap().text;
    assert!(text.contains("vllm ml/llm-0 m: the KV cache is full and requests wait"), "{text}");
}
