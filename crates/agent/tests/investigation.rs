//! The loop against a scripted model: every way a model can behave badly.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test says what went wrong by panicking"
)]

mod world;

use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use stethoscope_agent::{Ended, Investigation, Limits, Prompts, Step, ToolResult};
use stethoscope_core::answer::Verdict;
use stethoscope_core::event::{EventKind, Outcome};
use stethoscope_core::model::{Model, ToolChoice};
use stethoscope_core::tool::CallContext;
use world::{Script, calls, conclude, fails, registry, results, run, run_with, text};

const QUOTE: &str = "spec.selector: app=cart-v2";

#[tokio::test]
async fn a_quote_that_stands_in_the_evidence_makes_a_root_cause() {
    let turns = vec![
        calls(vec![("a", "digest", json!({}))]),
        calls(vec![("b", "conclude", conclude("service.selector-mismatch", 0.9, &[("E1", QUOTE)]))]),
    ];
    let (ended, _, events) = run(turns).await;
    let Ended::Answered(answer) = ended else { panic!("not answered") };
    assert_eq!(answer.verdict, Verdict::RootCauseFound);
    assert_eq!(answer.hypotheses[0].confidence, 0.9);
    assert!(answer.hypotheses[0].evidence[0].verified);
    assert_eq!((answer.usage.turns, answer.usage.tool_calls), (2, 1));
    let sequence: Vec<u64> = events.iter().map(|event| event.sequence).collect();
    assert_eq!(sequence, (1..=events.len() as u64).collect::<Vec<_>>());
    assert!(events.iter().any(|event| matches!(&event.kind, EventKind::Finding { .. })));
}

#[tokio::test]
async fn invented_evidence_is_sent_back_once_and_then_makes_the_answer_inconclusive() {
    let invented = || {
        calls(vec![(
            "b",
            "conclude",
            conclude("service.selector-mismatch", 0.95, &[("E1", "the disk is full")]),
        )])
    };
    let script = Script::new(vec![calls(vec![("a", "digest", json!({}))]), invented(), invented()]);
    let (ended, ..) = run_with(&script, Limits::default()).await;
    let answer = ended.answer();
    assert_eq!(answer.verdict, Verdict::Inconclusive);
    assert_eq!(answer.hypotheses[0].confidence, 0.2);
    assert!(!answer.hypotheses[0].evidence[0].verified);
    let told = results(&script.requests()[2].messages).pop().unwrap();
    assert!(told.starts_with("not accepted:") && told.contains("the disk is full"), "{told}");
}

#[tokio::test]
async fn a_quote_under_the_wrong_id_is_cited_where_it_stands() {
    let turns = vec![
        calls(vec![("a", "echo", json!({"text": "unrelated output"})), ("b", "digest", json!({}))]),
        calls(vec![("c", "conclude", conclude("service.selector-mismatch", 0.9, &[("E1", QUOTE)]))]),
    ];
    let (ended, ..) = run(turns).await;
    let citation = &ended.answer().hypotheses[0].evidence[0];
    assert_eq!((citation.id.to_string().as_str(), citation.verified), ("E2", true));
}

#[tokio::test]
async fn parallel_calls_are_answered_in_call_order_however_long_they_take() {
    let turns = vec![
        calls(vec![
            ("slow", "echo", json!({"text": "slow one", "ms": 40})),
            ("fast", "echo", json!({"text": "fast one"})),
            ("bad", "echo", json!("{\"text\": ")),
            ("unknown", "k8s_lgs", json!({})),
            ("failing", "echo", json!({"fail": "pods is forbidden"})),
            ("twice", "echo", json!({"text": "fast one"})),
        ]),
        calls(vec![(
            "end",
            "conclude",
            json!({"verdict": "inconclusive", "summary": "s", "hypotheses": []}),
        )]),
    ];
    let script = Script::new(turns);
    let (_, investigation, events) = run_with(&script, Limits::default()).await;
    let heads: Vec<String> = results(&script.requests()[1].messages)
        .iter()
        .map(|text| text.lines().take(3).collect::<Vec<_>>().join("|").chars().take(60).collect())
        .collect();
    assert_eq!(
        heads,
        [
            "E1|<<<data-1|slow one",
            "E2|<<<data-1|fast one",
            "error: bad arguments: the arguments are not JSON: EOF while ",
            "error: not found: no tool is called k8s_lgs",
            "error: forbidden: pods is forbidden",
            "not executed: the same call stands twice in this turn; see t",
        ]
    );
    assert_eq!(investigation.ledger().len(), 2);
    let finished: Vec<(&str, Outcome)> = events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::ToolFinished { call_id, outcome, .. } => Some((call_id.as_str(), *outcome)),
            _ => None,
        })
        .collect();
    let order: Vec<&str> = finished.iter().map(|(id, _)| *id).collect();
    assert_eq!(order, ["slow", "fast", "bad", "unknown", "failing", "twice", "end"]);
}

