//! The calls of the identity API, and what their errors mean to a user.

use std::cell::Cell;
use std::time::Duration;

use reqwest::Method;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::context::{Context, Environment};
use crate::error::{Failure, Kind, Result};
use crate::http::client::Client;
use crate::http::endpoint::Endpoint;
use crate::http::json::{decode, decode_list, salvage, unreadable};
use crate::http::rest::{Call, CallError, call};
use crate::http::retry::{AttemptLimit, Effect, MOST_TRIES, backoff};
use crate::names::Program;
use crate::nscale::accounts::{Accounts, Reply};
use crate::nscale::credential::{self, Found};
use crate::nscale::explain::{explain, on_the_way};
use crate::nscale::message::{Account, AccountStatus, AccountWrite, Named, ReadMetadata, Userinfo};
use crate::secret::Secret;

/// The variable that names the server.
const ENDPOINT_VARIABLE: &str = "NSCALE_IDENTITY_SERVICE_API_ENDPOINT";

/// The documented address of the identity API.
const ENDPOINT: &str = "https://identity.nks.europe-west4.nscale.com";

/// Tells whose a token is.
const USERINFO: &str = "/oauth2/v2/userinfo";

/// The organizations, and below them all else.
const ORGANIZATIONS: &str = "/api/v1/organizations";

/// The address of the identity API.
///
/// # Errors
/// Usage: the variable holds no address.
pub fn endpoint(env: &Environment) -> Result<Endpoint> {
    Endpoint::from_env(env, &[ENDPOINT_VARIABLE], ENDPOINT)
}

/// The identity API, with a token that can be sent.
pub struct IdentityApi {
    client: Client,
    endpoint: Endpoint,
    credential: Found,
    program: Program,
}

impl IdentityApi {
    /// Finds the credential and the server.
    ///
    /// # Errors
    /// Not authenticated: there is no usable credential. Usage: a bad
    /// endpoint or certificate file.
    pub fn connect(ctx: &Context) -> Result<Self> {
        // What is wrong with the address is told before what is with the token.
        Self::with(endpoint(&ctx.env)?, credential::find(&ctx.env)?, ctx)
    }

    /// Readies a credential that was found, for its server.
    ///
    /// # Errors
    /// Usage: a bad certificate file.
    pub fn with(endpoint: Endpoint, credential: Found, ctx: &Context) -> Result<Self> {
        let client = Client::new(&ctx.settings, &ctx.env, &ctx.interrupt, &[&endpoint])?;
        Ok(Self { client, endpoint, credential, program: ctx.program })
    }

    /// The address of a path, for a preview.
    pub fn address(&self, path: &str) -> String {
        self.endpoint.join(path).to_string()
    }

    /// Who the caller is.
    ///
    /// # Errors
    /// As the server or the way there says.
    pub async fn userinfo(&self) -> Result<Userinfo> {
        let body = self.read(USERINFO, AttemptLimit::DEFAULT).await?;
        decode(&body, Effect::Read, &self.endpoint)
    }

    /// Who the caller is, where that is said at the first asking: for words
    /// that are better with it, and do without.
    pub async fn userinfo_if_told(&self) -> Option<Userinfo> {
        let body = self.read(USERINFO, AttemptLimit::ONCE).await.ok()?;
        decode(&body, Effect::Read, &self.endpoint).ok()
    }

    /// AttemptLimit a token that was just minted: what the server reads lags behind
    /// what it wrote, so that it may refuse one at first. `false` where it does
    /// to the end of the trial; whatever else it says, and where it says
    /// nothing, the token is not refused.
    pub async fn accepts(&self, token: &Secret) -> bool {
        /// How long a server may lag.
        const PATIENCE: Duration = Duration::from_secs(5);
        let deadline = Instant::now() + PATIENCE.min(self.client.remaining());
        let mut tries = 1;
        loop {
            let question = Call {
                endpoint: &self.endpoint,
                method: Method::GET,
                path: USERINFO,
                bearer: token,
                body: None,
                effect: Effect::Read,
                tries: AttemptLimit::ONCE,
            };
            match timeout_at(deadline, call(&self.client, question)).await {
                // The API's own, and not that of something on the way.
                Ok(Err(CallError::Refused(refusal))) if refusal.status == 401 => {}
                Ok(_) => return true,
                Err(_) => return tries == 1,
            }
            let next = Instant::now() + backoff(tries, None);
            if next >= deadline {
                return false;
            }
            sleep_until(next).await;
            tries += 1;
        }
    }

