//! One case on disk.

use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::Path;

/// What makes a directory a case.
pub(crate) const CASE_FILE: &str = "test_case.yaml";
/// Bytes of the case file that are read.
const LONGEST_CASE: u64 = 1 << 20;
/// Bytes of one recorded output that are read; a larger one is left out and told.
const LONGEST_OUTPUT: u64 = 4 << 20;
/// Recorded outputs of one case.
const MOST_OUTPUTS: usize = 500;

/// A case.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Fixture {
    /// Wordings of the question.
    pub(crate) prompts: Vec<String>,
    /// Statements that the answer must make.
    pub(crate) expected: Vec<String>,
    pub(crate) tags: Vec<String>,
    /// Why its authors leave it out, if they do.
    pub(crate) skipped: Option<String>,
    /// By tool.
    pub(crate) outputs: BTreeMap<String, Vec<Recorded>>,
    /// Files that hold no recorded output, one line each.
    pub(crate) left_out: Vec<String>,
}

/// The output of one call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Recorded {
    /// Arguments that a call must have to be this one.
    pub(crate) arguments: Map<String, Value>,
    /// What the tool said.
    pub(crate) text: String,
    /// Whether the call failed when it was recorded.
    pub(crate) failed: bool,
}

/// What of the file matters here; the rest sets up a live cluster.
#[derive(Deserialize)]
struct CaseFile {
    user_prompt: Value,
    #[serde(default)]
    expected_output: Value,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    skip: bool,
    #[serde(default)]
    skip_reason: Option<String>,
}

/// One text or several. A statement may also be a number (`20`) or what YAML takes for a truth value.
fn texts(value: Value) -> Vec<String> {
    let all = match value {
        Value::Array(many) => many,
        one => vec![one],
    };
    let text = |value: Value| match value {
        Value::String(text) => text,
        Value::Null => String::new(),
        other => other.to_string(),
    };
    all.into_iter().map(text).filter(|text| !text.trim().is_empty()).collect()
}

/// The first line of a recorded output.
#[derive(Deserialize)]
struct Head {
    tool_name: String,
    #[serde(default)]
    match_params: Option<Map<String, Value>>,
}

impl Fixture {
    /// Reads a case. Blocking. `Err` is one sentence.
    pub(crate) fn read(directory: &Path) -> Result<Self, String> {
        let text = bounded(&directory.join(CASE_FILE), LONGEST_CASE)?;
        let file: CaseFile =
            serde_saphyr::from_str(&text).map_err(|error| format!("{CASE_FILE} cannot be read: {error}"))?;
        let mut fixture = Self {
            prompts: texts(file.user_prompt),
            expected: texts(file.expected_output),
            tags: file.tags,
            skipped: file.skip.then(|| file.skip_reason.unwrap_or_else(|| "its authors skip it".to_owned())),
            ..Self::default()
        };
        if fixture.prompts.is_empty() {
            return Err(format!("{CASE_FILE} has an empty user_prompt"));
        }
        let mut count = 0;
        for path in crate::paths::entries(directory).map_err(|error| error.to_string())? {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let recorded = path.extension().is_some_and(|ending| ending == "txt" || ending == "json");
            if !recorded || !path.is_file() {
                continue;
            }
            count += 1;
            if count > MOST_OUTPUTS {
                fixture.left_out.push(format!("{name} and what follows: more than {MOST_OUTPUTS} outputs"));
                break;
            }
            match bounded(&path, LONGEST_OUTPUT).and_then(|text| output(&text)) {
                Ok((tool, output)) => fixture.outputs.entry(tool).or_default().push(output),
                Err(why) => fixture.left_out.push(format!("{name}: {why}")),
            }
        }
        Ok(fixture)
    }

    /// The wording that a run asks: the n-th run the n-th, and over again.
    pub(crate) fn prompt(&self, repeat: u32) -> &str {
        let place = (repeat.max(1) - 1) as usize % self.prompts.len().max(1);
        self.prompts.get(place).map_or("", String::as_str)
    }
}

