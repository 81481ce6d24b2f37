//! The redacted wire log of `--verbose`: method, URL without query, attempt, status,
//! milliseconds, some headers, and the server's id of the request. Never a body, never a
//! credential.

use std::io::Write;
use std::time::Duration;

use reqwest::Method;
use reqwest::header::HeaderMap;
use url::Url;

use crate::context::Stream;
use crate::http::retry::AttemptOutcome;
use crate::http::tls::Store;
use crate::redactor::Redactor;

/// The response headers that are useful and contain no secret.
const SHOWN_HEADERS: [&str; 5] = ["content-type", "content-length", "retry-after", "www-authenticate", "x-request-id"];

/// Writes to standard error, or nothing.
#[derive(Clone, Debug)]
pub struct WireLog {
    stderr: Option<Stream>,
    redactor: Redactor,
}

impl WireLog {
    /// With `None` nothing is logged.
    pub fn new(stderr: Option<Stream>, redactor: Redactor) -> Self {
        Self { stderr, redactor }
    }

    pub fn request(&self, method: &Method, url: &Url, attempt: u32) {
        let mut shown = url.clone();
        shown.set_query(None);
        self.line(&format!("> {method} {shown} (attempt {attempt})"));
    }

    pub fn response(&self, status: u16, took: Duration, headers: &HeaderMap) {
        if self.stderr.is_none() {
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

    /// The certificates that the server's were checked against.
    pub fn store(&self, store: Store) {
        self.line(&format!("* {} accept the server's", store.name()));
    }

    /// The server's id of the request, which is in the body.
    pub fn trace_id(&self, id: &str) {
        self.line(&format!("< trace id {id}"));
    }

    pub fn no_response(&self, outcome: AttemptOutcome, took: Duration) {
        let what = if outcome == AttemptOutcome::NotSent { "no connection" } else { "no answer" };
        self.line(&format!("< {what} after {} ms", took.as_millis()));
    }

    fn line(&self, text: &str) {
        if let Some(mut stderr) = self.stderr.clone() {
            // A log that cannot be written must not stop the call.
            let _ = stderr.write_line(&self.redactor.clean(text)).and_then(|()| stderr.flush());
        }
    }
}
