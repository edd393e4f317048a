//! Containers that can't be configured: a missing ConfigMap, Secret or key, a user or profile that is not allowed or not
//! there.

use crate::draft::{Draft, absence, event, field, some_pods};
use crate::snapshot::{Event, Kind, Pod};
use crate::world::{World, reference};
use stethoscope_core::cause::CauseCode;
use stethoscope_core::object::ObjectRef;

const SECRET_MISSING: CauseCode = CauseCode::new("config.secret-missing");
const CONFIG_MAP_MISSING: CauseCode = CauseCode::new("config.config-map-missing");
const KEY_MISSING: CauseCode = CauseCode::new("config.key-missing");
const ROOT: CauseCode = CauseCode::new("config.root-refused");
const PROFILE: CauseCode = CauseCode::new("config.security-profile-missing");
const INVALID: CauseCode = CauseCode::new("config.container-invalid");

/// What the kubelet says about a pod whose configuration is not there.
struct Complaint<'a> {
    pod: &'a Pod,
    /// The words, with the event they stand in if it is one.
    text: &'a str,
    event: Option<&'a Event>,
    container: Option<&'a str>,
}

pub(crate) fn detect(world: &World<'_>, found: &mut Vec<Draft>) {
    for (workload, pods) in world.groups() {
        let complaints: Vec<Complaint<'_>> = pods.iter().filter_map(|pod| complaint(world, pod)).collect();
        let Some(first) = complaints.first() else { continue };
        let pods: Vec<&Pod> = complaints.iter().map(|complaint| complaint.pod).collect();
        found.push(explain(world, workload, first).affects(some_pods(&pods)));
    }
}

fn complaint<'a>(world: &World<'a>, pod: &'a Pod) -> Option<Complaint<'a>> {
    let waiting = pod.statuses().find_map(|status| {
        let waiting = status.state.waiting.as_ref()?;
        matches!(waiting.reason.as_str(), "CreateContainerConfigError" | "CreateContainerError")
            .then_some((status.name.as_str(), waiting))
    });
    if let Some((container, waiting)) = waiting {
        let failed = world.pod_events(pod).iter().copied().find(|event| {
            let said = event.message.as_str();
            event.reason == "Failed"
                && said.starts_with("Error: ")
                && (names_missing(said) || would_be_root(said) || no_profile(said))
        });
        let text = failed.map_or(waiting.message.as_str(), |event| event.message.as_str());
        if waiting.reason == "CreateContainerConfigError" || names_missing(text) || no_profile(text) {
            return Some(Complaint { pod, text, event: failed, container: Some(container) });
        }
    }
    if pod.status.reason.as_deref() == Some("AppArmor") {
        let text = pod.status.message.as_deref().unwrap_or_default();
        return Some(Complaint { pod, text, event: None, container: None });
    }
    if pod.status.phase != "Pending" || pod.node().is_none() {
        return None;
    }
    let mount = world
        .pod_events(pod)
        .iter()
        .copied()
        .find(|event| event.reason == "FailedMount" && names_missing(&event.message))?;
    Some(Complaint { pod, text: &mount.message, event: Some(mount), container: None })
}

/// The kubelet's words when runAsNonRoot does not fit the image (`pkg/kubelet/kuberuntime/security_context_others.go`).
fn would_be_root(text: &str) -> bool {
    text.contains("runAsNonRoot and image") || text.contains("breaks non-root policy")
}

/// The runtime's and the kubelet's words for a profile that the node does not have.
fn no_profile(text: &str) -> bool {
    text.contains("cannot load seccomp profile")
        || text.contains("apparmor profile not found")
        || text.contains("Cannot enforce AppArmor")
}

fn names_missing(text: &str) -> bool {
    (text.contains("secret") || text.contains("configmap"))
        && (text.contains("not found")
            || text.contains("couldn't find key")
            || text.contains("non-existent config key")
            || text.contains("references non-existent"))
}

fn explain(world: &World<'_>, workload: &ObjectRef, complaint: &Complaint<'_>) -> Draft {
    let Complaint { pod, text, .. } = complaint;
    let namespace = &pod.metadata.namespace;
    let by_key = text.contains("couldn't find key") || text.contains("non-existent");
    let (kind, name) = missing_object(text);
    let cause = match (by_key, kind) {
        _ if would_be_root(text) => ROOT,
        _ if no_profile(text) => PROFILE,
        (true, _) => KEY_MISSING,
        (false, "Secret") if names_missing(text) => SECRET_MISSING,
        (false, "ConfigMap") if names_missing(text) => CONFIG_MAP_MISSING,
        _ => INVALID,
    };
    let statement = match cause.as_str() {
        "config.key-missing" => format!("pods of {workload} need a key that its {kind} {name} does not have"),
        "config.root-refused" => {
            format!("pods of {workload} must not run as root, and the image's user is root or not a number")
        }
        "config.security-profile-missing" => {
            format!("containers of {workload} ask for a security profile that their node does not have")
        }
        "config.container-invalid" => {
            format!("the kubelet can't configure a container of {workload}: {text}")
        }
        _ => format!("pods of {workload} need {kind} {name}, which does not exist in namespace {namespace}"),
    };
    let subject = reference("Pod", &pod.metadata);
    let mut draft =
        Draft::new(cause.clone(), workload.clone(), if cause == INVALID { 0.75 } else { 0.96 }, statement)
            .proofs(complaint.event.map(event))
            .param("missing", name)
            .param("missing_kind", kind.to_lowercase())
            .since(pod.metadata.creation_timestamp);
    if cause == ROOT {
        draft = draft.proofs(non_root(pod, complaint.container));
    }
    if complaint.event.is_none() && complaint.container.is_none() {
        draft = draft.proof(field(&subject, "status.message", text));
    } else if complaint.event.is_none() {
        let container = complaint.container.unwrap_or_default();
        draft = draft.proof(field(
            &subject,
            &format!("status.containerStatuses[{container}].state.waiting.message"),
            text,
        ));
    }
    if let Some((path, value)) = reference_to(pod, kind, name) {
        draft = draft.proof(field(workload, &path, value));
    }
    if proven_absent(world, kind, namespace, name) {
        draft = draft.proof(absence(
            &ObjectRef::namespaced(kind, namespace, name),
            format!("no {kind} {name} in namespace {namespace}"),
        ));
    }
    draft
}

