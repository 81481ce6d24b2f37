//! When a request may be sent again, and how long to wait before.

use std::time::{Duration, SystemTime};

use jiff::fmt::rfc2822;

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

/// How one try of a request ended without an answer to give on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It never left.
    NotSent,
    /// It left, or may have, and no answer came back whole.
    NoAnswer,
    /// The server answered with this status.
    Status(u16),
}

/// The most tries of one request.
pub const MOST_TRIES: u32 = 4;

/// How often a request is tried at most, where its effect allows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tries {
    most: u32,
    /// Those of which the last ended in a break.
    most_broken: u32,
}

impl Tries {
    /// As most requests are.
    pub const USUAL: Self = Self { most: MOST_TRIES, most_broken: MOST_TRIES };

    /// Once, whatever comes of it.
    pub const ONCE: Self = Self { most: 1, most_broken: 1 };

    /// Until the connection breaks: something else is asked first then.
    pub const UNTIL_BROKEN: Self = Self { most: MOST_TRIES, most_broken: 1 };

    /// What is left of the usual tries after that.
    pub const AFTER_BREAK: Self = Self { most: MOST_TRIES - 1, most_broken: MOST_TRIES - 1 };

    /// Whether there may be another after so many, the last of which ended so.
    pub fn allow_another(self, tries: u32, ending: Ending) -> bool {
        tries < if ending.is_break() { self.most_broken } else { self.most }
    }
}

impl Effect {
    /// Whether a request with this effect may be sent again after that.
    pub fn allows_retry(self, ending: Ending) -> bool {
        match ending {
            Ending::NotSent | Ending::Status(429) => true,
            Ending::NoAnswer | Ending::Status(502..=504) => self != Self::Mint,
            Ending::Status(_) => false,
        }
    }
}

impl Ending {
    /// Whether the connection broke, here or behind a proxy, which says 502 then.
    pub fn is_break(self) -> bool {
        matches!(self, Self::NoAnswer | Self::Status(502))
    }

    /// Whether the server may have acted all the same.
    pub fn may_have_landed(self) -> bool {
        matches!(self, Self::NoAnswer | Self::Status(502 | 504))
    }
}

/// How long to wait before the next try: what the server asked for, else a
/// random part of a time that doubles with each try.
pub fn delay(tries: u32, retry_after: Option<Duration>) -> Duration {
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

    #[test]
    fn a_mint_is_sent_again_only_when_it_cannot_have_landed() {
        assert!(Effect::Mint.allows_retry(Ending::NotSent));
        assert!(Effect::Mint.allows_retry(Ending::Status(429)));
        for ending in
            [Ending::NoAnswer, Ending::Status(502), Ending::Status(503), Ending::Status(504), Ending::Status(500)]
        {
            assert!(!Effect::Mint.allows_retry(ending), "{ending:?}");
        }
        for effect in [Effect::Read, Effect::Change] {
            for ending in [
                Ending::NotSent,
                Ending::NoAnswer,
                Ending::Status(429),
                Ending::Status(502),
                Ending::Status(503),
                Ending::Status(504),
            ] {
                assert!(effect.allows_retry(ending), "{effect:?} {ending:?}");
            }
            assert!(!effect.allows_retry(Ending::Status(500)));
            assert!(!effect.allows_retry(Ending::Status(401)));
        }
    }

    #[test]
    fn a_break_can_end_the_tries_sooner() {
        for (tries, after_break, after_another) in
            [(Tries::USUAL, 3, 3), (Tries::ONCE, 0, 0), (Tries::UNTIL_BROKEN, 0, 3), (Tries::AFTER_BREAK, 2, 2)]
        {
            for (ending, more) in [
                (Ending::NoAnswer, after_break),
                (Ending::Status(502), after_break),
                (Ending::Status(503), after_another),
                (Ending::NotSent, after_another),
            ] {
                let allowed = (1..10).filter(|made| tries.allow_another(*made, ending)).count();
                assert_eq!(allowed, more, "{tries:?} {ending:?}");
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
            let delay = delay(tries, None);
            prop_assert!(delay >= Duration::from_millis(100) && delay <= Duration::from_secs(5));
        }

        #[test]
        fn no_header_panics(value in any::<String>()) {
            parse_retry_after(&value, SystemTime::UNIX_EPOCH);
        }
    }
}
