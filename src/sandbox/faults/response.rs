//! The faulty responses that `--fault` asks for.

use std::io::Read;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, Response, StatusCode, header};
use flate2::Compression;
use flate2::read::GzEncoder;
use http_body::Frame;

/// An empty response, as a gateway sends it.
pub fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// An HTML page, as a web filter sends it.
pub fn html_page(status: StatusCode) -> Response<Body> {
    const PAGE: &str =
        "<!doctype html><html><head><title>Access denied</title></head><body>A web filter.</body></html>";
    let mut response = Response::new(Body::from(PAGE));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response
}

pub fn with_retry_after(mut response: Response<Body>, retry_after: Option<u32>) -> Response<Body> {
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

/// A redirect to another host.
pub fn redirect() -> Response<Body> {
    let mut response = empty(StatusCode::TEMPORARY_REDIRECT);
    let location = HeaderValue::from_static("https://elsewhere.example.com/");
    response.headers_mut().insert(header::LOCATION, location);
    response
}

/// The response with a body that is neither JSON nor UTF-8.
pub fn garbage(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().remove(header::CONTENT_LENGTH);
    *response.body_mut() = Body::from(&b"<!doctype html>\xff\x00{"[..]);
    response
}

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

/// Where a response is cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CutAt {
    /// Before its first byte, and the connection is closed.
    Start,
    /// Halfway through the body, and the connection is closed.
    Middle,
    /// Before its last byte, and the connection stays open.
    LastByte,
}

/// The response, cut off. Its `Content-Length` still announces the whole body.
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

/// A body that never ends, or that ends in an error, after which the connection is
/// closed.
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
            // The first half is sent before the error closes the connection.
            (None, CutAt::Middle) if !self.has_paused => {
                self.has_paused = true;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            (None, _) => Poll::Ready(Some(Err(std::io::ErrorKind::BrokenPipe.into()))),
        }
    }
}
