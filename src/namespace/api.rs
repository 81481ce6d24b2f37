//! The calls of `TokenService`, and what their errors mean to a user.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::context::Context;
use crate::error::{Failure, Kind, Result};
use crate::http::client::Client;
use crate::http::connect::{Call, CallError, Code, RpcError, unary, unreadable};
use crate::http::endpoint::{Endpoint, authority};
use crate::http::retry::Effect;
use crate::namespace::credential::{self, Source};
use crate::namespace::detail::{PERMISSION_DENIED, REQUEST_ID, read_permission_denied, read_request_id};
use crate::namespace::message::{
    CreateRequest, CreateResponse, ListRequest, ListResponse, RefreshRequest, RefreshResponse, RevokeRequest,
    TOKEN_SERVICE,
};
use crate::namespace::session;
use crate::output::json::snake_case_names;
use crate::output::sanitize::sanitize;
use crate::secret::Secret;

/// The variables that name the server, the first that is set wins.
const ENDPOINT_VARIABLES: [&str; 2] = ["NSC_IAM_ENDPOINT", "NSC_GLOBAL_ENDPOINT"];

/// The documented address of `TokenService`.
const IAM_ENDPOINT: &str = "https://iam.namespaceapis.com";

/// The only address known to exchange sessions.
const GLOBAL_ENDPOINT: &str = "https://private-api.global.namespaceapis.com";

/// `TokenService`, with a credential that can be sent.
pub struct TokensApi {
    client: Client,
    endpoint: Endpoint,
    bearer: Secret,
    source: Source,
}

/// A response: what is understood of it, and all of it as it came.
pub struct Reply<T> {
    /// What is understood.
    pub message: T,
    body: Vec<u8>,
}

impl<T> Reply<T> {
    /// The whole response with the documented, snake_case names.
    ///
    /// # Errors
    /// Unexpected: it is not JSON, which having decoded it rules out.
    pub fn json(&self) -> Result<Value> {
        let value = serde_json::from_slice(&self.body)
            .map_err(|error| Failure::unexpected("the answer is not JSON").source(error))?;
        Ok(snake_case_names(value))
    }
}

impl TokensApi {
    /// Finds the credential and readies it, by an exchange where it is a
    /// session.
    ///
    /// # Errors
    /// Not authenticated: there is no usable credential. Usage: a bad
    /// endpoint or certificate file. Else what an exchange came to.
    pub async fn connect(ctx: &Context) -> Result<Self> {
        let endpoint = Endpoint::from_env(&ctx.env, &ENDPOINT_VARIABLES, IAM_ENDPOINT)?;
        let sessions = Endpoint::from_env(&ctx.env, &ENDPOINT_VARIABLES, GLOBAL_ENDPOINT)?;
        let found = credential::find(&ctx.env)?;
        let client = Client::new(&ctx.settings, &ctx.env, &ctx.in_flight, &[&endpoint, &sessions])?;
        let bearer = session::bearer(&found, &client, &sessions, ctx.now()).await?;
        Ok(Self { client, endpoint, bearer, source: found.source })
    }

    /// Mints a token.
    ///
    /// # Errors
    /// As the server or the way there says.
    pub async fn create(&self, request: &CreateRequest) -> Result<Reply<CreateResponse>> {
        let reply: Reply<CreateResponse> = self.call("CreateRevokableToken", request, Effect::Mint).await?;
        if reply.message.bearer_token.expose().is_empty() {
            return Err(unreadable(Effect::Mint, &authority(&self.endpoint.join("/")), "it holds no bearerToken"));
        }
        Ok(reply)
    }

    /// One page of tokens.
    ///
    /// # Errors
    /// As the server or the way there says.
    pub async fn list(&self, request: &ListRequest) -> Result<Reply<ListResponse>> {
        self.call("ListRevokableTokens", request, Effect::Read).await
    }

    /// Revokes a token. One that is gone when the request is repeated is
    /// taken as revoked by the first try.
    ///
    /// # Errors
    /// As the server or the way there says.
    pub async fn revoke(&self, request: &RevokeRequest) -> Result<()> {
        match self.raw("RevokeRevokableToken", request, Effect::Change).await {
            Ok(_) => Ok(()),
            Err(CallError::Rpc(error)) if error.code == Code::NotFound && error.repeated => Ok(()),
            Err(error) => Err(self.failure(error, Effect::Change)),
        }
    }

