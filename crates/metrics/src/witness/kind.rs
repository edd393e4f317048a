//! Which sign of trouble a change of a metric is, by the metric's name.

use crate::change::Direction;
use stethoscope_diagnosis::snapshot::SignalKind;

/// Parts of names worth reading for detectors, as a regular expression's alternatives.
pub(super) const PARTS: [&str; 17] = [
    "throttl",
    "retrans",
    "retans",
    "drop",
    "errs",
    "error",
    "fail",
    "5xx",
    "success",
    "availability",
    "latency",
    "duration",
    "response_time",
    "cpu_usage",
    "cpu.*cores",
    "request",
    "throughput",
];

/// Metrics of the monitoring itself, of runtimes and of what objects already say.
const ASIDE: [&str; 9] =
    ["scrape_", "prometheus_", "promhttp_", "go_", "process_", "kube_", "kubelet_", "apiserver_", "etcd_"];

/// What a change in this direction means; `None` when it is no sign of trouble.
pub(super) fn of(name: &str, direction: Direction) -> Option<SignalKind> {
    let name = name.to_lowercase();
    if ASIDE.iter().any(|prefix| name.starts_with(prefix)) {
        return None;
    }
    let has = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
    let rises = |kind| (direction == Direction::Up).then_some(kind);
    // Counts of periods are no time.
    if has(&["throttl"]) && has(&["periods"]) {
        None
    } else if has(&["throttl"]) {
        rises(SignalKind::Throttling)
    } else if has(&["retrans", "retans"]) {
        rises(SignalKind::Retransmits)
    } else if has(&["drop", "errs"]) && has(&["packet", "network", "netstat", "_rx_", "_tx_"]) {
        rises(SignalKind::PacketDrops)
    } else if has(&["success", "availability"]) {
        (direction == Direction::Down).then_some(SignalKind::Errors)
    } else if has(&["5xx", "error", "fail", "exception", "timeout"]) {
        rises(SignalKind::Errors)
    } else if has(&["latency", "duration", "response_time"])
        && !name.ends_with("_count")
        && !name.ends_with("_sum")
    {
        rises(SignalKind::Latency)
    } else if has(&["cpu"]) && !has(&["limit", "quota", "period", "requests"]) {
        rises(SignalKind::CpuUsage)
    } else if has(&["request", "rps", "qps", "throughput"]) {
        Some(match direction {
            Direction::Up => SignalKind::TrafficRise,
            Direction::Down => SignalKind::TrafficDrop,
        })
    } else {
        None
    }
}

/// Histograms of how long requests take, of applications and meshes.
pub(super) fn is_latency_histogram(name: &str) -> bool {
    let has = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
    name.ends_with("_bucket")
        && !ASIDE.iter().any(|prefix| name.starts_with(prefix))
        && has(&["duration", "latency", "handling_seconds", "response_time"])
        && has(&["request", "http", "grpc", "rpc", "response", "server"])
}

/// The quantile that a name tells: 95 of `latency_p95`.
pub(super) fn quantile(name: &str) -> Option<u8> {
    let name = name.to_lowercase();
    if name.contains("median") {
        return Some(50);
    }
    name.match_indices('p').find_map(|(at, _)| {
        let before = name[..at].chars().next_back();
        let digits: String = name[at + 1..].chars().take_while(char::is_ascii_digit).collect();
        let word = before.is_none_or(|letter| !letter.is_alphanumeric());
        match digits.as_str() {
            "50" | "75" | "90" | "95" | "98" | "99" if word => digits.parse().ok(),
            "999" if word => Some(99),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn names_and_directions_tell_the_sign() {
        let cases = [
            ("container_cpu_cfs_throttled_seconds_total", Direction::Up, Some(SignalKind::Throttling)),
            ("container_cpu_cfs_throttled_seconds_total", Direction::Down, None),
            ("container_cpu_usage_seconds_total", Direction::Up, Some(SignalKind::CpuUsage)),
            ("kube_pod_container_resource_limits", Direction::Up, None),
            ("node_netstat_Tcp_RetransSegs", Direction::Up, Some(SignalKind::Retransmits)),
            ("node_network_receive_drop_total", Direction::Up, Some(SignalKind::PacketDrops)),
            ("http_server_errors_total", Direction::Up, Some(SignalKind::Errors)),
            ("job:requests_success:ratio", Direction::Down, Some(SignalKind::Errors)),
            ("job:requests_success:ratio", Direction::Up, None),
            ("http_request_duration_seconds_count", Direction::Down, Some(SignalKind::TrafficDrop)),
            ("http_request_duration_seconds_sum", Direction::Up, Some(SignalKind::TrafficRise)),
            ("svc:latency_p99:ms", Direction::Up, Some(SignalKind::Latency)),
            ("scrape_duration_seconds", Direction::Up, None),
            ("build_info", Direction::Up, None),
        ];
        for (name, direction, expected) in cases {
            assert_eq!(of(name, direction), expected, "{name} {direction:?}");
        }
    }

    #[test]
    fn quantiles_are_read_from_names() {
        let names = ["svc:latency_p95:ms", "x_p999", "request_latency_median", "http_p2p_latency", "top50"];
        assert_eq!(names.map(quantile), [Some(95), Some(99), Some(50), None, None]);
    }
}
