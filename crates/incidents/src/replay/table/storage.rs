//! Volumes, claims and classes.

use super::field::{Printed, text};
use serde_json::{Value, json};

const UNSET: &str = "<unset>";

/// `GetAccessModesAsString`: in this order, whatever the object's.
fn access_modes(modes: &[Value]) -> String {
    let order = [
        ("ReadWriteOnce", "RWO"),
        ("ReadOnlyMany", "ROX"),
        ("ReadWriteMany", "RWX"),
        ("ReadWriteOncePod", "RWOP"),
    ];
    let shown: Vec<&str> = order
        .into_iter()
        .filter(|(mode, _)| modes.iter().any(|m| m == mode))
        .map(|(_, short)| short)
        .collect();
    shown.join(",")
}

/// The class in the spec, or in the annotation of before v1.6.
fn class(o: Printed<'_>) -> &str {
    let annotations = o.object.pointer("/metadata/annotations");
    let beta = annotations.and_then(|a| a.get("volume.beta.kubernetes.io/storage-class")?.as_str());
    beta.unwrap_or_else(|| o.text("/spec/storageClassName"))
}

fn phase(o: Printed<'_>) -> &str {
    if o.has("/metadata/deletionTimestamp") { "Terminating" } else { o.text("/status/phase") }
}

pub(super) fn volume(o: Printed<'_>) -> Vec<Value> {
    let claim = if o.has("/spec/claimRef") {
        format!("{}/{}", o.text("/spec/claimRef/namespace"), o.text("/spec/claimRef/name"))
    } else {
        String::new()
    };
    vec![
        json!(o.name()),
        json!(o.text("/spec/capacity/storage")),
        json!(access_modes(o.list("/spec/accessModes"))),
        json!(o.text("/spec/persistentVolumeReclaimPolicy")),
        json!(phase(o)),
        json!(claim),
        json!(class(o)),
        json!(o.text_or("/spec/volumeAttributesClassName", UNSET)),
        json!(o.text("/status/reason")),
        json!(o.age()),
        json!(o.text_or("/spec/volumeMode", UNSET)),
    ]
}

pub(super) fn claim(o: Printed<'_>) -> Vec<Value> {
    let bound = !o.text("/spec/volumeName").is_empty();
    vec![
        json!(o.name()),
        json!(phase(o)),
        json!(o.text("/spec/volumeName")),
        json!(if bound { o.text("/status/capacity/storage") } else { "" }),
        json!(if bound { access_modes(o.list("/status/accessModes")) } else { String::new() }),
        json!(class(o)),
        json!(o.text_or("/spec/volumeAttributesClassName", UNSET)),
        json!(o.age()),
        json!(o.text_or("/spec/volumeMode", UNSET)),
    ]
}

pub(super) fn storage_class(o: Printed<'_>) -> Vec<Value> {
    let annotations = o.object.pointer("/metadata/annotations");
    let default =
        ["storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"]
            .iter()
            .any(|key| annotations.and_then(|a| a.get(*key)?.as_str()) == Some("true"));
    let name = if default { format!("{} (default)", o.name()) } else { o.name().to_owned() };
    vec![
        json!(name),
        json!(o.text("/provisioner")),
        json!(o.text_or("/reclaimPolicy", "Delete")),
        json!(o.text_or("/volumeBindingMode", "Immediate")),
        json!(o.object.get("allowVolumeExpansion").and_then(Value::as_bool).unwrap_or(false)),
        json!(o.age()),
    ]
}

pub(super) fn attachment(o: Printed<'_>) -> Vec<Value> {
    vec![
        json!(o.name()),
        json!(o.text("/spec/attacher")),
        json!(o.text("/spec/source/persistentVolumeName")),
        json!(o.text("/spec/nodeName")),
        json!(o.object.pointer("/status/attached").and_then(Value::as_bool).unwrap_or(false)),
        json!(o.age()),
    ]
}

pub(super) fn csi_node(o: Printed<'_>) -> Vec<Value> {
    vec![json!(o.name()), json!(o.list("/spec/drivers").len()), json!(o.age())]
}

pub(super) fn csi_driver(o: Printed<'_>) -> Vec<Value> {
    let flag =
        |pointer: &str, absent: bool| o.object.pointer(pointer).and_then(Value::as_bool).unwrap_or(absent);
    let modes: Vec<&str> = o.list("/spec/volumeLifecycleModes").iter().filter_map(Value::as_str).collect();
    let audiences: Vec<&str> = o.list("/spec/tokenRequests").iter().map(|t| text(t, "/audience")).collect();
    vec![
        json!(o.name()),
        json!(flag("/spec/attachRequired", true)),
        json!(flag("/spec/podInfoOnMount", false)),
        json!(flag("/spec/storageCapacity", false)),
        json!(if audiences.is_empty() { UNSET.to_owned() } else { audiences.join(",") }),
        json!(flag("/spec/requiresRepublish", false)),
        json!(if modes.is_empty() { "<none>".to_owned() } else { modes.join(",") }),
        json!(o.age()),
    ]
}

pub(super) fn capacity(o: Printed<'_>) -> Vec<Value> {
    vec![json!(o.name()), json!(o.text("/storageClassName")), json!(o.text_or("/capacity", UNSET))]
}
