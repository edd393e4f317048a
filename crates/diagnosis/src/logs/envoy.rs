//! Envoy's access log: response flags after the status say who failed.
//!
//! Flags: `source/common/stream_info/utility.h` of envoyproxy/envoy. The default text format writes
//! `"GET /x HTTP/1.1" 503 UF,URX upstream_reset_before_response_started{…}`, the JSON one `"response_flags":"UF,URX"`.

use super::signatures::Signature;

/// Flags of failures, most telling first; what the caller itself did (DC, DI, FI) is none.
const FLAGS: &[(&str, Option<Signature>)] = &[
    ("UH", Some(Signature::Unreachable)),
    ("UF", Some(Signature::Unreachable)),
    ("UT", Some(Signature::Unreachable)),
    ("UO", Some(Signature::Overloaded)),
    ("RL", Some(Signature::Overloaded)),
    ("NR", Some(Signature::NoRoute)),
    ("NC", Some(Signature::NoRoute)),
    ("UC", Some(Signature::Reset)),
    ("UR", Some(Signature::Reset)),
    ("LR", Some(Signature::Reset)),
    ("URX", Some(Signature::Unreachable)),
    ("DC", None),
    ("DPE", None),
    ("DI", None),
    ("FI", None),
];

/// What an access log line of Envoy says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is none, or has no flags.
    NoFlags,
    /// Its flags say that the caller itself went away or was made to fail.
    CallersOwn,
    /// Its flags blame an upstream or the routes.
    Failed(Signature),
}

pub(super) fn verdict(line: &str) -> Verdict {
    let Some(flags) = flags_in_json(line).or_else(|| flags_in_text(line)) else { return Verdict::NoFlags };
    let flags: Vec<&str> = flags.split(',').collect();
    if !flags.iter().all(|flag| FLAGS.iter().any(|(name, _)| name == flag)) {
        return Verdict::NoFlags;
    }
    let told = FLAGS.iter().find(|(name, _)| flags.contains(name)).and_then(|(_, signature)| *signature);
    told.map_or(Verdict::CallersOwn, Verdict::Failed)
}

fn flags_in_json(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once("\"response_flags\":")?;
    rest.trim_start().strip_prefix('"')?.split('"').next()
}

/// The word after the quoted request and the status.
fn flags_in_text(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once(" HTTP/")?;
    let (_, rest) = rest.split_once("\" ")?;
    let mut words = rest.split_whitespace();
    let status: u16 = words.next()?.parse().ok()?;
    words.next().filter(|_| status <= 599)
}
