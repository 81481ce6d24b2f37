//! The calls of `TokenService`, and what their errors mean to a user.

use std::cell::RefCell;
use std::time::Duration;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::context::{Context, Environment};
use crate::error::{Failure, Result};
use crate::http::client::Client;
use crate::http::clocks::Clocks;
use crate::http::connect::{Call, CallError, Code, RpcError, unary};
use crate::http::endpoint::Endpoint;
use crate::http::json::{decode, salvage, unreadable};
use crate::http::retry::Effect;
use crate::namespace::credential::{self, Found};
use crate::namespace::explain::explain;
use crate::namespace::message::{
    CreateRequest, CreateResponse, ListRequest, ListResponse, RefreshRequest, RefreshResponse, RevokableToken,
    RevokeRequest, Scope, TOKEN_SERVICE,
};
use crate::namespace::session::{self, Bearer};
use crate::output::json::snake_case_names;
use crate::secret::Secret;

/// The variables that name the server, the first that is set wins.
const ENDPOINT_VARIABLES: [&str; 2] = ["NSC_IAM_ENDPOINT", "NSC_GLOBAL_ENDPOINT"];

/// The documented address of `TokenService`.
const IAM_ENDPOINT: &str = "https://iam.namespaceapis.com";

/// The only address known to exchange sessions.
const GLOBAL_ENDPOINT: &str = "https://private-api.global.namespaceapis.com";

/// The address of `TokenService`.
///
/// # Errors
/// Usage: a variable holds no address.
pub fn endpoint(env: &Environment) -> Result<Endpoint> {
    Endpoint::from_env(env, &ENDPOINT_VARIABLES, IAM_ENDPOINT)
}

/// `TokenService`, with a credential that can be sent.
pub struct TokensApi {
    client: Client,
    endpoint: Endpoint,
    /// Where sessions are exchanged.
    sessions: Endpoint,
    found: Found,
    bearer: RefCell<Bearer>,
}

/// A response: what is understood of it, and all of it as it came.
pub struct Reply<T> {
    /// What is understood.
    pub message: T,
    /// Whether the answer fits, so that what is missing was not said. Else the
    /// secret alone could be read of it.
    pub is_whole: bool,
    body: Vec<u8>,
}

impl<T> Reply<T> {
    /// The whole response with the documented, snake_case names.
    ///
    /// # Errors
    /// Unexpected: it is not JSON, which having decoded it rules out.
    pub fn json(&self) -> Result<String> {
        documented(std::str::from_utf8(&self.body).map_err(not_json)?)
    }
}

impl Reply<ListResponse> {
    /// The tokens of the page with the documented, snake_case names, each as
    /// JSON text.
    ///
    /// # Errors
    /// Unexpected: they are not JSON, which having decoded them rules out.
    pub fn tokens(&self) -> Result<Vec<String>> {
        #[derive(Deserialize)]
        struct Page<'a> {
            #[serde(borrow, default)]
            tokens: Option<Vec<&'a RawValue>>,
        }
        let page: Page<'_> = serde_json::from_slice(&self.body).map_err(not_json)?;
        page.tokens.unwrap_or_default().into_iter().map(|token| documented(token.get())).collect()
    }
}

fn documented(json: &str) -> Result<String> {
    snake_case_names(json).map_err(not_json)
}

fn not_json(error: impl std::error::Error + Send + Sync + 'static) -> Failure {
    Failure::unexpected("the answer is not JSON").source(error)
}

impl TokensApi {
    /// Finds the credential and readies it, by an exchange where it is a
    /// session.
    ///
    /// # Errors
    /// Not authenticated: there is no usable credential. Usage: a bad
    /// endpoint or certificate file. Else what an exchange came to.
    pub async fn connect(ctx: &mut Context) -> Result<Self> {
        // What is wrong with the address is told before what is with the file.
        let endpoint = endpoint(&ctx.env)?;
        let found = credential::find(&ctx.env)?;
        if let Some(warning) = found.warning() {
            ctx.warn(&warning);
        }
        Self::with(endpoint, found, ctx).await
    }

    /// Readies a credential that was found, for its server.
    ///
    /// # Errors
    /// As [`TokensApi::connect`].
    pub async fn with(endpoint: Endpoint, found: Found, ctx: &Context) -> Result<Self> {
        let sessions = Endpoint::from_env(&ctx.env, &ENDPOINT_VARIABLES, GLOBAL_ENDPOINT)?;
        let client = Client::new(&ctx.settings, &ctx.env, &ctx.interrupt, &[&endpoint, &sessions])?;
        let bearer = session::bearer(&found, &client, &sessions, ctx.now()).await?;
        Ok(Self { client, endpoint, sessions, found, bearer: RefCell::new(bearer) })
    }

