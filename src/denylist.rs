//! What is known to be no credential of any cloud, though it stands in the
//! place of one. Whatever is not known here is sent: tokens change their form.

use serde_json::Value;

use crate::secret::looks_secret;
use crate::text::base64;

/// What stands in the place of a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// A JSON object or array.
    Json,
    /// A token in quotes, or with one of them.
    Quoted,
    /// What a log shows in place of a secret.
    Masked,
    /// The scheme of an HTTP header before the token.
    Scheme,
    /// `tok_…`.
    Id,
    /// What `jq` prints for a field that is not there.
    Null,
    /// A path or an address.
    Path,
    /// Several words or lines.
    WhiteSpace,
    /// A character that cannot stand in a header.
    Characters,
}

impl Denied {
    /// The words for it, behind the name of the place.
    pub fn words(self) -> &'static str {
        match self {
            Self::Json => "holds JSON in the place of the token",
            Self::Quoted => "has quotes around the token",
            Self::Masked => "holds what a log shows, such as *** in place of a secret, and not the secret",
            Self::Scheme => "begins with \"Bearer\"; it must be the token alone",
            Self::Id => "holds a token's id (tok_…), not its secret",
            Self::Null => "holds the word null, which jq prints for a field that is not there",
            Self::Path => "holds a path, not a token",
            Self::WhiteSpace => "has white space inside, which no token has",
            Self::Characters => "contains characters that no token has",
        }
    }
}

/// What a text is, trimmed, that cannot be a credential; `None` where it may be
/// one.
pub fn denied(text: &str) -> Option<Denied> {
    const MASKS: [&str; 3] = ["***", "[MASKED]", "[redacted]"];
    Some(match text {
        _ if MASKS.iter().any(|mask| text.contains(mask)) => Denied::Masked,
        _ if has_quotes_around(text) => Denied::Quoted,
        _ if text.starts_with(['{', '[']) => Denied::Json,
        _ if text.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("bearer ")) => Denied::Scheme,
        _ if text.starts_with("tok_") => Denied::Id,
        "null" => Denied::Null,
        _ if text.contains(char::is_whitespace) => Denied::WhiteSpace,
        _ if text.contains('/') => Denied::Path,
        _ if !text.bytes().all(|byte| byte.is_ascii_graphic()) => Denied::Characters,
        _ => return None,
    })
}

/// Whether a text begins or ends with a quote.
pub fn has_quotes_around(text: &str) -> bool {
    const QUOTES: [char; 7] = ['"', '\'', '`', '“', '”', '‘', '’'];
    text.starts_with(QUOTES) || text.ends_with(QUOTES)
}

/// Whether the value of a path variable is what the file should hold.
pub fn is_content(value: &str) -> bool {
    let value = value.trim();
    looks_secret(value) || has_jose_header(value) || value.starts_with("{") || value.starts_with("tok_")
}

/// Whether a text is a JWT (three parts) or a JWE (five) without anything
/// before it: its first part is JSON with `alg`.
pub fn has_jose_header(text: &str) -> bool {
    let header = || {
        let bytes = base64::decode(text.split('.').next()?)?;
        serde_json::from_slice::<Value>(&bytes).ok()?.get("alg").cloned()
    };
    matches!(text.split('.').count(), 3 | 5) && header().is_some()
}
