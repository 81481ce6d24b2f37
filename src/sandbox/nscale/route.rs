//! The table of the routes that are served. A request is matched by method and path
//! first; then the ids in its path are checked.

use axum::http::{HeaderMap, Method};
use uuid::Uuid;

use crate::sandbox::nscale::Nscale;
use crate::sandbox::nscale::caller::Caller;
use crate::sandbox::nscale::reply::{RestFailure, RestReply, RestResult};

/// A request whose route is known.
pub struct Request<'a> {
    /// In canonical form; empty if the path has none.
    pub organization_id: String,
    /// The id of a group, a project or a service account, in canonical form; empty if the path has none.
    pub id: String,
    pub headers: &'a HeaderMap,
    pub body: &'a [u8],
}

/// The function that answers a request.
enum RestHandler {
    /// For every caller with a valid token.
    Caller(fn(&Nscale, &Caller, &Request<'_>) -> RestResult<RestReply>),
    /// Needs no credential, or checks it itself.
    Open(fn(&Nscale, &Request<'_>) -> RestResult<RestReply>),
}
use RestHandler::{Caller as ForCaller, Open};

pub struct Route {
    method: &'static str,
    /// `{}` is an id: the first is the organization's.
    path: &'static str,
    /// Its name in `--fault`. `None` if no command calls it.
    pub operation: Option<&'static str>,
    handler: RestHandler,
}

const fn route(
    method: &'static str,
    path: &'static str,
    operation: Option<&'static str>,
    handler: RestHandler,
) -> Route {
    Route { method, path, operation, handler }
}

const ORGANIZATIONS: &str = "/api/v1/organizations";
const ORGANIZATION: &str = "/api/v1/organizations/{}";
const ACCOUNTS: &str = "/api/v1/organizations/{}/serviceaccounts";
const ACCOUNT: &str = "/api/v1/organizations/{}/serviceaccounts/{}";
const ROTATE: &str = "/api/v1/organizations/{}/serviceaccounts/{}/rotate";
const GROUPS: &str = "/api/v1/organizations/{}/groups";
const GROUP: &str = "/api/v1/organizations/{}/groups/{}";
const PROJECTS: &str = "/api/v1/organizations/{}/projects";
const PROJECT: &str = "/api/v1/organizations/{}/projects/{}";
const USERINFO: &str = "/oauth2/v2/userinfo";

pub static ROUTES: &[Route] = &[
    route("GET", ACCOUNTS, Some("sa.list"), ForCaller(Nscale::list_accounts)),
    route("POST", ACCOUNTS, Some("sa.create"), ForCaller(Nscale::create_account)),
    route("PUT", ACCOUNT, Some("sa.update"), ForCaller(Nscale::update_account)),
    route("POST", ROTATE, Some("sa.rotate"), ForCaller(Nscale::rotate_account)),
    route("DELETE", ACCOUNT, Some("sa.delete"), ForCaller(Nscale::delete_account)),
    route("GET", GROUPS, Some("groups.list"), ForCaller(Nscale::list_groups)),
    route("POST", GROUPS, None, ForCaller(Nscale::create_group)),
    route("GET", GROUP, None, ForCaller(Nscale::get_group)),
    route("PUT", GROUP, None, ForCaller(Nscale::update_group)),
    route("DELETE", GROUP, None, ForCaller(Nscale::delete_group)),
    route("GET", ORGANIZATIONS, Some("organizations.list"), ForCaller(Nscale::list_organizations)),
    route("GET", ORGANIZATION, None, ForCaller(Nscale::get_organization)),
    route("PUT", ORGANIZATION, None, ForCaller(Nscale::update_organization)),
    route("GET", USERINFO, Some("userinfo"), Open(Nscale::get_userinfo)),
    route("POST", USERINFO, None, Open(Nscale::post_userinfo)),
    route("GET", "/api/v1/organizations/{}/acl", None, ForCaller(Nscale::get_organization_acl)),
    route("GET", "/api/v1/organizations/{}/roles", None, ForCaller(Nscale::list_roles)),
    route("GET", PROJECTS, None, ForCaller(Nscale::list_projects)),
    route("GET", PROJECT, None, ForCaller(Nscale::get_project)),
    route("GET", "/api/version", None, ForCaller(Nscale::get_version)),
    route("GET", "/api/v1/acl", None, ForCaller(Nscale::get_acl)),
    route("GET", "/oauth2/v2/jwks", None, Open(Nscale::get_jwks)),
    route("POST", "/oauth2/v2/token", None, Open(Nscale::post_token)),
    route("GET", "/.well-known/openid-configuration", None, Open(Nscale::get_discovery)),
    route("GET", "/.well-known/openid-protected-resource", None, Open(Nscale::get_protected_resource)),
];

impl Route {
    /// The route of a request, with the ids of the organization and of the resource in its path.
    ///
    /// # Errors
    /// Not found: no route has this method and path. Invalid: an id is not a UUID.
    pub fn at(method: &Method, path: &str) -> RestResult<(&'static Self, [String; 2])> {
        let mut routes = ROUTES.iter().filter(|route| route.method == method.as_str());
        let matched = routes.find_map(|route| Some((route, ids(route.path, path)?)));
        let (route, ids) = matched.ok_or_else(RestFailure::not_found)?;
        let mut ids = ids.into_iter().map(canonical);
        let mut next = || ids.next().unwrap_or_else(|| Ok(String::new()));
        Ok((route, [next()?, next()?]))
    }

    pub fn handle(&self, nscale: &Nscale, request: &Request<'_>) -> RestResult<RestReply> {
        match self.handler {
            Open(handler) => handler(nscale, request),
            ForCaller(handler) => {
                let caller = Caller::identify(request.headers, &nscale.store, nscale.clock.now())?;
                handler(nscale, &caller, request)
            }
        }
    }
}

/// The segments of a path at the positions of `{}` in the pattern; `None` if it does not match.
fn ids<'a>(pattern: &str, path: &'a str) -> Option<Vec<&'a str>> {
    if pattern.split('/').count() != path.split('/').count() || path.ends_with('/') {
        return None;
    }
    let mut ids = Vec::new();
    for (pattern, segment) in pattern.split('/').zip(path.split('/')) {
        match pattern {
            "{}" => ids.push(segment),
            _ if pattern == segment => {}
            _ => return None,
        }
    }
    Some(ids)
}

/// The canonical form of a UUID, which may be written in any of the usual forms.
fn canonical(id: &str) -> RestResult<String> {
    // In a path, braces are percent-encoded.
    let id = id.replace("%7B", "{").replace("%7D", "}");
    match Uuid::parse_str(&id) {
        Ok(id) => Ok(id.to_string()),
        Err(_) => Err(RestFailure::invalid("invalid path/query element")),
    }
}
