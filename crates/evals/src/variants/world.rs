//! A bundle taken apart into what a variant may change, and put together again.

use bytes::Bytes;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use stethoscope_incidents::bundle::{Access, Run};
use stethoscope_incidents::{Bundle, Expect, Incident};

/// One recorded container log.
#[derive(Clone, Debug)]
pub(crate) struct PodLog {
    pub(crate) namespace: String,
    pub(crate) pod: String,
    pub(crate) container: String,
    pub(crate) run: Run,
    pub(crate) text: String,
}

/// Everything of a bundle, to be changed.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) incident: Incident,
    pub(crate) expect: Option<Expect>,
    pub(crate) objects: Vec<Value>,
    pub(crate) pod_logs: Vec<PodLog>,
    /// By node and unit.
    pub(crate) node_logs: BTreeMap<(String, String), String>,
    pub(crate) metrics: Option<String>,
    pub(crate) alerts: Option<String>,
    pub(crate) access: Access,
    version: Option<Bytes>,
    flows: Option<(String, Bytes)>,
}

impl World {
    pub(crate) fn of(bundle: &Bundle) -> Self {
        let text = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
        let pod_logs = bundle.pod_logs().iter().map(|(namespace, pod, container, run, log)| PodLog {
            namespace: namespace.to_owned(),
            pod: pod.to_owned(),
            container: container.to_owned(),
            run,
            text: text(log),
        });
        let node_logs = bundle.node_logs().iter().flat_map(|(node, units)| {
            units.iter().map(move |(unit, log)| ((node.clone(), unit.clone()), text(log)))
        });
        Self {
            incident: bundle.incident().clone(),
            expect: bundle.expectation().cloned(),
            objects: bundle.objects().iter().map(|object| object.value()).collect(),
            pod_logs: pod_logs.collect(),
            node_logs: node_logs.collect(),
            metrics: bundle.prometheus_metrics().map(text),
            alerts: bundle.alerts().map(text),
            access: bundle.access().clone(),
            version: bundle.version().cloned(),
            flows: bundle.flows().map(|(name, bytes)| (name.to_owned(), bytes.clone())),
        }
    }

    /// Puts the bundle together. `Err` is one sentence.
    pub(crate) fn bundle(self) -> Result<Bundle, String> {
        let name = self.incident.name.clone();
        Bundle::from_files(&name, self.files()).map_err(|error| format!("the variant is no bundle: {error}"))
    }

    fn files(self) -> Vec<(String, Bytes)> {
        let manifest = json!({
            "apiVersion": stethoscope_incidents::bundle::API_VERSION,
            "kind": "Incident",
            "metadata": {"name": self.incident.name},
            "question": self.incident.question,
            "namespace": self.incident.namespace,
            "capturedAt": self.incident.captured_at,
            "source": self.incident.source,
            "expect": self.expect,
        });
        // JSON is YAML.
        let mut files = vec![("incident.yaml".to_owned(), Bytes::from(manifest.to_string()))];
        let list = json!({"apiVersion": "v1", "kind": "List", "items": self.objects});
        files.push(("cluster-resources/variant.json".to_owned(), Bytes::from(list.to_string())));
        if !self.access.deny.is_empty() {
            let denials: Vec<Value> = self
                .access
                .deny
                .iter()
                .map(|denial| match &denial.namespace {
                    Some(namespace) => {
                        json!({"group": denial.group, "resource": denial.resource, "namespace": namespace})
                    }
                    None => json!({"group": denial.group, "resource": denial.resource}),
                })
                .collect();
            files.push(("access.yaml".to_owned(), Bytes::from(json!({"deny": denials}).to_string())));
        }
        for log in self.pod_logs {
            let suffix = match log.run {
                Run::Current => "",
                Run::Previous => "-previous",
            };
            let path = format!(
                "cluster-resources/pods/logs/{}/{}/{}{suffix}.log",
                log.namespace, log.pod, log.container
            );
            files.push((path, Bytes::from(log.text)));
        }
        for ((node, unit), text) in self.node_logs {
            files.push((format!("nodes/{node}/logs/{unit}.log"), Bytes::from(text)));
        }
        files.extend(self.metrics.map(|text| ("prometheus/metrics.om".to_owned(), Bytes::from(text))));
        files.extend(self.alerts.map(|text| ("prometheus/alerts.json".to_owned(), Bytes::from(text))));
        files.extend(self.version.map(|bytes| ("cluster-info/cluster_version.json".to_owned(), bytes)));
        files.extend(self.flows.map(|(name, bytes)| (format!("hubble/{name}"), bytes)));
        files
    }

    /// Everything as one text, for tests.
    #[cfg(test)]
    pub(crate) fn text(self) -> String {
        let part = |(path, bytes): (String, Bytes)| format!("{path}\n{}\n", String::from_utf8_lossy(&bytes));
        self.files().into_iter().map(part).collect()
    }

    /// Changes every text: strings of objects, logs, names of logs, question, expectation, metrics. `keep` tells keys whose
    /// values stay.
    pub(crate) fn rewrite(&mut self, keep: &[&str], change: &dyn Fn(&str) -> String) {
        for object in &mut self.objects {
            rewrite_value(object, keep, change);
        }
        for log in &mut self.pod_logs {
            for text in [&mut log.namespace, &mut log.pod, &mut log.container, &mut log.text] {
                *text = change(text);
            }
        }
        let node_logs = std::mem::take(&mut self.node_logs);
        self.node_logs = node_logs
            .into_iter()
            .map(|((node, unit), text)| ((change(&node), unit), change(&text)))
            .collect();
        for text in
            [&mut self.metrics, &mut self.alerts, &mut self.incident.question, &mut self.incident.namespace]
        {
            *text = text.take().map(|text| change(&text));
        }
        // Flows are text, one JSON object a line.
        if let Some((_, bytes)) = &mut self.flows
            && let Ok(text) = std::str::from_utf8(bytes)
        {
            *bytes = Bytes::from(change(text));
        }
        self.incident.name = change(&self.incident.name);
        for denial in &mut self.access.deny {
            denial.namespace = denial.namespace.take().map(|text| change(&text));
        }
        if let Some(expect) = &mut self.expect {
            expect.subject = expect.subject.take().map(|text| change(&text));
            for value in expect.more.values_mut() {
                rewrite_value(value, &["verdict"], change);
            }
        }
    }
}

/// Maps whose keys are names given by people and referred to by value.
const NAMED_KEYS: [&str; 3] = ["data", "binaryData", "stringData"];

fn rewrite_value(value: &mut Value, keep: &[&str], change: &dyn Fn(&str) -> String) {
    match value {
        Value::String(text) => *text = change(text),
        Value::Array(items) => items.iter_mut().for_each(|item| rewrite_value(item, keep, change)),
        Value::Object(map) => {
            for (key, value) in map.iter_mut().filter(|(key, _)| !keep.contains(&key.as_str())) {
                rewrite_value(value, keep, change);
                if let (true, Value::Object(named)) = (NAMED_KEYS.contains(&key.as_str()), value) {
                    *named =
                        std::mem::take(named).into_iter().map(|(key, value)| (change(&key), value)).collect();
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
