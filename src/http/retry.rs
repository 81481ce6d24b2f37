//! What may be sent again, what may have been carried out all the same, and
//! how long to wait before another attempt.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;

use crate::error::Kind;

/// What sending a request twice would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing: it only reads.
    Read,
    /// The same as once: update, delete, revoke, refresh.
    Change,
    /// A second secret: create, rotate.
    Mint,
}

/// How one attempt at a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptOutcome {
    NotSent,
    /// It was sent, or may have been, and no whole response came back.
    NoResponse,
    /// Rate limited, and the server says how long to wait.
    RetryAfter,
    /// Rate limited, without a time to wait.
    RateLimited,
    /// The server, or a gateway before it, could not answer in time.
    Unavailable,
    /// The server failed, or gave up.
    ServerError,
    /// Done, or refused.
    Answered,
}

/// What follows from an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Whether the request may be sent again.
    pub may_retry: bool,
    /// Whether a change may have been carried out although no success is known.
    pub may_have_been_processed: bool,
}

pub const MAX_ATTEMPTS: u32 = 4;

/// How many attempts a request gets, where its effect allows more than one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttemptLimit {
    max: u32,
    /// The limit where the connection broke in the last attempt.
    max_after_break: u32,
}

impl AttemptLimit {
    pub const DEFAULT: Self = Self { max: MAX_ATTEMPTS, max_after_break: MAX_ATTEMPTS };

    pub const ONCE: Self = Self { max: 1, max_after_break: 1 };

    /// Ends when the connection breaks, so that something else can be asked
    /// first; [`Self::AFTER_BREAK`] goes on from there.
    pub const UNTIL_BREAK: Self = Self { max: MAX_ATTEMPTS, max_after_break: 1 };

    /// What is left of the default after one attempt.
    pub const AFTER_BREAK: Self = Self { max: MAX_ATTEMPTS - 1, max_after_break: MAX_ATTEMPTS - 1 };

    /// Whether another attempt may follow this many; `is_break` is whether the
    /// connection broke in the last, here or behind a proxy.
    pub fn allows_another(self, attempts: u32, is_break: bool) -> bool {
        attempts < if is_break { self.max_after_break } else { self.max }
    }
}

/// The one table of what may be sent again and of what may have been carried
/// out, for both clouds. A server that is unavailable or fails may have carried
/// the request out before, or in part. That a rate limit stopped the request is
/// believed for a change, which does no harm twice; for a mint only a limit with
/// a time to wait is proof enough.
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

/// The kind of failure of a request: what its last response says, unless a
/// change may have been carried out. That a thing does not exist settles what
/// became of changing it.
pub fn kind(said: Kind, may_have_been_processed: bool) -> Kind {
    if may_have_been_processed && said != Kind::NotFound { Kind::OutcomeUnknown } else { said }
}

impl AttemptOutcome {
    /// What a status means. `has_retry_after` is whether the server says how
    /// long to wait.
    pub fn of_status(status: u16, has_retry_after: bool) -> Self {
        match status {
            429 if has_retry_after => Self::RetryAfter,
            429 => Self::RateLimited,
            408 | 502..=504 => Self::Unavailable,
            // Nothing was done: the method is not known, or the network wants a
            // login first.
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

/// How long to wait before the next attempt: what the server asked for, else a
/// random part of a time that doubles with each attempt.
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

    /// Every cell of the table: sent may_retry, and maybe carried out.
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
                // What is sent again although it may have been carried out
                // must do no harm twice.
                assert!(effect == Effect::Change || !(may_retry && may_have_been_processed));
            }
        }
    }

    #[test]
    fn statuses_and_what_they_end() {
        use AttemptOutcome::{Answered, RateLimited, RetryAfter, ServerError, Unavailable};
        for (statuses, outcome) in [
            (&[200, 201, 307, 400, 401, 403, 404, 407, 409, 413, 418, 501, 511][..], Answered),
            (&[429], RateLimited),
            (&[408, 502, 503, 504], Unavailable),
            (&[499, 500, 505, 520, 524, 599, 999], ServerError),
        ] {
            for status in statuses {
                assert_eq!(AttemptOutcome::of_status(*status, false), outcome, "{status}");
                let waits = if outcome == RateLimited { RetryAfter } else { outcome };
                assert_eq!(AttemptOutcome::of_status(*status, true), waits, "{status}");
            }
        }
    }

    #[test]
    fn a_change_that_may_have_been_made_is_unknown_unless_the_thing_does_not_exist() {
        for (said, unknown) in [
            (Kind::NotPermitted, Kind::OutcomeUnknown),
            (Kind::Temporary, Kind::OutcomeUnknown),
            (Kind::NotFound, Kind::NotFound),
        ] {
            assert_eq!(kind(said, false), said);
            assert_eq!(kind(said, true), unknown);
        }
    }

    #[test]
    fn a_break_can_end_the_tries_sooner() {
        for (limit, after_break, after_another) in [
            (AttemptLimit::DEFAULT, 3, 3),
            (AttemptLimit::ONCE, 0, 0),
            (AttemptLimit::UNTIL_BREAK, 0, 3),
            (AttemptLimit::AFTER_BREAK, 2, 2),
        ] {
            for (is_break, more) in [(true, after_break), (false, after_another)] {
                let allowed = (1..10).filter(|made| limit.allows_another(*made, is_break)).count();
                assert_eq!(allowed, more, "{limit:?} {is_break}");
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
