//! Time as a port, so that a replayed investigation is byte-identical (invariant 4).

use jiff::Timestamp;

/// Where the time comes from. Live: the system's clock; replay: the moment of the capture.
pub trait Clock: Send + Sync {
    /// The current moment.
    fn now(&self) -> Timestamp;
}

/// A clock that stands still, for replayed incidents and tests.
#[derive(Clone, Copy, Debug)]
pub struct FixedClock(pub Timestamp);

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        self.0
    }
}
