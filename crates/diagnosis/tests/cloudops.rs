//! The detectors over recorded incidents beside the repository: how often are cause and subject right at rank 1 and 3?

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::case_sensitive_file_extension_comparisons,
    reason = "a test that prints its measures"
)]

use flate2::read::GzDecoder;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Instant;
use stethoscope_core::finding::Finding;
use stethoscope_diagnosis::snapshot::{Kind, LogExcerpt, LogRequest, LogSource, Snapshot};
use stethoscope_diagnosis::{Diagnosis, Focus, diagnose};

/// Share of all incidents whose cause and subject are right at rank 1. Four labels need metrics.
const FLOOR: f64 = 0.93;

#[derive(Deserialize)]
struct Suite {
    labels: BTreeMap<String, Vec<String>>,
    subjects: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Incident {
    metadata: Name,
    question: String,
    namespace: String,
    captured_at: String,
    expect: Expect,
}

#[derive(Deserialize)]
struct Name {
    name: String,
}

#[derive(Deserialize)]
struct Expect {
    label: String,
    subject: String,
}

#[derive(Deserialize)]
struct Objects {
    kind: String,
    items: Option<Vec<serde_json::Value>>,
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The files of a bundle: path below its top folder, and bytes. Metrics are skipped: nothing here reads them.
fn unpack(path: &Path) -> Vec<(String, Vec<u8>)> {
    let file = std::fs::File::open(path).unwrap();
    let mut archive = tar::Archive::new(GzDecoder::new(file));
    let mut files = Vec::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().to_string_lossy().into_owned();
        let path = path.trim_start_matches("./").to_owned();
        if entry.header().entry_type().is_file() && !path.contains("prometheus/") {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            files.push((path, bytes));
        }
    }
    files
}

struct Bundle {
    incident: Incident,
    snapshot: Snapshot,
    logs: BTreeMap<String, String>,
}

fn read(path: &Path) -> Bundle {
    let mut incident = None;
    let mut snapshot = Snapshot::default();
    let mut logs = BTreeMap::new();
    for (path, bytes) in unpack(path) {
        if path.ends_with("incident.yaml") {
            incident = Some(serde_saphyr::from_slice::<Incident>(&bytes).unwrap());
        } else if let Some(at) = path.find("cluster-resources/pods/logs/").or_else(|| path.find("nodes/"))
            && path.ends_with(".log")
        {
            logs.insert(path[at..].to_owned(), String::from_utf8_lossy(&bytes).into_owned());
        }
        if path.contains("cluster-resources/") && path.ends_with(".json") {
            let list: Objects = serde_json::from_slice(&bytes).unwrap();
            for item in list.items.unwrap_or_default() {
                let kind = item["kind"]
                    .as_str()
                    .map_or_else(|| list.kind.trim_end_matches("List").to_owned(), str::to_owned);
                if let Some(kind) = Kind::parse(&kind) {
                    snapshot.push(kind, item).unwrap();
                }
            }
        }
    }
    let incident = incident.unwrap();
    snapshot.taken_at = incident.captured_at.parse().ok();
    Bundle { incident, snapshot, logs }
}

fn fetch(bundle: &Bundle, request: &LogRequest) -> Option<LogExcerpt> {
    let path = match &request.source {
        LogSource::Container { namespace, pod, container, previous } => {
            let previous = if *previous { "-previous" } else { "" };
            format!("cluster-resources/pods/logs/{namespace}/{pod}/{container}{previous}.log")
        }
        LogSource::NodeUnit { node, unit } => format!("nodes/{node}/logs/{unit}.log"),
    };
    let text = bundle.logs.get(&path)?;
    let lines: Vec<&str> = text.lines().collect();
    let cut = lines.len().saturating_sub(request.tail_lines as usize);
    Some(LogExcerpt { source: request.source.clone(), text: lines[cut..].join("\n"), truncated: cut > 0 })
}

fn focus(incident: &Incident) -> Focus {
    let words =
        incident.question.split(|c: char| !c.is_alphanumeric() && c != '-').filter(|word| word.len() > 2);
    Focus { namespace: Some(incident.namespace.clone()), words: words.map(str::to_owned).collect() }
}

fn answer(bundle: &mut Bundle) -> (Diagnosis, usize) {
    let focus = focus(&bundle.incident);
    let wanted = bundle.snapshot.wanted_logs_for(&focus);
    let asked = wanted.len();
    let found: Vec<LogExcerpt> = wanted.iter().filter_map(|request| fetch(bundle, request)).collect();
    for log in found {
        bundle.snapshot.add_log(log);
    }
    (diagnose(&bundle.snapshot, &focus), asked)
}

fn right(suite: &Suite, expect: &Expect, finding: &Finding) -> bool {
    let (kind, name) = expect.subject.split_once('/').unwrap();
    suite.labels[&expect.label].iter().any(|code| code == finding.cause.as_str())
        && suite.subjects[kind].contains(&finding.subject.kind)
        && finding.subject.name == name
}

#[derive(Default)]
struct Row {
    all: usize,
    first: usize,
    third: usize,
}

#[test]
fn names_cause_and_subject_of_the_recorded_incidents() {
    let folder = workspace().join("../shared/incidents/cloudops");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        eprintln!("SKIPPED: no recorded incidents beside the repository");
        return;
    };
    let suite: Suite = serde_saphyr::from_str(
        &std::fs::read_to_string(workspace().join("evals/suites/cloudops.yaml")).unwrap(),
    )
    .unwrap();
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().ends_with(".tar.gz"))
        .collect();
    paths.sort();
    let mut rows = BTreeMap::<String, Row>::new();
    let mut misses = Vec::new();
    let (mut brier, mut asked, mut spent) = (0.0, 0, std::time::Duration::ZERO);
    for path in &paths {
        let mut bundle = read(path);
        let start = Instant::now();
        let (diagnosis, logs) = answer(&mut bundle);
        spent += start.elapsed();
        asked += logs;
        let expect = &bundle.incident.expect;
        let row = rows.entry(expect.label.clone()).or_default();
        row.all += 1;
        let rank = diagnosis.findings.iter().position(|finding| right(&suite, expect, finding));
        row.first += usize::from(rank == Some(0));
        row.third += usize::from(rank.is_some_and(|rank| rank < 3));
        let confidence = diagnosis.findings.first().map_or(0.0, |finding| finding.confidence);
        brier += (confidence - f64::from(u8::from(rank == Some(0)))).powi(2);
        if rank != Some(0) {
            let told: Vec<String> = diagnosis
                .findings
                .iter()
                .take(3)
                .map(|it| format!("{} {} {:.2} {}", it.cause, it.subject, it.confidence, it.severity))
                .collect();
            misses.push(format!(
                "{} wants {} {} (rank {rank:?}); told: {}",
                bundle.incident.metadata.name,
                expect.label,
                expect.subject,
                told.join(" | ")
            ));
        }
    }
    let all = paths.len();
    let (first, third) =
        rows.values().fold((0, 0), |(first, third), row| (first + row.first, third + row.third));
    eprintln!("{:<40} {:>4} {:>6} {:>6}", "label", "all", "first", "third");
    for (label, row) in &rows {
        eprintln!("{label:<40} {:>4} {:>6} {:>6}", row.all, row.first, row.third);
    }
    for miss in &misses {
        eprintln!("MISS {miss}");
    }
    let share = |count: usize| count as f64 / all as f64;
    eprintln!(
        "all {all}: cause@1 {:.3}, cause@3 {:.3}, brier {:.3}, {:.1} logs a case, {:.1} ms a case",
        share(first),
        share(third),
        brier / all as f64,
        asked as f64 / all as f64,
        spent.as_secs_f64() * 1000.0 / all as f64
    );
    assert!(share(first) >= FLOOR, "cause@1 {:.3} is below the floor {FLOOR}", share(first));
}

#[test]
fn every_label_of_the_suite_names_causes_of_the_catalogue() {
    let text = std::fs::read_to_string(workspace().join("evals/suites/cloudops.yaml")).unwrap();
    let suite: Suite = serde_saphyr::from_str(&text).unwrap();
    let unknown: BTreeSet<&String> = suite
        .labels
        .values()
        .flatten()
        .filter(|code| stethoscope_core::cause::find(code).is_none())
        .collect();
    assert_eq!(unknown, BTreeSet::new());
    assert_eq!(suite.labels.len(), 49);
}
