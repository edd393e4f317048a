//! The one word for a pod's state.

use super::column::condition;
use crate::object::{at, items, number, text};
use serde_json::Value;

/// The word `kubectl get pods` shows under STATUS (printers/internalversion `printPod`).
pub(crate) fn pod_status(pod: &Value) -> String {
    let mut reason = match text(pod, "status.reason") {
        "" => text(pod, "status.phase").to_owned(),
        reason => reason.to_owned(),
    };
    if items(pod, "status.conditions")
        .iter()
        .any(|condition| text(condition, "reason") == "SchedulingGated" && condition["status"] == "False")
    {
        "SchedulingGated".clone_into(&mut reason);
    }
    let init = items(pod, "status.initContainerStatuses");
    let total = items(pod, "spec.initContainers").len();
    let sidecar = |name: &str| {
        items(pod, "spec.initContainers")
            .iter()
            .any(|container| text(container, "name") == name && text(container, "restartPolicy") == "Always")
    };
    let mut initializing = false;
    for (index, status) in init.iter().enumerate() {
        let done = number(status, "state.terminated.exitCode") == Some(0);
        let started_sidecar = sidecar(text(status, "name")) && status["started"] == true;
        if done || started_sidecar {
            continue;
        }
        reason = if at(status, "state.terminated").is_some() {
            format!("Init:{}", terminated(status))
        } else {
            match text(status, "state.waiting.reason") {
                "" | "PodInitializing" => format!("Init:{index}/{total}"),
                waiting => format!("Init:{waiting}"),
            }
        };
        initializing = true;
        break;
    }
    if !initializing {
        let mut running = false;
        for status in items(pod, "status.containerStatuses").iter().rev() {
            match text(status, "state.waiting.reason") {
                "" if at(status, "state.terminated").is_some() => reason = terminated(status),
                "" => running |= status["ready"] == true && at(status, "state.running").is_some(),
                waiting => waiting.clone_into(&mut reason),
            }
        }
        if reason == "Completed" && running {
            let ready = condition(pod, "Ready").is_some_and(|condition| condition["status"] == "True");
            if ready { "Running" } else { "NotReady" }.clone_into(&mut reason);
        }
    }
    if at(pod, "metadata.deletionTimestamp").is_some() {
        reason = match text(pod, "status.reason") {
            "NodeLost" => "Unknown".to_owned(),
            _ if matches!(text(pod, "status.phase"), "Succeeded" | "Failed") => reason,
            _ => "Terminating".to_owned(),
        };
    }
    reason
}

fn terminated(status: &Value) -> String {
    match text(status, "state.terminated.reason") {
        "" => match number(status, "state.terminated.signal") {
            Some(signal) if signal != 0 => format!("Signal:{signal}"),
            _ => format!("ExitCode:{}", number(status, "state.terminated.exitCode").unwrap_or_default()),
        },
        reason => reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;
    use serde_json::json;

    #[test]
    fn pod_status_is_the_word_kubectl_shows() {
        let status = |pod: Value| pod_status(&pod);
        assert_eq!(status(json!({"status": {"phase": "Pending"}})), "Pending");
        assert_eq!(status(json!({"status": {"phase": "Failed", "reason": "Evicted"}})), "Evicted");
        assert_eq!(
            status(json!({"status": {"phase": "Running", "containerStatuses": [
                {"name": "a", "state": {"running": {}}, "ready": true},
                {"name": "b", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]}})),
            "CrashLoopBackOff"
        );
        assert_eq!(
            status(json!({"spec": {"initContainers": [{"name": "i"}, {"name": "j"}]},
                "status": {"phase": "Pending", "initContainerStatuses": [
                    {"name": "i", "state": {"terminated": {"exitCode": 0}}},
                    {"name": "j", "state": {"terminated": {"exitCode": 3, "reason": "Error"}}}]}})),
            "Init:Error"
        );
        assert_eq!(
            status(json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"},
                "status": {"phase": "Running"}})),
            "Terminating"
        );
        assert_eq!(
            status(json!({"status": {"phase": "Running", "containerStatuses": [
                {"name": "a", "state": {"terminated": {"exitCode": 137, "signal": 9}}}]}})),
            "Signal:9"
        );
    }
}
