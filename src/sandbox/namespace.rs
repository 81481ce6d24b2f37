//! Namespace's side: TokenService, the exchange of sessions, and the plain
//! JSON endpoints of the official login.
//!
//! What the documents leave open is decided here and told by
//! `nscred sandbox --help`.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::error::{Failure, Result};
use crate::http::connect::Code;
use crate::namespace::detail::Access;
use crate::namespace::message::{
    BatchRevokeRequest, BatchRevokeResponse, CreateRequest, IssueTenantTokenRequest, ListRequest, ListResponse,
    Permission, RefreshRequest, RefreshResponse, RevokableToken, RevokeRequest, SESSIONS_SERVICE, Scope, TOKEN_SERVICE,
};
use crate::namespace::permissions::actions_of;
use crate::namespace::proto::{Bytes, Time};
use crate::sandbox::auth::{self, ADMIN, Admission, Caller, Claims, Keys, TENANT_ID};
use crate::sandbox::clock::{Clock, later};
use crate::sandbox::reply::{Dialect, RpcFailure, RpcResult};
use crate::sandbox::store::{NewToken, Store, StoredToken};

/// The longest life of a token.
const YEAR: Duration = Duration::from_secs(365 * 86_400);

/// What "at most a year" may be exceeded by: the time on the way, and clocks
/// that differ.
const YEAR_TOLERANCE: Duration = Duration::from_secs(60);

/// Entries in a page where the request does not say.
const DEFAULT_PAGE: i64 = 100;

/// The most entries in a page.
const LARGEST_PAGE: i64 = 1_000;

/// How long a login lasts where the request does not say.
const SESSION_LIFETIME: Duration = Duration::from_secs(30 * 86_400);

/// The longest life of a tenant token out of a session.
const TENANT_TOKEN_LIFETIME: Duration = Duration::from_secs(8 * 3_600);

/// Its life where the request does not say.
const DEFAULT_TENANT_TOKEN_LIFETIME: Duration = Duration::from_secs(600);

/// Namespace's side of the sandbox.
pub struct Namespace {
    store: Store,
    keys: Keys,
    clock: Clock,
    /// Logins that were started and not completed, with the life of the
    /// session they ask for.
    logins: Mutex<HashMap<String, Duration>>,
}

/// A method that is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `CreateRevokableToken`.
    Create,
    /// `ListRevokableTokens`.
    List,
    /// `RevokeRevokableToken`.
    Revoke,
    /// `RefreshRevokableToken`.
    Refresh,
    /// `BatchRevokeRevokableToken`.
    BatchRevoke,
    /// `IssueTenantTokenFromSession`.
    IssueFromSession,
    /// `ListSessions`.
    ListSessions,
    /// `InvalidateSession`.
    InvalidateSession,
    /// `InvalidateAllSessions`.
    InvalidateAllSessions,
    /// `StartLogin`.
    StartLogin,
    /// `CompleteTenantLogin`.
    CompleteLogin,
    /// The plain JSON form of `IssueTenantTokenFromSession`.
    PlainIssueFromSession,
    /// `VerifySession`.
    VerifySession,
    /// `GetTenant`.
    GetTenant,
}

impl Method {
    /// The method behind a path, with the dialect of its errors.
    pub fn at(path: &str) -> Option<(Self, Dialect)> {
        let (service, method) = path.strip_prefix('/')?.rsplit_once('/')?;
        let (method, dialect) = match (service, method) {
            (TOKEN_SERVICE, "CreateRevokableToken") => (Self::Create, Dialect::Connect),
            (TOKEN_SERVICE, "ListRevokableTokens") => (Self::List, Dialect::Connect),
            (TOKEN_SERVICE, "RevokeRevokableToken") => (Self::Revoke, Dialect::Connect),
            (TOKEN_SERVICE, "RefreshRevokableToken") => (Self::Refresh, Dialect::Connect),
            (TOKEN_SERVICE, "BatchRevokeRevokableToken") => (Self::BatchRevoke, Dialect::Connect),
            (SESSIONS_SERVICE, "IssueTenantTokenFromSession") => (Self::IssueFromSession, Dialect::Connect),
            (SESSIONS_SERVICE, "ListSessions") => (Self::ListSessions, Dialect::Connect),
            (SESSIONS_SERVICE, "InvalidateSession") => (Self::InvalidateSession, Dialect::Connect),
            (SESSIONS_SERVICE, "InvalidateAllSessions") => (Self::InvalidateAllSessions, Dialect::Connect),
            ("nsl.signin.SigninService", "StartLogin") => (Self::StartLogin, Dialect::Status),
            ("nsl.signin.SigninService", "CompleteTenantLogin") => (Self::CompleteLogin, Dialect::Status),
            ("nsl.signin.SigninService", "IssueTenantTokenFromSession") => {
                (Self::PlainIssueFromSession, Dialect::Status)
            }
            ("nsl.signin.SigninService", "VerifySession") => (Self::VerifySession, Dialect::Status),
            ("nsl.tenants.TenantsService", "GetTenant") => (Self::GetTenant, Dialect::Status),
            _ => return None,
        };
        Some((method, dialect))
    }
}

