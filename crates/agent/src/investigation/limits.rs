//! Bounds of an investigation.

use serde::{Deserialize, Serialize};
use stethoscope_core::answer::Usage;

/// Replies without a call that are answered with a reminder; the next one ends the investigation.
pub(super) const NO_CALLS: u32 = 2;
/// Repeated calls after which the model must conclude.
pub(super) const REPEATS: u32 = 3;
/// Last turns in which the model calls something else than `conclude`; the next one ends the investigation.
pub(super) const DISOBEYED: u32 = 1;
/// Conclusions that are sent back because their evidence does not check.
pub(super) const CHECKS: u32 = 1;

/// Bounds. Reaching one leads to a conclusion from what is known, never to a loss.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// Exchanges with the model.
    pub turns: u32,
    /// Tool calls.
    pub tool_calls: u32,
    /// Tokens in and out, all exchanges together.
    pub tokens: u64,
    /// Seconds by the clock.
    pub seconds: f64,
    /// US dollars, if the model's price is known.
    pub cost: Option<f64>,
    /// Tokens of one reply.
    pub reply_tokens: usize,
    /// Calls made at the same time.
    pub concurrent_calls: usize,
    /// Seconds that one call may take.
    pub call_seconds: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            turns: 30,
            tool_calls: 60,
            tokens: 600_000,
            seconds: 600.0,
            cost: None,
            reply_tokens: 4_096,
            concurrent_calls: 8,
            call_seconds: 60,
        }
    }
}

impl Limits {
    /// The limit that is used up, in words. One turn is always kept for the conclusion.
    pub(super) fn spent(&self, usage: &Usage, tokens: u64) -> Option<String> {
        if usage.turns + 1 >= self.turns {
            return Some(format!("{} turns", self.turns));
        }
        if usage.tool_calls >= self.tool_calls {
            return Some(format!("{} tool calls", self.tool_calls));
        }
        if tokens >= self.tokens {
            return Some(format!("{} tokens", self.tokens));
        }
        if usage.seconds >= self.seconds {
            return Some(format!("{} seconds", self.seconds));
        }
        match (self.cost, usage.cost) {
            (Some(limit), Some(cost)) if cost >= limit => Some(format!("{limit} US dollars")),
            _ => None,
        }
    }
}
