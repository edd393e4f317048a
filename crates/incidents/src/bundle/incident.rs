//! `incident.yaml`: what was recorded, when, the question, and (apart from all else) the expected answer.

use super::objects::yaml_documents;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The API version of `incident.yaml`.
pub const API_VERSION: &str = "stethoscope.dev/v1";

/// A recorded cluster at one moment. Has no expectation on purpose: see [`crate::Bundle::expectation`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Incident {
    /// Name of the incident; of the file or directory where no `incident.yaml` says otherwise.
    pub name: String,
    /// What a person asked.
    pub question: Option<String>,
    /// The namespace the question is about.
    pub namespace: Option<String>,
    /// When the cluster looked so.
    pub captured_at: Timestamp,
    /// Where the recording comes from.
    pub source: Option<String>,
}

/// The expected answer, for evaluations only. No replay server holds it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Expect {
    /// Label of the cause in the words of the incident's source.
    #[serde(default)]
    pub label: Option<String>,
    /// Our cause code.
    #[serde(default)]
    pub cause: Option<String>,
    /// The object at fault, e.g. `app/checkout` or `node/worker-1`.
    #[serde(default)]
    pub subject: Option<String>,
    /// Family of the cause in the words of the incident's source.
    #[serde(default)]
    pub taxonomy: Option<String>,
    /// Further keys, for suites that score more.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Manifest {
    api_version: String,
    kind: String,
    pub(super) metadata: Metadata,
    #[serde(default)]
    pub(super) question: Option<String>,
    #[serde(default)]
    pub(super) namespace: Option<String>,
    #[serde(default)]
    pub(super) captured_at: Option<Timestamp>,
    #[serde(default)]
    pub(super) source: Option<String>,
    #[serde(default)]
    pub(super) expect: Option<Expect>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Metadata {
    pub(super) name: String,
}

impl Manifest {
    pub(super) fn parse(content: &[u8]) -> Result<Self, String> {
        let manifest: Self = one_document(content)?;
        if manifest.kind != "Incident" || manifest.api_version != API_VERSION {
            return Err(format!(
                "apiVersion {:?}, kind {:?}; expected {API_VERSION}, Incident",
                manifest.api_version, manifest.kind
            ));
        }
        Ok(manifest)
    }
}

/// Exactly one YAML document.
pub(super) fn one_document<T: for<'de> Deserialize<'de>>(content: &[u8]) -> Result<T, String> {
    let text = std::str::from_utf8(content).map_err(|e| e.to_string())?;
    let mut documents = yaml_documents(text)?;
    match (documents.pop(), documents.is_empty()) {
        (Some(document), true) => serde_json::from_value(document).map_err(|e| e.to_string()),
        _ => Err("expected one YAML document".to_owned()),
    }
}
