//! Where requests go and with which credentials: async-openai's `Config`, without its look into the environment.

use super::config::OpenAiConfig;
use async_openai::config::Config;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};
use stethoscope_core::model::ModelError;

use crate::http::Reach;

const COMPLETIONS: &str = "/chat/completions";
/// Azure's header for keys; there `Authorization` is for Entra tokens alone.
const AZURE_KEY: &str = "api-key";

/// A checked endpoint.
#[derive(Clone)]
pub(super) struct Endpoint {
    /// The whole URL of the completions, with user and query.
    url: String,
    /// The same without user and query, for messages.
    pub(super) place: String,
    pub(super) reach: Reach,
    /// Whether it is OpenAI's own or Azure's: those want `max_completion_tokens`.
    pub(super) maker: Maker,
    headers: HeaderMap,
    key: SecretString,
    /// Everything that must not be in a message: the key, passwords, header values, query values.
    secrets: Vec<SecretString>,
}

/// Who runs an endpoint, as far as it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Maker {
    OpenAi,
    Azure,
    Other,
}

impl Endpoint {
    pub(super) fn new(config: &OpenAiConfig) -> Result<Self, ModelError> {
        let shown = place(&config.base_url);
        let refused = |why: &str| ModelError::Unavailable(format!("the base URL {shown:?} {why}"));
        let mut url =
            Url::parse(config.base_url.trim()).map_err(|error| refused(&format!("is not a URL: {error}")))?;
        let Some(host) = url.host_str().map(str::to_ascii_lowercase) else {
            return Err(refused("has no host"));
        };
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refused("is neither http nor https"));
        }
        let path = url.path().trim_end_matches('/').to_owned();
        if !path.ends_with(COMPLETIONS) {
            url.set_path(&format!("{path}{COMPLETIONS}"));
        }
        url.set_fragment(None);
        let maker = maker(&host, &url);
        let key = config.api_key.as_ref().map(super::ApiKey::expose).unwrap_or_default();
        let password = url.password().unwrap_or_default();
        let values = config.headers.iter().map(|(_, value)| value.clone());
        let query =
            url.query_pairs().filter(|(name, _)| name != "api-version").map(|(_, value)| value.into_owned());
        let secrets = [key.to_owned(), password.to_owned()].into_iter().chain(values).chain(query);
        // Shorter ones would make holes in ordinary words.
        let secrets = secrets.filter(|secret| secret.len() >= 6).map(SecretString::from).collect();
        Ok(Self {
            place: place(url.as_str()),
            reach: reach(&host, url.scheme()),
            maker,
            headers: headers(config, key, maker)?,
            key: SecretString::from(key),
            secrets,
            url: url.into(),
        })
    }

    /// A text without anything that is secret about this endpoint.
    pub(super) fn redact(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.secrets {
            text = text.replace(secret.expose_secret(), "[redacted]");
        }
        text
    }
}

impl Config for Endpoint {
    fn headers(&self) -> HeaderMap {
        self.headers.clone()
    }

    fn url(&self, _path: &str) -> String {
        // Only chat completions are ever asked for; the query sits behind the path.
        self.url.clone()
    }

    fn query(&self) -> Vec<(&str, &str)> {
        Vec::new()
    }

    fn api_base(&self) -> &str {
        &self.place
    }

    fn api_key(&self) -> &SecretString {
        &self.key
    }
}

/// A URL without user, password, query and fragment.
pub(super) fn place(url: &str) -> String {
    let Ok(mut parsed) = Url::parse(url.trim()) else {
        // Not a URL: what is before an `@` or behind a `?` may still be secret.
        let text = url.split(['?', '#']).next().unwrap_or("");
        return text.rsplit('@').next().unwrap_or("").to_owned();
    };
    // Refused for URLs that have no host, which carry no user either.
    let _ = parsed.set_username("");
    let _ = parsed.set_password(None);
    parsed.set_query(None);
    parsed.set_fragment(None);
    parsed.to_string().trim_end_matches('/').to_owned()
}

fn maker(host: &str, url: &Url) -> Maker {
    let azure = host.ends_with(".azure.com") || url.query_pairs().any(|(name, _)| name == "api-version");
    match host {
        _ if azure => Maker::Azure,
        "api.openai.com" => Maker::OpenAi,
        _ => Maker::Other,
    }
}

fn reach(host: &str, scheme: &str) -> Reach {
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    let loopback = host == "localhost"
        || host.ends_with(".localhost")
        || address.is_ok_and(|address| address.is_loopback());
    match (loopback, scheme) {
        (true, "https") => Reach::LoopbackTls,
        (true, _) => Reach::Loopback,
        (false, "https") => Reach::Tls,
        (false, _) => Reach::Plain,
    }
}

