//! The audit log: who asked what of which object, as JSON lines. Never a question, an argument's words, or an output.

use crate::caller::Caller;
use crate::desk::lock;
use serde::Serialize;
use serde_json::{Map, Value};
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use stethoscope_core::clock::Clock;

/// Arguments that name things. Everything else a caller writes stays out of the log.
const IDENTIFIERS: [&str; 13] = [
    "context",
    "namespace",
    "kind",
    "name",
    "pod",
    "container",
    "node",
    "service",
    "workload",
    "unit",
    "object",
    "resource",
    "id",
];

/// Longest name in Kubernetes.
const LONGEST: usize = 253;

/// Where the lines go.
#[derive(Clone)]
pub struct Audit {
    log: Option<Arc<Log>>,
}

struct Log {
    sink: Mutex<Box<dyn Write + Send>>,
    clock: Arc<dyn Clock>,
    broken: AtomicBool,
}

/// One line.
#[derive(Serialize)]
pub(crate) struct Line<'a> {
    pub(crate) caller: &'a str,
    /// JSON-RPC method, or `http` for what was refused before one was read.
    pub(crate) method: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tool: Option<&'a str>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(crate) about: Map<String, Value>,
    pub(crate) outcome: Outcome,
    /// Why it was refused or what kind of error it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) why: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) evidence: Option<String>,
    /// Bytes that went out.
    pub(crate) bytes: usize,
    /// Secrets replaced in them.
    pub(crate) redactions: u32,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Ok,
    Error,
    Refused,
    Cancelled,
}

#[derive(Serialize)]
struct Stamped<'a> {
    at: String,
    #[serde(flatten)]
    line: &'a Line<'a>,
}

impl Audit {
    /// No log.
    pub fn off() -> Self {
        Self { log: None }
    }

    /// A log to this sink, one line a write.
    pub fn to(sink: Box<dyn Write + Send>, clock: Arc<dyn Clock>) -> Self {
        Self { log: Some(Arc::new(Log { sink: Mutex::new(sink), clock, broken: AtomicBool::new(false) })) }
    }

    pub(crate) fn write(&self, line: &Line<'_>) {
        let Some(log) = &self.log else { return };
        let stamped = Stamped { at: log.clock.now().to_string(), line };
        let Ok(mut text) = serde_json::to_string(&stamped) else { return };
        text.push('\n');
        let mut sink = lock(&log.sink);
        if let Err(error) = sink.write_all(text.as_bytes()).and_then(|()| sink.flush()) {
            log.broken.store(true, Ordering::Relaxed);
            tracing::error!(%error, "the audit log cannot be written");
        } else {
            log.broken.store(false, Ordering::Relaxed);
        }
    }

    /// Whether the last line could not be written: without a log that was asked for, nothing is answered.
    pub(crate) fn is_broken(&self) -> bool {
        self.log.as_ref().is_some_and(|log| log.broken.load(Ordering::Relaxed))
    }

    /// A request that was refused before a method was read.
    pub(crate) fn refused(&self, caller: &str, why: &str) {
        self.write(&Line {
            caller,
            method: "http",
            tool: None,
            about: Map::new(),
            outcome: Outcome::Refused,
            why: Some(why),
            evidence: None,
            bytes: 0,
            redactions: 0,
        });
    }

    /// A list, a prompt, a resource.
    pub(crate) fn read(&self, caller: &Caller, method: &str, name: &str, outcome: Outcome, bytes: usize) {
        let about = identifiers(&serde_json::json!({"name": name}));
        self.write(&Line {
            caller: &caller.name,
            method,
            tool: None,
            about,
            outcome,
            why: None,
            evidence: None,
            bytes,
            redactions: 0,
        });
    }
}

/// The names among the arguments.
pub(crate) fn identifiers(arguments: &Value) -> Map<String, Value> {
    let Some(arguments) = arguments.as_object() else { return Map::new() };
    IDENTIFIERS
        .iter()
        .filter_map(|&key| {
            let name = arguments.get(key)?.as_str()?;
            let plain = name.len() <= LONGEST
                && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.:/* ".contains(c));
            let shown = if plain { name.to_owned() } else { format!("[{} bytes]", name.len()) };
            Some((key.to_owned(), Value::String(shown)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;
    use serde_json::json;

    #[test]
    fn only_names_reach_the_log() {
        let arguments = json!({
            "namespace": "shop", "name": "web\n{\"forged\":1}", "question": "what is hunter2?", "grep": "password",
            "kind": 7
        });
        assert_eq!(
            Value::Object(identifiers(&arguments)),
            json!({"namespace": "shop", "name": "[16 bytes]"})
        );
        assert_eq!(identifiers(&json!({"id": "x".repeat(300)}))["id"], "[300 bytes]");
    }

    struct Full;

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("no space left on device"))
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_log_that_cannot_be_written_is_known_to_be_broken() {
        let clock = Arc::new(stethoscope_core::clock::FixedClock(jiff::Timestamp::UNIX_EPOCH));
        let audit = Audit::to(Box::new(Full), clock);
        assert!(!audit.is_broken());
        audit.refused("nobody", "no token");
        assert!(audit.is_broken());
        assert!(!Audit::off().is_broken());
    }
}
