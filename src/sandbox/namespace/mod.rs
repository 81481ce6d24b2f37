//! Namespace's API: TokenService, the exchange of sessions, and the plain JSON
//! endpoints of the official login.
//!
//! `nscred sandbox --help` lists how the sandbox behaves where the documents of the
//! real API do not say.

pub mod caller;
pub mod methods;
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
use crate::sandbox::clock::{ServerClock, later};
use crate::sandbox::keys::Keys;
use crate::sandbox::namespace::caller::{Caller, SESSION_TOKEN, SandboxClaims, TENANT_ID, TENANT_TOKEN};
use crate::sandbox::namespace::reply::{RpcFailure, RpcResult};
use crate::sandbox::store::Store;

pub struct Namespace {
    store: Arc<Store>,
    keys: Keys,
    clock: ServerClock,
    /// The logins that were started and not completed: id, and lifetime of the session.
    logins: Mutex<HashMap<String, Duration>>,
}

impl Namespace {
    pub fn new(store: Arc<Store>, clock: ServerClock) -> Result<Self> {
        let keys =
            Keys::load(&store).map_err(|error| Failure::unexpected("the sandbox's store failed").source(error))?;
        Ok(Self { store, keys, clock, logins: Mutex::default() })
    }

    /// A tenant token for a user, as a login returns it.
    pub fn tenant_token(&self, actor_id: &str, lifetime: Duration) -> String {
        self.keys.sign(TENANT_TOKEN, &self.claims(actor_id, lifetime, None))
    }

    /// The token of a new login session for a user.
    pub fn session_token(&self, actor_id: &str, lifetime: Duration) -> RpcResult<String> {
        let id = format!("sess_{}", self.keys.id());
        let now = self.clock.now();
        self.store.insert_session(&id, actor_id, now, later(now, lifetime))?;
        Ok(self.keys.sign(SESSION_TOKEN, &self.claims(actor_id, lifetime, Some(id))))
    }

    pub fn request_id(&self) -> String {
        format!("req_{}", self.keys.id())
    }

    fn claims(&self, actor_id: &str, lifetime: Duration, session_id: Option<String>) -> SandboxClaims {
        let now = self.clock.now();
        SandboxClaims {
            tenant_id: TENANT_ID.into(),
            actor_id: actor_id.into(),
            iat: now.as_second(),
            exp: later(now, lifetime).as_second(),
            session_id,
        }
    }

    fn get_tenant(&self, _: &Caller, _: &[u8]) -> RpcResult<Value> {
        Ok(json!({ "tenant": {
            "tenant_id": TENANT_ID, "name": "Sandbox", "app_url": "http://127.0.0.1/", "primary_region": "eu",
        }}))
    }
}

/// Decodes a request, which must be one JSON object. Unknown fields are ignored.
fn read<T: DeserializeOwned>(body: &[u8]) -> RpcResult<T> {
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(RpcFailure::invalid("the request is not a JSON object"));
    }
    serde_json::from_slice(body).map_err(|error| RpcFailure::invalid(format!("the request is not valid: {error}")))
}

fn write(response: &impl Serialize) -> RpcResult<Value> {
    serde_json::to_value(response).map_err(|_| RpcFailure::new(Code::Internal, "cannot write the response"))
}