/// Where the pod says that it must not run as root.
fn non_root(pod: &Pod, container: Option<&str>) -> Option<stethoscope_core::finding::Proof> {
    let at = reference("Pod", &pod.metadata);
    let own =
        container.and_then(|name| pod.spec.container(name)).and_then(|it| it.security_context.as_deref());
    if own.and_then(|context| context.run_as_non_root) == Some(true) {
        let path = format!("spec.containers[{}].securityContext.runAsNonRoot", container.unwrap_or_default());
        return Some(field(&at, &path, "true"));
    }
    let whole = pod.spec.security_context.as_deref().and_then(|context| context.run_as_non_root);
    (whole == Some(true)).then(|| field(&at, "spec.securityContext.runAsNonRoot", "true"))
}

/// Kind and name of the object in the kubelet's words, e.g. `secret "db" not found` or
/// `couldn't find key url in ConfigMap shop/web`.
fn missing_object(text: &str) -> (&'static str, &str) {
    let kind = if text.contains("ecret") {
        "Secret"
    } else if text.contains("onfigmap") || text.contains("onfigMap") {
        "ConfigMap"
    } else {
        return ("", "");
    };
    let lower = if kind == "Secret" { ["secret \"", "Secret "] } else { ["configmap \"", "ConfigMap "] };
    for before in lower {
        if let Some((_, after)) = text.split_once(before) {
            let name = after.split(['"', ' ', ',']).next().unwrap_or_default();
            return (kind, name.rsplit('/').next().unwrap_or(name));
        }
    }
    (kind, "")
}

/// Where the pod asks for the object.
fn reference_to(pod: &Pod, kind: &str, name: &str) -> Option<(String, String)> {
    for container in pod.spec.all_containers() {
        let at = format!("spec.template.spec.containers[{}]", container.name);
        for variable in &container.env {
            let Some(from) = &variable.value_from else { continue };
            let (key, path) = match kind {
                "Secret" => (from.secret_key_ref.as_ref(), "secretKeyRef"),
                _ => (from.config_map_key_ref.as_ref(), "configMapKeyRef"),
            };
            if let Some(key) = key.filter(|key| key.name == name) {
                return Some((
                    format!("{at}.env[{}].valueFrom.{path}", variable.name),
                    format!("{name}/{}", key.key),
                ));
            }
        }
        for from in &container.env_from {
            let (whole, path) = match kind {
                "Secret" => (from.secret_ref.as_ref(), "secretRef"),
                _ => (from.config_map_ref.as_ref(), "configMapRef"),
            };
            if whole.is_some_and(|whole| whole.name == name) {
                return Some((format!("{at}.envFrom.{path}.name"), name.to_owned()));
            }
        }
    }
    pod.spec.volumes.iter().find_map(|volume| {
        let at = format!("spec.template.spec.volumes[{}]", volume.name);
        let is_secret = volume.secret.as_ref().is_some_and(|secret| secret.secret_name == name);
        let is_map = volume.config_map.as_ref().is_some_and(|map| map.name == name);
        match kind {
            "Secret" if is_secret => Some((format!("{at}.secret.secretName"), name.to_owned())),
            "ConfigMap" if is_map => Some((format!("{at}.configMap.name"), name.to_owned())),
            _ => None,
        }
    })
}

/// Absence proves something only where objects of the kind were listed at all.
fn proven_absent(world: &World<'_>, kind: &str, namespace: &str, name: &str) -> bool {
    if name.is_empty() {
        return false;
    }
    match kind {
        "Secret" => {
            !world.snapshot.secrets.is_empty()
                && !world.snapshot.has_gap(Kind::Secret, namespace)
                && !world.has_secret(namespace, name)
        }
        "ConfigMap" => {
            !world.snapshot.config_maps.is_empty()
                && !world.snapshot.has_gap(Kind::ConfigMap, namespace)
                && world.config_map(namespace, name).is_none()
        }
        _ => false,
    }
}
