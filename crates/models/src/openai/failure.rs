//! Why one try failed, what it means, and whether another may help.

use super::parameters::Refusal;
use super::retry::asked_wait;
use http::HeaderMap;
use serde_json::Value;
use std::error::Error;
use std::time::Duration;
use stethoscope_core::model::ModelError;
use stethoscope_core::text::sanitize;

/// Characters of a server's words that are quoted.
const QUOTED: usize = 300;
/// Characters of a server's words in which refused parameters and other signs are looked for.
const SEARCHED: usize = 4_000;

/// One failed try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) kind: Kind,
    /// What happened, with the server's own words.
    pub(super) words: String,
    pub(super) again: Again,
    /// The wait that the server asks for.
    pub(super) asked: Option<Duration>,
    /// What a 400 or 422 says, to be searched for refused parameters.
    pub(super) refusal: Option<Refusal>,
}

/// Which error of the port it becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Authentication,
    BadRequest,
    ContextOverflow,
    RateLimited,
    Unavailable,
    Timeout,
}

/// Whether trying again may help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    /// It fails the same way each time.
    Never,
    /// Nobody answers: a few tries tell a restart from a wrong address.
    Few,
    /// As often as the policy allows.
    Yes,
}

impl Failure {
    pub(super) fn new(kind: Kind, again: Again, words: impl Into<String>) -> Self {
        Self { kind, words: words.into(), again, asked: None, refusal: None }
    }

    /// The stream ended, or broke, before the reply was whole.
    pub(super) fn cut(how: &str) -> Self {
        Self::new(Kind::Unavailable, Again::Yes, format!("the reply was cut: {how}"))
    }

    /// It answers, but not with the protocol.
    pub(super) fn protocol(what: impl Into<String>) -> Self {
        Self::new(Kind::Unavailable, Again::Never, what)
    }

    pub(super) fn timeout(what: &str, after: Duration) -> Self {
        Self::new(Kind::Timeout, Again::Yes, format!("{what} within {after:?}"))
    }

    /// An answer with an error status.
    pub(super) fn of_status(status: u16, headers: &HeaderMap, body: &[u8]) -> Self {
        let said = Said::parse(body);
        let mut failure = classify(Some(status), &said);
        let words = said.quoted();
        failure.words =
            if words.is_empty() { status_line(status) } else { format!("{}: {words}", status_line(status)) };
        if (300..400).contains(&status) {
            let target =
                headers.get(http::header::LOCATION).and_then(|value| value.to_str().ok()).unwrap_or("?");
            let target = super::endpoint::place(target);
            failure.words =
                format!("{}: it redirects to {target}, which is not followed", status_line(status));
        }
        failure.asked = asked_wait(headers);
        if matches!(status, 400 | 422) && failure.kind == Kind::BadRequest {
            failure.refusal = Some(Refusal { param: said.param, words: said.searched });
        }
        // OpenAI's own verdict, which its clients obey.
        match headers.get("x-should-retry").and_then(|value| value.to_str().ok()) {
            Some("false") => failure.again = Again::Never,
            Some("true") => failure.again = Again::Yes,
            _ => {}
        }
        failure
    }

    /// An error object in the middle of a stream, or in a body with status 200.
    pub(super) fn of_error(chunk: &Value) -> Self {
        let said = Said::of(chunk);
        let mut failure = classify(said.status, &said);
        failure.words = format!("the server gave up: {}", said.quoted());
        failure
    }

    /// The request did not get through. `place` is where it went.
    pub(super) fn of_transport(error: &reqwest::Error, place: &str) -> Self {
        if error.is_timeout() {
            return Self::new(Kind::Timeout, Again::Few, format!("no connection to {place} in time"));
        }
        let causes = causes(error);
        let deepest = causes.last().map_or_else(|| "unknown".to_owned(), ToString::to_string);
        let tls = causes.iter().find_map(|cause| cause.downcast_ref::<rustls::Error>());
        // hyper-util's words; its resolver error has no type of its own.
        let unresolved = causes.iter().any(|cause| cause.to_string().contains("dns error"));
        let (again, what) = match tls {
            // A certificate that does not hold, or a server that does not speak TLS: that stays so.
            Some(rustls::Error::InvalidCertificate(_) | rustls::Error::InvalidMessage(_)) => {
                (Again::Never, "TLS failed")
            }
            Some(_) => (Again::Few, "TLS failed"),
            None if unresolved => (Again::Few, "its name cannot be resolved"),
            None if error.is_connect() => (Again::Few, "nothing answers there"),
            None => (Again::Yes, "the connection broke"),
        };
        Self::new(Kind::Unavailable, again, format!("{place}: {what} ({deepest})"))
    }

