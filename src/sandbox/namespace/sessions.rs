//! Logins, their sessions, and the exchange of sessions for tenant tokens.

use std::sync::PoisonError;
use std::time::Duration;

use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::http::connect::Code;
use crate::input::duration::MAX_LIFETIME;
use crate::namespace::messages::IssueTenantTokenRequest;
use crate::namespace::proto::{Time, read_optional_int64};
use crate::sandbox::namespace::caller::{ADMIN, SandboxClaims, TENANT_ID};
use crate::sandbox::namespace::reply::{RpcFailure, RpcResult};
use crate::sandbox::namespace::{Namespace, read};

const DEFAULT_SESSION_LIFETIME: Duration = Duration::from_secs(30 * 86_400);

const MAX_TENANT_TOKEN_LIFETIME: Duration = Duration::from_secs(8 * 3_600);

const DEFAULT_TENANT_TOKEN_LIFETIME: Duration = Duration::from_secs(600);

/// Limits the memory that abandoned logins take.
const MAX_STARTED_LOGINS: usize = 1_000;

impl Namespace {
    pub(super) fn issue_from_session(&self, session: &SandboxClaims, body: &[u8]) -> RpcResult<Value> {
        let request: IssueTenantTokenRequest = read(body)?;
        Ok(json!({ "tenantToken": self.issue(session, request.token_duration.map(|span| span.0))? }))
    }

    pub(super) fn plain_issue_from_session(&self, session: &SandboxClaims, body: &[u8]) -> RpcResult<Value> {
        let request: PlainIssueRequest = read(body)?;
        Ok(json!({ "tenant_token": self.issue(session, request.token_duration_secs.map(SignedDuration::from_secs))? }))
    }

    pub(super) fn invalidate_session(&self, session: &SandboxClaims, body: &[u8]) -> RpcResult<Value> {
        let request: InvalidateRequest = read(body)?;
        let ended = self.store.invalidate_sessions(&session.actor_id, Some(&request.session_id), self.clock.now())?;
        if ended.is_empty() { Err(RpcFailure::new(Code::NotFound, "no such session")) } else { Ok(json!({})) }
    }

    pub(super) fn invalidate_all_sessions(&self, session: &SandboxClaims, _: &[u8]) -> RpcResult<Value> {
        Ok(json!({ "sessionId": self.store.invalidate_sessions(&session.actor_id, None, self.clock.now())? }))
    }

    fn issue(&self, session: &SandboxClaims, requested: Option<SignedDuration>) -> RpcResult<String> {
        let lifetime = match requested {
            None => DEFAULT_TENANT_TOKEN_LIFETIME,
            Some(requested) => Duration::try_from(requested)
                .ok()
                .filter(|lifetime| !lifetime.is_zero())
                .ok_or_else(|| RpcFailure::invalid("the token duration must be more than zero"))?,
        };
        Ok(self.tenant_token(&session.actor_id, lifetime.min(MAX_TENANT_TOKEN_LIFETIME)))
    }

    pub(super) fn list_sessions(&self, session: &SandboxClaims, _: &[u8]) -> RpcResult<Value> {
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

    pub(super) fn start_login(&self, body: &[u8]) -> RpcResult<Value> {
        let request: StartLoginRequest = read(body)?;
        let requested = request.session_duration_secs.unwrap_or(DEFAULT_SESSION_LIFETIME.as_secs() as i64);
        let lifetime = u64::try_from(requested)
            .ok()
            .filter(|seconds| *seconds > 0)
            .map(Duration::from_secs)
            .ok_or_else(|| RpcFailure::invalid("session_duration_secs must be more than zero"))?;
        let mut logins = self.logins.lock().unwrap_or_else(PoisonError::into_inner);
        if logins.len() >= MAX_STARTED_LOGINS {
            return Err(RpcFailure::new(Code::ResourceExhausted, "too many unfinished logins"));
        }
        let id = format!("login_{}", self.keys.id());
        logins.insert(id.clone(), lifetime.min(MAX_LIFETIME));
        Ok(json!({ "login_id": id, "login_url": format!("http://127.0.0.1/login/{id}"), "kind": "tenant" }))
    }

    pub(super) fn complete_login(&self, body: &[u8]) -> RpcResult<Value> {
        let request: CompleteLoginRequest = read(body)?;
        let started = self.logins.lock().unwrap_or_else(PoisonError::into_inner).remove(&request.login_id);
        let lifetime = started.ok_or_else(|| RpcFailure::new(Code::NotFound, "no such login"))?;
        Ok(json!([{ "session_token": self.session_token(ADMIN, lifetime)?, "tenant_name": "Sandbox" }]))
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PlainIssueRequest {
    #[serde(deserialize_with = "read_optional_int64")]
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
    #[serde(deserialize_with = "read_optional_int64")]
    session_duration_secs: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct CompleteLoginRequest {
    login_id: String,
}
