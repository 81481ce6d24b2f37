//! The sandbox's time, which may run ahead so that expiry can be tried out
//! without waiting for it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// The time of this machine, shifted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock {
    ahead: Duration,
}

impl Clock {
    /// A clock that runs this much ahead.
    pub fn ahead(ahead: Duration) -> Self {
        Self { ahead }
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        later(Timestamp::now(), self.ahead)
    }
}

/// A time and a length added, at most the latest time that there is.
pub fn later(time: Timestamp, length: Duration) -> Timestamp {
    SignedDuration::try_from(length).ok().and_then(|length| time.checked_add(length).ok()).unwrap_or(Timestamp::MAX)
}
