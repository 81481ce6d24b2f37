//! The calls of the identity API.

use std::cell::Cell;
use std::time::Duration;

use reqwest::Method;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::context::{Context, Environment};
use crate::credential::Credential;
use crate::error::{Failure, Kind, Result};
use crate::http::client::Client;
use crate::http::endpoint::Endpoint;
use crate::http::error::{BadResponse, CallError, Error};
use crate::http::explain::note_unused_flags;
use crate::http::json::{decode, decode_list, encode};
use crate::http::rest::{RestCall, RestError, call};
use crate::http::retry::{AttemptLimit, Effect, MAX_ATTEMPTS, backoff};
use crate::names::Program;
use crate::nscale::accounts::{AccountReply, Accounts};
use crate::nscale::credential;
use crate::nscale::explain::explain;
use crate::nscale::messages::{AccountWrite, ReadMetadata, Resource, Userinfo};
use crate::nscale::minted;
use crate::secret::Secret;

const ENDPOINT_VARIABLE: &str = "NSCALE_IDENTITY_SERVICE_API_ENDPOINT";

/// The documented address of the identity API.
const ENDPOINT: &str = "https://identity.nks.europe-west4.nscale.com";

/// The path that tells whom a token belongs to.
const USERINFO: &str = "/oauth2/v2/userinfo";

/// The path of all organizations, and the parent of all other paths.
const ORGANIZATIONS: &str = "/api/v1/organizations";

/// # Errors
/// Usage: the value of the variable cannot be used as an address.
pub fn endpoint(env: &Environment) -> Result<Endpoint> {
    Endpoint::from_env(env, &[ENDPOINT_VARIABLE], ENDPOINT)
}

/// A client of the identity API with a credential.
pub struct IdentityApi {
    client: Client,
    endpoint: Endpoint,
    credential: Credential<Secret>,
    program: Program,
}

impl IdentityApi {
    /// Finds the credential.
    ///
    /// # Errors
    /// Not authenticated: there is no usable credential. Usage: the address cannot be
    /// used. Else as [`IdentityApi::with`].
    pub fn connect(ctx: &mut Context) -> Result<Self> {
        // A bad address is reported before a bad token.
        let endpoint = endpoint(&ctx.env)?;
        let credential = credential::find(&ctx.env)?;
        note_unused_flags(&endpoint, ctx);
        Self::with(endpoint, credential, ctx)
    }

    /// # Errors
    /// Usage: a certificate file cannot be used.
    pub fn with(endpoint: Endpoint, credential: Credential<Secret>, ctx: &Context) -> Result<Self> {
        let client = Client::new(ctx, &[&endpoint])?;
        Ok(Self { client, endpoint, credential, program: ctx.program })
    }

    /// Sets the time for the following calls, in place of what is left of `--timeout`.
    pub fn set_remaining(&self, time: Duration) {
        self.client.set_remaining(time);
    }

    /// Waits before another attempt. `false` if there is no time for one.
    pub async fn pause(&self, attempts: u32) -> bool {
        self.client.pause(attempts).await
    }

    /// The URL of a create, for previews.
    pub fn accounts_url(&self, organization: &str) -> String {
        self.endpoint.join(&accounts_path(organization)).to_string()
    }

    pub fn account_url(&self, organization: &str, id: &str) -> String {
        self.endpoint.join(&account_path(organization, id)).to_string()
    }

    pub fn rotate_url(&self, organization: &str, id: &str) -> String {
        self.endpoint.join(&rotate_path(organization, id)).to_string()
    }

    pub(crate) async fn userinfo(&self) -> Result<Userinfo> {
        let body = self.read(USERINFO, AttemptLimit::DEFAULT).await.map_err(|error| self.explain(error))?;
        Ok(decode(&body, Effect::Read, &self.endpoint)?)
    }

    /// The caller, in one attempt, for messages that can do without it.
    pub async fn userinfo_once(&self) -> Option<Userinfo> {
        let body = self.read(USERINFO, AttemptLimit::ONCE).await.ok()?;
        decode(&body, Effect::Read, &self.endpoint).ok()
    }

