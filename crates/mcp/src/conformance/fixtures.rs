//! The tools, prompts and resources that the suite asks every server under test to have.
#![expect(deprecated, reason = "the suite tests sampling, roots and logging, which 2026-07-28 deprecates")]

use crate::http::Sessions;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ClientCapabilities, CompleteRequestParams,
    CompleteResult, ContentBlock, GetPromptRequestParams, GetPromptResponse, InputRequiredResult,
    ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, LoggingLevel,
    LoggingMessageNotificationParam, PaginatedRequestParams, ProgressNotificationParam,
    ReadResourceRequestParams, ReadResourceResponse, ServerCapabilities, ServerConfig, SetLevelRequestParams,
    SubscribeRequestParams, SubscriptionFilter, UnsubscribeRequestParams,
};
use rmcp::service::{RequestContext, RoleServer};
use rmcp::{ErrorData, ServerHandler};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::time::Duration;

/// A red pixel.
const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC";
/// No samples.
const WAV: &str = "UklGRiQAAABXQVZFZm10IBAAAAABAAEARKwAAIhYAQACABAAZGF0YQAAAAA=";

/// The state that only this server makes.
const STATE: &str = "state-of-this-server";

#[derive(Clone)]
pub(super) struct Fixtures;

impl Sessions for Fixtures {
    fn another(&self) -> Self {
        self.clone()
    }
}

fn parse<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

/// A result that is whole: 2026-07-28 wants that said.
fn complete<T: DeserializeOwned>(mut value: Value) -> T {
    value["resultType"] = json!("complete");
    parse(value)
}

fn text(words: impl Into<String>) -> CallToolResponse {
    CallToolResult::success(vec![ContentBlock::text(words)]).into()
}

fn content(blocks: Value) -> CallToolResponse {
    complete::<CallToolResult>(json!({"content": blocks})).into()
}

fn ask_name(key: &str, message: &str, field: &str) -> Value {
    json!({key: {
        "method": "elicitation/create",
        "params": {
            "message": message,
            "requestedSchema": {"type": "object", "properties": {field: {"type": "string"}}, "required": [field]}
        }
    }})
}

fn ask_model(key: &str, words: &str) -> Value {
    json!({key: {
        "method": "sampling/createMessage",
        "params": {"messages": [{"role": "user", "content": {"type": "text", "text": words}}], "maxTokens": 100}
    }})
}

fn needs(requests: Value, state: Option<&str>) -> InputRequiredResult {
    let mut result = json!({"resultType": "input_required", "inputRequests": requests});
    if let Some(state) = state {
        result["requestState"] = json!(state);
    }
    parse(result)
}

/// The three kinds of requests at once.
fn everything() -> Value {
    let mut all = ask_name("user_name", "What is your name?", "name");
    for more in [
        ask_model("greeting", "Generate a greeting"),
        json!({"client_roots": {"method": "roots/list", "params": {}}}),
    ] {
        for (key, value) in more.as_object().unwrap() {
            all[key] = value.clone();
        }
    }
    all
}

const TOOLS: [&str; 24] = [
    "test_simple_text",
    "test_image_content",
    "test_audio_content",
    "test_embedded_resource",
    "test_multiple_content_types",
    "test_tool_with_logging",
    "test_logging_tool",
    "test_error_handling",
    "test_tool_with_progress",
    "test_sampling",
    "test_elicitation",
    "test_elicitation_sep1034_defaults",
    "test_elicitation_sep1330_enums",
    "test_missing_capability",
    "test_streaming_elicitation",
    "test_input_required_result_elicitation",
    "test_input_required_result_sampling",
    "test_input_required_result_list_roots",
    "test_input_required_result_request_state",
    "test_input_required_result_multiple_inputs",
    "test_input_required_result_multi_round",
    "test_input_required_result_tampered_state",
    "test_input_required_result_capabilities",
    "json_schema_2020_12_tool",
];

fn input_schema(tool: &str) -> Value {
    match tool {
        "test_sampling" => {
            json!({"type": "object", "properties": {"prompt": {"type": "string"}}, "required": ["prompt"]})
        }
        "test_elicitation" => {
            json!({"type": "object", "properties": {"message": {"type": "string"}}, "required": ["message"]})
        }
        "json_schema_2020_12_tool" => json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "$defs": {"address": {
                "$anchor": "addressDef", "type": "object",
                "properties": {"street": {"type": "string"}, "city": {"type": "string"}}
            }},
            "properties": {
                "name": {"type": "string"},
                "address": {"$ref": "#/$defs/address"},
                "contactMethod": {"type": "string", "enum": ["phone", "email"]},
                "phone": {"type": "string"},
                "email": {"type": "string"}
            },
            "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
            "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
            "then": {"required": ["phone"]},
            "else": {"required": ["email"]},
            "additionalProperties": false
        }),
        _ => json!({"type": "object", "properties": {}}),
    }
}

