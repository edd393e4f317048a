//! `doctor`: what is reachable, permitted and missing, and how to mend it.

use super::{print, print_json};
use crate::cli::{Doctor, Global, ToolFormat};
use crate::compose;
use crate::config::{Config, environment};
use crate::exit::{Code, Failure};
use crate::terminal::{Paint, Terminal};
use std::fmt::Write;
use stethoscope_cluster::{Check, CheckState};
use stethoscope_core::tool::Availability;

pub(crate) async fn run(arguments: &Doctor, global: &Global, config: &Config) -> Result<Code, Failure> {
    let mut rows = vec![model_row(config)];
    let code = match compose::source(global, config).await {
        Ok(source) => {
            let checks = source.cluster().probe().await;
            let bad = checks.iter().any(|check| check.state == CheckState::Bad);
            rows.extend(checks);
            rows.extend(missing_tools(&source)?);
            if bad { Code::Unreachable } else { Code::Answered }
        }
        Err(failure) => {
            let name = "cluster".to_owned();
            rows.push(Check {
                name,
                state: CheckState::Bad,
                detail: failure.message.clone(),
                mend: failure.hint.clone(),
            });
            failure.code
        }
    };
    match arguments.output {
        ToolFormat::Json => print_json(&rows)?,
        ToolFormat::Text => print(&text(&rows, &Terminal::new(global.color)))?,
    }
    Ok(code)
}

/// Tools that are hidden because their backend is missing.
fn missing_tools(source: &compose::Source) -> Result<Vec<Check>, Failure> {
    let registry = source.registry()?;
    let missing = registry.all().filter_map(|tool| match tool.available() {
        Availability::Available => None,
        Availability::Missing(why) => Some(Check {
            name: tool.spec().name.clone(),
            state: CheckState::Limited,
            detail: why,
            mend: None,
        }),
    });
    Ok(missing.collect())
}

fn model_row(config: &Config) -> Check {
    let key_name = config.model.api_key_env.as_deref().unwrap_or("OPENAI_API_KEY");
    let named = config.model.name.clone().or_else(|| environment("STETHOSCOPE_MODEL"));
    let endpoint = environment("OPENAI_BASE_URL").or_else(|| config.model.base_url.clone());
    let row = |state, detail: String, mend: Option<&str>| Check {
        name: "model".to_owned(),
        state,
        detail,
        mend: mend.map(ToOwned::to_owned),
    };
    match (named, environment(key_name).is_some() || endpoint.is_some()) {
        (Some(name), _) if name == "builtin" => {
            row(CheckState::Good, "builtin: rules, no network".to_owned(), None)
        }
        (Some(name), true) => row(
            CheckState::Good,
            format!("{name} at {}", endpoint.as_deref().unwrap_or("the default endpoint")),
            None,
        ),
        (Some(name), false) => row(
            CheckState::Bad,
            format!("{name}: no key and no endpoint"),
            Some("set OPENAI_API_KEY or OPENAI_BASE_URL, or use --model builtin"),
        ),
        (None, true) => row(
            CheckState::Good,
            "builtin: a key or endpoint is set but no model is named".to_owned(),
            Some("--model NAME uses the endpoint"),
        ),
        (None, false) => row(
            CheckState::Good,
            "builtin: rules, no network".to_owned(),
            Some("for an LLM set OPENAI_API_KEY or OPENAI_BASE_URL and --model NAME"),
        ),
    }
}

fn text(rows: &[Check], terminal: &Terminal) -> String {
    let mut out = String::new();
    let width = rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0);
    for row in rows {
        let (mark, paint) = match row.state {
            CheckState::Good => ("good   ", Paint::Good),
            CheckState::Limited => ("limited", Paint::Warn),
            CheckState::Bad => ("bad    ", Paint::Bad),
        };
        let detail = stethoscope_core::text::sanitize(&row.detail);
        let _ = writeln!(out, "{}  {:<width$}  {detail}", terminal.out(mark, paint), row.name);
        if let Some(mend) = &row.mend {
            let _ = writeln!(out, "         {:<width$}  hint: {mend}", "");
        }
    }
    out
}
