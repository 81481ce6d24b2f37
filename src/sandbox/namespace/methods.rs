//! The table of the methods that are served, with the credential that each needs.

use serde_json::{Value, json};

use crate::namespace::messages::{SESSIONS_SERVICE, TOKEN_SERVICE};
use crate::sandbox::namespace::Namespace;
use crate::sandbox::namespace::caller::{self, Caller, SandboxClaims};
use crate::sandbox::namespace::reply::RpcResult;

const SIGNIN_SERVICE: &str = "nsl.signin.SigninService";
const TENANTS_SERVICE: &str = "nsl.tenants.TenantsService";

/// The function that answers a request. Its last argument is the body.
enum RpcHandler {
    /// Needs a tenant token or a revokable token.
    Caller(fn(&Namespace, &Caller, &[u8]) -> RpcResult<Value>),
    /// Needs the token of a login session.
    Session(fn(&Namespace, &SandboxClaims, &[u8]) -> RpcResult<Value>),
    /// Needs no credential.
    Open(fn(&Namespace, &[u8]) -> RpcResult<Value>),
}
use RpcHandler::{Caller as ForCaller, Open, Session as ForSession};

pub struct RpcMethod {
    service: &'static str,
    name: &'static str,
    /// Its name in `--fault`. `None` if no command calls it.
    pub operation: Option<&'static str>,
    handler: RpcHandler,
}

const fn method(
    service: &'static str,
    name: &'static str,
    operation: Option<&'static str>,
    handler: RpcHandler,
) -> RpcMethod {
    RpcMethod { service, name, operation, handler }
}

pub static METHODS: &[RpcMethod] = &[
    method(TOKEN_SERVICE, "CreateRevokableToken", Some("token.create"), ForCaller(Namespace::create_token)),
    method(TOKEN_SERVICE, "ListRevokableTokens", Some("token.list"), ForCaller(Namespace::list_tokens)),
    method(TOKEN_SERVICE, "RevokeRevokableToken", Some("token.revoke"), ForCaller(Namespace::revoke_token)),
    method(TOKEN_SERVICE, "RefreshRevokableToken", Some("token.refresh"), ForCaller(Namespace::refresh_token)),
    method(TOKEN_SERVICE, "BatchRevokeRevokableToken", None, ForCaller(Namespace::batch_revoke_tokens)),
    method(
        SESSIONS_SERVICE,
        "IssueTenantTokenFromSession",
        Some("session.exchange"),
        ForSession(Namespace::issue_from_session),
    ),
    method(SESSIONS_SERVICE, "ListSessions", None, ForSession(Namespace::list_sessions)),
    method(SESSIONS_SERVICE, "InvalidateSession", None, ForSession(Namespace::invalidate_session)),
    method(SESSIONS_SERVICE, "InvalidateAllSessions", None, ForSession(Namespace::invalidate_all_sessions)),
    method(SIGNIN_SERVICE, "StartLogin", None, Open(Namespace::start_login)),
    method(SIGNIN_SERVICE, "CompleteTenantLogin", None, Open(Namespace::complete_login)),
    method(SIGNIN_SERVICE, "IssueTenantTokenFromSession", None, ForSession(Namespace::plain_issue_from_session)),
    method(SIGNIN_SERVICE, "VerifySession", None, ForSession(|_, _, _| Ok(json!({})))),
    method(TENANTS_SERVICE, "GetTenant", None, ForCaller(Namespace::get_tenant)),
];

impl RpcMethod {
    pub fn at(path: &str) -> Option<&'static Self> {
        let (service, name) = path.strip_prefix('/')?.rsplit_once('/')?;
        METHODS.iter().find(|method| method.service == service && method.name == name)
    }

    /// Answers a request. Handlers check in this order: the credential, the permissions, the
    /// request, the state of the token or session.
    pub fn handle(&self, namespace: &Namespace, bearer: Option<&str>, body: &[u8]) -> RpcResult<Value> {
        let (keys, store, now) = (&namespace.keys, &namespace.store, namespace.clock.now());
        match self.handler {
            ForCaller(handler) => handler(namespace, &Caller::identify(bearer, keys, store, now)?, body),
            ForSession(handler) => handler(namespace, &caller::session(bearer, keys, store, now)?, body),
            Open(handler) => handler(namespace, body),
        }
    }
}
