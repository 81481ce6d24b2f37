//! Which requests may be sent again, which may have been carried out without a success
//! being known, and how long to wait before another attempt.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;

use crate::error::Kind;

/// What sending a request twice does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing: it only reads.
    Read,
    /// The same as once: update, delete, revoke, refresh.
    Change,
    /// It creates a second secret: create, rotate.
    Mint,
}

/// How one attempt at a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptOutcome {
    NotSent,
    /// It was sent, or may have been, and there was no complete response.
    NoResponse,
    /// Rate limited, with a time to wait.
    RetryAfter,
    /// Rate limited, without a time to wait.
    RateLimited,
    /// The server is unavailable, or a gateway timed out.
    Unavailable,
    /// The server failed, or aborted the request.
    ServerError,
    /// Carried out, or refused.
    Answered,
}

/// What follows from an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Whether the request may be sent again.
    pub may_retry: bool,
    /// Whether a change may have been carried out without a success being known.
    pub may_have_been_processed: bool,
}

pub const MAX_ATTEMPTS: u32 = 4;

/// The limit on attempts at a request whose effect allows more than one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttemptLimit {
    max: u32,
    /// The limit if the connection broke in the last attempt.
    max_after_break: u32,
}

impl AttemptLimit {
    pub const DEFAULT: Self = Self { max: MAX_ATTEMPTS, max_after_break: MAX_ATTEMPTS };

    pub const ONCE: Self = Self { max: 1, max_after_break: 1 };

    /// Stops when the connection breaks, so that another request can be made first;
    /// [`Self::AFTER_BREAK`] is the limit after that.
    pub const UNTIL_BREAK: Self = Self { max: MAX_ATTEMPTS, max_after_break: 1 };

    /// The default without the first attempt.
    pub const AFTER_BREAK: Self = Self { max: MAX_ATTEMPTS - 1, max_after_break: MAX_ATTEMPTS - 1 };

    /// Whether another attempt may follow after this many. `is_broken` is whether the
    /// connection broke in the last one, here or behind a proxy.
    pub fn allows_another(self, attempts: u32, is_broken: bool) -> bool {
        attempts < if is_broken { self.max_after_break } else { self.max }
    }
}

/// The table for all clouds. A server that is unavailable or fails may have carried out
/// the request, or a part of it. A rate limit is taken to mean that a change was not
/// carried out, since repeating it does no harm; for a mint only a rate limit with a time
/// to wait is.
pub fn policy(effect: Effect, outcome: AttemptOutcome) -> Policy {
    const fn cell(may_retry: bool, may_have_been_processed: bool) -> Policy {
        Policy { may_retry, may_have_been_processed }
    }
    const RETRY: Policy = cell(true, false);
    const RETRY_UNKNOWN: Policy = cell(true, true);
    const DONE: Policy = cell(false, false);
    const UNKNOWN: Policy = cell(false, true);
    let row = match outcome {
        //                                Read   Change         Mint
        AttemptOutcome::NotSent => [RETRY, RETRY, RETRY],
        AttemptOutcome::NoResponse => [RETRY, RETRY_UNKNOWN, UNKNOWN],
        AttemptOutcome::RetryAfter => [RETRY, RETRY, RETRY],
        AttemptOutcome::RateLimited => [RETRY, RETRY, UNKNOWN],
        AttemptOutcome::Unavailable => [RETRY, RETRY_UNKNOWN, UNKNOWN],
        AttemptOutcome::ServerError => [DONE, UNKNOWN, UNKNOWN],
        AttemptOutcome::Answered => [DONE, DONE, DONE],
    };
    row[effect as usize]
}

/// The kind of failure of a request: that of its last response, unless a change may have
/// been carried out. If the resource does not exist, the outcome is not unknown.
pub fn failure_kind(last: Kind, may_have_been_processed: bool) -> Kind {
    if may_have_been_processed && last != Kind::NotFound { Kind::OutcomeUnknown } else { last }
}

impl AttemptOutcome {
    /// `has_retry_after` is whether the response has a time to wait.
    pub fn of_status(status: u16, has_retry_after: bool) -> Self {
        match status {
            429 if has_retry_after => Self::RetryAfter,
            429 => Self::RateLimited,
            408 | 502..=504 => Self::Unavailable,
            // Not carried out: the method is unknown, or the network requires a login.
            501 | 511 => Self::Answered,
            499 | 500.. => Self::ServerError,
            _ => Self::Answered,
        }
    }

    /// Whether the same request may succeed later.
    pub fn is_temporary(self) -> bool {
        !matches!(self, Self::ServerError | Self::Answered)
    }
}

/// How long to wait before the next attempt: as long as the server asks, else a time that
/// doubles with each attempt, with jitter.
pub fn backoff(attempts: u32, retry_after: Option<Duration>) -> Duration {
    const BASE: Duration = Duration::from_millis(200);
    const MAX: Duration = Duration::from_secs(5);
    retry_after.unwrap_or_else(|| {
        let ceiling = BASE.saturating_mul(1 << attempts.saturating_sub(1).min(10)).min(MAX);
        ceiling.mul_f64(0.5 + fastrand::f64() / 2.0)
    })
}

