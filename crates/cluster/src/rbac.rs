//! RBAC evaluated from Roles and Bindings as they stand in the API: who may do what.
//!
//! Only RBAC: what webhook or node authorizers allow is not seen here. For ourselves the API server is asked instead.

use crate::object::{self, items, text};
use serde_json::Value;

/// What somebody wants to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Action<'a> {
    pub(crate) verb: &'a str,
    pub(crate) group: &'a str,
    /// `pods`, `pods/log`.
    pub(crate) resource: &'a str,
    pub(crate) name: Option<&'a str>,
    /// `None`: cluster-wide.
    pub(crate) namespace: Option<&'a str>,
}

/// Who.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    ServiceAccount { namespace: String, name: String },
    User(String),
    Group(String),
}

impl Subject {
    /// Reads `system:serviceaccount:shop:web`, `sa/shop/web`, `serviceaccount shop/web`, `web` with a namespace,
    /// `user/jane`, `group/devs`.
    pub(crate) fn parse(words: &str, namespace: Option<&str>) -> Self {
        let words = words.trim();
        if let Some(rest) = words.strip_prefix("system:serviceaccount:")
            && let Some((namespace, name)) = rest.split_once(':')
        {
            return Self::ServiceAccount { namespace: namespace.to_owned(), name: name.to_owned() };
        }
        let (kind, rest) = words.split_once(['/', ' ', ':']).unwrap_or(("", words));
        match kind.to_lowercase().as_str() {
            "user" => Self::User(rest.to_owned()),
            "group" => Self::Group(rest.to_owned()),
            "system" => match words.matches(':').count() {
                1 if words.ends_with('s') || words.contains("authenticated") => Self::Group(words.to_owned()),
                _ => Self::User(words.to_owned()),
            },
            "sa" | "serviceaccount" | "serviceaccounts" => account(rest, namespace),
            "" => account(words, namespace),
            _ if words.contains('/') => account(words, namespace),
            _ => Self::User(words.to_owned()),
        }
    }

    /// As the API server names it.
    pub(crate) fn spoken(&self) -> String {
        match self {
            Self::ServiceAccount { namespace, name } => format!("system:serviceaccount:{namespace}:{name}"),
            Self::User(name) => format!("user {name}"),
            Self::Group(name) => format!("group {name}"),
        }
    }

    fn is_bound(&self, binding: &Value) -> bool {
        items(binding, "subjects").iter().any(|subject| {
            let (kind, name) = (text(subject, "kind"), text(subject, "name"));
            match self {
                Self::ServiceAccount { namespace: own, name: account } => match kind {
                    "ServiceAccount" => {
                        let place = match text(subject, "namespace") {
                            "" => object::namespace(binding).unwrap_or_default(),
                            place => place,
                        };
                        name == account && place == own
                    }
                    "Group" => {
                        name == "system:serviceaccounts"
                            || name == "system:authenticated"
                            || name.strip_prefix("system:serviceaccounts:") == Some(own)
                    }
                    "User" => name
                        .strip_prefix("system:serviceaccount:")
                        .and_then(|rest| rest.split_once(':'))
                        .is_some_and(|(place, known)| place == own && known == account),
                    _ => false,
                },
                Self::User(user) => match kind {
                    "User" => name == user,
                    "Group" => name == "system:authenticated" && user != "system:anonymous",
                    _ => false,
                },
                Self::Group(group) => kind == "Group" && name == group,
            }
        })
    }
}

fn account(words: &str, namespace: Option<&str>) -> Subject {
    let (place, name) = match words.split_once(['/', ':']) {
        Some((place, name)) => (place, name),
        None => (namespace.unwrap_or("default"), words),
    };
    Subject::ServiceAccount { namespace: place.to_owned(), name: name.to_owned() }
}

/// Roles and bindings as read.
#[derive(Debug, Default)]
pub(crate) struct Rbac {
    /// Roles and ClusterRoles.
    pub(crate) roles: Vec<Value>,
    /// RoleBindings and ClusterRoleBindings.
    pub(crate) bindings: Vec<Value>,
}

