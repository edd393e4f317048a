//! `ask`: a question in, a checked answer out.

use super::{print, print_json};
use crate::cli::{AnswerFormat, Ask, Global};
use crate::compose::{self, Source};
use crate::config::Config;
use crate::exit::{Code, Failure};
use crate::terminal::markdown::{Look, render};
use crate::terminal::progress::{Progress, Show};
use crate::terminal::{Paint, Terminal, answer};
use std::io::{IsTerminal, Read, Write};
use std::path::Path;
use stethoscope_agent::{Ended, Investigation, Limits, Means, Setup, drive};
use stethoscope_core::answer::{Answer, Verdict};
use stethoscope_core::model::ModelError;
use stethoscope_core::question::{Question, Scope};
use stethoscope_core::text::sanitize;

/// Bytes of a question or an alert that are read.
const LONGEST_QUESTION: usize = 64 << 10;

pub(crate) async fn run(arguments: &Ask, global: &Global, config: &Config) -> Result<Code, Failure> {
    let terminal = Terminal::new(global.color);
    let given = given_question(arguments)?;
    let (model, remark) = compose::model(arguments, config)?;
    let prompts = compose::prompts(config)?;
    let source = compose::source(global, config).await?;
    let question = question(given, &source)?;
    if let (Some(remark), false) = (remark, global.quiet) {
        let _ = writeln!(std::io::stderr(), "{} {remark}", terminal.err("note:", Paint::Warn));
    }
    let registry = source.registry()?;
    let mut intake = source.intake();
    let setup = Setup {
        id: source.id.clone(),
        question,
        model: model.name().to_owned(),
        context_window: model.context_window(),
        price: model.price(),
        tools: registry.specs().map(Into::into).collect(),
        limits: limits(arguments, config),
    };
    let show = match (arguments.output, global.quiet) {
        (AnswerFormat::Jsonl, _) => Show::JsonLines,
        (_, true) => Show::Nothing,
        (_, false) => Show::Progress,
    };
    let mut progress = Progress::new(terminal, show);
    let (mut investigation, opening) =
        Investigation::start(setup, &prompts, &mut intake, source.clock.now()).map_err(fatal)?;
    let means =
        Means { model: model.as_ref(), registry: &registry, clock: source.clock.as_ref(), prompts: &prompts };
    let ended = drive(&mut investigation, opening, &mut intake, &means, &mut progress, interrupted())
        .await
        .map_err(fatal)?;
    if let Some(path) = &arguments.transcript {
        write_transcript(path, &investigation)?;
    }
    if let Some(error) = progress.broken.take() {
        return Err(error.into());
    }
    show_answer(ended.answer(), arguments.output, &terminal)?;
    Ok(code(&ended))
}

fn fatal(error: impl std::fmt::Display) -> Failure {
    Failure::new(Code::Failure, error.to_string())
}

/// The words on the command line, or stdin when they are `-` or when there are none and something is piped in.
fn given_question(arguments: &Ask) -> Result<Option<String>, Failure> {
    let words = arguments.question.join(" ");
    let dash = words.trim() == "-";
    if !dash && !words.trim().is_empty() {
        return Ok(Some(words));
    }
    if std::io::stdin().is_terminal() {
        return if dash {
            Err(Failure::usage("`-` reads the question from stdin, which is a terminal")
                .hint("pipe the text in"))
        } else {
            Ok(None)
        };
    }
    if !dash {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    std::io::stdin()
        .take(LONGEST_QUESTION as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::usage(format!("cannot read the question from stdin: {error}")))?;
    if bytes.len() > LONGEST_QUESTION {
        bytes.truncate(LONGEST_QUESTION);
        let _ = writeln!(
            std::io::stderr(),
            "note: the question is longer than {LONGEST_QUESTION} bytes; the rest is left out"
        );
    }
    let text = String::from_utf8_lossy(&bytes).trim().to_owned();
    if text.is_empty() { Err(Failure::usage("stdin holds no question")) } else { Ok(Some(text)) }
}

fn question(given: Option<String>, source: &Source) -> Result<Question, Failure> {
    let Some(text) = given.or_else(|| source.question.clone()) else {
        return Err(Failure::usage("no question").hint("stethoscope ask \"why is checkout failing?\""));
    };
    let scope = Scope { cluster: source.name.clone(), namespace: source.namespace.clone() };
    Ok(Question { text: sanitize(&text), scope })
}

fn limits(arguments: &Ask, config: &Config) -> Limits {
    let limits = config.limits.over(Limits::default());
    Limits {
        turns: arguments.max_turns.unwrap_or(limits.turns).max(1),
        tool_calls: arguments.max_steps.unwrap_or(limits.tool_calls),
        tokens: arguments.max_tokens.unwrap_or(limits.tokens),
        seconds: arguments.timeout.unwrap_or(limits.seconds),
        cost: arguments.max_cost.or(limits.cost),
        ..limits
    }
}

/// Resolves at the first Ctrl-C or SIGTERM; the second Ctrl-C ends the process at once.
pub(super) async fn interrupted() {
    wait_for_signal().await;
    tokio::spawn(async {
        wait_for_signal().await;
        #[expect(clippy::exit, reason = "the person insists; there is nothing left to save")]
        std::process::exit(Code::Interrupted as i32);
    });
}

async fn wait_for_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

fn write_transcript(path: &Path, investigation: &Investigation) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(investigation).map_err(fatal)?;
    std::fs::write(path, format!("{text}\n")).map_err(|error| {
        Failure::new(Code::Failure, format!("cannot write the transcript to {}: {error}", path.display()))
    })
}

fn show_answer(answer: &Answer, format: AnswerFormat, terminal: &Terminal) -> Result<(), Failure> {
    match format {
        // The answer was the last event.
        AnswerFormat::Jsonl => Ok(()),
        AnswerFormat::Json => print_json(answer),
        AnswerFormat::Markdown => print(&answer::markdown(answer)),
        AnswerFormat::Text => {
            let look = Look { width: terminal.width, color: terminal.out_color };
            let lead = if terminal.out_terminal { "\n" } else { "" };
            print(&format!("{lead}{}", render(&answer::markdown(answer), look)))
        }
    }
}

fn code(ended: &Ended) -> Code {
    match ended {
        Ended::Interrupted(_) => Code::Interrupted,
        Ended::ModelFailed(_, error) => match error.as_ref() {
            ModelError::Authentication(_) => Code::Authentication,
            ModelError::Unavailable(_) | ModelError::Timeout(_) | ModelError::RateLimited(_) => {
                Code::Unreachable
            }
            ModelError::BadRequest(_) | ModelError::ContextOverflow(_) => Code::Failure,
        },
        Ended::Answered(answer) if answer.usage.budget_hit.is_some() => Code::Budget,
        Ended::Answered(answer) => match answer.verdict {
            Verdict::RootCauseFound | Verdict::NoIssue => Code::Answered,
            Verdict::Inconclusive => Code::Inconclusive,
        },
    }
}
