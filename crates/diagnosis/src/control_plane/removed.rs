//! Versions of the API that this cluster no longer serves, and kinds that nobody installed.
//!
//! Text: `apimachinery/pkg/api/meta/errors.go` (`NoKindMatchError`). Removals: "Deprecated API Migration Guide".

use super::voices::{about, in_events, in_logs};
use crate::draft::{Draft, Felt, event};
use crate::world::World;
use stethoscope_core::cause::CauseCode;
use stethoscope_core::finding::{Proof, Severity};
use stethoscope_core::object::ObjectRef;

const REMOVED: CauseCode = CauseCode::new("api.version-removed");
const MISSING: CauseCode = CauseCode::new("api.kind-missing");

const SAYS_NO_MATCH: &[&str] = &["no matches for kind \""];
/// client-go's reflector, whose list names the Go type with its version.
const SAYS_NOT_FOUND: &[&str] = &["the server could not find the requested resource"];

/// Versions that were served once: what took their place and the release that dropped them.
const GONE: &[(&str, &str, &str)] = &[
    ("extensions/v1beta1", "apps/v1 or networking.k8s.io/v1", "1.22"),
    ("apps/v1beta1", "apps/v1", "1.16"),
    ("apps/v1beta2", "apps/v1", "1.16"),
    ("networking.k8s.io/v1beta1", "networking.k8s.io/v1", "1.22"),
    ("rbac.authorization.k8s.io/v1beta1", "rbac.authorization.k8s.io/v1", "1.22"),
    ("admissionregistration.k8s.io/v1beta1", "admissionregistration.k8s.io/v1", "1.22"),
    ("apiextensions.k8s.io/v1beta1", "apiextensions.k8s.io/v1", "1.22"),
    ("apiregistration.k8s.io/v1beta1", "apiregistration.k8s.io/v1", "1.22"),
    ("certificates.k8s.io/v1beta1", "certificates.k8s.io/v1", "1.22"),
    ("coordination.k8s.io/v1beta1", "coordination.k8s.io/v1", "1.22"),
    ("scheduling.k8s.io/v1beta1", "scheduling.k8s.io/v1", "1.22"),
    ("batch/v1beta1", "batch/v1", "1.25"),
    ("discovery.k8s.io/v1beta1", "discovery.k8s.io/v1", "1.25"),
    ("events.k8s.io/v1beta1", "events.k8s.io/v1", "1.25"),
    ("policy/v1beta1", "policy/v1", "1.25"),
    ("node.k8s.io/v1beta1", "node.k8s.io/v1", "1.25"),
    ("autoscaling/v2beta1", "autoscaling/v2", "1.25"),
    ("autoscaling/v2beta2", "autoscaling/v2", "1.26"),
    ("storage.k8s.io/v1beta1", "storage.k8s.io/v1", "1.27"),
    ("flowcontrol.apiserver.k8s.io/v1beta1", "flowcontrol.apiserver.k8s.io/v1", "1.26"),
    ("flowcontrol.apiserver.k8s.io/v1beta2", "flowcontrol.apiserver.k8s.io/v1", "1.29"),
    ("flowcontrol.apiserver.k8s.io/v1beta3", "flowcontrol.apiserver.k8s.io/v1", "1.32"),
];

pub(crate) fn detect(world: &World<'_>, found: &mut Vec<Draft>) {
    for said in in_events(world, SAYS_NO_MATCH) {
        let Some(asked) = asked(&said.message) else { continue };
        let since = said.first_timestamp.or(said.event_time);
        found.push(draft(about(world, said), &asked, 0.9, event(said)).since(since));
    }
    for voice in in_logs(world, SAYS_NO_MATCH) {
        let (Some(pod), Some(asked)) = (voice.pod, asked(voice.line)) else { continue };
        found.push(weighed(draft(world.root(pod), &asked, 0.85, voice.proof), pod.ready()));
    }
    for voice in in_logs(world, SAYS_NOT_FOUND) {
        let (Some(pod), Some(asked)) = (voice.pod, listed(voice.line)) else { continue };
        found.push(weighed(draft(world.root(pod), &asked, 0.85, voice.proof), pod.ready()));
    }
}

/// What was asked for.
struct Asked {
    kind: String,
    version: String,
}

/// `no matches for kind "CronJob" in version "batch/v1beta1"`.
fn asked(said: &str) -> Option<Asked> {
    let (_, rest) = said.split_once("no matches for kind \"")?;
    let (kind, rest) = rest.split_once('"')?;
    let version = rest.strip_prefix(" in version \"")?.split('"').next()?;
    Some(Asked { kind: kind.to_owned(), version: version.to_owned() })
}

/// `failed to list *v1beta1.CronJob: the server could not find the requested resource`.
fn listed(said: &str) -> Option<Asked> {
    let (before, _) = said.split_once(": the server could not find the requested resource")?;
    let (version, kind) = before.rsplit_once('*')?.1.split_once('.')?;
    let group = match kind {
        "CronJob" | "Job" => "batch",
        "PodDisruptionBudget" => "policy",
        "EndpointSlice" => "discovery.k8s.io",
        "HorizontalPodAutoscaler" => "autoscaling",
        "Ingress" | "NetworkPolicy" => "networking.k8s.io",
        "CSIStorageCapacity" | "CSIDriver" | "StorageClass" | "VolumeAttachment" => "storage.k8s.io",
        "FlowSchema" | "PriorityLevelConfiguration" => "flowcontrol.apiserver.k8s.io",
        _ => return None,
    };
    Some(Asked { kind: kind.to_owned(), version: format!("{group}/{version}") })
}

fn draft(subject: ObjectRef, asked: &Asked, sure: f64, proof: Proof) -> Draft {
    let Asked { kind, version } = asked;
    let gone = GONE.iter().find(|(old, _, _)| old == version);
    let draft = match gone {
        Some((_, new, release)) => Draft::new(
            REMOVED,
            subject.clone(),
            sure,
            format!("{subject} asks for {kind} in {version}, which Kubernetes {release} removed; use {new}"),
        )
        .param("replacement", *new),
        None => Draft::new(
            MISSING,
            subject.clone(),
            sure,
            format!("{subject} asks for {kind} in {version}, which this cluster does not serve"),
        ),
    };
    draft.proof(proof).param("asked_kind", kind.as_str()).param("asked_version", version.as_str())
}

/// A program that runs well in spite of it has a fallback.
fn weighed(draft: Draft, runs: bool) -> Draft {
    if runs { draft.sure(0.4).felt(Felt::Silently).severity(Severity::Low) } else { draft }
}
