//! What NVIDIA's driver, its switches and those who repeat them write: XIDs, SXIDs and their kin, line by line.

use crate::device::PciAddress;
use regex::Regex;
use std::sync::LazyLock;

/// A line that names an error of a GPU or of an NVSwitch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KernelEvent {
    /// An XID of a GPU.
    Xid(Xid),
    /// An SXID of an NVSwitch.
    Sxid(Sxid),
    /// nvidia-peermem met an invalid context: GPUDirect RDMA of a process that is gone.
    Peermem,
    /// A program crashed inside NCCL.
    NcclSegfault,
}

/// An XID as a line gives it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Xid {
    /// The code.
    pub code: u32,
    /// The GPU's address.
    pub device: Option<PciAddress>,
    /// The GPU's UUID, where the line gives it (device plugin, NVSentinel).
    pub uuid: Option<String>,
    /// The program's process id on the node.
    pub pid: Option<u32>,
    /// The program's name.
    pub process: Option<String>,
    /// What follows.
    pub detail: String,
    /// The words of NVLink 5 (XIDs 144 to 150).
    pub link: Option<LinkWords>,
    /// The recovery action before and after (XID 154).
    pub recovery: Option<(u32, u32)>,
}

/// What a line of XID 144 to 150 says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkWords {
    /// The unit, e.g. `NETIR_LINK_EVT`.
    pub unit: String,
    /// Whether the line says fatal.
    pub fatal: bool,
    /// The link; -1 where none is meant.
    pub link: i32,
    /// The interrupt information.
    pub info: u32,
    /// The error status; absent where the line was cut.
    pub status: Option<u32>,
}

impl LinkWords {
    /// Bits 25 to 20 of the interrupt information.
    pub fn subcode(&self) -> u32 {
        (self.info >> 20) & 0x3f
    }
}

/// An SXID as a line gives it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sxid {
    /// The code.
    pub code: u32,
    /// The switch's address.
    pub device: Option<PciAddress>,
    /// Whether the line says fatal; absent in lines that only carry data.
    pub fatal: Option<bool>,
    /// What follows.
    pub detail: String,
}

macro_rules! pattern {
    ($name:ident, $regex:expr) => {
        static $name: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new($regex).ok());
    };
}

// The forms that gpud (kmsg.go) and NVSentinel look for, and that the drivers write; a device may lack `PCI:` and function.
pattern!(
    XID,
    r"NVRM: Xid \((?P<device>(?:PCI:)?[0-9a-fA-F:.]+)\): (?P<code>\d{1,9})(?:, pid=(?P<pid>[^,]+))?(?:, name=(?P<name>[^,]+))?,?\s*(?P<detail>.*)$"
);
pattern!(
    SXID,
    r"SXid \((?P<device>(?:PCI:)?[0-9a-fA-F:.]+)\): (?P<code>\d{1,9})(?:, (?P<fatal>Fatal|Non-fatal))?,?\s*(?P<detail>.*)$"
);
pattern!(FALLEN, r"NVRM:? .*GPU (?:at )?(?P<device>(?:PCI:)?[0-9a-fA-F:.]+):.*(?i:has fallen off the bus)");
// NVSentinel's conditions, and the device plugin's log.
pattern!(
    SENTINEL,
    r"ErrorCode:(?P<code>\d{1,9})\S* PCI:(?P<device>[0-9a-fA-F:.]+)(?: GPU_UUID:(?P<uuid>GPU-[0-9a-fA-F-]+))?"
);
pattern!(PLUGIN, r"XidCriticalError: Xid=(?P<code>\d{1,9}) on Device=(?P<uuid>[^;,\s]+)");
pattern!(
    LINK,
    r"^(?P<unit>[A-Z_]+(?:/[A-Z_0-9]+)?)\s+(?P<fatal>Nonfatal|Fatal)\s+XC[01]\s+i\d+\s+Link\s+(?P<link>-?\d{1,4})\s+\((?P<info>0x[0-9a-fA-F]{1,8})(?:\s+(?P<status>0x[0-9a-fA-F]{1,8}))?"
);
pattern!(
    RECOVERY,
    r"(?i)recovery action changed from 0x(?P<from>[0-9a-f]{1,4})\b.* to 0x(?P<to>[0-9a-f]{1,4})\b"
);

/// Longest part of a line that is looked at.
const LONGEST: usize = 4_000;

/// What a line says, if it is about a GPU or an NVSwitch. A line without a code (a template, a cut line) is none.
pub fn kernel_event(line: &str) -> Option<KernelEvent> {
    let line = head(line.trim());
    if let Some(found) = XID.as_ref()?.captures(line) {
        return Some(KernelEvent::Xid(xid(&found)?));
    }
    if let Some(found) = SXID.as_ref()?.captures(line) {
        return Some(KernelEvent::Sxid(Sxid {
            code: found["code"].parse().ok()?,
            device: PciAddress::parse(&found["device"]),
            fatal: found.name("fatal").map(|word| word.as_str() == "Fatal"),
            detail: found["detail"].trim().to_owned(),
        }));
    }
    if let Some(found) = SENTINEL.as_ref()?.captures(line) {
        return Some(KernelEvent::Xid(Xid {
            code: found["code"].parse().ok()?,
            device: PciAddress::parse(&found["device"]),
            uuid: found.name("uuid").map(|uuid| uuid.as_str().to_owned()),
            ..Xid::default()
        }));
    }
    if let Some(found) = PLUGIN.as_ref()?.captures(line) {
        let uuid = Some(found["uuid"].to_owned());
        return Some(KernelEvent::Xid(Xid { code: found["code"].parse().ok()?, uuid, ..Xid::default() }));
    }
    if let Some(found) = FALLEN.as_ref()?.captures(line) {
        let device = PciAddress::parse(&found["device"]);
        return Some(KernelEvent::Xid(Xid { code: 79, device, ..Xid::default() }));
    }
    if line.contains("nvidia-peermem") && line.contains("detected invalid context") {
        return Some(KernelEvent::Peermem);
    }
    if line.contains("segfault at") && line.contains("libnccl.so") {
        return Some(KernelEvent::NcclSegfault);
    }
    None
}

