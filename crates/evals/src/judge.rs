//! An optional judge: a model that grades an answer by a rubric of yes-or-no questions. Its figures stand apart from the
//! deterministic ones and never change them.

use crate::cassette::hash;
use crate::error::EvalError;
use crate::expected::{Expected, Forbidden, word};
use crate::score::claims_of;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use stethoscope_core::answer::Answer;
use stethoscope_core::evidence::Ledger;
use stethoscope_core::model::{Message, Model, ModelRequest, ToolChoice, ToolDeclaration};
use tera::{Context, Tera};

const PROMPT: &str = include_str!("../../../prompts/judge.md.tera");
/// Its name: an override is a file `judge.md.tera` among the prompts.
pub const JUDGE_PROMPT: &str = "judge";
/// What the names of graded statements begin with.
pub(crate) const STATEMENT: &str = "statement_";
const GRADE: &str = "grade";
/// Tokens of a grade.
const REPLY_TOKENS: usize = 1_024;

/// The rubric: a name, and what must hold.
const CRITERIA: [(&str, &str); 5] = [
    ("verdict", "The answer comes to the expected verdict."),
    (
        "cause",
        "The answer's main claim is the expected cause, in whatever words; true where no cause is expected and none is claimed.",
    ),
    (
        "subject",
        "The answer names the expected object, or its owner or a pod of it; true where none is expected.",
    ),
    (
        "no_forbidden_claim",
        "The answer makes none of the claims that would be wrong. Ruling one out is no claim.",
    ),
    ("actionable", "The answer says what to do next, or what is missing to decide."),
];

/// What the judge says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Judgement {
    /// Grades by criterion.
    Graded {
        /// The judge's model.
        judge: String,
        /// Whether each criterion is met.
        criteria: BTreeMap<String, bool>,
        /// Why, in the judge's words.
        why: String,
    },
    /// The judge failed or gave no grade: in no denominator.
    Unscored {
        /// The judge's model.
        judge: String,
        /// One sentence.
        why: String,
    },
}

impl Judgement {
    /// One line for people.
    pub fn in_words(&self) -> String {
        match self {
            Self::Unscored { judge, why } => format!("judge {judge}: no grade, {why}"),
            Self::Graded { judge, criteria, why } => {
                let list = |wanted: bool| {
                    let names: Vec<&str> = criteria
                        .iter()
                        .filter(|(_, met)| **met == wanted)
                        .map(|(name, _)| name.as_str())
                        .collect();
                    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
                };
                format!("judge {judge}: met {}; not met {}. {why}", list(true), list(false))
            }
        }
    }
}

#[derive(Deserialize)]
struct Grade {
    #[serde(flatten)]
    criteria: BTreeMap<String, Value>,
}

/// The judge's prompt, checked.
#[derive(Clone, Debug)]
pub struct JudgePrompt(Tera);

