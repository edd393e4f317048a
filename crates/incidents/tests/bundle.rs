//! Bundles in every layout that people have.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking and says what it skips"
)]

mod support;

use bytes::Bytes;
use pretty_assertions::assert_eq;
use std::path::Path;
use stethoscope_incidents::bundle::Run;
use stethoscope_incidents::{Bundle, BundleError, Layout, OpenLimits};
use support::bundle;

const INCIDENT: &str = "apiVersion: stethoscope.dev/v1\nkind: Incident\nmetadata: {name: test}\n";
const POD: &str = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web","namespace":"shop","creationTimestamp":"2026-01-01T00:00:00Z"}}"#;

/// `group/version kind namespace/name` of all objects.
fn contents(bundle: &Bundle) -> Vec<String> {
    let show = |o: &std::sync::Arc<stethoscope_incidents::bundle::Object>| {
        let version =
            if o.group.is_empty() { o.version.clone() } else { format!("{}/{}", o.group, o.version) };
        let value = o.value();
        assert_eq!((value["apiVersion"].as_str(), value["kind"].as_str()), (Some(&*version), Some(&*o.kind)));
        format!("{version} {} {}/{}", o.kind, o.namespace.as_deref().unwrap_or_default(), o.name)
    };
    bundle.objects().iter().map(show).collect()
}

fn open_error(files: &[(&str, &str)]) -> String {
    let files = files.iter().map(|(path, content)| (path.to_string(), content.as_bytes().to_vec()));
    Bundle::from_files("test", files).unwrap_err().to_string()
}

