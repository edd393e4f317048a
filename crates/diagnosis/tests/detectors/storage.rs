use crate::world::{World, deployment, event, merged, replica_set, unscheduled};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use stethoscope_diagnosis::snapshot::Kind;

const WEB: &str = "on Deployment shop/web";

fn waiting() -> World {
    let spec = json!({"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]});
    World::empty()
        .with(Kind::Deployment, merged(deployment("web"), json!({"status": {"readyReplicas": 0}})))
        .with(Kind::ReplicaSet, replica_set("web"))
        .with(Kind::Pod, unscheduled("web", spec))
        .with(
            Kind::Event,
            event(
                "Pod",
                "web-1-x",
                "FailedScheduling",
                "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.",
            ),
        )
}

fn claim(spec: Value) -> Value {
    let base = json!({"metadata": {"name": "data", "namespace": "shop"}, "status": {"phase": "Pending"},
        "spec": {"storageClassName": "", "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}});
    merged(base, json!({"spec": spec}))
}

fn volume(spec: Value, phase: &str) -> Value {
    let base = json!({"metadata": {"name": "pv", "labels": {"disk": "ssd"}}, "status": {"phase": phase},
        "spec": {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}}});
    merged(base, json!({"spec": spec}))
}

#[test]
fn the_one_misfit_of_the_closest_volume_is_the_cause() {
    let held = json!({"claimRef": {"namespace": "other", "name": "theirs"}});
    let cases = [
        (
            "access mode",
            json!({"accessModes": ["ReadWriteMany"]}),
            volume(json!({}), "Available"),
            "storage.access-mode-mismatch",
        ),
        (
            "size",
            json!({"resources": {"requests": {"storage": "2Gi"}}}),
            volume(json!({}), "Available"),
            "storage.capacity-mismatch",
        ),
        (
            "selector",
            json!({"selector": {"matchLabels": {"disk": "hdd"}}}),
            volume(json!({}), "Available"),
            "storage.selector-mismatch",
        ),
        ("held", json!({}), volume(held.clone(), "Bound"), "storage.volume-occupied"),
        ("released", json!({}), volume(held, "Released"), "storage.volume-occupied"),
        (
            "mode",
            json!({"volumeMode": "Block"}),
            volume(json!({}), "Available"),
            "storage.volume-mode-mismatch",
        ),
        (
            "class",
            json!({}),
            volume(json!({"storageClassName": "slow"}), "Available"),
            "storage.class-mismatch",
        ),
        (
            "unknown class",
            json!({"storageClassName": "fast"}),
            volume(json!({}), "Available"),
            "storage.class-missing",
        ),
    ];
    for (what, spec, volume, cause) in cases {
        let world =
            waiting().with(Kind::PersistentVolumeClaim, claim(spec)).with(Kind::PersistentVolume, volume);
        assert_eq!(world.causes(), vec![format!("{cause} {WEB}")], "{what}");
    }
}

#[test]
fn a_claim_that_is_not_there_or_has_no_class_or_volume_is_told() {
    assert_eq!(waiting().causes(), vec![format!("storage.claim-missing {WEB}")]);
    let classless = merged(claim(json!({})), json!({"spec": {"storageClassName": null}}));
    assert_eq!(
        waiting().with(Kind::PersistentVolumeClaim, classless).first(),
        format!("storage.no-default-class {WEB}")
    );
    assert_eq!(
        waiting().with(Kind::PersistentVolumeClaim, claim(json!({}))).first(),
        format!("storage.no-volume {WEB}")
    );
    let lost = merged(claim(json!({})), json!({"status": {"phase": "Lost"}}));
    assert_eq!(
        waiting().with(Kind::PersistentVolumeClaim, lost).first(),
        format!("storage.volume-lost {WEB}")
    );
}

#[test]
fn a_provisioner_that_fails_is_quoted() {
    let class = json!({"metadata": {"name": "fast"}, "provisioner": "csi.example.com", "volumeBindingMode": "Immediate"});
    let world = waiting()
        .with(Kind::StorageClass, class)
        .with(Kind::PersistentVolumeClaim, claim(json!({"storageClassName": "fast"})))
        .with(
            Kind::Event,
            event("PersistentVolumeClaim", "data", "ProvisioningFailed", "rpc error: no space in pool"),
        );
    assert_eq!(world.first(), format!("storage.provisioning-failed {WEB}"));
    assert!(
        world.diagnosis().findings[0].proofs.iter().any(|proof| proof.quote == "rpc error: no space in pool")
    );
}

#[test]
fn a_claim_that_waits_for_its_first_consumer_is_not_the_cause() {
    let class = json!({"metadata": {"name": "fast"}, "provisioner": "csi.example.com", "volumeBindingMode": "WaitForFirstConsumer"});
    let world = waiting()
        .with(Kind::StorageClass, class)
        .with(Kind::PersistentVolumeClaim, claim(json!({"storageClassName": "fast"})));
    assert!(!world.tells("storage."));
}

#[test]
fn an_unused_pending_claim_is_told_on_itself_and_last() {
    let world = World::healthy().with(Kind::PersistentVolumeClaim, claim(json!({})));
    assert_eq!(world.causes(), vec!["storage.no-volume on PersistentVolumeClaim shop/data".to_owned()]);
}
