//! The results in a terminal.

use super::failure;
use crate::expected::word;
use crate::holmes::{CASE_FILE, Fixture};
use crate::results::{Outcome, Results, Row};
use crate::statistics::Share;
use crate::suite::Suite;
use crate::summary::{Group, Summary};
use crate::transcript::Step;
#[cfg(test)]
use crate::variants::Variant;
use std::collections::BTreeMap;
use std::fmt::Write;
use stethoscope_incidents::{Bundle, OpenLimits};

/// Lines of failed cases that are shown.
const MOST_FAILURES: usize = 60;

/// The whole table: figures by model and variant, control arms, strata, what failed, what broke.
pub fn table(results: &Results) -> String {
    let summary = Summary::of(results);
    let mut out = String::new();
    let header = &results.header;
    let _ = writeln!(out, "suite {}: {} of {} cases\n", header.suite, results.rows.len(), header.planned);
    figures(&mut out, &summary);
    effort(&mut out, &summary);
    arms(&mut out, &summary);
    strata(&mut out, &summary);
    judged(&mut out, &summary);
    unscored(&mut out, results);
    failures(&mut out, results);
    let misses = Summary::missed(results);
    for miss in misses {
        let _ = writeln!(out, "threshold missed: {miss}");
    }
    out
}

fn percent(share: Share) -> String {
    share.value().map_or_else(|| "–".to_owned(), |value| format!("{value:.3}"))
}

fn figures(out: &mut String, summary: &Summary) {
    let rows = summary.groups.iter().map(|group| {
        let interval = group
            .cause_at_1
            .wilson()
            .map_or_else(|| "–".to_owned(), |(low, high)| format!("{low:.2}–{high:.2}"));
        let calibration = |pick: fn(&crate::statistics::Calibration) -> f64| {
            group
                .calibration
                .as_ref()
                .map_or_else(|| "–".to_owned(), |calibration| format!("{:.3}", pick(calibration)))
        };
        vec![
            name(group),
            group.scored.to_string(),
            group.broken.to_string(),
            group.unscored.to_string(),
            percent(group.passed),
            group.pass_hat.map_or_else(|| "–".to_owned(), |(value, k)| format!("{value:.3} (k={k})")),
            percent(group.cause_at_1),
            interval,
            percent(group.cause_at_3),
            percent(group.subject_at_1),
            percent(group.verdict),
            percent(group.false_root_cause),
            percent(group.quotes),
            percent(group.evidence),
            calibration(|calibration| calibration.brier),
            calibration(|calibration| calibration.ece),
            group.forbidden.to_string(),
            group.leaks.to_string(),
            percent(group.coverage),
        ]
    });
    let heads = [
        "model, variant",
        "cases",
        "broken",
        "unscored",
        "pass@1",
        "pass^k",
        "cause@1",
        "95 %",
        "cause@3",
        "object@1",
        "verdict",
        "false cause",
        "verified",
        "cited",
        "Brier",
        "ECE",
        "forbidden",
        "leaks",
        "coverage",
    ];
    grid(out, &heads, rows.collect());
}

fn effort(out: &mut String, summary: &Summary) {
    let rows = summary.groups.iter().map(|group| {
        let effort = &group.effort;
        vec![
            name(group),
            format!("{:.1}", effort.turns),
            format!("{:.1}", effort.tool_calls),
            effort.redundant.to_string(),
            effort.failed.to_string(),
            effort.tokens.to_string(),
            effort.cost.map_or_else(|| "–".to_owned(), |cost| format!("{cost:.4} $")),
            effort.limited.to_string(),
            format!("{:.3} s", effort.median_seconds),
            format!("{:.3} s", effort.p95_seconds),
        ]
    });
    let heads = [
        "model, variant",
        "turns",
        "calls",
        "redundant",
        "failed",
        "tokens",
        "cost",
        "limited",
        "median",
        "p95",
    ];
    grid(out, &heads, rows.collect());
}

fn arms(out: &mut String, summary: &Summary) {
    let rows: Vec<Vec<String>> = summary
        .arms
        .iter()
        .map(|arm| {
            vec![
                arm.arm.name().to_owned(),
                arm.subject.all.to_string(),
                percent(arm.cause_at_1),
                percent(arm.subject),
            ]
        })
        .collect();
    grid(out, &["control arm", "cases", "cause@1", "object@1"], rows);
}

