//! The HTTP server: two APIs behind one address, told apart by the path.

use std::fs::File;
use std::io::Write;
use std::net::TcpListener;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, Response, StatusCode, header};

use crate::error::{Failure, Result};
use crate::http::connect::Code;
use crate::sandbox::commit_queue::CommitQueue;
use crate::sandbox::faults::{self, CutAt, FaultKind, Faults, Substitute};
use crate::sandbox::namespace::reply::{Dialect, RpcFailure, RpcResult, plain, write};
use crate::sandbox::namespace::{Namespace, RpcMethod};
use crate::sandbox::nscale::Nscale;
use crate::sandbox::nscale::route::Route;

/// The largest request that is read, in bytes.
const LARGEST_REQUEST: usize = 1024 * 1024;

/// Both clouds.
pub struct Clouds {
    /// Namespace's.
    pub namespace: Namespace,
    /// Nscale's.
    pub nscale: Nscale,
    /// What goes wrong on purpose.
    pub faults: Faults,
    /// Where requests are carried out, if the store is in a file.
    pub commit_queue: Option<CommitQueue>,
    /// Where requests are noted as they come in: method and path, no more.
    pub log: Option<File>,
}

/// Serves until dropped.
///
/// # Errors
/// Unexpected: the listener cannot be used.
pub async fn serve(listener: TcpListener, clouds: Arc<Clouds>) -> Result<()> {
    let fail = |error| Failure::unexpected("the sandbox cannot serve").source(anyhow::Error::from(error));
    listener.set_nonblocking(true).map_err(fail)?;
    let listener = tokio::net::TcpListener::from_std(listener).map_err(fail)?;
    axum::serve(listener, Router::new().fallback(answer).with_state(clouds)).await.map_err(fail)
}

async fn answer(State(clouds): State<Arc<Clouds>>, request: Request) -> Response<Body> {
    if let Some(mut log) = clouds.log.as_ref() {
        // One write a line, so that no two are mixed.
        let _ = log.write_all(format!("{} {}\n", request.method(), request.uri().path()).as_bytes());
    }
    let fault = if clouds.faults.is_empty() { None } else { operation(&request).and_then(|op| clouds.faults.next(op)) };
    let Some(fault) = fault else { return serve_request(clouds, request).await };
    match fault {
        FaultKind::Hang => std::future::pending().await,
        FaultKind::Redirect => faults::redirect(),
        FaultKind::Substitute { what, retry_after, request_processed } => {
            let response = substitute(what, &clouds, &request);
            if request_processed {
                serve_request(clouds, request).await;
            }
            faults::with_retry_after(response, retry_after)
        }
        FaultKind::Slow(wait) => {
            tokio::time::sleep(wait).await;
            serve_request(clouds, request).await
        }
        FaultKind::Drop => faults::cut_off(serve_request(clouds, request).await, CutAt::Start).await,
        FaultKind::Truncate => faults::cut_off(serve_request(clouds, request).await, CutAt::Middle).await,
        FaultKind::Stall => faults::cut_off(serve_request(clouds, request).await, CutAt::LastByte).await,
        FaultKind::Gzip => faults::gzip(serve_request(clouds, request).await).await,
        FaultKind::Garbage => faults::garbage(serve_request(clouds, request).await),
    }
}

/// What a fault answers a request with.
fn substitute(what: Substitute, clouds: &Clouds, request: &Request) -> Response<Body> {
    const WORDS: &str = "a fault that was asked for";
    match what {
        Substitute::Status(status) => faults::proxy_response(status, false),
        Substitute::HtmlPage(status) => faults::proxy_response(status, true),
        Substitute::ApiError(code) => match RpcMethod::at(request.uri().path()) {
            Some((_, dialect)) => write(Err(RpcFailure::new(code, WORDS)), dialect, &clouds.namespace.request_id()),
            None => clouds.nscale.refused(code.http_status(), WORDS, request.headers()),
        },
    }
}

/// What a request asks for, as a fault calls it.
fn operation(request: &Request) -> Option<&'static str> {
    let path = request.uri().path();
    match RpcMethod::at(path) {
        Some((method, _)) => method.operation(),
        None => Route::at(request.method(), path).ok()?.operation(),
    }
}

