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
const FLOOR: f64 = 0.95;

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
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "a part misses no threshold");
    };
    let (one, two, all) = (file("1.jsonl"), file("2.jsonl"), file("all.jsonl"));
    shard("1/2", &one);
    shard("2/2", &two);
    let merged = run(&["eval", "merge", &one, &two, "--out", &all]);
    assert_eq!(merged.code, 0, "{}", merged.stderr);
    let rows = |path: &str| Results::read(std::path::Path::new(path)).unwrap().rows.len();
    assert_eq!(rows(&all), rows(&one) + rows(&two));
    for wrong in [&["--shard", "3/2"][..], &["--shard-index", "2", "--shards", "2"], &["--shards", "2"]] {
        let ran = run(&[&["eval", "run", "evals/suites/core.yaml"], wrong].concat());
        assert_eq!(ran.code, 2, "{wrong:?} {}", ran.stderr);
    }
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

/// Arguments of the only container of a manifest in `deploy/eval`, and its whole.
fn manifest(name: &str) -> (Vec<String>, serde_json::Value) {
    let text = std::fs::read_to_string(harness::root().join("deploy/eval").join(name)).unwrap();
    let value: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
    let pod = &value["spec"]["template"]["spec"];
    assert_eq!(pod["containers"].as_array().unwrap().len(), 1, "{name}");
    let arguments = serde_json::from_value(pod["containers"][0]["args"].clone()).unwrap();
    // A pod that only reads recordings has no business with the API server.
    assert_eq!(
        (&pod["automountServiceAccountToken"], &pod["restartPolicy"]),
        (&false.into(), &"Never".into())
    );
    let mounted = &pod["containers"][0]["volumeMounts"][0]["name"];
    assert_eq!(*mounted, pod["volumes"][0]["name"]);
    assert_eq!(pod["volumes"][0]["persistentVolumeClaim"]["claimName"], "stethoscope-eval-results");
    (arguments, value)
}

#[test]
fn the_indexed_job_gives_the_rows_of_one_process() {
    let directory = tempfile::tempdir().unwrap();
    let results = directory.path().to_string_lossy().into_owned();
    let here = |argument: &String, index: usize| {
        let argument = argument.replace("$(JOB_COMPLETION_INDEX)", &index.to_string());
        if argument.starts_with("/evals/") {
            argument.trim_start_matches('/').to_owned()
        } else {
            argument.replace("/results", &results)
        }
    };
    let (arguments, job) = manifest("job.yaml");
    assert_eq!(job["spec"]["completionMode"], "Indexed");
    let parts = usize::try_from(job["spec"]["completions"].as_u64().unwrap()).unwrap();
    assert!(arguments.contains(&format!("--shards={parts}")), "{arguments:?}");
    for index in 0..parts {
        let mut part: Vec<String> = arguments.iter().map(|argument| here(argument, index)).collect();
        part.push("--originals".to_owned());
        let ran = run(&part.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "part {index}");
    }
    let (arguments, _) = manifest("merge.yaml");
    let merge: Vec<String> = arguments.iter().map(|argument| here(argument, 0)).collect();
    let ran = run(&merge.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    let whole = directory.path().join("whole.jsonl").to_string_lossy().into_owned();
    let alone = run(&["eval", "run", "evals/suites/core.yaml", "--originals", "--out", &whole]);
    assert_eq!(alone.code, 0, "{}", alone.stderr);
    let rows = |path: &std::path::Path| {
        let mut rows = Results::read(path).unwrap().rows;
        for row in &mut rows {
            (row.seconds, row.timeline) = (0.0, None);
        }
        rows
    };
    assert_eq!(rows(&directory.path().join("all.jsonl")), rows(whole.as_ref()));
    assert!(std::fs::read_to_string(directory.path().join("report.html")).unwrap().contains("</html>"));
    assert!(std::fs::read_to_string(directory.path().join("junit.xml")).unwrap().contains("</testsuites>"));
    // Merging again takes the parts, not what was merged.
    std::fs::remove_file(whole).unwrap();
    assert_eq!(run(&merge.iter().map(String::as_str).collect::<Vec<_>>()).code, 0);
    std::fs::remove_file(directory.path().join("shard-3.jsonl")).unwrap();
    let short = run(&merge.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(short.code == 2 && short.stderr.contains("a shard is missing"), "{short:?}");
}

/// Takes one request and answers it; gives back its head and its body.
fn collector(answer: &'static str) -> (String, std::thread::JoinHandle<(String, serde_json::Value)>) {
    use std::io::{BufRead, BufReader, Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(reader.read_line(&mut head).unwrap() > 0, "{head}");
        }
        let head = head.to_lowercase();
        let length = head.split("content-length: ").nth(1).unwrap().split("\r\n").next().unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        reader.read_exact(&mut body).unwrap();
        stream.write_all(answer.as_bytes()).unwrap();
        (head, serde_json::from_slice(&body).unwrap())
    });
    (address, serving)
}

