//! What the two protocols with JSON have in common.

use std::marker::PhantomData;
use std::ops::ControlFlow;

use reqwest::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use serde::{Deserialize, Deserializer, Serialize};

use crate::http::content::is_html;
use crate::http::endpoint::Endpoint;
use crate::http::error::{BadResponse, Cause, Error};
use crate::http::retry::Effect;
use crate::output::json::each;
use crate::secret::Secret;

/// The headers of every call: the credential, and no compression, since the response
/// may contain a secret. `None` if a header cannot carry the credential.
pub fn headers(bearer: &Secret) -> Option<HeaderMap> {
    let mut authorization = HeaderValue::try_from(format!("Bearer {}", bearer.expose())).ok()?;
    authorization.set_sensitive(true);
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, authorization);
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    Some(headers)
}

/// Reads `null` as the default: in protobuf's JSON it means an absent field, and some
/// servers write it for an empty list.
///
/// # Errors
/// The value has another type.
pub fn or_default<'de, T: Default + Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Whether a success comes from the API: its content type is JSON, and its body is not
/// an HTML page.
pub fn is_api_response(headers: &HeaderMap, body: &[u8]) -> bool {
    is_json(headers) && !is_html(body)
}

/// Whether the content type is JSON.
pub fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().is_some_and(|media| media.trim().eq_ignore_ascii_case("application/json"))
}

/// # Errors
/// It cannot be written as JSON.
pub fn encode(message: &impl Serialize, effect: Effect, endpoint: &Endpoint) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(message).map_err(|error| Error::not_sent(Cause::Encode(error), effect, endpoint))
}

/// Reads a response message that is an object.
///
/// # Errors
/// [`Cause::BadResponse`]: it is not JSON, or does not match the message.
pub fn decode<'a, T: Deserialize<'a>>(body: &'a [u8], effect: Effect, endpoint: &Endpoint) -> Result<T, Error> {
    // serde would take an array for a message.
    if body.trim_ascii_start().starts_with(b"{") {
        return decode_json(body, effect, endpoint);
    }
    // An HTML page is passed to this function only as the response to a mint, since it
    // might have contained a secret.
    let why = if is_html(body) { BadResponse::Html } else { BadResponse::NotAnObject };
    Err(Error::bad_response(why, effect, endpoint))
}

/// Reads a response message that is an array; `null` is an empty one.
///
/// # Errors
/// As [`decode`].
pub fn decode_list<'a, T: Deserialize<'a>>(
    body: &'a [u8],
    effect: Effect,
    endpoint: &Endpoint,
) -> Result<Vec<T>, Error> {
    decode_json::<Option<Vec<T>>>(body, effect, endpoint).map(Option::unwrap_or_default)
}

/// Reads the messages of such an array one at a time, so that only one is in memory.
///
/// # Errors
/// As [`decode`], after visiting the messages before the unreadable one.
pub fn decode_each<'a, T: Deserialize<'a>>(
    body: &'a str,
    effect: Effect,
    endpoint: &Endpoint,
    mut visit: impl FnMut(T),
) -> Result<(), Error> {
    each(body, PhantomData, |message| {
        visit(message);
        ControlFlow::Continue(())
    })
    .map_err(|error| decode_error(&error, effect, endpoint))
}

fn decode_json<'a, T: Deserialize<'a>>(body: &'a [u8], effect: Effect, endpoint: &Endpoint) -> Result<T, Error> {
    serde_json::from_slice(body).map_err(|error| decode_error(&error, effect, endpoint))
}

fn decode_error(error: &serde_json::Error, effect: Effect, endpoint: &Endpoint) -> Error {
    let why = BadResponse::Mismatch { line: error.line(), column: error.column() };
    Error::bad_response(why, effect, endpoint)
}

/// The first string value of a field with one of these names, in a response that may be
/// truncated, wrapped or damaged: a secret in it exists and must not be lost.
pub fn salvage(body: &[u8], names: &[&str]) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    names.iter().find_map(|name| {
        let quoted = format!("\"{name}\"");
        text.match_indices(&quoted).find_map(|(at, _)| {
            let value = text[at + quoted.len()..].trim_start().strip_prefix(':')?.trim_start();
            let mut values = serde_json::Deserializer::from_str(value).into_iter::<String>();
            values.next()?.ok().filter(|value| !value.is_empty())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_in_a_damaged_response_is_found() {
        let names = ["accessToken"];
        for body in [
            &br#"{"status":{"accessToken":"eyJ.a"}}"#[..],
            br#"{"status":{"accessToken" : "eyJ\u002ea","#,
            b"\xef\xbb\xbf[{\"name\":\"\xff\",\"accessToken\":\"\",\"accessToken\":\"eyJ.a\"",
        ] {
            assert_eq!(salvage(body, &names).as_deref(), Some("eyJ.a"), "{}", String::from_utf8_lossy(body));
        }
        for body in
            [&b""[..], b"{\"accessToken\":\"eyJ.a", b"{\"accessToken\":7}", b"{\"accessToken\"", b"\"accessToken\""]
        {
            assert_eq!(salvage(body, &names), None, "{}", String::from_utf8_lossy(body));
        }
    }
}
