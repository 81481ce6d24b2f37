//! What went wrong with a call, in a sentence.

use crate::error::{Failure, Kind};
use crate::http::rest::Refusal;
use crate::http::retry::{self, Effect, run_again};
use crate::names::Program;
use crate::nscale::credential::Found;
use crate::text::sanitize::sanitize;

/// An error of the server, in a sentence.
pub fn explain(refusal: &Refusal, effect: Effect, credential: &Found, program: Program) -> Failure {
    let words = words(refusal);
    let kind = retry::kind(kind(refusal.status), effect, refusal.ending, refusal.repeated);
    let failure = match kind {
        Kind::NotAuthenticated => {
            let failure = Failure::new(kind, format!("the server rejected the token from {}{words}", credential.source))
                .hint("it may have expired, been rotated, or its account deleted: the server does not say which")
                .hint("if it was minted a moment ago, try again in a second")
                .hint(format!("with another credential `{program} serviceaccounts list` shows which accounts there are, and when their tokens expire"));
            match credential.passed_over {
                Some(other) => failure.hint(format!("{other} is set too, and was not used")),
                None => failure,
            }
        }
        Kind::NotPermitted => Failure::new(kind, format!("not permitted{words}"))
            .hint("rights come with groups: an administrator adds the account to one whose roles allow this"),
        Kind::NotFound => Failure::new(kind, format!("not found{words}")),
        Kind::Conflict => Failure::new(kind, "somebody else changed it at the same moment"),
        Kind::Unexpected => Failure::new(kind, format!("the server failed{words}")),
        Kind::Temporary => {
            Failure::new(kind, format!("the server cannot answer now{words}")).hint(run_again(refusal.retry_after))
        }
        Kind::OutcomeUnknown => Failure::new(kind, format!("the request was sent and its outcome is unknown{words}")),
        _ => Failure::new(kind, format!("the server refused{words}")),
    };
    failure.http_status(refusal.status).request_id(refusal.trace_id.as_deref().map(|id| sanitize(id).into_owned()))
}

/// A failure on the way there, or by something on it. A proxy says 502 of a
/// connection that broke behind it.
pub fn on_the_way(failure: Failure) -> Failure {
    match (failure.status(), failure.kind()) {
        (Some(502), Kind::Temporary) => failure.broken().hint(
            "if it stays so, look at the organization's id: this server answers so for one that it does not have",
        ),
        (Some(502), _) => failure.broken(),
        _ => failure,
    }
}

/// The server's words behind a colon, or its status.
fn words(refusal: &Refusal) -> String {
    match (refusal.error.as_str(), refusal.description.as_str()) {
        ("", "") => format!(": HTTP {}", refusal.status),
        (error, "") => format!(": {}", sanitize(error)),
        (_, description) => format!(": {}", sanitize(description)),
    }
}

/// What a status of the API says.
fn kind(status: u16) -> Kind {
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
