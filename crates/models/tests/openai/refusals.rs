//! Parameters that a server refuses are left out, once and for good.

use super::{ask, ask_with, config, model, question};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use stethoscope_core::model::ToolChoice;
use stethoscope_models::OpenAi;
use stethoscope_testkit::{FakeModel, Turn};

fn has(request: &Value, name: &str) -> bool {
    request.get(name).is_some()
}

#[tokio::test]
async fn leaves_out_what_is_refused_and_remembers_it() {
    for name in ["stream_options", "parallel_tool_calls", "temperature", "tool_choice"] {
        let server =
            FakeModel::start([Turn::refuse_parameter(name), Turn::text("one"), Turn::text("two")]).await;
        let mut config = config(&server);
        config.temperature = Some(0.5);
        let model = OpenAi::new(config, 1).unwrap();
        let exchange = ask(&model).await;
        assert_eq!((exchange.ok().text.as_str(), exchange.retries()), ("one", vec![]), "{name}");
        assert_eq!(ask(&model).await.ok().text, "two");
        let sent: Vec<bool> = server.requests().iter().map(|request| has(request, name)).collect();
        assert_eq!(sent, [true, false, false], "{name}");
    }
}

#[tokio::test]
async fn changes_the_name_of_the_output_limit_as_the_server_says() {
    let words = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.";
    let server = FakeModel::start([Turn::status(400).error(words), Turn::text("hello")]).await;
    ask(&model(&server)).await.ok();
    let requests = server.requests();
    assert_eq!(
        (&requests[0]["max_tokens"], &requests[1]["max_completion_tokens"]),
        (&json!(1000), &json!(1000))
    );
    assert_eq!((has(&requests[0], "max_completion_tokens"), has(&requests[1], "max_tokens")), (false, false));
}

#[tokio::test]
async fn reads_refusals_in_the_form_of_a_validation_list() {
    let body = json!({"detail": [{"type": "extra_forbidden", "loc": ["body", "parallel_tool_calls"],
        "msg": "Extra inputs are not permitted"}]});
    let refusal = Turn::status(422).body("application/json", body.to_string());
    let server = FakeModel::start([refusal, Turn::text("hello")]).await;
    assert_eq!(ask(&model(&server)).await.ok().text, "hello");
}

#[tokio::test]
async fn asks_for_a_forced_tool_in_milder_forms() {
    let refusal = || Turn::refuse_parameter("tool_choice");
    let server = FakeModel::start([refusal(), refusal(), Turn::text("hello")]).await;
    let model = model(&server);
    ask_with(&model, &question(), ToolChoice::Tool("k8s_get"), 50).await.ok();
    let sent: Vec<Value> = server.requests().iter().map(|request| request["tool_choice"].clone()).collect();
    let named = json!({"type": "function", "function": {"name": "k8s_get"}});
    assert_eq!(sent, [named, json!("required"), Value::Null]);
}

#[tokio::test]
async fn ends_when_a_server_refuses_everything() {
    let everything =
        "stream_options parallel_tool_calls max_tokens max_completion_tokens temperature tool_choice";
    let server = FakeModel::start([Turn::repeat_forever(Turn::status(400).error(everything))]).await;
    let exchange = ask(&model(&server)).await;
    assert!(exchange.error().contains("400 Bad Request"), "{}", exchange.error());
    let last = server.requests().pop().unwrap();
    let left: Vec<&str> = last.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(left, ["model", "messages", "stream", "tools"]);
}