#[tokio::test]
async fn a_model_that_repeats_itself_must_conclude() {
    let same = || calls(vec![("a", "echo", json!({"text": "x", "ms": null}))]);
    let script = Script::new(vec![
        same(),
        calls(vec![("b", "echo", json!({"text": "x"}))]),
        same(),
        same(),
        calls(vec![(
            "end",
            "conclude",
            json!({"verdict": "inconclusive", "summary": "s", "hypotheses": []}),
        )]),
    ]);
    let (ended, investigation, _) = run_with(&script, Limits::default()).await;
    assert_eq!(investigation.ledger().len(), 1, "the call was made once");
    let requests = script.requests();
    assert_eq!(requests[3].choice, ToolChoice::Auto);
    assert_eq!(requests[4].choice, ToolChoice::Tool("conclude"));
    assert_eq!(ended.answer().verdict, Verdict::Inconclusive);
}

#[tokio::test]
async fn a_model_that_never_concludes_leaves_what_the_detectors_found() {
    let turns =
        vec![calls(vec![("a", "digest", json!({}))]), text("hmm"), text("well"), text("I think it is DNS")];
    let (ended, ..) = run(turns).await;
    let answer = ended.answer();
    assert_eq!(answer.verdict, Verdict::RootCauseFound);
    assert_eq!(answer.hypotheses[0].cause, "service.selector-mismatch");
    assert!(answer.summary.contains("The model said, unchecked: I think it is DNS"), "{}", answer.summary);
}

#[tokio::test]
async fn a_limit_leads_to_one_last_turn_that_can_only_conclude() {
    let more = |id: &'static str| calls(vec![(id, "echo", json!({"text": id}))]);
    let script = Script::new(vec![more("a"), more("b"), more("c"), more("d")]);
    let (ended, ..) = run_with(&script, Limits { tool_calls: 2, ..Limits::default() }).await;
    let requests = script.requests();
    assert_eq!(requests[2].choice, ToolChoice::Tool("conclude"));
    let Ended::Answered(answer) = ended else { panic!("it disobeys, it does not fail") };
    assert_eq!(answer.usage.budget_hit.as_deref(), Some("2 tool calls"));
    assert_eq!(answer.usage.tool_calls, 2);
}

#[tokio::test]
async fn a_model_that_goes_on_calling_after_the_limit_is_stopped() {
    let turns = (0..50)
        .map(|_| calls(vec![("a", "digest", json!({})), ("b", "echo", json!({"text": "again"}))]))
        .collect();
    let script = Script::new(turns);
    let (ended, investigation, _) = run_with(&script, Limits { turns: 6, ..Limits::default() }).await;
    let Ended::Answered(answer) = ended else { panic!("it was to be stopped, not to fail") };
    assert!(script.requests().len() <= 6, "{} requests", script.requests().len());
    assert_eq!(answer.hypotheses[0].cause, "service.selector-mismatch");
    world::every_call_has_one_result(investigation.messages());
}