fn defaults() -> Value {
    json!({"type": "object", "required": [], "properties": {
        "name": {"type": "string", "default": "John Doe"},
        "age": {"type": "integer", "default": 30},
        "score": {"type": "number", "default": 95.5},
        "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
        "verified": {"type": "boolean", "default": true}
    }})
}

fn enums() -> Value {
    let titled = |words: [&str; 3]| -> Vec<Value> {
        words
            .iter()
            .enumerate()
            .map(|(at, word)| json!({"const": format!("value{}", at + 1), "title": format!("{word} Option")}))
            .collect()
    };
    let options = json!(["option1", "option2", "option3"]);
    json!({"type": "object", "required": [], "properties": {
        "untitledSingle": {"type": "string", "enum": options},
        "titledSingle": {"type": "string", "oneOf": titled(["First", "Second", "Third"])},
        "legacyEnum": {
            "type": "string", "enum": ["opt1", "opt2", "opt3"],
            "enumNames": ["Option One", "Option Two", "Option Three"]
        },
        "untitledMulti": {"type": "array", "items": {"type": "string", "enum": options}},
        "titledMulti": {"type": "array", "items": {"anyOf": titled(["First", "Second", "Third"])}}
    }})
}

impl Fixtures {
    async fn elicit(
        context: &RequestContext<RoleServer>,
        message: &str,
        schema: Value,
    ) -> Result<CallToolResponse, ErrorData> {
        let request = parse(json!({"mode": "form", "message": message, "requestedSchema": schema}));
        let answer = context
            .peer
            .create_elicitation(request)
            .await
            .map_err(|error| ErrorData::internal_error(error.to_string(), None))?;
        let answer = serde_json::to_value(answer).unwrap();
        Ok(text(format!(
            "Elicitation completed: action={}, content={}",
            answer["action"].as_str().unwrap_or_default(),
            answer["content"]
        )))
    }

    async fn log(context: &RequestContext<RoleServer>, words: &str) {
        let message = LoggingMessageNotificationParam::new(LoggingLevel::Info, json!(words));
        let _ = context.peer.notify_logging_message(message).await;
    }

    /// The tools that ask the client for something and are called again with its answers.
    fn asking(
        request: &CallToolRequestParams,
        context: &RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let given = |key: &str| request.input_responses.as_ref().and_then(|all| all.get(key));
        let state = request.request_state.as_deref();
        let foreign = || ErrorData::invalid_params("the request state is not this server's", None);
        let response: CallToolResponse = match request.name.as_ref() {
            "test_input_required_result_elicitation" | "test_streaming_elicitation" => {
                match given("user_name").and_then(|answer| answer["content"]["name"].as_str()) {
                    Some(name) => text(format!("Hello, {name}!")),
                    None => needs(ask_name("user_name", "What is your name?", "name"), None).into(),
                }
            }
            "test_input_required_result_sampling" => match given("capital_question") {
                Some(answer) => text(format!("The model says: {}", answer["content"]["text"])),
                None => needs(ask_model("capital_question", "What is the capital of France?"), None).into(),
            },
            "test_input_required_result_list_roots" => match given("client_roots") {
                Some(answer) => text(format!("Roots: {}", answer["roots"])),
                None => needs(json!({"client_roots": {"method": "roots/list", "params": {}}}), None).into(),
            },
            "test_input_required_result_request_state" | "test_input_required_result_tampered_state" => {
                match (given("confirm"), state) {
                    (Some(_), Some(STATE)) => text("state-ok"),
                    (_, Some(_)) => return Err(foreign()),
                    _ => needs(ask_name("confirm", "Please confirm", "ok"), Some(STATE)).into(),
                }
            }
            "test_input_required_result_multiple_inputs" => {
                let all = ["user_name", "greeting", "client_roots"].iter().all(|key| given(key).is_some());
                match state {
                    Some(STATE) if all => text("all inputs are there"),
                    Some(other) if other != STATE => return Err(foreign()),
                    _ => needs(everything(), Some(STATE)).into(),
                }
            }
            "test_input_required_result_multi_round" => match (state, given("step1"), given("step2")) {
                (Some("round-2"), _, Some(_)) => text("both steps are done"),
                (Some("round-1"), Some(_), _) => {
                    needs(ask_name("step2", "Step 2: What is your favorite color?", "color"), Some("round-2"))
                        .into()
                }
                _ => needs(ask_name("step1", "Step 1: What is your name?", "name"), Some("round-1")).into(),
            },
            _ => {
                let client = context.client_capabilities().unwrap_or_default();
                let mut requests = json!({});
                if client.sampling.is_some() {
                    requests = ask_model("greeting", "Generate a greeting");
                }
                if client.elicitation.is_some() {
                    requests["user_name"] =
                        ask_name("user_name", "What is your name?", "name")["user_name"].clone();
                }
                needs(requests, None).into()
            }
        };
        Ok(response)
    }
}

