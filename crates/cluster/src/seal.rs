//! The one place that knows how objects are sealed: secrets out of every object before any tool sees it.

use crate::error::ClusterError;
use serde_json::{Value, json};
pub use stethoscope_core::redact::Sealer;
use stethoscope_diagnosis::snapshot::Container;

/// Seals an object decoded from the API. What cannot be sealed is withheld.
pub(crate) fn seal(sealer: &Sealer, object: &mut Value) -> Result<(), ClusterError> {
    sealer.object(object).map_err(|error| ClusterError::Withheld {
        what: crate::object::title(object),
        message: error.to_string(),
    })
}

/// Seals a container's view: environment, arguments and command, by the same rules as whole objects.
///
/// A snapshot keeps no more of an object than its view, so sealing that is enough, and a cluster of 100,000 pods need
/// not be walked string by string. Messages and logs are sealed as text where they become evidence.
pub(crate) fn seal_container(sealer: &Sealer, container: &mut Container) -> Result<(), ClusterError> {
    if container.env.iter().all(|variable| variable.value.is_none())
        && container.args.is_empty()
        && container.command.is_empty()
    {
        return Ok(());
    }
    let env: Vec<Value> = container
        .env
        .iter()
        .map(|variable| json!({"name": variable.name, "value": variable.value}))
        .collect();
    let whole =
        json!({"name": container.name, "env": env, "args": &*container.args, "command": &*container.command});
    let mut object = json!({"kind": "Pod", "spec": {"containers": [whole]}});
    seal(sealer, &mut object)?;
    let sealed = &object["spec"]["containers"][0];
    for (variable, sealed) in container.env.iter_mut().zip(list(sealed, "env")) {
        variable.value = sealed["value"].as_str().map(Into::into);
    }
    for (argument, sealed) in container.args.iter_mut().zip(list(sealed, "args")) {
        sealed.as_str().unwrap_or_default().clone_into(argument);
    }
    for (word, sealed) in container.command.iter_mut().zip(list(sealed, "command")) {
        sealed.as_str().unwrap_or_default().clone_into(word);
    }
    Ok(())
}

fn list<'a>(sealed: &'a Value, key: &str) -> &'a [Value] {
    sealed[key].as_array().map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use stethoscope_diagnosis::snapshot::{Kind, Snapshot};

    #[test]
    fn a_view_keeps_no_secret_that_the_object_held() {
        let secret = ["planted", "EnvValue", "81x"].concat();
        let container = json!({"name": "app", "image": "app:1",
            "env": [{"name": "DB_PASSWORD", "value": secret}, {"name": "PORT", "value": "8080"}],
            "args": ["--token", secret, "--verbose"], "command": ["app", format!("--password={secret}")]});
        let template = json!({"metadata": {"name": "a", "namespace": "b"}, "spec": {"template": {"spec": {"containers": [container], "initContainers": [container]}}}});
        let pod = json!({"metadata": {"name": "a", "namespace": "b"}, "spec": {"containers": [container]}});
        let mut snapshot = Snapshot::default();
        snapshot.push(Kind::Pod, pod).unwrap();
        for kind in [Kind::Deployment, Kind::ReplicaSet, Kind::StatefulSet, Kind::DaemonSet, Kind::Job] {
            snapshot.push(kind, template.clone()).unwrap();
        }
        let sealer = Sealer::new([1; 32]);
        assert_eq!(snapshot.containers_mut().count(), 11);
        snapshot.containers_mut().for_each(|container| seal_container(&sealer, container).unwrap());
        let told = format!("{snapshot:?}");
        assert!(!told.contains(&secret), "{told}");
        assert!(told.contains("8080") && told.contains("--verbose"));
    }
}
