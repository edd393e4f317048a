//! The harness over the real binary: our own suite holds its floors, and the incidents of others are measured.
//!
//! `cargo test -p stethoscope --test eval -- --nocapture` prints the tables.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test says what went wrong by panicking"
)]

mod harness;

use harness::{incident, run, shared};
use pretty_assertions::assert_eq;
use stethoscope_evals::Results;
use stethoscope_evals::summary::Summary;

/// Share of the incidents of others that must have the right cause and object at rank 1.
const FLOOR: f64 = 0.92;

fn figures(results: &str) -> Summary {
    Summary::of(&Results::read(std::path::Path::new(results)).unwrap())
}

#[test]
fn our_own_suite_holds_its_floors_on_originals_and_variants() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str| directory.path().join(name).to_string_lossy().into_owned();
    let (rows, html, junit) = (file("rows.jsonl"), file("report.html"), file("junit.xml"));
    let ran =
        run(&["eval", "run", "evals/suites/core.yaml", "--out", &rows, "--html", &html, "--junit", &junit]);
    println!("{}", ran.stdout);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    let page = std::fs::read_to_string(&html).unwrap();
    assert!(page.contains("<html") && !page.contains("http://cdn") && !page.contains("<script src"));
    assert!(std::fs::read_to_string(&junit).unwrap().contains("<testsuite"));
    let same = run(&["eval", "compare", &rows, &rows]);
    assert_eq!(same.code, 0, "{}", same.stdout);
    let shown = run(&["eval", "show", &rows, "lantern-checkout-errors"]);
    assert!(shown.stdout.contains("k8s_overview"), "{}", shown.stdout);
    let unknown = run(&["eval", "show", &rows, "lantern-checkout-error"]);
    assert_eq!(unknown.code, 2);
    assert!(unknown.stderr.contains("lantern-checkout-errors"), "{}", unknown.stderr);
}

#[test]
fn shards_put_together_are_the_whole_run() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str| directory.path().join(name).to_string_lossy().into_owned();
    let shard = |part: &str, out: &str| {
        let ran =
            run(&["eval", "run", "evals/suites/core.yaml", "--originals", "--shard", part, "--out", out]);
        assert!(ran.stderr.is_empty() || ran.stderr.contains("missed:"), "{}", ran.stderr);
    };
    let (one, two, all) = (file("1.jsonl"), file("2.jsonl"), file("all.jsonl"));
    shard("1/2", &one);
    shard("2/2", &two);
    let merged = run(&["eval", "merge", &one, &two, "--out", &all]);
    assert_eq!(merged.code, 0, "{}", merged.stderr);
    assert_eq!(Results::read(std::path::Path::new(&all)).unwrap().rows.len(), 10);
    let wrong = run(&["eval", "run", "evals/suites/core.yaml", "--shard", "3/2"]);
    assert_eq!(wrong.code, 2, "{}", wrong.stderr);
}

#[test]
fn the_harness_asks_as_ask_asks() {
    let directory = tempfile::tempdir().unwrap();
    let rows = directory.path().join("rows.jsonl").to_string_lossy().into_owned();
    let name = "ticket-desk-down";
    let ran =
        run(&["eval", "run", "evals/suites/core.yaml", "--originals", "--filter", name, "--out", &rows]);
    assert!(ran.stdout.contains("1 of 1 cases"), "{}", ran.stdout);
    let results = Results::read(std::path::Path::new(&rows)).unwrap();
    let scored = results.rows[0].scored().unwrap();
    let asked = run(&["ask", "--quiet", "--output", "json", "--incident", &incident(name).to_string_lossy()]);
    assert_eq!(serde_json::to_value(&scored.answer).unwrap(), asked.json());
}

#[test]
fn the_builtin_model_names_the_right_cause_first_often_enough() {
    let Some(incidents) = shared("incidents/cloudops") else { return };
    let directory = tempfile::tempdir().unwrap();
    let rows = directory.path().join("rows.jsonl").to_string_lossy().into_owned();
    let suite = "evals/suites/cloudops.yaml";
    let ran = run(&[
        "eval",
        "run",
        suite,
        "--incidents",
        &incidents.to_string_lossy(),
        "--model",
        "builtin",
        "--out",
        &rows,
    ]);
    println!("{}", ran.stdout);
    let summary = figures(&rows);
    let share = summary.groups[0].cause_at_1.value().unwrap();
    assert!(share >= FLOOR, "only {share:.3} are right at rank 1: {}", ran.stderr);
}
