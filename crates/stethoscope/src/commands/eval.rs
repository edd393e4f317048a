//! `eval`: suites of recorded incidents, scored by program.

mod traces;

use super::print;
use crate::cli::{Eval, EvalRun, Global, ReportFormat};
use crate::compose;
use crate::config::{Config, environment};
use crate::exit::{Code, Failure};
use crate::terminal::{Paint, Terminal};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use stethoscope_core::model::Model;
use stethoscope_evals::compare::Gate;
use stethoscope_evals::judge::{JUDGE_PROMPT, JudgePrompt};
use stethoscope_evals::suite::Place;
use stethoscope_evals::summary::Summary;
use stethoscope_evals::variants::Variants;
use stethoscope_evals::{
    EvalError, ModelFactory, NoModel, Results, Row, RunObserver, RunOptions, Shard, Suite, Traffic, compare,
    report,
};

pub(crate) async fn run(arguments: &Eval, global: &Global, config: &Config) -> Result<Code, Failure> {
    match arguments {
        Eval::Run(arguments) => run_suite(arguments, global, config).await,
        Eval::List { suite, incidents } => {
            let suite = load(suite, incidents)?;
            print(&report::list(&suite))?;
            Ok(Code::Answered)
        }
        Eval::Report { results, format } => {
            let results = read(results)?;
            print(&rendered(&results, *format)?)?;
            Ok(Code::Answered)
        }
        Eval::Compare { run, baseline } => {
            let comparison = compare(&read(run)?, &read(baseline)?, Gate::Auto);
            print(&comparison.text())?;
            Ok(if comparison.is_acceptable() { Code::Answered } else { Code::Failure })
        }
        Eval::Show { results, case } => {
            let results = read(results)?;
            let row = results.rows.iter().find(|row| row.key.to_string() == *case).ok_or_else(|| {
                let names: Vec<String> = results.rows.iter().map(|row| row.key.to_string()).collect();
                let nearest =
                    stethoscope_core::tool::nearest_names(case, names.iter().map(String::as_str), 3);
                Failure::usage(format!("no case is called {case}"))
                    .hint(format!("nearest: {}", nearest.join(", ")))
            })?;
            print(&report::case(row))?;
            Ok(Code::Answered)
        }
        Eval::Merge { shards, out, html, junit } => {
            let files = shard_files(shards, out)?;
            let shards = files.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?;
            let merged = Results::merge(shards).map_err(|error| failure(&error))?;
            write(out, &rendered(&merged, ReportFormat::Jsonl)?)?;
            if let Some(path) = html {
                write(path, &rendered(&merged, ReportFormat::Html)?)?;
            }
            if let Some(path) = junit {
                write(path, &rendered(&merged, ReportFormat::Junit)?)?;
            }
            print(&report::table(&merged))?;
            Ok(judged(&merged, &Terminal::new(global.color)))
        }
    }
}

async fn run_suite(arguments: &EvalRun, global: &Global, config: &Config) -> Result<Code, Failure> {
    let terminal = Terminal::new(global.color);
    let suite = load(&arguments.suite, &arguments.incidents)?;
    let mut options = RunOptions::new(compose::prompts(config)?, jiff::Timestamp::now());
    options.models.clone_from(&arguments.model);
    options.repeat = arguments.repeat;
    options.jobs = arguments.jobs;
    options.filter.clone_from(&arguments.filter);
    options.variants = variants(arguments, &suite)?;
    options.shard = shard(arguments).map_err(|error| failure(&error))?;
    options.traffic = match (&arguments.record, &arguments.replay) {
        (Some(directory), _) => Traffic::Record(directory.clone()),
        (None, Some(directory)) => Traffic::Replay(directory.clone()),
        (None, None) => Traffic::Live,
    };
    options.judge.clone_from(&arguments.judge);
    options.judge_prompt = judge_prompt(config)?;
    let mut bar = Bar::new(&terminal, global);
    let models = Models { config };
    let running = stethoscope_evals::run(&suite, &options, &models, &mut bar);
    let results = tokio::select! {
        results = running => results.map_err(|error| failure(&error))?,
        () = super::ask::interrupted() => return Err(Failure::new(Code::Interrupted, "interrupted; nothing was written")),
    };
    bar.bar.finish_and_clear();
    if let Some(path) = &arguments.out {
        write(path, &rendered(&results, ReportFormat::Jsonl)?)?;
    }
    if let Some(path) = &arguments.html {
        write(path, &rendered(&results, ReportFormat::Html)?)?;
    }
    if let Some(path) = &arguments.junit {
        write(path, &rendered(&results, ReportFormat::Junit)?)?;
    }
    if let Some(path) = &arguments.traces {
        write(path, &stethoscope_evals::traces::lines(&results))?;
    }
    print(&report::table(&results))?;
    if let Some(endpoint) = &arguments.otlp_endpoint {
        traces::send(&results, endpoint).await?;
    }
    Ok(judged(&results, &terminal))
}

