//! Values that must not be shown, and the redaction of messages.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretString};

use crate::cloud::token_prefixes;

/// A secret that is not shown by `Debug`, and is wiped when it is dropped. Copies
/// elsewhere are not wiped: in the input, and in headers, bodies and output.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// Only for comparisons, the request header, the delivery to the user, and the
    /// responses of the sandbox.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// Keeps secrets out of core dumps, and out of reach of the user's other processes.
/// Programs that are executed do not inherit this, as they would a resource limit.
pub fn forbid_core_dumps() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        // A failure is no reason to stop.
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl<'de> serde::Deserialize<'de> for Secret {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

/// Whether a text looks like a token: a known prefix and more, or a JWT or JWE.
pub fn looks_secret(text: &str) -> bool {
    let text = text.trim();
    token_prefixes().any(|prefix| text.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty()))
        || is_compact_jose(text)
}

/// A JWT or JWE in compact form: three to five base64url segments, the first an object.
fn is_compact_jose(text: &str) -> bool {
    let dots = text.bytes().filter(|byte| *byte == b'.').count();
    text.starts_with("eyJ") && (2..=4).contains(&dots) && text.bytes().all(|byte| is_word(byte) || byte == b'.')
}

/// Where in a word a prefix begins a token. A short prefix in the middle of a name does
/// not, as `st_` in `best_effort`.
fn find_prefix(word: &str, prefix: &str) -> Option<usize> {
    let is_short = matches!(prefix, "st_" | "oidc_");
    word.match_indices(prefix)
        .map(|(at, _)| at)
        .find(|at| !is_short || *at == 0 || !word.as_bytes()[at - 1].is_ascii_alphabetic())
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

/// The encodings in which a secret may appear: plain, in JSON, base64 at any offset,
/// hexadecimal, percent-encoded. Each is listed once, the longest first. A secret of
/// less than eight characters has none, since it may be an ordinary word.
pub fn encodings(secret: &str) -> Vec<String> {
    const MIN_LENGTH: usize = 8;
    if secret.len() < MIN_LENGTH {
        return Vec::new();
    }
    let each = |write: fn(u8) -> String| secret.bytes().map(write).collect::<String>();
    let json = serde_json::to_string(secret).unwrap_or_default();
    let mut all = vec![
        secret.to_owned(),
        json.trim_matches('"').to_owned(),
        each(|byte| format!("\\u00{byte:02x}")),
        each(|byte| format!("\\u00{byte:02X}")),
        each(|byte| format!("{byte:02x}")),
        each(|byte| format!("{byte:02X}")),
        each(|byte| format!("%{byte:02x}")),
        each(|byte| format!("%{byte:02X}")),
        each(|byte| if is_unreserved(byte) { char::from(byte).into() } else { format!("%{byte:02x}") }),
        each(|byte| if is_unreserved(byte) { char::from(byte).into() } else { format!("%{byte:02X}") }),
    ];
    for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
        all.push(engine.encode(secret));
        // After other bytes: only the characters that encode nothing but the secret.
        for before in 0..3 {
            let encoded = engine.encode([&[0; 2][..before], secret.as_bytes()].concat());
            let first = (before * 8).div_ceil(6);
            let last = (before + secret.len()) * 8 / 6;
            all.push(encoded[first..last].to_owned());
        }
    }
    all.sort_unstable_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    all.dedup();
    all
}

/// RFC 3986, section 2.3.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Replaces everything that looks like a secret. Messages should contain none; this is
/// the last line of defence.
pub fn redact(text: &str) -> String {
    /// Fewer characters after a prefix are text about the prefix (`nsrt_…`).
    const MIN_LENGTH: usize = 6;
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !(c.is_ascii() && (is_word(c as u8) || c == '.'))).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let hidden = token_prefixes()
            .filter_map(|prefix| Some((find_prefix(word, prefix)?, prefix)))
            .filter(|(at, prefix)| word.len() - at - prefix.len() >= MIN_LENGTH)
            .min();
        match hidden {
            Some((at, prefix)) => {
                out.push_str(&word[..at]);
                out.push_str(prefix);
                out.push_str("[redacted]");
            }
            None if is_compact_jose(word) => out.push_str("[redacted]"),
            None => out.push_str(word),
        }
        let step = after.chars().next().map_or(0, char::len_utf8);
        out.push_str(&after[..step]);
        rest = &after[step..];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proptest::sample::select;

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Secret::new("nsrt_abcdefgh")), "[secret]");
    }

    #[test]
    fn ids_and_prose_are_not_secrets() {
        for text in ["tok_abc", "nsrt_", "", "my-token", "eyJ", "stage_one", "a.b.c", "best_effort_works"] {
            assert!(!looks_secret(text), "{text}");
            assert_eq!(redact(text), text);
        }
    }

    #[test]
    fn tokens_are_secrets() {
        for text in ["nsrt_a", " st_abc\n", "nsct_eyJ.a.b", "eyJhbGciOi.eyJleHAi.c2ln", "eyJh..iv.text.tag"] {
            assert!(looks_secret(text), "{text}");
        }
    }

    proptest! {
        #![proptest_config(crate::testing::properties())]

        #[test]
        fn a_canary_is_always_redacted(before in "([ \"'(=:/,._%-]{0,3}|%20|x_|st_abcdef\\.|9-)", after in "[ \"'),;!é]{0,3}", prefix in select(token_prefixes().collect::<Vec<_>>())) {
            let canary = format!("{prefix}CANARYcanary0123");
            let text = format!("x {before}{canary}{after} y");
            prop_assert!(!redact(&text).contains("CANARY"), "{}", redact(&text));
        }

        #[test]
        fn redact_never_panics(text in any::<String>()) {
            redact(&text);
        }
    }
}
