//! The redacted wire log of `--verbose`: method, address without query,
//! attempt, status, milliseconds, a few headers by name, and the id that the
//! server gave the request. Never a body, never a credential.

use std::io::Write;
use std::time::Duration;

use reqwest::header::HeaderMap;
use url::Url;

use crate::redactor::Redactor;

/// The headers of an answer that say something and hold no secret.
const SHOWN_HEADERS: [&str; 5] = ["content-type", "content-length", "retry-after", "www-authenticate", "x-request-id"];

/// Writes to stderr, or nothing.
#[derive(Clone, Debug)]
pub struct WireLog {
    enabled: bool,
    redactor: Redactor,
}

impl WireLog {
    /// A log that writes where `enabled`, without the secrets that are kept
    /// out.
    pub fn new(enabled: bool, redactor: Redactor) -> Self {
        Self { enabled, redactor }
    }

    /// A request is about to be sent.
    pub fn request(&self, method: &reqwest::Method, url: &Url, attempt: u32) {
        let mut shown = url.clone();
        shown.set_query(None);
        self.line(&format!("> {method} {shown} (attempt {attempt})"));
    }

    /// An answer came.
    pub fn answer(&self, status: u16, took: Duration, headers: &HeaderMap) {
        if !self.enabled {
            return;
        }
        let mut line = format!("< {status} in {} ms", took.as_millis());
        for name in SHOWN_HEADERS {
            if let Some(value) = headers.get(name).and_then(|value| value.to_str().ok()) {
                line.push_str(&format!("; {name}: {value}"));
            }
        }
        self.line(&line);
    }

    /// The server told the id of the request in its answer.
    pub fn trace(&self, id: &str) {
        self.line(&format!("< trace id {id}"));
    }

    /// None came.
    pub fn failure(&self, why: &str, took: Duration) {
        self.line(&format!("< {why} after {} ms", took.as_millis()));
    }

    fn line(&self, text: &str) {
        if self.enabled {
            // A log that cannot be written must not stop the call it tells of.
            let _ = writeln!(std::io::stderr(), "{}", self.redactor.clean(text));
        }
    }
}
