//! A readable, bounded record of one investigation, for reports. The whole one is what `ask --transcript` writes.

use serde::{Deserialize, Serialize};
use stethoscope_agent::Investigation;
use stethoscope_core::answer::Answer;
use stethoscope_core::model::Message;

/// Bytes of one piece of evidence that are kept.
const KEPT_EVIDENCE: usize = 8 << 10;
/// Bytes of any other text that are kept.
const KEPT_TEXT: usize = 4 << 10;

/// What was said, called and found, in order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Transcript {
    /// Every step.
    pub steps: Vec<Step>,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "step")]
pub enum Step {
    /// The model spoke.
    Said {
        /// Its words.
        text: String,
    },
    /// The loop told the model something.
    Told {
        /// The words.
        text: String,
    },
    /// The model called a tool.
    Called {
        /// The tool.
        tool: String,
        /// Arguments as it wrote them.
        arguments: String,
        /// Evidence id, absent for errors and refusals.
        evidence: Option<String>,
        /// The evidence, redacted and cut; the error or refusal where there is none.
        text: String,
        /// Quotes of the answer that stand in it.
        quotes: Vec<String>,
    },
}

impl Transcript {
    pub(crate) fn of(investigation: &Investigation, answer: &Answer) -> Self {
        let results = |id: &str| {
            investigation.messages().iter().find_map(|message| match message {
                Message::Tool { call_id, evidence, text, .. } if call_id == id => Some((*evidence, text)),
                _ => None,
            })
        };
        let mut steps = Vec::new();
        // The first two messages are the prompts, which are the same for every case.
        for message in investigation.messages().iter().skip(2) {
            match message {
                Message::System { text } | Message::User { text } => {
                    steps.push(Step::Told { text: cut(text, KEPT_TEXT) });
                }
                Message::Tool { .. } => {}
                Message::Assistant { text, calls } => {
                    if !text.trim().is_empty() {
                        steps.push(Step::Said { text: cut(text, KEPT_TEXT) });
                    }
                    for call in calls {
                        let (evidence, shown) =
                            results(&call.id).map_or((None, ""), |(id, text)| (id, text.as_str()));
                        let entry = evidence.and_then(|id| investigation.ledger().get(id));
                        let quotes: Vec<String> = answer
                            .hypotheses
                            .iter()
                            .flat_map(|hypothesis| &hypothesis.evidence)
                            .chain(answer.ruled_out.iter().flat_map(|ruled| &ruled.evidence))
                            .filter(|citation| citation.verified && Some(citation.id) == evidence)
                            .map(|citation| citation.quote.clone())
                            .collect();
                        let whole = entry.map_or(shown, |entry| entry.text.as_str());
                        steps.push(Step::Called {
                            tool: call.name.clone(),
                            arguments: cut(&call.arguments, KEPT_TEXT),
                            evidence: evidence.map(|id| id.to_string()),
                            text: around(whole, &quotes),
                            quotes,
                        });
                    }
                }
            }
        }
        Self { steps }
    }

    /// Calls with the same tool and arguments as an earlier one.
    pub fn repeated_calls(&self) -> u32 {
        let mut seen = std::collections::BTreeSet::new();
        let mut repeated = 0;
        for step in &self.steps {
            let Step::Called { tool, arguments, .. } = step else { continue };
            let canonical = serde_json::from_str::<serde_json::Value>(arguments).map_or_else(
                |_| arguments.clone(),
                |mut value| {
                    value.sort_all_objects();
                    value.to_string()
                },
            );
            repeated += u32::from(!seen.insert((tool.clone(), canonical)));
        }
        repeated
    }
}

/// The text, or its head and the lines that are quoted.
fn around(text: &str, quotes: &[String]) -> String {
    if text.len() <= KEPT_EVIDENCE {
        return text.to_owned();
    }
    let mut out = cut(text, KEPT_EVIDENCE);
    for line in text.lines().filter(|line| quotes.iter().any(|quote| line.contains(quote.as_str()))).take(20)
    {
        if !out.contains(line) {
            out.push('\n');
            out.push_str(&cut(line, KEPT_TEXT));
        }
    }
    out
}

/// At most so many bytes, with a remark where something was cut.
pub(crate) fn cut(text: &str, bytes: usize) -> String {
    if text.len() <= bytes {
        return text.to_owned();
    }
    let mut end = bytes;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}\n… {} bytes more", &text[..end], text.len() - end)
}