    pub(super) fn into_error(self, words: String) -> ModelError {
        match self.kind {
            Kind::Authentication => ModelError::Authentication(words),
            Kind::BadRequest => ModelError::BadRequest(words),
            Kind::ContextOverflow => ModelError::ContextOverflow(words),
            Kind::RateLimited => ModelError::RateLimited(words),
            Kind::Unavailable => ModelError::Unavailable(words),
            Kind::Timeout => ModelError::Timeout(words),
        }
    }
}

/// An error's causes, outermost first, without the error itself: its message has the URL, which may carry keys.
fn causes(error: &reqwest::Error) -> Vec<&(dyn Error + 'static)> {
    let mut causes = Vec::new();
    let mut source = error.source();
    while let Some(cause) = source {
        causes.push(cause);
        // An `io::Error` passes over the error that it holds.
        let held = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        source = match held {
            Some(held) => Some(held as &(dyn Error + 'static)),
            None => cause.source(),
        };
    }
    causes
}

fn status_line(status: u16) -> String {
    let reason = http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    reason.map_or_else(|| status.to_string(), |reason| format!("{status} {reason}"))
}

/// What servers say when a conversation is too long, in lower case: OpenAI and vLLM, llama.cpp, Anthropic's and
/// Google's gateways, Mistral, Groq, Ollama.
const OVERFLOW_SIGNS: [&str; 14] = [
    "context_length_exceeded",
    "exceed_context_size",
    "maximum context length",
    "context length exceeded",
    "context window",
    "available context size",
    "prompt is too long",
    "prompt too long",
    "input is too long",
    "input token count exceeds",
    "too many tokens",
    "reduce the length of the messages",
    "exceeds the maximum number of tokens",
    "exceeds the context length",
];

fn classify(status: Option<u16>, said: &Said) -> Failure {
    let signs = said.searched.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| signs.contains(word));
    let overflow = matches!(status, None | Some(400 | 413 | 422 | 500)) && says(&OVERFLOW_SIGNS);
    let (kind, again) = match status {
        _ if overflow => (Kind::ContextOverflow, Again::Never),
        Some(413) => (Kind::ContextOverflow, Again::Never),
        // 402: OpenRouter and DeepSeek, when the account has no credit left.
        Some(401..=403) => (Kind::Authentication, Again::Never),
        Some(408) => (Kind::Timeout, Again::Yes),
        Some(409 | 425) => (Kind::Unavailable, Again::Yes),
        // No wait brings back a spent quota.
        Some(429) if says(&["insufficient_quota", "exceeded your current quota", "billing"]) => {
            (Kind::RateLimited, Again::Never)
        }
        Some(429) => (Kind::RateLimited, Again::Yes),
        Some(501 | 505) => (Kind::Unavailable, Again::Never),
        Some(500..) => (Kind::Unavailable, Again::Yes),
        Some(300..=399) => (Kind::Unavailable, Again::Never),
        Some(_) => (Kind::BadRequest, Again::Never),
        None if says(&["rate_limit", "rate limit", "too many requests"]) => (Kind::RateLimited, Again::Yes),
        None if says(&["authentication_error", "invalid_api_key", "permission_error"]) => {
            (Kind::Authentication, Again::Never)
        }
        None if says(&["invalid_request", "badrequest", "not_found_error"]) => {
            (Kind::BadRequest, Again::Never)
        }
        None => (Kind::Unavailable, Again::Yes),
    };
    Failure::new(kind, again, String::new())
}

/// A server's error, whatever its form.
struct Said {
    message: String,
    param: Option<String>,
    /// Everything it says, bounded.
    searched: String,
    /// A status inside the error.
    status: Option<u16>,
}

impl Said {
    fn parse(body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body);
        if let Ok(value @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str(&text) {
            return Self::of(&value);
        }
        let message = if text.trim_start().starts_with('<') { title(&text) } else { text.into_owned() };
        Self { searched: message.chars().take(SEARCHED).collect(), message, param: None, status: None }
    }

    fn of(value: &Value) -> Self {
        // Google's gateway wraps the error in a list.
        let value = value.as_array().and_then(|list| list.first()).unwrap_or(value);
        let error = value.get("error").filter(|error| !error.is_null()).unwrap_or(value);
        let text = |field: &str| match error.get(field) {
            Some(Value::String(text)) => Some(text.clone()),
            Some(Value::Number(number)) => Some(number.to_string()),
            _ => None,
        };
        let message = error
            .as_str()
            .map(ToOwned::to_owned)
            .or_else(|| text("message"))
            .or_else(|| text("msg"))
            .or_else(|| text("detail"))
            .unwrap_or_else(|| error.to_string());
        // OpenRouter hands on what the provider behind it said.
        let raw = error.pointer("/metadata/raw").and_then(Value::as_str);
        let message = raw.map_or_else(|| message.clone(), |raw| format!("{message} ({raw})"));
        let code = text("code").or_else(|| text("status"));
        let status = code.and_then(|code| code.parse().ok()).filter(|status| (300..600).contains(status));
        let searched = value.to_string().chars().take(SEARCHED).collect();
        Self { message, param: text("param"), searched, status }
    }

    fn quoted(&self) -> String {
        quote(&self.message)
    }
}

/// A server's words on one line, bounded and harmless to show.
pub(super) fn quote(text: &str) -> String {
    let bounded: String = text.chars().take(SEARCHED).collect();
    let line = sanitize(&bounded)
        .split_whitespace()
        .map(|word| word.chars().filter(|character| !character.is_control()).collect::<String>())
        .collect::<Vec<_>>()
        .join(" ");
    if line.chars().count() <= QUOTED {
        return line;
    }
    let head: String = line.chars().take(QUOTED).collect();
    format!("{head}…")
}

/// The title of a web page: proxies answer with one.
pub(super) fn title(page: &str) -> String {
    let lower = page.to_ascii_lowercase();
    let found = lower.find("<title>").and_then(|start| {
        let start = start + "<title>".len();
        let end = start + lower[start..].find("</title>")?;
        page.get(start..end)
    });
    found.map_or_else(|| "a web page".to_owned(), |title| format!("a web page, {:?}", quote(title)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;
    use serde_json::json;

    fn of(status: u16, body: &str) -> (Kind, Again, String) {
        let failure = Failure::of_status(status, &HeaderMap::new(), body.as_bytes());
        (failure.kind, failure.again, failure.words)
    }

    #[test]
    fn tells_what_each_status_means_in_the_servers_words() {
        let error =
            |message: &str, code: &str| json!({"error": {"message": message, "code": code}}).to_string();
        let rows = [
            (401, error("bad key", "x"), (Kind::Authentication, Again::Never, "401 Unauthorized: bad key")),
            (403, String::new(), (Kind::Authentication, Again::Never, "403 Forbidden")),
            (404, error("no model m", "x"), (Kind::BadRequest, Again::Never, "404 Not Found: no model m")),
            (
                429,
                error("slow down", "rate_limit_exceeded"),
                (Kind::RateLimited, Again::Yes, "429 Too Many Requests: slow down"),
            ),
            (
                429,
                error("no money", "insufficient_quota"),
                (Kind::RateLimited, Again::Never, "429 Too Many Requests: no money"),
            ),
            (
                400,
                error("This model's maximum context length is 8192 tokens.", "context_length_exceeded"),
                (
                    Kind::ContextOverflow,
                    Again::Never,
                    "400 Bad Request: This model's maximum context length is 8192 tokens.",
                ),
            ),
            (
                502,
                "<html><head><title>502 Bad\nGateway</title></head>".to_owned(),
                (Kind::Unavailable, Again::Yes, "502 Bad Gateway: a web page, \"502 Bad Gateway\""),
            ),
            (529, "overloaded".to_owned(), (Kind::Unavailable, Again::Yes, "529: overloaded")),
        ];
        for (status, body, (kind, again, words)) in rows {
            assert_eq!(of(status, &body), (kind, again, words.to_owned()), "{status} {body}");
        }
    }

    #[test]
    fn reads_errors_in_the_forms_that_servers_give_them() {
        let rows = [
            (r#"{"error":"plain words"}"#, "plain words"),
            (r#"[{"error":{"message":"in a list","code":400}}]"#, "in a list"),
            (r#"{"detail":"fastapi"}"#, "fastapi"),
            (r#"{"object":"error","message":"vllm","code":40001}"#, "vllm"),
            (
                r#"{"error":{"message":"Provider returned error","metadata":{"raw":"why"}}}"#,
                "Provider returned error (why)",
            ),
        ];
        for (body, words) in rows {
            assert_eq!(of(400, body).2, format!("400 Bad Request: {words}"));
        }
    }

    #[test]
    fn classifies_errors_inside_a_stream_by_code_and_words() {
        let of = |chunk: Value| {
            let failure = Failure::of_error(&chunk);
            (failure.kind, failure.again)
        };
        assert_eq!(of(json!({"error": {"message": "x", "code": 429}})), (Kind::RateLimited, Again::Yes));
        assert_eq!(
            of(json!({"error": {"message": "Overloaded", "type": "overloaded_error"}})),
            (Kind::Unavailable, Again::Yes)
        );
        assert_eq!(
            of(json!({"error": {"message": "prompt is too long: 9 > 8"}})),
            (Kind::ContextOverflow, Again::Never)
        );
        assert_eq!(
            of(json!({"error": {"message": "no", "type": "invalid_request_error"}})),
            (Kind::BadRequest, Again::Never)
        );
    }

    #[test]
    fn quotes_long_and_wild_words_on_one_bounded_line() {
        let quoted = quote(&format!("a\n\tb {}", "x".repeat(10_000)));
        assert!(quoted.starts_with("a b xxx") && quoted.ends_with('…'), "{quoted}");
        assert_eq!(quoted.chars().count(), QUOTED + 1);
    }
}
