use crate::world::{World, merged, node, pod};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use stethoscope_diagnosis::snapshot::Kind;

fn certificate(not_after: &str, ready: &str) -> Value {
    json!({"metadata": {"name": "site", "namespace": "shop"},
        "spec": {"secretName": "site-tls", "issuerRef": {"kind": "ClusterIssuer", "name": "acme"}, "dnsNames": ["shop.example.com"]},
        "status": {"notAfter": not_after, "renewalTime": "2025-12-20T00:00:00Z", "conditions": [
            {"type": "Ready", "status": ready, "reason": "Expired", "message": "Certificate expired"},
            {"type": "Issuing", "status": "False", "reason": "Failed", "message": "order is in \"invalid\" state"}]}})
}

#[test]
fn an_expired_certificate_a_failing_one_and_a_good_one() {
    let with = |certificate| World::healthy().with(Kind::Certificate, certificate);
    assert_eq!(
        with(certificate("2026-01-01T02:00:00Z", "False")).first(),
        "certificate.expired on Certificate shop/site"
    );
    assert_eq!(
        with(certificate("2026-02-01T02:00:00Z", "False")).first(),
        "certificate.renewal-failing on Certificate shop/site"
    );
    let mut good = certificate("2026-03-01T02:00:00Z", "True");
    good["status"]["conditions"] = json!([{"type": "Ready", "status": "True"}]);
    assert_eq!(with(good).causes(), Vec::<String>::new());
}

#[test]
fn a_kubelet_with_an_expired_certificate_is_not_just_down() {
    let gone = merged(
        node("n1"),
        json!({"status": {"conditions": [{"type": "Ready", "status": "Unknown", "message": "Kubelet stopped posting node status."}]}}),
    );
    let line = "Jan 01 11:50:00 n1 kubelet[742]: E0101 11:50:00.1 742 bootstrap.go:264] part of the existing bootstrap client certificate in /etc/kubernetes/kubelet.conf is expired: 2026-01-01 11:49:00 +0000 UTC";
    let world = World::sick(json!({})).without_nodes().with(Kind::Node, gone).unit("n1", "kubelet", line);
    assert_eq!(world.causes(), vec!["node.kubelet-certificate-expired on Node n1".to_owned()]);
    assert_eq!(
        World::healthy().unit("n1", "kubelet", line).causes(),
        Vec::<String>::new(),
        "a node that is ready has got a new one"
    );
}

#[test]
fn an_api_server_with_an_expired_certificate_is_told_by_components_not_by_one_kubelet() {
    let line = "E0101 11:59:00.1 1 leaderelection.go:436] Get \"https://10.0.0.5:6443/\": tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2026-01-01T11:59:00Z is after 2026-01-01T09:00:00Z";
    let manager = merged(
        pod("web"),
        json!({"metadata": {"name": "kube-controller-manager-n1", "namespace": "kube-system", "labels": {"component": "kube-controller-manager", "tier": "control-plane"}}}),
    );
    let world = World::healthy().with(Kind::Pod, manager).log_in(
        "kube-system",
        "kube-controller-manager-n1",
        "main",
        false,
        line,
    );
    assert_eq!(world.first(), "control-plane.certificate-expired on Service default/kubernetes");
    assert!(!World::healthy().unit("n1", "kubelet", line).tells("control-plane."));
}

#[test]
fn an_ingress_controllers_warning_counts_when_it_came_true() {
    let ingress = json!({"metadata": {"name": "site", "namespace": "shop"}, "spec": {"rules": [{"host": "shop.example.com"}]}});
    let world = |end: &str| {
        World::healthy().with(Kind::Ingress, ingress.clone()).log(
            "web-1-x",
            "main",
            false,
            &format!("W0101 11:58:00.1 7 controller.go:1374] SSL certificate for server \"shop.example.com\" is about to expire ({end} +0000 UTC)"),
        )
    };
    assert_eq!(world("2026-01-01 03:00:00").first(), "certificate.expired on Ingress shop/site");
    assert!(world("2026-01-09 03:00:00").diagnosis().findings.iter().all(|finding| finding.confidence < 0.5));
}
