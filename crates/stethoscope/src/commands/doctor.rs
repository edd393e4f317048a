//! `doctor`: what is reachable, permitted and missing, and how to mend it.

use super::{print, print_json};
use crate::cli::{Doctor, Global, ToolFormat};
use crate::compose;
use crate::config::{Config, environment};
use crate::exit::{Code, Failure};
use crate::terminal::{Paint, Terminal};
use serde::Serialize;
use std::fmt::Write;

/// One thing looked at.
#[derive(Debug, Serialize)]
struct Row {
    area: String,
    status: Status,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    mend: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Ok,
    Missing,
    Bad,
}

pub(crate) async fn run(arguments: &Doctor, global: &Global, config: &Config) -> Result<Code, Failure> {
    let mut rows = vec![model_row(config)];
    let code = match compose::source(global, config).await {
        Ok(source) => {
            for check in source.cluster.probe().await {
                rows.push(row(check));
            }
            Code::Answered
        }
        Err(failure) => {
            rows.push(Row { area: "cluster".to_owned(), status: Status::Bad, detail: failure.message.clone(), mend: failure.hint.clone() });
            failure.code
        }
    };
    match arguments.output {
        ToolFormat::Json => print_json(&rows)?,
        ToolFormat::Text => print(&text(&rows, &Terminal::new(global.color)))?,
    }
    Ok(code)
}

fn model_row(config: &Config) -> Row {
    let key_name = config.model.api_key_env.as_deref().unwrap_or("OPENAI_API_KEY");
    let named = config.model.name.clone().or_else(|| environment("STETHOSCOPE_MODEL"));
    let endpoint = environment("OPENAI_BASE_URL").or_else(|| config.model.base_url.clone());
    let row = |status, detail: String, mend: Option<&str>| Row { area: "model".to_owned(), status, detail, mend: mend.map(ToOwned::to_owned) };
    match (named, environment(key_name).is_some() || endpoint.is_some()) {
        (Some(name), _) if name == "builtin" => row(Status::Ok, "builtin: rules, no network".to_owned(), None),
        (Some(name), true) => row(Status::Ok, format!("{name} at {}", endpoint.as_deref().unwrap_or("the default endpoint")), None),
        (Some(name), false) => row(Status::Bad, format!("{name}: no key and no endpoint"), Some("set OPENAI_API_KEY or OPENAI_BASE_URL, or use --model builtin")),
        (None, true) => row(Status::Ok, "builtin: a key or endpoint is set but no model is named".to_owned(), Some("--model NAME uses the endpoint")),
        (None, false) => row(Status::Ok, "builtin: rules, no network".to_owned(), Some("for an LLM set OPENAI_API_KEY or OPENAI_BASE_URL and --model NAME")),
    }
}

fn text(rows: &[Row], terminal: &Terminal) -> String {
    let mut out = String::new();
    let width = rows.iter().map(|row| row.area.chars().count()).max().unwrap_or(0);
    for row in rows {
        let (mark, paint) = match row.status {
            Status::Ok => ("ok     ", Paint::Good),
            Status::Missing => ("missing", Paint::Warn),
            Status::Bad => ("bad    ", Paint::Bad),
        };
        let detail = stethoscope_core::text::sanitize(&row.detail);
        let _ = writeln!(out, "{}  {:<width$}  {detail}", terminal.out(mark, paint), row.area);
        if let Some(mend) = &row.mend {
            let _ = writeln!(out, "         {:<width$}  hint: {mend}", "");
        }
    }
    out
}
