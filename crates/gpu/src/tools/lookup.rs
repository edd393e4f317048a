//! `xid_lookup`: what a code, or a line with one, means, and who says so.

use super::report::Report;
use super::{TOOLSET, said};
use crate::backend::Backend;
use crate::kernel::{KernelEvent, Sxid, Xid, kernel_event};
use crate::knowledge::cuda::ERRORS;
use crate::knowledge::dcgm::ACTIONS;
use crate::knowledge::nvlink::RULES;
use crate::knowledge::xid::{Code, SXIDS, XIDS};
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use stethoscope_core::tool::{Availability, CallContext, ToolError, TypedTool};

/// Looks codes up.
pub(crate) struct Lookup(pub(crate) Backend);

/// Lines explained at most.
const LINES: usize = 20;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// `79`, `SXid 20034`, `CUDA 802`, `DCGM_FR_…`, or log lines
    #[serde(alias = "xid", alias = "code", alias = "line")]
    text: String,
}

#[async_trait]
impl TypedTool for Lookup {
    type Input = Input;
    type Output = Report;
    const NAME: &'static str = "xid_lookup";
    const TOOLSET: &'static str = TOOLSET;
    const DESCRIPTION: &'static str = "Meaning and action of a GPU error code or log line, by source.";

    fn available(&self) -> Availability {
        self.0.logs_available()
    }

    async fn run(&self, input: Input, _context: &CallContext) -> Result<Report, ToolError> {
        explain(&input.text)
    }
}

/// Explains every line that says something; a lone word may be a code.
fn explain(given: &str) -> Result<Report, ToolError> {
    let Some(given) = said(Some(given)) else {
        return Err(ToolError::BadArguments { message: "no code is given".to_owned(), hint: None });
    };
    let mut report = Report::default();
    let mut told = Vec::new();
    for line in given.lines().take(LINES) {
        let (title, lines) = match kernel_event(line) {
            Some(KernelEvent::Xid(xid)) => (title(&xid), xid_lines(&xid)),
            Some(KernelEvent::Sxid(sxid)) => (format!("SXID {}", sxid.code), sxid_lines(&sxid)),
            Some(KernelEvent::Peermem) => (
                "nvidia-peermem".to_owned(),
                vec!["GPUDirect RDMA of a process that already ended: look at the process".to_owned()],
            ),
            Some(KernelEvent::NcclSegfault) => (
                "libnccl".to_owned(),
                vec!["a program crashed inside NCCL: its log, NCCL version, XIDs on the node".to_owned()],
            ),
            None => match word(line) {
                Some(known) => known,
                None => continue,
            },
        };
        if !told.contains(&title) {
            report.section(title.clone(), lines);
            told.push(title);
        }
    }
    if report.is_empty() {
        return Err(ToolError::NotFound {
            message: "no known XID, SXID, CUDA error or DCGM code is in it".to_owned(),
            nearest: Vec::new(),
        });
    }
    if given.lines().count() > LINES {
        report.coverage.truncated.push(format!("only the first {LINES} lines were read"));
    }
    report.headline = told.join("; ");
    Ok(report)
}

/// A code without a line.
fn word(line: &str) -> Option<(String, Vec<String>)> {
    let upper = line.to_uppercase();
    if let Some(start) = upper.find("DCGM_FR_") {
        let code: String = upper
            .get(start..)?
            .chars()
            .take_while(|char| char.is_ascii_alphanumeric() || *char == '_')
            .collect();
        let action = ACTIONS.of(&code)?;
        return Some((
            code,
            vec![format!("NVSentinel's action: {action}"), format!("source: {}", ACTIONS.source)],
        ));
    }
    let number: Option<u32> = line
        .split(|char: char| !char.is_ascii_digit())
        .find(|part| !part.is_empty())
        .and_then(|part| part.parse().ok());
    let cuda = line.split_whitespace().find_map(|word| ERRORS.get(word)).filter(|_| upper.contains("CUDA"));
    if let Some(error) = cuda {
        return Some((
            format!("{} ({})", error.name, error.code),
            vec![
                format!("says: {}", error.says),
                format!("means: {}", error.means),
                format!("do: {}", error.fix),
            ],
        ));
    }
    let words = line.split_whitespace().count();
    if words > 3 {
        return None;
    }
    let code = number?;
    if upper.contains("SXID") || code >= 10_000 {
        return Some((format!("SXID {code}"), sxid_lines(&Sxid { code, ..Sxid::default() })));
    }
    let xid = Xid { code, ..Xid::default() };
    Some((title(&xid), xid_lines(&xid)))
}

fn title(xid: &Xid) -> String {
    let device = xid.device.map(|device| format!(" on {device}")).unwrap_or_default();
    let uuid = xid.uuid.as_ref().map(|uuid| format!(" {uuid}")).unwrap_or_default();
    format!("XID {}{device}{uuid}", xid.code)
}

