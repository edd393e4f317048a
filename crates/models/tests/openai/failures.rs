//! What goes wrong on the way, and what becomes of it.

use super::{Exchange, ask, config, model};
use pretty_assertions::assert_eq;
use serde_json::json;
use std::time::Duration;
use stethoscope_core::model::{ModelError, ToolChoice};
use stethoscope_models::{ApiKey, OpenAi, OpenAiConfig};
use stethoscope_testkit::{Dialect, FakeModel, Reply, StreamEnd, Turn};

fn reasons(exchange: &Exchange) -> Vec<String> {
    exchange.retries().into_iter().map(|(_, _, reason)| reason).collect()
}

#[tokio::test]
async fn tries_again_after_a_rate_limit_and_says_so() {
    let server =
        FakeModel::start([Turn::status(429).error("slow down").retry_after(0), Turn::text("hello")]).await;
    let exchange = ask(&model(&server)).await;
    assert_eq!(exchange.ok().text, "hello");
    let retries = exchange.retries();
    assert_eq!(retries.len(), 1);
    assert_eq!((retries[0].0, retries[0].2.as_str()), (1, "429 Too Many Requests: slow down"));
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn waits_as_long_as_the_server_asks_but_never_over_the_cap() {
    let server = FakeModel::start([Turn::status(429).retry_after(3_600), Turn::text("hello")]).await;
    let exchange = ask(&model(&server)).await;
    assert_eq!(exchange.ok().text, "hello");
    let waited = exchange.retries()[0].1;
    let cap = Duration::from_millis(20);
    assert!(waited >= cap && waited <= cap + Duration::from_millis(1), "{waited:?}");
}

#[tokio::test]
async fn reads_the_rate_limit_headers() {
    let limited = Turn::status(429)
        .header("x-ratelimit-remaining-tokens", "0")
        .header("x-ratelimit-reset-tokens", "12ms")
        .header("x-ratelimit-remaining-requests", "9")
        .header("x-ratelimit-reset-requests", "19ms");
    let server = FakeModel::start([limited, Turn::text("hello")]).await;
    let exchange = ask(&model(&server)).await;
    let waited = exchange.retries()[0].1;
    assert!(waited >= Duration::from_millis(12) && waited <= Duration::from_millis(13), "{waited:?}");
}

#[tokio::test]
async fn gives_up_after_the_attempts_with_the_servers_words_and_its_wish() {
    let limited = Turn::repeat_forever(Turn::status(429).error("slow down").retry_after(0));
    let server = FakeModel::start([limited]).await;
    let exchange = ask(&model(&server)).await;
    assert!(matches!(exchange.reply, Err(ModelError::RateLimited(_))));
    let expected = "429 Too Many Requests: slow down (tried 3 times) (it asks to wait 0 s)";
    assert!(exchange.error().contains(expected), "{}", exchange.error());
    // async-openai's own executor would have made more.
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn gives_up_at_once_when_the_wait_does_not_fit_the_budget() {
    let server = FakeModel::start([Turn::status(429).retry_after(3_600)]).await;
    let mut config = config(&server);
    config.retry.cap = Duration::from_hours(1);
    let exchange = ask(&OpenAi::new(config, 1).unwrap()).await;
    assert!(exchange.error().contains("it asks to wait 3600 s"), "{}", exchange.error());
    assert_eq!(exchange.retries(), []);
}

#[tokio::test]
async fn voids_what_was_streamed_when_the_connection_is_cut() {
    let server =
        FakeModel::start([Turn::cut_mid_stream("this half is void"), Turn::text("this whole counts")]).await;
    let exchange = ask(&model(&server)).await;
    assert_eq!(exchange.ok().text, "this whole counts");
    assert_eq!(exchange.text(), "this whole counts");
    assert_eq!(exchange.retries().len(), 1);
    assert!(reasons(&exchange)[0].contains("the connection broke"), "{:?}", reasons(&exchange));
}

#[tokio::test]
async fn never_takes_a_stream_that_ends_early_for_a_whole_one() {
    let early = || Turn::text("a long answer that ends early").cut(3, StreamEnd::Close);
    let server = FakeModel::start([early(), early(), early()]).await;
    let exchange = ask(&model(&server)).await;
    assert!(matches!(exchange.reply, Err(ModelError::Unavailable(_))));
    assert!(exchange.error().contains("without a finish reason"), "{}", exchange.error());
    assert_eq!(exchange.retries().len(), 2);
}

#[tokio::test]
async fn takes_a_reply_without_finish_reason_when_the_server_says_that_it_is_done() {
    let sse = "data: {\"choices\":[{\"delta\":{\"content\":\"hi\"}}]}\n\ndata: [DONE]\n";
    let server = FakeModel::start([Turn::raw_frames([sse.into()], StreamEnd::Hang)]).await;
    assert_eq!(ask(&model(&server)).await.ok().text, "hi");
}

#[tokio::test]
async fn does_not_wait_for_the_end_of_a_reply_that_is_whole() {
    let frames = 4;
    let whole = Turn::text("hello").dialect(Dialect::WithoutDone).cut(frames, StreamEnd::Hang);
    let server = FakeModel::start([whole]).await;
    let mut config = config(&server);
    config.timeouts.idle = Duration::from_millis(300);
    assert_eq!(ask(&OpenAi::new(config, 1).unwrap()).await.ok().text, "hello");
}

#[tokio::test]
async fn keeps_a_whole_reply_when_the_connection_breaks_behind_it() {
    let whole = Turn::text("hello").dialect(Dialect::WithoutDone).cut(3, StreamEnd::Abort);
    let server = FakeModel::start([whole]).await;
    assert_eq!(ask(&model(&server)).await.ok().text, "hello");
}

#[tokio::test]
async fn reads_an_error_in_the_middle_of_a_stream() {
    let begun = "data: {\"choices\":[{\"delta\":{\"content\":\"half\"}}]}\n\n";
    let failing = |error: &str| Turn::raw_sse(format!("{begun}data: {error}\n\n"));
    let server = FakeModel::start([
        failing(r#"{"error":{"message":"overloaded","code":529}}"#),
        failing(r#"{"error":{"message":"prompt is too long: 9000 tokens > 8192 maximum"}}"#),
    ])
    .await;
    let exchange = ask(&model(&server)).await;
    assert_eq!(reasons(&exchange), ["the server gave up: overloaded"]);
    assert!(matches!(exchange.reply, Err(ModelError::ContextOverflow(_))), "{exchange:?}");
}

#[tokio::test]
async fn reads_an_error_in_a_json_body_with_status_200() {
    let error = json!({"error": {"message": "no such model", "type": "invalid_request_error"}});
    let server = FakeModel::start([Turn::json_body(&error)]).await;
    let exchange = ask(&model(&server)).await;
    assert!(matches!(exchange.reply, Err(ModelError::BadRequest(_))));
    assert!(exchange.error().contains("no such model"));
}

#[tokio::test]
async fn names_a_web_page_for_what_it_is() {
    let page = Turn::status(200).body("text/html", "<!doctype html><title>Welcome</title>");
    let server = FakeModel::start([page]).await;
    let exchange = ask(&model(&server)).await;
    assert!(
        exchange.error().contains("a web page, \"Welcome\": the base URL may lack its path"),
        "{exchange:?}"
    );
}

#[tokio::test]
async fn fails_at_once_where_trying_again_cannot_help() {
    let key = "sk-secret-0123456789";
    for (status, words) in [
        (
            401,
            "the model endpoint refused the credentials: 401 Unauthorized: bad key [redacted]; check OPENAI_API_KEY",
        ),
        (404, "the model endpoint refused the request: 404 Not Found: bad key [redacted]"),
        (422, "the model endpoint refused the request: 422 Unprocessable Entity: bad key [redacted]"),
    ] {
        let server = FakeModel::start([Turn::status(status).error(&format!("bad key {key}"))]).await;
        let mut config = config(&server);
        config.api_key = ApiKey::new(key);
        let exchange = ask(&OpenAi::new(config, 1).unwrap()).await;
        assert_eq!(exchange.error(), words);
        assert_eq!(server.heads()[0].credentials, ["authorization"]);
        assert_eq!(exchange.retries(), []);
    }
}

#[tokio::test]
async fn does_not_follow_redirects() {
    let redirect = Turn::status(307).header("location", "https://elsewhere.example/v1?key=hidden");
    let server = FakeModel::start([redirect]).await;
    let exchange = ask(&model(&server)).await;
    let expected = "it redirects to https://elsewhere.example/v1, which is not followed";
    assert!(exchange.error().contains(expected), "{}", exchange.error());
}

#[tokio::test]
async fn tries_server_errors_again() {
    let server = FakeModel::start([
        Turn::status(500),
        Turn::status(503).body("text/html", "<html><title>busy</title>"),
        Turn::reply(Reply::text("hello")),
    ])
    .await;
    let exchange = ask(&model(&server)).await;
    assert_eq!(exchange.ok().text, "hello");
    assert_eq!(
        reasons(&exchange),
        ["500 Internal Server Error: scripted status 500", "503 Service Unavailable: a web page, \"busy\""]
    );
}

#[tokio::test]
async fn says_that_nothing_answers() {
    // Bound and not listening: connections are refused, and nobody else is given the port.
    let held = tokio::net::TcpSocket::new_v4().unwrap();
    held.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = held.local_addr().unwrap();
    let mut config = OpenAiConfig::new(format!("http://{address}/v1"), "fake");
    config.retry.base = Duration::from_millis(1);
    let exchange = ask(&OpenAi::new(config, 1).unwrap()).await;
    assert!(matches!(exchange.reply, Err(ModelError::Unavailable(_))));
    let expected = format!("http://{address}/v1/chat/completions: nothing answers there (Connection refused");
    assert!(exchange.error().contains(&expected), "{}", exchange.error());
    assert_eq!(exchange.retries().len(), 2);
}

#[tokio::test]
async fn says_that_a_name_cannot_be_resolved() {
    let mut config = OpenAiConfig::new("http://no-such-host.invalid/v1", "fake");
    config.retry.max_attempts = 1;
    let exchange = ask(&OpenAi::new(config, 1).unwrap()).await;
    assert!(matches!(exchange.reply, Err(ModelError::Unavailable(_))), "{exchange:?}");
    let proxies = ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"];
    if proxies.iter().any(|name| std::env::var_os(name).is_some()) {
        eprintln!("skipped: behind a proxy it is the proxy that resolves names");
        return;
    }
    assert!(exchange.error().contains("its name cannot be resolved"), "{}", exchange.error());
}

#[tokio::test]
async fn says_that_tls_fails_where_plain_http_answers() {
    let server = FakeModel::start([]).await;
    let mut config = config(&server);
    config.base_url = server.url().replace("http://", "https://");
    config.retry.max_attempts = 1;
    let exchange =
        super::ask_with(&OpenAi::new(config, 1).unwrap(), &super::question(), ToolChoice::Auto, 9).await;
    assert!(exchange.error().contains("TLS failed"), "{}", exchange.error());
}

#[tokio::test]
async fn refuses_events_that_are_not_json() {
    let server = FakeModel::start([Turn::repeat_forever(Turn::raw_sse("data: {oops\n\n"))]).await;
    let exchange = ask(&model(&server)).await;
    assert!(exchange.error().contains("an event is not JSON"), "{}", exchange.error());
    assert!(exchange.error().contains("{oops"), "{}", exchange.error());
}
