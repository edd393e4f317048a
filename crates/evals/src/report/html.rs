//! One HTML file with everything in it: no script, no font and no style from elsewhere.

use super::{failure, plots};
use crate::error::EvalError;
use crate::expected::word;
use crate::judge::Judgement;
use crate::results::{Outcome, Results, Row};
use crate::statistics::Share;
use crate::summary::{Group, Summary};
use crate::transcript::Step;
use serde::Serialize;
use serde_json::{Value, json};
use stethoscope_core::answer::Answer;
use tera::{Context, Tera};

const TEMPLATE: &str = include_str!("report.html.tera");
/// The name ends in `.html`, which turns tera's escaping on.
const NAME: &str = "report.html";

/// A piece of text, quoted by the answer or not.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Piece {
    text: String,
    marked: bool,
}

/// The results as one HTML page.
///
/// # Errors
/// When the template does not render, which is a defect.
pub fn html(results: &Results) -> Result<String, EvalError> {
    let summary = Summary::of(results);
    let mut context = Context::new();
    context.insert("suite", &results.header.suite);
    context.insert("started", &results.header.started.strftime("%Y-%m-%d %H:%M:%S UTC").to_string());
    context.insert("version", &results.header.version);
    context.insert("cases", &results.rows.len());
    context.insert("planned", &results.header.planned);
    context.insert("misses", &Summary::missed(results));
    context.insert("groups", &summary.groups.iter().map(group).collect::<Vec<_>>());
    let arms = summary.arms.iter().map(|arm| {
        json!({"name": arm.arm.name(), "cases": arm.subject.all, "cause": share(arm.cause_at_1), "subject": share(arm.subject)})
    });
    context.insert("arms", &arms.collect::<Vec<_>>());
    let judged = summary.judged.iter().map(|judged| {
        let criteria: Vec<Value> =
            judged.criteria.iter().map(|(name, met)| json!({"name": name, "met": share(*met)})).collect();
        json!({"judge": judged.judge, "model": judged.model, "variant": judged.variant.name(), "graded": judged.whole.all,
            "without_grade": judged.without_grade, "whole": share(judged.whole), "criteria": criteria})
    });
    context.insert("judged", &judged.collect::<Vec<_>>());
    context.insert("statuses", &statuses(results));
    context.insert("confusion", &plots::confusion(results));
    context.insert("rows", &results.rows.iter().map(row).collect::<Vec<_>>());
    let wrong = |source| EvalError::Template { name: NAME, source: Box::new(source) };
    let mut tera = Tera::default();
    tera.add_raw_template(NAME, TEMPLATE).map_err(wrong)?;
    tera.render(NAME, &context).map_err(wrong)
}

/// How many cases ended how, for the buttons that show only some.
fn statuses(results: &Results) -> Vec<Value> {
    let count = |wanted: &str| results.rows.iter().filter(|row| status(row) == wanted).count();
    ["failed", "broken", "unscored", "passed"]
        .into_iter()
        .map(|name| json!({"name": name, "count": count(name)}))
        .collect()
}

fn status(row: &Row) -> &'static str {
    match &row.outcome {
        Outcome::Broken(_) => "broken",
        Outcome::Unscored(_) => "unscored",
        Outcome::Scored(scored) if scored.scores.passed => "passed",
        Outcome::Scored(_) => "failed",
    }
}

fn share(share: Share) -> String {
    share.value().map_or_else(|| "–".to_owned(), |value| format!("{value:.3}"))
}