/// A binding that gives something, by its role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    /// `RoleBinding shop/web -> Role/web`.
    pub(crate) through: String,
    /// Subjects of the binding, as `Kind/name`.
    pub(crate) subjects: Vec<String>,
    /// The rules, as `get,list pods,pods/log`.
    pub(crate) rules: Vec<String>,
}

impl Rbac {
    fn role(&self, binding: &Value) -> Option<&Value> {
        let (kind, name) = (text(binding, "roleRef.kind"), text(binding, "roleRef.name"));
        let place = object::namespace(binding);
        self.roles.iter().find(|role| {
            text(role, "kind") == kind
                && object::name(role) == name
                && (kind == "ClusterRole" || object::namespace(role) == place)
        })
    }

    /// Bindings of a subject, whatever they give; a binding to a role that does not exist is said too.
    pub(crate) fn held(&self, subject: &Subject, namespace: Option<&str>) -> Vec<Grant> {
        self.bindings
            .iter()
            .filter(|binding| subject.is_bound(binding) && reaches(binding, namespace))
            .map(|binding| self.grant(binding, None))
            .collect()
    }

    /// Bindings that allow an action to a subject, or to anybody.
    pub(crate) fn allowing(&self, subject: Option<&Subject>, action: &Action<'_>) -> Vec<Grant> {
        self.bindings
            .iter()
            .filter(|binding| subject.is_none_or(|subject| subject.is_bound(binding)))
            .filter(|binding| reaches(binding, action.namespace))
            .filter(|binding| {
                self.role(binding)
                    .is_some_and(|role| items(role, "rules").iter().any(|rule| allows(rule, action)))
            })
            .map(|binding| self.grant(binding, Some(action)))
            .collect()
    }

    fn grant(&self, binding: &Value, action: Option<&Action<'_>>) -> Grant {
        let role = self.role(binding);
        let name = format!("{}/{}", text(binding, "roleRef.kind"), text(binding, "roleRef.name"));
        let rules = match role {
            Some(role) => items(role, "rules")
                .iter()
                .filter(|rule| action.is_none_or(|action| allows(rule, action)))
                .map(rule_words)
                .collect(),
            None => vec![format!("{name} does not exist")],
        };
        let subjects = items(binding, "subjects")
            .iter()
            .map(|subject| match text(subject, "namespace") {
                "" => format!("{}/{}", text(subject, "kind"), text(subject, "name")),
                place => format!("{}/{place}/{}", text(subject, "kind"), text(subject, "name")),
            })
            .collect();
        Grant { through: format!("{} -> {name}", object::title(binding)), subjects, rules }
    }
}

/// A ClusterRoleBinding reaches everywhere, a RoleBinding its own namespace.
fn reaches(binding: &Value, namespace: Option<&str>) -> bool {
    match object::namespace(binding) {
        None => true,
        Some(place) => namespace == Some(place),
    }
}

fn allows(rule: &Value, action: &Action<'_>) -> bool {
    let listed = |field: &str, wanted: &str| {
        items(rule, field).iter().filter_map(Value::as_str).any(|value| value == "*" || value == wanted)
    };
    let sub = action.resource.split_once('/').map(|(_, sub)| format!("*/{sub}"));
    let resource = listed("resources", action.resource)
        || sub.is_some_and(|any| items(rule, "resources").iter().any(|value| value.as_str() == Some(&any)));
    let names = items(rule, "resourceNames");
    let named = names.is_empty() || action.name.is_some_and(|name| names.iter().any(|value| value == name));
    listed("verbs", action.verb) && listed("apiGroups", action.group) && resource && named
}