    /// Makes sure that a token lives on.
    ///
    /// # Errors
    /// As the server or the way there says.
    pub async fn refresh(&self, request: &RefreshRequest) -> Result<Reply<RefreshResponse>> {
        self.call("RefreshRevokableToken", request, Effect::Change).await
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: &str,
        request: &impl Serialize,
        effect: Effect,
    ) -> Result<Reply<T>> {
        let body = self.raw(method, request, effect).await.map_err(|error| self.failure(error, effect))?;
        let message = decode(&body, effect, &self.endpoint)?;
        Ok(Reply { message, body })
    }

    async fn raw(
        &self,
        method: &str,
        request: &impl Serialize,
        effect: Effect,
    ) -> std::result::Result<Vec<u8>, CallError> {
        let message = serde_json::to_vec(request)
            .map_err(|error| CallError::Failed(Failure::unexpected("the request cannot be written").source(error)))?;
        let method = format!("{TOKEN_SERVICE}/{method}");
        let call = Call { endpoint: &self.endpoint, method: &method, bearer: &self.bearer, message, effect };
        unary(&self.client, call).await
    }

    fn failure(&self, error: CallError, effect: Effect) -> Failure {
        match error {
            CallError::Rpc(error) => explain(&error, effect, &self.source),
            CallError::Failed(failure) => failure,
        }
    }
}

/// Reads a response message.
///
/// # Errors
/// Unexpected, or outcome unknown where a change was made: it does not fit.
pub fn decode<T: DeserializeOwned>(body: &[u8], effect: Effect, endpoint: &Endpoint) -> Result<T> {
    let host = authority(&endpoint.join("/"));
    // serde would take an array for a message.
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(unreadable(effect, &host, "it is no JSON object"));
    }
    // serde_json would quote a value that it did not expect.
    serde_json::from_slice(body).map_err(|error| {
        unreadable(effect, &host, &format!("its JSON does not fit at line {}, column {}", error.line(), error.column()))
    })
}

/// The server's words behind a colon, or nothing.
pub fn server_words(error: &RpcError) -> String {
    if error.message.is_empty() { String::new() } else { format!(": {}", sanitize(&error.message)) }
}

/// An error of the server, in a sentence.
pub fn explain(error: &RpcError, effect: Effect, source: &Source) -> Failure {
    let words = server_words(error);
    let kind = match error.code.kind() {
        // A gateway gave up waiting: what it waited for may have been done.
        _ if effect != Effect::Read && !error.from_envelope && matches!(error.http_status, 502 | 504) => {
            Kind::OutcomeUnknown
        }
        Kind::Temporary if effect != Effect::Read && error.code == Code::DeadlineExceeded => Kind::OutcomeUnknown,
        kind => kind,
    };
    let failure = match kind {
        Kind::NotAuthenticated => {
            Failure::new(kind, format!("the server rejected the credential from {}{words}", source.name())).hint(
                "it may have expired or been revoked; log in with the official `nsc login`, or use another token file",
            )
        }
        Kind::NotPermitted => Failure::new(kind, format!("not permitted{}", missing(error).unwrap_or(words))),
        Kind::NotFound => Failure::new(kind, format!("not found{words}")),
        Kind::Conflict => {
            Failure::new(kind, format!("the state of things does not allow it{words} ({})", error.code.name()))
        }
        Kind::Unexpected => Failure::new(kind, format!("the server failed{words} ({})", error.code.name())),
        Kind::Temporary => {
            Failure::new(kind, format!("the server cannot answer now{words}")).hint("run it again in a moment")
        }
        Kind::OutcomeUnknown => Failure::new(kind, format!("the request was sent and its outcome is unknown{words}")),
        _ => Failure::new(kind, format!("the server refused{words} ({})", error.code.name())),
    };
    failure.http_status(error.http_status).request_id(request_id(error))
}

/// The permissions that the caller lacked, where the server named them.
fn missing(error: &RpcError) -> Option<String> {
    let detail = error.details.iter().find(|detail| detail.type_name == PERMISSION_DENIED)?;
    let missing = read_permission_denied(&detail.value)?;
    if missing.is_empty() {
        return None;
    }
    let names: Vec<String> = missing.iter().map(|access| sanitize(&access.to_string()).into_owned()).collect();
    Some(format!(": missing {}", names.join(", ")))
}

fn request_id(error: &RpcError) -> Option<String> {
    let detail = error.details.iter().find(|detail| detail.type_name == REQUEST_ID)?;
    read_request_id(&detail.value).map(|id| sanitize(&id).into_owned())
}
