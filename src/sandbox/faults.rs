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
pub enum Instead {
    /// This status without a body, as what stands in front of a server does.
    Bare(StatusCode),
    /// This status with a page, as a web filter does.
    Page(StatusCode),
    /// The API's own error with this code, or with the status that belongs to it.
    Code(Code),
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Answers something else, and `Retry-After` where it is given. With
    /// `acted` after doing what was asked.
    Instead {
        /// What.
        what: Instead,
        /// Seconds.
        retry_after: Option<u32>,
        /// Whether it is done all the same.
        acted: bool,
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
    kind: Kind,
    /// How often yet; for ever where it is none.
    left: Option<u32>,
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
    pub fn is_none(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// What goes wrong now with an operation, if anything does. Of several
    /// faults for it the first that is not used up.
    pub fn next(&self, operation: &str) -> Option<Kind> {
        let mut faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fault = faults.iter_mut().find(|fault| fault.left != Some(0) && fits(&fault.operation, operation))?;
        fault.left = fault.left.map(|left| left - 1);
        Some(fault.kind.clone())
    }
}

/// Whether an operation is meant by a name, or by a pattern with `*` at its end.
fn fits(pattern: &str, operation: &str) -> bool {
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
    if !OPERATIONS.iter().any(|known| fits(operation, known)) {
        let meant = nearest(operation, OPERATIONS.into_iter()).map(|near| format!("; did you mean {near}?"));
        return Err(refuse(format!("there is no operation {operation}{}", meant.unwrap_or_default())));
    }
    let (kind, left) = match kind.rsplit_once('x') {
        Some((kind, times)) if !times.is_empty() && times.bytes().all(|byte| byte.is_ascii_digit()) => {
            let times = times.parse().map_err(|_| refuse(format!("{times} times are too many")))?;
            (kind, Some(times))
        }
        _ => (kind, None),
    };
    let kind = parse_kind(kind).ok_or_else(|| refuse(format!("there is no fault {kind}")))?;
    Ok(Fault { operation: operation.to_owned(), kind, left })
}

fn parse_kind(text: &str) -> Option<Kind> {
    Some(match text {
        "hang" => Kind::Hang,
        "drop" => Kind::Drop,
        "truncate" => Kind::Truncate,
        "stall" => Kind::Stall,
        "gzip" => Kind::Gzip,
        "garbage" => Kind::Garbage,
        "redirect" => Kind::Redirect,
        _ => match text.strip_prefix("slow=") {
            Some(millis) => Kind::Slow(Duration::from_millis(millis.parse::<u32>().ok()?.into())),
            None => {
                let (acted, rest) = text.strip_prefix("acted-").map_or((false, text), |rest| (true, rest));
                let (what, seconds) = rest.split_once(':').map_or((rest, None), |(a, b)| (a, Some(b)));
                Kind::Instead {
                    what: parse_instead(what)?,
                    retry_after: seconds.map(str::parse).transpose().ok()?,
                    acted,
                }
            }
        },
    })
}

fn parse_instead(text: &str) -> Option<Instead> {
    let status = |text: &str| text.parse().ok().filter(|status: &StatusCode| status.as_u16() >= 400);
    if let Some(name) = text.strip_prefix("code=") {
        return Code::from_json(&name.into()).map(Instead::Code);
    }
    match text.strip_prefix("html-") {
        Some(text) => status(text).map(Instead::Page),
        None => status(text).map(Instead::Bare),
    }
}

/// A status with a body: none, or somebody's page.
pub fn outside(status: StatusCode, is_page: bool) -> Response<Body> {
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
pub fn postponed(mut response: Response<Body>, retry_after: Option<u32>) -> Response<Body> {
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

/// An answer that leads elsewhere.
pub fn redirect() -> Response<Body> {
    let mut response = outside(StatusCode::TEMPORARY_REDIRECT, false);
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
pub enum Stop {
    /// Before its first byte, and the connection is closed.
    Before,
    /// In the middle, and the connection is closed.
    Middle,
    /// Before its last byte, and the connection stays open.
    Last,
}

/// The answer, not to its end.
pub async fn cut(response: Response<Body>, stop: Stop) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    let whole = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(whole.len().max(2)));
    let length = match stop {
        Stop::Before => 0,
        Stop::Middle => whole.len() / 2,
        Stop::Last => whole.len().saturating_sub(1),
    };
    let part = (stop != Stop::Before).then(|| whole.slice(..length));
    Response::from_parts(parts, Body::new(Cut { part, stop, has_paused: false }))
}

/// A body that ends in an error, upon which the connection is closed, or never.
struct Cut {
    part: Option<Bytes>,
    stop: Stop,
    has_paused: bool,
}

impl http_body::Body for Cut {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<std::result::Result<Frame<Bytes>, std::io::Error>>> {
        match (self.part.take(), self.stop) {
            (Some(part), _) => Poll::Ready(Some(Ok(Frame::data(part)))),
            (None, Stop::Last) => Poll::Pending,
            // Time for what there is to be sent.
            (None, Stop::Middle) if !self.has_paused => {
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
        let status = |status, retry_after, acted| {
            let what = Instead::Bare(StatusCode::from_u16(status).unwrap());
            Some(Kind::Instead { what, retry_after, acted })
        };
        for expected in [status(503, Some(2), false), status(503, Some(2), false), Some(Kind::Drop), Some(Kind::Drop)] {
            assert_eq!(faults.next("sa.create"), expected);
        }
        assert_eq!(faults.next("sa.list"), Some(Kind::Drop));
        assert_eq!(faults.next("token.list"), Some(Kind::Slow(Duration::from_millis(1_500))));
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
