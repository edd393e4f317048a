//! `pods/<name>/log`, with the refusals of kubelet and API server in their words.

use super::request::Request;
use super::route::{Answer, text};
use super::status::Failure;
use super::store::Store;
use crate::bundle::{Object, Run};
use jiff::{Timestamp, ToSpan};
use serde_json::Value;

pub(super) fn read(store: &Store, pod: &Object, request: &Request) -> Answer {
    let value = pod.value();
    let container = container(pod, &value, request.param("container"))?;
    let run = if request.flag("previous") { Run::Previous } else { Run::Current };
    let namespace = pod.namespace.as_deref().unwrap_or_default();
    let window = Window::of(store.captured_at, request)?;
    let recorded = |run| store.pod_logs.get(namespace, &pod.name, &container, run);
    // kubelet shows the last run of a container that waits to be started again.
    let last_run = || recorded(Run::Previous).filter(|_| waits_for_restart(&value, &container));
    match recorded(run).or_else(last_run) {
        Some(log) => Ok(text(window.cut(log, Stamps::of(log)))),
        None => Err(absent(pod, &value, &container, run)),
    }
}

/// `pkg/registry/core/pod/strategy.go`, LogLocation: the only container, else the asked one, else a refusal.
fn container(pod: &Object, value: &Value, asked: Option<&str>) -> Result<String, Failure> {
    let names = |list: &str| -> Vec<String> {
        let items = value.pointer(&format!("/spec/{list}")).and_then(Value::as_array);
        items.into_iter().flatten().filter_map(|c| Some(c.get("name")?.as_str()?.to_owned())).collect()
    };
    let (main, init, ephemeral) =
        (names("containers"), names("initContainers"), names("ephemeralContainers"));
    if let Some(asked) = asked {
        if [&main, &init, &ephemeral].iter().any(|names| names.iter().any(|name| name == asked)) {
            return Ok(asked.to_owned());
        }
        return Err(Failure::bad_request(format!("container {asked} is not valid for pod {}", pod.name)));
    }
    match main.as_slice() {
        [only] if init.is_empty() && ephemeral.is_empty() => Ok(only.clone()),
        _ => {
            let mut choices = main.join(" ");
            if !init.is_empty() {
                choices = format!("{choices}] or one of the init containers: [{}", init.join(" "));
            }
            if !ephemeral.is_empty() {
                choices = format!("{choices}] or one of the ephemeral containers: [{}", ephemeral.join(" "));
            }
            Err(Failure::bad_request(format!(
                "a container name must be specified for pod {}, choose one of: [{choices}]",
                pod.name
            )))
        }
    }
}

fn status_of<'a>(pod: &'a Value, container: &str) -> Option<&'a Value> {
    let lists = ["containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"];
    lists.iter().find_map(|list| {
        let items = pod.pointer(&format!("/status/{list}"))?.as_array()?;
        items.iter().find(|status| status.get("name").and_then(Value::as_str) == Some(container))
    })
}

fn waits_for_restart(pod: &Value, container: &str) -> bool {
    let has =
        |pointer| status_of(pod, container).and_then(|s| s.pointer(pointer)).is_some_and(Value::is_object);
    has("/state/waiting") && has("/lastState/terminated")
}

/// Why there is no log. The texts are kubelet's `validateContainerLogStatus` in `pkg/kubelet/kubelet_pods.go`.
fn absent(pod: &Object, value: &Value, container: &str, run: Run) -> Failure {
    let status = status_of(value, container);
    let state = |pointer: &str| status.and_then(|s| s.pointer(pointer)).filter(|v| v.is_object());
    let name = &pod.name;
    if run == Run::Previous {
        let restarts = status.and_then(|s| s.get("restartCount")?.as_u64()).unwrap_or(0);
        if state("/lastState/terminated").is_none() && restarts == 0 {
            return Failure::bad_request(format!(
                "previous terminated container {container:?} in pod {name:?} not found"
            ));
        }
    } else if let (Some(waiting), None) = (state("/state/waiting"), state("/lastState/terminated")) {
        let reason = waiting.get("reason").and_then(Value::as_str).unwrap_or("ContainerCreating");
        return Failure::bad_request(format!(
            "container {container:?} in pod {name:?} is waiting to start: {reason}"
        ));
    } else if status.is_none() && value.pointer("/status/phase").and_then(Value::as_str) == Some("Pending") {
        if value.pointer("/spec/nodeName").and_then(Value::as_str).is_none_or(str::is_empty) {
            return Failure::bad_request(format!("pod {name} does not have a host assigned"));
        }
        return Failure::bad_request(format!(
            "container {container:?} in pod {name:?} is waiting to start: ContainerCreating"
        ));
    }
    let which = if run == Run::Previous { "previous logs" } else { "logs" };
    Failure::not_recorded(format!(
        "{which} of container {container:?} in pod {name:?} were not recorded in this incident"
    ))
}

/// Whether lines carry the time of the container runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stamps {
    /// Each line begins with an RFC 3339 time and a space, as `kubectl logs --timestamps` writes.
    Leading,
    /// No times were recorded.
    None,
}

impl Stamps {
    pub(super) fn of(log: &[u8]) -> Self {
        let first = log.split(|b| *b == b'\n').find(|line| !line.is_empty());
        match first.and_then(stamp) {
            Some(_) => Self::Leading,
            None => Self::None,
        }
    }
}

