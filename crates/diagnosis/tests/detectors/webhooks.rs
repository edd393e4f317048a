use crate::world::{World, deployment, event, merged, pod, replica_set, service, slice, template};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use stethoscope_diagnosis::snapshot::Kind;

const UNREACHABLE: &str = "Error creating: Internal error occurred: failed calling webhook \"v.example.com\": failed to call webhook: Post \"https://guard.shop.svc:443/?timeout=10s\": no endpoints available for service \"guard\"";

fn configuration(policy: &str) -> Value {
    json!({"metadata": {"name": "guard"}, "webhooks": [{"name": "v.example.com", "failurePolicy": policy, "timeoutSeconds": 10,
        "clientConfig": {"service": {"namespace": "shop", "name": "guard"}}}]})
}

fn blocked(message: &str) -> World {
    let none = json!({"status": {"replicas": 0, "readyReplicas": 0}});
    World::empty()
        .with(Kind::Deployment, merged(deployment("web"), none.clone()))
        .with(Kind::ReplicaSet, merged(replica_set("web"), none))
        .with(Kind::Event, event("ReplicaSet", "web-1", "FailedCreate", message))
}

#[test]
fn a_webhook_is_blamed_by_how_its_call_fails() {
    let cases = [
        (UNREACHABLE.to_owned(), "admission.webhook-failing"),
        (
            UNREACHABLE.replace("no endpoints available for service \"guard\"", "context deadline exceeded"),
            "admission.webhook-timeout",
        ),
        (
            UNREACHABLE.replace(
                "no endpoints available for service \"guard\"",
                "x509: certificate signed by unknown authority",
            ),
            "admission.webhook-certificate",
        ),
    ];
    for (message, cause) in cases {
        let world = blocked(&message).with(Kind::ValidatingWebhookConfiguration, configuration("Fail"));
        assert_eq!(
            world.causes(),
            vec![format!("{cause} on ValidatingWebhookConfiguration guard")],
            "{message}"
        );
        assert_eq!(
            blocked(&message).first(),
            format!("{cause} on Deployment shop/web"),
            "without its configuration"
        );
    }
}

#[test]
fn what_keeps_the_webhooks_pods_from_running_lies_under_it() {
    let mut of_guard = template("guard");
    of_guard["metadata"]["labels"] = json!({"app": "guard"});
    let world = blocked(UNREACHABLE)
        .with(Kind::ValidatingWebhookConfiguration, configuration("Fail"))
        .with(
            Kind::Deployment,
            merged(
                deployment("guard"),
                json!({"spec": {"replicas": 0}, "status": {"replicas": 0, "readyReplicas": 0}}),
            ),
        )
        .with(Kind::Service, service("guard"))
        .with(Kind::EndpointSlice, slice("web", true));
    assert_eq!(world.first(), "workload.zero-replicas on Deployment shop/guard");
}

#[test]
fn a_strict_webhook_without_endpoints_is_told_before_it_hurts_and_a_lenient_one_is_not() {
    let world = |policy: &str, ready: bool| {
        World::healthy()
            .with(Kind::MutatingWebhookConfiguration, configuration(policy))
            .with(Kind::Service, service("guard"))
            .with(Kind::EndpointSlice, slice("guard", ready))
    };
    assert!(world("Fail", false).tells("admission.webhook-failing on MutatingWebhookConfiguration guard"));
    assert!(!world("Ignore", false).tells("admission."));
    assert!(!world("Fail", true).tells("admission."));
}

#[test]
fn a_webhook_whose_pods_just_start_is_less_certain_until_a_call_fails() {
    let world = |since: &str| {
        let status = json!({"status": {"conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": since}]}});
        World::healthy()
            .with(Kind::ValidatingWebhookConfiguration, configuration("Fail"))
            .with(Kind::Pod, merged(pod("guard"), status))
            .with(Kind::Service, service("guard"))
            .with(Kind::EndpointSlice, slice("guard", false))
    };
    let confidence = |world: &World| {
        let findings = world.diagnosis().findings;
        findings.iter().find(|it| it.cause.as_str() == "admission.webhook-failing").map(|it| it.confidence)
    };
    assert_eq!(confidence(&world("2026-01-01T11:00:00Z")), Some(0.6));
    let starting = world("2026-01-01T11:58:00Z");
    assert_eq!(confidence(&starting), Some(0.45));
    let escaped = UNREACHABLE.replace('"', "\\\"");
    let called = starting.log("web-1-x", "main", false, &format!("E0101 err=\"{escaped}\""));
    assert_eq!(confidence(&called), Some(0.6));
}

#[test]
fn a_refusal_that_was_overcome_is_history() {
    let world = World::healthy()
        .with(Kind::ValidatingWebhookConfiguration, configuration("Fail"))
        .with(Kind::Service, merged(service("guard"), json!({"spec": {"selector": {"app": "web"}}})))
        .with(Kind::EndpointSlice, slice("guard", true))
        .with(Kind::Event, event("ReplicaSet", "web-1", "FailedCreate", UNREACHABLE));
    assert_eq!(world.causes(), Vec::<String>::new());
}

#[test]
fn the_namespaces_of_failing_backends_are_named() {
    let world = blocked(UNREACHABLE)
        .with(Kind::ValidatingWebhookConfiguration, configuration("Fail"))
        .with(Kind::Pod, pod("web"));
    assert_eq!(world.snapshot().backend_namespaces(), ["shop"].into());
    assert_eq!(World::healthy().snapshot().backend_namespaces(), std::collections::BTreeSet::new());
}
