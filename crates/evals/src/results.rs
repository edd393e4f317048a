//! Results: one row a case, in the plan's order, kept as JSON lines with a header.

use crate::control::{Guess, guess_constantly};
use crate::error::EvalError;
use crate::expected::Expected;
use crate::judge::Judgement;
use crate::score::Scores;
use crate::suite::Thresholds;
use crate::timeline::Timeline;
use crate::transcript::Transcript;
use crate::variants::Variant;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use stethoscope_core::answer::Answer;

/// Bytes of one line of a results file that are read.
const LONGEST_LINE: u64 = 64 << 20;

/// The format's name and version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Format {
    /// The first format.
    #[serde(rename = "stethoscope.evals.v1")]
    V1,
}

/// What was run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// Always `stethoscope.evals.v1`.
    pub format: Format,
    /// The suite's name.
    pub suite: String,
    /// Version of the harness.
    pub version: String,
    /// When the run began.
    pub started: Timestamp,
    /// Seed of the variants.
    pub seed: u64,
    /// Cases of the whole plan, all shards together.
    pub planned: usize,
    /// Floors for CI.
    pub thresholds: Thresholds,
}

/// A run's rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Results {
    /// What was run.
    pub header: Header,
    /// One row a case, in the plan's order.
    pub rows: Vec<Row>,
}

/// Which case a row is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CaseKey {
    /// The model that was asked.
    pub model: String,
    /// The recording as it is, or a variant of it.
    pub variant: Variant,
    /// The bundle's name.
    pub incident: String,
    /// 1, 2, …
    pub repeat: u32,
}

impl std::fmt::Display for CaseKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.incident)?;
        if self.variant != Variant::Original {
            write!(f, "+{}", self.variant.name())?;
        }
        if self.repeat > 1 { write!(f, "#{}", self.repeat) } else { Ok(()) }
    }
}

/// One case with what came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Place in the plan.
    pub place: usize,
    /// The case.
    #[serde(flatten)]
    pub key: CaseKey,
    /// The right answer; absent when it could not be read.
    pub expected: Option<Expected>,
    /// Wall seconds of the investigation. Not part of its transcript.
    pub seconds: f64,
    /// What came of it.
    pub outcome: Outcome,
    /// What the control arms guessed.
    pub guesses: Vec<Guess>,
    /// What the optional judge says; never part of the scores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judgement: Option<Judgement>,
    /// When its turns and calls were, by the wall; absent where nothing was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeline: Option<Timeline>,
}

/// What came of a case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// There is an answer, and it was scored.
    Scored(Box<Scored>),
    /// The machinery broke: nothing can be said about the answer. One sentence.
    Broken(String),
    /// A program has nothing to score: a variant that does not apply, or an expectation in free text. In no figure.
    Unscored(Box<Unscored>),
}

/// What stays without a score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Unscored {
    /// Why, in one sentence.
    pub why: String,
    /// The answer, where the question was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
    /// The way to it, where it was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transcript: Option<Transcript>,
}

/// An answer with its figures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scored {
    /// The figures.
    pub scores: Scores,
    /// The answer.
    pub answer: Answer,
    /// The way to it, where it was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transcript: Option<Transcript>,
}

impl Row {
    /// The scored answer, unless the machinery broke.
    pub fn scored(&self) -> Option<&Scored> {
        match &self.outcome {
            Outcome::Scored(scored) => Some(scored),
            Outcome::Broken(_) | Outcome::Unscored(_) => None,
        }
    }

    /// The answer, scored or not.
    pub fn answer(&self) -> Option<&Answer> {
        match &self.outcome {
            Outcome::Scored(scored) => Some(&scored.answer),
            Outcome::Unscored(unscored) => unscored.answer.as_ref(),
            Outcome::Broken(_) => None,
        }
    }

