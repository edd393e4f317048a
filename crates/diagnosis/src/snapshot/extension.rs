//! What extends the API server: aggregated APIs, admission webhooks, and the certificates that cert-manager looks after.

use super::meta::{Condition, List, Meta, time};
use jiff::Timestamp;
use serde::Deserialize;

/// The Service behind an aggregated API or a webhook.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct BackendRef {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
}

/// An APIService: a group and version of the API, local or served by somebody else.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ApiService {
    /// Metadata.
    pub metadata: Meta,
    /// What is wanted.
    pub spec: ApiServiceSpec,
    /// What is.
    pub status: ApiServiceStatus,
}

/// An APIService's spec.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ApiServiceSpec {
    /// API group.
    pub group: String,
    /// Version.
    pub version: String,
    /// Who serves it; absent for what the API server serves itself.
    pub service: Option<BackendRef>,
}

/// An APIService's status.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ApiServiceStatus {
    /// `Available` above all.
    pub conditions: List<Condition>,
}

impl ApiService {
    /// The `Available` condition when it says that nobody serves this API.
    pub fn unavailable(&self) -> Option<&Condition> {
        self.spec.service.as_ref()?;
        self.status.conditions.iter().find(|it| it.kind == "Available" && it.status == "False")
    }
}

/// A ValidatingWebhookConfiguration or a MutatingWebhookConfiguration.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct WebhookConfiguration {
    /// Metadata.
    pub metadata: Meta,
    /// Its webhooks.
    pub webhooks: List<Webhook>,
}

/// One admission webhook.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Webhook {
    /// Name, qualified like a host's.
    pub name: String,
    /// `Fail` or `Ignore`.
    pub failure_policy: Option<Box<str>>,
    /// Seconds the API server waits.
    pub timeout_seconds: Option<i64>,
    /// Where it is.
    pub client_config: WebhookClient,
}

/// Where a webhook is. Its `url` and `caBundle` are not kept.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct WebhookClient {
    /// The Service behind it; absent when it is reached by URL.
    pub service: Option<BackendRef>,
}

/// A cert-manager Certificate.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Certificate {
    /// Metadata.
    pub metadata: Meta,
    /// What is wanted.
    pub spec: CertificateSpec,
    /// What is.
    pub status: CertificateStatus,
}

/// A Certificate's spec.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct CertificateSpec {
    /// The Secret it is kept in.
    pub secret_name: String,
    /// Who issues it.
    pub issuer_ref: IssuerRef,
    /// Host names.
    pub dns_names: List<String>,
}

/// Who issues a certificate.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct IssuerRef {
    /// `Issuer` or `ClusterIssuer`.
    pub kind: String,
    /// Name.
    pub name: String,
}

/// A Certificate's status.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct CertificateStatus {
    /// `Ready`, `Issuing`.
    pub conditions: List<Condition>,
    /// When it expires.
    #[serde(deserialize_with = "time")]
    pub not_after: Option<Timestamp>,
    /// When it is to be renewed.
    #[serde(deserialize_with = "time")]
    pub renewal_time: Option<Timestamp>,
    /// Attempts to renew it that failed in a row.
    pub failed_issuance_attempts: Option<i64>,
}
