//! The documented grammar of `--expires_in`: pairs of number and unit with nothing
//! between them, as in `1d12h` or `1.5h`.
//!
//! A year has 365 days and there are no months. No duration library agrees with that,
//! hence this parser.

use std::fmt;
use std::time::Duration;

use crate::error::{Failure, Result};

/// In nanoseconds.
const UNITS: [(&str, u64); 11] = [
    ("ns", 1),
    ("us", 1_000),
    ("\u{b5}s", 1_000),
    ("\u{3bc}s", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60 * 1_000_000_000),
    ("h", 3_600 * 1_000_000_000),
    ("d", 86_400 * 1_000_000_000),
    ("w", 604_800 * 1_000_000_000),
    ("y", 31_536_000 * 1_000_000_000),
];

/// 365 days.
pub const MAX_LIFETIME: Duration = Duration::from_secs(31_536_000);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    #[error("invalid duration \"{0}\"")]
    Invalid(String),
    #[error("missing unit in duration \"{0}\"")]
    MissingUnit(String),
    #[error("unknown unit \"{unit}\" in duration \"{text}\"")]
    UnknownUnit { unit: String, text: String },
    /// More than a signed 64-bit count of nanoseconds, about 292 years.
    #[error("duration \"{0}\" is too long")]
    Overflow(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SignedNanos(pub i64);

/// # Errors
/// Each quotes the text.
pub fn parse(text: &str) -> std::result::Result<SignedNanos, DurationError> {
    let invalid = || DurationError::Invalid(text.to_owned());
    let overflow = || DurationError::Overflow(text.to_owned());
    let (negative, unsigned) = match text.strip_prefix(['+', '-']) {
        Some(rest) => (text.starts_with('-'), rest),
        None => (false, text),
    };
    if unsigned == "0" {
        return Ok(SignedNanos(0));
    }
    if unsigned.is_empty() {
        return Err(invalid());
    }
    let mut total: u128 = 0;
    let mut rest = unsigned;
    while !rest.is_empty() {
        let (whole, after) = split_digits(rest);
        let (fraction, after) = match after.strip_prefix('.') {
            Some(after) => split_digits(after),
            None => ("", after),
        };
        if whole.is_empty() && fraction.is_empty() {
            return Err(invalid());
        }
        let end = after.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        if unit.is_empty() {
            return Err(DurationError::MissingUnit(text.to_owned()));
        }
        let Some((_, nanos)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            return Err(DurationError::UnknownUnit { unit: unit.to_owned(), text: text.to_owned() });
        };
        total = pair(whole, fraction, *nanos)
            .and_then(|value| total.checked_add(value))
            .filter(|total| *total <= i64::MAX as u128)
            .ok_or_else(overflow)?;
        rest = after;
    }
    let nanos = i64::try_from(total).map_err(|_| overflow())?;
    Ok(SignedNanos(if negative { -nanos } else { nanos }))
}

fn split_digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

/// `whole.fraction` times a unit, in nanoseconds, truncated. `None` on overflow.
fn pair(whole: &str, fraction: &str, unit: u64) -> Option<u128> {
    /// The 18th digit of a fraction of a year is less than a nanosecond.
    const MAX_DIGITS: usize = 18;
    let whole: u128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let fraction = &fraction[..fraction.len().min(MAX_DIGITS)];
    let part: u128 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    let digits = u32::try_from(fraction.len()).ok()?;
    whole.checked_mul(unit.into())?.checked_add(part * u128::from(unit) / 10u128.pow(digits))
}

/// # Errors
/// Usage: it is not a duration, not above zero, or over [`MAX_LIFETIME`].
pub fn lifetime(flag: &str, text: &str) -> Result<Duration> {
    let example = "write a number and a unit, as in 1h, 24h, 7d, 2w or 1y";
    let nanos = parse(text).map_err(|error| Failure::usage(format!("{flag}: {error}")).hint(example))?.0;
    match u64::try_from(nanos).map(Duration::from_nanos) {
        Err(_) => Err(Failure::usage(format!("{flag} is {text}; it cannot be negative")).hint(example)),
        Ok(Duration::ZERO) => Err(Failure::usage(format!("{flag} is {text}; it must be more than zero")).hint(example)),
        Ok(lifetime) if lifetime > MAX_LIFETIME => {
            Err(Failure::usage(format!("{flag} is {text}; at most 365 days are allowed"))
                .hint(format!("use {flag} 1y or less")))
        }
        Ok(lifetime) => Ok(lifetime),
    }
}

impl fmt::Display for SignedNanos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0");
        }
        if self.0 < 0 {
            f.write_str("-")?;
        }
        let mut rest = self.0.unsigned_abs();
        for unit in ["d", "h", "m", "s", "ms", "us", "ns"] {
            let Some((_, nanos)) = UNITS.iter().find(|(name, _)| *name == unit) else { continue };
            if rest >= *nanos {
                write!(f, "{}{unit}", rest / nanos)?;
                rest %= nanos;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: i64 = 1_000_000_000;

    fn seconds(text: &str) -> i64 {
        let nanos = parse(text).unwrap_or_else(|error| panic!("{error}")).0;
        assert_eq!(nanos % SECOND, 0, "{text}");
        nanos / SECOND
    }

    #[test]
    fn the_documented_examples() {
        for (text, expected) in [("1h", 3_600), ("24h", 86_400), ("7d", 604_800), ("1w", 604_800), ("1y", 31_536_000)] {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }

    #[test]
    fn the_accepted_half_of_the_reference_table() {
        for (text, expected) in [
            ("1d12h", 129_600),
            ("12h1d", 129_600),
            ("1.5d", 129_600),
            ("1d1d", 172_800),
            ("1w2d3h4m5s", 788_645),
            ("365d", 31_536_000),
            ("8760h", 31_536_000),
            ("0.5y", 15_768_000),
            ("-1h", -3_600),
            ("+1h", 3_600),
            ("0", 0),
            ("+0", 0),
            ("-0", 0),
            ("5.s", 5),
            ("292y", 9_208_512_000),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
        for (text, nanos) in [("1ns", 1), ("1us", 1_000), ("1\u{b5}s", 1_000), ("1\u{3bc}s", 1_000), (".5ms", 500_000)]
        {
            assert_eq!(parse(text), Ok(SignedNanos(nanos)), "{text}");
        }
    }

    #[test]
    fn the_refused_half_of_the_reference_table() {
        for text in ["", "d", ".d", "P1D", "never", "+", "-", ".", "--1h"] {
            assert_eq!(parse(text), Err(DurationError::Invalid(text.into())), "{text}");
        }
        for text in ["1", "1.5", "1d0", "1..5s", "00"] {
            assert_eq!(parse(text), Err(DurationError::MissingUnit(text.into())), "{text}");
        }
        for text in ["1D", "1Y", "1M", "1mo", "1d 12h", "1 d", "1d,12h", "1d-1h", "1e3s", "1_000s"] {
            assert!(matches!(parse(text), Err(DurationError::UnknownUnit { .. })), "{text}");
        }
        for text in ["293y", "99999999999999999999999999999999999999999999999999d"] {
            assert_eq!(parse(text), Err(DurationError::Overflow(text.into())), "{text}");
        }
    }

    #[test]
    fn a_lifetime_is_above_zero_and_at_most_a_year() {
        for text in ["1y", "365d", "8760h", "1ns", "+1h"] {
            assert!(lifetime("--expires_in", text).is_ok(), "{text}");
        }
        for text in ["0", "0d", "-1h", "366d", "1y1ns", "52w2d", "", "24"] {
            let failure = lifetime("--expires_in", text).err().map(|failure| failure.kind().name());
            assert_eq!(failure, Some("usage"), "{text}");
        }
    }

    proptest! {
        #![proptest_config(crate::testing::properties())]

        #[test]
        fn what_is_printed_reads_back_as_the_same(nanos in any::<i64>()) {
            prop_assume!(nanos != i64::MIN);
            prop_assert_eq!(parse(&SignedNanos(nanos).to_string()), Ok(SignedNanos(nanos)));
        }

        #[test]
        fn no_text_panics(text in any::<String>()) {
            let _ = parse(&text);
        }

        #[test]
        fn nothing_like_a_duration_panics(text in "[-+]?([0-9]{0,25}(\\.[0-9]{0,40})?(ns|us|µs|μs|ms|s|m|h|d|w|y|mo)?){0,6}") {
            let _ = parse(&text);
        }

        #[test]
        fn pairs_add_up_in_any_order(days in 0i64..10_000, hours in 0i64..10_000) {
            let expected = Ok(SignedNanos((days * 86_400 + hours * 3_600) * SECOND));
            prop_assert_eq!(parse(&format!("{days}d{hours}h")), expected.clone());
            prop_assert_eq!(parse(&format!("{hours}h{days}d")), expected);
        }
    }
}
