//! From words (namespace, workload, node) to selectors. Exporters name the same thing differently.

use std::collections::BTreeSet;

/// Labels that hold a namespace. `namespace` of a scrape may be the exporter's own: then the object's is `exported_*`.
pub(crate) const NAMESPACE: [&str; 6] = [
    "namespace",
    "exported_namespace",
    "kubernetes_namespace",
    "k8s_namespace_name",
    "destination_workload_namespace",
    "destination_service_namespace",
];
/// Labels that hold a workload, or begin with it.
pub(crate) const WORKLOAD: [&str; 18] = [
    "pod",
    "exported_pod",
    "service",
    "deployment",
    "statefulset",
    "daemonset",
    "replicaset",
    "workload",
    "app",
    "app_kubernetes_io_name",
    "container",
    "job_name",
    "service_name",
    "k8s_pod_name",
    "kubernetes_pod_name",
    "destination_workload",
    "destination_service_name",
    "persistentvolumeclaim",
];
/// Labels that hold a node's name or address.
pub(crate) const NODE: [&str; 6] = ["node", "nodename", "kubernetes_node", "instance", "host", "hostname"];

/// What to look at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scope {
    pub(crate) namespace: Option<String>,
    pub(crate) workload: Option<String>,
    pub(crate) node: Option<String>,
    /// A regular expression for names of metrics.
    pub(crate) metric: Option<String>,
}

impl Scope {
    /// Matchers that together cover the scope, each to be put into braces. `labels` are those that exist.
    pub(crate) fn selectors(&self, labels: &BTreeSet<String>) -> Vec<String> {
        let present = |candidates: &[&'static str]| -> Vec<&'static str> {
            candidates.iter().copied().filter(|label| labels.contains(*label)).collect()
        };
        let namespaces = present(&NAMESPACE);
        let in_namespace: Vec<String> = match &self.namespace {
            Some(namespace) => {
                namespaces.iter().map(|label| format!("{label}=\"{}\"", escape(namespace))).collect()
            }
            None => vec![String::new()],
        };
        let unscoped =
            || namespaces.iter().map(|label| format!("{label}=\"\"")).collect::<Vec<_>>().join(",");
        let mut selectors = Vec::new();
        if let Some(node) = &self.node {
            let word = regex::escape(node);
            selectors.extend(
                present(&NODE)
                    .iter()
                    .map(|label| format!("{label}=~\"{}\"", escape(&format!("{word}([.:].*)?")))),
            );
        }
        if let Some(workload) = &self.workload {
            let word = regex::escape(workload);
            let value = escape(&format!("{word}([-.:].*)?"));
            for place in &in_namespace {
                selectors.extend(
                    present(&WORKLOAD)
                        .iter()
                        .map(|label| joined([place.as_str(), &format!("{label}=~\"{value}\"")])),
                );
            }
            // Recording rules often put the name into the metric and drop the labels.
            let within = regex::escape(&workload.replace(['-', '.'], "_"));
            selectors.push(joined([
                unscoped().as_str(),
                &format!("__name__=~\"(.*[:_])?{}([:_].*)?\"", escape(&within)),
            ]));
        }
        if self.node.is_none() && self.workload.is_none() {
            match &self.namespace {
                None => selectors.push(String::new()),
                Some(_) => {
                    selectors.extend(in_namespace);
                    // What belongs to no namespace (nodes, recordings without labels) may be the cause of what does.
                    selectors.push(unscoped());
                }
            }
        }
        let name = self
            .metric
            .as_ref()
            .map(|metric| format!("__name__=~\".*({}).*\"", escape(metric)))
            .unwrap_or_default();
        selectors
            .into_iter()
            .map(|selector| joined([selector.as_str(), &name]))
            .map(|selector| {
                if has_positive(&selector) {
                    selector
                } else {
                    joined([selector.as_str(), "__name__=~\".+\""])
                }
            })
            .collect()
    }
}

/// Prometheus refuses selectors that match the empty text everywhere.
fn has_positive(selector: &str) -> bool {
    selector.contains("=~\"")
        || selector.split(',').any(|matcher| matcher.contains("=\"") && !matcher.ends_with("=\"\""))
}

fn joined<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(",")
}

/// For a quoted label value.
pub(crate) fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    fn labels() -> BTreeSet<String> {
        ["namespace", "pod", "service", "node", "le"].map(str::to_owned).into()
    }

    fn word(text: &str) -> String {
        text.to_owned()
    }

    #[test]
    fn a_namespace_also_means_what_belongs_to_none() {
        let scope = Scope { namespace: Some(word("shop")), ..Scope::default() };
        assert_eq!(scope.selectors(&labels()), ["namespace=\"shop\"", "namespace=\"\",__name__=~\".+\""]);
        assert_eq!(Scope::default().selectors(&labels()), ["__name__=~\".+\""]);
    }

    #[test]
    fn a_workload_is_looked_for_under_every_label_that_exists() {
        let scope =
            Scope { namespace: Some(word("shop")), workload: Some(word("web-a")), ..Scope::default() };
        assert_eq!(
            scope.selectors(&labels()),
            [
                "namespace=\"shop\",pod=~\"web\\\\-a([-.:].*)?\"",
                "namespace=\"shop\",service=~\"web\\\\-a([-.:].*)?\"",
                "namespace=\"\",__name__=~\"(.*[:_])?web_a([:_].*)?\"",
            ]
        );
    }

    #[test]
    fn what_people_say_can_not_leave_its_quotes() {
        let scope = Scope { node: Some(word("n\"} or vector(1) #")), ..Scope::default() };
        assert_eq!(scope.selectors(&labels()), ["node=~\"n\\\"\\\\} or vector\\\\(1\\\\) \\\\#([.:].*)?\""]);
    }
}
