//! Which nodes a device, or a pod, can be on.

use crate::object::{self, items, text};
use serde_json::Value;

/// Where a device can be used.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Place {
    Node(String),
    /// A node selector (`nodeSelectorTerms`).
    Selected(Value),
    Everywhere,
    /// Not said here.
    Nowhere,
}

impl Place {
    /// Reads `nodeName`, `nodeSelector` or `allNodes`.
    pub(crate) fn read(spec: &Value) -> Self {
        let node = text(spec, "nodeName");
        if !node.is_empty() {
            return Self::Node(node.to_owned());
        }
        if let Some(selector) = object::at(spec, "nodeSelector") {
            return Self::Selected(selector.clone());
        }
        if spec["allNodes"] == true { Self::Everywhere } else { Self::Nowhere }
    }

    /// Whether a node belongs to it.
    pub(crate) fn holds(&self, node: &Value) -> bool {
        match self {
            Self::Node(name) => object::name(node) == name,
            Self::Selected(selector) => selected(items(selector, "nodeSelectorTerms"), node),
            Self::Everywhere => true,
            Self::Nowhere => false,
        }
    }

    /// The node, if it is one.
    pub(crate) fn node(&self) -> Option<&str> {
        match self {
            Self::Node(name) => Some(name),
            Self::Selected(_) | Self::Everywhere | Self::Nowhere => None,
        }
    }
}

/// Terms are alternatives; expressions of a term all hold.
fn selected(terms: &[Value], node: &Value) -> bool {
    terms.iter().any(|term| {
        let expressions = items(term, "matchExpressions");
        let fields = items(term, "matchFields");
        let labels = |key: &str| node["metadata"]["labels"][key].as_str().map(str::to_owned);
        let field = |key: &str| (key == "metadata.name").then(|| object::name(node).to_owned());
        !(expressions.is_empty() && fields.is_empty())
            && expressions
                .iter()
                .all(|expression| holds(expression, labels(text(expression, "key")).as_deref()))
            && fields.iter().all(|expression| holds(expression, field(text(expression, "key")).as_deref()))
    })
}

fn holds(expression: &Value, value: Option<&str>) -> bool {
    let listed = |value: &str| items(expression, "values").iter().any(|item| item.as_str() == Some(value));
    let number = |text: &str| text.parse::<i64>().ok();
    let bound = || items(expression, "values").first().and_then(Value::as_str).and_then(number);
    let compare = |than: fn(i64, i64) -> bool| match (value.and_then(number), bound()) {
        (Some(value), Some(bound)) => than(value, bound),
        _ => false,
    };
    match text(expression, "operator") {
        "In" => value.is_some_and(listed),
        "NotIn" => !value.is_some_and(listed),
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        "Gt" => compare(|value, bound| value > bound),
        "Lt" => compare(|value, bound| value < bound),
        _ => false,
    }
}

const REQUIRED: &str = "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution";

/// Why a pod can not be on a node, by what the pod itself says; taints included. `None` when nothing forbids it.
pub(crate) fn repelled(pod: &Value, node: &Value) -> Option<String> {
    let name = object::name(node);
    let bound = text(pod, "spec.nodeName");
    if !bound.is_empty() && bound != name {
        return Some(format!("the pod is on {bound}"));
    }
    if bound == name && !bound.is_empty() {
        return None;
    }
    let wrong: Vec<String> = object::entries(pod, "spec.nodeSelector")
        .filter(|(key, value)| node["metadata"]["labels"][*key] != **value)
        .map(|(key, value)| format!("{key}={}", object::plain(value)))
        .collect();
    if !wrong.is_empty() {
        return Some(format!("nodeSelector {}", wrong.join(",")));
    }
    if let Some(required) = object::at(pod, REQUIRED)
        && !selected(items(required, "nodeSelectorTerms"), node)
    {
        return Some("required node affinity".to_owned());
    }
    let repelling = items(node, "spec.taints").iter().find(|taint| {
        matches!(text(taint, "effect"), "NoSchedule" | "NoExecute")
            && !items(pod, "spec.tolerations").iter().any(|toleration| tolerates(toleration, taint))
    });
    if let Some(taint) = repelling {
        return Some(format!("node taint {}:{}", text(taint, "key"), text(taint, "effect")));
    }
    let cordoned = node["spec"]["unschedulable"] == true;
    let tolerated = items(pod, "spec.tolerations").iter().any(|toleration| {
        text(toleration, "key") == "node.kubernetes.io/unschedulable"
            || (text(toleration, "key").is_empty() && text(toleration, "operator") == "Exists")
    });
    (cordoned && !tolerated).then(|| "the node is cordoned".to_owned())
}

/// Whether a toleration of a pod, or of a device request, tolerates a taint.
pub(crate) fn tolerates(toleration: &Value, taint: &Value) -> bool {
    let (effect, key) = (text(toleration, "effect"), text(toleration, "key"));
    let same_effect = effect.is_empty() || effect == text(taint, "effect");
    let exists = text(toleration, "operator") == "Exists";
    let same_key = key == text(taint, "key") || (key.is_empty() && exists);
    same_effect && same_key && (exists || text(toleration, "value") == text(taint, "value"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;
    use serde_json::json;

    fn node() -> Value {
        json!({"metadata": {"name": "a", "labels": {"zone": "z1", "gen": "5"}},
            "spec": {"taints": [{"key": "gpu", "value": "yes", "effect": "NoSchedule"}]}})
    }

    #[test]
    fn what_keeps_a_pod_from_a_node_is_named() {
        let told = |spec: Value| repelled(&json!({"spec": spec}), &node());
        let tolerant = json!([{"key": "gpu", "operator": "Exists"}]);
        assert_eq!(told(json!({})).as_deref(), Some("node taint gpu:NoSchedule"));
        assert_eq!(told(json!({"tolerations": tolerant})), None);
        assert_eq!(
            told(json!({"tolerations": tolerant, "nodeSelector": {"zone": "z2"}})).as_deref(),
            Some("nodeSelector zone=z2")
        );
        assert_eq!(told(json!({"nodeName": "b"})).as_deref(), Some("the pod is on b"));
        assert_eq!(told(json!({"nodeName": "a"})), None);
        let affinity = json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [{"matchExpressions": [{"key": "gen", "operator": "Gt", "values": ["5"]}]}]}}});
        assert_eq!(
            told(json!({"tolerations": tolerant, "affinity": affinity})).as_deref(),
            Some("required node affinity")
        );
    }

    #[test]
    fn a_selector_chooses_nodes_by_label_and_name() {
        let of = |terms: Value| Place::Selected(json!({"nodeSelectorTerms": terms})).holds(&node());
        assert!(of(json!([{"matchExpressions": [{"key": "zone", "operator": "In", "values": ["z1"]}]}])));
        assert!(of(json!([{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["a"]}]}])));
        assert!(!of(json!([{}])));
        assert!(!of(json!([])));
        assert!(!Place::Nowhere.holds(&node()) && Place::Everywhere.holds(&node()));
    }
}
