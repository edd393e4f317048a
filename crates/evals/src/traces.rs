//! A run as OpenTelemetry traces: one trace a case, one span a turn and a tool call, named by the GenAI semantic conventions.
//!
//! The JSON of OTLP (opentelemetry-proto, `docs/specification.md` "JSON Protobuf Encoding") is small enough to be written here:
//! ids in hex, 64-bit numbers as strings. No exporter thread, no runtime of its own, and the same run gives the same bytes, so a
//! run that is sent twice is there once.

use crate::results::{Outcome, Results, Row};
use crate::timeline::{CallTime, Timeline, TurnTime};
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fmt::Write;
use stethoscope_core::event::Outcome as CallOutcome;
use stethoscope_core::model::Finish;

/// Cases in one request: what a collector takes by default is 4 MiB.
const CASES_A_REQUEST: usize = 50;
const INTERNAL: u32 = 1;
const CLIENT: u32 = 3;
const ERROR: u32 = 2;

/// `ExportTraceServiceRequest`s, each with some cases. Cases that were never asked have no trace.
pub fn requests(results: &Results) -> Vec<Value> {
    let traced: Vec<(&Row, &Timeline)> =
        results.rows.iter().filter_map(|row| Some((row, row.timeline.as_ref()?))).collect();
    traced.chunks(CASES_A_REQUEST).map(|chunk| request(results, chunk)).collect()
}

/// The same as a file of OTLP JSON lines, which a collector's `otlpjsonfile` receiver reads.
pub fn lines(results: &Results) -> String {
    requests(results).iter().fold(String::new(), |lines, request| lines + &request.to_string() + "\n")
}

fn request(results: &Results, cases: &[(&Row, &Timeline)]) -> Value {
    let header = &results.header;
    let spans: Vec<Value> = cases.iter().flat_map(|(row, timeline)| trace(results, row, timeline)).collect();
    json!({"resourceSpans": [{
        "resource": {"attributes": [text("service.name", "stethoscope"), text("service.version", &header.version)]},
        "scopeSpans": [{
            "scope": {"name": "stethoscope.evals", "version": header.version},
            "spans": spans,
        }],
    }]})
}

/// The spans of one case: the investigation, its turns, its calls.
fn trace(results: &Results, row: &Row, timeline: &Timeline) -> Vec<Value> {
    let header = &results.header;
    let ids = Ids::of(&format!(
        "{} {} {} {} {} {}",
        header.suite, header.seed, header.started, row.key.model, row.key, row.place
    ));
    let mut spans = vec![root(results, row, timeline, &ids)];
    let turns =
        timeline.turns.iter().zip(1..).map(|(turn, number)| turn_span(row, timeline, turn, number, &ids));
    spans.extend(turns);
    let calls = timeline.calls.iter().zip(1..).map(|(call, number)| call_span(timeline, call, number, &ids));
    spans.extend(calls);
    spans
}

fn root(results: &Results, row: &Row, timeline: &Timeline, ids: &Ids) -> Value {
    let mut attributes = vec![
        text("gen_ai.operation.name", "invoke_agent"),
        text("gen_ai.agent.name", "stethoscope"),
        text("gen_ai.provider.name", provider(row)),
        text("gen_ai.request.model", &row.key.model),
        number("gen_ai.usage.input_tokens", timeline.turns.iter().map(|turn| turn.tokens_in).sum()),
        number("gen_ai.usage.output_tokens", timeline.turns.iter().map(|turn| turn.tokens_out).sum()),
        text("stethoscope.suite", &results.header.suite),
        text("stethoscope.case", &row.key.to_string()),
        text("stethoscope.incident", &row.key.incident),
        text("stethoscope.variant", row.key.variant.name()),
        number("stethoscope.repeat", u64::from(row.key.repeat)),
        text("stethoscope.expected", row.stratum()),
    ];
    let mut events = Vec::new();
    if let Some(answer) = row.answer() {
        attributes.push(text("stethoscope.verdict", crate::expected::word(answer.verdict)));
        if let Some(best) = answer.hypotheses.first() {
            attributes.push(text("stethoscope.cause", &best.cause));
            attributes.push(text("stethoscope.subject", &best.subject.to_string()));
        }
    }
    if let Some(scored) = row.scored() {
        let scores = &scored.scores;
        let end = timeline.at(timeline.seconds);
        events.push(evaluation("passed", scores.passed, end));
        events.extend(scores.cause_at_1.map(|right| evaluation("cause_at_1", right, end)));
        events.extend(scores.cause_at_3.map(|right| evaluation("cause_at_3", right, end)));
        events.push(evaluation("verdict", scores.verdict, end));
    }
    let broke = match &row.outcome {
        Outcome::Broken(why) => Some(why.as_str()),
        Outcome::Scored(_) | Outcome::Unscored(_) => None,
    };
    let mut span = span(ids, Place { id: 0, name: "invoke_agent stethoscope".to_owned(), kind: INTERNAL });
    times(&mut span, timeline, 0.0, timeline.seconds.max(row.seconds));
    span["attributes"] = json!(attributes);
    span["events"] = json!(events);
    fail(&mut span, broke);
    span
}