fn strata(out: &mut String, summary: &Summary) {
    let rows: Vec<Vec<String>> = summary
        .strata
        .iter()
        .map(|stratum| {
            vec![
                stratum.name.clone(),
                stratum.passed.all.to_string(),
                stratum.passed.right.to_string(),
                if stratum.cause_at_1.all > 0 {
                    stratum.cause_at_1.right.to_string()
                } else {
                    "–".to_owned()
                },
                if stratum.cause_at_3.all > 0 {
                    stratum.cause_at_3.right.to_string()
                } else {
                    "–".to_owned()
                },
            ]
        })
        .collect();
    grid(out, &["expected", "cases", "passed", "cause@1", "cause@3"], rows);
}

fn judged(out: &mut String, summary: &Summary) {
    let rows: Vec<Vec<String>> = summary
        .judged
        .iter()
        .map(|judged| {
            let criteria: Vec<String> =
                judged.criteria.iter().map(|(name, share)| format!("{name} {}", percent(*share))).collect();
            vec![
                format!("{} of {}, {}", judged.judge, judged.model, judged.variant.name()),
                judged.whole.all.to_string(),
                judged.without_grade.to_string(),
                percent(judged.whole),
                criteria.join(", "),
            ]
        })
        .collect();
    grid(out, &["judge", "graded", "no grade", "all met", "met"], rows);
}

/// Why cases stay without a score, and how many for each reason.
fn unscored(out: &mut String, results: &Results) {
    let mut reasons: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for row in &results.rows {
        if let Outcome::Unscored(unscored) = &row.outcome {
            *reasons.entry((row.key.variant.name(), unscored.why.as_str())).or_default() += 1;
        }
    }
    for ((variant, why), count) in reasons.iter().take(MOST_FAILURES) {
        let _ = writeln!(out, "unscored {variant}, {count}: {why}");
    }
    if reasons.len() > MOST_FAILURES {
        let _ = writeln!(out, "unscored: {} more reasons", reasons.len() - MOST_FAILURES);
    }
}

fn failures(out: &mut String, results: &Results) {
    let broken = |row: &&Row| matches!(row.outcome, Outcome::Broken(_));
    let (broken, wrong): (Vec<&Row>, Vec<&Row>) =
        results.rows.iter().filter(|row| failure(row).is_some()).partition(broken);
    for (word, rows) in [("wrong", wrong), ("broken", broken)] {
        for row in rows.iter().take(MOST_FAILURES) {
            let _ =
                writeln!(out, "{word} {} {}: {}", row.key.model, row.key, failure(row).unwrap_or_default());
        }
        if rows.len() > MOST_FAILURES {
            let _ = writeln!(out, "{word}: {} more", rows.len() - MOST_FAILURES);
        }
    }
}

fn name(group: &Group) -> String {
    format!("{}, {}", group.model, group.variant.name())
}

/// Columns as wide as they must be: the first to the left, figures to the right.
fn grid(out: &mut String, heads: &[&str], rows: Vec<Vec<String>>) {
    if rows.is_empty() {
        return;
    }
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(heads.get(column).map(|head| head.chars().count())).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..heads.len()).map(width).collect();
    let mut line = |cells: &[&str]| {
        let mut text = String::new();
        for (column, (cell, width)) in cells.iter().zip(&widths).enumerate() {
            let gap = width - cell.chars().count();
            let space = " ".repeat(gap);
            let parts = if column == 0 { [cell, space.as_str()] } else { [space.as_str(), cell] };
            text.push_str(if column == 0 { "" } else { "  " });
            text.extend(parts);
        }
        let _ = writeln!(out, "{}", text.trim_end());
    };
    line(heads);
    for row in &rows {
        line(&row.iter().map(String::as_str).collect::<Vec<_>>());
    }
    out.push('\n');
}

