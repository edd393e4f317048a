//! The adapter for endpoints with OpenAI's chat completions API.

mod assembly;
mod calls;
mod config;
mod endpoint;
mod exchange;
mod failure;
mod lines;
mod parameters;
mod request;
mod retry;
#[cfg(test)]
mod stream_tests;
mod think;

use assembly::{Assembly, Complete, OnDelta, Progress};
use async_openai::Client;
use async_trait::async_trait;
use calls::Ids;
pub use config::{ApiKey, OpenAiConfig, RetryPolicy, Timeouts};
use endpoint::Endpoint;
use exchange::{Exchange, Signs};
use failure::{Failure, Kind};
use futures::StreamExt as _;
use parameters::Parameters;
use retry::Jitter;
use serde_json::Value;
use serde_json::value::RawValue;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use stethoscope_core::model::{Delta, Model, ModelError, ModelReply, ModelRequest, Price};
use tokio::time::{Instant, sleep, timeout};

/// How long usage is waited for once the reply itself is whole.
const USAGE_GRACE: Duration = Duration::from_secs(5);

/// A model behind an OpenAI-compatible endpoint.
pub struct OpenAi {
    config: OpenAiConfig,
    endpoint: Endpoint,
    http: reqwest::Client,
    /// What this server takes, as far as it has refused something.
    parameters: Mutex<Parameters>,
    jitter: Jitter,
}

impl std::fmt::Debug for OpenAi {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenAi").field("config", &self.config).finish_non_exhaustive()
    }
}

impl OpenAi {
    /// Checks the configuration and makes the client; nothing is sent. The seed spreads the waits between tries.
    pub fn new(config: OpenAiConfig, jitter_seed: u64) -> Result<Self, ModelError> {
        let endpoint = Endpoint::new(&config)?;
        if config.model.trim().is_empty() {
            return Err(ModelError::BadRequest("no model is named; give one with --model".to_owned()));
        }
        let http = crate::http::client(endpoint.reach, config.timeouts.connect)
            .map_err(|error| ModelError::Unavailable(error.to_string()))?;
        let parameters = Mutex::new(Parameters::for_maker(endpoint.maker));
        Ok(Self { config, endpoint, http, parameters, jitter: Jitter::new(jitter_seed) })
    }

    fn parameters(&self) -> Parameters {
        *self.parameters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drops the parameter that the failure names; says whether there was one.
    fn learn(&self, failure: &Failure, sent: Parameters, body: &RawValue) -> Option<&'static str> {
        let (less, name) = sent.without_refused(failure.refusal.as_ref()?, body.get())?;
        *self.parameters.lock().unwrap_or_else(PoisonError::into_inner) = less;
        Some(name)
    }

    async fn attempt(
        &self,
        body: &RawValue,
        request: &ModelRequest<'_>,
        on_delta: OnDelta<'_>,
    ) -> Result<ModelReply, Failure> {
        let signs = Arc::new(Signs::default());
        let exchange = Exchange {
            http: self.http.clone(),
            timeouts: self.config.timeouts,
            place: self.endpoint.place.clone(),
            signs: Arc::clone(&signs),
        };
        let client = Client::build(self.http.clone(), self.endpoint.clone()).with_http_service(exchange);
        read_reply(&client, body, &signs, self.config.timeouts.idle, request, on_delta).await
    }
}

/// Sends one request and reads its reply.
async fn read_reply<C: async_openai::config::Config>(
    client: &Client<C>,
    body: &RawValue,
    signs: &Signs,
    idle: Duration,
    request: &ModelRequest<'_>,
    on_delta: OnDelta<'_>,
) -> Result<ModelReply, Failure> {
    let why = |error: &_| signs.failure().unwrap_or_else(|| exchange::of_client(error));
    let stream = client.chat().create_stream_byot::<_, Value>(body).await;
    let mut stream = stream.map_err(|error| why(&error))?;
    let mut assembly = Assembly::new(request.max_output_tokens);
    loop {
        let next = if assembly.finished() {
            // Some servers neither say `[DONE]` nor hang up.
            timeout(idle.min(USAGE_GRACE), stream.next()).await.unwrap_or(None)
        } else {
            stream.next().await
        };
        match next {
            Some(Ok(chunk)) => {
                if assembly.push(&chunk, on_delta)? == Progress::Enough {
                    break;
                }
            }
            None => break,
            // Nothing of the reply itself can be missing any more.
            Some(Err(_)) if assembly.finished() => break,
            Some(Err(error)) => return Err(why(&error)),
        }
    }
    let complete = if signs.complete() { Complete::Yes } else { Complete::No };
    assembly.finish(complete, body.get().len(), &mut Ids::of(request.messages), on_delta)
}

#[async_trait]
impl Model for OpenAi {
    fn name(&self) -> &str {
        &self.config.model
    }

    fn context_window(&self) -> usize {
        self.config.context_window.unwrap_or(128_000)
    }

    fn price(&self) -> Option<Price> {
        self.config.price
    }

    async fn respond(
        &self,
        request: ModelRequest<'_>,
        on_delta: &mut (dyn FnMut(Delta) + Send),
    ) -> Result<ModelReply, ModelError> {
        let began = Instant::now();
        let mut attempt = 1;
        loop {
            let parameters = self.parameters();
            let body = request::body(&self.config.model, self.config.temperature, &request, parameters)
                .map_err(|error| ModelError::BadRequest(format!("the request cannot be written: {error}")))?;
            let whole = self.config.timeouts.whole;
            let tried = timeout(whole, self.attempt(&body, &request, on_delta)).await;
            let failure = match tried {
                Ok(Ok(reply)) => return Ok(reply),
                Ok(Err(failure)) => failure,
                Err(_) => Failure::timeout("the reply was not whole", whole),
            };
            if let Some(name) = self.learn(&failure, parameters, &body) {
                tracing::debug!(
                    parameter = name,
                    "the model endpoint refuses a parameter; it is left out from now on"
                );
                continue;
            }
            let words = self.endpoint.redact(&failure.words);
            let Some(wait) =
                retry::wait(&self.config.retry, &failure, attempt, began.elapsed(), &self.jitter)
            else {
                return Err(give_up(failure, words, attempt));
            };
            on_delta(Delta::Retry { attempt, after: wait, reason: words });
            sleep(wait).await;
            attempt += 1;
        }
    }
}

fn give_up(failure: Failure, mut words: String, attempts: u32) -> ModelError {
    if attempts > 1 {
        words = format!("{words} (tried {attempts} times)");
    }
    if let (Kind::RateLimited, Some(asked)) = (failure.kind, failure.asked) {
        words = format!("{words} (it asks to wait {} s)", asked.as_secs());
    }
    failure.into_error(words)
}
