//! What may be sent again, what may have been carried out all the same, and
//! how long to wait before another try.

use std::time::{Duration, SystemTime};

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

/// How one try of a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// It never left.
    NotSent,
    /// It left, or may have, and no answer came back whole.
    NoResponse,
    /// It was one too many, and the server says how long to wait.
    RetryAfter,
    /// It was one too many, and nobody says how long to wait.
    RateLimited,
    /// Nobody answered in time, or something on the way could not.
    Unavailable,
    /// The server failed, or gave up.
    ServerError,
    /// It was answered: done, or refused.
    Answered,
}

/// What follows from an ending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Whether the request may be sent again.
    pub again: bool,
    /// Whether a change may have been carried out although no success is known.
    pub may_have_been_processed: bool,
}

/// The most tries of one request.
pub const MOST_TRIES: u32 = 4;

/// How often a request is tried at most, where its effect allows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttemptLimit {
    most: u32,
    /// Those of which the last ended in a break.
    most_broken: u32,
}

impl AttemptLimit {
    /// As most requests are.
    pub const DEFAULT: Self = Self { most: MOST_TRIES, most_broken: MOST_TRIES };

    /// Once, whatever comes of it.
    pub const ONCE: Self = Self { most: 1, most_broken: 1 };

    /// Until the connection breaks: something else is asked first then.
    pub const UNTIL_BROKEN: Self = Self { most: MOST_TRIES, most_broken: 1 };

    /// What is left of the usual tries after that.
    pub const AFTER_BREAK: Self = Self { most: MOST_TRIES - 1, most_broken: MOST_TRIES - 1 };

    /// Whether there may be another after so many; `is_break` is whether the
    /// connection broke in the last, here or behind a proxy.
    pub fn allows_another(self, tries: u32, is_break: bool) -> bool {
        tries < if is_break { self.most_broken } else { self.most }
    }
}

/// The one table of what may be sent again and of what may have been carried
/// out, for both clouds. A server that is unavailable or fails may have seen the
/// request before, or have died in the middle of it. That it was one too many is
/// believed of a change, which does no harm twice; of a second secret only the
/// time to wait is proof enough.
pub fn policy(effect: Effect, ending: AttemptOutcome) -> Policy {
    const fn cell(again: bool, may_have_been_processed: bool) -> Policy {
        Policy { again, may_have_been_processed }
    }
    const SAFE: Policy = cell(true, false);
    const DOUBT: Policy = cell(true, true);
    const OVER: Policy = cell(false, false);
    const STOP: Policy = cell(false, true);
    let row = match ending {
        //                     Read   Change Mint
        AttemptOutcome::NotSent => [SAFE, SAFE, SAFE],
        AttemptOutcome::NoResponse => [SAFE, DOUBT, STOP],
        AttemptOutcome::RetryAfter => [SAFE, SAFE, SAFE],
        AttemptOutcome::RateLimited => [SAFE, SAFE, STOP],
        AttemptOutcome::Unavailable => [SAFE, DOUBT, STOP],
        AttemptOutcome::ServerError => [OVER, STOP, STOP],
        AttemptOutcome::Answered => [OVER, OVER, OVER],
    };
    row[effect as usize]
}

/// The kind of failure that a request comes to: what the last answer says,
/// unless the request may have been carried out, in this try or in an earlier
/// one. That a thing is not there settles what became of changing it.
pub fn kind(said: Kind, effect: Effect, ending: AttemptOutcome, repeated: bool) -> Kind {
    let is_open = repeated || policy(effect, ending).may_have_been_processed;
    if is_open && effect != Effect::Read && said != Kind::NotFound { Kind::OutcomeUnknown } else { said }
}

impl AttemptOutcome {
    /// What a status means, be it the answer's own or the one that belongs to
    /// the code in it. `waits` is whether the server says how long to wait.
    pub fn of_status(status: u16, waits: bool) -> Self {
        match status {
            429 if waits => Self::RetryAfter,
            429 => Self::RateLimited,
            408 | 502..=504 => Self::Unavailable,
            // Nobody who can do it was there: the method is not known, or the
            // network wants a login first.
            501 | 511 => Self::Answered,
            499 | 500.. => Self::ServerError,
            _ => Self::Answered,
        }
    }

    /// What an answer says where it does not say it in the API's own form.
    pub fn kind(self) -> Kind {
        match self {
            Self::NotSent | Self::NoResponse | Self::RetryAfter | Self::RateLimited | Self::Unavailable => {
                Kind::Temporary
            }
            Self::ServerError | Self::Answered => Kind::Unexpected,
        }
    }
}

/// How long to wait before the next try: what the server asked for, else a
/// random part of a time that doubles with each try.
pub fn backoff(tries: u32, retry_after: Option<Duration>) -> Duration {
    const FIRST: Duration = Duration::from_millis(200);
    const LONGEST: Duration = Duration::from_secs(5);
    retry_after.unwrap_or_else(|| {
        let ceiling = FIRST.saturating_mul(1 << tries.saturating_sub(1).min(10)).min(LONGEST);
        ceiling.mul_f64(0.5 + fastrand::f64() / 2.0)
    })
}