fn group(group: &Group) -> Value {
    let interval = group.cause_at_1.wilson().map(|(low, high)| format!("{low:.2}–{high:.2}"));
    let calibration = group.calibration.as_ref();
    json!({
        "model": group.model,
        "variant": group.variant.name(),
        "scored": group.scored,
        "broken": group.broken,
        "unscored": group.unscored,
        "passed": share(group.passed),
        "pass_hat": group.pass_hat.map(|(value, k)| format!("{value:.3} (k={k})")),
        "cause_at_1": share(group.cause_at_1),
        "interval": interval,
        "cause_at_3": share(group.cause_at_3),
        "verdict": share(group.verdict),
        "false_root_cause": share(group.false_root_cause),
        "quotes": share(group.quotes),
        "evidence": share(group.evidence),
        "brier": calibration.map(|calibration| format!("{:.3}", calibration.brier)),
        "ece": calibration.map(|calibration| format!("{:.3}", calibration.ece)),
        "dots": calibration.map(plots::calibration).unwrap_or_default(),
        "leaks": group.leaks,
        "forbidden": group.forbidden,
        "calls": format!("{:.1}", group.effort.tool_calls),
        "tokens": group.effort.tokens,
        "cost": group.effort.cost.map(|cost| format!("{cost:.4}")),
        "median": format!("{:.3}", group.effort.median_seconds),
    })
}

fn row(row: &Row) -> Value {
    let expected = row.expected.as_ref().map(|expected| {
        let subjects: Vec<String> = expected.subjects.iter().map(|subject| subject.name.clone()).collect();
        format!("{} {} {}", word(expected.verdict), expected.causes.join(" or "), subjects.join(" or "))
    });
    let why = failure(row);
    let steps = row.transcript().map(|transcript| transcript.steps.iter().map(step).collect::<Vec<_>>());
    let why = match &row.outcome {
        Outcome::Unscored(unscored) => Some(unscored.why.clone()),
        Outcome::Broken(_) | Outcome::Scored(_) => why,
    };
    json!({
        "name": row.key.to_string(),
        "model": row.key.model,
        "stratum": row.stratum(),
        "status": status(row),
        "why": why,
        "expected": expected,
        "seconds": format!("{:.3}", row.seconds),
        "judged": row.judgement.as_ref().map(Judgement::in_words),
        "answer": row.answer().map(answer),
        "steps": steps.unwrap_or_default(),
    })
}

fn answer(answer: &Answer) -> Value {
    let hypotheses: Vec<Value> = answer
        .hypotheses
        .iter()
        .map(|best| {
            let citations: Vec<Value> = best
                .evidence
                .iter()
                .map(|citation| json!({"id": citation.id, "quote": citation.quote, "verified": citation.verified}))
                .collect();
            json!({
                "rank": best.rank, "cause": best.cause, "subject": best.subject.to_string(), "statement": best.statement,
                "confidence": format!("{:.2}", best.confidence), "citations": citations,
            })
        })
        .collect();
    json!({"question": answer.question, "verdict": word(answer.verdict), "summary": answer.summary, "hypotheses": hypotheses,
        "missing": answer.coverage.missing})
}

fn step(step: &Step) -> Value {
    match step {
        Step::Said { text } => json!({"who": "model", "text": text}),
        Step::Told { text } => json!({"who": "loop", "text": text}),
        Step::Called { tool, arguments, evidence, text, quotes } => {
            json!({"who": "tool", "quoted": !quotes.is_empty(), "tool": tool, "arguments": arguments, "evidence": evidence, "pieces": pieces(text, quotes)})
        }
    }
}

