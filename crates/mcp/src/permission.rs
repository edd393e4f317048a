//! Which tools an identity can use at all, from the rules that the API server grants it.

use crate::ports::Granted;
use stethoscope_core::tool::{RbacRule, ToolSpec};

/// The permission without which a tool is of no use, if it is missing. A tool that reads many kinds, or any kind, is of
/// use with a part of them; what is missing then is said in its output.
pub(crate) fn missing(spec: &ToolSpec, granted: &Granted) -> Option<String> {
    let Granted::Rules(rules) = granted else { return None };
    let any_kind = spec.rbac.iter().any(|rule| rule.resources.iter().any(|resource| resource == "*"));
    if spec.rbac.is_empty() || any_kind {
        return None;
    }
    let mut first = None;
    for needed in &spec.rbac {
        match lacks(needed, rules) {
            None => return None,
            Some(lack) => first = first.or(Some(lack)),
        }
    }
    first
}

/// The first resource of a rule that is not granted. A subresource (`pods/log`) can only be got.
fn lacks(needed: &RbacRule, granted: &[RbacRule]) -> Option<String> {
    needed.resources.iter().find_map(|resource| {
        let listable = !resource.contains('/');
        let verb = needed.verbs.iter().find(|verb| {
            (listable || *verb != "list") && !allows(granted, &needed.api_group, resource, verb)
        })?;
        let group =
            if needed.api_group.is_empty() { String::new() } else { format!(".{}", needed.api_group) };
        Some(format!("needs {verb} {resource}{group}"))
    })
}

fn allows(granted: &[RbacRule], group: &str, resource: &str, verb: &str) -> bool {
    let covers = |listed: &[String], wanted: &str| listed.iter().any(|one| one == "*" || one == wanted);
    let sub = resource.split_once('/').map(|(_, sub)| format!("*/{sub}"));
    granted.iter().any(|rule| {
        (rule.api_group == "*" || rule.api_group == group)
            && covers(&rule.verbs, verb)
            && (covers(&rule.resources, resource)
                || sub.as_ref().is_some_and(|sub| rule.resources.iter().any(|one| one == sub)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;
    use serde_json::json;

    fn tool(rbac: Vec<RbacRule>) -> ToolSpec {
        ToolSpec {
            name: "t".to_owned(),
            toolset: "t".to_owned(),
            description: String::new(),
            input_schema: json!({}),
            output_schema: json!({}),
            rbac,
        }
    }

    fn rule(group: &str, resources: &[&str], verbs: &[&str]) -> RbacRule {
        RbacRule {
            api_group: group.to_owned(),
            resources: resources.iter().map(|&one| one.to_owned()).collect(),
            verbs: verbs.iter().map(|&one| one.to_owned()).collect(),
        }
    }

    #[test]
    fn a_tool_without_its_only_permission_is_missing_it_by_name() {
        let granted = Granted::Rules(vec![rule("", &["pods"], &["get", "list", "watch"])]);
        let logs = tool(vec![RbacRule::read("", &["pods", "pods/log"])]);
        assert_eq!(missing(&logs, &granted), Some("needs get pods/log".to_owned()));
        let node_logs = tool(vec![rule("", &["nodes/proxy"], &["get"])]);
        assert_eq!(missing(&node_logs, &granted), Some("needs get nodes/proxy".to_owned()));
    }

    #[test]
    fn a_tool_of_many_kinds_is_of_use_with_one_of_them() {
        let granted = Granted::Rules(vec![rule("", &["pods", "pods/log"], &["get", "list"])]);
        let wide = tool(vec![rule("apps", &["deployments"], &["list"]), rule("", &["pods"], &["list"])]);
        assert_eq!(missing(&wide, &granted), None);
        assert_eq!(missing(&tool(vec![RbacRule::read("*", &["*"])]), &granted), None);
        assert_eq!(missing(&tool(Vec::new()), &granted), None);
    }

    #[test]
    fn wildcards_and_silence_of_the_api_server_hide_nothing() {
        let needs = tool(vec![RbacRule::read("", &["pods", "pods/log"])]);
        assert_eq!(missing(&needs, &Granted::Unknown), None);
        assert_eq!(missing(&needs, &Granted::Rules(vec![rule("*", &["*"], &["*"])])), None);
        let subs = vec![rule("", &["pods"], &["get", "list"]), rule("", &["*/log"], &["get"])];
        assert_eq!(missing(&needs, &Granted::Rules(subs)), None);
    }
}