#[tokio::test]
async fn a_model_that_fails_leaves_an_answer_from_what_is_known() {
    let (ended, ..) = run(vec![calls(vec![("a", "digest", json!({}))]), fails()]).await;
    let Ended::ModelFailed(answer, error) = ended else { panic!("the model failed") };
    assert_eq!(answer.verdict, Verdict::RootCauseFound);
    assert_eq!(answer.hypotheses[0].evidence[0].quote, QUOTE);
    assert!(error.to_string().contains("60 s"));
}

#[tokio::test]
async fn calls_beside_a_conclusion_are_not_made_but_answered() {
    let turns = vec![calls(vec![
        ("a", "echo", json!({"text": "x"})),
        ("b", "conclude", json!({"verdict": "inconclusive", "summary": "s", "hypotheses": []})),
        ("c", "echo", json!({"text": "y"})),
    ])];
    let (ended, investigation, _) = run(turns).await;
    world::every_call_has_one_result(investigation.messages());
    assert_eq!(ended.answer().verdict, Verdict::Inconclusive);
    assert!(investigation.ledger().is_empty());
}

#[tokio::test]
async fn no_issue_needs_a_quote_too() {
    let healthy = |quote: &str| {
        json!({"verdict": "no_issue", "summary": "fine", "hypotheses": [],
            "ruled_out": [{"cause": "any", "why": "w", "evidence": [{"id": "E1", "quote": quote}]}]})
    };
    let turns = |quote: &str| {
        vec![
            calls(vec![("a", "echo", json!({"text": "12 of 12 pods ready"}))]),
            calls(vec![("b", "conclude", healthy(quote))]),
            calls(vec![("c", "conclude", healthy(quote))]),
        ]
    };
    let (ended, ..) = run(turns("12 of 12 pods ready")).await;
    assert_eq!(ended.answer().verdict, Verdict::NoIssue);
    let (ended, ..) = run(turns("99 of 99 pods ready")).await;
    assert_eq!(ended.answer().verdict, Verdict::Inconclusive);
}

#[tokio::test]
async fn a_long_output_is_cut_and_can_be_read_on() {
    let turns = vec![
        calls(vec![("a", "echo", json!({"text": "first", "bytes": 400_000}))]),
        calls(vec![
            ("b", "read_output", json!({"id": "E1", "grep": "line 9999 "})),
            ("c", "read_output", json!({"id": "E7"})),
        ]),
        calls(vec![("d", "conclude", json!({"verdict": "inconclusive", "summary": "s", "hypotheses": []}))]),
    ];
    let script = Script::new(turns);
    run_with(&script, Limits::default()).await;
    let shown = results(&script.requests()[2].messages);
    assert!(shown[0].len() < 9_000, "{} bytes were shown", shown[0].len());
    assert!(shown[0].contains("read on with read_output"), "{}", &shown[0][shown[0].len() - 200..]);
    assert!(shown[1].contains("10000: line 9999 of the long output"), "{}", shown[1]);
    assert!(shown[2].starts_with("error: not found: there is no evidence E7"), "{}", shown[2]);
}

#[tokio::test]
async fn compaction_keeps_ids_order_and_the_question() {
    let mut turns: Vec<world::Turn> = (0..12)
        .map(|n| calls(vec![("x", "echo", json!({"text": format!("output {n}"), "bytes": 7_000}))]))
        .collect();
    turns.push(calls(vec![(
        "end",
        "conclude",
        json!({"verdict": "inconclusive", "summary": "s", "hypotheses": []}),
    )]));
    let script = Script::with_window(turns, 12_000);
    let (_, investigation, events) = run_with(&script, Limits::default()).await;
    assert!(
        events.iter().any(|event| matches!(event.kind, EventKind::Compacted { .. })),
        "nothing was shortened"
    );
    let last = script.requests().pop().unwrap();
    let shown = results(&last.messages);
    assert!(shown[0].starts_with("E1: echoed (shortened"), "{}", shown[0]);
    assert!(investigation.request_tokens() < 12_000);
    assert_eq!(investigation.ledger().len(), 12, "the evidence itself is whole");
}

