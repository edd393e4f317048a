//! The one place that names concrete backends: flags and configuration in, a cluster, tools and a model out.

mod flows;
mod metrics;

use crate::cli::{Ask, Global};
use crate::config::{Config, environment};
use crate::exit::{Code, Failure};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use stethoscope_agent::{PROMPT_NAMES, Prompts};
use stethoscope_cluster::{Cluster, ClusterError, ConnectOptions, Identity};
use stethoscope_core::clock::{Clock, FixedClock};
use stethoscope_core::evidence::{Intake, Limits, ReplaySeed};
use stethoscope_core::model::{Model, Price};
use stethoscope_core::redact::{Redactor, Sealer};
use stethoscope_core::text::Fence;
use stethoscope_core::tool::Registry;
use stethoscope_evals::Backends;
use stethoscope_incidents::{Bundle, BundleError, OpenLimits};
use stethoscope_models::builtin::{BUILTIN, Builtin};
use stethoscope_models::{ApiKey, OpenAi, OpenAiConfig};

/// The endpoint when none is named but a key is set.
const OPENAI: &str = "https://api.openai.com/v1";

/// What is listened to: a live cluster or a recorded one.
pub(crate) struct Source {
    backends: Backends,
    pub(crate) clock: Arc<dyn Clock>,
    /// Context or incident, for the scope line.
    pub(crate) name: Option<String>,
    /// Namespace of `-n`, of the configuration or of the incident.
    pub(crate) namespace: Option<String>,
    /// The incident's own question.
    pub(crate) question: Option<String>,
    /// Id of an investigation: the incident's name, so that replays are identical; else a fresh one.
    pub(crate) id: String,
    sealer: Sealer,
    fence: Fence,
}

/// The system's clock.
struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// Opens what the flags name.
pub(crate) async fn source(global: &Global, config: &Config) -> Result<Source, Failure> {
    source_as(global, config, Identity::Own).await
}

/// Opens what the flags name as somebody. A recording looks the same to everybody.
pub(crate) async fn source_as(
    global: &Global,
    config: &Config,
    identity: Identity,
) -> Result<Source, Failure> {
    match &global.incident {
        Some(path) => recorded(path, global, config).await,
        None => live(global, config, identity).await,
    }
}

/// Every tool by its description, without a cluster. Needs a tokio runtime.
pub(crate) fn catalogue() -> Result<Registry, Failure> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let sealer = Sealer::new(random_key());
    let cluster = Cluster::unconnected(sealer.clone(), clock.clone());
    assemble(Backends::unconnected(cluster), clock, sealer, None, None).registry()
}

/// Reads a bundle.
pub(crate) fn open(path: &Path) -> Result<Bundle, Failure> {
    Bundle::open(path, &OpenLimits::default()).map_err(|error| bundle_failure(path, &error))
}

fn bundle_failure(path: &Path, error: &BundleError) -> Failure {
    let failure =
        Failure::new(Code::Unreachable, format!("cannot read the incident {}: {error}", path.display()));
    failure.hint("a bundle is a directory, .tar.gz or .tar.zst with incident.yaml and cluster-resources/; support bundles, must-gathers and cluster-info dumps work too")
}

async fn recorded(path: &Path, global: &Global, config: &Config) -> Result<Source, Failure> {
    if global.context.is_some() || global.kubeconfig.is_some() {
        return Err(Failure::usage(
            "--incident reads a recording; it cannot be used with --context or --kubeconfig",
        ));
    }
    let bundle = Arc::new(open(path)?);
    for problem in bundle.problems() {
        tracing::warn!(problem, "part of the incident cannot be read");
    }
    let incident = bundle.incident().clone();
    let clock: Arc<dyn Clock> = Arc::new(FixedClock(incident.captured_at));
    let seed = ReplaySeed::of(&incident.name, incident.captured_at);
    let sealer = seed.sealer();
    let namespace = namespace(global, config, incident.namespace.as_deref());
    let default_namespace = namespace.clone().unwrap_or_else(|| "default".to_owned());
    let backends = Backends::recorded(bundle, default_namespace, sealer.clone(), clock.clone()).await;
    Ok(Source {
        backends,
        clock,
        name: Some(incident.name.clone()),
        namespace,
        question: incident.question,
        id: incident.name,
        sealer,
        fence: seed.fence(),
    })
}

