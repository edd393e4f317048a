//! Cassettes: what a model said, kept so that it can be said again. Requests are redacted before a model sees them, so a
//! cassette holds no secret that the model did not make up.
//!
//! A cassette is JSON lines: who was recorded, then one exchange a line with the hash of its request. In replay a request that
//! was not recorded is a failure that says where it differs: what we send has drifted, on purpose or not.

use crate::error::EvalError;
use crate::results::CaseKey;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use stethoscope_core::model::{
    Delta, Message, Model, ModelError, ModelReply, ModelRequest, Price, ToolChoice,
};

/// Bytes of a cassette that are read.
const LONGEST: u64 = 256 << 20;
/// Letters of a message that are kept, to say where a request differs.
const HEAD: usize = 160;

/// Records a model, or stands in for it.
pub struct Cassette {
    who: Who,
    mode: Mode,
}

enum Mode {
    Record { inner: Arc<dyn Model>, exchanges: Mutex<Vec<Exchange>> },
    Replay { exchanges: Vec<Exchange>, next: Mutex<usize> },
}

/// The first line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Who {
    cassette: u32,
    model: String,
    context_window: usize,
    price: Option<Price>,
}

/// One exchange.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Exchange {
    /// SHA-256 of the request.
    request: String,
    /// SHA-256 of what is not a message: tools, choice, limit.
    frame: String,
    /// Each message: its hash and its first letters.
    messages: Vec<(String, String)>,
    reply: ModelReply,
}

impl Cassette {
    /// Asks the model and keeps what it says.
    pub fn record(inner: Arc<dyn Model>) -> Self {
        let who = Who {
            cassette: 1,
            model: inner.name().to_owned(),
            context_window: inner.context_window(),
            price: inner.price(),
        };
        Self { who, mode: Mode::Record { inner, exchanges: Mutex::default() } }
    }

    /// Stands in for a recorded model. Blocking.
    ///
    /// # Errors
    /// When the file cannot be read or is no cassette.
    pub fn replay(path: &Path) -> Result<Self, EvalError> {
        let io = |source| EvalError::Io { doing: "read", path: path.to_owned(), source };
        let wrong = |line: usize, why: String| EvalError::ResultsFile { path: path.to_owned(), line, why };
        if std::fs::metadata(path).map_err(io)?.len() > LONGEST {
            return Err(wrong(1, format!("a cassette has at most {LONGEST} bytes")));
        }
        let text = std::fs::read_to_string(path).map_err(io)?;
        let mut lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
        let (number, first) = lines.next().ok_or_else(|| wrong(1, "the cassette is empty".to_owned()))?;
        let who =
            serde_json::from_str(first).map_err(|error| wrong(number, format!("no cassette: {error}")))?;
        let exchanges = lines
            .map(|(number, line)| {
                serde_json::from_str(line).map_err(|error| wrong(number, format!("no exchange: {error}")))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { who, mode: Mode::Replay { exchanges, next: Mutex::new(0) } })
    }

    /// Writes what was recorded, the directory too. Blocking. Nothing to do in replay.
    pub fn save(&self, path: &Path) -> Result<(), EvalError> {
        let Mode::Record { exchanges, .. } = &self.mode else { return Ok(()) };
        let io = |source| EvalError::Io { doing: "write", path: path.to_owned(), source };
        let mut text = serde_json::to_string(&self.who)? + "\n";
        for exchange in exchanges.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            text += &(serde_json::to_string(exchange)? + "\n");
        }
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory).map_err(io)?;
        }
        std::fs::write(path, text).map_err(io)
    }

    /// Where the cassette of a case lies below a directory.
    pub fn path(directory: &Path, case: &CaseKey) -> PathBuf {
        let safe = |text: &str| -> String {
            let letter =
                |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '_' };
            text.trim_start_matches('.').chars().map(letter).collect()
        };
        let file = format!("{}.{}.{}.jsonl", safe(&case.incident), case.variant.name(), case.repeat);
        directory.join(safe(&case.model)).join(file)
    }
}

