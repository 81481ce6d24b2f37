//! Times: RFC 3339 in whole seconds for machines, relative for people.
//!
//! [`Timestamp::MAX`] stands for every time that jiff cannot represent, such as the
//! last day of the year 9999, and [`UNREADABLE`] for text that is not a time.

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;

pub const UNREADABLE: Timestamp = Timestamp::MIN;

/// `None` where it is not RFC 3339.
pub fn parse(text: &str) -> Option<Timestamp> {
    // jiff ends in the last days of 9999. The year before has the same days.
    let in_last_year = || format!("9998{}", text.strip_prefix("9999")?).parse::<Timestamp>().ok();
    text.parse().ok().or_else(|| in_last_year().map(|_| Timestamp::MAX))
}

/// RFC 3339 in UTC, whole seconds, as in `2026-11-22T10:00:00Z`.
pub fn rfc3339(time: Timestamp) -> String {
    if let Some(words) = special(time, "9999-12-31T23:59:59Z") {
        return words;
    }
    /// Truncates, does not round.
    const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(0));
    PRINTER.timestamp_to_string(&time)
}

/// The text for [`Timestamp::MAX`], which is `max`, or for [`UNREADABLE`].
fn special(time: Timestamp, max: &str) -> Option<String> {
    if time == Timestamp::MAX {
        Some(max.to_owned())
    } else if time == UNREADABLE {
        Some("unreadable".to_owned())
    } else {
        None
    }
}

/// The distance from now in one unit: `in 47h`, `in 2d`, `5m ago`, `now`. A unit that
/// is at most 1/48 short counts as whole, so that 7 days are `in 7d` a moment later.
pub fn relative(time: Timestamp, now: Timestamp) -> String {
    if let Some(words) = special(time, "in the year 9999") {
        return words;
    }
    let seconds = time.as_second() - now.as_second();
    let length = seconds.unsigned_abs();
    if length < 10 {
        return "now".to_owned();
    }
    let count = |unit: u64| (length + unit / 48) / unit;
    let text = if length < 60 {
        format!("{length}s")
    } else if count(60) < 60 {
        format!("{}m", count(60))
    } else if count(3_600) < 48 {
        format!("{}h", count(3_600))
    } else {
        format!("{}d", count(86_400))
    };
    if seconds < 0 { format!("{text} ago") } else { format!("in {text}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_are_cut_not_rounded() {
        let time: Timestamp = "2026-11-22T10:00:00.999999999+02:00".parse().unwrap_or_default();
        assert_eq!(rfc3339(time), "2026-11-22T08:00:00Z");
    }

    #[test]
    fn what_jiff_cannot_represent_is_its_maximum() {
        for text in ["9999-12-31T23:59:59.999999999Z", "9999-12-30T22:00:01Z", "9999-12-31T00:00:00+01:00"] {
            assert_eq!(parse(text), Some(Timestamp::MAX), "{text}");
        }
        assert_eq!(rfc3339(Timestamp::MAX), "9999-12-31T23:59:59Z");
        assert_eq!(parse("9998-12-31T23:59:59Z").map(rfc3339).as_deref(), Some("9998-12-31T23:59:59Z"));
        assert_eq!(parse("0001-01-01T00:00:00Z").map(rfc3339).as_deref(), Some("0001-01-01T00:00:00Z"));
        for text in ["", "soon", "9999-13-31T00:00:00Z", "9999-12-31", "10000-01-01T00:00:00Z", "2026-11-22T10:00:00"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn distances_in_their_largest_unit() {
        let now = Timestamp::UNIX_EPOCH;
        let at = |seconds| Timestamp::from_second(seconds).unwrap_or_default();
        for (seconds, text) in [
            (0, "now"),
            (-9, "now"),
            (10, "in 10s"),
            (59, "in 59s"),
            (60, "in 1m"),
            (3_599, "in 1h"),
            (-7_100, "1h ago"),
            (-7_199, "2h ago"),
            (86_390, "in 24h"),
            (2 * 86_400 - 3_600, "in 47h"),
            (7 * 86_400 - 60, "in 7d"),
            (7 * 86_400 - 7_200, "in 6d"),
            (86_400 * 365, "in 365d"),
        ] {
            assert_eq!(relative(at(seconds), now), text);
        }
    }
}
