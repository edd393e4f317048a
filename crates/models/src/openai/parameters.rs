//! Parameters that servers refuse: each is dropped once, for good, when a refusal names it.

use super::endpoint::Maker;
use serde_json::{Value, json};
use stethoscope_core::model::ToolChoice;

/// What is sent to this server. Starts with everything and only ever shrinks, so dropping ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parameters {
    pub(super) stream_options: bool,
    pub(super) parallel_tool_calls: bool,
    pub(super) temperature: bool,
    pub(super) output_limit: OutputLimit,
    tool_choice: ChoiceForm,
    /// Both names of the output limit have been tried.
    limits_tried: u8,
}

/// Under which name the output limit goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OutputLimit {
    /// OpenAI's name since 2024; its newer models refuse the old one.
    MaxCompletionTokens,
    /// The name that every compatible server knows.
    MaxTokens,
    /// Not sent.
    Unsent,
}

/// How a forced tool is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ChoiceForm {
    Named,
    Required,
    Unsent,
}

impl Parameters {
    pub(super) fn for_maker(maker: Maker) -> Self {
        Self {
            stream_options: true,
            parallel_tool_calls: true,
            temperature: true,
            output_limit: match maker {
                Maker::OpenAi | Maker::Azure => OutputLimit::MaxCompletionTokens,
                Maker::Other => OutputLimit::MaxTokens,
            },
            tool_choice: ChoiceForm::Named,
            limits_tried: 0,
        }
    }

    pub(super) fn tool_choice(self, choice: ToolChoice) -> Option<Value> {
        match (choice, self.tool_choice) {
            (_, ChoiceForm::Unsent) => None,
            (ToolChoice::Auto, _) => Some(json!("auto")),
            (ToolChoice::Tool(_), ChoiceForm::Required) => Some(json!("required")),
            (ToolChoice::Tool(name), ChoiceForm::Named) => {
                Some(json!({"type": "function", "function": {"name": name}}))
            }
        }
    }

    /// These without the parameter that a refusal names, and its name; `None` when it names none that was sent.
    /// `body` is the request that was refused.
    pub(super) fn without_refused(self, refusal: &Refusal, body: &str) -> Option<(Self, &'static str)> {
        const NAMES: [&str; 6] = [
            "stream_options",
            "parallel_tool_calls",
            "max_completion_tokens",
            "max_tokens",
            "temperature",
            "tool_choice",
        ];
        let sent = |name: &&&str| body.contains(&format!("\"{name}\":"));
        let by_field = NAMES
            .iter()
            .filter(sent)
            .find(|name| refusal.param.as_deref().is_some_and(|param| names(param, name)));
        let by_words = || {
            NAMES.iter().filter(sent).filter_map(|name| Some((position(&refusal.words, name)?, name))).min()
        };
        let name = by_field.or_else(|| by_words().map(|(_, name)| name))?;
        let mut less = self;
        match *name {
            "stream_options" => less.stream_options = false,
            "parallel_tool_calls" => less.parallel_tool_calls = false,
            "temperature" => less.temperature = false,
            "tool_choice" => {
                less.tool_choice = match self.tool_choice {
                    // Only a forced tool has a milder form; `auto` can only be left out.
                    ChoiceForm::Named if !body.contains("\"tool_choice\":\"auto\"") => ChoiceForm::Required,
                    ChoiceForm::Named | ChoiceForm::Required | ChoiceForm::Unsent => ChoiceForm::Unsent,
                };
            }
            _ => {
                less.limits_tried += 1;
                less.output_limit = match self.output_limit {
                    _ if less.limits_tried > 1 => OutputLimit::Unsent,
                    OutputLimit::MaxCompletionTokens => OutputLimit::MaxTokens,
                    OutputLimit::MaxTokens => OutputLimit::MaxCompletionTokens,
                    OutputLimit::Unsent => OutputLimit::Unsent,
                };
            }
        }
        (less != self).then_some((less, *name))
    }
}

/// What a server says about a request that it refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The parameter that it names in a field of its own.
    pub(super) param: Option<String>,
    /// Everything it says, bounded.
    pub(super) words: String,
}

/// `stream_options.include_usage` names `stream_options`.
fn names(param: &str, name: &str) -> bool {
    position(param, name).is_some()
}

/// Where a word stands in a text, as a whole word.
fn position(text: &str, word: &str) -> Option<usize> {
    let part = |character: char| character.is_ascii_alphanumeric() || character == '_';
    text.match_indices(word)
        .map(|(at, _)| at)
        .find(|at| !text[..*at].ends_with(part) && !text[at + word.len()..].starts_with(part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    fn words(words: &str) -> Refusal {
        Refusal { param: None, words: words.to_owned() }
    }

    const BODY: &str =
        r#"{"stream_options":{},"max_tokens":5,"temperature":0,"tool_choice":{"type":"function"}}"#;

    #[test]
    fn switches_the_name_of_the_output_limit_before_leaving_it_out() {
        let parameters = Parameters::for_maker(Maker::Other);
        let refusal = words("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.");
        let (parameters, name) = parameters.without_refused(&refusal, BODY).unwrap();
        assert_eq!((parameters.output_limit, name), (OutputLimit::MaxCompletionTokens, "max_tokens"));
        let body = r#"{"max_completion_tokens":5}"#;
        let (parameters, _) =
            parameters.without_refused(&words("max_completion_tokens: extra"), body).unwrap();
        assert_eq!(parameters.output_limit, OutputLimit::Unsent);
    }

    #[test]
    fn drops_only_what_was_sent_and_is_named_as_a_word() {
        let parameters = Parameters::for_maker(Maker::Other);
        assert_eq!(parameters.without_refused(&words("parallel_tool_calls is unknown"), BODY), None);
        assert_eq!(parameters.without_refused(&words("temperatures are low"), BODY), None);
        assert_eq!(parameters.without_refused(&words("no such model"), BODY), None);
        let refusal = Refusal {
            param: Some("stream_options.include_usage".to_owned()),
            words: "max_tokens".to_owned(),
        };
        let (less, name) = parameters.without_refused(&refusal, BODY).unwrap();
        assert_eq!(
            (less.stream_options, less.output_limit, name),
            (false, OutputLimit::MaxTokens, "stream_options")
        );
    }

    #[test]
    fn asks_for_a_forced_tool_in_milder_forms_until_it_does_not_ask() {
        let parameters = Parameters::for_maker(Maker::OpenAi);
        let choice = ToolChoice::Tool("conclude");
        let named = json!({"type": "function", "function": {"name": "conclude"}});
        assert_eq!(parameters.tool_choice(choice), Some(named));
        let (parameters, _) = parameters.without_refused(&words("tool_choice"), BODY).unwrap();
        assert_eq!(parameters.tool_choice(choice), Some(json!("required")));
        let (parameters, _) = parameters.without_refused(&words("tool_choice"), BODY).unwrap();
        assert_eq!(parameters.tool_choice(choice), None);
        assert_eq!(parameters.without_refused(&words("tool_choice"), BODY), None);
    }
}
