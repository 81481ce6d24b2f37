//! Connect unary calls with JSON: one POST, and an error envelope that says
//! more than the HTTP status does.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::Value;

use crate::error::{Failure, Kind, Result};
use crate::http::client::{Client, Request, Response, retry_after};
use crate::http::endpoint::Endpoint;
use crate::http::foreign::foreign;
use crate::http::json::{self, is_json, is_own};
use crate::http::retry::{AttemptLimit, AttemptOutcome, Effect};
use crate::redactor::Redactor;
use crate::secret::Secret;
use crate::text::base64;

/// The codes of the protocol. Each has one spelling and one HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the protocol's own")]
pub enum Code {
    Canceled,
    Unknown,
    InvalidArgument,
    DeadlineExceeded,
    NotFound,
    AlreadyExists,
    PermissionDenied,
    ResourceExhausted,
    FailedPrecondition,
    Aborted,
    OutOfRange,
    Unimplemented,
    Internal,
    Unavailable,
    DataLoss,
    Unauthenticated,
}

impl Code {
    /// Every code, in the order of gRPC's numbers, which begin at 1.
    pub const ALL: [(Self, &'static str, u16); 16] = [
        (Self::Canceled, "canceled", 499),
        (Self::Unknown, "unknown", 500),
        (Self::InvalidArgument, "invalid_argument", 400),
        (Self::DeadlineExceeded, "deadline_exceeded", 504),
        (Self::NotFound, "not_found", 404),
        (Self::AlreadyExists, "already_exists", 409),
        (Self::PermissionDenied, "permission_denied", 403),
        (Self::ResourceExhausted, "resource_exhausted", 429),
        (Self::FailedPrecondition, "failed_precondition", 400),
        (Self::Aborted, "aborted", 409),
        (Self::OutOfRange, "out_of_range", 400),
        (Self::Unimplemented, "unimplemented", 501),
        (Self::Internal, "internal", 500),
        (Self::Unavailable, "unavailable", 503),
        (Self::DataLoss, "data_loss", 500),
        (Self::Unauthenticated, "unauthenticated", 401),
    ];

    /// Its spelling in the envelope.
    pub fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    /// The HTTP status that a server sends it with.
    pub fn http_status(self) -> u16 {
        Self::ALL[self as usize].2
    }

    /// The number that gRPC gives it.
    pub fn number(self) -> u32 {
        self as u32 + 1
    }

    /// Reads a name, in small or capital letters and with gRPC's second L, or
    /// a gRPC number, as some endpoints send.
    pub fn from_json(value: &Value) -> Option<Self> {
        match value {
            Value::String(name) => {
                let name = name.to_ascii_lowercase();
                let name = if name == "cancelled" { "canceled" } else { &name };
                Self::ALL.iter().find(|(_, known, _)| *known == name).map(|(code, ..)| *code)
            }
            Value::Number(number) => {
                let index = usize::try_from(number.as_u64()?).ok()?.checked_sub(1)?;
                Self::ALL.get(index).map(|(code, ..)| *code)
            }
            _ => None,
        }
    }

    /// The kind of failure it is to a user.
    pub fn kind(self) -> Kind {
        match self {
            Self::Unauthenticated => Kind::NotAuthenticated,
            Self::PermissionDenied => Kind::NotPermitted,
            Self::NotFound => Kind::NotFound,
            Self::AlreadyExists | Self::FailedPrecondition | Self::Aborted => Kind::Conflict,
            Self::Unavailable | Self::ResourceExhausted | Self::DeadlineExceeded => Kind::Temporary,
            Self::InvalidArgument | Self::OutOfRange | Self::Unimplemented => Kind::Refused,
            Self::Canceled | Self::Unknown | Self::Internal | Self::DataLoss => Kind::Unexpected,
        }
    }
}

/// A call: the full name of the method, and the message as JSON.
pub struct Call<'a> {
    /// The server.
    pub endpoint: &'a Endpoint,
    /// `package.Service/Method`.
    pub method: &'a str,
    /// The credential.
    pub bearer: &'a Secret,
    /// The request message.
    pub message: Vec<u8>,
    /// What sending it twice would do.
    pub effect: Effect,
}

/// A detail of an error: the message's full name and its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detail {
    /// As in `namespace.cloud.iam.v1beta.PermissionDeniedError`.
    pub type_name: String,
    /// The serialized message.
    pub value: Vec<u8>,
}

/// An error as the server told it.
#[derive(Clone, Debug)]
pub struct RpcError {
    /// Its code.
    pub code: Code,
    /// The server's words, which may be empty.
    pub message: String,
    /// Typed details.
    pub details: Vec<Detail>,
    /// The HTTP status.
    pub http_status: u16,
    /// What its code ends.
    pub ending: AttemptOutcome,
    /// Whether an earlier try of the same request may have been carried out.
    pub repeated: bool,
    /// How long the server asks to wait.
    pub retry_after: Option<Duration>,
}

/// How a call ends without its answer.
pub enum CallError {
    /// The server answered with an error.
    Rpc(RpcError),
    /// There was no answer, or none of the API's own.
    Failed(Failure),
}

/// Makes the call and gives back the response message as JSON bytes.
///
/// # Errors
/// [`CallError`].
pub async fn unary(client: &Client, call: Call<'_>) -> std::result::Result<Vec<u8>, CallError> {
    let url = call.endpoint.join(&format!("/{}", call.method));
    let headers = headers(call.bearer, client.remaining()).map_err(CallError::Failed)?;
    let (effect, tries) = (call.effect, AttemptLimit::DEFAULT);
    let request = Request { method: Method::POST, url, headers, body: call.message, effect, tries, read_outcome };
    client.redactor().keep_out(call.bearer);
    let answer = client.send(&request).await.map_err(CallError::Failed)?;
    // A success that is not by the protocol may still hold a secret.
    if answer.status.is_success() && call.effect == Effect::Mint {
        return Ok(answer.body);
    }
    if answer.status.as_u16() == 200 && is_own(&answer.headers, &answer.body) {
        return Ok(answer.body);
    }
    Err(match read_error(&answer, client.redactor()) {
        Some(error) => CallError::Rpc(error),
        None => CallError::Failed(foreign(&answer, call.effect, client, call.endpoint)),
    })
}

