//! Messages and hints for failed calls.

use crate::credential::Credential;
use crate::error::{Failure, Kind};
use crate::http::error::{CallError, Cause};
use crate::http::explain::{OUTCOME_UNKNOWN, run_again};
use crate::http::rest::RestError;
use crate::http::retry::failure_kind;
use crate::names::Program;
use crate::secret::Secret;
use crate::text::sanitize::sanitize;

/// Explains a failed call with this credential.
pub fn explain(error: CallError<RestError>, credential: &Credential<Secret>, program: Program) -> Failure {
    match error {
        CallError::Api(error) => api_error(&error, credential, program),
        CallError::Http(error) => {
            // A proxy answers 502 if the connection behind it breaks.
            let is_bad_gateway = matches!(error.cause, Cause::Foreign { status: 502, .. });
            let failure = Failure::from(error);
            if !is_bad_gateway {
                return failure;
            }
            failure.hint_on(Kind::Temporary, || {
                "if this persists, check the organization's id: the server also answers like this if it does not exist"
                    .to_owned()
            })
        }
    }
}

fn api_error(error: &RestError, credential: &Credential<Secret>, program: Program) -> Failure {
    let words = server_words(error);
    let kind = failure_kind(kind_of_status(error.status), error.may_have_been_processed);
    let message = match kind {
        Kind::NotAuthenticated => format!("the server rejected the token from {}{words}", credential.source),
        Kind::NotPermitted => format!("not permitted{words}"),
        Kind::NotFound => format!("not found{words}"),
        Kind::Conflict => "someone else changed the service account at the same time".to_owned(),
        Kind::Unexpected => format!("the server failed{words}"),
        Kind::Temporary => format!("the server cannot answer now{words}"),
        Kind::OutcomeUnknown => format!("{OUTCOME_UNKNOWN}{words}"),
        _ => format!("the server refused{words}"),
    };
    let request_id = error.trace_id.as_deref().map(|id| sanitize(id).into_owned());
    let failure = Failure::new(kind, message).http_status(error.status).request_id(request_id);
    match kind {
        Kind::NotAuthenticated => {
            let failure = failure
                .hint("it may have expired, been rotated, or its account deleted: the server does not say which")
                .hint("if it was minted a moment ago, try again in a second")
                .hint(format!("with another credential `{program} serviceaccounts list` shows which accounts there are, and when their tokens expire"));
            credential
                .shadowed
                .iter()
                .fold(failure, |failure, variable| failure.hint(format!("{variable} is set too, and was not used")))
        }
        Kind::NotPermitted => failure
            .hint("rights come from groups: ask an administrator to add the account to one whose roles allow this"),
        Kind::Temporary => failure.hint(run_again(error.retry_after)),
        _ => failure,
    }
}

/// The message of the server after a colon, or the status.
fn server_words(error: &RestError) -> String {
    match (error.error.as_str(), error.description.as_str()) {
        ("", "") => format!(": HTTP {}", error.status),
        (code, "") => format!(": {}", sanitize(code)),
        (_, description) => format!(": {}", sanitize(description)),
    }
}

fn kind_of_status(status: u16) -> Kind {
    match status {
        401 => Kind::NotAuthenticated,
        403 => Kind::NotPermitted,
        404 => Kind::NotFound,
        409 => Kind::Conflict,
        408 | 429 | 502..=504 => Kind::Temporary,
        500.. => Kind::Unexpected,
        _ => Kind::Refused,
    }
}
