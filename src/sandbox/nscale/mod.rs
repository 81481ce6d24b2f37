//! Nscale's identity API: organizations, groups, roles, projects, service accounts,
//! and information about the caller.
//!
//! `nscred sandbox --help` lists how the sandbox behaves where the documents of the
//! real API do not say.

mod accounts;
mod acl;
mod caller;
mod groups;
mod identity;
mod reply;
mod roles;
pub mod route;
mod schema;
mod seed;
mod token;
mod view;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, Method, Response, StatusCode};

use crate::error::{Failure, Result};
use crate::nscale::messages::WriteMetadata;
use crate::sandbox::clock::ServerClock;
use crate::sandbox::keys::Keys;
use crate::sandbox::nscale::caller::Caller;
use crate::sandbox::nscale::reply::{RestFailure, RestReply, RestResult};
use crate::sandbox::nscale::route::{Request, Route};
use crate::sandbox::store::{Store, StoredResource};

pub use seed::Administrator;

/// The lifetime of a service account's token on the real server.
pub const DEFAULT_TOKEN_LIFETIME: Duration = Duration::from_secs(90 * 86_400);

/// The behaviour that the user can choose.
#[derive(Clone, Copy, Debug)]
pub struct NscaleOptions {
    /// Of service accounts, other than the administrator's first.
    pub token_lifetime: Duration,
    /// Whether the answers to create and update show the previous groups, like those of the real
    /// server.
    pub has_stale_groups: bool,
    /// How many accounts to create in a new store, in addition to the administrator.
    pub accounts: u32,
}

pub struct Nscale {
    store: Arc<Store>,
    keys: Keys,
    clock: ServerClock,
    options: NscaleOptions,
    administrator: Administrator,
}

impl Nscale {
    /// Seeds the store if it is new.
    pub fn new(store: Arc<Store>, clock: ServerClock, options: NscaleOptions) -> Result<Self> {
        let load = || {
            let keys = Keys::load(&store)?;
            let administrator = seed::seed(&store, &keys, clock, options)?;
            Ok((keys, administrator))
        };
        let (keys, administrator) =
            load().map_err(|error: rusqlite::Error| Failure::unexpected("the sandbox's store failed").source(error))?;
        Ok(Self { store, keys, clock, options, administrator })
    }

    pub fn administrator(&self) -> &Administrator {
        &self.administrator
    }

    /// A new resource with the metadata of a request.
    fn create_resource(&self, caller: &Caller, organization_id: &str, metadata: WriteMetadata) -> StoredResource {
        let new = seed::resource(&self.keys, organization_id, self.clock.now());
        StoredResource { created_by: Some(caller.id().to_owned()), ..apply_metadata(metadata, new) }
    }

    /// A resource with its metadata replaced by those of a request.
    fn update_resource(&self, caller: &Caller, before: StoredResource, metadata: WriteMetadata) -> StoredResource {
        let (at, by) = (Some(self.clock.now()), Some(caller.id().to_owned()));
        StoredResource { modified_at: at, modified_by: by, ..apply_metadata(metadata, before) }
    }

    /// Whether a path belongs to this API, served or not.
    pub fn owns(path: &str) -> bool {
        ["/api/", "/oauth2/", "/.well-known/"].iter().any(|prefix| path.starts_with(prefix))
    }

    pub fn answer(&self, method: &Method, path: &str, headers: &HeaderMap, body: &[u8]) -> Response<Body> {
        self.write(self.handle(method, path, headers, body), headers)
    }

    /// The response to a request whose changes could not be stored.
    pub fn store_failure(&self, headers: &HeaderMap) -> Response<Body> {
        self.write(Err(RestFailure::store()), headers)
    }

    /// The API's own error with a status.
    pub fn failure(&self, status: u16, description: &str, headers: &HeaderMap) -> Response<Body> {
        self.write(Err(RestFailure::with_status(status, description)), headers)
    }

    fn write(&self, result: RestResult<RestReply>, headers: &HeaderMap) -> Response<Body> {
        let trace_id = trace_id(headers).unwrap_or_else(|| self.keys.trace_id());
        reply::write(result, headers, &trace_id)
    }

    /// Checks in the order of the real server: route, ids, credential, body, permissions, and
    /// whether the resource exists.
    fn handle(&self, method: &Method, path: &str, headers: &HeaderMap, body: &[u8]) -> RestResult<RestReply> {
        if method == Method::OPTIONS {
            return if headers.contains_key("access-control-request-method") {
                Ok(RestReply::empty(StatusCode::NO_CONTENT))
            } else {
                Err(RestFailure::invalid("Access-Control-Request-Method is missing"))
            };
        }
        let (route, [organization_id, id]) = Route::at(method, path)?;
        route.handle(self, &Request { organization_id, id, headers, body })
    }
}

/// The resource with its whole metadata replaced.
fn apply_metadata(metadata: WriteMetadata, resource: StoredResource) -> StoredResource {
    StoredResource {
        name: metadata.name,
        description: metadata.description,
        tags: metadata.tags.unwrap_or_default(),
        ..resource
    }
}

/// The trace id in a request's `traceparent` (W3C Trace Context).
fn trace_id(headers: &HeaderMap) -> Option<String> {
    let parent = headers.get("traceparent")?.to_str().ok()?;
    let mut parts = parent.split('-');
    let (_version, id) = (parts.next()?, parts.next()?);
    let is_id = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    (is_id && id.bytes().any(|byte| byte != b'0')).then(|| id.to_owned())
}
