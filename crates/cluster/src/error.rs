//! What can go wrong between a tool and an API server, and how a model is told.

use crate::guard::Refusal;
use stethoscope_core::tool::ToolError;

/// A request to the API server, or the way to it, failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClusterError {
    /// The kubeconfig cannot be used.
    #[error("kubeconfig: {message}; {hint}")]
    Kubeconfig {
        /// What is wrong.
        message: String,
        /// What to do.
        hint: String,
    },
    /// Nothing answers.
    #[error("cannot reach the API server at {server}: {message}; {hint}")]
    Unreachable {
        /// Address as configured.
        server: String,
        /// The lowest cause.
        message: String,
        /// What to do.
        hint: String,
    },
    /// The API server does not know us (401), or no credentials could be had.
    #[error("authentication failed: {message}; {hint}")]
    Authentication {
        /// What was refused.
        message: String,
        /// What to do.
        hint: String,
    },
    /// Our own guard refused it.
    #[error("denied by policy: {0}")]
    Denied(#[from] Refusal),
    /// RBAC or an admission policy refused it (403).
    #[error("forbidden: {message}; {rule}")]
    Forbidden {
        /// What was refused.
        message: String,
        /// The rule that is missing.
        rule: String,
    },
    /// No object of that name (404).
    #[error("not found: {what}")]
    NotFound {
        /// What was looked for.
        what: String,
    },
    /// The API server does not serve that resource (404).
    #[error("not served: {what}")]
    NotServed {
        /// What was looked for.
        what: String,
    },
    /// A list's continue token is too old (410).
    #[error("{what}: its pages expired again and again")]
    Expired {
        /// What was listed.
        what: String,
        /// A token to go on with at a newer revision, if the server gave one.
        continue_token: Option<String>,
    },
    /// The API server calls the request wrong (400, 406, 422).
    #[error("the API server refuses {what}: {message}")]
    BadRequest {
        /// What was asked.
        what: String,
        /// Its words.
        message: String,
    },
    /// An answer is larger than allowed.
    #[error("the answer to {what} is larger than {limit} bytes; narrow it with a selector or a limit")]
    TooLarge {
        /// What was asked.
        what: String,
        /// Bytes allowed.
        limit: usize,
    },
    /// No whole answer in time.
    #[error("no answer to {what} within {seconds} s")]
    Timeout {
        /// What was asked.
        what: String,
        /// Seconds waited.
        seconds: u64,
    },
    /// The API server failed (5xx, 429 to the end of retries), or answers nonsense.
    #[error("{what} failed: {message}")]
    Server {
        /// What was asked.
        what: String,
        /// Status and words.
        message: String,
    },
    /// An answer is not the JSON it should be.
    #[error("the answer to {what} cannot be read: {message}")]
    Decode {
        /// What was asked.
        what: String,
        /// Why.
        message: String,
    },
    /// An object could not be redacted and is withheld.
    #[error("{what} is withheld because it could not be redacted: {message}")]
    Withheld {
        /// Which object.
        what: String,
        /// Why.
        message: String,
    },
}

impl ClusterError {
    /// Whether the cluster itself cannot be used, so that going on is pointless.
    pub fn is_fatal(&self) -> bool {
        match self {
            Self::Kubeconfig { .. } | Self::Unreachable { .. } | Self::Authentication { .. } => true,
            Self::Denied(_)
            | Self::Forbidden { .. }
            | Self::NotFound { .. }
            | Self::NotServed { .. }
            | Self::Expired { .. }
            | Self::BadRequest { .. }
            | Self::TooLarge { .. }
            | Self::Timeout { .. }
            | Self::Server { .. }
            | Self::Decode { .. }
            | Self::Withheld { .. } => false,
        }
    }

    /// In a few words, for a coverage line.
    pub(crate) fn brief(&self) -> String {
        match self {
            Self::Forbidden { rule, .. } => format!("forbidden, {rule}"),
            other => other.to_string(),
        }
    }
}

impl From<ClusterError> for ToolError {
    fn from(error: ClusterError) -> Self {
        match error {
            ClusterError::Denied(refusal) => Self::Denied { message: refusal.to_string() },
            ClusterError::Forbidden { message, rule } => Self::Forbidden { message, rule: Some(rule) },
            ClusterError::NotFound { what } => Self::NotFound { message: what, nearest: Vec::new() },
            ClusterError::NotServed { what } => Self::Unavailable {
                message: format!("the API server does not serve {what}"),
                hint: Some("the CRD or add-on is not installed".to_owned()),
            },
            ClusterError::BadRequest { what, message } => Self::BadArguments {
                message: format!("the API server refuses {what}: {message}"),
                hint: None,
            },
            ClusterError::Timeout { what, seconds } => {
                Self::Timeout { message: format!("no answer to {what} within {seconds} s") }
            }
            ClusterError::Unreachable { server, message, hint } => Self::Unavailable {
                message: format!("the API server at {server} does not answer: {message}"),
                hint: Some(hint),
            },
            ClusterError::Authentication { message, hint } => {
                Self::Unavailable { message: format!("authentication failed: {message}"), hint: Some(hint) }
            }
            ClusterError::Kubeconfig { message, hint } => {
                Self::Unavailable { message: format!("kubeconfig: {message}"), hint: Some(hint) }
            }
            ClusterError::TooLarge { .. }
            | ClusterError::Expired { .. }
            | ClusterError::Server { .. }
            | ClusterError::Decode { .. }
            | ClusterError::Withheld { .. } => Self::Unavailable { message: error.to_string(), hint: None },
        }
    }
}