/// One case with its whole transcript, readable.
pub fn case(row: &Row) -> String {
    let mut out = format!("{} ({}, {:.3} s)\n", row.key, row.key.model, row.seconds);
    if let Some(expected) = &row.expected {
        let subjects: Vec<String> = expected
            .subjects
            .iter()
            .map(|subject| format!("{}/{}", subject.kinds.join("|"), subject.name))
            .collect();
        let _ = writeln!(
            out,
            "expected: {} {} {}",
            word(expected.verdict),
            expected.causes.join(" or "),
            subjects.join(" or ")
        );
    }
    let status = match (&row.outcome, failure(row)) {
        (Outcome::Broken(why), _) => format!("broken: {why}"),
        (Outcome::Unscored(unscored), _) => format!("unscored: {}", unscored.why),
        (Outcome::Scored(_), Some(why)) => format!("failed: {why}"),
        (Outcome::Scored(_), None) => "passed".to_owned(),
    };
    let _ = writeln!(out, "{status}");
    if let Some(judgement) = &row.judgement {
        let _ = writeln!(out, "{}", judgement.in_words());
    }
    for step in row.transcript().into_iter().flat_map(|transcript| &transcript.steps) {
        match step {
            Step::Said { text } => _ = writeln!(out, "\nmodel> {}", text.trim_end()),
            Step::Told { text } => _ = writeln!(out, "\nloop> {}", text.trim_end()),
            Step::Called { tool, arguments, evidence, text, .. } => {
                let id = evidence.as_deref().unwrap_or("no evidence");
                let _ = writeln!(out, "\n{tool} {arguments} -> {id}");
                for line in text.lines() {
                    let _ = writeln!(out, "    {line}");
                }
            }
        }
    }
    let Some(answer) = row.answer() else { return out };
    let _ = writeln!(out, "\nanswer: {}\n{}", word(answer.verdict), answer.summary);
    for best in &answer.hypotheses {
        let _ = writeln!(
            out,
            "{}. {} on {} ({:.2}): {}",
            best.rank, best.cause, best.subject, best.confidence, best.statement
        );
        for citation in &best.evidence {
            let _ = writeln!(
                out,
                "   {} {} {:?}",
                if citation.verified { "verified" } else { "NOT FOUND" },
                citation.id,
                citation.quote
            );
        }
    }
    out
}

/// The suite's cases without running them: name, expected stratum, question. Blocking.
pub fn list(suite: &Suite) -> String {
    let rows: Vec<Vec<String>> = suite
        .incidents
        .iter()
        .map(|path| {
            if path.join(CASE_FILE).exists() {
                let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
                return match Fixture::read(path) {
                    Ok(fixture) => vec![name, fixture.tags.join(" "), fixture.prompt(1).trim().to_owned()],
                    Err(why) => vec![name, "unreadable".to_owned(), why],
                };
            }
            let fallback = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
            match Bundle::open(path, &OpenLimits::default()) {
                Err(error) => vec![fallback, "unreadable".to_owned(), error.to_string()],
                Ok(bundle) => {
                    let expected = bundle
                        .expectation()
                        .map(|expect| crate::expected::Expected::read(expect, &suite.mapping));
                    let stratum = match expected {
                        Some(Ok(expected)) => expected.stratum,
                        Some(Err(why)) => why,
                        None => "no expectation".to_owned(),
                    };
                    let incident = bundle.incident();
                    vec![incident.name.clone(), stratum, incident.question.clone().unwrap_or_default()]
                }
            }
        })
        .collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let (first, second) = (width(0), width(1));
    let mut out = String::new();
    for row in &rows {
        let _ = writeln!(out, "{:<first$}  {:<second$}  {}", row[0], row[1], row[2]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::tests::{results, row};

    #[test]
    fn the_table_of_a_small_run() {
        let mut broken = row(3, "four", 1, false);
        broken.outcome = Outcome::Broken("the model could not be asked: no answer".to_owned());
        let mut renamed = row(4, "one", 1, true);
        renamed.key.variant = Variant::Rename;
        let mut all = results(vec![
            row(0, "one", 1, true),
            row(1, "two", 1, true),
            row(2, "three", 1, false),
            broken,
            renamed,
        ]);
        all.header.thresholds.cause_at_1 = Some(0.9);
        insta::assert_snapshot!(table(&all));
    }

    #[test]
    fn one_case_reads_from_question_to_answer() {
        insta::assert_snapshot!(case(&row(0, "one", 1, false)));
    }
}