#[tokio::test]
async fn two_runs_give_the_same_bytes() {
    let once = || async {
        let turns = vec![
            calls(vec![
                ("a", "echo", json!({"text": "password=hunter2secret and again hunter2secret", "ms": 20})),
                ("b", "digest", json!({})),
            ]),
            calls(vec![("c", "conclude", conclude("service.selector-mismatch", 0.9, &[("E2", QUOTE)]))]),
        ];
        let (_, investigation, events) = run(turns).await;
        (serde_json::to_string(&investigation).unwrap(), serde_json::to_string(&events).unwrap())
    };
    let (first, second) = (once().await, once().await);
    assert_eq!(first, second);
    let leak = first.0.find("password=hunter2secret").map(|at| &first.0[at.saturating_sub(200)..at + 40]);
    assert_eq!(leak, None, "a secret reached the transcript");
}

#[tokio::test]
async fn a_stored_investigation_goes_on_with_its_calls_pending() {
    let script =
        Script::new(vec![calls(vec![("a", "digest", json!({})), ("b", "echo", json!({"text": "t"}))])]);
    let mut intake = world::intake();
    let prompts = Prompts::shipped().unwrap();
    let now = world::clock().0;
    let (mut investigation, _) = world::start(&script, Limits::default(), &mut intake);
    let Step::CallModel(request) = investigation.next() else { panic!("asks first") };
    let reply = script.respond(request, &mut |_| {}).await.unwrap();
    investigation.model_replied(reply, &prompts, &mut intake, now).unwrap();
    let stored = serde_json::to_string(&investigation).unwrap();
    let mut restored: Investigation = serde_json::from_str(&stored).unwrap();
    let Step::CallTools(pending) = restored.next() else { panic!("calls are pending") };
    assert_eq!(pending.iter().map(|call| call.call_id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    for call in pending {
        let context = CallContext { namespace: None, now };
        let result = registry().call(&call.tool, call.arguments, &context).await;
        restored.tool_finished(ToolResult { call_id: call.call_id, result }, &mut intake, now).unwrap();
    }
    restored.round_finished(&prompts, now).unwrap();
    assert!(matches!(restored.next(), Step::CallModel(_)));
    assert_eq!(restored.ledger().len(), 2);
}

#[tokio::test]
async fn results_out_of_order_are_refused() {
    let script = Script::new(vec![calls(vec![("a", "digest", json!({})), ("b", "echo", json!({}))])]);
    let mut intake = world::intake();
    let now = world::clock().0;
    let (mut investigation, _) = world::start(&script, Limits::default(), &mut intake);
    let Step::CallModel(request) = investigation.next() else { panic!("asks first") };
    let reply = script.respond(request, &mut |_| {}).await.unwrap();
    investigation.model_replied(reply, &Prompts::shipped().unwrap(), &mut intake, now).unwrap();
    let result = registry().call("echo", Value::Null, &CallContext { namespace: None, now }).await;
    let error = investigation
        .tool_finished(ToolResult { call_id: "b".to_owned(), result }, &mut intake, now)
        .unwrap_err();
    assert_eq!(error.to_string(), "the driver is out of step: the result of b came out of order");
}

#[test]
fn every_prompt_renders_and_an_unknown_override_is_refused() {
    let prompts = Prompts::shipped().unwrap();
    let values = json!({
        "marker": "m", "namespace": "n", "cluster": "c", "tool_calls": 1, "turns": 1, "now": "t",
        "question": "q", "reason": "r", "problems": "p", "ids": "i"
    });
    for name in stethoscope_agent::PROMPT_NAMES {
        assert!(!prompts.render(name, &values).unwrap().is_empty(), "{name} is empty");
    }
    let overrides = [("sytem".to_owned(), String::new())].into();
    assert!(
        Prompts::with_overrides(&overrides).unwrap_err().to_string().contains("no prompt is called sytem")
    );
    let overrides = [("system".to_owned(), "{{ oops".to_owned())].into();
    assert!(
        Prompts::with_overrides(&overrides).unwrap_err().to_string().contains("prompt system cannot be used")
    );
}
