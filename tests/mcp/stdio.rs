//! Over stdin and stdout, against recorded incidents.

use crate::talk::{Pipe, bundle};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

const BROKEN: &str = "lantern-checkout-errors";

fn text(result: &Value) -> &str {
    result["content"][0]["text"].as_str().unwrap_or_default()
}

#[test]
fn every_tool_is_declared_in_full_and_in_order_and_the_list_is_cheap() {
    let mut pipe = Pipe::open(&["--incident", &bundle(BROKEN)]);
    let tools = pipe.tools();
    let names: Vec<&str> = tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert!(names.is_sorted(), "{names:?}");
    for wanted in ["diagnose", "investigate", "k8s_list", "k8s_logs", "read_output"] {
        assert!(names.contains(&wanted), "{names:?}");
    }
    let mut visible = 0;
    for tool in &tools {
        assert_eq!(tool["inputSchema"]["type"], "object", "{tool}");
        assert_eq!(tool["outputSchema"]["type"], "object", "{tool}");
        let hints = &tool["annotations"];
        assert_eq!((&hints["readOnlyHint"], &hints["destructiveHint"]), (&json!(true), &json!(false)));
        assert!(hints["idempotentHint"].is_boolean() && hints["openWorldHint"].is_boolean(), "{tool}");
        visible += [&tool["name"], &tool["description"], &tool["inputSchema"]]
            .iter()
            .map(|part| part.to_string().len())
            .sum::<usize>();
    }
    assert!(visible <= 12_000, "{visible} bytes stand in every model's prompt");
    let logs = tools.iter().find(|tool| tool["name"] == "k8s_logs").unwrap();
    assert_eq!(
        logs["_meta"]["stethoscope.dev/rbac"],
        json!([{"apiGroups": [""], "resources": ["pods", "pods/log"], "verbs": ["get", "list"]}])
    );
    assert_eq!(pipe.tools(), tools, "the same list, the same bytes");
}

#[test]
fn what_the_instructions_name_is_there() {
    let mut pipe = Pipe::silent(&["--incident", &bundle(BROKEN)]);
    let hello = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}});
    let welcome = pipe.call("initialize", hello);
    let instructions = welcome["result"]["instructions"].as_str().unwrap().to_owned();
    assert!(instructions.len() <= 1024, "{}", instructions.len());
    pipe.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
    let names = pipe.names();
    for named in ["diagnose", "investigate", "read_output"] {
        assert!(
            instructions.contains(&format!("`{named}`")) && names.iter().any(|name| name == named),
            "{named}"
        );
    }
}

#[test]
fn a_payload_goes_once_wherever_the_client_wants_it() {
    let list = json!({"kind": "pods", "limit": 3});
    let mut pipe = Pipe::open(&["--incident", &bundle(BROKEN)]);
    let plain = pipe.tool("k8s_list", list.clone());
    assert!(text(&plain).contains("READY"), "{plain}");
    assert_eq!(
        plain["structuredContent"].as_object().unwrap().keys().collect::<Vec<_>>(),
        ["evidence", "summary"]
    );
    let data = pipe.call(
        "tools/call",
        json!({"name": "k8s_list", "arguments": list, "_meta": {"stethoscope.dev/payload": "data"}}),
    );
    let data = &data["result"];
    assert_eq!(data["structuredContent"]["data"]["kind"], "Pod");
    assert!(!text(data).contains("READY"), "{data}");
    // This client hands a model structured content alone.
    let mut claude = Pipe::open_as(&["--incident", &bundle(BROKEN)], "claude-code", json!({}));
    let structured = claude.tool("k8s_list", json!({"kind": "pods", "limit": 3}));
    assert!(structured["structuredContent"]["text"].as_str().unwrap().contains("READY"), "{structured}");
    assert!(!text(&structured).contains("READY"), "{structured}");
}

