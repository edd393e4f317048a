//! Images that can't be pulled, by what the registry or the runtime said.
//!
//! Reasons: `pkg/kubelet/images/types.go`; texts: containerd `core/remotes/docker`.

use crate::draft::{Draft, event, field, newest, some_pods};
use crate::snapshot::Pod;
use crate::world::World;
use stethoscope_core::cause::CauseCode;
use stethoscope_core::object::ObjectRef;

const NOT_FOUND: CauseCode = CauseCode::new("image.not-found");
const UNAUTHORIZED: CauseCode = CauseCode::new("image.pull-unauthorized");
const SECRET_MISSING: CauseCode = CauseCode::new("image.pull-secret-missing");
const REGISTRY_DNS: CauseCode = CauseCode::new("image.registry-dns");
const REGISTRY_TLS: CauseCode = CauseCode::new("image.registry-tls");
const REGISTRY_UNREACHABLE: CauseCode = CauseCode::new("image.registry-unreachable");
const RATE_LIMITED: CauseCode = CauseCode::new("image.rate-limited");
const WRONG_ARCHITECTURE: CauseCode = CauseCode::new("image.wrong-architecture");
const INVALID_NAME: CauseCode = CauseCode::new("image.invalid-name");
const NEVER_PULLED: CauseCode = CauseCode::new("image.never-pulled");
const PULL_FAILED: CauseCode = CauseCode::new("image.pull-failed");

/// Waiting reasons that mean the image is not on the node.
const WAITING: &[&str] = &[
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "ImageInspectError",
    "RegistryUnavailable",
];

/// Words in a pull error, most telling first: the first that matches decides.
const BY_TEXT: &[(&[&str], CauseCode)] = &[
    (&["no such host", "server misbehaving", "Temporary failure in name resolution"], REGISTRY_DNS),
    (&["x509:", "tls: ", "http: server gave HTTP response to HTTPS client"], REGISTRY_TLS),
    (&["toomanyrequests", "Too Many Requests", "rate limit", "429 Too"], RATE_LIMITED),
    (&["no match for platform", "no matching manifest for", "exec format error"], WRONG_ARCHITECTURE),
    (
        &[
            "401 Unauthorized",
            "403 Forbidden",
            "unauthorized:",
            "denied:",
            "failed to authorize",
            "authorization failed",
            "authentication required",
            "pull access denied",
            "no basic auth credentials",
            "failed to fetch anonymous token",
        ],
        UNAUTHORIZED,
    ),
    (&["not found", "code = NotFound", "manifest unknown", "name unknown"], NOT_FOUND),
    (
        &[
            "i/o timeout",
            "connection refused",
            "context deadline exceeded",
            "no route to host",
            "connection reset",
            "EOF",
        ],
        REGISTRY_UNREACHABLE,
    ),
];

pub(crate) fn detect(world: &World<'_>, found: &mut Vec<Draft>) {
    for (workload, pods) in world.groups() {
        let stuck: Vec<(&Pod, &str, &str)> = pods
            .iter()
            .filter_map(|pod| {
                let status = pod.statuses().find(|status| {
                    status
                        .state
                        .waiting
                        .as_ref()
                        .is_some_and(|waiting| WAITING.contains(&waiting.reason.as_str()))
                })?;
                Some((*pod, status.name.as_str(), status.state.waiting.as_ref()?.reason.as_str()))
            })
            .collect();
        if let Some((pod, container, reason)) = stuck.first() {
            let pods: Vec<&Pod> = stuck.iter().map(|(pod, ..)| *pod).collect();
            found.push(explain(world, workload, pod, container, reason).affects(some_pods(&pods)));
        }
    }
}

fn explain(world: &World<'_>, workload: &ObjectRef, pod: &Pod, container: &str, reason: &str) -> Draft {
    let subject = crate::world::reference("Pod", &pod.metadata);
    let image = pod.spec.container(container).map_or("", |container| container.image.as_str());
    let waiting = pod
        .statuses()
        .find(|status| status.name == container)
        .and_then(|status| status.state.waiting.as_ref())
        .map_or("", |waiting| waiting.message.as_str());
    let failed = world.pod_events(pod).iter().find(|event| {
        event.reason == "Failed" && event.message.starts_with("Failed to pull image")
            || event.reason == "InspectFailed"
            || event.reason == "ErrImageNeverPull"
    });
    let said = failed.map_or(waiting, |event| event.message.as_str());
    let secret_event = newest(world, pod, &["FailedToRetrieveImagePullSecret"]);

    let mut cause = match reason {
        "InvalidImageName" => INVALID_NAME,
        "ErrImageNeverPull" => NEVER_PULLED,
        _ => BY_TEXT
            .iter()
            .find(|(words, _)| words.iter().any(|word| said.contains(word)))
            .map_or(PULL_FAILED, |(_, cause)| cause.clone()),
    };
    // A refused pull with a named but absent credential: the credential is what must be mended.
    if secret_event.is_some() && [UNAUTHORIZED, NOT_FOUND, PULL_FAILED].contains(&cause) {
        cause = SECRET_MISSING;
    }
    let statement = sentence(&cause, pod, container, image);
    let confidence = if cause == PULL_FAILED { 0.7 } else { 0.96 };
    let at = format!("spec.containers[{container}].image");
    let mut draft = Draft::new(cause, workload.clone(), confidence, statement)
        .proofs(failed.map(|failed| event(failed)))
        .proof(field(&subject, &at, image))
        .proof(field(
            &subject,
            &format!("status.containerStatuses[{container}].state.waiting.reason"),
            reason,
        ))
        .param("container", container)
        .param("image", image)
        .param("registry", registry(image))
        .since(pod.metadata.creation_timestamp);
    if let Some(secret_event) = secret_event {
        draft = draft.proof(event(secret_event));
    }
    draft
}

fn sentence(cause: &CauseCode, pod: &Pod, container: &str, image: &str) -> String {
    let secrets: Vec<&str> = pod.spec.image_pull_secrets.iter().map(|secret| secret.name.as_str()).collect();
    let what = match cause.as_str() {
        "image.not-found" => "the registry has no such image or tag".to_owned(),
        "image.pull-unauthorized" if secrets.is_empty() => {
            "the registry refuses the pull and the pod names no imagePullSecrets".to_owned()
        }
        "image.pull-unauthorized" => {
            format!("the registry refuses the pull with imagePullSecrets {}", secrets.join(", "))
        }
        "image.pull-secret-missing" => {
            format!(
                "the registry wants credentials and imagePullSecrets {} can't be read",
                secrets.join(", ")
            )
        }
        "image.registry-dns" => format!("the registry host {} does not resolve", registry(image)),
        "image.registry-tls" => format!("TLS with the registry {} fails", registry(image)),
        "image.rate-limited" => format!("the registry {} limits the rate of pulls", registry(image)),
        "image.wrong-architecture" => "the image has no variant for the node's architecture".to_owned(),
        "image.registry-unreachable" => format!("the registry {} can't be reached", registry(image)),
        "image.invalid-name" => "the image reference is malformed".to_owned(),
        "image.never-pulled" => "imagePullPolicy is Never and the node has no such image".to_owned(),
        _ => "the image can't be pulled".to_owned(),
    };
    format!("container {container} can't start from {image}: {what}")
}

/// The host part of an image reference, with Docker's default.
fn registry(image: &str) -> &str {
    match image.split_once('/') {
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => host,
        _ => "docker.io",
    }
}
