//! What a replay uses in place of chance, so that two runs of one incident give the same bytes (invariant 4).

use crate::redact::Sealer;
use crate::text::Fence;
use jiff::Timestamp;

/// The key of the pseudonyms and the marker of the fence, drawn from an incident's name and moment.
///
/// The marker is no secret here: the fence breaks up any text that holds it. Sealed hashes never leave the process.
#[derive(Clone, Debug)]
pub struct ReplaySeed(u64);

impl ReplaySeed {
    /// The seed of an incident.
    pub fn of(incident: &str, captured_at: Timestamp) -> Self {
        Self(fnv(&format!("{incident} {captured_at}")))
    }

    /// The sealer for the replay's objects and outputs.
    pub fn sealer(&self) -> Sealer {
        let mut key = [0; 32];
        for (place, chunk) in (0u64..).zip(key.chunks_mut(8)) {
            chunk.copy_from_slice(&self.0.rotate_left(13).wrapping_add(place).to_le_bytes());
        }
        Sealer::new(key)
    }

    /// The fence around the replay's outputs.
    pub fn fence(&self) -> Fence {
        Fence::new(format!("data-{:016x}", self.0))
    }
}

/// FNV-1a, 64 bits: a number from a text, the same on every machine.
fn fnv(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