async fn live(global: &Global, config: &Config, identity: Identity) -> Result<Source, Failure> {
    let defaults = ConnectOptions::default();
    let context = global.context.clone().or_else(|| config.cluster.context.clone());
    let options = ConnectOptions {
        kubeconfig: global.kubeconfig.clone().or_else(|| environment("KUBECONFIG").map(Into::into)),
        context: context.clone(),
        request_timeout: config.cluster.timeout_seconds.map_or(defaults.request_timeout, Duration::from_secs),
        qps: config.cluster.qps.unwrap_or(defaults.qps),
        burst: config.cluster.burst.unwrap_or(defaults.burst),
        identity,
        ..defaults
    };
    let own = options.identity == Identity::Own;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let sealer = Sealer::new(random_key());
    let cluster = Cluster::connect(options, sealer.clone(), clock.clone())
        .await
        .map_err(|error| cluster_failure(&error))?;
    // A context's own namespace is where its person works; `default` is what a context has when nobody chose.
    let chosen = Some(cluster.default_namespace()).filter(|name| *name != "default");
    let namespace = namespace(global, config, chosen);
    let (metrics, flows) = if own {
        (metrics::live(&cluster, config).await?, flows::live()?)
    } else {
        // Prometheus and Relay know one identity: ours. A caller must not see through it what Kubernetes hides.
        let why = "not read on behalf of others: it does not know what a caller may see";
        (stethoscope_metrics::Backend::missing(why), stethoscope_flows::Backend::missing(why))
    };
    let backends = Backends::of(cluster, metrics, flows).await;
    Ok(assemble(backends, clock, sealer, context, namespace))
}

/// A live source around its cluster.
fn assemble(
    backends: Backends,
    clock: Arc<dyn Clock>,
    sealer: Sealer,
    context: Option<String>,
    namespace: Option<String>,
) -> Source {
    let id = uuid::Uuid::now_v7().to_string();
    let fence = Fence::new(format!("data-{:016x}", uuid::Uuid::new_v4().as_u64_pair().0));
    Source { backends, clock, name: context, namespace, question: None, id, sealer, fence }
}

/// Where to look first: `-n`, the configuration, the context or incident; nowhere in particular with `-A`.
fn namespace(global: &Global, config: &Config, usual: Option<&str>) -> Option<String> {
    if global.all_namespaces {
        return None;
    }
    global
        .namespace
        .clone()
        .or_else(|| config.cluster.namespace.clone())
        .or_else(|| usual.map(ToOwned::to_owned))
}

/// A failure of the cluster with its exit code.
pub(crate) fn cluster_failure(error: &ClusterError) -> Failure {
    let code = match error {
        ClusterError::Kubeconfig { .. } => Code::Usage,
        ClusterError::Authentication { .. } => Code::Authentication,
        ClusterError::Denied(_) => Code::Denied,
        ClusterError::Unreachable { .. } | ClusterError::Timeout { .. } | ClusterError::Server { .. } => {
            Code::Unreachable
        }
        _ => Code::Failure,
    };
    Failure::new(code, error.to_string())
        .hint("`stethoscope doctor` shows what is reachable; `--incident BUNDLE` needs no cluster")
}

impl Source {
    /// Every tool.
    pub(crate) fn registry(&self) -> Result<Registry, Failure> {
        self.backends.registry().map_err(|error| Failure::new(Code::Failure, error.to_string()))
    }

    /// The API server.
    pub(crate) fn cluster(&self) -> &Cluster {
        &self.backends.cluster
    }

