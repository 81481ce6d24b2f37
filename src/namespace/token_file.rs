//! Token files: the keys that official programs read, and some that describe the token.
//! No message quotes their content.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::cloud::{Cloud, NAMESPACE};
use crate::credential::not_authenticated;
use crate::delivery::is_shell_safe;
use crate::denylist::{denied, has_jose_header};
use crate::error::{Failure, Result};
use crate::names::Program;
use crate::namespace::jwt::TokenKind;
use crate::namespace::messages::CreateResponse;
use crate::namespace::proto::Time;
use crate::secret::Secret;
use crate::text::time;

/// The keys that are read. Others are ignored.
#[derive(Default, Deserialize)]
#[serde(default)]
struct TokenFile {
    bearer_token: Option<Secret>,
    session_token: Option<Secret>,
    /// The old name of `bearer_token`. It takes precedence.
    tenant_token: Option<Secret>,
    token_id: Value,
    expires_at: Value,
    /// Tokens to be revoked later, each with its `token_id`.
    retiring: Value,
}

/// The tokens in a token file.
#[derive(Clone, Debug, Default)]
pub struct Tokens {
    /// Sent unchanged.
    pub bearer: Option<Secret>,
    /// Exchanged for a tenant token.
    pub session: Option<Secret>,
}

impl TokenFile {
    fn tokens(self) -> Tokens {
        let bearer = self.tenant_token.filter(is_set).or(self.bearer_token);
        let trimmed = |token: Secret| Secret::new(token.expose().trim());
        Tokens { bearer: bearer.map(trimmed).filter(is_set), session: self.session_token.map(trimmed).filter(is_set) }
    }
}

/// Reads the text of a token file: JSON, or a bare token. `source` is how messages name
/// the file.
///
/// # Errors
/// Not authenticated: it contains no token, or one of another cloud.
pub(super) fn parse(source: &str, text: &str) -> Result<Tokens> {
    let malformed = |why: &str| -> Failure {
        not_authenticated(format!("{source} is malformed: {why}")).hint(
            r#"a token file looks like {"bearer_token":"nsrt_…"}; make one with `nsc token create --token_file PATH`"#,
        )
    };
    let text = text.trim_start_matches('\u{feff}').trim();
    let keys = if text.starts_with('{') {
        // The text of serde_json's error may quote a value.
        serde_json::from_str(text).map_err(|error| {
            malformed(&format!("unexpected JSON at line {}, column {}", error.line(), error.column()))
        })?
    } else if text.is_empty() {
        return Err(malformed("it is empty"));
    } else {
        bare(text)
    };
    let tokens = keys.tokens();
    let all = [&tokens.bearer, &tokens.session];
    if all.iter().all(|token| token.is_none()) {
        return Err(malformed("it has no bearer_token and no session_token"));
    }
    for text in all.into_iter().flatten().map(Secret::expose) {
        if let Some(denied) = denied(text) {
            return Err(malformed(&format!("it {}", denied.reason())));
        }
        if is_foreign(text) {
            return Err(not_authenticated(format!(
                "{source} holds a token of Nscale or another cloud, which is not sent to Namespace"
            ))
            .hint("a token of Namespace begins with nsrt_, nsct_ or nscw_; Nscale's belongs in NSCALE_SERVICE_TOKEN"));
        }
    }
    Ok(tokens)
}

fn bare(text: &str) -> TokenFile {
    let token = Some(Secret::new(text));
    match TokenKind::of(text) {
        TokenKind::Session => TokenFile { session_token: token, ..TokenFile::default() },
        _ => TokenFile { bearer_token: token, ..TokenFile::default() },
    }
}

/// Whether a token is one of another cloud: a JWT or JWE without a prefix of this one.
fn is_foreign(token: &str) -> bool {
    has_jose_header(token) && Cloud::of_token(token) != Some(&NAMESPACE)
}

/// Whether a token may be sent.
pub(super) fn is_usable(token: &Secret) -> bool {
    let text = token.expose();
    !text.is_empty() && denied(text).is_none() && !is_foreign(text)
}

fn is_set(token: &Secret) -> bool {
    !token.expose().trim().is_empty()
}