#[test]
fn an_investigation_shows_progress_and_leaves_evidence_that_can_be_read() {
    let mut pipe = Pipe::open(&["--incident", &bundle(BROKEN)]);
    let answer = pipe.call(
        "tools/call",
        json!({
            "name": "investigate", "arguments": {"question": "why is checkout failing?"},
            "_meta": {"progressToken": "p"}
        }),
    );
    let result = &answer["result"];
    assert!(text(result).contains("service.selector-mismatch"), "{result}");
    assert_eq!(result["structuredContent"]["verdict"], "root_cause_found");
    assert_eq!(result["content"][1]["uri"], "incident://I1");
    let steps: Vec<f64> = pipe
        .notes
        .iter()
        .filter(|note| note["method"] == "notifications/progress")
        .map(|note| note["params"]["progress"].as_f64().unwrap())
        .collect();
    assert!(steps.len() >= 3 && steps.is_sorted(), "{steps:?}");
    let read = pipe.call("resources/read", json!({"uri": "incident://I1"}));
    let stored: Value =
        serde_json::from_str(read["result"]["contents"][0]["text"].as_str().unwrap()).unwrap();
    assert_eq!(stored["version"], "answer.v1");
    let cited = stored["hypotheses"][0]["evidence"][0]["id"].as_str().unwrap();
    let quote = stored["hypotheses"][0]["evidence"][0]["quote"].as_str().unwrap();
    let evidence = pipe.call("resources/read", json!({"uri": format!("evidence://I1/{cited}")}));
    let whole = evidence["result"]["contents"][0]["text"].as_str().unwrap();
    assert!(whole.contains(quote.split(" … ").next().unwrap()), "{quote} is not in {whole}");
}

#[test]
fn what_is_not_offered_is_not_listed_and_refused_when_called() {
    let mut read = Pipe::open(&["--tools", "read", "--incident", &bundle(BROKEN)]);
    assert!(!read.names().contains(&"investigate".to_owned()));
    let refused = read.tool("investigate", json!({"question": "why?"}));
    assert_eq!(refused["isError"], true);
    assert!(text(&refused).contains("--tools read"), "{refused}");
    let mut whole = Pipe::open(&["--tools", "investigate", "--incident", &bundle(BROKEN)]);
    assert_eq!(whole.names(), ["investigate"]);
    for (tool, arguments) in [
        ("k8s_list", json!({"kind": "pods"})),
        ("read_output", json!({"id": "E1"})),
        ("find_tools", json!({"query": "logs"})),
        ("call_tool", json!({"name": "k8s_list", "arguments": {"kind": "pods"}})),
    ] {
        let refused = whole.tool(tool, arguments);
        assert!(text(&refused).contains("--tools investigate"), "{tool}: {refused}");
    }
}

#[test]
fn a_tool_without_its_backend_is_hidden_and_says_why_when_called() {
    let mut pipe = Pipe::open(&["--incident", &bundle(BROKEN)]);
    assert!(!pipe.names().contains(&"metrics_query".to_owned()));
    let refused = pipe.tool("metrics_query", json!({"query": "up"}));
    assert_eq!(refused["isError"], true);
    assert!(text(&refused).contains("no recorded metrics"), "{refused}");
    let unknown = pipe.call("tools/call", json!({"name": "k8s_lgos", "arguments": {}}));
    assert_eq!(unknown["error"]["code"], -32602);
    assert!(unknown["error"]["message"].as_str().unwrap().contains("k8s_logs"), "{unknown}");
    let bad = pipe.tool("k8s_list", json!({"kind": 7}));
    assert!(text(&bad).contains("bad arguments") && text(&bad).contains("kind*"), "{bad}");
}

