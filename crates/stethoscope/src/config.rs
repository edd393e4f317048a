//! `stethoscope.toml`: in the project, then in the XDG configuration directory. Flags and environment win over it.

use crate::exit::Failure;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use stethoscope_agent::Limits;

const FILE: &str = "stethoscope.toml";

/// The configuration file. Unknown keys are errors.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) model: ModelConfig,
    pub(crate) cluster: ClusterConfig,
    pub(crate) metrics: MetricsConfig,
    pub(crate) limits: LimitsConfig,
    pub(crate) mcp: McpConfig,
    /// Directory with prompts that replace shipped ones, `<name>.md.tera`.
    pub(crate) prompts: Option<PathBuf>,
}

/// `[model]`
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ModelConfig {
    /// `builtin`, or a name that the endpoint knows.
    pub(crate) name: Option<String>,
    /// OpenAI-compatible endpoint.
    pub(crate) base_url: Option<String>,
    /// Environment variable that holds the key; `OPENAI_API_KEY` unless said otherwise.
    pub(crate) api_key_env: Option<String>,
    /// Tokens that a request may hold.
    pub(crate) context_window: Option<usize>,
    /// US dollars per million prompt tokens.
    pub(crate) price_input: Option<f64>,
    /// US dollars per million completion tokens.
    pub(crate) price_output: Option<f64>,
    /// Sampling temperature.
    pub(crate) temperature: Option<f32>,
}

/// `[cluster]`
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ClusterConfig {
    /// Kubeconfig context.
    pub(crate) context: Option<String>,
    /// Namespace to look at first.
    pub(crate) namespace: Option<String>,
    /// Requests a second, on average.
    pub(crate) qps: Option<f32>,
    /// Requests at once.
    pub(crate) burst: Option<u32>,
    /// Seconds that one request may take.
    pub(crate) timeout_seconds: Option<u64>,
}

/// `[metrics]`
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct MetricsConfig {
    /// Prometheus, Thanos, Mimir or VictoriaMetrics: what comes before `/api/v1`.
    pub(crate) url: Option<String>,
    /// Environment variable that holds a bearer token.
    pub(crate) bearer_env: Option<String>,
    /// Whether to look for the cluster's own Prometheus when no URL is named; default true.
    pub(crate) discover: Option<bool>,
}

/// `[limits]`
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LimitsConfig {
    pub(crate) turns: Option<u32>,
    pub(crate) tool_calls: Option<u32>,
    pub(crate) tokens: Option<u64>,
    pub(crate) seconds: Option<f64>,
    pub(crate) cost: Option<f64>,
}

/// `[mcp]`
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct McpConfig {
    /// Kubeconfig contexts that a client may name, the default first. One context, the usual one, unless named.
    pub(crate) contexts: Vec<String>,
    /// Environment variable that holds the bearer token; `STETHOSCOPE_MCP_TOKEN` unless said otherwise.
    pub(crate) token_env: Option<String>,
    /// Access tokens of an issuer instead of one bearer token.
    pub(crate) oauth: Option<OAuthConfig>,
    /// Host names by which clients know this server.
    pub(crate) allowed_hosts: Vec<String>,
    /// Origins of web pages that may call.
    pub(crate) allowed_origins: Vec<String>,
    /// Requests of one caller a second; a burst is twice that.
    pub(crate) requests_per_second: Option<f64>,
    /// Investigations at once.
    pub(crate) investigations: Option<usize>,
    /// File to which the audit log is appended.
    pub(crate) audit: Option<PathBuf>,
}

/// `[mcp.oauth]`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OAuthConfig {
    /// Who issues tokens, as `iss` names it.
    pub(crate) issuer: String,
    /// This server, as `aud` names it: its public URL.
    pub(crate) audience: String,
    /// Where the issuer's keys are; its metadata is asked unless named.
    #[serde(default)]
    pub(crate) jwks_uri: Option<String>,
    /// As whom callers ask the cluster.
    #[serde(default)]
    pub(crate) identity: IdentityConfig,
}

/// As whom callers ask the cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum IdentityConfig {
    /// As the server.
    #[default]
    Server,
    /// As the token's subject and groups, by impersonation.
    Impersonate,
    /// With the caller's own token.
    Token,
}

impl LimitsConfig {
    /// The defaults, with what is set here instead.
    pub(crate) fn over(&self, defaults: Limits) -> Limits {
        Limits {
            turns: self.turns.unwrap_or(defaults.turns),
            tool_calls: self.tool_calls.unwrap_or(defaults.tool_calls),
            tokens: self.tokens.unwrap_or(defaults.tokens),
            seconds: self.seconds.unwrap_or(defaults.seconds),
            cost: self.cost.or(defaults.cost),
            ..defaults
        }
    }
}

/// Reads the configuration: the file named, else the project's, else the person's, else none.
pub(crate) fn load(named: Option<&Path>) -> Result<Config, Failure> {
    if let Some(path) = named {
        return read(path);
    }
    match candidates().into_iter().find(|path| path.is_file()) {
        Some(path) => read(&path),
        None => Ok(Config::default()),
    }
}

fn candidates() -> Vec<PathBuf> {
    let mut paths = vec![PathBuf::from(FILE)];
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config"));
    let xdg = std::env::var_os("XDG_CONFIG_HOME").filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(directory) = xdg.or_else(home) {
        paths.push(directory.join("stethoscope").join(FILE));
    }
    paths
}

fn read(path: &Path) -> Result<Config, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::usage(format!("cannot read the configuration {}: {error}", path.display()))
    })?;
    parse(&text).map_err(|error| {
        Failure::usage(format!("the configuration {} is wrong: {}", path.display(), error.trim_end()))
            .hint("the keys are described in README.md, section Configuration")
    })
}

fn parse(text: &str) -> Result<Config, String> {
    toml::from_str(text).map_err(|error: toml::de::Error| error.to_string())
}

/// An environment variable that is set and not empty.
pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var_os(name).and_then(|value| value.into_string().ok()).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn an_unknown_key_is_an_error_that_names_it() {
        let error = parse("[model]\nnam = \"x\"\n").unwrap_err();
        assert!(error.contains("unknown field `nam`"), "{error}");
    }

    #[test]
    fn limits_replace_defaults_one_by_one() {
        let config = parse("[limits]\nturns = 3\n").unwrap();
        let limits = config.limits.over(Limits::default());
        assert_eq!(limits, Limits { turns: 3, ..Limits::default() });
    }
}
