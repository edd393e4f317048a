//! `rbac`: the least permissions that the tools need, as a manifest, from the tools' own declarations.

use super::print;
use crate::cli::{Global, Rbac};
use crate::compose;
use crate::config::Config;
use crate::exit::{Code, Failure};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use stethoscope_core::tool::{RbacRule, Registry, ToolSpec, nearest_names};

/// Where the service account lives unless `-n` says otherwise.
const HOME: &str = "stethoscope";

/// Never granted: to list Secrets is to read them, whatever a client asks the API server to leave out.
const NEVER: [(&str, &str); 1] = [("", "secrets")];

/// Granted to everybody by `system:basic-user`.
const EVERYBODYS: [&str; 1] = ["authorization.k8s.io"];

/// Resources that live in no namespace: a Role cannot grant them.
const CLUSTER_SCOPED: [&str; 26] = [
    "apiservices",
    "certificatesigningrequests",
    "clusterrolebindings",
    "clusterroles",
    "csidrivers",
    "csinodes",
    "customresourcedefinitions",
    "deviceclasses",
    "gatewayclasses",
    "ingressclasses",
    "ipaddresses",
    "mutatingwebhookconfigurations",
    "namespaces",
    "nodes",
    "nodes/proxy",
    "persistentvolumes",
    "priorityclasses",
    "resourceslices",
    "runtimeclasses",
    "servicecidrs",
    "storageclasses",
    "validatingadmissionpolicies",
    "validatingadmissionpolicybindings",
    "validatingwebhookconfigurations",
    "volumeattachments",
    "volumeattributesclasses",
];

type Grants = BTreeMap<(String, String), BTreeSet<String>>;

pub(crate) fn run(arguments: &Rbac, global: &Global, config: &Config) -> Result<Code, Failure> {
    if !is_name(&arguments.name) {
        return Err(Failure::usage(format!("{:?} is not a name that Kubernetes takes", arguments.name)));
    }
    let namespace = global.namespace.clone().or_else(|| config.cluster.namespace.clone());
    if let Some(namespace) = namespace.as_deref().filter(|name| !is_name(name)) {
        return Err(Failure::usage(format!("{namespace:?} is not a namespace")));
    }
    if arguments.namespaced && namespace.is_none() {
        return Err(
            Failure::usage("--namespaced needs a namespace").hint("stethoscope rbac --namespaced -n shop")
        );
    }
    let registry = compose::catalogue()?;
    let tools = chosen(&registry, &arguments.tools)?;
    let grants = grants(&registry, &tools);
    let place = namespace.as_deref().unwrap_or(HOME);
    print(&manifest(&arguments.name, place, arguments.namespaced, &tools, grants))?;
    Ok(Code::Answered)
}

/// A DNS-1123 label, as Kubernetes names things; nothing else goes into the YAML.
fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=63).contains(&name.len())
        && name.chars().all(plain)
        && !name.starts_with('-')
        && !name.ends_with('-')
}

fn chosen<'a>(registry: &'a Registry, wanted: &[String]) -> Result<Vec<&'a ToolSpec>, Failure> {
    let all: Vec<&ToolSpec> = registry.all().map(|tool| tool.spec()).collect();
    if wanted.is_empty() {
        return Ok(all);
    }
    let fits = |pattern: &str, name: &str| match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == pattern,
    };
    for pattern in wanted {
        if !all.iter().any(|spec| fits(pattern, &spec.name) || fits(pattern, &spec.toolset)) {
            let near = nearest_names(pattern, all.iter().map(|spec| spec.name.as_str()), 3);
            let failure = Failure::usage(format!("no tool or toolset is called {pattern}"));
            return Err(if near.is_empty() {
                failure
            } else {
                failure.hint(format!("near: {}", near.join(", ")))
            });
        }
    }
    let fitting = |spec: &&ToolSpec| {
        wanted.iter().any(|pattern| fits(pattern, &spec.name) || fits(pattern, &spec.toolset))
    };
    Ok(all.into_iter().filter(fitting).collect())
}

