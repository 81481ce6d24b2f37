//! The wall clock, which a test may stop.

use jiff::Timestamp;

#[derive(Clone, Copy, Debug)]
pub enum Clock {
    /// The machine's.
    System,
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
