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
use crate::http::json::{decode, decode_list, encode};
use crate::http::rest::{ApiError, RestCall, call};
use crate::http::retry::{AttemptLimit, Effect, MAX_ATTEMPTS, backoff};
use crate::names::Program;
use crate::nscale::accounts::{AccountReply, Accounts};
use crate::nscale::credential;
use crate::nscale::explain::explain;
use crate::nscale::messages::{AccountWrite, ReadMetadata, Resource, Userinfo};
use crate::nscale::minted;
use crate::secret::Secret;

/// The variable that names the server.
const ENDPOINT_VARIABLE: &str = "NSCALE_IDENTITY_SERVICE_API_ENDPOINT";

/// The documented address of the identity API.
const ENDPOINT: &str = "https://identity.nks.europe-west4.nscale.com";

/// Who a token belongs to.
const USERINFO: &str = "/oauth2/v2/userinfo";

/// The organizations, and below them all else.
const ORGANIZATIONS: &str = "/api/v1/organizations";

/// # Errors
/// Usage: the variable's value is no address that may be used.
pub fn endpoint(env: &Environment) -> Result<Endpoint> {
    Endpoint::from_env(env, &[ENDPOINT_VARIABLE], ENDPOINT)
}

/// The identity API, with a token that can be sent.
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
    /// As [`IdentityApi::with`]. Not authenticated: there is no usable
    /// credential. Usage: the address cannot be used.
    pub fn connect(ctx: &mut Context) -> Result<Self> {
        // A bad address is reported before a bad token.
        let endpoint = endpoint(&ctx.env)?;
        let credential = credential::find(&ctx.env)?;
        endpoint.note_unused_flags(ctx);
        Self::with(endpoint, credential, ctx)
    }

    /// Makes a credential ready for its server.
    ///
    /// # Errors
    /// Usage: a certificate file cannot be used.
    pub fn with(endpoint: Endpoint, credential: Credential<Secret>, ctx: &Context) -> Result<Self> {
        let client = Client::new(ctx, &[&endpoint])?;
        Ok(Self { client, endpoint, credential, program: ctx.program })
    }

    /// Gives what follows a time of its own, whatever is left of `--timeout`.
    pub fn set_remaining(&self, time: Duration) {
        self.client.set_remaining(time);
    }

    /// Waits before another attempt; `false` where there is no time for one.
    pub async fn pause(&self, attempts: u32) -> bool {
        self.client.pause(attempts).await
    }

    /// Where a create is sent; this and the next two are for previews.
    pub fn accounts_url(&self, organization: &str) -> String {
        self.endpoint.join(&accounts_path(organization)).to_string()
    }

    pub fn account_url(&self, organization: &str, id: &str) -> String {
        self.endpoint.join(&account_path(organization, id)).to_string()
    }

    pub fn rotate_url(&self, organization: &str, id: &str) -> String {
        self.endpoint.join(&rotate_path(organization, id)).to_string()
    }

    /// Who the caller is.
    pub(crate) async fn userinfo(&self) -> Result<Userinfo> {
        let body = self.read(USERINFO, AttemptLimit::DEFAULT).await.map_err(|error| self.explain(error))?;
        Ok(decode(&body, Effect::Read, &self.endpoint)?)
    }

    /// Who the caller is, in one attempt: for messages that are better with it,
    /// and do without.
    pub async fn userinfo_once(&self) -> Option<Userinfo> {
        let body = self.read(USERINFO, AttemptLimit::ONCE).await.ok()?;
        decode(&body, Effect::Read, &self.endpoint).ok()
    }

    /// Tries a token that was just minted: what the server reads lags behind
    /// what it wrote, so that it may reject one at first. `false` where it does
    /// until the trial is over; whatever else it answers, and where it does not
    /// answer, the token is not rejected.
    pub async fn accepts(&self, token: &Secret) -> bool {
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
                // The API's own 401, not that of something on the way.
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
        self.named(&body)
    }

    /// The groups of an organization.
    pub(crate) async fn groups(&self, organization: &str) -> Result<Vec<ReadMetadata>> {
        let path = format!("{ORGANIZATIONS}/{organization}/groups");
        self.named(&self.read_in(organization, &path).await?)
    }

    /// The service accounts of an organization that the caller can see.
    pub(crate) async fn accounts(&self, organization: &str) -> Result<Accounts> {
        let body = self.read_in(organization, &accounts_path(organization)).await?;
        Ok(Accounts::new(self.utf8(body, Effect::Read)?, organization, &self.endpoint))
    }

    /// Creates a service account, and its token with it.
    pub(crate) async fn create(&self, organization: &str, account: &AccountWrite) -> Result<AccountReply> {
        match self.send(Method::POST, &accounts_path(organization), Some(account), Effect::Mint).await {
            Ok(body) => Ok(minted::read(body, &self.endpoint, self.client.redactor())?),
            Err(error) if is_broken_connection(&error) => {
                // The outcome stays unknown while the organization is looked up.
                self.client.mark_outcome_unknown();
                let failure = self.explain(error);
                Err(match self.missing(organization).await {
                    Some(missing) => failure.hint(format!(
                        "{}: where there is none, the server drops the connection and makes nothing",
                        missing.message()
                    )),
                    None => failure,
                })
            }
            Err(error) => Err(self.explain(error)),
        }
    }

    /// Replaces what a caller may set of a service account.
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
        // Other resources of this API answer an update so.
        if body.is_empty() {
            return self.accounts(organization).await?.find(id, ctx);
        }
        let account = decode(&body, Effect::Change, &self.endpoint)?;
        Ok(AccountReply { account, json: self.utf8(body, Effect::Change)? })
    }

    /// Replaces the token of a service account. A conflict changes nothing, so
    /// that it is tried again.
    pub(crate) async fn rotate(&self, organization: &str, id: &str) -> Result<AccountReply> {
        let path = rotate_path(organization, id);
        let rotate = || async {
            let result = self.send(Method::POST, &path, None, Effect::Mint).await;
            result.map_err(|error| self.explain(error))
        };
        let body = self.retry_on_conflict(rotate).await?;
        Ok(minted::read(body, &self.endpoint, self.client.redactor())?)
    }

    /// Deletes a service account. After a conflict it is still there, so that it
    /// is tried again; where it is gone by then, the first attempt did it.
    pub(crate) async fn delete(&self, organization: &str, id: &str) -> Result<()> {
        let path = account_path(organization, id);
        let was_there = Cell::new(false);
        let delete = || async {
            match self.send(Method::DELETE, &path, None, Effect::Change).await {
                Ok(_) => Ok(()),
                Err(CallError::Api(error))
                    if error.status == 404 && (error.may_have_been_processed || was_there.get()) =>
                {
                    Ok(())
                }
                Err(error) => {
                    was_there.set(true);
                    Err(self.explain(error))
                }
            }
        };
        self.retry_on_conflict(delete).await
    }

    async fn retry_on_conflict<T>(&self, make: impl AsyncFn() -> Result<T>) -> Result<T> {
        let mut attempts = 1;
        loop {
            match make().await {
                Err(failure)
                    if failure.kind() == Kind::Conflict && attempts < MAX_ATTEMPTS && self.pause(attempts).await =>
                {
                    attempts += 1;
                }
                result => return result,
            }
        }
    }

    /// Reads something of an organization. Where the connection breaks, the
    /// organization is looked up before the next attempt: the server lets the
    /// connection break for one that does not exist.
    async fn read_in(&self, organization: &str, path: &str) -> Result<Vec<u8>> {
        let error = match self.read(path, AttemptLimit::UNTIL_BREAK).await {
            Err(error) if is_broken_connection(&error) => error,
            result => {
                return result
                    .map_err(|error| self.explain(error).hint_on(Kind::NotFound, || no_organization(organization)));
            }
        };
        match self.missing(organization).await {
            Some(missing) => Err(missing),
            None if self.pause(1).await => {
                self.read(path, AttemptLimit::AFTER_BREAK).await.map_err(|error| self.explain(error))
            }
            None => Err(self.explain(error)),
        }
    }

    /// The failure where the organization is not among those that the caller can
    /// see; none where it is, or they cannot be listed.
    async fn missing(&self, organization: &str) -> Option<Failure> {
        let visible = self.named(&self.read(ORGANIZATIONS, AttemptLimit::ONCE).await.ok()?).ok()?;
        if visible.iter().any(|one| one.id.eq_ignore_ascii_case(organization)) {
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

    fn named(&self, body: &[u8]) -> Result<Vec<ReadMetadata>> {
        let all: Vec<Resource> = decode_list(body, Effect::Read, &self.endpoint)?;
        Ok(all.into_iter().map(|one| one.metadata).collect())
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

    fn explain(&self, error: CallError<ApiError>) -> Failure {
        explain(error, &self.credential, self.program)
    }

    fn utf8(&self, body: Vec<u8>, effect: Effect) -> Result<String> {
        Ok(String::from_utf8(body).map_err(|_| Error::bad_response(BadResponse::NotUtf8, effect, &self.endpoint))?)
    }
}

type CallResult = std::result::Result<Vec<u8>, CallError<ApiError>>;

/// Whether the connection broke, here or behind a proxy, which says so with a
/// 502.
fn is_broken_connection(error: &CallError<ApiError>) -> bool {
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