fn headers(config: &OpenAiConfig, key: &str, maker: Maker) -> Result<HeaderMap, ModelError> {
    let mut headers = HeaderMap::new();
    if !key.is_empty() {
        let token = key.starts_with("eyJ") && key.split('.').count() == 3;
        let (name, text) = match maker {
            Maker::Azure if !token => (HeaderName::from_static(AZURE_KEY), key.to_owned()),
            Maker::Azure | Maker::OpenAi | Maker::Other => (header::AUTHORIZATION, format!("Bearer {key}")),
        };
        let mut value = HeaderValue::try_from(text).map_err(|_| {
            ModelError::Authentication("the API key has characters that no header can carry".to_owned())
        })?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    let organization =
        config.organization.iter().map(|organization| ("OpenAI-Organization", organization.as_str()));
    let more = config.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    for (name, value) in organization.chain(more) {
        let parsed = (HeaderName::try_from(name), HeaderValue::try_from(value));
        let (Ok(name), Ok(mut value)) = parsed else {
            return Err(ModelError::BadRequest(format!(
                "the configured header {name:?} has a name or value that no header can have"
            )));
        };
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::super::ApiKey;
    use super::*;
    use pretty_assertions::assert_eq;

    fn endpoint(base_url: &str) -> Endpoint {
        let mut config = OpenAiConfig::new(base_url, "m");
        config.api_key = ApiKey::new("secret-key");
        Endpoint::new(&config).unwrap()
    }

    #[test]
    fn builds_the_completions_url_and_keeps_the_query() {
        let url = |base| endpoint(base).url;
        assert_eq!(url("https://api.openai.com/v1"), "https://api.openai.com/v1/chat/completions");
        assert_eq!(url("https://api.openai.com/v1/"), "https://api.openai.com/v1/chat/completions");
        assert_eq!(url("http://h/v1/chat/completions"), "http://h/v1/chat/completions");
        assert_eq!(
            url("https://x.openai.azure.com/openai/deployments/d/?api-version=2024-10-21"),
            "https://x.openai.azure.com/openai/deployments/d/chat/completions?api-version=2024-10-21"
        );
    }

    #[test]
    fn sends_the_key_where_the_maker_expects_it() {
        let sent = |base| {
            let headers = endpoint(base).headers;
            headers.keys().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(sent("https://api.openai.com/v1"), ["authorization"]);
        assert_eq!(sent("https://x.openai.azure.com/openai/deployments/d?api-version=1"), ["api-key"]);
        let keyless = Endpoint::new(&OpenAiConfig::new("http://127.0.0.1:11434/v1", "m")).unwrap();
        assert_eq!(keyless.headers, HeaderMap::new());
    }

    #[test]
    fn never_sends_what_is_for_this_machine_through_a_proxy() {
        assert_eq!(endpoint("http://127.0.0.1:1/v1").reach, Reach::Loopback);
        assert_eq!(endpoint("http://[::1]:1/v1").reach, Reach::Loopback);
        assert_eq!(endpoint("https://localhost/v1").reach, Reach::LoopbackTls);
        assert_eq!(endpoint("http://ollama.llm.svc/v1").reach, Reach::Plain);
        assert_eq!(endpoint("https://api.openai.com/v1").reach, Reach::Tls);
    }

    #[test]
    fn refuses_what_cannot_work_with_the_reason_and_without_the_password() {
        let refusal = |base: &str| Endpoint::new(&OpenAiConfig::new(base, "m")).err().unwrap().to_string();
        assert!(refusal("api.openai.com/v1").contains("is not a URL"));
        assert!(refusal("ftp://host/v1").contains("is neither http nor https"));
        assert!(!refusal("https://user:hunter2@[bad/v1").contains("hunter2"));
        let mut config = OpenAiConfig::new("http://h/v1", "m");
        config.api_key = ApiKey::new("two\nlines");
        assert!(matches!(Endpoint::new(&config), Err(ModelError::Authentication(_))));
    }

    #[test]
    fn takes_its_own_secrets_out_of_a_text() {
        let endpoint = endpoint("https://u:hunter22@h/v1?token=t0ken-value");
        assert_eq!(
            endpoint.redact("secret-key, hunter22 and t0ken-value are wrong"),
            "[redacted], [redacted] and [redacted] are wrong"
        );
        assert_eq!(endpoint.place, "https://h/v1/chat/completions");
    }
}
