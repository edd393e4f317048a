//! Running a suite: bounded in parallel, in a fixed order of results, with what breaks kept apart from what is wrong.

use crate::canary::Canaries;
use crate::cassette::Cassette;
use crate::compose;
use crate::control::{self, Arm, Guess, guess_constantly};
use crate::error::EvalError;
use crate::expected::Expected;
use crate::holmes::{self, Fixture};
use crate::judge::{self, JudgePrompt, Wanted};
use crate::paths;
use crate::results::{CaseKey, Format, Header, Outcome, Results, Row, Scored, Unscored};
use crate::score::{Abstention, Denied, Given, Owners, SubjectMatch, score};
use crate::shard::Shard;
use crate::suite::{Mapping, Suite};
use crate::timeline::{Stopwatch, Timed};
use crate::variants::{NoVariant, Variant, Variants};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;
use stethoscope_agent::{Limits, Prompts};
use stethoscope_core::model::Model;
use stethoscope_core::object::ObjectRef;
use stethoscope_incidents::{Bundle, OpenLimits};
use stethoscope_models::builtin::{BUILTIN, Builtin};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Gives models by name. The caller knows keys and endpoints; the harness does not.
pub trait ModelFactory: Send + Sync {
    /// The model of this name.
    ///
    /// # Errors
    /// One sentence, when there is none or its key is missing.
    fn model(&self, name: &str) -> Result<Arc<dyn Model>, NoModel>;
}

/// Why there is no such model, in one sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoModel(pub String);

/// Only the embedded model.
#[derive(Clone, Copy, Debug, Default)]
pub struct Builtins;

impl ModelFactory for Builtins {
    fn model(&self, name: &str) -> Result<Arc<dyn Model>, NoModel> {
        if name == BUILTIN {
            Ok(Arc::new(Builtin))
        } else {
            Err(NoModel(format!("only {BUILTIN} is known here")))
        }
    }
}

/// Sees rows as they end, which is not the plan's order.
pub trait RunObserver: Send {
    /// So many cases will run.
    fn planned(&mut self, _cases: usize) {}

    /// A case ended.
    fn finished(&mut self, _row: &Row) {}
}

/// Sees nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl RunObserver for Silent {}

/// Where model traffic comes from and goes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Traffic {
    /// The models are asked.
    #[default]
    Live,
    /// The models are asked, and what they say is kept below this directory.
    Record(PathBuf),
    /// No model is asked: what was kept below this directory answers. A request that differs is a clear failure.
    Replay(PathBuf),
}

/// Which transcripts go into the rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// All.
    #[default]
    All,
    /// Those of cases that did not pass.
    Failures,
    /// None.
    Nothing,
}

/// How a suite is run.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// Models, in place of the suite's.
    pub models: Vec<String>,
    /// Runs of each case, in place of the suite's.
    pub repeat: Option<u32>,
    /// Investigations at the same time.
    pub jobs: NonZeroUsize,
    /// Cases to run, in place of the suite's filter.
    pub filter: Option<String>,
    /// Variants, in place of the suite's.
    pub variants: Option<Variants>,
    /// Only a part of the plan.
    pub shard: Option<Shard>,
    /// Where model traffic comes from and goes to.
    pub traffic: Traffic,
    /// Which transcripts are kept.
    pub keep: Keep,
    /// Model that judges answers besides, by name; its figures stand apart.
    pub judge: Option<String>,
    /// The judge's prompt in place of the shipped one.
    pub judge_prompt: Option<JudgePrompt>,
    /// The agent's prompts.
    pub prompts: Prompts,
    /// When the run begins, for the header.
    pub started: Timestamp,
}

impl RunOptions {
    /// The suite as it is, one job.
    pub fn new(prompts: Prompts, started: Timestamp) -> Self {
        Self {
            models: Vec::new(),
            repeat: None,
            jobs: NonZeroUsize::MIN,
            filter: None,
            variants: None,
            shard: None,
            traffic: Traffic::Live,
            keep: Keep::All,
            judge: None,
            judge_prompt: None,
            prompts,
            started,
        }
    }
}

