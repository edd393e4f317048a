//! How often the builtin model names the right cause and object first, over recorded incidents of others.
//!
//! `cargo test -p stethoscope --test cloudops -- --nocapture` prints the table.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test says what went wrong by panicking"
)]

mod harness;

use harness::{root, shared, stethoscope};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Share that must be right at rank 1.
const FLOOR: f64 = 0.92;

/// One incident and what came out.
struct Case {
    name: String,
    label: String,
    first: bool,
    third: bool,
    said: String,
}

#[test]
fn the_builtin_model_names_the_right_cause_first_often_enough() {
    let Some(directory) = shared("incidents/cloudops") else { return };
    let labels = labels(&root().join("evals/suites/cloudops.yaml"));
    let mut bundles: Vec<PathBuf> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().ends_with(".tar.gz"))
        .collect();
    bundles.sort();
    let next = AtomicUsize::new(0);
    let cases = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(bundle) = bundles.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let case = judge(bundle, &labels);
                    cases.lock().unwrap().push(case);
                }
            });
        }
    });
    let mut cases = cases.into_inner().unwrap();
    cases.sort_by(|a, b| (&a.label, &a.name).cmp(&(&b.label, &b.name)));
    print_table(&cases);
    let share = cases.iter().filter(|case| case.first).count() as f64 / cases.len() as f64;
    assert!(share >= FLOOR, "only {share:.3} of {} are right at rank 1", cases.len());
}

fn judge(bundle: &Path, labels: &BTreeMap<String, Vec<String>>) -> Case {
    let expect = expectation(bundle);
    let label = expect["label"].as_str().unwrap().to_owned();
    let subject = expect["subject"].as_str().unwrap().to_owned();
    let output = stethoscope()
        .args(["ask", "--quiet", "--output", "json", "--incident"])
        .arg(bundle)
        .output()
        .unwrap();
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("{}: {error}: {}", bundle.display(), String::from_utf8_lossy(&output.stderr))
    });
    let codes = labels.get(&label).cloned().unwrap_or_default();
    let hypotheses = answer["hypotheses"].as_array().cloned().unwrap_or_default();
    let right = |hypothesis: &Value| {
        codes.iter().any(|code| hypothesis["cause"] == code.as_str())
            && same_subject(&hypothesis["subject"], &subject)
    };
    let said = hypotheses.first().map_or_else(
        || answer["verdict"].to_string(),
        |best| {
            format!("{} {}/{}", best["cause"], best["subject"]["kind"], best["subject"]["name"])
                .replace('"', "")
        },
    );
    Case {
        name: bundle.file_name().unwrap().to_string_lossy().into_owned(),
        first: hypotheses.first().is_some_and(right),
        third: hypotheses.iter().take(3).any(right),
        label: format!("{label} {subject}"),
        said,
    }
}

/// `app/x` is the workload, Service or claim called x, `node/x` the Node, `namespace/x` the Namespace.
fn same_subject(said: &Value, expected: &str) -> bool {
    let (kind, name) = expected.split_once('/').unwrap();
    let said_kind = said["kind"].as_str().unwrap_or_default();
    let said_name = said["name"].as_str().unwrap_or_default();
    let kinds: &[&str] = match kind {
        "app" => &[
            "Deployment",
            "StatefulSet",
            "DaemonSet",
            "Service",
            "Pod",
            "ReplicaSet",
            "PersistentVolumeClaim",
        ],
        "node" => &["Node"],
        "namespace" => &["Namespace", "ResourceQuota"],
        other => panic!("an unknown kind of subject: {other}"),
    };
    let same_name = said_name == name
        || (kind == "app" && said_name.strip_prefix(name).is_some_and(|rest| rest.starts_with('-')));
    let quota = kind == "namespace" && said_kind == "ResourceQuota" && said["namespace"] == name;
    kinds.contains(&said_kind) && (same_name || quota)
}

fn labels(path: &Path) -> BTreeMap<String, Vec<String>> {
    let suite: Value = serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    serde_json::from_value(suite["labels"].clone()).unwrap()
}

/// Read by the test alone, straight from the archive: nothing of it may come through the product.
fn expectation(bundle: &Path) -> Value {
    let bundle =
        stethoscope_incidents::Bundle::open(bundle, &stethoscope_incidents::OpenLimits::default()).unwrap();
    serde_json::to_value(bundle.expectation().unwrap()).unwrap()
}

fn print_table(cases: &[Case]) {
    let mut by_label: BTreeMap<&str, (usize, usize, usize)> = BTreeMap::new();
    for case in cases {
        let (label, _) = case.label.split_once(' ').unwrap();
        let row = by_label.entry(label).or_default();
        row.0 += 1;
        row.1 += usize::from(case.first);
        row.2 += usize::from(case.third);
    }
    println!("{:<40} {:>5} {:>7} {:>7}", "label", "cases", "cause@1", "cause@3");
    for (label, (count, first, third)) in &by_label {
        println!("{label:<40} {count:>5} {first:>7} {third:>7}");
    }
    let sum = |pick: fn(&Case) -> bool| cases.iter().filter(|case| pick(case)).count();
    let (first, third) = (sum(|case| case.first), sum(|case| case.third));
    let share = |count: usize| count as f64 / cases.len() as f64;
    println!(
        "all {}: cause@1 {first} ({:.3}), cause@3 {third} ({:.3})",
        cases.len(),
        share(first),
        share(third)
    );
    for case in cases.iter().filter(|case| !case.first) {
        println!("miss {:<45} expected {:<60} said {}", case.name, case.label, case.said);
    }
}