    /// The organizations that the caller can see.
    ///
    /// # Errors
    /// As the server or the way there says.
    pub async fn organizations(&self) -> Result<Vec<ReadMetadata>> {
        self.named(&self.read(ORGANIZATIONS, AttemptLimit::DEFAULT).await?)
    }

    /// Says that there is no such organization, where the list of those that
    /// the caller can see is had and does not hold it. For after a connection
    /// that broke: the server lets it break instead of saying so.
    pub async fn missing(&self, organization: &str) -> Option<Failure> {
        let visible = self.named(&self.read(ORGANIZATIONS, AttemptLimit::ONCE).await.ok()?).ok()?;
        if visible.iter().any(|one| one.id.eq_ignore_ascii_case(organization)) {
            return None;
        }
        let what = format!("there is no organization {organization}, or this credential may not see it");
        Some(Failure::new(Kind::NotFound, what).hint(match visible.as_slice() {
            [] => "it sees no organization at all".to_owned(),
            some => format!("it sees {}", some.iter().map(ReadMetadata::show).collect::<Vec<_>>().join(", ")),
        }))
    }

    /// The groups of an organization.
    ///
    /// # Errors
    /// As the server or the way there says.
    pub async fn groups(&self, organization: &str) -> Result<Vec<ReadMetadata>> {
        let path = format!("{ORGANIZATIONS}/{organization}/groups");
        self.named(&self.read_in(organization, &path).await?)
    }

    /// The service accounts of an organization that the caller can see.
    ///
    /// # Errors
    /// As the server or the way there says.
    pub async fn accounts(&self, organization: &str) -> Result<Accounts> {
        let body = self.read_in(organization, &accounts_path(organization)).await?;
        let json = String::from_utf8(body).map_err(|_| self.not_text(Effect::Read))?;
        Ok(Accounts::new(json, organization, &self.endpoint))
    }

    /// Makes a service account, and its token with it.
    ///
    /// # Errors
    /// As the server or the way there says.
    pub async fn create(&self, organization: &str, account: &AccountWrite) -> Result<Reply> {
        let body = self.send(Method::POST, &accounts_path(organization), Some(account), Effect::Mint).await?;
        self.minted(body)
    }

    /// Replaces what can be said of a service account.
    ///
    /// # Errors
    /// As the server or the way there says.
    pub async fn update(&self, organization: &str, id: &str, account: &AccountWrite, ctx: &Context) -> Result<Reply> {
        let body = self.send(Method::PUT, &account_path(organization, id), Some(account), Effect::Change).await?;
        // As other resources of this API are updated.
        if body.is_empty() {
            return self.accounts(organization).await?.find(id, ctx);
        }
        let account = decode(&body, Effect::Change, &self.endpoint)?;
        let json = String::from_utf8(body).map_err(|_| self.not_text(Effect::Change))?;
        Ok(Reply { account, json })
    }

    /// Gives a service account another token in place of its current one. A
    /// conflict changes nothing, so it is tried again.
    ///
    /// # Errors
    /// As the server or the way there says.
    pub async fn rotate(&self, organization: &str, id: &str) -> Result<Reply> {
        let path = rotate_path(organization, id);
        let body = self.despite_conflicts(|| self.send(Method::POST, &path, None, Effect::Mint)).await?;
        self.minted(body)
    }

    /// Deletes a service account. After a conflict it is there still, so it
    /// is tried again; where it is gone by then, the first try did it.
    ///
    /// # Errors
    /// As the server or the way there says.
    pub async fn delete(&self, organization: &str, id: &str) -> Result<()> {
        let path = account_path(organization, id);
        let was_there = Cell::new(false);
        let gone = || async {
            match self.call(Method::DELETE, &path, None, Effect::Change, AttemptLimit::DEFAULT).await {
                Ok(_) => Ok(()),
                Err(CallError::Refused(refusal)) if refusal.status == 404 && (refusal.repeated || was_there.get()) => {
                    Ok(())
                }
                Err(error) => {
                    was_there.set(true);
                    Err(self.failure(error, Effect::Change))
                }
            }
        };
        self.despite_conflicts(gone).await
    }

    /// Gives what follows a time of its own, whatever is left of `--timeout`.
    pub fn allow(&self, time: Duration) {
        self.client.allow(time);
    }

    /// Waits before another try; `false` where there is no time for one.
    pub async fn pause(&self, tries: u32) -> bool {
        self.client.pause(tries).await
    }

    /// Makes a call again while it ends in a conflict, a few times.
    async fn despite_conflicts<T>(&self, make: impl AsyncFn() -> Result<T>) -> Result<T> {
        let mut tries = 1;
        loop {
            match make().await {
                Err(failure) if failure.kind() == Kind::Conflict && tries < MOST_TRIES && self.pause(tries).await => {
                    tries += 1;
                }
                result => return result,
            }
        }
    }

