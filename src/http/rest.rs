//! Calls of a REST API with JSON bodies. Its error bodies are those of OAuth 2.0
//! (RFC 6749, section 5.2), with a trace id.

use std::time::Duration;

use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use serde::Deserialize;

use crate::http::client::{Client, Request, Response};
use crate::http::endpoint::Endpoint;
use crate::http::error::{CallError, Cause, Error};
use crate::http::json::{headers, is_api_response, is_json};
use crate::http::retry::{AttemptLimit, Effect};
use crate::redactor::Redactor;
use crate::secret::Secret;

pub struct RestCall<'a> {
    pub endpoint: &'a Endpoint,
    pub method: Method,
    /// Its segments need no escaping.
    pub path: &'a str,
    pub bearer: &'a Secret,
    /// JSON.
    pub body: Option<Vec<u8>>,
    pub effect: Effect,
    pub limit: AttemptLimit,
}

/// An error of the API, redacted.
#[derive(Clone, Debug)]
pub struct ApiError {
    pub status: u16,
    /// The code of the error, such as `invalid_request`.
    pub error: String,
    /// May be empty.
    pub description: String,
    /// The server's id of the request.
    pub trace_id: Option<String>,
    /// How long the server asks to wait.
    pub retry_after: Option<Duration>,
    /// Whether a change may have been carried out despite this error.
    pub may_have_been_processed: bool,
}

/// Makes the call and returns the body of a successful response.
///
/// # Errors
/// [`CallError`].
pub async fn call(client: &Client, call: RestCall<'_>) -> Result<Vec<u8>, CallError<ApiError>> {
    let RestCall { endpoint, method, path, bearer, body, effect, limit } = call;
    let mut headers = headers(bearer).ok_or_else(|| Error::not_sent(Cause::CredentialCharacters, effect, endpoint))?;
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    if body.is_some() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    } else if method == Method::POST {
        // A proxy may refuse a POST that does not say that its body is empty.
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    client.redactor().add_secret(bearer);
    let request = Request {
        method,
        endpoint,
        path,
        headers,
        body: body.unwrap_or_default(),
        effect,
        limit,
        effective_status: |status, _, _| status.as_u16(),
    };
    let response = client.send(&request).await?;
    // A successful mint in another format may still hold a secret, and a success needs
    // no body.
    let is_readable =
        effect == Effect::Mint || response.body.is_empty() || is_api_response(&response.headers, &response.body);
    if response.status.is_success() && is_readable {
        return Ok(response.body);
    }
    let Some(error) = read_error(&response, client.redactor()) else {
        return Err(client.foreign_response(&response, effect, endpoint).into());
    };
    if let Some(id) = &error.trace_id {
        client.log().trace_id(id);
    }
    Err(CallError::Api(error))
}

#[derive(Deserialize)]
pub struct ErrorBody {
    pub error: String,
    #[serde(default)]
    pub error_description: Option<String>,
    #[serde(default)]
    pub trace_id: Option<String>,
}

impl ErrorBody {
    /// `None` if it is not an error of the API.
    pub fn read(body: &[u8]) -> Option<Self> {
        // serde would take an array for a struct.
        if body.trim_ascii_start().starts_with(b"{") { serde_json::from_slice(body).ok() } else { None }
    }
}

fn read_error(response: &Response, redactor: &Redactor) -> Option<ApiError> {
    /// Older servers quote the whole request and its schema in the description.
    const MAX_CHARS: usize = 500;
    if response.status.is_success() || !is_json(&response.headers) {
        return None;
    }
    let body = ErrorBody::read(&response.body)?;
    Some(ApiError {
        status: response.status.as_u16(),
        error: redactor.clean(&body.error),
        description: redactor.excerpt(&body.error_description.unwrap_or_default(), MAX_CHARS),
        trace_id: body.trace_id.map(|id| redactor.clean(&id)),
        retry_after: response.retry_after,
        may_have_been_processed: response.may_have_been_processed,
    })
}