/// The code is believed rather than the status that it came with.
fn read_outcome(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> AttemptOutcome {
    let envelope = if status.is_success() { None } else { envelope(headers, body) };
    let status = envelope.map_or(status.as_u16(), |(code, ..)| code.http_status());
    AttemptOutcome::of_status(status, retry_after(headers).is_some())
}

fn headers(bearer: &Secret, remaining: Duration) -> Result<HeaderMap> {
    /// Ten digits are the most that the protocol allows.
    const LONGEST: u128 = 9_999_999_999;
    let mut headers = json::headers(bearer)?;
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert("connect-protocol-version", HeaderValue::from_static("1"));
    if let Ok(timeout) = HeaderValue::try_from(remaining.as_millis().clamp(1, LONGEST).to_string()) {
        headers.insert("connect-timeout-ms", timeout);
    }
    Ok(headers)
}

/// The envelope as it comes.
#[derive(Deserialize)]
struct Envelope {
    #[serde(default)]
    code: Value,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    details: Value,
}

#[derive(Deserialize)]
struct EnvelopeDetail {
    #[serde(rename = "type", alias = "type_url")]
    type_name: String,
    value: String,
}

fn read_error(answer: &Response, redactor: &Redactor) -> Option<RpcError> {
    let (code, message, mut details) = envelope(&answer.headers, &answer.body)?;
    details.retain(|detail| !redactor.finds(&detail.value));
    Some(RpcError {
        code,
        message: redactor.clean(&message),
        details,
        http_status: answer.status.as_u16(),
        ending: answer.ending,
        repeated: answer.repeated,
        retry_after: retry_after(&answer.headers),
    })
}

/// What an error of the protocol says.
type Told = (Code, String, Vec<Detail>);

fn envelope(headers: &HeaderMap, body: &[u8]) -> Option<Told> {
    if is_json(headers) { read_envelope(body) } else { None }
}

/// The code, the server's words and the details of an error's body; `None`
/// where it is not the protocol's, which always has a code. A detail that does
/// not fit takes nothing away from it.
pub fn read_envelope(body: &[u8]) -> Option<Told> {
    // serde would take an array for a struct.
    if !body.trim_ascii_start().starts_with(b"{") {
        return None;
    }
    let envelope: Envelope = serde_json::from_slice(body).ok()?;
    let details = envelope.details.as_array().into_iter().flatten().filter_map(read_detail).collect();
    Some((Code::from_json(&envelope.code)?, envelope.message.unwrap_or_default(), details))
}

fn read_detail(detail: &Value) -> Option<Detail> {
    let detail = EnvelopeDetail::deserialize(detail).ok()?;
    let value = base64::decode(&detail.value)?;
    let name = detail.type_name.rsplit('/').next().unwrap_or_default();
    Some(Detail { type_name: name.to_owned(), value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_follow_the_table_of_the_protocol() {
        for (index, (code, name, _)) in Code::ALL.iter().enumerate() {
            assert_eq!(*code as usize, index, "{name}");
            assert_eq!(Code::from_json(&Value::from(*name)), Some(*code));
            assert_eq!(Code::from_json(&Value::from(code.number())), Some(*code));
            assert_eq!(Code::from_json(&Value::from(name.to_uppercase())), Some(*code));
        }
        assert_eq!(Code::Unauthenticated.number(), 16);
        assert_eq!(Code::from_json(&Value::from("CANCELLED")), Some(Code::Canceled));
        for strange in [Value::from(0), Value::from(17), Value::from(-1), Value::from("ok"), Value::Null] {
            assert_eq!(Code::from_json(&strange), None, "{strange}");
        }
    }

    #[test]
    fn envelopes_that_are_unusable() {
        for body in [
            "",
            "[]",
            "[\"not_found\",\"x\",[]]",
            "{\"code\":",
            "{\"message\":7}",
            "{\"message\":\"Forbidden\"}",
            "{\"code\":\"AccessDenied\"}",
            "{\"code\":null}",
            "{\"code\":\"internal\",\"message\":7}",
        ] {
            assert!(read_envelope(body.as_bytes()).is_none(), "{body}");
        }
    }

    #[test]
    fn details_that_do_not_fit_are_passed_over() {
        for details in ["null", "7", "{}", "[7]", r#"[{"type":"a"}]"#, r#"[{"type":"a","value":"*"}]"#] {
            let body = format!(r#"{{"code":"not_found","details":{details}}}"#);
            assert_eq!(read_envelope(body.as_bytes()), Some((Code::NotFound, String::new(), Vec::new())), "{body}");
        }
    }

    #[test]
    fn details_with_and_without_padding_or_a_host() {
        for (name, value) in
            [("a.B", "CglyZXFfMDFhYmM"), ("a.B", "CglyZXFfMDFhYmM="), ("type.googleapis.com/a.B", "CglyZXFfMDFhYmM=")]
        {
            let body = format!(r#"{{"code":16,"details":[{{"type":"{name}","value":"{value}"}}]}}"#);
            let (code, _, details) = read_envelope(body.as_bytes()).unwrap();
            assert_eq!(code, Code::Unauthenticated);
            assert_eq!(details, [Detail { type_name: "a.B".into(), value: b"\n\treq_01abc".to_vec() }], "{body}");
        }
    }
}
