//! The calls of `TokenService`.

use std::cell::RefCell;
use std::time::Duration;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::context::{Context, Environment};
use crate::credential::Credential;
use crate::error::{Failure, Result};
use crate::http::client::Client;
use crate::http::clock_reading::ClockReading;
use crate::http::connect::{Code, RpcCall, RpcError, call};
use crate::http::endpoint::Endpoint;
use crate::http::error::CallError;
use crate::http::explain::note_unused_flags;
use crate::http::json::{decode, encode};
use crate::http::retry::Effect;
use crate::namespace::credential;
use crate::namespace::explain::explain;
use crate::namespace::messages::{
    CreateRequest, CreateResponse, ListRequest, ListResponse, RefreshRequest, RefreshResponse, RevokeRequest,
    TOKEN_SERVICE,
};
use crate::namespace::minted;
use crate::namespace::session::{self, Bearer};
use crate::namespace::token_file::Tokens;
use crate::output::json::snake_case_names;

/// The variables that name the server; the first that is set wins.
const ENDPOINT_VARIABLES: [&str; 2] = ["NSC_IAM_ENDPOINT", "NSC_GLOBAL_ENDPOINT"];

/// The documented address of `TokenService`.
const IAM_ENDPOINT: &str = "https://iam.namespaceapis.com";

/// The only address that is known to exchange sessions.
const GLOBAL_ENDPOINT: &str = "https://private-api.global.namespaceapis.com";

/// # Errors
/// Usage: the value of the variable cannot be used as an address.
pub fn endpoint(env: &Environment) -> Result<Endpoint> {
    Endpoint::from_env(env, &ENDPOINT_VARIABLES, IAM_ENDPOINT)
}

/// A client of `TokenService` with a credential.
pub struct TokensApi {
    client: Client,
    endpoint: Endpoint,
    sessions_endpoint: Endpoint,
    credential: Credential<Tokens>,
    bearer: RefCell<Bearer>,
}

/// A response: the decoded message and the body.
pub struct Reply<T> {
    pub message: T,
    /// Whether the whole body could be decoded. Otherwise only the secret and some other
    /// fields could be read.
    pub is_whole: bool,
    body: Vec<u8>,
}

impl<T> Reply<T> {
    /// The body with the documented, snake_case field names.
    ///
    /// # Errors
    /// Unexpected: it is not JSON.
    pub fn json(&self) -> Result<String> {
        with_documented_names(std::str::from_utf8(&self.body).map_err(not_json)?)
    }
}

impl Reply<ListResponse> {
    /// The JSON of each token, with the documented, snake_case field names.
    ///
    /// # Errors
    /// Unexpected: it is not JSON.
    pub fn tokens(&self) -> Result<Vec<String>> {
        #[derive(Deserialize)]
        struct Page<'a> {
            #[serde(borrow, default)]
            tokens: Option<Vec<&'a RawValue>>,
        }
        let page: Page<'_> = serde_json::from_slice(&self.body).map_err(not_json)?;
        page.tokens.unwrap_or_default().into_iter().map(|token| with_documented_names(token.get())).collect()
    }
}

fn with_documented_names(json: &str) -> Result<String> {
    snake_case_names(json).map_err(not_json)
}

fn not_json(error: impl std::error::Error + Send + Sync + 'static) -> Failure {
    Failure::unexpected("the answer is not JSON").source(error)
}

impl TokensApi {
    /// Finds the credential and prepares it.
    ///
    /// # Errors
    /// Not authenticated: there is no usable credential. Usage: the address cannot be
    /// used. Else as [`TokensApi::with`].
    pub async fn connect(ctx: &mut Context) -> Result<Self> {
        // A bad address is reported before a bad file.
        let endpoint = endpoint(&ctx.env)?;
        let credential = credential::find(&ctx.env)?;
        if let Some(warning) = credential.warning() {
            ctx.warn(&warning);
        }
        note_unused_flags(&endpoint, ctx);
        Self::with(endpoint, credential, ctx).await
    }

