//! A mesh of `front -> web`, `front -> cart -> stock` over two nodes: n1 runs front and web, n2 cart and stock.

use crate::world::{World, crashed, deployment, merged, node, pod, replica_set, service, slice, template};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use stethoscope_diagnosis::snapshot::{About, Kind, Signal, SignalKind, SignalOrigin};
use stethoscope_diagnosis::{Focus, diagnose};

const CALLS: [(&str, &str, &[&str]); 4] =
    [("front", "n1", &["web", "cart"]), ("web", "n1", &[]), ("cart", "n2", &["stock"]), ("stock", "n2", &[])];

fn mesh() -> World {
    CALLS.iter().fold(World::empty().with(Kind::Node, node("n2")), |world, (app, node, callees)| {
        let env: Vec<Value> = callees
            .iter()
            .map(|callee| json!({"name": format!("{}_ADDR", callee.to_uppercase()), "value": format!("{callee}:80")}))
            .collect();
        let mut template = template(app);
        template["spec"]["containers"][0]["env"] = json!(env);
        let mut placed = template["spec"].clone();
        placed["nodeName"] = json!(node);
        world
            .with(Kind::Deployment, merged(deployment(app), json!({"spec": {"template": template}})))
            .with(Kind::ReplicaSet, replica_set(app))
            .with(Kind::Pod, merged(pod(app), json!({"spec": placed})))
            .with(Kind::Service, service(app))
            .with(Kind::EndpointSlice, slice(app, true))
    })
}

fn signal(kind: SignalKind, about: About, levels: (f64, f64)) -> Signal {
    let name =
        about.names.first().or(about.nodes.first()).or(about.within.as_ref()).cloned().unwrap_or_default();
    Signal {
        kind,
        about,
        before: Some(levels.0),
        after: Some(levels.1),
        quantile: (kind == SignalKind::Latency).then_some(50),
        since: "2026-01-01T11:55:00Z".parse().ok(),
        until: None,
        origin: SignalOrigin::Series("m".to_owned()),
        quote: format!("{kind:?} of {name}: {} -> {}", levels.0, levels.1),
    }
}

fn of(app: &str, kind: SignalKind, before: f64, after: f64) -> Signal {
    let about = About { namespace: Some("shop".to_owned()), names: vec![app.to_owned()], ..About::default() };
    signal(kind, about, (before, after))
}

fn of_node(name: &str, kind: SignalKind, before: f64, after: f64) -> Signal {
    signal(kind, About { nodes: vec![name.to_owned()], ..About::default() }, (before, after))
}

fn slow(apps: &[&str]) -> Vec<Signal> {
    apps.iter().map(|app| of(app, SignalKind::Latency, 10.0, 900.0)).collect()
}

fn causes(signals: Vec<Signal>) -> Vec<String> {
    mesh().signals(signals).causes()
}

fn first(signals: Vec<Signal>) -> String {
    causes(signals).into_iter().next().unwrap_or_default()
}

#[test]
fn a_throttled_workload_explains_who_waits_for_it() {
    let mut signals = slow(&["stock", "cart", "front"]);
    signals.push(of("stock", SignalKind::Throttling, 0.0, 0.8));
    signals.push(of("stock", SignalKind::CpuUsage, 0.1, 0.5));
    assert_eq!(causes(signals), ["container.cpu-saturated on Deployment shop/stock"]);
}

#[test]
fn a_little_throttling_or_one_that_was_over_before_saturates_nothing() {
    let mut little = slow(&["stock", "cart", "front"]);
    little.push(of("stock", SignalKind::Throttling, 0.001, 0.02));
    assert_eq!(first(little), "pod.network-slow on Deployment shop/stock");
    let until = |mut signal: Signal, moment: &str| {
        signal.until = moment.parse().ok();
        signal
    };
    let mut before: Vec<Signal> = slow(&["stock", "cart", "front"])
        .into_iter()
        .map(|signal| until(signal, "2026-01-01T11:59:00Z"))
        .collect();
    before.push(until(of("stock", SignalKind::Throttling, 0.0, 0.8), "2026-01-01T11:55:10Z"));
    assert_eq!(first(before), "pod.network-slow on Deployment shop/stock");
}

