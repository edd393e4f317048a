//! A reply is the same however its bytes are cut, through async-openai's own parser, without a socket.

use super::exchange::{Signs, respond_with};
use super::failure::Failure;
use super::*;
use async_openai::error::OpenAIError;
use async_openai::middleware::HttpRequestFactory;
use bytes::Bytes;
use http::HeaderMap;
use pretty_assertions::assert_eq;
use proptest::prelude::*;
use stethoscope_core::evidence::Ledger;
use stethoscope_core::model::{Finish, TokenUsage, ToolCall, ToolChoice};

const STREAM: &str = concat!(
    "\u{feff}\u{feff}: hello\r\n\r\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\r\n\r\n",
    "event: ping\r\ndata: {\"type\":\"ping\"}\r\n\r\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"<think>hm ä</thi\"}}]}\n\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"nk>Grüße 👋\"}}]}\r\r",
    "data: {\"choices\":[{\"index\":0,\ndata: \"delta\":{\"content\":\"!\"}}]}\n\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"k8s_get\",\"arguments\":\"{\\\"x\\\"\"}}]}}]}\n\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\":1}\"}}]}}]}\n\n",
    "id: 7\ndata:{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\n",
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":6}}\n\n",
    "data: [DONE]",
);

/// Reads a body that comes in these pieces and then ends.
async fn read(pieces: Vec<Vec<u8>>) -> Result<(ModelReply, String), Failure> {
    let signs = Arc::new(Signs::default());
    let inner = Arc::clone(&signs);
    let service = tower::service_fn(move |_: HttpRequestFactory| {
        let pieces = pieces.clone().into_iter().map(|piece| Ok(Bytes::from(piece)));
        let body = futures::stream::iter(pieces).boxed();
        let deadline = Instant::now() + Duration::from_mins(1);
        let response =
            respond_with(body, &HeaderMap::new(), deadline, Timeouts::default(), Arc::clone(&inner));
        async move { Ok::<_, OpenAIError>(response) }
    });
    let config = OpenAiConfig::new("http://127.0.0.1:9/v1", "m");
    let http = crate::http::client(crate::http::Reach::Loopback, Duration::from_secs(1)).unwrap();
    let client = Client::build(http, Endpoint::new(&config).unwrap()).with_http_service(service);
    let body = RawValue::from_string("{}".to_owned()).unwrap();
    let ledger = Ledger::default();
    let request = ModelRequest {
        messages: &[],
        tools: &[],
        evidence: &ledger,
        max_output_tokens: 100,
        tool_choice: ToolChoice::Auto,
    };
    let mut reasoning = String::new();
    let mut on_delta = |delta| {
        if let Delta::Reasoning(text) = delta {
            reasoning.push_str(&text);
        }
    };
    let idle = Duration::from_mins(1);
    let reply = read_reply(&client, &body, &signs, idle, &request, &mut on_delta).await?;
    Ok((reply, reasoning))
}

fn expected() -> (ModelReply, String) {
    let call = ToolCall { id: "a".to_owned(), name: "k8s_get".to_owned(), arguments: "{\"x\":1}".to_owned() };
    let usage = TokenUsage { input: 5, output: 6, cached: 0 };
    let reply =
        ModelReply { text: "Grüße 👋!".to_owned(), calls: vec![call], usage, finish: Finish::ToolCalls };
    (reply, "hm ä".to_owned())
}

#[tokio::test]
async fn reads_the_stream_byte_by_byte() {
    let bytes = STREAM.bytes().map(|byte| vec![byte]).collect();
    assert_eq!(read(bytes).await, Ok(expected()));
}

#[tokio::test]
async fn takes_no_part_of_a_stream_for_the_whole() {
    // Wherever the body ends before the finish reason, it is a failure that may be tried again.
    let finish = STREAM.find("\"finish_reason\"").unwrap();
    for end in (0..finish).step_by(11) {
        let failure = read(vec![STREAM.as_bytes()[..end].to_vec()]).await.unwrap_err();
        assert_eq!(failure.again, failure::Again::Yes, "cut at {end}: {failure:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn gives_the_same_reply_however_the_bytes_are_cut(cuts in proptest::collection::btree_set(1..STREAM.len(), 0..40)) {
        let mut pieces = Vec::new();
        let mut from = 0;
        for cut in cuts.into_iter().chain([STREAM.len()]) {
            pieces.push(STREAM.as_bytes()[from..cut].to_vec());
            from = cut;
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        prop_assert_eq!(runtime.block_on(read(pieces)), Ok(expected()));
    }

    #[test]
    fn survives_any_bytes(pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..8)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        prop_assert!(runtime.block_on(read(pieces)).is_err());
    }
}