/// One case of the plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Planned {
    /// The case.
    #[serde(flatten)]
    pub key: CaseKey,
    /// Its bundle.
    pub bundle: PathBuf,
    /// Place in the whole plan.
    pub place: usize,
}

/// Every case that would run, in order: model, variant, incident, repeat. Blocking: a filter reads the bundles.
///
/// # Errors
/// When the filter leaves nothing.
pub fn plan(suite: &Suite, options: &RunOptions) -> Result<Vec<Planned>, EvalError> {
    let incidents = incidents(suite, options.filter.as_deref().or(suite.filter.as_deref()))?;
    let models = if options.models.is_empty() { &suite.models } else { &options.models };
    let variants = options.variants.as_ref().unwrap_or(&suite.variants);
    let repeats = options.repeat.unwrap_or(suite.repeat).max(1);
    let mut plan = Vec::new();
    for model in models {
        for variant in variants.with_original() {
            for (incident, bundle) in &incidents {
                for repeat in 1..=repeats {
                    let key = CaseKey { model: model.clone(), variant, incident: incident.clone(), repeat };
                    plan.push(Planned { key, bundle: bundle.clone(), place: plan.len() });
                }
            }
        }
    }
    Ok(plan)
}

/// Names of the bundles, each once, that the filter picks.
fn incidents(suite: &Suite, filter: Option<&str>) -> Result<Vec<(String, PathBuf)>, EvalError> {
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    let mut incidents = Vec::new();
    for path in &suite.incidents {
        let name = bundle_name(path);
        let count = names.entry(name.clone()).or_default();
        *count += 1;
        let name = if *count > 1 { format!("{name}-{count}") } else { name };
        if filter
            .is_none_or(|filter| paths::picks(filter, &[name.as_str()]) || picks_expectation(filter, path))
        {
            incidents.push((name, path.clone()));
        }
    }
    match filter {
        Some(filter) if incidents.is_empty() => Err(EvalError::NothingMatches { filter: filter.to_owned() }),
        _ => Ok(incidents),
    }
}

/// Whether a filter picks a bundle by its label or cause. A bundle that cannot be read is told when it is run.
fn picks_expectation(filter: &str, path: &Path) -> bool {
    if path.join(holmes::CASE_FILE).exists() {
        let Ok(fixture) = Fixture::read(path) else { return false };
        return paths::picks(filter, &fixture.tags.iter().map(String::as_str).collect::<Vec<_>>());
    }
    let Ok(bundle) = Bundle::open(path, &OpenLimits::default()) else { return false };
    let Some(expect) = bundle.expectation() else { return false };
    let words: Vec<&str> = [&expect.label, &expect.cause, &expect.taxonomy]
        .into_iter()
        .filter_map(|word| word.as_deref())
        .collect();
    paths::picks(filter, &words)
}

fn bundle_name(path: &Path) -> String {
    let file = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let stem = [".tar.gz", ".tgz", ".tar.zst", ".tar"].iter().find_map(|suffix| file.strip_suffix(suffix));
    stem.map(str::to_owned).unwrap_or(file)
}