#[test]
fn of_two_saturated_ones_the_earlier_comes_first() {
    let mut signals = slow(&["web", "cart", "front"]);
    let mut later = of("cart", SignalKind::Throttling, 0.0, 0.9);
    later.since = "2026-01-01T11:57:00Z".parse().ok();
    signals.push(later);
    signals.push(of("cart", SignalKind::CpuUsage, 0.1, 0.5));
    signals.push(of("web", SignalKind::Throttling, 0.0, 0.3));
    signals.push(of("web", SignalKind::CpuUsage, 0.1, 0.5));
    assert_eq!(
        causes(signals),
        ["container.cpu-saturated on Deployment shop/web", "container.cpu-saturated on Deployment shop/cart"]
    );
}

#[test]
fn slowness_is_put_where_the_callers_of_one_workload_are_the_slow_ones() {
    assert_eq!(first(slow(&["stock", "cart", "front"])), "pod.network-slow on Deployment shop/stock");
    assert_eq!(first(slow(&["web", "front"])), "pod.network-slow on Deployment shop/web");
    assert_eq!(first(slow(&["front"])), "pod.network-slow on Deployment shop/front");
}

#[test]
fn a_callee_that_is_hardly_slow_does_not_explain_a_caller_that_is() {
    let signals =
        vec![of("web", SignalKind::Latency, 1.0, 8.0), of("front", SignalKind::Latency, 10.0, 900.0)];
    assert_eq!(first(signals), "pod.network-slow on Deployment shop/front");
}

#[test]
fn a_suspect_that_calls_what_nobody_measures_is_not_called_the_cause() {
    let about = |app: &str| About {
        namespace: Some("shop".to_owned()),
        names: vec![app.to_owned()],
        ..About::default()
    };
    let told = |timed: &[&str]| {
        let mut world = mesh().signals(slow(&["cart", "front"]));
        world.timed(timed.iter().map(|app| about(app)).collect());
        let best = world.diagnosis().findings.remove(0);
        (best.subject.name.clone(), best.confidence < 0.5)
    };
    assert_eq!(told(&["front", "cart", "stock", "web"]), ("cart".to_owned(), false));
    assert_eq!(told(&["front", "cart", "web"]), ("cart".to_owned(), true));
}

#[test]
fn slowness_that_nothing_measures_is_a_gap_and_not_health() {
    let gaps = |words: &str, timed: &[&str]| {
        let mut world = World::healthy();
        let about = |app: &&str| About {
            namespace: Some("shop".to_owned()),
            names: vec![(*app).to_owned()],
            ..About::default()
        };
        world.timed(timed.iter().map(about).collect());
        let words = words.split(' ').map(str::to_owned).collect();
        let focus = Focus { namespace: Some("shop".to_owned()), words };
        diagnose(world.snapshot(), &focus).gaps.into_iter().map(|gap| gap.kind).collect::<Vec<_>>()
    };
    assert_eq!(gaps("why is web so slow?", &[]), ["request latency"]);
    assert_eq!(gaps("why is web so slow?", &["other"]), ["request latency"]);
    assert_eq!(gaps("why is web so slow?", &["web"]), Vec::<String>::new());
    assert_eq!(gaps("is the flag service down?", &[]), Vec::<String>::new());
}

#[test]
fn slowness_with_more_work_is_the_workloads_own() {
    let mut signals = slow(&["web", "front"]);
    signals.push(of("web", SignalKind::TrafficRise, 10.0, 80.0));
    assert_eq!(first(signals), "app.slow on Deployment shop/web");
}