impl Namespace {
    /// The side, over a store.
    ///
    /// # Errors
    /// Unexpected: the store fails.
    pub fn new(store: Store, clock: Clock) -> Result<Self> {
        let keys =
            Keys::load(&store).map_err(|error| Failure::unexpected("the sandbox's store failed").source(error))?;
        Ok(Self { store, keys, clock, logins: Mutex::default() })
    }

    /// A tenant token for a user, as a login would give it.
    pub fn tenant_token(&self, actor_id: &str, life: Duration) -> String {
        self.keys.sign("nsct_", &self.claims(actor_id, life, None))
    }

    /// A login session for a user.
    ///
    /// # Errors
    /// The store's.
    pub fn session_token(&self, actor_id: &str, life: Duration) -> RpcResult<String> {
        let id = format!("sess_{}", self.keys.id());
        let now = self.clock.now();
        self.store.insert_session(&id, actor_id, now, later(now, life))?;
        Ok(self.keys.sign("st_", &self.claims(actor_id, life, Some(id))))
    }

    /// An id for a request.
    pub fn request_id(&self) -> String {
        format!("req_{}", self.keys.id())
    }

    fn claims(&self, actor_id: &str, life: Duration, session_id: Option<String>) -> Claims {
        let now = self.clock.now();
        Claims {
            tenant_id: TENANT_ID.into(),
            actor_id: actor_id.into(),
            iat: now.as_second(),
            exp: later(now, life).as_second(),
            session_id,
        }
    }

    /// Handles a request: who calls, whether they may, whether it makes
    /// sense, whether it is possible, in that order.
    ///
    /// # Errors
    /// What the server would answer.
    pub fn handle(&self, method: Method, bearer: Option<&str>, body: &[u8]) -> RpcResult<Value> {
        match method {
            Method::Create => self.create(&self.caller(bearer)?, body),
            Method::List => self.list(&self.caller(bearer)?, body),
            Method::Revoke => self.revoke(&self.caller(bearer)?, body),
            Method::Refresh => self.refresh(&self.caller(bearer)?, body),
            Method::BatchRevoke => self.batch_revoke(&self.caller(bearer)?, body),
            Method::IssueFromSession => {
                let session = self.session(bearer)?;
                let request: IssueTenantTokenRequest = read(body)?;
                let token = self.issue(&session, request.token_duration.map(|span| span.0))?;
                Ok(json!({ "tenantToken": token }))
            }
            Method::PlainIssueFromSession => {
                let session = self.session(bearer)?;
                let request: PlainIssueRequest = read(body)?;
                let token = self.issue(&session, request.token_duration_secs.map(SignedDuration::from_secs))?;
                Ok(json!({ "tenant_token": token }))
            }
            Method::ListSessions => self.list_sessions(&self.session(bearer)?),
            Method::InvalidateSession => {
                let session = self.session(bearer)?;
                let request: InvalidateRequest = read(body)?;
                let ended =
                    self.store.invalidate_sessions(&session.actor_id, Some(&request.session_id), self.clock.now())?;
                if ended.is_empty() { Err(RpcFailure::new(Code::NotFound, "no such session")) } else { Ok(json!({})) }
            }
            Method::InvalidateAllSessions => {
                let session = self.session(bearer)?;
                Ok(json!({ "sessionId": self.store.invalidate_sessions(&session.actor_id, None, self.clock.now())? }))
            }
            Method::StartLogin => self.start_login(body),
            Method::CompleteLogin => self.complete_login(body),
            Method::VerifySession => self.session(bearer).map(|_| json!({})),
            Method::GetTenant => {
                self.caller(bearer)?;
                Ok(json!({ "tenant": {
                    "tenant_id": TENANT_ID, "name": "Sandbox", "app_url": "http://127.0.0.1/", "primary_region": "eu",
                }}))
            }
        }
    }

    fn caller(&self, bearer: Option<&str>) -> RpcResult<Caller> {
        admit(Caller::identify(bearer, &self.keys, &self.store, self.clock.now())?)
    }

    fn session(&self, bearer: Option<&str>) -> RpcResult<Claims> {
        admit(auth::session(bearer, &self.keys, &self.store, self.clock.now())?)
    }

