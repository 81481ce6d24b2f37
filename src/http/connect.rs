//! Unary calls of the Connect protocol with JSON: a POST, and error bodies whose code
//! is more specific than the HTTP status.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::Value;

use crate::error::Kind;
use crate::http::client::{Client, Request, Response};
use crate::http::endpoint::Endpoint;
use crate::http::error::{CallError, Cause, Error};
use crate::http::json::{self, is_api_response, is_json};
use crate::http::retry::{AttemptLimit, Effect};
use crate::redactor::Redactor;
use crate::secret::Secret;
use crate::text::base64;

/// The codes of the protocol. Each has one spelling and one HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

    pub fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    pub fn http_status(self) -> u16 {
        Self::ALL[self as usize].2
    }

    /// Its number in gRPC.
    pub fn number(self) -> u32 {
        self as u32 + 1
    }

    /// Reads a name, in either case and with gRPC's second L, or a gRPC number:
    /// some servers send those.
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

pub struct RpcCall<'a> {
    pub endpoint: &'a Endpoint,
    /// `package.Service/Method`.
    pub method: &'a str,
    pub bearer: &'a Secret,
    /// JSON.
    pub message: Vec<u8>,
    pub effect: Effect,
}

/// A typed detail of an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detail {
    /// The full name of the message type, such as
    /// `namespace.cloud.iam.v1beta.PermissionDeniedError`.
    pub type_name: String,
    /// The serialized message.
    pub value: Vec<u8>,
}

/// An error of the API, redacted.
#[derive(Clone, Debug)]
pub struct RpcError {
    pub code: Code,
    /// May be empty.
    pub message: String,
    pub details: Vec<Detail>,
    pub http_status: u16,
    /// How long the server asks to wait.
    pub retry_after: Option<Duration>,
    /// Whether a change may have been carried out despite this error.
    pub may_have_been_processed: bool,
}

/// Makes the call and returns the response message as JSON.
///
/// # Errors
/// [`CallError`].
pub async fn call(client: &Client, call: RpcCall<'_>) -> Result<Vec<u8>, CallError<RpcError>> {
    let RpcCall { endpoint, method, bearer, message, effect } = call;
    let headers = headers(bearer, client.remaining())
        .ok_or_else(|| Error::not_sent(Cause::CredentialCharacters, effect, endpoint))?;
    client.redactor().add_secret(bearer);
    let request = Request {
        method: Method::POST,
        endpoint,
        path: &format!("/{method}"),
        headers,
        body: message,
        effect,
        limit: AttemptLimit::DEFAULT,
        effective_status,
    };
    let response = client.send(&request).await?;
    // A success that does not follow the protocol may still hold a secret.
    let is_mint = response.status.is_success() && effect == Effect::Mint;
    if is_mint || (response.status == StatusCode::OK && is_api_response(&response.headers, &response.body)) {
        return Ok(response.body);
    }
    Err(match read_error(&response, client.redactor()) {
        Some(error) => CallError::Api(error),
        None => client.foreign_response(&response, effect, endpoint).into(),
    })
}

/// The status that belongs to the code in the body takes precedence over that of the
/// response.
fn effective_status(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> u16 {
    let error = if status.is_success() { None } else { error_body(headers, body) };
    error.map_or(status.as_u16(), |error| error.code.http_status())
}

fn headers(bearer: &Secret, remaining: Duration) -> Option<HeaderMap> {
    /// The protocol allows ten digits.
    const MAX_MILLIS: u128 = 9_999_999_999;
    let mut headers = json::headers(bearer)?;
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert("connect-protocol-version", HeaderValue::from_static("1"));
    if let Ok(timeout) = HeaderValue::try_from(remaining.as_millis().clamp(1, MAX_MILLIS).to_string()) {
        headers.insert("connect-timeout-ms", timeout);
    }
    Some(headers)
}

#[derive(Debug, PartialEq, Eq)]
pub struct ErrorBody {
    pub code: Code,
    pub message: String,
    pub details: Vec<Detail>,
}

fn read_error(response: &Response, redactor: &Redactor) -> Option<RpcError> {
    let mut body = error_body(&response.headers, &response.body)?;
    body.details.retain(|detail| !redactor.contains_secret(&detail.value));
    Some(RpcError {
        code: body.code,
        message: redactor.clean(&body.message),
        details: body.details,
        http_status: response.status.as_u16(),
        retry_after: response.retry_after,
        may_have_been_processed: response.may_have_been_processed,
    })
}

fn error_body(headers: &HeaderMap, body: &[u8]) -> Option<ErrorBody> {
    if is_json(headers) { ErrorBody::read(body) } else { None }
}

impl ErrorBody {
    /// `None` if it does not follow the protocol, in which every error has a code. An
    /// unreadable detail is ignored.
    pub fn read(body: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Envelope {
            #[serde(default)]
            code: Value,
            #[serde(default)]
            message: Option<String>,
            #[serde(default)]
            details: Value,
        }
        // serde would take an array for a struct.
        if !body.trim_ascii_start().starts_with(b"{") {
            return None;
        }
        let envelope: Envelope = serde_json::from_slice(body).ok()?;
        Some(Self {
            code: Code::from_json(&envelope.code)?,
            message: envelope.message.unwrap_or_default(),
            details: envelope.details.as_array().into_iter().flatten().filter_map(read_detail).collect(),
        })
    }
}

fn read_detail(detail: &Value) -> Option<Detail> {
    #[derive(Deserialize)]
    struct EnvelopeDetail {
        #[serde(rename = "type", alias = "type_url")]
        type_name: String,
        value: String,
    }
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
    fn bodies_that_are_not_an_error() {
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
            assert!(ErrorBody::read(body.as_bytes()).is_none(), "{body}");
        }
    }

    #[test]
    fn unreadable_details_are_ignored() {
        for details in ["null", "7", "{}", "[7]", r#"[{"type":"a"}]"#, r#"[{"type":"a","value":"*"}]"#] {
            let body = format!(r#"{{"code":"not_found","details":{details}}}"#);
            let expected = ErrorBody { code: Code::NotFound, message: String::new(), details: Vec::new() };
            assert_eq!(ErrorBody::read(body.as_bytes()), Some(expected), "{body}");
        }
    }

    #[test]
    fn details_with_and_without_padding_or_a_host() {
        for (name, value) in
            [("a.B", "CglyZXFfMDFhYmM"), ("a.B", "CglyZXFfMDFhYmM="), ("type.googleapis.com/a.B", "CglyZXFfMDFhYmM=")]
        {
            let body = format!(r#"{{"code":16,"details":[{{"type":"{name}","value":"{value}"}}]}}"#);
            let ErrorBody { code, details, .. } = ErrorBody::read(body.as_bytes()).unwrap();
            assert_eq!(code, Code::Unauthenticated);
            assert_eq!(details, [Detail { type_name: "a.B".into(), value: b"\n\treq_01abc".to_vec() }], "{body}");
        }
    }
}
