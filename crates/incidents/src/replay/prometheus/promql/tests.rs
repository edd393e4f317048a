use super::super::openmetrics::{Bounds, read};
use super::*;
use pretty_assertions::assert_eq;
use proptest::prelude::*;

/// Samples every 15 s from 0 to 600 s: two counters (one restarts), two gauges, a histogram, an info metric.
pub(super) fn world() -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    for step in 0_i32..=40 {
        let at = step * 15;
        let restarted = if step < 20 { step * 30 } else { (step - 20) * 30 };
        let _ = writeln!(text, "requests_total{{pod=\"a\",code=\"200\"}} {} {at}", step * 15);
        let _ = writeln!(text, "requests_total{{pod=\"b\",code=\"500\"}} {restarted} {at}");
        let _ = writeln!(text, "temperature{{pod=\"a\",zone=\"x\"}} {} {at}", 20 + step % 3);
        let _ = writeln!(text, "temperature{{pod=\"b\",zone=\"y\"}} {} {at}", 40 - step);
        for (le, share) in [("0.1", 1), ("0.5", 3), ("1", 4), ("+Inf", 5)] {
            let _ = writeln!(text, "latency_seconds_bucket{{pod=\"a\",le=\"{le}\"}} {} {at}", step * share);
        }
        let _ = writeln!(text, "pod_info{{pod=\"a\",node=\"n1\"}} 1 {at}");
        let _ = writeln!(text, "pod_info{{pod=\"b\",node=\"n2\"}} 1 {at}");
    }
    // Ends early, and one that holds what is no number.
    let _ = writeln!(
        text,
        "gone{{pod=\"c\"}} 7 100\nodd{{kind=\"nan\"}} NaN 600\nodd{{kind=\"inf\"}} +Inf 600\nodd{{kind=\"one\"}} -1.5 600"
    );
    text
}

fn recording() -> Recording {
    read(world().as_bytes(), 0, &Bounds::default())
}

/// Without the last bits, in which sums differ by their order.
fn rounded(value: f64) -> f64 {
    if value.is_finite() { (value * 1e9).round() / 1e9 } else { value }
}

fn show(answer: Result<Answer, QueryError>) -> String {
    match answer {
        Ok(Answer::Scalar(value)) => format!("scalar {value}"),
        Ok(Answer::Text(text)) => format!("string {text}"),
        Ok(Answer::Vector(samples)) => {
            let lines: Vec<String> =
                samples.iter().map(|sample| format!("{} {}", sample.labels, rounded(sample.value))).collect();
            lines.join(" | ")
        }
        Ok(Answer::Matrix(series)) => {
            let lines = series.iter().map(|(labels, points)| {
                let points: Vec<String> = points
                    .iter()
                    .map(|point| format!("{}@{}", rounded(point.value), point.at / 1000))
                    .collect();
                format!("{labels} {}", points.join(" "))
            });
            lines.collect::<Vec<_>>().join(" | ")
        }
        Err(QueryError::BadData(message)) => format!("bad_data: {message}"),
        Err(QueryError::Execution(message)) => format!("execution: {message}"),
    }
}

fn at(query: &str, seconds: i64) -> String {
    show(instant(&recording(), query, seconds * 1000, &Settings::default()))
}

#[track_caller]
fn check(table: &[(&str, &str)]) {
    for (query, expected) in table {
        assert_eq!((*query, at(query, 600).as_str()), (*query, *expected));
    }
}