    /// The way to the answer, where it was kept.
    pub fn transcript(&self) -> Option<&Transcript> {
        match &self.outcome {
            Outcome::Scored(scored) => scored.transcript.as_ref(),
            Outcome::Unscored(unscored) => unscored.transcript.as_ref(),
            Outcome::Broken(_) => None,
        }
    }

    /// What the case is counted under.
    pub fn stratum(&self) -> &str {
        match (&self.expected, &self.outcome) {
            (Some(expected), _) => &expected.stratum,
            (None, Outcome::Unscored(_)) => "unscored",
            (None, Outcome::Broken(_) | Outcome::Scored(_)) => "unreadable",
        }
    }
}

impl Results {
    /// Writes the header and one line a row.
    pub fn write(&self, to: &mut dyn Write) -> Result<(), EvalError> {
        write_line(to, &self.header)?;
        self.rows.iter().try_for_each(|row| write_line(to, row))
    }

    /// Reads a results file. Blocking.
    pub fn read(path: &Path) -> Result<Self, EvalError> {
        let io = |source| EvalError::Io { doing: "read", path: path.to_owned(), source };
        Self::parse(path, std::fs::File::open(path).map_err(io)?)
    }

    /// Reads results from anything; `path` is for messages.
    pub fn parse(path: &Path, from: impl Read) -> Result<Self, EvalError> {
        let wrong = |line: usize, why: String| EvalError::ResultsFile { path: path.to_owned(), line, why };
        let mut reader = BufReader::new(from);
        let mut header = None;
        let mut rows: Vec<Row> = Vec::new();
        for number in 1.. {
            let mut line = Vec::new();
            let read = reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line);
            let read =
                read.map_err(|source| EvalError::Io { doing: "read", path: path.to_owned(), source })?;
            if read == 0 {
                break;
            }
            if read as u64 == LONGEST_LINE && !line.ends_with(b"\n") {
                return Err(wrong(number, format!("the line is longer than {LONGEST_LINE} bytes")));
            }
            if line.trim_ascii().is_empty() {
                continue;
            }
            if header.is_none() {
                let hint = "a results file begins with a line that has \"format\": \"stethoscope.evals.v1\"";
                header = Some(
                    serde_json::from_slice(&line)
                        .map_err(|error| wrong(number, format!("no header: {error}; {hint}")))?,
                );
            } else {
                rows.push(
                    serde_json::from_slice(&line)
                        .map_err(|error| wrong(number, format!("no row: {error}")))?,
                );
            }
        }
        let header = header.ok_or_else(|| wrong(1, "the file is empty".to_owned()))?;
        Ok(Self { header, rows })
    }

    /// Puts the shards of one run together.
    ///
    /// # Errors
    /// When they are not of the same suite, seed and plan, when a case is there twice, or when one is missing.
    pub fn merge(shards: Vec<Self>) -> Result<Self, EvalError> {
        let mut shards = shards.into_iter();
        let mut all =
            shards.next().ok_or_else(|| EvalError::Merge("there is nothing to merge".to_owned()))?;
        for shard in shards {
            let (a, b) = (&all.header, &shard.header);
            if (&a.suite, a.seed, a.planned, &a.version) != (&b.suite, b.seed, b.planned, &b.version) {
                return Err(EvalError::Merge(format!(
                    "they are of different runs: {} {} with seed {} and {} cases, {} {} with seed {} and {} cases",
                    a.suite, a.version, a.seed, a.planned, b.suite, b.version, b.seed, b.planned
                )));
            }
            all.header.started = all.header.started.min(shard.header.started);
            all.rows.extend(shard.rows);
        }
        all.rows.sort_by_key(|row| row.place);
        let mut seen = BTreeSet::new();
        if let Some(twice) = all.rows.iter().find(|row| !seen.insert((row.place, &row.key))) {
            return Err(EvalError::Merge(format!("{} of {} is there twice", twice.key, twice.key.model)));
        }
        if all.rows.len() != all.header.planned {
            let (there, planned) = (all.rows.len(), all.header.planned);
            return Err(EvalError::Merge(format!(
                "{there} of {planned} cases are there; a shard is missing"
            )));
        }
        // A shard knew only its own cases.
        guess_constantly(&mut all.rows);
        Ok(all)
    }
}