    fn named(&self, body: &[u8]) -> Result<Vec<ReadMetadata>> {
        let all: Vec<Named> = decode_list(body, Effect::Read, &self.endpoint)?;
        Ok(all.into_iter().map(|one| one.metadata).collect())
    }

    /// Reads something of an organization. Where the connection breaks, it is
    /// asked whether there is one before it is tried again.
    async fn read_in(&self, organization: &str, path: &str) -> Result<Vec<u8>> {
        let broken = match self.read(path, AttemptLimit::UNTIL_BROKEN).await {
            Err(failure) if failure.is_broken() => failure,
            result => {
                let missing = || format!("there is no organization {organization}, or this credential may not see it");
                return result.map_err(|failure| failure.hint_on(Kind::NotFound, missing));
            }
        };
        match self.missing(organization).await {
            Some(missing) => Err(missing),
            None if self.pause(1).await => self.read(path, AttemptLimit::AFTER_BREAK).await,
            None => Err(broken),
        }
    }

    async fn read(&self, path: &str, tries: AttemptLimit) -> Result<Vec<u8>> {
        let result = self.call(Method::GET, path, None, Effect::Read, tries).await;
        result.map_err(|error| self.failure(error, Effect::Read))
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        account: Option<&AccountWrite>,
        effect: Effect,
    ) -> Result<Vec<u8>> {
        let result = self.call(method, path, account, effect, AttemptLimit::DEFAULT).await;
        result.map_err(|error| self.failure(error, effect))
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        account: Option<&AccountWrite>,
        effect: Effect,
        tries: AttemptLimit,
    ) -> std::result::Result<Vec<u8>, CallError> {
        let body = account
            .map(serde_json::to_vec)
            .transpose()
            .map_err(|error| Failure::unexpected("the request cannot be written").source(error))?;
        call(
            &self.client,
            Call { endpoint: &self.endpoint, method, path, bearer: &self.credential.token, body, effect, tries },
        )
        .await
    }

    fn failure(&self, error: CallError, effect: Effect) -> Failure {
        match error {
            CallError::Refused(refusal) => {
                let failure = explain(&refusal, effect, &self.credential, self.program);
                // So a proxy says of a connection that broke behind it.
                if refusal.status == 502 { failure.broken() } else { failure }
            }
            CallError::Failed(failure) => on_the_way(failure),
        }
    }

    /// Reads an answer with a token in it, which must not be lost for
    /// something else in the answer that does not fit.
    fn minted(&self, body: Vec<u8>) -> Result<Reply> {
        let mut account = match decode::<Account>(&body, Effect::Mint, &self.endpoint) {
            Ok(account) => account,
            Err(failure) => salvaged(&body).ok_or(failure)?,
        };
        let token = match account.status.access_token.take().filter(|token| !token.expose().is_empty()) {
            Some(token) => token,
            // It may stand in another place, where all else fits.
            None => Secret::new(salvage(&body, &TOKEN).ok_or_else(|| {
                unreadable(Effect::Mint, &self.endpoint.authority(), "it holds no status.accessToken")
            })?),
        };
        self.client.redactor().keep_out(&token);
        account.status.access_token = Some(token);
        let json = String::from_utf8(body).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into());
        Ok(Reply { account, json })
    }

    fn not_text(&self, effect: Effect) -> Failure {
        unreadable(effect, &self.endpoint.authority(), "it is not UTF-8 text")
    }
}

/// The path of an organization's accounts.
pub fn accounts_path(organization: &str) -> String {
    format!("{ORGANIZATIONS}/{organization}/serviceaccounts")
}

/// The path of an account.
pub fn account_path(organization: &str, id: &str) -> String {
    format!("{}/{id}", accounts_path(organization))
}

/// The path that rotates an account's token.
pub fn rotate_path(organization: &str, id: &str) -> String {
    format!("{}/rotate", account_path(organization, id))
}

/// What the token of an answer is called, here and by other versions.
const TOKEN: [&str; 2] = ["accessToken", "access_token"];

/// What can be had of an answer that does not fit: the token exists now.
fn salvaged(body: &[u8]) -> Option<Account> {
    let token = salvage(body, &TOKEN)?;
    let id = salvage(body, &["id"]).unwrap_or_default();
    Some(Account {
        metadata: ReadMetadata { id, ..ReadMetadata::default() },
        status: AccountStatus { access_token: Some(Secret::new(token)), expiry: None },
        ..Account::default()
    })
}
