//! The methods of TokenService.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::http::connect::Code;
use crate::input::duration::MAX_LIFETIME;
use crate::namespace::detail::MissingPermission;
use crate::namespace::messages::{
    BatchRevokeRequest, BatchRevokeResponse, CreateRequest, ListRequest, ListResponse, Permission, RefreshRequest,
    RefreshResponse, RevokableToken, RevokeRequest, Scope,
};
use crate::namespace::permissions::{TOKENS, actions_of};
use crate::namespace::proto::{Bytes, Time};
use crate::sandbox::clock::later;
use crate::sandbox::keys::hash;
use crate::sandbox::namespace::caller::{Caller, TENANT_ID};
use crate::sandbox::namespace::reply::{RpcFailure, RpcResult};
use crate::sandbox::namespace::{Namespace, read, write};
use crate::sandbox::store::StoredToken;

/// How far an expiry may be beyond one year: a request takes time, and clocks differ.
const YEAR_TOLERANCE: Duration = Duration::from_secs(60);

const DEFAULT_PAGE_SIZE: i64 = 100;
const MAX_PAGE_SIZE: i64 = 1_000;

impl Namespace {
    pub(super) fn create_token(&self, caller: &Caller, body: &[u8]) -> RpcResult<Value> {
        let request: CreateRequest = read(body)?;
        let membership = request.scope == Scope::Membership;
        let now = self.clock.now();
        if !caller.may_create_token(membership) {
            return Err(RpcFailure::denied(vec![tokens_access("", "create")]));
        }
        if matches!(request.scope, Scope::Other(_)) {
            return Err(unknown_scope());
        }
        check_create(&request, membership, now)?;
        let missing = caller.missing_grants(&request.access.grants);
        if !missing.is_empty() {
            return Err(RpcFailure::denied(missing));
        }
        let secret = format!("nsrt_{}", self.keys.secret());
        let token = RevokableToken {
            token_id: format!("tok_{}", self.keys.id()),
            name: request.name,
            description: request.description,
            created_at: Some(Time(now)),
            expires_at: request.expires_at,
            creator_actor_id: caller.actor_id().to_owned(),
            scope: if membership { Scope::Membership } else { Scope::Tenant },
            permissions: request.access.grants,
            ..RevokableToken::default()
        };
        if !self.store.insert_token(&token, &hash(&secret))? {
            return Err(RpcFailure::new(
                Code::AlreadyExists,
                format!("a token named \"{}\" exists already", token.name),
            ));
        }
        let token = complete(token, now);
        Ok(json!({ "bearerToken": secret, "token": token }))
    }

    pub(super) fn list_tokens(&self, caller: &Caller, body: &[u8]) -> RpcResult<Value> {
        require(caller, None, "list")?;
        let request: ListRequest = read(body)?;
        let page = match request.max_entries {
            0 => DEFAULT_PAGE_SIZE,
            1.. => request.max_entries.min(MAX_PAGE_SIZE),
            _ => return Err(RpcFailure::invalid("max_entries is negative")),
        };
        let after = read_cursor(&request)?;
        let now = self.clock.now();
        // One more than the page shows whether there is a next page.
        let mut stored = self.store.tokens_after(after, page + 1, request.include_revoked)?;
        let has_more = stored.len() as i64 > page;
        stored.truncate(usize::try_from(page).unwrap_or_default());
        let last = stored.last().map(|stored| stored.seq);
        write(&ListResponse {
            tokens: stored.into_iter().map(|stored| complete(stored.token, now)).collect(),
            pagination_cursor: last
                .filter(|_| has_more)
                .map(|seq| write_cursor(seq, request.include_revoked))
                .unwrap_or_default(),
        })
    }

    pub(super) fn revoke_token(&self, caller: &Caller, body: &[u8]) -> RpcResult<Value> {
        let request: RevokeRequest = read(body)?;
        require(caller, Some(&request.token_id), "revoke")?;
        check_id(&request.token_id)?;
        if self.store.revoke_token(&request.token_id, self.clock.now(), caller.actor_id())? {
            Ok(json!({}))
        } else {
            Err(no_such_token())
        }
    }

    pub(super) fn refresh_token(&self, caller: &Caller, body: &[u8]) -> RpcResult<Value> {
        let request: RefreshRequest = read(body)?;
        require(caller, Some(&request.token_id), "refresh")?;
        check_id(&request.token_id)?;
        let minimum = request.minimum_duration.map(|span| span.0).unwrap_or_default();
        let minimum = Duration::try_from(minimum)
            .ok()
            .filter(|minimum| !minimum.is_zero() && *minimum <= MAX_LIFETIME)
            .ok_or_else(|| RpcFailure::invalid("minimum_duration must be more than zero and at most 1 year"))?;
        let now = self.clock.now();
        let stored = self.store.token_by_id(&request.token_id)?.filter(|stored| stored.token.revoked_at.is_none());
        let StoredToken { mut token, .. } = stored.ok_or_else(no_such_token)?;
        if let Some(Time(expiry)) = token.expires_at {
            if expiry <= now {
                return Err(RpcFailure::new(Code::FailedPrecondition, "the token has expired"));
            }
            let needed = later(now, minimum);
            if expiry < needed {
                self.store.set_expiry(&request.token_id, needed)?;
                token.expires_at = Some(Time(needed));
            }
        }
        write(&RefreshResponse { token: Some(complete(token, now)) })
    }

