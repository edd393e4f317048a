//! What is listed to whom, and what a call is refused for: the same rules for both.

use crate::caller::{Caller, Scope};
use crate::catalogue::{CALL_TOOL, Catalogue, Declared, FIND_TOOLS, INVESTIGATE};
use crate::place::Place;
use crate::server::Offer;
use rmcp::model::Tool;
use stethoscope_core::evidence::READ_OUTPUT;
use stethoscope_core::tool::{ToolError, nearest_names};

/// Tools as `find_tools` gives them at most.
const FOUND: usize = 8;

/// Every tool that a caller may use at a place, listed or only to be found.
pub(crate) struct Offered<'a> {
    pub(crate) listed: Vec<&'a Declared>,
    pub(crate) beyond: Vec<&'a Declared>,
}

/// Why a caller may not use single tools, or the agent, at all.
pub(crate) fn refused(offer: Offer, caller: &Caller, wanted: Scope) -> Option<ToolError> {
    let (offered, how) = match (offer, wanted) {
        (Offer::All, _) | (Offer::Read, Scope::Read) | (Offer::Investigate, Scope::Investigate) => (true, ""),
        (Offer::Read, Scope::Investigate) => (false, "--tools read"),
        (Offer::Investigate, Scope::Read) => (false, "--tools investigate"),
    };
    if !offered {
        return Some(ToolError::Denied { message: format!("this server runs with {how}") });
    }
    let granted = caller.may(wanted);
    (!granted)
        .then(|| ToolError::Denied { message: format!("the token lacks the scope {}", wanted.as_str()) })
}

impl Catalogue {
    /// The tools that a caller may use, those first that fit the budget: the toolsets in the order given, each by name.
    pub(crate) async fn offered(
        &self,
        offer: Offer,
        caller: &Caller,
        place: Option<&Place>,
        budget: usize,
        order: &[String],
    ) -> Offered<'_> {
        let mut usable = Vec::new();
        if refused(offer, caller, Scope::Read).is_none() {
            for declared in self.tools.values() {
                let hindrance = match place {
                    Some(place) => place.hindrance(&declared.spec, None).await,
                    None => None,
                };
                if hindrance.is_none() {
                    usable.push(declared);
                }
            }
        }
        let whole: usize = usable.iter().map(|declared| declared.cost).sum();
        if whole <= budget {
            return Offered { listed: usable, beyond: Vec::new() };
        }
        let rank = |declared: &Declared| {
            order.iter().position(|toolset| *toolset == declared.spec.toolset).unwrap_or(order.len())
        };
        usable.sort_by_key(|declared| rank(declared));
        let mut spent = 0;
        let (mut listed, mut beyond) = (Vec::new(), Vec::new());
        for declared in usable {
            if spent + declared.cost <= budget {
                spent += declared.cost;
                listed.push(declared);
            } else {
                beyond.push(declared);
            }
        }
        Offered { listed, beyond }
    }

    /// What stands in `tools/list`, by name.
    pub(crate) fn list(&self, offer: Offer, caller: &Caller, offered: &Offered<'_>) -> Vec<Tool> {
        let mut tools: Vec<Tool> = offered.listed.iter().map(|declared| declared.tool.clone()).collect();
        let read = refused(offer, caller, Scope::Read).is_none();
        let investigate = refused(offer, caller, Scope::Investigate).is_none();
        if read {
            tools.push(self.read_output.clone());
        }
        if investigate {
            tools.push(self.investigate.clone());
        }
        if read && !offered.beyond.is_empty() {
            tools.extend([self.find_tools.clone(), self.call_tool.clone()]);
        }
        tools.sort_by(|a, b| a.name.cmp(&b.name));
        tools
    }

    /// An unknown name, with the nearest that there are.
    pub(crate) fn unknown(&self, name: &str) -> String {
        let own = [INVESTIGATE, READ_OUTPUT, FIND_TOOLS, CALL_TOOL];
        let near = nearest_names(name, self.tools.keys().map(String::as_str).chain(own), 3);
        let near =
            if near.is_empty() { String::new() } else { format!("; did you mean {}?", near.join(", ")) };
        // The name is the client's own; its length is not.
        let name: String = name.chars().take(80).collect();
        format!("no tool is called {name:?}{near}")
    }
}

