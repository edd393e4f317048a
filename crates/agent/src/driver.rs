//! The driver: does what the state machine says, and stops when told.

use crate::investigation::{Investigation, PendingCall, Step, StepError, ToolResult};
use crate::prompts::Prompts;
use futures::future::{Either, select};
use futures::stream::{FuturesOrdered, StreamExt};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use stethoscope_core::answer::Answer;
use stethoscope_core::clock::Clock;
use stethoscope_core::event::{Event, EventKind};
use stethoscope_core::evidence::Intake;
use stethoscope_core::model::{Delta, Model, ModelError, ModelReply};
use stethoscope_core::tool::{CallContext, Registry, ToolError, ToolOutput};
use tokio::sync::Semaphore;

/// Sees what happens, as it happens.
pub trait Observer: Send {
    /// An event, in order. Identical inputs give identical events, but for how streamed text is cut into pieces.
    fn event(&mut self, event: &Event);

    /// A call ended; its event follows when the calls before it have ended too. For live displays only.
    fn call_ended(&mut self, _call_id: &str) {}
}

/// How an investigation ended.
#[derive(Clone, Debug)]
pub enum Ended {
    /// It ran its course, maybe into a limit.
    Answered(Answer),
    /// It was told to stop; the answer is what was known.
    Interrupted(Answer),
    /// The model could not be asked; the answer is what was known.
    ModelFailed(Answer, Arc<ModelError>),
}

impl Ended {
    /// The answer, however it came about.
    pub fn answer(&self) -> &Answer {
        match self {
            Self::Answered(answer) | Self::Interrupted(answer) | Self::ModelFailed(answer, _) => answer,
        }
    }
}

/// The investigation could not be driven to an answer.
#[derive(Debug, thiserror::Error)]
pub enum DriveError {
    /// The machine refused a step.
    #[error(transparent)]
    Step(#[from] StepError),
}

/// What the driver works with.
pub struct Means<'a> {
    /// Decides.
    pub model: &'a dyn Model,
    /// Runs calls.
    pub registry: &'a Registry,
    /// Tells the time.
    pub clock: &'a dyn Clock,
    /// The prompts.
    pub prompts: &'a Prompts,
}

/// Drives an investigation to its end. `stop` ends it early: what is known becomes the answer.
/// `opening` are the events of [`Investigation::start`].
pub async fn drive(
    investigation: &mut Investigation,
    opening: Vec<EventKind>,
    intake: &mut Intake,
    means: &Means<'_>,
    observer: &mut dyn Observer,
    stop: impl Future<Output = ()> + Send,
) -> Result<Ended, DriveError> {
    let mut stop = pin!(stop);
    let mut teller = Teller { id: investigation.id().to_owned(), sequence: 0, observer };
    teller.tell(opening);
    let deadline = tokio::time::Instant::now()
        + Duration::from_secs_f64(investigation.limits().seconds.clamp(1.0, 86_400.0));
    let mut failure: Option<Arc<ModelError>> = None;
    loop {
        let step = match investigation.next() {
            Step::Done(answer) => {
                let answer = answer.clone();
                return Ok(match failure {
                    Some(error) => Ended::ModelFailed(answer, error),
                    None => Ended::Answered(answer),
                });
            }
            Step::CallModel(request) => {
                let mut deltas = |delta: Delta| teller.delta(delta);
                let asked = means.model.respond(request, &mut deltas);
                Did::Model(until(asked, stop.as_mut(), deadline).await)
            }
            Step::CallTools(calls) => Did::Tools(calls),
        };
        let stopped = match step {
            Did::Model(Reached::Done(Ok(reply))) => {
                let events = investigation.model_replied(reply, means.prompts, intake, means.clock.now())?;
                teller.tell(events);
                None
            }
            Did::Model(Reached::Done(Err(error))) => {
                let events = investigation.model_failed(&error.to_string(), intake)?;
                teller.tell(vec![EventKind::Failed { error: error.to_string() }]);
                teller.tell(events);
                failure = Some(Arc::new(error));
                None
            }
            Did::Model(Reached::Stopped) => Some(Stopped::Person),
            Did::Model(Reached::Late) => Some(Stopped::Clock),
            Did::Tools(calls) => {
                run_calls(investigation, calls, intake, means, &mut teller, stop.as_mut(), deadline).await?
            }
        };
        match stopped {
            None => {}
            Some(Stopped::Person) => {
                let events = investigation.interrupt("the investigation was interrupted");
                teller.tell(events);
                if let Step::Done(answer) = investigation.next() {
                    return Ok(Ended::Interrupted(answer.clone()));
                }
            }
            Some(Stopped::Clock) => {
                let limit = format!("{} seconds", investigation.limits().seconds);
                let events = investigation.out_of_time(&limit);
                teller.tell(events);
            }
        }
    }
}