/// Whose a request is.
#[derive(Clone, Copy)]
enum Side {
    Nscale,
    Namespace(RpcMethod, Dialect),
}

async fn serve_request(clouds: Arc<Clouds>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let side = match side(&clouds.namespace, &parts) {
        Ok(side) => side,
        Err(refused) => return *refused,
    };
    let body = to_bytes(body, LARGEST_REQUEST).await.ok();
    let Some(commit_queue) = &clouds.commit_queue else { return respond(&clouds, side, &parts, body.as_deref()) };
    let (parts, all) = (Arc::new(parts), Arc::clone(&clouds));
    let asked = Arc::clone(&parts);
    let answer = commit_queue.submit(move || respond(&all, side, &asked, body.as_deref())).await;
    answer.unwrap_or_else(|| match side {
        Side::Nscale => clouds.nscale.failed(&parts.headers),
        Side::Namespace(_, dialect) => write(Err(RpcFailure::store()), dialect, &clouds.namespace.request_id()),
    })
}

/// Whose a request is, or what is wrong with it whatever its body says.
fn side(namespace: &Namespace, parts: &Parts) -> std::result::Result<Side, Box<Response<Body>>> {
    if Nscale::serves(parts.uri.path()) {
        return Ok(Side::Nscale);
    }
    let Some((method, dialect)) = RpcMethod::at(parts.uri.path()) else {
        let unknown = RpcFailure::new(Code::Unimplemented, format!("{} is not served here", parts.uri.path()));
        let dialect = Dialect::of_path(parts.uri.path());
        return Err(write(Err(unknown), dialect, &namespace.request_id()).into());
    };
    if parts.method != Method::POST {
        return Err(plain(StatusCode::METHOD_NOT_ALLOWED, header::ALLOW, "POST").into());
    }
    if !is_json(&parts.headers) {
        let accepted = header::HeaderName::from_static("accept-post");
        return Err(plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, accepted, "application/json").into());
    }
    match check_protocol(&parts.headers) {
        Ok(()) => Ok(Side::Namespace(method, dialect)),
        Err(failure) => Err(write(Err(failure), dialect, &namespace.request_id()).into()),
    }
}

/// Answers a request, whose body is none where it is over the limit or was
/// cut off.
fn respond(clouds: &Clouds, side: Side, parts: &Parts, body: Option<&[u8]>) -> Response<Body> {
    let (method, dialect) = match side {
        Side::Namespace(method, dialect) => (method, dialect),
        // It is refused where one is needed.
        Side::Nscale => {
            let body = body.unwrap_or_default();
            return clouds.nscale.answer(&parts.method, parts.uri.path(), &parts.headers, body);
        }
    };
    let result = match body {
        Some(body) => clouds.namespace.handle(method, bearer(&parts.headers), body),
        None => Err(RpcFailure::new(Code::ResourceExhausted, "the request is over 1 MiB or was cut off")),
    };
    write(result, dialect, &clouds.namespace.request_id())
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim()).filter(|token| !token.is_empty())
}

/// Whether the body is JSON, in UTF-8 where the charset is named.
fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut parts = value.split(';').map(|part| part.trim().to_ascii_lowercase());
    parts.next().as_deref() == Some("application/json")
        && parts.all(|parameter| !parameter.starts_with("charset=") || parameter.trim_matches('"').ends_with("utf-8"))
}

fn check_protocol(headers: &HeaderMap) -> RpcResult<()> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    if text("connect-protocol-version").is_some_and(|version| version != "1") {
        return Err(RpcFailure::invalid("connect-protocol-version must be 1"));
    }
    let is_timeout = |value: &str| (1..=10).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_digit());
    if text("connect-timeout-ms").is_some_and(|value| !is_timeout(value)) {
        return Err(RpcFailure::invalid("connect-timeout-ms must be 1 to 10 digits"));
    }
    if text("content-encoding").is_some_and(|encoding| encoding != "identity") {
        return Err(RpcFailure::new(Code::Unimplemented, "only the encoding identity is supported"));
    }
    Ok(())
}
