//! What calls with JSON have in common, whatever their protocol.

use std::marker::PhantomData;
use std::ops::ControlFlow;

use reqwest::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use serde::{Deserialize, Deserializer};

use crate::error::{Failure, Kind, Result};
use crate::http::endpoint::Endpoint;
use crate::http::page::is_html;
use crate::http::retry::Effect;
use crate::output::json::each;
use crate::secret::Secret;

/// The headers of every call: the credential, and no compression, since the
/// answer may hold a secret.
///
/// # Errors
/// Not authenticated: the credential cannot stand in a header.
pub fn headers(bearer: &Secret) -> Result<HeaderMap> {
    let mut authorization = HeaderValue::try_from(format!("Bearer {}", bearer.expose())).map_err(|_| {
        Failure::new(Kind::NotAuthenticated, "the credential contains characters that no token has, and cannot be sent")
    })?;
    authorization.set_sensitive(true);
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, authorization);
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    Ok(headers)
}

/// Reads `null` as an absent field, as protobuf's JSON does, and as some
/// servers write an empty list.
///
/// # Errors
/// As reading the value says.
pub fn or_default<'de, T: Default + Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Whether a success is the API's own: said to be JSON, and no page all the same.
pub fn is_own(headers: &HeaderMap, body: &[u8]) -> bool {
    is_json(headers) && !is_html(body)
}

/// Whether a body is said to be JSON.
pub fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().is_some_and(|media| media.trim().eq_ignore_ascii_case("application/json"))
}

/// A success whose message cannot be used. For a mint that is the loss of a
/// secret that now exists.
pub fn unreadable(effect: Effect, host: &str, why: &str) -> Failure {
    match effect {
        Effect::Mint => Failure::new(
            Kind::OutcomeUnknown,
            format!("{host} reported success, but its answer cannot be read ({why}): the secret in it is lost"),
        ),
        Effect::Change => {
            Failure::new(Kind::OutcomeUnknown, format!("{host} reported success, but its answer cannot be read: {why}"))
        }
        Effect::Read => Failure::unexpected(format!("the answer of {host} cannot be read: {why}")),
    }
}

/// Reads a response message that is an object.
///
/// # Errors
/// Unexpected, or outcome unknown where a change was made: it does not fit.
pub fn decode<'a, T: Deserialize<'a>>(body: &'a [u8], effect: Effect, endpoint: &Endpoint) -> Result<T> {
    // serde would take an array for a message.
    if body.trim_ascii_start().starts_with(b"{") {
        return fit(body, effect, endpoint);
    }
    let host = endpoint.authority();
    // Only what mints comes this far with a page: it might have held a secret.
    if is_html(body) {
        let what = format!("the answer is not the API's, but an HTML page from {host}");
        let sent = "the request was sent and its outcome is unknown";
        return Err(Failure::new(Kind::OutcomeUnknown, format!("{sent}: {what}")));
    }
    Err(unreadable(effect, &host, "it is no JSON object"))
}

/// Reads a response message that is an array; `null` is an empty one.
///
/// # Errors
/// As [`decode`].
pub fn decode_list<'a, T: Deserialize<'a>>(body: &'a [u8], effect: Effect, endpoint: &Endpoint) -> Result<Vec<T>> {
    fit::<Option<Vec<T>>>(body, effect, endpoint).map(Option::unwrap_or_default)
}

/// Hands on the messages of such a response one at a time, so that no more
/// than one is held.
///
/// # Errors
/// As [`decode`], be it behind messages that were handed on.
pub fn decode_each<'a, T: Deserialize<'a>>(
    body: &'a str,
    effect: Effect,
    endpoint: &Endpoint,
    mut visit: impl FnMut(T),
) -> Result<()> {
    each(body, PhantomData, |message| {
        visit(message);
        ControlFlow::Continue(())
    })
    .map_err(|error| misfit(&error, effect, endpoint))
}

fn fit<'a, T: Deserialize<'a>>(body: &'a [u8], effect: Effect, endpoint: &Endpoint) -> Result<T> {
    serde_json::from_slice(body).map_err(|error| misfit(&error, effect, endpoint))
}

fn misfit(error: &serde_json::Error, effect: Effect, endpoint: &Endpoint) -> Failure {
    // serde_json would quote a value that it did not expect.
    let place = format!("its JSON does not fit at line {}, column {}", error.line(), error.column());
    unreadable(effect, &endpoint.authority(), &place)
}

/// The first text behind one of these names, in an answer that may be cut
/// off, wrapped or broken: a secret in it exists now and must not be lost.
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
    fn what_is_left_of_a_secret() {
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
