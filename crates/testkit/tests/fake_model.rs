//! The fake model itself: it answers from its script and fails loudly.

#![expect(clippy::unwrap_used, reason = "what a test needs to begin with is there, or it fails")]

use serde_json::{Value, json};
use stethoscope_testkit::{Call, FakeModel, Reply, Rules, Turn, shown_evidence};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// The status line and body of the answer, read off the wire.
async fn post(server: &FakeModel, body: &Value) -> String {
    let url = server.url();
    let address = url.strip_prefix("http://").unwrap().strip_suffix("/v1").unwrap();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let body = body.to_string();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: fake\r\nauthorization: Bearer k\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

fn question(text: &str) -> Value {
    json!({"model": "m", "stream": true, "messages": [{"role": "user", "content": text}]})
}

#[tokio::test]
async fn answers_in_the_order_of_the_script_and_keeps_the_requests_without_credentials() {
    let turns = [Turn::status(429).retry_after(3), Turn::repeat_forever(Turn::text("hello there"))];
    let server = FakeModel::start(turns).await;
    let limited = post(&server, &question("q")).await;
    assert!(limited.starts_with("HTTP/1.1 429") && limited.contains("retry-after: 3"), "{limited}");
    for _ in 0..2 {
        let answer = post(&server, &question("q")).await;
        assert!(answer.contains(r#"{"content":"hello t"}"#) && answer.contains("data: [DONE]"), "{answer}");
    }
    server.assert_ok();
    assert_eq!(server.requests(), [question("q"), question("q"), question("q")]);
    let head = &server.heads()[0];
    assert_eq!(
        (head.target.as_str(), head.credentials.as_slice()),
        ("/v1/chat/completions", ["authorization".to_owned()].as_slice())
    );
    assert_eq!(head.headers.get("authorization"), None);
    assert_eq!(server.turns_left(), 1);
}

#[tokio::test]
async fn lets_a_closure_cite_the_evidence_that_it_is_shown() {
    let cite = |request: &Value| {
        Reply::calls([Call::new("conclude", &json!({"evidence": shown_evidence(request)}))])
    };
    let server =
        FakeModel::start([Turn::respond_with(cite).dialect(stethoscope_testkit::Dialect::JsonBody)]).await;
    let call =
        |id: &str| json!({"id": id, "type": "function", "function": {"name": "k8s_get", "arguments": "{}"}});
    let result = |id: &str, text: &str| json!({"role": "tool", "tool_call_id": id, "content": text});
    let body = json!({"model": "m", "stream": true, "messages": [
        {"role": "assistant", "content": null, "tool_calls": [call("a"), call("b"), call("c")]},
        result("a", "E1\nfirst"), result("b", "error: no such pod"), result("c", "E12\nsecond")]});
    let answer = post(&server, &body).await;
    assert!(answer.contains(r#"{\"evidence\":[\"E1\",\"E12\"]}"#), "{answer}");
}

#[tokio::test]
async fn names_what_each_request_did_wrong() {
    let rules = Rules::default().forbid(["hunter2"]);
    let server = FakeModel::start_with(rules, [Turn::text("a"), Turn::text("b")]).await;
    post(&server, &question("q hunter2")).await;
    post(&server, &question("another")).await;
    post(&server, &question("another")).await;
    assert_eq!(
        server.violations(),
        [
            "request 1: the forbidden string number 1 is in the body",
            "request 2: the history is not append-only: message 0 of the 1 before has changed or is gone",
            "request 3: the script has no turn left for it",
        ]
    );
}

#[tokio::test]
#[should_panic(expected = "request 1: `stream` is not true")]
async fn panics_when_it_is_dropped_with_a_violation_that_nobody_looked_at() {
    let server = FakeModel::start([Turn::text("a")]).await;
    let mut body = question("q");
    body["stream"] = json!(false);
    post(&server, &body).await;
}
