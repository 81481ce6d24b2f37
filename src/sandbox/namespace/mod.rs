//! Namespace's side: TokenService, the exchange of sessions, and the plain
//! JSON endpoints of the official login.
//!
//! What the documents leave open is decided here and told by
//! `nscred sandbox --help`.

pub mod reply;
mod sessions;
mod tokens;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::error::{Failure, Result};
use crate::http::connect::Code;
use crate::namespace::message::{SESSIONS_SERVICE, TOKEN_SERVICE};
use crate::sandbox::clock::{Clock, later};
use crate::sandbox::keys::{self, Admission, Caller, Keys, SandboxClaims, TENANT_ID};
use crate::sandbox::namespace::reply::{Dialect, RpcFailure, RpcResult};
use crate::sandbox::store::Store;

/// Namespace's side of the sandbox.
pub struct Namespace {
    store: Arc<Store>,
    keys: Keys,
    clock: Clock,
    /// Logins that were started and not completed, with the life of the
    /// session they ask for.
    logins: Mutex<HashMap<String, Duration>>,
}

/// A method that is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RpcMethod {
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

impl RpcMethod {
    /// What a fault calls it; none for what no command calls.
    pub fn operation(self) -> Option<&'static str> {
        Some(match self {
            Self::Create => "token.create",
            Self::List => "token.list",
            Self::Revoke => "token.revoke",
            Self::Refresh => "token.refresh",
            Self::IssueFromSession => "session.exchange",
            _ => return None,
        })
    }

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
    pub fn new(store: Arc<Store>, clock: Clock) -> Result<Self> {
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

    fn claims(&self, actor_id: &str, life: Duration, session_id: Option<String>) -> SandboxClaims {
        let now = self.clock.now();
        SandboxClaims {
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
    pub fn handle(&self, method: RpcMethod, bearer: Option<&str>, body: &[u8]) -> RpcResult<Value> {
        match method {
            RpcMethod::Create => self.create(&self.caller(bearer)?, body),
            RpcMethod::List => self.list(&self.caller(bearer)?, body),
            RpcMethod::Revoke => self.revoke(&self.caller(bearer)?, body),
            RpcMethod::Refresh => self.refresh(&self.caller(bearer)?, body),
            RpcMethod::BatchRevoke => self.batch_revoke(&self.caller(bearer)?, body),
            RpcMethod::IssueFromSession => self.issue_from_session(&self.session(bearer)?, body),
            RpcMethod::PlainIssueFromSession => self.plain_issue_from_session(&self.session(bearer)?, body),
            RpcMethod::ListSessions => self.list_sessions(&self.session(bearer)?),
            RpcMethod::InvalidateSession => self.invalidate_session(&self.session(bearer)?, body),
            RpcMethod::InvalidateAllSessions => self.invalidate_all_sessions(&self.session(bearer)?),
            RpcMethod::StartLogin => self.start_login(body),
            RpcMethod::CompleteLogin => self.complete_login(body),
            RpcMethod::VerifySession => self.session(bearer).map(|_| json!({})),
            RpcMethod::GetTenant => {
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

    fn session(&self, bearer: Option<&str>) -> RpcResult<SandboxClaims> {
        admit(keys::session(bearer, &self.keys, &self.store, self.clock.now())?)
    }
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
