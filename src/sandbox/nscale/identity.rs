//! What a caller is told of itself, its organization and the server.

use axum::http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::nscale::message::{Authz, Userinfo};
use crate::sandbox::nscale::acl::{ORGANIZATIONS, PROJECTS, ROLES, ROLES_SCOPE, role_id};
use crate::sandbox::nscale::caller::Caller;
use crate::sandbox::nscale::reply::{RestFailure, RestReply, RestResult, host};
use crate::sandbox::nscale::route::Route;
use crate::sandbox::nscale::schema::OrganizationWrite;
use crate::sandbox::nscale::{Nscale, seed, view};
use crate::sandbox::store::{ResourceKind, StoredResource};

impl Nscale {
    /// Answers what needs no credential in the usual place.
    pub(super) fn open(&self, route: &Route, headers: &HeaderMap, body: &[u8]) -> Option<RestResult<RestReply>> {
        let document = match route {
            Route::Discovery => discovery(host(headers)),
            Route::ProtectedResource => json!({
                "resource": format!("https://{}", host(headers)),
                "authorization_servers": [format!("https://{}", host(headers))],
                "bearer_methods_supported": ["header"],
                "scopes_supported": ["openapi", "email", "profile"],
            }),
            // Its tokens are opaque: there is nothing to check them with.
            Route::KeySet => json!({ "keys": [] }),
            Route::Token => return Some(Err(RestFailure::unsupported_grant())),
            Route::PostUserinfo if !headers.contains_key(header::AUTHORIZATION) => {
                return Some(self.userinfo_of_form(body));
            }
            Route::PostUserinfo | Route::Userinfo => return Some(self.userinfo_of_header(headers)),
            _ => return None,
        };
        Some(Ok(RestReply::json(StatusCode::OK, &document)))
    }

    /// Answers what any caller may know.
    pub(super) fn who_is(&self, route: &Route, caller: &Caller) -> RestReply {
        let document = match route {
            Route::Acl => caller.acl.to_json(None),
            Route::OrganizationAcl(id) => caller.acl.to_json(Some(id)),
            _ => json!({ "name": "nscred-sandbox", "version": env!("CARGO_PKG_VERSION") }),
        };
        RestReply::json(StatusCode::OK, &document)
    }

    fn userinfo_of_header(&self, headers: &HeaderMap) -> RestResult<RestReply> {
        // Userinfo words some refusals in its own way.
        let Some(value) = headers.get(header::AUTHORIZATION) else {
            return Err(RestFailure::unauthenticated("authorization header not set"));
        };
        let parts: Vec<&str> = value.to_str().unwrap_or_default().split(' ').collect();
        match parts.as_slice() {
            [scheme, token] if scheme.eq_ignore_ascii_case("bearer") => self.userinfo(token),
            [_, _] => Err(RestFailure::invalid("authorization scheme not allowed")),
            _ => Err(RestFailure::invalid("authorization header malformed")),
        }
    }

    fn userinfo_of_form(&self, body: &[u8]) -> RestResult<RestReply> {
        let token = form_urlencoded::parse(body).find(|(name, _)| name == "access_token").map(|(_, token)| token);
        match token {
            Some(token) => self.userinfo(&token),
            None => Err(RestFailure::unauthenticated("authorization header not set")),
        }
    }

    fn userinfo(&self, token: &str) -> RestResult<RestReply> {
        let caller = Caller::with_token(token, &self.store, self.clock.now())?;
        let authz = Authz { acctype: "service".into(), org_ids: vec![caller.acl.organization_id.clone()] };
        Ok(RestReply::json(StatusCode::OK, &Userinfo { authz, sub: caller.id().to_owned() }))
    }

    /// The organization with an id.
    pub(super) fn organization(&self, id: &str) -> RestResult<StoredResource> {
        self.store.resource(ResourceKind::Organization, id, id)?.ok_or_else(RestFailure::not_found)
    }

