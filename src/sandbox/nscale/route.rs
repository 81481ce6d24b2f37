//! Routes: method and path together, then the ids in it.

use axum::http::Method;
use uuid::Uuid;

use crate::sandbox::nscale::reply::{RestFailure, RestResult};

/// What a request asks for. Ids are in canonical form, the organization's
/// first.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the API's own")]
pub enum Route {
    Version,
    Acl,
    OrganizationAcl(String),
    Userinfo,
    PostUserinfo,
    Discovery,
    ProtectedResource,
    KeySet,
    Token,
    Organizations,
    Organization(String),
    PutOrganization(String),
    Roles(String),
    Projects(String),
    Project(String, String),
    Groups(String),
    CreateGroup(String),
    Group(String, String),
    PutGroup(String, String),
    DeleteGroup(String, String),
    Accounts(String),
    CreateAccount(String),
    PutAccount(String, String),
    DeleteAccount(String, String),
    RotateAccount(String, String),
}

impl Route {
    /// What a fault calls it; none for what no command asks for.
    pub fn operation(&self) -> Option<&'static str> {
        Some(match self {
            Self::Accounts(_) => "sa.list",
            Self::CreateAccount(_) => "sa.create",
            Self::PutAccount(..) => "sa.update",
            Self::RotateAccount(..) => "sa.rotate",
            Self::DeleteAccount(..) => "sa.delete",
            Self::Groups(_) => "groups.list",
            Self::Organizations => "organizations.list",
            Self::Userinfo => "userinfo",
            _ => return None,
        })
    }

    /// The route of a request.
    ///
    /// # Errors
    /// Not found, where method and path match none; invalid, where an id in
    /// the path is none.
    pub fn at(method: &Method, path: &str) -> RestResult<Self> {
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        match (method.as_str(), segments.as_slice()) {
            ("GET", ["api", "version"]) => Ok(Self::Version),
            ("GET", ["oauth2", "v2", "userinfo"]) => Ok(Self::Userinfo),
            ("POST", ["oauth2", "v2", "userinfo"]) => Ok(Self::PostUserinfo),
            ("GET", ["oauth2", "v2", "jwks"]) => Ok(Self::KeySet),
            ("POST", ["oauth2", "v2", "token"]) => Ok(Self::Token),
            ("GET", [".well-known", "openid-configuration"]) => Ok(Self::Discovery),
            ("GET", [".well-known", "openid-protected-resource"]) => Ok(Self::ProtectedResource),
            ("GET", ["api", "v1", "acl"]) => Ok(Self::Acl),
            ("GET", ["api", "v1", "organizations"]) => Ok(Self::Organizations),
            // A slash at the end names nothing.
            (_, [.., ""]) => Err(RestFailure::not_found()),
            (method, ["api", "v1", "organizations", organization, rest @ ..]) => {
                Self::in_organization(method, rest, organization)
            }
            _ => Err(RestFailure::not_found()),
        }
    }

    fn in_organization(method: &str, rest: &[&str], organization: &str) -> RestResult<Self> {
        // The route first: a bad id under an unknown route is not found too.
        let (make, id): (fn(String, String) -> Self, _) = match (method, rest) {
            ("GET", []) => (|organization, _| Self::Organization(organization), None),
            ("PUT", []) => (|organization, _| Self::PutOrganization(organization), None),
            ("GET", ["acl"]) => (|organization, _| Self::OrganizationAcl(organization), None),
            ("GET", ["roles"]) => (|organization, _| Self::Roles(organization), None),
            ("GET", ["projects"]) => (|organization, _| Self::Projects(organization), None),
            ("GET", ["projects", id]) => (Self::Project, Some(id)),
            ("GET", ["groups"]) => (|organization, _| Self::Groups(organization), None),
            ("POST", ["groups"]) => (|organization, _| Self::CreateGroup(organization), None),
            ("GET", ["groups", id]) => (Self::Group, Some(id)),
            ("PUT", ["groups", id]) => (Self::PutGroup, Some(id)),
            ("DELETE", ["groups", id]) => (Self::DeleteGroup, Some(id)),
            ("GET", ["serviceaccounts"]) => (|organization, _| Self::Accounts(organization), None),
            ("POST", ["serviceaccounts"]) => (|organization, _| Self::CreateAccount(organization), None),
            ("PUT", ["serviceaccounts", id]) => (Self::PutAccount, Some(id)),
            ("DELETE", ["serviceaccounts", id]) => (Self::DeleteAccount, Some(id)),
            ("POST", ["serviceaccounts", id, "rotate"]) => (Self::RotateAccount, Some(id)),
            _ => return Err(RestFailure::not_found()),
        };
        let id = id.map(|id| canonical(id)).transpose()?.unwrap_or_default();
        Ok(make(canonical(organization)?, id))
    }
}

/// An id in any of the usual spellings, in the canonical one.
fn canonical(text: &str) -> RestResult<String> {
    // The path's own encoding of the braces.
    let text = text.replace("%7B", "{").replace("%7D", "}");
    match Uuid::parse_str(&text) {
        Ok(id) => Ok(id.to_string()),
        Err(_) => Err(RestFailure::invalid("invalid path/query element")),
    }
}