fn turn_span(row: &Row, timeline: &Timeline, turn: &TurnTime, number_of: u64, ids: &Ids) -> Value {
    let name = format!("chat {}", row.key.model);
    let mut span = span(ids, Place { id: number_of << 32, name, kind: CLIENT });
    times(&mut span, timeline, turn.start, turn.end);
    let mut attributes = vec![
        text("gen_ai.operation.name", "chat"),
        text("gen_ai.provider.name", provider(row)),
        text("gen_ai.request.model", &row.key.model),
        number("gen_ai.usage.input_tokens", turn.tokens_in),
        number("gen_ai.usage.output_tokens", turn.tokens_out),
        number("stethoscope.turn", number_of),
    ];
    match &turn.finish {
        Ok(finish) => attributes.push(json!({"key": "gen_ai.response.finish_reasons",
            "value": {"arrayValue": {"values": [{"stringValue": finish_reason(*finish)}]}}})),
        Err(_) => attributes.push(text("error.type", "model")),
    }
    span["attributes"] = json!(attributes);
    fail(&mut span, turn.finish.as_ref().err().map(String::as_str));
    span
}

fn call_span(timeline: &Timeline, call: &CallTime, number_of: u64, ids: &Ids) -> Value {
    let name = format!("execute_tool {}", call.tool);
    let mut span = span(ids, Place { id: number_of, name, kind: INTERNAL });
    times(&mut span, timeline, call.start, call.end);
    let mut attributes = vec![
        text("gen_ai.operation.name", "execute_tool"),
        text("gen_ai.tool.name", &call.tool),
        text("gen_ai.tool.type", "function"),
        text("gen_ai.tool.call.id", &call.id),
        text("gen_ai.tool.call.arguments", &call.arguments),
    ];
    attributes.extend(call.evidence.as_deref().map(|id| text("stethoscope.evidence", id)));
    let failed = match call.outcome {
        Some(CallOutcome::Ok) => None,
        Some(CallOutcome::Error) => Some("error"),
        Some(CallOutcome::Skipped) => Some("skipped"),
        None => Some("unfinished"),
    };
    attributes.extend(failed.map(|kind| text("error.type", kind)));
    span["attributes"] = json!(attributes);
    fail(&mut span, failed);
    span
}

/// Ids of a trace and its spans, from the case.
struct Ids {
    trace: String,
    seed: String,
}

impl Ids {
    fn of(case: &str) -> Self {
        Self { trace: hex(&format!("trace {case}"), 16), seed: case.to_owned() }
    }

    fn span(&self, id: u64) -> String {
        hex(&format!("span {id} {}", self.seed), 8)
    }
}

