//! Recognises values that cannot be a credential of any cloud, such as JSON or a path.
//! Every other value is sent, since the format of tokens may change.

use serde_json::Value;

use crate::secret::looks_secret;
use crate::text::base64;

/// What a value is instead of a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// An object or array.
    Json,
    /// With a quotation mark at one end or both.
    Quoted,
    /// A secret as a log masks it.
    Masked,
    /// `Bearer …`
    Scheme,
    /// `tok_…`
    Id,
    /// As `jq` prints a missing field.
    Null,
    /// A path or a URL.
    Path,
    WhiteSpace,
    /// Characters that an HTTP header cannot carry.
    Characters,
}

impl Denied {
    /// The end of a sentence that begins with the name of the source.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Json => "holds JSON instead of the token",
            Self::Quoted => "has quotes around the token",
            Self::Masked => "holds a masked value such as ***, not the secret",
            Self::Scheme => "begins with \"Bearer\"; it must be the token alone",
            Self::Id => "holds a token's id (tok_…), not its secret",
            Self::Null => "holds the word null, which jq prints for a missing field",
            Self::Path => "holds a path, not a token",
            Self::WhiteSpace => "has white space inside, which no token has",
            Self::Characters => "contains characters that no token has",
        }
    }
}

/// What a trimmed value is instead of a credential; `None` if it may be one.
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

pub fn has_quotes_around(text: &str) -> bool {
    const QUOTES: [char; 7] = ['"', '\'', '`', '“', '”', '‘', '’'];
    text.starts_with(QUOTES) || text.ends_with(QUOTES)
}

/// Whether a variable that should name a file holds the content of the file instead.
pub fn is_content(value: &str) -> bool {
    let value = value.trim();
    looks_secret(value) || has_jose_header(value) || value.starts_with("{") || value.starts_with("tok_")
}

/// Whether a text is a JWT (three parts) or a JWE (five): its first part is a JSON
/// object with `alg`.
pub fn has_jose_header(text: &str) -> bool {
    let header = || {
        let bytes = base64::decode(text.split('.').next()?)?;
        serde_json::from_slice::<Value>(&bytes).ok()?.get("alg").cloned()
    };
    matches!(text.split('.').count(), 3 | 5) && header().is_some()
}