    pub(super) fn batch_revoke_tokens(&self, caller: &Caller, body: &[u8]) -> RpcResult<Value> {
        require(caller, Some("*"), "revoke")?;
        let request: BatchRevokeRequest = read(body)?;
        if request == BatchRevokeRequest::default() {
            return Err(RpcFailure::invalid("at least one filter is required"));
        }
        let creator = Some(request.created_by_actor_id.as_str()).filter(|id| !id.is_empty());
        if creator.is_some_and(|id| !id.starts_with("user_")) {
            return Err(RpcFailure::invalid("created_by_actor_id must be a user"));
        }
        let membership = match request.scope {
            Scope::Unknown => None,
            Scope::Tenant => Some(false),
            Scope::Membership => Some(true),
            Scope::Other(_) => return Err(unknown_scope()),
        };
        let before = request.before.map(|time| time.0);
        let revoked = self.store.revoke_tokens(before, creator, membership, self.clock.now(), caller.actor_id())?;
        write(&BatchRevokeResponse { revoked_token_ids: revoked })
    }
}

fn unknown_scope() -> RpcFailure {
    RpcFailure::invalid("unknown scope")
}

fn tokens_access(token_id: &str, action: &str) -> MissingPermission {
    MissingPermission { resource_type: TOKENS.into(), resource_id: token_id.into(), action: action.into() }
}

fn require(caller: &Caller, token_id: Option<&str>, action: &str) -> RpcResult<()> {
    if caller.may(TOKENS, token_id, action) {
        return Ok(());
    }
    Err(RpcFailure::denied(vec![tokens_access(token_id.unwrap_or_default(), action)]))
}

fn check_id(token_id: &str) -> RpcResult<()> {
    if token_id.is_empty() { Err(RpcFailure::invalid("token_id is required")) } else { Ok(()) }
}

fn no_such_token() -> RpcFailure {
    RpcFailure::new(Code::NotFound, "the token does not exist or is already revoked")
}

fn check_create(request: &CreateRequest, membership: bool, now: Timestamp) -> RpcResult<()> {
    if request.name.is_empty() {
        return Err(RpcFailure::invalid("name is required"));
    }
    if request.access.grants.is_empty() {
        return Err(RpcFailure::invalid("at least one grant is required"));
    }
    match request.expires_at {
        None if !membership => {
            return Err(RpcFailure::invalid("expires_at is required for tokens of the whole workspace"));
        }
        Some(Time(expiry)) if expiry <= now => return Err(RpcFailure::invalid("expires_at is not in the future")),
        Some(Time(expiry)) if expiry > later(now, MAX_LIFETIME + YEAR_TOLERANCE) => {
            return Err(RpcFailure::invalid("expires_at is more than 1 year away"));
        }
        _ => {}
    }
    let refused: Vec<String> = request.access.grants.iter().flat_map(refused_actions).collect();
    if refused.is_empty() {
        return Ok(());
    }
    Err(RpcFailure::invalid(format!(
        "requested permissions are not allowed in revokable tokens: [{}]",
        refused.join(" ")
    )))
}

/// The `type:action` pairs of a grant that the real server was observed to refuse: unknown actions,
/// and the wildcard on instances.
fn refused_actions(grant: &Permission) -> Vec<String> {
    let known = actions_of(&grant.resource_type);
    let is_grantable = |action: &str| match known {
        None => false,
        Some([]) => true,
        Some(_) if action == "*" => grant.resource_type != "instance",
        Some(known) => known.contains(&action),
    };
    if grant.actions.is_empty() {
        return vec![format!("{}:", grant.resource_type)];
    }
    grant
        .actions
        .iter()
        .filter(|action| !is_grantable(action))
        .map(|action| format!("{}:{action}", grant.resource_type))
        .collect()
}

/// Fills in the fields that the store does not keep.
fn complete(mut token: RevokableToken, now: Timestamp) -> RevokableToken {
    token.state = token.state_at(now);
    token.tenant_id = TENANT_ID.into();
    token
}

/// A cursor contains the position of the last entry and the request's filter, which the next
/// request must repeat.
fn write_cursor(seq: i64, include_revoked: bool) -> Bytes {
    let mut bytes = seq.to_be_bytes().to_vec();
    bytes.push(include_revoked.into());
    Bytes(bytes)
}

fn read_cursor(request: &ListRequest) -> RpcResult<i64> {
    match request.pagination_cursor.0.as_slice() {
        [] => Ok(0),
        [seq @ .., revoked] if *revoked == u8::from(request.include_revoked) => {
            seq.try_into().map(i64::from_be_bytes).map_err(|_| RpcFailure::invalid("pagination_cursor is malformed"))
        }
        _ => Err(RpcFailure::invalid("pagination_cursor belongs to another request")),
    }
}
