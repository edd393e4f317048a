//! `scan`: the detectors only, for CI and cron.

use super::{print, print_json, tools::failure};
use crate::cli::{Global, Scan, ScanFormat, SeverityFlag};
use crate::compose;
use crate::config::Config;
use crate::exit::{Code, Failure};
use crate::terminal::{Paint, Terminal};
use serde_json::json;
use std::fmt::Write;
use stethoscope_core::evidence::{Evidence, Ledger};
use stethoscope_core::finding::{Finding, Severity};
use stethoscope_core::tool::CallContext;

const DIAGNOSE: &str = "diagnose";

pub(crate) async fn run(arguments: &Scan, global: &Global, config: &Config) -> Result<Code, Failure> {
    let source = compose::source(global, config).await?;
    let registry = source.registry()?;
    let namespace = source.namespace.clone();
    let call = namespace.as_ref().map_or_else(|| json!({}), |namespace| json!({"namespace": namespace}));
    let context = CallContext { namespace, now: source.clock.now() };
    let output = registry.call(DIAGNOSE, call.clone(), &context).await.map_err(|error| failure(&error))?;
    let mut ledger = Ledger::default();
    let (id, _) = source
        .intake()
        .admit(&mut ledger, DIAGNOSE, &call, context.now, output)
        .map_err(|error| Failure::new(Code::Failure, error.to_string()))?;
    let Some(evidence) = ledger.get(id) else {
        return Err(Failure::new(Code::Failure, "the output was lost"));
    };
    let findings: Vec<Finding> = serde_json::from_value(
        evidence.data.get("findings").cloned().unwrap_or_default(),
    )
    .map_err(|error| Failure::new(Code::Failure, format!("the findings cannot be read back: {error}")))?;
    match arguments.output {
        ScanFormat::Json => print_json(&json!({"findings": findings, "coverage": evidence.coverage}))?,
        ScanFormat::Table => print(&table(&findings, evidence, &Terminal::new(global.color)))?,
    }
    let threshold = arguments.fail_on.map(severity);
    let failed =
        threshold.is_some_and(|threshold| findings.iter().any(|finding| finding.severity >= threshold));
    Ok(if failed { Code::Findings } else { Code::Answered })
}

fn severity(flag: SeverityFlag) -> Severity {
    match flag {
        SeverityFlag::Info => Severity::Info,
        SeverityFlag::Low => Severity::Low,
        SeverityFlag::Medium => Severity::Medium,
        SeverityFlag::High => Severity::High,
        SeverityFlag::Critical => Severity::Critical,
    }
}

fn table(findings: &[Finding], evidence: &Evidence, terminal: &Terminal) -> String {
    let mut out = String::new();
    let header = ["SEVERITY", "CAUSE", "SUBJECT", "CONFIDENCE"];
    let rows: Vec<[String; 4]> = findings
        .iter()
        .map(|finding| {
            let confidence = format!("{:.0} %", finding.confidence * 100.0);
            [finding.severity.to_string(), finding.cause.to_string(), finding.subject.to_string(), confidence]
        })
        .collect();
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([header[column].len()]).max().unwrap_or(0)
    };
    let widths = [width(0), width(1), width(2)];
    if rows.is_empty() {
        let _ = writeln!(out, "no findings");
        for line in evidence.text.lines().take(2) {
            let _ = writeln!(out, "{line}");
        }
    } else {
        let _ = writeln!(
            out,
            "{:<a$}  {:<b$}  {:<c$}  {}",
            header[0],
            header[1],
            header[2],
            header[3],
            a = widths[0],
            b = widths[1],
            c = widths[2]
        );
        for (row, finding) in rows.iter().zip(findings) {
            let what = if finding.severity >= Severity::High { Paint::Bad } else { Paint::Warn };
            let severity = terminal.out(&format!("{:<a$}", row[0], a = widths[0]), what);
            let _ = writeln!(
                out,
                "{severity}  {:<b$}  {:<c$}  {}",
                row[1],
                row[2],
                row[3],
                b = widths[1],
                c = widths[2]
            );
            let _ = writeln!(out, "    {}", finding.statement);
        }
    }
    for line in evidence.coverage.missing.iter().chain(&evidence.coverage.truncated) {
        let _ = writeln!(out, "{} {line}", terminal.out("not seen:", Paint::Dim));
    }
    out
}