/// Reads `Retry-After`: seconds, or a date as HTTP writes it.
pub fn parse_retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<u32>() {
        return Some(Duration::from_secs(seconds.into()));
    }
    let date = parse_date(value)?;
    let now = jiff::Timestamp::try_from(now).ok()?;
    Some(Duration::try_from(date.duration_since(now)).unwrap_or(Duration::ZERO))
}

/// Reads a date as HTTP writes it.
pub fn parse_date(value: &str) -> Option<jiff::Timestamp> {
    rfc2822::DateTimeParser::new().parse_timestamp(value).ok()
}

/// The hint for a server that cannot answer now.
pub fn run_again(after: Option<Duration>) -> String {
    match after {
        Some(wait) if !wait.is_zero() => {
            format!("run it again in {}, as the server asks", humantime::format_duration(wait))
        }
        _ => "run it again in a moment".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Every cell of the table: sent again, and maybe carried out.
    #[test]
    fn the_table() {
        use AttemptOutcome::{Answered, NoResponse, NotSent, RateLimited, RetryAfter, ServerError, Unavailable};
        let (yes, no) = (true, false);
        for (ending, read, change, mint) in [
            (NotSent, yes, (yes, no), (yes, no)),
            (NoResponse, yes, (yes, yes), (no, yes)),
            (RetryAfter, yes, (yes, no), (yes, no)),
            (RateLimited, yes, (yes, no), (no, yes)),
            (Unavailable, yes, (yes, yes), (no, yes)),
            (ServerError, no, (no, yes), (no, yes)),
            (Answered, no, (no, no), (no, no)),
        ] {
            assert_eq!(policy(Effect::Read, ending).again, read, "{ending:?}");
            for (effect, (again, may_have_been_processed)) in [(Effect::Change, change), (Effect::Mint, mint)] {
                let expected = Policy { again, may_have_been_processed };
                assert_eq!(policy(effect, ending), expected, "{effect:?} {ending:?}");
                // What is sent again although it may have been carried out
                // must do no harm twice.
                assert!(effect == Effect::Change || !(again && may_have_been_processed));
            }
        }
    }

    #[test]
    fn statuses_and_what_they_end() {
        use AttemptOutcome::{Answered, RateLimited, RetryAfter, ServerError, Unavailable};
        for (statuses, ending) in [
            (&[200, 201, 307, 400, 401, 403, 404, 407, 409, 413, 418, 501, 511][..], Answered),
            (&[429], RateLimited),
            (&[408, 502, 503, 504], Unavailable),
            (&[499, 500, 505, 520, 524, 599, 999], ServerError),
        ] {
            for status in statuses {
                assert_eq!(AttemptOutcome::of_status(*status, false), ending, "{status}");
                let waits = if ending == RateLimited { RetryAfter } else { ending };
                assert_eq!(AttemptOutcome::of_status(*status, true), waits, "{status}");
            }
        }
    }

    #[test]
    fn an_earlier_try_counts_unless_the_thing_is_not_there() {
        for (said, ending, repeated, read, change) in [
            (Kind::NotPermitted, AttemptOutcome::Answered, false, Kind::NotPermitted, Kind::NotPermitted),
            (Kind::NotPermitted, AttemptOutcome::Answered, true, Kind::NotPermitted, Kind::OutcomeUnknown),
            (Kind::NotFound, AttemptOutcome::Answered, true, Kind::NotFound, Kind::NotFound),
            (Kind::Temporary, AttemptOutcome::RateLimited, true, Kind::Temporary, Kind::OutcomeUnknown),
            (Kind::Temporary, AttemptOutcome::Unavailable, false, Kind::Temporary, Kind::OutcomeUnknown),
            (Kind::Unexpected, AttemptOutcome::ServerError, false, Kind::Unexpected, Kind::OutcomeUnknown),
        ] {
            assert_eq!(kind(said, Effect::Read, ending, repeated), read, "{said:?} {ending:?}");
            assert_eq!(kind(said, Effect::Change, ending, repeated), change, "{said:?} {ending:?}");
        }
    }

    #[test]
    fn a_break_can_end_the_tries_sooner() {
        for (tries, after_break, after_another) in [
            (AttemptLimit::DEFAULT, 3, 3),
            (AttemptLimit::ONCE, 0, 0),
            (AttemptLimit::UNTIL_BROKEN, 0, 3),
            (AttemptLimit::AFTER_BREAK, 2, 2),
        ] {
            for (is_break, more) in [(true, after_break), (false, after_another)] {
                let allowed = (1..10).filter(|made| tries.allows_another(*made, is_break)).count();
                assert_eq!(allowed, more, "{tries:?} {is_break}");
            }
        }
    }

    #[test]
    fn retry_after_in_both_forms() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_445_412_480);
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
        fn delays_grow_and_stay_bounded(tries in 0u32..100) {
            let backoff = backoff(tries, None);
            prop_assert!(backoff >= Duration::from_millis(100) && backoff <= Duration::from_secs(5));
        }

        #[test]
        fn no_header_panics(value in any::<String>()) {
            parse_retry_after(&value, SystemTime::UNIX_EPOCH);
        }
    }
}
