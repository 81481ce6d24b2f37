//! The faults that `--fault` injects into the server's responses.

pub mod response;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;

use crate::error::{Failure, Result};
use crate::http::connect::Code;
use crate::text::nearest::nearest;

/// A response that is sent in place of the real one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Substitute {
    /// Without a body, as a gateway sends it.
    Status(StatusCode),
    /// With an HTML page, as a web filter sends it.
    HtmlPage(StatusCode),
    /// The API's own error with this code; on Nscale with the HTTP status of that code.
    ApiError(Code),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultKind {
    Substitute {
        what: Substitute,
        /// In seconds.
        retry_after: Option<u32>,
        /// Whether the request is carried out before.
        is_processed: bool,
    },
    /// Waits before it carries the request out.
    Slow(Duration),
    /// Never answers, and does not carry the request out.
    Hang,
    /// Carries the request out, and closes the connection without a response.
    Drop,
    /// Carries the request out, and closes the connection in the middle of the response.
    Truncate,
    /// Carries the request out, and never sends the last byte of the response.
    Stall,
    /// Carries the request out, and compresses the response though the client did not ask for it.
    Gzip,
    /// Carries the request out, and answers with a body that is not JSON.
    Garbage,
    /// Redirects the client to another host.
    Redirect,
}

const KINDS: &str = "STATUS, code=NAME or html-STATUS, each optionally between acted- and :SECONDS (Retry-After), slow=MS, hang, drop, truncate, stall, gzip, garbage, redirect";

/// The values of `--fault`, in their order.
#[derive(Debug, Default)]
pub struct Faults(Mutex<Vec<Fault>>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Fault {
    operation: String,
    kind: FaultKind,
    /// How often it still happens; `None` for always.
    remaining: Option<u32>,
}

impl Faults {
    /// Parses the values of `--fault`, each of the form `OP=KIND[xN]`. OP is one of
    /// `operations`, or a prefix of one and `*`.
    pub fn parse(texts: &[String], operations: &[&str]) -> Result<Self> {
        texts.iter().map(|text| parse(text, operations)).collect::<Result<_>>().map(|faults| Self(Mutex::new(faults)))
    }

    pub fn is_empty(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Takes the first fault for an operation that is not used up yet.
    pub fn next(&self, operation: &str) -> Option<FaultKind> {
        let mut faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fault =
            faults.iter_mut().find(|fault| fault.remaining != Some(0) && matches(&fault.operation, operation))?;
        fault.remaining = fault.remaining.map(|remaining| remaining - 1);
        Some(fault.kind.clone())
    }
}

fn matches(pattern: &str, operation: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => operation.starts_with(start),
        None => pattern == operation,
    }
}

fn parse(text: &str, operations: &[&str]) -> Result<Fault> {
    let usage = |why: String| {
        Failure::usage(format!("--fault {text}: {why}"))
            .hint(format!("a fault is OP=KIND[xN]; KIND is one of {KINDS}"))
            .hint(format!("OP is one of {}, or a prefix with *, as in sa.*", operations.join(", ")))
    };
    let (operation, kind) = text.split_once('=').ok_or_else(|| usage("missing =".into()))?;
    if !operations.iter().any(|known| matches(operation, known)) {
        let suggestion = nearest(operation, operations.iter().copied()).map(|near| format!("; did you mean {near}?"));
        return Err(usage(format!("unknown operation {operation}{}", suggestion.unwrap_or_default())));
    }
    let (kind, remaining) = match kind.rsplit_once('x') {
        Some((kind, times)) if !times.is_empty() && times.bytes().all(|byte| byte.is_ascii_digit()) => {
            let times = times.parse().map_err(|_| usage(format!("the count {times} is too large")))?;
            (kind, Some(times))
        }
        _ => (kind, None),
    };
    let kind = parse_kind(kind).ok_or_else(|| usage(format!("unknown fault {kind}")))?;
    Ok(Fault { operation: operation.to_owned(), kind, remaining })
}

fn parse_kind(text: &str) -> Option<FaultKind> {
    Some(match text {
        "hang" => FaultKind::Hang,
        "drop" => FaultKind::Drop,
        "truncate" => FaultKind::Truncate,
        "stall" => FaultKind::Stall,
        "gzip" => FaultKind::Gzip,
        "garbage" => FaultKind::Garbage,
        "redirect" => FaultKind::Redirect,
        _ => match text.strip_prefix("slow=") {
            Some(millis) => FaultKind::Slow(Duration::from_millis(millis.parse::<u32>().ok()?.into())),
            None => {
                let (is_processed, rest) = text.strip_prefix("acted-").map_or((false, text), |rest| (true, rest));
                let (what, seconds) = rest.split_once(':').map_or((rest, None), |(a, b)| (a, Some(b)));
                FaultKind::Substitute {
                    what: parse_substitute(what)?,
                    retry_after: seconds.map(str::parse).transpose().ok()?,
                    is_processed,
                }
            }
        },
    })
}

fn parse_substitute(text: &str) -> Option<Substitute> {
    let status = |text: &str| text.parse().ok().filter(|status: &StatusCode| status.as_u16() >= 400);
    if let Some(name) = text.strip_prefix("code=") {
        return Code::from_json(&name.into()).map(Substitute::ApiError);
    }
    match text.strip_prefix("html-") {
        Some(text) => status(text).map(Substitute::HtmlPage),
        None => status(text).map(Substitute::Status),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPERATIONS: [&str; 4] = ["token.list", "sa.list", "sa.create", "userinfo"];

    #[test]
    fn faults_happen_in_order_and_as_often_as_asked() {
        let texts = ["sa.create=503:2x2", "sa.*=drop", "token.list=slow=1500x1", "userinfo=acted-502"];
        let faults = Faults::parse(&texts.map(str::to_owned), &OPERATIONS).unwrap();
        let status = |status, retry_after, is_processed| {
            let what = Substitute::Status(StatusCode::from_u16(status).unwrap());
            Some(FaultKind::Substitute { what, retry_after, is_processed })
        };
        for expected in
            [status(503, Some(2), false), status(503, Some(2), false), Some(FaultKind::Drop), Some(FaultKind::Drop)]
        {
            assert_eq!(faults.next("sa.create"), expected);
        }
        assert_eq!(faults.next("sa.list"), Some(FaultKind::Drop));
        assert_eq!(faults.next("token.list"), Some(FaultKind::Slow(Duration::from_millis(1_500))));
        assert_eq!(faults.next("token.list"), None);
        assert_eq!(faults.next("userinfo"), status(502, None, true));
    }

    #[test]
    fn invalid_faults_are_refused() {
        for text in [
            "",
            "sa.create",
            "sa.create=",
            "=drop",
            "sa.make=drop",
            "sa.create=fall",
            "sa.create=200",
            "sa.create=503:x",
            "sa.create=code=",
            "sa.create=code=ok",
            "sa.create=html-200",
            "sa.create=html",
            "sa.create=slow",
            "sa.create=slow=x",
            "sa.create=dropx99999999999",
            "create=drop",
        ] {
            assert!(Faults::parse(&[text.to_owned()], &OPERATIONS).is_err(), "{text}");
        }
    }
}
