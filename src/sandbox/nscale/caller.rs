//! The caller of Nscale's API, which in the sandbox is always a service account.

use axum::http::{HeaderMap, header};
use jiff::Timestamp;
use serde::Deserialize;

use crate::sandbox::keys::hash;
use crate::sandbox::nscale::acl::Acl;
use crate::sandbox::nscale::reply::{RestFailure, RestResult};
use crate::sandbox::nscale::token::BearerFormat;
use crate::sandbox::store::{ResourceKind, Store, StoredAccount};

pub struct Caller {
    pub account: StoredAccount,
    pub acl: Acl,
}

/// The part of a stored group's spec that decides what members may do.
#[derive(Default, Deserialize)]
#[serde(default)]
struct GroupRoles {
    #[serde(rename = "roleIDs")]
    role_ids: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ProjectGroups {
    #[serde(rename = "groupIDs")]
    group_ids: Vec<String>,
}

impl Caller {
    /// Reads the bearer token from the headers of a request.
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

    /// The account whose current token this is.
    pub fn with_token(token: &str, store: &Store, now: Timestamp) -> RestResult<Self> {
        let why = match BearerFormat::of(token) {
            _ if token.is_empty() => "empty bearer token",
            BearerFormat::Other => "unrecognized bearer token format",
            BearerFormat::Jws { has_issuer: false } => "unparseable token issuer",
            BearerFormat::Jws { has_issuer: true } => "untrusted token issuer",
            // The real server has the same error for expired, replaced and deleted tokens.
            BearerFormat::Jwe => match store.account_by_secret(&hash(token))? {
                Some(account) if account.expires_at > now => return Self::from_account(account, store),
                _ => "token validation failed",
            },
        };
        Err(RestFailure::unauthenticated(why))
    }

    fn from_account(account: StoredAccount, store: &Store) -> RestResult<Self> {
        let organization_id = &account.resource.organization_id;
        let mut groups = Vec::with_capacity(account.group_ids.len());
        if !account.group_ids.is_empty() {
            let projects = store.resources(ResourceKind::Project, organization_id)?;
            for group_id in &account.group_ids {
                let Some(group) = store.resource(ResourceKind::Group, organization_id, group_id)? else { continue };
                let spec: GroupRoles = serde_json::from_str(&group.spec).unwrap_or_default();
                let is_for_group = |spec: &str| {
                    serde_json::from_str::<ProjectGroups>(spec).is_ok_and(|spec| spec.group_ids.contains(group_id))
                };
                let of_group = projects.iter().filter(|project| is_for_group(&project.spec));
                groups.push((spec.role_ids, of_group.map(|project| project.id.clone()).collect()));
            }
        }
        let acl = Acl::new(organization_id, &groups);
        Ok(Self { account, acl })
    }

    pub fn id(&self) -> &str {
        &self.account.resource.id
    }
}
