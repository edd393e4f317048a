//! `mcp`: the tools and the agent for IDE assistants. Here the ports of the server are given their clusters.

use crate::cli::{Global, Mcp, OfferFlag, PayloadFlag};
use crate::compose;
use crate::config::{Config, IdentityConfig, environment};
use crate::exit::{Code, Failure};
use crate::terminal::answer;
use async_trait::async_trait;
use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use stethoscope_agent::{Investigation, Limits, Means, Observer, Prompts, Setup, drive};
use stethoscope_cluster::{Cluster, Identity as ClusterIdentity};
use stethoscope_core::clock::Clock;
use stethoscope_core::model::Model;
use stethoscope_core::question::{Question, Scope};
use stethoscope_core::tool::Registry;
use stethoscope_mcp::{
    Audit, Authentication, Concluded, Fetch, Granted, HttpError, HttpOptions, Identity, Impersonation,
    Investigate, OAuth, Offer, Options, Payload, Permits, Rate, Secret, Server, Source, SourceError, Sources,
    Stop,
};
use stethoscope_metrics::{HttpOptions as FetchOptions, HttpTransport, Transport};
use stethoscope_models::builtin::BUILTIN;

/// Where the bearer token stands unless the configuration names another variable.
const TOKEN: &str = "STETHOSCOPE_MCP_TOKEN";

/// Shortest bearer token: 128 bits in hex.
const SHORTEST_TOKEN: usize = 32;

/// Requests a second of one caller where others reach the server, unless configured.
const REQUESTS_PER_SECOND: f64 = 50.0;

/// Toolsets in the order in which they are listed while they fit.
const TOOLSETS: [&str; 4] = ["kubernetes", "metrics", "hubble", "gpu"];

pub(crate) async fn run(arguments: &Mcp, global: &Global, config: &Config) -> Result<Code, Failure> {
    let clusters = Arc::new(Clusters::new(arguments, global, config)?);
    if global.incident.is_some() {
        // A recording that cannot be read is told now, not at the first call.
        clusters.recording().await?;
    }
    let audit = audit(arguments, config)?;
    let options = Options {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        offer: match arguments.tools {
            OfferFlag::Read => Offer::Read,
            OfferFlag::Investigate => Offer::Investigate,
            OfferFlag::All => Offer::All,
        },
        payload: match arguments.payload {
            PayloadFlag::Auto => None,
            PayloadFlag::Content => Some(Payload::Content),
            PayloadFlag::Structured => Some(Payload::Structured),
            PayloadFlag::Data => Some(Payload::Data),
        },
        toolsets: TOOLSETS.map(str::to_owned).to_vec(),
        investigations: config.mcp.investigations.unwrap_or(Options::default().investigations),
        ..Options::default()
    };
    let server = Server::new(clusters, options, audit);
    match arguments.http {
        None => stethoscope_mcp::serve_stdio(server, super::ask::interrupted())
            .await
            .map_err(|error| Failure::new(Code::Failure, error.to_string()))?,
        Some(address) => http(server, address, arguments, global, config).await?,
    }
    Ok(Code::Answered)
}

async fn http(
    server: Server,
    address: SocketAddr,
    arguments: &Mcp,
    global: &Global,
    config: &Config,
) -> Result<(), Failure> {
    let authentication = authentication(config, global)?;
    let listener =
        stethoscope_mcp::bind(address, &authentication).await.map_err(|error| http_failure(&error))?;
    let bound =
        listener.local_addr().map_err(|error| Failure::new(Code::Failure, format!("no address: {error}")))?;
    let per_second =
        config.mcp.requests_per_second.or_else(|| (!bound.ip().is_loopback()).then_some(REQUESTS_PER_SECOND));
    let with = |configured: &[String], flags: &[String]| [configured, flags].concat();
    let options = HttpOptions {
        authentication,
        allowed_hosts: with(&config.mcp.allowed_hosts, &arguments.allowed_host),
        allowed_origins: with(&config.mcp.allowed_origins, &arguments.allowed_origin),
        rate: per_second.map(|per_second| Rate { per_second, burst: 2.0 * per_second }),
        ..HttpOptions::default()
    };
    if options.allowed_hosts.is_empty() && !bound.ip().is_loopback() {
        return Err(Failure::usage(
            "others reach this address, and no host name is allowed by which they would",
        )
        .hint("--allowed-host mcp.example.com, or allowed_hosts under [mcp] in stethoscope.toml"));
    }
    let _ = writeln!(std::io::stderr(), "serving MCP on http://{bound}/mcp, read-only; Ctrl-C ends");
    stethoscope_mcp::serve_http(server, listener, options, super::ask::interrupted())
        .await
        .map_err(|error| http_failure(&error))
}

fn http_failure(error: &HttpError) -> Failure {
    match error {
        HttpError::Unguarded(_) => Failure::usage(error.to_string()).hint(
            "set STETHOSCOPE_MCP_TOKEN, or [mcp.oauth] in stethoscope.toml, or listen on 127.0.0.1 and put a proxy in front",
        ),
        HttpError::Bind { .. } => Failure::new(Code::Failure, error.to_string())
            .hint("--http 127.0.0.1:0 picks a free port"),
        HttpError::Serve(_) => Failure::new(Code::Failure, error.to_string()),
    }
}

