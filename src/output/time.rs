//! Times: RFC 3339 in whole seconds for machines, relative for people.

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;

/// RFC 3339 in UTC, whole seconds, as in `2026-11-22T10:00:00Z`.
pub fn rfc3339(time: Timestamp) -> String {
    /// It cuts fractions off, and rounds nothing.
    const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(0));
    PRINTER.timestamp_to_string(&time)
}

/// How far a time lies from now, in its largest unit: `in 23h`, `5m ago`,
/// `now`.
pub fn relative(time: Timestamp, now: Timestamp) -> String {
    let seconds = time.as_second() - now.as_second();
    let length = seconds.unsigned_abs();
    let (count, unit) = match length {
        0..=9 => return "now".to_owned(),
        10..=59 => (length, "s"),
        60..=3_599 => (length / 60, "m"),
        3_600..=86_399 => (length / 3_600, "h"),
        _ => (length / 86_400, "d"),
    };
    if seconds < 0 { format!("{count}{unit} ago") } else { format!("in {count}{unit}") }
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
    fn distances_in_their_largest_unit() {
        let now = Timestamp::UNIX_EPOCH;
        let at = |seconds| Timestamp::from_second(seconds).unwrap_or_default();
        for (seconds, text) in
            [(0, "now"), (-9, "now"), (10, "in 10s"), (60, "in 1m"), (-7_199, "1h ago"), (86_400 * 365, "in 365d")]
        {
            assert_eq!(relative(at(seconds), now), text);
        }
    }
}