#[test]
fn a_planted_secret_comes_through_no_door() {
    let canary = ["canary-Tr0ub4dor", "-not-real-91f7"].concat();
    let mut pipe = Pipe::open(&["--incident", &bundle("ticket-desk-down")]);
    let mut seen = String::new();
    for payload in ["content", "structured", "data"] {
        for (tool, arguments) in [
            ("k8s_describe", json!({"kind": "pod", "name": "desk-api"})),
            ("k8s_list", json!({"kind": "pods", "columns": ["metadata.annotations"]})),
            ("k8s_logs", json!({"name": "desk-api", "kind": "deployment"})),
            ("k8s_get", json!({"kind": "deployment", "name": "desk-api"})),
            ("diagnose", json!({})),
            ("investigate", json!({"question": "why is the ticket desk unavailable?"})),
        ] {
            let call =
                json!({"name": tool, "arguments": arguments, "_meta": {"stethoscope.dev/payload": payload}});
            let id = pipe.begin("tools/call", call);
            let answer = pipe.answer(id);
            seen.push_str(&answer["result"]["content"].to_string());
            seen.push_str(&answer["result"]["structuredContent"].to_string());
        }
    }
    let resources = pipe.call("resources/list", json!({}));
    seen.push_str(&resources.to_string());
    for resource in resources["result"]["resources"].as_array().unwrap() {
        let read = pipe.call("resources/read", json!({"uri": resource["uri"]}));
        seen.push_str(&read.to_string());
    }
    seen.push_str(&serde_json::to_string(&pipe.notes).unwrap());
    assert!(seen.contains("[secret:"), "there is something to hide");
    assert!(!seen.contains(&canary), "the canary got out");
}

#[test]
fn prompts_and_completions_help_to_ask() {
    let mut pipe = Pipe::open(&["--incident", &bundle(BROKEN)]);
    let prompts = pipe.call("prompts/list", json!({}));
    let names: Vec<&str> = prompts["result"]["prompts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|prompt| prompt["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        ["explain_incident", "gpu_health", "network_path", "troubleshoot_workload", "what_changed"]
    );
    let got =
        pipe.call("prompts/get", json!({"name": "troubleshoot_workload", "arguments": {"name": "checkout"}}));
    let words = got["result"]["messages"][0]["content"]["text"].as_str().unwrap();
    assert!(words.contains("why checkout does not") && !words.contains('{'), "{words}");
    let missing = pipe.call("prompts/get", json!({"name": "troubleshoot_workload"}));
    assert_eq!(missing["error"]["code"], -32602);
    let mut complete = |reference: Value, name: &str, value: &str, given: Value| {
        let params = json!({
            "ref": reference, "argument": {"name": name, "value": value}, "context": {"arguments": given}
        });
        pipe.call("completion/complete", params)["result"]["completion"]["values"].clone()
    };
    let prompt = json!({"type": "ref/prompt", "name": "troubleshoot_workload"});
    assert_eq!(complete(prompt.clone(), "namespace", "lan", json!({})), json!(["lantern"]));
    assert_eq!(complete(prompt.clone(), "kind", "depl", json!({})), json!(["Deployment"]));
    assert_eq!(complete(prompt, "name", "check", json!({"kind": "Deployment"})), json!(["checkout"]));
    let cause = json!({"type": "ref/resource", "uri": "cause://{code}"});
    assert_eq!(
        complete(cause, "code", "service.selector-m", json!({})),
        json!(["service.selector-mismatch"])
    );
}

#[test]
fn a_cancelled_call_ends_and_the_conversation_goes_on() {
    let mut pipe = Pipe::open(&["--incident", &bundle(BROKEN)]);
    let id = pipe.begin("tools/call", json!({"name": "investigate", "arguments": {"question": "why?"}}));
    pipe.send(&json!({
        "jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id, "reason": "changed my mind"}
    }));
    let alive = pipe.call("tools/call", json!({"name": "k8s_overview", "arguments": {}}));
    assert_eq!(alive["result"]["isError"], false, "{alive}");
}

#[test]
fn closing_stdin_is_no_failure_and_rubbish_is_answered() {
    let pipe = Pipe::silent(&["--incident", &bundle(BROKEN)]);
    assert_eq!(pipe.close(), 0, "a client that only looked");
    let mut pipe = Pipe::open(&["--incident", &bundle(BROKEN)]);
    pipe.send(&json!({"jsonrpc": "2.0", "id": 900, "method": "no/such", "params": {}}));
    assert_eq!(pipe.answer(900)["error"]["code"], -32601);
    pipe.send(&json!({"jsonrpc": "2.0", "id": 901, "method": "resources/read", "params": {"uri": "file:///etc/passwd"}}));
    assert!(pipe.answer(901)["error"].is_object());
    assert_eq!(pipe.close(), 0);
}

#[test]
fn a_recording_that_is_not_there_is_told_at_once() {
    let ran = crate::harness::run(&["mcp", "--incident", "/nonexistent/bundle"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (5, ""));
}
