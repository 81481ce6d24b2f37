//! Answers of the identity API: JSON, or its error body with a trace id.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use serde::Serialize;
use serde_json::json;

/// An error that a handler ends with.
#[derive(Debug)]
pub struct RestFailure {
    status: StatusCode,
    error: &'static str,
    description: String,
    /// The token endpoint keeps to OAuth 2.0, which knows no trace id.
    has_trace_id: bool,
}

/// `Result` with a [`RestFailure`].
pub type RestResult<T> = Result<T, RestFailure>;

impl RestFailure {
    fn new(status: StatusCode, error: &'static str, description: impl Into<String>) -> Self {
        Self { status, error, description: description.into(), has_trace_id: true }
    }

    /// A malformed or impossible request.
    pub fn invalid(description: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", description)
    }

    /// A credential that is not let in.
    pub fn unauthenticated(description: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "access_denied", description)
    }

    /// Rights that are not enough.
    pub fn forbidden(description: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", description)
    }

    /// No such route, organization or resource.
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "resource not found")
    }

    /// A grant that the token endpoint does not give.
    pub fn unsupported_grant() -> Self {
        let failure = Self::new(StatusCode::BAD_REQUEST, "unsupported_grant_type", "the sandbox gives no tokens here");
        Self { has_trace_id: false, ..failure }
    }

    /// A status with the word that goes with it.
    pub fn with_status(status: u16, description: impl Into<String>) -> Self {
        let error = match status {
            401 => "access_denied",
            403 => "forbidden",
            404 => "not_found",
            409 => "conflict",
            500.. => "server_error",
            _ => "invalid_request",
        };
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self::new(status, error, description)
    }

    /// The store did not take a change.
    pub fn store() -> Self {
        let description = "an internal error has occurred, please contact support";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "server_error", description)
    }
}

impl From<rusqlite::Error> for RestFailure {
    fn from(_: rusqlite::Error) -> Self {
        Self::store()
    }
}

/// A success.
pub struct RestReply {
    status: StatusCode,
    /// JSON; none is an empty body without a type.
    body: Option<Vec<u8>>,
}

impl RestReply {
    /// A body as JSON.
    pub fn json(status: StatusCode, body: &impl Serialize) -> Self {
        Self { status, body: serde_json::to_vec(body).ok() }
    }

    /// A success with nothing to say.
    pub fn empty(status: StatusCode) -> Self {
        Self { status, body: None }
    }
}

/// The answer to a request with these headers.
pub fn write(result: RestResult<RestReply>, request: &HeaderMap, trace_id: &str) -> Response<Body> {
    let (status, body, challenge) = match result {
        Ok(reply) => (reply.status, reply.body, None),
        Err(failure) => {
            let mut body = json!({ "error": failure.error, "error_description": failure.description });
            if failure.has_trace_id {
                body["trace_id"] = trace_id.into();
            }
            let challenge =
                (failure.status == StatusCode::UNAUTHORIZED).then(|| challenge(&failure.description, request));
            (failure.status, Some(body.to_string().into_bytes()), challenge)
        }
    };
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    if let Some(challenge) = challenge.and_then(|challenge| HeaderValue::try_from(challenge).ok()) {
        headers.insert(header::WWW_AUTHENTICATE, challenge);
    }
    if let Some(body) = body {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        *response.body_mut() = Body::from(body);
    }
    response
}

fn challenge(description: &str, request: &HeaderMap) -> String {
    let host = host(request);
    format!(
        "Bearer error=\"access_denied\",error_description=\"{description}\",resource_metadata=\"https://{host}/.well-known/openid-protected-resource\""
    )
}

/// The host that a request names.
pub fn host(request: &HeaderMap) -> &str {
    request.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost")
}
