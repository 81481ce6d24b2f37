//! Answers: a message, or an error in the form that the endpoint uses.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde_json::{Value, json};

use crate::http::connect::Code;
use crate::namespace::detail::{
    MissingPermission, PERMISSION_DENIED, REQUEST_ID, write_permission_denied, write_request_id,
};

/// An error that a handler ends with.
#[derive(Debug)]
pub struct RpcFailure {
    code: Code,
    message: String,
    missing: Vec<MissingPermission>,
}

/// `Result` with an [`RpcFailure`].
pub type RpcResult<T> = Result<T, RpcFailure>;

impl RpcFailure {
    /// An error with a code and a message.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), missing: Vec::new() }
    }

    /// A malformed or impossible request.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidArgument, message)
    }

    /// A refusal that names every permission that is missing.
    pub fn denied(missing: Vec<MissingPermission>) -> Self {
        Self { code: Code::PermissionDenied, message: "permission denied".into(), missing }
    }

    /// The store did not take a change.
    pub fn store() -> Self {
        Self::new(Code::Internal, "the sandbox's store failed; nothing was changed")
    }
}

impl From<rusqlite::Error> for RpcFailure {
    fn from(_: rusqlite::Error) -> Self {
        Self::store()
    }
}

/// How an endpoint words its errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// The Connect protocol.
    Connect,
    /// The plain JSON endpoints: `google.rpc.Status` with a numeric code.
    Status,
}

impl Dialect {
    /// How errors are worded behind a path, served or not.
    pub fn of_path(path: &str) -> Self {
        if path.starts_with("/nsl.") { Self::Status } else { Self::Connect }
    }
}

/// A message, or an error in the endpoint's dialect, with the request's id.
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

/// An answer outside the protocol: a plain status with a header.
pub fn plain(status: StatusCode, name: header::HeaderName, value: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response.headers_mut().insert(name, HeaderValue::from_static(value));
    response
}
