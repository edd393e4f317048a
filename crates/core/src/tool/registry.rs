//! Every tool by name, in name order.

use super::{Availability, CallContext, Tool, ToolError, ToolOutput, ToolSpec};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The tools of one investigation. Only `compose` modules fill it.
#[derive(Clone, Default)]
pub struct Registry {
    tools: BTreeMap<String, Arc<dyn Tool>>,
}

/// Two tools with one name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("two tools are called {0}; rename one of them")]
pub struct RegistryError(pub String);

impl Registry {
    /// Adds a tool; names are unique.
    pub fn add(&mut self, tool: Arc<dyn Tool>) -> Result<(), RegistryError> {
        let name = tool.spec().name.clone();
        if self.tools.contains_key(&name) {
            return Err(RegistryError(name));
        }
        self.tools.insert(name, tool);
        Ok(())
    }

    /// Specs of the tools that can be used now, in name order.
    pub fn specs(&self) -> impl Iterator<Item = &ToolSpec> {
        self.tools.values().filter(|tool| tool.available() == Availability::Available).map(|tool| tool.spec())
    }

    /// Every tool, available or not, in name order.
    pub fn all(&self) -> impl Iterator<Item = &Arc<dyn Tool>> {
        self.tools.values()
    }

    /// The tool with this name.
    pub fn get(&self, name: &str) -> Option<&Arc<dyn Tool>> {
        self.tools.get(name)
    }

    /// Calls a tool by name; an unknown name gives the nearest ones.
    pub async fn call(
        &self,
        name: &str,
        arguments: Value,
        context: &CallContext,
    ) -> Result<ToolOutput, ToolError> {
        let Some(tool) = self.tools.get(name) else {
            return Err(ToolError::NotFound {
                message: format!("no tool is called {name}"),
                nearest: nearest_names(name, self.tools.keys().map(String::as_str), 3),
            });
        };
        if let Availability::Missing(why) = tool.available() {
            return Err(ToolError::Unavailable { message: format!("{name}: {why}"), hint: None });
        }
        tool.call(arguments, context).await
    }
}

/// Up to `most` candidates that look most like `wanted`, best first. Those that do not look like it are left out.
pub fn nearest_names<'a>(
    wanted: &str,
    candidates: impl Iterator<Item = &'a str>,
    most: usize,
) -> Vec<String> {
    const ALIKE: f64 = 0.6;
    let mut scored: Vec<(f64, &str)> = candidates
        .map(|name| {
            let contained = name.contains(wanted) || wanted.contains(name);
            (if contained { 0.95 } else { strsim::jaro_winkler(wanted, name) }, name)
        })
        .filter(|(score, _)| *score >= ALIKE)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    scored.into_iter().take(most).map(|(_, name)| name.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn nearest_names_are_few_and_sorted_by_likeness() {
        let names = ["k8s_logs", "k8s_list", "diagnose"];
        assert_eq!(nearest_names("k8s_log", names.into_iter(), 1), vec!["k8s_logs".to_owned()]);
        assert!(nearest_names("zzzz", names.into_iter(), 3).is_empty());
    }
}