fn authentication(config: &Config, global: &Global) -> Result<Authentication, Failure> {
    let name = config.mcp.token_env.as_deref().unwrap_or(TOKEN);
    let token = environment(name);
    let Some(oauth) = &config.mcp.oauth else {
        let Some(token) = token else {
            if config.mcp.token_env.is_some() {
                return Err(Failure::usage(format!("token_env names {name}, which is not set")));
            }
            return Ok(Authentication::None);
        };
        if token.len() < SHORTEST_TOKEN {
            return Err(Failure::usage(format!(
                "the token in {name} is shorter than {SHORTEST_TOKEN} characters"
            ))
            .hint("openssl rand -hex 32"));
        }
        return Ok(Authentication::Bearer(Secret::new(&token)));
    };
    if token.is_some() {
        return Err(Failure::usage(format!("{name} is set and [mcp.oauth] is configured; keep one of them")));
    }
    let impersonation = match oauth.identity {
        IdentityConfig::Server => Impersonation::Off,
        IdentityConfig::Impersonate => Impersonation::Headers,
        IdentityConfig::Token => Impersonation::Token,
    };
    if impersonation != Impersonation::Off && global.incident.is_some() {
        return Err(Failure::usage(
            "a recording has no permissions of callers; [mcp.oauth] identity must be server",
        ));
    }
    for url in [Some(&oauth.issuer), oauth.jwks_uri.as_ref()].into_iter().flatten() {
        if !is_safe(url) {
            return Err(Failure::usage(format!("{url} is not https"))
                .hint("http is accepted for this machine only, e.g. http://127.0.0.1:8080"));
        }
    }
    Ok(Authentication::OAuth(OAuth::new(
        oauth.issuer.clone(),
        oauth.audience.clone(),
        oauth.jwks_uri.clone(),
        impersonation,
        Arc::new(Http),
    )))
}

/// Keys that came over a line that others write to would be theirs.
fn is_safe(url: &str) -> bool {
    if url.starts_with("https://") {
        return true;
    }
    let Some(rest) = url.strip_prefix("http://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains(['@', '\\']) {
        return false;
    }
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host).trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Documents of an issuer, over the HTTP client that the metrics crate makes.
struct Http;

#[async_trait]
impl Fetch for Http {
    async fn get(&self, url: &str) -> Result<Vec<u8>, String> {
        if !is_safe(url) {
            return Err(format!("{url} is not https"));
        }
        let start = url.find("://").map_or(0, |at| at + 3);
        let path = url[start..].find('/').map_or(url.len(), |at| start + at);
        let options = FetchOptions {
            timeout: Duration::from_secs(10),
            largest_answer: 256 << 10,
            ..FetchOptions::new(&url[..path])
        };
        let transport = HttpTransport::new(&options).map_err(|error| error.to_string())?;
        let path = if path == url.len() { "/" } else { &url[path..] };
        let (status, body) = transport.get(path).await.map_err(|error| error.to_string())?;
        if status != 200 {
            return Err(format!("{url} answers {status}"));
        }
        Ok(body.to_vec())
    }
}

fn audit(arguments: &Mcp, config: &Config) -> Result<Audit, Failure> {
    let Some(path) = arguments.audit.as_ref().or(config.mcp.audit.as_ref()) else { return Ok(Audit::off()) };
    let file = append(path)
        .map_err(|error| Failure::usage(format!("cannot write the audit log {}: {error}", path.display())))?;
    Ok(Audit::to(Box::new(file), compose::clock()))
}

