//! The answer as Markdown: one text for the terminal, for files and for pipes.

use std::fmt::Write;
use stethoscope_core::answer::{Answer, Citation, FixStep, Hypothesis, Verdict};
use stethoscope_core::cause;

/// The answer as Markdown.
pub(crate) fn markdown(answer: &Answer) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write(&mut out, answer);
    out
}

fn write(out: &mut String, answer: &Answer) -> std::fmt::Result {
    writeln!(out, "# {}\n", title(answer))?;
    writeln!(out, "{}\n", answer.summary.trim())?;
    if answer.verdict == Verdict::RootCauseFound
        && let Some(best) = answer.hypotheses.first()
    {
        writeln!(out, "**{}** · `{}` · confidence {}\n", best.subject, best.cause, percent(best.confidence))?;
        if !best.chain.is_empty() {
            writeln!(
                out,
                "Leads to: {}\n",
                best.chain.iter().map(|code| format!("`{code}`")).collect::<Vec<_>>().join(" → ")
            )?;
        }
    }
    if let Some(impact) = &answer.impact {
        writeln!(out, "Affected: {impact}\n")?;
    }
    match answer.verdict {
        Verdict::RootCauseFound => {
            if let Some(best) = answer.hypotheses.first() {
                evidence(out, &best.evidence)?;
                fix(out, &best.fix)?;
            }
            others(out, "## Other candidates", answer.hypotheses.get(1..).unwrap_or_default())?;
        }
        Verdict::Inconclusive => others(out, "## Candidates, not proved", &answer.hypotheses)?,
        Verdict::NoIssue => others(out, "## Noticed on the way", &answer.hypotheses)?,
    }
    if !answer.ruled_out.is_empty() {
        writeln!(out, "## Ruled out\n")?;
        for refuted in &answer.ruled_out {
            writeln!(out, "- {}: {}", refuted.cause, refuted.why)?;
            for citation in &refuted.evidence {
                writeln!(out, "  - {}", quoted(citation))?;
            }
        }
        writeln!(out)?;
    }
    let coverage: Vec<&String> = answer.coverage.missing.iter().chain(&answer.coverage.truncated).collect();
    if !coverage.is_empty() {
        writeln!(out, "## Not seen\n")?;
        for line in coverage {
            writeln!(out, "- {}", escape(line))?;
        }
        writeln!(out)?;
    }
    writeln!(out, "{}", usage(answer))
}

fn title(answer: &Answer) -> String {
    match (answer.verdict, answer.hypotheses.first()) {
        (Verdict::RootCauseFound, Some(best)) => {
            let title = cause::find(&best.cause).map_or(best.cause.as_str(), |cause| cause.title);
            format!("Root cause: {title}")
        }
        (Verdict::RootCauseFound, None) => "Root cause found".to_owned(),
        (Verdict::NoIssue, _) => "No issue found".to_owned(),
        (Verdict::Inconclusive, _) => "Inconclusive".to_owned(),
    }
}

fn evidence(out: &mut String, citations: &[Citation]) -> std::fmt::Result {
    if citations.is_empty() {
        return Ok(());
    }
    writeln!(out, "## Evidence\n")?;
    for citation in citations {
        writeln!(out, "- {}", quoted(citation))?;
    }
    writeln!(out)
}

fn quoted(citation: &Citation) -> String {
    let mark = if citation.verified { "" } else { " **(unverified: not found in the evidence)**" };
    format!("{} {}{mark}", citation.id, code(&citation.quote))
}

fn fix(out: &mut String, steps: &[FixStep]) -> std::fmt::Result {
    if steps.is_empty() {
        return Ok(());
    }
    writeln!(out, "## Fix (for you to run; nothing was changed)\n")?;
    for (number, step) in (1..).zip(steps) {
        writeln!(out, "{number}. {}", step.explain)?;
        if let Some(command) = &step.command {
            writeln!(out, "\n   ```sh\n   {}\n   ```\n", command.replace('\n', "\n   "))?;
        }
        if let Some(verify) = &step.verify {
            writeln!(out, "   Check with {}", code(verify))?;
        }
    }
    writeln!(out)
}

fn others(out: &mut String, heading: &str, hypotheses: &[Hypothesis]) -> std::fmt::Result {
    if hypotheses.is_empty() {
        return Ok(());
    }
    writeln!(out, "{heading}\n")?;
    for hypothesis in hypotheses {
        writeln!(
            out,
            "{}. `{}` on {} ({}): {}",
            hypothesis.rank,
            hypothesis.cause,
            hypothesis.subject,
            percent(hypothesis.confidence),
            escape(&hypothesis.statement)
        )?;
        for citation in hypothesis.evidence.iter().take(2) {
            writeln!(out, "   - {}", quoted(citation))?;
        }
    }
    writeln!(out)
}

fn usage(answer: &Answer) -> String {
    let usage = &answer.usage;
    let mut parts =
        vec![usage.model.clone(), plural(usage.turns, "turn"), plural(usage.tool_calls, "tool call")];
    if usage.tokens_in + usage.tokens_out > 0 {
        parts.push(format!("{} tokens in, {} out", usage.tokens_in, usage.tokens_out));
    }
    if let Some(cost) = usage.cost {
        parts.push(format!("${cost:.4}"));
    }
    if usage.model == "builtin" {
        parts.push("no LLM was asked".to_owned());
    }
    if let Some(limit) = &usage.budget_hit {
        parts.push(format!("limit hit: {limit}"));
    }
    format!("*{}*", parts.join(" · "))
}

fn plural(count: u32, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

fn percent(confidence: f64) -> String {
    format!("{:.0} %", confidence * 100.0)
}

/// Inline code whatever backticks the text holds, on one line.
fn code(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// Text of others as text: no links, images, headings or emphasis from the cluster.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '|' | '!') {
            out.push('\\');
        }
        out.push(if c == '\n' { ' ' } else { c });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn quotes_keep_their_backticks_and_stay_one_line() {
        assert_eq!(code("a `b`\nc"), "``a `b` c``");
        assert_eq!(code("plain"), "`plain`");
    }

    #[test]
    fn markdown_in_cluster_text_stays_text() {
        assert_eq!(escape("![x](http://evil)"), "\\!\\[x\\](http://evil)");
    }
}