impl Offered<'_> {
    /// The tools that fit some words best, listed ones too. Words count in the name most, then in the description.
    pub(crate) fn find(&self, query: &str) -> Vec<&Declared> {
        let words: Vec<String> = query
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| word.len() > 1)
            .take(16)
            .map(str::to_lowercase)
            .collect();
        let score = |declared: &Declared| -> usize {
            let spec = &declared.spec;
            let description = spec.description.to_lowercase();
            let arguments = declared.tool.input_schema.get("properties").map(ToString::to_string);
            let arguments = arguments.unwrap_or_default().to_lowercase();
            words
                .iter()
                .map(|word| {
                    let stem = word.strip_suffix('s').filter(|stem| stem.len() > 2).unwrap_or(word);
                    4 * usize::from(spec.name.contains(stem))
                        + 3 * usize::from(spec.toolset.contains(stem))
                        + 2 * usize::from(description.contains(stem))
                        + usize::from(arguments.contains(stem))
                })
                .sum()
        };
        let mut scored: Vec<(usize, &Declared)> = self
            .beyond
            .iter()
            .chain(&self.listed)
            .map(|declared| (score(declared), *declared))
            .filter(|(score, _)| *score > 0)
            .collect();
        scored.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.spec.name.cmp(&b.1.spec.name)));
        scored.into_iter().take(FOUND).map(|(_, declared)| declared).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caller::Identity;
    use async_trait::async_trait;
    use pretty_assertions::assert_eq;
    use serde_json::{Value, json};
    use std::sync::Arc;
    use stethoscope_core::tool::{CallContext, Registry, Tool as CoreTool, ToolOutput, ToolSpec};

    struct Named(ToolSpec);

    #[async_trait]
    impl CoreTool for Named {
        fn spec(&self) -> &ToolSpec {
            &self.0
        }

        async fn call(&self, _: Value, _: &CallContext) -> Result<ToolOutput, ToolError> {
            Err(ToolError::Bug { message: "only described".to_owned() })
        }
    }

    fn catalogue() -> Catalogue {
        let mut registry = Registry::default();
        for (name, toolset, description) in [
            ("gpu_health", "gpu", "Health of GPUs: Xid errors, throttling."),
            ("k8s_list", "kubernetes", "Table of any kind."),
            ("k8s_logs", "kubernetes", "Logs of containers."),
            ("network_flows", "network", "Dropped packets between workloads."),
        ] {
            let spec = ToolSpec {
                name: name.to_owned(),
                toolset: toolset.to_owned(),
                description: description.to_owned(),
                input_schema: json!({"type": "object", "properties": {"name": {"type": "string"}}}),
                output_schema: json!({"type": "object"}),
                rbac: Vec::new(),
            };
            registry.add(Arc::new(Named(spec))).unwrap();
        }
        Catalogue::new(&registry, &[])
    }

    async fn names(budget: usize, caller: &Caller) -> Vec<String> {
        let catalogue = catalogue();
        let order = ["kubernetes".to_owned(), "network".to_owned()];
        let offered = catalogue.offered(Offer::All, caller, None, budget, &order).await;
        let listed = catalogue.list(Offer::All, caller, &offered);
        listed.into_iter().map(|tool| tool.name.into_owned()).collect()
    }

    #[tokio::test]
    async fn what_does_not_fit_the_budget_is_found_instead_of_listed() {
        let caller = Caller::local();
        let all = ["gpu_health", INVESTIGATE, "k8s_list", "k8s_logs", "network_flows", READ_OUTPUT];
        assert_eq!(names(10_000, &caller).await, all);
        let some = [CALL_TOOL, FIND_TOOLS, INVESTIGATE, "k8s_list", "k8s_logs", READ_OUTPUT];
        assert_eq!(names(200, &caller).await, some);
        let catalogue = catalogue();
        let offered = catalogue.offered(Offer::All, &caller, None, 200, &["kubernetes".to_owned()]).await;
        let found = |query: &str| -> Vec<&str> {
            offered.find(query).iter().map(|declared| declared.spec.name.as_str()).collect()
        };
        assert_eq!(found("dropped packets"), ["network_flows"]);
        assert_eq!(found("GPUs"), ["gpu_health"]);
        assert_eq!(found("logs"), ["k8s_logs"], "listed ones are found, too");
        assert!(found("zzzz ! a").is_empty());
    }

    #[tokio::test]
    async fn a_caller_without_a_scope_sees_nothing_of_it() {
        let caller = |scopes: &[Scope]| Caller {
            name: "x".to_owned(),
            scopes: scopes.to_vec(),
            identity: Identity::Server,
        };
        assert_eq!(names(10_000, &caller(&[Scope::Investigate])).await, [INVESTIGATE]);
        assert!(!names(10_000, &caller(&[Scope::Read])).await.contains(&INVESTIGATE.to_owned()));
        assert!(names(10_000, &caller(&[])).await.is_empty());
    }
}
