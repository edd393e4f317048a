//! Every way of streaming gives the same reply.

use super::{ask, ask_with, call, config, model, question};
use pretty_assertions::assert_eq;
use serde_json::json;
use stethoscope_core::model::{Finish, Message, Model as _, ModelReply, TokenUsage, ToolChoice};
use stethoscope_models::{ApiKey, OpenAi};
use stethoscope_testkit::{Call, Dialect, FakeModel, History, Reply, Rules, Turn};

fn scripted() -> Reply {
    Reply::calls([
        Call::new("k8s_get", &json!({"name": "checkout \"7\""})),
        Call::new("k8s_logs", &json!({"name": "cart"})),
        Call::new("k8s_get", &json!({})),
    ])
    .with_text("Looking at checkout – ä 👋.")
    .with_reasoning("first the pods")
    .with_usage(120, 30, 64)
}

fn expected(ids: [&str; 3]) -> ModelReply {
    ModelReply {
        text: "Looking at checkout – ä 👋.".to_owned(),
        calls: vec![
            call(ids[0], "k8s_get", r#"{"name":"checkout \"7\""}"#),
            call(ids[1], "k8s_logs", r#"{"name":"cart"}"#),
            call(ids[2], "k8s_get", "{}"),
        ],
        usage: TokenUsage { input: 120, output: 30, cached: 64 },
        finish: Finish::ToolCalls,
    }
}

const SERVERS_IDS: [&str; 3] = ["call_r1n0", "call_r1n1", "call_r1n2"];
const OWN_IDS: [&str; 3] = ["call_1", "call_2", "call_3"];

#[tokio::test]
async fn reads_the_same_reply_in_every_dialect() {
    for (dialect, ids) in [
        (Dialect::OpenAi, SERVERS_IDS),
        (Dialect::WholeArguments, SERVERS_IDS),
        (Dialect::NoIds, OWN_IDS),
        (Dialect::NoIndex, SERVERS_IDS),
        (Dialect::Bare, OWN_IDS),
        (Dialect::BareTogether, OWN_IDS),
        (Dialect::RepeatedName, SERVERS_IDS),
        (Dialect::SameIndex, SERVERS_IDS),
        (Dialect::ObjectArguments, SERVERS_IDS),
        (Dialect::StopAtCalls, SERVERS_IDS),
        (Dialect::ReasoningContent, SERVERS_IDS),
        (Dialect::Reasoning, SERVERS_IDS),
        (Dialect::Thinking, SERVERS_IDS),
        (Dialect::ThinkTags, SERVERS_IDS),
        (Dialect::ContentParts, SERVERS_IDS),
        (Dialect::KeepAlive, SERVERS_IDS),
        (Dialect::CrLf, SERVERS_IDS),
        (Dialect::WithoutDone, SERVERS_IDS),
        (Dialect::UsageWithFinish, SERVERS_IDS),
        (Dialect::JsonBody, SERVERS_IDS),
    ] {
        let server = FakeModel::start([Turn::reply(scripted()).dialect(dialect)]).await;
        let exchange = ask(&model(&server)).await;
        assert_eq!(exchange.ok(), &expected(ids), "{dialect:?}");
        assert_eq!(exchange.text(), expected(ids).text, "{dialect:?}");
        assert_eq!(exchange.reasoning().trim(), "first the pods", "{dialect:?}");
        assert_eq!(exchange.retries(), [], "{dialect:?}");
        server.assert_ok();
    }
}

#[tokio::test]
async fn reads_the_old_function_call() {
    let reply = Reply::calls([Call::new("k8s_get", &json!({"name": "cart"}))]);
    let server = FakeModel::start([Turn::reply(reply).dialect(Dialect::FunctionCall)]).await;
    let exchange = ask(&model(&server)).await;
    assert_eq!(exchange.ok().calls, [call("call_1", "k8s_get", r#"{"name":"cart"}"#)]);
    assert_eq!(exchange.ok().finish, Finish::ToolCalls);
}

#[tokio::test]
async fn estimates_usage_where_the_server_tells_none() {
    let server = FakeModel::start([Turn::text("x".repeat(400)).dialect(Dialect::WithoutUsage)]).await;
    let exchange = ask(&model(&server)).await;
    let sent = server.requests()[0].to_string().len() as u64;
    assert_eq!(exchange.ok().usage, TokenUsage { input: sent.div_ceil(4), output: 100, cached: 0 });
}

#[tokio::test]
async fn takes_an_answer_without_tools_and_each_finish_reason() {
    for (reason, finish) in [
        ("stop", Finish::Stop),
        ("length", Finish::Length),
        ("content_filter", Finish::ContentFilter),
        ("eos", Finish::Stop),
    ] {
        let server = FakeModel::start([Turn::reply(Reply::text("all is well").with_finish(reason))]).await;
        let exchange = ask(&model(&server)).await;
        assert_eq!((exchange.ok().text.as_str(), exchange.ok().finish), ("all is well", finish));
        assert_eq!(exchange.ok().calls, []);
    }
}

#[tokio::test]
async fn hands_malformed_arguments_on_and_sends_them_back_in_a_valid_form() {
    let broken = Call::raw("k8s_get", r#"{"name": "cart"#);
    let server = FakeModel::start([Turn::calls([broken]), Turn::text("done")]).await;
    let model = model(&server);
    let first = ask(&model).await;
    assert_eq!(first.ok().calls, [call("call_r1n0", "k8s_get", r#"{"name": "cart"#)]);
    let mut messages = question();
    messages.push(Message::Assistant { text: String::new(), calls: first.ok().calls.clone() });
    messages.push(Message::Tool {
        call_id: "call_r1n0".to_owned(),
        tool: "k8s_get".to_owned(),
        evidence: None,
        text: "error: the arguments are not JSON".to_owned(),
    });
    let second = ask_with(&model, &messages, ToolChoice::Auto, 100).await;
    assert_eq!(second.ok().text, "done");
    assert_eq!(
        server.requests()[1]["messages"][2]["tool_calls"][0]["function"]["arguments"],
        json!(r#"{"malformed_arguments":"{\"name\": \"cart"}"#)
    );
    server.assert_ok();
}

#[tokio::test]
async fn makes_up_ids_that_stay_unique_over_the_whole_conversation() {
    let turn = || Turn::calls([Call::new("k8s_get", &json!({}))]).dialect(Dialect::NoIds);
    let server = FakeModel::start([turn(), turn(), Turn::text("done")]).await;
    let model = model(&server);
    let mut messages = question();
    for id in ["call_1", "call_2"] {
        let exchange = ask_with(&model, &messages, ToolChoice::Auto, 100).await;
        assert_eq!(exchange.ok().calls, [call(id, "k8s_get", "{}")]);
        messages.push(Message::Assistant { text: String::new(), calls: exchange.ok().calls.clone() });
        let tool = "k8s_get".to_owned();
        let text = "E1 cart".to_owned();
        messages.push(Message::Tool { call_id: id.to_owned(), tool, evidence: None, text });
    }
    assert_eq!(ask_with(&model, &messages, ToolChoice::Auto, 100).await.ok().text, "done");
    server.assert_ok();
}

#[tokio::test]
async fn sends_the_whole_request_and_nothing_else() {
    let rules = Rules::default().history(History::Unrelated);
    let server = FakeModel::start_with(rules, [Turn::text("a"), Turn::text("b")]).await;
    let mut config = config(&server);
    config.api_key = ApiKey::new("sk-test-key");
    config.temperature = Some(0.0);
    config.organization = Some("org-1".to_owned());
    config.headers.push(("x-title".to_owned(), "stethoscope".to_owned()));
    config.base_url = format!("{}/?api-version=2024-10-21", server.url());
    let model = OpenAi::new(config, 1).unwrap();
    ask(&model).await.ok();
    ask_with(&model, &question(), ToolChoice::Tool("k8s_get"), 50).await.ok();
    let requests = server.requests();
    let tool = |name: &str| {
        json!({"type": "function", "function": {"name": name, "description": "Reads something.",
            "parameters": {"type": "object", "properties": {"name": {"type": "string"}}}}})
    };
    assert_eq!(
        requests[0],
        json!({"model": "fake",
            "messages": [{"role": "system", "content": "you look at clusters"}, {"role": "user", "content": "why is it failing?"}],
            "stream": true, "stream_options": {"include_usage": true}, "tools": [tool("k8s_get"), tool("k8s_logs")],
            "tool_choice": "auto", "parallel_tool_calls": true, "max_completion_tokens": 1000, "temperature": 0.0})
    );
    assert_eq!(requests[1]["tool_choice"], json!({"type": "function", "function": {"name": "k8s_get"}}));
    assert_eq!(requests[1].get("parallel_tool_calls"), None);
    let head = &server.heads()[0];
    assert_eq!(head.target, "/v1/chat/completions?api-version=2024-10-21");
    assert_eq!(head.credentials, ["api-key"]);
    assert_eq!(head.headers["x-title"], "stethoscope");
    assert_eq!(head.headers["openai-organization"], "org-1");
    assert_eq!((model.name(), model.context_window()), ("fake", 128_000));
}
