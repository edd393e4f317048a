//! Pods, after `printPod` in kubernetes `pkg/printers/internalversion/printers.go`.

use super::duration;
use super::field::{NONE, Printed, int, list, text};
use jiff::Timestamp;
use serde_json::{Value, json};

/// Cells of a pod, wide ones included.
pub(super) fn row(pod: Printed<'_>) -> Vec<Value> {
    let state = State::of(pod);
    let restarts = match state.last_restart {
        Some(at) if state.restarts != 0 => {
            let ago = duration::human(pod.now.duration_since(at).as_secs());
            format!("{} ({ago} ago)", state.restarts)
        }
        _ => state.restarts.to_string(),
    };
    let first_ip = pod.text("/status/podIPs/0/ip");
    let ip = if first_ip.is_empty() { pod.text_or("/status/podIP", NONE) } else { first_ip };
    vec![
        json!(pod.name()),
        json!(format!("{}/{}", state.ready, state.total)),
        json!(state.reason),
        json!(restarts),
        json!(pod.age()),
        json!(ip),
        json!(pod.text_or("/spec/nodeName", NONE)),
        json!(pod.text_or("/status/nominatedNodeName", NONE)),
        json!(readiness_gates(pod)),
    ]
}

/// Tells clients such as `kubectl wait` tables that a pod has ended.
pub(super) fn row_conditions(pod: &Value) -> Option<Value> {
    let (reason, message) = match text(pod, "/status/phase") {
        "Succeeded" => ("Succeeded", "The pod has completed successfully."),
        "Failed" => ("Failed", "The pod failed."),
        _ => return None,
    };
    Some(json!([{"type": "Completed", "status": "True", "reason": reason, "message": message}]))
}

fn readiness_gates(pod: Printed<'_>) -> String {
    let gates = pod.list("/spec/readinessGates");
    if gates.is_empty() {
        return NONE.to_owned();
    }
    let met =
        gates.iter().filter(|gate| condition(pod, text(gate, "/conditionType")) == Some("True")).count();
    format!("{met}/{}", gates.len())
}

fn condition<'a>(pod: Printed<'a>, kind: &str) -> Option<&'a str> {
    let conditions = pod.list("/status/conditions");
    conditions.iter().find(|c| text(c, "/type") == kind).map(|c| text(c, "/status"))
}

/// What the STATUS, READY and RESTARTS columns sum up.
struct State {
    reason: String,
    ready: usize,
    total: usize,
    restarts: i64,
    last_restart: Option<Timestamp>,
}

impl State {
    fn of(pod: Printed<'_>) -> Self {
        let reason = match pod.text("/status/reason") {
            "" => pod.text("/status/phase"),
            reason => reason,
        };
        let gated = pod
            .list("/status/conditions")
            .iter()
            .any(|c| text(c, "/type") == "PodScheduled" && text(c, "/reason") == "SchedulingGated");
        let mut state = Self {
            reason: if gated { "SchedulingGated".to_owned() } else { reason.to_owned() },
            ready: 0,
            total: pod.list("/spec/containers").len() + sidecars(pod).count(),
            restarts: 0,
            last_restart: None,
        };
        let initializing = state.init(pod);
        if !initializing || condition(pod, "Initialized") == Some("True") {
            state.main(pod);
        }
        let phase = pod.text("/status/phase");
        if pod.has("/metadata/deletionTimestamp") {
            if pod.text("/status/reason") == "NodeLost" {
                "Unknown".clone_into(&mut state.reason);
            } else if !matches!(phase, "Succeeded" | "Failed") {
                "Terminating".clone_into(&mut state.reason);
            }
        }
        state
    }

    fn count(&mut self, status: &Value) {
        self.restarts += int(status, "/restartCount");
        let finished = text(status, "/lastState/terminated/finishedAt").parse().ok();
        self.last_restart = self.last_restart.max(finished);
    }

    /// Init containers in order, up to the first that isn't done. Returns whether one isn't.
    fn init(&mut self, pod: Printed<'_>) -> bool {
        let total = pod.list("/spec/initContainers").len();
        for (at, status) in pod.list("/status/initContainerStatuses").iter().enumerate() {
            self.count(status);
            let terminated = status.pointer("/state/terminated").filter(|t| t.is_object());
            let waiting = text(status, "/state/waiting/reason");
            if terminated.is_some_and(|t| int(t, "/exitCode") == 0) {
                continue;
            }
            let sidecar = sidecars(pod).any(|name| name == text(status, "/name"));
            if sidecar && status.get("started") == Some(&Value::Bool(true)) {
                self.ready += usize::from(status.get("ready") == Some(&Value::Bool(true)));
                continue;
            }
            self.reason = match (terminated, waiting) {
                (Some(terminated), _) => format!("Init:{}", ended(terminated)),
                (None, "" | "PodInitializing") => format!("Init:{at}/{total}"),
                (None, reason) => format!("Init:{reason}"),
            };
            return true;
        }
        false
    }

