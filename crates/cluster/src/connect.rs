//! From a kubeconfig or a service account to a client.

use crate::api::{Traffic, authentication};
use crate::error::ClusterError;
use crate::guard::GuardLayer;
use kube::Config;
use kube::client::{Client, ClientBuilder};
use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig};
use std::path::PathBuf;
use std::time::Duration;

/// How to reach a live cluster. The binary fills it from flags and environment.
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectOptions {
    /// Kubeconfig file, or several joined as in `$KUBECONFIG`; `None` for the customary place.
    pub kubeconfig: Option<PathBuf>,
    /// Context instead of the current one.
    pub context: Option<String>,
    /// Whether the pod's service account may be used.
    pub in_cluster: InCluster,
    /// Longest wait for one whole answer.
    pub request_timeout: Duration,
    /// Requests a second in the long run; zero means no limit.
    pub qps: f32,
    /// Requests at once before `qps` holds.
    pub burst: u32,
    /// Tries after the first for reads that fail transiently.
    pub retries: u32,
    /// As whom to ask.
    pub identity: Identity,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        let traffic = Traffic::default();
        Self {
            kubeconfig: None,
            context: None,
            in_cluster: InCluster::Auto,
            request_timeout: traffic.request_timeout,
            qps: traffic.qps,
            burst: traffic.burst,
            retries: traffic.retries,
            identity: Identity::Own,
        }
    }
}

/// As whom the API server is asked.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Identity {
    /// With the credentials of the configuration.
    #[default]
    Own,
    /// With those, on behalf of somebody: they need the verb `impersonate`.
    Impersonate {
        /// User name.
        user: String,
        /// Groups.
        groups: Vec<String>,
    },
    /// With this bearer token and nothing else.
    Token(String),
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Own => f.write_str("Own"),
            Self::Impersonate { user, groups } => {
                f.debug_struct("Impersonate").field("user", user).field("groups", groups).finish()
            }
            Self::Token(_) => f.write_str("Token([secret])"),
        }
    }
}

/// Use of the service account that a pod is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InCluster {
    /// When there is no kubeconfig and no context is asked for.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl ConnectOptions {
    pub(crate) fn traffic(&self) -> Traffic {
        Traffic {
            request_timeout: self.request_timeout,
            qps: self.qps,
            burst: self.burst,
            retries: self.retries,
            ..Traffic::default()
        }
    }
}

/// Time to establish a connection.
const CONNECT: Duration = Duration::from_secs(10);

/// Reads the configuration. All kinds of credentials that kube knows work: client certificates, tokens and token
/// files, basic auth, exec plugins (the user's own choice, run as kubectl runs them), OIDC with refresh.
pub(crate) async fn load(options: &ConnectOptions) -> Result<Config, ClusterError> {
    let mut config = match options.in_cluster {
        InCluster::Always => in_cluster()?,
        InCluster::Auto | InCluster::Never => {
            match (from_kubeconfig(options).await, options.in_cluster, &options.context, &options.kubeconfig)
            {
                (Ok(config), ..) => config,
                (Err(error), InCluster::Auto, None, None) => in_cluster().map_err(|_| error)?,
                (Err(error), ..) => return Err(error),
            }
        }
    };
    match &options.identity {
        Identity::Own => {}
        Identity::Impersonate { user, groups } => {
            config.auth_info.impersonate = Some(user.clone());
            config.auth_info.impersonate_groups = Some(groups.clone());
        }
        // Whatever else the configuration would identify us by must not go out beside somebody else's token.
        Identity::Token(token) => {
            config.auth_info = AuthInfo { token: Some(token.clone().into()), ..AuthInfo::default() };
        }
    }
    config.connect_timeout = Some(CONNECT);
    // Retries are ours, outside the guard, where they are bounded and counted.
    config.default_retry = false;
    Ok(config)
}

fn in_cluster() -> Result<Config, ClusterError> {
    Config::incluster().map_err(|error| ClusterError::Kubeconfig {
        message: format!("no service account: {error}"),
        hint: "run in a pod with a mounted service account token, or give a kubeconfig".to_owned(),
    })
}

async fn from_kubeconfig(options: &ConnectOptions) -> Result<Config, ClusterError> {
    let choice = KubeConfigOptions { context: options.context.clone(), cluster: None, user: None };
    let Some(paths) = &options.kubeconfig else {
        return Config::from_kubeconfig(&choice).await.map_err(|error| unusable(&error.to_string()));
    };
    let mut merged: Option<Kubeconfig> = None;
    let mut missing = Vec::new();
    for path in std::env::split_paths(paths).filter(|path| !path.as_os_str().is_empty()) {
        if !path.exists() {
            // As kubectl: a file of the list that is not there is skipped.
            missing.push(path.display().to_string());
            continue;
        }
        let next = Kubeconfig::read_from(&path)
            .map_err(|error| unusable(&format!("{}: {error}", path.display())))?;
        merged = Some(match merged {
            None => next,
            Some(first) => first.merge(next).map_err(|error| unusable(&error.to_string()))?,
        });
    }
    let Some(kubeconfig) = merged else {
        return Err(ClusterError::Kubeconfig {
            message: format!("no such file: {}", missing.join(", ")),
            hint: "check --kubeconfig and KUBECONFIG".to_owned(),
        });
    };
    let mut contexts: Vec<String> = kubeconfig.contexts.iter().map(|context| context.name.clone()).collect();
    contexts.sort();
    Config::from_custom_kubeconfig(kubeconfig, &choice).await.map_err(|error| ClusterError::Kubeconfig {
        message: error.to_string(),
        hint: if contexts.is_empty() {
            "the file has no contexts".to_owned()
        } else {
            format!("contexts there: {}", contexts.join(", "))
        },
    })
}

fn unusable(message: &str) -> ClusterError {
    ClusterError::Kubeconfig {
        message: message.to_owned(),
        hint: "check --kubeconfig, KUBECONFIG and --context".to_owned(),
    }
}

/// kube's own stack for this configuration, with the guard directly around it.
pub(crate) async fn client(config: Config) -> Result<Client, ClusterError> {
    // Building the stack runs an exec plugin to its end, so it must not hold up the runtime's own threads.
    let built = tokio::task::spawn_blocking(move || {
        ClientBuilder::try_from(config).map(|builder| builder.with_layer(&GuardLayer))
    })
    .await
    .map_err(|error| unusable(&format!("the client could not be built: {error}")))?;
    match built {
        Ok(builder) => Ok(builder.build()),
        Err(error) => Err(authentication(&error).unwrap_or_else(|| unusable(&error.to_string()))),
    }
}
