//! Time and size are bounded, and dropping the future ends the exchange.

use super::{LONG, ask, ask_with, config, model, question};
use pretty_assertions::assert_eq;
use std::time::Duration;
use stethoscope_core::model::{Finish, Message, ModelError, ToolChoice};
use stethoscope_models::OpenAi;
use stethoscope_testkit::{FakeModel, StreamEnd, Turn};

const SHORT: Duration = Duration::from_millis(300);

#[tokio::test]
async fn gives_up_on_a_server_that_never_answers() {
    let server = FakeModel::start([Turn::repeat_forever(Turn::hang())]).await;
    let mut config = config(&server);
    config.timeouts.first_byte = SHORT;
    config.retry.max_attempts = 2;
    let exchange = ask(&OpenAi::new(config, 1).unwrap()).await;
    assert!(matches!(exchange.reply, Err(ModelError::Timeout(_))));
    let expected = "nothing came from the server within 300ms (tried 2 times)";
    assert!(exchange.error().contains(expected), "{}", exchange.error());
    server.wait_for_hang_ups(2).await;
}

#[tokio::test]
async fn gives_up_on_a_stream_that_stops_half_way() {
    let server = FakeModel::start([
        Turn::text("a text that stops").cut(2, StreamEnd::Hang),
        Turn::text("a text that ends"),
    ])
    .await;
    let mut config = config(&server);
    config.timeouts.idle = SHORT;
    let exchange = ask(&OpenAi::new(config, 1).unwrap()).await;
    assert_eq!(exchange.ok().text, "a text that ends");
    assert_eq!(exchange.retries()[0].2, "the reply stopped half way and nothing more came within 300ms");
}

#[tokio::test]
async fn bounds_a_try_as_a_whole_although_comments_keep_coming() {
    let comments = Turn::raw_frames([": still working\n\n".into()], StreamEnd::RepeatLast);
    let server = FakeModel::start([Turn::repeat_forever(comments)]).await;
    let mut config = config(&server);
    config.timeouts.whole = SHORT;
    config.retry.max_attempts = 1;
    let exchange = ask(&OpenAi::new(config, 1).unwrap()).await;
    assert!(exchange.error().contains("the reply was not whole within 300ms"), "{}", exchange.error());
    server.wait_for_hang_ups(1).await;
}

#[tokio::test]
async fn cuts_a_server_off_that_ignores_the_output_limit() {
    let server = FakeModel::start([Turn::endless_text("and again ")]).await;
    let exchange = ask_with(&model(&server), &question(), ToolChoice::Auto, 10).await;
    let reply = exchange.ok();
    assert_eq!(reply.finish, Finish::Length);
    assert!(reply.text.len() > 64 << 10 && reply.text.len() < 65 << 10, "{}", reply.text.len());
    server.wait_for_hang_ups(1).await;
}

#[tokio::test]
async fn ends_the_exchange_when_the_future_is_dropped() {
    let server =
        FakeModel::start([Turn::text("a text that stops").cut(2, StreamEnd::Hang), Turn::hang()]).await;
    let model = model(&server);
    for hang_ups in 1..=2 {
        tokio::select! {
            exchange = ask(&model) => panic!("it cannot end: {exchange:?}"),
            () = server.wait_for_requests(hang_ups) => {}
        }
        tokio::time::timeout(LONG, server.wait_for_hang_ups(hang_ups)).await.unwrap();
    }
}

#[tokio::test]
async fn names_a_conversation_that_is_too_long() {
    let words = "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens (8000 in the \
        messages, 1000 in the completion). Please reduce the length of the messages or completion. max_tokens";
    let server = FakeModel::start([Turn::status(400).error(words)]).await;
    let exchange = ask(&model(&server)).await;
    assert!(matches!(exchange.reply, Err(ModelError::ContextOverflow(_))), "{exchange:?}");
    assert!(exchange.error().contains("maximum context length is 8192 tokens"));
}

#[tokio::test]
async fn answers_calls_that_the_history_left_open() {
    let server = FakeModel::start([Turn::text("hello")]).await;
    let mut messages = question();
    let calls = vec![super::call("a", "k8s_get", "{}"), super::call("b", "k8s_logs", "")];
    messages.push(Message::Assistant { text: "looking".to_owned(), calls });
    let (tool, text) = ("k8s_logs".to_owned(), "E1 log".to_owned());
    messages.push(Message::Tool { call_id: "b".to_owned(), tool, evidence: None, text });
    ask_with(&model(&server), &messages, ToolChoice::Auto, 100).await.ok();
    // The server's own rules hold the pairing.
    server.assert_ok();
    assert_eq!(server.requests()[0]["messages"][3]["content"], "error: the call was not made");
}
