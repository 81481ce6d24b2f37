//! The HTTP server. It serves both APIs at one address; the path decides which.

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
use crate::sandbox::faults::response::{self, CutAt};
use crate::sandbox::faults::{FaultKind, Faults, Substitute};
use crate::sandbox::namespace::Namespace;
use crate::sandbox::namespace::methods::{METHODS, RpcMethod};
use crate::sandbox::namespace::reply::{self, Dialect, RpcFailure, RpcResult};
use crate::sandbox::nscale::Nscale;
use crate::sandbox::nscale::route::{ROUTES, Route};

/// In bytes.
const MAX_REQUEST_BODY: usize = 1024 * 1024;

pub struct Clouds {
    pub namespace: Namespace,
    pub nscale: Nscale,
    pub faults: Faults,
    /// Only if the store is a file.
    pub commit_queue: Option<CommitQueue>,
    /// Gets a line for each request: method and path, never a credential.
    pub log: Option<File>,
}

/// The operations that `--fault` may name.
pub fn operations() -> Vec<&'static str> {
    let methods = METHODS.iter().filter_map(|method| method.operation);
    methods.chain(ROUTES.iter().filter_map(|route| route.operation)).collect()
}

/// Serves until the future is dropped.
pub async fn serve(listener: TcpListener, clouds: Arc<Clouds>) -> Result<()> {
    let fail = |error| Failure::unexpected("cannot start the sandbox's server").source(anyhow::Error::from(error));
    listener.set_nonblocking(true).map_err(fail)?;
    let listener = tokio::net::TcpListener::from_std(listener).map_err(fail)?;
    axum::serve(listener, Router::new().fallback(answer).with_state(clouds)).await.map_err(fail)
}

async fn answer(State(clouds): State<Arc<Clouds>>, request: Request) -> Response<Body> {
    if let Some(mut log) = clouds.log.as_ref() {
        // One write for each line, so that concurrent lines do not mix.
        let _ = log.write_all(format!("{} {}\n", request.method(), request.uri().path()).as_bytes());
    }
    let fault = if clouds.faults.is_empty() { None } else { operation(&request).and_then(|op| clouds.faults.next(op)) };
    let Some(fault) = fault else { return serve_request(clouds, request).await };
    match fault {
        FaultKind::Hang => std::future::pending().await,
        FaultKind::Redirect => response::redirect(),
        FaultKind::Substitute { what, retry_after, is_processed } => {
            let response = substitute(what, &clouds, &request);
            if is_processed {
                serve_request(clouds, request).await;
            }
            response::with_retry_after(response, retry_after)
        }
        FaultKind::Slow(wait) => {
            tokio::time::sleep(wait).await;
            serve_request(clouds, request).await
        }
        FaultKind::Drop => response::cut_off(serve_request(clouds, request).await, CutAt::Start).await,
        FaultKind::Truncate => response::cut_off(serve_request(clouds, request).await, CutAt::Middle).await,
        FaultKind::Stall => response::cut_off(serve_request(clouds, request).await, CutAt::LastByte).await,
        FaultKind::Gzip => response::gzip(serve_request(clouds, request).await).await,
        FaultKind::Garbage => response::garbage(serve_request(clouds, request).await),
    }
}

fn substitute(what: Substitute, clouds: &Clouds, request: &Request) -> Response<Body> {
    const MESSAGE: &str = "a fault that was asked for";
    let path = request.uri().path();
    match what {
        Substitute::Status(status) => response::empty(status),
        Substitute::HtmlPage(status) => response::html_page(status),
        Substitute::ApiError(code) if Nscale::owns(path) => {
            clouds.nscale.failure(code.http_status(), MESSAGE, request.headers())
        }
        Substitute::ApiError(code) => rpc_failure(&clouds.namespace, path, RpcFailure::new(code, MESSAGE)),
    }
}

/// The name of a request in `--fault`.
fn operation(request: &Request) -> Option<&'static str> {
    let path = request.uri().path();
    match RpcMethod::at(path) {
        Some(method) => method.operation,
        None => Route::at(request.method(), path).ok()?.0.operation,
    }
}

/// The API that a request is for.
#[derive(Clone, Copy)]
enum Api {
    Nscale,
    Namespace(&'static RpcMethod),
}

async fn serve_request(clouds: Arc<Clouds>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let api = match check_head(&clouds.namespace, &parts) {
        Ok(api) => api,
        Err(response) => return *response,
    };
    let body = to_bytes(body, MAX_REQUEST_BODY).await.ok();
    let Some(commit_queue) = &clouds.commit_queue else { return respond(&clouds, api, &parts, body.as_deref()) };
    let (shared_parts, shared_clouds) = (Arc::new(parts), Arc::clone(&clouds));
    let parts = Arc::clone(&shared_parts);
    let response = commit_queue.submit(move || respond(&shared_clouds, api, &shared_parts, body.as_deref())).await;
    response.unwrap_or_else(|| match api {
        Api::Nscale => clouds.nscale.store_failure(&parts.headers),
        Api::Namespace(_) => rpc_failure(&clouds.namespace, parts.uri.path(), RpcFailure::store()),
    })
}

/// Finds the API of a request, or the error response if the head of the request is invalid.
fn check_head(namespace: &Namespace, parts: &Parts) -> std::result::Result<Api, Box<Response<Body>>> {
    let path = parts.uri.path();
    if Nscale::owns(path) {
        return Ok(Api::Nscale);
    }
    let Some(method) = RpcMethod::at(path) else {
        let failure = RpcFailure::new(Code::Unimplemented, format!("the sandbox does not serve {path}"));
        return Err(rpc_failure(namespace, path, failure).into());
    };
    if parts.method != Method::POST {
        return Err(reply::empty(StatusCode::METHOD_NOT_ALLOWED, header::ALLOW, "POST").into());
    }
    if !is_json(&parts.headers) {
        let accept_post = header::HeaderName::from_static("accept-post");
        return Err(reply::empty(StatusCode::UNSUPPORTED_MEDIA_TYPE, accept_post, "application/json").into());
    }
    match check_protocol(&parts.headers) {
        Ok(()) => Ok(Api::Namespace(method)),
        Err(failure) => Err(rpc_failure(namespace, path, failure).into()),
    }
}

/// Answers a request. The body is `None` if it is over the limit or incomplete; for Nscale that is
/// the same as an empty body.
fn respond(clouds: &Clouds, api: Api, parts: &Parts, body: Option<&[u8]>) -> Response<Body> {
    let path = parts.uri.path();
    let Api::Namespace(method) = api else {
        return clouds.nscale.answer(&parts.method, path, &parts.headers, body.unwrap_or_default());
    };
    let result = match body {
        Some(body) => method.handle(&clouds.namespace, bearer(&parts.headers), body),
        None => Err(RpcFailure::new(Code::ResourceExhausted, "the request is larger than 1 MiB or incomplete")),
    };
    reply::write(result, Dialect::of_path(path), &clouds.namespace.request_id())
}

fn rpc_failure(namespace: &Namespace, path: &str, failure: RpcFailure) -> Response<Body> {
    reply::write(Err(failure), Dialect::of_path(path), &namespace.request_id())
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim()).filter(|token| !token.is_empty())
}

/// Whether the body is JSON, and in UTF-8 where a charset is given.
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