fn rule_words(rule: &Value) -> String {
    let joined =
        |field: &str| items(rule, field).iter().filter_map(Value::as_str).collect::<Vec<_>>().join(",");
    let groups: Vec<&str> =
        items(rule, "apiGroups").iter().filter_map(Value::as_str).filter(|group| !group.is_empty()).collect();
    let of = if groups.is_empty() { String::new() } else { format!(" in {}", groups.join(",")) };
    let only = joined("resourceNames");
    let only = if only.is_empty() { String::new() } else { format!(" named {only}") };
    let what = match joined("resources") {
        resources if resources.is_empty() => joined("nonResourceURLs"),
        resources => resources,
    };
    format!("{} {what}{of}{only}", joined("verbs"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;
    use serde_json::json;

    fn world() -> Rbac {
        Rbac {
            roles: vec![
                json!({"kind": "Role", "metadata": {"name": "reader", "namespace": "shop"},
                    "rules": [{"apiGroups": [""], "resources": ["pods", "*/log"], "verbs": ["get", "list"]}]}),
                json!({"kind": "ClusterRole", "metadata": {"name": "one-map"},
                    "rules": [{"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["app"],
                        "verbs": ["get"]}]}),
            ],
            bindings: vec![
                json!({"kind": "RoleBinding", "metadata": {"name": "web", "namespace": "shop"},
                    "roleRef": {"kind": "Role", "name": "reader"},
                    "subjects": [{"kind": "ServiceAccount", "name": "web", "namespace": "shop"}]}),
                json!({"kind": "ClusterRoleBinding", "metadata": {"name": "all"},
                    "roleRef": {"kind": "ClusterRole", "name": "one-map"},
                    "subjects": [{"kind": "Group", "name": "system:serviceaccounts:shop"}]}),
                json!({"kind": "RoleBinding", "metadata": {"name": "dangling", "namespace": "shop"},
                    "roleRef": {"kind": "Role", "name": "gone"},
                    "subjects": [{"kind": "ServiceAccount", "name": "web"}]}),
            ],
        }
    }

    fn may(verb: &str, resource: &str, name: Option<&str>, namespace: Option<&str>) -> Vec<String> {
        let web = Subject::parse("system:serviceaccount:shop:web", None);
        let action = Action { verb, group: "", resource, name, namespace };
        world().allowing(Some(&web), &action).into_iter().map(|grant| grant.through).collect()
    }

    #[test]
    fn bindings_allow_in_their_reach_only() {
        let reader = vec!["RoleBinding shop/web -> Role/reader".to_owned()];
        assert_eq!(may("list", "pods", None, Some("shop")), reader);
        assert_eq!(may("get", "pods/log", None, Some("shop")), reader);
        assert_eq!(may("list", "pods", None, Some("db")), Vec::<String>::new());
        assert_eq!(may("list", "pods", None, None), Vec::<String>::new());
        assert_eq!(may("delete", "pods", None, Some("shop")), Vec::<String>::new());
        let named = vec!["ClusterRoleBinding all -> ClusterRole/one-map".to_owned()];
        assert_eq!(may("get", "configmaps", Some("app"), Some("shop")), named);
        assert_eq!(may("get", "configmaps", Some("other"), Some("shop")), Vec::<String>::new());
        assert_eq!(may("get", "configmaps", None, Some("shop")), Vec::<String>::new());
    }

    #[test]
    fn a_binding_to_a_role_that_is_gone_is_said() {
        let web = Subject::parse("sa/shop/web", None);
        let held: Vec<Vec<String>> =
            world().held(&web, Some("shop")).into_iter().map(|grant| grant.rules).collect();
        assert_eq!(
            held,
            vec![
                vec!["get,list pods,*/log".to_owned()],
                vec!["get configmaps named app".to_owned()],
                vec!["Role/gone does not exist".to_owned()],
            ]
        );
    }

    #[test]
    fn subjects_are_read_in_every_customary_spelling() {
        let account = Subject::ServiceAccount { namespace: "shop".to_owned(), name: "web".to_owned() };
        for words in ["system:serviceaccount:shop:web", "sa/shop/web", "serviceaccount shop/web", "shop/web"]
        {
            assert_eq!(Subject::parse(words, None), account, "{words}");
        }
        assert_eq!(Subject::parse("web", Some("shop")), account);
        assert_eq!(Subject::parse("user/jane", None), Subject::User("jane".to_owned()));
        assert_eq!(Subject::parse("group/devs", None), Subject::Group("devs".to_owned()));
        assert_eq!(Subject::parse("system:masters", None), Subject::Group("system:masters".to_owned()));
        assert_eq!(
            Subject::parse("system:kube-scheduler", None),
            Subject::User("system:kube-scheduler".to_owned())
        );
    }
}
