//! Who is let in.

use super::jwt::{Claims, Fetch, Verifier};
use crate::caller::{Caller, Identity, Scope, Secret};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fmt;
use std::sync::Arc;

/// Who is let in.
#[derive(Clone, Debug, Default)]
pub enum Authentication {
    /// Everybody who reaches the socket: loopback only.
    #[default]
    None,
    /// Who has the one token.
    Bearer(Secret),
    /// Who has an access token of an issuer (OAuth 2.1 resource server).
    OAuth(OAuth),
}

/// This server as a protected resource.
#[derive(Clone)]
pub struct OAuth {
    /// Who issues tokens; compared with `iss` exactly.
    pub issuer: String,
    /// This resource, as `aud` names it: its public URL.
    pub audience: String,
    /// As whom callers ask the cluster.
    pub impersonation: Impersonation,
    verifier: Arc<Verifier>,
}

/// As whom a caller asks the cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Impersonation {
    /// As the server.
    #[default]
    Off,
    /// As the token's subject and groups, by impersonation headers.
    Headers,
    /// With the caller's own token, where the API server trusts the same issuer and audience.
    Token,
}

impl fmt::Debug for OAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OAuth")
            .field("issuer", &self.issuer)
            .field("audience", &self.audience)
            .field("impersonation", &self.impersonation)
            .finish_non_exhaustive()
    }
}

impl OAuth {
    /// `jwks_uri` is where the issuer's keys are; without it the issuer's metadata is asked.
    pub fn new(
        issuer: String,
        audience: String,
        jwks_uri: Option<String>,
        impersonation: Impersonation,
        fetch: Arc<dyn Fetch>,
    ) -> Self {
        let verifier = Arc::new(Verifier::new(issuer.clone(), audience.clone(), jwks_uri, fetch));
        Self { issuer, audience, impersonation, verifier }
    }
}

/// Why a request is not let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// No token was sent.
    Missing,
    /// It is not believed; why is for the log.
    Invalid(String),
    /// It is believed and allows too little.
    Scope(Scope),
}

impl Authentication {
    pub(super) async fn admit(&self, headers: &HeaderMap) -> Result<Caller, Refusal> {
        match self {
            Self::None => Ok(Caller::local()),
            Self::Bearer(secret) => {
                let token = bearer(headers)?;
                // Digests are compared: how far two of them agree tells nothing about the token.
                if Sha256::digest(token.as_bytes()) == Sha256::digest(secret.expose().as_bytes()) {
                    return Ok(Caller { name: "bearer".to_owned(), ..Caller::local() });
                }
                Err(Refusal::Invalid("it is another token".to_owned()))
            }
            Self::OAuth(oauth) => {
                let token = bearer(headers)?;
                let claims = oauth
                    .verifier
                    .verify(token)
                    .await
                    .map_err(|error| Refusal::Invalid(error.to_string()))?;
                let caller = oauth.caller(token, claims)?;
                if caller.scopes.is_empty() {
                    return Err(Refusal::Scope(Scope::Read));
                }
                Ok(caller)
            }
        }
    }

    /// RFC 9728 metadata, where there is something to tell.
    pub(super) fn metadata(&self) -> Option<Value> {
        let Self::OAuth(oauth) = self else { return None };
        Some(json!({
            "resource": oauth.audience,
            "authorization_servers": [oauth.issuer],
            "scopes_supported": Scope::ALL.map(Scope::as_str),
            "bearer_methods_supported": ["header"],
            "resource_name": "Stethoscope",
        }))
    }