    /// The choke point for outputs.
    pub(crate) fn intake(&self) -> Intake {
        Intake::new(Redactor::new(self.sealer.clone()), self.fence.clone(), Limits::default())
    }
}

/// The prompts, with the overrides of the configured directory.
pub(crate) fn prompts(config: &Config) -> Result<Prompts, Failure> {
    let mut overrides = BTreeMap::new();
    if let Some(directory) = &config.prompts {
        if !directory.is_dir() {
            return Err(Failure::usage(format!(
                "the prompts directory {} does not exist",
                directory.display()
            )));
        }
        for name in PROMPT_NAMES {
            let path = directory.join(format!("{name}.md.tera"));
            match std::fs::read_to_string(&path) {
                Ok(text) => {
                    overrides.insert(name.to_owned(), text);
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => {
                    return Err(Failure::usage(format!(
                        "cannot read the prompt {}: {error}",
                        path.display()
                    )));
                }
            }
        }
    }
    Prompts::with_overrides(&overrides).map_err(|error| Failure::usage(error.to_string()))
}

/// The model that decides, and a remark for the person if the choice may surprise.
pub(crate) fn model(ask: &Ask, config: &Config) -> Result<(Arc<dyn Model>, Option<&'static str>), Failure> {
    let base_url =
        ask.base_url.clone().filter(|url| !url.is_empty()).or_else(|| config.model.base_url.clone());
    let name = ask.model.clone().or_else(|| config.model.name.clone());
    if name.is_none() {
        // A key that lies around for other programs is no permission to send a cluster's data away.
        let surprising = environment(key_name(config)).is_some() || base_url.is_some();
        let remark =
            "an endpoint or key is set but no model is named; using builtin (--model NAME uses the endpoint)";
        return Ok((Arc::new(Builtin), surprising.then_some(remark)));
    }
    let model = named_model(name.as_deref().unwrap_or(BUILTIN), base_url, config)?;
    if ask.max_cost.or(config.limits.cost).is_some() && model.name() != BUILTIN && model.price().is_none() {
        return Err(Failure::usage("a limit on cost needs the model's price").hint(
            "set price_input and price_output (US dollars per million tokens) under [model] in stethoscope.toml",
        ));
    }
    Ok((model, None))
}

/// A model by its name: `builtin`, or one that the endpoint knows.
pub(crate) fn named_model(
    name: &str,
    base_url: Option<String>,
    config: &Config,
) -> Result<Arc<dyn Model>, Failure> {
    if name == BUILTIN {
        return Ok(Arc::new(Builtin));
    }
    let api_key = environment(key_name(config));
    if api_key.is_none() && base_url.is_none() {
        let key_name = key_name(config);
        return Err(Failure::new(
            Code::Authentication,
            format!("the model {name} needs {key_name} or an endpoint that asks for no key"),
        )
        .hint("set the key, or OPENAI_BASE_URL, or use the model builtin, which needs neither"));
    }
    let price = match (config.model.price_input, config.model.price_output) {
        (Some(input), Some(output)) => Some(Price { input, output }),
        _ => None,
    };
    let settings = OpenAiConfig {
        api_key: api_key.as_deref().and_then(ApiKey::new),
        price,
        temperature: config.model.temperature,
        context_window: config.model.context_window,
        ..OpenAiConfig::new(base_url.as_deref().unwrap_or(OPENAI), name)
    };
    let jitter = uuid::Uuid::new_v4().as_u64_pair().0;
    let model = OpenAi::new(settings, jitter).map_err(|error| Failure::usage(error.to_string()))?;
    Ok(Arc::new(model))
}

fn key_name(config: &Config) -> &str {
    config.model.api_key_env.as_deref().unwrap_or("OPENAI_API_KEY")
}

fn random_key() -> [u8; 32] {
    let mut key = [0; 32];
    for half in key.chunks_mut(16) {
        half.copy_from_slice(uuid::Uuid::new_v4().as_bytes());
    }
    key
}

/// The system's clock, for what is not part of an investigation.
pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}
