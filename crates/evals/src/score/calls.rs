//! Calls that were wasted.

use super::Given;

pub(super) struct CallScore {
    pub(super) redundant: u32,
    pub(super) failed: u32,
}

/// A call is redundant when it was made before with the same arguments; the loop refuses most of those, and a refused call
/// that repeats nothing hit a limit.
pub(super) fn score(given: &Given<'_>) -> CallScore {
    CallScore {
        redundant: given.transcript.repeated_calls().max(given.skipped_calls),
        failed: given.failed_calls,
    }
}

#[cfg(test)]
mod tests {
    use crate::transcript::{Step, Transcript};

    #[test]
    fn the_same_arguments_in_another_order_are_the_same_call() {
        let call = |arguments: &str| Step::Called {
            tool: "k8s_get".to_owned(),
            arguments: arguments.to_owned(),
            evidence: None,
            text: String::new(),
            quotes: Vec::new(),
        };
        let steps =
            vec![call(r#"{"a":1,"b":2}"#), call(r#"{"b":2, "a":1}"#), call(r#"{"a":2}"#), call("not json")];
        assert_eq!(Transcript { steps }.repeated_calls(), 1);
    }
}
