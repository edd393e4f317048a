//! Cases in HolmesGPT's layout, written for this test: asked over their recorded outputs, judged or not, never scored.

#![expect(clippy::unwrap_used, clippy::panic, reason = "the functions that tests share")]

use async_trait::async_trait;
use jiff::Timestamp;
use pretty_assertions::assert_eq;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use stethoscope_agent::Prompts;
use stethoscope_core::model::{Delta, Message, Model, ModelError, ModelReply, ModelRequest, ToolCall};
use stethoscope_evals::statistics::Share;
use stethoscope_evals::summary::Summary;
use stethoscope_evals::transcript::Step;
use stethoscope_evals::variants::{Variant, Variants};
use stethoscope_evals::{
    Builtins, ModelFactory, NoModel, Outcome, Results, RunOptions, Silent, Suite, report, run,
};

fn case(directory: &Path, name: &str, files: &[(&str, &str)]) -> PathBuf {
    let path = directory.join(name);
    std::fs::create_dir_all(&path).unwrap();
    for (file, text) in files {
        std::fs::write(path.join(file), text).unwrap();
    }
    path
}

const DESCRIBED: &str = "{\"toolset_name\": \"kubernetes/core\", \"tool_name\": \"kubectl_describe\", \
    \"match_params\": {\"kind\": \"pod\", \"name\": \"kiosk-1\"}}\nName: kiosk-1\nReason: NoLamp\n";

fn suite(directory: &Path) -> Suite {
    let kiosk = case(
        directory,
        "01_kiosk",
        &[
            (
                "test_case.yaml",
                "user_prompt: why is the kiosk dark?\nexpected_output: [the lamp is missing, the bulb is blue]\ntags: [easy]\n",
            ),
            ("kubectl_describe.txt", DESCRIBED),
        ],
    );
    let live = case(directory, "02_live", &[("test_case.yaml", "user_prompt: x\nexpected_output: y\n")]);
    let skipped = case(
        directory,
        "03_skipped",
        &[("test_case.yaml", "user_prompt: x\nexpected_output: y\nskip: true\nskip_reason: flaky\n")],
    );
    let broken = case(directory, "04_broken", &[("test_case.yaml", "user_prompt: [\n")]);
    Suite::of("holmes", vec![kiosk, live, skipped, broken])
}

/// Says what it is told to, turn by turn.
struct Script;

#[async_trait]
impl Model for Script {
    fn name(&self) -> &str {
        "script"
    }

    async fn respond(
        &self,
        request: ModelRequest<'_>,
        _: &mut (dyn FnMut(Delta) + Send),
    ) -> Result<ModelReply, ModelError> {
        let call = |name: &str, arguments: serde_json::Value| ToolCall {
            id: format!("c{}", request.messages.len()),
            name: name.to_owned(),
            arguments: arguments.to_string(),
        };
        let graded = request.tools.iter().any(|tool| tool.name == "grade");
        let described =
            request.messages.iter().any(|message| matches!(message, Message::Tool { evidence: Some(_), .. }));
        let missed = request.messages.iter().any(|message| matches!(message, Message::Tool { .. }));
        let next = if graded {
            call("grade", json!({"statement_1": true, "statement_2": false, "why": "no bulb"}))
        } else if described {
            call(
                "conclude",
                json!({"verdict": "root_cause_found", "summary": "The lamp is missing.", "hypotheses": [{
                    "cause": "other", "subject": {"kind": "Pod", "namespace": "default", "name": "kiosk-1"},
                    "statement": "no lamp", "confidence": 0.8, "evidence": [{"id": "E1", "quote": "Reason: NoLamp"}]}]}),
            )
        } else if missed {
            call("kubectl_describe", json!({"kind": "pod", "name": "kiosk-1"}))
        } else {
            call("kubectl_describe", json!({"kind": "pod", "name": "kiosk"}))
        };
        Ok(ModelReply { calls: vec![next], ..ModelReply::default() })
    }
}

struct Scripts;

impl ModelFactory for Scripts {
    fn model(&self, _: &str) -> Result<Arc<dyn Model>, NoModel> {
        Ok(Arc::new(Script))
    }
}

fn options() -> RunOptions {
    RunOptions::new(Prompts::shipped().unwrap(), Timestamp::UNIX_EPOCH)
}

fn unscored<'a>(results: &'a Results, name: &str) -> &'a stethoscope_evals::results::Unscored {
    let row = results.rows.iter().find(|row| row.key.to_string() == name).unwrap();
    match &row.outcome {
        Outcome::Unscored(unscored) => unscored,
        Outcome::Scored(_) | Outcome::Broken(_) => panic!("{name}: {:?}", row.outcome),
    }
}

#[tokio::test]
async fn recorded_outputs_are_tools_and_a_judge_grades_the_statements_apart() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = options();
    options.models = vec!["script".to_owned()];
    options.judge = Some("script".to_owned());
    let results = run(&suite(directory.path()), &options, &Scripts, &mut Silent).await.unwrap();
    let kiosk = unscored(&results, "01_kiosk");
    let answer = kiosk.answer.as_ref().unwrap();
    assert!(answer.hypotheses[0].evidence[0].verified, "{answer:?}");
    let told: Vec<String> = kiosk
        .transcript
        .iter()
        .flat_map(|transcript| &transcript.steps)
        .filter_map(|step| match step {
            Step::Called { tool, text, .. } if tool == "kubectl_describe" => Some(text.clone()),
            Step::Called { .. } | Step::Said { .. } | Step::Told { .. } => None,
        })
        .collect();
    assert!(told[0].contains("was not recorded") && told[0].contains("kiosk-1"), "{told:?}");
    assert!(told[1].contains("Reason: NoLamp"), "{told:?}");
    let summary = Summary::of(&results);
    assert_eq!((summary.groups[0].scored, summary.groups[0].unscored, summary.groups[0].broken), (0, 3, 1));
    let judged = &summary.judged[0];
    assert_eq!(
        (judged.whole, judged.criteria["statements"]),
        (Share { right: 0, all: 1 }, Share { right: 1, all: 2 })
    );
    assert!(report::table(&results).contains("script of script, original"), "{}", report::table(&results));
}

#[tokio::test]
async fn without_a_judge_nothing_is_called_right_or_wrong() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = options();
    options.models = vec!["builtin".to_owned()];
    options.variants = Some(Variants { seed: 1, kinds: vec![Variant::Rename] });
    let results = run(&suite(directory.path()), &options, &Builtins, &mut Silent).await.unwrap();
    let why = |name: &str| unscored(&results, name).why.clone();
    assert_eq!(why("01_kiosk"), "not judged: what is expected is free text; --judge NAME grades it");
    assert_eq!(why("02_live"), "it has no recorded outputs: it needs a live cluster");
    assert_eq!(why("03_skipped"), "skipped by its authors: flaky");
    assert_eq!(why("01_kiosk+rename"), "recorded calls have no variants");
    let table = report::table(&results);
    assert!(
        table.contains("broken builtin 04_broken: test_case.yaml cannot be read") && !table.contains("wrong"),
        "{table}"
    );
    let junit = report::junit(&results);
    assert!(
        junit.contains("failures=\"0\" errors=\"1\"") && junit.contains("<skipped message=\"not judged"),
        "{junit}"
    );
    assert!(report::html(&results).unwrap().contains("not judged"));
    assert!(report::case(&results.rows[0]).contains("unscored: not judged"));
    options.filter = Some("easy".to_owned());
    let picked = run(&suite(directory.path()), &options, &Builtins, &mut Silent).await.unwrap();
    assert_eq!(picked.rows.len(), 2, "a tag picks its case");
}