    /// The `WWW-Authenticate` of a refusal. It names where the metadata is and the scope that is missing.
    pub(super) fn challenge(&self, refusal: &Refusal) -> String {
        let mut challenge = "Bearer".to_owned();
        let mut parts = Vec::new();
        match refusal {
            Refusal::Missing => {}
            Refusal::Invalid(_) => parts.push("error=\"invalid_token\"".to_owned()),
            Refusal::Scope(_) => parts.push("error=\"insufficient_scope\"".to_owned()),
        }
        if let Self::OAuth(oauth) = self {
            if let Some(metadata) = metadata_url(&oauth.audience) {
                parts.push(format!("resource_metadata=\"{metadata}\""));
            }
            let scope = match refusal {
                Refusal::Scope(scope) => *scope,
                Refusal::Missing | Refusal::Invalid(_) => Scope::Read,
            };
            parts.push(format!("scope=\"{}\"", scope.as_str()));
        }
        if !parts.is_empty() {
            challenge.push(' ');
            challenge.push_str(&parts.join(", "));
        }
        challenge
    }
}

/// The metadata's URL for a resource's: the well-known part goes between host and path.
fn metadata_url(resource: &str) -> Option<String> {
    let uri: http::Uri = resource.parse().ok()?;
    let (scheme, host) = (uri.scheme_str()?, uri.authority()?);
    let path = uri.path().trim_end_matches('/');
    Some(format!("{scheme}://{host}/.well-known/oauth-protected-resource{path}"))
}

impl OAuth {
    fn caller(&self, token: &str, claims: Claims) -> Result<Caller, Refusal> {
        let scopes = Scope::ALL.into_iter().filter(|scope| claims.has_scope(scope.as_str())).collect();
        let name = format!("{}#{}", self.issuer, claims.sub);
        let identity = match self.impersonation {
            Impersonation::Off => Identity::Server,
            Impersonation::Headers => {
                // Nobody's name would make the API server take the server's own.
                if claims.sub.is_empty() || claims.groups.iter().any(String::is_empty) {
                    return Err(Refusal::Invalid("it names nobody".to_owned()));
                }
                // Groups of the system are not an issuer's to give.
                let privileged = |name: &String| name.starts_with("system:");
                if claims.sub.starts_with("system:") || claims.groups.iter().any(privileged) {
                    return Err(Refusal::Invalid("it names a user or group of the system".to_owned()));
                }
                Identity::Impersonate { user: claims.sub, groups: claims.groups }
            }
            Impersonation::Token => Identity::Token(Secret::new(token)),
        };
        Ok(Caller { name, scopes, identity })
    }
}

/// The token of the `Authorization` header; one header, one token.
fn bearer(headers: &HeaderMap) -> Result<&str, Refusal> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let header = all.next().ok_or(Refusal::Missing)?;
    if all.next().is_some() {
        return Err(Refusal::Invalid("there are two".to_owned()));
    }
    let text = header.to_str().map_err(|_| Refusal::Invalid("it is not text".to_owned()))?;
    let (scheme, token) = text.split_once(' ').ok_or(Refusal::Missing)?;
    let token = token.trim();
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() {
        return Err(Refusal::Missing);
    }
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn the_metadata_url_keeps_the_path() {
        let url = metadata_url("https://s.example.com:8443/mcp").unwrap();
        assert_eq!(url, "https://s.example.com:8443/.well-known/oauth-protected-resource/mcp");
        assert_eq!(metadata_url("not a url"), None);
        assert_eq!(metadata_url("/mcp"), None);
    }

    #[tokio::test]
    async fn a_token_is_compared_whole_and_sent_once() {
        let authentication = Authentication::Bearer(Secret::new("right"));
        let headers = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(AUTHORIZATION, value.parse().unwrap());
            }
            headers
        };
        assert!(authentication.admit(&headers(&["Bearer right"])).await.is_ok());
        assert!(authentication.admit(&headers(&["bearer right"])).await.is_ok());
        assert_eq!(authentication.admit(&headers(&[])).await, Err(Refusal::Missing));
        assert_eq!(authentication.admit(&headers(&["Basic right"])).await, Err(Refusal::Missing));
        for wrong in [&["Bearer righ"][..], &["Bearer right2"], &["Bearer right", "Bearer right"]] {
            assert!(
                matches!(authentication.admit(&headers(wrong)).await, Err(Refusal::Invalid(_))),
                "{wrong:?}"
            );
        }
    }
}