/// Verbs by group and resource. A tool that reads any kind is given the kinds that the others name.
fn grants(registry: &Registry, tools: &[&ToolSpec]) -> Grants {
    let mut grants = Grants::new();
    let mut grant = |rule: &RbacRule| {
        for resource in &rule.resources {
            let never = NEVER.contains(&(rule.api_group.as_str(), resource.as_str()));
            if resource == "*" || never || EVERYBODYS.contains(&rule.api_group.as_str()) {
                continue;
            }
            // A subresource is got, never listed.
            let verbs = rule.verbs.iter().filter(|verb| !resource.contains('/') || *verb != "list");
            let entry = grants.entry((rule.api_group.clone(), resource.clone())).or_default();
            entry.extend(verbs.cloned());
        }
    };
    let any_kind = |spec: &ToolSpec| spec.rbac.iter().any(|rule| rule.resources.iter().any(|one| one == "*"));
    for spec in tools {
        spec.rbac.iter().for_each(&mut grant);
    }
    if tools.iter().any(|spec| any_kind(spec)) {
        for tool in registry.all() {
            for rule in &tool.spec().rbac {
                let resources: Vec<String> =
                    rule.resources.iter().filter(|resource| !resource.contains('/')).cloned().collect();
                let verbs = vec!["get".to_owned(), "list".to_owned()];
                grant(&RbacRule { api_group: rule.api_group.clone(), resources, verbs });
            }
        }
    }
    grants
}

/// Rules with the same group and verbs as one.
fn rules(grants: &Grants) -> String {
    let mut merged: BTreeMap<(&str, &BTreeSet<String>), Vec<&str>> = BTreeMap::new();
    for ((group, resource), verbs) in grants {
        merged.entry((group, verbs)).or_default().push(resource);
    }
    let mut text = String::new();
    for ((group, verbs), resources) in merged {
        let verbs: Vec<&str> = verbs.iter().map(String::as_str).collect();
        let _ = writeln!(text, "- apiGroups: [\"{group}\"]");
        let _ = writeln!(text, "  resources: [{}]", resources.join(", "));
        let _ = writeln!(text, "  verbs: [{}]", verbs.join(", "));
    }
    if text.is_empty() { "[]\n".to_owned() } else { text }
}

fn manifest(name: &str, namespace: &str, namespaced: bool, tools: &[&ToolSpec], grants: Grants) -> String {
    let names: Vec<&str> = tools.iter().map(|spec| spec.name.as_str()).collect();
    let mut text = format!("# Read-only permissions for: {}\n", names.join(", "));
    text.push_str("# Secrets are not among them. To let k8s_list, k8s_get and k8s_describe read your own kinds, add them.\n");
    if grants.keys().any(|(_, resource)| resource == "nodes/proxy") {
        text.push_str("# nodes/proxy reads the logs of nodes, and reaches all of a kubelet's API: leave it out where you need no node logs.\n");
    }
    let (kind, here, left) = if namespaced {
        let (out, inside): (Grants, Grants) =
            grants.into_iter().partition(|((_, resource), _)| CLUSTER_SCOPED.contains(&resource.as_str()));
        ("Role", inside, out)
    } else {
        ("ClusterRole", grants, Grants::new())
    };
    if !left.is_empty() {
        let resources: Vec<&str> = left.keys().map(|(_, resource)| resource.as_str()).collect();
        let _ = writeln!(text, "# Not in a Role, and missing then: {}", resources.join(", "));
    }
    let place = format!("  namespace: {namespace}\n");
    let role_place = if namespaced { place.as_str() } else { "" };
    let _ = write!(
        text,
        "apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: {name}\n{place}---\n\
         apiVersion: rbac.authorization.k8s.io/v1\nkind: {kind}\nmetadata:\n  name: {name}\n{role_place}rules:\n{}---\n\
         apiVersion: rbac.authorization.k8s.io/v1\nkind: {kind}Binding\nmetadata:\n  name: {name}\n{role_place}roleRef:\n  \
         apiGroup: rbac.authorization.k8s.io\n  kind: {kind}\n  name: {name}\nsubjects:\n- kind: ServiceAccount\n  \
         name: {name}\n  namespace: {namespace}\n",
        rules(&here)
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn equal_verbs_of_a_group_are_one_rule() {
        let verbs = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<BTreeSet<_>>();
        let grants = Grants::from([
            ((String::new(), "pods".to_owned()), verbs(&["get", "list"])),
            ((String::new(), "pods/log".to_owned()), verbs(&["get"])),
            ((String::new(), "nodes".to_owned()), verbs(&["get", "list"])),
            (("apps".to_owned(), "deployments".to_owned()), verbs(&["list"])),
        ]);
        assert_eq!(
            rules(&grants),
            "- apiGroups: [\"\"]\n  resources: [pods/log]\n  verbs: [get]\n\
             - apiGroups: [\"\"]\n  resources: [nodes, pods]\n  verbs: [get, list]\n\
             - apiGroups: [\"apps\"]\n  resources: [deployments]\n  verbs: [list]\n"
        );
    }

    #[test]
    fn only_names_of_kubernetes_get_into_the_manifest() {
        assert!(is_name("stethoscope-2"));
        for wrong in ["", "-a", "a-", "A", "a b", "a\nrules:", "x: y", &"a".repeat(64)] {
            assert!(!is_name(wrong), "{wrong}");
        }
    }
}
