//! The redacted wire log of `--verbose`: method, address without query,
//! status, milliseconds, attempt and request id. Never a body, never a
//! credential.

use std::io::Write;
use std::time::Duration;

use url::Url;

use crate::secret::redact;

/// Writes to stderr, or nothing.
#[derive(Clone, Copy, Debug)]
pub struct WireLog {
    enabled: bool,
}

impl WireLog {
    /// A log that writes where `enabled`.
    pub fn new(enabled: bool) -> Self {
        Self { enabled }
    }

    /// A request is about to be sent.
    pub fn request(self, method: &reqwest::Method, url: &Url, attempt: u32) {
        let mut shown = url.clone();
        shown.set_query(None);
        self.line(&format!("> {method} {shown} (attempt {attempt})"));
    }

    /// An answer came.
    pub fn answer(self, status: u16, took: Duration, request_id: Option<&str>) {
        let id = request_id.map(|id| format!(", request id {id}")).unwrap_or_default();
        self.line(&format!("< {status} in {} ms{id}", took.as_millis()));
    }

    /// None came.
    pub fn failure(self, why: &str, took: Duration) {
        self.line(&format!("< {why} after {} ms", took.as_millis()));
    }

    fn line(self, text: &str) {
        if self.enabled {
            // A log that cannot be written must not stop the call it tells of.
            let _ = writeln!(std::io::stderr(), "{}", redact(text));
        }
    }
}
