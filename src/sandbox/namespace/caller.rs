//! The caller of Namespace's API, and its permissions.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::namespace::detail::MissingPermission;
use crate::namespace::messages::{Permission, RevokableToken, State};
use crate::namespace::permissions::TOKENS;
use crate::sandbox::keys::{Keys, hash};
use crate::sandbox::namespace::reply::{RpcFailure, RpcResult};
use crate::sandbox::store::Store;

/// The only workspace.
pub const TENANT_ID: &str = "tenant_sandbox";

/// A workspace admin, who may do everything.
pub const ADMIN: &str = "user_admin";

/// A member who is not an admin. May use every resource, and create tokens bound to their own
/// membership; may not list, revoke or refresh tokens.
pub const MEMBER: &str = "user_member";

/// The prefix of a user's tenant token.
pub const TENANT_TOKEN: &str = "nsct_";

/// The prefix of a login session's token.
pub const SESSION_TOKEN: &str = "st_";

/// The claims of the sandbox's tenant tokens and session tokens.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SandboxClaims {
    pub tenant_id: String,
    pub actor_id: String,
    /// Seconds since 1970.
    pub iat: i64,
    /// Seconds since 1970.
    pub exp: i64,
    /// Only in a session token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
}

#[derive(Clone, Debug)]
pub enum Caller {
    /// The id of a user, who sent a tenant token.
    User(String),
    Token(Box<RevokableToken>),
}

impl Caller {
    /// The owner of a bearer token.
    pub fn identify(bearer: Option<&str>, keys: &Keys, store: &Store, now: Timestamp) -> RpcResult<Self> {
        let bearer = bearer.ok_or_else(no_credentials)?;
        if bearer.starts_with(TENANT_TOKEN) {
            let claims = verify(keys, TENANT_TOKEN, bearer, now, "token expired")?;
            return Ok(Self::User(claims.actor_id));
        }
        if bearer.starts_with(SESSION_TOKEN) {
            return Err(RpcFailure::unauthenticated("a session token must be exchanged first"));
        }
        let stored = store.token_by_secret(&hash(bearer))?.ok_or_else(invalid_token)?;
        match stored.token.state_at(now) {
            State::Revoked => Err(RpcFailure::unauthenticated("token revoked")),
            State::Expired => Err(RpcFailure::unauthenticated("token expired")),
            // The store has no unknown or other states.
            State::Active | State::Unknown | State::Other(_) => Ok(Self::Token(Box::new(stored.token))),
        }
    }

    /// The user, or the user who created the token.
    pub fn actor_id(&self) -> &str {
        match self {
            Self::User(id) => id,
            Self::Token(token) => &token.creator_actor_id,
        }
    }

    /// Whether the caller has this permission. An action on the type as a whole, such as `create` or
    /// `list`, has no `resource_id`.
    pub fn may(&self, resource_type: &str, resource_id: Option<&str>, action: &str) -> bool {
        match self {
            Self::User(id) => id == ADMIN || resource_type != TOKENS,
            Self::Token(token) => {
                token.permissions.iter().any(|grant| covers(grant, resource_type, resource_id, action))
            }
        }
    }

    /// Whether the caller may create a token, bound to their membership or not.
    pub fn may_create_token(&self, membership: bool) -> bool {
        match self {
            Self::User(id) if id == MEMBER => membership,
            _ => self.may(TOKENS, None, "create"),
        }
    }

    /// The part of these grants that the caller does not have.
    pub fn missing_grants(&self, grants: &[Permission]) -> Vec<MissingPermission> {
        let mut missing = Vec::new();
        for grant in grants {
            let resource_id = Some(grant.resource_id.as_str()).filter(|id| !id.is_empty());
            for action in grant.actions.iter().filter(|action| !self.may(&grant.resource_type, resource_id, action)) {
                missing.push(MissingPermission {
                    resource_type: grant.resource_type.clone(),
                    resource_id: grant.resource_id.clone(),
                    action: action.clone(),
                });
            }
        }
        missing
    }
}

/// Whether a grant covers an action. A grant without an id covers only actions without one, as was
/// observed on the real server.
fn covers(grant: &Permission, resource_type: &str, resource_id: Option<&str>, action: &str) -> bool {
    grant.resource_type == resource_type
        && grant.actions.iter().any(|granted| granted == "*" || granted == action)
        && (grant.resource_id == "*" || resource_id.is_none_or(|id| id == grant.resource_id))
}

/// The login session of a bearer token. Records its use.
pub fn session(bearer: Option<&str>, keys: &Keys, store: &Store, now: Timestamp) -> RpcResult<SandboxClaims> {
    let claims = verify(keys, SESSION_TOKEN, bearer.ok_or_else(no_credentials)?, now, "session expired")?;
    let id = claims.session_id.as_deref().unwrap_or_default();
    if store.use_session(id, now)? { Ok(claims) } else { Err(RpcFailure::unauthenticated("session ended")) }
}

fn verify(keys: &Keys, prefix: &str, token: &str, now: Timestamp, expired: &str) -> RpcResult<SandboxClaims> {
    let claims: SandboxClaims = keys.verify(prefix, token).ok_or_else(invalid_token)?;
    if claims.exp <= now.as_second() { Err(RpcFailure::unauthenticated(expired)) } else { Ok(claims) }
}

fn no_credentials() -> RpcFailure {
    RpcFailure::unauthenticated("no credentials")
}

fn invalid_token() -> RpcFailure {
    RpcFailure::unauthenticated("invalid token")
}
