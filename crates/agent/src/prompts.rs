//! The prompts: tera templates under `prompts/`, one file per purpose, each of which a person may override.

use serde::Serialize;
use std::collections::BTreeMap;
use tera::{Context, Tera};

/// Every prompt by name, with the shipped text.
const SHIPPED: &[(&str, &str)] = &[
    ("system", include_str!("../../../prompts/system.md.tera")),
    ("question", include_str!("../../../prompts/question.md.tera")),
    ("conclude_now", include_str!("../../../prompts/conclude_now.md.tera")),
    ("call_a_tool", include_str!("../../../prompts/call_a_tool.md.tera")),
    ("check_failed", include_str!("../../../prompts/check_failed.md.tera")),
];

/// Names of the prompts; an override is a file `<name>.md.tera`.
pub const PROMPT_NAMES: [&str; 5] = ["system", "question", "conclude_now", "call_a_tool", "check_failed"];

/// The prompts of one run.
#[derive(Clone, Debug)]
pub struct Prompts {
    tera: Tera,
}

/// A prompt does not parse or render.
#[derive(Debug, thiserror::Error)]
pub enum PromptError {
    /// No prompt has this name.
    #[error("no prompt is called {name}; the names are {}", PROMPT_NAMES.join(", "))]
    Unknown {
        /// The name given.
        name: String,
    },
    /// The template is wrong.
    #[error("prompt {name} cannot be used: {source}; compare it with the shipped prompts/{name}.md.tera")]
    Template {
        /// The prompt.
        name: String,
        /// What tera says.
        #[source]
        source: Box<tera::Error>,
    },
}

impl Prompts {
    /// The shipped prompts.
    pub fn shipped() -> Result<Self, PromptError> {
        Self::with_overrides(&BTreeMap::new())
    }

    /// The shipped prompts, some of them replaced by name.
    pub fn with_overrides(overrides: &BTreeMap<String, String>) -> Result<Self, PromptError> {
        if let Some(name) = overrides.keys().find(|name| !PROMPT_NAMES.contains(&name.as_str())) {
            return Err(PromptError::Unknown { name: name.clone() });
        }
        let mut tera = Tera::default();
        for (name, shipped) in SHIPPED {
            let text = overrides.get(*name).map_or(*shipped, String::as_str);
            tera.add_raw_template(name, text).map_err(|source| PromptError::Template {
                name: (*name).to_owned(),
                source: Box::new(source),
            })?;
        }
        Ok(Self { tera })
    }

    /// Renders a prompt with the values of a serializable struct.
    pub fn render(&self, name: &str, values: &impl Serialize) -> Result<String, PromptError> {
        let wrap = |source| PromptError::Template { name: name.to_owned(), source: Box::new(source) };
        let context = Context::from_serialize(values).map_err(wrap)?;
        let text = self.tera.render(name, &context).map_err(wrap)?;
        Ok(text.trim().to_owned())
    }
}
