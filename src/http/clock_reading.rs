//! The server's clock compared with our own. Which of them is wrong is unknown, but a
//! difference is worth reporting.

use jiff::Timestamp;
use reqwest::header::{DATE, HeaderMap};

use crate::http::retry::parse_date;

/// Both clocks at the same moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockReading {
    /// In whole seconds.
    pub server: Timestamp,
    pub local: Timestamp,
}

impl ClockReading {
    /// From the `Date` of a response that arrived at `local`.
    pub fn of_response(headers: &HeaderMap, local: Timestamp) -> Option<Self> {
        let server = parse_date(headers.get(DATE)?.to_str().ok()?)?;
        Some(Self { server, local })
    }
}
