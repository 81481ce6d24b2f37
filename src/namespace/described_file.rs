//! Token files: the layout that official programs read, with what the token is
//! beside its secret, and what is said of a token that one held before.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::delivery::is_shell_safe;
use crate::names::Program;
use crate::namespace::message::CreateResponse;
use crate::namespace::proto::Time;
use crate::text::time::{parse, rfc3339};

/// The content of a file for a token that was just made: one key a line, of
/// which official programs read the first and pass over the rest.
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

/// What a file says of the token in it; the secret itself is only looked for.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Described {
    bearer_token: Value,
    tenant_token: Value,
    session_token: Value,
    token_id: Value,
    expires_at: Value,
    retiring: Value,
}

/// What to know of the token that a file held before `shown` was replaced, where
/// it held one that may be alive.
pub fn replaced(previous: Option<&[u8]>, shown: &str, program: Program) -> Option<String> {
    let list = format!("`{program} token list` shows which tokens are still active");
    let Some(previous) = previous else {
        return Some(format!("what {shown} held before could not be read, and is gone: {list}"));
    };
    let previous = previous.strip_prefix(b"\xef\xbb\xbf").unwrap_or(previous);
    let Ok(file) = serde_json::from_slice::<Described>(previous) else {
        let text = str::from_utf8(previous).ok()?.trim();
        let is_bare = text.len() > 8 && text.bytes().all(|byte| byte.is_ascii_graphic());
        return is_bare.then(|| format!("{shown} held another token before, whose id is not in the file: {list}"));
    };
    let is_set = |value: &Value| value.as_str().is_some_and(|text| !text.trim().is_empty());
    if ![&file.bearer_token, &file.tenant_token, &file.session_token].into_iter().any(is_set) {
        return None;
    }
    let id =
        |value: &Value| value.as_str().filter(|id| !id.is_empty() && id.chars().all(is_shell_safe)).map(str::to_owned);
    let expiry = file.expires_at.as_str().and_then(parse);
    let retiring: Vec<String> =
        file.retiring.as_array().into_iter().flatten().filter_map(|entry| id(&entry["token_id"])).collect();
    let Some(current) = id(&file.token_id) else {
        return Some(format!("{shown} held another token before, whose id is not in the file: {list}"));
    };
    let alive: Vec<String> = std::iter::once(current.clone()).chain(retiring).collect();
    // A refresh elsewhere can only have moved it later.
    let expires = expiry.map(|expiry| format!(" (expires {} or later)", rfc3339(expiry))).unwrap_or_default();
    let others = match alive.iter().filter(|id| **id != current).map(String::as_str).collect::<Vec<_>>() {
        others if others.is_empty() => String::new(),
        others => format!(", and the list of those to be retired: {}", others.join(", ")),
    };
    let ids = alive.iter().map(|id| format!(" --token_id {id}")).collect::<String>();
    Some(format!(
        "{shown} held token {current}{expires} before{others}; replacing it revoked nothing: `{program} token revoke{ids}`"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replaced(previous: &str) -> String {
        super::replaced(Some(previous.as_bytes()), "t.json", Program::Nsc).unwrap_or_default()
    }

    #[test]
    fn what_is_said_of_the_token_before() {
        for (previous, said) in [
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
            assert_eq!(replaced(previous), said, "{previous}");
        }
    }
}
