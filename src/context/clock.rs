//! The wall clock.

use jiff::Timestamp;

#[derive(Clone, Copy, Debug)]
pub enum Clock {
    System,
    /// Always this time, for tests.
    Fixed(Timestamp),
}

impl Clock {
    pub fn now(self) -> Timestamp {
        match self {
            Self::System => Timestamp::now(),
            Self::Fixed(time) => time,
        }
    }
}
