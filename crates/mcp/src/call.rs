//! `tools/call`: who, may they, where, then the registry and the choke point.

use crate::audit::{Line, Outcome, identifiers};
use crate::caller::{Caller, Scope};
use crate::catalogue::{CALL_TOOL, CONTEXT, FIND_TOOLS, INVESTIGATE};
use crate::desk::lock;
use crate::log::Weight;
use crate::place::{Admitted, Data, Place};
use crate::ports::SourceError;
use crate::server::{Options, Payload, Server, allowed, caller, refusal};
use rmcp::ErrorData;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ProgressNotificationParam,
};
use rmcp::service::{RequestContext, RoleServer};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::Duration;
use stethoscope_core::evidence::{READ_OUTPUT, ReadOutput, read_output};
use stethoscope_core::redact::{Redactor, Sealer};
use stethoscope_core::tool::{ToolError, ToolOutput};

/// Where a request says how it wants the payload.
const PAYLOAD: &str = "stethoscope.dev/payload";

/// Clients that hand a model `structuredContent` alone when there is any: text in `content` would never be read
/// (anthropics/claude-code#79944).
const STRUCTURED_ONLY: [&str; 1] = ["claude-code"];

/// Time between two signs of life of a long call.
const TICK: Duration = Duration::from_secs(2);

/// Typed data longer than this goes as text.
const MOST_DATA: usize = 1 << 20;

/// How a call ended, for the audit log.
pub(crate) struct Ended {
    pub(crate) result: CallToolResult,
    pub(crate) outcome: Outcome,
    pub(crate) why: Option<String>,
    pub(crate) evidence: Option<String>,
    pub(crate) bytes: usize,
    pub(crate) redactions: u32,
}

impl Ended {
    /// An error that the model is told.
    pub(crate) fn error(text: String, outcome: Outcome, why: &str) -> Self {
        let bytes = text.len();
        Self {
            result: CallToolResult::error(vec![ContentBlock::text(text)]),
            outcome,
            why: Some(why.to_owned()),
            evidence: None,
            bytes,
            redactions: 0,
        }
    }
}

/// The kind of an error in a word, without its text.
fn kind(error: &ToolError) -> &'static str {
    match error {
        ToolError::BadArguments { .. } => "bad_arguments",
        ToolError::NotFound { .. } => "not_found",
        ToolError::Forbidden { .. } => "forbidden",
        ToolError::Denied { .. } => "denied",
        ToolError::Unavailable { .. } => "unavailable",
        ToolError::Timeout { .. } => "timeout",
        ToolError::Bug { .. } => "bug",
    }
}

fn outcome(error: &ToolError) -> Outcome {
    match error {
        ToolError::Denied { .. } | ToolError::Forbidden { .. } => Outcome::Refused,
        ToolError::BadArguments { .. }
        | ToolError::NotFound { .. }
        | ToolError::Unavailable { .. }
        | ToolError::Timeout { .. }
        | ToolError::Bug { .. } => Outcome::Error,
    }
}

/// A failure that happened before there was a place whose choke point could clean it.
fn plain(error: &ToolError) -> Ended {
    Ended::error(format!("error: {error}"), outcome(error), kind(error))
}

fn no_source(error: &SourceError) -> Ended {
    // It may hold what a server or a configuration said.
    let mut redactor = Redactor::new(Sealer::new([0; 32]));
    let mut clean = |text: &str| {
        redactor
            .text(&stethoscope_core::text::sanitize(text))
            .map_or_else(|_| "the cluster cannot be reached".to_owned(), |redacted| redacted.text)
    };
    plain(&ToolError::Unavailable { message: clean(&error.message), hint: error.hint.as_deref().map(clean) })
}

impl Server {
    pub(crate) async fn call(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let caller = caller(&context);
        allowed(&caller)?;
        if self.inner.audit.is_broken() {
            // The next line may be written again: one is tried.
            self.inner.audit.refused(&caller.name, "the audit log cannot be written");
            if self.inner.audit.is_broken() {
                let message = "the audit log cannot be written; calls are refused until it can";
                return Err(ErrorData::internal_error(message, None));
            }
        }
        let payload = payload(&self.inner.options, &context);
        let arguments = Value::Object(request.arguments.unwrap_or_default());
        match request.name.as_ref() {
            INVESTIGATE => self.investigate(&caller, arguments, payload, context).await,
            CALL_TOOL => {
                let (name, inner) = match unwrapped(arguments) {
                    Ok(unwrapped) => unwrapped,
                    Err(error) => {
                        return Ok(self.audited(&caller, CALL_TOOL, &Value::Null, plain(&error)).into());
                    }
                };
                self.single(&caller, &name, inner, payload, &context).await
            }
            name => self.single(&caller, name, arguments, payload, &context).await,
        }
    }