fn hex(text: &str, bytes: usize) -> String {
    Sha256::digest(text).iter().take(bytes).fold(String::new(), |mut out, byte| {
        // Writing to a String does not fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// Which span it is: 0 is the root, the others lie below it.
struct Place {
    id: u64,
    name: String,
    kind: u32,
}

fn span(ids: &Ids, place: Place) -> Value {
    let mut span = json!({
        "traceId": ids.trace,
        "spanId": ids.span(place.id),
        "name": place.name,
        "kind": place.kind,
    });
    if place.id != 0 {
        span["parentSpanId"] = json!(ids.span(0));
    }
    span
}

fn times(span: &mut Value, timeline: &Timeline, start: f64, end: f64) {
    span["startTimeUnixNano"] = json!(nanoseconds(timeline.at(start)));
    span["endTimeUnixNano"] = json!(nanoseconds(timeline.at(end.max(start))));
}

fn nanoseconds(at: Timestamp) -> String {
    at.as_nanosecond().max(0).to_string()
}

fn fail(span: &mut Value, why: Option<&str>) {
    if let Some(why) = why {
        span["status"] = json!({"code": ERROR, "message": why});
    }
}

/// The event of the conventions for what a program found of an answer.
fn evaluation(name: &str, right: bool, at: Timestamp) -> Value {
    json!({
        "timeUnixNano": nanoseconds(at),
        "name": "gen_ai.evaluation.result",
        "attributes": [
            text("gen_ai.evaluation.name", name),
            {"key": "gen_ai.evaluation.score.value", "value": {"doubleValue": f64::from(u8::from(right))}},
            text("gen_ai.evaluation.score.label", if right { "right" } else { "wrong" }),
        ],
    })
}

fn text(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

fn number(key: &str, value: u64) -> Value {
    json!({"key": key, "value": {"intValue": value.to_string()}})
}

/// The conventions' word for who speaks: the embedded model is ours, every other speaks OpenAI's protocol.
fn provider(row: &Row) -> &'static str {
    if row.key.model == stethoscope_models::builtin::BUILTIN { "stethoscope" } else { "openai" }
}

fn finish_reason(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop => "stop",
        Finish::ToolCalls => "tool_calls",
        Finish::Length => "length",
        Finish::ContentFilter => "content_filter",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::tests::{results, row};
    use pretty_assertions::assert_eq;

    fn timed() -> Results {
        let mut one = row(0, "one", 1, true);
        let turn =
            |start: f64, finish| TurnTime { start, end: start + 0.5, tokens_in: 7, tokens_out: 3, finish };
        one.timeline = Some(Timeline {
            began: "2026-03-01T00:00:00Z".parse().unwrap(),
            seconds: 2.0,
            turns: vec![turn(0.0, Ok(Finish::ToolCalls)), turn(1.0, Err("no answer".to_owned()))],
            calls: vec![CallTime {
                id: "c1".to_owned(),
                tool: "k8s_list".to_owned(),
                arguments: "{}".to_owned(),
                start: 0.5,
                end: 0.75,
                outcome: Some(CallOutcome::Ok),
                evidence: Some("E1".to_owned()),
            }],
        });
        results(vec![one, row(1, "never asked", 1, true)])
    }

    #[test]
    fn a_case_is_a_trace_with_a_span_for_each_turn_and_call() {
        let requests = requests(&timed());
        assert_eq!(requests.len(), 1);
        let spans = requests[0]["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap();
        let names: Vec<&str> = spans.iter().map(|span| span["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["invoke_agent stethoscope", "chat m", "chat m", "execute_tool k8s_list"]);
        let root = &spans[0];
        assert_eq!(root["traceId"].as_str().unwrap().len(), 32);
        assert_eq!(
            (&root["startTimeUnixNano"], &root["endTimeUnixNano"]),
            (&json!("1772323200000000000"), &json!("1772323202000000000"))
        );
        for span in &spans[1..] {
            assert_eq!((&span["traceId"], &span["parentSpanId"]), (&root["traceId"], &root["spanId"]));
        }
        let ids: std::collections::BTreeSet<&str> =
            spans.iter().map(|span| span["spanId"].as_str().unwrap()).collect();
        assert_eq!((ids.len(), ids.iter().all(|id| id.len() == 16)), (4, true));
        assert_eq!(spans[2]["status"], json!({"code": 2, "message": "no answer"}));
        assert!(root["attributes"].as_array().unwrap().contains(&number("gen_ai.usage.input_tokens", 14)));
        assert_eq!(root["events"].as_array().unwrap().len(), 4);
    }

    #[test]
    fn the_same_run_has_the_same_ids_and_another_run_others() {
        let (one, mut two) = (timed(), timed());
        assert_eq!(lines(&one), lines(&timed()));
        two.header.started = "2026-03-02T00:00:00Z".parse().unwrap();
        let id = |results: &Results| {
            requests(results)[0]["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["traceId"].clone()
        };
        assert_ne!(id(&one), id(&two));
        assert_eq!(lines(&one).lines().count(), 1);
    }
}
