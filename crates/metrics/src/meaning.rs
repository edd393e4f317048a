//! What metrics of common exporters mean, and which sign of trouble they are.
//!
//! Sources: kubernetes/kube-state-metrics `docs/metrics`, google/cadvisor `docs/storage/prometheus.md`,
//! prometheus/node_exporter, prometheus/blackbox_exporter, kubernetes `docs/reference/instrumentation/metrics`,
//! coredns/coredns `plugin/metrics`, Istio standard metrics, etcd `docs/metrics`.

use serde::Serialize;

/// Which sign of trouble a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    /// Something is at its limit: throttling, queues, pressure, retransmits.
    Saturation,
    /// How much of a resource is used.
    Usage,
    /// Things fail.
    Errors,
    /// Things take long.
    Latency,
    /// How much is asked.
    Traffic,
    /// What something is, or that it is there.
    State,
}

/// What a metric means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Meaning {
    /// Its name.
    pub name: &'static str,
    /// Which sign it is.
    pub signal: Signal,
    /// In a few words, with the unit.
    pub text: &'static str,
}

const fn known(name: &'static str, signal: Signal, text: &'static str) -> Meaning {
    Meaning { name, signal, text }
}

/// Sorted by name.
const KNOWN: [Meaning; 62] = [
    known(
        "apiserver_flowcontrol_rejected_requests_total",
        Signal::Saturation,
        "API requests rejected by priority and fairness",
    ),
    known("apiserver_request_duration_seconds_bucket", Signal::Latency, "API server latency, histogram"),
    known("apiserver_request_total", Signal::Traffic, "API requests by verb, resource, code"),
    known("container_cpu_cfs_periods_total", Signal::State, "CFS periods that passed"),
    known(
        "container_cpu_cfs_throttled_periods_total",
        Signal::Saturation,
        "CFS periods in which the CPU limit throttled the container",
    ),
    known(
        "container_cpu_cfs_throttled_seconds_total",
        Signal::Saturation,
        "seconds the container was throttled by its CPU limit",
    ),
    known("container_cpu_usage_seconds_total", Signal::Usage, "CPU seconds used; its rate is cores"),
    known("container_fs_reads_bytes_total", Signal::Usage, "bytes read from disk"),
    known("container_fs_usage_bytes", Signal::Usage, "bytes of the container's filesystem in use"),
    known("container_fs_writes_bytes_total", Signal::Usage, "bytes written to disk"),
    known("container_memory_rss", Signal::Usage, "anonymous memory in bytes"),
    known(
        "container_memory_working_set_bytes",
        Signal::Usage,
        "memory that counts against the limit, in bytes",
    ),
    known("container_network_receive_bytes_total", Signal::Traffic, "bytes received by the pod"),
    known(
        "container_network_receive_packets_dropped_total",
        Signal::Saturation,
        "packets dropped on receiving",
    ),
    known("container_network_transmit_bytes_total", Signal::Traffic, "bytes sent by the pod"),
    known(
        "container_network_transmit_packets_dropped_total",
        Signal::Saturation,
        "packets dropped on sending",
    ),
    known("container_oom_events_total", Signal::Errors, "processes killed for memory in the container"),
    known(
        "container_pressure_cpu_waiting_seconds_total",
        Signal::Saturation,
        "seconds some task waited for CPU (PSI)",
    ),
    known(
        "container_pressure_memory_waiting_seconds_total",
        Signal::Saturation,
        "seconds some task waited for memory (PSI)",
    ),
    known("coredns_dns_request_duration_seconds_bucket", Signal::Latency, "DNS latency, histogram"),
    known("coredns_dns_requests_total", Signal::Traffic, "DNS questions"),
    known("coredns_dns_responses_total", Signal::Traffic, "DNS answers by rcode"),
    known("coredns_panics_total", Signal::Errors, "panics of CoreDNS"),
    known(
        "etcd_disk_wal_fsync_duration_seconds_bucket",
        Signal::Latency,
        "etcd's disk sync, histogram; p99 above 10ms is slow",
    ),
    known("etcd_server_has_leader", Signal::State, "1 when the member sees a leader"),
    known("etcd_server_leader_changes_seen_total", Signal::Errors, "leader changes of etcd"),
    known("istio_request_duration_milliseconds_bucket", Signal::Latency, "mesh request latency, histogram"),
    known("istio_requests_total", Signal::Traffic, "mesh requests by response code"),
    known("kube_deployment_status_replicas_available", Signal::State, "available replicas"),
    known("kube_deployment_status_replicas_unavailable", Signal::Errors, "replicas that are not available"),
    known(
        "kube_horizontalpodautoscaler_status_current_replicas",
        Signal::State,
        "replicas the autoscaler sees",
    ),
    known("kube_job_status_failed", Signal::Errors, "failed pods of a job"),
    known("kube_node_status_condition", Signal::State, "node conditions, 1 for the one that holds"),
    known("kube_persistentvolumeclaim_status_phase", Signal::State, "phase of a claim"),
    known("kube_pod_container_resource_limits", Signal::State, "limits by resource"),
    known("kube_pod_container_resource_requests", Signal::State, "requests by resource"),
    known(
        "kube_pod_container_status_last_terminated_reason",
        Signal::State,
        "why the last run ended, e.g. OOMKilled",
    ),
    known("kube_pod_container_status_restarts_total", Signal::Errors, "restarts of a container"),
    known(
        "kube_pod_container_status_waiting_reason",
        Signal::Errors,
        "why a container waits, e.g. CrashLoopBackOff",
    ),
    known("kube_pod_status_phase", Signal::State, "phase of a pod"),
    known("kube_pod_status_ready", Signal::State, "whether a pod is ready"),
    known(
        "kubelet_pleg_relist_duration_seconds_bucket",
        Signal::Latency,
        "how long the kubelet takes to look at its containers",
    ),
    known("kubelet_volume_stats_available_bytes", Signal::Usage, "free bytes of a volume"),
    known("kubelet_volume_stats_used_bytes", Signal::Usage, "used bytes of a volume"),
    known("node_cpu_seconds_total", Signal::Usage, "CPU seconds by mode; all but idle is use"),
    known(
        "node_disk_io_time_seconds_total",
        Signal::Saturation,
        "seconds the disk was busy; a rate near 1 is full",
    ),
    known("node_filesystem_avail_bytes", Signal::Usage, "free bytes of a filesystem"),
    known("node_load1", Signal::Saturation, "load average of a minute"),
    known("node_memory_MemAvailable_bytes", Signal::Usage, "memory that can still be given out"),
    known("node_netstat_TcpExt_ListenDrops", Signal::Saturation, "connections dropped by full listen queues"),
    known("node_netstat_Tcp_RetransSegs", Signal::Saturation, "TCP segments sent again"),
    known("node_network_receive_drop_total", Signal::Saturation, "packets dropped on receiving"),
    known("node_nf_conntrack_entries", Signal::Saturation, "tracked connections; compare with the limit"),
    known("node_nf_conntrack_entries_limit", Signal::State, "tracked connections at most"),
    known(
        "node_pressure_cpu_waiting_seconds_total",
        Signal::Saturation,
        "seconds tasks waited for CPU (PSI)",
    ),
    known(
        "node_pressure_io_waiting_seconds_total",
        Signal::Saturation,
        "seconds tasks waited for disks (PSI)",
    ),
    known(
        "node_pressure_memory_waiting_seconds_total",
        Signal::Saturation,
        "seconds tasks waited for memory (PSI)",
    ),
    known("probe_duration_seconds", Signal::Latency, "how long a blackbox probe took"),
    known("probe_success", Signal::Errors, "1 when a blackbox probe succeeded, 0 when it failed"),
    known("rest_client_requests_total", Signal::Traffic, "requests to the API server by code"),
    known("up", Signal::Errors, "1 when the target could be scraped"),
    known("workqueue_depth", Signal::Saturation, "items that wait in a controller's queue"),
];