    /// A call of one tool.
    async fn single(
        &self,
        caller: &Caller,
        name: &str,
        arguments: Value,
        payload: Payload,
        context: &RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let own = matches!(name, FIND_TOOLS | READ_OUTPUT);
        if !own && !self.inner.catalogue.tools.contains_key(name) {
            let message = self.inner.catalogue.unknown(name);
            self.inner.audit.read(caller, "tools/call", name, Outcome::Error, 0);
            return Err(ErrorData::invalid_params(message, None));
        }
        let ended = match refusal(self, caller, Scope::Read) {
            Some(error) => plain(&error),
            None if name == FIND_TOOLS => self.find_tools(caller, &arguments).await,
            None if name == READ_OUTPUT => self.read_output(caller, &arguments, payload).await,
            None => self.registry_tool(caller, name, arguments.clone(), payload, context).await?,
        };
        let data = json!({
            "tool": name, "outcome": ended.outcome, "evidence": ended.evidence, "bytes": ended.bytes,
        });
        let level = match ended.outcome {
            Outcome::Ok | Outcome::Cancelled => Weight::Info,
            Outcome::Error | Outcome::Refused => Weight::Warning,
        };
        // The line first: a client that went away must not keep it from being written.
        let result = self.audited(caller, name, &arguments, ended);
        self.level.tell(context, level, data).await;
        Ok(result.into())
    }

    /// Writes the line and gives the result.
    pub(crate) fn audited(
        &self,
        caller: &Caller,
        name: &str,
        arguments: &Value,
        ended: Ended,
    ) -> CallToolResult {
        self.inner.audit.write(&Line {
            caller: &caller.name,
            method: "tools/call",
            tool: Some(name),
            about: identifiers(arguments),
            outcome: ended.outcome,
            why: ended.why.as_deref(),
            evidence: ended.evidence,
            bytes: ended.bytes,
            redactions: ended.redactions,
        });
        ended.result
    }

    async fn registry_tool(
        &self,
        caller: &Caller,
        name: &str,
        mut arguments: Value,
        payload: Payload,
        context: &RequestContext<RoleServer>,
    ) -> Result<Ended, ErrorData> {
        let Some(declared) = self.inner.catalogue.tools.get(name) else {
            return Err(ErrorData::invalid_params(self.inner.catalogue.unknown(name), None));
        };
        let place = match self.place(caller, &mut arguments).await {
            Ok(place) => place,
            Err(ended) => return Ok(ended),
        };
        let namespace = arguments.get("namespace").and_then(Value::as_str);
        if let Some(error) = place.hindrance(&declared.spec, namespace).await {
            return Ok(told(&place, &error));
        }
        let called = match self.run(&place, name, arguments.clone(), context).await {
            Ran::Done(called) => *called,
            Ran::Cancelled => {
                return Ok(Ended::error("cancelled".to_owned(), Outcome::Cancelled, "cancelled"));
            }
        };
        let output = match called {
            Ok(output) => output,
            Err(ToolError::Bug { message }) => {
                tracing::error!(tool = name, message, "a tool is broken");
                return Err(ErrorData::internal_error(format!("{name} is broken; please report it"), None));
            }
            Err(error) => return Ok(told(&place, &error)),
        };
        let data = if payload == Payload::Data { Data::Wanted } else { Data::Unwanted };
        let desk = self.desk(caller);
        match place.admit(&desk, name, &arguments, output, data) {
            Ok(admitted) => Ok(present(admitted, payload)),
            Err(error) => Ok(Ended::error(format!("error: {error}"), Outcome::Refused, "withheld")),
        }
    }

