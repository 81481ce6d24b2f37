//! Nscale's side: the identity API with organizations, groups, roles,
//! projects, service accounts, and what tells a caller who it is.
//!
//! What the documents leave open is decided here and told by
//! `nscred sandbox --help`.

mod accounts;
mod acl;
mod caller;
mod groups;
mod identity;
mod reply;
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
use crate::nscale::message::WriteMetadata;
use crate::sandbox::clock::Clock;
use crate::sandbox::keys::Keys;
use crate::sandbox::nscale::caller::Caller;
use crate::sandbox::nscale::reply::{RestFailure, RestReply, RestResult};
use crate::sandbox::nscale::route::Route;
use crate::sandbox::store::{Store, StoredResource};

pub use seed::Administrator;

/// How long the real server lets the tokens of service accounts live.
pub const TOKEN_LIFE: Duration = Duration::from_secs(90 * 86_400);

/// How Nscale's side behaves where a user may choose.
#[derive(Clone, Copy, Debug)]
pub struct NscaleOptions {
    /// How long the tokens of service accounts live.
    pub token_life: Duration,
    /// Whether create and update answer with the groups from before, as the
    /// real server does.
    pub stale_groups: bool,
    /// Accounts to make at the start, beside the administrator.
    pub accounts: u32,
}

/// Nscale's side of the sandbox.
pub struct Nscale {
    store: Arc<Store>,
    keys: Keys,
    clock: Clock,
    options: NscaleOptions,
    administrator: Administrator,
}

impl Nscale {
    /// The side, over a store, which is seeded where it is new.
    ///
    /// # Errors
    /// Unexpected: the store fails.
    pub fn new(store: Arc<Store>, clock: Clock, options: NscaleOptions) -> Result<Self> {
        let make = || {
            let keys = Keys::load(&store)?;
            let administrator = seed::seed(&store, &keys, clock, options)?;
            Ok((keys, administrator))
        };
        let (keys, administrator) =
            make().map_err(|error: rusqlite::Error| Failure::unexpected("the sandbox's store failed").source(error))?;
        Ok(Self { store, keys, clock, options, administrator })
    }

    /// The account that a user of the sandbox begins with.
    pub fn administrator(&self) -> &Administrator {
        &self.administrator
    }

    /// A new resource with what its maker says of it.
    fn create_resource(&self, caller: &Caller, organization_id: &str, metadata: WriteMetadata) -> StoredResource {
        let new = seed::resource(&self.keys, organization_id, self.clock.now());
        StoredResource { created_by: Some(caller.id().to_owned()), ..apply_metadata(metadata, new) }
    }

    /// A resource with what a caller says of it now.
    fn update_resource(&self, caller: &Caller, before: StoredResource, metadata: WriteMetadata) -> StoredResource {
        let (at, by) = (Some(self.clock.now()), Some(caller.id().to_owned()));
        StoredResource { modified_at: at, modified_by: by, ..apply_metadata(metadata, before) }
    }

    /// Whether a path is this side's.
    pub fn serves(path: &str) -> bool {
        ["/api/", "/oauth2/", "/.well-known/"].iter().any(|prefix| path.starts_with(prefix))
    }

    /// Answers a request.
    pub fn answer(&self, method: &Method, path: &str, headers: &HeaderMap, body: &[u8]) -> Response<Body> {
        self.write(self.handle(method, path, headers, body), headers)
    }

    /// The answer to a request whose changes the store did not take.
    pub fn failed(&self, headers: &HeaderMap) -> Response<Body> {
        self.write(Err(RestFailure::store()), headers)
    }

    /// The API's own error with a status.
    pub fn refused(&self, status: u16, words: &str, headers: &HeaderMap) -> Response<Body> {
        self.write(Err(RestFailure::with_status(status, words)), headers)
    }

    fn write(&self, result: RestResult<RestReply>, headers: &HeaderMap) -> Response<Body> {
        let trace_id = trace_id(headers).unwrap_or_else(|| self.keys.trace_id());
        reply::write(result, headers, &trace_id)
    }

    /// Route, ids, credential, body, rights, existence: checked in the order
    /// of the real server.
    fn handle(&self, method: &Method, path: &str, headers: &HeaderMap, body: &[u8]) -> RestResult<RestReply> {
        if method == Method::OPTIONS {
            return match headers.contains_key("access-control-request-method") {
                true => Ok(RestReply::empty(StatusCode::NO_CONTENT)),
                false => Err(RestFailure::invalid("Acl-Control-Request-Method is missing")),
            };
        }
        let route = Route::at(method, path)?;
        if let Some(reply) = self.open(&route, headers, body) {
            return reply;
        }
        let caller = Caller::identify(headers, &self.store, self.clock.now())?;
        match route {
            Route::Version | Route::Acl | Route::OrganizationAcl(_) | Route::Userinfo => {
                Ok(self.who_is(&route, &caller))
            }
            Route::Organizations => self.list_organizations(&caller),
            Route::Organization(id) => self.get_organization(&caller, &id),
            Route::PutOrganization(id) => self.put_organization(&caller, &id, schema::organization(headers, body)?),
            Route::Roles(organization) => self.list_roles(&caller, &organization),
            Route::Projects(organization) => self.list_projects(&caller, &organization),
            Route::Project(organization, id) => self.get_project(&caller, &organization, &id),
            Route::Groups(organization) => self.list_groups(&caller, &organization),
            Route::CreateGroup(organization) => {
                self.create_group(&caller, &organization, schema::group(headers, body)?)
            }
            Route::Group(organization, id) => self.get_group(&caller, &organization, &id),
            Route::PutGroup(organization, id) => {
                self.put_group(&caller, &organization, &id, schema::group(headers, body)?)
            }
            Route::DeleteGroup(organization, id) => self.delete_group(&caller, &organization, &id),
            Route::Accounts(organization) => self.list_accounts(&caller, &organization),
            Route::CreateAccount(organization) => {
                self.create_account(&caller, &organization, schema::account(headers, body)?)
            }
            Route::PutAccount(organization, id) => {
                self.put_account(&caller, &organization, &id, schema::account(headers, body)?)
            }
            Route::DeleteAccount(organization, id) => self.delete_account(&caller, &organization, &id),
            Route::RotateAccount(organization, id) => self.rotate_account(&caller, &organization, &id),
            Route::Discovery | Route::ProtectedResource | Route::KeySet | Route::Token | Route::PostUserinfo => {
                Err(RestFailure::not_found())
            }
        }
    }
}

/// All that can be said of a resource, in place of what was said before.
fn apply_metadata(metadata: WriteMetadata, resource: StoredResource) -> StoredResource {
    StoredResource {
        name: metadata.name,
        description: metadata.description,
        tags: metadata.tags.unwrap_or_default(),
        ..resource
    }
}

/// The trace id that a request carries.
fn trace_id(headers: &HeaderMap) -> Option<String> {
    let parent = headers.get("traceparent")?.to_str().ok()?;
    let mut parts = parent.split('-');
    let (_version, id) = (parts.next()?, parts.next()?);
    let is_id = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    (is_id && id.bytes().any(|byte| byte != b'0')).then(|| id.to_owned())
}