/// Opens a file that only its owner reads, to write at its end.
fn append(path: &Path) -> std::io::Result<std::fs::File> {
    use std::os::unix::fs::OpenOptionsExt;
    std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

/// The clusters that flags and configuration allow.
struct Clusters {
    global: Global,
    config: Config,
    contexts: Vec<String>,
    catalogue: Registry,
    model: Arc<dyn Model>,
    prompts: Arc<Prompts>,
}

impl Clusters {
    fn new(arguments: &Mcp, global: &Global, config: &Config) -> Result<Self, Failure> {
        let base_url = arguments
            .base_url
            .clone()
            .filter(|url| !url.is_empty())
            .or_else(|| config.model.base_url.clone());
        // A key that lies around for other programs is no permission to send a cluster's data away.
        let name = arguments.model.as_ref().or(config.model.name.as_ref());
        let model = compose::named_model(name.map_or(BUILTIN, String::as_str), base_url, config)?;
        if config.limits.cost.is_some() && model.name() != BUILTIN && model.price().is_none() {
            return Err(Failure::usage("a limit on cost needs the model's price")
                .hint("set price_input and price_output under [model] in stethoscope.toml"));
        }
        Ok(Self {
            contexts: contexts(global, config)?,
            catalogue: compose::catalogue()?,
            model,
            prompts: Arc::new(compose::prompts(config)?),
            global: global.clone(),
            config: config.clone(),
        })
    }

    async fn recording(&self) -> Result<(), Failure> {
        compose::source(&self.global, &self.config).await.map(drop)
    }
}

/// Contexts that clients may name. A flag for another one would be a hole in the list.
fn contexts(global: &Global, config: &Config) -> Result<Vec<String>, Failure> {
    let mut contexts = config.mcp.contexts.clone();
    if global.incident.is_some() || contexts.is_empty() {
        return Ok(Vec::new());
    }
    if let Some(first) = &global.context {
        let Some(at) = contexts.iter().position(|context| context == first) else {
            return Err(Failure::usage(format!("the context {first} is not among those under [mcp]"))
                .hint(format!("allowed: {}", contexts.join(", "))));
        };
        let first = contexts.remove(at);
        contexts.insert(0, first);
    }
    Ok(contexts)
}

#[async_trait]
impl Sources for Clusters {
    fn catalogue(&self) -> &Registry {
        &self.catalogue
    }

    fn contexts(&self) -> &[String] {
        &self.contexts
    }

    async fn open(&self, context: Option<&str>, identity: &Identity) -> Result<Source, SourceError> {
        let mut global = self.global.clone();
        if let Some(context) = context {
            global.context = Some(context.to_owned());
        }
        let identity = match identity {
            Identity::Server => ClusterIdentity::Own,
            Identity::Impersonate { user, groups } => {
                ClusterIdentity::Impersonate { user: user.clone(), groups: groups.clone() }
            }
            Identity::Token(token) => ClusterIdentity::Token(token.expose().to_owned()),
        };
        let failed = |failure: Failure| SourceError { message: failure.message, hint: failure.hint };
        let source = compose::source_as(&global, &self.config, identity).await.map_err(failed)?;
        let source = Arc::new(source);
        let agent = Agent {
            source: source.clone(),
            model: self.model.clone(),
            prompts: self.prompts.clone(),
            limits: self.config.limits.over(Limits::default()),
        };
        Ok(Source {
            registry: source.registry().map_err(failed)?,
            intake: source.intake(),
            clock: source.clock.clone(),
            scope: Scope { cluster: source.name.clone(), namespace: source.namespace.clone() },
            question: source.question.clone(),
            objects: Arc::new(source.cluster().clone()),
            permits: Arc::new(Permissions(source.cluster().clone(), source.namespace.clone())),
            agent: Arc::new(agent),
        })
    }
}

/// What the API server grants us.
struct Permissions(Cluster, Option<String>);

#[async_trait]
impl Permits for Permissions {
    async fn granted(&self) -> Granted {
        match self.0.own_permissions(self.1.as_deref()).await {
            Ok(permissions) if permissions.complete => Granted::Rules(permissions.rules),
            Ok(_) => Granted::Unknown,
            Err(error) => {
                tracing::debug!(%error, "the API server does not say what is permitted");
                Granted::Unknown
            }
        }
    }
}

/// The agent over one source.
struct Agent {
    source: Arc<compose::Source>,
    model: Arc<dyn Model>,
    prompts: Arc<Prompts>,
    limits: Limits,
}

#[async_trait]
impl Investigate for Agent {
    fn model(&self) -> &str {
        self.model.name()
    }

    async fn investigate(
        &self,
        question: Question,
        observer: &mut dyn Observer,
        stop: Stop,
    ) -> Result<Concluded, String> {
        let registry = self.source.registry().map_err(|failure| failure.message)?;
        let mut intake = self.source.intake();
        let clock: &dyn Clock = self.source.clock.as_ref();
        let setup = Setup {
            id: self.source.id.clone(),
            question,
            model: self.model.name().to_owned(),
            context_window: self.model.context_window(),
            price: self.model.price(),
            tools: registry.specs().map(Into::into).collect(),
            limits: self.limits,
        };
        let (mut investigation, opening) =
            Investigation::start(setup, &self.prompts, &mut intake, clock.now())
                .map_err(|e| e.to_string())?;
        let means = Means { model: self.model.as_ref(), registry: &registry, clock, prompts: &self.prompts };
        let ended = drive(&mut investigation, opening, &mut intake, &means, observer, stop)
            .await
            .map_err(|error| error.to_string())?;
        let answer = ended.answer().clone();
        Ok(Concluded { markdown: answer::markdown(&answer), answer, ledger: investigation.ledger().clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_over_tls_or_from_this_machine() {
        for safe in
            ["https://id.example.com", "http://127.0.0.1:8080/x", "http://localhost", "http://[::1]:9/"]
        {
            assert!(is_safe(safe), "{safe}");
        }
        for unsafe_url in [
            "http://id.example.com",
            "http://127.0.0.1.example.com/",
            "http://localhost.example.com",
            "http://localhost@example.com/",
            "ftp://127.0.0.1",
            "//127.0.0.1",
        ] {
            assert!(!is_safe(unsafe_url), "{unsafe_url}");
        }
    }
}
