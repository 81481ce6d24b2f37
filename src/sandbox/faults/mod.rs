//! Misbehaving on purpose: what a user asks the server to get wrong, and how
//! often.

use std::io::Read;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, Response, StatusCode, header};
use flate2::Compression;
use flate2::read::GzEncoder;
use http_body::Frame;

use crate::error::{Failure, Result};
use crate::http::connect::Code;
use crate::text::nearest::nearest;

/// The operations that can go wrong, as the commands call them.
pub const OPERATIONS: [&str; 13] = [
    "token.create",
    "token.list",
    "token.revoke",
    "token.refresh",
    "session.exchange",
    "sa.list",
    "sa.create",
    "sa.update",
    "sa.rotate",
    "sa.delete",
    "groups.list",
    "organizations.list",
    "userinfo",
];

/// What is answered instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Substitute {
    /// This status without a body, as what stands in front of a server does.
    Status(StatusCode),
    /// This status with a page, as a web filter does.
    HtmlPage(StatusCode),
    /// The API's own error with this code, or with the status that belongs to it.
    ApiError(Code),
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// Answers something else, and `Retry-After` where it is given. With
    /// `request_processed` after doing what was asked.
    Substitute {
        /// What.
        what: Substitute,
        /// Seconds.
        retry_after: Option<u32>,
        /// Whether it is done all the same.
        request_processed: bool,
    },
    /// Waits before it does what was asked.
    Slow(Duration),
    /// Never answers, and does nothing.
    Hang,
    /// Does what was asked, and closes without an answer.
    Drop,
    /// Does what was asked, and closes in the middle of the answer.
    Truncate,
    /// Does what was asked, and never sends the last byte of the answer.
    Stall,
    /// Does what was asked, and encodes the answer though nobody asked for it.
    Gzip,
    /// Does what was asked, and answers with what is no JSON.
    Garbage,
    /// Sends the caller elsewhere.
    Redirect,
}

/// How the forms are written, for help and hints.
pub const FORMS: &str = "STATUS, code=NAME, html-STATUS, each with :SECONDS (Retry-After) or acted- before it, slow=MS, hang, drop, truncate, stall, gzip, garbage, redirect";