fn write_line<T: Serialize>(to: &mut dyn Write, value: &T) -> Result<(), EvalError> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    to.write_all(&line).map_err(|source| EvalError::Io { doing: "write", path: "results".into(), source })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::score::tests::answer;
    use pretty_assertions::assert_eq;
    use serde_json::json;

    /// A row whose answer is right or wrong.
    pub(crate) fn row(place: usize, incident: &str, repeat: u32, right: bool) -> Row {
        let expected = crate::score::tests::expected(json!({"cause": "a.b", "subject": "node/n1"}));
        let answer = answer(
            "root_cause_found",
            if right { "a.b" } else { "c.d" },
            json!({"kind": "Node", "name": "n1"}),
            0.8,
        );
        let given = crate::score::Given {
            expected: &expected,
            owners: &crate::score::Owners::default(),
            namespace: None,
            transcript: &Transcript::default(),
            failed_calls: 0,
            skipped_calls: 0,
            denied: crate::score::Denied::Nothing,
            abstention: crate::score::Abstention::Verdict,
        };
        let scores = crate::score::score(&answer, &given);
        Row {
            place,
            key: CaseKey {
                model: "m".to_owned(),
                variant: Variant::Original,
                incident: incident.to_owned(),
                repeat,
            },
            expected: Some(expected),
            seconds: 0.25,
            outcome: Outcome::Scored(Box::new(Scored { scores, answer, transcript: None })),
            guesses: Vec::new(),
            judgement: None,
            timeline: None,
        }
    }

    /// Results of these rows.
    pub(crate) fn results(rows: Vec<Row>) -> Results {
        let header = Header {
            format: Format::V1,
            suite: "tiny".to_owned(),
            version: "0.0.0".to_owned(),
            started: Timestamp::UNIX_EPOCH,
            seed: 1,
            planned: rows.len(),
            thresholds: Thresholds::default(),
        };
        Results { header, rows }
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        let mut broken = row(1, "two", 1, true);
        broken.outcome = Outcome::Broken("the model could not be asked: no answer".to_owned());
        let results = results(vec![row(0, "one", 1, false), broken]);
        let mut bytes = Vec::new();
        results.write(&mut bytes).unwrap();
        assert_eq!(Results::parse(Path::new("r"), bytes.as_slice()).unwrap(), results);
    }

    #[test]
    fn a_file_that_is_no_results_file_is_refused_with_its_line() {
        let why = |text: &str| Results::parse(Path::new("r.jsonl"), text.as_bytes()).unwrap_err().to_string();
        assert!(why("").contains("the file is empty"));
        assert!(why("{\"format\": \"other\"}").contains("r.jsonl line 1: no header"));
        let mut bytes = Vec::new();
        results(Vec::new()).write(&mut bytes).unwrap();
        assert!(why(&format!("{}\nnonsense", String::from_utf8(bytes).unwrap())).contains("line 3: no row"));
    }

    #[test]
    fn shards_merge_in_the_plans_order_and_a_missing_one_is_told() {
        let whole = results(vec![row(0, "one", 1, true), row(1, "two", 1, true), row(2, "three", 1, true)]);
        let part = |places: &[usize]| Results {
            header: whole.header.clone(),
            rows: places.iter().map(|place| whole.rows[*place].clone()).collect(),
        };
        let mut guessed = whole.clone();
        guess_constantly(&mut guessed.rows);
        assert_eq!(Results::merge(vec![part(&[1]), part(&[0, 2])]).unwrap(), guessed);
        assert!(Results::merge(vec![part(&[1])]).unwrap_err().to_string().contains("1 of 3 cases"));
        assert!(
            Results::merge(vec![part(&[0, 1]), part(&[1, 2])])
                .unwrap_err()
                .to_string()
                .contains("two of m is there twice")
        );
    }
}