#[async_trait]
impl Model for Cassette {
    fn name(&self) -> &str {
        &self.who.model
    }

    fn context_window(&self) -> usize {
        self.who.context_window
    }

    fn price(&self) -> Option<Price> {
        self.who.price
    }

    async fn respond(
        &self,
        request: ModelRequest<'_>,
        on_delta: &mut (dyn FnMut(Delta) + Send),
    ) -> Result<ModelReply, ModelError> {
        let asked = fingerprint(&request)?;
        match &self.mode {
            Mode::Record { inner, exchanges } => {
                let reply = inner.respond(request, on_delta).await?;
                let exchange = Exchange { reply: reply.clone(), ..asked };
                exchanges.lock().unwrap_or_else(PoisonError::into_inner).push(exchange);
                Ok(reply)
            }
            Mode::Replay { exchanges, next } => {
                let mut next = next.lock().unwrap_or_else(PoisonError::into_inner);
                let place = *next;
                match exchanges.get(place) {
                    Some(recorded) if recorded.request == asked.request => {
                        *next += 1;
                        if !recorded.reply.text.is_empty() {
                            on_delta(Delta::Text(recorded.reply.text.clone()));
                        }
                        Ok(recorded.reply.clone())
                    }
                    recorded => Err(ModelError::BadRequest(drift(place + 1, recorded, &asked))),
                }
            }
        }
    }
}

fn fingerprint(request: &ModelRequest<'_>) -> Result<Exchange, ModelError> {
    let json = |value: Result<String, serde_json::Error>| {
        value.map_err(|error| ModelError::BadRequest(format!("the request does not serialise: {error}")))
    };
    let choice = match request.tool_choice {
        ToolChoice::Auto => "auto",
        ToolChoice::Tool(name) => name,
    };
    let frame = json!({"tools": request.tools, "tool_choice": choice, "max_output_tokens": request.max_output_tokens});
    let frame = hash(&frame.to_string());
    let mut messages = Vec::with_capacity(request.messages.len());
    let mut all = frame.clone();
    for message in request.messages {
        let hash = hash(&json(serde_json::to_string(message))?);
        all.push_str(&hash);
        messages.push((hash, head(message)));
    }
    Ok(Exchange { request: hash(&all), frame, messages, reply: ModelReply::default() })
}

