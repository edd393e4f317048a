//! Why flows could not be read.

use std::path::PathBuf;
use std::time::Duration;
use stethoscope_core::tool::ToolError;
use tonic::{Code, Status};

/// What went wrong between a tool and the flows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FlowsError {
    /// A setting is wrong.
    #[error("hubble settings: {0}")]
    Configuration(String),
    /// No connection to Relay.
    #[error("can't reach Hubble Relay at {address}: {why}")]
    Unreachable {
        /// Its address.
        address: String,
        /// What failed.
        why: String,
    },
    /// No answer in time.
    #[error("Hubble Relay at {address} did not answer within {}s", .after.as_secs())]
    Timeout {
        /// Its address.
        address: String,
        /// How long was waited.
        after: Duration,
    },
    /// Relay refused the identity.
    #[error("Hubble Relay at {address} refuses the request: {why}")]
    Denied {
        /// Its address.
        address: String,
        /// In its words.
        why: String,
    },
    /// Relay does not know the request.
    #[error("{address} does not serve {call}")]
    NotServed {
        /// Its address.
        address: String,
        /// The call.
        call: &'static str,
    },
    /// Relay, or a node, did not take the request.
    #[error("Hubble refused the request: {why}")]
    Request {
        /// In its words.
        why: String,
    },
    /// Anything else that Relay said.
    #[error("Hubble Relay at {address} failed: {why}")]
    Server {
        /// Its address.
        address: String,
        /// In its words.
        why: String,
    },
    /// A flow file can't be opened.
    #[error("can't read flows from {path}: {why}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        why: String,
    },
}

impl FlowsError {
    /// What a gRPC status means.
    pub(crate) fn status(address: &str, call: &'static str, after: Duration, status: &Status) -> Self {
        let address = address.to_owned();
        // The innermost cause tells most: tonic's own words are `transport error`.
        let why = match std::error::Error::source(status) {
            Some(source) => {
                let mut innermost = source;
                while let Some(next) = innermost.source() {
                    innermost = next;
                }
                innermost.to_string()
            }
            None => status.message().to_owned(),
        };
        match status.code() {
            Code::DeadlineExceeded | Code::Cancelled => Self::Timeout { address, after },
            Code::Unauthenticated | Code::PermissionDenied => Self::Denied { address, why },
            Code::Unimplemented => Self::NotServed { address, call },
            Code::InvalidArgument => Self::Request { why },
            Code::Unavailable => Self::Unreachable { address, why },
            _ => Self::Server { address, why },
        }
    }
}

/// How to reach Relay from outside the cluster; this program itself may not open a port-forward.
const FORWARD: &str =
    "run `kubectl -n kube-system port-forward svc/hubble-relay 4245:80` and set HUBBLE_SERVER=localhost:4245";

impl From<FlowsError> for ToolError {
    fn from(error: FlowsError) -> Self {
        let message = error.to_string();
        let unavailable =
            |hint: &str| Self::Unavailable { message: message.clone(), hint: Some(hint.to_owned()) };
        match &error {
            FlowsError::Configuration(_) => unavailable("check the HUBBLE_* settings"),
            FlowsError::Unreachable { .. } => unavailable(FORWARD),
            FlowsError::NotServed { .. } => unavailable("agents and Relay serve different calls"),
            FlowsError::Server { .. } | FlowsError::File { .. } => unavailable("go on without flows"),
            FlowsError::Timeout { .. } => Self::Timeout { message },
            FlowsError::Denied { .. } => Self::Forbidden {
                message,
                rule: Some("Relay wants a client certificate (HUBBLE_TLS_CLIENT_CERT_FILE)".to_owned()),
            },
            FlowsError::Request { .. } => Self::BadArguments { message, hint: None },
        }
    }
}