    /// The caller's organization: membership alone decides.
    pub(super) fn list_organizations(&self, caller: &Caller) -> RestResult<RestReply> {
        let organization = self.organization(&caller.acl.organization_id)?;
        Ok(RestReply::json(StatusCode::OK, &[view::resource(ResourceKind::Organization, &organization)]))
    }

    pub(super) fn get_organization(&self, caller: &Caller, id: &str) -> RestResult<RestReply> {
        caller.acl.require(id, ORGANIZATIONS, "read")?;
        let organization = self.organization(id)?;
        Ok(RestReply::json(StatusCode::OK, &view::resource(ResourceKind::Organization, &organization)))
    }

    pub(super) fn put_organization(
        &self,
        caller: &Caller,
        id: &str,
        request: OrganizationWrite,
    ) -> RestResult<RestReply> {
        caller.acl.require(id, ORGANIZATIONS, "update")?;
        let organization = self.update_resource(caller, self.organization(id)?, request.metadata);
        self.store.put_resource(ResourceKind::Organization, &organization)?;
        Ok(RestReply::empty(StatusCode::OK))
    }

    pub(super) fn list_roles(&self, caller: &Caller, organization_id: &str) -> RestResult<RestReply> {
        caller.acl.require(organization_id, ROLES_SCOPE, "read")?;
        let organization = self.organization(organization_id)?;
        let roles = ROLES.iter().map(|role| {
            let resource = StoredResource {
                id: role_id(role.name),
                name: role.name.to_owned(),
                description: Some(role.description.to_owned()),
                created_by: None,
                ..seed::resource(&self.keys, organization_id, organization.created_at)
            };
            // Roles are no organization's own.
            let metadata = view::metadata(ResourceKind::Organization, &resource);
            json!({ "metadata": metadata, "grantable": caller.acl.may_grant(role) })
        });
        Ok(RestReply::json(StatusCode::OK, &roles.collect::<Vec<Value>>()))
    }

    /// The projects that the caller may read, one by one.
    pub(super) fn list_projects(&self, caller: &Caller, organization_id: &str) -> RestResult<RestReply> {
        self.organization(organization_id)?;
        let projects = self.store.resources(ResourceKind::Project, organization_id)?;
        let may_read = |project: &&StoredResource| {
            caller.acl.require_in_project(organization_id, &project.id, PROJECTS, "read").is_ok()
        };
        let projects: Vec<Value> =
            projects.iter().filter(may_read).map(|project| view::resource(ResourceKind::Project, project)).collect();
        Ok(RestReply::json(StatusCode::OK, &projects))
    }

    pub(super) fn get_project(&self, caller: &Caller, organization_id: &str, id: &str) -> RestResult<RestReply> {
        caller.acl.require_in_project(organization_id, id, PROJECTS, "read")?;
        self.organization(organization_id)?;
        let project =
            self.store.resource(ResourceKind::Project, organization_id, id)?.ok_or_else(RestFailure::not_found)?;
        Ok(RestReply::json(StatusCode::OK, &view::resource(ResourceKind::Project, &project)))
    }
}

/// OpenID Connect's description of the server.
fn discovery(host: &str) -> Value {
    let at = |path: &str| format!("http://{host}{path}");
    json!({
        "issuer": at(""),
        "authorization_endpoint": at("/oauth2/v2/authorization"),
        "token_endpoint": at("/oauth2/v2/token"),
        "userinfo_endpoint": at("/oauth2/v2/userinfo"),
        "jwks_uri": at("/oauth2/v2/jwks"),
        "scopes_supported": ["email", "openid", "profile"],
        "response_types_supported": ["code", "id_token"],
        "response_modes_supported": ["query"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "tls_client_auth"],
        "grant_types_supported": [
            "authorization_code", "client_credentials", "refresh_token",
            "urn:ietf:params:oauth:grant-type:token-exchange",
        ],
        "id_token_signing_alg_values_supported": ["ES512"],
        "code_challenge_methods_supported": ["plain", "S256"],
        "claims_parameter_supported": false,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
    })
}