pub(crate) fn hash(text: &str) -> String {
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(text) {
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

fn head(message: &Message) -> String {
    let (who, text) = match message {
        Message::System { text } => ("system", text.clone()),
        Message::User { text } => ("user", text.clone()),
        Message::Assistant { text, calls } => {
            let calls: Vec<String> =
                calls.iter().map(|call| format!("{} {}", call.name, call.arguments)).collect();
            ("assistant", format!("{text} {}", calls.join(", ")))
        }
        Message::Tool { tool, text, .. } => (tool.as_str(), text.clone()),
    };
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    format!("{who}: {text}").chars().take(HEAD).collect()
}

/// Where a request differs from the recorded one, in words.
fn drift(number: usize, recorded: Option<&Exchange>, asked: &Exchange) -> String {
    let hint = "record the cassettes again if the change is meant";
    let Some(recorded) = recorded else {
        return format!(
            "the cassette has {} exchanges and request {number} was not recorded; {hint}",
            number - 1
        );
    };
    let pairs = recorded.messages.iter().zip(&asked.messages);
    let place = pairs
        .clone()
        .position(|(then, now)| then.0 != now.0)
        .unwrap_or(recorded.messages.len().min(asked.messages.len()));
    let shown = |exchange: &Exchange| {
        exchange.messages.get(place).map_or_else(|| "nothing".to_owned(), |(_, head)| format!("{head:?}"))
    };
    if recorded.messages.get(place).is_none() && asked.messages.get(place).is_none() {
        return format!(
            "request {number} differs from the recorded one in its tools, its tool choice or its output limit; {hint}"
        );
    }
    format!(
        "request {number} differs from the recorded one at message {}: recorded {}, now {}; {hint}",
        place + 1,
        shown(recorded),
        shown(asked)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::variants::Variant;
    use pretty_assertions::assert_eq;
    use stethoscope_core::evidence::Ledger;
    use stethoscope_core::model::{Finish, TokenUsage};

    /// Says how many messages it was given.
    struct Counter;

    #[async_trait]
    impl Model for Counter {
        fn name(&self) -> &str {
            "counter"
        }

        async fn respond(
            &self,
            request: ModelRequest<'_>,
            _: &mut (dyn FnMut(Delta) + Send),
        ) -> Result<ModelReply, ModelError> {
            let text = request.messages.len().to_string();
            Ok(ModelReply {
                text,
                calls: Vec::new(),
                usage: TokenUsage { input: 7, ..TokenUsage::default() },
                finish: Finish::Stop,
            })
        }
    }

    async fn ask(model: &dyn Model, texts: &[&str], max_output_tokens: usize) -> Result<String, String> {
        let messages: Vec<Message> =
            texts.iter().map(|&text| Message::User { text: text.to_owned() }).collect();
        let request = ModelRequest {
            messages: &messages,
            tools: &[],
            evidence: &Ledger::default(),
            max_output_tokens,
            tool_choice: ToolChoice::Auto,
        };
        model.respond(request, &mut |_| {}).await.map(|reply| reply.text).map_err(|error| error.to_string())
    }

    async fn recorded() -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("deep/case.jsonl");
        let cassette = Cassette::record(Arc::new(Counter));
        ask(&cassette, &["one"], 10).await.unwrap();
        ask(&cassette, &["one", "two"], 10).await.unwrap();
        cassette.save(&path).unwrap();
        (directory, path)
    }

    #[tokio::test]
    async fn what_was_recorded_is_said_again_without_the_model() {
        let (_directory, path) = recorded().await;
        let replay = Cassette::replay(&path).unwrap();
        assert_eq!(replay.name(), "counter");
        assert_eq!(ask(&replay, &["one"], 10).await.unwrap(), "1");
        assert_eq!(ask(&replay, &["one", "two"], 10).await.unwrap(), "2");
        let why = ask(&replay, &["one", "two", "three"], 10).await.unwrap_err();
        assert!(why.contains("the cassette has 2 exchanges and request 3 was not recorded"), "{why}");
    }

    #[tokio::test]
    async fn a_drift_says_where_it_is() {
        let (_directory, path) = recorded().await;
        let replay = Cassette::replay(&path).unwrap();
        let why = ask(&replay, &["uno"], 10).await.unwrap_err();
        assert!(why.contains("request 1 differs from the recorded one at message 1: recorded \"user: one\", now \"user: uno\""), "{why}");
        let why = ask(&replay, &["one"], 20).await.unwrap_err();
        assert!(why.contains("in its tools, its tool choice or its output limit"), "{why}");
        assert_eq!(ask(&replay, &["one"], 10).await.unwrap(), "1", "a failure moves nothing on");
    }

    #[test]
    fn a_hostile_name_stays_below_the_directory() {
        let case = CaseKey {
            model: "../x/y:1".to_owned(),
            variant: Variant::Original,
            incident: "../../etc".to_owned(),
            repeat: 1,
        };
        assert_eq!(Cassette::path(Path::new("c"), &case), Path::new("c/_x_y_1/_.._etc.original.1.jsonl"));
    }

    #[test]
    fn a_file_that_is_no_cassette_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x");
        std::fs::write(&path, "{}").unwrap();
        assert!(Cassette::replay(&path).err().unwrap().to_string().contains("no cassette"));
        std::fs::write(&path, "").unwrap();
        assert!(Cassette::replay(&path).err().unwrap().to_string().contains("empty"));
    }
}
