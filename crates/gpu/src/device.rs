//! Addresses of PCI devices, which every source writes differently.

use std::fmt;

/// A PCI address: `0000:9b:00.0`.
///
/// The kernel log says `0000:9b:00`, NVML and DCGM `00000000:9B:00.0`, a ResourceSlice `0000:9b:00.0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PciAddress {
    domain: u32,
    bus: u8,
    device: u8,
    function: u8,
}

impl PciAddress {
    /// Reads any of the forms, with or without `PCI:` before and the function behind.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let text = text.strip_prefix("PCI:").unwrap_or(text);
        let (place, function) = match text.split_once('.') {
            Some((place, function)) => (place, u8::from_str_radix(function, 16).ok()?),
            None => (text, 0),
        };
        let mut parts = place.split(':');
        let parts = (parts.next(), parts.next(), parts.next(), parts.next());
        let (Some(domain), Some(bus), Some(device), None) = parts else { return None };
        let hex = |part: &str, most: usize| {
            (1..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        if !hex(domain, 8) || !hex(bus, 2) || !hex(device, 2) {
            return None;
        }
        Some(Self {
            domain: u32::from_str_radix(domain, 16).ok()?,
            bus: u8::from_str_radix(bus, 16).ok()?,
            device: u8::from_str_radix(device, 16).ok()?,
            function,
        })
    }
}

impl fmt::Display for PciAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04x}:{:02x}:{:02x}.{:x}", self.domain, self.bus, self.device, self.function)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn every_form_is_one_address() {
        let spoken = |text: &str| PciAddress::parse(text).map(|known| known.to_string());
        for form in ["0000:9b:00", "PCI:0000:9b:00", "0000:9b:00.0", "00000000:9B:00.0"] {
            assert_eq!(spoken(form).as_deref(), Some("0000:9b:00.0"), "{form}");
        }
        for none in [
            "",
            "PCI:",
            "9b:00",
            "0000:9b:00:1",
            "0000:xx:00",
            "0000:9b:00.z",
            "000000000:9b:00",
            "0000:+b:00",
        ] {
            assert_eq!(spoken(none), None, "{none}");
        }
    }
}
