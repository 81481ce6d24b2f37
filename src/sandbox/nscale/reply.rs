//! Nscale's responses: JSON, or an error body with a trace id.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use serde::Serialize;
use serde_json::json;

#[derive(Debug)]
pub struct RestFailure {
    status: StatusCode,
    error: &'static str,
    description: String,
    /// Not for the token endpoint, whose errors are those of OAuth 2.0.
    has_trace_id: bool,
}

pub type RestResult<T> = Result<T, RestFailure>;

impl RestFailure {
    fn new(status: StatusCode, error: &'static str, description: impl Into<String>) -> Self {
        Self { status, error, description: description.into(), has_trace_id: true }
    }

    pub fn invalid(description: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", description)
    }

    pub fn unauthenticated(description: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "access_denied", description)
    }

    pub fn forbidden(description: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", description)
    }

    /// For a route, an organization or a resource.
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "resource not found")
    }

    pub fn unsupported_grant() -> Self {
        let failure = Self::new(StatusCode::BAD_REQUEST, "unsupported_grant_type", "the sandbox issues no tokens here");
        Self { has_trace_id: false, ..failure }
    }

    /// An error with the code that belongs to its status.
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

    /// A change could not be stored. The message is the real server's.
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

pub struct RestReply {
    status: StatusCode,
    /// JSON; `None` is an empty body without a content type.
    body: Option<Vec<u8>>,
}

impl RestReply {
    pub fn json(status: StatusCode, body: &impl Serialize) -> Self {
        Self { status, body: serde_json::to_vec(body).ok() }
    }

    pub fn empty(status: StatusCode) -> Self {
        Self { status, body: None }
    }
}

/// The response to a request with these headers.
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

/// The `Host` of a request.
pub fn host(request: &HeaderMap) -> &str {
    request.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost")
}
