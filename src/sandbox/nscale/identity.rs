//! Information about the caller, its organization and the server.

use axum::http::{StatusCode, header};
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::nscale::messages::{Authz, Userinfo};
use crate::sandbox::nscale::caller::Caller;
use crate::sandbox::nscale::reply::{RestFailure, RestReply, RestResult, host};
use crate::sandbox::nscale::roles::{ORGANIZATIONS, PROJECTS, ROLES, ROLES_ENDPOINT, role_id};
use crate::sandbox::nscale::route::Request;
use crate::sandbox::nscale::{Nscale, schema, seed, view};
use crate::sandbox::store::{ResourceKind, StoredResource};

impl Nscale {
    pub(super) fn get_discovery(&self, request: &Request<'_>) -> RestResult<RestReply> {
        Ok(RestReply::json(StatusCode::OK, &discovery(host(request.headers))))
    }

    pub(super) fn get_protected_resource(&self, request: &Request<'_>) -> RestResult<RestReply> {
        let document = json!({
            "resource": format!("https://{}", host(request.headers)),
            "authorization_servers": [format!("https://{}", host(request.headers))],
            "bearer_methods_supported": ["header"],
            "scopes_supported": ["openapi", "email", "profile"],
        });
        Ok(RestReply::json(StatusCode::OK, &document))
    }

    /// The sandbox's tokens are opaque: there are no keys to verify them with.
    pub(super) fn get_jwks(&self, _: &Request<'_>) -> RestResult<RestReply> {
        Ok(RestReply::json(StatusCode::OK, &json!({ "keys": [] })))
    }

    pub(super) fn post_token(&self, _: &Request<'_>) -> RestResult<RestReply> {
        Err(RestFailure::unsupported_grant())
    }

    pub(super) fn get_acl(&self, caller: &Caller, _: &Request<'_>) -> RestResult<RestReply> {
        Ok(RestReply::json(StatusCode::OK, &caller.acl.to_json(None)))
    }

    pub(super) fn get_organization_acl(&self, caller: &Caller, request: &Request<'_>) -> RestResult<RestReply> {
        Ok(RestReply::json(StatusCode::OK, &caller.acl.to_json(Some(&request.organization_id))))
    }

    pub(super) fn get_version(&self, _: &Caller, _: &Request<'_>) -> RestResult<RestReply> {
        let document = json!({ "name": "nscred-sandbox", "version": env!("CARGO_PKG_VERSION") });
        Ok(RestReply::json(StatusCode::OK, &document))
    }

    /// Reads the token from a form, unless there is an `Authorization` header.
    pub(super) fn post_userinfo(&self, request: &Request<'_>) -> RestResult<RestReply> {
        if request.headers.contains_key(header::AUTHORIZATION) {
            return self.get_userinfo(request);
        }
        let token = form_urlencoded::parse(request.body).find(|(name, _)| name == "access_token");
        match token {
            Some((_, token)) => self.userinfo(&token),
            None => Err(RestFailure::unauthenticated("authorization header not set")),
        }
    }

    /// Some of its errors differ from those of other routes, as on the real server.
    pub(super) fn get_userinfo(&self, request: &Request<'_>) -> RestResult<RestReply> {
        let Some(value) = request.headers.get(header::AUTHORIZATION) else {
            return Err(RestFailure::unauthenticated("authorization header not set"));
        };
        let parts: Vec<&str> = value.to_str().unwrap_or_default().split(' ').collect();
        match parts.as_slice() {
            [scheme, token] if scheme.eq_ignore_ascii_case("bearer") => self.userinfo(token),
            [_, _] => Err(RestFailure::invalid("authorization scheme not allowed")),
            _ => Err(RestFailure::invalid("authorization header malformed")),
        }
    }

    fn userinfo(&self, token: &str) -> RestResult<RestReply> {
        let caller = Caller::with_token(token, &self.store, self.clock.now())?;
        let authz = Authz { acctype: "service".into(), org_ids: vec![caller.acl.organization_id.clone()] };
        Ok(RestReply::json(StatusCode::OK, &Userinfo { authz, sub: caller.id().to_owned() }))
    }

    pub(super) fn organization(&self, id: &str) -> RestResult<StoredResource> {
        self.store.resource(ResourceKind::Organization, id, id)?.ok_or_else(RestFailure::not_found)
    }

    /// The caller's organization, whatever its roles.
    pub(super) fn list_organizations(&self, caller: &Caller, _: &Request<'_>) -> RestResult<RestReply> {
        let organization = self.organization(&caller.acl.organization_id)?;
        Ok(RestReply::json(StatusCode::OK, &[view::resource(ResourceKind::Organization, &organization)]))
    }

    pub(super) fn get_organization(&self, caller: &Caller, request: &Request<'_>) -> RestResult<RestReply> {
        let id = &request.organization_id;
        caller.acl.require(id, ORGANIZATIONS, "read")?;
        let organization = self.organization(id)?;
        Ok(RestReply::json(StatusCode::OK, &view::resource(ResourceKind::Organization, &organization)))
    }

    pub(super) fn update_organization(&self, caller: &Caller, request: &Request<'_>) -> RestResult<RestReply> {
        let id = &request.organization_id;
        let body = schema::organization(request)?;
        caller.acl.require(id, ORGANIZATIONS, "update")?;
        let organization = self.update_resource(caller, self.organization(id)?, body.metadata);
        self.store.put_resource(ResourceKind::Organization, &organization)?;
        Ok(RestReply::empty(StatusCode::OK))
    }

    pub(super) fn list_roles(&self, caller: &Caller, request: &Request<'_>) -> RestResult<RestReply> {
        let Request { organization_id, .. } = request;
        caller.acl.require(organization_id, ROLES_ENDPOINT, "read")?;
        let organization = self.organization(organization_id)?;
        let roles = ROLES.iter().map(|role| {
            let resource = StoredResource {
                id: role_id(role.name),
                name: role.name.to_owned(),
                description: Some(role.description.to_owned()),
                created_by: None,
                ..seed::resource(&self.keys, organization_id, organization.created_at)
            };
            // Roles belong to no organization.
            let metadata = view::metadata(ResourceKind::Organization, &resource);
            json!({ "metadata": metadata, "grantable": caller.acl.may_grant(role) })
        });
        Ok(RestReply::json(StatusCode::OK, &roles.collect::<Vec<Value>>()))
    }

    /// The projects that the caller may read.
    pub(super) fn list_projects(&self, caller: &Caller, request: &Request<'_>) -> RestResult<RestReply> {
        let Request { organization_id, .. } = request;
        self.organization(organization_id)?;
        let projects = self.store.resources(ResourceKind::Project, organization_id)?;
        let may_read = |project: &&StoredResource| {
            caller.acl.require_in_project(organization_id, &project.id, PROJECTS, "read").is_ok()
        };
        let projects: Vec<Value> =
            projects.iter().filter(may_read).map(|project| view::resource(ResourceKind::Project, project)).collect();
        Ok(RestReply::json(StatusCode::OK, &projects))
    }

    pub(super) fn get_project(&self, caller: &Caller, request: &Request<'_>) -> RestResult<RestReply> {
        let Request { organization_id, id, .. } = request;
        caller.acl.require_in_project(organization_id, id, PROJECTS, "read")?;
        self.organization(organization_id)?;
        let project =
            self.store.resource(ResourceKind::Project, organization_id, id)?.ok_or_else(RestFailure::not_found)?;
        Ok(RestReply::json(StatusCode::OK, &view::resource(ResourceKind::Project, &project)))
    }
}

/// The document of OpenID Connect Discovery.
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
