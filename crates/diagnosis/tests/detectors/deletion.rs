use crate::world::{World, merged, pod};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use stethoscope_diagnosis::snapshot::Kind;

fn namespace(conditions: Value) -> Value {
    json!({"metadata": {"name": "shop", "deletionTimestamp": "2026-01-01T11:00:00Z"}, "status": {"phase": "Terminating", "conditions": conditions}})
}

#[test]
fn a_namespace_says_what_it_waits_for() {
    let remaining = json!([
        {"type": "NamespaceContentRemaining", "status": "True", "message": "Some resources are remaining: widgets.example.com has 2 resource instances"},
        {"type": "NamespaceFinalizersRemaining", "status": "True", "message": "Some content in the namespace has finalizers remaining: example.com/free in 2 resource instances"}]);
    let world = World::empty().with(Kind::Namespace, namespace(remaining));
    assert_eq!(world.causes(), vec!["namespace.finalizers-remain on Namespace shop".to_owned()]);
    let plain = World::empty().with(Kind::Namespace, namespace(json!([])));
    assert_eq!(plain.causes(), vec!["namespace.stuck-terminating on Namespace shop".to_owned()]);
    let mut young = namespace(json!([]));
    young["metadata"]["deletionTimestamp"] = json!("2026-01-01T11:59:30Z");
    assert_eq!(World::empty().with(Kind::Namespace, young).causes(), Vec::<String>::new());
}

#[test]
fn an_api_that_does_not_answer_explains_the_namespace() {
    let said = json!([{"type": "NamespaceDeletionDiscoveryFailure", "status": "True", "message": "Discovery failed for some groups, 1 failing: unable to retrieve the complete list of server APIs: things.example.com/v1: stale GroupVersion discovery: things.example.com/v1"}]);
    let api = json!({"metadata": {"name": "v1.things.example.com"},
        "spec": {"group": "things.example.com", "version": "v1", "service": {"namespace": "things", "name": "api"}},
        "status": {"conditions": [{"type": "Available", "status": "False", "reason": "ServiceNotFound", "message": "service/api in \"things\" is not present"}]}});
    let world = World::empty().with(Kind::Namespace, namespace(said)).with(Kind::ApiService, api);
    assert_eq!(
        world.causes(),
        vec!["api.service-unavailable on APIService v1.things.example.com".to_owned()]
    );
}

#[test]
fn finalizers_keep_an_object_and_a_pod_keeps_its_claim() {
    let claim = json!({"metadata": {"name": "data", "namespace": "shop", "deletionTimestamp": "2026-01-01T11:00:00Z", "finalizers": ["kubernetes.io/pvc-protection"]},
        "spec": {"volumeName": "v"}, "status": {"phase": "Bound"}});
    let alone = World::empty().with(Kind::PersistentVolumeClaim, claim.clone());
    assert!(alone.tells("deletion.finalizers-remain on PersistentVolumeClaim shop/data"));
    let used = merged(
        pod("web"),
        json!({"spec": {"volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]}}),
    );
    let used = World::empty().with(Kind::PersistentVolumeClaim, claim).with(Kind::Pod, used);
    assert!(used.tells("deletion.still-in-use on PersistentVolumeClaim shop/data"));
    let young = json!({"metadata": {"name": "web", "namespace": "shop", "deletionTimestamp": "2026-01-01T11:58:00Z", "finalizers": ["service.kubernetes.io/load-balancer-cleanup"]}, "spec": {}});
    assert!(!World::empty().with(Kind::Service, young).tells("deletion."));
}
