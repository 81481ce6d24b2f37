//! Tokens of service accounts: opaque, in the form of a compact JWE.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::sandbox::keys::Keys;

/// A new token: a JSON header, and four segments of random bytes.
pub fn mint(keys: &Keys) -> String {
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let header = json!({
        "alg": "A256GCMKW", "cty": "JWT", "enc": "A256GCM", "iv": encode(&keys.random::<12>()),
        "kid": encode(&keys.random::<32>()), "tag": encode(&keys.random::<16>()), "typ": "at+jwt",
    });
    [
        encode(header.to_string().as_bytes()),
        encode(&keys.random::<32>()),
        encode(&keys.random::<12>()),
        encode(&keys.random::<600>()),
        encode(&keys.random::<16>()),
    ]
    .join(".")
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BearerFormat {
    /// Five segments, and a header with `alg` and `enc`.
    Jwe,
    /// Three segments, and a header with `alg`.
    Jws {
        /// Whether the claims have `iss`.
        has_issuer: bool,
    },
    Other,
}

impl BearerFormat {
    pub fn of(bearer: &str) -> Self {
        let segments: Vec<&str> = bearer.split('.').collect();
        let json =
            |segment: &str| -> Option<Value> { serde_json::from_slice(&URL_SAFE_NO_PAD.decode(segment).ok()?).ok() };
        let Some(header) = segments.first().and_then(|segment| json(segment)) else { return Self::Other };
        match segments.as_slice() {
            [_, _, _, _, _] if header["alg"].is_string() && header["enc"].is_string() => Self::Jwe,
            [_, payload, _] if header["alg"].is_string() => {
                Self::Jws { has_issuer: json(payload).is_some_and(|claims| claims["iss"].is_string()) }
            }
            _ => Self::Other,
        }
    }
}
