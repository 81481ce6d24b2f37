//! The server's clock beside our own: which of the two is wrong is not known
//! here, but that they differ is worth saying.

use jiff::Timestamp;
use reqwest::header::{DATE, HeaderMap};

use crate::http::retry::parse_date;

/// The time as the server has it and as this machine has it, at the same
/// moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockReading {
    /// The server's, in whole seconds.
    pub server: Timestamp,
    /// This machine's.
    pub local: Timestamp,
}

impl ClockReading {
    /// At a response that comes at `local`, where it says when it was sent.
    pub fn of_response(headers: &HeaderMap, local: Timestamp) -> Option<Self> {
        let server = parse_date(headers.get(DATE)?.to_str().ok()?)?;
        Some(Self { server, local })
    }
}