    fn create(&self, caller: &Caller, body: &[u8]) -> RpcResult<Value> {
        let request: CreateRequest = read(body)?;
        let membership = request.scope == Scope::Membership;
        let now = self.clock.now();
        if !caller.may_mint(membership) {
            return Err(RpcFailure::denied(vec![tokens_access("", "create")]));
        }
        check_create(&request, membership, now)?;
        let beyond = caller.beyond(&request.access.grants);
        if !beyond.is_empty() {
            return Err(RpcFailure::denied(beyond));
        }
        let secret = format!("nsrt_{}", self.keys.secret());
        let token_id = format!("tok_{}", self.keys.id());
        let inserted = self.store.insert_token(&NewToken {
            token_id: &token_id,
            secret_hash: &auth::hash(&secret),
            name: &request.name,
            description: &request.description,
            created_at: now,
            expires_at: request.expires_at.map(|time| time.0),
            creator: caller.actor_id(),
            membership,
            grants: &request.access.grants,
        })?;
        if !inserted {
            return Err(RpcFailure::new(
                Code::AlreadyExists,
                format!("a token named \"{}\" exists already", request.name),
            ));
        }
        let token = self.store.token_by_id(&token_id)?.map(|stored| complete(stored.token, now));
        Ok(json!({ "bearerToken": secret, "token": token }))
    }

    fn list(&self, caller: &Caller, body: &[u8]) -> RpcResult<Value> {
        require(caller, None, "list")?;
        let request: ListRequest = read(body)?;
        let page = match request.max_entries {
            0 => DEFAULT_PAGE,
            1.. => request.max_entries.min(LARGEST_PAGE),
            _ => return Err(RpcFailure::invalid("max_entries is negative")),
        };
        let after = read_cursor(&request)?;
        let now = self.clock.now();
        // One more than the page tells whether there is another.
        let mut stored = self.store.tokens_after(after, page + 1, request.include_revoked)?;
        let more = stored.len() as i64 > page;
        stored.truncate(usize::try_from(page).unwrap_or_default());
        let last = stored.last().map(|stored| stored.seq);
        write(&ListResponse {
            tokens: stored.into_iter().map(|stored| complete(stored.token, now)).collect(),
            pagination_cursor: last
                .filter(|_| more)
                .map(|seq| write_cursor(seq, request.include_revoked))
                .unwrap_or_default(),
        })
    }

    fn revoke(&self, caller: &Caller, body: &[u8]) -> RpcResult<Value> {
        let request: RevokeRequest = read(body)?;
        require(caller, Some(&request.token_id), "revoke")?;
        check_id(&request.token_id)?;
        if self.store.revoke_token(&request.token_id, self.clock.now(), caller.actor_id())? {
            Ok(json!({}))
        } else {
            Err(no_such_token())
        }
    }

    fn refresh(&self, caller: &Caller, body: &[u8]) -> RpcResult<Value> {
        let request: RefreshRequest = read(body)?;
        require(caller, Some(&request.token_id), "refresh")?;
        check_id(&request.token_id)?;
        let minimum = request.minimum_duration.map(|span| span.0).unwrap_or_default();
        let minimum = Duration::try_from(minimum)
            .ok()
            .filter(|minimum| !minimum.is_zero() && *minimum <= YEAR)
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

    fn batch_revoke(&self, caller: &Caller, body: &[u8]) -> RpcResult<Value> {
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
        };
        let before = request.before.map(|time| time.0);
        let revoked = self.store.revoke_tokens(before, creator, membership, self.clock.now(), caller.actor_id())?;
        write(&BatchRevokeResponse { revoked_token_ids: revoked })
    }

    fn issue(&self, session: &Claims, asked: Option<SignedDuration>) -> RpcResult<String> {
        let life = match asked {
            None => DEFAULT_TENANT_TOKEN_LIFETIME,
            Some(asked) => Duration::try_from(asked)
                .ok()
                .filter(|life| !life.is_zero())
                .ok_or_else(|| RpcFailure::invalid("the token duration must be more than zero"))?,
        };
        Ok(self.tenant_token(&session.actor_id, life.min(TENANT_TOKEN_LIFETIME)))
    }

    fn list_sessions(&self, session: &Claims) -> RpcResult<Value> {
        let sessions = self.store.sessions_of(&session.actor_id)?;
        let session: Value = sessions
            .into_iter()
            .map(|session| {
                let mut object = json!({
                    "id": session.session_id, "ownerId": session.owner_id, "tenantId": TENANT_ID,
                    "createdAt": Time(session.created_at), "expiresAt": Time(session.expires_at),
                });
                for (name, time) in [("invalidatedAt", session.invalidated_at), ("lastUsedAt", session.last_used_at)] {
                    if let Some(time) = time {
                        object[name] = json!(Time(time));
                    }
                }
                object
            })
            .collect();
        Ok(json!({ "session": session }))
    }