    /// Runs the tool: at most so many at once, so long; a client that goes away or changes its mind ends it.
    async fn run(
        &self,
        place: &Place,
        name: &str,
        arguments: Value,
        context: &RequestContext<RoleServer>,
    ) -> Ran {
        let limit = self.inner.options.call_timeout;
        let seconds = limit.as_secs();
        let work = async {
            // The semaphore is never closed, so a permit always comes.
            let _permit = self.inner.calls.acquire().await;
            place.source.registry.call(name, arguments, &place.context()).await
        };
        let mut work = std::pin::pin!(tokio::time::timeout(limit, work));
        let token = context.meta.get_progress_token();
        let mut ticks = tokio::time::interval(TICK);
        ticks.tick().await;
        let mut ticked = 0_u32;
        loop {
            tokio::select! {
                done = &mut work => {
                    return Ran::Done(Box::new(done.unwrap_or_else(|_| Err(ToolError::Timeout {
                        message: format!("{name} did not end within {seconds} s; narrow it"),
                    }))));
                }
                () = context.ct.cancelled() => return Ran::Cancelled,
                _ = ticks.tick() => if let Some(token) = &token {
                    ticked += 1;
                    let message = format!("{name}: {} s", u64::from(ticked) * TICK.as_secs());
                    let progress = ProgressNotificationParam::new(token.clone(), f64::from(ticked));
                    let _ = context.peer.notify_progress(progress.with_message(message)).await;
                },
            }
        }
    }

    /// The place that the arguments name, and the arguments without that name.
    pub(crate) async fn place(&self, caller: &Caller, arguments: &mut Value) -> Result<Arc<Place>, Ended> {
        let mut wanted = None;
        if self.inner.places.sources().contexts().len() > 1
            && let Some(arguments) = arguments.as_object_mut()
        {
            match arguments.remove(CONTEXT) {
                None | Some(Value::Null) => {}
                Some(Value::String(name)) => wanted = Some(name),
                Some(_) => {
                    let message = "context must be a string".to_owned();
                    return Err(plain(&ToolError::BadArguments { message, hint: None }));
                }
            }
        }
        self.inner.places.open(wanted.as_deref(), &caller.identity).await.map_err(|error| no_source(&error))
    }

    async fn read_output(&self, caller: &Caller, arguments: &Value, payload: Payload) -> Ended {
        let request: ReadOutput = match serde_json::from_value(arguments.clone()) {
            Ok(request) => request,
            Err(error) => {
                let hint = Some("takes id*, grep, from (* required)".to_owned());
                return plain(&ToolError::BadArguments { message: error.to_string(), hint });
            }
        };
        let place = match self.inner.places.open(None, &caller.identity).await {
            Ok(place) => place,
            Err(error) => return no_source(&error),
        };
        let desk = self.desk(caller);
        let read = read_output(&lock(&desk).ledger, &request);
        match read {
            Ok((id, text)) => {
                let shown = place.shape_again(id, &text);
                let summary = format!("{} lines of {id}", text.lines().count());
                let frame = json!({"evidence": id, "summary": summary});
                let bytes = shown.len();
                let result = framed(frame, shown, payload);
                let evidence = Some(id.to_string());
                Ended { result, outcome: Outcome::Ok, why: None, evidence, bytes, redactions: 0 }
            }
            Err(error) => told(&place, &error),
        }
    }

    async fn find_tools(&self, caller: &Caller, arguments: &Value) -> Ended {
        let Some(query) = arguments.get("query").and_then(Value::as_str) else {
            let hint = Some("find_tools takes query* (* required)".to_owned());
            return plain(&ToolError::BadArguments { message: "query is missing".to_owned(), hint });
        };
        let Options { offer, listed_bytes, toolsets, .. } = &self.inner.options;
        let place = self.inner.places.open_soon(&caller.identity).await;
        let catalogue = &self.inner.catalogue;
        let offered = catalogue.offered(*offer, caller, place.as_deref(), *listed_bytes, toolsets).await;
        let found = offered.find(query);
        let summary = match found.len() {
            0 => format!("no tool fits; there are {}", offered.listed.len() + offered.beyond.len()),
            count => format!("{count} tools"),
        };
        let lines: Vec<String> = found
            .iter()
            .map(|declared| {
                format!(
                    "{}: {} {}",
                    declared.spec.name,
                    declared.spec.description,
                    declared.spec.argument_hint()
                )
            })
            .collect();
        let tools: Vec<Value> = found
            .iter()
            .map(|declared| {
                json!({
                    "name": declared.spec.name,
                    "description": declared.spec.description,
                    "inputSchema": declared.tool.input_schema,
                })
            })
            .collect();
        let text = if lines.is_empty() { summary.clone() } else { lines.join("\n") };
        let bytes = text.len();
        let mut result = CallToolResult::success(vec![ContentBlock::text(text)]);
        result.structured_content = Some(json!({"summary": summary, "tools": tools}));
        Ended { result, outcome: Outcome::Ok, why: None, evidence: None, bytes, redactions: 0 }
    }
}