fn xid(found: &regex::Captures<'_>) -> Option<Xid> {
    let detail = found["detail"].trim().to_owned();
    let process = found.name("name").map(|name| name.as_str().trim().to_owned());
    let recovery = RECOVERY.as_ref()?.captures(&detail).and_then(|words| {
        let number = |name: &str| u32::from_str_radix(words.name(name)?.as_str(), 16).ok();
        Some((number("from")?, number("to")?))
    });
    Some(Xid {
        code: found["code"].parse().ok()?,
        device: PciAddress::parse(&found["device"]),
        uuid: None,
        pid: found.name("pid").and_then(|pid| pid.as_str().trim().parse().ok()),
        process: process.filter(|name| name != "<unknown>"),
        link: link(&detail),
        recovery,
        detail,
    })
}

fn link(detail: &str) -> Option<LinkWords> {
    let found = LINK.as_ref()?.captures(detail)?;
    let word = |name: &str| {
        let text = found.name(name)?.as_str().strip_prefix("0x")?;
        u32::from_str_radix(text, 16).ok()
    };
    Some(LinkWords {
        unit: found["unit"].to_owned(),
        fatal: &found["fatal"] == "Fatal",
        link: found["link"].parse().ok()?,
        info: word("info")?,
        status: word("status"),
    })
}

/// The first [`LONGEST`] bytes or a little less, so that no character is cut.
fn head(line: &str) -> &str {
    line.get(..line.floor_char_boundary(LONGEST.min(line.len()))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;
    use proptest::prelude::*;

    #[test]
    fn a_line_gives_its_code_device_program_and_words() {
        let line = "[1.2] NVRM: Xid (PCI:0018:01:00): 145, pid=876, name=trainer, RLW_RXPIPE Nonfatal XC0 i0 Link 13 (0x0409a0c2 0x00000008 0x00000001)";
        let expected = Xid {
            code: 145,
            device: PciAddress::parse("0018:01:00.0"),
            pid: Some(876),
            process: Some("trainer".to_owned()),
            detail: "RLW_RXPIPE Nonfatal XC0 i0 Link 13 (0x0409a0c2 0x00000008 0x00000001)".to_owned(),
            link: Some(LinkWords {
                unit: "RLW_RXPIPE".to_owned(),
                fatal: false,
                link: 13,
                info: 0x0409_a0c2,
                status: Some(8),
            }),
            ..Xid::default()
        };
        assert_eq!(kernel_event(line), Some(KernelEvent::Xid(expected)));
    }

    #[test]
    fn those_who_repeat_an_xid_are_understood_too() {
        let code = |line: &str| match kernel_event(line) {
            Some(KernelEvent::Xid(xid)) => {
                Some((xid.code, xid.device.map(|device| device.to_string()), xid.uuid))
            }
            _ => None,
        };
        assert_eq!(
            code(
                "ErrorCode:119 PCI:0002:00:00 GPU_UUID:GPU-0a1b kernel: … Recommended Action=COMPONENT_RESET"
            ),
            Some((119, Some("0002:00:00.0".to_owned()), Some("GPU-0a1b".to_owned())))
        );
        assert_eq!(
            code("XidCriticalError: Xid=79 on Device=GPU-0a1b; marking device as unhealthy."),
            Some((79, None, Some("GPU-0a1b".to_owned())))
        );
        assert_eq!(
            code("NVRM: GPU 0000:9b:00.0: GPU has fallen off the bus."),
            Some((79, Some("0000:9b:00.0".to_owned()), None))
        );
        assert_eq!(code("NVRM: Xid (PCI:0000:04:00): %d, unknown"), None);
        assert_eq!(kernel_event("nvidia-nvswitch0: SXid (PCI:0000:00:00.0): xyz, Fatal error"), None);
    }

    #[test]
    fn a_change_of_the_recovery_action_is_read() {
        let line = "NVRM: Xid (PCI:0009:01:00): 154, GPU recovery action changed from 0x0 (None) to 0x4 (Drain and Reset)";
        let Some(KernelEvent::Xid(xid)) = kernel_event(line) else { unreachable!("an XID line") };
        assert_eq!((xid.code, xid.recovery), (154, Some((0, 4))));
    }

    proptest! {
        #[test]
        fn any_line_is_read_or_passed_over(line in ".{0,400}") {
            let _ = kernel_event(&line);
            let _ = kernel_event(&format!("NVRM: Xid (PCI:0000:01:00): {line}"));
        }
    }
}