fn bounded(path: &Path, most: u64) -> Result<String, String> {
    let length = std::fs::metadata(path).map_err(|error| format!("cannot be read: {error}"))?.len();
    if length > most {
        return Err(format!("has {length} bytes; {most} are the most"));
    }
    let bytes = std::fs::read(path).map_err(|error| format!("cannot be read: {error}"))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Tool and output of a recorded file.
fn output(text: &str) -> Result<(String, Recorded), String> {
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    let head: Head = serde_json::from_str(first)
        .map_err(|_| "its first line does not say of which call it is".to_owned())?;
    // Newer recordings have a line with the result's status; its own text, if any, is in `data`.
    let (status, body) = match rest.split_once('\n').unwrap_or((rest, "")) {
        (line, after) if line.starts_with("{\"schema_version\"") => {
            (serde_json::from_str::<Value>(line).unwrap_or_default(), after)
        }
        _ => (Value::Null, rest),
    };
    let failed = status["status"] == "error";
    let said = status["error"].as_str().filter(|_| failed && body.trim().is_empty());
    let output = Recorded {
        arguments: head.match_params.unwrap_or_default(),
        text: said.unwrap_or(body).to_owned(),
        failed,
    };
    Ok((head.tool_name, output))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use pretty_assertions::assert_eq;
    use serde_json::json;

    /// A case of our own in their layout.
    pub(crate) fn written() -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
        write(
            CASE_FILE,
            "user_prompt:\n  - why is the kiosk dark?\n  - what ails the kiosk?\nexpected_output:\n  - the kiosk's lamp is missing\n\
             tags: [kubernetes, easy]\nbefore_test: kubectl apply -f x.yaml\n",
        );
        write(
            "kubectl_describe_1.txt",
            "{\"toolset_name\": \"kubernetes/core\", \"tool_name\": \"kubectl_describe\", \"match_params\": {\"kind\": \"pod\", \"name\": \"kiosk-1\"}}\n\
             {\"schema_version\": \"robusta:v1.0.0\", \"status\": \"success\", \"error\": null}\nName: kiosk-1\nReason: NoLamp\n",
        );
        write(
            "kubectl_logs.txt",
            "{\"toolset_name\":\"kubernetes/logs\",\"tool_name\":\"kubectl_logs\",\"match_params\":{\"pod\":\"kiosk-1\"}}\nno lamp\n",
        );
        write(
            "fetch.json",
            "{\"toolset_name\":\"internet\",\"tool_name\":\"fetch_webpage\"}\n{\"schema_version\":\"robusta:v1.0.0\",\"status\":\"error\",\"error\":\"no route\"}\n",
        );
        write("notes.txt", "not a recording\n");
        write("toolsets.yaml", "toolsets: {}\n");
        directory
    }

    #[test]
    fn a_case_has_its_questions_its_statements_and_its_recorded_outputs() {
        let directory = written();
        let fixture = Fixture::read(directory.path()).unwrap();
        assert_eq!(
            (fixture.prompt(1), fixture.prompt(2)),
            ("why is the kiosk dark?", "what ails the kiosk?")
        );
        assert_eq!(fixture.prompt(3), fixture.prompt(1));
        assert_eq!(fixture.expected, ["the kiosk's lamp is missing"]);
        assert_eq!((fixture.tags.len(), fixture.skipped.clone()), (2, None));
        let described = json!({"kind": "pod", "name": "kiosk-1"});
        assert_eq!(
            fixture.outputs["kubectl_describe"],
            [Recorded {
                arguments: described.as_object().unwrap().clone(),
                text: "Name: kiosk-1\nReason: NoLamp\n".to_owned(),
                failed: false
            }]
        );
        assert_eq!(fixture.outputs["kubectl_logs"][0].text, "no lamp\n");
        assert_eq!(
            (fixture.outputs["fetch_webpage"][0].text.as_str(), fixture.outputs["fetch_webpage"][0].failed),
            ("no route", true)
        );
        assert_eq!(fixture.left_out, ["notes.txt: its first line does not say of which call it is"]);
    }

    #[test]
    fn a_case_without_a_question_or_with_broken_yaml_is_refused_in_a_sentence() {
        let why = |text: &str| {
            let directory = tempfile::tempdir().unwrap();
            std::fs::write(directory.path().join(CASE_FILE), text).unwrap();
            Fixture::read(directory.path()).unwrap_err()
        };
        assert!(why("expected_output: x").contains("user_prompt"));
        assert!(why("user_prompt: ' '\nexpected_output: x").contains("empty user_prompt"));
        assert!(why("user_prompt: [\n").contains("cannot be read"));
        assert_eq!(texts(serde_json::json!(["a", 20, null, " "])), ["a", "20"]);
    }
}
