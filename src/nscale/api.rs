//! The calls of the identity API, and what their errors mean to a user.

use std::cell::Cell;

use reqwest::Method;
use serde_json::value::RawValue;

use crate::context::{Context, Environment};
use crate::error::{Failure, Kind, Result};
use crate::http::client::Client;
use crate::http::endpoint::Endpoint;
use crate::http::json::{decode, decode_each, decode_list, salvage, unreadable};
use crate::http::rest::{Call, CallError, call};
use crate::http::retry::{Effect, MOST_TRIES};
use crate::names::Program;
use crate::nscale::credential::{self, Found};
use crate::nscale::failure::{explain, on_the_way};
use crate::nscale::message::{Account, AccountStatus, AccountWrite, Named, ReadMetadata, Userinfo};
use crate::secret::Secret;

/// The variable that names the server.
const ENDPOINT_VARIABLE: &str = "NSCALE_IDENTITY_SERVICE_API_ENDPOINT";

/// The documented address of the identity API.
const ENDPOINT: &str = "https://identity.nks.europe-west4.nscale.com";

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

/// An account as it was answered: what is understood of it, and all of it.
pub struct Reply {
    /// What is understood.
    pub account: Account,
    /// All of it, as JSON text.
    pub json: String,
}

/// The accounts of an organization, as they were answered.
pub struct Accounts {
    /// All of them, as JSON text.
    pub json: String,
    organization: String,
    endpoint: Endpoint,
}

impl Accounts {
    /// Hands on what is understood of each.
    ///
    /// # Errors
    /// Unexpected: the answer does not fit, be it behind some that do.
    pub fn each(&self, visit: impl FnMut(Account)) -> Result<()> {
        decode_each(&self.json, Effect::Read, &self.endpoint, visit)
    }

    /// The account with an id, in whatever case that is written.
    ///
    /// # Errors
    /// Not found; unexpected: the answer does not fit.
    pub fn find(&self, id: &str, ctx: &Context) -> Result<Reply> {
        let all: Vec<&RawValue> = decode_list(self.json.as_bytes(), Effect::Read, &self.endpoint)?;
        for json in all.iter().map(|account| account.get()) {
            let Named { metadata } = decode(json.as_bytes(), Effect::Read, &self.endpoint)?;
            if metadata.id.eq_ignore_ascii_case(id) {
                let account = decode(json.as_bytes(), Effect::Read, &self.endpoint)?;
                return Ok(Reply { account, json: json.to_owned() });
            }
        }
        let list = format!("`{} serviceaccounts list --org {}` shows the ids", ctx.program, self.organization);
        let failure = Failure::new(Kind::NotFound, format!("there is no service account {id} in the organization"));
        Err(match self.named(id)?.as_slice() {
            [] if all.len() <= 1 => {
                failure.hint(format!("{list}; an account without the right to read others sees itself alone"))
            }
            [] => failure.hint(list),
            named => named.iter().fold(failure, |failure, known| {
                failure.hint(format!("\"{id}\" is the name of the account with the id {known}"))
            }),
        })
    }

    /// The ids of the accounts with a name.
    fn named(&self, name: &str) -> Result<Vec<String>> {
        let mut ids = Vec::new();
        self.each(|account| ids.extend((account.metadata.name == name).then_some(account.metadata.id)))?;
        Ok(ids)
    }
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
        let body = self.read("/oauth2/v2/userinfo").await?;
        decode(&body, Effect::Read, &self.endpoint)
    }

    /// The organizations that the caller can see.
    ///
    /// # Errors
    /// As the server or the way there says.
    pub async fn organizations(&self) -> Result<Vec<ReadMetadata>> {
        self.named("/api/v1/organizations").await
    }

    /// The groups of an organization.
    ///
    /// # Errors
    /// As the server or the way there says.
    pub async fn groups(&self, organization: &str) -> Result<Vec<ReadMetadata>> {
        self.named(&format!("/api/v1/organizations/{organization}/groups")).await
    }

    /// The service accounts of an organization that the caller can see.
    ///
    /// # Errors
    /// As the server or the way there says.
    pub async fn accounts(&self, organization: &str) -> Result<Accounts> {
        let missing = || {
            format!("the server has no organization with the id {organization}, or none that this credential may see")
        };
        let body = self
            .read(&accounts_path(organization))
            .await
            .map_err(|failure| failure.hint_on(Kind::NotFound, missing))?;
        let json = String::from_utf8(body).map_err(|_| self.not_text(Effect::Read))?;
        Ok(Accounts { json, organization: organization.to_owned(), endpoint: self.endpoint.clone() })
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
            match self.call(Method::DELETE, &path, None, Effect::Change).await {
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

    async fn named(&self, path: &str) -> Result<Vec<ReadMetadata>> {
        let all: Vec<Named> = decode_list(&self.read(path).await?, Effect::Read, &self.endpoint)?;
        Ok(all.into_iter().map(|one| one.metadata).collect())
    }

    async fn read(&self, path: &str) -> Result<Vec<u8>> {
        self.send(Method::GET, path, None, Effect::Read).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        account: Option<&AccountWrite>,
        effect: Effect,
    ) -> Result<Vec<u8>> {
        self.call(method, path, account, effect).await.map_err(|error| self.failure(error, effect))
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        account: Option<&AccountWrite>,
        effect: Effect,
    ) -> std::result::Result<Vec<u8>, CallError> {
        let body = account
            .map(serde_json::to_vec)
            .transpose()
            .map_err(|error| Failure::unexpected("the request cannot be written").source(error))?;
        call(
            &self.client,
            Call { endpoint: &self.endpoint, method, path, bearer: &self.credential.token, body, effect },
        )
        .await
    }

    fn failure(&self, error: CallError, effect: Effect) -> Failure {
        match error {
            CallError::Refused(refusal) => explain(&refusal, effect, &self.credential, self.program),
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
        if account.status.access_token.as_ref().is_none_or(|token| token.expose().is_empty()) {
            // It may stand in another place, where all else fits.
            let token = salvage(&body, &TOKEN).ok_or_else(|| {
                unreadable(Effect::Mint, &self.endpoint.authority(), "it holds no status.accessToken")
            })?;
            account.status.access_token = Some(Secret::new(token));
        }
        let json = String::from_utf8(body).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into());
        Ok(Reply { account, json })
    }

    fn not_text(&self, effect: Effect) -> Failure {
        unreadable(effect, &self.endpoint.authority(), "it is not UTF-8 text")
    }
}

/// The path of an organization's accounts.
pub fn accounts_path(organization: &str) -> String {
    format!("/api/v1/organizations/{organization}/serviceaccounts")
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
