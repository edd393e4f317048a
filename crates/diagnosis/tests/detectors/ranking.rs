use crate::world::{
    World, crashed, deployment, event, merged, pod, replica_set, service, slice, template, unready,
    unscheduled,
};
use pretty_assertions::assert_eq;
use serde_json::json;
use std::collections::BTreeSet;
use stethoscope_core::cause;
use stethoscope_diagnosis::snapshot::{Gap, GapReason, Kind, LogSource};
use stethoscope_diagnosis::{Diagnosis, Focus, diagnose};

/// A database whose claim has no class, the pod that waits for it, its empty Service, and a caller that fails.
fn chain() -> World {
    let volume = json!({"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]});
    let mut caller = template("web");
    caller["spec"]["containers"][0]["env"] = json!([{"name": "DB_ADDR", "value": "db:80"}]);
    World::empty()
        .with(Kind::PersistentVolumeClaim, json!({"metadata": {"name": "data", "namespace": "shop"}, "spec": {"storageClassName": "fast"}, "status": {"phase": "Pending"}}))
        .with(Kind::Deployment, merged(deployment("db"), json!({"status": {"readyReplicas": 0}})))
        .with(Kind::ReplicaSet, replica_set("db"))
        .with(Kind::Pod, unscheduled("db", volume))
        .with(Kind::Event, event("Pod", "db-1-x", "FailedScheduling", "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims."))
        .with(Kind::Service, service("db"))
        .with(Kind::EndpointSlice, merged(slice("db", false), json!({"endpoints": []})))
        .with(Kind::Deployment, merged(deployment("web"), json!({"spec": {"template": caller}, "status": {"readyReplicas": 0}})))
        .with(Kind::ReplicaSet, replica_set("web"))
        .with(Kind::Pod, merged(unready(pod("web")), merged(json!({"spec": caller["spec"]}), crashed(1, "Error"))))
        .log("web-1-x", "main", true, "fatal: dial db:80: connection refused")
}

#[test]
fn ranks_the_missing_storage_class_above_everything_that_follows_from_it() {
    let diagnosis = chain().diagnosis();
    let told: Vec<String> =
        diagnosis.findings.iter().map(|it| format!("{} on {}", it.cause, it.subject)).collect();
    assert_eq!(told, vec!["storage.class-missing on Deployment shop/db".to_owned()]);
    let chain: BTreeSet<&str> = diagnosis.findings[0].chain.iter().map(cause::CauseCode::as_str).collect();
    assert_eq!(
        chain,
        BTreeSet::from([
            "app.dependency-unreachable",
            "container.crashing",
            "service.no-endpoints",
            "workload.unavailable"
        ])
    );
    let affected: BTreeSet<String> = diagnosis.findings[0].affected.iter().map(ToString::to_string).collect();
    assert!(affected.contains("Service shop/db") && affected.contains("Deployment shop/web"), "{affected:?}");
}

#[test]
fn the_text_for_a_model_is_compact_and_quotes_verbatim() {
    insta::assert_snapshot!(chain().diagnosis().text());
}

#[test]
fn an_empty_diagnosis_says_what_was_checked_and_not_seen() {
    let mut snapshot = World::healthy().snapshot().clone();
    snapshot.gaps.push(Gap {
        kind: "Secret".to_owned(),
        namespace: Some("shop".to_owned()),
        why: GapReason::Forbidden,
    });
    insta::assert_snapshot!(diagnose(&snapshot, &Focus::default()).text());
}

#[test]
fn the_same_snapshot_gives_the_same_bytes() {
    let once = serde_json::to_string(&chain().diagnosis()).unwrap();
    assert_eq!(once, serde_json::to_string(&chain().diagnosis()).unwrap());
    assert_eq!(serde_json::from_str::<Diagnosis>(&once).unwrap(), chain().diagnosis());
}

#[test]
fn the_namespace_asked_about_comes_first_and_a_named_workload_before_its_like() {
    let world = World::sick(crashed(1, "Error"))
        .with(Kind::Deployment, merged(deployment("cart"), json!({"status": {"readyReplicas": 0}})))
        .with(Kind::ReplicaSet, replica_set("cart"))
        .with(Kind::Pod, merged(unready(pod("cart")), crashed(1, "Error")));
    let first = |namespace: &str, words: &[&str]| {
        let focus = Focus {
            namespace: Some(namespace.to_owned()),
            words: words.iter().map(|word| (*word).to_owned()).collect(),
        };
        diagnose(world.snapshot(), &focus).findings[0].subject.name.clone()
    };
    assert_eq!(first("shop", &["web"]), "web");
    assert_eq!(first("shop", &["cart"]), "cart");
    let elsewhere = merged(pod("other"), json!({"metadata": {"namespace": "other", "ownerReferences": []}}));
    let world = world.with(Kind::Pod, merged(unready(elsewhere), crashed(137, "OOMKilled")));
    assert_eq!(world.diagnosis().findings[0].subject.namespace.as_deref(), Some("shop"));
}

#[test]
fn asks_for_the_logs_of_crashing_containers_and_not_of_ready_ones() {
    let wanted = World::sick(crashed(1, "Error")).snapshot().wanted_logs();
    let containers: Vec<(String, bool)> = wanted
        .iter()
        .filter_map(|request| match &request.source {
            LogSource::Container { pod, previous, .. } => Some((pod.clone(), *previous)),
            LogSource::NodeUnit { .. } => None,
        })
        .collect();
    assert_eq!(&containers[..2], &[("web-1-x".to_owned(), true), ("web-1-x".to_owned(), false)]);
}

#[test]
fn asks_for_few_logs_however_large_the_cluster_is() {
    let mut world = World::empty();
    for number in 0..300 {
        let name = format!("p{number}");
        world = world.with(Kind::Pod, merged(unready(pod(&name)), crashed(1, "Error"))).with(
            Kind::Node,
            merged(
                crate::world::node(&name),
                json!({"status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}}),
            ),
        );
    }
    let wanted = world.snapshot().wanted_logs();
    let (containers, units): (Vec<_>, Vec<_>) =
        wanted.iter().partition(|request| matches!(request.source, LogSource::Container { .. }));
    assert!(
        containers.len() <= 40 && units.len() <= 50,
        "{} containers, {} units",
        containers.len(),
        units.len()
    );
}

#[test]
fn hostile_objects_neither_panic_nor_hide_the_others() {
    let world = World::healthy()
        .with(Kind::Pod, json!({"metadata": {"name": "odd", "namespace": "shop", "labels": null, "creationTimestamp": "never"}, "spec": {"containers": null}, "status": {"phase": "Dreaming"}}))
        .with(Kind::Pod, json!({}))
        .with(Kind::Service, json!({"metadata": {"name": "x"}, "spec": {"ports": [{"port": -1, "targetPort": "", "protocol": "SCTP"}], "selector": {"a": "b"}}}))
        .with(Kind::Event, json!({"message": "0/ nodes are available: , ,", "reason": "FailedScheduling"}))
        .with(Kind::Node, json!({"status": {"allocatable": {"cpu": "lots"}}}));
    let _ = world.diagnosis();
    let mut snapshot = world.snapshot().clone();
    assert!(snapshot.push(Kind::Pod, json!({"spec": 5})).is_err());
    assert_eq!(snapshot.pods.len(), world.snapshot().pods.len());
}

/// Codes that the sources name.
fn emitted() -> BTreeSet<String> {
    fn read(folder: &std::path::Path, codes: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                read(&path, codes);
            } else {
                let text = std::fs::read_to_string(&path).unwrap();
                codes.extend(
                    text.split("CauseCode::new(\"")
                        .skip(1)
                        .filter_map(|rest| Some(rest.split('"').next()?.to_owned())),
                );
            }
        }
    }
    let mut codes = BTreeSet::new();
    read(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut codes);
    codes
}

#[test]
fn every_code_is_in_the_catalogue_and_every_entry_has_a_detector() {
    let listed: BTreeSet<String> =
        cause::CATALOGUE.iter().flat_map(|area| area.iter()).map(|entry| entry.code.to_owned()).collect();
    assert_eq!(emitted(), listed);
}
