//! Namespace's responses: a message, or an error in the format of the endpoint.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde_json::{Value, json};

use crate::http::connect::Code;
use crate::namespace::detail::{
    MissingPermission, PERMISSION_DENIED, REQUEST_ID, write_permission_denied, write_request_id,
};

#[derive(Debug)]
pub struct RpcFailure {
    code: Code,
    message: String,
    missing: Vec<MissingPermission>,
}

pub type RpcResult<T> = Result<T, RpcFailure>;

impl RpcFailure {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), missing: Vec::new() }
    }

    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidArgument, message)
    }

    pub fn unauthenticated(message: impl Into<String>) -> Self {
        Self::new(Code::Unauthenticated, message)
    }

    /// Permission denied, with every permission that is missing.
    pub fn denied(missing: Vec<MissingPermission>) -> Self {
        Self { code: Code::PermissionDenied, message: "permission denied".into(), missing }
    }

    pub fn store() -> Self {
        Self::new(Code::Internal, "the sandbox's store failed; nothing has changed")
    }
}

impl From<rusqlite::Error> for RpcFailure {
    fn from(_: rusqlite::Error) -> Self {
        Self::store()
    }
}

/// The format of an endpoint's errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    Connect,
    /// The plain JSON endpoints: `google.rpc.Status` with a numeric code.
    Status,
}

impl Dialect {
    /// The format of errors at a path, also at one that is not served.
    pub fn of_path(path: &str) -> Self {
        if path.starts_with("/nsl.") { Self::Status } else { Self::Connect }
    }
}

/// The response with a message or an error.
pub fn write(result: RpcResult<Value>, dialect: Dialect, request_id: &str) -> Response<Body> {
    let (status, body) = match result {
        Ok(message) => (200, message),
        Err(failure) => (failure.code.http_status(), write_error(&failure, dialect, request_id)),
    };
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Ok(id) = HeaderValue::try_from(request_id) {
        response.headers_mut().insert("x-request-id", id);
    }
    response
}

fn write_error(failure: &RpcFailure, dialect: Dialect, request_id: &str) -> Value {
    let mut details = Vec::new();
    if !failure.missing.is_empty() {
        details.push((PERMISSION_DENIED, write_permission_denied(&failure.missing)));
    }
    details.push((REQUEST_ID, write_request_id(request_id)));
    match dialect {
        Dialect::Connect => json!({
            "code": failure.code.name(),
            "message": failure.message,
            "details": details.iter().map(|(name, value)| json!({"type": name, "value": STANDARD_NO_PAD.encode(value)})).collect::<Value>(),
        }),
        Dialect::Status => json!({
            "code": failure.code.number(),
            "message": failure.message,
            "details": details
                .iter()
                .map(|(name, value)| json!({"type_url": format!("type.googleapis.com/{name}"), "value": STANDARD.encode(value)}))
                .collect::<Value>(),
        }),
    }
}

/// An empty response with one header, for requests that do not follow the protocol.
pub fn empty(status: StatusCode, name: header::HeaderName, value: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response.headers_mut().insert(name, HeaderValue::from_static(value));
    response
}
