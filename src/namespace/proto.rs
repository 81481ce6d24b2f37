//! Protobuf's JSON where it differs from serde's: enums, timestamps, durations,
//! bytes, 64-bit integers, and `null` for a default.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::de::{self, Deserializer};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use crate::text::base64;
use crate::text::time::{UNREADABLE, parse};

/// A protobuf enum: names with numbers, of which 0 means not set. A newer server may send
/// unknown ones.
pub(super) trait ProtoEnum: Clone + Default + PartialEq + 'static {
    /// The known values with their names, in the order of their numbers.
    const VALUES: &'static [(Self, &'static str)];

    /// An unknown value, unchanged.
    fn other(text: String) -> Self;

    fn as_other(&self) -> Option<&str>;
}

pub(super) fn read_enum<'de, E: ProtoEnum, D: Deserializer<'de>>(deserializer: D) -> Result<E, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let by_name = |name: &str| E::VALUES.iter().find(|(_, known)| *known == name);
    let known = match &value {
        Value::Null => return Ok(E::default()),
        Value::String(name) if name.is_empty() => return Ok(E::default()),
        Value::String(name) => by_name(name),
        value => int64(value).and_then(|number| E::VALUES.get(usize::try_from(number).ok()?)),
    };
    Ok(known.map_or_else(
        || E::other(value.as_str().map_or_else(|| serde_json::to_string(&value).unwrap_or_default(), str::to_owned)),
        |(value, _)| value.clone(),
    ))
}

pub(super) fn write_enum<E: ProtoEnum, S: Serializer>(value: &E, serializer: S) -> Result<S::Ok, S::Error> {
    let known = E::VALUES.iter().find(|(known, _)| known == value).map(|(_, name)| *name);
    serializer.serialize_str(known.or(value.as_other()).unwrap_or_default())
}

pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A timestamp: RFC 3339 in UTC with 0, 3, 6 or 9 fractional digits. One that is
/// too late for [`Timestamp`] is [`Timestamp::MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(pub Timestamp);

impl Time {
    /// A timestamp that cannot be parsed. An absent one means that a token never expires.
    pub const UNREADABLE: Self = Self(UNREADABLE);
}

/// Reads a timestamp of a response, which can be used without it.
pub(super) fn read_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Time>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Null => None,
        value => Some(value.as_str().and_then(parse).map_or(Time::UNREADABLE, Time)),
    })
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = fraction_digits(self.0.subsec_nanosecond().unsigned_abs());
        write!(f, "{:.digits$}", self.0)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse(&text).map(Self).ok_or_else(|| de::Error::custom("invalid RFC 3339 time"))
    }
}

/// How many fractional digits protobuf writes.
fn fraction_digits(nanos: u32) -> usize {
    match nanos {
        0 => 0,
        _ if nanos.is_multiple_of(1_000_000) => 3,
        _ if nanos.is_multiple_of(1_000) => 6,
        _ => 9,
    }
}

/// A duration: decimal seconds and an `s`, as in `600s` or `1.500s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub jiff::SignedDuration);

impl From<Duration> for Span {
    fn from(length: Duration) -> Self {
        Self(jiff::SignedDuration::try_from(length).unwrap_or(jiff::SignedDuration::MAX))
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let seconds = self.0.as_secs().unsigned_abs();
        let nanos = self.0.subsec_nanos().unsigned_abs();
        let sign = if self.0.is_negative() { "-" } else { "" };
        let fraction = match fraction_digits(nanos) {
            0 => String::new(),
            digits => format!(".{}", &format!("{nanos:09}")[..digits]),
        };
        serializer.collect_str(&format_args!("{sign}{seconds}{fraction}s"))
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        read_span(&text).map(Self).ok_or_else(|| de::Error::custom("invalid duration"))
    }
}