const TAKEN: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
const REFUSED: &str = "HTTP/1.1 403 Forbidden\r\ncontent-length: 6\r\nconnection: close\r\n\r\nno key";

#[test]
fn traces_reach_a_collector_and_a_file_with_a_span_for_each_turn_and_call() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("traces.jsonl").to_string_lossy().into_owned();
    let (address, serving) = collector(TAKEN);
    let suite = ["eval", "run", "evals/suites/core.yaml", "--originals", "--filter", "ticket-desk-down"];
    let ran: harness::Ran = harness::stethoscope()
        .args(suite)
        .args(["--traces", &file, "--otlp-endpoint", &address])
        .env("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=desk")
        .output()
        .unwrap()
        .into();
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    let (head, body) = serving.join().unwrap();
    assert!(head.starts_with("post /v1/traces ") && head.contains("x-tenant: desk"), "{head}");
    let written: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(written, body);
    let spans = body["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap();
    let count = |name: &str| {
        spans.iter().filter(|span| span["name"].as_str().is_some_and(|found| found.starts_with(name))).count()
    };
    // The overview, the detectors, the reads that prove them, the conclusion.
    assert_eq!((count("invoke_agent"), count("chat builtin")), (1, 4), "{spans:#?}");
    assert!(count("execute_tool k8s_overview") == 1 && count("execute_tool") >= 4, "{spans:#?}");
    let nanoseconds =
        |span: &serde_json::Value, key: &str| span[key].as_str().unwrap().parse::<i128>().unwrap();
    let root = &spans[0];
    for span in spans {
        assert_eq!(span["traceId"], root["traceId"]);
        let (start, end) = (nanoseconds(span, "startTimeUnixNano"), nanoseconds(span, "endTimeUnixNano"));
        assert!(nanoseconds(root, "startTimeUnixNano") <= start && start <= end, "{span}");
        assert!(end <= nanoseconds(root, "endTimeUnixNano"), "{span}");
    }
}

#[test]
fn a_collector_that_refuses_is_told_after_the_results_are_written() {
    let directory = tempfile::tempdir().unwrap();
    let rows = directory.path().join("rows.jsonl").to_string_lossy().into_owned();
    let (address, serving) = collector(REFUSED);
    let run_with = |endpoint: &str| {
        run(&[
            "eval",
            "run",
            "evals/suites/core.yaml",
            "--originals",
            "--filter",
            "ticket-desk-down",
            "--out",
            &rows,
            "--otlp-endpoint",
            endpoint,
        ])
    };
    let refused = run_with(&address);
    serving.join().unwrap();
    assert_eq!(refused.code, 5, "{}", refused.stderr);
    assert!(
        refused.stderr.contains("answered 403 Forbidden") && refused.stdout.contains("1 of 1 cases"),
        "{refused:?}"
    );
    assert_eq!(Results::read(std::path::Path::new(&rows)).unwrap().rows.len(), 1);
    let wrong = run_with("localhost:4318");
    assert_eq!(wrong.code, 2, "{}", wrong.stderr);
}

#[test]
fn a_judge_prompt_of_ones_own_is_checked_before_anything_runs() {
    let directory = tempfile::tempdir().unwrap();
    let prompts = directory.path().join("prompts");
    std::fs::create_dir(&prompts).unwrap();
    std::fs::write(prompts.join("judge.md.tera"), "{{ no_such_value }}").unwrap();
    let config = directory.path().join("stethoscope.toml");
    std::fs::write(&config, format!("prompts = {:?}\n", prompts.to_string_lossy())).unwrap();
    let ran = run(&["eval", "run", "evals/suites/core.yaml", "--config", &config.to_string_lossy()]);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("judge.md.tera cannot be used"), "{}", ran.stderr);
    std::fs::write(prompts.join("judge.md.tera"), "Grade {{ answer }} by {{ criteria }}").unwrap();
    let ran = run(&[
        "eval",
        "run",
        "evals/suites/core.yaml",
        "--originals",
        "--filter",
        "ticket*",
        "--config",
        &config.to_string_lossy(),
    ]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
}

#[test]
fn variants_are_chosen_by_name_and_an_unknown_one_is_refused() {
    let ran = run(&[
        "eval",
        "run",
        "evals/suites/core.yaml",
        "--variants",
        "swap,rename",
        "--seed",
        "7",
        "--filter",
        "lantern*",
    ]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(
        ran.stdout.contains("builtin, swap") && !ran.stdout.contains("builtin, ablate"),
        "{}",
        ran.stdout
    );
    let wrong = run(&["eval", "run", "evals/suites/core.yaml", "--variants", "shuffle"]);
    assert_eq!(wrong.code, 2);
    assert!(
        wrong.stderr.contains("\"shuffle\" is no variant; there are original, rename"),
        "{}",
        wrong.stderr
    );
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