    fn main(&mut self, pod: Printed<'_>) {
        // Only restarts of sidecars go on counting once the pod is initialized.
        self.restarts = 0;
        self.last_restart = None;
        for status in pod.list("/status/initContainerStatuses") {
            if sidecars(pod).any(|name| name == text(status, "/name")) {
                self.count(status);
            }
        }
        let mut running = false;
        for status in pod.list("/status/containerStatuses").iter().rev() {
            self.count(status);
            let waiting = text(status, "/state/waiting/reason");
            let terminated = status.pointer("/state/terminated").filter(|t| t.is_object());
            if !waiting.is_empty() {
                waiting.clone_into(&mut self.reason);
            } else if let Some(terminated) = terminated {
                self.reason = ended(terminated);
            } else if status.get("ready") == Some(&Value::Bool(true))
                && status.pointer("/state/running").is_some_and(Value::is_object)
            {
                running = true;
                self.ready += 1;
            }
        }
        if self.reason == "Completed" && running {
            let ready = condition(pod, "Ready") == Some("True");
            if ready { "Running" } else { "NotReady" }.clone_into(&mut self.reason);
        }
    }
}

/// Init containers that keep running.
fn sidecars(pod: Printed<'_>) -> impl Iterator<Item = &str> {
    let init = list(pod.object, "/spec/initContainers");
    init.iter().filter(|c| text(c, "/restartPolicy") == "Always").map(|c| text(c, "/name"))
}

fn ended(terminated: &Value) -> String {
    match (text(terminated, "/reason"), int(terminated, "/signal")) {
        ("", 0) => format!("ExitCode:{}", int(terminated, "/exitCode")),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    fn cells(spec: &Value, status: &Value) -> Vec<String> {
        let pod = json!({"metadata": {"name": "p", "creationTimestamp": "2025-01-01T00:00:00Z"},
            "spec": spec, "status": status});
        let now = "2025-01-01T00:10:00Z".parse().unwrap();
        row(Printed { object: &pod, now })[1..4].iter().map(|v| v.as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn restarts_say_when_the_last_one_was() {
        let status = json!({"phase": "Running", "containerStatuses": [{"name": "a", "restartCount": 5,
            "state": {"waiting": {"reason": "CrashLoopBackOff"}},
            "lastState": {"terminated": {"exitCode": 1, "finishedAt": "2025-01-01T00:08:00Z"}}}]});
        assert_eq!(cells(&json!({"containers": [{}]}), &status), ["0/1", "CrashLoopBackOff", "5 (2m ago)"]);
    }

    #[test]
    fn the_first_unfinished_init_container_gives_the_status() {
        let spec = json!({"initContainers": [{"name": "a"}, {"name": "b"}], "containers": [{}]});
        let done = json!({"name": "a", "restartCount": 0, "state": {"terminated": {"exitCode": 0}}});
        let with = |state: Value| {
            let second = json!({"name": "b", "restartCount": 1, "state": state});
            cells(&spec, &json!({"phase": "Pending", "initContainerStatuses": [done, second]}))
        };
        assert_eq!(with(json!({"running": {}})), ["0/1", "Init:1/2", "1"]);
        assert_eq!(
            with(json!({"waiting": {"reason": "ImagePullBackOff"}})),
            ["0/1", "Init:ImagePullBackOff", "1"]
        );
        assert_eq!(with(json!({"terminated": {"exitCode": 3}})), ["0/1", "Init:ExitCode:3", "1"]);
        assert_eq!(
            with(json!({"terminated": {"exitCode": 137, "signal": 9}})),
            ["0/1", "Init:Signal:9", "1"]
        );
        assert_eq!(
            with(json!({"terminated": {"exitCode": 1, "reason": "Error"}})),
            ["0/1", "Init:Error", "1"]
        );
    }

    #[test]
    fn a_started_sidecar_counts_as_a_container() {
        let spec =
            json!({"initContainers": [{"name": "side", "restartPolicy": "Always"}], "containers": [{}]});
        let status = json!({"phase": "Running",
            "initContainerStatuses": [{"name": "side", "started": true, "ready": true, "restartCount": 2, "state": {"running": {}}}],
            "containerStatuses": [{"name": "a", "ready": true, "restartCount": 1, "state": {"running": {}}}]});
        assert_eq!(cells(&spec, &status), ["2/2", "Running", "3"]);
    }

    #[test]
    fn a_pod_with_one_done_and_one_running_container_is_not_ready() {
        let status = json!({"phase": "Running", "containerStatuses": [
            {"name": "a", "ready": false, "state": {"terminated": {"reason": "Completed", "exitCode": 0}}},
            {"name": "b", "ready": true, "state": {"running": {}}}]});
        assert_eq!(cells(&json!({"containers": [{}, {}]}), &status), ["1/2", "NotReady", "0"]);
    }
}