/// The runtime's time of a line: `2025-11-28T07:33:14.123456789Z text`.
fn stamp(line: &[u8]) -> Option<Timestamp> {
    let end = line.iter().take(40).position(|b| *b == b' ').unwrap_or(line.len().min(40));
    let text = std::str::from_utf8(line.get(..end)?).ok()?;
    // Application logs begin with dates too, but hardly ever in this form with nanoseconds.
    let nanoseconds = text.split_once('.')?.1.bytes().take_while(u8::is_ascii_digit).count() >= 6;
    if text.len() >= 27 && nanoseconds { text.parse().ok() } else { None }
}

/// Which part of a log is wanted.
#[derive(Clone, Debug)]
pub(super) struct Window {
    tail: Option<usize>,
    since: Option<Timestamp>,
    bytes: Option<usize>,
    stamps_wanted: bool,
}

impl Window {
    pub(super) fn of(captured_at: Timestamp, request: &Request) -> Result<Self, Failure> {
        let size = |number: Option<u64>| number.map(|n| usize::try_from(n).unwrap_or(usize::MAX));
        let seconds = request.number("sinceSeconds")?;
        let since = match (seconds, request.param("sinceTime")) {
            (Some(_), Some(_)) => {
                return Err(Failure::bad_request(
                    "at most one of sinceTime or sinceSeconds may be specified",
                ));
            }
            (Some(seconds), None) => {
                let span = i64::try_from(seconds).unwrap_or(i64::MAX).min(10 * 366 * 86_400).seconds();
                Some(captured_at.checked_sub(span).unwrap_or(Timestamp::MIN))
            }
            (None, Some(text)) => Some(text.parse().map_err(|_| {
                Failure::bad_request(format!("invalid sinceTime {text:?}: expected an RFC 3339 time"))
            })?),
            (None, None) => None,
        };
        let tail = size(request.number("tailLines")?);
        let bytes = size(request.number("limitBytes")?);
        if bytes == Some(0) {
            return Err(Failure::bad_request("limitBytes must be greater than 0"));
        }
        Ok(Self { tail, since, bytes, stamps_wanted: request.flag("timestamps") })
    }

    /// The same window over lines that keep their times.
    pub(super) fn keeping_stamps(self) -> Self {
        Self { stamps_wanted: true, ..self }
    }

    /// Cuts a log: since, then tail, then bytes, as kubelet does.
    pub(super) fn cut(&self, log: &[u8], stamps: Stamps) -> Vec<u8> {
        let mut lines: Vec<&[u8]> = log.split_inclusive(|b| *b == b'\n').collect();
        if let (Some(since), Stamps::Leading) = (self.since, stamps) {
            // A line without a time belongs to the one before.
            let first = lines.iter().position(|line| stamp(line).is_some_and(|at| at >= since));
            lines = first.and_then(|at| lines.get(at..)).unwrap_or_default().to_vec();
        }
        let skip = self.tail.map_or(0, |tail| lines.len().saturating_sub(tail));
        let mut out = Vec::new();
        for line in lines.get(skip..).unwrap_or_default() {
            let bare = match (stamps, self.stamps_wanted) {
                (Stamps::Leading, false) if stamp(line).is_some() => {
                    let space = line.iter().position(|b| *b == b' ').map_or(line.len(), |at| at + 1);
                    line.get(space..).unwrap_or_default()
                }
                _ => line,
            };
            out.extend_from_slice(bare);
            if self.bytes.is_some_and(|limit| out.len() >= limit) {
                break;
            }
        }
        out.truncate(self.bytes.unwrap_or(usize::MAX));
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    const LOG: &[u8] = b"2025-01-01T10:00:00.000000001Z one\n2025-01-01T10:00:05.000000001Z two\n\
        2025-01-01T10:00:09.000000001Z three\n";

    fn window() -> Window {
        Window { tail: None, since: None, bytes: None, stamps_wanted: false }
    }

    fn cut(window: &Window, log: &[u8]) -> String {
        String::from_utf8(window.cut(log, Stamps::of(log))).unwrap()
    }

    #[test]
    fn recorded_times_are_shown_only_when_asked_for() {
        assert_eq!(cut(&window(), LOG), "one\ntwo\nthree\n");
        assert_eq!(cut(&Window { stamps_wanted: true, ..window() }, LOG), String::from_utf8_lossy(LOG));
    }

    #[test]
    fn since_tail_and_bytes_cut_in_that_order() {
        let since = Some("2025-01-01T10:00:05Z".parse().unwrap());
        assert_eq!(cut(&Window { since, ..window() }, LOG), "two\nthree\n");
        assert_eq!(cut(&Window { since, tail: Some(1), ..window() }, LOG), "three\n");
        assert_eq!(cut(&Window { since, bytes: Some(5), ..window() }, LOG), "two\nt");
        assert_eq!(cut(&Window { tail: Some(0), ..window() }, LOG), "");
    }

    #[test]
    fn a_log_without_times_is_not_cut_by_time() {
        let since = Some("2025-01-01T10:00:05Z".parse().unwrap());
        assert_eq!(cut(&Window { since, ..window() }, b"2025-01-01 plain\nlines"), "2025-01-01 plain\nlines");
    }
}