enum Ran {
    Done(Box<Result<ToolOutput, ToolError>>),
    Cancelled,
}

/// A tool's error as the model sees it, redacted.
fn told(place: &Place, error: &ToolError) -> Ended {
    match place.error(error) {
        Ok(text) => Ended::error(text, outcome(error), kind(error)),
        Err(withheld) => Ended::error(format!("error: {withheld}"), Outcome::Refused, "withheld"),
    }
}

/// Where this client wants the payload: its request, the configuration, its name, in this order.
fn payload(options: &Options, context: &RequestContext<RoleServer>) -> Payload {
    let asked = context.meta.get(PAYLOAD).and_then(Value::as_str).and_then(|word| match word {
        "content" => Some(Payload::Content),
        "structured" => Some(Payload::Structured),
        "data" => Some(Payload::Data),
        _ => None,
    });
    asked.or(options.payload).unwrap_or_else(|| {
        let name = context.client_info().map(|client| client.name).unwrap_or_default();
        if STRUCTURED_ONLY.contains(&name.as_str()) { Payload::Structured } else { Payload::Content }
    })
}

/// The call within a `call_tool`.
fn unwrapped(arguments: Value) -> Result<(String, Value), ToolError> {
    let hint = Some("call_tool takes name*, arguments (* required)".to_owned());
    let Value::Object(mut arguments) = arguments else {
        return Err(ToolError::BadArguments { message: "arguments must be an object".to_owned(), hint });
    };
    let Some(Value::String(name)) = arguments.remove("name") else {
        return Err(ToolError::BadArguments { message: "name is missing".to_owned(), hint });
    };
    let inner = match arguments.remove("arguments") {
        None | Some(Value::Null) => Value::Object(Map::new()),
        Some(inner @ Value::Object(_)) => inner,
        Some(_) => {
            let message = "arguments must be an object".to_owned();
            return Err(ToolError::BadArguments { message, hint });
        }
    };
    Ok((name, inner))
}

/// An admitted output as a result. The payload goes once.
fn present(admitted: Admitted, payload: Payload) -> Ended {
    let Admitted { id, shown, summary, subject, coverage, redactions, data } = admitted;
    let mut frame = json!({"evidence": id, "summary": summary});
    let data = data.filter(|data| serde_json::to_string(data).is_ok_and(|text| text.len() <= MOST_DATA));
    let (result, bytes) = match data {
        Some(data) => {
            let text = format!("{id}: {summary}");
            let bytes = text.len() + serde_json::to_string(&data).map_or(0, |text| text.len());
            frame["data"] = data;
            for (key, lines) in [("missing", coverage.missing), ("truncated", coverage.truncated)] {
                if !lines.is_empty() {
                    frame[key] = json!(lines);
                }
            }
            if let Some(subject) = subject {
                frame["subject"] = json!(subject);
            }
            let mut result = CallToolResult::success(vec![ContentBlock::text(text)]);
            result.structured_content = Some(frame);
            (result, bytes)
        }
        None => {
            let bytes = shown.len();
            (framed(frame, shown, payload), bytes)
        }
    };
    Ended { result, outcome: Outcome::Ok, why: None, evidence: Some(id.to_string()), bytes, redactions }
}

/// Text beside or within its frame.
pub(crate) fn framed(mut frame: Value, text: String, payload: Payload) -> CallToolResult {
    let content = match payload {
        Payload::Content | Payload::Data => text,
        Payload::Structured => {
            let summary = frame["summary"].as_str().unwrap_or_default().to_owned();
            frame["text"] = Value::String(text);
            summary
        }
    };
    let mut result = CallToolResult::success(vec![ContentBlock::text(content)]);
    result.structured_content = Some(frame);
    result
}
