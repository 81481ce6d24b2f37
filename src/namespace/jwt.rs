//! What a token itself says: its kind, by the prefix, and the claims of a JWT. The
//! signature is not checked.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::Deserialize;

use crate::secret::Secret;

/// The kind of a token, by its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// `st_`: a login, exchanged for tenant tokens.
    Session,
    /// `nsct_`: a short-lived tenant token.
    Tenant,
    /// `nscw_`: the token of a workload on one of the cloud's machines.
    Workload,
    /// `nsrt_`: a revokable token, opaque.
    Revokable,
    /// `tok_`: the id of a token, not a secret.
    Id,
    /// Unknown. It may be valid.
    Other,
}

impl TokenKind {
    pub fn of(text: &str) -> Self {
        for (prefix, kind) in [
            ("st_", Self::Session),
            ("nsct_", Self::Tenant),
            ("nscw_", Self::Workload),
            ("nsrt_", Self::Revokable),
            ("tok_", Self::Id),
        ] {
            if text.starts_with(prefix) {
                return kind;
            }
        }
        Self::Other
    }

    pub fn of_secret(token: &Secret) -> Self {
        Self::of(token.expose())
    }
}

/// The claims that are used.
#[derive(Clone, Debug, Deserialize)]
pub struct Claims {
    #[serde(default)]
    pub tenant_id: Option<String>,
    #[serde(default)]
    pub actor_id: Option<String>,
    #[serde(default)]
    exp: Option<f64>,
}

impl Claims {
    /// The claims of a token, with or without a prefix. `None` if it is not a JWT.
    pub fn of(token: &Secret) -> Option<Self> {
        let text = token.expose();
        let jwt =
            text.split_once('_').filter(|_| TokenKind::of(text) != TokenKind::Other).map_or(text, |(_, rest)| rest);
        let mut segments = jwt.split('.');
        let (_, payload, _, None) = (segments.next()?, segments.next()?, segments.next()?, segments.next()) else {
            return None;
        };
        let payload = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
        // serde would take an array for a struct.
        payload.starts_with(b"{").then(|| serde_json::from_slice(&payload).ok()).flatten()
    }

    pub fn expiry(&self) -> Option<Timestamp> {
        // A time beyond the range of `Timestamp` is its maximum.
        Some(Timestamp::from_second(self.exp? as i64).unwrap_or(Timestamp::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn token(prefix: &str, payload: &str) -> Secret {
        Secret::new(format!("{prefix}eyJhbGciOiJIUzI1NiJ9.{}.c2ln", URL_SAFE_NO_PAD.encode(payload)))
    }

    #[test]
    fn claims_with_and_without_a_prefix() {
        for prefix in ["st_", "nsct_", "nscw_", ""] {
            let claims = Claims::of(&token(prefix, r#"{"exp":1800000000.9,"tenant_id":"t_a_b","other":[1]}"#));
            let claims = claims.unwrap_or_else(|| panic!("{prefix}"));
            assert_eq!(claims.tenant_id.as_deref(), Some("t_a_b"));
            assert_eq!(claims.expiry().map(|time| time.as_second()), Some(1_800_000_000));
        }
    }

    #[test]
    fn opaque_and_invalid_tokens_have_no_claims() {
        for text in ["nsrt_abc", "", "st_", "st_a.b.c", "st_a.b", "st_.W10.", "nsct_eyJ.!!!.x"] {
            assert!(Claims::of(&Secret::new(text)).is_none(), "{text}");
        }
        let no_expiry = Claims::of(&token("st_", "{}"));
        assert_eq!(no_expiry.map(|claims| claims.expiry()), Some(None));
    }

    proptest! {
        #![proptest_config(crate::testing::properties())]

        #[test]
        fn no_text_panics(text in any::<String>(), payload in any::<String>(), exp in any::<f64>()) {
            Claims::of(&Secret::new(text));
            Claims::of(&token("st_", &payload)).and_then(|claims| claims.expiry());
            Claims::of(&token("st_", &format!("{{\"exp\":{exp}}}"))).and_then(|claims| claims.expiry());
        }
    }
}
