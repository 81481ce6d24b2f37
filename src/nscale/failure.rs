//! What went wrong with a call, in a sentence.

use crate::error::{Failure, Kind};
use crate::http::rest::Refusal;
use crate::http::retry::{Effect, run_again};
use crate::names::Program;
use crate::nscale::credential::Found;
use crate::output::sanitize::sanitize;

/// An error of the server, in a sentence.
pub fn explain(refusal: &Refusal, effect: Effect, credential: &Found, program: Program) -> Failure {
    let words = words(refusal);
    let kind = kind(refusal, effect);
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
            let failure = Failure::new(kind, format!("the server cannot answer now{words}"));
            let failure = failure.hint(run_again(refusal.retry_after));
            if refusal.status == 502 {
                failure.hint("if it stays so, look at the organization's id: this server answers so for one that it does not have")
            } else {
                failure
            }
        }
        Kind::OutcomeUnknown => Failure::new(kind, format!("the request was sent and its outcome is unknown{words}")),
        _ => Failure::new(kind, format!("the server refused{words}")),
    };
    failure.http_status(refusal.status).request_id(refusal.trace_id.as_deref().map(|id| sanitize(id).into_owned()))
}

/// The server's words behind a colon, or its status.
fn words(refusal: &Refusal) -> String {
    match (&refusal.error, refusal.description.is_empty()) {
        (Some(_), false) => format!(": {}", sanitize(&refusal.description)),
        (Some(error), true) if !error.is_empty() => format!(": {}", sanitize(error)),
        _ => format!(": HTTP {}", refusal.status),
    }
}

fn kind(refusal: &Refusal, effect: Effect) -> Kind {
    match refusal.status {
        // A change is made in several steps: one that failed in the middle may
        // have been made in part.
        500 | 502 | 504 if effect != Effect::Read => Kind::OutcomeUnknown,
        404 => Kind::NotFound,
        // An earlier try may have been carried out.
        _ if effect != Effect::Read && refusal.repeated => Kind::OutcomeUnknown,
        401 => Kind::NotAuthenticated,
        403 => Kind::NotPermitted,
        409 => Kind::Conflict,
        429 | 502..=504 => Kind::Temporary,
        408 | 500.. if effect != Effect::Read => Kind::OutcomeUnknown,
        408 => Kind::Temporary,
        500.. => Kind::Unexpected,
        _ => Kind::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_has_its_kind() {
        for (status, repeated, read, change) in [
            (400, false, Kind::Refused, Kind::Refused),
            (401, false, Kind::NotAuthenticated, Kind::NotAuthenticated),
            (403, false, Kind::NotPermitted, Kind::NotPermitted),
            (404, false, Kind::NotFound, Kind::NotFound),
            (408, false, Kind::Temporary, Kind::OutcomeUnknown),
            (409, false, Kind::Conflict, Kind::Conflict),
            (403, true, Kind::NotPermitted, Kind::OutcomeUnknown),
            (404, true, Kind::NotFound, Kind::NotFound),
            (429, true, Kind::Temporary, Kind::OutcomeUnknown),
            (413, false, Kind::Refused, Kind::Refused),
            (429, false, Kind::Temporary, Kind::Temporary),
            (500, false, Kind::Unexpected, Kind::OutcomeUnknown),
            (501, false, Kind::Unexpected, Kind::OutcomeUnknown),
            (502, false, Kind::Temporary, Kind::OutcomeUnknown),
            (503, false, Kind::Temporary, Kind::Temporary),
            (503, true, Kind::Temporary, Kind::OutcomeUnknown),
            (504, false, Kind::Temporary, Kind::OutcomeUnknown),
        ] {
            let refusal = Refusal {
                status,
                error: None,
                description: String::new(),
                trace_id: None,
                repeated,
                retry_after: None,
            };
            assert_eq!(kind(&refusal, Effect::Read), read, "{status}");
            for effect in [Effect::Change, Effect::Mint] {
                assert_eq!(kind(&refusal, effect), change, "{status}");
            }
        }
    }
}