enum Did {
    Model(Reached<Result<ModelReply, ModelError>>),
    Tools(Vec<PendingCall>),
}

enum Reached<T> {
    Done(T),
    Stopped,
    Late,
}

#[derive(Clone, Copy)]
enum Stopped {
    Person,
    Clock,
}

/// A future's result, unless the person or the clock comes first.
async fn until<T>(
    work: impl Future<Output = T>,
    stop: std::pin::Pin<&mut (impl Future<Output = ()> + Send)>,
    deadline: tokio::time::Instant,
) -> Reached<T> {
    let work = pin!(work);
    match select(work, select(stop, pin!(tokio::time::sleep_until(deadline)))).await {
        Either::Left((done, _)) => Reached::Done(done),
        Either::Right((Either::Left(_), _)) => Reached::Stopped,
        Either::Right((Either::Right(_), _)) => Reached::Late,
    }
}

/// Makes the calls concurrently and hands their results over in call order.
async fn run_calls(
    investigation: &mut Investigation,
    calls: Vec<PendingCall>,
    intake: &mut Intake,
    means: &Means<'_>,
    teller: &mut Teller<'_>,
    mut stop: std::pin::Pin<&mut (impl Future<Output = ()> + Send)>,
    deadline: tokio::time::Instant,
) -> Result<Option<Stopped>, DriveError> {
    let context = CallContext { namespace: investigation.scope_namespace(), now: means.clock.now() };
    let limit = Duration::from_secs(investigation.limits().call_seconds);
    let slots = Arc::new(Semaphore::new(investigation.limits().concurrent_calls.max(1)));
    let (ended, mut ends) = tokio::sync::mpsc::channel::<String>(calls.len().max(1));
    let mut running: FuturesOrdered<_> = calls
        .into_iter()
        .map(|call| {
            let (slots, ended, context) = (slots.clone(), ended.clone(), context.clone());
            async move {
                // The semaphore is never closed, so a permit always comes.
                let _permit = slots.acquire_owned().await;
                let result = run_call(means.registry, &call, &context, limit).await;
                let _ = ended.send(call.call_id.clone()).await;
                ToolResult { call_id: call.call_id, result }
            }
        })
        .collect();
    drop(ended);
    while !running.is_empty() {
        let next = async {
            loop {
                tokio::select! {
                    biased;
                    Some(call_id) = ends.recv() => teller.observer.call_ended(&call_id),
                    result = running.next() => break result,
                }
            }
        };
        match until(next, stop.as_mut(), deadline).await {
            Reached::Done(Some(result)) => {
                let events = investigation.tool_finished(result, intake, means.clock.now())?;
                teller.tell(events);
            }
            Reached::Done(None) => break,
            Reached::Stopped => return Ok(Some(Stopped::Person)),
            Reached::Late => return Ok(Some(Stopped::Clock)),
        }
    }
    let events = investigation.round_finished(means.prompts, means.clock.now())?;
    teller.tell(events);
    Ok(None)
}

async fn run_call(
    registry: &Registry,
    call: &PendingCall,
    context: &CallContext,
    limit: Duration,
) -> Result<ToolOutput, ToolError> {
    match tokio::time::timeout(limit, registry.call(&call.tool, call.arguments.clone(), context)).await {
        Ok(result) => result,
        Err(_) => Err(ToolError::Timeout {
            message: format!("{} did not end within {} s; narrow it", call.tool, limit.as_secs()),
        }),
    }
}

/// Numbers events and passes them on.
struct Teller<'a> {
    id: String,
    sequence: u64,
    observer: &'a mut dyn Observer,
}

impl Teller<'_> {
    fn tell(&mut self, kinds: Vec<EventKind>) {
        for kind in kinds {
            self.sequence += 1;
            self.observer.event(&Event { investigation: self.id.clone(), sequence: self.sequence, kind });
        }
    }

    fn delta(&mut self, delta: Delta) {
        let kind = match delta {
            Delta::Text(text) => EventKind::ModelDelta { text },
            // Reasoning is the model's own; people see plans and hypotheses, not this.
            Delta::Reasoning(_) => return,
            Delta::Retry { attempt, after, reason } => {
                EventKind::Retrying { attempt, after_seconds: after.as_secs_f64(), reason }
            }
        };
        self.tell(vec![kind]);
    }
}
