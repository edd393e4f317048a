//! Whole suites with the builtin model.

#![expect(clippy::unwrap_used, reason = "the functions that tests share")]

use jiff::Timestamp;
use pretty_assertions::assert_eq;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use stethoscope_agent::Prompts;
use stethoscope_evals::suite::Place;
use stethoscope_evals::summary::{Group, Summary};
use stethoscope_evals::variants::{Variant, Variants};
use stethoscope_evals::{Builtins, Outcome, Results, Row, RunOptions, Silent, Suite, Traffic, report, run};

/// Share of the variants without the deciding evidence on which the builtin model must not be sure of a cause. The goal is 0.9;
/// what is missing are symptoms that it names as causes when what lies behind them may not be read.
const ABLATED_FLOOR: f64 = 0.88;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn options() -> RunOptions {
    let mut options = RunOptions::new(Prompts::shipped().unwrap(), Timestamp::UNIX_EPOCH);
    options.jobs = NonZeroUsize::new(2).unwrap();
    options
}

fn core() -> Suite {
    Suite::load(&root().join("evals/suites/core.yaml"), &Place::default()).unwrap()
}

/// Originals of a few incidents.
fn few() -> RunOptions {
    let mut options = options();
    options.filter = Some("lantern-*".to_owned());
    options.variants = Some(Variants::default());
    options
}

/// Results without what may differ between two runs.
fn timeless(mut results: Results) -> Results {
    for row in &mut results.rows {
        (row.seconds, row.timeline) = (0.0, None);
    }
    results
}

fn broken(results: &Results) -> Vec<String> {
    let why = |row: &Row| match &row.outcome {
        Outcome::Broken(why) => Some(format!("{}: {why}", row.key)),
        Outcome::Scored(_) | Outcome::Unscored(_) => None,
    };
    results.rows.iter().filter_map(why).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_own_incidents_keep_their_thresholds_and_their_variants_lose_nothing() {
    let suite = core();
    let results = run(&suite, &options(), &Builtins, &mut Silent).await.unwrap();
    let table = report::table(&results);
    eprintln!("{table}");
    assert_eq!(broken(&results), Vec::<String>::new());
    let summary = Summary::of(&results);
    assert_eq!(Summary::missed(&results), Vec::<String>::new(), "{table}");
    let group = |variant: Variant| -> &Group {
        summary.groups.iter().find(|group| group.variant == variant).unwrap()
    };
    let original = group(Variant::Original);
    assert!(original.scored >= 10 && original.false_root_cause.right == 0, "{table}");
    for variant in [Variant::Rename, Variant::Clock, Variant::Distract, Variant::Canaries] {
        assert_eq!(group(variant).cause_at_1, original.cause_at_1, "{} loses cases\n{table}", variant.name());
    }
    let swapped = group(Variant::Swap);
    assert!(swapped.scored >= original.scored / 2, "too little is swapped\n{table}");
    assert_eq!(swapped.cause_at_1.right, swapped.cause_at_1.all, "swapped roles lose cases\n{table}");
    let leaks: Vec<&Row> = results
        .rows
        .iter()
        .filter(|row| row.scored().is_some_and(|scored| !scored.scores.leaks.is_empty()))
        .collect();
    assert!(leaks.is_empty(), "{table}");
    let ablated = group(Variant::Ablate);
    assert!(ablated.passed.value().unwrap() >= ABLATED_FLOOR, "{table}");
    let most_restarted = summary.arms.iter().find(|arm| arm.subject.all > 0).unwrap();
    assert!(
        most_restarted.cause_at_1.value() < original.cause_at_1.value(),
        "a guess is as good as the diagnosis\n{table}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn results_do_not_depend_on_jobs_or_shards() {
    let suite = core();
    let whole = timeless(run(&suite, &few(), &Builtins, &mut Silent).await.unwrap());
    let mut alone = few();
    alone.jobs = NonZeroUsize::MIN;
    assert_eq!(timeless(run(&suite, &alone, &Builtins, &mut Silent).await.unwrap()), whole);
    let mut shards = Vec::new();
    for shard in ["2/2", "1/2"] {
        let mut part = few();
        part.shard = Some(shard.parse().unwrap());
        shards.push(timeless(run(&suite, &part, &Builtins, &mut Silent).await.unwrap()));
    }
    // The constant guess too, which follows from all cases.
    assert_eq!(Results::merge(shards).unwrap(), whole);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recorded_run_is_replayed_without_a_model_and_a_drift_is_broken_not_wrong() {
    let directory = tempfile::tempdir().unwrap();
    let suite = core();
    let mut record = few();
    record.traffic = Traffic::Record(directory.path().to_owned());
    let live = timeless(run(&suite, &record, &Builtins, &mut Silent).await.unwrap());
    assert_eq!(broken(&live), Vec::<String>::new());
    let mut replay = few();
    replay.traffic = Traffic::Replay(directory.path().to_owned());
    assert_eq!(timeless(run(&suite, &replay, &Builtins, &mut Silent).await.unwrap()), live);
    let prompts = [("question".to_owned(), "Something else: {{ question }}".to_owned())].into();
    replay.prompts = Prompts::with_overrides(&prompts).unwrap();
    let drifted = run(&suite, &replay, &Builtins, &mut Silent).await.unwrap();
    let why = broken(&drifted);
    assert_eq!(why.len(), live.rows.len());
    assert!(why[0].contains("request 1 differs from the recorded one at message 2"), "{}", why[0]);
    replay.traffic = Traffic::Replay(directory.path().join("nowhere"));
    let missing = run(&suite, &replay, &Builtins, &mut Silent).await.unwrap();
    assert!(broken(&missing)[0].contains("cannot read"), "{:?}", broken(&missing));
}

#[tokio::test]
async fn what_breaks_is_a_row_and_an_unknown_model_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let bundle = directory.path().join("bad.tar.gz");
    std::fs::write(&bundle, "no archive").unwrap();
    let suite = Suite::of("bad", vec![bundle]);
    let results = run(&suite, &options(), &Builtins, &mut Silent).await.unwrap();
    assert!(broken(&results)[0].contains("the bundle cannot be read"), "{:?}", broken(&results));
    assert_eq!(Summary::of(&results).groups[0].scored, 0);
    let mut other = options();
    other.models = vec!["gpt".to_owned()];
    let error = run(&suite, &other, &Builtins, &mut Silent).await.unwrap_err().to_string();
    assert_eq!(error, "the model gpt cannot be used: only builtin is known here");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_recorded_incidents_of_others_run_through_their_mapping() {
    let incidents = root().join("../shared/incidents/cloudops");
    if !incidents.exists() {
        eprintln!("skipped: {} is not there", incidents.display());
        return;
    }
    let place = Place { working_directory: root(), incidents: Vec::new() };
    let suite = Suite::load(&root().join("evals/suites/cloudops.yaml"), &place).unwrap();
    let mut options = options();
    options.keep = stethoscope_evals::Keep::Nothing;
    // One in five of them; the command line runs all.
    options.filter = Some("*1".to_owned());
    let results = run(&suite, &options, &Builtins, &mut Silent).await.unwrap();
    eprintln!("{}", report::table(&results));
    assert_eq!(broken(&results), Vec::<String>::new());
    assert!(results.rows.len() > 30);
    let summary = Summary::of(&results);
    let group = &summary.groups[0];
    for arm in &summary.arms {
        assert!(
            arm.cause_at_1.value() < group.cause_at_1.value(),
            "{} is as good as the diagnosis",
            arm.arm.name()
        );
    }
}