impl ServerHandler for Fixtures {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_prompts()
            .enable_resources()
            .enable_resources_subscribe()
            .enable_completions()
            .enable_logging()
            .build();
        ServerConfig::new(capabilities)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let tools: Vec<Value> = TOOLS
            .iter()
            .map(|name| json!({"name": name, "description": "a fixture", "inputSchema": input_schema(name)}))
            .collect();
        Ok(complete(json!({"tools": tools})))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let arguments = Value::Object(request.arguments.clone().unwrap_or_default());
        let pause = || tokio::time::sleep(Duration::from_millis(50));
        Ok(match request.name.as_ref() {
            "test_simple_text" => text("This is a simple text response for testing."),
            "test_image_content" => content(json!([{"type": "image", "data": PNG, "mimeType": "image/png"}])),
            "test_audio_content" => content(json!([{"type": "audio", "data": WAV, "mimeType": "audio/wav"}])),
            "test_embedded_resource" => content(json!([{"type": "resource", "resource": {
                "uri": "test://embedded-resource", "mimeType": "text/plain",
                "text": "This is an embedded resource content."
            }}])),
            "test_multiple_content_types" => content(json!([
                {"type": "text", "text": "Multiple content types test:"},
                {"type": "image", "data": PNG, "mimeType": "image/png"},
                {"type": "resource", "resource": {
                    "uri": "test://mixed-content-resource", "mimeType": "application/json",
                    "text": "{\"test\":\"data\",\"value\":123}"
                }}
            ])),
            "test_error_handling" => CallToolResult::error(vec![ContentBlock::text(
                "This tool intentionally returns an error for testing",
            )])
            .into(),
            "test_tool_with_logging" => {
                for words in ["Tool execution started", "Tool processing data", "Tool execution completed"] {
                    Self::log(&context, words).await;
                    pause().await;
                }
                text("logged")
            }
            "test_logging_tool" => {
                if context.meta.log_level().is_some() {
                    Self::log(&context, "the tool runs").await;
                }
                text("ran")
            }
            "test_tool_with_progress" => {
                for step in [0.0, 50.0, 100.0] {
                    if let Some(token) = context.meta.get_progress_token() {
                        let progress = ProgressNotificationParam::new(token, step).with_total(100.0);
                        let _ = context.peer.notify_progress(progress).await;
                    }
                    pause().await;
                }
                text("done")
            }
            "test_sampling" => {
                let words = arguments["prompt"].as_str().unwrap_or_default();
                let request = parse(json!({
                    "messages": [{"role": "user", "content": {"type": "text", "text": words}}], "maxTokens": 100
                }));
                let answer = context
                    .peer
                    .create_message(request)
                    .await
                    .map_err(|error| ErrorData::internal_error(error.to_string(), None))?;
                let answer = serde_json::to_value(answer).unwrap();
                text(format!("LLM response: {}", answer["content"]["text"].as_str().unwrap_or_default()))
            }
            "test_elicitation" => {
                let schema = json!({"type": "object", "required": ["username", "email"], "properties": {
                    "username": {"type": "string", "description": "User's response"},
                    "email": {"type": "string", "description": "User's email address"}
                }});
                Self::elicit(&context, arguments["message"].as_str().unwrap_or_default(), schema).await?
            }
            "test_elicitation_sep1034_defaults" => Self::elicit(&context, "defaults", defaults()).await?,
            "test_elicitation_sep1330_enums" => Self::elicit(&context, "enums", enums()).await?,
            "test_missing_capability" => {
                let client = context.client_capabilities().unwrap_or_default();
                if client.sampling.is_none() {
                    let needed = ClientCapabilities::builder().enable_sampling().build();
                    return Err(ErrorData::missing_required_client_capability(needed));
                }
                text("the client can sample")
            }
            "json_schema_2020_12_tool" => text(arguments.to_string()),
            name if TOOLS.contains(&name) => Self::asking(&request, &context)?,
            _ => return Err(ErrorData::invalid_params("unknown tool", None)),
        })
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        let argument = |name: &str| json!({"name": name, "description": "an argument", "required": true});
        Ok(complete(json!({"prompts": [
            {"name": "test_simple_prompt", "description": "a fixture"},
            {
                "name": "test_prompt_with_arguments", "description": "a fixture",
                "arguments": [argument("arg1"), argument("arg2")]
            },
            {
                "name": "test_prompt_with_embedded_resource", "description": "a fixture",
                "arguments": [argument("resourceUri")]
            },
            {"name": "test_prompt_with_image", "description": "a fixture"},
            {"name": "test_input_required_result_prompt", "description": "a fixture"}
        ]})))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let arguments = Value::Object(request.arguments.unwrap_or_default());
        let word = |name: &str| arguments[name].as_str().unwrap_or_default().to_owned();
        let say = |content: Value| json!({"role": "user", "content": content});
        let words = |text: &str| say(json!({"type": "text", "text": text}));
        let messages = match request.name.as_str() {
            "test_simple_prompt" => json!([words("This is a simple prompt for testing.")]),
            "test_prompt_with_arguments" => {
                json!([words(&format!(
                    "Prompt with arguments: arg1='{}', arg2='{}'",
                    word("arg1"),
                    word("arg2")
                ))])
            }
            "test_prompt_with_embedded_resource" => json!([
                say(json!({"type": "resource", "resource": {
                    "uri": word("resourceUri"), "mimeType": "text/plain",
                    "text": "Embedded resource content for testing."
                }})),
                words("Please process the embedded resource above.")
            ]),
            "test_prompt_with_image" => json!([
                say(json!({"type": "image", "data": PNG, "mimeType": "image/png"})),
                words("Please analyze the image above.")
            ]),
            "test_input_required_result_prompt" => {
                match request.input_responses.as_ref().and_then(|all| all.get("user_context")) {
                    Some(answer) => json!([words(&format!("Context: {}", answer["content"]["context"]))]),
                    None => {
                        let ask = ask_name("user_context", "What context should the prompt use?", "context");
                        return Ok(GetPromptResponse::InputRequired(needs(ask, None)));
                    }
                }
            }
            _ => return Err(ErrorData::invalid_params("unknown prompt", None)),
        };
        Ok(GetPromptResponse::Complete(complete(json!({"messages": messages}))))
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        Ok(complete(json!({"resources": [
            {"uri": "test://static-text", "name": "text", "description": "a fixture", "mimeType": "text/plain"},
            {"uri": "test://static-binary", "name": "binary", "description": "a fixture", "mimeType": "image/png"},
            {"uri": "test://watched-resource", "name": "watched", "description": "a fixture", "mimeType": "text/plain"}
        ]})))
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Ok(complete(json!({"resourceTemplates": [
            {"uriTemplate": "test://template/{id}/data", "name": "template", "description": "a fixture"}
        ]})))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let uri = request.uri.as_str();
        let id = uri.strip_prefix("test://template/").and_then(|rest| rest.strip_suffix("/data"));
        let contents = match (uri, id) {
            ("test://static-text" | "test://watched-resource", _) => json!({
                "uri": uri, "mimeType": "text/plain", "text": "This is the content of the static text resource."
            }),
            ("test://static-binary", _) => json!({"uri": uri, "mimeType": "image/png", "blob": PNG}),
            (_, Some(id)) => {
                let data = json!({"id": id, "templateTest": true, "data": format!("Data for ID: {id}")});
                json!({"uri": uri, "mimeType": "application/json", "text": data.to_string()})
            }
            _ => return Err(ErrorData::resource_not_found("Resource not found", Some(json!({"uri": uri})))),
        };
        Ok(ReadResourceResponse::Complete(complete(json!({"contents": [contents]}))))
    }

    async fn complete(
        &self,
        _: CompleteRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        Ok(complete(json!({"completion": {"values": ["paris", "park"], "total": 2, "hasMore": false}})))
    }

    async fn set_level(
        &self,
        _: SetLevelRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        Ok(())
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(requested.clone())
    }

    async fn subscribe(
        &self,
        _: SubscribeRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        Ok(())
    }

    async fn unsubscribe(
        &self,
        _: UnsubscribeRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        Ok(())
    }
}
