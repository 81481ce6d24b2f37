//! Ids on the command line, and the organization where none is given.

use std::fmt;

use uuid::Uuid;

use crate::context::Context;
use crate::error::{Failure, Kind, Result};
use crate::input::prompt::{can_ask, choose};
use crate::nscale::accounts::Accounts;
use crate::nscale::api::IdentityApi;
use crate::nscale::messages::{ReadMetadata, Userinfo};
use crate::secret::looks_secret;
use crate::text::sanitize::shortened;

/// The variable that holds the organization's id.
pub const ORGANIZATION_VARIABLE: &str = "NSCALE_ORGANIZATION_ID";

/// Selects the account that the credential belongs to.
pub const SELF: &str = "self";

/// The organization that a command is about.
pub struct Organization {
    /// In canonical form.
    pub id: String,
    /// The flag or the variable that it comes from; none where it comes from the
    /// server.
    source: Option<&'static str>,
}

impl fmt::Display for Organization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)
    }
}

impl Organization {
    pub fn from_server(id: String) -> Self {
        Self { id, source: None }
    }

    /// The service accounts that the caller can see in it.
    ///
    /// # Errors
    /// Not found: there is no such organization, or the caller is the account
    /// of another.
    pub async fn accounts(&self, api: &IdentityApi, ctx: &mut Context) -> Result<Accounts> {
        let accounts = api.accounts(&self.id).await.map_err(|failure| match self.source {
            Some(source) => failure.hint_on(Kind::NotFound, || format!("the id comes from {source}")),
            None => failure,
        })?;
        // An account always sees itself in its own organization.
        if accounts.is_empty()
            && let Some(caller) = api.userinfo_once().await
        {
            self.check(&caller)?;
            if caller.is_service_account() {
                ctx.warn(
                    "the server does not even list the account that the credential belongs to: try again in a second",
                );
            }
        }
        Ok(accounts)
    }

    /// Checks that the caller, where it is a service account, belongs to it.
    ///
    /// # Errors
    /// Not found, with the right id and where the wrong one comes from.
    pub fn check(&self, caller: &Userinfo) -> Result<()> {
        match self.mismatch(caller) {
            Some((what, hint)) => Err(Failure::new(Kind::NotFound, what).hint(hint)),
            None => Ok(()),
        }
    }

    /// Adds the same as hints to a failure that it may have caused.
    pub async fn hint_on_mismatch(&self, failure: Failure, api: &IdentityApi) -> Failure {
        if !matches!(failure.kind(), Kind::NotFound | Kind::NotPermitted) {
            return failure;
        }
        match api.userinfo_once().await.and_then(|caller| self.mismatch(&caller)) {
            Some((what, hint)) => failure.hint(what).hint(hint),
            None => failure,
        }
    }

    /// The caller's own organizations, where they are known and this is not among
    /// them.
    pub fn other_organizations(&self, caller: &Userinfo) -> Option<String> {
        let own: Vec<String> =
            caller.authz.org_ids.iter().filter_map(|id| Some(Uuid::parse_str(id).ok()?.to_string())).collect();
        (!own.is_empty() && !own.contains(&self.id)).then(|| own.join(", "))
    }

    /// Why the caller contradicts it, and what to do. A user may have rights in
    /// other organizations too.
    fn mismatch(&self, caller: &Userinfo) -> Option<(String, String)> {
        let own = self.other_organizations(caller).filter(|_| caller.is_service_account())?;
        let id = &self.id;
        let what =
            format!("the credential is that of service account {} in organization {own}, not in {id}", caller.sub);
        let hint = match self.source {
            Some(ORGANIZATION_VARIABLE) => {
                format!("{ORGANIZATION_VARIABLE} holds the other id: set it to {own}, or unset it")
            }
            Some(flag) => format!("{flag} gives the other id: give {own}, or leave {flag} out"),
            None => format!("the other id came from the server: pass --org {own}"),
        };
        Some((what, hint))
    }
}

/// An id in its canonical form.
///
/// # Errors
/// Usage: it is no id; `hint` says where to find one. A secret in its place is
/// not shown.
pub fn canonical_id(flag: &str, given: &str, hint: &str) -> Result<String> {
    let id = given.trim();
    if looks_secret(id) {
        return Err(Failure::usage(format!("{flag} was given a secret; it takes an id"))
            .hint(hint)
            .hint("a secret on a command line can be read by others: rotate it if anyone else uses this machine"));
    }
    match Uuid::parse_str(id) {
        Ok(id) => Ok(id.to_string()),
        Err(_) if id.is_empty() => Err(Failure::usage(format!("{flag} is empty")).hint(hint)),
        Err(_) => Err(Failure::usage(format!(
            "{flag} is \"{}\"; an id looks like a1b2c3d4-1111-4222-8333-444455556666",
            shortened(id)
        ))
        .hint(hint)),
    }
}

/// The organization of `--org` or the variable, checked before anything is sent.
///
/// # Errors
/// Usage: it is no id.
pub fn given(flag: Option<&str>, ctx: &Context) -> Result<Option<Organization>> {
    let hint =
        format!("`{} serviceaccounts list` without an organization uses the only one, or lists them", ctx.program);
    if let Some(id) = flag {
        let id = canonical_id("--org", id, &hint)?;
        return Ok(Some(Organization { id, source: Some("--org") }));
    }
    let Some(value) = ctx.env.var_os(ORGANIZATION_VARIABLE) else { return Ok(None) };
    let value =
        value.into_string().map_err(|_| Failure::usage(format!("{ORGANIZATION_VARIABLE} is not valid UTF-8")))?;
    let id = canonical_id(ORGANIZATION_VARIABLE, &value, "correct it, or give --org")?;
    Ok(Some(Organization { id, source: Some(ORGANIZATION_VARIABLE) }))
}

/// The organization: the one that was given, else the only one that the caller
/// can see, else the one that a person chooses.
///
/// # Errors
/// Usage: there are several and nobody to ask. Not found: there is none.
pub async fn resolve(given: Option<Organization>, api: &IdentityApi, ctx: &mut Context) -> Result<Organization> {
    if let Some(organization) = given {
        return Ok(organization);
    }
    let visible = api.organizations().await?;
    // The server's id goes into paths, so it is checked like a given one.
    let id = |index: usize| {
        let id = visible.get(index).map(|organization| organization.id.as_str()).unwrap_or_default();
        Uuid::parse_str(id)
            .map(|id| Organization::from_server(id.to_string()))
            .map_err(|error| Failure::unexpected("the server lists an organization without a usable id").source(error))
    };
    let named: Vec<String> = visible.iter().map(ReadMetadata::show).collect();
    match visible.len() {
        0 => Err(Failure::new(Kind::NotFound, "the credential belongs to no organization")
            .hint("give the organization's id with --org, if you know it")),
        1 => id(0),
        _ if can_ask(ctx) => id(choose(ctx, "Organization", &named).await?),
        count => Err(Failure::usage(format!("there are {count} organizations to choose from: {}", named.join(", ")))
            .hint(format!("choose one with --org ID, or with {ORGANIZATION_VARIABLE}"))),
    }
}