#[test]
fn selectors_match_by_every_kind_of_matcher_and_look_back_five_minutes() {
    check(&[
        ("temperature", r#"temperature{pod="a", zone="x"} 21 | temperature{pod="b", zone="y"} 0"#),
        (r#"temperature{pod!="a"}"#, r#"temperature{pod="b", zone="y"} 0"#),
        (r#"{__name__=~"temp.*",zone=~"x|z"}"#, r#"temperature{pod="a", zone="x"} 21"#),
        (r#"temperature{zone!~"x"}"#, r#"temperature{pod="b", zone="y"} 0"#),
        (
            r#"temperature{missing=""} offset 10m"#,
            r#"temperature{pod="a", zone="x"} 20 | temperature{pod="b", zone="y"} 40"#,
        ),
        (r#"temperature{pod="b"} @ 150"#, r#"temperature{pod="b", zone="y"} 30"#),
        (r#"temperature{pod="b"} offset -4m"#, r#"temperature{pod="b", zone="y"} 0"#),
        ("gone", ""),
        ("nothing", ""),
    ]);
    assert_eq!(at("gone", 399), r#"gone{pod="c"} 7"#);
    assert_eq!(at("gone", 400), "", "a sample exactly at the left bound is outside since Prometheus 3");
}

#[test]
fn rates_are_extrapolated_and_know_resets() {
    check(&[
        (r#"rate(requests_total{pod="a"}[1m])"#, r#"{code="200", pod="a"} 1"#),
        (r#"increase(requests_total{pod="b"}[10m])"#, r#"{code="500", pod="b"} 1169.230769231"#),
        (r#"irate(requests_total{pod="b"}[1m])"#, r#"{code="500", pod="b"} 2"#),
        (r#"delta(temperature{pod="b"}[5m])"#, r#"{pod="b", zone="y"} -20"#),
        (r#"deriv(temperature{pod="b"}[5m]) * 15"#, r#"{pod="b", zone="y"} -1"#),
        ("resets(requests_total[10m])", r#"{code="200", pod="a"} 0 | {code="500", pod="b"} 1"#),
        (r#"changes(pod_info{pod="a"}[5m])"#, r#"{node="n1", pod="a"} 0"#),
        ("rate(requests_total[15s])", ""),
    ]);
}

#[test]
fn functions_over_time_see_a_window_that_is_open_at_its_left() {
    check(&[
        ("count_over_time(pod_info{pod=\"a\"}[1m])", r#"{node="n1", pod="a"} 4"#),
        ("sum_over_time(temperature{pod=\"b\"}[1m])", r#"{pod="b", zone="y"} 6"#),
        ("avg_over_time(temperature{pod=\"b\"}[1m])", r#"{pod="b", zone="y"} 1.5"#),
        ("min_over_time(temperature{pod=\"b\"}[1m])", r#"{pod="b", zone="y"} 0"#),
        ("max_over_time(temperature{pod=\"b\"}[1m])", r#"{pod="b", zone="y"} 3"#),
        ("quantile_over_time(0.5, temperature{pod=\"b\"}[1m])", r#"{pod="b", zone="y"} 1.5"#),
        ("stddev_over_time(temperature{pod=\"b\"}[30s])", r#"{pod="b", zone="y"} 0.5"#),
        ("last_over_time(gone[10m])", r#"gone{pod="c"} 7"#),
        ("max_over_time(rate(requests_total{pod=\"a\"}[1m])[2m:30s])", r#"{code="200", pod="a"} 1"#),
        ("temperature{pod=\"b\"}[30s]", r#"temperature{pod="b", zone="y"} 1@585 0@600"#),
        ("absent_over_time(nothing{a=\"b\"}[5m])", r#"{a="b"} 1"#),
    ]);
}

#[test]
fn aggregations_keep_the_labels_they_should() {
    check(&[
        ("sum(temperature)", "{} 21"),
        ("sum by (zone) (temperature)", r#"{zone="x"} 21 | {zone="y"} 0"#),
        ("avg without (zone, pod) (temperature)", "{} 10.5"),
        ("count(pod_info) by (nothing)", "{} 2"),
        ("topk(1, temperature)", r#"temperature{pod="a", zone="x"} 21"#),
        ("bottomk(1, temperature)", r#"temperature{pod="b", zone="y"} 0"#),
        ("quantile(0.5, temperature)", "{} 10.5"),
        ("stddev(temperature)", "{} 10.5"),
        ("max(odd)", "{} inf"),
        ("min(odd)", "{} -1.5"),
        ("topk(5, odd)", r#"odd{kind="inf"} inf | odd{kind="one"} -1.5 | odd{kind="nan"} NaN"#),
        ("sum(nothing)", ""),
        (
            "count_values(\"v\", temperature)",
            "execution: the aggregation count_values is not covered by the evaluator of recorded metrics; run a real Prometheus over prometheus/metrics.om for it",
        ),
    ]);
}

#[test]
fn vectors_match_one_to_one_and_many_to_one() {
    check(&[
        ("temperature + on(pod) pod_info", r#"{pod="a"} 22 | {pod="b"} 1"#),
        (
            "temperature * on(pod) group_left(node) pod_info",
            r#"{node="n1", pod="a", zone="x"} 21 | {node="n2", pod="b", zone="y"} 0"#,
        ),
        ("temperature - ignoring(zone, node) pod_info", r#"{pod="a"} 20 | {pod="b"} -1"#),
        ("temperature and on(pod) gone", ""),
        ("temperature unless on(pod) requests_total{code=\"500\"}", r#"temperature{pod="a", zone="x"} 21"#),
        (
            "temperature{pod=\"a\"} or pod_info",
            r#"temperature{pod="a", zone="x"} 21 | pod_info{node="n1", pod="a"} 1 | pod_info{node="n2", pod="b"} 1"#,
        ),
        (
            "pod_info * on() temperature",
            "execution: found duplicate series for the match group {} on the right hand-side of the operation: \
             [temperature{pod=\"b\", zone=\"y\"}, temperature{pod=\"a\", zone=\"x\"}];many-to-many matching not \
             allowed: matching labels must be unique on one side",
        ),
        (
            "temperature + on() pod_info{pod=\"a\"}",
            "execution: multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)",
        ),
    ]);
}

#[test]
fn comparisons_filter_or_give_bools() {
    check(&[
        ("temperature > 10", r#"temperature{pod="a", zone="x"} 21"#),
        ("10 < temperature", r#"temperature{pod="a", zone="x"} 21"#),
        ("temperature > bool 10", r#"{pod="a", zone="x"} 1 | {pod="b", zone="y"} 0"#),
        ("1 > bool 2", "scalar 0"),
        ("temperature == on(pod) temperature", r#"{pod="a"} 21 | {pod="b"} 0"#),
        ("(1 + 2) ^ 2 % 5", "scalar 4"),
        ("-temperature{pod=\"a\"}", r#"{pod="a", zone="x"} -21"#),
    ]);
}

#[test]
fn functions_of_numbers_times_and_labels() {
    check(&[
        ("time()", "scalar 600"),
        ("scalar(temperature{pod=\"a\"})", "scalar 21"),
        ("scalar(temperature)", "scalar NaN"),
        ("vector(1)", "{} 1"),
        ("round(odd{kind=\"one\"})", r#"{kind="one"} -1"#),
        ("abs(odd{kind=\"one\"})", r#"{kind="one"} 1.5"#),
        ("clamp(odd, 0, 5)", r#"{kind="inf"} 5 | {kind="nan"} NaN | {kind="one"} 0"#),
        ("clamp(odd, 5, 0)", ""),
        ("timestamp(gone @ 120)", r#"{pod="c"} 100"#),
        ("timestamp(gone @ 120 * 1)", r#"{pod="c"} 600"#),
        ("absent(nothing{a=\"b\",c=~\"d\"})", r#"{a="b"} 1"#),
        ("absent(temperature)", ""),
        ("sort_desc(temperature)", r#"temperature{pod="a", zone="x"} 21 | temperature{pod="b", zone="y"} 0"#),
        (
            "label_replace(pod_info{pod=\"a\"}, \"host\", \"$1-x\", \"node\", \"n(.*)\")",
            r#"pod_info{host="1-x", node="n1", pod="a"} 1"#,
        ),
        (
            "label_join(pod_info{pod=\"a\"}, \"both\", \"/\", \"pod\", \"node\")",
            r#"pod_info{both="a/n1", node="n1", pod="a"} 1"#,
        ),
        ("\"words\"", "string words"),
    ]);
}

#[test]
fn quantiles_of_histograms_are_linear_inside_a_bucket() {
    check(&[
        ("histogram_quantile(0.5, rate(latency_seconds_bucket[5m]))", r#"{pod="a"} 0.4"#),
        ("histogram_quantile(0.99, latency_seconds_bucket)", r#"{pod="a"} 1"#),
        ("histogram_quantile(0.5, sum by (le) (latency_seconds_bucket))", "{} 0.4"),
        ("histogram_quantile(2, latency_seconds_bucket)", r#"{pod="a"} inf"#),
        ("histogram_quantile(0.5, temperature)", ""),
    ]);
}

#[test]
fn what_is_not_covered_is_refused_by_name() {
    for (query, what) in [
        ("predict_linear(temperature[5m], 60)", None),
        ("holt_winters(temperature[5m], 0.5, 0.5)", Some("bad_data")),
        ("hour()", Some("execution: the function hour() is not covered")),
        ("limitk(1, temperature)", Some("execution: the aggregation limitk is not covered")),
        ("rate(temperature)", Some("bad_data")),
        ("sum(temperature", Some("bad_data")),
        ("temperature{", Some("bad_data")),
        ("{pod=~\".*\"}", Some("bad_data")),
        ("temperature{pod=~\"(\"}", Some("bad_data")),
        ("unknown_function(temperature)", Some("bad_data")),
        (
            "label_replace(rate(requests_total[5m]), \"code\", \"x\", \"pod\", \".*\") + label_replace(temperature, \"pod\", \"\", \"pod\", \".*\")",
            Some(""),
        ),
        (
            "label_replace(label_replace(temperature, \"pod\", \"\", \"pod\", \".*\"), \"zone\", \"\", \"zone\", \".*\")",
            Some("execution: vector cannot contain metrics with the same labelset"),
        ),
    ] {
        let answer = at(query, 600);
        match what {
            Some(start) => assert!(answer.starts_with(start), "{query}: {answer}"),
            None => assert!(!answer.starts_with("bad") && !answer.starts_with("exe"), "{query}: {answer}"),
        }
    }
}

#[test]
fn a_range_query_is_the_instant_query_at_every_step() {
    let steps = Steps { start: 540_000, end: 600_000, step: 30_000 };
    let ranged = |query: &str| show(range(&recording(), query, &steps, &Settings::default()));
    assert_eq!(ranged("temperature{pod=\"b\"}"), r#"temperature{pod="b", zone="y"} 4@540 2@570 0@600"#);
    assert_eq!(ranged("temperature{pod=\"b\"} > 1"), r#"temperature{pod="b", zone="y"} 4@540 2@570"#);
    assert_eq!(
        ranged("temperature{pod=\"b\"} @ end()"),
        r#"temperature{pod="b", zone="y"} 0@540 0@570 0@600"#
    );
    assert_eq!(ranged("1 + 1"), "{} 2@540 2@570 2@600");
    assert_eq!(ranged("gone"), "");
    let refused = "bad_data: invalid expression type \"range vector\" for range query, must be Scalar or instant Vector";
    assert_eq!(ranged("temperature[5m]"), refused);
}

#[test]
fn work_is_bounded() {
    let settings = Settings { samples: 1_000, ..Settings::default() };
    let steps = Steps { start: 0, end: 600_000, step: 1_000 };
    let heavy = [
        range(&recording(), "sum_over_time(temperature[10m])", &steps, &settings),
        instant(&recording(), "count_over_time(vector(1)[1y:1ms])", 600_000, &settings),
    ];
    let refused = "execution: query processing would touch more than 1000 samples; ask for less";
    assert_eq!(heavy.map(show), [refused, refused]);
}

#[test]
fn numbers_that_are_no_durations_are_refused_without_a_panic() {
    for inside in [
        "inf",
        "NaN",
        "1e30",
        "-1",
        "99999999999999999999",
        "1e+30",
        "0",
        "9999999999y",
        "0x1",
        "1e-400",
        "+Inf",
        "1s1s",
    ] {
        for query in [
            format!("temperature[{inside}]"),
            format!("temperature[{inside}:]"),
            format!("temperature[5m:{inside}]"),
            format!("temperature offset {inside}"),
            format!("temperature @ {inside}"),
            format!("temperature offset -{inside}"),
        ] {
            let _ =
                instant(&recording(), &query, 600_000, &Settings { samples: 10_000, ..Settings::default() });
        }
    }
}

proptest! {
    #[test]
    fn no_query_panics(words in proptest::collection::vec(
        proptest::sample::select(vec![
            "temperature", "requests_total", "(", ")", "[5m]", "[5m:1m]", "{pod=\"a\"}", "+", "-", "/", "^", "and", "or",
            "on(pod)", "ignoring(zone)", "group_left(node)", "sum", "by (pod)", "without(pod)", "topk", "rate", "offset 1m", "@ end()",
            "histogram_quantile", "quantile", "1", "0.5", ",", "bool", ">", "==", "NaN", "label_replace", "\"x\"", "scalar", "vector",
            "time()", "absent", "offset", "[", "]", "1e40", "Inf", "@", "clamp", "deriv", "{", "}", "=~", "\"(\"",
        ]), 0..12)) {
        let query = words.join(" ");
        let recording = recording();
        let _ = instant(&recording, &query, 600_000, &Settings { samples: 100_000, ..Settings::default() });
    }
}