/// Runs a suite. Dropping the future ends every case; rows that ended before were told to the observer.
///
/// # Errors
/// When nothing can be run at all: no case, an unknown model. What breaks in a case is its row.
pub async fn run(
    suite: &Suite,
    options: &RunOptions,
    models: &dyn ModelFactory,
    observer: &mut dyn RunObserver,
) -> Result<Results, EvalError> {
    let plan = plan(suite, options)?;
    let planned = plan.len();
    let seed = options.variants.as_ref().unwrap_or(&suite.variants).seed;
    let part: Vec<Planned> = match options.shard {
        Some(shard) => plan.into_iter().filter(|case| shard.holds(case.place)).collect(),
        None => plan,
    };
    let get = |name: &str| {
        models.model(name).map_err(|why| EvalError::Model { name: name.to_owned(), why: why.to_string() })
    };
    let mut by_name: BTreeMap<String, Arc<dyn Model>> = BTreeMap::new();
    if !matches!(options.traffic, Traffic::Replay(_)) {
        for case in &part {
            if !by_name.contains_key(&case.key.model) {
                by_name.insert(case.key.model.clone(), get(&case.key.model)?);
            }
        }
    }
    let judge = match options.judge.as_deref() {
        Some(name) => {
            let prompt = options.judge_prompt.clone().map_or_else(JudgePrompt::shipped, Ok)?;
            Some((get(name)?, prompt))
        }
        None => None,
    };
    let (began, started) = (Instant::now(), options.started);
    observer.planned(part.len());
    let slots = Arc::new(Semaphore::new(options.jobs.get()));
    let prompts = Arc::new(options.prompts.clone());
    let mapping = Arc::new(suite.mapping.clone());
    let mut running = JoinSet::new();
    let mut keys = BTreeMap::new();
    for case in part {
        let task = Task {
            model: by_name.get(&case.key.model).cloned(),
            judge: judge.clone(),
            mapping: mapping.clone(),
            limits: suite.limits,
            prompts: prompts.clone(),
            traffic: options.traffic.clone(),
            keep: options.keep,
            seed,
            clock: WallClock { began, started },
            case: case.clone(),
        };
        let slots = slots.clone();
        let handle = running.spawn(async move {
            // The semaphore is never closed, so a permit always comes.
            let _permit = slots.acquire_owned().await;
            task.run().await
        });
        keys.insert(handle.id(), case);
    }
    let mut rows = Vec::with_capacity(keys.len());
    while let Some(ended) = running.join_next().await {
        let row = ended.unwrap_or_else(|error| {
            let case = keys.get(&error.id());
            broken(case, format!("the harness or the product broke while it ran: {error}"))
        });
        observer.finished(&row);
        rows.push(row);
    }
    rows.sort_by_key(|row| row.place);
    guess_constantly(&mut rows);
    let header = Header {
        format: Format::V1,
        suite: suite.name.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started: options.started,
        seed,
        planned,
        thresholds: suite.thresholds,
    };
    Ok(Results { header, rows })
}

fn broken(case: Option<&Planned>, why: String) -> Row {
    let (place, key) = match case {
        Some(case) => (case.place, case.key.clone()),
        None => {
            let key = CaseKey {
                model: String::new(),
                variant: Variant::Original,
                incident: "unknown".to_owned(),
                repeat: 1,
            };
            (usize::MAX, key)
        }
    };
    Row {
        place,
        key,
        expected: None,
        seconds: 0.0,
        outcome: Outcome::Broken(why),
        guesses: Vec::new(),
        judgement: None,
        timeline: None,
    }
}

/// One case with all it needs.
struct Task {
    case: Planned,
    model: Option<Arc<dyn Model>>,
    judge: Option<(Arc<dyn Model>, JudgePrompt)>,
    mapping: Arc<Mapping>,
    limits: Limits,
    prompts: Arc<Prompts>,
    traffic: Traffic,
    keep: Keep,
    seed: u64,
    clock: WallClock,
}

/// The wall's time, from what the caller said when the run began.
#[derive(Clone, Copy)]
struct WallClock {
    began: Instant,
    started: Timestamp,
}

impl WallClock {
    fn now(self) -> Timestamp {
        let passed = SignedDuration::try_from(self.began.elapsed()).unwrap_or_default();
        self.started.checked_add(passed).unwrap_or(self.started)
    }
}

/// A case read from its bundle.
struct Opened {
    bundle: Bundle,
    expected: Expected,
    owners: Owners,
    canaries: Canaries,
    guesses: Vec<Guess>,
}

impl Task {
    async fn run(self) -> Row {
        let mut row = broken(Some(&self.case), String::new());
        if self.case.bundle.join(holmes::CASE_FILE).exists() {
            let outcome = self.ask_fixture(&mut row).await;
            row.outcome =
                outcome.map_or_else(Outcome::Broken, |unscored| Outcome::Unscored(Box::new(unscored)));
            return row;
        }
        let opened = open(&self.case.bundle, self.case.key.variant, self.seed, &self.mapping).await;
        row.outcome = match opened {
            Ok(opened) => {
                row.expected = Some(opened.expected.clone());
                row.guesses.clone_from(&opened.guesses);
                match self.ask(opened, &mut row).await {
                    Ok(scored) => Outcome::Scored(Box::new(scored)),
                    Err(why) => Outcome::Broken(why),
                }
            }
            Err(NoVariant::NotApplicable(why)) => {
                Outcome::Unscored(Box::new(Unscored { why, answer: None, transcript: None }))
            }
            Err(NoVariant::Broken(why)) => Outcome::Broken(why),
        };
        row
    }