/// The content of the file for a new token, with one key per line.
pub fn content(created: &CreateResponse) -> String {
    let token = &created.token;
    let mut file = Map::new();
    file.insert("bearer_token".into(), created.bearer_token.expose().into());
    for (key, value) in [("token_id", &token.token_id), ("name", &token.name)] {
        if !value.is_empty() {
            file.insert(key.into(), value.as_str().into());
        }
    }
    if let Some(expiry) = token.expires_at.filter(|expiry| *expiry != Time::UNREADABLE) {
        file.insert("expires_at".into(), expiry.to_string().into());
    }
    format!("{:#}\n", Value::Object(file))
}

/// The note about the token that a file held before it was replaced: its id, its expiry
/// and the command that revokes it. `None` if it held no token. `previous` is the previous
/// content, if it could be read.
pub fn replaced(previous: Option<&[u8]>, path: &str, program: Program) -> Option<String> {
    let list = format!("`{program} token list` shows which tokens are still active");
    let unknown = || Some(format!("{path} held another token before, whose id is not in the file: {list}"));
    let Some(previous) = previous else {
        return Some(format!("{path} could not be read before it was replaced: {list}"));
    };
    let text = str::from_utf8(previous).ok()?.trim_start_matches('\u{feff}').trim();
    if !text.starts_with('{') {
        let is_token = text.len() > 8 && text.bytes().all(|byte| byte.is_ascii_graphic());
        return if is_token { unknown() } else { None };
    }
    let file: TokenFile = serde_json::from_str(text).ok()?;
    let (id, expiry) = (safe_id(&file.token_id), file.expires_at.as_str().and_then(time::parse));
    let retiring: Vec<String> =
        file.retiring.as_array().into_iter().flatten().filter_map(|entry| safe_id(&entry["token_id"])).collect();
    if let Tokens { bearer: None, session: None } = file.tokens() {
        return None;
    }
    let Some(id) = id else { return unknown() };
    // A refresh may have extended it since.
    let expires = expiry.map(|expiry| format!(" (expires {} or later)", time::rfc3339(expiry))).unwrap_or_default();
    let others: Vec<&str> = retiring.iter().map(String::as_str).filter(|other| *other != id).collect();
    let retired = match others.as_slice() {
        [] => String::new(),
        others => format!(", and the list of those to be retired: {}", others.join(", ")),
    };
    let flags: String = std::iter::once(id.as_str()).chain(others).map(|id| format!(" --token_id {id}")).collect();
    Some(format!(
        "{path} held token {id}{expires} before{retired}; replacing it revoked nothing: `{program} token revoke{flags}`"
    ))
}

/// An id that is safe in a command line.
fn safe_id(value: &Value) -> Option<String> {
    value.as_str().filter(|id| !id.is_empty() && id.chars().all(is_shell_safe)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replaced(previous: &str) -> String {
        super::replaced(Some(previous.as_bytes()), "t.json", Program::Nsc).unwrap_or_default()
    }

    #[test]
    fn notes_about_the_previous_token() {
        for (previous, note) in [
            ("", ""),
            ("{}", ""),
            ("[1]", ""),
            ("some notes of mine", ""),
            (r#"{"bearer_token":"","token_id":"tok_a"}"#, ""),
            (
                "\u{feff}{\"bearer_token\":\"nsrt_x\",\"token_id\":\"tok_a\"}",
                "t.json held token tok_a before; replacing it revoked nothing: `nsc token revoke --token_id tok_a`",
            ),
            (
                r#"{"bearer_token":"nsrt_x","token_id":"tok_a","name":"ci","expires_at":"2026-11-26T09:00:00.5Z"}"#,
                "t.json held token tok_a (expires 2026-11-26T09:00:00Z or later) before; replacing it revoked nothing: `nsc token revoke --token_id tok_a`",
            ),
            (
                r#"{"bearer_token":"nsrt_x","token_id":"tok_a","retiring":[{"token_id":"tok_b","after":"x"},{"token_id":"tok c"},7]}"#,
                "t.json held token tok_a before, and the list of those to be retired: tok_b; replacing it revoked nothing: `nsc token revoke --token_id tok_a --token_id tok_b`",
            ),
            (
                "nsrt_something",
                "t.json held another token before, whose id is not in the file: `nsc token list` shows which tokens are still active",
            ),
            (
                r#"{"session_token":"st_x","token_id":"tok_a; rm -rf /"}"#,
                "t.json held another token before, whose id is not in the file: `nsc token list` shows which tokens are still active",
            ),
        ] {
            assert_eq!(replaced(previous), note, "{previous}");
        }
    }
}