    fn start_login(&self, body: &[u8]) -> RpcResult<Value> {
        /// Logins that nobody completes must not pile up.
        const MOST_LOGINS: usize = 1_000;
        let request: StartLoginRequest = read(body)?;
        let asked = request.session_duration_secs.unwrap_or(SESSION_LIFETIME.as_secs() as i64);
        let life = u64::try_from(asked)
            .ok()
            .filter(|seconds| *seconds > 0)
            .map(Duration::from_secs)
            .ok_or_else(|| RpcFailure::invalid("session_duration_secs must be more than zero"))?;
        let mut logins = self.logins.lock().unwrap_or_else(PoisonError::into_inner);
        if logins.len() >= MOST_LOGINS {
            return Err(RpcFailure::new(Code::ResourceExhausted, "too many logins were started"));
        }
        let id = format!("login_{}", self.keys.id());
        logins.insert(id.clone(), life.min(YEAR));
        Ok(json!({ "login_id": id, "login_url": format!("http://127.0.0.1/login/{id}"), "kind": "tenant" }))
    }

    fn complete_login(&self, body: &[u8]) -> RpcResult<Value> {
        let request: CompleteLoginRequest = read(body)?;
        let started = self.logins.lock().unwrap_or_else(PoisonError::into_inner).remove(&request.login_id);
        let life = started.ok_or_else(|| RpcFailure::new(Code::NotFound, "no such login"))?;
        Ok(json!([{ "session_token": self.session_token(ADMIN, life)?, "tenant_name": "Sandbox" }]))
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PlainIssueRequest {
    token_duration_secs: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct InvalidateRequest {
    #[serde(alias = "sessionId")]
    session_id: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct StartLoginRequest {
    session_duration_secs: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct CompleteLoginRequest {
    login_id: String,
}

fn admit<T>(admission: Admission<T>) -> RpcResult<T> {
    match admission {
        Admission::Granted(caller) => Ok(caller),
        Admission::Rejected(why) => Err(RpcFailure::new(Code::Unauthenticated, why)),
    }
}

/// Reads a request: one JSON object, unknown fields ignored.
fn read<T: DeserializeOwned>(body: &[u8]) -> RpcResult<T> {
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(RpcFailure::invalid("the request is not a JSON object"));
    }
    serde_json::from_slice(body).map_err(|error| RpcFailure::invalid(format!("the request does not fit: {error}")))
}

fn write(response: &impl Serialize) -> RpcResult<Value> {
    serde_json::to_value(response).map_err(|_| RpcFailure::new(Code::Internal, "the answer cannot be written"))
}

fn tokens_access(token_id: &str, action: &str) -> Access {
    Access { resource_type: "token/revokable".into(), resource_id: token_id.into(), action: action.into() }
}

fn require(caller: &Caller, token_id: Option<&str>, action: &str) -> RpcResult<()> {
    if caller.may("token/revokable", token_id, action) {
        return Ok(());
    }
    Err(RpcFailure::denied(vec![tokens_access(token_id.unwrap_or_default(), action)]))
}

fn check_id(token_id: &str) -> RpcResult<()> {
    if token_id.is_empty() { Err(RpcFailure::invalid("token_id is required")) } else { Ok(()) }
}

fn no_such_token() -> RpcFailure {
    RpcFailure::new(Code::NotFound, "no such token, or it is revoked already")
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
        Some(Time(expiry)) if expiry > later(now, YEAR + YEAR_TOLERANCE) => {
            return Err(RpcFailure::invalid("expires_at is more than 1 year away"));
        }
        _ => {}
    }
    let unfit: Vec<String> = request.access.grants.iter().flat_map(not_grantable).collect();
    if unfit.is_empty() {
        return Ok(());
    }
    Err(RpcFailure::invalid(format!(
        "requested permissions are not allowed in revokable tokens: [{}]",
        unfit.join(" ")
    )))
}

/// The `type:action` pairs of a grant that the real server was seen to
/// refuse: verbs that do not exist, and the wildcard on instances.
fn not_grantable(grant: &Permission) -> Vec<String> {
    let known = actions_of(&grant.resource_type);
    let fits = |action: &str| match known {
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
        .filter(|action| !fits(action))
        .map(|action| format!("{}:{action}", grant.resource_type))
        .collect()
}

/// Fills in what the store does not keep.
fn complete(mut token: RevokableToken, now: Timestamp) -> RevokableToken {
    token.state = token.state_at(now);
    token.tenant_id = TENANT_ID.into();
    token
}

/// A cursor is the place of the last entry and what was asked for, since the
/// next request must ask for the same.
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