/// Tells the floors that are missed, and what that means for the exit code.
fn judged(results: &Results, terminal: &Terminal) -> Code {
    let misses = Summary::missed(results);
    for miss in &misses {
        let _ = writeln!(std::io::stderr(), "{} {miss}", terminal.err("missed:", Paint::Bad));
    }
    if misses.is_empty() { Code::Answered } else { Code::Failure }
}

fn shard(arguments: &EvalRun) -> Result<Option<Shard>, EvalError> {
    match (&arguments.shard, arguments.shard_index, arguments.shards) {
        (Some(shard), _, _) => shard.parse().map(Some),
        (None, Some(index), Some(of)) => Shard::at(index, of).map(Some),
        (None, _, _) => Ok(None),
    }
}

/// Results files as they are named; a directory stands for every `.jsonl` in it but the one to be written.
fn shard_files(named: &[PathBuf], out: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for path in named {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let cannot = |error: std::io::Error| {
            Failure::new(Code::Failure, format!("cannot list {}: {error}", path.display()))
        };
        let mut found = Vec::new();
        for entry in std::fs::read_dir(path).map_err(cannot)? {
            let file = entry.map_err(cannot)?.path();
            if file.extension().is_some_and(|ending| ending == "jsonl") && file.file_name() != out.file_name()
            {
                found.push(file);
            }
        }
        found.sort();
        files.extend(found);
    }
    Ok(files)
}

/// The judge's prompt, where the configured directory of prompts has one.
fn judge_prompt(config: &Config) -> Result<Option<JudgePrompt>, Failure> {
    let Some(directory) = &config.prompts else { return Ok(None) };
    let path = directory.join(format!("{JUDGE_PROMPT}.md.tera"));
    match std::fs::read_to_string(&path) {
        Ok(text) => JudgePrompt::of(&text).map(Some).map_err(|error| {
            Failure::usage(format!("the prompt {} cannot be used: {error}", path.display()))
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::usage(format!("cannot read the prompt {}: {error}", path.display()))),
    }
}

/// What the flags say of the variants; `None` leaves the suite's.
fn variants(arguments: &EvalRun, suite: &Suite) -> Result<Option<Variants>, Failure> {
    if arguments.originals {
        return Ok(Some(Variants::default()));
    }
    if arguments.variants.is_empty() && arguments.seed.is_none() {
        return Ok(None);
    }
    let mut variants = suite.variants.clone();
    variants.seed = arguments.seed.unwrap_or(variants.seed);
    if !arguments.variants.is_empty() {
        let kinds = arguments.variants.iter().map(|name| name.parse());
        variants.kinds = kinds.collect::<Result<_, EvalError>>().map_err(|error| failure(&error))?;
    }
    Ok(Some(variants))
}

fn load(suite: &Path, incidents: &[String]) -> Result<Suite, Failure> {
    // Relative paths count from where the person is.
    let place = Place { working_directory: PathBuf::from("."), incidents: incidents.to_vec() };
    Suite::load(suite, &place).map_err(|error| failure(&error))
}

fn read(path: &Path) -> Result<Results, Failure> {
    Results::read(path).map_err(|error| failure(&error))
}

fn rendered(results: &Results, format: ReportFormat) -> Result<String, Failure> {
    match format {
        ReportFormat::Table => Ok(report::table(results)),
        ReportFormat::Jsonl => report::jsonl(results).map_err(|error| failure(&error)),
        ReportFormat::Junit => Ok(report::junit(results)),
        ReportFormat::Html => report::html(results).map_err(|error| failure(&error)),
    }
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text)
        .map_err(|error| Failure::new(Code::Failure, format!("cannot write {}: {error}", path.display())))
}

fn failure(error: &EvalError) -> Failure {
    let code = match error {
        EvalError::Io { .. } => Code::Failure,
        EvalError::Model { .. } => Code::Authentication,
        _ => Code::Usage,
    };
    Failure::new(code, error.to_string())
}

/// Models by name, from the configuration and the environment.
struct Models<'a> {
    config: &'a Config,
}

impl ModelFactory for Models<'_> {
    fn model(&self, name: &str) -> Result<Arc<dyn Model>, NoModel> {
        let base_url = environment("OPENAI_BASE_URL").or_else(|| self.config.model.base_url.clone());
        compose::named_model(name, base_url, self.config).map_err(|failure| NoModel(failure.to_string()))
    }
}

/// A progress bar on stderr where that is a terminal.
struct Bar {
    bar: ProgressBar,
    right: u64,
}

impl Bar {
    fn new(terminal: &Terminal, global: &Global) -> Self {
        let bar = if terminal.live && !global.quiet { ProgressBar::new(0) } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg} {elapsed}") {
            bar.set_style(style);
        }
        Self { bar, right: 0 }
    }
}

impl RunObserver for Bar {
    fn planned(&mut self, cases: usize) {
        self.bar.set_length(cases as u64);
    }

    fn finished(&mut self, row: &Row) {
        self.bar.inc(1);
        if row.scored().is_some_and(|scored| scored.scores.passed) {
            self.right += 1;
        }
        self.bar.set_message(format!("{} passed", self.right));
    }
}