fn read_span(text: &str) -> Option<jiff::SignedDuration> {
    let number = text.strip_suffix('s')?;
    let (negative, number) = match number.strip_prefix('-') {
        Some(number) => (true, number),
        None => (false, number),
    };
    let (seconds, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if seconds.is_empty() || !digits(seconds) || !digits(fraction) || fraction.len() > 9 {
        return None;
    }
    let nanos: i32 = format!("{fraction:0<9}").parse().ok()?;
    let span = jiff::SignedDuration::new(seconds.parse().ok()?, nanos);
    Some(if negative { -span } else { span })
}

/// Base64, read in either alphabet, with or without padding.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&base64::encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        base64::decode(&text).map(Self).ok_or_else(|| de::Error::custom("invalid base64"))
    }
}

/// Reads an int64: `1`, `"1"`, `1.0`, `1e0` and `"1.0"` are the same.
pub(crate) fn read_int64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    read_optional_int64(deserializer).map(Option::unwrap_or_default)
}

/// As [`read_int64`], with none for `null`.
pub(crate) fn read_optional_int64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(None),
        value => int64(&value).map(Some).ok_or_else(|| de::Error::custom("invalid int64")),
    }
}

fn int64(value: &Value) -> Option<i64> {
    /// Above it, not every integer is a float of its own.
    const MAX_EXACT: f64 = 9_007_199_254_740_992.0;
    let (whole, float) = match value {
        Value::String(text) => (text.parse().ok(), text.parse().ok()),
        value => (value.as_i64(), value.as_f64()),
    };
    let is_whole = |float: &f64| float.fract() == 0.0 && float.abs() <= MAX_EXACT;
    whole.or_else(|| float.filter(is_whole).map(|float| float as i64))
}

pub(super) fn write_int64<S: Serializer>(value: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn spans_and_times_as_protobuf_writes_them() {
        for (text, nanos) in [
            ("600s", 600_000_000_000i128),
            ("1.500s", 1_500_000_000),
            ("-3600s", -3_600_000_000_000),
            ("0.000001s", 1_000),
        ] {
            let span: Option<Span> = serde_json::from_value(json!(text)).ok();
            assert_eq!(span.map(|span| span.0.as_nanos()), Some(nanos), "{text}");
            assert_eq!(span.map(|span| json!(span)), Some(json!(text)));
        }
        for text in ["", "s", "1", "1h", "+1s", "1.s.s", "1.0000000001s", "99999999999999999999s", " 1s", "--1s"] {
            assert!(serde_json::from_value::<Span>(json!(text)).is_err(), "{text}");
        }
        for text in [
            "2026-11-22T10:00:00Z",
            "2026-11-22T10:00:00.120Z",
            "2026-11-22T10:00:00.123456Z",
            "2026-11-22T10:00:00.123456789Z",
        ] {
            let time: Option<Time> = serde_json::from_value(json!(text)).ok();
            assert_eq!(time.map(|time| time.to_string()).as_deref(), Some(text));
        }
    }

    #[test]
    fn integers_in_every_spelling() {
        for (text, number) in [
            ("1", 1),
            (r#""1""#, 1),
            ("1.0", 1),
            ("1e0", 1),
            (r#""1.0""#, 1),
            (r#""1e3""#, 1_000),
            ("-0.0", 0),
            ("null", 0),
            (r#""9223372036854775807""#, i64::MAX),
            ("-9223372036854775808", i64::MIN),
        ] {
            let read = read_int64(&mut serde_json::Deserializer::from_str(text));
            assert_eq!(read.ok(), Some(number), "{text}");
        }
        for text in ["1.5", r#""""#, r#""one""#, "true", "[]", "1e300", "9223372036854775808", r#""inf""#, r#""NaN""#] {
            assert!(read_int64(&mut serde_json::Deserializer::from_str(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn bytes_in_either_alphabet() {
        for text in ["+/8=", "+/8", "-_8=", "-_8"] {
            let bytes: Option<Bytes> = serde_json::from_value(json!(text)).ok();
            assert_eq!(bytes, Some(Bytes(vec![0xfb, 0xff])), "{text}");
        }
    }
}