/// The text cut where quotes begin and end. A quote is looked for as it stands; one whose white space differs stays unmarked.
fn pieces(text: &str, quotes: &[String]) -> Vec<Piece> {
    let mut spans: Vec<(usize, usize)> = quotes
        .iter()
        .flat_map(|quote| quote.split(['…', '\n']))
        .map(str::trim)
        .filter(|part| part.len() >= 4)
        .filter_map(|part| text.find(part).map(|at| (at, at + part.len())))
        .collect();
    spans.sort_unstable();
    let mut pieces = Vec::new();
    let mut done = 0;
    for (start, end) in spans {
        let start = start.max(done);
        if end <= start {
            continue;
        }
        if start > done {
            pieces.push(Piece { text: text[done..start].to_owned(), marked: false });
        }
        pieces.push(Piece { text: text[start..end].to_owned(), marked: true });
        done = end;
    }
    if done < text.len() || pieces.is_empty() {
        pieces.push(Piece { text: text[done..].to_owned(), marked: false });
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::Unscored;
    use crate::results::tests::{results, row};
    use crate::transcript::Transcript;
    use pretty_assertions::assert_eq;

    #[test]
    fn quotes_are_marked_once_even_where_they_overlap() {
        let marked = |text: &str, quotes: &[&str]| {
            let quotes: Vec<String> = quotes.iter().map(|&quote| quote.to_owned()).collect();
            pieces(text, &quotes)
                .iter()
                .map(|piece| if piece.marked { format!("[{}]", piece.text) } else { piece.text.clone() })
                .collect::<String>()
        };
        assert_eq!(
            marked("the pod é was killed twice", &["pod é was", "was killed"]),
            "the [pod é was][ killed] twice"
        );
        assert_eq!(marked("nothing", &["absent"]), "nothing");
        assert_eq!(marked("abcdef", &["abcdef"]), "[abcdef]");
    }

    /// Markup in every text that a cluster, a model or a suite can choose.
    fn hostile() -> Results {
        let evil = "</pre><script>alert(1)</script><img src=x onerror=\"alert('2')\">";
        let mut one = row(0, evil, 1, false);
        one.key.model = evil.to_owned();
        if let Some(expected) = &mut one.expected {
            expected.stratum = evil.to_owned();
            expected.causes = vec![evil.to_owned()];
            expected.subjects[0].name = evil.to_owned();
        }
        let Outcome::Scored(scored) = &mut one.outcome else { panic!("no answer") };
        scored.answer.question = evil.to_owned();
        scored.answer.summary = evil.to_owned();
        scored.answer.coverage.missing = vec![evil.to_owned()];
        let best = &mut scored.answer.hypotheses[0];
        best.cause = evil.to_owned();
        best.subject.name = evil.to_owned();
        best.statement = evil.to_owned();
        best.evidence[0].quote = evil.to_owned();
        scored.transcript = Some(Transcript {
            steps: vec![
                Step::Said { text: evil.to_owned() },
                Step::Told { text: evil.to_owned() },
                Step::Called {
                    tool: evil.to_owned(),
                    arguments: evil.to_owned(),
                    evidence: Some(evil.to_owned()),
                    text: format!("before {evil} after"),
                    quotes: vec![evil.to_owned()],
                },
            ],
        });
        let mut two = row(1, "two", 1, true);
        two.outcome = Outcome::Broken(evil.to_owned());
        let mut three = row(2, "three", 1, true);
        three.judgement = Some(Judgement::Unscored { judge: evil.to_owned(), why: evil.to_owned() });
        three.outcome =
            Outcome::Unscored(Box::new(Unscored { why: evil.to_owned(), answer: None, transcript: None }));
        let mut all = results(vec![one, two, three]);
        all.header.suite = evil.to_owned();
        all.header.version = evil.to_owned();
        all.header.thresholds.cause_at_1 = Some(1.0);
        all
    }

    #[test]
    fn hostile_text_stays_text_everywhere() {
        let page = html(&hostile()).unwrap();
        for markup in ["<script", "<img", "onerror=\"", "</pre><script"] {
            assert!(!page.contains(markup), "{markup} came through");
        }
        assert!(page.matches("&lt;script&gt;").count() > 20);
        assert!(page.contains("id=\"show-unscored\"") && page.contains("class=\"case broken\""));
    }

    #[test]
    fn the_page_needs_nothing_from_elsewhere() {
        let page = html(&results(vec![row(0, "one", 1, true)])).unwrap();
        for outside in
            ["http://", "https://", "src=", "href=", "@import", "url(", "<link", "<script", "<iframe"]
        {
            assert!(!page.contains(outside), "{outside}");
        }
        assert!(page.contains("prefers-color-scheme: dark") && page.contains("<svg"));
    }
}
