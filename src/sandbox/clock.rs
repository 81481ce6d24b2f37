//! The sandbox's time. `--clock-ahead` sets it ahead of the system's, so that expiry
//! can be tested without waiting.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::context::Clock;

#[derive(Clone, Copy, Debug)]
pub struct ServerClock {
    pub system: Clock,
    pub ahead: Duration,
}

impl ServerClock {
    pub fn now(&self) -> Timestamp {
        later(self.system.now(), self.ahead)
    }
}

/// The sum, or the latest possible time if the sum is later.
pub fn later(time: Timestamp, duration: Duration) -> Timestamp {
    SignedDuration::try_from(duration)
        .ok()
        .and_then(|duration| time.checked_add(duration).ok())
        .unwrap_or(Timestamp::MAX)
}