/// Faults that are still to come.
#[derive(Debug, Default)]
pub struct Faults(Mutex<Vec<Fault>>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Fault {
    operation: String,
    kind: FaultKind,
    /// How often yet; for ever where it is none.
    remaining: Option<u32>,
}

impl Faults {
    /// Reads `OP=KIND[xN]`, each.
    ///
    /// # Errors
    /// Usage: one is not of that form.
    pub fn parse(texts: &[String]) -> Result<Self> {
        texts.iter().map(|text| parse(text)).collect::<Result<_>>().map(|faults| Self(Mutex::new(faults)))
    }

    /// Whether nothing was asked to go wrong.
    pub fn is_empty(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// What goes wrong now with an operation, if anything does. Of several
    /// faults for it the first that is not used up.
    pub fn next(&self, operation: &str) -> Option<FaultKind> {
        let mut faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fault =
            faults.iter_mut().find(|fault| fault.remaining != Some(0) && matches(&fault.operation, operation))?;
        fault.remaining = fault.remaining.map(|remaining| remaining - 1);
        Some(fault.kind.clone())
    }
}

/// Whether an operation is meant by a name, or by a pattern with `*` at its end.
fn matches(pattern: &str, operation: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => operation.starts_with(start),
        None => pattern == operation,
    }
}

fn parse(text: &str) -> Result<Fault> {
    let refuse = |why: String| {
        Failure::usage(format!("--fault {text}: {why}"))
            .hint(format!("a fault is OP=KIND[xN]; KIND is one of {FORMS}"))
            .hint(format!("OP is one of {}, or begins like one and ends in *", OPERATIONS.join(", ")))
    };
    let (operation, kind) = text.split_once('=').ok_or_else(|| refuse("there is no =".into()))?;
    if !OPERATIONS.iter().any(|known| matches(operation, known)) {
        let meant = nearest(operation, OPERATIONS.into_iter()).map(|near| format!("; did you mean {near}?"));
        return Err(refuse(format!("there is no operation {operation}{}", meant.unwrap_or_default())));
    }
    let (kind, remaining) = match kind.rsplit_once('x') {
        Some((kind, times)) if !times.is_empty() && times.bytes().all(|byte| byte.is_ascii_digit()) => {
            let times = times.parse().map_err(|_| refuse(format!("{times} times are too many")))?;
            (kind, Some(times))
        }
        _ => (kind, None),
    };
    let kind = parse_kind(kind).ok_or_else(|| refuse(format!("there is no fault {kind}")))?;
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
                let (request_processed, rest) = text.strip_prefix("acted-").map_or((false, text), |rest| (true, rest));
                let (what, seconds) = rest.split_once(':').map_or((rest, None), |(a, b)| (a, Some(b)));
                FaultKind::Substitute {
                    what: parse_substitute(what)?,
                    retry_after: seconds.map(str::parse).transpose().ok()?,
                    request_processed,
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

/// A status with a body: none, or somebody's page.
pub fn proxy_response(status: StatusCode, is_page: bool) -> Response<Body> {
    const PAGE: &str =
        "<!doctype html><html><head><title>Access denied</title></head><body>A web filter.</body></html>";
    let mut response = Response::new(if is_page { Body::from(PAGE) } else { Body::empty() });
    *response.status_mut() = status;
    if is_page {
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    }
    response
}

/// The answer, with how long to wait.
pub fn with_retry_after(mut response: Response<Body>, retry_after: Option<u32>) -> Response<Body> {
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

/// An answer that leads elsewhere.
pub fn redirect() -> Response<Body> {
    let mut response = proxy_response(StatusCode::TEMPORARY_REDIRECT, false);
    let elsewhere = HeaderValue::from_static("https://elsewhere.example.com/");
    response.headers_mut().insert(header::LOCATION, elsewhere);
    response
}

/// The answer with a body that is none.
pub fn garbage(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().remove(header::CONTENT_LENGTH);
    *response.body_mut() = Body::from(&b"<!doctype html>\xff\x00{"[..]);
    response
}

/// The answer in an encoding.
pub async fn gzip(response: Response<Body>) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    let whole = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let mut encoded = Vec::new();
    // Neither reading nor writing can fail in memory.
    let _ = GzEncoder::new(&*whole, Compression::fast()).read_to_end(&mut encoded);
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    Response::from_parts(parts, Body::from(encoded))
}

/// Where an answer stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CutAt {
    /// Before its first byte, and the connection is closed.
    Start,
    /// In the middle, and the connection is closed.
    Middle,
    /// Before its last byte, and the connection stays open.
    LastByte,
}

/// The answer, not to its end.
pub async fn cut_off(response: Response<Body>, cut_at: CutAt) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    let whole = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(whole.len().max(2)));
    let length = match cut_at {
        CutAt::Start => 0,
        CutAt::Middle => whole.len() / 2,
        CutAt::LastByte => whole.len().saturating_sub(1),
    };
    let part = (cut_at != CutAt::Start).then(|| whole.slice(..length));
    Response::from_parts(parts, Body::new(CutBody { part, cut_at, has_paused: false }))
}

/// A body that ends in an error, upon which the connection is closed, or never.
struct CutBody {
    part: Option<Bytes>,
    cut_at: CutAt,
    has_paused: bool,
}

impl http_body::Body for CutBody {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<std::result::Result<Frame<Bytes>, std::io::Error>>> {
        match (self.part.take(), self.cut_at) {
            (Some(part), _) => Poll::Ready(Some(Ok(Frame::data(part)))),
            (None, CutAt::LastByte) => Poll::Pending,
            // Time for what there is to be sent.
            (None, CutAt::Middle) if !self.has_paused => {
                self.has_paused = true;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            (None, _) => Poll::Ready(Some(Err(std::io::ErrorKind::BrokenPipe.into()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_come_in_order_and_as_often_as_asked() {
        let texts = ["sa.create=503:2x2", "sa.*=drop", "token.list=slow=1500x1", "userinfo=acted-502"];
        let faults = Faults::parse(&texts.map(str::to_owned)).unwrap();
        let status = |status, retry_after, request_processed| {
            let what = Substitute::Status(StatusCode::from_u16(status).unwrap());
            Some(FaultKind::Substitute { what, retry_after, request_processed })
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
    fn what_is_no_fault_is_refused() {
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
            assert!(Faults::parse(&[text.to_owned()]).is_err(), "{text}");
        }
    }
}