/// What the judge grades against.
#[derive(Clone, Copy, Debug)]
pub enum Wanted<'a> {
    /// An expectation of ours.
    Expected(&'a Expected),
    /// Statements in free text, each of which the answer must make in whatever words.
    Statements(&'a [String]),
}

impl JudgePrompt {
    /// The shipped prompt.
    ///
    /// # Errors
    /// When it does not render, which is a defect.
    pub fn shipped() -> Result<Self, EvalError> {
        Self::of(PROMPT)
    }

    /// A prompt in place of the shipped one, rendered once to see that it can be.
    ///
    /// # Errors
    /// When it does not parse, or names a value that there is not.
    pub fn of(text: &str) -> Result<Self, EvalError> {
        let wrong = |source| EvalError::Template { name: JUDGE_PROMPT, source: Box::new(source) };
        let mut tera = Tera::default();
        tera.add_raw_template(JUDGE_PROMPT, text).map_err(wrong)?;
        let context =
            context(&json!({"verdict": "", "causes": "", "subjects": "", "forbidden": ""}), "", "", "");
        tera.render(JUDGE_PROMPT, &context).map_err(wrong)?;
        Ok(Self(tera))
    }

    fn render(&self, context: &Context) -> Result<String, String> {
        self.0
            .render(JUDGE_PROMPT, context)
            .map_err(|error| format!("the judge's prompt does not render: {error}"))
    }
}

fn context(expected: &Value, answer: &str, marker: &str, criteria: &str) -> Context {
    let mut context = Context::new();
    context.insert("expected", expected);
    context.insert("answer", answer);
    context.insert("marker", marker);
    context.insert("criteria", criteria);
    context
}

/// Asks the judge once.
pub async fn judge(
    judge: &dyn Model,
    prompt: &JudgePrompt,
    wanted: Wanted<'_>,
    answer: &Answer,
) -> Judgement {
    let name = judge.name().to_owned();
    match grade(judge, prompt, wanted, answer).await {
        Ok((criteria, why)) => Judgement::Graded { judge: name, criteria, why },
        Err(why) => Judgement::Unscored { judge: name, why },
    }
}

/// Name and meaning of what must hold.
fn criteria(wanted: Wanted<'_>) -> Vec<(String, String)> {
    match wanted {
        Wanted::Expected(_) => {
            CRITERIA.iter().map(|(name, what)| ((*name).to_owned(), (*what).to_owned())).collect()
        }
        Wanted::Statements(statements) => statements
            .iter()
            .zip(1..)
            .map(|(text, number)| {
                let name = format!("{STATEMENT}{number}");
                (name, format!("The answer says, in whatever words: {}", text.trim()))
            })
            .collect(),
    }
}

async fn grade(
    judge: &dyn Model,
    prompt: &JudgePrompt,
    wanted: Wanted<'_>,
    answer: &Answer,
) -> Result<(BTreeMap<String, bool>, String), String> {
    let rubric = criteria(wanted);
    if rubric.is_empty() {
        return Err("nothing is expected, so there is nothing to grade".to_owned());
    }
    let text = prompt.render(&filled(wanted, &rubric, answer))?;
    let properties: serde_json::Map<String, Value> = rubric
        .iter()
        .map(|(name, what)| (name.clone(), json!({"type": "boolean", "description": what})))
        .chain([("why".to_owned(), json!({"type": "string"}))])
        .collect();
    let required: Vec<&String> = properties.keys().collect();
    let tools = [ToolDeclaration {
        name: GRADE.to_owned(),
        description: "Gives the grade.".to_owned(),
        parameters: json!({"type": "object", "properties": properties, "required": required}),
    }];
    let request = ModelRequest {
        messages: &[Message::User { text }],
        tools: &tools,
        evidence: &Ledger::default(),
        max_output_tokens: REPLY_TOKENS,
        tool_choice: ToolChoice::Tool(GRADE),
    };
    let reply = judge
        .respond(request, &mut |_| {})
        .await
        .map_err(|error| format!("the judge could not be asked: {error}"))?;
    let call = reply.calls.iter().find(|call| call.name == GRADE).ok_or("the judge gave no grade")?;
    let grade: Grade = serde_json::from_str(&call.arguments)
        .map_err(|error| format!("the judge's grade cannot be read: {error}"))?;
    let mut criteria = BTreeMap::new();
    for (name, _) in rubric {
        let met = grade
            .criteria
            .get(&name)
            .and_then(Value::as_bool)
            .ok_or_else(|| format!("the judge's grade says nothing on {name}"))?;
        criteria.insert(name, met);
    }
    let why = grade.criteria.get("why").and_then(Value::as_str).unwrap_or_default().to_owned();
    Ok((criteria, why))
}

fn filled(wanted: Wanted<'_>, rubric: &[(String, String)], answer: &Answer) -> Context {
    let mut claims = vec![format!("Verdict: {}", word(answer.verdict))];
    claims.extend(answer.hypotheses.iter().take(3).map(|best| {
        format!("{}. {} on {} (confidence {:.2})", best.rank, best.cause, best.subject, best.confidence)
    }));
    claims.extend(claims_of(answer));
    let answer = claims.join("\n");
    // A text cannot hold a marker that is made from it.
    let marker: String = hash(&answer).chars().take(16).collect();
    let criteria: Vec<String> = rubric.iter().map(|(name, what)| format!("- {name}: {what}")).collect();
    let shown = match wanted {
        Wanted::Expected(expected) => shown(expected),
        Wanted::Statements(_) => json!({"verdict": "", "causes": "", "subjects": "", "forbidden": ""}),
    };
    context(&shown, &answer, &marker, &criteria.join("\n"))
}

fn shown(expected: &Expected) -> Value {
    let subjects: Vec<String> = expected
        .subjects
        .iter()
        .map(|subject| format!("{} {}", subject.kinds.join("/"), subject.name))
        .collect();
    let forbidden = expected.forbidden.iter().map(|claim| match claim {
        Forbidden::Words(words) => format!("- {words}"),
        Forbidden::Exact(exact) => {
            format!("- {}", exact.cause.as_deref().or(exact.pattern.as_deref()).unwrap_or_default())
        }
    });
    json!({
        "verdict": word(expected.verdict),
        "causes": expected.causes.join(" or "),
        "subjects": subjects.join(" or "),
        "forbidden": forbidden.collect::<Vec<_>>().join("\n"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::tests::{answer, expected};
    use async_trait::async_trait;
    use pretty_assertions::assert_eq;
    use stethoscope_core::model::{Delta, ModelError, ModelReply, ToolCall};

    struct Says(Result<&'static str, ModelError>);

    #[async_trait]
    impl Model for Says {
        fn name(&self) -> &str {
            "judge-1"
        }

        async fn respond(
            &self,
            request: ModelRequest<'_>,
            _: &mut (dyn FnMut(Delta) + Send),
        ) -> Result<ModelReply, ModelError> {
            let Message::User { text } = &request.messages[0] else { panic!("no prompt") };
            assert!(text.contains("The selector matches no pod."), "{text}");
            let ours = text.contains("Cause: a.b") && text.contains("- the disk is full");
            let free = text.contains("- statement_2: The answer says, in whatever words: a disk is full");
            assert!(ours != free, "{text}");
            let arguments = self.0.clone()?.to_owned();
            Ok(ModelReply {
                calls: vec![ToolCall { id: "1".to_owned(), name: GRADE.to_owned(), arguments }],
                ..ModelReply::default()
            })
        }
    }

    async fn judged(says: Result<&'static str, ModelError>) -> Judgement {
        let answer = answer("root_cause_found", "a.b", json!({"kind": "Node", "name": "n1"}), 0.9);
        let expected =
            expected(json!({"cause": "a.b", "subject": "Node/n1", "forbidden": ["the disk is full"]}));
        judge(&Says(says), &JudgePrompt::shipped().unwrap(), Wanted::Expected(&expected), &answer).await
    }

    #[tokio::test]
    async fn a_whole_grade_is_taken_over() {
        let text = r#"{"verdict": true, "cause": true, "subject": false, "no_forbidden_claim": true, "actionable": false, "why": "so"}"#;
        let Judgement::Graded { criteria, why, .. } = judged(Ok(text)).await else { panic!("no grade") };
        let met: Vec<&str> =
            criteria.iter().filter(|(_, met)| **met).map(|(name, _)| name.as_str()).collect();
        assert_eq!((met, why.as_str()), (vec!["cause", "no_forbidden_claim", "verdict"], "so"));
    }

    #[tokio::test]
    async fn a_judge_that_fails_or_forgets_a_criterion_gives_no_score() {
        let unscored = |why: &str| Judgement::Unscored { judge: "judge-1".to_owned(), why: why.to_owned() };
        assert_eq!(
            judged(Ok(r#"{"verdict": true}"#)).await,
            unscored("the judge's grade says nothing on cause")
        );
        let down = judged(Err(ModelError::Timeout("60 s".to_owned()))).await;
        assert_eq!(
            down,
            unscored("the judge could not be asked: the model endpoint did not answer in time: 60 s")
        );
    }

    #[tokio::test]
    async fn statements_in_free_text_are_graded_one_by_one() {
        let answer = answer("root_cause_found", "a.b", json!({"kind": "Node", "name": "n1"}), 0.9);
        let statements = ["the node is down".to_owned(), " a disk is full\n".to_owned()];
        let prompt = JudgePrompt::shipped().unwrap();
        let says = Says(Ok(r#"{"statement_1": true, "statement_2": false, "why": "no disk"}"#));
        let judged = judge(&says, &prompt, Wanted::Statements(&statements), &answer).await;
        assert_eq!(judged.in_words(), "judge judge-1: met statement_1; not met statement_2. no disk");
        let Judgement::Unscored { why, .. } = judge(&says, &prompt, Wanted::Statements(&[]), &answer).await
        else {
            panic!("graded")
        };
        assert_eq!(why, "nothing is expected, so there is nothing to grade");
    }

    #[test]
    fn another_prompt_is_checked_before_anything_is_asked() {
        assert!(JudgePrompt::of("Grade {{ answer }} by {{ criteria }}").is_ok());
        for wrong in ["{{ answer", "{{ no_such_value }}"] {
            let why = JudgePrompt::of(wrong).unwrap_err().to_string();
            assert!(why.contains("the judge template does not render"), "{why}");
        }
    }
}