fn xid_lines(xid: &Xid) -> Vec<String> {
    let Some(known) = XIDS.get(xid.code) else {
        return vec!["not in the catalogue (1 to 173): a newer driver's, or no XID".to_owned()];
    };
    let mut lines = vec![format!("means: {}", known.means)];
    if !known.name.is_empty() {
        lines.push(format!("name: {}", known.name));
    }
    lines.push(format!("whose fault: {}", known.from.spoken()));
    let or_nothing =
        |text: &str| if text.is_empty() { "names no action".to_owned() } else { text.to_owned() };
    lines.push(format!("NVIDIA: now {}, then {}", or_nothing(&known.immediate), or_nothing(&known.then)));
    lines.push(format!("gpud: {}", or_nothing(&known.gpud)));
    lines.push(format!("device plugin: {}", XIDS.device_plugin(xid.code)));
    if XIDS.is_sticky(xid.code) {
        lines.push("NVSentinel: held against the GPU for three hours".to_owned());
    }
    lines.extend(known.advice.iter().map(|advice| format!("advice: {advice}")));
    lines.extend(known.conflict().map(|conflict| format!("the sources disagree: {conflict}")));
    lines.extend(xid.recovery.map(|(from, to)| {
        format!("the driver asks for: {} (before: {})", XIDS.recovery(to), XIDS.recovery(from))
    }));
    if let Some(link) = &xid.link {
        let place = format!("{} link {}, subcode {}", link.unit, link.link, link.subcode());
        lines.push(match RULES.decode(xid.code, link) {
            Some(rule) => format!(
                "NVLink 5: {place}: {}, origin {}; NVIDIA: now {}, then {} ({})",
                rule.severity, rule.origin, rule.immediate, rule.then, RULES.source
            ),
            None => format!(
                "NVLink 5: {place}: no rule fits these words; the line says {}",
                if link.fatal { "fatal" } else { "non-fatal" }
            ),
        });
    }
    lines.extend(xid.process.as_ref().map(|name| {
        format!(
            "program: {name}{}",
            xid.pid.map(|pid| format!(" (pid {pid} on the node)")).unwrap_or_default()
        )
    }));
    lines.push(format!("sources: {}", XIDS.sources.values().cloned().collect::<Vec<_>>().join("; ")));
    lines
}

fn sxid_lines(sxid: &Sxid) -> Vec<String> {
    let mut lines = Vec::new();
    lines.extend(sxid.device.map(|device| format!("switch: {device}")));
    match SXIDS.get(sxid.code) {
        Some(known) => lines.extend([
            format!("means: {}", known.means),
            format!("do: {}", known.fix),
            format!("source: {}", SXIDS.source),
        ]),
        None => lines.push("an error of an NVSwitch; this code is not described here".to_owned()),
    }
    lines.push(match sxid.fatal {
        Some(true) => {
            "fatal: every GPU behind that switch is out; reset GPUs and switches, restart the fabric manager"
                .to_owned()
        }
        Some(false) => "non-fatal: GPUs go on; look for XIDs next to it".to_owned(),
        None => "the line does not say whether it is fatal".to_owned(),
    });
    lines
}

/// What a code comes to, in one line; for other tools.
pub(crate) fn brief(code: u32) -> String {
    XIDS.get(code).map_or_else(
        || format!("XID {code}"),
        |known: &Code| {
            let advice = known.advice.as_deref().unwrap_or(&known.immediate);
            format!("XID {code}: {}; {advice}", known.means)
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;
    use stethoscope_core::tool::Present;

    #[test]
    fn codes_and_lines_are_explained() {
        let headline = |text: &str| explain(text).map(|report| report.headline).unwrap_or_default();
        for (text, expected) in [
            ("79", "XID 79"),
            ("xid 79", "XID 79"),
            ("SXid 20034", "SXID 20034"),
            ("CUDA error 802", "cudaErrorSystemNotReady (802)"),
            ("DCGM_FR_FAULTY_MEMORY", "DCGM_FR_FAULTY_MEMORY"),
            ("NVRM: Xid (PCI:0000:9b:00): 119, pid=1, name=x, Timeout", "XID 119 on 0000:9b:00.0"),
            ("the job failed after 79 steps of work", ""),
            ("  ", ""),
        ] {
            assert_eq!(headline(text), expected, "{text}");
        }
    }

    #[test]
    fn disagreement_recovery_and_link_words_are_told() {
        let told = |text: &str| explain(text).unwrap().text();
        assert!(told("94").contains("the sources disagree: NVIDIA says RESTART_APP"));
        let recovery = "NVRM: Xid (PCI:0009:01:00): 154, GPU recovery action changed from 0x0 (None) to 0x4 (Drain and Reset)";
        assert!(told(recovery).contains("the driver asks for: drain and reset (before: none)"));
        let link = "NVRM: Xid (PCI:0000:04:00): 149, NETIR_LINK_EVT Fatal XC0 i0 Link 08 (0x004505c6 0x00000000 0x0)";
        assert!(told(link).contains("NETIR_LINK_EVT link 8, subcode 4: link fatal"));
        assert!(told("500").contains("not in the catalogue"));
    }
}
