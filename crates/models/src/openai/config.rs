//! What a person says about an endpoint.

use secrecy::{ExposeSecret as _, SecretString};
use std::fmt;
use std::time::Duration;
use stethoscope_core::model::Price;

/// An API key. Its `Debug` shows nothing of it, and its memory is wiped on drop.
#[derive(Clone)]
pub struct ApiKey(SecretString);

impl ApiKey {
    /// A key; spaces and line ends around it are dropped. `None` when nothing is left: then none is sent.
    pub fn new(key: &str) -> Option<Self> {
        let key = key.trim();
        (!key.is_empty()).then(|| Self(SecretString::from(key)))
    }

    pub(super) fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(redacted)")
    }
}

/// An endpoint and how to use it.
#[derive(Clone)]
pub struct OpenAiConfig {
    /// Up to and without `/chat/completions`, e.g. `https://api.openai.com/v1`. A query (`?api-version=…`) is kept.
    pub base_url: String,
    /// The key; `None` sends none, as local servers want it.
    pub api_key: Option<ApiKey>,
    /// The model's name at this endpoint.
    pub model: String,
    /// Sampling temperature; `None` leaves it to the server.
    pub temperature: Option<f32>,
    /// Tokens that a request may hold; `None` takes the port's default.
    pub context_window: Option<usize>,
    /// US dollars per million tokens, when known.
    pub price: Option<Price>,
    /// How long to wait.
    pub timeouts: Timeouts,
    /// How often to try.
    pub retry: RetryPolicy,
    /// More headers. Their values are not shown in `Debug`, for gateways take keys there.
    pub headers: Vec<(String, String)>,
    /// Sent as `OpenAI-Organization`.
    pub organization: Option<String>,
}

impl OpenAiConfig {
    /// An endpoint and a model, everything else as usual.
    pub fn new(base_url: impl Into<String>, model: impl Into<String>) -> Self {
        Self {
            base_url: base_url.into(),
            api_key: None,
            model: model.into(),
            temperature: None,
            context_window: None,
            price: None,
            timeouts: Timeouts::default(),
            retry: RetryPolicy::default(),
            headers: Vec::new(),
            organization: None,
        }
    }
}

impl fmt::Debug for OpenAiConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("OpenAiConfig")
            // Without user, password and query: some gateways take keys there.
            .field("base_url", &super::endpoint::place(&self.base_url))
            .field("api_key", &self.api_key)
            .field("model", &self.model)
            .field("temperature", &self.temperature)
            .field("context_window", &self.context_window)
            .field("price", &self.price)
            .field("timeouts", &self.timeouts)
            .field("retry", &self.retry)
            .field("headers", &headers)
            .field("organization", &self.organization)
            .finish()
    }
}

/// How long an exchange waits for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For the connection, TLS included.
    pub connect: Duration,
    /// From the request to the first byte of the body. Local models read long prompts slowly.
    pub first_byte: Duration,
    /// Between two bytes of the body; keep-alive comments count.
    pub idle: Duration,
    /// For one try as a whole.
    pub whole: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            first_byte: Duration::from_mins(3),
            idle: Duration::from_mins(1),
            whole: Duration::from_mins(10),
        }
    }
}

/// How often and how fast an exchange is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Tries in all; 1 never tries again.
    pub max_attempts: u32,
    /// The first wait; it doubles with each try.
    pub base: Duration,
    /// The longest wait, also when the server asks for more.
    pub cap: Duration,
    /// No try begins later than this after the first one began.
    pub budget: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_attempts: 5,
            base: Duration::from_millis(500),
            cap: Duration::from_mins(1),
            budget: Duration::from_mins(5),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_no_key_no_header_value_and_no_password_in_debug() {
        let mut config = OpenAiConfig::new("https://user:hunter2@llm.example/v1?key=k3y", "m");
        config.api_key = ApiKey::new(" sk-very-secret\n");
        config.headers.push(("x-gateway-key".to_owned(), "g4teway".to_owned()));
        let shown = format!("{config:?}");
        for secret in ["hunter2", "k3y", "sk-very-secret", "g4teway"] {
            assert!(!shown.contains(secret), "{shown}");
        }
        assert!(shown.contains("https://llm.example/v1") && shown.contains("x-gateway-key"), "{shown}");
    }
}