#[test]
fn a_node_whose_pods_are_slow_and_nobody_elsewhere_is_slow_itself() {
    // stock and web call nobody: only what they share explains both.
    let shared = World::empty().with(Kind::Node, node("n2"));
    let world = ["a", "b", "c"].iter().zip(["n1", "n2", "n2"]).fold(shared, |world, (app, node)| {
        world
            .with(Kind::Deployment, deployment(app))
            .with(Kind::ReplicaSet, replica_set(app))
            .with(Kind::Pod, merged(pod(app), json!({"spec": {"nodeName": node}})))
            .with(Kind::Service, service(app))
            .with(Kind::EndpointSlice, slice(app, true))
    });
    let signals = vec![
        of("a", SignalKind::TrafficDrop, 10.0, 9.0),
        of("b", SignalKind::Latency, 10.0, 900.0),
        of("c", SignalKind::Latency, 10.0, 700.0),
    ];
    assert_eq!(world.signals(signals).first(), "node.network-slow on Node n2");
}

#[test]
fn a_node_that_sends_again_while_its_pods_suffer_loses_packets() {
    let mut signals = slow(&["stock", "cart", "front"]);
    signals.push(of_node("n2", SignalKind::Retransmits, 0.1, 9.0));
    signals.push(of_node("n1", SignalKind::Retransmits, 0.1, 0.4));
    assert_eq!(causes(signals), ["node.packet-loss on Node n2"]);
}

#[test]
fn retransmits_where_nobody_suffers_or_everywhere_alike_accuse_no_node() {
    let mut idle = slow(&["stock", "cart"]);
    idle.push(of_node("n1", SignalKind::Retransmits, 0.1, 9.0));
    assert!(!causes(idle).iter().any(|cause| cause.starts_with("node.")));
    let mut alike = slow(&["web", "front", "stock", "cart"]);
    alike.push(of_node("n1", SignalKind::Retransmits, 0.1, 9.0));
    alike.push(of_node("n2", SignalKind::Retransmits, 0.1, 8.0));
    assert!(!causes(alike).iter().any(|cause| cause.starts_with("node.packet-loss")));
}

#[test]
fn without_slowness_signals_accuse_nobody() {
    let signals = vec![
        of("web", SignalKind::CpuUsage, 0.1, 0.9),
        of("web", SignalKind::TrafficRise, 1.0, 9.0),
        of("cart", SignalKind::Errors, 1.0, 0.7),
        of("nobody", SignalKind::Latency, 1.0, 900.0),
        of("web", SignalKind::Latency, 10.0, 20.0),
    ];
    assert_eq!(causes(signals), Vec::<String>::new());
}

#[test]
fn a_broken_object_outranks_what_is_only_slow() {
    let signals = vec![of("web", SignalKind::Latency, 10.0, 900.0)];
    let broken = World::sick(crashed(1, "Error")).log("web-1-x", "main", true, "panic: no tariffs");
    let told = broken.signals(signals).causes();
    assert_eq!(told[0], "container.crashing on Deployment shop/web", "{told:?}");
}

#[test]
fn series_are_put_on_objects_by_pod_service_rule_name_and_node_address() {
    let place = |about: About| {
        let about = About { namespace: about.namespace.or(Some("shop".to_owned())), ..about };
        first(vec![signal(SignalKind::Latency, about, (10.0, 900.0))])
    };
    let names = |name: &str| About { names: vec![name.to_owned()], ..About::default() };
    assert_eq!(place(names("stock-1-x")), "pod.network-slow on Deployment shop/stock");
    assert_eq!(place(names("stock")), "pod.network-slow on Deployment shop/stock");
    let rule = About { within: Some("job:stock_p90latency".to_owned()), ..About::default() };
    assert_eq!(place(rule), "pod.network-slow on Deployment shop/stock");
    let elsewhere = About { namespace: Some("other".to_owned()), ..names("stock") };
    assert_eq!(place(elsewhere), "");
}
