//! Access tokens: signed by the issuer's keys, for us, in time.

use super::signature;
use async_trait::async_trait;
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::RwLock;
use tokio::time::Instant;

/// Gets a document, with bounds on size and time, over TLS. The binary gives it: it has an HTTP client.
#[async_trait]
pub trait Fetch: Send + Sync {
    /// The body behind a URL, or one sentence on why there is none.
    async fn get(&self, url: &str) -> Result<Vec<u8>, String>;
}

/// How long keys are believed.
const KEYS_FOR: Duration = Duration::from_mins(10);

/// Time between two fetches, whatever key ids tokens name: a stranger must not make us flood the issuer.
const FETCH_EVERY: Duration = Duration::from_secs(30);

/// Keys that an issuer may have.
const MOST_KEYS: usize = 64;

/// Longest token.
const LONGEST: usize = 16 << 10;

/// Clocks differ.
const LEEWAY_SECONDS: u64 = 30;

/// What a token says, after its signature was checked.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(super) struct Claims {
    pub(super) sub: String,
    #[serde(default)]
    scope: Option<String>,
    /// As some issuers write it.
    #[serde(default)]
    scp: Option<Words>,
    #[serde(default)]
    pub(super) groups: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
enum Words {
    One(String),
    Many(Vec<String>),
}

impl Claims {
    pub(super) fn has_scope(&self, wanted: &str) -> bool {
        let listed = |text: &str| text.split_ascii_whitespace().any(|scope| scope == wanted);
        self.scope.as_deref().is_some_and(listed)
            || match &self.scp {
                Some(Words::One(text)) => listed(text),
                Some(Words::Many(scopes)) => scopes.iter().any(|scope| scope == wanted),
                None => false,
            }
    }
}

/// Why a token is not believed. Told to nobody but the log: a caller learns only that it is not.
#[derive(Debug, thiserror::Error)]
pub(super) enum TokenError {
    #[error("the token is not a JWT: {0}")]
    Malformed(String),
    #[error("the token is signed with {0}, which is not accepted")]
    Algorithm(String),
    #[error("no key of the issuer fits the token")]
    NoKey,
    #[error("the issuer's keys cannot be read: {0}")]
    Keys(String),
    #[error("the token is not valid: {0}")]
    Invalid(String),
}

pub(super) struct Verifier {
    issuer: String,
    audience: String,
    jwks_uri: Option<String>,
    fetch: Arc<dyn Fetch>,
    keys: RwLock<Keys>,
}

#[derive(Default)]
struct Keys {
    set: Vec<Jwk>,
    /// When they were read.
    at: Option<Instant>,
    /// When they were last asked for, with or without success.
    tried: Option<Instant>,
}

/// The part of an authorization server's metadata that matters here (RFC 8414, OpenID Connect Discovery).
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
}

impl Verifier {
    pub(super) fn new(
        issuer: String,
        audience: String,
        jwks_uri: Option<String>,
        fetch: Arc<dyn Fetch>,
    ) -> Self {
        signature::install();
        Self { issuer, audience, jwks_uri, fetch, keys: RwLock::default() }
    }

    pub(super) async fn verify(&self, token: &str) -> Result<Claims, TokenError> {
        if token.len() > LONGEST {
            return Err(TokenError::Malformed(format!("{} bytes", token.len())));
        }
        let header = decode_header(token).map_err(|error| TokenError::Malformed(error.to_string()))?;
        if !signature::ALGORITHMS.contains(&header.alg) {
            return Err(TokenError::Algorithm(format!("{:?}", header.alg)));
        }
        let keys = self.keys_for(header.kid.as_deref()).await?;
        let mut validation = Validation::new(header.alg);
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&[&self.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.validate_nbf = true;
        validation.leeway = LEEWAY_SECONDS;
        let mut last = TokenError::NoKey;
        for jwk in keys {
            // A key that is not of the token's family, or not for signatures, is not tried.
            let Ok(key) = DecodingKey::from_jwk(&jwk) else { continue };
            if key.family() != header.alg.family() {
                continue;
            }
            match decode::<Claims>(token, &key, &validation) {
                Ok(decoded) => return Ok(decoded.claims),
                Err(error) => last = TokenError::Invalid(error.to_string()),
            }
        }
        Err(last)
    }

    /// The keys that may have signed: those with the id, or all where the token names none. Read anew when they are old
    /// or the id is unknown.
    async fn keys_for(&self, id: Option<&str>) -> Result<Vec<Jwk>, TokenError> {
        {
            let keys = self.keys.read().await;
            let fresh = keys.at.is_some_and(|at| at.elapsed() < KEYS_FOR);
            let fitting = fitting(&keys.set, id);
            if fresh && !fitting.is_empty() {
                return Ok(fitting);
            }
        }
        let mut keys = self.keys.write().await;
        if keys.tried.is_none_or(|tried| tried.elapsed() >= FETCH_EVERY) {
            keys.tried = Some(Instant::now());
            match self.read_keys().await {
                Ok(set) => {
                    keys.set = set;
                    keys.at = Some(Instant::now());
                }
                // Old keys are better than none while the issuer does not answer, for a while.
                Err(error) if keys.at.is_some_and(|at| at.elapsed() < 6 * KEYS_FOR) => {
                    tracing::warn!(%error, "the issuer's keys are old");
                }
                Err(error) => return Err(TokenError::Keys(error)),
            }
        }
        if keys.at.is_none_or(|at| at.elapsed() >= 6 * KEYS_FOR) {
            return Err(TokenError::Keys("the issuer did not answer a moment ago".to_owned()));
        }
        Ok(fitting(&keys.set, id))
    }

    async fn read_keys(&self) -> Result<Vec<Jwk>, String> {
        let uri = match &self.jwks_uri {
            Some(uri) => uri.clone(),
            None => self.discover().await?,
        };
        let body = self.fetch.get(&uri).await?;
        let set: JwkSet = serde_json::from_slice(&body).map_err(|error| format!("{uri}: {error}"))?;
        if set.keys.len() > MOST_KEYS {
            return Err(format!("{uri}: {} keys, more than {MOST_KEYS}", set.keys.len()));
        }
        let signs = |jwk: &Jwk| !matches!(jwk.common.public_key_use, Some(PublicKeyUse::Encryption));
        Ok(set.keys.into_iter().filter(signs).collect())
    }

    async fn discover(&self) -> Result<String, String> {
        let base = self.issuer.trim_end_matches('/');
        let mut last = String::new();
        for path in ["openid-configuration", "oauth-authorization-server"] {
            let url = format!("{base}/.well-known/{path}");
            match self.fetch.get(&url).await {
                Ok(body) => {
                    let metadata: Metadata =
                        serde_json::from_slice(&body).map_err(|error| format!("{url}: {error}"))?;
                    if metadata.issuer != self.issuer {
                        return Err(format!("{url} speaks for {}, not for {}", metadata.issuer, self.issuer));
                    }
                    return Ok(metadata.jwks_uri);
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

fn fitting(keys: &[Jwk], id: Option<&str>) -> Vec<Jwk> {
    keys.iter().filter(|key| id.is_none() || key.common.key_id.as_deref() == id).cloned().collect()
}
