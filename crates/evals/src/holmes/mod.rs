//! HolmesGPT's test cases as an outside yardstick, read from a directory that the person names. Nothing of them lies here.
//!
//! ```text
//! <case>/test_case.yaml    user_prompt, expected_output (free text), tags, skip
//! <case>/*.txt, *.json     recorded tool outputs: a line that says of which call, maybe a line with its status, the output
//! ```
//!
//! The recorded outputs become tools of the names they had, which answer the recorded calls and say of every other that it was
//! not recorded. What is expected is free text, so no program scores it: with a judge its figures stand apart, without one the
//! case is not judged, and it is never counted as right or wrong.

mod ask;
mod fixture;
mod tool;

pub(crate) use ask::ask;
pub(crate) use fixture::{CASE_FILE, Fixture};
