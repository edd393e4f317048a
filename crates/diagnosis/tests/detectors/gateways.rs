//! Ingresses and the Gateway API.

use crate::world::{World, merged};
use serde_json::{Value, json};
use stethoscope_diagnosis::snapshot::Kind;

fn ingress(spec: Value) -> Value {
    json!({"metadata": {"name": "edge", "namespace": "shop"}, "spec": merged(json!({"ingressClassName": "nginx", "rules": [{"http": {"paths": [{"path": "/", "backend": {"service": {"name": "web", "port": {"number": 80}}}}]}}]}), spec)})
}

fn class(name: &str, default: bool) -> Value {
    json!({"metadata": {"name": name, "annotations": {"ingressclass.kubernetes.io/is-default-class": default.to_string()}}, "spec": {"controller": "example.com/ingress"}})
}

#[test]
fn an_ingress_of_an_unknown_class_is_served_by_nobody() {
    let world = |spec: Value, default: bool| {
        World::healthy()
            .with(Kind::IngressClass, class("internal", default))
            .with(Kind::Ingress, ingress(spec))
    };
    assert_eq!(world(json!({}), false).first(), "ingress.class-missing on Ingress shop/edge");
    assert_eq!(
        world(json!({"ingressClassName": null}), false).first(),
        "ingress.class-missing on Ingress shop/edge"
    );
    assert_eq!(world(json!({"ingressClassName": null}), true).causes(), Vec::<String>::new());
    assert_eq!(world(json!({"ingressClassName": "internal"}), false).causes(), Vec::<String>::new());
    let served = merged(
        ingress(json!({"ingressClassName": null})),
        json!({"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}}),
    );
    let by_an_old_controller =
        World::healthy().with(Kind::IngressClass, class("internal", false)).with(Kind::Ingress, served);
    assert_eq!(by_an_old_controller.causes(), Vec::<String>::new(), "it has an address");
    let unseen = World::healthy().with(Kind::Ingress, ingress(json!({})));
    assert_eq!(unseen.causes(), Vec::<String>::new(), "no class was listed at all");
}

#[test]
fn a_missing_certificate_is_told_only_where_secrets_are_listed() {
    let tls = || ingress(json!({"tls": [{"hosts": ["shop.example.com"], "secretName": "shop-tls"}]}));
    let secret = |name: &str| json!({"metadata": {"name": name, "namespace": "shop"}});
    let listed = World::healthy().with(Kind::Ingress, tls()).with(Kind::Secret, secret("other"));
    assert_eq!(listed.first(), "ingress.tls-secret-missing on Ingress shop/edge");
    let there = World::healthy().with(Kind::Ingress, tls()).with(Kind::Secret, secret("shop-tls"));
    assert_eq!(there.causes(), Vec::<String>::new());
    assert_eq!(World::healthy().with(Kind::Ingress, tls()).causes(), Vec::<String>::new());
}

fn gateway(accepted: &str, listener: Value) -> Value {
    json!({"metadata": {"name": "front", "namespace": "shop"}, "spec": {"gatewayClassName": "edge", "listeners": [{"name": "https", "port": 443, "hostname": "*.shop.example.com"}]},
        "status": {"conditions": [{"type": "Accepted", "status": accepted, "reason": "Pending", "message": "Waiting for controller"}], "listeners": [{"name": "https", "conditions": [listener]}]}})
}

fn fine() -> Value {
    json!({"type": "ResolvedRefs", "status": "True", "reason": "ResolvedRefs", "message": ""})
}

fn route(parent: Value, backend: Value, conditions: Value) -> Value {
    json!({"metadata": {"name": "pay", "namespace": "shop"}, "spec": {"parentRefs": [parent.clone()], "hostnames": ["pay.shop.example.com"], "rules": [{"backendRefs": [backend]}]},
        "status": {"parents": [{"parentRef": parent, "controllerName": "example.com/gw", "conditions": conditions}]}})
}

fn served(route: Value) -> World {
    World::healthy()
        .with(Kind::GatewayClass, json!({"metadata": {"name": "edge"}, "status": {"conditions": [{"type": "Accepted", "status": "True"}]}}))
        .with(Kind::Gateway, gateway("True", fine()))
        .with(Kind::HTTPRoute, route)
}

fn told(kind: &str, reason: &str) -> Value {
    json!([{"type": kind, "status": "False", "reason": reason, "message": "as the controller puts it"}])
}

#[test]
fn a_gateway_without_class_serves_nobody() {
    let without = World::healthy().with(Kind::Gateway, gateway("Unknown", fine()));
    assert_eq!(without.first(), "gateway.class-missing on Gateway shop/front");
    let with = served(route(json!({"name": "front"}), json!({"name": "web", "port": 80}), json!([])));
    assert_eq!(with.causes(), Vec::<String>::new());
}

#[test]
fn a_listener_without_certificate_is_told() {
    let bad = json!({"type": "ResolvedRefs", "status": "False", "reason": "InvalidCertificateRef", "message": "Secret shop/front-tls not found"});
    let world = World::healthy().with(Kind::Gateway, gateway("True", bad));
    assert_eq!(world.first(), "gateway.listener-invalid on Gateway shop/front");
}

#[test]
fn a_route_is_told_by_what_its_gateway_lacks() {
    let web = || json!({"name": "web", "port": 80});
    let cases = [
        (
            json!({"name": "front", "sectionName": "http"}),
            web(),
            told("Accepted", "NoMatchingParent"),
            "gateway.route-not-accepted",
        ),
        (
            json!({"name": "front"}),
            web(),
            told("Accepted", "NoMatchingListenerHostname"),
            "gateway.route-not-accepted",
        ),
        (json!({"name": "back"}), web(), json!([]), "gateway.parent-missing"),
        (
            json!({"name": "front"}),
            json!({"name": "wob", "port": 80}),
            told("ResolvedRefs", "BackendNotFound"),
            "gateway.backend-missing",
        ),
        (json!({"name": "front"}), json!({"name": "web", "port": 8081}), json!([]), "gateway.port-mismatch"),
        (
            json!({"name": "front"}),
            json!({"name": "bank", "namespace": "vault", "port": 80}),
            told("ResolvedRefs", "RefNotPermitted"),
            "gateway.reference-not-permitted",
        ),
    ];
    for (parent, backend, conditions, cause) in cases {
        assert_eq!(
            served(route(parent, backend, conditions)).first(),
            format!("{cause} on HTTPRoute shop/pay")
        );
    }
}

#[test]
fn a_grant_lets_a_route_cross_namespaces() {
    let backend = json!({"name": "bank", "namespace": "vault", "port": 80});
    let world = served(route(json!({"name": "front"}), backend, json!([])))
        .with(Kind::ReferenceGrant, json!({"metadata": {"name": "shop", "namespace": "vault"}, "spec": {"from": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": "shop"}], "to": [{"group": "", "kind": "Service"}]}}));
    assert_eq!(world.causes(), Vec::<String>::new());
}