    /// Tries a new token, which the server may reject at first, since its reads lag behind
    /// its writes. `false` if it still does after some seconds. Any other answer, or none,
    /// counts as accepted.
    pub async fn accepts_token(&self, token: &Secret) -> bool {
        const MAX_LAG: Duration = Duration::from_secs(5);
        let deadline = Instant::now() + MAX_LAG.min(self.client.remaining());
        let mut attempts = 1;
        loop {
            let trial = RestCall {
                endpoint: &self.endpoint,
                method: Method::GET,
                path: USERINFO,
                bearer: token,
                body: None,
                effect: Effect::Read,
                limit: AttemptLimit::ONCE,
            };
            match timeout_at(deadline, call(&self.client, trial)).await {
                // A 401 from the API itself.
                Ok(Err(CallError::Api(error))) if error.status == 401 => {}
                Ok(_) => return true,
                Err(_) => return attempts == 1,
            }
            let next = Instant::now() + backoff(attempts, None);
            if next >= deadline {
                return false;
            }
            sleep_until(next).await;
            attempts += 1;
        }
    }

    /// The organizations that the caller can see.
    pub(crate) async fn organizations(&self) -> Result<Vec<ReadMetadata>> {
        let body = self.read(ORGANIZATIONS, AttemptLimit::DEFAULT).await.map_err(|error| self.explain(error))?;
        self.decode_metadata(&body)
    }

    /// The groups of an organization.
    pub(crate) async fn groups(&self, organization: &str) -> Result<Vec<ReadMetadata>> {
        let path = format!("{ORGANIZATIONS}/{organization}/groups");
        self.decode_metadata(&self.read_in(organization, &path).await?)
    }

    /// The service accounts of an organization that the caller can see.
    pub(crate) async fn accounts(&self, organization: &str) -> Result<Accounts> {
        let body = self.read_in(organization, &accounts_path(organization)).await?;
        Ok(Accounts::new(self.utf8(body, Effect::Read)?, organization, &self.endpoint))
    }

    /// Creates a service account with its token.
    pub(crate) async fn create(&self, organization: &str, account: &AccountWrite) -> Result<AccountReply> {
        match self.send(Method::POST, &accounts_path(organization), Some(account), Effect::Mint).await {
            Ok(body) => Ok(minted::read(body, &self.endpoint, self.client.redactor())?),
            Err(error) if is_broken_connection(&error) => {
                // An interrupt of the lookup must report the outcome as unknown too.
                self.client.mark_outcome_unknown();
                let failure = self.explain(error);
                Err(match self.missing_organization(organization).await {
                    Some(missing) => failure.hint(format!(
                        "{}: if it does not exist, the server drops the connection and creates nothing",
                        missing.message()
                    )),
                    None => failure,
                })
            }
            Err(error) => Err(self.explain(error)),
        }
    }

    /// Replaces all fields of a service account that can be set.
    pub(crate) async fn update(
        &self,
        organization: &str,
        id: &str,
        account: &AccountWrite,
        ctx: &Context,
    ) -> Result<AccountReply> {
        let path = account_path(organization, id);
        let result = self.send(Method::PUT, &path, Some(account), Effect::Change).await;
        let body = result.map_err(|error| self.explain(error))?;
        // The server answers updates of other resources with an empty body.
        if body.is_empty() {
            return self.accounts(organization).await?.find(id, ctx);
        }
        let account = decode(&body, Effect::Change, &self.endpoint)?;
        Ok(AccountReply { account, json: self.utf8(body, Effect::Change)? })
    }

    /// Replaces the token of a service account. A conflict changes nothing, so the call is
    /// repeated.
    pub(crate) async fn rotate(&self, organization: &str, id: &str) -> Result<AccountReply> {
        let path = rotate_path(organization, id);
        let rotate = || async {
            let result = self.send(Method::POST, &path, None, Effect::Mint).await;
            result.map_err(|error| self.explain(error))
        };
        let body = self.retry_on_conflict(rotate).await?;
        Ok(minted::read(body, &self.endpoint, self.client.redactor())?)
    }

    /// Deletes a service account. After a conflict it still exists, so the call is repeated;
    /// if it is not found then, an earlier attempt has deleted it.
    pub(crate) async fn delete(&self, organization: &str, id: &str) -> Result<()> {
        let path = account_path(organization, id);
        let has_existed = Cell::new(false);
        let delete = || async {
            match self.send(Method::DELETE, &path, None, Effect::Change).await {
                Ok(_) => Ok(()),
                Err(CallError::Api(error))
                    if error.status == 404 && (error.may_have_been_processed || has_existed.get()) =>
                {
                    Ok(())
                }
                Err(error) => {
                    has_existed.set(true);
                    Err(self.explain(error))
                }
            }
        };
        self.retry_on_conflict(delete).await
    }