/// What is known of a metric by name.
pub fn meaning(name: &str) -> Option<&'static Meaning> {
    KNOWN.binary_search_by(|entry| entry.name.cmp(name)).ok().and_then(|place| KNOWN.get(place))
}

/// Every known name.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    KNOWN.iter().map(|entry| entry.name)
}

/// Parts of names that tell the sign of metrics that nobody has described, the most telling first.
const PARTS: [(Signal, &[&str]); 6] = [
    (
        Signal::Saturation,
        &[
            "throttl",
            "pressure",
            "retrans",
            "retans",
            "backlog",
            "queue",
            "pending",
            "dropped",
            "drops",
            "overflow",
            "saturation",
            "evict",
            "exhaust",
            "conntrack",
            "inflight",
            "in_flight",
        ],
    ),
    (
        Signal::Errors,
        &[
            "error",
            "fail",
            "5xx",
            "exception",
            "restart",
            "oom",
            "success",
            "timeout",
            "reject",
            "refused",
            "unavailable",
            "panic",
            "availability",
        ],
    ),
    (
        Signal::Latency,
        &["latency", "duration", "response_time", "_p50", "_p90", "_p95", "_p99", "p90latency", "elapsed"],
    ),
    (
        Signal::Usage,
        &[
            "cpu",
            "memory",
            "mem_",
            "heap",
            "rss",
            "working_set",
            "disk",
            "filesystem",
            "_fs_",
            "connections",
            "goroutines",
            "threads",
            "open_fds",
        ],
    ),
    (
        Signal::Traffic,
        &["request", "network", "receive", "transmit", "throughput", "qps", "rps", "bytes", "messages"],
    ),
    (Signal::State, &[""]),
];

/// Which sign of trouble a metric is, by what is known or else by its name.
pub(crate) fn signal(name: &str) -> Signal {
    if let Some(known) = meaning(name) {
        return known.signal;
    }
    let lower = name.to_lowercase();
    PARTS
        .iter()
        .find(|(_, parts)| parts.iter().any(|part| lower.contains(part)))
        .map_or(Signal::State, |(signal, _)| *signal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn the_table_is_sorted_so_that_every_entry_is_found() {
        assert!(KNOWN.is_sorted_by(|one, next| one.name < next.name));
        assert!(KNOWN.iter().all(|entry| meaning(entry.name) == Some(entry)));
        assert_eq!(meaning("nothing"), None);
    }

    #[test]
    fn names_tell_the_sign() {
        let signals = [
            "app:cpu_throttled:ratio",
            "http_errors_total",
            "svc:latency_p95:ms",
            "jvm_memory_used",
            "http_requests_total",
            "build_info",
        ];
        let expected = [
            Signal::Saturation,
            Signal::Errors,
            Signal::Latency,
            Signal::Usage,
            Signal::Traffic,
            Signal::State,
        ];
        assert_eq!(signals.map(signal), expected);
    }
}