#[test]
fn our_own_layout_brings_incident_objects_logs_and_signals() {
    let bundle = bundle(&[
        (
            "incident.yaml",
            "apiVersion: stethoscope.dev/v1\nkind: Incident\nmetadata: {name: dark}\nquestion: why?\nnamespace: shop\n\
             capturedAt: 2026-01-02T03:04:05Z\nsource: a test\nexpect: {cause: x.y, subject: app/web, score: 3}\n",
        ),
        (
            "cluster-resources/pods/shop.json",
            &format!(r#"{{"kind":"List","apiVersion":"v1","items":[{POD}]}}"#),
        ),
        ("cluster-resources/pods/logs/shop/web/main.log", "now\n"),
        ("cluster-resources/pods/logs/shop/web/main-previous.log", "before\n"),
        ("nodes/n1/logs/kubelet.log", "kubelet\n"),
        ("prometheus/metrics.om", "# EOF\n"),
        ("prometheus/alerts.json", "{}"),
        ("hubble/flows.jsonl", "{}\n"),
        ("notes.txt", "ignored"),
    ]);
    assert_eq!(bundle.layout(), Layout::Stethoscope);
    assert_eq!(
        serde_json::to_value(bundle.incident()).unwrap(),
        serde_json::json!({"name": "dark", "question": "why?", "namespace": "shop",
            "captured_at": "2026-01-02T03:04:05Z", "source": "a test"})
    );
    let expected = bundle.expectation().unwrap();
    assert_eq!((expected.cause.as_deref(), expected.subject.as_deref()), (Some("x.y"), Some("app/web")));
    assert_eq!(expected.more["score"], 3);
    assert_eq!(contents(&bundle), ["v1 Pod shop/web"]);
    let logs = |run| bundle.pod_logs().get("shop", "web", "main", run).cloned();
    assert_eq!(logs(Run::Current), Some(Bytes::from("now\n")));
    assert_eq!(logs(Run::Previous), Some(Bytes::from("before\n")));
    assert_eq!(bundle.node_logs()["n1"]["kubelet"], "kubelet\n");
    assert_eq!(bundle.prometheus_metrics(), Some(&Bytes::from("# EOF\n")));
    assert_eq!(bundle.alerts(), Some(&Bytes::from("{}")));
    assert_eq!(bundle.flows(), Some(("flows.jsonl", &Bytes::from("{}\n"))));
    assert_eq!(bundle.problems(), [] as [&str; 0]);
}

#[test]
fn a_container_may_be_called_previous() {
    let bundle = bundle(&[
        ("cluster-resources/pods/shop.json", POD),
        ("cluster-resources/pods/logs/shop/web/job-previous.log", "text"),
    ]);
    let log = |container, run| bundle.pod_logs().get("shop", "web", container, run).is_some();
    assert!(log("job-previous", Run::Current));
    assert!(log("job", Run::Previous));
    assert!(!log("job", Run::Current));
}

#[test]
fn a_support_bundle_is_read_below_its_directory_with_its_bare_arrays_and_typed_lists() {
    let bundle = bundle(&[
        ("support-bundle-1/version.yaml", "apiVersion: troubleshoot.sh/v1beta2\nkind: SupportBundle\n"),
        (
            "support-bundle-1/cluster-info/cluster_version.json",
            r#"{"info":{"gitVersion":"v1.30.2"},"string":"v1.30.2"}"#,
        ),
        (
            "support-bundle-1/cluster-resources/pods/shop.json",
            r#"[{"metadata":{"name":"old","namespace":"shop","creationTimestamp":"2026-01-01T00:00:00Z"}}]"#,
        ),
        (
            "support-bundle-1/cluster-resources/deployments/shop.json",
            r#"{"kind":"DeploymentList","apiVersion":"apps/v1","items":[{"metadata":{"name":"web","namespace":"shop"}}]}"#,
        ),
        (
            "support-bundle-1/cluster-resources/custom-resources/gauges.x.example/shop.yaml",
            "- apiVersion: x.example/v1\n  kind: Gauge\n  metadata: {name: g, namespace: shop}\n",
        ),
        (
            "support-bundle-1/cluster-resources/custom-resources/gauges.x.example/shop.json",
            r#"[{"apiVersion":"x.example/v1","kind":"Gauge","metadata":{"name":"g","namespace":"shop"}}]"#,
        ),
        ("support-bundle-1/cluster-resources/pods-errors.json", r#"["forbidden"]"#),
        ("support-bundle-1/cluster-resources/groups.json", r#"[{"name":"apps"}]"#),
        ("support-bundle-1/cluster-resources/auth-cani-list/shop.json", "{}"),
        ("support-bundle-1/cluster-resources/pods/logs/shop/old/app.log", "line\n"),
        ("support-bundle-1/app/secret-values.json", POD),
    ]);
    assert_eq!(bundle.layout(), Layout::Troubleshoot);
    assert_eq!(
        contents(&bundle),
        ["v1 Pod shop/old", "apps/v1 Deployment shop/web", "x.example/v1 Gauge shop/g"]
    );
    assert!(bundle.pod_logs().get("shop", "old", "app", Run::Current).is_some());
    assert_eq!(bundle.problems(), [] as [&str; 0]);
}

#[test]
fn a_must_gather_is_read_from_all_its_images() {
    let root = "must-gather.local.1/quay-io-image-sha256-1";
    let files = [
        (format!("{root}/version"), "4.18"),
        (
            format!("{root}/namespaces/shop/core/pods.yaml"),
            "---\napiVersion: v1\nkind: PodList\nitems:\n- metadata: {name: web, namespace: shop}\n",
        ),
        (
            format!("{root}/namespaces/shop/shop.yaml"),
            "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n",
        ),
        (
            format!("{root}/namespaces/shop/pods/web/web.yaml"),
            "---\napiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: shop}\n",
        ),
        (format!("{root}/namespaces/shop/pods/web/main/main/logs/current.log"), "now\n"),
        (format!("{root}/namespaces/shop/pods/web/main/main/logs/previous.log"), "before\n"),
        (format!("{root}/namespaces/shop/pods/web/main/main/logs/previous.insecure.log"), "no\n"),
        (
            format!("{root}/cluster-scoped-resources/core/nodes/n1.yaml"),
            "---\napiVersion: v1\nkind: Node\nmetadata: {name: n1}\n",
        ),
        (
            "must-gather.local.1/quay-io-other/cluster-scoped-resources/config.x.example/dns.yaml".to_owned(),
            "---\napiVersion: config.x.example/v1\nkind: DNS\nmetadata: {name: cluster}\n",
        ),
    ];
    let bundle = Bundle::from_files("mg", files).unwrap();
    assert_eq!(bundle.layout(), Layout::MustGather);
    assert_eq!(
        contents(&bundle),
        ["v1 Namespace /shop", "v1 Node /n1", "v1 Pod shop/web", "config.x.example/v1 DNS /cluster"]
    );
    let log = |run| bundle.pod_logs().get("shop", "web", "main", run).cloned();
    assert_eq!((log(Run::Current), log(Run::Previous)), (Some("now\n".into()), Some("before\n".into())));
}

#[test]
fn a_cluster_info_dump_is_read_with_its_framed_logs() {
    let bundle = bundle(&[
        ("nodes.json", r#"{"kind":"NodeList","apiVersion":"v1","items":[{"metadata":{"name":"n1"}}]}"#),
        (
            "shop/pods.json",
            r#"{"kind":"PodList","apiVersion":"v1","metadata":{},"items":[{"metadata":{"name":"web","namespace":"shop"}}]}"#,
        ),
        (
            "shop/web/logs.txt",
            "==== START logs for container a of pod shop/web ====\nx\n==== END logs for container a of pod shop/web ====\n\
             ==== START logs for container b of pod shop/web ====\ny\n==== END logs for container b of pod shop/web ====\n",
        ),
    ]);
    assert_eq!(bundle.layout(), Layout::ClusterInfoDump);
    assert_eq!(contents(&bundle), ["v1 Node /n1", "v1 Pod shop/web"]);
    let log = |container| bundle.pod_logs().get("shop", "web", container, Run::Current).cloned();
    assert_eq!((log("a"), log("b")), (Some("x\n".into()), Some("y\n".into())));
}

#[test]
fn the_same_object_is_kept_once_and_order_does_not_depend_on_files() {
    let pod = |name: &str| {
        format!(r#"{{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"{name}","namespace":"shop"}}}}"#)
    };
    let bundle = bundle(&[
        ("cluster-resources/a.json", &format!("{}\n{}", pod("z"), pod("a"))),
        ("cluster-resources/b.json", &format!("[{},null,{}]", pod("z"), pod("m"))),
    ]);
    assert_eq!(contents(&bundle), ["v1 Pod shop/a", "v1 Pod shop/m", "v1 Pod shop/z"]);
}

#[test]
fn broken_files_are_problems_and_the_rest_is_read() {
    let bundle = bundle(&[
        ("cluster-resources/good.json", POD),
        ("cluster-resources/cut.json", r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"#),
        ("cluster-resources/wrong.yaml", "a: [\n"),
        ("cluster-resources/nameless.json", r#"{"apiVersion":"v1","kind":"Pod","metadata":{}}"#),
        ("cluster-resources/kindless.json", r#"{"metadata":{"name":"x"}}"#),
        ("cluster-resources/text.json", r#""just text""#),
        ("cluster-resources/empty-list.json", r#"{"kind":"PodList","apiVersion":"v1","items":null}"#),
    ]);
    assert_eq!(contents(&bundle), ["v1 Pod shop/web"]);
    let mut files: Vec<_> = bundle.problems().iter().map(|p| p.split(':').next().unwrap()).collect();
    files.dedup();
    assert_eq!(
        files,
        ["cut", "kindless", "nameless", "text", "wrong"].map(|f| match f {
            "wrong" => "cluster-resources/wrong.yaml".to_owned(),
            f => format!("cluster-resources/{f}.json"),
        })
    );
}

#[test]
fn without_a_capture_time_the_newest_time_of_an_object_counts() {
    let event = r#"{"apiVersion":"v1","kind":"Event","metadata":{"name":"e","namespace":"shop",
        "creationTimestamp":"2026-01-01T00:00:00Z","deletionTimestamp":"2030-01-01T00:00:00Z"},
        "lastTimestamp":"2026-01-01T10:00:00Z","note":{"notAfter":"2036-01-01T00:00:00Z"}}"#;
    let with_time = bundle(&[("cluster-resources/events.json", event)]);
    assert_eq!(with_time.captured_at(), "2026-01-01T10:00:00Z".parse().unwrap());
    let without =
        bundle(&[("cluster-resources/pods.json", r#"[{"metadata":{"name":"web","namespace":"shop"}}]"#)]);
    assert_eq!(without.captured_at(), jiff::Timestamp::UNIX_EPOCH);
    assert_eq!(without.problems(), ["no object carries a time, so ages count from 1970"]);
}

#[test]
fn a_wrong_incident_file_is_an_error_that_names_the_key() {
    let error = |extra: &str| {
        open_error(&[("incident.yaml", &format!("{INCIDENT}{extra}")), ("cluster-resources/a.json", POD)])
    };
    assert!(error("quesiton: why?\n").contains("unknown field `quesiton`"), "{}", error("quesiton: why?\n"));
    assert!(error("capturedAt: yesterday\n").contains("incident.yaml of test is wrong"));
    let kind = open_error(&[("incident.yaml", "apiVersion: v2\nkind: Incident\nmetadata: {name: x}\n")]);
    assert!(kind.contains("expected stethoscope.dev/v1, Incident"), "{kind}");
    let access = open_error(&[
        ("incident.yaml", INCIDENT),
        ("access.yaml", "deny: [{resources: pods}]"),
        ("cluster-resources/a.json", POD),
    ]);
    assert!(access.contains("access.yaml of test is wrong"), "{access}");
}

#[test]
fn a_bundle_without_objects_is_an_error_that_names_the_layouts() {
    for files in [
        &[][..],
        &[("readme.txt", "x")][..],
        &[("cluster-resources/x/empty.json", r#"{"kind":"List","items":[]}"#)][..],
    ] {
        let error = open_error(files);
        assert!(error.contains("holds no Kubernetes objects") && error.contains("must-gather"), "{error}");
    }
}

#[test]
fn secret_values_are_gone_after_reading() {
    let bundle = support::fixture();
    let everything = format!("{:?}", bundle.objects());
    assert!(everything.contains("keeper-key") && everything.contains("password"));
    assert!(!everything.contains("Y2FuYXJ5LXNlY3JldC12YWx1ZQ"), "the value of the secret is still there");
}

#[test]
fn a_missing_path_is_an_error_that_names_it() {
    let error = Bundle::open(Path::new("no-such-bundle.tar.gz"), &OpenLimits::default()).unwrap_err();
    assert!(matches!(error, BundleError::Io { .. }));
    assert!(error.to_string().contains("no-such-bundle.tar.gz"), "{error}");
}

/// Every recorded incident that lies beside the workspace opens without a problem.
#[test]
fn the_recorded_incidents_beside_the_workspace_open_cleanly() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/incidents/cloudops");
    let Ok(listing) = std::fs::read_dir(&directory) else {
        eprintln!("SKIPPED: no recorded incidents beside the workspace");
        return;
    };
    let archives = listing.map(|e| e.unwrap().path()).filter(|p| p.extension().is_some_and(|e| e == "gz"));
    // A sample keeps the unoptimised test short.
    for archive in archives.step_by(20) {
        let bundle = Bundle::open(&archive, &OpenLimits::default()).unwrap();
        assert_eq!(bundle.problems(), [] as [&str; 0], "{}", archive.display());
        assert!(
            bundle.expectation().is_some() && bundle.namespace().is_some() && bundle.objects().len() > 20
        );
    }
}