    /// Asks for a single token, to see whether the server takes the
    /// credential: who may not list them is known all the same.
    ///
    /// # Errors
    /// Not authenticated: it does not. Else as the server or the way there
    /// says.
    pub async fn check(&self) -> Result<()> {
        let request = ListRequest { max_entries: 1, ..ListRequest::default() };
        match self.raw("ListRevokableTokens", &request, Effect::Read).await {
            Ok(body) => decode::<ListResponse>(&body, Effect::Read, &self.endpoint).map(|_| ()),
            Err(CallError::Rpc(error)) if error.code == Code::PermissionDenied => Ok(()),
            Err(error) => Err(self.failure(error, Effect::Read)),
        }
    }

    /// Gives what follows a time of its own, whatever is left of `--timeout`.
    pub fn allow(&self, time: Duration) {
        self.client.allow(time);
    }

    /// The clocks at the last answer.
    pub fn clocks(&self) -> Option<Clocks> {
        self.client.clocks()
    }

    /// Mints a token.
    ///
    /// # Errors
    /// As the server or the way there says.
    pub async fn create(&self, request: &CreateRequest) -> Result<Reply<CreateResponse>> {
        let body = self
            .raw("CreateRevokableToken", request, Effect::Mint)
            .await
            .map_err(|error| self.failure(error, Effect::Mint))?;
        let (mut message, is_whole) = match decode::<CreateResponse>(&body, Effect::Mint, &self.endpoint) {
            Ok(message) => (message, true),
            Err(failure) => (salvaged(&body).ok_or(failure)?, false),
        };
        if message.bearer_token.expose().is_empty() {
            // It may stand in another place, where all else fits.
            let secret = salvage(&body, &SECRET)
                .ok_or_else(|| unreadable(Effect::Mint, &self.endpoint.authority(), "it holds no bearerToken"))?;
            message.bearer_token = Secret::new(secret);
        }
        self.client.redactor().keep_out(&message.bearer_token);
        Ok(Reply { message, is_whole, body })
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
            Ok(body) => decode::<IgnoredAny>(&body, Effect::Change, &self.endpoint).map(|_| ()),
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
        Ok(Reply { message, is_whole: true, body })
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
        let call = async |bearer: &Bearer| {
            let (endpoint, bearer) = (&self.endpoint, &bearer.token);
            unary(&self.client, Call { endpoint, method: &method, bearer, message: message.clone(), effect }).await
        };
        let bearer = self.bearer.borrow().clone();
        match call(&bearer).await {
            // Refused for its credential, nothing was done: once more is safe.
            Err(CallError::Rpc(error)) if bearer.is_cached && is_refused(&error) => {
                let renewed = session::renew(&self.found, &self.client, &self.sessions).await;
                let bearer = renewed.map_err(CallError::Failed)?;
                self.bearer.replace(bearer.clone());
                call(&bearer).await
            }
            result => result,
        }
    }

    fn failure(&self, error: CallError, effect: Effect) -> Failure {
        match error {
            CallError::Rpc(error) => explain(&error, effect, &self.found.source),
            CallError::Failed(failure) => failure,
        }
    }
}

/// Whether the server says that a credential is not good, and no earlier try
/// of the same request can have been carried out.
fn is_refused(error: &RpcError) -> bool {
    error.code == Code::Unauthenticated && !error.repeated
}

/// What the secret of an answer is called, in both forms of protobuf's JSON.
const SECRET: [&str; 2] = ["bearerToken", "bearer_token"];

/// What can be had of a create's answer that does not fit: the secret exists
/// now and must not be lost for a field that is of no matter.
fn salvaged(body: &[u8]) -> Option<CreateResponse> {
    let secret = salvage(body, &SECRET)?;
    // Of several ids it cannot be told which is the token's.
    let text = String::from_utf8_lossy(body);
    let ids = text.matches("\"tokenId\"").count() + text.matches("\"token_id\"").count();
    let token_id = salvage(body, &["tokenId", "token_id"]).filter(|_| ids == 1).unwrap_or_default();
    let is_wide = salvage(body, &["scope"]).is_some_and(|scope| scope == "TENANT_SCOPE");
    let scope = if is_wide { Scope::Tenant } else { Scope::Unknown };
    let token = RevokableToken { token_id, scope, ..RevokableToken::default() };
    Some(CreateResponse { bearer_token: Secret::new(secret), token })
}