/// Reads `Retry-After`: seconds, or an HTTP date.
pub fn parse_retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<u32>() {
        return Some(Duration::from_secs(seconds.into()));
    }
    let wait = parse_date(value)?.duration_since(now);
    Some(Duration::try_from(wait).unwrap_or(Duration::ZERO))
}

/// Reads an HTTP date.
pub fn parse_date(value: &str) -> Option<Timestamp> {
    rfc2822::DateTimeParser::new().parse_timestamp(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Each effect with whether it may be sent again and may have been processed.
    #[test]
    fn the_table() {
        use AttemptOutcome::{Answered, NoResponse, NotSent, RateLimited, RetryAfter, ServerError, Unavailable};
        let (yes, no) = (true, false);
        for (outcome, read, change, mint) in [
            (NotSent, yes, (yes, no), (yes, no)),
            (NoResponse, yes, (yes, yes), (no, yes)),
            (RetryAfter, yes, (yes, no), (yes, no)),
            (RateLimited, yes, (yes, no), (no, yes)),
            (Unavailable, yes, (yes, yes), (no, yes)),
            (ServerError, no, (no, yes), (no, yes)),
            (Answered, no, (no, no), (no, no)),
        ] {
            assert_eq!(
                policy(Effect::Read, outcome),
                Policy { may_retry: read, may_have_been_processed: false },
                "{outcome:?}"
            );
            for (effect, (may_retry, may_have_been_processed)) in [(Effect::Change, change), (Effect::Mint, mint)] {
                let expected = Policy { may_retry, may_have_been_processed };
                assert_eq!(policy(effect, outcome), expected, "{effect:?} {outcome:?}");
                // Only a change may be repeated after it may have been carried out.
                assert!(effect == Effect::Change || !(may_retry && may_have_been_processed));
            }
        }
    }

    #[test]
    fn outcomes_of_statuses() {
        use AttemptOutcome::{Answered, RateLimited, RetryAfter, ServerError, Unavailable};
        for (statuses, outcome) in [
            (&[200, 201, 307, 400, 401, 403, 404, 407, 409, 413, 418, 501, 511][..], Answered),
            (&[429], RateLimited),
            (&[408, 502, 503, 504], Unavailable),
            (&[499, 500, 505, 520, 524, 599, 999], ServerError),
        ] {
            for status in statuses {
                assert_eq!(AttemptOutcome::of_status(*status, false), outcome, "{status}");
                let with_time = if outcome == RateLimited { RetryAfter } else { outcome };
                assert_eq!(AttemptOutcome::of_status(*status, true), with_time, "{status}");
            }
        }
    }

    #[test]
    fn the_outcome_of_a_change_is_unknown_unless_the_resource_does_not_exist() {
        for (last, unknown) in [
            (Kind::NotPermitted, Kind::OutcomeUnknown),
            (Kind::Temporary, Kind::OutcomeUnknown),
            (Kind::NotFound, Kind::NotFound),
        ] {
            assert_eq!(failure_kind(last, false), last);
            assert_eq!(failure_kind(last, true), unknown);
        }
    }

    #[test]
    fn a_broken_connection_can_lower_the_limit() {
        for (limit, after_break, after_another) in [
            (AttemptLimit::DEFAULT, 3, 3),
            (AttemptLimit::ONCE, 0, 0),
            (AttemptLimit::UNTIL_BREAK, 0, 3),
            (AttemptLimit::AFTER_BREAK, 2, 2),
        ] {
            for (is_broken, more) in [(true, after_break), (false, after_another)] {
                let allowed = (1..10).filter(|made| limit.allows_another(*made, is_broken)).count();
                assert_eq!(allowed, more, "{limit:?} {is_broken}");
            }
        }
    }

    #[test]
    fn retry_after_in_both_forms() {
        let now = Timestamp::from_second(1_445_412_480).unwrap();
        for (value, expected) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("Wed, 21 Oct 2015 07:28:30 GMT", Some(30)),
            ("Wed, 21 Oct 2015 07:27:00 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
            ("", None),
        ] {
            assert_eq!(parse_retry_after(value, now), expected.map(Duration::from_secs), "{value}");
        }
    }

    proptest! {
        #![proptest_config(crate::testing::properties())]

        #[test]
        fn waits_grow_and_stay_bounded(attempts in 0u32..100) {
            let wait = backoff(attempts, None);
            prop_assert!(wait >= Duration::from_millis(100) && wait <= Duration::from_secs(5));
        }

        #[test]
        fn no_header_panics(value in any::<String>()) {
            parse_retry_after(&value, Timestamp::UNIX_EPOCH);
        }
    }
}
