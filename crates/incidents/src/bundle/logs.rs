//! Recorded logs of containers and node services.

use bytes::Bytes;
use std::collections::BTreeMap;

/// One run of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Run {
    /// The run at the time of the capture.
    Current,
    /// The run before, `kubectl logs --previous`.
    Previous,
}

/// Logs of pods: by namespace and pod, then by file stem or container and run.
#[derive(Clone, Debug, Default)]
pub struct PodLogs {
    runs: BTreeMap<(String, String), BTreeMap<(String, Run), Bytes>>,
}

impl PodLogs {
    pub(super) fn insert(&mut self, namespace: &str, pod: &str, container: &str, run: Run, log: Bytes) {
        let pod = self.runs.entry((namespace.to_owned(), pod.to_owned())).or_default();
        pod.insert((container.to_owned(), run), log);
    }

    /// A file named `<container>.log` or `<container>-previous.log`. A container may itself be called `x-previous`;
    /// then the file is found under either name.
    pub(super) fn insert_file(&mut self, namespace: &str, pod: &str, stem: &str, log: Bytes) {
        if let Some(container) = stem.strip_suffix("-previous").filter(|c| !c.is_empty()) {
            self.insert(namespace, pod, container, Run::Previous, log.clone());
        }
        self.insert(namespace, pod, stem, Run::Current, log);
    }

    /// The log of one run of a container; `None` when it was not recorded.
    pub fn get(&self, namespace: &str, pod: &str, container: &str, run: Run) -> Option<&Bytes> {
        self.runs.get(&(namespace.to_owned(), pod.to_owned()))?.get(&(container.to_owned(), run))
    }

    /// Every log with its namespace, pod, container and run, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str, &str, Run, &Bytes)> {
        self.runs.iter().flat_map(|((namespace, pod), runs)| {
            runs.iter().map(move |((container, run), log)| {
                (namespace.as_str(), pod.as_str(), container.as_str(), *run, log)
            })
        })
    }

    /// How many log files there are.
    pub fn len(&self) -> usize {
        self.runs.values().map(BTreeMap::len).sum()
    }

    /// Whether no log was recorded.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }
}

/// Logs of node services, by node and unit.
pub type NodeLogs = BTreeMap<String, BTreeMap<String, Bytes>>;

/// The parts of a `logs.txt` of `kubectl cluster-info dump`, which frames each container's log with
/// `==== START logs for container C of pod NS/P ====` and the same with END. Yields container and log.
pub(super) fn dump_sections(text: &str) -> Vec<(String, Bytes)> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some((container, body)) = next_section(rest) {
        let end_marker = format!("==== END logs for container {container} of pod ");
        let (log, after) = match body.find(&end_marker) {
            Some(at) => (body.get(..at), body.get(at..)),
            None => (Some(body), None),
        };
        let log = log.unwrap_or_default();
        // What kubectl writes where the API server refused the log: nothing was recorded.
        let failed = log.starts_with("Request log error: ") || log.starts_with("Create log request error: ");
        if !failed {
            out.push((container.to_owned(), Bytes::copy_from_slice(log.as_bytes())));
        }
        rest = after.unwrap_or_default();
    }
    out
}

fn next_section(text: &str) -> Option<(&str, &str)> {
    const START: &str = "==== START logs for container ";
    let at = if text.starts_with(START) { 0 } else { text.find(&format!("\n{START}"))? + 1 };
    let line_and_rest = text.get(at + START.len()..)?;
    let (line, rest) = line_and_rest.split_once('\n').unwrap_or((line_and_rest, ""));
    Some((line.split_once(" of pod ")?.0, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn splits_a_dump_by_container_and_drops_what_kubectl_could_not_read() {
        let text = "==== START logs for container web of pod shop/web-0 ====\none\ntwo\n\
            ==== END logs for container web of pod shop/web-0 ====\n\
            ==== START logs for container side of pod shop/web-0 ====\n\
            Request log error: the server rejected our request\n\
            ==== END logs for container side of pod shop/web-0 ====\n";
        assert_eq!(dump_sections(text), [("web".to_owned(), Bytes::from_static(b"one\ntwo\n"))]);
    }

    #[test]
    fn a_dump_cut_in_the_middle_keeps_what_is_there() {
        let text = "==== START logs for container web of pod shop/web-0 ====\none";
        assert_eq!(dump_sections(text), [("web".to_owned(), Bytes::from_static(b"one"))]);
    }
}
