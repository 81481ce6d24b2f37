//! Calls of a REST API with JSON bodies, and its errors: the body of OAuth 2.0
//! (RFC 6749, section 5.2) with a trace id.

use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode};
use serde::Deserialize;

use crate::error::Failure;
use crate::http::client::{Client, Request, Response, retry_after};
use crate::http::endpoint::Endpoint;
use crate::http::foreign::foreign;
use crate::http::json::{headers, is_json, is_own};
use crate::http::retry::{AttemptLimit, AttemptOutcome, Effect};
use crate::redactor::Redactor;
use crate::secret::Secret;

/// A call.
pub struct Call<'a> {
    /// The server.
    pub endpoint: &'a Endpoint,
    /// The method.
    pub method: Method,
    /// The path, with every part of it fit for one.
    pub path: &'a str,
    /// The credential.
    pub bearer: &'a Secret,
    /// The request message as JSON.
    pub body: Option<Vec<u8>>,
    /// What sending it twice would do.
    pub effect: Effect,
    /// How often it is tried at most.
    pub tries: AttemptLimit,
}

/// An error as the server told it.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The server's word for the error.
    pub error: String,
    /// The server's words, which may be empty.
    pub description: String,
    /// The server's id for the request.
    pub trace_id: Option<String>,
    /// What its status ends.
    pub ending: AttemptOutcome,
    /// Whether an earlier try of the same request may have been carried out.
    pub repeated: bool,
    /// How long the server asks to wait.
    pub retry_after: Option<Duration>,
}

/// How a call ends without its answer.
pub enum CallError {
    /// The server answered with an error.
    Refused(Refusal),
    /// There was no answer, or none of the API's own.
    Failed(Failure),
}

impl From<Failure> for CallError {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Makes the call and gives back the body of its success.
///
/// # Errors
/// [`CallError`].
pub async fn call(client: &Client, call: Call<'_>) -> Result<Vec<u8>, CallError> {
    let mut headers = headers(call.bearer)?;
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    if call.body.is_some() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    } else if call.method == Method::POST {
        // A proxy may refuse one that does not say that it carries nothing.
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    client.redactor().keep_out(call.bearer);
    let url = call.endpoint.join(call.path);
    let body = call.body.unwrap_or_default();
    let (effect, tries) = (call.effect, call.tries);
    let request = Request { method: call.method, url, headers, body, effect, tries, read_outcome };
    let answer = client.send(&request).await?;
    // A success that is not by the book may still hold a secret, and one
    // without a body says all there is to say.
    let is_readable = call.effect == Effect::Mint || answer.body.is_empty() || is_own(&answer.headers, &answer.body);
    if answer.status.is_success() && is_readable {
        return Ok(answer.body);
    }
    let Some(refusal) = read_refusal(&answer, client.redactor()) else {
        return Err(foreign(&answer, call.effect, client, call.endpoint).into());
    };
    if let Some(id) = &refusal.trace_id {
        client.log().trace(id);
    }
    Err(CallError::Refused(refusal))
}

fn read_outcome(status: StatusCode, headers: &HeaderMap, _body: &[u8]) -> AttemptOutcome {
    AttemptOutcome::of_status(status.as_u16(), retry_after(headers).is_some())
}

/// The error body as it comes.
#[derive(Deserialize)]
struct ErrorBody {
    error: String,
    #[serde(default)]
    error_description: Option<String>,
    #[serde(default)]
    trace_id: Option<String>,
}

/// The error, its description and the trace id.
type Told = (String, Option<String>, Option<String>);

/// What an error's body says; `None` where it is not the API's.
pub(crate) fn read_body(body: &[u8]) -> Option<Told> {
    // serde would take an array for a struct.
    if !body.trim_ascii_start().starts_with(b"{") {
        return None;
    }
    let body: ErrorBody = serde_json::from_slice(body).ok()?;
    Some((body.error, body.error_description, body.trace_id))
}

fn read_refusal(answer: &Response, redactor: &Redactor) -> Option<Refusal> {
    /// Older servers quote the whole request and its schema.
    const LONGEST: usize = 500;
    if answer.status.is_success() || !is_json(&answer.headers) {
        return None;
    }
    let (error, description, trace_id) = read_body(&answer.body)?;
    let clean = |text: String| redactor.clean(&text);
    let mut description = clean(description.unwrap_or_default());
    if let Some((end, _)) = description.char_indices().nth(LONGEST) {
        description.truncate(end);
        description.push('…');
    }
    Some(Refusal {
        status: answer.status.as_u16(),
        error: clean(error),
        description,
        trace_id: trace_id.map(clean),
        ending: answer.ending,
        repeated: answer.repeated,
        retry_after: retry_after(&answer.headers),
    })
}
