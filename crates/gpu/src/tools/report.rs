//! What most of these tools give: a headline and sections of lines.

use schemars::JsonSchema;
use serde::Serialize;
use stethoscope_core::object::ObjectRef;
use stethoscope_core::tool::{Coverage, Present};

/// Lines of one section at most.
const LINES: usize = 60;

/// A headline, and sections of lines.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(crate) struct Report {
    /// What it comes to.
    pub(crate) headline: String,
    sections: Vec<Section>,
    #[serde(skip)]
    pub(crate) subject: Option<ObjectRef>,
    #[serde(skip)]
    pub(crate) coverage: Coverage,
}

/// Lines under a title.
#[derive(Debug, Serialize, JsonSchema)]
struct Section {
    title: String,
    lines: Vec<String>,
}

impl Report {
    /// Adds a section, if it has lines; what is too much is cut and said.
    pub(crate) fn section(&mut self, title: impl Into<String>, mut lines: Vec<String>) {
        let title = title.into();
        if lines.len() > LINES {
            self.coverage.truncated.push(format!("{title}: {} more lines", lines.len() - LINES));
            lines.truncate(LINES);
        }
        if !lines.is_empty() {
            self.sections.push(Section { title, lines });
        }
    }

    /// Whether nothing was found.
    pub(crate) fn is_empty(&self) -> bool {
        self.sections.is_empty()
    }
}

impl Present for Report {
    fn text(&self) -> String {
        let mut out = format!("{}\n", self.headline);
        for section in &self.sections {
            out.push_str(&format!("== {}\n", section.title));
            for line in &section.lines {
                out.push_str(&format!("{line}\n"));
            }
        }
        out
    }

    fn summary(&self) -> String {
        self.headline.chars().take(80).collect()
    }

    fn subject(&self) -> Option<ObjectRef> {
        self.subject.clone()
    }

    fn coverage(&self) -> Coverage {
        self.coverage.clone()
    }
}
