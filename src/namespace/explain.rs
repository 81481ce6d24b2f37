//! Messages and hints for failed calls.

use crate::error::{Failure, Kind};
use crate::http::connect::{Code, RpcError};
use crate::http::error::CallError;
use crate::http::explain::{OUTCOME_UNKNOWN, run_again};
use crate::http::retry::failure_kind;
use crate::namespace::detail::{PERMISSION_DENIED, REQUEST_ID, read_permission_denied, read_request_id};
use crate::text::sanitize::sanitize;

/// Explains a failed call. `source` is where the credential comes from.
pub fn explain(error: CallError<RpcError>, source: &str) -> Failure {
    match error {
        CallError::Api(error) => api_error(&error, source),
        CallError::Http(error) => error.into(),
    }
}

/// Explains a failed exchange of a session. `source` is where the session comes from.
pub fn explain_exchange(error: CallError<RpcError>, source: &str) -> Failure {
    match error {
        CallError::Api(error) if error.code == Code::Unauthenticated => Failure::new(
            Kind::NotAuthenticated,
            format!("the session in {} was rejected{}", source, server_words(&error)),
        )
        .hint("log in again with the official `nsc login`")
        .http_status(error.http_status),
        error => explain(error, source),
    }
}

fn api_error(error: &RpcError, source: &str) -> Failure {
    let words = server_words(error);
    let code = error.code.name();
    let kind = failure_kind(error.code.kind(), error.may_have_been_processed);
    let message = match kind {
        Kind::NotAuthenticated => format!("the server rejected the credential from {}{words}", source),
        Kind::NotPermitted => format!("not permitted{}", missing_permissions(error).unwrap_or(words)),
        Kind::NotFound => format!("not found{words}"),
        Kind::Conflict if error.code == Code::AlreadyExists => format!("already exists{words} ({code})"),
        Kind::Conflict => format!("its state does not allow it{words} ({code})"),
        Kind::Unexpected => format!("the server failed{words} ({code})"),
        Kind::Temporary => format!("the server cannot answer now{words}"),
        Kind::OutcomeUnknown => format!("{OUTCOME_UNKNOWN}{words} ({code})"),
        _ => format!("the server refused{words} ({code})"),
    };
    let failure = Failure::new(kind, message).http_status(error.http_status).request_id(request_id(error));
    match kind {
        Kind::NotAuthenticated => failure.hint(
            "it may have expired or been revoked; log in with the official `nsc login`, or use another token file",
        ),
        Kind::Temporary => failure.hint(run_again(error.retry_after)),
        _ => failure,
    }
}

/// The message of the server after a colon, or nothing.
fn server_words(error: &RpcError) -> String {
    if error.message.is_empty() { String::new() } else { format!(": {}", sanitize(&error.message)) }
}

/// The missing permissions, if the server names them.
fn missing_permissions(error: &RpcError) -> Option<String> {
    let detail = error.details.iter().find(|detail| detail.type_name == PERMISSION_DENIED)?;
    let missing = read_permission_denied(&detail.value)?;
    if missing.is_empty() {
        return None;
    }
    let names: Vec<String> = missing.iter().map(|permission| sanitize(&permission.to_string()).into_owned()).collect();
    Some(format!(": missing {}", names.join(", ")))
}

fn request_id(error: &RpcError) -> Option<String> {
    let detail = error.details.iter().find(|detail| detail.type_name == REQUEST_ID)?;
    read_request_id(&detail.value).map(|id| sanitize(&id).into_owned())
}