    /// Prepares a credential: a session is exchanged.
    ///
    /// # Errors
    /// Usage: a certificate file cannot be used. Else the failure of the exchange.
    pub async fn with(endpoint: Endpoint, credential: Credential<Tokens>, ctx: &Context) -> Result<Self> {
        let sessions_endpoint = Endpoint::from_env(&ctx.env, &ENDPOINT_VARIABLES, GLOBAL_ENDPOINT)?;
        let client = Client::new(ctx, &[&endpoint, &sessions_endpoint])?;
        let bearer = session::bearer(&credential, &client, &sessions_endpoint, ctx.now()).await?;
        Ok(Self { client, endpoint, sessions_endpoint, credential, bearer: RefCell::new(bearer) })
    }

    /// Sets the time for the following calls, in place of what is left of `--timeout`.
    pub fn set_remaining(&self, time: Duration) {
        self.client.set_remaining(time);
    }

    pub fn clocks(&self) -> Option<ClockReading> {
        self.client.clocks()
    }

    /// Checks that the server accepts the credential, by listing one token. A credential
    /// that may not list tokens is accepted too.
    pub(crate) async fn check(&self) -> Result<()> {
        let request = ListRequest { max_entries: 1, ..ListRequest::default() };
        match self.send("ListRevokableTokens", &request, Effect::Read).await? {
            Err(CallError::Api(error)) if error.code == Code::PermissionDenied => Ok(()),
            result => self.decode::<ListResponse>(result, Effect::Read).map(|_| ()),
        }
    }

    pub(crate) async fn create(&self, request: &CreateRequest) -> Result<Reply<CreateResponse>> {
        let body =
            self.send("CreateRevokableToken", request, Effect::Mint).await?.map_err(|error| self.explain(error))?;
        let (message, is_whole) = minted::read(&body, &self.endpoint, self.client.redactor())?;
        Ok(Reply { message, is_whole, body })
    }

    /// Lists one page.
    pub(crate) async fn list(&self, request: &ListRequest) -> Result<Reply<ListResponse>> {
        let result = self.send("ListRevokableTokens", request, Effect::Read).await?;
        self.decode(result, Effect::Read)
    }

    /// Revokes a token. If a repeated request does not find it, an earlier attempt has
    /// revoked it.
    pub(crate) async fn revoke(&self, request: &RevokeRequest) -> Result<()> {
        match self.send("RevokeRevokableToken", request, Effect::Change).await? {
            Err(CallError::Api(error)) if error.code == Code::NotFound && error.may_have_been_processed => Ok(()),
            result => self.decode::<IgnoredAny>(result, Effect::Change).map(|_| ()),
        }
    }

    /// Extends the lifetime of a token that would expire too soon.
    pub(crate) async fn refresh(&self, request: &RefreshRequest) -> Result<Reply<RefreshResponse>> {
        let result = self.send("RefreshRevokableToken", request, Effect::Change).await?;
        self.decode(result, Effect::Change)
    }

    /// Makes a call, with a new tenant token if a cached one was rejected.
    ///
    /// # Errors
    /// The message cannot be encoded, or the session could not be exchanged.
    async fn send(&self, method: &str, request: &impl Serialize, effect: Effect) -> Result<CallResult> {
        let message = encode(request, effect, &self.endpoint)?;
        let method = format!("{TOKEN_SERVICE}/{method}");
        let send_with = async |bearer: &Bearer| {
            let (endpoint, bearer) = (&self.endpoint, &bearer.token);
            call(&self.client, RpcCall { endpoint, method: &method, bearer, message: message.clone(), effect }).await
        };
        let bearer = self.bearer.borrow().clone();
        let result = send_with(&bearer).await;
        // The request was rejected for its credential and not carried out: a cached token
        // may be outdated.
        if let (Err(CallError::Api(error)), Some(session)) = (&result, &bearer.cached_from)
            && error.code == Code::Unauthenticated
            && !error.may_have_been_processed
        {
            let bearer = session::renew(&self.credential, session, &self.client, &self.sessions_endpoint).await?;
            self.bearer.replace(bearer.clone());
            return Ok(send_with(&bearer).await);
        }
        Ok(result)
    }

    fn decode<T: DeserializeOwned>(&self, result: CallResult, effect: Effect) -> Result<Reply<T>> {
        let body = result.map_err(|error| self.explain(error))?;
        let message = decode(&body, effect, &self.endpoint)?;
        Ok(Reply { message, is_whole: true, body })
    }

    fn explain(&self, error: CallError<RpcError>) -> Failure {
        explain(error, &self.credential.source)
    }
}

type CallResult = std::result::Result<Vec<u8>, CallError<RpcError>>;
