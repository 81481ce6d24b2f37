//! What went wrong with a call, in a sentence.

use crate::error::{Failure, Kind};
use crate::http::connect::{Code, RpcError};
use crate::http::retry::{Effect, kind, run_again};
use crate::namespace::credential::Source;
use crate::namespace::detail::{PERMISSION_DENIED, REQUEST_ID, read_permission_denied, read_request_id};
use crate::text::sanitize::sanitize;

/// The server's words behind a colon, or nothing.
pub fn server_words(error: &RpcError) -> String {
    if error.message.is_empty() { String::new() } else { format!(": {}", sanitize(&error.message)) }
}

/// An error of the server, in a sentence.
pub fn explain(error: &RpcError, effect: Effect, source: &Source) -> Failure {
    let words = server_words(error);
    let kind = kind(error.code.kind(), effect, error.ending, error.repeated);
    let failure = match kind {
        Kind::NotAuthenticated => {
            Failure::new(kind, format!("the server rejected the credential from {}{words}", source.name())).hint(
                "it may have expired or been revoked; log in with the official `nsc login`, or use another token file",
            )
        }
        Kind::NotPermitted => Failure::new(kind, format!("not permitted{}", missing(error).unwrap_or(words))),
        Kind::NotFound => Failure::new(kind, format!("not found{words}")),
        Kind::Conflict => {
            let what =
                if error.code == Code::AlreadyExists { "it exists already" } else { "its state does not allow it" };
            Failure::new(kind, format!("{what}{words} ({})", error.code.name()))
        }
        Kind::Unexpected => Failure::new(kind, format!("the server failed{words} ({})", error.code.name())),
        Kind::Temporary => {
            Failure::new(kind, format!("the server cannot answer now{words}")).hint(run_again(error.retry_after))
        }
        Kind::OutcomeUnknown => Failure::new(
            kind,
            format!("the request was sent and its outcome is unknown{words} ({})", error.code.name()),
        ),
        _ => Failure::new(kind, format!("the server refused{words} ({})", error.code.name())),
    };
    failure.http_status(error.http_status).request_id(request_id(error))
}

/// The permissions that the caller lacked, where the server named them.
fn missing(error: &RpcError) -> Option<String> {
    let detail = error.details.iter().find(|detail| detail.type_name == PERMISSION_DENIED)?;
    let missing = read_permission_denied(&detail.value)?;
    if missing.is_empty() {
        return None;
    }
    let names: Vec<String> = missing.iter().map(|access| sanitize(&access.to_string()).into_owned()).collect();
    Some(format!(": missing {}", names.join(", ")))
}

fn request_id(error: &RpcError) -> Option<String> {
    let detail = error.details.iter().find(|detail| detail.type_name == REQUEST_ID)?;
    read_request_id(&detail.value).map(|id| sanitize(&id).into_owned())
}