    /// The cassette, where traffic is recorded or replayed.
    fn cassette(&self) -> Result<Option<Cassette>, String> {
        match (&self.traffic, &self.model) {
            (Traffic::Live, _) => Ok(None),
            (Traffic::Record(_), Some(model)) => Ok(Some(Cassette::record(model.clone()))),
            (Traffic::Record(_), None) => Err("there is no model to record".to_owned()),
            (Traffic::Replay(directory), _) => Cassette::replay(&Cassette::path(directory, &self.case.key))
                .map(Some)
                .map_err(|error| error.to_string()),
        }
    }

    fn asked_model<'a>(&'a self, cassette: Option<&'a Cassette>) -> Result<&'a dyn Model, String> {
        match (cassette, &self.model) {
            (Some(cassette), _) => Ok(cassette),
            (None, Some(model)) => Ok(model.as_ref()),
            (None, None) => Err("there is no model to ask".to_owned()),
        }
    }

    fn save(&self, cassette: Option<&Cassette>) -> Result<(), String> {
        if let (Some(cassette), Traffic::Record(directory)) = (cassette, &self.traffic) {
            cassette.save(&Cassette::path(directory, &self.case.key)).map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    async fn ask(&self, opened: Opened, row: &mut Row) -> Result<Scored, String> {
        let Opened { bundle, expected, owners, canaries, .. } = opened;
        let namespace = bundle.namespace().map(str::to_owned);
        let denied = if bundle.access().deny.is_empty() { Denied::Nothing } else { Denied::Something };
        let bundle = Arc::new(bundle);
        let cassette = self.cassette()?;
        let watch = Stopwatch::start(self.clock.now());
        let model = Timed { model: self.asked_model(cassette.as_ref())?, watch: &watch };
        let asked = compose::ask(bundle, &model, self.limits, &self.prompts, &watch).await?;
        self.save(cassette.as_ref())?;
        row.seconds = asked.seconds;
        row.timeline = Some(watch.timeline());
        let given = Given {
            expected: &expected,
            owners: &owners,
            namespace: namespace.as_deref(),
            transcript: &asked.transcript,
            failed_calls: asked.failed_calls,
            skipped_calls: asked.skipped_calls,
            denied,
            abstention: if self.case.key.variant == Variant::Ablate {
                Abstention::VerdictOrLowConfidence
            } else {
                Abstention::Verdict
            },
        };
        let mut scores = score(&asked.answer, &given);
        scores.leaks = canaries.leaks(&asked.whole, &asked.answer);
        scores.passed &= scores.leaks.is_empty();
        if let Some((judge, prompt)) = &self.judge {
            let wanted = Wanted::Expected(&expected);
            row.judgement = Some(judge::judge(judge.as_ref(), prompt, wanted, &asked.answer).await);
        }
        let keep = match self.keep {
            Keep::All => true,
            Keep::Failures => !scores.passed,
            Keep::Nothing => false,
        };
        Ok(Scored { scores, answer: asked.answer, transcript: keep.then_some(asked.transcript) })
    }

    /// A case of recorded calls with a free-text expectation.
    async fn ask_fixture(&self, row: &mut Row) -> Result<Unscored, String> {
        let without = |why: String| Unscored { why, answer: None, transcript: None };
        if self.case.key.variant != Variant::Original {
            return Ok(without("recorded calls have no variants".to_owned()));
        }
        let path = self.case.bundle.clone();
        let fixture = tokio::task::spawn_blocking(move || Fixture::read(&path))
            .await
            .map_err(|error| format!("reading the case broke: {error}"))??;
        if let Some(why) = fixture.skipped {
            return Ok(without(format!("skipped by its authors: {why}")));
        }
        if fixture.outputs.is_empty() {
            return Ok(without("it has no recorded outputs: it needs a live cluster".to_owned()));
        }
        let cassette = self.cassette()?;
        let watch = Stopwatch::start(self.clock.now());
        let model = Timed { model: self.asked_model(cassette.as_ref())?, watch: &watch };
        let key = &self.case.key;
        let asked =
            holmes::ask(&key.incident, key.repeat, &fixture, &model, self.limits, &self.prompts, &watch)
                .await;
        let (answer, transcript) = asked?;
        self.save(cassette.as_ref())?;
        let timeline = watch.timeline();
        row.seconds = timeline.seconds;
        row.timeline = Some(timeline);
        let why = match &self.judge {
            None => "not judged: what is expected is free text; --judge NAME grades it",
            Some((judge, prompt)) => {
                let wanted = Wanted::Statements(&fixture.expected);
                row.judgement = Some(judge::judge(judge.as_ref(), prompt, wanted, &answer).await);
                "what is expected is free text; the judge's figures stand apart"
            }
        };
        let kept = (self.keep != Keep::Nothing).then_some(transcript);
        Ok(Unscored { why: why.to_owned(), answer: Some(answer), transcript: kept })
    }
}

/// Reads a bundle, makes the variant of it, and looks the expectation up.
async fn open(path: &Path, variant: Variant, seed: u64, mapping: &Mapping) -> Result<Opened, NoVariant> {
    let path = path.to_owned();
    let original = tokio::task::spawn_blocking(move || Bundle::open(&path, &OpenLimits::default()))
        .await
        .map_err(|error| NoVariant::Broken(format!("reading the bundle broke: {error}")))?
        .map_err(|error| NoVariant::Broken(format!("the bundle cannot be read: {error}")))?;
    let (bundle, canaries) = variant.of(original, seed, mapping).await?;
    read(bundle, canaries, mapping).map_err(NoVariant::Broken)
}

/// Looks the expectation up, and lets the control arms guess. `Err` is one sentence.
fn read(bundle: Bundle, canaries: Canaries, mapping: &Mapping) -> Result<Opened, String> {
    let expect =
        bundle.expectation().ok_or("the bundle has no expectation: incident.yaml has no `expect`")?;
    let expected = Expected::read(expect, mapping)?;
    let owners = Owners::of(&bundle);
    let guess = |arm: Arm, subject: Option<ObjectRef>| {
        let right = subject.as_ref().is_some_and(|subject| {
            let matches =
                |pattern| owners.compare(subject, pattern, bundle.namespace()) > SubjectMatch::Different;
            expected.subjects.iter().any(matches)
        });
        Guess { arm, subject, right }
    };
    let guesses = if expected.wants_cause() {
        vec![
            guess(Arm::MostRestarted, control::most_restarted(&bundle, &owners)),
            guess(Arm::FirstUnhealthy, control::first_unhealthy(&bundle, &owners)),
        ]
    } else {
        Vec::new()
    };
    Ok(Opened { bundle, expected, owners, canaries, guesses })
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn a_plan_goes_model_by_model_and_shards_cover_it_once() {
        let suite = Suite::of("s", vec!["a/one.tar.gz".into(), "b/one.tar.gz".into(), "two".into()]);
        let mut options = RunOptions::new(Prompts::shipped().unwrap(), Timestamp::UNIX_EPOCH);
        options.models = vec!["x".to_owned(), "y".to_owned()];
        options.repeat = Some(2);
        let plan = plan(&suite, &options).unwrap();
        let names: Vec<String> =
            plan.iter().take(6).map(|case| format!("{} {}", case.key.model, case.key)).collect();
        assert_eq!(names, ["x one", "x one#2", "x one-2", "x one-2#2", "x two", "x two#2"]);
        assert_eq!((plan.len(), plan[11].key.model.as_str()), (12, "y"));
    }

    #[test]
    fn a_filter_that_leaves_nothing_is_an_error() {
        let suite = Suite::of("s", vec!["one".into()]);
        let mut options = RunOptions::new(Prompts::shipped().unwrap(), Timestamp::UNIX_EPOCH);
        options.filter = Some("nothing".to_owned());
        assert!(
            plan(&suite, &options)
                .unwrap_err()
                .to_string()
                .contains("no case of the suite matches \"nothing\"")
        );
    }
}