    async fn retry_on_conflict<T>(&self, call: impl AsyncFn() -> Result<T>) -> Result<T> {
        let mut attempts = 1;
        loop {
            match call().await {
                Err(failure)
                    if failure.kind() == Kind::Conflict && attempts < MAX_ATTEMPTS && self.pause(attempts).await =>
                {
                    attempts += 1;
                }
                result => return result,
            }
        }
    }

    /// Reads a path below an organization. If the connection breaks, the organization is
    /// looked up before the next attempt: the server drops the connection if it does not
    /// exist.
    async fn read_in(&self, organization: &str, path: &str) -> Result<Vec<u8>> {
        let error = match self.read(path, AttemptLimit::UNTIL_BREAK).await {
            Err(error) if is_broken_connection(&error) => error,
            result => {
                return result
                    .map_err(|error| self.explain(error).hint_on(Kind::NotFound, || no_organization(organization)));
            }
        };
        match self.missing_organization(organization).await {
            Some(missing) => Err(missing),
            None if self.pause(1).await => {
                self.read(path, AttemptLimit::AFTER_BREAK).await.map_err(|error| self.explain(error))
            }
            None => Err(self.explain(error)),
        }
    }

    /// The failure for an organization that the caller cannot see. `None` if the caller can
    /// see it, or the organizations cannot be listed.
    async fn missing_organization(&self, organization: &str) -> Option<Failure> {
        let visible = self.decode_metadata(&self.read(ORGANIZATIONS, AttemptLimit::ONCE).await.ok()?).ok()?;
        if visible.iter().any(|visible| visible.id.eq_ignore_ascii_case(organization)) {
            return None;
        }
        Some(Failure::new(Kind::NotFound, no_organization(organization)).hint(match visible.as_slice() {
            [] => "this credential can see no organization".to_owned(),
            some => format!(
                "this credential can see {}",
                some.iter().map(ReadMetadata::show).collect::<Vec<_>>().join(", ")
            ),
        }))
    }

    fn decode_metadata(&self, body: &[u8]) -> Result<Vec<ReadMetadata>> {
        let all: Vec<Resource> = decode_list(body, Effect::Read, &self.endpoint)?;
        Ok(all.into_iter().map(|resource| resource.metadata).collect())
    }

    async fn read(&self, path: &str, limit: AttemptLimit) -> CallResult {
        self.call(Method::GET, path, None, Effect::Read, limit).await
    }

    async fn send(&self, method: Method, path: &str, account: Option<&AccountWrite>, effect: Effect) -> CallResult {
        let body = account.map(|account| encode(account, effect, &self.endpoint)).transpose()?;
        self.call(method, path, body, effect, AttemptLimit::DEFAULT).await
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
        effect: Effect,
        limit: AttemptLimit,
    ) -> CallResult {
        let (endpoint, bearer) = (&self.endpoint, &self.credential.token);
        call(&self.client, RestCall { endpoint, method, path, bearer, body, effect, limit }).await
    }

    fn explain(&self, error: CallError<RestError>) -> Failure {
        explain(error, &self.credential, self.program)
    }

    fn utf8(&self, body: Vec<u8>, effect: Effect) -> Result<String> {
        Ok(String::from_utf8(body).map_err(|_| Error::bad_response(BadResponse::NotUtf8, effect, &self.endpoint))?)
    }
}

type CallResult = std::result::Result<Vec<u8>, CallError<RestError>>;

/// Whether the connection broke, here or behind a proxy, which then answers 502.
fn is_broken_connection(error: &CallError<RestError>) -> bool {
    match error {
        CallError::Api(error) => error.status == 502,
        CallError::Http(error) => error.is_broken_connection(),
    }
}

fn no_organization(id: &str) -> String {
    format!("there is no organization {id}, or this credential may not see it")
}

fn accounts_path(organization: &str) -> String {
    format!("{ORGANIZATIONS}/{organization}/serviceaccounts")
}

fn account_path(organization: &str, id: &str) -> String {
    format!("{}/{id}", accounts_path(organization))
}

fn rotate_path(organization: &str, id: &str) -> String {
    format!("{}/rotate", account_path(organization, id))
}
