//! Who calls. Every caller of the sandbox is a service account.

use axum::http::{HeaderMap, header};
use jiff::Timestamp;
use serde::Deserialize;

use crate::sandbox::keys::hash;
use crate::sandbox::nscale::acl::Acl;
use crate::sandbox::nscale::reply::{RestFailure, RestResult};
use crate::sandbox::nscale::token::Shape;
use crate::sandbox::store::{ResourceKind, Store, StoredAccount};

/// A service account that calls.
pub struct Caller {
    /// The account.
    pub account: StoredAccount,
    /// What it may do.
    pub acl: Acl,
}

/// The roles that a stored group holds.
#[derive(Default, Deserialize)]
#[serde(default)]
struct GroupSpec {
    #[serde(rename = "roleIDs")]
    role_ids: Vec<String>,
}

/// The groups that a stored project is for.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ProjectSpec {
    #[serde(rename = "groupIDs")]
    group_ids: Vec<String>,
}

impl Caller {
    /// The caller of a request with these headers.
    ///
    /// # Errors
    /// Unauthenticated, in the server's words.
    pub fn identify(headers: &HeaderMap, store: &Store, now: Timestamp) -> RestResult<Self> {
        let value = headers
            .get(header::AUTHORIZATION)
            .ok_or_else(|| RestFailure::unauthenticated("authorization header missing"))?;
        let malformed = || RestFailure::unauthenticated("authorization header malformed");
        let parts: Vec<&str> = value.to_str().map_err(|_| malformed())?.split(' ').collect();
        let [scheme, token] = parts.as_slice() else { return Err(malformed()) };
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(RestFailure::unauthenticated("authorization scheme not allowed"));
        }
        Self::with_token(token, store, now)
    }

    /// The caller who holds a token.
    ///
    /// # Errors
    /// Unauthenticated, in the server's words.
    pub fn with_token(token: &str, store: &Store, now: Timestamp) -> RestResult<Self> {
        let why = match Shape::of(token) {
            _ if token.is_empty() => "empty bearer token",
            Shape::Other => "unrecognized bearer token format",
            Shape::Jws { has_issuer: false } => "unparseable token issuer",
            Shape::Jws { has_issuer: true } => "untrusted token issuer",
            // Expired, rotated away and deleted sound alike.
            Shape::Jwe => match store.account_by_secret(&hash(token))? {
                Some(account) if account.expires_at > now => return Self::of(account, store),
                _ => "token validation failed",
            },
        };
        Err(RestFailure::unauthenticated(why))
    }

    fn of(account: StoredAccount, store: &Store) -> RestResult<Self> {
        let organization_id = &account.resource.organization_id;
        let mut groups = Vec::with_capacity(account.group_ids.len());
        if !account.group_ids.is_empty() {
            let projects = store.resources(ResourceKind::Project, organization_id)?;
            for group_id in &account.group_ids {
                let Some(group) = store.resource(ResourceKind::Group, organization_id, group_id)? else { continue };
                let spec: GroupSpec = serde_json::from_str(&group.spec).unwrap_or_default();
                let is_for_group = |spec: &str| {
                    serde_json::from_str::<ProjectSpec>(spec).is_ok_and(|spec| spec.group_ids.contains(group_id))
                };
                let of_group = projects.iter().filter(|project| is_for_group(&project.spec));
                groups.push((spec.role_ids, of_group.map(|project| project.id.clone()).collect()));
            }
        }
        let acl = Acl::new(organization_id, &groups);
        Ok(Self { account, acl })
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.account.resource.id
    }
}
